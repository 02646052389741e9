//! `ip neighbour add|change|replace|delete|get`: one request of a whole line.

use super::show::show;
use super::{state, usage};
use crate::context::{AF_UNSPEC, Context};
use crate::neighbour::list::Filter;
use rtnl::attr::Builder;
use rtnl::lladdr;
use rtnl::message::Messages;
use rtnl::names::PROTOCOLS;
use rtnl::object::neigh::*;
use rtnl::prefix::{Prefix, address};
use rtnl::words::{Stop, Words, matches};

/// How long a link-layer address can be.
const ADDRESS_ROOM: usize = 20;

/// What was read of a line.
#[derive(Default)]
struct Line<'w> {
    head: Ndmsg,
    extended: u32,
    destination: Option<Prefix>,
    device: Option<&'w str>,
    address: Option<&'w str>,
}

/// Runs the words behind a verb, whose message has that type and those flags.
///
/// # Errors
/// What the tool says.
pub(super) fn run(ctx: &mut Context<'_>, kind: u16, flags: u16, words: &[String]) -> Result<(), Stop> {
    let mut line = Line::default();
    line.head.state = NUD_PERMANENT;
    let mut out = Builder::new();
    let family = ctx.options.family;
    let mut words = Words::new(words);
    while let Some(word) = words.take() {
        line.word(family, word, &mut words, &mut out)?;
    }
    let missing = "Device and destination are required arguments.\n";
    line.write_destination(&mut out).ok_or_else(|| Stop::exit(missing))?;
    if line.extended != 0 {
        out.u32(NDA_FLAGS_EXT, line.extended);
    }
    if let Some(text) = line.address.filter(|text| *text != "null") {
        out.put(NDA_LLADDR, &lladdr::parse_within(text, ADDRESS_ROOM)?);
    }
    ctx.learn_links()?;
    let body = line.body(ctx, &out)?;
    // A refusal ends the whole process here.
    ctx.talk(kind, flags, &body).map_err(|stop| Stop { process: true, ..stop })
}

/// Runs the words behind `ip neighbour get`.
///
/// # Errors
/// What the tool says.
pub(super) fn get(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let mut line = Line::default();
    let family = ctx.options.family;
    let mut words = Words::new(words);
    while let Some(word) = words.take() {
        match word {
            "dev" => line.device = Some(words.value()?),
            _ if matches(word, "proxy") => line.read_proxy(family, &mut words)?,
            _ => {
                let text = if word == "to" { words.value()? } else { word };
                if matches(text, "help") {
                    return Err(usage());
                }
                line.read_destination(family, text)?;
            }
        }
    }
    let mut out = Builder::new();
    let missing = "Device and address are required arguments.\n";
    line.write_destination(&mut out).ok_or_else(|| Stop::fail(1, missing))?;
    let body = line.body(ctx, &out)?;
    let answer = ctx.ask(RTM_GETNEIGH, 0, &body)?;
    // The tool answers this in text whatever the options say.
    let json = std::mem::take(&mut ctx.sink.format.json);
    Messages(&answer).for_each(|message| show(ctx, &message, &Filter::default()));
    ctx.sink.format.json = json;
    Ok(())
}

impl<'w> Line<'w> {
    fn word(
        &mut self,
        family: u8,
        word: &'w str,
        words: &mut Words<'w>,
        out: &mut Builder,
    ) -> Result<(), Stop> {
        match word {
            _ if matches(word, "lladdr") => {
                let text = words.value()?;
                if self.address.replace(text).is_some() {
                    return Err(Stop::duplicate("lladdr", text));
                }
            }
            "nud" => {
                let text = words.value()?;
                self.head.state = state(text).ok_or_else(|| Stop::invalid("nud state is bad", text))?;
            }
            _ if matches(word, "proxy") => self.read_proxy(family, words)?,
            "router" => self.head.flags |= NTF_ROUTER,
            "use" => self.head.flags |= NTF_USE,
            // The kernel finds out; a state that was typed before goes.
            _ if matches(word, "managed") => {
                self.extended |= NTF_EXT_MANAGED;
                self.head.state = NUD_NONE;
            }
            _ if matches(word, "extern_learn") => self.head.flags |= NTF_EXT_LEARNED,
            "dev" => self.device = Some(words.value()?),
            _ if matches(word, "protocol") => {
                let text = words.value()?;
                let invalid = || Stop::invalid("\"protocol\" value is invalid\n", text);
                out.u8(NDA_PROTOCOL, PROTOCOLS.number(text).ok_or_else(invalid)? as u8);
            }
            _ => {
                let text = if word == "to" { words.value()? } else { word };
                // The tool passes over a call for help here.
                let text = if matches(text, "help") { words.value()? } else { text };
                self.read_destination(family, text)?;
            }
        }
        Ok(())
    }

    fn read_proxy(&mut self, family: u8, words: &mut Words<'_>) -> Result<(), Stop> {
        let text = words.value()?;
        if matches(text, "help") {
            return Err(usage());
        }
        if self.destination.is_some() {
            return Err(Stop::duplicate("address", text));
        }
        self.destination = Some(address(text, family)?);
        self.head.flags |= NTF_PROXY;
        Ok(())
    }

    fn read_destination(&mut self, family: u8, text: &str) -> Result<(), Stop> {
        if self.destination.is_some() {
            return Err(Stop::duplicate_or_garbage("to", text));
        }
        self.destination = Some(address(text, family)?);
        Ok(())
    }

    /// Writes the destination; none if it, or the device that it needs, is missing.
    fn write_destination(&mut self, out: &mut Builder) -> Option<()> {
        let has_device = self.device.is_some() || self.head.flags & NTF_PROXY != 0;
        let destination = self.destination.as_ref().filter(|to| has_device && to.family != AF_UNSPEC)?;
        self.head.family = destination.family;
        out.put(NDA_DST, &destination.bytes);
        Some(())
    }

    /// The request: the header with the device's index, and the attributes.
    fn body(&mut self, ctx: &mut Context<'_>, out: &Builder) -> Result<Vec<u8>, Stop> {
        if let Some(name) = self.device {
            self.head.ifindex = ctx.device(name)?;
        }
        let mut body = Builder::new();
        self.head.encode(&mut body);
        body.bytes.extend_from_slice(&out.bytes);
        Ok(body.bytes)
    }
}
