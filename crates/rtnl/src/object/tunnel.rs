//! The networks that a vxlan of many takes: `struct tunnel_msg` and the attributes `VXLAN_VNIFILTER_*`
//! (`include/uapi/linux/if_link.h`; `drivers/net/vxlan/vxlan_vnifilter.c`).
//!
//! A message is of one device. Each entry in it is one network or a range of them with the far end they share.

use crate::attr::Builder;
use crate::message::Message;
use crate::table::{Row, Table, Wire};

/// Networks are new or changed; or: take them.
pub const RTM_NEWTUNNEL: u16 = 120;
/// Networks are gone; or: take them no longer.
pub const RTM_DELTUNNEL: u16 = 121;
/// Tell of networks.
pub const RTM_GETTUNNEL: u16 = 122;

/// The multicast group of networks.
pub const RTNLGRP_TUNNEL: u32 = 35;

/// In the header of a request for a dump: counters are wanted.
pub const TUNNEL_MSG_FLAG_STATS: u8 = 1;

/// One network, or a range.
pub const VXLAN_VNIFILTER_ENTRY: u16 = 1;

/// Inside an entry: the network, or the first of a range.
pub const VXLAN_VNIFILTER_ENTRY_START: u16 = 1;
/// Inside an entry: the last of a range.
pub const VXLAN_VNIFILTER_ENTRY_END: u16 = 2;
/// Inside an entry: where frames go whose address is not known, IPv4.
pub const VXLAN_VNIFILTER_ENTRY_GROUP: u16 = 3;
/// Inside an entry: the same, IPv6.
pub const VXLAN_VNIFILTER_ENTRY_GROUP6: u16 = 4;
/// Inside an entry: its counters.
pub const VXLAN_VNIFILTER_ENTRY_STATS: u16 = 5;

/// Inside counters: bytes that came in.
pub const VNIFILTER_ENTRY_STATS_RX_BYTES: u16 = 1;
/// Inside counters: frames that came in.
pub const VNIFILTER_ENTRY_STATS_RX_PKTS: u16 = 2;
/// Inside counters: frames that came in and were dropped.
pub const VNIFILTER_ENTRY_STATS_RX_DROPS: u16 = 3;
/// Inside counters: frames that came in and were wrong.
pub const VNIFILTER_ENTRY_STATS_RX_ERRORS: u16 = 4;
/// Inside counters: bytes that went out.
pub const VNIFILTER_ENTRY_STATS_TX_BYTES: u16 = 5;
/// Inside counters: frames that went out.
pub const VNIFILTER_ENTRY_STATS_TX_PKTS: u16 = 6;
/// Inside counters: frames that were dropped on their way out.
pub const VNIFILTER_ENTRY_STATS_TX_DROPS: u16 = 7;
/// Inside counters: frames that could not go out.
pub const VNIFILTER_ENTRY_STATS_TX_ERRORS: u16 = 8;
/// Inside counters: keeps those behind it aligned.
pub const VNIFILTER_ENTRY_STATS_PAD: u16 = 9;

/// The attributes of a message.
pub static MESSAGE: Table =
    Table::new("VXLAN_VNIFILTER", &[Row::new(VXLAN_VNIFILTER_ENTRY, "VXLAN_VNIFILTER_ENTRY", Wire::Nest)]);

/// The attributes inside an entry. Addresses may be shorter than they are, and no longer.
pub static ENTRY: Table = Table::new(
    "VXLAN_VNIFILTER_ENTRY",
    &[
        Row::new(VXLAN_VNIFILTER_ENTRY_START, "VXLAN_VNIFILTER_ENTRY_START", Wire::U32),
        Row::new(VXLAN_VNIFILTER_ENTRY_END, "VXLAN_VNIFILTER_ENTRY_END", Wire::U32),
        Row::new(VXLAN_VNIFILTER_ENTRY_GROUP, "VXLAN_VNIFILTER_ENTRY_GROUP", Wire::Bytes(4)),
        Row::new(VXLAN_VNIFILTER_ENTRY_GROUP6, "VXLAN_VNIFILTER_ENTRY_GROUP6", Wire::Bytes(16)),
        Row::new(VXLAN_VNIFILTER_ENTRY_STATS, "VXLAN_VNIFILTER_ENTRY_STATS", Wire::Nest).reply(),
    ],
);

/// A counter by its attribute and its key in JSON; in text the word behind the first `_` stands before it.
pub static COUNTERS: [(u16, &str); 8] = [
    (VNIFILTER_ENTRY_STATS_RX_BYTES, "rx_bytes"),
    (VNIFILTER_ENTRY_STATS_RX_PKTS, "rx_pkts"),
    (VNIFILTER_ENTRY_STATS_RX_DROPS, "rx_drops"),
    (VNIFILTER_ENTRY_STATS_RX_ERRORS, "rx_errors"),
    (VNIFILTER_ENTRY_STATS_TX_BYTES, "tx_bytes"),
    (VNIFILTER_ENTRY_STATS_TX_PKTS, "tx_pkts"),
    (VNIFILTER_ENTRY_STATS_TX_DROPS, "tx_drops"),
    (VNIFILTER_ENTRY_STATS_TX_ERRORS, "tx_errors"),
];

/// `struct tunnel_msg`: 8 bytes in front of a device's networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TunnelMsg {
    /// The address family, `AF_BRIDGE`.
    pub family: u8,
    /// `TUNNEL_MSG_FLAG_*`.
    pub flags: u8,
    /// The device.
    pub ifindex: u32,
}

impl TunnelMsg {
    /// Bytes on the wire.
    pub const SIZE: usize = 8;

    /// Reads it from a message; none if the payload is too short.
    pub fn decode(message: &Message<'_>) -> Option<TunnelMsg> {
        let b: &[u8; Self::SIZE] = message.payload().get(..Self::SIZE)?.try_into().ok()?;
        Some(TunnelMsg { family: b[0], flags: b[1], ifindex: u32::from_ne_bytes([b[4], b[5], b[6], b[7]]) })
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Builder) {
        out.bytes.extend_from_slice(&[self.family, self.flags, 0, 0]);
        out.bytes.extend_from_slice(&self.ifindex.to_ne_bytes());
    }
}
