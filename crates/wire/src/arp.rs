//! ARP for IPv4 on Ethernet (RFC 826): 28 bytes.
//!
//! ```text
//! hardware 1 | protocol 0x0800 | 6 | 4 | operation | sender MAC, IP | target MAC, IP
//! ```
//!
//! Left out: every other pair of hardware and protocol. Hardware type 6 (IEEE 802) is read as Ethernet, as Linux does,
//! and written as 1.

use crate::Malformed;
use crate::bytes::{Writer, array_at, u8_at, u16_at};
use crate::ethernet::{Mac, ethertype};
use core::net::Ipv4Addr;

/// Who has this address?
pub const REQUEST: u16 = 1;
/// I have it.
pub const REPLY: u16 = 2;
/// Bytes of a packet.
pub const LENGTH: usize = 28;

const ETHERNET: u16 = 1;
const IEEE802: u16 = 6;

/// A packet.
#[derive(Clone, Copy, Debug)]
pub struct ArpView<'a> {
    bytes: &'a [u8],
}

impl<'a> ArpView<'a> {
    /// # Errors
    /// Fewer than 28 bytes, or another hardware or protocol than Ethernet and IPv4.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        let hardware = u16_at(bytes, 0);
        if hardware != ETHERNET && hardware != IEEE802 || u16_at(bytes, 2) != ethertype::IPV4 {
            return Err(Malformed::Field);
        }
        if u8_at(bytes, 4) != 6 || u8_at(bytes, 5) != 4 {
            return Err(Malformed::Length);
        }
        Ok(ArpView { bytes })
    }

    /// [`REQUEST`], [`REPLY`] or another.
    #[inline]
    pub fn operation(&self) -> u16 {
        u16_at(self.bytes, 6)
    }

    /// The sender's hardware address.
    #[inline]
    pub fn sender_mac(&self) -> Mac {
        array_at(self.bytes, 8)
    }

    /// The sender's protocol address.
    #[inline]
    pub fn sender_ip(&self) -> Ipv4Addr {
        array_at::<4>(self.bytes, 14).into()
    }

    /// The target's hardware address; of no meaning in a request.
    #[inline]
    pub fn target_mac(&self) -> Mac {
        array_at(self.bytes, 18)
    }

    /// The target's protocol address.
    #[inline]
    pub fn target_ip(&self) -> Ipv4Addr {
        array_at::<4>(self.bytes, 24).into()
    }
}

/// A packet's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arp {
    /// [`REQUEST`], [`REPLY`] or another.
    pub operation: u16,
    /// The sender's hardware address.
    pub sender_mac: Mac,
    /// The sender's protocol address.
    pub sender_ip: Ipv4Addr,
    /// The target's hardware address; zero in a request.
    pub target_mac: Mac,
    /// The target's protocol address.
    pub target_ip: Ipv4Addr,
}

impl Arp {
    /// Reads a packet.
    ///
    /// # Errors
    /// What [`ArpView::new`] says.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let view = ArpView::new(bytes)?;
        Ok(Arp {
            operation: view.operation(),
            sender_mac: view.sender_mac(),
            sender_ip: view.sender_ip(),
            target_mac: view.target_mac(),
            target_ip: view.target_ip(),
        })
    }

    /// Bytes that [`emit`](Self::emit) writes: 28.
    #[inline]
    pub const fn length(&self) -> usize {
        LENGTH
    }

    /// Writes the packet.
    #[inline]
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let writer = Writer::new(buffer, LENGTH)?;
        let writer = writer.u16(ETHERNET).u16(ethertype::IPV4).u8(6).u8(4).u16(self.operation);
        let writer = writer.bytes(&self.sender_mac).bytes(&self.sender_ip.octets());
        writer.bytes(&self.target_mac).bytes(&self.target_ip.octets());
        Some(LENGTH)
    }
}
