//! The way of a tunnel's packets out: a route to the far end, and the headers in front of what is carried
//! (`udp_tunnel_xmit_skb`, `iptunnel_xmit`, `udp_tunnel6_xmit_skb`).
//!
//! A way is what routes and neighbours say of a far end. It is remembered as long as frames move on without a request,
//! a timer, an event or a frame for the host itself coming between (`Run::epoch`): for those frames only headers are
//! written.

use crate::device::{DeviceId, Mac};
use crate::frame::FrameId;
use crate::host::{fib4, fib6, icmp, icmp6, ipv4, neighbour, route4};
use crate::netns::NetnsId;
use crate::run::{Drop, Step};
use crate::world::{Instant, World};
use rtnl::errno::Errno;
use rtnl::object::route::{RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST};
use std::net::IpAddr;
use wire::checksum::{self, Sum};
use wire::{ethertype, protocol, udp};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// Bytes of a tunnel's own header.
pub(crate) const HEADER: usize = 8;
/// Bytes of all headers over IPv4.
pub(super) const HEADERS4: usize = ETHERNET + wire::ipv4::LENGTH + udp::LENGTH + HEADER;
/// The same over IPv6.
pub(super) const HEADERS6: usize = ETHERNET + wire::ipv6::LENGTH + udp::LENGTH + HEADER;
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
    /// The neighbour's address, if it is known.
    neighbour: Option<Mac>,
    /// The Ethernet header, of which only the type is right if the neighbour is not known.
    head: [u8; ETHERNET],
    /// The longest frame that the link takes.
    longest: usize,
    /// The route says something to the link, which is another tunnel: such a way is not remembered.
    encap: bool,
}

impl Way {
    #[inline]
    pub(super) fn is_ipv4(&self) -> bool {
        self.destination.is_ipv4()
    }

    /// Bytes of all headers.
    #[inline]
    pub(super) fn headers(&self) -> usize {
        if self.is_ipv4() { HEADERS4 } else { HEADERS6 }
    }

    /// The bytes of the largest packet that leaves at once, as it is, and of which nobody is told that it was dropped.
    #[inline]
    pub(super) fn most(&self) -> usize {
        if self.neighbour.is_none() || self.local {
            0
        } else {
            self.longest.min(self.mtu as usize + ETHERNET)
        }
    }

    /// Writes all headers of a packet in front of what it carries; there is room for just these.
    pub(super) fn write(&self, outer: &Outer, identification: u16, head: &mut [u8], carried: &[u8]) {
        let length = (udp::LENGTH + HEADER + carried.len()) as u16;
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let Some(head) = head.first_chunk_mut::<HEADERS4>() else { return };
                head[..ETHERNET].copy_from_slice(&self.head);
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
                header.emit(&mut head[ETHERNET..]);
                let pseudo = || checksum::pseudo_v4(source, destination, protocol::UDP, length.into());
                outer.write_datagram(length, pseudo, &mut head[ETHERNET + wire::ipv4::LENGTH..], carried);
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let Some(head) = head.first_chunk_mut::<HEADERS6>() else { return };
                head[..ETHERNET].copy_from_slice(&self.head);
                let header = wire::Ipv6 {
                    traffic_class: outer.tos,
                    flow_label: outer.label,
                    payload_length: length,
                    next_header: protocol::UDP,
                    hop_limit: outer.ttl,
                    source,
                    destination,
                };
                header.emit(&mut head[ETHERNET..]);
                let pseudo = || checksum::pseudo_v6(source, destination, protocol::UDP, length.into());
                outer.write_datagram(length, pseudo, &mut head[ETHERNET + wire::ipv6::LENGTH..], carried);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
impl Way {
    /// A way between two addresses.
    pub(super) fn example(source: &str, destination: &str) -> Way {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let (source, destination) = (address(source), address(destination));
        let (device, neighbour) = (DeviceId { slot: 3, generation: 1 }, Some([2, 0, 0, 0, 0, 9]));
        let (mut head, next) = ([7; ETHERNET], destination);
        head[12..].copy_from_slice(if source.is_ipv4() { &[8, 0] } else { &[0x86, 0xdd] });
        let (netns, mtu, ttl, local, longest) = (NetnsId(0), 1500, 64, false, 1518);
        let encap = false;
        Way { netns, device, source, destination, mtu, ttl, local, next, neighbour, head, longest, encap }
    }
}

impl Outer {
    /// Writes the header of UDP and the tunnel's own.
    fn write_datagram(&self, length: u16, pseudo: impl Fn() -> Sum, head: &mut [u8], carried: &[u8]) {
        let Some(head) = head.first_chunk_mut::<{ udp::LENGTH + HEADER }>() else { return };
        let ports = u32::from(self.source_port) << 16 | u32::from(self.port);
        let sum = match self.sums {
            true => {
                let sum = pseudo().with_double(ports).with_word(length).with(&self.header).with(carried);
                Some(sum.checksum()).filter(|sum| *sum != 0).unwrap_or(0xffff)
            }
            false => 0,
        };
        let header = u64::from(ports) << 32 | u64::from(length) << 16 | u64::from(sum);
        head[..udp::LENGTH].copy_from_slice(&header.to_be_bytes());
        head[udp::LENGTH..].copy_from_slice(&self.header);
    }
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
    found: Vec<Option<Remembered>>,
}

#[derive(Clone, Copy)]
struct Remembered {
    epoch: u64,
    /// When it was used last.
    used: Instant,
    journey: Journey,
    way: Way,
}

fn place(journey: &Journey) -> usize {
    let low = match journey.remote {
        IpAddr::V4(remote) => u32::from(remote),
        IpAddr::V6(remote) => remote.to_bits() as u32,
    };
    (low ^ low >> 8 ^ u32::from(journey.tos) << 3) as usize % REMEMBERED
}

impl Ways {
    /// The way, if it was found in this epoch. Its neighbour is used now.
    #[inline]
    pub(crate) fn get(&mut self, world: &mut World, journey: &Journey) -> Option<Way> {
        let found = self.found.get_mut(place(journey))?.as_mut()?;
        if found.epoch != world.run.epoch || found.journey != *journey {
            return None;
        }
        if found.used != world.now {
            if let Some(mac) = found.way.neighbour {
                neighbour::at_hand(world, (found.way.device, found.way.next))
                    .filter(|at_hand| *at_hand == mac)?;
            }
            found.used = world.now;
        }
        Some(found.way)
    }

    /// Remembers a way; one to a neighbour that is not known yet is none.
    fn remember(&mut self, world: &World, journey: Journey, way: Way) {
        if way.neighbour.is_none() && !way.local || way.encap {
            return;
        }
        if self.found.is_empty() {
            self.found.resize(REMEMBERED, None);
        }
        if let Some(slot) = self.found.get_mut(place(&journey)) {
            *slot = Some(Remembered { epoch: world.run.epoch, used: world.now, journey, way });
        }
    }
}

/// The way, remembered or found; `ways` gives what a device remembers.
///
/// # Errors
/// What the routes refuse with.
pub(crate) fn way(
    world: &mut World,
    id: DeviceId,
    journey: &Journey,
    ways: fn(&mut World, DeviceId) -> Option<&mut Ways>,
) -> Result<Way, Errno> {
    let mut known = ways(world, id).map(std::mem::take).unwrap_or_default();
    let way = match known.get(world, journey) {
        Some(way) => Ok(way),
        None => find(world, journey),
    };
    if let Ok(way) = way {
        known.remember(world, *journey, way);
    }
    if let Some(ways) = ways(world, id) {
        *ways = known;
    }
    way
}

/// Finds the way.
///
/// # Errors
/// What the routes refuse with.
fn find(world: &mut World, journey: &Journey) -> Result<Way, Errno> {
    let mut way = match (journey.remote, journey.local) {
        (IpAddr::V4(remote), local) => {
            let source = if let IpAddr::V4(local) = local { local } else { std::net::Ipv4Addr::UNSPECIFIED };
            let flow = fib4::Flow { source, oif: journey.oif, tos: journey.tos, ..fib4::Flow::to(remote) };
            let route = route4::outgoing(world, journey.netns, &flow)?;
            let encap = route.encap().is_some();
            let conf = &world.space(journey.netns)?.stack.conf;
            let many = matches!(route.kind, RTN_BROADCAST | RTN_MULTICAST);
            Way {
                netns: journey.netns,
                device: route.device,
                source: IpAddr::V4(route.source),
                destination: IpAddr::V4(route.destination),
                mtu: route.mtu,
                ttl: conf.get(crate::host::conf::netns::DEFAULT_TTL) as u8,
                local: (route.kind == RTN_LOCAL || fib6::is_loopback(world, route.device)) && !many,
                next: route.gateway.unwrap_or(IpAddr::V4(route.destination)),
                neighbour: None,
                head: [0; ETHERNET],
                longest: 0,
                encap,
            }
        }
        (IpAddr::V6(remote), _) if remote.is_unspecified() => return Err(Errno::ENETUNREACH),
        (IpAddr::V6(remote), local) => {
            let source = if let IpAddr::V6(local) = local { local } else { std::net::Ipv6Addr::UNSPECIFIED };
            let flow = fib6::Flow { source, oif: journey.oif, ..fib6::Flow::to(remote) };
            let route = fib6::outgoing(world, journey.netns, &flow)?;
            let encap = route.encap.is_some();
            Way {
                netns: journey.netns,
                device: route.device,
                source: IpAddr::V6(route.source),
                destination: IpAddr::V6(route.destination),
                mtu: route.mtu,
                ttl: crate::inet6::hop_limit(world, route.device),
                local: route.local || fib6::is_loopback(world, route.device),
                next: IpAddr::V6(route.gateway.unwrap_or(route.destination)),
                neighbour: None,
                head: [0; ETHERNET],
                longest: 0,
                encap,
            }
        }
    };
    way.longest = world.longest(way.device, false);
    let open = world.get(way.device).filter(|device| device.is_up() && device.carrier);
    let mut head = wire::Ethernet {
        destination: [0; 6],
        source: [0; 6],
        ethertype: if way.is_ipv4() { ethertype::IPV4 } else { ethertype::IPV6 },
    };
    if let Some(own) = open.filter(|_| !way.local && !way.encap).map(|device| device.address) {
        way.neighbour = neighbour::at_hand(world, (way.device, way.next));
        if let Some(mac) = way.neighbour {
            (head.destination, head.source) = (mac, own);
        }
    }
    head.emit(&mut way.head);
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
fn send(world: &mut World, way: &Way, outer: &Outer, frame: FrameId) -> bool {
    let uncounted = ETHERNET + if way.is_ipv4() { 0 } else { wire::ipv6::LENGTH };
    if world.run.pool.length(frame) + way.headers() - uncounted > usize::from(u16::MAX) {
        world.discard(Some(way.device), frame, Drop::TooBig);
        return false;
    }
    let identification = if way.is_ipv4() { next_identification(world, way.netns) } else { 0 };
    let Some(frame) = wrap(world, way, outer, identification, frame) else { return false };
    if way.encap {
        set_encap(world, way, outer.tos, frame);
    }
    let total = world.run.pool.length(frame) - ETHERNET;
    if total > way.mtu as usize {
        return send_large(world, way, outer, frame);
    }
    let fits = total + ETHERNET <= way.longest;
    match way.neighbour {
        Some(_) => world.forward(way.device, Step::Transmit, frame),
        None => drop(crate::host::output(world, way.device, way.next, frame)),
    }
    fits
}

/// Says to the link below what the route of a way says.
#[cold]
fn set_encap(world: &mut World, way: &Way, tos: u8, frame: FrameId) {
    let oif = world.get(way.device).map_or(0, |device| device.ifindex);
    let encap = match (way.source, way.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let flow = fib4::Flow { source, oif, tos: tos & 0x1e, ..fib4::Flow::to(destination) };
            route4::outgoing(world, way.netns, &flow).ok().and_then(|route| route.encap().cloned())
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let flow = fib6::Flow { source, oif, ..fib6::Flow::to(destination) };
            fib6::outgoing(world, way.netns, &flow).ok().and_then(|route| route.encap)
        }
        _ => None,
    };
    world.run.pool.set_encap(frame, encap.as_ref());
}

fn next_identification(world: &mut World, netns: NetnsId) -> u16 {
    world.space_mut(netns).map_or(0, |space| {
        space.stack.identification = space.stack.identification.wrapping_add(1);
        space.stack.identification
    })
}

/// Puts headers in front of a frame; a frame that has no room for them moves to another buffer.
fn wrap(world: &mut World, way: &Way, outer: &Outer, identification: u16, frame: FrameId) -> Option<FrameId> {
    let all = way.headers();
    let pool = &mut world.run.pool;
    if let Some((head, carried)) = pool.wrap(frame, all) {
        way.write(outer, identification, head, carried);
        return Some(frame);
    }
    let Some(moved) = pool.blank(all + pool.length(frame)) else {
        world.discard(None, frame, Drop::NoPool);
        return None;
    };
    let carried = pool.bytes(frame).to_vec();
    let (hops, priority) = (pool.meta(frame).hops, pool.meta(frame).priority);
    if let Some((head, place)) = pool.bytes_mut(moved).and_then(|bytes| bytes.split_at_mut_checked(all)) {
        place.copy_from_slice(&carried);
        way.write(outer, identification, head, place);
    }
    let meta = pool.meta_mut(moved);
    (meta.hops, meta.priority) = (hops, priority);
    world.run.pool.release(frame);
    Some(moved)
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
