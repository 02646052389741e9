//! CAN on the command line: `cansend`, `cangen` and `candump … &`, which speak and print as those of can-utils 2020.11.
//!
//! [`text`] is their notation, [`send`] the two that send, [`dump`] the one that listens.

mod dump;
mod send;
mod text;

pub(crate) use dump::Dumps;
pub(crate) use send::{cangen, cansend};

/// A frame in one line, for people.
pub(crate) fn describe(bytes: &[u8]) -> String {
    match wire::Can::parse(bytes) {
        Ok(frame) => format!("CAN {}", text::short(&frame, true)),
        Err(why) => format!("CAN ({why})"),
    }
}
