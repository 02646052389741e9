//! IPv6 (RFC 8200): a header of 40 bytes, extension headers, and what is carried.
//!
//! A view reaches as far as the payload length says; bytes behind it (Ethernet's padding) are no part of the packet.
//! [`Ipv6View::carried`] walks the extension headers, at most [`EXTENSIONS`] of them, to the protocol that is carried.
//! It stops at a fragment that is not the first (there is no header behind it), at ESP and at "no next header".
//!
//! Left out: jumbograms (RFC 2675): a payload length of zero is an empty packet. Options in extension headers are
//! read only for the router alert ([`Carried::router_alert`], RFC 2711), which IGMP's sister MLD needs.

use crate::Malformed;
use crate::bytes::{Writer, array_at, from, u8_at, u16_at, u32_at};
use crate::protocol;
use core::net::Ipv6Addr;

/// Bytes of the header.
pub const LENGTH: usize = 40;
/// Extension headers that are walked at most.
pub const EXTENSIONS: usize = 32;
/// Options of a hop-by-hop header that are looked at at most.
const OPTIONS: usize = 64;
/// The hop-by-hop header with a router alert for MLD and padding, as hosts send it in front of MLD messages; its first
/// byte is what follows: ICMPv6.
pub const ROUTER_ALERT: [u8; 8] = [protocol::ICMPV6, 0, 5, 2, 0, 0, 1, 0];

/// A packet.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6View<'a> {
    bytes: &'a [u8],
}

impl<'a> Ipv6View<'a> {
    /// # Errors
    /// `Truncated`: fewer bytes than a header, or than the payload length says. `Version`: not 6.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        if u8_at(bytes, 0) >> 4 != 6 {
            return Err(Malformed::Version);
        }
        let length = LENGTH + usize::from(u16_at(bytes, 4));
        let bytes = bytes.get(..length).ok_or(Malformed::Truncated)?;
        Ok(Ipv6View { bytes })
    }

    /// DSCP in the upper six bits, ECN in the lower two.
    #[inline]
    pub fn traffic_class(&self) -> u8 {
        (u16_at(self.bytes, 0) >> 4) as u8
    }

    /// The flow label: 20 bits.
    #[inline]
    pub fn flow_label(&self) -> u32 {
        u32_at(self.bytes, 0) & 0xf_ffff
    }

    /// Bytes behind the header.
    #[inline]
    pub fn payload_length(&self) -> usize {
        self.bytes.len() - LENGTH
    }

    /// What is directly behind the header: an extension header or the protocol carried.
    #[inline]
    pub fn next_header(&self) -> u8 {
        u8_at(self.bytes, 6)
    }

    /// How many more routers may forward it.
    #[inline]
    pub fn hop_limit(&self) -> u8 {
        u8_at(self.bytes, 7)
    }

    /// Where it comes from.
    #[inline]
    pub fn source(&self) -> Ipv6Addr {
        array_at::<16>(self.bytes, 8).into()
    }

    /// Where it goes.
    #[inline]
    pub fn destination(&self) -> Ipv6Addr {
        array_at::<16>(self.bytes, 24).into()
    }

    /// What is behind the header, extension headers included.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        from(self.bytes, LENGTH)
    }

    /// Header and payload, without what may lie behind them.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Walks the extension headers to what the packet carries.
    ///
    /// # Errors
    /// `Truncated`: an extension header that does not end within the packet. `TooMany`: more than [`EXTENSIONS`].
    /// `Field`: hop-by-hop options anywhere but in front.
    pub fn carried(&self) -> Result<Carried<'a>, Malformed> {
        let mut found = Carried {
            protocol: self.next_header(),
            at: LENGTH,
            payload: self.payload(),
            fragment: None,
            router_alert: None,
            extensions: 0,
        };
        for number in 0..EXTENSIONS {
            let header = found.payload;
            let length = match found.protocol {
                protocol::HOP_BY_HOP if number > 0 => return Err(Malformed::Field),
                protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION => {
                    8 + usize::from(u8_at(header, 1)) * 8
                }
                protocol::FRAGMENT => 8,
                protocol::AUTHENTICATION => 8 + usize::from(u8_at(header, 1)) * 4,
                _ => return Ok(found),
            };
            if header.len() < length {
                return Err(Malformed::Truncated);
            }
            match found.protocol {
                protocol::HOP_BY_HOP => found.router_alert = router_alert(header.get(2..length)),
                protocol::FRAGMENT => found.fragment = Some(Fragment::read(header)),
                _ => {}
            }
            found.protocol = u8_at(header, 0);
            found.at += length;
            found.payload = from(header, length);
            found.extensions += 1;
            if found.fragment.is_some_and(|fragment| fragment.offset > 0) {
                return Ok(found);
            }
        }
        Err(Malformed::TooMany)
    }
}

/// The value of a router alert option among hop-by-hop options.
fn router_alert(options: Option<&[u8]>) -> Option<u16> {
    const PAD1: u8 = 0;
    const ALERT: u8 = 5;
    let mut rest = options.unwrap_or_default();
    for _ in 0..OPTIONS {
        match *rest {
            [] | [_] => return None,
            [PAD1, ..] => rest = from(rest, 1),
            [ALERT, 2, a, b, ..] => return Some(u16::from_be_bytes([a, b])),
            [_, length, ..] => rest = from(rest, 2 + usize::from(length)),
        }
    }
    None
}

/// What a packet carries, behind its extension headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carried<'a> {
    /// The protocol ([`protocol`]).
    pub protocol: u8,
    /// Where its header lies, in bytes from the packet's beginning.
    pub at: usize,
    /// Its header and payload. Of a fragment that is not the first: a part of the payload.
    pub payload: &'a [u8],
    /// Which fragment the packet is; none if it is whole.
    pub fragment: Option<Fragment>,
    /// The value of a router alert (RFC 2711): 0 for MLD.
    pub router_alert: Option<u16>,
    /// How many extension headers there were.
    pub extensions: usize,
}

/// A fragment header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// Where the part lies in the whole, in bytes; a multiple of 8.
    pub offset: u16,
    /// Whether fragments follow it.
    pub more: bool,
    /// What the fragments of one packet have in common.
    pub identification: u32,
}

impl Fragment {
    fn read(header: &[u8]) -> Fragment {
        let field = u16_at(header, 2);
        Fragment { offset: field & 0xfff8, more: field & 1 == 1, identification: u32_at(header, 4) }
    }

    /// Writes the header, in front of `next_header`: 8 bytes.
    pub fn emit(&self, next_header: u8, buffer: &mut [u8]) -> Option<usize> {
        let field = self.offset & 0xfff8 | u16::from(self.more);
        Writer::new(buffer, 8)?.u8(next_header).u8(0).u16(field).u32(self.identification);
        Some(8)
    }
}

/// The header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6 {
    /// DSCP in the upper six bits, ECN in the lower two.
    pub traffic_class: u8,
    /// The flow label; 20 bits, the rest is not written.
    pub flow_label: u32,
    /// Bytes behind the header.
    pub payload_length: u16,
    /// What is directly behind the header.
    pub next_header: u8,
    /// How many more routers may forward it.
    pub hop_limit: u8,
    /// Where it comes from.
    pub source: Ipv6Addr,
    /// Where it goes.
    pub destination: Ipv6Addr,
}

impl Ipv6 {
    /// Reads the header of a packet.
    ///
    /// # Errors
    /// What [`Ipv6View::new`] says.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let view = Ipv6View::new(bytes)?;
        Ok(Ipv6 {
            traffic_class: view.traffic_class(),
            flow_label: view.flow_label(),
            payload_length: view.payload_length() as u16,
            next_header: view.next_header(),
            hop_limit: view.hop_limit(),
            source: view.source(),
            destination: view.destination(),
        })
    }

    /// Bytes that [`emit`](Self::emit) writes: 40.
    #[inline]
    pub const fn length(&self) -> usize {
        LENGTH
    }

    /// Writes the header; the payload is to follow.
    #[inline]
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let first = 6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label & 0xf_ffff;
        let writer = Writer::new(buffer, LENGTH)?.u32(first).u16(self.payload_length);
        let writer = writer.u8(self.next_header).u8(self.hop_limit);
        writer.bytes(&self.source.octets()).bytes(&self.destination.octets());
        Some(LENGTH)
    }
}

/// Takes one off the hop limit, as a router does; gives what is left. None, and nothing is changed, if it was zero or
/// there is no header.
#[inline]
pub fn decrease_hop_limit(packet: &mut [u8]) -> Option<u8> {
    let header = packet.get_mut(..LENGTH)?;
    header[7] = header[7].checked_sub(1)?;
    Some(header[7])
}

/// The group in which the neighbours of an address are asked for it (RFC 4291, 2.7.1).
#[inline]
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]))
}

/// The lower half of an address as EUI-64 makes it from a hardware address (RFC 4291, appendix A).
#[inline]
pub fn eui64(mac: crate::Mac) -> [u8; 8] {
    let [a, b, c, d, e, f] = mac;
    [a ^ 2, b, c, 0xff, 0xfe, d, e, f]
}
