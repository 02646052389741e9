//! The addresses that a vxlan knows, and the far ends behind each.
//!
//! The entries are an ordered tree, so that no sender can make it slow, and it is ordered as Linux lists them: 256
//! rows by a hash of the address, and within a row the newest first. A device for many networks knows an address
//! once in each. Entries are limited to [`ENTRIES`], far ends of one entry to [`REMOTES`].

use crate::device::Mac;
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

/// What is known of an address.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// `NUD_*`.
    pub state: u16,
    /// `NTF_*`.
    pub flags: u8,
    /// Somebody added it by request.
    pub by_user: bool,
    pub used: Instant,
    pub updated: Instant,
    /// In which order entries came.
    pub number: u64,
    /// The first far end; most have no other.
    pub first: Remote,
    pub more: Vec<Remote>,
}

impl Entry {
    /// The far ends in the order in which they came.
    pub(super) fn remotes(&self) -> impl Iterator<Item = &Remote> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// Whether it goes when it is not used.
    pub(super) fn ages(&self) -> bool {
        !self.is_fixed() && self.flags & NTF_EXT_LEARNED == 0
    }

    /// Whether it neither moves nor ages.
    pub(super) fn is_fixed(&self) -> bool {
        self.state & (NUD_PERMANENT | NUD_NOARP) != 0
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

/// The table.
#[derive(Default)]
pub(super) struct Table {
    entries: BTreeMap<Key, Entry>,
    numbers: u64,
    /// Grows with every change of an entry.
    generation: u64,
    /// What frames found last.
    near: Vec<Near>,
}

/// What a frame found: that stands until something changes, or time passes, of which entries take note.
#[derive(Clone, Copy)]
struct Near {
    mac: Mac,
    network: u32,
    generation: u64,
    used: Instant,
    found: Found,
}

/// An entry as frames see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Found {
    /// The first far end.
    pub first: Remote,
    /// There are others.
    pub more: bool,
    pub fixed: bool,
    pub router: bool,
}

/// Places of what frames found last.
const NEAR: usize = 1 << 12;

fn near(mac: &Mac, network: u32) -> usize {
    let value = u64::from_le_bytes([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], 0, 0]);
    ((value ^ u64::from(network) << 24).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - NEAR.ilog2())) as usize
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
        self.entries.len()
    }

    #[inline]
    pub(super) fn get(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// An entry, to change.
    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut Entry> {
        self.generation += 1;
        self.entries.get_mut(key)
    }

    /// What a frame finds: an address is used now.
    #[inline]
    pub(super) fn find(&mut self, mac: &Mac, network: u32, now: Instant) -> Option<Found> {
        let place = near(mac, network);
        if let Some(near) = self.near.get(place) {
            let same = near.mac == *mac && near.network == network && near.used == now;
            if same && near.generation == self.generation {
                return Some(near.found);
            }
        }
        self.find_far(mac, network, now)
    }

    fn find_far(&mut self, mac: &Mac, network: u32, now: Instant) -> Option<Found> {
        let entry = self.entries.get_mut(&key(mac, network))?;
        entry.used = now;
        let (first, more, fixed) = (entry.first, !entry.more.is_empty(), entry.is_fixed());
        let found = Found { first, more, fixed, router: entry.flags & NTF_ROUTER != 0 };
        let (mac, generation) = (*mac, self.generation);
        let fresh = Near { mac, network, generation, used: now, found };
        if self.near.is_empty() {
            // Nothing is known of the address of all ones in generation 0 at the end of time.
            let never = Near { mac: [0xff; 6], network: u32::MAX, used: Instant(u64::MAX), ..fresh };
            self.near.resize(NEAR, never);
        }
        if let Some(near) = self.near.get_mut(near(&mac, network)) {
            *near = fresh;
        }
        Some(found)
    }

    /// Enters a new address.
    pub(super) fn insert(&mut self, key: Key, mut entry: Entry) {
        self.numbers += 1;
        self.generation += 1;
        entry.number = self.numbers;
        self.entries.insert(key, entry);
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Entry> {
        self.generation += 1;
        self.entries.remove(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.iter()
    }

    /// The names of all entries in the order in which they are listed.
    pub(super) fn listing(&self) -> Vec<Key> {
        let mut all: Vec<(u8, std::cmp::Reverse<u64>, Key)> =
            self.entries.iter().map(|(key, entry)| (key.0, std::cmp::Reverse(entry.number), *key)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, _, key)| key).collect()
    }
}
