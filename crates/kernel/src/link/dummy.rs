//! `dummy`: takes frames, counts them and lets them go (`drivers/net/dummy.c`).

use super::{Type, validate_address};
use crate::device::Device;
use crate::world::World;
use rtnl::object::link::{IFF_MULTICAST, IFF_NOARP};

/// The type.
pub static TYPE: Type = Type {
    kind: "dummy",
    setup,
    validate: validate_address,
    init: Some(World::init_random_address),
    change_carrier: true,
    ..Type::DEFAULT
};

fn setup(device: &mut Device) {
    device.flags = (device.flags | IFF_NOARP) & !IFF_MULTICAST;
    device.abilities.live_address = true;
    device.abilities.no_queue = true;
    device.min_mtu = 0;
    device.max_mtu = 0;
}
