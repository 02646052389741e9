//! Frames that become part of others, and come out of them again: what tunnels do to every frame.

use super::{FrameId, LARGEST, Meta, Pool, SMALL, names_tag};

impl Pool {
    /// Makes the frame part of another that begins so many bytes before it, with an Ethernet header that has no tag; what
    /// was beside it is forgotten, its priority excepted. Gives the bytes in front, to be written, and the frame's own.
    /// None, and nothing happens, if there is no room or the pool is exhausted.
    #[inline(always)]
    pub(crate) fn wrap(&mut self, frame: FrameId, count: usize) -> Option<(&mut [u8], &[u8])> {
        let meta = &mut self.metas[frame.0 as usize];
        // A small buffer that nobody shares; the number of a large one is behind all of these.
        if self.small.shares.get(meta.buffer as usize) != Some(&1) {
            return self.wrap_apart(frame, count);
        }
        meta.start = meta.start.checked_sub(count as u32)?;
        meta.length += count as u32;
        meta.begin();
        meta.plain = true;
        let start = meta.buffer as usize * SMALL + meta.start as usize;
        let bytes = &mut self.small.memory[start..start + meta.length as usize];
        let (head, own) = bytes.split_at_mut_checked(count)?;
        Some((head, own))
    }

    #[cold]
    fn wrap_apart(&mut self, frame: FrameId, count: usize) -> Option<(&mut [u8], &[u8])> {
        self.unshare(frame)?;
        let meta = &mut self.metas[frame.0 as usize];
        if (meta.start as usize) < count || meta.length as usize + count > LARGEST {
            return None;
        }
        meta.start -= count as u32;
        meta.length += count as u32;
        meta.begin();
        let Meta { buffer, start, length, .. } = *meta;
        meta.plain = true;
        let (buffers, at) = self.buffers_mut(buffer);
        let start = at * buffers.stride + start as usize;
        let (head, own) = buffers.memory[start..start + length as usize].split_at_mut(count);
        Some((head, own))
    }

    /// Takes so many bytes off the front, behind which another frame begins: what was beside this one is forgotten, its
    /// priority excepted. False, and nothing happens, if there are not so many.
    #[inline(always)]
    pub(crate) fn unwrap(&mut self, frame: FrameId, count: usize) -> bool {
        let kind = self.bytes(frame).get(count..).and_then(|bytes| bytes.get(12..14));
        let plain = kind.is_some_and(|kind| !names_tag([kind[0], kind[1]]));
        self.unwrap_known(frame, count, plain).is_some()
    }

    /// The same; `plain` says that the other frame's header is whole and names no tag. Gives its bytes, and what is
    /// beside them.
    #[inline(always)]
    pub(crate) fn unwrap_known(
        &mut self,
        frame: FrameId,
        count: usize,
        plain: bool,
    ) -> Option<(usize, &Meta)> {
        let meta = &mut self.metas[frame.0 as usize];
        let length = meta.length.checked_sub(count as u32)?;
        meta.start += count as u32;
        meta.length = length;
        meta.begin();
        meta.plain = plain;
        Some((length as usize, meta))
    }
}
