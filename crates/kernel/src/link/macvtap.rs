//! `macvtap`: a macvlan whose frames go to a character device (`drivers/net/macvtap.c`, `tap.c`).
//!
//! The character device takes the frames, so that a macvtap is nobody's port and nothing but a vlan stands on it.

use super::{NewLink, Type, macvlan};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::message::Refusal;

/// Frames that the character device holds (`TUN_READQ_SIZE`).
const QUEUE: u32 = 500;

/// The type.
pub static TYPE: Type = Type {
    kind: "macvtap",
    table: Some(rtnl::kind::macvtap::KIND.table),
    setup: |device| {
        macvlan::setup(device);
        device.txqlen = QUEUE;
    },
    newlink,
    dellink: Some(dellink),
    receive: None,
    event: None,
    older_than_ipv6: true,
    ..macvlan::TYPE
};

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    world[new.device].rx_handler = Some(&TYPE);
    macvlan::newlink(world, new)
}

fn dellink(world: &mut World, id: DeviceId, dying: &mut Vec<DeviceId>) {
    world[id].rx_handler = None;
    macvlan::dellink(world, id, dying);
}
