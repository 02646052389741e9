//! A bridge's VLANs with their options: `struct br_vlan_msg` and the attributes `BRIDGE_VLANDB_*`
//! (`include/uapi/linux/if_bridge.h`; `net/bridge/br_vlan.c`, `br_vlan_options.c`).
//!
//! A message is of one link. Entries are what a port keeps of a VLAN, global options what the bridge keeps of it for
//! all ports; either may stand for a range. Times are hundredths of a second.

use crate::attr::Builder;
use crate::message::Message;
use crate::show::Show;
use crate::table::{Row, Table, Wire};
use crate::words::{Value, Word};

/// A VLAN is new or changed; or: change its options.
pub const RTM_NEWVLAN: u16 = 112;
/// A VLAN is gone; or: remove one.
pub const RTM_DELVLAN: u16 = 113;
/// Tell of VLANs.
pub const RTM_GETVLAN: u16 = 114;

/// The multicast group of VLANs.
pub const RTNLGRP_BRVLAN: u32 = 33;

/// In a request for a dump: `BRIDGE_VLANDB_DUMPF_*`.
pub const BRIDGE_VLANDB_DUMP_FLAGS: u16 = 1;
/// Statistics are wanted.
pub const BRIDGE_VLANDB_DUMPF_STATS: u32 = 1;
/// The global options are wanted, and not the entries.
pub const BRIDGE_VLANDB_DUMPF_GLOBAL: u32 = 2;

/// What a port keeps of a VLAN.
pub const BRIDGE_VLANDB_ENTRY: u16 = 1;
/// What the bridge keeps of a VLAN.
pub const BRIDGE_VLANDB_GLOBAL_OPTIONS: u16 = 2;

/// Inside an entry: `struct bridge_vlan_info`.
pub const BRIDGE_VLANDB_ENTRY_INFO: u16 = 1;
/// Inside an entry: the last identifier of a range.
pub const BRIDGE_VLANDB_ENTRY_RANGE: u16 = 2;
/// Inside an entry: its state in the spanning tree.
pub const BRIDGE_VLANDB_ENTRY_STATE: u16 = 3;
/// Inside an entry: its tunnel.
pub const BRIDGE_VLANDB_ENTRY_TUNNEL_INFO: u16 = 4;
/// Inside an entry: its counters.
pub const BRIDGE_VLANDB_ENTRY_STATS: u16 = 5;
/// Inside an entry: whether a multicast router is behind it.
pub const BRIDGE_VLANDB_ENTRY_MCAST_ROUTER: u16 = 6;

/// Inside a tunnel: its network.
pub const BRIDGE_VLANDB_TINFO_ID: u16 = 1;
/// Inside a tunnel: whether it is set (`RTM_SETLINK`) or taken (`RTM_DELLINK`).
pub const BRIDGE_VLANDB_TINFO_CMD: u16 = 2;

/// Inside counters: bytes that came in.
pub const BRIDGE_VLANDB_STATS_RX_BYTES: u16 = 1;
/// Inside counters: frames that came in.
pub const BRIDGE_VLANDB_STATS_RX_PACKETS: u16 = 2;
/// Inside counters: bytes that went out.
pub const BRIDGE_VLANDB_STATS_TX_BYTES: u16 = 3;
/// Inside counters: frames that went out.
pub const BRIDGE_VLANDB_STATS_TX_PACKETS: u16 = 4;

/// Inside global options: the identifier.
pub const BRIDGE_VLANDB_GOPTS_ID: u16 = 1;
/// Inside global options: the last identifier of a range.
pub const BRIDGE_VLANDB_GOPTS_RANGE: u16 = 2;
/// Inside global options: whether multicast is snooped.
pub const BRIDGE_VLANDB_GOPTS_MCAST_SNOOPING: u16 = 3;
/// Inside global options: the version of IGMP.
pub const BRIDGE_VLANDB_GOPTS_MCAST_IGMP_VERSION: u16 = 4;
/// Inside global options: the version of MLD.
pub const BRIDGE_VLANDB_GOPTS_MCAST_MLD_VERSION: u16 = 5;
/// Inside global options: how often is asked before a group ends.
pub const BRIDGE_VLANDB_GOPTS_MCAST_LAST_MEMBER_CNT: u16 = 6;
/// Inside global options: how often is asked at the start.
pub const BRIDGE_VLANDB_GOPTS_MCAST_STARTUP_QUERY_CNT: u16 = 7;
/// Inside global options: between two questions before a group ends.
pub const BRIDGE_VLANDB_GOPTS_MCAST_LAST_MEMBER_INTVL: u16 = 8;
/// Inside global options: how long a member counts without an answer.
pub const BRIDGE_VLANDB_GOPTS_MCAST_MEMBERSHIP_INTVL: u16 = 10;
/// Inside global options: how long another querier counts without a question.
pub const BRIDGE_VLANDB_GOPTS_MCAST_QUERIER_INTVL: u16 = 11;
/// Inside global options: between two general questions.
pub const BRIDGE_VLANDB_GOPTS_MCAST_QUERY_INTVL: u16 = 12;
/// Inside global options: how long members may take to answer.
pub const BRIDGE_VLANDB_GOPTS_MCAST_QUERY_RESPONSE_INTVL: u16 = 13;
/// Inside global options: between two questions at the start.
pub const BRIDGE_VLANDB_GOPTS_MCAST_STARTUP_QUERY_INTVL: u16 = 14;
/// Inside global options: whether the bridge asks.
pub const BRIDGE_VLANDB_GOPTS_MCAST_QUERIER: u16 = 15;
/// Inside global options: the ports behind which routers are, as in `mdb`.
pub const BRIDGE_VLANDB_GOPTS_MCAST_ROUTER_PORTS: u16 = 16;
/// Inside global options: who asks.
pub const BRIDGE_VLANDB_GOPTS_MCAST_QUERIER_STATE: u16 = 17;
/// Inside global options: the spanning tree that the VLAN belongs to.
pub const BRIDGE_VLANDB_GOPTS_MSTI: u16 = 18;

/// The attributes inside an entry.
pub static ENTRY: Table = Table::new(
    "BRIDGE_VLANDB_ENTRY",
    &[
        Row::new(BRIDGE_VLANDB_ENTRY_INFO, "BRIDGE_VLANDB_ENTRY_INFO", Wire::Exact(4)),
        Row::new(BRIDGE_VLANDB_ENTRY_RANGE, "BRIDGE_VLANDB_ENTRY_RANGE", Wire::U16),
        Row::new(BRIDGE_VLANDB_ENTRY_STATE, "BRIDGE_VLANDB_ENTRY_STATE", Wire::U8),
        Row::new(BRIDGE_VLANDB_ENTRY_TUNNEL_INFO, "BRIDGE_VLANDB_ENTRY_TUNNEL_INFO", Wire::Nest),
        Row::new(BRIDGE_VLANDB_ENTRY_STATS, "BRIDGE_VLANDB_ENTRY_STATS", Wire::Nest).reply(),
        Row::new(BRIDGE_VLANDB_ENTRY_MCAST_ROUTER, "BRIDGE_VLANDB_ENTRY_MCAST_ROUTER", Wire::U8)
            .word(Word::whole(&["mcast_router"], Value::Number(0, "invalid mcast_router")))
            .show("mcast_router", Show::Uint("mcast_router ")),
    ],
);

/// The attributes inside the tunnel of an entry.
pub static TUNNEL: Table = Table::new(
    "BRIDGE_VLANDB_TINFO",
    &[
        Row::new(BRIDGE_VLANDB_TINFO_ID, "BRIDGE_VLANDB_TINFO_ID", Wire::U32),
        Row::new(BRIDGE_VLANDB_TINFO_CMD, "BRIDGE_VLANDB_TINFO_CMD", Wire::U32),
    ],
);

/// A number that has the same word before it on the command line, in text and in JSON.
macro_rules! option {
    ($number:ident, $wire:ident, $word:literal) => {
        Row::new($number, stringify!($number), Wire::$wire)
            .word(Word::whole(&[$word], Value::Number(0, concat!("invalid ", $word))))
            .show($word, Show::Uint(concat!($word, " ")))
    };
}

/// The attributes inside global options, in the order in which they are shown.
pub static GLOBAL_OPTIONS: Table = Table::new(
    "BRIDGE_VLANDB_GOPTS",
    &[
        Row::new(BRIDGE_VLANDB_GOPTS_ID, "BRIDGE_VLANDB_GOPTS_ID", Wire::U16),
        Row::new(BRIDGE_VLANDB_GOPTS_RANGE, "BRIDGE_VLANDB_GOPTS_RANGE", Wire::U16),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_SNOOPING, U8, "mcast_snooping"),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_QUERIER, U8, "mcast_querier"),
        Row::new(
            BRIDGE_VLANDB_GOPTS_MCAST_QUERIER_STATE,
            "BRIDGE_VLANDB_GOPTS_MCAST_QUERIER_STATE",
            Wire::Nest,
        )
        .reply(),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_IGMP_VERSION, U8, "mcast_igmp_version"),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_MLD_VERSION, U8, "mcast_mld_version"),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_LAST_MEMBER_CNT, U32, "mcast_last_member_count"),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_LAST_MEMBER_INTVL, U64, "mcast_last_member_interval"),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_STARTUP_QUERY_CNT, U32, "mcast_startup_query_count"),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_STARTUP_QUERY_INTVL, U64, "mcast_startup_query_interval"),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_MEMBERSHIP_INTVL, U64, "mcast_membership_interval"),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_QUERIER_INTVL, U64, "mcast_querier_interval"),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_QUERY_INTVL, U64, "mcast_query_interval"),
        option!(BRIDGE_VLANDB_GOPTS_MCAST_QUERY_RESPONSE_INTVL, U64, "mcast_query_response_interval"),
        Row::new(
            BRIDGE_VLANDB_GOPTS_MCAST_ROUTER_PORTS,
            "BRIDGE_VLANDB_GOPTS_MCAST_ROUTER_PORTS",
            Wire::Nest,
        )
        .reply(),
        Row::new(BRIDGE_VLANDB_GOPTS_MSTI, "BRIDGE_VLANDB_GOPTS_MSTI", Wire::U16),
    ],
);

/// `struct br_vlan_msg`: 8 bytes in front of a link's VLANs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct VlanMsg {
    /// The address family, `AF_BRIDGE`.
    pub family: u8,
    /// The link.
    pub ifindex: u32,
}

impl VlanMsg {
    /// Bytes on the wire.
    pub const SIZE: usize = 8;

    /// Reads it from a message; none if the payload is too short.
    pub fn decode(message: &Message<'_>) -> Option<VlanMsg> {
        let b: &[u8; Self::SIZE] = message.payload().get(..Self::SIZE)?.try_into().ok()?;
        Some(VlanMsg { family: b[0], ifindex: u32::from_ne_bytes([b[4], b[5], b[6], b[7]]) })
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Builder) {
        out.bytes.extend_from_slice(&[self.family, 0, 0, 0]);
        out.bytes.extend_from_slice(&self.ifindex.to_ne_bytes());
    }
}
