//! The groups of IP that a device has joined, and the link-layer addresses that it listens to therefore
//! (`net/ipv4/igmp.c`, `net/ipv6/mcast.c`). What is said of them to routers is in `igmp` and `mld`.
//!
//! A link that goes down keeps its groups and no longer listens to their addresses; when it comes up it listens to
//! them again, behind those that came meanwhile. Groups of IPv6 that reach no further than the host have none.

use super::conf::netns;
use super::{igmp, mld};
use crate::device::{DeviceId, Mac};
use crate::inet6::{ALL_NODES, part};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::object::link::{ARPHRD_ETHER, IFF_LOOPBACK, IFF_NOARP};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All hosts of a link.
pub(crate) const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

/// Groups of IPv6 that are joined as addresses in one namespace at most.
const AUTOJOINED6: usize = 256;
/// Set among an entry's users while the device listens to the group's link-layer address.
const LISTENS: u32 = 1 << 31;

/// A family's groups.
pub(crate) trait Group: Copy + PartialEq + 'static {
    /// What most devices have joined: it takes no memory. First what they are in from the beginning.
    const USUAL: &'static [&'static [(Self, u32)]];
}

impl Group for Ipv4Addr {
    const USUAL: &'static [&'static [(Ipv4Addr, u32)]] = &[&[], &[(ALL_HOSTS, 1 | LISTENS)]];
}

impl Group for Ipv6Addr {
    const USUAL: &'static [&'static [(Ipv6Addr, u32)]] =
        &[&[(ALL_NODES[1], 1 | LISTENS), (ALL_NODES[0], 1)], &[(ALL_NODES[1], 1), (ALL_NODES[0], 1)]];
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
    fn find(&self, group: &A) -> Option<usize> {
        self.0.iter().position(|(known, _)| known == group)
    }

    /// Joins once more; says whether it is the first time.
    fn join(&mut self, group: A) -> bool {
        let known = self.find(&group);
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

    /// Leaves once; none if somebody is left, else whether the device listened.
    fn leave(&mut self, group: &A) -> Option<bool> {
        let at = self.find(group)?;
        let list = self.0.to_mut();
        list[at].1 -= 1;
        let (_, users) = list[at];
        let is_empty = users & !LISTENS == 0;
        if is_empty {
            list.remove(at);
        }
        self.share();
        is_empty.then_some(users & LISTENS != 0)
    }

    /// Notes whether the device listens to a group; says whether that is new.
    fn listen(&mut self, group: &A, on: bool) -> bool {
        let known = self.find(group).filter(|at| (self.0[*at].1 & LISTENS != 0) != on);
        let Some(at) = known else { return false };
        // From what is usual to what is usual too: that is how most links come and go.
        let changed = |(place, (group, users)): (usize, &(A, u32))| {
            (*group, if place == at { users ^ LISTENS } else { *users })
        };
        let is_next = |usual: &&&[(A, u32)]| usual.iter().copied().eq(self.0.iter().enumerate().map(changed));
        if let Some(usual) = A::USUAL.iter().find(is_next) {
            self.0 = Cow::Borrowed(usual);
        } else {
            self.0.to_mut()[at].1 ^= LISTENS;
        }
        true
    }

    fn share(&mut self) {
        if let Some(usual) = A::USUAL.iter().find(|usual| ***usual == *self.0) {
            self.0 = Cow::Borrowed(usual);
        }
    }

    /// Whether nothing was joined or left yet.
    pub(crate) fn is_as_at_first(&self) -> bool {
        matches!(self.0, Cow::Borrowed(groups) if std::ptr::eq(groups, A::USUAL[0]))
    }

    /// No group is left.
    fn clear(&mut self) {
        self.0 = Cow::Borrowed(&[]);
    }

    /// Whether it was joined.
    pub(crate) fn contains(&self, group: &A) -> bool {
        self.0.iter().any(|(known, _)| known == group)
    }

    /// The same, with how often each was joined.
    pub(crate) fn users(&self) -> impl Iterator<Item = (A, u32)> + '_ {
        self.0.iter().map(|(group, users)| (*group, users & !LISTENS))
    }
}

/// The groups of a device as they are now, whatever happens to them meanwhile; what is usual is not copied.
fn copied<A: Group>(joined: Option<&Joined<A>>) -> impl Iterator<Item = A> + use<A> {
    let groups = joined.map_or(Cow::Borrowed(&[][..]), |joined| joined.0.clone());
    (0..groups.len()).map(move |at| groups[at].0)
}

/// The groups of IPv4 of a device.
pub(crate) fn groups(world: &World, id: DeviceId) -> impl Iterator<Item = Ipv4Addr> + use<> {
    let inet = world.get(id).and_then(|device| device.inet.as_ref());
    copied(inet.map(|inet| &inet.groups))
}

/// Those of IPv6.
pub(crate) fn groups6(world: &World, id: DeviceId) -> impl Iterator<Item = Ipv6Addr> + use<> {
    let inet6 = world.get(id).and_then(|device| device.inet6.as_ref());
    copied(inet6.map(|inet6| &inet6.groups))
}

/// Lets the device listen to a group's address, or no longer.
fn listen_to(world: &mut World, id: DeviceId, mac: Mac, on: bool) {
    if world[id].hardware_type != ARPHRD_ETHER {
        return;
    }
    if on {
        world.add_group(id, mac);
    } else {
        world.remove_group(id, &mac);
    }
}

/// Joins a group (`ip_mc_inc_group`).
pub(crate) fn join(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    let Some(inet) = world[id].inet.as_mut() else { return };
    if inet.groups.join(group) {
        added(world, id, group);
    }
}

/// A group is new, or its link came up (`igmp_group_added`).
fn added(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    let Some(inet) = world[id].inet.as_mut() else { return };
    if inet.groups.listen(&group, true) {
        listen_to(world, id, wire::ethernet::multicast_v4(group), true);
    }
    igmp::joined(world, id, group);
}

/// Leaves a group (`ip_mc_dec_group`).
pub(crate) fn leave(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    let Some(inet) = world.get_mut(id).and_then(|device| device.inet.as_mut()) else { return };
    let Some(listened) = inet.groups.leave(&group) else { return };
    if listened {
        listen_to(world, id, wire::ethernet::multicast_v4(group), false);
    }
    igmp::left(world, id, group);
}

/// The link came up (`ip_mc_up`).
pub(crate) fn link_up(world: &mut World, id: DeviceId) {
    igmp::reset(world, id);
    join(world, id, ALL_HOSTS);
    for group in groups(world, id) {
        added(world, id, group);
    }
}

/// The link went down (`ip_mc_down`).
pub(crate) fn link_down(world: &mut World, id: DeviceId) {
    deafen(world, id);
    leave(world, id, ALL_HOSTS);
}

/// The device listens to no group any more (`ip_mc_unmap`).
pub(crate) fn deafen(world: &mut World, id: DeviceId) {
    for group in groups(world, id) {
        let Some(inet) = world[id].inet.as_mut() else { return };
        if inet.groups.listen(&group, false) {
            listen_to(world, id, wire::ethernet::multicast_v4(group), false);
        }
    }
    igmp::fall_silent(world, id);
}

/// It listens to all of its groups again (`ip_mc_remap`).
pub(crate) fn listen_again(world: &mut World, id: DeviceId) {
    for group in groups(world, id) {
        added(world, id, group);
    }
}

/// A device loses IPv4, and all groups with it.
pub(crate) fn leave_all(world: &mut World, id: DeviceId) {
    link_down(world, id);
    forget_autojoined(world, id, true);
    if let Some(inet) = world[id].inet.as_mut() {
        inet.groups.clear();
    }
}

/// Whether a group of IPv6 reaches the link at all.
fn is_on_link(group: Ipv6Addr) -> bool {
    group.octets()[1] & 15 >= 2
}

/// A device is in the groups that all are in from the beginning, and listens to the one that reaches the link.
pub(crate) fn begin6(world: &mut World, id: DeviceId) {
    listen_to(world, id, wire::ethernet::multicast_v6(ALL_NODES[1]), true);
}

/// Joins a group (`__ipv6_dev_mc_inc`).
pub(crate) fn join6(world: &mut World, id: DeviceId, group: Ipv6Addr) {
    let Some(inet6) = part(world, id) else { return };
    if inet6.groups.join(group) {
        added6(world, id, group);
    }
}

/// A group is new, or its link came up (`igmp6_group_added`).
fn added6(world: &mut World, id: DeviceId, group: Ipv6Addr) {
    let Some(inet6) = part(world, id).filter(|_| is_on_link(group)) else { return };
    if inet6.groups.listen(&group, true) {
        listen_to(world, id, wire::ethernet::multicast_v6(group), true);
    }
    mld::joined(world, id, group);
}

/// Leaves a group (`__ipv6_dev_mc_dec`).
pub(crate) fn leave6(world: &mut World, id: DeviceId, group: Ipv6Addr) {
    let Some(inet6) = part(world, id) else { return };
    let Some(listened) = inet6.groups.leave(&group) else { return };
    if listened {
        listen_to(world, id, wire::ethernet::multicast_v6(group), false);
    }
    mld::left(world, id, group);
}

/// The link is ready, is ready once more, or gets an address: all groups are reported anew (`ipv6_mc_up`).
pub(crate) fn link_up6(world: &mut World, id: DeviceId) {
    mld::reset(world, id);
    for group in groups6(world, id) {
        added6(world, id, group);
    }
}

/// A link that was ready is so no longer (`ipv6_mc_down`).
pub(crate) fn link_down6(world: &mut World, id: DeviceId) {
    for group in groups6(world, id) {
        let Some(inet6) = part(world, id) else { return };
        if inet6.groups.listen(&group, false) {
            listen_to(world, id, wire::ethernet::multicast_v6(group), false);
        }
    }
    mld::fall_silent(world, id);
}

/// A device loses IPv6, and all groups with it.
pub(crate) fn leave_all6(world: &mut World, id: DeviceId) {
    link_down6(world, id);
    forget_autojoined(world, id, false);
    if let Some(inet6) = part(world, id) {
        inet6.groups.clear();
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

/// Joins a group because it is added as an address (`ip_mc_autojoin_config`, `ipv6_mc_config`): once on each link,
/// and of IPv4 not too many.
///
/// # Errors
/// EINVAL if it is no group, EADDRINUSE if it was joined so, ENOBUFS if there are too many.
pub(crate) fn autojoin(world: &mut World, id: DeviceId, group: IpAddr) -> Result<(), Errno> {
    if !group.is_multicast() {
        return Err(Errno::EINVAL);
    }
    let stack = &mut world.space_mut(world[id].netns)?.stack;
    if stack.autojoined.contains(&(group, id)) {
        return Err(Errno::EADDRINUSE);
    }
    let same_family = stack.autojoined.iter().filter(|(known, _)| known.is_ipv4() == group.is_ipv4()).count();
    let most = match group {
        IpAddr::V4(_) => stack.conf.get(netns::IGMP_MAX_MEMBERSHIPS).max(0) as usize,
        IpAddr::V6(_) => AUTOJOINED6,
    };
    if same_family >= most {
        return Err(Errno::ENOBUFS);
    }
    // commit
    stack.autojoined.insert((group, id));
    match group {
        IpAddr::V4(group) => join(world, id, group),
        IpAddr::V6(group) => join6(world, id, group),
    }
    Ok(())
}

/// The address is deleted, and the group is left if it was joined for it.
pub(crate) fn autoleave(world: &mut World, id: DeviceId, group: IpAddr) {
    let netns = world[id].netns;
    if world.space_mut(netns).is_ok_and(|space| space.stack.autojoined.remove(&(group, id))) {
        match group {
            IpAddr::V4(group) => leave(world, id, group),
            IpAddr::V6(group) => leave6(world, id, group),
        }
    }
}

/// Forgets what was joined so on a device that loses a family.
fn forget_autojoined(world: &mut World, id: DeviceId, v4: bool) {
    if let Ok(space) = world.space_mut(world[id].netns) {
        let own = &mut space.stack.autojoined;
        if !own.is_empty() {
            own.retain(|(group, device)| *device != id || group.is_ipv4() != v4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_joined_and_left_as_often() {
        let [one, two] = [1, 2].map(|last| Ipv4Addr::new(239, 0, 0, last));
        let mut joined = Joined::default();
        assert!(joined.join(one) && joined.join(two) && !joined.join(one));
        assert!(joined.listen(&one, true) && !joined.listen(&one, true));
        assert_eq!(joined.users().collect::<Vec<_>>(), [(two, 1), (one, 2)]);
        assert_eq!(joined.leave(&one), None);
        assert_eq!(joined.leave(&one), Some(true));
        assert_eq!(joined.leave(&two), Some(false));
        assert_eq!(joined.leave(&two), None);
        assert!(!joined.contains(&two));
        assert!(joined.join(ALL_HOSTS) && joined.listen(&ALL_HOSTS, true));
        assert!(matches!(joined.0, Cow::Borrowed(_)), "what is usual takes no memory");
    }
}
