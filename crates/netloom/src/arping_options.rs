//! The options of `arping` (iputils 20221126).

use crate::numbers::number_within;

const USAGE: &str = "
Usage:
  arping [options] <destination>

Options:
  -f            quit on first reply
  -q            be quiet
  -b            keep on broadcasting, do not unicast
  -D            duplicate address detection mode
  -U            unsolicited ARP mode, update your neighbours
  -A            ARP answer mode, update your neighbours
  -V            print version and exit
  -c <count>    how many packets to send
  -w <timeout>  how long to wait for a reply
  -i <interval> set interval between packets (default: 1 second)
  -I <device>   which ethernet device to use
  -s <source>   source ip address
  <destination> dns name or ip address

For more details see arping(8).
";

const VERSION: &str = "\
arping from iputils 20221126
libcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes
";

/// What is asked for.
#[derive(Default)]
pub(crate) struct Options {
    pub target: String,
    pub count: Option<u64>,
    /// Seconds; 0: none.
    pub timeout: u64,
    /// Seconds.
    pub interval: u64,
    pub device: Option<String>,
    pub source: Option<String>,
    pub quiet: bool,
    pub only_broadcasts: bool,
    pub ends_at_answer: bool,
    /// `-D`: looks whether an address is somebody else's.
    pub duplicates: bool,
    /// `-U`: tells rather than asks.
    pub unsolicited: bool,
    /// `-A`: the same with answers.
    pub answers: bool,
}

/// Why it does not run.
pub(crate) struct Stop {
    pub text: String,
    pub error: bool,
    pub status: i32,
}

fn usage(complaint: &str) -> Stop {
    Stop { text: format!("{complaint}{USAGE}"), error: true, status: 2 }
}

/// Reads the arguments.
pub(crate) fn read_options(arguments: &[String]) -> Result<Options, Stop> {
    let mut options = Options { interval: 1, ..Options::default() };
    let missing = |letter| usage(&format!("arping: option requires an argument -- '{letter}'\n"));
    let set = |letter, value: &str| set(&mut options, letter, value);
    let operands = crate::letters::read(arguments, "cwisI", missing, set)?;
    match operands[..] {
        [target] => options.target = target.into(),
        _ => return Err(usage("")),
    }
    Ok(options)
}

fn set(options: &mut Options, letter: char, value: &str) -> Result<(), Stop> {
    let number = |least| {
        let wrong = |what| Stop { text: format!("arping: {what}\n"), error: true, status: 1 };
        number_within(value, least, i64::from(i32::MAX)).map(|number| number as u64).map_err(wrong)
    };
    match letter {
        'b' => options.only_broadcasts = true,
        'D' => (options.duplicates, options.ends_at_answer) = (true, true),
        'U' => options.unsolicited = true,
        'A' => (options.answers, options.unsolicited) = (true, true),
        'q' => options.quiet = true,
        'f' => options.ends_at_answer = true,
        'c' => options.count = Some(number(1)?),
        'w' => options.timeout = number(0)?,
        'i' => options.interval = number(0)?,
        'I' => options.device = Some(value.into()).filter(|name: &String| !name.is_empty()),
        's' => options.source = Some(value.into()),
        'V' => return Err(Stop { text: VERSION.into(), error: false, status: 0 }),
        'h' | '?' => return Err(usage("")),
        other => return Err(usage(&format!("arping: invalid option -- '{other}'\n"))),
    }
    Ok(())
}
