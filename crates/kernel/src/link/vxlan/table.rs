//! The addresses that a vxlan knows, and the far ends behind each.
//!
//! The entries are named by an ordered tree, so that no sender can make it slow, and they are listed in Linux's order:
//! 256 rows by a hash of the address, and within a row the newest first. Frames look elsewhere first (`near`), and in
//! the tree only for what is not there. A device for many networks knows an address once in each. Entries are limited to
//! [`ENTRIES`], far ends of one entry to [`REMOTES`].

use super::near::{Far, Name, Near};
use crate::device::Mac;
use crate::fdb;
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Remote {
    pub address: IpAddr,
    pub port: u16,
    pub network: u32,
    /// The index of the link that it leaves through; 0: the route decides.
    pub ifindex: u32,
}

/// What is known of an address, beside when it was used.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The first far end; most have no other.
    pub first: Remote,
    pub more: Rare<Vec<Remote>>,
    /// `NUD_*`.
    pub state: u16,
    /// `NTF_*`.
    pub flags: u8,
    /// Somebody added it by request.
    pub by_user: bool,
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

    /// Whether a frame is sent otherwise than to the only far end.
    fn needs_closer_look(&self) -> bool {
        !self.more.is_empty() || self.first.address.is_unspecified() || self.is_router()
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
    /// The place of each entry among `entries`.
    places: BTreeMap<Key, u32>,
    entries: Vec<Option<Entry>>,
    /// When each of them was used last.
    used: Vec<Instant>,
    free: Vec<u32>,
    numbers: u64,
    /// Where frames look first: what stands there is as it is here.
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

/// A name as frames have it.
fn name((_, mac, network): &Key) -> Name {
    Name::new(fdb::key(mac, 0), *network)
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Entry> {
        let place = *self.places.get(key)?;
        self.entries.get(place as usize)?.as_ref()
    }

    /// An entry, to change.
    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut Entry> {
        let place = *self.places.get(key)?;
        self.near.forget(name(key));
        self.entries.get_mut(place as usize)?.as_mut()
    }

    /// When an entry was used last.
    pub(super) fn used(&self, key: &Key) -> Option<Instant> {
        self.used.get(*self.places.get(key)? as usize).copied()
    }

    /// An entry is used now.
    pub(super) fn note_use(&mut self, key: &Key, now: Instant) {
        let place = self.places.get(key);
        if let Some(used) = place.and_then(|place| self.used.get_mut(*place as usize)) {
            *used = now;
        }
    }

    /// What a frame finds: an address is used now.
    pub(super) fn find(&mut self, mac: &Mac, network: u32, now: Instant) -> Option<&Entry> {
        let place = self.place(mac, network)?;
        *self.used.get_mut(place)? = now;
        self.entries.get(place)?.as_ref()
    }

    fn place(&mut self, mac: &Mac, network: u32) -> Option<usize> {
        match self.near.find(Name::new(fdb::key(mac, 0), network)) {
            Some(cell) => Some(cell.place()),
            None => self.places.get(&key(mac, network)).map(|place| *place as usize),
        }
    }

    /// The same for an address in the upper six bytes of a number, as far as most frames want to know: the number of the
    /// first far end. It means the same as long as no time passes.
    #[inline(always)]
    pub(super) fn far(&mut self, address: u64, network: u32, now: Instant) -> Option<Far> {
        let moment = self.near.moment(now);
        match self.near.find(Name::new(address, network)) {
            Some(cell) => {
                if cell.use_at(moment) {
                    *self.used.get_mut(cell.place())? = now;
                }
                Some(cell.far)
            }
            None => self.find_far(address, network, now),
        }
    }

    /// Whether it is worth to [`Table::touch`] the addresses of many frames before they are looked for.
    #[inline]
    pub(super) fn is_far(&self) -> bool {
        self.near.is_far()
    }

    /// Brings near what frames find of an address.
    #[inline]
    pub(super) fn touch(&self, address: u64, network: u32) -> u64 {
        self.near.touch(Name::new(address, network))
    }

    /// The far end of a number.
    #[inline]
    pub(super) fn remote(&self, far: Far) -> Option<&Remote> {
        self.near.remote(far)
    }

    /// What a frame finds that is not where frames look first; from now on it is, if there is room.
    #[cold]
    fn find_far(&mut self, address: u64, network: u32, now: Instant) -> Option<Far> {
        let [a, b, c, d, e, f, ..] = address.to_be_bytes();
        let place = *self.places.get(&key(&[a, b, c, d, e, f], network))?;
        let entry = self.entries.get(place as usize)?.as_ref()?;
        *self.used.get_mut(place as usize)? = now;
        let far = self.near.number(&entry.first, entry.needs_closer_look());
        self.near.fit(self.places.len());
        self.near.note(Name::new(address, network), place, far);
        Some(far)
    }

    /// Enters a new address, used now.
    pub(super) fn insert(&mut self, key: Key, mut entry: Entry, now: Instant) {
        self.numbers += 1;
        entry.number = self.numbers;
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.entries.push(None);
                self.used.push(now);
                self.entries.len() as u32 - 1
            }
        };
        (self.entries[place as usize], self.used[place as usize]) = (Some(entry), now);
        if let Some(old) = self.places.insert(key, place) {
            self.near.forget(name(&key));
            self.entries[old as usize] = None;
            self.free.push(old);
        }
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Entry> {
        let place = self.places.remove(key)?;
        self.near.forget(name(key));
        self.free.push(place);
        self.entries.get_mut(place as usize)?.take()
    }

    /// All entries, and when they were used last.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Entry, Instant)> {
        self.places.iter().filter_map(|(key, place)| {
            let entry = self.entries.get(*place as usize)?.as_ref()?;
            Some((key, entry, *self.used.get(*place as usize)?))
        })
    }

    /// The names of all entries in the order in which they are listed.
    pub(super) fn listing(&self) -> Vec<Key> {
        let mut all: Vec<(u8, std::cmp::Reverse<u64>, Key)> =
            self.iter().map(|(key, entry, _)| (key.0, std::cmp::Reverse(entry.number), *key)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, _, key)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn remote(number: u64) -> Remote {
        let address = Ipv4Addr::from_bits(0x0a00_0000 | number as u32).into();
        Remote { address, port: 4789, network: 42, ifindex: 0 }
    }

    fn entry(number: u64, flags: u8) -> Entry {
        let (updated, more) = (Instant(0), Rare::NEW);
        Entry { first: remote(number), more, state: 0, flags, by_user: false, updated, number: 0 }
    }

    /// What frames find is what was entered last, whatever was entered, moved, used and removed before.
    #[test]
    fn frames_find_what_the_tree_knows() {
        let (mut table, mut model) = (Table::default(), BTreeMap::new());
        let mut state = 7u64;
        for step in 0..60_000u64 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let mut dice = state >> 24;
            let mut draw = |sides: u64| {
                let drawn = dice % sides;
                dice /= sides;
                drawn
            };
            // So many addresses at first, and then more: the cells are built anew now and then.
            let (host, network) = (draw(20 + step / 50), [0, 0, 3, 0x1_0003, u32::MAX][draw(5) as usize]);
            let far = if step % 20_000 < 1000 { step } else { draw(5) };
            let (now, mac) = (Instant(step / 8), [2, 0, 0, 0, (host >> 8) as u8, host as u8]);
            let (name, address) = (key(&mac, network), fdb::key(&mac, 0));
            match draw(16) {
                0..5 if !model.contains_key(&name) => {
                    let flags = if far == 4 { NTF_ROUTER } else { 0 };
                    table.insert(name, entry(far, flags), now);
                    model.insert(name, (far, now));
                }
                5 => assert_eq!(table.remove(&name).is_some(), model.remove(&name).is_some()),
                6 => {
                    let known = table.get_mut(&name).map(|entry| {
                        entry.first = remote(far);
                        entry.flags = 0;
                    });
                    assert_eq!(known.is_some(), model.contains_key(&name));
                    model.entry(name).and_modify(|known| known.0 = far);
                }
                7 => {
                    table.note_use(&name, now);
                    model.entry(name).and_modify(|known| known.1 = now);
                }
                8 => {
                    let found = table.find(&mac, network, now).map(|entry| entry.first);
                    model.entry(name).and_modify(|known| known.1 = now);
                    assert_eq!(found, model.get(&name).map(|known| remote(known.0)));
                }
                _ => {
                    let found = table.far(address, network, now);
                    model.entry(name).and_modify(|known| known.1 = now);
                    assert_eq!(found.is_some(), model.contains_key(&name));
                    let closer = table.get(&name).is_some_and(Entry::is_router);
                    assert_eq!(found.is_some_and(Far::needs_closer_look), closer);
                    let found = found.and_then(|far| table.remote(far)).copied();
                    assert_eq!(found, model.get(&name).map(|known| remote(known.0)));
                }
            }
            assert_eq!(table.used(&name), model.get(&name).map(|known| known.1));
        }
        assert_eq!(table.len(), model.len());
        let used: Vec<(&Key, Instant)> = table.iter().map(|(key, _, used)| (key, used)).collect();
        assert_eq!(used, model.iter().map(|(key, known)| (key, known.1)).collect::<Vec<_>>());
    }

    /// Far ends that come and go without end: their numbers never run out for long.
    #[test]
    fn numbers_of_far_ends_are_used_again() {
        let mut table = Table::default();
        let mac = [2, 0, 0, 0, 0, 1];
        table.insert(key(&mac, 0), entry(0, 0), Instant(0));
        for step in 0..200_000 {
            table.get_mut(&key(&mac, 0)).expect("it is there").first = remote(step);
            // No time passes for long, then it does.
            let far = table.far(fdb::key(&mac, 0), 0, Instant(step / 50_000)).expect("it is there");
            match table.remote(far) {
                Some(found) => assert_eq!(*found, remote(step)),
                None => assert!(far.needs_closer_look() && step % 50_000 > 30_000, "{step}"),
            }
        }
    }
}
