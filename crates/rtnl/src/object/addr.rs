//! Addresses: `struct ifaddrmsg`, the attributes `IFA_*` and the flags of an address
//! (`include/uapi/linux/if_addr.h`; validation as `ifa_ipv4_policy` in `net/ipv4/devinet.c` and `ifa_ipv6_policy` in
//! `net/ipv6/addrconf.c`).

use crate::attr::Builder;
use crate::message::Message;
use crate::table::{Row, Table, Wire};

/// An address is new or changed; or: add or change one.
pub const RTM_NEWADDR: u16 = 20;
/// An address is gone; or: delete one.
pub const RTM_DELADDR: u16 = 21;
/// Tell of addresses.
pub const RTM_GETADDR: u16 = 22;

/// The multicast group of IPv4 addresses.
pub const RTNLGRP_IPV4_IFADDR: u32 = 5;
/// The multicast group of IPv6 addresses.
pub const RTNLGRP_IPV6_IFADDR: u32 = 9;

/// The address of the prefix: on a point-to-point link the far end's, else the same as `IFA_LOCAL`.
pub const IFA_ADDRESS: u16 = 1;
/// The address itself; IPv6 sends it only where it differs from `IFA_ADDRESS`.
pub const IFA_LOCAL: u16 = 2;
/// The name under which old tools show it.
pub const IFA_LABEL: u16 = 3;
/// The broadcast address of the prefix.
pub const IFA_BROADCAST: u16 = 4;
/// An anycast address.
pub const IFA_ANYCAST: u16 = 5;
/// [`Cacheinfo`].
pub const IFA_CACHEINFO: u16 = 6;
/// A multicast address.
pub const IFA_MULTICAST: u16 = 7;
/// The flags, where they do not fit into the header's byte.
pub const IFA_FLAGS: u16 = 8;
/// The metric of the prefix's route.
pub const IFA_RT_PRIORITY: u16 = 9;
/// The namespace that is asked about, by its identifier here.
pub const IFA_TARGET_NETNSID: u16 = 10;
/// Who set it.
pub const IFA_PROTO: u16 = 11;

/// IPv4: not the first of its prefix. IPv6: temporary.
pub const IFA_F_SECONDARY: u32 = 0x01;
/// No duplicate detection.
pub const IFA_F_NODAD: u32 = 0x02;
/// May be used while duplicates are looked for.
pub const IFA_F_OPTIMISTIC: u32 = 0x04;
/// A duplicate was found.
pub const IFA_F_DADFAILED: u32 = 0x08;
/// A home address of mobile IPv6.
pub const IFA_F_HOMEADDRESS: u32 = 0x10;
/// Its preferred lifetime is over.
pub const IFA_F_DEPRECATED: u32 = 0x20;
/// Duplicates are looked for.
pub const IFA_F_TENTATIVE: u32 = 0x40;
/// It has no end.
pub const IFA_F_PERMANENT: u32 = 0x80;
/// The kernel makes temporary addresses after it.
pub const IFA_F_MANAGETEMPADDR: u32 = 0x100;
/// It brings no route of its prefix.
pub const IFA_F_NOPREFIXROUTE: u32 = 0x200;
/// It is a multicast group that is joined.
pub const IFA_F_MCAUTOJOIN: u32 = 0x400;
/// Made by RFC 7217.
pub const IFA_F_STABLE_PRIVACY: u32 = 0x800;

/// A lifetime without end.
pub const FOREVER: u32 = u32::MAX;

const fn attributes(address: Wire) -> [Row; 11] {
    [
        Row::new(IFA_ADDRESS, "IFA_ADDRESS", address),
        Row::new(IFA_LOCAL, "IFA_LOCAL", address),
        Row::new(IFA_LABEL, "IFA_LABEL", Wire::Text(15)),
        Row::new(IFA_BROADCAST, "IFA_BROADCAST", address),
        Row::new(IFA_ANYCAST, "IFA_ANYCAST", Wire::Bytes(u16::MAX)).reply(),
        Row::new(IFA_CACHEINFO, "IFA_CACHEINFO", Wire::AtLeast(Cacheinfo::SIZE as u16)),
        Row::new(IFA_MULTICAST, "IFA_MULTICAST", Wire::Bytes(u16::MAX)).reply(),
        Row::new(IFA_FLAGS, "IFA_FLAGS", Wire::U32),
        Row::new(IFA_RT_PRIORITY, "IFA_RT_PRIORITY", Wire::U32),
        Row::new(IFA_TARGET_NETNSID, "IFA_TARGET_NETNSID", Wire::S32),
        Row::new(IFA_PROTO, "IFA_PROTO", Wire::U8),
    ]
}

static INET_ROWS: [Row; 11] = attributes(Wire::AtLeast(4));
static INET6_ROWS: [Row; 11] = {
    let mut rows = attributes(Wire::AtLeast(16));
    // IPv6 has neither labels nor broadcasts; what stands there is passed over.
    rows[2] = Row::new(IFA_LABEL, "IFA_LABEL", Wire::Bytes(u16::MAX)).reply();
    rows[3] = Row::new(IFA_BROADCAST, "IFA_BROADCAST", Wire::Bytes(u16::MAX)).reply();
    rows
};

/// The attributes of an IPv4 address.
pub static IFA_INET: Table = Table::new("IFA", &INET_ROWS);
/// The attributes of an IPv6 address.
pub static IFA_INET6: Table = Table::new("IFA", &INET6_ROWS);

/// `struct ifaddrmsg`: 8 bytes in front of an address's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ifaddr {
    /// `AF_INET` or `AF_INET6`.
    pub family: u8,
    /// The length of the prefix in bits.
    pub prefixlen: u8,
    /// The low byte of the flags.
    pub flags: u8,
    /// `RT_SCOPE_*`.
    pub scope: u8,
    /// The link.
    pub ifindex: u32,
}

impl Ifaddr {
    /// Bytes on the wire.
    pub const SIZE: usize = 8;

    /// Reads it from a message; none if the payload is too short.
    pub fn decode(message: &Message<'_>) -> Option<Ifaddr> {
        let b: &[u8; Self::SIZE] = message.payload().get(..Self::SIZE)?.try_into().ok()?;
        let ifindex = u32::from_ne_bytes([b[4], b[5], b[6], b[7]]);
        Some(Ifaddr { family: b[0], prefixlen: b[1], flags: b[2], scope: b[3], ifindex })
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Builder) {
        out.bytes.extend_from_slice(&[self.family, self.prefixlen, self.flags, self.scope]);
        out.bytes.extend_from_slice(&self.ifindex.to_ne_bytes());
    }
}

/// `struct ifa_cacheinfo`: lifetimes in seconds, and when it was made and changed, in hundredths of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Cacheinfo {
    /// How long it is preferred; [`FOREVER`].
    pub preferred: u32,
    /// How long it is valid; [`FOREVER`].
    pub valid: u32,
    /// When it was made.
    pub created: u32,
    /// When it was changed.
    pub updated: u32,
}

impl Cacheinfo {
    /// Bytes on the wire.
    pub const SIZE: usize = 16;

    /// Reads it from an attribute; missing bytes read as zero.
    pub fn decode(attr: &crate::attr::Attr<'_>) -> Cacheinfo {
        let b: [u8; Self::SIZE] = attr.first();
        let word = |at: usize| u32::from_ne_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        Cacheinfo { preferred: word(0), valid: word(4), created: word(8), updated: word(12) }
    }

    /// Writes it as an attribute.
    pub fn encode(&self, out: &mut Builder) {
        let words = [self.preferred, self.valid, self.created, self.updated];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        out.put(IFA_CACHEINFO, &bytes);
    }
}
