//! ICMP (RFC 792): type, code, checksum, four bytes whose meaning is the type's, and what follows.
//!
//! An error message carries the beginning of the packet that it is about ([`Icmp::about`]). Left out: router discovery,
//! timestamps, masks and extensions (RFC 4884), which are [`Icmp::Other`].

use crate::Malformed;
use crate::bytes::{Writer, array_at, from, put_u16, u8_at, u16_at};
use crate::checksum;
use core::net::Ipv4Addr;

/// Bytes in front of what follows.
pub const LENGTH: usize = 8;

/// Types of messages.
#[allow(missing_docs)]
pub mod kind {
    pub const ECHO_REPLY: u8 = 0;
    pub const DESTINATION_UNREACHABLE: u8 = 3;
    pub const REDIRECT: u8 = 5;
    pub const ECHO_REQUEST: u8 = 8;
    pub const TIME_EXCEEDED: u8 = 11;
    pub const PARAMETER_PROBLEM: u8 = 12;
}

/// Codes of "destination unreachable".
#[allow(missing_docs)]
pub mod unreachable {
    pub const NET: u8 = 0;
    pub const HOST: u8 = 1;
    pub const PROTOCOL: u8 = 2;
    pub const PORT: u8 = 3;
    pub const FRAGMENTATION_NEEDED: u8 = 4;
    pub const SOURCE_ROUTE: u8 = 5;
    pub const NET_UNKNOWN: u8 = 6;
    pub const HOST_UNKNOWN: u8 = 7;
    pub const NET_PROHIBITED: u8 = 9;
    pub const HOST_PROHIBITED: u8 = 10;
    pub const FILTERED: u8 = 13;
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct IcmpView<'a> {
    bytes: &'a [u8],
}

impl<'a> IcmpView<'a> {
    /// The checksum is not looked at; see [`checksum_is_right`](Self::checksum_is_right).
    ///
    /// # Errors
    /// Fewer than eight bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        Ok(IcmpView { bytes })
    }

    /// The type ([`kind`]).
    #[inline]
    pub fn kind(&self) -> u8 {
        u8_at(self.bytes, 0)
    }

    /// The code.
    #[inline]
    pub fn code(&self) -> u8 {
        u8_at(self.bytes, 1)
    }

    /// Whether the checksum is right.
    #[inline]
    pub fn checksum_is_right(&self) -> bool {
        checksum::is_right(self.bytes)
    }

    /// The second four bytes.
    #[inline]
    pub fn rest(&self) -> [u8; 4] {
        array_at(self.bytes, 4)
    }

    /// The identifier of an echo.
    #[inline]
    pub fn identifier(&self) -> u16 {
        u16_at(self.bytes, 4)
    }

    /// The sequence number of an echo.
    #[inline]
    pub fn sequence(&self) -> u16 {
        u16_at(self.bytes, 6)
    }

    /// What follows.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        from(self.bytes, LENGTH)
    }
}

/// A message's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmp<'a> {
    /// Are you there?
    EchoRequest {
        /// Which asker.
        identifier: u16,
        /// Which of its questions.
        sequence: u16,
        /// What is to come back.
        data: &'a [u8],
    },
    /// I am.
    EchoReply {
        /// Which asker.
        identifier: u16,
        /// Which of its questions.
        sequence: u16,
        /// What came.
        data: &'a [u8],
    },
    /// A packet could not be delivered.
    DestinationUnreachable {
        /// Why ([`mod@unreachable`]).
        code: u8,
        /// The largest packet in bytes that goes on, if fragmentation is needed (RFC 1191); else 0.
        mtu: u16,
        /// The packet.
        packet: &'a [u8],
    },
    /// A packet was forwarded too often (code 0), or its fragments did not all come in time (1).
    TimeExceeded {
        /// Which of the two.
        code: u8,
        /// The packet.
        packet: &'a [u8],
    },
    /// There is a better way.
    Redirect {
        /// For a network (0) or a host (1).
        code: u8,
        /// The better next router.
        gateway: Ipv4Addr,
        /// The packet.
        packet: &'a [u8],
    },
    /// A header is wrong.
    ParameterProblem {
        /// What of it.
        code: u8,
        /// The place in bytes.
        pointer: u8,
        /// The packet.
        packet: &'a [u8],
    },
    /// Any other, or one of the above with a byte set that has no meaning.
    Other {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// The second four bytes.
        rest: [u8; 4],
        /// What follows.
        payload: &'a [u8],
    },
}

impl<'a> Icmp<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// Fewer than eight bytes, or a wrong checksum.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let view = IcmpView::new(bytes)?;
        if !view.checksum_is_right() {
            return Err(Malformed::Checksum);
        }
        let (code, rest, payload) = (view.code(), view.rest(), view.payload());
        let (identifier, sequence) = (view.identifier(), view.sequence());
        Ok(match (view.kind(), code, rest) {
            (kind::ECHO_REQUEST, 0, _) => Icmp::EchoRequest { identifier, sequence, data: payload },
            (kind::ECHO_REPLY, 0, _) => Icmp::EchoReply { identifier, sequence, data: payload },
            (kind::DESTINATION_UNREACHABLE, _, [0, 0, a, b]) => {
                Icmp::DestinationUnreachable { code, mtu: u16::from_be_bytes([a, b]), packet: payload }
            }
            (kind::TIME_EXCEEDED, _, [0, 0, 0, 0]) => Icmp::TimeExceeded { code, packet: payload },
            (kind::REDIRECT, _, gateway) => Icmp::Redirect { code, gateway: gateway.into(), packet: payload },
            (kind::PARAMETER_PROBLEM, _, [pointer, 0, 0, 0]) => {
                Icmp::ParameterProblem { code, pointer, packet: payload }
            }
            (kind, _, _) => Icmp::Other { kind, code, rest, payload },
        })
    }

    /// Type, code, second four bytes, and what follows.
    fn parts(&self) -> (u8, u8, [u8; 4], &'a [u8]) {
        let echo = |identifier: u16, sequence: u16| {
            let ([a, b], [c, d]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
            [a, b, c, d]
        };
        match *self {
            Icmp::EchoRequest { identifier, sequence, data } => {
                (kind::ECHO_REQUEST, 0, echo(identifier, sequence), data)
            }
            Icmp::EchoReply { identifier, sequence, data } => {
                (kind::ECHO_REPLY, 0, echo(identifier, sequence), data)
            }
            Icmp::DestinationUnreachable { code, mtu, packet } => {
                (kind::DESTINATION_UNREACHABLE, code, echo(0, mtu), packet)
            }
            Icmp::TimeExceeded { code, packet } => (kind::TIME_EXCEEDED, code, [0; 4], packet),
            Icmp::Redirect { code, gateway, packet } => (kind::REDIRECT, code, gateway.octets(), packet),
            Icmp::ParameterProblem { code, pointer, packet } => {
                (kind::PARAMETER_PROBLEM, code, [pointer, 0, 0, 0], packet)
            }
            Icmp::Other { kind, code, rest, payload } => (kind, code, rest, payload),
        }
    }

    /// The packet that an error message is about; none for any other message.
    pub fn about(&self) -> Option<&'a [u8]> {
        match *self {
            Icmp::DestinationUnreachable { packet, .. }
            | Icmp::TimeExceeded { packet, .. }
            | Icmp::Redirect { packet, .. }
            | Icmp::ParameterProblem { packet, .. } => Some(packet),
            _ => None,
        }
    }

    /// Bytes that [`emit`](Self::emit) writes: eight and what follows.
    pub fn length(&self) -> usize {
        LENGTH + self.parts().3.len()
    }

    /// Writes the message with its checksum.
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let (kind, code, rest, payload) = self.parts();
        let length = LENGTH + payload.len();
        Writer::new(buffer, length)?.u8(kind).u8(code).u16(0).bytes(&rest).bytes(payload);
        let message = buffer.get_mut(..length)?;
        let sum = checksum::checksum(message);
        put_u16(message, 2, sum);
        Some(length)
    }
}
