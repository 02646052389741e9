//! `bridge`: a learning switch with spanning tree, tags and multicast snooping (`net/bridge/br_netlink.c`; iproute2
//! `iplink_bridge.c`).
//!
//! Nearly all is rows. Not tabular: two options are bits of one attribute `{values: u32, mask: u32}`, gathered over
//! the line and written once; identifiers of bridges have a form of their own. iproute2 6.1.0 shows the bridge's own
//! identifier in the place of the root's (and dies if it is not there), and does not show who queries (`IFLA_BR_MCAST_QUERIER_STATE`).

use super::Kind;
use crate::attr::Builder;
use crate::client::Links;
use crate::show::{Scene, Show};
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{Stop, Value, Word, Words, number};
use crate::{ethertype, lladdr};
use std::fmt::Write;

/// How long a port listens and learns, in hundredths of a second.
pub const IFLA_BR_FORWARD_DELAY: u16 = 1;
/// Between two hellos of the root, in hundredths of a second.
pub const IFLA_BR_HELLO_TIME: u16 = 2;
/// How long what a hello said stays true, in hundredths of a second.
pub const IFLA_BR_MAX_AGE: u16 = 3;
/// How long an idle learned address stays, in hundredths of a second.
pub const IFLA_BR_AGEING_TIME: u16 = 4;
/// 0: no spanning tree, 1: the kernel's, 2: a user's program.
pub const IFLA_BR_STP_STATE: u16 = 5;
/// The upper half of the bridge's identifier.
pub const IFLA_BR_PRIORITY: u16 = 6;
/// Whether ports filter by tag.
pub const IFLA_BR_VLAN_FILTERING: u16 = 7;
/// The tag's protocol in network order: 0x8100 or 0x88a8.
pub const IFLA_BR_VLAN_PROTOCOL: u16 = 8;
/// Which link-local groups 01:80:c2:00:00:0X are forwarded.
pub const IFLA_BR_GROUP_FWD_MASK: u16 = 9;
/// `struct ifla_bridge_id` of the root.
pub const IFLA_BR_ROOT_ID: u16 = 10;
/// `struct ifla_bridge_id` of this bridge.
pub const IFLA_BR_BRIDGE_ID: u16 = 11;
/// The number of the port towards the root; 0 on the root.
pub const IFLA_BR_ROOT_PORT: u16 = 12;
/// The path's cost to the root.
pub const IFLA_BR_ROOT_PATH_COST: u16 = 13;
/// Whether the root says that the topology changes.
pub const IFLA_BR_TOPOLOGY_CHANGE: u16 = 14;
/// Whether this bridge saw a change.
pub const IFLA_BR_TOPOLOGY_CHANGE_DETECTED: u16 = 15;
/// Until the next hello, in hundredths of a second.
pub const IFLA_BR_HELLO_TIMER: u16 = 16;
/// Until the next notice of a change, in hundredths of a second.
pub const IFLA_BR_TCN_TIMER: u16 = 17;
/// Until the change is over, in hundredths of a second.
pub const IFLA_BR_TOPOLOGY_CHANGE_TIMER: u16 = 18;
/// Until old addresses are next looked for, in hundredths of a second.
pub const IFLA_BR_GC_TIMER: u16 = 19;
/// The address to which hellos go.
pub const IFLA_BR_GROUP_ADDR: u16 = 20;
/// Forget what was learned.
pub const IFLA_BR_FDB_FLUSH: u16 = 21;
/// 0: no router, 1: found out, 2: always.
pub const IFLA_BR_MCAST_ROUTER: u16 = 22;
/// Whether multicast goes only where it was asked for.
pub const IFLA_BR_MCAST_SNOOPING: u16 = 23;
/// Whether queries bear the bridge's own address.
pub const IFLA_BR_MCAST_QUERY_USE_IFADDR: u16 = 24;
/// Whether the bridge asks who wants what.
pub const IFLA_BR_MCAST_QUERIER: u16 = 25;
/// No longer used; always shown as 16.
pub const IFLA_BR_MCAST_HASH_ELASTICITY: u16 = 26;
/// The most groups.
pub const IFLA_BR_MCAST_HASH_MAX: u16 = 27;
/// Queries before a group that was left is dropped.
pub const IFLA_BR_MCAST_LAST_MEMBER_CNT: u16 = 28;
/// Queries at the start.
pub const IFLA_BR_MCAST_STARTUP_QUERY_CNT: u16 = 29;
/// Between those for a group that was left, in hundredths of a second.
pub const IFLA_BR_MCAST_LAST_MEMBER_INTVL: u16 = 30;
/// How long a report lasts, in hundredths of a second.
pub const IFLA_BR_MCAST_MEMBERSHIP_INTVL: u16 = 31;
/// When another querier counts as gone, in hundredths of a second.
pub const IFLA_BR_MCAST_QUERIER_INTVL: u16 = 32;
/// Between two queries, in hundredths of a second.
pub const IFLA_BR_MCAST_QUERY_INTVL: u16 = 33;
/// Within which hosts answer, in hundredths of a second.
pub const IFLA_BR_MCAST_QUERY_RESPONSE_INTVL: u16 = 34;
/// Between those at the start, in hundredths of a second.
pub const IFLA_BR_MCAST_STARTUP_QUERY_INTVL: u16 = 35;
/// Whether IPv4 frames pass iptables.
pub const IFLA_BR_NF_CALL_IPTABLES: u16 = 36;
/// Whether IPv6 frames pass ip6tables.
pub const IFLA_BR_NF_CALL_IP6TABLES: u16 = 37;
/// Whether ARP frames pass arptables.
pub const IFLA_BR_NF_CALL_ARPTABLES: u16 = 38;
/// The identifier that new ports give untagged frames; 0 for none.
pub const IFLA_BR_VLAN_DEFAULT_PVID: u16 = 39;
/// Nothing: aligns what is 64 bits wide.
pub const IFLA_BR_PAD: u16 = 40;
/// Whether frames are counted per identifier.
pub const IFLA_BR_VLAN_STATS_ENABLED: u16 = 41;
/// Whether multicast messages are counted.
pub const IFLA_BR_MCAST_STATS_ENABLED: u16 = 42;
/// 2 or 3.
pub const IFLA_BR_MCAST_IGMP_VERSION: u16 = 43;
/// 1 or 2.
pub const IFLA_BR_MCAST_MLD_VERSION: u16 = 44;
/// Whether that count is also per port.
pub const IFLA_BR_VLAN_STATS_PER_PORT: u16 = 45;
/// `struct br_boolopt_multi`: values and mask, a bit an option.
pub const IFLA_BR_MULTI_BOOLOPT: u16 = 46;
/// Who asks now: a nest of `BRIDGE_QUERIER_*`.
pub const IFLA_BR_MCAST_QUERIER_STATE: u16 = 47;

/// The IPv4 querier's address.
pub const BRIDGE_QUERIER_IP_ADDRESS: u16 = 1;
/// The index of the port behind which it is.
pub const BRIDGE_QUERIER_IP_PORT: u16 = 2;
/// Until it counts as gone, in hundredths of a second.
pub const BRIDGE_QUERIER_IP_OTHER_TIMER: u16 = 3;
/// Nothing: aligns what is 64 bits wide.
pub const BRIDGE_QUERIER_PAD: u16 = 4;
/// The IPv6 querier's address.
pub const BRIDGE_QUERIER_IPV6_ADDRESS: u16 = 5;
/// The index of the port behind which it is.
pub const BRIDGE_QUERIER_IPV6_PORT: u16 = 6;
/// Until it counts as gone, in hundredths of a second.
pub const BRIDGE_QUERIER_IPV6_OTHER_TIMER: u16 = 7;

/// Bit in `IFLA_BR_MULTI_BOOLOPT`: link-local frames teach nothing.
pub const BR_BOOLOPT_NO_LL_LEARN: u32 = 0;
/// Bit in `IFLA_BR_MULTI_BOOLOPT`: snooping per tag.
pub const BR_BOOLOPT_MCAST_VLAN_SNOOPING: u32 = 1;
/// Bit in `IFLA_BR_MULTI_BOOLOPT`: spanning trees per group of tags.
pub const BR_BOOLOPT_MST_ENABLE: u32 = 2;

/// The options that are bits of `IFLA_BR_MULTI_BOOLOPT` and that the tool knows, in the order in which they are
/// shown. Only the whole word is taken.
const OPTIONS: &[(&str, u32)] = &[
    ("no_linklocal_learn", 1 << BR_BOOLOPT_NO_LL_LEARN),
    ("mcast_vlan_snooping", 1 << BR_BOOLOPT_MCAST_VLAN_SNOOPING),
];

static TABLE: Table = Table::new(
    "IFLA_BR",
    &[
        Row::new(IFLA_BR_FORWARD_DELAY, "IFLA_BR_FORWARD_DELAY", Wire::U32)
            .word(Word::prefix(&["forward_delay"], Value::Number(0, "invalid forward_delay")))
            .show("forward_delay", Show::Uint("forward_delay ")),
        Row::new(IFLA_BR_HELLO_TIME, "IFLA_BR_HELLO_TIME", Wire::U32)
            .word(Word::prefix(&["hello_time"], Value::Number(0, "invalid hello_time")))
            .show("hello_time", Show::Uint("hello_time ")),
        Row::new(IFLA_BR_MAX_AGE, "IFLA_BR_MAX_AGE", Wire::U32)
            .word(Word::prefix(&["max_age"], Value::Number(0, "invalid max_age")))
            .show("max_age", Show::Uint("max_age ")),
        Row::new(IFLA_BR_AGEING_TIME, "IFLA_BR_AGEING_TIME", Wire::U32)
            .word(Word::prefix(&["ageing_time"], Value::Number(0, "invalid ageing_time")))
            .show("ageing_time", Show::Uint("ageing_time ")),
        Row::new(IFLA_BR_STP_STATE, "IFLA_BR_STP_STATE", Wire::U32)
            .word(Word::prefix(&["stp_state"], Value::Number(0, "invalid stp_state")))
            .show("stp_state", Show::Uint("stp_state ")),
        Row::new(IFLA_BR_PRIORITY, "IFLA_BR_PRIORITY", Wire::U16)
            .word(Word::prefix(&["priority"], Value::Number(0, "invalid priority")))
            .show("priority", Show::Uint("priority ")),
        Row::new(IFLA_BR_VLAN_FILTERING, "IFLA_BR_VLAN_FILTERING", Wire::U8)
            .word(Word::prefix(&["vlan_filtering"], Value::Number(0, "invalid vlan_filtering")))
            .show("vlan_filtering", Show::Uint("vlan_filtering ")),
        Row::new(IFLA_BR_VLAN_PROTOCOL, "IFLA_BR_VLAN_PROTOCOL", Wire::U16Be)
            .word(Word::prefix(&["vlan_protocol"], Value::Hook(parse_protocol)))
            .show("vlan_protocol", Show::Hook(show_protocol)),
        Row::new(IFLA_BR_BRIDGE_ID, "IFLA_BR_BRIDGE_ID", Wire::Bytes(8))
            .reply()
            .show("bridge_id", Show::Hook(show_bridge_id)),
        Row::new(IFLA_BR_ROOT_ID, "IFLA_BR_ROOT_ID", Wire::Bytes(8))
            .reply()
            .show("root_id", Show::Hook(show_root_id)),
        Row::new(IFLA_BR_ROOT_PORT, "IFLA_BR_ROOT_PORT", Wire::U16)
            .reply()
            .show("root_port", Show::Uint("root_port ")),
        Row::new(IFLA_BR_ROOT_PATH_COST, "IFLA_BR_ROOT_PATH_COST", Wire::U32)
            .reply()
            .show("root_path_cost", Show::Uint("root_path_cost ")),
        Row::new(IFLA_BR_TOPOLOGY_CHANGE, "IFLA_BR_TOPOLOGY_CHANGE", Wire::U8)
            .reply()
            .show("topology_change", Show::Uint("topology_change ")),
        Row::new(IFLA_BR_TOPOLOGY_CHANGE_DETECTED, "IFLA_BR_TOPOLOGY_CHANGE_DETECTED", Wire::U8)
            .reply()
            .show("topology_change_detected", Show::Uint("topology_change_detected ")),
        Row::new(IFLA_BR_HELLO_TIMER, "IFLA_BR_HELLO_TIMER", Wire::U64)
            .reply()
            .show("hello_timer", Show::Hundredths("hello_timer ")),
        Row::new(IFLA_BR_TCN_TIMER, "IFLA_BR_TCN_TIMER", Wire::U64)
            .reply()
            .show("tcn_timer", Show::Hundredths("tcn_timer ")),
        Row::new(IFLA_BR_TOPOLOGY_CHANGE_TIMER, "IFLA_BR_TOPOLOGY_CHANGE_TIMER", Wire::U64)
            .reply()
            .show("topology_change_timer", Show::Hundredths("topology_change_timer ")),
        Row::new(IFLA_BR_GC_TIMER, "IFLA_BR_GC_TIMER", Wire::U64)
            .reply()
            .show("gc_timer", Show::Hundredths("gc_timer ")),
        Row::new(IFLA_BR_VLAN_DEFAULT_PVID, "IFLA_BR_VLAN_DEFAULT_PVID", Wire::U16)
            .word(Word::prefix(&["vlan_default_pvid"], Value::Number(0, "invalid vlan_default_pvid")))
            .show("vlan_default_pvid", Show::Uint("vlan_default_pvid ")),
        Row::new(IFLA_BR_VLAN_STATS_ENABLED, "IFLA_BR_VLAN_STATS_ENABLED", Wire::U8)
            .word(Word::prefix(&["vlan_stats_enabled"], Value::Number(0, "invalid vlan_stats_enabled")))
            .show("vlan_stats_enabled", Show::Uint("vlan_stats_enabled ")),
        Row::new(IFLA_BR_VLAN_STATS_PER_PORT, "IFLA_BR_VLAN_STATS_PER_PORT", Wire::U8)
            .word(Word::prefix(&["vlan_stats_per_port"], Value::Number(0, "invalid vlan_stats_per_port")))
            .show("vlan_stats_per_port", Show::Uint("vlan_stats_per_port ")),
        Row::new(IFLA_BR_GROUP_FWD_MASK, "IFLA_BR_GROUP_FWD_MASK", Wire::U16)
            .word(Word::prefix(&["group_fwd_mask"], Value::Number(0, "invalid group_fwd_mask")))
            .show("group_fwd_mask", Show::Hex0x("group_fwd_mask ")),
        Row::new(IFLA_BR_GROUP_ADDR, "IFLA_BR_GROUP_ADDR", Wire::Bytes(6))
            .word(Word::prefix(&["group_address"], Value::Hook(parse_group_address)))
            .show("group_addr", Show::Mac("group_address ")),
        Row::new(IFLA_BR_MCAST_SNOOPING, "IFLA_BR_MCAST_SNOOPING", Wire::U8)
            .word(Word::prefix(&["mcast_snooping"], Value::Number(0, "invalid mcast_snooping")))
            .show("mcast_snooping", Show::Uint("mcast_snooping ")),
        // Two whole words write and show this one, see `parse` and `show_options`.
        Row::new(IFLA_BR_MULTI_BOOLOPT, "IFLA_BR_MULTI_BOOLOPT", Wire::Exact(8))
            .show("no_linklocal_learn", Show::Hook(show_options)),
        Row::new(IFLA_BR_MCAST_ROUTER, "IFLA_BR_MCAST_ROUTER", Wire::U8)
            .word(Word::prefix(&["mcast_router"], Value::Number(0, "invalid mcast_router")))
            .show("mcast_router", Show::Uint("mcast_router ")),
        Row::new(IFLA_BR_MCAST_QUERY_USE_IFADDR, "IFLA_BR_MCAST_QUERY_USE_IFADDR", Wire::U8)
            .word(Word::prefix(
                &["mcast_query_use_ifaddr"],
                Value::Number(0, "invalid mcast_query_use_ifaddr"),
            ))
            .show("mcast_query_use_ifaddr", Show::Uint("mcast_query_use_ifaddr ")),
        Row::new(IFLA_BR_MCAST_QUERIER, "IFLA_BR_MCAST_QUERIER", Wire::U8)
            .word(Word::prefix(&["mcast_querier"], Value::Number(0, "invalid mcast_querier")))
            .show("mcast_querier", Show::Uint("mcast_querier ")),
        Row::new(IFLA_BR_MCAST_HASH_ELASTICITY, "IFLA_BR_MCAST_HASH_ELASTICITY", Wire::U32)
            .word(Word::prefix(&["mcast_hash_elasticity"], Value::Number(0, "invalid mcast_hash_elasticity")))
            .show("mcast_hash_elasticity", Show::Uint("mcast_hash_elasticity ")),
        Row::new(IFLA_BR_MCAST_HASH_MAX, "IFLA_BR_MCAST_HASH_MAX", Wire::U32)
            .word(Word::prefix(&["mcast_hash_max"], Value::Number(0, "invalid mcast_hash_max")))
            .show("mcast_hash_max", Show::Uint("mcast_hash_max ")),
        Row::new(IFLA_BR_MCAST_LAST_MEMBER_CNT, "IFLA_BR_MCAST_LAST_MEMBER_CNT", Wire::U32)
            .word(Word::prefix(
                &["mcast_last_member_count"],
                Value::Number(0, "invalid mcast_last_member_count"),
            ))
            .show("mcast_last_member_cnt", Show::Uint("mcast_last_member_count ")),
        Row::new(IFLA_BR_MCAST_STARTUP_QUERY_CNT, "IFLA_BR_MCAST_STARTUP_QUERY_CNT", Wire::U32)
            .word(Word::prefix(
                &["mcast_startup_query_count"],
                Value::Number(0, "invalid mcast_startup_query_count"),
            ))
            .show("mcast_startup_query_cnt", Show::Uint("mcast_startup_query_count ")),
        Row::new(IFLA_BR_MCAST_LAST_MEMBER_INTVL, "IFLA_BR_MCAST_LAST_MEMBER_INTVL", Wire::U64)
            .word(Word::prefix(
                &["mcast_last_member_interval"],
                Value::Number(0, "invalid mcast_last_member_interval"),
            ))
            .show("mcast_last_member_intvl", Show::Uint("mcast_last_member_interval ")),
        Row::new(IFLA_BR_MCAST_MEMBERSHIP_INTVL, "IFLA_BR_MCAST_MEMBERSHIP_INTVL", Wire::U64)
            .word(Word::prefix(
                &["mcast_membership_interval"],
                Value::Number(0, "invalid mcast_membership_interval"),
            ))
            .show("mcast_membership_intvl", Show::Uint("mcast_membership_interval ")),
        Row::new(IFLA_BR_MCAST_QUERIER_INTVL, "IFLA_BR_MCAST_QUERIER_INTVL", Wire::U64)
            .word(Word::prefix(
                &["mcast_querier_interval"],
                Value::Number(0, "invalid mcast_querier_interval"),
            ))
            .show("mcast_querier_intvl", Show::Uint("mcast_querier_interval ")),
        Row::new(IFLA_BR_MCAST_QUERY_INTVL, "IFLA_BR_MCAST_QUERY_INTVL", Wire::U64)
            .word(Word::prefix(&["mcast_query_interval"], Value::Number(0, "invalid mcast_query_interval")))
            .show("mcast_query_intvl", Show::Uint("mcast_query_interval ")),
        Row::new(IFLA_BR_MCAST_QUERY_RESPONSE_INTVL, "IFLA_BR_MCAST_QUERY_RESPONSE_INTVL", Wire::U64)
            .word(Word::prefix(
                &["mcast_query_response_interval"],
                Value::Number(0, "invalid mcast_query_response_interval"),
            ))
            .show("mcast_query_response_intvl", Show::Uint("mcast_query_response_interval ")),
        Row::new(IFLA_BR_MCAST_STARTUP_QUERY_INTVL, "IFLA_BR_MCAST_STARTUP_QUERY_INTVL", Wire::U64)
            .word(Word::prefix(
                &["mcast_startup_query_interval"],
                Value::Number(0, "invalid mcast_startup_query_interval"),
            ))
            .show("mcast_startup_query_intvl", Show::Uint("mcast_startup_query_interval ")),
        Row::new(IFLA_BR_MCAST_STATS_ENABLED, "IFLA_BR_MCAST_STATS_ENABLED", Wire::U8)
            .word(Word::prefix(&["mcast_stats_enabled"], Value::Number(0, "invalid mcast_stats_enabled")))
            .show("mcast_stats_enabled", Show::Uint("mcast_stats_enabled ")),
        Row::new(IFLA_BR_MCAST_IGMP_VERSION, "IFLA_BR_MCAST_IGMP_VERSION", Wire::U8)
            .word(Word::prefix(&["mcast_igmp_version"], Value::Number(0, "invalid mcast_igmp_version")))
            .show("mcast_igmp_version", Show::Uint("mcast_igmp_version ")),
        Row::new(IFLA_BR_MCAST_MLD_VERSION, "IFLA_BR_MCAST_MLD_VERSION", Wire::U8)
            .word(Word::prefix(&["mcast_mld_version"], Value::Number(0, "invalid mcast_mld_version")))
            .show("mcast_mld_version", Show::Uint("mcast_mld_version ")),
        Row::new(IFLA_BR_NF_CALL_IPTABLES, "IFLA_BR_NF_CALL_IPTABLES", Wire::U8)
            .word(Word::prefix(&["nf_call_iptables"], Value::Number(0, "invalid nf_call_iptables")))
            .show("nf_call_iptables", Show::Uint("nf_call_iptables ")),
        Row::new(IFLA_BR_NF_CALL_IP6TABLES, "IFLA_BR_NF_CALL_IP6TABLES", Wire::U8)
            .word(Word::prefix(&["nf_call_ip6tables"], Value::Number(0, "invalid nf_call_ip6tables")))
            .show("nf_call_ip6tables", Show::Uint("nf_call_ip6tables ")),
        Row::new(IFLA_BR_NF_CALL_ARPTABLES, "IFLA_BR_NF_CALL_ARPTABLES", Wire::U8)
            .word(Word::prefix(&["nf_call_arptables"], Value::Number(0, "invalid nf_call_arptables")))
            .show("nf_call_arptables", Show::Uint("nf_call_arptables ")),
        Row::new(IFLA_BR_FDB_FLUSH, "IFLA_BR_FDB_FLUSH", Wire::Bytes(u16::MAX))
            .word(Word::prefix(&["fdb_flush"], Value::Hook(write_flush))),
        Row::new(IFLA_BR_MCAST_QUERIER_STATE, "IFLA_BR_MCAST_QUERIER_STATE", Wire::Nest).reply(),
    ],
)
.first(&["max_age", "mcast_router"]);

/// The type.
pub static KIND: Kind = Kind {
    name: "bridge",
    table: &TABLE,
    parse: Some(parse),
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: Some(HELP),
    port: false,
};

const HELP: &str = "\
Usage: ... bridge [ fdb_flush ]
\t\t  [ forward_delay FORWARD_DELAY ]
\t\t  [ hello_time HELLO_TIME ]
\t\t  [ max_age MAX_AGE ]
\t\t  [ ageing_time AGEING_TIME ]
\t\t  [ stp_state STP_STATE ]
\t\t  [ priority PRIORITY ]
\t\t  [ group_fwd_mask MASK ]
\t\t  [ group_address ADDRESS ]
\t\t  [ no_linklocal_learn NO_LINKLOCAL_LEARN ]
\t\t  [ vlan_filtering VLAN_FILTERING ]
\t\t  [ vlan_protocol VLAN_PROTOCOL ]
\t\t  [ vlan_default_pvid VLAN_DEFAULT_PVID ]
\t\t  [ vlan_stats_enabled VLAN_STATS_ENABLED ]
\t\t  [ vlan_stats_per_port VLAN_STATS_PER_PORT ]
\t\t  [ mcast_snooping MULTICAST_SNOOPING ]
\t\t  [ mcast_vlan_snooping MULTICAST_VLAN_SNOOPING ]
\t\t  [ mcast_router MULTICAST_ROUTER ]
\t\t  [ mcast_query_use_ifaddr MCAST_QUERY_USE_IFADDR ]
\t\t  [ mcast_querier MULTICAST_QUERIER ]
\t\t  [ mcast_hash_elasticity HASH_ELASTICITY ]
\t\t  [ mcast_hash_max HASH_MAX ]
\t\t  [ mcast_last_member_count LAST_MEMBER_COUNT ]
\t\t  [ mcast_startup_query_count STARTUP_QUERY_COUNT ]
\t\t  [ mcast_last_member_interval LAST_MEMBER_INTERVAL ]
\t\t  [ mcast_membership_interval MEMBERSHIP_INTERVAL ]
\t\t  [ mcast_querier_interval QUERIER_INTERVAL ]
\t\t  [ mcast_query_interval QUERY_INTERVAL ]
\t\t  [ mcast_query_response_interval QUERY_RESPONSE_INTERVAL ]
\t\t  [ mcast_startup_query_interval STARTUP_QUERY_INTERVAL ]
\t\t  [ mcast_stats_enabled MCAST_STATS_ENABLED ]
\t\t  [ mcast_igmp_version IGMP_VERSION ]
\t\t  [ mcast_mld_version MLD_VERSION ]
\t\t  [ nf_call_iptables NF_CALL_IPTABLES ]
\t\t  [ nf_call_ip6tables NF_CALL_IP6TABLES ]
\t\t  [ nf_call_arptables NF_CALL_ARPTABLES ]

Where: VLAN_PROTOCOL := { 802.1Q | 802.1ad }
";

fn parse(words: &mut Words<'_>, out: &mut Builder, links: &mut dyn Links) -> Result<(), Stop> {
    let (mut values, mut mask) = (0u32, 0u32);
    while let Some(typed) = words.peek() {
        if let Some((word, bit)) = OPTIONS.iter().find(|(word, _)| *word == typed) {
            words.take();
            let text = words.value()?;
            let value =
                number(text, 0, 255).ok_or_else(|| Stop::invalid(&format!("invalid {word}"), text))?;
            mask |= bit;
            values = if value != 0 { values | bit } else { values & !bit };
        } else if !TABLE.parse_word(words, out, links)? {
            return Err(KIND.not_a_word(typed));
        }
    }
    if mask != 0 {
        out.u32_pair(IFLA_BR_MULTI_BOOLOPT, values, mask);
    }
    Ok(())
}

fn write_flush(_: &mut Words<'_>, out: &mut Builder, _: &mut dyn Links) -> Result<(), Stop> {
    out.put(IFLA_BR_FDB_FLUSH, &[]);
    Ok(())
}

fn parse_protocol(words: &mut Words<'_>, out: &mut Builder, _: &mut dyn Links) -> Result<(), Stop> {
    let text = words.value()?;
    let protocol = ethertype::parse(text).ok_or_else(|| Stop::invalid("invalid vlan_protocol", text))?;
    out.u16_be(IFLA_BR_VLAN_PROTOCOL, protocol);
    Ok(())
}

fn parse_group_address(words: &mut Words<'_>, out: &mut Builder, _: &mut dyn Links) -> Result<(), Stop> {
    out.put(IFLA_BR_GROUP_ADDR, &lladdr::parse(words.value()?)?);
    Ok(())
}

fn show_protocol(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let name = ethertype::name(tb.u16_be(IFLA_BR_VLAN_PROTOCOL).unwrap_or(0), scene.sink.format.numeric);
    scene.sink.string("vlan_protocol", "vlan_protocol ", &name, " ");
}

fn show_bridge_id(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let Some(id) = tb.get(IFLA_BR_BRIDGE_ID) else { return };
    scene.sink.string("bridge_id", "bridge_id ", &bridge_id_text(id.first()), " ");
}

/// Shows the bridge's own identifier, as the tool does, although the root's is at hand.
fn show_root_id(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let Some(id) = tb.get(IFLA_BR_BRIDGE_ID) else { return };
    scene.sink.string("root_id", "designated_root ", &bridge_id_text(id.first()), " ");
}

/// A bridge's identifier: priority, a dot, and the address without leading zeroes.
pub fn bridge_id_text(id: [u8; 8]) -> String {
    let mut text = format!("{:02x}{:02x}", id[0], id[1]);
    for (i, byte) in id[2..].iter().enumerate() {
        let _ = write!(text, "{}{byte:x}", if i == 0 { '.' } else { ':' });
    }
    text
}

fn show_options(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let Some(attr) = tb.get(IFLA_BR_MULTI_BOOLOPT).filter(|attr| attr.payload.len() >= 8) else { return };
    let (values, mask) = attr.u32_pair();
    for (word, bit) in OPTIONS.iter().filter(|(_, bit)| mask & bit != 0) {
        scene.sink.uint(word, &format!("{word} "), u64::from(values & bit != 0), " ");
    }
}
