//! The host stack, through requests as bytes and frames at ports: it answers, forwards, resolves, and takes no harm.

mod common;

use common::*;
use kernel::run::{PortId, PortKind};
use kernel::{Instant, Options, Protocol};
use rtnl::message::{Header, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST};
use rtnl::object::addr::*;
use std::net::Ipv4Addr;
use wire::{Arp, Ethernet, Icmp, Ipv4, Ipv4View, ethertype, protocol};

const OURS: [u8; 6] = [0x52, 0x54, 0, 0, 0, 1];
const THEIRS: [u8; 6] = [0x52, 0x54, 0, 0, 0, 2];

/// A NIC that is up, its cable's far end, and its index.
fn nic(rig: &mut Rig, name: &str, mac: [u8; 6]) -> (PortId, u32) {
    let ifindex = rig.kernel.add_nic(rig.netns, name, mac).expect("room");
    rig.talk(&up(ifindex, true)).expect("nothing refuses");
    let port = rig.kernel.attach_port(rig.netns, ifindex, PortKind::Wire).expect("a free link");
    (port, ifindex)
}

/// Asks for an address of 24 bits.
fn address(ifindex: u32, local: [u8; 4]) -> Vec<u8> {
    let mut out = rtnl::attr::Builder::new();
    let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    let start = out.start(Header { kind: RTM_NEWADDR, flags, seq: 1, pid: 0 });
    Ifaddr { family: 2, prefixlen: 24, ifindex, ..Ifaddr::default() }.encode(&mut out);
    out.put(IFA_LOCAL, &local);
    out.put(IFA_ADDRESS, &local);
    out.finish(start);
    out.bytes
}

fn frame(to: [u8; 6], from: [u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 14];
    Ethernet { destination: to, source: from, ethertype: kind }.emit(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

fn packet(source: [u8; 4], destination: [u8; 4], ttl: u8, number: u8, payload: &[u8]) -> Vec<u8> {
    let header = Ipv4 {
        tos: 0,
        identification: 7,
        dont_fragment: true,
        more_fragments: false,
        fragment_offset: 0,
        ttl,
        protocol: number,
        source: source.into(),
        destination: destination.into(),
        payload_length: payload.len() as u16,
    };
    let mut bytes = vec![0; 20];
    header.emit(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

fn echo(sequence: u16) -> Vec<u8> {
    let message = Icmp::EchoRequest { identifier: 1, sequence, data: b"0123456789abcdef" };
    let mut bytes = vec![0; message.length()];
    message.emit(&mut bytes);
    bytes
}

fn question(target: [u8; 4]) -> Vec<u8> {
    let arp = Arp {
        operation: wire::arp::REQUEST,
        sender_mac: THEIRS,
        sender_ip: [10, 0, 0, 2].into(),
        target_mac: [0; 6],
        target_ip: target.into(),
    };
    let mut bytes = vec![0; 28];
    arp.emit(&mut bytes);
    frame([0xff; 6], THEIRS, ethertype::ARP, &bytes)
}

/// Puts frames in and gives what came out, but for what IPv6 says of its own accord.
fn exchange(rig: &mut Rig, now: u64, port: PortId, frames: &[&[u8]]) -> Vec<Vec<u8>> {
    rig.kernel.input(Instant(now), port, frames).expect("an open port");
    output(rig, port)
}

fn output(rig: &mut Rig, port: PortId) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    rig.kernel.output(port, &mut |bytes| all.push(bytes.to_vec()));
    all.retain(|bytes| bytes[12..14] != [0x86, 0xdd]);
    all
}

#[test]
fn a_host_answers_who_it_is_and_echoes() {
    let mut rig = Rig::new();
    let (port, ifindex) = nic(&mut rig, "e0", OURS);
    rig.talk(&address(ifindex, [10, 0, 0, 1])).expect("nothing refuses");
    assert_eq!(exchange(&mut rig, 0, port, &[&question([10, 0, 0, 9])]), Vec::<Vec<u8>>::new());
    let answers = exchange(&mut rig, 0, port, &[&question([10, 0, 0, 1])]);
    assert_eq!(answers.len(), 1);
    let answer = Arp::parse(&answers[0][14..]).expect("an answer");
    assert_eq!((answer.operation, answer.sender_mac), (wire::arp::REPLY, OURS));
    // Whoever asked is known: the echo goes back at once.
    let ping = packet([10, 0, 0, 2], [10, 0, 0, 1], 64, protocol::ICMP, &echo(3));
    let back = exchange(&mut rig, 0, port, &[&frame(OURS, THEIRS, ethertype::IPV4, &ping)]);
    assert_eq!(back.len(), 1);
    assert_eq!(back[0][..6], THEIRS);
    let view = Ipv4View::new(&back[0][14..]).expect("a packet");
    assert!(view.checksum_is_right());
    assert!(matches!(Icmp::parse(view.payload()), Ok(Icmp::EchoReply { identifier: 1, sequence: 3, .. })));
    // A broken checksum, another's address, and a packet for nobody stay without answer.
    let mut broken = ping.clone();
    broken[10] ^= 1;
    let stray = packet([10, 0, 0, 2], [10, 9, 9, 9], 64, protocol::ICMP, &echo(4));
    for (to, bytes) in [(OURS, &broken), ([0x52, 0x54, 0, 0, 0, 9], &ping), (OURS, &stray)] {
        let frame = frame(to, THEIRS, ethertype::IPV4, bytes);
        assert_eq!(exchange(&mut rig, 0, port, &[&frame]), Vec::<Vec<u8>>::new());
    }
    assert_eq!(rig.kernel.frames_inside(), 0);
}

#[test]
fn a_socket_is_reached_and_its_absence_told() {
    let mut rig = Rig::new();
    let (port, ifindex) = nic(&mut rig, "e0", OURS);
    rig.talk(&address(ifindex, [10, 0, 0, 1])).expect("nothing refuses");
    exchange(&mut rig, 0, port, &[&question([10, 0, 0, 1])]);
    let (from, to) = (Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 1));
    let datagram = wire::Udp { source_port: 5000, destination_port: 53, payload: b"who" };
    let mut bytes = vec![0; datagram.length()];
    let pseudo = wire::checksum::pseudo_v4(from, to, protocol::UDP, bytes.len());
    datagram.emit(&mut bytes, pseudo).expect("room");
    let asked = packet(from.octets(), to.octets(), 64, protocol::UDP, &bytes);
    let asked = frame(OURS, THEIRS, ethertype::IPV4, &asked);
    let told = exchange(&mut rig, 0, port, &[&asked]);
    let view = Ipv4View::new(&told[0][14..]).expect("a packet");
    assert!(matches!(Icmp::parse(view.payload()), Ok(Icmp::DestinationUnreachable { code: 3, .. })));
    let socket = rig.kernel.open_socket(rig.netns, Protocol::Udp).expect("room");
    rig.kernel.set_socket(socket, Options { port: 53, ..Options::default() }).expect("a free port");
    assert_eq!(exchange(&mut rig, 0, port, &[&asked]), Vec::<Vec<u8>>::new());
    let received = rig.kernel.receive_from(socket).expect("a datagram");
    assert_eq!((received.payload.as_slice(), received.from.port()), (&b"who"[..], 5000));
    rig.kernel.send(Instant(0), socket, received.from, b"me").expect("a way");
    assert_eq!(output(&mut rig, port).len(), 1);
}

#[test]
fn a_neighbour_that_does_not_answer_fails_and_what_waits_is_lost() {
    let mut rig = Rig::new();
    let (port, ifindex) = nic(&mut rig, "e0", OURS);
    rig.talk(&address(ifindex, [10, 0, 0, 1])).expect("nothing refuses");
    let socket = rig.kernel.open_socket(rig.netns, Protocol::Udp).expect("room");
    let to = "10.0.0.2:9".parse().expect("an address");
    for _ in 0..150 {
        rig.kernel.send(Instant(0), socket, to, b"x").expect("it waits");
    }
    assert_eq!(output(&mut rig, port).len(), 1, "one question");
    rig.kernel.advance(Instant(2_900_000));
    assert_eq!(output(&mut rig, port).len(), 2, "two more");
    assert_eq!(rig.kernel.frames_inside(), 101, "as many as a queue holds");
    rig.kernel.advance(Instant(3_100_000));
    rig.kernel.output(port, &mut |_| ());
    assert_eq!(rig.kernel.frames_inside(), 0);
}

/// A router between two cables, whose neighbours are known.
fn router(rig: &mut Rig) -> (PortId, PortId) {
    let (left, a) = nic(rig, "e0", OURS);
    let (right, b) = nic(rig, "e1", [0x52, 0x54, 0, 0, 0, 3]);
    rig.talk(&address(a, [10, 0, 0, 1])).expect("nothing refuses");
    rig.talk(&address(b, [10, 1, 0, 1])).expect("nothing refuses");
    rig.kernel.set_sysctl(rig.netns, "net.ipv4.ip_forward", "1").expect("a setting");
    exchange(rig, 0, left, &[&question([10, 0, 0, 1])]);
    let arp = Arp {
        operation: wire::arp::REQUEST,
        sender_mac: THEIRS,
        sender_ip: [10, 1, 0, 2].into(),
        target_mac: [0; 6],
        target_ip: [10, 1, 0, 1].into(),
    };
    let mut bytes = vec![0; 28];
    arp.emit(&mut bytes);
    exchange(rig, 0, right, &[&frame([0xff; 6], THEIRS, ethertype::ARP, &bytes)]);
    (left, right)
}

#[test]
fn a_router_counts_hops_and_allocates_nothing() {
    let mut rig = Rig::new();
    let (left, right) = router(&mut rig);
    let through = packet([10, 0, 0, 2], [10, 1, 0, 2], 9, protocol::ICMP, &echo(1));
    let through = frame(OURS, THEIRS, ethertype::IPV4, &through);
    assert_eq!(exchange(&mut rig, 0, left, &[&through]), Vec::<Vec<u8>>::new());
    let out = output(&mut rig, right);
    let view = Ipv4View::new(&out[0][14..]).expect("a packet");
    assert_eq!((view.ttl(), view.checksum_is_right()), (8, true));
    let batch = [&through[..]; 64];
    for warm in [true, false] {
        let memory = allocation_counter::measure(|| {
            for _ in 0..10 {
                rig.kernel.input(Instant(0), left, &batch).expect("an open port");
                rig.kernel.output(right, &mut |_| ());
            }
        });
        assert!(warm || memory.count_total == 0, "{} allocations", memory.count_total);
    }
    let last = packet([10, 0, 0, 2], [10, 1, 0, 2], 1, protocol::ICMP, &echo(1));
    let told = exchange(&mut rig, 0, left, &[&frame(OURS, THEIRS, ethertype::IPV4, &last)]);
    let view = Ipv4View::new(&told[0][14..]).expect("a packet");
    assert!(matches!(Icmp::parse(view.payload()), Ok(Icmp::TimeExceeded { code: 0, .. })));
    assert_eq!(view.source(), Ipv4Addr::new(10, 0, 0, 1));
}

#[test]
fn no_frame_does_harm() {
    let mut rig = Rig::new();
    let (left, right) = router(&mut rig);
    rig.kernel.set_sysctl(rig.netns, "net.ipv6.conf.all.forwarding", "1").expect("a setting");
    rig.kernel.advance(Instant(3_000_000));
    let six = [
        &[0x60, 0, 0, 0, 0, 24, 58, 255][..],
        &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
        &[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[135, 0, 0, 0, 0, 0, 0, 0],
        &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x50, 0x54, 0, 0xff, 0xfe, 0, 0, 1],
    ]
    .concat();
    let templates = [
        question([10, 0, 0, 1]),
        frame(OURS, THEIRS, ethertype::IPV4, &packet([10, 0, 0, 2], [10, 0, 0, 1], 64, 1, &echo(1))),
        frame(OURS, THEIRS, ethertype::IPV4, &packet([10, 0, 0, 2], [10, 1, 0, 2], 64, 17, &[0; 12])),
        frame([0x33, 0x33, 0, 0, 0, 1], THEIRS, ethertype::IPV6, &six),
    ];
    let mut state: u64 = 1;
    for template in &templates {
        for length in 0..=template.len() {
            rig.kernel.input(Instant(3_000_000), left, &[&template[..length]]).expect("an open port");
        }
        for _ in 0..3000 {
            let mut bytes = template.clone();
            for _ in 0..4 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = 12 + (state >> 40) as usize % (bytes.len() - 12);
                bytes[at] = (state >> 32) as u8;
            }
            rig.kernel.input(Instant(3_000_000), left, &[&bytes]).expect("an open port");
            rig.kernel.output(left, &mut |_| ());
            rig.kernel.output(right, &mut |_| ());
        }
    }
    // Whatever waited for a neighbour is given up, and then nothing is left.
    rig.kernel.advance(Instant(200_000_000));
    rig.kernel.output(left, &mut |_| ());
    rig.kernel.output(right, &mut |_| ());
    assert_eq!(rig.kernel.frames_inside(), 0);
}
