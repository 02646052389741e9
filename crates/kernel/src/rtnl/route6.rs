//! RTM_*ROUTE for IPv6: **not built yet.** Requests are refused as not supported, lists are empty.

use super::Asker;
use super::pieces::Pieces;
use super::route::Filter;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::{Message, Refusal};
use rtnl::object::route::Rtmsg;
pub(crate) fn new(_: &mut World, _: Asker, _: &Message<'_>, _: &Rtmsg) -> Result<(), Refusal> {
    Err(Errno::EOPNOTSUPP.into())
}
pub(crate) fn delete(_: &mut World, _: Asker, _: &Message<'_>, _: &Rtmsg) -> Result<(), Refusal> {
    Err(Errno::EOPNOTSUPP.into())
}
pub(crate) fn get(_: &mut World, _: Asker, _: &Message<'_>, _: &Rtmsg) -> Result<(), Refusal> {
    Err(Errno::EOPNOTSUPP.into())
}
pub(crate) fn list(_: &World, _: Asker, _: &Filter, _: &mut Pieces) -> Result<(), Refusal> {
    Ok(())
}
