//! The program's verbs, from arguments to exit status.

use crate::args::{Arguments, Frames, MachineArguments, On, Run, ShellArguments, ToolWords, Verb, Verify};
use crate::console::Terminal;
use crate::difference::LINES_SHOWN;
use crate::exceptions::Exceptions;
use crate::frames::{self, FrameOptions};
use crate::machine::Machine;
use crate::programs::Tool;
use crate::run::{Outcome, RunOptions, run};
use crate::shell;
use crate::source::Source;
use crate::trouble::Trouble;
use crate::verify::{Verdict, files_of, transcripts, verify, verify_all};
use clap::CommandFactory;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The exit status when a file, a line or an argument is no good.
pub const BAD_INPUT: i32 = 2;
/// How much output is gathered before it is written.
const BUFFER: usize = 1 << 16;

/// Does what the arguments say and gives the exit status.
pub fn carry_out(arguments: Arguments) -> i32 {
    if arguments.private {
        if let Err(status) = go_apart(arguments.on) {
            return status;
        }
    }
    match (arguments.verb, arguments.on) {
        (Verb::Run(run), on) => run_files(run, on),
        (Verb::Verify(verify), On::Embedded) => verify_files(&verify),
        (Verb::Verify(_), On::Linux) => {
            complain("verify replays on the embedded kernel only; leave `--on linux` out");
            BAD_INPUT
        }
        (Verb::Frames(frames), On::Embedded) => compare_frames(&frames),
        (Verb::Frames(_), On::Linux) => {
            complain("frames replays on the embedded kernel only; leave `--on linux` out");
            BAD_INPUT
        }
        (Verb::Shell(arguments), on) => run_shell(arguments, on),
        (Verb::Ip(words), on) => {
            #[cfg(target_os = "linux")]
            if on == On::Linux {
                crate::linux::keep_rights_for(&words.words);
            }
            run_tool(iproute::ip, &words, on, arguments.stands_in)
        }
        (Verb::Bridge(words), on) => run_tool(iproute::bridge::bridge, &words, on, arguments.stands_in),
        (Verb::Completions { shell }, _) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "netloom", &mut script);
            // A reader that closed its end has what it wanted.
            let _ = io::stdout().lock().write_all(&script);
            0
        }
    }
}

/// Moves this process into namespaces of its own; gives the exit status if that is not to be had.
fn go_apart(on: On) -> Result<(), i32> {
    if on == On::Embedded {
        return Err(refuse("--private is for `--on linux`; the embedded kernel is private anyway"));
    }
    #[cfg(target_os = "linux")]
    return crate::linux::go_apart().map_err(|why| refuse(&why));
    #[cfg(not(target_os = "linux"))]
    return Err(refuse(NO_LINUX));
}

fn complain(what: impl std::fmt::Display) {
    // There is nowhere to report that this failed.
    let _ = writeln!(io::stderr().lock(), "netloom: {what}");
}

fn run_files(arguments: Run, on: On) -> i32 {
    let watches = arguments.pcap.is_some() || arguments.trace;
    if watches && on == On::Linux {
        return refuse("--pcap and --trace watch the embedded kernel only; leave `--on linux` out");
    }
    if arguments.pcap.is_some() && arguments.files.len() > 1 {
        return refuse("--pcap takes one FILE: each has a machine of its own, and their captures would mix");
    }
    let options = RunOptions {
        seed: arguments.machine.seed,
        nics: arguments.machine.nics,
        fail_fast: arguments.fail_fast,
        form: arguments.form.map(Into::into),
        captures: arguments.pcap,
        trace: arguments.trace,
    };
    let several = arguments.files.len() > 1;
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let mut status = 0;
    for (at, file) in arguments.files.iter().enumerate() {
        if several && head(&mut out, at > 0, file).is_err() {
            break;
        }
        let ran = Source::open(file, options.form)
            .and_then(|mut source| run_on(on, &mut source, &mut out, &options));
        // What is on standard output comes before what is said about it.
        let closed = out.flush().is_err();
        match ran {
            Ok(outcome) => {
                outcome.complaint(file).iter().for_each(complain);
                status = if status == 0 { outcome.status() } else { status };
                if closed || outcome.closed || (outcome.stopped != 0) {
                    break;
                }
            }
            Err(trouble) => {
                complain(trouble);
                status = BAD_INPUT;
                if options.fail_fast {
                    break;
                }
            }
        }
    }
    status
}

/// Names the file that the next transcript is of.
fn head(out: &mut impl Write, blank: bool, file: &str) -> io::Result<()> {
    if blank {
        writeln!(out)?;
    }
    writeln!(out, "// {file}")
}

fn run_on(
    on: On,
    source: &mut Source,
    out: &mut impl Write,
    options: &RunOptions,
) -> Result<Outcome, Trouble> {
    match on {
        On::Embedded => run(source, out, options),
        #[cfg(target_os = "linux")]
        On::Linux => crate::on_linux::run(source, out, options),
        #[cfg(not(target_os = "linux"))]
        On::Linux => Err(Trouble::file(source.name(), NO_LINUX)),
    }
}

#[cfg(not(target_os = "linux"))]
const NO_LINUX: &str = "this machine is not Linux; leave `--on linux` out to use the embedded kernel";

fn verify_files(arguments: &Verify) -> i32 {
    let exceptions = match &arguments.exceptions {
        None => Ok(Exceptions::default()),
        Some(file) => Exceptions::read(file),
    };
    let read = exceptions.and_then(|exceptions| Ok((exceptions, transcripts(&arguments.files)?)));
    let (exceptions, files) = match read {
        Ok(read) => read,
        Err(trouble) => {
            complain(trouble);
            return BAD_INPUT;
        }
    };
    let most = if arguments.full { usize::MAX / 2 } else { LINES_SHOWN };
    tell_verdicts(&files, arguments.quiet, |file| verify(file, &exceptions, arguments.seed, most))
}

fn compare_frames(arguments: &Frames) -> i32 {
    let files = match files_of(&arguments.files, "json") {
        Ok(files) => files,
        Err(trouble) => {
            complain(trouble);
            return BAD_INPUT;
        }
    };
    let Frames { counters, verbose, seed, .. } = *arguments;
    let most = if verbose { usize::MAX } else { LINES_SHOWN };
    let options = FrameOptions { counters, verbose, most, seed };
    tell_verdicts(&files, arguments.quiet, |file| frames::judge(file, options))
}

/// Judges many files, tells the verdict of each and a summary, and gives the exit status.
fn tell_verdicts(files: &[PathBuf], quiet: bool, judge: impl Fn(&Path) -> Verdict + Sync) -> i32 {
    let mut tally = Tally { quiet, ..Tally::default() };
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    verify_all(files, judge, |file, verdict| tally.count(&mut out, file, verdict).is_ok());
    // A reader that closed its end has what it wanted; the status tells the rest.
    let _ = tally.summary(&mut out, files.len());
    tally.status()
}

/// What was verified so far.
#[derive(Default)]
struct Tally {
    quiet: bool,
    equal: usize,
    differ: usize,
    expected: usize,
    stale: usize,
    unreadable: usize,
}

impl Tally {
    fn count(&mut self, out: &mut impl Write, file: &Path, verdict: Verdict) -> io::Result<()> {
        let name = file.display();
        match verdict {
            Verdict::Equal => {
                self.equal += 1;
                if self.quiet { Ok(()) } else { writeln!(out, "{name}: equal") }
            }
            Verdict::Differs(how) => {
                self.differ += 1;
                write!(out, "{name}: differs (- as recorded, + as replayed)\n{how}")
            }
            Verdict::ExpectedToDiffer(reason) => {
                self.expected += 1;
                writeln!(out, "{name}: expected to differ: {reason}")
            }
            Verdict::NoLongerDiffers(reason) => {
                self.equal += 1;
                self.stale += 1;
                writeln!(out, "{name}: no longer differs; take it off the list of exceptions ({reason})")
            }
            Verdict::Unreadable(trouble) => {
                self.unreadable += 1;
                out.flush()?;
                complain(trouble);
                Ok(())
            }
        }
    }

    fn summary(&self, out: &mut impl Write, files: usize) -> io::Result<()> {
        write!(out, "equal {} of {files}", self.equal)?;
        for (count, what) in [
            (self.differ, "differ"),
            (self.expected, "expected to differ"),
            (self.stale, "no longer differ"),
            (self.unreadable, "unreadable"),
        ] {
            if count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        writeln!(out)?;
        out.flush()
    }

    fn status(&self) -> i32 {
        match (self.unreadable, self.differ + self.stale) {
            (0, 0) => 0,
            (0, _) => 1,
            _ => BAD_INPUT,
        }
    }
}

fn run_tool(tool: Tool, arguments: &ToolWords, on: On, stands_in: bool) -> i32 {
    match on {
        On::Embedded => match machine(&MachineArguments { nics: Vec::new(), seed: 0 }) {
            Ok(mut machine) => tool(&mut machine, &arguments.words),
            Err(what) => refuse(&what),
        },
        #[cfg(target_os = "linux")]
        On::Linux => {
            let mut host = crate::linux::LinuxHost::for_command(stands_in);
            tool(&mut host, &arguments.words)
        }
        #[cfg(not(target_os = "linux"))]
        On::Linux => refuse(NO_LINUX),
    }
}

fn run_shell(arguments: ShellArguments, on: On) -> i32 {
    match on {
        On::Embedded => match machine(&arguments.machine) {
            Ok(mut machine) => shell::run(&mut machine, arguments.history),
            Err(what) => refuse(&what),
        },
        #[cfg(target_os = "linux")]
        On::Linux => shell::run(&mut crate::on_linux::LinuxShell::default(), arguments.history),
        #[cfg(not(target_os = "linux"))]
        On::Linux => refuse(NO_LINUX),
    }
}

fn refuse(what: &str) -> i32 {
    complain(what);
    BAD_INPUT
}

/// A machine whose commands print where the program prints.
fn machine(arguments: &MachineArguments) -> Result<Machine<Terminal>, String> {
    let mut machine =
        Machine::new(arguments.seed, Terminal::default()).map_err(|e| format!("no kernel: {e}"))?;
    machine.own_input();
    for nic in &arguments.nics {
        machine.add_nic(nic).map_err(|e| format!("the NIC {} cannot be put in: {e}", nic.name))?;
    }
    Ok(machine)
}
