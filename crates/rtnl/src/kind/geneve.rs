//! `geneve`: Ethernet frames in UDP with options (RFC 8926, `drivers/net/geneve.c`; iproute2 `iplink_geneve.c`).
//!
//! As with `vxlan` most attributes are written behind the words: the tool sends a whole configuration when it makes a
//! link, and of a link that is there only what was said.

use super::Kind;
use super::tunnel::*;
use crate::attr::Builder;
use crate::client::Links;
use crate::family::{AF_INET, AF_UNSPEC};
use crate::prefix::{Prefix, address};
use crate::show::{Scene, Show};
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{Stop, Words, matches};

/// The network's identifier, 0 to 16777215.
pub const IFLA_GENEVE_ID: u16 = 1;
/// The far end, IPv4.
pub const IFLA_GENEVE_REMOTE: u16 = 2;
/// Time to live; 0: the usual one.
pub const IFLA_GENEVE_TTL: u16 = 3;
/// Type of service; 1: that of what is inside.
pub const IFLA_GENEVE_TOS: u16 = 4;
/// The port that packets go to, in network order.
pub const IFLA_GENEVE_PORT: u16 = 5;
/// Where a packet goes is decided outside of the device.
pub const IFLA_GENEVE_COLLECT_METADATA: u16 = 6;
/// The far end, IPv6.
pub const IFLA_GENEVE_REMOTE6: u16 = 7;
/// Whether datagrams over IPv4 bear a checksum.
pub const IFLA_GENEVE_UDP_CSUM: u16 = 8;
/// Whether datagrams over IPv6 bear none.
pub const IFLA_GENEVE_UDP_ZERO_CSUM6_TX: u16 = 9;
/// Whether datagrams over IPv6 without checksum are taken.
pub const IFLA_GENEVE_UDP_ZERO_CSUM6_RX: u16 = 10;
/// The flow label, in network order.
pub const IFLA_GENEVE_LABEL: u16 = 11;
/// Whether the time to live is that of what is inside.
pub const IFLA_GENEVE_TTL_INHERIT: u16 = 12;
/// `GENEVE_DF_*`: 0 packets may be cut, 1 they may not, 2 as what is inside says.
pub const IFLA_GENEVE_DF: u16 = 13;
/// There is no Ethernet header inside: the header says which protocol is.
pub const IFLA_GENEVE_INNER_PROTO_INHERIT: u16 = 14;

/// The largest of `GENEVE_DF_*`.
pub const GENEVE_DF_MAX: u8 = 2;

static TABLE: Table = Table::new(
    "IFLA_GENEVE",
    &[
        Row::new(IFLA_GENEVE_COLLECT_METADATA, "IFLA_GENEVE_COLLECT_METADATA", Wire::Flag)
            .show("external", Show::Hook(|s, _| s.sink.boolean("external", true, "external ", ""))),
        Row::new(IFLA_GENEVE_ID, "IFLA_GENEVE_ID", Wire::U32).show("id", Show::Uint("id ")),
        Row::new(IFLA_GENEVE_REMOTE, "IFLA_GENEVE_REMOTE", Wire::AtLeast(4)).show(
            "remote",
            Show::Hook(|s, tb| show_address(s, tb, IFLA_GENEVE_REMOTE, [("remote", "remote "); 2])),
        ),
        Row::new(IFLA_GENEVE_REMOTE6, "IFLA_GENEVE_REMOTE6", Wire::AtLeast(16))
            .show("remote6", Show::Hook(show_remote6)),
        Row::new(IFLA_GENEVE_TTL_INHERIT, "IFLA_GENEVE_TTL_INHERIT", Wire::U8),
        Row::new(IFLA_GENEVE_TTL, "IFLA_GENEVE_TTL", Wire::U8).show(
            "ttl",
            Show::Hook(|s, tb| show_time_to_live(s, tb, IFLA_GENEVE_TTL, IFLA_GENEVE_TTL_INHERIT)),
        ),
        Row::new(IFLA_GENEVE_TOS, "IFLA_GENEVE_TOS", Wire::U8)
            .show("tos", Show::Hook(|s, tb| show_service(s, tb, IFLA_GENEVE_TOS))),
        Row::new(IFLA_GENEVE_DF, "IFLA_GENEVE_DF", Wire::U8)
            .show("df", Show::Hook(|s, tb| show_cutting(s, tb, IFLA_GENEVE_DF))),
        Row::new(IFLA_GENEVE_LABEL, "IFLA_GENEVE_LABEL", Wire::U32)
            .show("label", Show::Hook(|s, tb| show_flow_label(s, tb, IFLA_GENEVE_LABEL))),
        Row::new(IFLA_GENEVE_PORT, "IFLA_GENEVE_PORT", Wire::U16Be).show("port", Show::Uint("dstport ")),
        Row::new(IFLA_GENEVE_UDP_CSUM, "IFLA_GENEVE_UDP_CSUM", Wire::U8).show(
            "udp_csum",
            Show::Hook(|s, tb| show_switch(s, tb, IFLA_GENEVE_UDP_CSUM, "udp_csum", "udpcsum")),
        ),
        Row::new(IFLA_GENEVE_UDP_ZERO_CSUM6_TX, "IFLA_GENEVE_UDP_ZERO_CSUM6_TX", Wire::U8).show(
            "udp_zero_csum6_tx",
            Show::Hook(|s, tb| {
                show_switch(s, tb, IFLA_GENEVE_UDP_ZERO_CSUM6_TX, "udp_zero_csum6_tx", "udp6zerocsumtx");
            }),
        ),
        Row::new(IFLA_GENEVE_UDP_ZERO_CSUM6_RX, "IFLA_GENEVE_UDP_ZERO_CSUM6_RX", Wire::U8).show(
            "udp_zero_csum6_rx",
            Show::Hook(|s, tb| {
                show_switch(s, tb, IFLA_GENEVE_UDP_ZERO_CSUM6_RX, "udp_zero_csum6_rx", "udp6zerocsumrx");
            }),
        ),
        Row::new(IFLA_GENEVE_INNER_PROTO_INHERIT, "IFLA_GENEVE_INNER_PROTO_INHERIT", Wire::Flag).show(
            "inner_proto_inherit",
            Show::Hook(|s, _| s.sink.boolean("inner_proto_inherit", true, "innerprotoinherit ", "")),
        ),
    ],
);

/// The type.
pub static KIND: Kind = Kind {
    name: "geneve",
    table: &TABLE,
    parse: Some(parse),
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: Some(HELP),
    port: false,
};

const HELP: &str = "\
Usage: ... geneve id VNI
\t\tremote ADDR
\t\t[ ttl TTL ]
\t\t[ tos TOS ]
\t\t[ df DF ]
\t\t[ flowlabel LABEL ]
\t\t[ dstport PORT ]
\t\t[ [no]external ]
\t\t[ [no]udpcsum ]
\t\t[ [no]udp6zerocsumtx ]
\t\t[ [no]udp6zerocsumrx ]
\t\t[ innerprotoinherit ]

Where:\tVNI   := 0-16777215
\tADDR  := IP_ADDRESS
\tTOS   := { NUMBER | inherit }
\tTTL   := { 1..255 | auto | inherit }
\tDF    := { unset | set | inherit }
\tLABEL := 0-1048575
";

/// Words without value, with the attribute that each is about and whether it is on.
static SWITCHES: &[(&str, u16, bool)] = &[
    ("external", IFLA_GENEVE_COLLECT_METADATA, true),
    ("noexternal", IFLA_GENEVE_COLLECT_METADATA, false),
    ("udpcsum", IFLA_GENEVE_UDP_CSUM, true),
    ("noudpcsum", IFLA_GENEVE_UDP_CSUM, false),
    ("udp6zerocsumtx", IFLA_GENEVE_UDP_ZERO_CSUM6_TX, true),
    ("noudp6zerocsumtx", IFLA_GENEVE_UDP_ZERO_CSUM6_TX, false),
    ("udp6zerocsumrx", IFLA_GENEVE_UDP_ZERO_CSUM6_RX, true),
    ("noudp6zerocsumrx", IFLA_GENEVE_UDP_ZERO_CSUM6_RX, false),
];

/// What is written behind everything else.
#[derive(Default)]
struct Line {
    once: Once,
    network: u32,
    remote: Prefix,
    label: u32,
    ttl: u8,
    tos: u8,
    port: u16,
    /// The switches that are on, a bit an attribute.
    on: u32,
    inherits: bool,
}

fn parse(words: &mut Words<'_>, out: &mut Builder, links: &mut dyn Links) -> Result<(), Stop> {
    let mut line = Line::default();
    while let Some(typed) = words.take() {
        line.word(typed, words, out)?;
    }
    line.check(links.creates())?;
    line.write(out, links.creates());
    Ok(())
}

impl Line {
    fn word(&mut self, typed: &str, words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
        let is = |spellings: &[&str]| spellings.iter().any(|word| matches(typed, word));
        if is(&["id", "vni"]) {
            let text = words.value()?;
            self.once.note(IFLA_GENEVE_ID, "id", text)?;
            self.network = network(text)?;
        } else if is(&["remote"]) {
            let text = words.value()?;
            self.once.note(IFLA_GENEVE_REMOTE, "remote", text)?;
            self.remote = address(text, AF_UNSPEC)?;
            if !is_inet(&self.remote) || self.remote.is_multicast() {
                return Err(Stop::invalid("invalid remote address", text));
            }
        } else if is(&["ttl", "hoplimit"]) {
            let text = words.value()?;
            self.once.note(IFLA_GENEVE_TTL, "ttl", text)?;
            match time_to_live(text)? {
                Some(ttl) => self.ttl = ttl,
                None => out.u8(IFLA_GENEVE_TTL_INHERIT, 1),
            }
        } else if is(&["tos", "dsfield"]) {
            let text = words.value()?;
            self.once.note(IFLA_GENEVE_TOS, "tos", text)?;
            self.tos = service(text)?;
        } else if is(&["df"]) {
            let text = words.value()?;
            self.once.note(IFLA_GENEVE_DF, "df", text)?;
            out.u8(IFLA_GENEVE_DF, cutting(text)?);
        } else if is(&["label", "flowlabel"]) {
            let text = words.value()?;
            self.once.note(IFLA_GENEVE_LABEL, "flowlabel", text)?;
            self.label = flow_label(text)?;
        } else if is(&["dstport"]) {
            let text = words.value()?;
            self.once.note(IFLA_GENEVE_PORT, "dstport", text)?;
            self.port = port(text, "dstport")?;
        } else {
            return self.switch(typed);
        }
        Ok(())
    }

    fn switch(&mut self, typed: &str) -> Result<(), Stop> {
        if let Some((_, number, on)) = SWITCHES.iter().find(|(word, ..)| matches(typed, word)) {
            self.once.note(*number, typed, typed)?;
            self.on |= u32::from(*on) << number;
        } else if typed == "innerprotoinherit" {
            self.once.note(IFLA_GENEVE_INNER_PROTO_INHERIT, typed, typed)?;
            self.inherits = true;
        } else {
            return Err(KIND.not_a_word(typed));
        }
        Ok(())
    }

    fn is_external(&self) -> bool {
        self.on & 1 << IFLA_GENEVE_COLLECT_METADATA != 0
    }

    fn check(&self, creates: bool) -> Result<(), Stop> {
        let fail = |what: &str| Err(Stop::fail(1, format!("geneve: {what}\n")));
        match (self.is_external(), self.once.has(IFLA_GENEVE_ID)) {
            (true, true) => fail("both 'external' and vni cannot be specified"),
            (true, false) => Ok(()),
            (false, false) => fail("missing virtual network identifier"),
            (false, true) if creates && !is_inet(&self.remote) => fail("remote link partner not specified"),
            (false, true) => Ok(()),
        }
    }

    fn write(&self, out: &mut Builder, creates: bool) {
        out.u32(IFLA_GENEVE_ID, self.network);
        if is_inet(&self.remote) {
            let inet = self.remote.family == AF_INET;
            out.put(if inet { IFLA_GENEVE_REMOTE } else { IFLA_GENEVE_REMOTE6 }, &self.remote.bytes);
        }
        if creates || self.once.has(IFLA_GENEVE_LABEL) {
            out.put(IFLA_GENEVE_LABEL, &self.label.to_be_bytes());
        }
        if creates || self.once.has(IFLA_GENEVE_TTL) {
            out.u8(IFLA_GENEVE_TTL, self.ttl);
        }
        if creates || self.once.has(IFLA_GENEVE_TOS) {
            out.u8(IFLA_GENEVE_TOS, self.tos);
        }
        if self.port != 0 {
            out.u16_be(IFLA_GENEVE_PORT, self.port);
        }
        if self.is_external() {
            out.put(IFLA_GENEVE_COLLECT_METADATA, &[]);
        }
        for number in [IFLA_GENEVE_UDP_CSUM, IFLA_GENEVE_UDP_ZERO_CSUM6_TX, IFLA_GENEVE_UDP_ZERO_CSUM6_RX] {
            if self.once.has(number) {
                out.u8(number, u8::from(self.on & 1 << number != 0));
            }
        }
        if self.inherits {
            out.put(IFLA_GENEVE_INNER_PROTO_INHERIT, &[]);
        }
    }
}

fn show_remote6(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    if !tb.has(IFLA_GENEVE_REMOTE) {
        show_address(scene, tb, IFLA_GENEVE_REMOTE6, [("remote6", "remote "), ("", "")]);
    }
}
