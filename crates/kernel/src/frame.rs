//! Frames: a pool of buffers, and the handles that name them.
//!
//! A buffer is a slot of fixed size with room in front of the frame, so that tags and tunnel headers are pushed
//! without copying. A [`FrameId`] names a frame: where in which buffer it lies, and what is known of it beside its
//! bytes ([`Meta`], in `meta`). Several frames may share a buffer (a flood); whoever writes gets a buffer of its own first.
//! Free slots are taken last in, first out, because those are warm.
//!
//! Limits: a frame has at most [`LARGEST`] bytes; the pool grows up to [`BUFFERS`] buffers of each of two sizes and
//! [`FRAMES`] frames and then refuses, which is a drop with a name. Nothing here allocates once the pool has grown.
//! `metadata` is what a frame carries of tunnels.

mod meta;
pub(crate) mod metadata;
mod wrapping;

pub use meta::{Meta, PacketKind, Tag};
use metadata::{Metadata, Tunnel};

/// Bytes in front of a fresh frame.
pub const HEADROOM: usize = 128;
/// Bytes from one small buffer to the next: not a power of two, or the headers of all frames would share few lines
/// of the cache.
const SMALL: usize = HEADROOM + 1536 + 320;
/// The same for the large ones.
const LARGE: usize = HEADROOM + 65_536 + 320;
/// The largest frame in bytes, headers included.
pub const LARGEST: usize = 65_536 + 64;
/// Buffers of one size at most.
pub const BUFFERS: usize = 1 << 15;
/// Frames at most.
pub const FRAMES: usize = 1 << 17;
/// Buffers by which the pool grows.
const GROWTH: usize = 64;
const LARGE_BIT: u32 = 1 << 31;

/// Names a frame of the pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameId(pub(crate) u32);

/// Whether an EtherType says that a tag follows.
#[inline]
pub(crate) fn names_tag(kind: [u8; 2]) -> bool {
    matches!(u16::from_be_bytes(kind), 0x8100 | 0x88a8)
}

struct Buffers {
    memory: Vec<u8>,
    stride: usize,
    shares: Vec<u16>,
    free: Vec<u32>,
}

impl Buffers {
    fn new(stride: usize) -> Buffers {
        Buffers { memory: Vec::new(), stride, shares: Vec::new(), free: Vec::new() }
    }

    #[inline]
    fn take(&mut self) -> Option<u32> {
        if self.free.is_empty() {
            self.grow()?;
        }
        let at = self.free.pop()?;
        self.shares[at as usize] = 1;
        Some(at)
    }

    #[cold]
    fn grow(&mut self) -> Option<()> {
        let present = self.shares.len();
        let growth = (present / 2).max(GROWTH).min(BUFFERS - present.min(BUFFERS));
        if growth == 0 {
            return None;
        }
        self.memory.resize((present + growth) * self.stride, 0);
        self.shares.resize(present + growth, 0);
        self.free.extend((present as u32..(present + growth) as u32).rev());
        Some(())
    }
}

/// The pool.
pub struct Pool {
    small: Buffers,
    large: Buffers,
    metas: Vec<Meta>,
    /// Frames without a buffer.
    bare: Vec<u32>,
    /// Frames that came back with a small buffer which nobody shares: it stays theirs for the next time.
    whole: Vec<u32>,
    /// Frames that were ever made; the number of the newest.
    made: u64,
    /// What a few frames carry of tunnels, by their numbers.
    metadata: Vec<Metadata>,
}

impl Default for Pool {
    fn default() -> Self {
        Pool {
            small: Buffers::new(SMALL),
            large: Buffers::new(LARGE),
            metas: Vec::new(),
            bare: Vec::new(),
            whole: Vec::new(),
            made: 0,
            metadata: Vec::new(),
        }
    }
}

impl Pool {
    #[inline]
    fn buffers(&self, buffer: u32) -> (&Buffers, usize) {
        if buffer & LARGE_BIT == 0 {
            (&self.small, buffer as usize)
        } else {
            (&self.large, (buffer & !LARGE_BIT) as usize)
        }
    }

    #[inline]
    fn buffers_mut(&mut self, buffer: u32) -> (&mut Buffers, usize) {
        if buffer & LARGE_BIT == 0 {
            (&mut self.small, buffer as usize)
        } else {
            (&mut self.large, (buffer & !LARGE_BIT) as usize)
        }
    }

    /// A buffer that holds so many bytes behind the headroom.
    #[inline]
    fn take_buffer(&mut self, length: usize) -> Option<u32> {
        match length {
            _ if length <= SMALL - HEADROOM => self.take_small(),
            _ if length <= LARGEST => self.large.take().map(|at| at | LARGE_BIT),
            _ => None,
        }
    }

    fn take_small(&mut self) -> Option<u32> {
        if self.small.free.is_empty() {
            self.part();
        }
        self.small.take()
    }

    /// Takes its buffer from a frame that lies here, so that both are free.
    fn part(&mut self) {
        if let Some(at) = self.whole.pop() {
            self.bare.push(at);
            self.release_buffer(self.metas[at as usize].buffer);
        }
    }

    #[inline]
    fn enter(&mut self, meta: Meta) -> Option<FrameId> {
        if self.bare.is_empty() && self.metas.len() >= FRAMES {
            self.part();
        }
        let at = match self.bare.pop() {
            Some(at) => {
                self.metas[at as usize] = meta;
                at
            }
            None if self.metas.len() >= FRAMES => return None,
            None => {
                self.metas.push(meta);
                self.metas.len() as u32 - 1
            }
        };
        self.made += 1;
        Some(FrameId(at))
    }

    /// A frame with these bytes; none if it is too large or the pool is exhausted.
    #[inline]
    pub fn frame(&mut self, bytes: &[u8]) -> Option<FrameId> {
        let frame = self.blank(bytes.len())?;
        let meta = &mut self.metas[frame.0 as usize];
        meta.plain = bytes.get(12..14).is_some_and(|kind| !names_tag([kind[0], kind[1]]));
        let buffer = meta.buffer;
        let (buffers, at) = self.buffers_mut(buffer);
        let start = at * buffers.stride + HEADROOM;
        buffers.memory[start..start + bytes.len()].copy_from_slice(bytes);
        Some(frame)
    }

    /// A frame of so many bytes, whatever they were.
    #[inline]
    pub(crate) fn blank(&mut self, length: usize) -> Option<FrameId> {
        if length <= SMALL - HEADROOM {
            if let Some(at) = self.whole.pop() {
                self.made += 1;
                let number = self.made as u32;
                let meta = &mut self.metas[at as usize];
                *meta = Meta::new(meta.buffer, length as u32, number);
                return Some(FrameId(at));
            }
        }
        self.blank_apart(length)
    }

    #[cold]
    fn blank_apart(&mut self, length: usize) -> Option<FrameId> {
        let buffer = self.take_buffer(length)?;
        let frame = self.enter(Meta::new(buffer, length as u32, (self.made as u32).wrapping_add(1)));
        if frame.is_none() {
            self.release_buffer(buffer);
        }
        frame
    }

    /// Another frame over the same bytes.
    #[inline]
    pub fn share(&mut self, frame: FrameId) -> Option<FrameId> {
        let mut meta = self.metas[frame.0 as usize];
        let (buffers, at) = self.buffers_mut(meta.buffer);
        buffers.shares[at] = buffers.shares[at].checked_add(1)?;
        meta.parent = meta.number;
        meta.number = (self.made as u32).wrapping_add(1);
        let shared = self.enter(meta);
        match shared {
            Some(shared) if meta.tunnel == Tunnel::More => self.share_metadata(frame, shared),
            Some(_) => {}
            None => self.release_buffer(meta.buffer),
        }
        shared
    }

    /// Gives a frame back.
    #[inline(always)]
    pub fn release(&mut self, frame: FrameId) {
        let Meta { buffer, tunnel, .. } = self.metas[frame.0 as usize];
        if tunnel == Tunnel::More {
            self.forget_metadata(frame);
        }
        if self.small.shares.get(buffer as usize) == Some(&1) {
            return self.whole.push(frame.0);
        }
        self.release_apart(frame, buffer);
    }

    #[inline(never)]
    fn release_apart(&mut self, frame: FrameId, buffer: u32) {
        self.bare.push(frame.0);
        self.release_buffer(buffer);
    }

    #[inline]
    fn release_buffer(&mut self, buffer: u32) {
        let (buffers, at) = self.buffers_mut(buffer);
        buffers.shares[at] -= 1;
        if buffers.shares[at] == 0 {
            buffers.free.push(at as u32);
        }
    }

    /// What is known of a frame.
    #[inline]
    pub fn meta(&self, frame: FrameId) -> &Meta {
        &self.metas[frame.0 as usize]
    }

    /// The same, to change.
    #[inline]
    pub fn meta_mut(&mut self, frame: FrameId) -> &mut Meta {
        &mut self.metas[frame.0 as usize]
    }

    /// Bytes of a frame, its lifted tag left out.
    #[inline]
    pub fn length(&self, frame: FrameId) -> usize {
        self.metas[frame.0 as usize].length as usize
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self, frame: FrameId) -> &[u8] {
        let meta = &self.metas[frame.0 as usize];
        let start = meta.buffer as usize * SMALL + meta.start as usize;
        // The number of a large buffer leads far behind the small ones, wherever numbers have 64 bits.
        let is_small = usize::BITS == 64 || meta.buffer & LARGE_BIT == 0;
        match self.small.memory.get(start..start + meta.length as usize) {
            Some(bytes) if is_small => bytes,
            _ => self.large_bytes(meta),
        }
    }

    #[cold]
    fn large_bytes(&self, meta: &Meta) -> &[u8] {
        let start = (meta.buffer & !LARGE_BIT) as usize * LARGE + meta.start as usize;
        &self.large.memory[start..start + meta.length as usize]
    }

    /// The address that it goes to; zero if the frame is shorter.
    #[inline]
    pub fn destination(&self, frame: FrameId) -> [u8; 6] {
        self.bytes(frame).first_chunk().copied().unwrap_or_default()
    }

    /// The address that it comes from; zero if the frame is shorter.
    #[inline]
    pub fn source(&self, frame: FrameId) -> [u8; 6] {
        self.bytes(frame).get(6..12).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or_default()
    }

    /// What is in it: the two bytes behind the addresses; 0 if the frame is shorter.
    #[inline]
    pub fn ethertype(&self, frame: FrameId) -> u16 {
        self.bytes(frame).get(12..14).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    #[inline]
    fn own_bytes(&mut self, frame: FrameId) -> &mut [u8] {
        let meta = &mut self.metas[frame.0 as usize];
        meta.plain = false;
        let Meta { buffer, start, length, .. } = *meta;
        let (buffers, at) = self.buffers_mut(buffer);
        let start = at * buffers.stride + start as usize;
        &mut buffers.memory[start..start + length as usize]
    }

    /// The bytes, to change: in a buffer that no other frame shares. None if the pool is exhausted.
    #[inline]
    pub fn bytes_mut(&mut self, frame: FrameId) -> Option<&mut [u8]> {
        self.unshare(frame)?;
        Some(self.own_bytes(frame))
    }

    /// Copies the bytes into a buffer of its own, if another frame shares them.
    #[inline]
    fn unshare(&mut self, frame: FrameId) -> Option<()> {
        let (buffers, at) = self.buffers(self.metas[frame.0 as usize].buffer);
        if buffers.shares[at] == 1 { Some(()) } else { self.copy_out(frame) }
    }

    #[cold]
    fn copy_out(&mut self, frame: FrameId) -> Option<()> {
        let meta = self.metas[frame.0 as usize];
        let at = self.buffers(meta.buffer).1;
        let length = meta.length as usize;
        let buffer = self.take_buffer(length)?;
        let from = at * self.buffers(meta.buffer).0.stride + meta.start as usize;
        let (_, to) = self.buffers(buffer);
        if (buffer ^ meta.buffer) & LARGE_BIT == 0 {
            let (buffers, _) = self.buffers_mut(buffer);
            let to = to * buffers.stride + HEADROOM;
            buffers.memory.copy_within(from..from + length, to);
        } else {
            // Only a large buffer with a small frame in it: the copy goes from one memory to the other.
            let to = to * self.small.stride + HEADROOM;
            self.small.memory[to..to + length].copy_from_slice(&self.large.memory[from..from + length]);
        }
        self.release_buffer(meta.buffer);
        let meta = &mut self.metas[frame.0 as usize];
        meta.buffer = buffer;
        meta.start = HEADROOM as u32;
        Some(())
    }

    /// Takes bytes off the front; false if there are not so many.
    #[inline]
    pub fn pull(&mut self, frame: FrameId, count: usize) -> bool {
        let meta = &mut self.metas[frame.0 as usize];
        if count > meta.length as usize {
            return false;
        }
        meta.plain = false;
        meta.start += count as u32;
        meta.length -= count as u32;
        true
    }

    /// Puts bytes in front; false if there is no room or the pool is exhausted.
    pub fn push(&mut self, frame: FrameId, header: &[u8]) -> bool {
        if self.unshare(frame).is_none() {
            return false;
        }
        let meta = &mut self.metas[frame.0 as usize];
        let count = header.len() as u32;
        if meta.start < count || (meta.length + count) as usize > LARGEST {
            return false;
        }
        meta.start -= count;
        meta.length += count;
        self.own_bytes(frame)[..header.len()].copy_from_slice(header);
        true
    }

    /// Cuts the frame to at most so many bytes.
    pub fn truncate(&mut self, frame: FrameId, length: usize) {
        let meta = &mut self.metas[frame.0 as usize];
        meta.length = meta.length.min(length as u32);
    }

    /// Lifts a tag of 802.1Q or 802.1ad out of the header, if there is one and none was lifted before. False if the
    /// header says that there is a tag and the frame ends in it.
    #[inline]
    pub fn lift_tag(&mut self, frame: FrameId) -> bool {
        let meta = self.meta(frame);
        if meta.plain || meta.length < 14 {
            return true;
        }
        let protocol = self.ethertype(frame).to_be_bytes();
        if self.meta(frame).tag.is_some() {
            self.meta_mut(frame).nested = names_tag(protocol);
            return true;
        }
        if names_tag(protocol) {
            return self.lift_present_tag(frame, u16::from_be_bytes(protocol));
        }
        self.meta_mut(frame).plain = true;
        true
    }

    #[inline]
    fn lift_present_tag(&mut self, frame: FrameId, protocol: u16) -> bool {
        // The sizes are constants, so that the addresses move in registers.
        let Some(head) = self.bytes_mut(frame).and_then(|bytes| bytes.first_chunk_mut::<18>()) else {
            return false;
        };
        let tci = u16::from_be_bytes([head[14], head[15]]);
        let plain = !names_tag([head[16], head[17]]);
        let mut addresses = [0; 12];
        addresses.copy_from_slice(&head[..12]);
        head[4..16].copy_from_slice(&addresses);
        let meta = self.meta_mut(frame);
        meta.start += 4;
        meta.length -= 4;
        meta.tag = Tag { protocol, tci };
        (meta.plain, meta.nested) = (plain, !plain);
        true
    }

    /// Puts the lifted tag back into the header; false if there is no room.
    pub fn insert_tag(&mut self, frame: FrameId) -> bool {
        let tag = self.meta(frame).tag;
        if !tag.is_some() {
            return true;
        }
        if self.length(frame) < 14 || !self.push(frame, &[0; 4]) {
            return false;
        }
        let bytes = self.own_bytes(frame);
        bytes.copy_within(4..16, 0);
        bytes[12..14].copy_from_slice(&tag.protocol.to_be_bytes());
        bytes[14..16].copy_from_slice(&tag.tci.to_be_bytes());
        self.meta_mut(frame).tag = Tag::NONE;
        true
    }

    /// How many frames were ever made, copies included.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// How many frames are out of the pool; 0 when every one is back.
    pub fn in_use(&self) -> usize {
        self.metas.len() - self.bare.len() - self.whole.len()
    }

    /// How many buffers are out of the pool.
    pub fn buffers_in_use(&self) -> usize {
        let out = |buffers: &Buffers| buffers.shares.len() - buffers.free.len();
        out(&self.small) + out(&self.large) - self.whole.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_frame_is_copied_when_written() {
        let mut pool = Pool::default();
        let a = pool.frame(&[1, 2, 3, 4]).unwrap();
        let b = pool.share(a).unwrap();
        assert_eq!(pool.buffers_in_use(), 1);
        assert!(pool.push(b, &[9]));
        assert_eq!((pool.bytes(a), pool.bytes(b)), (&[1, 2, 3, 4][..], &[9, 1, 2, 3, 4][..]));
        pool.release(a);
        pool.release(b);
        assert_eq!((pool.in_use(), pool.buffers_in_use()), (0, 0));
    }

    #[test]
    fn tags_come_out_and_go_in() {
        let mut pool = Pool::default();
        let mut bytes = [7u8; 22];
        bytes[12..16].copy_from_slice(&[0x81, 0, 0x60, 11]);
        let frame = pool.frame(&bytes).unwrap();
        assert!(pool.lift_tag(frame));
        assert_eq!(pool.meta(frame).tag, Tag { protocol: 0x8100, tci: 0x600b });
        assert_eq!(pool.length(frame), 18);
        assert!(pool.insert_tag(frame));
        assert_eq!(pool.bytes(frame), bytes);
        for length in 14..18 {
            let short = pool.frame(&bytes[..length]).unwrap();
            assert!(!pool.lift_tag(short));
        }
    }
}
