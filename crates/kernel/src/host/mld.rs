//! MLD of a host: what it says of the groups of IPv6 that its devices join and leave, and how it answers routers that
//! ask (RFC 3810, RFC 2710; `net/ipv6/mcast.c`). When it does so is in `reports`.
//!
//! As long as a link has no address of its own that is known to be free, reports come from nowhere (`::`); once it
//! has one, all groups are said anew. **Left out**: lists of sources.

use super::conf::v6;
use super::joined::groups6;
use super::reports::{FIRST, ROBUSTNESS, Reports, Saying};
use super::{HostTimer, neighbour, send_frame};
use crate::device::DeviceId;
use crate::inet6::{self, part};
use crate::world::World;
use std::net::{IpAddr, Ipv6Addr};
use wire::mld::{Mld, QueryV2, Record, Records, record};
use wire::{Icmpv6, Ipv6, ethertype, protocol};

/// All nodes of a link; nobody is told who is among them.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers of a link, who hear in version 1 that a group was left.
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// Who hears reports of version 2.
const REPORTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// Microseconds after which a group is reported again: half of what it may be.
const LATER: u64 = 500_000;
/// The same in version 1.
const LATER_ALONE: u64 = 5_000_000;
const SECOND: u64 = 1_000_000;
/// Bytes of a record without sources.
const RECORD: usize = 20;
/// Bytes in front of the records: IPv6, the router alert, and the message's head.
const HEADER: usize = wire::ipv6::LENGTH + wire::ipv6::ROUTER_ALERT.len() + 8;

/// Whether anybody is told of a group (`MAF_NOREPORT`).
fn is_told(group: Ipv6Addr) -> bool {
    group != ALL_NODES && group.octets()[1] & 15 >= 2
}

/// Whether routers of version 1 are believed to be there, or it is so settled (`mld_in_v1_mode`).
fn is_older(world: &World, id: DeviceId) -> bool {
    let Some(inet6) = world.get(id).and_then(|device| device.inet6.as_ref()) else { return false };
    let everywhere =
        world.space(world[id].netns).map_or(0, |space| space.stack.all6.get(v6::FORCE_MLD_VERSION));
    let own = inet6.conf.get(v6::FORCE_MLD_VERSION);
    match if everywhere != 0 { everywhere } else { own } {
        2 => false,
        1 => true,
        _ => inet6.reports.as_ref().is_some_and(|reports| reports.is_older(world.now.0, 1)),
    }
}

/// Changes what a device has to say, and sets its timer to what is due next.
fn change(world: &mut World, id: DeviceId, how: impl FnOnce(&mut Reports<Ipv6Addr>)) {
    let now = world.now.0;
    let Some(inet6) = part(world, id) else { return };
    let reports = inet6.reports.get_or_insert_default();
    how(reports);
    let (due, idle) = (reports.due(), reports.is_idle(now));
    if idle {
        inet6.reports = None;
    }
    let netns = world[id].netns;
    match due {
        Some(at) => world.set_host_timer(netns, HostTimer::Groups6(id), at.saturating_sub(now)),
        None => world.cancel_host_timer(netns, HostTimer::Groups6(id)),
    }
}

fn has_reports(world: &World, id: DeviceId) -> bool {
    world[id].inet6.as_ref().is_some_and(|inet6| inet6.reports.is_some())
}

/// A device joined a group, or came up with it.
pub(crate) fn joined(world: &mut World, id: DeviceId, group: Ipv6Addr) {
    if !is_told(group) || !world[id].is_up() {
        return;
    }
    let now = world.now.0;
    if !is_older(world, id) {
        return change(world, id, |reports| reports.joined(now, group));
    }
    send(world, id, group, &Mld::Report { group });
    change(world, id, |reports| {
        reports.reported(group);
        reports.ask(group, now + LATER_ALONE);
    });
}

/// A device left a group (`igmp6_leave_group`).
pub(crate) fn left(world: &mut World, id: DeviceId, group: Ipv6Addr) {
    if !is_told(group) {
        return;
    }
    let (now, older) = (world.now.0, is_older(world, id));
    let reports = world[id].inet6.as_ref().and_then(|inet6| inet6.reports.as_ref());
    let reporter = reports.is_some_and(|reports| reports.is_reporter(group));
    change(world, id, |reports| match older {
        true => reports.forget(group),
        false => reports.left(now, group),
    });
    if older && reporter {
        send(world, id, ALL_ROUTERS, &Mld::Done { group });
    }
}

/// What queriers said is forgotten (`ipv6_mc_reset`).
pub(crate) fn reset(world: &mut World, id: DeviceId) {
    if has_reports(world, id) {
        change(world, id, |reports| reports.reset(true));
    }
}

/// A device went down.
pub(crate) fn fall_silent(world: &mut World, id: DeviceId) {
    if has_reports(world, id) {
        change(world, id, Reports::fall_silent);
    }
}

/// The first address of a link was found to be free: all that was said from nowhere is said from there
/// (`ipv6_mc_dad_complete`).
pub(crate) fn address_found(world: &mut World, id: DeviceId) {
    if is_older(world, id) || !groups6(world, id).any(is_told) {
        return;
    }
    let now = world.now.0;
    say(world, id, &Saying::AllAgain);
    change(world, id, |reports| reports.again(now + FIRST + LATER));
}

/// Says all that is due.
pub(crate) fn report(world: &mut World, id: DeviceId) {
    let now = world.now.0;
    let mut sayings = Vec::new();
    change(world, id, |reports| {
        while let Some(saying) = reports.next(now, LATER, LATER_ALONE) {
            sayings.push(saying);
        }
    });
    for saying in sayings {
        say(world, id, &saying);
    }
}

/// Says at once what a device is in: switches are to send it elsewhere (`ipv6_mc_rejoin_groups`).
pub(crate) fn report_again(world: &mut World, id: DeviceId) {
    if !is_older(world, id) {
        return say(world, id, &Saying::All);
    }
    for group in groups6(world, id).filter(|group| is_told(*group)) {
        say(world, id, &Saying::One(group));
    }
}

fn say(world: &mut World, id: DeviceId, saying: &Saying<Ipv6Addr>) {
    let all = groups6(world, id).filter(|group| is_told(*group));
    let records: Vec<(u8, Ipv6Addr)> = match saying {
        Saying::Changes { left, joined } => {
            let left = left.iter().map(|group| (record::TO_INCLUDE, *group));
            let joined = all.filter(|group| joined.contains(group)).map(|group| (record::TO_EXCLUDE, group));
            left.chain(joined).collect()
        }
        Saying::All => all.map(|group| (record::IS_EXCLUDE, group)).collect(),
        Saying::AllAgain => all.map(|group| (record::TO_EXCLUDE, group)).collect(),
        Saying::One(group) if is_older(world, id) => {
            let group = *group;
            change(world, id, |reports| reports.reported(group));
            return send(world, id, group, &Mld::Report { group });
        }
        Saying::One(group) => vec![(record::IS_EXCLUDE, *group)],
    };
    send_records(world, id, &records);
}

/// Sends records, in as many reports as they need.
fn send_records(world: &mut World, id: DeviceId, records: &[(u8, Ipv6Addr)]) {
    let room = (world[id].mtu as usize).saturating_sub(HEADER) / RECORD;
    for piece in records.chunks(room.max(1)) {
        let mut bytes = vec![0; piece.len() * RECORD];
        for ((kind, group), place) in piece.iter().zip(bytes.chunks_exact_mut(RECORD)) {
            Record { kind: *kind, group: *group, sources: &[] }.emit(place);
        }
        let Ok(records) = Records::new(piece.len() as u16, &bytes) else { return };
        send(world, id, REPORTERS, &Mld::ReportV2 { records });
    }
}

/// Sends a message with the router alert; not where IPv6 is off.
fn send(world: &mut World, id: DeviceId, to: Ipv6Addr, message: &Mld<'_>) {
    if !inet6::is_enabled(world, id) {
        return;
    }
    let source = inet6::link_local(world, id).unwrap_or(Ipv6Addr::UNSPECIFIED);
    let message = Icmpv6::Mld(*message);
    let mut payload = wire::ipv6::ROUTER_ALERT.to_vec();
    let at = payload.len();
    payload.resize(at + message.length(), 0);
    message.emit(&mut payload[at..], source, to);
    let header = Ipv6 {
        traffic_class: 0,
        flow_label: 0,
        payload_length: payload.len() as u16,
        next_header: protocol::HOP_BY_HOP,
        hop_limit: 1,
        source,
        destination: to,
    };
    let own = world[id].address;
    let destination = wire::ethernet::multicast_v6(to);
    let mut frame = vec![0; wire::ethernet::LENGTH + wire::ipv6::LENGTH];
    wire::Ethernet { destination, source: own, ethertype: ethertype::IPV6 }.emit(&mut frame);
    header.emit(&mut frame[wire::ethernet::LENGTH..]);
    frame.extend_from_slice(&payload);
    neighbour::mention(world, (id, IpAddr::V6(to)));
    send_frame(world, id, &frame);
}

/// A message came (`igmp6_event_query`, `igmp6_event_report`). A question counts only as routers send it, with
/// `alert`: one hop, and the router alert. Reports of others count only if they went to many.
pub(crate) fn receive(
    world: &mut World,
    id: DeviceId,
    (source, to): (Ipv6Addr, Ipv6Addr),
    alert: bool,
    message: &Mld<'_>,
) {
    match *message {
        Mld::Query { max_response, group, v2 } if alert && inet6::is_link_local(source) => {
            asked(world, id, max_response, group, v2.as_ref());
        }
        Mld::Report { group } if to.is_multicast() && has_reports(world, id) => {
            change(world, id, |reports| reports.somebody_reported(group));
        }
        _ => {}
    }
}

/// A router asks (`__mld_query_work`).
fn asked(world: &mut World, id: DeviceId, code: u16, group: Ipv6Addr, v2: Option<&QueryV2<'_>>) {
    if !group.is_unspecified() && !group.is_multicast() {
        return;
    }
    let now = world.now.0;
    let older = is_older(world, id);
    let response = match v2 {
        Some(_) if !older => u64::from(wire::mld::response_v2(code)) * 1000,
        _ => u64::from(code) * 1000,
    };
    let latest = now + FIRST + response / 2;
    match v2 {
        None => change(world, id, |reports| reports.older_heard(now, 1)),
        Some(_) if older => {}
        Some(v2) => {
            let interval = u64::from(wire::igmp::response_v3(v2.interval)) * SECOND;
            change(world, id, |reports| {
                reports.adapt(v2.robustness.max(ROBUSTNESS), interval, response);
                if group.is_unspecified() && v2.sources.is_empty() {
                    reports.ask_all(latest);
                }
            });
            if group.is_unspecified() {
                return;
            }
        }
    }
    let is_asked = |known: &Ipv6Addr| is_told(*known) && (group.is_unspecified() || *known == group);
    let own: Vec<Ipv6Addr> = groups6(world, id).filter(is_asked).collect();
    change(world, id, |reports| own.iter().for_each(|group| reports.ask(*group, latest)));
}
