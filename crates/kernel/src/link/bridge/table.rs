//! The bridge's table of addresses: what is its own, what ages, what is flushed, and who is told
//! (`net/bridge/br_fdb.c`).
//!
//! The addresses of the bridge and of its ports are in the table as local ones, once without a VLAN and once for
//! each VLAN of the device they belong to.

use super::*;
use crate::fdb::{flag as entry, key};

/// A new address was learned, or one moved.
pub(super) fn learned(_world: &mut World, _bridge: DeviceId, _key: u64) {}

/// Enters the address of a port, or of the bridge itself, for every VLAN that the device belongs to.
pub(super) fn add_own(world: &mut World, bridge: DeviceId, port: Option<DeviceId>) {
    let device = port.unwrap_or(bridge);
    let mac = world[device].address;
    let (number, vids) = own_vids(world, bridge, port);
    let tick = frames::tick(world);
    let fdb = &mut of_mut(world, bridge).fdb;
    for vid in vids {
        let known = fdb.entry(key(&mac, vid));
        // Two ports may share an address: the first one's entry stays.
        if known.is_none_or(|known| known.flags & entry::LOCAL == 0) {
            fdb.remove(key(&mac, vid));
            fdb.insert(key(&mac, vid), number, entry::LOCAL | entry::STATIC, tick);
        }
    }
}

/// The number of a port, or 0, and the VLANs of the device, that of none first.
fn own_vids(world: &World, bridge: DeviceId, port: Option<DeviceId>) -> (u16, Vec<u16>) {
    let (number, members) = match port.and_then(|port| port::of_port(world, port)) {
        Some(port) => (port.number, &port.vlans),
        None => (0, &of(world, bridge).vlans),
    };
    (number, std::iter::once(0).chain(members.list.keys().copied()).collect())
}

/// Removes the local addresses of a port, or of the bridge itself; another device with the same address takes over.
pub(super) fn remove_own(world: &mut World, bridge: DeviceId, number: u16) {
    let gone = of_mut(world, bridge)
        .fdb
        .remove_where(|found| found.port == number && found.flags & entry::LOCAL != 0);
    if gone.is_empty() {
        return;
    }
    let heirs: Vec<DeviceId> = of(world, bridge).arrivals.clone();
    for port in heirs {
        if port::of_port(world, port).is_some_and(|port| port.number != number) {
            add_own(world, bridge, Some(port));
        }
    }
    if number != 0 {
        add_own(world, bridge, None);
    }
}

/// The address of a port or of the bridge changed, or its VLANs did.
pub(super) fn renew_own(world: &mut World, bridge: DeviceId, port: Option<DeviceId>) {
    let number = port.and_then(|port| port::of_port(world, port)).map_or(0, |port| port.number);
    of_mut(world, bridge).fdb.remove_where(|found| found.port == number && found.flags & entry::LOCAL != 0);
    add_own(world, bridge, port);
}

/// Forgets what was learned at a port, or at all; what somebody added stays (`br_fdb_delete_by_port`, `br_fdb_flush`).
pub(super) fn flush(world: &mut World, bridge: DeviceId, number: Option<u16>) {
    let keep = entry::LOCAL | entry::STATIC | entry::EXTERN_LEARN;
    of_mut(world, bridge)
        .fdb
        .remove_where(|found| number.is_none_or(|number| found.port == number) && found.flags & keep == 0);
}

/// Forgets a port with everything that was at it.
pub(super) fn forget_port(world: &mut World, bridge: DeviceId, number: u16) {
    remove_own(world, bridge, number);
    of_mut(world, bridge).fdb.forget_port(number);
}

/// Removes what was not heard of for longer than the ageing time (`br_fdb_cleanup`).
pub(super) fn age(world: &mut World, bridge: DeviceId) {
    let now = frames::tick(world);
    let state = of_mut(world, bridge);
    let oldest = state.ageing_time as u32;
    let stays = entry::LOCAL | entry::STATIC | entry::EXTERN_LEARN;
    state.fdb.remove_where(|found| found.flags & stays == 0 && now.saturating_sub(found.updated) >= oldest);
}
