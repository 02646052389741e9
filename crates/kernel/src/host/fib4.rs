//! The routes of IPv4: tables, their order, and which one a packet takes (`net/ipv4/fib_trie.c`,
//! `net/ipv4/fib_semantics.c`).
//!
//! A table is a tree by network and, among equal networks, from the longest prefix to the shortest; under one prefix
//! routes stand by type of service and priority. That is also the order in which Linux lists them. A lookup goes
//! through the lengths that occur, longest first. The tables of the host itself and of people are asked as one until
//! somebody changes the rules (Linux merges the two tries).
//!
//! **Left out**: exceptions of single destinations (path MTU).

use super::Stack;
use super::conf::v4;
use super::domain;
use super::encap::Encap;
use super::multipath;
use super::routes;
use super::rule::{self, Key, Rule};
use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::world::{Instant, World};
use rtnl::errno::Errno;
use rtnl::object::route::*;
use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Routes of one family in one namespace at most.
pub(crate) const ROUTES: usize = 1 << 21;

/// Where a route leads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Nexthop {
    pub device: Option<DeviceId>,
    pub ifindex: u32,
    pub gateway: Option<IpAddr>,
    pub scope: u8,
    /// `RTNH_F_*`.
    pub flags: u32,
    pub weight: u8,
    /// What its packets carry.
    pub encap: Option<Arc<Encap>>,
}

/// A route, without its prefix.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub tos: u8,
    pub kind: u8,
    pub scope: u8,
    pub protocol: u8,
    pub priority: u32,
    pub prefsrc: Option<Ipv4Addr>,
    /// Number and value of `RTAX_*`.
    pub metrics: Box<[(u16, u32)]>,
    pub flow: u32,
    pub nexthops: Vec<Nexthop>,
    /// `RTNH_F_*` of the route as a whole.
    pub flags: u32,
}

impl Route {
    /// Whether two routes lead the same way, so that they would be one `fib_info`.
    pub(crate) fn leads_as(&self, other: &Route) -> bool {
        let same_hop = |(a, b): (&Nexthop, &Nexthop)| {
            a.ifindex == b.ifindex
                && a.gateway == b.gateway
                && a.scope == b.scope
                && a.weight == b.weight
                && a.encap == b.encap
                && (a.flags ^ b.flags) & !(RTNH_F_DEAD | RTNH_F_LINKDOWN) == 0
        };
        self.scope == other.scope
            && self.protocol == other.protocol
            && self.priority == other.priority
            && self.prefsrc == other.prefsrc
            && self.kind == other.kind
            && self.metrics == other.metrics
            && self.nexthops.len() == other.nexthops.len()
            && self.nexthops.iter().zip(&other.nexthops).all(same_hop)
    }

    /// One of its metrics.
    pub(crate) fn metric(&self, number: u16) -> Option<u32> {
        self.metrics.iter().find(|(known, _)| *known == number).map(|(_, value)| *value)
    }
}

/// What a route of a type answers a lookup with, if that is a refusal (`fib_props`).
pub(crate) fn refusal(kind: u8) -> Option<Errno> {
    match kind {
        RTN_BLACKHOLE | RTN_NAT | 11 => Some(Errno::EINVAL),
        RTN_UNREACHABLE => Some(Errno::EHOSTUNREACH),
        RTN_PROHIBIT => Some(Errno::EACCES),
        RTN_THROW => Some(Errno::EAGAIN),
        _ => None,
    }
}

/// The least scope that a type of route may have (`fib_props`).
pub(crate) fn least_scope(kind: u8) -> u8 {
    match kind {
        RTN_UNSPEC | RTN_NAT | 11 => RT_SCOPE_NOWHERE,
        RTN_LOCAL => RT_SCOPE_HOST,
        RTN_BROADCAST | RTN_ANYCAST => RT_SCOPE_LINK,
        _ => RT_SCOPE_UNIVERSE,
    }
}

/// A network and how many bits of it do *not* count, so that longer prefixes come first.
pub(crate) type Prefix = (u32, u8);

/// The place of a prefix.
pub(crate) fn prefix(network: Ipv4Addr, length: u8) -> Prefix {
    (network.to_bits(), 32 - length.min(32))
}

/// The bits of a network of that length.
pub(crate) fn netmask(length: u8) -> u32 {
    (rule::mask(length.min(32)) >> 96) as u32
}

impl routes::Route for Route {
    type Prefix = Prefix;
    /// The type of service, the largest first, and the priority.
    type Rank = (Reverse<u8>, u32);
    type Source = Ipv4Addr;

    const LEAST: Prefix = (0, 0);
    const RANKS: (Self::Rank, Self::Rank) = ((Reverse(u8::MAX), 0), (Reverse(0), u32::MAX));

    fn ignored(prefix: Prefix) -> u8 {
        prefix.1
    }

    fn rank(&self) -> Self::Rank {
        (Reverse(self.tos), self.priority)
    }

    fn devices(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.nexthops.iter().filter_map(|hop| hop.device)
    }

    fn source(&self) -> Option<Ipv4Addr> {
        self.prefsrc
    }

    fn end(&self) -> Option<Instant> {
        None
    }
}

/// A table.
pub(crate) type Table = routes::Table<Route>;
/// The place of a route in its table.
pub(crate) type Place = routes::PlaceOf<Route>;
/// The tables of a namespace.
pub(crate) type Fib = routes::Routes<Route>;

impl Fib {
    /// The route of the same prefix, service and priority that leads the same way.
    pub(crate) fn twin(&self, table: u32, prefix: Prefix, route: &Route) -> Option<Place> {
        use routes::Route as _;
        let rank = route.rank();
        let same = |(place, other): (Place, &Route)| {
            (other.rank() == rank && other.leads_as(route)).then_some(place)
        };
        match route.nexthops.first().and_then(|hop| hop.device) {
            Some(device) => self.of_prefix_through(table, prefix, device).find_map(same),
            None => self.of_rank(table, prefix, rank).find_map(same),
        }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub destination: Ipv4Addr,
    pub source: Ipv4Addr,
    pub oif: u32,
    pub iif: u32,
    pub mark: u32,
    pub tos: u8,
    /// The network of a tunnel that it came through; 0: none. Rules may look at that.
    pub tunnel: u64,
    /// Whose it is; rules may look at that.
    pub uid: u32,
    /// Routes of a narrower scope only.
    pub scope: u8,
    /// Links without carrier count as well.
    pub any_carrier: bool,
    /// The source need not be the host's own.
    pub any_source: bool,
}

impl Flow {
    /// A packet of the host's own to an address.
    pub(crate) fn to(destination: Ipv4Addr) -> Flow {
        Flow {
            destination,
            source: Ipv4Addr::UNSPECIFIED,
            oif: 0,
            iif: 1,
            mark: 0,
            tos: 0,
            tunnel: 0,
            uid: 0,
            scope: RT_SCOPE_UNIVERSE,
            any_carrier: false,
            any_source: false,
        }
    }

    fn key(&self, domain: u32) -> Key {
        Key {
            domain,
            source: u128::from(self.source.to_bits()) << 96,
            destination: u128::from(self.destination.to_bits()) << 96,
            iif: self.iif,
            oif: self.oif,
            mark: self.mark,
            tos: self.tos,
            tunnel: self.tunnel,
            uid: self.uid,
            ..Key::default()
        }
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub kind: u8,
    pub scope: u8,
    pub prefsrc: Option<Ipv4Addr>,
    pub nexthop: Nexthop,
    /// Where it stands: table and place.
    pub table: u32,
    pub prefix: Prefix,
    pub place: Place,
    /// The metric `mtu`; 0: none.
    pub mtu: u32,
}

/// Whether routes through a link without carrier are passed over.
pub(crate) fn ignores_linkdown(world: &World, device: DeviceId) -> bool {
    let Some(device) = world.get(device) else { return false };
    let own = device.inet.as_ref().is_some_and(|inet| inet.conf.is(v4::IGNORE_ROUTES_WITH_LINKDOWN));
    own || world.space(device.netns).is_ok_and(|space| space.stack.all4.is(v4::IGNORE_ROUTES_WITH_LINKDOWN))
}

/// Asks tables as one (`fib_table_lookup`): the longest prefix wins, and among tables the first.
fn ask(world: &World, fib: &Fib, tables: &[(u32, &Table)], flow: &Flow) -> Result<Found, Errno> {
    let destination = flow.destination.to_bits();
    for ignored in 0..=32u8 {
        let prefix = (destination & netmask(32 - ignored), ignored);
        for (id, table) in tables {
            if !table.has_length(ignored) {
                continue;
            }
            for (place, route) in fib.of_prefix(*id, prefix) {
                if route.tos != 0 && route.tos != flow.tos || route.scope < flow.scope {
                    continue;
                }
                if route.flags & RTNH_F_DEAD != 0 {
                    continue;
                }
                if let Some(errno) = refusal(route.kind) {
                    return Err(errno);
                }
                let Some(nexthop) = choose(world, route, flow) else { continue };
                return Ok(Found {
                    kind: route.kind,
                    scope: route.scope,
                    prefsrc: route.prefsrc,
                    nexthop,
                    table: *id,
                    prefix,
                    place,
                    mtu: route.metric(RTAX_MTU).unwrap_or(0),
                });
            }
        }
    }
    Err(Errno::EAGAIN)
}

/// The next hop that a packet takes: the first that can be used, or of several the one that its addresses lead to
/// (`fib_select_path`); one that is bound to a link takes the first on that.
fn choose(world: &World, route: &Route, flow: &Flow) -> Option<Nexthop> {
    let usable = |hop: &&Nexthop| {
        let dead = hop.flags & RTNH_F_DEAD != 0;
        let down = hop.flags & RTNH_F_LINKDOWN != 0 && !flow.any_carrier;
        let down = down && hop.device.is_some_and(|device| ignores_linkdown(world, device));
        !dead && !down && (flow.oif == 0 || flow.oif == hop.ifindex)
    };
    if route.nexthops.len() == 1 || flow.oif != 0 {
        return route.nexthops.iter().find(usable).cloned();
    }
    let (source, destination) = (flow.source.to_bits(), flow.destination.to_bits());
    let hash = multipath::hash(world.seed, source.into(), destination.into());
    let weights = route.nexthops.iter().map(|hop| if usable(&hop) { hop.weight } else { 0 });
    multipath::pick(hash, weights).and_then(|place| route.nexthops.get(place)).cloned()
}

/// Whether a route that was found leads through a device, or a port of it as the master of a routing domain, by
/// whichever of its next hops (`fib_info_nh_uses_dev`).
pub(crate) fn leads_through(world: &World, netns: NetnsId, found: &Found, device: DeviceId) -> bool {
    let Ok(space) = world.space(netns) else { return false };
    let route = space.stack.fib4.get(found.table, found.place);
    let uses = |id: DeviceId| id == device || domain::master(world, id) == Some(device);
    route.is_some_and(|route| route.nexthops.iter().any(|hop| hop.device.is_some_and(uses)))
}

/// Asks one table.
///
/// # Errors
/// EAGAIN if it does not know, or a refusal.
pub(crate) fn lookup_table(world: &World, netns: NetnsId, table: u32, flow: &Flow) -> Result<Found, Errno> {
    let fib = &world.space(netns)?.stack.fib4;
    let found = fib.table(table).ok_or(Errno::EAGAIN)?;
    ask(world, fib, &[(table, found)], flow)
}

/// Asks the rules (`fib_lookup`).
///
/// # Errors
/// ENETUNREACH if there is no route, or the route's own refusal.
pub(crate) fn lookup(world: &World, netns: NetnsId, flow: &Flow) -> Result<Found, Errno> {
    let stack = &world.space(netns)?.stack;
    let fib = &stack.fib4;
    let table = |id| fib.table(id).map(|table| (id, table));
    if stack.rules4.custom {
        let mut flow = *flow;
        let master = domain::of_flow(world, netns, &mut flow.oif, flow.iif);
        let domain = master.and_then(|master| domain::table(world, master)).unwrap_or(0);
        return rule::walk(world, netns, &stack.rules4, &flow.key(domain), |rule, id| {
            let found = ask(world, fib, table(id).as_slice(), &flow)?;
            if suppressed(world, rule, &found) { Err(Errno::EAGAIN) } else { Ok(found) }
        });
    }
    let answer = match (table(RT_TABLE_LOCAL), table(RT_TABLE_MAIN)) {
        (Some(local), Some(main)) => ask(world, fib, &[local, main], flow),
        (one, other) => ask(world, fib, one.or(other).as_slice(), flow),
    };
    let answer = match (answer, table(RT_TABLE_DEFAULT)) {
        (Err(_), Some(default)) => ask(world, fib, &[default], flow),
        (answer, _) => answer,
    };
    answer.map_err(|errno| if errno == Errno::EAGAIN { Errno::ENETUNREACH } else { errno })
}

/// Whether a rule lets a route not count (`fib4_rule_suppress`).
fn suppressed(world: &World, rule: &Rule, found: &Found) -> bool {
    if i32::from(32 - found.prefix.1) <= rule.suppress_length {
        return true;
    }
    let group = found.nexthop.device.and_then(|device| world.get(device)).map(|device| device.group);
    rule.suppress_group >= 0 && group == Some(rule.suppress_group as u32)
}

/// What kind of address it is (`inet_addr_type`): the type of the route to it in the host's own table, else unicast.
/// With a device only routes through that count, in the table of its domain. A host that never had an address has no such table, and takes every
/// address for a broadcast address, as Linux does.
pub(crate) fn address_type(world: &World, netns: NetnsId, address: Ipv4Addr, device: Option<DeviceId>) -> u8 {
    let table = device.map_or(RT_TABLE_LOCAL, |device| domain::local_table(world, device));
    address_type_in(world, netns, address, table, device)
}

/// The same for a table that is given (`inet_addr_type_table`).
pub(crate) fn address_type_in(
    world: &World,
    netns: NetnsId,
    address: Ipv4Addr,
    table: u32,
    device: Option<DeviceId>,
) -> u8 {
    if address.is_unspecified() || address.is_broadcast() {
        return RTN_BROADCAST;
    }
    if address.is_multicast() {
        return RTN_MULTICAST;
    }
    if !world.space(netns).is_ok_and(|space| space.stack.fib4.table(table).is_some()) {
        return RTN_BROADCAST;
    }
    match lookup_table(world, netns, table, &Flow::to(address)) {
        Ok(found) if device.is_none() || found.nexthop.device == device => found.kind,
        _ => RTN_UNICAST,
    }
}

/// Whether there is a table: unless somebody has changed the rules before, the main one comes with the host's own
/// (`fib_new_table`).
pub(crate) fn has_table(stack: &Stack, table: u32) -> bool {
    let comes_along = table == RT_TABLE_MAIN && !stack.rules4.custom;
    stack.fib4.table(table).is_some() || comes_along && stack.fib4.table(RT_TABLE_LOCAL).is_some()
}

/// Whether a route of a table may prefer a source: it must be the host's own (`fib_valid_prefsrc`).
pub(crate) fn is_own_source(world: &World, netns: NetnsId, source: Ipv4Addr, table: u32) -> bool {
    let tables = [if table == RT_TABLE_MAIN { RT_TABLE_LOCAL } else { table }, RT_TABLE_LOCAL];
    tables.into_iter().any(|table| address_type_in(world, netns, source, table, None) == RTN_LOCAL)
}
