//! `bridge mdb show`: members of multicast groups and the ports behind which routers are.
//!
//! The listing asks twice, once for the groups and once for the routers, as the tool does: in JSON they are two lists.

use super::{Filter, Memory, dump, read_filter};
use crate::context::{AF_BRIDGE, AF_INET, AF_INET6, AF_PACKET, Context};
use rtnl::attr::{Attr, Builder};
use rtnl::client::Links;
use rtnl::message::{Message, Messages};
use rtnl::names::PROTOCOLS;
use rtnl::object::mdb::*;
use rtnl::prefix::{address_text, attr_text, colour};
use rtnl::sink::{Colour, Sink};
use rtnl::table::Tb;
use rtnl::words::Stop;

/// Runs the words behind `bridge mdb show`.
pub(super) fn list(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    read_filter(ctx, words, &mut memory.mdb)?;
    let mut body = Builder::new();
    PortMsg { family: AF_BRIDGE, ifindex: 0 }.encode(&mut body);
    let not_process = |stop| Stop { status: 255, process: false, ..stop };
    ctx.sink.open_array("", "");
    ctx.sink.open_object("");
    ctx.sink.open_array("mdb", "");
    for part in dump(ctx, RTM_GETMDB, &body).map_err(not_process)? {
        Messages(&part).for_each(|message| show_part(ctx, &message, &memory.mdb, MDBA_MDB));
    }
    ctx.sink.close_array("");
    ctx.sink.open_object("router");
    for part in dump(ctx, RTM_GETMDB, &body).map_err(not_process)? {
        Messages(&part).for_each(|message| show_part(ctx, &message, &memory.mdb, MDBA_ROUTER));
    }
    ctx.sink.close_object();
    ctx.sink.close_object();
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    ctx.flush();
    Ok(())
}

/// Shows the groups or the routers of a bridge.
fn show_part(ctx: &mut Context<'_>, message: &Message<'_>, filter: &Filter, part: u16) {
    let Some(head) = head(message, filter) else { return };
    let Some(attr) = message.attrs(PortMsg::SIZE).find(part) else { return };
    match part {
        MDBA_MDB => show_groups(ctx, head.ifindex, &attr, filter),
        _ if ctx.sink.format.details > 0 => show_routers(ctx, head.ifindex, &attr),
        _ => {}
    }
}

fn head(message: &Message<'_>, filter: &Filter) -> Option<PortMsg> {
    let known = matches!(message.header.kind, RTM_NEWMDB | RTM_DELMDB | RTM_GETMDB);
    let head = PortMsg::decode(message).filter(|_| known)?;
    (filter.ifindex == 0 || filter.ifindex == head.ifindex).then_some(head)
}

/// Shows what a monitor hears of groups and routers. `before` puts something in front.
pub(super) fn show_event(
    ctx: &mut Context<'_>,
    message: &Message<'_>,
    filter: &Filter,
    before: impl FnOnce(&mut Context<'_>),
) {
    let Some(head) = head(message, filter) else { return };
    before(ctx);
    if message.header.kind == RTM_DELMDB {
        ctx.sink.boolean("deleted", true, "Deleted ", "");
    }
    let tb = Tb::read(message.attrs(PortMsg::SIZE));
    if let Some(groups) = tb.get(MDBA_MDB) {
        show_groups(ctx, head.ifindex, &groups, filter);
    }
    if let Some(router) = tb.get(MDBA_ROUTER).and_then(|routers| routers.attrs().next()) {
        let (port, bridge) = (ctx.session.name(router.u32()), ctx.session.name(head.ifindex));
        ctx.sink.text(&format!("router port dev {port} master {bridge}\n"));
    }
}

fn show_groups(ctx: &mut Context<'_>, ifindex: u32, groups: &Attr<'_>, filter: &Filter) {
    for member in groups.attrs().flat_map(|group| group.attrs()) {
        let entry = MdbEntry::decode(&member);
        if filter.vid == 0 || filter.vid == u32::from(entry.vid) {
            let tb = Tb::read(attrs_behind(&member, MdbEntry::SIZE));
            show_member(ctx, ifindex, &entry, &tb);
        }
    }
}

fn show_member(ctx: &mut Context<'_>, ifindex: u32, entry: &MdbEntry, tb: &Tb<'_>) {
    let family = match entry.group.protocol {
        0 => AF_PACKET,
        Group::IPV4 => AF_INET,
        _ => AF_INET6,
    };
    let (bridge, port) = (ctx.session.name(ifindex), ctx.session.name(entry.ifindex));
    let sink = &mut ctx.sink;
    sink.open_object("");
    if sink.json() {
        sink.int("index", "", i64::from(ifindex as i32), "");
    }
    sink.coloured_text(Colour::Ifname, "dev", &bridge, &format!("dev {bridge}"));
    sink.string("port", " port ", &port, "");
    let group = address_text(family, entry.group.address());
    sink.coloured_text(colour(family), "grp", &group, &format!(" grp {group}"));
    if let Some(source) = tb.get(MDBA_MDB_EATTR_SOURCE) {
        let source = attr_text(family, &source);
        sink.coloured_text(colour(family), "src", &source, &format!(" src {source}"));
    }
    let permanent = entry.state & MDB_PERMANENT != 0;
    sink.string("state", " ", if permanent { "permanent" } else { "temp" }, "");
    if sink.format.details > 0 {
        show_details(sink, family, tb);
    }
    sink.open_array("flags", "");
    for (flag, name) in FLAGS {
        if entry.flags & flag != 0 {
            sink.string("", " ", name, "");
        }
    }
    sink.close_array("");
    if entry.vid != 0 {
        sink.uint("vid", " vid ", u64::from(entry.vid), "");
    }
    if let Some(timer) = tb.u32(MDBA_MDB_EATTR_TIMER).filter(|_| sink.format.statistics > 0) {
        sink.string("timer", " ", &time_text(timer, 4), "");
    }
    sink.line();
    sink.close_object();
}

fn show_details(sink: &mut Sink, family: u8, tb: &Tb<'_>) {
    if let Some(mode) = tb.u8(MDBA_MDB_EATTR_GROUP_MODE) {
        let mode = if mode == MCAST_INCLUDE { "include" } else { "exclude" };
        sink.string("filter_mode", " filter_mode ", mode, "");
    }
    if let Some(list) = tb.get(MDBA_MDB_EATTR_SRC_LIST) {
        sink.open_array("source_list", " source_list");
        let mut before = " ";
        for source in list.attrs() {
            let tb = Tb::read(source.attrs());
            if let (Some(address), Some(timer)) =
                (tb.get(MDBA_MDB_SRCATTR_ADDRESS), tb.u32(MDBA_MDB_SRCATTR_TIMER))
            {
                let text = attr_text(family, &address);
                sink.open_object("");
                sink.text(before);
                sink.coloured_text(colour(family), "address", &text, &text);
                sink.string("timer", "/", &time_text(timer, 0), "");
                sink.close_object();
            }
            before = ",";
        }
        sink.close_array("");
    }
    if let Some(protocol) = tb.u8(MDBA_MDB_EATTR_RTPROT) {
        let name = PROTOCOLS.name(u32::from(protocol), sink.format.numeric);
        sink.string("protocol", " proto ", &name, " ");
    }
}

/// Hundredths of a second with two decimals, the seconds at least so wide.
fn time_text(hundredths: u32, width: usize) -> String {
    format!("{:width$}.{:02}", hundredths / 100, hundredths % 100)
}

/// The ports of a bridge behind which routers are: in one line, or with statistics one a line.
fn show_routers(ctx: &mut Context<'_>, ifindex: u32, routers: &Attr<'_>) {
    let bridge = ctx.session.name(ifindex);
    let head = format!("router ports on {bridge}: ");
    let statistics = ctx.sink.format.statistics > 0;
    ctx.sink.open_array(&bridge, if statistics { "" } else { &head });
    for router in routers.attrs() {
        let port = ctx.session.name(router.u32());
        ctx.sink.open_object("");
        if statistics {
            ctx.sink.string("port", &head, &port, "");
            show_router_details(&mut ctx.sink, &router);
            ctx.sink.text("\n");
        } else {
            ctx.sink.string("port", "", &port, " ");
        }
        ctx.sink.close_object();
    }
    if !statistics {
        ctx.sink.line();
    }
    ctx.sink.close_array("");
}

/// When a router's port ends, and whether it does.
pub(super) fn show_router_details(sink: &mut Sink, router: &Attr<'_>) {
    let tb = Tb::read(attrs_behind(router, size_of::<u32>()));
    if let Some(timer) = tb.u32(MDBA_ROUTER_PATTR_TIMER) {
        sink.string("timer", " ", &time_text(timer, 4), "");
    }
    if let Some(kind) = tb.u8(MDBA_ROUTER_PATTR_TYPE) {
        let temporary = matches!(kind, MDB_RTR_TYPE_TEMP_QUERY | MDB_RTR_TYPE_TEMP);
        sink.string("type", " ", if temporary { "temp" } else { "permanent" }, "");
    }
}
