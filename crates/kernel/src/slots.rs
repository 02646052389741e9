//! Where devices live: slots in chunks that never move. A device is named by its slot and the slot's generation; when it
//! goes its slot is free for another, the generation grows, and every handle of it is stale.
//!
//! A device stands in its slot, not behind a pointer, so that making one and letting it go asks nobody for memory;
//! a chunk once made stays until the kernel ends.

use crate::device::{Device, DeviceId};

/// Slots that are made at once.
const CHUNK: usize = 32;

#[derive(Default)]
struct Slot {
    generation: u32,
    device: Option<Device>,
}

/// All devices of a kernel.
#[derive(Default)]
pub(crate) struct Slots {
    chunks: Vec<Box<[Slot; CHUNK]>>,
    /// Slots that were ever used; those behind them are fresh.
    used: u32,
    free: Vec<u32>,
}

/// A chunk of empty slots.
fn chunk() -> Box<[Slot; CHUNK]> {
    let slots: Box<[Slot]> = std::iter::repeat_with(Slot::default).take(CHUNK).collect();
    slots.try_into().unwrap_or_else(|_| unreachable!("so many slots were made"))
}

impl Slots {
    /// The device, if it lives.
    #[inline]
    pub(crate) fn get(&self, id: DeviceId) -> Option<&Device> {
        let slot = &self.chunks.get(id.slot as usize / CHUNK)?[id.slot as usize % CHUNK];
        slot.device.as_ref().filter(|_| slot.generation == id.generation)
    }

    /// The same, to change.
    #[inline]
    pub(crate) fn get_mut(&mut self, id: DeviceId) -> Option<&mut Device> {
        let slot = &mut self.chunks.get_mut(id.slot as usize / CHUNK)?[id.slot as usize % CHUNK];
        slot.device.as_mut().filter(|_| slot.generation == id.generation)
    }

    /// Makes a device in a free slot; none if there are that many slots already.
    pub(crate) fn place(&mut self, most: usize, make: impl FnOnce(DeviceId) -> Device) -> Option<DeviceId> {
        let at = match self.free.pop() {
            Some(at) => at,
            None if self.used as usize >= most => return None,
            None => {
                self.used += 1;
                self.used - 1
            }
        };
        if at as usize / CHUNK == self.chunks.len() {
            self.chunks.push(chunk());
        }
        let slot = &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK];
        let id = DeviceId { slot: at, generation: slot.generation };
        slot.device = Some(make(id));
        Some(id)
    }

    /// Lets a device go, if it lives.
    pub(crate) fn release(&mut self, id: DeviceId) {
        if self.get(id).is_some() {
            let slot = &mut self.chunks[id.slot as usize / CHUNK][id.slot as usize % CHUNK];
            slot.device = None;
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(id.slot);
        }
    }
}
