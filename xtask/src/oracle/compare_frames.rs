//! `oracle frames`: random frame cases on both kernels, and where they differ.

use super::frame_case::{Answer, FrameCase};
use super::netloom::Other;
use super::record::record_frames;
use crate::failure::{Context, Result};
use crate::generate::frames::{OPTIONAL, frame_case};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What `oracle frames` is asked for.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) cases: u64,
    pub(crate) other: Other,
    /// How many real kernels run beside one another.
    pub(crate) kernels: usize,
    /// Where the real kernel's answers to differing cases are put.
    pub(crate) keep: Option<PathBuf>,
}

/// A case with its name and what the real kernel did; nothing if its run broke off.
struct Case {
    name: String,
    asked: FrameCase,
    want: Option<FrameCase>,
}

/// Runs the plan; `true` if all are equal.
pub(crate) fn run(plan: &Plan) -> Result<bool> {
    let kinds = built(&plan.other)?;
    let cases = generate(plan, &kinds);
    println!("seed {}, {} frame cases on the real kernel …", plan.seed, plan.cases);
    let (names, asked): (Vec<String>, Vec<FrameCase>) = cases.into_iter().unzip();
    let wants = record_frames(&asked, plan.kernels)?;
    let cases = names.into_iter().zip(asked).zip(wants);
    let cases: Vec<Case> = cases.map(|((name, asked), want)| Case { name, asked, want }).collect();

    let mut differing = Vec::new();
    for case in &cases {
        match &case.want {
            None => println!("{}: the real kernel's run broke off", case.name),
            Some(want) => {
                if let Some(how) = plan.other.frames(&case.name, want)? {
                    differing.push((case, how));
                }
            }
        }
    }
    let broken = cases.iter().filter(|case| case.want.is_none()).count();
    let volatile = confirm(&mut differing, plan.kernels)?;
    for (case, how) in &differing {
        print!("{how}");
        keep(plan.keep.as_deref(), case)?;
    }
    if volatile > 0 {
        println!("{volatile} cases left out: the real kernel itself does not do the same twice");
    }
    let judged = cases.len() - volatile - broken;
    let frames: usize =
        cases.iter().filter_map(|case| case.want.as_ref()).map(|want| want.inject.len()).sum();
    println!("equal {} of {judged}, {frames} frames (seed {})", judged - differing.len(), plan.seed);
    Ok(differing.is_empty() && broken == 0)
}

/// The kinds that cases may be made of, and that netloom has.
fn built(other: &Other) -> Result<BTreeSet<String>> {
    let mut kinds = BTreeSet::new();
    for kind in OPTIONAL {
        if other.has_kind(kind)? {
            kinds.insert(kind.to_string());
        }
    }
    Ok(kinds)
}

/// The cases by name, none of a kind that is not built; says how many were made anew for that.
fn generate(plan: &Plan, kinds: &BTreeSet<String>) -> Vec<(String, FrameCase)> {
    let all: BTreeSet<String> = OPTIONAL.iter().map(ToString::to_string).collect();
    let mut lacking: BTreeMap<String, usize> = BTreeMap::new();
    let mut anew = 0;
    let mut cases = Vec::new();
    for seed in (0..plan.cases).map(|i| plan.seed.wrapping_add(i)) {
        let mut case = frame_case(seed, &all);
        let missing: BTreeSet<String> = case
            .kinds()
            .filter(|kind| all.contains(*kind) && !kinds.contains(*kind))
            .map(str::to_string)
            .collect();
        if !missing.is_empty() {
            anew += 1;
            missing.into_iter().for_each(|kind| *lacking.entry(kind).or_default() += 1);
            case = frame_case(seed, kinds);
        }
        cases.push((file_name(seed), case));
    }
    if anew > 0 {
        let list: Vec<String> = lacking.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        println!("{anew} cases made anew without kinds that netloom has not built: {}", list.join(", "));
    }
    cases
}

fn file_name(seed: u64) -> String {
    format!("r{seed:05}.json")
}

/// Runs what differs a second time on the real kernel, in reverse order. Where it does not agree with itself the case
/// proves nothing. Answers how many those were.
fn confirm(differing: &mut Vec<(&Case, String)>, kernels: usize) -> Result<usize> {
    let again: Vec<FrameCase> = differing.iter().rev().map(|(case, _)| case.asked.clone()).collect();
    let mut second = record_frames(&again, kernels)?;
    let before = differing.len();
    differing.retain(|(case, _)| {
        let stable = match (&case.want, second.pop()) {
            (Some(first), Some(Some(second))) => {
                let masked = |case: &FrameCase| case.answer.as_ref().map(Answer::masked);
                masked(first) == masked(&second)
            }
            _ => true,
        };
        if !stable {
            println!("{}: volatile on the real kernel", case.name);
        }
        stable
    });
    Ok(before - differing.len())
}

/// Saves the real kernel's answer so that it can become a test.
fn keep(folder: Option<&Path>, case: &Case) -> Result<()> {
    if let (Some(folder), Some(want)) = (folder, &case.want) {
        fs::create_dir_all(folder).at("create", folder)?;
        let path = folder.join(&case.name);
        fs::write(&path, want.to_text()?).at("write", &path)?;
        println!("  kept: {}", path.display());
    }
    Ok(())
}

/// Writes the cases that seeds give, without asking any kernel.
pub(crate) fn write(out: &Path, first: u64, last: u64) -> Result<()> {
    let all: BTreeSet<String> = OPTIONAL.iter().map(ToString::to_string).collect();
    fs::create_dir_all(out).at("create", out)?;
    for seed in first..=last {
        let path = out.join(file_name(seed));
        fs::write(&path, frame_case(seed, &all).to_text()?).at("write", &path)?;
    }
    Ok(())
}
