//! `ip route get`: which way a packet would go.

use super::filter::Filter;
use super::show::show;
use super::{check_vrf, usage};
use crate::context::{AF_INET, AF_INET6, AF_UNSPEC, Context};
use rtnl::attr::Builder;
use rtnl::message::Messages;
use rtnl::names::{SERVICES, ip_protocol};
use rtnl::object::route::*;
use rtnl::prefix::{bit_length, prefix};
use rtnl::table::Tb;
use rtnl::words::{Stop, Words, matches, number};

/// What was read of a line.
#[derive(Default)]
struct Line<'w> {
    route: Rtmsg,
    iif: Option<&'w str>,
    oif: Option<&'w str>,
    mark: u32,
    connected: bool,
    from: bool,
    found: bool,
    fib_match: bool,
}

/// Runs the words behind `ip route get`.
///
/// # Errors
/// What the tool says.
pub(super) fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let mut line = Line::default();
    line.route.family = ctx.options.family;
    let mut out = Builder::new();
    let mut words = Words::new(words);
    while let Some(word) = words.take() {
        line.word(ctx, word, &mut words, &mut out)?;
    }
    if !line.found {
        return Err(Stop::fail(1, "need at least a destination address\n"));
    }
    if let Some(name) = line.iif {
        out.u32(RTA_IIF, ctx.device(name)?);
    }
    if let Some(name) = line.oif {
        out.u32(RTA_OIF, ctx.device(name)?);
    }
    if line.mark != 0 {
        out.u32(RTA_MARK, line.mark);
    }
    if line.route.family == AF_UNSPEC {
        line.route.family = AF_INET;
    }
    // Only IPv4 knows this flag.
    if line.route.family == AF_INET {
        line.route.flags |= RTM_F_LOOKUP_TABLE;
    }
    if line.fib_match {
        line.route.flags |= RTM_F_FIB_MATCH;
    }
    let mut body = Builder::new();
    line.route.encode(&mut body);
    body.bytes.extend_from_slice(&out.bytes);
    ask(ctx, &body.bytes, line.connected && !line.from)
}

/// Asks and shows the answer. With `connected` the tool asks the same again, and shows that as text.
fn ask(ctx: &mut Context<'_>, body: &[u8], again: bool) -> Result<(), Stop> {
    let filter = Filter { family: ctx.options.family, ..Filter::default() };
    let answer = ctx.ask(RTM_GETROUTE, 0, body)?;
    ctx.sink.open_array("", "");
    show_answer(ctx, &answer, &filter);
    if again {
        let tb = Messages(&answer).next().map_or_else(Tb::empty, |m| Tb::read(m.attrs(Rtmsg::SIZE)));
        if !tb.has(RTA_PREFSRC) && !tb.has(RTA_SRC) {
            return Err(Stop::fail(1, "Failed to connect the route\n"));
        }
    }
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    if again {
        let answer = ctx.ask(RTM_GETROUTE, 0, body)?;
        let json = std::mem::take(&mut ctx.sink.format.json);
        show_answer(ctx, &answer, &filter);
        ctx.sink.format.json = json;
    }
    Ok(())
}

fn show_answer(ctx: &mut Context<'_>, answer: &[u8], filter: &Filter) {
    for message in Messages(answer) {
        if filter.takes(&message, &mut super::filter::Seen::default()) {
            show(ctx, &message, filter);
        }
    }
}

impl<'w> Line<'w> {
    fn word(
        &mut self,
        ctx: &mut Context<'_>,
        word: &'w str,
        words: &mut Words<'w>,
        out: &mut Builder,
    ) -> Result<(), Stop> {
        let any = |name: &str| matches(word, name);
        if word == "tos" || any("dsfield") {
            let text = words.value()?;
            let invalid = || Stop::invalid("TOS value is invalid\n", text);
            self.route.tos = SERVICES.number(text).ok_or_else(invalid)? as u8;
        } else if any("from") {
            self.read_from(words, out)?;
        } else if any("iif") {
            self.iif = Some(words.value()?);
        } else if any("mark") {
            self.mark = value("invalid mark value", words, u32::MAX)?;
        } else if any("oif") || word == "dev" {
            self.oif = Some(words.value()?);
        } else if any("notify") {
            self.route.flags |= RTM_F_NOTIFY;
        } else if any("connected") {
            self.connected = true;
        } else if any("vrf") {
            let name = words.value()?;
            check_vrf(ctx, name)?;
            self.oif = Some(name);
        } else if any("uid") {
            out.u32(RTA_UID, value("invalid UID\n", words, u32::MAX)?);
        } else if any("fibmatch") {
            self.fib_match = true;
        } else if word == "as" {
            super::nexthop::new_destination(words, &mut self.route.family, out)?;
        } else if any("sport") {
            out.u16_be(RTA_SPORT, value("invalid sport\n", words, u32::from(u16::MAX))? as u16);
        } else if any("dport") {
            out.u16_be(RTA_DPORT, value("invalid dport\n", words, u32::from(u16::MAX))? as u16);
        } else if any("ipproto") {
            let text = words.value()?;
            let invalid = || Stop::invalid("Invalid \"ipproto\" value\n", text);
            out.u8(RTA_IP_PROTO, ip_protocol(text).ok_or_else(invalid)?);
        } else {
            self.read_destination(ctx, word, words, out)?;
        }
        Ok(())
    }

    fn read_from(&mut self, words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
        let text = words.value()?;
        if matches(text, "help") {
            return Err(usage());
        }
        self.from = true;
        let from = prefix(text, self.route.family)?;
        if self.route.family == AF_UNSPEC {
            self.route.family = from.family;
        }
        if !from.bytes.is_empty() {
            out.put(RTA_SRC, &from.bytes);
        }
        self.route.src_len = from.bits;
        Ok(())
    }

    fn read_destination(
        &mut self,
        ctx: &mut Context<'_>,
        word: &'w str,
        words: &mut Words<'w>,
        out: &mut Builder,
    ) -> Result<(), Stop> {
        let text = if word == "to" { words.value()? } else { word };
        if matches(text, "help") {
            return Err(usage());
        }
        let to = prefix(text, self.route.family)?;
        if self.route.family == AF_UNSPEC {
            self.route.family = to.family;
        }
        if !to.bytes.is_empty() {
            out.put(RTA_DST, &to.bytes);
        }
        let whole = bit_length(self.route.family);
        self.route.dst_len = to.bits;
        if matches!(self.route.family, AF_INET | AF_INET6) && to.bits != whole {
            ctx.host.err(&format!(
                "Warning: /{} as prefix is invalid, only /{whole} (or none) is supported.\n",
                to.bits
            ));
            self.route.dst_len = whole;
        }
        self.found = true;
        Ok(())
    }
}

fn value(complaint: &str, words: &mut Words<'_>, largest: u32) -> Result<u32, Stop> {
    let text = words.value()?;
    let value = number(text, 0, u64::from(largest));
    value.map(|value| value as u32).ok_or_else(|| Stop::invalid(complaint, text))
}
