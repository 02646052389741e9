//! `bond`: several links as one (`drivers/net/bonding/bond_netlink.c`; iproute2 `iplink_bond.c`).
//!
//! Nearly all is rows. A value that has names is typed as a name or as its place in the list ([`Names`]); lists of
//! addresses are nests whose members are numbered from 0.

use super::Kind;
use crate::attr::Builder;
use crate::client::Links;
use crate::family::{AF_INET, AF_INET6};
use crate::show::{Scene, Show};
use crate::sink::mac_text;
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{Stop, Value, Word, Words, integer};
use crate::{lladdr, prefix};

/// What the bond is for, `BOND_MODE_*`.
pub const IFLA_BOND_MODE: u16 = 1;
/// The index of the slave in use; 0 to let the bond choose again.
pub const IFLA_BOND_ACTIVE_SLAVE: u16 = 2;
/// Between two looks at the carriers, in milliseconds; 0: never.
pub const IFLA_BOND_MIIMON: u16 = 3;
/// How long a carrier must be back before the slave is used, in milliseconds.
pub const IFLA_BOND_UPDELAY: u16 = 4;
/// How long a carrier must be gone before the slave is given up, in milliseconds.
pub const IFLA_BOND_DOWNDELAY: u16 = 5;
/// Whether the carrier is asked for; else the driver.
pub const IFLA_BOND_USE_CARRIER: u16 = 6;
/// Between two questions to the targets, in milliseconds; 0: never.
pub const IFLA_BOND_ARP_INTERVAL: u16 = 7;
/// The IPv4 addresses that are asked.
pub const IFLA_BOND_ARP_IP_TARGET: u16 = 8;
/// Which slaves' answers are looked at.
pub const IFLA_BOND_ARP_VALIDATE: u16 = 9;
/// 0: one target must answer, 1: all.
pub const IFLA_BOND_ARP_ALL_TARGETS: u16 = 10;
/// The index of the slave that is used whenever it can be.
pub const IFLA_BOND_PRIMARY: u16 = 11;
/// When the primary takes over again.
pub const IFLA_BOND_PRIMARY_RESELECT: u16 = 12;
/// Whose address the slaves have.
pub const IFLA_BOND_FAIL_OVER_MAC: u16 = 13;
/// What decides which slave sends a frame.
pub const IFLA_BOND_XMIT_HASH_POLICY: u16 = 14;
/// How often memberships of groups are reported after a change.
pub const IFLA_BOND_RESEND_IGMP: u16 = 15;
/// How often neighbours are told of a change.
pub const IFLA_BOND_NUM_PEER_NOTIF: u16 = 16;
/// Whether slaves that are not in use receive.
pub const IFLA_BOND_ALL_SLAVES_ACTIVE: u16 = 17;
/// Slaves that must be usable before the bond has a carrier.
pub const IFLA_BOND_MIN_LINKS: u16 = 18;
/// Between two frames from which switches learn, in seconds.
pub const IFLA_BOND_LP_INTERVAL: u16 = 19;
/// Frames in a row that go through one slave.
pub const IFLA_BOND_PACKETS_PER_SLAVE: u16 = 20;
/// How often the partner is to speak: 0 every 30 s, 1 every second.
pub const IFLA_BOND_AD_LACP_RATE: u16 = 21;
/// What makes one aggregator better than another.
pub const IFLA_BOND_AD_SELECT: u16 = 22;
/// What is known of the aggregator in use.
pub const IFLA_BOND_AD_INFO: u16 = 23;
/// The upper part of the system's identifier.
pub const IFLA_BOND_AD_ACTOR_SYS_PRIO: u16 = 24;
/// The upper ten bits of the ports' key.
pub const IFLA_BOND_AD_USER_PORT_KEY: u16 = 25;
/// The lower part of the system's identifier; zero: the bond's address.
pub const IFLA_BOND_AD_ACTOR_SYSTEM: u16 = 26;
/// Whether load decides which slave sends.
pub const IFLA_BOND_TLB_DYNAMIC_LB: u16 = 27;
/// Between two notices to neighbours, in milliseconds.
pub const IFLA_BOND_PEER_NOTIF_DELAY: u16 = 28;
/// Whether LACP speaks first.
pub const IFLA_BOND_AD_LACP_ACTIVE: u16 = 29;
/// Questions without an answer before a slave is given up.
pub const IFLA_BOND_MISSED_MAX: u16 = 30;
/// The IPv6 addresses that are asked.
pub const IFLA_BOND_NS_IP6_TARGET: u16 = 31;
/// Whether collecting and distributing begin and end together; kernels tell it that are younger than the tool.
pub const IFLA_BOND_COUPLED_CONTROL: u16 = 32;

/// The aggregator's number.
pub const IFLA_BOND_AD_INFO_AGGREGATOR: u16 = 1;
/// How many ports it has.
pub const IFLA_BOND_AD_INFO_NUM_PORTS: u16 = 2;
/// The key of this end.
pub const IFLA_BOND_AD_INFO_ACTOR_KEY: u16 = 3;
/// The key of the other end.
pub const IFLA_BOND_AD_INFO_PARTNER_KEY: u16 = 4;
/// The address of the other end's system.
pub const IFLA_BOND_AD_INFO_PARTNER_MAC: u16 = 5;

/// Frames go out through one slave after the other.
pub const BOND_MODE_ROUNDROBIN: u8 = 0;
/// One slave is used, the others wait.
pub const BOND_MODE_ACTIVEBACKUP: u8 = 1;
/// A hash of the frame chooses the slave.
pub const BOND_MODE_XOR: u8 = 2;
/// Every slave sends every frame.
pub const BOND_MODE_BROADCAST: u8 = 3;
/// IEEE 802.3ad: the other end agrees which links belong together.
pub const BOND_MODE_8023AD: u8 = 4;
/// Load decides which slave sends.
pub const BOND_MODE_TLB: u8 = 5;
/// Load decides which slave sends, and which one peers send to.
pub const BOND_MODE_ALB: u8 = 6;

/// Addresses in a list of targets at most.
pub const TARGETS: usize = 16;

/// The names of a value's numbers, from 0; ended by the list's end.
type Names = &'static [&'static str];

const MODES: Names =
    &["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"];
const ARP_VALIDATE: Names = &["none", "active", "backup", "all", "filter", "filter_active", "filter_backup"];
const ARP_ALL_TARGETS: Names = &["any", "all"];
const PRIMARY_RESELECT: Names = &["always", "better", "failure"];
const FAIL_OVER_MAC: Names = &["none", "active", "follow"];
const XMIT_HASH_POLICY: Names = &["layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"];
const LACP_ACTIVE: Names = &["off", "on"];
const LACP_RATE: Names = &["slow", "fast"];
const AD_SELECT: Names = &["stable", "bandwidth", "count"];

/// A word whose value is a number of the row's type.
const fn counted(words: &'static [&'static str], complaint: &'static str) -> Word {
    Word::prefix(words, Value::Number(0, complaint))
}

/// A word whose value is not tabular.
const fn special(words: &'static [&'static str], hook: crate::words::Hook) -> Word {
    Word::prefix(words, Value::Hook(hook))
}

static TABLE: Table = Table::new(
    "IFLA_BOND",
    &[
        Row::new(IFLA_BOND_MODE, "IFLA_BOND_MODE", Wire::U8)
            .word(special(&["mode"], |words, out, _| {
                named(words, MODES, "invalid mode").map(|value| out.u8(IFLA_BOND_MODE, value))
            }))
            .show("mode", Show::Hook(|scene, tb| show_u8(scene, tb, IFLA_BOND_MODE, "mode", MODES))),
        Row::new(IFLA_BOND_ACTIVE_SLAVE, "IFLA_BOND_ACTIVE_SLAVE", Wire::U32)
            .word(special(&["active_slave"], |words, out, links| {
                slave(words, links).map(|index| out.u32(IFLA_BOND_ACTIVE_SLAVE, index))
            }))
            .show("active_slave", Show::Hook(|scene, tb| show_slave(scene, tb, IFLA_BOND_ACTIVE_SLAVE))),
        Row::new(IFLA_BOND_ACTIVE_SLAVE, "IFLA_BOND_ACTIVE_SLAVE", Wire::U32)
            .word(Word::prefix(&["clear_active_slave"], Value::Set(0))),
        Row::new(IFLA_BOND_MIIMON, "IFLA_BOND_MIIMON", Wire::U32)
            .word(counted(&["miimon"], "invalid miimon"))
            .show("miimon", Show::Uint("miimon ")),
        Row::new(IFLA_BOND_UPDELAY, "IFLA_BOND_UPDELAY", Wire::U32)
            .word(counted(&["updelay"], "invalid updelay"))
            .show("updelay", Show::Uint("updelay ")),
        Row::new(IFLA_BOND_DOWNDELAY, "IFLA_BOND_DOWNDELAY", Wire::U32)
            .word(counted(&["downdelay"], "invalid downdelay"))
            .show("downdelay", Show::Uint("downdelay ")),
        Row::new(IFLA_BOND_PEER_NOTIF_DELAY, "IFLA_BOND_PEER_NOTIF_DELAY", Wire::U32)
            .limits(0, 300_000)
            .word(counted(&["peer_notify_delay"], "invalid peer_notify_delay"))
            .show("peer_notify_delay", Show::Uint("peer_notify_delay ")),
        Row::new(IFLA_BOND_USE_CARRIER, "IFLA_BOND_USE_CARRIER", Wire::U8)
            .word(counted(&["use_carrier"], "invalid use_carrier"))
            .show("use_carrier", Show::Uint("use_carrier ")),
        Row::new(IFLA_BOND_ARP_INTERVAL, "IFLA_BOND_ARP_INTERVAL", Wire::U32)
            .word(counted(&["arp_interval"], "invalid arp_interval"))
            .show("arp_interval", Show::Uint("arp_interval ")),
        Row::new(IFLA_BOND_MISSED_MAX, "IFLA_BOND_MISSED_MAX", Wire::U8)
            .word(Word::whole(&["arp_missed_max"], Value::Number(0, "invalid arp_missed_max")))
            .show("arp_missed_max", Show::Uint("arp_missed_max ")),
        Row::new(IFLA_BOND_ARP_IP_TARGET, "IFLA_BOND_ARP_IP_TARGET", Wire::Nest)
            .word(special(&["arp_ip_target"], parse_ip_targets))
            .show("arp_ip_target", Show::Hook(|scene, tb| show_targets(scene, tb, IFLA_BOND_ARP_IP_TARGET))),
        Row::new(IFLA_BOND_NS_IP6_TARGET, "IFLA_BOND_NS_IP6_TARGET", Wire::Nest)
            .word(Word::whole(&["ns_ip6_target"], Value::Hook(parse_ip6_targets)))
            .show("ns_ip6_target", Show::Hook(|scene, tb| show_targets(scene, tb, IFLA_BOND_NS_IP6_TARGET))),
        Row::new(IFLA_BOND_ARP_VALIDATE, "IFLA_BOND_ARP_VALIDATE", Wire::U32)
            .word(special(&["arp_validate"], |words, out, _| {
                let value = named(words, ARP_VALIDATE, "invalid arp_validate")?;
                out.u32(IFLA_BOND_ARP_VALIDATE, u32::from(value));
                Ok(())
            }))
            .show("arp_validate", Show::Hook(show_arp_validate)),
        Row::new(IFLA_BOND_ARP_ALL_TARGETS, "IFLA_BOND_ARP_ALL_TARGETS", Wire::U32)
            .word(special(&["arp_all_targets"], |words, out, _| {
                let value = named(words, ARP_ALL_TARGETS, "invalid arp_all_targets")?;
                out.u32(IFLA_BOND_ARP_ALL_TARGETS, u32::from(value));
                Ok(())
            }))
            .show("arp_all_targets", Show::Hook(show_arp_all_targets)),
        Row::new(IFLA_BOND_PRIMARY, "IFLA_BOND_PRIMARY", Wire::U32)
            .word(special(&["primary"], |words, out, links| {
                slave(words, links).map(|index| out.u32(IFLA_BOND_PRIMARY, index))
            }))
            .show("primary", Show::Hook(|scene, tb| show_slave(scene, tb, IFLA_BOND_PRIMARY))),
        Row::new(IFLA_BOND_PRIMARY_RESELECT, "IFLA_BOND_PRIMARY_RESELECT", Wire::U8)
            .word(special(&["primary_reselect"], |words, out, _| {
                named(words, PRIMARY_RESELECT, "invalid primary_reselect")
                    .map(|value| out.u8(IFLA_BOND_PRIMARY_RESELECT, value))
            }))
            .show(
                "primary_reselect",
                Show::Hook(|scene, tb| {
                    show_u8(scene, tb, IFLA_BOND_PRIMARY_RESELECT, "primary_reselect", PRIMARY_RESELECT);
                }),
            ),
        Row::new(IFLA_BOND_FAIL_OVER_MAC, "IFLA_BOND_FAIL_OVER_MAC", Wire::U8)
            .word(special(&["fail_over_mac"], |words, out, _| {
                named(words, FAIL_OVER_MAC, "invalid fail_over_mac")
                    .map(|value| out.u8(IFLA_BOND_FAIL_OVER_MAC, value))
            }))
            .show(
                "fail_over_mac",
                Show::Hook(|scene, tb| {
                    show_u8(scene, tb, IFLA_BOND_FAIL_OVER_MAC, "fail_over_mac", FAIL_OVER_MAC);
                }),
            ),
        Row::new(IFLA_BOND_XMIT_HASH_POLICY, "IFLA_BOND_XMIT_HASH_POLICY", Wire::U8)
            .word(special(&["xmit_hash_policy"], |words, out, _| {
                named(words, XMIT_HASH_POLICY, "invalid xmit_hash_policy")
                    .map(|value| out.u8(IFLA_BOND_XMIT_HASH_POLICY, value))
            }))
            .show(
                "xmit_hash_policy",
                Show::Hook(|scene, tb| {
                    show_u8(scene, tb, IFLA_BOND_XMIT_HASH_POLICY, "xmit_hash_policy", XMIT_HASH_POLICY);
                }),
            ),
        Row::new(IFLA_BOND_RESEND_IGMP, "IFLA_BOND_RESEND_IGMP", Wire::U32)
            .word(counted(&["resend_igmp"], "invalid resend_igmp"))
            .show("resend_igmp", Show::Uint("resend_igmp ")),
        Row::new(IFLA_BOND_NUM_PEER_NOTIF, "IFLA_BOND_NUM_PEER_NOTIF", Wire::U8)
            .word(counted(&["num_grat_arp", "num_unsol_na"], "invalid num_grat_arp|num_unsol_na"))
            .show("num_peer_notif", Show::Uint("num_grat_arp ")),
        Row::new(IFLA_BOND_ALL_SLAVES_ACTIVE, "IFLA_BOND_ALL_SLAVES_ACTIVE", Wire::U8)
            .word(counted(&["all_slaves_active"], "invalid all_slaves_active"))
            .show("all_slaves_active", Show::Uint("all_slaves_active ")),
        Row::new(IFLA_BOND_MIN_LINKS, "IFLA_BOND_MIN_LINKS", Wire::U32)
            .word(counted(&["min_links"], "invalid min_links"))
            .show("min_links", Show::Uint("min_links ")),
        Row::new(IFLA_BOND_LP_INTERVAL, "IFLA_BOND_LP_INTERVAL", Wire::U32)
            .word(counted(&["lp_interval"], "invalid lp_interval"))
            .show("lp_interval", Show::Uint("lp_interval ")),
        Row::new(IFLA_BOND_PACKETS_PER_SLAVE, "IFLA_BOND_PACKETS_PER_SLAVE", Wire::U32)
            .word(counted(&["packets_per_slave"], "invalid packets_per_slave"))
            .show("packets_per_slave", Show::Uint("packets_per_slave ")),
        Row::new(IFLA_BOND_AD_LACP_ACTIVE, "IFLA_BOND_AD_LACP_ACTIVE", Wire::U8)
            .word(Word::whole(
                &["lacp_active"],
                Value::Hook(|words, out, _| {
                    named(words, LACP_ACTIVE, "invalid lacp_active")
                        .map(|value| out.u8(IFLA_BOND_AD_LACP_ACTIVE, value))
                }),
            ))
            .show("ad_lacp_active", Show::Hook(show_lacp_active)),
        Row::new(IFLA_BOND_AD_LACP_RATE, "IFLA_BOND_AD_LACP_RATE", Wire::U8)
            .word(special(&["lacp_rate"], |words, out, _| {
                named(words, LACP_RATE, "invalid lacp_rate")
                    .map(|value| out.u8(IFLA_BOND_AD_LACP_RATE, value))
            }))
            .show("ad_lacp_rate", Show::Hook(show_lacp_rate)),
        Row::new(IFLA_BOND_AD_SELECT, "IFLA_BOND_AD_SELECT", Wire::U8)
            .word(special(&["ad_select"], |words, out, _| {
                named(words, AD_SELECT, "invalid ad_select").map(|value| out.u8(IFLA_BOND_AD_SELECT, value))
            }))
            .show(
                "ad_select",
                Show::Hook(|scene, tb| show_u8(scene, tb, IFLA_BOND_AD_SELECT, "ad_select", AD_SELECT)),
            ),
        Row::new(IFLA_BOND_AD_INFO, "IFLA_BOND_AD_INFO", Wire::Nest)
            .show("ad_info", Show::Hook(show_ad_info)),
        Row::new(IFLA_BOND_AD_ACTOR_SYS_PRIO, "IFLA_BOND_AD_ACTOR_SYS_PRIO", Wire::U16)
            .word(counted(&["ad_actor_sys_prio"], "invalid ad_actor_sys_prio"))
            .show("ad_actor_sys_prio", Show::Uint("ad_actor_sys_prio ")),
        Row::new(IFLA_BOND_AD_USER_PORT_KEY, "IFLA_BOND_AD_USER_PORT_KEY", Wire::U16)
            .word(counted(&["ad_user_port_key"], "invalid ad_user_port_key"))
            .show("ad_user_port_key", Show::Uint("ad_user_port_key ")),
        Row::new(IFLA_BOND_AD_ACTOR_SYSTEM, "IFLA_BOND_AD_ACTOR_SYSTEM", Wire::Bytes(6))
            .word(special(&["ad_actor_system"], |words, out, _| {
                lladdr::parse(words.value()?).map(|address| out.put(IFLA_BOND_AD_ACTOR_SYSTEM, &address))
            }))
            .show("ad_actor_system", Show::Mac("ad_actor_system ")),
        Row::new(IFLA_BOND_TLB_DYNAMIC_LB, "IFLA_BOND_TLB_DYNAMIC_LB", Wire::U8)
            .word(counted(&["tlb_dynamic_lb"], "invalid tlb_dynamic_lb"))
            .show("tlb_dynamic_lb", Show::Uint("tlb_dynamic_lb ")),
    ],
);

/// The type.
pub static KIND: Kind = Kind {
    name: "bond",
    table: &TABLE,
    parse: Some(|words, out, links| crate::words::parse_rows(&KIND, words, out, links)),
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: Some(HELP),
    port: false,
};

const HELP: &str = "\
Usage: ... bond [ mode BONDMODE ] [ active_slave SLAVE_DEV ]
                [ clear_active_slave ] [ miimon MIIMON ]
                [ updelay UPDELAY ] [ downdelay DOWNDELAY ]
                [ peer_notify_delay DELAY ]
                [ use_carrier USE_CARRIER ]
                [ arp_interval ARP_INTERVAL ]
                [ arp_validate ARP_VALIDATE ]
                [ arp_all_targets ARP_ALL_TARGETS ]
                [ arp_ip_target [ ARP_IP_TARGET, ... ] ]
                [ ns_ip6_target [ NS_IP6_TARGET, ... ] ]
                [ primary SLAVE_DEV ]
                [ primary_reselect PRIMARY_RESELECT ]
                [ fail_over_mac FAIL_OVER_MAC ]
                [ xmit_hash_policy XMIT_HASH_POLICY ]
                [ resend_igmp RESEND_IGMP ]
                [ num_grat_arp|num_unsol_na NUM_GRAT_ARP|NUM_UNSOL_NA ]
                [ all_slaves_active ALL_SLAVES_ACTIVE ]
                [ min_links MIN_LINKS ]
                [ lp_interval LP_INTERVAL ]
                [ packets_per_slave PACKETS_PER_SLAVE ]
                [ tlb_dynamic_lb TLB_DYNAMIC_LB ]
                [ lacp_rate LACP_RATE ]
                [ lacp_active LACP_ACTIVE]
                [ ad_select AD_SELECT ]
                [ ad_user_port_key PORTKEY ]
                [ ad_actor_sys_prio SYSPRIO ]
                [ ad_actor_system LLADDR ]
                [ arp_missed_max MISSED_MAX ]

BONDMODE := balance-rr|active-backup|balance-xor|broadcast|802.3ad|balance-tlb|balance-alb
ARP_VALIDATE := none|active|backup|all|filter|filter_active|filter_backup
ARP_ALL_TARGETS := any|all
PRIMARY_RESELECT := always|better|failure
FAIL_OVER_MAC := none|active|follow
XMIT_HASH_POLICY := layer2|layer2+3|layer3+4|encap2+3|encap3+4|vlan+srcmac
LACP_ACTIVE := off|on
LACP_RATE := slow|fast
AD_SELECT := stable|bandwidth|count
";

// Words.

/// One of the names, or its place among them.
fn named(words: &mut Words<'_>, names: Names, complaint: &str) -> Result<u8, Stop> {
    let text = words.value()?;
    let place = integer(text, 10).and_then(|place| usize::try_from(place).ok());
    let place = place.filter(|place| *place < names.len()).or_else(|| names.iter().position(|n| *n == text));
    place.map(|place| place as u8).ok_or_else(|| Stop::invalid(complaint, text))
}

fn slave(words: &mut Words<'_>, links: &mut dyn Links) -> Result<u32, Stop> {
    let name = words.value()?;
    links.index(name).ok_or_else(|| Stop::fail(1, format!("Cannot find device \"{name}\"\n")))
}

fn parse_ip_targets(words: &mut Words<'_>, out: &mut Builder, _: &mut dyn Links) -> Result<(), Stop> {
    let expected = "an IP address is expected rather than";
    parse_targets(words, out, IFLA_BOND_ARP_IP_TARGET, 4, |text| {
        let read = prefix::address(text, AF_INET);
        read.map_err(|_| Stop::exit_with(1, format!("Error: {expected} \"{text}\"\n")))
    })
}

fn parse_ip6_targets(words: &mut Words<'_>, out: &mut Builder, _: &mut dyn Links) -> Result<(), Stop> {
    parse_targets(words, out, IFLA_BOND_NS_IP6_TARGET, 16, |text| prefix::address(text, AF_INET6))
}

/// A list with commas between; none at all at the line's end. What is too much is not read.
fn parse_targets(
    words: &mut Words<'_>,
    out: &mut Builder,
    number: u16,
    length: usize,
    read: impl Fn(&str) -> Result<prefix::Prefix, Stop>,
) -> Result<(), Stop> {
    let nest = out.nest(number);
    let list = words.take().unwrap_or("");
    let targets = list.split(',').filter(|target| !target.is_empty());
    for (target, at) in targets.take(TARGETS).zip(0u16..) {
        let mut bytes = read(target)?.bytes;
        bytes.resize(length, 0);
        out.put(at, &bytes);
    }
    out.end(nest);
    Ok(())
}

// Output.

fn name(names: Names, value: u64) -> &'static str {
    usize::try_from(value).ok().and_then(|value| names.get(value)).copied().unwrap_or("UNKNOWN")
}

fn show_u8(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16, key: &str, names: Names) {
    let value = tb.u8(number).unwrap_or(0);
    scene.sink.string(key, &format!("{key} "), name(names, u64::from(value)), " ");
}

fn show_slave(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16) {
    let key = if number == IFLA_BOND_PRIMARY { "primary" } else { "active_slave" };
    if let Some(index) = tb.u32(number).filter(|index| *index != 0) {
        let name = scene.links.name(index);
        scene.sink.string(key, &format!("{key} "), &name, " ");
    }
}

/// No validation is `null` in JSON.
fn show_arp_validate(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    match tb.u32(IFLA_BOND_ARP_VALIDATE).unwrap_or(0) {
        0 if scene.sink.json() => scene.sink.null("arp_validate", ""),
        value => {
            let name = name(ARP_VALIDATE, u64::from(value));
            scene.sink.string("arp_validate", "arp_validate ", name, " ");
        }
    }
}

fn show_arp_all_targets(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let value = tb.u32(IFLA_BOND_ARP_ALL_TARGETS).unwrap_or(0);
    let name = name(ARP_ALL_TARGETS, u64::from(value));
    scene.sink.string("arp_all_targets", "arp_all_targets ", name, " ");
}

fn show_lacp_active(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let value = tb.u8(IFLA_BOND_AD_LACP_ACTIVE).unwrap_or(0);
    scene.sink.string("ad_lacp_active", "lacp_active ", name(LACP_ACTIVE, u64::from(value)), " ");
}

fn show_lacp_rate(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let value = tb.u8(IFLA_BOND_AD_LACP_RATE).unwrap_or(0);
    scene.sink.string("ad_lacp_rate", "lacp_rate ", name(LACP_RATE, u64::from(value)), " ");
}

/// Nothing is shown of a list without a first member.
fn show_targets(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16) {
    let (key, family) = match number {
        IFLA_BOND_ARP_IP_TARGET => ("arp_ip_target", AF_INET),
        _ => ("ns_ip6_target", AF_INET6),
    };
    let list = tb.nest(number);
    let first = list.has(0);
    if first {
        scene.sink.open_array(key, &format!("{key} "));
    }
    for at in 0..TARGETS as u16 {
        if let Some(target) = list.get(at) {
            let comma = if at + 1 < TARGETS as u16 && list.has(at + 1) { "," } else { "" };
            scene.sink.string("", "", &prefix::attr_text(family, &target), comma);
        }
    }
    if first {
        scene.sink.close_array(" ");
    }
}

fn show_ad_info(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    const NUMBERS: [(u16, &str, &str); 4] = [
        (IFLA_BOND_AD_INFO_AGGREGATOR, "aggregator", "ad_aggregator "),
        (IFLA_BOND_AD_INFO_NUM_PORTS, "num_ports", "ad_num_ports "),
        (IFLA_BOND_AD_INFO_ACTOR_KEY, "actor_key", "ad_actor_key "),
        (IFLA_BOND_AD_INFO_PARTNER_KEY, "partner_key", "ad_partner_key "),
    ];
    let info = tb.nest(IFLA_BOND_AD_INFO);
    scene.sink.open_object("ad_info");
    for (number, key, before) in NUMBERS {
        if let Some(value) = info.u16(number) {
            scene.sink.int(key, before, i64::from(value), " ");
        }
    }
    if let Some(mac) = info.get(IFLA_BOND_AD_INFO_PARTNER_MAC) {
        scene.sink.string("partner_mac", "ad_partner_mac ", &mac_text(&mac.first::<6>()), " ");
    }
    scene.sink.close_object();
}
