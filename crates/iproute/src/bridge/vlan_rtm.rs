//! VLANs with their options, from the messages of VLANs: `bridge -d vlan show`, `bridge vlan global show`, and what a
//! monitor hears.

use super::mdb_show::show_router_details;
use super::vlan_show::{close, close_port, indent, open, open_port, show_counters, show_flags, show_range};
use super::{Filter, Memory, dump, read_filter};
use crate::context::{AF_BRIDGE, Context};
use rtnl::attr::{Attr, Builder};
use rtnl::client::Links;
use rtnl::message::{Message, Messages};
use rtnl::object::brlink::{VlanInfo, VlanStats, show_port_state};
use rtnl::object::brvlan::*;
use rtnl::table::Tb;
use rtnl::words::Stop;

/// The link whose VLANs are being shown.
type Current = Option<u32>;

/// Shows the VLANs of ports with their options, and with `-s` their counters.
pub(super) fn list(ctx: &mut Context<'_>, memory: &mut Memory) -> Result<(), Stop> {
    let statistics = ctx.sink.format.statistics > 0;
    list_by(ctx, &memory.vlan, if statistics { BRIDGE_VLANDB_DUMPF_STATS } else { 0 })
}

/// Runs the words behind `bridge vlan global show`.
pub(super) fn list_global(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    read_filter(ctx, words, &mut memory.vlan)?;
    list_by(ctx, &memory.vlan, BRIDGE_VLANDB_DUMPF_GLOBAL)
}

fn list_by(ctx: &mut Context<'_>, filter: &Filter, flags: u32) -> Result<(), Stop> {
    let mut body = Builder::new();
    VlanMsg { family: AF_BRIDGE, ifindex: 0 }.encode(&mut body);
    body.u32(BRIDGE_VLANDB_DUMP_FLAGS, flags);
    let parts = dump(ctx, RTM_GETVLAN, &body)?;
    let global = flags & BRIDGE_VLANDB_DUMPF_GLOBAL != 0;
    let mut current = None;
    open(ctx, "");
    for part in &parts {
        for message in Messages(part) {
            let Some(head) = head(&message, filter) else { continue };
            if current.is_some_and(|ifindex| ifindex != head.ifindex) {
                close_port(ctx);
                current = None;
            }
            show_all(ctx, &message, head.ifindex, filter.vid, &mut current, global);
        }
    }
    if current.is_some() {
        close_port(ctx);
    }
    close(ctx);
    Ok(())
}

fn head(message: &Message<'_>, filter: &Filter) -> Option<VlanMsg> {
    let known = matches!(message.header.kind, RTM_NEWVLAN | RTM_DELVLAN | RTM_GETVLAN);
    let head = VlanMsg::decode(message).filter(|head| known && head.family == AF_BRIDGE)?;
    (filter.ifindex == 0 || filter.ifindex == head.ifindex).then_some(head)
}

/// Shows what a monitor hears of VLANs. `before` puts something in front.
pub(super) fn show_event(
    ctx: &mut Context<'_>,
    message: &Message<'_>,
    filter: &Filter,
    before: impl FnOnce(&mut Context<'_>),
) {
    let Some(head) = head(message, filter) else { return };
    before(ctx);
    if message.header.kind == RTM_DELVLAN {
        ctx.sink.text("Deleted ");
    }
    show_all(ctx, message, head.ifindex, filter.vid, &mut None, false);
}

fn show_all(
    ctx: &mut Context<'_>,
    message: &Message<'_>,
    ifindex: u32,
    vid: u32,
    current: &mut Current,
    global: bool,
) {
    for attr in message.attrs(VlanMsg::SIZE) {
        match attr.number {
            BRIDGE_VLANDB_ENTRY if !global => show_entry(ctx, &attr, ifindex, vid, current),
            BRIDGE_VLANDB_GLOBAL_OPTIONS => show_global(ctx, &attr, ifindex, vid, current),
            _ => {}
        }
    }
}

/// The link's name in front of its first VLAN, blanks in front of the others, and the VLAN. Says whether it is one
/// that is to be shown.
fn begin(
    ctx: &mut Context<'_>,
    ifindex: u32,
    wanted: u32,
    (first, last): (u16, u16),
    current: &mut Current,
) -> bool {
    let (first, last) = (u32::from(first), u32::from(last));
    if wanted != 0 && !(first..=last).contains(&wanted) {
        return false;
    }
    if current.replace(ifindex) == Some(ifindex) {
        ctx.sink.open_object("");
        indent(&mut ctx.sink, 2);
    } else {
        open_port(ctx, ifindex, "vlans");
        ctx.sink.open_object("");
    }
    show_range(&mut ctx.sink, "vlan", first, last);
    true
}

fn show_entry(ctx: &mut Context<'_>, attr: &Attr<'_>, ifindex: u32, vid: u32, current: &mut Current) {
    let tb = Tb::read(attr.attrs());
    let Some(info) = tb.get(BRIDGE_VLANDB_ENTRY_INFO).map(|info| VlanInfo::decode(&info)) else { return };
    let last = tb.u16(BRIDGE_VLANDB_ENTRY_RANGE).unwrap_or(info.vid);
    if !begin(ctx, ifindex, vid, (info.vid, last), current) {
        return;
    }
    show_flags(&mut ctx.sink, info.flags);
    ctx.sink.line();
    indent(&mut ctx.sink, 4);
    show_port_state(&mut ctx.scene(), tb.u8(BRIDGE_VLANDB_ENTRY_STATE).unwrap_or(0));
    ENTRY.show(&mut ctx.scene(), &tb);
    ctx.sink.line();
    if ctx.sink.format.statistics > 0 {
        let counters = tb.nest(BRIDGE_VLANDB_ENTRY_STATS);
        let counter = |number| counters.u64(number).unwrap_or(0);
        let stats = VlanStats {
            rx_bytes: counter(BRIDGE_VLANDB_STATS_RX_BYTES),
            rx_packets: counter(BRIDGE_VLANDB_STATS_RX_PACKETS),
            tx_bytes: counter(BRIDGE_VLANDB_STATS_TX_BYTES),
            tx_packets: counter(BRIDGE_VLANDB_STATS_TX_PACKETS),
            ..VlanStats::default()
        };
        show_counters(&mut ctx.sink, &stats);
    }
    ctx.sink.close_object();
}

fn show_global(ctx: &mut Context<'_>, attr: &Attr<'_>, ifindex: u32, vid: u32, current: &mut Current) {
    let tb = Tb::read(attr.attrs());
    let Some(first) = tb.u16(BRIDGE_VLANDB_GOPTS_ID) else { return };
    let last = tb.u16(BRIDGE_VLANDB_GOPTS_RANGE).unwrap_or(first);
    if !begin(ctx, ifindex, vid, (first, last), current) {
        return;
    }
    ctx.sink.line();
    indent(&mut ctx.sink, 4);
    GLOBAL_OPTIONS.show(&mut ctx.scene(), &tb);
    ctx.sink.line();
    // The list is that of `mdb`, with the nest around it.
    if let Some(routers) = tb.get(BRIDGE_VLANDB_GOPTS_MCAST_ROUTER_PORTS).and_then(|nest| nest.attrs().next())
    {
        show_routers(ctx, &routers);
    }
    ctx.sink.close_object();
}

fn show_routers(ctx: &mut Context<'_>, routers: &Attr<'_>) {
    const HEAD: &str = "router ports: ";
    let statistics = ctx.sink.format.statistics > 0;
    indent(&mut ctx.sink, 4);
    ctx.sink.open_array("router_ports", HEAD);
    for (at, router) in routers.attrs().enumerate() {
        let port = ctx.session.name(router.u32());
        ctx.sink.open_object("");
        if statistics && at > 0 {
            ctx.sink.line();
            indent(&mut ctx.sink, 4 + HEAD.len());
        }
        ctx.sink.string("port", "", &port, " ");
        if statistics {
            show_router_details(&mut ctx.sink, &router);
        }
        ctx.sink.close_object();
    }
    ctx.sink.close_array("");
    ctx.sink.line();
}
