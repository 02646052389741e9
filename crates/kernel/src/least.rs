//! The least number that is free, among numbers that somebody else keeps account of.
//!
//! Of the numbers below `known` it is known which are free: they stand in `gaps`, as ranges. Whoever takes a number or
//! gives one back says so. Numbers from `known` on are asked for one by one, each once as long as it is taken; so what
//! a search costs was paid for by those who took them, and nothing is ever walked twice. Ranges need no more memory
//! than what is taken.

use std::collections::BTreeMap;

/// What is known of the free ones among some numbers.
#[derive(Default, Debug)]
pub(crate) struct Least {
    known: u32,
    /// Free numbers below `known`: the first of a range → the one behind the last. None reaches `known`.
    gaps: BTreeMap<u32, u32>,
    /// How often a number was asked for.
    #[cfg(test)]
    pub(crate) asked: u64,
}

impl Least {
    /// Whether nothing is known: a fresh one would be as good.
    pub(crate) fn knows_nothing(&self) -> bool {
        self.known == 0
    }

    /// The least number that is free; it is not taken yet.
    pub(crate) fn find(&mut self, is_taken: impl Fn(u32) -> bool) -> u32 {
        if let Some((first, _)) = self.gaps.first_key_value() {
            return *first;
        }
        while self.ask(&is_taken) {
            self.known += 1;
        }
        self.known
    }

    fn ask(&mut self, is_taken: &impl Fn(u32) -> bool) -> bool {
        #[cfg(test)]
        {
            self.asked += 1;
        }
        is_taken(self.known)
    }

    /// A number is taken from now on.
    pub(crate) fn take(&mut self, number: u32) {
        if number == self.known {
            self.known += 1;
        }
        let Some((&first, &end)) = self.gaps.range(..=number).next_back() else { return };
        if number < end {
            self.gaps.remove(&first);
            let rest = [(first, number), (number + 1, end)];
            self.gaps.extend(rest.into_iter().filter(|(first, end)| first < end));
        }
    }

    /// A number is free from now on.
    pub(crate) fn release(&mut self, number: u32) {
        if number >= self.known {
            return;
        }
        let (mut first, mut end) = (number, number + 1);
        match self.gaps.range(..=number).next_back() {
            Some((_, &until)) if until > number => return,
            Some((&from, &until)) if until == number => first = from,
            _ => {}
        }
        if let Some(until) = self.gaps.remove(&end) {
            end = until;
        }
        if end == self.known {
            self.gaps.remove(&first);
            self.known = first;
        } else {
            self.gaps.insert(first, end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn finds_what_a_walk_would_find() {
        let (mut least, mut taken) = (Least::default(), BTreeSet::new());
        let mut state = 7u64;
        for step in 0..50_000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (number, grows) = ((state >> 33) as u32 % 100, step % 1000 < 600);
            if grows && taken.insert(number) {
                least.take(number);
            } else if !grows && taken.remove(&number) {
                least.release(number);
            }
            if state >> 62 == 0 {
                let free = least.find(|number| taken.contains(&number));
                assert_eq!(Some(free), (0..).find(|number| !taken.contains(number)));
                assert!(least.gaps.len() <= taken.len());
            }
        }
    }

    /// However numbers are taken and given back, what is asked for is at most what was taken.
    #[test]
    fn nothing_is_asked_for_twice() {
        let (mut least, mut taken, mut takes) = (Least::default(), BTreeSet::new(), 0);
        let mut take = |least: &mut Least, taken: &mut BTreeSet<u32>| {
            let free = least.find(|number| taken.contains(&number));
            taken.insert(free);
            least.take(free);
            takes += 1;
        };
        (0..1000).for_each(|_| take(&mut least, &mut taken));
        for low in 0..500 {
            for number in [low, 999] {
                taken.remove(&number);
                least.release(number);
            }
            (0..2).for_each(|_| take(&mut least, &mut taken));
        }
        assert_eq!(least.asked, takes - 1000 + 500, "asked {}", least.asked);
        (0..1000).for_each(|number| least.release(number));
        assert!(least.knows_nothing() && least.gaps.is_empty());
    }
}
