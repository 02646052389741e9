//! A network namespace: its devices by index and by name (`names`), and the identifiers that it uses for other
//! namespaces.
//!
//! All maps are ordered trees: lookups cost the logarithm of the namespace's own size, no input can degrade them,
//! and walking them is deterministic. Listings come in Linux's order: 256 buckets by the low byte of the index, and
//! within one the newest first (`net/core/dev.c`, `dev_index_hash`).

use crate::device::{DeviceId, Name};
use crate::least::Least;
use crate::names::Names;
use crate::work::Steps;
use std::collections::{BTreeMap, BTreeSet};

/// A namespace's number. It is never used again, and it is what stands in `IFLA_NET_NS_FD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NetnsId(pub u32);

/// A place in a listing: the bucket above the order of arrival, the latest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct ListKey(u64);

impl ListKey {
    /// Bits of the order of arrival.
    const ARRIVAL: u64 = (1 << 56) - 1;

    fn new(ifindex: u32, arrival: u64) -> ListKey {
        ListKey(u64::from(ifindex as u8) << 56 | !arrival & ListKey::ARRIVAL)
    }

    fn arrival(self) -> u64 {
        !self.0 & ListKey::ARRIVAL
    }
}

/// A namespace.
#[derive(Default)]
pub struct Netns {
    by_index: BTreeMap<u32, DeviceId>,
    pub(crate) names: Names,
    listing: BTreeMap<ListKey, DeviceId>,
    last_index: u32,
    /// The free indexes; not known until one is asked for.
    free_indexes: Option<Box<Least>>,
    /// Identifiers that this namespace uses for others.
    peers: BTreeMap<u32, NetnsId>,
    ids: BTreeMap<NetnsId, u32>,
    free_ids: Least,
    /// The namespaces that have an identifier for this one.
    pub(crate) known_by: BTreeSet<NetnsId>,
    /// It ends: it gives no identifiers and gets none.
    pub(crate) dying: bool,
    /// The host stack.
    pub(crate) stack: Box<crate::host::Stack>,
    pub(crate) steps: Steps,
    /// The devices that hear the netlink messages of its clients.
    pub(crate) netlink_taps: Vec<DeviceId>,
    /// How often the devices changed, for dumps that are interrupted.
    pub(crate) sequence: u32,
}

impl Netns {
    /// The device of that index.
    pub fn by_index(&self, ifindex: u32) -> Option<DeviceId> {
        self.by_index.get(&ifindex).copied()
    }

    /// The device of that name or alternative name.
    pub fn by_name(&self, name: &[u8]) -> Option<DeviceId> {
        self.names.find(name)
    }

    /// How many devices there are.
    pub fn count(&self) -> usize {
        self.by_index.len()
    }

    /// The devices from a place in the listing on, that one left out; all for `None`.
    pub(crate) fn list_from(&self, after: Option<ListKey>) -> impl Iterator<Item = (ListKey, DeviceId)> + '_ {
        use std::ops::Bound::{Excluded, Unbounded};
        let start = after.map_or(Unbounded, Excluded);
        let listing = self.listing.range((start, Unbounded)).inspect(|_| self.steps.step());
        listing.map(|(key, device)| (*key, *device))
    }

    /// The devices in the order in which they came.
    pub fn in_order_of_arrival(&self) -> Vec<DeviceId> {
        let listing = self.listing.iter().inspect(|_| self.steps.step());
        let mut all: Vec<_> = listing.map(|(key, device)| (key.arrival(), *device)).collect();
        all.sort_unstable_by_key(|(arrival, _)| *arrival);
        all.into_iter().map(|(_, device)| device).collect()
    }

    /// The least index that is free; it is not drawn.
    pub(crate) fn free_index(&mut self) -> u32 {
        let is_taken = |index| index == 0 || self.by_index.contains_key(&index);
        self.free_indexes.get_or_insert_default().find(is_taken)
    }

    /// Draws the next free index (`dev_new_index`).
    pub(crate) fn new_index(&mut self) -> u32 {
        loop {
            self.last_index = if self.last_index >= i32::MAX as u32 { 1 } else { self.last_index + 1 };
            if !self.by_index.contains_key(&self.last_index) {
                return self.last_index;
            }
        }
    }

    /// Enters a device; name and index must be free.
    pub(crate) fn enter(&mut self, device: DeviceId, ifindex: u32, name: Name, arrival: u64) {
        self.sequence += 1;
        self.by_index.insert(ifindex, device);
        self.listing.insert(ListKey::new(ifindex, arrival), device);
        self.names.enter(device, name);
        self.free_indexes.iter_mut().for_each(|free| free.take(ifindex));
    }

    /// Takes a device out.
    pub(crate) fn leave(&mut self, ifindex: u32, name: Name, arrival: u64) {
        self.sequence += 1;
        self.by_index.remove(&ifindex);
        self.listing.remove(&ListKey::new(ifindex, arrival));
        self.names.leave(name);
        self.free_indexes.iter_mut().for_each(|free| free.release(ifindex));
    }

    /// The identifier that this namespace uses for another.
    pub fn id_of(&self, other: NetnsId) -> Option<u32> {
        self.ids.get(&other).copied()
    }

    /// The namespace that this one calls by an identifier.
    pub fn peer(&self, id: u32) -> Option<NetnsId> {
        self.peers.get(&id).copied()
    }

    /// The identifiers from one on, with what they stand for.
    pub(crate) fn peers_from(&self, first: u32) -> impl Iterator<Item = (u32, NetnsId)> + '_ {
        self.peers.range(first..).inspect(|_| self.steps.step()).map(|(id, netns)| (*id, *netns))
    }

    /// Gives a namespace an identifier: the one asked for, or the least that is free.
    pub(crate) fn name_peer(&mut self, other: NetnsId, wanted: Option<u32>) -> u32 {
        let id = wanted.unwrap_or_else(|| self.free_ids.find(|id| self.peers.contains_key(&id)));
        self.free_ids.take(id);
        self.peers.insert(id, other);
        self.ids.insert(other, id);
        id
    }

    /// Begins to end: forgets all identifiers. Gives the namespaces that know this one, and those that it knew.
    pub(crate) fn begin_end(&mut self) -> (BTreeSet<NetnsId>, BTreeSet<NetnsId>) {
        self.dying = true;
        self.peers.clear();
        self.free_ids = Least::default();
        let known = std::mem::take(&mut self.ids).into_keys().collect();
        (std::mem::take(&mut self.known_by), known)
    }

    /// Forgets a namespace; gives the identifier that it had.
    pub(crate) fn forget_peer(&mut self, other: NetnsId) -> Option<u32> {
        let id = self.ids.remove(&other)?;
        self.peers.remove(&id);
        self.free_ids.release(id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_the_least_free() {
        let mut netns = Netns::default();
        assert_eq!(netns.name_peer(NetnsId(7), None), 0);
        assert_eq!(netns.name_peer(NetnsId(8), Some(2)), 2);
        assert_eq!(netns.name_peer(NetnsId(9), None), 1);
        assert_eq!(netns.forget_peer(NetnsId(7)), Some(0));
        assert_eq!(netns.name_peer(NetnsId(10), None), 0);
    }
}
