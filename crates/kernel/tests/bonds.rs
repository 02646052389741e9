//! Bonds: what they send allocates nothing, in any mode and by any policy, and goes where it is to go.

mod common;

use common::{change, new_link, pair, up};
use kernel::run::{PortId, PortKind};
use kernel::{ClientId, Instant, Kernel, NetnsId};
use rtnl::kind::bond::*;
use rtnl::object::link::{IFLA_IFNAME, IFLA_MASTER};

const SECOND: u64 = 1_000_000;

/// A bond over two links, whose cables end in ports.
struct Rig {
    kernel: Kernel,
    netns: NetnsId,
    client: ClientId,
    input: PortId,
    outputs: [PortId; 2],
}

impl Rig {
    fn new(mode: u8, policy: u8) -> Rig {
        let mut kernel = Kernel::new(1);
        let netns = kernel.create_netns().unwrap();
        for name in ["all", "default"] {
            kernel.set_sysctl(netns, &format!("net.ipv6.conf.{name}.disable_ipv6"), "1").unwrap();
        }
        let client = kernel.open(netns).unwrap();
        let mut must = |request: &[u8]| {
            kernel.handle(Instant(0), client, request).unwrap();
            let mut answer = Vec::new();
            while kernel.receive(client, &mut answer) {
                assert_eq!(answer[16..20], [0; 4], "refused");
            }
        };
        // The first link of a namespace is its loopback; a pair's peer comes before it.
        must(&pair("s1", "x1"));
        must(&pair("s2", "x2"));
        must(&new_link(
            "bond",
            |out| out.string(IFLA_IFNAME, b"b0"),
            |out| {
                out.u8(IFLA_BOND_MODE, mode);
                out.u8(IFLA_BOND_XMIT_HASH_POLICY, policy);
                out.u32(IFLA_BOND_MIIMON, 100);
            },
        ));
        let [x1, s1, x2, s2, bond] = [2, 3, 4, 5, 6];
        for index in [x1, x2] {
            must(&up(index, true));
        }
        for index in [s1, s2] {
            must(&change(index, |out| out.u32(IFLA_MASTER, bond)));
        }
        must(&up(bond, true));
        let mut port = |index, kind| kernel.attach_port(netns, index, kind).unwrap();
        let input = port(bond, PortKind::Socket);
        let outputs = [port(x1, PortKind::Owner), port(x2, PortKind::Owner)];
        kernel.advance(Instant(SECOND));
        let mut rig = Rig { kernel, netns, client, input, outputs };
        rig.take();
        rig
    }

    fn take(&mut self) -> [usize; 2] {
        self.outputs.map(|port| {
            let mut came = 0;
            self.kernel.output(port, &mut |_| came += 1);
            came
        })
    }

    fn send(&mut self, frames: &[&[u8]]) -> [usize; 2] {
        self.kernel.input(Instant(SECOND), self.input, frames).unwrap();
        self.take()
    }
}

/// UDP packets of many flows.
fn flows() -> Vec<Vec<u8>> {
    let flow = |n: u8| {
        let mut bytes = vec![2, 0x10, 0, 0, 0, n, 2, 9, 0, 0, 0, 1, 8, 0];
        bytes.extend([0x45, 0, 0, 50, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 1, 0, n]);
        bytes.extend([0x30, n, 0x13, 0x88, 0, 30, 0, 0]);
        bytes.resize(64, 0);
        bytes
    };
    (0..64).map(flow).collect()
}

#[test]
fn sending_allocates_nothing_in_any_mode() {
    let frames = flows();
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    for mode in BOND_MODE_ROUNDROBIN..=BOND_MODE_ALB {
        for policy in 0..=5 {
            let mut rig = Rig::new(mode, policy);
            let copies = if mode == BOND_MODE_BROADCAST { 2 } else { 1 };
            (0..10).for_each(|_| assert_eq!(rig.send(&frames).iter().sum::<usize>(), frames.len() * copies));
            let memory = allocation_counter::measure(|| (0..100).for_each(|_| _ = rig.send(&frames)));
            assert_eq!(memory.count_total, 0, "mode {mode}, policy {policy}");
        }
    }
}

#[test]
fn a_bond_whose_link_fails_sends_through_the_other() {
    let frames = flows();
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    for mode in BOND_MODE_ROUNDROBIN..=BOND_MODE_ALB {
        let mut rig = Rig::new(mode, 1);
        assert!(rig.send(&frames).iter().sum::<usize>() >= frames.len(), "mode {mode}");
        let down = up(2, false);
        rig.kernel.handle(Instant(SECOND), rig.client, &down).unwrap();
        rig.kernel.advance(Instant(2 * SECOND));
        rig.take();
        rig.kernel.input(Instant(2 * SECOND), rig.input, &frames).unwrap();
        assert_eq!(rig.take(), [0, frames.len()], "mode {mode} in {:?}", rig.netns);
    }
}
