//! IGMPv3 of a host: what it says of the groups that its devices join and leave (RFC 3376, 5.1; `net/ipv4/igmp.c`).
//!
//! Each change is said twice, first almost at once and then within a second, together with all other changes of the
//! device that are still to be said. A device without carrier says it to nobody, and it is not said again.
//!
//! **Left out**: lists of sources, as nobody here asks for one; versions 1 and 2; and answers to queries.

use super::conf::v4;
use super::joined::ALL_HOSTS;
use super::{HostTimer, inet, send_frame};
use crate::device::{DeviceId, Mac};
use crate::world::World;
use rtnl::object::route::RT_SCOPE_LINK;
use std::net::Ipv4Addr;
use wire::igmp::{Igmp, Record, Records};
use wire::mld::record;
use wire::{checksum, ethertype, protocol};

/// Who hears reports of version 3.
const REPORTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// How often a change is said.
const ROBUSTNESS: u8 = 2;
/// Microseconds until it is said first: two ticks of 10 ms.
const FIRST: u64 = 20_000;
/// Bytes of a record without sources.
const RECORD: usize = 8;
/// Bytes of the IPv4 header with the router alert.
const HEADER: usize = 24;
const ROUTER_ALERT: [u8; 4] = [0x94, 0x04, 0, 0];

/// What a device has still to say of its groups: the group, and how often. The latest stand first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    joined: Vec<(Ipv4Addr, u8)>,
    left: Vec<(Ipv4Addr, u8)>,
}

/// What is still to be said is changed, and is said soon. A device that is down says nothing: it says everything
/// when it goes up.
fn change(world: &mut World, id: DeviceId, group: Ipv4Addr, how: impl FnOnce(&mut Changes)) {
    if group == ALL_HOSTS || !world[id].is_up() {
        return;
    }
    let netns = world[id].netns;
    let Some(inet) = world[id].inet.as_mut() else { return };
    how(inet.changes.get_or_insert_default());
    world.set_host_timer(netns, HostTimer::Changes(id), FIRST);
}

/// A device joined a group (`igmp_group_added`).
pub(crate) fn joined(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    change(world, id, group, |changes| {
        changes.left.retain(|(known, _)| *known != group);
        changes.joined.retain(|(known, _)| *known != group);
        changes.joined.insert(0, (group, ROBUSTNESS));
    });
}

/// A device left a group (`igmp_group_dropped`).
pub(crate) fn left(world: &mut World, id: DeviceId, group: Ipv4Addr) {
    change(world, id, group, |changes| {
        changes.joined.retain(|(known, _)| *known != group);
        changes.left.insert(0, (group, ROBUSTNESS));
    });
}

/// A device went up (`ip_mc_up`).
pub(crate) fn up(world: &mut World, id: DeviceId) {
    let Some(inet) = world[id].inet.as_ref() else { return };
    let groups: Vec<Ipv4Addr> = inet.groups.iter().collect();
    for group in groups.into_iter().rev() {
        joined(world, id, group);
    }
}

/// A device went down (`ip_mc_down`).
pub(crate) fn down(world: &mut World, id: DeviceId) {
    let netns = world[id].netns;
    world.cancel_host_timer(netns, HostTimer::Changes(id));
    if let Some(inet) = world[id].inet.as_mut() {
        inet.changes = None;
    }
}

/// Says what is to be said, and waits to say it again (`igmp_ifc_timer_expire`).
pub(crate) fn report(world: &mut World, id: DeviceId) {
    let netns = world[id].netns;
    let Some(inet) = world[id].inet.as_mut() else { return };
    let interval = inet.conf.get(v4::IGMPV3_UNSOLICITED_REPORT_INTERVAL).max(0) as u64 * 1000;
    let Some(changes) = inet.changes.as_mut() else { return };
    let mut bytes = Vec::new();
    let lists = [(record::TO_INCLUDE, &mut changes.left), (record::TO_EXCLUDE, &mut changes.joined)];
    for (kind, list) in lists {
        for (group, times) in list.iter_mut() {
            let start = bytes.len();
            bytes.resize(start + RECORD, 0);
            Record { kind, group: *group, sources: &[] }.emit(&mut bytes[start..]);
            *times -= 1;
        }
        list.retain(|(_, times)| *times > 0);
    }
    if changes.joined.is_empty() && changes.left.is_empty() {
        inet.changes = None;
    } else {
        // Linux waits a random time up to the interval; the middle of it is as good as any.
        world.set_host_timer(netns, HostTimer::Changes(id), FIRST + interval / 2);
    }
    send(world, id, &bytes);
}

/// Sends records, in as many reports as they need.
fn send(world: &mut World, id: DeviceId, records: &[u8]) {
    let room = (world[id].mtu as usize).saturating_sub(HEADER + wire::igmp::LENGTH) / RECORD;
    let source = inet::select(world, id, Ipv4Addr::UNSPECIFIED, RT_SCOPE_LINK);
    for piece in records.chunks(room.max(1) * RECORD) {
        let Ok(records) = Records::new((piece.len() / RECORD) as u16, piece) else { return };
        let own = world[id].address;
        let bytes = frame(own, source, REPORTERS, &Igmp::ReportV3 { records });
        send_frame(world, id, &bytes);
    }
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
