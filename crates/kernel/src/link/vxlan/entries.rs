//! The table of a vxlan as requests and listeners see it (`vxlan_fdb_add` and its sisters in
//! `drivers/net/vxlan/vxlan_core.c`).

use super::table::{ENTRIES, Entry, Key, REMOTES, Remote, key};
use super::{Result, Vxlan, state, state_mut};
use crate::device::{DeviceId, Mac};
use crate::link::{Addresses, Found};
use crate::rare::Rare;
use crate::world::{Instant, World};
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{Header, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Refusal};
use rtnl::object::neigh::*;
use rtnl::object::route::RTN_UNICAST;
use rtnl::table::Tb;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const AF_BRIDGE: u8 = 7;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// Microseconds in a tick of the clock that users see.
const TICK: u64 = 10_000;
/// In `NDA_LINK_NETNSID`: the namespace has no identifier.
const NO_NETNSID: u32 = u32::MAX;

/// What requests of the family of bridges do with a vxlan itself.
pub(super) static ADDRESSES: Addresses = Addresses {
    add,
    delete,
    get,
    list,
    fill: |world, id, found, header, out| fill_found(world, id, found, header, out),
};

/// An entry that is asked for.
pub(super) struct Wanted {
    pub mac: Mac,
    /// The network for which it stands.
    pub source: u32,
    /// `NUD_*`.
    pub state: u16,
    /// `NTF_*`.
    pub flags: u8,
    /// `NLM_F_*`.
    pub mode: u16,
    pub by_user: bool,
}

impl Vxlan {
    /// The name of an address's entry.
    pub(super) fn key(&self, mac: &Mac, network: u32) -> Key {
        key(mac, if self.is_external() { network } else { 0 })
    }
}

/// What a request says of a far end, and the network that the entry stands for (`vxlan_fdb_parse`).
fn parse(world: &World, id: DeviceId, tb: &Tb<'_>) -> Result<(Remote, u32)> {
    let refuse = |errno, sentence| Err(Refusal::said(errno, sentence));
    let vxlan = state(world, id).ok_or(Errno::EOPNOTSUPP)?;
    let named = [NDA_DST, NDA_VNI, NDA_IFINDEX, NDA_PORT].iter().any(|number| tb.has(*number));
    if tb.has(NDA_NH_ID) && named {
        return refuse(Errno::EINVAL, "DST, VNI, ifindex and port are mutually exclusive with NH_ID");
    }
    let config = &vxlan.config;
    let address = match tb.get(NDA_DST) {
        Some(attr) if attr.payload.len() >= 16 => IpAddr::from(attr.first::<16>()),
        Some(attr) if attr.payload.len() >= 4 => IpAddr::from(attr.first::<4>()),
        Some(_) => return refuse(Errno::EAFNOSUPPORT, "Unsupported address family"),
        None if config.remote.is_ipv4() => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let sized = |number, size, sentence| match tb.get(number) {
        Some(attr) if attr.payload.len() != size => Err(Refusal::said(Errno::EINVAL, sentence)),
        attr => Ok(attr),
    };
    let port = sized(NDA_PORT, 2, "Invalid vxlan port")?.map_or(config.port, |attr| attr.u16_be());
    let network = sized(NDA_VNI, 4, "Invalid vni")?.map_or(config.network, |attr| attr.u32());
    let source = sized(NDA_SRC_VNI, 4, "Invalid src vni")?.map_or(config.network, |attr| attr.u32());
    let ifindex = sized(NDA_IFINDEX, 4, "Invalid ifindex")?.map(|attr| attr.u32());
    if ifindex.is_some_and(|ifindex| world.by_index(world[id].netns, ifindex).is_none()) {
        return refuse(Errno::EADDRNOTAVAIL, "Device not found");
    }
    Ok((Remote { address, port, network, ifindex: ifindex.unwrap_or(0) }, source))
}

/// `vxlan_fdb_add`.
fn add(world: &mut World, id: DeviceId, found: &Found, mode: u16, tb: &Tb<'_>) -> Result {
    if found.state & (NUD_PERMANENT | NUD_REACHABLE) == 0 || !tb.has(NDA_DST) && !tb.has(NDA_NH_ID) {
        return Err(Errno::EINVAL.into());
    }
    let (remote, source) = parse(world, id, tb)?;
    let vxlan = state(world, id).ok_or(Errno::EOPNOTSUPP)?;
    if vxlan.config.remote.is_ipv4() != remote.address.is_ipv4() {
        return Err(Errno::EAFNOSUPPORT.into());
    }
    let Found { mac, state, flags, .. } = *found;
    if tb.u32(NDA_NH_ID).is_some_and(|nexthop| nexthop != 0) {
        return add_nexthop(vxlan, &mac, source, mode);
    }
    update(world, id, &Wanted { mac, source, state, flags, mode, by_user: true }, remote)
}

/// There are no nexthops, so none can be the far end; what is refused before that is seen is refused here too.
fn add_nexthop(vxlan: &Vxlan, mac: &Mac, source: u32, mode: u16) -> Result {
    let refuse = |errno, sentence| Err(Refusal::said(errno, sentence));
    match vxlan.table.get(&vxlan.key(mac, source)) {
        Some(_) if mode & NLM_F_EXCL != 0 => Err(Errno::EEXIST.into()),
        Some(_) => refuse(Errno::EOPNOTSUPP, "Cannot replace an existing non nexthop fdb with a nexthop"),
        None if mode & NLM_F_CREATE == 0 => Err(Errno::ENOENT.into()),
        None if mode & NLM_F_REPLACE != 0 && !is_one_host(mac) => Err(Errno::EOPNOTSUPP.into()),
        None => {
            check_room(vxlan)?;
            refuse(Errno::EINVAL, "Nexthop id does not exist")
        }
    }
}

/// Whether the table takes another address.
fn check_room(vxlan: &Vxlan) -> Result {
    let (there, limit) = (vxlan.table.len(), vxlan.config.limit as usize);
    if limit != 0 && there >= limit {
        return Err(Errno::ENOSPC.into());
    }
    if there >= ENTRIES { Err(Errno::ENOMEM.into()) } else { Ok(()) }
}

/// Whether an address is one host's: neither a group nor that of all that are not known.
fn is_one_host(mac: &Mac) -> bool {
    mac[0] & 1 == 0 && *mac != [0; 6]
}

/// Adds an entry or changes it (`vxlan_fdb_update`).
pub(super) fn update(world: &mut World, id: DeviceId, wanted: &Wanted, remote: Remote) -> Result {
    let vxlan = state(world, id).ok_or(Errno::EOPNOTSUPP)?;
    let place = vxlan.key(&wanted.mac, wanted.source);
    let there = vxlan.table.get(&place).is_some();
    match there {
        true if wanted.mode & NLM_F_EXCL != 0 => Err(Errno::EEXIST.into()),
        true => change(world, id, place, wanted, remote),
        false if wanted.mode & NLM_F_CREATE == 0 => Err(Errno::ENOENT.into()),
        false => create(world, id, place, wanted, remote),
    }
}

fn create(world: &mut World, id: DeviceId, place: Key, wanted: &Wanted, remote: Remote) -> Result {
    if wanted.mode & NLM_F_REPLACE != 0 && !is_one_host(&wanted.mac) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let now = world.now;
    let vxlan = state_mut(world, id).ok_or(Errno::EOPNOTSUPP)?;
    check_room(vxlan)?;
    let entry = Entry {
        state: wanted.state,
        flags: wanted.flags & !NTF_USE,
        by_user: wanted.by_user,
        updated: now,
        number: 0,
        first: remote,
        more: Rare::NEW,
    };
    vxlan.table.insert(place, entry, now);
    tell(world, id, place, &remote, RTM_NEWNEIGH);
    Ok(())
}

/// `vxlan_fdb_update_existing`.
fn change(world: &mut World, id: DeviceId, place: Key, wanted: &Wanted, remote: Remote) -> Result {
    let refuse = |sentence| Err(Refusal::said(Errno::EOPNOTSUPP, sentence));
    let now = world.now;
    let vxlan = state_mut(world, id).ok_or(Errno::EOPNOTSUPP)?;
    let entry = vxlan.table.get_mut(&place).ok_or(Errno::ENOENT)?;
    let flags = wanted.flags & !NTF_USE;
    let mut told = None;
    if flags & NTF_EXT_LEARNED == 0 || !entry.by_user {
        let changed = (entry.state, entry.flags, entry.by_user) != (wanted.state, flags, wanted.by_user);
        if changed {
            (entry.state, entry.flags, entry.by_user) = (wanted.state, flags, wanted.by_user);
            entry.updated = now;
            told = Some(entry.first);
        }
    }
    let one_host = is_one_host(&wanted.mac);
    if wanted.mode & NLM_F_REPLACE != 0 {
        if !one_host {
            return refuse("Cannot replace non-unicast fdb entries");
        }
        if entry.remotes().all(|other| *other != remote) {
            entry.first = remote;
            told = Some(remote);
        }
    }
    if wanted.mode & NLM_F_APPEND != 0 && !one_host {
        if entry.more.len() >= REMOTES {
            return Err(Errno::ENOMEM.into());
        }
        if entry.append(remote) {
            told = Some(remote);
        }
    }
    if wanted.flags & NTF_USE != 0 {
        vxlan.table.note_use(&place, now);
    }
    if let Some(remote) = told {
        tell(world, id, place, &remote, RTM_NEWNEIGH);
    }
    Ok(())
}

/// `vxlan_fdb_delete`.
fn delete(world: &mut World, id: DeviceId, mac: &Mac, tb: &Tb<'_>) -> Result {
    let (remote, source) = parse(world, id, tb)?;
    remove(world, id, mac, source, &remote)
}

/// Removes a far end of an entry, or with the last of them the entry; with no address the entry at once. A far end
/// that is not there is none to remove.
pub(super) fn remove(world: &mut World, id: DeviceId, mac: &Mac, source: u32, remote: &Remote) -> Result {
    let now = world.now;
    let vxlan = state_mut(world, id).ok_or(Errno::EOPNOTSUPP)?;
    let place = vxlan.key(mac, source);
    vxlan.table.note_use(&place, now);
    let entry = vxlan.table.get_mut(&place).ok_or(Errno::ENOENT)?;
    if !remote.address.is_unspecified() {
        if entry.remotes().all(|other| other != remote) {
            return Ok(());
        }
        if !entry.more.is_empty() {
            entry.take(remote);
            tell(world, id, place, remote, RTM_DELNEIGH);
            return Ok(());
        }
    }
    destroy(world, id, place);
    Ok(())
}

/// Removes the whole entry of an address, if there is one.
pub(super) fn remove_entry(world: &mut World, id: DeviceId, mac: &Mac, source: u32) {
    if let Some(place) = state(world, id).map(|vxlan| vxlan.key(mac, source)) {
        destroy(world, id, place);
    }
}

/// An address was not used for too long.
pub(super) fn age(world: &mut World, id: DeviceId, place: Key) {
    if let Some(entry) = state_mut(world, id).and_then(|vxlan| vxlan.table.get_mut(&place)) {
        entry.state = NUD_STALE;
        destroy(world, id, place);
    }
}

/// Removes an entry and tells of each of its far ends.
fn destroy(world: &mut World, id: DeviceId, place: Key) {
    let Some(remotes) = state(world, id)
        .and_then(|vxlan| vxlan.table.get(&place))
        .map(|entry| entry.remotes().copied().collect::<Vec<Remote>>())
    else {
        return;
    };
    for remote in remotes {
        tell(world, id, place, &remote, RTM_DELNEIGH);
    }
    if let Some(vxlan) = state_mut(world, id) {
        vxlan.table.remove(&place);
    }
}

/// Forgets what was learned, or everything but the default entry (`vxlan_flush`).
pub(super) fn flush(world: &mut World, id: DeviceId, everything: bool) {
    let Some(vxlan) = state(world, id) else { return };
    let default = vxlan.key(&[0; 6], vxlan.config.network);
    let goes = |place: &Key| {
        *place != default && (everything || vxlan.table.get(place).is_some_and(|entry| !entry.is_fixed()))
    };
    let going: Vec<Key> = vxlan.table.listing().into_iter().filter(goes).collect();
    for place in going {
        destroy(world, id, place);
    }
}

// What is told.

/// Tells all who listen of a far end of an entry.
pub(super) fn tell(world: &mut World, id: DeviceId, place: Key, remote: &Remote, kind: u16) {
    let Some((told, _)) = state(world, id).and_then(|vxlan| Told::of(vxlan, &place)) else { return };
    publish(world, id, &told, remote, kind);
}

fn publish(world: &mut World, id: DeviceId, told: &Told, remote: &Remote, kind: u16) {
    let netns = world[id].netns;
    if world.listens(netns, RTNLGRP_NEIGH) {
        let mut out = Builder::new();
        fill(world, id, told, remote, Header { kind, flags: 0, seq: 0, pid: 0 }, &mut out);
        world.publish(netns, RTNLGRP_NEIGH, &out.bytes);
    }
}

/// What a message says of an entry beside its far end.
struct Told {
    mac: Mac,
    source: u32,
    state: u16,
    flags: u8,
    used: Instant,
    updated: Instant,
}

impl Told {
    /// Of an entry, which comes too.
    fn of<'v>(vxlan: &'v Vxlan, place: &Key) -> Option<(Told, &'v Entry)> {
        let (entry, used) = (vxlan.table.get(place)?, vxlan.table.used(place)?);
        let Entry { state, flags, updated, .. } = *entry;
        let (_, mac, source) = *place;
        Some((Told { mac, source, state, flags, used, updated }, entry))
    }
}

/// Writes one far end of an entry as a message (`vxlan_fdb_info`).
fn fill(world: &World, id: DeviceId, told: &Told, remote: &Remote, header: Header, out: &mut Builder) {
    let Some(vxlan) = state(world, id) else { return };
    let (device, config) = (&world[id], &vxlan.config);
    let asked = header.kind == RTM_GETNEIGH;
    let family = match remote.address {
        _ if !asked => AF_BRIDGE,
        IpAddr::V6(address) if !address.is_unspecified() => AF_INET6,
        _ => AF_INET,
    };
    let start = out.start(header);
    let (state, flags, kind) = (told.state, told.flags, RTN_UNICAST);
    Ndmsg { family, ifindex: device.ifindex, state, flags, kind }.encode(out);
    if device.netns != vxlan.netns {
        let known = world.space(device.netns).ok().and_then(|space| space.id_of(vxlan.netns));
        out.u32(NDA_LINK_NETNSID, known.unwrap_or(NO_NETNSID));
    }
    if !asked || told.mac != [0; 6] {
        out.put(NDA_LLADDR, &told.mac);
    }
    match remote.address {
        address if asked && address.is_unspecified() => {}
        IpAddr::V4(address) => out.ipv4(NDA_DST, address),
        IpAddr::V6(address) => out.ipv6(NDA_DST, address),
    }
    if remote.port != 0 && remote.port != config.port {
        out.u16_be(NDA_PORT, remote.port);
    }
    if remote.network != config.network {
        out.u32(NDA_VNI, remote.network);
    }
    if remote.ifindex != 0 {
        out.u32(NDA_IFINDEX, remote.ifindex);
    }
    if vxlan.is_external() && told.source != 0 {
        out.u32(NDA_SRC_VNI, told.source);
    }
    let since = |then: Instant| ((world.now.0 - then.0.min(world.now.0)) / TICK) as u32;
    let (used, updated) = (since(told.used), since(told.updated));
    Cacheinfo { confirmed: 0, used, updated, references: 0 }.encode(out);
    out.finish(start);
}

/// `vxlan_fdb_get`.
fn get(world: &World, id: DeviceId, mac: &Mac, tb: &Tb<'_>, header: Header, out: &mut Builder) -> Result {
    let vxlan = state(world, id).ok_or(Errno::EOPNOTSUPP)?;
    let network = tb.u32(NDA_VNI).unwrap_or(vxlan.config.network);
    let place = vxlan.key(mac, network);
    let unknown = Refusal::said(Errno::ENOENT, "Fdb entry not found");
    let (told, entry) = Told::of(vxlan, &place).ok_or(unknown)?;
    fill(world, id, &told, &entry.first, header, out);
    Ok(())
}

/// The entries in the order in which they are listed.
fn list(world: &World, id: DeviceId) -> Vec<(Mac, u32)> {
    let listing = state(world, id).map(|vxlan| vxlan.table.listing());
    listing.unwrap_or_default().into_iter().map(|(_, mac, network)| (mac, network)).collect()
}

/// Writes every far end of one of them.
fn fill_found(world: &World, id: DeviceId, (mac, network): (Mac, u32), header: Header, out: &mut Builder) {
    let place = key(&mac, network);
    let Some((told, entry)) = state(world, id).and_then(|vxlan| Told::of(vxlan, &place)) else { return };
    for remote in entry.remotes() {
        fill(world, id, &told, remote, header, out);
    }
}

// What frames bring about.

/// An address that was learned is found behind another far end.
pub(super) fn migrate(world: &mut World, id: DeviceId, (mac, source): (Mac, u32), address: IpAddr) {
    let now = world.now;
    let Some(vxlan) = state_mut(world, id) else { return };
    let place = key(&mac, source);
    let Some(entry) = vxlan.table.get_mut(&place) else { return };
    entry.first.address = address;
    entry.updated = now;
    let remote = entry.first;
    tell(world, id, place, &remote, RTM_NEWNEIGH);
}

/// Nobody knows where an address is: whoever listens may say it (`vxlan_fdb_miss`).
pub(super) fn miss(world: &mut World, id: DeviceId, mac: Mac) {
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let remote = Remote { address: nowhere, port: 0, network: 0, ifindex: 0 };
    ask(world, id, mac, &remote);
}

/// The same of an IP address (`vxlan_ip_miss`).
pub(super) fn miss_address(world: &mut World, id: DeviceId, address: IpAddr) {
    let remote = Remote { address, port: 0, network: super::config::NETWORKS, ifindex: 0 };
    ask(world, id, [0; 6], &remote);
}

fn ask(world: &mut World, id: DeviceId, mac: Mac, remote: &Remote) {
    // The entry is none of the table's: its times are the beginning's.
    let then = Instant(0);
    let told = Told { mac, source: 0, state: NUD_STALE, flags: 0, used: then, updated: then };
    publish(world, id, &told, remote, RTM_GETNEIGH);
}
