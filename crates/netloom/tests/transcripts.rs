//! The truth: every transcript of the project, replayed on the embedded kernel, prints what a real Linux printed.

use netloom::verify::{Verdict, transcripts, verify, verify_all};
use netloom::{Exceptions, replay};
use std::path::{Path, PathBuf};

/// How many differing lines of one file are shown.
const SHOWN: usize = 8;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The transcripts of the project: those under `tests`, and the notes that are its first example.
fn files() -> Vec<PathBuf> {
    let tests = project().join("tests/transcripts");
    transcripts(&[tests, project().join("examples/notes.txt")]).unwrap_or_else(|trouble| panic!("{trouble}"))
}

fn exceptions() -> Exceptions {
    let list = project().join("tests/EXCEPTIONS.txt");
    if !list.exists() {
        return Exceptions::default();
    }
    Exceptions::read(&list).unwrap_or_else(|trouble| panic!("{trouble}"))
}

#[test]
fn every_transcript_replays_equal() {
    let (files, exceptions) = (files(), exceptions());
    let mut complaints = Vec::new();
    let judge = |file: &Path| verify(file, &exceptions, 0, SHOWN);
    verify_all(&files, judge, |file, verdict| {
        let name = file.file_name().unwrap_or_default().display();
        match verdict {
            Verdict::Equal | Verdict::ExpectedToDiffer(_) => {}
            Verdict::Differs(how) => complaints.push(format!("{name}: differs\n{how}")),
            Verdict::NoLongerDiffers(_) => {
                complaints.push(format!("{name}: take it off tests/EXCEPTIONS.txt\n"))
            }
            Verdict::Unreadable(trouble) => complaints.push(format!("{trouble}\n")),
        }
        true
    });
    let count = complaints.len();
    assert!(complaints.is_empty(), "{count} of {} transcripts differ:\n{}", files.len(), complaints.concat());
}

#[test]
fn every_exception_names_a_transcript() {
    let mut files = files();
    let others = ["tests/batch", "tests/monitor"].map(|directory| project().join(directory));
    files.extend(transcripts(&others).unwrap_or_else(|trouble| panic!("{trouble}")));
    for name in exceptions().names() {
        assert!(files.iter().any(|file| file.ends_with(name)), "tests/EXCEPTIONS.txt: there is no {name}");
    }
}

/// Addresses that nobody chose, namespaces, moves: whatever chance there is comes from the seed.
#[test]
fn the_same_run_gives_the_same_bytes() {
    let commands = "# ip link add type dummy\n# ip link add type veth\n# ip netns add a\n# ip netns add b\n\
                    # ip link set veth0 netns a\n# ip -all netns exec ip -d link\n# ip -d -j link\n# ip netns\n";
    let run = |seed| replay("commands", commands, seed).unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8), "the seed decides the addresses");
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(replay("x", &text, 1) == replay("x", &text, 1), "{}", file.display());
    }
}
