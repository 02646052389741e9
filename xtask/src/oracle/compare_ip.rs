//! `oracle ip`: recorded transcripts again on the real kernel, with our `ip` and `bridge` in the place of Debian's.
//!
//! What ours print must equal what the transcript says that Debian's printed. Where it does not, both run once more in
//! one boot, one right behind the other: a recording may depend on what ran before it (identifiers that a kernel hands
//! out once, a NIC that was somewhere else before), and then the two still agree with each other. A command of which
//! ours says that it is not built is no difference; such scenarios are listed with what is missing.
//!
//! With `--requests` what is compared is not what both print but what they ask the kernel, attribute by attribute.

use super::compare::{Difference, differences, show};
use super::record::{Tools, Wanted, With, record_with};
use super::scenario::Scenario;
use crate::failure::{Context, Failure, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What `oracle ip` is asked for.
pub(crate) struct Plan {
    /// Transcripts, or folders of them.
    pub(crate) files: Vec<PathBuf>,
    /// The program whose tools are tried.
    pub(crate) netloom: PathBuf,
    /// How many kernels run at a time.
    pub(crate) kernels: usize,
    /// Whether requests are compared.
    pub(crate) requests: bool,
    /// Where both transcripts of what differs are put.
    pub(crate) keep: Option<PathBuf>,
}

/// A transcript that is replayed.
struct Case {
    path: PathBuf,
    recorded: String,
    scenario: Scenario,
}

/// A transcript on which ours differ from Debian's.
struct Differing<'c> {
    case: &'c Case,
    debians: String,
    ours: String,
    found: Vec<Difference>,
}

/// How ours says that something is not there.
const NOT_BUILT: &str = " is not built yet";

impl Plan {
    fn with(&self, wanted: Wanted) -> With<'_> {
        With { netloom: &self.netloom, kernels: self.kernels, wanted }
    }
}

/// Runs the plan; `true` if all are equal.
pub(crate) fn run(plan: &Plan) -> Result<bool> {
    let cases = read(&plan.files)?;
    if plan.requests {
        return requests(&cases, plan);
    }
    println!("{} transcripts on the real kernel, with our ip and bridge …", cases.len());
    let jobs: Vec<_> = cases.iter().map(|case| (&case.scenario, Tools::Ours)).collect();
    let answers = record_with(&jobs, &plan.with(Wanted::Printed))?;
    let (mut again, mut partly, mut broken) = (Vec::new(), Vec::new(), 0);
    for (case, ours) in cases.iter().zip(answers) {
        match ours {
            Some(ours) if differences(&case.recorded, &ours).is_empty() => {}
            Some(ours) if !not_built(&ours).is_empty() => partly.push((case, not_built(&ours))),
            Some(_) => again.push(case),
            None => {
                println!("{}: the run broke off", case.path.display());
                broken += 1;
            }
        }
    }
    let differing = confirm(&again, plan, Wanted::Printed)?;
    for one in &differing {
        println!("{}: {} commands differ (- Debian's, + ours)", one.case.path.display(), one.found.len());
        print!("{}", show(&one.found, 4, 8));
        keep(plan.keep.as_deref(), one)?;
    }
    for (case, missing) in &partly {
        println!("{}: needs what is not built: {}", case.path.display(), missing.join(", "));
    }
    let judged = cases.len() - broken - partly.len();
    println!("equal {} of {judged}, {} need what is not built", judged - differing.len(), partly.len());
    Ok(differing.is_empty() && broken == 0)
}

/// Compares what Debian's and ours ask the kernel; `true` if all is equal.
fn requests(cases: &[Case], plan: &Plan) -> Result<bool> {
    println!("{} transcripts on the real kernel, with Debian's tools and with ours …", cases.len());
    let differing = confirm(&cases.iter().collect::<Vec<_>>(), plan, Wanted::Requests)?;
    for one in &differing {
        println!(
            "{}: {} commands ask differently (- Debian's, + ours)",
            one.case.path.display(),
            one.found.len()
        );
        print!("{}", show(&one.found, 4, 8));
        keep(plan.keep.as_deref(), one)?;
    }
    println!("equal {} of {}", cases.len() - differing.len(), cases.len());
    Ok(differing.is_empty())
}

/// The transcripts that the files and folders hold, in the order of their names.
fn read(places: &[PathBuf]) -> Result<Vec<Case>> {
    let all = [PathBuf::from("tests/transcripts")];
    let mut files = Vec::new();
    for place in if places.is_empty() { &all } else { places } {
        if !place.is_dir() {
            files.push(place.clone());
            continue;
        }
        let mut names: Vec<PathBuf> =
            fs::read_dir(place).at("read", place)?.flatten().map(|entry| entry.path()).collect();
        names.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
        names.sort();
        files.append(&mut names);
    }
    let case = |path: PathBuf| {
        let recorded =
            fs::read_to_string(&path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
        Ok(Case { scenario: Scenario::parse(&recorded), recorded, path })
    };
    files.into_iter().map(case).collect()
}

/// What a transcript of ours says is not built.
fn not_built(ours: &str) -> Vec<String> {
    let line = |line: &str| Some(line.strip_prefix("netloom: ")?.strip_suffix(NOT_BUILT)?.to_string());
    ours.lines().filter_map(line).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Runs Debian's and ours in one boot and gives those that still differ.
fn confirm<'c>(cases: &[&'c Case], plan: &Plan, wanted: Wanted) -> Result<Vec<Differing<'c>>> {
    let both = |case: &&'c Case| [(&case.scenario, Tools::Debians), (&case.scenario, Tools::Ours)];
    let jobs: Vec<_> = cases.iter().flat_map(both).collect();
    let answers = record_with(&jobs, &plan.with(wanted))?;
    let mut differing = Vec::new();
    for (case, pair) in cases.iter().zip(answers.chunks(2)) {
        let [debians, ours] = [0, 1].map(|side| pair.get(side).cloned().flatten().unwrap_or_default());
        let found = differences(&debians, &ours);
        if found.is_empty() && wanted == Wanted::Printed {
            println!("{}: depends on what ran before it; equal in one boot", case.path.display());
        } else if !found.is_empty() {
            differing.push(Differing { case, debians, ours, found });
        }
    }
    Ok(differing)
}

/// Saves both transcripts.
fn keep(folder: Option<&Path>, one: &Differing<'_>) -> Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    fs::create_dir_all(folder).at("create", folder)?;
    let name = one.case.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for (side, text) in [("debians", &one.debians), ("ours", &one.ours)] {
        let path = folder.join(format!("{name}.{side}"));
        fs::write(&path, text).at("write", &path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_is_named_once() {
        let ours = "# ip macsec show\nnetloom: \"ip macsec\" is not built yet\n[exit 2]\n\n\
                    # ip macsec\nnetloom: \"ip macsec\" is not built yet\n[exit 2]\n";
        assert_eq!(not_built(ours), ["\"ip macsec\""]);
        assert!(not_built("# ip link\n").is_empty());
    }
}
