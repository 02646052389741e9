//! The host stack of a namespace: what becomes of frames that no device took.

use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::run::{Batch, Drop};
use crate::world::World;

/// What the host stack of a namespace may wait for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum HostTimer {
    /// The next step of a neighbour's state.
    Neighbour(DeviceId, std::net::IpAddr),
}

/// A timer went off.
pub(crate) fn timer(_: &mut World, _: NetnsId, _: HostTimer) {}

/// Takes the frames that reached the end of a device's way up.
pub(crate) fn receive(world: &mut World, id: DeviceId, batch: &mut Batch) {
    world.discard_all(Some(id), batch, Drop::UnhandledProtocol);
}
