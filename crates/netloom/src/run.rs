//! `netloom run`: a file of commands on a fresh machine, written as a transcript.

use crate::machine::Machine;
use crate::nic::Nic;
use crate::programs::NOT_UNDERSTOOD;
use crate::source::{Form, Item, Source};
use crate::transcript::Transcript;
use crate::trouble::Trouble;
use std::io::Write;
use std::path::PathBuf;

/// How a file is run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Decides the addresses that nobody chose.
    pub seed: u64,
    /// NICs to put in beside those that the file names.
    pub nics: Vec<Nic>,
    /// Whether the first command that fails ends the run.
    pub fail_fast: bool,
    /// The file's form; none if it is to be seen.
    pub form: Option<Form>,
    /// Where every device's frames are written to.
    pub captures: Option<PathBuf>,
    /// Whether the story of each frame is told.
    pub trace: bool,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The status of the command that ended the run early; 0 if none did.
    pub stopped: i32,
    /// How many lines were not understood.
    pub not_understood: u64,
    /// The first of them.
    pub first_not_understood: u64,
    /// Whether the reader of the transcript has gone.
    pub closed: bool,
}

impl Outcome {
    pub(crate) fn count_not_understood(&mut self, line: u64) {
        if self.not_understood == 0 {
            self.first_not_understood = line;
        }
        self.not_understood += 1;
    }

    /// What to say of lines that were not understood; none if there were none.
    pub fn complaint(&self, file: &str) -> Option<Trouble> {
        let what = match self.not_understood {
            0 => return None,
            1 => "this line was not understood and not run".to_string(),
            n => format!("this line and {} more were not understood and not run", n - 1),
        };
        Some(Trouble::line(file, self.first_not_understood, what))
    }

    /// The exit status that the run gives.
    pub fn status(&self) -> i32 {
        match (self.stopped, self.not_understood) {
            (0, 0) => 0,
            (0, _) => NOT_UNDERSTOOD,
            (stopped, _) => stopped,
        }
    }
}

/// Runs a file on a fresh machine and writes the transcript to `out`. What was run before a trouble is written too.
///
/// # Errors
/// A line that cannot be read, or a NIC that cannot be put in.
pub fn run<W: Write>(source: &mut Source, out: W, options: &RunOptions) -> Result<Outcome, Trouble> {
    let machine = Machine::new(options.seed, Transcript::new(out));
    let mut machine =
        machine.map_err(|e| Trouble::file(source.name(), format!("there is no kernel: {e}")))?;
    machine.watch_frames(options.captures.as_deref(), options.trace)?;
    let mut outcome = Outcome::default();
    let ended = run_lines(source, &mut machine, options, &mut outcome);
    machine.end_monitors();
    let ended = ended.and(machine.end_captures());
    let written = machine.console.finish();
    outcome.closed = written.is_err();
    ended.map(|()| outcome)
}

fn run_lines<W: Write>(
    source: &mut Source,
    machine: &mut Machine<Transcript<W>>,
    options: &RunOptions,
    outcome: &mut Outcome,
) -> Result<(), Trouble> {
    for nic in &options.nics {
        put_in(source, machine, nic)?;
    }
    while !machine.console.is_broken() {
        if source.may_wait() {
            machine.console.flush();
        }
        let (status, line) = match source.read()? {
            None => break,
            Some(Item::Output) => continue,
            Some(Item::Note(line)) => {
                machine.console.note(line);
                continue;
            }
            Some(Item::Nic(nic)) => {
                if !options.nics.iter().any(|given| given.name == nic.name) {
                    put_in(source, machine, &nic)?;
                }
                continue;
            }
            Some(Item::Inject(inject)) => {
                machine.console.note(&inject.line());
                if let Err(errno) = machine.inject(&inject) {
                    let what = format!("the frame cannot be put into {}: {errno}", inject.device);
                    return Err(Trouble::line(source.name(), source.line(), what));
                }
                continue;
            }
            Some(Item::Command(line)) => {
                machine.console.command(line);
                let status = machine.run_line(line);
                (status, source.line())
            }
        };
        let status = status.unwrap_or_else(|what| {
            outcome.count_not_understood(line);
            machine
                .console
                .print(&format!("netloom: {}\n", Trouble::line(source.name(), line, what.to_string())));
            NOT_UNDERSTOOD
        });
        machine.console.end(status);
        if status != 0 && options.fail_fast {
            outcome.stopped = status;
            break;
        }
    }
    Ok(())
}

fn put_in<W: Write>(source: &Source, machine: &mut Machine<Transcript<W>>, nic: &Nic) -> Result<(), Trouble> {
    machine.console.note(&nic.line());
    let refused = |errno| format!("the NIC {} cannot be put in: {errno}", nic.name);
    let line = Some(source.line()).filter(|line| *line > 0);
    match machine.add_nic(nic) {
        Ok(_) => Ok(()),
        Err(errno) => Err(Trouble { file: source.name().into(), line, what: refused(errno) }),
    }
}
