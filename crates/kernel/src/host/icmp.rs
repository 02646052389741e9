//! ICMP: answers to echoes, and errors sent and received (RFC 792, `net/ipv4/icmp.c`).

use super::fib4::{self, Flow};
use super::{conf, domain};
use super::{ipv4, socket};
use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::object::route::*;
use std::net::Ipv4Addr;
use wire::icmp::kind as icmp_kind;
use wire::{Icmp, IcmpView, Ipv4View, protocol};

/// The code of a redirect that is about one host.
const FOR_HOST: u8 = 1;
/// The largest packet that bears an error.
const LARGEST_ERROR: usize = 576;
/// What a token of the rate of errors is worth, in microseconds, and how many there are at most.
const BURST: u64 = 6;

/// An error to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Error {
    Unreachable {
        code: u8,
        mtu: u16,
    },
    TimeExceeded,
    /// Fragments did not all come.
    Reassembly,
    /// There is a better way to that host.
    Redirect {
        gateway: Ipv4Addr,
    },
}

impl Error {
    fn number(self) -> u8 {
        match self {
            Error::Unreachable { .. } => icmp_kind::DESTINATION_UNREACHABLE,
            Error::TimeExceeded | Error::Reassembly => icmp_kind::TIME_EXCEEDED,
            Error::Redirect { .. } => icmp_kind::REDIRECT,
        }
    }
}

/// Takes a message (`icmp_rcv`).
pub(crate) fn receive(world: &mut World, id: DeviceId, view: &Ipv4View<'_>, kind: u8) {
    let netns = world[id].netns;
    let message = view.payload();
    let Ok(icmp) = IcmpView::new(message) else { return };
    if !icmp.checksum_is_right() {
        return;
    }
    match icmp.kind() {
        icmp_kind::ECHO_REQUEST => echo(world, id, view, &icmp, kind),
        icmp_kind::DESTINATION_UNREACHABLE | icmp_kind::TIME_EXCEEDED | icmp_kind::PARAMETER_PROBLEM => {
            socket::deliver_error4(world, netns, view, &icmp);
        }
        _ => {}
    }
}

/// Answers an echo (`icmp_echo`, `icmp_reply`).
fn echo(world: &mut World, id: DeviceId, view: &Ipv4View<'_>, icmp: &IcmpView<'_>, kind: u8) {
    let netns = world[id].netns;
    let Ok(space) = world.space(netns) else { return };
    let conf = &space.stack.conf;
    let to_many = matches!(kind, RTN_BROADCAST | RTN_MULTICAST);
    if conf.is(conf::netns::ECHO_IGNORE_ALL) || to_many && conf.is(conf::netns::ECHO_IGNORE_BROADCASTS) {
        return;
    }
    let data = icmp.payload();
    let reply = Icmp::EchoReply { identifier: icmp.identifier(), sequence: icmp.sequence(), data };
    // A reply to a group comes from an address of the way back.
    let own = if to_many { Ipv4Addr::UNSPECIFIED } else { view.destination() };
    let oif = domain::answer(world, id);
    let flow = Flow { source: own, oif, tos: view.tos() & 0x1c, ..Flow::to(view.source()) };
    super::with_room(world, reply.length(), |world, payload| {
        reply.emit(payload);
        ipv4::reply(world, netns, &flow, protocol::ICMP, view.tos(), payload);
    });
}

/// Sends an error about a packet (`__icmp_send`): never about another error, a fragment but the first, or something
/// that went to many. `from` is the device that the packet came in through; none if it is the host's own.
pub(crate) fn send_error(
    world: &mut World,
    netns: NetnsId,
    from: Option<DeviceId>,
    packet: &[u8],
    error: Error,
) {
    send_error_near(world, netns, from, from.is_some(), packet, error);
}

/// The same about a packet of the host's own that could not leave through a device.
pub(crate) fn send_own_error(world: &mut World, id: DeviceId, packet: &[u8], error: Error) {
    let netns = world[id].netns;
    send_error_near(world, netns, Some(id), false, packet, error);
}

fn send_error_near(
    world: &mut World,
    netns: NetnsId,
    near: Option<DeviceId>,
    outside: bool,
    packet: &[u8],
    error: Error,
) {
    let Ok(about) = Ipv4View::new(packet) else { return };
    let (source, destination) = (about.source(), about.destination());
    let is_error = about.protocol() == protocol::ICMP
        && about.fragment_offset() == 0
        && !matches!(about.payload().first(), Some(0 | 8 | 13..=18) | None);
    let kind_of = |address| match near {
        Some(id) => domain::address_type(world, id, address),
        None => fib4::address_type(world, netns, address, None),
    };
    let to_many = |address| matches!(kind_of(address), RTN_BROADCAST | RTN_MULTICAST);
    if is_error || about.fragment_offset() != 0 || to_many(destination) || to_many(source) {
        return;
    }
    // An error comes from the address that was meant if it is the host's own, else from one towards the sender.
    let own = kind_of(destination) == RTN_LOCAL;
    let said = if own && outside { destination } else { Ipv4Addr::UNSPECIFIED };
    let oif = near.map_or(0, |id| domain::answer(world, id));
    let flow = Flow { source: said, oif, tos: 0, ..Flow::to(source) };
    let Ok(route) = super::route4::outgoing(world, netns, &flow) else { return };
    if !is_allowed(world, netns, source, error.number(), route.kind == RTN_LOCAL) {
        return;
    }
    let room = LARGEST_ERROR.min(route.mtu as usize) - wire::ipv4::LENGTH - wire::icmp::LENGTH;
    let packet = &packet[..packet.len().min(room)];
    let message = match error {
        Error::Unreachable { code, mtu } => Icmp::DestinationUnreachable { code, mtu, packet },
        Error::TimeExceeded => Icmp::TimeExceeded { code: 0, packet },
        Error::Reassembly => Icmp::TimeExceeded { code: 1, packet },
        Error::Redirect { gateway } => Icmp::Redirect { code: FOR_HOST, gateway, packet },
    };
    let tos = about.tos() & 0x1e | 0xc0;
    super::with_room(world, message.length(), |world, payload| {
        message.emit(payload);
        ipv4::reply(world, netns, &flow, protocol::ICMP, tos, payload);
    });
}

/// Whether an error may be sent now: one a second to each host, six at once (`icmpv4_xrlim_allow`).
fn is_allowed(world: &mut World, netns: NetnsId, to: Ipv4Addr, kind: u8, local: bool) -> bool {
    let now = world.now.0;
    let Ok(space) = world.space_mut(netns) else { return false };
    let conf = &space.stack.conf;
    let rate = conf.get(conf::netns::RATELIMIT).max(0) as u64 * 1000;
    let masked = conf.get(conf::netns::RATEMASK) >> kind & 1 == 1;
    if local || !masked || rate == 0 {
        return true;
    }
    space.stack.errors.take(std::net::IpAddr::V4(to), now, rate, BURST)
}
