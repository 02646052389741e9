//! `sysctl` of procps 4.0.2 over the variables that the embedded kernel has.
//!
//! A name is written with dots or with slashes, whichever comes first being the separator and the other standing for
//! itself: `net.ipv6.conf.ens3/5.disable_ipv6` and `net/ipv6/conf/ens3.5/disable_ipv6` are one. It is shown with
//! dots. Left out: `-p`, `--system` and `-r`, and listing anything but what is named or in [`LISTED`].

use crate::console::Console;
use crate::machine::Machine;
use iproute::host::Host;
use rtnl::errno::Errno;

const USAGE: &str = "
Usage:
 sysctl [options] [variable[=value] ...]

Options:
  -a, --all            display all variables
  -A                   alias of -a
  -X                   alias of -a
      --deprecated     include deprecated parameters to listing
      --dry-run        Print the key and values but do not write
  -b, --binary         print value without new line
  -e, --ignore         ignore unknown variables errors
  -N, --names          print variable names without values
  -n, --values         print only values of the given variable(s)
  -p, --load[=<file>]  read values from file
  -f                   alias of -p
      --system         read values from all system directories
  -r, --pattern <expression>
                       select setting that match expression
  -q, --quiet          do not echo variable set
  -w, --write          enable writing a value to variable
  -o                   does nothing
  -x                   does nothing
  -d                   alias of -h

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see sysctl(8).
";

/// The variables that `-a` looks for, `*` standing for `all`, `default` and `lo`.
const LISTED: &[&str] = &[
    "net.ipv4.conf.*.forwarding",
    "net.ipv4.ip_forward",
    "net.ipv6.conf.*.accept_dad",
    "net.ipv6.conf.*.addr_gen_mode",
    "net.ipv6.conf.*.disable_ipv6",
    "net.ipv6.conf.*.forwarding",
];

#[derive(Default)]
struct Options {
    all: bool,
    binary: bool,
    ignore: bool,
    names: bool,
    values: bool,
    quiet: bool,
    write: bool,
    dry: bool,
}

/// What the options ask for beside running.
enum Stop {
    Version,
    Help,
    Unknown(String),
    NotBuilt(String),
}

/// Runs `sysctl` with these arguments.
pub(crate) fn run<C: Console>(machine: &mut Machine<C>, words: &[String]) -> i32 {
    if words.is_empty() {
        machine.err(USAGE);
        return 1;
    }
    let (options, operands) = match read_options(words) {
        Ok(read) => read,
        Err(stop) => return stop_with(machine, stop),
    };
    if options.all {
        list(machine, &options);
        return 0;
    }
    if operands.is_empty() {
        machine.err("sysctl: no variables specified\nTry `sysctl --help' for more information.\n");
        return 1;
    }
    let mut status = 0;
    for operand in operands {
        if operate(machine, &options, operand).is_none() {
            status = 1;
        }
    }
    status
}

fn stop_with<C: Console>(machine: &mut Machine<C>, stop: Stop) -> i32 {
    match stop {
        Stop::Version => machine.out("sysctl from procps-ng 4.0.2\n"),
        Stop::Help => machine.out(USAGE),
        Stop::Unknown(what) => machine.err(&format!("sysctl: {what}\n{USAGE}")),
        Stop::NotBuilt(option) => {
            machine.err(&format!("netloom: sysctl {option} is not built yet\n"));
            return 2;
        }
    }
    0
}

/// Takes the options out of the words, wherever they stand.
fn read_options(words: &[String]) -> Result<(Options, Vec<&str>), Stop> {
    let mut options = Options::default();
    let mut operands = Vec::new();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if word == "--" {
            operands.extend(words);
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            long_option(&mut options, word, long)?;
        } else if let Some(short) = word.strip_prefix('-').filter(|short| !short.is_empty()) {
            for c in short.chars() {
                short_option(&mut options, c)?;
            }
        } else {
            operands.push(word);
        }
    }
    Ok((options, operands))
}

fn long_option(options: &mut Options, word: &str, long: &str) -> Result<(), Stop> {
    match long {
        "all" => options.all = true,
        "binary" => options.binary = true,
        "deprecated" => {}
        "dry-run" => options.dry = true,
        "ignore" => options.ignore = true,
        "names" => options.names = true,
        "values" => options.values = true,
        "quiet" => options.quiet = true,
        "write" => options.write = true,
        "help" => return Err(Stop::Help),
        "version" => return Err(Stop::Version),
        _ if ["load", "system", "pattern"].iter().any(|known| long.starts_with(known)) => {
            return Err(Stop::NotBuilt(word.into()));
        }
        _ => return Err(Stop::Unknown(format!("unrecognized option '{word}'"))),
    }
    Ok(())
}

fn short_option(options: &mut Options, c: char) -> Result<(), Stop> {
    match c {
        'a' | 'A' | 'X' => options.all = true,
        'b' => options.binary = true,
        'e' => options.ignore = true,
        'N' => options.names = true,
        'n' => options.values = true,
        'q' => options.quiet = true,
        'w' => options.write = true,
        'o' | 'x' => {}
        'h' | 'd' => return Err(Stop::Help),
        'V' => return Err(Stop::Version),
        'p' | 'f' | 'r' => return Err(Stop::NotBuilt(format!("-{c}"))),
        c => return Err(Stop::Unknown(format!("invalid option -- '{c}'"))),
    }
    Ok(())
}

/// A name with dots between its parts.
fn dotted(name: &str) -> String {
    let slashes = name.find(['.', '/']).is_some_and(|at| name.as_bytes()[at] == b'/');
    if slashes { swapped(name) } else { name.into() }
}

/// Dots for slashes and slashes for dots.
fn swapped(name: &str) -> String {
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    name.chars().map(swap).collect()
}

/// The name as the embedded kernel takes it: dots between its parts, and a device's own dots as they are. None if a
/// device's part is several, as when `eth0.5` was written where dots separate.
fn kernel_name(name: &str) -> Result<String, Errno> {
    let path = swapped(name);
    let parts: Vec<&str> = path.split('/').collect();
    let of_device = matches!(parts[..], ["net", "ipv4" | "ipv6", "conf" | "neigh", ..]);
    if of_device && parts.len() != 5 { Err(Errno::ENOENT) } else { Ok(parts.join(".")) }
}

fn read<C: Console>(machine: &Machine<C>, name: &str) -> Result<String, Errno> {
    machine.sysctl(&kernel_name(name)?)
}

/// Reads or writes what one operand names; none if that failed.
fn operate<C: Console>(machine: &mut Machine<C>, options: &Options, operand: &str) -> Option<()> {
    let Some((name, value)) = operand.split_once('=') else {
        if options.write {
            machine.err("sysctl: command line(0): invalid syntax, continuing...\n");
            return None;
        }
        let name = dotted(operand.trim());
        let value = read(machine, &name);
        return report(machine, options, &name, value, "reading");
    };
    let (name, value) = (dotted(name.trim()), value.trim());
    if name.is_empty() {
        machine.err("sysctl: Path is not under /proc/sys/: /proc/sys/\n");
        return None;
    }
    // What is not there is found before anything is written.
    let there = read(machine, &name);
    let written = match there {
        Err(errno) => Err(errno),
        Ok(_) if options.dry => Ok(()),
        Ok(_) => kernel_name(&name).and_then(|name| machine.set_sysctl(&name, value)),
    };
    let quiet = options.quiet && written.is_ok();
    if quiet {
        return Some(());
    }
    report(machine, options, &name, written.map(|()| value.to_string()), "setting")
}

/// Shows a variable, or says why not.
fn report<C: Console>(
    machine: &mut Machine<C>,
    options: &Options,
    name: &str,
    value: Result<String, Errno>,
    doing: &str,
) -> Option<()> {
    match value {
        Ok(value) => machine.out(&shown(options, name, &value, doing)),
        Err(Errno::ENOENT) => {
            if !options.ignore {
                let path = swapped(name);
                machine.err(&format!("sysctl: cannot stat /proc/sys/{path}: No such file or directory\n"));
                return None;
            }
        }
        // A variable that only the kernel sets; the tool names an error from before, and counts none.
        Err(Errno::EACCES) => {
            machine.err(&format!("sysctl: {doing} key \"{name}\": {}\n", Errno::EINVAL));
        }
        Err(errno) => {
            machine.err(&format!("sysctl: {doing} key \"{name}\": {errno}\n"));
            return None;
        }
    }
    Some(())
}

fn shown(options: &Options, name: &str, value: &str, doing: &str) -> String {
    match options {
        // Names alone are for reading; a value that was written is shown instead.
        Options { names: true, .. } if doing == "reading" => format!("{name}\n"),
        Options { binary: true, .. } => value.into(),
        Options { names: true, .. } | Options { values: true, .. } => format!("{value}\n"),
        _ => format!("{name} = {value}\n"),
    }
}

fn list<C: Console>(machine: &mut Machine<C>, options: &Options) {
    for pattern in LISTED {
        let places: &[&str] = if pattern.contains('*') { &["all", "default", "lo"] } else { &[""] };
        for place in places {
            let name = pattern.replace('*', place);
            if let Ok(value) = read(machine, &name) {
                machine.out(&shown(options, &name, &value, "reading"));
            }
        }
    }
}
