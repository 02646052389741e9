//! Writes a link as a message (`rtnl_fill_ifinfo`), attribute by attribute in Linux's order.

use super::af_spec;
use crate::device::{Counters, Device, DeviceId, segmentation::*};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::attr::{Builder, NESTED};
use rtnl::message::Header;
use rtnl::object::link::*;

/// Attribute of `IFLA_XDP`: whether a program is attached, and how.
const IFLA_XDP_ATTACHED: u16 = 2;
/// Inside `IFLA_PROTO_DOWN_REASON`: which reasons are meant.
pub(crate) const IFLA_PROTO_DOWN_REASON_MASK: u16 = 1;
/// Inside `IFLA_PROTO_DOWN_REASON`: the reasons.
pub(crate) const IFLA_PROTO_DOWN_REASON_VALUE: u16 = 2;
/// In `IFLA_LINK_NETNSID`: the namespace is ending and has no identifier.
const NO_NETNSID: u32 = u32::MAX;
/// A gap in front of 64-bit numbers.
const IFLA_PAD: u16 = 42;

/// What a message about a link needs beside the link.
pub(crate) struct Fill {
    pub header: Header,
    /// `ifi_change`.
    pub change: u32,
    /// The identifier of the namespace that the link leads to, if that is another one; see [`peer_id`].
    pub peer: Option<Option<u32>>,
    /// What the client wants and does not want of it (`RTEXT_FILTER_*`).
    pub mask: u32,
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
    relations(world, device, out);
    if let Some(event) = fill.about.event {
        out.u32(IFLA_EVENT, event);
    }
    addresses(device, out);
    statistics(&world.counters(id), out);
    if fill.mask & RTEXT_FILTER_VF != 0 && device.extras.as_ref().is_some_and(|e| e.parent.is_some()) {
        out.u32(IFLA_NUM_VF, 0);
    }
    let xdp = out.nest(IFLA_XDP);
    out.u8(IFLA_XDP_ATTACHED, 0);
    out.end(xdp);
    link_info(world, device, out);
    places(world, device, fill, out);
    af_spec::fill(device, fill.mask & RTEXT_FILTER_SKIP_STATS != 0, out);
    rare(device, out);
    out.finish(start);
}

/// Where it leads to, where it went, and where it comes from.
fn places(world: &World, device: &Device, fill: &Fill, out: &mut Builder) {
    if let Some(peer) = fill.peer {
        out.u32(IFLA_LINK_NETNSID, peer.unwrap_or(NO_NETNSID));
    }
    let iflink = world.iflink(device.id);
    if fill.peer.is_some() || iflink != device.ifindex {
        out.u32(IFLA_LINK, iflink);
    }
    if let Some((netnsid, ifindex)) = fill.about.moved {
        out.u32(IFLA_NEW_NETNSID, netnsid);
        out.u32(IFLA_NEW_IFINDEX, ifindex);
    }
    let length = usize::from(device.address_length).min(device.address.len());
    if device.permanent_address[..length].iter().any(|byte| *byte != 0) {
        out.put(IFLA_PERM_ADDRESS, &device.permanent_address[..length]);
    }
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
        let reason = out.nest(IFLA_PROTO_DOWN_REASON | NESTED);
        out.u32(IFLA_PROTO_DOWN_REASON_VALUE, extras.proto_down_reason);
        out.end(reason);
    }
}

fn addresses(device: &Device, out: &mut Builder) {
    out.align64(IFLA_PAD);
    out.put(IFLA_MAP, &[0; 32]);
    let length = usize::from(device.address_length).min(device.address.len());
    if length == 0 {
        return;
    }
    out.put(IFLA_ADDRESS, &device.address[..length]);
    out.put(IFLA_BROADCAST, &device.broadcast[..length]);
}

/// `struct rtnl_link_stats64` (25 numbers of 64 bits) and `struct rtnl_link_stats` (24 of 32 bits).
fn statistics(c: &Counters, out: &mut Builder) {
    let mut all = [0u64; 25];
    all[..4].copy_from_slice(&[c.rx_packets, c.tx_packets, c.rx_bytes, c.tx_bytes]);
    all[4..6].copy_from_slice(&[c.errors.rx_errors, c.errors.tx_errors]);
    all[6..10].copy_from_slice(&[c.rx_dropped, c.tx_dropped, c.multicast, c.errors.collisions]);
    (all[13], all[17]) = (c.errors.rx_frame_errors, c.errors.tx_carrier_errors);
    let mut wide = [0u8; 200];
    let mut narrow = [0u8; 96];
    for (place, value) in wide.chunks_exact_mut(8).zip(all) {
        place.copy_from_slice(&value.to_ne_bytes());
    }
    for (place, value) in narrow.chunks_exact_mut(4).zip(all) {
        place.copy_from_slice(&(value as u32).to_ne_bytes());
    }
    out.align64(IFLA_PAD);
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
        let list = out.nest(IFLA_PROP_LIST | NESTED);
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
