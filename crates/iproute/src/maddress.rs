//! `ip maddress`: the multicast addresses that links listen to (iproute2 `ipmaddr.c`).
//!
//! This is not rtnetlink: the host tells them, and sets those of the link layer.

use crate::context::{AF_INET, AF_INET6, AF_PACKET, AF_UNSPEC, Context};
use crate::host::Membership;
use crate::session::is_ifname;
use rtnl::errno::Errno;
use rtnl::lladdr;
use rtnl::prefix::{address_text, colour, family_name};
use rtnl::sink::{Colour, Sink, mac_text};
use rtnl::words::{Stop, Words, matches};

const USAGE: &str = "\
Usage: ip maddr [ add | del ] MULTIADDR dev STRING
       ip maddr show [ dev STRING ]
";

/// How long a link-layer address can be.
const ADDRESS_ROOM: usize = 14;

/// Runs the words behind `ip maddress`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    const VERBS: &[&str] = &["add", "delete", "list", "show", "lst", "help"];
    let Some((typed, rest)) = words.split_first() else { return list(ctx, words) };
    match VERBS.iter().find(|verb| matches(typed, verb)) {
        Some(&"add") => modify(ctx, rest, true),
        Some(&"delete") => modify(ctx, rest, false),
        Some(&"help") => Err(Stop::exit(USAGE)),
        Some(_) => list(ctx, rest),
        None => Err(Stop::exit(format!("Command \"{typed}\" is unknown, try \"ip maddr help\".\n"))),
    }
}

fn list(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let mut device = None;
    let mut words = Words::new(words);
    while let Some(word) = words.take() {
        let name = if word == "dev" { words.value()? } else { word };
        if word != "dev" && matches(word, "help") {
            return Err(Stop::exit(USAGE));
        }
        if device.replace(name).is_some() {
            return Err(Stop::duplicate_or_garbage("dev", name));
        }
    }
    let mut all: Vec<(u8, Membership)> = Vec::new();
    let wanted = ctx.options.family;
    for family in [AF_PACKET, AF_INET, AF_INET6] {
        if wanted != AF_UNSPEC && wanted != family {
            continue;
        }
        let told = match ctx.host.memberships(family) {
            Err(Errno::EOPNOTSUPP) => {
                return Err(Stop::fail(2, "netloom: this kernel does not tell what its links listen to\n"));
            }
            // A kernel without the family has none of it.
            told => told.unwrap_or_default(),
        };
        let is_meant = |one: &Membership| device.is_none_or(|name| name == one.link);
        all.extend(told.into_iter().filter(is_meant).map(|one| (family, one)));
    }
    all.sort_by_key(|(_, one)| one.ifindex);
    show_all(&mut ctx.sink, &all);
    Ok(())
}

fn show_all(sink: &mut Sink, all: &[(u8, Membership)]) {
    let mut current = None;
    sink.open_array("", "");
    for (family, one) in all {
        if current != Some(one.ifindex) || sink.format.oneline {
            if current.is_some() {
                sink.close_array("");
                sink.close_object();
            }
            sink.open_object("");
            sink.uint("ifindex", "", u64::from(one.ifindex), ":");
            sink.coloured_text(Colour::Ifname, "ifname", &one.link, &format!("\t{}", one.link));
            sink.line();
            current = Some(one.ifindex);
            sink.open_array("maddr", "");
        }
        show(sink, *family, one);
    }
    if current.is_some() {
        sink.close_array("");
        sink.close_object();
    }
    sink.close_array("");
    sink.finish_json();
}

fn show(sink: &mut Sink, family: u8, one: &Membership) {
    sink.text("\t");
    sink.open_object("");
    if family == AF_PACKET {
        sink.coloured_string(Colour::Mac, "link", "link  ", &mac_text(&one.address), "");
    } else {
        let name = family_name(family);
        sink.coloured_text(Colour::None, "family", name, &format!("{name:<5} "));
        sink.coloured_string(colour(family), "address", "", &address_text(family, &one.address), "");
    }
    if one.users != 1 {
        sink.uint("users", " users ", u64::from(one.users), "");
    }
    if one.fixed {
        sink.string("features", " ", "static", "");
    }
    sink.text("\n");
    sink.close_object();
}

fn modify(ctx: &mut Context<'_>, words: &[String], join: bool) -> Result<(), Stop> {
    let (mut device, mut address) = (None, [0; 6]);
    let mut words = Words::new(words);
    while let Some(word) = words.take() {
        if word == "dev" {
            let name = words.value()?;
            if device.is_some() {
                return Err(Stop::duplicate("dev", name));
            }
            if !is_ifname(name) {
                return Err(Stop::invalid("\"dev\" not a valid ifname", name));
            }
            device = Some(name);
            continue;
        }
        let text = if matches(word, "address") { words.value()? } else { word };
        if matches(text, "help") {
            return Err(Stop::exit(USAGE));
        }
        if address[0] != 0 {
            return Err(Stop::duplicate("address", text));
        }
        let bytes =
            lladdr::parse_within(text, ADDRESS_ROOM).map_err(|stop| Stop { process: true, ..stop })?;
        let wrong = format!("Error: Invalid address length {} - must be 6 bytes\n", bytes.len());
        address = <[u8; 6]>::try_from(bytes).map_err(|_| Stop::exit_with(1, wrong))?;
    }
    let missing = || Stop::exit("Not enough information: \"dev\" is required.\n");
    let device = device.ok_or_else(missing)?;
    let done = ctx.host.set_membership(device, address, join);
    done.map_err(|errno| Stop::exit_with(1, format!("ioctl: {errno}\n")))
}
