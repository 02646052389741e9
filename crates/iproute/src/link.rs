//! `ip link`: listing is one thing, everything that changes a link another.
//!
//! Before any word is looked at, the tool learns by an empty request whether its kernel is older than 2.6.24. What it
//! learns is of no use any more, but the request is seen by those who watch netlink.

use crate::context::Context;
use crate::{link_list, link_modify};
use rtnl::attr::Builder;
use rtnl::object::link::{Ifinfo, RTM_NEWLINK};
use rtnl::words::Stop;

/// The room in which the tool reads what the empty request is answered, in bytes.
const ROOM: usize = 16 << 10;

/// Runs the words behind `ip link`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return link_list::run(ctx, words) };
    probe(ctx);
    match link_modify::verb_of(typed) {
        Some("show" | "lst" | "list") => link_list::run(ctx, rest),
        _ => link_modify::run(ctx, words),
    }
}

/// Sends the empty request, once.
fn probe(ctx: &mut Context<'_>) {
    if std::mem::replace(&mut ctx.probed, true) {
        return;
    }
    let mut body = Builder::new();
    Ifinfo::default().encode(&mut body);
    // Whoever is not there to answer will be missed by what follows.
    let _ = ctx.session.client(|client| client.probe(RTM_NEWLINK, &body.bytes, ROOM));
}
