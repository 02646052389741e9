//! Which devices of a namespace have which addresses, so that neither who has an address nor who may lend one as a
//! source is looked for among all devices.

use crate::device::DeviceId;
use crate::work::Steps;
use std::collections::{BTreeMap, BTreeSet};

const FIRST: DeviceId = DeviceId { slot: 0, generation: 0 };
const LAST: DeviceId = DeviceId { slot: u32::MAX, generation: u32::MAX };

/// The addresses of one family in a namespace.
pub(crate) struct Holders<A> {
    by_address: BTreeSet<(A, DeviceId)>,
    /// The devices that have addresses which mean something beyond their link, in the order in which the devices
    /// came, and how many each has.
    lenders: BTreeMap<(u64, DeviceId), u32>,
    /// The steps of walks over them.
    pub steps: Steps,
}

impl<A> Default for Holders<A> {
    fn default() -> Holders<A> {
        Holders { by_address: BTreeSet::new(), lenders: BTreeMap::new(), steps: Steps::default() }
    }
}

impl<A: Copy + Ord> Holders<A> {
    /// A device has an address; `arrival` is its place in the order of devices.
    pub(crate) fn enter(&mut self, address: A, device: DeviceId) {
        self.by_address.insert((address, device));
    }

    /// It has it no longer.
    pub(crate) fn leave(&mut self, address: A, device: DeviceId) {
        self.by_address.remove(&(address, device));
    }

    /// A device, by its place in the order of devices, has one more address to lend.
    pub(crate) fn lend(&mut self, arrival: u64, device: DeviceId) {
        *self.lenders.entry((arrival, device)).or_insert(0) += 1;
    }

    /// It has one less.
    pub(crate) fn take_back(&mut self, arrival: u64, device: DeviceId) {
        let Some(count) = self.lenders.get_mut(&(arrival, device)) else { return };
        *count -= 1;
        if *count == 0 {
            self.lenders.remove(&(arrival, device));
        }
    }

    /// The devices that have an address.
    pub(crate) fn of(&self, address: A) -> impl Iterator<Item = DeviceId> + '_ {
        let range = (address, FIRST)..=(address, LAST);
        self.by_address.range(range).inspect(|_| self.steps.step()).map(|(_, device)| *device)
    }

    /// The devices that have addresses to lend, in the order in which they came.
    pub(crate) fn lenders(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.lenders.keys().inspect(|_| self.steps.step()).map(|(_, device)| *device)
    }
}
