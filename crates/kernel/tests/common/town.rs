//! A town of links for tests of frames: most ways that a frame can take, and most that can happen to them meanwhile.
//!
//! Six cables with ports at their far ends. Four go into a bridge that filters, with a macvlan and a vlan on it; one is
//! a trunk with a vlan and two macvlans, one of them in a namespace of its own; one is a router's other leg, with an ipvlan on it.

use super::*;
use kernel::run::{PortId, PortKind};
use rtnl::kind::bridge::*;
use rtnl::kind::bridge_slave::*;
use rtnl::object::addr::*;

/// A small random number generator (xorshift).
pub struct Dice(pub u64);

impl Dice {
    /// A number below another.
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below
    }
}

/// Cables.
pub const CABLES: usize = 6;
/// The address that the first namespace has on its bridge.
pub const HOST: [u8; 4] = [10, 0, 0, 1];

/// A town.
pub struct Town {
    /// Where it stands.
    pub lab: Rig,
    /// The far ends of the cables.
    pub ports: Vec<PortId>,
    /// The time.
    pub now: Instant,
    far: NetnsId,
}

/// Changes what a type keeps of a link, or of its port.
fn typed(ifindex: u32, port: bool, kind: &str, data: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let (name, nest) = match port {
        true => (IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA),
        false => (IFLA_INFO_KIND, IFLA_INFO_DATA),
    };
    change(ifindex, |out| {
        let info = out.nest(IFLA_LINKINFO);
        out.string(name, kind.as_bytes());
        let nest = out.nest(nest);
        data(out);
        out.end(nest);
        out.end(info);
    })
}

/// Asks for an IPv4 address of 24 bits, or for its end.
pub fn address(kind: u16, ifindex: u32, local: [u8; 4]) -> Vec<u8> {
    let mut out = Builder::new();
    let start = out.start(Header { kind, flags: NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, seq: 1, pid: 0 });
    Ifaddr { family: 2, prefixlen: 24, ifindex, ..Ifaddr::default() }.encode(&mut out);
    out.put(IFA_LOCAL, &local);
    out.put(IFA_ADDRESS, &local);
    out.finish(start);
    out.bytes
}

impl Town {
    /// Builds it, with addresses, as a router between four networks.
    pub fn new() -> Town {
        let mut town = Town::of_links();
        for (name, local) in [
            ("br", HOST),
            ("t7", [10, 0, 7, 1]),
            ("m0", [10, 0, 8, 1]),
            ("v5", [10, 0, 5, 1]),
            ("i5", [10, 0, 9, 1]),
        ] {
            let ifindex = town.index(name);
            town.must(&address(RTM_NEWADDR, ifindex, local));
        }
        for (name, value) in [("net.ipv4.ip_forward", "1"), ("net.ipv6.conf.all.forwarding", "1")] {
            town.lab.kernel.set_sysctl(town.lab.netns, name, value).expect("a setting");
        }
        town
    }

    /// Builds it without any address of IPv4.
    pub fn of_links() -> Town {
        let mut lab = Rig::new();
        let far = lab.kernel.create_netns().expect("room for a namespace");
        let mut town = Town { lab, ports: Vec::new(), now: Instant(0), far };
        for n in 0..CABLES {
            town.must(&pair(&format!("v{n}"), &format!("p{n}")));
            for name in [format!("v{n}"), format!("p{n}")] {
                town.set_up(&name);
            }
            let end = town.index(&format!("p{n}"));
            let port = town.lab.kernel.attach_port(town.lab.netns, end, PortKind::Socket);
            town.ports.push(port.expect("a free link"));
        }
        town.must(&new_link(
            "bridge",
            |out| out.string(IFLA_IFNAME, b"br"),
            |out| out.u8(IFLA_BR_VLAN_FILTERING, 1),
        ));
        for n in 0..4 {
            let (port, bridge) = (town.index(&format!("v{n}")), town.index("br"));
            town.must(&change(port, |out| out.u32(IFLA_MASTER, bridge)));
        }
        for (kind, name, lower) in [
            ("vlan", "t7", "v4"),
            ("vlan", "b7", "br"),
            ("macvlan", "m0", "br"),
            ("macvlan", "m1", "t7"),
            ("macvlan", "m2", "t7"),
            ("ipvlan", "i5", "v5"),
        ] {
            let lower = town.index(lower);
            town.must(&on_top(kind, name, lower));
        }
        for name in ["lo", "br", "t7", "b7", "m0", "m1", "m2", "i5"] {
            town.set_up(name);
        }
        town
    }

    fn must(&mut self, request: &[u8]) {
        self.lab.talk(request).expect("nothing refuses");
    }

    fn set_up(&mut self, name: &str) {
        let ifindex = self.index(name);
        self.must(&up(ifindex, true));
    }

    /// The index of a link that is there.
    pub fn index(&mut self, name: &str) -> u32 {
        self.lab.index(name)
    }

    fn find(&self, name: &str) -> Option<u32> {
        self.lab.kernel.ifindex(self.lab.netns, name)
    }

    /// The address of a link.
    pub fn mac(&mut self, name: &str) -> [u8; 6] {
        let answers = self.lab.ask(&get(name));
        let answer = Messages(&answers[0]).next().expect("an answer");
        let attr = answer.attrs(Ifinfo::SIZE).find(IFLA_ADDRESS).expect("an address");
        attr.payload.try_into().expect("six bytes")
    }

    /// Frames of every protocol to the host on the bridge.
    pub fn speech(&mut self) -> Vec<Vec<u8>> {
        let mac = self.mac("br");
        let mut ip6 = speech::IP6;
        ip6[8..].copy_from_slice(&[mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]]);
        speech::frames(mac, HOST, ip6)
    }

    /// Lets time pass.
    pub fn pass(&mut self, micros: u64) {
        self.now = Instant(self.now.0 + micros);
        self.lab.kernel.advance(self.now);
    }

    /// Puts frames in at a port, and takes what comes out anywhere. Gives how many came.
    pub fn put(&mut self, port: usize, frames: &[&[u8]]) -> usize {
        // A port whose link is gone says so; nothing is lost by that.
        let _ = self.lab.kernel.input(self.now, self.ports[port % self.ports.len()], frames);
        self.take()
    }

    /// Takes what comes out.
    pub fn take(&mut self) -> usize {
        let mut count = 0;
        for port in &self.ports {
            self.lab.kernel.output(*port, &mut |_| count += 1);
        }
        count
    }

    /// Changes something at random: links go up and down, in and out of the bridge, away and back, and settings,
    /// addresses and sizes change. What the kernel refuses is refused.
    pub fn disturb(&mut self, dice: &mut Dice) {
        if dice.roll(16) == 0 {
            return self.tidy();
        }
        let names = ["v0", "v1", "v2", "v3", "v4", "v5", "br", "t7", "b7", "m0", "m1", "m2", "p0", "p1"];
        let name = names[dice.roll(names.len())];
        let Some(ifindex) = self.find(name) else { return self.bring_back(name) };
        let request = match dice.roll(12) {
            0 => up(ifindex, false),
            1 if name.starts_with('m') || name == "b7" => delete(ifindex),
            2 if name.starts_with('v') => {
                let master = self.find("br").filter(|_| dice.roll(2) == 0).unwrap_or(0);
                change(ifindex, |out| out.u32(IFLA_MASTER, master))
            }
            3 => change(ifindex, |out| out.u32(IFLA_MTU, [1500, 1400, 1280, 9000][dice.roll(4)])),
            4 if name == "br" => self.bridge_setting(ifindex, dice),
            5 if name.starts_with('v') => self.port_setting(ifindex, dice),
            6 => {
                let kind = [RTM_NEWADDR, RTM_DELADDR][dice.roll(2)];
                address(kind, ifindex, [10, 0, [0, 5, 7, 8][dice.roll(4)], 1 + dice.roll(3) as u8])
            }
            7 if name == "m2" => change(ifindex, |out| out.u32(IFLA_NET_NS_FD, self.far.0)),
            8 if name.starts_with('m') => typed(ifindex, false, "macvlan", |out| {
                out.u32(rtnl::kind::macvlan::IFLA_MACVLAN_MODE, [1, 2, 4, 16][dice.roll(4)]);
            }),
            9 => change(ifindex, |out| out.put(IFLA_ADDRESS, &[2, 0, 0, 0, 1, dice.roll(12) as u8])),
            _ => up(ifindex, true),
        };
        let _ = self.lab.talk(&request);
    }

    /// Everything goes up again, and four cables into the bridge.
    fn tidy(&mut self) {
        for name in ["v0", "v1", "v2", "v3", "v4", "v5", "br", "t7", "b7", "m0", "m1", "m2", "p0", "p1"] {
            if let Some(ifindex) = self.find(name) {
                let _ = self.lab.talk(&up(ifindex, true));
                let _ = self.lab.talk(&change(ifindex, |out| out.u32(IFLA_MTU, 1500)));
            }
        }
        let Some(bridge) = self.find("br") else { return };
        let _ = self.lab.talk(&address(RTM_NEWADDR, bridge, HOST));
        for port in (0..4).filter_map(|n| self.find(&format!("v{n}"))).collect::<Vec<_>>() {
            let _ = self.lab.talk(&change(port, |out| out.u32(IFLA_MASTER, bridge)));
        }
    }

    fn bridge_setting(&self, ifindex: u32, dice: &mut Dice) -> Vec<u8> {
        let on = dice.roll(2) as u8;
        typed(ifindex, false, "bridge", |out| match dice.roll(5) {
            0 => out.u8(IFLA_BR_VLAN_FILTERING, on),
            1 => out.u32(IFLA_BR_STP_STATE, u32::from(on)),
            2 => out.u8(IFLA_BR_MCAST_SNOOPING, on),
            3 => out.u8(IFLA_BR_MCAST_QUERIER, on),
            _ => out.u16(IFLA_BR_VLAN_PROTOCOL, [0x8100u16, 0x88a8][usize::from(on)].to_be()),
        })
    }

    fn port_setting(&self, ifindex: u32, dice: &mut Dice) -> Vec<u8> {
        let flags = [
            IFLA_BRPORT_MODE,
            IFLA_BRPORT_GUARD,
            IFLA_BRPORT_LEARNING,
            IFLA_BRPORT_UNICAST_FLOOD,
            IFLA_BRPORT_ISOLATED,
            IFLA_BRPORT_LOCKED,
            IFLA_BRPORT_MCAST_TO_UCAST,
        ];
        let (flag, on) = (flags[dice.roll(flags.len())], dice.roll(2) as u8);
        typed(ifindex, true, "bridge", |out| out.u8(flag, on))
    }

    /// Makes a link again that was deleted or went away.
    fn bring_back(&mut self, name: &str) {
        let (kind, lower) = match name {
            "b7" => ("vlan", "br"),
            "m0" => ("macvlan", "br"),
            _ => ("macvlan", "t7"),
        };
        if let Some(lower) = self.find(lower) {
            let _ = self.lab.talk(&on_top(kind, name, lower));
        }
    }

    /// Takes the ports away, lets everything that waits come to its end, and checks that no frame was lost: every one
    /// that came in, was copied or was made has come out, was delivered, or died of a reason that has a name; and
    /// the pool is whole. Gives how many frames came out, and of what the others died.
    pub fn close(mut self) -> (u64, Vec<(&'static str, u64)>) {
        let balance = |kernel: &Kernel| {
            let (made, handed_out) = kernel.tally();
            let died: u64 = kernel.drops().iter().map(|(_, count)| count).sum();
            assert_eq!(made, handed_out + died + kernel.frames_inside() as u64, "{:?}", kernel.drops());
            handed_out
        };
        balance(&self.lab.kernel);
        // Packets wait for fragments and neighbours half a minute at most.
        self.pass(60_000_000);
        self.take();
        for port in std::mem::take(&mut self.ports) {
            self.lab.kernel.detach_port(port);
        }
        assert_eq!(
            (self.lab.kernel.frames_inside(), self.lab.kernel.buffers_inside()),
            (0, 0),
            "the pool is whole"
        );
        (balance(&self.lab.kernel), self.lab.kernel.drops())
    }
}
