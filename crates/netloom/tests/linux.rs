//! The program on Linux itself, always in namespaces of its own: the machine's links are never touched.
//!
//! Where the system does not permit such namespaces the tests say so and pass: nothing can be told there.

#![cfg(target_os = "linux")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_netloom");

/// Runs lines in a private corner of Linux; nothing if there is none to be had.
fn run_private(lines: &str) -> Option<String> {
    let output = feed(&["--on", "linux", "--private", "run", "-"], lines);
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("--private cannot have") {
        assert_eq!(output.status.code(), Some(2));
        eprintln!("skipped: {errors}");
        return None;
    }
    assert!(output.status.success(), "{errors}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn feed(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("it has an input").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("the program ends")
}

/// What this test's own namespaces look like from outside of any that a test makes.
fn here() -> String {
    let links = Command::new(PROGRAM).args(["--on", "linux", "ip", "-br", "link"]).output().expect("links");
    let names = std::fs::read_dir("/run/netns").map(|entries| entries.count()).unwrap_or(0);
    format!("{names} {}", String::from_utf8_lossy(&links.stdout))
}

#[test]
fn a_private_corner_touches_nothing_outside() {
    let before = here();
    let lines = "ip netns add blue\nip netns\nip -n blue link set lo up\nip -n blue -br link\nip link del lo\n\
                 ip netns exec blue cat /sys/class/net/lo/flags\nip netns add blue\n";
    let Some(text) = run_private(lines) else { return };
    assert!(text.contains("# ip netns\nblue\n"), "{text}");
    assert!(
        text.contains("lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP>"),
        "{text}"
    );
    assert!(text.contains("# ip link del lo\n[exit 2]"), "{text}");
    assert!(text.contains("# ip netns add blue\n[exit 1]"), "{text}");
    assert_eq!(before, here());
}

#[test]
fn a_private_corner_is_for_linux() {
    let output = feed(&["--private", "ip", "link"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--private is for `--on linux`"));
}
