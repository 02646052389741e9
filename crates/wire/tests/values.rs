//! What is written is read back the same, and what is cut anywhere is refused and not read beyond its end.

use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};
use wire::checksum::{Sum, pseudo_v4};
use wire::geneve::GeneveView;
use wire::icmpv6::Icmpv6View;
use wire::ipv4::Ipv4View;
use wire::ndp::{NdpOption, Options, OptionsBuffer, Prefix, Router};
use wire::stp::{BridgeId, Config};
use wire::{
    Arp, Bpdu, Ethernet, Geneve, Icmp, Icmpv6, Igmp, Ipv4, Ipv6, Malformed, Mld, Ndp, Tag, Udp, Vxlan, igmp,
    mld, vxlan,
};

const A4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const A6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// What `emit` writes to a buffer that is larger; it must refuse every smaller one.
fn written(length: usize, emit: impl Fn(&mut [u8]) -> Option<usize>) -> Vec<u8> {
    let mut buffer = vec![0xaa; length + 3];
    assert_eq!(emit(&mut buffer), Some(length));
    assert_eq!(buffer[length..], [0xaa; 3]);
    for short in 0..length {
        assert_eq!(emit(&mut vec![0; short]), None, "{short} of {length} bytes");
    }
    buffer.truncate(length);
    buffer
}

/// No beginning of these bytes is read.
fn refused_when_cut(bytes: &[u8], is_read: impl Fn(&[u8]) -> bool) {
    for cut in 0..bytes.len() {
        assert!(!is_read(&bytes[..cut]), "{cut} of {} bytes", bytes.len());
    }
}

#[test]
fn arp() {
    let arp = Arp {
        operation: 1,
        sender_mac: [2, 0, 0, 0, 0, 1],
        sender_ip: A4,
        target_mac: [0; 6],
        target_ip: B4,
    };
    let bytes = written(arp.length(), |buffer| arp.emit(buffer));
    assert_eq!(bytes[..8], [0, 1, 8, 0, 6, 4, 0, 1]);
    assert_eq!(Arp::parse(&bytes), Ok(arp));
    refused_when_cut(&bytes, |bytes| Arp::parse(bytes).is_ok());
}

#[test]
fn icmp_messages() {
    let data = &[1, 2, 3, 4, 5][..];
    for message in [
        Icmp::EchoRequest { identifier: 7, sequence: 9, data },
        Icmp::EchoReply { identifier: 7, sequence: 9, data },
        Icmp::DestinationUnreachable { code: 4, mtu: 1400, packet: data },
        Icmp::TimeExceeded { code: 1, packet: data },
        Icmp::Redirect { code: 1, gateway: B4, packet: data },
        Icmp::ParameterProblem { code: 0, pointer: 20, packet: data },
        Icmp::Other { kind: 13, code: 2, rest: [1, 2, 3, 4], payload: data },
    ] {
        let bytes = written(message.length(), |buffer| message.emit(buffer));
        assert_eq!(Icmp::parse(&bytes), Ok(message));
        assert!((0..8).all(|cut| Icmp::parse(&bytes[..cut]) == Err(Malformed::Truncated)));
    }
}

#[test]
fn spanning_tree() {
    let config = Config {
        topology_change: true,
        acknowledged: true,
        root: BridgeId { priority: 0x8000, mac: [2, 0, 0, 0, 0, 1] },
        cost: 100,
        bridge: BridgeId { priority: 0x9000, mac: [2, 0, 0, 0, 0, 2] },
        port: 0x8002,
        message_age: 256,
        max_age: 20 * 256,
        hello_time: 512,
        forward_delay: 15 * 256,
    };
    for bpdu in [Bpdu::Config(config), Bpdu::TopologyChange] {
        let bytes = written(bpdu.length(), |buffer| bpdu.emit(buffer));
        assert_eq!(Bpdu::parse(&bytes), Ok(bpdu));
        refused_when_cut(&bytes, |bytes| Bpdu::parse(bytes).is_ok());
    }
}

#[test]
fn igmp_messages() {
    let mut records = Vec::new();
    for (kind, sources) in
        [(mld::record::TO_EXCLUDE, &[][..]), (mld::record::ALLOW, &[10, 0, 0, 1, 10, 0, 0, 2])]
    {
        let record = igmp::Record { kind, group: Ipv4Addr::new(239, 1, 2, 3), sources };
        records.extend(written(record.length(), |buffer| record.emit(buffer)));
    }
    let group = Ipv4Addr::new(239, 1, 1, 1);
    let v3 = igmp::QueryV3 { suppress: true, robustness: 2, interval: 125, sources: &[10, 0, 0, 1] };
    for message in [
        Igmp::Query { max_response: 0, group: Ipv4Addr::UNSPECIFIED, v3: None },
        Igmp::Query { max_response: 100, group, v3: Some(v3) },
        Igmp::ReportV1 { group },
        Igmp::ReportV2 { group },
        Igmp::Leave { group },
        Igmp::ReportV3 { records: igmp::Records::new(2, &records).unwrap() },
    ] {
        let bytes = written(message.length(), |buffer| message.emit(buffer));
        assert_eq!(Igmp::parse(&bytes), Ok(message));
        refused_when_cut(&bytes, |bytes| Igmp::parse(bytes).is_ok());
    }
    let records = igmp::Records::new(2, &records).unwrap();
    let kinds: Vec<_> =
        records.iter().map(|record| (record.kind, igmp::sources(record.sources).count())).collect();
    assert_eq!(kinds, [(4, 0), (5, 2)]);
}

#[test]
fn mld_messages() {
    let sources = [A6.octets(), B6.octets()].concat();
    let record = mld::Record { kind: mld::record::IS_EXCLUDE, group: B6, sources: &sources };
    let records = written(record.length(), |buffer| record.emit(buffer));
    let v2 = mld::QueryV2 { suppress: false, robustness: 7, interval: 125, sources: &sources };
    for message in [
        Mld::Query { max_response: 10_000, group: Ipv6Addr::UNSPECIFIED, v2: None },
        Mld::Query { max_response: 1000, group: B6, v2: Some(v2) },
        Mld::Report { group: B6 },
        Mld::Done { group: B6 },
        Mld::ReportV2 { records: mld::Records::new(1, &records).unwrap() },
    ] {
        let bytes = written(message.length(), |buffer| message.emit(buffer));
        assert_eq!(Mld::parse(message.kind(), &bytes), Ok(message));
        icmpv6(Icmpv6::Mld(message));
    }
}

fn icmpv6(message: Icmpv6<'_>) {
    let bytes = written(message.length(), |buffer| message.emit(buffer, A6, B6));
    assert_eq!(Icmpv6::parse(&bytes, A6, B6), Ok(message));
    refused_when_cut(&bytes, |bytes| Icmpv6::parse(bytes, A6, B6).is_ok());
}

#[test]
fn icmpv6_messages() {
    let packet = &[1, 2, 3, 4, 5][..];
    icmpv6(Icmpv6::DestinationUnreachable { code: 3, packet });
    icmpv6(Icmpv6::PacketTooBig { mtu: 1280, packet });
    icmpv6(Icmpv6::TimeExceeded { code: 0, packet });
    icmpv6(Icmpv6::ParameterProblem { code: 1, pointer: 6, packet });
    icmpv6(Icmpv6::EchoRequest { identifier: 1, sequence: 2, data: packet });
    icmpv6(Icmpv6::EchoReply { identifier: 1, sequence: 2, data: packet });
    icmpv6(Icmpv6::Other { kind: 200, code: 1, body: packet });
}

#[test]
fn neighbour_discovery() {
    let prefix =
        Prefix { length: 64, on_link: true, autonomous: true, valid: 86400, preferred: u32::MAX, prefix: A6 };
    let buffer = OptionsBuffer::new(&[
        NdpOption::SourceMac([2, 0, 0, 0, 0, 1]),
        NdpOption::TargetMac([2, 0, 0, 0, 0, 2]),
        NdpOption::Prefix(prefix),
        NdpOption::Nonce([1, 2, 3, 4, 5, 6]),
        NdpOption::Mtu(1500),
        NdpOption::Mtu(1280),
    ]);
    let options = buffer.options();
    assert_eq!(options.iter().count(), 5, "the sixth has no room");
    assert_eq!((options.source_mac(), options.nonce()), (Some([2, 0, 0, 0, 0, 1]), Some([1, 2, 3, 4, 5, 6])));
    let router = Router {
        hop_limit: 64,
        managed: true,
        other: false,
        flags: 0x18,
        lifetime: 1800,
        reachable: 1,
        retransmit: 2,
    };
    for options in [options, Options::NONE] {
        icmpv6(Icmpv6::Ndp(Ndp::RouterSolicitation { options }));
        icmpv6(Icmpv6::Ndp(Ndp::RouterAdvertisement { router, options }));
        icmpv6(Icmpv6::Ndp(Ndp::NeighbourSolicitation { target: A6, options }));
        let (router, solicited, replaces) = (true, false, true);
        icmpv6(Icmpv6::Ndp(Ndp::NeighbourAdvertisement { router, solicited, replaces, target: A6, options }));
        icmpv6(Icmpv6::Ndp(Ndp::Redirect { target: A6, destination: B6, options }));
    }
    assert_eq!(Options::new(&[1, 0, 0, 0, 0, 0, 0, 0]), Err(Malformed::Length));
}

#[test]
fn extension_headers_are_walked() {
    // Hop-by-hop with a router alert, a fragment header of a first fragment, UDP.
    let mut payload = wire::ipv6::ROUTER_ALERT.to_vec();
    payload[0] = wire::protocol::FRAGMENT;
    payload.extend([wire::protocol::UDP, 0, 0, 1, 0, 0, 0, 9]);
    payload.extend([0xbe, 0xef]);
    let header = Ipv6 {
        traffic_class: 0xb8,
        flow_label: 0x12345,
        payload_length: payload.len() as u16,
        next_header: wire::protocol::HOP_BY_HOP,
        hop_limit: 1,
        source: A6,
        destination: B6,
    };
    let mut packet = written(header.length(), |buffer| header.emit(buffer));
    packet.extend(&payload);
    assert_eq!(Ipv6::parse(&packet), Ok(header));
    let carried = wire::Ipv6View::new(&packet).unwrap().carried().unwrap();
    assert_eq!((carried.protocol, carried.at, carried.payload), (wire::protocol::UDP, 56, &[0xbe, 0xef][..]));
    assert_eq!((carried.router_alert, carried.fragment.map(|f| f.identification)), (Some(0), Some(9)));
    refused_when_cut(&packet, |bytes| Ipv6::parse(bytes).is_ok());
    // A chain that never ends.
    let mut endless = packet[..40].to_vec();
    endless[6] = wire::protocol::DESTINATION;
    endless[4..6].copy_from_slice(&800u16.to_be_bytes());
    endless.extend([wire::protocol::DESTINATION, 0, 1, 4, 0, 0, 0, 0].repeat(100));
    assert_eq!(wire::Ipv6View::new(&endless).unwrap().carried(), Err(Malformed::TooMany));
}

proptest! {
    #[test]
    fn ethernet_and_tag(destination: [u8; 6], source: [u8; 6], ethertype: u16, tci: u16) {
        let header = Ethernet { destination, source, ethertype };
        let bytes = written(header.length(), |buffer| header.emit(buffer));
        prop_assert_eq!(Ethernet::parse(&bytes), Ok(header));
        let tag = Tag::from_tci(0x88a8, tci);
        prop_assert_eq!(tag.tci(), tci);
        let bytes = written(tag.length(), |buffer| tag.emit(ethertype, buffer));
        prop_assert_eq!(Tag::parse(0x88a8, &bytes), Ok((tag, ethertype)));
    }

    #[test]
    fn ipv4(tos: u8, identification: u16, flags in 0..4u8, offset in 0..0x2000u16, ttl: u8, protocol: u8,
            source: [u8; 4], destination: [u8; 4], payload in prop::collection::vec(any::<u8>(), 0..80)) {
        let header = Ipv4 {
            tos, identification, dont_fragment: flags & 1 == 1, more_fragments: flags & 2 == 2,
            fragment_offset: offset << 3, ttl, protocol, source: source.into(), destination: destination.into(),
            payload_length: payload.len() as u16,
        };
        let mut packet = written(header.length(), |buffer| header.emit(buffer));
        packet.extend(&payload);
        prop_assert_eq!(Ipv4::parse(&packet), Ok(header));
        refused_when_cut(&packet, |bytes| Ipv4::parse(bytes).is_ok());
        let left = wire::ipv4::decrease_ttl(&mut packet);
        prop_assert_eq!(left, ttl.checked_sub(1));
        let view = Ipv4View::new(&packet).unwrap();
        prop_assert!(view.checksum_is_right());
        prop_assert_eq!(view.payload(), &payload[..]);
    }

    #[test]
    fn udp(source_port: u16, destination_port: u16, payload in prop::collection::vec(any::<u8>(), 0..80)) {
        let datagram = Udp { source_port, destination_port, payload: &payload };
        let pseudo = pseudo_v4(A4, B4, wire::protocol::UDP, datagram.length());
        let bytes = written(datagram.length(), |buffer| datagram.emit(buffer, pseudo));
        prop_assert_eq!(Udp::parse(&bytes, pseudo), Ok(datagram));
        refused_when_cut(&bytes, |bytes| Udp::parse(bytes, pseudo).is_ok());
        prop_assert!(wire::UdpView::new(&bytes).unwrap().checksum_is_right(pseudo));
        prop_assert!(Sum::ZERO.with(&bytes).folded() != 0);
    }

    #[test]
    fn an_icmpv6_message_with_its_checksum_set_right_is_written_the_same(
        kind in prop::sample::select(vec![1u8, 2, 3, 4, 128, 129, 130, 131, 132, 133, 135, 143, 200]),
        mut body in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        // Bits that mean nothing are not kept, so what was written is read and written once more.
        if body.len() > 4 { body[..4].fill(0); }
        let mut bytes = vec![kind, 0, 0, 0];
        bytes.extend(&body);
        let Ok(message) = Icmpv6View::new(&bytes).unwrap().content() else { return Ok(()) };
        let once = written(message.length(), |buffer| message.emit(buffer, A6, B6));
        let again = Icmpv6::parse(&once, A6, B6).unwrap();
        prop_assert_eq!(&once, &written(again.length(), |buffer| again.emit(buffer, A6, B6)));
    }
}

#[test]
fn headers_of_tunnels() {
    let header = Vxlan { flags: vxlan::flag::NETWORK, network: 0x12_3456, reserved: 7 };
    let bytes = written(header.length(), |buffer| header.emit(buffer));
    assert_eq!(bytes, [8, 0, 0, 0, 0x12, 0x34, 0x56, 7]);
    assert_eq!(Vxlan::parse(&bytes), Ok(header));
    refused_when_cut(&bytes, |bytes| Vxlan::parse(bytes).is_ok());

    let header = Geneve { oam: true, critical: false, ethertype: 0x6558, network: 0x12_3456 };
    let mut bytes = written(header.length(), |buffer| header.emit(buffer));
    assert_eq!(bytes, [0, 0x80, 0x65, 0x58, 0x12, 0x34, 0x56, 0]);
    assert_eq!(Geneve::parse(&bytes), Ok(header));
    refused_when_cut(&bytes, |bytes| Geneve::parse(bytes).is_ok());
    // Four bytes of options and one of what is carried.
    bytes[..2].copy_from_slice(&[1, 0x40]);
    bytes.extend([1, 2, 3, 4, 5]);
    let view = GeneveView::new(&bytes).unwrap();
    assert_eq!((view.header_length(), view.payload(), view.is_critical()), (12, &[5][..], true));
    refused_when_cut(&bytes[..12], |bytes| GeneveView::new(bytes).is_ok());
    bytes[0] = 0x41;
    assert_eq!(GeneveView::new(&bytes).err(), Some(Malformed::Version));
}
