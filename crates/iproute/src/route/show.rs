//! A route as `ip route` shows it, as text and as JSON; and as a monitor hears it.
//!
//! What a filter fixes to one value is not said again of each route.

use super::filter::Filter;
use super::{encap, metrics};
use crate::context::{AF_INET, AF_INET6, AF_MPLS, Context};
use rtnl::attr::Attr;
use rtnl::message::Message;
use rtnl::names::{PROTOCOLS, REALMS, SCOPES, SERVICES, TABLES, kind_name};
use rtnl::object::route::*;
use rtnl::prefix::{address_text, attr_text, bit_length, colour, family_name};
use rtnl::sink::{Colour, Sink};
use rtnl::table::Tb;

/// Flags with names, in the order in which they are shown. The same bits mean other things in the answer to a lookup;
/// the tool does not mind.
const FLAGS: &[(u32, &str)] = &[
    (RTNH_F_DEAD, "dead"),
    (RTNH_F_ONLINK, "onlink"),
    (RTNH_F_PERVASIVE, "pervasive"),
    (RTNH_F_OFFLOAD, "offload"),
    (RTNH_F_TRAP, "trap"),
    (RTM_F_NOTIFY, "notify"),
    (RTNH_F_LINKDOWN, "linkdown"),
    (RTNH_F_UNRESOLVED, "unresolved"),
    (RTM_F_OFFLOAD, "rt_offload"),
    (RTM_F_TRAP, "rt_trap"),
    (RTM_F_OFFLOAD_FAILED, "rt_offload_failed"),
];

/// Flags of the answer to a lookup of IPv4 (`RTCF_*`).
const CACHE_FLAGS: &[(u32, &str)] = &[
    (0x8000_0000, "local"),
    (0x4000_0000, "reject"),
    (0x2000_0000, "mc"),
    (0x1000_0000, "brd"),
    (0x0800_0000, "dst-nat"),
    (0x0080_0000, "src-nat"),
    (0x0040_0000, "masq"),
    (0x0002_0000, "dst-direct"),
    (0x0400_0000, "src-direct"),
    (0x0004_0000, "redirected"),
    (0x0100_0000, "redirect"),
    (0x0020_0000, "fastroute"),
    (0x0001_0000, "notify"),
    (0x0008_0000, "proxy"),
];

/// How many hundredths a second has: the kernel's times are in those.
const HZ: u32 = 100;

/// Shows the route that a message tells of, as an object of its own.
pub fn show(ctx: &mut Context<'_>, message: &Message<'_>, filter: &Filter) {
    ctx.sink.open_object("");
    show_route(ctx, message, filter);
    ctx.sink.close_object();
}

/// The same within an object that is open.
pub(super) fn show_route(ctx: &mut Context<'_>, message: &Message<'_>, filter: &Filter) {
    let Some(route) = Rtmsg::decode(message) else { return };
    let tb = Tb::read(message.attrs(Rtmsg::SIZE));
    if message.header.kind == RTM_DELROUTE {
        ctx.sink.boolean("deleted", true, "Deleted ", "");
    }
    show_ends(&mut ctx.sink, &route, &tb, filter);
    show_way(ctx, &route, &tb, filter);
    show_origin(&mut ctx.sink, &route, &tb, filter);
    show_flags(&mut ctx.sink, route.flags);
    show_use(&mut ctx.sink, &route, &tb, filter);
    if let Some(attr) = tb.get(RTA_METRICS) {
        metrics::show(&mut ctx.sink, &attr);
    }
    if let Some(iif) = tb.u32(RTA_IIF).filter(|_| filter.iif.is_none()) {
        show_link(ctx, "iif", iif);
    }
    if let Some(preference) = tb.u8(RTA_PREF) {
        show_preference(&mut ctx.sink, preference);
    }
    if let Some(propagates) = tb.u8(RTA_TTL_PROPAGATE) {
        let propagates = propagates != 0;
        ctx.sink.boolean("ttl-propogate", propagates, "ttl-propogate enabled", "ttl-propogate disabled");
    }
    if let Some(attr) = tb.get(RTA_MULTIPATH) {
        show_hops(ctx, &route, &attr);
    }
    ctx.sink.text("\n");
}

/// What the route does, where to, and from where.
fn show_ends(sink: &mut Sink, route: &Rtmsg, tb: &Tb<'_>, filter: &Filter) {
    let numeric = sink.format.numeric;
    if (route.kind != RTN_UNICAST || sink.format.details > 0) && filter.takes_kind(route.kind) {
        sink.string("type", "", &kind_name(route.kind, numeric), " ");
    }
    let family = real_family(route);
    let host = bit_length(route.family);
    let end = |attr: Attr<'_>, length: u8| match length == host {
        true => attr_text(family, &attr),
        false => format!("{}/{length}", attr_text(family, &attr)),
    };
    let (shade, to) = match tb.get(RTA_DST) {
        Some(attr) => (colour(family), end(attr, route.dst_len)),
        None if route.dst_len != 0 => (Colour::None, format!("0/{} ", route.dst_len)),
        None => (Colour::None, "default".into()),
    };
    sink.coloured_text(shade, "dst", &to, &format!("{to} "));
    match tb.get(RTA_SRC) {
        Some(attr) => {
            let from = end(attr, route.src_len);
            sink.coloured_text(colour(family), "from", &from, &format!("from {from} "));
        }
        None if route.src_len != 0 => sink.string("src", "from ", &format!("0/{}", route.src_len), " "),
        None => {}
    }
}

/// Multicast routing has families of its own.
fn real_family(route: &Rtmsg) -> u8 {
    match (route.kind, route.family) {
        (RTN_MULTICAST, 128) => AF_INET,
        (RTN_MULTICAST, 129) => AF_INET6,
        (_, family) => family,
    }
}

/// Over what it goes: a gateway, a link.
fn show_way(ctx: &mut Context<'_>, route: &Rtmsg, tb: &Tb<'_>, filter: &Filter) {
    let sink = &mut ctx.sink;
    if let Some(object) = tb.u32(RTA_NH_ID) {
        sink.uint("nhid", "nhid ", u64::from(object), " ");
    }
    show_new_destination(sink, route, tb);
    encap::show(ctx, tb);
    let sink = &mut ctx.sink;
    if route.tos != 0 && filter.tos.is_none() {
        let tos = SERVICES.name(u32::from(route.tos), sink.format.numeric);
        sink.string("tos", "tos ", &tos, " ");
    }
    if !Filter::fixes(&filter.via, route.family) {
        show_gateway(sink, route.family, tb);
    }
    show_via(sink, tb);
    if let Some(oif) = tb.u32(RTA_OIF).filter(|_| filter.oif.is_none()) {
        show_link(ctx, "dev", oif);
    }
}

fn show_new_destination(sink: &mut Sink, route: &Rtmsg, tb: &Tb<'_>) {
    let Some(attr) = tb.get(RTA_NEWDST) else { return };
    let text = attr_text(route.family, &attr);
    sink.text("as to ");
    sink.coloured_text(colour(route.family), "to", &text, &format!("{text} "));
}

fn show_gateway(sink: &mut Sink, family: u8, tb: &Tb<'_>) {
    let Some(attr) = tb.get(RTA_GATEWAY) else { return };
    let text = attr_text(family, &attr);
    sink.text("via ");
    sink.coloured_text(colour(family), "gateway", &text, &format!("{text} "));
}

/// A gateway of another family than the route's.
fn show_via(sink: &mut Sink, tb: &Tb<'_>) {
    let Some(attr) = tb.get(RTA_VIA) else { return };
    let family = attr.u16() as u8;
    let host = address_text(family, attr.payload.get(2..).unwrap_or(&[]));
    sink.open_object("via");
    sink.string("family", "via ", family_name(family), " ");
    sink.coloured_text(colour(family), "host", &host, &format!("{host} "));
    sink.close_object();
}

fn show_link(ctx: &mut Context<'_>, key: &str, ifindex: u32) {
    let name = ctx.links().name(ifindex);
    ctx.sink.text(&format!("{key} "));
    ctx.sink.coloured_text(Colour::Ifname, key, &name, &format!("{name} "));
}

/// Table, maker, scope, source and metric.
fn show_origin(sink: &mut Sink, route: &Rtmsg, tb: &Tb<'_>, filter: &Filter) {
    let (details, numeric) = (sink.format.details > 0, sink.format.numeric);
    let table = route.table(tb.u32(RTA_TABLE));
    if table != 0 && (table != RT_TABLE_MAIN || details) && filter.table == 0 {
        sink.string("table", "table ", &TABLES.name(table, numeric), " ");
    }
    if route.flags & RTM_F_CLONED == 0 {
        if (route.protocol != RTPROT_BOOT || details) && filter.protocol.is_none() {
            let protocol = PROTOCOLS.name(u32::from(route.protocol), numeric);
            sink.string("protocol", "proto ", &protocol, " ");
        }
        if (route.scope != RT_SCOPE_UNIVERSE || details) && filter.scope.is_none() {
            sink.string("scope", "scope ", &SCOPES.name(u32::from(route.scope), numeric), " ");
        }
    }
    if let Some(attr) = tb.get(RTA_PREFSRC).filter(|_| !Filter::fixes(&filter.source, route.family)) {
        let text = attr_text(route.family, &attr);
        sink.text("src ");
        sink.coloured_text(colour(route.family), "prefsrc", &text, &format!("{text} "));
    }
    if let Some(metric) = tb.u32(RTA_PRIORITY).filter(|_| filter.metric.is_none()) {
        sink.uint("metric", "metric ", u64::from(metric), " ");
    }
}

fn show_flags(sink: &mut Sink, flags: u32) {
    sink.open_array("flags", "");
    for (_, name) in FLAGS.iter().filter(|(flag, _)| flags & flag != 0) {
        sink.string("", "", name, " ");
    }
    sink.close_array("");
}

/// Mark, realms, user, and what the answer to a lookup says.
fn show_use(sink: &mut Sink, route: &Rtmsg, tb: &Tb<'_>, filter: &Filter) {
    match tb.u32(RTA_MARK).unwrap_or(0) {
        0 => {}
        mark if sink.json() || mark < 16 => sink.uint("mark", "mark ", u64::from(mark), " "),
        mark => sink.hex0x("mark", "mark ", u64::from(mark), " "),
    }
    if let Some(realms) = tb.u32(RTA_FLOW).filter(|_| filter.realms.1 != u32::MAX) {
        show_realms(sink, realms);
    }
    if let Some(user) = tb.u32(RTA_UID) {
        sink.uint("uid", "uid ", u64::from(user), " ");
    }
    if route.family == AF_INET && route.flags & RTM_F_CLONED != 0 {
        show_cache_flags(sink, route.flags & !0xffff);
    }
    if let Some(attr) = tb.get(RTA_CACHEINFO).filter(|_| matches!(route.family, AF_INET | AF_INET6)) {
        show_cacheinfo(sink, &Cacheinfo::decode(&attr));
    }
}

fn show_realms(sink: &mut Sink, realms: u32) {
    let numeric = sink.format.numeric;
    let (from, to) = (realms >> 16, realms & 0xffff);
    sink.open_object("flow");
    sink.text(if from == 0 { "realm " } else { "realms " });
    if from != 0 {
        sink.string("from", "", &REALMS.name(from, numeric), "/");
    }
    sink.string("to", "", &REALMS.name(to, numeric), " ");
    sink.close_object();
}

fn show_cache_flags(sink: &mut Sink, mut flags: u32) {
    sink.line();
    sink.text("    cache ");
    sink.open_array("cache", if flags == 0 { "" } else { "<" });
    for (flag, name) in CACHE_FLAGS {
        if flags & flag != 0 {
            flags &= !flag;
            sink.string("", "", name, if flags == 0 { "> " } else { "," });
        }
    }
    if flags != 0 {
        sink.hex("flags", "", u64::from(flags), ">");
    }
    sink.close_array("");
}

fn show_cacheinfo(sink: &mut Sink, info: &Cacheinfo) {
    if info.expires != 0 {
        sink.int("expires", "expires ", i64::from(info.expires / HZ as i32), "sec ");
    }
    show_number(sink, "error", info.error, 1, " ");
    if sink.format.statistics > 0 {
        show_number(sink, "users", info.users, 1, " ");
        show_number(sink, "used", info.used, 1, " ");
        show_number(sink, "age", info.last_use, HZ, "sec ");
    }
    if info.id != 0 {
        let text = format!("ipid 0x{:04x} ", info.id);
        sink.coloured_text(Colour::None, "ipid", &format!("0x{:04x}", info.id), &text);
    }
    if info.ts != 0 || info.ts_age != 0 {
        sink.coloured_text(Colour::None, "ts", &format!("0x{:x}", info.ts), &format!("ts 0x{:x}", info.ts));
        sink.uint("tsage", "tsage ", u64::from(info.ts_age), "sec ");
    }
}

/// A number in such a unit, unless it is zero.
fn show_number(sink: &mut Sink, key: &str, value: u32, unit: u32, after: &str) {
    if value != 0 {
        sink.uint(key, &format!("{key} "), u64::from(value / unit), after);
    }
}

fn show_preference(sink: &mut Sink, preference: u8) {
    let name = match preference {
        3 => "low",
        0 => "medium",
        1 => "high",
        _ => return sink.uint("pref", "", u64::from(preference), ""),
    };
    sink.string("pref", "pref ", name, "");
}

/// The next hops of a multipath route, one a line.
fn show_hops(ctx: &mut Context<'_>, route: &Rtmsg, attr: &Attr<'_>) {
    let of_cache = route.flags & RTM_F_CLONED != 0 && route.kind == RTN_MULTICAST;
    ctx.sink.open_array("nexthops", "");
    for (at, hop) in Nexthops::new(attr).enumerate() {
        ctx.sink.open_object("");
        if of_cache {
            ctx.sink.text(if at == 0 { "Oifs: " } else { " " });
        } else {
            ctx.sink.line();
            ctx.sink.text("\tnexthop ");
        }
        let tb = Tb::read(hop.attrs);
        encap::show(ctx, &tb);
        show_new_destination(&mut ctx.sink, route, &tb);
        show_gateway(&mut ctx.sink, route.family, &tb);
        show_via(&mut ctx.sink, &tb);
        if let Some(realms) = tb.u32(RTA_FLOW) {
            show_realms(&mut ctx.sink, realms);
        }
        let name = ctx.links().name(hop.ifindex);
        let sink = &mut ctx.sink;
        if of_cache {
            sink.string("dev", "", &name, "");
            if hop.hops != 1 {
                sink.int("ttl", "(ttl>", i64::from(hop.hops), ")");
            }
            sink.text(" ");
        } else {
            sink.string("dev", "dev ", &name, " ");
            if route.family != AF_MPLS {
                sink.int("weight", "weight ", i64::from(hop.hops) + 1, " ");
            }
        }
        show_flags(sink, u32::from(hop.flags));
        sink.close_object();
    }
    ctx.sink.close_array("");
}
