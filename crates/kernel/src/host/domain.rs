//! Routing domains (`net/l3mdev/l3mdev.c`): a device whose type has a routing table is the master of one, its ports
//! are in it.
//!
//! A packet of a domain is looked up in the domain's table: one that came in through a port because of the port, one of
//! the host's own because it is bound to the master or to a port. The rule `lookup [l3mdev-table]` does it. What is for
//! the host itself comes by the master, which is the loopback of its domain. Above IP the link that a packet came
//! through is the master; whoever is bound to the port hears it too.

use super::fib4;
use crate::device::DeviceId;
use crate::frame::{FrameId, PacketKind};
use crate::netns::NetnsId;
use crate::run::Step;
use crate::stack::MAX_NEST;
use crate::world::World;
use rtnl::object::route::RT_TABLE_LOCAL;
use std::net::Ipv4Addr;

/// The masters of the domains of a namespace that have a table.
pub(crate) fn with_table(world: &World, netns: NetnsId, number: u32) -> impl Iterator<Item = DeviceId> + '_ {
    let all = world.space(netns).map_or(Vec::new(), |space| space.in_order_of_arrival());
    all.into_iter().filter(move |id| is_master(world, *id) && table(world, *id) == Some(number))
}

/// Whether two domains of a namespace have the same table.
pub(crate) fn shares_table(world: &World, netns: NetnsId) -> bool {
    let all = world.space(netns).map_or(Vec::new(), |space| space.in_order_of_arrival());
    let mut tables: Vec<u32> =
        all.into_iter().filter(|id| is_master(world, *id)).filter_map(|id| table(world, id)).collect();
    let count = tables.len();
    tables.sort_unstable();
    tables.dedup();
    tables.len() < count
}

/// Whether a device is the master of a domain.
pub(crate) fn is_master(world: &World, id: DeviceId) -> bool {
    world.get(id).is_some_and(|device| device.kind.routing_table.is_some())
}

/// The master of the domain that a device is in: itself, or the device it is a port of.
pub(crate) fn master(world: &World, id: DeviceId) -> Option<DeviceId> {
    let is_master = |id: &DeviceId| is_master(world, *id);
    Some(id).filter(is_master).or_else(|| world.get(id)?.master.filter(is_master))
}

/// The master of a domain among a device and all that it is a port of, one in the other
/// (`l3mdev_master_upper_ifindex_by_index`).
pub(crate) fn above(world: &World, id: DeviceId) -> Option<DeviceId> {
    let over = |id: &DeviceId| world.get(*id)?.master;
    std::iter::successors(Some(id), over).take(MAX_NEST.into()).find(|id| is_master(world, *id))
}

/// The table of the domain that a device is in; none if it is in none (`l3mdev_fib_table`).
pub(crate) fn table(world: &World, id: DeviceId) -> Option<u32> {
    let master = master(world, id)?;
    Some(world[master].kind.routing_table?(world, master)).filter(|table| *table != 0)
}

/// The table in which the host's own addresses on a device stand.
pub(crate) fn local_table(world: &World, id: DeviceId) -> u32 {
    table(world, id).unwrap_or(RT_TABLE_LOCAL)
}

/// The device that stands for the host itself towards a link: the master of its domain, or the loopback.
pub(crate) fn loopback(world: &World, netns: NetnsId, link: Option<DeviceId>) -> Option<DeviceId> {
    link.and_then(|id| master(world, id)).or_else(|| super::route4::loopback(world, netns))
}

/// The link to which an answer is bound that goes back to where a packet came from; 0: to none.
pub(crate) fn answer(world: &World, id: DeviceId) -> u32 {
    master(world, id).map_or(0, |master| world[master].ifindex)
}

/// The domain of a packet that is bound to one link or came in through another; a link that is a master binds to its
/// domain alone (`l3mdev_update_flow`).
pub(crate) fn of_flow(world: &World, netns: NetnsId, oif: &mut u32, iif: u32) -> Option<DeviceId> {
    let by_index = |ifindex: u32| {
        Some(ifindex).filter(|index| *index > 1).and_then(|index| world.by_index(netns, index))
    };
    if let Some(bound) = by_index(*oif) {
        if is_master(world, bound) {
            *oif = 0;
        }
        return master(world, bound);
    }
    by_index(iif).and_then(|id| master(world, id))
}

/// What kind of address it is near a device: in the table of its domain.
pub(crate) fn address_type(world: &World, id: DeviceId, address: Ipv4Addr) -> u8 {
    let netns = world[id].netns;
    match table(world, id) {
        Some(table) => fib4::address_type_in(world, netns, address, table, None),
        None => fib4::address_type(world, netns, address, None),
    }
}

/// Which link a packet came through, as programs see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    /// The link; for a packet of a domain its master.
    pub ifindex: u32,
    /// The port of the domain; 0: none.
    pub port: u32,
}

/// What programs see as the link that a packet came through.
pub(crate) fn input(world: &World, id: DeviceId) -> Input {
    let own = world[id].ifindex;
    match master(world, id) {
        Some(master) => Input { ifindex: world[master].ifindex, port: if master == id { 0 } else { own } },
        None => Input { ifindex: own, port: 0 },
    }
}

/// The same for a packet of IPv4. What the host sent to itself seems to come through the port that has the address, and
/// through the master as well (`inet_iif`, `inet_sdif`).
pub(crate) fn input4(world: &World, id: DeviceId, to: Ipv4Addr) -> Input {
    let usual = input(world, id);
    let Some(table) = table(world, id).filter(|_| is_master(world, id)) else { return usual };
    match fib4::lookup_table(world, world[id].netns, table, &fib4::Flow::to(to)) {
        Ok(found) => Input { ifindex: found.nexthop.ifindex, port: usual.ifindex },
        Err(_) => usual,
    }
}

/// A packet that was sent through the master of a domain is for the host itself: the master receives it
/// (`vrf_local_xmit`).
pub(crate) fn loop_back(world: &mut World, master: DeviceId, frame: FrameId) {
    world.run.pool.meta_mut(frame).kind = PacketKind::Host;
    let length = world.run.pool.length(frame) as u64;
    let counters = &mut world[master].counters;
    counters.rx_packets += 1;
    counters.rx_bytes += length;
    world.forward(master, Step::Receive, frame);
}

/// Counts a packet that came in through a port at the master (`vrf_rx_stats`), without its Ethernet header.
pub(crate) fn count(world: &mut World, id: DeviceId, frame: FrameId) {
    let Some(master) = master(world, id).filter(|master| *master != id) else { return };
    let length = world.run.pool.length(frame).saturating_sub(wire::ethernet::LENGTH) as u64;
    let counters = &mut world[master].counters;
    counters.rx_packets += 1;
    counters.rx_bytes += length;
}
