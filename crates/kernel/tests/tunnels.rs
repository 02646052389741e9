//! Tunnels: what goes in at the one side comes out at the other, nothing is allocated for it once the way is known,
//! and frames that mean harm end with a name.

mod common;

use common::datagram::datagram;
use common::speech::ethernet;
use common::town::address;
use common::{Rig, new_link, pair, up};
use kernel::Instant;
use kernel::run::{PortId, PortKind};
use rtnl::attr::Builder;
use rtnl::kind::{geneve, vxlan};
use rtnl::message::{Header, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST};
use rtnl::object::addr::RTM_NEWADDR;
use rtnl::object::link::{IFLA_ADDRESS, IFLA_IFNAME};
use rtnl::object::neigh::*;
use std::net::Ipv4Addr;
use wire::{Geneve, Vxlan, checksum, protocol};

const OWN: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const OWN_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const FAR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const NETWORK: u32 = 42;

/// A host with a cable and a tunnel to the cable's far end; ports are the far end, and the tunnel itself.
struct Host {
    rig: Rig,
    cable: PortId,
    tunnel: PortId,
    kind: &'static str,
}

impl Host {
    fn new(kind: &'static str) -> Host {
        let mut rig = Rig::new();
        for name in ["all", "default"] {
            rig.kernel.set_sysctl(rig.netns, &format!("net.ipv6.conf.{name}.disable_ipv6"), "1").unwrap();
        }
        rig.talk(&pair("u0", "far")).unwrap();
        let (cable, far) = (rig.index("u0"), rig.index("far"));
        let mac = |mac: [u8; 6]| common::change(cable, move |out| out.put(IFLA_ADDRESS, &mac));
        rig.talk(&mac(OWN_MAC)).unwrap();
        rig.talk(&up(cable, true)).unwrap();
        rig.talk(&up(far, true)).unwrap();
        rig.talk(&address(RTM_NEWADDR, cable, OWN.octets())).unwrap();
        rig.talk(&neighbour(cable)).unwrap();
        let named = |out: &mut Builder| out.string(IFLA_IFNAME, b"tunnel");
        rig.talk(&new_link(kind, named, |out| match kind {
            "vxlan" => {
                out.u32(vxlan::IFLA_VXLAN_ID, NETWORK);
                out.ipv4(vxlan::IFLA_VXLAN_GROUP, FAR);
                out.u16_be(vxlan::IFLA_VXLAN_PORT, 4789);
                out.u8(vxlan::IFLA_VXLAN_LEARNING, 1);
            }
            _ => {
                out.u32(geneve::IFLA_GENEVE_ID, NETWORK);
                out.ipv4(geneve::IFLA_GENEVE_REMOTE, FAR);
            }
        }))
        .unwrap();
        let tunnel = rig.index("tunnel");
        rig.talk(&up(tunnel, true)).unwrap();
        let cable = rig.kernel.attach_port(rig.netns, far, PortKind::Owner).unwrap();
        let tunnel = rig.kernel.attach_port(rig.netns, tunnel, PortKind::Owner).unwrap();
        Host { rig, cable, tunnel, kind }
    }

    /// Puts frames in at one port and gives what comes out at the other.
    fn through(&mut self, from: PortId, frames: &[&[u8]]) -> Vec<Vec<u8>> {
        let to = if from == self.cable { self.tunnel } else { self.cable };
        self.rig.kernel.input(Instant(1), from, frames).unwrap();
        let mut out = Vec::new();
        self.rig.kernel.output(to, &mut |frame| out.push(frame.to_vec()));
        self.rig.kernel.output(from, &mut |_| ());
        out
    }

    /// A frame as the far end wraps it.
    fn wrapped(&self, inside: &[u8]) -> Vec<u8> {
        let mut payload = vec![0; 8];
        let port = match self.kind {
            "vxlan" => {
                let flags = wire::vxlan::flag::NETWORK;
                Vxlan { flags, network: NETWORK, reserved: 0 }.emit(&mut payload);
                4789
            }
            _ => {
                let ethertype = wire::geneve::ETHERNET;
                Geneve { oam: false, critical: false, ethertype, network: NETWORK }.emit(&mut payload);
                6081
            }
        };
        payload.extend_from_slice(inside);
        ethernet(OWN_MAC, 0x0800, &datagram([FAR, OWN], port, &payload))
    }
}

fn neighbour(ifindex: u32) -> Vec<u8> {
    let mut out = Builder::new();
    let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
    let start = out.start(Header { kind: RTM_NEWNEIGH, flags, seq: 1, pid: 0 });
    Ndmsg { family: 2, ifindex, state: NUD_PERMANENT, ..Ndmsg::default() }.encode(&mut out);
    out.ipv4(NDA_DST, FAR);
    out.put(NDA_LLADDR, &FAR_MAC);
    out.finish(start);
    out.bytes
}

/// Frames between a few hosts behind the two ends.
fn frames(back: bool) -> Vec<Vec<u8>> {
    (0..64u8)
        .map(|n| {
            let (near, far) = ([2, 1, 0, 0, 0, n], [2, 2, 0, 0, 0, n]);
            let (to, from) = if back { (near, far) } else { (far, near) };
            [&to[..], &from, &[0x88, 0xb5], &[n; 50]].concat()
        })
        .collect()
}

#[test]
fn both_ways_and_without_allocation() {
    for kind in ["vxlan", "geneve"] {
        let mut host = Host::new(kind);
        let (out, back) = (frames(false), frames(true));
        let wrapped: Vec<Vec<u8>> = back.iter().map(|frame| host.wrapped(frame)).collect();
        let out: Vec<&[u8]> = out.iter().map(Vec::as_slice).collect();
        let wrapped: Vec<&[u8]> = wrapped.iter().map(Vec::as_slice).collect();
        let (cable, tunnel) = (host.cable, host.tunnel);
        let came = host.through(cable, &wrapped);
        assert_eq!(came, back, "{kind}: unwrapped");
        let left = host.through(tunnel, &out);
        for (left, frame) in left.iter().zip(&out) {
            assert_eq!((&left[..6], &left[50..]), (&FAR_MAC[..], *frame), "{kind}: wrapped");
            let view = wire::Ipv4View::new(&left[14..]).expect("a packet");
            let pseudo = checksum::pseudo_v4(OWN, FAR, protocol::UDP, view.payload().len());
            assert!(view.checksum_is_right());
            assert!(wire::UdpView::new(view.payload()).expect("a datagram").checksum_is_right(pseudo));
        }
        assert_eq!(left.len(), out.len());
        let kernel = &mut host.rig.kernel;
        let mut round = |ways: [(PortId, &[&[u8]]); 2]| {
            let mut count = 0;
            for (port, frames) in ways {
                kernel.input(Instant(1), port, frames).unwrap();
            }
            for port in [cable, tunnel] {
                kernel.output(port, &mut |_| count += 1);
            }
            assert_eq!(count, 128);
        };
        round([(tunnel, &out), (cable, &wrapped)]);
        let memory =
            allocation_counter::measure(|| (0..20).for_each(|_| round([(tunnel, &out), (cable, &wrapped)])));
        assert_eq!(memory.count_total, 0, "{kind}: 2,560 frames");
    }
}

#[test]
fn frames_that_mean_harm_end_with_a_name() {
    for kind in ["vxlan", "geneve"] {
        let mut host = Host::new(kind);
        let (cable, tunnel) = (host.cable, host.tunnel);
        for inside in [&frames(true)[0], &host.wrapped(&frames(true)[1])] {
            let whole = host.wrapped(inside);
            for length in 14..whole.len() {
                host.through(cable, &[&whole[..length]]);
                host.through(tunnel, &[&inside[..length.min(inside.len())]]);
            }
            for at in 0..whole.len().min(90) {
                for value in [0, 1, 0x7f, 0x80, 0xff, whole[at] ^ 1] {
                    let mut bent = whole.clone();
                    bent[at] = value;
                    host.through(cable, &[&bent]);
                    // Without a checksum more of it is looked at.
                    bent[40..42].fill(0);
                    host.through(cable, &[&bent]);
                }
            }
        }
        let kernel = &mut host.rig.kernel;
        assert_eq!(kernel.frames_inside(), 0, "{kind}");
        let (made, handed_out) = kernel.tally();
        let died: u64 = kernel.drops().iter().map(|(_, count)| count).sum();
        assert_eq!(made, handed_out + died, "{kind}: {:?}", kernel.drops());
        let named = |name| kernel.drops().iter().any(|(reason, _)| *reason == name);
        for name in ["bad checksum", "unknown network of a tunnel", "invalid tunnel header"] {
            assert!(named(name), "{kind}: {name}: {:?}", kernel.drops());
        }
        let came = host.through(cable, &[&host.wrapped(&frames(true)[2])]);
        assert_eq!(came, [frames(true)[2].clone()], "{kind}: it still works");
    }
}
