//! The slow protocols of link aggregation (IEEE 802.1AX, 6.4.2 and 6.5.3): LACPDUs and Marker PDUs, behind the
//! Ethernet header.
//!
//! ```text
//! 1 | version 1 | 1, 20: actor | 2, 20: partner | 3, 16: collector | 0, 0 | 50 bytes of nothing
//! actor, partner: system priority, system, key, port priority, port, state, 3 bytes of nothing
//! 2 | version 1 | kind, 22: port, system, transaction, 2 of nothing | 0, 0 | 90 bytes of nothing
//! ```
//!
//! Left out: what other versions add. Types and lengths of the parts are not looked at, as Linux does not: each part
//! has its place.

use crate::Malformed;
use crate::bytes::{Writer, array_at, u8_at, u16_at};
use crate::ethernet::Mac;

/// Where the slow protocols speak.
pub const ADDRESS: Mac = [0x01, 0x80, 0xc2, 0, 0, 0x02];
/// Bytes of a PDU, of either protocol.
pub const LENGTH: usize = 110;
/// The first byte of an LACPDU.
pub const LACP: u8 = 1;
/// The first byte of a Marker PDU.
pub const MARKER: u8 = 2;
/// The byte of a Marker PDU that says what it is.
pub const MARKER_KIND_AT: usize = 2;
/// A marker that is to be answered.
pub const MARKER_INFORMATION: u8 = 1;
/// The answer.
pub const MARKER_RESPONSE: u8 = 2;

/// What a port's state says, one bit a fact.
pub mod state {
    /// It speaks even if its partner does not.
    pub const ACTIVITY: u8 = 1;
    /// It gives its partner up after three seconds, else after ninety.
    pub const SHORT_TIMEOUT: u8 = 1 << 1;
    /// It may be one of several.
    pub const AGGREGATION: u8 = 1 << 2;
    /// It is in the right aggregator.
    pub const SYNCHRONIZATION: u8 = 1 << 3;
    /// It takes frames.
    pub const COLLECTING: u8 = 1 << 4;
    /// It sends frames.
    pub const DISTRIBUTING: u8 = 1 << 5;
    /// It knows nothing of its partner but what it was told by its administrator.
    pub const DEFAULTED: u8 = 1 << 6;
    /// What it knows of its partner is too old.
    pub const EXPIRED: u8 = 1 << 7;
}

/// One end of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Party {
    /// Decides between systems, before [`system`](Self::system).
    pub system_priority: u16,
    /// The system that the port is of.
    pub system: Mac,
    /// Ports of one key may be one.
    pub key: u16,
    /// Decides between ports, before [`port`](Self::port).
    pub port_priority: u16,
    /// The port's number in its system.
    pub port: u16,
    /// See [`state`].
    pub state: u8,
}

impl Party {
    fn read(bytes: &[u8], at: usize) -> Party {
        Party {
            system_priority: u16_at(bytes, at),
            system: array_at(bytes, at + 2),
            key: u16_at(bytes, at + 8),
            port_priority: u16_at(bytes, at + 10),
            port: u16_at(bytes, at + 12),
            state: u8_at(bytes, at + 14),
        }
    }

    fn write<'a>(&self, writer: Writer<'a>) -> Writer<'a> {
        let writer = writer.u16(self.system_priority).bytes(&self.system).u16(self.key);
        writer.u16(self.port_priority).u16(self.port).u8(self.state).bytes(&[0; 3])
    }
}

/// An LACPDU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lacpdu {
    /// The end that speaks.
    pub actor: Party,
    /// What it knows of the other end.
    pub partner: Party,
}

impl Lacpdu {
    /// Reads an LACPDU.
    ///
    /// # Errors
    /// `Truncated`: fewer than 110 bytes. `Field`: another protocol.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        if u8_at(bytes, 0) != LACP {
            return Err(Malformed::Field);
        }
        Ok(Lacpdu { actor: Party::read(bytes, 4), partner: Party::read(bytes, 24) })
    }

    /// Bytes that [`emit`](Self::emit) writes: 110.
    pub const fn length(&self) -> usize {
        LENGTH
    }

    /// Writes the LACPDU, of version 1; the collector's delay is 0.
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let writer = Writer::new(buffer, LENGTH)?.u8(LACP).u8(1);
        let writer = self.actor.write(writer.u8(1).u8(20));
        let writer = self.partner.write(writer.u8(2).u8(20));
        writer.u8(3).u8(16).bytes(&[0; 14 + 2 + 50]);
        Some(LENGTH)
    }
}
