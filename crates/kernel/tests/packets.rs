//! Packets through a router and echoes answered: nothing is allocated for them once the neighbours are known.

mod common;

use common::speech::ethernet;
use common::{Rig, pair, up};
use kernel::Instant;
use kernel::run::{PortId, PortKind};
use rtnl::attr::Builder;
use rtnl::message::{Header, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST};
use rtnl::object::addr::*;
use rtnl::object::link::IFLA_ADDRESS;
use rtnl::object::neigh::*;
use std::net::{IpAddr, Ipv6Addr};
use wire::{Icmp, Icmpv6, Ipv4, Ipv6, protocol};

const SIDES: [&str; 2] = ["u0", "u1"];

fn own_mac(side: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, side]
}

fn host_mac(side: u8) -> [u8; 6] {
    [2, 0, 0, 0, 1, side]
}

/// The address of the router (1) or of a host (2 …) on a side, in one of the families.
fn address(v6: bool, side: u8, number: u8) -> IpAddr {
    match v6 {
        false => [10, 0, side, number].into(),
        true => Ipv6Addr::new(0xfd00, side.into(), 0, 0, 0, 0, 0, number.into()).into(),
    }
}

fn request(kind: u16, fill: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let mut out = Builder::new();
    let start = out.start(Header { kind, flags: NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, seq: 1, pid: 0 });
    fill(&mut out);
    out.finish(start);
    out.bytes
}

fn put(out: &mut Builder, number: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => out.ipv4(number, address),
        IpAddr::V6(address) => out.ipv6(number, address),
    }
}

/// A router between two links, whose far ends are the ports.
struct Router {
    rig: Rig,
    ports: [PortId; 2],
}

impl Router {
    fn new() -> Router {
        let mut rig = Rig::new();
        for setting in ["ipv4.conf.all.forwarding", "ipv6.conf.all.forwarding"] {
            rig.kernel.set_sysctl(rig.netns, &format!("net.{setting}"), "1").unwrap();
        }
        let ports = [0, 1].map(|side: u8| {
            let name = SIDES[usize::from(side)];
            rig.talk(&pair(name, &format!("far{side}"))).unwrap();
            let (own, far) = (rig.index(name), rig.index(&format!("far{side}")));
            rig.talk(&common::change(own, |out| out.put(IFLA_ADDRESS, &own_mac(side)))).unwrap();
            rig.kernel.set_sysctl(rig.netns, &format!("net.ipv6.conf.far{side}.disable_ipv6"), "1").unwrap();
            rig.talk(&up(own, true)).unwrap();
            rig.talk(&up(far, true)).unwrap();
            for v6 in [false, true] {
                let (family, length) = if v6 { (10, 64) } else { (2, 24) };
                let flags = IFA_F_NODAD as u8;
                rig.talk(&request(RTM_NEWADDR, |out| {
                    Ifaddr { family, prefixlen: length, flags, ifindex: own, ..Ifaddr::default() }
                        .encode(out);
                    put(out, IFA_LOCAL, address(v6, side, 1));
                }))
                .unwrap();
                rig.talk(&request(RTM_NEWNEIGH, |out| {
                    Ndmsg { family, ifindex: own, state: NUD_PERMANENT, ..Ndmsg::default() }.encode(out);
                    put(out, NDA_DST, address(v6, side, 2));
                    out.put(NDA_LLADDR, &host_mac(side));
                }))
                .unwrap();
            }
            rig.kernel.attach_port(rig.netns, far, PortKind::Owner).unwrap()
        });
        rig.kernel.advance(Instant(3_000_000));
        let mut router = Router { rig, ports };
        router.take();
        router
    }

    /// What came out, how many at each port.
    fn take(&mut self) -> [usize; 2] {
        self.ports.map(|port| {
            let mut count = 0;
            self.rig.kernel.output(port, &mut |_| count += 1);
            count
        })
    }
}

/// An echo request from the host of side 0.
fn echo(to: IpAddr, size: usize) -> Vec<u8> {
    let data = vec![7; size];
    match to {
        IpAddr::V4(destination) => {
            let message = Icmp::EchoRequest { identifier: 1, sequence: 2, data: &data };
            let header = Ipv4 {
                tos: 0,
                identification: 5,
                dont_fragment: true,
                more_fragments: false,
                fragment_offset: 0,
                ttl: 64,
                protocol: protocol::ICMP,
                source: [10, 0, 0, 2].into(),
                destination,
                payload_length: message.length() as u16,
            };
            let mut packet = vec![0; 20 + message.length()];
            header.emit(&mut packet);
            message.emit(&mut packet[20..]);
            ethernet_from(0x0800, &packet)
        }
        IpAddr::V6(destination) => {
            let message = Icmpv6::EchoRequest { identifier: 1, sequence: 2, data: &data };
            let header = Ipv6 {
                traffic_class: 0,
                flow_label: 0,
                payload_length: message.length() as u16,
                next_header: protocol::ICMPV6,
                hop_limit: 64,
                source: "fd00::2".parse().unwrap(),
                destination,
            };
            let mut packet = vec![0; 40 + message.length()];
            header.emit(&mut packet);
            message.emit(&mut packet[40..], header.source, header.destination);
            ethernet_from(0x86dd, &packet)
        }
    }
}

fn ethernet_from(kind: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(own_mac(0), kind, packet);
    frame[6..12].copy_from_slice(&host_mac(0));
    frame
}

/// Puts the same frames in again and again; what comes out each time, and how much is allocated meanwhile.
fn measure(to: IpAddr, size: usize) -> ([usize; 2], u64) {
    let mut router = Router::new();
    let frame = echo(to, size);
    let frames = [&frame[..]; 32];
    let mut round = || {
        router.rig.kernel.input(Instant(3_000_001), router.ports[0], &frames).unwrap();
        router.take()
    };
    round();
    let out = round();
    let memory = allocation_counter::measure(|| {
        for _ in 0..20 {
            assert_eq!(round(), out);
        }
    });
    (out, memory.count_total)
}

#[test]
fn nothing_is_allocated_for_packets_that_are_sent_on() {
    for v6 in [false, true] {
        for size in [10, 1400] {
            assert_eq!(measure(address(v6, 1, 2), size), ([0, 32], 0), "v6 {v6}, {size} bytes");
        }
    }
}

#[test]
fn nothing_is_allocated_for_echoes_that_are_answered() {
    for v6 in [false, true] {
        for (side, size) in [(0, 10), (1, 1400)] {
            assert_eq!(measure(address(v6, side, 1), size), ([32, 0], 0), "v6 {v6}, {size} bytes");
        }
    }
}
