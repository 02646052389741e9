//! A kernel with cables and bridges for benches, and frames to send through them.

use kernel::run::{PortId, PortKind};
use kernel::{ClientId, Instant, Kernel, NetnsId};
use rtnl::attr::Builder;
use rtnl::kind::{bridge, veth};
use rtnl::message::{Header, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST};
use rtnl::object::link::*;
use std::hint::black_box;

/// The EtherType of experiments (IEEE 802): what looks into packets on a real Linux lets such frames pass.
const EXPERIMENTAL: [u8; 2] = [0x88, 0xb5];

/// A kernel, a namespace and a client in it.
pub(crate) struct Lab {
    pub(crate) kernel: Kernel,
    pub(crate) netns: NetnsId,
    pub(crate) client: ClientId,
    pub(crate) links: i32,
}

pub(crate) type Attrs<'a> = &'a dyn Fn(&mut Builder);

impl Lab {
    pub(crate) fn new() -> Lab {
        let mut kernel = Kernel::new(1);
        let netns = kernel.create_netns().expect("room for a namespace");
        for name in ["all", "default"] {
            let name = format!("net.ipv6.conf.{name}.disable_ipv6");
            kernel.set_sysctl(netns, &name, "1").expect("a setting");
        }
        let client = kernel.open(netns).expect("room for a client");
        Lab { kernel, netns, client, links: 1 }
    }

    pub(crate) fn request(&mut self, flags: u16, info: Ifinfo, attrs: Attrs<'_>) {
        self.ask(RTM_NEWLINK, flags, info, attrs);
    }

    pub(crate) fn ask(&mut self, kind: u16, flags: u16, info: Ifinfo, attrs: Attrs<'_>) {
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
    pub(crate) fn add(&mut self, kind: &str, attrs: Attrs<'_>, data: Attrs<'_>) -> i32 {
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

    pub(crate) fn up(&mut self, ifindex: i32) {
        self.request(0, Ifinfo { ifindex, flags: IFF_UP, change: IFF_UP, ..Ifinfo::default() }, &|_| ());
    }

    /// Makes a pair, both up, with a port in place of the stack at one end; gives the other end's index.
    pub(crate) fn cable(&mut self, n: u8) -> (PortId, i32) {
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

    pub(crate) fn enslave(&mut self, ifindex: i32, master: i32) {
        self.request(0, Ifinfo { ifindex, ..Ifinfo::default() }, &|out| out.u32(IFLA_MASTER, master as u32));
    }

    /// A bridge between cables.
    pub(crate) fn bridge(&mut self, cables: u8, filtering: bool) -> Vec<PortId> {
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
pub(crate) fn frame(from: u32, to: u32, size: usize, tag: Option<u16>) -> Vec<u8> {
    let mac = |n: u32| {
        let b = n.to_be_bytes();
        [2, 0x10, b[0], b[1], b[2], b[3]]
    };
    let mut bytes = [mac(to), mac(from)].concat();
    if let Some(vid) = tag {
        bytes.extend([0x81, 0, (vid >> 8) as u8, vid as u8]);
    }
    bytes.extend(EXPERIMENTAL);
    bytes.resize(size, 0);
    bytes
}

/// Frames from each of so many hosts to its partner on the other side, and back.
pub(crate) fn pairs(count: u32, size: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let there = (0..count).map(|n| frame(n, n + (1 << 24), size, None)).collect();
    let back = (0..count).map(|n| frame(n + (1 << 24), n, size, None)).collect();
    (there, back)
}

/// Sends so many of the frames in turn, in batches; gives how many came out into the receiver's memory.
pub(crate) fn pump(
    kernel: &mut Kernel,
    input: PortId,
    output: PortId,
    frames: &[Vec<u8>],
    count: usize,
    batch: usize,
) -> usize {
    let mut came = 0;
    let mut memory = [0; 2048];
    let mut at = 0;
    let mut group: [&[u8]; 64] = [&[]; 64];
    for _ in 0..count / batch {
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
pub(crate) fn learned(count: u32, size: usize, filtering: bool) -> (Lab, Vec<PortId>, Vec<Vec<u8>>) {
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
