//! Balancing what is received (`rlb_*`): every peer that asks by ARP, or is asked, is assigned a slave, and is told
//! that slave's address. When the slaves change, peers are told again, by answers that nobody asked for.
//!
//! The table has one place for all peers whose addresses fold to one byte; a newcomer takes it over, and the one before
//! is sent back to the slave in use.

use super::{PEERS, SECOND, alb_of, teach};
use crate::device::{DeviceId, Mac};
use crate::frame::{FrameId, Tag};
use crate::link::bond::{of, slave};
use crate::run::Step;
use crate::world::World;
use std::net::Ipv4Addr;
use wire::arp::{REPLY, REQUEST};
use wire::{Arp, Ethernet, ethertype};

/// Ticks between two rounds of telling.
const DELAY: u32 = 2 * SECOND;
/// How often a peer is told again.
const RETRIES: u32 = 3;
/// Answers in a row.
const BURST: usize = 2;
/// Ticks for which the slave in use receives for one that is down.
const PROMISCUITY: u32 = 10 * SECOND;

/// A peer.
#[derive(Clone, Copy)]
struct Client {
    /// The address that the host speaks under.
    own_ip: Ipv4Addr,
    own_mac: Mac,
    ip: Ipv4Addr,
    mac: Mac,
    slave: Option<DeviceId>,
    assigned: bool,
    /// It is to be told.
    must_tell: bool,
    tag: Tag,
}

impl Client {
    const NONE: Client = Client {
        own_ip: Ipv4Addr::UNSPECIFIED,
        own_mac: [0; 6],
        ip: Ipv4Addr::UNSPECIFIED,
        mac: [0; 6],
        slave: None,
        assigned: false,
        must_tell: false,
        tag: Tag::NONE,
    };
}

/// All of them.
pub(super) struct Clients {
    /// What is received is balanced at all.
    enabled: bool,
    table: [Client; PEERS],
    /// The places that are taken, the newest first.
    order: Vec<u8>,
    /// The slave that was assigned last.
    last: Option<DeviceId>,
    must_tell: bool,
    delay: u32,
    retries: u32,
    rebalance: bool,
    promiscuous: bool,
    promiscuous_for: u32,
}

impl Clients {
    pub(super) fn new(enabled: bool) -> Clients {
        Clients {
            enabled,
            table: [Client::NONE; PEERS],
            order: Vec::with_capacity(PEERS),
            last: None,
            must_tell: false,
            delay: 0,
            retries: 0,
            rebalance: false,
            promiscuous: false,
            promiscuous_for: 0,
        }
    }

    pub(super) fn hurry_rebalance(&mut self) {
        self.rebalance = self.enabled;
    }
}

fn clients_of(world: &mut World, bond: DeviceId) -> Option<&mut Clients> {
    alb_of(world, bond).map(|alb| &mut alb.clients).filter(|clients| clients.enabled)
}

fn fold(address: Ipv4Addr) -> usize {
    usize::from(address.octets().iter().fold(0u8, |byte, octet| byte ^ octet))
}

fn is_unicast(mac: Mac) -> bool {
    mac[0] & 1 == 0 && mac != [0; 6]
}

/// The places that are taken, the newest first.
fn places(world: &mut World, bond: DeviceId) -> Vec<usize> {
    clients_of(world, bond)
        .map_or(Vec::new(), |clients| clients.order.iter().map(|at| usize::from(*at)).collect())
}

/// Marks the peers for whom `is_meant` says so; says whether there are any.
fn mark(world: &mut World, bond: DeviceId, is_meant: impl Fn(&World, &Client) -> bool) -> bool {
    let mut any = false;
    for place in places(world, bond) {
        let Some(client) = clients_of(world, bond).map(|clients| clients.table[place]) else { continue };
        if is_meant(world, &client) {
            any = true;
            clients_of(world, bond).into_iter().for_each(|clients| clients.table[place].must_tell = true);
        }
    }
    if let Some(clients) = clients_of(world, bond).filter(|_| any) {
        clients.must_tell = true;
    }
    any
}

// Slaves.

/// The slave to assign next: of the fastest, the one behind that which was last (`rlb_next_rx_slave`).
fn next_slave(world: &mut World, bond: DeviceId) -> Option<DeviceId> {
    let last = clients_of(world, bond)?.last;
    let speed = |id: DeviceId| slave::of(world, id).map_or(0, |slave| slave.speed);
    let faster = |best: Option<DeviceId>, id: DeviceId| match best {
        Some(best) if speed(best) >= speed(id) => Some(best),
        _ => Some(id),
    };
    let (mut before, mut behind, mut found) = (None, None, false);
    for id in of(world, bond).slaves.iter().copied().filter(|id| slave::can_send(world, *id)) {
        if found {
            behind = faster(behind, id);
        } else {
            before = faster(before, id);
        }
        found |= Some(id) == last;
    }
    let next = match (before, behind) {
        (Some(before), Some(behind)) if speed(behind) >= speed(before) => Some(behind),
        (None, behind) => behind,
        (before, _) => before,
    };
    if next.is_some() {
        clients_of(world, bond)?.last = next;
    }
    next
}

/// The slave that was last is no longer known.
pub(super) fn forget_last(world: &mut World, bond: DeviceId) {
    clients_of(world, bond).into_iter().for_each(|clients| clients.last = None);
}

/// A slave's peers go to others (`rlb_clear_slave`).
pub(super) fn take_from(world: &mut World, bond: DeviceId, id: DeviceId) {
    if clients_of(world, bond).is_none() {
        return;
    }
    for place in places(world, bond) {
        if clients_of(world, bond).is_none_or(|clients| clients.table[place].slave != Some(id)) {
            continue;
        }
        let next = next_slave(world, bond);
        let Some(clients) = clients_of(world, bond) else { return };
        clients.table[place].slave = next;
        if next.is_some() && is_unicast(clients.table[place].mac) {
            clients.table[place].must_tell = true;
            clients.must_tell = true;
            clients.retries = RETRIES;
        }
    }
    if of(world, bond).active != Some(id) {
        let address = world[id].address;
        teach_by_active(world, bond, address);
    }
}

/// The slave in use receives for one that is down, until peers know better (`rlb_teach_disabled_mac_on_primary`).
pub(super) fn teach_by_active(world: &mut World, bond: DeviceId, address: Mac) {
    let Some(active) = of(world, bond).active else { return };
    let Some(clients) = clients_of(world, bond) else { return };
    clients.promiscuous_for = 0;
    if !std::mem::replace(&mut clients.promiscuous, true) {
        world.set_promiscuity(active, true);
    }
    teach(world, bond, active, address);
}

/// The slave in use receives for itself alone again.
pub(super) fn end_promiscuity(world: &mut World, bond: DeviceId) {
    let active = of(world, bond).active;
    let Some(clients) = clients_of(world, bond) else { return };
    if let Some(active) = active.filter(|_| std::mem::take(&mut clients.promiscuous)) {
        clients.promiscuous_for = 0;
        world.set_promiscuity(active, false);
    }
}

/// A slave has another address: its peers are to be told (`rlb_req_update_slave_clients`).
pub(super) fn tell_of(world: &mut World, bond: DeviceId, id: DeviceId) {
    let any = mark(world, bond, |_, client| client.slave == Some(id) && is_unicast(client.mac));
    if let Some(clients) = clients_of(world, bond).filter(|_| any) {
        clients.retries = RETRIES;
    }
}

// Time.

/// One tick.
pub(super) fn tick(world: &mut World, bond: DeviceId) {
    let Some(clients) = clients_of(world, bond) else { return };
    if clients.promiscuous {
        clients.promiscuous_for += 1;
        if clients.promiscuous_for >= PROMISCUITY {
            end_promiscuity(world, bond);
        }
    }
    let rebalances = clients_of(world, bond).is_some_and(|clients| std::mem::take(&mut clients.rebalance));
    if rebalances {
        rebalance(world, bond);
    }
    let Some(clients) = clients_of(world, bond).filter(|clients| clients.must_tell) else { return };
    if clients.delay > 0 {
        clients.delay -= 1;
        return;
    }
    tell_all(world, bond);
    if let Some(clients) = clients_of(world, bond) {
        clients.must_tell = clients.retries > 0;
        clients.retries = clients.retries.saturating_sub(1);
    }
}

/// Every peer is assigned anew (`rlb_rebalance`).
fn rebalance(world: &mut World, bond: DeviceId) {
    for place in places(world, bond) {
        let Some(next) = next_slave(world, bond) else { continue };
        let Some(clients) = clients_of(world, bond) else { return };
        if clients.table[place].slave != Some(next) {
            clients.table[place].slave = Some(next);
            clients.table[place].must_tell = true;
            clients.must_tell = true;
        }
    }
}

/// `rlb_update_rx_clients`.
fn tell_all(world: &mut World, bond: DeviceId) {
    for place in places(world, bond) {
        let Some(clients) = clients_of(world, bond) else { return };
        let client = clients.table[place];
        clients.table[place].must_tell &= clients.retries != 0;
        if client.must_tell {
            tell(world, &client);
        }
    }
    clients_of(world, bond).into_iter().for_each(|clients| clients.delay = DELAY);
}

/// Tells a peer the address of its slave (`rlb_update_client`).
fn tell(world: &mut World, client: &Client) {
    let Some(id) = client.slave.filter(|id| world.get(*id).is_some() && is_unicast(client.mac)) else {
        return;
    };
    let own = world[id].address;
    let packet = Arp {
        operation: REPLY,
        sender_mac: own,
        sender_ip: client.own_ip,
        target_mac: client.mac,
        target_ip: client.ip,
    };
    let mut bytes = [0; wire::ethernet::LENGTH + wire::arp::LENGTH];
    Ethernet { destination: client.mac, source: own, ethertype: ethertype::ARP }.emit(&mut bytes);
    packet.emit(&mut bytes[wire::ethernet::LENGTH..]);
    for _ in 0..BURST {
        let Some(frame) = world.run.pool.frame(&bytes) else { return };
        world.run.pool.meta_mut(frame).tag = client.tag;
        world.forward(id, Step::Transmit, frame);
    }
}

// Frames.

fn parse(world: &World, frame: FrameId) -> Option<Arp> {
    Arp::parse(world.run.pool.bytes(frame).get(wire::ethernet::LENGTH..)?).ok()
}

/// A frame of ARP is to be sent. An answer goes through its peer's slave, and says that slave's address; a question
/// reserves a place for whoever will answer (`rlb_arp_xmit`).
pub(super) fn answer(world: &mut World, bond: DeviceId, frame: FrameId) -> Option<DeviceId> {
    const SENDER_AT: usize = wire::ethernet::LENGTH + 8;
    let packet = parse(world, frame)?;
    let is_own = |id: &DeviceId| world[*id].address == packet.sender_mac;
    // What others send through the bond says their addresses.
    if !of(world, bond).slaves.iter().any(is_own) {
        return None;
    }
    let tag = world.run.pool.meta(frame).tag;
    match packet.operation {
        REPLY => {
            let id = assign(world, bond, &packet, tag)?;
            let own = world[id].address;
            let bytes = world.run.pool.bytes_mut(frame)?;
            bytes.get_mut(SENDER_AT..SENDER_AT + own.len())?.copy_from_slice(&own);
            Some(id)
        }
        REQUEST => {
            assign(world, bond, &packet, tag);
            clients_of(world, bond)?.delay = DELAY;
            // Everybody who hears the question learns the bond's address from it, and must be told again.
            let own = world[bond].address;
            mark(world, bond, |world, client| {
                let elsewhere = client.slave.is_some_and(|id| world[id].address != own);
                client.own_ip == packet.sender_ip && elsewhere && is_unicast(client.mac)
            });
            None
        }
        _ => None,
    }
}

/// The slave of a packet's peer, which is assigned one if it has none (`rlb_choose_channel`).
fn assign(world: &mut World, bond: DeviceId, packet: &Arp, tag: Tag) -> Option<DeviceId> {
    const BROADCAST: Mac = [0xff; 6];
    let active = of(world, bond).active;
    let place = fold(packet.target_ip);
    let client = &mut clients_of(world, bond)?.table[place];
    if client.assigned && client.own_ip == packet.sender_ip && client.ip == packet.target_ip {
        if packet.target_mac != BROADCAST {
            client.mac = packet.target_mac;
        }
        client.own_mac = packet.sender_mac;
        if client.slave.is_some() {
            return client.slave;
        }
    } else if client.assigned && active.is_some() && client.slave != active {
        client.slave = active;
        let client = *client;
        tell(world, &client);
    }
    let next = next_slave(world, bond)?;
    let clients = clients_of(world, bond)?;
    let must_tell = is_unicast(packet.target_mac);
    if !clients.table[place].assigned {
        clients.order.insert(0, place as u8);
    }
    clients.table[place] = Client {
        own_ip: packet.sender_ip,
        own_mac: packet.sender_mac,
        ip: packet.target_ip,
        mac: packet.target_mac,
        slave: Some(next),
        assigned: true,
        must_tell,
        tag,
    };
    clients.must_tell |= must_tell;
    Some(next)
}

/// A frame of ARP came in: what others say of an address that the host spoke under, and what peers say of themselves
/// (`rlb_arp_recv`).
pub(in crate::link::bond) fn hear(world: &mut World, bond: DeviceId, frame: FrameId) {
    let Some(packet) = parse(world, frame) else { return };
    let Some(clients) = clients_of(world, bond) else { return };
    let Clients { table, order, .. } = clients;
    order.retain(|place| {
        let client = &mut table[usize::from(*place)];
        let stale = client.own_ip == packet.sender_ip && client.own_mac != packet.sender_mac;
        if stale {
            *client = Client::NONE;
        }
        !stale
    });
    let client = &mut table[fold(packet.sender_ip)];
    let known = client.assigned && client.own_ip == packet.target_ip && client.ip == packet.sender_ip;
    if packet.operation == REPLY && known && client.mac != packet.sender_mac {
        client.mac = packet.sender_mac;
        client.must_tell = true;
        clients.must_tell = true;
    }
}
