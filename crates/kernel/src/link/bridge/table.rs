//! The bridge's table of addresses: what is its own, what ages, what is flushed, and who is told
//! (`net/bridge/br_fdb.c`).
//!
//! The addresses of the bridge and of its ports are in the table as local ones, once without a VLAN and once for
//! each VLAN of the device they belong to, also where the bridge does not filter. Where several devices share an
//! address, the first one's entry stands, and another inherits it when the first goes.
//!
//! Nothing here costs anything per frame: a frame that teaches nothing new only writes the time into its entry, and
//! what was not heard of for too long is cleared away by a timer.

use super::*;
use crate::fdb::{Entry, flag as entry, key};
use crate::timer::TimerId;
use rtnl::attr::Builder;
use rtnl::message::Header;
use rtnl::object::neigh::*;

/// The family of the table's messages.
pub(super) const AF_BRIDGE: u8 = 7;
/// What is neither forgotten with age nor when its port goes down.
const LASTING: u16 = entry::LOCAL | entry::STATIC | entry::EXTERN_LEARN;
/// Microseconds in a tick of the table's clock.
const TICK: u64 = 10_000;
/// Ticks from the bridge's going up to the first clearing away.
const FIRST_CLEARING: u64 = 10;
/// Ticks between two clearings where nothing is learned at all.
const IDLE: u64 = 100;

/// Tells all who listen of an entry.
pub(super) fn tell(world: &mut World, bridge: DeviceId, found: &Entry, kind: u16) {
    let netns = world[bridge].netns;
    if !world.listens(netns, RTNLGRP_NEIGH) {
        return;
    }
    let mut out = Builder::new();
    fill(world, bridge, found, Header { kind, flags: 0, seq: 0, pid: 0 }, &mut out);
    world.publish(netns, RTNLGRP_NEIGH, &out.bytes);
}

/// Writes an entry as a message (`fdb_fill_info`).
pub(crate) fn fill(world: &World, bridge: DeviceId, found: &Entry, header: Header, out: &mut Builder) {
    let state = of(world, bridge);
    let device = state.ports.get(&found.port).copied().filter(|_| found.port != 0).unwrap_or(bridge);
    let now = frames::tick(world);
    let nud = match found.flags {
        flags if flags & entry::LOCAL != 0 => NUD_PERMANENT,
        flags if flags & entry::STATIC != 0 => NUD_NOARP,
        flags if flags & LASTING == 0 && age_of(found, now) >= state.ageing_time => NUD_STALE,
        _ => NUD_REACHABLE,
    };
    let bits = [(entry::EXTERN_LEARN, NTF_EXT_LEARNED), (entry::STICKY, NTF_STICKY)];
    let flags = bits.iter().filter(|(bit, _)| found.flags & bit != 0).fold(0, |sum, (_, bit)| sum | bit);
    let start = out.start(header);
    Ndmsg { family: AF_BRIDGE, ifindex: world[device].ifindex, state: nud, flags, kind: 0 }.encode(out);
    out.put(NDA_LLADDR, &found.mac);
    out.u32(NDA_MASTER, world[bridge].ifindex);
    let used = now.saturating_sub(found.used);
    Cacheinfo { confirmed: 0, used, updated: now.saturating_sub(found.updated), references: 0 }.encode(out);
    if found.vid != 0 {
        out.u16(NDA_VLAN, found.vid);
    }
    out.finish(start);
}

fn age_of(found: &Entry, now: u32) -> u64 {
    now.saturating_sub(found.updated).into()
}

/// A new address was learned, or one moved.
#[cold]
pub(super) fn learned(world: &mut World, bridge: DeviceId, key: u64) {
    if world.listens(world[bridge].netns, RTNLGRP_NEIGH) {
        if let Some(found) = of(world, bridge).fdb.entry(key) {
            tell(world, bridge, &found, RTM_NEWNEIGH);
        }
    }
}

/// Removes an entry and tells of it.
pub(super) fn delete(world: &mut World, bridge: DeviceId, key: u64) {
    let Some(found) = of(world, bridge).fdb.entry(key) else { return };
    tell(world, bridge, &found, RTM_DELNEIGH);
    of_mut(world, bridge).fdb.remove(key);
}

// Addresses of the bridge and its ports.

/// Enters a local address (`br_fdb_add_local`); of several devices with the same, the first keeps it.
pub(super) fn add_local(world: &mut World, bridge: DeviceId, number: u16, mac: Mac, vid: u16) {
    if !is_valid_ether_addr(&mac) {
        return;
    }
    let place = key(&mac, vid);
    match of(world, bridge).fdb.entry(place) {
        Some(known) if known.flags & entry::LOCAL != 0 => return,
        Some(_) => delete(world, bridge, place),
        None => {}
    }
    let tick = frames::tick(world);
    of_mut(world, bridge).fdb.insert(place, number, entry::LOCAL | entry::STATIC, tick);
    learned(world, bridge, place);
}

/// Removes a local address, unless another device has the same and inherits it (`fdb_delete_local`).
fn delete_local(world: &mut World, bridge: DeviceId, number: u16, found: &Entry) {
    let heir = super::ports(world, bridge).into_iter().find_map(|id| {
        let port = port::of_port(world, id)?;
        let fits =
            world[id].address == found.mac && (found.vid == 0 || port.vlans.list.contains_key(&found.vid));
        (port.number != number && fits).then_some(port.number)
    });
    let own = number != 0
        && world[bridge].address == found.mac
        && (found.vid == 0 || of(world, bridge).vlans.list.contains_key(&found.vid));
    match heir.or(own.then_some(0)) {
        Some(heir) => {
            let flags = found.flags & !entry::BY_USER;
            of_mut(world, bridge).fdb.insert(key(&found.mac, found.vid), heir, flags, found.updated);
        }
        None => delete(world, bridge, key(&found.mac, found.vid)),
    }
}

/// Removes the local address of a device for a VLAN, if it is the device's own and nobody added it
/// (`br_fdb_find_delete_local`).
pub(super) fn remove_local(world: &mut World, bridge: DeviceId, number: u16, mac: Mac, vid: u16) {
    let found = of(world, bridge).fdb.entry(key(&mac, vid));
    let own =
        |found: &Entry| found.port == number && found.flags & (entry::LOCAL | entry::BY_USER) == entry::LOCAL;
    if let Some(found) = found.filter(own) {
        delete_local(world, bridge, number, &found);
    }
}

/// The bridge is about to have another address (`br_fdb_change_mac_address`).
pub(super) fn change_own(world: &mut World, bridge: DeviceId, new: Mac) {
    let old = world[bridge].address;
    let vids = of(world, bridge).vlans.list.keys().copied();
    for vid in std::iter::once(0).chain(vids).collect::<Vec<u16>>() {
        let found = of(world, bridge).fdb.entry(key(&old, vid));
        if let Some(found) = found.filter(|found| found.port == 0 && found.flags & entry::LOCAL != 0) {
            delete_local(world, bridge, 0, &found);
        }
        add_local(world, bridge, 0, new, vid);
    }
}

/// A port has another address (`br_fdb_changeaddr`).
pub(super) fn change_of_port(world: &mut World, id: DeviceId) {
    let Some(port) = port::of_port(world, id) else { return };
    let (bridge, number, mac) = (port.bridge, port.number, world[id].address);
    let vids: Vec<u16> = std::iter::once(0).chain(port.vlans.list.keys().copied()).collect();
    let own =
        |found: &Entry| found.port == number && found.flags & (entry::LOCAL | entry::BY_USER) == entry::LOCAL;
    for found in of(world, bridge).fdb.entries_where(own).into_iter().rev() {
        delete_local(world, bridge, number, &found);
    }
    for vid in vids {
        add_local(world, bridge, number, mac, vid);
    }
}

// Forgetting.

/// Forgets the entries for which `gone` says so, and tells of each.
pub(super) fn forget(world: &mut World, bridge: DeviceId, gone: impl FnMut(&Entry) -> bool) {
    let listening = world.listens(world[bridge].netns, RTNLGRP_NEIGH);
    let removed = of_mut(world, bridge).fdb.remove_where(gone);
    if listening {
        for found in removed.iter().rev() {
            tell(world, bridge, found, RTM_DELNEIGH);
        }
    }
}

/// Forgets what was learned at a port (0: the bridge itself) in one VLAN, or with 0 in all (`br_fdb_delete_by_port`).
pub(super) fn flush(world: &mut World, bridge: DeviceId, number: u16, vid: u16) {
    forget(world, bridge, |found| {
        found.port == number && found.flags & LASTING == 0 && (vid == 0 || found.vid == vid)
    });
}

/// Forgets everything that is not set for good (`br_fdb_flush`).
pub(super) fn flush_all(world: &mut World, bridge: DeviceId) {
    forget(world, bridge, |found| found.flags & entry::STATIC == 0);
}

/// Forgets a port with everything that was at it.
pub(super) fn forget_port(world: &mut World, bridge: DeviceId, number: u16) {
    let at_port: Vec<Entry> = of(world, bridge).fdb.entries_where(|found| found.port == number);
    let (local, rest): (Vec<&Entry>, Vec<&Entry>) =
        at_port.iter().rev().partition(|found| found.flags & entry::LOCAL != 0);
    for found in local {
        delete_local(world, bridge, number, found);
    }
    if !rest.is_empty() {
        forget(world, bridge, |found| found.port == number && found.flags & entry::LOCAL == 0);
    }
}

// Age.

/// Has what is old cleared away soon.
pub(super) fn start_clearing(world: &mut World, bridge: DeviceId, timer: TimerId) {
    world.set_timer(bridge, timer, FIRST_CLEARING * TICK);
}

/// Clears away what was not heard of for longer than the ageing time (`br_fdb_cleanup`).
pub(super) fn clear(world: &mut World, bridge: DeviceId, timer: TimerId) {
    let now = frames::tick(world);
    let limit = of(world, bridge).ageing_time;
    let mut next = limit;
    let mut old = false;
    of(world, bridge).fdb.each(|found| {
        if found.flags & LASTING == 0 {
            let age = age_of(found, now);
            old |= age >= limit;
            next = next.min(limit.saturating_sub(age).max(1));
        }
    });
    if old {
        forget(world, bridge, |found| found.flags & LASTING == 0 && age_of(found, now) >= limit);
    }
    let next = if limit == 0 { IDLE } else { next };
    world.set_timer(bridge, timer, next.max(1) * TICK);
}
