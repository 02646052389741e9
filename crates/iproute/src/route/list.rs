//! `ip route show` and `ip route flush`.

use super::filter::{Filter, Seen};
use super::select::{Selected, parse};
use super::show::show;
use crate::context::{AF_INET, AF_INET6, Context, dump_refused};
use crate::flush::{delete, gather, say_end, say_round};
use rtnl::attr::Builder;
use rtnl::client::RefusedDump;
use rtnl::errno::Errno;
use rtnl::message::Messages;
use rtnl::object::route::{
    RT_TABLE_MAIN, RTA_OIF, RTA_TABLE, RTM_DELROUTE, RTM_F_CLONED, RTM_GETROUTE, RTM_NEWROUTE, Rtmsg,
};
use rtnl::words::Stop;

/// How long a flush may take, in microseconds.
const PATIENCE: u64 = 30_000_000;
/// How often a flush tries where time stands still.
const ROUNDS: u32 = 10_000;

/// Runs the words behind `ip route show`.
///
/// # Errors
/// What the tool says.
pub(super) fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let Selected { filter, family } = parse(ctx, words)?;
    let dumped = dump(ctx, &filter, family, false);
    ctx.sink.open_array("", "");
    let (routes, refused) = match dumped {
        Ok(routes) => (routes, None),
        Err((routes, stop)) => (routes, Some(stop)),
    };
    let mut seen = Seen::default();
    for bytes in &routes {
        for message in Messages(bytes) {
            if filter.takes(&message, &mut seen) {
                show(ctx, &message, &filter);
            }
        }
    }
    if let Some(stop) = refused {
        return Err(stop);
    }
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    Ok(())
}

/// What a dump brought before it was refused, and the refusal.
pub(super) type Partial = (Vec<Vec<u8>>, Stop);

/// Asks for routes. That the main table does not exist yet is no error in a listing.
pub(super) fn dump(
    ctx: &mut Context<'_>,
    filter: &Filter,
    family: u8,
    flushes: bool,
) -> Result<Vec<Vec<u8>>, Partial> {
    let cloned = filter.cloned == Some(true);
    let mut body = Builder::new();
    Rtmsg {
        family,
        protocol: filter.protocol.unwrap_or(0),
        flags: if cloned { RTM_F_CLONED } else { 0 },
        ..Rtmsg::default()
    }
    .encode(&mut body);
    if filter.table != 0 {
        body.u32(RTA_TABLE, filter.table);
    }
    if let Some(oif) = filter.oif {
        body.u32(RTA_OIF, oif);
    }
    ctx.dump_partly(RTM_GETROUTE, &body.bytes).or_else(|RefusedDump { refusal, parts }| {
        if refusal.errno == Errno::ENOENT && filter.table == RT_TABLE_MAIN && !flushes {
            return Ok(parts);
        }
        Err((parts, Stop { status: 2, ..dump_refused(&refusal) }))
    })
}

/// Runs the words behind `ip route flush`.
///
/// # Errors
/// What the tool says.
pub(super) fn flush(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    if words.is_empty() {
        return Err(Stop::fail(1, "\"ip route flush\" requires arguments.\n"));
    }
    let Selected { mut filter, family } = parse(ctx, words)?;
    filter.flushes = true;
    // What a flush says is text whatever the options say.
    let json = std::mem::take(&mut ctx.sink.format.json);
    let done = rounds(ctx, &filter, family);
    ctx.sink.format.json = json;
    done
}

fn rounds(ctx: &mut Context<'_>, filter: &Filter, family: u8) -> Result<(), Stop> {
    if filter.cloned == Some(true) {
        // There has been no cache of IPv4's since Linux 3.6.
        if family != AF_INET6 && ctx.sink.format.statistics > 0 {
            ctx.sink.text("*** IPv4 routing cache is flushed.\n");
        }
        if family == AF_INET {
            return Ok(());
        }
    }
    let start = ctx.host.time_of_day();
    for round in 0..ROUNDS {
        let all = dump(ctx, filter, family, true).map_err(|(_, stop)| Stop {
            error: stop.error.replace("Dump terminated", "Flush terminated"),
            ..stop
        })?;
        let mut seen = Seen::default();
        let entries = gather(ctx, &all, |_, message| {
            message.header.kind == RTM_NEWROUTE && filter.takes(message, &mut seen)
        });
        if ctx.sink.format.statistics >= 2 {
            for bytes in &entries {
                Messages(bytes).for_each(|message| show(ctx, &message, filter));
            }
        }
        if entries.is_empty() {
            say_end(ctx, round);
            return Ok(());
        }
        if let Err(errno) = delete(ctx, RTM_DELROUTE, &entries) {
            return Err(Stop::fail(2, format!("Failed to send flush request: {errno}\n")));
        }
        let spent = ctx.host.time_of_day().saturating_sub(start);
        if spent > PATIENCE {
            let (seconds, left) = (spent / 1_000_000, entries.len());
            let end =
                format!("\n*** Flush not completed after {seconds} seconds, {left} entries remain ***\n");
            return Err(Stop::fail(1, "").with_output(end));
        }
        say_round(ctx, round + 1, entries.len(), "entries");
    }
    Err(Stop::fail(1, ""))
}
