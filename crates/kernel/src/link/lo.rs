//! `lo`: the loopback of a namespace, always there, as index 1 (`drivers/net/loopback.c`).

use super::Type;
use crate::device::{Device, Name, TSO_MAX_SIZE, segmentation};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::object::link::{ARPHRD_LOOPBACK, IFF_LOOPBACK};

/// The type; no request makes or deletes one.
pub static TYPE: Type = Type { setup, dellink: None, checks_address: false, ..Type::DEFAULT };

fn setup(device: &mut Device) {
    device.hardware_type = ARPHRD_LOOPBACK;
    device.flags = IFF_LOOPBACK;
    device.mtu = 65536;
    device.min_mtu = 0;
    device.max_mtu = 0;
    device.broadcast = [0; 6];
    device.abilities.no_queue = true;
    device.abilities.live_address = true;
    device.abilities.netns_local = true;
    device.abilities.vlan_challenged = true;
    device.segmentation[segmentation::TSO_MAX_SIZE] = TSO_MAX_SIZE;
}

/// Makes a namespace with its loopback.
///
/// # Errors
/// ENOSPC or ENOBUFS if there is no room.
pub(crate) fn new_netns(world: &mut World) -> Result<NetnsId, Errno> {
    let netns = world.add_space()?;
    let made = world.allocate(&TYPE, netns, Name::new(b"lo")).and_then(|lo| world.register(lo));
    made.map(|()| netns).map_err(|refusal| {
        world.drop_space(netns);
        refusal.errno
    })
}
