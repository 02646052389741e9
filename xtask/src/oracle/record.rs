//! Records scenarios and frame cases on the real kernel: as many boots as that takes.

use super::boot::{End, boot, said};
use super::frame_case::FrameCase;
use super::scenario::Scenario;
use super::work::WorkDir;
use crate::failure::{Context, Failure, Result};
use std::fs;
use std::time::Duration;

/// More in one boot would make one failure cost too much.
const PER_BOOT: usize = 100;

/// The transcript of each scenario, in order; `None` where a scenario's process died in there.
pub(crate) fn record(scenarios: &[Scenario]) -> Result<Vec<Option<String>>> {
    let texts: Vec<String> = scenarios.iter().map(Scenario::to_text).collect();
    record_all(&texts, "")
}

/// Each frame case with its answer, in order; `None` where a case's process died in there.
pub(crate) fn record_frames(cases: &[FrameCase]) -> Result<Vec<Option<FrameCase>>> {
    let texts: Vec<String> = cases.iter().map(FrameCase::to_text).collect::<Result<_>>()?;
    let answers = record_all(&texts, ".json")?;
    answers.into_iter().map(|text| text.map(|text| FrameCase::parse(&text)).transpose()).collect()
}

/// The answer to each text; they lie in files whose names end so.
fn record_all(texts: &[String], ending: &str) -> Result<Vec<Option<String>>> {
    let mut answers = Vec::with_capacity(texts.len());
    for batch in texts.chunks(PER_BOOT) {
        answers.extend(record_batch(batch, ending)?);
    }
    Ok(answers)
}

/// Boots until each of the batch has an answer.
fn record_batch(batch: &[String], ending: &str) -> Result<Vec<Option<String>>> {
    let work = WorkDir::new()?;
    let (source, target) = (work.path().join("in"), work.path().join("out"));
    fs::create_dir(&source).at("create", &source)?;
    fs::create_dir(&target).at("create", &target)?;
    for (i, text) in batch.iter().enumerate() {
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
    let read = |i| {
        let path = target.join(format!("{i:05}{ending}"));
        fs::read_to_string(path).ok().filter(|text| !text.is_empty())
    };
    let answers: Vec<Option<String>> = (0..batch.len()).map(read).collect();
    if answers.iter().any(Option::is_none) {
        eprintln!("the real kernel's runs that broke off said: {}", said(work.path(), "said"));
    }
    Ok(answers)
}
