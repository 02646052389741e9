//! Neighbour discovery: asks who has an address, answers, claims, asks for routers (RFC 4861, 4862,
//! `net/ipv6/ndisc.c`).
//!
//! What routers say of themselves is `advertised`'s. **Left out**: redirects are not acted upon.

use super::conf::v6;
use super::fib6::{self, Flow, Outgoing};
use super::neighbour::{self, Claim};
use super::{duplicates, ipv6, send_frame};
use crate::device::{DeviceId, Mac};
use crate::inet6;
use crate::world::World;
use rtnl::object::link::IFF_NOARP;
use rtnl::object::neigh::{NUD_FAILED, NUD_REACHABLE, NUD_STALE};
use rtnl::object::route::*;
use std::net::{IpAddr, Ipv6Addr};
use wire::ndp::{Ndp, NdpOption, Options, OptionsBuffer};
use wire::{Icmpv6, Ipv6, ethertype, protocol};

/// All nodes of a link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers of a link.
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// The hop limit that says that no router was between.
const HOPS: u8 = 255;

/// Sends a message through a device, whatever the routes say (`ndisc_send_skb`).
fn send(
    world: &mut World,
    id: DeviceId,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    to: Option<Mac>,
    message: &Ndp<'_>,
) {
    let Some(device) = world.get(id) else { return };
    let icmp = Icmpv6::Ndp(*message);
    let mut bytes = vec![0; icmp.length()];
    icmp.emit(&mut bytes, source, destination);
    let mtu = device.mtu;
    match to {
        Some(to) => send_to(world, id, to, source, destination, &bytes),
        None => {
            let route =
                Outgoing { device: id, gateway: None, source, destination, mtu, local: false, encap: None };
            let _ = ipv6::send(world, &route, protocol::ICMPV6, HOPS, 0, false, &bytes);
        }
    }
}

/// Sends a message to a neighbour whose address is known.
fn send_to(
    world: &mut World,
    id: DeviceId,
    to: Mac,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    message: &[u8],
) {
    let header = Ipv6 {
        traffic_class: 0,
        flow_label: 0,
        payload_length: message.len() as u16,
        next_header: protocol::ICMPV6,
        hop_limit: HOPS,
        source,
        destination,
    };
    let own = world[id].address;
    let mut frame = vec![0; wire::ethernet::LENGTH + wire::ipv6::LENGTH];
    wire::Ethernet { destination: to, source: own, ethertype: ethertype::IPV6 }.emit(&mut frame);
    header.emit(&mut frame[wire::ethernet::LENGTH..]);
    frame.extend_from_slice(message);
    send_frame(world, id, &frame);
}

/// Asks who has an address (`ndisc_solicit`): a known owner directly, else the group that it must be in.
pub(crate) fn solicit(
    world: &mut World,
    id: DeviceId,
    target: Ipv6Addr,
    source: Option<Ipv6Addr>,
    to: Option<Mac>,
) {
    let said = source.filter(|source| inet6::own(world, id, *source) == Some(false));
    let Some(source) = said.or_else(|| inet6::link_local(world, id)) else { return };
    let own = world[id].address;
    let options = OptionsBuffer::new(&[NdpOption::SourceMac(own)]);
    let message = Ndp::NeighbourSolicitation { target, options: options.options() };
    let destination = if to.is_some() { target } else { wire::ipv6::solicited_node(target) };
    send(world, id, source, destination, to, &message);
}

/// Asks whether somebody else has an address that the host wants.
pub(crate) fn claim(world: &mut World, id: DeviceId, target: Ipv6Addr) {
    let random = world.random().to_be_bytes();
    let [a, b, c, d, e, f, ..] = random;
    let options = OptionsBuffer::new(&[NdpOption::Nonce([a, b, c, d, e, f])]);
    let message = Ndp::NeighbourSolicitation { target, options: options.options() };
    let destination = wire::ipv6::solicited_node(target);
    send(world, id, Ipv6Addr::UNSPECIFIED, destination, None, &message);
}

/// Tells everybody of an address.
pub(crate) fn announce(world: &mut World, id: DeviceId, target: Ipv6Addr) {
    let says = Advertisement { solicited: false, replaces: true, with_address: true };
    advertise(world, id, ALL_NODES, target, says);
}

/// What is said of an address besides that it is here.
struct Advertisement {
    /// Somebody asked.
    solicited: bool,
    /// What others know of it is to be replaced.
    replaces: bool,
    /// The address on the link is said too.
    with_address: bool,
}

/// Says that an address is here (`ndisc_send_na`).
fn advertise(world: &mut World, id: DeviceId, to: Ipv6Addr, target: Ipv6Addr, says: Advertisement) {
    let source = match inet6::own(world, id, target) {
        Some(_) => target,
        None => match super::source6::select(world, id, to) {
            Some(source) => source,
            None => return,
        },
    };
    let own = world[id].address;
    let part = world[id].inet6.as_ref();
    let router = part.is_some_and(|inet6| inet6.conf.is(v6::FORWARDING));
    let address = [NdpOption::TargetMac(own)];
    let options = OptionsBuffer::new(if says.with_address { &address } else { &[] });
    let Advertisement { solicited, replaces, .. } = says;
    let options = options.options();
    let message = Ndp::NeighbourAdvertisement { router, solicited, replaces, target, options };
    send(world, id, source, to, None, &message);
}

/// Asks for routers (`ndisc_send_rs`).
pub(crate) fn ask_for_routers(world: &mut World, id: DeviceId, source: Ipv6Addr) {
    let own = world[id].address;
    let options = OptionsBuffer::new(&[NdpOption::SourceMac(own)]);
    let message = Ndp::RouterSolicitation { options: options.options() };
    send(world, id, source, ALL_ROUTERS, None, &message);
}

/// Takes a message (`ndisc_rcv`).
pub(crate) fn receive(
    world: &mut World,
    id: DeviceId,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    message: &Ndp<'_>,
) {
    if world[id].flags & IFF_NOARP != 0 {
        return;
    }
    match *message {
        Ndp::NeighbourSolicitation { target, options } if !target.is_multicast() => {
            asked(world, id, source, destination, target, options);
        }
        Ndp::NeighbourAdvertisement { router, solicited, replaces, target, options }
            if !(target.is_multicast() || solicited && destination.is_multicast()) =>
        {
            let claim = Claim { overrides: replaces, weakly: true, router: Some(router), ..Claim::default() };
            told(world, id, target, solicited, options, claim);
        }
        Ndp::RouterAdvertisement { router, options } => {
            super::advertised::receive(world, id, source, &router, options);
        }
        Ndp::RouterSolicitation { options } if !source.is_unspecified() => {
            let forwards = world[id].inet6.as_ref().is_some_and(|inet6| inet6.conf.is(v6::FORWARDING));
            if let Some(mac) = options.source_mac().filter(|_| forwards) {
                neighbour::heard(world, (id, IpAddr::V6(source)), mac);
            }
        }
        _ => {}
    }
}

/// Somebody asks for an address (`ndisc_recv_ns`).
fn asked(
    world: &mut World,
    id: DeviceId,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    target: Ipv6Addr,
    options: Options<'_>,
) {
    let claims = source.is_unspecified();
    if claims && (destination != wire::ipv6::solicited_node(target) || options.source_mac().is_some()) {
        return;
    }
    let own = inet6::own(world, id, target);
    match own {
        Some(true) if claims => return duplicates::is_duplicate(world, id, target),
        Some(true) => return,
        Some(false) => {}
        None if answers_for(world, id, target) => {}
        None => return,
    }
    let to_many = destination.is_multicast();
    if claims {
        let says = Advertisement { solicited: false, replaces: own.is_some(), with_address: true };
        return advertise(world, id, ALL_NODES, target, says);
    }
    let key = (id, IpAddr::V6(source));
    let mac = options.source_mac();
    if let Some(mac) = mac {
        neighbour::heard(world, key, mac);
    } else if !to_many && neighbour::find(world, key).is_none() {
        let _ = neighbour::create(world, key, false);
    }
    if neighbour::find(world, key).is_some() {
        // Who asks the owner itself knows where it is.
        let replaces = own.is_some() && to_many;
        let says = Advertisement { solicited: true, replaces, with_address: to_many };
        advertise(world, id, source, target, says);
    }
}

/// Whether the host answers for an address that it has not: one of a whole prefix, or in another's place.
fn answers_for(world: &World, id: DeviceId, target: Ipv6Addr) -> bool {
    let netns = world[id].netns;
    let flow = Flow { oif: world[id].ifindex, ..Flow::to(target) };
    let anycast = fib6::lookup_table(world, netns, super::domain::local_table(world, id), &flow);
    if anycast.is_ok_and(|found| found.kind == RTN_ANYCAST && found.nexthop.device == id) {
        return true;
    }
    let is_on = |place| {
        let own = world[id].inet6.as_ref().is_some_and(|inet6| inet6.conf.is(place));
        own || world.space(netns).is_ok_and(|space| space.stack.all6.is(place))
    };
    is_on(v6::PROXY_NDP)
        && is_on(v6::FORWARDING)
        && super::proxied::is_proxied(world, netns, IpAddr::V6(target), id)
}

/// Somebody says that an address is there (`ndisc_recv_na`).
fn told(
    world: &mut World,
    id: DeviceId,
    target: Ipv6Addr,
    solicited: bool,
    options: Options<'_>,
    claim: Claim,
) {
    match inet6::own(world, id, target) {
        Some(true) => return duplicates::is_duplicate(world, id, target),
        Some(false) => return,
        None => {}
    }
    let key = (id, IpAddr::V6(target));
    if neighbour::find(world, key).is_none_or(|known| known.state == NUD_FAILED) {
        return;
    }
    let state = if solicited { NUD_REACHABLE } else { NUD_STALE };
    // What is fixed stays as it is.
    let _ = neighbour::update(world, key, options.target_mac(), state, claim);
}
