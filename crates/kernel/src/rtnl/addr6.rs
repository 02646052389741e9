//! RTM_*ADDR for IPv6: **not built yet.** Requests are refused as not supported, lists are empty.

use super::Asker;
use super::pieces::Pieces;
use crate::device::DeviceId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::{Message, Refusal};
use rtnl::object::addr::Ifaddr;
pub(crate) fn new(_: &mut World, _: Asker, _: &Message<'_>, _: &Ifaddr) -> Result<(), Refusal> {
    Err(Errno::EOPNOTSUPP.into())
}
pub(crate) fn delete(_: &mut World, _: Asker, _: &Message<'_>, _: &Ifaddr) -> Result<(), Refusal> {
    Err(Errno::EOPNOTSUPP.into())
}
pub(crate) fn list(_: &World, _: DeviceId, _: &mut Pieces) {}
