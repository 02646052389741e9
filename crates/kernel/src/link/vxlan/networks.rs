//! The networks that a vxlan of many takes (`drivers/net/vxlan/vxlan_vnifilter.c`).
//!
//! Each has its own far end for what is not known, and counters. A network without a far end sends to the device's own.

use super::entries::{self, Wanted};
use super::table::Remote;
use super::{Config, Result, Vxlan, flag, in_use, state, state_mut};
use crate::device::DeviceId;
use crate::host::tunnel;
use crate::world::World;
use rtnl::attr::{Attr, Builder};
use rtnl::errno::Errno;
use rtnl::message::{Header, NLM_F_APPEND, NLM_F_CREATE, Refusal};
use rtnl::object::neigh::{NTF_SELF, NUD_PERMANENT, NUD_REACHABLE};
use rtnl::object::tunnel::*;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

const AF_BRIDGE: u8 = 7;
/// Networks of one device at most: a request may name any range, and each of them needs memory.
const NETWORKS: usize = 1 << 16;

/// The networks by number.
pub(super) type Networks = BTreeMap<u32, Network>;

/// What is kept of a network.
#[derive(Clone, Copy, Default)]
pub(super) struct Network {
    /// Where its frames go whose address is not known.
    remote: Option<IpAddr>,
    pub counters: Counters,
}

/// What came in for a network, and what was sent into it.
#[derive(Clone, Copy, Default)]
pub(super) struct Counters {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_dropped: u64,
    pub rx_errors: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_dropped: u64,
    pub tx_errors: u64,
}

impl Counters {
    /// A frame of so many bytes was sent.
    pub(super) fn sent(&mut self, length: usize) {
        self.tx_packets += 1;
        self.tx_bytes += length as u64;
    }
}

/// What is to be done with networks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Add,
    Delete,
}

/// Whether a device is a vxlan.
pub(crate) fn is_vxlan(world: &World, id: DeviceId) -> bool {
    state(world, id).is_some()
}

/// Whether it is one of many networks.
pub(crate) fn is_filter(world: &World, id: DeviceId) -> bool {
    state(world, id).is_some_and(|vxlan| vxlan.config.has(flag::FILTER))
}

/// The first network of a device's list.
pub(crate) fn first(world: &World, id: DeviceId) -> Option<u32> {
    state(world, id)?.many.keys().next().copied()
}

/// Counts for a network of a device, if it is one of its list.
pub(super) fn count(world: &mut World, id: DeviceId, network: u32, how: impl FnOnce(&mut Counters)) {
    if let Some(network) = state_mut(world, id).and_then(|vxlan| vxlan.many.get_mut(&network)) {
        how(&mut network.counters);
    }
}

/// Carries out one entry of a request (`vxlan_process_vni_filter`).
pub(crate) fn entry(world: &mut World, id: DeviceId, attr: Attr<'_>, deed: Deed) -> Result {
    for inner in attr.attrs() {
        if ENTRY.row(inner.number).is_none() {
            return Err(Refusal::said(Errno::EINVAL, "Unknown attribute type").at(Some(inner)));
        }
    }
    let tb = ENTRY.parse(attr.attrs())?;
    let first = tb.u32(VXLAN_VNIFILTER_ENTRY_START).unwrap_or(0);
    let last = tb.u32(VXLAN_VNIFILTER_ENTRY_END).unwrap_or(first);
    if first == 0 && last == 0 {
        let sentence = "vni start nor end found in vni entry";
        return Err(Refusal::said(Errno::EINVAL, sentence).at(Some(attr)));
    }
    let remote = match (tb.get(VXLAN_VNIFILTER_ENTRY_GROUP), tb.get(VXLAN_VNIFILTER_ENTRY_GROUP6)) {
        (Some(attr), _) => Some(IpAddr::from(attr.first::<4>())),
        (None, Some(attr)) => Some(IpAddr::from(attr.first::<16>())),
        (None, None) => None,
    };
    let remote = remote.filter(|remote| !remote.is_unspecified());
    let lower = state(world, id).map_or(0, |vxlan| vxlan.config.lower);
    if remote.is_some_and(|remote| remote.is_multicast()) && lower == 0 {
        let sentence = "Local interface required for multicast remote group";
        return Err(Refusal::said(Errno::EINVAL, sentence));
    }
    all(world, id, first..=last, remote, deed)
}

fn all(
    world: &mut World,
    id: DeviceId,
    networks: RangeInclusive<u32>,
    remote: Option<IpAddr>,
    deed: Deed,
) -> Result {
    for network in networks {
        match deed {
            Deed::Add => add(world, id, network, remote)?,
            Deed::Delete => delete(world, id, network)?,
        }
    }
    Ok(())
}

/// Takes a network, or changes where its frames go (`vxlan_vni_add`). That it is there is told again each time.
fn add(world: &mut World, id: DeviceId, network: u32, remote: Option<IpAddr>) -> Result {
    let vxlan = state(world, id).ok_or(Errno::EOPNOTSUPP)?;
    if vxlan.many.contains_key(&network) {
        move_to(world, id, network, remote)?;
        notify(world, id, network, RTM_NEWTUNNEL);
        return Ok(());
    }
    let (netns, port) = (vxlan.netns, vxlan.config.port);
    if in_use(world, netns, Some(id), &vxlan.config, network) {
        return Err(Refusal::said(Errno::EEXIST, "VNI in use"));
    }
    if vxlan.many.len() >= NETWORKS {
        return Err(Errno::ENOMEM.into());
    }
    let (terms, ports) = (vxlan.terms(), vxlan.ports());
    let tunnels = &mut world.space_mut(netns)?.stack.tunnels;
    tunnels.claim(id, port, network);
    if let Some(vxlan) = state_mut(world, id) {
        vxlan.many.insert(network, Network::default());
    }
    if world[id].is_up() {
        for key in ports {
            world.space_mut(netns)?.stack.tunnels.listen(id, key, terms, std::iter::once(network))?;
        }
    }
    move_to(world, id, network, remote)?;
    notify(world, id, network, RTM_NEWTUNNEL);
    Ok(())
}

/// Frames of a network that nobody knows go to another far end (`vxlan_vni_update_group`). A far end stays beside the new one unless there is no new one at all.
fn move_to(world: &mut World, id: DeviceId, network: u32, remote: Option<IpAddr>) -> Result {
    let vxlan = state(world, id).ok_or(Errno::EOPNOTSUPP)?;
    let old = vxlan.many.get(&network).and_then(|network| network.remote);
    let new = remote.or(default(&vxlan.config));
    if new.is_none() && old.is_none() {
        return Ok(());
    }
    exchange(world, id, network, old.filter(|_| new.is_none()), new)?;
    if let Some(kept) = state_mut(world, id).and_then(|vxlan| vxlan.many.get_mut(&network)) {
        kept.remote = remote;
    }
    if world[id].is_up() {
        old.into_iter().for_each(|old| leave(world, id, old));
        if let Some(remote) = remote {
            join(world, id, remote)?;
        }
    }
    Ok(())
}

/// Where the device sends what no network has a far end for.
fn default(config: &Config) -> Option<IpAddr> {
    Some(config.remote).filter(|remote| !remote.is_unspecified())
}

/// One far end comes to a network's default entry, another goes (`vxlan_update_default_fdb_entry`).
fn exchange(
    world: &mut World,
    id: DeviceId,
    network: u32,
    old: Option<IpAddr>,
    new: Option<IpAddr>,
) -> Result {
    let vxlan = state(world, id).ok_or(Errno::EOPNOTSUPP)?;
    let Config { port, lower: ifindex, .. } = vxlan.config;
    let far = |address| Remote { address, port, network, ifindex };
    if let Some(new) = new {
        let (state, mode) = (NUD_REACHABLE | NUD_PERMANENT, NLM_F_APPEND | NLM_F_CREATE);
        let wanted = Wanted { mac: [0; 6], source: network, state, flags: NTF_SELF, mode, by_user: false };
        entries::update(world, id, &wanted, far(new))?;
    }
    if let Some(old) = old {
        // One that somebody removed before is none to remove.
        let _ = entries::remove(world, id, &[0; 6], network, &far(old));
    }
    Ok(())
}

/// The device's own far end changes: networks without one follow, the last first (`vxlan_vnilist_update_group`).
pub(super) fn follow(world: &mut World, id: DeviceId, old: &Config, new: &Config) -> Result {
    let Some(vxlan) = state(world, id) else { return Ok(()) };
    let without = vxlan.many.iter().rev().filter(|(_, network)| network.remote.is_none());
    let following: Vec<u32> = without.map(|(network, _)| *network).collect();
    for network in following {
        exchange(world, id, network, default(old), default(new))?;
    }
    Ok(())
}

/// Takes a network no longer (`vxlan_vni_del`).
fn delete(world: &mut World, id: DeviceId, network: u32) -> Result {
    let vxlan = state(world, id).ok_or(Errno::EOPNOTSUPP)?;
    let remote = vxlan.many.get(&network).ok_or(Errno::ENOENT)?.remote;
    let (netns, port, terms, ports) = (vxlan.netns, vxlan.config.port, vxlan.terms(), vxlan.ports());
    let far = remote.or(default(&vxlan.config));
    exchange(world, id, network, far, None)?;
    if let Some(remote) = remote.filter(|_| world[id].is_up()) {
        leave(world, id, remote);
    }
    notify(world, id, network, RTM_DELTUNNEL);
    let tunnels = &mut world.space_mut(netns)?.stack.tunnels;
    tunnels.unclaim(id, port, network);
    for key in ports {
        tunnels.remove_network(id, key, &terms, network);
    }
    if let Some(vxlan) = state_mut(world, id) {
        vxlan.many.remove(&network);
    }
    Ok(())
}

/// The device ends, and with it all its networks (`vxlan_vnigroup_uninit`).
pub(super) fn end(world: &mut World, id: DeviceId) {
    let Some(vxlan) = state(world, id) else { return };
    for network in vxlan.many.keys().copied().collect::<Vec<u32>>() {
        notify(world, id, network, RTM_DELTUNNEL);
    }
    if let Some(vxlan) = state_mut(world, id) {
        vxlan.many.clear();
    }
}

// Groups.

/// Hears the groups of all networks.
pub(super) fn join_all(world: &mut World, id: DeviceId) -> Result {
    for group in groups(world, id) {
        join(world, id, group)?;
    }
    Ok(())
}

/// Hears none of them any longer.
pub(super) fn leave_all(world: &mut World, id: DeviceId) {
    for group in groups(world, id) {
        leave(world, id, group);
    }
}

fn groups(world: &World, id: DeviceId) -> Vec<IpAddr> {
    let remotes = state(world, id).into_iter().flat_map(|vxlan| vxlan.many.values());
    remotes.filter_map(|network| network.remote.filter(IpAddr::is_multicast)).collect()
}

fn join(world: &mut World, id: DeviceId, group: IpAddr) -> Result {
    let Some(vxlan) = state(world, id).filter(|_| group.is_multicast()) else { return Ok(()) };
    let (netns, terms, port, lower) = (vxlan.netns, vxlan.terms(), vxlan.config.port, vxlan.config.lower);
    Ok(tunnel::join(world, netns, id, ((group.is_ipv6(), port), &terms), (group, lower))?)
}

/// Leaves a group, even if another network of the device has the same.
fn leave(world: &mut World, id: DeviceId, group: IpAddr) {
    let Some(vxlan) = state(world, id).filter(|_| group.is_multicast()) else { return };
    let (netns, terms, port, lower) = (vxlan.netns, vxlan.terms(), vxlan.config.port, vxlan.config.lower);
    tunnel::leave(world, netns, id, ((group.is_ipv6(), port), &terms), (group, lower));
}

// What is told.

/// Tells all who listen of one network.
fn notify(world: &mut World, id: DeviceId, network: u32, kind: u16) {
    let netns = world[id].netns;
    if !world.listens(netns, RTNLGRP_TUNNEL) {
        return;
    }
    let Some(kept) = state(world, id).and_then(|vxlan| vxlan.many.get(&network)) else { return };
    let mut out = Builder::new();
    let start = out.start(Header { kind, flags: 0, seq: 0, pid: 0 });
    TunnelMsg { family: AF_BRIDGE, flags: 0, ifindex: world[id].ifindex }.encode(&mut out);
    fill_entry(&mut out, (network, network), kept, false);
    out.finish(start);
    world.publish(netns, RTNLGRP_TUNNEL, &out.bytes);
}

/// Writes the networks of a device from one on as a message, as many as fit so many bytes; gives the one to go on with
/// (`vxlan_vnifilter_dump_dev`). Without counters neighbours with one far end are told as a range.
pub(crate) fn fill(
    world: &World,
    id: DeviceId,
    header: Header,
    (from, counted): (u32, bool),
    limit: usize,
    out: &mut Builder,
) -> Option<u32> {
    let vxlan: &Vxlan = state(world, id)?;
    let mut rest = vxlan.many.range(from..).peekable();
    rest.peek()?;
    let begin = out.bytes.len();
    let start = out.start(header);
    TunnelMsg { family: AF_BRIDGE, flags: 0, ifindex: world[id].ifindex }.encode(out);
    let mut next = None;
    while let Some((first, kept)) = rest.next() {
        let mut last = *first;
        let goes_on = |last: u32, (network, other): &(&u32, &Network)| {
            !counted && **network == last + 1 && other.remote == kept.remote
        };
        while let Some((network, _)) = rest.next_if(|other| goes_on(last, other)) {
            last = *network;
        }
        fill_entry(out, (*first, last), kept, counted);
        if out.bytes.len() - begin > limit {
            next = rest.peek().map(|(network, _)| **network);
            break;
        }
    }
    out.finish(start);
    next
}

fn fill_entry(out: &mut Builder, (first, last): (u32, u32), network: &Network, counted: bool) {
    let nest = out.nest(VXLAN_VNIFILTER_ENTRY);
    out.u32(VXLAN_VNIFILTER_ENTRY_START, first);
    if last != first {
        out.u32(VXLAN_VNIFILTER_ENTRY_END, last);
    }
    match network.remote {
        Some(IpAddr::V4(address)) => out.ipv4(VXLAN_VNIFILTER_ENTRY_GROUP, address),
        Some(IpAddr::V6(address)) => out.ipv6(VXLAN_VNIFILTER_ENTRY_GROUP6, address),
        None => {}
    }
    if counted {
        let Counters { rx_bytes, rx_packets, rx_dropped, rx_errors, .. } = network.counters;
        let Counters { tx_bytes, tx_packets, tx_dropped, tx_errors, .. } = network.counters;
        let received = [rx_bytes, rx_packets, rx_dropped, rx_errors];
        let values = received.into_iter().chain([tx_bytes, tx_packets, tx_dropped, tx_errors]);
        let stats = out.nest(VXLAN_VNIFILTER_ENTRY_STATS);
        for ((number, _), value) in COUNTERS.iter().zip(values) {
            out.u64_aligned(*number, value, VNIFILTER_ENTRY_STATS_PAD);
        }
        out.end(stats);
    }
    out.end(nest);
}
