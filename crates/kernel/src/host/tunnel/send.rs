//! The way of a tunnel's packets out: a route to the far end, and the headers in front of what is carried
//! (`udp_tunnel_xmit_skb`, `iptunnel_xmit`, `udp_tunnel6_xmit_skb`).
//!
//! A way is what routes and neighbours say of a far end. It is remembered as long as frames move on without a request,
//! a timer or a change of a neighbour coming between (`Run::epoch`): for those frames only headers are written.

use crate::device::{DeviceId, Mac};
use crate::frame::{FrameId, PacketKind, Tag};
use crate::host::{fib4, fib6, icmp, icmp6, ipv4, neighbour, route4};
use crate::netns::NetnsId;
use crate::run::{Drop, Step};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::object::route::{RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST};
use std::net::IpAddr;
use wire::checksum::{self, Sum};
use wire::{ethertype, protocol, udp};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// Bytes of a tunnel's own header.
pub(crate) const HEADER: usize = 8;
/// The most bytes of all headers.
const MOST: usize = ETHERNET + wire::ipv6::LENGTH + udp::LENGTH + HEADER;
/// Ways that one device remembers.
const REMEMBERED: usize = 64;

/// Where packets are to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Journey {
    pub netns: NetnsId,
    pub remote: IpAddr,
    /// The source; unspecified: the route decides.
    pub local: IpAddr,
    /// The index of the link that they leave through; 0: the route decides.
    pub oif: u32,
    /// The type of service that the route is asked for.
    pub tos: u8,
}

/// How they get there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub netns: NetnsId,
    /// The link that they leave through.
    pub device: DeviceId,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub mtu: u32,
    /// The usual time to live.
    pub ttl: u8,
    /// They come back: the far end is this host.
    pub local: bool,
    next: IpAddr,
    /// The neighbour's address and the link's own, if they are known.
    ends: Option<(Mac, Mac)>,
    /// The longest frame that the link takes.
    longest: usize,
}

/// The headers of one packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outer {
    pub tos: u8,
    pub ttl: u8,
    /// Routers must not cut it.
    pub whole: bool,
    /// The flow label of IPv6.
    pub label: u32,
    /// The datagram bears a checksum.
    pub sums: bool,
    pub source_port: u16,
    pub port: u16,
    /// The tunnel's own.
    pub header: [u8; HEADER],
}

/// The ways that a device has found.
#[derive(Default)]
pub(crate) struct Ways {
    found: Vec<Option<(u64, Journey, Way)>>,
}

fn place(journey: &Journey) -> usize {
    let low = match journey.remote {
        IpAddr::V4(remote) => u32::from(remote),
        IpAddr::V6(remote) => remote.to_bits() as u32,
    };
    (low ^ low >> 8 ^ u32::from(journey.tos) << 3) as usize % REMEMBERED
}

impl Ways {
    /// The way, if it was found in this epoch.
    #[inline]
    pub(crate) fn get(&self, epoch: u64, journey: &Journey) -> Option<Way> {
        let (then, known, way) = self.found.get(place(journey))?.as_ref()?;
        (*then == epoch && known == journey).then_some(*way)
    }

    pub(crate) fn remember(&mut self, epoch: u64, journey: Journey, way: Way) {
        if self.found.is_empty() {
            self.found.resize(REMEMBERED, None);
        }
        if let Some(slot) = self.found.get_mut(place(&journey)) {
            *slot = Some((epoch, journey, way));
        }
    }
}

/// Finds the way.
///
/// # Errors
/// What the routes refuse with.
pub(crate) fn find(world: &mut World, journey: &Journey) -> Result<Way, Errno> {
    let mut way = match (journey.remote, journey.local) {
        (IpAddr::V4(remote), local) => {
            let source = if let IpAddr::V4(local) = local { local } else { std::net::Ipv4Addr::UNSPECIFIED };
            let flow = fib4::Flow { source, oif: journey.oif, tos: journey.tos, ..fib4::Flow::to(remote) };
            let route = route4::outgoing(world, journey.netns, &flow)?;
            let conf = &world.space(journey.netns)?.stack.conf;
            let many = matches!(route.kind, RTN_BROADCAST | RTN_MULTICAST);
            Way {
                netns: journey.netns,
                device: route.device,
                source: IpAddr::V4(route.source),
                destination: IpAddr::V4(route.destination),
                mtu: route.mtu,
                ttl: conf.get(crate::host::conf::netns::DEFAULT_TTL) as u8,
                local: route.kind == RTN_LOCAL && !many,
                next: route.gateway.unwrap_or(IpAddr::V4(route.destination)),
                ends: None,
                longest: 0,
            }
        }
        (IpAddr::V6(remote), local) => {
            let source = if let IpAddr::V6(local) = local { local } else { std::net::Ipv6Addr::UNSPECIFIED };
            let flow = fib6::Flow { source, oif: journey.oif, ..fib6::Flow::to(remote) };
            let route = fib6::outgoing(world, journey.netns, &flow)?;
            Way {
                netns: journey.netns,
                device: route.device,
                source: IpAddr::V6(route.source),
                destination: IpAddr::V6(route.destination),
                mtu: route.mtu,
                ttl: crate::inet6::hop_limit(world, route.device),
                local: fib6::is_loopback(world, route.device),
                next: IpAddr::V6(route.gateway.unwrap_or(route.destination)),
                ends: None,
                longest: 0,
            }
        }
    };
    way.longest = world.longest(way.device, false);
    let open = world.get(way.device).filter(|device| device.is_up() && device.carrier);
    if let Some(own) = open.filter(|_| !way.local).map(|device| device.address) {
        way.ends = neighbour::at_hand(world, (way.device, way.next)).map(|mac| (mac, own));
    }
    Ok(way)
}

/// Sends a frame that carries so many bytes over a way, and counts it at the tunnel.
#[inline]
pub(crate) fn send_counted(
    world: &mut World,
    tunnel: DeviceId,
    way: &Way,
    outer: &Outer,
    (frame, length): (FrameId, usize),
) {
    let sent = send(world, way, outer, frame);
    let counters = &mut world[tunnel].counters;
    match sent {
        // A frame with nothing in it counts as one that got lost.
        true if length > 0 => {
            counters.tx_packets += 1;
            counters.tx_bytes += length as u64;
        }
        _ if way.destination.is_ipv4() || sent => counters.tx_dropped += 1,
        _ => counters.errors.tx_errors += 1,
    }
}

/// Sends a frame over a way; gives false if the link below dropped it and said so. The frame is gone in any case.
#[inline]
fn send(world: &mut World, way: &Way, outer: &Outer, frame: FrameId) -> bool {
    let mut head = [0; MOST];
    let Some(head) = write(world, way, outer, frame, &mut head) else {
        world.discard(Some(way.device), frame, Drop::TooBig);
        return false;
    };
    let Some(frame) = prepend(world, frame, head) else { return false };
    let total = world.run.pool.length(frame) - ETHERNET;
    if total > way.mtu as usize {
        return send_large(world, way, outer, frame);
    }
    let fits = total + ETHERNET <= way.longest;
    match way.ends {
        Some(_) => world.forward(way.device, Step::Transmit, frame),
        None => drop(crate::host::output(world, way.device, way.next, frame)),
    }
    fits
}

/// Writes all headers of a packet that carries a frame; nothing if it becomes too large for IP.
#[inline]
fn write<'h>(
    world: &mut World,
    way: &Way,
    outer: &Outer,
    frame: FrameId,
    head: &'h mut [u8; MOST],
) -> Option<&'h [u8]> {
    let carried = world.run.pool.bytes(frame);
    let length = u16::try_from(udp::LENGTH + HEADER + carried.len()).ok()?;
    let v4 = way.destination.is_ipv4();
    let ip = if v4 { wire::ipv4::LENGTH } else { wire::ipv6::LENGTH };
    let datagram = ETHERNET + ip;
    let all = datagram + udp::LENGTH + HEADER;
    let bytes = &mut head[datagram..all];
    bytes[..2].copy_from_slice(&outer.source_port.to_be_bytes());
    bytes[2..4].copy_from_slice(&outer.port.to_be_bytes());
    bytes[4..6].copy_from_slice(&length.to_be_bytes());
    bytes[8..].copy_from_slice(&outer.header);
    if outer.sums {
        let pseudo = match (way.source, way.destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => checksum::pseudo_v4(from, to, protocol::UDP, length.into()),
            (IpAddr::V6(from), IpAddr::V6(to)) => checksum::pseudo_v6(from, to, protocol::UDP, length.into()),
            _ => Sum::ZERO,
        };
        let sum = match pseudo.with(bytes).with(carried).checksum() {
            0 => 0xffff,
            sum => sum,
        };
        bytes[6..8].copy_from_slice(&sum.to_be_bytes());
    }
    if let Some((to, from)) = way.ends {
        head[..6].copy_from_slice(&to);
        head[6..12].copy_from_slice(&from);
    }
    let kind = if v4 { ethertype::IPV4 } else { ethertype::IPV6 };
    head[12..14].copy_from_slice(&kind.to_be_bytes());
    write_ip(world, way, outer, length, &mut head[ETHERNET..]);
    Some(&head[..all])
}

#[inline]
fn write_ip(world: &mut World, way: &Way, outer: &Outer, length: u16, packet: &mut [u8]) {
    match (way.source, way.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let identification = world.space_mut(way.netns).map_or(0, |space| {
                space.stack.identification = space.stack.identification.wrapping_add(1);
                space.stack.identification
            });
            let header = wire::Ipv4 {
                tos: outer.tos,
                identification,
                dont_fragment: outer.whole,
                more_fragments: false,
                fragment_offset: 0,
                ttl: outer.ttl,
                protocol: protocol::UDP,
                source,
                destination,
                payload_length: length,
            };
            header.emit(packet);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = wire::Ipv6 {
                traffic_class: outer.tos,
                flow_label: outer.label,
                payload_length: length,
                next_header: protocol::UDP,
                hop_limit: outer.ttl,
                source,
                destination,
            };
            header.emit(packet);
        }
        _ => {}
    }
}

/// Puts headers in front of a frame; a frame that has no room for them moves to another buffer.
#[inline]
fn prepend(world: &mut World, frame: FrameId, head: &[u8]) -> Option<FrameId> {
    let pool = &mut world.run.pool;
    let frame = if pool.push(frame, head) {
        frame
    } else {
        let Some(moved) = pool.blank(head.len() + pool.length(frame)) else {
            world.discard(None, frame, Drop::NoPool);
            return None;
        };
        let carried = pool.bytes(frame).to_vec();
        let (hops, priority) = (pool.meta(frame).hops, pool.meta(frame).priority);
        if let Some(bytes) = pool.bytes_mut(moved) {
            bytes[..head.len()].copy_from_slice(head);
            bytes[head.len()..].copy_from_slice(&carried);
        }
        let meta = pool.meta_mut(moved);
        (meta.hops, meta.priority) = (hops, priority);
        world.run.pool.release(frame);
        moved
    };
    let meta = world.run.pool.meta_mut(frame);
    meta.tag = Tag::NONE;
    meta.kind = PacketKind::Auto;
    meta.origin = None;
    Some(frame)
}

/// A packet that is larger than its way allows is cut, or (if it must not be) the host itself hears of it.
#[cold]
fn send_large(world: &mut World, way: &Way, outer: &Outer, frame: FrameId) -> bool {
    let packet = world.run.pool.bytes(frame)[ETHERNET..].to_vec();
    let mtu = way.mtu.min(u32::from(u16::MAX));
    match (way.source, way.destination) {
        (IpAddr::V4(_), _) if outer.whole => {
            use wire::icmp::unreachable::FRAGMENTATION_NEEDED as code;
            world.discard(Some(way.device), frame, Drop::TooBig);
            let error = icmp::Error::Unreachable { code, mtu: mtu as u16 };
            icmp::send_error(world, way.netns, None, &packet, error);
            false
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            world.discard(Some(way.device), frame, Drop::TooBig);
            let _ = (source, destination);
            icmp6::send_error(world, way.netns, None, &packet, icmp6::Error::TooBig { mtu });
            false
        }
        _ => {
            ipv4::cut(world, way.device, frame, way.device, way.next, way.mtu);
            true
        }
    }
}
