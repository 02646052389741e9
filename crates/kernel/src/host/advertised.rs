//! What a host makes of a router's advertisement (RFC 4861 6.3.4, RFC 4862 5.5.3, RFC 4191; `ndisc_router_discovery` in
//! `net/ipv6/ndisc.c`, `addrconf_prefix_rcv` in `net/ipv6/addrconf.c`, `rt6_route_rcv` in `net/ipv6/route.c`).
//!
//! The router is a default router for a while, the hop limit, the MTU and the times of neighbours are the link's, of each
//! prefix there may come a route and an address. What it says ends with its time, and no later advertisement shortens
//! the life of an address below two hours. One that forwards takes none, unless `accept_ra` is 2. **Left out**: names
//! of servers and domains are for programs, and temporary addresses.

use super::conf::{neigh, v6};
use super::domain;
use super::fib6::{self, Hops, Key, Nexthop, Place, Route, USER_METRIC, kernel_route, key};
use super::neighbour::{self, Claim};
use crate::device::DeviceId;
use crate::inet6::{self, conf, part};
use crate::rare::Rare;
use crate::world::{Instant, World};
use rtnl::attr::Builder;
use rtnl::message::Header;
use rtnl::object::addr::*;
use rtnl::object::neigh::NUD_STALE;
use rtnl::object::prefix::*;
use rtnl::object::route::*;
use std::net::{IpAddr, Ipv6Addr};
use wire::ndp::{NdpOption, Options, Prefix, Router};

const SECOND: u64 = 1_000_000;
/// The number of the protocol of addresses that advertisements bring (`IFAPROT_KERNEL_RA`).
pub(crate) const BY_ROUTER: u8 = 2;
/// No advertisement leaves an address that is valid less than this many seconds, if it was valid so long.
const LEAST_VALID: u32 = 7200;
/// The option that bears a route (RFC 4191, 2.3).
const ROUTE: u8 = 24;
/// Preferences of routers (RFC 4191, 2.1).
const MEDIUM: u8 = 0;
const RESERVED: u8 = 2;

/// Whether advertisements are taken on a device (`ipv6_accept_ra`).
pub(crate) fn are_taken(world: &World, id: DeviceId) -> bool {
    let accept = conf(world, id, v6::ACCEPT_RA);
    if conf(world, id, v6::FORWARDING) != 0 { accept == 2 } else { accept != 0 }
}

/// Takes an advertisement from an address of the link.
pub(crate) fn receive(
    world: &mut World,
    id: DeviceId,
    source: Ipv6Addr,
    router: &Router,
    options: Options<'_>,
) {
    if !inet6::is_link_local(source) {
        return;
    }
    let taken = are_taken(world, id);
    let mut route = None;
    if taken {
        if let Some(inet6) = part(world, id) {
            inet6.advertised |= inet6.solicitations > 0;
        }
        route = default_router(world, id, source, router);
        neighbours(world, id, router);
    }
    if let Some(mac) = options.source_mac() {
        let key = (id, IpAddr::V6(source));
        if neighbour::find(world, key).is_some() || neighbour::create(world, key, false).is_ok() {
            let claim = Claim { overrides: true, weakly: true, router: Some(true), ..Claim::default() };
            // One that is fixed stays as it is.
            let _ = neighbour::update(world, key, Some(mac), NUD_STALE, claim);
        }
    }
    if !taken || is_own(world, id, source) {
        return;
    }
    if conf(world, id, v6::ACCEPT_RA_RTR_PREF) != 0 {
        for option in options.iter() {
            if let Some(said) = RouteOption::read(&option) {
                said.take(world, id, source);
            }
        }
    }
    for option in options.iter() {
        match option {
            NdpOption::Prefix(said) if conf(world, id, v6::ACCEPT_RA_PINFO) != 0 => prefix(world, id, &said),
            _ => {}
        }
    }
    let mtu = options.iter().filter_map(|option| match option {
        NdpOption::Mtu(mtu) => Some(mtu),
        _ => None,
    });
    if let Some(mtu) = mtu.last().filter(|_| conf(world, id, v6::ACCEPT_RA_MTU) != 0) {
        set_mtu(world, id, route, mtu);
    }
}

/// Whether an address is the host's own, and advertisements from there are not taken.
fn is_own(world: &World, id: DeviceId, source: Ipv6Addr) -> bool {
    conf(world, id, v6::ACCEPT_RA_FROM_LOCAL) == 0 && inet6::own(world, id, source) == Some(false)
}

/// Where a route from a router stands.
fn find(world: &World, id: DeviceId, to: Key, router: Ipv6Addr) -> Option<Place> {
    let table = inet6::prefix_table(world, id);
    let fib = &world.space(world.get(id)?.netns).ok()?.stack.fib6;
    let ifindex = world.get(id)?.ifindex;
    let through = |hop: Nexthop| hop.ifindex == ifindex && hop.gateway == Some(router);
    let said = |route: &Route| route.protocol == RTPROT_RA && route.hops.iter().any(through);
    fib.of_prefix_through(table, to, id).find_map(|(place, route)| said(route).then_some(place))
}

fn add(world: &mut World, id: DeviceId, to: Key, router: Ipv6Addr, preference: u8) -> Option<Place> {
    let (device, table) = (&world[id], inet6::prefix_table(world, id));
    let (netns, ifindex) = (device.netns, device.ifindex);
    let hop = Nexthop { device: id, ifindex, gateway: Some(router), flags: 0, weight: 1, encap: None };
    let hops = Hops::new(vec![hop]);
    let (kind, protocol, metric) = (RTN_UNICAST, RTPROT_RA, USER_METRIC);
    fib6::add(
        world,
        netns,
        table,
        to,
        Route { kind, protocol, preference, metric, hops, rarities: Rare::NEW },
    );
    find(world, id, to, router)
}

/// Changes a route of a router, or of a prefix.
fn change(world: &mut World, id: DeviceId, place: Place, deed: impl FnOnce(&mut Route)) {
    let (netns, table) = (world[id].netns, inet6::prefix_table(world, id));
    if let Ok(space) = world.space_mut(netns) {
        space.stack.fib6.change(table, place, deed);
    }
}

fn remove(world: &mut World, id: DeviceId, place: Place) {
    let (netns, table) = (world[id].netns, inet6::prefix_table(world, id));
    fib6::lose(world, netns, [(table, place)]);
}

/// Lets a route end after so many seconds; all ones: never.
fn expire(world: &mut World, id: DeviceId, place: Place, lifetime: u32) {
    let end = Instant(world.now.0.saturating_add(u64::from(lifetime) * SECOND));
    change(world, id, place, |route| {
        let end = Some(end).filter(|_| lifetime != FOREVER);
        if route.rarities.expires != end {
            route.rarities.expires = end;
        }
    });
    let netns = world[id].netns;
    fib6::watch_expiry(world, netns);
}

fn set_metric(world: &mut World, id: DeviceId, place: Place, number: u16, value: u32) {
    change(world, id, place, |route| {
        let metrics = &mut route.rarities.metrics;
        metrics.retain(|(known, _)| *known != number);
        metrics.push((number, value));
        metrics.sort_unstable();
    });
}

/// What is said of the router itself; gives the place of the route through it, if there is one now.
fn default_router(world: &mut World, id: DeviceId, source: Ipv6Addr, router: &Router) -> Option<Place> {
    let everywhere = key(Ipv6Addr::UNSPECIFIED, 0);
    let short = i32::from(router.lifetime) < conf(world, id, v6::ACCEPT_RA_MIN_LFT);
    let refused = conf(world, id, v6::ACCEPT_RA_DEFRTR) == 0 || is_own(world, id, source);
    if refused || router.lifetime != 0 && short {
        return None;
    }
    let said = router.flags >> 3 & 3;
    let regards = conf(world, id, v6::ACCEPT_RA_RTR_PREF) != 0 && said != RESERVED;
    let preference = if regards { said } else { MEDIUM };
    let mut place = find(world, id, everywhere, source);
    match place {
        Some(known) if router.lifetime == 0 => {
            remove(world, id, known);
            place = None;
        }
        Some(known) => prefer(world, id, known, preference),
        None if router.lifetime > 0 => place = add(world, id, everywhere, source, preference),
        None => {}
    }
    if let Some(place) = place {
        expire(world, id, place, router.lifetime.into());
    }
    let limit = i32::from(router.hop_limit);
    if limit != 0 && conf(world, id, v6::ACCEPT_RA_MIN_HOP_LIMIT) <= limit {
        if let Some(inet6) = part(world, id) {
            inet6.conf.set(v6::HOP_LIMIT, limit);
        }
        if let Some(place) = place {
            set_metric(world, id, place, RTAX_HOPLIMIT, limit as u32);
        }
    }
    place
}

/// A router is to be preferred otherwise than before, and whoever listens hears of it.
fn prefer(world: &mut World, id: DeviceId, place: Place, preference: u8) {
    let (netns, table) = (world[id].netns, inet6::prefix_table(world, id));
    let known = world.space(netns).ok().and_then(|space| space.stack.fib6.get(table, place));
    if known.is_some_and(|route| route.preference != preference) {
        change(world, id, place, |route| route.preference = preference);
        crate::rtnl::route6::announce(world, netns, table, place, 0);
    }
}

/// What is said of the times of neighbours, which the kernel counts in hundredths of a second.
fn neighbours(world: &mut World, id: DeviceId, router: &Router) {
    let Some(inet6) = part(world, id) else { return };
    for (place, said) in
        [(neigh::RETRANS_TIME_MS, router.retransmit), (neigh::BASE_REACHABLE_TIME_MS, router.reachable)]
    {
        let Ok(said) = i32::try_from(said) else { continue };
        if said != 0 {
            inet6.conf.set(super::conf::NEIGHBOURS + place, (said / 10 * 10).max(10));
        }
    }
}

/// A route to a prefix through the router.
struct RouteOption {
    prefix: Ipv6Addr,
    length: u8,
    preference: u8,
    lifetime: u32,
}

impl RouteOption {
    /// Reads an option, if it is one and bears its prefix whole.
    fn read(option: &NdpOption<'_>) -> Option<RouteOption> {
        let NdpOption::Other(bytes @ [ROUTE, units, length, flags, a, b, c, d, rest @ ..]) = option else {
            return None;
        };
        let least = match length {
            0 => 1,
            1..=64 => 2,
            _ => 3,
        };
        let preference = flags >> 3 & 3;
        if *length > 128 || *units < least || bytes.len() > 24 || preference == RESERVED {
            return None;
        }
        let mut prefix = [0; 16];
        prefix[..rest.len()].copy_from_slice(rest);
        let lifetime = u32::from_be_bytes([*a, *b, *c, *d]);
        Some(RouteOption { prefix: prefix.into(), length: *length, preference, lifetime })
    }

    fn take(&self, world: &mut World, id: DeviceId, router: Ipv6Addr) {
        let length = i32::from(self.length);
        let limits = [v6::ACCEPT_RA_RT_INFO_MIN_PLEN, v6::ACCEPT_RA_RT_INFO_MAX_PLEN];
        let [least, most] = limits.map(|place| conf(world, id, place));
        if length < least || length > most || length == 0 && conf(world, id, v6::ACCEPT_RA_DEFRTR) == 0 {
            return;
        }
        let to = key(self.prefix, self.length);
        let place = match find(world, id, to, router) {
            Some(known) if self.lifetime == 0 => return remove(world, id, known),
            Some(known) => {
                change(world, id, known, |route| route.preference = self.preference);
                Some(known)
            }
            None if self.lifetime > 0 => add(world, id, to, router, self.preference),
            None => None,
        };
        if let Some(place) = place {
            expire(world, id, place, self.lifetime);
        }
    }
}

/// What is said of a prefix: that it is on the link, and that addresses may be made with it.
fn prefix(world: &mut World, id: DeviceId, said: &Prefix) {
    let least = conf(world, id, v6::ACCEPT_RA_MIN_LFT);
    let short = said.valid != 0 && i64::from(said.valid) < i64::from(least);
    let no_prefix = said.prefix.is_multicast() || inet6::is_link_local(said.prefix);
    if no_prefix || said.preferred > said.valid || short || said.length > 128 {
        return;
    }
    if said.on_link {
        on_link(world, id, said);
    }
    if said.autonomous && conf(world, id, v6::AUTOCONF) != 0 {
        // The rest of the address has 64 bits.
        if said.length != 64 {
            return;
        }
        make_address(world, id, said);
    }
    announce(world, id, said);
}

fn on_link(world: &mut World, id: DeviceId, said: &Prefix) {
    let (netns, table) = (world[id].netns, inet6::prefix_table(world, id));
    let to = key(said.prefix, said.length);
    let Ok(space) = world.space(netns) else { return };
    let fits = |(place, route): (Place, &Route)| {
        let own = route.protocol == RTPROT_KERNEL && route.kind == RTN_UNICAST;
        (own && route.hops.iter().all(|hop| hop.gateway.is_none())).then_some(place)
    };
    let known = space.stack.fib6.of_prefix_through(table, to, id).find_map(fits);
    match known {
        Some(place) if said.valid == 0 => remove(world, id, place),
        Some(place) => expire(world, id, place, said.valid),
        None if said.valid == 0 => {}
        None => {
            let mut route = kernel_route(world, id, RTN_UNICAST, fib6::ADDRESS_METRIC);
            if said.valid != FOREVER {
                let end = world.now.0.saturating_add(u64::from(said.valid) * SECOND);
                route.rarities.expires = Some(Instant(end));
            }
            fib6::add(world, netns, table, to, route);
            fib6::watch_expiry(world, netns);
        }
    }
}

/// An address of the prefix and the link's own identity comes, or lives on (`addrconf_prefix_rcv_add_addr`).
fn make_address(world: &mut World, id: DeviceId, said: &Prefix) {
    if conf(world, id, v6::ADDR_GEN_MODE) > 1 || domain::is_master(world, id) {
        return;
    }
    let Some(identity) = inet6::interface_identity(world, id) else { return };
    let low = u128::from(u64::MAX);
    let address = Ipv6Addr::from_bits(said.prefix.to_bits() & !low | identity.to_bits() & low);
    let now = world.now;
    if inet6::own(world, id, address).is_none() {
        let most = conf(world, id, v6::MAX_ADDRESSES).max(0) as usize;
        if said.valid != 0 && (most == 0 || inet6::addresses(world, id).len() < most) {
            let lifetimes = (said.preferred, said.valid);
            let new = inet6::make(now, address, None, 64, IFA_F_MANAGETEMPADDR, lifetimes, BY_ROUTER);
            // One that cannot be had is not had.
            let _ = inet6::insert(world, id, new);
        }
        return;
    }
    let Some(own) = inet6::find_mut(world, id, address) else { return };
    let passed = u32::try_from((now.0 - own.updated.0) / SECOND).unwrap_or(u32::MAX);
    let left = own.valid.saturating_sub(passed);
    if left == 0 || own.is(IFA_F_PERMANENT) {
        return;
    }
    own.valid = said.valid.max(left.min(LEAST_VALID));
    own.preferred = said.preferred;
    own.updated = now;
    own.flags &= !IFA_F_DEPRECATED;
    let told = own.clone();
    if !told.is(IFA_F_TENTATIVE) {
        crate::rtnl::addr6::announce(world, id, RTM_NEWADDR, &told);
    }
    super::lifetimes6::watch_lifetimes(world, id);
}

/// Tells those who listen of a prefix (`inet6_prefix_notify`).
fn announce(world: &mut World, id: DeviceId, said: &Prefix) {
    let netns = world[id].netns;
    if !world.listens(netns, RTNLGRP_IPV6_PREFIX) {
        return;
    }
    // The flags are those of the option: Linux has not made its own of them since it reads them as one byte, so that
    // programs that look for `IF_PREFIX_ONLINK` find none.
    let flags = u8::from(said.on_link) << 7 | u8::from(said.autonomous) << 6;
    let head = Prefixmsg {
        family: super::AF_INET6,
        ifindex: world[id].ifindex as i32,
        kind: ND_OPT_PREFIX_INFORMATION,
        length: said.length,
        flags,
    };
    let mut out = Builder::new();
    let start = out.start(Header { kind: RTM_NEWPREFIX, flags: 0, seq: 0, pid: 0 });
    head.encode(&mut out);
    out.ipv6(PREFIX_ADDRESS, said.prefix);
    Lifetimes { preferred: said.preferred, valid: said.valid }.encode(&mut out);
    out.finish(start);
    world.publish(netns, RTNLGRP_IPV6_PREFIX, &out.bytes);
}

/// The MTU of the link is another, for IPv6.
fn set_mtu(world: &mut World, id: DeviceId, route: Option<Place>, mtu: u32) {
    let fits = mtu >= inet6::IPV6_MIN_MTU && mtu <= world[id].mtu;
    if !fits || inet6::mtu(world, id) == mtu {
        return;
    }
    if let Some(inet6) = part(world, id) {
        inet6.mtu = mtu;
    }
    if let Some(place) = route {
        set_metric(world, id, place, RTAX_MTU, mtu);
    }
}

/// One that forwards knows its routers itself: those that were advertised go (`rt6_purge_dflt_routers`).
pub(crate) fn forget_routers(world: &mut World, id: DeviceId) {
    let netns = world[id].netns;
    let Ok(space) = world.space(netns) else { return };
    let everywhere = key(Ipv6Addr::UNSPECIFIED, 0);
    let listed = space.stack.fib6.listing(None, None).filter(|(_, place, route)| {
        place.prefix == everywhere
            && route.protocol == RTPROT_RA
            && route.hops.iter().all(|hop| conf(world, hop.device, v6::ACCEPT_RA) != 2)
    });
    let gone: Vec<_> = listed.map(|(table, place, _)| (table, place)).collect();
    fib6::lose(world, netns, gone);
}
