//! Tunnels on one core: a frame is put in at one end's device, wrapped, sent over a cable to another namespace, unwrapped
//! there and taken out. Items are frames. Learning is on, and every host's address is known.

#[allow(dead_code, reason = "shared with other benches")]
mod lab;
mod traffic;

use divan::{Bencher, counter::ItemsCount};
use kernel::run::{PortId, PortKind};
use kernel::{ClientId, Instant, NetnsId};
use lab::Lab;
use rtnl::attr::Builder;
use rtnl::kind::{geneve, veth, vxlan};
use rtnl::message::{NLM_F_CREATE, NLM_F_REQUEST};
use rtnl::object::addr::{IFA_ADDRESS, IFA_LOCAL, Ifaddr, RTM_NEWADDR};
use rtnl::object::link::*;
use rtnl::object::neigh::*;
use std::net::Ipv4Addr;
use traffic::{pairs, pump, pump_on};

/// Frames that one sample sends.
const FRAMES: usize = 1 << 13;
const AF_INET: u8 = 2;

fn main() {
    divan::main();
}

/// Two namespaces with a cable between them.
struct Pair {
    lab: Lab,
    ends: [(NetnsId, ClientId, i32); 2],
}

impl Pair {
    fn new() -> Pair {
        let mut lab = Lab::new();
        let here = (lab.netns, lab.client);
        let netns = lab.kernel.create_netns().expect("room for a namespace");
        for name in ["all", "default"] {
            let name = format!("net.ipv6.conf.{name}.disable_ipv6");
            lab.kernel.set_sysctl(netns, &name, "1").expect("a setting");
        }
        let there = (netns, lab.kernel.open(netns).expect("room for a client"));
        let cable = lab.add("veth", &|out| out.put(IFLA_ADDRESS, &[2, 1, 0, 0, 0, 1]), &|out| {
            let nest = out.nest(veth::VETH_INFO_PEER);
            Ifinfo::default().encode(out);
            out.put(IFLA_ADDRESS, &[2, 1, 0, 0, 0, 2]);
            out.u32(IFLA_NET_NS_FD, netns.0);
            out.end(nest);
        });
        let mut pair = Pair { lab, ends: [(here.0, here.1, cable), (there.0, there.1, 2)] };
        for end in [0, 1] {
            pair.enter(end);
            let cable = pair.ends[end].2;
            pair.lab.up(cable);
            pair.address(cable, end as u8 + 1);
            pair.neighbour(cable, 2 - end as u8);
        }
        pair
    }

    /// What follows happens at that end.
    fn enter(&mut self, end: usize) {
        (self.lab.netns, self.lab.client) = (self.ends[end].0, self.ends[end].1);
    }

    fn ask(&mut self, kind: u16, body: &dyn Fn(&mut Builder)) {
        let mut out = Builder::new();
        let flags = NLM_F_REQUEST | NLM_F_CREATE;
        let start = out.start(rtnl::message::Header { kind, flags, seq: 1, pid: 0 });
        body(&mut out);
        out.finish(start);
        self.lab.kernel.handle(Instant(0), self.lab.client, &out.bytes).expect("an open client");
        let mut answer = Vec::new();
        assert!(!self.lab.kernel.receive(self.lab.client, &mut answer), "refused");
    }

    fn address(&mut self, link: i32, host: u8) {
        self.ask(RTM_NEWADDR, &|out| {
            let ifindex = link as u32;
            Ifaddr { family: AF_INET, prefixlen: 24, ifindex, ..Ifaddr::default() }.encode(out);
            out.ipv4(IFA_LOCAL, Ipv4Addr::new(10, 0, 0, host));
            out.ipv4(IFA_ADDRESS, Ipv4Addr::new(10, 0, 0, host));
        });
    }

    fn neighbour(&mut self, link: i32, host: u8) {
        self.ask(RTM_NEWNEIGH, &|out| {
            let ifindex = link as u32;
            Ndmsg { family: AF_INET, ifindex, state: NUD_PERMANENT, ..Ndmsg::default() }.encode(out);
            out.ipv4(NDA_DST, Ipv4Addr::new(10, 0, 0, host));
            out.put(NDA_LLADDR, &[2, 1, 0, 0, 0, host]);
        });
    }

    /// A tunnel from each end to the other, with a port in place of the stack.
    fn tunnel(&mut self, kind: &str, data: &dyn Fn(&mut Builder, Ipv4Addr)) -> [PortId; 2] {
        [0, 1].map(|end| {
            self.enter(end);
            self.lab.links = 2;
            let remote = Ipv4Addr::new(10, 0, 0, 2 - end as u8);
            let tunnel = self.lab.add(kind, &|_| (), &|out| data(out, remote));
            self.lab.up(tunnel);
            self.lab
                .kernel
                .attach_port(self.lab.netns, tunnel as u32, PortKind::Owner)
                .expect("a link without a port")
        })
    }
}

/// Each batch is sent so many microseconds after the one before.
fn measure(bencher: Bencher<'_, '_>, hosts: u32, mut pair: Pair, ports: [PortId; 2], step: u64) {
    let (there, back) = pairs(hosts, 64);
    let kernel = &mut pair.lab.kernel;
    for (from, to, frames) in [(0, 1, &there), (1, 0, &back)] {
        for frame in frames {
            pump(kernel, ports[from], ports[to], std::slice::from_ref(frame), 1, 1);
        }
    }
    let mut now = Instant(0);
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let came = pump_on(kernel, (ports[0], ports[1]), &there, (FRAMES, 64), (&mut now, step));
        assert_eq!(came, FRAMES);
    });
}

/// 64 bytes between so many pairs of hosts, with checksums (as a vxlan has them by default) and without.
fn vxlan_64(bencher: Bencher<'_, '_>, hosts: u32, sums: u8, step: u64) {
    let mut pair = Pair::new();
    let ports = pair.tunnel("vxlan", &|out, remote| {
        out.u32(vxlan::IFLA_VXLAN_ID, 42);
        out.ipv4(vxlan::IFLA_VXLAN_GROUP, remote);
        out.u16_be(vxlan::IFLA_VXLAN_PORT, 4789);
        out.u8(vxlan::IFLA_VXLAN_UDP_CSUM, sums);
        out.u8(vxlan::IFLA_VXLAN_LEARNING, 1);
    });
    measure(bencher, hosts, pair, ports, step);
}

#[divan::bench(args = [1, 1_000])]
fn vxlan_encap_decap_64(bencher: Bencher<'_, '_>, hosts: u32) {
    vxlan_64(bencher, hosts, 0, 0);
}

/// The same while time passes: what is used takes note of when.
#[divan::bench(args = [1, 1_000])]
fn vxlan_encap_decap_passing_time_64(bencher: Bencher<'_, '_>, hosts: u32) {
    vxlan_64(bencher, hosts, 0, 5);
}

#[divan::bench(args = [1, 1_000])]
fn vxlan_encap_decap_sums_64(bencher: Bencher<'_, '_>, hosts: u32) {
    vxlan_64(bencher, hosts, 1, 0);
}

#[divan::bench(args = [1, 1_000])]
fn geneve_encap_decap_64(bencher: Bencher<'_, '_>, hosts: u32) {
    let mut pair = Pair::new();
    let ports = pair.tunnel("geneve", &|out, remote| {
        out.u32(geneve::IFLA_GENEVE_ID, 42);
        out.ipv4(geneve::IFLA_GENEVE_REMOTE, remote);
    });
    measure(bencher, hosts, pair, ports, 0);
}
