//! `ip … save`, `restore` and `showdump`: files that iproute2 wrote on a real Linux are read, and what is written is what
//! it would write.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What iproute2 wrote.
fn saved(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/saved").join(name)
}

/// A file of this run.
fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Runs `ip` with these words and this file as its input.
fn ip(words: &[&str], input: &Path) -> Output {
    let input = fs::File::open(input).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_netloom"));
    program.arg("ip").args(words).stdin(Stdio::from(input)).output().unwrap()
}

/// Runs commands in a batch, all on one kernel.
fn batch(name: &str, commands: &str, input: &Path) -> Output {
    let file = scratch(name);
    fs::write(&file, commands).unwrap();
    ip(&["-force", "-batch", file.to_str().unwrap()], input)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const BEGIN: &str = "link add d0 type dummy\nlink set d0 up\naddr add 10.0.0.1/24 dev d0\n";

#[test]
fn files_of_iproute2_are_shown() {
    let shown = |object: &str, file: &str| text(&ip(&[object, "showdump"], &saved(file)).stdout);
    assert_eq!(
        shown("route", "route.bin"),
        "10.0.0.0/24 dev if2 proto kernel scope link src 10.0.0.1 \n10.1.0.0/16 via 10.0.0.2 dev if2 \n"
    );
    let addresses = shown("addr", "addr.bin");
    let first =
        "if2:\n    inet 10.0.0.1/24 scope global d0\n       valid_lft forever preferred_lft forever\n";
    assert!(addresses.starts_with(first), "{addresses}");
    assert_eq!(addresses.matches("if2:\n").count(), 3);
    let foreign = ip(&["route", "showdump"], &saved("rule.bin"));
    let said = "Magic mismatch (1 elems, 71706986 magic)\n";
    assert_eq!((foreign.status.code(), text(&foreign.stderr).as_str()), (Some(1), said));
    let empty = ip(&["addr", "restore"], Path::new("/dev/null"));
    let said = "Magic mismatch (0 elems, 0 magic)\n";
    assert_eq!((empty.status.code(), text(&empty.stderr).as_str()), (Some(255), said));
}

#[test]
fn files_of_iproute2_are_restored() {
    let routes = batch("routes", &format!("{BEGIN}route restore\nroute show\n"), &saved("route.bin"));
    assert_eq!(text(&routes.stderr), "RTNETLINK answers: File exists\n");
    assert!(text(&routes.stdout).ends_with("10.1.0.0/16 via 10.0.0.2 dev d0 \n"));
    let rules = batch("rules", "rule restore\nrule show\n", &saved("rule.bin"));
    assert!(text(&rules.stdout).contains("32765:\tfrom 10.0.0.0/8 lookup 77\n"));
    let addresses =
        batch("addresses", "link add d0 type dummy\naddr restore\naddr show\n", &saved("addr.bin"));
    assert!(text(&addresses.stdout).contains("inet6 fd00::1/64 scope global"), "{addresses:?}");
}

/// Messages without their sequence numbers and port numbers.
fn messages(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut at, mut all) = (4, vec![file[..4].to_vec()]);
    while at < file.len() {
        let length = u32::from_ne_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let mut message = file[at..at + length].to_vec();
        message[8..16].fill(0);
        all.push(message);
        at += length.next_multiple_of(4);
    }
    all
}

#[test]
fn what_is_saved_is_what_iproute2_saves() {
    let setup = format!("{BEGIN}route add 10.1.0.0/16 via 10.0.0.2\nroute save\n");
    let written = batch("save", &setup, Path::new("/dev/null")).stdout;
    assert_eq!(messages(&written), messages(&fs::read(saved("route.bin")).unwrap()));
    let setup = "rule add from 10.0.0.0/8 lookup 77\nrule save\n";
    let written = batch("save-rules", setup, Path::new("/dev/null")).stdout;
    assert_eq!(messages(&written), messages(&fs::read(saved("rule.bin")).unwrap()));
}

#[test]
fn a_damaged_file_is_named() {
    let whole = fs::read(saved("addr.bin")).unwrap();
    let cut = scratch("cut.bin");
    let ends = messages(&whole).into_iter().scan(0, |at, part| {
        *at += part.len().next_multiple_of(4);
        Some(*at)
    });
    let ends: Vec<usize> = ends.collect();
    for length in (4..whole.len()).step_by(9).chain(ends.iter().copied()) {
        fs::write(&cut, &whole[..length]).unwrap();
        let output = ip(&["addr", "showdump"], &cut);
        let sound = ends.contains(&length);
        assert_eq!(output.status.success(), sound, "{length} bytes: {output:?}");
    }
    let mut long = whole.clone();
    long[4..8].copy_from_slice(&0x7fff_ffff_u32.to_ne_bytes());
    fs::write(&cut, &long).unwrap();
    let output = ip(&["addr", "restore"], &cut);
    assert_eq!(text(&output.stderr), "!!!malformed message: len=2147483647 @20\n");
}
