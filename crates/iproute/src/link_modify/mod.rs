//! `ip link add|set|change|replace|delete|property|xstats|afstats|help`: the words about links that change them, and
//! the requests made of them (iproute2 `iplink.c`).
//!
//! A command is one request. `line` reads the general words into it from the rows of `settings`, the kind's own
//! words follow behind `type`, and the request goes out with the attributes in the order in which the words stood:
//! the kernel does not care, but then it can be compared with the tool's byte by byte.
//!
//! Left out: programs for XDP are refused (taking one off works); MPLS counters are not shown.

mod help;
mod hooks;
mod line;
mod property;
mod settings;
mod vf;
mod xdp;
mod xstats;

#[cfg(test)]
mod tests;

use crate::context::Context;
use line::Job;
use rtnl::attr::Builder;
use rtnl::message::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnl::object::link::{
    IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_INFO_SLAVE_DATA, IFLA_LINKINFO, RTM_DELLINK, RTM_NEWLINK,
};
use rtnl::words::{Stop, Words, matches};

pub use help::{TYPES, usage};

/// Runs the words behind `ip link`, of which the first is the verb.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let mut words = Words::new(words);
    let verb = words.take().unwrap_or("");
    let words = &mut words;
    match verb_of(verb) {
        Some("add") => modify(ctx, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, words),
        Some("set" | "change") => modify(ctx, RTM_NEWLINK, 0, words),
        Some("replace") => modify(ctx, RTM_NEWLINK, NLM_F_CREATE | NLM_F_REPLACE, words),
        Some("delete") => modify(ctx, RTM_DELLINK, 0, words),
        Some("xstats") => xstats::xstats(ctx, words),
        Some("afstats") => xstats::afstats(ctx, words),
        Some("property") => property::run(ctx, words),
        Some("help") => help::run(ctx, words),
        _ => Err(Stop::exit(format!("Command \"{verb}\" is unknown, try \"ip link help\".\n"))),
    }
}

/// The verbs of `ip link` in the order in which they are tried; any prefix will do.
const VERBS: &[&str] = &[
    "add", "set", "change", "replace", "delete", "show", "lst", "list", "xstats", "afstats", "property",
    "help",
];

/// The verb of `ip link` that was typed, in full: so `s` is `set` and `sh` is `show`.
pub fn verb_of(typed: &str) -> Option<&'static str> {
    VERBS.iter().copied().find(|verb| matches(typed, verb))
}

/// Makes the request of a whole line and sends it.
fn modify(ctx: &mut Context<'_>, message: u16, flags: u16, words: &mut Words<'_>) -> Result<(), Stop> {
    let mut job = Job::new(ctx, flags & NLM_F_CREATE != 0);
    let mut out = Builder::new();
    let family = job.ctx.options.family;
    let outcome = line::parse(&mut job, words, family, &mut out).and_then(|parsed| {
        match parsed.kind {
            Some(kind) => link_info(&mut job, kind, words, &mut out)?,
            None if job.create => {
                return Err(Stop::fail(1, "Not enough information: \"type\" argument is required\n"));
            }
            None => {}
        }
        job.ctx.talk(message, flags, &out.bytes)?;
        job.ctx.session.forget_link(parsed.ifindex);
        Ok(())
    });
    job.close();
    for warning in words.take_warnings().lines() {
        ctx.host.err(&format!("{warning}\n"));
    }
    outcome
}

/// Writes `IFLA_LINKINFO`: the kind as it was typed, and what stands behind it. The name of a port's kind travels
/// as the kind too; only its attributes are in a nest of their own.
fn link_info(
    job: &mut Job<'_, '_>,
    kind: &str,
    words: &mut Words<'_>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let info = out.nest(IFLA_LINKINFO);
    out.put(IFLA_INFO_KIND, kind.as_bytes());
    match (rtnl::kind::find(kind), words.peek()) {
        (_, None) => {}
        (Some(known), Some(_)) => {
            let data = out.nest(if known.port { IFLA_INFO_SLAVE_DATA } else { IFLA_INFO_DATA });
            if let Some(parse) = known.parse {
                // Whatever number a complaint carries, from here it is only a failure.
                parse(words, out, job)
                    .map_err(|stop| if stop.process { stop } else { Stop { status: 1, ..stop } })?;
            }
            out.end(data);
        }
        (None, Some(word)) if matches(word, "help") => return Err(usage()),
        (None, Some(word)) => return Err(Stop::fail(1, line::garbage(word))),
    }
    out.end(info);
    Ok(())
}
