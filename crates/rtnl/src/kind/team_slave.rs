//! `team_slave`: a port of a team (iproute2 `iplink_team.c`). Nothing of it travels with the link, and nothing can be
//! changed through it: the kernel refuses whatever stands behind it.

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "team_slave",
    table: &Table::new("IFLA_TEAM_SLAVE", &[]),
    parse: None,
    show: None,
    help: Some("Usage: ... team_slave\n"),
    port: true,
};
