//! `ip route save`, `restore` and `showdump`.

use super::filter::{Filter, Seen};
use super::list::dump;
use super::select::{Selected, parse};
use super::show::show;
use crate::context::Context;
use crate::saved::{ROUTES, store};
use rtnl::message::Message;
use rtnl::object::route::{RTA_DST, RTA_GATEWAY, RTA_PREFSRC, RTM_NEWROUTE, Rtmsg};
use rtnl::table::Tb;
use rtnl::words::Stop;

/// Runs the words behind `ip route save`.
///
/// # Errors
/// What the tool says.
pub(super) fn save(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    ROUTES.begin(ctx)?;
    let Selected { filter, family } = parse(ctx, words)?;
    let routes = dump(ctx, &filter, family, false).map_err(|(_, stop)| stop)?;
    let mut seen = Seen::default();
    store(ctx, &routes, |message| message.header.kind == RTM_NEWROUTE && filter.takes(message, &mut seen))
}

/// When a route is restored: local addresses come first, then the networks that are linked, then what lies behind
/// routers of those.
fn turn(message: &Message<'_>) -> u8 {
    let tb = Tb::read(message.attrs(Rtmsg::SIZE));
    let payload = |number| tb.get(number).map(|attr| attr.payload);
    match payload(RTA_PREFSRC) {
        _ if tb.has(RTA_GATEWAY) => 2,
        Some(source) if payload(RTA_DST) != Some(source) => 1,
        _ => 0,
    }
}

/// Runs `ip route restore`.
///
/// # Errors
/// What the tool says.
pub(super) fn restore(ctx: &mut Context<'_>) -> Result<(), Stop> {
    let contents = ROUTES.read(ctx)?;
    for now in 0..=2 {
        ROUTES.give(ctx, contents.messages().filter(|message| turn(message) == now))?;
    }
    contents.end()
}

/// Runs `ip route showdump`.
///
/// # Errors
/// What the tool says.
pub(super) fn show_dump(ctx: &mut Context<'_>) -> Result<(), Stop> {
    let contents = ROUTES.read(ctx)?;
    let filter = Filter { family: ctx.options.family, ..Filter::default() };
    ctx.sink.format.json = false;
    let mut seen = Seen::default();
    for message in contents.messages() {
        if filter.takes(&message, &mut seen) {
            show(ctx, &message, &filter);
        }
    }
    ctx.flush();
    contents.end()
}
