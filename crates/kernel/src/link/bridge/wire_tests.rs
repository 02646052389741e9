//! Bridges on the wire: frames go in at ports, what comes out and what is known after are compared with the standard.

use super::port::of_port;
use super::{entries, frames, of, routers, timers};
use crate::device::DeviceId;
use crate::run::{PortId, PortKind};
use crate::world::Instant;
use crate::{ClientId, Kernel};
use rtnl::attr::{Builder, NESTED};
use rtnl::kind::{bridge::*, bridge_slave::*};
use rtnl::message::{Header, Messages, NLM_F_CREATE, NLM_F_REQUEST};
use rtnl::object::link::*;
use rtnl::object::neigh::{Ndmsg, RTM_NEWNEIGH, RTNLGRP_NEIGH};
use wire::stp::{Bpdu, BridgeId, Config};

struct Lab {
    kernel: Kernel,
    client: ClientId,
    now: Instant,
}

/// The far end of a port.
struct Cable {
    port: PortId,
    device: DeviceId,
}

impl Lab {
    fn new() -> Lab {
        let mut kernel = Kernel::new(1);
        let netns = kernel.initial_netns();
        let client = kernel.open(netns).expect("a client");
        Lab { kernel, client, now: Instant(0) }
    }

    fn ask(&mut self, index: u32, flags: u32, body: impl FnOnce(&mut Builder)) {
        let mut out = Builder::new();
        let start =
            out.start(Header { kind: RTM_NEWLINK, flags: NLM_F_REQUEST | NLM_F_CREATE, seq: 1, pid: 0 });
        Ifinfo { ifindex: index as i32, flags, change: flags, ..Ifinfo::default() }.encode(&mut out);
        body(&mut out);
        out.finish(start);
        self.kernel.handle(self.now, self.client, &out.bytes).expect("a living client");
        let mut reply = Vec::new();
        assert!(!self.kernel.receive(self.client, &mut reply), "refused");
    }

    fn bridge(&mut self, settings: &[(u16, &[u8])]) -> DeviceId {
        self.ask(0, IFF_UP, |out| {
            out.string(IFLA_IFNAME, b"br0");
            out.put(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 9]);
            let info = out.nest(IFLA_LINKINFO);
            out.string(IFLA_INFO_KIND, b"bridge");
            let nest = out.nest(IFLA_INFO_DATA | NESTED);
            settings.iter().for_each(|(number, payload)| out.put(*number, payload));
            out.end(nest);
            out.end(info);
        });
        self.kernel.world.by_name(self.kernel.initial_netns(), b"br0").expect("the bridge is there")
    }

    fn port(&mut self, name: &str, last: u8, bridge: DeviceId) -> Cable {
        let netns = self.kernel.initial_netns();
        let index = self.kernel.add_nic(netns, name, [2, 0, 0, 0, 1, last]).expect("a NIC");
        let master = self.kernel.world[bridge].ifindex;
        self.ask(index, IFF_UP, |out| out.u32(IFLA_MASTER, master));
        let port = self.kernel.attach_port(netns, index, PortKind::Wire).expect("a port");
        let device = self.kernel.world.by_index(netns, index).expect("the NIC is there");
        Cable { port, device }
    }

    fn send(&mut self, cable: &Cable, frame: &[u8]) {
        self.kernel.input(self.now, cable.port, &[frame]).expect("a living port");
    }

    fn take(&mut self, cable: &Cable) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        self.kernel.output(cable.port, &mut |bytes| all.push(bytes.to_vec()));
        all
    }

    /// The last message of the spanning tree that came out.
    fn take_bpdu(&mut self, cable: &Cable) -> Option<Vec<u8>> {
        self.take(cable).into_iter().rfind(|bytes| bytes[..6] == wire::stp::GROUP)
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now = Instant(self.now.0 + milliseconds * 1000);
        self.kernel.advance(self.now);
    }

    fn state(&self, cable: &Cable) -> u8 {
        of_port(&self.kernel.world, cable.device).expect("a port").state
    }
}

fn frame(target: [u8; 6], source: u8, kind: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = [&target[..], &[2, 0, 0, 0, 2, source], &kind.to_be_bytes(), body].concat();
    bytes.resize(bytes.len().max(60), 0);
    bytes
}

fn bpdu(said: &Bpdu) -> Vec<u8> {
    let mut body = [0; 64];
    let length = said.emit(&mut body).expect("there is room");
    frame(wire::stp::GROUP, 1, length as u16, &body[..length])
}

fn better_root() -> Config {
    let root = BridgeId { priority: 0x1000, mac: [2, 0, 0, 0, 0, 1] };
    let (max_age, hello_time, forward_delay) = (6 * 256, 256, 2 * 256);
    Config { root, bridge: root, port: 0x8001, max_age, hello_time, forward_delay, ..Config::default() }
}

const TREE: &[(u16, &[u8])] = &[(IFLA_BR_STP_STATE, &[1, 0, 0, 0]), (IFLA_BR_FORWARD_DELAY, &[200, 0, 0, 0])];

#[test]
fn a_root_says_hello_and_gives_way() {
    let mut lab = Lab::new();
    let bridge = lab.bridge(TREE);
    let ports = [1, 2].map(|n| lab.port(&format!("eth{n}"), n, bridge));
    lab.pass(2500);
    let said = lab.take_bpdu(&ports[0]).expect("a hello");
    let Ok(Bpdu::Config(hello)) = Bpdu::parse(&said[14..]) else { panic!("a configuration") };
    assert_eq!((said.len(), hello.root, hello.port), (52, hello.bridge, 0x8001));
    lab.send(&ports[0], &bpdu(&Bpdu::Config(better_root())));
    let tree = &of(&lab.kernel.world, bridge).tree;
    assert_eq!((tree.root_port, tree.root_path_cost, tree.max_age, tree.is_root()), (1, 100, 600, false));
    // What came in at the root port goes on through the other, older by one bridge.
    lab.pass(1000);
    let passed_on = lab.take_bpdu(&ports[1]).expect("it is passed on");
    let Ok(Bpdu::Config(passed_on)) = Bpdu::parse(&passed_on[14..]) else { panic!("a configuration") };
    assert_eq!((passed_on.root, passed_on.cost), (better_root().root, 100));
    // The same from the other side makes a loop, which is cut.
    lab.send(&ports[1], &bpdu(&Bpdu::Config(Config { port: 0x8002, ..better_root() })));
    assert_eq!(lab.state(&ports[1]), BR_STATE_BLOCKING);
    // A root that is silent is forgotten.
    lab.pass(8000);
    assert!(of(&lab.kernel.world, bridge).tree.is_root());
    assert_ne!(lab.state(&ports[1]), BR_STATE_BLOCKING);
}

#[test]
fn a_guarded_port_goes_down_at_a_bpdu() {
    let mut lab = Lab::new();
    let bridge = lab.bridge(TREE);
    let port = lab.port("eth1", 1, bridge);
    let id = port.device;
    super::port::of_port_mut(&mut lab.kernel.world, id).expect("a port").flags |= super::port::flag::GUARD;
    lab.send(&port, &bpdu(&Bpdu::TopologyChange));
    assert_eq!(lab.state(&port), BR_STATE_DISABLED);
    let mut cut = bpdu(&Bpdu::Config(better_root()));
    for length in 0..cut.len() {
        cut.truncate(cut.len() - usize::from(length > 0));
        lab.send(&port, &cut);
    }
}

#[test]
fn what_is_learned_ages_and_is_told() {
    let mut lab = Lab::new();
    let bridge = lab.bridge(&[(IFLA_BR_AGEING_TIME, &1000u32.to_ne_bytes())]);
    let ports = [1, 2].map(|n| lab.port(&format!("eth{n}"), n, bridge));
    let listener = lab.kernel.open(lab.kernel.initial_netns()).expect("a client");
    lab.kernel.join(listener, RTNLGRP_NEIGH).expect("a living client");
    lab.send(&ports[0], &frame([0xff; 6], 7, 0x88b5, &[]));
    lab.send(&ports[0], &frame([0xff; 6], 7, 0x88b5, &[]));
    let mut told = Vec::new();
    let mut datagram = Vec::new();
    while lab.kernel.receive(listener, &mut datagram) {
        told.extend(Messages(&datagram).map(|m| (m.header.kind, Ndmsg::decode(&m).map(|ndm| ndm.ifindex))));
    }
    let index = lab.kernel.world[ports[0].device].ifindex;
    assert_eq!(told, [(RTM_NEWNEIGH, Some(index))]);
    let mac = [2, 0, 0, 0, 2, 7];
    assert!(entries::find(&lab.kernel.world, bridge, &mac, 0).is_some());
    lab.pass(30_000);
    assert!(entries::find(&lab.kernel.world, bridge, &mac, 0).is_none());
    assert!(frames::tick(&lab.kernel.world) > 0);
}

/// A frame of IGMP to a group, from a host.
fn igmp(source: u8, target: [u8; 4], message: &wire::Igmp<'_>) -> Vec<u8> {
    let mut body = vec![0x46, 0xc0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 10, 0, 0, source];
    body.extend_from_slice(&target);
    body.extend_from_slice(&[0x94, 4, 0, 0]);
    body.resize(24 + message.length(), 0);
    message.emit(&mut body[24..]).expect("there is room");
    body[3] = body.len() as u8;
    frame([1, 0, 0x5e, target[1] & 0x7f, target[2], target[3]], source, 0x0800, &body)
}

fn data(target: [u8; 4]) -> Vec<u8> {
    let mut body = vec![0x45, 0, 0, 20, 0, 0, 0, 0, 1, 17, 0, 0, 10, 0, 0, 9];
    body.extend_from_slice(&target);
    frame([1, 0, 0x5e, target[1] & 0x7f, target[2], target[3]], 9, 0x0800, &body)
}

#[test]
fn groups_go_where_somebody_listens() {
    let mut lab = Lab::new();
    let bridge = lab.bridge(&[]);
    let ports = [1, 2, 3, 4].map(|n| lab.port(&format!("eth{n}"), n, bridge));
    lab.pass(2000);
    let group = [239, 1, 1, 1];
    let arrivals = |lab: &mut Lab| [1, 2, 3].map(|at| lab.take(&ports[at]).len());
    arrivals(&mut lab);
    lab.send(&ports[1], &igmp(2, group, &wire::Igmp::ReportV2 { group: group.into() }));
    arrivals(&mut lab);
    // Nobody asks: everything is flooded.
    lab.send(&ports[0], &data(group));
    assert_eq!(arrivals(&mut lab), [1, 1, 1]);
    let query = wire::Igmp::Query { max_response: 1, group: [0; 4].into(), v3: None };
    lab.send(&ports[2], &igmp(3, [224, 0, 0, 1], &query));
    assert!(routers::is_router_port(&lab.kernel.world, ports[2].device));
    lab.pass(1000);
    arrivals(&mut lab);
    lab.send(&ports[0], &data(group));
    assert_eq!(arrivals(&mut lab), [1, 1, 0]);
    lab.send(&ports[0], &data([224, 0, 0, 5]));
    assert_eq!(arrivals(&mut lab), [1, 1, 1]);
    // Without an answer the member ends.
    lab.pass(250_000);
    lab.send(&ports[2], &igmp(3, [224, 0, 0, 1], &query));
    lab.pass(15_000);
    arrivals(&mut lab);
    lab.send(&ports[0], &data(group));
    assert_eq!(arrivals(&mut lab), [0, 1, 0]);
    assert!(lab.kernel.world.timer(bridge, timers::OTHER_QUERIER).is_some());
}
