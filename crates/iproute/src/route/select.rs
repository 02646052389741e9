//! The words of `ip route show` and `ip route flush`.

use super::filter::Filter;
use super::{usage, vrf_table};
use crate::context::{AF_INET, AF_UNSPEC, Context};
use rtnl::names::{self, PROTOCOLS, SCOPES, SERVICES, TABLES};
use rtnl::object::route::{RT_TABLE_MAIN, RTN_BROADCAST, RTN_LOCAL};
use rtnl::prefix::{Prefix, family_number, prefix};
use rtnl::words::{Stop, Words, matches, number};

/// What is selected, and the family that is asked for.
pub(super) struct Selected {
    pub(super) filter: Filter,
    pub(super) family: u8,
}

/// Reads the words.
///
/// # Errors
/// What the tool says of them.
pub(super) fn parse(ctx: &mut Context<'_>, words: &[String]) -> Result<Selected, Stop> {
    let mut family = ctx.options.family;
    let mut filter = Filter { family, table: RT_TABLE_MAIN, cloned: Some(false), ..Filter::default() };
    let (mut iif, mut oif) = (None, None);
    let mut words = Words::new(words);
    while let Some(word) = words.take() {
        let any = |names: &[&str]| names.iter().any(|name| matches(word, name));
        if any(&["table"]) {
            read_table(&mut filter, words.value()?)?;
        } else if any(&["vrf"]) {
            filter.table = vrf_table(ctx, words.value()?)?;
            filter.kinds = !(1 << RTN_LOCAL | 1 << RTN_BROADCAST);
        } else if any(&["cached", "cloned"]) {
            filter.cloned = Some(true);
        } else if word == "tos" || any(&["dsfield"]) {
            filter.tos = Some(read(&SERVICES, "TOS value is invalid\n", words.value()?)?);
        } else if any(&["protocol"]) {
            filter.protocol = read_or_all(&PROTOCOLS, "invalid \"protocol\"\n", words.value()?)?;
        } else if any(&["scope"]) {
            filter.scope = read_or_all(&SCOPES, "invalid \"scope\"\n", words.value()?)?;
        } else if any(&["type"]) {
            let text = words.value()?;
            let invalid = || Stop::invalid("node type value is invalid\n", text);
            let kind = names::kind_number(text).ok_or_else(invalid)?;
            // C shifts by the low five bits.
            filter.kinds = 1 << (kind % 32);
        } else if word == "dev" || word == "oif" {
            oif = Some(words.value()?);
        } else if word == "iif" {
            iif = Some(words.value()?);
        } else if word == "mark" {
            filter.mark = Some(read_number("invalid mark value", words.value()?)?);
        } else if any(&["metric", "priority"]) || word == "preference" {
            filter.metric = Some(read_number("\"metric\" value is invalid\n", words.value()?)?);
        } else if word == "via" {
            let text = words.value()?;
            filter.via = match family_number(text) {
                Some(of) => prefix(words.value()?, of)?,
                None => prefix(text, family)?,
            };
        } else if word == "src" {
            filter.source = prefix(words.value()?, family)?;
        } else if any(&["realms"]) {
            filter.realms = read_realms(words.value()?)?;
        } else if any(&["from"]) {
            let text = words.value()?;
            read_ends(text, &mut words, family, &mut filter.from_root, &mut filter.from_match)?;
        } else {
            let text = if any(&["to"]) { words.value()? } else { word };
            read_ends(text, &mut words, family, &mut filter.to_root, &mut filter.to_match)?;
        }
    }
    if family == AF_UNSPEC && filter.table != 0 {
        family = AF_INET;
    }
    filter.iif = iif.map(|name| ctx.device(name)).transpose()?;
    filter.oif = oif.map(|name| ctx.device(name)).transpose()?;
    Ok(Selected { filter, family })
}

fn read_table(filter: &mut Filter, text: &str) -> Result<(), Stop> {
    match (TABLES.number(text), text) {
        (Some(table), _) => filter.table = table,
        (None, "all") => filter.table = 0,
        (None, "cache") => filter.cloned = Some(true),
        (None, "help") => return Err(usage()),
        (None, _) => return Err(Stop::invalid("table id value is invalid\n", text)),
    }
    Ok(())
}

fn read(names: &names::Names, complaint: &str, text: &str) -> Result<u8, Stop> {
    names.number(text).map(|number| number as u8).ok_or_else(|| Stop::invalid(complaint, text))
}

fn read_or_all(names: &names::Names, complaint: &str, text: &str) -> Result<Option<u8>, Stop> {
    match read(names, complaint, text) {
        Err(_) if text == "all" => Ok(None),
        read => read.map(Some),
    }
}

fn read_number(complaint: &str, text: &str) -> Result<u32, Stop> {
    let value = number(text, 0, u64::from(u32::MAX));
    value.map(|value| value as u32).ok_or_else(|| Stop::invalid(complaint, text))
}

/// Realms and how much of them counts: a half that is zero and was not typed does not.
fn read_realms(text: &str) -> Result<(u32, u32), Stop> {
    let realms = names::realms(text).ok_or_else(|| Stop::invalid("invalid realms\n", text))?;
    let mut mask = u32::MAX;
    if realms & 0xffff == 0 && text.ends_with('/') {
        mask &= !0xffff;
    }
    if realms >> 16 == 0 && (!text.contains('/') || text.starts_with('/')) {
        mask &= 0xffff;
    }
    Ok((realms, mask))
}

/// `root PREFIX`, `match PREFIX`, or `exact PREFIX`, which is both.
fn read_ends(
    text: &str,
    words: &mut Words<'_>,
    family: u8,
    root: &mut Option<Prefix>,
    matched: &mut Option<Prefix>,
) -> Result<(), Stop> {
    // A word for any address, of no family, takes everything.
    let some = |prefix: Prefix| (prefix.family != AF_UNSPEC || prefix.sized).then_some(prefix);
    if matches(text, "root") {
        *root = some(prefix(words.value()?, family)?);
    } else if matches(text, "match") {
        *matched = some(prefix(words.value()?, family)?);
    } else {
        let text = if matches(text, "exact") { words.value()? } else { text };
        *matched = some(prefix(text, family)?);
        root.clone_from(matched);
    }
    Ok(())
}
