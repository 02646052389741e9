//! The general settings of a link that are not plain: names, addresses, masters, namespaces, nests.

use super::line::{Job, Line, is_name};
use super::settings::{named, not_on_or_off};
use crate::context::refusal_text;
use crate::link_list::{self, group_number};
use rtnl::attr::{Builder, NESTED};
use rtnl::lladdr;
use rtnl::object::link::*;
use rtnl::object::netns::{NETNSA_FD, NETNSA_NSID, RTGENMSG, RTM_NEWNSID};
use rtnl::words::{Stop, Words, integer, matches, number};

/// `AF_INET6` inside `IFLA_AF_SPEC`.
const AF_INET6: u16 = 10;
/// How the link-local address of IPv6 is made.
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
/// Inside `IFLA_PROTO_DOWN_REASON`: which bits are meant.
const IFLA_PROTO_DOWN_REASON_MASK: u16 = 1;
/// Inside `IFLA_PROTO_DOWN_REASON`: how they are to be.
const IFLA_PROTO_DOWN_REASON_VALUE: u16 = 2;

/// How the link-local address of IPv6 is made, by number.
const ADDRESS_MODES: &[&str] = &["eui64", "none", "stable_secret", "random"];

pub(super) fn name<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    _: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.name.is_some() {
        return Err(Stop::duplicate("name", text));
    }
    if !is_name(text) {
        return Err(Stop::invalid("\"name\" not a valid ifname", text));
    }
    line.name = Some(text);
    if line.device.is_none() {
        line.device = Some(text);
        line.device_is_name = true;
    }
    Ok(())
}

pub(super) fn index<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    _: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.index != 0 {
        return Err(Stop::duplicate("index", text));
    }
    line.index = leading_number(text);
    if line.index <= 0 {
        return Err(Stop::invalid("Invalid \"index\" value", text));
    }
    Ok(())
}

/// A number as C's `atoi` reads it: what stands behind the digits is passed over, and no digits are 0.
fn leading_number(text: &str) -> i32 {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let sign = usize::from(text.starts_with(['-', '+']));
    let digits = text.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
    let value = text.get(..sign + digits).unwrap_or("");
    let value = value.parse::<i64>().unwrap_or(if digits == 0 { 0 } else { -1 });
    value as i32
}

pub(super) fn link<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    _: &mut Builder,
) -> Result<(), Stop> {
    line.lower = Some(words.value()?);
    Ok(())
}

pub(super) fn address<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let address = lladdr::parse(words.value()?)?;
    line.address = address.len();
    out.put(IFLA_ADDRESS, &address);
    Ok(())
}

pub(super) fn broadcast<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    out.put(IFLA_BROADCAST, &lladdr::parse(words.value()?)?);
    Ok(())
}

/// Another namespace, by name or by a process in it; a name goes first.
pub(super) fn netns<'w>(
    line: &mut Line<'w>,
    job: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.again(IFLA_NET_NS_FD) {
        return Err(Stop::duplicate("netns", text));
    }
    line.moved = true;
    if let Some(fd) = job.open_netns(text) {
        out.u32(IFLA_NET_NS_FD, fd);
        return Ok(());
    }
    let pid = integer(text, 0).ok_or_else(|| Stop::invalid("Invalid \"netns\" value\n", text))?;
    out.i32(IFLA_NET_NS_PID, pid);
    Ok(())
}

pub(super) fn master<'w>(
    _: &mut Line<'w>,
    job: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    let ifindex = job.ctx.links().index(text);
    out.u32(IFLA_MASTER, ifindex.ok_or_else(|| Stop::invalid("Device does not exist\n", text))?);
    Ok(())
}

/// A master that must be of the kind `vrf`.
pub(super) fn vrf<'w>(
    _: &mut Line<'w>,
    job: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    let family = job.ctx.options.family;
    out.u32(IFLA_MASTER, link_list::vrf(job.ctx, family, text)?);
    Ok(())
}

pub(super) fn nomaster<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    _: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    out.u32(IFLA_MASTER, 0);
    Ok(())
}

pub(super) fn kind<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    _: &mut Builder,
) -> Result<(), Stop> {
    line.kind = Some(words.value()?);
    Ok(())
}

pub(super) fn alias<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if text.len() > ALIAS_MAX {
        return Err(Stop::invalid("alias too long\n", text));
    }
    out.put(IFLA_IFALIAS, text.as_bytes());
    Ok(())
}

pub(super) fn group<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.grouped {
        return Err(Stop::duplicate("group", text));
    }
    let group = group_number(text).ok_or_else(|| Stop::invalid("Invalid \"group\" value\n", text))?;
    out.u32(IFLA_GROUP, group);
    line.grouped = true;
    Ok(())
}

pub(super) fn addrgenmode<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let mode = named(ADDRESS_MODES, "Invalid address generation mode\n", words.value()?)?;
    let families = out.nest(IFLA_AF_SPEC);
    let inet6 = out.nest(AF_INET6);
    out.u8(IFLA_INET6_ADDR_GEN_MODE, mode);
    out.end(inet6);
    out.end(families);
    Ok(())
}

const LINK_NETNS: &str = "link-netns/link-netnsid";

/// The namespace of the lower link by its name; if it has no identifier here, it gets one.
pub(super) fn link_netns<'w>(
    line: &mut Line<'w>,
    job: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.again(IFLA_LINK_NETNSID) {
        return Err(Stop::duplicate(LINK_NETNS, text));
    }
    if job.ctx.nsid_of(text).is_none() {
        assign_nsid(job, text);
    }
    let nsid = job.ctx.nsid_of(text);
    out.i32(IFLA_LINK_NETNSID, nsid.ok_or_else(|| Stop::invalid("Invalid \"link-netns\" value\n", text))?);
    Ok(())
}

/// Asks for an identifier of a namespace; a refusal is told, and the outcome seen by who asks next.
fn assign_nsid(job: &mut Job<'_, '_>, name: &str) {
    let Ok(fd) = job.ctx.host.netns_open(name) else { return };
    let mut body = Builder::new();
    body.bytes.extend_from_slice(&[0; RTGENMSG]);
    body.pad();
    body.u32(NETNSA_FD, fd);
    body.i32(NETNSA_NSID, -1);
    let answer = job.ctx.client(|client| client.talk(RTM_NEWNSID, 0, &body.bytes));
    job.ctx.host.netns_close(fd);
    if let Err(refusal) = answer {
        job.ctx.host.err(&refusal_text(&refusal));
    }
}

pub(super) fn link_netnsid<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.again(IFLA_LINK_NETNSID) {
        return Err(Stop::duplicate(LINK_NETNS, text));
    }
    let nsid = integer(text, 0).ok_or_else(|| Stop::invalid("Invalid \"link-netnsid\" value\n", text))?;
    out.i32(IFLA_LINK_NETNSID, nsid);
    Ok(())
}

/// One of 32 reasons to be down, by number: the tool's files can name them, and none is installed.
pub(super) fn protodown_reason<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    let reason = number(text, 0, 31).ok_or_else(|| Stop::invalid("invalid protodown reason\n", text))?;
    let text = words.value()?;
    let on = if matches(text, "on") {
        true
    } else if matches(text, "off") {
        false
    } else {
        return Err(not_on_or_off("protodown_reason", text));
    };
    let mask = 1u32 << reason;
    let nest = out.nest(IFLA_PROTO_DOWN_REASON | NESTED);
    out.u32(IFLA_PROTO_DOWN_REASON_MASK, mask);
    out.u32(IFLA_PROTO_DOWN_REASON_VALUE, if on { mask } else { 0 });
    out.end(nest);
    Ok(())
}

pub(super) fn parentdev<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    out.string(IFLA_PARENT_DEV_NAME, words.value()?.as_bytes());
    Ok(())
}
