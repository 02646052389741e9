//! The options of `ping` (iputils 20221126).

use crate::numbers::number_within;
use kernel::Cutting;

const USAGE: &str = "
Usage
  ping [options] <destination>

Options:
  <destination>      dns name or ip address
  -a                 use audible ping
  -A                 use adaptive ping
  -B                 sticky source address
  -c <count>         stop after <count> replies
  -C                 call connect() syscall on socket creation
  -D                 print timestamps
  -d                 use SO_DEBUG socket option
  -e <identifier>    define identifier for ping session, default is random for
                     SOCK_RAW and kernel defined for SOCK_DGRAM
                     Imply using SOCK_RAW (for IPv4 only for identifier 0)
  -f                 flood ping
  -h                 print help and exit
  -I <interface>     either interface name or address
  -i <interval>      seconds between sending each packet
  -L                 suppress loopback of multicast packets
  -l <preload>       send <preload> number of packages while waiting replies
  -m <mark>          tag the packets going out
  -M <pmtud opt>     define mtu discovery, can be one of <do|dont|want|probe>
  -n                 no dns name resolution
  -O                 report outstanding replies
  -p <pattern>       contents of padding byte
  -q                 quiet output
  -Q <tclass>        use quality of service <tclass> bits
  -s <size>          use <size> as number of data bytes to be sent
  -S <size>          use <size> as SO_SNDBUF socket option value
  -t <ttl>           define time to live
  -U                 print user-to-user latency
  -v                 verbose output
  -V                 print version and exit
  -w <deadline>      reply wait <deadline> in seconds
  -W <timeout>       time to wait for response

IPv4 options:
  -4                 use IPv4
  -b                 allow pinging broadcast
  -R                 record route
  -T <timestamp>     define timestamp, can be one of <tsonly|tsandaddr|tsprespec>

IPv6 options:
  -6                 use IPv6
  -F <flowlabel>     define flow label, default is random
  -N <nodeinfo opt>  use icmp6 node info query, try <help> as argument

For more details see ping(8).
";

/// What is asked for.
pub(crate) struct Options {
    pub target: String,
    pub count: Option<u64>,
    /// Milliseconds.
    pub interval: i64,
    /// Milliseconds.
    pub linger: u64,
    /// Seconds.
    pub deadline: Option<u64>,
    pub size: usize,
    pub ttl: Option<u8>,
    pub tos: u8,
    pub mark: u32,
    pub cutting: Option<Cutting>,
    pub device: Option<String>,
    /// Whether `device` is an address.
    pub bound_to_address: bool,
    pub preload: i64,
    pub quiet: bool,
    pub flood: bool,
    pub broadcast: bool,
    pub family: Option<u8>,
}

/// Why it does not run.
pub(crate) struct Stop {
    pub text: String,
    pub error: bool,
    pub status: i32,
}

fn wrong(text: String, status: i32) -> Stop {
    Stop { text: format!("ping: {text}\n"), error: true, status }
}

/// A number within limits.
fn number(text: &str, least: i64, most: i64) -> Result<i64, Stop> {
    number_within(text, least, most).map_err(|complaint| wrong(complaint, 1))
}

/// Seconds with a fraction, as milliseconds.
fn milliseconds(text: &str, what: &str) -> Result<u64, Stop> {
    let seconds: f64 = text.trim().parse().map_err(|_| wrong(format!("bad {what}: {text}"), 1))?;
    if !(0.0..=2_147_483.0).contains(&seconds) {
        return Err(wrong(format!("bad {what}: {text}"), 1));
    }
    Ok((seconds * 1000.0) as u64)
}

/// Reads the arguments.
pub(crate) fn read_options(arguments: &[String], v6: bool) -> Result<Options, Stop> {
    let mut options = Options {
        target: String::new(),
        count: None,
        interval: 1000,
        linger: 10_000,
        deadline: None,
        size: 56,
        ttl: None,
        tos: 0,
        mark: 0,
        cutting: None,
        device: None,
        bound_to_address: false,
        preload: 1,
        quiet: false,
        flood: false,
        broadcast: false,
        family: v6.then_some(6),
    };
    let mut interval_given = false;
    let set = |letter, value: &str| {
        interval_given |= letter == 'i';
        set(&mut options, letter, value)
    };
    let operands = crate::letters::read(arguments, "cIilmMQstwWeFNpST", missing, set)?;
    if options.flood && !interval_given {
        options.interval = 0;
    }
    match operands.last() {
        Some(target) => options.target = (*target).into(),
        None => return Err(wrong("usage error: Destination address required".into(), 1)),
    }
    Ok(options)
}

fn missing(letter: char) -> Stop {
    Stop { text: format!("ping: option requires an argument -- '{letter}'\n{USAGE}"), error: true, status: 2 }
}

fn set(options: &mut Options, letter: char, value: &str) -> Result<(), Stop> {
    match letter {
        'c' => options.count = Some(number(value, 1, i64::MAX)? as u64),
        'i' => options.interval = milliseconds(value, "timing interval")? as i64,
        'W' => {
            options.linger = milliseconds(value, "linger time")?;
            if options.linger == 0 {
                options.linger = 1;
            }
        }
        'w' => options.deadline = Some(number(value, 0, i64::from(i32::MAX))? as u64).filter(|s| *s > 0),
        's' => {
            options.size = number(value, 0, i64::from(i32::MAX))? as usize;
            if options.size > 65_507 {
                return Err(wrong(
                    format!("invalid argument: '{value}': out of range: 0 <= value <= 65507"),
                    1,
                ));
            }
        }
        't' => options.ttl = Some(number(value, 0, 255)? as u8),
        'Q' => options.tos = number(value, 0, 255)? as u8,
        'm' => options.mark = number(value, 0, i64::from(u32::MAX))? as u32,
        'l' => options.preload = number(value, 1, 65_536)?,
        'I' => options.device = Some(value.into()),
        'M' => {
            options.cutting = Some(match value {
                "do" | "probe" => Cutting::Do,
                "dont" => Cutting::Dont,
                "want" => Cutting::Want,
                other => return Err(wrong(format!("invalid -M argument: {other}"), 1)),
            });
        }
        'q' => options.quiet = true,
        'f' => options.flood = true,
        'b' => options.broadcast = true,
        '4' => options.family = Some(4),
        '6' => options.family = Some(6),
        'n' | 'v' | 'U' | 'd' | 'r' | 'L' | 'B' | 'a' => {}
        'V' => return Err(Stop { text: "ping from iputils 20221126\n".into(), error: false, status: 0 }),
        'h' => return Err(Stop { text: USAGE.into(), error: true, status: 2 }),
        'A' | 'C' | 'D' | 'e' | 'F' | 'H' | 'k' | 'N' | 'O' | 'p' | 'R' | 'S' | 'T' => {
            let text = format!("netloom: ping -{letter} is not built yet\n");
            return Err(Stop { text, error: true, status: 2 });
        }
        other => {
            let text = format!("ping: invalid option -- '{other}'\n{USAGE}");
            return Err(Stop { text, error: true, status: 2 });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| (*word).into()).collect();
        read_options(&words, false).err().map(|stop| stop.text).unwrap_or_default()
    }

    #[test]
    fn complaints() {
        assert_eq!(
            complaint(&["-c", "0", "x"]),
            "ping: invalid argument: '0': out of range: 1 <= value <= 9223372036854775807\n"
        );
        assert_eq!(complaint(&["-c", "abc", "x"]), "ping: invalid argument: 'abc'\n");
        assert_eq!(complaint(&[]), "ping: usage error: Destination address required\n");
        assert_eq!(complaint(&["-c1", "-W.5", "-qn", "x"]), "");
    }
}
