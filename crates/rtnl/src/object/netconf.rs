//! Settings of IP on a link, or of a whole namespace: `struct netconfmsg` and the attributes `NETCONFA_*`
//! (`include/uapi/linux/netconf.h`; validation as `devconf_ipv4_policy` in `net/ipv4/devinet.c`).

use crate::attr::Builder;
use crate::message::Message;
use crate::table::{Row, Table, Wire};

/// A setting is new or changed.
pub const RTM_NEWNETCONF: u16 = 80;
/// The settings of a link are gone.
pub const RTM_DELNETCONF: u16 = 81;
/// Tell of settings.
pub const RTM_GETNETCONF: u16 = 82;

/// The multicast group of IPv4 settings.
pub const RTNLGRP_IPV4_NETCONF: u32 = 24;
/// The multicast group of IPv6 settings.
pub const RTNLGRP_IPV6_NETCONF: u32 = 25;
/// The multicast group of MPLS settings.
pub const RTNLGRP_MPLS_NETCONF: u32 = 29;

/// The link; [`NETCONFA_IFINDEX_ALL`], [`NETCONFA_IFINDEX_DEFAULT`].
pub const NETCONFA_IFINDEX: u16 = 1;
/// Whether packets are sent on.
pub const NETCONFA_FORWARDING: u16 = 2;
/// Whether sources are checked: 0 not, 1 strictly, 2 loosely.
pub const NETCONFA_RP_FILTER: u16 = 3;
/// Whether multicasts are sent on.
pub const NETCONFA_MC_FORWARDING: u16 = 4;
/// Whether others' addresses are answered for.
pub const NETCONFA_PROXY_NEIGH: u16 = 5;
/// Whether routes without carrier are passed over.
pub const NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN: u16 = 6;
/// Whether MPLS packets are taken.
pub const NETCONFA_INPUT: u16 = 7;
/// Whether broadcasts are sent on.
pub const NETCONFA_BC_FORWARDING: u16 = 8;

/// Instead of a link: the settings for all.
pub const NETCONFA_IFINDEX_ALL: i32 = -1;
/// Instead of a link: the settings with which links begin.
pub const NETCONFA_IFINDEX_DEFAULT: i32 = -2;

static ROWS: [Row; 8] = [
    Row::new(NETCONFA_IFINDEX, "NETCONFA_IFINDEX", Wire::S32),
    Row::new(NETCONFA_FORWARDING, "NETCONFA_FORWARDING", Wire::S32),
    Row::new(NETCONFA_RP_FILTER, "NETCONFA_RP_FILTER", Wire::S32),
    Row::new(NETCONFA_MC_FORWARDING, "NETCONFA_MC_FORWARDING", Wire::Bytes(u16::MAX)).reply(),
    Row::new(NETCONFA_PROXY_NEIGH, "NETCONFA_PROXY_NEIGH", Wire::S32),
    Row::new(NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN, "NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN", Wire::S32),
    Row::new(NETCONFA_INPUT, "NETCONFA_INPUT", Wire::Bytes(u16::MAX)).reply(),
    Row::new(NETCONFA_BC_FORWARDING, "NETCONFA_BC_FORWARDING", Wire::Bytes(u16::MAX)).reply(),
];

/// The attributes of settings.
pub static NETCONFA: Table = Table::new("NETCONFA", &ROWS);

/// `struct netconfmsg`: one byte in front of the attributes, which begin at the next multiple of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Netconf {
    /// `AF_INET` or `AF_INET6`.
    pub family: u8,
}

impl Netconf {
    /// Bytes on the wire.
    pub const SIZE: usize = 1;

    /// Reads it from a message; none if the payload is empty.
    pub fn decode(message: &Message<'_>) -> Option<Netconf> {
        message.payload().first().map(|family| Netconf { family: *family })
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Builder) {
        out.bytes.push(self.family);
        out.pad();
    }
}
