//! The options in front of the object.
//!
//! An option matches by prefix against the rows in their order, the first hit wins: `-b` is a batch and `-br` brief,
//! `-h` is human-readable and `-he` help. A few must stand whole. `--word` is `-word`, and `--` alone ends them.
//! `-n` acts as soon as it is read, so that the order of complaints is the tool's.
//! Left out: whether standard output is a terminal is not known here, so `-c=auto` means no colour; and which
//! colours suit the terminal's background is not looked up.

use crate::context::{AF_BRIDGE, AF_INET, AF_INET6, AF_MPLS, AF_PACKET, Options};
use crate::host::{Entered, Host};
use crate::usage::usage;
use rtnl::errno::Errno;
use rtnl::sink::Format;
use rtnl::words::{Matching, Stop, Words, integer, matches, number};

const VERSION: &str = "ip utility, iproute2-6.1.0, libbpf 1.1.2\n";

/// A tool, as far as its options go.
pub struct Tool {
    /// The options in the order in which they are tried.
    pub options: &'static [(&'static str, Matching, Act)],
    /// What `-V` prints.
    pub version: &'static str,
    /// Where the complaint about an unknown option points.
    pub help: &'static str,
    /// Prints the usage and ends the process.
    pub usage: fn() -> Stop,
}

/// `ip`.
static IP: Tool = Tool { options: OPTIONS, version: VERSION, help: "ip -help", usage };

/// What an option does.
#[derive(Clone, Copy)]
pub enum Act {
    /// Sets or counts something.
    Set(fn(&mut Options, &mut Format)),
    /// Reads a word that may not be missing, else the usage is printed.
    Word(fn(&mut Options, &str) -> Result<(), Stop>),
    /// Enters a namespace.
    Netns,
    /// Switches colours on or off.
    Colour,
    /// Prints the version.
    Version,
    /// Prints the usage.
    Usage,
}

/// A row of an option of which any prefix will do.
pub const fn prefix(word: &'static str, act: Act) -> (&'static str, Matching, Act) {
    (word, Matching::Prefix, act)
}

/// A row of an option that must stand whole.
pub const fn whole(word: &'static str, act: Act) -> (&'static str, Matching, Act) {
    (word, Matching::Whole, act)
}

/// The options in the order in which they are tried.
static OPTIONS: &[(&str, Matching, Act)] = &[
    prefix("-loops", Act::Word(read_loops)),
    prefix("-family", Act::Word(read_family)),
    whole("-4", Act::Set(|options, _| options.family = AF_INET)),
    whole("-6", Act::Set(|options, _| options.family = AF_INET6)),
    whole("-0", Act::Set(|options, _| options.family = AF_PACKET)),
    whole("-M", Act::Set(|options, _| options.family = AF_MPLS)),
    whole("-B", Act::Set(|options, _| options.family = AF_BRIDGE)),
    prefix("-human", Act::Set(|_, format| format.human = true)),
    prefix("-human-readable", Act::Set(|_, format| format.human = true)),
    prefix("-iec", Act::Set(|_, format| format.iec = true)),
    prefix("-stats", Act::Set(|_, format| format.statistics = format.statistics.saturating_add(1))),
    prefix("-statistics", Act::Set(|_, format| format.statistics = format.statistics.saturating_add(1))),
    prefix("-details", Act::Set(|_, format| format.details = format.details.saturating_add(1))),
    prefix("-resolve", Act::Set(|options, _| options.resolve = true)),
    prefix("-oneline", Act::Set(|_, format| format.oneline = true)),
    prefix("-timestamp", Act::Set(|options, _| options.timestamp = true)),
    prefix("-tshort", Act::Set(|options, _| (options.timestamp, options.timestamp_short) = (true, true))),
    prefix("-Version", Act::Version),
    prefix("-force", Act::Set(|options, _| options.force = true)),
    prefix("-batch", Act::Word(read_batch)),
    prefix("-brief", Act::Set(|_, format| format.brief = true)),
    prefix("-json", Act::Set(|_, format| format.json = true)),
    prefix("-pretty", Act::Set(|_, format| format.pretty = true)),
    prefix("-rcvbuf", Act::Word(read_rcvbuf)),
    prefix("-color", Act::Colour),
    prefix("-help", Act::Usage),
    prefix("-netns", Act::Netns),
    prefix("-Numeric", Act::Set(|_, format| format.numeric = true)),
    prefix("-all", Act::Set(|options, _| options.all = true)),
    whole("-echo", Act::Set(|options, _| options.echo = true)),
];

/// What the options said, and the words behind them.
pub struct Parsed<'a> {
    /// What is not about the form of the output.
    pub options: Options,
    /// The form of the output.
    pub format: Format,
    /// The object and what follows.
    pub words: &'a [String],
}

/// Reads the options. Namespaces that they name are entered; what leads back out of them is put behind `entered`,
/// also when the rest of the options is refused.
///
/// # Errors
/// What the tool says of an option; the version and the usage come this way too.
pub fn parse<'a>(
    host: &mut dyn Host,
    words: &'a [String],
    entered: &mut Vec<Entered>,
) -> Result<Parsed<'a>, Stop> {
    parse_for(&IP, host, words, entered)
}

/// The same for any tool.
///
/// # Errors
/// As [`parse`].
pub fn parse_for<'a>(
    tool: &Tool,
    host: &mut dyn Host,
    words: &'a [String],
    entered: &mut Vec<Entered>,
) -> Result<Parsed<'a>, Stop> {
    let (mut options, mut format) = (Options::default(), Format::default());
    let mut words = Words::new(words);
    while let Some(word) = words.peek().filter(|word| word.starts_with('-')) {
        words.take();
        if word == "--" {
            break;
        }
        let option = if word.starts_with("--") { &word[1..] } else { word };
        let (value, spelling) = find(tool, option)?;
        match value {
            Act::Set(set) => set(&mut options, &mut format),
            Act::Word(read) => read(&mut options, words.take().ok_or_else(tool.usage)?)?,
            Act::Netns => {
                let name = words.take();
                entered.push(enter(host, name)?);
                options.netns = name.map(String::from);
            }
            Act::Colour => format.colour = colour(spelling, option).ok_or_else(|| unknown(tool, option))?,
            Act::Version => return Err(Stop::exit_with(0, "").with_output(tool.version)),
            Act::Usage => return Err((tool.usage)()),
        }
    }
    format.colour &= !format.json;
    Ok(Parsed { options, format, words: words.rest() })
}

/// The first row that takes the option, and the option without the `=…` that colours may have.
fn find<'a>(tool: &Tool, option: &'a str) -> Result<(Act, &'a str), Stop> {
    let bare = option.split('=').next().unwrap_or(option);
    let row = tool.options.iter().find(|(word, matching, act)| {
        let typed = if matches!(act, Act::Colour) { bare } else { option };
        match matching {
            Matching::Prefix => matches(typed, word),
            Matching::Whole => typed == *word,
        }
    });
    row.map(|(_, _, act)| (*act, bare)).ok_or_else(|| unknown(tool, option))
}

fn unknown(tool: &Tool, option: &str) -> Stop {
    Stop::exit(format!("Option \"{option}\" is unknown, try \"{}\".\n", tool.help))
}

/// Whether `-c` or `-c=WHEN` asks for colours; none if it is not understood.
fn colour(bare: &str, option: &str) -> Option<bool> {
    match option.get(bare.len()..).unwrap_or("") {
        "" | "=" | "=always" => Some(true),
        "=auto" | "=never" => Some(false),
        _ => None,
    }
}

/// Enters a namespace; a name that is missing at the line's end reads as C's null pointer prints.
fn enter(host: &mut dyn Host, name: Option<&str>) -> Result<Entered, Stop> {
    let name = name.unwrap_or("(null)");
    host.netns_enter(name).map_err(|errno| Stop::exit(not_entered(name, errno)))
}

/// What the tool says of a namespace that it could not enter: one that cannot be opened, or a file that is none.
pub(crate) fn not_entered(name: &str, errno: Errno) -> String {
    match errno {
        Errno::EINVAL => format!("setting the network namespace \"{name}\" failed: {errno}\n"),
        _ => format!("Cannot open network namespace \"{name}\": {errno}\n"),
    }
}

fn read_family(options: &mut Options, word: &str) -> Result<(), Stop> {
    options.family = match word {
        "inet" => AF_INET,
        "inet6" => AF_INET6,
        "link" => AF_PACKET,
        "mpls" => AF_MPLS,
        "bridge" => AF_BRIDGE,
        "help" => return Err(usage()),
        _ => return Err(Stop::invalid("invalid protocol family", word)),
    };
    Ok(())
}

/// Reads as C's `atoi` does what is a number; what is none is 0, which means "without end".
fn read_loops(options: &mut Options, word: &str) -> Result<(), Stop> {
    options.flush_loops = integer(word, 10).unwrap_or(0).max(0) as u32;
    Ok(())
}

/// Reads the name of a batch.
pub(crate) fn read_batch(options: &mut Options, word: &str) -> Result<(), Stop> {
    options.batch = Some(word.into());
    Ok(())
}

/// The size of a channel's receive buffer; the system may give less.
fn read_rcvbuf(options: &mut Options, word: &str) -> Result<(), Stop> {
    match number(word, 0, u64::from(u32::MAX)) {
        Some(size) => options.rcvbuf = Some(size as u32),
        None => return Err(Stop::exit(format!("Invalid rcvbuf size '{word}'\n"))),
    }
    Ok(())
}
