//! `dummy`: a link that swallows frames (`drivers/net/dummy.c`; iproute2 `iplink_dummy.c`). It has no
//! attributes and no grammar: the tool passes over whatever stands behind it, even `help`.

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "dummy",
    table: &Table::new("IFLA_DUMMY", &[]),
    parse: None,
    show: None,
    help: Some("Usage: ... dummy\n"),
    port: false,
};
