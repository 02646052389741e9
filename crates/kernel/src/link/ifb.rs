//! `ifb`: takes redirected frames into its queue and gives them back (`drivers/net/ifb.c`).

use super::{Type, validate_address};
use crate::device::Device;
use crate::world::World;
use rtnl::object::link::{IFF_MULTICAST, IFF_NOARP};

/// The type. The queue holds 32 frames; the address cannot be changed.
pub static TYPE: Type = Type {
    kind: "ifb",
    setup,
    validate: validate_address,
    init: Some(World::init_random_address),
    set_address: None,
    ..Type::DEFAULT
};

fn setup(device: &mut Device) {
    device.flags = (device.flags | IFF_NOARP) & !IFF_MULTICAST;
    device.txqlen = 32;
    device.min_mtu = 0;
    device.max_mtu = 0;
}
