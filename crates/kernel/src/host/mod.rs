//! The host stack of a namespace: what becomes of frames that no device took.

use crate::device::DeviceId;
use crate::run::{Batch, Drop};
use crate::world::World;

/// Takes the frames that reached the end of a device's way up.
pub(crate) fn receive(world: &mut World, id: DeviceId, batch: &mut Batch) {
    world.discard_all(Some(id), batch, Drop::UnhandledProtocol);
}
