//! `ip address flush`: deletes what is selected, round after round until nothing is left.

use super::list::dump;
use super::select::Select;
use super::show::show;
use crate::context::{AF_PACKET, Context};
use crate::flush::{delete, gather, say_end, say_round};
use rtnl::errno::Errno;
use rtnl::message::Messages;
use rtnl::object::addr::{IFA_F_SECONDARY, Ifaddr, RTM_DELADDR, RTM_NEWADDR};
use rtnl::words::Stop;

/// Runs the words behind `ip address flush`.
///
/// # Errors
/// What the tool says.
pub(super) fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    if words.is_empty() {
        return Err(Stop::fail(1, "Flush requires arguments.\n"));
    }
    if ctx.options.family == AF_PACKET {
        return Err(Stop::fail(1, "Cannot flush link addresses.\n"));
    }
    let select = Select::parse(ctx, words)?;
    // What a flush says is text whatever the options say.
    let json = std::mem::take(&mut ctx.sink.format.json);
    let done = rounds(ctx, &select);
    ctx.sink.format.json = json;
    done
}

fn rounds(ctx: &mut Context<'_>, select: &Select) -> Result<(), Stop> {
    let most = ctx.options.flush_loops;
    // Only primary addresses: the secondaries that take their place stay.
    let once = select.flag_mask & !select.flags & IFA_F_SECONDARY != 0;
    let mut round = 0;
    while most == 0 || round < most {
        let all = dump(ctx, select.family, select.link.ifindex)
            .map_err(|stop| Stop::exit_with(1, stop.error.replace("Dump terminated", "Flush terminated")))?;
        let entries = gather(ctx, &all, |ctx, message| {
            let index = Ifaddr::decode(message).map(|info| info.ifindex);
            let of_link = select.link.ifindex == 0 || index == Some(select.link.ifindex);
            message.header.kind == RTM_NEWADDR && of_link && select.takes(ctx, message)
        });
        if ctx.sink.format.statistics >= 2 {
            entries.iter().for_each(|bytes| Messages(bytes).for_each(|message| show(ctx, &message, true)));
        }
        if entries.is_empty() {
            say_end(ctx, round);
            return Ok(());
        }
        round += 1;
        match delete(ctx, RTM_DELADDR, &entries) {
            // A secondary address goes with its primary.
            Ok(()) | Err(Errno::EADDRNOTAVAIL) => {}
            Err(errno) => return Err(Stop::fail(255, format!("Failed to send flush request: {errno}\n"))),
        }
        say_round(ctx, round, entries.len(), "addresses");
        if once {
            say_end(ctx, round);
            return Ok(());
        }
    }
    Err(Stop::fail(255, format!("*** Flush remains incomplete after {most} rounds. ***\n")))
}
