//! Devices by index: a tree of small pages. Most indexes are handed out one after the other, so that looking for one,
//! entering it and taking it out mostly touch a page that was touched just before, and nothing has to move.

use crate::device::DeviceId;
use std::collections::BTreeMap;

/// Indexes on one page.
const SIZE: u32 = 16;

/// The devices of so many indexes in a row.
struct Page {
    /// Which places are taken, one a bit.
    taken: u16,
    devices: [DeviceId; SIZE as usize],
}

impl Page {
    const NEW: Page = Page { taken: 0, devices: [DeviceId { slot: 0, generation: 0 }; SIZE as usize] };
}

/// Devices by index.
#[derive(Default)]
pub(crate) struct Pages {
    pages: BTreeMap<u32, Box<Page>>,
    count: usize,
}

/// The page of an index, its place there, and that as a bit.
fn place(index: u32) -> (u32, usize, u16) {
    let at = index % SIZE;
    (index / SIZE, at as usize, 1 << at)
}

impl Pages {
    /// The device of an index.
    pub(crate) fn get(&self, index: u32) -> Option<DeviceId> {
        let (page, at, bit) = place(index);
        let page = self.pages.get(&page).filter(|page| page.taken & bit != 0)?;
        Some(page.devices[at])
    }

    /// An index is a device's from now on; it must be free.
    pub(crate) fn insert(&mut self, index: u32, device: DeviceId) {
        let (page, at, bit) = place(index);
        let page = self.pages.entry(page).or_insert_with(|| Box::new(Page::NEW));
        self.count += usize::from(page.taken & bit == 0);
        page.taken |= bit;
        page.devices[at] = device;
    }

    /// An index is nobody's any more.
    pub(crate) fn remove(&mut self, index: u32) {
        let (number, _, bit) = place(index);
        let Some(page) = self.pages.get_mut(&number).filter(|page| page.taken & bit != 0) else { return };
        page.taken &= !bit;
        self.count -= 1;
        if page.taken == 0 {
            self.pages.remove(&number);
        }
    }

    /// How many indexes are taken.
    pub(crate) fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_taken_and_given_back() {
        let device = |slot| DeviceId { slot, generation: 0 };
        let mut pages = Pages::default();
        let indexes = [1, 15, 16, 17, 4096, u32::MAX];
        indexes.iter().for_each(|index| pages.insert(*index, device(*index)));
        assert_eq!((pages.len(), pages.pages.len()), (6, 4));
        assert!(indexes.iter().all(|index| pages.get(*index) == Some(device(*index))));
        assert!([0, 2, 18, 4097].iter().all(|index| pages.get(*index).is_none()));
        pages.remove(2);
        indexes.iter().for_each(|index| pages.remove(*index));
        assert_eq!((pages.len(), pages.pages.len()), (0, 0));
    }
}
