//! Frames of one batch that leave through a tunnel over ways that are known: what leaves through the same link is put
//! before it together, and counted together. The outcome is that of [`send_counted`](super::send::send_counted) for
//! each of them; a frame that needs a closer look goes there.

use super::template::Template;
use crate::device::DeviceId;
use crate::frame::FrameId;
use crate::netns::NetnsId;
use crate::run::{Batch, Common, Step, mark};
use crate::world::World;
use std::any::Any;

/// Frames on their way.
pub(crate) struct Burst {
    tunnel: DeviceId,
    /// Where the packets travel.
    netns: NetnsId,
    common: Common,
    /// The link that they leave through; none: nobody has left yet.
    link: Option<DeviceId>,
    out: Box<Batch>,
    /// The last identification of a packet.
    identification: u16,
    /// What they carry.
    bytes: u64,
}

impl Burst {
    fn new(world: &mut World, tunnel: DeviceId, netns: NetnsId, mut common: Common) -> Burst {
        // A tag beside a frame becomes part of it, and the header outside has none.
        common.marks &= mark::BESIDE;
        let out = world.run.spare();
        Burst { tunnel, netns, common, link: None, out, identification: 0, bytes: 0 }
    }

    /// Sends a frame that carries so many bytes over a way; false if it needs a closer look, and then nothing has
    /// happened to it.
    #[inline(always)]
    pub(crate) fn send(
        &mut self,
        world: &mut World,
        template: &Template,
        source_port: u16,
        (frame, length): (FrameId, usize),
    ) -> bool {
        let all = template.headers;
        let total = world.run.pool.length(frame) + all;
        if total > template.most || length == 0 || template.device == self.tunnel {
            return false;
        }
        if self.link != Some(template.device) {
            self.begin(world, template.device);
        }
        let Some((head, carried)) = world.run.pool.wrap(frame, all) else { return false };
        self.identification = self.identification.wrapping_add(u16::from(template.v4));
        template.write(source_port, self.identification, head, carried);
        self.bytes += length as u64;
        self.out.push(frame, total)
    }

    #[cold]
    fn begin(&mut self, world: &mut World, link: DeviceId) {
        self.end(world);
        self.link = Some(link);
        self.out.begin(self.common);
        self.identification = world.space(self.netns).map_or(0, |space| space.stack.identification);
    }

    /// Puts what left so far before its link, and counts it.
    fn end(&mut self, world: &mut World) {
        let Some(link) = self.link.take() else { return };
        if let Ok(space) = world.space_mut(self.netns) {
            space.stack.identification = self.identification;
        }
        let counters = &mut world[self.tunnel].counters;
        counters.tx_packets += self.out.len() as u64;
        counters.tx_bytes += std::mem::take(&mut self.bytes);
        world.forward_all(link, Step::Transmit, &mut self.out);
    }
}

/// Sends the frames of a batch through a tunnel that keeps a `T`: those that `quick` takes, and the others by `long`,
/// for which the `T` is in its place. What `quick` knows, it learns anew after that.
pub(crate) fn send_all<T: Any + Send, K>(
    world: &mut World,
    (tunnel, netns): (DeviceId, NetnsId),
    batch: &mut Batch,
    known: fn() -> K,
    quick: impl Fn(&mut World, &mut T, &mut K, &mut Burst, FrameId) -> bool,
    long: impl Fn(&mut World, FrameId),
) {
    let common = batch.common();
    let mut burst = Burst::new(world, tunnel, netns, common);
    let mut state = take::<T>(world, tunnel);
    let mut known_now = known();
    batch.retain(|frame| {
        if state.as_mut().is_some_and(|state| quick(world, state, &mut known_now, &mut burst, frame)) {
            return false;
        }
        burst.end(world);
        put_back(world, tunnel, state.take());
        world.count_hops_of(common, frame);
        long(world, frame);
        known_now = known();
        state = take::<T>(world, tunnel);
        false
    });
    burst.end(world);
    put_back(world, tunnel, state);
    world.run.put_back(burst.out);
}

/// Takes out what a device's type keeps of it.
pub(crate) fn take<T: Any + Send>(world: &mut World, id: DeviceId) -> Option<Box<T>> {
    let private = &mut world.get_mut(id)?.private;
    match private.take()?.downcast() {
        Ok(state) => Some(state),
        Err(other) => {
            *private = Some(other);
            None
        }
    }
}

/// Puts it back.
pub(crate) fn put_back<T: Any + Send>(world: &mut World, id: DeviceId, state: Option<Box<T>>) {
    if let (Some(state), Some(device)) = (state, world.get_mut(id)) {
        device.private = Some(state);
    }
}
