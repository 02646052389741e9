//! Datagrams of UDP between any two hosts, for tests of what carries them.

use std::net::Ipv4Addr;
use wire::{Ipv4, Udp, checksum, protocol};

/// A packet of IPv4 from port 5000 of one host to a port of another, with its checksums.
pub fn datagram([source, destination]: [Ipv4Addr; 2], port: u16, payload: &[u8]) -> Vec<u8> {
    let datagram = Udp { source_port: 5000, destination_port: port, payload };
    let header = Ipv4 {
        tos: 0,
        identification: 1,
        dont_fragment: false,
        more_fragments: false,
        fragment_offset: 0,
        ttl: 64,
        protocol: protocol::UDP,
        source,
        destination,
        payload_length: datagram.length() as u16,
    };
    let mut packet = vec![0; 20 + datagram.length()];
    header.emit(&mut packet);
    let pseudo = checksum::pseudo_v4(source, destination, protocol::UDP, datagram.length());
    datagram.emit(&mut packet[20..], pseudo);
    packet
}
