//! The short form of how two transcripts differ: unified, each place headed by the line and the command it is in.

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};
use std::fmt::Write;

/// How many differing lines are shown of one file.
pub const LINES_SHOWN: usize = 12;
/// How much of one line is shown.
const WIDTH: usize = 200;
/// How much is shown in front of the first character that differs.
const LEAD: usize = 60;

/// Says how `got` differs from `want`, at most `most` differing lines long; empty if it does not.
pub fn difference(want: &[String], got: &[String], most: usize) -> String {
    let ops = capture_diff_slices(Algorithm::Myers, want, got);
    let mut text = String::new();
    let (mut shown, mut hidden) = (0, 0);
    for group in group_diff_ops(ops, 0) {
        for op in group.iter().filter(|op| op.tag() != DiffTag::Equal) {
            let count = op.old_range().len() + op.new_range().len();
            if shown > 0 && shown + count > most {
                hidden += count;
                continue;
            }
            place(&mut text, want, op);
            shown += show(&mut text, want, got, op, most);
            hidden += count.saturating_sub(most);
        }
    }
    if hidden > 0 {
        let _ = writeln!(text, "    … and {hidden} more differing lines");
    }
    text
}

/// The head of a place: its line, and the command that it belongs to.
fn place(text: &mut String, want: &[String], op: &DiffOp) {
    let at = op.old_range().start;
    let command = want[..want.len().min(at + 1)].iter().rev().find(|line| line.starts_with("# "));
    let _ = writeln!(text, "  @@ line {} @@ {}", at + 1, command.map_or("", |line| clip(line, 0)));
}

fn show(text: &mut String, want: &[String], got: &[String], op: &DiffOp, most: usize) -> usize {
    let (old, new) = (&want[op.old_range()], &got[op.new_range()]);
    let mut shown = 0;
    for (sign, lines, others) in [('-', old, new), ('+', new, old)] {
        for (at, line) in lines.iter().enumerate().take(most) {
            let from = others.get(at).map_or(0, |other| common(line, other));
            let _ = writeln!(text, "    {sign}{}", clip(line, from));
            shown += 1;
        }
    }
    shown
}

/// How many bytes two lines have in common at their beginnings.
fn common(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

/// The part of a long line around the byte at which it begins to differ.
fn clip(line: &str, from: usize) -> &str {
    if line.len() <= WIDTH {
        return line;
    }
    let start = if from + WIDTH / 2 < WIDTH { 0 } else { from.saturating_sub(LEAD).min(line.len() - WIDTH) };
    let start = floor(line, start);
    &line[start..floor(line, start + WIDTH)]
}

/// The nearest beginning of a character at or before a byte.
fn floor(line: &str, mut at: usize) -> usize {
    at = at.min(line.len());
    while !line.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(String::from).collect()
    }

    #[test]
    fn names_line_and_command() {
        let want = lines("# ip link\n1: lo\n\n# ip -br link\nlo DOWN");
        let got = lines("# ip link\n1: lo\n\n# ip -br link\nlo UP");
        assert_eq!(difference(&want, &got, 10), "  @@ line 5 @@ # ip -br link\n    -lo DOWN\n    +lo UP\n");
        assert_eq!(difference(&want, &want, 10), "");
    }

    #[test]
    fn stays_short() {
        let want: Vec<String> = (0..1000).map(|n| format!("a{n}")).collect();
        let got: Vec<String> = (0..1000).map(|n| format!("b{n}")).collect();
        let text = difference(&want, &got, 5);
        assert!(text.lines().count() < 15, "{text}");
    }

    #[test]
    fn clips_long_lines_where_they_differ() {
        let (a, b) = ("x".repeat(5000) + "ä1", "x".repeat(5000) + "ä2");
        let text = difference(&lines(&a), &lines(&b), 5);
        assert!(text.contains("ä1") && text.contains("ä2") && text.len() < 600, "{text}");
    }
}
