//! `ip rule show` and `ip rule flush`: the same words select; a flush deletes all of these that have a priority.

use super::show::show;
use super::{read_mark, read_ports, read_prefix, read_u32, read_users};
use crate::context::{AF_INET, AF_UNSPEC, Context, refused};
use crate::saved::{RULES, store};
use crate::session::is_ifname;
use rtnl::attr::Builder;
use rtnl::message::{HEADER, Message, Messages};
use rtnl::names::{PROTOCOLS, SERVICES, TABLES, ip_protocol};
use rtnl::object::rule::*;
use rtnl::prefix::{Prefix, same_bits};
use rtnl::table::Tb;
use rtnl::words::{Stop, Words, matches, number};

/// What is selected. A field that is not set takes everything.
#[derive(Default)]
struct Filter {
    family: u8,
    inverted: bool,
    l3mdev: bool,
    priority: Option<u32>,
    tos: Option<u8>,
    mark: u32,
    mask: u32,
    iif: Option<String>,
    oif: Option<String>,
    users: Option<(u32, u32)>,
    tunnel: u64,
    table: u32,
    /// Looked at by a flush only.
    protocol: Option<u8>,
    ip_protocol: u8,
    sport: (u16, u16),
    dport: (u16, u16),
    source: Prefix,
    destination: Prefix,
}

/// Runs the words behind `ip rule show` or `ip rule flush`.
///
/// # Errors
/// What the tool says.
pub(super) fn run(ctx: &mut Context<'_>, words: &[String], flushes: bool) -> Result<(), Stop> {
    let family = if ctx.options.family == AF_UNSPEC { AF_INET } else { ctx.options.family };
    let filter = Filter { family: ctx.options.family, ..Filter::default() }.parse(words, family)?;
    let mut body = Builder::new();
    FibRule { family, ..FibRule::default() }.encode(&mut body);
    let rules = ctx.dump(RTM_GETRULE, &body.bytes);
    ctx.sink.open_array("", "");
    let done = rules.map_err(|stop| Stop { status: 255, ..stop }).and_then(|rules| {
        for bytes in &rules {
            for message in Messages(bytes).filter(|message| filter.takes(message)) {
                if flushes {
                    filter.flush(ctx, &message)?;
                } else {
                    show(ctx, &message);
                }
            }
        }
        Ok(())
    });
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    done
}

/// Runs `ip rule save`.
///
/// # Errors
/// What the tool says.
pub(super) fn save(ctx: &mut Context<'_>) -> Result<(), Stop> {
    let family = if ctx.options.family == AF_UNSPEC { AF_INET } else { ctx.options.family };
    RULES.begin(ctx)?;
    let mut body = Builder::new();
    FibRule { family, ..FibRule::default() }.encode(&mut body);
    let rules = ctx.dump(RTM_GETRULE, &body.bytes).map_err(|stop| Stop { status: 255, ..stop })?;
    store(ctx, &rules, |message| message.header.kind == RTM_NEWRULE)
}

impl Filter {
    fn parse(mut self, words: &[String], family: u8) -> Result<Filter, Stop> {
        let mut words = Words::new(words);
        while let Some(word) = words.take() {
            if !self.first_words(word, &mut words)? {
                self.later_words(word, &mut words, family)?;
            }
        }
        Ok(self)
    }

    fn first_words(&mut self, word: &str, words: &mut Words<'_>) -> Result<bool, Stop> {
        let any = |names: &[&str]| names.iter().any(|name| matches(word, name));
        match word {
            _ if any(&["preference", "order", "priority"]) => {
                self.priority = Some(read_u32("preference value is invalid\n", words.value()?)?);
            }
            "not" => self.inverted = true,
            "tos" => {
                let text = words.value()?;
                let invalid = || Stop::invalid("TOS value is invalid\n", text);
                self.tos = Some(SERVICES.number(text).ok_or_else(invalid)? as u8);
            }
            "fwmark" => {
                let (mark, mask) = read_mark(words.value()?)?;
                self.mark = mark;
                self.mask = mask.unwrap_or(self.mask);
            }
            "dev" | "iif" => self.iif = Some(link("\"iif\"/\"dev\" not a valid ifname", words)?),
            "oif" => self.oif = Some(link("\"oif\" not a valid ifname", words)?),
            "l3mdev" => self.l3mdev = true,
            "uidrange" => self.users = Some(read_users(words.value()?)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn later_words(&mut self, word: &str, words: &mut Words<'_>, family: u8) -> Result<(), Stop> {
        let any = |names: &[&str]| names.iter().any(|name| matches(word, name));
        if any(&["tun_id"]) {
            let text = words.value()?;
            let invalid = || Stop::invalid("\"tun_id\" value is invalid\n", text);
            self.tunnel = number(text, 0, u64::MAX).ok_or_else(invalid)?;
        } else if any(&["lookup", "table"]) {
            let text = words.value()?;
            let invalid = || Stop::invalid("table id value is invalid\n", text);
            self.table = TABLES.number(text).ok_or_else(invalid)?;
        } else if any(&["from", "src"]) {
            self.source = read_prefix(words.value()?, family)?;
        } else if any(&["protocol"]) {
            let text = words.value()?;
            self.protocol = match PROTOCOLS.number(text) {
                None if text == "all" => None,
                None => return Err(Stop::invalid("invalid \"protocol\"\n", text)),
                number => number.map(|number| number as u8),
            };
        } else if word == "ipproto" {
            let text = words.value()?;
            let invalid = || Stop::invalid("Invalid \"ipproto\" value\n", text);
            self.ip_protocol = ip_protocol(text).ok_or_else(invalid)?;
        } else if word == "sport" {
            self.sport = read_ports("invalid port range\n", words.value()?)?;
        } else if word == "dport" {
            self.dport = read_ports("invalid dport range\n", words.value()?)?;
        } else {
            let text = if any(&["dst", "to"]) { words.value()? } else { word };
            self.destination = read_prefix(text, family)?;
        }
        Ok(())
    }

    fn takes(&self, message: &Message<'_>) -> bool {
        let Some(rule) = FibRule::decode(message) else { return false };
        let tb = Tb::read(message.attrs(FibRule::SIZE));
        let number = |attribute: u16| tb.u32(attribute).unwrap_or(0);
        let within = |prefix: &Prefix, attribute: u16, length: u8| {
            let own = tb.get(attribute).map_or(&[][..], |attr| attr.payload);
            prefix.family == AF_UNSPEC
                || (prefix.family == rule.family
                    && prefix.bits <= length
                    && same_bits(own, &prefix.bytes, prefix.bits))
        };
        let is_named = |name: &Option<String>, attribute: u16| {
            name.as_ref().is_none_or(|name| tb.string(attribute) == Some(name.as_bytes()))
        };
        (self.family == AF_UNSPEC || self.family == rule.family)
            && self.priority.is_none_or(|priority| priority == number(FRA_PRIORITY))
            && (!self.inverted || rule.flags & FIB_RULE_INVERT != 0)
            && within(&self.source, FRA_SRC, rule.src_len)
            && within(&self.destination, FRA_DST, rule.dst_len)
            && self.tos.is_none_or(|tos| tos == rule.tos)
            && (self.mark == 0 || self.mark == number(FRA_FWMARK))
            && (self.mask == 0 || self.mask == number(FRA_FWMASK))
            && is_named(&self.iif, FRA_IIFNAME)
            && is_named(&self.oif, FRA_OIFNAME)
            && (!self.l3mdev || tb.u8(FRA_L3MDEV).unwrap_or(0) != 0)
            && self.takes_rest(&rule, &tb)
    }

    fn takes_rest(&self, rule: &FibRule, tb: &Tb<'_>) -> bool {
        let is_in = |range: (u16, u16), attribute: u16| {
            let own = || tb.get(attribute).map(|attr| super::show::port_range(&attr));
            range.0 == 0 || own() == Some(range)
        };
        let tunnel = tb.get(FRA_TUN_ID).map(|attr| u64::from_be_bytes(attr.first()));
        self.users.is_none_or(|users| tb.get(FRA_UID_RANGE).map(|attr| attr.u32_pair()) == Some(users))
            && (self.ip_protocol == 0 || self.ip_protocol == tb.u8(FRA_IP_PROTO).unwrap_or(0))
            && is_in(self.sport, FRA_SPORT_RANGE)
            && is_in(self.dport, FRA_DPORT_RANGE)
            && (self.tunnel == 0 || tunnel == Some(self.tunnel))
            && (self.table == 0 || self.table == rule.table(tb.u32(FRA_TABLE)))
    }

    /// Deletes the rule that a message tells of.
    fn flush(&self, ctx: &mut Context<'_>, message: &Message<'_>) -> Result<(), Stop> {
        let tb = Tb::read(message.attrs(FibRule::SIZE));
        let made_by = tb.u8(FRA_PROTOCOL);
        if self.protocol.is_some_and(|wanted| made_by.is_some_and(|made_by| made_by != wanted)) {
            return Ok(());
        }
        if !tb.has(FRA_PRIORITY) {
            return Ok(());
        }
        let body = message.bytes.get(HEADER..).unwrap_or(&[]);
        ctx.client(|client| client.talk(RTM_DELRULE, 0, body)).map_err(|refusal| {
            let stop = refused(&refusal);
            Stop { status: 255, error: stop.error + "Dump terminated\n", ..stop }
        })
    }
}

fn link(complaint: &str, words: &mut Words<'_>) -> Result<String, Stop> {
    let name = words.value()?;
    if is_ifname(name) { Ok(name.into()) } else { Err(Stop::invalid(complaint, name)) }
}
