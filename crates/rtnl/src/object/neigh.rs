//! Neighbours: `struct ndmsg`, the attributes `NDA_*` and the states of a neighbour
//! (`include/uapi/linux/neighbour.h`; validation as `nda_policy` in `net/core/neighbour.c`). A bridge's learning table
//! speaks in the same messages, with the family `AF_BRIDGE`.

use crate::attr::{Attr, Builder};
use crate::message::Message;
use crate::table::{Row, Table, Wire};

/// A neighbour is new or changed; or: add or change one.
pub const RTM_NEWNEIGH: u16 = 28;
/// A neighbour is gone; or: delete one.
pub const RTM_DELNEIGH: u16 = 29;
/// Tell of neighbours. As an event: one is looked for.
pub const RTM_GETNEIGH: u16 = 30;

/// The multicast group of neighbours.
pub const RTNLGRP_NEIGH: u32 = 3;

#[allow(missing_docs)]
pub const NDA_DST: u16 = 1;
#[allow(missing_docs)]
pub const NDA_LLADDR: u16 = 2;
#[allow(missing_docs)]
pub const NDA_CACHEINFO: u16 = 3;
#[allow(missing_docs)]
pub const NDA_PROBES: u16 = 4;
#[allow(missing_docs)]
pub const NDA_VLAN: u16 = 5;
#[allow(missing_docs)]
pub const NDA_PORT: u16 = 6;
#[allow(missing_docs)]
pub const NDA_VNI: u16 = 7;
#[allow(missing_docs)]
pub const NDA_IFINDEX: u16 = 8;
#[allow(missing_docs)]
pub const NDA_MASTER: u16 = 9;
#[allow(missing_docs)]
pub const NDA_LINK_NETNSID: u16 = 10;
#[allow(missing_docs)]
pub const NDA_SRC_VNI: u16 = 11;
#[allow(missing_docs)]
pub const NDA_PROTOCOL: u16 = 12;
#[allow(missing_docs)]
pub const NDA_NH_ID: u16 = 13;
#[allow(missing_docs)]
pub const NDA_FDB_EXT_ATTRS: u16 = 14;
#[allow(missing_docs)]
pub const NDA_FLAGS_EXT: u16 = 15;
#[allow(missing_docs)]
pub const NDA_NDM_STATE_MASK: u16 = 16;
#[allow(missing_docs)]
pub const NDA_NDM_FLAGS_MASK: u16 = 17;

/// It is used: the kernel resolves it.
pub const NTF_USE: u8 = 0x01;
/// Of the link itself.
pub const NTF_SELF: u8 = 0x02;
/// Of the link's master.
pub const NTF_MASTER: u8 = 0x04;
/// Answered for in its place.
pub const NTF_PROXY: u8 = 0x08;
/// Learned outside the kernel.
pub const NTF_EXT_LEARNED: u8 = 0x10;
/// In hardware.
pub const NTF_OFFLOADED: u8 = 0x20;
/// It does not move to another port.
pub const NTF_STICKY: u8 = 0x40;
/// It is a router.
pub const NTF_ROUTER: u8 = 0x80;
/// In `NDA_FLAGS_EXT`: the kernel keeps it resolved.
pub const NTF_EXT_MANAGED: u32 = 1;
/// In `NDA_FLAGS_EXT`: learned on a locked port.
pub const NTF_EXT_LOCKED: u32 = 2;

/// It is being resolved.
pub const NUD_INCOMPLETE: u16 = 0x01;
/// It was heard of lately.
pub const NUD_REACHABLE: u16 = 0x02;
/// It was not heard of lately.
pub const NUD_STALE: u16 = 0x04;
/// It was used while stale, and may still be heard of.
pub const NUD_DELAY: u16 = 0x08;
/// It is being asked.
pub const NUD_PROBE: u16 = 0x10;
/// It did not answer.
pub const NUD_FAILED: u16 = 0x20;
/// It needs no resolution.
pub const NUD_NOARP: u16 = 0x40;
/// It was set.
pub const NUD_PERMANENT: u16 = 0x80;
/// No state at all.
pub const NUD_NONE: u16 = 0;

/// The attributes.
pub static NDA: Table = Table::new(
    "NDA",
    &[
        Row::new(NDA_DST, "NDA_DST", Wire::Bytes(32)),
        Row::new(NDA_LLADDR, "NDA_LLADDR", Wire::Bytes(32)),
        Row::new(NDA_CACHEINFO, "NDA_CACHEINFO", Wire::AtLeast(Cacheinfo::SIZE as u16)),
        Row::new(NDA_PROBES, "NDA_PROBES", Wire::U32),
        Row::new(NDA_VLAN, "NDA_VLAN", Wire::U16),
        Row::new(NDA_PORT, "NDA_PORT", Wire::U16Be),
        Row::new(NDA_VNI, "NDA_VNI", Wire::U32),
        Row::new(NDA_IFINDEX, "NDA_IFINDEX", Wire::U32),
        Row::new(NDA_MASTER, "NDA_MASTER", Wire::U32),
        Row::new(NDA_LINK_NETNSID, "NDA_LINK_NETNSID", Wire::Bytes(u16::MAX)).reply(),
        Row::new(NDA_SRC_VNI, "NDA_SRC_VNI", Wire::Bytes(u16::MAX)).reply(),
        Row::new(NDA_PROTOCOL, "NDA_PROTOCOL", Wire::U8),
        Row::new(NDA_NH_ID, "NDA_NH_ID", Wire::U32),
        Row::new(NDA_FDB_EXT_ATTRS, "NDA_FDB_EXT_ATTRS", Wire::Nest),
        Row::new(NDA_FLAGS_EXT, "NDA_FLAGS_EXT", Wire::U32),
        Row::new(NDA_NDM_STATE_MASK, "NDA_NDM_STATE_MASK", Wire::U16),
        Row::new(NDA_NDM_FLAGS_MASK, "NDA_NDM_FLAGS_MASK", Wire::U8),
    ],
);

/// `struct ndmsg`: 12 bytes in front of a neighbour's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ndmsg {
    /// The address family.
    pub family: u8,
    /// The link.
    pub ifindex: u32,
    /// `NUD_*`.
    pub state: u16,
    /// `NTF_*`.
    pub flags: u8,
    /// `RTN_*`.
    pub kind: u8,
}

impl Ndmsg {
    /// Bytes on the wire.
    pub const SIZE: usize = 12;

    /// Reads it from a message; none if the payload is too short.
    pub fn decode(message: &Message<'_>) -> Option<Ndmsg> {
        let b: &[u8; Self::SIZE] = message.payload().get(..Self::SIZE)?.try_into().ok()?;
        Some(Ndmsg {
            family: b[0],
            ifindex: u32::from_ne_bytes([b[4], b[5], b[6], b[7]]),
            state: u16::from_ne_bytes([b[8], b[9]]),
            flags: b[10],
            kind: b[11],
        })
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Builder) {
        out.bytes.extend_from_slice(&[self.family, 0, 0, 0]);
        out.bytes.extend_from_slice(&self.ifindex.to_ne_bytes());
        out.bytes.extend_from_slice(&self.state.to_ne_bytes());
        out.bytes.extend_from_slice(&[self.flags, self.kind]);
    }
}

/// `struct nda_cacheinfo`: how long ago things happened, in hundredths of a second, and how many hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Cacheinfo {
    /// When it was last confirmed.
    pub confirmed: u32,
    /// When it was last used.
    pub used: u32,
    /// When it last changed.
    pub updated: u32,
    /// How many hold it.
    pub references: u32,
}

impl Cacheinfo {
    /// Bytes on the wire.
    pub const SIZE: usize = 16;

    /// Reads it from an attribute; missing bytes read as zero.
    pub fn decode(attr: &Attr<'_>) -> Cacheinfo {
        let b: [u8; Self::SIZE] = attr.first();
        let word = |at: usize| u32::from_ne_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        Cacheinfo { confirmed: word(0), used: word(4), updated: word(8), references: word(12) }
    }

    /// Writes it as an attribute.
    pub fn encode(&self, out: &mut Builder) {
        let words = [self.confirmed, self.used, self.updated, self.references];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        out.put(NDA_CACHEINFO, &bytes);
    }
}
