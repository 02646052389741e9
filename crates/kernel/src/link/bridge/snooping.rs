//! What hosts and routers say about groups, heard on its way through the bridge, and what the bridge itself asks and
//! reports (`net/bridge/br_multicast.c`; RFC 2236, 3376, 2710, 3810, 4541).
//!
//! Reports of the newer versions are taken record by record for what the older ones say: joined or left. What is
//! malformed is dropped, as Linux does.

use super::frames::Ingress;
use super::multicast::{self, Address, GroupId, Member, now};
use super::port::{flag, of_port, of_port_mut};
use super::timers::{self, of_port as port_timer};
use super::{of, of_mut, routers};
use crate::device::{DeviceId, Mac};
use crate::frame::FrameId;
use crate::rare::Usual;
use crate::run::Step;
use crate::world::World;
use rtnl::kind::bridge_slave::BR_STATE_DISABLED;
use std::net::{Ipv4Addr, Ipv6Addr};
use wire::igmp::{self, Igmp};
use wire::mld::{self, Mld, record};
use wire::{Malformed, checksum};

/// All snoopers (RFC 4286).
pub(super) const ALL_SNOOPERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 106);
/// The same of IPv6.
pub(super) const ALL_SNOOPERS6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x6a);
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const ALL_PIM_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 13);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const PROTOCOL_IGMP: u8 = 2;
const PROTOCOL_PIM: u8 = 103;
const PROTOCOL_ICMPV6: u8 = 58;
const HOP_BY_HOP: u8 = 0;
/// In which units IGMP counts times: so many ticks.
const TENTH: u64 = 10;

/// `struct br_mcast_stats`: queries, reports and leaves of each version, received and sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters(pub(super) [u64; 30]);

impl Usual for Counters {
    const USUAL: &'static Counters = &Counters([0; 30]);
}

/// Places in [`Counters`]; what is sent comes behind what is received.
mod count {
    pub(super) const V1_QUERIES: usize = 0;
    pub(super) const V2_QUERIES: usize = 2;
    pub(super) const V3_QUERIES: usize = 4;
    pub(super) const LEAVES: usize = 6;
    pub(super) const V1_REPORTS: usize = 8;
    pub(super) const V2_REPORTS: usize = 10;
    pub(super) const V3_REPORTS: usize = 12;
    pub(super) const ERRORS: usize = 14;
    pub(super) const MLD_V1_QUERIES: usize = 15;
    pub(super) const MLD_V2_QUERIES: usize = 17;
    pub(super) const MLD_LEAVES: usize = 19;
    pub(super) const MLD_V1_REPORTS: usize = 21;
    pub(super) const MLD_V2_REPORTS: usize = 23;
    pub(super) const MLD_ERRORS: usize = 25;
}

/// What a look at a frame to a group tells.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    /// The group's address; none if it is not IP.
    pub(super) address: Option<Address>,
    /// It is about groups itself, so that the members of its group are no matter.
    pub(super) control: bool,
    /// It goes to routers at least.
    pub(super) routers_only: bool,
}

/// Where a message was heard: the bridge, the port or none for the bridge's own host, the VLAN, the sender.
#[derive(Clone, Copy)]
struct Heard {
    bridge: DeviceId,
    port: Option<DeviceId>,
    vid: u16,
    source: Mac,
}

/// Looks at a frame to a group, and hears what it says.
pub(super) fn look(
    world: &mut World,
    ingress: &Ingress,
    frame: FrameId,
    vid: u16,
) -> Result<Seen, Malformed> {
    let heard =
        Heard { bridge: ingress.bridge, port: ingress.port, vid, source: world.run.pool.source(frame) };
    match world.run.pool.ethertype(frame) {
        0x0800 => look_v4(world, &heard, frame),
        0x86dd => look_v6(world, &heard, frame),
        _ => Ok(Seen::default()),
    }
}

fn count(world: &mut World, heard: &Heard, place: usize) {
    if !of(world, heard.bridge).multicast.stats_enabled {
        return;
    }
    of_mut(world, heard.bridge).snooping.counters.0[place] += 1;
    if let Some(port) = heard.port.and_then(|port| of_port_mut(world, port)) {
        port.multicast.counters.0[place] += 1;
    }
}

fn look_v4(world: &mut World, heard: &Heard, frame: FrameId) -> Result<Seen, Malformed> {
    let packet = world.run.pool.bytes(frame).get(14..).unwrap_or_default();
    let Some(head) = packet.first_chunk::<20>() else { return Err(Malformed::Truncated) };
    let (header, total) =
        (usize::from(head[0] & 15) * 4, usize::from(u16::from_be_bytes([head[2], head[3]])));
    if head[0] >> 4 != 4 || header < 20 || total < header || packet.len() < total {
        return Err(Malformed::Length);
    }
    let group = Ipv4Addr::new(head[16], head[17], head[18], head[19]);
    let mut seen = Seen { address: Some(Address::V4(group.octets())), ..Seen::default() };
    let local = group.octets()[..3] == [224, 0, 0];
    if head[9] != PROTOCOL_IGMP {
        seen.routers_only = !local;
        if group == ALL_PIM_ROUTERS && head[9] == PROTOCOL_PIM {
            routers::mark_router(world, heard.bridge, heard.port, false);
        }
        return Ok(seen);
    }
    let sender = Ipv4Addr::new(head[12], head[13], head[14], head[15]);
    // What is said is rare; it is copied so that the bridge can change while it is read.
    let message = packet[header..total].to_vec();
    match Igmp::parse(&message) {
        Ok(said) => {
            if matches!(said, Igmp::Query { group: asked, .. } if asked.is_unspecified() && group != ALL_HOSTS)
            {
                count(world, heard, count::ERRORS);
                return Err(Malformed::Field);
            }
            seen.control = true;
            seen.routers_only = matches!(said, Igmp::ReportV1 { .. } | Igmp::ReportV2 { .. });
            hear_v4(world, heard, sender, &said);
            Ok(seen)
        }
        // Of another type: an ordinary frame.
        Err(Malformed::Field) => {
            seen.routers_only = !local;
            Ok(seen)
        }
        Err(malformed) => {
            count(world, heard, count::ERRORS);
            Err(malformed)
        }
    }
}

fn hear_v4(world: &mut World, heard: &Heard, sender: Ipv4Addr, said: &Igmp<'_>) {
    let place = match said {
        Igmp::Query { v3: Some(_), .. } => count::V3_QUERIES,
        Igmp::Query { max_response: 0, .. } => count::V1_QUERIES,
        Igmp::Query { .. } => count::V2_QUERIES,
        Igmp::ReportV1 { .. } => count::V1_REPORTS,
        Igmp::ReportV2 { .. } => count::V2_REPORTS,
        Igmp::ReportV3 { .. } => count::V3_REPORTS,
        Igmp::Leave { .. } => count::LEAVES,
    };
    count(world, heard, place);
    match said {
        Igmp::ReportV1 { group } | Igmp::ReportV2 { group } => joined_v4(world, heard, *group),
        Igmp::Leave { group } => left_v4(world, heard, *group),
        Igmp::ReportV3 { records } => {
            for said in records.iter() {
                match (said.kind, said.sources.is_empty()) {
                    (record::IS_INCLUDE | record::TO_INCLUDE, true) => left_v4(world, heard, said.group),
                    (record::IS_INCLUDE..=record::BLOCK, _) => joined_v4(world, heard, said.group),
                    _ => {}
                }
            }
        }
        Igmp::Query { max_response, group, v3 } => {
            let (ticks, group) = match v3 {
                None if *max_response == 0 => (10 * 100, Ipv4Addr::UNSPECIFIED),
                None => (u64::from(*max_response) * TENTH, *group),
                Some(v3) if !v3.sources.is_empty() => return,
                Some(_) if *max_response == 0 => (1, *group),
                Some(_) => (u64::from(igmp::response_v3(*max_response)) * TENTH, *group),
            };
            let mut address = [0; 16];
            address[..4].copy_from_slice(&sender.octets());
            let group = (!group.is_unspecified()).then_some(Address::V4(group.octets()));
            asked(world, heard, address, group, ticks, false);
        }
    }
}

fn joined_v4(world: &mut World, heard: &Heard, group: Ipv4Addr) {
    if group.octets()[..3] != [224, 0, 0] {
        joined(world, heard, Address::V4(group.octets()));
    }
}

fn left_v4(world: &mut World, heard: &Heard, group: Ipv4Addr) {
    if group.octets()[..3] != [224, 0, 0] {
        left(world, heard, Address::V4(group.octets()));
    }
}

/// The type and body of an ICMPv6 message behind the hop-by-hop options that every message of MLD has.
fn icmpv6(packet: &[u8]) -> Option<(u8, &[u8])> {
    let (head, rest) = packet.split_at_checked(40)?;
    let rest = rest.get(..usize::from(u16::from_be_bytes([head[4], head[5]])))?;
    if head[6] != HOP_BY_HOP || *rest.first()? != PROTOCOL_ICMPV6 {
        return None;
    }
    let body = rest.get((usize::from(*rest.get(1)?) + 1) * 8..)?;
    Some((*body.first()?, body))
}

fn look_v6(world: &mut World, heard: &Heard, frame: FrameId) -> Result<Seen, Malformed> {
    let packet = world.run.pool.bytes(frame).get(14..).unwrap_or_default();
    let Some(head) = packet.first_chunk::<40>() else { return Err(Malformed::Truncated) };
    let payload = usize::from(u16::from_be_bytes([head[4], head[5]]));
    if head[0] >> 4 != 6 || packet.len() < 40 + payload {
        return Err(Malformed::Length);
    }
    let address = |at: usize| -> [u8; 16] { head[at..].first_chunk().copied().unwrap_or_default() };
    let (sender, group) = (address(8), Ipv6Addr::from(address(24)));
    let mut seen = Seen { address: Some(Address::V6(group.octets())), ..Seen::default() };
    let is_mld = |kind: u8| {
        [mld::kind::QUERY, mld::kind::REPORT, mld::kind::DONE, mld::kind::REPORT_V2].contains(&kind)
    };
    let Some((kind, message)) = icmpv6(packet).filter(|(kind, _)| is_mld(*kind)) else {
        seen.routers_only = group != ALL_NODES;
        return Ok(seen);
    };
    // What is said is rare; it is copied so that the bridge can change while it is read.
    let message = message.to_vec();
    let sum = checksum::checksum(&pseudo_header(&sender, &group, &message)) == 0;
    let link_local = sender[0] == 0xfe && sender[1] & 0xc0 == 0x80;
    let said = Mld::parse(kind, message.get(4..).unwrap_or_default());
    let said = said.and_then(|said| match said {
        _ if !sum => Err(Malformed::Checksum),
        Mld::Query { .. } if !link_local => Err(Malformed::Field),
        said => Ok(said),
    });
    match said {
        Ok(said) => {
            seen.control = true;
            seen.routers_only = matches!(said, Mld::Report { .. });
            hear_v6(world, heard, sender, &said);
            Ok(seen)
        }
        Err(malformed) => {
            count(world, heard, count::MLD_ERRORS);
            Err(malformed)
        }
    }
}

fn pseudo_header(sender: &[u8; 16], group: &Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u32).to_be_bytes();
    let mut all = [&sender[..], &group.octets(), &length, &[0, 0, 0, PROTOCOL_ICMPV6]].concat();
    all.extend_from_slice(message);
    all
}

fn hear_v6(world: &mut World, heard: &Heard, sender: [u8; 16], said: &Mld<'_>) {
    let place = match said {
        Mld::Query { v2: Some(_), .. } => count::MLD_V2_QUERIES,
        Mld::Query { .. } => count::MLD_V1_QUERIES,
        Mld::Report { .. } => count::MLD_V1_REPORTS,
        Mld::ReportV2 { .. } => count::MLD_V2_REPORTS,
        Mld::Done { .. } => count::MLD_LEAVES,
    };
    count(world, heard, place);
    match said {
        Mld::Report { group } => joined_v6(world, heard, *group),
        Mld::Done { group } => left_v6(world, heard, *group),
        Mld::ReportV2 { records } => {
            for said in records.iter() {
                match (said.kind, said.sources.is_empty()) {
                    (record::IS_INCLUDE | record::TO_INCLUDE, true) => left_v6(world, heard, said.group),
                    (record::IS_INCLUDE..=record::BLOCK, _) => joined_v6(world, heard, said.group),
                    _ => {}
                }
            }
        }
        Mld::Query { max_response, group, v2 } => {
            if v2.is_some_and(|v2| !v2.sources.is_empty()) {
                return;
            }
            let milliseconds =
                if v2.is_some() { mld::response_v2(*max_response) } else { u32::from(*max_response) };
            let ticks = (u64::from(milliseconds) / TENTH).max(1);
            let group = (!group.is_unspecified()).then_some(Address::V6(group.octets()));
            asked(world, heard, sender, group, ticks, true);
        }
    }
}

fn joined_v6(world: &mut World, heard: &Heard, group: Ipv6Addr) {
    if group != ALL_NODES {
        joined(world, heard, Address::V6(group.octets()));
    }
}

fn left_v6(world: &mut World, heard: &Heard, group: Ipv6Addr) {
    if group != ALL_NODES {
        left(world, heard, Address::V6(group.octets()));
    }
}

// What follows.

/// The host that a member stands for, on ports that copy to each host.
fn host(world: &World, heard: &Heard) -> Option<Mac> {
    let port = heard.port.and_then(|port| of_port(world, port))?;
    port.has(flag::MCAST_TO_UCAST).then_some(heard.source)
}

/// Somebody listens to a group (`br_multicast_add_group`).
fn joined(world: &mut World, heard: &Heard, address: Address) {
    let id = GroupId { address, source: None, vid: heard.vid };
    let bridge = heard.bridge;
    let disabled = |port: DeviceId| of_port(world, port).is_none_or(|port| port.state == BR_STATE_DISABLED);
    if !world[bridge].is_up() || heard.port.is_some_and(disabled) || !multicast::make_group(world, bridge, id)
    {
        return;
    }
    let Some(port) = heard.port else {
        multicast::join_host(world, bridge, id, true);
        return;
    };
    let (source, ends) = (host(world, heard), Some(multicast::membership_end(world, bridge)));
    let member = Member { port, source, permanent: false, fast_leave: false, by_user: false, ends, order: 0 };
    if !multicast::join(world, bridge, id, member) {
        multicast::refresh(world, bridge, id, port, source);
    }
}

/// Somebody listens to a group no longer (`br_multicast_leave_group`).
fn left(world: &mut World, heard: &Heard, address: Address) {
    let id = GroupId { address, source: None, vid: heard.vid };
    let bridge = heard.bridge;
    if !multicast::is_known(world, bridge, &id) {
        return;
    }
    let source = host(world, heard);
    let same = |member: &Member| Some(member.port) == heard.port && member.source == source;
    let fast =
        heard.port.and_then(|port| of_port(world, port)).is_some_and(|port| port.has(flag::FAST_LEAVE));
    if fast {
        multicast::leave_group(world, bridge, id, |member| same(member) && !member.permanent);
        return;
    }
    let v6 = matches!(address, Address::V6(_));
    let other = if v6 { timers::OTHER_QUERIER6 } else { timers::OTHER_QUERIER };
    if world.timer(bridge, other).is_some() {
        return;
    }
    let m = &of(world, bridge).multicast;
    let ends = now(world) + u64::from(m.last_member_count) * m.last_member_interval;
    if let (true, Address::V4(group)) = (m.querier, address) {
        ask(world, bridge, heard.port, Some(group.into()));
        if let Some(number) = heard.port.and_then(|port| of_port(world, port)).map(|port| port.number) {
            let delay = (ends - now(world)) * super::stp::TICK;
            world.set_timer(bridge, port_timer::QUERY + number, delay);
        }
    }
    match heard.port {
        Some(port) => multicast::shorten(world, bridge, id, ends, |member| member.port == port),
        None => multicast::shorten_host(world, bridge, id, ends),
    }
}

/// Somebody asks who listens: to one group, or to all and is the querier then if nobody better is.
fn asked(world: &mut World, heard: &Heard, sender: [u8; 16], group: Option<Address>, ticks: u64, v6: bool) {
    let bridge = heard.bridge;
    if let Some(address) = group {
        let id = GroupId { address, source: None, vid: heard.vid };
        let ends = now(world) + ticks * u64::from(of(world, bridge).multicast.last_member_count);
        multicast::shorten_host(world, bridge, id, ends);
        multicast::shorten(world, bridge, id, ends, |_| true);
        return;
    }
    let family = usize::from(v6);
    let timer = timers::OTHER_QUERIER + family as u16;
    let known = of(world, bridge).snooping.queriers[family].address;
    let asks = world.timer(bridge, timer).is_some() || world.timer(bridge, port_timer::QUERY).is_some();
    if asks && known != [0; 16] && sender > known {
        return;
    }
    let delay = of(world, bridge).multicast.querier_interval * super::stp::TICK;
    let from = now(world) + ticks;
    let querier = &mut of_mut(world, bridge).snooping.queriers[family];
    querier.address = sender;
    if world.timer(bridge, timer).is_none() {
        of_mut(world, bridge).snooping.queriers[family].delay = from;
    }
    world.set_timer(bridge, timer, delay);
    routers::mark_router(world, bridge, heard.port, v6);
}

// Speaking.

/// Asks who listens, to a group or to any: through a port, or the bridge's own host (`__br_multicast_send_query`).
pub(super) fn ask(world: &mut World, bridge: DeviceId, port: Option<DeviceId>, group: Option<Ipv4Addr>) {
    const ROBUSTNESS: u8 = 2;
    let m = &of(world, bridge).multicast;
    let ticks = if group.is_some() { m.last_member_interval } else { m.query_response_interval };
    let code = (ticks / TENTH) as u8;
    let interval = (m.query_interval / 100) as u8;
    let newest = m.igmp_version == 3;
    let v3 =
        newest.then_some(igmp::QueryV3 { suppress: false, robustness: ROBUSTNESS, interval, sources: &[] });
    let message = Igmp::Query { max_response: code, group: group.unwrap_or(Ipv4Addr::UNSPECIFIED), v3 };
    let own = world[bridge].address;
    let bytes = crate::host::igmp::frame(own, Ipv4Addr::UNSPECIFIED, ALL_HOSTS, &message);
    let Some(frame) = world.run.pool.frame(&bytes) else { return };
    let place = if newest { count::V3_QUERIES } else { count::V2_QUERIES };
    let heard = Heard { bridge, port, vid: 0, source: world[bridge].address };
    match port {
        Some(port) => {
            count(world, &heard, place + 1);
            world.forward(port, Step::Transmit, frame);
        }
        None => {
            count(world, &heard, place);
            world.forward(bridge, Step::Receive, frame);
        }
    }
}
