//! `ip address add|change|replace|delete`: one request of a whole line.

use super::{flags, usage};
use crate::context::{AF_INET, AF_INET6, AF_UNSPEC, Context};
use crate::echo::talk;
use rtnl::attr::Builder;
use rtnl::names::SCOPES;
use rtnl::object::addr::*;
use rtnl::object::route::RT_SCOPE_HOST;
use rtnl::prefix::{Prefix, address, prefix};
use rtnl::words::{Stop, Words, matches, number};

/// The broadcast address that was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Broadcast {
    /// One was given.
    Given,
    /// All bits of the host are one.
    Ones,
    /// All bits of the host are zero.
    Zeroes,
}

/// What was read of a line.
#[derive(Default)]
struct Line<'w> {
    info: Ifaddr,
    flags: u32,
    device: Option<&'w str>,
    local: Option<(Prefix, &'w str)>,
    peer: Option<Prefix>,
    broadcast: Option<Broadcast>,
    anycast: bool,
    scoped: bool,
    valid: Option<u32>,
    preferred: Option<u32>,
}

/// Runs the words behind a verb, whose message has that type and those flags.
///
/// # Errors
/// What the tool says.
pub(super) fn run(ctx: &mut Context<'_>, kind: u16, flags: u16, words: &[String]) -> Result<(), Stop> {
    let mut line = Line::default();
    line.info.family = ctx.options.family;
    let mut out = Builder::new();
    let mut words = Words::new(words);
    while let Some(word) = words.take() {
        line.word(ctx, word, &mut words, &mut out)?;
    }
    line.finish(ctx, kind == RTM_DELADDR, &mut out)?;
    let mut body = Builder::new();
    line.info.encode(&mut body);
    body.bytes.extend_from_slice(&out.bytes);
    talk(ctx, kind, flags, &body.bytes, |ctx, message| super::show(ctx, message, ctx.sink.format.oneline))
}

impl<'w> Line<'w> {
    fn word(
        &mut self,
        ctx: &mut Context<'_>,
        word: &'w str,
        words: &mut Words<'w>,
        out: &mut Builder,
    ) -> Result<(), Stop> {
        match word {
            "peer" | "remote" => {
                let text = words.value()?;
                if self.peer.as_ref().is_some_and(|peer| !peer.bytes.is_empty()) {
                    return Err(Stop::duplicate("peer", text));
                }
                let peer = prefix(text, self.info.family)?;
                self.learn_family(&peer);
                out.put(IFA_ADDRESS, &peer.bytes);
                self.info.prefixlen = peer.bits;
                self.peer = Some(peer);
            }
            _ if matches(word, "broadcast") || word == "brd" => self.read_broadcast(words.value()?, out)?,
            "anycast" => {
                let text = words.value()?;
                if self.anycast {
                    return Err(Stop::duplicate("anycast", text));
                }
                let anycast = address(text, self.info.family)?;
                self.learn_family(&anycast);
                out.put(IFA_ANYCAST, &anycast.bytes);
                self.anycast = !anycast.bytes.is_empty();
            }
            "scope" => {
                let text = words.value()?;
                let scope = SCOPES.number(text).ok_or_else(|| Stop::invalid("invalid scope value.", text))?;
                self.info.scope = scope as u8;
                self.scoped = true;
            }
            "dev" => self.device = Some(words.value()?),
            "label" => out.string(IFA_LABEL, words.value()?.as_bytes()),
            _ if ["metric", "priority", "preference"].iter().any(|name| matches(word, name)) => {
                let text = words.value()?;
                let invalid = || Stop::invalid("\"metric\" value is invalid\n", text);
                let metric = number(text, 0, u64::from(u32::MAX)).ok_or_else(invalid)?;
                out.u32(IFA_RT_PRIORITY, metric as u32);
            }
            _ if matches(word, "valid_lft") => lifetime("valid_lft", word, &mut self.valid, words)?,
            _ if matches(word, "preferred_lft") => {
                lifetime("preferred_lft", word, &mut self.preferred, words)?;
            }
            _ => match flags::find(word) {
                Some(flag) => self.set_flag(ctx, flag),
                None => self.read_local(word, words, out)?,
            },
        }
        Ok(())
    }

    fn learn_family(&mut self, found: &Prefix) {
        if self.info.family == AF_UNSPEC {
            self.info.family = found.family;
        }
    }

    fn read_broadcast(&mut self, text: &str, out: &mut Builder) -> Result<(), Stop> {
        if self.broadcast.is_some() {
            return Err(Stop::duplicate("broadcast", text));
        }
        self.broadcast = match text {
            "+" => Some(Broadcast::Ones),
            "-" => Some(Broadcast::Zeroes),
            _ => {
                let given = address(text, self.info.family)?;
                self.learn_family(&given);
                out.put(IFA_BROADCAST, &given.bytes);
                (!given.bytes.is_empty()).then_some(Broadcast::Given)
            }
        };
        Ok(())
    }

    /// A flag that cannot be set is remarked on and passed over.
    fn set_flag(&mut self, ctx: &mut Context<'_>, flag: &flags::Flag) {
        let why = if flag.readonly {
            "is not mutable from userspace"
        } else if flag.inet6_only && self.info.family != AF_INET6 {
            "can be set only for IPv6 addresses"
        } else {
            self.flags |= flag.bit;
            return;
        };
        ctx.host.err(&format!("Warning: {} option {why}\n", flag.name));
    }

    fn read_local(&mut self, word: &'w str, words: &mut Words<'w>, out: &mut Builder) -> Result<(), Stop> {
        let text = if word == "local" { words.value()? } else { word };
        if matches(text, "help") {
            return Err(usage());
        }
        if self.local.as_ref().is_some_and(|(local, _)| !local.bytes.is_empty()) {
            return Err(Stop::duplicate_or_garbage("local", text));
        }
        let local = prefix(text, self.info.family)?;
        self.learn_family(&local);
        out.put(IFA_LOCAL, &local.bytes);
        self.local = Some((local, text));
        Ok(())
    }

    /// What can only be said when the whole line was read.
    fn finish(&mut self, ctx: &mut Context<'_>, deletes: bool, out: &mut Builder) -> Result<(), Stop> {
        match u8::try_from(self.flags) {
            Ok(flags) => self.info.flags = flags,
            Err(_) => out.u32(IFA_FLAGS, self.flags),
        }
        let missing = || Stop::fail(1, "Not enough information: \"dev\" argument is required.\n");
        let device = self.device.ok_or_else(missing)?;
        self.finish_peer(ctx, deletes, out);
        let local = self.local.as_ref().map(|(local, _)| local.clone()).unwrap_or_default();
        if self.info.prefixlen == 0 {
            self.info.prefixlen = local.bits;
        }
        if !deletes {
            self.finish_broadcast(&local, out)?;
            if !self.scoped {
                let own = local.family == AF_INET && local.bytes.first() == Some(&127);
                self.info.scope = if own { RT_SCOPE_HOST } else { 0 };
            }
        }
        self.info.ifindex = ctx.device(device)?;
        self.finish_lifetimes(out)?;
        if self.flags & IFA_F_MCAUTOJOIN != 0 && !local.is_multicast() {
            return Err(Stop::fail(1, "autojoin needs multicast address\n"));
        }
        Ok(())
    }

    /// Without a far end the prefix is the address's own; an address without a length deletes all that are like it.
    fn finish_peer(&mut self, ctx: &mut Context<'_>, deletes: bool, out: &mut Builder) {
        let has_peer = self.peer.as_ref().is_some_and(|peer| !peer.bytes.is_empty());
        let Some((local, text)) = self.local.as_ref().filter(|(local, _)| !local.bytes.is_empty()) else {
            return;
        };
        if has_peer {
            return;
        }
        if deletes && local.family == AF_INET && !local.sized {
            ctx.host.err(&format!(
                "Warning: Executing wildcard deletion to stay compatible with old scripts.\n         Explicitly specify the prefix length ({text}/{}) to avoid this warning.\n         This special behaviour is likely to disappear in further releases,\n         fix your scripts!\n",
                local.bytes.len() * 8
            ));
        } else {
            out.put(IFA_ADDRESS, &local.bytes);
        }
    }

    fn finish_broadcast(&self, local: &Prefix, out: &mut Builder) -> Result<(), Stop> {
        let ones = match self.broadcast {
            Some(Broadcast::Ones) => true,
            Some(Broadcast::Zeroes) => false,
            _ => return Ok(()),
        };
        if self.info.family != AF_INET {
            return Err(Stop::fail(1, "Broadcast can be set only for IPv4 addresses\n"));
        }
        let of = self.peer.as_ref().filter(|peer| !peer.bytes.is_empty()).unwrap_or(local);
        if of.bits > 30 {
            return Ok(());
        }
        let address = of.bytes.iter().take(4).fold(0, |all: u32, byte| all << 8 | u32::from(*byte));
        let host = u32::MAX >> of.bits;
        let broadcast = if ones { address | host } else { address & !host };
        out.put(IFA_BROADCAST, &broadcast.to_be_bytes());
        Ok(())
    }

    fn finish_lifetimes(&self, out: &mut Builder) -> Result<(), Stop> {
        if self.valid.is_none() && self.preferred.is_none() {
            return Ok(());
        }
        let (valid, preferred) = (self.valid.unwrap_or(FOREVER), self.preferred.unwrap_or(FOREVER));
        if valid == 0 {
            return Err(Stop::fail(1, "valid_lft is zero\n"));
        }
        if valid < preferred {
            return Err(Stop::fail(1, "preferred_lft is greater than valid_lft\n"));
        }
        Cacheinfo { preferred, valid, ..Cacheinfo::default() }.encode(out);
        Ok(())
    }
}

fn lifetime(name: &str, word: &str, slot: &mut Option<u32>, words: &mut Words<'_>) -> Result<(), Stop> {
    if slot.is_some() {
        return Err(Stop::duplicate(name, word));
    }
    let text = words.value()?;
    let seconds = match text {
        "forever" => Some(u64::from(FOREVER)),
        _ => number(text, 0, u64::from(u32::MAX)),
    };
    *slot = Some(seconds.ok_or_else(|| Stop::invalid(&format!("{name} value"), text))? as u32);
    Ok(())
}
