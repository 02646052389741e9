//! `ip route`: adding, changing and deleting routes, listing and flushing tables, and asking which way a packet goes
//! (iproute2 `iproute.c`).
//!
//! Left out: encapsulations (`encap …`). Objects of next hops show by their numbers only.

mod encap;
mod filter;
mod get;
mod list;
mod metrics;
mod modify;
mod nexthop;
mod saved;
mod select;
mod show;

use crate::context::Context;
use crate::link_list;
use rtnl::attr::Builder;
use rtnl::kind::vrf;
use rtnl::message::{Messages, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnl::object::link::{IFLA_IFNAME, IFLA_LINKINFO, Ifinfo, RTM_GETLINK};
use rtnl::object::route::{RT_TABLE_MAIN, RTM_DELROUTE, RTM_NEWROUTE};
use rtnl::table::Tb;
use rtnl::words::{Stop, matches};

pub use filter::{Filter, Seen};
pub use show::show;

/// What a verb does.
#[derive(Clone, Copy)]
enum Does {
    Modify(u16, u16),
    List,
    Get,
    Flush,
    Save,
    Restore,
    ShowDump,
    Help,
}

/// The verbs in the order in which they are tried. `chg` must stand whole.
const VERBS: &[(&str, Does)] = &[
    ("add", Does::Modify(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL)),
    ("change", Does::Modify(RTM_NEWROUTE, NLM_F_REPLACE)),
    ("chg", Does::Modify(RTM_NEWROUTE, NLM_F_REPLACE)),
    ("replace", Does::Modify(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE)),
    ("prepend", Does::Modify(RTM_NEWROUTE, NLM_F_CREATE)),
    ("append", Does::Modify(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND)),
    ("test", Does::Modify(RTM_NEWROUTE, NLM_F_EXCL)),
    ("delete", Does::Modify(RTM_DELROUTE, 0)),
    ("list", Does::List),
    ("show", Does::List),
    ("lst", Does::List),
    ("get", Does::Get),
    ("flush", Does::Flush),
    ("save", Does::Save),
    ("restore", Does::Restore),
    ("showdump", Does::ShowDump),
    ("help", Does::Help),
];

/// Runs the words behind `ip route`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return list::run(ctx, words) };
    let verb = VERBS.iter().find(|(verb, _)| matches(typed, verb) && (*verb != "chg" || typed == "chg"));
    match verb {
        Some((_, Does::Modify(kind, flags))) => modify::run(ctx, *kind, *flags, rest),
        Some((_, Does::List)) => list::run(ctx, rest),
        Some((_, Does::Get)) => get::run(ctx, rest),
        Some((_, Does::Flush)) => list::flush(ctx, rest),
        Some((_, Does::Save)) => saved::save(ctx, rest),
        Some((_, Does::Restore)) => saved::restore(ctx),
        Some((_, Does::ShowDump)) => saved::show_dump(ctx),
        Some((_, Does::Help)) => Err(usage()),
        None => Err(Stop::exit(format!("Command \"{typed}\" is unknown, try \"ip route help\".\n"))),
    }
}

/// The usage, which ends the process.
fn usage() -> Stop {
    Stop::exit(include_str!("usage.txt"))
}

/// The table of a VRF by its name; `default` is the main table unless there is a VRF of that name.
fn vrf_table(ctx: &mut Context<'_>, name: &str) -> Result<u32, Stop> {
    let invalid = || Stop::invalid("Invalid VRF\n", name);
    let mut body = Builder::new();
    Ifinfo { family: ctx.options.family, ..Ifinfo::default() }.encode(&mut body);
    body.string(IFLA_IFNAME, name.as_bytes());
    let Ok(answer) = ctx.session.client(|client| client.ask(RTM_GETLINK, 0, &body.bytes)) else {
        return if name == "default" { Ok(RT_TABLE_MAIN) } else { Err(invalid()) };
    };
    let message = Messages(&answer).next().ok_or_else(invalid)?;
    let info = Tb::read(message.attrs(Ifinfo::SIZE)).nest(IFLA_LINKINFO);
    vrf::table(&info).filter(|table| *table != 0).ok_or_else(invalid)
}

/// Checks that a name is a VRF's.
fn check_vrf(ctx: &mut Context<'_>, name: &str) -> Result<(), Stop> {
    link_list::vrf(ctx, ctx.options.family, name)
        .map(|_| ())
        .map_err(|_| Stop::invalid("Invalid VRF\n", name))
}
