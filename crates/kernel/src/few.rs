//! A map that mostly holds one pair or few: a list by key, in one piece of memory that is no larger than the one pair;
//! a tree from [`MOST`] pairs on, so that its cost stays the logarithm of how many there are.

use std::collections::BTreeMap;

/// Pairs in a list at most.
const MOST: usize = 12;

/// Pairs of key and value, by key.
#[derive(Clone, Debug)]
pub enum Few<K, V> {
    /// Few of them, in order.
    List(Vec<(K, V)>),
    /// Many.
    Tree(Box<BTreeMap<K, V>>),
}

impl<K, V> Few<K, V> {
    /// Nothing.
    pub const NEW: Few<K, V> = Few::List(Vec::new());
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Few<K, V> {
        Few::NEW
    }
}

fn place<K: Ord, V>(list: &[(K, V)], key: &K) -> Result<usize, usize> {
    list.binary_search_by(|(known, _)| known.cmp(key))
}

impl<K: Ord, V> Few<K, V> {
    /// The value of a key.
    #[inline]
    pub fn get(&self, key: &K) -> Option<&V> {
        match self {
            Few::List(list) => place(list, key).ok().map(|at| &list[at].1),
            Few::Tree(tree) => tree.get(key),
        }
    }

    /// The same, to change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            Few::List(list) => place(list, key).ok().map(|at| &mut list[at].1),
            Few::Tree(tree) => tree.get_mut(key),
        }
    }

    /// Whether there is such a key.
    #[inline]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The value of a key, made if there is none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if let Few::List(list) = self {
            if list.len() >= MOST && place(list, &key).is_err() {
                *self = Few::Tree(Box::new(std::mem::take(list).into_iter().collect()));
            }
        }
        match self {
            Few::Tree(tree) => tree.entry(key).or_insert_with(make),
            Few::List(list) => {
                let at = place(list, &key).unwrap_or_else(|at| {
                    list.reserve_exact(1);
                    list.insert(at, (key, make()));
                    at
                });
                &mut list[at].1
            }
        }
    }

    /// Gives a key a value; gives the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(known) = self.get_mut(&key) {
            return Some(std::mem::replace(known, value));
        }
        self.get_or_insert_with(key, || value);
        None
    }

    /// Takes a key out; gives its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Few::List(list) => place(list, key).ok().map(|at| list.remove(at).1),
            Few::Tree(tree) => {
                let value = tree.remove(key);
                if tree.is_empty() {
                    *self = Few::NEW;
                }
                value
            }
        }
    }

    /// Nothing is in it any more.
    pub fn clear(&mut self) {
        *self = Few::NEW;
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        match self {
            Few::List(list) => list.len(),
            Few::Tree(tree) => tree.len(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All pairs, by key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + '_ {
        let (list, tree) = match self {
            Few::List(list) => (Some(list), None),
            Few::Tree(tree) => (None, Some(tree)),
        };
        let list = list.into_iter().flatten().map(|(key, value)| (key, value));
        list.chain(tree.into_iter().flat_map(|tree| tree.iter()))
    }

    /// The keys from one to another, both among them.
    pub fn keys_within(&self, first: K, last: K) -> impl Iterator<Item = &K> + '_ {
        let (list, tree) = match self {
            Few::List(list) => (list.as_slice(), None),
            Few::Tree(tree) => (&[][..], Some(tree)),
        };
        let start = list.partition_point(|(key, _)| *key < first);
        let end = list.partition_point(|(key, _)| *key <= last);
        let listed = list.get(start..end).unwrap_or_default().iter().map(|(key, _)| key);
        let range = tree.filter(|_| first <= last).map(|tree| tree.range(first..=last));
        listed.chain(range.into_iter().flatten().map(|(key, _)| key))
    }

    /// All keys, the least first.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + '_ {
        self.iter().map(|(key, _)| key)
    }

    /// All values, by key.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + '_ {
        self.iter().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_map() {
        let (mut few, mut model) = (Few::default(), BTreeMap::new());
        let mut state = 7u64;
        for step in 0..20_000u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // It grows over what a list holds, and shrinks to nothing, again and again.
            let (key, grows) = ((state >> 33) % 40, step % 400 < 200);
            match grows {
                true => assert_eq!(few.insert(key, step), model.insert(key, step)),
                false => assert_eq!(few.remove(&key), model.remove(&key)),
            }
            *few.get_or_insert_with(100, || 0) += 1;
            *model.entry(100).or_insert(0) += 1;
            assert!(few.iter().eq(&model) && few.keys().rev().eq(model.keys().rev()));
            assert_eq!((few.get(&key), few.len()), (model.get(&key), model.len()));
            let within = model.range(key / 2..=key).map(|(key, _)| key);
            assert!(
                few.keys_within(key / 2, key).eq(within) && few.keys_within(key + 1, key).next().is_none()
            );
            if step % 400 == 399 {
                few.clear();
                model.clear();
            }
        }
        assert!(few.values().eq(model.values()) && few.is_empty());
    }

    #[test]
    fn one_takes_no_more_than_itself() {
        let mut few = Few::default();
        few.insert(1u64, 2u64);
        assert!(matches!(&few, Few::List(list) if list.capacity() == 1));
        assert_eq!(std::mem::size_of_val(&few), 24);
    }
}
