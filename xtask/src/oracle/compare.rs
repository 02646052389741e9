//! Compares two transcripts of one scenario, command by command.

use super::{chance, mask};

/// Longer lines are shown only in part.
const LONG: usize = 220;

/// One command and what it printed, masked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) command: String,
    pub(crate) printed: Vec<String>,
}

/// A command on which the two sides differ.
#[derive(Debug)]
pub(crate) struct Difference {
    /// How many commands came before it.
    pub(crate) index: usize,
    pub(crate) command: String,
    want: Vec<String>,
    got: Vec<String>,
}

/// The blocks of a transcript. Notes and the blank lines that separate blocks are not compared.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("# ") {
            blocks.push(Block { command: command.trim_end().to_string(), printed: Vec::new() });
        } else if let Some(block) = blocks.last_mut().filter(|_| !line.starts_with("//")) {
            block.printed.push(mask::line(line));
        }
    }
    for block in &mut blocks {
        while block.printed.last().is_some_and(String::is_empty) {
            block.printed.pop();
        }
        if mask::unordered(&block.command) {
            block.printed.iter_mut().for_each(|line| *line = mask::sorted_json(line));
            block.printed.sort_unstable();
        }
    }
    blocks
}

/// Every command on which the transcripts differ. A missing or other command ends the comparison.
pub(crate) fn differences(want: &str, got: &str) -> Vec<Difference> {
    let (want, got) = (blocks(&chance::renamed(want)), blocks(&chance::renamed(got)));
    let mut found = Vec::new();
    for index in 0..want.len().max(got.len()) {
        match (want.get(index), got.get(index)) {
            (Some(w), Some(g)) if w == g => {}
            (Some(w), Some(g)) if w.command == g.command => found.push(Difference {
                index,
                command: w.command.clone(),
                want: w.printed.clone(),
                got: g.printed.clone(),
            }),
            (w, g) => {
                let name =
                    |b: Option<&Block>| b.map_or("(nothing)".to_string(), |b| format!("# {}", b.command));
                found.push(Difference {
                    index,
                    command: "the transcripts no longer have the same commands".to_string(),
                    want: vec![name(w)],
                    got: vec![name(g)],
                });
                break;
            }
        }
    }
    found
}

/// Shows the first few differing commands with the lines that differ, for people.
pub(crate) fn show(differences: &[Difference], commands: usize, lines: usize) -> String {
    let mut text = String::new();
    for difference in differences.iter().take(commands) {
        text.push_str(&format!("  # {}\n", difference.command));
        let shown = difference.unified();
        for line in shown.iter().take(lines) {
            text.push_str(&format!("  {line}\n"));
        }
        if shown.len() > lines {
            text.push_str(&format!("  … {} more lines\n", shown.len() - lines));
        }
    }
    if differences.len() > commands {
        text.push_str(&format!("  … {} more commands differ\n", differences.len() - commands));
    }
    text
}

impl Difference {
    /// The differing lines: `-` the real kernel's, `+` ours; a long line is cut down to where it differs.
    fn unified(&self) -> Vec<String> {
        let (head, tail) = common_ends(&self.want, &self.got);
        let want = &self.want[head..self.want.len() - tail];
        let got = &self.got[head..self.got.len() - tail];
        let mut shown = Vec::new();
        let (mut w, mut g) = (0, 0);
        for (to_w, to_g) in common_lines(want, got).into_iter().chain([(want.len(), got.len())]) {
            let pairs = (to_w - w).max(to_g - g);
            for i in 0..pairs {
                let (a, b) = (want[w..to_w].get(i), got[g..to_g].get(i));
                let from = match (a, b) {
                    (Some(a), Some(b)) if a.len().max(b.len()) > LONG => common_prefix(a, b),
                    _ => 0,
                };
                shown.extend(a.map(|line| format!("- {}", excerpt(line, from))));
                shown.extend(b.map(|line| format!("+ {}", excerpt(line, from))));
            }
            (w, g) = (to_w + 1, to_g + 1);
        }
        shown
    }
}

/// How many lines are equal at the beginning and at the end.
fn common_ends(want: &[String], got: &[String]) -> (usize, usize) {
    let head = want.iter().zip(got).take_while(|(w, g)| w == g).count();
    let most = want.len().min(got.len()) - head;
    let tail = want.iter().rev().zip(got.iter().rev()).take(most).take_while(|(w, g)| w == g).count();
    (head, tail)
}

/// The pairs of positions of a longest common subsequence. Outputs are short, so the square table is fine;
/// for a monstrous one no common lines are looked for.
fn common_lines(want: &[String], got: &[String]) -> Vec<(usize, usize)> {
    let (n, m) = (want.len(), got.len());
    if n.saturating_mul(m) > 4_000_000 {
        return Vec::new();
    }
    let mut best = vec![vec![0u32; m + 1]; n + 1];
    for w in (0..n).rev() {
        for g in (0..m).rev() {
            best[w][g] =
                if want[w] == got[g] { best[w + 1][g + 1] + 1 } else { best[w + 1][g].max(best[w][g + 1]) };
        }
    }
    let (mut w, mut g, mut pairs) = (0, 0, Vec::new());
    while w < n && g < m {
        if want[w] == got[g] {
            pairs.push((w, g));
            (w, g) = (w + 1, g + 1);
        } else if best[w + 1][g] >= best[w][g + 1] {
            w += 1;
        } else {
            g += 1;
        }
    }
    pairs
}

/// How many characters two lines share at the beginning.
fn common_prefix(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// What fits on a screen of a line, around the place where it first differs.
fn excerpt(line: &str, first_difference: usize) -> String {
    const BEFORE: usize = 60;
    let from = first_difference.saturating_sub(BEFORE);
    let part: String = line.chars().skip(from).take(LONG).collect();
    let left = if from > 0 { "…" } else { "" };
    let right = if line.chars().count() > from + LONG { "…" } else { "" };
    format!("{left}{part}{right}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_but_for_notes_and_timers() {
        let want = "// note\n# ip link\na gc_timer  1.00\n\n# ip -all netns exec x\n\nnetns: n1\n";
        let got = "# ip link\na gc_timer  7.25 \n\n# ip -all netns exec x\n\nnetns: n1\n\n";
        assert!(differences(want, got).is_empty());
    }

    #[test]
    fn the_differing_command_is_shown() {
        let want = "# a\n1\n2\n3\n\n# b\nx\n[exit 2]\n";
        let got = "# a\n1\n9\n3\n\n# b\nx\n";
        let found = differences(want, got);
        assert_eq!(found.iter().map(|d| d.index).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(show(&found, 5, 5), "  # a\n  - 2\n  + 9\n  # b\n  - [exit 2]\n");
    }

    #[test]
    fn a_missing_command_is_a_difference() {
        assert_eq!(differences("# a\n\n# b\n", "# a\n").len(), 1);
        assert_eq!(differences("# a\n", "").len(), 1);
    }

    #[test]
    fn long_lines_are_cut_to_the_difference() {
        let (a, b) = ("x".repeat(500) + "1", "x".repeat(500) + "2");
        let shown = show(&differences(&format!("# c\n{a}\n"), &format!("# c\n{b}\n")), 1, 9);
        assert!(shown.lines().all(|l| l.chars().count() < 100), "{shown}");
    }
}
