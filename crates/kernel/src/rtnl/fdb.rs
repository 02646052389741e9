//! RTM_NEWNEIGH, RTM_DELNEIGH and RTM_GETNEIGH of the family of bridges: the tables of bridges, and the extra
//! addresses of devices themselves (`rtnl_fdb_add` and its sisters in `net/core/rtnetlink.c`).
//!
//! A request is for the device's master, for the device itself, or for both; without a flag it is for the master if
//! that is a bridge. A type may keep a table of its own, which then stands for the list of extra addresses
//! (`link::Addresses`).

use super::bridge_dump::{BridgeDump, What};
use super::{Asker, reply, start};
use crate::device::{DeviceId, Mac};
use crate::link::Found;
use crate::link::bridge::{self, entries};
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, NLM_F_EXCL, NLM_F_REPLACE, Refusal};
use rtnl::object::fdb::NLM_F_BULK;
use rtnl::object::link::{ARPHRD_ETHER, IFLA_MASTER, Ifinfo};
use rtnl::object::neigh::*;
use rtnl::table::Tb;

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

const AF_BRIDGE: u8 = 7;
/// Inside `NDA_FDB_EXT_ATTRS`: a change is no news of the address.
const NFEA_DONT_REFRESH: u16 = 2;
/// The largest identifier of a VLAN.
const LARGEST_VID: u16 = 4094;

fn invalid(sentence: &'static str) -> Refusal {
    Refusal::said(Errno::EINVAL, sentence)
}

fn parse_vid(tb: &Tb<'_>) -> Result<u16> {
    let Some(attr) = tb.get(NDA_VLAN) else { return Ok(0) };
    if attr.payload.len() != 2 {
        return Err(invalid("invalid vlan attribute size"));
    }
    match attr.u16() {
        0 => Err(invalid("invalid vlan id")),
        vid if vid > LARGEST_VID => Err(invalid("invalid vlan id")),
        vid => Ok(vid),
    }
}

fn parse_address(tb: &Tb<'_>) -> Result<Mac> {
    let address = tb.get(NDA_LLADDR).and_then(|attr| Mac::try_from(attr.payload).ok());
    address.ok_or(invalid("invalid address"))
}

fn find_device(world: &World, asker: Asker, ndm: &Ndmsg) -> Result<DeviceId> {
    if ndm.ifindex == 0 {
        return Err(invalid("invalid ifindex"));
    }
    let found = world.by_index(asker.netns, ndm.ifindex);
    found.ok_or(Refusal::said(Errno::ENODEV, "unknown ifindex"))
}

fn is_for_master(world: &World, id: DeviceId, flags: u8) -> bool {
    (flags == 0 || flags & NTF_MASTER != 0) && bridge::bridge_of(world, id).is_some()
}

/// Adds an entry.
pub(crate) fn add(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let ndm = Ndmsg::decode(message).ok_or(Errno::EINVAL)?;
    let tb = Tb::read(message.attrs(Ndmsg::SIZE));
    let id = find_device(world, asker, &ndm)?;
    let mac = parse_address(&tb)?;
    if world[id].hardware_type != ARPHRD_ETHER {
        return Err(invalid("FDB add only supported for Ethernet devices"));
    }
    let vid = parse_vid(&tb)?;
    let keep_age = tb.nest(NDA_FDB_EXT_ATTRS).has(NFEA_DONT_REFRESH);
    let (state, mut flags, mode) = (ndm.state, ndm.flags, message.header.flags);
    let wanted = entries::Wanted { mac, vid, state, flags, mode, keep_age };
    let mut result = Err(Errno::EOPNOTSUPP.into());
    if is_for_master(world, id, ndm.flags) {
        entries::add(world, id, &wanted)?;
        result = Ok(());
        // What is left of the request is for the device itself.
        flags &= !NTF_MASTER;
    }
    if ndm.flags & NTF_SELF != 0 {
        if bridge::is_bridge(world, id) {
            entries::add(world, id, &wanted)?;
        } else if let Some(table) = world[id].kind.addresses {
            (table.add)(world, id, &Found { mac, state, flags }, mode, &tb)?;
        } else {
            add_own(world, id, &wanted, tb.has(NDA_FLAGS_EXT))?;
        }
        notify_own(world, id, &mac, vid, ndm.state, RTM_NEWNEIGH);
        result = Ok(());
    }
    result
}

/// Asks for an extra address on a device itself (`ndo_dflt_fdb_add`), or on one that looks at who may
/// (`macvlan_fdb_add`).
fn add_own(world: &mut World, id: DeviceId, wanted: &entries::Wanted, more_flags: bool) -> Result {
    if let Some(takes) = world[id].kind.takes_addresses {
        return add_picked(world, id, wanted, takes(world, id));
    }
    let other_state = wanted.state != 0 && wanted.state & NUD_PERMANENT == 0;
    if other_state || more_flags || wanted.vid != 0 {
        return Err(Errno::EINVAL.into());
    }
    if is_unicast_or_link_local(&wanted.mac) {
        if !world[id].unicast.users.contains_key(&wanted.mac) {
            world.add_unicast(id, wanted.mac);
            return Ok(());
        }
    } else if !world[id].multicast.contains(&wanted.mac) {
        world.add_group(id, wanted.mac);
        return Ok(());
    }
    if wanted.mode & NLM_F_EXCL != 0 { Err(Errno::EEXIST.into()) } else { Ok(()) }
}

/// The same where state and VLAN do not count: groups as they come, unicast addresses if the device takes any.
fn add_picked(world: &mut World, id: DeviceId, wanted: &entries::Wanted, takes_unicast: bool) -> Result {
    let is_group = wanted.mac[0] & 1 != 0;
    if !is_group && !takes_unicast || wanted.mode & NLM_F_REPLACE != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    match is_group {
        true => world.add_group(id, wanted.mac),
        false if wanted.mac == [0; 6] => return Err(Errno::EINVAL.into()),
        false if world[id].unicast.users.contains_key(&wanted.mac) => return Err(Errno::EEXIST.into()),
        false => world.add_unicast(id, wanted.mac),
    }
    Ok(())
}

fn is_unicast_or_link_local(mac: &Mac) -> bool {
    mac[0] & 1 == 0 || mac[..5] == [0x01, 0x80, 0xc2, 0, 0] && mac[5] & 0xf0 == 0
}

/// Removes an entry, or all that fit.
pub(crate) fn delete(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let ndm = Ndmsg::decode(message).ok_or(Errno::EINVAL)?;
    let bulk = message.has(NLM_F_BULK);
    let attrs = message.attrs(Ndmsg::SIZE);
    let tb = if bulk { NDA.parse(attrs)? } else { Tb::read(attrs) };
    let id = find_device(world, asker, &ndm)?;
    let mac = if bulk { [0; 6] } else { parse_address(&tb)? };
    if world[id].hardware_type != ARPHRD_ETHER {
        return Err(invalid("FDB delete only supported for Ethernet devices"));
    }
    let vid = parse_vid(&tb)?;
    let mut result = Err(Errno::EOPNOTSUPP.into());
    if is_for_master(world, id, ndm.flags) {
        if bulk {
            flush(world, id, &ndm, vid, &tb)?
        } else {
            entries::delete(world, id, &mac, vid)?
        }
        result = Ok(());
    }
    if ndm.flags & NTF_SELF != 0 {
        match (bulk, bridge::is_bridge(world, id)) {
            (true, true) => return flush(world, id, &ndm, vid, &tb),
            (true, false) => return Err(Errno::EOPNOTSUPP.into()),
            (false, true) => entries::delete(world, id, &mac, vid)?,
            (false, false) => match world[id].kind.addresses {
                Some(table) => (table.delete)(world, id, &mac, &tb)?,
                None => delete_own(world, id, &mac, ndm.state)?,
            },
        }
        notify_own(world, id, &mac, vid, ndm.state, RTM_DELNEIGH);
        result = Ok(());
    }
    result
}

/// Asks no longer for an extra address (`ndo_dflt_fdb_del`).
fn delete_own(world: &mut World, id: DeviceId, mac: &Mac, state: u16) -> Result {
    match world[id].kind.takes_addresses {
        Some(takes) if mac[0] & 1 == 0 && !takes(world, id) => return Err(Errno::EOPNOTSUPP.into()),
        None if state & NUD_PERMANENT == 0 => return Err(Errno::EINVAL.into()),
        _ => {}
    }
    let there = if is_unicast_or_link_local(mac) {
        let there = world[id].unicast.users.contains_key(mac);
        if there {
            world.remove_unicast(id, *mac);
        }
        there
    } else {
        world.remove_group(id, mac)
    };
    if there { Ok(()) } else { Err(Errno::ENOENT.into()) }
}

fn flush(world: &mut World, id: DeviceId, ndm: &Ndmsg, vid: u16, tb: &Tb<'_>) -> Result {
    let wanted = entries::Flush {
        vid,
        state: ndm.state,
        flags: ndm.flags,
        state_mask: tb.u16(NDA_NDM_STATE_MASK).unwrap_or(0),
        flags_mask: tb.u8(NDA_NDM_FLAGS_MASK).unwrap_or(0),
        ifindex: tb.u32(NDA_IFINDEX).unwrap_or(0),
    };
    entries::flush(world, id, &wanted)
}

/// Answers with one entry (`rtnl_fdb_get`).
pub(crate) fn get(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let ndm = Ndmsg::decode(message).ok_or(invalid("Invalid header for fdb get request"))?;
    if ndm.state != 0 || ndm.kind != 0 {
        return Err(invalid("Invalid values in header for fdb get request"));
    }
    if ndm.flags & !(NTF_MASTER | NTF_SELF) != 0 {
        return Err(invalid("Invalid flags in header for fdb get request"));
    }
    let tb = NDA.parse(message.attrs(Ndmsg::SIZE))?;
    if tb.get(NDA_LLADDR).is_some_and(|attr| attr.payload.len() != 6) {
        return Err(invalid("Invalid address in fdb get request"));
    }
    let vid = parse_vid(&tb)?;
    let mac = tb.get(NDA_LLADDR).ok_or(invalid("Missing lookup address for fdb get request"))?.first();
    let asked = asked_table(world, asker, &ndm, &tb)?;
    let mut out = Builder::new();
    let header = Header { kind: RTM_NEWNEIGH, flags: 0, seq: message.header.seq, pid: asker.pid };
    if let Some(table) = world[asked].kind.addresses {
        (table.get)(world, asked, &mac, &tb, header, &mut out)?;
    } else {
        let not_found = Refusal::said(Errno::ENOENT, "Fdb entry not found");
        let found = entries::find(world, asked, &mac, vid).ok_or(not_found)?;
        bridge::table::fill(world, asked, &found, header, &mut out);
    }
    reply(world, asker, out);
    Ok(())
}

/// The bridge, or other device with a table, that a question is about.
fn asked_table(world: &World, asker: Asker, ndm: &Ndmsg, tb: &Tb<'_>) -> Result<DeviceId> {
    let unsupported = Refusal::said(Errno::EOPNOTSUPP, "Fdb get operation not supported by device");
    let device = match ndm.ifindex {
        0 => None,
        ifindex => {
            let unknown = Refusal::said(Errno::ENODEV, "Unknown device ifindex");
            Some(world.by_index(asker.netns, ifindex).ok_or(unknown)?)
        }
    };
    if let Some(ifindex) = tb.u32(NDA_MASTER).filter(|ifindex| *ifindex != 0) {
        if device.is_some() {
            return Err(invalid("Master and device are mutually exclusive"));
        }
        let master = world.by_index(asker.netns, ifindex).ok_or(invalid("Invalid master ifindex"))?;
        return if bridge::is_bridge(world, master) { Ok(master) } else { Err(unsupported) };
    }
    let device = device.ok_or(invalid("No device specified"))?;
    if ndm.flags == 0 || ndm.flags & NTF_MASTER != 0 {
        return bridge::bridge_of(world, device).ok_or(invalid("Device is not a bridge port"));
    }
    let has_table = bridge::is_bridge(world, device) || world[device].kind.addresses.is_some();
    if has_table { Ok(device) } else { Err(unsupported) }
}

/// Begins to list addresses. The request's fixed part is that of neighbours or, from older clients, that of links.
pub(crate) fn start_dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let as_neighbour = [Ndmsg::SIZE, Ndmsg::SIZE + 8].contains(&message.payload().len());
    let (only, master) = if as_neighbour {
        let ndm = Ndmsg::decode(message).ok_or(Errno::EINVAL)?;
        let tb = Tb::read(message.attrs(Ndmsg::SIZE));
        (tb.u32(NDA_IFINDEX).unwrap_or(ndm.ifindex), tb.u32(NDA_MASTER))
    } else {
        let info = Ifinfo::decode(message).ok_or(Errno::EINVAL)?;
        (info.ifindex as u32, Tb::read(message.attrs(Ifinfo::SIZE)).u32(IFLA_MASTER))
    };
    let bridge = match master.filter(|master| *master != 0) {
        Some(master) => Some(world.by_index(asker.netns, master).ok_or(Errno::ENODEV)?),
        None => None,
    };
    let what = BridgeDump::of_netns(world, asker.netns, What::Addresses { only, bridge });
    start(world, asker, message, what)
}

/// Writes the extra addresses that a device itself was asked for: hosts, then groups (`ndo_dflt_fdb_dump`).
pub(crate) fn own_addresses(world: &World, id: DeviceId, header: Header, out: &mut Builder) {
    let device = &world[id];
    let groups = device.multicast.in_order();
    for mac in device.unicast.users.keys().chain(groups.iter().map(|(mac, _)| mac)) {
        own_address(device.ifindex, mac, 0, NUD_PERMANENT, header, out);
    }
}

fn own_address(ifindex: u32, mac: &Mac, vid: u16, state: u16, header: Header, out: &mut Builder) {
    let start = out.start(header);
    Ndmsg { family: AF_BRIDGE, ifindex, state, flags: NTF_SELF, kind: 0 }.encode(out);
    out.put(NDA_LLADDR, mac);
    if vid != 0 {
        out.u16(NDA_VLAN, vid);
    }
    out.finish(start);
}

fn notify_own(world: &mut World, id: DeviceId, mac: &Mac, vid: u16, state: u16, kind: u16) {
    let (netns, ifindex) = (world[id].netns, world[id].ifindex);
    if world.listens(netns, RTNLGRP_NEIGH) {
        let mut out = Builder::new();
        own_address(ifindex, mac, vid, state, Header { kind, flags: 0, seq: 0, pid: 0 }, &mut out);
        world.publish(netns, RTNLGRP_NEIGH, &out.bytes);
    }
}
