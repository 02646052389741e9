//! Encapsulation by routes: what stands in `RTA_ENCAP`, by the type in `RTA_ENCAP_TYPE`
//! (`include/uapi/linux/lwtunnel.h`; validation as `ip_tun_policy` and its kin in `net/ipv4/ip_tunnel_core.c`).
//!
//! Only the two types of tunnels of IP stand here in full: their packets carry what is said to a device that is
//! controlled from outside (`vxlan external`, `geneve external`).

use crate::table::{Row, Table, Wire};

/// Labels of MPLS.
pub const LWTUNNEL_ENCAP_MPLS: u16 = 1;
/// A tunnel over IPv4.
pub const LWTUNNEL_ENCAP_IP: u16 = 2;
/// Identifier and locator addresses.
pub const LWTUNNEL_ENCAP_ILA: u16 = 3;
/// A tunnel over IPv6.
pub const LWTUNNEL_ENCAP_IP6: u16 = 4;
/// A list of segments.
pub const LWTUNNEL_ENCAP_SEG6: u16 = 5;
/// Programs.
pub const LWTUNNEL_ENCAP_BPF: u16 = 6;
/// What is done at a segment.
pub const LWTUNNEL_ENCAP_SEG6_LOCAL: u16 = 7;
/// A source route (RFC 6554).
pub const LWTUNNEL_ENCAP_RPL: u16 = 8;
/// Notes of the nodes on the way.
pub const LWTUNNEL_ENCAP_IOAM6: u16 = 9;
/// IPsec of an interface.
pub const LWTUNNEL_ENCAP_XFRM: u16 = 10;

/// The network: 64 bits in network order.
pub const LWTUNNEL_IP_ID: u16 = 1;
/// The far end.
pub const LWTUNNEL_IP_DST: u16 = 2;
/// The near end.
pub const LWTUNNEL_IP_SRC: u16 = 3;
/// The time to live, or the hop limit.
pub const LWTUNNEL_IP_TTL: u16 = 4;
/// The type of service, or the traffic class.
pub const LWTUNNEL_IP_TOS: u16 = 5;
/// Bits of [`flag`], in network order.
pub const LWTUNNEL_IP_FLAGS: u16 = 6;
/// Nothing, so that the network is aligned.
pub const LWTUNNEL_IP_PAD: u16 = 7;
/// The tunnel's own options.
pub const LWTUNNEL_IP_OPTS: u16 = 8;

/// Inside the options: one of Geneve's.
pub const LWTUNNEL_IP_OPTS_GENEVE: u16 = 1;
/// Inside the options: VXLAN's.
pub const LWTUNNEL_IP_OPTS_VXLAN: u16 = 2;
/// Inside the options: ERSPAN's.
pub const LWTUNNEL_IP_OPTS_ERSPAN: u16 = 3;

/// Inside an option of Geneve: its class, in network order.
pub const LWTUNNEL_IP_OPT_GENEVE_CLASS: u16 = 1;
/// Inside an option of Geneve: its type.
pub const LWTUNNEL_IP_OPT_GENEVE_TYPE: u16 = 2;
/// Inside an option of Geneve: what it says, whole words of four bytes.
pub const LWTUNNEL_IP_OPT_GENEVE_DATA: u16 = 3;

/// Inside VXLAN's options: the policy of the group (`gbp`).
pub const LWTUNNEL_IP_OPT_VXLAN_GBP: u16 = 1;

/// Inside ERSPAN's options: the version.
pub const LWTUNNEL_IP_OPT_ERSPAN_VER: u16 = 1;
/// Inside ERSPAN's options of version 1: the index, in network order.
pub const LWTUNNEL_IP_OPT_ERSPAN_INDEX: u16 = 2;
/// Inside ERSPAN's options of version 2: the direction.
pub const LWTUNNEL_IP_OPT_ERSPAN_DIR: u16 = 3;
/// Inside ERSPAN's options of version 2: the hardware.
pub const LWTUNNEL_IP_OPT_ERSPAN_HWID: u16 = 4;

/// What a packet of a tunnel has (`TUNNEL_*` of `include/net/ip_tunnels.h`).
pub mod flag {
    /// A checksum.
    pub const CSUM: u16 = 1;
    /// A network.
    pub const KEY: u16 = 1 << 2;
    /// A sequence number.
    pub const SEQ: u16 = 1 << 3;
    /// It must not be cut.
    pub const DONT_FRAGMENT: u16 = 1 << 8;
    /// It is a message of operation and maintenance.
    pub const OAM: u16 = 1 << 9;
    /// An option that must be understood.
    pub const CRIT_OPT: u16 = 1 << 10;
    /// Options of Geneve.
    pub const GENEVE_OPT: u16 = 1 << 11;
    /// Options of VXLAN.
    pub const VXLAN_OPT: u16 = 1 << 12;
    /// Options of ERSPAN.
    pub const ERSPAN_OPT: u16 = 1 << 14;
    /// Options of any tunnel.
    pub const OPTIONS: u16 = GENEVE_OPT | VXLAN_OPT | ERSPAN_OPT;
}

const fn attributes(address: Wire) -> [Row; 8] {
    [
        Row::new(LWTUNNEL_IP_ID, "LWTUNNEL_IP_ID", Wire::U64),
        Row::new(LWTUNNEL_IP_DST, "LWTUNNEL_IP_DST", address),
        Row::new(LWTUNNEL_IP_SRC, "LWTUNNEL_IP_SRC", address),
        Row::new(LWTUNNEL_IP_TTL, "LWTUNNEL_IP_TTL", Wire::U8),
        Row::new(LWTUNNEL_IP_TOS, "LWTUNNEL_IP_TOS", Wire::U8),
        Row::new(LWTUNNEL_IP_FLAGS, "LWTUNNEL_IP_FLAGS", Wire::U16Be),
        Row::new(LWTUNNEL_IP_PAD, "LWTUNNEL_IP_PAD", Wire::Bytes(u16::MAX)).reply(),
        Row::new(LWTUNNEL_IP_OPTS, "LWTUNNEL_IP_OPTS", Wire::Nest),
    ]
}

/// What a tunnel over IPv4 has.
pub static ENCAP_IP: Table = Table::new("LWTUNNEL_IP", &attributes(Wire::AtLeast(4)));
/// What a tunnel over IPv6 has; the numbers are those of IPv4.
pub static ENCAP_IP6: Table = Table::new("LWTUNNEL_IP6", &attributes(Wire::AtLeast(16)));

/// An option of Geneve.
pub static GENEVE_OPTION: Table = Table::new(
    "LWTUNNEL_IP_OPT_GENEVE",
    &[
        Row::new(LWTUNNEL_IP_OPT_GENEVE_CLASS, "LWTUNNEL_IP_OPT_GENEVE_CLASS", Wire::U16Be),
        Row::new(LWTUNNEL_IP_OPT_GENEVE_TYPE, "LWTUNNEL_IP_OPT_GENEVE_TYPE", Wire::U8),
        Row::new(LWTUNNEL_IP_OPT_GENEVE_DATA, "LWTUNNEL_IP_OPT_GENEVE_DATA", Wire::Bytes(128)),
    ],
);
/// VXLAN's options.
pub static VXLAN_OPTION: Table = Table::new(
    "LWTUNNEL_IP_OPT_VXLAN",
    &[Row::new(LWTUNNEL_IP_OPT_VXLAN_GBP, "LWTUNNEL_IP_OPT_VXLAN_GBP", Wire::U32)],
);
/// ERSPAN's options.
pub static ERSPAN_OPTION: Table = Table::new(
    "LWTUNNEL_IP_OPT_ERSPAN",
    &[
        Row::new(LWTUNNEL_IP_OPT_ERSPAN_VER, "LWTUNNEL_IP_OPT_ERSPAN_VER", Wire::U8),
        Row::new(LWTUNNEL_IP_OPT_ERSPAN_INDEX, "LWTUNNEL_IP_OPT_ERSPAN_INDEX", Wire::U32),
        Row::new(LWTUNNEL_IP_OPT_ERSPAN_DIR, "LWTUNNEL_IP_OPT_ERSPAN_DIR", Wire::U8),
        Row::new(LWTUNNEL_IP_OPT_ERSPAN_HWID, "LWTUNNEL_IP_OPT_ERSPAN_HWID", Wire::U8),
    ],
);
