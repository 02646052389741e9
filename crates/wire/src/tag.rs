//! VLAN tags: 802.1Q (0x8100) and 802.1ad (0x88a8), which may lie one behind another.
//!
//! A tag is four bytes between the source address and the type: its own type, and two bytes of control information.
//!
//! ```text
//! priority 3 bits | drop eligible 1 | identifier 12 || type of what follows
//! ```
//!
//! Seen from behind the type that announces it, a tag is the two bytes and the next type; so it is read here.

use crate::Malformed;
use crate::bytes::{Writer, from, u16_at};
use crate::ethernet::{self, ethertype};

/// Bytes of a tag.
pub const LENGTH: usize = 4;
/// Tags that [`behind_tags`] passes at most.
pub const STACK: usize = 8;

/// Whether a type announces a tag.
#[inline]
pub fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, ethertype::VLAN | ethertype::SERVICE_VLAN)
}

/// A tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag {
    /// [`ethertype::VLAN`] or [`ethertype::SERVICE_VLAN`].
    pub protocol: u16,
    /// Priority: 0 to 7.
    pub priority: u8,
    /// Whether it may be dropped first.
    pub drop_eligible: bool,
    /// The VLAN: 0 (none, only a priority) to 4095.
    pub id: u16,
}

impl Tag {
    /// Reads the tag that lies behind the type `protocol`; gives the type of what follows too.
    ///
    /// # Errors
    /// `Truncated`: fewer than four bytes. `Field`: the type announces no tag.
    #[inline]
    pub fn parse(protocol: u16, bytes: &[u8]) -> Result<(Tag, u16), Malformed> {
        if !is_tag(protocol) {
            return Err(Malformed::Field);
        }
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        Ok((Tag::from_tci(protocol, u16_at(bytes, 0)), u16_at(bytes, 2)))
    }

    /// The tag of that control information.
    #[inline]
    pub fn from_tci(protocol: u16, tci: u16) -> Tag {
        Tag { protocol, priority: (tci >> 13) as u8, drop_eligible: tci & 0x1000 != 0, id: tci & 0xfff }
    }

    /// The control information.
    #[inline]
    pub fn tci(&self) -> u16 {
        u16::from(self.priority) << 13 | u16::from(self.drop_eligible) << 12 | self.id & 0xfff
    }

    /// Bytes that [`emit`](Self::emit) writes: 4.
    #[inline]
    pub const fn length(&self) -> usize {
        LENGTH
    }

    /// Writes the control information and the type of what follows; the type that announces the tag stands before.
    #[inline]
    pub fn emit(&self, follows: u16, buffer: &mut [u8]) -> Option<usize> {
        Writer::new(buffer, LENGTH)?.u16(self.tci()).u16(follows);
        Some(LENGTH)
    }
}

/// The type and payload of a frame behind its tags, at most [`STACK`] of them.
///
/// # Errors
/// `Truncated`: the frame ends in its header or in a tag. `TooMany`: there are more tags.
pub fn behind_tags(frame: &[u8]) -> Result<(u16, &[u8]), Malformed> {
    let view = ethernet::EthernetView::new(frame)?;
    let (mut kind, mut rest) = (view.ethertype(), view.payload());
    for _ in 0..STACK {
        if !is_tag(kind) {
            return Ok((kind, rest));
        }
        kind = Tag::parse(kind, rest)?.1;
        rest = from(rest, LENGTH);
    }
    if is_tag(kind) { Err(Malformed::TooMany) } else { Ok((kind, rest)) }
}
