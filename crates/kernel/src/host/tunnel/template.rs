//! The headers of a tunnel's packets over a known way, made once: every packet gets a copy, into which is written what
//! differs from packet to packet (lengths, identification, source port, sums).

use super::send::{HEADER, HEADERS4, HEADERS6, Outer, Way};
use crate::device::DeviceId;
use std::net::IpAddr;
use wire::checksum::{self, Sum};
use wire::{protocol, udp};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// Where the header of UDP begins over IPv4, and over IPv6.
const DATAGRAM4: usize = ETHERNET + wire::ipv4::LENGTH;
const DATAGRAM6: usize = ETHERNET + wire::ipv6::LENGTH;

/// The headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template {
    /// The link that packets leave through.
    pub(super) device: DeviceId,
    pub(super) v4: bool,
    /// Bytes of all headers.
    pub(super) headers: usize,
    /// Datagrams bear a checksum.
    sums: bool,
    /// The bytes of the largest packet that leaves at once, as it is.
    pub(super) most: usize,
    /// As many as there are; what differs from packet to packet is 0.
    bytes: [u8; HEADERS6],
    /// The sum of what stays under the checksum of IPv4's header.
    header: u32,
    /// The sum of what stays under the checksum of the datagram.
    datagram: Sum,
}

impl Template {
    /// Headers of packets that are as these say, as far as they are alike.
    pub(crate) fn new(way: &Way, outer: &Outer) -> Template {
        let pseudo = match (way.source, way.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                checksum::pseudo_v4(source, destination, protocol::UDP, 0)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                checksum::pseudo_v6(source, destination, protocol::UDP, 0)
            }
            _ => Sum::ZERO,
        };
        let mut template = Template {
            device: way.device,
            v4: way.is_ipv4(),
            headers: way.headers(),
            sums: outer.sums,
            most: way.most(),
            bytes: [0; HEADERS6],
            header: 0,
            datagram: pseudo.with_word(outer.port).with(&outer.header),
        };
        template.fit(way, outer);
        template
    }

    /// Makes them those of packets which differ only in what an outer header takes over from what is inside.
    pub(crate) fn fit(&mut self, way: &Way, outer: &Outer) {
        let outer = Outer { source_port: 0, ..*outer };
        way.write(&outer, 0, &mut self.bytes[..way.headers()], &[]);
        let at = if self.v4 { DATAGRAM4 } else { DATAGRAM6 };
        let mut clear = |at: usize| self.bytes[at..at + 2].fill(0);
        clear(at + 4);
        clear(at + 6);
        match self.v4 {
            true => [ETHERNET + 2, ETHERNET + 10].into_iter().for_each(clear),
            false => clear(ETHERNET + 4),
        }
        self.header = Sum::ZERO.with(&self.bytes[ETHERNET..DATAGRAM4]).folded().into();
    }

    /// Writes all headers of a packet in front of what it carries; there is room for just these.
    #[inline(always)]
    pub(super) fn write(&self, source_port: u16, identification: u16, head: &mut [u8], carried: &[u8]) {
        let length = (udp::LENGTH + HEADER + carried.len()) as u16;
        if !self.v4 {
            return self.write6(source_port, length, head, carried);
        }
        let Some(head) = head.first_chunk_mut::<HEADERS4>() else { return };
        head.copy_from_slice(&self.bytes[..HEADERS4]);
        let total = u32::from(length + wire::ipv4::LENGTH as u16);
        let sum = !checksum::folded(self.header + total + u32::from(identification));
        let words = total << 16 | u32::from(identification);
        head[ETHERNET + 2..ETHERNET + 6].copy_from_slice(&words.to_be_bytes());
        head[ETHERNET + 10..ETHERNET + 12].copy_from_slice(&sum.to_be_bytes());
        self.write_datagram(source_port, length, &mut head[DATAGRAM4..], carried);
    }

    #[inline]
    fn write6(&self, source_port: u16, length: u16, head: &mut [u8], carried: &[u8]) {
        let Some(head) = head.first_chunk_mut::<HEADERS6>() else { return };
        *head = self.bytes;
        head[ETHERNET + 4..ETHERNET + 6].copy_from_slice(&length.to_be_bytes());
        self.write_datagram(source_port, length, &mut head[DATAGRAM6..], carried);
    }

    /// Writes into the header of UDP.
    #[inline(always)]
    fn write_datagram(&self, source_port: u16, length: u16, head: &mut [u8], carried: &[u8]) {
        let Some(head) = head.first_chunk_mut::<{ udp::LENGTH }>() else { return };
        let mut sum = 0;
        if self.sums {
            // The length is in the header and in the pseudo header.
            let all = self.datagram.with_word(source_port).with_word(length).with_word(length);
            sum = all.with(carried).checksum();
            sum = if sum == 0 { 0xffff } else { sum };
        }
        head[..2].copy_from_slice(&source_port.to_be_bytes());
        let words = u32::from(length) << 16 | u32::from(sum);
        head[4..].copy_from_slice(&words.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers by the template are those that are written anew for every packet.
    #[test]
    fn copies_are_as_written_anew() {
        for way in [Way::example("10.1.2.3", "10.254.253.252"), Way::example("fd00::1:ffff", "fd00::2")] {
            for packet in 0..400u32 {
                let mixed = packet.wrapping_mul(0x9e37_79b9);
                let [tos, ttl, a, b] = mixed.to_be_bytes();
                let source_port = u16::from_be_bytes([a, b]);
                let common = Outer {
                    tos: 0,
                    ttl: 0,
                    whole: false,
                    label: packet << 13,
                    sums: packet % 3 != 0,
                    source_port: 0,
                    port: 4789 + packet as u16,
                    header: [8, 0, 0, 0, 0, packet as u8, 42, 0],
                };
                let mut template = Template::new(&way, &common);
                let outer = Outer { tos, ttl, whole: packet % 2 == 1, source_port, ..common };
                template.fit(&way, &outer);
                let carried: Vec<u8> =
                    (0..packet * 3).map(|at| (at.wrapping_mul(mixed) >> 7) as u8).collect();
                let (mut anew, mut copied) = ([1; HEADERS6], [2; HEADERS6]);
                let headers = way.headers();
                assert_eq!(template.headers, headers);
                way.write(&outer, source_port ^ 0x5555, &mut anew[..headers], &carried);
                template.write(source_port, source_port ^ 0x5555, &mut copied[..headers], &carried);
                assert_eq!(anew[..headers], copied[..headers], "{packet}");
            }
        }
    }
}
