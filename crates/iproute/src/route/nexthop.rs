//! `nexthop …` in a route: the next hops of a multipath route.

use super::encap::encapsulation;
use crate::context::{AF_UNSPEC, Context};
use rtnl::attr::Builder;
use rtnl::names;
use rtnl::object::route::*;
use rtnl::prefix::{address, family_number};
use rtnl::words::{Stop, Words, matches, number};

/// A gateway in the words, of the family of the route or of the one that is named: `[ FAMILY ] ADDRESS`. The route
/// takes the gateway's family if it has none yet.
pub(super) fn gateway(words: &mut Words<'_>, family: &mut u8, out: &mut Builder) -> Result<(), Stop> {
    let text = words.value()?;
    let via = match family_number(text) {
        Some(of) => address(words.value()?, of)?,
        None => address(text, *family)?,
    };
    if *family == AF_UNSPEC {
        *family = via.family;
    }
    if via.family == *family {
        out.put(RTA_GATEWAY, &via.bytes);
    } else {
        let mut payload = u16::from(via.family).to_ne_bytes().to_vec();
        payload.extend_from_slice(&via.bytes);
        out.put(RTA_VIA, &payload);
    }
    Ok(())
}

/// `as [ to ] ADDRESS`.
pub(super) fn new_destination(words: &mut Words<'_>, family: &mut u8, out: &mut Builder) -> Result<(), Stop> {
    let text = words.value()?;
    let text = if text == "to" { words.value()? } else { text };
    let to = address(text, *family)?;
    if *family == AF_UNSPEC {
        *family = to.family;
    }
    out.put(RTA_NEWDST, &to.bytes);
    Ok(())
}

/// `realms …`.
pub(super) fn realms(words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
    let text = words.value()?;
    let invalid = || Stop::invalid("\"realm\" value is invalid\n", text);
    out.u32(RTA_FLOW, names::realms(text).ok_or_else(invalid)?);
    Ok(())
}

/// Reads next hops up to the end of the line, the first word being `nexthop`, and writes `RTA_MULTIPATH`.
pub(super) fn nexthops(
    ctx: &mut Context<'_>,
    words: &mut Words<'_>,
    family: &mut u8,
    out: &mut Builder,
) -> Result<(), Stop> {
    let mut hops = Builder::new();
    while let Some(word) = words.take() {
        if word != "nexthop" {
            return Err(Stop::exit(format!(
                "Error: \"nexthop\" or end of line is expected instead of \"{word}\"\n"
            )));
        }
        if words.peek().is_none() {
            return Err(Stop::exit("Error: unexpected end of line after \"nexthop\"\n"));
        }
        one(ctx, words, family, &mut hops)?;
    }
    if !hops.bytes.is_empty() {
        out.put(RTA_MULTIPATH, &hops.bytes);
    }
    Ok(())
}

fn one(
    ctx: &mut Context<'_>,
    words: &mut Words<'_>,
    family: &mut u8,
    hops: &mut Builder,
) -> Result<(), Stop> {
    let (mut flags, mut weight, mut ifindex) = (0, 1, 0);
    let mut out = Builder::new();
    while let Some(word) = words.take() {
        match word {
            "via" => gateway(words, family, &mut out)?,
            "dev" => {
                // The complaint goes on: what the next hop lacks, the whole list lacks.
                let more = |stop: Stop| Stop::exit(stop.error + "Error: cannot parse nexthop\n");
                ifindex = ctx.device(words.value()?).map_err(more)?;
            }
            "weight" => {
                let text = words.value()?;
                let value = number(text, 0, 256).filter(|weight| *weight > 0);
                weight = value.ok_or_else(|| Stop::invalid("\"weight\" is invalid\n", text))?;
            }
            "onlink" => flags |= RTNH_F_ONLINK as u8,
            _ if matches(word, "realms") => realms(words, &mut out)?,
            "encap" => encapsulation(words, &mut out)?,
            "as" => new_destination(words, &mut family.clone(), &mut out)?,
            _ => {
                words.back();
                break;
            }
        }
    }
    let at = Nexthop::start(hops, flags, (weight - 1) as u8, ifindex);
    hops.bytes.extend_from_slice(&out.bytes);
    Nexthop::finish(hops, at);
    Ok(())
}
