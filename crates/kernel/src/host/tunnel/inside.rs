//! What is inside a tunnel's packet, as far as the packet's own header depends on it: type of service, time to live,
//! whether it may be cut, and its flow (`include/net/ip_tunnels.h`, `include/net/inet_ecn.h`).
//!
//! A flow is told by addresses, protocol and ports, or by the Ethernet addresses where there is no IP. Linux mixes a
//! number that it draws at its first packet into the hash; ours is the same in every run.

use crate::frame::{FrameId, Pool};
use wire::ethertype;

/// Bytes of the Ethernet header.
const ETHERNET: usize = wire::ethernet::LENGTH;
/// Bytes of a tag.
const TAG: usize = 4;
/// Tags that are looked behind at most (`VLAN_MAX_DEPTH`).
const TAGS: usize = 8;
/// Settings of whether packets may be cut: never; as what is inside says.
const SET: u8 = 1;
const INHERIT: u8 = 2;
/// The two bits of the type of service that tell of congestion (RFC 3168).
pub(crate) const ECN: u8 = 3;
const ECT_0: u8 = 2;
const ECT_1: u8 = 1;
const CONGESTED: u8 = 3;

/// What an outer header may take over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Inside {
    /// The type of service or traffic class; 0 if it is no IP.
    pub tos: u8,
    /// The time to live or hop limit; 0 if it is no IP.
    pub ttl: u8,
    /// It is IPv6, or IPv4 that must not be cut, and bears no tag.
    pub whole: bool,
    /// Bytes in front of what Ethernet carries, tags included.
    pub head: usize,
    /// The type of what Ethernet carries behind the tags.
    pub ethertype: u16,
    /// A hash of its flow.
    pub flow: u32,
}

impl Inside {
    /// What an outer header may take over, as one number.
    #[inline]
    pub(crate) fn taken_over(&self) -> u32 {
        u32::from(self.tos) | u32::from(self.ttl) << 8 | u32::from(self.whole) << 16
    }
}

/// The bits of [`Inside::taken_over`] that it does take over: the type of service or of that only what it says of
/// congestion; the time to live; whether it may be cut, by that setting.
pub(crate) fn taken(tos: bool, ttl: bool, df: u8) -> u32 {
    let tos = if tos { 0xff } else { ECN.into() };
    tos | if ttl { 0xff00 } else { 0 } | if df == INHERIT { 1 << 16 } else { 0 }
}

#[inline]
fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]))
}

#[inline]
fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// Whether a frame carries ARP, behind tags or at once.
#[inline]
pub(crate) fn is_arp(bytes: &[u8]) -> bool {
    let (mut at, mut ethertype) = (12, short(bytes, 12));
    for _ in 0..TAGS {
        if !wire::tag::is_tag(ethertype) {
            break;
        }
        at += 4;
        ethertype = short(bytes, at);
    }
    ethertype == wire::ethertype::ARP
}

/// Puts the lifted tag of a frame back and looks into it where its network header is said to be; none if there is no room
/// for the tag. A vxlan looks so; a geneve first sets the network header behind all tags.
pub(crate) fn insert_tag(pool: &mut Pool, frame: FrameId) -> Option<Inside> {
    let meta = pool.meta(frame);
    let (nested, front) = (meta.nested, if meta.tag.is_some() { ETHERNET + TAG } else { ETHERNET });
    if !pool.insert_tag(frame) {
        return None;
    }
    Some(look_further(pool.bytes(frame), nested.then_some(front)))
}

/// Looks into a frame.
#[inline(always)]
pub(crate) fn look(bytes: &[u8]) -> Inside {
    let ethertype = short(bytes, 12);
    match ethertype {
        ethertype::IPV4 | ethertype::IPV6 => look_further(bytes, None),
        _ if wire::tag::is_tag(ethertype) => look_further(bytes, None),
        _ => Inside { head: ETHERNET, ethertype, flow: flow_of_addresses(bytes), ..Inside::default() },
    }
}

/// Looks into a frame whose network header may be said to be somewhere else than behind its tags: what is taken over is
/// read from there, as Linux does it.
fn look_further(bytes: &[u8], said: Option<usize>) -> Inside {
    let (mut head, mut ethertype) = (ETHERNET, short(bytes, 12));
    for _ in 0..TAGS {
        if !wire::tag::is_tag(ethertype) {
            break;
        }
        (ethertype, head) = (short(bytes, head + 2), head + 4);
    }
    let (untagged, network) = (head == ETHERNET, said.unwrap_or(head));
    match ethertype {
        ethertype::IPV4 => {
            let (tos, ttl) = (byte(bytes, network + 1), byte(bytes, network + 8));
            let whole = untagged && byte(bytes, head + 6) & 0x40 != 0;
            Inside { tos, ttl, whole, head, ethertype, flow: flow4(bytes, head) }
        }
        ethertype::IPV6 => {
            let (tos, ttl) = ((short(bytes, network) >> 4) as u8, byte(bytes, network + 7));
            Inside { tos, ttl, whole: untagged, head, ethertype, flow: flow6(bytes, head) }
        }
        _ => Inside { head, ethertype, flow: flow_of_addresses(bytes), ..Inside::default() },
    }
}

/// Whether routers must not cut a frame's packet: as it is set, or as what is inside says (`VXLAN_DF_*`, `GENEVE_DF_*`).
#[inline]
pub(crate) fn is_whole(df: u8, inside: &Inside) -> bool {
    match df {
        SET => true,
        INHERIT => inside.whole,
        _ => false,
    }
}

/// The type of service of the packet outside (`INET_ECN_encapsulate`): congestion is told by those on its way.
#[inline]
pub(crate) fn outer_tos(tos: u8, inside: u8) -> u8 {
    tos & !ECN | if inside & ECN == CONGESTED { ECT_0 } else { inside & ECN }
}

/// What congestion outside means inside (`INET_ECN_decapsulate`): the frame is changed, or (false) it must be dropped,
/// for it says that nobody would understand.
///
/// Linux takes what follows the Ethernet header for the packet even if that is a tag, and then reads and writes the tag.
#[inline]
pub(crate) fn tell_congestion(outside: u8, frame: &mut [u8]) -> bool {
    if outside & ECN == 0 {
        return true;
    }
    let ethertype = misread_ethertype(frame);
    let tos = match ethertype {
        ethertype::IPV4 => byte(frame, ETHERNET + 1),
        _ => (short(frame, ETHERNET) >> 4) as u8,
    };
    let inside = Inside { tos, head: ETHERNET, ethertype, ..Inside::default() };
    if !matches!(ethertype, ethertype::IPV4 | ethertype::IPV6) {
        return true;
    }
    match (outside & ECN, inside.tos & ECN) {
        (CONGESTED, 0) => return false,
        (CONGESTED, ECT_0 | ECT_1) => mark(frame, &inside, CONGESTED),
        (ECT_1, ECT_0) => mark(frame, &inside, ECT_1),
        _ => {}
    }
    true
}

/// The type of what is inside, as Linux finds it here: behind a tag it looks for it twelve bytes too far on, as if the frame
/// still had the Ethernet header in front (`__vlan_get_protocol`).
fn misread_ethertype(frame: &[u8]) -> u16 {
    let mut ethertype = short(frame, 12);
    let places = (0..TAGS).map(|tag| ETHERNET + 12 + 4 * tag);
    for at in places {
        if !wire::tag::is_tag(ethertype) {
            break;
        }
        ethertype = short(frame, at);
    }
    ethertype
}

/// Puts a mark on the packet in a frame.
fn mark(frame: &mut [u8], inside: &Inside, mark: u8) {
    let Some(packet) = frame.get_mut(inside.head..).filter(|packet| packet.len() >= 20) else { return };
    if inside.ethertype == ethertype::IPV6 {
        packet[1] = packet[1] & !(ECN << 4) | mark << 4;
        return;
    }
    let old = short(packet, 0);
    packet[1] = packet[1] & !ECN | mark;
    let sum = wire::checksum::updated(short(packet, 10), old, short(packet, 0));
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

#[inline]
fn eight(bytes: &[u8], at: usize) -> u64 {
    let eight = bytes.get(at..at + 8).and_then(|bytes| bytes.first_chunk()).copied();
    eight.map_or(0, u64::from_le_bytes)
}

#[inline]
fn mix(hash: u64, more: u64) -> u64 {
    (hash ^ more).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

/// A hash of the flow of a packet of IPv4 that begins there.
fn flow4(bytes: &[u8], head: usize) -> u32 {
    let ports = byte(bytes, head) == 0x45 && short(bytes, head + 6) & 0x3fff == 0;
    let protocol = byte(bytes, head + 9);
    let ports = if ports && matches!(protocol, 6 | 17) { eight(bytes, head + 20) & 0xffff_ffff } else { 0 };
    (mix(mix(u64::from(protocol), eight(bytes, head + 12)), ports) >> 32) as u32
}

/// The same of IPv6.
fn flow6(bytes: &[u8], head: usize) -> u32 {
    let protocol = byte(bytes, head + 6);
    let ports = if matches!(protocol, 6 | 17) { eight(bytes, head + 40) & 0xffff_ffff } else { 0 };
    let addresses = (0..4).fold(u64::from(protocol), |hash, at| mix(hash, eight(bytes, head + 8 + 8 * at)));
    (mix(addresses, ports) >> 32) as u32
}

/// The same of what is no IP: of the Ethernet header.
#[inline]
fn flow_of_addresses(bytes: &[u8]) -> u32 {
    (mix(mix(1, eight(bytes, 0)), eight(bytes, 6)) >> 32) as u32
}

/// The port that a frame's packet comes from, of a range (`udp_flow_src_port`).
#[inline]
pub(crate) fn source_port(inside: &Inside, (least, most): (u16, u16)) -> u16 {
    let hash = u64::from(inside.flow);
    least + ((hash * u64::from(most.saturating_sub(least))) >> 32) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(tos: u8) -> Vec<u8> {
        let mut frame = vec![0; 60];
        frame[12] = 8;
        frame[14..16].copy_from_slice(&[0x45, tos]);
        frame[20..23].copy_from_slice(&[0x40, 0, 9]);
        wire::ipv4::fill_checksum(&mut frame[14..34]);
        frame
    }

    #[test]
    fn congestion_is_told() {
        for (outside, inside, told) in [
            (0, 0, Some(0)),
            (1, 0, Some(0)),
            (3, 0, None),
            (3, 1, Some(3)),
            (3, 2, Some(3)),
            (1, 2, Some(1)),
            (2, 1, Some(1)),
            (0, 3, Some(3)),
        ] {
            let mut bytes = frame(inside);
            let passes = tell_congestion(outside, &mut bytes);
            assert_eq!(passes.then_some(bytes[15]), told, "{outside} {inside}");
            assert!(wire::checksum::is_right(&bytes[14..34]));
        }
        assert_eq!([outer_tos(0xff, 0), outer_tos(0xb8, 3), outer_tos(0, 1)], [0xfc, 0xba, 1]);
    }

    #[test]
    fn every_cut_is_looked_into() {
        let whole = frame(5);
        let inside = look(&whole);
        let flow = inside.flow;
        assert_eq!(inside, Inside { tos: 5, ttl: 9, whole: true, head: 14, ethertype: 0x800, flow });
        let mut tagged = whole.clone();
        tagged.splice(12..12, [0x81, 0, 0, 5]);
        assert_eq!(look(&tagged), Inside { whole: false, head: 18, ..inside });
        for length in 0..60 {
            let inside = look(&whole[..length]);
            let port = source_port(&inside, (5000, 5010));
            assert!((5000..5010).contains(&port));
            tell_congestion(3, &mut whole[..length].to_vec());
        }
    }
}
