//! The options of `nc` (netcat-openbsd 1.219-1 of Debian).

/// What it says of its options.
const HELP: &str = include_str!("help.txt");
/// Ports that are tried at most: all of them.
const PORT_MAX: i64 = 65_535;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub listen: bool,
    /// Whether it goes on listening behind a connection.
    pub keep: bool,
    pub udp: bool,
    /// 4 or 6; none: either.
    pub family: Option<u8>,
    /// The address that it sends from or listens at.
    pub source: Option<String>,
    /// The port that it sends from or listens at.
    pub local_port: Option<String>,
    /// Seconds in which nothing moves.
    pub timeout: Option<u64>,
    /// Whether it only looks who is there.
    pub scan: bool,
    pub verbose: bool,
    /// Whether the way out is closed behind the last of what is read.
    pub shut: bool,
    /// So many seconds behind the last of what is read it ends.
    pub quit: Option<u64>,
    /// Whether names are left alone.
    pub numeric: bool,
    /// Whether it reads nothing.
    pub detached: bool,
    /// Whether a line ends in carriage return and line feed.
    pub crlf: bool,
    /// After so many pieces it takes no more; 0: never.
    pub receive_limit: u64,
    pub broadcast: bool,
    /// Whom it goes to, or where it listens.
    pub host: Option<String>,
    /// The ports, from the least to the largest; of a listener the one.
    pub ports: Vec<u16>,
}

/// Why it does not run: what is printed, and its exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub text: String,
    pub status: i32,
}

pub(super) fn wrong(text: &str) -> Stop {
    Stop { text: format!("nc: {text}\n"), status: 1 }
}

fn usage(complaint: &str) -> Stop {
    let lines = HELP.lines().skip(1).take_while(|line| !line.contains("Summary"));
    let usage: String = lines.flat_map(|line| [line, "\n"]).collect();
    Stop { text: complaint.to_string() + &usage, status: 1 }
}

/// Options that take a value.
const VALUES: &str = "IiMmOPpqsTVWwXx";

/// Reads the arguments; options may stand behind operands.
pub(super) fn read(arguments: &[String]) -> Result<Options, Stop> {
    let mut options = Options::default();
    let missing = |letter| usage(&format!("nc: option requires an argument -- '{letter}'\n"));
    let set = |letter, value: &str| set(&mut options, letter, value);
    let operands = crate::letters::read(arguments, VALUES, missing, set)?;
    complete(options, &operands)
}

fn set(options: &mut Options, letter: char, value: &str) -> Result<(), Stop> {
    match letter {
        '4' => options.family = Some(4),
        '6' => options.family = Some(6),
        'b' => options.broadcast = true,
        'C' => options.crlf = true,
        'd' => options.detached = true,
        'k' => options.keep = true,
        'l' => options.listen = true,
        'N' => options.shut = true,
        'n' => options.numeric = true,
        'p' => options.local_port = Some(value.into()),
        'q' => {
            let seconds: i64 = value.parse().map_err(|_| wrong(&format!("quit timer invalid: {value}")))?;
            options.quit = u64::try_from(seconds).ok();
            options.shut |= seconds >= 0;
        }
        's' => options.source = Some(value.into()),
        'u' => options.udp = true,
        'v' => options.verbose = true,
        'W' => options.receive_limit = number(value, 1, i32::MAX.into(), "receive limit")?,
        'w' => options.timeout = Some(number(value, 0, i64::from(i32::MAX) / 1000, "timeout")?),
        'z' => options.scan = true,
        'h' => return Err(Stop { text: HELP.into(), status: 0 }),
        'D' | 'F' | 'I' | 'i' | 'M' | 'm' | 'O' | 'P' | 'r' | 'S' | 'T' | 't' | 'U' | 'V' | 'X' | 'x'
        | 'Z' => {
            return Err(Stop { text: format!("netloom: nc -{letter} is not built\n"), status: 2 });
        }
        other => return Err(usage(&format!("nc: invalid option -- '{other}'\n"))),
    }
    Ok(())
}

/// A number within limits; the complaint says what it is of (`strtonum`).
fn number(text: &str, least: i64, most: i64, what: &str) -> Result<u64, Stop> {
    let complain = |how: &str| wrong(&format!("{what} {how}: {text}"));
    let value: i128 = text.trim_start().parse().map_err(|_| complain("invalid"))?;
    match value {
        value if value < i128::from(least) => Err(complain("too small")),
        value if value > i128::from(most) => Err(complain("too large")),
        value => Ok(value as u64),
    }
}

/// Says which of the operands are host and port.
fn complete(mut options: Options, operands: &[&str]) -> Result<Options, Stop> {
    let (host, port) = match (operands, options.listen) {
        ([], true) => (None, options.local_port.take()),
        (_, true) if options.local_port.is_some() || options.source.is_some() => return Err(usage("")),
        ([port], true) => (None, Some((*port).to_string())),
        ([host, port, ..], _) => (Some(*host), Some((*port).to_string())),
        ([host], false) => (Some(*host), None),
        ([], false) => return Err(usage("")),
    };
    options.host = host.map(String::from);
    if options.listen && options.scan {
        return Err(wrong("cannot use -z and -l"));
    }
    if options.keep && !options.listen {
        return Err(wrong("must use -l with -k"));
    }
    if options.listen && options.host.is_none() {
        options.host = options.source.take();
    }
    let port = port.ok_or_else(|| wrong("missing port number"))?;
    options.ports = if options.listen { vec![own_port(&port)?] } else { ports(&port)? };
    Ok(options)
}

/// The port to be bound to; of a number that is too large what is left of it counts (`getaddrinfo`).
pub(super) fn own_port(text: &str) -> Result<u16, Stop> {
    let number = text.parse().ok().map(|number: u32| number as u16);
    let port = number.or_else(|| super::services::port_of(text));
    port.ok_or_else(|| wrong("getaddrinfo: Servname not supported for ai_socktype"))
}

/// A port, its name, or two with a hyphen between: all from one to the other.
fn ports(text: &str) -> Result<Vec<u16>, Stop> {
    if let Some(port) = super::services::port_of(text) {
        return Ok(vec![port]);
    }
    let one = |text: &str| number(text, 1, PORT_MAX, "port number").map(|port| port as u16);
    match text.split_once('-') {
        None => Ok(vec![one(text)?]),
        Some((first, last)) => {
            let (first, last) = (one(first)?, one(last)?);
            Ok((first.min(last)..=first.max(last)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split_whitespace().map(String::from).collect();
        read(&words).map_err(|stop| stop.text)
    }

    #[test]
    fn host_and_port_stand_where_they_are_looked_for() {
        let listener = parse("-lk 5000 -v").unwrap();
        assert!(listener.listen && listener.keep && listener.verbose);
        assert_eq!((listener.host, listener.ports), (None, vec![5000]));
        let listener = parse("-l -s 10.0.0.1 -p 5000").unwrap();
        assert_eq!((listener.host.as_deref(), listener.ports), (Some("10.0.0.1"), vec![5000]));
        let client = parse("-w3 -p 7 10.0.0.1 12-10").unwrap();
        assert_eq!((client.timeout, client.local_port.as_deref()), (Some(3), Some("7")));
        assert_eq!((client.host.as_deref(), client.ports), (Some("10.0.0.1"), vec![10, 11, 12]));
        assert_eq!(parse("-l -p 70000").unwrap().ports, [4464]);
        assert_eq!(parse("-z h ssh").unwrap().ports, [22]);
        assert!(parse("-q 0 h 1").unwrap().shut && !parse("-q -1 h 1").unwrap().shut);
    }

    #[test]
    fn complaints_are_netcats() {
        for (line, complaint) in [
            ("-l", "nc: missing port number\n"),
            ("h", "nc: missing port number\n"),
            ("-l -k", "nc: missing port number\n"),
            ("x y z", "nc: port number invalid: y\n"),
            ("-w x h 1", "nc: timeout invalid: x\n"),
            ("-w -1 h 1", "nc: timeout too small: -1\n"),
            ("h 0", "nc: port number too small: 0\n"),
            ("h 65536", "nc: port number too large: 65536\n"),
            ("h 9-70000", "nc: port number too large: 70000\n"),
            ("-l -z 80", "nc: cannot use -z and -l\n"),
            ("-k h 80", "nc: must use -l with -k\n"),
            ("-q x h 1", "nc: quit timer invalid: x\n"),
            ("-W x h 1", "nc: receive limit invalid: x\n"),
        ] {
            assert_eq!(parse(line).unwrap_err(), complaint, "{line}");
        }
        for (line, first) in [
            ("", "usage: nc ["),
            ("-Q", "nc: invalid option -- 'Q'\nusage: nc ["),
            ("-w", "nc: option requires an argument -- 'w'\nusage: nc ["),
            ("-l -s 127.0.0.1 5000", "usage: nc ["),
        ] {
            let said = parse(line).unwrap_err();
            assert!(said.starts_with(first) && said.ends_with("[destination] [port]\n"), "{line}: {said}");
        }
    }
}
