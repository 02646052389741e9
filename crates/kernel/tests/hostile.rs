//! No bytes that a client sends make the kernel panic, overflow the stack, or spend more than its datagram is long;
//! and whatever was sent, the kernel answers the next client as if nothing had been.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a small stack is a thread's")]

mod common;

use common::*;
use kernel::Instant;
use proptest::prelude::*;
use rtnl::attr::{Builder, HEADER, NESTED};
use rtnl::message::*;
use rtnl::object::link::*;
use rtnl::object::netns::*;

/// A rig with a few links, so that requests find something.
fn populated() -> Rig {
    let mut rig = Rig::new();
    let vrf = |out: &mut Builder| out.u32(rtnl::kind::vrf::IFLA_VRF_TABLE, 10);
    for request in [
        named("dummy", "d0"),
        named("bridge", "br0"),
        pair("veth0", "veth1"),
        named("ifb", "ifb0"),
        named("dummy", "d1"),
        named("dummy", "d2"),
        named("vcan", "can0"),
        named("vxcan", "can1"),
        named("nlmon", "mon0"),
        named("netkit", "kit0"),
        new_link("vrf", |out| out.string(IFLA_IFNAME, b"vrf0"), vrf),
    ] {
        rig.talk(&request).expect("a link");
    }
    let lower = rig.index("d0");
    for kind in ["vlan", "macvlan", "macvtap"] {
        rig.talk(&on_top(kind, &format!("{kind}0"), lower)).expect("a link");
    }
    for (kind, lower) in [("ipvlan", "d1"), ("ipvtap", "d1"), ("macsec", "d2")] {
        let lower = rig.index(lower);
        rig.talk(&on_top(kind, &format!("{kind}0"), lower)).expect("a link");
    }
    let (bridge, port) = (rig.index("br0"), rig.index("veth0"));
    rig.talk(&change(port, |out| out.u32(IFLA_MASTER, bridge))).expect("a port");
    for index in 1..9 {
        rig.talk(&up(index, true)).expect("it goes up");
    }
    rig
}

/// One real request of every sort.
fn requests() -> Vec<Vec<u8>> {
    let bridge = |out: &mut Builder| out.u32(rtnl::kind::bridge::IFLA_BR_FORWARD_DELAY, 400);
    let vrf = |out: &mut Builder| out.u32(rtnl::kind::vrf::IFLA_VRF_TABLE, 11);
    let altname = |out: &mut Builder| {
        let list = out.nest(IFLA_PROP_LIST | NESTED);
        out.string(IFLA_ALT_IFNAME, b"another-name");
        out.end(list);
    };
    let port = |out: &mut Builder| {
        let info = out.nest(IFLA_LINKINFO);
        out.string(IFLA_INFO_SLAVE_KIND, b"bridge");
        let data = out.nest(IFLA_INFO_SLAVE_DATA);
        out.u32(rtnl::kind::bridge_slave::IFLA_BRPORT_COST, 7);
        out.end(data);
        out.end(info);
    };
    vec![
        named("dummy", "d1"),
        pair("a", "b"),
        on_top("vlan", "x", 2),
        on_top("macvlan", "y", 2),
        on_top("macvtap", "z", 2),
        on_top("ipvlan", "i", 7),
        on_top("ipvtap", "t", 7),
        on_top("macsec", "s", 8),
        named("vcan", "can9"),
        named("vxcan", "can8"),
        named("nlmon", "mon9"),
        named("netkit", "kit9"),
        new_link("vrf", |out| out.string(IFLA_IFNAME, b"vrf1"), vrf),
        change(7, |out| out.u32(IFLA_MASTER, 15)),
        new_link("bridge", |out| out.string(IFLA_IFNAME, b"br1"), bridge),
        change(2, |out| out.u32(IFLA_MTU, 1400)),
        change(2, |out| out.put(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1])),
        change(2, |out| out.string(IFLA_IFNAME, b"renamed")),
        change(2, |out| out.put(IFLA_IFALIAS, b"an alias")),
        change(2, |out| out.u32(IFLA_MASTER, 3)),
        change(2, |out| out.u32(IFLA_NET_NS_FD, 0)),
        change(4, port),
        request(RTM_NEWLINKPROP, NLM_F_ACK, 2, altname),
        request(RTM_DELLINKPROP, NLM_F_ACK, 2, altname),
        request(RTM_NEWNSID, NLM_F_ACK, 0, |out| out.u32(NETNSA_FD, 0)),
        request(RTM_GETNSID, NLM_F_DUMP, 0, |_| ()),
        request(RTM_SETLINK, NLM_F_ACK, 2, |out| out.u32(IFLA_GROUP, 5)),
        delete(2),
        get("br0"),
        dump(),
    ]
}

/// Sends a datagram; after it a dump must succeed and be read back.
fn survives(rig: &mut Rig, datagram: &[u8]) -> bool {
    if rig.kernel.handle(Instant(0), rig.client, datagram).is_err() {
        return false;
    }
    rig.read(rig.client);
    rig.names().is_some()
}

/// Datagrams that look like requests: right lengths, any types, flags, attributes.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        (0u32..12).prop_map(|value| value.to_ne_bytes().to_vec()),
        any::<u32>().prop_map(|value| value.to_ne_bytes().to_vec()),
        prop::sample::select(vec![
            &b"d0\0"[..],
            b"dummy\0",
            b"veth",
            b"vlan\0",
            b"bridge\0",
            b"%d\0",
            b"lo\0"
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    let leaf = (0u16..64, payload).prop_map(|(number, payload)| {
        let mut out = Builder::new();
        out.put(number, &payload);
        out.bytes
    });
    let tree = leaf.prop_recursive(4, 24, 6, |inner| {
        (0u16..64, any::<bool>(), prop::collection::vec(inner, 0..6)).prop_map(|(number, flag, inner)| {
            let mut out = Builder::new();
            out.put(number | if flag { NESTED } else { 0 }, &inner.concat());
            out.bytes
        })
    });
    let kind = prop_oneof![
        prop::sample::select(vec![
            RTM_NEWLINK,
            RTM_DELLINK,
            RTM_GETLINK,
            RTM_SETLINK,
            RTM_NEWNSID,
            RTM_GETNSID
        ]),
        any::<u16>(),
    ];
    let flags = prop_oneof![Just(NLM_F_ACK | NLM_F_CREATE), Just(NLM_F_DUMP), any::<u16>()];
    let info = (any::<[u8; 4]>(), -2i32..16, any::<[u32; 2]>());
    let message = (kind, flags, info, prop::collection::vec(tree, 0..8));
    prop::collection::vec(message, 1..5).prop_map(|messages| {
        let mut out = Builder::new();
        for (kind, flags, (head, ifindex, words), attrs) in messages {
            let start = out.start(Header { kind, flags: flags | NLM_F_REQUEST, seq: 1, pid: 0 });
            out.bytes.extend_from_slice(&[head[0] & 7, 0, head[2], head[3]]);
            out.bytes.extend_from_slice(&ifindex.to_ne_bytes());
            words.iter().for_each(|word| out.bytes.extend_from_slice(&word.to_ne_bytes()));
            attrs.iter().for_each(|attr| out.bytes.extend_from_slice(attr));
            out.finish(start);
        }
        out.bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..4)) {
        let mut rig = populated();
        for datagram in &datagrams {
            prop_assert!(survives(&mut rig, datagram));
        }
    }

    #[test]
    fn no_requests_make_it_panic(datagrams in prop::collection::vec(datagram(), 1..6)) {
        let mut rig = populated();
        for datagram in &datagrams {
            prop_assert!(survives(&mut rig, datagram));
        }
        rig.kernel.advance(Instant(3_600_000_000));
        prop_assert!(rig.kernel.destroy_netns(Instant(3_600_000_000), rig.netns).is_ok());
    }

    #[test]
    fn no_altered_request_makes_it_panic(
        which in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let (all, mut rig) = (requests(), populated());
        let mut datagram: Vec<u8> = which.iter().flat_map(|which| all[which.index(all.len())].clone()).collect();
        for (at, byte) in &changes {
            let at = at.index(datagram.len());
            datagram[at] = *byte;
        }
        prop_assert!(survives(&mut rig, &datagram));
    }
}

#[test]
fn requests_cut_at_every_length_do_no_harm() {
    for request in requests() {
        let mut rig = populated();
        for length in 0..request.len() {
            let mut cut = request[..length].to_vec();
            assert!(survives(&mut rig, &cut), "{length} bytes");
            // The same with a header that says so.
            if length >= 16 {
                cut[..4].copy_from_slice(&(length as u32).to_ne_bytes());
                assert!(survives(&mut rig, &cut), "a message of {length} bytes");
            }
        }
    }
}

/// A request whose attributes are `depth` nests of that number, one in the other.
fn deep(number: u16, depth: usize) -> Vec<u8> {
    request(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE, 0, |out| {
        let lengths = (1..=depth).rev().map(|left| (left * HEADER) as u16);
        out.bytes.extend(lengths.flat_map(|length| [length.to_ne_bytes(), number.to_ne_bytes()].concat()));
    })
}

#[test]
fn deep_nests_need_no_deep_stack() {
    let numbers = [IFLA_LINKINFO, IFLA_INFO_DATA, IFLA_PROP_LIST, IFLA_AF_SPEC, IFLA_VFINFO_LIST, 1, 2, 5];
    let small = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
        let mut rig = populated();
        numbers.iter().all(|number| {
            survives(&mut rig, &deep(*number, usize::from(u16::MAX) / HEADER))
                && survives(&mut rig, &deep(*number | NESTED, usize::from(u16::MAX) / HEADER))
        })
    });
    assert!(small.expect("a thread").join().expect("no panic"));
}

/// The largest datagrams, by what they hold.
fn large(size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let message = |fill: &mut dyn FnMut(&mut Builder) -> bool| {
        request(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE, 0, |out| {
            while out.bytes.len() < size - (64 << 10) && fill(out) {}
        })
    };
    let repeat = |one: &[u8]| one.repeat((size - 1) / one.len());
    let mut number = 0;
    let info = named("dummy", "d");
    vec![
        ("zeroes", vec![0; size]),
        ("ones", vec![0xff; size]),
        ("headers", repeat(&request(99, NLM_F_ACK, 0, |_| ())[..16])),
        ("requests for all links", repeat(&dump())),
        ("requests for one link", repeat(&get("br0"))),
        ("links that are there", repeat(&named("dummy", "d0"))),
        ("links without a name", repeat(&new_link("dummy", |_| (), |_| ()))),
        (
            "small attributes",
            message(&mut |out| {
                number = (number + 1) % 200;
                out.u32(number, 7);
                true
            }),
        ),
        (
            "empty attributes",
            message(&mut |out| {
                out.put(IFLA_LINKINFO, &[]);
                true
            }),
        ),
        (
            "large attributes",
            message(&mut |out| {
                out.put(IFLA_LINKINFO, &info[32..].repeat(2000));
                true
            }),
        ),
        (
            "one name after another",
            message(&mut |out| {
                out.string(IFLA_IFNAME, b"name");
                true
            }),
        ),
    ]
}

/// Allocations and bytes that a datagram costs, answers included.
fn cost(datagram: &[u8]) -> (u64, u64) {
    let mut rig = populated();
    let cost = allocation_counter::measure(|| {
        assert!(survives(&mut rig, datagram));
    });
    (cost.count_total, cost.bytes_total)
}

#[test]
fn twice_the_bytes_cost_twice_at_most() {
    for ((what, half), (_, whole)) in large(MAX_REQUEST / 2).into_iter().zip(large(MAX_REQUEST)) {
        assert!(whole.len() <= MAX_REQUEST, "{what}");
        let (half, whole) = (cost(&half), cost(&whole));
        // What is there to list in the end costs too; it is the same for both or grows with the datagram.
        let linear = |half: u64, whole: u64| whole <= half * 9 / 4 + 1000;
        assert!(linear(half.0, whole.0), "{what}: {} allocations, then {}", half.0, whole.0);
        assert!(linear(half.1, whole.1 - whole.1.min(1 << 20)), "{what}: {} bytes, then {}", half.1, whole.1);
    }
}

#[test]
fn what_waits_for_a_client_is_bounded() {
    for (what, datagram) in large(MAX_REQUEST) {
        let mut rig = populated();
        for _ in 0..8 {
            rig.kernel.handle(Instant(0), rig.client, &datagram).expect("an open client");
        }
        let (mut bytes, mut datagram) = (0, Vec::new());
        loop {
            match rig.kernel.try_receive(rig.client, &mut datagram) {
                Ok(true) if Messages(&datagram).next().is_some_and(|m| m.header.flags & NLM_F_MULTI == 0) => {
                    bytes += datagram.len()
                }
                Ok(true) | Err(_) => {}
                Ok(false) => break,
            }
        }
        assert!(bytes <= 4 << 20, "{what}: {bytes} bytes waited");
    }
}
