//! Which VLANs belong to the bridge and its ports (`net/bridge/br_vlan.c`).
//!
//! The bridge itself and each port have a list of identifiers; one of them, the `pvid`, is what untagged frames
//! belong to. The default is one identifier that untagged frames get everywhere. Each member brings the device's
//! address into the table. What the bridge keeps of an identifier for all of its ports is in `vlan_options`.

use super::port::{is_operating, of_port, of_port_mut};
use super::{ETH_P_8021AD, of, of_mut, ports, table, vlan_options};
use crate::device::DeviceId;
use crate::few::Few;
use crate::link::Event;
use crate::world::World;
use rtnl::kind::bridge::BR_BOOLOPT_MCAST_VLAN_SNOOPING;
use rtnl::kind::bridge_slave::BR_STATE_FORWARDING;
use rtnl::object::brlink::*;
use rtnl::object::brvlan::{RTM_DELVLAN, RTM_NEWVLAN};

/// The largest identifier; 4095 means something else in a tag.
pub(super) const LARGEST: u16 = 4094;

/// What is kept of one identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its frames leave without a tag.
    pub(super) untagged: bool,
    /// `BR_STATE_*` of the VLAN there.
    pub(super) state: u8,
    /// Whether a multicast router is behind it.
    pub(super) router: u8,
}

impl Member {
    fn new(untagged: bool) -> Member {
        Member { untagged, state: BR_STATE_FORWARDING, router: 1 }
    }
}

/// The identifiers of the bridge or a port.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    /// The identifier that untagged frames get; 0: none.
    pub(super) pvid: u16,
    pub(super) list: Few<u16, Member>,
}

impl Members {
    /// One identifier, for frames without a tag.
    pub(super) fn with_pvid(vid: u16) -> Members {
        let mut members = Members::default();
        if vid != 0 {
            members.pvid = vid;
            members.list.insert(vid, Member::new(true));
        }
        members
    }

    /// Whether frames of the identifier pass.
    #[inline]
    pub(super) fn has(&self, vid: u16) -> bool {
        self.list.get(&vid).is_some_and(|member| member.state == BR_STATE_FORWARDING)
    }

    /// Whether frames of the identifier leave without a tag.
    #[inline]
    pub(super) fn leaves_untagged(&self, vid: u16) -> bool {
        self.list.get(&vid).is_some_and(|member| member.untagged)
    }

    /// `BRIDGE_VLAN_INFO_*` of an identifier.
    pub(super) fn flags(&self, vid: u16) -> u16 {
        let pvid = if self.pvid == vid { BRIDGE_VLAN_INFO_PVID } else { 0 };
        pvid | if self.leaves_untagged(vid) { BRIDGE_VLAN_INFO_UNTAGGED } else { 0 }
    }

    /// Adds an identifier or changes its flags; says whether that changed anything.
    fn set(&mut self, vid: u16, flags: u16) -> bool {
        let before = (self.pvid, self.list.get(&vid).copied());
        let member = self.list.get_or_insert_with(vid, || Member::new(false));
        member.untagged = flags & BRIDGE_VLAN_INFO_UNTAGGED != 0;
        if flags & BRIDGE_VLAN_INFO_PVID != 0 {
            self.pvid = vid;
        } else if self.pvid == vid {
            self.pvid = 0;
        }
        before != (self.pvid, self.list.get(&vid).copied())
    }

    fn remove(&mut self, vid: u16) {
        if self.pvid == vid {
            self.pvid = 0;
        }
        self.list.remove(&vid);
    }

    /// Whether the identifier stands as the default left it.
    fn is_default(&self, vid: u16) -> bool {
        vid != 0 && self.pvid == vid && self.leaves_untagged(vid)
    }
}

/// The identifiers of a bridge, or of a port of one.
pub(super) fn of_device(world: &World, id: DeviceId) -> Option<&Members> {
    match of_port(world, id) {
        Some(port) => Some(&port.vlans),
        None => world.get(id)?.private::<super::Bridge>().map(|bridge| &bridge.vlans),
    }
}

/// The same, to change.
pub(super) fn of_device_mut(world: &mut World, id: DeviceId) -> Option<&mut Members> {
    if of_port(world, id).is_some() {
        return of_port_mut(world, id).map(|port| &mut port.vlans);
    }
    world.get_mut(id)?.private_mut::<super::Bridge>().map(|bridge| &mut bridge.vlans)
}

/// The bridge of a bridge or port, and the number there: 0 for the bridge itself.
pub(super) fn place(world: &World, id: DeviceId) -> Option<(DeviceId, u16)> {
    match of_port(world, id) {
        Some(port) => Some((port.bridge, port.number)),
        None => world.get(id)?.private::<super::Bridge>().map(|_| (id, 0)),
    }
}

/// Adds an identifier to a bridge or port, or changes its flags; says whether that changed anything
/// (`nbp_vlan_add`, `br_vlan_add`).
pub(super) fn add(world: &mut World, id: DeviceId, vid: u16, flags: u16) -> bool {
    let Some((bridge, number)) = place(world, id) else { return false };
    let Some(members) = of_device_mut(world, id) else { return false };
    let fresh = !members.list.contains_key(&vid);
    let changed = members.set(vid, flags);
    if fresh {
        vlan_options::keep(world, bridge, vid);
        let address = world[id].address;
        table::add_local(world, bridge, number, address, vid);
        super::promiscuity::receive_addresses(world, bridge);
        world.tell(bridge, Event::Ports);
    }
    changed
}

/// Removes an identifier from a bridge or port; false if it is not there (`nbp_vlan_delete`, `br_vlan_delete`).
pub(super) fn delete(world: &mut World, id: DeviceId, vid: u16) -> bool {
    let Some((bridge, number)) = place(world, id) else { return false };
    if of_device(world, id).is_none_or(|members| !members.list.contains_key(&vid)) {
        return false;
    }
    let address = world[id].address;
    table::remove_local(world, bridge, number, address, vid);
    table::flush(world, bridge, number, vid);
    if let Some(port) = of_port_mut(world, id) {
        port.tunnels.remove(vid);
    }
    if let Some(members) = of_device_mut(world, id) {
        members.remove(vid);
    }
    vlan_options::drop_unused(world, bridge, vid);
    world.tell(bridge, Event::Ports);
    true
}

/// A new bridge has its default.
pub(super) fn init_bridge(world: &mut World, bridge: DeviceId) {
    let vid = of(world, bridge).default_pvid;
    vlan_options::keep(world, bridge, vid);
    let address = world[bridge].address;
    table::add_local(world, bridge, 0, address, vid);
}

/// A new port gets the default.
pub(super) fn init_port(world: &mut World, device: DeviceId) {
    let Some(bridge) = of_port(world, device).map(|port| port.bridge) else { return };
    let vid = of(world, bridge).default_pvid;
    if vid != 0 {
        add(world, device, vid, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
        vlan_options::notify(world, device, vid, vid, RTM_NEWVLAN);
    }
}

/// A port that leaves loses all of its identifiers (`nbp_vlan_flush`).
pub(super) fn end_port(world: &mut World, device: DeviceId) {
    let Some(port) = of_port_mut(world, device) else { return };
    let bridge = port.bridge;
    let members = std::mem::take(&mut port.vlans);
    let mut vids = members.list.keys().copied().peekable();
    while let Some(first) = vids.next() {
        let mut last = first;
        while vids.peek() == Some(&(last + 1)) && last + 1 != members.pvid && last != members.pvid {
            last += 1;
            vids.next();
        }
        vlan_options::notify(world, device, first, last, RTM_DELVLAN);
    }
    for vid in members.list.keys() {
        vlan_options::drop_unused(world, bridge, *vid);
    }
}

/// Changes the identifier that untagged frames get by default; 0 is none (`__br_vlan_set_default_pvid`).
pub(super) fn set_default_pvid(world: &mut World, bridge: DeviceId, vid: u16) {
    let old = of(world, bridge).default_pvid;
    if old == vid {
        return;
    }
    for id in std::iter::once(bridge).chain(ports(world, bridge)) {
        let Some(members) = of_device(world, id) else { continue };
        let stands = members.is_default(old);
        if vid == 0 && stands {
            delete(world, id, old);
            vlan_options::notify(world, id, old, old, RTM_DELVLAN);
        }
        let free = of_device(world, id).is_some_and(|members| !members.list.contains_key(&vid));
        if vid != 0 && (old == 0 || stands) && free {
            add(world, id, vid, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
            if old != 0 {
                delete(world, id, old);
                vlan_options::notify(world, id, old, old, RTM_DELVLAN);
            }
            vlan_options::notify(world, id, vid, vid, RTM_NEWVLAN);
        }
    }
    of_mut(world, bridge).default_pvid = vid;
    world.tell(bridge, Event::Ports);
}

/// Switches filtering by tag (`br_vlan_filter_toggle`).
pub(super) fn set_filtering(world: &mut World, bridge: DeviceId, on: bool) {
    let state = of_mut(world, bridge);
    if state.vlan_filtering == on {
        return;
    }
    state.vlan_filtering = on;
    if !on {
        state.options &= !(1 << BR_BOOLOPT_MCAST_VLAN_SNOOPING);
    }
    super::promiscuity::manage(world, bridge);
    choose_group_address(world, bridge);
}

/// Changes the tags' protocol.
pub(super) fn set_protocol(world: &mut World, bridge: DeviceId, protocol: u16) {
    of_mut(world, bridge).vlan_protocol = protocol;
    choose_group_address(world, bridge);
}

/// A provider's bridge sends its hellos to another group, so that they pass the customers' bridges, unless a user
/// chose one.
fn choose_group_address(world: &mut World, bridge: DeviceId) {
    let state = of_mut(world, bridge);
    if !state.group_address_set {
        let provider = state.vlan_filtering && state.vlan_protocol == ETH_P_8021AD;
        state.group_address[5] = if provider { 0x08 } else { 0x00 };
    }
}

/// Whether a port that carries the identifier is up: what a vlan on the bridge that is bound to the bridge's ports
/// has as its carrier. [`Event::Ports`] on the bridge says when this may have changed.
pub fn carrier_for_vlan(world: &World, bridge: DeviceId, vid: u16) -> bool {
    let carries = |port: &DeviceId| {
        of_port(world, *port).is_some_and(|port| port.vlans.list.contains_key(&vid))
            && is_operating(world, *port)
    };
    let Some(state) = world.get(bridge).and_then(|device| device.private::<super::Bridge>()) else {
        return false;
    };
    state.arrivals.iter().any(carries)
}
