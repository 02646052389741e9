//! The data plane of the embedded kernel on one core, exact counters, learning on. Items are frames, from a port's
//! input to another port's output, copied in from the sender's memory and out to the receiver's. `ring_hop` is what
//! the machine does with the same frames and no kernel between. All ratios are to be read within one run.

use divan::{Bencher, counter::ItemsCount};
use kernel::run::{PortId, PortKind};
use kernel::{ClientId, Instant, Kernel, NetnsId};
use rtnl::attr::Builder;
use rtnl::kind::{bridge, macvlan, veth, vlan};
use rtnl::message::{Header, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST};
use rtnl::object::link::*;
use std::collections::VecDeque;
use std::hint::black_box;

/// Frames that one sample sends.
const FRAMES: usize = 1 << 16;

fn main() {
    divan::main();
}

/// A kernel, a namespace and a client in it.
struct Lab {
    kernel: Kernel,
    netns: NetnsId,
    client: ClientId,
    links: i32,
}

type Attrs<'a> = &'a dyn Fn(&mut Builder);

impl Lab {
    fn new() -> Lab {
        let mut kernel = Kernel::new(1);
        let netns = kernel.create_netns().expect("room for a namespace");
        for name in ["all", "default"] {
            let name = format!("net.ipv6.conf.{name}.disable_ipv6");
            kernel.set_sysctl(netns, &name, "1").expect("a setting");
        }
        let client = kernel.open(netns).expect("room for a client");
        Lab { kernel, netns, client, links: 1 }
    }

    fn request(&mut self, flags: u16, info: Ifinfo, attrs: Attrs<'_>) {
        self.ask(RTM_NEWLINK, flags, info, attrs);
    }

    fn delete(&mut self, ifindex: i32) {
        self.ask(RTM_DELLINK, 0, Ifinfo { ifindex, ..Ifinfo::default() }, &|_| ());
    }

    fn ask(&mut self, kind: u16, flags: u16, info: Ifinfo, attrs: Attrs<'_>) {
        let mut out = Builder::new();
        let start = out.start(Header { kind, flags: NLM_F_REQUEST | NLM_F_ACK | flags, seq: 1, pid: 0 });
        info.encode(&mut out);
        attrs(&mut out);
        out.finish(start);
        self.kernel.handle(Instant(0), self.client, &out.bytes).expect("an open client");
        let mut answer = Vec::new();
        while self.kernel.receive(self.client, &mut answer) {
            let number = i32::from_ne_bytes(answer[16..20].try_into().expect("an acknowledgement"));
            assert_eq!(number, 0, "refused");
        }
    }

    /// Makes a link of a kind, up; gives its index.
    fn add(&mut self, kind: &str, attrs: Attrs<'_>, data: Attrs<'_>) -> i32 {
        let info = Ifinfo::default();
        self.request(NLM_F_CREATE | NLM_F_EXCL, info, &|out| {
            attrs(out);
            let linkinfo = out.nest(IFLA_LINKINFO);
            out.string(IFLA_INFO_KIND, kind.as_bytes());
            let nest = out.nest(IFLA_INFO_DATA);
            data(out);
            out.end(nest);
            out.end(linkinfo);
        });
        self.links += 1;
        self.links
    }

    fn up(&mut self, ifindex: i32) {
        self.request(0, Ifinfo { ifindex, flags: IFF_UP, change: IFF_UP, ..Ifinfo::default() }, &|_| ());
    }

    /// Makes a pair, both up, with a port in place of the stack at one end; gives the other end's index.
    fn cable(&mut self, n: u8) -> (PortId, i32) {
        let peer = self.add("veth", &|out| out.put(IFLA_ADDRESS, &[2, 1, 0, 0, 0, n]), &|out| {
            let nest = out.nest(veth::VETH_INFO_PEER);
            Ifinfo::default().encode(out);
            out.put(IFLA_ADDRESS, &[2, 2, 0, 0, 0, n]);
            out.end(nest);
        });
        self.links += 1;
        self.up(peer);
        self.up(peer + 1);
        let port = self.kernel.attach_port(self.netns, peer as u32, PortKind::Owner).expect("a free link");
        (port, peer + 1)
    }

    fn enslave(&mut self, ifindex: i32, master: i32) {
        self.request(0, Ifinfo { ifindex, ..Ifinfo::default() }, &|out| out.u32(IFLA_MASTER, master as u32));
    }

    /// A bridge between cables.
    fn bridge(&mut self, cables: u8, filtering: bool) -> Vec<PortId> {
        let ports: Vec<_> = (0..cables).map(|n| self.cable(n)).collect();
        let bridge = self.add("bridge", &|out| out.put(IFLA_ADDRESS, &[2, 3, 0, 0, 0, 1]), &|out| {
            out.u8(bridge::IFLA_BR_VLAN_FILTERING, u8::from(filtering));
        });
        self.up(bridge);
        for (_, link) in &ports {
            self.enslave(*link, bridge);
        }
        ports.into_iter().map(|(port, _)| port).collect()
    }
}

/// A frame between two hosts, by their numbers.
fn frame(from: u32, to: u32, size: usize, tag: Option<u16>) -> Vec<u8> {
    let mac = |n: u32| {
        let b = n.to_be_bytes();
        [2, 0x10, b[0], b[1], b[2], b[3]]
    };
    let mut bytes = [mac(to), mac(from)].concat();
    if let Some(vid) = tag {
        bytes.extend([0x81, 0, (vid >> 8) as u8, vid as u8]);
    }
    bytes.extend([0x08, 0x00]);
    bytes.resize(size, 0);
    bytes
}

/// Frames from each of so many hosts to its partner on the other side, and back.
fn pairs(count: u32, size: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let there = (0..count).map(|n| frame(n, n + (1 << 24), size, None)).collect();
    let back = (0..count).map(|n| frame(n + (1 << 24), n, size, None)).collect();
    (there, back)
}

/// Sends so many of the frames in turn, in batches; gives how many came out into the receiver's memory.
fn pump(kernel: &mut Kernel, input: PortId, output: PortId, frames: &[Vec<u8>], count: usize, batch: usize) -> usize {
    let mut came = 0;
    let mut memory = [0; 2048];
    let mut at = 0;
    for _ in 0..count / batch {
        let mut group: [&[u8]; 64] = [&[]; 64];
        for place in &mut group[..batch] {
            *place = &frames[at];
            at = if at + 1 == frames.len() { 0 } else { at + 1 };
        }
        kernel.input(Instant(0), input, &group[..batch]).expect("a port");
        kernel.output(output, &mut |bytes| {
            came += 1;
            memory[..bytes.len()].copy_from_slice(bytes);
            black_box(&mut memory);
        });
    }
    came
}

/// A bridge between two cables that has learned so many pairs of hosts, and the frames that they send one way.
fn learned(count: u32, size: usize, filtering: bool) -> (Lab, Vec<PortId>, Vec<Vec<u8>>) {
    let mut lab = Lab::new();
    let ports = lab.bridge(2, filtering);
    let (there, back) = pairs(count, size);
    for (input, frames) in [(0, &there), (1, &back)] {
        for group in frames.chunks(64) {
            let group: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
            lab.kernel.input(Instant(0), ports[input], &group).expect("a port");
            ports.iter().for_each(|port| lab.kernel.output(*port, &mut |_| ()));
        }
    }
    (lab, ports, there)
}

fn bridged(bencher: Bencher<'_, '_>, count: u32, size: usize, filtering: bool, batch: usize) {
    let (mut lab, ports, there) = learned(count, size, filtering);
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        assert_eq!(pump(&mut lab.kernel, ports[0], ports[1], &there, FRAMES, batch), FRAMES);
    });
}

/// The machine's own limit: the same frames in the same batches, copied from the sender's memory into a ring of
/// buffers, their places queued, and copied out to the receiver's memory.
#[divan::bench(args = [64, 1500])]
fn ring_hop(bencher: Bencher<'_, '_>, size: usize) {
    let (frames, _) = pairs(1000, size);
    let mut ring = vec![[0u8; 1984]; 256];
    let mut queue = VecDeque::with_capacity(256);
    let mut memory = [0; 2048];
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let mut at = 0;
        for group in 0..FRAMES / 64 {
            for n in 0..64 {
                let slot = (group * 64 + n) % ring.len();
                let frame = black_box(frames[at].as_slice());
                ring[slot][128..128 + frame.len()].copy_from_slice(frame);
                queue.push_back((slot, frame.len()));
                at = if at + 1 == frames.len() { 0 } else { at + 1 };
            }
            while let Some((slot, length)) = queue.pop_front() {
                memory[..length].copy_from_slice(&ring[slot][128..128 + length]);
                black_box(&mut memory);
            }
        }
    });
}

#[divan::bench(args = [2, 1_000, 100_000])]
fn bridge_64(bencher: Bencher<'_, '_>, pairs: u32) {
    bridged(bencher, pairs, 64, false, 64);
}

#[divan::bench(args = [2, 1_000, 100_000])]
fn bridge_filtering_64(bencher: Bencher<'_, '_>, pairs: u32) {
    bridged(bencher, pairs, 64, true, 64);
}

#[divan::bench]
fn bridge_1500(bencher: Bencher<'_, '_>) {
    bridged(bencher, 1000, 1500, false, 64);
}

#[divan::bench(args = [1, 8, 64])]
fn bridge_batch(bencher: Bencher<'_, '_>, batch: usize) {
    bridged(bencher, 1000, 64, false, batch);
}

/// The bridge of `bridge_64` while links come, join the bridge, go up and die: one change to every so many frames,
/// which at this speed is more than 3,500 changes a second. Every frame must come out all the same.
#[divan::bench(args = [4096])]
fn bridge_64_under_changes(bencher: Bencher<'_, '_>, between: usize) {
    let (mut lab, ports, there) = learned(1000, 64, false);
    let (bridge, mut newest, mut step) = (lab.links, 0, 0);
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for _ in 0..FRAMES / between {
            match step % 4 {
                0 => newest = lab.add("dummy", &|_| (), &|_| ()),
                1 => lab.enslave(newest, bridge),
                2 => lab.up(newest),
                _ => lab.delete(newest),
            }
            step += 1;
            assert_eq!(pump(&mut lab.kernel, ports[0], ports[1], &there, between, 64), between);
        }
    });
}

/// Unknown addresses: a copy to each of 31 ports. Items are the copies.
#[divan::bench]
fn flood_32(bencher: Bencher<'_, '_>) {
    let mut lab = Lab::new();
    let ports = lab.bridge(32, false);
    let frames: Vec<Vec<u8>> = (0..1000).map(|n| frame(1, n + (1 << 20), 64, None)).collect();
    bencher.counter(ItemsCount::new(31 * 2048usize)).bench_local(|| {
        let mut came = 0;
        for group in frames.iter().cycle().take(2048).collect::<Vec<_>>().chunks(64) {
            let group: Vec<&[u8]> = group.iter().map(|frame| frame.as_slice()).collect();
            lab.kernel.input(Instant(0), ports[0], &group).expect("a port");
            ports.iter().for_each(|port| lab.kernel.output(*port, &mut |_| came += 1));
        }
        assert_eq!(came, 31 * 2048);
    });
}

/// A trunk, a vlan on it, a macvlan on that: frames come out at the macvlan.
#[divan::bench(args = [64, 1500])]
fn trunk_vlan_macvlan(bencher: Bencher<'_, '_>, size: usize) {
    let mut lab = Lab::new();
    let (input, trunk) = lab.cable(1);
    let on_trunk = |out: &mut Builder| out.u32(IFLA_LINK, trunk as u32);
    let vlan = lab.add("vlan", &on_trunk, &|out| out.u16(vlan::IFLA_VLAN_ID, 12));
    lab.up(vlan);
    let mut own = frame(7, 9, size, Some(12));
    own[..6].copy_from_slice(&[2, 9, 0, 0, 0, 1]);
    let on_vlan = |out: &mut Builder| {
        out.u32(IFLA_LINK, vlan as u32);
        out.put(IFLA_ADDRESS, &[2, 9, 0, 0, 0, 1]);
    };
    let bridge_mode = |out: &mut Builder| out.u32(macvlan::IFLA_MACVLAN_MODE, macvlan::MACVLAN_MODE_BRIDGE);
    let top = lab.add("macvlan", &on_vlan, &bridge_mode);
    lab.up(top);
    let output = lab.kernel.attach_port(lab.netns, top as u32, PortKind::Owner).expect("a free link");
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let frames = std::slice::from_ref(&own);
        assert_eq!(pump(&mut lab.kernel, input, output, frames, FRAMES, 64), FRAMES);
    });
}
