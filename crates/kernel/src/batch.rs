//! Batches: frames that take the same way, and what is known of all of them together.

use crate::frame::{FrameId, Meta, PacketKind, Pool};

/// Frames in a batch at most.
pub const BATCH: usize = 64;
/// What may be beside the bytes of a frame of a batch.
pub(crate) mod mark {
    /// A lifted tag.
    pub(crate) const TAG: u8 = 1;
    /// A tag in the header: nobody looked.
    pub(crate) const UNSEEN: u8 = 2;
    /// A priority, for whom the frame is, or what it carries of tunnels.
    pub(crate) const BESIDE: u8 = 4;
}

/// Frames that take the same way, and what is known of all of them together: so a device that does the same to every
/// frame (count it, pass it on) looks at none.
///
/// While frames are in a batch it is the batch that counts the devices which they passed, and all of its frames passed
/// the same number. Who takes single frames out counts that first (`World::count_hops`, `World::count_hops_of`).
#[derive(Clone)]
pub struct Batch {
    frames: [FrameId; BATCH],
    length: usize,
    /// Devices that every one of the frames passed.
    pub(crate) hops: u16,
    /// Bits of [`mark`]; what has none is on none of the frames.
    pub(crate) marks: u8,
    /// Whether bytes, longest and marks are those of the present frames.
    pub(crate) measured: bool,
    bytes: u32,
    longest: u32,
}

/// What frames of a batch have in common.
#[derive(Clone, Copy)]
pub(crate) struct Common {
    /// Devices that every one of them passed.
    pub(crate) hops: u16,
    /// Bits of [`mark`]; what has none is on none of them.
    pub(crate) marks: u8,
}

impl Default for Batch {
    fn default() -> Self {
        let frames = [FrameId(0); BATCH];
        Batch { frames, length: 0, hops: 0, marks: 0, measured: true, bytes: 0, longest: 0 }
    }
}

impl Batch {
    /// The frames.
    #[inline]
    pub fn frames(&self) -> &[FrameId] {
        &self.frames[..self.length.min(BATCH)]
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes all frames out.
    #[inline]
    pub fn clear(&mut self) {
        (self.length, self.hops, self.marks, self.measured) = (0, 0, 0, true);
        (self.bytes, self.longest) = (0, 0);
    }

    /// What its frames have in common.
    #[inline]
    pub(crate) fn common(&self) -> Common {
        Common { hops: self.hops, marks: self.marks }
    }

    /// Makes it a batch for frames that have that in common.
    #[inline]
    pub(crate) fn begin(&mut self, common: Common) {
        self.clear();
        (self.hops, self.marks) = (common.hops, common.marks);
    }

    /// Puts a frame of so many bytes in, whose marks the batch has already; false if it is full.
    #[inline]
    pub(crate) fn push(&mut self, frame: FrameId, length: usize) -> bool {
        let Some(place) = self.frames.get_mut(self.length) else { return false };
        *place = frame;
        self.length += 1;
        self.bytes += length as u32;
        self.longest = self.longest.max(length as u32);
        true
    }

    /// Puts all frames of another batch in; false, and nothing happens, if there is no room for all, or they passed
    /// another number of devices.
    #[inline]
    pub(crate) fn append(&mut self, other: &Batch) -> bool {
        let end = self.length + other.length;
        if end > BATCH || self.hops != other.hops {
            return false;
        }
        self.frames[self.length..end].copy_from_slice(other.frames());
        self.length = end;
        self.bytes += other.bytes;
        self.longest = self.longest.max(other.longest);
        self.marks |= other.marks;
        true
    }

    /// Keeps the frames for which `keep` says so, in order.
    #[inline]
    pub fn retain(&mut self, mut keep: impl FnMut(FrameId) -> bool) {
        let mut kept = 0;
        for at in 0..self.length.min(BATCH) {
            let frame = self.frames[at];
            if keep(frame) {
                self.frames[kept] = frame;
                kept += 1;
            }
        }
        self.length = kept;
        self.measured = false;
    }

    /// Bits of [`mark`]: what may be beside the frames. Only of a batch as it came, or one that was measured.
    #[inline]
    pub(crate) fn marks(&self) -> u8 {
        self.marks
    }

    /// The frames lost these marks.
    #[inline]
    pub(crate) fn unmark(&mut self, marks: u8) {
        self.marks &= !marks;
    }

    /// How many bytes the frames have together, and the longest of them. Only of a batch as it came, or one that was
    /// measured.
    #[inline]
    pub(crate) fn bytes(&self) -> (u64, usize) {
        debug_assert!(self.measured);
        (u64::from(self.bytes), self.longest as usize)
    }

    /// Counts bytes and marks anew, where frames were taken out or changed.
    #[inline]
    pub(crate) fn measure(&mut self, pool: &Pool) {
        if !self.measured {
            self.measure_anew(pool);
        }
    }

    fn measure_anew(&mut self, pool: &Pool) {
        let (mut bytes, mut longest, mut marks) = (0, 0, 0);
        for frame in self.frames() {
            let length = pool.length(*frame) as u32;
            bytes += length;
            longest = longest.max(length);
            marks |= marks_of(pool.meta(*frame));
        }
        (self.bytes, self.longest, self.marks, self.measured) = (bytes, longest, marks, true);
    }
}

/// The marks of a frame outside of batches.
#[inline]
pub(crate) fn marks_of(meta: &Meta) -> u8 {
    let tag = if meta.tag.is_some() { mark::TAG } else { 0 };
    let unseen = if meta.is_plain() { 0 } else { mark::UNSEEN };
    let beside = meta.priority != 0 || meta.kind != PacketKind::Auto || meta.tunnel.is_some();
    tag | unseen | if beside { mark::BESIDE } else { 0 }
}
