//! UDP (RFC 768): ports, length, checksum; 8 bytes and the payload.
//!
//! The checksum covers a pseudo header of the addresses, so reading and writing take the sum of that
//! ([`pseudo_v4`](crate::checksum::pseudo_v4), [`pseudo_v6`](crate::checksum::pseudo_v6); their length is that of header
//! and payload). Over IPv4 a checksum of zero means that there is none; over IPv6 it is wrong, which the caller knows.
//!
//! Left out: jumbograms (RFC 2675), and UDP-Lite.

use crate::Malformed;
use crate::bytes::{Writer, from, put_u16, u16_at};
use crate::checksum::Sum;

/// Bytes of the header.
pub const LENGTH: usize = 8;

/// A datagram.
#[derive(Clone, Copy, Debug)]
pub struct UdpView<'a> {
    bytes: &'a [u8],
}

impl<'a> UdpView<'a> {
    /// What lies behind the datagram's own length is no part of it.
    ///
    /// # Errors
    /// `Truncated`: fewer bytes than a header, or than the length says. `Length`: a length under 8.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        let length = usize::from(u16_at(bytes, 4));
        if length < LENGTH {
            return Err(Malformed::Length);
        }
        let bytes = bytes.get(..length).ok_or(Malformed::Truncated)?;
        Ok(UdpView { bytes })
    }

    /// The sender's port.
    #[inline]
    pub fn source_port(&self) -> u16 {
        u16_at(self.bytes, 0)
    }

    /// The receiver's port.
    #[inline]
    pub fn destination_port(&self) -> u16 {
        u16_at(self.bytes, 2)
    }

    /// Bytes of header and payload.
    #[inline]
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The checksum as it came; 0: there is none.
    #[inline]
    pub fn checksum(&self) -> u16 {
        u16_at(self.bytes, 6)
    }

    /// Whether the checksum is right, or there is none.
    #[inline]
    pub fn checksum_is_right(&self, pseudo: Sum) -> bool {
        self.checksum() == 0 || pseudo.with(self.bytes).is_right()
    }

    /// What is behind the header.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        from(self.bytes, LENGTH)
    }
}

/// A datagram's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Udp<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// What is in it; at most 65,527 bytes.
    pub payload: &'a [u8],
}

impl<'a> Udp<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// What [`UdpView::new`] says, and a wrong checksum.
    #[inline]
    pub fn parse(bytes: &'a [u8], pseudo: Sum) -> Result<Self, Malformed> {
        let view = UdpView::new(bytes)?;
        if !view.checksum_is_right(pseudo) {
            return Err(Malformed::Checksum);
        }
        let (source_port, destination_port) = (view.source_port(), view.destination_port());
        Ok(Udp { source_port, destination_port, payload: view.payload() })
    }

    /// Bytes that [`emit`](Self::emit) writes: eight and the payload.
    #[inline]
    pub fn length(&self) -> usize {
        LENGTH + self.payload.len()
    }

    /// Writes the datagram with its checksum. None if the payload is too long for one.
    pub fn emit(&self, buffer: &mut [u8], pseudo: Sum) -> Option<usize> {
        let length = self.length();
        let field = u16::try_from(length).ok()?;
        let writer = Writer::new(buffer, length)?;
        writer.u16(self.source_port).u16(self.destination_port).u16(field).u16(0).bytes(self.payload);
        let datagram = buffer.get_mut(..length)?;
        // A sum of zero is written in its other form, for zero means that there is none.
        let sum = match pseudo.with(datagram).checksum() {
            0 => 0xffff,
            sum => sum,
        };
        put_u16(datagram, 6, sum);
        Some(length)
    }
}
