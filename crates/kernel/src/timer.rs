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

/// A device, and which of its timers. Every link that is up has one, so that this name is short.
type OfDevice = (DeviceId, TimerId);

/// The number of the first of the host stack's timers among those of a device.
const HOST: TimerId = 0xff00;
/// The host stack's timers that every device has.
const OF_DEVICES: [fn(DeviceId) -> HostTimer; 5] =
    [HostTimer::Lifetimes, HostTimer::Lifetimes6, HostTimer::Routers, HostTimer::Groups4, HostTimer::Groups6];

/// The timer as one of a device, if it is one.
fn of_device(owner: Owner) -> Option<OfDevice> {
    match owner {
        Owner::Device(device, timer) => Some((device, timer)),
        Owner::Host(_, HostTimer::Lifetimes(device)) => Some((device, HOST)),
        Owner::Host(_, HostTimer::Lifetimes6(device)) => Some((device, HOST + 1)),
        Owner::Host(_, HostTimer::Routers(device)) => Some((device, HOST + 2)),
        Owner::Host(_, HostTimer::Groups4(device)) => Some((device, HOST + 3)),
        Owner::Host(_, HostTimer::Groups6(device)) => Some((device, HOST + 4)),
        Owner::Host(..) => None,
    }
}

/// Timers by owner, and by when they go off.
struct Queue<O> {
    due: BTreeSet<(Instant, u64, O)>,
    set: BTreeMap<O, (Instant, u64)>,
}

impl<O> Default for Queue<O> {
    fn default() -> Queue<O> {
        Queue { due: BTreeSet::new(), set: BTreeMap::new() }
    }
}

impl<O: Copy + Ord> Queue<O> {
    fn cancel(&mut self, owner: O) {
        if let Some((at, number)) = self.set.remove(&owner) {
            self.due.remove(&(at, number, owner));
        }
    }

    fn set(&mut self, owner: O, at: Instant, number: u64) {
        if let Some((at, number)) = self.set.insert(owner, (at, number)) {
            self.due.remove(&(at, number, owner));
        }
        self.due.insert((at, number, owner));
    }

    /// The first that goes off.
    fn first(&self) -> Option<(Instant, u64)> {
        self.due.first().map(|(at, number, _)| (*at, *number))
    }

    fn pop(&mut self) -> Option<O> {
        let (_, _, owner) = self.due.pop_first()?;
        self.set.remove(&owner);
        Some(owner)
    }
}

/// All timers that are set.
#[derive(Default)]
pub(crate) struct Timers {
    devices: Queue<OfDevice>,
    others: Queue<Owner>,
    count: u64,
}

/// What goes off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    OfDevice(DeviceId, TimerId),
    Other(Owner),
}

impl Timers {
    fn cancel(&mut self, owner: Owner) {
        match of_device(owner) {
            Some(owner) => self.devices.cancel(owner),
            None => self.others.cancel(owner),
        }
    }

    fn set(&mut self, owner: Owner, at: Instant) {
        self.count += 1;
        match of_device(owner) {
            Some(owner) => self.devices.set(owner, at, self.count),
            None => self.others.set(owner, at, self.count),
        }
    }

    /// Takes the first timer that is due by then.
    fn pop(&mut self, now: Instant) -> Option<(Instant, Due)> {
        let at = self.next().filter(|at| *at <= now)?;
        // The numbers differ, so that the order is one.
        let of_device = match (self.devices.first(), self.others.first()) {
            (Some(first), Some(other)) => first < other,
            (first, _) => first.is_some(),
        };
        let due = match of_device {
            true => self.devices.pop().map(|(device, timer)| Due::OfDevice(device, timer)),
            false => self.others.pop().map(Due::Other),
        };
        Some((at, due?))
    }

    /// When the first timer goes off.
    pub(crate) fn next(&self) -> Option<Instant> {
        let firsts = [self.devices.first(), self.others.first()];
        firsts.into_iter().flatten().map(|(at, _)| at).min()
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
        let (at, _) = self.timers.devices.set.get(&(device, timer))?;
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
        let all = (device, 0)..=(device, TimerId::MAX);
        let owners: Vec<OfDevice> = self.timers.devices.set.range(all).map(|(owner, _)| *owner).collect();
        for owner in owners {
            self.timers.devices.cancel(owner);
        }
    }

    /// Lets time pass: every timer up to then goes off at its own moment, in order.
    pub(crate) fn pass(&mut self, now: Instant) {
        while let Some((at, due)) = self.timers.pop(now) {
            self.now = self.now.max(at);
            match due {
                Due::OfDevice(id, timer) => self.go_off(id, timer),
                Due::Other(Owner::Host(netns, timer)) => crate::host::timer(self, netns, timer),
                Due::Other(Owner::Device(id, timer)) => self.go_off(id, timer),
            }
            self.settle();
            self.run();
        }
        self.now = self.now.max(now);
    }

    /// A device's timer goes off: its type's, or one of the host stack's.
    fn go_off(&mut self, id: DeviceId, timer: TimerId) {
        let Some(device) = self.get(id) else { return };
        match (OF_DEVICES.get(usize::from(timer.wrapping_sub(HOST))), device.kind.timer) {
            (Some(of_host), _) => crate::host::timer(self, device.netns, of_host(id)),
            (None, Some(go_off)) => go_off(self, id, timer),
            (None, None) => {}
        }
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
        assert_eq!(world.timers.pop(Instant(50)), Some((Instant(20), Due::OfDevice(device(2), 0))));
        world.cancel_timers(device(1));
        assert_eq!(world.timers.pop(Instant(50)), Some((Instant(30), Due::OfDevice(device(3), 1))));
        assert_eq!(world.timers.next(), None);
    }

    #[test]
    fn the_host_stacks_timers_of_devices_have_their_numbers() {
        let device = DeviceId { slot: 1, generation: 2 };
        for (place, make) in OF_DEVICES.iter().enumerate() {
            let short = of_device(Owner::Host(NetnsId(3), make(device)));
            assert_eq!(short, Some((device, HOST + place as TimerId)));
        }
        let mut world = World::new(1);
        let other = HostTimer::Neighbour(device, std::net::Ipv4Addr::LOCALHOST.into());
        world.set_host_timer(NetnsId(3), other, 10);
        world.set_host_timer(NetnsId(3), HostTimer::Routers(device), 10);
        let due: Vec<Due> = std::iter::from_fn(|| Some(world.timers.pop(Instant(10))?.1)).collect();
        assert_eq!(due, [Due::Other(Owner::Host(NetnsId(3), other)), Due::OfDevice(device, HOST + 2)]);
    }
}
