//! Routes that IPv4 addresses and links bring and take along (`net/ipv4/fib_frontend.c`, `fib_sync_down_dev` and its
//! sisters in `net/ipv4/fib_semantics.c`).
//!
//! Which routes a device's addresses ask for is a function of the addresses ([`wanted`]). When one goes, what is asked
//! for no longer is removed; what a user removed meanwhile stays removed. A link that goes down loses its routes, but
//! for the host's own addresses; one without carrier keeps them, marked. Nobody is told of routes that are lost so.

use super::domain;
use super::fib4::{self, Fib, Nexthop, Prefix, Route, prefix};
use super::inet::{self, Address};
use super::routes::{End, Somewhere};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::object::addr::IFA_F_NOPREFIXROUTE;
use rtnl::object::link::IFF_LOOPBACK;
use rtnl::object::route::*;
use std::net::Ipv4Addr;

/// A route that addresses ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    kind: u8,
    prefix: Prefix,
    prefsrc: Ipv4Addr,
    priority: u32,
}

impl Wanted {
    /// The table of the routing domain, or the one for the kind of route.
    fn table(&self, world: &World, id: DeviceId) -> u32 {
        let usual = if self.kind == RTN_UNICAST { RT_TABLE_MAIN } else { RT_TABLE_LOCAL };
        domain::table(world, id).unwrap_or(usual)
    }

    fn scope(&self) -> u8 {
        if self.kind == RTN_LOCAL { RT_SCOPE_HOST } else { RT_SCOPE_LINK }
    }

    /// When it goes among those that an address takes along (`fib_del_ifaddr`): the secondaries' own addresses, the
    /// network, its broadcasts, and the address itself.
    fn turn(&self) -> u8 {
        match self.kind {
            RTN_LOCAL if self.prefix == prefix(self.prefsrc, 32) => 3,
            RTN_LOCAL if self.prefix.1 == 0 => 0,
            RTN_BROADCAST => 2,
            _ => 1,
        }
    }

    fn is(&self, route: &Route, device: DeviceId) -> bool {
        route.kind == self.kind
            && route.scope == self.scope()
            && route.protocol == RTPROT_KERNEL
            && route.prefsrc == Some(self.prefsrc)
            && (self.priority == 0 || route.priority == self.priority)
            && route.nexthops.first().is_some_and(|hop| hop.device == Some(device))
    }
}

/// What one address asks for (`fib_add_ifaddr`).
fn of_address(world: &World, id: DeviceId, address: &Address, out: &mut Vec<Wanted>) {
    let device = &world[id];
    let all = inet::addresses(world, id);
    let primary = match address.is_secondary() {
        false => address,
        true => match all.iter().find(|other| !other.is_secondary() && other.shares_network(address)) {
            Some(primary) => primary,
            None => return,
        },
    };
    let mut ask = |kind, network: Ipv4Addr, length, priority| {
        let wanted = Wanted { kind, prefix: prefix(network, length), prefsrc: primary.local, priority };
        if !out.contains(&wanted) {
            out.push(wanted);
        }
    };
    ask(RTN_LOCAL, address.local, 32, 0);
    if !device.is_up() {
        return;
    }
    if let Some(broadcast) = address.broadcast.filter(|broadcast| !broadcast.is_broadcast()) {
        ask(RTN_BROADCAST, broadcast, 32, 0);
    }
    let mask = address.mask();
    let network = Ipv4Addr::from_bits(address.address.to_bits() & mask);
    let more = network != address.local || address.length < 32;
    if network.octets()[0] == 0 || address.is_secondary() || !more {
        return;
    }
    if address.flags & IFA_F_NOPREFIXROUTE == 0 {
        let kind = if device.flags & IFF_LOOPBACK != 0 { RTN_LOCAL } else { RTN_UNICAST };
        ask(kind, network, address.length, address.priority);
    }
    if address.length < 31 {
        ask(RTN_BROADCAST, Ipv4Addr::from_bits(network.to_bits() | !mask), 32, 0);
    }
}

/// What the addresses of a device ask for.
pub(crate) fn wanted(world: &World, id: DeviceId) -> Vec<Wanted> {
    let mut out = Vec::new();
    for address in inet::addresses(world, id) {
        of_address(world, id, address, &mut out);
    }
    out
}

/// Puts a wanted route in, if it is not there.
fn add(world: &mut World, id: DeviceId, wanted: &Wanted) {
    let device = &world[id];
    let carrier = device.carrier;
    let linkdown = if carrier || wanted.kind == RTN_LOCAL { 0 } else { RTNH_F_LINKDOWN };
    let (netns, ifindex) = (device.netns, device.ifindex);
    let scope = if wanted.kind == RTN_LOCAL { RT_SCOPE_NOWHERE } else { RT_SCOPE_HOST };
    let hop =
        Nexthop { device: Some(id), ifindex, gateway: None, scope, flags: linkdown, weight: 1, encap: None };
    let route = Route {
        tos: 0,
        kind: wanted.kind,
        scope: wanted.scope(),
        protocol: RTPROT_KERNEL,
        priority: wanted.priority,
        prefsrc: Some(wanted.prefsrc),
        metrics: Box::default(),
        flow: 0,
        nexthops: vec![hop],
        flags: linkdown,
    };
    let table = wanted.table(world, id);
    let is_itself = wanted.prefix == prefix(wanted.prefsrc, 32) && !wanted.prefsrc.is_unspecified();
    if !(wanted.kind == RTN_LOCAL && is_itself || fib4::is_own_source(world, netns, wanted.prefsrc, table)) {
        return;
    }
    let Ok(space) = world.space_mut(netns) else { return };
    let fib = &mut space.stack.fib4;
    if fib.count() >= fib4::ROUTES || fib.twin(table, wanted.prefix, &route).is_some() {
        return;
    }
    if let Some(place) = fib.insert(table, wanted.prefix, End::Back, route) {
        crate::rtnl::route4::announce(world, netns, RTM_NEWROUTE, table, place, 0);
    }
}

fn remove(world: &mut World, id: DeviceId, wanted: &Wanted) {
    let (netns, number) = (world[id].netns, wanted.table(world, id));
    let Ok(space) = world.space_mut(netns) else { return };
    let fib = &mut space.stack.fib4;
    let mut own = fib.of_prefix_through(number, wanted.prefix, id);
    let Some(place) = own.find(|(_, route)| wanted.is(route, id)).map(|(place, _)| place) else { return };
    drop(own);
    if let Some(route) = fib.remove(number, place) {
        crate::rtnl::route4::announce_gone(world, netns, number, place.prefix, &route);
    }
}

/// An address came: its routes come, and the link's are alive.
pub(crate) fn address_came(world: &mut World, id: DeviceId, address: &Address) {
    let mut routes = Vec::new();
    of_address(world, id, address, &mut routes);
    for wanted in &routes {
        add(world, id, wanted);
    }
    revive(world, id, RTNH_F_DEAD);
}

/// Addresses went: what they alone asked for goes, what the rest asks for is there. With the last address goes every
/// route through the link.
pub(crate) fn addresses_went(world: &mut World, id: DeviceId, before: &[Wanted]) {
    let now = wanted(world, id);
    let mut going: Vec<&Wanted> = before.iter().filter(|wanted| !now.contains(wanted)).collect();
    going.sort_by_key(|wanted| wanted.turn());
    for wanted in going {
        remove(world, id, wanted);
    }
    for wanted in now.iter().filter(|wanted| !before.contains(wanted)) {
        add(world, id, wanted);
    }
    let gone: Vec<Ipv4Addr> = before
        .iter()
        .filter(|wanted| wanted.kind == RTN_LOCAL && wanted.prefix.1 == 0)
        .map(|wanted| Ipv4Addr::from_bits(wanted.prefix.0))
        .filter(|local| !now.iter().any(|w| w.kind == RTN_LOCAL && w.prefix == prefix(*local, 32)))
        .collect();
    drop_by_source(world, id, &gone);
    if inet::addresses(world, id).is_empty() {
        disable(world, id, true);
        super::neighbour::flush_device(world, id, false, Some(false));
        super::proxied::forget(world, id, false, false);
    }
}

/// Routes whose preferred source is no longer an address of the host are lost (`fib_sync_down_addr`).
fn drop_by_source(world: &mut World, id: DeviceId, gone: &[Ipv4Addr]) {
    let netns = world[id].netns;
    let lost: Vec<Ipv4Addr> =
        gone.iter().copied().filter(|local| domain::address_type(world, id, *local) != RTN_LOCAL).collect();
    let Ok(space) = world.space_mut(netns) else { return };
    for source in lost {
        for (table, place) in space.stack.fib4.with_source(source) {
            space.stack.fib4.remove(table, place);
        }
    }
}

/// The metric of an address's prefix changed (`fib_modify_prefix_metric`): the new route comes before the old one goes.
pub(crate) fn metric_changed(world: &mut World, id: DeviceId, before: &[Wanted]) {
    let now = wanted(world, id);
    for wanted in now.iter().filter(|wanted| !before.contains(wanted)) {
        add(world, id, wanted);
    }
    for wanted in before.iter().filter(|wanted| !now.contains(wanted)) {
        remove(world, id, wanted);
    }
}

/// A link came up: its addresses' routes come back, its next hops are alive (`fib_netdev_event`).
pub(crate) fn up(world: &mut World, id: DeviceId) {
    for wanted in wanted(world, id) {
        add(world, id, &wanted);
    }
    revive(world, id, RTNH_F_DEAD);
}

/// A link's state changed.
pub(crate) fn carrier(world: &mut World, id: DeviceId) {
    let Some(device) = world.get(id) else { return };
    if device.is_oper_up() || device.carrier {
        revive(world, id, RTNH_F_LINKDOWN);
    } else if let Some((fib, places)) = own(world, id) {
        mark(fib, &places, id, RTNH_F_LINKDOWN, false);
    }
}

/// Something about the link changed that lookups may have remembered: nothing is remembered here.
pub(crate) fn refresh(_: &mut World, _: DeviceId) {}

/// A link lost IPv4, or went down; with `all` the routes to the host's own addresses go as well (`fib_disable_ip`).
pub(crate) fn disable(world: &mut World, id: DeviceId, all: bool) {
    let Some((fib, places)) = own(world, id) else { return };
    mark(fib, &places, id, RTNH_F_DEAD | RTNH_F_LINKDOWN, all);
    for (table, place) in places {
        if fib.get(table, place).is_some_and(|route| route.flags & RTNH_F_DEAD != 0) {
            fib.remove(table, place);
        }
    }
}

/// The routes of a device's namespace, and where those through it are.
fn own(world: &mut World, id: DeviceId) -> Option<(&mut Fib, Vec<Somewhere<Route>>)> {
    let netns = world.get(id)?.netns;
    let fib = &mut world.space_mut(netns).ok()?.stack.fib4;
    let places = fib.through(id);
    Some((fib, places))
}

/// Marks the next hops through a link, and the routes all of whose next hops are marked.
fn mark(fib: &mut Fib, places: &[Somewhere<Route>], id: DeviceId, flags: u32, all: bool) {
    for somewhere in places {
        let Some(route) = fib.get_mut(*somewhere) else { continue };
        let mut mine = 0;
        for hop in &mut route.nexthops {
            if hop.device == Some(id) && (all || hop.scope != RT_SCOPE_NOWHERE) {
                hop.flags |= flags;
                mine += 1;
            }
        }
        let through = mine > 0 && route.nexthops.iter().all(|hop| hop.flags & flags == flags);
        // A link that is gone for good takes the whole route along.
        if through || mine > 0 && all {
            route.flags |= flags;
        }
    }
}

/// The next hops through a link are alive again (`fib_sync_up`).
fn revive(world: &mut World, id: DeviceId, flags: u32) {
    let Some(device) = world.get(id).filter(|device| device.is_up()) else { return };
    let alive = device.is_oper_up() || device.carrier;
    let flags = if alive { flags | RTNH_F_LINKDOWN } else { flags };
    let Some((fib, places)) = own(world, id) else { return };
    for somewhere in places {
        let Some(route) = fib.get_mut(somewhere) else { continue };
        let mut mine = false;
        for hop in &mut route.nexthops {
            if hop.device == Some(id) && hop.flags & flags != 0 {
                hop.flags &= !flags;
                mine = true;
            }
        }
        if mine {
            route.flags &= !flags;
        }
    }
}
