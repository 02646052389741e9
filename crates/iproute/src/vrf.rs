//! `ip vrf`: the routing domains there are, and programs that are bound to one (iproute2 `ipvrf.c`).
//!
//! What binds a program is the host's: on Linux a program of BPF on a control group, which this tool does not load.

use crate::context::Context;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::kind::vrf;
use rtnl::message::{Message, Messages};
use rtnl::object::link::*;
use rtnl::table::Tb;
use rtnl::words::{Stop, Words, matches, number};

const USAGE: &str = "\
Usage:\tip vrf show [NAME] ...
\tip vrf exec [NAME] cmd ...
\tip vrf identify [PID]
\tip vrf pids [NAME]
";

/// What a verb does with the words behind it.
type Deed = fn(&mut Context<'_>, &mut Words<'_>) -> Result<(), Stop>;

/// The verbs in the order in which they are tried; any prefix will do.
const VERBS: &[(&str, Deed)] = &[
    ("identify", identify),
    ("pids", pids),
    ("exec", exec),
    ("show", show),
    ("lst", show),
    ("list", show),
    ("help", |_, _| Err(Stop::exit(USAGE))),
];

/// Runs the words behind `ip vrf`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let mut words = Words::new(words);
    let Some(verb) = words.take() else { return show(ctx, &mut words) };
    match VERBS.iter().find(|(word, _)| matches(verb, word)) {
        Some((_, deed)) => deed(ctx, &mut words),
        None => Err(Stop::exit(format!("Command \"{verb}\" is unknown, try \"ip vrf help\".\n"))),
    }
}

/// The name and the table of a link that is a domain.
fn domain(message: &Message<'_>) -> Option<(String, u32)> {
    let tb = Tb::read(message.attrs(Ifinfo::SIZE));
    let table = vrf::table(&tb.nest(IFLA_LINKINFO)).filter(|table| *table != 0)?;
    Some((String::from_utf8_lossy(tb.string(IFLA_IFNAME)?).into_owned(), table))
}

/// The index and the table of the domain of that name.
fn find(ctx: &mut Context<'_>, name: &str) -> Option<(u32, u32)> {
    let mut body = Builder::new();
    Ifinfo::default().encode(&mut body);
    body.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    body.string(IFLA_IFNAME, name.as_bytes());
    let answer = ctx.session.client(|client| client.ask(RTM_GETLINK, 0, &body.bytes)).ok()?;
    let message = Messages(&answer).next()?;
    let ifindex = Ifinfo::decode(&message)?.ifindex;
    domain(&message).map(|(_, table)| (ifindex as u32, table))
}

/// `show [ NAME ]`: all domains, or one.
fn show(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    if words.left() > 1 {
        return Err(Stop::exit(USAGE));
    }
    if let Some(name) = words.take() {
        let (_, table) = find(ctx, name).ok_or_else(|| Stop::exit("Invalid VRF\n"))?;
        ctx.sink.out.push_str(&format!("{name} {table}\n"));
        return Ok(());
    }
    let mut body = Builder::new();
    Ifinfo::default().encode(&mut body);
    body.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    let nest = body.nest(IFLA_LINKINFO);
    body.put(IFLA_INFO_KIND, vrf::KIND.name.as_bytes());
    body.end(nest);
    let links = ctx.dump(RTM_GETLINK, &body.bytes)?;
    let messages = links.iter().flat_map(|part| Messages(part));
    let domains: Vec<(String, u32)> = messages.filter_map(|message| domain(&message)).collect();
    let sink = &mut ctx.sink;
    sink.open_array("", "");
    sink.text(&format!("{:<16}  {:>5}\n{}\n", "Name", "Table", "-".repeat(23)));
    for (name, table) in &domains {
        sink.open_object("");
        sink.string("name", "", name, "");
        // Columns of 16 and 5.
        let width = 17_usize.saturating_sub(name.len()) + 5_usize.saturating_sub(table.to_string().len());
        sink.uint("table", &" ".repeat(width), u64::from(*table), "\n");
        sink.close_object();
    }
    if domains.is_empty() {
        sink.text("No VRF has been configured\n");
    }
    sink.close_array("");
    sink.finish_json();
    Ok(())
}

/// The domain that a program is bound to, by name.
fn bound(ctx: &mut Context<'_>) -> Option<String> {
    let ifindex = ctx.host.bound()?;
    Some(ctx.links().name(ifindex))
}

/// `identify [ PID ]`: the domain that a process is bound to; nothing if it is bound to none.
fn identify(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    if words.left() > 1 {
        return Err(Stop::fail(1, "Extra arguments specified\n"));
    }
    if let Some(text) = words.take() {
        number(text, 0, u64::from(u32::MAX)).ok_or_else(|| Stop::invalid("Invalid pid\n", text))?;
    }
    if let Some(name) = bound(ctx) {
        ctx.sink.out.push_str(&format!("{name}\n"));
    }
    Ok(())
}

/// `pids NAME`: the processes that are bound to a domain. A program that ended is none, and others do not run.
fn pids(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let (Some(name), 0) = (words.take(), words.left()) else {
        return Err(Stop::fail(1, "Invalid arguments\n"));
    };
    find(ctx, name).map(|_| ()).ok_or_else(|| Stop::fail(1, "Invalid VRF name\n"))
}

/// `exec NAME COMMAND…`: runs a program whose sockets are bound to a domain; `default` is none.
fn exec(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let name = words.take().ok_or_else(|| Stop::fail(1, "No VRF name specified\n"))?;
    if words.left() == 0 {
        return Err(Stop::fail(1, "No command specified\n"));
    }
    let found = find(ctx, name).map(|(ifindex, _)| ifindex);
    if found.is_none() && name != "default" {
        return Err(Stop::exit("Invalid VRF name\n"));
    }
    ctx.flush();
    let before = ctx.host.bound();
    ctx.host.bind(found).map_err(|errno| Stop::exit(format!("Failed to load BPF prog: '{errno}'\n")))?;
    let status = ctx.host.execute(words.rest());
    let _ = ctx.host.bind(before);
    match status {
        Ok(0) => Ok(()),
        Ok(status) => Err(Stop::fail(status, "")),
        Err(errno) => Err(not_run(words.rest(), errno)),
    }
}

fn not_run(command: &[String], errno: Errno) -> Stop {
    let program = command.first().map_or("", String::as_str);
    Stop::fail(1, format!("exec of \"{program}\" failed: {errno}\n"))
}
