//! `veth`: a pair of devices; what one sends the other receives (`drivers/net/veth.c`).

use super::{NewLink, Type, pair, validate_address};
use crate::device::{Device, DeviceId, TSO_MAX_SIZE, segmentation};
use crate::features::Features;
use crate::frame::PacketKind;
use crate::run::{Batch, Drop, mark};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::kind::veth::VETH_INFO_PEER;
use rtnl::message::Refusal;
use rtnl::object::link::IFLA_MTU;
use rtnl::table::Tb;

/// The least and the largest MTU (`ETH_MIN_MTU`, `ETH_MAX_MTU`).
const MTU: std::ops::RangeInclusive<u32> = 68..=65535;

/// The type.
pub static TYPE: Type = Type {
    kind: "veth",
    table: Some(rtnl::kind::veth::KIND.table),
    setup,
    validate,
    newlink,
    dellink: Some(pair::dellink),
    link_netns: Some(pair::link_netns),
    iflink: Some(pair::iflink),
    init: Some(World::init_random_address),
    open: Some(pair::open),
    stop: Some(pair::stop),
    transmit: Some(transmit),
    counts_hops: true,
    longest: Some(|world, id, _| pair::peer(world, id).map_or(0, |peer| longest(world, peer))),
    speed: super::Speed::Mbit(10_000),
    ..Type::DEFAULT
};

fn setup(device: &mut Device) {
    device.max_mtu = *MTU.end();
    device.features = Features::USUAL;
    device.abilities.live_address = true;
    device.abilities.no_queue = true;
    device.segmentation[segmentation::TSO_MAX_SIZE] = TSO_MAX_SIZE;
}

fn validate(tb: &Tb<'_>, data: Option<&Tb<'_>>) -> Result<(), Refusal> {
    validate_address(tb, data)?;
    match tb.u32(IFLA_MTU) {
        Some(mtu) if !MTU.contains(&mtu) => Err(Errno::EINVAL.into()),
        _ => Ok(()),
    }
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    let peer = pair::allocate_peer(world, new, &TYPE, VETH_INFO_PEER, b"veth%d")?;
    pair::join(world, new, &peer)
}

/// The longest frame that an end takes from the other, a tag on top.
#[inline]
fn longest(world: &World, end: DeviceId) -> usize {
    if world[end].is_up() { world[end].mtu as usize + 18 } else { 0 }
}

/// Gives frames to the other end (`veth_xmit`): those that are no larger than its MTU allows, a tag on top.
fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let Some(peer) = pair::peer(world, id) else {
        world[id].counters.tx_dropped += batch.len() as u64;
        return world.discard_all(Some(id), batch, Drop::NoPeer);
    };
    let limit = longest(world, peer);
    if batch.marks() & mark::BESIDE != 0 {
        forget(world, batch);
    }
    let (mut bytes, longest) = batch.bytes();
    if longest > limit {
        bytes = drop_oversized(world, id, peer, limit, batch);
    }
    pair::hand_over(world, id, peer, bytes, batch);
}

/// Nothing that was beside a frame but its tag comes out at the other end.
fn forget(world: &mut World, batch: &mut Batch) {
    for frame in batch.frames() {
        world.run.pool.forget_metadata(*frame);
        let meta = world.run.pool.meta_mut(*frame);
        meta.priority = 0;
        meta.kind = PacketKind::Auto;
    }
    batch.unmark(mark::BESIDE);
}

/// Drops the frames that the other end does not take; gives the bytes of the rest.
#[cold]
fn drop_oversized(world: &mut World, id: DeviceId, peer: DeviceId, limit: usize, batch: &mut Batch) -> u64 {
    let mut bytes = 0;
    batch.retain(|frame| {
        let length = world.run.pool.length(frame);
        if length <= limit {
            bytes += length as u64;
            return true;
        }
        world[id].counters.tx_dropped += 1;
        world[peer].counters.rx_dropped += 1;
        world.discard(Some(peer), frame, if limit == 0 { Drop::DeviceDown } else { Drop::TooBig });
        false
    });
    bytes
}
