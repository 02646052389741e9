//! The frames that are put in: ARP, echo, UDP, IGMP and others, right and wrong, tagged and not, to those who are there
//! and to nobody.

use super::hosts::outside_address;
use super::{Case, FRAMES, Host, VIDS, mac};
use crate::oracle::to_hex;

/// The least length of a frame without its checksum.
const SHORTEST: usize = 60;
const GROUP: [u8; 4] = [239, 1, 1, 1];

/// A frame without its tags.
pub(super) struct Untagged {
    pub(super) target: [u8; 6],
    pub(super) kind: u16,
    pub(super) body: Vec<u8>,
}

impl Case {
    /// All frames, in order.
    pub(super) fn frames(&mut self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        // Who asks for listeners makes bridges heed what they know of them.
        if self.rng.chance(40) {
            let port = self.port();
            self.put(&mut all, port, Vec::new(), query(0));
        }
        while all.len() < FRAMES {
            let port = self.port();
            let aimed = self.rng.chance(65);
            let place = self.rng.place(self.hosts.len());
            match place.filter(|_| aimed).map(|place| self.hosts[place].clone()) {
                Some(host) => self.aimed(&mut all, port, &host),
                None => self.stray(&mut all, port),
            }
        }
        all.truncate(FRAMES);
        all
    }

    fn port(&mut self) -> usize {
        self.rng.below(self.outside.len() as u64) as usize
    }

    /// Writes a frame down; now and then its sender is somebody else.
    pub(super) fn put(
        &mut self,
        all: &mut Vec<(String, String)>,
        port: usize,
        tags: Vec<(u16, u16)>,
        frame: Untagged,
    ) {
        let own = self.outside[port].mac;
        let source = match self.rng.below(40) {
            0..3 => mac(0x900 + self.rng.below(4) as u16),
            3 => [1, 0, 0x5e, 0, 0, 9],
            4 => [0; 6],
            _ => own,
        };
        // A tag of 802.1Q may come on top of the largest frame.
        let longest = if tags.first().is_some_and(|tag| tag.0 == 0x8100) { 1518 } else { 1514 };
        let mut bytes = [frame.target, source].concat();
        for (kind, tci) in tags {
            bytes.extend(kind.to_be_bytes());
            bytes.extend(tci.to_be_bytes());
        }
        bytes.extend(frame.kind.to_be_bytes());
        bytes.extend(frame.body);
        bytes.resize(bytes.len().clamp(SHORTEST, longest), 0);
        if let Some(tunnel) = self.tunnel.filter(|tunnel| tunnel.port == self.outside[port].port) {
            if self.rng.chance(85) {
                bytes = tunnel.wrap(&bytes, self.rng.below(1 << 16));
            }
        }
        all.push((self.outside[port].port.to_string(), to_hex(&bytes)));
    }

    /// Something for a host, most times with the tags that lead there.
    fn aimed(&mut self, all: &mut Vec<(String, String)>, port: usize, host: &Host) {
        let from = outside_address(host.ip[2], self.outside[port].port);
        let own = self.outside[port].mac;
        let tags = match self.rng.chance(85) {
            true => host.tags.clone(),
            false => self.tags(),
        };
        if self.ipv6 && self.rng.chance(50) {
            return self.aimed_by_ipv6(all, port, tags, host);
        }
        let frame = match self.rng.below(12) {
            0..3 => Untagged { target: [0xff; 6], kind: 0x0806, body: arp(1, own, from, host.ip) },
            3 => Untagged { target: host.mac, kind: 0x0806, body: arp(1, own, from, host.ip) },
            4..8 => {
                let size = [8, 56, 200, 1400][self.rng.below(4) as usize];
                let to = self.beyond(host);
                let ttl = if self.rng.chance(15) { 1 } else { 64 };
                let body = ipv4(from, to, 1, ttl, 0x4000, &self.echo(size));
                Untagged { target: host.mac, kind: 0x0800, body }
            }
            8 => return self.fragments(all, port, tags, (from, host)),
            9 => {
                // Few of them are for the host itself, which answers each with an error.
                let to = self.beyond(host);
                let ports = [12_345, 7777, self.rng.below(1 << 16) as u16];
                let (source, target) = (self.one(&ports).unwrap_or(1), self.one(&ports).unwrap_or(1));
                let body = ipv4(from, to, 17, 64, 0, &udp(source, target, 40));
                Untagged { target: host.mac, kind: 0x0800, body }
            }
            10 => {
                let mut body = ipv4(from, host.ip, 1, 64, 0, &self.echo(30));
                // A wrong checksum, a length that is not there, or another version.
                let at = [10, 3, 0][self.rng.below(3) as usize];
                body[at] ^= 0x40;
                Untagged { target: host.mac, kind: 0x0800, body }
            }
            _ => Untagged { target: host.mac, kind: 0x88b5, body: self.bytes(50) },
        };
        self.put(all, port, tags, frame);
    }

    /// The address that a packet for a host is for: behind a router somebody else's.
    pub(super) fn beyond(&mut self, host: &Host) -> [u8; 4] {
        if !host.router || self.rng.chance(50) {
            return host.ip;
        }
        let port = self.port();
        outside_address(1 - host.ip[2].min(1), self.outside[port].port)
    }

    /// A question in two fragments.
    fn fragments(
        &mut self,
        all: &mut Vec<(String, String)>,
        port: usize,
        tags: Vec<(u16, u16)>,
        (from, host): ([u8; 4], &Host),
    ) {
        let echo = self.echo(120);
        let (first, second) = echo.split_at(64);
        let mut pieces =
            vec![ipv4(from, host.ip, 1, 64, 0x2000, first), ipv4(from, host.ip, 1, 64, 8, second)];
        if self.rng.chance(30) {
            pieces.reverse();
        }
        for body in pieces {
            self.put(all, port, tags.clone(), Untagged { target: host.mac, kind: 0x0800, body });
        }
    }

    /// Something for anybody.
    fn stray(&mut self, all: &mut Vec<(String, String)>, port: usize) {
        let own = self.outside[port].mac;
        let me = outside_address(self.rng.below(2) as u8, self.outside[port].port);
        let target = self.anybody();
        let tags = self.tags();
        if self.ipv6 && self.rng.chance(50) {
            let frame = self.stray_of_ipv6(own, me, target);
            return self.put(all, port, tags, frame);
        }
        let frame = match self.rng.below(12) {
            0..2 => Untagged { target: [0xff; 6], kind: 0x0806, body: arp(1, own, me, me) },
            2 => Untagged { target: [0xff; 6], kind: 0x0806, body: arp(2, own, me, me) },
            3 => Untagged { target, kind: 0x0806, body: arp(1, own, me, [10, 0, 0, 99]) },
            4 => {
                let body = ipv4(me, [10, 0, me[2], 255], 1, 64, 0, &self.echo(16));
                Untagged { target: [0xff; 6], kind: 0x0800, body }
            }
            5 => report(2, GROUP),
            6 => match self.rng.below(4) {
                0 => query(0),
                1 => leave(GROUP),
                2 => report(3, GROUP),
                _ => report(2, [239, 2, 2, 2]),
            },
            7..9 => {
                let group =
                    [GROUP, [239, 2, 2, 2], [224, 0, 0, 251], [224, 0, 0, 1]][self.rng.below(4) as usize];
                Untagged {
                    target: group_mac(group),
                    kind: 0x0800,
                    body: ipv4(me, group, 17, 1, 0, &udp(12_345, 5353, 30)),
                }
            }
            9 => {
                let size = [1500, 1499, 1401, 1390, 1300][self.rng.below(5) as usize];
                Untagged { target, kind: 0x88b5, body: self.bytes(size) }
            }
            10 => {
                let last = [0, 1, 2, 3, 0xe, 0x21][self.rng.below(6) as usize];
                let target = [1, 0x80, 0xc2, 0, 0, last];
                // LLC's length, or a type.
                let kind = if last == 0 { 38 } else { 0x88cc };
                Untagged { target, kind, body: self.bytes(46) }
            }
            _ => Untagged { target, kind: 0x88b5, body: self.bytes(50) },
        };
        self.put(all, port, tags, frame);
    }

    fn anybody(&mut self) -> [u8; 6] {
        let mut known: Vec<[u8; 6]> =
            vec![mac(0x999), [0xff; 6], [1, 0, 0x5e, 0, 0, 5], [0x33, 0x33, 0, 0, 0, 1]];
        let made = self.made;
        for _ in 0..2 {
            known.extend(self.hosts.iter().map(|host| host.mac));
            known.extend(self.outside.iter().map(|outside| outside.mac));
            known.extend(self.bases.iter().map(|base| base.mac));
            known.push(mac(0x101 + self.rng.below(u64::from(made.max(1))) as u16));
        }
        self.one(&known).unwrap_or([0xff; 6])
    }

    /// Tags of any kind, often none.
    fn tags(&mut self) -> Vec<(u16, u16)> {
        let vid = self.one(&VIDS).unwrap_or(1);
        let other = self.one(&[1, 0, 99, 4095, vid, vid, vid]).unwrap_or(vid);
        let priority = (self.rng.below(16) as u16) << 12;
        match self.rng.below(100) {
            0..35 => vec![(0x8100, other | priority)],
            35..42 => vec![(0x88a8, vid | priority)],
            42..46 => vec![(0x88a8, 11), (0x8100, 12)],
            46..50 => vec![(0x8100, 12), (0x8100, vid)],
            _ => Vec::new(),
        }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.rng.below(256) as u8).collect()
    }

    fn echo(&mut self, size: usize) -> Vec<u8> {
        let number = self.rng.below(65_536) as u16;
        let mut message = vec![8, 0, 0, 0, 0, 7];
        message.extend(number.to_be_bytes());
        message.extend(self.bytes(size));
        with_sum(message, 2)
    }
}

/// The address of a group on the link (RFC 1112, 6.4).
fn group_mac([_, b, c, d]: [u8; 4]) -> [u8; 6] {
    [1, 0, 0x5e, b & 0x7f, c, d]
}

fn arp(operation: u16, mac: [u8; 6], from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let mut body = vec![0, 1, 8, 0, 6, 4];
    body.extend(operation.to_be_bytes());
    body.extend(mac);
    body.extend(from);
    body.extend([0; 6]);
    body.extend(to);
    body
}

/// A packet with these flags and this offset.
fn ipv4(from: [u8; 4], to: [u8; 4], protocol: u8, ttl: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    ipv4_with(from, to, protocol, ttl, fragment, payload, 0)
}

/// The same with a type of service.
pub(super) fn ipv4_with(
    from: [u8; 4],
    to: [u8; 4],
    protocol: u8,
    ttl: u8,
    fragment: u16,
    payload: &[u8],
    tos: u8,
) -> Vec<u8> {
    let mut header = vec![0x45, tos];
    header.extend((20 + payload.len() as u16).to_be_bytes());
    header.extend([0, 1]);
    header.extend(fragment.to_be_bytes());
    header.extend([ttl, protocol, 0, 0]);
    header.extend(from);
    header.extend(to);
    let mut packet = with_sum(header, 10);
    packet.extend(payload);
    packet
}

/// A datagram without a checksum.
fn udp(source: u16, target: u16, size: u16) -> Vec<u8> {
    let mut message = source.to_be_bytes().to_vec();
    message.extend(target.to_be_bytes());
    message.extend((8 + size).to_be_bytes());
    message.extend([0, 0]);
    message.resize(8 + usize::from(size), 0x5a);
    message
}

/// Puts the sum of bytes (RFC 1071) into them.
pub(super) fn with_sum(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    bytes[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    bytes
}

/// A message of IGMP to an address, with the router alert.
fn igmp(to: [u8; 4], message: Vec<u8>) -> Untagged {
    let message = with_sum(message, 2);
    let mut header = vec![0x46, 0xc0];
    header.extend((24 + message.len() as u16).to_be_bytes());
    header.extend([0, 0, 0x40, 0, 1, 2, 0, 0]);
    header.extend([10, 0, 0, 201]);
    header.extend(to);
    header.extend([0x94, 4, 0, 0]);
    let mut body = with_sum(header, 10);
    body.extend(message);
    Untagged { target: group_mac(to), kind: 0x0800, body }
}

/// Who listens? Of version 3, to be answered at once.
fn query(code: u8) -> Untagged {
    igmp([224, 0, 0, 1], vec![0x11, code, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0])
}

fn report(version: u8, group: [u8; 4]) -> Untagged {
    if version == 2 {
        return igmp(group, [&[0x16, 0, 0, 0][..], &group].concat());
    }
    igmp([224, 0, 0, 22], [&[0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0][..], &group].concat())
}

fn leave(group: [u8; 4]) -> Untagged {
    igmp([224, 0, 0, 2], [&[0x17, 0, 0, 0][..], &group].concat())
}
