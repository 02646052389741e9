//! The same calls give the same bytes: answers, refusals, dumps and notifications of a long scenario, run twice.

mod common;

use common::*;
use kernel::{ClientId, Instant, Kernel, NetnsId};
use rtnl::attr::Builder;
use rtnl::message::{Header, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};
use rtnl::object::link::*;
use rtnl::object::netns::*;

/// Requests of one scenario.
const REQUESTS: usize = 800;
/// Namespaces of one scenario.
const SPACES: usize = 5;

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A kernel with namespaces, in each of which one client asks and one listens.
struct Scene {
    kernel: Kernel,
    now: u64,
    spaces: Vec<(NetnsId, ClientId, ClientId)>,
    /// All that any client has read, each datagram behind the number of its client.
    heard: Vec<u8>,
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let mut scene = Scene { kernel: Kernel::new(seed), now: 0, spaces: Vec::new(), heard: Vec::new() };
        for n in 0..SPACES {
            scene.add_space();
            let netns = scene.spaces[n].0;
            let mac = [0x52, 0x54, 0, 0x12, 0x34, n as u8];
            scene.kernel.add_nic(netns, "ens3", mac).expect("room for a NIC");
        }
        scene
    }

    fn add_space(&mut self) {
        let netns = self.kernel.create_netns().expect("room for a namespace");
        let asker = self.kernel.open(netns).expect("room for a client");
        let listener = self.kernel.open(netns).expect("room for a client");
        for group in [RTNLGRP_LINK, RTNLGRP_NSID] {
            self.kernel.join(listener, group).expect("an open client");
        }
        self.spaces.push((netns, asker, listener));
    }

    /// Ends a namespace and makes another in its place.
    fn replace_space(&mut self, at: usize) {
        let (netns, asker, listener) = self.spaces.swap_remove(at);
        self.kernel.destroy_netns(Instant(self.now), netns).expect("a namespace");
        self.hear();
        self.kernel.close(asker);
        self.kernel.close(listener);
        self.add_space();
    }

    fn ask(&mut self, at: usize, request: &[u8]) {
        self.kernel.handle(Instant(self.now), self.spaces[at].1, request).expect("an open client");
        self.hear();
    }

    /// Reads all that waits for anyone.
    fn hear(&mut self) {
        let mut datagram = Vec::new();
        for (n, (_, asker, listener)) in self.spaces.iter().enumerate() {
            for client in [*asker, *listener] {
                while self.kernel.receive(client, &mut datagram) {
                    self.heard.push(n as u8);
                    self.heard.extend_from_slice(&datagram);
                }
            }
        }
        self.heard.extend(self.kernel.next_timeout().map_or(0, |due| due.0).to_ne_bytes());
    }
}

/// A request that makes a link.
fn creation(dice: &mut Dice) -> Vec<u8> {
    let lower = dice.below(20) as u32 + 1;
    let name = format!("n{}", dice.below(60));
    let vrf = |out: &mut Builder| out.u32(rtnl::kind::vrf::IFLA_VRF_TABLE, 10);
    match dice.below(17) {
        0 => new_link("veth", |_| (), |_| ()),
        1 => pair(&name, &format!("p{}", dice.below(40))),
        2 => on_top("vlan", &name, lower),
        3 => on_top("macvlan", &name, lower),
        4 => on_top("macvtap", &name, lower),
        5 => named("bridge", &name),
        6 => named("ifb", &name),
        7 => new_link("dummy", |_| (), |_| ()),
        8 => on_top("ipvlan", &name, lower),
        9 => on_top("ipvtap", &name, lower),
        10 => on_top("macsec", &name, lower),
        11 => named("vcan", &name),
        12 => named("vxcan", &name),
        13 => named("nlmon", &name),
        14 => named("netkit", &name),
        15 => new_link("vrf", |out| out.string(IFLA_IFNAME, name.as_bytes()), vrf),
        _ => named("dummy", &name),
    }
}

/// A request that changes, deletes or lists links.
fn alteration(dice: &mut Dice, spaces: &[(NetnsId, ClientId, ClientId)]) -> Vec<u8> {
    let index = dice.below(30) as u32 + 1;
    let other = dice.below(30) as u32;
    let netns = spaces[dice.below(SPACES as u64) as usize].0.0;
    match dice.below(12) {
        0..=2 => up(index, true),
        3 => up(index, false),
        4 => change(index, |out| out.u32(IFLA_MASTER, other)),
        5 => change(index, |out| out.u32(IFLA_MTU, 1200 + 20 * other)),
        6 => change(index, |out| out.put(IFLA_ADDRESS, &[2, 0, 0, 0, 0, other as u8])),
        7 => change(index, |out| out.u32(IFLA_NET_NS_FD, netns)),
        8 => change(index, |out| out.string(IFLA_IFNAME, format!("r{other}").as_bytes())),
        9 => delete(index),
        10 => nsid(netns),
        _ => request(RTM_GETLINK, NLM_F_DUMP, 0, |_| ()),
    }
}

/// Gives a namespace the next free identifier.
fn nsid(netns: u32) -> Vec<u8> {
    let mut out = Builder::new();
    let header = Header { kind: RTM_NEWNSID, flags: NLM_F_REQUEST | NLM_F_ACK, seq: 2, pid: 0 };
    let start = out.start(header);
    out.bytes.extend_from_slice(&[0; 4]);
    out.u32(NETNSA_FD, netns);
    out.i32(NETNSA_NSID, -1);
    out.finish(start);
    out.bytes
}

/// All that clients read in one scenario.
fn run(seed: u64) -> Vec<u8> {
    let (mut scene, mut dice) = (Scene::new(seed), Dice(42));
    for _ in 0..REQUESTS {
        let at = dice.below(SPACES as u64) as usize;
        match dice.below(100) {
            0 => scene.replace_space(at),
            1..=5 => {
                scene.now += dice.below(5_000_000);
                scene.kernel.advance(Instant(scene.now));
                scene.hear();
            }
            6..=40 => {
                let request = creation(&mut dice);
                scene.ask(at, &request);
            }
            _ => {
                let request = alteration(&mut dice, &scene.spaces);
                scene.ask(at, &request);
            }
        }
    }
    scene.heard
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    let first = run(7);
    assert!(first.len() > 500_000, "only {} bytes were heard", first.len());
    assert!(first == run(7), "two runs differ");
    assert!(first != run(8), "the seed decides addresses");
}
