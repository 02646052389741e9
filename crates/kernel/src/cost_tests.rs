//! What requests cost, in steps of walks ([`crate::work`]): it follows what they touch, not how much there is.

use crate::{ClientId, Kernel, NetnsId};
use rtnl::attr::Builder;
use rtnl::message::*;
use rtnl::object::link::*;
use rtnl::object::netns::*;

struct Lab {
    kernel: Kernel,
    netns: NetnsId,
    client: ClientId,
}

impl Lab {
    fn new() -> Lab {
        let mut kernel = Kernel::new(1);
        let netns = kernel.create_netns().expect("room for a namespace");
        let client = kernel.open(netns).expect("room for a client");
        Lab { kernel, netns, client }
    }

    /// Sends a request; gives how many messages answer it.
    fn ask(&mut self, kind: u16, flags: u16, body: impl FnOnce(&mut Builder)) -> usize {
        let mut out = Builder::new();
        let start = out.start(Header { kind, flags: NLM_F_REQUEST | flags, seq: 1, pid: 0 });
        body(&mut out);
        out.finish(start);
        self.kernel.handle(self.kernel.world.now, self.client, &out.bytes).expect("an open client");
        let (mut count, mut piece) = (0, Vec::new());
        while self.kernel.receive(self.client, &mut piece) {
            count += Messages(&piece).count();
        }
        count
    }

    fn dummy(&mut self, name: &str) {
        self.ask(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, |out| {
            Ifinfo::default().encode(out);
            out.string(IFLA_IFNAME, name.as_bytes());
            let info = out.nest(IFLA_LINKINFO);
            out.string(IFLA_INFO_KIND, b"dummy");
            out.end(info);
        });
        assert!(self.kernel.ifindex(self.netns, name).is_some(), "{name} was made");
    }

    /// The steps that something takes in the client's namespace.
    fn steps<T>(&mut self, deed: impl FnOnce(&mut Lab) -> T) -> (u64, T) {
        let count = |lab: &Lab| lab.kernel.world.space(lab.netns).expect("it lives").steps.count();
        let before = count(self);
        let result = deed(self);
        (count(self) - before, result)
    }
}

#[test]
fn a_dump_of_identifiers_walks_them_once() {
    const SPACES: usize = 3000;
    let mut lab = Lab::new();
    for _ in 0..SPACES {
        let other = lab.kernel.create_netns().expect("room for a namespace");
        lab.ask(RTM_NEWNSID, NLM_F_ACK, |out| {
            out.bytes.extend([0; 4]);
            out.i32(NETNSA_NSID, -1);
            out.u32(NETNSA_FD, other.0);
        });
    }
    let (steps, messages) = lab.steps(|lab| lab.ask(RTM_GETNSID, NLM_F_DUMP, |out| out.bytes.extend([0; 4])));
    assert_eq!(messages, SPACES + 1, "and the end");
    // The first of each piece ended the one before.
    assert!(steps <= SPACES as u64 + 10, "{steps} steps");
}

#[test]
fn a_dump_of_links_walks_them_once() {
    const LINKS: usize = 2000;
    let mut lab = Lab::new();
    (0..LINKS).for_each(|n| lab.dummy(&format!("d{n}")));
    let (steps, messages) =
        lab.steps(|lab| lab.ask(RTM_GETLINK, NLM_F_DUMP, |out| Ifinfo::default().encode(out)));
    assert_eq!(messages, LINKS + 2, "the loopback, and the end");
    assert!(steps <= 3 * LINKS as u64, "{steps} steps");
}
