//! IPv6: packets in, out and through (RFC 8200, `net/ipv6/ip6_input.c`, `ip6_output.c`).
//!
//! **Left out**: routing headers and options are walked over and not acted upon, flow labels, redirects, and the path
//! MTU that routers report.

use super::fib6::{self, Flow, Outgoing};
use super::fragment::{self, Piece};
use super::icmp6::{self, Error};
use super::ipv4::Sent;
use super::socket::{self, Received};
use super::{For, conf::v6, domain, tcp, tunnel, udp};
use crate::device::DeviceId;
use crate::frame::{FrameId, PacketKind, Tag};
use crate::inet6;
use crate::run::Drop;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::object::route::*;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use wire::ipv6::{Carried, Fragment};
use wire::{Ipv6, Ipv6View, ethertype, protocol};

/// Bytes in front of the packet in a frame.
const ETHERNET: usize = wire::ethernet::LENGTH;
/// Bytes of header and fragment header.
const FRAGMENTED: usize = wire::ipv6::LENGTH + 8;

/// Sends a payload over a route (`ip6_local_out`).
///
/// # Errors
/// EMSGSIZE if it must stay whole and is larger than the way allows; ENOBUFS without memory.
pub(crate) fn send(
    world: &mut World,
    route: &Outgoing,
    next_header: u8,
    hop_limit: u8,
    traffic_class: u8,
    whole: bool,
    payload: &[u8],
) -> Result<Sent, Errno> {
    let total = wire::ipv6::LENGTH + payload.len();
    let mtu = route.mtu as usize;
    if payload.len() > usize::from(u16::MAX) || total > mtu && whole {
        return Err(Errno::EMSGSIZE);
    }
    let header = Ipv6 {
        traffic_class,
        flow_label: 0,
        payload_length: payload.len() as u16,
        next_header,
        hop_limit,
        source: route.source,
        destination: route.destination,
    };
    if total <= mtu {
        return emit(world, route, &header, None, payload);
    }
    let step = mtu.saturating_sub(FRAGMENTED) & !7;
    if step == 0 {
        return Err(Errno::EMSGSIZE);
    }
    let identification = world.random() as u32;
    let mut sent = Sent { at_once: None };
    for (number, piece) in payload.chunks(step).enumerate() {
        let offset = number * step;
        let more = offset + piece.len() < payload.len();
        let fragment = Fragment { offset: offset as u16, more, identification };
        sent = emit(world, route, &header, Some(fragment), piece)?;
    }
    Ok(sent)
}

/// Writes one packet, or one fragment of it, into a frame and hands it to the neighbour.
fn emit(
    world: &mut World,
    route: &Outgoing,
    header: &Ipv6,
    fragment: Option<Fragment>,
    payload: &[u8],
) -> Result<Sent, Errno> {
    let extra = if fragment.is_some() { 8 } else { 0 };
    let begin = ETHERNET + wire::ipv6::LENGTH + extra;
    let frame = world.run.pool.blank(begin + payload.len()).ok_or(Errno::ENOBUFS)?;
    let bytes = world.run.pool.bytes_mut(frame).ok_or(Errno::ENOBUFS)?;
    let next_header = if fragment.is_some() { protocol::FRAGMENT } else { header.next_header };
    let payload_length = (extra + payload.len()) as u16;
    Ipv6 { next_header, payload_length, ..*header }.emit(&mut bytes[ETHERNET..]);
    if let Some(fragment) = fragment {
        fragment.emit(header.next_header, &mut bytes[ETHERNET + wire::ipv6::LENGTH..]);
    }
    bytes[begin..].copy_from_slice(payload);
    bytes[12..14].copy_from_slice(&ethertype::IPV6.to_be_bytes());
    world.run.pool.set_encap(frame, route.encap.as_ref());
    let to = route.gateway.unwrap_or(route.destination);
    if route.destination.is_multicast() && is_member(world, route.device, route.destination) {
        loop_back(world, route.device, frame);
    }
    Ok(Sent { at_once: super::output(world, route.device, IpAddr::V6(to), frame) })
}

/// The host hears what it sends to a group that it is in, but for its own questions and claims.
fn loop_back(world: &mut World, id: DeviceId, frame: FrameId) {
    let echo = Ipv6View::new(&world.run.pool.bytes(frame)[ETHERNET..])
        .ok()
        .and_then(|view| view.carried().ok())
        .is_some_and(|carried| carried.protocol != protocol::ICMPV6 || carried.payload.first() == Some(&128));
    if echo && !fib6::is_loopback(world, id) {
        deliver_frame(world, id, frame);
    }
}

fn is_member(world: &World, id: DeviceId, group: Ipv6Addr) -> bool {
    let part = world.get(id).and_then(|device| device.inet6.as_ref());
    part.is_some_and(|inet6| inet6.groups.contains(&group))
}

/// The source of a packet that waits in a frame.
pub(crate) fn source_of(world: &World, frame: FrameId) -> Option<Ipv6Addr> {
    let bytes = world.run.pool.bytes(frame).get(ETHERNET..)?;
    Ipv6View::new(bytes).ok().map(|view| view.source())
}

/// The neighbour of a packet did not answer: whoever sent it hears of it.
pub(crate) fn link_failed(world: &mut World, id: DeviceId, frame: FrameId) {
    use wire::icmpv6::unreachable::ADDRESS as code;
    super::with_packet(world, frame, |world, packet| {
        world.discard(Some(id), frame, Drop::NeighbourFailed);
        if world.get(id).is_some() {
            icmp6::send_own_error(world, id, packet, Error::Unreachable { code });
        }
    });
}

/// Sends a packet that lies in a frame of another namespace's device over the routes through a device, as if it were
/// the host's own (`ipvlan_process_v6_outbound`). Says whether there was a way.
pub(crate) fn send_frame(world: &mut World, below: DeviceId, frame: FrameId) -> bool {
    let (netns, oif) = (world[below].netns, world[below].ifindex);
    let bytes = world.run.pool.bytes(frame).get(ETHERNET..).unwrap_or_default();
    let route = Ipv6View::new(bytes).ok().and_then(|view| {
        let flow = Flow { source: view.source(), oif, ..Flow::to(view.destination()) };
        fib6::outgoing(world, netns, &flow).ok()
    });
    let Some(route) = route else {
        world.discard(Some(below), frame, Drop::NoRoute);
        return false;
    };
    if route.device == below && domain::is_master(world, below) {
        domain::loop_back(world, below, frame);
        return true;
    }
    let meta = world.run.pool.meta_mut(frame);
    meta.tag = Tag::NONE;
    meta.kind = PacketKind::Auto;
    world.run.pool.set_encap(frame, route.encap.as_ref());
    let to = route.gateway.unwrap_or(route.destination);
    super::output(world, route.device, IpAddr::V6(to), frame);
    true
}

/// Takes a frame of IPv6 that came in through a device (`ipv6_rcv`).
pub(crate) fn receive(world: &mut World, id: DeviceId, frame: FrameId, whose: For) {
    let reason = match whose {
        For::Other => Some(Drop::OtherHost),
        _ => check(world, id, frame),
    };
    if let Some(reason) = reason {
        return super::consume(world, id, frame, reason);
    }
    let bytes = world.run.pool.bytes(frame).get(ETHERNET..).unwrap_or_default();
    let Ok(view) = Ipv6View::new(bytes) else { return };
    let (source, destination) = (view.source(), view.destination());
    let passes_master = !fib6::is_strict(destination) && !is_discovery(&view);
    if destination.is_multicast() {
        let member = is_member(world, id, destination);
        if member && tunnel::receive::take6(world, id, frame, false) {
            return;
        }
        if member {
            deliver_frame(world, id, frame);
        }
        return super::consume(world, id, frame, if member { Drop::Consumed } else { Drop::OtherHost });
    }
    if let Some(other) = super::claimed(world, id, frame) {
        let flow = Flow { source, iif: world[other].ifindex, ..Flow::to(destination) };
        let found = fib6::lookup(world, world[other].netns, &flow, false);
        if found.is_ok_and(|found| matches!(found.kind, RTN_LOCAL | RTN_ANYCAST)) {
            super::count_claimed(world, other, world.run.pool.length(frame));
            deliver_frame(world, other, frame);
            return super::consume(world, other, frame, Drop::Consumed);
        }
    }
    if domain::is_master(world, id) {
        // What the master of a routing domain sent is its own.
        deliver_frame(world, id, frame);
        return super::consume(world, id, frame, Drop::Consumed);
    }
    if passes_master {
        domain::count(world, id, frame);
    }
    let (netns, iif) = (world[id].netns, domain::input(world, id).ifindex);
    let oif = world[id].ifindex;
    let oif = if fib6::is_strict(destination) && !fib6::is_loopback(world, id) { oif } else { 0 };
    let tunnel = world.run.pool.came_through(frame);
    let flow = Flow { source, iif, oif, tunnel, ..Flow::to(destination) };
    match fib6::lookup(world, netns, &flow, oif != 0) {
        Ok(found) if matches!(found.kind, RTN_LOCAL | RTN_ANYCAST) => {
            // A packet of a domain is counted at the master each time.
            if tunnel::receive::take6(world, id, frame, domain::master(world, id).is_none()) {
                return;
            }
            deliver_frame(world, id, frame);
            super::consume(world, id, frame, Drop::Consumed);
        }
        Ok(found) => forward(world, id, frame, whose, &found),
        Err(errno) => refuse(world, id, frame, errno),
    }
}

/// Whether a packet looks for neighbours or routers (`ipv6_ndisc_frame`).
fn is_discovery(view: &Ipv6View<'_>) -> bool {
    let is_one = |carried: Carried<'_>| {
        carried.protocol == protocol::ICMPV6 && matches!(carried.payload.first(), Some(133..=137))
    };
    view.carried().is_ok_and(is_one)
}

/// The checks of a header; why the packet is dropped if it fails one.
pub(super) fn check(world: &mut World, id: DeviceId, frame: FrameId) -> Option<Drop> {
    let bytes = world.run.pool.bytes(frame).get(ETHERNET..).unwrap_or_default();
    let Ok(view) = Ipv6View::new(bytes) else { return Some(Drop::BadHeader) };
    let (source, destination) = (view.source(), view.destination());
    let length = ETHERNET + view.bytes().len();
    if !inet6::is_enabled(world, id) {
        return Some(Drop::NotForwarding);
    }
    let loops = source.is_loopback() || destination.is_loopback();
    let narrow = destination.is_multicast() && destination.octets()[1] & 15 <= 1;
    let outside = !fib6::is_loopback(world, id);
    if source.is_multicast() || outside && (loops || narrow) || destination.is_unspecified() {
        return Some(Drop::Martian);
    }
    world.run.pool.truncate(frame, length);
    None
}

/// A packet that has no way on (`ip6_pkt_drop`).
fn refuse(world: &mut World, id: DeviceId, frame: FrameId, errno: Errno) {
    use wire::icmpv6::unreachable::{NO_ROUTE, PROHIBITED};
    let (code, reason) = match errno {
        Errno::EACCES => (Some(PROHIBITED), Drop::Prohibited),
        Errno::EINVAL => (None, Drop::Blackhole),
        Errno::EHOSTUNREACH => (Some(NO_ROUTE), Drop::Unreachable),
        _ => (Some(NO_ROUTE), Drop::NoRoute),
    };
    if let Some(code) = code {
        send_error(world, id, frame, Error::Unreachable { code });
    }
    super::consume(world, id, frame, reason);
}

/// Tells the sender of a packet that came in what is wrong with it.
fn send_error(world: &mut World, id: DeviceId, frame: FrameId, error: Error) {
    let netns = world[id].netns;
    super::with_packet(world, frame, |world, packet| {
        icmp6::send_error(world, netns, Some(id), packet, error)
    });
}

/// Sends a packet on (`ip6_forward`).
fn forward(world: &mut World, id: DeviceId, frame: FrameId, whose: For, found: &fib6::Found) {
    let netns = world[id].netns;
    let forwards = world.space(netns).is_ok_and(|space| space.stack.all6.is(v6::FORWARDING));
    if !forwards || whose != For::Host {
        return super::consume(world, id, frame, Drop::NotForwarding);
    }
    let bytes = world.run.pool.bytes(frame).get(ETHERNET..).unwrap_or_default();
    let Ok(view) = Ipv6View::new(bytes) else { return };
    let (source, destination, length) = (view.source(), view.destination(), view.bytes().len());
    let error = match () {
        () if source.is_unspecified() || source.is_loopback() => {
            return super::consume(world, id, frame, Drop::Martian);
        }
        () if view.hop_limit() <= 1 => Some((Error::TimeExceeded, Drop::TtlExceeded)),
        () if inet6::is_link_local(source) => {
            Some((Error::Unreachable { code: wire::icmpv6::unreachable::BEYOND_SCOPE }, Drop::Martian))
        }
        () => {
            let out = inet6::mtu(world, found.nexthop.device);
            let mtu = if found.mtu == 0 { out } else { found.mtu };
            (length > mtu as usize).then_some((Error::TooBig { mtu: mtu.max(1280) }, Drop::TooBig))
        }
    };
    if let Some((error, reason)) = error {
        send_error(world, id, frame, error);
        return super::consume(world, id, frame, reason);
    }
    let Some(bytes) = world.run.pool.bytes_mut(frame) else {
        return super::consume(world, id, frame, Drop::NoPool);
    };
    wire::ipv6::decrease_hop_limit(&mut bytes[ETHERNET..]);
    let meta = world.run.pool.meta_mut(frame);
    meta.tag = Tag::NONE;
    meta.kind = PacketKind::Auto;
    meta.origin = None;
    world.run.pool.set_encap(frame, found.nexthop.encap.as_ref());
    let to = found.nexthop.gateway.unwrap_or(destination);
    super::output(world, found.nexthop.device, IpAddr::V6(to), frame);
}

/// Hands the packet of a frame to its protocol.
fn deliver_frame(world: &mut World, id: DeviceId, frame: FrameId) {
    super::with_packet(world, frame, |world, packet| deliver(world, id, packet));
}

/// Hands a packet for this host to its protocol (`ip6_input_finish`).
fn deliver(world: &mut World, id: DeviceId, packet: &[u8]) {
    let Ok(view) = Ipv6View::new(packet) else { return };
    let Ok(carried) = view.carried() else { return };
    match carried.fragment {
        Some(fragment) if fragment.more || fragment.offset > 0 => {
            if let Some(whole) = collect(world, id, &view, &carried, &fragment) {
                // A whole packet has no fragment header any more, so this ends.
                deliver_whole(world, id, &whole);
            }
        }
        _ => deliver_whole(world, id, packet),
    }
}

/// Takes a fragment; gives the packet once it is whole, without its extension headers.
fn collect(
    world: &mut World,
    id: DeviceId,
    view: &Ipv6View<'_>,
    carried: &Carried<'_>,
    fragment: &Fragment,
) -> Option<Vec<u8>> {
    let netns = world[id].netns;
    let (source, destination) = (IpAddr::V6(view.source()), IpAddr::V6(view.destination()));
    let key = (source, destination, fragment.identification, protocol::FRAGMENT);
    let offset = usize::from(fragment.offset);
    // What the first fragment carries is known by the header in front of its payload.
    let mut head = view.bytes().to_vec();
    head[6] = carried.protocol;
    let piece = Piece { key, offset, more: fragment.more, bytes: carried.payload, head: &head };
    let (head, payload) = fragment::collect(world, netns, id, &piece)?;
    let mut packet = head.get(..wire::ipv6::LENGTH)?.to_vec();
    let length = u16::try_from(payload.len()).ok()?;
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&payload);
    Some(packet)
}

fn deliver_whole(world: &mut World, id: DeviceId, packet: &[u8]) {
    let Ok(view) = Ipv6View::new(packet) else { return };
    let Ok(carried) = view.carried() else { return };
    let netns = world[id].netns;
    let input = domain::input(world, id);
    let head = Received {
        from: SocketAddr::new(IpAddr::V6(view.source()), 0),
        to: IpAddr::V6(view.destination()),
        ifindex: input.ifindex,
        port: input.port,
        ttl: view.hop_limit(),
        payload: Vec::new(),
    };
    match carried.protocol {
        protocol::ICMPV6 => {
            socket::deliver_raw6(world, netns, &head, carried.payload);
            icmp6::receive(world, id, &view, carried.payload);
        }
        protocol::UDP => udp::receive6(world, id, &head, carried.payload, packet),
        protocol::TCP if view.destination().is_multicast() => {}
        protocol::TCP => {
            let (source, destination) = (view.source().into(), view.destination().into());
            let (tos, bytes) = (view.traffic_class(), carried.payload);
            tcp::receive(world, id, tcp::Segment { source, destination, tos, bytes });
        }
        protocol::NONE => {}
        _ => icmp6::send_error(world, netns, Some(id), packet, Error::Header { at: 6 }),
    }
}
