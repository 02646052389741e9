//! `dummy`: no attributes and no grammar (`drivers/net/dummy.c`, iproute2 has no file for it).

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "dummy",
    table: &Table::new("IFLA_DUMMY", &[]),
    parse: None,
    show: None,
    help: None,
    port: false,
};
