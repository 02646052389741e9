//! `ip netns`: names of namespaces, what runs in them, and the identifiers they have for one another
//! (iproute2 `ipnetns.c`).
//!
//! The names are the host's: files under `/run/netns` on Linux, and the complaints name those files on either host.
//! `ids` is the half that talks to the kernel.

mod ids;

#[cfg(test)]
mod tests;

use crate::context::Context;
use crate::host::NameChange;
use crate::options::not_entered;
use crate::vrf;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::words::{Stop, Words, integer, matches};

pub use ids::show_nsid;

/// Where the names are kept, as the complaints say it.
const DIRECTORY: &str = "/run/netns";
/// The most bytes of a name.
const NAME_MAX: usize = 255;

const USAGE: &str = "\
Usage:\tip netns list
\tip netns add NAME
\tip netns attach NAME PID
\tip netns set NAME NETNSID
\tip [-all] netns delete [NAME]
\tip netns identify [PID]
\tip netns pids NAME
\tip [-all] netns exec [NAME] cmd ...
\tip netns monitor
\tip netns list-id [target-nsid POSITIVE-INT] [nsid POSITIVE-INT]
NETNSID := auto | POSITIVE-INT
";

/// What a verb does with the words behind it.
type Deed = fn(&mut Context<'_>, &mut Words<'_>) -> Result<(), Stop>;

/// The verbs in the order in which they are tried; any prefix will do.
const VERBS: &[(&str, Deed)] = &[
    ("list", list),
    ("show", list),
    ("lst", list),
    ("list-id", ids::list_ids),
    ("help", |_, _| Err(usage())),
    ("add", add),
    ("set", ids::set),
    ("delete", delete),
    ("identify", identify),
    ("pids", pids),
    ("exec", exec),
    ("monitor", monitor),
    ("attach", attach),
];

/// Runs the words behind `ip netns`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let mut words = Words::new(words);
    let Some(verb) = words.take() else { return list(ctx, &mut words) };
    if let Some(name) = words.peek().filter(|name| !ctx.options.all && !is_name(name)) {
        return Err(Stop::exit(format!("Invalid netns name \"{name}\"\n")));
    }
    match VERBS.iter().find(|(word, _)| matches(verb, word)) {
        Some((_, deed)) => deed(ctx, &mut words),
        None => Err(Stop::exit(format!("Command \"{verb}\" is unknown, try \"ip netns help\".\n"))),
    }
}

fn usage() -> Stop {
    Stop::exit(USAGE)
}

/// Whether a text can be a namespace's name: it must do as a file's.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_MAX && !text.contains('/') && text != "." && text != ".."
}

/// A complaint that ends the command.
fn fail(text: impl Into<String>) -> Stop {
    Stop::fail(1, text)
}

fn no_name() -> Stop {
    fail("No netns name specified\n")
}

fn cannot_open(name: &str, errno: Errno) -> String {
    format!("Cannot open network namespace \"{name}\": {errno}\n")
}

/// `list`: the names, and the identifiers that they have here. Whatever stands behind it is passed over.
fn list(ctx: &mut Context<'_>, _: &mut Words<'_>) -> Result<(), Stop> {
    let Ok(names) = ctx.host.netns_names() else { return Ok(()) };
    // The tool reads all identifiers before it lists them one by one; what is wrong with one is told twice.
    let _ = ctx.nsid_name(-1);
    ctx.sink.open_array("", "");
    for name in names {
        ctx.sink.open_object("");
        ctx.sink.string("name", "", &name, "");
        if let Some(nsid) = ctx.nsid_of(&name) {
            ctx.sink.int("id", " (id: ", i64::from(nsid), ")");
        }
        ctx.sink.text("\n");
        ctx.sink.close_object();
    }
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    Ok(())
}

/// `add NAME`. Whatever stands behind it is passed over.
fn add(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let name = words.take().ok_or_else(no_name)?;
    ctx.host.netns_add(name).map_err(|errno| {
        ctx.refusal = Some(Refusal::new(errno));
        fail(not_added(name, errno))
    })
}

fn not_added(name: &str, errno: Errno) -> String {
    match errno {
        Errno::EPERM => format!("mount --make-shared {DIRECTORY} failed: {errno}\n"),
        Errno::EACCES => format!("mkdir {DIRECTORY} failed: {errno}\n"),
        _ => format!("Cannot create namespace file \"{DIRECTORY}/{name}\": {errno}\n"),
    }
}

/// `attach NAME PID`: a name for the namespace that a process is in.
fn attach(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let (Some(name), Some(text)) = (words.take(), words.take()) else {
        return Err(fail("No netns name and PID specified\n"));
    };
    let pid =
        integer(text, 0).filter(|pid| *pid != 0).ok_or_else(|| fail(format!("Invalid PID: {text}\n")))?;
    let taken = ctx.host.netns_names().is_ok_and(|names| names.iter().any(|other| other == name));
    let outcome = match u32::try_from(pid) {
        _ if taken => Err(Errno::EEXIST),
        Ok(pid) => ctx.host.netns_attach(name, pid),
        Err(_) => Err(Errno::ENOENT),
    };
    outcome.inspect_err(|errno| ctx.refusal = Some(Refusal::new(*errno))).map_err(|errno| match errno {
        Errno::ENOENT | Errno::ESRCH => {
            let errno = Errno::ENOENT;
            fail(format!("Bind /proc/{pid}/ns/net -> {DIRECTORY}/{name} failed: {errno}\n"))
        }
        errno => fail(not_added(name, errno)),
    })
}

/// `delete NAME`, or all of them.
fn delete(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    if !ctx.options.all {
        let name = words.take().ok_or_else(no_name)?;
        return ctx.host.netns_delete(name).map_err(|errno| {
            ctx.refusal = Some(Refusal::new(errno));
            fail(not_removed(name, errno))
        });
    }
    for name in every_name(ctx)? {
        if let Err(errno) = ctx.host.netns_delete(&name) {
            // What is left stays, and the command counts as carried out.
            ctx.host.err(&not_removed(&name, errno));
            break;
        }
    }
    Ok(())
}

/// The names for `-all`: none, and no complaint, if there never was one.
fn every_name(ctx: &mut Context<'_>) -> Result<Vec<String>, Stop> {
    match ctx.host.netns_names() {
        Err(Errno::ENOENT) => Ok(Vec::new()),
        names => names.map_err(|errno| fail(format!("Failed to open directory {DIRECTORY}:{errno}\n"))),
    }
}

fn not_removed(name: &str, errno: Errno) -> String {
    format!("Cannot remove namespace file \"{DIRECTORY}/{name}\": {errno}\n")
}

/// `identify [ PID ]`: the name of the namespace that a process is in; an empty line if it has none.
fn identify(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    if words.left() > 1 {
        return Err(fail("extra arguments specified\n"));
    }
    let pid = match words.take() {
        None => None,
        Some(text) if !text.bytes().all(|b| b.is_ascii_digit()) => {
            return Err(fail(format!("Specified string '{text}' is not a pid\n")));
        }
        // A number that no process has stands for one too large to have.
        Some(text) => Some(text.parse().unwrap_or(u32::MAX)),
    };
    let names = ctx.host.netns_identify(pid);
    let names = names.map_err(|errno| fail(format!("Cannot open network namespace: {errno}\n")))?;
    // Of several names the tool keeps the last that it came across.
    let name = names.last().map_or("", String::as_str);
    ctx.sink.out.push_str(&format!("{name}\n"));
    Ok(())
}

/// `pids NAME`: the processes in a namespace.
fn pids(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let name = words.take().ok_or_else(no_name)?;
    if words.left() > 0 {
        return Err(fail("extra arguments specified\n"));
    }
    let pids = ctx.host.netns_pids(name);
    let pids = pids.map_err(|errno| fail(format!("Cannot open network namespace: {errno}\n")))?;
    for pid in pids {
        ctx.sink.out.push_str(&format!("{pid}\n"));
    }
    Ok(())
}

/// `exec NAME COMMAND…`: the status is the command's. With `-all` in every namespace, and then nothing is wrong.
fn exec(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let name = if ctx.options.all { None } else { Some(words.take().ok_or_else(no_name)?) };
    if words.left() == 0 {
        return Err(fail("No command specified\n"));
    }
    if let Some(name) = name {
        return execute(ctx, name, words.rest());
    }
    ctx.host.expect_more();
    for name in every_name(ctx)? {
        ctx.sink.out.push_str(&format!("\nnetns: {name}\n"));
        match execute(ctx, &name, words.rest()) {
            Err(stop) if stop.process => return Err(stop),
            Err(stop) => ctx.print_stop(&stop),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Runs a program in a namespace, unbound from the routing domain of another one.
fn execute(ctx: &mut Context<'_>, name: &str, command: &[String]) -> Result<(), Stop> {
    ctx.flush();
    let unbound = vrf::reset(ctx);
    let done = match ctx.host.netns_enter(name) {
        Ok(entered) => {
            let beside = ctx.options.all || ctx.options.batch.is_some();
            let done = ctx.execute(command, beside);
            ctx.host.netns_leave(entered);
            done
        }
        Err(errno) => {
            ctx.refusal = Some(Refusal::new(errno));
            Err(Stop::fail(255, not_entered(name, errno)))
        }
    };
    if unbound {
        ctx.host.vrf_leave();
    }
    done
}

/// `monitor`: tells of names as they come and go, for as long as the host goes on.
fn monitor(ctx: &mut Context<'_>, _: &mut Words<'_>) -> Result<(), Stop> {
    let mut known = ctx.host.netns_names().unwrap_or_default();
    let wrong = |errno: Errno| fail(format!("inotify_add_watch failed: {errno}\n"));
    while let Some(changes) = ctx.host.netns_changes(&mut known).map_err(wrong)? {
        for NameChange { name, added } in changes {
            let what = if added { "add" } else { "delete" };
            ctx.sink.out.push_str(&format!("{what} {name}\n"));
        }
        ctx.flush();
    }
    Ok(())
}
