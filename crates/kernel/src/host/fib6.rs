//! The routes of IPv6: tables, their order, and which one a packet takes (`net/ipv6/ip6_fib.c`, `net/ipv6/route.c`).
//!
//! A table is ordered as Linux walks its tree when it lists it: every prefix behind the longer ones that it covers,
//! else by address ([`key`]). Under one prefix routes stand by metric, equal ones in the order in which they came.
//! Routes of one prefix and metric that all lead to gateways are one route with several next hops.
//!
//! **Left out**: source prefixes, router preference, and exceptions of single destinations (path MTU, redirects).

use super::HostTimer;
use super::conf::v6;
use super::domain;
use super::multipath;
use super::rule::{self, Key as RuleKey, Rule};
use crate::device::DeviceId;
use crate::inet6;
use crate::netns::NetnsId;
use crate::world::{Instant, World};
use rtnl::errno::Errno;
use rtnl::object::link::IFF_LOOPBACK;
use rtnl::object::route::*;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// The metric of routes that people make.
pub(crate) const USER_METRIC: u32 = 1024;
/// The metric of routes that addresses bring.
pub(crate) const ADDRESS_METRIC: u32 = 256;

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Nexthop {
    pub device: DeviceId,
    pub ifindex: u32,
    pub gateway: Option<Ipv6Addr>,
    /// `RTNH_F_*`.
    pub flags: u32,
    pub weight: u8,
}

/// A route, without its prefix.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub kind: u8,
    pub protocol: u8,
    pub metric: u32,
    pub prefsrc: Option<Ipv6Addr>,
    pub metrics: Box<[(u16, u32)]>,
    /// Router preference.
    pub preference: u8,
    pub expires: Option<Instant>,
    pub nexthops: Vec<Nexthop>,
}

impl Route {
    /// Whether it may be one of several next hops (`rt6_qualify_for_ecmp`).
    pub(crate) fn joins(&self) -> bool {
        self.expires.is_none() && self.nexthops.iter().all(|hop| hop.gateway.is_some())
    }

    /// One of its metrics.
    pub(crate) fn metric_of(&self, number: u16) -> Option<u32> {
        self.metrics.iter().find(|(known, _)| *known == number).map(|(_, value)| *value)
    }
}

/// What a route of a type answers a lookup with, if that is a refusal (`fib6_prop`).
pub(crate) fn refusal(kind: u8) -> Option<Errno> {
    match kind {
        RTN_BLACKHOLE => Some(Errno::EINVAL),
        RTN_UNREACHABLE => Some(Errno::EHOSTUNREACH),
        RTN_PROHIBIT => Some(Errno::EACCES),
        RTN_THROW => Some(Errno::EAGAIN),
        _ => None,
    }
}

/// The place of a prefix: its last address, and how many bits of it do not count.
pub(crate) type Key = (u128, u8);

/// The place of a prefix in a table.
pub(crate) fn key(network: Ipv6Addr, length: u8) -> Key {
    let length = length.min(128);
    (network.to_bits() | !rule::mask(length), 128 - length)
}

/// The prefix at a place.
pub(crate) fn prefix(key: Key) -> (Ipv6Addr, u8) {
    let length = 128 - key.1;
    (Ipv6Addr::from_bits(key.0 & rule::mask(length)), length)
}

/// A table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    leaves: BTreeMap<Key, Vec<Route>>,
    /// How many prefixes there are of each number of bits that do not count.
    lengths: BTreeMap<u8, u32>,
}

impl Table {
    /// All routes, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Route)> + '_ {
        self.leaves.iter().flat_map(|(key, routes)| routes.iter().map(move |route| (*key, route)))
    }

    /// The routes of one prefix.
    pub(crate) fn routes(&self, key: Key) -> &[Route] {
        self.leaves.get(&key).map_or(&[], Vec::as_slice)
    }

    /// One of them, to change.
    pub(crate) fn route_mut(&mut self, key: Key, at: usize) -> Option<&mut Route> {
        self.leaves.get_mut(&key)?.get_mut(at)
    }

    /// Puts a route behind those of its prefix with the same or a lower metric; gives its place.
    pub(crate) fn insert(&mut self, key: Key, route: Route) -> usize {
        let routes = self.leaves.entry(key).or_default();
        if routes.is_empty() {
            *self.lengths.entry(key.1).or_insert(0) += 1;
        }
        let at = routes.iter().take_while(|other| other.metric <= route.metric).count();
        routes.insert(at, route);
        at
    }

    /// Takes a route out.
    pub(crate) fn remove(&mut self, key: Key, at: usize) -> Option<Route> {
        let routes = self.leaves.get_mut(&key)?;
        if at >= routes.len() {
            return None;
        }
        let route = routes.remove(at);
        if routes.is_empty() {
            self.leaves.remove(&key);
            self.forget_length(key.1);
        }
        Some(route)
    }

    fn forget_length(&mut self, ignored: u8) {
        if let Some(count) = self.lengths.get_mut(&ignored) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&ignored);
            }
        }
    }
}

/// The tables of a namespace; those of the host and of people are always there.
#[derive(Clone, Debug)]
pub(crate) struct Fib {
    pub tables: BTreeMap<u32, Table>,
    pub count: usize,
}

impl Default for Fib {
    fn default() -> Fib {
        let tables = [(RT_TABLE_MAIN, Table::default()), (RT_TABLE_LOCAL, Table::default())];
        Fib { tables: BTreeMap::from(tables), count: 0 }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub oif: u32,
    pub iif: u32,
    pub mark: u32,
}

impl Flow {
    /// A packet of the host's own to an address.
    pub(crate) fn to(destination: Ipv6Addr) -> Flow {
        Flow { source: Ipv6Addr::UNSPECIFIED, destination, oif: 0, iif: 1, mark: 0 }
    }
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub kind: u8,
    pub protocol: u8,
    pub metric: u32,
    pub preference: u8,
    pub prefsrc: Option<Ipv6Addr>,
    pub nexthop: Nexthop,
    pub table: u32,
    pub mtu: u32,
    pub key: Key,
    pub place: usize,
}

/// Whether an address is meant on one link only, or one host (`rt6_need_strict`).
pub(crate) fn is_strict(address: Ipv6Addr) -> bool {
    address.is_multicast() || inet6::is_link_local(address) || address.is_loopback()
}

fn ignores_linkdown(world: &World, id: DeviceId) -> bool {
    let Some(device) = world.get(id) else { return false };
    let own = device.inet6.as_ref().is_some_and(|inet6| inet6.conf.is(v6::IGNORE_ROUTES_WITH_LINKDOWN));
    own || world.space(device.netns).is_ok_and(|space| space.stack.all6.is(v6::IGNORE_ROUTES_WITH_LINKDOWN))
}

/// Asks one table (`fib6_table_lookup`): the longest prefix that has a usable route.
fn ask(world: &World, id: u32, table: &Table, flow: &Flow, strict: bool) -> Result<Found, Errno> {
    let destination = flow.destination.to_bits();
    for ignored in table.lengths.keys() {
        let at = (destination | !rule::mask(128 - ignored), *ignored);
        let routes = table.routes(at);
        let mut chosen: Option<(usize, Nexthop, bool)> = None;
        for (place, route) in routes.iter().enumerate() {
            if chosen.is_some_and(|(first, _, _)| routes[first].metric != route.metric) {
                break;
            }
            for hop in &route.nexthops {
                let down = hop.flags & RTNH_F_LINKDOWN != 0 && ignores_linkdown(world, hop.device);
                let matches = flow.oif == 0 || hop.ifindex == flow.oif;
                if hop.flags & RTNH_F_DEAD != 0 || down || strict && !matches {
                    continue;
                }
                if chosen.is_none_or(|(_, _, well)| !well && matches) {
                    chosen = Some((place, *hop, matches));
                }
            }
        }
        let Some((place, nexthop, _)) = chosen else { continue };
        let route = &routes[place];
        let nexthop = share(world, route, flow).unwrap_or(nexthop);
        if let Some(errno) = refusal(route.kind) {
            return Err(errno);
        }
        return Ok(Found {
            kind: route.kind,
            protocol: route.protocol,
            metric: route.metric,
            preference: route.preference,
            prefsrc: route.prefsrc,
            nexthop,
            table: id,
            mtu: route.metric_of(RTAX_MTU).unwrap_or(0),
            key: at,
            place,
        });
    }
    Err(Errno::EAGAIN)
}

/// The next hop of several that a packet's addresses lead to (`fib6_select_path`); none if there is one alone, or the
/// packet is bound to a link.
fn share(world: &World, route: &Route, flow: &Flow) -> Option<Nexthop> {
    if route.nexthops.len() < 2 || flow.oif != 0 {
        return None;
    }
    let weight = |hop: &Nexthop| {
        let down = hop.flags & RTNH_F_LINKDOWN != 0 && ignores_linkdown(world, hop.device);
        if down || hop.flags & RTNH_F_DEAD != 0 { 0 } else { hop.weight }
    };
    let hash = multipath::hash(world.seed, flow.source.to_bits(), flow.destination.to_bits());
    let place = multipath::pick(hash, route.nexthops.iter().map(weight))?;
    route.nexthops.get(place).copied()
}

/// Asks one table.
///
/// # Errors
/// EAGAIN if it does not know, or a refusal.
pub(crate) fn lookup_table(world: &World, netns: NetnsId, table: u32, flow: &Flow) -> Result<Found, Errno> {
    let found = world.space(netns)?.stack.fib6.tables.get(&table).ok_or(Errno::EAGAIN)?;
    ask(world, table, found, flow, flow.oif != 0 && is_strict(flow.destination))
}

/// Asks the rules.
///
/// # Errors
/// ENETUNREACH if there is no route, or the route's own refusal.
pub(crate) fn lookup(world: &World, netns: NetnsId, flow: &Flow, strict: bool) -> Result<Found, Errno> {
    let stack = &world.space(netns)?.stack;
    let mut flow = *flow;
    let master = domain::of_flow(world, netns, &mut flow.oif, flow.iif);
    let key = RuleKey {
        domain: master.and_then(|master| domain::table(world, master)).unwrap_or(0),
        source: flow.source.to_bits(),
        destination: flow.destination.to_bits(),
        iif: flow.iif,
        oif: flow.oif,
        mark: flow.mark,
        ..RuleKey::default()
    };
    rule::walk(world, netns, &stack.rules6, &key, |rule, id| {
        let table = stack.fib6.tables.get(&id).ok_or(Errno::EAGAIN)?;
        let found = ask(world, id, table, &flow, strict)?;
        if suppressed(world, rule, &found) { Err(Errno::EAGAIN) } else { Ok(found) }
    })
}

fn suppressed(world: &World, rule: &Rule, found: &Found) -> bool {
    if i32::from(128 - found.key.1) <= rule.suppress_length {
        return true;
    }
    let group = world.get(found.nexthop.device).map(|device| device.group);
    rule.suppress_group >= 0 && group == Some(rule.suppress_group as u32)
}

/// The route of a packet of the host's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub device: DeviceId,
    pub gateway: Option<Ipv6Addr>,
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub mtu: u32,
}

/// The device that stands for the host itself on a route to it (`ip6_rt_get_dev_rcu`): an address of a link is the
/// host's in every routing domain.
pub(crate) fn loopback(world: &World, netns: NetnsId, found: &Found) -> Option<DeviceId> {
    let through = found.nexthop.device;
    let in_domain = !is_strict(prefix(found.key).0) || domain::is_master(world, through);
    domain::loopback(world, netns, Some(through).filter(|_| in_domain))
}

/// Finds the route of a packet of the host's own (`ip6_route_output_flags_noref`). To an address of one link a port of
/// a routing domain asks the domain's table alone, and its master knows none.
///
/// # Errors
/// ENETUNREACH without route, what a route refuses with.
pub(crate) fn find(world: &World, netns: NetnsId, flow: &Flow) -> Result<Found, Errno> {
    let destination = flow.destination;
    let link_scope = destination.is_multicast() || inet6::is_link_local(destination);
    let bound = world.by_index(netns, flow.oif).filter(|_| link_scope && flow.oif != 0);
    if let Some((bound, table)) = bound.and_then(|id| Some((id, domain::table(world, id)?))) {
        if domain::is_master(world, bound) {
            return Err(Errno::ENETUNREACH);
        }
        return lookup_table(world, netns, table, flow).map_err(|errno| match errno {
            Errno::EAGAIN => Errno::ENETUNREACH,
            errno => errno,
        });
    }
    lookup(world, netns, flow, is_strict(destination) || flow.oif != 0)
}

/// Finds the route of a packet of the host's own, and its source if none is given.
///
/// # Errors
/// ENETUNREACH without route, EADDRNOTAVAIL without source, ENODEV if there is no such link, what a route refuses with.
pub(crate) fn outgoing(world: &World, netns: NetnsId, flow: &Flow) -> Result<Outgoing, Errno> {
    let mut flow = *flow;
    if flow.destination.is_unspecified() {
        flow.destination = Ipv6Addr::LOCALHOST;
    }
    if flow.oif != 0 {
        world.by_index(netns, flow.oif).ok_or(Errno::ENODEV)?;
    }
    let found = match find(world, netns, &flow) {
        // Who has no source hears of that first.
        Err(errno) if flow.source.is_unspecified() => {
            let source = inet6::select_from(world, netns, None, flow.destination);
            return Err(if source.is_none() { Errno::EADDRNOTAVAIL } else { errno });
        }
        found => found?,
    };
    let own = matches!(found.kind, RTN_LOCAL | RTN_ANYCAST);
    let through = found.nexthop.device;
    let device = if own { loopback(world, netns, &found).ok_or(Errno::ENODEV)? } else { through };
    let source = match (flow.source, found.prefsrc) {
        (source, _) if !source.is_unspecified() => source,
        (_, Some(source)) => source,
        _ if own && found.kind == RTN_LOCAL => flow.destination,
        _ => inet6::select(world, through, flow.destination).ok_or(Errno::EADDRNOTAVAIL)?,
    };
    let mtu = if found.mtu != 0 { found.mtu } else { world.get(device).map_or(0, |device| device.mtu) };
    let mtu = mtu.min(65_535 + wire::ipv6::LENGTH as u32);
    Ok(Outgoing { device, gateway: found.nexthop.gateway, source, destination: flow.destination, mtu })
}

// What devices and addresses do to routes.

/// A route that the kernel makes itself.
pub(crate) fn kernel_route(world: &World, id: DeviceId, kind: u8, metric: u32) -> Route {
    let device = &world[id];
    let own = matches!(kind, RTN_LOCAL | RTN_ANYCAST);
    let flags = if device.carrier || own { 0 } else { RTNH_F_LINKDOWN };
    let hop = Nexthop { device: id, ifindex: device.ifindex, gateway: None, flags, weight: 1 };
    Route {
        kind,
        protocol: RTPROT_KERNEL,
        metric,
        prefsrc: None,
        metrics: Box::default(),
        preference: 0,
        expires: None,
        nexthops: vec![hop],
    }
}

/// Adds a route of the kernel's own, if the same is not there.
pub(crate) fn add(world: &mut World, netns: NetnsId, table: u32, key: Key, route: Route) {
    let Ok(space) = world.space_mut(netns) else { return };
    let fib = &mut space.stack.fib6;
    let known = fib.tables.entry(table).or_default();
    let same = |other: &Route| other.metric == route.metric && other.nexthops == route.nexthops;
    let alike = |other: &Route| {
        let (a, b) = (other.nexthops.first(), route.nexthops.first());
        other.metric == route.metric
            && matches!((a, b), (Some(a), Some(b)) if a.ifindex == b.ifindex && a.gateway == b.gateway)
    };
    if fib.count >= super::fib4::ROUTES || known.routes(key).iter().any(|other| same(other) || alike(other)) {
        return;
    }
    let at = known.insert(key, route);
    fib.count += 1;
    crate::rtnl::route6::announce(world, netns, table, key, at, 0);
}

/// Removes the kernel's own route of a prefix through a device.
pub(crate) fn remove(world: &mut World, id: DeviceId, table: u32, key: Key, kind: u8) {
    let Some(netns) = world.get(id).map(|device| device.netns) else { return };
    let Ok(space) = world.space_mut(netns) else { return };
    let fib = &mut space.stack.fib6;
    let Some(known) = fib.tables.get_mut(&table) else { return };
    let fits = |route: &Route| {
        let hop = route.nexthops.first();
        route.kind == kind && hop.is_some_and(|hop| hop.device == id && hop.gateway.is_none())
    };
    let Some(at) = known.routes(key).iter().position(fits) else { return };
    if let Some(route) = known.remove(key, at) {
        fib.count -= 1;
        crate::rtnl::route6::announce_gone(world, netns, table, key, &route);
    }
}

/// Removes every route for which `is_lost` says so, and tells of it.
fn sweep(world: &mut World, netns: NetnsId, mut is_lost: impl FnMut(&mut Route) -> bool) {
    let Ok(space) = world.space_mut(netns) else { return };
    let fib = &mut space.stack.fib6;
    let mut lost = Vec::new();
    for (id, table) in &mut fib.tables {
        let mut emptied = Vec::new();
        for (key, routes) in &mut table.leaves {
            routes.retain_mut(|route| {
                let gone = is_lost(route);
                if gone {
                    lost.push((*id, *key, route.clone()));
                }
                !gone
            });
            if routes.is_empty() {
                emptied.push(*key);
            }
        }
        for key in emptied {
            table.leaves.remove(&key);
            table.forget_length(key.1);
        }
    }
    fib.count -= lost.len();
    for (table, key, route) in lost {
        crate::rtnl::route6::announce_gone(world, netns, table, key, &route);
    }
}

/// A link is down or gone: every route through it is lost (`rt6_sync_down_dev`).
pub(crate) fn link_down(world: &mut World, id: DeviceId) {
    let Some(netns) = world.get(id).map(|device| device.netns) else { return };
    sweep(world, netns, |route| {
        route.nexthops.retain(|hop| hop.device != id);
        route.nexthops.is_empty()
    });
}

/// A link's carrier came or went: its routes are marked (`rt6_sync_up`, `rt6_sync_down_dev`).
pub(crate) fn carrier(world: &mut World, id: DeviceId, on: bool) {
    let Some(netns) = world.get(id).map(|device| device.netns) else { return };
    sweep(world, netns, |route| {
        if matches!(route.kind, RTN_LOCAL | RTN_ANYCAST) {
            return false;
        }
        for hop in route.nexthops.iter_mut().filter(|hop| hop.device == id) {
            hop.flags = hop.flags & !RTNH_F_LINKDOWN | if on { 0 } else { RTNH_F_LINKDOWN };
        }
        false
    });
}

/// An address is no longer the host's: it is no route's preferred source any more (`rt6_remove_prefsrc`).
pub(crate) fn forget_source(world: &mut World, netns: NetnsId, address: Ipv6Addr) {
    sweep(world, netns, |route| {
        if route.prefsrc == Some(address) {
            route.prefsrc = None;
        }
        false
    });
}

/// Sets the timer to the end of the route that ends first.
pub(crate) fn watch_expiry(world: &mut World, netns: NetnsId) {
    let Ok(space) = world.space(netns) else { return };
    let ends = space.stack.fib6.tables.values().flat_map(Table::iter).filter_map(|(_, route)| route.expires);
    if let Some(next) = ends.min() {
        let delay = next.0.saturating_sub(world.now.0).max(1);
        world.set_host_timer(netns, HostTimer::Routes6, delay);
    }
}

/// Routes whose time is over go (`fib6_age`).
pub(crate) fn expire(world: &mut World, netns: NetnsId) {
    let now = world.now;
    sweep(world, netns, |route| route.expires.is_some_and(|end| end <= now));
    watch_expiry(world, netns);
}

/// Whether a device is the loopback.
pub(crate) fn is_loopback(world: &World, id: DeviceId) -> bool {
    world.get(id).is_some_and(|device| device.flags & IFF_LOOPBACK != 0)
}

/// Flags that a next hop shows.
pub(crate) fn shown_flags(world: &World, hop: &Nexthop) -> u32 {
    let dead = hop.flags & RTNH_F_LINKDOWN != 0 && ignores_linkdown(world, hop.device);
    hop.flags & (RTNH_F_ONLINK | RTNH_F_DEAD | RTNH_F_LINKDOWN) | if dead { RTNH_F_DEAD } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_stand_behind_what_they_cover() {
        let prefixes = ["::/0", "fd00::/8", "fd00::/64", "fd00:1::/64", "fd00::1/128", "fe80::/64"];
        let mut keys: Vec<(Key, &str)> = prefixes
            .iter()
            .map(|text| {
                let (address, length) = text.split_once('/').unwrap();
                (key(address.parse().unwrap(), length.parse().unwrap()), *text)
            })
            .collect();
        keys.sort();
        let order: Vec<&str> = keys.iter().map(|(_, text)| *text).collect();
        assert_eq!(order, ["fd00::1/128", "fd00::/64", "fd00:1::/64", "fd00::/8", "fe80::/64", "::/0"]);
        for (place, text) in keys {
            let (address, length) = prefix(place);
            assert_eq!(format!("{address}/{length}"), text);
        }
    }
}
