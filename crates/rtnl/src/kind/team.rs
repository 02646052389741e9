//! `team`: several links as one, as a program decides (`drivers/net/team`; iproute2 `iplink_team.c`). It has no
//! attributes and no grammar: the tool passes over whatever stands behind it, even `help`. What the program says
//! travels by generic netlink.

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "team",
    table: &Table::new("IFLA_TEAM", &[]),
    parse: None,
    show: None,
    help: Some("Usage: ... team\n"),
    port: false,
};
