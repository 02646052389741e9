//! Timers in virtual time: what is to happen when, for which device.
//!
//! A timer is named by its device and a number that the device's type gives it; setting it again moves it. Timers
//! of one moment go off in the order in which they were set, so that the same calls give the same bytes.

use crate::device::DeviceId;
use crate::world::{Instant, World};
use std::collections::{BTreeMap, BTreeSet};

/// A timer's name among those of its device.
pub type TimerId = u16;

/// All timers that are set.
#[derive(Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Instant, u64, DeviceId, TimerId)>,
    set: BTreeMap<(DeviceId, TimerId), (Instant, u64)>,
    count: u64,
}

impl Timers {
    fn cancel(&mut self, device: DeviceId, timer: TimerId) {
        if let Some((at, number)) = self.set.remove(&(device, timer)) {
            self.due.remove(&(at, number, device, timer));
        }
    }

    /// Takes the first timer that is due by then.
    fn pop(&mut self, now: Instant) -> Option<(Instant, DeviceId, TimerId)> {
        let (at, _, device, timer) = self.due.first().copied().filter(|first| first.0 <= now)?;
        self.cancel(device, timer);
        Some((at, device, timer))
    }

    /// When the first timer goes off.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|first| first.0)
    }
}

impl World {
    /// Lets a timer go off so many microseconds from now, and no longer when it was set to.
    pub fn set_timer(&mut self, device: DeviceId, timer: TimerId, delay: u64) {
        self.timers.cancel(device, timer);
        self.timers.count += 1;
        let (at, number) = (Instant(self.now.0.saturating_add(delay)), self.timers.count);
        self.timers.due.insert((at, number, device, timer));
        self.timers.set.insert((device, timer), (at, number));
    }

    /// Lets a timer not go off.
    pub fn cancel_timer(&mut self, device: DeviceId, timer: TimerId) {
        self.timers.cancel(device, timer);
    }

    /// How many microseconds are left until a timer goes off; none if it is not set.
    pub fn timer(&self, device: DeviceId, timer: TimerId) -> Option<u64> {
        let (at, _) = self.timers.set.get(&(device, timer))?;
        Some(at.0.saturating_sub(self.now.0))
    }

    /// Forgets every timer of a device.
    pub(crate) fn cancel_timers(&mut self, device: DeviceId) {
        let timers: Vec<TimerId> =
            self.timers.set.range((device, 0)..=(device, TimerId::MAX)).map(|(key, _)| key.1).collect();
        for timer in timers {
            self.timers.cancel(device, timer);
        }
    }

    /// Lets time pass: every timer up to then goes off at its own moment, in order.
    pub(crate) fn pass(&mut self, now: Instant) {
        while let Some((at, device, timer)) = self.timers.pop(now) {
            self.now = self.now.max(at);
            if let Some(go_off) = self.get(device).and_then(|device| device.kind.timer) {
                go_off(self, device, timer);
                self.settle();
            }
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
        assert_eq!(world.timers.pop(Instant(50)), Some((Instant(20), device(2), 0)));
        world.cancel_timers(device(1));
        assert_eq!(world.timers.pop(Instant(50)), Some((Instant(30), device(3), 1)));
        assert_eq!(world.timers.next(), None);
    }
}
