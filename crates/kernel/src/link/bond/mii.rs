//! Carriers are looked at (`bond_mii_monitor`): a link that comes or goes is used or given up after its delay.

use super::slave::{self, of_slave, set_inactive, set_link};
use super::{MILLISECOND, active, of, of_mut, set_carrier, timer};
use crate::device::DeviceId;
use crate::link::Event;
use crate::world::World;
use rtnl::kind::bond::*;
use rtnl::kind::bond_slave::*;

/// One look.
pub(super) fn monitor(world: &mut World, bond: DeviceId) {
    let mut notice = false;
    if !of(world, bond).slaves.is_empty() {
        notice = active::should_notify_peers(world, bond);
        let changed = inspect(world, bond);
        let state = of_mut(world, bond);
        state.peer_notices = state.peer_notices.saturating_sub(1);
        if changed {
            commit(world, bond);
        }
    }
    let interval = of(world, bond).params.miimon;
    if interval != 0 {
        world.set_timer(bond, timer::MII, u64::from(interval) * MILLISECOND);
    }
    if notice {
        world.tell(bond, Event::NotifyPeers);
    }
}

/// Notes what the carriers propose; says whether there is anything (`bond_miimon_inspect`).
fn inspect(world: &mut World, bond: DeviceId) -> bool {
    let state = of(world, bond);
    let (updelay, downdelay) = (state.params.updelay, state.params.downdelay);
    let mut hurry = ignores_updelay(world, bond);
    let (mut changed, now) = (false, world.now);
    for id in state.slaves.clone() {
        let carrier = carrier(world, bond, id);
        let Some(slave) = of_slave(world, id) else { continue };
        slave.proposed = None;
        if slave.link == BOND_LINK_UP || slave.link == BOND_LINK_FAIL {
            changed |= going(slave, carrier, downdelay);
            if slave.proposed == Some(BOND_LINK_UP) {
                slave.last_up = Some(now);
            }
        } else {
            changed |= coming(slave, carrier, updelay, &mut hurry);
        }
    }
    changed
}

/// Whether the slave's link is up, as far as can be told (`bond_check_dev_link`).
pub(super) fn carrier(world: &World, bond: DeviceId, id: DeviceId) -> bool {
    let asks_driver = !of(world, bond).params.use_carrier;
    world[id].is_up() && (world[id].carrier || asks_driver && !world[id].kind.tells_link)
}

/// While nothing can be used, a link that comes is used at once.
fn ignores_updelay(world: &World, bond: DeviceId) -> bool {
    let state = of(world, bond);
    match state.params.mode {
        BOND_MODE_ACTIVEBACKUP => state.active.is_none(),
        _ => state.usable.as_ref().is_some_and(|usable| usable.is_empty()),
    }
}

/// A link that is up, or going down.
fn going(slave: &mut slave::Slave, carrier: bool, downdelay: i32) -> bool {
    let began = slave.link == BOND_LINK_UP;
    if began && carrier {
        return false;
    }
    if began {
        slave.proposed = Some(BOND_LINK_FAIL);
        slave.delay = downdelay;
    }
    if carrier {
        slave.proposed = Some(BOND_LINK_UP);
        return true;
    }
    if slave.delay <= 0 {
        slave.proposed = Some(BOND_LINK_DOWN);
        return true;
    }
    slave.delay -= 1;
    began
}

/// A link that is down, or coming up.
fn coming(slave: &mut slave::Slave, carrier: bool, updelay: i32, hurry: &mut bool) -> bool {
    let began = slave.link != BOND_LINK_BACK;
    if began && !carrier {
        return false;
    }
    if began {
        slave.proposed = Some(BOND_LINK_BACK);
        slave.delay = updelay;
    }
    if !carrier {
        slave.proposed = Some(BOND_LINK_DOWN);
        return true;
    }
    if *hurry {
        slave.delay = 0;
    }
    if slave.delay <= 0 {
        slave.proposed = Some(BOND_LINK_UP);
        *hurry = false;
        return true;
    }
    slave.delay -= 1;
    began
}

/// Does what was proposed (`bond_miimon_commit`).
fn commit(world: &mut World, bond: DeviceId) {
    let slaves = of(world, bond).slaves.clone();
    for id in &slaves {
        if let Some(slave) = of_slave(world, *id) {
            slave.link = slave.proposed.unwrap_or(slave.link);
        }
    }
    let mut reselect = false;
    for id in slaves {
        reselect |= match slave::of(world, id).and_then(|slave| slave.proposed) {
            Some(BOND_LINK_UP) => link_came(world, bond, id),
            Some(BOND_LINK_DOWN) => link_went(world, bond, id),
            _ => false,
        };
    }
    if reselect {
        active::select(world, bond);
    }
    set_carrier(world, bond);
}

/// Says whether the slave may take over.
fn link_came(world: &mut World, bond: DeviceId, id: DeviceId) -> bool {
    let mode = of(world, bond).params.mode;
    let now = world.now;
    if !slave::learn_speed(world, id) && slave::needs_speed(mode) {
        if let Some(slave) = of_slave(world, id) {
            slave.link = BOND_LINK_DOWN;
        }
        return false;
    }
    set_link(world, id, BOND_LINK_UP);
    if let Some(slave) = of_slave(world, id) {
        slave.last_up = Some(now);
    }
    match mode {
        BOND_MODE_8023AD => slave::keep_from_sending(world, id),
        BOND_MODE_ACTIVEBACKUP => {}
        _ => slave::let_send(world, id),
    }
    super::link_changed(world, bond, id);
    let state = of(world, bond);
    let prio = |id| slave::of(world, id).map_or(0, |slave| slave.prio);
    state.primary == Some(id) || state.active.is_none_or(|active| prio(id) > prio(active))
}

/// Says whether another slave must take over.
fn link_went(world: &mut World, bond: DeviceId, id: DeviceId) -> bool {
    let mode = of(world, bond).params.mode;
    if let Some(slave) = of_slave(world, id) {
        slave.failures = slave.failures.saturating_add(1);
    }
    set_link(world, id, BOND_LINK_DOWN);
    if matches!(mode, BOND_MODE_ACTIVEBACKUP | BOND_MODE_8023AD) {
        set_inactive(world, id);
    }
    super::link_changed(world, bond, id);
    of(world, bond).active == Some(id)
}
