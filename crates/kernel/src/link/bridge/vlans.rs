//! Which tags belong to the bridge and its ports (`net/bridge/br_vlan.c`).
//!
//! The default is one identifier that untagged frames get everywhere. Until identifiers can be given to single
//! ports, this default is all that changes here.

use super::port::{is_operating, of_port, of_port_mut};
use super::{ETH_P_8021AD, of, of_mut, ports};
use crate::device::DeviceId;
use crate::link::Event;
use crate::world::World;
use rtnl::kind::bridge::BR_BOOLOPT_MCAST_VLAN_SNOOPING;
use std::collections::BTreeMap;

/// The largest identifier; 4095 means something else in a tag.
pub(super) const LARGEST: u16 = 4094;

/// What is kept of one identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its frames leave without a tag.
    pub(super) untagged: bool,
}

/// The identifiers of the bridge or a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Members {
    /// The identifier that untagged frames get; 0: none.
    pub(super) pvid: u16,
    pub(super) list: BTreeMap<u16, Member>,
}

impl Members {
    /// One identifier, for frames without a tag.
    pub(super) fn with_pvid(vid: u16) -> Members {
        let mut members = Members::default();
        members.add_pvid(vid);
        members
    }

    /// Adds an identifier as the one of frames without a tag; 0 is none.
    fn add_pvid(&mut self, vid: u16) {
        if vid != 0 {
            self.pvid = vid;
            self.list.insert(vid, Member { untagged: true });
        }
    }

    /// Whether the identifier is one of them.
    #[inline]
    pub(super) fn has(&self, vid: u16) -> bool {
        self.list.contains_key(&vid)
    }

    /// Whether frames of the identifier leave without a tag.
    #[inline]
    pub(super) fn leaves_untagged(&self, vid: u16) -> bool {
        self.list.get(&vid).is_some_and(|member| member.untagged)
    }

    fn remove(&mut self, vid: u16) {
        self.list.remove(&vid);
        if self.pvid == vid {
            self.pvid = 0;
        }
    }

    /// Whether the identifier stands as the default left it.
    fn is_default(&self, vid: u16) -> bool {
        vid != 0 && self.pvid == vid && self.list.get(&vid).is_some_and(|member| member.untagged)
    }

    /// Another default in place of the old, where the old one still stands and the new one is not there yet.
    fn change_default(&mut self, old: u16, new: u16) {
        if (old == 0 || self.is_default(old)) && !self.list.contains_key(&new) {
            self.add_pvid(new);
            self.remove(old);
        }
    }
}

/// A new port gets the default.
pub(super) fn init_port(world: &mut World, device: DeviceId) {
    let Some(bridge) = of_port(world, device).map(|port| port.bridge) else { return };
    let vid = of(world, bridge).default_pvid;
    if let Some(port) = of_port_mut(world, device) {
        port.vlans = Members::with_pvid(vid);
    }
}

/// Changes the identifier that untagged frames get by default; 0 is none (`__br_vlan_set_default_pvid`).
pub(super) fn set_default_pvid(world: &mut World, bridge: DeviceId, vid: u16) {
    let old = std::mem::replace(&mut of_mut(world, bridge).default_pvid, vid);
    if old == vid {
        return;
    }
    let change = |members: &mut Members| match vid {
        0 if members.is_default(old) => members.remove(old),
        0 => {}
        new => members.change_default(old, new),
    };
    change(&mut of_mut(world, bridge).vlans);
    for port in ports(world, bridge) {
        if let Some(port) = of_port_mut(world, port) {
            change(&mut port.vlans);
        }
    }
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
