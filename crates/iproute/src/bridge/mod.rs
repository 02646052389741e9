//! `bridge`: ports, learning table, multicast groups and VLANs of bridges, equal to iproute2 6.1.0.
//!
//! The tool is `ip`'s sister and shares its options, batches and output, but not its statuses: nearly everything that
//! goes wrong is 255. It keeps what a command filtered by, so in a batch a filter holds for the commands behind it;
//! [`Memory`] is that. Numbers are mostly read as C's `atoi` does, which knows no error.
//!
//! Left out: what the tool does when a request outgrows its buffer of 1024 bytes.

use crate::batch;
use crate::context::{AF_BRIDGE, Context, refusal_text};
use crate::host::Host;
use crate::options::{Parsed, parse_for};
use rtnl::attr::Builder;
use rtnl::message::Refusal;
use rtnl::object::link::{IFLA_EXT_MASK, Ifinfo, RTM_GETLINK};
use rtnl::words::{Stop, Words, matches};

mod fdb;
mod fdb_show;
mod link;
mod mdb;
mod mdb_show;
mod monitor;
mod options;
mod vlan;
mod vlan_options;
mod vlan_rtm;
mod vlan_show;
mod vni;

#[cfg(test)]
mod tests;

/// What is kept from one command of a batch to the next: the filters.
#[derive(Default)]
struct Memory {
    /// The link that `link` shows; 0 is any.
    link: u32,
    fdb: fdb_show::Filter,
    mdb: Filter,
    vlan: Filter,
    /// The device whose networks `vni` shows; 0 is any.
    vni: u32,
}

/// A link and a VLAN to show; 0 is any.
#[derive(Clone, Copy, Default)]
struct Filter {
    ifindex: u32,
    vid: u32,
}

/// Runs the words behind an object; the names of all links are read before.
type Run = fn(&mut Context<'_>, &mut Memory, &[String]) -> Result<(), Stop>;

/// The objects in the order in which a prefix is tried on them.
static OBJECTS: &[(&str, Run)] = &[
    ("link", link::run),
    ("fdb", fdb::run),
    ("mdb", mdb::run),
    ("vlan", vlan::run),
    ("vni", vni::run),
    ("monitor", monitor::run),
    ("help", |_, _, _| Err(options::usage())),
];

/// Runs `bridge` with these words, of which the first is the one behind `bridge`, and gives its exit status.
pub fn bridge(host: &mut dyn Host, words: &[String]) -> i32 {
    let mut entered = Vec::new();
    let status = match parse_for(&options::BRIDGE, host, words, &mut entered) {
        Ok(parsed) => run(host, parsed),
        Err(stop) => {
            host.err(&stop.error);
            host.out(&stop.output);
            stop.status
        }
    };
    for back in entered.into_iter().rev() {
        host.netns_leave(back);
    }
    status
}

fn run(host: &mut dyn Host, parsed: Parsed<'_>) -> i32 {
    let Parsed { options, format, words } = parsed;
    let mut ctx = match Context::new(&mut *host, options, format) {
        Ok(ctx) => ctx,
        Err(stop) => {
            host.err(&stop.error);
            return stop.status;
        }
    };
    let mut memory = Memory::default();
    let done = match ctx.options.batch.clone() {
        Some(file) => batch::run(&mut ctx, &file, |ctx, words| command(ctx, &mut memory, words)),
        None => command(&mut ctx, &mut memory, words),
    };
    let status = match done {
        Ok(()) => 0,
        Err(stop) => {
            ctx.print_stop(&stop);
            ctx.explain(&stop, words);
            stop.status
        }
    };
    ctx.flush();
    status
}

/// One command: an object and what follows.
fn command(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return Err(options::usage()) };
    match OBJECTS.iter().find(|(object, _)| matches(typed, object)) {
        Some((object, run)) => {
            if *object != "help" {
                ctx.learn_links()?;
            }
            run(ctx, memory, rest)
        }
        None => Err(fail(format!("Object \"{typed}\" is unknown, try \"bridge help\".\n"))),
    }
}

/// A word that is no command of an object.
fn unknown_command(object: &str, typed: &str) -> Stop {
    Stop::exit(format!("Command \"{typed}\" is unknown, try \"bridge {object} help\".\n"))
}

/// Ends the command with the tool's usual status; a batch may go on.
fn fail(error: impl Into<String>) -> Stop {
    Stop::fail(255, error)
}

/// A refusal in the tool's words.
fn refused(refusal: &Refusal) -> Stop {
    fail(refusal_text(refusal))
}

/// Sends a request and waits for its acknowledgement.
fn talk(ctx: &mut Context<'_>, kind: u16, flags: u16, body: &Builder) -> Result<(), Stop> {
    ctx.client(|client| client.talk(kind, flags, &body.bytes)).map_err(|refusal| refused(&refusal))
}

/// Asks for a dump. One that fails ends the process, unlike anything else that the kernel refuses.
fn dump(ctx: &mut Context<'_>, kind: u16, body: &Builder) -> Result<Vec<Vec<u8>>, Stop> {
    ctx.dump(kind, &body.bytes).map_err(|stop| Stop { process: true, ..stop })
}

/// The device that a listing is asked for, by listings that read no other word and pass over the rest.
fn only_device(words: &[String]) -> Result<Option<&str>, Stop> {
    let mut words = Words::new(words);
    let mut device = None;
    while let Some(word) = words.take() {
        if word == "dev" {
            let value = words.value()?;
            if device.replace(value).is_some() {
                return Err(Stop::duplicate("dev", value));
            }
        }
    }
    Ok(device)
}

/// The index of a link.
fn device(ctx: &mut Context<'_>, name: &str) -> Result<u32, Stop> {
    ctx.links().index(name).ok_or_else(|| fail(format!("Cannot find device \"{name}\"\n")))
}

/// The index of a link that is called a bridge whatever it is.
fn bridge_device(ctx: &mut Context<'_>, name: &str) -> Result<u32, Stop> {
    ctx.links().index(name).ok_or_else(|| fail(format!("Cannot find bridge device \"{name}\"\n")))
}

/// Asks for the links of bridges, with so much of them.
fn dump_bridge_links(ctx: &mut Context<'_>, extension: u32) -> Result<Vec<Vec<u8>>, Stop> {
    let mut body = Builder::new();
    Ifinfo { family: AF_BRIDGE, ..Ifinfo::default() }.encode(&mut body);
    if extension != 0 {
        body.u32(IFLA_EXT_MASK, extension);
    }
    dump(ctx, RTM_GETLINK, &body)
}

/// Reads the words of the listings that know `dev` and `vid` and pass over everything else.
fn read_filter(ctx: &mut Context<'_>, words: &[String], filter: &mut Filter) -> Result<(), Stop> {
    let mut words = Words::new(words);
    let mut name = None;
    while let Some(word) = words.take() {
        match word {
            "dev" => {
                let value = words.value()?;
                if name.replace(value).is_some() {
                    return Err(Stop::duplicate("dev", value));
                }
            }
            "vid" => {
                let value = words.value()?;
                if filter.vid != 0 {
                    return Err(Stop::duplicate("vid", value));
                }
                filter.vid = atoi(value) as u32;
            }
            _ => {}
        }
    }
    if let Some(name) = name {
        filter.ifindex = device(ctx, name)?;
    }
    Ok(())
}

/// Reads a number as C's `strtol` does in base 10 and gives it with what stands behind it. Without a digit all of the
/// text stands behind it.
fn strtol(text: &str) -> (i64, &str) {
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let end = digits.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
    if end == 0 {
        return (0, text);
    }
    let (digits, rest) = digits.split_at(end);
    let value = digits.bytes().fold(0i64, |value, digit| {
        let digit = i64::from(digit - b'0');
        let digit = if negative { -digit } else { digit };
        value.saturating_mul(10).saturating_add(digit)
    });
    (value, rest)
}

/// Reads a number as C's `atoi` does: what is no number is 0, and what is too large is cut to 32 bits.
fn atoi(text: &str) -> i32 {
    strtol(text).0 as i32
}

/// Reads a state of the spanning tree: one of its numbers or its names.
fn state_number(text: &str) -> Option<i64> {
    match strtol(text) {
        (number, "") if !text.is_empty() => Some(number),
        _ => rtnl::kind::bridge_slave::STATES.iter().position(|name| *name == text).map(|at| at as i64),
    }
}
