//! `vxcan`: a CAN cable, one link at each end (`drivers/net/can/vxcan.c`; iproute2 `link_veth.c`, which serves both).
//! As with [`veth`](super::veth), the one attribute is a whole link message: the other end.

use super::Kind;
use super::veth::parse_peer;
use crate::table::{Row, Table, Wire};

/// The other end: `struct ifinfomsg` and the attributes of a link.
pub const VXCAN_INFO_PEER: u16 = 1;

static TABLE: Table =
    Table::new("VXCAN_INFO", &[Row::new(VXCAN_INFO_PEER, "VXCAN_INFO_PEER", Wire::AtLeast(16))]);

/// The type.
pub static KIND: Kind = Kind {
    name: "vxcan",
    table: &TABLE,
    parse: Some(|words, out, links| parse_peer(HELP, words, out, links)),
    show: None,
    help: Some(HELP),
    port: false,
};

const HELP: &str = "\
Usage: ip link <options> type vxcan [peer <options>]
To get <options> type 'ip link add help'
";
