//! `macvlan`.

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "macvlan",
    table: &Table::new("IFLA_MACVLAN", &[]),
    parse: None,
    show: None,
    help: None,
    port: false,
};
