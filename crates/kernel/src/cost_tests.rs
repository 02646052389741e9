//! What requests cost, in steps of walks ([`crate::work`]): it follows what they touch, not how much there is.

use crate::{ClientId, Instant, Kernel, NetnsId};
use rtnl::attr::Builder;
use rtnl::message::*;
use rtnl::object::addr::*;
use rtnl::object::link::*;
use rtnl::object::netns::*;
use rtnl::object::route::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Names a type of link.
fn of_kind(out: &mut Builder, kind: &str) {
    let info = out.nest(IFLA_LINKINFO);
    out.string(IFLA_INFO_KIND, kind.as_bytes());
    out.end(info);
}

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

    /// Sends a request that may not be refused; gives how many messages answer it.
    fn ask(&mut self, kind: u16, flags: u16, body: impl FnOnce(&mut Builder)) -> usize {
        let mut out = Builder::new();
        let start = out.start(Header { kind, flags: NLM_F_REQUEST | flags, seq: 1, pid: 0 });
        body(&mut out);
        out.finish(start);
        self.kernel.handle(self.kernel.world.now, self.client, &out.bytes).expect("an open client");
        let (mut count, mut piece) = (0, Vec::new());
        while self.kernel.receive(self.client, &mut piece) {
            for message in Messages(&piece) {
                let refusal = Refusal::decode(&message).filter(|_| message.header.kind == NLMSG_ERROR);
                assert!(refusal.is_none(), "request {kind}: {refusal:?}");
                count += 1;
            }
        }
        count
    }

    fn dummy(&mut self, name: &str) {
        self.make("dummy", name);
    }

    fn make(&mut self, kind: &str, name: &str) {
        self.ask(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, |out| {
            Ifinfo::default().encode(out);
            out.string(IFLA_IFNAME, name.as_bytes());
            of_kind(out, kind);
        });
        assert!(self.kernel.ifindex(self.netns, name).is_some(), "{name} was made");
    }

    /// Asks for something that is to be done.
    fn change(&mut self, kind: u16, body: impl FnOnce(&mut Builder)) {
        self.ask(kind, NLM_F_ACK, body);
    }

    /// Changes a link of that index.
    fn set(&mut self, index: u32, info: Ifinfo, attrs: impl FnOnce(&mut Builder)) {
        self.change(RTM_NEWLINK, |out| {
            Ifinfo { ifindex: index as i32, ..info }.encode(out);
            attrs(out);
        });
    }

    fn up(&mut self, index: u32, up: bool) {
        let flags = if up { IFF_UP } else { 0 };
        self.set(index, Ifinfo { flags, change: IFF_UP, ..Ifinfo::default() }, |_| ());
    }

    /// Adds an address, or takes it away.
    fn address(&mut self, kind: u16, index: u32, address: IpAddr, prefixlen: u8) {
        self.change(kind, |out| {
            let family = if address.is_ipv4() { 2 } else { 10 };
            Ifaddr { family, prefixlen, flags: 0, scope: 0, ifindex: index }.encode(out);
            match address {
                IpAddr::V4(address) => out.ipv4(IFA_LOCAL, address),
                IpAddr::V6(address) => out.ipv6(IFA_LOCAL, address),
            }
        });
    }

    fn index(&self, name: &str) -> u32 {
        self.kernel.ifindex(self.netns, name).expect("there is such a link")
    }

    /// Asks which route a packet from one address to another takes.
    fn route(&mut self, from: IpAddr, to: IpAddr) {
        self.ask(RTM_GETROUTE, 0, |out| {
            let family = if to.is_ipv4() { 2 } else { 10 };
            Rtmsg { family, ..Rtmsg::default() }.encode(out);
            for (number, address) in [(RTA_DST, to), (RTA_SRC, from)] {
                match address {
                    address if address.is_unspecified() => {}
                    IpAddr::V4(address) => out.ipv4(number, address),
                    IpAddr::V6(address) => out.ipv6(number, address),
                }
            }
        });
    }

    /// Lets time pass until links that came up have come to rest.
    fn rest(&mut self) {
        let now = self.kernel.world.now;
        self.kernel.advance(Instant(now.0 + 30_000_000));
    }

    /// The steps that something takes in the client's namespace.
    fn steps<T>(&mut self, deed: impl FnOnce(&mut Lab) -> T) -> (u64, T) {
        let count = |lab: &Lab| {
            let space = lab.kernel.world.space(lab.netns).expect("it lives");
            let stack = &space.stack;
            let routes = stack.fib4.steps.count() + stack.fib6.steps.count();
            let holders = stack.holders4.steps.count() + stack.holders6.steps.count();
            space.steps.count() + routes + holders + lab.kernel.world.looks.count()
        };
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
    assert!(steps <= 9 * LINKS as u64, "{steps} steps");
}

/// A link that is up, with addresses of both families, next to others; and a namespace to go to.
struct Street {
    lab: Lab,
    index: u32,
    elsewhere: NetnsId,
}

impl Street {
    /// With so many others, all up with IPv6 and at rest, every one with an address of its own.
    fn new(others: usize) -> Street {
        let mut lab = Lab::new();
        // Else every link asks for routers again and again, and time that passes is not that of one link.
        let silent = lab.kernel.set_sysctl(lab.netns, "net.ipv6.conf.default.router_solicitations", "0");
        assert_eq!(silent, Ok(()));
        lab.up(1, true);
        for n in 0..others {
            let name = format!("other{n}");
            lab.dummy(&name);
            let index = lab.index(&name);
            lab.up(index, true);
            let near = Ipv4Addr::from_bits(0x0a00_0001 + (n as u32) * 256);
            lab.address(RTM_NEWADDR, index, near.into(), 24);
        }
        lab.rest();
        lab.dummy("one");
        let index = lab.index("one");
        let elsewhere = lab.kernel.create_netns().expect("room for a namespace");
        Street { lab, index, elsewhere }
    }

    /// What each deed costs, in turn.
    fn costs(mut self, deeds: &[(&'static str, Deed)]) -> Vec<(&'static str, u64)> {
        let index = self.index;
        let mut costs = Vec::new();
        for (what, deed) in deeds {
            let elsewhere = self.elsewhere;
            costs.push((*what, self.lab.steps(|lab| deed(lab, index, elsewhere)).0));
        }
        costs
    }
}

/// Something that happens to a link, beside a namespace that it may go to.
type Deed = fn(&mut Lab, u32, NetnsId);

/// Does the same beside few and beside many, and compares what it costs.
fn costs_the_same(many: usize, deeds: &[(&'static str, Deed)]) {
    let few = Street::new(10).costs(deeds);
    assert!(few.iter().any(|(_, steps)| *steps > 0));
    assert_eq!(Street::new(many).costs(deeds), few, "beside {many} links and beside 10");
}

#[test]
fn up_and_down_cost_what_the_link_has() {
    costs_the_same(
        10_000,
        &[
            ("up", |lab, index, _| lab.up(index, true)),
            ("at rest", |lab, _, _| lab.rest()),
            ("down", |lab, index, _| lab.up(index, false)),
            ("up again", |lab, index, _| lab.up(index, true)),
            ("at rest again", |lab, _, _| lab.rest()),
            ("delete", |lab, index, _| {
                lab.change(RTM_DELLINK, |out| {
                    Ifinfo { ifindex: index as i32, ..Ifinfo::default() }.encode(out);
                });
            }),
        ],
    );
}

#[test]
fn changes_cost_what_the_link_has() {
    costs_the_same(
        2_000,
        &[
            ("up", |lab, index, _| lab.up(index, true)),
            ("address", |lab, index, _| lab.address(RTM_NEWADDR, index, [192, 0, 2, 1].into(), 24)),
            ("address of IPv6", |lab, index, _| {
                lab.address(RTM_NEWADDR, index, [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), 64);
            }),
            ("at rest", |lab, _, _| lab.rest()),
            ("MTU", |lab, index, _| {
                lab.set(index, Ifinfo::default(), |out| out.u32(IFLA_MTU, 1400));
            }),
            ("too small for IPv6", |lab, index, _| {
                lab.set(index, Ifinfo::default(), |out| out.u32(IFLA_MTU, 1000));
            }),
            ("large enough", |lab, index, _| {
                lab.set(index, Ifinfo::default(), |out| out.u32(IFLA_MTU, 1500));
            }),
            ("name", |lab, index, _| {
                lab.up(index, false);
                lab.set(index, Ifinfo::default(), |out| out.string(IFLA_IFNAME, b"other%d"));
                lab.up(index, true);
            }),
            ("link-layer address", |lab, index, _| {
                lab.set(index, Ifinfo::default(), |out| out.put(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 9]));
            }),
            ("group", |lab, index, _| {
                lab.set(index, Ifinfo::default(), |out| out.u32(IFLA_GROUP, 7));
            }),
            ("address gone", |lab, index, _| {
                lab.address(RTM_DELADDR, index, [192, 0, 2, 1].into(), 24);
            }),
            ("elsewhere", |lab, index, elsewhere| {
                lab.set(index, Ifinfo::default(), |out| out.u32(IFLA_NET_NS_FD, elsewhere.0));
            }),
        ],
    );
}

/// Listings of what little there is of something, and questions about one thing.
#[test]
fn questions_cost_what_they_ask_for() {
    const OWN: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    const NEAR: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
    const OWN4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const NEAR4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    let deeds: &[(&str, Deed)] = &[
        ("addresses", |lab, index, _| {
            lab.up(index, true);
            lab.address(RTM_NEWADDR, index, OWN4, 24);
            lab.address(RTM_NEWADDR, index, OWN, 64);
            lab.rest();
        }),
        ("its addresses", |lab, index, _| {
            lab.ask(RTM_GETADDR, NLM_F_DUMP, |out| {
                Ifaddr { family: 0, prefixlen: 0, flags: 0, scope: 0, ifindex: index }.encode(out);
            });
        }),
        ("its routes", |lab, index, _| {
            for family in [2, 10] {
                lab.ask(RTM_GETROUTE, NLM_F_DUMP, |out| {
                    Rtmsg { family, ..Rtmsg::default() }.encode(out);
                    out.u32(RTA_OIF, index);
                });
            }
        }),
        ("a way", |lab, _, _| lab.route(OWN4, NEAR4)),
        ("a way and a source", |lab, _, _| lab.route(IpAddr::V6(Ipv6Addr::UNSPECIFIED), NEAR)),
        ("a way from an address", |lab, _, _| lab.route(OWN, NEAR)),
        ("a bridge", |lab, index, _| {
            lab.make("bridge", "br");
            let bridge = lab.index("br");
            lab.set(index, Ifinfo::default(), |out| out.u32(IFLA_MASTER, bridge));
        }),
        ("bridges", |lab, _, _| {
            let answers = lab.ask(RTM_GETLINK, NLM_F_DUMP, |out| {
                Ifinfo::default().encode(out);
                of_kind(out, "bridge");
            });
            assert_eq!(answers, 2, "the bridge and the end");
        }),
        ("ports", |lab, _, _| {
            let bridge = lab.index("br");
            let answers = lab.ask(RTM_GETLINK, NLM_F_DUMP, |out| {
                Ifinfo::default().encode(out);
                out.u32(IFLA_MASTER, bridge);
            });
            assert_eq!(answers, 2, "the port and the end");
        }),
        ("ports as bridges list them", |lab, _, _| {
            lab.ask(RTM_GETLINK, NLM_F_DUMP, |out| Ifinfo { family: 7, ..Ifinfo::default() }.encode(out));
        }),
        ("a group", |lab, index, _| {
            lab.set(index, Ifinfo::default(), |out| out.u32(IFLA_GROUP, 7));
            lab.change(RTM_NEWLINK, |out| {
                Ifinfo { flags: 0, change: IFF_UP, ..Ifinfo::default() }.encode(out);
                out.u32(IFLA_GROUP, 7);
            });
        }),
        ("a group's end", |lab, _, _| {
            lab.change(RTM_DELLINK, |out| {
                Ifinfo::default().encode(out);
                out.u32(IFLA_GROUP, 7);
            });
            assert_eq!(lab.kernel.ifindex(lab.netns, "one"), None);
        }),
    ];
    costs_the_same(2_000, deeds);
}
