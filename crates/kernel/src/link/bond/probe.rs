//! Questions to the targets of the monitor of ARP, and what comes back (`bond_arp_send_all`, `bond_ns_send_all`,
//! `bond_rcv_validate`).
//!
//! A question goes out through one slave, under that slave's address, with the tags of the vlans that lead to the
//! target.

use super::slave::{self, of_slave};
use super::{arp, of};
use crate::device::{BROADCAST, DeviceId, Mac};
use crate::frame::{FrameId, PacketKind, Tag};
use crate::host::{fib4, fib6, inet, route4, source6};
use crate::inet6;
use crate::link::vlan;
use crate::run::Step;
use crate::stack::MAX_NEST;
use crate::world::World;
use rtnl::object::route::RT_SCOPE_LINK;
use std::net::{Ipv4Addr, Ipv6Addr};
use wire::arp::REQUEST;
use wire::ndp::{Ndp, NdpOption, OptionsBuffer};
use wire::{ArpView, Icmpv6, Icmpv6View, Ipv6, Ipv6View, ethertype, protocol};

/// Bits of `arp_validate`: slaves that are in use, slaves that wait, only frames of ARP and of neighbour discovery.
const VALIDATE_FILTER: u32 = 4;
/// All nodes of a link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// The hop limit that says that no router was between.
const HOPS: u8 = 255;

// Questions.

/// Asks every target through a slave.
pub(super) fn ask(world: &mut World, bond: DeviceId, id: DeviceId) {
    for target in of(world, bond).params.arp_targets.clone() {
        ask_v4(world, bond, id, target);
    }
    for target in of(world, bond).params.ns_targets.clone() {
        ask_v6(world, bond, id, target);
    }
}

fn ask_v4(world: &mut World, bond: DeviceId, id: DeviceId, target: Ipv4Addr) {
    let flow = fib4::Flow { scope: RT_SCOPE_LINK, ..fib4::Flow::to(target) };
    let (tags, sender_ip) = match route4::outgoing(world, world[bond].netns, &flow) {
        // Whoever does not know the way still asks, so that something is on its way.
        Err(_) => (Vec::new(), Ipv4Addr::UNSPECIFIED),
        Ok(route) => match tags_to(world, bond, route.device) {
            Some(tags) => (tags, source(world, route.device, target)),
            None => return,
        },
    };
    let sender_mac = world[id].address;
    let packet =
        wire::Arp { operation: REQUEST, sender_mac, sender_ip, target_mac: [0; 6], target_ip: target };
    let mut body = [0; wire::arp::LENGTH];
    packet.emit(&mut body);
    send(world, id, &tags, BROADCAST, ethertype::ARP, &body);
}

/// The address that a device has in a target's network (`inet_confirm_addr`).
fn source(world: &World, device: DeviceId, target: Ipv4Addr) -> Ipv4Addr {
    let addresses = inet::addresses(world, device);
    let network = addresses.iter().find(|address| address.covers(target));
    let Some((first, network)) = addresses.first().zip(network) else { return Ipv4Addr::UNSPECIFIED };
    if network.covers(first.local) { first.local } else { network.local }
}

fn ask_v6(world: &mut World, bond: DeviceId, id: DeviceId, target: Ipv6Addr) {
    let flow = fib6::Flow { oif: world[bond].ifindex, ..fib6::Flow::to(target) };
    let netns = world[bond].netns;
    let (tags, source) = match fib6::lookup(world, netns, &flow, true) {
        Err(_) => (Vec::new(), Ipv6Addr::UNSPECIFIED),
        Ok(route) => match tags_to(world, bond, route.nexthop.device) {
            Some(tags) => {
                let own = source6::select(world, route.nexthop.device, target);
                (tags, own.unwrap_or(Ipv6Addr::UNSPECIFIED))
            }
            None => return,
        },
    };
    let own = world[id].address;
    let options = OptionsBuffer::new(&[NdpOption::SourceMac(own)]);
    let nobody = OptionsBuffer::new(&[]);
    let options = if source.is_unspecified() { nobody.options() } else { options.options() };
    let message = Icmpv6::Ndp(Ndp::NeighbourSolicitation { target, options });
    let destination = wire::ipv6::solicited_node(target);
    let header = Ipv6 {
        traffic_class: 0,
        flow_label: 0,
        payload_length: message.length() as u16,
        next_header: protocol::ICMPV6,
        hop_limit: HOPS,
        source,
        destination,
    };
    let mut body = vec![0; wire::ipv6::LENGTH + message.length()];
    header.emit(&mut body);
    message.emit(&mut body[wire::ipv6::LENGTH..], source, destination);
    let [.., a, b, c, d] = destination.octets();
    send(world, id, &tags, [0x33, 0x33, a, b, c, d], ethertype::IPV6, &body);
}

/// The tags of the vlans from a device down to the bond, the outermost last; none if it does not stand on the bond
/// (`bond_verify_device_path`).
fn tags_to(world: &World, bond: DeviceId, device: DeviceId) -> Option<Vec<Tag>> {
    let (mut at, mut tags) = (device, Vec::new());
    for _ in 0..MAX_NEST {
        if at == bond {
            return Some(tags);
        }
        tags.extend(vlan::tag(world, at));
        let lowers = &world.get(at)?.stack.lowers;
        at = lowers.iter().copied().find(|lower| *lower == bond || world.stands_on(*lower, bond))?;
    }
    None
}

fn send(world: &mut World, id: DeviceId, tags: &[Tag], to: Mac, ethertype: u16, body: &[u8]) {
    let own = world[id].address;
    let mut bytes = [to, own].concat();
    let (outer, inner) = tags.split_last().map_or((Tag::NONE, tags), |(outer, inner)| (*outer, inner));
    for tag in inner.iter().rev() {
        bytes.extend([tag.protocol.to_be_bytes(), tag.tci.to_be_bytes()].concat());
    }
    bytes.extend(ethertype.to_be_bytes());
    bytes.extend(body);
    let now = world.now;
    of_slave(world, id).into_iter().for_each(|slave| slave.heard.note_sent(now));
    let Some(frame) = world.run.pool.frame(&bytes) else { return };
    world.run.pool.meta_mut(frame).tag = outer;
    world.forward(id, Step::Transmit, frame);
}

// Answers.

/// Looks at a frame that came in through a slave: does it say that the slave carries something?
pub(super) fn hear(world: &mut World, bond: DeviceId, id: DeviceId, frame: FrameId) {
    let Some(slave) = slave::of(world, id) else { return };
    let kind = world.run.pool.ethertype(frame);
    let is_question = matches!(kind, ethertype::ARP | ethertype::IPV6);
    let validate = of(world, bond).params.arp_validate;
    if validate & (1 << u8::from(slave.backup)) == 0 {
        if is_question || validate & VALIDATE_FILTER == 0 {
            note(world, id, None);
        }
        return;
    }
    if !is_question || is_for_others(world, id, frame) {
        return;
    }
    let counts = match kind {
        ethertype::ARP => hear_v4(world, bond, id, frame),
        _ => hear_v6(world, bond, id, frame),
    };
    if counts.is_some() {
        note(world, id, counts);
    }
}

fn note(world: &mut World, id: DeviceId, target: Option<usize>) {
    let now = world.now;
    of_slave(world, id).into_iter().for_each(|slave| slave.heard.note_received(now, target));
}

fn is_for_others(world: &World, id: DeviceId, frame: FrameId) -> bool {
    let destination = world.run.pool.destination(frame);
    match world.run.pool.meta(frame).kind {
        PacketKind::Auto => destination[0] & 1 == 0 && destination != world[id].address,
        kind => kind == PacketKind::OtherHost,
    }
}

/// How far what a slave hears is trusted.
enum Trust {
    /// As it is.
    Direct,
    /// It is a question of the slave in use that came round, so its ends are exchanged.
    Reversed,
    Not,
}

/// `bond_arp_rcv`: what a slave in use hears; what others hear while the one in use hears something too; and while one
/// tries, answers that come elsewhere, because switches learn slowly.
fn trust(world: &World, bond: DeviceId, id: DeviceId, is_answer: bool) -> Trust {
    let state = of(world, bond);
    if slave::of(world, id).is_some_and(|slave| !slave.backup) {
        return Trust::Direct;
    }
    if state.active.is_some_and(|active| arp::has_heard_since_up(world, bond, active)) {
        return Trust::Reversed;
    }
    match state.arp_slave {
        Some(trying) if is_answer && arp::has_just_asked(world, bond, trying) => Trust::Direct,
        _ => Trust::Not,
    }
}

/// The place of the target that an ARP frame came from, if it counts.
fn hear_v4(world: &World, bond: DeviceId, id: DeviceId, frame: FrameId) -> Option<usize> {
    let bytes = world.run.pool.bytes(frame).get(wire::ethernet::LENGTH..)?;
    let packet = ArpView::new(bytes).ok()?;
    let (from, to) = match trust(world, bond, id, packet.operation() == wire::arp::REPLY) {
        Trust::Direct => (packet.sender_ip(), packet.target_ip()),
        Trust::Reversed => (packet.target_ip(), packet.sender_ip()),
        Trust::Not => return None,
    };
    if from.is_unspecified() || !has_v4(world, bond, to) {
        return None;
    }
    of(world, bond).params.arp_targets.iter().position(|target| *target == from)
}

/// Whether the bond, or what stands on it, has an address (`bond_has_this_ip`). A bond without any has the one that
/// its questions bear.
fn has_v4(world: &World, bond: DeviceId, address: Ipv4Addr) -> bool {
    if address.is_unspecified() {
        return inet::addresses(world, bond).is_empty();
    }
    let owner = inet::find_device(world, world[bond].netns, address);
    owner.is_some_and(|owner| owner == bond || world.stands_on(owner, bond))
}

/// The same for neighbour discovery (`bond_na_rcv`).
fn hear_v6(world: &World, bond: DeviceId, id: DeviceId, frame: FrameId) -> Option<usize> {
    const SOLICITATION: u8 = 135;
    const ADVERTISEMENT: u8 = 136;
    let bytes = world.run.pool.bytes(frame).get(wire::ethernet::LENGTH..)?;
    let header = Ipv6View::new(bytes).ok().filter(|header| header.next_header() == protocol::ICMPV6)?;
    let message = Icmpv6View::new(header.payload()).ok()?;
    if !matches!(message.kind(), SOLICITATION | ADVERTISEMENT) {
        return None;
    }
    let (from, to) = match trust(world, bond, id, true) {
        Trust::Direct => (header.source(), header.destination()),
        Trust::Reversed => (header.destination(), header.source()),
        Trust::Not => return None,
    };
    if from.is_unspecified() || to != ALL_NODES && !has_v6(world, bond, to) {
        return None;
    }
    of(world, bond).params.ns_targets.iter().position(|target| *target == from)
}

fn has_v6(world: &World, bond: DeviceId, address: Ipv6Addr) -> bool {
    let Ok(space) = world.space(world[bond].netns) else { return false };
    let on_bond = |id: &DeviceId| *id == bond || world.stands_on(*id, bond);
    let has = |id: DeviceId| inet6::addresses(world, id).iter().any(|own| own.address == address);
    space.in_order_of_arrival().into_iter().filter(on_bond).any(has)
}
