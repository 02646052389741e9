//! Requests about the table: an entry is added, replaced, removed, looked for; entries are flushed by what they are
//! (`br_fdb_add`, `br_fdb_delete`, `br_fdb_delete_bulk`, `br_fdb_get` in `net/bridge/br_fdb.c`).
//!
//! What names no VLAN is done without one and for every VLAN of the device.

use super::port::of_port;
use super::{frames, of, of_mut, promiscuity, table, vlans};
use crate::device::{DeviceId, Mac};
use crate::fdb::{Entry, flag, key};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::kind::bridge_slave::{BR_STATE_FORWARDING, BR_STATE_LEARNING};
use rtnl::message::{NLM_F_CREATE, NLM_F_EXCL, Refusal};
use rtnl::object::neigh::*;

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

/// What a flush may name by state, and by flag.
const FLUSH_STATES: u16 = NUD_PERMANENT | NUD_NOARP;
const FLUSH_FLAGS: u8 = NTF_USE | NTF_EXT_LEARNED | NTF_STICKY | NTF_OFFLOADED;

/// An entry that is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub mac: Mac,
    /// 0: none named.
    pub vid: u16,
    /// `NUD_*`.
    pub state: u16,
    /// `NTF_*`.
    pub flags: u8,
    /// `NLM_F_*`.
    pub mode: u16,
    /// A change does not count as news of the address.
    pub keep_age: bool,
}

/// The VLANs in which something is done to an entry: the one named, or none and then each of the device's.
fn vids(world: &World, id: DeviceId, vid: u16) -> Vec<u16> {
    if vid != 0 {
        return vec![vid];
    }
    let members = vlans::of_device(world, id).into_iter().flat_map(|members| members.list.keys().copied());
    std::iter::once(0).chain(members).collect()
}

fn has_vid(world: &World, id: DeviceId, vid: u16) -> bool {
    vid == 0 || vlans::of_device(world, id).is_some_and(|members| members.list.contains_key(&vid))
}

/// Adds an entry for a bridge or port, or changes it (`br_fdb_add`).
pub(crate) fn add(world: &mut World, id: DeviceId, wanted: &Wanted) -> Result {
    let (bridge, number) = vlans::place(world, id).ok_or(Errno::EINVAL)?;
    let state_known = wanted.state & (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE) != 0;
    if !state_known || wanted.mac == [0; 6] || !has_vid(world, id, wanted.vid) {
        return Err(Errno::EINVAL.into());
    }
    for vid in vids(world, id, wanted.vid) {
        let place = key(&wanted.mac, vid);
        if wanted.flags & NTF_USE != 0 {
            use_address(world, bridge, id, number, place)?;
        } else if wanted.flags & NTF_EXT_LEARNED != 0 {
            learn_outside(world, bridge, number, place, wanted)?;
        } else {
            set(world, bridge, id, number, place, wanted)?;
        }
    }
    promiscuity::receive_addresses(world, bridge);
    Ok(())
}

fn learns(world: &World, id: DeviceId) -> bool {
    of_port(world, id).is_some_and(|port| [BR_STATE_LEARNING, BR_STATE_FORWARDING].contains(&port.state))
}

/// As if the address had been heard of at the port.
fn use_address(world: &mut World, bridge: DeviceId, id: DeviceId, number: u16, place: u64) -> Result {
    if number == 0 {
        return Err(Errno::EINVAL.into());
    }
    if !learns(world, id) || of(world, bridge).ageing_time == 0 {
        return Ok(());
    }
    let tick = frames::tick(world);
    let fdb = &mut of_mut(world, bridge).fdb;
    let changed = fdb.learn(place, number, tick);
    if let Some(known) = fdb.entry(place).filter(|known| known.flags & flag::LOCAL == 0) {
        fdb.insert(place, known.port, known.flags | flag::BY_USER, tick);
    }
    if changed {
        table::learned(world, bridge, place);
    }
    Ok(())
}

/// Somebody outside the kernel learned the address (`br_fdb_external_learn_add`).
fn learn_outside(world: &mut World, bridge: DeviceId, number: u16, place: u64, wanted: &Wanted) -> Result {
    if number == 0 && wanted.state & NUD_PERMANENT == 0 {
        return Err(Refusal::said(Errno::EINVAL, "bridge: FDB entry towards bridge must be permanent"));
    }
    let tick = frames::tick(world);
    let fdb = &mut of_mut(world, bridge).fdb;
    let known = fdb.entry(place);
    let base = known.map_or(flag::EXTERN_LEARN | flag::BY_USER, |known| match known.flags {
        flags if flags & (flag::EXTERN_LEARN | flag::BY_USER) == flag::BY_USER => flags | flag::BY_USER,
        flags => flags | flag::EXTERN_LEARN | flag::BY_USER,
    });
    // One that was the bridge's own stays so.
    let flags = base | if number == 0 { flag::LOCAL } else { 0 };
    let modified = known.is_none_or(|known| known.port != number || known.flags & flag::EXTERN_LEARN == 0);
    if !fdb.insert(place, number, flags, tick) {
        return Err(Errno::ENOMEM.into());
    }
    if modified {
        table::learned(world, bridge, place);
    }
    Ok(())
}

/// Adds an entry or changes it (`fdb_add_entry`).
fn set(
    world: &mut World,
    bridge: DeviceId,
    id: DeviceId,
    number: u16,
    place: u64,
    wanted: &Wanted,
) -> Result {
    let (permanent, fixed) = (wanted.state & NUD_PERMANENT != 0, wanted.state & NUD_NOARP != 0);
    if number != 0 && !permanent && !fixed && !learns(world, id) {
        return Err(Errno::EPERM.into());
    }
    let sticky = wanted.flags & NTF_STICKY != 0;
    if number == 0 && !permanent || sticky && permanent {
        return Err(Errno::EINVAL.into());
    }
    let tick = frames::tick(world);
    let known = of(world, bridge).fdb.entry(place);
    match known {
        None if wanted.mode & NLM_F_CREATE == 0 => return Err(Errno::ENOENT.into()),
        Some(_) if wanted.mode & NLM_F_EXCL != 0 => return Err(Errno::EEXIST.into()),
        _ => {}
    }
    let kept = known.map_or(0, |known| known.flags & !(flag::LOCAL | flag::STATIC | flag::STICKY));
    let kind = match (permanent, fixed) {
        (true, _) => flag::LOCAL | flag::STATIC,
        (_, true) => flag::STATIC,
        _ => 0,
    };
    let sticky = if sticky { flag::STICKY } else { 0 };
    let flags = kept | kind | sticky | flag::BY_USER;
    let unlike = |known: Entry| known.port != number || (known.flags ^ flags) & !flag::BY_USER != 0;
    let modified = known.is_none_or(unlike);
    let updated = match known {
        Some(known) if !modified || wanted.keep_age => known.updated,
        _ => tick,
    };
    if !of_mut(world, bridge).fdb.insert(place, number, flags, updated) {
        return Err(Errno::ENOMEM.into());
    }
    if modified {
        table::learned(world, bridge, place);
    }
    Ok(())
}

/// Removes an entry of a bridge or port (`br_fdb_delete`).
pub(crate) fn delete(world: &mut World, id: DeviceId, mac: &Mac, vid: u16) -> Result {
    let (bridge, number) = vlans::place(world, id).ok_or(Errno::EINVAL)?;
    if !has_vid(world, id, vid) {
        return Err(Errno::EINVAL.into());
    }
    let mut found = false;
    for vid in vids(world, id, vid) {
        let place = key(mac, vid);
        if of(world, bridge).fdb.entry(place).is_some_and(|known| known.port == number) {
            table::delete(world, bridge, place);
            found = true;
        }
    }
    promiscuity::receive_addresses(world, bridge);
    if found { Ok(()) } else { Err(Errno::ENOENT.into()) }
}

/// Which entries a flush is about.
#[derive(Clone, Copy, Default)]
pub(crate) struct Flush {
    pub vid: u16,
    pub state: u16,
    pub flags: u8,
    pub state_mask: u16,
    pub flags_mask: u8,
    /// The port's index, or the bridge's for its own; 0: all.
    pub ifindex: u32,
}

fn entry_flags(state: u16, flags: u8) -> u16 {
    let rows = [
        (state & NUD_PERMANENT != 0, flag::LOCAL),
        (state & NUD_NOARP != 0, flag::STATIC),
        (flags & NTF_USE != 0, flag::BY_USER),
        (flags & NTF_EXT_LEARNED != 0, flag::EXTERN_LEARN),
        (flags & NTF_STICKY != 0, flag::STICKY),
    ];
    rows.iter().filter(|(on, _)| *on).fold(0, |sum, (_, bit)| sum | bit)
}

/// Removes all entries that fit (`br_fdb_delete_bulk`).
pub(crate) fn flush(world: &mut World, id: DeviceId, flush: &Flush) -> Result {
    let not_a_port = Refusal::said(Errno::EINVAL, "bridge: Device is not a bridge port");
    let (bridge, number) = vlans::place(world, id).ok_or(not_a_port)?;
    let refuse = |sentence| Err(Refusal::said(Errno::EINVAL, sentence));
    let flags = flush.flags & !(NTF_MASTER | NTF_SELF);
    if flags & !FLUSH_FLAGS != 0 {
        return refuse("bridge: Unsupported fdb flush ndm flag bits set");
    }
    if flush.state & !FLUSH_STATES != 0 {
        return refuse("bridge: Unsupported fdb flush ndm state bits set");
    }
    let mut only = (number != 0).then_some(number);
    if flush.ifindex != 0 {
        only = Some(flushed_port(world, bridge, flush.ifindex)?);
    }
    // No hardware has any entry.
    if flags & NTF_OFFLOADED != 0 {
        return Ok(());
    }
    let (want, mask) = (entry_flags(flush.state, flags), entry_flags(flush.state_mask, flush.flags_mask));
    table::forget(world, bridge, |found| {
        (flush.vid == 0 || found.vid == flush.vid)
            && only.is_none_or(|number| found.port == number && number != 0)
            && found.flags & mask == want
    });
    promiscuity::receive_addresses(world, bridge);
    Ok(())
}

/// The number of the port that a flush names (`__fdb_flush_validate_ifindex`).
fn flushed_port(world: &World, bridge: DeviceId, ifindex: u32) -> Result<u16> {
    let found = world.by_index(world[bridge].netns, ifindex);
    let found = found.ok_or(Refusal::said(Errno::ENODEV, "bridge: Unknown flush device ifindex"))?;
    let refuse = |sentence| Err(Refusal::said(Errno::EINVAL, sentence));
    match vlans::place(world, found) {
        None => refuse("bridge: Flush device is not a bridge or bridge port"),
        Some((other, 0)) if other != bridge => {
            refuse("bridge: Flush bridge device does not match target bridge device")
        }
        Some((other, _)) if other != bridge => refuse("bridge: Port belongs to a different bridge device"),
        Some((_, number)) => Ok(number),
    }
}

/// One entry of a bridge.
pub(crate) fn find(world: &World, bridge: DeviceId, mac: &Mac, vid: u16) -> Option<Entry> {
    of(world, bridge).fdb.entry(key(mac, vid))
}

/// The entries at a bridge itself or at one of its ports, the oldest first.
pub(crate) fn at(world: &World, id: DeviceId) -> Vec<Entry> {
    let Some((bridge, number)) = vlans::place(world, id) else { return Vec::new() };
    let mut all = Vec::new();
    of(world, bridge).fdb.each(|found| {
        if found.port == number {
            all.push(*found);
        }
    });
    all.sort_unstable_by_key(|found| found.number);
    all
}
