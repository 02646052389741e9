//! UDP ports that belong to devices: who listens at which, and who claims which network (`net/ipv4/udp_tunnel_core.c`,
//! and the lists of sockets in `drivers/net/vxlan` and `drivers/net/geneve.c`).
//!
//! A tunnel's packets travel in one namespace, its underlay, wherever the device itself is. There it has a claim on a
//! network from its creation to its end, and, while it is up, it listens at a port. Devices that want the same of a
//! port share it; a network's devices are found in it by number, the newest first.
//!
//! * `receive`, `send`: the ways of packets in and out; `arrivals`, `burst`: many packets at once over known ways;
//! * `template`: headers that are made once for many packets; `pattern`, `alike`: what many arriving frames have in
//!   common outside, and in the tunnel's own header;
//! * `inside`: what headers take over from what they carry;
//! * `too_big`: what is said of a packet that is too large.

pub(crate) mod alike;
pub(crate) mod arrivals;
pub(crate) mod burst;
pub(crate) mod inside;
mod pattern;
pub(crate) mod receive;
pub(crate) mod send;
pub(crate) mod template;
pub(crate) mod too_big;

use super::joined;
use crate::device::DeviceId;
use crate::link::Type;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Groups of IPv4 that are joined through one port at most (`igmp_max_memberships`).
const MEMBERSHIPS: usize = 20;

/// The tunnels whose underlay a namespace is.
#[derive(Default)]
pub(crate) struct Tunnels {
    /// All their devices.
    pub devices: BTreeSet<DeviceId>,
    /// Who claims a network at a port, up or not.
    claims: BTreeMap<(u16, u32), Vec<DeviceId>>,
    ports: BTreeMap<PortKey, Vec<Port>>,
    /// Packets that are known to be for the host.
    locals: receive::Locals,
}

/// A port by family (whether it is IPv6) and number.
pub(crate) type PortKey = (bool, u16);

/// What devices must have in common to share a port.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Terms {
    pub kind: &'static Type,
    /// Whatever else their type says.
    pub flags: u32,
    /// The index of the only device at which it listens, with those below it; 0: all.
    pub bound: u32,
}

/// A port at which devices listen.
pub(crate) struct Port {
    pub terms: Terms,
    holders: BTreeSet<DeviceId>,
    networks: BTreeMap<u32, Vec<DeviceId>>,
    groups: BTreeMap<(IpAddr, u32), BTreeSet<DeviceId>>,
}

impl Tunnels {
    /// The devices that claim a network at a port.
    pub(crate) fn claimants(&self, port: u16, network: u32) -> &[DeviceId] {
        self.claims.get(&(port, network)).map_or(&[], Vec::as_slice)
    }

    /// The devices that claim any network at a port.
    pub(crate) fn at_port(&self, port: u16) -> impl Iterator<Item = DeviceId> + '_ {
        self.claims.range((port, 0)..=(port, u32::MAX)).flat_map(|(_, devices)| devices.iter().copied())
    }

    /// A device claims a network.
    pub(crate) fn claim(&mut self, device: DeviceId, port: u16, network: u32) {
        self.claims.entry((port, network)).or_default().insert(0, device);
    }

    /// It gives the claim up.
    pub(crate) fn unclaim(&mut self, device: DeviceId, port: u16, network: u32) {
        if let Some(claimants) = self.claims.get_mut(&(port, network)) {
            claimants.retain(|claimant| *claimant != device);
            if claimants.is_empty() {
                self.claims.remove(&(port, network));
            }
        }
    }

    /// Whether a device listens at a port, so that no program can.
    pub(crate) fn is_taken(&self, key: PortKey) -> bool {
        self.ports.contains_key(&key)
    }

    /// The devices that listen for a network at a port, the newest first.
    #[inline]
    pub(crate) fn listeners(&self, key: PortKey, terms: &Terms, network: u32) -> &[DeviceId] {
        self.port(key, terms).and_then(|port| port.networks.get(&network)).map_or(&[], Vec::as_slice)
    }

    /// The port that such a device holds.
    pub(crate) fn port(&self, key: PortKey, terms: &Terms) -> Option<&Port> {
        self.ports.get(&key)?.iter().find(|port| port.terms == *terms)
    }

    fn port_mut(&mut self, key: PortKey, terms: &Terms) -> Option<&mut Port> {
        self.ports.get_mut(&key)?.iter_mut().find(|port| port.terms == *terms)
    }

    /// A device of these networks begins to listen.
    pub(crate) fn listen(
        &mut self,
        device: DeviceId,
        key: PortKey,
        terms: Terms,
        networks: impl Iterator<Item = u32>,
    ) -> Result<(), Errno> {
        if self.port(key, &terms).is_none() {
            let ports = self.ports.entry(key).or_default();
            let clashes =
                |port: &Port| port.terms.bound == terms.bound || port.terms.bound == 0 || terms.bound == 0;
            if ports.iter().any(clashes) {
                return Err(Errno::EADDRINUSE);
            }
            let (holders, networks, groups) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
            ports.push(Port { terms, holders, networks, groups });
        }
        let port = self.port_mut(key, &terms).ok_or(Errno::EADDRINUSE)?;
        port.holders.insert(device);
        for network in networks {
            port.networks.entry(network).or_default().insert(0, device);
        }
        Ok(())
    }

    /// It listens for that one no longer.
    pub(crate) fn remove_network(&mut self, device: DeviceId, key: PortKey, terms: &Terms, network: u32) {
        let Some(port) = self.port_mut(key, terms) else { return };
        if let Some(devices) = port.networks.get_mut(&network) {
            devices.retain(|other| *other != device);
            if devices.is_empty() {
                port.networks.remove(&network);
            }
        }
    }

    /// A device of these networks does not listen any more.
    pub(crate) fn hang_up(
        &mut self,
        device: DeviceId,
        key: PortKey,
        terms: &Terms,
        networks: impl Iterator<Item = u32>,
    ) {
        for network in networks {
            self.remove_network(device, key, terms, network);
        }
        let Some(ports) = self.ports.get_mut(&key) else { return };
        if let Some(port) = ports.iter_mut().find(|port| port.terms == *terms) {
            port.holders.remove(&device);
        }
        ports.retain(|port| !port.holders.is_empty());
        if ports.is_empty() {
            self.ports.remove(&key);
        }
    }
}

/// A device joins a group through a port that it holds, on the link of that index; who shares the port shares the
/// membership.
///
/// # Errors
/// ENODEV if there is no such link, or one without that family; ENOBUFS for too many groups.
pub(crate) fn join(
    world: &mut World,
    netns: NetnsId,
    device: DeviceId,
    (key, terms): (PortKey, &Terms),
    (group, ifindex): (IpAddr, u32),
) -> Result<(), Errno> {
    let link = world.by_index(netns, ifindex).ok_or(Errno::ENODEV)?;
    let known = match group {
        IpAddr::V4(_) => world[link].inet.is_some(),
        IpAddr::V6(_) => world[link].inet6.is_some(),
    };
    let port = world.space_mut(netns)?.stack.tunnels.port_mut(key, terms).ok_or(Errno::ENODEV)?;
    if !port.groups.contains_key(&(group, ifindex)) {
        if !known {
            return Err(Errno::ENODEV);
        }
        if group.is_ipv4() && port.groups.len() >= MEMBERSHIPS {
            return Err(Errno::ENOBUFS);
        }
        port.groups.insert((group, ifindex), BTreeSet::from([device]));
        match group {
            IpAddr::V4(group) => joined::join(world, link, group),
            IpAddr::V6(group) => joined::join6(world, link, group),
        }
        return Ok(());
    }
    port.groups.entry((group, ifindex)).or_default().insert(device);
    Ok(())
}

/// It leaves a group; nothing happens if it was not in it.
pub(crate) fn leave(
    world: &mut World,
    netns: NetnsId,
    device: DeviceId,
    (key, terms): (PortKey, &Terms),
    (group, ifindex): (IpAddr, u32),
) {
    let Ok(space) = world.space_mut(netns) else { return };
    let Some(port) = space.stack.tunnels.port_mut(key, terms) else { return };
    let Some(members) = port.groups.get_mut(&(group, ifindex)) else { return };
    members.remove(&device);
    if !members.is_empty() {
        return;
    }
    port.groups.remove(&(group, ifindex));
    let Some(link) = world.by_index(netns, ifindex) else { return };
    match group {
        IpAddr::V4(group) => joined::leave(world, link, group),
        IpAddr::V6(group) => joined::leave6(world, link, group),
    }
}
