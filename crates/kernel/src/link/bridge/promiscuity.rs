//! What ports receive (`br_manage_promisc` in `net/bridge/br_if.c`).
//!
//! A bridge must see every frame, so its ports are promiscuous. Only where a filtering bridge knows from its tables
//! alone what goes where, and a port filters addresses itself, the port is asked for the bridge's addresses instead.

use super::port::{flag, of_port, of_port_mut};
use super::{of, of_mut, ports};
use crate::device::{DeviceId, Mac, is_valid_ether_addr};
use crate::world::World;
use rtnl::object::link::IFF_PROMISC;
use std::collections::BTreeSet;

/// Counts anew the ports behind which the bridge finds out by itself what there is.
pub(super) fn count_auto_ports(world: &mut World, bridge: DeviceId) {
    let is_auto = |port: &&DeviceId| of_port(world, **port).is_some_and(|port| port.has(flag::AUTO));
    let count = of(world, bridge).arrivals.iter().filter(is_auto).count();
    if std::mem::replace(&mut of_mut(world, bridge).auto_ports, count) != count {
        manage(world, bridge);
    }
}

/// Makes every port promiscuous that has to be, and no other.
pub(super) fn manage(world: &mut World, bridge: DeviceId) {
    let all = world[bridge].flags & IFF_PROMISC != 0 || !of(world, bridge).vlan_filtering;
    let auto_ports = of(world, bridge).auto_ports;
    for id in ports(world, bridge) {
        let Some(port) = of_port(world, id) else { continue };
        let known = auto_ports == 0 || auto_ports == 1 && port.has(flag::AUTO);
        let wanted = all || !known || !world[id].abilities.unicast_filter;
        if wanted != port.has(flag::PROMISCUOUS) {
            set(world, id, wanted);
        }
    }
}

fn set(world: &mut World, id: DeviceId, promiscuous: bool) {
    if !promiscuous {
        let local = local_addresses(world, id);
        receive(world, id, &local);
    }
    let Some(port) = of_port_mut(world, id) else { return };
    port.flags ^= flag::PROMISCUOUS;
    world.set_promiscuity(id, promiscuous);
    if promiscuous {
        receive(world, id, &BTreeSet::new());
    }
}

/// A port that leaves receives what it received before it came.
pub(super) fn end(world: &mut World, id: DeviceId) {
    world.set_allmulti(id, false);
    let Some(port) = of_port_mut(world, id) else { return };
    if port.has(flag::PROMISCUOUS) {
        port.flags &= !flag::PROMISCUOUS;
        world.set_promiscuity(id, false);
    } else {
        receive(world, id, &BTreeSet::new());
    }
}

/// Asks the ports that are not promiscuous for the addresses that the bridge has now.
pub(super) fn receive_addresses(world: &mut World, bridge: DeviceId) {
    let quiet = |id: &DeviceId| of_port(world, *id).is_some_and(|port| !port.has(flag::PROMISCUOUS));
    let quiet: Vec<DeviceId> = ports(world, bridge).into_iter().filter(quiet).collect();
    let Some(first) = quiet.first() else { return };
    let local = local_addresses(world, *first);
    for id in quiet {
        receive(world, id, &local);
    }
}

/// The addresses of a port's bridge and of all its ports, and those that somebody set.
fn local_addresses(world: &World, port: DeviceId) -> BTreeSet<Mac> {
    let Some(bridge) = of_port(world, port).map(|port| port.bridge) else { return BTreeSet::new() };
    let state = of(world, bridge);
    let mut all: BTreeSet<Mac> = state.arrivals.iter().map(|id| world[*id].address).collect();
    all.insert(world[bridge].address);
    state.fdb.each(|found| {
        if found.flags & crate::fdb::flag::STATIC != 0 {
            all.insert(found.mac);
        }
    });
    all.retain(is_valid_ether_addr);
    all
}

fn receive(world: &mut World, id: DeviceId, wanted: &BTreeSet<Mac>) {
    let Some(port) = of_port_mut(world, id) else { return };
    let present = std::mem::replace(&mut port.received, wanted.clone());
    for address in wanted.difference(&present) {
        world.add_unicast(id, *address);
    }
    for address in present.difference(wanted) {
        world.remove_unicast(id, *address);
    }
}
