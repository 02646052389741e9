//! `nc` as netcat-openbsd 1.219-1 of Debian has it, in virtual time: connections of TCP and datagrams of UDP.
//!
//! What it reads is given with the command (`<<<`, `echo … |`), else nothing. `nc … &` goes on beside later commands, and
//! what it prints stands behind them. One in the foreground goes on as time passes for it and for those; as no time
//! passes that nothing is waited for, one for which nothing moves in [`QUIET`] is told so and ended. **Left out**: Unix
//! sockets, proxies, Telnet, the options of sockets, and `-i`; two cannot listen at one port, though Linux lets `nc`.

mod line;
mod options;
mod services;
mod session;
mod talk;

use crate::console::Console;
use crate::machine::Machine;
use iproute::host::Host;
use kernel::Instant;
use options::Stop;
use session::{Place, Said, Session};

/// How many may run at once.
const SESSIONS: usize = 64;
/// Bytes that wait to be printed at most.
const TEXT_MAX: usize = 1 << 24;
/// Microseconds in which something should move for one in the foreground, if it was not told how long to wait: more
/// than a connection asks for an answer.
const QUIET: u64 = 300_000_000;
/// The exit status of one that cannot go on here.
const REFUSED: i32 = 2;

/// All that run in the background, and what they have still to print.
#[derive(Default)]
pub(crate) struct Running {
    all: Vec<Session>,
    said: Vec<Said>,
    length: usize,
    /// Whether the present command is one for the background.
    starts: bool,
}

impl Running {
    pub(crate) fn is_on(&self) -> bool {
        !self.all.is_empty()
    }

    /// When one of them looks again though nothing comes.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.all.iter().filter_map(Session::due).min().map(Instant)
    }

    fn hear(&mut self, session: &mut Session) {
        for said in session.take_said() {
            let (Said::Out(text) | Said::Err(text)) = &said;
            self.length += text.len();
            if self.length <= TEXT_MAX {
                self.said.push(said);
            }
        }
    }
}

/// Objects of `ip` whose `exec` runs a program.
const EXECUTING: [&str; 2] = ["netns", "vrf"];

/// Whether these words run `nc`, plain or behind what only says where.
pub(crate) fn is_nc(words: &[String]) -> bool {
    match words {
        [first, ..] if first == "nc" => true,
        [ip, object, exec, _, rest @ ..] => {
            let known = ip == "ip" && exec == "exec" && EXECUTING.contains(&object.as_str());
            known && is_nc(rest)
        }
        _ => false,
    }
}

/// Runs `nc` with these arguments.
pub(crate) fn run<C: Console>(machine: &mut Machine<C>, arguments: &[String]) -> i32 {
    let starts = std::mem::take(&mut machine.nc.starts);
    let begun = options::read(arguments).and_then(|options| begin(machine, options));
    match begun {
        Ok(session) if starts => {
            machine.nc.all.push(session);
            machine.go_on_with_nc();
            0
        }
        Ok(session) => in_foreground(machine, session),
        Err(Stop { text, status }) => {
            machine.err(&text);
            status
        }
    }
}

fn begin<C: Console>(machine: &mut Machine<C>, options: options::Options) -> Result<Session, Stop> {
    let place = Place { netns: machine.here(), device: machine.bound_to().unwrap_or(0) };
    let input = machine.input.take().unwrap_or_default().into_bytes();
    let seed = machine.random();
    if machine.nc.all.len() >= SESSIONS {
        return Err(Stop { text: "netloom: nc: too many run already\n".into(), status: REFUSED });
    }
    Session::begin(&mut machine.kernel().0, place, options, input, seed)
}

fn in_foreground<C: Console>(machine: &mut Machine<C>, mut session: Session) -> i32 {
    let mut moved_at = machine.kernel().1.0;
    while !session.is_over() {
        let (mut kernel, now) = machine.kernel();
        let moved = session.step(&mut kernel, now);
        let timers = kernel.next_timeout();
        drop(kernel);
        for said in session.take_said() {
            machine.say(said);
        }
        if machine.go_on_with_nc() || moved {
            moved_at = now.0;
            continue;
        }
        let alone = session.listens() && !machine.nc.is_on() && !machine.is_live();
        let patience = moved_at.saturating_add(QUIET).max(session.due().unwrap_or(0));
        if alone || now.0 >= patience && !machine.is_live() {
            machine.err("netloom: nothing comes for nc here; end the line with ` &` to go on, or say -N or -w SECONDS\n");
            let (mut kernel, now) = machine.kernel();
            session.end(&mut kernel, now);
            return REFUSED;
        }
        let dues = [timers.map(|at| at.0), session.due(), machine.nc.due().map(|at| at.0), Some(patience)];
        let next = dues.into_iter().flatten().min().unwrap_or(patience);
        machine.pass_until_heard(next.max(now.0 + 1) - now.0);
    }
    session.status
}

impl<C: Console> Machine<C> {
    fn say(&mut self, said: Said) {
        match said {
            Said::Out(text) => self.console.out(&text),
            Said::Err(text) => self.console.err(&text),
        }
    }

    fn is_live(&self) -> bool {
        #[cfg(target_os = "linux")]
        return self.live.is_some();
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// Runs a line with `nc` in it in the background; as in a shell, how it ends is of no interest.
    pub(crate) fn nc_in_background(&mut self, words: &[String]) -> i32 {
        self.nc.starts = true;
        self.run_words(words);
        self.nc.starts = false;
        0
    }

    /// Lets those in the background go on as far as they can; says whether anything moved.
    pub(crate) fn go_on_with_nc(&mut self) -> bool {
        if !self.nc.is_on() {
            return false;
        }
        let mut all = std::mem::take(&mut self.nc.all);
        let mut any = false;
        loop {
            let mut moved = false;
            for session in &mut all {
                let (mut kernel, now) = self.kernel();
                moved |= session.step(&mut kernel, now);
                drop(kernel);
                self.nc.hear(session);
            }
            any |= moved;
            if !moved {
                break;
            }
        }
        all.retain(|session| !session.is_over());
        self.nc.all = all;
        any
    }

    /// Prints what those in the background said; to be called behind each command.
    pub(crate) fn tell_nc(&mut self) {
        self.go_on_with_nc();
        self.nc.length = 0;
        for said in std::mem::take(&mut self.nc.said) {
            self.say(said);
        }
    }
}
