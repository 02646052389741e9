//! Writes a link as a message (`rtnl_fill_ifinfo`), attribute by attribute in Linux's order.

use crate::device::{Counters, Device, DeviceId, segmentation::*};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::message::Header;
use rtnl::object::link::*;

/// Attribute of `IFLA_XDP`: whether a program is attached, and how.
const IFLA_XDP_ATTACHED: u16 = 2;
/// Inside `IFLA_PROTO_DOWN_REASON`: which reasons are meant.
pub(crate) const IFLA_PROTO_DOWN_REASON_MASK: u16 = 1;
/// Inside `IFLA_PROTO_DOWN_REASON`: the reasons.
pub(crate) const IFLA_PROTO_DOWN_REASON_VALUE: u16 = 2;
/// Address families in `IFLA_AF_SPEC`.
pub(crate) const AF_INET6: u16 = 10;
/// Inside `AF_INET6`: `IF_*` flags.
const IFLA_INET6_FLAGS: u16 = 1;
/// Inside `AF_INET6`: the token, 16 bytes.
const IFLA_INET6_TOKEN: u16 = 7;
/// Inside `AF_INET6`: how addresses are made.
pub(crate) const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
/// In `IFLA_LINK_NETNSID`: the namespace is ending and has no identifier.
const NO_NETNSID: u32 = u32::MAX;
/// `IF_READY`.
const IF_READY: u32 = 0x8000_0000;

/// What a message about a link needs beside the link.
pub(crate) struct Fill {
    pub header: Header,
    /// `ifi_change`.
    pub change: u32,
    /// The identifier of the namespace that the link leads to, if that is another one; see [`peer_id`].
    pub peer: Option<Option<u32>>,
    pub skip_statistics: bool,
    /// The identifier under which the client named the namespace.
    pub target: Option<i32>,
    pub about: About,
}

/// What only an announcement says.
#[derive(Clone, Copy, Default)]
pub(crate) struct About {
    /// Where the link went: identifier of the namespace and index there.
    pub moved: Option<(u32, u32)>,
    /// What happened, if that has a number (`IFLA_EVENT_*`).
    pub event: Option<u32>,
}

/// The identifier, in the viewer's namespace, of the namespace that a link leads to: none if the link leads
/// nowhere else. Gives an identifier if there is none yet.
pub(crate) fn peer_id(world: &mut World, viewer: NetnsId, id: DeviceId) -> Option<Option<u32>> {
    let device = world.get(id)?;
    let far = device.kind.link_netns?(world, id);
    if far == world[id].netns { None } else { Some(world.netns_id(viewer, far)) }
}

/// Writes one link.
pub(crate) fn link(world: &World, id: DeviceId, out: &mut Builder, fill: &Fill) {
    let Some(device) = world.get(id) else { return };
    let start = out.start(fill.header);
    let flags = device.shown_flags();
    let ifindex = device.ifindex as i32;
    Ifinfo { family: 0, kind: device.hardware_type, ifindex, flags, change: fill.change }.encode(out);
    if let Some(target) = fill.target {
        out.i32(IFLA_TARGET_NETNSID, target);
    }
    numbers(device, out);
    let iflink = world.iflink(id);
    relations(world, device, out);
    if let Some(event) = fill.about.event {
        out.u32(IFLA_EVENT, event);
    }
    if let Some((netnsid, ifindex)) = fill.about.moved {
        out.u32(IFLA_NEW_NETNSID, netnsid);
        out.u32(IFLA_NEW_IFINDEX, ifindex);
    }
    addresses(device, out);
    if !fill.skip_statistics {
        statistics(&world.counters(id), out);
    }
    let xdp = out.nest(IFLA_XDP);
    out.u8(IFLA_XDP_ATTACHED, 0);
    out.end(xdp);
    link_info(world, device, out);
    if let Some(peer) = fill.peer {
        out.u32(IFLA_LINK_NETNSID, peer.unwrap_or(NO_NETNSID));
    }
    if fill.peer.is_some() || iflink != device.ifindex {
        out.u32(IFLA_LINK, iflink);
    }
    rare(device, out);
    families(device, out);
    out.finish(start);
}

fn numbers(device: &Device, out: &mut Builder) {
    out.string(IFLA_IFNAME, device.name.bytes());
    out.u32(IFLA_TXQLEN, device.txqlen);
    let operstate = if device.is_up() { device.operstate } else { Operstate::Down };
    out.u8(IFLA_OPERSTATE, operstate as u8);
    out.u8(IFLA_LINKMODE, device.link_mode);
    out.u32(IFLA_MTU, device.mtu);
    out.u32(IFLA_MIN_MTU, device.min_mtu);
    out.u32(IFLA_MAX_MTU, device.max_mtu);
    out.u32(IFLA_GROUP, device.group);
    out.u32(IFLA_PROMISCUITY, device.promiscuity);
    out.u32(IFLA_ALLMULTI, device.allmulti);
    out.u32(IFLA_NUM_TX_QUEUES, device.tx_queues);
    out.u32(IFLA_GSO_MAX_SEGS, device.segmentation[GSO_MAX_SEGS]);
    out.u32(IFLA_GSO_MAX_SIZE, device.segmentation[GSO_MAX_SIZE]);
    out.u32(IFLA_GRO_MAX_SIZE, device.segmentation[GRO_MAX_SIZE]);
    out.u32(IFLA_TSO_MAX_SIZE, device.segmentation[TSO_MAX_SIZE]);
    out.u32(IFLA_TSO_MAX_SEGS, device.segmentation[TSO_MAX_SEGS]);
}

fn relations(world: &World, device: &Device, out: &mut Builder) {
    if let Some(master) = device.master.and_then(|master| world.get(master)) {
        out.u32(IFLA_MASTER, master.ifindex);
    }
    out.u8(IFLA_CARRIER, u8::from(device.carrier));
    out.string(IFLA_QDISC, device.qdisc.name().as_bytes());
    if let Some(extras) = device.extras.as_ref().filter(|extras| !extras.alias.is_empty()) {
        out.string(IFLA_IFALIAS, &extras.alias);
    }
    out.u32(IFLA_CARRIER_CHANGES, device.carrier_up.wrapping_add(device.carrier_down));
    out.u32(IFLA_CARRIER_UP_COUNT, device.carrier_up);
    out.u32(IFLA_CARRIER_DOWN_COUNT, device.carrier_down);
    out.u8(IFLA_PROTO_DOWN, u8::from(device.proto_down));
    if let Some(extras) = device.extras.as_ref().filter(|extras| extras.proto_down_reason != 0) {
        let reason = out.nest(IFLA_PROTO_DOWN_REASON);
        out.u32(IFLA_PROTO_DOWN_REASON_VALUE, extras.proto_down_reason);
        out.end(reason);
    }
}

fn addresses(device: &Device, out: &mut Builder) {
    out.put(IFLA_MAP, &[0; 32]);
    let length = usize::from(device.address_length).min(device.address.len());
    if length == 0 {
        return;
    }
    out.put(IFLA_ADDRESS, &device.address[..length]);
    out.put(IFLA_BROADCAST, &device.broadcast[..length]);
    if device.permanent_address != [0; 6] {
        out.put(IFLA_PERM_ADDRESS, &device.permanent_address[..length]);
    }
}

/// `struct rtnl_link_stats64` (25 numbers of 64 bits) and `struct rtnl_link_stats` (24 of 32 bits).
fn statistics(c: &Counters, out: &mut Builder) {
    let mut all = [0u64; 25];
    all[..4].copy_from_slice(&[c.rx_packets, c.tx_packets, c.rx_bytes, c.tx_bytes]);
    all[4..6].copy_from_slice(&[c.rx_errors, c.tx_errors]);
    all[6..10].copy_from_slice(&[c.rx_dropped, c.tx_dropped, c.multicast, c.collisions]);
    (all[13], all[17]) = (c.rx_frame_errors, c.tx_carrier_errors);
    let mut wide = [0u8; 200];
    let mut narrow = [0u8; 96];
    for (place, value) in wide.chunks_exact_mut(8).zip(all) {
        place.copy_from_slice(&value.to_ne_bytes());
    }
    for (place, value) in narrow.chunks_exact_mut(4).zip(all) {
        place.copy_from_slice(&(value as u32).to_ne_bytes());
    }
    out.put(IFLA_STATS64, &wide);
    out.put(IFLA_STATS, &narrow);
}

fn link_info(world: &World, device: &Device, out: &mut Builder) {
    let info = out.nest(IFLA_LINKINFO);
    if !device.kind.kind.is_empty() {
        out.string(IFLA_INFO_KIND, device.kind.kind.as_bytes());
        if let Some(fill) = device.kind.fill {
            let data = out.nest(IFLA_INFO_DATA);
            fill(world, device.id, out);
            out.end(data);
        }
    }
    let master = device.master.and_then(|master| world.get(master)).map(|master| master.kind);
    if let Some(master) = master.filter(|master| !master.kind.is_empty()) {
        out.string(IFLA_INFO_SLAVE_KIND, master.kind.as_bytes());
        if let Some(fill) = master.fill_port {
            let data = out.nest(IFLA_INFO_SLAVE_DATA);
            fill(world, device.id, out);
            out.end(data);
        }
    }
    out.end_or_drop(info);
}

fn rare(device: &Device, out: &mut Builder) {
    let Some(extras) = &device.extras else { return };
    if !extras.altnames.is_empty() {
        let list = out.nest(IFLA_PROP_LIST);
        for name in &extras.altnames {
            out.string(IFLA_ALT_IFNAME, name);
        }
        out.end(list);
    }
    if let Some((bus, name)) = extras.parent {
        out.string(IFLA_PARENT_DEV_NAME, name.as_bytes());
        out.string(IFLA_PARENT_DEV_BUS_NAME, bus.as_bytes());
    }
}

fn families(device: &Device, out: &mut Builder) {
    let spec = out.nest(IFLA_AF_SPEC);
    if let Some(inet6) = &device.inet6 {
        let family = out.nest(AF_INET6);
        out.u32(IFLA_INET6_FLAGS, if device.is_up() && device.carrier { IF_READY } else { 0 });
        out.put(IFLA_INET6_TOKEN, &[0; 16]);
        let mode = inet6.conf.get(crate::host::conf::v6::ADDR_GEN_MODE) as u8;
        out.u8(IFLA_INET6_ADDR_GEN_MODE, mode);
        out.end(family);
    }
    out.end_or_drop(spec);
}
