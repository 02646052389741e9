//! Frames of vlans: those of the lower device that carry a vlan's tag, and those that a vlan sends with it
//! (`net/8021q/vlan_core.c`, `vlan_dev.c`).

use super::{find, lower, state};
use crate::device::{DeviceId, Mac};
use crate::frame::{FrameId, PacketKind, Tag};
use crate::run::{Batch, Common, Drop, Step, mark};
use crate::world::World;
use rtnl::kind::vlan::VLAN_FLAG_REORDER_HDR;

/// Bytes of a header without tags. Every frame has one: what is shorter does not come in.
const ETH_HLEN: u64 = 14;
/// Bytes of a tag in a frame.
const TAG: usize = 4;

/// Takes the frames whose tag is a vlan's on this device, and gives them to it without the tag
/// (`vlan_do_receive`); the rest stays in the batch.
pub(crate) fn receive(world: &mut World, below: DeviceId, batch: &mut Batch) {
    if batch.marks() & mark::TAG == 0 {
        return;
    }
    let address = world[below].address;
    let mut common = batch.common();
    common.marks = common.marks & !mark::TAG | mark::BESIDE;
    let mut train = Train::new(world.run.spare());
    batch.retain(|frame| {
        let tag = world.run.pool.meta(frame).tag;
        if !tag.is_some() {
            return true;
        }
        if train.tag != tag {
            train.end(world);
            train.begin(world, below, tag, common);
        }
        train.take(world, &address, frame)
    });
    train.end(world);
    world.run.put_back(train.batch);
}

/// Frames behind one another that have the same tag: what they have in common is looked up once.
struct Train {
    tag: Tag,
    /// The vlan; none if there is none of that tag.
    id: Option<DeviceId>,
    up: bool,
    priority: u32,
    multicast: u64,
    batch: Box<Batch>,
}

impl Train {
    fn new(batch: Box<Batch>) -> Train {
        Train { tag: Tag::NONE, id: None, up: false, priority: 0, multicast: 0, batch }
    }

    fn begin(&mut self, world: &World, below: DeviceId, tag: Tag, common: Common) {
        self.tag = tag;
        self.id = find(world, below, tag.protocol, tag.id());
        let Some(id) = self.id else { return };
        self.up = world[id].is_up();
        self.priority = state(world, id).map_or(0, |vlan| vlan.ingress.0[usize::from(tag.tci >> 13)]);
        self.multicast = 0;
        self.batch.begin(common);
    }

    /// Says whether the lower device keeps the frame.
    #[inline]
    fn take(&mut self, world: &mut World, below: &Mac, frame: FrameId) -> bool {
        let Some(id) = self.id else { return true };
        if !self.up {
            world.discard(Some(id), frame, Drop::VlanDown);
            return false;
        }
        let target = world.run.pool.destination(frame);
        self.multicast += u64::from(target[0] & 1 != 0 && target != crate::device::BROADCAST);
        let meta = world.run.pool.meta_mut(frame);
        meta.tag = Tag::NONE;
        meta.priority = self.priority;
        // A frame to the lower device itself is the vlan's as well, whatever address that has.
        if target == *below {
            meta.kind = PacketKind::Host;
        }
        let length = world.run.pool.length(frame);
        self.batch.push(frame, length);
        false
    }

    /// Gives what came to the vlan, and adds it to its counters. The header was taken off before the kernel counts.
    fn end(&mut self, world: &mut World) {
        let Some(id) = self.id.filter(|_| !self.batch.is_empty()) else { return };
        let packets = self.batch.len() as u64;
        let counters = &mut world[id].counters;
        counters.rx_packets += packets;
        counters.rx_bytes += self.batch.bytes().0.saturating_sub(packets * ETH_HLEN);
        counters.multicast += self.multicast;
        world.forward_all(id, Step::Receive, &mut self.batch);
    }
}

/// The longest frame that the lower device takes; a tag that is there goes into it.
pub(super) fn longest(world: &World, id: DeviceId, tagged: bool) -> usize {
    let below = lower(world, id).map_or(usize::MAX, |below| world.longest(below, true));
    below.saturating_sub(if tagged { TAG } else { 0 })
}

/// Sends frames through the lower device with the vlan's tag (`vlan_dev_hard_start_xmit`).
pub(super) fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let Some(vlan) = state(world, id) else { return };
    let (below, protocol, vid) = (vlan.lower, vlan.protocol, vlan.id);
    let reorders = vlan.flags & VLAN_FLAG_REORDER_HDR != 0;
    let longest = world.longest(below, true);
    let (mut packets, mut bytes, mut refused) = (0, 0, 0);
    for frame in batch.frames() {
        // A tag that is there already goes into the frame: the vlan's own is the outer one.
        if !world.run.pool.insert_tag(*frame) {
            world[id].counters.tx_dropped += 1;
            world.discard(Some(id), *frame, Drop::NoPool);
            continue;
        }
        if reorders || world.run.pool.ethertype(*frame) != protocol {
            let priority = world.run.pool.meta(*frame).priority;
            let code_point = state(world, id).map_or(0, |vlan| vlan.code_point(priority));
            world.run.pool.meta_mut(*frame).tag = Tag { protocol, tci: vid | code_point << 13 };
        }
        let length = world.run.pool.length(*frame);
        if length > longest {
            refused += 1;
        } else {
            packets += 1;
            bytes += length as u64;
        }
        world.forward(below, Step::Transmit, *frame);
    }
    batch.clear();
    let counters = &mut world[id].counters;
    counters.tx_packets += packets;
    counters.tx_bytes += bytes;
    counters.tx_dropped += refused;
}
