//! As much of IPv6 as a link shows: whether the device has it at all, and how it makes addresses
//! (`net/ipv6/addrconf.c`).
//!
//! A device whose MTU is below 1280 has no IPv6; it comes back, with its defaults, when the MTU rises again.

use crate::device::DeviceId;
use crate::host::conf::{IPV6, NEIGHBOUR, Values, v6};
use crate::link::Event;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::object::link::IFF_LOOPBACK;
use std::net::Ipv6Addr;

/// The least MTU that IPv6 lives on, in bytes.
pub(crate) const IPV6_MIN_MTU: u32 = 1280;

/// What a device that has IPv6 keeps of it.
#[derive(Clone, Debug)]
pub(crate) struct Inet6 {
    pub conf: Values,
    pub neighbours: Values,
}

pub(crate) fn event(world: &mut World, id: DeviceId, event: Event) {
    let Some(device) = world.get_mut(id) else { return };
    match event {
        Event::Register | Event::Up | Event::ChangeMtu if device.mtu >= IPV6_MIN_MTU => begin(world, id),
        // The loopback keeps what it has, however small it becomes.
        Event::ChangeMtu if device.flags & IFF_LOOPBACK != 0 => {}
        Event::ChangeMtu | Event::Unregister => device.inet6 = None,
        _ => {}
    }
}

/// Gives a device IPv6 with the namespace's defaults, if it has none.
fn begin(world: &mut World, id: DeviceId) {
    if world[id].inet6.is_some() {
        return;
    }
    let (netns, lo) = (world[id].netns, world[id].flags & IFF_LOOPBACK != 0);
    let Ok(space) = world.space(netns) else { return };
    let conf = space.stack.default6.of_device(IPV6, lo);
    let neighbours = space.stack.neigh6.of_device(NEIGHBOUR, lo);
    world[id].inet6 = Some(Box::new(Inet6 { conf, neighbours }));
}

// Addresses of IPv6 are not built yet: no device has one, and nothing follows from a setting.

pub(crate) fn end_lifetimes(_: &mut World, _: DeviceId) {}
pub(crate) fn look_for_duplicates(_: &mut World, _: DeviceId, _: Ipv6Addr) {}
pub(crate) fn ask_for_routers(_: &mut World, _: DeviceId) {}
pub(crate) fn find_device(_: &World, _: NetnsId, _: Ipv6Addr, _: Option<u32>) -> Option<DeviceId> {
    None
}
pub(crate) fn hop_limit(world: &World, id: DeviceId) -> u8 {
    world[id].inet6.as_ref().map_or(64, |i| i.conf.get(v6::HOP_LIMIT) as u8)
}
pub(crate) fn setting_changed(_: &mut World, _: DeviceId, _: usize, _: i32) {}
pub(crate) fn join_solicited(_: &mut World, _: DeviceId, _: Ipv6Addr) {}
pub(crate) fn all(_: &World, _: DeviceId) -> impl Iterator<Item = Ipv6Addr> + '_ {
    std::iter::empty()
}
