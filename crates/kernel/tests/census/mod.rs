//! How much memory links take, counted by the allocator.

#![allow(unreachable_pub, reason = "a module that tests share")]

use super::common::*;
use allocation_counter::measure;
use kernel::Instant;
use rtnl::attr::Builder;
use rtnl::object::link::{IFLA_IFNAME, IFLA_LINK};

/// Virtual time in which a link that goes up comes to rest, in microseconds.
const REST: u64 = 30_000_000;

/// A link of a type, as little as a request can say; what stands on another gets a lower device of its own.
fn example(kind: &str, name: &str, lower: u32) -> Vec<u8> {
    let attrs = |out: &mut Builder| {
        out.string(IFLA_IFNAME, name.as_bytes());
        out.u32(IFLA_LINK, lower);
    };
    new_link(kind, attrs, |out| match kind {
        "vlan" => out.u16(rtnl::kind::vlan::IFLA_VLAN_ID, 7),
        "vrf" => out.u32(rtnl::kind::vrf::IFLA_VRF_TABLE, lower),
        "vxlan" => out.u32(rtnl::kind::vxlan::IFLA_VXLAN_ID, lower),
        "geneve" => {
            out.u32(rtnl::kind::geneve::IFLA_GENEVE_ID, lower);
            out.put(rtnl::kind::geneve::IFLA_GENEVE_REMOTE, &[192, 0, 2, 1]);
        }
        _ => {}
    })
}

/// Live bytes of each of so many links of a type, its name and what it costs its lower device among them. Both ends of
/// a pair are links. Those that are up have been so until nothing happened any more.
pub fn bytes_of_a_link(kind: &str, go_up: bool, links: usize) -> i64 {
    let mut rig = Rig::new();
    for n in 0..links {
        rig.talk(&named("dummy", &format!("d{n}"))).expect("a link to stand on");
    }
    if go_up {
        (0..links).for_each(|n| rig.talk(&up(n as u32 + 2, true)).expect("it goes up"));
        rig.kernel.advance(Instant(REST));
    }
    let first = links as u32 + 2;
    let requests: Vec<_> = (0..links).map(|n| example(kind, &format!("l{n}"), n as u32 + 2)).collect();
    let mut made = 0;
    let memory = measure(|| {
        for request in &requests {
            rig.talk(request).unwrap_or_else(|refusal| panic!("how is a {kind} made? {refusal:?}"));
        }
        made = rig.kernel.ifindex(rig.netns, &format!("l{}", links - 1)).expect("the last one") + 1 - first;
        if go_up {
            (first..first + made).for_each(|index| rig.talk(&up(index, true)).expect("it goes up"));
            rig.kernel.advance(Instant(2 * REST));
        }
    });
    memory.bytes_current / i64::from(made)
}

/// Live bytes of a kernel with so many links in it, all up and at rest: pairs, in a namespace beside the first.
pub fn bytes_of_a_kernel(links: usize) -> i64 {
    let mut kept = Vec::with_capacity(1);
    let memory = measure(|| {
        let mut rig = Rig::new();
        for n in 0..links / 2 {
            rig.talk(&pair(&format!("a{n}"), &format!("b{n}"))).expect("a pair");
        }
        (2..links as u32 + 2).for_each(|index| rig.talk(&up(index, true)).expect("it goes up"));
        rig.kernel.advance(Instant(REST));
        kept.push(rig);
    });
    memory.bytes_current
}
