//! `ip link add|set|change|replace|delete|property|help|xstats|afstats`.

use crate::context::Context;
use rtnl::words::Stop;

/// Runs the words behind `ip link`, of which the first is the verb.
///
/// # Errors
/// What the tool says.
pub fn run(_ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let verb = words.first().map_or("", String::as_str);
    Err(Stop::fail(2, format!("netloom: \"ip link {verb}\" is not built yet\n")))
}
