//! Developer tasks of netloom, run as `cargo xtask TASK`.
//!
//! There is one task so far, `oracle`: it boots a real Linux 6.1 as an ordinary process, lets it and the
//! embedded kernel run the same commands and compares what they print, byte for byte.
#![forbid(unsafe_code)]

mod args;
mod failure;
mod generate;
mod oracle;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os().skip(1).map(|w| w.to_string_lossy().into_owned()).collect();
    let outcome = match words.split_first() {
        Some((task, rest)) if task == "oracle" => oracle::main(rest),
        Some((word, _)) if matches!(word.as_str(), "help" | "--help" | "-h") => oracle::help(),
        Some((task, _)) => Err(failure::Failure::usage(format!("no such task: {task}\n{}", oracle::USAGE))),
        None => Err(failure::Failure::usage(oracle::USAGE)),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("xtask: {}", failure.message);
            ExitCode::from(failure.status)
        }
    }
}
