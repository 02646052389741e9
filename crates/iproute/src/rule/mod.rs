//! `ip rule`: which table is asked for which packets (iproute2 `iprule.c`).

mod list;
mod modify;
mod show;

use crate::context::Context;
use crate::saved::RULES;
use rtnl::object::rule::{RTM_DELRULE, RTM_NEWRULE};
use rtnl::prefix::{Prefix, prefix};
use rtnl::words::{Stop, integer, matches, number};

pub use show::show;

/// Runs the words behind `ip rule`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    const VERBS: &[&str] = &["list", "lst", "show", "save", "restore", "add", "delete", "flush", "help"];
    let Some((typed, rest)) = words.split_first() else { return list::run(ctx, words, false) };
    match VERBS.iter().find(|verb| matches(typed, verb)) {
        Some(&"list" | &"lst" | &"show") => list::run(ctx, rest, false),
        Some(&"add") => modify::run(ctx, RTM_NEWRULE, rest),
        Some(&"delete") => modify::run(ctx, RTM_DELRULE, rest),
        Some(&"flush") => list::run(ctx, rest, true),
        Some(&"save") if !rest.is_empty() => {
            Err(Stop::fail(1, "\"ip rule save\" does not take any arguments.\n"))
        }
        Some(&"save") => list::save(ctx),
        Some(&"restore") => {
            let contents = RULES.read(ctx)?;
            RULES.give(ctx, contents.messages())?;
            contents.end()
        }
        Some(_) => Err(usage()),
        None => Err(Stop::exit(format!("Command \"{typed}\" is unknown, try \"ip rule help\".\n"))),
    }
}

/// The usage, which ends the process.
fn usage() -> Stop {
    Stop::exit(include_str!("usage.txt"))
}

fn read_u32(complaint: &str, text: &str) -> Result<u32, Stop> {
    let value = number(text, 0, u64::from(u32::MAX));
    value.map(|value| value as u32).ok_or_else(|| Stop::invalid(complaint, text))
}

/// `MARK[/MASK]`.
fn read_mark(text: &str) -> Result<(u32, Option<u32>), Stop> {
    let (mark, mask) = text.split_once('/').map_or((text, None), |(mark, mask)| (mark, Some(mask)));
    let mark = read_u32("fwmark value is invalid\n", mark)?;
    let mask = mask.map(|mask| read_u32("fwmask value is invalid\n", mask)).transpose()?;
    Ok((mark, mask))
}

/// `FIRST-LAST` as C's `scanf` reads it: what stands behind is passed over.
fn read_range(text: &str) -> (Option<u32>, Option<u32>) {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let text = text.trim_start();
    let length = digits(text);
    let first = integer_part(text.get(..length).unwrap_or(""));
    let last = text.get(length..).and_then(|rest| rest.strip_prefix('-')).map(str::trim_start);
    let last = last.and_then(|rest| integer_part(rest.get(..digits(rest)).unwrap_or("")));
    (first, first.and(last))
}

fn integer_part(digits: &str) -> Option<u32> {
    let value =
        digits.bytes().fold(0_u64, |all, b| all.saturating_mul(10).saturating_add(u64::from(b - b'0')));
    (!digits.is_empty()).then_some(value as u32)
}

/// The range of users.
fn read_users(text: &str) -> Result<(u32, u32), Stop> {
    let (first, last) = read_range(text);
    first.zip(last).ok_or_else(|| Stop::invalid("invalid UID range\n", text))
}

/// A port or a range of ports.
fn read_ports(complaint: &str, text: &str) -> Result<(u16, u16), Stop> {
    let (first, last) = read_range(text);
    let first = first.ok_or_else(|| Stop::invalid(complaint, text))? as u16;
    Ok((first, last.map_or(first, |last| last as u16)))
}

fn read_prefix(text: &str, family: u8) -> Result<Prefix, Stop> {
    prefix(text, family)
}

/// A number that is not below zero.
fn read_length(complaint: &str, text: &str) -> Result<u32, Stop> {
    let value = integer(text, 0).and_then(|value| u32::try_from(value).ok());
    value.ok_or_else(|| Stop::invalid(complaint, text))
}
