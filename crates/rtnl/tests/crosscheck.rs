//! A handful of requests against netlink-packet-route, another reading of the same headers: it must understand the
//! bytes that the words give, and what it writes must read the same here.
#![cfg(target_os = "linux")]

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoBridge, InfoData, InfoMacVlan, InfoVlan, LinkAttribute, LinkInfo, LinkMessage, MacVlanMode,
    VlanFlags, VlanProtocol,
};
use rtnl::attr::{Attrs, Builder};
use rtnl::client::Links;
use rtnl::kind;
use rtnl::message::{Header, Messages, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST};
use rtnl::object::link::{
    IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINK, IFLA_LINKINFO, Ifinfo, RTM_NEWLINK,
};
use rtnl::words::Words;

struct Nobody;

impl Links for Nobody {
    fn index(&mut self, _: &str) -> Option<u32> {
        None
    }

    fn name(&mut self, ifindex: u32) -> String {
        format!("if{ifindex}")
    }
}

/// The request of `ip link add link #7 name x type KIND WORDS`.
fn request(kind: &str, words: &str) -> Vec<u8> {
    let words: Vec<String> = words.split_whitespace().map(String::from).collect();
    let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    let mut out = Builder::new();
    let start = out.start(Header { kind: RTM_NEWLINK, flags, seq: 5, pid: 0 });
    Ifinfo::default().encode(&mut out);
    out.u32(IFLA_LINK, 7);
    let info = out.nest(IFLA_LINKINFO);
    out.put(IFLA_INFO_KIND, kind.as_bytes());
    let data = out.nest(IFLA_INFO_DATA);
    let parse = kind::find(kind).unwrap().parse.unwrap();
    parse(&mut Words::new(&words), &mut out, &mut Nobody).unwrap();
    out.end(data);
    out.end(info);
    out.string(IFLA_IFNAME, b"x");
    out.finish(start);
    out.bytes
}

/// The kind's attributes in a request, by number.
fn data(request: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let message = Messages(request).next().unwrap();
    let inside = |attrs: Attrs<'_>, number| attrs.find(number).map(|attr| attr.payload.to_vec());
    let info = inside(message.attrs(Ifinfo::SIZE), IFLA_LINKINFO).unwrap();
    let data = inside(Attrs::new(&info, 0), IFLA_INFO_DATA).unwrap();
    Attrs::new(&data, 0).map(|attr| (attr.number, attr.payload.to_vec())).collect()
}

/// Checks that the other crate writes what it read. It cannot do that with a vlan: its buffer
/// is too short.
fn check_rewritten(request: &[u8]) {
    let theirs = NetlinkMessage::<RouteNetlinkMessage>::deserialize(request).unwrap();
    let mut again = vec![0; theirs.buffer_len()];
    theirs.serialize(&mut again);
    assert_eq!(data(&again), data(request));
}

/// What the other crate makes of a request.
fn understood(request: &[u8]) -> InfoData {
    let theirs = NetlinkMessage::<RouteNetlinkMessage>::deserialize(request).unwrap();
    assert_eq!((theirs.header.length as usize, theirs.header.sequence_number), (request.len(), 5));
    let NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(LinkMessage { attributes, .. })) =
        theirs.payload
    else {
        panic!("not a new link");
    };
    assert!(attributes.contains(&LinkAttribute::IfName("x".into())));
    assert!(attributes.contains(&LinkAttribute::Link(7)));
    let infos = attributes.into_iter().find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    let data = infos.unwrap().into_iter().find_map(|info| match info {
        LinkInfo::Data(data) => Some(data),
        _ => None,
    });
    data.unwrap()
}

#[test]
fn vlan() {
    let InfoData::Vlan(data) = understood(&request("vlan", "protocol 802.1ad id 5 gvrp on reorder_hdr off"))
    else {
        panic!("not a vlan");
    };
    let flags = (VlanFlags::Gvrp, VlanFlags::Gvrp | VlanFlags::ReorderHdr);
    assert_eq!(data, [InfoVlan::Protocol(VlanProtocol::Ieee8021Ad), InfoVlan::Id(5), InfoVlan::Flags(flags)]);
}

#[test]
fn macvlan() {
    let words = "bcqueuelen 9 mode source macaddr set 2:0:0:0:0:1 2:0:0:0:0:2";
    check_rewritten(&request("macvlan", words));
    let InfoData::MacVlan(data) = understood(&request("macvlan", words)) else { panic!("not a macvlan") };
    let list = [1, 2].map(|last| InfoMacVlan::MacAddr([2, 0, 0, 0, 0, last])).to_vec();
    let want = [
        InfoMacVlan::BcQueueLen(9),
        InfoMacVlan::MacAddrMode(3),
        InfoMacVlan::MacAddrData(list),
        InfoMacVlan::Mode(MacVlanMode::Source),
    ];
    assert_eq!(data, want);
}

#[test]
fn bridge() {
    let words = "forward_delay 300 priority 4096 mcast_query_interval 10000 group_fwd_mask 8 mcast_router 2 \
                 group_address 01:80:c2:00:00:04";
    check_rewritten(&request("bridge", words));
    let InfoData::Bridge(data) = understood(&request("bridge", words)) else { panic!("not a bridge") };
    let want = [
        InfoBridge::ForwardDelay(300),
        InfoBridge::Priority(4096),
        InfoBridge::MulticastQueryInterval(10000),
        InfoBridge::GroupFwdMask(8),
        InfoBridge::MulticastRouter(2),
        InfoBridge::GroupAddr([1, 0x80, 0xc2, 0, 0, 4]),
    ];
    assert_eq!(data, want);
}
