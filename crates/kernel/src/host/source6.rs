//! Which address a packet of IPv6 bears as its source when nobody says so (RFC 6724; `ipv6_dev_get_saddr` in
//! `net/ipv6/addrconf.c`).
//!
//! **Left out**: labels and policy tables, and what temporary or home addresses prefer.

use super::domain;
use crate::device::DeviceId;
use crate::inet6::{addresses, is_link_local};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::object::addr::{IFA_F_DEPRECATED, IFA_F_TENTATIVE};
use std::net::Ipv6Addr;

/// How well an address does as a source: scope, not deprecated, on the right device, bits in common.
type Rank = ((bool, u32), bool, bool, u32);
/// The rank of the address itself: none is better.
const EXACT: Rank = ((true, u32::MAX), true, true, u32::MAX);

fn reach(address: Ipv6Addr) -> u32 {
    match () {
        () if address.is_multicast() => u32::from(address.octets()[1] & 15),
        () if address.is_loopback() => 1,
        () if is_link_local(address) => LINK_REACH,
        () => 14,
    }
}

/// How far an address of a link reaches.
const LINK_REACH: u32 = 2;

/// A scope that reaches, and of those the narrowest; else the widest.
fn fit(own: u32, wanted: u32) -> (bool, u32) {
    let reaches = own >= wanted;
    (reaches, if reaches { 15 - own } else { own })
}

/// The source towards an address through a device (RFC 6724, `ipv6_dev_get_saddr`).
pub(crate) fn select(world: &World, id: DeviceId, to: Ipv6Addr) -> Option<Ipv6Addr> {
    select_from(world, world.get(id)?.netns, Some(id), to)
}

/// The same, also without a device. The devices of one routing domain lend each other their addresses, and of a domain
/// the device itself comes first, then the master.
pub(crate) fn select_from(
    world: &World,
    netns: NetnsId,
    id: Option<DeviceId>,
    to: Ipv6Addr,
) -> Option<Ipv6Addr> {
    if let Some(only) = id.filter(|_| to.is_multicast() || is_link_local(to)) {
        return best_of(world, id, to, [only]).map(|(_, address)| address);
    }
    let master = id.and_then(|id| domain::master(world, id));
    let usable = |id: &DeviceId| addresses(world, *id).iter().any(|own| !own.is(IFA_F_TENTATIVE));
    let first = id.filter(|_| master.is_some()).into_iter().chain(master);
    if let Some(only) = first.into_iter().find(usable) {
        return best_of(world, id, to, [only]).map(|(_, address)| address);
    }
    let space = world.space(netns).ok()?;
    let inside = |other: &DeviceId| domain::master(world, *other) == master;
    // In the order in which they came, as the first of equals wins.
    let arrival = id.map(|id| world[id].arrival);
    let others = || space.stack.holders6.lenders().filter(|other| Some(*other) != id).filter(inside);
    let earlier = others().filter(|other| Some(world[*other].arrival) < arrival);
    let later = others().filter(|other| Some(world[*other].arrival) > arrival);
    let best = best_of(world, id, to, earlier.chain(id).chain(later));
    // What other links have for themselves alone is looked for only if it may be better.
    let theirs = (fit(LINK_REACH, reach(to)), true, false, u32::MAX);
    let best = match best {
        Some(best) if best.0 > theirs => Some(best),
        _ => best_of(world, id, to, space.in_order_of_arrival().into_iter().filter(inside)),
    };
    best.map(|(_, address)| address)
}

fn best_of(
    world: &World,
    id: Option<DeviceId>,
    to: Ipv6Addr,
    among: impl IntoIterator<Item = DeviceId>,
) -> Option<(Rank, Ipv6Addr)> {
    let mut best: Option<(Rank, Ipv6Addr)> = None;
    for other in among {
        for own in addresses(world, other) {
            if own.is(IFA_F_TENTATIVE) || own.address.is_loopback() && !to.is_loopback() && Some(other) != id
            {
                continue;
            }
            let fit = fit(reach(own.address), reach(to));
            let common = (own.address.to_bits() ^ to.to_bits()).leading_zeros().min(u32::from(own.length));
            let rank = (fit, !own.is(IFA_F_DEPRECATED), Some(other) == id, common);
            if own.address == to {
                return Some((EXACT, to));
            }
            if best.as_ref().is_none_or(|(best, _)| rank > *best) {
                best = Some((rank, own.address));
            }
        }
    }
    best
}
