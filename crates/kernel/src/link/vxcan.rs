//! `vxcan`: a CAN cable between two devices, which may be in two namespaces (`drivers/net/can/vxcan.c`).

use super::{NewLink, Type, pair, vcan};
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
    ..vcan::TYPE
};

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    let peer = pair::allocate_peer(world, new, &TYPE, VXCAN_INFO_PEER, b"vxcan%d")?;
    pair::join(world, new, &peer)
}
