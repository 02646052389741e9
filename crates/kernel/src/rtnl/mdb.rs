//! RTM_NEWMDB, RTM_DELMDB and RTM_GETMDB: the groups of bridges (`br_mdb_parse` in `net/bridge/br_mdb.c`).

use super::bridge_dump::{BridgeDump, What};
use super::{Asker, start};
use crate::device::DeviceId;
use crate::link::bridge;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::{Message, Refusal};
use rtnl::object::mdb::PortMsg;
use rtnl::table::Tb;

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

fn find(world: &World, asker: Asker, message: &Message<'_>) -> Result<DeviceId> {
    let head = PortMsg::decode(message).ok_or(Errno::EINVAL)?;
    if head.ifindex == 0 {
        return Err(Refusal::said(Errno::EINVAL, "bridge: Invalid bridge ifindex"));
    }
    let unknown = Refusal::said(Errno::ENODEV, "bridge: Bridge device doesn't exist");
    let id = world.by_index(asker.netns, head.ifindex).ok_or(unknown)?;
    match bridge::is_bridge(world, id) {
        true => Ok(id),
        false => Err(Refusal::said(Errno::EOPNOTSUPP, "bridge: Device is not a bridge")),
    }
}

/// Adds a member to a group.
pub(crate) fn add(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let id = find(world, asker, message)?;
    bridge::mdb::add(world, id, &Tb::read(message.attrs(PortMsg::SIZE)))
}

/// Removes a member from a group.
pub(crate) fn delete(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let id = find(world, asker, message)?;
    bridge::mdb::delete(world, id, &Tb::read(message.attrs(PortMsg::SIZE)))
}

/// Begins to list groups.
pub(crate) fn start_dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let what = BridgeDump::of_netns(world, asker.netns, What::Groups);
    start(world, asker, message, what)
}
