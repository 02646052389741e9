//! What is rarely other than usual takes memory only where it is: a pointer everywhere else.

use std::ops::{Deref, DerefMut};

/// What something is as long as nobody changes it.
pub trait Usual: Default + 'static {
    /// The same as [`Default::default`].
    const USUAL: &'static Self;
}

/// Something that is mostly as usual. To change it makes it one's own.
#[derive(Clone, Debug)]
pub struct Rare<T> {
    own: Option<Box<T>>,
}

impl<T> Rare<T> {
    /// The usual, where a constant is needed.
    pub const NEW: Rare<T> = Rare { own: None };

    /// It, if somebody may have changed it.
    pub fn own(&mut self) -> Option<&mut T> {
        self.own.as_deref_mut()
    }
}

impl<T> Default for Rare<T> {
    fn default() -> Rare<T> {
        Rare::NEW
    }
}

impl<T: Usual> Deref for Rare<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.own.as_deref().unwrap_or(T::USUAL)
    }
}

impl<T: Usual> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.own.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Usual for Vec<u8> {
        const USUAL: &'static Vec<u8> = &Vec::new();
    }

    #[test]
    fn looking_makes_nothing() {
        let mut list: Rare<Vec<u8>> = Rare::default();
        assert!(list.is_empty() && list.own().is_none());
        list.push(1);
        assert_eq!((list[0], list.own().is_some()), (1, true));
    }
}
