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

/// The search, and what it has found so far.
struct Search<'a> {
    other: &'a Other,
    boots_left: usize,
    best: Scenario,
    /// What the real kernel and the other side say of the best.
    said: (String, String),
}

/// Finds a minimal differing scenario; `None` if the two sides agree on the given one.
/// The answer is the real kernel's transcript and the difference in words.
pub(crate) fn minimise(start: Scenario, other: &Other, boots: usize) -> Result<Option<(String, String)>> {
    let mut search = Search { other, boots_left: boots, best: start.clone(), said: Default::default() };
    if search.try_all(vec![start])?.is_empty() {
        return Ok(None);
    }
    search.cut_tail()?;
    let mut size = search.best.commands().div_ceil(4).max(1);
    loop {
        let before = search.best.commands();
        search.drop_pieces(size)?;
        eprintln!("{} commands, pieces of {size}, {} boots left", search.best.commands(), search.boots_left);
        let shrunk = search.best.commands() < before;
        if search.boots_left == 0 || (size == 1 && !shrunk) {
            break;
        }
        size = if size > 1 { (size / 2).min(search.best.commands().div_ceil(2)).max(1) } else { 1 };
    }
    let found = differences(&search.said.0, &search.said.1);
    Ok(Some((search.said.0, show(&found, 3, 12))))
}

impl Search<'_> {
    /// Runs candidates in one boot; answers which of them still differ and remembers the shortest.
    fn try_all(&mut self, candidates: Vec<Scenario>) -> Result<Vec<usize>> {
        if self.boots_left == 0 || candidates.is_empty() {
            return Ok(Vec::new());
        }
        self.boots_left -= 1;
        let wants = record(&candidates)?;
        let mut differing = Vec::new();
        let mut shortest = self.best.commands();
        for (i, (candidate, want)) in candidates.into_iter().zip(wants).enumerate() {
            let Some(want) = want else { continue };
            let got = self.other.transcript("minimise.txt", &candidate)?;
            if differences(&want, &got).is_empty() {
                continue;
            }
            differing.push(i);
            if candidate.commands() < shortest || self.said.0.is_empty() {
                shortest = candidate.commands();
                self.said = (want, got);
                self.best = candidate;
            }
        }
        Ok(differing)
    }

    /// Ends the scenario at the first difference; what follows is only a consequence of it.
    fn cut_tail(&mut self) -> Result<()> {
        let Some(first) = differences(&self.said.0, &self.said.1).first().map(|d| d.index) else {
            return Err(Failure::work("no difference to cut at"));
        };
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
}
