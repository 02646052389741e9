//! Which aggregator a port is in, and which aggregator is in use (IEEE 802.1AX, 6.4.14; `ad_port_selection_logic`,
//! `ad_agg_selection_logic`).

use super::{Aggregator, KEY_DUPLEX, of, speed_code};
use crate::device::DeviceId;
use crate::link::bond::slave::{self, of_slave, set_active, set_inactive};
use crate::world::World;
use rtnl::kind::bond_slave::BOND_LINK_UP;
use wire::lacp::state;

/// What makes one aggregator better than another (`ad_select`): the bandwidth, but only once the one in use is of no
/// more use; the bandwidth; the number of ports.
const STABLE: u8 = 0;
const COUNT: u8 = 2;

fn aggregator(world: &World, owner: DeviceId) -> Option<&Aggregator> {
    slave::of(world, owner).map(|slave| &slave.aggregator)
}

/// The slave whose aggregator is in use (`__get_active_agg`).
fn active_aggregator(world: &World, bond: DeviceId) -> Option<DeviceId> {
    let is_active = |id: &DeviceId| aggregator(world, *id).is_some_and(|aggregator| aggregator.active);
    of(world, bond).slaves.iter().copied().find(is_active)
}

/// The ports of an aggregator whose links are up.
pub(super) fn enabled_ports(world: &World, owner: DeviceId) -> usize {
    let enabled = |id: &&DeviceId| slave::of(world, **id).is_some_and(|slave| slave.port.enabled);
    aggregator(world, owner).map_or(0, |aggregator| aggregator.ports.iter().filter(enabled).count())
}

/// Whether a device of an aggregator's ports is up.
fn is_up(world: &World, owner: DeviceId) -> bool {
    aggregator(world, owner)
        .is_some_and(|aggregator| aggregator.ports.iter().any(|id| slave::is_up(world, *id)))
}

/// The speed of the newest port, as often as there are ports whose links are up.
fn bandwidth(world: &World, owner: DeviceId) -> u64 {
    let newest = aggregator(world, owner).and_then(|aggregator| aggregator.ports.first());
    let slave = newest.and_then(|id| slave::of(world, *id)).filter(|slave| slave.link == BOND_LINK_UP);
    let speed = slave.and_then(slave::Slave::known_speed).filter(|speed| speed_code(*speed) != 0);
    speed.map_or(0, |speed| u64::from(speed) * enabled_ports(world, owner) as u64)
}

/// The port's slave sends and receives for the bond, if its link is up (`__enable_port`).
pub(super) fn enable(world: &mut World, id: DeviceId) {
    let linked = slave::of(world, id).is_some_and(|slave| slave.link == BOND_LINK_UP);
    if linked && slave::is_up(world, id) {
        set_active(world, id);
    }
}

/// It does not.
pub(super) fn disable(world: &mut World, id: DeviceId) {
    set_inactive(world, id);
}

/// Of two aggregators the one to use; the first unless the other is better (`ad_agg_selection_test`).
fn better(world: &World, policy: u8, best: DeviceId, other: DeviceId) -> DeviceId {
    let facts = |id: DeviceId| {
        let aggregator = aggregator(world, id);
        let shared = aggregator.is_some_and(|aggregator| !aggregator.individual);
        let partner = aggregator.is_some_and(Aggregator::has_partner);
        let count = if policy == COUNT { enabled_ports(world, id) } else { 0 };
        (shared, partner, count, bandwidth(world, id))
    };
    if facts(other) > facts(best) { other } else { best }
}

/// Chooses the aggregator to use (`ad_agg_selection_logic`). Says whether there may be other ports to send through.
pub(super) fn choose_active(world: &mut World, bond: DeviceId) -> bool {
    let policy = of(world, bond).params.ad_select;
    let before = active_aggregator(world, bond);
    let slaves = of(world, bond).slaves.clone();
    let mut best = before.filter(|owner| is_up(world, *owner));
    for owner in &slaves {
        if enabled_ports(world, *owner) != 0 && is_up(world, *owner) {
            best = Some(best.map_or(*owner, |best| better(world, policy, best, *owner)));
        }
        of_slave(world, *owner).into_iter().for_each(|slave| slave.aggregator.active = false);
    }
    if policy == STABLE && keeps(world, before, best) {
        best = before;
    }
    let mut changed = false;
    if let Some(owner) = best {
        of_slave(world, owner).into_iter().for_each(|slave| slave.aggregator.active = true);
        changed = best != before;
        if changed {
            for_each_port(world, before, disable);
        }
        if !aggregator(world, owner).is_some_and(Aggregator::has_partner) {
            for_each_port(world, best, enable);
            changed = true;
        }
    }
    set_carrier(world, bond);
    changed
}

/// The aggregator in use stays: it has a partner, or the better one has none either.
fn keeps(world: &World, before: Option<DeviceId>, best: Option<DeviceId>) -> bool {
    let (Some(owner), Some(best)) = (before, best.and_then(|best| aggregator(world, best))) else {
        return false;
    };
    let Some(active) = aggregator(world, owner) else { return false };
    let worth = active.has_partner() || !best.has_partner();
    enabled_ports(world, owner) != 0 && worth && (active.key != 0 || best.key == 0)
}

fn for_each_port(world: &mut World, owner: Option<DeviceId>, deed: fn(&mut World, DeviceId)) {
    let ports = owner.and_then(|owner| aggregator(world, owner)).map(|aggregator| aggregator.ports.clone());
    for id in ports.unwrap_or_default() {
        deed(world, id);
    }
}

/// The bond has a carrier while an aggregator is in use that has enough ports (`bond_3ad_set_carrier`); says whether
/// it changed.
pub(in crate::link::bond) fn set_carrier(world: &mut World, bond: DeviceId) -> bool {
    let state = of(world, bond);
    if state.slaves.is_empty() {
        return false;
    }
    let least = state.params.min_links as usize;
    let active = active_aggregator(world, bond);
    let on = active.is_some_and(|owner| enabled_ports(world, owner) >= least);
    let changes = world[bond].carrier != on;
    match on {
        _ if !changes => {}
        true => world.carrier_on(bond),
        false => world.carrier_off(bond),
    }
    changes
}

// Ports.

/// Finds an aggregator for a port that has none that suits it (`ad_port_selection_logic`). Says whether there may be
/// other ports to send through.
pub(super) fn select_port(world: &mut World, bond: DeviceId, id: DeviceId) -> bool {
    let Some(slave) = slave::of(world, id).filter(|slave| !slave.port.selected) else { return false };
    if let Some(owner) = slave.port.aggregator {
        detach(world, owner, id);
    }
    let slaves = &of(world, bond).slaves;
    let is_free = |owner: &&DeviceId| aggregator(world, **owner).is_some_and(|found| found.ports.is_empty());
    let suitable = slaves.iter().find(|owner| suits(world, **owner, id)).copied();
    let Some(owner) = suitable.or_else(|| slaves.iter().find(is_free).copied()) else { return false };
    if suitable.is_none() {
        found(world, owner, id);
    }
    if let Some(slave) = of_slave(world, owner) {
        slave.aggregator.ports.insert(0, id);
    }
    if let Some(slave) = of_slave(world, id) {
        slave.port.aggregator = Some(owner);
        slave.port.selected = true;
    }
    let changed = choose_active(world, bond);
    if !aggregator(world, owner).is_some_and(|aggregator| aggregator.active) {
        let port = of_slave(world, id).map(|slave| &mut slave.port);
        port.into_iter().for_each(|port| port.actor.state &= !state::SYNCHRONIZATION);
    }
    changed
}

/// Whether a port may join an aggregator that has ports: it leads to the same system under the same key.
fn suits(world: &World, owner: DeviceId, id: DeviceId) -> bool {
    let (Some(aggregator), Some(slave)) = (aggregator(world, owner), slave::of(world, id)) else {
        return false;
    };
    let (actor, partner) = (&slave.port.actor, &slave.port.partner);
    !aggregator.ports.is_empty()
        && !aggregator.individual
        && aggregator.has_partner()
        && aggregator.key == actor.key
        && aggregator.partner_system == partner.system
        && aggregator.partner_priority == partner.system_priority
        && aggregator.partner_key == partner.key
}

/// An empty aggregator becomes what suits a port.
fn found(world: &mut World, owner: DeviceId, id: DeviceId) {
    let Some(port) = slave::of(world, id).map(|slave| &slave.port) else { return };
    let (actor, partner) = (port.actor, port.partner);
    let Some(slave) = of_slave(world, owner) else { return };
    slave.aggregator.individual = actor.key & KEY_DUPLEX == 0;
    slave.aggregator.key = actor.key;
    slave.aggregator.partner_system = partner.system;
    slave.aggregator.partner_priority = partner.system_priority;
    slave.aggregator.partner_key = partner.key;
}

fn detach(world: &mut World, owner: DeviceId, id: DeviceId) {
    if let Some(slave) = of_slave(world, owner) {
        slave.aggregator.ports.retain(|port| *port != id);
        if slave.aggregator.ports.is_empty() {
            slave.aggregator.clear();
        }
    }
    if let Some(slave) = of_slave(world, id) {
        slave.port.aggregator = None;
    }
}

// Leaving.

/// The aggregator of a slave that leaves goes to a slave whose own is empty, or has no port but the one that leaves.
pub(super) fn bequeath(world: &mut World, bond: DeviceId, id: DeviceId) {
    let Some(own) = aggregator(world, id).filter(|own| !own.ports.is_empty()) else { return };
    if own.ports == [id] {
        let was_active = own.active;
        of_slave(world, id).into_iter().for_each(|slave| slave.aggregator.clear());
        if was_active {
            choose_active(world, bond);
        }
        return;
    }
    let takes = |heir: &&DeviceId| {
        aggregator(world, **heir).is_some_and(|found| found.ports.is_empty() || found.ports == [id])
    };
    let Some(heir) = of(world, bond).slaves.iter().find(takes).copied() else { return };
    let active_ends = aggregator(world, heir).is_some_and(|heir| heir.active && !heir.ports.is_empty());
    let Some(slave) = of_slave(world, id) else { return };
    let number = slave.aggregator.number;
    let inheritance =
        std::mem::replace(&mut slave.aggregator, Aggregator { number, ..Aggregator::default() });
    for port in &inheritance.ports {
        of_slave(world, *port).into_iter().for_each(|slave| slave.port.aggregator = Some(heir));
    }
    if let Some(slave) = of_slave(world, heir) {
        let number = slave.aggregator.number;
        slave.aggregator = Aggregator { number, ..inheritance };
    }
    if active_ends {
        choose_active(world, bond);
    }
}

/// A port leaves the aggregator that it is in.
pub(super) fn leave(world: &mut World, bond: DeviceId, id: DeviceId) {
    let holds = |owner: &DeviceId| aggregator(world, *owner).is_some_and(|found| found.ports.contains(&id));
    let Some(owner) = of(world, bond).slaves.iter().copied().find(holds) else { return };
    of_slave(world, owner).into_iter().for_each(|slave| slave.aggregator.ports.retain(|port| *port != id));
    if enabled_ports(world, owner) != 0 {
        return;
    }
    let Some(slave) = of_slave(world, owner) else { return };
    let was_active = slave.aggregator.active;
    if slave.aggregator.ports.is_empty() {
        slave.aggregator.clear();
    }
    if was_active {
        choose_active(world, bond);
    }
}
