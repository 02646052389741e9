//! The Ethernet header (IEEE 802.3): destination, source, type; 14 bytes, without preamble and check sequence.
//!
//! A type below 1536 is a length: what follows is LLC (see [`crate::stp`]).

use crate::Malformed;
use crate::bytes::{Writer, array_at, from, u16_at};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// The address of everyone.
pub const BROADCAST: Mac = [0xff; 6];
/// Bytes of the header.
pub const LENGTH: usize = 14;

/// Types of what is in a frame (IEEE 802 numbers).
pub mod ethertype {
    /// Below this a type is the length of an LLC payload.
    pub const LEAST: u16 = 0x0600;
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// A tag of IEEE 802.1Q.
    pub const VLAN: u16 = 0x8100;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// Link aggregation control and other slow protocols.
    pub const SLOW: u16 = 0x8809;
    /// A tag of IEEE 802.1ad.
    pub const SERVICE_VLAN: u16 = 0x88a8;
    /// Link layer discovery.
    pub const LLDP: u16 = 0x88cc;
    /// IEEE 802.1AE.
    pub const MACSEC: u16 = 0x88e5;
}

/// Whether an address is of a group: multicast or broadcast.
#[inline]
pub fn is_multicast(mac: &Mac) -> bool {
    mac[0] & 1 == 1
}

/// The group address that stands for an IPv4 group (RFC 1112, 6.4).
#[inline]
pub fn multicast_v4(group: core::net::Ipv4Addr) -> Mac {
    let [_, b, c, d] = group.octets();
    [0x01, 0x00, 0x5e, b & 0x7f, c, d]
}

/// The group address that stands for an IPv6 group (RFC 2464, 7).
#[inline]
pub fn multicast_v6(group: core::net::Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// A frame.
#[derive(Clone, Copy, Debug)]
pub struct EthernetView<'a> {
    bytes: &'a [u8],
}

impl<'a> EthernetView<'a> {
    /// # Errors
    /// Fewer than 14 bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        Ok(EthernetView { bytes })
    }

    /// Where it goes.
    #[inline]
    pub fn destination(&self) -> Mac {
        array_at(self.bytes, 0)
    }

    /// Where it comes from.
    #[inline]
    pub fn source(&self) -> Mac {
        array_at(self.bytes, 6)
    }

    /// What is in it, or how long that is (below [`ethertype::LEAST`]).
    #[inline]
    pub fn ethertype(&self) -> u16 {
        u16_at(self.bytes, 12)
    }

    /// What is behind the header, padding included.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        from(self.bytes, LENGTH)
    }
}

/// The header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ethernet {
    /// Where it goes.
    pub destination: Mac,
    /// Where it comes from.
    pub source: Mac,
    /// What is in it.
    pub ethertype: u16,
}

impl Ethernet {
    /// Reads the header of a frame.
    ///
    /// # Errors
    /// Fewer than 14 bytes.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let view = EthernetView::new(bytes)?;
        Ok(Ethernet { destination: view.destination(), source: view.source(), ethertype: view.ethertype() })
    }

    /// Bytes that [`emit`](Self::emit) writes: 14.
    #[inline]
    pub const fn length(&self) -> usize {
        LENGTH
    }

    /// Writes the header.
    #[inline]
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        Writer::new(buffer, LENGTH)?.bytes(&self.destination).bytes(&self.source).u16(self.ethertype);
        Some(LENGTH)
    }
}
