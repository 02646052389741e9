//! `vcan`: a CAN bus inside the host (`drivers/net/can/vcan.c`; iproute2 `iplink_vcan.c`). It has no attributes and
//! no grammar: the tool passes over whatever stands behind it.

use super::Kind;
use crate::table::Table;

/// The type.
pub static KIND: Kind = Kind {
    name: "vcan",
    table: &Table::new("IFLA_VCAN", &[]),
    parse: None,
    show: None,
    help: Some("Usage: ... vcan\n"),
    port: false,
};
