//! Frames of a bridge: in through a port, to where their address was learned, or to all ports
//! (`net/bridge/br_input.c`, `br_forward.c`, `br_device.c`, `br_vlan.c`).
//!
//! A frame that belongs to a VLAN carries its tag beside itself while it is inside; what leaves a port without a tag
//! loses it there. Meaning is per frame: what the first of a batch teaches, the second finds. But frames from one known
//! host to another take a shorter way (`hurry`), those behind one another that leave through the same port together;
//! and the places of all addresses of a batch are touched first where the table is large, so that its memory is near
//! when they are looked for.

use super::*;
use crate::device::BROADCAST;
use crate::fdb::key;
use crate::frame::{FrameId, PacketKind, Tag};
use crate::run::{BATCH, Batch, Drop, Step};
use port::flag;
use rtnl::kind::bridge_slave::{BR_STATE_FORWARDING, BR_STATE_LEARNING};

/// What all frames of a batch have in common: the facts of bridge and port.
#[derive(Clone, Copy)]
pub(super) struct Ingress {
    pub(super) bridge: DeviceId,
    /// The port; none if the bridge itself sends.
    pub(super) port: Option<DeviceId>,
    pub(super) number: u16,
    pub(super) flags: u32,
    pub(super) state: u8,
    pub(super) filtering: bool,
    pub(super) protocol: u16,
    pub(super) pvid: u16,
    pub(super) address: Mac,
    pub(super) promiscuous: bool,
    pub(super) learns: bool,
    /// The flags with which any port has the bridge answer for others; none of a frame that was looked at.
    pub(super) proxies: u32,
    /// What is flooded does not go to ports with one of these flags.
    pub(super) withheld: u32,
    /// Ticks of the table's clock: hundredths of a second.
    pub(super) tick: u32,
}

/// What kind of address a frame goes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cast {
    Unicast,
    Multicast,
    Broadcast,
}

/// The table's clock.
pub(super) fn tick(world: &World) -> u32 {
    (world.now.0 / 10_000) as u32
}

/// Takes what a port received (`br_handle_frame`).
pub(super) fn receive(world: &mut World, port: DeviceId, batch: &mut Batch) {
    let Some(own) = port::of_port(world, port) else { return };
    let bridge = own.bridge;
    let state = of(world, bridge);
    let ingress = Ingress {
        bridge,
        port: Some(port),
        number: own.number,
        flags: own.flags,
        state: own.state,
        filtering: state.vlan_filtering,
        protocol: state.vlan_protocol,
        pvid: own.vlans.pvid,
        address: world[bridge].address,
        promiscuous: world[bridge].flags & IFF_PROMISC != 0,
        learns: own.has(flag::LEARNING) && state.ageing_time > 0,
        proxies: state.proxies,
        withheld: flag::PROXYARP,
        tick: tick(world),
    };
    if ingress.flags & flag::VLAN_TUNNEL != 0 {
        vlan_tunnels::tag(world, port, batch);
    }
    batch.measure(&world.run.pool);
    hurry::forward(world, &ingress, batch, accept);
}

/// Decides about one frame; true if the port's own stack goes on with it.
fn accept(world: &mut World, ingress: &Ingress, frame: FrameId) -> bool {
    let target = world.run.pool.destination(frame);
    let source = world.run.pool.source(frame);
    if !is_valid_ether_addr(&source) {
        world.discard(ingress.port, frame, Drop::BridgeInvalidSource);
        return false;
    }
    if target[..5] == [0x01, 0x80, 0xc2, 0, 0] && target[5] < 0x10 {
        match link_local(world, ingress, target[5]) {
            LinkLocal::Forward => {}
            LinkLocal::Local => {
                learn_local(world, ingress, frame, &source);
                return true;
            }
            LinkLocal::Bpdu => {
                bpdu::receive(world, ingress.port, frame);
                learn_local(world, ingress, frame, &source);
                return true;
            }
            LinkLocal::Drop => {
                world.discard(ingress.port, frame, Drop::BridgeLinkLocal);
                return false;
            }
        }
    }
    if ingress.state != BR_STATE_FORWARDING && ingress.state != BR_STATE_LEARNING {
        world.discard(ingress.port, frame, Drop::BridgePortState);
        return false;
    }
    // A frame to the port that it came in through is for this host as much as one to the bridge.
    if target == ingress.address || ingress.port.is_some_and(|port| world[port].address == target) {
        world.run.pool.meta_mut(frame).kind = PacketKind::Host;
    }
    finish(world, ingress, frame, target, source);
    false
}

enum LinkLocal {
    Forward,
    Local,
    Bpdu,
    Drop,
}

/// What becomes of a frame to one of the sixteen addresses that a bridge does not forward (IEEE 802.1D 7.12.6).
fn link_local(world: &World, ingress: &Ingress, last: u8) -> LinkLocal {
    let state = of(world, ingress.bridge);
    let own = ingress.port.and_then(|port| port::of_port(world, port)).map_or(0, |port| port.group_fwd_mask);
    let provider = if state.vlan_filtering && state.vlan_protocol == ETH_P_8021AD { 1 << 0x8 } else { 0 };
    let always = own | provider;
    let bit = 1u16 << last;
    match last {
        0x00 if !state.tree.enabled || always & bit != 0 => LinkLocal::Forward,
        0x00 => LinkLocal::Bpdu,
        0x01 => LinkLocal::Drop,
        _ if (always | state.group_fwd_mask) & bit != 0 => LinkLocal::Forward,
        _ => LinkLocal::Local,
    }
}

/// Learns from a frame that is not forwarded (`__br_handle_local_finish`).
fn learn_local(world: &mut World, ingress: &Ingress, frame: FrameId, source: &Mac) {
    let learning = [BR_STATE_FORWARDING, BR_STATE_LEARNING].contains(&ingress.state);
    let wanted = of(world, ingress.bridge).options & 1 == 0;
    if !learning || !wanted || !ingress.learns || ingress.flags & flag::LOCKED != 0 {
        return;
    }
    let vid = match ingress.filtering {
        false => 0,
        true => world.run.pool.meta(frame).tag.id(),
    };
    learn(world, ingress, key(source, vid));
}

fn learn(world: &mut World, ingress: &Ingress, key: u64) {
    let changed = of_mut(world, ingress.bridge).fdb.learn(key, ingress.number, ingress.tick);
    if changed {
        table::learned(world, ingress.bridge, key);
    }
}

/// The VLAN of a frame that came in, its tag put beside it; none if it must not come in (`br_allowed_ingress`).
fn admit(world: &mut World, ingress: &Ingress, frame: FrameId) -> Option<u16> {
    if !ingress.filtering {
        return Some(0);
    }
    let tag = world.run.pool.meta(frame).tag;
    let foreign = tag.is_some() && tag.protocol != ingress.protocol;
    if foreign && !world.run.pool.insert_tag(frame) {
        return None;
    }
    let tagged = tag.is_some() && !foreign;
    let vid = if tagged { tag.id() } else { 0 };
    if vid == 0 {
        if ingress.pvid == 0 {
            return None;
        }
        let tci = if tagged { tag.tci | ingress.pvid } else { ingress.pvid };
        world.run.pool.meta_mut(frame).tag = Tag { protocol: ingress.protocol, tci };
        return Some(ingress.pvid);
    }
    members(world, ingress.bridge, ingress.port).has(vid).then_some(vid)
}

pub(super) fn members(world: &World, bridge: DeviceId, port: Option<DeviceId>) -> &vlans::Members {
    match port.and_then(|port| port::of_port(world, port)) {
        Some(port) => &port.vlans,
        None => &of(world, bridge).vlans,
    }
}

/// Learns and forwards (`br_handle_frame_finish`).
fn finish(world: &mut World, ingress: &Ingress, frame: FrameId, target: Mac, source: Mac) {
    let Some(vid) = admit(world, ingress, frame) else {
        return world.discard(ingress.port, frame, Drop::BridgeVlanIngress);
    };
    let source = key(&source, vid);
    if ingress.flags & flag::LOCKED != 0 && !is_behind(world, ingress, source) {
        return world.discard(ingress.port, frame, Drop::BridgeLocked);
    }
    if ingress.learns {
        learn(world, ingress, source);
    }
    if ingress.state == BR_STATE_LEARNING {
        return world.discard(ingress.port, frame, Drop::BridgePortState);
    }
    if target[0] & 1 != 0 && target != BROADCAST {
        return multicast::forward(world, ingress, frame, &target, vid);
    }
    let ingress = &proxy::look(world, ingress, frame, vid);
    if target == BROADCAST {
        flood(world, ingress, frame, Cast::Broadcast, true);
    } else {
        forward_known(world, ingress, frame, key(&target, vid));
    }
}

/// Whether the table says that an address is behind the port, and not its own.
fn is_behind(world: &World, ingress: &Ingress, source: u64) -> bool {
    let fdb = &of(world, ingress.bridge).fdb;
    fdb.find(source).is_some_and(|found| found.port == ingress.number && !found.local)
}

fn forward_known(world: &mut World, ingress: &Ingress, frame: FrameId, target: u64) {
    let state = of_mut(world, ingress.bridge);
    let Some(found) = state.fdb.find(target) else {
        return flood(world, ingress, frame, Cast::Unicast, ingress.promiscuous);
    };
    let local = found.port == 0 || found.local;
    if local && ingress.port.is_some() {
        return pass_up(world, ingress, frame);
    }
    let out = state.ports.get(&found.port).copied();
    state.fdb.note_use(found, ingress.tick);
    let Some(out) = out else { return world.discard(ingress.port, frame, Drop::BridgeNoRoute) };
    let out = backup_of(world, out);
    if ingress.promiscuous && ingress.port.is_some() {
        if let Some(copy) = world.run.pool.share(frame) {
            pass_up(world, ingress, copy);
        }
    }
    match may_leave(world, ingress, out, frame) {
        Ok(()) => leave(world, ingress, out, frame),
        Err(reason) => world.discard(Some(out), frame, reason),
    }
}

/// The port that stands in for one without carrier.
fn backup_of(world: &World, out: DeviceId) -> DeviceId {
    let backup = port::of_port(world, out).and_then(|port| port.backup);
    match backup {
        Some(backup) if !world[out].carrier => backup,
        _ => out,
    }
}

/// Whether a frame may leave through a port (`should_deliver`).
pub(super) fn may_leave(world: &World, ingress: &Ingress, out: DeviceId, frame: FrameId) -> Result<(), Drop> {
    let Some(port) = port::of_port(world, out) else { return Err(Drop::BridgeNoRoute) };
    if ingress.port == Some(out) && port.flags & flag::HAIRPIN == 0 {
        return Err(Drop::BridgeHairpin);
    }
    if port.state != BR_STATE_FORWARDING {
        return Err(Drop::BridgePortState);
    }
    if ingress.filtering && !port.vlans.has(world.run.pool.meta(frame).tag.id()) {
        return Err(Drop::BridgeVlanEgress);
    }
    if ingress.flags & port.flags & flag::ISOLATED != 0 && ingress.port.is_some() {
        return Err(Drop::BridgeIsolated);
    }
    Ok(())
}

/// Sends a frame out through a port, without its tag if the VLAN leaves untagged there (`__br_forward`).
pub(super) fn leave(world: &mut World, ingress: &Ingress, out: DeviceId, frame: FrameId) {
    if ingress.filtering {
        let vid = world.run.pool.meta(frame).tag.id();
        if port::of_port(world, out).is_some_and(|port| port.vlans.leaves_untagged(vid)) {
            world.run.pool.meta_mut(frame).tag = Tag::NONE;
        }
        if port::of_port(world, out).is_some_and(|port| port.has(flag::VLAN_TUNNEL)) {
            vlan_tunnels::untag(world, out, frame);
        }
    }
    let device = &world[out];
    if !device.is_up() || world.run.pool.length(frame) > device.mtu as usize + 18 {
        let reason = if device.is_up() { Drop::TooBig } else { Drop::DeviceDown };
        return world.discard(Some(out), frame, reason);
    }
    world.forward(out, Step::Transmit, frame);
}

/// Sends copies out through every port that floods such frames (`br_flood`), and up if asked to.
pub(super) fn flood(world: &mut World, ingress: &Ingress, frame: FrameId, cast: Cast, up: bool) {
    let wanted = match cast {
        Cast::Unicast => flag::FLOOD,
        Cast::Multicast => flag::MCAST_FLOOD,
        Cast::Broadcast => flag::BCAST_FLOOD,
    };
    let ports = of(world, ingress.bridge).arrivals.len();
    // Each port gets a copy but the last one, which gets the frame itself unless the bridge's own stack does.
    let mut last = None;
    for at in (0..ports).rev() {
        let Some(out) = of(world, ingress.bridge).arrivals.get(at).copied() else { continue };
        let flags = port::of_port(world, out).map_or(0, |port| port.flags);
        // What the bridge itself sends to a group goes everywhere.
        let exempt = ingress.port.is_none() && cast != Cast::Unicast;
        if flags & wanted == 0 && !exempt || flags & ingress.withheld != 0 {
            continue;
        }
        if may_leave(world, ingress, out, frame).is_ok() {
            if let Some(before) = last.replace(out) {
                leave_copy(world, ingress, before, frame);
            }
        }
    }
    match (last, up && ingress.port.is_some()) {
        (Some(out), true) => {
            leave_copy(world, ingress, out, frame);
            pass_up(world, ingress, frame);
        }
        (None, true) => pass_up(world, ingress, frame),
        (Some(out), false) => leave(world, ingress, out, frame),
        (None, false) => world.discard(Some(ingress.bridge), frame, Drop::BridgeNoRoute),
    }
}

pub(super) fn leave_copy(world: &mut World, ingress: &Ingress, out: DeviceId, frame: FrameId) {
    match world.run.pool.share(frame) {
        Some(copy) => leave(world, ingress, out, copy),
        None => world.run.drops[Drop::NoPool as usize] += 1,
    }
}

/// Gives a frame to the bridge's own stack (`br_pass_frame_up`).
pub(super) fn pass_up(world: &mut World, ingress: &Ingress, frame: FrameId) {
    let length = world.run.pool.length(frame) as u64;
    let counters = &mut world[ingress.bridge].counters;
    counters.rx_packets += 1;
    counters.rx_bytes += length;
    if ingress.filtering {
        let vid = world.run.pool.meta(frame).tag.id();
        let own = &of(world, ingress.bridge).vlans;
        // Somebody may be watching a promiscuous bridge: it gets the frames of all VLANs, as they are.
        if !own.has(vid) && !ingress.promiscuous {
            return world.discard(Some(ingress.bridge), frame, Drop::BridgeVlanEgress);
        }
        if own.leaves_untagged(vid) {
            world.run.pool.meta_mut(frame).tag = Tag::NONE;
        }
    }
    if !world[ingress.bridge].is_up() {
        return world.discard(Some(ingress.bridge), frame, Drop::BridgeDown);
    }
    world.forward(ingress.bridge, Step::Receive, frame);
}

/// Sends what the bridge's own stack gives it (`br_dev_xmit`).
pub(super) fn transmit(world: &mut World, bridge: DeviceId, batch: &mut Batch) {
    world.count_hops(batch);
    let state = of(world, bridge);
    let ingress = Ingress {
        bridge,
        port: None,
        number: 0,
        flags: 0,
        state: BR_STATE_FORWARDING,
        filtering: state.vlan_filtering,
        protocol: state.vlan_protocol,
        pvid: state.vlans.pvid,
        address: world[bridge].address,
        promiscuous: false,
        learns: false,
        proxies: state.proxies,
        withheld: flag::PROXYARP,
        tick: tick(world),
    };
    let mut frames = [FrameId(0); BATCH];
    let count = batch.len();
    frames[..count].copy_from_slice(batch.frames());
    batch.clear();
    for frame in &frames[..count] {
        let length = world.run.pool.length(*frame) as u64;
        let counters = &mut world[bridge].counters;
        counters.tx_packets += 1;
        counters.tx_bytes += length;
        let target = world.run.pool.destination(*frame);
        let Some(vid) = admit(world, &ingress, *frame) else {
            world.discard(Some(bridge), *frame, Drop::BridgeVlanIngress);
            continue;
        };
        let ingress = &proxy::look(world, &ingress, *frame, vid);
        match target {
            BROADCAST => flood(world, ingress, *frame, Cast::Broadcast, false),
            group if group[0] & 1 != 0 => multicast::forward(world, ingress, *frame, &group, vid),
            one => forward_known(world, ingress, *frame, key(&one, vid)),
        }
    }
}
