//! `ipvtap`: an ipvlan whose frames go to a character device (`drivers/net/ipvlan/ipvtap.c`, `drivers/net/tap.c`).
//!
//! The character device takes the frames, so that an ipvtap is nobody's port.

use super::{NewLink, Type, ipvlan};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::message::Refusal;

/// Frames that the character device holds (`TUN_READQ_SIZE`).
const QUEUE: u32 = 500;

/// The type.
pub static TYPE: Type = Type {
    kind: "ipvtap",
    table: Some(rtnl::kind::ipvtap::KIND.table),
    setup: |device| {
        ipvlan::setup(device);
        device.txqlen = QUEUE;
    },
    newlink,
    dellink: Some(dellink),
    // Linux does not tell of the namespace below an ipvtap, although it does of the one below an ipvlan.
    link_netns: None,
    receive: None,
    claim: None,
    event: None,
    ..ipvlan::TYPE
};

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    world[new.device].rx_handler = Some(&TYPE);
    ipvlan::newlink(world, new)
}

fn dellink(world: &mut World, id: DeviceId, dying: &mut Vec<DeviceId>) {
    world[id].rx_handler = None;
    ipvlan::dellink(world, id, dying);
}
