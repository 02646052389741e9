//! An address as `ip address` shows it: under its link, on one line, brief, and as JSON; and as a monitor hears it.

use super::flags::FLAGS;
use super::select::flags_of;
use crate::context::{AF_INET, AF_INET6, Context};
use rtnl::message::Message;
use rtnl::names::SCOPES;
use rtnl::object::addr::*;
use rtnl::prefix::{attr_text, colour, family_name};
use rtnl::sink::Sink;
use rtnl::table::Tb;

/// Shows the address that a message tells of; with `on_one_line`, its link in front.
pub fn show(ctx: &mut Context<'_>, message: &Message<'_>, on_one_line: bool) {
    let Some(info) = Ifaddr::decode(message) else { return };
    let tb = Tb::read(message.attrs(Ifaddr::SIZE));
    let brief = ctx.sink.format.brief;
    if message.header.kind == RTM_DELADDR {
        ctx.sink.boolean("deleted", true, "Deleted ", "");
    }
    if !brief {
        show_head(ctx, &info, on_one_line);
    }
    let sink = &mut ctx.sink;
    show_address(sink, &info, &tb);
    if brief {
        return;
    }
    for (number, word, key) in [(IFA_BROADCAST, "brd ", "broadcast"), (IFA_ANYCAST, "any ", "anycast")] {
        if let Some(attr) = tb.get(number) {
            sink.text(word);
            let text = attr_text(info.family, &attr);
            sink.coloured_text(colour(info.family), key, &text, &format!("{text} "));
        }
    }
    let scope = SCOPES.name(u32::from(info.scope), sink.format.numeric);
    sink.string("scope", "scope ", &scope, " ");
    let flags = flags_of(&info, &tb);
    show_flags(sink, &info, flags);
    if let Some(label) = tb.get(IFA_LABEL) {
        sink.string("label", "", &label.text(), "");
    }
    if let Some(attr) = tb.get(IFA_CACHEINFO) {
        show_lifetimes(sink, &Cacheinfo::decode(&attr), flags);
    }
    sink.text("\n");
}

/// The link, if it is shown, and the family.
fn show_head(ctx: &mut Context<'_>, info: &Ifaddr, on_one_line: bool) {
    if on_one_line || ctx.options.echo {
        let name = ctx.links().name(info.ifindex);
        if ctx.sink.json() {
            ctx.sink.int("index", "", i64::from(info.ifindex as i32), "");
            ctx.sink.string("dev", "", &name, "");
        } else {
            ctx.sink.text(&format!("{}: {name}", info.ifindex));
        }
    }
    match family_name(info.family) {
        "???" => ctx.sink.int("family_index", "    family ", i64::from(info.family), " "),
        name => ctx.sink.string("family", "    ", name, " "),
    }
}

/// The address, the far end's if that is another, and the length of the prefix.
fn show_address(sink: &mut Sink, info: &Ifaddr, tb: &Tb<'_>) {
    let Some(local) = tb.get(IFA_LOCAL).or_else(|| tb.get(IFA_ADDRESS)) else { return };
    let peer = tb.get(IFA_ADDRESS).unwrap_or(local);
    let colour = colour(info.family);
    sink.coloured_string(colour, "local", "", &attr_text(info.family, &local), "");
    let differs = match info.family {
        AF_INET => peer.first::<4>() != local.first::<4>(),
        _ => peer.first::<16>() != local.first::<16>(),
    };
    if differs {
        sink.text(" peer ");
        sink.coloured_string(colour, "address", "", &attr_text(info.family, &peer), "");
    }
    sink.int("prefixlen", "/", i64::from(info.prefixlen), " ");
    if let Some(metric) = tb.u32(IFA_RT_PRIORITY) {
        sink.uint("metric", "metric ", u64::from(metric), " ");
    }
}

fn show_flags(sink: &mut Sink, info: &Ifaddr, mut flags: u32) {
    for flag in FLAGS {
        let set = flags & flag.bit != 0;
        if flag.bit == IFA_F_PERMANENT {
            if !set {
                sink.boolean("dynamic", true, "dynamic ", "");
            }
        } else if set {
            let of_inet6 = flag.bit == IFA_F_SECONDARY && info.family == AF_INET6;
            let name = if of_inet6 { "temporary" } else { flag.name };
            sink.boolean(name, true, &format!("{name} "), "");
        }
        flags &= !flag.bit;
    }
    if flags != 0 {
        sink.string("ifa_flags", "flags ", &format!("{flags:02x}"), " ");
    }
}

fn show_lifetimes(sink: &mut Sink, times: &Cacheinfo, flags: u32) {
    sink.line();
    show_lifetime(sink, "valid_life_time", "       valid_lft ", times.valid, false);
    // A preferred lifetime that is over counts on below zero.
    let signed = flags & IFA_F_DEPRECATED != 0;
    show_lifetime(sink, "preferred_life_time", " preferred_lft ", times.preferred, signed);
}

fn show_lifetime(sink: &mut Sink, key: &str, before: &str, seconds: u32, signed: bool) {
    if seconds == FOREVER && !sink.json() {
        sink.text(&format!("{before}forever"));
    } else if signed && seconds != FOREVER {
        sink.int(key, before, i64::from(seconds as i32), "sec");
    } else {
        sink.uint(key, before, u64::from(seconds), "sec");
    }
}
