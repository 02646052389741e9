//! VXLAN (RFC 7348): eight bytes in front of an Ethernet frame in UDP: flags, and the number of the network.
//!
//! The header is read whole; which of its bits a receiver allows is its own affair, and two extensions use the
//! reserved ones: the group policy ([`flag::GROUP`], draft-smith-vxlan-group-policy) puts sixteen bits into the first
//! word, the generic protocol extension ([`flag::NEXT`], draft-ietf-nvo3-vxlan-gpe) the kind of what is inside.

use crate::Malformed;
use crate::bytes::{Writer, u32_at};

/// Bytes of the header.
pub const LENGTH: usize = 8;

/// Bits of the first word.
pub mod flag {
    /// There is the number of a network; never missing.
    pub const NETWORK: u32 = 1 << 27;
    /// There is a group in the word's lower half.
    pub const GROUP: u32 = 1 << 31;
    /// The group's other bits: learn nothing, a policy was applied, and what is reserved between.
    pub const GROUP_BITS: u32 = 0xff_ffff;
    /// The lowest byte says what is inside.
    pub const NEXT: u32 = 1 << 26;
    /// It is a message of operation and maintenance.
    pub const OAM: u32 = 1 << 24;
    /// The version of the generic protocol extension.
    pub const VERSION: u32 = 3 << 28;
    /// The lowest byte.
    pub const NEXT_BITS: u32 = 0xff;
}

/// What is inside by the generic protocol extension.
pub mod next {
    /// IPv4.
    pub const IPV4: u8 = 1;
    /// IPv6.
    pub const IPV6: u8 = 2;
    /// An Ethernet frame.
    pub const ETHERNET: u8 = 3;
}

/// A header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vxlan {
    /// The first word: bits of [`flag`].
    pub flags: u32,
    /// The network's number, 24 bits.
    pub network: u32,
    /// The byte behind it, reserved.
    pub reserved: u8,
}

impl Vxlan {
    /// Reads a header.
    ///
    /// # Errors
    /// `Truncated`: fewer than eight bytes.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        let second = u32_at(bytes, 4);
        Ok(Vxlan { flags: u32_at(bytes, 0), network: second >> 8, reserved: second as u8 })
    }

    /// Bytes that [`emit`](Self::emit) writes.
    #[inline]
    pub fn length(&self) -> usize {
        LENGTH
    }

    /// Writes the header; of the number its lower 24 bits.
    #[inline]
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let second = self.network << 8 | u32::from(self.reserved);
        Writer::new(buffer, LENGTH)?.u32(self.flags).u32(second);
        Some(LENGTH)
    }
}
