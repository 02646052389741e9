//! ICMPv6: answers to echoes, errors sent and received (RFC 4443, `net/ipv6/icmp.c`).

use super::fib6::{self, Flow};
use super::socket::{self, Fault};
use super::{conf, domain, ipv6, mld, ndisc, source6};
use crate::device::DeviceId;
use crate::inet6;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use std::net::{IpAddr, Ipv6Addr};
use wire::icmpv6::kind;
use wire::{Icmpv6, Icmpv6View, Ipv6View, checksum, protocol};

/// The largest packet that bears an error.
const LARGEST_ERROR: usize = 1280;
/// Errors at once to one host.
const BURST: u64 = 6;

/// An error to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Error {
    Unreachable {
        code: u8,
    },
    TooBig {
        mtu: u32,
    },
    TimeExceeded,
    /// Fragments did not all come.
    Reassembly,
    /// A header of a protocol that nobody knows.
    Header {
        at: u32,
    },
}

/// Puts the checksum into a message between two addresses.
pub(crate) fn fill_checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &mut [u8]) {
    if message.len() < wire::icmpv6::LENGTH {
        return;
    }
    message[2..4].fill(0);
    let sum = checksum::pseudo_v6(source, destination, protocol::ICMPV6, message.len()).with(message);
    message[2..4].copy_from_slice(&sum.checksum().to_be_bytes());
}

/// Takes a message (`icmpv6_rcv`).
pub(crate) fn receive(world: &mut World, id: DeviceId, view: &Ipv6View<'_>, message: &[u8]) {
    let (source, destination) = (view.source(), view.destination());
    let Ok(icmp) = Icmpv6View::new(message) else { return };
    if !icmp.checksum_is_right(source, destination) {
        return;
    }
    match icmp.content() {
        Ok(Icmpv6::EchoRequest { identifier, sequence, data }) => {
            let reply = Icmpv6::EchoReply { identifier, sequence, data };
            echo(world, id, source, destination, view.traffic_class(), &reply);
        }
        Ok(Icmpv6::Ndp(ndp)) if view.hop_limit() == 255 && icmp.code() == 0 => {
            ndisc::receive(world, id, source, destination, &ndp);
        }
        Ok(Icmpv6::Mld(message)) => {
            // The master of a routing domain takes the place of its port.
            let id = domain::master(world, id).unwrap_or(id);
            let alert = view.carried().is_ok_and(|carried| carried.router_alert == Some(0));
            mld::receive(world, id, (source, destination), alert && view.hop_limit() == 1, &message);
        }
        Ok(error) if error.about().is_some() => fault(world, id, source, &icmp, &error),
        _ => {}
    }
}

/// Answers an echo (`icmpv6_echo_reply`).
fn echo(
    world: &mut World,
    id: DeviceId,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    class: u8,
    reply: &Icmpv6<'_>,
) {
    let netns = world[id].netns;
    if world.space(netns).is_ok_and(|space| space.stack.conf.is(conf::netns::ECHO6_IGNORE_ALL)) {
        return;
    }
    let own = inet6::find_device(world, netns, destination, None).is_some();
    let said = if own && !destination.is_multicast() { destination } else { Ipv6Addr::UNSPECIFIED };
    send(world, netns, Some(id), source, said, class, reply);
}

/// Sends a message of the host's own to an address.
fn send(
    world: &mut World,
    netns: NetnsId,
    through: Option<DeviceId>,
    to: Ipv6Addr,
    source: Ipv6Addr,
    class: u8,
    message: &Icmpv6<'_>,
) {
    // Who asks many is answered through the link by which the question came, or not at all.
    let bound = matches!(message, Icmpv6::EchoReply { .. }) && source.is_unspecified() || fib6::is_strict(to);
    let bound = through.filter(|id| bound && !fib6::is_loopback(world, *id));
    let oif = match bound.and_then(|id| world.get(id)) {
        Some(device) => device.ifindex,
        None => through.map_or(0, |id| domain::answer(world, id)),
    };
    let flow = Flow { source, oif, ..Flow::to(to) };
    let Ok(route) = fib6::outgoing(world, netns, &flow) else { return };
    let limit = inet6::hop_limit(world, route.device);
    super::with_room(world, message.length(), |world, bytes| {
        message.emit(bytes, route.source, route.destination);
        let _ = ipv6::send(world, &route, protocol::ICMPV6, limit, class, false, bytes);
    });
}

/// Sends an error about a packet (`icmp6_send`): never about another error, or to many or to nobody. `from` is the
/// device that the packet came in through; none if it is the host's own.
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
    // The way back is the host's own; only a routing domain narrows it.
    let near = domain::master(world, id);
    send_error_near(world, netns, near, false, packet, error);
}

fn send_error_near(
    world: &mut World,
    netns: NetnsId,
    near: Option<DeviceId>,
    outside: bool,
    packet: &[u8],
    error: Error,
) {
    let Ok(view) = Ipv6View::new(packet) else { return };
    let (source, destination) = (view.source(), view.destination());
    let Ok(carried) = view.carried() else { return };
    let is_error = carried.protocol == protocol::ICMPV6
        && carried.payload.first().is_none_or(|kind| *kind < 128 || *kind == wire::ndp::kind::REDIRECT);
    let to_many = destination.is_multicast() && !matches!(error, Error::TooBig { .. });
    let nobody = source.is_unspecified() || source.is_multicast();
    let later = carried.fragment.is_some_and(|fragment| fragment.offset > 0);
    if is_error || to_many || nobody || later {
        return;
    }
    let oif = near.map_or(0, |id| domain::answer(world, id));
    let back = fib6::find(world, netns, &Flow { oif, ..Flow::to(source) }).ok();
    if !is_allowed(world, netns, source, back.as_ref(), &error) {
        return;
    }
    let own = inet6::find_device(world, netns, destination, None).is_some();
    let said = if own && outside {
        destination
    } else {
        // The device's own address, where it has a good one and the way back has none (`icmpv6_rt_has_prefsrc`).
        let chosen = back.is_some_and(|found| found.prefsrc.is_some());
        let own = near.filter(|_| outside && !chosen).and_then(|id| source6::select(world, id, source));
        own.unwrap_or(Ipv6Addr::UNSPECIFIED)
    };
    let packet = &packet[..packet.len().min(LARGEST_ERROR - wire::ipv6::LENGTH - 8)];
    let message = match error {
        Error::Unreachable { code } => Icmpv6::DestinationUnreachable { code, packet },
        Error::TooBig { mtu } => Icmpv6::PacketTooBig { mtu, packet },
        Error::TimeExceeded => Icmpv6::TimeExceeded { code: 0, packet },
        Error::Reassembly => Icmpv6::TimeExceeded { code: 1, packet },
        Error::Header { at } => Icmpv6::ParameterProblem { code: 1, pointer: at, packet },
    };
    send(world, netns, near, source, said, 0, &message);
}

/// Whether an error may be sent now (`icmpv6_xrlim_allow`): the shorter the prefix of the way back, the more of them.
fn is_allowed(
    world: &mut World,
    netns: NetnsId,
    to: Ipv6Addr,
    back: Option<&fib6::Found>,
    error: &Error,
) -> bool {
    let now = world.now.0;
    let Ok(space) = world.space_mut(netns) else { return false };
    let rate = space.stack.conf.get(conf::netns::RATELIMIT6).max(0) as u64 * 1000;
    if rate == 0 || matches!(error, Error::TooBig { .. }) {
        return true;
    }
    let length = back.map_or(128, |found| u32::from(fib6::prefix(found.place.prefix).1));
    space.stack.errors.take(IpAddr::V6(to), now, rate >> ((128 - length.min(128)) / 32), BURST)
}

/// What an error is to a program (`icmpv6_err_convert`).
fn errno_of(number: u8, code: u8) -> Errno {
    match (number, code) {
        (kind::DESTINATION_UNREACHABLE, 0) => Errno::ENETUNREACH,
        (kind::DESTINATION_UNREACHABLE, 1 | 5 | 6) => Errno::EACCES,
        (kind::DESTINATION_UNREACHABLE, 4) => Errno::ECONNREFUSED,
        (kind::PACKET_TOO_BIG, _) => Errno::EMSGSIZE,
        (kind::PARAMETER_PROBLEM, _) => Errno::EPROTO,
        _ => Errno::EHOSTUNREACH,
    }
}

/// Hands an error to the sockets that it may concern (`icmpv6_notify`).
fn fault(world: &mut World, id: DeviceId, from: Ipv6Addr, icmp: &Icmpv6View<'_>, error: &Icmpv6<'_>) {
    let netns = world[id].netns;
    let Some(packet) = error.about() else { return };
    // An error bears the beginning of the packet only: its length is made to fit.
    let mut packet = packet.to_vec();
    let Some(length) = packet.len().checked_sub(wire::ipv6::LENGTH) else { return };
    packet[4..6].copy_from_slice(&(length.min(usize::from(u16::MAX)) as u16).to_be_bytes());
    let Ok(view) = Ipv6View::new(&packet) else { return };
    let Ok(carried) = view.carried() else { return };
    let info = match *error {
        Icmpv6::PacketTooBig { mtu, .. } => mtu,
        Icmpv6::ParameterProblem { pointer, .. } => pointer,
        _ => 0,
    };
    let fault = Fault {
        errno: errno_of(icmp.kind(), icmp.code()),
        offender: Some(IpAddr::V6(from)),
        destination: Some(IpAddr::V6(view.destination())),
        kind: icmp.kind(),
        code: icmp.code(),
        info,
        payload: carried.payload.to_vec(),
    };
    if carried.protocol == protocol::TCP {
        let way = (IpAddr::V6(view.source()), IpAddr::V6(view.destination()));
        super::tcp::error(world, netns, way, &fault.payload, (fault.errno, fault.info));
    }
    if matches!(carried.protocol, protocol::ICMPV6 | protocol::UDP) {
        socket::deliver_error6(world, netns, IpAddr::V6(view.source()), carried.protocol, &fault);
    }
}
