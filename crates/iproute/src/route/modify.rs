//! `ip route add|change|replace|prepend|append|test|delete`: one request of a whole line.

use super::encap::encapsulation;
use super::filter::Filter;
use super::metrics::Metrics;
use super::nexthop::{gateway, new_destination, nexthops, realms};
use super::{show, usage, vrf_table};
use crate::context::{AF_INET, AF_INET6, AF_MPLS, AF_UNSPEC, Context};
use crate::echo::talk;
use rtnl::attr::Builder;
use rtnl::names::{self, Names, PROTOCOLS, SCOPES, SERVICES, TABLES};
use rtnl::object::route::*;
use rtnl::prefix::{Prefix, address, prefix};
use rtnl::words::{Stop, Words, matches, number};

/// What was read of a line.
struct Line<'w> {
    route: Rtmsg,
    device: Option<&'w str>,
    metrics: Metrics,
    /// What was told.
    gateway: bool,
    destination: bool,
    scope: bool,
    table: bool,
    kind: bool,
    /// The number of an object of next hops.
    object: u32,
}

/// Runs the words behind a verb, whose message has that type and those flags.
///
/// # Errors
/// What the tool says.
pub(super) fn run(ctx: &mut Context<'_>, kind: u16, flags: u16, words: &[String]) -> Result<(), Stop> {
    let deletes = kind == RTM_DELROUTE;
    let mut line = Line::new(ctx.options.family, deletes);
    let mut out = Builder::new();
    let mut words = Words::new(words);
    let mut has_hops = false;
    while let Some(word) = words.take() {
        if !line.word(ctx, word, &mut words, &mut out)? {
            words.back();
            has_hops = true;
            break;
        }
    }
    if !line.destination {
        return Err(usage());
    }
    if let Some(device) = line.device {
        out.u32(RTA_OIF, ctx.device(device)?);
    }
    std::mem::take(&mut line.metrics).write(&mut out);
    if has_hops {
        nexthops(ctx, &mut words, &mut line.route.family, &mut out)?;
    }
    line.finish(deletes, has_hops);
    let mut body = Builder::new();
    line.route.encode(&mut body);
    body.bytes.extend_from_slice(&out.bytes);
    talk(ctx, kind, flags, &body.bytes, |ctx, message| show::show_route(ctx, message, &Filter::default()))
}

impl<'w> Line<'w> {
    fn new(family: u8, deletes: bool) -> Self {
        let mut route =
            Rtmsg { family, table: RT_TABLE_MAIN as u8, scope: RT_SCOPE_NOWHERE, ..Rtmsg::default() };
        if !deletes {
            route.protocol = RTPROT_BOOT;
            route.scope = RT_SCOPE_UNIVERSE;
            route.kind = RTN_UNICAST;
        }
        Line {
            route,
            device: None,
            metrics: Metrics::default(),
            gateway: false,
            destination: false,
            scope: false,
            table: false,
            kind: false,
            object: 0,
        }
    }

    /// Reads one setting; says whether it was one, and not the beginning of the next hops.
    fn word(
        &mut self,
        ctx: &mut Context<'_>,
        word: &'w str,
        words: &mut Words<'w>,
        out: &mut Builder,
    ) -> Result<bool, Stop> {
        let family = &mut self.route.family;
        match word {
            "src" => {
                let source = address(words.value()?, *family)?;
                learn(family, &source);
                out.put(RTA_PREFSRC, &source.bytes);
            }
            "as" => new_destination(words, family, out)?,
            "via" if self.gateway => {
                return Err(Stop::invalid("use nexthop syntax to specify multiple via\n", word));
            }
            "via" => {
                self.gateway = true;
                gateway(words, family, out)?;
            }
            "from" => {
                let from = prefix(words.value()?, *family)?;
                learn(family, &from);
                if !from.bytes.is_empty() {
                    out.put(RTA_SRC, &from.bytes);
                }
                self.route.src_len = from.bits;
            }
            _ if word == "tos" || matches(word, "dsfield") => {
                self.route.tos = read(&SERVICES, "\"tos\" value is invalid\n", words.value()?)? as u8;
            }
            "expires" => out.u32(RTA_EXPIRES, value("expires", words)?),
            _ if matches(word, "metric") || matches(word, "priority") || word == "preference" => {
                out.u32(RTA_PRIORITY, value("metric", words)?);
            }
            "scope" => {
                self.route.scope = read(&SCOPES, "invalid \"scope\" value\n", words.value()?)? as u8;
                self.scope = true;
            }
            _ if self.metrics.word(word, words)? => {}
            _ if matches(word, "realms") => realms(words, out)?,
            "onlink" => self.route.flags |= RTNH_F_ONLINK,
            "nexthop" => return Ok(false),
            _ => self.later_word(ctx, word, words, out)?,
        }
        Ok(true)
    }

    /// The words that are tried behind those.
    fn later_word(
        &mut self,
        ctx: &mut Context<'_>,
        word: &'w str,
        words: &mut Words<'w>,
        out: &mut Builder,
    ) -> Result<(), Stop> {
        match word {
            "nhid" => {
                self.object = value("id", words)?;
                out.u32(RTA_NH_ID, self.object);
            }
            _ if matches(word, "protocol") => {
                let complaint = "\"protocol\" value is invalid\n";
                self.route.protocol = read(&PROTOCOLS, complaint, words.value()?)? as u8;
            }
            _ if matches(word, "table") => {
                let table = read(&TABLES, "\"table\" value is invalid\n", words.value()?)?;
                self.set_table(table, out);
            }
            _ if matches(word, "vrf") => {
                let table = vrf_table(ctx, words.value()?)?;
                self.set_table(table, out);
            }
            "dev" | "oif" => self.device = Some(words.value()?),
            _ if matches(word, "pref") => out.u8(RTA_PREF, preference(words.value()?)?),
            "encap" => encapsulation(words, out)?,
            "ttl-propagate" => {
                let text = words.value()?;
                let value = match text {
                    _ if matches(text, "enabled") => 1,
                    _ if matches(text, "disabled") => 0,
                    _ => return Err(Stop::invalid("\"ttl-propagate\" value is invalid\n", text)),
                };
                out.u8(RTA_TTL_PROPAGATE, value);
            }
            _ if self.metrics.last_word(word, words)? => {}
            _ => self.read_destination(word, words, out)?,
        }
        Ok(())
    }

    /// A table whose number fits into the header stands there.
    fn set_table(&mut self, table: u32, out: &mut Builder) {
        self.table = true;
        self.route.table = u8::try_from(table).unwrap_or(RT_TABLE_UNSPEC as u8);
        if table > u32::from(u8::MAX) {
            out.u32(RTA_TABLE, table);
        }
    }

    /// `[ to ] [ TYPE ] PREFIX`.
    fn read_destination(
        &mut self,
        word: &'w str,
        words: &mut Words<'w>,
        out: &mut Builder,
    ) -> Result<(), Stop> {
        let mut text = if word == "to" { words.value()? } else { word };
        let kind = names::kind_number(text).filter(|_| !text.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(kind) = kind {
            self.route.kind = kind;
            self.kind = true;
            text = words.value()?;
        }
        if matches(text, "help") {
            return Err(usage());
        }
        if self.destination {
            return Err(Stop::duplicate_or_garbage("to", text));
        }
        let destination = prefix(text, self.route.family)?;
        learn(&mut self.route.family, &destination);
        self.route.dst_len = destination.bits;
        self.destination = true;
        if !destination.bytes.is_empty() {
            out.put(RTA_DST, &destination.bytes);
        }
        Ok(())
    }

    /// What follows from the rest where it was not told: family, table, scope.
    fn finish(&mut self, deletes: bool, has_hops: bool) {
        let route = &mut self.route;
        if route.family == AF_UNSPEC {
            route.family = AF_INET;
        }
        if !self.table && matches!(route.kind, RTN_LOCAL | RTN_BROADCAST | RTN_NAT | RTN_ANYCAST) {
            route.table = RT_TABLE_LOCAL as u8;
        }
        if !self.scope {
            let direct = !self.gateway && !has_hops && self.object == 0;
            route.scope = match route.kind {
                _ if matches!(route.family, AF_INET6 | AF_MPLS) => RT_SCOPE_UNIVERSE,
                RTN_LOCAL | RTN_NAT => RT_SCOPE_HOST,
                RTN_BROADCAST | RTN_MULTICAST | RTN_ANYCAST => RT_SCOPE_LINK,
                RTN_UNICAST | RTN_UNSPEC if deletes => RT_SCOPE_NOWHERE,
                RTN_UNICAST | RTN_UNSPEC if direct => RT_SCOPE_LINK,
                _ => route.scope,
            };
        }
        if !self.kind && route.family == AF_MPLS {
            route.kind = RTN_UNICAST;
        }
    }
}

fn learn(family: &mut u8, found: &Prefix) {
    if *family == AF_UNSPEC {
        *family = found.family;
    }
}

fn read(names: &Names, complaint: &str, text: &str) -> Result<u32, Stop> {
    names.number(text).ok_or_else(|| Stop::invalid(complaint, text))
}

fn value(name: &str, words: &mut Words<'_>) -> Result<u32, Stop> {
    let text = words.value()?;
    let value = number(text, 0, u64::from(u32::MAX));
    let invalid = || Stop::invalid(&format!("\"{name}\" value is invalid\n"), text);
    value.map(|value| value as u32).ok_or_else(invalid)
}

/// How a router of IPv6 is preferred.
fn preference(text: &str) -> Result<u8, Stop> {
    Ok(match text {
        "low" => 3,
        "medium" => 0,
        "high" => 1,
        _ => {
            let invalid = || Stop::invalid("\"pref\" value is invalid\n", text);
            number(text, 0, 255).ok_or_else(invalid)? as u8
        }
    })
}
