//! Prefixes that routers advertise: `struct prefixmsg` and the attributes `PREFIX_*`
//! (`include/uapi/linux/rtnetlink.h`). A kernel tells of each that a router advertisement brought; there is nothing
//! to ask or to change.

use crate::attr::{Attr, Builder};
use crate::message::Message;

/// A router advertised a prefix.
pub const RTM_NEWPREFIX: u16 = 52;

/// The multicast group of advertised prefixes.
pub const RTNLGRP_IPV6_PREFIX: u32 = 18;

/// The prefix.
pub const PREFIX_ADDRESS: u16 = 1;
/// How long it holds: [`Lifetimes`].
pub const PREFIX_CACHEINFO: u16 = 2;

/// Its addresses are on the link.
pub const IF_PREFIX_ONLINK: u8 = 0x01;
/// Hosts make themselves addresses of it.
pub const IF_PREFIX_AUTOCONF: u8 = 0x02;

/// The type of the option of neighbour discovery in which it came.
pub const ND_OPT_PREFIX_INFORMATION: u8 = 3;

/// `struct prefixmsg`: 12 bytes in front of the attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Prefixmsg {
    /// `AF_INET6`.
    pub family: u8,
    /// The link.
    pub ifindex: i32,
    /// [`ND_OPT_PREFIX_INFORMATION`].
    pub kind: u8,
    /// The length in bits.
    pub length: u8,
    /// `IF_PREFIX_*`.
    pub flags: u8,
}

impl Prefixmsg {
    /// Bytes on the wire.
    pub const SIZE: usize = 12;

    /// Reads it from a message; none if the payload is too short.
    pub fn decode(message: &Message<'_>) -> Option<Prefixmsg> {
        let b: &[u8; Self::SIZE] = message.payload().get(..Self::SIZE)?.try_into().ok()?;
        let ifindex = i32::from_ne_bytes([b[4], b[5], b[6], b[7]]);
        Some(Prefixmsg { family: b[0], ifindex, kind: b[8], length: b[9], flags: b[10] })
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Builder) {
        out.bytes.extend_from_slice(&[self.family, 0, 0, 0]);
        out.bytes.extend_from_slice(&self.ifindex.to_ne_bytes());
        out.bytes.extend_from_slice(&[self.kind, self.length, self.flags, 0]);
    }
}

/// `struct prefix_cacheinfo`: lifetimes in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Lifetimes {
    /// How long its addresses are preferred.
    pub preferred: u32,
    /// How long they are valid.
    pub valid: u32,
}

impl Lifetimes {
    /// Reads it from an attribute; missing bytes read as zero.
    pub fn decode(attr: &Attr<'_>) -> Lifetimes {
        let (preferred, valid) = attr.u32_pair();
        Lifetimes { preferred, valid }
    }

    /// Writes it as an attribute.
    pub fn encode(&self, out: &mut Builder) {
        out.u32_pair(PREFIX_CACHEINFO, self.preferred, self.valid);
    }
}
