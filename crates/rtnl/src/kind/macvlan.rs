//! `macvlan`: further addresses on a lower link, each a link of its own (`drivers/net/macvlan.c`; iproute2
//! `iplink_macvlan.c`). `macvtap` is the same with a character device in the place of the host.
//!
//! Only the queue's length is a plain row. Mode and flags are gathered over the line and written last; the list of
//! source addresses has verbs. A list ends at the first word that is no address: the tool says so if the word is no
//! number at all, and goes on with that word, cut at its first colon.

use super::Kind;
use crate::attr::Builder;
use crate::lladdr;
use crate::show::{Scene, Show};
use crate::sink::mac_text;
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{Stop, Words, matches, number};

/// Who may speak to whom, `MACVLAN_MODE_*`.
pub const IFLA_MACVLAN_MODE: u16 = 1;
/// `MACVLAN_FLAG_*`.
pub const IFLA_MACVLAN_FLAGS: u16 = 2;
/// What to do with the list of source addresses, `MACVLAN_MACADDR_*`.
pub const IFLA_MACVLAN_MACADDR_MODE: u16 = 3;
/// One source address.
pub const IFLA_MACVLAN_MACADDR: u16 = 4;
/// A nest of source addresses.
pub const IFLA_MACVLAN_MACADDR_DATA: u16 = 5;
/// How many there are.
pub const IFLA_MACVLAN_MACADDR_COUNT: u16 = 6;
/// The queue for broadcast and multicast frames that this link asks for.
pub const IFLA_MACVLAN_BC_QUEUE_LEN: u16 = 7;
/// The longest that any link on the same lower link asked for.
pub const IFLA_MACVLAN_BC_QUEUE_LEN_USED: u16 = 8;

/// Children do not see one another.
pub const MACVLAN_MODE_PRIVATE: u32 = 1;
/// Children see one another through the switch outside.
pub const MACVLAN_MODE_VEPA: u32 = 2;
/// Children see one another directly.
pub const MACVLAN_MODE_BRIDGE: u32 = 4;
/// One child takes the lower link over.
pub const MACVLAN_MODE_PASSTHRU: u32 = 8;
/// A child gets the frames whose source is in its list.
pub const MACVLAN_MODE_SOURCE: u32 = 16;

/// A lower link that is taken over is not set promiscuous.
pub const MACVLAN_FLAG_NOPROMISC: u16 = 1;
/// A frame that went to a child by its source does not go to another by its destination.
pub const MACVLAN_FLAG_NODST: u16 = 2;

/// Puts an address into the list.
pub const MACVLAN_MACADDR_ADD: u32 = 0;
/// Takes an address out of the list.
pub const MACVLAN_MACADDR_DEL: u32 = 1;
/// Empties the list.
pub const MACVLAN_MACADDR_FLUSH: u32 = 2;
/// Empties the list and fills it from `IFLA_MACVLAN_MACADDR_DATA`.
pub const MACVLAN_MACADDR_SET: u32 = 3;

const MODES: &[(&str, u32)] = &[
    ("private", MACVLAN_MODE_PRIVATE),
    ("vepa", MACVLAN_MODE_VEPA),
    ("bridge", MACVLAN_MODE_BRIDGE),
    ("passthru", MACVLAN_MODE_PASSTHRU),
    ("source", MACVLAN_MODE_SOURCE),
];

const FLAGS: &[(&str, u16)] =
    &[("nopromisc", MACVLAN_FLAG_NOPROMISC), ("nodst", MACVLAN_FLAG_NODST), ("null", 0)];

const LIST_VERBS: &[(&str, u32)] = &[
    ("add", MACVLAN_MACADDR_ADD),
    ("del", MACVLAN_MACADDR_DEL),
    ("set", MACVLAN_MACADDR_SET),
    ("flush", MACVLAN_MACADDR_FLUSH),
];

/// The attributes, which `macvtap` shares.
pub static TABLE: Table = Table::new(
    "IFLA_MACVLAN",
    &[
        Row::new(IFLA_MACVLAN_MODE, "IFLA_MACVLAN_MODE", Wire::U32).show("mode", Show::Hook(show_mode)),
        Row::new(IFLA_MACVLAN_FLAGS, "IFLA_MACVLAN_FLAGS", Wire::U16)
            .show("nopromisc", Show::Hook(show_flags)),
        Row::new(IFLA_MACVLAN_BC_QUEUE_LEN, "IFLA_MACVLAN_BC_QUEUE_LEN", Wire::U32)
            .show("bcqueuelen", Show::Uint("bcqueuelen ")),
        Row::new(IFLA_MACVLAN_BC_QUEUE_LEN_USED, "IFLA_MACVLAN_BC_QUEUE_LEN_USED", Wire::U32)
            .refused()
            .show("usedbcqueuelen", Show::Uint("usedbcqueuelen ")),
        Row::new(IFLA_MACVLAN_MACADDR_COUNT, "IFLA_MACVLAN_MACADDR_COUNT", Wire::U32)
            .show("macaddr_count", Show::Hook(show_count)),
        Row::new(IFLA_MACVLAN_MACADDR_DATA, "IFLA_MACVLAN_MACADDR_DATA", Wire::Nest)
            .show("macaddr_data", Show::Hook(show_addresses)),
        Row::new(IFLA_MACVLAN_MACADDR_MODE, "IFLA_MACVLAN_MACADDR_MODE", Wire::U32),
        Row::new(IFLA_MACVLAN_MACADDR, "IFLA_MACVLAN_MACADDR", Wire::Bytes(32)),
    ],
);

/// The help of `macvlan` and `macvtap`, which differ in the name alone.
macro_rules! help {
    ($kind:literal) => {
        concat!(
            "Usage: ... ",
            $kind,
            " mode MODE [flag MODE_FLAG] MODE_OPTS [bcqueuelen BC_QUEUE_LEN]\n\
             \n\
             MODE: private | vepa | bridge | passthru | source\n\
             MODE_FLAG: null | nopromisc | nodst\n\
             MODE_OPTS: for mode \"source\":\n\
             \tmacaddr { { add | del } <macaddr> | set [ <macaddr> [ <macaddr>  ... ] ] | flush }\n\
             BC_QUEUE_LEN: Length of the rx queue for broadcast/multicast: [0-4294967295]\n\
             "
        )
    };
}
pub(super) use help;

/// The type.
pub static KIND: Kind = Kind {
    name: "macvlan",
    table: &TABLE,
    parse: Some(|words, out, _| parse(&KIND, words, out)),
    show: Some(show),
    help: Some(help!("macvlan")),
    port: false,
};

/// Parses for either kind.
pub(super) fn parse(kind: &Kind, words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
    let (mut mode, mut flags) = (0, None);
    let mut cut = None;
    while let Some(typed) = words.peek() {
        let typed = cut.take().unwrap_or(typed);
        words.take();
        if matches(typed, "mode") {
            mode = parse_mode(words.value()?)?;
        } else if matches(typed, "flag") {
            *flags.get_or_insert(0) |= parse_flag(words.value()?)?;
        } else if matches(typed, "macaddr") {
            cut = parse_list(kind, words, out)?;
        } else if matches(typed, "nopromisc") {
            *flags.get_or_insert(0) |= MACVLAN_FLAG_NOPROMISC;
        } else if matches(typed, "nodst") {
            *flags.get_or_insert(0) |= MACVLAN_FLAG_NODST;
        } else if matches(typed, "bcqueuelen") {
            out.u32(IFLA_MACVLAN_BC_QUEUE_LEN, parse_queue(words.value()?)?);
        } else {
            return Err(kind.unknown("option", typed));
        }
    }
    if mode != 0 {
        out.u32(IFLA_MACVLAN_MODE, mode);
    }
    let Some(flags) = flags else { return Ok(()) };
    if flags & MACVLAN_FLAG_NOPROMISC != 0 && mode != MACVLAN_MODE_PASSTHRU {
        return Err(kind.usage("nopromisc flag only valid in passthru mode"));
    }
    out.u16(IFLA_MACVLAN_FLAGS, flags);
    Ok(())
}

fn parse_mode(text: &str) -> Result<u32, Stop> {
    let mode = MODES.iter().find(|(name, _)| *name == text).map(|(_, mode)| *mode);
    mode.ok_or_else(|| {
        let known = "\"private\", \"vepa\", \"bridge\", \"passthru\" or \"source\"";
        Stop::fail(1, format!("Error: argument of \"mode\" must be {known}, not \"{text}\"\n"))
    })
}

fn parse_flag(text: &str) -> Result<u16, Stop> {
    let flag = FLAGS.iter().find(|(name, _)| *name == text).map(|(_, flag)| *flag);
    flag.ok_or_else(|| {
        let known = "\"nopromisc\", \"nodst\" or \"null\"";
        Stop::fail(1, format!("Error: argument of \"flag\" must be {known}, not \"{text}\"\n"))
    })
}

fn parse_queue(text: &str) -> Result<u32, Stop> {
    let length = number(text, 0, u64::from(u32::MAX)).map(|length| length as u32);
    length.ok_or_else(|| {
        let known = "a positive integer [0-4294967295]";
        Stop::fail(1, format!("Error: argument of \"bcqueuelen\" must be {known}, not \"{text}\"\n"))
    })
}

/// Reads a verb and what it takes. Gives what is left of a word that ended a list, where the tool had cut it.
fn parse_list<'a>(kind: &Kind, words: &mut Words<'a>, out: &mut Builder) -> Result<Option<&'a str>, Stop> {
    let text = words.value()?;
    let verb = LIST_VERBS.iter().find(|(name, _)| *name == text).map(|(_, verb)| *verb);
    let verb = verb.ok_or_else(|| Stop::fail(1, kind.help.unwrap_or("")))?;
    out.u32(IFLA_MACVLAN_MACADDR_MODE, verb);
    if verb == MACVLAN_MACADDR_ADD || verb == MACVLAN_MACADDR_DEL {
        let address = lladdr::parse_within(words.value()?, 6)?;
        if address.len() != 6 {
            return Err(Stop::fail(1, ""));
        }
        out.put(IFLA_MACVLAN_MACADDR, &address);
    }
    Ok(if verb == MACVLAN_MACADDR_SET { parse_addresses(words, out) } else { None })
}

fn parse_addresses<'a>(words: &mut Words<'a>, out: &mut Builder) -> Option<&'a str> {
    let nest = out.nest(IFLA_MACVLAN_MACADDR_DATA);
    let mut cut = None;
    while let Some(text) = words.peek() {
        let address = lladdr::parse_within(text, 6);
        if let Ok(address) = &address
            && address.len() == 6
        {
            out.put(IFLA_MACVLAN_MACADDR, address);
            words.take();
            continue;
        }
        if let Err(stop) = address {
            words.warn(&stop.error);
        }
        cut = text.split(':').next().filter(|_| !text.contains('.'));
        break;
    }
    out.end(nest);
    cut
}

/// Shows either kind: nothing at all without a mode.
pub(super) fn show(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    if tb.get(IFLA_MACVLAN_MODE).is_some_and(|mode| mode.payload.len() >= 4) {
        TABLE.show(scene, tb);
    }
}

fn show_mode(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let mode = tb.u32(IFLA_MACVLAN_MODE).unwrap_or(0);
    let name = MODES.iter().find(|(_, number)| *number == mode).map_or("unknown", |(name, _)| name);
    scene.sink.string("mode", "mode ", name, " ");
}

fn show_flags(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let flags =
        tb.get(IFLA_MACVLAN_FLAGS).filter(|attr| attr.payload.len() >= 2).map_or(0, |attr| attr.u16());
    if flags & MACVLAN_FLAG_NOPROMISC != 0 {
        scene.sink.boolean("nopromisc", true, "nopromisc ", "");
    }
    if flags & MACVLAN_FLAG_NODST != 0 {
        scene.sink.boolean("nodst", true, "nodst ", "");
    }
}

/// The list's length, where there is a list.
fn count(tb: &Tb<'_>) -> Option<u32> {
    let source = tb.u32(IFLA_MACVLAN_MODE) == Some(MACVLAN_MODE_SOURCE);
    tb.get(IFLA_MACVLAN_MACADDR_COUNT).filter(|attr| source && attr.payload.len() >= 4).map(|attr| attr.u32())
}

fn show_count(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let Some(count) = count(tb) else { return };
    scene.sink.int("macaddr_count", "remotes (", i64::from(count as i32), ") ");
}

fn show_addresses(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let (Some(_), Some(list)) = (count(tb), tb.get(IFLA_MACVLAN_MACADDR_DATA)) else { return };
    scene.sink.open_array("macaddr_data", "");
    for attr in list.attrs().filter(|attr| attr.number == IFLA_MACVLAN_MACADDR) {
        if let Some(address) = attr.payload.get(..6) {
            scene.sink.string("", "", &mac_text(address), " ");
        }
    }
    scene.sink.close_array("");
}
