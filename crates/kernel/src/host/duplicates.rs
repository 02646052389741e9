//! An IPv6 address on its way to use: is it somebody else's (RFC 4862, 5.4), and once it is not, where are the routers
//! (RFC 4861, 6.3.7; `addrconf_dad_work` and `addrconf_rs_timer` in `net/ipv6/addrconf.c`)?

use super::conf::v6;
use super::fib6::{self, ADDRESS_METRIC, kernel_route, key};
use super::joined::join_solicited;
use super::router6::join_anycast;
use super::{HostTimer, advertised, domain, mld, ndisc};
use crate::device::DeviceId;
use crate::inet6::{self, addresses, conf, find_mut, is_link_local, link_local, part};
use crate::world::World;
use rtnl::object::addr::*;
use rtnl::object::link::{IFF_LOOPBACK, IFF_NOARP};
use rtnl::object::route::*;
use std::net::Ipv6Addr;

const SECOND: u64 = 1_000_000;
const MILLISECOND: u64 = 1_000;

/// Begins to look for duplicates of an address (`addrconf_dad_begin`).
pub(crate) fn begin_search(world: &mut World, id: DeviceId, address: Ipv6Addr) {
    let fresh = find_mut(world, id, address).is_some_and(|own| !std::mem::replace(&mut own.listens, true));
    if fresh {
        join_solicited(world, id, address);
    }
    let noarp = world[id].flags & (IFF_NOARP | IFF_LOOPBACK) != 0;
    let everywhere = world.space(world[id].netns).map_or(0, |space| space.stack.all6.get(v6::ACCEPT_DAD));
    let accepts = everywhere.max(conf(world, id, v6::ACCEPT_DAD)) >= 1;
    let transmits = conf(world, id, v6::DAD_TRANSMITS).max(0) as u32;
    let ready = part(world, id).is_some_and(|inet6| inet6.ready);
    let random = world.random();
    let netns = world[id].netns;
    let Some(own) = find_mut(world, id, address) else { return };
    if noarp || !accepts || !own.is(IFA_F_TENTATIVE) || own.is(IFA_F_NODAD) {
        own.begun = true;
        return search_ended(world, id, address);
    }
    if !ready {
        return;
    }
    own.begun = true;
    own.probes = transmits;
    // Hosts that start together do not ask together.
    world.set_host_timer(netns, HostTimer::Duplicates(id, address), random % SECOND);
}

/// The link became ready: every tentative address is looked at (`addrconf_dad_run`).
pub(crate) fn run_search(world: &mut World, id: DeviceId) {
    let waiting: Vec<Ipv6Addr> = addresses(world, id)
        .iter()
        .filter(|own| own.is(IFA_F_TENTATIVE) && !own.begun && !own.is(IFA_F_DADFAILED))
        .map(|own| own.address)
        .collect();
    for address in waiting {
        begin_search(world, id, address);
    }
}

/// The next question, or the end of the search (`addrconf_dad_work`).
pub(crate) fn look_for_duplicates(world: &mut World, id: DeviceId, address: Ipv6Addr) {
    let retransmit = world[id]
        .inet6
        .as_ref()
        .map_or(1000, |inet6| inet6.conf.neighbour(super::conf::neigh::RETRANS_TIME_MS).max(10));
    let netns = world[id].netns;
    let Some(own) = find_mut(world, id, address).filter(|own| own.is(IFA_F_TENTATIVE)) else { return };
    if own.probes == 0 {
        return search_ended(world, id, address);
    }
    own.probes -= 1;
    world.set_host_timer(netns, HostTimer::Duplicates(id, address), retransmit as u64 * 1000);
    ndisc::claim(world, id, address);
}

/// Nobody else has the address: it is the host's (`addrconf_dad_completed`).
fn search_ended(world: &mut World, id: DeviceId, address: Ipv6Addr) {
    let Some(own) = find_mut(world, id, address) else { return };
    let was_tentative = own.is(IFA_F_TENTATIVE);
    own.flags &= !(IFA_F_TENTATIVE | IFA_F_OPTIMISTIC | IFA_F_DADFAILED);
    let own = own.clone();
    let netns = world[id].netns;
    crate::rtnl::addr6::announce(world, id, RTM_NEWADDR, &own);
    let route = kernel_route(world, id, RTN_LOCAL, 0);
    let table = domain::local_table(world, id);
    fib6::add(world, netns, table, key(address, 128), route);
    // A link that is down takes no route but that of the address itself.
    if let Some(peer) = own.peer.filter(|_| world[id].is_up()) {
        let metric = if own.priority == 0 { ADDRESS_METRIC } else { own.priority };
        let route = kernel_route(world, id, RTN_UNICAST, metric);
        let table = inet6::prefix_table(world, id);
        fib6::add(world, netns, table, key(peer, 128), route);
    }
    if conf(world, id, v6::FORWARDING) != 0 {
        join_anycast(world, id, &own);
    }
    let first = is_link_local(address) && is_lonely(world, id, address);
    if first {
        mld::address_found(world, id);
    }
    if was_tentative && conf(world, id, v6::NDISC_NOTIFY) != 0 {
        ndisc::announce(world, id, address);
    }
    if first && !fib6::is_loopback(world, id) {
        ask_for_routers(world, id);
    }
}

/// Whether a link has no other address of its own that is known to be free (`ipv6_lonely_lladdr`).
fn is_lonely(world: &World, id: DeviceId, address: Ipv6Addr) -> bool {
    let found = |own: &inet6::Address| !own.is(IFA_F_TENTATIVE | IFA_F_DADFAILED) && own.is(IFA_F_PERMANENT);
    let others = addresses(world, id).iter().filter(|own| own.address != address);
    !others.filter(|own| is_link_local(own.address)).any(found)
}

/// Asks for routers, and again after a while until one answers (`addrconf_rs_timer`).
pub(crate) fn ask_for_routers(world: &mut World, id: DeviceId) {
    let most = conf(world, id, v6::ROUTER_SOLICITATIONS);
    let interval = conf(world, id, v6::ROUTER_SOLICITATION_INTERVAL).max(1) as u64;
    let longest = conf(world, id, v6::ROUTER_SOLICITATION_MAX_INTERVAL).max(1) as u64;
    let host = advertised::are_taken(world, id);
    let Some(source) = link_local(world, id).filter(|_| host && most != 0) else { return };
    let netns = world[id].netns;
    let Some(inet6) = part(world, id).filter(|inet6| inet6.ready && !inet6.advertised) else { return };
    if most > 0 && inet6.solicitations >= most {
        return;
    }
    // Twice as long each time, up to a limit.
    let delay = (interval << inet6.solicitations.min(10)).min(longest);
    inet6.solicitations += 1;
    world.set_host_timer(netns, HostTimer::Routers(id), delay * MILLISECOND);
    ndisc::ask_for_routers(world, id, source);
}

/// Somebody else has an address that is looked at (`addrconf_dad_failure`).
pub(crate) fn is_duplicate(world: &mut World, id: DeviceId, address: Ipv6Addr) {
    let netns = world[id].netns;
    world.cancel_host_timer(netns, HostTimer::Duplicates(id, address));
    let Some(own) = find_mut(world, id, address) else { return };
    if own.is(IFA_F_PERMANENT) {
        own.flags |= IFA_F_DADFAILED;
        let own = own.clone();
        crate::rtnl::addr6::announce(world, id, RTM_NEWADDR, &own);
    } else {
        inet6::remove(world, id, address);
    }
    give_up_if_asked(world, id, address);
}

/// With `accept_dad` 2 a link whose own identity somebody else has speaks no IPv6 any more (`addrconf_dad_work`).
fn give_up_if_asked(world: &mut World, id: DeviceId, address: Ipv6Addr) {
    let everywhere = world.space(world[id].netns).map_or(0, |space| space.stack.all6.get(v6::ACCEPT_DAD));
    let strict = everywhere.max(conf(world, id, v6::ACCEPT_DAD)) > 1;
    let identity = inet6::interface_identity(world, id);
    if !strict || identity != Some(address) || !inet6::is_enabled(world, id) {
        return;
    }
    if let Some(inet6) = part(world, id) {
        inet6.conf.set(v6::DISABLE_IPV6, 1);
    }
    inet6::setting_changed(world, id, v6::DISABLE_IPV6, 0);
}
