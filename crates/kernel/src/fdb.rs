//! A table of learned addresses, as a library: find, learn, add, remove, walk.
//!
//! An entry on the way of frames has 16 bytes: address and identifier of the VLAN, port, the port's generation, and
//! whether it was refreshed and looked for at this time already. The place of an entry comes from the top bits of the
//! key's product with the golden ratio; collisions go to the next place. What most frames do not need (times, flags,
//! order) is kept apart.
//!
//! Times are written once for all frames of one time: an entry has the low half of each time beside its key, and where
//! that is of now nothing needs writing. When the high half changes, all of these are forgotten.
//!
//! A port that is flushed gets another generation: its entries are stale at once, and read as misses until they are
//! cleared away when the table grows or is walked. The table holds at most [`ENTRIES`] entries.

use crate::device::Mac;

/// Entries at most.
pub const ENTRIES: usize = 1 << 20;
/// Places of a fresh table, as a power of two.
const FIRST_BITS: u8 = 1;
/// Places of a table that stays in the nearer caches.
const NEAR: usize = 1 << 13;
/// Numbers of ports that may stand in a table, plus one.
const PORTS: usize = 1024;
const EMPTY: u64 = u64::MAX;

/// An entry's flags.
pub mod flag {
    /// It is the bridge's or a port's own address.
    pub const LOCAL: u16 = 1;
    /// It does not age.
    pub const STATIC: u16 = 2;
    /// It stays at its port whoever uses the address elsewhere.
    pub const STICKY: u16 = 4;
    /// Somebody added it.
    pub const BY_USER: u16 = 8;
    /// Somebody outside learned it.
    pub const EXTERN_LEARN: u16 = 16;
}

/// A frame that wants to pass from one host to another.
#[derive(Clone, Copy, Debug)]
pub struct Passing {
    /// The keys of the addresses.
    pub target: u64,
    /// The same.
    pub source: u64,
    /// The number of the port that it came from.
    pub from: u16,
    /// Whether addresses are learned at that port.
    pub learns: bool,
    /// The time.
    pub tick: u32,
}

/// Where an address is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The port's number; 0 is the bridge itself.
    pub port: u16,
    /// Whether it is the bridge's or a port's own address.
    pub local: bool,
    /// The entry's place.
    place: u32,
}

#[derive(Clone, Copy)]
struct Hot {
    /// Address and VLAN identifier; all ones: no entry.
    key: u64,
    /// The port's number, and [`OWN`] for a local address.
    port: u16,
    generation: u16,
    /// The low half of the time when it was last heard of, or [`LONG_AGO`].
    updated: u16,
    /// The same of the time when it was last looked for.
    used: u16,
}

/// Beside the port's number: the address is the bridge's or the port's own.
const OWN: u16 = 1 << 15;

impl Hot {
    #[inline]
    fn port(&self) -> u16 {
        self.port & !OWN
    }
}

#[derive(Clone, Copy, Default)]
struct Cold {
    /// In which order entries came.
    number: u64,
    /// When the address was last heard of, in ticks.
    updated: u32,
    /// When the address was last looked for, in ticks.
    used: u32,
    flags: u16,
}

/// An entry as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The address.
    pub mac: Mac,
    /// The VLAN's identifier; 0: none.
    pub vid: u16,
    /// The port's number; 0 is the bridge itself.
    pub port: u16,
    /// Bits of [`flag`].
    pub flags: u16,
    /// When it was last heard of, in ticks of the table's clock.
    pub updated: u32,
    /// When it was last looked for.
    pub used: u32,
    /// In which order entries came.
    pub number: u64,
}

/// A table. It has no memory until the first entry comes: most bridges of a large lab never carry a frame.
#[derive(Default)]
pub struct Fdb {
    hot: Box<[Hot]>,
    cold: Box<[Cold]>,
    /// Entries and graves: places that are not free.
    filled: u32,
    bits: u8,
    generations: Box<[u16]>,
    numbers: u64,
    /// The high half of the present time.
    epoch: u16,
}

const VACANT: Hot = Hot { key: EMPTY, port: 0, generation: 0, updated: LONG_AGO, used: LONG_AGO };
/// No time: whatever has this low half is written always.
const LONG_AGO: u16 = u16::MAX;

/// Address and VLAN identifier as one number.
#[inline]
pub fn key(mac: &Mac, vid: u16) -> u64 {
    u64::from_be_bytes([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], (vid >> 8) as u8, vid as u8])
}

fn unkey(key: u64) -> (Mac, u16) {
    let b = key.to_be_bytes();
    ([b[0], b[1], b[2], b[3], b[4], b[5]], u16::from_be_bytes([b[6], b[7]]))
}

impl Fdb {
    #[inline]
    fn home(&self, key: u64) -> usize {
        debug_assert!(self.bits > 0, "an empty table has no places");
        // The shift takes its count modulo 64.
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_shr(u32::from(self.bits).wrapping_neg()) as usize
    }

    /// Touches the place of a key, so that it is near when it is looked for: for all frames of a batch first.
    #[inline]
    pub fn touch(&self, key: u64) -> u64 {
        if self.hot.is_empty() { EMPTY } else { self.hot[self.home(key)].key }
    }

    #[inline]
    fn is_live(&self, hot: &Hot) -> bool {
        self.generations[usize::from(hot.port())] == hot.generation
    }

    /// The low half of a time, which is the present.
    #[inline]
    fn present(&mut self, tick: u32) -> u16 {
        if self.epoch != (tick >> 16) as u16 {
            self.begin_epoch((tick >> 16) as u16);
        }
        tick as u16
    }

    #[cold]
    fn begin_epoch(&mut self, epoch: u16) {
        self.epoch = epoch;
        for hot in &mut self.hot {
            (hot.updated, hot.used) = (LONG_AGO, LONG_AGO);
        }
    }

    /// Writes that an entry was looked for.
    #[inline]
    fn write_used(&mut self, at: usize, present: u16, tick: u32) {
        if self.hot[at].used != present || present == LONG_AGO {
            self.hot[at].used = present;
            self.cold[at].used = tick;
        }
    }

    /// Writes that an entry was heard of.
    #[inline]
    fn write_updated(&mut self, at: usize, present: u16, tick: u32) {
        if self.hot[at].updated != present || present == LONG_AGO {
            self.hot[at].updated = present;
            self.cold[at].updated = tick;
        }
    }

    /// Whether looking something up is likely to wait for memory, so that it is worth to [`Fdb::touch`] first.
    #[inline]
    pub fn is_far(&self) -> bool {
        self.hot.len() > NEAR
    }

    #[inline]
    fn place(&self, key: u64) -> Option<usize> {
        if self.hot.is_empty() {
            return None;
        }
        let places = &*self.hot;
        let mask = places.len() - 1;
        let mut at = self.home(key);
        loop {
            let known = places.get(at)?.key;
            if known == key {
                return Some(at);
            }
            if known == EMPTY {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    /// Where a frame goes from one known host to another: the port of the target. Notes that the target was looked for,
    /// and that the source was heard of at its port unless nobody learns there. None, and nothing happens, if one of
    /// them is not known, or the target is a local address or behind the port that the frame came from, or the frame
    /// may not leave by that port.
    #[inline]
    pub fn pass(&mut self, frame: Passing, may_leave: impl FnOnce(u16) -> bool) -> Option<()> {
        let present = self.present(frame.tick);
        let at = self.place(frame.target)?;
        let (port, generation) = (self.hot[at].port, self.hot[at].generation);
        // The bridge itself is port 0, and a local address has a bit more: both are no port of the list.
        if port == 0 || port == frame.from || self.generations.get(usize::from(port)) != Some(&generation) {
            return None;
        }
        let source = if frame.learns { Some(self.known_at(frame.source, frame.from)?) } else { None };
        if !may_leave(port) {
            return None;
        }
        self.write_used(at, present, frame.tick);
        if let Some(at) = source {
            self.write_updated(at, present, frame.tick);
        }
        Some(())
    }

    /// The place of an address, if it is known at that port.
    #[inline]
    fn known_at(&self, key: u64, port: u16) -> Option<usize> {
        let at = self.place(key)?;
        let hot = &self.hot[at];
        (hot.port() == port && self.generations.get(usize::from(port)) == Some(&hot.generation)).then_some(at)
    }

    /// Where an address is.
    #[inline]
    pub fn find(&self, key: u64) -> Option<Found> {
        let at = self.place(key)?;
        let hot = &self.hot[at];
        let found = Found { port: hot.port(), local: hot.port & OWN != 0, place: at as u32 };
        self.is_live(hot).then_some(found)
    }

    /// Notes that an address was looked for.
    #[inline]
    pub fn note_use(&mut self, found: Found, tick: u32) {
        let present = self.present(tick);
        self.write_used(found.place as usize, present, tick);
    }

    /// Notes that an address was heard of at its port; false, and nothing happens, if it is not known there.
    #[inline]
    pub fn refresh(&mut self, key: u64, port: u16, tick: u32) -> bool {
        let present = self.present(tick);
        let Some(at) = self.known_at(key, port) else { return false };
        self.write_updated(at, present, tick);
        true
    }

    /// Learns that an address is at a port. Says whether anything but the time changed; a local address and a sticky
    /// one stay where they are.
    #[inline]
    pub fn learn(&mut self, key: u64, port: u16, tick: u32) -> bool {
        if self.refresh(key, port, tick) {
            return false;
        }
        match self.place(key) {
            Some(at) => self.relearn(at, port, tick),
            None => self.insert(key, port, 0, tick),
        }
    }

    #[cold]
    fn relearn(&mut self, at: usize, port: u16, tick: u32) -> bool {
        self.know_port(port);
        let live = self.is_live(&self.hot[at]);
        if live && self.cold[at].flags & (flag::LOCAL | flag::STICKY) != 0 {
            return false;
        }
        let flags = if live { self.cold[at].flags & !flag::EXTERN_LEARN } else { 0 };
        let used = (self.hot[at].used, self.cold[at].used);
        self.put(at, self.hot[at].key, port, flags, tick);
        if live {
            (self.hot[at].used, self.cold[at].used) = used;
        } else {
            self.numbers += 1;
            self.cold[at].number = self.numbers;
        }
        true
    }

    /// Writes an entry that was heard of and used now; its number stays.
    fn put(&mut self, at: usize, key: u64, port: u16, flags: u16, tick: u32) {
        let present = self.present(tick);
        let generation = self.generations[usize::from(port)];
        let port = if flags & flag::LOCAL != 0 { port | OWN } else { port };
        self.hot[at] = Hot { key, port, generation, updated: present, used: present };
        let cold = &mut self.cold[at];
        (cold.updated, cold.used, cold.flags) = (tick, tick, flags);
    }

    /// Keeps a generation for a port from now on.
    fn know_port(&mut self, port: u16) {
        if usize::from(port) >= self.generations.len() {
            let mut generations = std::mem::take(&mut self.generations).into_vec();
            generations.resize(usize::from(port) + 1, 0);
            self.generations = generations.into();
        }
    }

    /// Adds an entry in place of one for the same address, or as a new one. False if the table is full.
    pub fn insert(&mut self, key: u64, port: u16, flags: u16, tick: u32) -> bool {
        if key == EMPTY || usize::from(port) >= PORTS {
            return false;
        }
        self.know_port(port);
        if (self.filled as usize + 1) * 2 > self.hot.len() && !self.make_room() {
            return false;
        }
        let mask = self.hot.len() - 1;
        let mut at = self.home(key);
        while self.hot[at].key != EMPTY && self.hot[at].key != key {
            at = (at + 1) & mask;
        }
        let known = self.hot[at].key == key && self.is_live(&self.hot[at]);
        self.filled += u32::from(self.hot[at].key == EMPTY);
        self.put(at, key, port, flags, tick);
        if !known {
            self.numbers += 1;
            self.cold[at].number = self.numbers;
        }
        true
    }

    /// Clears stale entries away, and doubles the table if that is not enough.
    #[cold]
    fn make_room(&mut self) -> bool {
        let live = self.hot.iter().filter(|hot| hot.key != EMPTY && self.is_live(hot)).count();
        if live >= ENTRIES {
            return false;
        }
        let bits = if live * 4 > self.hot.len() { self.bits + 1 } else { self.bits.max(FIRST_BITS) };
        self.rebuild(bits, |_, _| true);
        true
    }

    /// Builds the table anew from the live entries that `keep` lets stay.
    fn rebuild(&mut self, bits: u8, mut keep: impl FnMut(&Entry, u16) -> bool) {
        let old: Vec<(Hot, Cold)> = self.hot.iter().copied().zip(self.cold.iter().copied()).collect();
        self.bits = bits;
        self.hot = vec![VACANT; 1 << bits].into();
        self.cold = vec![Cold::default(); 1 << bits].into();
        self.filled = 0;
        let mask = self.hot.len() - 1;
        for (hot, cold) in old {
            if hot.key == EMPTY || !self.is_live(&hot) || !keep(&entry(&hot, &cold), hot.port()) {
                continue;
            }
            let mut at = self.home(hot.key);
            while self.hot[at].key != EMPTY {
                at = (at + 1) & mask;
            }
            self.hot[at] = hot;
            self.cold[at] = cold;
            self.filled += 1;
        }
    }

    /// Removes the entries for which `gone` says so; gives them.
    pub fn remove_where(&mut self, gone: impl FnMut(&Entry) -> bool) -> Vec<Entry> {
        let removed = self.entries_where(gone);
        // Few are taken out one by one; for many the table is built anew once.
        if removed.len() * 8 < self.hot.len() {
            for found in &removed {
                self.remove(key(&found.mac, found.vid));
            }
        } else {
            let numbers: std::collections::BTreeSet<u64> = removed.iter().map(|entry| entry.number).collect();
            self.rebuild(self.bits, |entry, _| !numbers.contains(&entry.number));
        }
        removed
    }

    /// Removes one entry; gives it. The entries behind it that collided move up, so that no grave stays.
    pub fn remove(&mut self, key: u64) -> Option<Entry> {
        let mut hole = self.place(key)?;
        let removed = entry(&self.hot[hole], &self.cold[hole]);
        let live = self.is_live(&self.hot[hole]);
        let mask = self.hot.len() - 1;
        let mut at = (hole + 1) & mask;
        while self.hot[at].key != EMPTY {
            let home = self.home(self.hot[at].key);
            // It may move into the hole if its home is not between the hole and where it is.
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.hot[hole] = self.hot[at];
                self.cold[hole] = self.cold[at];
                hole = at;
            }
            at = (at + 1) & mask;
        }
        self.hot[hole] = VACANT;
        self.filled -= 1;
        live.then_some(removed)
    }

    /// Makes every entry of a port stale at once; for a port that is gone.
    pub fn forget_port(&mut self, port: u16) {
        if let Some(generation) = self.generations.get_mut(usize::from(port)) {
            *generation = generation.wrapping_add(1);
        }
    }

    /// All entries, in the order in which they came.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries_where(|_| true)
    }

    /// The entries for which `wanted` says so, in the order in which they came.
    pub fn entries_where(&self, mut wanted: impl FnMut(&Entry) -> bool) -> Vec<Entry> {
        let pairs = self.hot.iter().zip(&self.cold).filter(|(hot, _)| hot.key != EMPTY && self.is_live(hot));
        let mut found: Vec<Entry> =
            pairs.map(|(hot, cold)| entry(hot, cold)).filter(|entry| wanted(entry)).collect();
        found.sort_unstable_by_key(|entry| entry.number);
        found
    }

    /// Shows every entry to `look`, in no order that means anything.
    pub fn each(&self, mut look: impl FnMut(&Entry)) {
        let pairs = self.hot.iter().zip(&self.cold).filter(|(hot, _)| hot.key != EMPTY && self.is_live(hot));
        pairs.for_each(|(hot, cold)| look(&entry(hot, cold)));
    }

    /// The entry of a key.
    pub fn entry(&self, key: u64) -> Option<Entry> {
        let at = self.place(key)?;
        self.is_live(&self.hot[at]).then(|| entry(&self.hot[at], &self.cold[at]))
    }
}

fn entry(hot: &Hot, cold: &Cold) -> Entry {
    let (mac, vid) = unkey(hot.key);
    Entry {
        mac,
        vid,
        port: hot.port(),
        flags: cold.flags,
        updated: cold.updated,
        used: cold.used,
        number: cold.number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(n: u32) -> Mac {
        let b = n.to_be_bytes();
        [2, 0, b[0], b[1], b[2], b[3]]
    }

    #[test]
    fn behaves_as_a_map() {
        let mut fdb = Fdb::default();
        let mut model = std::collections::BTreeMap::new();
        let mut state = 7u64;
        for step in 0..20_000u32 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let k = key(&mac((state >> 33) as u32 % 700), (state >> 20) as u16 % 3);
            match state >> 60 {
                0..=8 => {
                    let port = (state >> 50) as u16 % 5 + 1;
                    fdb.learn(k, port, step);
                    model.insert(k, port);
                }
                9..=13 => assert_eq!(fdb.remove(k).map(|e| e.port), model.remove(&k)),
                14 if step % 50 == 0 => {
                    let port = (state >> 50) as u16 % 5 + 1;
                    fdb.forget_port(port);
                    model.retain(|_, known| *known != port);
                }
                _ => assert_eq!(fdb.find(k).map(|found| found.port), model.get(&k).copied()),
            }
        }
        assert_eq!(fdb.entries().len(), model.len());
    }

    #[test]
    fn a_local_address_stays() {
        let mut fdb = Fdb::default();
        fdb.insert(key(&mac(1), 0), 0, flag::LOCAL, 0);
        assert!(!fdb.learn(key(&mac(1), 0), 3, 1));
        assert_eq!(fdb.find(key(&mac(1), 0)).map(|found| found.port), Some(0));
        assert!(fdb.find(key(&mac(1), 0)).is_some_and(|found| found.local));
        assert_eq!(std::mem::size_of::<Hot>(), 16);
    }

    #[test]
    fn times_are_those_of_the_last_frame() {
        let mut fdb = Fdb::default();
        let known = key(&mac(1), 0);
        fdb.learn(known, 1, 0);
        // More times than the low half of a time has values; now and then the entry is left alone for a while.
        for tick in 1..200_000u32 {
            let found = fdb.find(known).expect("it is known");
            if tick % 65_535 > 2 && tick % 7 > 0 {
                assert!(!fdb.refresh(known, 2, tick));
                continue;
            }
            for _ in 0..2 {
                fdb.note_use(found, tick);
                assert!(fdb.refresh(known, 1, tick));
            }
            let entry = fdb.entry(known).expect("it is known");
            assert_eq!((entry.used, entry.updated), (tick, tick));
        }
    }
}
