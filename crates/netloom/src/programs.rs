//! The programs of the embedded machine: `ip` and `bridge`, and what scenarios use beside them.
//!
//! Each prints what the program of that name prints on Debian 12 (bash 5.2, coreutils 9.1, procps 4.0.2). What is not
//! here but belongs to the field says that it is not built yet; every other name is a command that is not found.

use crate::console::{Console, Terminal};
use crate::machine::Machine;
use crate::nic::Nic;
use crate::shell::World;
use crate::shell_words::{Input, Line, NotUnderstood, split};
use crate::sysctl;
use iproute::host::Host;
use rtnl::errno::Errno;

/// The exit status of a line that was not understood, as bash's for a syntax error.
pub const NOT_UNDERSTOOD: i32 = 2;
/// The exit status of a program that is not built yet.
const NOT_BUILT: i32 = 2;
/// The exit status of a command that is not found.
pub(crate) const NOT_FOUND: i32 = 127;
/// The longest sleep: a year. Timers run all the while, and there is a day on which a script should end.
const SLEEP_MAX: f64 = 366.0 * 24.0 * 3600.0;

/// The programs that are here, by name, for completion and to tell commands from other text.
pub const PROGRAMS: &[&str] = &[
    "ip", "bridge", "ping", "ping6", "arping", "cansend", "cangen", "candump", "teamd", "teamdctl", "teamnl",
    "sysctl", "sleep", "tcpdump", "nc", "echo", "true", "false",
];

/// Programs of the field that are not here yet.
const LATER: &[&str] = &[
    "arp",
    "bash",
    "brctl",
    "curl",
    "dhclient",
    "ethtool",
    "ifconfig",
    "ifdown",
    "ifup",
    "iperf",
    "iperf3",
    "iptables",
    "ip6tables",
    "modprobe",
    "nft",
    "nmap",
    "nsenter",
    "ovs-vsctl",
    "route",
    "sh",
    "socat",
    "ss",
    "sudo",
    "tc",
    "traceroute",
    "tracepath",
    "unshare",
    "vconfig",
];

/// A program of iproute2: runs the words behind its name and gives its exit status.
pub(crate) type Tool = fn(&mut dyn Host, &[String]) -> i32;

/// The program of iproute2 that has this name.
pub(crate) fn tool(name: &str) -> Option<Tool> {
    match name {
        "ip" => Some(iproute::ip),
        "bridge" => Some(iproute::bridge::bridge),
        _ => None,
    }
}

/// Whether a line of a file of commands may begin with this word, so that it is no prose.
pub fn begins_commands(word: &str) -> bool {
    matches!(word, "ip" | "sysctl" | "sleep" | "bridge" | "ping" | "arping")
}

/// Whether the word is the name of a program that is known, here or not yet here.
pub fn is_known(word: &str) -> bool {
    PROGRAMS.contains(&word) || LATER.contains(&word)
}

/// What bash says of a program that is not there.
pub(crate) fn not_found(words: &[String]) -> String {
    let name = words.first().map_or("", String::as_str);
    let what = if name.contains('/') { "No such file or directory" } else { "command not found" };
    format!("bash: line 1: {name}: {what}\n")
}

impl<C: Console> Machine<C> {
    /// Runs a line as a shell would and gives the exit status. Monitors in the background print behind it.
    ///
    /// # Errors
    /// What in the line is not understood; then nothing was run.
    pub fn run_line(&mut self, line: &str) -> Result<i32, NotUnderstood> {
        let status = match split(line)? {
            Line::Empty => return Ok(0),
            Line::Command(words) => self.run_words(&words),
            Line::Background(words) => self.run_background(words)?,
            Line::Fed { words, input, background } => {
                self.input = Some(text_of(input));
                let status = if background { self.run_background(words) } else { Ok(self.run_words(&words)) };
                self.input = None;
                status?
            }
        };
        self.run_teams();
        self.pass(self.pace);
        self.run_teams();
        self.tell_frames();
        self.tell_can();
        self.tell_nc();
        self.call_monitors();
        Ok(status)
    }

    /// Runs a command and gives its exit status.
    pub fn run_words(&mut self, words: &[String]) -> i32 {
        self.pass(0);
        match self.run_program(words) {
            Some(status) => status,
            None => {
                self.err(&not_found(words));
                NOT_FOUND
            }
        }
    }

    fn run_background(&mut self, words: Vec<String>) -> Result<i32, NotUnderstood> {
        if let Some(status) = self.run_dump(&words).or_else(|| self.run_candump(&words)) {
            return Ok(status);
        }
        if crate::nc::is_nc(&words) {
            return Ok(self.nc_in_background(&words));
        }
        let monitors = words.iter().any(|word| word.len() > 2 && "monitor".starts_with(word));
        let tool = tool(&words[0]).filter(|_| monitors);
        let refuse = |remedy| NotUnderstood { construct: "&".into(), what: "a background command", remedy };
        let Some(tool) = tool else {
            return Err(refuse(
                "only `ip … monitor … &`, `tcpdump … &`, `candump … &` and `nc … &` run in the background; leave the `&` out",
            ));
        };
        if !self.start_monitor(tool, words[1..].to_vec()) {
            return Err(refuse("too many monitors run already"));
        }
        Ok(0)
    }

    /// Runs the program that the first word names; none if there is no such program.
    pub(crate) fn run_program(&mut self, words: &[String]) -> Option<i32> {
        let (name, words) = words.split_first()?;
        let base = name.strip_prefix("/usr").unwrap_or(name);
        let base = base.strip_prefix("/sbin/").or_else(|| base.strip_prefix("/bin/")).unwrap_or(name);
        if let Some(tool) = tool(base) {
            return Some(tool(self, words));
        }
        Some(match base {
            "sysctl" => sysctl::run(self, words),
            "ping" => crate::ping::run(self, words, false),
            "ping6" => crate::ping::run(self, words, true),
            "arping" => crate::arping::run(self, words),
            "cansend" => crate::can::cansend(self, words),
            "cangen" => crate::can::cangen(self, words),
            "candump" => self.candump(words),
            "teamd" => crate::team::teamd(self, words),
            "teamdctl" => crate::team::teamdctl(self, words),
            "teamnl" => crate::team::teamnl(self, words),
            "nc" => crate::nc::run(self, words),
            "sleep" => self.sleep(words),
            "echo" => {
                self.out(&echo(words));
                0
            }
            "tcpdump" => {
                self.err("netloom: nothing can happen while tcpdump waits; end the line with ` &` to watch later commands\n");
                NOT_BUILT
            }
            "true" | ":" => 0,
            "false" => 1,
            "bash" | "sh" if words.len() > 1 && words[0] == "-c" => self.shell_line(base, &words[1]),
            later if LATER.contains(&later) => {
                self.err(&format!("netloom: {later} is not built yet on the embedded kernel\n"));
                NOT_BUILT
            }
            _ => return None,
        })
    }

    /// `bash -c LINE`, of one command.
    fn shell_line(&mut self, shell: &str, line: &str) -> i32 {
        let complaint = match split(line) {
            Ok(Line::Empty) => return 0,
            Ok(Line::Command(words)) => self.shell_command(&words, None),
            Ok(Line::Fed { words, input, background: false }) => {
                self.shell_command(&words, Some(text_of(input)))
            }
            Ok(Line::Background(_) | Line::Fed { .. }) => {
                Err("`&` is not understood here: leave it out".into())
            }
            Err(what) => Err(what.to_string()),
        };
        let complaint = match complaint {
            Ok(status) => return status,
            Err(complaint) => complaint,
        };
        self.err(&format!("netloom: {shell}: {complaint}\n"));
        NOT_UNDERSTOOD
    }

    /// Runs a command of a shell inside, with what it reads if something else than the shell itself.
    fn shell_command(&mut self, words: &[String], input: Option<String>) -> Result<i32, String> {
        if input.is_some() {
            self.input = input;
        }
        match self.execute(words) {
            Ok(status) => Ok(status),
            Err(Errno::ENOENT) => {
                self.err(&not_found(words));
                Ok(NOT_FOUND)
            }
            Err(errno) => Err(errno.to_string()),
        }
    }

    fn sleep(&mut self, words: &[String]) -> i32 {
        const TRY: &str = "Try 'sleep --help' for more information.\n";
        if words.is_empty() {
            self.err(&format!("sleep: missing operand\n{TRY}"));
            return 1;
        }
        let mut seconds = 0.0;
        let mut invalid = false;
        for word in words {
            match interval(word) {
                Some(more) => seconds += more,
                None => {
                    self.err(&format!("sleep: invalid time interval ‘{word}’\n"));
                    invalid = true;
                }
            }
        }
        if invalid {
            self.err(TRY);
            return 1;
        }
        if seconds > SLEEP_MAX {
            self.err("netloom: sleep: more than a year of virtual time is refused\n");
            return 1;
        }
        self.pass((seconds * 1e6).ceil() as u64);
        0
    }
}

/// For the shell, which prints where the program prints.
impl World for Machine<Terminal> {
    fn run_line(&mut self, line: &str) -> Result<i32, NotUnderstood> {
        Machine::run_line(self, line)
    }

    fn host(&mut self) -> &mut dyn Host {
        self
    }

    fn about(&self) -> &'static str {
        "A machine of your own, with nothing on it but `lo`."
    }

    fn netns_name(&mut self) -> Option<String> {
        Machine::netns_name(self).map(String::from)
    }

    fn add_nic(&mut self, nic: &Nic) -> Result<(), String> {
        Machine::add_nic(self, nic).map(|_| ()).map_err(|errno| errno.to_string())
    }

    fn is_closed(&self) -> bool {
        self.console.is_closed()
    }
}

/// What a command reads.
fn text_of(input: Input) -> String {
    match input {
        Input::Line(text) => text + "\n",
        Input::Echo(words) => echo(&words),
    }
}

/// What bash's `echo` prints, with `-n`, `-e` and `-E` in front.
fn echo(words: &[String]) -> String {
    let is_option =
        |w: &&String| w.len() > 1 && w.starts_with('-') && w[1..].bytes().all(|b| b"neE".contains(&b));
    let options: String = words.iter().take_while(is_option).flat_map(|word| word[1..].chars()).collect();
    let words = &words[words.iter().take_while(is_option).count()..];
    let escapes = options.chars().rev().find(|c| *c != 'n') == Some('e');
    let mut text = words.join(" ");
    let mut line_end = !options.contains('n');
    if escapes {
        let (plain, cut) = unescape(&text);
        text = plain;
        line_end &= !cut;
    }
    if line_end {
        text.push('\n');
    }
    text
}

/// Seconds from `1.5`, `2m`, `1e-3`; infinity is a number here, and too many of them.
fn interval(word: &str) -> Option<f64> {
    let (number, unit) = match word.as_bytes().last()? {
        b's' => (&word[..word.len() - 1], 1.0),
        b'm' => (&word[..word.len() - 1], 60.0),
        b'h' => (&word[..word.len() - 1], 3600.0),
        b'd' => (&word[..word.len() - 1], 86400.0),
        _ => (word, 1.0),
    };
    let seconds = number.parse::<f64>().ok()? * unit;
    (seconds >= 0.0).then_some(seconds)
}

/// Puts in the characters that backslashes stand for; says whether `\c` cut the text off.
fn unescape(text: &str) -> (String, bool) {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some('a') => plain.push('\x07'),
            Some('b') => plain.push('\x08'),
            Some('f') => plain.push('\x0c'),
            Some('v') => plain.push('\x0b'),
            Some('e' | 'E') => plain.push('\x1b'),
            Some('\\') => plain.push('\\'),
            Some('c') => return (plain, true),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    (plain, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        assert_eq!(interval("1.5"), Some(1.5));
        assert_eq!(interval(".1s"), Some(0.1));
        assert_eq!(interval("2m"), Some(120.0));
        assert_eq!(interval("1e-3"), Some(0.001));
        for word in ["", "x", "1x", "s", "nan", "-1"] {
            assert_eq!(interval(word), None, "{word}");
        }
        assert!(interval("infinity").is_some_and(|seconds| seconds > SLEEP_MAX));
    }
}
