//! Routing domains (`net/l3mdev/l3mdev.c`): a device whose type has a routing table is the master of one, its ports
//! are in it.

use crate::device::DeviceId;
use crate::world::World;

/// The master of the domain that a device is in: itself, or the device it is a port of.
pub(crate) fn master(world: &World, id: DeviceId) -> Option<DeviceId> {
    let is_master = |id: &DeviceId| world.get(*id).is_some_and(|device| device.kind.routing_table.is_some());
    Some(id).filter(is_master).or_else(|| world.get(id)?.master.filter(is_master))
}

/// The table of the domain that a device is in; none if it is in none (`l3mdev_fib_table`).
pub(crate) fn table(world: &World, id: DeviceId) -> Option<u32> {
    let master = master(world, id)?;
    Some(world[master].kind.routing_table?(world, master)).filter(|table| *table != 0)
}
