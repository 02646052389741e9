//! The addresses that a vxlan knows, and the far ends behind each.
//!
//! The entries are named by an ordered tree, so that no sender can make it slow, and they are listed in Linux's order:
//! 256 rows by a hash of the address, and within a row the newest first. Frames look in a small part of a table of
//! places first (`near`), and in the tree only for what is not there. A device for many networks knows an address
//! once in each. Entries are limited to [`ENTRIES`], far ends of one entry to [`REMOTES`].

use super::near::Near;
use crate::device::Mac;
use crate::rare::{Rare, Usual};
use crate::world::Instant;
use rtnl::object::neigh::{NTF_EXT_LEARNED, NTF_ROUTER, NUD_NOARP, NUD_PERMANENT};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Entries of one device at most.
pub(super) const ENTRIES: usize = 1 << 16;
/// Far ends of one entry at most.
pub(super) const REMOTES: usize = 1 << 12;

/// Where a frame is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Remote {
    pub address: IpAddr,
    pub port: u16,
    pub network: u32,
    /// The index of the link that it leaves through; 0: the route decides.
    pub ifindex: u32,
}

/// What is known of an address. What frames look at comes first.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Entry {
    /// The first far end; most have no other.
    pub first: Remote,
    /// `NUD_*`.
    pub state: u16,
    /// `NTF_*`.
    pub flags: u8,
    /// Somebody added it by request.
    pub by_user: bool,
    pub used: Instant,
    pub more: Rare<Vec<Remote>>,
    pub updated: Instant,
    /// In which order entries came.
    pub number: u64,
}

impl Usual for Vec<Remote> {
    const USUAL: &'static Vec<Remote> = &Vec::new();
}

impl Entry {
    /// The far ends in the order in which they came.
    pub(super) fn remotes(&self) -> impl Iterator<Item = &Remote> {
        std::iter::once(&self.first).chain(self.more.iter())
    }

    /// Whether it goes when it is not used.
    pub(super) fn ages(&self) -> bool {
        !self.is_fixed() && self.flags & NTF_EXT_LEARNED == 0
    }

    /// Whether it neither moves nor ages.
    pub(super) fn is_fixed(&self) -> bool {
        self.state & (NUD_PERMANENT | NUD_NOARP) != 0
    }

    /// Whether it is a router's.
    pub(super) fn is_router(&self) -> bool {
        self.flags & NTF_ROUTER != 0
    }

    /// Adds a far end; false if it is there already.
    pub(super) fn append(&mut self, remote: Remote) -> bool {
        let known = self.remotes().any(|other| *other == remote);
        if !known {
            self.more.push(remote);
        }
        !known
    }

    /// Takes a far end away that is not the only one.
    pub(super) fn take(&mut self, remote: &Remote) {
        if self.first != *remote {
            self.more.retain(|other| other != remote);
        } else if !self.more.is_empty() {
            self.first = self.more.remove(0);
        }
    }
}

/// The name of an entry: its row, the address, and the network for which it stands (0 if the device has one only).
pub(super) type Key = (u8, Mac, u32);

/// An entry with its name: what frames look at is in one line of the cache.
#[repr(C, align(64))]
struct Slot {
    key: Key,
    entry: Entry,
}

/// The table.
#[derive(Default)]
pub(super) struct Table {
    /// The place of each entry among `entries`.
    places: BTreeMap<Key, u32>,
    entries: Vec<Option<Slot>>,
    free: Vec<u32>,
    numbers: u64,
    /// Where frames look first.
    near: Near,
}

/// The row of an address: the product with the golden ratio, as `hash_64` has it of the six bytes as a machine of
/// little end reads them, two bytes further up.
fn row(mac: &Mac) -> u8 {
    let value = u64::from_le_bytes([0, 0, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]]);
    (value.wrapping_mul(0x61c8_8646_80b5_83eb) >> 56) as u8
}

pub(super) fn key(mac: &Mac, network: u32) -> Key {
    (row(mac), *mac, network)
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Entry> {
        let place = *self.places.get(key)?;
        self.entries.get(place as usize)?.as_ref().map(|slot| &slot.entry)
    }

    /// An entry, to change.
    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut Entry> {
        let place = *self.places.get(key)?;
        self.entries.get_mut(place as usize)?.as_mut().map(|slot| &mut slot.entry)
    }

    /// What a frame finds: an address is used now.
    #[inline]
    pub(super) fn find(&mut self, mac: &Mac, network: u32, now: Instant) -> Option<&Entry> {
        let place = self.place(mac, network)?;
        self.find_at(place, now)
    }

    /// The place of an entry, at which it is found as long as the table does not change.
    #[inline(always)]
    pub(super) fn place(&mut self, mac: &Mac, network: u32) -> Option<u32> {
        let is_it = |place: u32| match self.entries.get(place as usize) {
            Some(Some(Slot { key, .. })) => key.1 == *mac && key.2 == network,
            _ => false,
        };
        match self.near.find(&(*mac, network), is_it) {
            Some(place) => Some(place),
            None => self.find_far(mac, network),
        }
    }

    /// What a frame finds at a place.
    #[inline]
    pub(super) fn find_at(&mut self, place: u32, now: Instant) -> Option<&Entry> {
        let Slot { entry, .. } = self.entries.get_mut(place as usize)?.as_mut()?;
        entry.used = now;
        Some(entry)
    }

    /// The place of an entry that is not where frames look first; from now on it is, if there is room.
    #[cold]
    fn find_far(&mut self, mac: &Mac, network: u32) -> Option<u32> {
        let place = *self.places.get(&key(mac, network))?;
        self.near.fit(self.places.len());
        let at = |place: u32| self.entries.get(place as usize)?.as_ref().map(|slot| (slot.key.1, slot.key.2));
        self.near.note(&(*mac, network), place, at);
        Some(place)
    }

    /// Enters a new address.
    pub(super) fn insert(&mut self, key: Key, mut entry: Entry) {
        self.numbers += 1;
        entry.number = self.numbers;
        let slot = Some(Slot { key, entry });
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.entries.push(None);
                self.entries.len() as u32 - 1
            }
        };
        self.entries[place as usize] = slot;
        if let Some(old) = self.places.insert(key, place) {
            self.entries[old as usize] = None;
            self.free.push(old);
        }
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Entry> {
        let place = self.places.remove(key)?;
        self.free.push(place);
        self.entries.get_mut(place as usize)?.take().map(|slot| slot.entry)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.places.keys().filter_map(|key| Some((key, self.get(key)?)))
    }

    /// The names of all entries in the order in which they are listed.
    pub(super) fn listing(&self) -> Vec<Key> {
        let mut all: Vec<(u8, std::cmp::Reverse<u64>, Key)> =
            self.iter().map(|(key, entry)| (key.0, std::cmp::Reverse(entry.number), *key)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, _, key)| key).collect()
    }
}
