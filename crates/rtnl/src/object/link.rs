//! Links: `struct ifinfomsg`, the attributes `IFLA_*` and the flags of an interface
//! (`include/uapi/linux/if_link.h`, `if.h`; validation as `ifla_policy` in `net/core/rtnetlink.c`).

use crate::attr::Builder;
use crate::message::Message;
use crate::table::{Row, Table, Wire};

/// A link is new or changed; or: make or change one.
pub const RTM_NEWLINK: u16 = 16;
/// A link is gone; or: delete one.
pub const RTM_DELLINK: u16 = 17;
/// Tell of a link, or of all.
pub const RTM_GETLINK: u16 = 18;
/// Change a link, never make one.
pub const RTM_SETLINK: u16 = 19;
/// Add alternative names.
pub const RTM_NEWLINKPROP: u16 = 108;
/// Remove alternative names.
pub const RTM_DELLINKPROP: u16 = 109;
/// Tell of alternative names.
pub const RTM_GETLINKPROP: u16 = 110;

/// The multicast group of links.
pub const RTNLGRP_LINK: u32 = 1;

/// The most bytes of a name, its closing zero left out.
pub const NAME_MAX: usize = 15;
/// The most bytes of an alternative name, its closing zero left out.
pub const ALTNAME_MAX: usize = 127;
/// The most bytes of an alias.
pub const ALIAS_MAX: usize = 255;

#[allow(missing_docs)]
pub const IFLA_ADDRESS: u16 = 1;
#[allow(missing_docs)]
pub const IFLA_BROADCAST: u16 = 2;
#[allow(missing_docs)]
pub const IFLA_IFNAME: u16 = 3;
#[allow(missing_docs)]
pub const IFLA_MTU: u16 = 4;
#[allow(missing_docs)]
pub const IFLA_LINK: u16 = 5;
#[allow(missing_docs)]
pub const IFLA_QDISC: u16 = 6;
#[allow(missing_docs)]
pub const IFLA_STATS: u16 = 7;
#[allow(missing_docs)]
pub const IFLA_COST: u16 = 8;
#[allow(missing_docs)]
pub const IFLA_PRIORITY: u16 = 9;
#[allow(missing_docs)]
pub const IFLA_MASTER: u16 = 10;
#[allow(missing_docs)]
pub const IFLA_WIRELESS: u16 = 11;
#[allow(missing_docs)]
pub const IFLA_PROTINFO: u16 = 12;
#[allow(missing_docs)]
pub const IFLA_TXQLEN: u16 = 13;
#[allow(missing_docs)]
pub const IFLA_MAP: u16 = 14;
#[allow(missing_docs)]
pub const IFLA_WEIGHT: u16 = 15;
#[allow(missing_docs)]
pub const IFLA_OPERSTATE: u16 = 16;
#[allow(missing_docs)]
pub const IFLA_LINKMODE: u16 = 17;
#[allow(missing_docs)]
pub const IFLA_LINKINFO: u16 = 18;
#[allow(missing_docs)]
pub const IFLA_NET_NS_PID: u16 = 19;
#[allow(missing_docs)]
pub const IFLA_IFALIAS: u16 = 20;
#[allow(missing_docs)]
pub const IFLA_NUM_VF: u16 = 21;
#[allow(missing_docs)]
pub const IFLA_VFINFO_LIST: u16 = 22;
#[allow(missing_docs)]
pub const IFLA_STATS64: u16 = 23;
#[allow(missing_docs)]
pub const IFLA_VF_PORTS: u16 = 24;
#[allow(missing_docs)]
pub const IFLA_PORT_SELF: u16 = 25;
#[allow(missing_docs)]
pub const IFLA_AF_SPEC: u16 = 26;
#[allow(missing_docs)]
pub const IFLA_GROUP: u16 = 27;
#[allow(missing_docs)]
pub const IFLA_NET_NS_FD: u16 = 28;
#[allow(missing_docs)]
pub const IFLA_EXT_MASK: u16 = 29;
#[allow(missing_docs)]
pub const IFLA_PROMISCUITY: u16 = 30;
#[allow(missing_docs)]
pub const IFLA_NUM_TX_QUEUES: u16 = 31;
#[allow(missing_docs)]
pub const IFLA_NUM_RX_QUEUES: u16 = 32;
#[allow(missing_docs)]
pub const IFLA_CARRIER: u16 = 33;
#[allow(missing_docs)]
pub const IFLA_PHYS_PORT_ID: u16 = 34;
#[allow(missing_docs)]
pub const IFLA_CARRIER_CHANGES: u16 = 35;
#[allow(missing_docs)]
pub const IFLA_PHYS_SWITCH_ID: u16 = 36;
#[allow(missing_docs)]
pub const IFLA_LINK_NETNSID: u16 = 37;
#[allow(missing_docs)]
pub const IFLA_PHYS_PORT_NAME: u16 = 38;
#[allow(missing_docs)]
pub const IFLA_PROTO_DOWN: u16 = 39;
#[allow(missing_docs)]
pub const IFLA_GSO_MAX_SEGS: u16 = 40;
#[allow(missing_docs)]
pub const IFLA_GSO_MAX_SIZE: u16 = 41;
#[allow(missing_docs)]
pub const IFLA_XDP: u16 = 43;
#[allow(missing_docs)]
pub const IFLA_EVENT: u16 = 44;
/// In `IFLA_EVENT`: what the device can do has changed.
pub const IFLA_EVENT_FEATURES: u32 = 2;
/// In `IFLA_EVENT`: another slave of a bond is in use.
pub const IFLA_EVENT_BONDING_FAILOVER: u32 = 3;
/// In `IFLA_EVENT`: neighbours are told where the device is.
pub const IFLA_EVENT_NOTIFY_PEERS: u32 = 4;
/// In `IFLA_EVENT`: memberships of groups are reported again.
pub const IFLA_EVENT_IGMP_RESEND: u32 = 5;
#[allow(missing_docs)]
pub const IFLA_NEW_NETNSID: u16 = 45;
#[allow(missing_docs)]
pub const IFLA_TARGET_NETNSID: u16 = 46;
#[allow(missing_docs)]
pub const IFLA_CARRIER_UP_COUNT: u16 = 47;
#[allow(missing_docs)]
pub const IFLA_CARRIER_DOWN_COUNT: u16 = 48;
#[allow(missing_docs)]
pub const IFLA_NEW_IFINDEX: u16 = 49;
#[allow(missing_docs)]
pub const IFLA_MIN_MTU: u16 = 50;
#[allow(missing_docs)]
pub const IFLA_MAX_MTU: u16 = 51;
#[allow(missing_docs)]
pub const IFLA_PROP_LIST: u16 = 52;
#[allow(missing_docs)]
pub const IFLA_ALT_IFNAME: u16 = 53;
#[allow(missing_docs)]
pub const IFLA_PERM_ADDRESS: u16 = 54;
#[allow(missing_docs)]
pub const IFLA_PROTO_DOWN_REASON: u16 = 55;
#[allow(missing_docs)]
pub const IFLA_PARENT_DEV_NAME: u16 = 56;
#[allow(missing_docs)]
pub const IFLA_PARENT_DEV_BUS_NAME: u16 = 57;
#[allow(missing_docs)]
pub const IFLA_GRO_MAX_SIZE: u16 = 58;
#[allow(missing_docs)]
pub const IFLA_TSO_MAX_SIZE: u16 = 59;
#[allow(missing_docs)]
pub const IFLA_TSO_MAX_SEGS: u16 = 60;
#[allow(missing_docs)]
pub const IFLA_ALLMULTI: u16 = 61;

/// Inside `IFLA_LINKINFO`: the kind's name.
pub const IFLA_INFO_KIND: u16 = 1;
/// Inside `IFLA_LINKINFO`: the kind's attributes.
pub const IFLA_INFO_DATA: u16 = 2;
/// Inside `IFLA_LINKINFO`: the kind's statistics.
pub const IFLA_INFO_XSTATS: u16 = 3;
/// Inside `IFLA_LINKINFO`: the name of the master's kind.
pub const IFLA_INFO_SLAVE_KIND: u16 = 4;
/// Inside `IFLA_LINKINFO`: the attributes that the master's kind keeps of this port.
pub const IFLA_INFO_SLAVE_DATA: u16 = 5;

/// Inside `IFLA_EXT_MASK`: virtual functions are wanted.
pub const RTEXT_FILTER_VF: u32 = 1;
/// Inside `IFLA_EXT_MASK`: no statistics are wanted.
pub const RTEXT_FILTER_SKIP_STATS: u32 = 8;

/// The attributes of a link.
pub static IFLA: Table = Table::new(
    "IFLA",
    &[
        Row::new(IFLA_ADDRESS, "IFLA_ADDRESS", Wire::Bytes(32)),
        Row::new(IFLA_BROADCAST, "IFLA_BROADCAST", Wire::Bytes(32)),
        Row::new(IFLA_IFNAME, "IFLA_IFNAME", Wire::Text(15)),
        Row::new(IFLA_MTU, "IFLA_MTU", Wire::U32),
        Row::new(IFLA_LINK, "IFLA_LINK", Wire::U32),
        Row::new(IFLA_QDISC, "IFLA_QDISC", Wire::Text(64)).reply(),
        Row::new(IFLA_STATS, "IFLA_STATS", Wire::Bytes(u16::MAX)).reply(),
        Row::new(IFLA_COST, "IFLA_COST", Wire::Bytes(u16::MAX)).reply(),
        Row::new(IFLA_PRIORITY, "IFLA_PRIORITY", Wire::Bytes(u16::MAX)).reply(),
        Row::new(IFLA_MASTER, "IFLA_MASTER", Wire::U32),
        Row::new(IFLA_WIRELESS, "IFLA_WIRELESS", Wire::Bytes(u16::MAX)).reply(),
        Row::new(IFLA_PROTINFO, "IFLA_PROTINFO", Wire::Bytes(u16::MAX)),
        Row::new(IFLA_TXQLEN, "IFLA_TXQLEN", Wire::U32),
        Row::new(IFLA_MAP, "IFLA_MAP", Wire::AtLeast(28)),
        Row::new(IFLA_WEIGHT, "IFLA_WEIGHT", Wire::U32),
        Row::new(IFLA_OPERSTATE, "IFLA_OPERSTATE", Wire::U8),
        Row::new(IFLA_LINKMODE, "IFLA_LINKMODE", Wire::U8),
        Row::new(IFLA_LINKINFO, "IFLA_LINKINFO", Wire::Nest),
        Row::new(IFLA_NET_NS_PID, "IFLA_NET_NS_PID", Wire::U32),
        Row::new(IFLA_IFALIAS, "IFLA_IFALIAS", Wire::Bytes(255)),
        Row::new(IFLA_NUM_VF, "IFLA_NUM_VF", Wire::U32).reply(),
        Row::new(IFLA_VFINFO_LIST, "IFLA_VFINFO_LIST", Wire::Nest),
        Row::new(IFLA_STATS64, "IFLA_STATS64", Wire::Bytes(u16::MAX)).reply(),
        Row::new(IFLA_VF_PORTS, "IFLA_VF_PORTS", Wire::Nest),
        Row::new(IFLA_PORT_SELF, "IFLA_PORT_SELF", Wire::Nest),
        Row::new(IFLA_AF_SPEC, "IFLA_AF_SPEC", Wire::Nest),
        Row::new(IFLA_GROUP, "IFLA_GROUP", Wire::U32),
        Row::new(IFLA_NET_NS_FD, "IFLA_NET_NS_FD", Wire::U32),
        Row::new(IFLA_EXT_MASK, "IFLA_EXT_MASK", Wire::U32),
        Row::new(IFLA_PROMISCUITY, "IFLA_PROMISCUITY", Wire::U32),
        Row::new(IFLA_NUM_TX_QUEUES, "IFLA_NUM_TX_QUEUES", Wire::U32),
        Row::new(IFLA_NUM_RX_QUEUES, "IFLA_NUM_RX_QUEUES", Wire::U32),
        Row::new(IFLA_CARRIER, "IFLA_CARRIER", Wire::U8),
        Row::new(IFLA_PHYS_PORT_ID, "IFLA_PHYS_PORT_ID", Wire::Bytes(32)),
        Row::new(IFLA_CARRIER_CHANGES, "IFLA_CARRIER_CHANGES", Wire::U32),
        Row::new(IFLA_PHYS_SWITCH_ID, "IFLA_PHYS_SWITCH_ID", Wire::Bytes(32)),
        Row::new(IFLA_LINK_NETNSID, "IFLA_LINK_NETNSID", Wire::S32),
        Row::new(IFLA_PHYS_PORT_NAME, "IFLA_PHYS_PORT_NAME", Wire::Text(15)).reply(),
        Row::new(IFLA_PROTO_DOWN, "IFLA_PROTO_DOWN", Wire::U8),
        Row::new(IFLA_GSO_MAX_SEGS, "IFLA_GSO_MAX_SEGS", Wire::U32),
        Row::new(IFLA_GSO_MAX_SIZE, "IFLA_GSO_MAX_SIZE", Wire::U32).limits(257, u32::MAX as i64),
        Row::new(IFLA_XDP, "IFLA_XDP", Wire::Nest),
        Row::new(IFLA_EVENT, "IFLA_EVENT", Wire::U32),
        Row::new(IFLA_NEW_NETNSID, "IFLA_NEW_NETNSID", Wire::S32).reply(),
        Row::new(IFLA_TARGET_NETNSID, "IFLA_TARGET_NETNSID", Wire::S32),
        Row::new(IFLA_CARRIER_UP_COUNT, "IFLA_CARRIER_UP_COUNT", Wire::U32),
        Row::new(IFLA_CARRIER_DOWN_COUNT, "IFLA_CARRIER_DOWN_COUNT", Wire::U32),
        Row::new(IFLA_NEW_IFINDEX, "IFLA_NEW_IFINDEX", Wire::S32).limits(1, i32::MAX as i64),
        Row::new(IFLA_MIN_MTU, "IFLA_MIN_MTU", Wire::U32),
        Row::new(IFLA_MAX_MTU, "IFLA_MAX_MTU", Wire::U32),
        Row::new(IFLA_PROP_LIST, "IFLA_PROP_LIST", Wire::Nest),
        Row::new(IFLA_ALT_IFNAME, "IFLA_ALT_IFNAME", Wire::Text(127)),
        Row::new(IFLA_PERM_ADDRESS, "IFLA_PERM_ADDRESS", Wire::Bytes(32)).refused(),
        Row::new(IFLA_PROTO_DOWN_REASON, "IFLA_PROTO_DOWN_REASON", Wire::Nest),
        Row::new(IFLA_PARENT_DEV_NAME, "IFLA_PARENT_DEV_NAME", Wire::Text(255)),
        Row::new(IFLA_PARENT_DEV_BUS_NAME, "IFLA_PARENT_DEV_BUS_NAME", Wire::Text(255)),
        Row::new(IFLA_GRO_MAX_SIZE, "IFLA_GRO_MAX_SIZE", Wire::U32),
        Row::new(IFLA_TSO_MAX_SIZE, "IFLA_TSO_MAX_SIZE", Wire::Reject).reply(),
        Row::new(IFLA_TSO_MAX_SEGS, "IFLA_TSO_MAX_SEGS", Wire::Reject).reply(),
        Row::new(IFLA_ALLMULTI, "IFLA_ALLMULTI", Wire::Reject).reply(),
    ],
);

/// The attributes inside `IFLA_LINKINFO`.
pub static IFLA_INFO: Table = Table::new(
    "IFLA_INFO",
    &[
        Row::new(IFLA_INFO_KIND, "IFLA_INFO_KIND", Wire::Text(u16::MAX)),
        Row::new(IFLA_INFO_DATA, "IFLA_INFO_DATA", Wire::Nest),
        Row::new(IFLA_INFO_XSTATS, "IFLA_INFO_XSTATS", Wire::Bytes(u16::MAX)).reply(),
        Row::new(IFLA_INFO_SLAVE_KIND, "IFLA_INFO_SLAVE_KIND", Wire::Text(u16::MAX)),
        Row::new(IFLA_INFO_SLAVE_DATA, "IFLA_INFO_SLAVE_DATA", Wire::Nest),
    ],
);

/// The interface was set up.
pub const IFF_UP: u32 = 1 << 0;
/// It has a broadcast address.
pub const IFF_BROADCAST: u32 = 1 << 1;
/// Debugging.
pub const IFF_DEBUG: u32 = 1 << 2;
/// It is the loopback.
pub const IFF_LOOPBACK: u32 = 1 << 3;
/// It is a point-to-point link.
pub const IFF_POINTOPOINT: u32 = 1 << 4;
/// No trailers.
pub const IFF_NOTRAILERS: u32 = 1 << 5;
/// Its operational state is up or unknown.
pub const IFF_RUNNING: u32 = 1 << 6;
/// It has no address resolution.
pub const IFF_NOARP: u32 = 1 << 7;
/// It takes all frames.
pub const IFF_PROMISC: u32 = 1 << 8;
/// It takes all multicast frames.
pub const IFF_ALLMULTI: u32 = 1 << 9;
/// It is a master of a bundle.
pub const IFF_MASTER: u32 = 1 << 10;
/// It is a port of a bundle.
pub const IFF_SLAVE: u32 = 1 << 11;
/// It can multicast.
pub const IFF_MULTICAST: u32 = 1 << 12;
/// It selects its medium.
pub const IFF_PORTSEL: u32 = 1 << 13;
/// It selects its medium by itself.
pub const IFF_AUTOMEDIA: u32 = 1 << 14;
/// Its addresses go when it goes down.
pub const IFF_DYNAMIC: u32 = 1 << 15;
/// Its carrier is on.
pub const IFF_LOWER_UP: u32 = 1 << 16;
/// It waits for an event.
pub const IFF_DORMANT: u32 = 1 << 17;
/// It echoes what it sends.
pub const IFF_ECHO: u32 = 1 << 18;

/// `ifi_type` of Ethernet.
pub const ARPHRD_ETHER: u16 = 1;
/// `ifi_type` of a CAN bus.
pub const ARPHRD_CAN: u16 = 280;
/// `ifi_type` of the loopback.
pub const ARPHRD_LOOPBACK: u16 = 772;
/// `ifi_type` of a netlink monitor.
pub const ARPHRD_NETLINK: u16 = 824;
/// `ifi_type` of links without header and address.
pub const ARPHRD_NONE: u16 = 0xfffe;

/// The operational states of RFC 2863, as the kernel numbers them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Operstate {
    /// The driver does not say.
    #[default]
    Unknown = 0,
    /// Some part of the hardware is missing.
    NotPresent = 1,
    /// No carrier, or not set up.
    Down = 2,
    /// What it stands on is down.
    LowerLayerDown = 3,
    /// A test runs.
    Testing = 4,
    /// It waits for an event.
    Dormant = 5,
    /// It carries frames.
    Up = 6,
}

impl Operstate {
    /// The state of that number.
    pub fn from_number(number: u8) -> Option<Operstate> {
        use Operstate::*;
        [Unknown, NotPresent, Down, LowerLayerDown, Testing, Dormant, Up].get(usize::from(number)).copied()
    }
}

/// `struct ifinfomsg`: 16 bytes in front of a link's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ifinfo {
    /// Address family: 0, or `AF_BRIDGE` (7).
    pub family: u8,
    /// `ARPHRD_*`.
    pub kind: u16,
    /// The index; 0 where the name or nothing tells.
    pub ifindex: i32,
    /// `IFF_*`.
    pub flags: u32,
    /// Which of the flags a request means to change.
    pub change: u32,
}

impl Ifinfo {
    /// Bytes on the wire.
    pub const SIZE: usize = 16;

    /// Reads it from a message; none if the payload is too short.
    pub fn decode(message: &Message<'_>) -> Option<Ifinfo> {
        let b: &[u8; Self::SIZE] = message.payload().get(..Self::SIZE)?.try_into().ok()?;
        let word = |at: usize| u32::from_ne_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        Some(Ifinfo {
            family: b[0],
            kind: u16::from_ne_bytes([b[2], b[3]]),
            ifindex: word(4) as i32,
            flags: word(8),
            change: word(12),
        })
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Builder) {
        let mut b = [0; Self::SIZE];
        b[0] = self.family;
        b[2..4].copy_from_slice(&self.kind.to_ne_bytes());
        b[4..8].copy_from_slice(&self.ifindex.to_ne_bytes());
        b[8..12].copy_from_slice(&self.flags.to_ne_bytes());
        b[12..16].copy_from_slice(&self.change.to_ne_bytes());
        out.bytes.extend_from_slice(&b);
    }
}
