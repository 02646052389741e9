//! The program's beginning and end; what it does is in the library.

#![forbid(unsafe_code)]

use netloom::args::Arguments;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Statuses above 255 cannot leave a process; a shell shows their last eight bits.
    ExitCode::from((netloom::verbs::carry_out(Arguments::of_process()) & 0xff) as u8)
}
