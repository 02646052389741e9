//! The steps of walks, counted in tests: what a request costs must follow what it touches, and not how much else
//! there is. Elsewhere counting is nothing.

#[cfg(test)]
use std::cell::Cell;

/// The steps that walks over what a namespace holds have gone.
#[derive(Default)]
pub(crate) struct Steps {
    #[cfg(test)]
    count: Cell<u64>,
}

impl Steps {
    /// A walk goes one step.
    #[inline]
    pub(crate) fn step(&self) {
        #[cfg(test)]
        self.count.set(self.count.get() + 1);
    }

    /// The steps so far.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.count.get()
    }
}
