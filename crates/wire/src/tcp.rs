//! TCP (RFC 9293): ports, numbers, flags, checksum; 20 bytes, options and the payload.
//!
//! The checksum covers a pseudo header of the addresses ([`pseudo_v4`](crate::checksum::pseudo_v4),
//! [`pseudo_v6`](crate::checksum::pseudo_v6); their length is that of the whole segment).
//!
//! Left out: options are carried and not read, and only segments without options and payload are built.

use crate::Malformed;
use crate::bytes::{Writer, from, put_u16, u8_at, u16_at, u32_at};
use crate::checksum::Sum;

/// Bytes of the header without options.
pub const LENGTH: usize = 20;

/// The sender has no more to say.
pub const FIN: u8 = 1;
/// The first segment of a way.
pub const SYN: u8 = 2;
/// There is no such connection.
pub const RST: u8 = 4;
/// The acknowledgment number counts.
pub const ACK: u8 = 16;

/// A segment.
#[derive(Clone, Copy, Debug)]
pub struct TcpView<'a> {
    bytes: &'a [u8],
    header: usize,
}

impl<'a> TcpView<'a> {
    /// The checksum is not looked at; see [`checksum_is_right`](Self::checksum_is_right).
    ///
    /// # Errors
    /// `Truncated`: fewer bytes than a header, or than its length says. `Length`: a header of under 20 bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        let header = usize::from(u8_at(bytes, 12) >> 4) * 4;
        match header {
            0..LENGTH => Err(Malformed::Length),
            _ if header > bytes.len() => Err(Malformed::Truncated),
            _ => Ok(TcpView { bytes, header }),
        }
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

    /// The number of its first byte.
    #[inline]
    pub fn sequence(&self) -> u32 {
        u32_at(self.bytes, 4)
    }

    /// The number of the byte that is awaited; it counts with [`ACK`].
    #[inline]
    pub fn acknowledgment(&self) -> u32 {
        u32_at(self.bytes, 8)
    }

    /// Whether it has one of these flags.
    #[inline]
    pub fn has(&self, flags: u8) -> bool {
        u8_at(self.bytes, 13) & flags != 0
    }

    /// What is behind the header.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        from(self.bytes, self.header)
    }

    /// Whether the checksum is right.
    #[inline]
    pub fn checksum_is_right(&self, pseudo: Sum) -> bool {
        pseudo.with(self.bytes).is_right()
    }

    /// How much of the sequence it takes: its bytes, and one for [`SYN`] and [`FIN`] each.
    #[inline]
    pub fn span(&self) -> u32 {
        self.payload().len() as u32 + u32::from(self.has(SYN)) + u32::from(self.has(FIN))
    }
}

/// A segment without options and payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tcp {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// The number of its first byte.
    pub sequence: u32,
    /// The number of the byte that is awaited.
    pub acknowledgment: u32,
    /// [`FIN`], [`SYN`], [`RST`], [`ACK`].
    pub flags: u8,
    /// How many bytes may come.
    pub window: u16,
}

impl Tcp {
    /// The answer to a segment of no connection (RFC 9293, 3.5.2); none to one that is such an answer itself.
    pub fn reset(about: &TcpView<'_>) -> Option<Tcp> {
        if about.has(RST) {
            return None;
        }
        let (sequence, acknowledgment, flags) = match about.has(ACK) {
            true => (about.acknowledgment(), 0, RST),
            false => (0, about.sequence().wrapping_add(about.span()), RST | ACK),
        };
        Some(Tcp {
            source_port: about.destination_port(),
            destination_port: about.source_port(),
            sequence,
            acknowledgment,
            flags,
            window: 0,
        })
    }

    /// Writes the segment with its checksum; gives its length, none if there is no room.
    pub fn emit(&self, buffer: &mut [u8], pseudo: Sum) -> Option<usize> {
        let ports = Writer::new(buffer, LENGTH)?.u16(self.source_port).u16(self.destination_port);
        let numbers = ports.bytes(&self.sequence.to_be_bytes()).bytes(&self.acknowledgment.to_be_bytes());
        numbers.bytes(&[(LENGTH as u8 / 4) << 4, self.flags]).u16(self.window).u16(0).u16(0);
        let segment = buffer.get_mut(..LENGTH)?;
        let sum = pseudo.with(segment).checksum();
        put_u16(segment, 16, sum);
        Some(LENGTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::pseudo_v4;

    const SYN_SEGMENT: Tcp = Tcp {
        source_port: 4000,
        destination_port: 80,
        sequence: 7,
        acknowledgment: 0,
        flags: SYN,
        window: 1,
    };

    #[test]
    fn a_segment_comes_back_as_it_was_written() {
        let pseudo = pseudo_v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 6, LENGTH);
        let mut bytes = [0; LENGTH];
        assert_eq!(SYN_SEGMENT.emit(&mut bytes, pseudo), Some(LENGTH));
        let view = TcpView::new(&bytes).unwrap();
        assert!(view.checksum_is_right(pseudo) && view.has(SYN) && !view.has(ACK));
        assert_eq!((view.source_port(), view.destination_port(), view.sequence()), (4000, 80, 7));
        bytes[0] ^= 1;
        assert!(!TcpView::new(&bytes).unwrap().checksum_is_right(pseudo));
    }

    #[test]
    fn every_cut_and_every_header_length_is_an_error_or_within_the_bytes() {
        for length in 0..64 {
            for offset in 0..16u8 {
                let mut bytes = vec![0xff; length];
                if let Some(byte) = bytes.get_mut(12) {
                    *byte = offset << 4;
                }
                if let Ok(view) = TcpView::new(&bytes) {
                    assert_eq!(view.payload().len(), length - usize::from(offset) * 4);
                }
            }
        }
    }

    #[test]
    fn a_reset_answers_by_the_rules_and_never_a_reset() {
        let segment = |flags| {
            let mut bytes = [0; LENGTH + 3];
            Tcp { flags, acknowledgment: 99, ..SYN_SEGMENT }.emit(&mut bytes, Sum::ZERO);
            Tcp::reset(&TcpView::new(&bytes).unwrap())
        };
        let to_syn = segment(SYN).unwrap();
        assert_eq!((to_syn.sequence, to_syn.acknowledgment, to_syn.flags), (0, 7 + 1 + 3, RST | ACK));
        let to_ack = segment(ACK).unwrap();
        assert_eq!((to_ack.sequence, to_ack.acknowledgment, to_ack.flags), (99, 0, RST));
        assert_eq!((to_ack.source_port, to_ack.destination_port), (80, 4000));
        assert_eq!(segment(RST | ACK), None);
    }
}
