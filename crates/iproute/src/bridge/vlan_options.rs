//! `bridge vlan set` and `bridge vlan global`: options of VLANs, those of a port and those of the bridge.
//!
//! The request grows as the words come, so attributes stand in the order of the words and may come twice. Words that
//! are not known are passed over; `help` takes the word behind it along.

use super::vlan::{VLANS, Vids, usage};
use super::{Memory, fail, state_number, talk, vlan_rtm};
use crate::context::{AF_BRIDGE, Context};
use rtnl::attr::{Builder, NESTED};
use rtnl::object::brlink::{BRIDGE_VLAN_INFO_ONLY_OPTS, VlanInfo};
use rtnl::object::brvlan::*;
use rtnl::table::Table;
use rtnl::words::{Stop, Words, matches};

/// What differs between options of a port and of the bridge.
struct Kind {
    nest: u16,
    table: &'static Table,
    /// Writes the identifiers.
    encode: fn(first: u16, last: Option<u16>, body: &mut Builder),
    /// Reads what the table does not; says whether it did.
    more: fn(&mut Words<'_>, &mut Builder) -> Result<bool, Stop>,
    /// Whether the beginning of `help` will do.
    help_by_prefix: bool,
}

static ENTRIES: Kind = Kind {
    nest: BRIDGE_VLANDB_ENTRY,
    table: &ENTRY,
    encode: encode_entry,
    more: read_state,
    help_by_prefix: true,
};

static GLOBAL: Kind = Kind {
    nest: BRIDGE_VLANDB_GLOBAL_OPTIONS,
    table: &GLOBAL_OPTIONS,
    encode: encode_global,
    more: |_, _| Ok(false),
    help_by_prefix: false,
};

fn encode_entry(first: u16, last: Option<u16>, body: &mut Builder) {
    let info = VlanInfo { flags: BRIDGE_VLAN_INFO_ONLY_OPTS, vid: first };
    info.encode(BRIDGE_VLANDB_ENTRY_INFO, body);
    if let Some(last) = last {
        body.u16(BRIDGE_VLANDB_ENTRY_RANGE, last);
    }
}

fn encode_global(first: u16, last: Option<u16>, body: &mut Builder) {
    body.u16(BRIDGE_VLANDB_GOPTS_ID, first);
    if let Some(last) = last {
        body.u16(BRIDGE_VLANDB_GOPTS_RANGE, last);
    }
}

fn read_state(words: &mut Words<'_>, body: &mut Builder) -> Result<bool, Stop> {
    if words.peek() != Some("state") {
        return Ok(false);
    }
    words.take();
    let state = state_number(words.value()?).map(|state| state as i32).filter(|state| *state != -1);
    body.u8(BRIDGE_VLANDB_ENTRY_STATE, state.ok_or_else(|| fail("Error: invalid STP state\n"))? as u8);
    Ok(true)
}

/// Runs the words behind `bridge vlan set`.
pub(super) fn set(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    change(ctx, words, &ENTRIES)
}

/// Runs the words behind `bridge vlan global`, whose verbs must stand whole.
pub(super) fn global(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return vlan_rtm::list_global(ctx, memory, words) };
    match typed.as_str() {
        "show" | "lst" | "list" => vlan_rtm::list_global(ctx, memory, rest),
        "set" => change(ctx, rest, &GLOBAL),
        _ => Err(usage()),
    }
}

fn change(ctx: &mut Context<'_>, words: &[String], kind: &Kind) -> Result<(), Stop> {
    let mut words = Words::new(words);
    let mut ifindex = None;
    let mut first = None;
    // In the tool a range of the global options stays one although a single identifier comes behind it.
    let mut last = None;
    let mut options = Builder::new();
    while let Some(word) = words.peek() {
        match word {
            "dev" => {
                words.take();
                ifindex = Some(network_device(ctx, words.value()?)?);
            }
            "vid" => {
                words.take();
                let vids = read_vids(words.value()?)?;
                first = Some(vids.first).filter(|vid| *vid != -1);
                let kept = if kind.help_by_prefix { None } else { last };
                last = vids.last.or(kept);
                (kind.encode)(vids.first as u16, last.map(|last| last as u16), &mut options);
            }
            _ if (kind.more)(&mut words, &mut options)? => {}
            _ if kind.table.parse_word(&mut words, &mut options, ctx.links())? => {}
            _ => {
                words.take();
                let help = if kind.help_by_prefix { matches(word, "help") } else { word == "help" };
                if help {
                    words.value()?;
                }
            }
        }
    }
    let (Some(ifindex), Some(_)) = (ifindex, first) else {
        return Err(fail("Device and VLAN ID are required arguments.\n"));
    };
    let mut body = Builder::new();
    VlanMsg { family: AF_BRIDGE, ifindex }.encode(&mut body);
    body.put(kind.nest | NESTED, &options.bytes);
    talk(ctx, RTM_NEWVLAN, 0, &body)
}

fn network_device(ctx: &mut Context<'_>, name: &str) -> Result<u32, Stop> {
    let missing = || fail(format!("Cannot find network device \"{name}\"\n"));
    ctx.links().index(name).ok_or_else(missing)
}

fn read_vids(text: &str) -> Result<Vids, Stop> {
    let vids = Vids::read(text);
    if let Some(last) = vids.last.filter(|last| vids.first >= *last || *last >= VLANS) {
        return Err(Vids::bad_range(vids.first, last));
    }
    if vids.first >= VLANS {
        return Err(Vids::bad_id(vids.first));
    }
    // In the tool -1 stands for an end that was not given.
    Ok(Vids { last: vids.last.filter(|last| *last != -1), ..vids })
}
