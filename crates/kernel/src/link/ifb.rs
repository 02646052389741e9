//! `ifb`: takes redirected frames into its queue and gives them back (`drivers/net/ifb.c`).

use super::{Type, validate_address};
use crate::device::{Device, DeviceId};
use crate::run::{Batch, Drop};
use crate::world::World;
use rtnl::object::link::{IFF_MULTICAST, IFF_NOARP};

/// The type. The queue holds 32 frames; the address cannot be changed.
pub static TYPE: Type = Type {
    kind: "ifb",
    setup,
    validate: validate_address,
    init: Some(World::init_random_address),
    set_address: None,
    transmit: Some(transmit),
    tells_link: false,
    takes_groups: false,
    ..Type::DEFAULT
};

fn setup(device: &mut Device) {
    device.flags = (device.flags | IFF_NOARP) & !IFF_MULTICAST;
    device.txqlen = 32;
    device.features = crate::features::Features::USUAL;
    device.min_mtu = 0;
    device.max_mtu = 0;
}

/// Takes what was redirected to it (`ifb_xmit`); a frame that came otherwise is counted and dropped.
fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let mut bytes = 0;
    for frame in batch.frames() {
        bytes += world.run.pool.length(*frame) as u64;
    }
    let counters = &mut world[id].counters;
    counters.rx_packets += batch.len() as u64;
    counters.rx_bytes += bytes;
    counters.rx_dropped += batch.len() as u64;
    world.discard_all(Some(id), batch, Drop::NotRedirected);
}
