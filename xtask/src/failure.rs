//! Why a task could not be done, and the exit status that says so.
//!
//! Three statuses are told apart so that scripts can: 1 means that the two kernels differ, which is an
//! answer and not a failure; 2 that the command line was wrong; 3 that no comparison could be made at all.

use std::fmt::Display;
use std::path::Path;

/// A message for people and the exit status that goes with it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: u8,
    pub(crate) message: String,
}

/// What every fallible function here returns.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// The command line was wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure { status: 2, message: message.into() }
    }

    /// The work could not be done.
    pub(crate) fn work(message: impl Into<String>) -> Self {
        Failure { status: 3, message: message.into() }
    }
}

/// Turns the error of an operation into a failure that names what was tried.
pub(crate) trait Context<T> {
    fn context(self, what: impl Display) -> Result<T>;
    fn at(self, what: &str, path: &Path) -> Result<T>;
}

impl<T, E: Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl Display) -> Result<T> {
        self.map_err(|e| Failure::work(format!("{what}: {e}")))
    }

    fn at(self, what: &str, path: &Path) -> Result<T> {
        self.map_err(|e| Failure::work(format!("cannot {what} {}: {e}", path.display())))
    }
}
