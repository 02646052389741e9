//! Hosts that hear routers: what a real Linux 6.1 printed, replayed. The frames are in the recordings (`// inject`).
//!
//! Seconds that are left of a lifetime may differ by as much as the recording machine was slow: more where more are
//! left, as that was longer ago.

use std::path::{Path, PathBuf};

/// Seconds that the recording machine may have needed in all for what takes no time here.
const SLOW: u64 = 150;

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/advertisements");
    netloom::verify::files_of(&[folder], "txt").expect("there are recordings")
}

/// A number of seconds that are left, and what stands around it.
fn left(word: &str) -> Option<(String, u64)> {
    let digits = word.find(|c: char| c.is_ascii_digit())?;
    let (front, rest) = word.split_at(digits);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let behind = &rest[end..];
    let is_left = behind == "sec" || front.ends_with("life_time\":") || front == "\"expires\":";
    Some((format!("{front}#{behind}"), rest[..end].parse().ok()?)).filter(|_| is_left)
}

fn is_alike(want: &str, got: &str) -> bool {
    let words = |line: &str| line.split([' ', ',']).map(str::to_string).collect::<Vec<_>>();
    let (want, got) = (words(want), words(got));
    let alike = |(want, got): (&String, &String)| match (left(want), left(got)) {
        (Some(want), Some(got)) => want.0 == got.0 && want.1.abs_diff(got.1) <= SLOW.min(want.1 / 2 + 20),
        _ => want == got,
    };
    want.len() == got.len() && want.iter().zip(&got).all(alike)
}

#[test]
fn hosts_make_of_advertisements_what_linux_makes() {
    for path in recordings() {
        let name = path.display().to_string();
        let want = std::fs::read_to_string(&path).expect("a recording");
        let got = netloom::verify::replay(&name, &want, 1).expect("it can be replayed");
        let mut command = "";
        for (at, (want, got)) in want.lines().zip(got.lines()).enumerate() {
            if want.starts_with("# ") {
                command = want;
            }
            assert!(is_alike(want, got), "{name}:{}: {command}\nrecorded {want}\nreplayed {got}", at + 1);
        }
        assert_eq!(want.lines().count(), got.lines().count(), "{name}");
    }
}

#[test]
fn lifetimes_are_compared_as_numbers() {
    assert!(is_alike("valid_lft 3596sec x", "valid_lft 3599sec x"));
    assert!(!is_alike("valid_lft 3400sec x", "valid_lft 3599sec x"));
    assert!(!is_alike("metric 1024", "metric 1025"));
    assert!(is_alike("\"expires\":1787,\"a\":1", "\"expires\":1799,\"a\":1"));
}
