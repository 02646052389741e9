//! What a tunnel that is a port of a bridge says of a packet that is too large for its way: an error of ICMP in the
//! name of whom the packet was for (`iptunnel_pmtud_check_icmp` and `iptunnel_pmtud_check_icmpv6`).

use crate::frame::FrameId;
use crate::world::World;
use std::net::{Ipv4Addr, Ipv6Addr};
use wire::{Icmp, Icmpv6, Ipv4, Ipv4View, Ipv6, Ipv6View, ethertype, protocol};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// The largest error of ICMP, and the least MTU of which one is told.
const ERROR: usize = 576;
/// The same for IPv6.
const ERROR6: usize = 1280;
/// Bytes of the error in front of what it is about.
const HEADER6: usize = 8;

/// The frame that answers a frame, if it is one that is answered.
pub(crate) fn answer(world: &mut World, frame: FrameId, mtu: u32) -> Option<FrameId> {
    let bytes = world.run.pool.bytes(frame);
    let packet = bytes.get(ETHERNET..)?;
    let kind = u16::from_be_bytes(*bytes.get(12..14)?.first_chunk()?);
    let said = match kind {
        ethertype::IPV4 => answer4(packet, mtu)?,
        ethertype::IPV6 => answer6(packet, mtu)?,
        _ => return None,
    };
    let head = [&bytes[6..12], &bytes[..6], &bytes[12..14]].concat();
    let answer = world.run.pool.frame(&[head, said].concat())?;
    world.run.pool.meta_mut(answer).hops = world.run.pool.meta(frame).hops;
    Some(answer)
}

fn answer4(packet: &[u8], mtu: u32) -> Option<Vec<u8>> {
    let view = Ipv4View::new(packet).ok()?;
    let (source, destination) = (view.source(), view.destination());
    let fragments = view.is_fragment() || !view.dont_fragment();
    let nobody = |address: Ipv4Addr| address.is_multicast() || address.is_broadcast();
    let unlikely = source.is_loopback() || source.octets()[0] == 0 || nobody(source) || nobody(destination);
    let is_error = view.protocol() == protocol::ICMP && is_error(view.payload().first().copied());
    if (mtu as usize) < ERROR || fragments || unlikely || is_error {
        return None;
    }
    let room = ERROR - wire::ipv4::LENGTH - wire::icmp::LENGTH;
    let about = &packet[..packet.len().min(room)];
    use wire::icmp::unreachable::FRAGMENTATION_NEEDED as code;
    let message = Icmp::DestinationUnreachable { code, mtu: mtu.min(0xffff) as u16, packet: about };
    let header = Ipv4 {
        tos: 0,
        identification: 0,
        dont_fragment: true,
        more_fragments: false,
        fragment_offset: 0,
        ttl: view.ttl(),
        protocol: protocol::ICMP,
        source: destination,
        destination: source,
        payload_length: message.length() as u16,
    };
    let mut said = vec![0; wire::ipv4::LENGTH + message.length()];
    header.emit(&mut said);
    message.emit(&mut said[wire::ipv4::LENGTH..]);
    Some(said)
}

/// Whether a message of ICMP is an error.
fn is_error(kind: Option<u8>) -> bool {
    matches!(kind, Some(3 | 4 | 5 | 11 | 12))
}

fn answer6(packet: &[u8], mtu: u32) -> Option<Vec<u8>> {
    let view = Ipv6View::new(packet).ok()?;
    let (source, destination) = (view.source(), view.destination());
    let nobody =
        |address: Ipv6Addr| address.is_unspecified() || address.is_multicast() || address.is_loopback();
    // Errors of ICMPv6 have the upper bit of their number off.
    let is_error =
        view.next_header() == protocol::ICMPV6 && view.payload().first().is_none_or(|kind| kind & 0x80 == 0);
    if (mtu as usize) < ERROR6 || nobody(source) || is_error {
        return None;
    }
    let room = ERROR6 - wire::ipv6::LENGTH - HEADER6;
    let message = Icmpv6::PacketTooBig { mtu, packet: &packet[..packet.len().min(room)] };
    let header = Ipv6 {
        traffic_class: 0,
        flow_label: 0,
        payload_length: message.length() as u16,
        next_header: protocol::ICMPV6,
        hop_limit: view.hop_limit(),
        source: destination,
        destination: source,
    };
    let mut said = vec![0; wire::ipv6::LENGTH + message.length()];
    header.emit(&mut said);
    message.emit(&mut said[wire::ipv6::LENGTH..], destination, source);
    Some(said)
}
