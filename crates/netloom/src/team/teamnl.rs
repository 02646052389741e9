//! `teamnl [ -p PORT ] [ -a PLACE ] TEAM COMMAND …`: the options and ports of a team (libteam 1.31).
//!
//! It keeps what the kernel tells with the newest in front, so that its lists run backwards. **Left out**: `monitor`.

use super::wire::{Setting, Team, number};
use crate::console::Console;
use crate::machine::Machine;
use rtnl::errno::Errno;

const HELP: &str = "teamnl [options] teamdevname command [command args]\n\
    \t-h --help                Show this help\n\
    \t-p --port_name           team slave port name\n\
    \t-a --array_index         team option array index\n\
    Commands:\n\tports\n\toptions\n\tgetoption OPT_NAME\n\tsetoption OPT_NAME OPT_VALUE\n\tmonitor OPT_STYLE\n";

/// The commands; the first that begins with what was typed is meant.
const COMMANDS: &[&str] = &["ports", "options", "getoption", "setoption", "monitor"];
/// Characters of a line of a list at most.
const LINE: usize = 119;

/// What was asked for beside the command.
#[derive(Default)]
struct Asked {
    port: Option<String>,
    index: Option<String>,
}

/// Why it ended: what it says on standard error, whether help follows, and the status.
struct End {
    complaint: String,
    help: bool,
    status: i32,
}

fn usage(complaint: &str) -> End {
    End { complaint: format!("{complaint}\n"), help: true, status: 1 }
}

impl From<Errno> for End {
    fn from(errno: Errno) -> End {
        End { complaint: format!("Command failed: {errno}\n"), help: false, status: 1 }
    }
}

/// The same, with something said before.
fn failed(said: &str, errno: Errno) -> End {
    let end = End::from(errno);
    End { complaint: format!("{said}\n{}", end.complaint), ..end }
}

/// Runs it.
pub(crate) fn run<C: Console>(machine: &mut Machine<C>, words: &[String]) -> i32 {
    let Err(end) = obey(machine, words) else { return 0 };
    machine.console.err(&end.complaint);
    if end.help {
        machine.console.out(HELP);
    }
    end.status
}

/// A word with its long option as a letter.
fn shorten(word: &str) -> Result<String, End> {
    let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) else { return Ok(word.into()) };
    let (name, value) = long.split_once('=').map_or((long, ""), |(name, value)| (name, value));
    let known = [("help", "-h"), ("port_name", "-p"), ("array_index", "-a")];
    let found = known.iter().find(|(known, _)| known.starts_with(name));
    let unknown = || usage(&format!("teamnl: unrecognized option '{word}'\nunknown option."));
    found.map(|(_, letter)| format!("{letter}{value}")).ok_or_else(unknown)
}

/// Reads the words: options, which stand where they like, and operands.
fn read(words: &[String]) -> Result<(Asked, Vec<String>), End> {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let mut short = words[..end].iter().map(|word| shorten(word)).collect::<Result<Vec<_>, _>>()?;
    short.extend_from_slice(&words[end..]);
    let mut asked = Asked::default();
    let missing =
        |letter| usage(&format!("teamnl: option requires an argument -- '{letter}'\nunknown option."));
    let set = |letter, value: &str| {
        match letter {
            'h' => return Err(End { complaint: String::new(), help: true, status: 0 }),
            'p' => asked.port = Some(value.into()),
            'a' => asked.index = Some(value.into()),
            other => return Err(usage(&format!("teamnl: invalid option -- '{other}'\nunknown option."))),
        }
        Ok(())
    };
    let operands = crate::letters::read(&short, "pa", missing, set)?;
    let operands = operands.into_iter().map(String::from).collect();
    Ok((asked, operands))
}

fn obey<C: Console>(machine: &mut Machine<C>, words: &[String]) -> Result<(), End> {
    let (asked, operands) = read(words)?;
    let mut operands = operands.iter().map(String::as_str);
    let device = operands.next().ok_or_else(|| usage("No team device specified.\n"))?;
    let typed = operands.next().ok_or_else(|| usage("No command specified.\n"))?;
    let command = COMMANDS.iter().copied().find(|command| command.starts_with(typed));
    let command = command.ok_or_else(|| usage(&format!("Unknown command \"{typed}\".\n")))?;
    let netns = machine.here();
    let not_found = |device: &str| failed(&format!("Netdevice \"{device}\" not found."), Errno::ENODEV);
    let ifindex = machine.kernel().0.ifindex(netns, device).ok_or_else(|| not_found(device))?;
    let team = Team::open(machine, netns, ifindex)?;
    let refused = |errno| {
        let said = "libteam: port_list_init: Failed to get port list.\n\
                    libteam: team_init: Failed to init port list.\nTeam init failed.";
        failed(said, errno)
    };
    let ports = team.ports(machine).map_err(refused)?;
    let port = match &asked.port {
        None => None,
        Some(name) => {
            let index = machine.kernel().0.ifindex(netns, name).ok_or_else(|| not_found(name))?;
            let foreign = || {
                let said = format!("Netdevice \"{name}\" is not port of this team.");
                failed(&said, Errno::ENODEV)
            };
            ports.iter().find(|port| port.ifindex == index).ok_or_else(foreign)?;
            Some(index)
        }
    };
    let index = asked.index.as_deref().map(place).transpose()?;
    let operands: Vec<&str> = operands.collect();
    let find = |machine: &mut Machine<C>, name: &str| -> Result<Setting, End> {
        Ok(team.option(machine, name, port, index)?)
    };
    let expected = |what: &str| {
        failed(&format!("{typed}: Option {what} as a command line parameter expected."), Errno::EINVAL)
    };
    match (command, operands.as_slice()) {
        ("ports", _) => {
            let lines = ports.iter().rev().map(|port| line(&port.to_string()));
            machine.console.out(&lines.collect::<String>());
        }
        ("options", _) => {
            let all = team.options(machine)?;
            let lines = all.iter().rev().map(|option| line(&option.to_string()));
            machine.console.out(&lines.collect::<String>());
        }
        ("monitor", _) => {
            let said = "netloom: teamnl: nothing can happen while monitor waits";
            return Err(failed(said, Errno::EOPNOTSUPP));
        }
        (_, []) => return Err(expected("name")),
        ("getoption", [name, ..]) => {
            let found = find(machine, name)?;
            machine.console.out(&(found.value_text() + "\n"));
        }
        (_, [_]) => return Err(expected("value")),
        (_, [name, value, ..]) => {
            let found = find(machine, name)?;
            team.change(machine, found, value)?;
        }
    }
    Ok(())
}

/// A place in an array.
fn place(text: &str) -> Result<u32, End> {
    number(text).map_err(|errno| match errno {
        Errno::ERANGE => failed("Array index too big.", errno),
        _ => failed("Failed to parse array index.", errno),
    })
}

/// A line of a list, cut where its buffer ends.
fn line(text: &str) -> String {
    match text.char_indices().nth(LINE) {
        Some((end, _)) => format!("{} <trunc>\n", &text[..end]),
        None => format!("{text} \n"),
    }
}
