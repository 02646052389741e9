//! `vxcan`: a CAN cable between two devices, which may be in two namespaces (`drivers/net/can/vxcan.c`).

use super::{NewLink, Type, pair, vcan};
use crate::device::DeviceId;
use crate::frame::PacketKind;
use crate::host::can;
use crate::run::{Batch, Drop};
use crate::world::World;
use rtnl::kind::vxcan::VXCAN_INFO_PEER;
use rtnl::message::Refusal;

/// The type.
pub static TYPE: Type = Type {
    kind: "vxcan",
    table: Some(rtnl::kind::vxcan::KIND.table),
    newlink,
    dellink: Some(pair::dellink),
    link_netns: Some(pair::link_netns),
    iflink: Some(pair::iflink),
    open: Some(pair::open),
    stop: Some(pair::stop),
    transmit: Some(transmit),
    ..vcan::TYPE
};

/// Gives frames to the other end (`vxcan_xmit`); one that is down takes none, and nobody counts them.
fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let bytes = can::drop_invalid(world, id, batch);
    let Some(peer) = pair::peer(world, id) else {
        world[id].counters.tx_dropped += batch.len() as u64;
        return world.discard_all(Some(id), batch, Drop::NoPeer);
    };
    if !world[peer].is_up() {
        return world.discard_all(Some(peer), batch, Drop::DeviceDown);
    }
    for frame in batch.frames() {
        world.run.pool.meta_mut(*frame).kind = PacketKind::Auto;
    }
    pair::hand_over(world, id, peer, bytes, batch);
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    let peer = pair::allocate_peer(world, new, &TYPE, VXCAN_INFO_PEER, b"vxcan%d")?;
    pair::join(world, new, &peer)
}
