//! As much of IPv6 as a link shows: whether the device has it at all, and how it makes addresses
//! (`net/ipv6/addrconf.c`).
//!
//! A device whose MTU is below 1280 has no IPv6; it comes back, with its defaults, when the MTU rises again.

use crate::device::{DeviceId, Inet6};
use crate::link::Event;
use crate::world::World;

/// The least MTU that IPv6 lives on, in bytes.
pub(crate) const IPV6_MIN_MTU: u32 = 1280;

pub(crate) fn event(world: &mut World, id: DeviceId, event: Event) {
    let Some(device) = world.get_mut(id) else { return };
    match event {
        Event::Register | Event::Up | Event::ChangeMtu if device.mtu >= IPV6_MIN_MTU => {
            device.inet6.get_or_insert_with(Inet6::default);
        }
        Event::ChangeMtu | Event::Unregister => device.inet6 = None,
        _ => {}
    }
}
