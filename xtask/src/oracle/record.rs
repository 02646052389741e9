//! Records scenarios on the real kernel: as many boots as that takes.

use super::boot::{End, boot};
use super::scenario::Scenario;
use super::work::WorkDir;
use crate::failure::{Context, Failure, Result};
use std::fs;
use std::time::Duration;

/// More scenarios in one boot would make one failure cost too much.
const PER_BOOT: usize = 100;

/// The transcript of each scenario, in order; `None` where a scenario's process died in there.
pub(crate) fn record(scenarios: &[Scenario]) -> Result<Vec<Option<String>>> {
    let mut transcripts = Vec::with_capacity(scenarios.len());
    for batch in scenarios.chunks(PER_BOOT) {
        transcripts.extend(record_batch(batch)?);
    }
    Ok(transcripts)
}

/// Boots until each scenario of the batch has an answer.
fn record_batch(batch: &[Scenario]) -> Result<Vec<Option<String>>> {
    let work = WorkDir::new()?;
    let (source, target) = (work.path().join("in"), work.path().join("out"));
    fs::create_dir(&source).at("create", &source)?;
    fs::create_dir(&target).at("create", &target)?;
    for (i, scenario) in batch.iter().enumerate() {
        let path = source.join(format!("{i:05}"));
        fs::write(&path, scenario.to_text()).at("write", &path)?;
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
    let read = |i| fs::read_to_string(target.join(format!("{i:05}"))).ok().filter(|text| !text.is_empty());
    Ok((0..batch.len()).map(read).collect())
}
