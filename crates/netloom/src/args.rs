//! The program's own arguments. The words of `ip` and `bridge` are not among them: those go there as they stand.
//!
//! Called by the name of one of the two, through a link of that name, the program is that tool on this machine's Linux.

use crate::nic::Nic;
use crate::source::Form;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (equal to iproute2 6.1.0 on Linux 6.1, for what is built so far)");

const EXAMPLES: &str = "\
Examples:
  netloom run examples/notes.txt         run notes; print what they print now
  netloom run --nic ens3 my-commands.sh  the same with a physical NIC named ens3
  printf 'ip link add d0 type dummy\\nip -br link\\n' | netloom run -
  netloom verify examples/notes.txt      does it still print what the notes say?
  netloom shell                          try things; `help` in there teaches
  netloom ip link help vlan              one command, on a machine of its own
  netloom --on linux ip -br link         the same `ip`, on this machine's Linux
  netloom --on linux --private shell     Linux again, in a namespace of its own

Nothing here needs root or touches this machine, unless you say `--on linux`.
`netloom help VERB` tells more of one verb, its exit statuses included.";

const RUN_HELP: &str = "\
FILE has one command a line, split into words as a shell does (quotes,
backslashes, comments; no pipes, variables or lists), or it is notes: then the
lines behind `# ` are the commands, and all other text is what they once
printed. Each FILE runs on a machine of its own, from nothing. What is printed
is a transcript: `# ` and the command, what it printed, `[exit N]` if it failed,
a blank line.

  // a note           is kept
  nic NAME MAC        puts a physical NIC in (in notes: `// nic NAME MAC`)
  sleep 1.5           lets virtual time pass; it costs none of yours
  ip monitor link &   prints behind each later command what it changed
  tcpdump -i DEV &    prints behind each later command the link's frames

Commands are ip, bridge, ping, sysctl, sleep, tcpdump, echo, true and false.

Exit status:
  0    the files were run (also if commands in them failed, as in a shell)
  N    with --fail-fast: the status of the command that failed
  2    a file could not be read, a line was not understood, or the arguments
       are wrong";

const VERIFY_HELP: &str = "\
Each transcript is replayed on a machine of its own, and what is printed is
compared with what it says. Not compared are only the kernel's timers, ping's
times, random bytes and the order of neighbour lists. Of a directory, every
*.txt in it is taken.

Exit status:
  0    all are equal, or differ and are listed in --exceptions
  1    at least one differs, or is listed and no longer differs
  2    a file could not be read, or the arguments are wrong";

const FRAMES_HELP: &str = "\
Each frame case is replayed on a machine of its own: its commands are run, its
frames are put in one by one, and what comes out of its ports is compared with
what is recorded in it, frame by frame, byte by byte. Not compared are the order
within one injected frame and, of IPv4, the identification and the header
checksum. Of a directory, every *.json in it is taken.

Exit status:
  0    all are equal
  1    at least one differs
  2    a file could not be read or is no frame case, or the arguments are wrong";

const SHELL_HELP: &str = "\
Lines are commands, as for `netloom run`. Notes can be pasted: lines behind `# `
are run, the rest is passed over. Tab completes commands, words, link types,
names of links and of namespaces. `help` in there tells more; ctrl-d ends. The
exit status is that of the last command.";

/// Linux's virtual networking in Rust: an embedded kernel, and the `ip` command on it.
#[derive(Debug, Parser)]
#[command(name = "netloom", version = VERSION, about, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    /// The kernel that answers
    #[arg(long, value_enum, default_value_t = On::Embedded, global = true, value_name = "KERNEL")]
    pub on: On,
    /// With `--on linux`: in namespaces of its own, which need no root
    #[arg(long, global = true)]
    pub private: bool,
    /// Whether the program was called by a tool's name, in whose place it stands
    #[arg(skip)]
    pub stands_in: bool,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// Which kernel answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum On {
    /// The kernel in this program, fresh every time
    Embedded,
    /// This machine's Linux, as it is: changes are real and most need root
    Linux,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run files of commands or notes and print the transcript
    #[command(after_help = RUN_HELP)]
    Run(Run),
    /// Replay transcripts and compare
    #[command(after_help = VERIFY_HELP)]
    Verify(Verify),
    /// Replay frame cases and compare
    #[command(after_help = FRAMES_HELP)]
    Frames(Frames),
    /// Type commands
    #[command(after_help = SHELL_HELP)]
    Shell(ShellArguments),
    /// Run one `ip` command
    #[command(disable_help_flag = true)]
    Ip(ToolWords),
    /// Run one `bridge` command
    #[command(disable_help_flag = true)]
    Bridge(ToolWords),
    /// Print the completions for a shell
    Completions {
        /// The shell: bash, zsh, fish …
        shell: Shell,
    },
}

/// What a machine begins with.
#[derive(Debug, Args)]
pub struct MachineArguments {
    /// Put a physical NIC in [its address, if none is given: 52:54:00:12:34:56]
    #[arg(long = "nic", value_name = "NAME[=MAC]")]
    pub nics: Vec<Nic>,
    /// Decide the random addresses of links that are given none
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

/// `netloom run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Files of commands or notes; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// What the machine begins with
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Stop at the first command that fails
    #[arg(long, conflicts_with = "keep_going")]
    pub fail_fast: bool,
    /// Go on after a command that fails (this is the default)
    #[arg(short, long)]
    pub keep_going: bool,
    /// Write each device's frames to a pcapng file in this directory
    #[arg(long, value_name = "DIR")]
    pub pcap: Option<PathBuf>,
    /// Tell behind each command what became of every frame that it caused
    #[arg(long)]
    pub trace: bool,
    /// The files' form, if it is not to be seen from them
    #[arg(long, value_enum, value_name = "FORM")]
    pub form: Option<FormArgument>,
}

/// The form of a file, as an argument.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormArgument {
    /// Every line is a command
    Commands,
    /// Only lines behind `# ` are commands
    Notes,
}

impl From<FormArgument> for Form {
    fn from(form: FormArgument) -> Form {
        match form {
            FormArgument::Commands => Form::Commands,
            FormArgument::Notes => Form::Notes,
        }
    }
}

/// `netloom verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Transcripts, or directories of them; `-` is standard input
    #[arg(required = true, value_name = "FILE|DIR")]
    pub files: Vec<PathBuf>,
    /// A list of those that may differ: a file name and the reason, one a line
    #[arg(long, value_name = "FILE")]
    pub exceptions: Option<PathBuf>,
    /// Show all that differs, not only the first lines of it
    #[arg(long)]
    pub full: bool,
    /// Say nothing of the files that are equal
    #[arg(short, long)]
    pub quiet: bool,
    /// Decide the random addresses of links that are given none
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

/// `netloom frames`.
#[derive(Debug, Args)]
pub struct Frames {
    /// Frame cases, or directories of them; `-` is standard input
    #[arg(required = true, value_name = "FILE|DIR")]
    pub files: Vec<PathBuf>,
    /// Compare the counters of all links too
    #[arg(long)]
    pub counters: bool,
    /// Show all that differs, and whole frames
    #[arg(short, long)]
    pub verbose: bool,
    /// Say nothing of the files that are equal
    #[arg(short, long)]
    pub quiet: bool,
    /// Decide the random addresses of links that are given none
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

/// `netloom shell`.
#[derive(Debug, Args)]
pub struct ShellArguments {
    /// What the machine begins with
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Keep the history of lines in this file [otherwise: netloom/history in the XDG state directory]
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
}

/// `netloom ip` and `netloom bridge`.
#[derive(Debug, Args)]
pub struct ToolWords {
    /// The words behind the tool's name, as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORDS")]
    pub words: Vec<String>,
}

impl Arguments {
    /// The arguments of this process. A complaint about them, or the help, ends it.
    pub fn of_process() -> Arguments {
        let words: Vec<OsString> = std::env::args_os().collect();
        Arguments::of_tool(words.iter().cloned())
            .unwrap_or_else(|| Arguments::parse_from(with_words_apart(words)))
    }

    /// What a call by a tool's name means; none if the name is another.
    fn of_tool(mut words: impl Iterator<Item = OsString>) -> Option<Arguments> {
        let name = words.next()?;
        let verb = match Path::new(&name).file_name()?.to_str()? {
            "ip" => Verb::Ip,
            "bridge" => Verb::Bridge,
            _ => return None,
        };
        let words = words.map(|word| word.to_string_lossy().into_owned()).collect();
        Some(Arguments { on: On::Linux, private: false, stands_in: true, verb: verb(ToolWords { words }) })
    }
}

/// Parts the words of a tool from our own by a `--`, so that those that stand there already are the tool's.
fn with_words_apart(mut words: Vec<OsString>) -> Vec<OsString> {
    let mut at = 1;
    while let Some(word) = words.get(at).and_then(|word| word.to_str()) {
        match word {
            "ip" | "bridge" => {
                words.insert(at + 1, "--".into());
                return words;
            }
            "--on" => at += 2,
            option if option.starts_with('-') && option != "--" => at += 1,
            _ => return words,
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_words_of_ip_are_its_own() {
        let arguments =
            Arguments::try_parse_from(["netloom", "ip", "-d", "--help", "-V", "--on", "x"]).unwrap();
        let Verb::Ip(ip) = arguments.verb else { panic!() };
        assert_eq!(ip.words, ["-d", "--help", "-V", "--on", "x"]);
    }

    #[test]
    fn two_hyphens_are_a_word_of_ip() {
        for (line, want) in [
            ("netloom ip -- -d", vec!["--", "-d"]),
            ("netloom ip link show --", vec!["link", "show", "--"]),
            ("netloom --on linux --private bridge --help", vec!["--help"]),
            ("netloom --on=linux ip --", vec!["--"]),
            ("netloom ip", vec![]),
        ] {
            let words = with_words_apart(line.split(' ').map(OsString::from).collect());
            let arguments = Arguments::try_parse_from(words).unwrap();
            let (Verb::Ip(got) | Verb::Bridge(got)) = arguments.verb else { panic!("{line}") };
            assert_eq!(got.words, want, "{line}");
        }
        for line in ["netloom run ip", "netloom", "netloom --on", "netloom -- ip x"] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(with_words_apart(words.clone()), words);
        }
    }

    #[test]
    fn help_fits_a_terminal() {
        for text in [EXAMPLES, RUN_HELP, VERIFY_HELP, FRAMES_HELP, SHELL_HELP] {
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn a_link_may_have_the_name_of_a_tool() {
        let of_tool = |words: [&str; 2]| Arguments::of_tool(words.into_iter().map(OsString::from));
        let arguments = of_tool(["/tmp/bridge", "--help"]).unwrap();
        assert_eq!(arguments.on, On::Linux);
        let Verb::Bridge(bridge) = arguments.verb else { panic!() };
        assert_eq!(bridge.words, ["--help"]);
        assert!(matches!(of_tool(["ip", "link"]).map(|a| a.verb), Some(Verb::Ip(_))));
        assert!(of_tool(["/usr/bin/netloom", "ip"]).is_none());
    }
}
