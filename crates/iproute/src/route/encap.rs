//! `encap …` of a route or a next hop: what its packets carry to the tunnel that the route leads through.
//!
//! Each type has words of its own; the first word that is none of them goes on with the route. **Left out**: the types
//! whose words say more than a tunnel (`seg6`, `seg6local`, `rpl`, `ioam6`, `ila`, `bpf`, `xfrm`).

use crate::context::{AF_INET, AF_INET6, Context};
use rtnl::attr::{Attr, Attrs, Builder, NESTED};
use rtnl::names::SERVICES;
use rtnl::object::encap::*;
use rtnl::object::route::{RTA_ENCAP, RTA_ENCAP_TYPE};
use rtnl::prefix::{address, attr_text, colour};
use rtnl::sink::Sink;
use rtnl::table::Tb;
use rtnl::words::{Stop, Words, number};

/// The types by their names.
const TYPES: &[(&str, u16)] = &[
    ("mpls", LWTUNNEL_ENCAP_MPLS),
    ("ip", LWTUNNEL_ENCAP_IP),
    ("ip6", LWTUNNEL_ENCAP_IP6),
    ("ila", LWTUNNEL_ENCAP_ILA),
    ("bpf", LWTUNNEL_ENCAP_BPF),
    ("seg6", LWTUNNEL_ENCAP_SEG6),
    ("seg6local", LWTUNNEL_ENCAP_SEG6_LOCAL),
    ("rpl", LWTUNNEL_ENCAP_RPL),
    ("ioam6", LWTUNNEL_ENCAP_IOAM6),
    ("xfrm", LWTUNNEL_ENCAP_XFRM),
];

/// What two of the words are called of each family.
struct Called {
    ttl: &'static str,
    tos: &'static str,
    family: u8,
}

static INET: Called = Called { ttl: "ttl", tos: "tos", family: AF_INET };
static INET6: Called = Called { ttl: "hoplimit", tos: "tc", family: AF_INET6 };

/// Reads what stands behind `encap`, and writes `RTA_ENCAP` and its type.
///
/// # Errors
/// What the tool says.
pub(super) fn encapsulation(words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
    let text = words.value()?;
    let known = TYPES.iter().find(|(name, _)| *name == text);
    let (_, kind) = known.ok_or_else(|| Stop::invalid("\"encap type\" value is invalid\n", text))?;
    match words.left() {
        0 => return Err(Stop::incomplete()),
        1 => return Err(Stop::exit("Error: unexpected end of line after \"encap\"\n")),
        _ => {}
    }
    let nest = out.nest(RTA_ENCAP | NESTED);
    match *kind {
        LWTUNNEL_ENCAP_IP => tunnel(words, &INET, out)?,
        LWTUNNEL_ENCAP_IP6 => tunnel(words, &INET6, out)?,
        _ => {
            let sentence = format!("netloom: \"encap {text}\" is not built yet\n");
            return Err(Stop::fail(2, sentence));
        }
    }
    out.end(nest);
    out.u16(RTA_ENCAP_TYPE, *kind);
    Ok(())
}

/// The words that came.
#[derive(Default)]
struct Seen<'w>(Vec<&'w str>);

impl<'w> Seen<'w> {
    /// Notes a word; `argument` is what the complaint is about if it came before.
    fn note(&mut self, word: &'w str, argument: &str) -> Result<(), Stop> {
        if self.0.contains(&word) {
            return Err(Stop::duplicate_or_garbage(word, argument));
        }
        self.0.push(word);
        Ok(())
    }
}

/// A tunnel over IP.
fn tunnel(words: &mut Words<'_>, called: &Called, out: &mut Builder) -> Result<(), Stop> {
    let (mut seen, mut flags) = (Seen::default(), 0);
    while let Some(word) = words.take() {
        let invalid = |text| Stop::invalid(&format!("\"{word}\" value is invalid\n"), text);
        match word {
            "id" => {
                let text = words.value()?;
                seen.note(word, text)?;
                let id = number(text, 0, u64::MAX).ok_or_else(|| invalid(text))?;
                out.put(LWTUNNEL_IP_ID, &id.to_be_bytes());
            }
            "dst" | "src" => {
                let text = words.value()?;
                seen.note(word, text)?;
                let number = if word == "dst" { LWTUNNEL_IP_DST } else { LWTUNNEL_IP_SRC };
                out.put(number, &address(text, called.family)?.bytes);
            }
            _ if word == called.tos => {
                let text = words.value()?;
                seen.note(word, text)?;
                out.u8(LWTUNNEL_IP_TOS, SERVICES.number(text).ok_or_else(|| invalid(text))? as u8);
            }
            _ if word == called.ttl => {
                let text = words.value()?;
                seen.note(word, text)?;
                out.u8(LWTUNNEL_IP_TTL, number(text, 0, 255).ok_or_else(|| invalid(text))? as u8);
            }
            "key" | "csum" | "seq" => {
                seen.note(word, word)?;
                flags |= FLAGS.iter().find(|(name, _)| *name == word).map_or(0, |(_, flag)| *flag);
            }
            "geneve_opts" | "vxlan_opts" | "erspan_opts" => {
                seen.note("opts", word)?;
                options(word, words.value()?, out)?;
            }
            _ => {
                words.back();
                break;
            }
        }
    }
    if flags != 0 {
        out.u16_be(LWTUNNEL_IP_FLAGS, flags);
    }
    Ok(())
}

/// Flags with words, in the order in which they are shown.
const FLAGS: &[(&str, u16)] = &[("key", flag::KEY), ("csum", flag::CSUM), ("seq", flag::SEQ)];

/// A part of an option between colons: its number and its largest value. None at the end means bytes.
type Part = (u16, Option<u64>);

const GENEVE: &[Part] = &[
    (LWTUNNEL_IP_OPT_GENEVE_CLASS, Some(0xffff)),
    (LWTUNNEL_IP_OPT_GENEVE_TYPE, Some(0xff)),
    (LWTUNNEL_IP_OPT_GENEVE_DATA, None),
];
const ERSPAN: &[Part] = &[
    (LWTUNNEL_IP_OPT_ERSPAN_VER, Some(0xff)),
    (LWTUNNEL_IP_OPT_ERSPAN_INDEX, Some(0xffff_ffff)),
    (LWTUNNEL_IP_OPT_ERSPAN_DIR, Some(0xff)),
    (LWTUNNEL_IP_OPT_ERSPAN_HWID, Some(0xff)),
];

/// The options of a tunnel: those of Geneve stand in a list.
fn options(word: &str, text: &str, out: &mut Builder) -> Result<(), Stop> {
    // By then the tool has cut the text at its first separator.
    let first = text.split([':', ',']).next().unwrap_or(text);
    let invalid = |before: &str| {
        let stop = Stop::invalid(&format!("\"{word}\" value is invalid\n"), first);
        Stop { error: format!("{before}{}", stop.error), ..stop }
    };
    let nest = out.nest(LWTUNNEL_IP_OPTS | NESTED);
    match word {
        "vxlan_opts" => {
            let own = out.nest(LWTUNNEL_IP_OPTS_VXLAN | NESTED);
            let value = number(text, 0, u64::from(u32::MAX)).ok_or_else(|| invalid(""))?;
            out.u32(LWTUNNEL_IP_OPT_VXLAN_GBP, value as u32);
            out.end(own);
        }
        "geneve_opts" => {
            for one in text.split(',') {
                option(LWTUNNEL_IP_OPTS_GENEVE, GENEVE, word, one, out).map_err(|error| invalid(&error))?;
            }
        }
        _ => option(LWTUNNEL_IP_OPTS_ERSPAN, ERSPAN, word, text, out).map_err(|error| invalid(&error))?,
    }
    out.end(nest);
    Ok(())
}

/// One option; what is empty between its colons is left out. Fails with what the tool says before its complaint.
fn option(kind: u16, parts: &[Part], word: &str, text: &str, out: &mut Builder) -> Result<(), String> {
    let nest = out.nest(kind | NESTED);
    for (place, token) in text.split(':').enumerate() {
        let Some((attribute, largest)) = parts.get(place) else {
            return Err(format!("Unknown \"{word}\" type\n"));
        };
        if token.is_empty() {
            continue;
        }
        match largest {
            Some(largest) => {
                let value = number(token, 0, *largest).ok_or_else(String::new)?;
                let width = largest.count_ones() as usize / 8;
                out.put(*attribute, &value.to_be_bytes()[8 - width..]);
            }
            None => out.put(*attribute, &bytes(token).ok_or_else(String::new)?),
        }
    }
    out.end(nest);
    Ok(())
}

/// Bytes as pairs of digits; a digit that is left over is passed over.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Shows the encapsulation of a route or a next hop, if it has one.
pub(super) fn show(ctx: &mut Context<'_>, tb: &Tb<'_>) {
    let Some(attr) = tb.get(RTA_ENCAP) else { return };
    let kind = tb.u16(RTA_ENCAP_TYPE).unwrap_or(0);
    let name = TYPES.iter().find(|(_, number)| *number == kind).map_or("unknown", |(name, _)| name);
    ctx.sink.string("encap", " encap ", name, " ");
    let own = Tb::read(attr.attrs());
    match kind {
        LWTUNNEL_ENCAP_IP => show_tunnel(&mut ctx.sink, &own, &INET),
        LWTUNNEL_ENCAP_IP6 => show_tunnel(&mut ctx.sink, &own, &INET6),
        _ => {}
    }
}

fn show_tunnel(sink: &mut Sink, tb: &Tb<'_>, called: &Called) {
    if let Some(attr) = tb.get(LWTUNNEL_IP_ID) {
        sink.uint("id", "id ", u64::from_be_bytes(attr.first()), " ");
    }
    for (number, key) in [(LWTUNNEL_IP_SRC, "src"), (LWTUNNEL_IP_DST, "dst")] {
        if let Some(attr) = tb.get(number) {
            let text = attr_text(called.family, &attr);
            sink.coloured_string(colour(called.family), key, &format!("{key} "), &text, " ");
        }
    }
    for (number, key) in [(LWTUNNEL_IP_TTL, called.ttl), (LWTUNNEL_IP_TOS, called.tos)] {
        if let Some(value) = tb.u8(number) {
            sink.uint(key, &format!("{key} "), u64::from(value), " ");
        }
    }
    let flags = tb.u16_be(LWTUNNEL_IP_FLAGS).unwrap_or(0);
    for (name, _) in FLAGS.iter().filter(|(_, flag)| flags & flag != 0) {
        sink.boolean(name, true, &format!("{name} "), "");
    }
    if let Some(attr) = tb.get(LWTUNNEL_IP_OPTS) {
        show_options(sink, &attr);
    }
}

/// Options are of one kind.
fn show_options(sink: &mut Sink, options: &Attr<'_>) {
    let Some(first) = options.attrs().next() else { return };
    let (name, show): (_, fn(&mut Sink, Attrs<'_>)) = match first.number {
        LWTUNNEL_IP_OPTS_GENEVE => ("geneve_opts", show_geneve),
        LWTUNNEL_IP_OPTS_VXLAN => ("vxlan_opts", show_vxlan),
        LWTUNNEL_IP_OPTS_ERSPAN => ("erspan_opts", show_erspan),
        _ => return,
    };
    sink.line();
    sink.open_array(name, &format!("\t{name} "));
    show(sink, first.attrs());
    sink.close_array(" ");
}

fn show_vxlan(sink: &mut Sink, option: Attrs<'_>) {
    let policy = Tb::read(option).u32(LWTUNNEL_IP_OPT_VXLAN_GBP);
    sink.open_object("");
    sink.uint("gbp", "", u64::from(policy.unwrap_or(0)), "");
    sink.close_object();
}

/// The options of Geneve stand one behind the other in one nest: class, type and data of each.
fn show_geneve(sink: &mut Sink, options: Attrs<'_>) {
    let (mut class, mut kind, mut place) = (0, 0, 0);
    for attr in options {
        match attr.number {
            LWTUNNEL_IP_OPT_GENEVE_CLASS => class = u16::from_be_bytes(attr.first()),
            LWTUNNEL_IP_OPT_GENEVE_TYPE => kind = u8::from_be_bytes(attr.first()),
            LWTUNNEL_IP_OPT_GENEVE_DATA => {
                sink.open_object("");
                sink.text(if place == 0 { "" } else { "," });
                place += 1;
                sink.uint("class", "", class.into(), ":");
                sink.uint("type", "", kind.into(), ":");
                let text: String = attr.payload.iter().map(|byte| format!("{byte:02x}")).collect();
                sink.string("data", "", &text, "");
                sink.close_object();
            }
            _ => {}
        }
    }
}

fn show_erspan(sink: &mut Sink, option: Attrs<'_>) {
    let tb = Tb::read(option);
    let index = tb.get(LWTUNNEL_IP_OPT_ERSPAN_INDEX).map_or(0, |attr| u32::from_be_bytes(attr.first()));
    let small = |number| u64::from(tb.u8(number).unwrap_or(0));
    sink.open_object("");
    sink.uint("ver", "", small(LWTUNNEL_IP_OPT_ERSPAN_VER), ":");
    sink.uint("index", "", u64::from(index), ":");
    sink.uint("dir", "", small(LWTUNNEL_IP_OPT_ERSPAN_DIR), ":");
    sink.uint("hwid", "", small(LWTUNNEL_IP_OPT_ERSPAN_HWID), "");
    sink.close_object();
}
