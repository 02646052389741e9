//! Tunnels of VLANs at ports (`vlan_tunnel on`): which network of a tunnel a VLAN is (`net/bridge/br_vlan_tunnel.c`,
//! `br_netlink_tunnel.c`).
//!
//! What leaves such a port with a tag of a VLAN that has a tunnel leaves without it, and says the network to the device
//! below, which must be controlled from outside. What came through a network comes in with the tag of its VLAN. At one
//! port a network is one VLAN's.

use super::port::{flag, of_port, of_port_mut};
use super::vlan_requests::Deed;
use super::{of, vlan_options, vlans};
use crate::device::DeviceId;
use crate::frame::metadata::Metadata;
use crate::frame::{FrameId, Tag};
use crate::run::Batch;
use crate::world::World;
use rtnl::attr::{Attr, Builder};
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::brlink::*;
use rtnl::object::brvlan::*;
use rtnl::object::link::{RTM_DELLINK, RTM_SETLINK};
use std::collections::BTreeMap;

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

/// The number that is no VLAN; Linux lets none at or above it through here.
const NO_VLAN: u16 = 0xfff;

/// The tunnels of a port's VLANs.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    networks: BTreeMap<u16, u32>,
    vlans: BTreeMap<u32, u16>,
}

impl Tunnels {
    /// The network of a VLAN.
    pub(super) fn of(&self, vid: u16) -> Option<u32> {
        self.networks.get(&vid).copied()
    }

    /// Forgets the tunnel of a VLAN; says whether there was one.
    pub(super) fn remove(&mut self, vid: u16) {
        if let Some(network) = self.networks.remove(&vid) {
            self.vlans.remove(&network);
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Tunnels::default();
    }

    /// Whether two VLANs that follow each other may stand as a range: both have no tunnel, or their networks follow
    /// each other too (`__vlan_tun_can_enter_range`).
    pub(super) fn join(&self, vid: u16, next: u16) -> bool {
        match (self.of(vid), self.of(next)) {
            (None, None) => true,
            (Some(network), Some(next)) => network.wrapping_add(1) == next,
            _ => false,
        }
    }
}

/// The tunnels of a port; none of a bridge.
pub(super) fn of_device(world: &World, id: DeviceId) -> Option<&Tunnels> {
    of_port(world, id).map(|port| &port.tunnels)
}

/// The network of a VLAN at a port.
pub(super) fn network(world: &World, id: DeviceId, vid: u16) -> Option<u32> {
    of_device(world, id)?.of(vid)
}

// Frames.

/// Gives the frames that came through networks of a tunnel the tags of their VLANs (`br_handle_ingress_vlan_tunnel`).
#[cold]
pub(super) fn tag(world: &mut World, port: DeviceId, batch: &mut Batch) {
    let Some(own) = of_port(world, port) else { return };
    let protocol = of(world, own.bridge).vlan_protocol;
    for frame in batch.frames() {
        let pool = &world.run.pool;
        let tagged = pool.meta(*frame).tag.is_some() || matches!(pool.ethertype(*frame), 0x8100 | 0x88a8);
        let came = pool.metadata(*frame).came_through().filter(|_| !tagged);
        let vid = came.and_then(|network| of_device(world, port)?.vlans.get(&network).copied());
        if let Some(vid) = vid {
            world.run.pool.forget_metadata(*frame);
            world.run.pool.meta_mut(*frame).tag = Tag { protocol, tci: vid };
        }
    }
    batch.measured = false;
}

/// Says the network of its VLAN of a frame that leaves a port with a tag, which it loses
/// (`br_handle_egress_vlan_tunnel`).
#[cold]
pub(super) fn untag(world: &mut World, port: DeviceId, frame: FrameId) {
    let tag = world.run.pool.meta(frame).tag;
    let network = network(world, port, tag.id()).filter(|network| tag.is_some() && *network != 0);
    if let Some(network) = network {
        world.run.pool.meta_mut(frame).tag = Tag::NONE;
        world.run.pool.set_metadata(frame, Metadata::Bridge(network));
    }
}

// Requests.

/// One entry of a request.
#[derive(Clone, Copy, Default)]
pub(super) struct Entry {
    network: u32,
    vid: u16,
    flags: u16,
}

fn invalid<T>() -> Result<T> {
    Err(Errno::EINVAL.into())
}

impl Entry {
    /// `br_parse_vlan_tunnel_info`.
    fn read(attr: &Attr<'_>) -> Result<Entry> {
        // The sentence of the rule that was broken is not handed on.
        let tb =
            IFLA_BRIDGE_VLAN_TUNNEL.parse(attr.attrs()).map_err(|refusal| Refusal::new(refusal.errno))?;
        let (Some(network), Some(vid)) =
            (tb.u32(IFLA_BRIDGE_VLAN_TUNNEL_ID), tb.u16(IFLA_BRIDGE_VLAN_TUNNEL_VID))
        else {
            return invalid();
        };
        if vid >= NO_VLAN {
            return Err(Errno::ERANGE.into());
        }
        Ok(Entry { network, vid, flags: tb.u16(IFLA_BRIDGE_VLAN_TUNNEL_FLAGS).unwrap_or(0) })
    }
}

/// Carries out one entry; the beginning of a range waits for its end. Says whether anything changed, also before a
/// refusal (`br_process_vlan_tunnel_info`).
pub(super) fn process(
    world: &mut World,
    id: DeviceId,
    deed: Deed,
    attr: &Attr<'_>,
    last: &mut Entry,
) -> (bool, Result) {
    if !of_port(world, id).is_some_and(|port| port.has(flag::VLAN_TUNNEL)) {
        return (false, invalid());
    }
    let entry = match Entry::read(attr) {
        Ok(entry) => entry,
        Err(refusal) => return (false, Err(refusal)),
    };
    let waits = last.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN != 0;
    if entry.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN != 0 {
        if waits {
            return (false, invalid());
        }
        *last = entry;
        return (false, Ok(()));
    }
    if entry.flags & BRIDGE_VLAN_INFO_RANGE_END != 0 {
        let vids = i32::from(entry.vid) - i32::from(last.vid);
        if !waits || vids as u32 != entry.network.wrapping_sub(last.network) {
            return (false, invalid());
        }
        let first = std::mem::take(last);
        return range(world, id, deed, (first, entry.vid));
    }
    if last.flags != 0 {
        return (false, invalid());
    }
    let result = change(world, id, deed, entry.vid, entry.network);
    if result.is_ok() {
        vlan_options::notify(world, id, entry.vid, entry.vid, RTM_NEWVLAN);
    }
    (result.as_ref().is_ok_and(|changed| *changed), result.map(|_| ()))
}

/// A range: what follows each other and changed is told together (`__vlan_tunnel_handle_range`).
fn range(world: &mut World, id: DeviceId, deed: Deed, (first, last): (Entry, u16)) -> (bool, Result) {
    let (mut any, mut result) = (false, Ok(()));
    let mut told: Option<(u16, u16)> = None;
    for vid in first.vid..=last {
        let network = first.network.wrapping_add(u32::from(vid - first.vid));
        let changed = match change(world, id, deed, vid, network) {
            Ok(changed) => changed,
            Err(refusal) => {
                result = Err(refusal);
                break;
            }
        };
        any |= changed;
        let joins = |(_, before): (u16, u16)| changed && joins(world, id, before, vid);
        match told {
            Some((from, to)) if joins((from, to)) => told = Some((from, vid)),
            _ => {
                if let Some((from, to)) = told {
                    vlan_options::notify(world, id, from, to, RTM_NEWVLAN);
                }
                told = changed.then_some((vid, vid));
            }
        }
    }
    if let Some((from, to)) = told {
        vlan_options::notify(world, id, from, to, RTM_NEWVLAN);
    }
    (any, result)
}

/// Whether two VLANs of a port are alike and follow each other.
fn joins(world: &World, id: DeviceId, before: u16, vid: u16) -> bool {
    let Some(port) = of_port(world, id) else { return false };
    let alike = port.vlans.list.get(&before) == port.vlans.list.get(&vid)
        && port.vlans.flags(before) == port.vlans.flags(vid);
    vid == before + 1 && alike && port.tunnels.join(before, vid)
}

/// Gives a VLAN of a port its tunnel, or takes it; says whether that changed anything (`br_vlan_tunnel_info`).
fn change(world: &mut World, id: DeviceId, deed: Deed, vid: u16, network: u32) -> Result<bool> {
    let member = vlans::of_device(world, id).is_some_and(|members| members.list.contains_key(&vid));
    let Some(port) = of_port_mut(world, id) else { return invalid() };
    match deed {
        Deed::Add if !member => invalid(),
        Deed::Add => {
            if port.tunnels.networks.contains_key(&vid) || port.tunnels.vlans.contains_key(&network) {
                return Err(Errno::EEXIST.into());
            }
            port.tunnels.networks.insert(vid, network);
            port.tunnels.vlans.insert(network, vid);
            Ok(true)
        }
        Deed::Delete => {
            port.tunnels.remove(vid);
            Ok(member)
        }
    }
}

/// The tunnel of a VLAN among the options of VLANs from a first one on (`br_vlan_modify_tunnel`).
pub(super) fn change_option(
    world: &mut World,
    id: DeviceId,
    (first, vid): (u16, u16),
    attr: &Attr<'_>,
) -> Result<bool> {
    let refuse = |errno, sentence| Err(Refusal::said(errno, sentence));
    match of_port(world, id) {
        None => {
            return refuse(Errno::EINVAL, "bridge: Can't modify tunnel mapping of non-port vlans");
        }
        Some(port) if !port.has(flag::VLAN_TUNNEL) => {
            return refuse(Errno::EINVAL, "bridge: Port doesn't have tunnel flag set");
        }
        Some(_) => {}
    }
    let tb = TUNNEL.parse(attr.attrs())?;
    let Some(command) = tb.u32(BRIDGE_VLANDB_TINFO_CMD) else {
        return refuse(Errno::ENOENT, "bridge: Missing tunnel command attribute");
    };
    match command {
        _ if command == u32::from(RTM_SETLINK) => {
            let Some(network) = tb.u32(BRIDGE_VLANDB_TINFO_ID) else {
                return refuse(Errno::ENOENT, "bridge: Missing tunnel id attribute");
            };
            change(world, id, Deed::Add, vid, network.wrapping_add(u32::from(vid - first)))
        }
        _ if command == u32::from(RTM_DELLINK) => change(world, id, Deed::Delete, vid, 0),
        _ => refuse(Errno::EINVAL, "bridge: Unsupported tunnel command"),
    }
}

// Telling.

/// Writes the tunnels of a port that has such, those that follow each other as ranges (`br_fill_vlan_tunnel_info`).
pub(super) fn fill(world: &World, id: DeviceId, out: &mut Builder) {
    let Some(port) = of_port(world, id).filter(|port| port.has(flag::VLAN_TUNNEL)) else { return };
    let mut all = port.tunnels.networks.iter().map(|(vid, network)| (*vid, *network)).peekable();
    while let Some(first) = all.next() {
        let mut last = first;
        while all.peek() == Some(&(last.0 + 1, last.1.wrapping_add(1))) {
            last = (last.0 + 1, last.1.wrapping_add(1));
            all.next();
        }
        if first == last {
            fill_one(first, 0, out);
        } else {
            fill_one(first, BRIDGE_VLAN_INFO_RANGE_BEGIN, out);
            fill_one(last, BRIDGE_VLAN_INFO_RANGE_END, out);
        }
    }
}

fn fill_one((vid, network): (u16, u32), flags: u16, out: &mut Builder) {
    let nest = out.nest(IFLA_BRIDGE_VLAN_TUNNEL_INFO);
    out.u32(IFLA_BRIDGE_VLAN_TUNNEL_ID, network);
    out.u16(IFLA_BRIDGE_VLAN_TUNNEL_VID, vid);
    out.u16(IFLA_BRIDGE_VLAN_TUNNEL_FLAGS, flags);
    out.end(nest);
}
