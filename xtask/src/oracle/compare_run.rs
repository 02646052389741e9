//! `oracle run`: random scenarios on both kernels, and where they differ.

use super::compare::{Difference, differences, show};
use super::netloom::Other;
use super::record::record;
use super::scenario::Scenario;
use crate::failure::{Context, Result};
use crate::generate::{Mix, scenario};
use std::fs;
use std::path::{Path, PathBuf};

/// What `oracle run` is asked for.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) scenarios: u64,
    pub(crate) mix: Mix,
    pub(crate) other: Other,
    /// How many real kernels run beside one another.
    pub(crate) kernels: usize,
    /// Where the real transcripts of differing scenarios are put.
    pub(crate) keep: Option<PathBuf>,
}

/// A scenario with its name and what the real kernel said.
struct Case {
    name: String,
    scenario: Scenario,
    want: Option<String>,
}

/// Runs the plan; `true` if all are equal.
pub(crate) fn run(plan: &Plan) -> Result<bool> {
    println!("seed {}, {} scenarios on the real kernel …", plan.seed, plan.scenarios);
    let seeds = (0..plan.scenarios).map(|i| plan.seed.wrapping_add(i));
    let (names, scenarios): (Vec<String>, Vec<Scenario>) =
        seeds.map(|seed| (file_name(seed), Scenario::parse(&scenario(seed, &plan.mix)))).unzip();
    let wants = record(&scenarios, plan.kernels)?;
    let cases = names.into_iter().zip(scenarios).zip(wants);
    let cases: Vec<Case> = cases.map(|((name, scenario), want)| Case { name, scenario, want }).collect();

    let mut differing = Vec::new();
    for case in &cases {
        let Some(want) = &case.want else {
            println!("{}: the real kernel's run broke off", case.name);
            continue;
        };
        let found = differences(want, &plan.other.transcript(&case.name, &case.scenario)?);
        if !found.is_empty() {
            differing.push((case, found));
        }
    }
    let broken = cases.iter().filter(|c| c.want.is_none()).count();
    let volatile = confirm(&mut differing, plan.kernels)?;
    for (case, found) in &differing {
        println!("{}: {} of {} commands differ", case.name, found.len(), case.scenario.commands());
        print!("{}", show(found, 3, 6));
        keep(plan.keep.as_deref(), case)?;
    }
    if volatile > 0 {
        println!("{volatile} scenarios left out: the real kernel itself does not give the same twice");
    }
    let judged = cases.len() - volatile - broken;
    println!("equal {} of {judged} (seed {})", judged - differing.len(), plan.seed);
    Ok(differing.is_empty() && broken == 0)
}

/// The file name of the scenario that a seed gives.
pub(crate) fn file_name(seed: u64) -> String {
    format!("r{seed:05}.txt")
}

/// Runs what differs a second time on the real kernel, in reverse order. Where it does not agree with
/// itself the scenario shows something volatile and proves nothing. Answers how many those were.
fn confirm(differing: &mut Vec<(&Case, Vec<Difference>)>, kernels: usize) -> Result<usize> {
    let again: Vec<Scenario> = differing.iter().rev().map(|(case, _)| case.scenario.clone()).collect();
    let mut second = record(&again, kernels)?;
    let before = differing.len();
    differing.retain(|(case, _)| {
        let (Some(first), Some(Some(second))) = (&case.want, second.pop()) else {
            return true;
        };
        let unstable = differences(first, &second);
        if !unstable.is_empty() {
            println!("{}: volatile on the real kernel:", case.name);
            print!("{}", show(&unstable, 3, 6));
        }
        unstable.is_empty()
    });
    Ok(before - differing.len())
}

/// Saves the real transcript so that it can become a test.
fn keep(folder: Option<&Path>, case: &Case) -> Result<()> {
    if let (Some(folder), Some(want)) = (folder, &case.want) {
        fs::create_dir_all(folder).at("create", folder)?;
        let path = folder.join(&case.name);
        fs::write(&path, want).at("write", &path)?;
        println!("  kept: {}", path.display());
    }
    Ok(())
}
