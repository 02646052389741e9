//! The slave in use: how it is chosen, and what a change of it brings about (`bond_select_active_slave`,
//! `bond_change_active_slave`, `bond_do_fail_over_mac`).

use super::slave::{self, of_slave, set_active, set_inactive, set_link};
use super::{MILLISECOND, alb, of, of_mut, reception, set_carrier, steal_address, timer};
use crate::device::DeviceId;
use crate::link::Event;
use crate::world::World;
use rtnl::kind::bond::*;
use rtnl::kind::bond_slave::*;

/// How the primary takes over again.
const RESELECT_ALWAYS: u8 = 0;
const RESELECT_BETTER: u8 = 1;
/// The bond has the address of the slave in use.
const ADDRESS_OF_ACTIVE: u8 = 1;
/// Between two reports of memberships, in milliseconds.
const REPORTS: u64 = 200;

/// Chooses the slave to use, and uses it (`bond_select_active_slave`).
pub(super) fn select(world: &mut World, bond: DeviceId) {
    let best = best(world, bond);
    if best != of(world, bond).active {
        change(world, bond, best);
        set_carrier(world, bond);
    }
}

fn link(world: &World, id: DeviceId) -> u8 {
    slave::of(world, id).map_or(BOND_LINK_DOWN, |slave| slave.link)
}

/// The primary or the slave in use, if there is no reason for another; else the first that is up, or the one that
/// will be up first (`bond_find_best_slave`).
fn best(world: &mut World, bond: DeviceId) -> Option<DeviceId> {
    if let Some(chosen) = primary_or_active(world, bond) {
        return Some(chosen);
    }
    let state = of(world, bond);
    let (mut least, mut best) = (state.params.updelay, None);
    for id in &state.slaves {
        let Some(slave) = slave::of(world, *id) else { continue };
        if slave.link == BOND_LINK_UP {
            return Some(*id);
        }
        if slave.link == BOND_LINK_BACK && slave::is_up(world, *id) && slave.delay < least {
            (least, best) = (slave.delay, Some(*id));
        }
    }
    best
}

/// `bond_choose_primary_or_current`.
fn primary_or_active(world: &mut World, bond: DeviceId) -> Option<DeviceId> {
    let state = of(world, bond);
    let up = |id: &DeviceId| link(world, *id) == BOND_LINK_UP;
    let active = state.active.filter(up);
    let Some(primary) = state.primary.filter(up) else {
        let ups = state.slaves.iter().copied().filter(up);
        let highest = ups.reduce(|best, id| if prio(world, id) > prio(world, best) { id } else { best });
        return match highest {
            Some(highest) if state.active != Some(highest) => Some(reselect(world, bond, highest)),
            _ => active,
        };
    };
    if std::mem::take(&mut of_mut(world, bond).force_primary) {
        return Some(primary);
    }
    Some(reselect(world, bond, primary))
}

fn prio(world: &World, id: DeviceId) -> i32 {
    slave::of(world, id).map_or(0, |slave| slave.prio)
}

/// Whether one that is better takes the place of the one in use.
fn reselect(world: &World, bond: DeviceId, better: DeviceId) -> DeviceId {
    let state = of(world, bond);
    let Some(active) = state.active.filter(|id| link(world, *id) == BOND_LINK_UP) else { return better };
    let speed = |id| slave::of(world, id).map_or(0, |slave| slave.speed);
    match state.params.primary_reselect {
        RESELECT_ALWAYS => better,
        RESELECT_BETTER if speed(better) > speed(active) => better,
        _ => active,
    }
}

/// Uses another slave, or none (`bond_change_active_slave`).
pub(super) fn change(world: &mut World, bond: DeviceId, new: Option<DeviceId>) {
    let old = of(world, bond).active;
    if old == new {
        return;
    }
    if let Some(id) = new {
        bring_up(world, bond, id);
    }
    if of(world, bond).uses_primary() {
        reception::swap(world, bond, new, old);
    }
    if of(world, bond).balances_load() {
        alb::use_slave(world, bond, new);
    }
    of_mut(world, bond).active = new;
    let mode = of(world, bond).params.mode;
    if super::uses_primary(mode) {
        if let Some(old) = old {
            set_inactive(world, old);
        }
        if let Some(new) = new {
            set_active(world, new);
        }
    }
    if let Some(new) = new.filter(|_| mode == BOND_MODE_ACTIVEBACKUP) {
        fail_over(world, bond, new, old);
    }
    let resend = of(world, bond).params.resend_igmp;
    let concerns_groups = super::uses_primary(mode) && new.is_some() || mode == BOND_MODE_ROUNDROBIN;
    if world[bond].is_up() && resend > 0 && concerns_groups {
        of_mut(world, bond).group_reports = resend;
        world.set_timer(bond, timer::GROUPS, 10 * MILLISECOND);
    }
}

/// One that is about to come up is up now: it is the best there is.
fn bring_up(world: &mut World, bond: DeviceId, id: DeviceId) {
    let now = world.now;
    let Some(slave) = of_slave(world, id) else { return };
    slave.last_up = Some(now);
    if slave.link == BOND_LINK_BACK {
        slave.delay = 0;
        set_link(world, id, BOND_LINK_UP);
        super::link_changed(world, bond, id);
    }
}

/// Another slave of an active-backup bond took over: addresses follow, and neighbours are told.
fn fail_over(world: &mut World, bond: DeviceId, new: DeviceId, old: Option<DeviceId>) {
    match of(world, bond).params.fail_over_mac {
        0 => {}
        ADDRESS_OF_ACTIVE => {
            let _ = steal_address(world, bond, new);
        }
        _ => swap_addresses(world, bond, new, old),
    }
    let mut notice = false;
    if world[bond].is_up() {
        let state = of_mut(world, bond);
        let delay = state.params.peer_notif_delay.max(1);
        state.peer_notices = u32::from(state.params.num_peer_notif).saturating_mul(delay);
        notice = should_notify_peers(world, bond);
    }
    world.tell(bond, Event::Failover);
    if notice {
        let state = of_mut(world, bond);
        state.peer_notices = state.peer_notices.saturating_sub(1);
        world.tell(bond, Event::NotifyPeers);
    }
}

/// The address that the bond has goes with the slave in use, and that one's to the last (`BOND_FOM_FOLLOW`).
fn swap_addresses(world: &mut World, bond: DeviceId, new: DeviceId, old: Option<DeviceId>) {
    let own = world[bond].address;
    let has_own = |id: &DeviceId| *id != new && world[*id].address == own;
    let old = old.or_else(|| of(world, bond).slaves.iter().copied().find(has_own));
    let (address, spare) = (old.map_or(own, |old| world[old].address), world[new].address);
    if world.set_address(new, address).is_err() {
        return;
    }
    if let Some(old) = old {
        let _ = world.set_address(old, spare);
    }
}

/// Whether neighbours are to be told in this period (`bond_should_notify_peers`).
pub(super) fn should_notify_peers(world: &World, bond: DeviceId) -> bool {
    let state = of(world, bond);
    let settled = state.active.and_then(|id| world.get(id)).is_some_and(|device| !device.watched);
    let due = state.peer_notices % state.params.peer_notif_delay.max(1) == 0;
    settled && state.peer_notices != 0 && due && world[bond].carrier
}

/// Memberships of groups are reported again, so that switches send what is asked for to the slave in use
/// (`bond_resend_igmp_join_requests_delayed`).
pub(super) fn report_groups(world: &mut World, bond: DeviceId) {
    world.tell(bond, Event::ReportGroups);
    let state = of_mut(world, bond);
    if state.group_reports > 1 {
        state.group_reports -= 1;
        world.set_timer(bond, timer::GROUPS, REPORTS * MILLISECOND);
    }
}
