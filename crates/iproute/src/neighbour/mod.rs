//! `ip neighbour`: the link-layer addresses of neighbours (iproute2 `ipneigh.c`).

mod list;
mod modify;
mod show;

use crate::context::Context;
use rtnl::message::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnl::object::neigh::*;
use rtnl::words::{Stop, matches, number};

pub use list::Filter;
pub use show::show;

/// Runs the words behind `ip neighbour`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    const VERBS: &[&str] =
        &["add", "change", "chg", "replace", "delete", "get", "show", "lst", "list", "flush", "help"];
    let Some((typed, rest)) = words.split_first() else { return list::run(ctx, words) };
    let is_it = |verb: &&&str| matches(typed, verb) && (**verb != "chg" || typed == "chg");
    match VERBS.iter().find(is_it) {
        Some(&"add") => modify::run(ctx, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, rest),
        Some(&"change" | &"chg") => modify::run(ctx, RTM_NEWNEIGH, NLM_F_REPLACE, rest),
        Some(&"replace") => modify::run(ctx, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, rest),
        Some(&"delete") => modify::run(ctx, RTM_DELNEIGH, 0, rest),
        Some(&"get") => modify::get(ctx, rest),
        Some(&"flush") => list::flush(ctx, rest),
        Some(&"help") => Err(usage()),
        Some(_) => list::run(ctx, rest),
        None => Err(Stop::exit(format!("Command \"{typed}\" is unknown, try \"ip neigh help\".\n"))),
    }
}

/// The usage, which ends the process.
fn usage() -> Stop {
    Stop::exit(include_str!("usage.txt"))
}

/// The states by their words, in the order in which they are tried; those with true match by prefix.
const STATES: &[(&str, u16, bool)] = &[
    ("permanent", NUD_PERMANENT, true),
    ("reachable", NUD_REACHABLE, true),
    ("noarp", NUD_NOARP, false),
    ("none", NUD_NONE, false),
    ("stale", NUD_STALE, false),
    ("incomplete", NUD_INCOMPLETE, false),
    ("delay", NUD_DELAY, false),
    ("probe", NUD_PROBE, false),
    ("failed", NUD_FAILED, true),
];

/// A state by its word, or a number of at most one bit.
fn state(text: &str) -> Option<u16> {
    let is_it = |word: &str, prefix: bool| if prefix { matches(text, word) } else { text == word };
    let row = STATES.iter().find(|(word, _, prefix)| is_it(word, *prefix));
    let value = || number(text, 0, 0xff).filter(|value| value.count_ones() <= 1);
    row.map(|(_, state, _)| *state).or_else(|| Some(value()? as u16))
}
