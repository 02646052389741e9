//! ICMPv6 (RFC 4443): type, code, checksum, and a body that is the type's.
//!
//! The checksum covers a pseudo header, so reading and writing take the packet's addresses. Neighbour discovery is
//! [`crate::ndp`], multicast listener discovery [`crate::mld`]. A message of theirs that is malformed within is
//! malformed; one of a type that nobody here reads is [`Icmpv6::Other`].

use crate::Malformed;
use crate::bytes::{Writer, array_at, from, put_u16, u8_at, u16_at, u32_at};
use crate::checksum::pseudo_v6;
use crate::mld::Mld;
use crate::ndp::Ndp;
use crate::protocol;
use core::net::Ipv6Addr;

/// Bytes in front of the body.
pub const LENGTH: usize = 4;

/// Types of messages; those of neighbour discovery are in [`crate::ndp::kind`], of listeners in [`crate::mld::kind`].
#[allow(missing_docs)]
pub mod kind {
    pub const DESTINATION_UNREACHABLE: u8 = 1;
    pub const PACKET_TOO_BIG: u8 = 2;
    pub const TIME_EXCEEDED: u8 = 3;
    pub const PARAMETER_PROBLEM: u8 = 4;
    pub const ECHO_REQUEST: u8 = 128;
    pub const ECHO_REPLY: u8 = 129;
}

/// Codes of "destination unreachable".
#[allow(missing_docs)]
pub mod unreachable {
    pub const NO_ROUTE: u8 = 0;
    pub const PROHIBITED: u8 = 1;
    pub const BEYOND_SCOPE: u8 = 2;
    pub const ADDRESS: u8 = 3;
    pub const PORT: u8 = 4;
    pub const SOURCE_POLICY: u8 = 5;
    pub const REJECT: u8 = 6;
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Icmpv6View<'a> {
    bytes: &'a [u8],
}

impl<'a> Icmpv6View<'a> {
    /// # Errors
    /// Fewer than four bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        Ok(Icmpv6View { bytes })
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

    /// Whether the checksum is right for a packet between these addresses.
    #[inline]
    pub fn checksum_is_right(&self, source: Ipv6Addr, destination: Ipv6Addr) -> bool {
        let pseudo = pseudo_v6(source, destination, protocol::ICMPV6, self.bytes.len());
        pseudo.with(self.bytes).is_right()
    }

    /// What is behind the checksum.
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        from(self.bytes, LENGTH)
    }

    /// The message's content, its checksum not looked at.
    ///
    /// # Errors
    /// A body that is not of the type's form.
    pub fn content(&self) -> Result<Icmpv6<'a>, Malformed> {
        Icmpv6::read(self.kind(), self.code(), self.body())
    }
}

/// A message's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmpv6<'a> {
    /// A packet could not be delivered.
    DestinationUnreachable {
        /// Why ([`mod@unreachable`]).
        code: u8,
        /// The packet's beginning.
        packet: &'a [u8],
    },
    /// A packet was too big for the next link.
    PacketTooBig {
        /// The largest that goes on, in bytes.
        mtu: u32,
        /// The packet's beginning.
        packet: &'a [u8],
    },
    /// A packet was forwarded too often (code 0), or its fragments did not all come in time (1).
    TimeExceeded {
        /// Which of the two.
        code: u8,
        /// The packet's beginning.
        packet: &'a [u8],
    },
    /// A header is wrong.
    ParameterProblem {
        /// What of it.
        code: u8,
        /// The place in bytes.
        pointer: u32,
        /// The packet's beginning.
        packet: &'a [u8],
    },
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
    /// Neighbour discovery.
    Ndp(Ndp<'a>),
    /// Multicast listener discovery.
    Mld(Mld<'a>),
    /// Any other, or one of the above with a byte set that has no meaning.
    Other {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// What is behind the checksum.
        body: &'a [u8],
    },
}

impl<'a> Icmpv6<'a> {
    /// Reads a message of a packet between these addresses.
    ///
    /// # Errors
    /// Fewer than four bytes, a wrong checksum, or a body that is not of the type's form.
    pub fn parse(bytes: &'a [u8], source: Ipv6Addr, destination: Ipv6Addr) -> Result<Self, Malformed> {
        let view = Icmpv6View::new(bytes)?;
        if !view.checksum_is_right(source, destination) {
            return Err(Malformed::Checksum);
        }
        view.content()
    }

    fn read(kind: u8, code: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        match kind {
            crate::ndp::kind::ROUTER_SOLICITATION..=crate::ndp::kind::REDIRECT if code == 0 => {
                return Ndp::parse(kind, body).map(Icmpv6::Ndp);
            }
            crate::mld::kind::QUERY..=crate::mld::kind::DONE | crate::mld::kind::REPORT_V2 if code == 0 => {
                return Mld::parse(kind, body).map(Icmpv6::Mld);
            }
            _ => {}
        }
        if body.len() < 4 {
            return match kind {
                kind::DESTINATION_UNREACHABLE..=kind::PARAMETER_PROBLEM
                | kind::ECHO_REQUEST
                | kind::ECHO_REPLY => Err(Malformed::Truncated),
                _ => Ok(Icmpv6::Other { kind, code, body }),
            };
        }
        let (number, packet) = (u32_at(body, 0), from(body, 4));
        let (identifier, sequence) = (u16_at(body, 0), u16_at(body, 2));
        Ok(match (kind, code, number) {
            (kind::DESTINATION_UNREACHABLE, _, 0) => Icmpv6::DestinationUnreachable { code, packet },
            (kind::PACKET_TOO_BIG, 0, mtu) => Icmpv6::PacketTooBig { mtu, packet },
            (kind::TIME_EXCEEDED, _, 0) => Icmpv6::TimeExceeded { code, packet },
            (kind::PARAMETER_PROBLEM, _, pointer) => Icmpv6::ParameterProblem { code, pointer, packet },
            (kind::ECHO_REQUEST, 0, _) => Icmpv6::EchoRequest { identifier, sequence, data: packet },
            (kind::ECHO_REPLY, 0, _) => Icmpv6::EchoReply { identifier, sequence, data: packet },
            _ => Icmpv6::Other { kind, code, body },
        })
    }

    /// The packet that an error message is about; none for any other message.
    pub fn about(&self) -> Option<&'a [u8]> {
        match *self {
            Icmpv6::DestinationUnreachable { packet, .. }
            | Icmpv6::PacketTooBig { packet, .. }
            | Icmpv6::TimeExceeded { packet, .. }
            | Icmpv6::ParameterProblem { packet, .. } => Some(packet),
            _ => None,
        }
    }

    /// Type and code, for those messages whose body is four bytes and what follows, these too.
    fn parts(&self) -> (u8, u8, [u8; 4], &'a [u8]) {
        let echo = |identifier: u16, sequence: u16| {
            (u32::from(identifier) << 16 | u32::from(sequence)).to_be_bytes()
        };
        match *self {
            Icmpv6::DestinationUnreachable { code, packet } => {
                (kind::DESTINATION_UNREACHABLE, code, [0; 4], packet)
            }
            Icmpv6::PacketTooBig { mtu, packet } => (kind::PACKET_TOO_BIG, 0, mtu.to_be_bytes(), packet),
            Icmpv6::TimeExceeded { code, packet } => (kind::TIME_EXCEEDED, code, [0; 4], packet),
            Icmpv6::ParameterProblem { code, pointer, packet } => {
                (kind::PARAMETER_PROBLEM, code, pointer.to_be_bytes(), packet)
            }
            Icmpv6::EchoRequest { identifier, sequence, data } => {
                (kind::ECHO_REQUEST, 0, echo(identifier, sequence), data)
            }
            Icmpv6::EchoReply { identifier, sequence, data } => {
                (kind::ECHO_REPLY, 0, echo(identifier, sequence), data)
            }
            Icmpv6::Ndp(ndp) => (ndp.kind(), 0, [0; 4], &[]),
            Icmpv6::Mld(mld) => (mld.kind(), 0, [0; 4], &[]),
            Icmpv6::Other { kind, code, body } => (kind, code, array_at(body, 0), from(body, 4)),
        }
    }

    /// Bytes that [`emit`](Self::emit) writes.
    pub fn length(&self) -> usize {
        LENGTH
            + match self {
                Icmpv6::Ndp(ndp) => ndp.length(),
                Icmpv6::Mld(mld) => mld.length(),
                Icmpv6::Other { body, .. } => body.len(),
                other => 4 + other.parts().3.len(),
            }
    }

    /// Writes the message with its checksum for a packet between these addresses.
    pub fn emit(&self, buffer: &mut [u8], source: Ipv6Addr, destination: Ipv6Addr) -> Option<usize> {
        let length = self.length();
        let message = buffer.get_mut(..length)?;
        let (kind, code, rest, behind) = self.parts();
        Writer::new(message, LENGTH)?.u8(kind).u8(code).u16(0);
        let body = message.get_mut(LENGTH..)?;
        match self {
            Icmpv6::Ndp(ndp) => ndp.emit(body),
            Icmpv6::Mld(mld) => mld.emit(body),
            Icmpv6::Other { body: bytes, .. } => Writer::new(body, bytes.len()).map(|writer| {
                writer.bytes(bytes);
                bytes.len()
            }),
            _ => Writer::new(body, 4 + behind.len()).map(|writer| {
                writer.bytes(&rest).bytes(behind);
                4 + behind.len()
            }),
        }?;
        let pseudo = pseudo_v6(source, destination, protocol::ICMPV6, length);
        let sum = pseudo.with(message).checksum();
        put_u16(message, 2, sum);
        Some(length)
    }
}
