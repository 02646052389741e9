//! Numbers that have names: protocols and scopes of routes, tables, realms, services, kinds of routes, IP protocols.
//!
//! The tool reads most of these from files that a machine may change; here they are compiled in as Debian ships them,
//! so that the same words mean the same on every machine. Left out: what an administrator added to those files.

use crate::object::route::{RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN};
use crate::words::{matches, number};

/// Names of numbers, and the form of those that have none.
pub struct Names {
    rows: &'static [(u32, &'static str)],
    /// The base in which numbers are read.
    base: u32,
    /// The largest number.
    largest: u32,
    /// How a number without a name is shown.
    form: fn(u32) -> String,
}

impl Names {
    const fn new(rows: &'static [(u32, &'static str)], largest: u32) -> Names {
        Names { rows, base: 0, largest, form: |number| number.to_string() }
    }

    /// The name of a number; the number itself if it has none, or if numbers were asked for.
    pub fn name(&self, number: u32, numeric: bool) -> String {
        let row = self.rows.iter().find(|(other, _)| *other == number && !numeric);
        row.map_or_else(|| (self.form)(number), |(_, name)| (*name).into())
    }

    /// The number that a text names or is.
    pub fn number(&self, text: &str) -> Option<u32> {
        let row = self.rows.iter().find(|(_, name)| *name == text);
        row.map(|(number, _)| *number)
            .or_else(|| Some(number(text, self.base, u64::from(self.largest))? as u32))
    }
}

/// Who made a route.
pub static PROTOCOLS: Names = Names::new(
    &[
        (0, "unspec"),
        (1, "redirect"),
        (2, "kernel"),
        (3, "boot"),
        (4, "static"),
        (8, "gated"),
        (9, "ra"),
        (10, "mrt"),
        (11, "zebra"),
        (12, "bird"),
        (13, "dnrouted"),
        (14, "xorp"),
        (15, "ntk"),
        (16, "dhcp"),
        (18, "keepalived"),
        (42, "babel"),
        (99, "openr"),
        (186, "bgp"),
        (187, "isis"),
        (188, "ospf"),
        (189, "rip"),
        (192, "eigrp"),
    ],
    255,
);

/// How far an address or a route reaches.
pub static SCOPES: Names =
    Names::new(&[(0, "global"), (255, "nowhere"), (254, "host"), (253, "link"), (200, "site")], 255);

/// Tables of routes.
pub static TABLES: Names = Names::new(
    &[(0, "unspec"), (RT_TABLE_LOCAL, "local"), (RT_TABLE_MAIN, "main"), (RT_TABLE_DEFAULT, "default")],
    u32::MAX,
);

/// Realms of routes.
pub static REALMS: Names = Names::new(&[(0, "cosmos")], 255);

/// Types of service. They are read in base 16, with or without `0x`.
pub static SERVICES: Names = Names {
    rows: &[
        (0x00, "default"),
        (0x28, "AF11"),
        (0x30, "AF12"),
        (0x38, "AF13"),
        (0x48, "AF21"),
        (0x50, "AF22"),
        (0x58, "AF23"),
        (0x68, "AF31"),
        (0x70, "AF32"),
        (0x78, "AF33"),
        (0x88, "AF41"),
        (0x90, "AF42"),
        (0x98, "AF43"),
        (0x20, "CS1"),
        (0x40, "CS2"),
        (0x60, "CS3"),
        (0x80, "CS4"),
        (0xa0, "CS5"),
        (0xc0, "CS6"),
        (0xe0, "CS7"),
        (0xb8, "EF"),
    ],
    base: 16,
    largest: 255,
    form: |number| format!("0x{number:02x}"),
};

/// Protocols over IP.
static IP_PROTOCOLS: Names = Names {
    rows: &[
        (0, "ip"),
        (1, "icmp"),
        (2, "igmp"),
        (3, "ggp"),
        (4, "ipencap"),
        (5, "st"),
        (6, "tcp"),
        (8, "egp"),
        (9, "igp"),
        (12, "pup"),
        (17, "udp"),
        (20, "hmp"),
        (22, "xns-idp"),
        (27, "rdp"),
        (29, "iso-tp4"),
        (33, "dccp"),
        (36, "xtp"),
        (37, "ddp"),
        (38, "idpr-cmtp"),
        (41, "ipv6"),
        (43, "ipv6-route"),
        (44, "ipv6-frag"),
        (45, "idrp"),
        (46, "rsvp"),
        (47, "gre"),
        (50, "esp"),
        (51, "ah"),
        (57, "skip"),
        (58, "ipv6-icmp"),
        (59, "ipv6-nonxt"),
        (60, "ipv6-opts"),
        (73, "rspf"),
        (81, "vmtp"),
        (88, "eigrp"),
        (89, "ospf"),
        (93, "ax.25"),
        (94, "ipip"),
        (97, "etherip"),
        (98, "encap"),
        (103, "pim"),
        (108, "ipcomp"),
        (112, "vrrp"),
        (115, "l2tp"),
        (124, "isis"),
        (132, "sctp"),
        (133, "fc"),
        (135, "mobility-header"),
        (136, "udplite"),
        (137, "mpls-in-ip"),
        (138, "manet"),
        (139, "hip"),
        (140, "shim6"),
        (141, "wesp"),
        (142, "rohc"),
        (143, "ethernet"),
    ],
    base: 10,
    largest: 255,
    form: |number| format!("ipproto-{number}"),
};

/// The number of a protocol over IP: a number, a name, or the name in capitals that goes with it.
pub fn ip_protocol(text: &str) -> Option<u8> {
    let alias = match text {
        "hopopt" | "HOPOPT" => Some(0),
        "IP-ENCAP" => Some(4),
        "IPSEC-ESP" => Some(50),
        "IPSEC-AH" => Some(51),
        "RSPF" | "CPHB" => Some(73),
        "OSPFIGP" => Some(89),
        _ => None,
    };
    let capitals = || {
        let is_it = |name: &str| !matches!(name, "ipencap" | "esp" | "ah" | "rspf" | "ospf" | "manet");
        let row = IP_PROTOCOLS.rows.iter().find(|(_, name)| is_it(name) && capital(name) == text);
        row.map(|(number, _)| *number)
    };
    IP_PROTOCOLS.number(text).or(alias).or_else(capitals).map(|number| number as u8)
}

/// The second name of a protocol: in capitals, but for a few.
fn capital(name: &str) -> String {
    match name {
        "ipv6" => "IPv6".into(),
        "ipv6-route" => "IPv6-Route".into(),
        "ipv6-frag" => "IPv6-Frag".into(),
        "ipv6-icmp" => "IPv6-ICMP".into(),
        "ipv6-nonxt" => "IPv6-NoNxt".into(),
        "ipv6-opts" => "IPv6-Opts".into(),
        "mobility-header" => "Mobility-Header".into(),
        "udplite" => "UDPLite".into(),
        "mpls-in-ip" => "MPLS-in-IP".into(),
        "shim6" => "Shim6".into(),
        "ethernet" => "Ethernet".into(),
        _ => name.to_ascii_uppercase(),
    }
}

/// The name of a protocol over IP.
pub fn ip_protocol_name(number: u8, numeric: bool) -> String {
    IP_PROTOCOLS.name(u32::from(number), numeric)
}

/// What a route does, by its number.
static KINDS: Names = Names::new(
    &[
        (0, "none"),
        (1, "unicast"),
        (2, "local"),
        (3, "broadcast"),
        (4, "anycast"),
        (5, "multicast"),
        (6, "blackhole"),
        (7, "unreachable"),
        (8, "prohibit"),
        (9, "throw"),
        (10, "nat"),
        (11, "xresolve"),
    ],
    255,
);

/// The words for what a route does, in the order in which they are tried; a few must stand whole.
const KIND_WORDS: &[(&str, u8)] = &[
    ("local", 2),
    ("nat", 10),
    ("broadcast", 3),
    ("brd", 3),
    ("anycast", 4),
    ("multicast", 5),
    ("prohibit", 8),
    ("unreachable", 7),
    ("blackhole", 6),
    ("xresolve", 11),
    ("unicast", 1),
    ("throw", 9),
];

/// The name of what a route does.
pub fn kind_name(kind: u8, numeric: bool) -> String {
    KINDS.name(u32::from(kind), numeric)
}

/// What a route does, by a word or the beginning of one, or by its number.
pub fn kind_number(text: &str) -> Option<u8> {
    let is_it = |word: &str| match word {
        "local" | "nat" | "brd" | "throw" => text == word,
        _ => matches(text, word),
    };
    let row = KIND_WORDS.iter().find(|(word, _)| is_it(word));
    row.map(|(_, kind)| *kind).or_else(|| Some(number(text, 0, 255)? as u8))
}

/// Realms as `FROM/TO` or `TO`, or as one number of both.
pub fn realms(text: &str) -> Option<u32> {
    let (from, to) = match text.split_once('/') {
        Some((from, to)) => (REALMS.number(from), to),
        None => (Some(0), text),
    };
    let to = if to.is_empty() { Some(0) } else { REALMS.number(to) };
    let both = from.zip(to).map(|(from, to)| from << 16 | to);
    both.or_else(|| Some(number(text, 0, u64::from(u32::MAX))? as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_go_both_ways() {
        assert_eq!(PROTOCOLS.number("static"), Some(4));
        assert_eq!(PROTOCOLS.number("0x10"), Some(16));
        assert_eq!(PROTOCOLS.number("256"), None);
        assert_eq!(PROTOCOLS.name(77, false), "77");
        assert_eq!(PROTOCOLS.name(2, true), "2");
        assert_eq!(SERVICES.number("10"), Some(16));
        assert_eq!(SERVICES.name(0x11, false), "0x11");
        assert_eq!(SERVICES.name(0, true), "0x00");
        assert_eq!(TABLES.number("4294967295"), Some(u32::MAX));
        assert_eq!(kind_number("b"), Some(3));
        assert_eq!(kind_number("bl"), Some(6));
        assert_eq!(kind_number("loc"), None);
        assert_eq!(kind_number("thr"), None);
        assert_eq!(ip_protocol("TCP"), Some(6));
        assert_eq!(ip_protocol("IPv6-ICMP"), Some(58));
        assert_eq!(ip_protocol_name(7, false), "ipproto-7");
    }

    #[test]
    fn realms_have_two_halves() {
        assert_eq!(realms("1/2"), Some(0x1_0002));
        assert_eq!(realms("cosmos/5"), Some(5));
        assert_eq!(realms("3/"), Some(0x3_0000));
        assert_eq!(realms("70000"), Some(70000));
        assert_eq!(realms("/5"), None);
        assert_eq!(realms(""), Some(0));
    }
}
