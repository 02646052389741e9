//! The bridge's groups as requests see them: added, removed, listed, told of (`net/bridge/br_mdb.c`).

use super::multicast::{self, Address, GroupId, Member, end_of};
use super::port::of_port;
use super::{of, routers, vlans};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::kind::bridge_slave::BR_STATE_DISABLED;
use rtnl::message::{Header, Refusal};
use rtnl::object::mdb::*;
use rtnl::table::Tb;
use std::net::Ipv6Addr;

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

const AF_BRIDGE: u8 = 7;
/// Who made a member: the kernel, from what it heard; or a user.
const RTPROT_KERNEL: u8 = 2;
const RTPROT_STATIC: u8 = 4;

fn refuse<T>(errno: Errno, sentence: &'static str) -> Result<T> {
    Err(Refusal::said(errno, sentence))
}

fn invalid<T>(sentence: &'static str) -> Result<T> {
    refuse(Errno::EINVAL, sentence)
}

/// Refuses what no entry may say (`is_valid_mdb_entry`).
fn check(entry: &MdbEntry) -> Result {
    if entry.ifindex == 0 {
        return invalid("bridge: Zero entry ifindex is not allowed");
    }
    let bytes = entry.group.address();
    match entry.group.protocol {
        Group::IPV4 if bytes[0] & 0xf0 != 0xe0 => {
            return invalid("bridge: IPv4 entry group address is not multicast");
        }
        Group::IPV4 if bytes[..3] == [224, 0, 0] => {
            return invalid("bridge: IPv4 entry group address is local multicast");
        }
        Group::IPV6 if bytes == Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).octets() => {
            return invalid("bridge: IPv6 entry group address is link-local all nodes");
        }
        0 if bytes[0] & 1 == 0 => return invalid("bridge: L2 entry group is not multicast"),
        Group::IPV4 | Group::IPV6 | 0 => {}
        _ => return invalid("bridge: Unknown entry protocol"),
    }
    if entry.state > MDB_PERMANENT {
        return invalid("bridge: Unknown entry state");
    }
    if entry.vid > vlans::LARGEST {
        return invalid("bridge: Invalid entry VLAN id");
    }
    Ok(())
}

/// What a request means: the entry and its source (`br_mdb_parse`).
pub(super) fn parse(tb: &Tb<'_>) -> Result<(MdbEntry, Option<[u8; 16]>)> {
    let Some(attr) = tb.get(MDBA_SET_ENTRY) else {
        return invalid("bridge: Missing MDBA_SET_ENTRY attribute");
    };
    if attr.payload.len() != MdbEntry::SIZE {
        return invalid("bridge: Invalid MDBA_SET_ENTRY attribute length");
    }
    let entry = MdbEntry::decode(&attr);
    check(&entry)?;
    let source = tb.nest(MDBA_SET_ENTRY_ATTRS).get(MDBE_ATTR_SOURCE);
    let Some(source) = source else { return Ok((entry, None)) };
    let length = match entry.group.protocol {
        Group::IPV4 => 4,
        Group::IPV6 => 16,
        _ => return invalid("bridge: Invalid protocol used with source address"),
    };
    match (source.payload.len() == length, length) {
        (false, 4) => return invalid("bridge: IPv4 invalid source address length"),
        (false, _) => return invalid("bridge: IPv6 invalid source address length"),
        _ => {}
    }
    let address: [u8; 16] = source.first();
    let group = address[0] & 0xf0 == 0xe0 && length == 4 || address[0] == 0xff && length == 16;
    match (group, length) {
        (true, 4) => invalid("bridge: IPv4 multicast source address is not allowed"),
        (true, _) => invalid("bridge: IPv6 multicast source address is not allowed"),
        _ => Ok((entry, Some(address))),
    }
}

/// The port that an entry names; none for the bridge itself.
fn port_of(world: &World, bridge: DeviceId, entry: &MdbEntry) -> Result<Option<DeviceId>> {
    if entry.ifindex == world[bridge].ifindex {
        return Ok(None);
    }
    let Some(id) = world.by_index(world[bridge].netns, entry.ifindex) else {
        return refuse(Errno::ENODEV, "bridge: Port net device doesn't exist");
    };
    match of_port(world, id) {
        None => invalid("bridge: Net device is not a bridge port"),
        Some(port) if port.bridge != bridge => invalid("bridge: Port belongs to a different bridge device"),
        Some(_) => Ok(Some(id)),
    }
}

/// The VLANs in which an entry is meant: on a filtering bridge all of the device's if none is named.
fn vids(world: &World, bridge: DeviceId, port: Option<DeviceId>, vid: u16) -> Vec<u16> {
    let members = vlans::of_device(world, port.unwrap_or(bridge));
    match members {
        Some(members) if of(world, bridge).vlan_filtering && vid == 0 => {
            members.list.keys().copied().collect()
        }
        _ => vec![vid],
    }
}

/// Adds a member to a group (`br_mdb_add`).
pub(crate) fn add(world: &mut World, bridge: DeviceId, tb: &Tb<'_>) -> Result {
    let (entry, source) = parse(tb)?;
    if !world[bridge].is_up() {
        return invalid("bridge: Bridge device is not running");
    }
    if !of(world, bridge).multicast.snooping {
        return invalid("bridge: Bridge's multicast processing is disabled");
    }
    let port = port_of(world, bridge, &entry)?;
    let disabled = port.and_then(|id| of_port(world, id)).is_some_and(|port| port.state == BR_STATE_DISABLED);
    if disabled && entry.state != MDB_PERMANENT {
        return invalid("bridge: Port is in disabled state and entry is not permanent");
    }
    for vid in vids(world, bridge, port, entry.vid) {
        add_one(world, bridge, port, &entry, source, vid)?;
    }
    Ok(())
}

fn add_one(
    world: &mut World,
    bridge: DeviceId,
    port: Option<DeviceId>,
    entry: &MdbEntry,
    source: Option<[u8; 16]>,
    vid: u16,
) -> Result {
    let address = Address::of_group(&entry.group);
    let group = GroupId { address, source, vid };
    let permanent = entry.state == MDB_PERMANENT;
    if port.is_none() && address.protocol() != 0 {
        if permanent {
            return invalid("bridge: Flags are not allowed for host groups");
        }
        if source.is_some() {
            return invalid("bridge: Groups with sources cannot be manually host joined");
        }
    }
    if address.protocol() == 0 && !permanent {
        return invalid("bridge: Only permanent L2 entries allowed");
    }
    if !multicast::make_group(world, bridge, group) {
        return Err(Errno::E2BIG.into());
    }
    let Some(port) = port else {
        if !multicast::join_host(world, bridge, group, false) {
            return refuse(Errno::EEXIST, "bridge: Group is already joined by host");
        }
        return Ok(());
    };
    let member = Member {
        port,
        source: None,
        permanent,
        fast_leave: false,
        by_user: true,
        ends: (!permanent).then(|| multicast::membership_end(world, bridge)),
        order: 0,
    };
    if !multicast::join(world, bridge, group, member) {
        return refuse(Errno::EEXIST, "bridge: Group is already joined by port");
    }
    Ok(())
}

/// Removes a member from a group (`br_mdb_del`).
pub(crate) fn delete(world: &mut World, bridge: DeviceId, tb: &Tb<'_>) -> Result {
    let (entry, source) = parse(tb)?;
    let port = port_of(world, bridge, &entry)?;
    for vid in vids(world, bridge, port, entry.vid) {
        if !world[bridge].is_up() || !of(world, bridge).multicast.snooping {
            return Err(Errno::EINVAL.into());
        }
        let group = GroupId { address: Address::of_group(&entry.group), source, vid };
        let gone = match port {
            Some(port) => multicast::leave_group(world, bridge, group, |member| member.port == port),
            None => multicast::leave_host(world, bridge, group),
        };
        if !gone {
            return Err(Errno::EINVAL.into());
        }
    }
    Ok(())
}

// Telling.

/// Writes a bridge's groups and routers as a message of a dump.
pub(crate) fn fill(world: &World, bridge: DeviceId, header: Header, out: &mut Builder) {
    let state = of(world, bridge);
    let start = out.start(header);
    PortMsg { family: AF_BRIDGE, ifindex: world[bridge].ifindex }.encode(out);
    if state.multicast.snooping {
        let all = out.nest(MDBA_MDB);
        for (id, group) in state.snooping.newest_first() {
            let nest = out.nest(MDBA_MDB_ENTRY);
            if group.host_joined {
                member(world, bridge, &id, None, group.host_ends, out);
            }
            for one in &group.members {
                member(world, bridge, &id, Some(one), one.ends, out);
            }
            out.end(nest);
        }
        out.end(all);
    }
    fill_routers(world, bridge, out);
    out.finish(start);
}

fn member(
    world: &World,
    bridge: DeviceId,
    id: &GroupId,
    member: Option<&Member>,
    ends: Option<u64>,
    out: &mut Builder,
) {
    let device = member.map_or(bridge, |member| member.port);
    let fast_leave = member.is_some_and(|member| member.fast_leave);
    let entry = MdbEntry {
        ifindex: world.get(device).map_or(0, |device| device.ifindex),
        state: member.is_some_and(|member| member.permanent).into(),
        flags: if fast_leave { MDB_FLAGS_FAST_LEAVE } else { 0 },
        vid: id.vid,
        group: id.address.to_group(),
    };
    let nest = out.nest(MDBA_MDB_ENTRY_INFO);
    out.bytes.extend_from_slice(&entry.bytes());
    out.u32(MDBA_MDB_EATTR_TIMER, end_of(world, ends) as u32);
    if let Some(source) = id.source {
        let length = if id.address.protocol() == Group::IPV4 { 4 } else { 16 };
        out.put(MDBA_MDB_EATTR_SOURCE, &source[..length]);
    }
    if let Some(member) = member {
        out.u8(MDBA_MDB_EATTR_RTPROT, if member.by_user { RTPROT_STATIC } else { RTPROT_KERNEL });
        let m = &of(world, bridge).multicast;
        let with_sources = match id.address.protocol() {
            Group::IPV4 => m.igmp_version == 3,
            Group::IPV6 => m.mld_version == 2,
            _ => false,
        };
        if with_sources && id.source.is_none() {
            out.u8(MDBA_MDB_EATTR_GROUP_MODE, MCAST_EXCLUDE);
        }
    }
    out.end(nest);
}

/// The ports behind which routers are (`br_rports_fill_info`).
fn fill_routers(world: &World, bridge: DeviceId, out: &mut Builder) {
    let nest = out.nest(MDBA_ROUTER);
    for id in super::ports(world, bridge) {
        if !routers::is_router_port(world, id) {
            continue;
        }
        let Some(port) = of_port(world, id) else { continue };
        let [inet, inet6] = routers::router_times(world, port);
        let one = out.nest(MDBA_ROUTER_PORT);
        out.bytes.extend_from_slice(&world[id].ifindex.to_ne_bytes());
        out.u32(MDBA_ROUTER_PATTR_TIMER, inet.max(inet6));
        out.u8(MDBA_ROUTER_PATTR_TYPE, port.multicast_router);
        if inet != 0 || port.multicast_router == MDB_RTR_TYPE_PERM {
            out.u32(MDBA_ROUTER_PATTR_INET_TIMER, inet);
        }
        if inet6 != 0 || port.multicast_router == MDB_RTR_TYPE_PERM {
            out.u32(MDBA_ROUTER_PATTR_INET6_TIMER, inet6);
        }
        out.end(one);
    }
    out.end_or_drop(nest);
}

/// Tells all who listen of a member (`br_mdb_notify`).
pub(super) fn notify(world: &mut World, bridge: DeviceId, id: &GroupId, one: Option<&Member>, kind: u16) {
    let netns = world[bridge].netns;
    if !world.listens(netns, RTNLGRP_MDB) {
        return;
    }
    let mut out = Builder::new();
    let start = out.start(Header { kind, flags: 0, seq: 0, pid: 0 });
    PortMsg { family: AF_BRIDGE, ifindex: world[bridge].ifindex }.encode(&mut out);
    let all = out.nest(MDBA_MDB);
    let inner = out.nest(MDBA_MDB_ENTRY);
    let ends = one.map_or_else(|| of(world, bridge).snooping.host_end(id), |one| one.ends);
    member(world, bridge, id, one, ends, &mut out);
    out.end(inner);
    out.end(all);
    out.finish(start);
    world.publish(netns, RTNLGRP_MDB, &out.bytes);
}

/// Tells all who listen that a port leads to a router, or no longer (`br_rtr_notify`).
pub(super) fn notify_router(world: &mut World, bridge: DeviceId, port: DeviceId, kind: u16) {
    let netns = world[bridge].netns;
    if !world.listens(netns, RTNLGRP_MDB) {
        return;
    }
    let mut out = Builder::new();
    let start = out.start(Header { kind, flags: 0, seq: 0, pid: 0 });
    PortMsg { family: AF_BRIDGE, ifindex: world[bridge].ifindex }.encode(&mut out);
    let nest = out.nest(MDBA_ROUTER);
    out.u32(MDBA_ROUTER_PORT, world[port].ifindex);
    out.end(nest);
    out.finish(start);
    world.publish(netns, RTNLGRP_MDB, &out.bytes);
}
