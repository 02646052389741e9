//! What a router of IPv6 is to its links: it listens to the groups of routers, and every prefix of its own has an address
//! for any router of it (the subnet's anycast address, RFC 4291 section 2.6.1).

use super::conf::v6;
use super::fib6::{self, kernel_route, key};
use super::joined::{join_solicited, join6 as join, leave_solicited, leave6 as leave};
use super::{AF_INET6, advertised, domain};
use crate::device::DeviceId;
use crate::inet6::{Address, addresses};
use crate::rtnl::netconf::{self, Whose};
use crate::world::World;
use rtnl::object::addr::IFA_F_TENTATIVE;
use rtnl::object::link::IFF_MULTICAST;
use rtnl::object::route::RTN_ANYCAST;
use std::net::Ipv6Addr;

/// All routers of the host, a link and a site.
pub(crate) const ALL_ROUTERS: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2),
    Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 2),
    Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 2),
];

/// A router listens to the groups of routers and has an address for its whole prefix (`dev_forward_change`).
pub(crate) fn forwarding_changed(world: &mut World, id: DeviceId, on: bool) {
    let groups = if world[id].flags & IFF_MULTICAST != 0 { &ALL_ROUTERS[..] } else { &[] };
    for group in groups.iter().copied() {
        if on { join(world, id, group) } else { leave(world, id, group) }
    }
    for address in addresses(world, id).to_vec() {
        if on && !address.is(IFA_F_TENTATIVE) {
            join_anycast(world, id, &address);
        } else if !on {
            leave_anycast(world, id, &address);
        }
    }
    if on {
        advertised::forget_routers(world, id);
    }
    let netns = world[id].netns;
    netconf::announce(world, netns, AF_INET6, Whose::Device(id), v6::FORWARDING);
}

fn anycast_of(address: &Address) -> Option<Ipv6Addr> {
    let network = fib6::prefix(address.network()).0;
    Some(network).filter(|network| address.length < 127 && !network.is_unspecified())
}

/// A prefix of a router has an address for any router of it.
pub(crate) fn join_anycast(world: &mut World, id: DeviceId, address: &Address) {
    let Some(anycast) = anycast_of(address) else { return };
    let netns = world[id].netns;
    let route = kernel_route(world, id, RTN_ANYCAST, 0);
    let table = domain::local_table(world, id);
    fib6::add(world, netns, table, key(anycast, 128), route);
    join_solicited(world, id, anycast);
}

/// A prefix of a router goes, and its address for any router with it.
pub(crate) fn leave_anycast(world: &mut World, id: DeviceId, address: &Address) {
    let Some(anycast) = anycast_of(address) else { return };
    leave_solicited(world, id, anycast);
    let table = domain::local_table(world, id);
    fib6::remove(world, id, table, key(anycast, 128), RTN_ANYCAST);
}
