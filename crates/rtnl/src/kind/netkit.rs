//! `netkit`: a cable whose ends pass or drop what is sent, or ask a program (`drivers/net/netkit.c`; iproute2
//! `iplink_netkit.c`). Linux has it since 6.7 and the tool since 6.8; words and output are those of the tool's 7.1.
//!
//! Policy and scrubbing are the first end's up to `peer` and the other end's behind it. The first word behind `peer`
//! that is neither begins the words of `ip link add` again, up to the line's end.

use super::Kind;
use crate::attr::Builder;
use crate::client::Links;
use crate::show::{Scene, Show};
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{Stop, Words};

/// The other end: `struct ifinfomsg` and the attributes of a link.
pub const IFLA_NETKIT_PEER_INFO: u16 = 1;
/// Whether this is the end through which programs and settings go.
pub const IFLA_NETKIT_PRIMARY: u16 = 2;
/// What becomes of frames that this end sends, `NETKIT_*`.
pub const IFLA_NETKIT_POLICY: u16 = 3;
/// The same of the other end.
pub const IFLA_NETKIT_PEER_POLICY: u16 = 4;
/// Ethernet frames or packets, `NETKIT_L2` or `NETKIT_L3`.
pub const IFLA_NETKIT_MODE: u16 = 5;
/// What of a frame's mark and priority stays, `NETKIT_SCRUB_*`.
pub const IFLA_NETKIT_SCRUB: u16 = 6;
/// The same of the other end.
pub const IFLA_NETKIT_PEER_SCRUB: u16 = 7;

/// Frames pass.
pub const NETKIT_PASS: u32 = 0;
/// Frames are dropped.
pub const NETKIT_DROP: u32 = 2;
/// Addresses and their resolution, as on Ethernet.
pub const NETKIT_L2: u32 = 0;
/// Neither.
pub const NETKIT_L3: u32 = 1;
/// Mark and priority stay until a program has seen the frame.
pub const NETKIT_SCRUB_NONE: u32 = 0;
/// They go between namespaces.
pub const NETKIT_SCRUB_DEFAULT: u32 = 1;

const MODES: &[(&str, u32)] = &[("l3", NETKIT_L3), ("l2", NETKIT_L2)];
const POLICIES: &[(&str, u32)] = &[("forward", NETKIT_PASS), ("blackhole", NETKIT_DROP)];
const SCRUBS: &[(&str, u32)] = &[("none", NETKIT_SCRUB_NONE), ("default", NETKIT_SCRUB_DEFAULT)];

static TABLE: Table = Table::new(
    "IFLA_NETKIT",
    &[
        Row::new(IFLA_NETKIT_PEER_INFO, "IFLA_NETKIT_PEER_INFO", Wire::AtLeast(16)),
        Row::new(IFLA_NETKIT_MODE, "IFLA_NETKIT_MODE", Wire::U32).show("mode", Show::Hook(show_mode)),
        Row::new(IFLA_NETKIT_PRIMARY, "IFLA_NETKIT_PRIMARY", Wire::U8)
            .refused()
            .show("type", Show::Hook(show_primary)),
        Row::new(IFLA_NETKIT_POLICY, "IFLA_NETKIT_POLICY", Wire::U32)
            .show("policy", Show::Hook(|scene, tb| show(scene, tb, IFLA_NETKIT_POLICY, "policy", POLICIES))),
        Row::new(IFLA_NETKIT_PEER_POLICY, "IFLA_NETKIT_PEER_POLICY", Wire::U32).show(
            "peer_policy",
            Show::Hook(|scene, tb| show(scene, tb, IFLA_NETKIT_PEER_POLICY, "peer_policy", POLICIES)),
        ),
        Row::new(IFLA_NETKIT_SCRUB, "IFLA_NETKIT_SCRUB", Wire::U32)
            .limits(0, 1)
            .show("scrub", Show::Hook(|scene, tb| show(scene, tb, IFLA_NETKIT_SCRUB, "scrub", SCRUBS))),
        Row::new(IFLA_NETKIT_PEER_SCRUB, "IFLA_NETKIT_PEER_SCRUB", Wire::U32).limits(0, 1).show(
            "peer_scrub",
            Show::Hook(|scene, tb| show(scene, tb, IFLA_NETKIT_PEER_SCRUB, "peer_scrub", SCRUBS)),
        ),
    ],
);

/// The type.
pub static KIND: Kind = Kind {
    name: "netkit",
    table: &TABLE,
    parse: Some(parse),
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: Some(HELP),
    port: false,
};

const HELP: &str = "\
Usage: ... netkit [ mode MODE ] [ POLICY ] [ scrub SCRUB ] [ peer [ POLICY <options> ] ]

MODE: l3 | l2
POLICY: forward | blackhole
SCRUB: default | none
(first values are the defaults if nothing is specified)

To get <options> type 'ip link add help'.
";

fn parse(words: &mut Words<'_>, out: &mut Builder, links: &mut dyn Links) -> Result<(), Stop> {
    let (mut mode_seen, mut peer_seen) = (false, false);
    while let Some(typed) = words.take() {
        let of_end = |own: u16, other: u16| if peer_seen { other } else { own };
        if typed == "mode" {
            let text = words.value()?;
            if std::mem::replace(&mut mode_seen, true) {
                return Err(Stop::duplicate("mode", text));
            }
            let known = "argument of \"mode\" must be either \"l3\" or \"l2\"";
            out.u32(IFLA_NETKIT_MODE, named(MODES, text, known)?);
        } else if let Some((_, policy)) = POLICIES.iter().find(|(name, _)| *name == typed) {
            out.u32(of_end(IFLA_NETKIT_POLICY, IFLA_NETKIT_PEER_POLICY), *policy);
        } else if typed == "scrub" {
            let text = words.value()?;
            let scrub = named(SCRUBS, text, "scrub must be either \"none\" or \"default\"")?;
            out.u32(of_end(IFLA_NETKIT_SCRUB, IFLA_NETKIT_PEER_SCRUB), scrub);
        } else if typed == "peer" {
            if std::mem::replace(&mut peer_seen, true) {
                return Err(Stop::duplicate("peer", words.peek().unwrap_or("(null)")));
            }
        } else if peer_seen {
            words.back();
            let nest = out.nest(IFLA_NETKIT_PEER_INFO);
            links.link_words(words, out)?;
            out.end(nest);
        } else {
            return Err(KIND.usage(&format!("unknown option \"{typed}\"?")));
        }
    }
    Ok(())
}

fn named(names: &[(&str, u32)], text: &str, complaint: &str) -> Result<u32, Stop> {
    let known = names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    known.ok_or_else(|| Stop::fail(1, format!("Error: {complaint}\n")))
}

/// Shows a value by its name; the words before it are the key's.
fn show(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16, key: &str, names: &[(&str, u32)]) {
    let value = tb.u32(number);
    let name = names.iter().find(|(_, known)| Some(*known) == value).map_or("UNKNOWN", |(name, _)| name);
    scene.sink.string(key, &format!("{} ", key.replace('_', " ")), name, " ");
}

fn show_mode(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    show(scene, tb, IFLA_NETKIT_MODE, "mode", MODES);
}

fn show_primary(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let primary = tb.u8(IFLA_NETKIT_PRIMARY).unwrap_or(0) != 0;
    scene.sink.string("type", "type ", if primary { "primary" } else { "peer" }, " ");
}
