//! IPv6 packets: **not built yet.** What comes in is taken as for another host, what is to go out is refused.

use super::For;
use super::fib6::Outgoing;
use super::ipv4::Sent;
use crate::device::DeviceId;
use crate::frame::FrameId;
use crate::run::Drop;
use crate::world::World;
use rtnl::errno::Errno;
use std::net::Ipv6Addr;
pub(crate) fn source_of(_: &World, _: FrameId) -> Option<Ipv6Addr> {
    None
}
pub(crate) fn link_failed(world: &mut World, id: DeviceId, frame: FrameId) {
    world.discard(Some(id), frame, Drop::NeighbourFailed);
}
pub(crate) fn receive(world: &mut World, id: DeviceId, frame: FrameId, _: For) {
    super::consume(world, id, frame, Drop::OtherHost)
}
pub(crate) fn send(
    _: &mut World,
    _: &Outgoing,
    _: u8,
    _: u8,
    _: u8,
    _: bool,
    _: &[u8],
) -> Result<Sent, Errno> {
    Err(Errno::ENETUNREACH)
}
