//! TCP: who listens at which port, and which connection a segment belongs to (RFC 9293, `net/ipv4/tcp_ipv4.c`,
//! `net/ipv6/tcp_ipv6.c`).
//!
//! ```text
//! segment ─▶ connection? ─yes─▶ its machine ──▶ packets ──▶ routes, neighbours
//!               └─no─▶ listener, and SYN? ─yes─▶ a new machine
//!                            └─no─▶ reset
//! ```
//!
//! The state machine of a connection is `tcp_machine`'s; what programs ask is in `tcp_calls`. Limits: [`ENDPOINTS`] endpoints in all, [`BACKLOG`]
//! connections that nobody accepted yet for each listener; a SYN beyond them is lost, as on Linux. A connection that
//! its program closed lives on until the other side has heard so. A listener that is bound to a link hears what comes
//! through it or, if the link is the master of a routing domain, through the domain; one that is bound to none hears
//! nothing of a domain (`tcp_l3mdev_accept` as it is at first). **Left out**: urgent data, SYN cookies, Fast Open,
//! sockets of IPv6 that speak IPv4.

use super::domain::{self, Input};
use super::fib4::Flow;
use super::tcp_machine::{Machine, Stage};
use super::{HostTimer, conf, fib6, ipv4, ipv6, route4};
use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::object::route::{RTN_BROADCAST, RTN_MULTICAST};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use wire::tcp::{ACK, RST, SYN};
use wire::{Ipv4View, Ipv6View, Tcp, TcpView, checksum, protocol};

/// Endpoints in all at most.
const ENDPOINTS: usize = 1 << 10;
/// Connections of one listener that nobody accepted yet at most (`somaxconn` is larger).
const BACKLOG: usize = 128;

/// The handle of a listener or a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TcpId(u64);

/// Where a connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TcpState {
    /// Nobody has answered yet.
    Connecting,
    /// It is there; one side may have closed its way already.
    Connected,
    /// It is over.
    Closed,
}

pub(super) struct Listener {
    pub(super) netns: NetnsId,
    pub(super) at: SocketAddr,
    /// The link that it is bound to; 0: none.
    pub(super) bound: u32,
    /// Connections that nobody accepted yet, also those that are not there yet.
    pub(super) pending: usize,
    pub(super) waiting: VecDeque<TcpId>,
}

pub(super) struct Connection {
    pub(super) netns: NetnsId,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// The link that it is bound to, or that link-local addresses are meant on; 0: any.
    pub(super) ifindex: u32,
    /// The master of the routing domain that it is in; 0: none.
    pub(super) domain: u32,
    pub(super) machine: Machine,
    /// The listener that has not given it away yet.
    pub(super) listener: Option<TcpId>,
    /// Whether a program has it.
    pub(super) held: bool,
    pub(super) was_open: bool,
    pub(super) fault: Option<Errno>,
}

pub(super) enum Endpoint {
    Listener(Listener),
    Connection(Box<Connection>),
}

/// All endpoints.
#[derive(Default)]
pub(crate) struct Endpoints {
    pub(super) all: BTreeMap<TcpId, Endpoint>,
    pub(super) opened: u64,
    /// By address and link.
    pub(super) listeners: BTreeMap<(NetnsId, SocketAddr, u32), TcpId>,
    pub(super) connections: BTreeMap<Key, TcpId>,
}

/// A connection's own address, the other side's, and the master of its routing domain.
type Key = (NetnsId, SocketAddr, SocketAddr, u32);

impl Connection {
    fn key(&self) -> Key {
        (self.netns, self.local, self.remote, self.domain)
    }
}

impl Endpoints {
    pub(super) fn connection(&mut self, id: TcpId) -> Option<&mut Connection> {
        match self.all.get_mut(&id)? {
            Endpoint::Connection(connection) => Some(connection),
            Endpoint::Listener(_) => None,
        }
    }

    pub(super) fn listener(&mut self, id: TcpId) -> Option<&mut Listener> {
        match self.all.get_mut(&id)? {
            Endpoint::Listener(listener) => Some(listener),
            Endpoint::Connection(_) => None,
        }
    }

    pub(super) fn add(&mut self, endpoint: Endpoint) -> Result<TcpId, Errno> {
        if self.all.len() >= ENDPOINTS {
            return Err(Errno::ENFILE);
        }
        self.opened += 1;
        let id = TcpId(self.opened);
        match &endpoint {
            Endpoint::Listener(listener) => {
                self.listeners.insert((listener.netns, listener.at, listener.bound), id)
            }
            Endpoint::Connection(of) => self.connections.insert(of.key(), id),
        };
        self.all.insert(id, endpoint);
        Ok(id)
    }

    /// Who listens at an address to what comes through a link: at it alone, or at all of its family; to the link, or to
    /// all.
    pub(super) fn listens(&self, netns: NetnsId, at: SocketAddr, through: Input) -> Option<TcpId> {
        let all = SocketAddr::new(unspecified(at.ip()), at.port());
        let any = Some(0).filter(|_| through.port == 0);
        let links = [Some(through.ifindex), Some(through.port).filter(|port| *port != 0), any];
        let ways =
            [at, all].into_iter().flat_map(|at| links.into_iter().flatten().map(move |link| (at, link)));
        let mut found = ways.filter_map(|(at, link)| self.listeners.get(&(netns, at, link)));
        found.next().copied()
    }

    /// Whether somebody listens at an address, or at all of its family, through whatever link.
    pub(super) fn is_listened_at(&self, netns: NetnsId, at: SocketAddr) -> bool {
        let all = SocketAddr::new(unspecified(at.ip()), at.port());
        [at, all]
            .iter()
            .any(|at| self.listeners.range((netns, *at, 0)..=(netns, *at, u32::MAX)).next().is_some())
    }
}

pub(super) fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if crate::inet6::is_link_local(address))
}

/// A segment as it came.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    /// Type of service, or traffic class.
    pub tos: u8,
    pub bytes: &'a [u8],
}

/// Takes a segment that is for this host (`tcp_v4_rcv`, `tcp_v6_rcv`).
pub(crate) fn receive(world: &mut World, id: DeviceId, segment: Segment<'_>) {
    let netns = world[id].netns;
    let Ok(view) = TcpView::new(segment.bytes) else { return };
    let right = pseudo(segment.source, segment.destination, segment.bytes.len());
    if !right.is_some_and(|sum| view.checksum_is_right(sum)) {
        return;
    }
    let local = SocketAddr::new(segment.destination, view.destination_port());
    let remote = SocketAddr::new(segment.source, view.source_port());
    let known = world.endpoints.connections.get(&(netns, local, remote, domain::answer(world, id))).copied();
    let number = match known {
        Some(number) => number,
        None => {
            let through = match segment.destination {
                IpAddr::V4(to) => domain::input4(world, id, to),
                IpAddr::V6(_) => domain::input(world, id),
            };
            let listener = world.endpoints.listens(netns, local, through);
            let asks = view.has(SYN) && !view.has(ACK | RST);
            match listener.filter(|_| asks && remote.port() != 0) {
                Some(listener) => match welcome(world, id, listener, local, remote) {
                    Some(number) => number,
                    None => return,
                },
                None => return reset(world, id, &segment, &view),
            }
        }
    };
    let packet = packet_of(&segment);
    drive(world, number, Some((packet, view.has(RST))));
}

fn pseudo(source: IpAddr, destination: IpAddr, length: usize) -> Option<checksum::Sum> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Some(checksum::pseudo_v4(source, destination, protocol::TCP, length))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            Some(checksum::pseudo_v6(source, destination, protocol::TCP, length))
        }
        _ => None,
    }
}

/// The packet that bears a segment, without options and headers between.
fn packet_of(segment: &Segment<'_>) -> Vec<u8> {
    let payload_length = segment.bytes.len().min(usize::from(u16::MAX) - wire::ipv4::LENGTH) as u16;
    let mut packet = Vec::new();
    match (segment.source, segment.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            packet.resize(wire::ipv4::LENGTH, 0);
            let header = wire::Ipv4 {
                tos: segment.tos,
                identification: 0,
                dont_fragment: true,
                more_fragments: false,
                fragment_offset: 0,
                ttl: 64,
                protocol: protocol::TCP,
                source,
                destination,
                payload_length,
            };
            header.emit(&mut packet);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet.resize(wire::ipv6::LENGTH, 0);
            let header = wire::Ipv6 {
                traffic_class: segment.tos,
                flow_label: 0,
                payload_length,
                next_header: protocol::TCP,
                hop_limit: 64,
                source,
                destination,
            };
            header.emit(&mut packet);
        }
        _ => {}
    }
    packet.extend_from_slice(&segment.bytes[..usize::from(payload_length)]);
    packet
}

/// Somebody asks a listener: a connection begins, if there is room.
fn welcome(
    world: &mut World,
    through: DeviceId,
    listener: TcpId,
    local: SocketAddr,
    remote: SocketAddr,
) -> Option<TcpId> {
    let (netns, link) = (world[through].netns, world[through].ifindex);
    let asked = world.endpoints.listener(listener)?;
    if asked.pending >= BACKLOG {
        return None;
    }
    let ifindex = if is_link_local(remote.ip()) { link } else { asked.bound };
    let domain = domain::answer(world, through);
    let mtu = way(world, netns, ifindex, local.ip(), remote.ip()).ok()?.1;
    let (seed, now) = (world.random(), world.now);
    let machine = Machine::listen(local, mtu, seed, now)?;
    let listener = Some(listener);
    let (held, was_open, fault) = (false, false, None);
    let of = Connection { netns, local, remote, ifindex, domain, machine, listener, held, was_open, fault };
    let id = world.endpoints.add(Endpoint::Connection(Box::new(of))).ok()?;
    if let Some(listener) = listener.and_then(|id| world.endpoints.listener(id)) {
        listener.pending += 1;
    }
    Some(id)
}

/// The source and the largest packet of a way.
pub(super) fn way(
    world: &World,
    netns: NetnsId,
    oif: u32,
    from: IpAddr,
    to: IpAddr,
) -> Result<(IpAddr, u32), Errno> {
    match (from, to) {
        (IpAddr::V4(source), IpAddr::V4(to)) => {
            let route = route4::outgoing(world, netns, &Flow { source, oif, ..Flow::to(to) })?;
            match route.kind {
                RTN_BROADCAST | RTN_MULTICAST => Err(Errno::ENETUNREACH),
                _ => Ok((IpAddr::V4(route.source), route.mtu)),
            }
        }
        (IpAddr::V6(source), IpAddr::V6(to)) => {
            let route = fib6::outgoing(world, netns, &fib6::Flow { source, oif, ..fib6::Flow::to(to) })?;
            if to.is_multicast() {
                Err(Errno::ENETUNREACH)
            } else {
                Ok((IpAddr::V6(route.source), route.mtu))
            }
        }
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// There is no such connection: the sender hears so (`tcp_v4_send_reset`).
fn reset(world: &mut World, through: DeviceId, about: &Segment<'_>, view: &TcpView<'_>) {
    let (netns, link) = (world[through].netns, world[through].ifindex);
    let Some(reset) = Tcp::reset(view) else { return };
    let mut bytes = [0; wire::tcp::LENGTH];
    let Some(sum) = pseudo(about.destination, about.source, bytes.len()) else { return };
    if reset.emit(&mut bytes, sum).is_none() {
        return;
    }
    // What is said of congestion is not repeated.
    let tos = about.tos & !3;
    let answer = Segment { source: about.destination, destination: about.source, tos, bytes: &bytes };
    let oif = if is_link_local(about.source) { link } else { domain::answer(world, through) };
    transmit(world, netns, oif, &answer, 0);
}

/// Sends a segment over the host's routes.
fn transmit(world: &mut World, netns: NetnsId, oif: u32, segment: &Segment<'_>, identification: u16) {
    let payload = segment.bytes;
    match (segment.source, segment.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let flow = Flow { source, oif, ..Flow::to(destination) };
            let Ok(route) = route4::outgoing(world, netns, &flow) else { return };
            let ttl = world.space(netns).map_or(64, |space| space.stack.conf.get(conf::netns::DEFAULT_TTL));
            let fits = wire::ipv4::LENGTH + payload.len() <= route.mtu as usize;
            let send = ipv4::Send {
                protocol: protocol::TCP,
                tos: segment.tos,
                ttl: ttl as u8,
                whole: false,
                dont_fragment: fits,
                identification,
                payload,
            };
            let _ = ipv4::send(world, &route, &send);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let flow = fib6::Flow { source, oif, ..fib6::Flow::to(destination) };
            let Ok(route) = fib6::outgoing(world, netns, &flow) else { return };
            let limit = crate::inet6::hop_limit(world, route.device);
            let _ = ipv6::send(world, &route, protocol::TCP, limit, segment.tos, false, payload);
        }
        _ => {}
    }
}

/// Sends a packet that a machine made.
fn send_on(world: &mut World, netns: NetnsId, oif: u32, packet: &[u8]) {
    if let Ok(view) = Ipv4View::new(packet) {
        let identification = match world.space_mut(netns) {
            Ok(space) => {
                space.stack.identification = space.stack.identification.wrapping_add(1);
                space.stack.identification
            }
            Err(_) => return,
        };
        let (source, destination) = (IpAddr::V4(view.source()), IpAddr::V4(view.destination()));
        let segment = Segment { source, destination, tos: 0, bytes: view.payload() };
        transmit(world, netns, oif, &segment, identification);
    } else if let Ok(view) = Ipv6View::new(packet) {
        let (source, destination) = (IpAddr::V6(view.source()), IpAddr::V6(view.destination()));
        let bytes = &view.bytes()[wire::ipv6::LENGTH..];
        transmit(world, netns, oif, &Segment { source, destination, tos: 0, bytes }, 0);
    }
}

/// Lets a connection take a packet and do what is due; `packet.1` says whether it is a reset.
pub(super) fn drive(world: &mut World, id: TcpId, packet: Option<(Vec<u8>, bool)>) {
    let now = world.now;
    let Some(of) = world.endpoints.connection(id) else { return };
    let (netns, ifindex, before) = (of.netns, of.ifindex, of.machine.stage());
    let is_reset = packet.as_ref().is_some_and(|(_, is_reset)| *is_reset);
    let timed = packet.is_none();
    let out = of.machine.poll(now, packet.map(|(packet, _)| packet));
    let stage = of.machine.stage();
    if stage == Stage::Over && before != Stage::Over && of.fault.is_none() {
        of.fault = match of.was_open {
            false if is_reset => Some(Errno::ECONNREFUSED),
            true if is_reset => Some(Errno::ECONNRESET),
            _ if timed && of.machine.unsent() > 0 || !of.was_open => Some(Errno::ETIMEDOUT),
            _ => None,
        };
    }
    let arrived = stage == Stage::Open && !of.was_open;
    of.was_open |= arrived;
    let (waits_at, due) = (of.listener, of.machine.due_in(now));
    if let Some(listener) = waits_at.filter(|_| arrived).and_then(|at| world.endpoints.listener(at)) {
        listener.waiting.push_back(id);
    }
    for packet in out {
        send_on(world, netns, ifindex, &packet);
    }
    match due.filter(|_| stage != Stage::Over) {
        Some(delay) => world.set_host_timer(netns, HostTimer::Connection(id), delay),
        None => world.cancel_host_timer(netns, HostTimer::Connection(id)),
    }
    if stage == Stage::Over {
        forget(world, id);
    }
}

/// A connection is over: no segment belongs to it any more, and if no program has it, it is gone.
pub(super) fn forget(world: &mut World, id: TcpId) {
    let all = &mut world.endpoints;
    let Some(of) = all.connection(id) else { return };
    let (netns, key, listener) = (of.netns, of.key(), of.listener);
    let keep = of.held || listener.is_some() && of.was_open;
    if all.connections.get(&key) == Some(&id) {
        all.connections.remove(&key);
    }
    if !keep {
        all.all.remove(&id);
        if let Some(listener) = listener.and_then(|at| all.listener(at)) {
            listener.pending = listener.pending.saturating_sub(1);
        }
    }
    world.cancel_host_timer(netns, HostTimer::Connection(id));
}

/// The time of a connection.
pub(crate) fn timer(world: &mut World, id: TcpId) {
    drive(world, id, None);
}

/// A message of ICMP is about a connection: it ends one that only asks, and may say that the way is narrower.
pub(crate) fn error(
    world: &mut World,
    netns: NetnsId,
    way: (IpAddr, IpAddr),
    segment: &[u8],
    (errno, mtu): (Errno, u32),
) {
    let Some([a, b, c, d]) = segment.first_chunk::<4>() else { return };
    let local = SocketAddr::new(way.0, u16::from_be_bytes([*a, *b]));
    let remote = SocketAddr::new(way.1, u16::from_be_bytes([*c, *d]));
    let domains = (netns, local, remote, 0)..=(netns, local, remote, u32::MAX);
    let about: Vec<TcpId> = world.endpoints.connections.range(domains).map(|(_, id)| *id).collect();
    let now = world.now;
    for id in about {
        let Some(of) = world.endpoints.connection(id) else { continue };
        if errno == Errno::EMSGSIZE {
            of.machine.narrow(mtu, now);
        } else if of.machine.stage() == Stage::Asking {
            of.fault = Some(errno);
            forget(world, id);
        }
    }
}

/// A namespace ends, and what listens and talks in it.
pub(crate) fn end(world: &mut World, netns: NetnsId) {
    let belongs = |endpoint: &Endpoint| match endpoint {
        Endpoint::Listener(listener) => listener.netns == netns,
        Endpoint::Connection(of) => of.netns == netns,
    };
    let all = &mut world.endpoints;
    let going: Vec<TcpId> = all.all.iter().filter(|(_, of)| belongs(of)).map(|(id, _)| *id).collect();
    for id in &going {
        all.all.remove(id);
    }
    all.listeners.retain(|(of, ..), _| *of != netns);
    all.connections.retain(|(of, ..), _| *of != netns);
    for id in going {
        world.cancel_host_timer(netns, HostTimer::Connection(id));
    }
}
