//! Routes: `struct rtmsg`, the attributes `RTA_*`, the metrics `RTAX_*` and the next hops of a multipath route
//! (`include/uapi/linux/rtnetlink.h`; validation as `rtm_ipv4_policy` in `net/ipv4/fib_frontend.c` and
//! `rtm_ipv6_policy` in `net/ipv6/route.c`).

use crate::attr::{Attr, Attrs, Builder, align};
use crate::message::Message;
use crate::table::{Row, Table, Wire};

/// A route is new or changed; or: add or change one.
pub const RTM_NEWROUTE: u16 = 24;
/// A route is gone; or: delete one.
pub const RTM_DELROUTE: u16 = 25;
/// Tell of routes, or which one a packet takes.
pub const RTM_GETROUTE: u16 = 26;

/// The multicast group of IPv4 routes.
pub const RTNLGRP_IPV4_ROUTE: u32 = 7;
/// The multicast group of IPv6 routes.
pub const RTNLGRP_IPV6_ROUTE: u32 = 11;
/// The multicast group of MPLS routes.
pub const RTNLGRP_MPLS_ROUTE: u32 = 27;

#[allow(missing_docs)]
pub const RTA_DST: u16 = 1;
#[allow(missing_docs)]
pub const RTA_SRC: u16 = 2;
#[allow(missing_docs)]
pub const RTA_IIF: u16 = 3;
#[allow(missing_docs)]
pub const RTA_OIF: u16 = 4;
#[allow(missing_docs)]
pub const RTA_GATEWAY: u16 = 5;
#[allow(missing_docs)]
pub const RTA_PRIORITY: u16 = 6;
#[allow(missing_docs)]
pub const RTA_PREFSRC: u16 = 7;
#[allow(missing_docs)]
pub const RTA_METRICS: u16 = 8;
#[allow(missing_docs)]
pub const RTA_MULTIPATH: u16 = 9;
#[allow(missing_docs)]
pub const RTA_FLOW: u16 = 11;
#[allow(missing_docs)]
pub const RTA_CACHEINFO: u16 = 12;
#[allow(missing_docs)]
pub const RTA_TABLE: u16 = 15;
#[allow(missing_docs)]
pub const RTA_MARK: u16 = 16;
#[allow(missing_docs)]
pub const RTA_MFC_STATS: u16 = 17;
#[allow(missing_docs)]
pub const RTA_VIA: u16 = 18;
#[allow(missing_docs)]
pub const RTA_NEWDST: u16 = 19;
#[allow(missing_docs)]
pub const RTA_PREF: u16 = 20;
#[allow(missing_docs)]
pub const RTA_ENCAP_TYPE: u16 = 21;
#[allow(missing_docs)]
pub const RTA_ENCAP: u16 = 22;
#[allow(missing_docs)]
pub const RTA_EXPIRES: u16 = 23;
#[allow(missing_docs)]
pub const RTA_UID: u16 = 25;
#[allow(missing_docs)]
pub const RTA_TTL_PROPAGATE: u16 = 26;
#[allow(missing_docs)]
pub const RTA_IP_PROTO: u16 = 27;
#[allow(missing_docs)]
pub const RTA_SPORT: u16 = 28;
#[allow(missing_docs)]
pub const RTA_DPORT: u16 = 29;
#[allow(missing_docs)]
pub const RTA_NH_ID: u16 = 30;

/// Which metrics are locked, as bits by their numbers.
pub const RTAX_LOCK: u16 = 1;
#[allow(missing_docs)]
pub const RTAX_MTU: u16 = 2;
#[allow(missing_docs)]
pub const RTAX_WINDOW: u16 = 3;
/// In eighths of a millisecond.
pub const RTAX_RTT: u16 = 4;
/// In quarters of a millisecond.
pub const RTAX_RTTVAR: u16 = 5;
#[allow(missing_docs)]
pub const RTAX_SSTHRESH: u16 = 6;
#[allow(missing_docs)]
pub const RTAX_CWND: u16 = 7;
#[allow(missing_docs)]
pub const RTAX_ADVMSS: u16 = 8;
#[allow(missing_docs)]
pub const RTAX_REORDERING: u16 = 9;
#[allow(missing_docs)]
pub const RTAX_HOPLIMIT: u16 = 10;
#[allow(missing_docs)]
pub const RTAX_INITCWND: u16 = 11;
#[allow(missing_docs)]
pub const RTAX_FEATURES: u16 = 12;
/// In milliseconds.
pub const RTAX_RTO_MIN: u16 = 13;
#[allow(missing_docs)]
pub const RTAX_INITRWND: u16 = 14;
#[allow(missing_docs)]
pub const RTAX_QUICKACK: u16 = 15;
/// A name, unlike the others.
pub const RTAX_CC_ALGO: u16 = 16;
#[allow(missing_docs)]
pub const RTAX_FASTOPEN_NO_COOKIE: u16 = 17;

/// Bit of [`RTAX_FEATURES`]: explicit congestion notification.
pub const RTAX_FEATURE_ECN: u32 = 1;

/// No type is meant.
pub const RTN_UNSPEC: u8 = 0;
/// To a gateway or a link.
pub const RTN_UNICAST: u8 = 1;
/// To this host.
pub const RTN_LOCAL: u8 = 2;
/// To this host and others as a broadcast.
pub const RTN_BROADCAST: u8 = 3;
/// To this host as a broadcast, but sent as unicast.
pub const RTN_ANYCAST: u8 = 4;
/// To a group.
pub const RTN_MULTICAST: u8 = 5;
/// Dropped in silence.
pub const RTN_BLACKHOLE: u8 = 6;
/// Refused as unreachable.
pub const RTN_UNREACHABLE: u8 = 7;
/// Refused as prohibited.
pub const RTN_PROHIBIT: u8 = 8;
/// This table does not know; the next rule is asked.
pub const RTN_THROW: u8 = 9;
/// Translated.
pub const RTN_NAT: u8 = 10;
/// Ask another program; nothing does.
pub const RTN_XRESOLVE: u8 = 11;

/// Everywhere.
pub const RT_SCOPE_UNIVERSE: u8 = 0;
/// Within a site.
pub const RT_SCOPE_SITE: u8 = 200;
/// On a link.
pub const RT_SCOPE_LINK: u8 = 253;
/// On this host.
pub const RT_SCOPE_HOST: u8 = 254;
/// Nowhere.
pub const RT_SCOPE_NOWHERE: u8 = 255;

/// Made by a redirect.
pub const RTPROT_REDIRECT: u8 = 1;
/// Made by the kernel.
pub const RTPROT_KERNEL: u8 = 2;
/// Made while booting, or by `ip route` when nothing else is said.
pub const RTPROT_BOOT: u8 = 3;
/// Made by the administrator.
pub const RTPROT_STATIC: u8 = 4;
/// Made by a router advertisement.
pub const RTPROT_RA: u8 = 9;

/// No table is meant, or its number stands in an attribute.
pub const RT_TABLE_UNSPEC: u32 = 0;
/// The last table that is asked.
pub const RT_TABLE_DEFAULT: u32 = 253;
/// The table that people mean.
pub const RT_TABLE_MAIN: u32 = 254;
/// The table of the host's own addresses.
pub const RT_TABLE_LOCAL: u32 = 255;

/// The next hop is of no use.
pub const RTNH_F_DEAD: u32 = 1;
/// It is looked up through other routes.
pub const RTNH_F_PERVASIVE: u32 = 2;
/// The gateway is on the link, whatever the addresses say.
pub const RTNH_F_ONLINK: u32 = 4;
/// Hardware forwards.
pub const RTNH_F_OFFLOAD: u32 = 8;
/// The link has no carrier.
pub const RTNH_F_LINKDOWN: u32 = 16;
/// An entry of the multicast cache that is not resolved.
pub const RTNH_F_UNRESOLVED: u32 = 32;
/// Hardware traps.
pub const RTNH_F_TRAP: u32 = 64;

/// Tell when it changes.
pub const RTM_F_NOTIFY: u32 = 0x100;
/// The answer to a lookup, not an entry of a table.
pub const RTM_F_CLONED: u32 = 0x200;
/// Say which table a lookup found it in.
pub const RTM_F_LOOKUP_TABLE: u32 = 0x1000;
/// Answer a lookup with the entry of the table.
pub const RTM_F_FIB_MATCH: u32 = 0x2000;
/// The route is in hardware.
pub const RTM_F_OFFLOAD: u32 = 0x4000;
/// The route traps in hardware.
pub const RTM_F_TRAP: u32 = 0x8000;
/// Hardware did not take the route.
pub const RTM_F_OFFLOAD_FAILED: u32 = 0x2000_0000;

const fn attributes(address: Wire) -> [Row; 28] {
    [
        Row::new(RTA_DST, "RTA_DST", Wire::Bytes(u16::MAX)),
        Row::new(RTA_SRC, "RTA_SRC", Wire::Bytes(u16::MAX)),
        Row::new(RTA_IIF, "RTA_IIF", Wire::U32),
        Row::new(RTA_OIF, "RTA_OIF", Wire::U32),
        Row::new(RTA_GATEWAY, "RTA_GATEWAY", address),
        Row::new(RTA_PRIORITY, "RTA_PRIORITY", Wire::U32),
        Row::new(RTA_PREFSRC, "RTA_PREFSRC", address),
        Row::new(RTA_METRICS, "RTA_METRICS", Wire::Nest),
        Row::new(RTA_MULTIPATH, "RTA_MULTIPATH", Wire::AtLeast(Nexthop::SIZE as u16)),
        Row::new(RTA_FLOW, "RTA_FLOW", Wire::U32),
        Row::new(RTA_CACHEINFO, "RTA_CACHEINFO", Wire::Bytes(u16::MAX)).reply(),
        Row::new(RTA_TABLE, "RTA_TABLE", Wire::U32),
        Row::new(RTA_MARK, "RTA_MARK", Wire::U32),
        Row::new(RTA_MFC_STATS, "RTA_MFC_STATS", Wire::Bytes(u16::MAX)).reply(),
        Row::new(RTA_VIA, "RTA_VIA", Wire::Bytes(u16::MAX)),
        Row::new(RTA_NEWDST, "RTA_NEWDST", Wire::Bytes(u16::MAX)),
        Row::new(RTA_PREF, "RTA_PREF", Wire::U8),
        Row::new(RTA_ENCAP_TYPE, "RTA_ENCAP_TYPE", Wire::U16),
        Row::new(RTA_ENCAP, "RTA_ENCAP", Wire::Nest),
        Row::new(RTA_EXPIRES, "RTA_EXPIRES", Wire::U32),
        Row::new(24, "RTA_PAD", Wire::Bytes(u16::MAX)).reply(),
        Row::new(RTA_UID, "RTA_UID", Wire::U32),
        Row::new(RTA_TTL_PROPAGATE, "RTA_TTL_PROPAGATE", Wire::Bytes(u16::MAX)).reply(),
        Row::new(RTA_IP_PROTO, "RTA_IP_PROTO", Wire::U8),
        Row::new(RTA_SPORT, "RTA_SPORT", Wire::U16Be),
        Row::new(RTA_DPORT, "RTA_DPORT", Wire::U16Be),
        Row::new(RTA_NH_ID, "RTA_NH_ID", Wire::U32),
        Row::new(10, "RTA_PROTOINFO", Wire::Bytes(u16::MAX)).reply(),
    ]
}

static INET_ROWS: [Row; 28] = {
    let mut rows = attributes(Wire::AtLeast(4));
    rows[0] = Row::new(RTA_DST, "RTA_DST", Wire::AtLeast(4));
    rows[1] = Row::new(RTA_SRC, "RTA_SRC", Wire::AtLeast(4));
    // These two are IPv6's.
    rows[16] = Row::new(RTA_PREF, "RTA_PREF", Wire::Bytes(u16::MAX)).reply();
    rows[19] = Row::new(RTA_EXPIRES, "RTA_EXPIRES", Wire::Bytes(u16::MAX)).reply();
    rows
};
static INET6_ROWS: [Row; 28] = {
    let mut rows = attributes(Wire::AtLeast(16));
    rows[9] = Row::new(RTA_FLOW, "RTA_FLOW", Wire::Bytes(u16::MAX)).reply();
    rows
};

/// The attributes of an IPv4 route.
pub static RTA_INET: Table = Table::new("RTA", &INET_ROWS);
/// The attributes of an IPv6 route. How long source and destination are is checked against the header's lengths.
pub static RTA_INET6: Table = Table::new("RTA", &INET6_ROWS);

/// `struct rtmsg`: 12 bytes in front of a route's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Rtmsg {
    /// The address family.
    pub family: u8,
    /// The length of the destination's prefix in bits.
    pub dst_len: u8,
    /// The length of the source's prefix in bits.
    pub src_len: u8,
    /// The type of service.
    pub tos: u8,
    /// The table; 0 where `RTA_TABLE` tells.
    pub table: u8,
    /// `RTPROT_*`.
    pub protocol: u8,
    /// `RT_SCOPE_*`.
    pub scope: u8,
    /// `RTN_*`.
    pub kind: u8,
    /// `RTNH_F_*` and `RTM_F_*`.
    pub flags: u32,
}

impl Rtmsg {
    /// Bytes on the wire.
    pub const SIZE: usize = 12;

    /// Reads it from a message; none if the payload is too short.
    pub fn decode(message: &Message<'_>) -> Option<Rtmsg> {
        let b: &[u8; Self::SIZE] = message.payload().get(..Self::SIZE)?.try_into().ok()?;
        Some(Rtmsg {
            family: b[0],
            dst_len: b[1],
            src_len: b[2],
            tos: b[3],
            table: b[4],
            protocol: b[5],
            scope: b[6],
            kind: b[7],
            flags: u32::from_ne_bytes([b[8], b[9], b[10], b[11]]),
        })
    }

    /// Its bytes.
    pub fn bytes(&self) -> [u8; Self::SIZE] {
        let f = self.flags.to_ne_bytes();
        [
            self.family,
            self.dst_len,
            self.src_len,
            self.tos,
            self.table,
            self.protocol,
            self.scope,
            self.kind,
            f[0],
            f[1],
            f[2],
            f[3],
        ]
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

/// One next hop of a multipath route: `struct rtnexthop` and its attributes.
#[derive(Clone, Copy, Debug)]
pub struct Nexthop<'a> {
    /// `RTNH_F_*`.
    pub flags: u8,
    /// The weight less one.
    pub hops: u8,
    /// The link.
    pub ifindex: u32,
    /// What follows.
    pub attrs: Attrs<'a>,
}

impl Nexthop<'_> {
    /// Bytes of the header on the wire.
    pub const SIZE: usize = 8;

    /// Writes the header; its length is written by [`finish`](Self::finish).
    pub fn start(out: &mut Builder, flags: u8, hops: u8, ifindex: u32) -> usize {
        let at = out.bytes.len();
        out.bytes.extend_from_slice(&[0, 0, flags, hops]);
        out.bytes.extend_from_slice(&ifindex.to_ne_bytes());
        at
    }

    /// Writes the length of the next hop that was started at that place.
    pub fn finish(out: &mut Builder, at: usize) {
        let length = (out.bytes.len() - at).min(usize::from(u16::MAX)) as u16;
        out.bytes[at..at + 2].copy_from_slice(&length.to_ne_bytes());
    }
}

/// Walks the next hops in `RTA_MULTIPATH`; ends at the first whose length does not fit.
#[derive(Clone, Copy, Debug)]
pub struct Nexthops<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Nexthops<'a> {
    /// The next hops in an attribute.
    pub fn new(attr: &Attr<'a>) -> Self {
        Nexthops { bytes: attr.payload, offset: attr.offset + crate::attr::HEADER }
    }

    /// What is left: after the walk, the bytes that are no next hop.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Iterator for Nexthops<'a> {
    type Item = Nexthop<'a>;

    fn next(&mut self) -> Option<Nexthop<'a>> {
        let b: [u8; Nexthop::SIZE] = self.bytes.get(..Nexthop::SIZE)?.try_into().ok()?;
        let length = usize::from(u16::from_ne_bytes([b[0], b[1]]));
        let payload = self.bytes.get(Nexthop::SIZE..length)?;
        let attrs = Attrs::new(payload, self.offset + Nexthop::SIZE);
        let step = align(length).min(self.bytes.len());
        self.bytes = &self.bytes[step..];
        self.offset += step;
        let ifindex = u32::from_ne_bytes([b[4], b[5], b[6], b[7]]);
        Some(Nexthop { flags: b[2], hops: b[3], ifindex, attrs })
    }
}

/// `struct rta_cacheinfo`: what is known of a route's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Cacheinfo {
    /// How many use it.
    pub users: u32,
    /// When it was last used, in hundredths of a second before now.
    pub last_use: u32,
    /// How long it still lives, in hundredths of a second.
    pub expires: i32,
    /// An error number, below zero.
    pub error: u32,
    /// How often it was used.
    pub used: u32,
    /// The last identification that was given out.
    pub id: u32,
    /// A time stamp of the peer.
    pub ts: u32,
    /// How old that is.
    pub ts_age: u32,
}

impl Cacheinfo {
    /// Bytes on the wire.
    pub const SIZE: usize = 32;

    /// Reads it from an attribute; missing bytes read as zero.
    pub fn decode(attr: &Attr<'_>) -> Cacheinfo {
        let b: [u8; Self::SIZE] = attr.first();
        let word = |at: usize| u32::from_ne_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        Cacheinfo {
            users: word(0),
            last_use: word(4),
            expires: word(8) as i32,
            error: word(12),
            used: word(16),
            id: word(20),
            ts: word(24),
            ts_age: word(28),
        }
    }

    /// Writes it as an attribute.
    pub fn encode(&self, out: &mut Builder) {
        let words = [
            self.users,
            self.last_use,
            self.expires as u32,
            self.error,
            self.used,
            self.id,
            self.ts,
            self.ts_age,
        ];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        out.put(RTA_CACHEINFO, &bytes);
    }
}
