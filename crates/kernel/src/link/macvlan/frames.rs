//! Frames of macvlans: out of one, and through the device below to the right one (`macvlan_start_xmit`,
//! `macvlan_handle_frame`, `macvlan_broadcast`).
//!
//! A frame to a group address goes to every macvlan that is up and listens to the group; which of them, depends on
//! the modes of sender and receiver. The device below sees every such frame itself as well.

use super::*;
use crate::frame::{FrameId, PacketKind};
use crate::host::{For, for_whom};
use crate::run::{Batch, Common, Drop, Step, mark};

/// Every mode that hears what comes from outside.
const FROM_OUTSIDE: u32 =
    MACVLAN_MODE_PRIVATE | MACVLAN_MODE_VEPA | MACVLAN_MODE_PASSTHRU | MACVLAN_MODE_BRIDGE;

/// Sends frames: in bridge mode straight to a sibling, else out through the device below.
pub(in crate::link) fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    world.count_hops(batch);
    let Some((below, mode)) = state(world, id).map(|own| (own.lower, own.mode)) else { return };
    let longest = world.longest(below, false);
    let (mut packets, mut bytes, mut refused) = (0, 0, 0);
    for frame in batch.frames() {
        let length = world.run.pool.length(*frame);
        let taken = match mode {
            MACVLAN_MODE_BRIDGE => transmit_bridged(world, id, below, longest, *frame),
            _ => length <= longest,
        };
        if taken {
            packets += 1;
            bytes += length as u64;
        } else {
            refused += 1;
        }
    }
    let counters = &mut world[id].counters;
    counters.tx_packets += packets;
    counters.tx_bytes += bytes;
    counters.tx_dropped += refused;
    match mode {
        MACVLAN_MODE_BRIDGE => batch.clear(),
        _ => world.forward_all(below, Step::Transmit, batch),
    }
}

/// Sends a frame to a sibling or out; says whether it was taken there.
fn transmit_bridged(
    world: &mut World,
    id: DeviceId,
    below: DeviceId,
    longest: usize,
    frame: FrameId,
) -> bool {
    let target = world.run.pool.destination(frame);
    let length = world.run.pool.length(frame);
    let sibling = port(world, below).and_then(|port| port.by_address.get(&target)).copied();
    let sibling = sibling.filter(|_| target[0] & 1 == 0).and_then(|sibling| state(world, sibling));
    if sibling.is_none_or(|own| own.mode != MACVLAN_MODE_BRIDGE) {
        if target[0] & 1 != 0 {
            broadcast(world, below, Some(id), MACVLAN_MODE_BRIDGE, frame);
        }
        world.forward(below, Step::Transmit, frame);
        return length <= longest;
    }
    // The device below takes it as if it had come in, for its taps, and finds the sibling.
    let fits = world[below].is_up() && length <= world[below].mtu as usize + 18;
    if fits {
        world.run.pool.forget_metadata(frame);
        world.forward(below, Step::Receive, frame);
    } else {
        world[below].counters.rx_dropped += 1;
        world.discard(Some(below), frame, Drop::TooBig);
    }
    fits
}

/// Gives copies of a frame to the macvlans of those modes that listen to its group, all but one.
fn broadcast(world: &mut World, below: DeviceId, except: Option<DeviceId>, modes: u32, frame: FrameId) {
    let group = world.run.pool.destination(frame);
    let mut listeners = std::mem::take(&mut world.run.receivers);
    listeners.clear();
    listeners.extend(
        port(world, below).into_iter().flat_map(|port| port.by_address.values().copied()).filter(|id| {
            Some(*id) != except
                && state(world, *id).is_some_and(|own| own.mode & modes != 0)
                && world[*id].listens_to(&group)
        }),
    );
    for id in listeners.iter().copied() {
        // Copies of a sibling pass the same check as on a cable; what came from outside has passed it.
        if except.is_some() && world.run.pool.length(frame) > world[id].mtu as usize + 18 {
            world[id].counters.rx_dropped += 1;
            continue;
        }
        if let Some(copy) = world.run.pool.share(frame) {
            if except.is_some() {
                world.run.pool.forget_metadata(copy);
            }
            hand_up(world, id, copy, PacketKind::Auto, true);
        }
    }
    world.run.receivers = listeners;
}

/// Gives a frame to one macvlan.
fn hand_up(world: &mut World, id: DeviceId, frame: FrameId, kind: PacketKind, multicast: bool) {
    let length = world.run.pool.length(frame) as u64;
    let counters = &mut world[id].counters;
    counters.rx_packets += 1;
    counters.rx_bytes += length;
    counters.multicast += u64::from(multicast);
    world.run.pool.meta_mut(frame).kind = kind;
    world.forward(id, Step::Receive, frame);
}

/// Takes the frames of the device below that are for macvlans; the rest stays in the batch.
pub(in crate::link) fn receive(world: &mut World, below: DeviceId, batch: &mut Batch) {
    let Some(port) = port(world, below) else { return };
    let plain = port.source_mode == 0;
    batch.measure(&world.run.pool);
    let mut common = batch.common();
    common.marks |= mark::BESIDE;
    let mut train = Train { target: NONE, id: None, up: false, batch: world.run.spare() };
    batch.retain(|frame| {
        let target = world.run.pool.destination(frame);
        if target[0] & 1 != 0 {
            train.end(world);
            world.count_hops_of(common, frame);
            return receive_group(world, below, frame);
        }
        if !plain {
            train.end(world);
            world.count_hops_of(common, frame);
            if forward_source(world, below, frame) {
                world.discard(Some(below), frame, Drop::MacvlanSource);
                return false;
            }
        }
        if train.target != target {
            train.end(world);
            train.begin(world, below, target, common);
        }
        train.take(world, frame)
    });
    train.end(world);
    world.run.put_back(train.batch);
}

/// No address of a train: a group.
const NONE: Mac = [0xff; 6];

/// Frames behind one another that go to the same address: what they have in common is looked up once.
struct Train {
    target: Mac,
    /// The macvlan; none if none takes frames to the address.
    id: Option<DeviceId>,
    up: bool,
    batch: Box<Batch>,
}

impl Train {
    fn begin(&mut self, world: &World, below: DeviceId, target: Mac, common: Common) {
        self.target = target;
        self.id = find(world, below, &target);
        self.up = self.id.is_some_and(|id| world[id].is_up());
        self.batch.begin(common);
    }

    /// Says whether the device below keeps the frame.
    #[inline]
    fn take(&mut self, world: &mut World, frame: FrameId) -> bool {
        let Some(id) = self.id else { return true };
        if !self.up {
            world.discard(Some(id), frame, Drop::MacvlanDown);
            return false;
        }
        world.run.pool.meta_mut(frame).kind = PacketKind::Host;
        let length = world.run.pool.length(frame);
        self.batch.push(frame, length);
        false
    }

    /// Gives what came to the macvlan, and adds it to its counters.
    fn end(&mut self, world: &mut World) {
        let Some(id) = self.id.filter(|_| !self.batch.is_empty()) else { return };
        let counters = &mut world[id].counters;
        counters.rx_packets += self.batch.len() as u64;
        counters.rx_bytes += self.batch.bytes().0;
        world.forward_all(id, Step::Receive, &mut self.batch);
        self.target = NONE;
    }
}

/// The macvlan that takes frames to an address.
fn find(world: &World, below: DeviceId, target: &Mac) -> Option<DeviceId> {
    let port = port(world, below)?;
    let found = if port.passthru { port.members.values().next() } else { port.by_address.get(target) };
    found.copied().filter(|id| state(world, *id).is_some_and(|own| own.mode != MACVLAN_MODE_SOURCE))
}

/// Takes a frame to a group address; says whether the device below goes on with it.
fn receive_group(world: &mut World, below: DeviceId, frame: FrameId) -> bool {
    if forward_source(world, below, frame) {
        world.discard(Some(below), frame, Drop::MacvlanSource);
        return false;
    }
    let source = world.run.pool.source(frame);
    let sender = port(world, below).and_then(|port| port.by_address.get(&source)).copied();
    let mode = sender.and_then(|id| state(world, id)).map(|own| own.mode);
    match (sender, mode) {
        (Some(id), Some(mode)) if mode != MACVLAN_MODE_VEPA && mode != MACVLAN_MODE_BRIDGE => {
            hand_up(world, id, frame, PacketKind::Auto, false);
            return false;
        }
        // What came back from a VEPA switch is for everyone but its sender; bridge mode has heard it already.
        (Some(id), Some(MACVLAN_MODE_VEPA)) => {
            broadcast_back(world, below, id, MACVLAN_MODE_VEPA | MACVLAN_MODE_BRIDGE, frame);
        }
        (Some(id), _) => broadcast_back(world, below, id, MACVLAN_MODE_VEPA, frame),
        (None, _) => broadcast(world, below, None, FROM_OUTSIDE, frame),
    }
    true
}

fn broadcast_back(world: &mut World, below: DeviceId, sender: DeviceId, modes: u32, frame: FrameId) {
    broadcast(world, below, Some(sender), modes, frame);
}

/// Gives copies to the macvlans in source mode that list the frame's sender; says whether one of them keeps the
/// device below from seeing it.
fn forward_source(world: &mut World, below: DeviceId, frame: FrameId) -> bool {
    if port(world, below).is_none_or(|port| port.source_mode == 0) {
        return false;
    }
    let source = world.run.pool.source(frame);
    let mut listing = std::mem::take(&mut world.run.receivers);
    listing.clear();
    let members = port(world, below).into_iter().flat_map(|port| port.members.values());
    let members = members.filter(|id| state(world, **id).is_some_and(|own| own.lists(&source)));
    listing.extend(members.copied());
    let whose = for_whom(world, below, frame);
    let mut consumed = false;
    for id in listing.iter().copied() {
        consumed |= state(world, id).is_some_and(|own| own.flags & MACVLAN_FLAG_NODST != 0);
        if !world[id].is_up() {
            continue;
        }
        // What is for the host at the device below is so here.
        let own = world.run.pool.destination(frame) == world[id].address;
        let kind = if own || whose == For::Host { PacketKind::Host } else { PacketKind::Auto };
        if let Some(copy) = world.run.pool.share(frame) {
            hand_up(world, id, copy, kind, false);
        }
    }
    world.run.receivers = listing;
    consumed
}
