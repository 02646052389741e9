//! Where frames look for an entry of the table first: cells by a hash of the address.
//!
//! An entry stands in one of [`WIDTH`] cells behind each other, or it is not here, and then the table's tree knows it: so
//! looking costs the same whatever addresses senders choose. A cell has the place of an entry and a part of its
//! address's hash; whether the entry is the one that is looked for is seen at its place. Cells of entries that are gone
//! stay until they are needed.

use crate::device::Mac;

/// Cells in which an entry may stand.
const WIDTH: usize = 8;
/// The least number of homes.
const LEAST: usize = 1 << 5;
/// Bits of a cell that are a place.
const PLACE: u32 = (1 << 17) - 1;
const EMPTY: u32 = u32::MAX;

/// An address and the number of a network.
pub(super) type Name = (Mac, u32);

/// The cells.
#[derive(Default)]
pub(super) struct Near {
    /// As many homes as a power of two, and a few cells behind the last.
    cells: Vec<u32>,
}

#[inline]
fn hash((mac, network): &Name) -> u64 {
    let value = u64::from_le_bytes([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], 0, 0]);
    (value ^ u64::from(*network) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A place, and the part of a hash that a cell keeps.
#[inline]
fn cell(hash: u64, place: u32) -> u32 {
    (hash >> 16) as u32 & !PLACE | place
}

impl Near {
    /// The first cell for a hash.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        (hash >> 44) as usize & self.cells.len().wrapping_sub(WIDTH + 1)
    }

    /// The place of an entry that stands here: the one of which `is_it` says so.
    #[inline]
    pub(super) fn find(&self, name: &Name, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = hash(name);
        let home = self.home(hash);
        let wanted = cell(hash, 0);
        for known in self.cells.get(home..home + WIDTH)? {
            if *known == EMPTY {
                return None;
            }
            if known & !PLACE == wanted && is_it(known & PLACE) {
                return Some(known & PLACE);
            }
        }
        None
    }

    /// Makes room for so many entries, if there are not four cells for each, so that most stand in the first of theirs;
    /// what is here is forgotten then.
    pub(super) fn fit(&mut self, entries: usize) {
        if self.cells.len() < 4 * entries + WIDTH || self.cells.is_empty() {
            self.cells.clear();
            self.cells.resize((8 * entries).next_power_of_two().max(LEAST) + WIDTH, EMPTY);
        }
    }

    /// Notes the place of an entry, if there is a free cell, or one of an entry that is gone. `at` says which entry is
    /// at a place.
    pub(super) fn note(&mut self, name: &Name, place: u32, at: impl Fn(u32) -> Option<Name>) {
        let hash = self::hash(name);
        let home = self.home(hash);
        let is_free = |known: u32| {
            known == EMPTY
                || at(known & PLACE).is_none_or(|name| cell(self::hash(&name), 0) != known & !PLACE)
        };
        let Some(cells) = self.cells.get_mut(home..home + WIDTH) else { return };
        if let Some(free) = cells.iter_mut().find(|known| is_free(**known)) {
            *free = cell(hash, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u32) -> Name {
        let [a, b, c, d] = number.to_be_bytes();
        ([2, 0, a, b, c, d], 0)
    }

    #[test]
    fn most_of_what_was_noted_is_found_and_what_is_gone_makes_room() {
        let mut near = Near::default();
        let mut found = 0;
        // The place of an entry is its number in each of the rounds; entries of an earlier one are gone.
        for round in 0..20u32 {
            let at = |place: u32| (place < 1000).then(|| name(round << 16 | place));
            near.fit(1000);
            for place in 0..1000 {
                near.note(&name(round << 16 | place), place, at);
            }
            for place in 0..1000 {
                let name = name(round << 16 | place);
                let known = near.find(&name, |place| at(place) == Some(name));
                assert!(known.is_none_or(|known| known == place));
                found += u32::from(known.is_some());
            }
            assert_eq!(near.find(&self::name((round + 1) << 16), |place| at(place).is_none()), None);
        }
        assert!(found > 19_900, "{found} of 20,000");
    }
}
