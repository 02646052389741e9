//! `vxlan`: Ethernet frames in UDP (RFC 7348, `drivers/net/vxlan`; iproute2 `iplink_vxlan.c`).
//!
//! The words are read in one pass and some attributes are written behind all others, as the tool does it: what they
//! are depends on each other. Each word may come once; a switch and its opposite are one.

use super::Kind;
use super::tunnel::*;
use crate::attr::Builder;
use crate::client::Links;
use crate::family::{AF_INET, AF_INET6};
use crate::prefix::{Prefix, address};
use crate::show::{Scene, Show};
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{Matching, Stop, Words, matches, number};

/// The network's identifier, 0 to 16777215.
pub const IFLA_VXLAN_ID: u16 = 1;
/// Where frames go whose address is not known: one host or a group, IPv4.
pub const IFLA_VXLAN_GROUP: u16 = 2;
/// Index of the link that packets leave through.
pub const IFLA_VXLAN_LINK: u16 = 3;
/// The address that packets come from, IPv4.
pub const IFLA_VXLAN_LOCAL: u16 = 4;
/// Time to live; 0: the usual one.
pub const IFLA_VXLAN_TTL: u16 = 5;
/// Type of service; 1: that of what is inside.
pub const IFLA_VXLAN_TOS: u16 = 6;
/// Whether addresses are learned from what comes in.
pub const IFLA_VXLAN_LEARNING: u16 = 7;
/// How long an idle learned address stays, in seconds; 0: the usual time.
pub const IFLA_VXLAN_AGEING: u16 = 8;
/// The most addresses; 0: no limit.
pub const IFLA_VXLAN_LIMIT: u16 = 9;
/// `struct ifla_vxlan_port_range`: the ports that packets come from, in network order.
pub const IFLA_VXLAN_PORT_RANGE: u16 = 10;
/// Whether ARP and its sister are answered here.
pub const IFLA_VXLAN_PROXY: u16 = 11;
/// Whether packets for a router go to their destination directly.
pub const IFLA_VXLAN_RSC: u16 = 12;
/// Whether unknown link-layer addresses are told of.
pub const IFLA_VXLAN_L2MISS: u16 = 13;
/// Whether unknown IP addresses are told of.
pub const IFLA_VXLAN_L3MISS: u16 = 14;
/// The port that packets go to, in network order.
pub const IFLA_VXLAN_PORT: u16 = 15;
/// Where frames go whose address is not known, IPv6.
pub const IFLA_VXLAN_GROUP6: u16 = 16;
/// The address that packets come from, IPv6.
pub const IFLA_VXLAN_LOCAL6: u16 = 17;
/// Whether datagrams over IPv4 bear a checksum.
pub const IFLA_VXLAN_UDP_CSUM: u16 = 18;
/// Whether datagrams over IPv6 bear none.
pub const IFLA_VXLAN_UDP_ZERO_CSUM6_TX: u16 = 19;
/// Whether datagrams over IPv6 without checksum are taken.
pub const IFLA_VXLAN_UDP_ZERO_CSUM6_RX: u16 = 20;
/// Whether checksums inside are left to the receiver.
pub const IFLA_VXLAN_REMCSUM_TX: u16 = 21;
/// Whether checksums are filled in that a sender left to us.
pub const IFLA_VXLAN_REMCSUM_RX: u16 = 22;
/// Group policy: the mark of packets travels along.
pub const IFLA_VXLAN_GBP: u16 = 23;
/// Left-out checksums may not be left out in part.
pub const IFLA_VXLAN_REMCSUM_NOPARTIAL: u16 = 24;
/// Where a packet goes is decided outside of the device.
pub const IFLA_VXLAN_COLLECT_METADATA: u16 = 25;
/// The flow label, in network order.
pub const IFLA_VXLAN_LABEL: u16 = 26;
/// Generic protocol extension: any protocol may be inside.
pub const IFLA_VXLAN_GPE: u16 = 27;
/// The time to live is that of what is inside.
pub const IFLA_VXLAN_TTL_INHERIT: u16 = 28;
/// `VXLAN_DF_*`: 0 packets may be cut, 1 they may not, 2 as what is inside says.
pub const IFLA_VXLAN_DF: u16 = 29;
/// Only listed identifiers are taken.
pub const IFLA_VXLAN_VNIFILTER: u16 = 30;

/// The largest of `VXLAN_DF_*`.
pub const VXLAN_DF_MAX: u8 = 2;
/// The port with which generic protocol extension works.
const GPE_PORT: u16 = 4790;

static TABLE: Table = Table::new(
    "IFLA_VXLAN",
    &[
        Row::new(IFLA_VXLAN_COLLECT_METADATA, "IFLA_VXLAN_COLLECT_METADATA", Wire::U8).show(
            "external",
            Show::Hook(|s, tb| show_set(s, tb, IFLA_VXLAN_COLLECT_METADATA, "external", " ")),
        ),
        // The tool puts no blank behind this one.
        Row::new(IFLA_VXLAN_VNIFILTER, "IFLA_VXLAN_VNIFILTER", Wire::U8)
            .show("vnifilter", Show::Hook(|s, tb| show_set(s, tb, IFLA_VXLAN_VNIFILTER, "vnifilter", ""))),
        Row::new(IFLA_VXLAN_ID, "IFLA_VXLAN_ID", Wire::U32).show("id", Show::Uint("id ")),
        Row::new(IFLA_VXLAN_GROUP, "IFLA_VXLAN_GROUP", Wire::AtLeast(4))
            .show("remote", Show::Hook(show_group)),
        Row::new(IFLA_VXLAN_GROUP6, "IFLA_VXLAN_GROUP6", Wire::AtLeast(16))
            .show("remote6", Show::Hook(show_group6)),
        Row::new(IFLA_VXLAN_LOCAL, "IFLA_VXLAN_LOCAL", Wire::AtLeast(4))
            .show("local", Show::Hook(show_local)),
        Row::new(IFLA_VXLAN_LOCAL6, "IFLA_VXLAN_LOCAL6", Wire::AtLeast(16))
            .show("local6", Show::Hook(show_local6)),
        Row::new(IFLA_VXLAN_LINK, "IFLA_VXLAN_LINK", Wire::U32).show("link", Show::Hook(show_link)),
        Row::new(IFLA_VXLAN_PORT_RANGE, "IFLA_VXLAN_PORT_RANGE", Wire::AtLeast(4))
            .show("port_range", Show::Hook(show_range)),
        Row::new(IFLA_VXLAN_PORT, "IFLA_VXLAN_PORT", Wire::U16Be).show("port", Show::Uint("dstport ")),
        Row::new(IFLA_VXLAN_LEARNING, "IFLA_VXLAN_LEARNING", Wire::U8)
            .show("learning", Show::Hook(show_learning)),
        Row::new(IFLA_VXLAN_PROXY, "IFLA_VXLAN_PROXY", Wire::U8)
            .show("proxy", Show::Hook(|s, tb| show_set(s, tb, IFLA_VXLAN_PROXY, "proxy", " "))),
        Row::new(IFLA_VXLAN_RSC, "IFLA_VXLAN_RSC", Wire::U8)
            .show("rsc", Show::Hook(|s, tb| show_set(s, tb, IFLA_VXLAN_RSC, "rsc", " "))),
        Row::new(IFLA_VXLAN_L2MISS, "IFLA_VXLAN_L2MISS", Wire::U8)
            .show("l2miss", Show::Hook(|s, tb| show_set(s, tb, IFLA_VXLAN_L2MISS, "l2miss", " "))),
        Row::new(IFLA_VXLAN_L3MISS, "IFLA_VXLAN_L3MISS", Wire::U8)
            .show("l3miss", Show::Hook(|s, tb| show_set(s, tb, IFLA_VXLAN_L3MISS, "l3miss", " "))),
        Row::new(IFLA_VXLAN_TOS, "IFLA_VXLAN_TOS", Wire::U8)
            .show("tos", Show::Hook(|s, tb| show_service(s, tb, IFLA_VXLAN_TOS))),
        Row::new(IFLA_VXLAN_TTL_INHERIT, "IFLA_VXLAN_TTL_INHERIT", Wire::Flag),
        Row::new(IFLA_VXLAN_TTL, "IFLA_VXLAN_TTL", Wire::U8).show(
            "ttl",
            Show::Hook(|s, tb| show_time_to_live(s, tb, IFLA_VXLAN_TTL, IFLA_VXLAN_TTL_INHERIT)),
        ),
        Row::new(IFLA_VXLAN_DF, "IFLA_VXLAN_DF", Wire::U8)
            .show("df", Show::Hook(|s, tb| show_cutting(s, tb, IFLA_VXLAN_DF))),
        Row::new(IFLA_VXLAN_LABEL, "IFLA_VXLAN_LABEL", Wire::U32)
            .show("label", Show::Hook(|s, tb| show_flow_label(s, tb, IFLA_VXLAN_LABEL))),
        Row::new(IFLA_VXLAN_AGEING, "IFLA_VXLAN_AGEING", Wire::U32).show("ageing", Show::Hook(show_ageing)),
        Row::new(IFLA_VXLAN_LIMIT, "IFLA_VXLAN_LIMIT", Wire::U32).show("limit", Show::Hook(show_limit)),
        Row::new(IFLA_VXLAN_UDP_CSUM, "IFLA_VXLAN_UDP_CSUM", Wire::U8).show(
            "udp_csum",
            Show::Hook(|s, tb| show_switch(s, tb, IFLA_VXLAN_UDP_CSUM, "udp_csum", "udpcsum")),
        ),
        Row::new(IFLA_VXLAN_UDP_ZERO_CSUM6_TX, "IFLA_VXLAN_UDP_ZERO_CSUM6_TX", Wire::U8).show(
            "udp_zero_csum6_tx",
            Show::Hook(|s, tb| {
                show_switch(s, tb, IFLA_VXLAN_UDP_ZERO_CSUM6_TX, "udp_zero_csum6_tx", "udp6zerocsumtx");
            }),
        ),
        Row::new(IFLA_VXLAN_UDP_ZERO_CSUM6_RX, "IFLA_VXLAN_UDP_ZERO_CSUM6_RX", Wire::U8).show(
            "udp_zero_csum6_rx",
            Show::Hook(|s, tb| {
                show_switch(s, tb, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, "udp_zero_csum6_rx", "udp6zerocsumrx");
            }),
        ),
        Row::new(IFLA_VXLAN_REMCSUM_TX, "IFLA_VXLAN_REMCSUM_TX", Wire::U8)
            .show("remcsum_tx", Show::Hook(|s, tb| show_remote_sum(s, tb, IFLA_VXLAN_REMCSUM_TX, "tx"))),
        Row::new(IFLA_VXLAN_REMCSUM_RX, "IFLA_VXLAN_REMCSUM_RX", Wire::U8)
            .show("remcsum_rx", Show::Hook(|s, tb| show_remote_sum(s, tb, IFLA_VXLAN_REMCSUM_RX, "rx"))),
        Row::new(IFLA_VXLAN_REMCSUM_NOPARTIAL, "IFLA_VXLAN_REMCSUM_NOPARTIAL", Wire::Flag),
        Row::new(IFLA_VXLAN_GBP, "IFLA_VXLAN_GBP", Wire::Flag)
            .show("gbp", Show::Hook(|s, _| s.sink.boolean("gbp", true, "gbp ", ""))),
        Row::new(IFLA_VXLAN_GPE, "IFLA_VXLAN_GPE", Wire::Flag)
            .show("gpe", Show::Hook(|s, _| s.sink.boolean("gpe", true, "gpe ", ""))),
    ],
);

/// The type.
pub static KIND: Kind = Kind {
    name: "vxlan",
    table: &TABLE,
    parse: Some(parse),
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: Some(HELP),
    port: false,
};

const HELP: &str = "\
Usage: ... vxlan id VNI
\t\t[ { group | remote } IP_ADDRESS ]
\t\t[ local ADDR ]
\t\t[ ttl TTL ]
\t\t[ tos TOS ]
\t\t[ df DF ]
\t\t[ flowlabel LABEL ]
\t\t[ dev PHYS_DEV ]
\t\t[ dstport PORT ]
\t\t[ srcport MIN MAX ]
\t\t[ [no]learning ]
\t\t[ [no]proxy ]
\t\t[ [no]rsc ]
\t\t[ [no]l2miss ]
\t\t[ [no]l3miss ]
\t\t[ ageing SECONDS ]
\t\t[ maxaddress NUMBER ]
\t\t[ [no]udpcsum ]
\t\t[ [no]udp6zerocsumtx ]
\t\t[ [no]udp6zerocsumrx ]
\t\t[ [no]remcsumtx ] [ [no]remcsumrx ]
\t\t[ [no]external ] [ gbp ] [ gpe ]
\t\t[ [no]vnifilter ]

Where:\tVNI\t:= 0-16777215
\tADDR\t:= { IP_ADDRESS | any }
\tTOS\t:= { NUMBER | inherit }
\tTTL\t:= { 1..255 | auto | inherit }
\tDF\t:= { unset | set | inherit }
\tLABEL := 0-1048575
";

const NO_PORT: &str = "\
vxlan: destination port not specified
Will use Linux kernel default (non-standard value)
Use 'dstport 4789' to get the IANA assigned value
Use 'dstport 0' to get default and quiet this message
";

/// What a word does.
#[derive(Clone, Copy)]
enum Does {
    Network,
    Group,
    Remote,
    Local,
    Link,
    TimeToLive,
    Service,
    Cutting,
    FlowLabel,
    /// A number, or a word that stands for 0: that word, and the complaint.
    Number(&'static str, &'static str),
    Range,
    Port,
    Learning(bool),
    External(bool),
    Filter(bool),
    /// One byte.
    Switch(u8),
    /// Presence alone.
    Flag,
}

/// The words in the order in which they are tried, with the attribute that each is about.
static WORDS: &[(&[&str], Matching, u16, Does)] = &[
    (&["id", "vni"], Matching::Prefix, IFLA_VXLAN_ID, Does::Network),
    (&["group"], Matching::Prefix, IFLA_VXLAN_GROUP, Does::Group),
    (&["remote"], Matching::Prefix, IFLA_VXLAN_GROUP, Does::Remote),
    (&["local"], Matching::Prefix, IFLA_VXLAN_LOCAL, Does::Local),
    (&["dev"], Matching::Prefix, IFLA_VXLAN_LINK, Does::Link),
    (&["ttl", "hoplimit"], Matching::Prefix, IFLA_VXLAN_TTL, Does::TimeToLive),
    (&["tos", "dsfield"], Matching::Prefix, IFLA_VXLAN_TOS, Does::Service),
    (&["df"], Matching::Prefix, IFLA_VXLAN_DF, Does::Cutting),
    (&["label", "flowlabel"], Matching::Prefix, IFLA_VXLAN_LABEL, Does::FlowLabel),
    (&["ageing"], Matching::Prefix, IFLA_VXLAN_AGEING, Does::Number("none", "ageing timer")),
    (&["maxaddress"], Matching::Prefix, IFLA_VXLAN_LIMIT, Does::Number("unlimited", "max addresses")),
    (&["port", "srcport"], Matching::Prefix, IFLA_VXLAN_PORT_RANGE, Does::Range),
    (&["dstport"], Matching::Prefix, IFLA_VXLAN_PORT, Does::Port),
    (&["nolearning"], Matching::Prefix, IFLA_VXLAN_LEARNING, Does::Learning(false)),
    (&["learning"], Matching::Prefix, IFLA_VXLAN_LEARNING, Does::Learning(true)),
    (&["noproxy"], Matching::Prefix, IFLA_VXLAN_PROXY, Does::Switch(0)),
    (&["proxy"], Matching::Prefix, IFLA_VXLAN_PROXY, Does::Switch(1)),
    (&["norsc"], Matching::Prefix, IFLA_VXLAN_RSC, Does::Switch(0)),
    (&["rsc"], Matching::Prefix, IFLA_VXLAN_RSC, Does::Switch(1)),
    (&["nol2miss"], Matching::Prefix, IFLA_VXLAN_L2MISS, Does::Switch(0)),
    (&["l2miss"], Matching::Prefix, IFLA_VXLAN_L2MISS, Does::Switch(1)),
    (&["nol3miss"], Matching::Prefix, IFLA_VXLAN_L3MISS, Does::Switch(0)),
    (&["l3miss"], Matching::Prefix, IFLA_VXLAN_L3MISS, Does::Switch(1)),
    (&["udpcsum"], Matching::Prefix, IFLA_VXLAN_UDP_CSUM, Does::Switch(1)),
    (&["noudpcsum"], Matching::Prefix, IFLA_VXLAN_UDP_CSUM, Does::Switch(0)),
    (&["udp6zerocsumtx"], Matching::Prefix, IFLA_VXLAN_UDP_ZERO_CSUM6_TX, Does::Switch(1)),
    (&["noudp6zerocsumtx"], Matching::Prefix, IFLA_VXLAN_UDP_ZERO_CSUM6_TX, Does::Switch(0)),
    (&["udp6zerocsumrx"], Matching::Prefix, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, Does::Switch(1)),
    (&["noudp6zerocsumrx"], Matching::Prefix, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, Does::Switch(0)),
    (&["remcsumtx"], Matching::Prefix, IFLA_VXLAN_REMCSUM_TX, Does::Switch(1)),
    (&["noremcsumtx"], Matching::Prefix, IFLA_VXLAN_REMCSUM_TX, Does::Switch(0)),
    (&["remcsumrx"], Matching::Prefix, IFLA_VXLAN_REMCSUM_RX, Does::Switch(1)),
    (&["noremcsumrx"], Matching::Prefix, IFLA_VXLAN_REMCSUM_RX, Does::Switch(0)),
    (&["external"], Matching::Prefix, IFLA_VXLAN_COLLECT_METADATA, Does::External(true)),
    (&["noexternal"], Matching::Prefix, IFLA_VXLAN_COLLECT_METADATA, Does::External(false)),
    (&["gbp"], Matching::Prefix, IFLA_VXLAN_GBP, Does::Flag),
    (&["gpe"], Matching::Prefix, IFLA_VXLAN_GPE, Does::Flag),
    (&["vnifilter"], Matching::Whole, IFLA_VXLAN_VNIFILTER, Does::Filter(true)),
    (&["novnifilter"], Matching::Whole, IFLA_VXLAN_VNIFILTER, Does::Filter(false)),
];

/// What is written behind everything else.
struct Line {
    once: Once,
    network: u32,
    local: Prefix,
    remote: Prefix,
    learning: bool,
    external: bool,
    filter: bool,
    port: u16,
}

fn parse(words: &mut Words<'_>, out: &mut Builder, links: &mut dyn Links) -> Result<(), Stop> {
    let mut line = Line {
        once: Once::default(),
        network: 0,
        local: Prefix::default(),
        remote: Prefix::default(),
        learning: true,
        external: false,
        filter: false,
        port: 0,
    };
    while let Some(typed) = words.take() {
        let row = WORDS.iter().find(|(spellings, matching, ..)| {
            spellings.iter().any(|word| match matching {
                Matching::Prefix => matches(typed, word),
                Matching::Whole => typed == *word,
            })
        });
        let Some((_, _, number, does)) = row else { return Err(KIND.not_a_word(typed)) };
        line.word(typed, *number, *does, words, out, links)?;
    }
    line.check(words, links.creates())?;
    line.write(out, links);
    Ok(())
}

impl Line {
    fn word(
        &mut self,
        typed: &str,
        number: u16,
        does: Does,
        words: &mut Words<'_>,
        out: &mut Builder,
        links: &mut dyn Links,
    ) -> Result<(), Stop> {
        match does {
            Does::Group | Does::Remote | Does::Local => return self.address(number, does, words),
            Does::Learning(_) | Does::External(_) | Does::Filter(_) | Does::Switch(_) | Does::Flag => {
                self.once.note(number, typed, typed)?;
            }
            Does::Network => return self.network(words.value()?),
            Does::Link => {
                let name = words.value()?;
                self.once.note(number, "dev", name)?;
                let no_device = || Stop::exit(format!("Cannot find device \"{name}\"\n"));
                out.u32(number, links.index(name).ok_or_else(no_device)?);
            }
            _ => return self.value(number, does, words, out),
        }
        match does {
            Does::Learning(on) => self.learning = on,
            Does::External(on) => {
                self.external = on;
                self.learning &= !on;
                out.u8(number, u8::from(on));
            }
            Does::Filter(on) => {
                self.filter |= on;
                out.u8(number, u8::from(on));
            }
            Does::Switch(value) => out.u8(number, value),
            Does::Flag => out.put(number, &[]),
            _ => {}
        }
        Ok(())
    }

    fn network(&mut self, text: &str) -> Result<(), Stop> {
        self.once.note(IFLA_VXLAN_ID, "id", text)?;
        self.network = network(text)?;
        Ok(())
    }

    /// A word with a value that is written at once.
    fn value(
        &mut self,
        attribute: u16,
        does: Does,
        words: &mut Words<'_>,
        out: &mut Builder,
    ) -> Result<(), Stop> {
        let text = words.value()?;
        let name = match does {
            Does::TimeToLive => "ttl",
            Does::Service => "tos",
            Does::Cutting => "df",
            Does::FlowLabel => "flowlabel",
            Does::Range => "srcport",
            Does::Port => "dstport",
            _ if attribute == IFLA_VXLAN_AGEING => "ageing",
            _ => "maxaddress",
        };
        self.once.note(attribute, name, text)?;
        match does {
            Does::TimeToLive => match time_to_live(text)? {
                Some(ttl) => out.u8(attribute, ttl),
                None => out.put(IFLA_VXLAN_TTL_INHERIT, &[]),
            },
            Does::Service => out.u8(attribute, service(text)?),
            Does::Cutting => out.u8(attribute, cutting(text)?),
            Does::FlowLabel => out.put(attribute, &flow_label(text)?.to_be_bytes()),
            Does::Range => {
                let least = port(text, "min port")?;
                let most = port(words.value()?, "max port")?;
                if (least, most) != (0, 0) {
                    let (least, most) = (least.to_be_bytes(), most.to_be_bytes());
                    out.put(attribute, &[least[0], least[1], most[0], most[1]]);
                }
            }
            Does::Port => self.port = port(text, "dst port")?,
            Does::Number(none, complaint) => {
                let wrong = || Stop::invalid(complaint, text);
                let value = if text == none { Some(0) } else { number(text, 0, u64::from(u32::MAX)) };
                out.u32(attribute, value.ok_or_else(wrong)? as u32);
            }
            _ => {}
        }
        Ok(())
    }

    /// The far end or the near one; the two are of one family.
    fn address(&mut self, number: u16, does: Does, words: &mut Words<'_>) -> Result<(), Stop> {
        let both = || Stop::fail(1, "vxlan: both group and remote cannot be specified\n");
        let name = match does {
            Does::Group if is_inet(&self.remote) && !self.remote.is_multicast() => return Err(both()),
            Does::Remote if is_inet(&self.remote) && self.remote.is_multicast() => return Err(both()),
            Does::Group => "group",
            Does::Remote => "remote",
            _ => "local",
        };
        let text = words.value()?;
        self.once.note(number, name, text)?;
        let other = if name == "local" { &self.remote } else { &self.local };
        let found = address(text, other.family)?;
        if !is_inet(&found) || found.is_multicast() != matches!(does, Does::Group) {
            return Err(Stop::invalid(&format!("invalid {name} address"), text));
        }
        if name == "local" {
            self.local = found;
        } else {
            self.remote = found;
        }
        Ok(())
    }

    /// What can only be said when the whole line is known.
    fn check(&mut self, words: &mut Words<'_>, creates: bool) -> Result<(), Stop> {
        let fail = |what: &str| Err(Stop::fail(1, format!("vxlan: {what}\n")));
        let identified = self.once.has(IFLA_VXLAN_ID);
        if !self.external && self.filter {
            return fail("vnifilter is valid only when 'external' is set");
        }
        if self.external && identified {
            return fail("both 'external' and vni cannot be specified");
        }
        if !self.external && !identified && creates {
            return fail("missing virtual network identifier");
        }
        if self.remote.is_multicast() && !self.once.has(IFLA_VXLAN_LINK) {
            return fail("'group' requires 'dev' to be specified");
        }
        if !self.once.has(IFLA_VXLAN_PORT) {
            if self.once.has(IFLA_VXLAN_GPE) {
                self.port = GPE_PORT;
            } else if creates {
                words.warn(NO_PORT);
            }
        }
        Ok(())
    }

    fn write(&self, out: &mut Builder, links: &mut dyn Links) {
        if self.once.has(IFLA_VXLAN_ID) {
            out.u32(IFLA_VXLAN_ID, self.network);
        }
        let pairs = [
            (&self.local, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6),
            (&self.remote, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6),
        ];
        for (address, inet, inet6) in pairs {
            match address.family {
                AF_INET => out.put(inet, &address.bytes),
                AF_INET6 => out.put(inet6, &address.bytes),
                _ => {}
            }
        }
        if !is_inet(&self.local) && !is_inet(&self.remote) {
            match links.family() {
                AF_INET => out.put(IFLA_VXLAN_GROUP, &[0; 4]),
                AF_INET6 => out.put(IFLA_VXLAN_GROUP6, &[0; 16]),
                _ => {}
            }
        }
        if links.creates() || self.once.has(IFLA_VXLAN_LEARNING) {
            out.u8(IFLA_VXLAN_LEARNING, u8::from(self.learning));
        }
        if self.port != 0 {
            out.u16_be(IFLA_VXLAN_PORT, self.port);
        }
    }
}

// How it is shown.

/// Shows a word if the attribute is not zero.
fn show_set(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16, word: &str, behind: &str) {
    if tb.u8(number).is_some_and(|value| value != 0) {
        scene.sink.boolean(word, true, &format!("{word}{behind}"), "");
    }
}

fn show_group(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    show_address(scene, tb, IFLA_VXLAN_GROUP, [("remote", "remote "), ("group", "group ")]);
}

fn show_group6(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    if !tb.has(IFLA_VXLAN_GROUP) {
        show_address(scene, tb, IFLA_VXLAN_GROUP6, [("remote6", "remote "), ("group6", "group ")]);
    }
}

fn show_local(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    show_address(scene, tb, IFLA_VXLAN_LOCAL, [("local", "local "); 2]);
}

fn show_local6(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    if !tb.has(IFLA_VXLAN_LOCAL) {
        show_address(scene, tb, IFLA_VXLAN_LOCAL6, [("local6", "local "); 2]);
    }
}

fn show_link(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    if let Some(ifindex) = tb.u32(IFLA_VXLAN_LINK).filter(|ifindex| *ifindex != 0) {
        let name = scene.links.name(ifindex);
        scene.sink.string("link", "dev ", &name, " ");
    }
}

fn show_range(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let Some(attr) = tb.get(IFLA_VXLAN_PORT_RANGE) else { return };
    let [a, b, c, d] = attr.first();
    let (low, high) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    scene.sink.open_object("port_range");
    scene.sink.uint("low", "srcport ", u64::from(low), " ");
    scene.sink.uint("high", "", u64::from(high), " ");
    scene.sink.close_object();
}

fn show_learning(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let learning = tb.u8(IFLA_VXLAN_LEARNING).unwrap_or(0) != 0;
    scene.sink.boolean("learning", learning, "", "nolearning ");
}

fn show_ageing(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    match tb.u32(IFLA_VXLAN_AGEING).unwrap_or(0) {
        0 if !scene.sink.json() => scene.sink.text("ageing none "),
        age => scene.sink.uint("ageing", "ageing ", u64::from(age), " "),
    }
}

fn show_limit(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    if let Some(limit) = tb.u32(IFLA_VXLAN_LIMIT).filter(|limit| *limit != 0) {
        scene.sink.uint("limit", "maxaddr ", u64::from(limit), " ");
    }
}

fn show_remote_sum(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16, way: &str) {
    if tb.u8(number).is_some_and(|value| value != 0) {
        scene.sink.boolean(&format!("remcsum_{way}"), true, &format!("remcsum{way} "), "");
    }
}
