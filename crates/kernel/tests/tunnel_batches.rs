//! Tunnels treat frames the same whether they come one by one or many at once: the same bytes come out, the same is
//! counted and learned. What comes many at once takes the short ways, what comes alone the long ones.

mod common;

use common::speech::{self, ethernet, tagged};
use common::town::{Dice, address};
use common::{Rig, get, new_link, pair, request, up};
use kernel::Instant;
use kernel::run::{PortId, PortKind};
use rtnl::attr::Builder;
use rtnl::kind::{geneve, vxlan};
use rtnl::message::{
    Header, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_REQUEST,
};
use rtnl::object::addr::{IFA_ADDRESS, IFA_LOCAL, Ifaddr, RTM_NEWADDR};
use rtnl::object::link::*;
use rtnl::object::neigh::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{Geneve, Ipv4, Ipv6, Vxlan, checksum, protocol};

const OWN_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const FAR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const TUNNEL_MAC: [u8; 6] = [2, 0, 0, 0, 0, 3];
const NETWORK: u32 = 42;
const AF_BRIDGE: u8 = 7;

fn own(v6: bool) -> IpAddr {
    if v6 {
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1))
    } else {
        Ipv4Addr::new(10, 9, 0, 1).into()
    }
}

/// One of three far ends.
fn far(v6: bool, host: u8) -> IpAddr {
    match v6 {
        true => IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2 + u16::from(host))),
        false => Ipv4Addr::new(10, 9, 0, 2 + host).into(),
    }
}

/// A tunnel to be tried.
#[derive(Clone, Copy, Debug)]
struct Kind {
    name: &'static str,
    v6: bool,
    /// Which settings it has.
    variant: u32,
    /// Its packets come in through a port of a routing domain, which a vxlan hears that was made on that port.
    domain: bool,
}

impl Kind {
    fn new(name: &'static str) -> Kind {
        Kind { name, v6: false, variant: 0, domain: false }
    }
}

fn put(out: &mut Builder, v4: u16, v6: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => out.ipv4(v4, address),
        IpAddr::V6(address) => out.ipv6(v6, address),
    }
}

impl Kind {
    fn port(self) -> u16 {
        if self.name == "vxlan" { 4789 } else { 6081 }
    }

    fn describe(self, out: &mut Builder) {
        let Kind { v6, variant, .. } = self;
        let inherits = variant == 1;
        if self.name == "geneve" {
            use geneve::*;
            out.u32(IFLA_GENEVE_ID, NETWORK);
            put(out, IFLA_GENEVE_REMOTE, IFLA_GENEVE_REMOTE6, far(v6, 0));
            out.u8(IFLA_GENEVE_TOS, [0, 1, 0x10, 0][variant as usize % 4]);
            out.u8(IFLA_GENEVE_TTL_INHERIT, u8::from(inherits));
            out.u8(IFLA_GENEVE_TTL, if inherits { 0 } else { variant as u8 });
            if !v6 {
                out.u8(IFLA_GENEVE_DF, [0, 2, 1, 0][variant as usize % 4]);
            }
            out.u8(IFLA_GENEVE_UDP_CSUM, u8::from(variant != 2));
            out.u8(IFLA_GENEVE_UDP_ZERO_CSUM6_TX, u8::from(variant == 2));
            return out.u8(IFLA_GENEVE_UDP_ZERO_CSUM6_RX, u8::from(variant == 1));
        }
        use vxlan::*;
        out.u32(IFLA_VXLAN_ID, NETWORK);
        put(out, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6, far(v6, 0));
        out.u16_be(IFLA_VXLAN_PORT, self.port());
        out.u8(IFLA_VXLAN_LEARNING, u8::from(variant != 2));
        out.u8(IFLA_VXLAN_TOS, [0, 1, 0x10, 0][variant as usize % 4]);
        if inherits {
            out.put(IFLA_VXLAN_TTL_INHERIT, &[]);
        }
        out.u8(IFLA_VXLAN_TTL, if inherits { 0 } else { variant as u8 });
        if !v6 {
            out.u8(IFLA_VXLAN_DF, [0, 2, 1, 0][variant as usize % 4]);
        }
        out.u8(IFLA_VXLAN_UDP_CSUM, u8::from(variant != 2));
        out.u8(IFLA_VXLAN_UDP_ZERO_CSUM6_TX, u8::from(variant == 2));
        out.u8(IFLA_VXLAN_UDP_ZERO_CSUM6_RX, u8::from(variant == 1));
        if variant == 2 {
            out.put(IFLA_VXLAN_PORT_RANGE, &[0x10, 0, 0x10, 9]);
        }
        if variant == 3 {
            out.u8(IFLA_VXLAN_PROXY, 1);
            out.u8(IFLA_VXLAN_RSC, 1);
            out.u8(IFLA_VXLAN_L2MISS, 1);
        }
    }
}

/// Answers of the kernel, deaths by reason, and frames that were made and handed out.
type State = (Vec<Vec<u8>>, Vec<(&'static str, u64)>, (u64, u64));

/// A host with a cable and a tunnel; ports are the cable's far end, and the tunnel itself.
struct Host {
    rig: Rig,
    ports: [PortId; 2],
}

impl Host {
    fn new(kind: Kind) -> Host {
        let mut rig = Rig::new();
        rig.talk(&pair("u0", "far")).unwrap();
        let (cable, end) = (rig.index("u0"), rig.index("far"));
        rig.talk(&common::change(cable, |out| out.put(IFLA_ADDRESS, &OWN_MAC))).unwrap();
        for link in [cable, end] {
            rig.talk(&up(link, true)).unwrap();
        }
        if kind.domain {
            let named = |out: &mut Builder| out.string(IFLA_IFNAME, b"red");
            rig.talk(&new_link("vrf", named, |out| out.u32(rtnl::kind::vrf::IFLA_VRF_TABLE, 10))).unwrap();
            let red = rig.index("red");
            rig.talk(&up(red, true)).unwrap();
            rig.talk(&common::change(cable, |out| out.u32(IFLA_MASTER, red))).unwrap();
        }
        rig.talk(&address(RTM_NEWADDR, cable, [10, 9, 0, 1])).unwrap();
        rig.talk(&address6(cable)).unwrap();
        for host in 0..3 {
            for v6 in [false, true] {
                rig.talk(&neighbour(cable, far(v6, host))).unwrap();
            }
        }
        let attrs = |out: &mut Builder| {
            out.string(IFLA_IFNAME, b"tunnel");
            out.put(IFLA_ADDRESS, &TUNNEL_MAC);
        };
        let describe = |out: &mut Builder| {
            kind.describe(out);
            if kind.domain {
                out.u32(vxlan::IFLA_VXLAN_LINK, cable);
            }
        };
        rig.talk(&new_link(kind.name, attrs, describe)).unwrap();
        let tunnel = rig.index("tunnel");
        rig.talk(&up(tunnel, true)).unwrap();
        if kind.name == "vxlan" {
            for (mac, hosts) in [(7, &[1][..]), (8, &[2, 0]), (9, &[1])] {
                for host in hosts {
                    let flags = if mac == 9 { NTF_ROUTER } else { 0 };
                    rig.talk(&entry(tunnel, [2, 2, 0, 0, 0, mac], far(kind.v6, *host), flags)).unwrap();
                }
            }
            rig.talk(&entry(tunnel, [0; 6], far(kind.v6, 2), 0)).unwrap();
        }
        let mut attach = |link| rig.kernel.attach_port(rig.netns, link, PortKind::Owner).unwrap();
        let ports = [attach(end), attach(tunnel)];
        Host { rig, ports }
    }

    /// Everything that came out, at both ports.
    fn came_out(&mut self) -> [Vec<Vec<u8>>; 2] {
        self.ports.map(|port| {
            let mut frames = Vec::new();
            self.rig.kernel.output(port, &mut |frame| frames.push(frame.to_vec()));
            frames
        })
    }

    /// Everything that can be seen of the host: links with their counters, entries, deaths.
    fn state(&mut self) -> State {
        let mut seen = Vec::new();
        for name in ["u0", "far", "tunnel", "red"] {
            seen.extend(self.rig.ask(&get(name)));
        }
        let mut out = Builder::new();
        let flags = NLM_F_REQUEST | NLM_F_DUMP;
        let start = out.start(Header { kind: RTM_GETNEIGH, flags, seq: 1, pid: 0 });
        Ndmsg { family: AF_BRIDGE, ..Ndmsg::default() }.encode(&mut out);
        out.finish(start);
        seen.extend(self.rig.ask(&out.bytes));
        (seen, self.rig.kernel.drops(), self.rig.kernel.tally())
    }
}

fn address6(ifindex: u32) -> Vec<u8> {
    let mut out = Builder::new();
    let start = out.start(Header {
        kind: RTM_NEWADDR,
        flags: NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE,
        seq: 1,
        pid: 0,
    });
    // Nobody is asked whether he has it too.
    Ifaddr { family: 10, prefixlen: 64, flags: 2, ifindex, ..Ifaddr::default() }.encode(&mut out);
    put(&mut out, 0, IFA_LOCAL, own(true));
    put(&mut out, 0, IFA_ADDRESS, own(true));
    out.finish(start);
    out.bytes
}

fn neighbour(ifindex: u32, address: IpAddr) -> Vec<u8> {
    let family = if address.is_ipv4() { 2 } else { 10 };
    let head = Ndmsg { family, ifindex, state: NUD_PERMANENT, ..Ndmsg::default() };
    neigh(NLM_F_CREATE, head, FAR_MAC, address)
}

fn entry(ifindex: u32, mac: [u8; 6], remote: IpAddr, flags: u8) -> Vec<u8> {
    let (family, flags) = (AF_BRIDGE, NTF_SELF | flags);
    let head = Ndmsg { family, ifindex, state: NUD_PERMANENT, flags, ..Ndmsg::default() };
    neigh(NLM_F_CREATE | NLM_F_APPEND, head, mac, remote)
}

fn neigh(mode: u16, head: Ndmsg, mac: [u8; 6], address: IpAddr) -> Vec<u8> {
    let mut out = Builder::new();
    let flags = NLM_F_REQUEST | NLM_F_ACK | mode;
    let start = out.start(Header { kind: RTM_NEWNEIGH, flags, seq: 1, pid: 0 });
    head.encode(&mut out);
    put(&mut out, NDA_DST, NDA_DST, address);
    out.put(NDA_LLADDR, &mac);
    out.finish(start);
    out.bytes
}

/// What may be inside a tunnel: frames between a few hosts on both sides, most of them usual.
fn inside(dice: &mut Dice, back: bool) -> Vec<u8> {
    let near = [2, 1, 0, 0, 0, dice.roll(6) as u8];
    let far = [2, 2, 0, 0, 0, dice.roll(12) as u8];
    let (mut to, mut from) = if back { (near, far) } else { (far, near) };
    match dice.roll(20) {
        0 => to = [0xff; 6],
        1 => to[0] = 3,
        2 => from = TUNNEL_MAC,
        3 => from = [0; 6],
        _ => {}
    }
    let payload = vec![0x11; dice.roll(90)];
    let (kind, body) = match dice.roll(10) {
        0..5 => {
            let fragment = [0, 0x4000, 0x2000][dice.roll(3)];
            let datagram = speech::udp(dice.roll(9) as u16, &payload);
            let mut packet = speech::ipv4([10, 0, 0, 1], 17, dice.roll(70) as u8, fragment, &datagram);
            packet[1] = [0, 0, 1, 2, 3, 0x12][dice.roll(6)];
            wire::ipv4::fill_checksum(&mut packet);
            (0x0800, packet)
        }
        5 => (0x86dd, speech::ipv6(speech::IP6, 17, 9, &speech::udp(8, &payload))),
        6 => (0x0806, payload),
        _ => (0x88b5, payload),
    };
    let mut frame = ethernet(to, kind, &body);
    frame[6..12].copy_from_slice(&from);
    match dice.roll(24) {
        0 => frame = tagged(&frame, 0x8100, 7),
        1 => frame = tagged(&tagged(&frame, 0x8100, 7), 0x88a8, 9),
        2 => frame.truncate(14 + dice.roll(20)),
        3 => frame.resize(1400 + dice.roll(120), 7),
        _ => {}
    }
    frame
}

/// The packet of a far end around a frame, most often as it should be.
fn wrapped(dice: &mut Dice, kind: Kind) -> Vec<u8> {
    let carried = inside(dice, true);
    let mut payload = vec![0; 8];
    let network = if dice.roll(30) == 0 { NETWORK + 1 } else { NETWORK };
    if kind.name == "vxlan" {
        let flags = if dice.roll(40) == 0 { 0 } else { wire::vxlan::flag::NETWORK };
        let reserved = u8::from(dice.roll(40) == 0);
        Vxlan { flags, network, reserved }.emit(&mut payload);
    } else {
        let ethertype = if dice.roll(40) == 0 { 0x0800 } else { wire::geneve::ETHERNET };
        let critical = dice.roll(40) == 0;
        Geneve { oam: false, critical, ethertype, network }.emit(&mut payload);
        if dice.roll(10) == 0 {
            payload[0] |= 1;
            payload.extend([0; 4]);
        }
    }
    payload.extend(carried);
    let port = if dice.roll(40) == 0 { 9 } else { kind.port() };
    let (from, to) = (far(kind.v6, [0, 0, 0, 1][dice.roll(4)]), own(kind.v6));
    let tos = [0, 0, 0, 0, 1, 2, 3, 0x10][dice.roll(8)];
    let datagram = datagram(dice, (from, to), port, &payload);
    let packet = packet(dice, (from, to), tos, &datagram);
    let mac = if dice.roll(40) == 0 { TUNNEL_MAC } else { OWN_MAC };
    let mut frame = ethernet(mac, if kind.v6 { 0x86dd } else { 0x0800 }, &packet);
    match dice.roll(60) {
        0 => frame.extend([0; 9]),
        1 => frame.truncate(frame.len() - 3),
        2 => frame = tagged(&frame, 0x8100, 0),
        3 => frame = tagged(&frame, 0x8100, 5),
        _ => {}
    }
    frame
}

fn datagram(dice: &mut Dice, ends: (IpAddr, IpAddr), port: u16, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len();
    let said = (length - usize::from(dice.roll(60) == 0)) as u16;
    let head = [5000 + dice.roll(3) as u16, port, said, 0].map(u16::to_be_bytes).concat();
    let mut bytes = [head, payload.to_vec()].concat();
    let pseudo = match ends {
        (IpAddr::V4(from), IpAddr::V4(to)) => checksum::pseudo_v4(from, to, protocol::UDP, said.into()),
        (IpAddr::V6(from), IpAddr::V6(to)) => checksum::pseudo_v6(from, to, protocol::UDP, said.into()),
        _ => unreachable!("both of one family"),
    };
    let sum = match dice.roll(5) {
        0 => 0,
        _ => pseudo.with(&bytes[..said as usize]).checksum() ^ u16::from(dice.roll(30) == 0),
    };
    bytes[6..8].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn packet(dice: &mut Dice, ends: (IpAddr, IpAddr), tos: u8, datagram: &[u8]) -> Vec<u8> {
    let payload_length = datagram.len() as u16;
    let mut header = vec![0; if ends.0.is_ipv4() { 20 } else { 40 }];
    match ends {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Ipv4 {
                tos,
                identification: 1,
                dont_fragment: dice.roll(2) == 0,
                more_fragments: dice.roll(40) == 0,
                fragment_offset: 0,
                ttl: 1 + dice.roll(64) as u8,
                protocol: protocol::UDP,
                source,
                destination,
                payload_length,
            }
            .emit(&mut header);
            match dice.roll(40) {
                0 => header[10] ^= 1,
                1 => {
                    // An option that means nothing.
                    header[0] += 1;
                    header[2..4].copy_from_slice(&(payload_length + 24).to_be_bytes());
                    header.extend([1; 4]);
                    wire::ipv4::fill_checksum(&mut header);
                }
                _ => {}
            }
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let (flow_label, hop_limit) = (dice.roll(99) as u32, 9);
            let header6 = Ipv6 {
                traffic_class: tos,
                flow_label,
                payload_length,
                next_header: protocol::UDP,
                hop_limit,
                source,
                destination,
            };
            header6.emit(&mut header);
        }
        _ => unreachable!("both of one family"),
    }
    [header, datagram.to_vec()].concat()
}

/// What else comes in by the cable.
fn other(dice: &mut Dice) -> Vec<u8> {
    match dice.roll(3) {
        0 => ethernet(OWN_MAC, 0x0800, &speech::ipv4([10, 9, 0, 1], 1, 64, 0, &speech::echo(20))),
        1 => {
            let question = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &FAR_MAC, &[10, 9, 0, 2], &[0; 6], &[10, 9, 0, 1]];
            ethernet(speech::ALL, 0x0806, &question.concat())
        }
        _ => ethernet(OWN_MAC, 0x88b5, &[0; 40]),
    }
}

fn compare(kind: Kind, seed: u64) {
    let mut dice = Dice(seed * 0x9e37_79b9 + 1);
    let (mut together, mut alone) = (Host::new(kind), Host::new(kind));
    let mut quick = 0;
    for round in 0..20 {
        let now = Instant(1_000 * round);
        let side = dice.roll(2);
        let frames: Vec<Vec<u8>> = (0..1 + dice.roll(90))
            .map(|_| match side {
                0 if dice.roll(20) == 0 => other(&mut dice),
                0 => wrapped(&mut dice, kind),
                _ => inside(&mut dice, false),
            })
            .collect();
        let group: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        together.rig.kernel.input(now, together.ports[side], &group).unwrap();
        for frame in &group {
            // A request between the frames lets nothing be remembered.
            alone.rig.ask(&request(RTM_GETLINK, 0, 1, |_| ()));
            alone.rig.kernel.input(now, alone.ports[side], &[frame]).unwrap();
        }
        let (came, came_alone) = (together.came_out(), alone.came_out());
        quick += came[1 - side].len();
        for (port, (came, alone)) in came.iter().zip(&came_alone).enumerate() {
            for (at, (came, alone)) in came.iter().zip(alone).enumerate() {
                assert_eq!(came, alone, "{kind:?}, seed {seed}, round {round}, port {port}, frame {at}");
            }
            assert_eq!(came.len(), alone.len(), "{kind:?}, seed {seed}, round {round}, port {port}");
        }
        assert_eq!(together.state(), alone.state(), "{kind:?}, seed {seed}, round {round}");
    }
    let least = if kind.domain { 50 } else { 100 };
    assert!(quick > least, "{kind:?}: only {quick} frames came through");
    assert_eq!(together.rig.kernel.frames_inside(), 0);
}

#[test]
fn many_at_once_are_as_one_by_one() {
    for name in ["vxlan", "geneve"] {
        for v6 in [false, true] {
            for variant in 0..4 {
                for seed in 1..3 {
                    compare(Kind { v6, variant, ..Kind::new(name) }, seed);
                }
            }
        }
    }
    for v6 in [false, true] {
        compare(Kind { v6, domain: true, ..Kind::new("vxlan") }, 1);
    }
}

/// What comes out at the cable of frames that go in at the tunnel: the addresses outside.
fn sent(host: &mut Host, seconds: u64) -> Vec<[u8; 6]> {
    let frame = [&[2, 2, 0, 0, 0, 5, 2, 1, 0, 0, 0, 5, 0x88, 0xb5][..], &[0; 50]].concat();
    host.rig.kernel.input(Instant(seconds * 1_000_000), host.ports[1], &[&frame, &frame, &frame]).unwrap();
    host.came_out()[0].iter().filter_map(|frame| frame.first_chunk().copied()).collect()
}

#[test]
fn a_known_way_ends_with_what_it_was_made_of() {
    for name in ["vxlan", "geneve"] {
        let mut host = Host::new(Kind::new(name));
        let cable = host.rig.index("u0");
        let at = |state, mac| {
            let head = Ndmsg { family: 2, ifindex: cable, state, ..Ndmsg::default() };
            neigh(NLM_F_CREATE | NLM_F_REPLACE, head, mac, far(false, 0))
        };
        let (first, second, third) = ([2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2], [2, 0, 0, 0, 1, 3]);
        let default = neigh(
            0,
            Ndmsg { family: 7, ifindex: host.rig.index("tunnel"), flags: NTF_SELF, ..Ndmsg::default() },
            [0; 6],
            far(false, 2),
        );
        if name == "vxlan" {
            // The second of the default far ends goes.
            let mut request = default;
            request[4..6].copy_from_slice(&RTM_DELNEIGH.to_ne_bytes());
            host.rig.talk(&request).unwrap();
        }
        // A request changes the neighbour.
        for mac in [first, second] {
            host.rig.talk(&at(NUD_REACHABLE, mac)).unwrap();
            assert_eq!(sent(&mut host, 1), [mac; 3], "{name}");
            assert_eq!(sent(&mut host, 1), [mac; 3], "{name}");
        }
        // The neighbour says that it is elsewhere.
        let answer =
            [&[0, 1, 8, 0, 6, 4, 0, 2][..], &third, &[10, 9, 0, 2], &OWN_MAC, &[10, 9, 0, 1]].concat();
        let mut answer = ethernet(OWN_MAC, 0x0806, &answer);
        answer[6..12].copy_from_slice(&third);
        host.rig.kernel.input(Instant(5_000_000), host.ports[0], &[&answer]).unwrap();
        assert_eq!(sent(&mut host, 5), [third; 3], "{name}");
        // The link has another address, is too narrow, and goes down.
        let moved = [2, 0, 0, 0, 0, 0x11];
        host.rig.talk(&common::change(cable, |out| out.put(IFLA_ADDRESS, &moved))).unwrap();
        host.rig.talk(&at(NUD_PERMANENT, first)).unwrap();
        assert_eq!(sent(&mut host, 6), [first; 3], "{name}");
        host.rig.talk(&common::change(cable, |out| out.u32(IFLA_MTU, 80))).unwrap();
        assert_eq!(sent(&mut host, 6).len(), 6, "{name}: cut in two");
        host.rig.talk(&up(cable, false)).unwrap();
        assert_eq!(sent(&mut host, 6).len(), 0, "{name}");
    }
}
