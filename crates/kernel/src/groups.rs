//! The group addresses that a device listens to, and who asked for each (`net/core/dev_addr_lists.c`).
//!
//! Addresses come once however many ask, and are listed in the order in which they came. Whoever is in a group of IP
//! asks for its address (`host::joined`).

use crate::device::{DeviceId, Mac};
use crate::link::Event;
use crate::rare::{Rare, Usual};
use crate::world::World;
use std::borrow::Cow;

/// The address of all hosts, 224.0.0.1.
const ALL_HOSTS: Mac = [0x01, 0x00, 0x5e, 0, 0, 0x01];
/// The address of all nodes, ff02::1.
const ALL_NODES: Mac = [0x33, 0x33, 0, 0, 0, 0x01];

/// What devices listen to that nothing special is asked of, before they were ever up, up, down and up again; that
/// takes no memory.
static USUAL: [&[(Mac, u32)]; 4] =
    [&[(ALL_NODES, 1)], &[(ALL_NODES, 1), (ALL_HOSTS, 1)], &[], &[(ALL_HOSTS, 1), (ALL_NODES, 1)]];

/// The group addresses of a device. There are few, so that a list is both small and quick.
#[derive(Debug, Default)]
pub struct Groups {
    /// The addresses in the order in which they came, and how many asked for each.
    list: Cow<'static, [(Mac, u32)]>,
    /// Those of them that the device has asked for on what it stands on, once for each that was asked.
    synced: Rare<Vec<Mac>>,
}

impl Usual for Vec<Mac> {
    const USUAL: &'static Vec<Mac> = &Vec::new();
}

impl Groups {
    fn find(&self, group: &Mac) -> Option<usize> {
        self.list.iter().position(|(known, _)| known == group)
    }

    /// Whether the device listens to it.
    #[inline]
    pub fn contains(&self, group: &Mac) -> bool {
        self.list.iter().any(|(known, _)| known == group)
    }

    /// One more asks for it; says whether it is the first.
    pub fn insert(&mut self, group: Mac) -> bool {
        let known = self.find(&group);
        let list = self.list.to_mut();
        match known {
            Some(at) => list[at].1 += 1,
            None => {
                list.reserve_exact(1);
                list.push((group, 1));
            }
        }
        self.share();
        known.is_none()
    }

    /// One less asks for it; says whether it was there.
    pub fn remove(&mut self, group: &Mac) -> bool {
        let Some(at) = self.find(group) else { return false };
        if matches!(*self.list, [(_, 1)]) {
            self.list = Cow::default();
            return true;
        }
        let list = self.list.to_mut();
        list[at].1 -= 1;
        if list[at].1 == 0 {
            list.remove(at);
        }
        self.share();
        true
    }

    fn share(&mut self) {
        if let Some(usual) = USUAL.iter().find(|usual| ***usual == *self.list) {
            self.list = Cow::Borrowed(usual);
        }
    }

    /// On how many that the device stands on it was asked for as well.
    pub fn synced(&self, group: &Mac) -> u32 {
        self.synced.iter().filter(|known| *known == group).count() as u32
    }

    /// It was asked for on one more of those that the device stands on, or on one less.
    pub(crate) fn set_synced(&mut self, group: &Mac, on: bool) {
        match self.synced.iter().position(|known| known == group) {
            _ if on => self.synced.push(*group),
            Some(at) => drop(self.synced.remove(at)),
            None => {}
        }
    }

    /// Nobody asks for anything any more.
    pub fn clear(&mut self) {
        self.list = Cow::default();
        self.synced = Rare::default();
    }

    /// The addresses and how many asked for each, in the order in which they came.
    pub fn in_order(&self) -> &[(Mac, u32)] {
        &self.list
    }
}

impl World {
    /// Asks for frames to a group (`dev_mc_add`).
    pub fn add_group(&mut self, id: DeviceId, group: Mac) {
        if let Some(device) = self.get_mut(id) {
            device.multicast.insert(group);
        }
        self.set_rx_mode(id);
    }

    /// Asks no longer for them (`dev_mc_del`); says whether anyone had asked.
    pub fn remove_group(&mut self, id: DeviceId, group: &Mac) -> bool {
        let Some(device) = self.get_mut(id) else { return false };
        let there = device.multicast.remove(group);
        self.set_rx_mode(id);
        there
    }

    /// Asks, on what a device stands on, for the groups that are asked of the device, or no longer for any
    /// (`dev_mc_sync`, `dev_mc_unsync`).
    pub(crate) fn sync_groups(&mut self, upper: DeviceId, lower: DeviceId, on: bool) {
        let groups = &mut self[upper].multicast;
        let wanted: Vec<Mac> = match on {
            true => groups.in_order().iter().map(|(mac, _)| *mac).collect(),
            false => Vec::new(),
        };
        if *groups.synced == wanted {
            return;
        }
        let present = std::mem::replace(&mut *groups.synced, wanted.clone());
        for group in present.iter().filter(|group| !wanted.contains(group)) {
            self.remove_group(lower, group);
        }
        for group in wanted.iter().filter(|group| !present.contains(*group)) {
            self.add_group(lower, *group);
        }
    }
}

/// A device that leaves its namespace listens to nothing any more (`dev_mc_flush`).
pub(crate) fn event(world: &mut World, id: DeviceId, event: Event) {
    if event == Event::Unregister
        && let Some(device) = world.get_mut(id)
    {
        device.multicast.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_as_they_came() {
        let mut groups = Groups::default();
        assert!(groups.insert([3; 6]) && groups.insert([1; 6]) && !groups.insert([3; 6]));
        assert_eq!(groups.in_order(), [([3; 6], 2), ([1; 6], 1)]);
        assert!(groups.remove(&[3; 6]) && groups.contains(&[3; 6]));
        assert!(groups.remove(&[3; 6]) && !groups.remove(&[3; 6]) && !groups.contains(&[3; 6]));
    }
}
