//! `veth`: a cable, one link at each end (`drivers/net/veth.c`; iproute2 `link_veth.c`).
//!
//! The one attribute is a whole link message without its header: the other end. Its words are those of `ip link add`,
//! so the grammar is not here but with that command. Nothing is shown.

use super::Kind;
use crate::table::{Row, Table, Wire};

/// The other end: `struct ifinfomsg` and the attributes of a link.
pub const VETH_INFO_PEER: u16 = 1;

static TABLE: Table =
    Table::new("VETH_INFO", &[Row::new(VETH_INFO_PEER, "VETH_INFO_PEER", Wire::AtLeast(16))]);

/// The type.
pub static KIND: Kind =
    Kind { name: "veth", table: &TABLE, parse: None, show: None, help: Some(HELP), port: false };

const HELP: &str = "\
Usage: ip link <options> type veth [peer <options>]
To get <options> type 'ip link add help'
";
