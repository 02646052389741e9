//! `ip link show`: which links are meant, and asking for them.
//!
//! The words are those of `ip address show`, so some are taken that filter nothing here (address flags, `scope`).
//! Master and type go into the request for the kernel to filter by; everything is looked at again here, because a
//! kernel may answer with more. A link that is filtered out here leaves an empty object in JSON, as in the tool.

use crate::context::{AF_PACKET, Context, refusal_text};
use crate::link_dump::show_links;
use crate::link_show::{Filter, show};
use rtnl::attr::Builder;
use rtnl::message::{Message, Messages, Refusal};
use rtnl::object::link::{
    ALTNAME_MAX, IFLA_ALT_IFNAME, IFLA_EXT_MASK, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_LINKINFO, IFLA_MASTER,
    Ifinfo, RTEXT_FILTER_SKIP_STATS, RTEXT_FILTER_VF, RTM_GETLINK,
};
use rtnl::table::Tb;
use rtnl::words::{Stop, Words, matches, number};

/// Words for the flags of addresses; before each, a minus may stand.
const ADDRESS_FLAGS: &[&str] = &[
    "dynamic",
    "primary",
    "secondary",
    "temporary",
    "nodad",
    "optimistic",
    "dadfailed",
    "home",
    "deprecated",
    "tentative",
    "permanent",
    "mngtmpaddr",
    "noprefixroute",
    "autojoin",
    "stable-privacy",
];

/// Words for scopes of addresses.
const SCOPES: &[&str] = &["all", "global", "nowhere", "host", "link", "site"];

/// Runs the words behind `ip link show`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let mut filter = Filter { family: AF_PACKET, listing: true, queue: true, ..Filter::default() };
    let device = parse(ctx, &mut Words::new(words), &mut filter)?;
    if let Some(name) = device {
        let missing = || Stop::fail(1, format!("Device \"{name}\" does not exist.\n"));
        filter.ifindex = ctx.links().index(name).ok_or_else(missing)?;
    }
    ctx.sink.open_array("", "");
    let done = match device {
        Some(name) if filter.group.is_none() => one_by_name(ctx, name, &filter),
        Some(_) => one_by_index(ctx, &filter),
        None => all(ctx, &filter),
    };
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    if done.is_ok() {
        ctx.flush();
    }
    done
}

/// Reads the words; gives the device that was named.
fn parse<'w>(
    ctx: &mut Context<'_>,
    words: &mut Words<'w>,
    filter: &mut Filter,
) -> Result<Option<&'w str>, Stop> {
    let mut device = None;
    while let Some(word) = words.take() {
        match word {
            "to" => return Err(no_prefix(words.value()?)),
            "scope" => check_scope(words.value()?)?,
            "up" => filter.up = true,
            _ if ADDRESS_FLAGS.contains(&word.strip_prefix('-').unwrap_or(word)) => {}
            "label" => {
                words.value()?;
                filter.labelled = true;
            }
            "group" => {
                let text = words.value()?;
                let group = group_number(text);
                filter.group = Some(group.ok_or_else(|| Stop::invalid("Invalid \"group\" value\n", text))?);
            }
            "master" => {
                let name = words.value()?;
                let found = ctx.links().index(name);
                filter.master =
                    Some(found.ok_or_else(|| Stop::invalid("Device does not exist\n", name))? as i32);
            }
            "vrf" => {
                let name = words.value()?;
                filter.master = Some(vrf(ctx, AF_PACKET, name)? as i32);
            }
            "nomaster" => filter.master = Some(-1),
            "type" => {
                let kind = words.value()?;
                match kind.strip_suffix("_slave") {
                    Some(kind) => filter.port_kind = Some(kind.into()),
                    None => filter.kind = Some(kind.into()),
                }
            }
            _ => {
                let name = if word == "dev" { words.value()? } else { word };
                if word != "dev" && matches(word, "help") {
                    crate::link_modify::run(ctx, &["help".into()])?;
                }
                if device.replace(name).is_some() {
                    return Err(Stop::duplicate_or_garbage("dev", name));
                }
            }
        }
    }
    Ok(device)
}

fn no_prefix(text: &str) -> Stop {
    let complaint = "may be inet prefix, but it is not allowed in this context";
    Stop::exit_with(1, format!("Error: \"{text}\" {complaint}.\n"))
}

fn check_scope(text: &str) -> Result<(), Stop> {
    match SCOPES.contains(&text) || number(text, 0, 255).is_some() {
        true => Ok(()),
        false => Err(Stop::invalid("invalid \"scope\"\n", text)),
    }
}

/// The number of a group: the one that has a name, or a number, which is read as C's `long` and cut to 32 bits before
/// its sign is looked at.
pub fn group_number(text: &str) -> Option<u32> {
    if text == "default" {
        return Some(0);
    }
    let value = number(text, 0, u64::MAX)?;
    let overflow = value > i64::MAX as u64 && !text.contains('-');
    u32::try_from(value as i32).ok().filter(|_| !overflow)
}

/// The index of a link of kind `vrf`; it is asked for under that family.
///
/// # Errors
/// The tool's complaint if it is none.
pub fn vrf(ctx: &mut Context<'_>, family: u8, name: &str) -> Result<u32, Stop> {
    let no_vrf = || Stop::invalid("Not a valid VRF name\n", name);
    let ifindex = ctx.links().index(name).ok_or_else(no_vrf)?;
    let mut body = Builder::new();
    Ifinfo { family, ..Ifinfo::default() }.encode(&mut body);
    body.string(IFLA_IFNAME, name.as_bytes());
    let answer = ctx.session.client(|client| client.ask(RTM_GETLINK, 0, &body.bytes)).unwrap_or_default();
    let message = Messages(&answer).next().ok_or_else(no_vrf)?;
    let info = Tb::read(message.attrs(Ifinfo::SIZE)).nest(IFLA_LINKINFO);
    rtnl::kind::vrf::table(&info).map(|_| ifindex).ok_or_else(no_vrf)
}

/// What the answer about one link need not hold; about all, the tool has everything told.
pub(crate) fn extension(ctx: &Context<'_>) -> u32 {
    let skip = if ctx.sink.format.statistics == 0 { RTEXT_FILTER_SKIP_STATS } else { 0 };
    RTEXT_FILTER_VF | skip
}

/// Asks for one link by the name that was typed, counters and all, as the tool does. It gives up altogether if the kernel
/// knows no such name.
fn one_by_name(ctx: &mut Context<'_>, name: &str, filter: &Filter) -> Result<(), Stop> {
    let mut body = Builder::new();
    Ifinfo { family: AF_PACKET, ..Ifinfo::default() }.encode(&mut body);
    body.u32(IFLA_EXT_MASK, RTEXT_FILTER_VF);
    let attribute = if crate::session::is_ifname(name) { IFLA_IFNAME } else { IFLA_ALT_IFNAME };
    body.string(attribute, &name.as_bytes()[..name.len().min(ALTNAME_MAX)]);
    match ctx.client(|client| client.ask(RTM_GETLINK, 0, &body.bytes)) {
        Ok(answer) => show_object(ctx, &answer, filter),
        Err(refusal) => {
            let more = format!("Cannot send link get request: {}\n", refusal.errno);
            return Err(Stop::exit_with(1, refusal_text(&refusal) + &more));
        }
    }
    Ok(())
}

/// Asks for one link by its index, where other filters are to be looked at as well.
fn one_by_index(ctx: &mut Context<'_>, filter: &Filter) -> Result<(), Stop> {
    let mut body = Builder::new();
    Ifinfo { family: AF_PACKET, ifindex: filter.ifindex as i32, ..Ifinfo::default() }.encode(&mut body);
    body.u32(IFLA_EXT_MASK, extension(ctx));
    match ctx.client(|client| client.ask(RTM_GETLINK, 0, &body.bytes)) {
        Ok(answer) => show_object(ctx, &answer, filter),
        Err(refusal) => lament(ctx, &refusal, "Cannot send link request"),
    }
    Ok(())
}

/// The tool says this and yet succeeds.
pub(crate) fn lament(ctx: &mut Context<'_>, refusal: &Refusal, what: &str) {
    let text = refusal_text(refusal) + &format!("{what}: {}\n", refusal.errno);
    ctx.host.err(&text);
}

/// Asks for all links and shows them as they come.
fn all(ctx: &mut Context<'_>, filter: &Filter) -> Result<(), Stop> {
    let mut body = Builder::new();
    Ifinfo { family: AF_PACKET, ..Ifinfo::default() }.encode(&mut body);
    body.u32(IFLA_EXT_MASK, RTEXT_FILTER_VF);
    if let Some(master) = filter.master {
        body.i32(IFLA_MASTER, master);
    }
    if let Some(kind) = &filter.kind {
        let nest = body.nest(IFLA_LINKINFO);
        body.put(IFLA_INFO_KIND, kind.as_bytes());
        body.end(nest);
    }
    // The tool complains of a dump that fails, and succeeds.
    if let Err(stop) = show_links(ctx, &body.bytes, &mut |ctx, link| show_message(ctx, link, filter)) {
        ctx.host.err(&stop.error);
    }
    Ok(())
}

fn show_object(ctx: &mut Context<'_>, bytes: &[u8], filter: &Filter) {
    let Some(message) = Messages(bytes).next() else { return };
    show_message(ctx, &message, filter);
}

fn show_message(ctx: &mut Context<'_>, message: &Message<'_>, filter: &Filter) {
    ctx.sink.open_object("");
    show(ctx, message, filter);
    ctx.sink.close_object();
}
