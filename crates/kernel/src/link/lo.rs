//! `lo`: the loopback of a namespace, always there, as index 1 (`drivers/net/loopback.c`).

use super::Type;
use crate::device::{Device, DeviceId, Name, TSO_MAX_SIZE, segmentation};
use crate::frame::PacketKind;
use crate::netns::NetnsId;
use crate::run::{Batch, Step};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::object::link::{ARPHRD_LOOPBACK, IFF_LOOPBACK};

/// The type; no request makes or deletes one.
pub static TYPE: Type = Type {
    setup,
    dellink: None,
    checks_address: false,
    takes_groups: false,
    transmit: Some(transmit),
    ..Type::DEFAULT
};

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

/// What it sends it receives (`loopback_xmit`); the Ethernet header is not counted.
fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let mut bytes = 0;
    for frame in batch.frames() {
        bytes += world.run.pool.length(*frame).saturating_sub(wire::ethernet::LENGTH) as u64;
        world.run.pool.meta_mut(*frame).kind = PacketKind::Host;
    }
    let counters = &mut world[id].counters;
    let packets = batch.len() as u64;
    counters.tx_packets += packets;
    counters.tx_bytes += bytes;
    counters.rx_packets += packets;
    counters.rx_bytes += bytes;
    world.forward_all(id, Step::Receive, batch);
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
