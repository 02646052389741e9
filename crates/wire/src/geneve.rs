//! Geneve (RFC 8926): eight bytes and options in front of what is carried in UDP, most often an Ethernet frame.
//!
//! Options are kept as the bytes they came in; nobody here understands one. Values have none and are written without:
//! whoever has options writes them behind, and their length into the first byte.

use crate::Malformed;
use crate::bytes::{Writer, from, u8_at, u16_at, u32_at};

/// Bytes of the header without options.
pub const LENGTH: usize = 8;
/// The type of what is inside: an Ethernet frame (`ETH_P_TEB`).
pub const ETHERNET: u16 = 0x6558;

const OAM: u8 = 0x80;
const CRITICAL: u8 = 0x40;

/// A packet.
#[derive(Clone, Copy, Debug)]
pub struct GeneveView<'a> {
    bytes: &'a [u8],
}

impl<'a> GeneveView<'a> {
    /// That the options are whole is looked at, what is in them not.
    ///
    /// # Errors
    /// `Truncated`: fewer bytes than a header, or than the options. `Version`: not 0.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        if u8_at(bytes, 0) >> 6 != 0 {
            return Err(Malformed::Version);
        }
        let view = GeneveView { bytes };
        if bytes.len() < view.header_length() {
            return Err(Malformed::Truncated);
        }
        Ok(view)
    }

    /// Bytes of the header with its options.
    #[inline]
    pub fn header_length(&self) -> usize {
        LENGTH + usize::from(u8_at(self.bytes, 0) & 0x3f) * 4
    }

    /// Whether it is a message of operation and maintenance.
    #[inline]
    pub fn is_oam(&self) -> bool {
        u8_at(self.bytes, 1) & OAM != 0
    }

    /// Whether who does not understand its options must drop it.
    #[inline]
    pub fn is_critical(&self) -> bool {
        u8_at(self.bytes, 1) & CRITICAL != 0
    }

    /// The type of what is inside.
    #[inline]
    pub fn ethertype(&self) -> u16 {
        u16_at(self.bytes, 2)
    }

    /// The network's number.
    #[inline]
    pub fn network(&self) -> u32 {
        u32_at(self.bytes, 4) >> 8
    }

    /// The options.
    #[inline]
    pub fn options(&self) -> &'a [u8] {
        self.bytes.get(LENGTH..self.header_length()).unwrap_or_default()
    }

    /// What is behind the header and its options.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        from(self.bytes, self.header_length())
    }
}

/// A header without options.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geneve {
    /// It is a message of operation and maintenance.
    pub oam: bool,
    /// Who does not understand its options must drop it.
    pub critical: bool,
    /// The type of what is inside.
    pub ethertype: u16,
    /// The network's number, 24 bits.
    pub network: u32,
}

impl Geneve {
    /// Reads a header; its options are left out.
    ///
    /// # Errors
    /// What [`GeneveView::new`] says.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let view = GeneveView::new(bytes)?;
        let (oam, critical) = (view.is_oam(), view.is_critical());
        Ok(Geneve { oam, critical, ethertype: view.ethertype(), network: view.network() })
    }

    /// Bytes that [`emit`](Self::emit) writes.
    #[inline]
    pub fn length(&self) -> usize {
        LENGTH
    }

    /// Writes the header.
    #[inline]
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let oam = if self.oam { OAM } else { 0 };
        let critical = if self.critical { CRITICAL } else { 0 };
        let writer = Writer::new(buffer, LENGTH)?;
        writer.u8(0).u8(oam | critical).u16(self.ethertype).u32(self.network << 8);
        Some(LENGTH)
    }
}
