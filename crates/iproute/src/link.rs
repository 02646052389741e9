//! `ip link`: listing is one thing, everything that changes a link another.

use crate::context::Context;
use crate::{link_list, link_modify};
use rtnl::words::Stop;

/// Runs the words behind `ip link`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return link_list::run(ctx, words) };
    match link_modify::verb_of(typed) {
        Some("show" | "lst" | "list") => link_list::run(ctx, rest),
        _ => link_modify::run(ctx, words),
    }
}
