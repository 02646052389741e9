//! IGMP of a host: what it says of the groups that its devices join and leave, and how it answers routers that ask
//! (RFC 3376, RFC 2236, RFC 1112; `net/ipv4/igmp.c`). When it does so is in `reports`.
//!
//! A device without carrier says it to nobody, and it is not said again. **Left out**: lists of sources.

use super::conf::v4;
use super::joined::{ALL_HOSTS, groups};
use super::reports::{FIRST, ROBUSTNESS, Reports, Saying};
use super::{HostTimer, inet, neighbour, send_frame};
use crate::device::{DeviceId, Mac};
use crate::world::World;
use rtnl::object::route::RT_SCOPE_LINK;
use std::net::{IpAddr, Ipv4Addr};
use wire::igmp::{Igmp, Record, Records};
use wire::mld::record;
use wire::{checksum, ethertype, protocol};

/// Who hears reports of version 3.
const REPORTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// Who hears in version 2 that a group was left.
const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
/// Microseconds in which questions of version 1 may be answered.
const RESPONSE: u64 = 10_000_000;
const TENTH: u64 = 100_000;
const SECOND: u64 = 1_000_000;
/// Bytes of a record without sources.
const RECORD: usize = 8;
/// Bytes of the IPv4 header with the router alert.
const HEADER: usize = 24;
const ROUTER_ALERT: [u8; 4] = [0x94, 0x04, 0, 0];

/// Whether routers of version 1 or 2 are believed to be there, or it is so settled (`IGMP_V1_SEEN`).
fn is_older(world: &World, id: DeviceId, version: usize) -> bool {
    let Some(inet) = world.get(id).and_then(|device| device.inet.as_ref()) else { return false };
    let forced = inet.conf.get(v4::FORCE_IGMP_VERSION) == version as i32
        || world
            .space(world[id].netns)
            .is_ok_and(|space| space.stack.all4.get(v4::FORCE_IGMP_VERSION) == version as i32);
    forced || inet.reports.as_ref().is_some_and(|reports| reports.is_older(world.now.0, version))
}

/// Changes what a device has to say, and sets its timer to what is due next.
fn change(world: &mut World, id: DeviceId, how: impl FnOnce(&mut Reports<Ipv4Addr>)) {
    let now = world.now.0;
    let Some(device) = world.get_mut(id) else { return };
    let netns = device.netns;
    let Some(inet) = device.inet.as_mut() else { return };
    let reports = inet.reports.get_or_insert_default();
    how(reports);
    let (due, idle) = (reports.due(), reports.is_idle(now));
    if idle {
        inet.reports = None;
    }
    match due {
        Some(at) => world.set_host_timer(netns, HostTimer::Groups4(id), at.saturating_sub(now)),
        None => world.cancel_host_timer(netns, HostTimer::Groups4(id)),
    }
}

/// A device joined a group, or came up with it. One that is down says nothing: it says everything when it comes up.
pub(crate) fn joined(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    if group == ALL_HOSTS || !world[id].is_up() {
        return;
    }
    let now = world.now.0;
    let older = is_older(world, id, 1) || is_older(world, id, 2);
    change(world, id, |reports| match older {
        true => reports.report_alone(group, ROBUSTNESS, now + FIRST),
        false => reports.joined(now, group),
    });
}

/// A device left a group (`igmp_group_dropped`).
pub(crate) fn left(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    if group == ALL_HOSTS || !world[id].is_up() {
        return;
    }
    let now = world.now.0;
    let (first, second) = (is_older(world, id, 1), is_older(world, id, 2));
    let reports = world[id].inet.as_ref().and_then(|inet| inet.reports.as_ref());
    let reporter = reports.is_some_and(|reports| reports.is_reporter(group));
    change(world, id, |reports| match first || second {
        true => reports.forget(group),
        false => reports.left(now, group),
    });
    if second && !first && reporter {
        send(world, id, ALL_ROUTERS, &Igmp::Leave { group });
    }
}

/// What a querier said of itself is forgotten (`ip_mc_reset`).
pub(crate) fn reset(world: &mut World, id: DeviceId) {
    if world[id].inet.as_ref().is_some_and(|inet| inet.reports.is_some()) {
        change(world, id, |reports| reports.reset(false));
    }
}

/// A device went down.
pub(crate) fn fall_silent(world: &mut World, id: DeviceId) {
    if world[id].inet.as_ref().is_some_and(|inet| inet.reports.is_some()) {
        change(world, id, Reports::fall_silent);
    }
}

/// Says all that is due.
pub(crate) fn report(world: &mut World, id: DeviceId) {
    let now = world.now.0;
    let older = is_older(world, id, 1) || is_older(world, id, 2);
    let interval = |place: usize| {
        let inet = world.get(id).and_then(|device| device.inet.as_ref());
        inet.map_or(0, |inet| inet.conf.get(place).max(0)) as u64 * 1000 / 2
    };
    let newest = interval(v4::IGMPV3_UNSOLICITED_REPORT_INTERVAL);
    let alone = if older { interval(v4::IGMPV2_UNSOLICITED_REPORT_INTERVAL) } else { newest };
    let mut sayings = Vec::new();
    change(world, id, |reports| {
        while let Some(saying) = reports.next(now, newest, alone) {
            sayings.push(saying);
        }
    });
    for saying in sayings {
        say(world, id, &saying);
    }
}

/// Says at once what a device is in: switches are to send it elsewhere (`ip_mc_rejoin_groups`).
pub(crate) fn report_again(world: &mut World, id: DeviceId) {
    for group in groups(world, id).filter(|group| *group != ALL_HOSTS) {
        say_one(world, id, group);
    }
}

fn say(world: &mut World, id: DeviceId, saying: &Saying<Ipv4Addr>) {
    let all = groups(world, id).filter(|group| *group != ALL_HOSTS);
    let records: Vec<(u8, Ipv4Addr)> = match saying {
        Saying::Changes { left, joined } => {
            let left = left.iter().map(|group| (record::TO_INCLUDE, *group));
            let joined = all.filter(|group| joined.contains(group)).map(|group| (record::TO_EXCLUDE, group));
            left.chain(joined).collect()
        }
        Saying::All => all.map(|group| (record::IS_EXCLUDE, group)).collect(),
        Saying::AllAgain => all.map(|group| (record::TO_EXCLUDE, group)).collect(),
        Saying::One(group) => return say_one(world, id, *group),
    };
    send_records(world, id, &records);
}

/// Reports one group, in the version that the routers understand (`igmp_timer_expire`).
fn say_one(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    let message = match () {
        () if is_older(world, id, 1) => Igmp::ReportV1 { group },
        () if is_older(world, id, 2) => Igmp::ReportV2 { group },
        () => return send_records(world, id, &[(record::IS_EXCLUDE, group)]),
    };
    change(world, id, |reports| reports.reported(group));
    send(world, id, group, &message);
}

/// Sends records, in as many reports as they need. They come from an address of the device or from none, unlike the
/// reports of older versions (`igmpv3_get_srcaddr`).
fn send_records(world: &mut World, id: DeviceId, records: &[(u8, Ipv4Addr)]) {
    let room = (world[id].mtu as usize).saturating_sub(HEADER + wire::igmp::LENGTH) / RECORD;
    for piece in records.chunks(room.max(1)) {
        let mut bytes = vec![0; piece.len() * RECORD];
        for ((kind, group), place) in piece.iter().zip(bytes.chunks_exact_mut(RECORD)) {
            Record { kind: *kind, group: *group, sources: &[] }.emit(place);
        }
        let Ok(records) = Records::new(piece.len() as u16, &bytes) else { return };
        let source = source(world, id);
        let is_own = inet::addresses(world, id).iter().any(|own| own.local == source);
        let source = if is_own { source } else { Ipv4Addr::UNSPECIFIED };
        send_from(world, id, source, REPORTERS, &Igmp::ReportV3 { records });
    }
}

/// The address that a message to the link comes from, if need be that of another device.
fn source(world: &World, id: DeviceId) -> Ipv4Addr {
    inet::select(world, id, Ipv4Addr::UNSPECIFIED, RT_SCOPE_LINK)
}

fn send(world: &mut World, id: DeviceId, to: Ipv4Addr, message: &Igmp<'_>) {
    let source = source(world, id);
    send_from(world, id, source, to, message);
}

fn send_from(world: &mut World, id: DeviceId, source: Ipv4Addr, to: Ipv4Addr, message: &Igmp<'_>) {
    let bytes = frame(world[id].address, source, to, message);
    neighbour::mention(world, (id, IpAddr::V4(to)));
    send_frame(world, id, &bytes);
}

/// Takes a message (`igmp_rcv`). Reports of others count only if they went to many.
pub(crate) fn receive(world: &mut World, id: DeviceId, to: Ipv4Addr, message: &[u8]) {
    match Igmp::parse(message) {
        Ok(Igmp::Query { max_response, group, v3 }) => asked(world, id, max_response, group, v3.as_ref()),
        Ok(Igmp::ReportV1 { group } | Igmp::ReportV2 { group }) if to.is_multicast() => {
            let has_reports =
                world[id].inet.as_ref().is_some_and(|inet| inet.reports.is_some() && group != ALL_HOSTS);
            if has_reports {
                change(world, id, |reports| reports.somebody_reported(group));
            }
        }
        _ => {}
    }
}

/// A router asks (`igmp_heard_query`).
fn asked(world: &mut World, id: DeviceId, code: u8, group: Ipv4Addr, v3: Option<&wire::igmp::QueryV3<'_>>) {
    let now = world.now.0;
    let tenths = |code: u8| u64::from(wire::igmp::response_v3(code)) * TENTH;
    let (first, second) = (is_older(world, id, 1), is_older(world, id, 2));
    let (response, group) = match v3 {
        None if code == 0 => {
            change(world, id, |reports| reports.older_heard(now, 1));
            (RESPONSE, Ipv4Addr::UNSPECIFIED)
        }
        None => {
            change(world, id, |reports| reports.older_heard(now, 2));
            (u64::from(code) * TENTH, group)
        }
        Some(_) if first => (RESPONSE, Ipv4Addr::UNSPECIFIED),
        Some(_) if second => (tenths(code), group),
        Some(v3) => {
            let response = tenths(code);
            let robustness = if v3.robustness == 0 { ROBUSTNESS } else { v3.robustness };
            let interval = u64::from(wire::igmp::response_v3(v3.interval)) * SECOND;
            change(world, id, |reports| {
                reports.adapt(robustness, interval, response);
                if group.is_unspecified() && v3.sources.is_empty() {
                    reports.ask_all(now + FIRST + response / 2);
                }
            });
            if group.is_unspecified() {
                return;
            }
            (response, group)
        }
    };
    let asked = |known: &Ipv4Addr| *known != ALL_HOSTS && (group.is_unspecified() || *known == group);
    let own: Vec<Ipv4Addr> = groups(world, id).filter(asked).collect();
    change(world, id, |reports| {
        own.iter().for_each(|group| reports.ask(*group, now + FIRST + response / 2));
    });
}

/// A message of IGMP in a frame: with the router alert, and not to be sent on.
pub(crate) fn frame(from: Mac, source: Ipv4Addr, to: Ipv4Addr, message: &Igmp<'_>) -> Vec<u8> {
    let head = wire::ethernet::LENGTH;
    let mut bytes = vec![0; head + HEADER + message.length()];
    let destination = wire::ethernet::multicast_v4(to);
    wire::Ethernet { destination, source: from, ethertype: ethertype::IPV4 }.emit(&mut bytes);
    let total = (HEADER + message.length()) as u16;
    let ip = &mut bytes[head..head + HEADER];
    ip[..2].copy_from_slice(&[0x46, 0xc0]);
    ip[2..4].copy_from_slice(&total.to_be_bytes());
    ip[4..10].copy_from_slice(&[0, 0, 0x40, 0, 1, protocol::IGMP]);
    ip[12..16].copy_from_slice(&source.octets());
    ip[16..20].copy_from_slice(&to.octets());
    ip[20..].copy_from_slice(&ROUTER_ALERT);
    let sum = checksum::checksum(ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    message.emit(&mut bytes[head + HEADER..]);
    bytes
}
