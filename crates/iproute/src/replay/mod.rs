//! Lines about addresses, routes, rules and neighbours, and the requests or the complaints that the tool makes of them,
//! replayed from recordings of it.

use crate::ip;
use crate::testing::{TestHost, records, split};

#[test]
#[cfg(target_endian = "little")]
fn requests_are_those_of_the_tool() {
    let recorded = include_str!("requests.txt");
    let lines: Vec<&str> = recorded.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).collect();
    let mut wrong = String::new();
    for pair in lines.chunks(2) {
        let &[line, wanted] = pair else { panic!("a line without its request: {pair:?}") };
        let mut host = TestHost::default();
        let status = ip(&mut host, &split(line)[1..]);
        if host.requests() != [wanted] {
            wrong +=
                &format!("{line} [{status}]\n want {wanted}\n got {:?} {}\n", host.requests(), host.written);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn complaints_are_those_of_the_tool() {
    let mut wrong = String::new();
    for (line, printed, status) in records(include_str!("complaints.txt")) {
        let mut host = TestHost::default();
        let got = ip(&mut host, &split(line)[1..]);
        if (host.written.as_str(), got) != (printed, status) {
            wrong += &format!("{line}\n want {printed:?} {status}\n got {:?} {got}\n", host.written);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn no_line_of_words_is_too_strange() {
    // Words of the grammars in any order: nothing may panic or go on for ever.
    let recorded = include_str!("complaints.txt").lines().filter_map(|line| line.strip_prefix("# ip "));
    let mut words: Vec<&str> = recorded.flat_map(str::split_whitespace).collect();
    words.sort_unstable();
    words.dedup();
    let mut seed = 1_usize;
    let mut next = || {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
        seed >> 8
    };
    for _ in 0..20_000 {
        let object = ["address", "route", "rule", "neighbour", "maddress"][next() % 5];
        let verb = ["add", "del", "show", "get", "flush", "replace"][next() % 6];
        let rest: Vec<&str> = (0..next() % 8).map(|_| words[next() % words.len()]).collect();
        let line = format!("{object} {verb} {}", rest.join(" "));
        ip(&mut TestHost::default(), &split(&line));
    }
}
