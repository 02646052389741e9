//! `bridge`.

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "bridge",
    table: &Table::new("IFLA_BRIDGE", &[]),
    parse: None,
    show: None,
    help: None,
    port: false,
};
