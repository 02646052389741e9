//! Balancing by load (`bond_alb.c`): of all that a bond sends to one peer, one slave sends it, the one with the least
//! load when the peer was first spoken to; ten seconds later all is distributed anew. That is tlb. In alb, peers are
//! also told different addresses by ARP, so that they send to different slaves (`clients`).
//!
//! One slave is in use as in active-backup: it has the bond's address, and sends what is not balanced. The others keep
//! addresses of their own (`addresses`), and put them into what they send. Learning packets, to a slave from itself,
//! teach switches where they are.
//!
//! **Left out**: learning packets of macvlans on the bond.

use super::hash::hash;
use super::slave::{self, of_slave};
use super::{MILLISECOND, of, of_mut, timer};
use crate::device::{AddressOrigin, DeviceId, Mac};
use crate::frame::{FrameId, Tag};
use crate::link::vlan;
use crate::run::{Batch, Drop, Step};
use crate::world::World;
use rtnl::kind::bond::BOND_MODE_ALB;
use rtnl::kind::bond_slave::BOND_LINK_UP;
use std::net::{Ipv4Addr, Ipv6Addr};
use wire::{Ethernet, Icmpv6View, Ipv4View, Ipv6View, ethertype, protocol};

mod addresses;
mod clients;

pub(super) use addresses::{init_slave, set_address, use_slave};
pub(super) use clients::hear;

/// Milliseconds of a tick, and ticks of a second.
const TICK: u64 = 100;
const SECOND: u32 = 10;
/// Seconds after which all is distributed anew.
const REBALANCE: u32 = 10;
/// Peers that are told apart, by a byte.
const PEERS: usize = 256;
/// Bytes of a learning packet, and its ethertype (`ETH_P_LOOPBACK`).
const LEARNING: usize = 60;
const LOOPBACK: u16 = 0x9000;
/// The priority of frames that keep the network together (`TC_PRIO_CONTROL`).
const PRIORITY_CONTROL: u32 = 7;

/// What is sent to the peers of one byte.
#[derive(Clone, Copy, Default)]
struct Peer {
    slave: Option<DeviceId>,
    bytes: u32,
    /// Bytes a second, before all was last distributed anew.
    history: u32,
}

/// What a bond that is up keeps of the load.
pub(super) struct Alb {
    peers: [Peer; PEERS],
    /// Bytes that were not balanced.
    unbalanced: u32,
    /// Ticks since all was distributed anew, and since learning packets were sent.
    since_rebalance: u32,
    since_learning: u32,
    clients: clients::Clients,
}

/// The bond goes up.
pub(super) fn open(world: &mut World, bond: DeviceId) {
    let receives = of(world, bond).params.mode == BOND_MODE_ALB;
    let alb = Alb {
        peers: [Peer::default(); PEERS],
        unbalanced: 0,
        since_rebalance: 0,
        since_learning: 0,
        clients: clients::Clients::new(receives),
    };
    let state = of_mut(world, bond);
    state.alb = Some(Box::new(alb));
    if receives || state.params.tlb_dynamic_lb {
        world.set_timer(bond, timer::ALB, 0);
    }
}

fn alb_of(world: &mut World, bond: DeviceId) -> Option<&mut Alb> {
    of_mut(world, bond).alb.as_deref_mut()
}

/// All is distributed anew with the next tick.
fn hurry_rebalance(world: &mut World, bond: DeviceId) {
    if let Some(alb) = alb_of(world, bond) {
        alb.since_rebalance = REBALANCE * SECOND;
        alb.clients.hurry_rebalance();
    }
}

/// A slave's link came or went (`bond_alb_handle_link_change`).
pub(super) fn link_changed(world: &mut World, bond: DeviceId, id: DeviceId) {
    if slave::of(world, id).is_some_and(|slave| slave.link == BOND_LINK_UP) {
        hurry_rebalance(world, bond);
    } else {
        forget_peers(world, bond, id, false);
        clients::take_from(world, bond, id);
    }
    super::update_usable(world, bond);
}

/// A slave has left (`bond_alb_deinit_slave`).
pub(super) fn remove_slave(world: &mut World, bond: DeviceId, id: DeviceId) {
    addresses::give_back(world, bond, id);
    forget_peers(world, bond, id, false);
    clients::forget_last(world, bond);
    clients::take_from(world, bond, id);
    // What is to be learned is sent before the device goes down.
    world.run();
}

// Time.

/// One tick (`bond_alb_monitor`).
pub(super) fn tick(world: &mut World, bond: DeviceId) {
    world.set_timer(bond, timer::ALB, TICK * MILLISECOND);
    let slaves = of(world, bond).slaves.clone();
    let learning = of(world, bond).params.lp_interval.saturating_mul(SECOND);
    let Some(alb) = alb_of(world, bond) else { return };
    if slaves.is_empty() {
        alb.since_rebalance = 0;
        alb.since_learning = 0;
        return;
    }
    alb.since_rebalance += 1;
    alb.since_learning += 1;
    let rebalances = alb.since_rebalance >= REBALANCE * SECOND;
    let learns = alb.since_learning >= learning;
    alb.since_rebalance = if rebalances { 0 } else { alb.since_rebalance };
    alb.since_learning = if learns { 0 } else { alb.since_learning };
    if learns {
        for id in &slaves {
            let own = world[*id].address;
            teach(world, bond, *id, own);
        }
    }
    if rebalances {
        rebalance(world, bond, &slaves);
    }
    clients::tick(world, bond);
}

fn rebalance(world: &mut World, bond: DeviceId, slaves: &[DeviceId]) {
    for id in slaves {
        forget_peers(world, bond, *id, true);
    }
    let active = of(world, bond).active;
    let Some(alb) = alb_of(world, bond) else { return };
    let load = alb.unbalanced / REBALANCE;
    if let Some(slave) = active.filter(|active| slaves.contains(active)).and_then(|id| of_slave(world, id)) {
        slave.load = load;
        alb_of(world, bond).into_iter().for_each(|alb| alb.unbalanced = 0);
    }
}

/// A slave sends to nobody any more (`tlb_clear_slave`).
fn forget_peers(world: &mut World, bond: DeviceId, id: DeviceId, remembers: bool) {
    let Some(alb) = alb_of(world, bond) else { return };
    for peer in alb.peers.iter_mut().filter(|peer| peer.slave == Some(id)) {
        peer.slave = None;
        if remembers {
            peer.history = 1 + peer.bytes / REBALANCE;
            peer.bytes = 0;
        }
    }
    of_slave(world, id).into_iter().for_each(|slave| slave.load = 0);
}

/// Teaches switches that an address is behind a slave (`alb_send_learning_packets`).
fn teach(world: &mut World, bond: DeviceId, id: DeviceId, address: Mac) {
    send_learning(world, id, address, Tag::NONE);
    for upper in world[bond].stack.uppers.keys().copied().collect::<Vec<_>>() {
        let Some(tag) = vlan::tag(world, upper) else { continue };
        let stolen = world[upper].address_origin == AddressOrigin::Stolen;
        let taught = if stolen { address } else { world[upper].address };
        send_learning(world, id, taught, tag);
    }
}

fn send_learning(world: &mut World, id: DeviceId, address: Mac, tag: Tag) {
    let mut bytes = [0; LEARNING];
    Ethernet { destination: address, source: address, ethertype: LOOPBACK }.emit(&mut bytes);
    let Some(frame) = world.run.pool.frame(&bytes) else { return };
    let meta = world.run.pool.meta_mut(frame);
    (meta.tag, meta.priority) = (tag, PRIORITY_CONTROL);
    world.forward(id, Step::Transmit, frame);
}

// Frames.

/// What the frame says of how it is to be balanced.
enum Balance {
    /// The slave in use sends it.
    Not,
    /// Whoever sends to the peers of that byte.
    Peers(u8),
    /// It is for ARP.
    Arp,
}

/// Sends frames (`bond_tlb_xmit`, `bond_alb_xmit`).
pub(super) fn transmit(world: &mut World, bond: DeviceId, batch: &mut Batch) {
    for frame in batch.frames() {
        send(world, bond, *frame);
    }
    batch.clear();
}

fn send(world: &mut World, bond: DeviceId, frame: FrameId) {
    let state = of(world, bond);
    let (receives, dynamic, policy) =
        (state.params.mode == BOND_MODE_ALB, state.params.tlb_dynamic_lb, state.params.xmit_policy);
    let (bytes, tag) = (world.run.pool.bytes(frame), world.run.pool.meta(frame).tag);
    let length = bytes.len() as u32;
    let balance = if receives { by_address(bytes) } else { by_policy(bytes, policy, tag) };
    let chosen = match balance {
        Balance::Not => None,
        Balance::Arp => clients::answer(world, bond, frame),
        Balance::Peers(byte) if dynamic => choose(world, bond, byte, length),
        Balance::Peers(_) => {
            let hash = hash(policy, bytes, tag) as usize;
            let usable = state.usable.as_ref().filter(|usable| !usable.is_empty());
            usable.and_then(|usable| usable.get(hash % usable.len())).copied()
        }
    };
    let active = of(world, bond).active;
    if let Some(alb) = alb_of(world, bond).filter(|_| chosen.is_none() && dynamic) {
        alb.unbalanced = alb.unbalanced.wrapping_add(length);
    }
    let Some(id) = chosen.or(active) else { return drop(world, bond, frame) };
    if !slave::can_send(world, id) {
        if dynamic {
            forget_peers(world, bond, id, false);
        }
        return drop(world, bond, frame);
    }
    if Some(id) != active {
        let own = world[id].address;
        if let Some(source) = world.run.pool.bytes_mut(frame).and_then(|bytes| bytes.get_mut(6..12)) {
            source.copy_from_slice(&own);
        }
    }
    world.forward(id, Step::Transmit, frame);
}

fn drop(world: &mut World, bond: DeviceId, frame: FrameId) {
    world[bond].counters.tx_dropped += 1;
    world.discard(Some(bond), frame, Drop::NoPeer);
}

/// In tlb, IP packets to one peer are told apart by the policy (`bond_xmit_tlb_slave_get`).
fn by_policy(bytes: &[u8], policy: u8, tag: Tag) -> Balance {
    let ip = matches!(ethertype_of(bytes), ethertype::IPV4 | ethertype::IPV6);
    let group = bytes.first().is_some_and(|first| first & 1 != 0);
    if !ip || group || is_discovery(bytes) {
        return Balance::Not;
    }
    Balance::Peers(hash(policy, bytes, tag) as u8)
}

/// In alb by their destination (`bond_xmit_alb_slave_get`).
fn by_address(bytes: &[u8]) -> Balance {
    let body = bytes.get(wire::ethernet::LENGTH..).unwrap_or_default();
    let group = bytes.first().is_some_and(|first| first & 1 != 0);
    let fold = |octets: &[u8]| Balance::Peers(octets.iter().fold(0, |byte, octet| byte ^ octet));
    match ethertype_of(bytes) {
        ethertype::ARP => Balance::Arp,
        ethertype::IPV4 => match Ipv4View::new(body) {
            Ok(header) if !bytes.starts_with(&[0xff; 6]) => {
                let to = header.destination();
                let unbalanced = to == Ipv4Addr::BROADCAST || header.protocol() == protocol::IGMP;
                if unbalanced { Balance::Not } else { fold(&to.octets()) }
            }
            _ => Balance::Not,
        },
        ethertype::IPV6 if !group && !is_discovery(bytes) => match Ipv6View::new(body) {
            // Who looks whether its address is free must not hear itself.
            Ok(header) if header.source() != Ipv6Addr::UNSPECIFIED => fold(&header.destination().octets()),
            _ => Balance::Not,
        },
        _ => Balance::Not,
    }
}

fn ethertype_of(bytes: &[u8]) -> u16 {
    bytes.get(12..14).map_or(0, |kind| u16::from_be_bytes([kind[0], kind[1]]))
}

/// Whether a frame asks for a neighbour or answers (`alb_determine_nd`).
fn is_discovery(bytes: &[u8]) -> bool {
    const SOLICITATION: u8 = 135;
    const ADVERTISEMENT: u8 = 136;
    if ethertype_of(bytes) != ethertype::IPV6 {
        return false;
    }
    let header = bytes.get(wire::ethernet::LENGTH..).and_then(|body| Ipv6View::new(body).ok());
    let Some(header) = header.filter(|header| header.next_header() == protocol::ICMPV6) else { return false };
    let kind = Icmpv6View::new(header.payload()).map_or(0, |message| message.kind());
    matches!(kind, SOLICITATION | ADVERTISEMENT)
}

/// The slave that sends to the peers of a byte; the one with the least load if there is none yet
/// (`tlb_choose_channel`).
fn choose(world: &mut World, bond: DeviceId, byte: u8, length: u32) -> Option<DeviceId> {
    let known = of(world, bond).alb.as_ref()?.peers[usize::from(byte)].slave;
    let id = known.or_else(|| least_loaded(world, bond))?;
    let peer = &mut alb_of(world, bond)?.peers[usize::from(byte)];
    peer.bytes = peer.bytes.wrapping_add(length);
    if known.is_none() {
        peer.slave = Some(id);
        let history = peer.history;
        of_slave(world, id).into_iter().for_each(|slave| slave.load = slave.load.wrapping_add(history));
    }
    Some(id)
}

/// The slave with the most bits a second to spare.
fn least_loaded(world: &World, bond: DeviceId) -> Option<DeviceId> {
    let spare = |id: DeviceId| {
        let slave = slave::of(world, id);
        // Linux counts both in 32 bits and widens the results.
        slave.map_or(0, |slave| {
            i64::from(slave.speed.wrapping_shl(20)) - i64::from(slave.load.wrapping_shl(3))
        })
    };
    let sending = of(world, bond).slaves.iter().copied().filter(|id| slave::can_send(world, *id));
    sending.reduce(|most, id| if spare(id) > spare(most) { id } else { most })
}
