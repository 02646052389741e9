//! `bridge mdb`: adding and removing members of multicast groups.

use super::{Memory, atoi, device, fail, mdb_show, talk, unknown_command};
use crate::context::{AF_BRIDGE, Context};
use rtnl::attr::{Builder, NESTED};
use rtnl::lladdr;
use rtnl::message::{NLM_F_CREATE, NLM_F_EXCL};
use rtnl::object::mdb::*;
use rtnl::words::{Stop, Words, matches};
use std::net::{Ipv4Addr, Ipv6Addr};

const USAGE: &str = "\
Usage: bridge mdb { add | del } dev DEV port PORT grp GROUP [src SOURCE] [permanent | temp] [vid VID]
       bridge mdb {show} [ dev DEV ] [ vid VID ]
";

/// Bytes of a link-layer address.
const MAC: usize = 6;

/// Runs the words behind `bridge mdb`.
pub(super) fn run(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return mdb_show::list(ctx, memory, words) };
    let verbs = ["add", "delete", "show", "lst", "list", "help"];
    match verbs.into_iter().find(|verb| matches(typed, verb)) {
        Some("add") => modify(ctx, RTM_NEWMDB, NLM_F_CREATE | NLM_F_EXCL, rest),
        Some("delete") => modify(ctx, RTM_DELMDB, 0, rest),
        Some("help") => Err(Stop::exit(USAGE)),
        Some(_) => mdb_show::list(ctx, memory, rest),
        None => Err(unknown_command("mdb", typed)),
    }
}

/// What the words said.
#[derive(Default)]
struct Member<'w> {
    device: Option<&'w str>,
    port: Option<&'w str>,
    group: Option<&'w str>,
    source: Option<&'w str>,
    permanent: bool,
    vid: u16,
}

fn modify(ctx: &mut Context<'_>, kind: u16, flags: u16, words: &[String]) -> Result<(), Stop> {
    let member = read(&mut Words::new(words))?;
    let (Some(name), Some(group), Some(port)) = (member.device, member.group, member.port) else {
        return Err(fail("Device, group address and port name are required arguments.\n"));
    };
    let mut body = Builder::new();
    PortMsg { family: AF_BRIDGE, ifindex: device(ctx, name)? }.encode(&mut body);
    let ifindex = device(ctx, port)?;
    let state = if member.permanent && kind == RTM_NEWMDB { MDB_PERMANENT } else { 0 };
    let entry = MdbEntry { ifindex, state, flags: 0, vid: member.vid, group: read_group(group)? };
    body.put(MDBA_SET_ENTRY, &entry.bytes());
    if let Some(source) = member.source {
        let nest = body.nest(MDBA_SET_ENTRY_ATTRS | NESTED);
        match (inet(source), inet6(source)) {
            (Some(address), _) => body.put(MDBE_ATTR_SOURCE, &address),
            (None, Some(address)) => body.put(MDBE_ATTR_SOURCE, &address),
            (None, None) => return Err(fail(format!("Invalid source address \"{source}\"\n"))),
        }
        body.end(nest);
    }
    talk(ctx, kind, flags, &body)
}

/// Words that are not known are passed over.
fn read<'w>(words: &mut Words<'w>) -> Result<Member<'w>, Stop> {
    let mut member = Member::default();
    while let Some(word) = words.take() {
        match word {
            "dev" => member.device = Some(words.value()?),
            "grp" => member.group = Some(words.value()?),
            "port" => member.port = Some(words.value()?),
            "src" => member.source = Some(words.value()?),
            "permanent" => member.permanent = true,
            "vid" => member.vid = atoi(words.value()?) as u16,
            _ if matches(word, "help") => return Err(Stop::exit(USAGE)),
            _ => {}
        }
    }
    Ok(member)
}

/// An address of IPv4, of IPv6 or of the link layer. The tool takes the last apart where it lies, so its complaint
/// shows only what stands before the first colon.
fn read_group(text: &str) -> Result<Group, Stop> {
    if let Some(address) = inet(text) {
        return Ok(Group::new(Group::IPV4, &address));
    }
    if let Some(address) = inet6(text) {
        return Ok(Group::new(Group::IPV6, &address));
    }
    let cut = if text.contains('.') { text } else { text.split(':').next().unwrap_or(text) };
    let invalid = |before: &str| fail(format!("{before}Invalid address \"{cut}\"\n"));
    let address = lladdr::parse_within(text, MAC).map_err(|stop| invalid(&stop.error))?;
    if address.len() == MAC { Ok(Group::new(0, &address)) } else { Err(invalid("")) }
}

fn inet(text: &str) -> Option<[u8; 4]> {
    text.parse::<Ipv4Addr>().ok().map(|address| address.octets())
}

fn inet6(text: &str) -> Option<[u8; 16]> {
    text.parse::<Ipv6Addr>().ok().map(|address| address.octets())
}
