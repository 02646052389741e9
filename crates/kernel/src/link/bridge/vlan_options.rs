//! Options of VLANs: what a bridge or port keeps of one (state, multicast router) and what the bridge keeps of it for
//! all ports (`net/bridge/br_vlan_options.c`, `br_vlan.c`).
//!
//! The global options of an identifier are there as long as the bridge or a port has the identifier. They are kept
//! and told; snooping itself goes by the bridge's own settings. Left out: counters.

use super::port::of_port;
use super::vlans::{self, Member, Members};
use super::{Multicast, of, of_mut, vlan_requests, vlan_tunnels};
use crate::device::DeviceId;
use crate::rare::Rare;
use crate::world::World;
use rtnl::attr::{Attr, Builder, NESTED};
use rtnl::errno::Errno;
use rtnl::kind::bridge::BR_BOOLOPT_MST_ENABLE;
use rtnl::kind::bridge_slave::BR_STATE_BLOCKING;
use rtnl::message::{Header, Refusal};
use rtnl::object::brlink::{BRIDGE_VLAN_INFO_PVID, VlanInfo};
use rtnl::object::brvlan::*;
use rtnl::object::mdb::{
    MDB_RTR_TYPE_PERM, MDBA_ROUTER, MDBA_ROUTER_PATTR_TIMER, MDBA_ROUTER_PATTR_TYPE, MDBA_ROUTER_PORT,
};
use rtnl::table::Tb;

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

/// The family of the messages.
const AF_BRIDGE: u8 = 7;
/// The largest number of a spanning tree of VLANs.
const LARGEST_MSTI: u16 = 4094;

/// What a bridge keeps of an identifier for all ports.
pub(super) struct Global {
    multicast: Rare<Multicast>,
    msti: u16,
}

/// Keeps options for an identifier that is used from now on.
pub(super) fn keep(world: &mut World, bridge: DeviceId, vid: u16) {
    let fresh = || Global { multicast: Rare::default(), msti: 0 };
    of_mut(world, bridge).globals.get_or_insert_with(vid, fresh);
}

/// Forgets those of one that neither the bridge nor a port has any more.
pub(super) fn drop_unused(world: &mut World, bridge: DeviceId, vid: u16) {
    let state = of(world, bridge);
    let has = |members: &Members| members.list.contains_key(&vid);
    let in_ports = state.arrivals.iter().any(|id| of_port(world, *id).is_some_and(|port| has(&port.vlans)));
    if !in_ports && !has(&state.vlans) {
        of_mut(world, bridge).globals.remove(&vid);
    }
}

// Telling.

fn start(world: &World, id: DeviceId, header: Header, out: &mut Builder) -> rtnl::message::Start {
    let start = out.start(header);
    VlanMsg { family: AF_BRIDGE, ifindex: world[id].ifindex }.encode(out);
    start
}

/// Tells all who listen of identifiers that came, changed or went (`br_vlan_notify`).
pub(super) fn notify(world: &mut World, id: DeviceId, first: u16, last: u16, kind: u16) {
    let netns = world[id].netns;
    if !world.listens(netns, RTNLGRP_BRVLAN) {
        return;
    }
    let network = vlan_tunnels::network(world, id, first);
    let member = vlans::of_device(world, id)
        .and_then(|members| members.list.get(&first).map(|member| (*member, members.flags(first))));
    let mut out = Builder::new();
    let message = start(world, id, Header { kind, flags: 0, seq: 0, pid: 0 }, &mut out);
    match member.filter(|_| kind == RTM_NEWVLAN) {
        Some((member, flags)) => entry((first, last), flags, Some((&member, network)), &mut out),
        None if kind == RTM_NEWVLAN => return,
        None => entry((first, last), 0, None, &mut out),
    }
    out.finish(message);
    world.publish(netns, RTNLGRP_BRVLAN, &out.bytes);
}

/// One identifier or a range, with the options and the network of a tunnel of its first.
fn entry((first, last): (u16, u16), flags: u16, member: Option<(&Member, Option<u32>)>, out: &mut Builder) {
    let nest = out.nest(BRIDGE_VLANDB_ENTRY | NESTED);
    VlanInfo { flags, vid: first }.encode(BRIDGE_VLANDB_ENTRY_INFO, out);
    if first < last && flags & BRIDGE_VLAN_INFO_PVID == 0 {
        out.u16(BRIDGE_VLANDB_ENTRY_RANGE, last);
    }
    if let Some((member, network)) = member {
        out.u8(BRIDGE_VLANDB_ENTRY_STATE, member.state);
        if let Some(network) = network {
            let nest = out.nest(BRIDGE_VLANDB_ENTRY_TUNNEL_INFO | NESTED);
            out.u32(BRIDGE_VLANDB_TINFO_ID, network);
            out.end(nest);
        }
        out.u8(BRIDGE_VLANDB_ENTRY_MCAST_ROUTER, member.router);
    }
    out.end(nest);
}

/// Writes the identifiers of a bridge or port, or the global options of a bridge (`br_vlan_dump_dev`). Counters are
/// asked for one by one, and are all zero.
pub(crate) fn fill(world: &World, id: DeviceId, header: Header, flags: u32, out: &mut Builder) {
    let Some(members) = vlans::of_device(world, id) else { return };
    if flags & BRIDGE_VLANDB_DUMPF_GLOBAL != 0 {
        if of_port(world, id).is_none() {
            let message = start(world, id, header, out);
            all_globals(world, id, out);
            out.finish(message);
        }
        return;
    }
    let alone = flags & BRIDGE_VLANDB_DUMPF_STATS != 0;
    let tunnels = vlan_tunnels::of_device(world, id);
    let message = start(world, id, header, out);
    let mut all = members.list.iter().peekable();
    while let Some((first, member)) = all.next() {
        let mut last = *first;
        let joins = |next: &(&u16, &Member), last: u16| {
            !alone
                && *next.0 == last + 1
                && next.1 == member
                && tunnels.is_none_or(|tunnels| tunnels.join(last, *next.0))
                && *next.0 != members.pvid
                && *first != members.pvid
        };
        while all.peek().is_some_and(|next| joins(next, last)) {
            last += 1;
            all.next();
        }
        let network = tunnels.and_then(|tunnels| tunnels.of(*first));
        entry((*first, last), members.flags(*first), Some((member, network)), out);
    }
    out.finish(message);
}

fn all_globals(world: &World, bridge: DeviceId, out: &mut Builder) {
    let mut all = of(world, bridge).globals.iter().peekable();
    while let Some((first, global)) = all.next() {
        let mut last = *first;
        // One behind which there are routers stands alone, because they are told.
        let routers = routers(world, bridge, *first);
        let joins = |vid: u16, next: &Global| {
            next.same(global) && routers.is_empty() && self::routers(world, bridge, vid).is_empty()
        };
        while all.peek().is_some_and(|(vid, next)| **vid == last + 1 && joins(**vid, next)) {
            last += 1;
            all.next();
        }
        global.fill(*first, last, &routers, out);
    }
}

/// The indexes of the ports behind which a user says that there are routers of a VLAN.
fn routers(world: &World, bridge: DeviceId, vid: u16) -> Vec<u32> {
    let leads = |id: &DeviceId| {
        let member = of_port(world, *id).and_then(|port| port.vlans.list.get(&vid));
        member.is_some_and(|member| member.router == MDB_RTR_TYPE_PERM)
    };
    super::ports(world, bridge).into_iter().filter(leads).map(|id| world[id].ifindex).collect()
}

type Number = fn(&Multicast) -> u64;

/// The times of global options, in Linux's order.
static TIMES: &[(u16, Number)] = &[
    (BRIDGE_VLANDB_GOPTS_MCAST_LAST_MEMBER_INTVL, |m| m.last_member_interval),
    (BRIDGE_VLANDB_GOPTS_MCAST_MEMBERSHIP_INTVL, |m| m.membership_interval),
    (BRIDGE_VLANDB_GOPTS_MCAST_QUERIER_INTVL, |m| m.querier_interval),
    (BRIDGE_VLANDB_GOPTS_MCAST_QUERY_INTVL, |m| m.query_interval),
    (BRIDGE_VLANDB_GOPTS_MCAST_QUERY_RESPONSE_INTVL, |m| m.query_response_interval),
    (BRIDGE_VLANDB_GOPTS_MCAST_STARTUP_QUERY_INTVL, |m| m.startup_query_interval),
];

impl Global {
    /// Whether both say the same, so that they may stand as a range.
    fn same(&self, other: &Global) -> bool {
        let numbers = |global: &Global| -> ([u64; 7], Vec<u64>) {
            let m = &*global.multicast;
            let small = [
                m.snooping.into(),
                m.querier.into(),
                m.igmp_version.into(),
                m.mld_version.into(),
                m.last_member_count.into(),
                m.startup_query_count.into(),
                global.msti.into(),
            ];
            (small, TIMES.iter().map(|(_, get)| get(m)).collect())
        };
        numbers(self) == numbers(other)
    }

    fn fill(&self, first: u16, last: u16, routers: &[u32], out: &mut Builder) {
        let m = &self.multicast;
        let nest = out.nest(BRIDGE_VLANDB_GLOBAL_OPTIONS | NESTED);
        out.u16(BRIDGE_VLANDB_GOPTS_ID, first);
        if first < last {
            out.u16(BRIDGE_VLANDB_GOPTS_RANGE, last);
        }
        out.u8(BRIDGE_VLANDB_GOPTS_MCAST_SNOOPING, m.snooping.into());
        out.u8(BRIDGE_VLANDB_GOPTS_MCAST_IGMP_VERSION, m.igmp_version);
        out.u32(BRIDGE_VLANDB_GOPTS_MCAST_LAST_MEMBER_CNT, m.last_member_count);
        out.u32(BRIDGE_VLANDB_GOPTS_MCAST_STARTUP_QUERY_CNT, m.startup_query_count);
        out.u8(BRIDGE_VLANDB_GOPTS_MCAST_QUERIER, m.querier.into());
        TIMES.iter().for_each(|(number, get)| out.u64(*number, get(m)));
        if !routers.is_empty() {
            let ports = out.nest(BRIDGE_VLANDB_GOPTS_MCAST_ROUTER_PORTS);
            let list = out.nest(MDBA_ROUTER);
            for ifindex in routers {
                let one = out.nest(MDBA_ROUTER_PORT);
                out.bytes.extend_from_slice(&ifindex.to_ne_bytes());
                out.u32(MDBA_ROUTER_PATTR_TIMER, 0);
                out.u8(MDBA_ROUTER_PATTR_TYPE, MDB_RTR_TYPE_PERM);
                out.end(one);
            }
            out.end(list);
            out.end(ports);
        }
        out.u8(BRIDGE_VLANDB_GOPTS_MCAST_MLD_VERSION, m.mld_version);
        out.u16(BRIDGE_VLANDB_GOPTS_MSTI, self.msti);
        out.end(nest);
    }
}

// Changing.

/// Changes the options of identifiers that a bridge or port has (`br_vlan_process_options`).
pub(super) fn change(world: &mut World, id: DeviceId, first: u16, last: u16, tb: &Tb<'_>) -> Result {
    let missing = |sentence| Refusal::said(Errno::ENOENT, sentence);
    let has = |world: &World, vid| vlans::of_device(world, id).is_some_and(|m| m.list.contains_key(&vid));
    if !has(world, first) {
        return Err(missing("bridge: Vlan range start doesn't exist, can't process options"));
    }
    if !has(world, last) {
        return Err(missing("bridge: Vlan range end doesn't exist, can't process options"));
    }
    let mut since = None;
    let mut result = Ok(());
    for vid in first..=last {
        let changed = match has(world, vid) {
            true => change_one(world, id, (first, vid), tb),
            false => Err(missing("bridge: Vlan in range doesn't exist, can't process options")),
        };
        match changed {
            Ok(true) => since = since.or(Some(vid)),
            Ok(false) => {
                if let Some(since) = since.take() {
                    notify(world, id, since, vid - 1, RTM_NEWVLAN);
                }
            }
            Err(refusal) => {
                result = Err(refusal);
                if let Some(since) = since.take() {
                    notify(world, id, since, vid - 1, RTM_NEWVLAN);
                }
                break;
            }
        }
    }
    if let Some(since) = since {
        notify(world, id, since, last, RTM_NEWVLAN);
    }
    result
}

fn change_one(world: &mut World, id: DeviceId, (first, vid): (u16, u16), tb: &Tb<'_>) -> Result<bool> {
    let Some((bridge, number)) = vlans::place(world, id) else { return Ok(false) };
    let mut changed = false;
    if let Some(state) = tb.u8(BRIDGE_VLANDB_ENTRY_STATE) {
        if of(world, bridge).options & 1 << BR_BOOLOPT_MST_ENABLE != 0 {
            let sentence = "bridge: Can't modify vlan state directly when MST is enabled";
            return Err(Refusal::said(Errno::EBUSY, sentence));
        }
        if state > BR_STATE_BLOCKING {
            return Err(Refusal::said(Errno::EINVAL, "bridge: Invalid vlan state"));
        }
        if of(world, bridge).tree.enabled {
            let sentence = "bridge: Can't modify vlan state when using kernel STP";
            return Err(Refusal::said(Errno::EBUSY, sentence));
        }
        let member = vlans::of_device_mut(world, id).and_then(|members| members.list.get_mut(&vid));
        changed |= member.is_some_and(|member| std::mem::replace(&mut member.state, state) != state);
    }
    if let Some(attr) = tb.get(BRIDGE_VLANDB_ENTRY_TUNNEL_INFO) {
        changed |= vlan_tunnels::change_option(world, id, (first, vid), &attr)?;
    }
    if let Some(router) = tb.u8(BRIDGE_VLANDB_ENTRY_MCAST_ROUTER) {
        if router > if number == 0 { 2 } else { 3 } {
            return Err(Errno::EINVAL.into());
        }
        let member = vlans::of_device_mut(world, id).and_then(|members| members.list.get_mut(&vid));
        member.into_iter().for_each(|member| member.router = router);
        changed = true;
    }
    Ok(changed)
}

/// Changes the global options of identifiers (`br_vlan_rtm_process_global_options`).
pub(crate) fn change_global(world: &mut World, id: DeviceId, attr: Attr<'_>) -> Result {
    let refuse = |sentence| Err(Refusal::said(Errno::EINVAL, sentence));
    if of_port(world, id).is_some() {
        return refuse("bridge: Global vlan options can only be set on bridge device");
    }
    let tb = GLOBAL_OPTIONS.parse(attr.attrs())?;
    let Some(first) = tb.u16(BRIDGE_VLANDB_GOPTS_ID) else {
        return refuse("bridge: Missing vlan entry id");
    };
    vlan_requests::check_vid(first)?;
    let last = tb.u16(BRIDGE_VLANDB_GOPTS_RANGE);
    if let Some(last) = last {
        vlan_requests::check_vid(last)?;
        if last <= first {
            return refuse("bridge: End vlan id is less than or equal to start vlan id");
        }
    }
    for vid in first..=last.unwrap_or(first) {
        let Some(global) = of_mut(world, id).globals.get_mut(&vid) else {
            let sentence = "bridge: Vlan in range doesn't exist, can't process global options";
            return Err(Refusal::said(Errno::ENOENT, sentence));
        };
        global.change(&tb)?;
    }
    notify_global(world, id, first, last.unwrap_or(first));
    Ok(())
}

fn notify_global(world: &mut World, bridge: DeviceId, first: u16, last: u16) {
    let netns = world[bridge].netns;
    if !world.listens(netns, RTNLGRP_BRVLAN) {
        return;
    }
    let mut out = Builder::new();
    let message = start(world, bridge, Header { kind: RTM_NEWVLAN, flags: 0, seq: 0, pid: 0 }, &mut out);
    if let Some(global) = of(world, bridge).globals.get(&first) {
        global.fill(first, last, &routers(world, bridge, first), &mut out);
    }
    out.finish(message);
    world.publish(netns, RTNLGRP_BRVLAN, &out.bytes);
}

impl Global {
    fn change(&mut self, tb: &Tb<'_>) -> Result {
        let m = &mut *self.multicast;
        let flags = [
            (BRIDGE_VLANDB_GOPTS_MCAST_SNOOPING, &mut m.snooping),
            (BRIDGE_VLANDB_GOPTS_MCAST_QUERIER, &mut m.querier),
        ];
        for (number, place) in flags {
            tb.u8(number).into_iter().for_each(|value| *place = value != 0);
        }
        let versions = [
            (BRIDGE_VLANDB_GOPTS_MCAST_IGMP_VERSION, 2..=3, &mut m.igmp_version),
            (BRIDGE_VLANDB_GOPTS_MCAST_MLD_VERSION, 1..=2, &mut m.mld_version),
        ];
        for (number, limits, place) in versions {
            let Some(value) = tb.u8(number) else { continue };
            if !limits.contains(&value) {
                return Err(Errno::EINVAL.into());
            }
            *place = value;
        }
        let counts = [
            (BRIDGE_VLANDB_GOPTS_MCAST_LAST_MEMBER_CNT, &mut m.last_member_count),
            (BRIDGE_VLANDB_GOPTS_MCAST_STARTUP_QUERY_CNT, &mut m.startup_query_count),
        ];
        for (number, place) in counts {
            tb.u32(number).into_iter().for_each(|value| *place = value);
        }
        let times = [
            (BRIDGE_VLANDB_GOPTS_MCAST_LAST_MEMBER_INTVL, &mut m.last_member_interval),
            (BRIDGE_VLANDB_GOPTS_MCAST_MEMBERSHIP_INTVL, &mut m.membership_interval),
            (BRIDGE_VLANDB_GOPTS_MCAST_QUERIER_INTVL, &mut m.querier_interval),
            (BRIDGE_VLANDB_GOPTS_MCAST_QUERY_INTVL, &mut m.query_interval),
            (BRIDGE_VLANDB_GOPTS_MCAST_QUERY_RESPONSE_INTVL, &mut m.query_response_interval),
            (BRIDGE_VLANDB_GOPTS_MCAST_STARTUP_QUERY_INTVL, &mut m.startup_query_interval),
        ];
        for (number, place) in times {
            tb.get(number).into_iter().for_each(|attr| *place = attr.u64());
        }
        for place in [&mut m.query_interval, &mut m.startup_query_interval] {
            *place = super::settings::clamp_query_interval(*place);
        }
        match tb.u16(BRIDGE_VLANDB_GOPTS_MSTI) {
            Some(msti) if msti > LARGEST_MSTI => return Err(Errno::EINVAL.into()),
            Some(msti) => self.msti = msti,
            None => {}
        }
        Ok(())
    }
}
