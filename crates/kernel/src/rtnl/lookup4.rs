//! RTM_GETROUTE without a dump for IPv4: which route a packet takes (`inet_rtm_getroute`).

use super::Asker;
use super::route4::{self, address};
use crate::device::DeviceId;
use crate::host::fib4::{Flow, Found};
use crate::host::route4::{Incoming, incoming, outgoing};
use crate::host::{AF_INET, domain};
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, Refusal};
use rtnl::object::route::*;
use std::net::{IpAddr, Ipv4Addr};

const LOCAL: u32 = 0x8000_0000;
const BROADCAST: u32 = 0x1000_0000;
const MULTICAST: u32 = 0x2000_0000;

/// What is told of a packet's route.
struct Answer {
    kind: u8,
    flags: u32,
    device: Option<DeviceId>,
    gateway: Option<IpAddr>,
    source: Option<Ipv4Addr>,
    found: Option<Found>,
    table: Option<u32>,
    iif: Option<u32>,
}

/// Answers with the route of one packet.
pub(crate) fn get(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    info: &Rtmsg,
) -> Result<(), Refusal> {
    let tb = RTA_INET.parse(message.attrs(Rtmsg::SIZE))?;
    let netns = asker.netns;
    let (source, destination) = (address(&tb, RTA_SRC), address(&tb, RTA_DST));
    let (iif, oif) = (tb.u32(RTA_IIF).unwrap_or(0), tb.u32(RTA_OIF).unwrap_or(0));
    let mark = tb.u32(RTA_MARK).unwrap_or(0);
    let tos = info.tos & 0x1c;
    // A packet that came in is nobody's; one of the host's own is its user's.
    let uid = tb.u32(RTA_UID).or((iif == 0).then_some(0));
    let answer = if iif != 0 {
        let id = world.by_index(netns, iif).ok_or(Errno::ENODEV)?;
        from_outside(world, id, source, destination, tos, mark)?
    } else {
        let flow = Flow { source, oif, mark, tos, uid: uid.unwrap_or(0), ..Flow::to(destination) };
        from_here(world, netns, &flow, source)?
    };
    let header = Header { kind: RTM_NEWROUTE, flags: 0, seq: message.header.seq, pid: asker.pid };
    let mut out = Builder::new();
    // While nobody has changed the rules the host's own table is a part of the main one.
    let custom = world.space(netns)?.stack.rules4.custom;
    let shown = |table| if table == RT_TABLE_LOCAL && !custom { RT_TABLE_MAIN } else { table };
    if info.flags & RTM_F_FIB_MATCH != 0 {
        let found = answer.found.ok_or(Refusal::new(Errno::EHOSTUNREACH))?;
        let fib = &world.space(netns)?.stack.fib4;
        let route = fib.get(found.table, found.place).ok_or(Errno::EHOSTUNREACH)?;
        route4::fill(world, shown(found.table), found.prefix, route, &mut out, header);
    } else {
        let table = answer.table.map_or(0, shown);
        let table = if info.flags & RTM_F_LOOKUP_TABLE == 0 { RT_TABLE_MAIN } else { table };
        fill(world, &answer, table, (destination, source, mark, uid), &mut out, header);
    }
    super::reply(world, asker, out);
    Ok(())
}

fn from_here(
    world: &World,
    netns: crate::netns::NetnsId,
    flow: &Flow,
    asked: Ipv4Addr,
) -> Result<Answer, Refusal> {
    let route = outgoing(world, netns, flow)?;
    let mut flags = if route.local { LOCAL } else { 0 };
    flags |= match route.kind {
        RTN_BROADCAST => BROADCAST,
        RTN_MULTICAST => MULTICAST,
        _ => 0,
    };
    Ok(Answer {
        kind: route.kind,
        flags,
        device: Some(route.device),
        gateway: route.gateway,
        source: Some(route.source).filter(|source| *source != asked),
        found: route.found,
        table: route.table,
        iif: None,
    })
}

fn from_outside(
    world: &World,
    id: DeviceId,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    tos: u8,
    mark: u32,
) -> Result<Answer, Refusal> {
    let iif = Some(world[id].ifindex);
    Ok(match incoming(world, id, source, destination, tos, (mark, 0), false)? {
        Incoming::Local { kind, found } => {
            let flags = LOCAL | if kind == RTN_BROADCAST { BROADCAST } else { 0 };
            let flags = flags | if kind == RTN_MULTICAST { MULTICAST } else { 0 };
            let link = found.as_ref().and_then(|found| found.nexthop.device);
            let device = domain::loopback(world, world[id].netns, link);
            Answer {
                kind,
                flags,
                device,
                gateway: None,
                source: None,
                table: found.as_ref().map(|found| found.table),
                found,
                iif,
            }
        }
        Incoming::Forward { device, gateway, found } => Answer {
            kind: RTN_UNICAST,
            flags: 0,
            device: Some(device),
            gateway,
            source: None,
            table: Some(found.table),
            found: Some(found),
            iif,
        },
    })
}

/// `rt_fill_info`.
fn fill(
    world: &World,
    answer: &Answer,
    table: u32,
    (destination, source, mark, uid): (Ipv4Addr, Ipv4Addr, u32, Option<u32>),
    out: &mut Builder,
    header: Header,
) {
    let start = out.start(header);
    let src_len = if source.is_unspecified() { 0 } else { 32 };
    Rtmsg {
        family: AF_INET,
        dst_len: 32,
        src_len,
        // Linux keeps that to itself.
        tos: 0,
        table: if table < 256 { table as u8 } else { 252 },
        protocol: 0,
        scope: RT_SCOPE_UNIVERSE,
        kind: answer.kind,
        flags: answer.flags | RTM_F_CLONED,
    }
    .encode(out);
    out.u32(RTA_TABLE, table);
    out.ipv4(RTA_DST, destination);
    if src_len != 0 {
        out.ipv4(RTA_SRC, source);
    }
    if let Some(device) = answer.device.and_then(|id| world.get(id)) {
        out.u32(RTA_OIF, device.ifindex);
    }
    if let Some(encap) = answer.found.as_ref().and_then(|found| found.nexthop.encap.as_ref()) {
        encap.fill(out);
    }
    if let Some(source) = answer.source {
        out.ipv4(RTA_PREFSRC, source);
    }
    match answer.gateway {
        Some(IpAddr::V4(gateway)) => out.ipv4(RTA_GATEWAY, gateway),
        Some(IpAddr::V6(gateway)) => {
            out.put(RTA_VIA, &[&10u16.to_ne_bytes()[..], &gateway.octets()].concat())
        }
        None => {}
    }
    if let Some(mtu) = answer.found.as_ref().map(|found| found.mtu).filter(|mtu| *mtu != 0) {
        super::route::put_metrics(&[(RTAX_MTU, mtu)], out);
    }
    if mark != 0 {
        out.u32(RTA_MARK, mark);
    }
    if let Some(uid) = uid {
        out.u32(RTA_UID, uid);
    }
    if let Some(iif) = answer.iif {
        out.u32(RTA_IIF, iif);
    }
    Cacheinfo::default().encode(out);
    out.finish(start);
}
