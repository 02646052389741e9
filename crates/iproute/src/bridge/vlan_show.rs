//! `bridge vlan show` and `bridge vlan tunnelshow`: the VLANs of ports, their counters and their tunnels.
//!
//! There are three ways, and what a VLAN is called in JSON differs: from the links themselves; with `-s` from the
//! statistics (which is also what becomes of `-s tunnelshow`); with `-d` from the messages of VLANs (see `vlan_rtm`).

use super::{Filter, Memory, dump, dump_bridge_links, read_filter, vlan_rtm};
use crate::context::{AF_BRIDGE, AF_UNSPEC, Context};
use rtnl::attr::{Attr, Builder};
use rtnl::client::Links;
use rtnl::message::{Message, Messages};
use rtnl::object::brlink::*;
use rtnl::object::link::{IFLA_AF_SPEC, Ifinfo, RTM_NEWLINK};
use rtnl::sink::{Colour, Sink};
use rtnl::table::Tb;
use rtnl::words::Stop;

/// The column of names; two blanks follow.
const NAME_WIDTH: usize = 16;
/// The column of identifiers.
const VID_WIDTH: usize = 9;

/// What is shown of a link.
type Shows = fn(&mut Context<'_>, u32, &Attr<'_>, u32);

/// Runs the words behind `bridge vlan show`.
pub(super) fn list(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    read_filter(ctx, words, &mut memory.vlan)?;
    if ctx.sink.format.details > 0 {
        return vlan_rtm::list(ctx, memory);
    }
    if ctx.sink.format.statistics > 0 {
        return statistics(ctx, &memory.vlan);
    }
    from_links(ctx, &memory.vlan, "", show_vlans)
}

/// Runs the words behind `bridge vlan tunnelshow`.
pub(super) fn tunnels(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    read_filter(ctx, words, &mut memory.vlan)?;
    if ctx.sink.format.statistics > 0 {
        return statistics(ctx, &memory.vlan);
    }
    from_links(ctx, &memory.vlan, "  tunnel-id", show_tunnels)
}

/// The line above the listing, and what begins the JSON.
pub(super) fn open(ctx: &mut Context<'_>, more: &str) {
    ctx.sink.open_array("", "");
    ctx.sink.text(&format!("{:NAME_WIDTH$}  {:VID_WIDTH$}{more}\n", "port", "vlan-id"));
}

/// Ends what [`open`] began.
pub(super) fn close(ctx: &mut Context<'_>) {
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    ctx.flush();
}

/// The name of a link, and what begins its list in JSON.
pub(super) fn open_port(ctx: &mut Context<'_>, ifindex: u32, list: &str) {
    let name = ctx.session.name(ifindex);
    ctx.sink.open_object("");
    let pad = NAME_WIDTH.saturating_sub(name.len());
    ctx.sink.coloured_text(Colour::Ifname, "ifname", &name, &format!("{name}{:pad$}  ", ""));
    ctx.sink.open_array(list, "");
}

/// Ends what [`open_port`] began.
pub(super) fn close_port(ctx: &mut Context<'_>) {
    ctx.sink.close_array("");
    ctx.sink.close_object();
}

/// Blanks in the place of a name, and so many more.
pub(super) fn indent(sink: &mut Sink, more: usize) {
    sink.text(&format!("{:1$}", "", NAME_WIDTH + more));
}

/// A number, or the two ends of a range; gives the width of the text.
pub(super) fn show_range(sink: &mut Sink, key: &str, first: u32, last: u32) -> usize {
    sink.uint(key, "", u64::from(first), "");
    let mut width = first.to_string().len();
    if first != last {
        sink.uint(&format!("{key}End"), "-", u64::from(last), "");
        width += 1 + last.to_string().len();
    }
    width
}

/// What VLAN an untagged frame belongs to, and how its frames leave. Flags that have no name still make a list.
pub(super) fn show_flags(sink: &mut Sink, flags: u16) {
    if flags == 0 {
        return;
    }
    sink.open_array("flags", "");
    if flags & BRIDGE_VLAN_INFO_PVID != 0 {
        sink.string("", " ", "PVID", "");
    }
    if flags & BRIDGE_VLAN_INFO_UNTAGGED != 0 {
        sink.string("", " ", "Egress Untagged", "");
    }
    sink.close_array("");
}

/// Two lines of counters.
pub(super) fn show_counters(sink: &mut Sink, stats: &VlanStats) {
    indent(sink, 4);
    sink.uint("rx_bytes", "RX: ", stats.rx_bytes, " bytes");
    sink.uint("rx_packets", " ", stats.rx_packets, " packets\n");
    indent(sink, 4);
    sink.uint("tx_bytes", "TX: ", stats.tx_bytes, " bytes");
    sink.uint("tx_packets", " ", stats.tx_packets, " packets\n");
}

fn from_links(ctx: &mut Context<'_>, filter: &Filter, more: &str, shows: Shows) -> Result<(), Stop> {
    let compressed = ctx.options.compress_vlans;
    let extension = if compressed { RTEXT_FILTER_BRVLAN_COMPRESSED } else { RTEXT_FILTER_BRVLAN };
    let links = dump_bridge_links(ctx, extension)?;
    open(ctx, more);
    for link in &links {
        Messages(link).for_each(|message| show_link(ctx, &message, filter, shows));
    }
    close(ctx);
    Ok(())
}

fn show_link(ctx: &mut Context<'_>, message: &Message<'_>, filter: &Filter, shows: Shows) {
    let Some(info) = Ifinfo::decode(message) else { return };
    let ifindex = info.ifindex as u32;
    let wanted = filter.ifindex == 0 || filter.ifindex == ifindex;
    if message.header.kind != RTM_NEWLINK || info.family != AF_BRIDGE || !wanted {
        return;
    }
    if let Some(spec) = Tb::read(message.attrs(Ifinfo::SIZE)).get(IFLA_AF_SPEC) {
        shows(ctx, ifindex, &spec, filter.vid);
    }
}

/// What to do with an entry when only one VLAN is shown.
enum Fate {
    Show,
    Skip,
    /// The entries are in order: no other will fit.
    Stop,
}

fn fate(vid: u16, flags: u16, filter: u32) -> Fate {
    let vid = u32::from(vid);
    if filter != 0 && vid > filter && flags & BRIDGE_VLAN_INFO_RANGE_END == 0 {
        return Fate::Stop;
    }
    if flags & BRIDGE_VLAN_INFO_RANGE_BEGIN != 0 || vid < filter { Fate::Skip } else { Fate::Show }
}

fn show_vlans(ctx: &mut Context<'_>, ifindex: u32, spec: &Attr<'_>, filter: u32) {
    let (mut first, mut opened) = (0, false);
    for attr in spec.attrs().filter(|attr| attr.number == IFLA_BRIDGE_VLAN_INFO) {
        let info = VlanInfo::decode(&attr);
        if info.flags & BRIDGE_VLAN_INFO_RANGE_END == 0 {
            first = info.vid;
        }
        match fate(info.vid, info.flags, filter) {
            Fate::Show => {}
            Fate::Skip => continue,
            Fate::Stop => break,
        }
        begin_entry(ctx, ifindex, "vlans", &mut opened);
        let sink = &mut ctx.sink;
        sink.open_object("");
        show_range(sink, "vlan", u32::from(first), u32::from(info.vid));
        show_flags(sink, info.flags);
        sink.close_object();
        sink.line();
    }
    if opened {
        close_port(ctx);
    }
}

/// The link's name in front of its first entry, blanks in front of the others.
fn begin_entry(ctx: &mut Context<'_>, ifindex: u32, list: &str, opened: &mut bool) {
    if std::mem::replace(opened, true) {
        indent(&mut ctx.sink, 2);
    } else {
        open_port(ctx, ifindex, list);
    }
}

fn show_tunnels(ctx: &mut Context<'_>, ifindex: u32, spec: &Attr<'_>, filter: u32) {
    let (mut first, mut opened) = ((0, 0), false);
    for attr in spec.attrs().filter(|attr| attr.number == IFLA_BRIDGE_VLAN_TUNNEL_INFO) {
        let tb = Tb::read(attr.attrs());
        let Some(vid) = tb.u16(IFLA_BRIDGE_VLAN_TUNNEL_VID) else { continue };
        let id = tb.u32(IFLA_BRIDGE_VLAN_TUNNEL_ID).unwrap_or(0);
        let flags = tb.u16(IFLA_BRIDGE_VLAN_TUNNEL_FLAGS).unwrap_or(0);
        if flags & BRIDGE_VLAN_INFO_RANGE_END == 0 {
            first = (vid, id);
        }
        match fate(vid, flags, filter) {
            Fate::Show => {}
            Fate::Skip => continue,
            Fate::Stop => break,
        }
        begin_entry(ctx, ifindex, "tunnels", &mut opened);
        let sink = &mut ctx.sink;
        sink.open_object("");
        let width = show_range(sink, "vlan", u32::from(first.0), u32::from(vid));
        sink.text(&format!("{:1$}  ", "", VID_WIDTH.saturating_sub(width)));
        show_range(sink, "tunid", first.1, id);
        sink.close_object();
        sink.line();
    }
    if opened {
        close_port(ctx);
    }
}

fn statistics(ctx: &mut Context<'_>, filter: &Filter) -> Result<(), Stop> {
    ctx.sink.open_array("", "");
    ctx.sink.text(&format!("{:NAME_WIDTH$}  vlan-id\n", "port"));
    for attribute in [IFLA_STATS_LINK_XSTATS, IFLA_STATS_LINK_XSTATS_SLAVE] {
        let mut body = Builder::new();
        IfStats { family: AF_UNSPEC, ifindex: 0, mask: 1 << (attribute - 1) }.encode(&mut body);
        for part in dump(ctx, RTM_GETSTATS, &body)? {
            Messages(&part).for_each(|message| show_statistics(ctx, &message, filter));
        }
    }
    close(ctx);
    Ok(())
}

fn show_statistics(ctx: &mut Context<'_>, message: &Message<'_>, filter: &Filter) {
    let Some(head) = IfStats::decode(message) else { return };
    if filter.ifindex != 0 && filter.ifindex != head.ifindex {
        return;
    }
    let tb = Tb::read(message.attrs(IfStats::SIZE));
    for attribute in [IFLA_STATS_LINK_XSTATS, IFLA_STATS_LINK_XSTATS_SLAVE] {
        let Some(bridge) = tb.nest(attribute).get(LINK_XSTATS_TYPE_BRIDGE) else { continue };
        let mut opened = false;
        for attr in bridge.attrs().filter(|attr| attr.number == BRIDGE_XSTATS_VLAN) {
            let stats = VlanStats::decode(&attr);
            // What only ports are members of comes again with each port.
            let of_ports =
                stats.flags & BRIDGE_VLAN_INFO_MASTER != 0 && stats.flags & BRIDGE_VLAN_INFO_BRENTRY == 0;
            if of_ports || (filter.vid != 0 && filter.vid != u32::from(stats.vid)) {
                continue;
            }
            begin_entry(ctx, head.ifindex, "vlans", &mut opened);
            let sink = &mut ctx.sink;
            sink.open_object("");
            sink.uint("vid", "", u64::from(stats.vid), "");
            show_flags(sink, stats.flags);
            sink.line();
            show_counters(sink, &stats);
            sink.close_object();
        }
        if opened {
            close_port(ctx);
        }
    }
}
