//! `netloom shell`: lines typed, pasted or piped in, each run at once.
//!
//! Notes can be pasted as they are: a line behind `# ` is run, and the lines behind it are what it once printed and
//! are passed over, up to a line that begins with a command. On a terminal there are line editing, history and
//! completion; without one the lines are read as they come.

use crate::complete::candidates;
use crate::nic::Nic;
use crate::programs::{NOT_UNDERSTOOD, is_known};
use crate::shell_words::{Line, NotUnderstood, split};
use crate::source::{Form, Item, Source};
use iproute::host::{Entered, Host};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::PathBuf;

/// The commands of the shell itself.
pub const OWN_COMMANDS: &[&str] = &["help", "exit", "quit", "nic"];
/// How many lines the history keeps.
const HISTORY_MAX: usize = 10_000;

const HELP: &str = "\
Type `ip` as you know it:

  ip link add d0 type dummy             make a link
  ip link set d0 up                     set it up
  ip -d link show d0                    see all of it (-j: as JSON, -br: briefly)
  ip link add link d0 name d0.5 type vlan id 5
  ip netns add net1                     make a namespace
  ip link set d0.5 netns net1           move a link there
  ip -n net1 link                       look in from outside
  ip netns exec net1 bash               go in; `exit` comes back
  ip link help, ip link help vlan       what can be said of links, of a type

And beside it:

  sleep 1.5                             let virtual time pass (it costs none of yours)
  ip monitor link &                     print behind each command what it changed
  tcpdump -i d0.5 &                     print behind each command the link's frames
  nic ens3 52:54:00:12:34:56            put a physical NIC in
  help                                  this
  exit, ctrl-d                          leave

Tab completes. Notes can be pasted: lines behind `# ` are run, the rest is passed over.
";

/// A world that lines can be run in.
pub trait World {
    /// Runs a line and gives the exit status.
    ///
    /// # Errors
    /// What in the line is not understood.
    fn run_line(&mut self, line: &str) -> Result<i32, NotUnderstood>;
    /// The host behind it.
    fn host(&mut self) -> &mut dyn Host;
    /// What it is, in one sentence.
    fn about(&self) -> &'static str;
    /// The name of the current namespace.
    fn netns_name(&mut self) -> Option<String>;
    /// Puts a NIC in.
    ///
    /// # Errors
    /// Why not.
    fn add_nic(&mut self, nic: &Nic) -> Result<(), String>;
    /// Whether the reader of the output has gone.
    fn is_closed(&self) -> bool;
}

/// What came of a line.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    End,
}

/// What the shell knows from one line to the next.
#[derive(Default)]
struct Shell {
    /// Whether the lines are those of pasted notes.
    in_notes: bool,
    /// Whether someone looks at what is said.
    interactive: bool,
    /// Whether to say that a line was passed over: it may have been typed.
    remarks: bool,
    status: i32,
    entered: Vec<Entered>,
}

/// Runs lines from standard input until it ends, and gives the status of the last command.
pub fn run(world: &mut dyn World, history: Option<PathBuf>) -> i32 {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return run_terminal(world, history);
    }
    let mut shell = Shell::default();
    let ended = Source::open("-", Some(Form::Commands)).and_then(|mut source| {
        while !world.is_closed() {
            let next = match source.read()? {
                None => break,
                Some(Item::Command(line)) => shell.line(world, line),
                Some(Item::Nic(nic)) => shell.nic(world, &nic),
                Some(Item::Inject(_)) => {
                    world.host().err("netloom: frames are put in by files of commands alone\n");
                    Next::GoOn
                }
                Some(Item::Note(_) | Item::Output) => Next::GoOn,
            };
            if next == Next::End {
                break;
            }
        }
        Ok(())
    });
    if let Err(trouble) = ended {
        world.host().err(&format!("netloom: {trouble}\n"));
        return NOT_UNDERSTOOD;
    }
    shell.status
}

fn run_terminal(world: &mut dyn World, history: Option<PathBuf>) -> i32 {
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true);
    let config = config.max_history_size(HISTORY_MAX).map(|config| config.build()).unwrap_or_default();
    let world = RefCell::new(world);
    let mut editor: Editor<Completion<'_, '_>, FileHistory> = match Editor::with_config(config) {
        Ok(editor) => editor,
        Err(error) => {
            world.borrow_mut().host().err(&format!("netloom: this terminal cannot be used: {error}\n"));
            return NOT_UNDERSTOOD;
        }
    };
    editor.set_helper(Some(Completion { world: &world }));
    let history = history.or_else(state_file);
    if let Some(file) = &history {
        // There is none at the first time.
        let _ = editor.load_history(file);
    }
    let about = world.borrow().about();
    world.borrow_mut().host().out(&format!("netloom: {about} `help` teaches, ctrl-d ends.\n"));
    let mut shell = Shell { interactive: true, ..Shell::default() };
    loop {
        let prompt = prompt(world.borrow_mut().netns_name());
        let text = match editor.readline(&prompt) {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(_) => break,
        };
        let mut world = world.borrow_mut();
        // A paste comes as one text of many lines; on a terminal that does not tell pastes it may come line by line.
        shell.remarks = !text.contains('\n');
        if text.lines().any(|line| shell.line(*world, line.trim_end()) == Next::End) || world.is_closed() {
            break;
        }
    }
    if let Some(file) = &history {
        save_history(&mut editor, file, *world.borrow_mut());
    }
    shell.status
}

fn save_history(editor: &mut Editor<Completion<'_, '_>, FileHistory>, file: &PathBuf, world: &mut dyn World) {
    if let Some(directory) = file.parent() {
        // If it cannot be made, saving says so.
        let _ = std::fs::create_dir_all(directory);
    }
    if let Err(error) = editor.save_history(file) {
        world.host().err(&format!("netloom: {}: the history cannot be kept: {error}\n", file.display()));
    }
}

fn prompt(netns: Option<String>) -> String {
    netns.map_or_else(|| "netloom> ".into(), |name| format!("netloom {name}> "))
}

/// Where the history is kept if no file is named.
fn state_file() -> Option<PathBuf> {
    let directory = match std::env::var_os("XDG_STATE_HOME").map(PathBuf::from) {
        Some(directory) if directory.is_absolute() => directory,
        _ => PathBuf::from(std::env::var_os("HOME").filter(|home| !home.is_empty())?).join(".local/state"),
    };
    Some(directory.join("netloom").join("history"))
}

impl Shell {
    fn line(&mut self, world: &mut dyn World, line: &str) -> Next {
        if line.trim_start().starts_with("//") || line.trim().is_empty() {
            return Next::GoOn;
        }
        let first = |line: &str| line.split_whitespace().next().unwrap_or("").to_string();
        let known = |word: &str| is_known(word) || OWN_COMMANDS.contains(&word);
        if let Some(command) = line.strip_prefix("# ") {
            // A remark also begins with `# `.
            if !is_known(&first(command)) {
                return Next::GoOn;
            }
            self.in_notes = true;
            return self.command(world, command);
        }
        if self.in_notes && (line.starts_with(' ') || !known(&first(line))) {
            if self.remarks {
                world.host().err("(passed over, as what pasted notes once printed)\n");
            }
            return Next::GoOn;
        }
        self.in_notes = false;
        self.command(world, line)
    }

    fn command(&mut self, world: &mut dyn World, line: &str) -> Next {
        let words = match split(line) {
            Ok(Line::Command(words)) => words,
            Ok(_) | Err(_) => Vec::new(),
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["help"] => {
                let about = world.about();
                world.host().out(&format!("{about} {HELP}"));
            }
            ["exit" | "quit"] => return self.exit(world),
            ["exit" | "quit", status] => {
                self.status = status.parse().unwrap_or(NOT_UNDERSTOOD);
                return Next::End;
            }
            ["nic", ref nic @ ..] => return self.nic_words(world, &nic.join(" ")),
            ["ip", netns, exec, name, "bash" | "sh"]
                if "netns".starts_with(netns) && "exec".starts_with(exec) =>
            {
                self.enter(world, name);
            }
            _ => {
                self.status = world.run_line(line).unwrap_or_else(|what| {
                    world.host().err(&format!("netloom: {what}\n"));
                    NOT_UNDERSTOOD
                });
            }
        }
        Next::GoOn
    }

    fn nic_words(&mut self, world: &mut dyn World, words: &str) -> Next {
        match Nic::from_line(words).ok_or(()).or_else(|()| words.parse::<Nic>()) {
            Ok(nic) => self.nic(world, &nic),
            Err(what) => {
                world.host().err(&format!("netloom: nic NAME MAC: {what}\n"));
                self.status = NOT_UNDERSTOOD;
                Next::GoOn
            }
        }
    }

    fn nic(&mut self, world: &mut dyn World, nic: &Nic) -> Next {
        self.status = 0;
        if let Err(what) = world.add_nic(nic) {
            world.host().err(&format!("netloom: the NIC {} cannot be put in: {what}\n", nic.name));
            self.status = 1;
        }
        Next::GoOn
    }

    fn enter(&mut self, world: &mut dyn World, name: &str) {
        match world.host().netns_enter(name) {
            Ok(entered) => {
                self.entered.push(entered);
                self.status = 0;
                if self.interactive {
                    world.host().out(&format!("in {name}; `exit` comes back\n"));
                }
            }
            Err(errno) => {
                world.host().err(&format!("Cannot open network namespace \"{name}\": {errno}\n"));
                self.status = 255;
            }
        }
    }

    /// Leaves the namespace that was entered last, or the shell.
    fn exit(&mut self, world: &mut dyn World) -> Next {
        let Some(entered) = self.entered.pop() else { return Next::End };
        world.host().netns_leave(entered);
        Next::GoOn
    }
}

/// Completion that asks the world which names there are.
struct Completion<'r, 'w> {
    world: &'r RefCell<&'w mut dyn World>,
}

impl Completer for Completion<'_, '_> {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let line = &line[..at];
        let line = line.strip_prefix("# ").unwrap_or(line);
        let start = line.rfind([' ', '\t']).map_or(0, |blank| blank + 1);
        let words: Vec<&str> = line[..start].split_whitespace().collect();
        let mut world = self.world.borrow_mut();
        let mut found = candidates(&words, &line[start..], world.host());
        if let [only] = &mut found[..] {
            only.push(' ');
        }
        Ok((at - (line.len() - start), found))
    }
}

impl Hinter for Completion<'_, '_> {
    type Hint = String;
}

impl Highlighter for Completion<'_, '_> {}
impl Validator for Completion<'_, '_> {}
impl Helper for Completion<'_, '_> {}
