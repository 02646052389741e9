//! `oracle ip`: recorded transcripts again on the real kernel, with our `ip` and `bridge` in the place of Debian's.
//!
//! What ours print must equal what the transcript says that Debian's printed. Where it does not, both run once more in
//! one boot, one right behind the other: a recording may depend on what ran before it (identifiers that a kernel hands
//! out once, a NIC that was somewhere else before), and then the two still agree with each other. A command of which
//! ours says that it is not built is no difference; such scenarios are listed with what is missing.
//!
//! The modules of tunnels add a link to every namespace of a boot. What uses a kind of tunnel that is not built is left
//! out, and what uses one that is built has a boot for itself and is compared with its recording only.
//!
//! With `--requests` what is compared is not what both print but what they ask the kernel, attribute by attribute.

use super::compare::{Difference, differences, show};
use super::netloom::Other;
use super::record::{Tools, Wanted, With, record_with};
use super::scenario::{Line, Scenario};
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

/// The kinds whose modules add links everywhere.
const TUNNELS: &[&str] =
    &["gre", "gretap", "erspan", "ip6gre", "ip6gretap", "ip6erspan", "ipip", "sit", "ip6tnl", "vti", "vti6"];
/// Transcripts whose outcome depends on how long a command takes, each with its reason.
const OF_SPEED: &[(&str, &str)] =
    &[("bond-promisc.txt", "it lists links while carriers come, at which Linux looks once a second")];
/// How ours says that something is not there.
const NOT_BUILT: &str = " is not built yet";

impl Plan {
    fn with(&self, wanted: Wanted) -> With<'_> {
        With { netloom: &self.netloom, kernels: self.kernels, wanted }
    }
}

/// Runs the plan; `true` if all are equal.
pub(crate) fn run(plan: &Plan) -> Result<bool> {
    let (racing, all): (Vec<Case>, Vec<Case>) =
        read(&plan.files)?.into_iter().partition(|case| races(case).is_some());
    for case in &racing {
        println!("{}: left out: {}", case.path.display(), races(case).unwrap_or_default());
    }
    let (mut cases, mut alone, mut partly) = (Vec::new(), Vec::new(), Vec::new());
    let other = Other::Program(plan.netloom.clone());
    for case in &all {
        let kinds = tunnels(&case.scenario);
        let missing = kinds.iter().find_map(|kind| match other.has_kind(kind) {
            Ok(true) => None,
            Ok(false) => Some(Ok(format!("type {kind}"))),
            Err(failure) => Some(Err(failure)),
        });
        match missing.transpose()? {
            Some(missing) => partly.push((case, vec![missing])),
            None if kinds.is_empty() => cases.push(case),
            None => alone.push(case),
        }
    }
    let differing = match plan.requests {
        true => requests(&cases, plan)?,
        false => printed(&cases, &alone, &mut partly, plan)?,
    };
    for one in &differing {
        tell(one, plan)?;
    }
    for (case, missing) in &partly {
        println!("{}: needs what is not built: {}", case.path.display(), missing.join(", "));
    }
    let judged = all.len() - partly.len();
    println!("equal {} of {judged}", judged - differing.len());
    Ok(differing.is_empty())
}

fn tell(one: &Differing<'_>, plan: &Plan) -> Result<()> {
    println!("{}: {} commands differ (- Debian's, + ours)", one.case.path.display(), one.found.len());
    print!("{}", show(&one.found, 4, 8));
    keep(plan.keep.as_deref(), one)
}

/// Why the speed of the machine decides what a transcript says, if it does.
fn races(case: &Case) -> Option<&'static str> {
    let name = case.path.file_name()?;
    let known = OF_SPEED.iter().find(|(file, _)| *file == name).map(|(_, reason)| *reason);
    known.or_else(|| has_listener(&case.scenario).then_some("nobody waits until its listeners are ready"))
}

/// Whether netcat listens beside later commands. On the embedded kernel it is ready when the next command runs; on a
/// real one nobody waits for it.
fn has_listener(scenario: &Scenario) -> bool {
    let listens = |command: &str| {
        let words: Vec<&str> = command.split_whitespace().collect();
        words.contains(&"nc") && words.last() == Some(&"&")
    };
    scenario.lines.iter().any(|line| matches!(line, Line::Command(command) if listens(command)))
}

/// The kinds of tunnels that commands name.
fn tunnels(scenario: &Scenario) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    for line in &scenario.lines {
        let Line::Command(command) = line else { continue };
        let words: Vec<&str> = command.split_whitespace().collect();
        let named = words.windows(2).filter(|pair| pair[0] == "type").map(|pair| pair[1]);
        found.extend(named.filter_map(|kind| TUNNELS.iter().find(|tunnel| **tunnel == kind)));
    }
    found
}

/// Compares what ours print with what is recorded, and where that differs with what Debian's print.
fn printed<'c>(
    cases: &[&'c Case],
    tunnels: &[&'c Case],
    partly: &mut Vec<(&'c Case, Vec<String>)>,
    plan: &Plan,
) -> Result<Vec<Differing<'c>>> {
    println!("{} transcripts on the real kernel, with our ip and bridge …", cases.len() + tunnels.len());
    let with = plan.with(Wanted::Printed);
    let jobs: Vec<_> = cases.iter().map(|case| (&case.scenario, Tools::Ours)).collect();
    let answers = record_with(&jobs, &with)?;
    let mut again = Vec::new();
    for (case, ours) in cases.iter().zip(answers) {
        let ours = ours.unwrap_or_default();
        if differences(&case.recorded, &ours).is_empty() {
            continue;
        }
        match not_built(&ours) {
            missing if missing.is_empty() => again.push(*case),
            missing => partly.push((case, missing)),
        }
    }
    let mut differing = confirm(&again, plan, Wanted::Printed)?;
    for case in tunnels {
        let ours = alone(case, Tools::Ours, &with)?;
        let found = differences(&case.recorded, &ours);
        if !found.is_empty() {
            differing.push(Differing { case, debians: case.recorded.clone(), ours, found });
        }
    }
    Ok(differing)
}

/// Compares what Debian's and ours ask the kernel.
fn requests<'c>(cases: &[&'c Case], plan: &Plan) -> Result<Vec<Differing<'c>>> {
    println!("{} transcripts on the real kernel, with Debian's tools and with ours …", cases.len());
    confirm(cases, plan, Wanted::Requests)
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

/// Runs Debian's and ours in one boot and gives those that still differ when each has a boot of its own: what counters
/// of a NIC show, say, goes on from one scenario to the next. A command on which Debian's do not agree with themselves
/// in two such boots is no difference.
fn confirm<'c>(cases: &[&'c Case], plan: &Plan, wanted: Wanted) -> Result<Vec<Differing<'c>>> {
    let mut differing = Vec::new();
    for (case, [debians, ours]) in cases.iter().copied().zip(both(cases, plan, wanted)?) {
        if differences(&debians, &ours).is_empty() {
            if wanted == Wanted::Printed {
                println!("{}: depends on what ran before it; equal in one boot", case.path.display());
            }
            continue;
        }
        let run = |tools| alone(case, tools, &plan.with(wanted));
        let (debians, ours, again) = (run(Tools::Debians)?, run(Tools::Ours)?, run(Tools::Debians)?);
        let unsteady: BTreeSet<_> = differences(&debians, &again).into_iter().map(|at| at.index).collect();
        let mut found = differences(&debians, &ours);
        found.retain(|at| !unsteady.contains(&at.index));
        if found.is_empty() {
            println!(
                "{}: equal in boots of its own, or not the same twice with Debian's",
                case.path.display()
            );
        } else {
            differing.push(Differing { case, debians, ours, found });
        }
    }
    Ok(differing)
}

/// What a transcript gives in a boot of its own.
fn alone(case: &Case, tools: Tools, with: &With<'_>) -> Result<String> {
    Ok(record_with(&[(&case.scenario, tools)], with)?.pop().flatten().unwrap_or_default())
}

/// What Debian's and ours give for each, one right behind the other in one boot.
fn both(cases: &[&Case], plan: &Plan, wanted: Wanted) -> Result<Vec<[String; 2]>> {
    let mut jobs = Vec::with_capacity(2 * cases.len());
    for case in cases {
        jobs.extend([(&case.scenario, Tools::Debians), (&case.scenario, Tools::Ours)]);
    }
    let mut answers = record_with(&jobs, &plan.with(wanted))?.into_iter().map(Option::unwrap_or_default);
    let mut pairs = Vec::with_capacity(cases.len());
    while let (Some(debians), Some(ours)) = (answers.next(), answers.next()) {
        pairs.push([debians, ours]);
    }
    Ok(pairs)
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
    fn tunnels_are_seen_by_their_types() {
        let scenario =
            Scenario::parse("# ip link add a type gre local 10.0.0.1\n\n# ip link add sit type dummy\n");
        assert_eq!(tunnels(&scenario).into_iter().collect::<Vec<_>>(), ["gre"]);
    }

    #[test]
    fn netcat_that_listens_beside_others_is_seen() {
        let listens = |text: &str| has_listener(&Scenario::parse(text));
        assert!(listens("# ip netns exec a nc -l 10.0.0.1 5000 &\n"));
        assert!(!listens("# nc -z 10.0.0.1 5000\n\n# tcpdump -i v0 &\n"));
    }

    #[test]
    fn what_is_not_built_is_named_once() {
        let ours = "# ip macsec show\nnetloom: \"ip macsec\" is not built yet\n[exit 2]\n\n\
                    # ip macsec\nnetloom: \"ip macsec\" is not built yet\n[exit 2]\n";
        assert_eq!(not_built(ours), ["\"ip macsec\""]);
        assert!(not_built("# ip link\n").is_empty());
    }
}
