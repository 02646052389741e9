//! `bridge vlan`: adding VLANs to ports and removing them, with or without a tunnel.
//!
//! Identifiers are read into two bytes with a sign; what that makes of a number is the tool's way. A range is sent as
//! its two ends.

use super::{Memory, atoi, bridge_device, fail, talk, unknown_command, vlan_options, vlan_show};
use crate::context::{AF_BRIDGE, Context};
use rtnl::attr::Builder;
use rtnl::object::brlink::*;
use rtnl::object::link::{IFLA_AF_SPEC, Ifinfo, RTM_DELLINK, RTM_SETLINK};
use rtnl::words::{Stop, Words, matches, number};

const USAGE: &str = "\
Usage: bridge vlan { add | del } vid VLAN_ID dev DEV [ tunnel_info id TUNNEL_ID ]
                                                     [ pvid ] [ untagged ]
                                                     [ self ] [ master ]
       bridge vlan { set } vid VLAN_ID dev DEV [ state STP_STATE ]
                                               [ mcast_router MULTICAST_ROUTER ]
       bridge vlan { show } [ dev DEV ] [ vid VLAN_ID ]
       bridge vlan { tunnelshow } [ dev DEV ] [ vid VLAN_ID ]
       bridge vlan global { set } vid VLAN_ID dev DEV
                      [ mcast_snooping MULTICAST_SNOOPING ]
                      [ mcast_querier MULTICAST_QUERIER ]
                      [ mcast_igmp_version IGMP_VERSION ]
                      [ mcast_mld_version MLD_VERSION ]
                      [ mcast_last_member_count LAST_MEMBER_COUNT ]
                      [ mcast_last_member_interval LAST_MEMBER_INTERVAL ]
                      [ mcast_startup_query_count STARTUP_QUERY_COUNT ]
                      [ mcast_startup_query_interval STARTUP_QUERY_INTERVAL ]
                      [ mcast_membership_interval MEMBERSHIP_INTERVAL ]
                      [ mcast_querier_interval QUERIER_INTERVAL ]
                      [ mcast_query_interval QUERY_INTERVAL ]
                      [ mcast_query_response_interval QUERY_RESPONSE_INTERVAL ]
       bridge vlan global { show } [ dev DEV ] [ vid VLAN_ID ]
";

/// Identifiers are smaller.
pub(super) const VLANS: i16 = 4096;
/// The largest identifier of a tunnel.
const TUNNEL_MAX: u64 = (1 << 24) - 1;

/// The verbs in the order in which a prefix is tried on them; `global` alone wants its whole word.
const VERBS: [&str; 9] = ["add", "delete", "show", "lst", "list", "tunnelshow", "set", "global", "help"];

/// Runs the words behind `bridge vlan`.
pub(super) fn run(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return vlan_show::list(ctx, memory, words) };
    let is = |verb: &&str| if *verb == "global" { typed == "global" } else { matches(typed, verb) };
    match VERBS.into_iter().find(is) {
        Some("add") => modify(ctx, RTM_SETLINK, rest),
        Some("delete") => modify(ctx, RTM_DELLINK, rest),
        Some("tunnelshow") => vlan_show::tunnels(ctx, memory, rest),
        Some("set") => vlan_options::set(ctx, rest),
        Some("global") => vlan_options::global(ctx, memory, rest),
        Some("help") => Err(usage()),
        Some(_) => vlan_show::list(ctx, memory, rest),
        None => Err(unknown_command("vlan", typed)),
    }
}

/// Prints the usage and ends the process.
pub(super) fn usage() -> Stop {
    Stop::exit(USAGE)
}

/// One VLAN or a range of them, as typed.
#[derive(Clone, Copy)]
pub(super) struct Vids {
    /// The first.
    pub(super) first: i16,
    /// The last, if there was a hyphen.
    pub(super) last: Option<i16>,
}

impl Vids {
    /// Reads `5` or `5-7`.
    pub(super) fn read(text: &str) -> Vids {
        match text.split_once('-') {
            Some((first, last)) => Vids { first: atoi(first) as i16, last: Some(atoi(last) as i16) },
            None => Vids { first: atoi(text) as i16, last: None },
        }
    }

    /// The complaint about a range.
    pub(super) fn bad_range(first: i16, last: i16) -> Stop {
        fail(format!("Invalid VLAN range \"{}-{}\"\n", first as u16, last as u16))
    }

    /// The complaint about an identifier.
    pub(super) fn bad_id(vid: i16) -> Stop {
        fail(format!("Invalid VLAN ID \"{}\"\n", vid as u16))
    }
}

/// What stands for an identifier that was not given.
const NONE: i16 = -1;

/// What the words said. A range stays one although a single identifier comes behind it.
struct Change<'w> {
    device: Option<&'w str>,
    first: i16,
    last: i16,
    /// `BRIDGE_VLAN_INFO_*`.
    flags: u16,
    /// `BRIDGE_FLAGS_*`.
    whose: u16,
    /// The tunnels of the first and the last.
    tunnels: Option<(u32, u32)>,
}

fn modify(ctx: &mut Context<'_>, kind: u16, words: &[String]) -> Result<(), Stop> {
    let change = read(&mut Words::new(words))?;
    let Some(name) = change.device.filter(|_| change.first != NONE) else {
        return Err(fail("Device and VLAN ID are required arguments.\n"));
    };
    let ifindex = bridge_device(ctx, name)? as i32;
    change.check()?;
    let mut body = Builder::new();
    Ifinfo { family: AF_BRIDGE, ifindex, ..Ifinfo::default() }.encode(&mut body);
    let nest = body.nest(IFLA_AF_SPEC);
    if change.whose != 0 {
        body.u16(IFLA_BRIDGE_FLAGS, change.whose);
    }
    match change.tunnels {
        Some((first, last)) => change.encode_tunnels(first, last, &mut body),
        None => change.encode(&mut body),
    }
    body.end(nest);
    talk(ctx, kind, 0, &body)
}

/// Words that are not known are passed over, and what begins like `help` takes the word behind it along.
fn read<'w>(words: &mut Words<'w>) -> Result<Change<'w>, Stop> {
    let mut change = Change { device: None, first: NONE, last: NONE, flags: 0, whose: 0, tunnels: None };
    while let Some(word) = words.take() {
        match word {
            "dev" => change.device = Some(words.value()?),
            "vid" => {
                let vids = Vids::read(words.value()?);
                change.first = vids.first;
                if let Some(last) = vids.last {
                    change.last = last;
                    change.flags |= BRIDGE_VLAN_INFO_RANGE_BEGIN;
                }
            }
            "self" => change.whose |= BRIDGE_FLAGS_SELF,
            "master" => change.whose |= BRIDGE_FLAGS_MASTER,
            "pvid" => change.flags |= BRIDGE_VLAN_INFO_PVID,
            "untagged" => change.flags |= BRIDGE_VLAN_INFO_UNTAGGED,
            "tunnel_info" => {
                let before = change.tunnels.map_or(0, |(_, last)| last);
                let (first, last) = read_tunnels(words)?;
                change.tunnels = Some((first, last.unwrap_or(before)));
            }
            _ if matches(word, "help") => drop(words.value()?),
            _ => {}
        }
    }
    Ok(change)
}

fn read_tunnels(words: &mut Words<'_>) -> Result<(u32, Option<u32>), Stop> {
    let word = words.value()?;
    if !matches(word, "id") {
        return Err(Stop::invalid("tunnel id expected", word));
    }
    let text = words.value()?;
    let (first, last) = text.split_once('-').map_or((text, None), |(first, last)| (first, Some(last)));
    // The complaint is about the first number even if the second is wrong.
    let read = |part| {
        let id = number(part, 0, TUNNEL_MAX).ok_or_else(|| Stop::invalid("invalid tun id", first))?;
        Ok(id as u32)
    };
    Ok((read(first)?, last.map(read).transpose()?))
}

impl Change<'_> {
    fn check(&self) -> Result<(), Stop> {
        if self.first >= VLANS {
            return Err(Vids::bad_id(self.first));
        }
        if self.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN == 0 {
            return Ok(());
        }
        if self.last == NONE || self.last >= VLANS || self.first >= self.last {
            return Err(Vids::bad_range(self.first, self.last));
        }
        if self.flags & BRIDGE_VLAN_INFO_PVID != 0 {
            return Err(fail("pvid cannot be configured for a vlan range\n"));
        }
        Ok(())
    }

    fn encode(&self, body: &mut Builder) {
        VlanInfo { flags: self.flags, vid: self.first as u16 }.encode(IFLA_BRIDGE_VLAN_INFO, body);
        if self.last != NONE {
            let flags = self.flags & !BRIDGE_VLAN_INFO_RANGE_BEGIN | BRIDGE_VLAN_INFO_RANGE_END;
            VlanInfo { flags, vid: self.last as u16 }.encode(IFLA_BRIDGE_VLAN_INFO, body);
        }
    }

    fn encode_tunnels(&self, first: u32, last: u32, body: &mut Builder) {
        let range = self.last != NONE && self.last > self.first;
        let mut tunnel = |vid: i16, id: u32, flags: u16| {
            let nest = body.nest(IFLA_BRIDGE_VLAN_TUNNEL_INFO);
            body.u32(IFLA_BRIDGE_VLAN_TUNNEL_ID, id);
            body.u16(IFLA_BRIDGE_VLAN_TUNNEL_VID, vid as u16);
            body.u16(IFLA_BRIDGE_VLAN_TUNNEL_FLAGS, flags);
            body.end(nest);
        };
        if range {
            tunnel(self.first, first, BRIDGE_VLAN_INFO_RANGE_BEGIN);
            tunnel(self.last, last, BRIDGE_VLAN_INFO_RANGE_END);
        } else {
            tunnel(self.first, first, 0);
        }
    }
}
