//! `nlmon`: a link that hears the netlink messages of its namespace (`drivers/net/nlmon.c`; iproute2
//! `iplink_nlmon.c`). It has no attributes and no grammar: the tool passes over whatever stands behind it.

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "nlmon",
    table: &Table::new("IFLA_NLMON", &[]),
    parse: None,
    show: None,
    help: Some("Usage: ... nlmon\n"),
    port: false,
};
