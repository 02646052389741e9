//! `veth`: a pair of devices; what one sends the other receives (`drivers/net/veth.c`).
//!
//! The two are made together, the peer first, and die together. A link's carrier is on while both are up.

use super::{NewLink, Type, validate_address};
use crate::device::{Device, DeviceId, Name, Registration, TSO_MAX_SIZE, segmentation};
use crate::features::Features;
use crate::frame::PacketKind;
use crate::netns::NetnsId;
use crate::rtnl::create;
use crate::run::{Batch, Drop, Step};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::kind::veth::VETH_INFO_PEER;
use rtnl::message::Refusal;
use rtnl::object::link::{IFLA, IFLA_IFNAME, IFLA_MTU, Ifinfo};
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
    dellink: Some(dellink),
    link_netns: Some(link_netns),
    iflink: Some(iflink),
    init: Some(World::init_random_address),
    open: Some(open),
    stop: Some(stop),
    transmit: Some(transmit),
    speed: super::Speed::Mbit(10_000),
    ..Type::DEFAULT
};

/// The other end.
struct Pair(DeviceId);

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

/// The other end of a pair.
pub fn peer(world: &World, id: DeviceId) -> Option<DeviceId> {
    world.get(id)?.private::<Pair>().map(|pair| pair.0).filter(|peer| world.get(*peer).is_some())
}

fn link_netns(world: &World, id: DeviceId) -> NetnsId {
    peer(world, id).map_or(world[id].netns, |peer| world[peer].netns)
}

fn iflink(world: &World, id: DeviceId) -> u32 {
    peer(world, id).map_or(0, |peer| world[peer].ifindex)
}

/// What the request says of the peer: the header in front of its attributes, and these.
fn peer_request<'a>(data: &Tb<'a>) -> Result<Option<(Ifinfo, Tb<'a>)>, Refusal> {
    let Some(attr) = data.get(VETH_INFO_PEER) else { return Ok(None) };
    let header: [u8; Ifinfo::SIZE] = attr.first();
    let word = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let info = Ifinfo { ifindex: word(4) as i32, flags: word(8), change: word(12), ..Ifinfo::default() };
    let rest = rtnl::attr::Attrs::new(
        attr.payload.get(Ifinfo::SIZE..).ok_or(Errno::EINVAL)?,
        attr.offset + rtnl::attr::HEADER + Ifinfo::SIZE,
    );
    let tb = IFLA.parse(rest)?;
    validate(&tb, None)?;
    Ok(Some((info, tb)))
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    let described = peer_request(new.data)?;
    let tb = described.as_ref().map_or(new.tb, |(_, tb)| tb);
    let own_name = tb.string(IFLA_IFNAME).filter(|_| described.is_some());
    let name = Name::new(own_name.unwrap_or(b"veth%d"));
    let netns = crate::rtnl::named_netns(world, new.source, tb)?.unwrap_or(new.source);
    // Without a description of its own the peer has the general attributes of the first, but not its address.
    let peer = create::allocate(world, &TYPE, netns, name, tb)?;
    let info = described.as_ref().map_or(Ifinfo::default(), |(info, _)| *info);
    if described.is_none() {
        world[peer].address = [0; 6];
    } else if world[new.device].ifindex != 0 {
        // The peer's own index counts only if the first end asks for one as well.
        world[peer].ifindex = info.ifindex.max(0) as u32;
    }
    let made = make_pair(world, new, peer, &info);
    if made.is_err() && world.get(peer).is_some() {
        match world[peer].registration {
            Registration::Uninitialized => world.release(peer),
            _ => world.unregister(&[peer]),
        }
    }
    made
}

/// Registers the two, the peer first, and ties them together.
fn make_pair(world: &mut World, new: &NewLink<'_>, peer: DeviceId, info: &Ifinfo) -> Result<(), Refusal> {
    world.register(peer)?;
    world.carrier_off(peer);
    create::configure(world, peer, info)?;
    world.register(new.device)?;
    world.carrier_off(new.device);
    world[new.device].private = Some(Box::new(Pair(peer)));
    world[peer].private = Some(Box::new(Pair(new.device)));
    Ok(())
}

/// The two are parted before they die: their last words lead nowhere.
fn dellink(world: &mut World, id: DeviceId, dying: &mut Vec<DeviceId>) {
    let peer = peer(world, id);
    for end in [Some(id), peer].into_iter().flatten() {
        world[end].private = None;
        dying.push(end);
    }
}

fn open(world: &mut World, id: DeviceId) -> Result<(), Refusal> {
    let Some(peer) = peer(world, id) else { return Err(Errno::ENOTCONN.into()) };
    if world[peer].is_up() {
        world.carrier_on(id);
        world.carrier_on(peer);
    }
    Ok(())
}

fn stop(world: &mut World, id: DeviceId) {
    world.carrier_off(id);
    if let Some(peer) = peer(world, id) {
        world.carrier_off(peer);
    }
}

/// Gives frames to the other end (`veth_xmit`): those that are no larger than its MTU allows, a tag on top.
fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let Some(peer) = peer(world, id) else {
        world[id].counters.tx_dropped += batch.len() as u64;
        return world.discard_all(Some(id), batch, Drop::NoPeer);
    };
    let limit = if world[peer].is_up() { world[peer].mtu as usize + 18 } else { 0 };
    let (mut bytes, mut fits) = (0, true);
    for frame in batch.frames() {
        let length = world.run.pool.length(*frame);
        let meta = world.run.pool.meta_mut(*frame);
        meta.priority = 0;
        meta.kind = PacketKind::Auto;
        bytes += length as u64;
        fits &= length <= limit;
    }
    if !fits {
        bytes = drop_oversized(world, id, peer, limit, batch);
    }
    let packets = batch.len() as u64;
    let sent = &mut world[id].counters;
    sent.tx_packets += packets;
    sent.tx_bytes += bytes;
    let received = &mut world[peer].counters;
    received.rx_packets += packets;
    received.rx_bytes += bytes;
    world.forward_all(peer, Step::Receive, batch);
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
