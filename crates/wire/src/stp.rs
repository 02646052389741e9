//! Spanning tree BPDUs (IEEE 802.1D-1998, 9): configuration and topology change notification.
//!
//! They lie behind an LLC header (42 42 03) in frames whose type is a length.
//!
//! ```text
//! protocol 0 (2) | version 0 | type 0x00 | flags | root (8) | cost (4) | bridge (8) | port (2) |
//!     age | maximum age | hello time | forward delay (2 each, in 1/256 s)                         35 bytes
//! protocol 0 (2) | version 0 | type 0x80                                                          4 bytes
//! ```
//!
//! As Linux does, the protocol and version are not looked at beyond zero: rapid BPDUs (version 2) are not read.

use crate::Malformed;
use crate::bytes::{Writer, array_at, from, u8_at, u16_at, u32_at};
use crate::ethernet::Mac;

/// Where BPDUs go.
pub const GROUP: Mac = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x00];
/// The LLC header in front of a BPDU: both access points 0x42, unnumbered information.
pub const LLC: [u8; 3] = [0x42, 0x42, 0x03];
/// Bytes of a configuration BPDU, without LLC.
pub const CONFIG_LENGTH: usize = 35;
/// Bytes of a topology change notification, without LLC.
pub const CHANGE_LENGTH: usize = 4;
/// Units of the times in a BPDU in a second.
pub const TICKS: u16 = 256;

const CONFIG: u8 = 0x00;
const CHANGE: u8 = 0x80;
const TOPOLOGY_CHANGE: u8 = 0x01;
const ACKNOWLEDGED: u8 = 0x80;

/// A bridge: the less, the better a root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct BridgeId {
    /// The priority.
    pub priority: u16,
    /// The address.
    pub mac: Mac,
}

impl BridgeId {
    fn read(bytes: &[u8], at: usize) -> BridgeId {
        BridgeId { priority: u16_at(bytes, at), mac: array_at(bytes, at + 2) }
    }

    fn write<'a>(&self, writer: Writer<'a>) -> Writer<'a> {
        writer.u16(self.priority).bytes(&self.mac)
    }
}

/// What a configuration BPDU says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// Whether the topology is changing.
    pub topology_change: bool,
    /// Whether a notification of a change was heard.
    pub acknowledged: bool,
    /// Who the sender thinks is the root.
    pub root: BridgeId,
    /// The cost of the sender's way to it.
    pub cost: u32,
    /// The sender.
    pub bridge: BridgeId,
    /// Its port.
    pub port: u16,
    /// How old the news is, in 1/256 s, as are the following.
    pub message_age: u16,
    /// How old it may become.
    pub max_age: u16,
    /// How often the root says it.
    pub hello_time: u16,
    /// How long a port listens, and then learns.
    pub forward_delay: u16,
}

/// A BPDU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bpdu {
    /// How the tree is.
    Config(Config),
    /// That it changed.
    TopologyChange,
}

impl Bpdu {
    /// Reads what is behind a frame's length: LLC and BPDU. Padding behind it is passed over.
    ///
    /// # Errors
    /// `Truncated`: fewer bytes than LLC or BPDU have. `Field`: another LLC or type. `Version`: another protocol or
    /// version.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let body = bytes.get(LLC.len()..).ok_or(Malformed::Truncated)?;
        if !bytes.starts_with(&LLC) {
            return Err(Malformed::Field);
        }
        if body.len() < CHANGE_LENGTH {
            return Err(Malformed::Truncated);
        }
        if u16_at(body, 0) != 0 || u8_at(body, 2) != 0 {
            return Err(Malformed::Version);
        }
        match u8_at(body, 3) {
            CHANGE => Ok(Bpdu::TopologyChange),
            CONFIG if body.len() < CONFIG_LENGTH => Err(Malformed::Truncated),
            CONFIG => Ok(Bpdu::Config(Config::read(from(body, 4)))),
            _ => Err(Malformed::Field),
        }
    }

    /// Bytes that [`emit`](Self::emit) writes, LLC included: what a frame's length field says.
    pub const fn length(&self) -> usize {
        LLC.len()
            + match self {
                Bpdu::Config(_) => CONFIG_LENGTH,
                Bpdu::TopologyChange => CHANGE_LENGTH,
            }
    }

    /// Writes LLC and BPDU.
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let length = self.length();
        let writer = Writer::new(buffer, length)?.bytes(&LLC).u16(0).u8(0);
        match self {
            Bpdu::TopologyChange => writer.u8(CHANGE),
            Bpdu::Config(config) => config.write(writer.u8(CONFIG)),
        };
        Some(length)
    }
}

impl Config {
    fn read(body: &[u8]) -> Config {
        let flags = u8_at(body, 0);
        Config {
            topology_change: flags & TOPOLOGY_CHANGE != 0,
            acknowledged: flags & ACKNOWLEDGED != 0,
            root: BridgeId::read(body, 1),
            cost: u32_at(body, 9),
            bridge: BridgeId::read(body, 13),
            port: u16_at(body, 21),
            message_age: u16_at(body, 23),
            max_age: u16_at(body, 25),
            hello_time: u16_at(body, 27),
            forward_delay: u16_at(body, 29),
        }
    }

    fn write<'a>(&self, writer: Writer<'a>) -> Writer<'a> {
        let change = if self.topology_change { TOPOLOGY_CHANGE } else { 0 };
        let acknowledged = if self.acknowledged { ACKNOWLEDGED } else { 0 };
        let writer = self.root.write(writer.u8(change | acknowledged)).u32(self.cost);
        let writer = self.bridge.write(writer).u16(self.port).u16(self.message_age);
        writer.u16(self.max_age).u16(self.hello_time).u16(self.forward_delay)
    }
}
