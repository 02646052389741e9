//! RTM_NEWADDR and RTM_DELADDR for IPv6, and IPv6's part of a listing (`net/ipv6/addrconf.c`).

use super::Asker;
use super::addr::{left, lifetime_flags, lifetimes, stamp};
use super::pieces::Pieces;
use crate::device::DeviceId;
use crate::host::{AF_INET6, fib6, joined, lifetimes6};
use crate::inet6::{self, Address};
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, NLM_F_EXCL, NLM_F_REPLACE, Refusal};
use rtnl::object::addr::*;
use rtnl::object::route::RTN_UNICAST;
use rtnl::table::Tb;
use std::net::{IpAddr, Ipv6Addr};

/// Flags that a request may set.
const SETTABLE: u32 = IFA_F_NODAD
    | IFA_F_HOMEADDRESS
    | IFA_F_MANAGETEMPADDR
    | IFA_F_NOPREFIXROUTE
    | IFA_F_MCAUTOJOIN
    | IFA_F_OPTIMISTIC;

/// The address and the far end's (`extract_addr`).
fn extract(tb: &Tb<'_>) -> (Option<Ipv6Addr>, Option<Ipv6Addr>) {
    let read = |number| tb.get(number).map(|attr| Ipv6Addr::from(attr.first::<16>()));
    match (read(IFA_LOCAL), read(IFA_ADDRESS)) {
        (Some(local), Some(address)) if local != address => (Some(local), Some(address)),
        (local, address) => (local.or(address), None),
    }
}

/// Adds or changes an address (`inet6_rtm_newaddr`).
pub(crate) fn new(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    info: &Ifaddr,
) -> Result<(), Refusal> {
    let tb = IFA_INET6.parse(message.attrs(Ifaddr::SIZE))?;
    let (address, peer) = extract(&tb);
    let address = address.ok_or(Errno::EINVAL)?;
    let id = world.by_index(asker.netns, info.ifindex).ok_or(Errno::ENODEV)?;
    let (preferred, valid) = lifetimes(&tb)?;
    let flags = tb.u32(IFA_FLAGS).unwrap_or(u32::from(info.flags)) & SETTABLE;
    if world[id].inet6.is_none() {
        return Err(Errno::EINVAL.into());
    }
    if world[id].is_up() {
        joined::link_up6(world, id);
    }
    // Optimism needs a setting that nobody has made.
    let flags = flags & !IFA_F_OPTIMISTIC;
    let known = inet6::addresses(world, id).iter().find(|own| own.address == address).cloned();
    if let Some(known) = known {
        if message.has(NLM_F_EXCL) || !message.has(NLM_F_REPLACE) {
            return Err(Errno::EEXIST.into());
        }
        change(world, id, &known, peer, flags, (preferred, valid), &tb);
        return Ok(());
    }
    if info.prefixlen > 128 || flags & IFA_F_MANAGETEMPADDR != 0 && info.prefixlen != 64 {
        return Err(Errno::EINVAL.into());
    }
    if !inet6::is_enabled(world, id) && !fib6::is_loopback(world, id) {
        return Err(Errno::EACCES.into());
    }
    let flags = lifetime_flags(flags, preferred, valid);
    let mut fresh = inet6::make(
        world.now,
        address,
        peer,
        info.prefixlen,
        flags,
        (preferred, valid),
        tb.u8(IFA_PROTO).unwrap_or(0),
    );
    fresh.priority = tb.u32(IFA_RT_PRIORITY).unwrap_or(0);
    let autojoins = flags & IFA_F_MCAUTOJOIN != 0;
    if autojoins && inet6::is_enabled(world, id) {
        joined::autojoin(world, id, IpAddr::V6(address))?;
    }
    let inserted = inet6::insert(world, id, fresh);
    if autojoins && inserted.is_err() {
        joined::autoleave(world, id, IpAddr::V6(address));
    }
    inserted
}

/// Changes an address that is there (`inet6_addr_modify`).
fn change(
    world: &mut World,
    id: DeviceId,
    known: &Address,
    peer: Option<Ipv6Addr>,
    flags: u32,
    (preferred, valid): (u32, u32),
    tb: &Tb<'_>,
) {
    let now = world.now;
    let kept = IFA_F_TENTATIVE | IFA_F_DADFAILED;
    let Some(part) = world[id].inet6.as_mut() else { return };
    let Some(own) = part.addresses.iter_mut().find(|own| own.address == known.address) else { return };
    own.flags = lifetime_flags(flags, preferred, valid) | own.flags & kept;
    (own.preferred, own.valid, own.updated) = (preferred, valid, now);
    own.priority = tb.u32(IFA_RT_PRIORITY).unwrap_or(own.priority);
    own.protocol = tb.u8(IFA_PROTO).unwrap_or(0);
    own.peer = peer.or(own.peer);
    let told = own.clone();
    move_routes(world, id, known, &told);
    lifetimes6::watch_lifetimes(world, id);
    announce(world, id, RTM_NEWADDR, &told);
}

/// The routes of an address's prefix and its far end's follow a change. The far end's has the prefix length of the
/// address from then on.
fn move_routes(world: &mut World, id: DeviceId, known: &Address, told: &Address) {
    let prefix = |peer: Option<Ipv6Addr>| peer.map(|peer| fib6::key(peer, known.length));
    let (table, was, is) = (inet6::prefix_table(world, id), prefix(known.peer), prefix(told.peer));
    let renewed = told.priority != known.priority || told.valid != known.valid || told.flags != known.flags;
    if !renewed && was == is {
        return;
    }
    // Without a route of the prefix from now on, the far end's stays as it is.
    let rewritten = told.flags & IFA_F_NOPREFIXROUTE == 0;
    let was = was.filter(|_| rewritten || was != is);
    if known.flags & IFA_F_NOPREFIXROUTE == 0 {
        for prefix in [Some(known.network()).filter(|_| renewed), was].into_iter().flatten() {
            fib6::remove(world, id, table, prefix, RTN_UNICAST);
        }
    } else if let Some(prefix) = was.filter(|_| was != is) {
        fib6::remove(world, id, table, prefix, RTN_UNICAST);
    }
    inet6::add_prefix_route(world, id, told);
    if let Some(prefix) = is.filter(|prefix| *prefix != told.network()) {
        inet6::add_route_of(world, id, told, prefix);
    }
}

/// Deletes an address (`inet6_rtm_deladdr`).
pub(crate) fn delete(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    info: &Ifaddr,
) -> Result<(), Refusal> {
    let tb = IFA_INET6.parse(message.attrs(Ifaddr::SIZE))?;
    let address = extract(&tb).0.ok_or(Errno::EINVAL)?;
    if info.prefixlen > 128 {
        return Err(Errno::EINVAL.into());
    }
    let id = world.by_index(asker.netns, info.ifindex).ok_or(Errno::ENODEV)?;
    if world[id].inet6.is_none() {
        return Err(Errno::ENXIO.into());
    }
    let is_meant = |own: &Address| own.address == address && own.length == info.prefixlen;
    if !inet6::addresses(world, id).iter().any(is_meant) {
        return Err(Errno::EADDRNOTAVAIL.into());
    }
    inet6::remove(world, id, address);
    lifetimes6::watch_lifetimes(world, id);
    if address.is_multicast() {
        joined::autoleave(world, id, IpAddr::V6(address));
    }
    Ok(())
}

/// Lists the addresses of a link.
pub(crate) fn list(world: &World, id: DeviceId, pieces: &mut Pieces) {
    for address in inet6::addresses(world, id) {
        let header = pieces.header();
        fill(world, id, address, &mut pieces.out, header);
    }
}

/// Writes an address as a message (`inet6_fill_ifaddr`).
fn fill(world: &World, id: DeviceId, own: &Address, out: &mut Builder, header: Header) {
    let start = out.start(header);
    let (prefixlen, flags, scope, ifindex) = (own.length, own.flags as u8, own.scope(), world[id].ifindex);
    Ifaddr { family: AF_INET6, prefixlen, flags, scope, ifindex }.encode(out);
    match own.peer {
        Some(peer) => {
            out.ipv6(IFA_LOCAL, own.address);
            out.ipv6(IFA_ADDRESS, peer);
        }
        None => out.ipv6(IFA_ADDRESS, own.address),
    }
    if own.priority != 0 {
        out.u32(IFA_RT_PRIORITY, own.priority);
    }
    Cacheinfo {
        preferred: left(world.now, own.updated, own.preferred),
        valid: left(world.now, own.updated, own.valid),
        created: stamp(own.created),
        updated: stamp(own.updated),
    }
    .encode(out);
    out.u32(IFA_FLAGS, own.flags);
    if own.protocol != 0 {
        out.u8(IFA_PROTO, own.protocol);
    }
    out.finish(start);
}

/// Tells all who listen of an address.
pub(crate) fn announce(world: &mut World, id: DeviceId, kind: u16, address: &Address) {
    let netns = world[id].netns;
    if world.listens(netns, RTNLGRP_IPV6_IFADDR) {
        let mut out = Builder::new();
        fill(world, id, address, &mut out, Header { kind, flags: 0, seq: 0, pid: 0 });
        world.publish(netns, RTNLGRP_IPV6_IFADDR, &out.bytes);
    }
}
