//! Timers in virtual time: what is to happen when, for whom.
//!
//! A timer is named by its owner: a device together with a number that the device's type gives it, or the host stack
//! of a namespace together with what is to be done there. Setting it again moves it. Timers of one moment go off in
//! the order in which they were set, so that the same calls give the same bytes.

use crate::device::DeviceId;
use crate::host::HostTimer;
use crate::netns::NetnsId;
use crate::world::{Instant, World};
use std::collections::{BTreeMap, BTreeSet};

/// A timer's name among those of its device.
pub type TimerId = u16;

/// Whose timer it is, and which of theirs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Owner {
    /// A device's.
    Device(DeviceId, TimerId),
    /// That of the host stack of a namespace.
    Host(NetnsId, HostTimer),
}

/// All timers that are set.
#[derive(Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Instant, u64, Owner)>,
    set: BTreeMap<Owner, (Instant, u64)>,
    count: u64,
}

impl Timers {
    fn cancel(&mut self, owner: Owner) {
        if let Some((at, number)) = self.set.remove(&owner) {
            self.due.remove(&(at, number, owner));
        }
    }

    fn set(&mut self, owner: Owner, at: Instant) {
        self.cancel(owner);
        self.count += 1;
        self.due.insert((at, self.count, owner));
        self.set.insert(owner, (at, self.count));
    }

    /// Takes the first timer that is due by then.
    fn pop(&mut self, now: Instant) -> Option<(Instant, Owner)> {
        let (at, _, owner) = self.due.first().copied().filter(|first| first.0 <= now)?;
        self.cancel(owner);
        Some((at, owner))
    }

    /// When the first timer goes off.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|first| first.0)
    }
}

impl World {
    /// Lets a timer go off so many microseconds from now, and no longer when it was set to.
    pub fn set_timer(&mut self, device: DeviceId, timer: TimerId, delay: u64) {
        self.timers.set(Owner::Device(device, timer), Instant(self.now.0.saturating_add(delay)));
    }

    /// Lets a timer not go off.
    pub fn cancel_timer(&mut self, device: DeviceId, timer: TimerId) {
        self.timers.cancel(Owner::Device(device, timer));
    }

    /// How many microseconds are left until a timer goes off; none if it is not set.
    pub fn timer(&self, device: DeviceId, timer: TimerId) -> Option<u64> {
        let (at, _) = self.timers.set.get(&Owner::Device(device, timer))?;
        Some(at.0.saturating_sub(self.now.0))
    }

    /// The same for the host stack of a namespace.
    pub(crate) fn set_host_timer(&mut self, netns: NetnsId, timer: HostTimer, delay: u64) {
        self.timers.set(Owner::Host(netns, timer), Instant(self.now.0.saturating_add(delay)));
    }

    /// Lets a timer of the host stack not go off.
    pub(crate) fn cancel_host_timer(&mut self, netns: NetnsId, timer: HostTimer) {
        self.timers.cancel(Owner::Host(netns, timer));
    }

    /// Forgets every timer of a device.
    pub(crate) fn cancel_timers(&mut self, device: DeviceId) {
        let all = Owner::Device(device, 0)..=Owner::Device(device, TimerId::MAX);
        let owners: Vec<Owner> = self.timers.set.range(all).map(|(owner, _)| *owner).collect();
        for owner in owners {
            self.timers.cancel(owner);
        }
    }

    /// Lets time pass: every timer up to then goes off at its own moment, in order.
    pub(crate) fn pass(&mut self, now: Instant) {
        while let Some((at, owner)) = self.timers.pop(now) {
            self.now = self.now.max(at);
            match owner {
                Owner::Device(device, timer) => {
                    if let Some(go_off) = self.get(device).and_then(|device| device.kind.timer) {
                        go_off(self, device, timer);
                    }
                }
                Owner::Host(netns, timer) => crate::host::timer(self, netns, timer),
            }
            self.settle();
            self.run();
        }
        self.now = self.now.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_go_off_in_order() {
        let device = |slot| DeviceId { slot, generation: 0 };
        let mut world = World::new(1);
        world.set_timer(device(2), 0, 20);
        world.set_timer(device(1), 0, 20);
        world.set_timer(device(3), 1, 10);
        world.set_timer(device(3), 1, 30);
        assert_eq!(world.timer(device(3), 1), Some(30));
        assert_eq!(world.timers.next(), Some(Instant(20)));
        assert_eq!(world.timers.pop(Instant(19)), None);
        assert_eq!(world.timers.pop(Instant(50)), Some((Instant(20), Owner::Device(device(2), 0))));
        world.cancel_timers(device(1));
        assert_eq!(world.timers.pop(Instant(50)), Some((Instant(30), Owner::Device(device(3), 1))));
        assert_eq!(world.timers.next(), None);
    }
}
