//! Routes of IPv6 by request (`net/ipv6/route.c`, `fib6_add_rt2node` in `net/ipv6/ip6_fib.c`).

use super::Asker;
use super::pieces::Pieces;
use super::route::{self, Filter};
use crate::device::DeviceId;
use crate::host::fib6::{self, Fib, Flow, Key, Nexthop, Place, Rarities, Route, USER_METRIC};
use crate::host::routes::End;
use crate::host::{AF_INET6, encap, fib4, route4, source6};
use crate::inet6;
use crate::netns::NetnsId;
use crate::rare::Rare;
use crate::world::{Instant, World};
use rtnl::attr::{Attr, Builder};
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Refusal};
use rtnl::object::route::{Nexthop as Hops, *};
use rtnl::table::Tb;
use std::net::Ipv6Addr;

/// Next hops of one route at most.
const NEXTHOPS: usize = 256;

const fn said(sentence: &'static str) -> Refusal {
    Refusal::said(Errno::EINVAL, sentence)
}

/// A next hop as it was asked for.
#[derive(Clone)]
struct Hop {
    ifindex: u32,
    gateway: Option<Ipv6Addr>,
    flags: u32,
    weight: u8,
    encap: encap::Asked,
}

/// A request, read (`struct fib6_config`).
struct Config {
    table: u32,
    key: Key,
    kind: u8,
    protocol: u8,
    metric: u32,
    prefsrc: Option<Ipv6Addr>,
    metrics: Box<[(u16, u32)]>,
    preference: u8,
    expires: Option<Instant>,
    hops: Vec<Hop>,
    multipath: bool,
}

fn ipv6(attr: &Attr<'_>) -> Ipv6Addr {
    Ipv6Addr::from(attr.first::<16>())
}

/// An address of a prefix, of which only the bytes that count need be there.
fn prefix_address(tb: &Tb<'_>, number: u16, length: u8) -> Result<Ipv6Addr, Refusal> {
    match tb.get(number) {
        Some(attr) if attr.payload.len() < usize::from(length).div_ceil(8) => Err(Errno::EINVAL.into()),
        Some(attr) => Ok(ipv6(&attr)),
        None => Ok(Ipv6Addr::UNSPECIFIED),
    }
}

fn gateway(tb: &Tb<'_>) -> Option<Ipv6Addr> {
    tb.get(RTA_GATEWAY).map(|attr| ipv6(&attr))
}

/// Reads a request (`rtm_to_fib6_config`).
fn read(world: &World, message: &Message<'_>, info: &Rtmsg) -> Result<Config, Refusal> {
    let tb = RTA_INET6.parse(message.attrs(Rtmsg::SIZE))?;
    if info.tos != 0 {
        return Err(said("Invalid dsfield (tos): option not available for IPv6"));
    }
    if tb.has(RTA_VIA) {
        return Err(said("IPv6 does not support RTA_VIA attribute"));
    }
    if info.dst_len > 128 {
        return Err(said("Invalid prefix length"));
    }
    if info.src_len > 0 {
        return Err(said("Specifying source address requires IPV6_SUBTREES to be enabled"));
    }
    if tb.u32(RTA_NH_ID).is_some_and(|id| id != 0) {
        return Err(said("Nexthop id does not exist"));
    }
    encap::check_type(&tb)?;
    let destination = prefix_address(&tb, RTA_DST, info.dst_len)?;
    let hops = match tb.get(RTA_MULTIPATH) {
        Some(attr) => {
            encap::check_types(&attr)?;
            read_hops(&attr)?
        }
        None => {
            let flags = info.flags & RTNH_F_ONLINK;
            let (ifindex, gateway) = (tb.u32(RTA_OIF).unwrap_or(0), gateway(&tb));
            vec![Hop { ifindex, gateway, flags, weight: 1, encap: encap::read(&tb) }]
        }
    };
    let table = Some(info.table(tb.u32(RTA_TABLE))).filter(|table| *table != RT_TABLE_UNSPEC);
    let expires = tb.u32(RTA_EXPIRES).filter(|seconds| *seconds != 0 && *seconds != u32::MAX);
    Ok(Config {
        table: table.unwrap_or(RT_TABLE_MAIN),
        key: fib6::key(destination, info.dst_len),
        kind: info.kind,
        protocol: info.protocol,
        metric: tb.u32(RTA_PRIORITY).unwrap_or(0),
        prefsrc: tb.get(RTA_PREFSRC).map(|attr| ipv6(&attr)).filter(|source| !source.is_unspecified()),
        metrics: route::metrics(&tb)?,
        preference: tb.u8(RTA_PREF).map_or(0, |preference| if preference == 2 { 0 } else { preference & 3 }),
        expires: expires.map(|seconds| Instant(world.now.0.saturating_add(u64::from(seconds) * 1_000_000))),
        hops,
        multipath: tb.has(RTA_MULTIPATH),
    })
}

fn read_hops(attr: &Attr<'_>) -> Result<Vec<Hop>, Refusal> {
    let mut walk = Nexthops::new(attr);
    let mut hops = Vec::new();
    for hop in walk.by_ref().take(NEXTHOPS) {
        let tb = Tb::read(hop.attrs);
        let (flags, weight) = (u32::from(hop.flags) & RTNH_F_ONLINK, hop.hops.saturating_add(1));
        let (ifindex, encap) = (hop.ifindex, encap::read(&tb));
        hops.push(Hop { ifindex, gateway: gateway(&tb), flags, weight, encap });
    }
    if hops.is_empty() || !walk.rest().is_empty() {
        return Err(said("Invalid nexthop configuration - no valid nexthops"));
    }
    Ok(hops)
}

/// Checks what is asked and makes the route of it (`ip6_route_info_create`).
fn create(world: &mut World, netns: NetnsId, config: &Config) -> Result<Route, Refusal> {
    let kind = if config.kind == RTN_UNSPEC { RTN_UNICAST } else { config.kind };
    if kind > RTN_XRESOLVE {
        return Err(said("Invalid route type"));
    }
    // The table stays, whatever becomes of the route.
    world.space_mut(netns)?.stack.fib6.make_table(config.table);
    let mut nexthops = Vec::new();
    for hop in &config.hops {
        let nexthop = check_hop(world, netns, config, kind, hop)?;
        if config.multipath && nexthop.gateway.is_none() {
            return Err(said("Device only routes can not be added for IPv6 using the multipath API"));
        }
        nexthops.push(nexthop);
    }
    if let Some(source) = config.prefsrc {
        if inet6::find_device(world, netns, source, None).is_none() {
            return Err(said("Invalid source address"));
        }
    }
    let mut rarities = Rare::NEW;
    let asked =
        Rarities { prefsrc: config.prefsrc, metrics: config.metrics.to_vec(), expires: config.expires };
    if asked != *rarities {
        *rarities = asked;
    }
    Ok(Route {
        kind,
        protocol: if config.protocol == 0 { RTPROT_BOOT } else { config.protocol },
        preference: config.preference,
        metric: config.metric,
        hops: fib6::Hops::new(nexthops),
        rarities,
    })
}

/// Checks a next hop and finds its link (`fib6_nh_init`).
fn check_hop(
    world: &World,
    netns: NetnsId,
    config: &Config,
    kind: u8,
    hop: &Hop,
) -> Result<Nexthop, Refusal> {
    let on_link = hop.flags & RTNH_F_ONLINK != 0;
    let named = named_link(world, netns, hop.ifindex, on_link)?;
    let made = |id: DeviceId, gateway| {
        let device = &world[id];
        let down = if device.carrier || kind == RTN_LOCAL { 0 } else { RTNH_F_LINKDOWN };
        let (ifindex, flags, weight) = (device.ifindex, hop.flags | down, hop.weight);
        Nexthop { device: id, ifindex, gateway, flags, weight, encap: None }
    };
    if fib6::refusal(kind).is_some() {
        let lo = route4::loopback(world, netns).ok_or(Errno::ENODEV)?;
        return Ok(Nexthop { flags: 0, ..made(lo, None) });
    }
    let encap = hop.encap.clone()?;
    let id = match hop.gateway {
        Some(gateway) => through(world, netns, config.table, named, gateway, on_link)?,
        None => named.ok_or(Errno::ENODEV)?,
    };
    check_service(world, id)?;
    let loops = fib6::is_loopback(world, id) && kind != RTN_LOCAL;
    let flags = if loops && !fib6::prefix(config.key).0.is_loopback() { RTNH_F_ONLINK } else { u32::MAX };
    let nexthop = made(id, hop.gateway);
    Ok(Nexthop { flags: nexthop.flags & flags, encap, ..nexthop })
}

/// The link that a next hop names, if it names one.
fn named_link(
    world: &World,
    netns: NetnsId,
    ifindex: u32,
    on_link: bool,
) -> Result<Option<DeviceId>, Refusal> {
    if ifindex == 0 {
        let missing = Refusal::said(Errno::ENODEV, "Nexthop device required for onlink");
        return if on_link { Err(missing) } else { Ok(None) };
    }
    let id = world.by_index(netns, ifindex).filter(|id| world[*id].inet6.is_some()).ok_or(Errno::ENODEV)?;
    if on_link && !world[id].is_up() {
        return Err(Refusal::said(Errno::ENETDOWN, "Nexthop device is not up"));
    }
    Ok(Some(id))
}

/// Whether packets of IPv6 can leave through a link.
fn check_service(world: &World, id: DeviceId) -> Result<(), Refusal> {
    if !inet6::is_enabled(world, id) {
        return Err(Refusal::said(Errno::EACCES, "IPv6 is disabled on nexthop device"));
    }
    if !world[id].is_up() {
        return Err(Refusal::said(Errno::ENETDOWN, "Nexthop device is not up"));
    }
    Ok(())
}

/// The link to a gateway of a route of IPv4, by the way that the route's table has to it (`fib_check_nh_v6_gw`).
///
/// # Errors
/// What a route of IPv6 through it would be refused for.
pub(crate) fn egress(
    world: &World,
    netns: NetnsId,
    table: u32,
    ifindex: u32,
    gateway: Ipv6Addr,
    on_link: bool,
) -> Result<DeviceId, Refusal> {
    let named = named_link(world, netns, ifindex, on_link)?;
    let id = through(world, netns, table, named, gateway, on_link)?;
    check_service(world, id)?;
    Ok(id)
}

/// The link to a gateway (`ip6_validate_gw`).
fn through(
    world: &World,
    netns: NetnsId,
    table: u32,
    named: Option<DeviceId>,
    gateway: Ipv6Addr,
    on_link: bool,
) -> Result<DeviceId, Refusal> {
    let local = |id: Option<DeviceId>| {
        let ifindex = id.map(|id| world[id].ifindex).filter(|_| inet6::is_link_local(gateway));
        inet6::find_device(world, netns, gateway, ifindex).is_some()
    };
    if named.is_some() && local(named) {
        return Err(said("Gateway can not be a local address"));
    }
    if gateway.is_multicast() || gateway.is_unspecified() {
        return Err(said("Invalid gateway address"));
    }
    if inet6::is_link_local(gateway) || on_link {
        let id = named.ok_or(said("Egress device not specified"))?;
        if fib6::is_loopback(world, id) {
            return Err(said("Egress device can not be loopback device for this route"));
        }
        return Ok(id);
    }
    let oif = named.map_or(0, |id| world[id].ifindex);
    let flow = Flow { oif, ..Flow::to(gateway) };
    let in_table = fib6::lookup_table(world, netns, table, &flow).ok();
    let way = in_table.filter(|way| way.nexthop.gateway.is_none()).or_else(|| {
        fib6::lookup(world, netns, &flow, oif != 0).ok().filter(|way| way.nexthop.gateway.is_none())
    });
    let way = way.filter(|way| named.is_none_or(|id| id == way.nexthop.device)).ok_or(Errno::EHOSTUNREACH)?;
    if way.kind == RTN_LOCAL || local(None) {
        return Err(said("Gateway can not be a local address"));
    }
    Ok(way.nexthop.device)
}

/// Adds a route.
pub(crate) fn new(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    info: &Rtmsg,
) -> Result<(), Refusal> {
    let netns = asker.netns;
    let mut config = read(world, message, info)?;
    if config.metric == 0 {
        config.metric = USER_METRIC;
    }
    let route = create(world, netns, &config)?;
    let fib = &mut world.space_mut(netns)?.stack.fib6;
    let table = config.table;
    let equal = |fib: &Fib, joins: Option<bool>| {
        let mut equal = fib.of_rank(table, config.key, route.metric);
        equal.find(|(_, other)| joins.is_none_or(|joins| other.joins() == joins)).map(|(place, _)| place)
    };
    let joins = route.joins();
    if message.has(NLM_F_REPLACE) {
        if let Some(first) = equal(fib, Some(joins)).or_else(|| equal(fib, None)) {
            // commit
            fib.change(table, first, |present| *present = route);
            announce(world, netns, table, first, NLM_F_REPLACE);
            return Ok(());
        }
        if !message.has(NLM_F_CREATE) {
            // The root of a table is always there.
            let known = config.key == fib6::key(Ipv6Addr::UNSPECIFIED, 0);
            return Err(match known || fib.of_prefix(table, config.key).next().is_some() {
                true => Errno::ENOENT.into(),
                false => Refusal::said(Errno::ENOENT, "Can not replace route - no match found"),
            });
        }
    } else if equal(fib, None).is_some() {
        if message.has(NLM_F_EXCL) {
            return Err(Errno::EEXIST.into());
        }
        let known = |hop: Nexthop| {
            let mut others = fib.of_prefix_through(table, config.key, hop.device);
            others.any(|(_, other)| other.metric == route.metric && other.leads_as(&hop))
        };
        if route.hops.iter().any(known) {
            return Err(Errno::EEXIST.into());
        }
        if let Some(sibling) = Some(true).filter(|_| joins).and_then(|_| equal(fib, Some(true))) {
            // commit
            fib.change(table, sibling, |present| present.hops.join(&route.hops, NEXTHOPS));
            announce(world, netns, table, sibling, NLM_F_APPEND);
            return Ok(());
        }
    }
    if fib.count() >= fib4::ROUTES {
        return Err(Errno::ENOBUFS.into());
    }
    // commit
    let place = fib.insert(table, config.key, End::Back, route).ok_or(Errno::ENOBUFS)?;
    announce(world, netns, table, place, NLM_F_CREATE);
    fib6::watch_expiry(world, netns);
    Ok(())
}

/// Deletes the first route that fits (`ip6_route_del`).
pub(crate) fn delete(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    info: &Rtmsg,
) -> Result<(), Refusal> {
    let netns = asker.netns;
    let config = read(world, message, info)?;
    let named = config.hops.iter().map(|hop| hop.ifindex).find(|ifindex| *ifindex != 0);
    let named = named.map(|ifindex| world.by_index(netns, ifindex));
    let absent = if is_stand_in(world, &config, named.flatten()) { Errno::ENOENT } else { Errno::ESRCH };
    let fib = &mut world.space_mut(netns)?.stack.fib6;
    let missing = Refusal::said(Errno::ESRCH, "FIB table does not exist");
    let (table, key) = (config.table, config.key);
    fib.table(table).ok_or(missing)?;
    let is_meant = |hop: &Nexthop, asked: &Hop| {
        (asked.ifindex == 0 || hop.ifindex == asked.ifindex)
            && asked.gateway.is_none_or(|gateway| hop.gateway == Some(gateway))
    };
    let fits = |route: &Route| {
        (config.metric == 0 || route.metric == config.metric)
            && (config.protocol == 0 || route.protocol == config.protocol)
            && config.hops.iter().all(|asked| route.hops.iter().any(|hop| is_meant(&hop, asked)))
    };
    let found = match named {
        None => fib.of_prefix(table, key).find(|(_, route)| fits(route)),
        Some(id) => id.and_then(|id| fib.of_prefix_through(table, key, id).find(|(_, route)| fits(route))),
    };
    // Behind any default route there is no stand-in.
    let absent = if fib.of_prefix(table, key).next().is_some() { Errno::ESRCH } else { absent };
    let (place, route) = found.ok_or(absent)?;
    // commit
    let by_gateway = config.hops.iter().any(|hop| hop.gateway.is_some()) || config.multipath;
    if by_gateway && route.hops.len() > 1 {
        let is_going = |hop: &Nexthop| config.hops.iter().any(|asked| is_meant(hop, asked));
        let (going, left): (Vec<_>, Vec<_>) = route.hops.iter().partition(is_going);
        if !left.is_empty() {
            let mut gone = None;
            fib.change(table, place, |route| {
                gone = Some(route.with_hops(going));
                route.hops = fib6::Hops::new(left);
            });
            if let Some(gone) = gone {
                announce_gone(world, netns, table, key, &gone);
            }
            return Ok(());
        }
    }
    if let Some(route) = fib.remove(table, place) {
        announce_gone(world, netns, table, key, &route);
    }
    Ok(())
}

/// Whether a request that deletes means what stands in a table without a default route in its place: a route of the
/// loopback, which is found, and cannot be deleted (`fib6_null_entry`).
fn is_stand_in(world: &World, config: &Config, named: Option<DeviceId>) -> bool {
    config.key == fib6::key(Ipv6Addr::UNSPECIFIED, 0)
        && config.protocol == 0
        && (config.metric == 0 || config.metric == u32::MAX)
        && config.hops.iter().all(|hop| hop.gateway.is_none())
        && (config.hops.iter().all(|hop| hop.ifindex == 0)
            || named.is_some_and(|id| fib6::is_loopback(world, id)))
}

/// Answers with the route of one packet (`inet6_rtm_getroute`).
pub(crate) fn get(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    info: &Rtmsg,
) -> Result<(), Refusal> {
    let netns = asker.netns;
    let tb = RTA_INET6.parse(message.attrs(Rtmsg::SIZE))?;
    let read = |number| tb.get(number).map_or(Ipv6Addr::UNSPECIFIED, |attr| ipv6(&attr));
    let (source, destination) = (read(RTA_SRC), read(RTA_DST));
    let (iif, oif) = (tb.u32(RTA_IIF).unwrap_or(0), tb.u32(RTA_OIF).unwrap_or(0));
    let flow = Flow { source, oif, mark: tb.u32(RTA_MARK).unwrap_or(0), ..Flow::to(destination) };
    let header = Header { kind: RTM_NEWROUTE, flags: 0, seq: message.header.seq, pid: asker.pid };
    let found = if iif != 0 {
        world.by_index(netns, iif).ok_or(Errno::ENODEV)?;
        let flow = Flow { iif, oif: if fib6::is_strict(destination) { iif } else { 0 }, ..flow };
        fib6::lookup(world, netns, &flow, flow.oif != 0)?
    } else {
        if oif != 0 {
            world.by_index(netns, oif).ok_or(Errno::ENODEV)?;
        }
        fib6::find(world, netns, &flow)?
    };
    let mut out = Builder::new();
    if info.flags & RTM_F_FIB_MATCH != 0 {
        let route = world.space(netns)?.stack.fib6.get(found.table, found.place).ok_or(Errno::ENETUNREACH)?;
        fill(world, found.table, found.place.prefix, route, &mut out, header);
    } else {
        fill_answer(world, netns, &found, &flow, iif, &mut out, header);
    }
    super::reply(world, asker, out);
    Ok(())
}

fn fill_answer(
    world: &World,
    netns: NetnsId,
    found: &fib6::Found,
    flow: &Flow,
    iif: u32,
    out: &mut Builder,
    header: Header,
) {
    let own = matches!(found.kind, RTN_LOCAL | RTN_ANYCAST);
    let through = found.nexthop.device;
    let device = if own { fib6::loopback(world, netns, found).unwrap_or(through) } else { through };
    let start = out.start(header);
    let table = if found.table < 256 { found.table as u8 } else { 252 };
    let (protocol, kind) = (found.protocol, found.kind);
    Rtmsg { family: AF_INET6, dst_len: 128, src_len: 128, tos: 0, table, protocol, scope: 0, kind, flags: 0 }
        .encode(out);
    out.u32(RTA_TABLE, found.table);
    out.ipv6(RTA_DST, flow.destination);
    out.ipv6(RTA_SRC, flow.source);
    let source = match found.prefsrc {
        Some(source) => Some(source),
        None if own && found.kind == RTN_LOCAL => Some(flow.destination),
        None => source6::select(world, through, flow.destination),
    };
    if iif != 0 {
        out.u32(RTA_IIF, iif);
    } else if let Some(source) = source {
        out.ipv6(RTA_PREFSRC, source);
    }
    let known = world.space(world[through].netns).ok();
    if let Some(route) = known.and_then(|space| space.stack.fib6.get(found.table, found.place)) {
        route::put_metrics(&route.rarities.metrics, out);
    }
    out.u32(RTA_PRIORITY, found.metric);
    if let Some(gateway) = found.nexthop.gateway {
        out.ipv6(RTA_GATEWAY, gateway);
    }
    if let Some(device) = world.get(device) {
        out.u32(RTA_OIF, device.ifindex);
    }
    found.nexthop.encap.iter().for_each(|encap| encap.fill(out));
    Cacheinfo::default().encode(out);
    out.u8(RTA_PREF, found.preference);
    out.finish(start);
}

/// Writes a route as a message (`rt6_fill_node`).
fn fill(world: &World, table: u32, key: Key, route: &Route, out: &mut Builder, header: Header) {
    let start = out.start(header);
    let (network, dst_len) = fib6::prefix(key);
    let single = route.hops.single();
    let flags = single.as_ref().map_or(0, |hop| fib6::shown_flags(world, hop));
    let short = if table < 256 { table as u8 } else { 252 };
    let (protocol, kind) = (route.protocol, route.kind);
    Rtmsg { family: AF_INET6, dst_len, src_len: 0, tos: 0, table: short, protocol, scope: 0, kind, flags }
        .encode(out);
    out.u32(RTA_TABLE, table);
    if dst_len > 0 {
        out.ipv6(RTA_DST, network);
    }
    if let Some(source) = route.rarities.prefsrc {
        out.ipv6(RTA_PREFSRC, source);
    }
    route::put_metrics(&route.rarities.metrics, out);
    out.u32(RTA_PRIORITY, route.metric);
    match single {
        Some(hop) => {
            if let Some(gateway) = hop.gateway {
                out.ipv6(RTA_GATEWAY, gateway);
            }
            out.u32(RTA_OIF, hop.ifindex);
            hop.encap.iter().for_each(|encap| encap.fill(out));
        }
        None => {
            let nest = out.nest(RTA_MULTIPATH);
            for hop in route.hops.iter() {
                let flags = fib6::shown_flags(world, &hop) as u8;
                let at = Hops::start(out, flags, hop.weight.saturating_sub(1), hop.ifindex);
                if let Some(gateway) = hop.gateway {
                    out.ipv6(RTA_GATEWAY, gateway);
                }
                hop.encap.iter().for_each(|encap| encap.fill(out));
                Hops::finish(out, at);
            }
            out.end(nest);
        }
    }
    let left = route.rarities.expires.map_or(0, |end| end.0.saturating_sub(world.now.0) / 10_000);
    Cacheinfo { expires: left.min(i32::MAX as u64) as i32, ..Cacheinfo::default() }.encode(out);
    out.u8(RTA_PREF, route.preference);
    out.finish(start);
}

/// Tells all who listen of a route.
pub(crate) fn announce(world: &mut World, netns: NetnsId, table: u32, place: Place, flags: u16) {
    if !world.listens(netns, RTNLGRP_IPV6_ROUTE) {
        return;
    }
    let route = world.space(netns).ok().and_then(|space| space.stack.fib6.get(table, place));
    let Some(route) = route else { return };
    let mut out = Builder::new();
    fill(world, table, place.prefix, route, &mut out, Header { kind: RTM_NEWROUTE, flags, seq: 0, pid: 0 });
    world.publish(netns, RTNLGRP_IPV6_ROUTE, &out.bytes);
}

/// Tells all who listen that a route is gone.
pub(crate) fn announce_gone(world: &mut World, netns: NetnsId, table: u32, key: Key, route: &Route) {
    if world.listens(netns, RTNLGRP_IPV6_ROUTE) {
        let mut out = Builder::new();
        fill(world, table, key, route, &mut out, Header { kind: RTM_DELROUTE, flags: 0, seq: 0, pid: 0 });
        world.publish(netns, RTNLGRP_IPV6_ROUTE, &out.bytes);
    }
}

/// Lists routes.
pub(crate) fn list(world: &World, asker: Asker, filter: &Filter, pieces: &mut Pieces) -> Result<(), Refusal> {
    let fib = &world.space(asker.netns)?.stack.fib6;
    if filter.table.is_some_and(|table| fib.table(table).is_none()) {
        return Err(Refusal::said(Errno::ENOENT, "ipv6: FIB table does not exist"));
    }
    let through = world.by_index(asker.netns, filter.oif);
    for (id, place, route) in fib.listing(filter.table, through) {
        if filter.wants(route.protocol, route.kind) {
            let header = pieces.header();
            fill(world, id, place.prefix, route, &mut pieces.out, header);
        }
    }
    Ok(())
}
