//! Any datagrams, from clients in any namespaces, at any time: the kernel must not panic, and afterwards every
//! namespace can still be listed, its listing be read back, and all of it be taken down.
//!
//! The input is a row of steps. One step is: its length in two bytes, a byte that says what it is, its bytes. Real
//! requests can so be found in an input by libFuzzer as they stand, and its mutations keep most of them whole.

#![no_main]

use kernel::{ClientId, Instant, Kernel, NetnsId};
use libfuzzer_sys::fuzz_target;
use rtnl::attr::Builder;
use rtnl::message::{Header, Messages, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE};
use rtnl::object::link::{IFLA_IFNAME, Ifinfo, RTM_GETLINK, RTM_NEWLINK, RTNLGRP_LINK};
use rtnl::object::netns::RTNLGRP_NSID;

/// Namespaces of one kernel at most.
const SPACES: usize = 8;
/// Steps of one input at most.
const STEPS: usize = 64;

/// A kernel, and one client in each namespace.
struct Scene {
    kernel: Kernel,
    now: Instant,
    spaces: Vec<(NetnsId, ClientId)>,
}

impl Scene {
    fn new() -> Scene {
        let mut scene = Scene { kernel: Kernel::new(1), now: Instant(0), spaces: Vec::new() };
        let initial = scene.kernel.initial_netns();
        scene.enter(initial);
        scene.add_space();
        scene.kernel.add_nic(scene.spaces[1].0, "ens3", [0x52, 0x54, 0, 0x12, 0x34, 0x56]).expect("a NIC");
        scene
    }

    fn enter(&mut self, netns: NetnsId) {
        let client = self.kernel.open(netns).expect("room for a client");
        self.spaces.push((netns, client));
    }

    fn add_space(&mut self) {
        if self.spaces.len() < SPACES {
            let netns = self.kernel.create_netns().expect("room for a namespace");
            self.enter(netns);
        }
    }

    /// Ends a namespace, never the first.
    fn end_space(&mut self, at: usize) {
        if at % self.spaces.len() > 0 {
            let (netns, client) = self.spaces.remove(at % self.spaces.len());
            self.kernel.destroy_netns(self.now, netns).expect("a namespace");
            self.kernel.close(client);
        }
    }

    fn step(&mut self, what: u8, bytes: &[u8]) {
        let at = usize::from(what >> 4);
        let (_, client) = self.spaces[at % self.spaces.len()];
        match what & 15 {
            0 => self.add_space(),
            1 => self.end_space(at),
            2 => {
                let span = bytes.iter().take(5).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                self.now = Instant(self.now.0.saturating_add(span));
                self.kernel.advance(self.now);
            }
            3 => {
                for group in [RTNLGRP_LINK, RTNLGRP_NSID] {
                    self.kernel.join(client, group).expect("an open client");
                }
            }
            4 => drop(self.read(client)),
            _ => {
                let _ = self.kernel.handle(self.now, client, bytes);
            }
        }
    }

    fn read(&mut self, client: ClientId) -> Vec<u8> {
        let (mut all, mut piece) = (Vec::new(), Vec::new());
        // A loss is told once; what waits can be read all the same.
        while self.kernel.try_receive(client, &mut piece) != Ok(false) {
            all.extend_from_slice(&piece);
        }
        all
    }

    /// Lists every namespace and reads the listing back.
    fn check(&mut self) {
        for (_, client) in self.spaces.clone() {
            self.read(client);
            self.kernel.handle(self.now, client, &dump()).expect("an open client");
            let listing = self.read(client);
            let mut ended = false;
            for message in Messages(&listing) {
                ended |= message.header.kind == NLMSG_DONE;
                if message.header.kind == RTM_NEWLINK {
                    let info = Ifinfo::decode(&message).expect("a link's header");
                    let name = message.attrs(Ifinfo::SIZE).find(IFLA_IFNAME).expect("a link's name");
                    assert!(info.ifindex > 0 && kernel::names::is_valid_name(name.string()));
                }
            }
            assert!(ended, "the listing has no end");
        }
    }
}

fn dump() -> Vec<u8> {
    let mut out = Builder::new();
    let header = Header { kind: RTM_GETLINK, flags: NLM_F_REQUEST | NLM_F_DUMP, seq: 1, pid: 0 };
    let start = out.start(header);
    Ifinfo::default().encode(&mut out);
    out.finish(start);
    out.bytes
}

fuzz_target!(|input: &[u8]| {
    let (mut scene, mut rest) = (Scene::new(), input);
    for _ in 0..STEPS {
        let Some(([low, high, what], behind)) = rest.split_first_chunk::<3>() else { break };
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(behind.len());
        scene.step(*what, &behind[..length]);
        rest = &behind[length..];
    }
    scene.check();
    while scene.spaces.len() > 1 {
        scene.end_space(1);
    }
    scene.check();
});
