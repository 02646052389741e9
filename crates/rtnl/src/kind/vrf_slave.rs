//! `vrf_slave`: what a vrf tells of its port (`drivers/net/vrf.c`; iproute2 `iplink_vrf.c`). Nothing can be set.

use super::Kind;
use crate::show::Show;
use crate::table::{Row, Table, Wire};

/// The table of the domain's routes.
pub const IFLA_VRF_PORT_TABLE: u16 = 1;

static TABLE: Table = Table::new(
    "IFLA_VRF_PORT",
    &[Row::new(IFLA_VRF_PORT_TABLE, "IFLA_VRF_PORT_TABLE", Wire::U32)
        .reply()
        .show("table", Show::Uint("table "))],
);

/// The kind of a port.
pub static KIND: Kind = Kind {
    name: "vrf_slave",
    table: &TABLE,
    parse: None,
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: None,
    port: true,
};
