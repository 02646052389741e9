//! Sockets: how a program reaches the host stack. Raw ones for ICMP, and UDP's (`net/ipv4/raw.c`, `net/ipv4/udp.c`,
//! `net/ipv6/raw.c`).
//!
//! A socket is bound to a namespace for life. What comes for it waits in a queue of [`QUEUE`] packets, and errors in
//! another, as with `IP_RECVERR`.
//!
//! **Left out**: connected sockets: [`World::source_for`] says what connecting would. TCP's endpoints are `tcp`'s.

use super::domain::{self, Input};
use super::fib4::{self, Flow};
use super::ipv4::{self, Send};
use super::{conf, fib6, icmp6, inet, ipv6, route4};
use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::object::route::{RTN_BROADCAST, RTN_LOCAL};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use wire::{IcmpView, Ipv4View, protocol};

/// Packets or errors that wait for one socket at most.
const QUEUE: usize = 1024;
/// Sockets at most.
const SOCKETS: usize = 1 << 16;

/// A socket's handle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SocketId {
    slot: u32,
    generation: u32,
}

/// What a socket speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// ICMP, raw.
    Icmp,
    /// ICMPv6, raw.
    Icmp6,
    /// UDP over IPv4.
    Udp,
    /// UDP over IPv6.
    Udp6,
}

impl Protocol {
    fn is_v6(self) -> bool {
        matches!(self, Protocol::Icmp6 | Protocol::Udp6)
    }
}

/// Whether packets may be cut (`IP_MTU_DISCOVER`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cutting {
    /// Where a way is too narrow they are cut, and routers are asked not to.
    #[default]
    Want,
    /// They are cut, and routers may do so too.
    Dont,
    /// They are never cut.
    Do,
}

/// Settings of a socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The address that packets come from.
    pub source: Option<IpAddr>,
    /// The link that they go through.
    pub device: Option<u32>,
    /// The time to live; none: the namespace's.
    pub ttl: Option<u8>,
    /// The type of service.
    pub tos: u8,
    /// The mark, for rules.
    pub mark: u32,
    /// Whether they may be cut.
    pub cutting: Cutting,
    /// Whether broadcasts may be sent.
    pub broadcast: bool,
    /// The port that a UDP socket listens at; 0: none.
    pub port: u16,
}

/// What came for a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// From where; the port is 0 for raw sockets.
    pub from: SocketAddr,
    /// The address that it went to.
    pub to: IpAddr,
    /// The link that it came through.
    pub ifindex: u32,
    /// The port of a routing domain that it came through, if it did; then the link is the master of the domain.
    pub port: u32,
    /// Its time to live when it came.
    pub ttl: u8,
    /// What is behind the header of IP (raw) or UDP.
    pub payload: Vec<u8>,
}

/// What went wrong with something that a socket sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is to the program.
    pub errno: Errno,
    /// Who says so; none: this host, before it was sent.
    pub offender: Option<IpAddr>,
    /// To whom it was sent; none if it was not.
    pub destination: Option<IpAddr>,
    /// Type and code of the message that said so; zero if none did.
    pub kind: u8,
    /// See `kind`.
    pub code: u8,
    /// The largest packet, where that is what is wrong.
    pub info: u32,
    /// What was sent, without the header of IP.
    pub payload: Vec<u8>,
}

struct Socket {
    netns: NetnsId,
    protocol: Protocol,
    options: Options,
    received: VecDeque<Received>,
    faults: VecDeque<Fault>,
}

struct Slot {
    generation: u32,
    socket: Option<Box<Socket>>,
}

/// All sockets.
#[derive(Default)]
pub(crate) struct Sockets {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Sockets {
    fn get(&self, id: SocketId) -> Option<&Socket> {
        let slot = self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.socket.as_deref()
    }

    fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.socket.as_deref_mut()
    }

    /// The sockets of a namespace that speak a protocol.
    fn of(&mut self, netns: NetnsId, protocol: Protocol) -> impl Iterator<Item = &mut Socket> + '_ {
        let sockets = self.slots.iter_mut().filter_map(|slot| slot.socket.as_deref_mut());
        sockets.filter(move |socket| socket.netns == netns && socket.protocol == protocol)
    }

    /// Whether there is none at all.
    fn is_empty(&self) -> bool {
        self.slots.len() == self.free.len()
    }
}

impl Socket {
    fn push(&mut self, received: Received) {
        if self.received.len() < QUEUE {
            self.received.push_back(received);
        }
    }

    fn fail(&mut self, fault: Fault) {
        if self.faults.len() < QUEUE {
            self.faults.push_back(fault);
        }
    }

    /// Whether a packet between these addresses through that link may be its own.
    fn listens(&self, own: IpAddr, input: Input) -> bool {
        let bound = self.options.source;
        // A packet of a routing domain is for raw sockets that are bound to nothing, and not for UDP's
        // (`net.ipv4.raw_l3mdev_accept` and `udp_l3mdev_accept` as they are at first).
        let raw = matches!(self.protocol, Protocol::Icmp | Protocol::Icmp6);
        let through = match self.options.device {
            None => raw || input.port == 0,
            Some(device) => device == input.ifindex || device == input.port,
        };
        bound.is_none_or(|bound| bound.is_unspecified() || bound == own) && through
    }
}

impl World {
    pub(crate) fn open_socket(&mut self, netns: NetnsId, protocol: Protocol) -> Result<SocketId, Errno> {
        self.space(netns)?;
        let sockets = &mut self.sockets;
        let slot = match sockets.free.pop() {
            Some(slot) => slot,
            None if sockets.slots.len() >= SOCKETS => return Err(Errno::ENFILE),
            None => {
                sockets.slots.push(Slot { generation: 0, socket: None });
                sockets.slots.len() as u32 - 1
            }
        };
        let place = &mut sockets.slots[slot as usize];
        let (options, received, faults) = (Options::default(), VecDeque::new(), VecDeque::new());
        place.socket = Some(Box::new(Socket { netns, protocol, options, received, faults }));
        Ok(SocketId { slot, generation: place.generation })
    }

    pub(crate) fn close_socket(&mut self, id: SocketId) {
        if self.sockets.get(id).is_some() {
            let slot = &mut self.sockets.slots[id.slot as usize];
            slot.socket = None;
            slot.generation = slot.generation.wrapping_add(1);
            self.sockets.free.push(id.slot);
        }
    }

    /// Sets a socket's options; an address must be the host's own, a link must be there, a port free.
    pub(crate) fn set_options(&mut self, id: SocketId, options: Options) -> Result<(), Errno> {
        let socket = self.sockets.get(id).ok_or(Errno::EBADF)?;
        let (netns, protocol) = (socket.netns, socket.protocol);
        if options.device.is_some_and(|device| self.by_index(netns, device).is_none()) {
            return Err(Errno::ENODEV);
        }
        match options.source.filter(|source| !source.is_unspecified()) {
            Some(IpAddr::V4(source)) if !protocol.is_v6() => {
                let bound = options.device.and_then(|device| self.by_index(netns, device));
                let kind = match bound {
                    Some(device) => domain::address_type(self, device, source),
                    None => fib4::address_type(self, netns, source, None),
                };
                let free = self.space(netns)?.stack.conf.is(conf::netns::NONLOCAL_BIND);
                if kind != RTN_LOCAL && !free {
                    return Err(Errno::EADDRNOTAVAIL);
                }
            }
            Some(IpAddr::V6(source)) if protocol.is_v6() => {
                let owner = crate::inet6::find_device(self, netns, source, options.device);
                owner.ok_or(Errno::EADDRNOTAVAIL)?;
            }
            Some(_) => return Err(Errno::EINVAL),
            None => {}
        }
        if options.port != 0 {
            let clash = |(slot, other): (usize, &Slot)| {
                let same = slot as u32 != id.slot;
                let other = other.socket.as_deref().filter(|_| same);
                other.is_some_and(|other| {
                    let apart =
                        matches!((other.options.source, options.source), (Some(a), Some(b)) if a != b);
                    (other.netns, other.protocol, other.options.port) == (netns, protocol, options.port)
                        && !apart
                })
            };
            let device = self.space(netns)?.stack.tunnels.is_taken((protocol.is_v6(), options.port));
            if device || self.sockets.slots.iter().enumerate().any(clash) {
                return Err(Errno::EADDRINUSE);
            }
        }
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.options = options;
        }
        Ok(())
    }

    pub(crate) fn socket_received(&mut self, id: SocketId) -> Option<Received> {
        self.sockets.get_mut(id)?.received.pop_front()
    }

    pub(crate) fn socket_fault(&mut self, id: SocketId) -> Option<Fault> {
        self.sockets.get_mut(id)?.faults.pop_front()
    }

    /// The source that the socket would have towards an address, if it connected there (`ip4_datagram_connect`).
    pub(crate) fn source_for(&self, id: SocketId, to: IpAddr) -> Result<IpAddr, Errno> {
        let socket = self.sockets.get(id).ok_or(Errno::EBADF)?;
        let options = &socket.options;
        match to {
            IpAddr::V4(to) => {
                let route = route4::outgoing(self, socket.netns, &flow4(self, socket.netns, options, to))?;
                if route.kind == RTN_BROADCAST && !options.broadcast {
                    return Err(Errno::EACCES);
                }
                Ok(IpAddr::V4(route.source))
            }
            IpAddr::V6(to) => {
                let flow = flow6(options, to);
                fib6::outgoing(self, socket.netns, &flow).map(|route| IpAddr::V6(route.source))
            }
        }
    }

    /// Sends a payload; what it leads to has happened when this returns.
    pub(crate) fn socket_send(&mut self, id: SocketId, to: SocketAddr, payload: &[u8]) -> Result<(), Errno> {
        let socket = self.sockets.get(id).ok_or(Errno::EBADF)?;
        let (netns, protocol, options) = (socket.netns, socket.protocol, socket.options);
        let sent = match to.ip() {
            IpAddr::V4(address) => send4(self, id, netns, protocol, &options, address, to.port(), payload),
            IpAddr::V6(address) => send6(self, id, netns, protocol, &options, address, to.port(), payload),
        };
        let lost = |world: &World| match sent {
            Ok(ipv4::Sent { at_once: Some(device) }) => dropped_below(world, device),
            _ => 0,
        };
        let before = lost(self);
        self.settle();
        self.run();
        sent?;
        // A device that drops what it is given says so, and the sender hears of it.
        if lost(self) > before { Err(Errno::ENOBUFS) } else { Ok(()) }
    }
}

/// Whether a UDP socket of a namespace has that port: whether over IPv6, and the number.
pub(crate) fn is_port_taken(world: &mut World, netns: NetnsId, (v6, port): (bool, u16)) -> bool {
    let spoken = if v6 { Protocol::Udp6 } else { Protocol::Udp };
    world.sockets.of(netns, spoken).any(|socket| socket.options.port == port)
}

/// What a device and those it stands on have dropped on their way out.
fn dropped_below(world: &World, device: DeviceId) -> u64 {
    let mut total = 0;
    let mut next = Some(device);
    for _ in 0..crate::stack::MAX_NEST {
        // A tunnel takes whatever it is given, and says nothing of what it drops.
        let device = next.and_then(|id| world.get(id)).filter(|device| device.kind.datagrams.is_none());
        let Some(device) = device else { break };
        total += device.counters.tx_dropped;
        next = device.stack.lowers.first().copied().filter(|_| device.stack.lowers.len() == 1);
    }
    total
}

fn flow4(world: &World, netns: NetnsId, options: &Options, to: Ipv4Addr) -> Flow {
    let source = options.source.and_then(inet::unmapped).unwrap_or(Ipv4Addr::UNSPECIFIED);
    // A routing domain as a whole has no groups.
    let bound = options.device.filter(|device| {
        let master = world.by_index(netns, *device).is_some_and(|id| domain::is_master(world, id));
        !(master && to.is_multicast())
    });
    let (oif, mark, tos) = (bound.unwrap_or(0), options.mark, options.tos & 0x1c);
    Flow { source, oif, mark, tos, ..Flow::to(to) }
}

fn flow6(options: &Options, to: Ipv6Addr) -> fib6::Flow {
    let source = match options.source {
        Some(IpAddr::V6(source)) => source,
        _ => Ipv6Addr::UNSPECIFIED,
    };
    let (oif, mark) = (options.device.unwrap_or(0), options.mark);
    fib6::Flow { source, oif, mark, ..fib6::Flow::to(to) }
}

#[allow(clippy::too_many_arguments)]
fn send4(
    world: &mut World,
    id: SocketId,
    netns: NetnsId,
    spoken: Protocol,
    options: &Options,
    to: Ipv4Addr,
    port: u16,
    payload: &[u8],
) -> Result<ipv4::Sent, Errno> {
    if spoken.is_v6() {
        return Err(Errno::EAFNOSUPPORT);
    }
    let route = route4::outgoing(world, netns, &flow4(world, netns, options, to))?;
    if route.kind == RTN_BROADCAST && !options.broadcast {
        return Err(Errno::EACCES);
    }
    let udp = (spoken == Protocol::Udp).then(|| {
        let pseudo =
            wire::checksum::pseudo_v4(route.source, route.destination, protocol::UDP, payload.len() + 8);
        let datagram = wire::Udp { source_port: options.port, destination_port: port, payload };
        let mut bytes = vec![0; datagram.length()];
        datagram.emit(&mut bytes, pseudo).map(|_| bytes)
    });
    let built = match udp {
        Some(built) => Some(built.ok_or(Errno::EMSGSIZE)?),
        None => None,
    };
    let payload = built.as_deref().unwrap_or(payload);
    let space = world.space_mut(netns)?;
    space.stack.identification = space.stack.identification.wrapping_add(1);
    let identification = space.stack.identification;
    let many = to.is_multicast();
    let default = if many { 1 } else { space.stack.conf.get(conf::netns::DEFAULT_TTL) as u8 };
    let fits = wire::ipv4::LENGTH + payload.len() <= route.mtu as usize;
    let send = Send {
        protocol: if spoken == Protocol::Udp { protocol::UDP } else { protocol::ICMP },
        tos: options.tos,
        ttl: options.ttl.unwrap_or(default),
        whole: options.cutting == Cutting::Do,
        dont_fragment: options.cutting != Cutting::Dont && fits,
        identification,
        payload,
    };
    let sent = ipv4::send(world, &route, &send);
    if sent == Err(Errno::EMSGSIZE) {
        too_big(world, id, route.mtu, payload);
    }
    sent
}

/// A socket hears that what it sent is too large (`ip_local_error`).
fn too_big(world: &mut World, id: SocketId, mtu: u32, payload: &[u8]) {
    let fault = Fault {
        errno: Errno::EMSGSIZE,
        offender: None,
        destination: None,
        kind: 0,
        code: 0,
        info: mtu,
        payload: payload.to_vec(),
    };
    if let Some(socket) = world.sockets.get_mut(id) {
        socket.fail(fault);
    }
}

#[allow(clippy::too_many_arguments)]
fn send6(
    world: &mut World,
    id: SocketId,
    netns: NetnsId,
    spoken: Protocol,
    options: &Options,
    to: Ipv6Addr,
    port: u16,
    payload: &[u8],
) -> Result<ipv4::Sent, Errno> {
    if !spoken.is_v6() {
        return Err(Errno::EAFNOSUPPORT);
    }
    let route = fib6::outgoing(world, netns, &flow6(options, to))?;
    let mut bytes = payload.to_vec();
    let next = if spoken == Protocol::Udp6 { protocol::UDP } else { protocol::ICMPV6 };
    if spoken == Protocol::Udp6 {
        let pseudo = wire::checksum::pseudo_v6(route.source, to, next, payload.len() + 8);
        let datagram = wire::Udp { source_port: options.port, destination_port: port, payload };
        bytes = vec![0; datagram.length()];
        datagram.emit(&mut bytes, pseudo).ok_or(Errno::EMSGSIZE)?;
    } else {
        icmp6::fill_checksum(route.source, to, &mut bytes);
    }
    let default = if to.is_multicast() { 1 } else { crate::inet6::hop_limit(world, route.device) };
    let whole = options.cutting == Cutting::Do;
    let ttl = options.ttl.unwrap_or(default);
    let sent = ipv6::send(world, &route, next, ttl, options.tos, whole, &bytes);
    if sent == Err(Errno::EMSGSIZE) {
        too_big(world, id, route.mtu, payload);
    }
    sent
}

/// Hands a packet of IPv4 to the raw sockets of its protocol; whether there was one.
pub(crate) fn deliver_raw4(world: &mut World, netns: NetnsId, id: DeviceId, view: &Ipv4View<'_>) -> bool {
    if view.protocol() != protocol::ICMP || world.sockets.is_empty() {
        return false;
    }
    let input = domain::input4(world, id, view.destination());
    let Input { ifindex, port } = input;
    let to = IpAddr::V4(view.destination());
    let mut any = false;
    for socket in world.sockets.of(netns, Protocol::Icmp).filter(|socket| socket.listens(to, input)) {
        any = true;
        let from = SocketAddr::new(IpAddr::V4(view.source()), 0);
        socket.push(Received { from, to, ifindex, port, ttl: view.ttl(), payload: view.payload().to_vec() });
    }
    any
}

/// The same for a message of ICMPv6.
pub(crate) fn deliver_raw6(world: &mut World, netns: NetnsId, received: &Received, payload: &[u8]) {
    if world.sockets.is_empty() {
        return;
    }
    let (to, input) = (received.to, Input { ifindex: received.ifindex, port: received.port });
    for socket in world.sockets.of(netns, Protocol::Icmp6).filter(|socket| socket.listens(to, input)) {
        socket.push(Received { payload: payload.to_vec(), ..received.clone() });
    }
}

/// Hands a datagram to the UDP socket at its port; whether there is one.
pub(crate) fn deliver_udp(
    world: &mut World,
    netns: NetnsId,
    port: u16,
    received: &Received,
    payload: &[u8],
) -> bool {
    let spoken = if received.to.is_ipv4() { Protocol::Udp } else { Protocol::Udp6 };
    let (to, input) = (received.to, Input { ifindex: received.ifindex, port: received.port });
    let many = match to {
        IpAddr::V4(to) => to.is_multicast() || to.is_broadcast(),
        IpAddr::V6(to) => to.is_multicast(),
    };
    let fits = |socket: &&mut Socket| socket.options.port == port && (many || socket.listens(to, input));
    match world.sockets.of(netns, spoken).find(fits) {
        Some(socket) => {
            socket.push(Received { payload: payload.to_vec(), ..received.clone() });
            true
        }
        None => false,
    }
}

/// What a message of ICMP is to a program (`icmp_err_convert`).
fn errno_of(kind: u8, code: u8) -> Errno {
    use wire::icmp::kind::DESTINATION_UNREACHABLE;
    if kind != DESTINATION_UNREACHABLE {
        return Errno::EHOSTUNREACH;
    }
    match code {
        0 | 6 | 9 => Errno::ENETUNREACH,
        2 => Errno(92),
        3 => Errno::ECONNREFUSED,
        4 => Errno::EMSGSIZE,
        5 => Errno::EOPNOTSUPP,
        7 => Errno(112),
        8 => Errno(64),
        _ => Errno::EHOSTUNREACH,
    }
}

/// The address of IPv4 at a place of a header.
fn address_at(header: &[u8], at: usize) -> IpAddr {
    let bytes: [u8; 4] = header.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    IpAddr::from(bytes)
}

/// Hands an error of ICMP to the sockets that it may concern.
pub(crate) fn deliver_error4(world: &mut World, netns: NetnsId, view: &Ipv4View<'_>, icmp: &IcmpView<'_>) {
    let packet = icmp.payload();
    // An error bears the beginning of the packet only, so its length does not fit.
    let Some(header) = packet.get(..wire::ipv4::LENGTH) else { return };
    let length = usize::from(header[0] & 15) * 4;
    let (kind, code) = (icmp.kind(), icmp.code());
    let spoken = match header[9] {
        protocol::ICMP => Protocol::Icmp,
        protocol::UDP => Protocol::Udp,
        protocol::TCP => {
            let rest = icmp.rest();
            let mtu = if (kind, code) == (3, 4) { u16::from_be_bytes([rest[2], rest[3]]) } else { 0 };
            let way = (address_at(header, 12), address_at(header, 16));
            let segment = packet.get(length..).unwrap_or_default();
            return super::tcp::error(world, netns, way, segment, (errno_of(kind, code), mtu.into()));
        }
        _ => return,
    };
    if world.sockets.is_empty() {
        return;
    }
    let source = address_at(header, 12);
    let payload = packet.get(length..).unwrap_or_default();
    let port = payload.get(..2).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    let rest = icmp.rest();
    let fault = Fault {
        errno: errno_of(kind, code),
        offender: Some(IpAddr::V4(view.source())),
        destination: Some(address_at(header, 16)),
        kind,
        code,
        info: if (kind, code) == (3, 4) { u32::from(u16::from_be_bytes([rest[2], rest[3]])) } else { 0 },
        payload: payload.to_vec(),
    };
    for socket in world.sockets.of(netns, spoken) {
        let bound = socket.options.source.is_none_or(|own| own.is_unspecified() || own == source);
        if bound && (spoken == Protocol::Icmp || socket.options.port == port) {
            socket.fail(fault.clone());
        }
    }
}

/// The same for ICMPv6: `payload` is what was sent, `next` its protocol.
pub(crate) fn deliver_error6(world: &mut World, netns: NetnsId, source: IpAddr, next: u8, fault: &Fault) {
    let spoken = if next == protocol::UDP { Protocol::Udp6 } else { Protocol::Icmp6 };
    let port = fault.payload.get(..2).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    for socket in world.sockets.of(netns, spoken) {
        let bound = socket.options.source.is_none_or(|own| own.is_unspecified() || own == source);
        if bound && (spoken == Protocol::Icmp6 || socket.options.port == port) {
            socket.fail(fault.clone());
        }
    }
}
