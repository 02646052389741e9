//! `ip link xstats type KIND …` and `ip link afstats`: counters beyond those of `-s` (`RTM_GETSTATS`).
//!
//! Only bridges and bonds keep such counters, and their ports. What is printed of them are tables of pieces: text,
//! keys and the place of a counter in the kernel's structure. Left out: the counters of a bond (the tool itself is
//! killed by its own guard when a kernel of 6.1 answers).

use crate::context::{Context, no_device};
use rtnl::attr::{Attr, Attrs, Builder};
use rtnl::message::Messages;
use rtnl::words::{Stop, Words, matches};

const RTM_GETSTATS: u16 = 94;
/// Bytes of `struct if_stats_msg`: family, padding, index, mask.
const IF_STATS_MSG: usize = 12;
const IFLA_STATS_LINK_XSTATS: u16 = 2;
const IFLA_STATS_LINK_XSTATS_SLAVE: u16 = 3;
const IFLA_STATS_AF_SPEC: u16 = 5;
const LINK_XSTATS_TYPE_BRIDGE: u16 = 1;
const BRIDGE_XSTATS_MCAST: u16 = 2;
const BRIDGE_XSTATS_STP: u16 = 4;
const AF_MPLS: u16 = 28;
const MPLS_STATS_LINK: u16 = 1;

/// A kind that keeps counters of its own.
struct Kind {
    name: &'static str,
    /// Where they are in the answer.
    attribute: u16,
    /// The words that choose some of them, and the attribute they choose.
    choices: &'static [(&'static str, u16)],
    help: &'static str,
}

const BRIDGE_CHOICES: &[(&str, u16)] =
    &[("igmp", BRIDGE_XSTATS_MCAST), ("mcast", BRIDGE_XSTATS_MCAST), ("stp", BRIDGE_XSTATS_STP)];
const BOND_CHOICES: &[(&str, u16)] = &[("lacp", 0), ("802.3ad", 0)];

static KINDS: &[Kind] = &[
    Kind {
        name: "bridge",
        attribute: IFLA_STATS_LINK_XSTATS,
        choices: BRIDGE_CHOICES,
        help: "Usage: ... bridge [ igmp ] [ dev DEVICE ]\n",
    },
    Kind {
        name: "bridge_slave",
        attribute: IFLA_STATS_LINK_XSTATS_SLAVE,
        choices: BRIDGE_CHOICES,
        help: "Usage: ... bridge_slave [ igmp ] [ dev DEVICE ]\n",
    },
    Kind {
        name: "bond",
        attribute: IFLA_STATS_LINK_XSTATS,
        choices: BOND_CHOICES,
        help: "Usage: ... bond [ 802.3ad ] [ dev DEVICE ]\n",
    },
    Kind {
        name: "bond_slave",
        attribute: IFLA_STATS_LINK_XSTATS_SLAVE,
        choices: BOND_CHOICES,
        help: "Usage: ... bond_slave [ 802.3ad ] [ dev DEVICE ]\n",
    },
];

/// A piece of what is printed.
enum Piece {
    /// A new line's indent, and text behind it.
    Line(&'static str),
    /// A JSON object begins; text is none.
    Open(&'static str),
    /// A JSON object ends.
    Close,
    /// A counter: key, text before, place in the structure, text behind.
    Count(&'static str, &'static str, usize, &'static str),
}
use Piece::{Close, Count, Line, Open};

/// Blanks of a line's indent: a name's width, and four.
const INDENT: &str = "                    ";

/// `struct br_mcast_stats`: for each kind of message two counters, received and sent.
const MCAST: &[Piece] = &[
    Open("multicast"),
    Open("igmp_queries"),
    Line("IGMP queries:\n"),
    Line("  "),
    Count("rx_v1", "RX: v1 ", 0, " "),
    Count("rx_v2", "v2 ", 2, " "),
    Count("rx_v3", "v3 ", 4, "\n"),
    Line("  "),
    Count("tx_v1", "TX: v1 ", 1, " "),
    Count("tx_v2", "v2 ", 3, " "),
    Count("tx_v3", "v3 ", 5, "\n"),
    Close,
    Open("igmp_reports"),
    Line("IGMP reports:\n"),
    Line("  "),
    Count("rx_v1", "RX: v1 ", 8, " "),
    Count("rx_v2", "v2 ", 10, " "),
    Count("rx_v3", "v3 ", 12, "\n"),
    Line("  "),
    Count("tx_v1", "TX: v1 ", 9, " "),
    Count("tx_v2", "v2 ", 11, " "),
    Count("tx_v3", "v3 ", 13, "\n"),
    Close,
    Open("igmp_leaves"),
    Line("IGMP leaves: "),
    Count("rx", "RX: ", 6, " "),
    Count("tx", "TX: ", 7, "\n"),
    Close,
    Line("IGMP parse errors: "),
    Count("igmp_parse_errors", "", 14, "\n"),
    Open("mld_queries"),
    Line("MLD queries:\n"),
    Line("  "),
    Count("rx_v1", "RX: v1 ", 15, " "),
    Count("rx_v2", "v2 ", 17, "\n"),
    Line("  "),
    Count("tx_v1", "TX: v1 ", 16, " "),
    Count("tx_v2", "v2 ", 18, "\n"),
    Close,
    Open("mld_reports"),
    Line("MLD reports:\n"),
    Line("  "),
    Count("rx_v1", "RX: v1 ", 21, " "),
    Count("rx_v2", "v2 ", 23, "\n"),
    Line("  "),
    Count("tx_v1", "TX: v1 ", 22, " "),
    Count("tx_v2", "v2 ", 24, "\n"),
    Close,
    Open("mld_leaves"),
    Line("MLD leaves: "),
    Count("rx", "RX: ", 19, " "),
    Count("tx", "TX: ", 20, "\n"),
    Close,
    Line("MLD parse errors: "),
    Count("mld_parse_errors", "", 25, "\n"),
    Close,
];

/// `struct bridge_stp_xstats`.
const STP: &[Piece] = &[
    Open("stp"),
    Line("STP BPDU:  "),
    Count("rx_bpdu", "RX: ", 2, " "),
    Count("tx_bpdu", "TX: ", 3, "\n"),
    Line("STP TCN:   "),
    Count("rx_tcn", "RX: ", 4, " "),
    Count("tx_tcn", "TX: ", 5, "\n"),
    Line("STP Transitions: "),
    Count("transition_blk", "Blocked: ", 0, " "),
    Count("transition_fwd", "Forwarding: ", 1, "\n"),
    Close,
];

/// `ip link xstats type KIND [ CHOICE ] [ dev DEVICE ]`.
pub(super) fn xstats(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let kind = match words.take() {
        None => return Err(Stop::fail(1, "xstats: missing argument\n")),
        Some(typed) if matches(typed, "type") => kind_of(words.value()?)?,
        Some(typed) if matches(typed, "help") => {
            ctx.sink.out.push_str("Usage: ... xstats type TYPE [ ARGS ]\n");
            return Ok(());
        }
        Some(typed) => return Err(Stop::invalid("unknown argument", typed)),
    };
    let (mut choice, mut device) = (None, None);
    while let Some(typed) = words.take() {
        if let Some((_, attribute)) = kind.choices.iter().find(|(word, _)| *word == typed) {
            choice = Some(*attribute);
        } else if typed == "dev" {
            let name = words.value()?;
            device = Some(ctx.links().index(name).ok_or_else(|| no_device(name))?);
        } else if typed == "help" {
            return Err(Stop::exit_with(0, "").with_output(kind.help));
        } else {
            return Err(Stop::invalid("unknown attribute", typed));
        }
    }
    let parts = dump(ctx, kind.attribute)?;
    ctx.sink.open_array("", "");
    for_each_link(&parts, device, |ifindex, attrs| {
        if let Some(attr) = attrs.find(kind.attribute) {
            show_bridge(ctx, ifindex, attr, choice);
        }
    });
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    Ok(())
}

/// The kind of that name, if it keeps counters; it matters to the complaint whether there is such a kind at all.
fn kind_of(name: &str) -> Result<&'static Kind, Stop> {
    match KINDS.iter().find(|kind| kind.name == name) {
        Some(kind) => Ok(kind),
        None if rtnl::kind::find(name).is_some() => {
            Err(Stop::fail(1, format!("xstats: link type {name} doesn't support xstats\n")))
        }
        None => Err(Stop::invalid("invalid type", name)),
    }
}

/// Asks for an attribute of all links' statistics.
fn dump(ctx: &mut Context<'_>, attribute: u16) -> Result<Vec<Vec<u8>>, Stop> {
    let mut body = Builder::new();
    body.bytes.resize(IF_STATS_MSG - 4, 0);
    body.bytes.extend_from_slice(&(1u32 << (attribute - 1)).to_ne_bytes());
    ctx.dump(RTM_GETSTATS, &body.bytes)
}

/// Hands out index and attributes of each link, or of the one that is meant.
fn for_each_link(parts: &[Vec<u8>], device: Option<u32>, mut each: impl FnMut(u32, Attrs<'_>)) {
    for message in parts.iter().flat_map(|part| Messages(part)) {
        let Some(&[a, b, c, d]) = message.payload().get(4..8) else { continue };
        let ifindex = u32::from_ne_bytes([a, b, c, d]);
        if device.is_none_or(|device| device == ifindex) {
            each(ifindex, message.attrs(IF_STATS_MSG));
        }
    }
}

/// Shows a bridge's or a port's counters, in the order in which the kernel tells them.
fn show_bridge(ctx: &mut Context<'_>, ifindex: u32, attr: Attr<'_>, choice: Option<u16>) {
    let Some(list) = attr.attrs().find(LINK_XSTATS_TYPE_BRIDGE) else { return };
    ctx.sink.open_object("");
    let name = ctx.links().name(ifindex);
    if ctx.sink.json() {
        ctx.sink.string("ifname", "", &name, "");
    } else {
        ctx.sink.text(&format!("{name:<16}\n"));
    }
    for attr in list.attrs().filter(|attr| choice.is_none_or(|choice| choice == attr.number)) {
        match attr.number {
            BRIDGE_XSTATS_MCAST => show(ctx, MCAST, &attr),
            BRIDGE_XSTATS_STP => show(ctx, STP, &attr),
            _ => {}
        }
    }
    ctx.sink.close_object();
}

fn show(ctx: &mut Context<'_>, pieces: &[Piece], attr: &Attr<'_>) {
    for piece in pieces {
        match piece {
            Line(text) => {
                ctx.sink.text(INDENT);
                ctx.sink.text(text);
            }
            Open(key) => ctx.sink.open_object(key),
            Close => ctx.sink.close_object(),
            Count(key, before, place, after) => ctx.sink.uint(key, before, counter(attr, *place), after),
        }
    }
}

/// The counter at a place of a structure of counters; 0 past its end.
fn counter(attr: &Attr<'_>, place: usize) -> u64 {
    let bytes = attr.payload.get(place * 8..place * 8 + 8);
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

/// `ip link afstats [ dev DEVICE ]`: counters of address families. Whatever goes wrong once the words are read, the
/// tool's status is 0.
pub(super) fn afstats(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let mut device = None;
    while let Some(typed) = words.take() {
        if typed == "dev" {
            let name = words.value()?;
            if device.is_some() {
                return Err(Stop::duplicate_or_garbage("dev", name));
            }
            device = Some(name);
        } else if matches(typed, "help") {
            return Err(super::usage());
        } else {
            return Err(Stop::exit(format!("Command \"{typed}\" is unknown, try \"ip link help\".\n")));
        }
    }
    let index = device.map(|device| ctx.links().index(device));
    if let (Some(device), Some(None)) = (device, index) {
        return Err(Stop::fail(0, format!("Device \"{device}\" does not exist.\n")));
    }
    let parts = dump(ctx, IFLA_STATS_AF_SPEC).map_err(|stop| Stop { status: 0, ..stop })?;
    ctx.sink.open_array("", "");
    for_each_link(&parts, index.flatten(), |ifindex, attrs| {
        if let Some(families) = attrs.find(IFLA_STATS_AF_SPEC) {
            show_families(ctx, ifindex, families);
        }
    });
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    Ok(())
}

fn show_families(ctx: &mut Context<'_>, ifindex: u32, families: Attr<'_>) {
    let wanted = u16::from(ctx.options.family);
    let mut families = families.attrs().filter(|attr| wanted == 0 || attr.number == wanted).peekable();
    if families.peek().is_some() {
        let name = ctx.links().name(ifindex);
        ctx.sink.text(&format!("{ifindex}:{name}\n"));
    }
    for family in families {
        match (family.number, family.attrs().find(MPLS_STATS_LINK)) {
            (AF_MPLS, Some(stats)) => ctx.sink.text(&mpls_text(&stats)),
            (AF_MPLS, None) => {}
            (number, _) => ctx.sink.text(&format!("    unknown af({number})\n")),
        }
    }
}

/// `struct mpls_link_stats` in columns as wide as their widest number or their head.
fn mpls_text(stats: &Attr<'_>) -> String {
    const HEADS: [&str; 5] = ["bytes", "packets", "errors", "dropped", "noroute"];
    const RX: [usize; 5] = [2, 0, 4, 6, 8];
    const TX: [usize; 4] = [3, 1, 5, 7];
    // The first column begins under "RX: ".
    let mut widths = HEADS.map(str::len);
    widths[0] += 4;
    for places in [&RX[..], &TX[..]] {
        for (width, place) in widths.iter_mut().zip(places) {
            *width = (*width).max(counter(stats, *place).to_string().len());
        }
    }
    let row = |direction: &str, places: &[usize]| {
        let mut text = format!("        {direction}:");
        let mut numbers = String::from("        ");
        for (at, place) in places.iter().enumerate() {
            let head = HEADS[at];
            let room = if at == 0 { widths[0] - 4 } else { widths[at] };
            text += &format!(" {head:>room$}");
            let width = widths[at];
            numbers += &format!("{:>width$} ", counter(stats, *place));
        }
        format!("{text}\n{numbers}\n")
    };
    format!("    mpls:\n{}{}", row("RX", &RX), row("TX", &TX))
}
