//! `ip link property add|del [ dev ] DEVICE altname NAME …`: alternative names.

use super::line::is_altname;
use crate::context::Context;
use rtnl::attr::{Builder, NESTED};
use rtnl::message::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL};
use rtnl::object::link::{IFLA_ALT_IFNAME, IFLA_PROP_LIST, Ifinfo, RTM_DELLINKPROP, RTM_NEWLINKPROP};
use rtnl::words::{Stop, Words, matches};

/// Runs the words behind `property`.
pub(super) fn run(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    match words.take() {
        Some(verb) if matches(verb, "add") => {
            modify(ctx, RTM_NEWLINKPROP, NLM_F_EXCL | NLM_F_CREATE | NLM_F_APPEND, words)
        }
        Some(verb) if matches(verb, "del") => modify(ctx, RTM_DELLINKPROP, 0, words),
        Some(verb) if !matches(verb, "help") => Err(Stop::exit("Operator required\n")),
        _ => Err(super::usage()),
    }
}

fn modify(ctx: &mut Context<'_>, message: u16, flags: u16, words: &mut Words<'_>) -> Result<(), Stop> {
    let mut list = Builder::new();
    let mut device = None;
    let nest = list.nest(IFLA_PROP_LIST | NESTED);
    while let Some(typed) = words.take() {
        if matches(typed, "altname") {
            let name = words.value()?;
            if !is_altname(name) {
                return Err(Stop::invalid("not a valid altname", name));
            }
            list.string(IFLA_ALT_IFNAME, name.as_bytes());
        } else if matches(typed, "help") {
            return Err(super::usage());
        } else {
            let name = if typed == "dev" { words.value()? } else { typed };
            if device.is_some() {
                return Err(Stop::duplicate_or_garbage("dev", name));
            }
            if !is_altname(name) {
                return Err(Stop::invalid("\"dev\" not a valid ifname", name));
            }
            device = Some(name);
        }
    }
    list.end(nest);
    let device =
        device.ok_or_else(|| Stop::exit("Not enough of information: \"dev\" argument is required.\n"))?;
    let ifindex = ctx.device(device)?;
    let mut body = Builder::new();
    let family = ctx.options.family;
    Ifinfo { family, ifindex: ifindex as i32, ..Ifinfo::default() }.encode(&mut body);
    body.bytes.extend_from_slice(&list.bytes);
    ctx.talk(message, flags, &body.bytes)?;
    ctx.session.forget_link(ifindex);
    Ok(())
}
