//! Rules of policy routing: `struct fib_rule_hdr` and the attributes `FRA_*` (`include/uapi/linux/fib_rules.h`;
//! validation as `fib_rule_policy` in `net/core/fib_rules.c`).

use crate::attr::Builder;
use crate::message::Message;
use crate::table::{Row, Table, Wire};

/// A rule is new; or: add one.
pub const RTM_NEWRULE: u16 = 32;
/// A rule is gone; or: delete one.
pub const RTM_DELRULE: u16 = 33;
/// Tell of rules.
pub const RTM_GETRULE: u16 = 34;

/// The multicast group of IPv4 rules.
pub const RTNLGRP_IPV4_RULE: u32 = 8;
/// The multicast group of IPv6 rules.
pub const RTNLGRP_IPV6_RULE: u32 = 19;

#[allow(missing_docs)]
pub const FRA_DST: u16 = 1;
#[allow(missing_docs)]
pub const FRA_SRC: u16 = 2;
/// The name of the link on which the packet came.
pub const FRA_IIFNAME: u16 = 3;
#[allow(missing_docs)]
pub const FRA_GOTO: u16 = 4;
#[allow(missing_docs)]
pub const FRA_PRIORITY: u16 = 6;
#[allow(missing_docs)]
pub const FRA_FWMARK: u16 = 10;
#[allow(missing_docs)]
pub const FRA_FLOW: u16 = 11;
#[allow(missing_docs)]
pub const FRA_TUN_ID: u16 = 12;
#[allow(missing_docs)]
pub const FRA_SUPPRESS_IFGROUP: u16 = 13;
#[allow(missing_docs)]
pub const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
#[allow(missing_docs)]
pub const FRA_TABLE: u16 = 15;
#[allow(missing_docs)]
pub const FRA_FWMASK: u16 = 16;
/// The name of the link to which a socket is bound.
pub const FRA_OIFNAME: u16 = 17;
#[allow(missing_docs)]
pub const FRA_L3MDEV: u16 = 19;
/// First and last user.
pub const FRA_UID_RANGE: u16 = 20;
/// Who made it.
pub const FRA_PROTOCOL: u16 = 21;
#[allow(missing_docs)]
pub const FRA_IP_PROTO: u16 = 22;
/// First and last port, in host order.
pub const FRA_SPORT_RANGE: u16 = 23;
/// First and last port, in host order.
pub const FRA_DPORT_RANGE: u16 = 24;

/// No action is meant.
pub const FR_ACT_UNSPEC: u8 = 0;
/// Look into a table.
pub const FR_ACT_TO_TBL: u8 = 1;
/// Go on at another rule.
pub const FR_ACT_GOTO: u8 = 2;
/// Nothing.
pub const FR_ACT_NOP: u8 = 3;
/// Drop in silence.
pub const FR_ACT_BLACKHOLE: u8 = 6;
/// Refuse as unreachable.
pub const FR_ACT_UNREACHABLE: u8 = 7;
/// Refuse as prohibited.
pub const FR_ACT_PROHIBIT: u8 = 8;

/// It holds for what does not match.
pub const FIB_RULE_INVERT: u32 = 2;
/// The rule to go on at does not exist.
pub const FIB_RULE_UNRESOLVED: u32 = 4;
/// The link on which the packet came does not exist.
pub const FIB_RULE_IIF_DETACHED: u32 = 8;
/// The link to which the socket is bound does not exist.
pub const FIB_RULE_OIF_DETACHED: u32 = 16;

/// How long an address may be is looked at only where its prefix has a length.
const ADDRESS: Wire = Wire::Bytes(u16::MAX);

static ROWS: [Row; 20] = [
    Row::new(FRA_DST, "FRA_DST", ADDRESS),
    Row::new(FRA_SRC, "FRA_SRC", ADDRESS),
    Row::new(FRA_IIFNAME, "FRA_IIFNAME", Wire::Text(15)),
    Row::new(FRA_GOTO, "FRA_GOTO", Wire::U32),
    Row::new(FRA_PRIORITY, "FRA_PRIORITY", Wire::U32),
    Row::new(FRA_FWMARK, "FRA_FWMARK", Wire::U32),
    Row::new(FRA_FLOW, "FRA_FLOW", Wire::U32),
    Row::new(FRA_TUN_ID, "FRA_TUN_ID", Wire::U64),
    Row::new(FRA_SUPPRESS_IFGROUP, "FRA_SUPPRESS_IFGROUP", Wire::U32),
    Row::new(FRA_SUPPRESS_PREFIXLEN, "FRA_SUPPRESS_PREFIXLEN", Wire::U32),
    Row::new(FRA_TABLE, "FRA_TABLE", Wire::U32),
    Row::new(FRA_FWMASK, "FRA_FWMASK", Wire::U32),
    Row::new(FRA_OIFNAME, "FRA_OIFNAME", Wire::Text(15)),
    Row::new(FRA_L3MDEV, "FRA_L3MDEV", Wire::U8),
    Row::new(FRA_UID_RANGE, "FRA_UID_RANGE", Wire::AtLeast(8)),
    Row::new(FRA_PROTOCOL, "FRA_PROTOCOL", Wire::U8),
    Row::new(FRA_IP_PROTO, "FRA_IP_PROTO", Wire::U8),
    Row::new(FRA_SPORT_RANGE, "FRA_SPORT_RANGE", Wire::AtLeast(4)),
    Row::new(FRA_DPORT_RANGE, "FRA_DPORT_RANGE", Wire::AtLeast(4)),
    Row::new(18, "FRA_PAD", Wire::Bytes(u16::MAX)).reply(),
];

/// The attributes of a rule of either family.
pub static FRA: Table = Table::new("FRA", &ROWS);

/// `struct fib_rule_hdr`: 12 bytes in front of a rule's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FibRule {
    /// The address family.
    pub family: u8,
    /// The length of the destination's prefix in bits.
    pub dst_len: u8,
    /// The length of the source's prefix in bits.
    pub src_len: u8,
    /// The type of service.
    pub tos: u8,
    /// The table; 0 where `FRA_TABLE` tells, or none is meant.
    pub table: u8,
    /// `FR_ACT_*`.
    pub action: u8,
    /// `FIB_RULE_*`.
    pub flags: u32,
}

impl FibRule {
    /// Bytes on the wire.
    pub const SIZE: usize = 12;

    /// Reads it from a message; none if the payload is too short.
    pub fn decode(message: &Message<'_>) -> Option<FibRule> {
        let b: &[u8; Self::SIZE] = message.payload().get(..Self::SIZE)?.try_into().ok()?;
        Some(FibRule {
            family: b[0],
            dst_len: b[1],
            src_len: b[2],
            tos: b[3],
            table: b[4],
            action: b[7],
            flags: u32::from_ne_bytes([b[8], b[9], b[10], b[11]]),
        })
    }

    /// Its bytes.
    pub fn bytes(&self) -> [u8; Self::SIZE] {
        let f = self.flags.to_ne_bytes();
        let FibRule { family, dst_len, src_len, tos, table, action, .. } = *self;
        [family, dst_len, src_len, tos, table, 0, 0, action, f[0], f[1], f[2], f[3]]
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Builder) {
        out.bytes.extend_from_slice(&self.bytes());
    }

    /// The table: what the attribute says, else the header.
    pub fn table(&self, attribute: Option<u32>) -> u32 {
        attribute.unwrap_or(u32::from(self.table))
    }
}
