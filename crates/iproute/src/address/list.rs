//! `ip address show`: each link with its addresses.
//!
//! Links are asked for first, all or the one that was named, then addresses. A link of which nothing is selected is
//! left out, but one that has no address at all shows where no family was asked for.

use super::select::Select;
use super::show::show;
use crate::context::{AF_PACKET, AF_UNSPEC, Context};
use crate::link_list::{extension, lament};
use crate::link_show;
use crate::link_stats::Stats;
use rtnl::attr::Builder;
use rtnl::message::{Message, Messages};
use rtnl::object::addr::{Ifaddr, RTM_GETADDR, RTM_NEWADDR};
use rtnl::object::link::{
    IFF_UP, IFLA_EXT_MASK, IFLA_INFO_KIND, IFLA_LINKINFO, IFLA_MASTER, Ifinfo, RTEXT_FILTER_VF, RTM_GETLINK,
};
use rtnl::table::Tb;
use rtnl::words::Stop;
use std::collections::BTreeMap;

/// Runs the words behind `ip address show`.
///
/// # Errors
/// What the tool says.
pub(super) fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let select = Select::parse(ctx, words)?;
    ctx.sink.open_array("", "");
    show_all(ctx, &select);
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    ctx.flush();
    Ok(())
}

fn show_all(ctx: &mut Context<'_>, select: &Select) {
    let Some(links) = links(ctx, select) else { return };
    let mut addresses = Vec::new();
    if select.family != AF_PACKET {
        match dump(ctx, select.family, select.link.ifindex) {
            Ok(all) => addresses = all,
            Err(stop) => return ctx.host.err(&stop.error),
        }
    }
    let mut by_link: BTreeMap<u32, Vec<Message<'_>>> = BTreeMap::new();
    for message in addresses.iter().flat_map(|part| Messages(part)) {
        if let Some(info) = Ifaddr::decode(&message) {
            by_link.entry(info.ifindex).or_default().push(message);
        }
    }
    for message in links.iter().flat_map(|part| Messages(part)) {
        let Some(info) = Ifinfo::decode(&message) else { continue };
        let own = by_link.get(&(info.ifindex as u32)).map_or(&[][..], Vec::as_slice);
        if is_listed(ctx, select, own) {
            ctx.sink.open_object("");
            show_link(ctx, select, &message, &info, own);
            ctx.sink.close_object();
        }
    }
}

/// The links that may be shown; none if the kernel refused, which was said.
fn links(ctx: &mut Context<'_>, select: &Select) -> Option<Vec<Vec<u8>>> {
    if select.link.ifindex != 0 {
        let mut body = Builder::new();
        let info = Ifinfo { family: select.family, ifindex: select.link.ifindex as i32, ..Ifinfo::default() };
        info.encode(&mut body);
        body.u32(IFLA_EXT_MASK, extension(ctx));
        return match ctx.client(|client| client.ask(RTM_GETLINK, 0, &body.bytes)) {
            Ok(answer) => Some(vec![answer]),
            Err(refusal) => {
                lament(ctx, &refusal, "Cannot send link request");
                None
            }
        };
    }
    match ctx.dump(RTM_GETLINK, &links_request(ctx, select)) {
        Ok(links) => {
            links.iter().for_each(|link| Messages(link).for_each(|message| ctx.session.learn(&message)));
            Some(links)
        }
        Err(stop) => {
            ctx.host.err(&stop.error);
            None
        }
    }
}

/// The request for all links. The kernel filters only where no family is asked for.
fn links_request(ctx: &Context<'_>, select: &Select) -> Vec<u8> {
    let mut body = Builder::new();
    let family = ctx.options.family;
    Ifinfo { family, ..Ifinfo::default() }.encode(&mut body);
    if matches!(family, AF_UNSPEC | AF_PACKET) {
        body.u32(IFLA_EXT_MASK, RTEXT_FILTER_VF);
        if let Some(master) = select.link.master {
            body.i32(IFLA_MASTER, master);
        }
        if let Some(kind) = &select.link.kind {
            let nest = body.nest(IFLA_LINKINFO);
            body.put(IFLA_INFO_KIND, kind.as_bytes());
            body.end(nest);
        }
    }
    body.bytes
}

/// Asks for the addresses of a family and a link; 0 is all.
pub(super) fn dump(ctx: &mut Context<'_>, family: u8, ifindex: u32) -> Result<Vec<Vec<u8>>, Stop> {
    let mut body = Builder::new();
    Ifaddr { family, ifindex, ..Ifaddr::default() }.encode(&mut body);
    ctx.dump(RTM_GETADDR, &body.bytes)
}

/// Whether something of the link is selected.
fn is_listed(ctx: &mut Context<'_>, select: &Select, own: &[Message<'_>]) -> bool {
    if own.is_empty() || select.family == AF_PACKET {
        return matches!(select.family, AF_UNSPEC | AF_PACKET);
    }
    own.iter().any(|message| select.takes(ctx, message))
}

fn show_link(
    ctx: &mut Context<'_>,
    select: &Select,
    message: &Message<'_>,
    info: &Ifinfo,
    own: &[Message<'_>],
) {
    let (brief, on_one_line) = (ctx.sink.format.brief, ctx.sink.format.oneline);
    let no_link = on_one_line && select.family != AF_PACKET;
    let mut shown = false;
    if select.label.is_some() {
        // Labels are of addresses: the link is not shown, and yet its addresses are.
        if (brief || !no_link) && select.link.up && info.flags & IFF_UP == 0 {
            return;
        }
    } else if brief || !no_link {
        shown = link_show::show(ctx, message, &select.link);
        if !shown {
            return;
        }
    }
    if select.family != AF_PACKET {
        show_addresses(ctx, select, info, own);
    }
    if shown && !brief && ctx.sink.format.statistics > 0 {
        if let Some(stats) = Stats::read(&Tb::read(message.attrs(Ifinfo::SIZE))) {
            stats.show(&mut ctx.sink);
        }
        ctx.sink.line();
    }
}

fn show_addresses(ctx: &mut Context<'_>, select: &Select, info: &Ifinfo, own: &[Message<'_>]) {
    let on_one_line = ctx.sink.format.oneline;
    ctx.sink.open_array("addr_info", "");
    let down = select.link.up && info.flags & IFF_UP == 0;
    for message in own.iter().filter(|message| !down && message.header.kind == RTM_NEWADDR) {
        let of_family = Ifaddr::decode(message)
            .is_some_and(|own| select.family == AF_UNSPEC || own.family == select.family);
        if !of_family {
            continue;
        }
        ctx.sink.open_object("");
        if select.takes(ctx, message) {
            show(ctx, message, on_one_line);
        }
        ctx.sink.close_object();
    }
    ctx.sink.close_array("");
    if ctx.sink.format.brief {
        ctx.sink.text("\n");
    }
}
