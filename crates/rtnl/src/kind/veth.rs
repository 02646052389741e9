//! `veth`.

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "veth",
    table: &Table::new("IFLA_VETH", &[]),
    parse: None,
    show: None,
    help: None,
    port: false,
};
