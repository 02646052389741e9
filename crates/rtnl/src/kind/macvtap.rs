//! `macvtap`.

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "macvtap",
    table: &Table::new("IFLA_MACVTAP", &[]),
    parse: None,
    show: None,
    help: None,
    port: false,
};
