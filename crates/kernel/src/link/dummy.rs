//! `dummy`: takes frames, counts them and lets them go (`drivers/net/dummy.c`).

use super::{Type, validate_address};
use crate::device::{Device, DeviceId};
use crate::run::{Batch, Drop};
use crate::world::World;
use rtnl::object::link::{IFF_MULTICAST, IFF_NOARP};

/// The type.
pub static TYPE: Type = Type {
    kind: "dummy",
    setup,
    validate: validate_address,
    init: Some(World::init_random_address),
    change_carrier: Some(World::set_carrier),
    transmit: Some(transmit),
    tells_link: false,
    ..Type::DEFAULT
};

fn setup(device: &mut Device) {
    device.flags = (device.flags | IFF_NOARP) & !IFF_MULTICAST;
    device.abilities.live_address = true;
    device.abilities.no_queue = true;
    device.min_mtu = 0;
    device.max_mtu = 0;
}

/// Counts frames and lets them go (`dummy_xmit`).
fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let mut bytes = 0;
    for frame in batch.frames() {
        bytes += world.run.pool.length(*frame) as u64;
    }
    let counters = &mut world[id].counters;
    counters.tx_packets += batch.len() as u64;
    counters.tx_bytes += bytes;
    world.discard_all(Some(id), batch, Drop::Dummy);
}
