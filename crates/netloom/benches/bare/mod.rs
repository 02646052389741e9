//! What `ip` asks the kernel in the rows of the bench `linux`, asked with nothing around it.

use edge::netlink::Netlink;
use rtnl::attr::Builder;
use rtnl::client::{Channel, Client};
use rtnl::errno::Errno;
use rtnl::kind::veth::VETH_INFO_PEER;
use rtnl::message::{Header, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST};
use rtnl::object::link::*;
use std::time::{Duration, Instant};

/// Lines of the batches, and half the links of the listings.
pub(crate) const MANY: usize = 1000;

/// A request for a pair of veth.
fn pair(names: [&str; 2]) -> Vec<u8> {
    let mut out = Builder::new();
    let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    let start = out.start(Header { kind: RTM_NEWLINK, flags, seq: 1, pid: 0 });
    Ifinfo::default().encode(&mut out);
    out.string(IFLA_IFNAME, names[0].as_bytes());
    let info = out.nest(IFLA_LINKINFO);
    out.put(IFLA_INFO_KIND, b"veth");
    let data = out.nest(IFLA_INFO_DATA);
    let peer = out.nest(VETH_INFO_PEER);
    Ifinfo::default().encode(&mut out);
    out.string(IFLA_IFNAME, names[1].as_bytes());
    out.end(peer);
    out.end(data);
    out.end(info);
    out.finish(start);
    out.bytes
}

/// What went wrong, for people.
fn told(errno: Errno) -> String {
    format!("the bare requests failed: {errno}")
}

fn send(channel: &mut Netlink, request: &[u8], answer: &mut Vec<u8>) -> Result<(), Errno> {
    channel.send(request)?;
    channel.receive(answer)
}

/// Pairs, all in the namespace of the calling thread.
pub(crate) fn make_pairs() -> Result<Duration, String> {
    let requests: Vec<_> = (0..MANY).map(|at| pair([&format!("v{at}"), &format!("w{at}")])).collect();
    let (mut channel, mut answer) = (Netlink::open().map_err(told)?, Vec::new());
    let begin = Instant::now();
    for request in &requests {
        send(&mut channel, request, &mut answer).map_err(told)?;
    }
    Ok(begin.elapsed())
}

/// Namespaces without names, each with a pair in it. They stay until all are made.
pub(crate) fn make_namespaces() -> Result<Duration, String> {
    let (request, mut answer) = (pair(["v0", "v1"]), Vec::new());
    let mut kept = Vec::with_capacity(MANY);
    let begin = Instant::now();
    for _ in 0..MANY {
        edge::netns::isolate().map_err(told)?;
        let mut channel = Netlink::open().map_err(told)?;
        send(&mut channel, &request, &mut answer).map_err(told)?;
        kept.push(channel);
    }
    Ok(begin.elapsed())
}

/// The loopback device.
pub(crate) fn ask_for_lo() -> Result<Duration, String> {
    let mut body = Builder::new();
    Ifinfo::default().encode(&mut body);
    body.string(IFLA_IFNAME, b"lo");
    let begin = Instant::now();
    let mut channel = Netlink::open().map_err(told)?;
    let asked = Client::new(&mut channel).ask(RTM_GETLINK, 0, &body.bytes);
    asked.map_err(|refusal| told(refusal.errno))?;
    Ok(begin.elapsed())
}

/// All links.
pub(crate) fn list() -> Result<Duration, String> {
    let mut body = Builder::new();
    Ifinfo::default().encode(&mut body);
    body.u32(IFLA_EXT_MASK, RTEXT_FILTER_VF);
    let begin = Instant::now();
    let mut channel = Netlink::open().map_err(told)?;
    let mut client = Client::new(&mut channel);
    let mut dumping = client.begin_dump(RTM_GETLINK, &body.bytes).map_err(told)?;
    let mut part = Vec::new();
    while client.next_part(&mut dumping, &mut part).map_err(|refusal| told(refusal.errno))? {}
    Ok(begin.elapsed())
}
