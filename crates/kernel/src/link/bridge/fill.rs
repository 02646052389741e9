//! What is told of bridges and their ports (`br_fill_info`, `br_port_fill_attrs`, `br_fill_ifinfo` in
//! `net/bridge/br_netlink.c`): rows in Linux's order.
//!
//! Left out: who asks for members of groups (`IFLA_BR_MCAST_QUERIER_STATE`), and the padding
//! (`IFLA_BR_PAD`, `IFLA_BRPORT_PAD`) that few architectures need.

use super::port::{Port, flag, of_port};
use super::timers::{self, of_port as port_timer};
use super::{Bridge, of, settings, stp, vlan_tunnels, vlans};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::attr::{Builder, NESTED};
use rtnl::kind::{bridge::*, bridge_slave::*};
use rtnl::message::Header;
use rtnl::object::brlink::*;
use rtnl::object::link::*;

/// The family of announcements of ports.
const AF_BRIDGE: u8 = 7;
/// Inside a bridge's statistics: `struct br_mcast_stats` and `struct bridge_stp_xstats`.
const BRIDGE_XSTATS_MCAST: u16 = 2;
const BRIDGE_XSTATS_STP: u16 = 4;
/// What a request of the extended mask means that asks for VLANs in either form.
const VLANS: u32 = RTEXT_FILTER_BRVLAN | RTEXT_FILTER_BRVLAN_COMPRESSED;

/// What always stands for the size of buckets, which Linux no longer keeps.
const HASH_ELASTICITY: u32 = 16;

enum Value<T> {
    Flag(fn(&T) -> bool),
    U8(fn(&T) -> u8),
    U16(fn(&T) -> u16),
    U16Be(fn(&T) -> u16),
    U32(fn(&T) -> u32),
    /// A time, of which Linux tells the low 32 bits.
    Time(fn(&T) -> u64),
    U64(fn(&T) -> u64),
    Id(fn(&T) -> stp::BridgeId),
}

use Value::{Flag, Id, Time, U8, U16, U16Be, U32, U64};

fn write<T>(rows: &[(u16, Value<T>)], subject: &T, out: &mut Builder) {
    for (number, value) in rows {
        match value {
            Flag(get) => out.u8(*number, u8::from(get(subject))),
            U8(get) => out.u8(*number, get(subject)),
            U16(get) => out.u16(*number, get(subject)),
            U16Be(get) => out.u16_be(*number, get(subject)),
            U32(get) => out.u32(*number, get(subject)),
            Time(get) => out.u32(*number, get(subject) as u32),
            U64(get) => out.u64_aligned(*number, get(subject), IFLA_BR_PAD),
            Id(get) => out.put(*number, &get(subject).0),
        }
    }
}

static TREE: &[(u16, Value<Bridge>)] = &[
    (IFLA_BR_FORWARD_DELAY, Time(|b| b.tree.forward_delay)),
    (IFLA_BR_HELLO_TIME, Time(|b| b.tree.hello_time)),
    (IFLA_BR_MAX_AGE, Time(|b| b.tree.max_age)),
    (IFLA_BR_AGEING_TIME, Time(|b| b.ageing_time)),
    (IFLA_BR_STP_STATE, U32(|b| b.tree.enabled.into())),
    (IFLA_BR_PRIORITY, U16(|b| b.tree.id.priority())),
    (IFLA_BR_VLAN_FILTERING, Flag(|b| b.vlan_filtering)),
    (IFLA_BR_GROUP_FWD_MASK, U16(|b| b.group_fwd_mask)),
    (IFLA_BR_BRIDGE_ID, Id(|b| b.tree.id)),
    (IFLA_BR_ROOT_ID, Id(|b| b.tree.designated_root)),
    (IFLA_BR_ROOT_PORT, U16(|b| b.tree.root_port)),
    (IFLA_BR_ROOT_PATH_COST, U32(|b| b.tree.root_path_cost)),
    (IFLA_BR_TOPOLOGY_CHANGE, Flag(|b| b.tree.topology_change)),
    (IFLA_BR_TOPOLOGY_CHANGE_DETECTED, Flag(|b| b.tree.topology_change_detected)),
];

static REST: &[(u16, Value<Bridge>)] = &[
    (IFLA_BR_VLAN_PROTOCOL, U16Be(|b| b.vlan_protocol)),
    (IFLA_BR_VLAN_DEFAULT_PVID, U16(|b| b.default_pvid)),
    (IFLA_BR_VLAN_STATS_ENABLED, U8(|b| b.vlan_stats_enabled)),
    (IFLA_BR_VLAN_STATS_PER_PORT, U8(|b| b.vlan_stats_per_port)),
    (IFLA_BR_MCAST_ROUTER, U8(|b| b.multicast.router)),
    (IFLA_BR_MCAST_SNOOPING, Flag(|b| b.multicast.snooping)),
    (IFLA_BR_MCAST_QUERY_USE_IFADDR, Flag(|b| b.multicast.query_use_ifaddr)),
    (IFLA_BR_MCAST_QUERIER, Flag(|b| b.multicast.querier)),
    (IFLA_BR_MCAST_STATS_ENABLED, Flag(|b| b.multicast.stats_enabled)),
    (IFLA_BR_MCAST_HASH_ELASTICITY, U32(|_| HASH_ELASTICITY)),
    (IFLA_BR_MCAST_HASH_MAX, U32(|b| b.multicast.hash_max)),
    (IFLA_BR_MCAST_LAST_MEMBER_CNT, U32(|b| b.multicast.last_member_count)),
    (IFLA_BR_MCAST_STARTUP_QUERY_CNT, U32(|b| b.multicast.startup_query_count)),
    (IFLA_BR_MCAST_IGMP_VERSION, U8(|b| b.multicast.igmp_version)),
    (IFLA_BR_MCAST_MLD_VERSION, U8(|b| b.multicast.mld_version)),
    (IFLA_BR_MCAST_LAST_MEMBER_INTVL, U64(|b| b.multicast.last_member_interval)),
    (IFLA_BR_MCAST_MEMBERSHIP_INTVL, U64(|b| b.multicast.membership_interval)),
    (IFLA_BR_MCAST_QUERIER_INTVL, U64(|b| b.multicast.querier_interval)),
    (IFLA_BR_MCAST_QUERY_INTVL, U64(|b| b.multicast.query_interval)),
    (IFLA_BR_MCAST_QUERY_RESPONSE_INTVL, U64(|b| b.multicast.query_response_interval)),
    (IFLA_BR_MCAST_STARTUP_QUERY_INTVL, U64(|b| b.multicast.startup_query_interval)),
    (IFLA_BR_NF_CALL_IPTABLES, Flag(|b| b.nf_call_iptables)),
    (IFLA_BR_NF_CALL_IP6TABLES, Flag(|b| b.nf_call_ip6tables)),
    (IFLA_BR_NF_CALL_ARPTABLES, Flag(|b| b.nf_call_arptables)),
];

/// Writes what a bridge keeps of itself.
pub(super) fn bridge(world: &World, bridge: DeviceId, out: &mut Builder) {
    let state = of(world, bridge);
    let timers = [
        (IFLA_BR_HELLO_TIMER, timers::HELLO),
        (IFLA_BR_TCN_TIMER, timers::NOTICE),
        (IFLA_BR_TOPOLOGY_CHANGE_TIMER, timers::TOPOLOGY_CHANGE),
        (IFLA_BR_GC_TIMER, timers::CLEARING),
    ];
    for (number, timer) in timers {
        out.u64_aligned(number, stp::timer_left(world, bridge, timer), IFLA_BR_PAD);
    }
    write(TREE, state, out);
    out.put(IFLA_BR_GROUP_ADDR, &state.group_address);
    out.u32_pair(IFLA_BR_MULTI_BOOLOPT, state.options, settings::OPTIONS);
    write(REST, state, out);
}

static PORT: &[(u16, Value<Port>)] = &[
    (IFLA_BRPORT_STATE, U8(|p| p.state)),
    (IFLA_BRPORT_PRIORITY, U16(|p| p.priority.into())),
    (IFLA_BRPORT_COST, U32(|p| p.cost)),
    (IFLA_BRPORT_MODE, Flag(|p| p.has(flag::HAIRPIN))),
    (IFLA_BRPORT_GUARD, Flag(|p| p.has(flag::GUARD))),
    (IFLA_BRPORT_PROTECT, Flag(|p| p.has(flag::ROOT_BLOCK))),
    (IFLA_BRPORT_FAST_LEAVE, Flag(|p| p.has(flag::FAST_LEAVE))),
    (IFLA_BRPORT_MCAST_TO_UCAST, Flag(|p| p.has(flag::MCAST_TO_UCAST))),
    (IFLA_BRPORT_LEARNING, Flag(|p| p.has(flag::LEARNING))),
    (IFLA_BRPORT_UNICAST_FLOOD, Flag(|p| p.has(flag::FLOOD))),
    (IFLA_BRPORT_MCAST_FLOOD, Flag(|p| p.has(flag::MCAST_FLOOD))),
    (IFLA_BRPORT_BCAST_FLOOD, Flag(|p| p.has(flag::BCAST_FLOOD))),
    (IFLA_BRPORT_PROXYARP, Flag(|p| p.has(flag::PROXYARP))),
    (IFLA_BRPORT_PROXYARP_WIFI, Flag(|p| p.has(flag::PROXYARP_WIFI))),
    (IFLA_BRPORT_ROOT_ID, Id(|p| p.designated_root)),
    (IFLA_BRPORT_BRIDGE_ID, Id(|p| p.designated_bridge)),
    (IFLA_BRPORT_DESIGNATED_PORT, U16(|p| p.designated_port)),
    (IFLA_BRPORT_DESIGNATED_COST, U16(|p| p.designated_cost as u16)),
    (IFLA_BRPORT_ID, U16(|p| p.id)),
    (IFLA_BRPORT_NO, U16(|p| p.number)),
    (IFLA_BRPORT_TOPOLOGY_CHANGE_ACK, Flag(|p| p.topology_change_ack)),
    (IFLA_BRPORT_CONFIG_PENDING, Flag(|p| p.config_pending)),
    (IFLA_BRPORT_VLAN_TUNNEL, Flag(|p| p.has(flag::VLAN_TUNNEL))),
    (IFLA_BRPORT_GROUP_FWD_MASK, U16(|p| p.group_fwd_mask)),
    (IFLA_BRPORT_NEIGH_SUPPRESS, Flag(|p| p.has(flag::NEIGH_SUPPRESS))),
    (IFLA_BRPORT_MRP_RING_OPEN, U8(|_| 0)),
    (IFLA_BRPORT_MRP_IN_OPEN, U8(|_| 0)),
    (IFLA_BRPORT_ISOLATED, Flag(|p| p.has(flag::ISOLATED))),
    (IFLA_BRPORT_LOCKED, Flag(|p| p.has(flag::LOCKED))),
];

/// Writes what a bridge keeps of a port.
pub(super) fn port(world: &World, device: DeviceId, out: &mut Builder) {
    let Some(port) = of_port(world, device) else { return };
    write(PORT, port, out);
    let timers = [
        (IFLA_BRPORT_MESSAGE_AGE_TIMER, port_timer::MESSAGE_AGE),
        (IFLA_BRPORT_FORWARD_DELAY_TIMER, port_timer::FORWARD_DELAY),
        (IFLA_BRPORT_HOLD_TIMER, port_timer::HOLD),
    ];
    for (number, timer) in timers {
        let left = stp::timer_left(world, port.bridge, timer + port.number);
        out.u64_aligned(number, left, IFLA_BRPORT_PAD);
    }
    out.u8(IFLA_BRPORT_MULTICAST_ROUTER, port.multicast_router);
    out.u32(IFLA_BRPORT_MCAST_EHT_HOSTS_LIMIT, port.eht_hosts_limit);
    out.u32(IFLA_BRPORT_MCAST_EHT_HOSTS_CNT, 0);
    if let Some(backup) = port.backup.and_then(|backup| world.get(backup)) {
        out.u32(IFLA_BRPORT_BACKUP_PORT, backup.ifindex);
    }
}

/// Tells all who listen of a port in the bridges' own, shorter form (`br_ifinfo_notify`).
pub(super) fn announce_port(world: &mut World, id: DeviceId, kind: u16) {
    let netns = world[id].netns;
    if of_port(world, id).is_some() && world.listens(netns, RTNLGRP_LINK) {
        announce(world, id, kind);
    }
}

/// The same of the bridge itself.
pub(super) fn announce_bridge(world: &mut World, id: DeviceId, kind: u16) {
    if world.listens(world[id].netns, RTNLGRP_LINK) {
        announce(world, id, kind);
    }
}

fn announce(world: &mut World, id: DeviceId, kind: u16) {
    let mut out = Builder::new();
    let header = Header { kind, flags: 0, seq: 0, pid: 0 };
    link(world, id, header, RTEXT_FILTER_BRVLAN_COMPRESSED, &mut out);
    world.publish(world[id].netns, RTNLGRP_LINK, &out.bytes);
}

/// Writes a port, or a bridge if VLANs are asked for, in the bridges' own form (`br_getlink`).
pub(crate) fn link(world: &World, id: DeviceId, header: Header, mask: u32, out: &mut Builder) {
    let (device, own) = (&world[id], of_port(world, id));
    if own.is_none() && mask & VLANS == 0 {
        return;
    }
    let kind = header.kind;
    let start = out.start(header);
    let (hardware, ifindex, flags) = (device.hardware_type, device.ifindex, device.shown_flags());
    Ifinfo { family: AF_BRIDGE, kind: hardware, ifindex: ifindex as i32, flags, change: 0 }.encode(out);
    out.string(IFLA_IFNAME, device.name.bytes());
    let master = own.and_then(|port| world.get(port.bridge)).unwrap_or(device);
    out.u32(IFLA_MASTER, master.ifindex);
    out.u32(IFLA_MTU, device.mtu);
    let operstate = if device.is_up() { device.operstate } else { Operstate::Down };
    out.u8(IFLA_OPERSTATE, operstate as u8);
    out.put(IFLA_ADDRESS, &device.address);
    let iflink = world.iflink(id);
    if iflink != ifindex {
        out.u32(IFLA_LINK, iflink);
    }
    if kind == RTM_NEWLINK && own.is_some() {
        let nest = out.nest(IFLA_PROTINFO | NESTED);
        port(world, id, out);
        out.end(nest);
    }
    if mask & VLANS != 0 {
        let nest = out.nest(IFLA_AF_SPEC);
        members(vlans::of_device(world, id), mask & RTEXT_FILTER_BRVLAN_COMPRESSED != 0, out);
        vlan_tunnels::fill(world, id, out);
        out.end(nest);
    }
    out.finish(start);
}

/// Writes VLANs, those that follow each other with the same flags as ranges if asked to.
fn members(members: Option<&vlans::Members>, as_ranges: bool, out: &mut Builder) {
    let Some(members) = members else { return };
    let mut all = members.list.keys().map(|vid| (*vid, members.flags(*vid))).peekable();
    while let Some((first, flags)) = all.next() {
        let mut last = first;
        while as_ranges && all.peek() == Some(&(last + 1, flags)) {
            last += 1;
            all.next();
        }
        if first == last {
            VlanInfo { flags, vid: first }.encode(IFLA_BRIDGE_VLAN_INFO, out);
        } else {
            let begin = flags | BRIDGE_VLAN_INFO_RANGE_BEGIN;
            VlanInfo { flags: begin, vid: first }.encode(IFLA_BRIDGE_VLAN_INFO, out);
            let end = flags | BRIDGE_VLAN_INFO_RANGE_END;
            VlanInfo { flags: end, vid: last }.encode(IFLA_BRIDGE_VLAN_INFO, out);
        }
    }
}

/// Writes what the bridge counted of a bridge, or of one of its ports (`br_fill_linkxstats`). VLANs are told with
/// counters of zero.
pub(crate) fn statistics(world: &World, id: DeviceId, out: &mut Builder) {
    let own = of_port(world, id);
    let Some(members) = vlans::of_device(world, id) else { return };
    let nest = out.nest(LINK_XSTATS_TYPE_BRIDGE);
    for vid in members.list.keys() {
        let kind = if own.is_none() { BRIDGE_VLAN_INFO_MASTER | BRIDGE_VLAN_INFO_BRENTRY } else { 0 };
        VlanStats { vid: *vid, flags: members.flags(*vid) | kind, ..VlanStats::default() }
            .encode(BRIDGE_XSTATS_VLAN, out);
    }
    let counters = match own {
        Some(port) => &port.multicast.counters.0,
        None => &of(world, id).snooping.counters.0,
    };
    let bytes: Vec<u8> = counters.iter().flat_map(|number| number.to_ne_bytes()).collect();
    out.put(BRIDGE_XSTATS_MCAST, &bytes);
    if let Some(c) = own.map(|port| port.stp_counters) {
        let numbers = [c.blocked, c.forwarded, c.rx_bpdu, c.tx_bpdu, c.rx_tcn, c.tx_tcn];
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
        out.put(BRIDGE_XSTATS_STP, &bytes);
    }
    out.end(nest);
}
