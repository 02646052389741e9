//! `bridge vni`: the networks that a vxlan of many takes, each with its own far end.

use super::{Memory, atoi, fail, talk, unknown_command};
use crate::context::{AF_BRIDGE, AF_INET, AF_INET6, Context};
use rtnl::attr::{Attr, Builder, NESTED};
use rtnl::client::Links;
use rtnl::message::{Message, Messages};
use rtnl::object::tunnel::*;
use rtnl::prefix::{Prefix, address, attr_text};
use rtnl::sink::Colour;
use rtnl::table::Tb;
use rtnl::words::{Stop, Words};

const USAGE: &str = "\
Usage: bridge vni { add | del } vni VNI
\t\t[ { group | remote } IP_ADDRESS ]
\t\t[ dev DEV ]
       bridge vni { show }

Where:\tVNI\t:= 0-16777215
";

/// Blanks in front of what is not the first of a device.
const INDENT: &str = "                  ";

/// Runs the words behind `bridge vni`. The usage says `del`, and the tool knows `delete` only.
pub(super) fn run(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return list(ctx, memory, words) };
    match typed.as_str() {
        "add" => modify(ctx, RTM_NEWTUNNEL, rest),
        "delete" => modify(ctx, RTM_DELTUNNEL, rest),
        "show" | "lst" | "list" => list(ctx, memory, rest),
        "help" => Err(Stop::exit(USAGE)),
        _ => Err(unknown_command("vni", typed)),
    }
}

/// What the words said.
#[derive(Default)]
struct Wanted<'w> {
    device: Option<&'w str>,
    networks: Option<&'w str>,
    remote: Option<Prefix>,
}

fn modify(ctx: &mut Context<'_>, kind: u16, words: &[String]) -> Result<(), Stop> {
    let wanted = read(&mut Words::new(words))?;
    let (Some(name), Some(networks)) = (wanted.device, wanted.networks) else {
        return Err(fail("Device and VNI ID are required arguments.\n"));
    };
    let missing = || fail(format!("Cannot find vxlan device \"{name}\"\n"));
    let ifindex = ctx.links().index(name).ok_or_else(missing)?;
    let mut body = Builder::new();
    TunnelMsg { family: AF_BRIDGE, flags: 0, ifindex }.encode(&mut body);
    for part in networks.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (atoi(first) as u32, atoi(last) as u32),
            None => (atoi(part) as u32, 0),
        };
        let nest = body.nest(VXLAN_VNIFILTER_ENTRY | NESTED);
        body.u32(VXLAN_VNIFILTER_ENTRY_START, first);
        if last != 0 {
            body.u32(VXLAN_VNIFILTER_ENTRY_END, last);
        }
        if let Some(remote) = &wanted.remote {
            // A word that stands for any address names no attribute either.
            let number = match remote.family {
                AF_INET => VXLAN_VNIFILTER_ENTRY_GROUP,
                AF_INET6 => VXLAN_VNIFILTER_ENTRY_GROUP6,
                _ => 0,
            };
            body.put(number, &remote.bytes);
        }
        body.end(nest);
    }
    talk(ctx, kind, 0, &body)
}

/// Words that are not known are passed over.
fn read<'w>(words: &mut Words<'w>) -> Result<Wanted<'w>, Stop> {
    let mut wanted = Wanted::default();
    while let Some(word) = words.take() {
        match word {
            "dev" => wanted.device = Some(words.value()?),
            "vni" => {
                let value = words.value()?;
                if wanted.networks.replace(value).is_some() {
                    return Err(Stop::invalid("duplicate vni", value));
                }
            }
            "group" | "remote" if wanted.remote.is_some() => {
                return Err(Stop::invalid("duplicate group", word));
            }
            "group" => {
                // The tool looks at memory that it never set here, and at times complains that a remote was named.
                let text = words.value()?;
                let group = Some(address(text, 0)?).filter(Prefix::is_multicast);
                wanted.remote = Some(group.ok_or_else(|| Stop::invalid("invalid group address", text))?);
            }
            "remote" => wanted.remote = Some(address(words.value()?, 0)?),
            "help" => return Err(Stop::exit(USAGE)),
            _ => {}
        }
    }
    Ok(wanted)
}

/// Runs the words behind `bridge vni show`.
fn list(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    if let Some(name) = super::only_device(words)? {
        memory.vni = super::device(ctx, name)?;
    }
    let statistics = ctx.sink.format.statistics > 0;
    let flags = if statistics { TUNNEL_MSG_FLAG_STATS } else { 0 };
    let mut body = Builder::new();
    TunnelMsg { family: AF_BRIDGE, flags, ifindex: memory.vni }.encode(&mut body);
    ctx.sink.open_array("", "");
    ctx.sink.text(&format!("{:<16}  {:<15}  {:<15}\n", "dev", "vni", "group/remote"));
    // What came before a refusal is shown.
    let (parts, refused) = match ctx.dump_partly(RTM_GETTUNNEL, &body.bytes) {
        Ok(parts) => (parts, None),
        Err(refused) => (refused.parts, Some(crate::context::dump_refused(&refused.refusal))),
    };
    for message in parts.iter().flat_map(|part| Messages(part)) {
        show(ctx, &message, memory.vni, |_| {});
    }
    if let Some(stop) = refused {
        let error = stop.error.replace("Dump terminated", "Dump ternminated");
        return Err(Stop { error, process: true, ..stop });
    }
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    ctx.flush();
    Ok(())
}

/// Shows the networks that a message tells of, unless they are of another device. `before` puts something in front.
pub(super) fn show(
    ctx: &mut Context<'_>,
    message: &Message<'_>,
    only: u32,
    before: impl FnOnce(&mut Context<'_>),
) {
    let known = matches!(message.header.kind, RTM_NEWTUNNEL | RTM_DELTUNNEL | RTM_GETTUNNEL);
    let head = TunnelMsg::decode(message).filter(|head| known && head.family == AF_BRIDGE);
    let Some(head) = head.filter(|head| only == 0 || only == head.ifindex) else { return };
    before(ctx);
    if message.header.kind == RTM_DELTUNNEL {
        ctx.sink.boolean("deleted", true, "Deleted ", "");
    }
    let entries = message.attrs(TunnelMsg::SIZE).filter(|attr| attr.number == VXLAN_VNIFILTER_ENTRY);
    for (at, entry) in entries.enumerate() {
        if at == 0 {
            let name = ctx.session.name(head.ifindex);
            ctx.sink.open_object("");
            ctx.sink.coloured_text(Colour::Ifname, "ifname", &name, &format!("{name:<16}  "));
            ctx.sink.open_array("vnis", "");
        } else {
            ctx.sink.text(INDENT);
        }
        ctx.sink.open_object("");
        show_entry(ctx, &entry);
        ctx.sink.close_object();
        ctx.sink.line();
    }
    ctx.sink.close_array("");
    ctx.sink.close_object();
    ctx.sink.line();
}

fn show_entry(ctx: &mut Context<'_>, entry: &Attr<'_>) {
    let tb = Tb::read(entry.attrs());
    let first = tb.u32(VXLAN_VNIFILTER_ENTRY_START).unwrap_or(0);
    let last = tb.u32(VXLAN_VNIFILTER_ENTRY_END).unwrap_or(0);
    let sink = &mut ctx.sink;
    // Text is filled up behind the last of the numbers alone.
    let behind = |number: u32| " ".repeat(14usize.saturating_sub(number.to_string().len()));
    let range = last != 0;
    sink.uint("vni", " ", u64::from(first), &if range { String::new() } else { behind(first) });
    if range && last != first {
        sink.uint("vniEnd", "-", u64::from(last), &(behind(last) + " "));
    }
    let remotes = [(VXLAN_VNIFILTER_ENTRY_GROUP, AF_INET), (VXLAN_VNIFILTER_ENTRY_GROUP6, AF_INET6)];
    let remote = remotes.iter().find_map(|(number, family)| Some((tb.get(*number)?, *family)));
    if let Some((attr, family)) = remote.filter(|(attr, _)| attr.payload.iter().any(|byte| *byte != 0)) {
        let found = Prefix { family, bytes: attr.payload.to_vec(), ..Prefix::default() };
        let key = if found.is_multicast() { "group" } else { "remote" };
        sink.string(key, " ", &attr_text(family, &attr), "");
    }
    if tb.has(VXLAN_VNIFILTER_ENTRY_STATS) {
        show_counters(ctx, &tb.nest(VXLAN_VNIFILTER_ENTRY_STATS));
    }
}

fn show_counters(ctx: &mut Context<'_>, counters: &Tb<'_>) {
    let sink = &mut ctx.sink;
    sink.open_object("stats");
    let (received, sent) = COUNTERS.split_at(COUNTERS.len() / 2);
    for (way, rows) in [("RX: ", received), ("TX: ", sent)] {
        sink.line();
        sink.text(INDENT);
        sink.text(" ");
        sink.text(way);
        for (number, key) in rows {
            if let Some(value) = counters.u64(*number) {
                let word = key.split_once('_').map_or(*key, |(_, word)| word);
                sink.uint(key, &format!("{word} "), value, " ");
            }
        }
    }
    sink.close_object();
}
