//! `ip netns`.

use crate::context::Context;
use rtnl::words::Stop;

/// Runs the words behind `ip netns`.
///
/// # Errors
/// What the tool says.
pub fn run(_ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let verb = words.first().map_or("", String::as_str);
    Err(Stop::fail(2, format!("netloom: \"ip netns {verb}\" is not built yet\n")))
}
