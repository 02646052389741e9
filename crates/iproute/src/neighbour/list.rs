//! `ip neighbour show` and `ip neighbour flush`.

use super::show::show;
use super::{state, usage};
use crate::context::{AF_UNSPEC, Context};
use crate::flush::{delete, gather, say_end, say_round};
use crate::link_list::vrf;
use rtnl::attr::Builder;
use rtnl::message::{Message, Messages};
use rtnl::names::PROTOCOLS;
use rtnl::object::neigh::*;
use rtnl::prefix::{Prefix, prefix};
use rtnl::table::Tb;
use rtnl::words::{Stop, Words, matches};

/// How often a flush tries.
const ROUNDS: u32 = 10;
/// In a filter: no state at all.
const NO_STATE: u32 = 0x100;

/// What is selected.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only of this family; 0 is any.
    pub family: u8,
    /// Only on this link; 0 is any.
    pub ifindex: u32,
    /// Only on ports of this master; 0 is any, -1 those of none.
    pub master: i32,
    /// Only in one of these states.
    pub states: u32,
    /// Only those that nobody holds.
    pub unused: bool,
    /// Only in this prefix.
    pub to: Prefix,
    /// Only by this maker; 0 is any.
    pub protocol: u8,
    /// What the kernel is asked for: neighbours, or those answered for.
    pub flags: u8,
}

impl Default for Filter {
    fn default() -> Self {
        Filter {
            family: AF_UNSPEC,
            ifindex: 0,
            master: 0,
            states: u32::MAX,
            unused: false,
            to: Prefix::default(),
            protocol: 0,
            flags: 0,
        }
    }
}

impl Filter {
    /// Whether the neighbour is selected.
    pub fn takes(&self, message: &Message<'_>) -> bool {
        let Some(head) = Ndmsg::decode(message) else { return false };
        let of_place = (self.family == AF_UNSPEC || self.family == head.family)
            && (self.ifindex == 0 || self.ifindex == head.ifindex);
        let in_state = self.states & u32::from(head.state) != 0
            || head.flags & (NTF_PROXY | NTF_EXT_LEARNED) != 0
            || (head.state == NUD_NONE && self.states & NO_STATE != 0);
        if !of_place || !in_state {
            return false;
        }
        let tb = Tb::read(message.attrs(Ndmsg::SIZE));
        let held = tb.get(NDA_CACHEINFO).is_some_and(|attr| Cacheinfo::decode(&attr).references != 0);
        self.to.holds(tb.get(NDA_DST))
            && (self.protocol == 0 || self.protocol == tb.u8(NDA_PROTOCOL).unwrap_or(0))
            && !(self.unused && held)
    }

    fn parse(ctx: &mut Context<'_>, words: &[String], flushes: bool) -> Result<Filter, Stop> {
        let states =
            if flushes { !u32::from(NUD_PERMANENT | NUD_NOARP) } else { 0xff & !u32::from(NUD_NOARP) };
        let mut filter = Filter { family: ctx.options.family, states, ..Filter::default() };
        let (mut device, mut given) = (None, false);
        let mut words = Words::new(words);
        while let Some(word) = words.take() {
            match word {
                "dev" => {
                    let name = words.value()?;
                    if device.replace(name).is_some() {
                        return Err(Stop::duplicate("dev", name));
                    }
                }
                "master" => {
                    let name = words.value()?;
                    let missing = || Stop::invalid("Device does not exist\n", name);
                    filter.master = ctx.links().index(name).ok_or_else(missing)? as i32;
                }
                "vrf" => filter.master = vrf(ctx, ctx.options.family, words.value()?)? as i32,
                "nomaster" => filter.master = -1,
                "unused" => filter.unused = true,
                "nud" => {
                    if !std::mem::replace(&mut given, true) {
                        filter.states = 0;
                    }
                    filter.states |= read_states(words.value()?, flushes)?;
                }
                "proxy" => filter.flags = NTF_PROXY,
                _ if matches(word, "protocol") => filter.protocol = read_protocol(words.value()?)?,
                _ => {
                    let text = if word == "to" { words.value()? } else { word };
                    if matches(text, "help") {
                        return Err(usage());
                    }
                    filter.to = prefix(text, filter.family)?;
                    if filter.family == AF_UNSPEC {
                        filter.family = filter.to.family;
                    }
                }
            }
        }
        ctx.learn_links()?;
        if let Some(name) = device {
            filter.ifindex = ctx.device(name)?;
        }
        Ok(filter)
    }
}

fn read_states(text: &str, flushes: bool) -> Result<u32, Stop> {
    match state(text) {
        Some(NUD_NONE) => Ok(NO_STATE),
        Some(state) => Ok(u32::from(state)),
        None if text == "all" && flushes => Ok(!u32::from(NUD_NOARP)),
        None if text == "all" => Ok(u32::MAX),
        None => Err(Stop::invalid("nud state is bad", text)),
    }
}

fn read_protocol(text: &str) -> Result<u8, Stop> {
    match PROTOCOLS.number(text) {
        Some(protocol) => Ok(protocol as u8),
        None if text == "all" => Ok(0),
        None => Err(Stop::invalid("invalid \"protocol\"\n", text)),
    }
}

fn dump(ctx: &mut Context<'_>, filter: &Filter) -> Result<Vec<Vec<u8>>, Stop> {
    let mut body = Builder::new();
    Ndmsg { family: filter.family, flags: filter.flags, ..Ndmsg::default() }.encode(&mut body);
    if filter.ifindex != 0 {
        body.u32(NDA_IFINDEX, filter.ifindex);
    }
    if filter.master != 0 {
        body.i32(NDA_MASTER, filter.master);
    }
    // A dump that is refused ends the whole process here.
    ctx.dump(RTM_GETNEIGH, &body.bytes).map_err(|stop| Stop { process: true, ..stop })
}

/// Runs the words behind `ip neighbour show`.
///
/// # Errors
/// What the tool says.
pub(super) fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let filter = Filter::parse(ctx, words, false)?;
    let neighbours = dump(ctx, &filter)?;
    ctx.sink.open_array("", "");
    for bytes in &neighbours {
        for message in Messages(bytes).filter(|message| filter.takes(message)) {
            show(ctx, &message, &filter);
        }
    }
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    Ok(())
}

/// Runs the words behind `ip neighbour flush`.
///
/// # Errors
/// What the tool says.
pub(super) fn flush(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    if words.is_empty() {
        return Err(Stop::fail(1, "Flush requires arguments.\n"));
    }
    let mut filter = Filter::parse(ctx, words, true)?;
    // What a flush says is text whatever the options say.
    let json = std::mem::take(&mut ctx.sink.format.json);
    let done = rounds(ctx, &mut filter);
    ctx.sink.format.json = json;
    done
}

fn rounds(ctx: &mut Context<'_>, filter: &mut Filter) -> Result<(), Stop> {
    for round in 0..ROUNDS {
        let all = dump(ctx, filter).map_err(|stop| Stop {
            error: stop.error.replace("Dump terminated", "Flush terminated"),
            ..stop
        })?;
        let entries =
            gather(ctx, &all, |_, message| message.header.kind == RTM_NEWNEIGH && filter.takes(message));
        if ctx.sink.format.statistics >= 2 {
            for bytes in &entries {
                Messages(bytes).for_each(|message| show(ctx, &message, filter));
            }
        }
        if entries.is_empty() {
            say_end(ctx, round);
            return Ok(());
        }
        if let Err(errno) = delete(ctx, RTM_DELNEIGH, &entries) {
            return Err(Stop::exit_with(1, format!("Failed to send flush request: {errno}\n")));
        }
        say_round(ctx, round + 1, entries.len(), "entries");
        // A neighbour that was deleted while someone held it stays for a while as one that failed.
        filter.states &= !u32::from(NUD_FAILED);
    }
    let end = format!("*** Flush not complete bailing out after {ROUNDS} rounds\n");
    Err(Stop::fail(255, "").with_output(end))
}
