//! Addresses that the host answers for in place of others, on one link or on all (`pneigh_*` in
//! `net/core/neighbour.c`).
//!
//! Those of a link go with its service, and unless they are permanent with its carrier, where that takes neighbours
//! along. In IPv6 the host listens to the group in which such an address is asked for, whether the link resolves
//! addresses or not.

use super::joined::{join6, leave6};
use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// Addresses of a namespace at most.
const MOST: usize = 1 << 16;

/// One address, and the link on which the host answers for it; none: on all.
pub(crate) type Key = (Option<DeviceId>, IpAddr);

/// What is known of one.
#[derive(Clone, Copy)]
pub(crate) struct Proxy {
    /// `NTF_*`.
    pub flags: u8,
    /// Who made it.
    pub protocol: u8,
    /// It outlives the carrier.
    pub permanent: bool,
}

/// Those of a namespace.
pub(crate) type Proxied = BTreeMap<Key, Proxy>;

fn all(world: &mut World, netns: NetnsId) -> Option<&mut Proxied> {
    world.space_mut(netns).ok().map(|space| &mut space.stack.neighbours.proxies)
}

/// Answers for an address from now on. One that is known takes what is new, but no protocol of 0.
///
/// # Errors
/// ENOBUFS if there are too many, or the link has no IPv6.
pub(crate) fn add(world: &mut World, netns: NetnsId, key: Key, proxy: Proxy) -> Result<(), Errno> {
    let speaks = key.0.is_some_and(|id| world.get(id).is_some_and(|device| device.inet6.is_some()));
    let proxies = all(world, netns).ok_or(Errno::ENOBUFS)?;
    if let Some(present) = proxies.get_mut(&key) {
        let protocol = if proxy.protocol == 0 { present.protocol } else { proxy.protocol };
        *present = Proxy { protocol, ..proxy };
        return Ok(());
    }
    if proxies.len() >= MOST || key.1.is_ipv6() && !speaks {
        return Err(Errno::ENOBUFS);
    }
    proxies.insert(key, proxy);
    if let (Some(id), IpAddr::V6(address)) = key {
        join6(world, id, wire::ipv6::solicited_node(address));
    }
    Ok(())
}

/// Answers for an address no longer.
///
/// # Errors
/// ENOENT if the host did not.
pub(crate) fn remove(world: &mut World, netns: NetnsId, key: Key) -> Result<(), Errno> {
    all(world, netns).and_then(|proxies| proxies.remove(&key)).ok_or(Errno::ENOENT)?;
    if let (Some(id), IpAddr::V6(address)) = key {
        leave6(world, id, wire::ipv6::solicited_node(address));
    }
    Ok(())
}

/// Those of a family on a link go (`pneigh_ifdown_and_unlock`).
pub(crate) fn forget(world: &mut World, id: DeviceId, keep_permanent: bool, v6: bool) {
    let Some(netns) = world.get(id).map(|device| device.netns) else { return };
    let Some(proxies) = all(world, netns).filter(|proxies| !proxies.is_empty()) else { return };
    let first = (Some(id), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let of_link = proxies.range(first..).take_while(|(key, _)| key.0 == Some(id));
    let going = of_link.filter(|(key, proxy)| key.1.is_ipv6() == v6 && !(keep_permanent && proxy.permanent));
    let going: Vec<Key> = going.map(|(key, _)| *key).collect();
    for key in going {
        let _ = remove(world, netns, key);
    }
}

/// Whether the host answers for an address on a link (`pneigh_lookup`).
pub(crate) fn is_proxied(world: &World, netns: NetnsId, address: IpAddr, id: DeviceId) -> bool {
    let Ok(space) = world.space(netns) else { return false };
    let proxies = &space.stack.neighbours.proxies;
    proxies.contains_key(&(Some(id), address)) || proxies.contains_key(&(None, address))
}
