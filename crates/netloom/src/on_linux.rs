//! The same verbs on this machine's Linux: `ip` and `bridge` are ours, every other program is the machine's own.

use crate::linux::LinuxHost;
use crate::nic::Nic;
use crate::programs::{NOT_FOUND, NOT_UNDERSTOOD, not_found, tool};
use crate::run::{Outcome, RunOptions};
use crate::shell::World;
use crate::shell_words::{Line, NotUnderstood, split};
use crate::source::{Item, Source};
use crate::trouble::Trouble;
use iproute::host::{Host, shown};
use rtnl::errno::Errno;
use std::io::{self, Write};

/// The exit status of a program that is there and cannot be run, as bash's.
const NOT_BEGUN: i32 = 126;

/// Linux as a world of lines.
pub struct LinuxShell {
    host: LinuxHost,
}

impl Default for LinuxShell {
    fn default() -> Self {
        LinuxShell { host: LinuxHost::new() }
    }
}

impl World for LinuxShell {
    fn run_line(&mut self, line: &str) -> Result<i32, NotUnderstood> {
        let words = match split(line)? {
            Line::Empty => return Ok(0),
            Line::Command(words) => words,
            Line::Fed { background: false, .. } => {
                let (what, remedy) = ("what a command reads", "on Linux, run it in a shell");
                return Err(NotUnderstood { construct: "<<<".into(), what, remedy });
            }
            Line::Background(_) | Line::Fed { .. } => {
                let (what, remedy) = ("a background command", "on Linux, run it in another terminal");
                return Err(NotUnderstood { construct: "&".into(), what, remedy });
            }
        };
        if let Some(tool) = tool(&words[0]) {
            return Ok(tool(&mut self.host, &words[1..]));
        }
        Ok(self.host.execute(&words).map(shown).unwrap_or_else(|errno| {
            // The system also says EACCES of a name that is nowhere, if it may not look into every folder of PATH.
            if errno == Errno::ENOENT || errno == Errno::EACCES && !edge::system::is_in_path(&words[0]) {
                self.host.err(&not_found(&words));
                return NOT_FOUND;
            }
            self.host.err(&format!("bash: line 1: {}: {errno}\n", words[0]));
            NOT_BEGUN
        }))
    }

    fn host(&mut self) -> &mut dyn Host {
        &mut self.host
    }

    fn about(&self) -> &'static str {
        "This machine's Linux, as it is: changes are real, and most need root."
    }

    fn netns_name(&mut self) -> Option<String> {
        self.host.netns_identify(None).ok()?.into_iter().next()
    }

    fn add_nic(&mut self, _: &Nic) -> Result<(), String> {
        Err("Linux has the NICs that it has".into())
    }

    fn is_closed(&self) -> bool {
        false
    }
}

/// Runs a file on Linux and prints the transcript. The commands write to the program's own streams, so what they
/// print stands as it came.
///
/// # Errors
/// A line that cannot be read.
pub fn run(source: &mut Source, out: &mut impl Write, options: &RunOptions) -> Result<Outcome, Trouble> {
    let mut outcome = Outcome::default();
    if !options.nics.is_empty() {
        return Err(Trouble::file(
            source.name(),
            "--nic is for the embedded kernel; Linux has the NICs that it has",
        ));
    }
    let ended = run_lines(source, out, options, &mut outcome);
    match ended {
        Ok(Err(_)) => outcome.closed = true,
        Ok(Ok(())) => {}
        Err(trouble) => return Err(trouble),
    }
    Ok(outcome)
}

fn run_lines(
    source: &mut Source,
    out: &mut impl Write,
    options: &RunOptions,
    outcome: &mut Outcome,
) -> Result<io::Result<()>, Trouble> {
    let mut shell = LinuxShell::default();
    loop {
        let (line, status) = match source.read()? {
            None => return Ok(Ok(())),
            Some(Item::Output) => continue,
            Some(Item::Nic(nic)) => {
                if let Err(error) = writeln!(out, "{}", nic.line()) {
                    return Ok(Err(error));
                }
                continue;
            }
            Some(Item::Inject(_)) => {
                let what = "frames are put in on the embedded kernel alone";
                return Err(Trouble::line(source.name(), source.line(), what));
            }
            Some(Item::Note(line)) => {
                let printed = if line.is_empty() { Ok(()) } else { writeln!(out, "{line}") };
                if printed.is_err() {
                    return Ok(printed);
                }
                continue;
            }
            Some(Item::Command(line)) => {
                // It comes before what the command prints.
                if let Err(error) = writeln!(out, "# {line}").and_then(|()| out.flush()) {
                    return Ok(Err(error));
                }
                let status = shell.run_line(line);
                (source.line(), status)
            }
        };
        let status = status.unwrap_or_else(|what| {
            outcome.count_not_understood(line);
            shell.host.err(&format!("netloom: {}\n", Trouble::line(source.name(), line, what.to_string())));
            NOT_UNDERSTOOD
        });
        let end = if status == 0 { "\n".to_string() } else { format!("[exit {status}]\n\n") };
        if let Err(error) = out.write_all(end.as_bytes()).and_then(|()| out.flush()) {
            return Ok(Err(error));
        }
        if status != 0 && options.fail_fast {
            outcome.stopped = status;
            return Ok(Ok(()));
        }
    }
}
