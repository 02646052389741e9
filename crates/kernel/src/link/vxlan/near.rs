//! Where frames look for an address first: a flat table of cells of sixteen bytes, found by the top bits of the
//! address's product with the golden ratio. A cell says all that most frames want to know, so that none looks further.
//!
//! An entry stands in one of [`WIDTH`] cells behind each other, or it is not here, and then the table's tree knows it: so
//! looking costs the same whatever addresses senders choose. Whoever changes an entry takes its cell away first; the next
//! frame that asks for it puts it back.
//!
//! Far ends have numbers here, which frames compare instead of addresses. They stay the same as long as no time passes,
//! and so for all frames of a batch. Whoever changes a far end gives it another number.

use super::table::Remote;
use crate::rare::{Rare, Usual};
use crate::world::Instant;
use std::collections::BTreeMap;

/// Cells in which an entry may stand; as many are behind the last home.
const WIDTH: usize = 8;
/// The least number of homes.
const LEAST: usize = 1 << 3;
/// Cells that stay in the nearer caches.
const FAR: usize = 1 << 13;
/// Bits of a cell that are a place.
const PLACE: u32 = (1 << 24) - 1;
/// In place of a place: the cell was never used.
const EMPTY: u32 = u32::MAX;
/// The same: its entry is gone.
const GONE: u32 = u32::MAX - 1;
/// Networks that may stand here: the others would look like [`EMPTY`].
const NETWORKS: u32 = 0xff_0000;
/// Far ends that have numbers at most; when time passes, half of them are too many.
const FARS: u16 = 0x7fff;

/// An address, in the upper six bytes, and the number of a network.
#[derive(Clone, Copy)]
pub(super) struct Name {
    /// The address, and the lower half of the network's number.
    low: u64,
    /// What is left of that number.
    high: u32,
}

impl Name {
    #[inline]
    pub(super) fn new(address: u64, network: u32) -> Name {
        let high = if network < NETWORKS { network >> 16 } else { NETWORKS };
        Name { low: address | u64::from(network & 0xffff), high }
    }
}

/// The number of an address's first far end, and whether frames to it need a closer look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Far(u16);

impl Far {
    /// Beside the number: a frame for it is not just sent there.
    const CLOSER: u16 = 1 << 15;

    #[inline]
    pub(super) fn needs_closer_look(self) -> bool {
        self.0 & Far::CLOSER != 0
    }
}

/// What frames look at.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    name: u64,
    /// The place of the entry, and above it the upper part of the network's number.
    place: u32,
    pub far: Far,
    /// When it was used last.
    moment: u16,
}

const VACANT: Cell = Cell { name: 0, place: EMPTY, far: Far(u16::MAX), moment: 0 };

/// The cells.
#[derive(Default)]
pub(super) struct Near {
    /// As many homes as a power of two, and a few cells behind the last.
    cells: Box<[Cell]>,
    /// By how many bits a product is shifted to give a home, less one.
    shift: u8,
    /// The present time has this number; whatever has it was used now.
    moment: u16,
    now: Instant,
    fars: Rare<Fars>,
}

/// The far ends that have numbers, by number and by what they are.
#[derive(Default)]
struct Fars {
    remotes: Vec<Remote>,
    numbers: BTreeMap<Remote, u16>,
}

impl Usual for Fars {
    const USUAL: &'static Fars = &Fars { remotes: Vec::new(), numbers: BTreeMap::new() };
}

impl Cell {
    /// The place of the entry.
    #[inline]
    pub(super) fn place(&self) -> usize {
        (self.place & PLACE) as usize
    }

    /// Notes that the entry is used; false if it was at this moment already.
    #[inline]
    pub(super) fn use_at(&mut self, moment: u16) -> bool {
        std::mem::replace(&mut self.moment, moment) != moment
    }
}

impl Near {
    /// The first cell for an address.
    #[inline]
    fn home(&self, name: Name) -> usize {
        (name.low.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1 >> (self.shift & 63)) as usize
    }

    /// The number of the present time.
    #[inline]
    pub(super) fn moment(&mut self, now: Instant) -> u16 {
        if now != self.now {
            self.begin_moment(now);
        }
        self.moment
    }

    #[cold]
    fn begin_moment(&mut self, now: Instant) {
        self.now = now;
        self.moment = self.moment.wrapping_add(1);
        if self.fars.remotes.len() > usize::from(FARS / 2) {
            self.clear();
        }
        if self.moment == 0 {
            self.moment = 1;
            self.cells.iter_mut().for_each(|cell| cell.moment = 0);
        }
    }

    /// Forgets everything.
    fn clear(&mut self) {
        self.cells.fill(VACANT);
        self.fars = Rare::NEW;
    }

    /// Whether looking is likely to wait for memory, so that it is worth to [`Near::touch`] first.
    #[inline]
    pub(super) fn is_far(&self) -> bool {
        self.cells.len() > FAR
    }

    /// Touches the first cell for an address, so that it is near when it is looked at: for all frames of a batch first.
    #[inline]
    pub(super) fn touch(&self, name: Name) -> u64 {
        self.cells.get(self.home(name)).map_or(0, |cell| cell.name)
    }

    /// The cell of an address.
    #[inline(always)]
    pub(super) fn find(&mut self, name: Name) -> Option<&mut Cell> {
        let home = self.home(name);
        for cell in self.cells.get_mut(home..home + WIDTH)? {
            if cell.name == name.low && cell.place >> 24 == name.high {
                return Some(cell);
            }
            if cell.place == EMPTY {
                return None;
            }
        }
        None
    }

    /// The far end of a number.
    pub(super) fn remote(&self, far: Far) -> Option<&Remote> {
        self.fars.remotes.get(usize::from(far.0 & !Far::CLOSER))
    }

    /// The number of a far end; if there are too many, one that none has, and then frames need a closer look.
    pub(super) fn number(&mut self, remote: &Remote, closer: bool) -> Far {
        let next = self.fars.remotes.len() as u16;
        let number = match self.fars.numbers.get(remote) {
            Some(number) => *number,
            None if next >= FARS => return Far(u16::MAX),
            None => {
                self.fars.numbers.insert(*remote, next);
                self.fars.remotes.push(*remote);
                next
            }
        };
        Far(if closer { number | Far::CLOSER } else { number })
    }

    /// Makes room for so many entries, if there are not two homes for each; which entries stand here is forgotten then.
    pub(super) fn fit(&mut self, entries: usize) {
        if self.cells.len() < 2 * entries + WIDTH || self.cells.is_empty() {
            let homes = (2 * entries).next_power_of_two().max(LEAST);
            self.cells = vec![VACANT; homes + WIDTH].into();
            self.shift = 63 - homes.trailing_zeros() as u8;
        }
    }

    /// Notes what frames are to find of an address that is not here, if there is a free cell; it is used now.
    pub(super) fn note(&mut self, name: Name, place: u32, far: Far) {
        let home = self.home(name);
        let Some(cells) = self.cells.get_mut(home..home + WIDTH) else { return };
        let free = cells.iter_mut().find(|cell| matches!(cell.place, EMPTY | GONE));
        if let Some(cell) = free.filter(|_| name.high < NETWORKS >> 16 && place < PLACE) {
            *cell = Cell { name: name.low, place: name.high << 24 | place, far, moment: self.moment };
        }
    }

    /// Takes the cell of an address away.
    pub(super) fn forget(&mut self, name: Name) {
        if let Some(cell) = self.find(name) {
            (cell.name, cell.place) = (0, GONE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_quarter_of_a_line() {
        assert_eq!(std::mem::size_of::<Cell>(), 16);
    }

    #[test]
    fn most_of_what_was_noted_is_found_and_what_is_gone_makes_room() {
        let mut near = Near::default();
        let far = Far(3);
        let name = |round: u64, number: u64| Name::new((2 << 40 | round << 16 | number) << 16, 7);
        let mut found = 0;
        for round in 0..20 {
            near.fit(1000);
            for number in 0..1000 {
                near.note(name(round, number), number as u32, far);
            }
            for number in 0..1000 {
                let known = near.find(name(round, number)).map(|cell| cell.place());
                assert!(known.is_none_or(|known| known == number as usize));
                found += u32::from(known.is_some());
                near.forget(name(round, number));
                assert!(near.find(name(round, number)).is_none());
            }
        }
        assert!(found > 19_900, "{found} of 20,000");
    }

    #[test]
    fn networks_are_told_apart_and_the_largest_stand_nowhere() {
        let mut near = Near::default();
        near.fit(8);
        let networks = [0, 1, 0xffff, 0x1_0000, 0xfe_ffff, 0xff_0000, 0xff_ffff, u32::MAX];
        for (place, network) in networks.iter().enumerate() {
            near.note(Name::new(0, *network), place as u32, Far(0));
        }
        for (place, network) in networks.iter().enumerate() {
            let known = near.find(Name::new(0, *network)).map(|cell| cell.place());
            assert_eq!(known, Some(place).filter(|_| *network < NETWORKS), "{network:x}");
        }
    }
}
