//! IPv4 (RFC 791): a header of 20 to 60 bytes and its payload.
//!
//! A view reaches as far as the total length says; bytes behind it (Ethernet's padding) are no part of the packet.
//! Values have no options, and are written without; the view gives the options as they came, unread.

use crate::Malformed;
use crate::bytes::{array_at, put_u16, u8_at, u16_at};
use crate::checksum::{self, Sum};
use core::net::Ipv4Addr;

/// Bytes of a header without options.
pub const LENGTH: usize = 20;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const CHECKSUM_AT: usize = 10;

/// A packet.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4View<'a> {
    bytes: &'a [u8],
    header: usize,
}

impl<'a> Ipv4View<'a> {
    /// The checksum is not looked at; see [`checksum_is_right`](Self::checksum_is_right).
    ///
    /// # Errors
    /// `Truncated`: fewer bytes than a header, or than the total length. `Version`: not 4. `Length`: a header length
    /// under 20 bytes, or a total length under the header's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        let first = u8_at(bytes, 0);
        if first >> 4 != 4 {
            return Err(Malformed::Version);
        }
        let header = usize::from(first & 15) * 4;
        let total = usize::from(u16_at(bytes, 2));
        if header < LENGTH || total < header {
            return Err(Malformed::Length);
        }
        let bytes = bytes.get(..total).ok_or(Malformed::Truncated)?;
        Ok(Ipv4View { bytes, header })
    }

    /// Bytes of the header, options included: 20 to 60.
    #[inline]
    pub fn header_length(&self) -> usize {
        self.header
    }

    /// Bytes of header and payload.
    #[inline]
    pub fn total_length(&self) -> usize {
        self.bytes.len()
    }

    /// Type of service: DSCP in the upper six bits, ECN in the lower two.
    #[inline]
    pub fn tos(&self) -> u8 {
        u8_at(self.bytes, 1)
    }

    /// What the fragments of one packet have in common.
    #[inline]
    pub fn identification(&self) -> u16 {
        u16_at(self.bytes, 4)
    }

    /// Whether no router may fragment it.
    #[inline]
    pub fn dont_fragment(&self) -> bool {
        u16_at(self.bytes, 6) & DONT_FRAGMENT != 0
    }

    /// Whether fragments follow it.
    #[inline]
    pub fn more_fragments(&self) -> bool {
        u16_at(self.bytes, 6) & MORE_FRAGMENTS != 0
    }

    /// Where its payload lies in that of the whole packet, in bytes.
    #[inline]
    pub fn fragment_offset(&self) -> u16 {
        (u16_at(self.bytes, 6) & 0x1fff) << 3
    }

    /// Whether it is a part of a packet.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        u16_at(self.bytes, 6) & 0x3fff != 0
    }

    /// How many more routers may forward it.
    #[inline]
    pub fn ttl(&self) -> u8 {
        u8_at(self.bytes, 8)
    }

    /// What is in it ([`crate::protocol`]).
    #[inline]
    pub fn protocol(&self) -> u8 {
        u8_at(self.bytes, 9)
    }

    /// The checksum of the header, as it came.
    #[inline]
    pub fn checksum(&self) -> u16 {
        u16_at(self.bytes, CHECKSUM_AT)
    }

    /// Whether the checksum of the header is right.
    #[inline]
    pub fn checksum_is_right(&self) -> bool {
        checksum::is_right(self.header())
    }

    /// Where it comes from.
    #[inline]
    pub fn source(&self) -> Ipv4Addr {
        array_at::<4>(self.bytes, 12).into()
    }

    /// Where it goes.
    #[inline]
    pub fn destination(&self) -> Ipv4Addr {
        array_at::<4>(self.bytes, 16).into()
    }

    /// The header, options included.
    #[inline]
    pub fn header(&self) -> &'a [u8] {
        self.bytes.get(..self.header).unwrap_or_default()
    }

    /// The options, unread: 0 to 40 bytes.
    #[inline]
    pub fn options(&self) -> &'a [u8] {
        self.bytes.get(LENGTH..self.header).unwrap_or_default()
    }

    /// What is behind the header.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.header..).unwrap_or_default()
    }

    /// Header and payload, without what may lie behind them.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// A header without options.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4 {
    /// Type of service: DSCP in the upper six bits, ECN in the lower two.
    pub tos: u8,
    /// What the fragments of one packet have in common.
    pub identification: u16,
    /// Whether no router may fragment it.
    pub dont_fragment: bool,
    /// Whether fragments follow it.
    pub more_fragments: bool,
    /// Where its payload lies in that of the whole packet, in bytes; a multiple of 8.
    pub fragment_offset: u16,
    /// How many more routers may forward it.
    pub ttl: u8,
    /// What is in it ([`crate::protocol`]).
    pub protocol: u8,
    /// Where it comes from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub destination: Ipv4Addr,
    /// Bytes behind the header; at most 65,515.
    pub payload_length: u16,
}

impl Ipv4 {
    /// Reads the header of a packet; options are passed over.
    ///
    /// # Errors
    /// What [`Ipv4View::new`] says, and a wrong checksum.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let view = Ipv4View::new(bytes)?;
        if !view.checksum_is_right() {
            return Err(Malformed::Checksum);
        }
        Ok(Ipv4 {
            tos: view.tos(),
            identification: view.identification(),
            dont_fragment: view.dont_fragment(),
            more_fragments: view.more_fragments(),
            fragment_offset: view.fragment_offset(),
            ttl: view.ttl(),
            protocol: view.protocol(),
            source: view.source(),
            destination: view.destination(),
            payload_length: view.payload().len() as u16,
        })
    }

    /// Bytes that [`emit`](Self::emit) writes: 20.
    #[inline]
    pub const fn length(&self) -> usize {
        LENGTH
    }

    /// Writes the header with its checksum; the payload is to follow. None if that is too long for a packet.
    #[inline(always)]
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let total = self.payload_length.checked_add(LENGTH as u16)?;
        let mut fragment = self.fragment_offset >> 3;
        if self.dont_fragment {
            fragment |= DONT_FRAGMENT;
        }
        if self.more_fragments {
            fragment |= MORE_FRAGMENTS;
        }
        // The words are put together and summed before they are written: nothing is read back.
        let (source, destination) = (u32::from(self.source), u32::from(self.destination));
        let first = 0x4500 | u16::from(self.tos);
        let life = u16::from(self.ttl) << 8 | u16::from(self.protocol);
        let sum =
            [first, total, self.identification, fragment, life].into_iter().fold(Sum::ZERO, Sum::with_word);
        let sum = sum.with_double(source).with_double(destination).checksum();
        let word = |word: u16| u64::from(word);
        let begin = word(first) << 48 | word(total) << 32 | word(self.identification) << 16 | word(fragment);
        let middle = word(life) << 48 | word(sum) << 32 | u64::from(source);
        let header = buffer.first_chunk_mut::<LENGTH>()?;
        header[..8].copy_from_slice(&begin.to_be_bytes());
        header[8..16].copy_from_slice(&middle.to_be_bytes());
        header[16..].copy_from_slice(&destination.to_be_bytes());
        Some(LENGTH)
    }
}

/// Whether the checksum of a header without options is right.
#[inline(always)]
pub fn plain_checksum_is_right(header: &[u8; LENGTH]) -> bool {
    // The order of bytes does not matter (RFC 1071, 2): a sum of all ones is the same either way.
    let double = |at: usize| {
        u64::from(u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]))
    };
    let sum = double(0) + double(4) + double(8) + double(12) + double(16);
    // Five doubles make 35 bits; those 33, then 17, then 16.
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    checksum::folded(((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32)) as u32) == 0xffff
}

/// Puts the right checksum into the header at the front of `packet`; nothing happens if there is no whole one.
#[inline]
pub fn fill_checksum(packet: &mut [u8]) {
    put_u16(packet, CHECKSUM_AT, 0);
    let header = usize::from(u8_at(packet, 0) & 15) * 4;
    if let Some(header) = packet.get_mut(..header) {
        let sum = checksum::checksum(header);
        put_u16(header, CHECKSUM_AT, sum);
    }
}

/// Takes one off the time to live and corrects the checksum by as much, as a router does; gives what is left. None,
/// and nothing is changed, if it was zero or there is no header.
#[inline]
pub fn decrease_ttl(packet: &mut [u8]) -> Option<u8> {
    let header = packet.get_mut(..LENGTH)?;
    let left = header[8].checked_sub(1)?;
    let sum = u32::from(u16_at(header, CHECKSUM_AT)) + 0x100;
    // A carry goes round, and 0xffff becomes its other form, 0, as with Linux's `ip_decrease_ttl`.
    put_u16(header, CHECKSUM_AT, (sum + u32::from(sum >= 0xffff)) as u16);
    header[8] = left;
    Some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_header_is_right_whatever_is_in_it() {
        let mut state = 1u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            // Bytes of all ones and zeroes make the carries.
            let header: [u8; LENGTH] = core::array::from_fn(|at| match state >> (3 * at) & 7 {
                0..3 => 0xff,
                3..6 => 0,
                other => (state >> 40) as u8 ^ ((other as u8) << (at % 8)),
            });
            for mut header in [header, [0; LENGTH], [0xff; LENGTH]] {
                assert_eq!(plain_checksum_is_right(&header), checksum::is_right(&header), "{header:x?}");
                put_u16(&mut header, CHECKSUM_AT, 0);
                let sum = checksum::checksum(&header);
                put_u16(&mut header, CHECKSUM_AT, sum);
                assert_eq!(plain_checksum_is_right(&header), checksum::is_right(&header), "{header:x?}");
                header[5] ^= 1;
                assert!(!plain_checksum_is_right(&header));
            }
        }
    }
}
