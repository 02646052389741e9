//! A network namespace: its devices by index and by name (`names`), and the identifiers that it uses for other
//! namespaces.
//!
//! All maps are ordered trees: lookups cost the logarithm of the namespace's own size, no input can degrade them,
//! and walking them is deterministic. Listings come in Linux's order: 256 buckets by the low byte of the index, and
//! within one the newest first (`net/core/dev.c`, `dev_index_hash`).

use crate::device::{DeviceId, Name};
use crate::least::Least;
use crate::names::Names;
use crate::pages::Pages;
use crate::work::Steps;
use std::collections::{BTreeMap, BTreeSet};

/// A namespace's number. It is never used again, and it is what stands in `IFLA_NET_NS_FD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NetnsId(pub u32);

/// A place in a listing: the bucket above the order of arrival, the latest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct ListKey(u64);

/// Bits of the order of arrival.
const ARRIVAL: u64 = (1 << 50) - 1;
/// The first bit of the type's number, above the bucket: devices are kept by type, and a listing of all merges them.
const KIND: u32 = 58;

impl ListKey {
    pub(crate) fn new(ifindex: u32, arrival: u64) -> ListKey {
        ListKey(u64::from(ifindex as u8) << 50 | !arrival & ARRIVAL)
    }

    /// The place among those of one type.
    fn of_kind(self, kind: u8) -> u64 {
        u64::from(kind) << KIND | self.0
    }
}

/// What a namespace knows a device by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub device: DeviceId,
    /// The number of its type.
    pub kind: u8,
    pub ifindex: u32,
    pub name: Name,
    pub group: u32,
    /// Its place in the order in which devices came.
    pub arrival: u64,
}

impl Entry {
    fn list_key(&self) -> u64 {
        ListKey::new(self.ifindex, self.arrival).of_kind(self.kind)
    }
}

/// A namespace.
#[derive(Default)]
pub struct Netns {
    by_index: Pages,
    pub(crate) names: Names,
    listing: BTreeMap<u64, DeviceId>,
    /// The members of groups other than the default one, in order of arrival.
    groups: BTreeSet<(u32, u64, DeviceId)>,
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
        self.by_index.get(ifindex)
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
        let mut kinds: Vec<_> = self.kinds().map(|kind| self.list_kind(kind, after).peekable()).collect();
        std::iter::from_fn(move || {
            let firsts = kinds.iter_mut().enumerate();
            let (_, at) = firsts.filter_map(|(at, rest)| Some((rest.peek()?.0, at))).min()?;
            kinds[at].next()
        })
    }

    /// The same for the devices of one type, by its number.
    pub(crate) fn list_kind(
        &self,
        kind: u8,
        after: Option<ListKey>,
    ) -> impl Iterator<Item = (ListKey, DeviceId)> + '_ {
        use std::ops::Bound::{Excluded, Included};
        let [first, last] = [0, (1 << KIND) - 1].map(|key| ListKey(key).of_kind(kind));
        let start = after.map_or(Included(first), |after| Excluded(after.of_kind(kind)));
        let listing = self.listing.range((start, Included(last))).inspect(|_| self.steps.step());
        listing.map(|(key, device)| (ListKey(key & ((1 << KIND) - 1)), *device))
    }

    /// The numbers of the types of which there are devices.
    fn kinds(&self) -> impl Iterator<Item = u8> + '_ {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let (key, _) = self.listing.range(next?..).next()?;
            let kind = (key >> KIND) as u8;
            next = ListKey(1 << KIND).0.checked_add(u64::from(kind) << KIND);
            Some(kind)
        })
    }

    /// The devices in the order in which they came.
    pub fn in_order_of_arrival(&self) -> Vec<DeviceId> {
        let listing = self.listing.iter().inspect(|_| self.steps.step());
        let mut all: Vec<_> = listing.map(|(key, device)| (!key & ARRIVAL, *device)).collect();
        all.sort_unstable_by_key(|(arrival, _)| *arrival);
        all.into_iter().map(|(_, device)| device).collect()
    }

    /// The members of a group other than the default one, in the order in which they came.
    pub(crate) fn group(&self, group: u32) -> impl Iterator<Item = DeviceId> + '_ {
        let last = DeviceId { slot: u32::MAX, generation: u32::MAX };
        let first = DeviceId { slot: 0, generation: 0 };
        let members = self.groups.range((group, 0, first)..=(group, u64::MAX, last));
        members.inspect(|_| self.steps.step()).map(|(_, _, device)| *device)
    }

    /// A device is in a group, or is so no longer. The default group, 0, keeps no account of its members.
    pub(crate) fn note_group(&mut self, device: DeviceId, arrival: u64, group: u32, is_in: bool) {
        match group {
            0 => {}
            _ if is_in => drop(self.groups.insert((group, arrival, device))),
            _ => drop(self.groups.remove(&(group, arrival, device))),
        }
    }

    /// The least index that is free; it is not drawn.
    pub(crate) fn free_index(&mut self) -> u32 {
        let is_taken = |index| index == 0 || self.by_index.get(index).is_some();
        self.free_indexes.get_or_insert_default().find(is_taken)
    }

    /// Draws the next free index (`dev_new_index`).
    pub(crate) fn new_index(&mut self) -> u32 {
        loop {
            self.last_index = if self.last_index >= i32::MAX as u32 { 1 } else { self.last_index + 1 };
            if self.by_index.get(self.last_index).is_none() {
                return self.last_index;
            }
        }
    }

    /// Enters a device; name and index must be free.
    pub(crate) fn enter(&mut self, entry: &Entry) {
        self.sequence += 1;
        self.by_index.insert(entry.ifindex, entry.device);
        self.listing.insert(entry.list_key(), entry.device);
        self.names.enter(entry.device, entry.name);
        self.note_group(entry.device, entry.arrival, entry.group, true);
        self.free_indexes.iter_mut().for_each(|free| free.take(entry.ifindex));
    }

    /// Takes a device out.
    pub(crate) fn leave(&mut self, entry: &Entry) {
        self.sequence += 1;
        self.by_index.remove(entry.ifindex);
        self.listing.remove(&entry.list_key());
        self.names.leave(entry.name);
        self.note_group(entry.device, entry.arrival, entry.group, false);
        self.free_indexes.iter_mut().for_each(|free| free.release(entry.ifindex));
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

    /// Devices are kept by type; a listing goes by bucket, the latest first, whatever the types.
    #[test]
    fn a_listing_merges_the_types() {
        let mut netns = Netns::default();
        let device = |slot| DeviceId { slot, generation: 0 };
        for n in 1..=600u32 {
            let (kind, name) = ([0, 7, 40][n as usize % 3], Name::new(format!("d{n}").as_bytes()));
            netns.enter(&Entry {
                device: device(n),
                kind,
                ifindex: n,
                name,
                group: n % 2,
                arrival: n.into(),
            });
        }
        let mut expected: Vec<u32> = (1..=600).collect();
        expected.sort_by_key(|n| (n & 255, std::cmp::Reverse(*n)));
        let all: Vec<(ListKey, DeviceId)> = netns.list_from(None).collect();
        assert!(all.iter().map(|(_, id)| id.slot).eq(expected.iter().copied()));
        let rest = netns.list_from(Some(all[99].0)).map(|(_, id)| id.slot);
        assert!(rest.eq(expected[100..].iter().copied()));
        let of_kind = netns.list_kind(7, Some(all[99].0)).map(|(_, id)| id.slot);
        assert!(of_kind.eq(expected[100..].iter().copied().filter(|n| n % 3 == 1)));
        assert!(netns.in_order_of_arrival().iter().map(|id| id.slot).eq(1..=600));
        assert!(netns.group(1).map(|id| id.slot).eq((1..=600).filter(|n| n % 2 == 1)));
    }
}
