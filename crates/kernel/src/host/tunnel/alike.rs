//! What most frames have in common that arrive for one device in packets of one tunnel: the tunnel's own header, byte for
//! byte, and that nothing about them needs a closer look. Whoever knows that of one frame need only compare the others.

use crate::device::Mac;
use crate::fdb::key;
use crate::frame::{self, FrameId, Pool};
use crate::run::{Batch, marks_of};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// Bytes of the header.
const HEADER: usize = super::send::HEADER;
/// The bits of a number that are an address.
const ADDRESS: u64 = !0xffff;

/// What such frames have in common.
#[derive(Clone, Copy)]
pub(crate) struct Alike {
    /// Where in the frame the header begins.
    at: usize,
    header: [u8; HEADER],
    /// The device's own address, from which no frame comes.
    own: u64,
}

/// What is known of a frame inside.
#[derive(Clone, Copy)]
pub(crate) struct Inner {
    /// The address that it comes from, in the upper six bytes.
    pub source: u64,
    /// Its header names no tag.
    plain: bool,
}

impl Alike {
    /// Frames that begin as this one does.
    pub(crate) fn new(bytes: &[u8], at: usize, own: &Mac) -> Option<Alike> {
        let header = *bytes.get(at..)?.first_chunk()?;
        Some(Alike { at, header, own: key(own, 0) })
    }

    /// Looks at a frame; none if it is not like them.
    #[inline(always)]
    pub(crate) fn look(&self, bytes: &[u8]) -> Option<Inner> {
        let (header, inside) = bytes.get(self.at..)?.split_first_chunk::<HEADER>()?;
        let [_, _, _, _, _, _, a, b, c, d, e, f, g, h] = *inside.first_chunk::<ETHERNET>()?;
        let source = u64::from_be_bytes([a, b, c, d, e, f, g, h]) & ADDRESS;
        let alike = u64::from_ne_bytes(*header) == u64::from_ne_bytes(self.header) && source != self.own;
        alike.then_some(Inner { source, plain: !frame::names_tag([g, h]) })
    }

    /// Takes everything outside off a frame that was looked at, and puts it to others.
    #[inline(always)]
    pub(crate) fn take(&self, pool: &mut Pool, inner: Inner, frame: FrameId, out: &mut Batch) {
        if let Some((length, meta)) = pool.unwrap_known(frame, self.at + HEADER, inner.plain) {
            out.marks |= marks_of(meta);
            out.push(frame, length);
        }
    }
}
