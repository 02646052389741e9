//! `bridge fdb`: adding, removing and looking up entries of learning tables.
//!
//! Without `self` or `master` the link's own table is meant, and without a state the entry is permanent. Left out: the
//! names of ports (`port domain`), which the tool looks up in a file of the machine.

use super::{Memory, atoi, bridge_device, device, fail, fdb_show, refused, talk, unknown_command};
use crate::context::{AF_BRIDGE, Context};
use rtnl::attr::Builder;
use rtnl::message::{Messages, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnl::object::fdb::NLM_F_BULK;
use rtnl::object::neigh::*;
use rtnl::prefix;
use rtnl::words::{Matching, Stop, Words, matches, number};

const USAGE: &str = "\
Usage: bridge fdb { add | append | del | replace } ADDR dev DEV
              [ self ] [ master ] [ use ] [ router ] [ extern_learn ]
              [ sticky ] [ local | static | dynamic ] [ vlan VID ]
              { [ dst IPADDR ] [ port PORT] [ vni VNI ] | [ nhid NHID ] }
\t       [ via DEV ] [ src_vni VNI ]
       bridge fdb [ show [ br BRDEV ] [ brport DEV ] [ vlan VID ]
              [ state STATE ] [ dynamic ] ]
       bridge fdb get [ to ] LLADDR [ br BRDEV ] { brport | dev } DEV
              [ vlan VID ] [ vni VNI ] [ self ] [ master ] [ dynamic ]
       bridge fdb flush dev DEV [ brport DEV ] [ vlan VID ]
              [ self ] [ master ] [ [no]permanent | [no]static | [no]dynamic ]
              [ [no]added_by_user ] [ [no]extern_learn ] [ [no]sticky ]
              [ [no]offloaded ]
";

/// The status of an entry that is not there.
const NOT_FOUND: i32 = 254;
/// The largest identifier of a VXLAN.
const VNI_MAX: u64 = (1 << 24) - 1;
/// Identifiers of VLANs are smaller.
const VLANS: i16 = 4096;

/// The verbs in the order in which a prefix is tried on them.
const VERBS: [&str; 10] =
    ["add", "append", "replace", "delete", "get", "show", "lst", "list", "flush", "help"];

/// Runs the words behind `bridge fdb`.
pub(super) fn run(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return fdb_show::list(ctx, memory, words) };
    // `flush` alone of all wants its whole word.
    let is = |verb: &&str| if *verb == "flush" { typed == "flush" } else { matches(typed, verb) };
    match VERBS.into_iter().find(is) {
        Some("add") => modify(ctx, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, rest),
        Some("append") => modify(ctx, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, rest),
        Some("replace") => modify(ctx, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, rest),
        Some("delete") => modify(ctx, RTM_DELNEIGH, 0, rest),
        Some("get") => get(ctx, memory, rest),
        Some("flush") => flush(ctx, rest),
        Some("help") => Err(usage()),
        Some(_) => fdb_show::list(ctx, memory, rest),
        None => Err(unknown_command("fdb", typed)),
    }
}

/// Prints the usage and ends the process.
pub(super) fn usage() -> Stop {
    Stop::exit(USAGE)
}

/// What a word of a change does.
#[derive(Clone, Copy)]
enum Does {
    Device,
    Destination,
    Nexthop,
    Port,
    Vni,
    SourceVni,
    Via,
    Vlan,
    /// Sets `NTF_*`.
    Flag(u8),
    /// Sets and then clears `NUD_*`.
    State(u16, u16),
}

/// The words of a change in the order in which they are tried.
static WORDS: &[(&str, Matching, Does)] = &[
    ("dev", Matching::Whole, Does::Device),
    ("dst", Matching::Whole, Does::Destination),
    ("nhid", Matching::Whole, Does::Nexthop),
    ("port", Matching::Whole, Does::Port),
    ("vni", Matching::Whole, Does::Vni),
    ("src_vni", Matching::Whole, Does::SourceVni),
    ("via", Matching::Whole, Does::Via),
    ("self", Matching::Whole, Does::Flag(NTF_SELF)),
    ("master", Matching::Prefix, Does::Flag(NTF_MASTER)),
    ("router", Matching::Prefix, Does::Flag(NTF_ROUTER)),
    ("local", Matching::Prefix, Does::State(NUD_PERMANENT, 0)),
    ("permanent", Matching::Prefix, Does::State(NUD_PERMANENT, 0)),
    ("temp", Matching::Prefix, Does::State(NUD_REACHABLE, 0)),
    ("static", Matching::Prefix, Does::State(NUD_REACHABLE, 0)),
    ("dynamic", Matching::Prefix, Does::State(NUD_REACHABLE, NUD_NOARP)),
    ("vlan", Matching::Prefix, Does::Vlan),
    ("use", Matching::Prefix, Does::Flag(NTF_USE)),
    ("extern_learn", Matching::Prefix, Does::Flag(NTF_EXT_LEARNED)),
    ("sticky", Matching::Prefix, Does::Flag(NTF_STICKY)),
];

/// What the words of a change said. What was not said is none, or 0 where that is not sent.
#[derive(Default)]
struct Entry<'w> {
    address: Option<&'w str>,
    device: Option<&'w str>,
    destination: Option<Vec<u8>>,
    vid: Option<u16>,
    nexthop: u32,
    port: u16,
    vni: Option<u32>,
    source_vni: Option<u32>,
    via: Option<u32>,
    flags: u8,
    state: u16,
}

fn modify(ctx: &mut Context<'_>, kind: u16, flags: u16, words: &[String]) -> Result<(), Stop> {
    let mut entry = read(ctx, &mut Words::new(words))?;
    let (Some(name), Some(address)) = (entry.device, entry.address) else {
        return Err(fail("Device and address are required arguments.\n"));
    };
    if entry.nexthop != 0 && (entry.destination.is_some() || entry.port != 0 || entry.vni.is_some()) {
        return Err(fail("dst, port, vni are mutually exclusive with nhid\n"));
    }
    if entry.flags & (NTF_SELF | NTF_MASTER) == 0 {
        entry.flags |= NTF_SELF;
    }
    if entry.state & (NUD_PERMANENT | NUD_REACHABLE) == 0 {
        entry.state |= NUD_PERMANENT;
    }
    let address = mac(address)?;
    let ifindex = device(ctx, name)?;
    let mut body = Builder::new();
    Ndmsg { family: AF_BRIDGE, ifindex, state: entry.state, flags: entry.flags, kind: 0 }.encode(&mut body);
    entry.encode(&address, &mut body);
    talk(ctx, kind, flags, &body)
}

fn read<'w>(ctx: &mut Context<'_>, words: &mut Words<'w>) -> Result<Entry<'w>, Stop> {
    let mut entry = Entry { state: NUD_NOARP, ..Entry::default() };
    while let Some(typed) = words.take() {
        let row = WORDS.iter().find(|(word, matching, _)| match matching {
            Matching::Prefix => matches(typed, word),
            Matching::Whole => typed == *word,
        });
        match row {
            Some((_, _, does)) => entry.take(ctx, *does, typed, words)?,
            None => read_address(&mut entry.address, typed, words)?,
        }
    }
    Ok(entry)
}

impl<'w> Entry<'w> {
    fn take(
        &mut self,
        ctx: &mut Context<'_>,
        does: Does,
        typed: &str,
        words: &mut Words<'w>,
    ) -> Result<(), Stop> {
        match does {
            Does::Device => self.device = Some(words.value()?),
            Does::Destination => {
                let text = words.value()?;
                if self.destination.is_some() {
                    return Err(Stop::duplicate_or_garbage("dst", text));
                }
                self.destination = Some(prefix::address(text, ctx.options.family)?.bytes);
            }
            Does::Nexthop => {
                let text = words.value()?;
                let id = number(text, 0, u64::from(u32::MAX));
                let wrong = || Stop::invalid("\"id\" value is invalid\n", text);
                self.nexthop = id.ok_or_else(wrong)? as u32;
            }
            Does::Port => self.port = unsigned(words.value()?, u64::from(u16::MAX), "invalid port\n")? as u16,
            Does::Vni => self.vni = Some(unsigned(words.value()?, VNI_MAX, "invalid VNI\n")?),
            Does::SourceVni => {
                self.source_vni = Some(unsigned(words.value()?, VNI_MAX, "invalid src VNI\n")?);
            }
            Does::Via => {
                let via = device(ctx, words.value()?).map_err(|stop| Stop { process: true, ..stop })?;
                self.via = Some(via);
            }
            Does::Vlan => read_vlan(&mut self.vid, typed, words)?,
            Does::Flag(flag) => self.flags |= flag,
            Does::State(set, clear) => self.state = (self.state | set) & !clear,
        }
        Ok(())
    }

    fn encode(&self, address: &[u8], body: &mut Builder) {
        body.put(NDA_LLADDR, address);
        if let Some(destination) = &self.destination {
            body.put(NDA_DST, destination);
        }
        if let Some(vid) = self.vid {
            body.u16(NDA_VLAN, vid);
        }
        if self.nexthop > 0 {
            body.u32(NDA_NH_ID, self.nexthop);
        }
        if self.port > 0 {
            body.u16_be(NDA_PORT, self.port);
        }
        let numbers = [(NDA_VNI, self.vni), (NDA_SRC_VNI, self.source_vni), (NDA_IFINDEX, self.via)];
        for (attribute, value) in numbers {
            if let Some(value) = value {
                body.u32(attribute, value);
            }
        }
    }
}

/// A word that is no other is the address, with or without `to` in front.
fn read_address<'w>(
    address: &mut Option<&'w str>,
    typed: &'w str,
    words: &mut Words<'w>,
) -> Result<(), Stop> {
    let word = if typed == "to" { words.value()? } else { typed };
    if matches(word, "help") {
        return Err(usage());
    }
    match address.replace(word) {
        Some(_) => Err(Stop::duplicate_or_garbage("to", word)),
        None => Ok(()),
    }
}

/// A negative identifier is none.
fn read_vlan(vid: &mut Option<u16>, typed: &str, words: &mut Words<'_>) -> Result<(), Stop> {
    if vid.is_some() {
        return Err(Stop::duplicate_or_garbage("vlan", typed));
    }
    *vid = u16::try_from(atoi(words.value()?) as i16).ok();
    Ok(())
}

/// A number as C's `strtoul` reads it; an empty text is 0.
fn unsigned(text: &str, largest: u64, complaint: &str) -> Result<u32, Stop> {
    if text.is_empty() {
        return Ok(0);
    }
    let value = number(text, 0, largest).ok_or_else(|| Stop::invalid(complaint, text))?;
    Ok(value as u32)
}

/// Six hexadecimal numbers with colons between, each cut to a byte, as C's `sscanf` reads them: what stands behind
/// the last is not looked at.
fn mac(text: &str) -> Result<[u8; 6], Stop> {
    scan_mac(text).ok_or_else(|| fail(format!("Invalid mac address {text}\n")))
}

fn scan_mac(text: &str) -> Option<[u8; 6]> {
    let mut address = [0; 6];
    let mut rest = text;
    for (at, byte) in address.iter_mut().enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(':')?;
        }
        rest = rest.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
        let negative = rest.starts_with('-');
        rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        let prefixed = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X"));
        let digits = prefixed.unwrap_or(rest);
        let end = digits.bytes().position(|b| !b.is_ascii_hexdigit()).unwrap_or(digits.len());
        if end == 0 {
            return None;
        }
        let hex = |value: u8, digit: u8| {
            value.wrapping_mul(16).wrapping_add(char::from(digit).to_digit(16).unwrap_or(0) as u8)
        };
        let value = digits.bytes().take(end).fold(0, hex);
        *byte = if negative { value.wrapping_neg() } else { value };
        rest = &digits[end..];
    }
    Some(address)
}

/// What the words of `get` said.
#[derive(Default)]
struct Wanted<'w> {
    address: Option<&'w str>,
    device: Option<&'w str>,
    bridge: Option<&'w str>,
    vid: Option<u16>,
    vni: Option<u32>,
    flags: u8,
}

fn get(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    let mut words = Words::new(words);
    let mut wanted = Wanted::default();
    while let Some(word) = words.take() {
        match word {
            "brport" | "dev" => wanted.device = Some(words.value()?),
            "br" => wanted.bridge = Some(words.value()?),
            "vni" => wanted.vni = Some(unsigned(words.value()?, VNI_MAX, "invalid VNI\n")?),
            "self" => wanted.flags |= NTF_SELF,
            _ if matches(word, "master") => wanted.flags |= NTF_MASTER,
            _ if matches(word, "vlan") => read_vlan(&mut wanted.vid, word, &mut words)?,
            _ if matches(word, "dynamic") => memory.fdb.dynamic = true,
            _ => read_address(&mut wanted.address, word, &mut words)?,
        }
    }
    let body = wanted.body(ctx)?;
    let answer = ctx.client(|client| client.ask(RTM_GETNEIGH, 0, &body.bytes));
    let answer = answer.map_err(|refusal| Stop { status: NOT_FOUND, ..refused(&refusal) })?;
    ctx.sink.open_array("", "");
    Messages(&answer).take(1).for_each(|message| fdb_show::show(ctx, &message, &memory.fdb, |_| {}));
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    Ok(())
}

impl Wanted<'_> {
    fn body(&self, ctx: &mut Context<'_>) -> Result<Builder, Stop> {
        let Some(address) = self.address.filter(|_| self.device.is_some() || self.bridge.is_some()) else {
            return Err(fail("Device or master and address are required arguments.\n"));
        };
        let address = mac(address)?;
        let ifindex = self.device.map_or(Ok(0), |name| device(ctx, name))?;
        let mut body = Builder::new();
        Ndmsg { family: AF_BRIDGE, ifindex, flags: self.flags, ..Ndmsg::default() }.encode(&mut body);
        body.put(NDA_LLADDR, &address);
        if let Some(vid) = self.vid {
            body.u16(NDA_VLAN, vid);
        }
        if let Some(vni) = self.vni {
            body.u32(NDA_VNI, vni);
        }
        if let Some(bridge) = self.bridge {
            body.u32(NDA_MASTER, bridge_device(ctx, bridge)?);
        }
        Ok(body)
    }
}

/// What a word of `flush` picks: flags to set, to clear and to look at, and the same of states.
struct Pick {
    flags: [u8; 3],
    state: [u16; 3],
}

const fn flag(flag: u8, wanted: bool) -> Pick {
    let (set, clear) = if wanted { (flag, 0) } else { (0, flag) };
    Pick { flags: [set, clear, flag], state: [0; 3] }
}

const fn state(set: u16, clear: u16, mask: u16) -> Pick {
    Pick { flags: [0; 3], state: [set, clear, mask] }
}

/// What is not the table that is meant. A `dynamic` entry is neither local nor fixed.
static PICKS: &[(&str, Pick)] = &[
    ("permanent", state(NUD_PERMANENT, 0, NUD_PERMANENT)),
    ("nopermanent", state(0, NUD_PERMANENT, NUD_PERMANENT)),
    ("static", state(NUD_NOARP, 0, NUD_NOARP | NUD_PERMANENT)),
    ("nostatic", state(0, NUD_NOARP, NUD_NOARP)),
    ("dynamic", state(0, NUD_NOARP, NUD_NOARP | NUD_PERMANENT)),
    ("nodynamic", state(NUD_NOARP, 0, NUD_NOARP)),
    ("added_by_user", flag(NTF_USE, true)),
    ("noadded_by_user", flag(NTF_USE, false)),
    ("extern_learn", flag(NTF_EXT_LEARNED, true)),
    ("noextern_learn", flag(NTF_EXT_LEARNED, false)),
    ("sticky", flag(NTF_STICKY, true)),
    ("nosticky", flag(NTF_STICKY, false)),
    ("offloaded", flag(NTF_OFFLOADED, true)),
    ("nooffloaded", flag(NTF_OFFLOADED, false)),
];

/// What the words of `flush` said.
#[derive(Default)]
struct Flush<'w> {
    device: Option<&'w str>,
    port: Option<&'w str>,
    vid: Option<u16>,
    flags: u8,
    flags_mask: u8,
    state: u16,
    state_mask: u16,
}

impl Flush<'_> {
    fn pick(&mut self, pick: &Pick) {
        let ([set, clear, mask], [state_set, state_clear, state_mask]) = (pick.flags, pick.state);
        self.flags = (self.flags | set) & !clear;
        self.flags_mask |= mask;
        self.state = (self.state | state_set) & !state_clear;
        self.state_mask |= state_mask;
    }
}

fn flush(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let mut flush = read_flush(&mut Words::new(words))?;
    let name = flush.device.ok_or_else(|| fail("Device is a required argument.\n"))?;
    let ifindex = bridge_device(ctx, name)?;
    let port = match flush.port {
        None => None,
        Some(port) => {
            let missing = || fail(format!("Cannot find bridge port device \"{port}\"\n"));
            Some(ctx.links().index(port).ok_or_else(missing)?)
        }
    };
    if let Some(vid) = flush.vid.filter(|vid| *vid >= VLANS as u16) {
        return Err(fail(format!("Invalid VLAN ID \"{vid}\"\n")));
    }
    if flush.flags & (NTF_SELF | NTF_MASTER) == 0 {
        flush.flags |= NTF_SELF;
    }
    let mut body = Builder::new();
    Ndmsg { family: AF_BRIDGE, ifindex, state: flush.state, flags: flush.flags, kind: 0 }.encode(&mut body);
    if let Some(port) = port {
        body.u32(NDA_IFINDEX, port);
    }
    if let Some(vid) = flush.vid {
        body.u16(NDA_VLAN, vid);
    }
    if flush.flags_mask != 0 {
        body.u8(NDA_NDM_FLAGS_MASK, flush.flags_mask);
    }
    if flush.state_mask != 0 {
        body.u16(NDA_NDM_STATE_MASK, flush.state_mask);
    }
    talk(ctx, RTM_DELNEIGH, NLM_F_BULK, &body)
}

/// Words that are not known are passed over; `help` takes a word that is not there, and complains.
fn read_flush<'w>(words: &mut Words<'w>) -> Result<Flush<'w>, Stop> {
    let mut flush = Flush::default();
    while let Some(word) = words.take() {
        match word {
            "dev" => flush.device = Some(words.value()?),
            "master" => flush.flags |= NTF_MASTER,
            "self" => flush.flags |= NTF_SELF,
            "brport" => {
                if flush.port.is_some() {
                    return Err(Stop::duplicate_or_garbage("brport", word));
                }
                flush.port = Some(words.value()?);
            }
            "vlan" => read_vlan(&mut flush.vid, word, words)?,
            "help" => drop(words.value()?),
            _ => {
                if let Some((_, pick)) = PICKS.iter().find(|(pick, _)| *pick == word) {
                    flush.pick(pick);
                }
            }
        }
    }
    Ok(flush)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_scanf_reads_them() {
        assert_eq!(scan_mac("2:0:0:0:0:100"), Some([2, 0, 0, 0, 0, 0]));
        assert_eq!(scan_mac("02:00:00:00:00:1x"), Some([2, 0, 0, 0, 0, 1]));
        assert_eq!(scan_mac("0x2:+1: 3:-1:5:6:7"), Some([2, 1, 3, 255, 5, 6]));
        for text in ["", "2:0:0:0:0", "2:0:0:0:0:", "zz:zz", "2-0-0-0-0-0"] {
            assert_eq!(scan_mac(text), None, "{text}");
        }
    }
}
