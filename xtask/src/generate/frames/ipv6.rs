//! IPv6 in a case: addresses beside those of IPv4, and the frames that go with them.
//!
//! Whoever has an address of IPv4 has the same one in IPv6, so that nothing more must be remembered. No address is made
//! by a host itself, none is looked for twice, and nobody asks for routers. The questions of queriers are to be answered
//! at once.

use super::hosts::outside_address;
use super::inject::{Untagged, with_sum};
use super::{Case, Host, Tag};
use std::net::Ipv6Addr;

const ECHO: u8 = 128;
const NEIGHBOUR_QUESTION: u8 = 135;
const NEIGHBOUR_ANSWER: u8 = 136;
const ICMPV6: u8 = 58;
const UDP: u8 = 17;
const FRAGMENT: u8 = 44;
/// A group that nobody is in, and two that hosts are in.
const GROUP: [u8; 16] = group(5, 0x0101);
const ALL_NODES: [u8; 16] = group(2, 1);
const ALL_ROUTERS: [u8; 16] = group(2, 2);

impl Case {
    /// Switches IPv6 off in a namespace, or makes it still.
    pub(super) fn choose_ipv6(&mut self, netns: &str) {
        if !self.ipv6 {
            return self.no_ipv6(netns);
        }
        let place = if netns.is_empty() { String::new() } else { format!("ip netns exec {netns} ") };
        let names = ["addr_gen_mode=1", "accept_ra=0", "router_solicitations=0"];
        let names = names.map(|name| format!("net.ipv6.conf.default.{name}")).join(" ");
        self.run(format!("{place}sysctl -qw {names}"));
    }

    /// The address of IPv6 that goes with one of IPv4.
    pub(super) fn also_ipv6(&mut self, ip: &str, device: &str, address: [u8; 4]) {
        if self.ipv6 {
            self.run(format!("{ip} addr add {}/64 dev {device} nodad", same_in_ipv6(address)));
        }
    }

    /// Something of IPv6 for a host.
    pub(super) fn aimed_by_ipv6(
        &mut self,
        all: &mut Vec<(String, String)>,
        port: usize,
        tags: Vec<Tag>,
        host: &Host,
    ) {
        let from = octets(outside_address(host.ip[2], self.outside[port].port));
        let own = self.outside[port].mac;
        let to = octets(host.ip);
        let (target, body) = match self.rng.below(12) {
            0..3 => {
                let group = group_of(to);
                (group_mac(group), packet(from, group, ICMPV6, 255, &question(from, group, to, own)))
            }
            3 => (host.mac, packet(from, to, ICMPV6, 255, &question(from, to, to, own))),
            4..8 => {
                let size = [8, 56, 200, 1400][self.rng.below(4) as usize];
                let to = octets(self.beyond(host));
                let hops = if self.rng.chance(15) { 1 } else { 64 };
                (host.mac, packet(from, to, ICMPV6, hops, &self.echo6(from, to, size)))
            }
            8 => return self.fragments6(all, port, tags, (from, host)),
            9 => {
                let to = octets(self.beyond(host));
                let (source, target) = (self.rng.below(1 << 16) as u16, self.rng.below(1 << 16) as u16);
                (host.mac, packet(from, to, UDP, 64, &datagram(from, to, source, target)))
            }
            10 => {
                let mut body = packet(from, to, ICMPV6, 64, &self.echo6(from, to, 30));
                // Another version, a length that is not there, another header, or a wrong checksum.
                let at = [0, 4, 6, 42][self.rng.below(4) as usize];
                body[at] ^= 0x40;
                (host.mac, body)
            }
            _ => {
                // Options that are to be skipped, before the question.
                let echo = self.echo6(from, to, 20);
                let options = [&[ICMPV6, 0, 1, 4, 0, 0, 0, 0][..], &echo].concat();
                (host.mac, packet(from, to, 0, 64, &options))
            }
        };
        self.put(all, port, tags, Untagged { target, kind: 0x86dd, body });
    }

    /// A question in two fragments.
    fn fragments6(
        &mut self,
        all: &mut Vec<(String, String)>,
        port: usize,
        tags: Vec<Tag>,
        (from, host): ([u8; 16], &Host),
    ) {
        let to = octets(host.ip);
        let echo = self.echo6(from, to, 120);
        let (first, second) = echo.split_at(64);
        let number = self.rng.below(256) as u8;
        let mut pieces = vec![
            [&[ICMPV6, 0, 0, 1, 0, 0, 0, number][..], first].concat(),
            [&[ICMPV6, 0, 0, 64, 0, 0, 0, number][..], second].concat(),
        ];
        if self.rng.chance(30) {
            pieces.reverse();
        }
        for piece in pieces {
            let body = packet(from, to, FRAGMENT, 64, &piece);
            self.put(all, port, tags.clone(), Untagged { target: host.mac, kind: 0x86dd, body });
        }
    }

    /// Something of IPv6 for anybody.
    pub(super) fn stray_of_ipv6(&mut self, own: [u8; 6], me: [u8; 4], target: [u8; 6]) -> Untagged {
        let from = octets(me);
        let nobody = octets([10, 0, me[2], 99]);
        let (to, next, message) = match self.rng.below(10) {
            0 => {
                let message = answer(from, ALL_NODES, from, own, 0x20);
                (ALL_NODES, ICMPV6, message)
            }
            1 => (group_of(nobody), ICMPV6, question(from, group_of(nobody), nobody, own)),
            2 => (group_of(from), ICMPV6, question([0; 16], group_of(from), from, own)),
            3 => return report(from, true),
            4 => return report(from, false),
            5 => return query(from),
            6..8 => {
                let to = [GROUP, group(2, 0xfb), ALL_NODES][self.rng.below(3) as usize];
                (to, UDP, datagram(from, to, 5353, 5353))
            }
            8 => {
                let to = [ALL_NODES, ALL_ROUTERS][self.rng.below(2) as usize];
                (to, ICMPV6, self.echo6(from, to, 16))
            }
            _ => {
                let body = packet(from, nobody, ICMPV6, 64, &self.echo6(from, nobody, 100));
                return Untagged { target, kind: 0x86dd, body };
            }
        };
        // Only who looks whether an address is free has none.
        let unknown = next == ICMPV6 && message[0] == NEIGHBOUR_QUESTION && message[8..24] == from;
        let from = if unknown { [0; 16] } else { from };
        Untagged { target: group_mac(to), kind: 0x86dd, body: packet(from, to, next, 255, &message) }
    }

    fn echo6(&mut self, from: [u8; 16], to: [u8; 16], size: usize) -> Vec<u8> {
        let number = self.rng.below(65_536) as u16;
        let mut message = vec![ECHO, 0, 0, 0, 0, 7];
        message.extend(number.to_be_bytes());
        message.extend(self.bytes(size));
        summed(from, to, ICMPV6, message, 2)
    }
}

/// The address of IPv6 of whoever has this one of IPv4.
pub(super) fn same_in_ipv6(ip: [u8; 4]) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, u16::from(ip[2]), 0, 0, 0, u16::from(ip[3]))
}

fn octets(ip: [u8; 4]) -> [u8; 16] {
    same_in_ipv6(ip).octets()
}

const fn group(scope: u8, last: u16) -> [u8; 16] {
    let [high, low] = last.to_be_bytes();
    [0xff, scope, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, high, low]
}

/// The group in which neighbours are asked for (RFC 4291, 2.7.1).
fn group_of(address: [u8; 16]) -> [u8; 16] {
    let [.., a, b, c] = address;
    [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]
}

/// The address of a group on the link (RFC 2464, 7).
fn group_mac([.., a, b, c, d]: [u8; 16]) -> [u8; 6] {
    [0x33, 0x33, a, b, c, d]
}

pub(super) fn packet(from: [u8; 16], to: [u8; 16], next: u8, hops: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next, hops]);
    packet.extend(from);
    packet.extend(to);
    packet.extend(payload);
    packet
}

/// A message with its checksum, which covers the addresses too (RFC 8200, 8.1).
pub(super) fn summed(from: [u8; 16], to: [u8; 16], next: u8, message: Vec<u8>, at: usize) -> Vec<u8> {
    let length = (message.len() as u32).to_be_bytes();
    let before = [&from[..], &to, &length, &[0, 0, 0, next]].concat();
    let whole = with_sum([&before[..], &message].concat(), before.len() + at);
    whole[before.len()..].to_vec()
}

/// Who has an address? With the asker's own on the link, if it has one.
fn question(from: [u8; 16], to: [u8; 16], wanted: [u8; 16], own: [u8; 6]) -> Vec<u8> {
    let mut message = [&[NEIGHBOUR_QUESTION, 0, 0, 0, 0, 0, 0, 0][..], &wanted].concat();
    if from != [0; 16] {
        message.extend([1, 1]);
        message.extend(own);
    }
    summed(from, to, ICMPV6, message, 2)
}

fn answer(from: [u8; 16], to: [u8; 16], of: [u8; 16], own: [u8; 6], flags: u8) -> Vec<u8> {
    let head = [NEIGHBOUR_ANSWER, 0, 0, 0, flags, 0, 0, 0];
    summed(from, to, ICMPV6, [&head[..], &of, &[2, 1], &own].concat(), 2)
}

fn datagram(from: [u8; 16], to: [u8; 16], source: u16, target: u16) -> Vec<u8> {
    let [source, target] = [source, target].map(u16::to_be_bytes);
    let mut message = [&source[..], &target, &48u16.to_be_bytes(), &[0, 0]].concat();
    message.resize(48, 0x5a);
    summed(from, to, UDP, message, 6)
}

/// A message of MLD, behind the router alert (RFC 3810, 5).
fn listening(from: [u8; 16], to: [u8; 16], message: Vec<u8>) -> Untagged {
    let message = summed(from, to, ICMPV6, message, 2);
    let payload = [&[ICMPV6, 0, 5, 2, 0, 0, 1, 0][..], &message].concat();
    Untagged { target: group_mac(to), kind: 0x86dd, body: packet(from, to, 0, 1, &payload) }
}

/// Senders of MLD have addresses of the link.
fn of_the_link(mut from: [u8; 16]) -> [u8; 16] {
    from[..2].copy_from_slice(&[0xfe, 0x80]);
    from[7] = 0;
    from
}

/// A report of version 2, or one of version 1.
fn report(from: [u8; 16], second: bool) -> Untagged {
    let from = of_the_link(from);
    if second {
        let message = [&[143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0][..], &GROUP].concat();
        return listening(from, group(2, 0x16), message);
    }
    listening(from, GROUP, [&[131, 0, 0, 0, 0, 0, 0, 0][..], &GROUP].concat())
}

/// Who listens? Of version 2, to be answered at once.
fn query(from: [u8; 16]) -> Untagged {
    let message = [&[130, 0, 0, 0, 0, 0, 0, 0][..], &[0; 16], &[2, 125, 0, 0]].concat();
    listening(of_the_link(from), ALL_NODES, message)
}
