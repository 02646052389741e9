//! `ip address`: adding, changing and deleting addresses, listing them under their links, and flushing them
//! (iproute2 `ipaddress.c`).

mod flags;
mod flush;
mod list;
mod modify;
mod saved;
mod select;
mod show;

use crate::context::Context;
use rtnl::message::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnl::object::addr::{RTM_DELADDR, RTM_NEWADDR};
use rtnl::words::{Stop, matches};

pub use select::Select;
pub use show::show;

/// What a verb does.
#[derive(Clone, Copy)]
enum Does {
    Modify(u16, u16),
    List,
    Flush,
    Save,
    Restore,
    ShowDump,
    Help,
}

/// The verbs in the order in which they are tried. `chg` must stand whole.
const VERBS: &[(&str, Does)] = &[
    ("add", Does::Modify(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL)),
    ("change", Does::Modify(RTM_NEWADDR, NLM_F_REPLACE)),
    ("chg", Does::Modify(RTM_NEWADDR, NLM_F_REPLACE)),
    ("replace", Does::Modify(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE)),
    ("delete", Does::Modify(RTM_DELADDR, 0)),
    ("list", Does::List),
    ("show", Does::List),
    ("lst", Does::List),
    ("flush", Does::Flush),
    ("save", Does::Save),
    ("showdump", Does::ShowDump),
    ("restore", Does::Restore),
    ("help", Does::Help),
];

/// Runs the words behind `ip address`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return list::run(ctx, words) };
    let verb = VERBS.iter().find(|(verb, _)| matches(typed, verb) && (*verb != "chg" || typed == "chg"));
    match verb {
        Some((_, Does::Modify(kind, flags))) => modify::run(ctx, *kind, *flags, rest),
        Some((_, Does::List)) => list::run(ctx, rest),
        Some((_, Does::Flush)) => flush::run(ctx, rest),
        Some((_, Does::Save)) => saved::save(ctx, rest),
        Some((_, Does::Restore)) => saved::restore(ctx),
        Some((_, Does::ShowDump)) => saved::show_dump(ctx),
        Some((_, Does::Help)) => Err(usage()),
        None => Err(Stop::exit(format!("Command \"{typed}\" is unknown, try \"ip address help\".\n"))),
    }
}

const USAGE: &str = "\
Usage: ip address {add|change|replace} IFADDR dev IFNAME [ LIFETIME ]
                                                      [ CONFFLAG-LIST ]
       ip address del IFADDR dev IFNAME [mngtmpaddr]
       ip address {save|flush} [ dev IFNAME ] [ scope SCOPE-ID ]
                            [ to PREFIX ] [ FLAG-LIST ] [ label LABEL ] [up]
       ip address [ show [ dev IFNAME ] [ scope SCOPE-ID ] [ master DEVICE ]
                         [ nomaster ]
                         [ type TYPE ] [ to PREFIX ] [ FLAG-LIST ]
                         [ label LABEL ] [up] [ vrf NAME ] ]
       ip address {showdump|restore}
IFADDR := PREFIX | ADDR peer PREFIX
          [ broadcast ADDR ] [ anycast ADDR ]
          [ label IFNAME ] [ scope SCOPE-ID ] [ metric METRIC ]
SCOPE-ID := [ host | link | global | NUMBER ]
FLAG-LIST := [ FLAG-LIST ] FLAG
FLAG  := [ permanent | dynamic | secondary | primary |
           [-]tentative | [-]deprecated | [-]dadfailed | temporary |
           CONFFLAG-LIST ]
CONFFLAG-LIST := [ CONFFLAG-LIST ] CONFFLAG
CONFFLAG  := [ home | nodad | mngtmpaddr | noprefixroute | autojoin ]
LIFETIME := [ valid_lft LFT ] [ preferred_lft LFT ]
LFT := forever | SECONDS
";

/// The usage, which ends the process.
pub(crate) fn usage() -> Stop {
    Stop::exit(USAGE.to_string() + crate::link_modify::TYPES)
}
