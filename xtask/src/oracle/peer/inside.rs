//! The part of a scene that runs inside the real kernel: takes commands, one file each, and writes down what they
//! printed.

use crate::failure::{Context, Result};
use crate::oracle::inside::run_command;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two looks whether there is another command.
const LOOK: Duration = Duration::from_millis(10);

/// Where the command of that number is.
pub(super) fn ask_file(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("ask.{number}"))
}

/// Where the answer to it is: the exit status in the first line, then what was printed.
pub(super) fn told_file(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("told.{number}"))
}

/// Does the commands until one is empty.
pub(in crate::oracle) fn serve(dir: &Path) -> Result<()> {
    for number in 1.. {
        let file = ask_file(dir, number);
        let command = loop {
            match fs::read_to_string(&file) {
                Ok(command) => break command,
                Err(_) => std::thread::sleep(LOOK),
            }
        };
        if command.is_empty() {
            break;
        }
        let (printed, status) = run_command(&command)?;
        let status = status.code().unwrap_or_else(|| -status.signal().unwrap_or(0));
        let told = told_file(dir, number);
        let beside = told.with_extension("part");
        fs::write(&beside, format!("{status}\n{printed}")).at("write", &beside)?;
        fs::rename(&beside, &told).at("write", &told)?;
    }
    Ok(())
}
