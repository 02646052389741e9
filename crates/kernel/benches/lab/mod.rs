//! A kernel with cables for benches.

use kernel::run::{PortId, PortKind};
use kernel::{ClientId, Instant, Kernel, NetnsId};
use rtnl::attr::Builder;
use rtnl::kind::veth;
use rtnl::message::{Header, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST};
use rtnl::object::link::*;

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
}
