//! The truth about batches: `ip -b FILE` prints what it printed on a real Linux.
//!
//! A case is a transcript of `tests/batch`; the files that its commands name are named from the project's root, so
//! that is where they are run.

use netloom::Exceptions;
use netloom::verify::{Verdict, transcripts, verify};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// How many differing lines of one file are shown.
const SHOWN: usize = 20;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_batch_prints_what_linux_printed() {
    std::env::set_current_dir(project()).unwrap();
    let list = Path::new("tests/EXCEPTIONS.txt");
    let exceptions = if list.exists() { Exceptions::read(list).unwrap() } else { Exceptions::default() };
    let mut complaints = String::new();
    for file in transcripts(&[PathBuf::from("tests/batch")]).unwrap() {
        let name = file.display();
        let _ = match verify(&file, &exceptions, 0, SHOWN) {
            Verdict::Equal | Verdict::ExpectedToDiffer(_) => Ok(()),
            Verdict::Differs(how) => writeln!(complaints, "{name}: differs\n{how}"),
            Verdict::NoLongerDiffers(_) => writeln!(complaints, "{name}: take it off tests/EXCEPTIONS.txt"),
            Verdict::Unreadable(trouble) => writeln!(complaints, "{trouble}"),
        };
    }
    assert!(complaints.is_empty(), "{complaints}");
}
