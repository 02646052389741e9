//! `ip netconf`: the settings of IP that the kernel tells of, and tells of again when they change (iproute2
//! `ipnetconf.c`).

use crate::context::{AF_UNSPEC, Context};
use rtnl::attr::Builder;
use rtnl::message::{Message, Messages};
use rtnl::object::netconf::*;
use rtnl::prefix::family_name;
use rtnl::sink::Colour;
use rtnl::table::Tb;
use rtnl::words::{Stop, Words, matches};

const USAGE: &str = "Usage: ip netconf show [ dev STRING ]\n";

/// Which settings are shown.
#[derive(Clone, Copy, Default)]
pub struct Filter {
    /// The family; [`AF_UNSPEC`]: any.
    pub family: u8,
    /// The link; 0: any.
    pub ifindex: u32,
}

/// Runs the words behind `ip netconf`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    const VERBS: &[&str] = &["show", "lst", "list", "help"];
    let Some((typed, rest)) = words.split_first() else { return list(ctx, words) };
    match VERBS.iter().find(|verb| matches(typed, verb)) {
        Some(&"help") => Err(Stop::exit(USAGE)),
        Some(_) => list(ctx, rest),
        None => Err(Stop::exit(format!("Command \"{typed}\" is unknown, try \"ip netconf help\".\n"))),
    }
}

fn list(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let mut filter = Filter { family: ctx.options.family, ifindex: 0 };
    let mut words = Words::new(words);
    // Words that are not understood are passed over, as in the tool.
    while let Some(word) = words.take() {
        if word == "dev" {
            let name = words.value()?;
            let missing = || Stop::fail(1, format!("Device \"{name}\" does not exist.\n"));
            filter.ifindex = ctx.links().index(name).ok_or_else(missing)?;
        }
    }
    let mut body = Builder::new();
    Netconf { family: filter.family }.encode(&mut body);
    if filter.ifindex != 0 && filter.family != AF_UNSPEC {
        body.u32(NETCONFA_IFINDEX, filter.ifindex);
        return one(ctx, &body.bytes, filter);
    }
    ctx.learn_links()?;
    let told = ctx.dump(RTM_GETNETCONF, &body.bytes)?;
    ctx.sink.open_array("", "");
    for bytes in &told {
        Messages(bytes).for_each(|message| show(ctx, &message, filter));
    }
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    Ok(())
}

/// One family of one link, which the tool listens for as a monitor does: never as JSON, and in silence if refused.
fn one(ctx: &mut Context<'_>, body: &[u8], filter: Filter) -> Result<(), Stop> {
    let json = std::mem::take(&mut ctx.sink.format.json);
    if let Ok(answer) = ctx.client(|client| client.ask(RTM_GETNETCONF, 0, body)) {
        Messages(&answer).for_each(|message| show(ctx, &message, filter));
    }
    ctx.sink.format.json = json;
    Ok(())
}

/// Shows the settings that a message tells of.
pub fn show(ctx: &mut Context<'_>, message: &Message<'_>, filter: Filter) {
    let Some(Netconf { family }) = Netconf::decode(message) else { return };
    let tb = Tb::read(message.attrs(Netconf::SIZE));
    let ifindex = tb.i32(NETCONFA_IFINDEX);
    let wanted = filter.ifindex as i32;
    if filter.family != AF_UNSPEC && filter.family != family || wanted != 0 && ifindex != Some(wanted) {
        return;
    }
    ctx.sink.open_object("");
    if message.header.kind == RTM_DELNETCONF {
        ctx.sink.boolean("deleted", true, "Deleted ", "");
    }
    ctx.sink.string("family", "", family_name(family), " ");
    if let Some(ifindex) = ifindex {
        let name = match ifindex {
            NETCONFA_IFINDEX_ALL => "all".to_string(),
            NETCONFA_IFINDEX_DEFAULT => "default".to_string(),
            index => ctx.links().name(index as u32),
        };
        ctx.sink.coloured_text(Colour::Ifname, "interface", &name, &format!("{name} "));
    }
    on_off(ctx, &tb, NETCONFA_FORWARDING, "forwarding");
    match tb.i32(NETCONFA_RP_FILTER) {
        Some(0) => ctx.sink.string("rp_filter", "rp_filter ", "off", " "),
        Some(1) => ctx.sink.string("rp_filter", "rp_filter ", "strict", " "),
        Some(2) => ctx.sink.string("rp_filter", "rp_filter ", "loose", " "),
        Some(other) => ctx.sink.uint("rp_filter", "rp_filter ", u64::from(other as u32), " "),
        None => {}
    }
    on_off(ctx, &tb, NETCONFA_MC_FORWARDING, "mc_forwarding");
    on_off(ctx, &tb, NETCONFA_PROXY_NEIGH, "proxy_neigh");
    on_off(ctx, &tb, NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN, "ignore_routes_with_linkdown");
    on_off(ctx, &tb, NETCONFA_INPUT, "input");
    ctx.sink.close_object();
    ctx.sink.text("\n");
}

fn on_off(ctx: &mut Context<'_>, tb: &Tb<'_>, attribute: u16, key: &str) {
    if let Some(value) = tb.i32(attribute) {
        ctx.sink.on_off(key, &format!("{key} "), value != 0, " ");
    }
}
