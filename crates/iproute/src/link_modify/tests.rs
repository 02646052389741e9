//! Lines and the requests or the complaints that the tool makes of them, replayed from recordings of it.

use super::run;
use crate::testing::{self, TestHost, records};

#[test]
#[cfg(target_endian = "little")]
fn requests_are_those_of_the_tool() {
    let recorded = include_str!("requests.txt");
    let lines: Vec<&str> = recorded.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).collect();
    let mut wrong = String::new();
    for at in (0..lines.len()).filter(|at| lines[*at].starts_with("ip ")) {
        let wanted: Vec<&str> = lines[at + 1..].iter().take_while(|l| l.starts_with("  ")).copied().collect();
        let mut host = TestHost::default();
        let outcome = testing::run(&mut host, lines[at], run);
        let got = host.requests();
        if got != wanted {
            wrong += &format!("{}\n want {wanted:#?}\n got {got:#?} {outcome:?}\n", lines[at]);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn complaints_are_those_of_the_tool() {
    let mut wrong = String::new();
    for (line, printed, status) in records(include_str!("complaints.txt")) {
        let mut host = TestHost::default();
        let got = testing::run(&mut host, line, run);
        if got != (printed.into(), status) {
            wrong += &format!("{line}\n want {printed:?} {status}\n got {got:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn namespaces_are_closed_again() {
    for line in ["ip link set d0 netns a", "ip link set d0 netns a mtu x", "ip link set d0 link-netns a"] {
        let mut host = TestHost::default();
        testing::run(&mut host, line, run);
        assert_eq!(host.open, 0, "{line}");
    }
}

#[test]
fn no_line_of_words_is_too_strange() {
    // Every word of the grammar behind every other, twice over: nothing may panic or go on for ever.
    let recorded = include_str!("complaints.txt").lines().filter_map(|line| line.strip_prefix("# ip link "));
    let mut words: Vec<&str> = recorded.flat_map(str::split_whitespace).collect();
    words.sort_unstable();
    words.dedup();
    for verb in ["add", "set", "del", "property add", "xstats"] {
        for first in &words {
            for second in &words {
                let line = format!("ip link {verb} {first} {second} {first}");
                testing::run(&mut TestHost::default(), &line, run);
            }
        }
    }
}
