//! `oracle minimise`: the shortest scenario on which the two kernels still differ.
//!
//! A boot costs seconds and a scenario little, so each round tries many candidates in one boot. A round
//! cuts the commands into pieces and drops each piece alone; a second boot then drops the harmless pieces
//! together, as many as possible. The pieces get smaller until they are single commands.

use super::compare::{differences, show};
use super::netloom::Other;
use super::record::record;
use super::scenario::{Line, Scenario};
use crate::failure::{Failure, Result};

/// What the real kernel and the other side say of a scenario.
type Said = (String, String);

/// Runs candidates on both sides, all in one boot; `None` where the real kernel's run broke off.
type Judge<'a> = dyn FnMut(&[Scenario]) -> Result<Vec<Option<Said>>> + 'a;

/// The search, and what it has found so far.
struct Search<'a> {
    judge: &'a mut Judge<'a>,
    boots_left: usize,
    best: Scenario,
    /// What both say of the best; nothing before the first boot.
    said: Option<Said>,
}

/// Finds a minimal differing scenario; `None` if the two sides agree on the given one.
/// The answer is the real kernel's transcript and the difference in words.
pub(crate) fn minimise(start: Scenario, other: &Other, boots: usize) -> Result<Option<(String, String)>> {
    let mut judge = |candidates: &[Scenario]| -> Result<Vec<Option<Said>>> {
        let wants = record(candidates, 1)?;
        let pairs = candidates.iter().zip(wants).map(|(candidate, want)| match want {
            Some(want) => Ok(Some((want, other.transcript("minimise.txt", candidate)?))),
            None => Ok(None),
        });
        pairs.collect()
    };
    let mut search = Search { judge: &mut judge, boots_left: boots, best: start.clone(), said: None };
    search.shrink(start)?;
    Ok(search.said.map(|(want, got)| {
        let found = show(&differences(&want, &got), 3, 12);
        (want, found)
    }))
}

impl Search<'_> {
    /// The whole search.
    fn shrink(&mut self, start: Scenario) -> Result<()> {
        if self.try_all(vec![start])?.is_empty() {
            return Ok(());
        }
        self.cut_tail()?;
        let mut size = self.best.commands().div_ceil(4).max(1);
        loop {
            let before = self.best.commands();
            self.drop_pieces(size)?;
            eprintln!("{} commands, pieces of {size}, {} boots left", self.best.commands(), self.boots_left);
            let shrunk = self.best.commands() < before;
            if self.boots_left == 0 || (size == 1 && !shrunk) {
                return Ok(());
            }
            size = (size / 2).min(self.best.commands().div_ceil(2)).max(1);
        }
    }

    /// Runs candidates in one boot; answers which of them still differ and remembers the shortest.
    fn try_all(&mut self, candidates: Vec<Scenario>) -> Result<Vec<usize>> {
        if self.boots_left == 0 || candidates.is_empty() {
            return Ok(Vec::new());
        }
        self.boots_left -= 1;
        let answers = (self.judge)(&candidates)?;
        let mut differing = Vec::new();
        for (i, (candidate, said)) in candidates.into_iter().zip(answers).enumerate() {
            let Some(said) = said.filter(|(want, got)| !differences(want, got).is_empty()) else { continue };
            differing.push(i);
            if self.said.is_none() || candidate.commands() < self.best.commands() {
                self.said = Some(said);
                self.best = candidate;
            }
        }
        Ok(differing)
    }

    /// Ends the scenario at the first difference; what follows is only a consequence of it.
    fn cut_tail(&mut self) -> Result<()> {
        let first =
            self.said.as_ref().and_then(|(want, got)| differences(want, got).first().map(|d| d.index));
        let first = first.ok_or_else(|| Failure::work("no difference to cut at"))?;
        let keep: Vec<usize> = (0..=first).collect();
        let candidate = only(&self.best, &keep);
        self.try_all(vec![candidate])?;
        Ok(())
    }

    /// Drops each piece of `size` commands alone, then the droppable ones together.
    fn drop_pieces(&mut self, size: usize) -> Result<()> {
        let base = self.best.clone();
        let all: Vec<usize> = (0..base.commands()).collect();
        let pieces: Vec<&[usize]> = all.chunks(size).collect();
        let without = |dropped: &[&[usize]]| {
            let keep: Vec<usize> =
                all.iter().copied().filter(|i| !dropped.iter().any(|p| p.contains(i))).collect();
            only(&base, &keep)
        };
        if pieces.len() < 2 && size > 1 {
            return Ok(());
        }
        let candidates = pieces.iter().map(|piece| without(&[piece])).collect();
        let droppable: Vec<&[usize]> = self.try_all(candidates)?.into_iter().map(|i| pieces[i]).collect();
        if droppable.len() > 1 {
            // Later commands depend on earlier ones, so the last ones go first.
            let ends = (0..droppable.len() - 1).map(|from| without(&droppable[from..]));
            self.try_all(ends.collect())?;
        }
        Ok(())
    }
}

/// The scenario with only the commands at these places. Notes go; the NIC stays.
fn only(scenario: &Scenario, keep: &[usize]) -> Scenario {
    let mut place = 0;
    let lines = scenario.lines.iter().filter(|line| match line {
        Line::Nic { .. } => true,
        Line::Command(_) => {
            place += 1;
            keep.contains(&(place - 1))
        }
        Line::Blank | Line::Note(_) => false,
    });
    Scenario { lines: lines.cloned().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keeps_the_nic() {
        let scenario = Scenario::parse("// n\nnic e 02:00:00:00:00:01\na b\nc d\ne f\n");
        assert_eq!(only(&scenario, &[0, 2]).to_text(), "nic e 02:00:00:00:00:01\na b\ne f\n");
    }

    /// A pretended pair of kernels that differ on `look` once `one` and `two` were said.
    fn pretend(scenarios: &[Scenario]) -> Result<Vec<Option<Said>>> {
        let judge = |scenario: &Scenario| {
            let (mut one, mut two) = (false, false);
            let (mut want, mut got) = (String::new(), String::new());
            for line in scenario.to_text().lines() {
                (one, two) = (one || line == "one", two || line == "two");
                let differs = line == "look" && one && two;
                want.push_str(&format!("# {line}\n{}\n", u8::from(differs)));
                got.push_str(&format!("# {line}\n0\n"));
            }
            Some((want, got))
        };
        Ok(scenarios.iter().map(judge).collect())
    }

    fn shrunk(text: &str, boots: usize) -> (String, usize) {
        let mut judge = pretend;
        let start = Scenario::parse(text);
        let mut search = Search { judge: &mut judge, boots_left: boots, best: start.clone(), said: None };
        search.shrink(start).unwrap();
        (search.best.to_text(), boots - search.boots_left)
    }

    #[test]
    fn the_three_commands_that_matter_are_left() {
        let mut lines = vec!["x"; 60];
        (lines[7], lines[31], lines[50], lines[58]) = ("two", "one", "look", "look");
        let (text, boots) = shrunk(&lines.join("\n"), 20);
        assert_eq!(text, "two\none\nlook\n");
        assert!(boots <= 16, "{boots} boots");
        assert_eq!(shrunk(&lines.join("\n"), 2).1, 2);
    }

    #[test]
    fn agreement_is_found_at_once() {
        assert_eq!(shrunk("one\nlook\n", 20).1, 1);
    }
}
