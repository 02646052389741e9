//! The monitor of ARP: targets are asked, and a slave through which nothing comes is given up (`bond_arp_monitor`).
//!
//! Where one slave is in use, only that one asks, and others are judged by what of it comes round to them; while none
//! is in use, one after the other may try. In the other modes every slave asks.

use super::slave::{self, Slave, of_slave, set_active, set_inactive, set_link};
use super::{MILLISECOND, active, of, of_mut, probe, set_carrier, timer, update_usable};
use crate::device::DeviceId;
use crate::link::Event;
use crate::world::{Instant, World};
use rtnl::kind::bond::*;
use rtnl::kind::bond_slave::*;

/// Longer ago than any interval.
const NEVER: i64 = i64::MIN / 2;

/// When a slave last carried something, in microseconds.
pub(crate) struct Heard {
    received: i64,
    sent: i64,
    /// From each of the targets.
    targets: [i64; TARGETS],
}

impl Heard {
    /// A slave that just came is as one that heard something an interval ago.
    pub(super) fn before(now: Instant, interval: u32) -> Heard {
        let then = moment(now) - period(interval) - 1;
        Heard { received: then, sent: then, targets: [then; TARGETS] }
    }

    /// Something was sent.
    pub(super) fn note_sent(&mut self, now: Instant) {
        self.sent = moment(now);
    }

    /// Something was received, from the target of that place if it is known.
    pub(super) fn note_received(&mut self, now: Instant, target: Option<usize>) {
        self.received = moment(now);
        if let Some(place) = target.and_then(|target| self.targets.get_mut(target)) {
            *place = moment(now);
        }
    }

    /// The target of that place is another from now on, or none.
    pub(super) fn begin_target(&mut self, target: usize, now: Option<Instant>) {
        if let Some(place) = self.targets.get_mut(target) {
            *place = now.map_or(NEVER, moment);
        }
    }
}

fn moment(now: Instant) -> i64 {
    i64::try_from(now.0).unwrap_or(i64::MAX)
}

fn period(interval: u32) -> i64 {
    i64::from(interval) * MILLISECOND as i64
}

/// Whether something was less than so many intervals ago, and a half for networks that are fast
/// (`bond_time_in_interval`).
fn is_recent(world: &World, bond: DeviceId, then: i64, intervals: i64) -> bool {
    let delta = period(of(world, bond).params.arp_interval);
    moment(world.now) <= then.saturating_add(intervals * delta + delta / 2)
}

/// When a slave last received what counts: from any, or from the target that has been silent for longest.
fn last_received(world: &World, bond: DeviceId, slave: &Slave) -> i64 {
    let params = &of(world, bond).params;
    if params.arp_all_targets == 0 {
        return slave.heard.received;
    }
    let targets = params.arp_targets.len().max(1);
    slave.heard.targets.iter().take(targets).copied().min().unwrap_or(slave.heard.received)
}

/// Whether the slave in use has received something since it is.
pub(super) fn has_heard_since_up(world: &World, bond: DeviceId, id: DeviceId) -> bool {
    let Some(slave) = slave::of(world, id) else { return false };
    last_received(world, bond, slave) > slave.last_up.map_or(0, moment)
}

/// Whether a slave has asked within the last interval.
pub(super) fn has_just_asked(world: &World, bond: DeviceId, id: DeviceId) -> bool {
    slave::of(world, id).is_some_and(|slave| is_recent(world, bond, slave.heard.sent, 1))
}

/// The monitor runs from now on.
pub(super) fn begin(world: &mut World, bond: DeviceId) {
    world.set_timer(bond, timer::ARP, 0);
}

/// One look.
pub(super) fn monitor(world: &mut World, bond: DeviceId) {
    let interval = of(world, bond).params.arp_interval;
    if interval == 0 {
        return;
    }
    if !of(world, bond).slaves.is_empty() {
        match of(world, bond).params.mode {
            BOND_MODE_ACTIVEBACKUP => watch_active(world, bond),
            _ => watch_all(world, bond),
        }
    }
    world.set_timer(bond, timer::ARP, u64::from(interval) * MILLISECOND);
}

fn count_failure(world: &mut World, id: DeviceId) {
    of_slave(world, id).into_iter().for_each(|slave| slave.failures = slave.failures.saturating_add(1));
}

// Every slave asks.

/// `bond_loadbalance_arp_mon`.
fn watch_all(world: &mut World, bond: DeviceId) {
    let slaves = of(world, bond).slaves.clone();
    let active = of(world, bond).active;
    let missed = i64::from(of(world, bond).params.missed_max);
    let (mut changed, mut fails_over) = (false, false);
    for id in &slaves {
        let Some(slave) = slave::of(world, *id) else { continue };
        let was_up = slave.link == BOND_LINK_UP;
        let intervals = if was_up { missed } else { 1 };
        let (sent, received) = (slave.heard.sent, slave.heard.received);
        let up = is_recent(world, bond, sent, intervals) && is_recent(world, bond, received, intervals);
        let proposed = Some(if up { BOND_LINK_UP } else { BOND_LINK_DOWN }).filter(|_| up != was_up);
        of_slave(world, *id).into_iter().for_each(|slave| slave.proposed = proposed);
        if proposed.is_some() {
            changed = true;
            fails_over |= if up { active.is_none() } else { active == Some(*id) };
        }
        if proposed == Some(BOND_LINK_DOWN) {
            count_failure(world, *id);
        }
        if slave::is_up(world, *id) {
            probe::ask(world, bond, *id);
        }
    }
    if !changed {
        return;
    }
    for id in slaves {
        let proposed = of_slave(world, id).and_then(|slave| slave.proposed.take());
        if let Some(link) = proposed {
            of_slave(world, id).into_iter().for_each(|slave| slave.link = link);
        }
        match slave::of(world, id).map(|slave| slave.link) {
            Some(BOND_LINK_UP) => slave::let_send(world, id),
            Some(BOND_LINK_DOWN) => slave::keep_from_sending(world, id),
            _ => {}
        }
    }
    if of(world, bond).params.mode == BOND_MODE_XOR {
        update_usable(world, bond);
    }
    if fails_over {
        active::select(world, bond);
    }
}

// One slave is in use.

/// `bond_activebackup_arp_mon`.
fn watch_active(world: &mut World, bond: DeviceId) {
    let notice = active::should_notify_peers(world, bond);
    let proposals = inspect(world, bond);
    if !proposals.is_empty() {
        commit(world, bond, &proposals);
    }
    try_slaves(world, bond);
    if notice {
        let state = of_mut(world, bond);
        state.peer_notices = state.peer_notices.saturating_sub(1);
        world.tell(bond, Event::NotifyPeers);
    }
}

/// What each slave's link is to be, where that is another than it is (`bond_ab_arp_inspect`).
fn inspect(world: &World, bond: DeviceId) -> Vec<(DeviceId, u8)> {
    let state = of(world, bond);
    let missed = i64::from(state.params.missed_max);
    let propose = |id: &DeviceId| {
        let slave = slave::of(world, *id)?;
        let received = last_received(world, bond, slave);
        if slave.link != BOND_LINK_UP {
            return match slave.link {
                _ if is_recent(world, bond, received, 1) => Some(BOND_LINK_UP),
                BOND_LINK_BACK => Some(BOND_LINK_FAIL),
                _ => None,
            };
        }
        // One that has just come or was just chosen is given time to hear something.
        if slave.last_up.is_some_and(|up| is_recent(world, bond, moment(up), 2)) {
            return None;
        }
        let silent = match slave.backup {
            // While one is looked for, all others are left alone.
            true => state.arp_slave.is_none() && !is_recent(world, bond, received, missed + 1),
            false => {
                !is_recent(world, bond, slave.heard.sent, missed) || !is_recent(world, bond, received, missed)
            }
        };
        silent.then_some(BOND_LINK_DOWN)
    };
    state.slaves.iter().filter_map(|id| Some((*id, propose(id)?))).collect()
}

/// Does what was proposed (`bond_ab_arp_commit`).
fn commit(world: &mut World, bond: DeviceId, proposals: &[(DeviceId, u8)]) {
    let mut fails_over = false;
    for (id, link) in proposals {
        let active = of(world, bond).active;
        match *link {
            BOND_LINK_UP if active == Some(*id) => {}
            BOND_LINK_UP => {
                set_link(world, *id, BOND_LINK_UP);
                if let Some(trying) = of_mut(world, bond).arp_slave.take() {
                    set_inactive(world, trying);
                }
                let prio = |id| slave::of(world, id).map_or(0, |slave| slave.prio);
                let primary = of(world, bond).primary == Some(*id);
                fails_over |= primary || active.is_none_or(|active| prio(*id) > prio(active));
            }
            BOND_LINK_DOWN => {
                count_failure(world, *id);
                set_link(world, *id, BOND_LINK_DOWN);
                set_inactive(world, *id);
                if active == Some(*id) {
                    of_mut(world, bond).arp_slave = None;
                    fails_over = true;
                }
            }
            link => {
                set_link(world, *id, link);
                set_inactive(world, *id);
                if active.is_some() {
                    of_mut(world, bond).arp_slave = None;
                }
            }
        }
    }
    if fails_over {
        active::select(world, bond);
    }
    set_carrier(world, bond);
}

/// The slave in use asks; if there is none, the one behind that which asked last tries it (`bond_ab_arp_probe`).
fn try_slaves(world: &mut World, bond: DeviceId) {
    if let Some(active) = of(world, bond).active {
        return probe::ask(world, bond, active);
    }
    let slaves = of(world, bond).slaves.clone();
    let last = of(world, bond).arp_slave.or(slaves.first().copied());
    for id in &slaves {
        let linked = slave::of(world, *id).is_some_and(|slave| slave.link == BOND_LINK_UP);
        if linked && !slave::is_up(world, *id) {
            set_link(world, *id, BOND_LINK_DOWN);
            count_failure(world, *id);
            set_inactive(world, *id);
        }
    }
    let place = slaves.iter().position(|id| Some(*id) == last).map_or(0, |place| place + 1);
    let (before, behind) = slaves.split_at(place.min(slaves.len()));
    let next = behind.iter().chain(before).copied().find(|id| slave::is_up(world, *id));
    let Some(next) = next else { return };
    set_link(world, next, BOND_LINK_BACK);
    set_active(world, next);
    probe::ask(world, bond, next);
    let now = world.now;
    of_slave(world, next).into_iter().for_each(|slave| slave.last_up = Some(now));
    of_mut(world, bond).arp_slave = Some(next);
}
