//! `ip address save`, `restore` and `showdump`.

use super::list::dump;
use super::select::Select;
use super::show::show;
use crate::context::Context;
use crate::saved::{ADDRESSES, store};
use rtnl::object::addr::{Ifaddr, RTM_NEWADDR};
use rtnl::words::Stop;

/// Runs the words behind `ip address save`, of which the link alone selects.
///
/// # Errors
/// What the tool says.
pub(super) fn save(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let select = Select::parse(ctx, words)?;
    ADDRESSES.begin(ctx)?;
    let addresses = dump(ctx, select.family, select.link.ifindex)?;
    store(ctx, &addresses, |message| message.header.kind == RTM_NEWADDR)
}

/// Runs `ip address restore`.
///
/// # Errors
/// What the tool says.
pub(super) fn restore(ctx: &mut Context<'_>) -> Result<(), Stop> {
    let contents = ADDRESSES.read(ctx)?;
    ADDRESSES.give(ctx, contents.messages())?;
    contents.end()
}

/// Runs `ip address showdump`: each address under the number of its link.
///
/// # Errors
/// What the tool says.
pub(super) fn show_dump(ctx: &mut Context<'_>) -> Result<(), Stop> {
    let contents = ADDRESSES.read(ctx)?;
    ctx.sink.open_array("", "");
    ctx.sink.open_object("");
    ctx.sink.open_array("addr_info", "");
    for message in contents.messages() {
        let Some(info) = Ifaddr::decode(&message) else { continue };
        ctx.sink.open_object("");
        ctx.sink.uint("index", "if", info.ifindex.into(), ":");
        ctx.sink.line();
        show(ctx, &message, false);
        ctx.sink.close_object();
    }
    ctx.sink.close_array("");
    ctx.sink.close_object();
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    ctx.flush();
    contents.end()
}
