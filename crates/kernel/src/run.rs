//! The run loop: frames wait in batches before a device, in the order in which they came, and are handed to it.
//!
//! Devices never call devices. A deed takes frames out of its batch and puts them before another device
//! ([`World::forward`]); the loop goes on until nothing waits. That ends re-entrancy, fixes the order and needs no
//! stack. A frame joins the last batch that waits for the same device and direction, if there is room, so that
//! batches stay full where paths part and meet. Loops of devices end by [`HOPS`].
//!
//! What Linux decides for every frame that a device received is here as well (`__netif_receive_skb_core`): taps,
//! tags, the one type that takes the device's frames, and last the host stack.

pub use crate::batch::{BATCH, Batch};
pub(crate) use crate::batch::{Common, mark, marks_of};
pub use crate::drop::{DROPS, Drop};

use crate::device::{Device, DeviceId, Name};
use crate::frame::{FrameId, Meta, Pool, Tag};
use crate::netns::NetnsId;
use crate::world::{Instant, World};
use rtnl::errno::Errno;
use rtnl::object::link::ARPHRD_ETHER;
use std::collections::VecDeque;

/// Devices that a frame may pass before it is dropped.
pub const HOPS: u16 = 128;
/// Frames that wait for the outside at one port at most.
pub const PORT_QUEUE: usize = 1 << 14;
/// Sightings that are kept at most until somebody takes them.
const SIGHTINGS: usize = 1 << 19;
/// Batches that wait at most.
const QUEUE: usize = 1 << 14;

/// Which way frames go at a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// They came in through it.
    Receive = 0,
    /// They are to go out through it.
    Transmit = 1,
}

/// What happened to a frame, for those who watch.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The frame's number, and the number of the one that it is a copy of.
    pub number: u32,
    /// The parent's number; its own if it has none.
    pub parent: u32,
    /// Where.
    pub device: Option<DeviceId>,
    /// The namespace and the name that the device had then; it may be gone or elsewhere when this is read.
    pub place: Option<(NetnsId, Name)>,
    /// When.
    pub time: Instant,
    /// `ARPHRD_*` of the device then, which says how its frames begin; Ethernet without a device.
    pub hardware: u16,
    /// What.
    pub deed: Deed,
    /// The bytes at that moment, a lifted tag put back.
    pub bytes: Vec<u8>,
}

/// What can happen to a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// It came in through a device.
    Received,
    /// It goes out through a device.
    Sent,
    /// The host stack of the device's namespace took it.
    Delivered,
    /// It left through a port.
    Left,
    /// It died.
    Dropped(Drop),
    /// Something else, in words.
    Noted(&'static str),
}

/// A port: where frames come in from outside, and leave.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PortId(pub u32);

/// How a port sits on its device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortKind {
    /// At the far end of a NIC's or a character device's cable: what goes in is received, what is sent comes out.
    Wire,
    /// Beside the host stack, as a packet socket: what goes in is sent, what is received comes out as well.
    Socket,
    /// In place of the host stack: what goes in is sent, what is received comes out and goes no further.
    Owner,
}

struct Port {
    device: DeviceId,
    kind: PortKind,
    queue: Vec<FrameId>,
}

/// Rooms that are kept: as many as packets are looked at inside one another.
const ROOMS: usize = 8;

struct Job {
    device: DeviceId,
    step: Step,
    batch: Box<Batch>,
}

/// The state of the loop.
#[derive(Default)]
pub struct Run {
    /// The frames.
    pub pool: Pool,
    queue: VecDeque<Job>,
    /// How many jobs were taken off the queue, so that an open one is found by its number.
    taken: u64,
    /// Empty batches, boxed so that one is taken and given back without being copied.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Batch>>,
    /// Room for packets that are looked at outside their frames.
    rooms: Vec<Vec<u8>>,
    /// By slot and step: the number of the last job that waits there, plus one.
    open: Vec<[u64; 2]>,
    ports: Vec<Option<Port>>,
    /// Room for the receivers of one frame, kept so that finding them allocates nothing.
    pub(crate) receivers: Vec<DeviceId>,
    /// How many frames were handed out at ports.
    pub(crate) handed_out: u64,
    /// How many frames died of each reason.
    pub drops: Vec<u64>,
    /// Counts what may change the ways of frames: requests, timers, events, and what the host stacks receive. What was
    /// found out about ways holds within an epoch.
    pub(crate) epoch: u64,
    /// Whether somebody watches.
    pub watching: bool,
    sightings: Vec<Sighting>,
    /// How many sightings were not kept, because nobody took the others.
    pub unseen: u64,
}

impl Run {
    pub(crate) fn new() -> Run {
        Run { drops: vec![0; DROPS.len()], ..Run::default() }
    }

    /// An empty batch.
    #[inline]
    pub(crate) fn spare(&mut self) -> Box<Batch> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes an empty batch back.
    #[inline]
    pub(crate) fn put_back(&mut self, batch: Box<Batch>) {
        self.spare.push(batch);
    }

    /// Empty room for a packet outside a frame.
    pub(crate) fn room(&mut self) -> Vec<u8> {
        self.rooms.pop().unwrap_or_default()
    }

    /// Takes room back that was given.
    pub(crate) fn take_room(&mut self, mut room: Vec<u8>) {
        if self.rooms.len() < ROOMS {
            room.clear();
            self.rooms.push(room);
        }
    }

    /// The last batch that waits for the device and direction, if there is one.
    #[inline]
    fn open_batch(&mut self, device: DeviceId, step: Step) -> Option<&mut Batch> {
        let number = self.open.get(device.slot as usize)?[step as usize];
        let place = number.checked_sub(self.taken + 1)?;
        // A job of an older generation is dropped when its turn comes; nothing may join it.
        let job = self.queue.get_mut(place as usize).filter(|job| job.device == device)?;
        Some(&mut job.batch)
    }
}

impl World {
    /// Puts a frame before a device, to be received or sent there.
    #[inline]
    pub fn forward(&mut self, device: DeviceId, step: Step, frame: FrameId) {
        let meta = self.run.pool.meta(frame);
        let (hops, marks, length) = (meta.hops, marks_of(meta), self.run.pool.length(frame));
        if let Some(open) = self.run.open_batch(device, step).filter(|open| open.hops == hops) {
            if open.push(frame, length) {
                open.marks |= marks;
                return;
            }
        }
        let mut fresh = self.run.spare();
        (fresh.hops, fresh.marks) = (hops, marks);
        fresh.push(frame, length);
        self.enqueue(device, step, fresh);
    }

    /// Puts all frames of a batch before a device, and empties it.
    #[inline]
    pub fn forward_all(&mut self, device: DeviceId, step: Step, batch: &mut Batch) {
        if batch.is_empty() {
            return;
        }
        batch.measure(&self.run.pool);
        if !self.run.open_batch(device, step).is_some_and(|open| open.append(batch)) {
            let mut fresh = self.run.spare();
            fresh.hops = batch.hops;
            fresh.append(batch);
            self.enqueue(device, step, fresh);
        }
        batch.clear();
    }

    /// Tells every frame of a batch how many devices it passed: for who takes single ones out.
    pub(crate) fn count_hops(&mut self, batch: &mut Batch) {
        for frame in batch.frames() {
            self.run.pool.meta_mut(*frame).hops = batch.hops;
        }
        // What such a one does to the frames the batch does not know.
        batch.measured = false;
    }

    /// The same for one of its frames.
    #[inline]
    pub(crate) fn count_hops_of(&mut self, common: Common, frame: FrameId) {
        self.run.pool.meta_mut(frame).hops = common.hops;
    }

    fn enqueue(&mut self, device: DeviceId, step: Step, mut batch: Box<Batch>) {
        let run = &mut self.run;
        if run.queue.len() >= QUEUE {
            self.discard_all(Some(device), &mut batch, Drop::QueueFull);
            return self.run.put_back(batch);
        }
        let slot = device.slot as usize;
        if slot >= run.open.len() {
            run.open.resize(slot + 1, [0; 2]);
        }
        run.queue.push_back(Job { device, step, batch });
        run.open[slot][step as usize] = run.taken + run.queue.len() as u64;
    }

    /// Lets a frame die of a reason.
    #[inline]
    pub fn discard(&mut self, device: Option<DeviceId>, frame: FrameId, reason: Drop) {
        self.run.drops[reason as usize] += 1;
        if self.run.watching {
            self.sight(device, frame, Deed::Dropped(reason));
        }
        self.run.pool.release(frame);
    }

    /// Lets every frame of a batch die of a reason.
    pub fn discard_all(&mut self, device: Option<DeviceId>, batch: &mut Batch, reason: Drop) {
        for frame in batch.frames() {
            self.discard(device, *frame, reason);
        }
        batch.clear();
    }

    /// Gives a frame back that did what it was made for.
    pub(crate) fn discard_consumed(&mut self, frame: FrameId) {
        self.run.drops[Drop::Consumed as usize] += 1;
        self.run.pool.release(frame);
    }

    /// Tells those who watch what happened to a frame.
    #[cold]
    pub fn sight(&mut self, device: Option<DeviceId>, frame: FrameId, deed: Deed) {
        if self.run.sightings.len() >= SIGHTINGS {
            self.run.unseen += 1;
            return;
        }
        let Meta { number, parent, tag, .. } = *self.run.pool.meta(frame);
        let bytes = with_tag(self.run.pool.bytes(frame), tag);
        let place = device.and_then(|id| self.get(id)).map(|device| (device.netns, device.name));
        let hardware = device.and_then(|id| self.get(id)).map_or(ARPHRD_ETHER, |device| device.hardware_type);
        let sighting = Sighting { hardware, number, parent, device, place, time: self.now, deed, bytes };
        self.run.sightings.push(sighting);
    }

    /// Works off everything that waits, after something that may have changed the ways of frames.
    pub(crate) fn run(&mut self) {
        self.run.epoch += 1;
        self.move_on();
    }

    /// Works off everything that waits.
    fn move_on(&mut self) {
        while let Some(mut job) = self.run.queue.pop_front() {
            self.run.taken += 1;
            self.step(job.device, job.step, &mut job.batch);
            job.batch.clear();
            self.run.spare.push(job.batch);
        }
    }

    fn step(&mut self, id: DeviceId, step: Step, batch: &mut Batch) {
        if self.get(id).is_none() {
            return self.discard_all(None, batch, Drop::DeviceGone);
        }
        batch.hops += 1;
        if batch.hops > HOPS {
            return self.discard_all(Some(id), batch, Drop::HopLimit);
        }
        if self.run.watching {
            let deed = if step == Step::Receive { Deed::Received } else { Deed::Sent };
            for frame in batch.frames() {
                self.sight(Some(id), *frame, deed);
            }
        }
        match step {
            Step::Receive => self.receive(id, batch),
            Step::Transmit => self.transmit(id, batch),
        }
    }

    /// Sends frames through a device (`dev_queue_xmit`). One that is down or has no carrier takes them without a word,
    /// and nobody counts them (`noop_qdisc`).
    fn transmit(&mut self, id: DeviceId, batch: &mut Batch) {
        let device = &self[id];
        let kind = device.kind;
        if !device.is_up() || !device.carrier {
            return self.discard_all(Some(id), batch, Drop::DeviceDown);
        }
        match (kind.transmit, device.wire) {
            (_, Some(port)) => self.leave_by_wire(id, port, batch),
            (Some(transmit), None) => {
                if !kind.counts_hops {
                    self.count_hops(batch);
                }
                transmit(self, id, batch);
            }
            (None, None) => {}
        }
        self.discard_all(Some(id), batch, Drop::NoPeer);
    }

    /// The longest frame that a device takes. What is longer it drops and says so to the sender, who counts it as
    /// dropped too (`NET_XMIT_DROP`); most devices never say so. A frame with a tag beside it may get longer.
    pub fn longest(&self, id: DeviceId, tagged: bool) -> usize {
        let open = self.get(id).filter(|device| device.is_up() && device.carrier);
        open.and_then(|device| device.kind.longest).map_or(usize::MAX, |longest| longest(self, id, tagged))
    }

    fn leave_by_wire(&mut self, id: DeviceId, port: u32, batch: &mut Batch) {
        let counters = &mut self[id].counters;
        counters.tx_packets += batch.len() as u64;
        counters.tx_bytes += batch.bytes().0;
        self.leave_at(port, batch);
    }

    /// Everything that happens to frames that a device received, in the kernel's order.
    fn receive(&mut self, id: DeviceId, batch: &mut Batch) {
        if let Some(take) = self[id].kind.receive_all {
            if let Some(port) = self[id].tap {
                self.tap(port, batch);
            }
            return take(self, id, batch);
        }
        if batch.marks() & mark::UNSEEN != 0 {
            self.lift_tags(id, batch);
        }
        let device = &self[id];
        let (tap, has_vlans, handler) = (device.tap, device.has_vlans, device.rx_handler);
        if let Some(port) = tap {
            self.tap(port, batch);
        }
        if has_vlans && !batch.is_empty() {
            crate::link::vlan::receive(self, id, batch);
        }
        if let (Some(kind), false) = (handler, batch.is_empty()) {
            if !kind.counts_hops {
                self.count_hops(batch);
            }
            if let Some(handle) = kind.receive {
                handle(self, id, batch);
            }
        }
        if !batch.is_empty() {
            crate::host::receive(self, id, batch);
        }
    }

    /// Lifts tags out of headers, so that whoever looks next finds them beside the frame.
    fn lift_tags(&mut self, id: DeviceId, batch: &mut Batch) {
        let mut broken = false;
        for frame in batch.frames() {
            broken |= !self.run.pool.lift_tag(*frame);
        }
        if broken {
            self.drop_cut_tags(id, batch);
        }
        batch.measured = false;
        batch.measure(&self.run.pool);
    }

    #[cold]
    fn drop_cut_tags(&mut self, id: DeviceId, batch: &mut Batch) {
        batch.retain(|frame| {
            let fine = self.run.pool.lift_tag(frame);
            if !fine {
                self.discard(Some(id), frame, Drop::TooShort);
            }
            fine
        });
    }

    fn tap(&mut self, port: u32, batch: &mut Batch) {
        let owner = self.run.ports.get(port as usize).and_then(|port| port.as_ref());
        if owner.is_some_and(|port| port.kind == PortKind::Owner) {
            return self.leave_at(port, batch);
        }
        let mut copies = self.run.spare();
        for frame in batch.frames() {
            if let Some(copy) = self.run.pool.share(*frame) {
                copies.push(copy, 0);
            }
        }
        self.leave_at(port, &mut copies);
        self.run.put_back(copies);
    }

    /// Lets the frames of a batch wait for the outside at a port, and empties it.
    #[inline]
    fn leave_at(&mut self, port: u32, batch: &mut Batch) {
        if self.run.watching {
            let device = self.run.ports[port as usize].as_ref().map(|port| port.device);
            for frame in batch.frames() {
                self.sight(device, *frame, Deed::Left);
            }
        }
        let port = self.run.ports.get_mut(port as usize).and_then(|port| port.as_mut());
        let room = port.as_ref().map_or(0, |port| PORT_QUEUE - port.queue.len().min(PORT_QUEUE));
        let (leaving, late) = batch.frames().split_at(room.min(batch.len()));
        if let Some(port) = port {
            port.queue.extend_from_slice(leaving);
        }
        for frame in late {
            self.discard(None, *frame, Drop::PortQueueFull);
        }
        batch.clear();
    }

    // Ports.

    /// Puts a port on a device.
    ///
    /// # Errors
    /// EBUSY if there is one already.
    pub(crate) fn attach_port(&mut self, id: DeviceId, kind: PortKind) -> Result<PortId, Errno> {
        if self[id].tap.is_some() || self[id].wire.is_some() {
            return Err(Errno::EBUSY);
        }
        let port = self.run.ports.len() as u32;
        self.run.ports.push(Some(Port { device: id, kind, queue: Vec::new() }));
        match kind {
            PortKind::Wire => self[id].wire = Some(port),
            PortKind::Socket | PortKind::Owner => self[id].tap = Some(port),
        }
        Ok(PortId(port))
    }

    /// Takes a port away; what waits there is lost.
    pub(crate) fn detach_port(&mut self, port: PortId) {
        let Some(gone) = self.run.ports.get_mut(port.0 as usize).and_then(Option::take) else { return };
        for frame in gone.queue {
            self.discard(None, frame, Drop::Ended);
        }
        if let Some(device) = self.get_mut(gone.device) {
            device.wire = None;
            device.tap = None;
        }
    }

    /// Lets frames come in at a port and runs until nothing waits.
    pub(crate) fn input(&mut self, port: PortId, frames: &[&[u8]]) -> Result<(), Errno> {
        let found = self.run.ports.get(port.0 as usize).and_then(|port| port.as_ref()).ok_or(Errno::EBADF)?;
        let (id, kind) = (found.device, found.kind);
        let step = if kind == PortKind::Wire { Step::Receive } else { Step::Transmit };
        if self.get(id).is_none() {
            return Err(Errno::ENODEV);
        }
        let mut received = (0, 0);
        let mut batch = self.run.spare();
        for frames in frames.chunks(BATCH) {
            for bytes in frames {
                self.take_in(id, bytes, &mut batch);
            }
            received = (received.0 + batch.len() as u64, received.1 + batch.bytes().0);
            self.forward_all(id, step, &mut batch);
        }
        self.run.put_back(batch);
        if step == Step::Receive {
            self.count_received(id, received);
        }
        self.move_on();
        Ok(())
    }

    /// Puts a frame with these bytes into a batch.
    #[inline]
    fn take_in(&mut self, id: DeviceId, bytes: &[u8], batch: &mut Batch) {
        let Some(frame) = self.run.pool.frame(bytes) else {
            self.run.drops[Drop::NoPool as usize] += 1;
            return;
        };
        if bytes.len() < 14 {
            return self.discard(Some(id), frame, Drop::TooShort);
        }
        batch.marks |= if self.run.pool.meta(frame).is_plain() { 0 } else { mark::UNSEEN };
        batch.push(frame, bytes.len());
    }

    fn count_received(&mut self, id: DeviceId, (packets, bytes): (u64, u64)) {
        let device: &mut Device = &mut self[id];
        device.counters.rx_packets += packets;
        device.counters.rx_bytes += bytes;
    }

    /// Hands the frames that wait at a port to `each`, their tags in place, and gives them back to the pool.
    pub(crate) fn output(&mut self, port: PortId, each: &mut dyn FnMut(&[u8])) {
        let Run { ports, pool, handed_out, .. } = &mut self.run;
        let Some(port) = ports.get_mut(port.0 as usize).and_then(|port| port.as_mut()) else { return };
        *handed_out += port.queue.len() as u64;
        for frame in port.queue.drain(..) {
            if pool.meta(frame).tag.is_some() {
                pool.insert_tag(frame);
            }
            each(pool.bytes(frame));
            pool.release(frame);
        }
    }

    /// What those who watch have seen since they last asked.
    pub(crate) fn take_sightings(&mut self) -> Vec<Sighting> {
        std::mem::take(&mut self.run.sightings)
    }
}

/// The bytes of a frame with its lifted tag put back.
pub fn with_tag(bytes: &[u8], tag: Tag) -> Vec<u8> {
    let mut all = bytes.to_vec();
    if tag.is_some() && bytes.len() >= 12 {
        let head = [tag.protocol.to_be_bytes(), tag.tci.to_be_bytes()].concat();
        all.splice(12..12, head);
    }
    all
}
