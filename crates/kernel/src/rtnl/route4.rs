//! Routes of IPv4 by request (`net/ipv4/fib_frontend.c`, `fib_create_info` and `fib_table_insert`).
//!
//! What is asked is checked in Linux's order, then the route is put among those of its prefix, type of service and
//! priority: in front, behind (`NLM_F_APPEND`), or in place of the first (`NLM_F_REPLACE`).

use super::pieces::Pieces;
use super::route::{self, Filter};
use super::{Asker, route6};
use crate::host::AF_INET;
use crate::host::encap::{self, Encap};
use crate::host::fib4::{self, Flow, Nexthop, Place, Prefix, Route};
use crate::host::routes::{End, Route as _};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Refusal};
use rtnl::object::route::{Nexthop as Hops, *};
use rtnl::table::Tb;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Next hops of one route at most.
const NEXTHOPS: usize = 256;

const fn said(sentence: &'static str) -> Refusal {
    Refusal::said(Errno::EINVAL, sentence)
}

/// A next hop as it was asked for.
#[derive(Clone, Debug)]
struct Hop {
    ifindex: u32,
    gateway: Option<IpAddr>,
    flags: u32,
    weight: u8,
    encap: encap::Asked,
}

impl Hop {
    /// The encapsulation, if there is one that can be.
    fn encap(&self) -> Option<Arc<Encap>> {
        self.encap.as_ref().ok().and_then(Clone::clone)
    }
}

/// A request, read (`struct fib_config`).
struct Config {
    table: u32,
    destination: Ipv4Addr,
    length: u8,
    tos: u8,
    kind: u8,
    scope: u8,
    protocol: u8,
    priority: u32,
    prefsrc: Option<Ipv4Addr>,
    metrics: Box<[(u16, u32)]>,
    flow: u32,
    hops: Vec<Hop>,
    multipath: bool,
}

fn ipv4(tb: &Tb<'_>, number: u16) -> Option<Ipv4Addr> {
    tb.get(number).map(|attr| Ipv4Addr::from(attr.first::<4>())).filter(|address| !address.is_unspecified())
}

/// The gateway that a set of attributes names.
fn gateway(tb: &Tb<'_>) -> Result<Option<IpAddr>, Refusal> {
    if tb.has(RTA_GATEWAY) && tb.has(RTA_VIA) {
        return Err(said("Nexthop configuration can not contain both GATEWAY and VIA"));
    }
    match tb.get(RTA_VIA) {
        Some(attr) => route::via(&attr).map(Some),
        None => Ok(ipv4(tb, RTA_GATEWAY).map(IpAddr::V4)),
    }
}

/// Reads a request (`rtm_to_fib_config`).
fn read(message: &Message<'_>, info: &Rtmsg) -> Result<Config, Refusal> {
    if info.tos & !0xfc != 0 {
        return Err(said("Invalid dsfield (tos): ECN bits must be 0"));
    }
    let tb = RTA_INET.parse(message.attrs(Rtmsg::SIZE))?;
    if info.kind > 11 {
        return Err(said("Invalid route type"));
    }
    if tb.u32(RTA_NH_ID).is_some_and(|id| id != 0) {
        return Err(said("Nexthop id does not exist"));
    }
    encap::check_type(&tb)?;
    let gateway = gateway(&tb)?;
    let multipath = tb.get(RTA_MULTIPATH);
    let hops = match &multipath {
        Some(attr) => {
            encap::check_types(attr)?;
            read_hops(attr)?
        }
        None => {
            let flags = info.flags & 0xff;
            let (ifindex, encap) = (tb.u32(RTA_OIF).unwrap_or(0), encap::read(&tb));
            vec![Hop { ifindex, gateway, flags, weight: 1, encap }]
        }
    };
    let table = Some(info.table(tb.u32(RTA_TABLE))).filter(|table| *table != RT_TABLE_UNSPEC);
    Ok(Config {
        table: table.unwrap_or(RT_TABLE_MAIN),
        destination: ipv4(&tb, RTA_DST).unwrap_or(Ipv4Addr::UNSPECIFIED),
        length: info.dst_len,
        tos: info.tos,
        kind: info.kind,
        scope: info.scope,
        protocol: info.protocol,
        priority: tb.u32(RTA_PRIORITY).unwrap_or(0),
        prefsrc: ipv4(&tb, RTA_PREFSRC),
        metrics: route::metrics(&tb)?,
        flow: tb.u32(RTA_FLOW).unwrap_or(0),
        hops,
        multipath: multipath.is_some(),
    })
}

/// Reads the next hops of a multipath route (`fib_get_nhs`).
fn read_hops(attr: &rtnl::attr::Attr<'_>) -> Result<Vec<Hop>, Refusal> {
    let mut hops = Vec::new();
    let mut walk = Nexthops::new(attr);
    for hop in walk.by_ref().take(NEXTHOPS) {
        let flags = u32::from(hop.flags);
        if flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN) != 0 {
            return Err(said("Invalid flags for nexthop - can not contain DEAD or LINKDOWN"));
        }
        let tb = Tb::read(hop.attrs);
        let weight = hop.hops.saturating_add(1);
        hops.push(Hop {
            ifindex: hop.ifindex,
            gateway: gateway(&tb)?,
            flags,
            weight,
            encap: encap::read(&tb),
        });
    }
    if hops.is_empty() || !walk.rest().is_empty() {
        return Err(said("Invalid nexthop configuration - extra data after nexthop"));
    }
    Ok(hops)
}

/// Whether the prefix is one (`fib_valid_key_len`).
fn check_prefix(config: &Config) -> Result<Prefix, Refusal> {
    if config.length > 32 {
        return Err(said("Invalid prefix length"));
    }
    if config.destination.to_bits() & !fib4::netmask(config.length) != 0 {
        return Err(said("Invalid prefix for given prefix length"));
    }
    Ok(fib4::prefix(config.destination, config.length))
}

/// Checks what is asked and makes the route of it (`fib_create_info`).
fn create(world: &World, netns: NetnsId, config: &Config) -> Result<Route, Refusal> {
    if fib4::least_scope(config.kind) > config.scope {
        return Err(said("Invalid scope"));
    }
    if config.hops.iter().any(|hop| hop.flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN) != 0) {
        return Err(said("Invalid rtm_flags - can not contain DEAD or LINKDOWN"));
    }
    let mut route = Route {
        tos: config.tos,
        kind: config.kind,
        scope: config.scope,
        protocol: config.protocol,
        priority: config.priority,
        prefsrc: config.prefsrc,
        metrics: config.metrics.clone(),
        flow: config.flow,
        nexthops: Vec::new(),
        flags: 0,
    };
    for hop in &config.hops {
        hop.encap.as_ref().map_err(Clone::clone)?;
    }
    if fib4::refusal(config.kind).is_some() {
        if config.multipath || config.hops.iter().any(|hop| hop.ifindex != 0 || hop.gateway.is_some()) {
            return Err(said("Gateway, device and multipath can not be specified for this route type"));
        }
        let hop = Nexthop {
            device: None,
            ifindex: 0,
            gateway: None,
            scope: RT_SCOPE_UNIVERSE,
            flags: 0,
            weight: 1,
            encap: config.hops.first().and_then(Hop::encap),
        };
        route.nexthops.push(hop);
        return Ok(route);
    }
    if !(RTN_UNICAST..=RTN_MULTICAST).contains(&config.kind) {
        return Err(said("Invalid route type"));
    }
    if config.scope > RT_SCOPE_HOST {
        return Err(said("Invalid scope"));
    }
    for hop in &config.hops {
        route.nexthops.push(check_hop(world, netns, config, hop)?);
    }
    if route.nexthops.iter().all(|hop| hop.flags & RTNH_F_LINKDOWN != 0) && config.scope != RT_SCOPE_HOST {
        route.flags |= RTNH_F_LINKDOWN;
    }
    if let Some(source) = config.prefsrc {
        let same = config.kind == RTN_LOCAL && config.length > 0 && source == config.destination;
        if !same && !fib4::is_own_source(world, netns, source, config.table) {
            return Err(said("Invalid prefsrc address"));
        }
    }
    Ok(route)
}

/// Checks a next hop and finds its link (`fib_check_nh`).
fn check_hop(world: &World, netns: NetnsId, config: &Config, hop: &Hop) -> Result<Nexthop, Refusal> {
    let mut found = Nexthop {
        device: None,
        ifindex: hop.ifindex,
        gateway: hop.gateway,
        scope: RT_SCOPE_HOST,
        flags: hop.flags,
        weight: hop.weight,
        encap: hop.encap(),
    };
    if config.scope == RT_SCOPE_HOST {
        if config.hops.len() != 1 {
            return Err(said("Route with host scope can not have multiple nexthops"));
        }
        if hop.gateway.is_some() {
            return Err(said("Route with host scope can not have a gateway"));
        }
        found.scope = RT_SCOPE_NOWHERE;
        found.device = Some(world.by_index(netns, hop.ifindex).ok_or(Errno::ENODEV)?);
        return Ok(found);
    }
    match hop.gateway {
        None => {
            if hop.flags & (RTNH_F_PERVASIVE | RTNH_F_ONLINK) != 0 {
                return Err(said("Invalid flags for nexthop - PERVASIVE and ONLINK can not be set"));
            }
            let id = world.by_index(netns, hop.ifindex).filter(|id| world[*id].inet.is_some());
            found.device = Some(id.ok_or(Errno::ENODEV)?);
            if !found.device.is_some_and(|id| world[id].is_up()) {
                return Err(Refusal::said(Errno::ENETDOWN, "Device for nexthop is not up"));
            }
        }
        Some(IpAddr::V4(gateway)) if hop.flags & RTNH_F_ONLINK != 0 => {
            on_link(world, netns, config, gateway, &mut found)?
        }
        Some(IpAddr::V4(gateway)) => through(world, netns, config, gateway, &mut found)?,
        Some(IpAddr::V6(gateway)) => {
            let is_on_link = hop.flags & RTNH_F_ONLINK != 0;
            let id = route6::egress(world, netns, config.table, hop.ifindex, gateway, is_on_link)?;
            // Nobody asks whether it has a carrier.
            let (device, ifindex) = (Some(id), world[id].ifindex);
            return Ok(Nexthop { device, ifindex, scope: RT_SCOPE_LINK, ..found });
        }
    }
    if found.device.is_some_and(|id| !world[id].carrier) {
        found.flags |= RTNH_F_LINKDOWN;
    }
    Ok(found)
}

/// A gateway that is on the link because the request says so.
fn on_link(
    world: &World,
    netns: NetnsId,
    config: &Config,
    gateway: Ipv4Addr,
    found: &mut Nexthop,
) -> Result<(), Refusal> {
    if config.scope >= RT_SCOPE_LINK {
        return Err(said("Nexthop has invalid scope"));
    }
    let missing = Refusal::said(Errno::ENODEV, "Nexthop device required for onlink");
    let id = world.by_index(netns, found.ifindex).ok_or(missing)?;
    if !world[id].is_up() {
        return Err(Refusal::said(Errno::ENETDOWN, "Nexthop device is not up"));
    }
    if fib4::address_type(world, netns, gateway, Some(id)) != RTN_UNICAST {
        return Err(said("Nexthop has invalid gateway"));
    }
    found.device = Some(id);
    found.scope = RT_SCOPE_LINK;
    Ok(())
}

/// A gateway to which a route must lead.
fn through(
    world: &World,
    netns: NetnsId,
    config: &Config,
    gateway: Ipv4Addr,
    found: &mut Nexthop,
) -> Result<(), Refusal> {
    let scope = config.scope.saturating_add(1).max(RT_SCOPE_LINK);
    let flow = Flow { oif: found.ifindex, scope, any_carrier: true, ..Flow::to(gateway) };
    let in_table = match config.table {
        RT_TABLE_MAIN => None,
        table => fib4::lookup_table(world, netns, table, &flow).ok(),
    };
    let way = match in_table {
        Some(way) => way,
        None => fib4::lookup(world, netns, &flow)
            .map_err(|errno| Refusal::said(errno, "Nexthop has invalid gateway"))?,
    };
    if way.kind != RTN_UNICAST && way.kind != RTN_LOCAL {
        return Err(said("Nexthop has invalid gateway"));
    }
    let id = way.nexthop.device.ok_or(said("No egress device for nexthop gateway"))?;
    found.scope = way.scope;
    found.ifindex = way.nexthop.ifindex;
    found.device = Some(id);
    if world[id].is_up() { Ok(()) } else { Err(Errno::ENETDOWN.into()) }
}

/// Adds a route (`fib_table_insert`).
pub(crate) fn new(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    info: &Rtmsg,
) -> Result<(), Refusal> {
    let netns = asker.netns;
    let config = read(message, info)?;
    // The table stays, whatever becomes of the route.
    world.space_mut(netns)?.stack.fib4.make_table(config.table);
    let prefix = check_prefix(&config)?;
    let route = create(world, netns, &config)?;
    let fib = &mut world.space_mut(netns)?.stack.fib4;
    let table = config.table;
    let first = fib.of_rank(table, prefix, route.rank()).next().map(|(place, _)| place);
    let (mut flags, mut end) = (0, End::Back);
    if let Some(first) = first {
        if message.has(NLM_F_EXCL) {
            return Err(Errno::EEXIST.into());
        }
        let twin = fib.twin(table, prefix, &route);
        if message.has(NLM_F_REPLACE) {
            match twin {
                Some(twin) if twin == first => return Ok(()),
                Some(_) => return Err(Errno::EEXIST.into()),
                None => {}
            }
            // commit
            fib.change(table, first, |present| *present = route);
            announce(world, netns, RTM_NEWROUTE, table, first, NLM_F_REPLACE);
            return Ok(());
        }
        if twin.is_some() {
            return Err(Errno::EEXIST.into());
        }
        if message.has(NLM_F_APPEND) {
            flags = NLM_F_APPEND;
        } else {
            end = End::Front;
        }
    }
    if !message.has(NLM_F_CREATE) {
        return Err(Errno::ENOENT.into());
    }
    if fib.count() >= fib4::ROUTES {
        return Err(Errno::ENOBUFS.into());
    }
    // commit
    let place = fib.insert(table, prefix, end, route).ok_or(Errno::ENOBUFS)?;
    announce(world, netns, RTM_NEWROUTE, table, place, flags | NLM_F_CREATE);
    Ok(())
}

/// Deletes the first route that fits (`fib_table_delete`).
pub(crate) fn delete(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    info: &Rtmsg,
) -> Result<(), Refusal> {
    let netns = asker.netns;
    let config = read(message, info)?;
    let prefix = check_prefix(&config)?;
    let named = config.hops.first().filter(|hop| !config.multipath && hop.ifindex != 0);
    let named = named.map(|hop| world.by_index(netns, hop.ifindex).ok_or(Errno::ESRCH)).transpose()?;
    let stack = &mut world.space_mut(netns)?.stack;
    if !fib4::has_table(stack, config.table) {
        return Err(Refusal::said(Errno::ESRCH, "FIB table does not exist"));
    }
    let fib = &mut stack.fib4;
    let fits = |route: &Route| {
        route.tos == config.tos
            && (config.kind == RTN_UNSPEC || route.kind == config.kind)
            && (config.scope == RT_SCOPE_NOWHERE || route.scope == config.scope)
            && config.prefsrc.is_none_or(|source| route.prefsrc == Some(source))
            && (config.protocol == 0 || route.protocol == config.protocol)
            && (config.priority == 0 || route.priority == config.priority)
            && hops_fit(&config, route)
            && config.metrics.iter().all(|(number, value)| route.metric(*number) == Some(*value))
    };
    let place = match named {
        Some(id) => fib.of_prefix_through(config.table, prefix, id).find(|(_, route)| fits(route)),
        None => fib.of_prefix(config.table, prefix).find(|(_, route)| fits(route)),
    };
    let (place, _) = place.ok_or(Errno::ESRCH)?;
    // commit
    if let Some(route) = fib.remove(config.table, place) {
        announce_gone(world, netns, config.table, prefix, &route);
    }
    Ok(())
}

/// Whether a route's next hops are those of a request (`fib_nh_match`).
fn hops_fit(config: &Config, route: &Route) -> bool {
    let same = |hop: &Hop, other: &Nexthop| {
        (hop.ifindex == 0 || hop.ifindex == other.ifindex)
            && (hop.gateway.is_none() || hop.gateway == other.gateway)
    };
    if config.multipath {
        return config.hops.len() == route.nexthops.len()
            && config.hops.iter().zip(&route.nexthops).all(|(hop, other)| same(hop, other));
    }
    match (config.hops.first(), route.nexthops.first()) {
        (Some(hop), Some(other)) => {
            // Who names no link and no gateway means any encapsulation.
            let named = hop.ifindex != 0 || hop.gateway.is_some();
            let encap = hop.encap().filter(|_| named);
            same(hop, other) && (encap.is_none() || encap == other.encap)
        }
        _ => true,
    }
}

// Writing.

/// The flags that a next hop shows (`fib_nexthop_info`).
fn shown_flags(world: &World, hop: &Nexthop) -> u32 {
    let mut flags = hop.flags & (RTNH_F_ONLINK | RTNH_F_DEAD | RTNH_F_LINKDOWN | RTNH_F_PERVASIVE);
    let ignored = hop.device.is_some_and(|id| fib4::ignores_linkdown(world, id));
    if flags & RTNH_F_LINKDOWN != 0 && ignored {
        flags |= RTNH_F_DEAD;
    }
    flags
}

fn put_gateway(gateway: Option<IpAddr>, out: &mut Builder) {
    match gateway {
        Some(IpAddr::V4(gateway)) => out.ipv4(RTA_GATEWAY, gateway),
        Some(IpAddr::V6(gateway)) => {
            let via: Vec<u8> = [&10u16.to_ne_bytes()[..], &gateway.octets()].concat();
            out.put(RTA_VIA, &via);
        }
        None => {}
    }
}

/// Writes a route as a message (`fib_dump_info`).
pub(crate) fn fill(
    world: &World,
    table: u32,
    prefix: Prefix,
    route: &Route,
    out: &mut Builder,
    header: Header,
) {
    let start = out.start(header);
    let dst_len = 32 - prefix.1;
    let single = route.nexthops.first().filter(|_| route.nexthops.len() == 1);
    let flags =
        route.flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN) | single.map_or(0, |hop| shown_flags(world, hop));
    let (tos, protocol, scope, kind) = (route.tos, route.protocol, route.scope, route.kind);
    let short = if table < 256 { table as u8 } else { 252 };
    let info =
        Rtmsg { family: AF_INET, dst_len, src_len: 0, tos, table: short, protocol, scope, kind, flags };
    info.encode(out);
    out.u32(RTA_TABLE, table);
    if dst_len > 0 {
        out.ipv4(RTA_DST, Ipv4Addr::from_bits(prefix.0));
    }
    if route.priority != 0 {
        out.u32(RTA_PRIORITY, route.priority);
    }
    route::put_metrics(&route.metrics, out);
    if let Some(source) = route.prefsrc {
        out.ipv4(RTA_PREFSRC, source);
    }
    match single {
        Some(hop) => {
            put_gateway(hop.gateway, out);
            if hop.device.is_some() {
                out.u32(RTA_OIF, hop.ifindex);
            }
            hop.encap.iter().for_each(|encap| encap.fill(out));
            if route.flow != 0 {
                out.u32(RTA_FLOW, route.flow);
            }
        }
        None => {
            let nest = out.nest(RTA_MULTIPATH);
            for hop in &route.nexthops {
                let flags = shown_flags(world, hop) as u8;
                let at = Hops::start(out, flags, hop.weight.saturating_sub(1), hop.ifindex);
                put_gateway(hop.gateway, out);
                hop.encap.iter().for_each(|encap| encap.fill(out));
                Hops::finish(out, at);
            }
            out.end(nest);
        }
    }
    out.finish(start);
}

/// Tells all who listen of a route.
pub(crate) fn announce(world: &mut World, netns: NetnsId, kind: u16, table: u32, place: Place, flags: u16) {
    if !world.listens(netns, RTNLGRP_IPV4_ROUTE) {
        return;
    }
    let mut out = Builder::new();
    let route = world.space(netns).ok().and_then(|space| space.stack.fib4.get(table, place));
    let Some(route) = route else { return };
    fill(world, table, place.prefix, route, &mut out, Header { kind, flags, seq: 0, pid: 0 });
    world.publish(netns, RTNLGRP_IPV4_ROUTE, &out.bytes);
}

/// Tells all who listen that a route is gone.
pub(crate) fn announce_gone(world: &mut World, netns: NetnsId, table: u32, prefix: Prefix, route: &Route) {
    if !world.listens(netns, RTNLGRP_IPV4_ROUTE) {
        return;
    }
    let mut out = Builder::new();
    fill(world, table, prefix, route, &mut out, Header { kind: RTM_DELROUTE, flags: 0, seq: 0, pid: 0 });
    world.publish(netns, RTNLGRP_IPV4_ROUTE, &out.bytes);
}

/// Lists routes.
pub(crate) fn list(world: &World, asker: Asker, filter: &Filter, pieces: &mut Pieces) -> Result<(), Refusal> {
    let stack = &world.space(asker.netns)?.stack;
    let fib = &stack.fib4;
    if filter.table.is_some_and(|table| !fib4::has_table(stack, table)) {
        return Err(Refusal::said(Errno::ENOENT, "ipv4: FIB table does not exist"));
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

/// The address as IPv4, for lookups.
pub(crate) fn address(tb: &Tb<'_>, number: u16) -> Ipv4Addr {
    ipv4(tb, number).unwrap_or(Ipv4Addr::UNSPECIFIED)
}
