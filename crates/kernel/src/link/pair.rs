//! Pairs: two devices that are made together, the peer first, and die together. A link's carrier is on while both
//! ends are up. This is what `veth`, `vxcan` and `netkit` have in common; it is no type itself.

use super::{NewLink, Type};
use crate::device::{DeviceId, Name, Registration};
use crate::netns::NetnsId;
use crate::rtnl::create;
use crate::run::{Batch, Step};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::link::{IFLA, IFLA_IFNAME, Ifinfo};
use rtnl::table::Tb;

/// The other end; what the type keeps in `private`.
struct Pair(DeviceId);

/// The other end while a pair is being made: allocated, not yet seen.
pub(super) struct Peer {
    pub device: DeviceId,
    info: Ifinfo,
}

/// The other end of a pair.
#[inline]
pub(super) fn peer(world: &World, id: DeviceId) -> Option<DeviceId> {
    world.get(id)?.private::<Pair>().map(|pair| pair.0).filter(|peer| world.get(*peer).is_some())
}

/// The namespace that `IFLA_LINK` counts in: the other end's.
pub(super) fn link_netns(world: &World, id: DeviceId) -> NetnsId {
    peer(world, id).map_or(world[id].netns, |peer| world[peer].netns)
}

/// The other end's index.
pub(super) fn iflink(world: &World, id: DeviceId) -> u32 {
    peer(world, id).map_or(0, |peer| world[peer].ifindex)
}

/// What the request says of the peer: the header in front of its attributes, and these.
fn description<'a>(kind: &Type, data: &Tb<'a>, attribute: u16) -> Result<Option<(Ifinfo, Tb<'a>)>, Refusal> {
    let Some(attr) = data.get(attribute) else { return Ok(None) };
    let header: [u8; Ifinfo::SIZE] = attr.first();
    let word = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let info = Ifinfo { ifindex: word(4) as i32, flags: word(8), change: word(12), ..Ifinfo::default() };
    let rest = rtnl::attr::Attrs::new(
        attr.payload.get(Ifinfo::SIZE..).ok_or(Errno::EINVAL)?,
        attr.offset + rtnl::attr::HEADER + Ifinfo::SIZE,
    );
    let tb = IFLA.parse(rest)?;
    (kind.validate)(&tb, None)?;
    Ok(Some((info, tb)))
}

/// Allocates the peer as `attribute` describes it; `template` is its name if it is given none.
pub(super) fn allocate_peer(
    world: &mut World,
    new: &NewLink<'_>,
    kind: &'static Type,
    attribute: u16,
    template: &[u8],
) -> Result<Peer, Refusal> {
    let described = description(kind, new.data, attribute)?;
    let tb = described.as_ref().map_or(new.tb, |(_, tb)| tb);
    let own_name = tb.string(IFLA_IFNAME).filter(|_| described.is_some());
    let name = Name::new(own_name.unwrap_or(template));
    let netns = crate::rtnl::named_netns(world, new.source, tb)?.unwrap_or(new.source);
    // Without a description of its own the peer has the general attributes of the first, but not its address.
    let device = create::allocate(world, kind, netns, name, tb)?;
    let info = described.as_ref().map_or(Ifinfo::default(), |(info, _)| *info);
    if described.is_none() {
        world[device].address = [0; 6];
    } else if world[new.device].ifindex != 0 {
        // The peer's own index counts only if the first end asks for one as well.
        world[device].ifindex = info.ifindex.max(0) as u32;
    }
    Ok(Peer { device, info })
}

/// Registers the two, the peer first, and ties them together; a peer that was made for nothing goes.
pub(super) fn join(world: &mut World, new: &NewLink<'_>, peer: &Peer) -> Result<(), Refusal> {
    let made = register(world, new, peer);
    let peer = peer.device;
    if made.is_err() && world.get(peer).is_some() {
        match world[peer].registration {
            Registration::Uninitialized => world.release(peer),
            _ => world.unregister(&[peer]),
        }
    }
    made
}

fn register(world: &mut World, new: &NewLink<'_>, peer: &Peer) -> Result<(), Refusal> {
    world.register(peer.device)?;
    world.carrier_off(peer.device);
    create::configure(world, peer.device, &peer.info)?;
    world.register(new.device)?;
    world.carrier_off(new.device);
    world[new.device].private = Some(Box::new(Pair(peer.device)));
    world[peer.device].private = Some(Box::new(Pair(new.device)));
    Ok(())
}

/// The two are parted before they die: their last words lead nowhere.
pub(super) fn dellink(world: &mut World, id: DeviceId, dying: &mut Vec<DeviceId>) {
    let peer = peer(world, id);
    for end in [Some(id), peer].into_iter().flatten() {
        world[end].private = None;
        dying.push(end);
    }
}

/// Goes up: with the other end up, both have carrier.
pub(super) fn open(world: &mut World, id: DeviceId) -> Result<(), Refusal> {
    let Some(peer) = peer(world, id) else { return Err(Errno::ENOTCONN.into()) };
    if world[peer].is_up() {
        world.carrier_on(id);
        world.carrier_on(peer);
    }
    Ok(())
}

/// Goes down: both lose the carrier.
pub(super) fn stop(world: &mut World, id: DeviceId) {
    world.carrier_off(id);
    if let Some(peer) = peer(world, id) {
        world.carrier_off(peer);
    }
}

/// Gives frames of so many bytes to the other end, and counts them at both.
#[inline]
pub(super) fn hand_over(world: &mut World, id: DeviceId, peer: DeviceId, bytes: u64, batch: &mut Batch) {
    let packets = batch.len() as u64;
    let sent = &mut world[id].counters;
    sent.tx_packets += packets;
    sent.tx_bytes += bytes;
    let received = &mut world[peer].counters;
    received.rx_packets += packets;
    received.rx_bytes += bytes;
    world.forward_all(peer, Step::Receive, batch);
}
