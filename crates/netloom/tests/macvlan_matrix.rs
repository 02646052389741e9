//! The macvlan matrix: who reaches whom, by mode and by whether the switch outside sends frames back (hairpin).
//!
//! `tests/transcripts/macvlan-matrix.txt` is what a real Linux did: a macvlan `m1` pings its sibling, the parent that
//! both stand on, and a host outside. The table here says the same for people; the test reads it out of the recording
//! and out of a replay.

use netloom::replay;

/// Who is reached from `m1`. In passthru mode there can be no sibling.
const MATRIX: &str = "\
                           sibling  parent  outside
private; hairpin off             -       -      yes
private; hairpin on              -     yes      yes
vepa; hairpin off                -       -      yes
vepa; hairpin on               yes     yes      yes
bridge; hairpin off            yes       -      yes
bridge; hairpin on             yes     yes      yes
passthru; hairpin off            -       -      yes
passthru; hairpin on             -       -      yes
source, nobody listed; hairpin off
                                 -       -        -
source, nobody listed; hairpin on
                                 -       -        -
source, outside listed; hairpin off
                                 -       -      yes
source, outside listed; hairpin on
                                 -       -      yes
source, all listed; hairpin off  -       -      yes
source, all listed; hairpin on yes       -      yes
";

/// The rows of a transcript: a note that says mode and hairpin, and behind it whether each ping was answered.
fn rows(transcript: &str) -> Vec<(String, Vec<bool>)> {
    let mut rows: Vec<(String, Vec<bool>)> = Vec::new();
    for line in transcript.lines() {
        if let Some(title) = line.strip_prefix("// ").filter(|title| title.contains("; hairpin ")) {
            rows.push((title.to_string(), Vec::new()));
        } else if let Some((_, answered)) =
            rows.last_mut().filter(|_| line.contains(" packets transmitted, "))
        {
            answered.push(line.contains(", 1 received, "));
        }
    }
    rows
}

/// The same of the table: a title may have a line of its own.
fn table() -> Vec<(String, Vec<bool>)> {
    let mut rows: Vec<(String, Vec<bool>)> = Vec::new();
    for line in MATRIX.lines().skip(1) {
        let is_mark = |word: &&str| ["yes", "-"].contains(word);
        let title: Vec<&str> = line.split_whitespace().take_while(|word| !is_mark(word)).collect();
        let marks = line.split_whitespace().filter(is_mark).map(|mark| mark == "yes");
        if !title.is_empty() {
            rows.push((title.join(" "), Vec::new()));
        }
        rows.last_mut().expect("a title").1.extend(marks);
    }
    rows
}

#[test]
fn who_reaches_whom() {
    let recorded = include_str!("../../../tests/transcripts/macvlan-matrix.txt");
    assert!(table().iter().all(|(_, answered)| answered.len() == 3), "{:?}", table());
    assert_eq!(rows(recorded), table(), "what a real Linux did");
    let replayed = replay("macvlan-matrix.txt", recorded, 0).expect("every command is understood");
    assert_eq!(rows(&replayed), table(), "what netloom does");
}
