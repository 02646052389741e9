//! The hash that chooses a slave (`__bond_xmit_hash`, `__skb_flow_dissect`).
//!
//! A frame is looked at as Linux looks at it: nothing is verified but that the bytes are there, and what is not there
//! makes the policy fall back to addresses. Numbers are those of a little-endian machine.
//!
//! Left out of what `encap2+3` and `encap3+4` see through: PPPoE, MPLS, B.A.T.M.A.N. and TIPC; such frames are hashed by
//! their Ethernet header.

use crate::frame::Tag;
use wire::{ethertype, protocol};

const LAYER34: u8 = 1;
const LAYER23: u8 = 2;
const ENCAP23: u8 = 3;
const ENCAP34: u8 = 4;
const VLAN_SRCMAC: u8 = 5;

/// Bytes of the Ethernet header.
const ETHERNET: usize = 14;
/// Headers that are seen through at most (`MAX_FLOW_DISSECT_HDRS`).
const HEADERS: usize = 15;

/// What a policy looks at.
#[derive(Clone, Copy, Default)]
struct Flow {
    source: u32,
    destination: u32,
    ports: u32,
    /// Type, code and identifier of ICMP.
    icmp: u32,
}

fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.first_chunk().map(|word| u32::from_le_bytes(*word))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.first_chunk().map(|half| u16::from_be_bytes(*half))
}

/// The hash of a frame whose tag, if it was lifted, is `tag`.
pub(super) fn hash(policy: u8, bytes: &[u8], tag: Tag) -> u32 {
    if policy == VLAN_SRCMAC {
        return vlan_and_source(bytes, tag);
    }
    let flow = match policy {
        LAYER34 => plain(bytes, true),
        LAYER23 => plain(bytes, false),
        ENCAP23 | ENCAP34 => encapsulated(bytes),
        _ => None,
    };
    let Some(flow) = flow else { return ethernet(bytes) };
    let first = match policy {
        LAYER23 | ENCAP23 => ethernet(bytes),
        // An identifier of zero is none.
        _ if flow.icmp >> 16 != 0 => flow.icmp,
        _ => flow.ports,
    };
    let mut hash = first ^ flow.destination ^ flow.source;
    hash ^= hash >> 16;
    hash ^= hash >> 8;
    // The lowest bit of ports is often the same.
    if matches!(policy, LAYER34 | ENCAP34) { hash >> 1 } else { hash }
}

fn ethernet(bytes: &[u8]) -> u32 {
    match bytes.get(..ETHERNET) {
        Some(head) => u32::from(head[5] ^ head[11]) ^ u32::from(u16::from_be_bytes([head[12], head[13]])),
        None => 0,
    }
}

fn vlan_and_source(bytes: &[u8], tag: Tag) -> u32 {
    let Some(source) = bytes.get(6..12) else { return 0 };
    let three =
        |at: usize| u32::from(source[at]) << 16 | u32::from(source[at + 1]) << 8 | u32::from(source[at + 2]);
    let vlan = if tag.is_some() { u32::from(tag.tci) } else { 0 };
    vlan ^ three(0) ^ three(3)
}

/// One IP header behind the Ethernet header, and what it carries (`bond_flow_dissect`).
fn plain(bytes: &[u8], wants_ports: bool) -> Option<Flow> {
    let mut flow = Flow::default();
    let kind = half(bytes, 12)?;
    let (at, carried) = addresses(bytes, kind, ETHERNET, &mut flow)?;
    if wants_ports {
        flow.ports = carried.map_or(0, |carried| ports(bytes, at, carried));
    }
    let errors: &[u8] = match carried {
        Some(protocol::ICMP) => &[3, 4, 5, 11, 12],
        Some(protocol::ICMPV6) => &[1, 2, 3, 4],
        _ => return Some(flow),
    };
    flow.icmp = icmp(bytes, at);
    if !errors.contains(&(flow.icmp as u8)) {
        return Some(flow);
    }
    // A complaint goes where the packet goes that it is about.
    let (at, inner) = addresses(bytes, kind, at + 8, &mut flow)?;
    if wants_ports {
        flow.ports = inner.or(carried).map_or(0, |carried| ports(bytes, at, carried));
    }
    Some(flow)
}

/// Reads the addresses of an IP header; gives where its payload begins, and its protocol if the payload begins with
/// that protocol's header (`bond_flow_ip`).
fn addresses(bytes: &[u8], kind: u16, at: usize, flow: &mut Flow) -> Option<(usize, Option<u8>)> {
    match kind {
        ethertype::IPV4 => {
            let (source, destination) = (word(bytes, at + 12)?, word(bytes, at + 16)?);
            (flow.source, flow.destination) = (source, destination);
            let length = usize::from(byte(bytes, at)? & 15) * 4;
            let fragment = half(bytes, at + 6)? & 0x3fff != 0;
            let carried = byte(bytes, at + 9).filter(|_| !fragment);
            Some((at + length, carried))
        }
        ethertype::IPV6 => {
            let four = |at: usize| (0..4).try_fold(0, |sum, part| Some(sum ^ word(bytes, at + part * 4)?));
            let (source, destination) = (four(at + 8)?, four(at + 24)?);
            (flow.source, flow.destination) = (source, destination);
            Some((at + 40, byte(bytes, at + 6)))
        }
        _ => None,
    }
}

/// The ports of a protocol that has some (`__skb_flow_get_ports`).
fn ports(bytes: &[u8], at: usize, carried: u8) -> u32 {
    const DCCP: u8 = 33;
    const UDPLITE: u8 = 136;
    let offset = match carried {
        protocol::TCP | protocol::UDP | DCCP | protocol::ESP | protocol::SCTP | UDPLITE => 0,
        protocol::AUTHENTICATION => 4,
        _ => return 0,
    };
    word(bytes, at + offset).unwrap_or(0)
}

/// Type, code and identifier; where there is none, zero, and one in the place of zero (`skb_flow_get_icmp_tci`).
fn icmp(bytes: &[u8], at: usize) -> u32 {
    let Some(head) = bytes.get(at..at + 8) else { return 0 };
    // Types of ICMP and of ICMPv6 are not told apart.
    let with_identifier = [0, 8, 13, 14, 128, 129];
    let identifier = match u16::from_be_bytes([head[4], head[5]]) {
        _ if !with_identifier.contains(&head[0]) => 0,
        0 => 1,
        identifier => identifier,
    };
    u32::from(head[0]) | u32::from(head[1]) << 8 | u32::from(identifier) << 16
}

/// The innermost IP header behind tags and tunnels.
fn encapsulated(bytes: &[u8]) -> Option<Flow> {
    let mut flow = Flow::default();
    let (mut kind, mut at) = (half(bytes, 12)?, ETHERNET);
    let mut found = false;
    for _ in 0..HEADERS {
        let (behind, carried) = match kind {
            ethertype::VLAN | ethertype::SERVICE_VLAN => {
                kind = half(bytes, at + 2)?;
                at += 4;
                continue;
            }
            ethertype::IPV4 => {
                let (behind, _) = addresses(bytes, kind, at, &mut flow)?;
                // Every fragment but the first has no header behind it.
                let first = half(bytes, at + 6)? & 0x1fff == 0;
                (behind, byte(bytes, at + 9).filter(|_| first && half(bytes, at + 6) < Some(0x2000)))
            }
            ethertype::IPV6 => {
                let (behind, next) = addresses(bytes, kind, at, &mut flow)?;
                extensions(bytes, behind, next?)
            }
            // What has neither addresses nor ports to look for, but is understood.
            ethertype::ARP => return Some(flow),
            _ => return Some(flow).filter(|_| found),
        };
        found = true;
        at = behind;
        kind = match carried {
            Some(protocol::IPIP) => ethertype::IPV4,
            Some(protocol::IPV6) => ethertype::IPV6,
            Some(protocol::GRE) => match generic(bytes, at) {
                Some((behind, inner)) => {
                    at = behind;
                    inner
                }
                None => return Some(flow),
            },
            Some(protocol::ICMP | protocol::ICMPV6) => {
                flow.icmp = icmp(bytes, at);
                return Some(flow);
            }
            carried => {
                flow.ports = carried.map_or(0, |carried| ports(bytes, at, carried));
                return Some(flow);
            }
        };
    }
    Some(flow)
}

/// The way through the extension headers of IPv6.
fn extensions(bytes: &[u8], mut at: usize, mut next: u8) -> (usize, Option<u8>) {
    for _ in 0..HEADERS {
        match next {
            protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION => {
                let Some((following, length)) = byte(bytes, at).zip(byte(bytes, at + 1)) else {
                    return (at, None);
                };
                next = following;
                at += (usize::from(length) + 1) * 8;
            }
            protocol::FRAGMENT => {
                let head = byte(bytes, at).zip(half(bytes, at + 2));
                return (at + 8, head.filter(|(_, offset)| offset & 0xfff9 == 0).map(|(next, _)| next));
            }
            _ => return (at, Some(next)),
        }
    }
    (at, None)
}

/// What a GRE header of version 0 carries, and where that begins.
fn generic(bytes: &[u8], at: usize) -> Option<(usize, u16)> {
    const TRANSPARENT_ETHERNET: u16 = 0x6558;
    let flags = half(bytes, at)?;
    // Routing, and other versions, are not seen through.
    if flags & 0x4007 != 0 {
        return None;
    }
    let mut behind = at + 4;
    for present in [0x8000, 0x2000, 0x1000] {
        behind += if flags & present != 0 { 4 } else { 0 };
    }
    match half(bytes, at + 2)? {
        TRANSPARENT_ETHERNET => Some((behind + ETHERNET, half(bytes, behind + 12)?)),
        kind => Some((behind, kind)),
    }
}
