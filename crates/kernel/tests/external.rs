//! Tunnels that are controlled from outside: what a route sends through them allocates nothing once the way is known,
//! and requests that mean harm are refused.

mod common;

use common::datagram::datagram;
use common::speech::ethernet;
use common::town::address;
use common::{Rig, new_link, pair, up};
use kernel::Instant;
use kernel::run::PortKind;
use rtnl::attr::{Builder, NESTED};
use rtnl::kind::{geneve, vxlan};
use rtnl::message::{Header, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST};
use rtnl::object::addr::RTM_NEWADDR;
use rtnl::object::encap::*;
use rtnl::object::link::{IFLA_ADDRESS, IFLA_IFNAME};
use rtnl::object::neigh::*;
use rtnl::object::route::*;
use std::net::Ipv4Addr;

const OWN: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const BEHIND: Ipv4Addr = Ipv4Addr::new(10, 5, 0, 2);
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

fn neighbour(ifindex: u32, address: Ipv4Addr) -> Vec<u8> {
    let mut out = Builder::new();
    let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
    let start = out.start(Header { kind: RTM_NEWNEIGH, flags, seq: 1, pid: 0 });
    Ndmsg { family: 2, ifindex, state: NUD_PERMANENT, ..Ndmsg::default() }.encode(&mut out);
    out.ipv4(NDA_DST, address);
    out.put(NDA_LLADDR, &[2, 0, 0, 0, 0, 2]);
    out.finish(start);
    out.bytes
}

/// A route to 10.5.0.0/16 through a link, with an encapsulation.
fn route(ifindex: u32, encap: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let mut out = Builder::new();
    let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
    let start = out.start(Header { kind: RTM_NEWROUTE, flags, seq: 1, pid: 0 });
    let (kind, scope, table) = (RTN_UNICAST, RT_SCOPE_LINK, RT_TABLE_MAIN as u8);
    Rtmsg { family: 2, dst_len: 16, kind, scope, table, protocol: RTPROT_BOOT, ..Rtmsg::default() }
        .encode(&mut out);
    out.ipv4(RTA_DST, Ipv4Addr::new(10, 5, 0, 0));
    out.u32(RTA_OIF, ifindex);
    encap(&mut out);
    out.finish(start);
    out.bytes
}

/// What a tunnel is told: the network, the far end, and options of Geneve of so many bytes.
fn tunnel(out: &mut Builder, options: &[usize]) {
    let nest = out.nest(RTA_ENCAP);
    out.put(LWTUNNEL_IP_ID, &7u64.to_be_bytes());
    out.ipv4(LWTUNNEL_IP_DST, FAR);
    out.u16_be(LWTUNNEL_IP_FLAGS, flag::CSUM);
    let all = out.nest(LWTUNNEL_IP_OPTS | NESTED);
    for length in options {
        let one = out.nest(LWTUNNEL_IP_OPTS_GENEVE | NESTED);
        out.u16_be(LWTUNNEL_IP_OPT_GENEVE_CLASS, 1);
        out.u8(LWTUNNEL_IP_OPT_GENEVE_TYPE, 2);
        out.put(LWTUNNEL_IP_OPT_GENEVE_DATA, &vec![0xaa; *length]);
        out.end(one);
    }
    out.end_or_drop(all);
    out.end(nest);
    out.u16(RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_IP);
}

/// A router with a cable and a tunnel that is controlled from outside.
fn router(kind: &'static str) -> (Rig, u32) {
    let mut rig = Rig::new();
    for (name, value) in [("net.ipv6.conf.all.disable_ipv6", "1"), ("net.ipv4.ip_forward", "1")] {
        rig.kernel.set_sysctl(rig.netns, name, value).unwrap();
    }
    rig.talk(&pair("u0", "far")).unwrap();
    let (cable, far) = (rig.index("u0"), rig.index("far"));
    rig.talk(&common::change(cable, |out| out.put(IFLA_ADDRESS, &MAC))).unwrap();
    rig.talk(&up(cable, true)).unwrap();
    rig.talk(&up(far, true)).unwrap();
    rig.talk(&address(RTM_NEWADDR, cable, OWN.octets())).unwrap();
    rig.talk(&neighbour(cable, FAR)).unwrap();
    let named = |out: &mut Builder| out.string(IFLA_IFNAME, b"tunnel");
    rig.talk(&new_link(kind, named, |out| match kind {
        "vxlan" => {
            out.u16_be(vxlan::IFLA_VXLAN_PORT, 4789);
            out.u8(vxlan::IFLA_VXLAN_COLLECT_METADATA, 1);
        }
        _ => out.put(geneve::IFLA_GENEVE_COLLECT_METADATA, &[]),
    }))
    .unwrap();
    let tunnel = rig.index("tunnel");
    rig.talk(&up(tunnel, true)).unwrap();
    rig.talk(&neighbour(tunnel, BEHIND)).unwrap();
    (rig, tunnel)
}

/// A packet for a host behind the tunnel.
fn packet() -> Vec<u8> {
    ethernet(MAC, 0x0800, &datagram([FAR, BEHIND], 9, &[0x55; 40]))
}

#[test]
fn what_a_route_sends_allocates_nothing() {
    // The longest options have no room in front of a frame.
    for (kind, options) in [("vxlan", &[][..]), ("geneve", &[]), ("geneve", &[4, 8]), ("geneve", &[124, 100])]
    {
        let (mut rig, tunnel_index) = router(kind);
        rig.talk(&route(tunnel_index, |out| tunnel(out, options))).unwrap();
        let far = rig.index("far");
        let cable = rig.kernel.attach_port(rig.netns, far, PortKind::Owner).unwrap();
        let packet = packet();
        let frames = vec![packet.as_slice(); 64];
        let more: usize = options.iter().map(|length| length + 4).sum();
        let kernel = &mut rig.kernel;
        let mut round = || {
            kernel.input(Instant(1), cable, &frames).unwrap();
            let mut count = 0;
            kernel.output(cable, &mut |frame| {
                assert_eq!(frame.len(), packet.len() + 50 + more, "{kind}");
                count += 1;
            });
            assert_eq!(count, 64, "{kind}");
        };
        // Frames that move need more of the pool, which grows at first.
        (0..2).for_each(|_| round());
        let memory = allocation_counter::measure(|| (0..20).for_each(|_| round()));
        assert_eq!(memory.count_total, 0, "{kind}, options of {more} bytes: 1,280 frames");
        assert_eq!(rig.kernel.frames_inside(), 0);
    }
}

/// What a route says of its encapsulation.
type Says<'a> = &'a dyn Fn(&mut Builder);

#[test]
fn what_cannot_be_is_refused() {
    let (mut rig, index) = router("geneve");
    let refused: [(&str, Says); 9] = [
        ("no type", &|out| out.put(RTA_ENCAP, &[])),
        ("an unknown type", &|out| out.u16(RTA_ENCAP_TYPE, 99)),
        ("a type without its module", &|out| out.u16(RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_SEG6)),
        ("data that are no words", &|out| tunnel(out, &[6])),
        ("data that are too long", &|out| tunnel(out, &[132])),
        ("too many options", &|out| tunnel(out, &[100, 100, 100])),
        ("options that say nothing", &|out| {
            let nest = out.nest(RTA_ENCAP);
            let all = out.nest(LWTUNNEL_IP_OPTS | NESTED);
            out.put(LWTUNNEL_IP_OPTS_GENEVE | NESTED, &[]);
            out.end(all);
            out.end(nest);
            out.u16(RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_IP);
        }),
        ("options of no tunnel", &|out| {
            let nest = out.nest(RTA_ENCAP);
            let all = out.nest(LWTUNNEL_IP_OPTS | NESTED);
            out.put(9 | NESTED, &[]);
            out.end(all);
            out.end(nest);
            out.u16(RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_IP6);
        }),
        ("programs", &|out| {
            out.put(RTA_ENCAP, &[]);
            out.u16(RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_BPF);
        }),
    ];
    for (what, encap) in refused {
        assert!(rig.talk(&route(index, encap)).is_err(), "{what}");
    }
    // Every cut of a good request is answered, be it well or badly, and the kernel goes on.
    let whole = route(index, |out| tunnel(out, &[4, 8]));
    for at in 16..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 0xff;
        let _ = rig.talk(&bent);
    }
    assert!(rig.index("tunnel") == index);
}
