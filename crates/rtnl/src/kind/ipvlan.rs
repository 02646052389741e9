//! `ipvlan`: further links on a lower link that share its address and are told apart by their IP addresses
//! (`drivers/net/ipvlan/ipvlan_main.c`; iproute2 `iplink_ipvlan.c`). `ipvtap` is the same with a character device in
//! the place of the host.
//!
//! The flags are gathered over the line and always sent, so that a change of the mode alone clears them.

use super::Kind;
use crate::attr::Builder;
use crate::show::{Scene, Show};
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{Stop, Words, matches};

/// How frames are told apart, `IPVLAN_MODE_*`.
pub const IFLA_IPVLAN_MODE: u16 = 1;
/// `IPVLAN_F_*`.
pub const IFLA_IPVLAN_FLAGS: u16 = 2;

/// By the Ethernet header and then the IP addresses.
pub const IPVLAN_MODE_L2: u16 = 0;
/// By the IP addresses alone; the lower link's namespace routes.
pub const IPVLAN_MODE_L3: u16 = 1;
/// The same, and what comes in passes the lower link's host stack.
pub const IPVLAN_MODE_L3S: u16 = 2;

/// Children do not see one another.
pub const IPVLAN_F_PRIVATE: u16 = 1;
/// Children see one another through the switch outside.
pub const IPVLAN_F_VEPA: u16 = 2;

const MODES: &[(&str, u16)] = &[("l2", IPVLAN_MODE_L2), ("l3", IPVLAN_MODE_L3), ("l3s", IPVLAN_MODE_L3S)];

/// The attributes, which `ipvtap` shares.
pub static TABLE: Table = Table::new(
    "IFLA_IPVLAN",
    &[
        Row::new(IFLA_IPVLAN_MODE, "IFLA_IPVLAN_MODE", Wire::U16).show("mode", Show::Hook(show_mode)),
        Row::new(IFLA_IPVLAN_FLAGS, "IFLA_IPVLAN_FLAGS", Wire::U16).show("bridge", Show::Hook(show_flags)),
    ],
);

/// The help of `ipvlan` and `ipvtap`, which differ in the name alone.
macro_rules! help {
    ($kind:literal) => {
        concat!(
            "Usage: ... ",
            $kind,
            " [ mode MODE ] [ FLAGS ]\n\
             \n\
             MODE: l3 | l3s | l2\n\
             FLAGS: bridge | private | vepa\n\
             (first values are the defaults if nothing is specified).\n\
             "
        )
    };
}
pub(super) use help;

/// The type.
pub static KIND: Kind = Kind {
    name: "ipvlan",
    table: &TABLE,
    parse: Some(|words, out, _| parse(&KIND, words, out)),
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: Some(help!("ipvlan")),
    port: false,
};

/// Parses for either kind. Only the first word for a flag is one.
pub(super) fn parse(kind: &Kind, words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
    let mut flags = None;
    while let Some(typed) = words.take() {
        if matches(typed, "mode") {
            out.u16(IFLA_IPVLAN_MODE, parse_mode(words.value()?)?);
        } else if matches(typed, "private") && flags.is_none() {
            flags = Some(IPVLAN_F_PRIVATE);
        } else if matches(typed, "vepa") && flags.is_none() {
            flags = Some(IPVLAN_F_VEPA);
        } else if matches(typed, "bridge") && flags.is_none() {
            flags = Some(0);
        } else {
            return Err(kind.unknown("option", typed));
        }
    }
    out.u16(IFLA_IPVLAN_FLAGS, flags.unwrap_or(0));
    Ok(())
}

fn parse_mode(text: &str) -> Result<u16, Stop> {
    let mode = MODES.iter().find(|(name, _)| *name == text).map(|(_, mode)| *mode);
    mode.ok_or_else(|| {
        Stop::fail(1, "Error: argument of \"mode\" must be either \"l2\", \"l3\" or \"l3s\"\n")
    })
}

/// The attribute's value, if it is exactly as long as the tool expects.
fn value(tb: &Tb<'_>, number: u16) -> Option<u16> {
    tb.get(number).filter(|attr| attr.payload.len() == 2).map(|attr| attr.u16())
}

fn show_mode(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let Some(mode) = value(tb, IFLA_IPVLAN_MODE) else { return };
    let name = MODES.iter().find(|(_, number)| *number == mode).map_or("unknown", |(name, _)| name);
    scene.sink.string("mode", " mode ", name, " ");
}

fn show_flags(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let Some(flags) = value(tb, IFLA_IPVLAN_FLAGS) else { return };
    let name = match () {
        () if flags & IPVLAN_F_PRIVATE != 0 => "private",
        () if flags & IPVLAN_F_VEPA != 0 => "vepa",
        () => "bridge",
    };
    scene.sink.boolean(name, true, &format!("{name} "), "");
}
