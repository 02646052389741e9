//! The extra addresses that a device with several below it asks of one of them (`dev_uc_sync_multiple`,
//! `dev_mc_sync_multiple`). What a device on one other asks is kept by the device itself; see `change`.

use crate::device::{DeviceId, Mac};
use crate::world::World;

/// What one of them was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    unicast: Vec<Mac>,
    groups: Vec<Mac>,
}

impl World {
    /// The extra addresses that are asked of a device.
    pub(crate) fn extra_addresses(&self, id: DeviceId) -> Asked {
        let groups = self[id].multicast.in_order().iter().map(|(group, _)| *group);
        Asked { unicast: self[id].unicast.users.keys().copied().collect(), groups: groups.collect() }
    }

    /// A device asks one below it for these extra addresses, and no longer for those of before that are not among them.
    pub(crate) fn ask_for_addresses(&mut self, upper: DeviceId, id: DeviceId, before: &Asked, now: &Asked) {
        for mac in before.unicast.iter().filter(|mac| !now.unicast.contains(mac)) {
            self.remove_unicast(id, *mac);
        }
        for mac in now.unicast.iter().filter(|mac| !before.unicast.contains(mac)) {
            self.add_unicast(id, *mac);
        }
        for group in before.groups.iter().filter(|group| !now.groups.contains(group)) {
            self[upper].multicast.set_synced(group, false);
            self.remove_group(id, group);
        }
        for group in now.groups.iter().filter(|group| !before.groups.contains(group)) {
            self[upper].multicast.set_synced(group, true);
            self.add_group(id, *group);
        }
    }
}
