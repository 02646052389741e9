//! Addresses, routes, rules and neighbours of random links (`World::layer3`).
//!
//! Nobody looks for duplicates in these scenarios, so that no address is tentative for a random while; and every
//! command waits until the carriers have settled, because lists are in the order in which links became ready. Times
//! that run out, and states of neighbours that ask, are left out.
//!
//! Lines are in the language of `trouble.rs`. Before that `FOUR` and `SIX` become addresses of a small pool, so that
//! they meet again on siblings, lower links and peers, and other words become one of their list.

use super::world::World;

/// What a namespace is told at its beginning.
pub(super) const NO_SEARCH: &str =
    "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0";

/// Words that stand for one of a list. A list may use those behind it.
const LISTS: &[(&str, &[&str])] = &[
    ("FOUR", FOUR),
    ("SIX", SIX),
    ("WITH4", WITH4),
    ("WITH6", WITH6),
    ("NET4", NET4),
    ("NET6", NET6),
    ("WAY4", WAY4),
    ("WAY6", WAY6),
    ("MORE", MORE),
    ("VERB", VERB),
    ("STATE", STATE),
];

const FOUR: &[&str] = &[
    "10.3.0.1/24",
    "10.3.0.1/24",
    "10.3.0.2/24",
    "10.3.0.9/24",
    "10.3.0.3/16",
    "10.3.1.1/25",
    "10.3.0.1/32",
    "10.3.0.1/16",
    "192.168.7.0/31",
    "10.3.0.4 peer 10.3.0.5",
    "10.3.0.6 peer 10.8.0.1/24",
    "172.16.0.1/12",
    "169.254.1.1/16",
];

const SIX: &[&str] = &[
    "fd00:3::1/64",
    "fd00:3::1/64",
    "fd00:3::2/64",
    "fd00:3::9/64",
    "fd00:3::1/128",
    "fd00:3:0:1::1/48",
    "fd00:3::5 peer fd00:3::6",
    "fe80::5/64",
    "2001:db8::1/32",
];

const WITH4: &[&str] = &[
    "",
    "",
    "",
    "",
    "brd +",
    "broadcast -",
    "broadcast 10.3.0.255",
    "label DEV:1",
    "label DEV",
    "scope link",
    "scope host",
    "metric 77",
    "noprefixroute",
    "preferred_lft 0",
    "nodad",
];

const WITH6: &[&str] = &[
    "",
    "",
    "",
    "nodad",
    "noprefixroute",
    "metric 99",
    "home nodad",
    "preferred_lft 0",
    "mngtmpaddr",
    "scope link",
    "label DEV:1",
];

const NET4: &[&str] =
    &["10.9.0.0/16", "10.9.0.0/16", "10.9.1.0/24", "10.9.1.1", "default", "10.3.0.0/24", "10.3.0.9"];

const NET6: &[&str] =
    &["fd00:9::/48", "fd00:9::/48", "fd00:9:1::/64", "fd00:9::1", "default", "fd00:3::/64", "fe80::/64"];

const WAY4: &[&str] = &[
    "dev DEV",
    "dev DEV",
    "dev LOW",
    "via 10.3.0.9",
    "via 10.3.0.9 dev DEV",
    "via 10.3.0.77 dev DEV onlink",
    "dev DEV src 10.3.0.1",
    "via inet6 fe80::9 dev DEV",
    "dev DEV mtu 1400 advmss 1000",
    "via 10.3.0.9 mtu lock 1300 hoplimit 9",
    "nexthop via 10.3.0.9 dev DEV weight 2 nexthop via 10.3.0.8 dev LOW",
    "nexthop dev DEV nexthop dev LOW weight 3",
    "nexthop via 10.3.0.9 nexthop via 10.3.0.7 dev DEV onlink",
    "dev lo",
];

const WAY6: &[&str] = &[
    "dev DEV",
    "dev DEV",
    "dev LOW",
    "via fd00:3::9",
    "via fd00:3::9 dev DEV",
    "via fe80::9 dev DEV",
    "via fd00:7::9 dev DEV onlink",
    "dev DEV src fd00:3::1",
    "dev DEV mtu 1400",
    "nexthop via fe80::9 dev DEV nexthop via fe80::8 dev LOW weight 2",
    "nexthop dev DEV nexthop dev LOW",
    "dev lo",
];

const MORE: &[&str] =
    &["", "", "", "metric 5", "metric 5", "table 100", "proto static", "scope link", "tos 0x10"];

const VERB: &[&str] = &["add", "add", "add", "append", "prepend", "replace", "change", "del", "del"];

const STATE: &[&str] = &["permanent", "permanent", "noarp", "stale"];

const LINES: &[&str] = &[
    "addr add FOUR WITH4 dev DEV",
    "addr add FOUR WITH4 dev DEV",
    "addr add FOUR WITH4 dev DEV",
    "addr add FOUR WITH4 dev LOW",
    "addr add FOUR WITH4 dev LOW",
    "addr replace FOUR WITH4 dev DEV",
    "addr change FOUR WITH4 dev DEV",
    "addr del FOUR dev DEV",
    "addr del FOUR dev LOW",
    "addr del 10.3.0.1 dev DEV",
    "addr add SIX WITH6 dev DEV",
    "addr add SIX WITH6 dev DEV",
    "addr add SIX WITH6 dev LOW",
    "addr replace SIX WITH6 dev DEV",
    "addr change SIX WITH6 dev DEV",
    "addr del SIX dev DEV",
    "addr del SIX dev LOW",
    "addr flush dev DEV",
    "-4 addr flush dev DEV",
    "-6 addr flush dev DEV",
    "addr flush dev DEV scope link",
    "addr flush dev DEV label DEV:1",
    "addr flush to 10.3.0.0/16",
    "route VERB NET4 WAY4 MORE",
    "route VERB NET4 WAY4 MORE",
    "route VERB NET4 WAY4",
    "route VERB blackhole NET4 MORE",
    "route VERB unreachable NET4 MORE",
    "route VERB prohibit NET4",
    "route VERB throw NET4 MORE",
    "route VERB local NET4 dev DEV",
    "route VERB broadcast NET4 dev DEV",
    "route VERB multicast 224.9.0.0/16 dev DEV",
    "route del NET4",
    "route del NET4 dev DEV",
    "route del NET4 MORE",
    "route flush dev DEV",
    "route flush table 100",
    "route flush NET4",
    "route flush proto static",
    "-6 route VERB NET6 WAY6 MORE",
    "-6 route VERB NET6 WAY6 MORE",
    "-6 route VERB NET6 WAY6",
    "-6 route VERB blackhole NET6 MORE",
    "-6 route VERB unreachable NET6 MORE",
    "-6 route VERB local NET6 dev DEV",
    "-6 route VERB anycast NET6 dev DEV",
    "-6 route del NET6",
    "-6 route del NET6 dev DEV",
    "-6 route flush dev DEV",
    "-6 route flush NET6",
    "rule add from 10.3.0.0/24 table 100 pref 300",
    "rule add iif DEV lookup 100 pref 301",
    "rule add oif DEV lookup 100 pref 302",
    "rule del iif DEV",
    "rule del pref 300",
    "-6 rule add iif DEV lookup 100 pref 303",
    "-6 rule add from fd00:3::/64 blackhole pref 304",
    "-6 rule del pref 303",
    "neigh add 10.3.0.9 lladdr MAC dev DEV nud STATE",
    "neigh add 10.3.0.9 lladdr MAC dev LOW nud STATE",
    "neigh replace 10.3.0.9 lladdr MAC dev DEV nud STATE",
    "neigh replace fd00:3::9 lladdr MAC dev DEV nud STATE",
    "neigh change 10.3.0.9 lladdr MAC dev DEV nud STATE",
    "neigh add fe80::9 lladdr MAC dev DEV router nud STATE",
    "neigh add 10.3.0.8 dev DEV nud STATE",
    "neigh add 10.3.0.8 lladdr MAC dev DEV extern_learn",
    "neigh add proxy 10.3.0.77 dev DEV",
    "neigh add proxy fd00:3::77 dev DEV",
    "neigh del proxy 10.3.0.77 dev DEV",
    "neigh del 10.3.0.9 dev DEV",
    "neigh del fe80::9 dev DEV",
    "neigh flush dev DEV",
    "neigh flush all",
    "neigh flush dev DEV nud permanent",
    "maddr add 01:00:5e:00:00:09 dev DEV",
    "maddr del 01:00:5e:00:00:09 dev DEV",
];

const LOOKS: &[&str] = &[
    "addr show dev DEV",
    "-4 addr show dev DEV",
    "-6 addr show dev LOW",
    "-d addr show dev DEV",
    "-br addr",
    "-br -6 addr show up",
    "-j addr show dev DEV",
    "-p -j -4 addr",
    "-o addr",
    "addr show to 10.3.0.0/16",
    "addr show scope link",
    "-4 addr show label 'DEV*'",
    "addr show type KIND",
    "addr show master DEV",
    "route",
    "-d route",
    "-j route show table all",
    "-o route show table all",
    "route show dev DEV",
    "route show table 100",
    "route show via 10.3.0.9",
    "route show scope link",
    "route show match 10.9.1.1",
    "-6 route",
    "-6 -j route show dev DEV",
    "-6 route show table local",
    "route get 10.9.1.1",
    "route get 10.3.0.9 oif DEV",
    "route get 10.3.0.77 mark 5",
    "route get fibmatch 10.9.1.1",
    "route get 10.3.0.1 from 10.3.0.9 iif DEV",
    "-j route get 10.3.0.1",
    "route get fd00:9::1",
    "route get fd00:3::1",
    "route get fe80::9 oif DEV",
    "route get fd00:3::9 from fd00:3::1",
    "rule",
    "-6 -j rule",
    "neigh",
    "neigh show dev DEV",
    "-j neigh",
    "neigh show proxy",
    "neigh show nud permanent",
    "maddr show dev DEV",
    "netconf show dev DEV",
    "-6 netconf show dev DEV",
];

/// The whole state, at the end.
const ALL: &[&str] = &[
    "addr",
    "-d -j addr",
    "route show table all",
    "-6 route show table all",
    "rule",
    "-6 rule",
    "neigh",
    "neigh show proxy",
    "maddr",
];

impl World {
    /// A few commands about addresses, routes, rules and neighbours, and looks at them.
    pub(super) fn layer3_step(&mut self) {
        if self.rng.chance(40) {
            if let Some(link) = self.some_link(|_| true) {
                self.set(&link, "up");
            }
        }
        self.settle();
        for _ in 0..self.rng.between(1, 6) {
            self.layer3_command();
            self.no_news();
        }
    }

    fn layer3_command(&mut self) {
        let line = if self.rng.chance(20) { self.rng.word(LOOKS) } else { self.rng.word(LINES) };
        let mut line = line.to_string();
        for (word, list) in LISTS {
            let choice = self.rng.word(list);
            line = line.replace(word, choice);
        }
        let space = self.some_space();
        let dev = self.some_link(|l| l.space == space);
        self.say(&line.replace("  ", " "), space, dev);
    }

    /// Looks at everything of a namespace.
    pub(super) fn look_at_layer3(&mut self, ip: &str) {
        for words in ALL {
            self.note(&format!("{ip} {words}"));
        }
    }
}
