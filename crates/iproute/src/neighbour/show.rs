//! A neighbour as `ip neighbour` shows it: in full, brief, and as JSON; and as a monitor hears it.

use super::list::Filter;
use crate::context::{AF_BRIDGE, AF_INET, AF_INET6, Context};
use crate::lladdr::address_text;
use rtnl::attr;
use rtnl::message::Message;
use rtnl::names::PROTOCOLS;
use rtnl::object::neigh::*;
use rtnl::prefix::{attr_text, colour};
use rtnl::sink::{Colour, Sink, mac_text};
use rtnl::table::Tb;

/// The states with names, in the order in which they are shown.
const STATES: &[(u16, &str)] = &[
    (NUD_INCOMPLETE, "INCOMPLETE"),
    (NUD_REACHABLE, "REACHABLE"),
    (NUD_STALE, "STALE"),
    (NUD_DELAY, "DELAY"),
    (NUD_PROBE, "PROBE"),
    (NUD_FAILED, "FAILED"),
    (NUD_NOARP, "NOARP"),
    (NUD_PERMANENT, "PERMANENT"),
];

/// Bits of the header's flags, below those that have an attribute of their own.
const HEAD: u32 = 8;
/// The flags with names, in the order in which they are shown.
const FLAGS: &[(u32, &str)] = &[
    (NTF_ROUTER as u32, "router"),
    (NTF_PROXY as u32, "proxy"),
    (NTF_EXT_MANAGED << HEAD, "managed"),
    (NTF_EXT_LEARNED as u32, "extern_learn"),
    (NTF_OFFLOADED as u32, "offload"),
];

/// How many hundredths a second has: the kernel's times are in those.
const HZ: u32 = 100;

/// Shows the neighbour that a message tells of.
pub fn show(ctx: &mut Context<'_>, message: &Message<'_>, filter: &Filter) {
    let Some(head) = Ndmsg::decode(message) else { return };
    let tb = Tb::read(message.attrs(Ndmsg::SIZE));
    ctx.sink.open_object("");
    match message.header.kind {
        RTM_DELNEIGH => ctx.sink.boolean("deleted", true, "Deleted ", ""),
        RTM_GETNEIGH => ctx.sink.null("miss", "miss "),
        _ => {}
    }
    show_place(ctx, message, &head, &tb, filter);
    if ctx.sink.format.brief {
        ctx.sink.text("\n");
        ctx.sink.close_object();
        return;
    }
    let sink = &mut ctx.sink;
    let flags = u32::from(head.flags) | tb.u32(NDA_FLAGS_EXT).unwrap_or(0) << HEAD;
    for (_, name) in FLAGS.iter().filter(|(flag, _)| flags & flag != 0) {
        sink.null(name, &format!("{name} "));
    }
    if sink.format.statistics > 0 {
        show_use(sink, &tb);
    }
    if head.state != NUD_NONE {
        sink.open_array("state", "");
        for (_, name) in STATES.iter().filter(|(state, _)| head.state & state != 0) {
            sink.string("", "", name, " ");
        }
        sink.close_array("");
    }
    if let Some(protocol) = tb.u8(NDA_PROTOCOL).filter(|protocol| *protocol != 0) {
        let name = PROTOCOLS.name(u32::from(protocol), sink.format.numeric);
        sink.string("protocol", "proto ", &name, " ");
    }
    sink.text("\n");
    sink.close_object();
}

/// The address, the link, and the link-layer address; in columns if it is to be brief.
fn show_place(ctx: &mut Context<'_>, message: &Message<'_>, head: &Ndmsg, tb: &Tb<'_>, filter: &Filter) {
    let brief = ctx.sink.format.brief;
    if let Some(attr) = tb.get(NDA_DST) {
        let family = match head.family {
            AF_BRIDGE if attr.payload.len() == 16 => AF_INET6,
            AF_BRIDGE => AF_INET,
            family => family,
        };
        let text = attr_text(family, &attr);
        let column = if brief { format!("{text:<40}") } else { format!("{text} ") };
        ctx.sink.coloured_text(colour(family), "dst", &text, &column);
    }
    if filter.ifindex == 0 && head.ifindex != 0 {
        let name = ctx.links().name(head.ifindex);
        let column = if brief { format!("{name:<17}") } else { format!("{name} ") };
        if !brief {
            ctx.sink.text("dev ");
        }
        ctx.sink.coloured_text(Colour::Ifname, "dev", &name, &column);
    }
    if let Some(attr) = tb.get(NDA_LLADDR) {
        let kind = ctx.session.kind(head.ifindex).unwrap_or(0);
        let text = match attr.payload {
            // The tool shows a first byte in any case; it is that of what stands behind.
            [] => {
                let behind = message.bytes.get(attr.offset + attr::HEADER..).unwrap_or(&[]);
                mac_text(&behind[..behind.len().min(1)])
            }
            address => address_text(address, kind),
        };
        let column = if brief { text.clone() } else { format!("{text} ") };
        if !brief {
            ctx.sink.text("lladdr ");
        }
        ctx.sink.coloured_text(Colour::Mac, "lladdr", &text, &column);
    }
}

fn show_use(sink: &mut Sink, tb: &Tb<'_>) {
    if let Some(attr) = tb.get(NDA_CACHEINFO) {
        let info = Cacheinfo::decode(&attr);
        if info.references != 0 {
            sink.uint("refcnt", " ref ", u64::from(info.references), "");
        }
        sink.uint("used", " used ", u64::from(info.used / HZ), "");
        sink.uint("confirmed", "/", u64::from(info.confirmed / HZ), "");
        sink.uint("updated", "/", u64::from(info.updated / HZ), "");
    }
    if let Some(probes) = tb.u32(NDA_PROBES) {
        sink.uint("probes", "probes ", u64::from(probes), " ");
    }
}
