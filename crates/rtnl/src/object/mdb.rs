//! A bridge's multicast groups: `struct br_port_msg`, `struct br_mdb_entry` and the attributes `MDBA_*`
//! (`include/uapi/linux/if_bridge.h`; `net/bridge/br_mdb.c`).
//!
//! A dump has a message a bridge, with the nests groups → group → member and routers → router. A member and a router
//! are a fixed part with attributes behind it. Times are hundredths of a second.

use crate::attr::{Attr, Attrs, Builder, HEADER, align};
use crate::message::Message;
use crate::table::{Row, Table, Wire};

/// A group is new; or: add one.
pub const RTM_NEWMDB: u16 = 84;
/// A group is gone; or: remove one.
pub const RTM_DELMDB: u16 = 85;
/// Tell of groups.
pub const RTM_GETMDB: u16 = 86;

/// The multicast group of multicast groups.
pub const RTNLGRP_MDB: u32 = 26;

/// The groups of a bridge.
pub const MDBA_MDB: u16 = 1;
/// The ports behind which routers are.
pub const MDBA_ROUTER: u16 = 2;
/// Inside `MDBA_MDB`: one group.
pub const MDBA_MDB_ENTRY: u16 = 1;
/// Inside a group: one member, [`MdbEntry`] with attributes behind it.
pub const MDBA_MDB_ENTRY_INFO: u16 = 1;
/// Behind a member: when it ends.
pub const MDBA_MDB_EATTR_TIMER: u16 = 1;
/// Behind a member: the sources that it names.
pub const MDBA_MDB_EATTR_SRC_LIST: u16 = 2;
/// Behind a member: whether the sources are those that it wants or those that it does not.
pub const MDBA_MDB_EATTR_GROUP_MODE: u16 = 3;
/// Behind a member: the one source that the entry is for.
pub const MDBA_MDB_EATTR_SOURCE: u16 = 4;
/// Behind a member: who made it, `RTPROT_*`.
pub const MDBA_MDB_EATTR_RTPROT: u16 = 5;
/// Inside a list of sources: one source.
pub const MDBA_MDB_SRCLIST_ENTRY: u16 = 1;
/// Inside a source: its address.
pub const MDBA_MDB_SRCATTR_ADDRESS: u16 = 1;
/// Inside a source: when it ends.
pub const MDBA_MDB_SRCATTR_TIMER: u16 = 2;
/// Inside `MDBA_ROUTER`: a port's index with attributes behind it.
pub const MDBA_ROUTER_PORT: u16 = 1;
/// Behind a router's port: when it ends.
pub const MDBA_ROUTER_PATTR_TIMER: u16 = 1;
/// Behind a router's port: `MDB_RTR_TYPE_*`.
pub const MDBA_ROUTER_PATTR_TYPE: u16 = 2;
/// Behind a router's port: when that of IPv4 ends.
pub const MDBA_ROUTER_PATTR_INET_TIMER: u16 = 3;
/// Behind a router's port: when that of IPv6 ends.
pub const MDBA_ROUTER_PATTR_INET6_TIMER: u16 = 4;
/// Behind a router's port: the VLAN.
pub const MDBA_ROUTER_PATTR_VID: u16 = 5;

/// In a request: the [`MdbEntry`] that is meant.
pub const MDBA_SET_ENTRY: u16 = 1;
/// In a request: more about it.
pub const MDBA_SET_ENTRY_ATTRS: u16 = 2;
/// Inside `MDBA_SET_ENTRY_ATTRS`: the source.
pub const MDBE_ATTR_SOURCE: u16 = 1;

/// The member stays until it is removed.
pub const MDB_PERMANENT: u8 = 1;
/// Flag: it is in hardware.
pub const MDB_FLAGS_OFFLOAD: u8 = 1 << 0;
/// Flag: it goes as soon as a host leaves.
pub const MDB_FLAGS_FAST_LEAVE: u8 = 1 << 1;
/// Flag: it was added because a member wants all sources but some.
pub const MDB_FLAGS_STAR_EXCL: u8 = 1 << 2;
/// Flag: the source is one that is not wanted.
pub const MDB_FLAGS_BLOCKED: u8 = 1 << 3;

/// The flags by the names that are shown, in the order in which they are.
pub const FLAGS: &[(u8, &str)] = &[
    (MDB_FLAGS_OFFLOAD, "offload"),
    (MDB_FLAGS_FAST_LEAVE, "fast_leave"),
    (MDB_FLAGS_STAR_EXCL, "added_by_star_ex"),
    (MDB_FLAGS_BLOCKED, "blocked"),
];

/// No router here.
pub const MDB_RTR_TYPE_DISABLED: u8 = 0;
/// A router is here while its queries come.
pub const MDB_RTR_TYPE_TEMP_QUERY: u8 = 1;
/// A router is here.
pub const MDB_RTR_TYPE_PERM: u8 = 2;
/// A router is here for a while.
pub const MDB_RTR_TYPE_TEMP: u8 = 3;

/// The group mode in which the sources are those that are wanted.
pub const MCAST_INCLUDE: u8 = 1;
/// The group mode in which all other sources are wanted.
pub const MCAST_EXCLUDE: u8 = 0;

/// The attributes of a request.
pub static MDBA_SET: Table = Table::new(
    "MDBA_SET",
    &[
        Row::new(MDBA_SET_ENTRY, "MDBA_SET_ENTRY", Wire::Exact(MdbEntry::SIZE as u16)),
        Row::new(MDBA_SET_ENTRY_ATTRS, "MDBA_SET_ENTRY_ATTRS", Wire::Nest),
    ],
);

/// `struct br_port_msg`: 8 bytes in front of a bridge's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PortMsg {
    /// The address family, `AF_BRIDGE`.
    pub family: u8,
    /// The bridge.
    pub ifindex: u32,
}

impl PortMsg {
    /// Bytes on the wire.
    pub const SIZE: usize = 8;

    /// Reads it from a message; none if the payload is too short.
    pub fn decode(message: &Message<'_>) -> Option<PortMsg> {
        let b: &[u8; Self::SIZE] = message.payload().get(..Self::SIZE)?.try_into().ok()?;
        Some(PortMsg { family: b[0], ifindex: u32::from_ne_bytes([b[4], b[5], b[6], b[7]]) })
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Builder) {
        out.bytes.extend_from_slice(&[self.family, 0, 0, 0]);
        out.bytes.extend_from_slice(&self.ifindex.to_ne_bytes());
    }
}

/// The address of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Group {
    /// The Ethernet protocol of the address, 0 for a link-layer address.
    pub protocol: u16,
    /// The address; what is behind its end is zero.
    pub bytes: [u8; 16],
}

impl Group {
    /// The Ethernet protocol of IPv4.
    pub const IPV4: u16 = 0x0800;
    /// The Ethernet protocol of IPv6.
    pub const IPV6: u16 = 0x86dd;

    /// A group from the bytes of its address; what is longer than 16 is cut.
    pub fn new(protocol: u16, address: &[u8]) -> Group {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(address).for_each(|(place, byte)| *place = *byte);
        Group { protocol, bytes }
    }

    /// The bytes of the address.
    pub fn address(&self) -> &[u8] {
        let length = match self.protocol {
            0 => 6,
            Self::IPV4 => 4,
            _ => 16,
        };
        &self.bytes[..length]
    }
}

/// `struct br_mdb_entry`: a member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MdbEntry {
    /// The port, or the bridge itself.
    pub ifindex: u32,
    /// [`MDB_PERMANENT`] or 0.
    pub state: u8,
    /// `MDB_FLAGS_*`.
    pub flags: u8,
    /// The VLAN; 0 is none.
    pub vid: u16,
    /// The group.
    pub group: Group,
}

impl MdbEntry {
    /// Bytes on the wire.
    pub const SIZE: usize = 28;

    /// Reads it from an attribute; missing bytes read as zero.
    pub fn decode(attr: &Attr<'_>) -> MdbEntry {
        let b: [u8; Self::SIZE] = attr.first();
        MdbEntry {
            ifindex: u32::from_ne_bytes([b[0], b[1], b[2], b[3]]),
            state: b[4],
            flags: b[5],
            vid: u16::from_ne_bytes([b[6], b[7]]),
            group: Group::new(u16::from_be_bytes([b[24], b[25]]), &b[8..24]),
        }
    }

    /// Its bytes.
    pub fn bytes(&self) -> [u8; Self::SIZE] {
        let mut b = [0; Self::SIZE];
        b[..4].copy_from_slice(&self.ifindex.to_ne_bytes());
        b[4] = self.state;
        b[5] = self.flags;
        b[6..8].copy_from_slice(&self.vid.to_ne_bytes());
        b[8..24].copy_from_slice(&self.group.bytes);
        b[24..26].copy_from_slice(&self.group.protocol.to_be_bytes());
        b
    }
}

/// The attributes behind a fixed part of so many bytes inside an attribute.
pub fn attrs_behind<'a>(attr: &Attr<'a>, fixed: usize) -> Attrs<'a> {
    let start = align(fixed);
    Attrs::new(attr.payload.get(start..).unwrap_or(&[]), attr.offset + HEADER + start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote() {
        let group = Group::new(Group::IPV4, &[239, 1, 1, 1]);
        let entry = MdbEntry { ifindex: 7, state: 1, flags: 2, vid: 10, group };
        let mut out = Builder::new();
        let mut payload = entry.bytes().to_vec();
        payload.extend_from_slice(&[8, 0, 1, 0, 9, 0, 0, 0]);
        out.put(MDBA_MDB_ENTRY_INFO, &payload);
        let attr = Attrs::new(&out.bytes, 0).next().unwrap();
        assert_eq!(MdbEntry::decode(&attr), entry);
        assert_eq!(entry.group.address(), [239, 1, 1, 1]);
        assert_eq!(attrs_behind(&attr, MdbEntry::SIZE).next().map(|inner| inner.u32()), Some(9));
    }
}
