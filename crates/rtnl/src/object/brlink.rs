//! Links as a bridge sees them: requests of `RTM_GETLINK`, `RTM_SETLINK` and `RTM_DELLINK` with the family `AF_BRIDGE`
//! (`include/uapi/linux/if_bridge.h`; `net/bridge/br_netlink.c`).
//!
//! Behind `struct ifinfomsg`, `IFLA_PROTINFO` holds a port's attributes (`IFLA_BRPORT_*`, as in `kind::bridge_slave`)
//! and `IFLA_AF_SPEC` the ones here: whom a request is for, and the VLANs. A range of VLANs is two entries, its
//! beginning and its end. Statistics of VLANs come in the messages of `RTM_GETSTATS`.

use crate::attr::{Attr, Builder};
use crate::kind::bridge_slave::*;
use crate::message::Message;
use crate::show::{Scene, Show};
use crate::table::{Row, Table, Tb, Wire};

/// Inside `IFLA_EXT_MASK`: a bridge's VLANs are wanted, each on its own.
pub const RTEXT_FILTER_BRVLAN: u32 = 2;
/// Inside `IFLA_EXT_MASK`: a bridge's VLANs are wanted, as ranges.
pub const RTEXT_FILTER_BRVLAN_COMPRESSED: u32 = 4;

/// For whom a request is, `BRIDGE_FLAGS_*`.
pub const IFLA_BRIDGE_FLAGS: u16 = 0;
/// What an embedded switch does with frames between its functions, `BRIDGE_MODE_*`.
pub const IFLA_BRIDGE_MODE: u16 = 1;
/// [`VlanInfo`].
pub const IFLA_BRIDGE_VLAN_INFO: u16 = 2;
/// The tunnel of a VLAN.
pub const IFLA_BRIDGE_VLAN_TUNNEL_INFO: u16 = 3;

/// The request is for the link's master.
pub const BRIDGE_FLAGS_MASTER: u16 = 1;
/// The request is for the link itself.
pub const BRIDGE_FLAGS_SELF: u16 = 2;

/// The switch forwards between its functions.
pub const BRIDGE_MODE_VEB: u16 = 0;
/// The switch leaves that to its neighbour.
pub const BRIDGE_MODE_VEPA: u16 = 1;

/// The entry is of the bridge's table, not of a port's.
pub const BRIDGE_VLAN_INFO_MASTER: u16 = 1 << 0;
/// Untagged frames that come in belong to it.
pub const BRIDGE_VLAN_INFO_PVID: u16 = 1 << 1;
/// Its frames leave without a tag.
pub const BRIDGE_VLAN_INFO_UNTAGGED: u16 = 1 << 2;
/// A range begins.
pub const BRIDGE_VLAN_INFO_RANGE_BEGIN: u16 = 1 << 3;
/// A range ends.
pub const BRIDGE_VLAN_INFO_RANGE_END: u16 = 1 << 4;
/// The bridge itself is a member.
pub const BRIDGE_VLAN_INFO_BRENTRY: u16 = 1 << 5;
/// The request changes options of what is there and makes nothing.
pub const BRIDGE_VLAN_INFO_ONLY_OPTS: u16 = 1 << 6;

/// The tunnel's identifier.
pub const IFLA_BRIDGE_VLAN_TUNNEL_ID: u16 = 1;
/// The VLAN that maps to it.
pub const IFLA_BRIDGE_VLAN_TUNNEL_VID: u16 = 2;
/// `BRIDGE_VLAN_INFO_RANGE_BEGIN` or `_END`.
pub const IFLA_BRIDGE_VLAN_TUNNEL_FLAGS: u16 = 3;

/// Statistics of a link; never a request.
pub const RTM_NEWSTATS: u16 = 92;
/// Tell the statistics of a link, or of all.
pub const RTM_GETSTATS: u16 = 94;
/// In statistics: those that a link's kind keeps.
pub const IFLA_STATS_LINK_XSTATS: u16 = 2;
/// In statistics: those that the kind of a link's master keeps of it.
pub const IFLA_STATS_LINK_XSTATS_SLAVE: u16 = 3;
/// Inside the kind's statistics: those of a bridge.
pub const LINK_XSTATS_TYPE_BRIDGE: u16 = 1;
/// Inside a bridge's statistics: [`VlanStats`].
pub const BRIDGE_XSTATS_VLAN: u16 = 1;

/// The attributes inside `IFLA_AF_SPEC`.
pub static IFLA_BRIDGE: Table = Table::new(
    "IFLA_BRIDGE",
    &[
        Row::new(IFLA_BRIDGE_FLAGS, "IFLA_BRIDGE_FLAGS", Wire::U16),
        Row::new(IFLA_BRIDGE_MODE, "IFLA_BRIDGE_MODE", Wire::U16).show("hwmode", Show::Hook(show_mode)),
        Row::new(IFLA_BRIDGE_VLAN_INFO, "IFLA_BRIDGE_VLAN_INFO", Wire::AtLeast(VlanInfo::SIZE as u16)),
        Row::new(IFLA_BRIDGE_VLAN_TUNNEL_INFO, "IFLA_BRIDGE_VLAN_TUNNEL_INFO", Wire::Nest),
    ],
);

/// The attributes inside `IFLA_BRIDGE_VLAN_TUNNEL_INFO`.
pub static IFLA_BRIDGE_VLAN_TUNNEL: Table = Table::new(
    "IFLA_BRIDGE_VLAN_TUNNEL",
    &[
        Row::new(IFLA_BRIDGE_VLAN_TUNNEL_ID, "IFLA_BRIDGE_VLAN_TUNNEL_ID", Wire::U32),
        Row::new(IFLA_BRIDGE_VLAN_TUNNEL_VID, "IFLA_BRIDGE_VLAN_TUNNEL_VID", Wire::U16),
        Row::new(IFLA_BRIDGE_VLAN_TUNNEL_FLAGS, "IFLA_BRIDGE_VLAN_TUNNEL_FLAGS", Wire::U16),
    ],
);

/// What `bridge link` always shows of a port.
pub static PORT: Table = Table::new(
    "IFLA_BRPORT",
    &[
        Row::new(IFLA_BRPORT_STATE, "IFLA_BRPORT_STATE", Wire::U8).show("state", Show::Hook(show_state)),
        Row::new(IFLA_BRPORT_PRIORITY, "IFLA_BRPORT_PRIORITY", Wire::U16)
            .show("priority", Show::Uint("priority ")),
        Row::new(IFLA_BRPORT_COST, "IFLA_BRPORT_COST", Wire::U32).show("cost", Show::Uint("cost ")),
    ],
);

const fn switch(number: u16, name: &'static str, key: &'static str, before: &'static str) -> Row {
    Row::new(number, name, Wire::U8).show(key, Show::OnOff(before))
}

/// What `bridge link` shows of a port among its details.
pub static PORT_DETAILS: Table = Table::new(
    "IFLA_BRPORT",
    &[
        switch(IFLA_BRPORT_MODE, "IFLA_BRPORT_MODE", "hairpin", "hairpin "),
        switch(IFLA_BRPORT_GUARD, "IFLA_BRPORT_GUARD", "guard", "guard "),
        switch(IFLA_BRPORT_PROTECT, "IFLA_BRPORT_PROTECT", "root_block", "root_block "),
        switch(IFLA_BRPORT_FAST_LEAVE, "IFLA_BRPORT_FAST_LEAVE", "fastleave", "fastleave "),
        switch(IFLA_BRPORT_LEARNING, "IFLA_BRPORT_LEARNING", "learning", "learning "),
        switch(IFLA_BRPORT_LEARNING_SYNC, "IFLA_BRPORT_LEARNING_SYNC", "learning_sync", "learning_sync "),
        switch(IFLA_BRPORT_UNICAST_FLOOD, "IFLA_BRPORT_UNICAST_FLOOD", "flood", "flood "),
        switch(IFLA_BRPORT_MCAST_FLOOD, "IFLA_BRPORT_MCAST_FLOOD", "mcast_flood", "mcast_flood "),
        switch(IFLA_BRPORT_BCAST_FLOOD, "IFLA_BRPORT_BCAST_FLOOD", "bcast_flood", "bcast_flood "),
        Row::new(IFLA_BRPORT_MULTICAST_ROUTER, "IFLA_BRPORT_MULTICAST_ROUTER", Wire::U8)
            .show("mcast_router", Show::Uint("mcast_router ")),
        switch(
            IFLA_BRPORT_MCAST_TO_UCAST,
            "IFLA_BRPORT_MCAST_TO_UCAST",
            "mcast_to_unicast",
            "mcast_to_unicast ",
        ),
        switch(IFLA_BRPORT_NEIGH_SUPPRESS, "IFLA_BRPORT_NEIGH_SUPPRESS", "neigh_suppress", "neigh_suppress "),
        switch(IFLA_BRPORT_VLAN_TUNNEL, "IFLA_BRPORT_VLAN_TUNNEL", "vlan_tunnel", "vlan_tunnel "),
        Row::new(IFLA_BRPORT_BACKUP_PORT, "IFLA_BRPORT_BACKUP_PORT", Wire::U32)
            .show("backup_port", Show::Link("backup_port ")),
        switch(IFLA_BRPORT_ISOLATED, "IFLA_BRPORT_ISOLATED", "isolated", "isolated "),
        switch(IFLA_BRPORT_LOCKED, "IFLA_BRPORT_LOCKED", "locked", "locked "),
    ],
);

/// Shows the state of a port in the spanning tree.
pub fn show_port_state(scene: &mut Scene<'_>, state: u8) {
    match STATES.get(usize::from(state)) {
        Some(name) => scene.sink.string("state", "state ", name, " "),
        None => scene.sink.uint("state", "state (", u64::from(state), ") "),
    }
}

fn show_state(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    show_port_state(scene, tb.u8(IFLA_BRPORT_STATE).unwrap_or(0));
}

fn show_mode(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    match tb.u16(IFLA_BRIDGE_MODE).unwrap_or(0) {
        BRIDGE_MODE_VEB => scene.sink.string("hwmode", "hwmode ", "VEB", " "),
        BRIDGE_MODE_VEPA => scene.sink.string("hwmode", "hwmode ", "VEPA", " "),
        mode => scene.sink.hex0x("hwmode", "hwmode ", u64::from(mode), " "),
    }
}

/// `struct bridge_vlan_info`: one VLAN of a port, or one end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct VlanInfo {
    /// `BRIDGE_VLAN_INFO_*`.
    pub flags: u16,
    /// The identifier.
    pub vid: u16,
}

impl VlanInfo {
    /// Bytes on the wire.
    pub const SIZE: usize = 4;

    /// Reads it from an attribute; missing bytes read as zero.
    pub fn decode(attr: &Attr<'_>) -> VlanInfo {
        let [a, b, c, d] = attr.first();
        VlanInfo { flags: u16::from_ne_bytes([a, b]), vid: u16::from_ne_bytes([c, d]) }
    }

    /// Writes it as an attribute.
    pub fn encode(&self, number: u16, out: &mut Builder) {
        let ([a, b], [c, d]) = (self.flags.to_ne_bytes(), self.vid.to_ne_bytes());
        out.put(number, &[a, b, c, d]);
    }
}

/// `struct bridge_vlan_xstats`: what a port counted of one VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct VlanStats {
    /// Bytes that came in.
    pub rx_bytes: u64,
    /// Frames that came in.
    pub rx_packets: u64,
    /// Bytes that went out.
    pub tx_bytes: u64,
    /// Frames that went out.
    pub tx_packets: u64,
    /// The identifier.
    pub vid: u16,
    /// `BRIDGE_VLAN_INFO_*`.
    pub flags: u16,
}

impl VlanStats {
    /// Bytes on the wire.
    pub const SIZE: usize = 40;

    /// Reads it from an attribute; missing bytes read as zero.
    pub fn decode(attr: &Attr<'_>) -> VlanStats {
        let b: [u8; Self::SIZE] = attr.first();
        let long = |at: usize| {
            u64::from_ne_bytes([
                b[at],
                b[at + 1],
                b[at + 2],
                b[at + 3],
                b[at + 4],
                b[at + 5],
                b[at + 6],
                b[at + 7],
            ])
        };
        VlanStats {
            rx_bytes: long(0),
            rx_packets: long(8),
            tx_bytes: long(16),
            tx_packets: long(24),
            vid: u16::from_ne_bytes([b[32], b[33]]),
            flags: u16::from_ne_bytes([b[34], b[35]]),
        }
    }

    /// Writes it as an attribute.
    pub fn encode(&self, number: u16, out: &mut Builder) {
        let mut b = [0; Self::SIZE];
        let longs = [self.rx_bytes, self.rx_packets, self.tx_bytes, self.tx_packets];
        for (place, long) in b.chunks_exact_mut(8).zip(longs) {
            place.copy_from_slice(&long.to_ne_bytes());
        }
        b[32..34].copy_from_slice(&self.vid.to_ne_bytes());
        b[34..36].copy_from_slice(&self.flags.to_ne_bytes());
        out.put(number, &b);
    }
}

/// `struct if_stats_msg`: 12 bytes in front of statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct IfStats {
    /// The address family.
    pub family: u8,
    /// The link.
    pub ifindex: u32,
    /// Which statistics, one bit each: that of attribute `n` is `1 << (n - 1)`.
    pub mask: u32,
}

impl IfStats {
    /// Bytes on the wire.
    pub const SIZE: usize = 12;

    /// Reads it from a message; none if the payload is too short.
    pub fn decode(message: &Message<'_>) -> Option<IfStats> {
        let b: &[u8; Self::SIZE] = message.payload().get(..Self::SIZE)?.try_into().ok()?;
        Some(IfStats {
            family: b[0],
            ifindex: u32::from_ne_bytes([b[4], b[5], b[6], b[7]]),
            mask: u32::from_ne_bytes([b[8], b[9], b[10], b[11]]),
        })
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Builder) {
        out.bytes.extend_from_slice(&[self.family, 0, 0, 0]);
        out.bytes.extend_from_slice(&self.ifindex.to_ne_bytes());
        out.bytes.extend_from_slice(&self.mask.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::Attrs;

    #[test]
    fn reads_back_what_it_wrote() {
        let info = VlanInfo { flags: BRIDGE_VLAN_INFO_PVID, vid: 4094 };
        let stats = VlanStats { rx_bytes: 1, rx_packets: 2, tx_bytes: 3, tx_packets: 4, vid: 5, flags: 6 };
        let mut out = Builder::new();
        info.encode(IFLA_BRIDGE_VLAN_INFO, &mut out);
        stats.encode(BRIDGE_XSTATS_VLAN, &mut out);
        let attrs: Vec<_> = Attrs::new(&out.bytes, 0).collect();
        assert_eq!(VlanInfo::decode(&attrs[0]), info);
        assert_eq!(VlanStats::decode(&attrs[1]), stats);
        assert_eq!(out.bytes.len(), 8 + 4 + VlanStats::SIZE);
    }
}
