//! The main facts, asked for as a client asks: by rtnetlink.

use super::port::{of_port, of_port_mut};
use super::{carrier_for_vlan, of, stp};
use crate::{ClientId, Instant, Kernel};
use rtnl::attr::{Attrs, Builder, NESTED};
use rtnl::errno::Errno;
use rtnl::kind::{bridge::*, bridge_slave::*};
use rtnl::message::{
    Header, Messages, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NLMSG_ERROR, Refusal,
};
use rtnl::object::link::*;
use rtnl::table::Tb;

struct Lab {
    kernel: Kernel,
    client: ClientId,
    now: Instant,
}

/// An attribute: number and payload.
type Put<'a> = (u16, &'a [u8]);

impl Lab {
    fn new() -> Lab {
        let mut kernel = Kernel::new(1);
        let netns = kernel.initial_netns();
        let client = kernel.open(netns).expect("a client");
        Lab { kernel, client, now: Instant(0) }
    }

    /// Sends a request about a link and gives the refusal.
    fn ask(&mut self, flags: u16, index: u32, body: impl FnOnce(&mut Builder)) -> Option<Refusal> {
        let flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut out = Builder::new();
        let start = out.start(Header { kind: RTM_NEWLINK, flags, seq: 1, pid: 0 });
        Ifinfo { ifindex: index as i32, ..Ifinfo::default() }.encode(&mut out);
        body(&mut out);
        out.finish(start);
        self.kernel.handle(self.now, self.client, &out.bytes).expect("a living client");
        let mut reply = Vec::new();
        while self.kernel.receive(self.client, &mut reply) {
            let answer = Messages(&reply).find(|message| message.header.kind == NLMSG_ERROR);
            if let Some(message) = answer {
                return Refusal::decode(&message);
            }
        }
        panic!("every request is answered");
    }

    fn make(
        &mut self,
        name: &str,
        kind: &str,
        address: Option<u8>,
        data: &[Put<'_>],
    ) -> Result<u32, Refusal> {
        let refusal = self.ask(NLM_F_CREATE | NLM_F_EXCL, 0, |out| {
            out.string(IFLA_IFNAME, name.as_bytes());
            if let Some(last) = address {
                out.put(IFLA_ADDRESS, &[2, 0, 0, 0, 0, last]);
            }
            let info = out.nest(IFLA_LINKINFO);
            out.string(IFLA_INFO_KIND, kind.as_bytes());
            let nest = out.nest(IFLA_INFO_DATA | NESTED);
            data.iter().for_each(|(number, payload)| out.put(*number, payload));
            out.end(nest);
            out.end(info);
        });
        match refusal {
            Some(refusal) => Err(refusal),
            None => Ok(self.kernel.world[self.id(name)].ifindex),
        }
    }

    fn set(&mut self, index: u32, attrs: &[Put<'_>]) -> Option<Refusal> {
        self.ask(0, index, |out| attrs.iter().for_each(|(number, payload)| out.put(*number, payload)))
    }

    fn nested(&mut self, index: u32, kind: &str, nest: u16, data: &[Put<'_>]) -> Option<Refusal> {
        let kind_number = if nest == IFLA_INFO_DATA { IFLA_INFO_KIND } else { IFLA_INFO_SLAVE_KIND };
        self.ask(0, index, |out| {
            let info = out.nest(IFLA_LINKINFO);
            out.string(kind_number, kind.as_bytes());
            let nest = out.nest(nest | NESTED);
            data.iter().for_each(|(number, payload)| out.put(*number, payload));
            out.end(nest);
            out.end(info);
        })
    }

    fn change(&mut self, bridge: u32, data: &[Put<'_>]) -> Option<Refusal> {
        self.nested(bridge, "bridge", IFLA_INFO_DATA, data)
    }

    fn change_port(&mut self, port: u32, data: &[Put<'_>]) -> Option<Refusal> {
        self.nested(port, "bridge", IFLA_INFO_SLAVE_DATA, data)
    }

    fn master(&mut self, port: u32, bridge: u32) -> Option<Refusal> {
        self.set(port, &[(IFLA_MASTER, &bridge.to_ne_bytes())])
    }

    fn up(&mut self, index: u32, up: bool) {
        let flags = NLM_F_REQUEST;
        let mut out = Builder::new();
        let start = out.start(Header { kind: RTM_NEWLINK, flags, seq: 1, pid: 0 });
        let (flags, change) = (u32::from(up) * IFF_UP, IFF_UP);
        Ifinfo { ifindex: index as i32, flags, change, ..Ifinfo::default() }.encode(&mut out);
        out.finish(start);
        self.kernel.handle(self.now, self.client, &out.bytes).expect("a living client");
    }

    fn pass(&mut self, seconds: u64) {
        self.now = Instant(self.now.0 + seconds * 1_000_000);
        self.kernel.advance(self.now);
    }

    fn id(&self, name: &str) -> crate::device::DeviceId {
        self.kernel.world.by_name(self.kernel.initial_netns(), name.as_bytes()).expect("the link is there")
    }

    /// What the kernel tells of a link's type, or of it as a port.
    fn told(&self, name: &str, as_port: bool) -> Vec<u8> {
        let mut out = Builder::new();
        let fill = if as_port { super::fill::port } else { super::fill::bridge };
        fill(&self.kernel.world, self.id(name), &mut out);
        out.bytes
    }

    fn number(&self, name: &str, attribute: u16) -> u32 {
        Tb::read(Attrs::new(&self.told(name, false), 0)).u32(attribute).expect("it is told")
    }

    fn port_number(&self, name: &str, attribute: u16) -> u32 {
        Tb::read(Attrs::new(&self.told(name, true), 0)).u32(attribute).expect("it is told")
    }

    fn state(&self, name: &str) -> u8 {
        self.port_number(name, IFLA_BRPORT_STATE) as u8
    }
}

fn errno(refusal: Option<Refusal>) -> Option<Errno> {
    refusal.map(|refusal| refusal.errno)
}

#[test]
fn a_bridge_follows_its_ports() {
    let mut lab = Lab::new();
    let bridge = lab.make("br0", "bridge", None, &[]).expect("a bridge");
    assert_eq!(of(&lab.kernel.world, lab.id("br0")).tree.id.address(), [0; 6]);
    let mut ports = Vec::new();
    for (name, last, mtu) in [("d5", 5, 1400u32), ("d3", 3, 9000), ("d4", 4, 1600)] {
        let port = lab.make(name, "dummy", Some(last), &[]).expect("a dummy");
        assert_eq!(lab.set(port, &[(IFLA_MTU, &mtu.to_ne_bytes())]), None);
        assert_eq!(lab.master(port, bridge), None);
        ports.push(port);
    }
    let seen = |lab: &Lab| (lab.kernel.world[lab.id("br0")].address[5], lab.kernel.world[lab.id("br0")].mtu);
    assert_eq!(seen(&lab), (3, 1400));
    assert_eq!(lab.port_number("d4", IFLA_BRPORT_NO) & 0xffff, 3);
    assert_eq!(lab.port_number("d4", IFLA_BRPORT_ID) & 0xffff, 0x8003);
    assert_eq!(lab.port_number("d4", IFLA_BRPORT_COST), 100);
    let device = &lab.kernel.world[lab.id("d4")];
    assert_eq!(
        (device.promiscuity, device.allmulti, device.rx_handler.map(|kind| kind.kind)),
        (1, 1, Some("bridge"))
    );
    assert_eq!(lab.master(ports[0], 0), None);
    assert_eq!(lab.set(ports[1], &[(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 9])]), None);
    assert_eq!(seen(&lab), (4, 1600));
    assert_eq!(
        lab.set(bridge, &[(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 0xaa]), (IFLA_MTU, &1350u32.to_ne_bytes())]),
        None
    );
    assert_eq!((lab.master(ports[0], bridge), seen(&lab)), (None, (0xaa, 1350)));
    assert_eq!(lab.port_number("d5", IFLA_BRPORT_NO) & 0xffff, 1);
    let id = lab.id("br0");
    lab.kernel.world.delete(id).expect("a bridge dies");
    let device = &lab.kernel.world[lab.id("d5")];
    assert_eq!((device.promiscuity, device.allmulti, device.rx_handler, device.master), (0, 0, None, None));
    assert!(of_port(&lab.kernel.world, lab.id("d5")).is_none());
}

#[test]
fn refuses_what_cannot_be_a_port() {
    let mut lab = Lab::new();
    let [b0, b1] = ["br0", "br1"].map(|name| lab.make(name, "bridge", Some(1), &[]).expect("a bridge"));
    let dummy = lab.make("d0", "dummy", Some(2), &[]).expect("a dummy");
    assert_eq!(errno(lab.master(1, b0)), Some(Errno::EINVAL));
    assert_eq!(lab.master(b0, b0), Some(Refusal::said(Errno::ELOOP, "Can not enslave a bridge to a bridge")));
    assert_eq!(errno(lab.change_port(dummy, &[(IFLA_BRPORT_COST, &[5, 0, 0, 0])])), Some(Errno::EOPNOTSUPP));
    assert_eq!((lab.master(dummy, b0), lab.master(dummy, b1), lab.master(dummy, b1)), (None, None, None));
    assert_eq!(of(&lab.kernel.world, lab.id("br0")).arrivals, []);
    let id = lab.id("d0");
    assert_eq!(lab.master(dummy, 0), None);
    lab.kernel.world[id].rx_handler = Some(&crate::link::macvlan::TYPE);
    assert_eq!(errno(lab.master(dummy, b0)), Some(Errno::EBUSY));
    assert_eq!((lab.kernel.world[id].allmulti, lab.kernel.world[id].master), (0, None));
}

#[test]
fn settings_have_limits() {
    let mut lab = Lab::new();
    let bridge = lab.make("br0", "bridge", Some(1), &[]).expect("a bridge");
    let rows: &[(u16, u64, usize, Option<Errno>)] = &[
        (IFLA_BR_FORWARD_DELAY, 199, 4, None),
        (IFLA_BR_HELLO_TIME, 99, 4, Some(Errno::ERANGE)),
        (IFLA_BR_MAX_AGE, 4001, 4, Some(Errno::ERANGE)),
        (IFLA_BR_STP_STATE, 7, 4, None),
        (IFLA_BR_FORWARD_DELAY, 199, 4, Some(Errno::ERANGE)),
        (IFLA_BR_GROUP_FWD_MASK, 4, 2, Some(Errno::EINVAL)),
        (IFLA_BR_GROUP_ADDR, 1, 6, Some(Errno::EINVAL)),
        (IFLA_BR_VLAN_DEFAULT_PVID, 4095, 2, Some(Errno::EINVAL)),
        (IFLA_BR_VLAN_PROTOCOL, 8, 2, Some(Errno::EPROTONOSUPPORT)),
        (IFLA_BR_VLAN_STATS_ENABLED, 2, 1, Some(Errno::EINVAL)),
        (IFLA_BR_MCAST_ROUTER, 3, 1, Some(Errno::EINVAL)),
        (IFLA_BR_MCAST_IGMP_VERSION, 4, 1, Some(Errno::EINVAL)),
        (IFLA_BR_MCAST_MLD_VERSION, 0, 1, Some(Errno::EINVAL)),
        (IFLA_BR_MULTI_BOOLOPT, 2 | 2 << 32, 8, Some(Errno::EINVAL)),
        (IFLA_BR_MCAST_QUERY_INTVL, 1, 8, None),
        (IFLA_BR_MCAST_STARTUP_QUERY_INTVL, u64::MAX, 8, None),
    ];
    for (number, value, length, refused) in rows {
        let payload = &value.to_le_bytes()[..*length];
        assert_eq!(errno(lab.change(bridge, &[(*number, payload)])), *refused, "attribute {number}");
    }
    assert_eq!(lab.number("br0", IFLA_BR_STP_STATE), 1);
    assert_eq!(lab.number("br0", IFLA_BR_FORWARD_DELAY), 200);
    assert_eq!(lab.number("br0", IFLA_BR_MCAST_QUERY_INTVL), 100);
    assert_eq!(lab.number("br0", IFLA_BR_MCAST_STARTUP_QUERY_INTVL), 8_640_000);
    // What comes before the row that refuses stays.
    let refusal = lab.change(bridge, &[(IFLA_BR_PRIORITY, &[5, 0]), (IFLA_BR_MCAST_ROUTER, &[9])]);
    assert_eq!((errno(refusal), lab.number("br0", IFLA_BR_PRIORITY) & 0xffff), (Some(Errno::EINVAL), 5));
    assert!(lab.make("br1", "bridge", None, &[(IFLA_BR_HELLO_TIME, &[5, 0, 0, 0])]).is_err());
    assert!(lab.kernel.world.by_name(lab.kernel.initial_netns(), b"br1").is_none());
}

#[test]
fn a_port_listens_and_learns_first() {
    let mut lab = Lab::new();
    let settings: &[Put<'_>] =
        &[(IFLA_BR_STP_STATE, &[1, 0, 0, 0]), (IFLA_BR_FORWARD_DELAY, &[200, 0, 0, 0])];
    let bridge = lab.make("br0", "bridge", Some(1), settings).expect("a bridge");
    let port = lab.make("d0", "dummy", Some(2), &[]).expect("a dummy");
    assert_eq!(lab.master(port, bridge), None);
    lab.up(port, true);
    lab.up(bridge, true);
    assert_eq!(lab.state("d0"), BR_STATE_LISTENING);
    lab.pass(2);
    assert_eq!((lab.state("d0"), lab.kernel.world[lab.id("br0")].carrier), (BR_STATE_LEARNING, false));
    assert_eq!(errno(lab.change_port(port, &[(IFLA_BRPORT_STATE, &[3])])), Some(Errno::EBUSY));
    lab.pass(2);
    assert_eq!((lab.state("d0"), lab.kernel.world[lab.id("br0")].carrier), (BR_STATE_FORWARDING, true));
    assert_eq!(
        (lab.number("br0", IFLA_BR_AGEING_TIME), lab.number("br0", IFLA_BR_TOPOLOGY_CHANGE) & 255),
        (400, 1)
    );
    lab.pass(22);
    assert_eq!(
        (lab.number("br0", IFLA_BR_AGEING_TIME), lab.number("br0", IFLA_BR_TOPOLOGY_CHANGE) & 255),
        (30000, 0)
    );
    lab.up(port, false);
    assert_eq!((lab.state("d0"), lab.kernel.world[lab.id("br0")].carrier), (BR_STATE_DISABLED, false));
    assert_eq!(errno(lab.change_port(port, &[(IFLA_BRPORT_STATE, &[0])])), Some(Errno::EBUSY));
    assert_eq!(lab.change(bridge, &[(IFLA_BR_STP_STATE, &[0; 4])]), None);
    assert_eq!(errno(lab.change_port(port, &[(IFLA_BRPORT_STATE, &[0])])), Some(Errno::ENETDOWN));
}

#[test]
fn the_best_way_to_the_root_wins() {
    let mut lab = Lab::new();
    let settings: &[Put<'_>] =
        &[(IFLA_BR_STP_STATE, &[1, 0, 0, 0]), (IFLA_BR_FORWARD_DELAY, &[200, 0, 0, 0])];
    let bridge = lab.make("br0", "bridge", Some(9), settings).expect("a bridge");
    let ports = ["d0", "d1"].map(|name| lab.make(name, "dummy", Some(10), &[]).expect("a dummy"));
    for port in ports {
        assert_eq!(lab.master(port, bridge), None);
        lab.up(port, true);
    }
    lab.up(bridge, true);
    // What the hello of a better bridge would leave behind on both ports.
    let better = stp::BridgeId([0x10, 0, 2, 0, 0, 0, 0, 1]);
    for (name, designated_port) in [("d0", 0x8002), ("d1", 0x8001)] {
        let id = lab.id(name);
        let port = of_port_mut(&mut lab.kernel.world, id).expect("a port");
        (port.designated_root, port.designated_bridge, port.designated_port) =
            (better, better, designated_port);
    }
    assert_eq!(lab.change_port(ports[0], &[(IFLA_BRPORT_COST, &[100, 0, 0, 0])]), None);
    let tree = &of(&lab.kernel.world, lab.id("br0")).tree;
    assert_eq!((tree.root_port, tree.designated_root, tree.root_path_cost), (2, better, 100));
    assert_eq!((lab.state("d0"), lab.state("d1")), (BR_STATE_BLOCKING, BR_STATE_LISTENING));
    assert_eq!(lab.change_port(ports[0], &[(IFLA_BRPORT_COST, &[50, 0, 0, 0])]), None);
    assert_eq!((lab.state("d0"), lab.state("d1")), (BR_STATE_LISTENING, BR_STATE_BLOCKING));
    assert_eq!(lab.change(bridge, &[(IFLA_BR_PRIORITY, &[0, 0])]), None);
    assert_eq!(of(&lab.kernel.world, lab.id("br0")).tree.root_port, 0);
    assert_eq!((lab.state("d0"), lab.state("d1")), (BR_STATE_LISTENING, BR_STATE_LISTENING));
}

#[test]
fn tags_follow_the_default() {
    let mut lab = Lab::new();
    let bridge = lab.make("br0", "bridge", Some(1), &[]).expect("a bridge");
    let port = lab.make("d0", "dummy", Some(2), &[]).expect("a dummy");
    assert_eq!(lab.master(port, bridge), None);
    let id = lab.id("br0");
    assert!(!carrier_for_vlan(&lab.kernel.world, id, 1));
    lab.up(port, true);
    assert!(carrier_for_vlan(&lab.kernel.world, id, 1));
    assert_eq!(lab.change(bridge, &[(IFLA_BR_VLAN_DEFAULT_PVID, &[7, 0])]), None);
    assert!(carrier_for_vlan(&lab.kernel.world, id, 7) && !carrier_for_vlan(&lab.kernel.world, id, 1));
    assert_eq!(errno(lab.change(bridge, &[(IFLA_BR_VLAN_STATS_PER_PORT, &[1])])), Some(Errno::EBUSY));
    assert_eq!(lab.change(bridge, &[(IFLA_BR_VLAN_DEFAULT_PVID, &[0, 0])]), None);
    assert!(!carrier_for_vlan(&lab.kernel.world, id, 7));
    assert_eq!(lab.change(bridge, &[(IFLA_BR_VLAN_STATS_PER_PORT, &[1])]), None);
}

#[test]
fn clients_hear_of_ports() {
    let mut lab = Lab::new();
    let bridge = lab.make("br0", "bridge", Some(1), &[]).expect("a bridge");
    let port = lab.make("d0", "dummy", Some(2), &[]).expect("a dummy");
    let listener = lab.kernel.open(lab.kernel.initial_netns()).expect("a client");
    lab.kernel.join(listener, RTNLGRP_LINK).expect("a living client");
    let heard = |lab: &mut Lab| {
        let (mut datagram, mut heard) = (Vec::new(), Vec::new());
        while lab.kernel.receive(listener, &mut datagram) {
            for message in Messages(&datagram) {
                let info = Ifinfo::decode(&message).expect("a link");
                heard.push((message.header.kind, info.family, info.ifindex as u32));
            }
        }
        heard
    };
    assert_eq!(lab.master(port, bridge), None);
    // The new master, the promiscuity, what the bridge can do now, and the port.
    let come =
        [(RTM_NEWLINK, 0, port), (RTM_NEWLINK, 0, port), (RTM_NEWLINK, 0, bridge), (RTM_NEWLINK, 7, port)];
    assert_eq!(heard(&mut lab), come);
    lab.up(bridge, true);
    assert_eq!(heard(&mut lab), [(RTM_NEWLINK, 0, bridge)]);
    lab.up(port, true);
    let port_twice = [(RTM_NEWLINK, 7, port); 2];
    assert_eq!(
        heard(&mut lab),
        [&[(RTM_NEWLINK, 0, port)], &port_twice[..], &[(RTM_NEWLINK, 0, bridge)]].concat()
    );
    assert_eq!(lab.master(port, 0), None);
    let gone =
        [(RTM_NEWLINK, 0, port), (RTM_NEWLINK, 7, port), (RTM_DELLINK, 7, port), (RTM_NEWLINK, 0, port)];
    assert_eq!(heard(&mut lab), [&gone[..], &[(RTM_NEWLINK, 0, bridge); 2]].concat());
}
