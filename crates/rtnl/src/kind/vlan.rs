//! `vlan`: an IEEE 802.1Q or 802.1ad tag on a lower link (`net/8021q/vlan_netlink.c`; iproute2 `iplink_vlan.c`).
//!
//! Two attributes are not plain numbers. The flags are one attribute `{flags: u32, mask: u32}` that five words
//! share; they are gathered over the line and written once. The QoS maps are nests of `{from: u32, to: u32}`.

use super::Kind;
use crate::attr::Builder;
use crate::client::Links;
use crate::ethertype;
use crate::show::{Scene, Show};
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{Stop, Value, Word, Words, matches, number};

/// The tag's identifier, 0 to 4094.
pub const IFLA_VLAN_ID: u16 = 1;
/// `struct ifla_vlan_flags`: flags and mask.
pub const IFLA_VLAN_FLAGS: u16 = 2;
/// Priority of the frame to priority code point.
pub const IFLA_VLAN_EGRESS_QOS: u16 = 3;
/// Priority code point to priority of the frame.
pub const IFLA_VLAN_INGRESS_QOS: u16 = 4;
/// The tag's protocol in network order: 0x8100 or 0x88a8.
pub const IFLA_VLAN_PROTOCOL: u16 = 5;
/// Inside the maps: `struct ifla_vlan_qos_mapping`.
pub const IFLA_VLAN_QOS_MAPPING: u16 = 1;

/// The tag is taken out of the header when a frame comes in.
pub const VLAN_FLAG_REORDER_HDR: u32 = 1;
/// The identifier is registered by GVRP.
pub const VLAN_FLAG_GVRP: u32 = 2;
/// The state does not follow the lower link's.
pub const VLAN_FLAG_LOOSE_BINDING: u32 = 4;
/// The identifier is registered by MVRP.
pub const VLAN_FLAG_MVRP: u32 = 8;
/// The carrier follows the bridge's ports that carry the identifier.
pub const VLAN_FLAG_BRIDGE_BINDING: u32 = 16;

/// The flags by the words that set them, in the order in which iproute2 tries them.
const FLAG_WORDS: &[(&str, u32)] = &[
    ("reorder_hdr", VLAN_FLAG_REORDER_HDR),
    ("gvrp", VLAN_FLAG_GVRP),
    ("mvrp", VLAN_FLAG_MVRP),
    ("loose_binding", VLAN_FLAG_LOOSE_BINDING),
    ("bridge_binding", VLAN_FLAG_BRIDGE_BINDING),
];

/// The flags by the names that are shown, in the order in which they are shown.
const FLAG_NAMES: &[(&str, u32)] = &[
    ("REORDER_HDR", VLAN_FLAG_REORDER_HDR),
    ("GVRP", VLAN_FLAG_GVRP),
    ("MVRP", VLAN_FLAG_MVRP),
    ("LOOSE_BINDING", VLAN_FLAG_LOOSE_BINDING),
    ("BRIDGE_BINDING", VLAN_FLAG_BRIDGE_BINDING),
];

static TABLE: Table = Table::new(
    "IFLA_VLAN",
    &[
        Row::new(IFLA_VLAN_PROTOCOL, "IFLA_VLAN_PROTOCOL", Wire::U16Be)
            .word(Word::prefix(&["protocol"], Value::Hook(parse_protocol)))
            .show("protocol", Show::Hook(show_protocol)),
        Row::new(IFLA_VLAN_ID, "IFLA_VLAN_ID", Wire::U16)
            .word(Word::prefix(&["id"], Value::Number(0, "id is invalid")))
            .show("id", Show::Uint("id ")),
        Row::new(IFLA_VLAN_FLAGS, "IFLA_VLAN_FLAGS", Wire::AtLeast(8)).show("flags", Show::Hook(show_flags)),
        Row::new(IFLA_VLAN_INGRESS_QOS, "IFLA_VLAN_INGRESS_QOS", Wire::Nest)
            .show("ingress_qos", Show::Hook(show_ingress)),
        Row::new(IFLA_VLAN_EGRESS_QOS, "IFLA_VLAN_EGRESS_QOS", Wire::Nest)
            .show("egress_qos", Show::Hook(show_egress)),
    ],
);

/// What is inside the maps.
pub static QOS_MAP: Table = Table::new(
    "IFLA_VLAN_QOS",
    &[Row::new(IFLA_VLAN_QOS_MAPPING, "IFLA_VLAN_QOS_MAPPING", Wire::AtLeast(8))],
);

/// The type.
pub static KIND: Kind =
    Kind { name: "vlan", table: &TABLE, parse: Some(parse), show: Some(show), help: Some(HELP), port: false };

const HELP: &str = "\
Usage: ... vlan id VLANID
\t\t[ protocol VLANPROTO ]
\t\t[ reorder_hdr { on | off } ]
\t\t[ gvrp { on | off } ]
\t\t[ mvrp { on | off } ]
\t\t[ loose_binding { on | off } ]
\t\t[ bridge_binding { on | off } ]
\t\t[ ingress-qos-map QOS-MAP ]
\t\t[ egress-qos-map QOS-MAP ]

VLANID := 0-4095
VLANPROTO: [ 802.1Q | 802.1ad ]
QOS-MAP := [ QOS-MAP ] QOS-MAPPING
QOS-MAPPING := FROM:TO
";

fn parse(words: &mut Words<'_>, out: &mut Builder, links: &mut dyn Links) -> Result<(), Stop> {
    let (mut flags, mut mask) = (0, 0);
    while let Some(typed) = words.peek() {
        if TABLE.parse_word(words, out, links)? {
            continue;
        }
        if let Some((word, flag)) = FLAG_WORDS.iter().find(|(word, _)| matches(typed, word)) {
            words.take();
            mask |= flag;
            flags = if parse_flag(word, words.value()?)? { flags | flag } else { flags & !flag };
        } else if matches(typed, "ingress-qos-map") {
            words.take();
            parse_map(words, out, IFLA_VLAN_INGRESS_QOS, "invalid ingress-qos-map")?;
        } else if matches(typed, "egress-qos-map") {
            words.take();
            parse_map(words, out, IFLA_VLAN_EGRESS_QOS, "invalid egress-qos-map")?;
        } else {
            return Err(KIND.not_a_word(typed));
        }
    }
    if mask != 0 {
        out.u32_pair(IFLA_VLAN_FLAGS, flags, mask);
    }
    Ok(())
}

/// A flag's value; unlike elsewhere, a bad one ends the command and not the process.
fn parse_flag(word: &str, text: &str) -> Result<bool, Stop> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Stop::fail(
            1,
            format!("Error: argument of \"{word}\" must be \"on\" or \"off\", not \"{text}\"\n"),
        )),
    }
}

fn parse_protocol(words: &mut Words<'_>, out: &mut Builder, _: &mut dyn Links) -> Result<(), Stop> {
    let text = words.value()?;
    let protocol = ethertype::parse(text).ok_or_else(|| Stop::invalid("protocol is invalid", text))?;
    out.u16_be(IFLA_VLAN_PROTOCOL, protocol);
    Ok(())
}

/// Reads `FROM:TO` pairs for as long as words have a colon. A complaint names what is before it.
fn parse_map(words: &mut Words<'_>, out: &mut Builder, map: u16, complaint: &str) -> Result<(), Stop> {
    let nest = out.nest(map);
    words.peek().ok_or_else(Stop::incomplete)?;
    while let Some(text) = words.peek() {
        let Some((from, to)) = text.split_once(':') else { break };
        let pair = number(from, 0, u64::from(u32::MAX)).zip(number(to, 0, u64::from(u32::MAX)));
        let (from, to) = pair.ok_or_else(|| Stop::invalid(complaint, from))?;
        out.u32_pair(IFLA_VLAN_QOS_MAPPING, from as u32, to as u32);
        words.take();
    }
    out.end(nest);
    Ok(())
}

/// Shows nothing without an identifier, and the old default without a protocol.
fn show(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let long = |number| tb.get(number).map(|attr| attr.payload.len() >= 2);
    if long(IFLA_VLAN_PROTOCOL) == Some(false) || long(IFLA_VLAN_ID) != Some(true) {
        return;
    }
    if !tb.has(IFLA_VLAN_PROTOCOL) {
        scene.sink.string("protocol", "protocol ", "802.1q", " ");
    }
    TABLE.show(scene, tb);
}

fn show_protocol(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let name = ethertype::name(tb.u16_be(IFLA_VLAN_PROTOCOL).unwrap_or(0), scene.sink.format.numeric);
    scene.sink.string("protocol", "protocol ", &name, " ");
}

/// Whether the flags are cut short; then nothing behind them is shown either.
fn flags_are_short(tb: &Tb<'_>) -> bool {
    tb.get(IFLA_VLAN_FLAGS).is_some_and(|attr| attr.payload.len() < 8)
}

fn show_flags(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let Some(attr) = tb.get(IFLA_VLAN_FLAGS).filter(|_| !flags_are_short(tb)) else { return };
    let mut flags = attr.u32();
    scene.sink.open_array("flags", "<");
    for (name, flag) in FLAG_NAMES {
        if flags & flag != 0 {
            flags &= !flag;
            scene.sink.string("", "", name, if flags == 0 { "" } else { "," });
        }
    }
    if flags != 0 {
        scene.sink.hex("", "", u64::from(flags), "");
    }
    scene.sink.close_array("> ");
}

fn show_ingress(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    show_map(scene, tb, IFLA_VLAN_INGRESS_QOS, "ingress_qos", "      ingress-qos-map { ");
}

fn show_egress(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    show_map(scene, tb, IFLA_VLAN_EGRESS_QOS, "egress_qos", "      egress-qos-map { ");
}

fn show_map(scene: &mut Scene<'_>, tb: &Tb<'_>, map: u16, key: &str, before: &str) {
    let Some(attr) = tb.get(map).filter(|_| !flags_are_short(tb)) else { return };
    let sink = &mut *scene.sink;
    sink.line();
    sink.open_array(key, before);
    for entry in attr.attrs() {
        let (from, to) = entry.u32_pair();
        sink.open_object("");
        sink.uint("from", "", u64::from(from), ":");
        sink.uint("to", "", u64::from(to), " ");
        sink.close_object();
    }
    sink.close_array("} ");
}
