//! IPv4: packets in, out and through (`net/ipv4/ip_input.c`, `ip_output.c`, `ip_forward.c`).
//!
//! A packet that is sent on is changed in its own buffer: only its header is rewritten. One of the host's own is built
//! once and cut into fragments if it is larger than its way allows. **Left out**: options of the header are carried
//! and not acted upon.

use super::encap::Encap;
use super::fib4::Flow;
use super::route4::{self, Incoming, Outgoing};
use super::{For, conf, domain, fragment, icmp, igmp, socket, tcp, tunnel, udp};
use crate::device::DeviceId;
use crate::frame::metadata::Metadata;
use crate::frame::{FrameId, PacketKind};
use crate::netns::NetnsId;
use crate::run::Drop;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::object::route::*;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use wire::{Ipv4, Ipv4View, ethertype, protocol};

/// Bytes in front of the packet in a frame.
const ETHERNET: usize = wire::ethernet::LENGTH;

/// What the host sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Send<'a> {
    pub protocol: u8,
    pub tos: u8,
    pub ttl: u8,
    /// It must not be cut; one that is too large is refused.
    pub whole: bool,
    /// The bit that says so to routers.
    pub dont_fragment: bool,
    pub identification: u16,
    pub payload: &'a [u8],
}

/// What came of sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    /// Through which device it went at once; none: it waits for its neighbour.
    pub at_once: Option<DeviceId>,
}

/// Sends a payload over a route (`ip_local_out`).
///
/// # Errors
/// EMSGSIZE if it must stay whole and is larger than the way allows; ENOBUFS without memory.
pub(crate) fn send(world: &mut World, route: &Outgoing, send: &Send<'_>) -> Result<Sent, Errno> {
    let total = wire::ipv4::LENGTH + send.payload.len();
    if total > usize::from(u16::MAX) {
        return Err(Errno::EMSGSIZE);
    }
    let mtu = route.mtu as usize;
    if total > mtu && send.whole {
        return Err(Errno::EMSGSIZE);
    }
    let header = Ipv4 {
        tos: send.tos,
        identification: send.identification,
        dont_fragment: send.dont_fragment,
        more_fragments: false,
        fragment_offset: 0,
        ttl: send.ttl,
        protocol: send.protocol,
        source: route.source,
        destination: route.destination,
        payload_length: send.payload.len() as u16,
    };
    let to = route.gateway.unwrap_or(IpAddr::V4(route.destination));
    if total <= mtu {
        return emit(world, route, to, &header, send.payload);
    }
    let step = mtu.saturating_sub(wire::ipv4::LENGTH) & !7;
    if step == 0 {
        return Err(Errno::EMSGSIZE);
    }
    let mut sent = Sent { at_once: Some(route.device) };
    for (number, piece) in send.payload.chunks(step).enumerate() {
        let offset = number * step;
        let more_fragments = offset + piece.len() < send.payload.len();
        let fragment_offset = offset as u16;
        let payload_length = piece.len() as u16;
        let header = Ipv4 { dont_fragment: false, more_fragments, fragment_offset, payload_length, ..header };
        sent = emit(world, route, to, &header, piece)?;
    }
    Ok(sent)
}

/// Writes one packet into a frame and hands it to the neighbour.
fn emit(
    world: &mut World,
    route: &Outgoing,
    to: IpAddr,
    header: &Ipv4,
    payload: &[u8],
) -> Result<Sent, Errno> {
    let length = ETHERNET + wire::ipv4::LENGTH + payload.len();
    let frame = world.run.pool.blank(length).ok_or(Errno::ENOBUFS)?;
    let bytes = world.run.pool.bytes_mut(frame).ok_or(Errno::ENOBUFS)?;
    header.emit(&mut bytes[ETHERNET..]);
    bytes[ETHERNET + wire::ipv4::LENGTH..].copy_from_slice(payload);
    bytes[12..14].copy_from_slice(&ethertype::IPV4.to_be_bytes());
    world.run.pool.meta_mut(frame).kind = PacketKind::Auto;
    world.run.pool.set_encap(frame, route.encap());
    if route.local && matches!(route.kind, RTN_BROADCAST | RTN_MULTICAST) {
        loop_back(world, route.device, frame);
    }
    Ok(Sent { at_once: super::output(world, route.device, to, frame) })
}

/// The host hears what it sends to a group that it is in (`ip_mc_output`).
fn loop_back(world: &mut World, id: DeviceId, frame: FrameId) {
    super::with_packet(world, frame, |world, packet| {
        if let Ok(view) = Ipv4View::new(packet) {
            deliver(world, id, &view, RTN_BROADCAST);
        }
    });
}

/// The source of a packet that waits in a frame.
pub(crate) fn source_of(world: &World, frame: FrameId) -> Option<Ipv4Addr> {
    let bytes = world.run.pool.bytes(frame).get(ETHERNET..)?;
    Ipv4View::new(bytes).ok().map(|view| view.source())
}

/// The neighbour of a packet did not answer: whoever sent it hears of it (`ipv4_link_failure`).
pub(crate) fn link_failed(world: &mut World, id: DeviceId, frame: FrameId) {
    use wire::icmp::unreachable::HOST;
    super::with_packet(world, frame, |world, packet| {
        world.discard(Some(id), frame, Drop::NeighbourFailed);
        if world.get(id).is_some() {
            icmp::send_own_error(world, id, packet, icmp::Error::Unreachable { code: HOST, mtu: 0 });
        }
    });
}

/// Sends a packet that lies in a frame of another namespace's device over the routes through a device, as if it were
/// the host's own, whatever its source (`ipvlan_process_v4_outbound`, `vrf_process_v4_outbound`). Says whether there was a way.
pub(crate) fn send_frame(world: &mut World, below: DeviceId, frame: FrameId) -> bool {
    let (netns, oif) = (world[below].netns, world[below].ifindex);
    let bytes = world.run.pool.bytes(frame).get(ETHERNET..).unwrap_or_default();
    let route = Ipv4View::new(bytes).ok().and_then(|view| {
        let tos = view.tos() & 0x1c;
        let flow = Flow { source: view.source(), oif, tos, any_source: true, ..Flow::to(view.destination()) };
        route4::outgoing(world, netns, &flow).ok()
    });
    let Some(route) = route.filter(|route| matches!(route.kind, RTN_UNICAST | RTN_LOCAL)) else {
        world.discard(Some(below), frame, Drop::NoRoute);
        return false;
    };
    if route.device == below && route.kind == RTN_LOCAL {
        domain::loop_back(world, below, frame);
        return true;
    }
    let Some(bytes) = world.run.pool.bytes_mut(frame) else {
        world.discard(Some(below), frame, Drop::NoPool);
        return false;
    };
    // What is behind the packet becomes part of it, as in Linux.
    let packet = &mut bytes[ETHERNET..];
    let length = packet.len().min(usize::from(u16::MAX));
    packet[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    wire::ipv4::fill_checksum(packet);
    let meta = world.run.pool.meta_mut(frame);
    meta.tag = crate::frame::Tag::NONE;
    meta.kind = PacketKind::Auto;
    world.run.pool.set_encap(frame, route.encap());
    let to = route.gateway.unwrap_or(IpAddr::V4(route.destination));
    if length > route.mtu as usize {
        cut(world, below, frame, route.device, to, route.mtu);
    } else {
        super::output(world, route.device, to, frame);
    }
    true
}

/// Takes a frame of IPv4 that came in through a device (`ip_rcv`).
pub(crate) fn receive(world: &mut World, id: DeviceId, frame: FrameId, kind: For) {
    let reason = match kind {
        For::Other => Some(Drop::OtherHost),
        _ => check(world, id, frame),
    };
    if let Some(reason) = reason {
        return super::consume(world, id, frame, reason);
    }
    let bytes = world.run.pool.bytes(frame).get(ETHERNET..).unwrap_or_default();
    let Ok(view) = Ipv4View::new(bytes) else { return };
    let (source, destination, tos) = (view.source(), view.destination(), view.tos());
    let tunnel = world.run.pool.came_through(frame);
    if let Some(other) = super::claimed(world, id, frame) {
        let way = route4::incoming(world, other, source, destination, tos & 0x1c, (0, tunnel), false);
        if let Ok(Incoming::Local { kind, .. }) = way {
            deliver_claimed(world, other, frame, kind);
            return super::consume(world, other, frame, Drop::Consumed);
        }
    }
    // A packet of a routing domain comes in through the master; what the master itself sent is its own.
    let at = domain::master(world, id).unwrap_or(id);
    // A group is heard by the port.
    let asked = if destination.is_multicast() { id } else { at };
    let way = match domain::is_master(world, id) {
        true => Ok(Incoming::Local { kind: RTN_LOCAL, found: None }),
        false => route4::incoming(world, asked, source, destination, tos & 0x1c, (0, tunnel), false),
    };
    if at != id && !destination.is_multicast() {
        domain::count(world, id, frame);
    }
    match way {
        Ok(Incoming::Local { kind, .. }) => {
            // A packet of a domain is counted at the master each time.
            if tunnel::receive::take4(world, id, frame, kind == RTN_LOCAL && at == id) {
                return;
            }
            deliver_frame(world, id, frame, kind);
            super::consume(world, id, frame, Drop::Consumed);
        }
        Ok(Incoming::Forward { device, gateway, found }) => {
            if world.run.pool.destination(frame)[0] & 1 == 1 {
                return super::consume(world, id, frame, Drop::OtherHost);
            }
            let mtu = if found.mtu == 0 { world.get(device).map_or(0, |out| out.mtu) } else { found.mtu };
            let to = gateway.unwrap_or(IpAddr::V4(destination));
            forward(world, at, frame, (device, to, mtu), found.nexthop.encap.as_ref());
        }
        Err(errno) => refuse(world, at, frame, errno),
    }
}

/// The checks of a header; why the packet is dropped if it fails one.
pub(super) fn check(world: &mut World, id: DeviceId, frame: FrameId) -> Option<Drop> {
    if world[id].inet.is_none() {
        return Some(Drop::BadHeader);
    }
    let bytes = world.run.pool.bytes(frame).get(ETHERNET..).unwrap_or_default();
    let Ok(view) = Ipv4View::new(bytes) else { return Some(Drop::BadHeader) };
    if !view.checksum_is_right() {
        return Some(Drop::BadChecksum);
    }
    let length = ETHERNET + view.total_length();
    world.run.pool.truncate(frame, length);
    None
}

/// A packet that has no way on (`ip_error`).
fn refuse(world: &mut World, id: DeviceId, frame: FrameId, errno: Errno) {
    use wire::icmp::unreachable::{FILTERED, HOST, NET};
    let (code, reason) = match errno {
        Errno::EHOSTUNREACH => (Some(HOST), Drop::Unreachable),
        Errno::ENETUNREACH => (Some(NET), Drop::NoRoute),
        Errno::EACCES => (Some(FILTERED), Drop::Prohibited),
        Errno::EXDEV => (None, Drop::ReversePath),
        _ => (None, Drop::Martian),
    };
    let forwards = route4::forwards(world, id);
    let reason = if forwards { reason } else { Drop::NotForwarding };
    if let Some(code) = code.filter(|_| forwards) {
        send_error(world, id, frame, icmp::Error::Unreachable { code, mtu: 0 });
    }
    super::consume(world, id, frame, reason);
}

/// Tells the sender of a packet that came in what is wrong with it.
fn send_error(world: &mut World, id: DeviceId, frame: FrameId, error: icmp::Error) {
    let netns = world[id].netns;
    super::with_packet(world, frame, |world, packet| icmp::send_error(world, netns, Some(id), packet, error));
}

/// Sends a packet on (`ip_forward`).
fn forward(
    world: &mut World,
    id: DeviceId,
    frame: FrameId,
    (out, to, mtu): (DeviceId, IpAddr, u32),
    encap: Option<&Arc<Encap>>,
) {
    let bytes = world.run.pool.bytes(frame).get(ETHERNET..).unwrap_or_default();
    let Ok(view) = Ipv4View::new(bytes) else { return };
    let (ttl, total, whole) = (view.ttl(), view.total_length(), view.dont_fragment());
    let too_big = total > mtu as usize;
    if ttl <= 1 {
        send_error(world, id, frame, icmp::Error::TimeExceeded);
        return super::consume(world, id, frame, Drop::TtlExceeded);
    }
    if too_big && whole {
        use wire::icmp::unreachable::FRAGMENTATION_NEEDED as code;
        let mtu = mtu.min(u32::from(u16::MAX)) as u16;
        send_error(world, id, frame, icmp::Error::Unreachable { code, mtu });
        return super::consume(world, id, frame, Drop::TooBig);
    }
    let Some(bytes) = world.run.pool.bytes_mut(frame) else {
        return super::consume(world, id, frame, Drop::NoPool);
    };
    wire::ipv4::decrease_ttl(&mut bytes[ETHERNET..]);
    if out == id {
        redirect(world, id, frame, to);
    }
    let meta = world.run.pool.meta_mut(frame);
    meta.tag = crate::frame::Tag::NONE;
    meta.kind = PacketKind::Auto;
    meta.origin = None;
    world.run.pool.set_encap(frame, encap);
    if too_big {
        return cut(world, id, frame, out, to, mtu);
    }
    super::output(world, out, to, frame);
}

/// Tells the sender of a packet that leaves where it came from of the better way (`ip_rt_send_redirect`).
fn redirect(world: &mut World, id: DeviceId, frame: FrameId, to: IpAddr) {
    let bytes = world.run.pool.bytes(frame).get(ETHERNET..).unwrap_or_default();
    let (Ok(view), IpAddr::V4(gateway)) = (Ipv4View::new(bytes), to) else { return };
    let way = (view.source(), view.destination());
    let (netns, now) = (world[id].netns, world.now.0);
    if !route4::is_detour(world, id, way, Some(to).filter(|_| gateway != way.1)) {
        return;
    }
    if world.space_mut(netns).is_ok_and(|space| space.stack.redirects.take(IpAddr::V4(way.0), now)) {
        send_error(world, id, frame, icmp::Error::Redirect { gateway });
    }
}

/// Cuts a packet that is sent on into fragments.
pub(super) fn cut(world: &mut World, id: DeviceId, frame: FrameId, out: DeviceId, to: IpAddr, mtu: u32) {
    let metadata = world.run.pool.metadata(frame);
    super::with_packet(world, frame, |world, packet| {
        super::consume(world, id, frame, Drop::Consumed);
        cut_packet(world, packet, &metadata, (out, to, mtu));
    });
}

fn cut_packet(
    world: &mut World,
    packet: &[u8],
    metadata: &Metadata,
    (out, to, mtu): (DeviceId, IpAddr, u32),
) {
    let (Ok(view), Ok(header)) = (Ipv4View::new(packet), Ipv4::parse(packet)) else { return };
    let step = (mtu as usize).saturating_sub(view.header_length()) & !7;
    if step == 0 {
        return;
    }
    let (payload, base) = (view.payload(), usize::from(view.fragment_offset()));
    for (number, piece) in payload.chunks(step).enumerate() {
        let offset = number * step;
        let more = offset + piece.len() < payload.len() || view.more_fragments();
        let length = ETHERNET + wire::ipv4::LENGTH + piece.len();
        let Some(next) = world.run.pool.blank(length) else { return };
        let Some(bytes) = world.run.pool.bytes_mut(next) else { return };
        let header = Ipv4 {
            more_fragments: more,
            fragment_offset: (base + offset) as u16,
            payload_length: piece.len() as u16,
            ..header
        };
        header.emit(&mut bytes[ETHERNET..]);
        bytes[ETHERNET + wire::ipv4::LENGTH..].copy_from_slice(piece);
        bytes[12..14].copy_from_slice(&ethertype::IPV4.to_be_bytes());
        world.run.pool.set_metadata(next, metadata.clone());
        super::output(world, out, to, next);
    }
}

/// Hands the packet of a frame to its protocol.
fn deliver_frame(world: &mut World, id: DeviceId, frame: FrameId, kind: u8) {
    super::with_packet(world, frame, |world, packet| {
        if let Ok(view) = Ipv4View::new(packet) {
            deliver(world, id, &view, kind);
        }
    });
}

/// The same for a device that claimed the packet, and counts it there once it is whole (`ipvlan_nf_input`).
fn deliver_claimed(world: &mut World, id: DeviceId, frame: FrameId, kind: u8) {
    let deliver = |world: &mut World, packet: &[u8]| {
        if let Ok(view) = Ipv4View::new(packet) {
            super::count_claimed(world, id, ETHERNET + view.bytes().len());
            deliver_whole(world, id, &view, kind);
        }
    };
    super::with_packet(world, frame, |world, packet| match Ipv4View::new(packet) {
        Ok(view) if view.is_fragment() => {
            let netns = world[id].netns;
            if let Some(whole) = fragment::collect4(world, netns, id, &view) {
                deliver(world, &whole);
            }
        }
        _ => deliver(world, packet),
    });
}

/// Hands a packet for this host to its protocol (`ip_local_deliver`).
pub(crate) fn deliver(world: &mut World, id: DeviceId, view: &Ipv4View<'_>, kind: u8) {
    let netns = world[id].netns;
    if view.is_fragment() {
        if let Some(whole) = fragment::collect4(world, netns, id, view) {
            if let Ok(view) = Ipv4View::new(&whole) {
                deliver_whole(world, id, &view, kind);
            }
        }
        return;
    }
    deliver_whole(world, id, view, kind);
}

fn deliver_whole(world: &mut World, id: DeviceId, view: &Ipv4View<'_>, kind: u8) {
    let netns = world[id].netns;
    let raw = socket::deliver_raw4(world, netns, id, view);
    match view.protocol() {
        protocol::ICMP => icmp::receive(world, id, view, kind),
        protocol::UDP => udp::receive4(world, id, view, kind),
        protocol::TCP if kind == RTN_LOCAL => {
            let (source, destination) = (view.source().into(), view.destination().into());
            tcp::receive(
                world,
                id,
                tcp::Segment { source, destination, tos: view.tos(), bytes: view.payload() },
            );
        }
        protocol::IGMP => {
            // Unlike MLD's, its questions are the port's own, not those of the master of its domain.
            igmp::receive(world, id, view.destination(), view.payload());
        }
        _ if raw || kind != RTN_LOCAL => {}
        _ => {
            use wire::icmp::unreachable::PROTOCOL as code;
            let bytes = view.bytes();
            icmp::send_error(world, netns, Some(id), bytes, icmp::Error::Unreachable { code, mtu: 0 });
        }
    }
}

/// Sends something small of the host's own: an answer or an error.
pub(crate) fn reply(world: &mut World, netns: NetnsId, flow: &Flow, protocol: u8, tos: u8, payload: &[u8]) {
    let Ok(route) = route4::outgoing(world, netns, flow) else { return };
    let (ttl, identification) = match world.space_mut(netns) {
        Ok(space) => {
            space.stack.identification = space.stack.identification.wrapping_add(1);
            (space.stack.conf.get(conf::netns::DEFAULT_TTL) as u8, space.stack.identification)
        }
        Err(_) => return,
    };
    let send = Send { protocol, tos, ttl, whole: false, dont_fragment: false, identification, payload };
    let _ = self::send(world, &route, &send);
}
