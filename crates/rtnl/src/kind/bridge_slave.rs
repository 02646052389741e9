//! `bridge_slave`.

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "bridge_slave",
    table: &Table::new("IFLA_BRIDGE_SLAVE", &[]),
    parse: None,
    show: None,
    help: None,
    port: true,
};
