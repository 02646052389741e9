//! The groups of IP that a device has joined (`net/ipv4/igmp.c`, `net/ipv6/mcast.c`), and the link-layer addresses
//! that it listens to therefore (`crate::groups`).

use super::{HostTimer, igmp};
use crate::device::DeviceId;
use crate::inet6::{ALL_NODES, part};
use crate::world::World;
use rtnl::object::link::{ARPHRD_ETHER, IFF_LOOPBACK, IFF_NOARP};
use std::net::{Ipv4Addr, Ipv6Addr};

/// All hosts of a link.
pub(crate) const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const SECOND: u64 = 1_000_000;

/// Groups and how often each was joined, the latest first.
#[derive(Clone, Debug)]
pub(crate) struct Joined<A>(Vec<(A, u32)>);

impl<A> Default for Joined<A> {
    fn default() -> Self {
        Joined(Vec::new())
    }
}

impl<A: Copy + PartialEq> Joined<A> {
    /// Joins once more; says whether it is the first time.
    fn join(&mut self, group: A) -> bool {
        match self.0.iter_mut().find(|(known, _)| *known == group) {
            Some((_, users)) => *users += 1,
            None => {
                self.0.insert(0, (group, 1));
                return true;
            }
        }
        false
    }

    /// Leaves once; says whether nobody is left.
    fn leave(&mut self, group: &A) -> bool {
        let Some(at) = self.0.iter().position(|(known, _)| known == group) else { return false };
        self.0[at].1 -= 1;
        let last = self.0[at].1 == 0;
        if last {
            self.0.remove(at);
        }
        last
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
