//! `ifb`: a link that frames are redirected to, to be queued (`drivers/net/ifb.c`; iproute2 `iplink_ifb.c`). It has no
//! attributes and no grammar: the tool passes over whatever stands behind it, even `help`.

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "ifb",
    table: &Table::new("IFLA_IFB", &[]),
    parse: None,
    show: None,
    help: Some("Usage: ... ifb\n"),
    port: false,
};
