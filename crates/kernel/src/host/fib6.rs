//! The routes of IPv6: tables, their order, and which one a packet takes (`net/ipv6/ip6_fib.c`, `net/ipv6/route.c`).
//!
//! A table is ordered as Linux walks its tree when it lists it: every prefix behind the longer ones that it covers,
//! else by address ([`key`]). Under one prefix routes stand by metric, equal ones in the order in which they came.
//! Routes of one prefix and metric that all lead to gateways are one route with several next hops.
//!
//! **Left out**: source prefixes, and exceptions of single destinations (path MTU, redirects).

use super::HostTimer;
use super::conf::v6;
use super::domain;
use super::encap::Encap;
pub(crate) use super::hops6::Hops;
use super::multipath;
use super::routes::{self, End, Somewhere};
use super::rule::{self, Key as RuleKey, Rule};
use super::source6;
use crate::device::DeviceId;
use crate::inet6;
use crate::netns::NetnsId;
use crate::rare::{Rare, Usual};
use crate::world::{Instant, World};
use rtnl::errno::Errno;
use rtnl::object::link::IFF_LOOPBACK;
use rtnl::object::route::*;
use std::net::Ipv6Addr;
use std::sync::Arc;

/// The metric of routes that people make.
pub(crate) const USER_METRIC: u32 = 1024;
/// The metric of routes that addresses bring.
pub(crate) const ADDRESS_METRIC: u32 = 256;

/// Where a route leads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Nexthop {
    pub device: DeviceId,
    pub ifindex: u32,
    pub gateway: Option<Ipv6Addr>,
    /// `RTNH_F_*`.
    pub flags: u32,
    pub weight: u8,
    /// What its packets carry.
    pub encap: Option<Arc<Encap>>,
}

/// What few routes have.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rarities {
    pub prefsrc: Option<Ipv6Addr>,
    /// Number and value of `RTAX_*`.
    pub metrics: Vec<(u16, u32)>,
    pub expires: Option<Instant>,
}

impl Usual for Rarities {
    const USUAL: &'static Rarities = &Rarities { prefsrc: None, metrics: Vec::new(), expires: None };
}

/// A route, without its prefix.
#[derive(Debug)]
pub(crate) struct Route {
    pub kind: u8,
    pub protocol: u8,
    /// Router preference.
    pub preference: u8,
    pub metric: u32,
    pub hops: Hops,
    pub rarities: Rare<Rarities>,
}

impl Route {
    /// Whether it may be one of several next hops (`rt6_qualify_for_ecmp`).
    pub(crate) fn joins(&self) -> bool {
        self.rarities.expires.is_none()
            && self.protocol != RTPROT_RA
            && self.hops.iter().all(|hop| hop.gateway.is_some())
    }

    /// One of its metrics.
    pub(crate) fn metric_of(&self, number: u16) -> Option<u32> {
        self.rarities.metrics.iter().find(|(known, _)| *known == number).map(|(_, value)| *value)
    }

    /// The same with other next hops.
    pub(crate) fn with_hops(&self, hops: Vec<Nexthop>) -> Route {
        let Route { kind, protocol, preference, metric, .. } = *self;
        let mut route =
            Route { kind, protocol, preference, metric, hops: Hops::new(hops), rarities: Rare::NEW };
        if *self.rarities != *Rarities::USUAL {
            *route.rarities = (*self.rarities).clone();
        }
        route
    }

    /// Whether it has a next hop through the link of that one to its gateway, with the same encapsulation.
    pub(crate) fn leads_as(&self, other: &Nexthop) -> bool {
        let same = |hop: Nexthop| {
            (hop.ifindex, hop.gateway) == (other.ifindex, other.gateway) && hop.encap == other.encap
        };
        self.hops.iter().any(same)
    }
}

impl routes::Route for Route {
    type Prefix = Key;
    type Rank = u32;
    type Source = Ipv6Addr;

    const LEAST: Key = Key([0; 17]);
    const RANKS: (u32, u32) = (0, u32::MAX);

    fn ignored(prefix: Key) -> u8 {
        prefix.ignored()
    }

    fn rank(&self) -> u32 {
        self.metric
    }

    fn devices(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.hops.iter().map(|hop| hop.device)
    }

    fn source(&self) -> Option<Ipv6Addr> {
        self.rarities.prefsrc
    }

    fn end(&self) -> Option<Instant> {
        self.rarities.expires
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

/// The place of a prefix: the bytes of its last address, and how many bits of it do not count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Key([u8; 17]);

impl Key {
    fn new(last: u128, ignored: u8) -> Key {
        let mut bytes = [ignored; 17];
        bytes[..16].copy_from_slice(&last.to_be_bytes());
        Key(bytes)
    }

    /// How many bits do not count.
    pub(crate) fn ignored(self) -> u8 {
        self.0[16]
    }
}

/// The place of a prefix in a table.
pub(crate) fn key(network: Ipv6Addr, length: u8) -> Key {
    let length = length.min(128);
    Key::new(network.to_bits() | !rule::mask(length), 128 - length)
}

/// The prefix at a place.
pub(crate) fn prefix(key: Key) -> (Ipv6Addr, u8) {
    let length = 128 - key.ignored();
    let mut last = [0; 16];
    last.copy_from_slice(&key.0[..16]);
    (Ipv6Addr::from_bits(u128::from_be_bytes(last) & rule::mask(length)), length)
}

/// The place of a route in its table.
pub(crate) type Place = routes::PlaceOf<Route>;
/// The tables of a namespace.
pub(crate) type Fib = routes::Routes<Route>;

/// Those of a new namespace: the tables of the host and of people are always there.
pub(crate) fn empty() -> Fib {
    let mut fib = Fib::default();
    [RT_TABLE_MAIN, RT_TABLE_LOCAL].into_iter().for_each(|table| fib.make_table(table));
    fib
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub oif: u32,
    pub iif: u32,
    pub mark: u32,
    /// The network of a tunnel that it came through; 0: none.
    pub tunnel: u64,
}

impl Flow {
    /// A packet of the host's own to an address.
    pub(crate) fn to(destination: Ipv6Addr) -> Flow {
        Flow { source: Ipv6Addr::UNSPECIFIED, destination, oif: 0, iif: 1, mark: 0, tunnel: 0 }
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub kind: u8,
    pub protocol: u8,
    pub metric: u32,
    pub preference: u8,
    pub prefsrc: Option<Ipv6Addr>,
    pub nexthop: Nexthop,
    pub table: u32,
    pub mtu: u32,
    pub place: Place,
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

/// A route that was found, and the next hop that was found with it.
type Choice<'f> = (Place, &'f Route, Nexthop);

/// Asks one table (`fib6_table_lookup`): the longest prefix that has a usable route.
fn ask(world: &World, netns: NetnsId, id: u32, flow: &Flow, strict: bool) -> Result<Found, Errno> {
    let fib = &world.space(netns)?.stack.fib6;
    let destination = flow.destination.to_bits();
    let bound = if flow.oif == 0 { None } else { world.by_index(netns, flow.oif) };
    for ignored in fib.table(id).ok_or(Errno::EAGAIN)?.lengths() {
        let at = Key::new(destination | !rule::mask(128 - ignored), ignored);
        let Some((place, route, nexthop)) = choose(world, fib, (id, at), flow, bound, strict) else {
            continue;
        };
        let nexthop = share(world, route, flow).unwrap_or(nexthop);
        if let Some(errno) = refusal(route.kind) {
            return Err(errno);
        }
        return Ok(Found {
            kind: route.kind,
            protocol: route.protocol,
            metric: route.metric,
            preference: route.preference,
            prefsrc: route.rarities.prefsrc,
            nexthop,
            table: id,
            mtu: route.metric_of(RTAX_MTU).unwrap_or(0),
            place,
        });
    }
    Err(Errno::EAGAIN)
}

/// The first route of a prefix that can be used (`find_rr_leaf`). A packet that is bound to a link takes that of the
/// same metric through it, if there is one; if it must leave there, it takes no other.
fn choose<'f>(
    world: &World,
    fib: &'f Fib,
    (table, at): (u32, Key),
    flow: &Flow,
    bound: Option<DeviceId>,
    strict: bool,
) -> Option<Choice<'f>> {
    let usable = |hop: &Nexthop| {
        let down = hop.flags & RTNH_F_LINKDOWN != 0 && ignores_linkdown(world, hop.device);
        hop.flags & RTNH_F_DEAD == 0 && !down
    };
    let through = |(place, route): (Place, &'f Route)| {
        let mut hops = route.hops.iter().filter(usable);
        hops.find(|hop| hop.ifindex == flow.oif).map(|hop| (place, route, hop))
    };
    let own = bound.and_then(|id| fib.of_prefix_through(table, at, id).find_map(through));
    if strict && flow.oif != 0 {
        return own;
    }
    let mut all = fib
        .of_prefix(table, at)
        .filter_map(|(place, route)| Some((place, route, route.hops.iter().find(usable)?)));
    let mut first: Choice<'f> = all.next()?;
    // Of routers that cost the same the first of the most preferred.
    let rank = |route: &Route| [1, 2, 0, 0][usize::from(route.preference & 3)];
    if first.1.protocol == RTPROT_RA {
        for other in all.take_while(|(_, route, _)| route.metric == first.1.metric) {
            if rank(other.1) > rank(first.1) {
                first = other;
            }
        }
    }
    Some(own.filter(|(_, route, _)| route.metric == first.1.metric).unwrap_or(first))
}

/// The next hop of several that a packet's addresses lead to (`fib6_select_path`); none if there is one alone, or the
/// packet is bound to a link.
fn share(world: &World, route: &Route, flow: &Flow) -> Option<Nexthop> {
    if route.hops.len() < 2 || flow.oif != 0 {
        return None;
    }
    let weight = |hop: Nexthop| {
        let down = hop.flags & RTNH_F_LINKDOWN != 0 && ignores_linkdown(world, hop.device);
        if down || hop.flags & RTNH_F_DEAD != 0 { 0 } else { hop.weight }
    };
    let hash = multipath::hash(world.seed, flow.source.to_bits(), flow.destination.to_bits());
    let place = multipath::pick(hash, route.hops.iter().map(weight))?;
    route.hops.iter().nth(place)
}

/// Asks one table.
///
/// # Errors
/// EAGAIN if it does not know, or a refusal.
pub(crate) fn lookup_table(world: &World, netns: NetnsId, table: u32, flow: &Flow) -> Result<Found, Errno> {
    ask(world, netns, table, flow, flow.oif != 0 && is_strict(flow.destination))
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
        tunnel: flow.tunnel,
        ..RuleKey::default()
    };
    rule::walk(world, netns, &stack.rules6, &key, |rule, id| {
        let found = ask(world, netns, id, &flow, strict)?;
        if suppressed(world, rule, &found) { Err(Errno::EAGAIN) } else { Ok(found) }
    })
}

fn suppressed(world: &World, rule: &Rule, found: &Found) -> bool {
    if i32::from(128 - found.place.prefix.ignored()) <= rule.suppress_length {
        return true;
    }
    let group = world.get(found.nexthop.device).map(|device| device.group);
    rule.suppress_group >= 0 && group == Some(rule.suppress_group as u32)
}

/// The route of a packet of the host's own.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub device: DeviceId,
    pub gateway: Option<Ipv6Addr>,
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub mtu: u32,
    /// It goes to an address of the host's.
    pub local: bool,
    /// What the packet carries.
    pub encap: Option<Arc<Encap>>,
}

/// The device that stands for the host itself on a route to it (`ip6_rt_get_dev_rcu`): an address of a link is the
/// host's in every routing domain.
pub(crate) fn loopback(world: &World, netns: NetnsId, found: &Found) -> Option<DeviceId> {
    let through = found.nexthop.device;
    let in_domain = !is_strict(prefix(found.place.prefix).0) || domain::is_master(world, through);
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
    // Who has chosen a source is bound to a link only in that its routes come first.
    lookup(world, netns, flow, is_strict(destination) || flow.oif != 0 && flow.source.is_unspecified())
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
            let source = source6::select_from(world, netns, None, flow.destination);
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
        _ => source6::select(world, through, flow.destination).ok_or(Errno::EADDRNOTAVAIL)?,
    };
    let mtu = if found.mtu != 0 { found.mtu } else { inet6::mtu(world, device) };
    let mtu = mtu.min(65_535 + wire::ipv6::LENGTH as u32);
    let Nexthop { gateway, encap, .. } = found.nexthop;
    let local = found.kind == RTN_LOCAL;
    Ok(Outgoing { device, gateway, source, destination: flow.destination, mtu, local, encap })
}

// What devices and addresses do to routes.

/// A route that the kernel makes itself.
pub(crate) fn kernel_route(world: &World, id: DeviceId, kind: u8, metric: u32) -> Route {
    let device = &world[id];
    let own = matches!(kind, RTN_LOCAL | RTN_ANYCAST);
    let flags = if device.carrier || own { 0 } else { RTNH_F_LINKDOWN as u8 };
    let hops = Hops::Plain { device: id, ifindex: device.ifindex, flags };
    Route { kind, protocol: RTPROT_KERNEL, preference: 0, metric, hops, rarities: Rare::NEW }
}

/// Adds a route of the kernel's own, if the same is not there.
pub(crate) fn add(world: &mut World, netns: NetnsId, table: u32, key: Key, route: Route) {
    let Ok(space) = world.space_mut(netns) else { return };
    let fib = &mut space.stack.fib6;
    let Some(hop) = route.hops.iter().next() else { return };
    let alike = |(_, other): (Place, &Route)| {
        let first = other.hops.iter().next();
        other.metric == route.metric
            && first.is_some_and(|first| first.ifindex == hop.ifindex && first.gateway == hop.gateway)
    };
    if fib.count() >= super::fib4::ROUTES || fib.of_prefix_through(table, key, hop.device).any(alike) {
        return;
    }
    if let Some(place) = fib.insert(table, key, End::Back, route) {
        crate::rtnl::route6::announce(world, netns, table, place, 0);
    }
}

/// Removes the kernel's own route of a prefix through a device.
pub(crate) fn remove(world: &mut World, id: DeviceId, table: u32, key: Key, kind: u8) {
    let Some(netns) = world.get(id).map(|device| device.netns) else { return };
    let Ok(space) = world.space_mut(netns) else { return };
    let fits = |(place, route): (Place, &Route)| {
        let hop = route.hops.iter().next();
        let own = hop.is_some_and(|hop| hop.device == id && hop.gateway.is_none());
        (route.kind == kind && own).then_some(place)
    };
    let place = space.stack.fib6.of_prefix_through(table, key, id).find_map(fits);
    lose(world, netns, place.map(|place| (table, place)));
}

/// Takes routes out, and tells of it.
pub(crate) fn lose(world: &mut World, netns: NetnsId, lost: impl IntoIterator<Item = Somewhere<Route>>) {
    let Ok(space) = world.space_mut(netns) else { return };
    let fib = &mut space.stack.fib6;
    let gone = lost.into_iter().filter_map(|(table, place)| Some((table, place, fib.remove(table, place)?)));
    // All are gone before the first is told of.
    for (table, place, route) in gone.collect::<Vec<_>>() {
        crate::rtnl::route6::announce_gone(world, netns, table, place.prefix, &route);
    }
}

/// The routes of a device's namespace, and where those through it are.
fn own(world: &mut World, id: DeviceId) -> Option<(&mut Fib, Vec<Somewhere<Route>>)> {
    let netns = world.get(id)?.netns;
    let fib = &mut world.space_mut(netns).ok()?.stack.fib6;
    let places = fib.through(id);
    Some((fib, places))
}

/// A link is down or gone: every route through it is lost, or that next hop of it (`rt6_sync_down_dev`).
pub(crate) fn link_down(world: &mut World, id: DeviceId) {
    let Some((fib, places)) = own(world, id).filter(|(_, places)| !places.is_empty()) else { return };
    let mut lost = Vec::new();
    for (table, place) in places {
        if fib.get(table, place).is_some_and(|route| route.hops.iter().all(|hop| hop.device == id)) {
            lost.push((table, place));
        } else {
            fib.change(table, place, |route| route.hops.retain(|hop| hop.device != id));
        }
    }
    let Some(netns) = world.get(id).map(|device| device.netns) else { return };
    lose(world, netns, lost);
}

/// A link's carrier came or went: its routes are marked (`rt6_sync_up`, `rt6_sync_down_dev`).
pub(crate) fn carrier(world: &mut World, id: DeviceId, on: bool) {
    let Some((fib, places)) = own(world, id) else { return };
    for somewhere in places {
        let route = fib.get_mut(somewhere).filter(|route| !matches!(route.kind, RTN_LOCAL | RTN_ANYCAST));
        if let Some(route) = route {
            route.hops.mark(id, RTNH_F_LINKDOWN, if on { 0 } else { RTNH_F_LINKDOWN });
        }
    }
}

/// An address is no longer the host's: it is no route's preferred source any more (`rt6_remove_prefsrc`).
pub(crate) fn forget_source(world: &mut World, netns: NetnsId, address: Ipv6Addr) {
    let Ok(space) = world.space_mut(netns) else { return };
    let fib = &mut space.stack.fib6;
    for (table, place) in fib.with_source(address) {
        fib.change(table, place, |route| route.rarities.prefsrc = None);
    }
}

/// Sets the timer to the end of the route that ends first.
pub(crate) fn watch_expiry(world: &mut World, netns: NetnsId) {
    let Ok(space) = world.space(netns) else { return };
    if let Some(next) = space.stack.fib6.next_end() {
        let delay = next.0.saturating_sub(world.now.0).max(1);
        world.set_host_timer(netns, HostTimer::Routes6, delay);
    }
}

/// Routes whose time is over go (`fib6_age`).
pub(crate) fn expire(world: &mut World, netns: NetnsId) {
    let Ok(space) = world.space(netns) else { return };
    let over = space.stack.fib6.ended(world.now);
    lose(world, netns, over);
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
