//! The groups of IP that a device has joined (`net/ipv4/igmp.c`, `net/ipv6/mcast.c`), and the link-layer addresses
//! that it listens to therefore (`crate::groups`).

use super::{HostTimer, igmp};
use crate::device::DeviceId;
use crate::inet6::{ALL_NODES, part};
use crate::world::World;
use rtnl::object::link::{ARPHRD_ETHER, IFF_LOOPBACK, IFF_NOARP};
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// All hosts of a link.
pub(crate) const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const SECOND: u64 = 1_000_000;

/// A family's groups.
pub(crate) trait Group: Copy + PartialEq + 'static {
    /// What most devices have joined: it takes no memory.
    const USUAL: &'static [&'static [(Self, u32)]];
}

impl Group for Ipv4Addr {
    const USUAL: &'static [&'static [(Ipv4Addr, u32)]] = &[&[], &[(ALL_HOSTS, 1)]];
}

impl Group for Ipv6Addr {
    const USUAL: &'static [&'static [(Ipv6Addr, u32)]] = &[&[(ALL_NODES[1], 1), (ALL_NODES[0], 1)]];
}

/// Groups and how often each was joined, the latest first; at first those that every device is in.
#[derive(Clone, Debug)]
pub(crate) struct Joined<A: Group>(Cow<'static, [(A, u32)]>);

impl<A: Group> Default for Joined<A> {
    fn default() -> Self {
        Joined(Cow::Borrowed(A::USUAL[0]))
    }
}

impl<A: Group> Joined<A> {
    /// Joins once more; says whether it is the first time.
    fn join(&mut self, group: A) -> bool {
        let known = self.0.iter().position(|(known, _)| *known == group);
        let list = self.0.to_mut();
        match known {
            Some(at) => list[at].1 += 1,
            None => {
                list.reserve_exact(1);
                list.insert(0, (group, 1));
            }
        }
        self.share();
        known.is_none()
    }

    /// Leaves once; says whether nobody is left.
    fn leave(&mut self, group: &A) -> bool {
        let Some(at) = self.0.iter().position(|(known, _)| known == group) else { return false };
        let list = self.0.to_mut();
        list[at].1 -= 1;
        let last = list[at].1 == 0;
        if last {
            list.remove(at);
        }
        self.share();
        last
    }

    fn share(&mut self) {
        if let Some(usual) = A::USUAL.iter().find(|usual| ***usual == *self.0) {
            self.0 = Cow::Borrowed(usual);
        }
    }

    /// Whether it was joined.
    pub(crate) fn contains(&self, group: &A) -> bool {
        self.0.iter().any(|(known, _)| known == group)
    }

    /// The groups, the latest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = A> + '_ {
        self.0.iter().map(|(group, _)| *group)
    }

    /// The same, with how often each was joined.
    pub(crate) fn users(&self) -> &[(A, u32)] {
        &self.0
    }
}

/// Joins a group (`ip_mc_inc_group`). That a device listens to the address of all hosts is seen to in `groups`.
pub(crate) fn join(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    let device = &mut world[id];
    let ethernet = device.hardware_type == ARPHRD_ETHER;
    let Some(inet) = device.inet.as_mut() else { return };
    if !inet.groups.join(group) {
        return;
    }
    if ethernet && group != ALL_HOSTS {
        world.add_group(id, wire::ethernet::multicast_v4(group));
    }
    igmp::joined(world, id, group);
}

/// Leaves a group.
pub(crate) fn leave(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    let Some(device) = world.get_mut(id) else { return };
    let ethernet = device.hardware_type == ARPHRD_ETHER;
    let Some(inet) = device.inet.as_mut() else { return };
    if !inet.groups.leave(&group) {
        return;
    }
    if ethernet && group != ALL_HOSTS {
        world.remove_group(id, &wire::ethernet::multicast_v4(group));
    }
    igmp::left(world, id, group);
}

/// Joins a group. That a device listens to the address of all nodes is seen to in `groups`.
pub(crate) fn join6(world: &mut World, id: DeviceId, group: Ipv6Addr) {
    let ethernet = world[id].hardware_type == ARPHRD_ETHER;
    let Some(inet6) = part(world, id) else { return };
    let first = inet6.groups.join(group);
    let ready = inet6.ready;
    if !first || group.octets()[1] & 15 < 2 || !ethernet || ALL_NODES.contains(&group) {
        return;
    }
    world.add_group(id, wire::ethernet::multicast_v6(group));
    if ready && world[id].flags & IFF_NOARP == 0 {
        let netns = world[id].netns;
        world.set_host_timer(netns, HostTimer::Groups(id), SECOND / 2);
    }
}

/// Leaves a group.
pub(crate) fn leave6(world: &mut World, id: DeviceId, group: Ipv6Addr) {
    let ethernet = world[id].hardware_type == ARPHRD_ETHER;
    let Some(inet6) = part(world, id) else { return };
    if !inet6.groups.leave(&group) {
        return;
    }
    if group.octets()[1] & 15 >= 2 && ethernet && !ALL_NODES.contains(&group) {
        world.remove_group(id, &wire::ethernet::multicast_v6(group));
    }
}

/// Joins the group in which an address is asked for; links without questions have none.
pub(crate) fn join_solicited(world: &mut World, id: DeviceId, address: Ipv6Addr) {
    if world[id].flags & (IFF_NOARP | IFF_LOOPBACK) == 0 {
        join6(world, id, wire::ipv6::solicited_node(address));
    }
}

pub(crate) fn leave_solicited(world: &mut World, id: DeviceId, address: Ipv6Addr) {
    leave6(world, id, wire::ipv6::solicited_node(address));
}
