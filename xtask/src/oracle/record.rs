//! Records scenarios and frame cases on the real kernel: as many boots as that takes.

use super::boot::{End, boot, said};
use super::frame_case::FrameCase;
use super::inside::{OUR_TOOLS, OURS, REQUESTS};
use super::scenario::Scenario;
use super::work::WorkDir;
use crate::failure::{Context, Failure, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

/// More in one boot would make one failure cost too much.
const PER_BOOT: usize = 100;
/// Fewer where several kernels run beside one another, so that all have work to the end.
const PER_BOOT_BESIDE: usize = 30;

/// The transcript of each scenario, in order; `None` where a scenario's process died in there. So many kernels run
/// beside one another.
pub(crate) fn record(scenarios: &[Scenario], kernels: usize) -> Result<Vec<Option<String>>> {
    let texts: Vec<String> = scenarios.iter().map(Scenario::to_text).collect();
    record_all(&texts, "", kernels)
}

/// Each frame case with its answer, in order; `None` where a case's process died in there.
pub(crate) fn record_frames(cases: &[FrameCase], kernels: usize) -> Result<Vec<Option<FrameCase>>> {
    let texts: Vec<String> = cases.iter().map(FrameCase::to_text).collect::<Result<_>>()?;
    let answers = record_all(&texts, ".json", kernels)?;
    answers.into_iter().map(|text| text.map(|text| FrameCase::parse(&text)).transpose()).collect()
}

/// The answer to each text; they lie in files whose names end so.
fn record_all(texts: &[String], ending: &str, kernels: usize) -> Result<Vec<Option<String>>> {
    let most = if kernels > 1 { PER_BOOT_BESIDE } else { PER_BOOT };
    let batches: Vec<_> = texts.chunks(texts.len().div_ceil(kernels.max(1)).clamp(1, most)).collect();
    beside(&batches, kernels, |batch| record_batch(batch, &vec![ending; batch.len()], None))
}

/// The answers to all batches, in order, so many of them at a time.
fn beside<T: Sync>(
    batches: &[&[T]],
    kernels: usize,
    record: impl Fn(&[T]) -> Result<Vec<Option<String>>> + Sync,
) -> Result<Vec<Option<String>>> {
    let total: usize = batches.iter().map(|batch| batch.len()).sum();
    let record = &record;
    let mut answers = Vec::with_capacity(total);
    for some in batches.chunks(kernels.max(1)) {
        let answered = std::thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|batch| scope.spawn(|| record(batch))).collect();
            let died = |_| Err(Failure::work("a thread that waits for a kernel died"));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(died)).collect::<Vec<_>>()
        });
        for batch in answered {
            answers.extend(batch?);
        }
        if batches.len() > kernels {
            println!("  {} of {total} have run", answers.len());
        }
    }
    Ok(answers)
}

/// Whose `ip` and `bridge` run in there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tools {
    Debians,
    Ours,
}

/// What is written down of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What the commands print.
    Printed,
    /// The requests that they send.
    Requests,
}

/// How scenarios are run with tools of a choice.
pub(crate) struct With<'p> {
    /// The program that our tools are links to.
    pub(crate) netloom: &'p Path,
    /// How many kernels run beside one another.
    pub(crate) kernels: usize,
    /// What is written down.
    pub(crate) wanted: Wanted,
}

/// The transcript of each scenario with its tools, in order. The two of a pair run in one boot, one behind the other.
pub(crate) fn record_with(scenarios: &[(&Scenario, Tools)], with: &With<'_>) -> Result<Vec<Option<String>>> {
    let record = |batch: &[(&Scenario, Tools)]| {
        let texts: Vec<String> = batch.iter().map(|(scenario, _)| scenario.to_text()).collect();
        let wanted = if with.wanted == Wanted::Requests { REQUESTS } else { "" };
        let ending = |tools| format!("{wanted}{}", if tools == Tools::Ours { OURS } else { "" });
        let endings: Vec<String> = batch.iter().map(|(_, tools)| ending(*tools)).collect();
        let endings: Vec<&str> = endings.iter().map(String::as_str).collect();
        record_batch(&texts, &endings, Some(with.netloom))
    };
    let batches: Vec<_> = scenarios.chunks(PER_BOOT_BESIDE).collect();
    beside(&batches, with.kernels, record)
}

/// Boots until each of the batch has an answer. `netloom` is the program that ours are links to, if it is needed.
fn record_batch(batch: &[String], endings: &[&str], netloom: Option<&Path>) -> Result<Vec<Option<String>>> {
    let work = WorkDir::new()?;
    let (source, target) = (work.path().join("in"), work.path().join("out"));
    fs::create_dir(&source).at("create", &source)?;
    fs::create_dir(&target).at("create", &target)?;
    if let Some(netloom) = netloom {
        let tools = work.path().join(OUR_TOOLS);
        fs::create_dir(&tools).at("create", &tools)?;
        for name in ["ip", "bridge"] {
            symlink(netloom, tools.join(name)).at("link", netloom)?;
        }
    }
    for (i, (text, ending)) in batch.iter().zip(endings).enumerate() {
        let path = source.join(format!("{i:05}{ending}"));
        fs::write(&path, text).at("write", &path)?;
    }
    let limit = Duration::from_secs(120 + 40 * batch.len() as u64);
    let mut answered = 0;
    loop {
        let ended = boot(&work, limit);
        if matches!(ended, Ok(End::Done)) {
            break;
        }
        // What was answered stays; only a boot that answers nothing more is a reason to give up.
        let now = fs::read_dir(&target).at("read", &target)?.count();
        match ended {
            Err(failure) if now == answered => return Err(failure),
            Ok(_) if now == answered => return Err(Failure::work("the NIC is not as new even after a boot")),
            Err(failure) => eprintln!("booting again: {}", failure.message),
            Ok(_) => {}
        }
        answered = now;
    }
    let read = |(i, ending): (usize, &&str)| {
        let path = target.join(format!("{i:05}{ending}"));
        fs::read_to_string(path).ok().filter(|text| !text.is_empty())
    };
    let answers: Vec<Option<String>> = endings.iter().enumerate().map(read).collect();
    if answers.iter().any(Option::is_none) {
        eprintln!("the real kernel's runs that broke off said: {}", said(work.path(), "said"));
    }
    Ok(answers)
}
