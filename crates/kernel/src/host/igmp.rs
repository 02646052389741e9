//! IGMP of a host: what it says of the groups that its devices join and leave, and what it answers when somebody asks
//! (RFC 3376, 5; `net/ipv4/igmp.c`).
//!
//! Each change is said twice, first almost at once and then within a second, together with all other changes of the
//! device that are still to be said. A device without carrier says it to nobody, and it is not said again. Once a
//! question of an older version came, that version is spoken for some minutes: group by group, and at other times.
//! Where Linux waits a random time, half of the longest is waited here.
//!
//! **Left out**: lists of sources, as nobody here asks for one; and that a host needs not say what another host of the
//! link has just said.

use super::conf::v4;
use super::joined::ALL_HOSTS;
use super::{HostTimer, inet, send_frame};
use crate::device::{DeviceId, Mac};
use crate::world::{Instant, World};
use rtnl::object::route::RT_SCOPE_LINK;
use std::net::Ipv4Addr;
use wire::igmp::{Igmp, Record, Records, response_v3};
use wire::mld::record;
use wire::{checksum, ethertype, protocol};

/// Who hears reports of version 3.
const REPORTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// Who hears that a group was left, in version 2.
const ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
/// How often a change is said.
const ROBUSTNESS: u8 = 2;
/// A tick of the kernel's clock in microseconds; times of IGMP are counted in tenths of a second.
const TICK: u64 = 10_000;
const TENTH: u64 = 100_000;
/// Microseconds that pass before anything is said: at least two ticks.
const FIRST: u64 = 2 * TICK;
/// How long an older version is spoken: twice the interval between questions, and the time for answers.
const OLDER: u64 = 260_000_000;
/// How long an answer of version 1 may take.
const ANSWER_V1: u64 = 10_000_000;
/// Bytes of a record without sources.
const RECORD: usize = 8;
/// Bytes of the IPv4 header with the router alert.
const HEADER: usize = 24;
const ROUTER_ALERT: [u8; 4] = [0x94, 0x04, 0, 0];

/// What IGMP keeps of a device that has something to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Groups that were joined, and how often that is still to be said; the latest first.
    joined: Vec<(Ipv4Addr, u8)>,
    /// The same of those that were left.
    left: Vec<(Ipv4Addr, u8)>,
    /// Until when version 1 or 2 is spoken.
    older: [Instant; 2],
}

/// The version that a device speaks now.
fn version(world: &World, id: DeviceId) -> u8 {
    let inet = world[id].inet.as_ref();
    match inet.map_or(0, |inet| inet.conf.get(v4::FORCE_IGMP_VERSION)) {
        version @ 1..=3 => return version as u8,
        _ => {}
    }
    match inet.and_then(|inet| inet.igmp.as_ref()) {
        Some(state) if world.now < state.older[0] => 1,
        Some(state) if world.now < state.older[1] => 2,
        _ => 3,
    }
}

fn state(world: &mut World, id: DeviceId) -> Option<&mut State> {
    world[id].inet.as_mut().map(|inet| inet.igmp.get_or_insert_default().as_mut())
}

/// A device joined a group (`igmp_group_added`). One that is down says so when it goes up.
pub(crate) fn joined(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    if group == ALL_HOSTS || !world[id].is_up() {
        return;
    }
    let (netns, old) = (world[id].netns, version(world, id) < 3);
    let Some(state) = state(world, id) else { return };
    state.left.retain(|(known, _)| *known != group);
    state.joined.retain(|(known, _)| *known != group);
    state.joined.insert(0, (group, ROBUSTNESS));
    let timer = if old { HostTimer::Answer(id, group) } else { HostTimer::Changes(id) };
    world.set_host_timer(netns, timer, FIRST);
}

/// A device left a group (`igmp_group_dropped`).
pub(crate) fn left(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    if group == ALL_HOSTS || !world[id].is_up() {
        return;
    }
    let (netns, version) = (world[id].netns, version(world, id));
    world.cancel_host_timer(netns, HostTimer::Answer(id, group));
    let Some(state) = state(world, id) else { return };
    state.joined.retain(|(known, _)| *known != group);
    match version {
        1 => {}
        2 => say(world, id, ROUTERS, &Igmp::Leave { group }),
        _ => {
            state.left.insert(0, (group, ROBUSTNESS));
            world.set_host_timer(netns, HostTimer::Changes(id), FIRST);
        }
    }
}

fn groups(world: &World, id: DeviceId) -> Vec<Ipv4Addr> {
    let inet = world[id].inet.as_ref();
    inet.map_or(Vec::new(), |inet| inet.groups.iter().filter(|group| *group != ALL_HOSTS).collect())
}

/// A device went up (`ip_mc_up`).
pub(crate) fn up(world: &mut World, id: DeviceId) {
    for group in groups(world, id).into_iter().rev() {
        joined(world, id, group);
    }
}

/// A device went down (`ip_mc_down`).
pub(crate) fn down(world: &mut World, id: DeviceId) {
    let netns = world[id].netns;
    world.cancel_host_timer(netns, HostTimer::Changes(id));
    for group in groups(world, id).into_iter().chain([ALL_HOSTS]) {
        world.cancel_host_timer(netns, HostTimer::Answer(id, group));
    }
    if let Some(inet) = world[id].inet.as_mut() {
        inet.igmp = None;
    }
}

/// Says what changed, and waits to say it again (`igmp_ifc_timer_expire`).
pub(crate) fn report_changes(world: &mut World, id: DeviceId) {
    let netns = world[id].netns;
    let Some(inet) = world[id].inet.as_mut() else { return };
    let interval = inet.conf.get(v4::IGMPV3_UNSOLICITED_REPORT_INTERVAL).max(0) as u64 * 1000;
    let Some(state) = inet.igmp.as_mut() else { return };
    let mut bytes = Vec::new();
    let lists = [(record::TO_INCLUDE, &mut state.left), (record::TO_EXCLUDE, &mut state.joined)];
    for (kind, list) in lists {
        for (group, times) in list.iter_mut() {
            put(&mut bytes, kind, *group);
            *times -= 1;
        }
        list.retain(|(_, times)| *times > 0);
    }
    if !state.joined.is_empty() || !state.left.is_empty() {
        world.set_host_timer(netns, HostTimer::Changes(id), FIRST + interval / 2);
    }
    say_records(world, id, &bytes);
}

fn put(bytes: &mut Vec<u8>, kind: u8, group: Ipv4Addr) {
    let start = bytes.len();
    bytes.resize(start + RECORD, 0);
    Record { kind, group, sources: &[] }.emit(&mut bytes[start..]);
}

/// Takes a message (`igmp_rcv`).
pub(crate) fn receive(world: &mut World, id: DeviceId, message: &[u8]) {
    let Ok(Igmp::Query { max_response, group, v3 }) = Igmp::parse(message) else { return };
    let (netns, now) = (world[id].netns, world.now);
    if groups(world, id).is_empty() {
        return;
    }
    let longest = match v3 {
        None => {
            let (older, longest) = match max_response {
                0 => (0, ANSWER_V1),
                tenths => (1, u64::from(tenths) * TENTH),
            };
            world.cancel_host_timer(netns, HostTimer::Changes(id));
            let Some(state) = state(world, id) else { return };
            state.older[older] = Instant(now.0.saturating_add(OLDER));
            state.left.clear();
            state.joined.clear();
            longest
        }
        Some(_) if version(world, id) == 1 => ANSWER_V1,
        Some(_) => (u64::from(response_v3(max_response)) * TENTH).max(TICK),
    };
    let delay = FIRST + (longest - TICK) / 2;
    // One answer tells of all groups in version 3; older ones are told one by one.
    let all = group.is_unspecified() || version(world, id) == 1;
    match v3 {
        Some(v3) if all && version(world, id) == 3 => {
            if v3.sources.is_empty() {
                answer_by(world, id, ALL_HOSTS, delay);
            }
        }
        _ => {
            for own in groups(world, id).into_iter().filter(|own| all || *own == group) {
                answer_by(world, id, own, delay);
            }
        }
    }
}

/// An answer about a group (all hosts': about all) is given by then, or earlier if it is awaited earlier.
fn answer_by(world: &mut World, id: DeviceId, group: Ipv4Addr, delay: u64) {
    let (netns, timer) = (world[id].netns, HostTimer::Answer(id, group));
    if world.host_timer(netns, timer).is_none_or(|left| left > delay) {
        world.set_host_timer(netns, timer, delay);
    }
}

/// Gives an answer (`igmp_gq_timer_expire`, `igmp_timer_expire`).
pub(crate) fn answer(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    let (netns, version) = (world[id].netns, version(world, id));
    let told = groups(world, id).into_iter().filter(|own| group == ALL_HOSTS || *own == group);
    let told: Vec<Ipv4Addr> = told.collect();
    if version == 3 {
        let mut bytes = Vec::new();
        told.into_iter().for_each(|group| put(&mut bytes, record::IS_EXCLUDE, group));
        return say_records(world, id, &bytes);
    }
    for group in told {
        let message = if version == 1 { Igmp::ReportV1 { group } } else { Igmp::ReportV2 { group } };
        say(world, id, group, &message);
        // A join is said once more.
        let Some(inet) = world[id].inet.as_mut() else { return };
        let interval = inet.conf.get(v4::IGMPV2_UNSOLICITED_REPORT_INTERVAL).max(0) as u64 * 1000;
        let Some(state) = inet.igmp.as_mut() else { continue };
        let again = state.joined.iter_mut().find(|(known, _)| *known == group);
        if again.is_some_and(|(_, times)| std::mem::replace(times, times.saturating_sub(1)) > 1) {
            world.set_host_timer(netns, HostTimer::Answer(id, group), FIRST + interval / 2);
        } else {
            state.joined.retain(|(known, _)| *known != group);
        }
    }
}

/// Sends records, in as many reports as they need.
fn say_records(world: &mut World, id: DeviceId, records: &[u8]) {
    let room = (world[id].mtu as usize).saturating_sub(HEADER + wire::igmp::LENGTH) / RECORD;
    for piece in records.chunks(room.max(1) * RECORD) {
        let Ok(records) = Records::new((piece.len() / RECORD) as u16, piece) else { return };
        // They come from an address of the device, or from none.
        let source = source(world, id);
        let own = inet::addresses(world, id).iter().any(|own| own.local == source);
        let source = if own { source } else { Ipv4Addr::UNSPECIFIED };
        let bytes = frame(world[id].address, source, REPORTERS, &Igmp::ReportV3 { records });
        send_frame(world, id, &bytes);
    }
}

fn source(world: &World, id: DeviceId) -> Ipv4Addr {
    inet::select(world, id, Ipv4Addr::UNSPECIFIED, RT_SCOPE_LINK)
}

fn say(world: &mut World, id: DeviceId, to: Ipv4Addr, message: &Igmp<'_>) {
    let bytes = frame(world[id].address, source(world, id), to, message);
    send_frame(world, id, &bytes);
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
