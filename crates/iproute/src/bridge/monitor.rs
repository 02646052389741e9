//! `bridge monitor`: prints what the kernel tells of ports, learning tables, groups, VLANs and networks of a vxlan, for
//! as long as the host lets it wait.
//!
//! Without a word it hears of everything but VLANs and networks. Names of links are read once at the start; that a link was
//! renamed meanwhile is not noticed, as in the tool.

use super::{Filter, Memory, fdb_show, link, mdb_show, vlan_rtm, vni};
use crate::context::{Context, unheard_text};
use crate::time::stamp;
use rtnl::client::Channel;
use rtnl::errno::Errno;
use rtnl::message::{Message, Messages};
use rtnl::object::brvlan::{RTM_DELVLAN, RTM_NEWVLAN, RTNLGRP_BRVLAN};
use rtnl::object::link::{RTM_DELLINK, RTM_NEWLINK, RTNLGRP_LINK};
use rtnl::object::mdb::{RTM_DELMDB, RTM_NEWMDB, RTNLGRP_MDB};
use rtnl::object::neigh::{RTM_DELNEIGH, RTM_NEWNEIGH, RTNLGRP_NEIGH};
use rtnl::object::tunnel::{RTM_DELTUNNEL, RTM_NEWTUNNEL, RTNLGRP_TUNNEL};
use rtnl::words::{Stop, Words, matches};

const USAGE: &str = "\
Usage: bridge monitor [file | link | fdb | mdb | vlan | vni | all]
";

/// What is heard of without a word.
const USUAL: [u32; 3] = [RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_MDB];

/// What is watched, and how it is shown.
#[derive(Default)]
struct Watch<'w> {
    groups: Vec<u32>,
    file: Option<&'w str>,
    labels: bool,
}

/// Runs the words behind `bridge monitor`.
pub(super) fn run(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    let watch = parse(&mut Words::new(words))?;
    ctx.sink.format.json = false;
    if let Some(file) = watch.file {
        return replay(ctx, memory, file, &watch);
    }
    let cannot = |errno: Errno| Stop::exit_with(1, format!("Cannot bind netlink socket: {errno}\n"));
    let mut ear = ctx.channel().map_err(cannot)?;
    for group in &watch.groups {
        ear.join(*group).map_err(cannot)?;
    }
    listen(ctx, memory, &mut *ear, &watch)
}

fn parse<'w>(words: &mut Words<'w>) -> Result<Watch<'w>, Stop> {
    let mut watch = Watch::default();
    // The last of the words decides whether the usual groups are heard of; others stay once they were named.
    let mut usual = true;
    while let Some(typed) = words.take() {
        let objects = ["file", "link", "fdb", "mdb", "vlan", "vni"];
        let object = objects.into_iter().find(|object| matches(typed, object));
        let group = match object {
            Some("file") => {
                watch.file = Some(words.value()?);
                continue;
            }
            Some("link") => RTNLGRP_LINK,
            Some("fdb") => RTNLGRP_NEIGH,
            Some("mdb") => RTNLGRP_MDB,
            Some("vlan") => RTNLGRP_BRVLAN,
            Some(_) => RTNLGRP_TUNNEL,
            None if typed == "all" => {
                usual = true;
                watch.labels = true;
                watch.groups.extend([RTNLGRP_BRVLAN, RTNLGRP_TUNNEL]);
                continue;
            }
            None if matches(typed, "help") => return Err(Stop::exit(USAGE)),
            None => {
                let complaint = format!("Argument \"{typed}\" is unknown, try \"bridge monitor help\".\n");
                return Err(Stop::exit(complaint));
            }
        };
        usual = false;
        watch.groups.push(group);
    }
    if usual {
        watch.groups.extend(USUAL);
    }
    Ok(watch)
}

fn listen(
    ctx: &mut Context<'_>,
    memory: &Memory,
    ear: &mut dyn Channel,
    watch: &Watch<'_>,
) -> Result<(), Stop> {
    let mut datagram = Vec::new();
    loop {
        match ear.receive(&mut datagram) {
            Ok(()) => {
                Messages(&datagram).for_each(|message| accept(ctx, memory, &message, watch));
                ctx.flush();
            }
            Err(Errno::EAGAIN) => {
                if !ctx.host.wait() {
                    return Ok(());
                }
            }
            Err(errno) => {
                let complaint = unheard_text(errno);
                // An overrun loses events and nothing else; the kernel goes on with the next.
                if errno != Errno::ENOBUFS {
                    return Err(Stop::exit_with(2, complaint));
                }
                ctx.host.err(&complaint);
            }
        }
    }
}

/// Shows one event; what is of no concern here is passed over.
fn accept(ctx: &mut Context<'_>, memory: &Memory, message: &Message<'_>, watch: &Watch<'_>) {
    let before = |label: &'static str| {
        let labels = watch.labels;
        move |ctx: &mut Context<'_>| {
            if ctx.options.timestamp {
                let text = stamp(ctx.host.time_of_day(), ctx.options.timestamp_short);
                ctx.sink.text(&text);
            }
            if labels {
                ctx.sink.text(label);
            }
        }
    };
    let (mdb, vlan): (&Filter, &Filter) = (&memory.mdb, &memory.vlan);
    match message.header.kind {
        RTM_NEWLINK | RTM_DELLINK => link::show(ctx, message, memory.link, before("[LINK]")),
        RTM_NEWNEIGH | RTM_DELNEIGH => fdb_show::show(ctx, message, &memory.fdb, before("[NEIGH]")),
        RTM_NEWMDB | RTM_DELMDB => mdb_show::show_event(ctx, message, mdb, before("[MDB]")),
        RTM_NEWVLAN | RTM_DELVLAN => vlan_rtm::show_event(ctx, message, vlan, before("[VLAN]")),
        RTM_NEWTUNNEL | RTM_DELTUNNEL => vni::show(ctx, message, memory.vni, before("[TUNNEL]")),
        _ => {}
    }
}

/// Shows the events in a file: messages as they came from the kernel.
fn replay(ctx: &mut Context<'_>, memory: &Memory, file: &str, watch: &Watch<'_>) -> Result<(), Stop> {
    let bytes = match ctx.host.read_file(file) {
        Ok(bytes) => bytes,
        Err(Errno::EISDIR) => {
            return Err(super::fail(format!("rtnl_from_file: fread: {}\n", Errno::EISDIR)));
        }
        Err(errno) => return Err(Stop::exit(format!("Cannot fopen: {errno}\n"))),
    };
    let mut messages = Messages(&bytes);
    for message in messages.by_ref() {
        accept(ctx, memory, &message, watch);
    }
    match messages.0 {
        [] => Ok(()),
        _ => Err(super::fail("rtnl-from_file: truncated message\n")),
    }
}
