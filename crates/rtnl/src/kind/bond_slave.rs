//! `bond_slave`: what a bond keeps of one of its slaves (`drivers/net/bonding/bond_netlink.c`; iproute2
//! `iplink_bond_slave.c`). It travels in `IFLA_INFO_SLAVE_DATA`.

use super::Kind;
use crate::attr::Builder;
use crate::client::Links;
use crate::show::{Scene, Show};
use crate::sink::mac_text;
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{Stop, Value, Word, Words, integer};

/// `BOND_STATE_*`.
pub const IFLA_BOND_SLAVE_STATE: u16 = 1;
/// What monitoring says of the link, `BOND_LINK_*`.
pub const IFLA_BOND_SLAVE_MII_STATUS: u16 = 2;
/// How often the link failed.
pub const IFLA_BOND_SLAVE_LINK_FAILURE_COUNT: u16 = 3;
/// The address that it had when it came.
pub const IFLA_BOND_SLAVE_PERM_HWADDR: u16 = 4;
/// The queue whose frames it sends; 0: none.
pub const IFLA_BOND_SLAVE_QUEUE_ID: u16 = 5;
/// The number of the aggregator that it is in.
pub const IFLA_BOND_SLAVE_AD_AGGREGATOR_ID: u16 = 6;
/// What LACP says of this end, one bit a fact.
pub const IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE: u16 = 7;
/// What LACP says of the other end.
pub const IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE: u16 = 8;
/// Among slaves that could be used, the one with the highest is.
pub const IFLA_BOND_SLAVE_PRIO: u16 = 9;

/// It is in use.
pub const BOND_STATE_ACTIVE: u8 = 0;
/// It waits.
pub const BOND_STATE_BACKUP: u8 = 1;

/// The link is up.
pub const BOND_LINK_UP: u8 = 0;
/// The link failed, a short while ago.
pub const BOND_LINK_FAIL: u8 = 1;
/// The link is down.
pub const BOND_LINK_DOWN: u8 = 2;
/// The link came back, a short while ago.
pub const BOND_LINK_BACK: u8 = 3;

/// The states by the names that are shown.
const STATES: &[&str] = &["ACTIVE", "BACKUP"];
/// The states of links by the names that are shown.
const LINKS: &[&str] = &["UP", "GOING_DOWN", "DOWN", "GOING_BACK"];
/// The bits of a port's state in LACP, from the lowest.
const PORT_STATES: [&str; 8] = [
    "active",
    "short_timeout",
    "aggregating",
    "in_sync",
    "collecting",
    "distributing",
    "defaulted",
    "expired",
];

static TABLE: Table = Table::new(
    "IFLA_BOND_SLAVE",
    &[
        Row::new(IFLA_BOND_SLAVE_STATE, "IFLA_BOND_SLAVE_STATE", Wire::U8)
            .reply()
            .show("state", Show::Hook(show_state)),
        Row::new(IFLA_BOND_SLAVE_MII_STATUS, "IFLA_BOND_SLAVE_MII_STATUS", Wire::U8)
            .reply()
            .show("mii_status", Show::Hook(show_link)),
        Row::new(IFLA_BOND_SLAVE_LINK_FAILURE_COUNT, "IFLA_BOND_SLAVE_LINK_FAILURE_COUNT", Wire::U32)
            .reply()
            .show("link_failure_count", Show::Int("link_failure_count ")),
        Row::new(IFLA_BOND_SLAVE_PERM_HWADDR, "IFLA_BOND_SLAVE_PERM_HWADDR", Wire::Bytes(32))
            .reply()
            .show("perm_hwaddr", Show::Hook(show_permanent)),
        Row::new(IFLA_BOND_SLAVE_QUEUE_ID, "IFLA_BOND_SLAVE_QUEUE_ID", Wire::U16)
            .word(Word::prefix(&["queue_id"], Value::Number(0, "queue_id is invalid")))
            .show("queue_id", Show::Int("queue_id ")),
        Row::new(IFLA_BOND_SLAVE_PRIO, "IFLA_BOND_SLAVE_PRIO", Wire::S32)
            .word(Word::whole(&["prio"], Value::Hook(parse_prio)))
            .show("prio", Show::Int("prio ")),
        Row::new(IFLA_BOND_SLAVE_AD_AGGREGATOR_ID, "IFLA_BOND_SLAVE_AD_AGGREGATOR_ID", Wire::U16)
            .reply()
            .show("ad_aggregator_id", Show::Int("ad_aggregator_id ")),
        Row::new(
            IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE,
            "IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE",
            Wire::U8,
        )
        .reply()
        .show("ad_actor_oper_port_state", Show::Hook(show_actor)),
        Row::new(
            IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE,
            "IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE",
            Wire::U16,
        )
        .reply()
        .show("ad_partner_oper_port_state", Show::Hook(show_partner)),
    ],
);

/// The type.
pub static KIND: Kind = Kind {
    name: "bond_slave",
    table: &TABLE,
    parse: Some(parse),
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: Some(HELP),
    port: true,
};

const HELP: &str = "Usage: ... bond_slave [ queue_id ID ] [ prio PRIORITY ]\n";

fn parse(words: &mut Words<'_>, out: &mut Builder, links: &mut dyn Links) -> Result<(), Stop> {
    while let Some(typed) = words.peek() {
        if !TABLE.parse_word(words, out, links)? {
            return Err(KIND.unknown("option", typed));
        }
    }
    Ok(())
}

fn parse_prio(words: &mut Words<'_>, out: &mut Builder, _: &mut dyn Links) -> Result<(), Stop> {
    let text = words.value()?;
    let prio = integer(text, 0).ok_or_else(|| Stop::invalid("prio is invalid", text))?;
    out.i32(IFLA_BOND_SLAVE_PRIO, prio);
    Ok(())
}

fn show_state(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    show_name(scene, tb.u8(IFLA_BOND_SLAVE_STATE), "state", STATES);
}

fn show_link(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    show_name(scene, tb.u8(IFLA_BOND_SLAVE_MII_STATUS), "mii_status", LINKS);
}

/// Of an address without bytes iproute2 prints the first byte behind it: the length of the attribute that follows.
fn show_permanent(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    const LENGTH_OF_NEXT: &[u8] = &[6];
    let Some(address) = tb.get(IFLA_BOND_SLAVE_PERM_HWADDR) else { return };
    let shown = if address.payload.is_empty() { LENGTH_OF_NEXT } else { address.payload };
    scene.sink.string("perm_hwaddr", "perm_hwaddr ", &mac_text(shown), " ");
}

fn show_name(scene: &mut Scene<'_>, value: Option<u8>, key: &str, names: &[&str]) {
    let value = value.unwrap_or(0);
    match names.get(usize::from(value)) {
        Some(name) => scene.sink.string(key, &format!("{key} "), name, " "),
        None => scene.sink.int(&format!("{key}_index"), &format!("{key} "), i64::from(value), " "),
    }
}

fn show_actor(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let state = tb.u8(IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE).unwrap_or(0);
    show_port_state(scene, "ad_actor_oper_port_state", u16::from(state));
}

fn show_partner(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let state = tb.u16(IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE).unwrap_or(0);
    show_port_state(scene, "ad_partner_oper_port_state", state);
}

fn show_port_state(scene: &mut Scene<'_>, key: &str, state: u16) {
    let sink = &mut *scene.sink;
    sink.int(key, &format!("{key} "), i64::from(state), " ");
    let words = format!("{key}_str");
    sink.open_array(&words, &format!("{words} <"));
    let mut left = state;
    for (name, bit) in PORT_STATES.iter().zip(0..) {
        let flag = 1 << bit;
        if left & flag != 0 {
            left &= !flag;
            sink.string("", "", name, if left == 0 { "" } else { "," });
        }
    }
    if left != 0 {
        sink.hex("", "", u64::from(left), "");
    }
    sink.close_array("> ");
}
