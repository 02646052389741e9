//! The host stack of a namespace: addresses, routes, rules, neighbours, and the protocols between devices and programs.
//!
//! ```text
//!            sockets                                      requests
//!  icmp udp tcp icmp6  fragments              addr   route   rule   neigh      (../rtnl)
//!        ipv4        ipv6                      inet   fib4    rule   neighbour
//!   arp  route4      fib6  ndisc               inet6  fib6
//!        neighbour ── output ──▶ Transmit                                       (../run)
//! receive ◀── Receive
//! ```
//!
//! A packet of the host's own, or one that is sent on, leaves through [`output`]: the neighbour gives it its Ethernet
//! header, or keeps it until it is found. Time is the kernel's; everything that waits has a [`HostTimer`].
//!
//! **Left out**: multicast routing, and IPsec.

pub(crate) mod advertised;
pub mod api;
pub(crate) mod arp;
pub mod can;
pub(crate) mod conf;
pub(crate) mod domain;
pub(crate) mod duplicates;
pub(crate) mod encap;
pub(crate) mod fib4;
pub(crate) mod fib4_sync;
pub(crate) mod fib6;
pub(crate) mod fragment;
pub(crate) mod holders;
pub(crate) mod hops6;
pub(crate) mod icmp;
pub(crate) mod icmp6;
pub(crate) mod igmp;
pub(crate) mod inet;
pub(crate) mod ipv4;
pub(crate) mod ipv6;
pub(crate) mod joined;
pub(crate) mod lifetimes6;
pub(crate) mod limit;
pub(crate) mod mld;
pub(crate) mod multipath;
pub(crate) mod ndisc;
pub(crate) mod neighbour;
pub mod packet;
pub(crate) mod proxied;
pub(crate) mod reports;
pub(crate) mod route4;
pub(crate) mod router6;
pub(crate) mod routes;
pub(crate) mod rule;
pub mod socket;
pub(crate) mod source6;
pub mod tcp;
mod tcp_calls;
pub(crate) mod tcp_machine;
pub(crate) mod tunnel;
pub(crate) mod udp;

use crate::device::{DeviceId, Mac};
use crate::frame::metadata::Metadata;
use crate::frame::{FrameId, PacketKind, Tag};
use crate::link::Event;
use crate::netns::NetnsId;
use crate::run::{Batch, Deed, Drop, Step};
use crate::world::World;
use conf::{First, Values};
use rtnl::object::link::{ARPHRD_LOOPBACK, IFF_LOOPBACK};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tunnel::arrivals::Arrivals;
use wire::ethertype;

/// `AF_INET`.
pub(crate) const AF_INET: u8 = 2;
/// `AF_INET6`.
pub(crate) const AF_INET6: u8 = 10;

/// Bytes of the Ethernet header.
const ETHERNET: usize = wire::ethernet::LENGTH;

/// What the host stack of a namespace may wait for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum HostTimer {
    /// The next step of a neighbour's state.
    Neighbour(DeviceId, IpAddr),
    /// The end of a lifetime of an IPv4 address.
    Lifetimes(DeviceId),
    /// The same for IPv6.
    Lifetimes6(DeviceId),
    /// The next step of looking for duplicates of an IPv6 address.
    Duplicates(DeviceId, Ipv6Addr),
    /// The next question for routers.
    Routers(DeviceId),
    /// A report of the groups of IPv4 that a device is in.
    Groups4(DeviceId),
    /// The same for IPv6.
    Groups6(DeviceId),
    /// What is due for a connection of TCP.
    Connection(tcp::TcpId),
    /// A route of IPv6 ends.
    Routes6,
    /// The end of waiting for the fragments of a packet.
    Fragments(fragment::Key),
}

/// The host stack of a namespace.
pub(crate) struct Stack {
    pub all4: Values,
    pub default4: Values,
    pub all6: Values,
    pub default6: Values,
    pub conf: Values,
    pub fib4: fib4::Fib,
    pub rules4: rule::Rules,
    /// Whether the rule for routing domains was made once.
    pub domain_rule: bool,
    pub fib6: fib6::Fib,
    pub rules6: rule::Rules,
    pub neighbours: neighbour::Neighbours,
    pub fragments: fragment::Fragments,
    /// Who has which addresses.
    pub holders4: holders::Holders<Ipv4Addr>,
    pub holders6: holders::Holders<Ipv6Addr>,
    pub errors: limit::Limits,
    pub redirects: limit::Redirects,
    /// UDP ports of devices, and those devices.
    pub tunnels: tunnel::Tunnels,
    /// The groups that were joined because they were added as addresses, and where.
    pub autojoined: BTreeSet<(IpAddr, DeviceId)>,
    /// The last identification of a packet.
    pub identification: u16,
}

impl Default for Stack {
    fn default() -> Stack {
        Stack {
            all4: Values::new(First::All4),
            default4: Values::new(First::Default4),
            all6: Values::new(First::All6),
            default6: Values::new(First::Default6),
            conf: Values::new(First::Netns),
            fib4: fib4::Fib::default(),
            rules4: rule::Rules::inet(),
            domain_rule: false,
            fib6: fib6::empty(),
            rules6: rule::Rules::inet6(),
            neighbours: neighbour::Neighbours::default(),
            fragments: fragment::Fragments::default(),
            holders4: holders::Holders::default(),
            holders6: holders::Holders::default(),
            errors: limit::Limits::default(),
            redirects: limit::Redirects::default(),
            tunnels: tunnel::Tunnels::default(),
            autojoined: BTreeSet::new(),
            identification: 0,
        }
    }
}

/// For whom a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum For {
    /// For this host alone.
    Host,
    /// For many.
    Many,
    /// For another host.
    Other,
}

/// The addresses of a device, of both families.
pub(crate) fn addresses(world: &World, id: DeviceId) -> Vec<IpAddr> {
    let v4 = inet::addresses(world, id).iter().map(|own| IpAddr::V4(own.local));
    v4.chain(crate::inet6::all(world, id).map(IpAddr::V6)).collect()
}

/// Something happened to a device.
pub(crate) fn event4(world: &mut World, id: DeviceId, event: Event) {
    if world.get(id).is_some() {
        inet::event(world, id, event);
    }
}

/// The same for its IPv6.
pub(crate) fn event6(world: &mut World, id: DeviceId, event: Event) {
    if world.get(id).is_some() {
        crate::inet6::event(world, id, event);
    }
}

/// A timer went off.
pub(crate) fn timer(world: &mut World, netns: NetnsId, timer: HostTimer) {
    match timer {
        HostTimer::Neighbour(id, address) => neighbour::timer(world, netns, (id, address)),
        HostTimer::Fragments(key) => fragment::expire(world, netns, key),
        HostTimer::Connection(id) => tcp::timer(world, id),
        HostTimer::Routes6 => fib6::expire(world, netns),
        HostTimer::Lifetimes(id) if world.get(id).is_some() => inet::end_lifetimes(world, id),
        HostTimer::Lifetimes6(id) if world.get(id).is_some() => lifetimes6::end_lifetimes(world, id),
        HostTimer::Duplicates(id, address) if world.get(id).is_some() => {
            duplicates::look_for_duplicates(world, id, address);
        }
        HostTimer::Routers(id) if world.get(id).is_some() => duplicates::ask_for_routers(world, id),
        HostTimer::Groups4(id) if world.get(id).is_some() => igmp::report(world, id),
        HostTimer::Groups6(id) if world.get(id).is_some() => mld::report(world, id),
        _ => {}
    }
}

/// For whom a frame that came in through a device is (`eth_type_trans`, and the tag that nobody took).
pub(crate) fn for_whom(world: &World, id: DeviceId, frame: FrameId) -> For {
    let meta = world.run.pool.meta(frame);
    if meta.tag.id() != 0 {
        return For::Other;
    }
    let destination = world.run.pool.destination(frame);
    match meta.kind {
        PacketKind::OtherHost => For::Other,
        PacketKind::Host => For::Host,
        PacketKind::Auto if destination[0] & 1 == 1 => For::Many,
        PacketKind::Auto if world[id].hardware_type == ARPHRD_LOOPBACK => For::Host,
        PacketKind::Auto if destination == world[id].address => For::Host,
        PacketKind::Auto => For::Other,
    }
}

/// Takes the frames that reached the end of a device's way up.
pub(crate) fn receive(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let common = batch.common();
    let mut arrivals = Arrivals::new(world, id, common);
    batch.retain(|frame| {
        if let Some(arrivals) = &mut arrivals {
            if arrivals.take(world, frame) {
                return false;
            }
            arrivals.end(world);
        }
        world.count_hops_of(common, frame);
        receive_one(world, id, frame);
        false
    });
    if let Some(arrivals) = arrivals {
        arrivals.finish(world);
    }
}

fn receive_one(world: &mut World, id: DeviceId, frame: FrameId) {
    // What it says of neighbours, routers and routes may change the ways of others.
    world.run.epoch += 1;
    if world.get(id).is_none() {
        return world.discard(None, frame, Drop::DeviceGone);
    }
    // A tap keeps a frame from counting as unwanted, if nobody looked between: a tag or a type that takes the
    // device's frames comes first.
    let looked_at = world.run.pool.meta(frame).tag.is_some() || world[id].rx_handler.is_some();
    let whose = for_whom(world, id, frame);
    if !world.packet_sockets.is_empty() {
        packet::hear(world, id, frame, whose);
    }
    match world.run.pool.ethertype(frame) {
        ethertype::ARP => arp::receive(world, id, frame, whose),
        ethertype::IPV4 => ipv4::receive(world, id, frame, whose),
        ethertype::IPV6 => ipv6::receive(world, id, frame, whose),
        // LLC is heard by Linux as soon as there are bridges, whatever is in it.
        0..ethertype::LEAST => world.discard(Some(id), frame, Drop::UnhandledProtocol),
        _ => {
            if world[id].tap.is_none() || looked_at {
                world[id].counters.rx_dropped += 1;
            }
            world.discard(Some(id), frame, Drop::UnhandledProtocol);
        }
    }
}

/// The device that a packet is for although it came in through another.
pub(crate) fn claimed(world: &World, id: DeviceId, frame: FrameId) -> Option<DeviceId> {
    world[id].rx_handler?.claim?(world, id, frame)
}

/// Counts a packet of so many bytes, the Ethernet header among them, at the device that claimed it.
pub(crate) fn count_claimed(world: &mut World, id: DeviceId, length: usize) {
    let counters = &mut world[id].counters;
    counters.rx_packets += 1;
    counters.rx_bytes += length as u64;
}

/// The host stack is done with a frame.
pub(crate) fn consume(world: &mut World, id: DeviceId, frame: FrameId, reason: Drop) {
    if reason == Drop::Consumed {
        if world.run.watching {
            world.sight(Some(id), frame, Deed::Delivered);
        }
        world.run.drops[reason as usize] += 1;
        return world.run.pool.release(frame);
    }
    world.discard(Some(id), frame, reason);
}

/// Looks at the packet of a frame while everything else may change: at a copy, whose room is used again.
pub(crate) fn with_packet<T>(
    world: &mut World,
    frame: FrameId,
    deed: impl FnOnce(&mut World, &[u8]) -> T,
) -> T {
    let mut room = world.run.room();
    room.extend_from_slice(world.run.pool.bytes(frame).get(ETHERNET..).unwrap_or_default());
    let done = deed(world, &room);
    world.run.take_room(room);
    done
}

/// Gives room for a message of that length that is made and sent; it is used again.
pub(crate) fn with_room(world: &mut World, length: usize, deed: impl FnOnce(&mut World, &mut [u8])) {
    let mut room = world.run.room();
    room.resize(length, 0);
    deed(world, &mut room);
    world.run.take_room(room);
}

/// Sends a whole frame through a device; one that has no carrier takes nothing (`noop_qdisc`).
pub(crate) fn send_frame(world: &mut World, id: DeviceId, bytes: &[u8]) {
    send_frame_with(world, id, bytes, Metadata::None);
}

/// The same for a frame that carries something for a tunnel.
pub(crate) fn send_frame_with(world: &mut World, id: DeviceId, bytes: &[u8], metadata: Metadata) {
    match world.run.pool.frame(bytes) {
        Some(frame) => {
            world.run.pool.set_metadata(frame, metadata);
            transmit(world, id, frame);
        }
        None => world.run.drops[Drop::NoPool as usize] += 1,
    }
}

fn transmit(world: &mut World, id: DeviceId, frame: FrameId) {
    let open = world.get(id).is_some_and(|device| device.is_up() && device.carrier);
    if open {
        world.forward(id, Step::Transmit, frame);
    } else {
        world.discard(Some(id), frame, Drop::DeviceDown);
    }
}

/// Sends a packet to a neighbour (`ip_finish_output2`); gives the device if it went there at once. The frame has room
/// for the Ethernet header, in which only the type is right.
pub(crate) fn output(world: &mut World, id: DeviceId, to: IpAddr, frame: FrameId) -> Option<DeviceId> {
    let Some(device) = world.get(id) else {
        world.discard(None, frame, Drop::DeviceGone);
        return None;
    };
    if device.flags & IFF_LOOPBACK != 0 {
        let own = device.address;
        neighbour::mention(world, (id, to));
        head(world, id, own, frame);
        return Some(id);
    }
    match neighbour::resolve(world, (id, to), frame) {
        neighbour::Resolved::To(mac) => {
            head(world, id, mac, frame);
            Some(id)
        }
        neighbour::Resolved::Waits => None,
        neighbour::Resolved::Full => {
            world.discard(Some(id), frame, Drop::NeighbourFailed);
            None
        }
    }
}

/// A packet's neighbour was found: the packet goes.
pub(crate) fn send_to_neighbour(world: &mut World, key: neighbour::Key, frame: FrameId) {
    match neighbour::find(world, key).map(|neighbour| neighbour.mac) {
        Some(mac) => head(world, key.0, mac, frame),
        None => world.discard(Some(key.0), frame, Drop::NeighbourFailed),
    }
}

/// Writes the addresses of the Ethernet header and sends the frame.
fn head(world: &mut World, id: DeviceId, to: Mac, frame: FrameId) {
    let from = world[id].address;
    let Some(bytes) = world.run.pool.bytes_mut(frame) else {
        return world.discard(Some(id), frame, Drop::NoPool);
    };
    if let Some((addresses, _)) = bytes.split_at_mut_checked(ETHERNET - 2) {
        addresses[..6].copy_from_slice(&to);
        addresses[6..].copy_from_slice(&from);
    }
    let meta = world.run.pool.meta_mut(frame);
    meta.tag = Tag::NONE;
    transmit(world, id, frame);
}
