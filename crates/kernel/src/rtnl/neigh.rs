//! RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH of both families (`net/core/neighbour.c`).

use super::Asker;
use super::pieces::Pieces;
use crate::device::{DeviceId, Mac};
use crate::host::neighbour::{self, Claim, Key, Neighbour, VALID};
use crate::host::proxied::Proxy;
use crate::host::{AF_INET, AF_INET6, proxied};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::attr::{Attr, Builder};
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Refusal};
use rtnl::object::neigh::*;
use rtnl::object::route::RTN_UNICAST;
use rtnl::table::Tb;
use std::net::IpAddr;

const fn said(sentence: &'static str) -> Refusal {
    Refusal::said(Errno::EINVAL, sentence)
}

fn address(attr: &Attr<'_>, family: u8) -> Option<IpAddr> {
    match family {
        AF_INET => attr.payload.first_chunk::<4>().map(|bytes| IpAddr::from(*bytes)),
        _ => attr.payload.first_chunk::<16>().map(|bytes| IpAddr::from(*bytes)),
    }
}

/// A request, read.
struct Request<'a> {
    info: Ndmsg,
    tb: Tb<'a>,
    device: Option<DeviceId>,
    address: IpAddr,
}

fn read<'a>(world: &World, asker: Asker, message: &Message<'a>) -> Result<Request<'a>, Refusal> {
    let info = Ndmsg::decode(message).ok_or(Errno::EINVAL)?;
    let tb = NDA.parse(message.attrs(Ndmsg::SIZE))?;
    let destination = tb.get(NDA_DST).ok_or(said("Network address not specified"))?;
    let device = match info.ifindex {
        0 => None,
        ifindex => Some(world.by_index(asker.netns, ifindex).ok_or(Errno::ENODEV)?),
    };
    if info.family != AF_INET && info.family != AF_INET6 {
        return Err(Errno::EAFNOSUPPORT.into());
    }
    let address = address(&destination, info.family).ok_or(said("Invalid network address"))?;
    Ok(Request { info, tb, device, address })
}

/// Adds or changes a neighbour (`neigh_add`).
pub(crate) fn new(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let Request { info, tb, device, address } = read(world, asker, message)?;
    if let (Some(id), Some(mac)) = (device, tb.get(NDA_LLADDR)) {
        if mac.payload.len() < usize::from(world[id].address_length) {
            return Err(said("Invalid link address"));
        }
    }
    let protocol = tb.u8(NDA_PROTOCOL).unwrap_or(0);
    if info.flags & NTF_PROXY != 0 {
        let permanent = info.state & NUD_PERMANENT != 0;
        let proxy = Proxy { flags: info.flags, protocol, permanent };
        return Ok(proxied::add(world, asker.netns, (device, address), proxy)?);
    }
    let id = device.ok_or(said("Device not specified"))?;
    if address.is_ipv6() && !crate::inet6::is_enabled(world, id) {
        return Err(said("IPv6 is disabled on this device"));
    }
    let mut key = (id, address);
    let external = info.flags & NTF_EXT_LEARNED != 0;
    let managed = tb.u32(NDA_FLAGS_EXT).unwrap_or(0) & NTF_EXT_MANAGED != 0;
    let mut claim = Claim {
        overrides: true,
        weakly: false,
        admin: true,
        router: Some(info.flags & NTF_ROUTER != 0),
        external,
        only_use: info.flags & NTF_USE != 0 || managed,
        managed,
    };
    if neighbour::find(world, key).is_none() {
        if !message.has(NLM_F_CREATE) {
            return Err(Errno::ENOENT.into());
        }
        if managed && info.state & NUD_PERMANENT != 0 {
            return Err(said("Invalid NTF_* flag for permanent entry"));
        }
        neighbour::create(world, key, info.state & NUD_PERMANENT != 0 || external)?;
        key = neighbour::shared_key(world, key);
    } else {
        if message.has(NLM_F_EXCL) {
            return Err(Errno::EEXIST.into());
        }
        if !message.has(NLM_F_REPLACE) {
            claim.overrides = false;
            claim.router = None;
        }
    }
    if protocol != 0 {
        if let Some(entry) = world.space_mut(asker.netns)?.stack.neighbours.entries.get_mut(&key) {
            entry.protocol = protocol;
        }
    }
    let mac: Option<Mac> = tb.get(NDA_LLADDR).map(|attr| attr.first());
    neighbour::update(world, key, mac, info.state, claim)?;
    if claim.only_use {
        neighbour::touch(world, key);
    }
    Ok(())
}

/// Deletes a neighbour (`neigh_delete`).
pub(crate) fn delete(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let Request { info, device, address, .. } = read(world, asker, message)?;
    if info.flags & NTF_PROXY != 0 {
        return Ok(proxied::remove(world, asker.netns, (device, address))?);
    }
    let id = device.ok_or(Errno::EINVAL)?;
    let key = (id, address);
    neighbour::find(world, key).ok_or(Errno::ENOENT)?;
    let claim = Claim { overrides: true, admin: true, ..Claim::default() };
    neighbour::update(world, key, None, NUD_FAILED, claim)?;
    neighbour::remove(world, key);
    Ok(())
}

/// Answers with one neighbour (`neigh_get`).
pub(crate) fn get(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let Request { info, device, address, .. } = read(world, asker, message)?;
    let header = Header { kind: RTM_NEWNEIGH, flags: 0, seq: message.header.seq, pid: asker.pid };
    let mut out = Builder::new();
    if info.flags & NTF_PROXY != 0 {
        let proxies = &world.space(asker.netns)?.stack.neighbours.proxies;
        let missing = Refusal::said(Errno::ENOENT, "Proxy neighbour entry not found");
        let proxy = *proxies.get(&(device, address)).ok_or(missing)?;
        fill_proxy(world, (device, address), proxy, &mut out, header);
    } else {
        let id = device.ok_or(said("No device specified"))?;
        let missing = Refusal::said(Errno::ENOENT, "Neighbour entry not found");
        let entry = neighbour::find(world, (id, address)).ok_or(missing)?;
        fill(world, (id, address), entry, &mut out, header);
    }
    super::reply(world, asker, out);
    Ok(())
}

/// Lists neighbours, or what is answered for (`neigh_dump_info`).
pub(crate) fn dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Ndmsg::decode(message).ok_or(Errno::EINVAL)?;
    if info.family != 0 && info.family != AF_INET && info.family != AF_INET6 {
        return super::start(world, asker, message, crate::client::DumpKind::Nothing);
    }
    let tb = NDA.parse(message.attrs(Ndmsg::SIZE))?;
    let ifindex = tb.u32(NDA_IFINDEX).filter(|ifindex| *ifindex != 0);
    let master = tb.u32(NDA_MASTER).filter(|master| *master != 0);
    let wanted = |id: Option<DeviceId>| {
        let device = id.and_then(|id| world.get(id));
        let of_master = |device: &crate::device::Device| {
            let index = device.master.and_then(|master| world.get(master)).map(|master| master.ifindex);
            // None is asked for as -1.
            if master == Some(u32::MAX) { index.is_none() } else { master.is_none() || index == master }
        };
        ifindex.is_none_or(|ifindex| device.is_some_and(|device| device.ifindex == ifindex))
            && (master.is_none() || device.is_some_and(of_master))
    };
    let mut pieces = Pieces::new(world, asker, message, RTM_NEWNEIGH, ifindex.is_some() || master.is_some());
    let table = &world.space(asker.netns)?.stack.neighbours;
    for family in [AF_INET, AF_INET6] {
        if info.family != 0 && info.family != family {
            continue;
        }
        let is_of = |address: &IpAddr| address.is_ipv4() == (family == AF_INET);
        if info.flags & NTF_PROXY != 0 {
            for (key, proxy) in &table.proxies {
                if is_of(&key.1) && wanted(key.0) {
                    let header = pieces.header();
                    fill_proxy(world, *key, *proxy, &mut pieces.out, header);
                }
            }
            continue;
        }
        for (key, entry) in table.entries.iter().filter(|(key, _)| is_of(&key.1) && wanted(Some(key.0))) {
            let header = pieces.header();
            fill(world, *key, entry, &mut pieces.out, header);
        }
    }
    pieces.send(world, asker, message, None)
}

fn put_address(out: &mut Builder, address: IpAddr) {
    match address {
        IpAddr::V4(address) => out.ipv4(NDA_DST, address),
        IpAddr::V6(address) => out.ipv6(NDA_DST, address),
    }
}

/// Writes a neighbour as a message (`neigh_fill_info`).
fn fill(world: &World, key: Key, entry: &Neighbour, out: &mut Builder, header: Header) {
    let Some(device) = world.get(key.0) else { return };
    let start = out.start(header);
    let family = if key.1.is_ipv4() { AF_INET } else { AF_INET6 };
    let (state, flags, kind) = (entry.state, entry.flags, entry.kind);
    Ndmsg { family, ifindex: device.ifindex, state, flags, kind }.encode(out);
    put_address(out, key.1);
    if state & VALID != 0 {
        let length = usize::from(device.address_length).min(entry.mac.len());
        out.put(NDA_LLADDR, &entry.mac[..length]);
    }
    let ago = |at: i64| ((world.now.0 as i64).saturating_sub(at).max(0) / 10_000) as u32;
    out.u32(NDA_PROBES, entry.probes);
    Cacheinfo {
        confirmed: ago(entry.confirmed),
        used: ago(entry.used.0 as i64),
        updated: ago(entry.updated.0 as i64),
        references: u32::from(state & neighbour::IN_TIMER != 0),
    }
    .encode(out);
    if entry.protocol != 0 {
        out.u8(NDA_PROTOCOL, entry.protocol);
    }
    if entry.managed {
        out.u32(NDA_FLAGS_EXT, NTF_EXT_MANAGED);
    }
    out.finish(start);
}

fn fill_proxy(
    world: &World,
    (device, address): proxied::Key,
    Proxy { flags, protocol, .. }: Proxy,
    out: &mut Builder,
    header: Header,
) {
    let start = out.start(header);
    let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
    let ifindex = device.and_then(|id| world.get(id)).map_or(0, |device| device.ifindex);
    Ndmsg { family, ifindex, state: NUD_NONE, flags: flags | NTF_PROXY, kind: RTN_UNICAST }.encode(out);
    put_address(out, address);
    if protocol != 0 {
        out.u8(NDA_PROTOCOL, protocol);
    }
    out.finish(start);
}

/// Tells all who listen of a neighbour.
pub(crate) fn announce(world: &mut World, netns: NetnsId, key: Key, entry: &Neighbour, kind: u16) {
    if world.listens(netns, RTNLGRP_NEIGH) {
        let mut out = Builder::new();
        fill(world, key, entry, &mut out, Header { kind, flags: 0, seq: 0, pid: 0 });
        world.publish(netns, RTNLGRP_NEIGH, &out.bytes);
    }
}
