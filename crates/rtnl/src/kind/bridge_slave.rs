//! `bridge_slave`: what a bridge keeps of one of its ports (`net/bridge/br_netlink.c`; iproute2
//! `iplink_bridge_slave.c`). It travels in `IFLA_INFO_SLAVE_DATA`, and in `IFLA_PROTINFO` of the bridge family.
//!
//! Nearly all is rows. The kernel's limits of priority and cost are not those of the attributes: it checks them when
//! it sets them.

use super::Kind;
use super::bridge::bridge_id_text;
use crate::attr::Builder;
use crate::client::Links;
use crate::show::{Scene, Show};
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{OFF_ON, Stop, Value, Word, Words};

/// The port's state in the spanning tree, `BR_STATE_*`.
pub const IFLA_BRPORT_STATE: u16 = 1;
/// The upper part of the port's identifier, 0 to 63.
pub const IFLA_BRPORT_PRIORITY: u16 = 2;
/// The path's cost through the port.
pub const IFLA_BRPORT_COST: u16 = 3;
/// Whether frames may leave by the port by which they came (hairpin).
pub const IFLA_BRPORT_MODE: u16 = 4;
/// Whether a hello that comes in switches the port off.
pub const IFLA_BRPORT_GUARD: u16 = 5;
/// Whether the port may not become the one towards the root.
pub const IFLA_BRPORT_PROTECT: u16 = 6;
/// Whether a group is dropped as soon as one host leaves it.
pub const IFLA_BRPORT_FAST_LEAVE: u16 = 7;
/// Whether source addresses are learned.
pub const IFLA_BRPORT_LEARNING: u16 = 8;
/// Whether frames to unknown addresses are sent here.
pub const IFLA_BRPORT_UNICAST_FLOOD: u16 = 9;
/// Whether the bridge answers ARP for hosts behind other ports.
pub const IFLA_BRPORT_PROXYARP: u16 = 10;
/// Whether hardware tells what it learned.
pub const IFLA_BRPORT_LEARNING_SYNC: u16 = 11;
/// Likewise, as IEEE 802.11 and Hotspot 2.0 want it.
pub const IFLA_BRPORT_PROXYARP_WIFI: u16 = 12;
/// `struct ifla_bridge_id` of the root that the segment's bridge names.
pub const IFLA_BRPORT_ROOT_ID: u16 = 13;
/// `struct ifla_bridge_id` of the segment's designated bridge.
pub const IFLA_BRPORT_BRIDGE_ID: u16 = 14;
/// The designated bridge's port.
pub const IFLA_BRPORT_DESIGNATED_PORT: u16 = 15;
/// The designated bridge's cost to the root.
pub const IFLA_BRPORT_DESIGNATED_COST: u16 = 16;
/// Priority and number in one.
pub const IFLA_BRPORT_ID: u16 = 17;
/// The port's number.
pub const IFLA_BRPORT_NO: u16 = 18;
/// Whether a notice of a change is to be acknowledged.
pub const IFLA_BRPORT_TOPOLOGY_CHANGE_ACK: u16 = 19;
/// Whether a hello waits to be sent.
pub const IFLA_BRPORT_CONFIG_PENDING: u16 = 20;
/// Until what the last hello said is void, in hundredths of a second.
pub const IFLA_BRPORT_MESSAGE_AGE_TIMER: u16 = 21;
/// Until the next state, in hundredths of a second.
pub const IFLA_BRPORT_FORWARD_DELAY_TIMER: u16 = 22;
/// Until the next hello may go, in hundredths of a second.
pub const IFLA_BRPORT_HOLD_TIMER: u16 = 23;
/// Forget what was learned here.
pub const IFLA_BRPORT_FLUSH: u16 = 24;
/// 0: no router here, 1: found out, 2: always, 3: for a while.
pub const IFLA_BRPORT_MULTICAST_ROUTER: u16 = 25;
/// Nothing: aligns what is 64 bits wide.
pub const IFLA_BRPORT_PAD: u16 = 26;
/// Whether multicast that nobody asked for is sent here.
pub const IFLA_BRPORT_MCAST_FLOOD: u16 = 27;
/// Whether multicast goes as one frame a member.
pub const IFLA_BRPORT_MCAST_TO_UCAST: u16 = 28;
/// Whether identifiers map to a tunnel's.
pub const IFLA_BRPORT_VLAN_TUNNEL: u16 = 29;
/// Whether broadcast is sent here.
pub const IFLA_BRPORT_BCAST_FLOOD: u16 = 30;
/// Which link-local groups 01:80:c2:00:00:0X are forwarded.
pub const IFLA_BRPORT_GROUP_FWD_MASK: u16 = 31;
/// Whether ARP and ND are answered by the bridge.
pub const IFLA_BRPORT_NEIGH_SUPPRESS: u16 = 32;
/// Whether the port cannot reach other isolated ports.
pub const IFLA_BRPORT_ISOLATED: u16 = 33;
/// The index of the port that takes over when this one has no carrier.
pub const IFLA_BRPORT_BACKUP_PORT: u16 = 34;
/// Whether the ring of the Media Redundancy Protocol is open.
pub const IFLA_BRPORT_MRP_RING_OPEN: u16 = 35;
/// Whether the ring that joins rings is open.
pub const IFLA_BRPORT_MRP_IN_OPEN: u16 = 36;
/// The most hosts of which memberships are kept.
pub const IFLA_BRPORT_MCAST_EHT_HOSTS_LIMIT: u16 = 37;
/// How many they are.
pub const IFLA_BRPORT_MCAST_EHT_HOSTS_CNT: u16 = 38;
/// Whether only hosts with an entry in the table may send.
pub const IFLA_BRPORT_LOCKED: u16 = 39;

/// The port is off.
pub const BR_STATE_DISABLED: u8 = 0;
/// The port waits for hellos.
pub const BR_STATE_LISTENING: u8 = 1;
/// The port learns and does not forward yet.
pub const BR_STATE_LEARNING: u8 = 2;
/// The port forwards.
pub const BR_STATE_FORWARDING: u8 = 3;
/// The port would close a ring.
pub const BR_STATE_BLOCKING: u8 = 4;

/// The states by the names that are shown.
pub const STATES: [&str; 5] = ["disabled", "listening", "learning", "forwarding", "blocking"];

/// The link-local groups that have a name, by their bit; the others are shown as numbers.
const GROUPS: &[(u16, &str)] = &[(1 << 0, "stp"), (1 << 2, "lacp"), (1 << 14, "lldp")];

static TABLE: Table = Table::new(
    "IFLA_BRPORT",
    &[
        Row::new(IFLA_BRPORT_FLUSH, "IFLA_BRPORT_FLUSH", Wire::Bytes(u16::MAX))
            .word(Word::prefix(&["fdb_flush"], Value::Hook(write_flush))),
        Row::new(IFLA_BRPORT_STATE, "IFLA_BRPORT_STATE", Wire::U8)
            .word(Word::prefix(&["state"], Value::Number(0, "state is invalid")))
            .show("state", Show::Hook(show_state)),
        Row::new(IFLA_BRPORT_PRIORITY, "IFLA_BRPORT_PRIORITY", Wire::U16)
            .word(Word::prefix(&["priority"], Value::Number(0, "priority is invalid")))
            .show("priority", Show::Int("priority ")),
        Row::new(IFLA_BRPORT_COST, "IFLA_BRPORT_COST", Wire::U32)
            .word(Word::prefix(&["cost"], Value::Number(0, "cost is invalid")))
            .show("cost", Show::Int("cost ")),
        Row::new(IFLA_BRPORT_MODE, "IFLA_BRPORT_MODE", Wire::U8)
            .word(Word::prefix(&["hairpin"], Value::OneOf("hairpin", OFF_ON)))
            .show("hairpin", Show::OnOff("hairpin ")),
        Row::new(IFLA_BRPORT_GUARD, "IFLA_BRPORT_GUARD", Wire::U8)
            .word(Word::prefix(&["guard"], Value::OneOf("guard", OFF_ON)))
            .show("guard", Show::OnOff("guard ")),
        Row::new(IFLA_BRPORT_PROTECT, "IFLA_BRPORT_PROTECT", Wire::U8)
            .word(Word::prefix(&["root_block"], Value::OneOf("root_block", OFF_ON)))
            .show("root_block", Show::OnOff("root_block ")),
        Row::new(IFLA_BRPORT_FAST_LEAVE, "IFLA_BRPORT_FAST_LEAVE", Wire::U8)
            .word(Word::prefix(&["fastleave"], Value::OneOf("fastleave", OFF_ON)))
            .show("fastleave", Show::OnOff("fastleave ")),
        Row::new(IFLA_BRPORT_LEARNING, "IFLA_BRPORT_LEARNING", Wire::U8)
            .word(Word::prefix(&["learning"], Value::OneOf("learning", OFF_ON)))
            .show("learning", Show::OnOff("learning ")),
        Row::new(IFLA_BRPORT_UNICAST_FLOOD, "IFLA_BRPORT_UNICAST_FLOOD", Wire::U8)
            .word(Word::prefix(&["flood"], Value::OneOf("flood", OFF_ON)))
            .show("flood", Show::OnOff("flood ")),
        Row::new(IFLA_BRPORT_ID, "IFLA_BRPORT_ID", Wire::U16).reply().show("id", Show::Hex0x("port_id ")),
        Row::new(IFLA_BRPORT_NO, "IFLA_BRPORT_NO", Wire::U16).reply().show("no", Show::Hex0x("port_no ")),
        Row::new(IFLA_BRPORT_DESIGNATED_PORT, "IFLA_BRPORT_DESIGNATED_PORT", Wire::U16)
            .reply()
            .show("designated_port", Show::Uint("designated_port ")),
        Row::new(IFLA_BRPORT_DESIGNATED_COST, "IFLA_BRPORT_DESIGNATED_COST", Wire::U16)
            .reply()
            .show("designated_cost", Show::Uint("designated_cost ")),
        Row::new(IFLA_BRPORT_BRIDGE_ID, "IFLA_BRPORT_BRIDGE_ID", Wire::Bytes(8))
            .reply()
            .show("bridge_id", Show::Hook(show_bridge_id)),
        Row::new(IFLA_BRPORT_ROOT_ID, "IFLA_BRPORT_ROOT_ID", Wire::Bytes(8))
            .reply()
            .show("root_id", Show::Hook(show_root_id)),
        Row::new(IFLA_BRPORT_HOLD_TIMER, "IFLA_BRPORT_HOLD_TIMER", Wire::U64)
            .reply()
            .show("hold_timer", Show::Hundredths("hold_timer ")),
        Row::new(IFLA_BRPORT_MESSAGE_AGE_TIMER, "IFLA_BRPORT_MESSAGE_AGE_TIMER", Wire::U64)
            .reply()
            .show("message_age_timer", Show::Hundredths("message_age_timer ")),
        Row::new(IFLA_BRPORT_FORWARD_DELAY_TIMER, "IFLA_BRPORT_FORWARD_DELAY_TIMER", Wire::U64)
            .reply()
            .show("forward_delay_timer", Show::Hundredths("forward_delay_timer ")),
        Row::new(IFLA_BRPORT_TOPOLOGY_CHANGE_ACK, "IFLA_BRPORT_TOPOLOGY_CHANGE_ACK", Wire::U8)
            .reply()
            .show("topology_change_ack", Show::Uint("topology_change_ack ")),
        Row::new(IFLA_BRPORT_CONFIG_PENDING, "IFLA_BRPORT_CONFIG_PENDING", Wire::U8)
            .reply()
            .show("config_pending", Show::Uint("config_pending ")),
        Row::new(IFLA_BRPORT_PROXYARP, "IFLA_BRPORT_PROXYARP", Wire::U8)
            .word(Word::prefix(&["proxy_arp"], Value::OneOf("proxy_arp", OFF_ON)))
            .show("proxy_arp", Show::OnOff("proxy_arp ")),
        Row::new(IFLA_BRPORT_PROXYARP_WIFI, "IFLA_BRPORT_PROXYARP_WIFI", Wire::U8)
            .word(Word::prefix(&["proxy_arp_wifi"], Value::OneOf("proxy_arp_wifi", OFF_ON)))
            .show("proxy_arp_wifi", Show::OnOff("proxy_arp_wifi ")),
        Row::new(IFLA_BRPORT_MULTICAST_ROUTER, "IFLA_BRPORT_MULTICAST_ROUTER", Wire::U8)
            .word(Word::prefix(&["mcast_router"], Value::Number(0, "invalid mcast_router")))
            .show("multicast_router", Show::Uint("mcast_router ")),
        // A second word for the same number, which JSON does not show again.
        Row::new(IFLA_BRPORT_FAST_LEAVE, "IFLA_BRPORT_FAST_LEAVE", Wire::U8)
            .word(Word::prefix(&["mcast_fast_leave"], Value::OneOf("mcast_fast_leave", OFF_ON)))
            .show("fastleave", Show::Hook(show_fast_leave)),
        Row::new(IFLA_BRPORT_MCAST_FLOOD, "IFLA_BRPORT_MCAST_FLOOD", Wire::U8)
            .word(Word::prefix(&["mcast_flood"], Value::OneOf("mcast_flood", OFF_ON)))
            .show("mcast_flood", Show::OnOff("mcast_flood ")),
        Row::new(IFLA_BRPORT_BCAST_FLOOD, "IFLA_BRPORT_BCAST_FLOOD", Wire::U8)
            .word(Word::prefix(&["bcast_flood"], Value::OneOf("bcast_flood", OFF_ON)))
            .show("bcast_flood", Show::OnOff("bcast_flood ")),
        Row::new(IFLA_BRPORT_MCAST_TO_UCAST, "IFLA_BRPORT_MCAST_TO_UCAST", Wire::U8)
            .word(Word::prefix(&["mcast_to_unicast"], Value::OneOf("mcast_to_unicast", OFF_ON)))
            .show("mcast_to_unicast", Show::OnOff("mcast_to_unicast ")),
        Row::new(IFLA_BRPORT_NEIGH_SUPPRESS, "IFLA_BRPORT_NEIGH_SUPPRESS", Wire::U8)
            .word(Word::prefix(&["neigh_suppress"], Value::OneOf("neigh_suppress", OFF_ON)))
            .show("neigh_suppress", Show::OnOff("neigh_suppress ")),
        Row::new(IFLA_BRPORT_GROUP_FWD_MASK, "IFLA_BRPORT_GROUP_FWD_MASK", Wire::U16)
            .word(Word::prefix(&["group_fwd_mask"], Value::Number(0, "invalid group_fwd_mask")))
            .show("group_fwd_mask", Show::Hook(show_group_fwd_mask)),
        Row::new(IFLA_BRPORT_VLAN_TUNNEL, "IFLA_BRPORT_VLAN_TUNNEL", Wire::U8)
            .word(Word::prefix(&["vlan_tunnel"], Value::OneOf("vlan_tunnel", OFF_ON)))
            .show("vlan_tunnel", Show::OnOff("vlan_tunnel ")),
        Row::new(IFLA_BRPORT_ISOLATED, "IFLA_BRPORT_ISOLATED", Wire::U8)
            .word(Word::prefix(&["isolated"], Value::OneOf("isolated", OFF_ON)))
            .show("isolated", Show::OnOff("isolated ")),
        Row::new(IFLA_BRPORT_LOCKED, "IFLA_BRPORT_LOCKED", Wire::U8)
            .word(Word::prefix(&["locked"], Value::OneOf("locked", OFF_ON)))
            .show("locked", Show::OnOff("locked ")),
        Row::new(IFLA_BRPORT_BACKUP_PORT, "IFLA_BRPORT_BACKUP_PORT", Wire::U32)
            .word(Word::prefix(&["backup_port"], Value::Hook(parse_backup_port)))
            .show("backup_port", Show::Link("backup_port ")),
        Row::new(IFLA_BRPORT_BACKUP_PORT, "IFLA_BRPORT_BACKUP_PORT", Wire::U32)
            .word(Word::prefix(&["nobackup_port"], Value::Set(0))),
        Row::new(IFLA_BRPORT_MCAST_EHT_HOSTS_LIMIT, "IFLA_BRPORT_MCAST_EHT_HOSTS_LIMIT", Wire::U32),
        Row::new(IFLA_BRPORT_MCAST_EHT_HOSTS_CNT, "IFLA_BRPORT_MCAST_EHT_HOSTS_CNT", Wire::U32).reply(),
        Row::new(IFLA_BRPORT_LEARNING_SYNC, "IFLA_BRPORT_LEARNING_SYNC", Wire::U8).reply(),
        Row::new(IFLA_BRPORT_MRP_RING_OPEN, "IFLA_BRPORT_MRP_RING_OPEN", Wire::U8).reply(),
        Row::new(IFLA_BRPORT_MRP_IN_OPEN, "IFLA_BRPORT_MRP_IN_OPEN", Wire::U8).reply(),
    ],
)
.first(&["mcast_flood"]);

/// The type.
pub static KIND: Kind = Kind {
    name: "bridge_slave",
    table: &TABLE,
    parse: Some(parse),
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: Some(HELP),
    port: true,
};

const HELP: &str = "\
Usage: ... bridge_slave [ fdb_flush ]
\t\t\t[ state STATE ]
\t\t\t[ priority PRIO ]
\t\t\t[ cost COST ]
\t\t\t[ guard {on | off} ]
\t\t\t[ hairpin {on | off} ]
\t\t\t[ fastleave {on | off} ]
\t\t\t[ root_block {on | off} ]
\t\t\t[ learning {on | off} ]
\t\t\t[ flood {on | off} ]
\t\t\t[ proxy_arp {on | off} ]
\t\t\t[ proxy_arp_wifi {on | off} ]
\t\t\t[ mcast_router MULTICAST_ROUTER ]
\t\t\t[ mcast_fast_leave {on | off} ]
\t\t\t[ mcast_flood {on | off} ]
\t\t\t[ bcast_flood {on | off} ]
\t\t\t[ mcast_to_unicast {on | off} ]
\t\t\t[ group_fwd_mask MASK ]
\t\t\t[ neigh_suppress {on | off} ]
\t\t\t[ vlan_tunnel {on | off} ]
\t\t\t[ isolated {on | off} ]
\t\t\t[ locked {on | off} ]
\t\t\t[ backup_port DEVICE ] [ nobackup_port ]
";

fn parse(words: &mut Words<'_>, out: &mut Builder, links: &mut dyn Links) -> Result<(), Stop> {
    while let Some(typed) = words.peek() {
        if !TABLE.parse_word(words, out, links)? {
            return Err(KIND.unknown("option", typed));
        }
    }
    Ok(())
}

fn write_flush(_: &mut Words<'_>, out: &mut Builder, _: &mut dyn Links) -> Result<(), Stop> {
    out.put(IFLA_BRPORT_FLUSH, &[]);
    Ok(())
}

/// The complaint has a line's end of its own, and then the one of all complaints.
fn parse_backup_port(words: &mut Words<'_>, out: &mut Builder, links: &mut dyn Links) -> Result<(), Stop> {
    let name = words.value()?;
    let index = links.index(name).ok_or_else(|| Stop::invalid("Device does not exist\n", name))?;
    out.u32(IFLA_BRPORT_BACKUP_PORT, index);
    Ok(())
}

fn show_state(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let state = tb.u8(IFLA_BRPORT_STATE).unwrap_or(0);
    match STATES.get(usize::from(state)) {
        Some(name) => scene.sink.string("state", "state ", name, " "),
        None => scene.sink.int("state_index", "state (", i64::from(state), ") "),
    }
}

fn show_bridge_id(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let Some(id) = tb.get(IFLA_BRPORT_BRIDGE_ID) else { return };
    scene.sink.string("bridge_id", "designated_bridge ", &bridge_id_text(id.first()), " ");
}

fn show_root_id(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let Some(id) = tb.get(IFLA_BRPORT_ROOT_ID) else { return };
    scene.sink.string("root_id", "designated_root ", &bridge_id_text(id.first()), " ");
}

fn show_fast_leave(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let on = tb.u8(IFLA_BRPORT_FAST_LEAVE).is_some_and(|value| value != 0);
    scene.sink.text(if on { "mcast_fast_leave on " } else { "mcast_fast_leave off " });
}

fn show_group_fwd_mask(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let mask = tb.u16(IFLA_BRPORT_GROUP_FWD_MASK).unwrap_or(0);
    scene.sink.hex0x("group_fwd_mask", "group_fwd_mask ", u64::from(mask), " ");
    scene.sink.string("group_fwd_mask_str", "group_fwd_mask_str ", &groups_text(mask), " ");
}

fn groups_text(mask: u16) -> String {
    let bits = (0..16).map(|bit| 1u16 << bit).filter(|bit| mask & bit != 0);
    let names = bits.map(|bit| match GROUPS.iter().find(|(group, _)| *group == bit) {
        Some((_, name)) => (*name).to_string(),
        None => format!("{bit:#x}"),
    });
    let text = names.collect::<Vec<_>>().join(",");
    if text.is_empty() { "0x0".to_string() } else { text }
}
