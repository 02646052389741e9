//! `ifb`: no attributes and no grammar (`drivers/net/ifb.c`, iproute2 has no file for it).

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "ifb",
    table: &Table::new("IFLA_IFB", &[]),
    parse: None,
    show: None,
    help: None,
    port: false,
};
