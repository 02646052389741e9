//! What the kernel's tests share: requests in rtnetlink bytes, and a kernel with a client in it.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

pub mod datagram;
pub mod speech;
pub mod town;

use kernel::{ClientId, Instant, Kernel, NetnsId};
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::*;
use rtnl::object::link::*;

/// A request: its type, `NLM_F_REQUEST` and other flags, `struct ifinfomsg` with an index, attributes.
pub fn request(kind: u16, flags: u16, ifindex: i32, attrs: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let mut out = Builder::new();
    let start = out.start(Header { kind, flags: NLM_F_REQUEST | flags, seq: 1, pid: 0 });
    Ifinfo { ifindex, ..Ifinfo::default() }.encode(&mut out);
    attrs(&mut out);
    out.finish(start);
    out.bytes
}

/// What `ip link add` sends: attributes of the link, then its kind with its data.
pub fn new_link(kind: &str, attrs: impl FnOnce(&mut Builder), data: impl FnOnce(&mut Builder)) -> Vec<u8> {
    request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, 0, |out| {
        attrs(out);
        let info = out.nest(IFLA_LINKINFO);
        out.string(IFLA_INFO_KIND, kind.as_bytes());
        let nest = out.nest(IFLA_INFO_DATA);
        data(out);
        out.end_or_drop(nest);
        out.end(info);
    })
}

/// A link with a name and nothing else.
pub fn named(kind: &str, name: &str) -> Vec<u8> {
    new_link(kind, |out| out.string(IFLA_IFNAME, name.as_bytes()), |_| ())
}

/// A link of that name on top of another.
pub fn on_top(kind: &str, name: &str, lower: u32) -> Vec<u8> {
    let attrs = |out: &mut Builder| {
        out.string(IFLA_IFNAME, name.as_bytes());
        out.u32(IFLA_LINK, lower);
    };
    new_link(kind, attrs, |out| match kind {
        "vlan" => out.u16(rtnl::kind::vlan::IFLA_VLAN_ID, 7),
        "ipvlan" | "ipvtap" => out.u16(rtnl::kind::ipvlan::IFLA_IPVLAN_MODE, 0),
        "macsec" => out.u8(rtnl::kind::macsec::IFLA_MACSEC_ENCRYPT, 1),
        _ => out.u32(rtnl::kind::macvlan::IFLA_MACVLAN_MODE, 4),
    })
}

/// A pair, both ends named.
pub fn pair(name: &str, peer: &str) -> Vec<u8> {
    new_link(
        "veth",
        |out| out.string(IFLA_IFNAME, name.as_bytes()),
        |out| {
            let nest = out.nest(rtnl::kind::veth::VETH_INFO_PEER);
            Ifinfo::default().encode(out);
            out.string(IFLA_IFNAME, peer.as_bytes());
            out.end(nest);
        },
    )
}

/// A change of a link.
pub fn change(ifindex: u32, attrs: impl FnOnce(&mut Builder)) -> Vec<u8> {
    request(RTM_NEWLINK, NLM_F_ACK, ifindex as i32, attrs)
}

/// Sets a link up or down.
pub fn up(ifindex: u32, up: bool) -> Vec<u8> {
    let mut out = Builder::new();
    let header = Header { kind: RTM_NEWLINK, flags: NLM_F_REQUEST | NLM_F_ACK, seq: 1, pid: 0 };
    let start = out.start(header);
    let flags = if up { IFF_UP } else { 0 };
    Ifinfo { ifindex: ifindex as i32, flags, change: IFF_UP, ..Ifinfo::default() }.encode(&mut out);
    out.finish(start);
    out.bytes
}

/// Deletes a link.
pub fn delete(ifindex: u32) -> Vec<u8> {
    request(RTM_DELLINK, NLM_F_ACK, ifindex as i32, |_| ())
}

/// Asks for a link by name.
pub fn get(name: &str) -> Vec<u8> {
    request(RTM_GETLINK, 0, 0, |out| out.string(IFLA_IFNAME, name.as_bytes()))
}

/// Asks for all links.
pub fn dump() -> Vec<u8> {
    request(RTM_GETLINK, NLM_F_DUMP, 0, |_| ())
}

/// A kernel and a client in a namespace of it.
pub struct Rig {
    /// The kernel.
    pub kernel: Kernel,
    /// The namespace.
    pub netns: NetnsId,
    /// The client in there.
    pub client: ClientId,
}

impl Rig {
    /// A fresh kernel with one namespace beside the first.
    pub fn new() -> Rig {
        let mut kernel = Kernel::new(1);
        let netns = kernel.create_netns().expect("room for a namespace");
        let client = kernel.open(netns).expect("room for a client");
        Rig { kernel, netns, client }
    }

    /// Everything that waits for a client, datagram by datagram.
    pub fn read(&mut self, client: ClientId) -> Vec<Vec<u8>> {
        let (mut all, mut piece) = (Vec::new(), Vec::new());
        while self.kernel.receive(client, &mut piece) {
            all.push(piece.clone());
        }
        all
    }

    /// Sends a request and gives the answers.
    pub fn ask(&mut self, request: &[u8]) -> Vec<Vec<u8>> {
        self.kernel.handle(Instant(0), self.client, request).expect("an open client");
        self.read(self.client)
    }

    /// Sends a request that is answered by an acknowledgement or a refusal.
    pub fn talk(&mut self, request: &[u8]) -> Result<(), Refusal> {
        let answers = self.ask(request);
        let answer = answers.last().and_then(|bytes| Messages(bytes).next()).expect("an answer");
        assert_eq!(answer.header.kind, NLMSG_ERROR, "no acknowledgement");
        Refusal::decode(&answer).map_or(Ok(()), Err)
    }

    /// The same; only the number and the sentence.
    pub fn refusal(&mut self, request: &[u8]) -> Option<(Errno, Option<String>)> {
        let refusal = self.talk(request).err()?;
        Some((refusal.errno, refusal.sentence.map(|sentence| sentence.into_owned())))
    }

    /// The index of a link.
    pub fn index(&mut self, name: &str) -> u32 {
        let answers = self.ask(&get(name));
        let answer = Messages(&answers[0]).next().expect("an answer");
        assert_eq!(answer.header.kind, RTM_NEWLINK, "there is no {name}");
        Ifinfo::decode(&answer).expect("a link").ifindex as u32
    }

    /// The names of all links, from a dump that is read back; none if it is not whole.
    pub fn names(&mut self) -> Option<Vec<String>> {
        let pieces = self.ask(&dump());
        let (mut names, mut ended) = (Vec::new(), false);
        for message in pieces.iter().flat_map(|piece| Messages(piece)) {
            ended |= message.header.kind == NLMSG_DONE;
            if message.header.kind == RTM_NEWLINK {
                Ifinfo::decode(&message)?;
                names.push(message.attrs(Ifinfo::SIZE).find(IFLA_IFNAME)?.text().into_owned());
            }
        }
        ended.then_some(names)
    }
}
