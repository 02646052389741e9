//! RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR for IPv4 (`net/ipv4/devinet.c`); IPv6's are in `addr6`.

use super::pieces::Pieces;
use super::{Asker, addr6};
use crate::device::DeviceId;
use crate::host::inet::{self, Address};
use crate::host::{AF_INET, AF_INET6, fib4_sync, joined};
use crate::netns::NetnsId;
use crate::world::{Instant, World};
use rtnl::attr::{Attr, Builder};
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, NLM_F_EXCL, NLM_F_REPLACE, Refusal};
use rtnl::object::addr::*;
use rtnl::table::Tb;
use std::net::{IpAddr, Ipv4Addr};

fn ipv4(attr: Attr<'_>) -> Ipv4Addr {
    Ipv4Addr::from(attr.first::<4>())
}

/// Adds or changes an address.
pub(crate) fn new(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Ifaddr::decode(message).ok_or(Errno::EINVAL)?;
    match info.family {
        AF_INET => new4(world, asker, message, &info),
        AF_INET6 => addr6::new(world, asker, message, &info),
        _ => Err(Errno::EOPNOTSUPP.into()),
    }
}

/// Deletes an address.
pub(crate) fn delete(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Ifaddr::decode(message).ok_or(Errno::EINVAL)?;
    match info.family {
        AF_INET => delete4(world, asker, message, &info),
        AF_INET6 => addr6::delete(world, asker, message, &info),
        _ => Err(Errno::EOPNOTSUPP.into()),
    }
}

/// The lifetimes of a request: preferred and valid.
pub(crate) fn lifetimes(tb: &Tb<'_>) -> Result<(u32, u32), Errno> {
    let Some(attr) = tb.get(IFA_CACHEINFO) else { return Ok((FOREVER, FOREVER)) };
    let info = Cacheinfo::decode(&attr);
    if info.valid == 0 || info.preferred > info.valid {
        return Err(Errno::EINVAL);
    }
    Ok((info.preferred, info.valid))
}

/// What lifetimes say in flags (`set_ifa_lifetime`).
pub(crate) fn lifetime_flags(flags: u32, preferred: u32, valid: u32) -> u32 {
    let mut flags = flags & !(IFA_F_PERMANENT | IFA_F_DEPRECATED);
    if valid == FOREVER {
        flags |= IFA_F_PERMANENT;
    }
    if preferred == 0 {
        flags |= IFA_F_DEPRECATED;
    }
    flags
}

/// Reads an address from a request (`rtm_to_ifaddr`).
fn read4(
    world: &World,
    netns: NetnsId,
    message: &Message<'_>,
    info: &Ifaddr,
) -> Result<(DeviceId, Address), Refusal> {
    let tb = IFA_INET.parse(message.attrs(Ifaddr::SIZE))?;
    let local = tb.get(IFA_LOCAL).filter(|_| info.prefixlen <= 32).ok_or(Errno::EINVAL)?;
    let id = world.by_index(netns, info.ifindex).ok_or(Errno::ENODEV)?;
    if world[id].inet.is_none() {
        return Err(Errno::ENOBUFS.into());
    }
    let flags = tb.u32(IFA_FLAGS).unwrap_or(u32::from(info.flags));
    let (preferred, valid) = lifetimes(&tb)?;
    let label = tb.string(IFA_LABEL).unwrap_or_else(|| world[id].name.bytes());
    let address = Address {
        local: ipv4(local),
        address: ipv4(tb.get(IFA_ADDRESS).unwrap_or(local)),
        length: info.prefixlen,
        broadcast: tb.get(IFA_BROADCAST).map(ipv4).filter(|address| !address.is_unspecified()),
        scope: info.scope,
        flags: lifetime_flags(flags, preferred, valid),
        label: label.into(),
        priority: tb.u32(IFA_RT_PRIORITY).unwrap_or(0),
        protocol: tb.u8(IFA_PROTO).unwrap_or(0),
        preferred,
        valid,
        created: world.now,
        updated: world.now,
    };
    Ok((id, address))
}

fn new4(world: &mut World, asker: Asker, message: &Message<'_>, info: &Ifaddr) -> Result<(), Refusal> {
    let (id, address) = read4(world, asker.netns, message, info)?;
    if let Some(inet) = world[id].inet.as_mut() {
        inet.conf.settle();
    }
    let same = |other: &Address| other.shares_network(&address) && other.local == address.local;
    let Some(at) = inet::addresses(world, id).iter().position(same) else {
        if address.flags & IFA_F_MCAUTOJOIN != 0 {
            joined::autojoin(world, id, IpAddr::V4(address.address))?;
        }
        return inet::insert(world, id, address);
    };
    if message.has(NLM_F_EXCL) || !message.has(NLM_F_REPLACE) {
        return Err(Errno::EEXIST.into());
    }
    // commit
    let before = fib4_sync::wanted(world, id);
    let Some(inet) = world[id].inet.as_mut() else { return Ok(()) };
    let present = &mut inet.addresses[at];
    let lifetime = IFA_F_PERMANENT | IFA_F_DEPRECATED;
    present.priority = address.priority;
    present.protocol = address.protocol;
    present.flags = present.flags & !lifetime | address.flags & lifetime;
    (present.preferred, present.valid) = (address.preferred, address.valid);
    present.updated = address.updated;
    let told = present.clone();
    fib4_sync::metric_changed(world, id, &before);
    inet::watch_lifetimes(world, id);
    announce(world, id, RTM_NEWADDR, &told);
    Ok(())
}

fn delete4(world: &mut World, asker: Asker, message: &Message<'_>, info: &Ifaddr) -> Result<(), Refusal> {
    let tb = IFA_INET.parse(message.attrs(Ifaddr::SIZE))?;
    let id = world.by_index(asker.netns, info.ifindex).filter(|id| world[*id].inet.is_some());
    let id = id.ok_or(Errno::ENODEV)?;
    let is_meant = |address: &Address| {
        tb.get(IFA_LOCAL).is_none_or(|attr| ipv4(attr) == address.local)
            && tb.string(IFA_LABEL).is_none_or(|label| *label == *address.label)
            && tb
                .get(IFA_ADDRESS)
                .is_none_or(|attr| info.prefixlen == address.length && address.covers(ipv4(attr)))
    };
    let at = inet::addresses(world, id).iter().position(is_meant).ok_or(Errno::EADDRNOTAVAIL)?;
    let group = inet::addresses(world, id)[at].address;
    if group.is_multicast() {
        joined::autoleave(world, id, IpAddr::V4(group));
    }
    inet::remove_at(world, id, at, false);
    inet::watch_lifetimes(world, id);
    Ok(())
}

/// Seconds of a lifetime that are left.
pub(crate) fn left(now: Instant, updated: Instant, seconds: u32) -> u32 {
    if seconds == FOREVER {
        return FOREVER;
    }
    let passed = now.0.saturating_sub(updated.0) / 1_000_000;
    seconds.saturating_sub(passed.min(u64::from(u32::MAX)) as u32)
}

/// A moment in hundredths of a second.
pub(crate) fn stamp(at: Instant) -> u32 {
    (at.0 / 10_000) as u32
}

/// Writes an address as a message (`inet_fill_ifaddr`).
fn fill(world: &World, id: DeviceId, address: &Address, out: &mut Builder, header: Header) {
    let start = out.start(header);
    let ifindex = world[id].ifindex;
    let flags = address.flags as u8;
    let (prefixlen, scope) = (address.length, address.scope);
    Ifaddr { family: AF_INET, prefixlen, flags, scope, ifindex }.encode(out);
    if !address.address.is_unspecified() {
        out.ipv4(IFA_ADDRESS, address.address);
    }
    out.ipv4(IFA_LOCAL, address.local);
    if let Some(broadcast) = address.broadcast {
        out.ipv4(IFA_BROADCAST, broadcast);
    }
    if !address.label.is_empty() {
        out.string(IFA_LABEL, &address.label);
    }
    if address.protocol != 0 {
        out.u8(IFA_PROTO, address.protocol);
    }
    out.u32(IFA_FLAGS, address.flags);
    if address.priority != 0 {
        out.u32(IFA_RT_PRIORITY, address.priority);
    }
    let (now, updated) = (world.now, address.updated);
    // One that stays for good is shown as preferred for good, even if it is deprecated.
    let permanent = address.flags & IFA_F_PERMANENT != 0;
    let shown = |lifetime| if permanent { FOREVER } else { left(now, updated, lifetime) };
    Cacheinfo {
        preferred: shown(address.preferred),
        valid: shown(address.valid),
        created: stamp(address.created),
        updated: stamp(updated),
    }
    .encode(out);
    out.finish(start);
}

/// Tells all who listen of an address.
pub(crate) fn announce(world: &mut World, id: DeviceId, kind: u16, address: &Address) {
    let netns = world[id].netns;
    if world.listens(netns, RTNLGRP_IPV4_IFADDR) {
        let mut out = Builder::new();
        fill(world, id, address, &mut out, Header { kind, flags: 0, seq: 0, pid: 0 });
        world.publish(netns, RTNLGRP_IPV4_IFADDR, &out.bytes);
    }
}

/// Lists the addresses of a namespace, or of one link.
pub(crate) fn dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Ifaddr::decode(message).ok_or(Errno::EINVAL)?;
    let tb = IFA_INET6.parse(message.attrs(Ifaddr::SIZE))?;
    let viewed = match tb.get(IFA_TARGET_NETNSID) {
        None => asker.netns,
        Some(attr) => {
            let found = world.space(asker.netns)?.peer(attr.u32());
            found.ok_or(Refusal::said(Errno::EINVAL, "Invalid target network namespace id"))?
        }
    };
    let mut failure = None;
    if info.ifindex != 0 && world.by_index(viewed, info.ifindex).is_none() {
        failure = Some(Errno::ENODEV.into());
    }
    let mut pieces = Pieces::new(world, asker, message, RTM_NEWADDR, info.ifindex != 0);
    let ids: Vec<DeviceId> = match info.ifindex {
        0 => world.space(viewed)?.list_from(None).map(|(_, id)| id).collect(),
        ifindex => world.by_index(viewed, ifindex).into_iter().collect(),
    };
    for family in [AF_INET, AF_INET6] {
        if info.family != 0 && info.family != family {
            continue;
        }
        pieces.end_piece();
        for id in &ids {
            if family == AF_INET {
                for address in inet::addresses(world, *id) {
                    let header = pieces.header();
                    fill(world, *id, address, &mut pieces.out, header);
                }
            } else {
                addr6::list(world, *id, &mut pieces);
            }
        }
    }
    pieces.send(world, asker, message, failure)
}
