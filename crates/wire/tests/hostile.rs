//! No bytes make anything panic: every view and value is made of them, and everything is asked of it.

use proptest::prelude::*;
use std::hint::black_box;
use std::net::Ipv6Addr;
use wire::checksum::{Sum, pseudo_v6};
use wire::*;

/// Everything that can be asked of bytes.
fn ask_everything(bytes: &[u8]) {
    let (a6, b6) = (Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED);
    if let Ok(view) = EthernetView::new(bytes) {
        black_box((view.destination(), view.source(), view.ethertype(), view.payload()));
        assert!(Ethernet::parse(bytes).is_ok());
        black_box((tag::behind_tags(bytes).is_ok(), Tag::parse(0x8100, bytes).is_ok()));
    }
    if let Ok(view) = ArpView::new(bytes) {
        black_box((
            view.operation(),
            view.sender_mac(),
            view.sender_ip(),
            view.target_mac(),
            view.target_ip(),
        ));
    }
    if let Ok(view) = GeneveView::new(bytes) {
        black_box((view.is_oam(), view.is_critical(), view.ethertype(), view.network()));
        assert_eq!(view.header_length() + view.payload().len(), bytes.len());
        assert!(Geneve::parse(bytes).is_ok());
    }
    black_box(Vxlan::parse(bytes).is_ok());
    if let Ok(can) = Can::parse(bytes) {
        let (again, length) = can.emit();
        assert_eq!(Can::parse(&again[..length]), Ok(can));
        black_box((can.data(), can.data_length()));
    }
    ask_ipv4(bytes);
    if let Ok(view) = Ipv6View::new(bytes) {
        black_box((view.traffic_class(), view.flow_label(), view.payload_length(), view.next_header()));
        black_box((view.hop_limit(), view.source(), view.destination(), view.payload(), view.bytes()));
        if let Ok(carried) = view.carried() {
            assert_eq!(&view.bytes()[carried.at..], carried.payload);
            let _ = Icmpv6::parse(carried.payload, view.source(), view.destination());
        }
    }
    if let Ok(view) = IcmpView::new(bytes) {
        black_box((
            view.kind(),
            view.code(),
            view.rest(),
            view.identifier(),
            view.sequence(),
            view.payload(),
        ));
        black_box((view.checksum_is_right(), Icmp::parse(bytes).map(|icmp| (icmp.about(), icmp.length()))).0);
    }
    if let Ok(view) = UdpView::new(bytes) {
        let pseudo = pseudo_v6(a6, b6, protocol::UDP, view.length());
        black_box((
            view.source_port(),
            view.destination_port(),
            view.checksum_is_right(pseudo),
            view.payload(),
        ));
        let _ = Udp::parse(bytes, pseudo);
    }
    ask_icmpv6(bytes, a6, b6);
    if let Ok(Igmp::ReportV3 { records }) = Igmp::parse(bytes) {
        black_box(records.iter().flat_map(|record| igmp::sources(record.sources)).count());
    }
    let _ = black_box(Bpdu::parse(bytes));
    let _ = black_box(Lacpdu::parse(bytes));
    black_box((checksum::checksum(bytes), Sum::ZERO.with(bytes).is_right()));
}

fn ask_ipv4(bytes: &[u8]) {
    if let Ok(view) = Ipv4View::new(bytes) {
        black_box((view.header_length(), view.total_length(), view.tos(), view.identification(), view.ttl()));
        black_box((view.dont_fragment(), view.more_fragments(), view.fragment_offset(), view.is_fragment()));
        black_box((
            view.protocol(),
            view.checksum(),
            view.checksum_is_right(),
            view.source(),
            view.destination(),
        ));
        assert_eq!(view.header().len() + view.payload().len(), view.total_length());
        assert_eq!(view.options().len(), view.header_length() - 20);
    }
    let _ = black_box(Ipv4::parse(bytes));
    let mut own = bytes.to_vec();
    black_box((ipv4::decrease_ttl(&mut own), ipv6::decrease_hop_limit(&mut own)));
    ipv4::fill_checksum(&mut own);
}

fn ask_icmpv6(bytes: &[u8], source: Ipv6Addr, destination: Ipv6Addr) {
    let Ok(view) = Icmpv6View::new(bytes) else { return };
    black_box((view.kind(), view.code(), view.checksum_is_right(source, destination)));
    let Ok(content) = view.content() else { return };
    let mut buffer = vec![0; content.length()];
    assert!(content.emit(&mut buffer, source, destination).is_some());
    black_box(content.about());
    match content {
        Icmpv6::Ndp(ndp) => {
            let options = ndp.options();
            black_box((options.source_mac(), options.target_mac(), options.nonce(), options.iter().count()));
        }
        Icmpv6::Mld(Mld::ReportV2 { records }) => {
            black_box(records.iter().flat_map(|record| mld::sources(record.sources)).count());
        }
        _ => {}
    }
}

/// Bytes whose beginning says something to each protocol, so that more than the first check is reached.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let begin = prop::sample::select(vec![
        vec![0x45],
        vec![0x4f, 0, 0, 70],
        vec![0x60, 0, 0, 0, 0, 24, 0, 64],
        vec![0x60, 0, 0, 0, 0, 100, 60],
        vec![134, 0],
        vec![135, 0],
        vec![143, 0, 0, 0, 0, 0, 0, 2],
        vec![130, 0],
        vec![0x11, 0],
        vec![0x22, 0, 0, 0, 0, 0, 0, 3],
        vec![0x42, 0x42, 3, 0, 0, 0],
        vec![0, 1, 8, 0, 6, 4],
        vec![],
    ]);
    // Small numbers are lengths that fit more often.
    let byte = prop_oneof![0..4u8, any::<u8>()];
    (begin, prop::collection::vec(byte, 0..200)).prop_map(|(mut begin, rest)| {
        begin.extend(rest);
        begin
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        ask_everything(&bytes);
    }

    #[test]
    fn likely_bytes(bytes in likely()) {
        for at in [0, bytes.len() / 2] {
            ask_everything(&bytes[at..]);
        }
    }

    #[test]
    fn igmp_whose_checksum_is_right(mut bytes in likely()) {
        if bytes.len() >= 8 {
            bytes[2..4].fill(0);
            let sum = checksum::checksum(&bytes);
            bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        ask_everything(&bytes);
    }
}

#[test]
fn every_length_of_extremes() {
    for fill in [0x00, 0xff, 0x45, 0x60, 0x81] {
        for length in 0..200 {
            ask_everything(&vec![fill; length]);
        }
    }
}
