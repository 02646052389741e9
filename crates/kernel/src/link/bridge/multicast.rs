//! Frames to groups: to the ports behind which somebody listens, if snooping knows, else to all
//! (`net/bridge/br_multicast.c`, `br_forward.c`; RFC 4541).
//!
//! What hosts and routers say is heard in `snooping`; here is what the bridge knows from it: which ports are members
//! of which group and until when, behind which ports there are routers, and whether anyone asks at all. As long as
//! nobody does, no answers come either, so that what is known says nothing and everything is flooded.
//!
//! Left out: lists of sources of IGMPv3 and MLDv2 (a member wants all of a group or nothing, as with the default
//! versions), own queries of MLD, and snooping by VLAN.

use super::frames::{Cast, Ingress, flood, leave, leave_copy, may_leave, pass_up};
use super::port::{Port, flag, of_port, of_port_mut};
use super::routers::leads_to_router;
use super::stp::TICK;
use super::timers::{self, of_port as port_timer};
use super::{mdb, of, of_mut, ports, proxy, snooping};
use crate::device::{DeviceId, Mac};
use crate::few::Few;
use crate::frame::FrameId;
use crate::host::joined;
use crate::rare::{Rare, Usual};
use crate::run::Drop;
use crate::world::World;
use rtnl::kind::bridge_slave::BR_STATE_DISABLED;
use rtnl::object::mdb::*;

/// Members of one group at most.
const MEMBERS: usize = 1 << 14;

/// The address of a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Address {
    Link(Mac),
    V4([u8; 4]),
    V6([u8; 16]),
}

impl Address {
    /// The Ethernet protocol, 0 for a link-layer address.
    pub(super) fn protocol(self) -> u16 {
        match self {
            Address::Link(_) => 0,
            Address::V4(_) => Group::IPV4,
            Address::V6(_) => Group::IPV6,
        }
    }

    pub(super) fn of_group(group: &Group) -> Address {
        let b = group.bytes;
        match group.protocol {
            Group::IPV4 => Address::V4([b[0], b[1], b[2], b[3]]),
            Group::IPV6 => Address::V6(b),
            _ => Address::Link([b[0], b[1], b[2], b[3], b[4], b[5]]),
        }
    }

    pub(super) fn to_group(self) -> Group {
        match self {
            Address::Link(mac) => Group::new(0, &mac),
            Address::V4(address) => Group::new(Group::IPV4, &address),
            Address::V6(address) => Group::new(Group::IPV6, &address),
        }
    }
}

/// A group in a VLAN, of all sources or of one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct GroupId {
    pub(super) address: Address,
    pub(super) source: Option<[u8; 16]>,
    pub(super) vid: u16,
}

/// A port that is a member of a group. Times are ticks since the kernel began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Member {
    pub(super) port: DeviceId,
    /// The one host, on ports that copy to each host.
    pub(super) source: Option<Mac>,
    pub(super) permanent: bool,
    pub(super) fast_leave: bool,
    pub(super) by_user: bool,
    /// When it ends; none: never.
    pub(super) ends: Option<u64>,
    pub(super) order: u64,
}

/// What is known of a group.
#[derive(Default)]
pub(super) struct Entry {
    /// The bridge's own host listens.
    pub(super) host_joined: bool,
    pub(super) host_ends: Option<u64>,
    /// The newest port first.
    pub(super) members: Vec<Member>,
    order: u64,
}

/// Who asks for listeners of IPv4 or IPv6.
#[derive(Clone, Copy, Default)]
pub(super) struct Querier {
    pub(super) address: [u8; 16],
    /// From when on answers are complete.
    pub(super) delay: u64,
}

/// What a bridge knows of groups.
#[derive(Default)]
pub(super) struct Snooping {
    groups: Few<GroupId, Entry>,
    count: u64,
    /// Of IPv4 and of IPv6.
    pub(super) queriers: [Querier; 2],
    startup_sent: u32,
    pub(super) counters: Rare<snooping::Counters>,
}

impl Usual for Snooping {
    const USUAL: &'static Snooping = &Snooping {
        groups: Few::NEW,
        count: 0,
        queriers: [Querier { address: [0; 16], delay: 0 }; 2],
        startup_sent: 0,
        counters: Rare::NEW,
    };
}

impl Snooping {
    /// The groups, the newest first.
    pub(super) fn newest_first(&self) -> Vec<(GroupId, &Entry)> {
        let mut all: Vec<(GroupId, &Entry)> = self.groups.iter().map(|(id, entry)| (*id, entry)).collect();
        all.sort_unstable_by_key(|(_, entry)| std::cmp::Reverse(entry.order));
        all
    }

    pub(super) fn host_end(&self, id: &GroupId) -> Option<u64> {
        self.groups.get(id)?.host_ends
    }

    fn find(&self, id: &GroupId) -> Option<&Entry> {
        self.groups.get(id)
    }
}

/// What a port keeps for snooping.
#[derive(Default)]
pub(super) struct OfPort {
    startup_sent: u32,
    pub(super) counters: Rare<snooping::Counters>,
}

/// The time in ticks.
pub(super) fn now(world: &World) -> u64 {
    world.now.0 / TICK
}

/// How many ticks are left until then; 0 if it is never.
pub(super) fn end_of(world: &World, ends: Option<u64>) -> u64 {
    ends.map_or(0, |ends| ends.saturating_sub(now(world)))
}

/// When a member that answers now ends if it does not answer again.
pub(super) fn membership_end(world: &World, bridge: DeviceId) -> u64 {
    now(world) + of(world, bridge).multicast.membership_interval
}

// Forwarding.

/// Forwards a frame to a group.
pub(super) fn forward(world: &mut World, ingress: &Ingress, frame: FrameId, group: &Mac, vid: u16) {
    let bridge = ingress.bridge;
    if !of(world, bridge).multicast.snooping {
        let ingress = &proxy::look(world, ingress, frame, vid);
        return flood_all(world, ingress, frame);
    }
    let Ok(seen) = snooping::look(world, ingress, frame, vid) else {
        return world.discard(ingress.port, frame, Drop::BadHeader);
    };
    let ingress = &proxy::look(world, ingress, frame, vid);
    let protocol = world.run.pool.ethertype(frame);
    let address = seen.address.unwrap_or(Address::Link(*group));
    let id = GroupId { address, source: None, vid };
    let state = of(world, bridge);
    let found = state.snooping.find(&id).filter(|_| !seen.control);
    let known = found.is_some();
    let host = found.is_some_and(|found| found.host_joined);
    let hit = (known || seen.routers_only) && is_asked(world, bridge, protocol, known);
    if !hit {
        return flood_all(world, ingress, frame);
    }
    let up = ingress.port.is_some() && (host || is_router(world, bridge));
    world[bridge].counters.multicast += u64::from(up);
    flood_group(world, ingress, frame, known.then_some(id), protocol, up || ingress.promiscuous);
}

fn flood_all(world: &mut World, ingress: &Ingress, frame: FrameId) {
    world[ingress.bridge].counters.multicast += u64::from(ingress.port.is_some());
    flood(world, ingress, frame, Cast::Multicast, true);
}

/// Whether somebody asks for listeners, so that what is known is complete (`br_multicast_querier_exists`).
fn is_asked(world: &World, bridge: DeviceId, protocol: u16, known: bool) -> bool {
    let family = match protocol {
        Group::IPV4 => 0,
        Group::IPV6 => 1,
        _ => return known,
    };
    let state = of(world, bridge);
    // The bridge itself asks only in IPv4: it has no address of IPv6 to ask from.
    let own = state.multicast.querier && family == 0;
    let other = world.timer(bridge, timers::OTHER_QUERIER + family as u16).is_some();
    state.snooping.queriers[family].delay < now(world) && (own || other)
}

/// Whether the bridge itself is a router.
fn is_router(world: &World, bridge: DeviceId) -> bool {
    match of(world, bridge).multicast.router {
        MDB_RTR_TYPE_PERM => true,
        MDB_RTR_TYPE_TEMP_QUERY => world.timer(bridge, port_timer::ROUTER).is_some(),
        _ => false,
    }
}

/// Sends copies to the members of a group and to the routers (`br_multicast_flood`).
fn flood_group(
    world: &mut World,
    ingress: &Ingress,
    frame: FrameId,
    id: Option<GroupId>,
    protocol: u16,
    up: bool,
) {
    let mut last = None;
    for at in (0..of(world, ingress.bridge).arrivals.len()).rev() {
        let Some(out) = of(world, ingress.bridge).arrivals.get(at).copied() else { continue };
        let entry = id.and_then(|id| of(world, ingress.bridge).snooping.find(&id));
        let member = entry.is_some_and(|entry| entry.members.iter().any(|member| member.port == out));
        if !member && !leads_to_router(world, out, protocol == Group::IPV6)
            || may_leave(world, ingress, out, frame).is_err()
        {
            continue;
        }
        if member && of_port(world, out).is_some_and(|port| port.has(flag::MCAST_TO_UCAST)) {
            copy_to_hosts(world, ingress, out, frame, id);
        } else if let Some(before) = last.replace(out) {
            leave_copy(world, ingress, before, frame);
        }
    }
    match (last, up && ingress.port.is_some()) {
        (Some(out), true) => {
            leave_copy(world, ingress, out, frame);
            pass_up(world, ingress, frame);
        }
        (None, true) => pass_up(world, ingress, frame),
        (Some(out), false) => leave(world, ingress, out, frame),
        (None, false) => world.discard(Some(ingress.bridge), frame, Drop::BridgeNoRoute),
    }
}

/// Sends each host behind a port a copy of its own (`maybe_deliver_addr`).
fn copy_to_hosts(world: &mut World, ingress: &Ingress, out: DeviceId, frame: FrameId, id: Option<GroupId>) {
    let source = world.run.pool.source(frame);
    let host_at = |world: &World, at: usize| {
        let entry = id.and_then(|id| of(world, ingress.bridge).snooping.find(&id))?;
        entry.members.get(at).map(|member| (member.port == out).then_some(member.source.unwrap_or([0xff; 6])))
    };
    let mut at = 0;
    while let Some(host) = host_at(world, at) {
        at += 1;
        let Some(host) = host.filter(|host| ingress.port != Some(out) || *host != source) else { continue };
        let copy = world.run.pool.share(frame);
        match copy.and_then(|copy| Some((copy, world.run.pool.bytes_mut(copy)?))) {
            Some((copy, bytes)) => {
                bytes[..6].copy_from_slice(&host);
                leave(world, ingress, out, copy);
            }
            None => {
                world.run.drops[Drop::NoPool as usize] += 1;
                copy.into_iter().for_each(|copy| world.run.pool.release(copy));
            }
        }
    }
}

// Members.

/// Makes a group if it is not there; false if there are too many, which ends snooping (`br_multicast_new_group`).
pub(super) fn make_group(world: &mut World, bridge: DeviceId, id: GroupId) -> bool {
    let state = of_mut(world, bridge);
    if state.snooping.groups.contains_key(&id) {
        return true;
    }
    if state.snooping.groups.len() >= state.multicast.hash_max as usize {
        state.multicast.snooping = false;
        return false;
    }
    state.snooping.count += 1;
    let order = state.snooping.count;
    state.snooping.groups.insert(id, Entry { order, ..Entry::default() });
    true
}

/// A port becomes a member; false if it is one.
pub(super) fn join(world: &mut World, bridge: DeviceId, id: GroupId, member: Member) -> bool {
    let rank = of_port(world, member.port).map_or(0, |port| place_of(world, bridge, port));
    let snooping = &mut of_mut(world, bridge).snooping;
    snooping.count += 1;
    let member = Member { order: rank, ..member };
    let Some(entry) = snooping.groups.get_mut(&id) else { return false };
    let there = |known: &Member| known.port == member.port && known.source == member.source;
    if entry.members.iter().any(there) || entry.members.len() >= MEMBERS {
        return false;
    }
    let at = entry.members.iter().position(|known| known.order < rank).unwrap_or(entry.members.len());
    entry.members.insert(at, member);
    mdb::notify(world, bridge, &id, Some(&member), RTM_NEWMDB);
    schedule(world, bridge, member.ends);
    true
}

/// The place of a port among those of its bridge, from 1.
fn place_of(world: &World, bridge: DeviceId, port: &Port) -> u64 {
    let same = |id: &DeviceId| of_port(world, *id).is_some_and(|other| other.number == port.number);
    of(world, bridge).arrivals.iter().position(same).map_or(0, |at| at as u64 + 1)
}

/// Members that fit are none any longer; says whether there were some.
pub(super) fn leave_group(
    world: &mut World,
    bridge: DeviceId,
    id: GroupId,
    mut gone: impl FnMut(&Member) -> bool,
) -> bool {
    let Some(entry) = of_mut(world, bridge).snooping.groups.get_mut(&id) else { return false };
    let removed: Vec<Member> = entry.members.iter().filter(|member| gone(member)).copied().collect();
    entry.members.retain(|member| !removed.contains(member));
    for member in &removed {
        mdb::notify(world, bridge, &id, Some(member), RTM_DELMDB);
    }
    drop_empty(world, bridge, &id);
    !removed.is_empty()
}

fn drop_empty(world: &mut World, bridge: DeviceId, id: &GroupId) {
    let groups = &mut of_mut(world, bridge).snooping.groups;
    if groups.get(id).is_some_and(|entry| entry.members.is_empty() && !entry.host_joined) {
        groups.remove(id);
    }
}

/// The bridge's own host listens; false if it did. It is heard again for some time, or stays.
pub(super) fn join_host(world: &mut World, bridge: DeviceId, id: GroupId, heard: bool) -> bool {
    let ends = heard.then(|| membership_end(world, bridge));
    let Some(entry) = of_mut(world, bridge).snooping.groups.get_mut(&id) else { return false };
    let fresh = !std::mem::replace(&mut entry.host_joined, true);
    entry.host_ends = if id.address.protocol() == 0 { None } else { ends.or(entry.host_ends) };
    if fresh {
        mdb::notify(world, bridge, &id, None, RTM_NEWMDB);
    }
    schedule(world, bridge, ends);
    fresh
}

/// The bridge's own host listens no longer; false if it did not.
pub(super) fn leave_host(world: &mut World, bridge: DeviceId, id: GroupId) -> bool {
    let Some(entry) = of_mut(world, bridge).snooping.groups.get_mut(&id) else { return false };
    if !std::mem::replace(&mut entry.host_joined, false) {
        return false;
    }
    entry.host_ends = None;
    mdb::notify(world, bridge, &id, None, RTM_DELMDB);
    drop_empty(world, bridge, &id);
    true
}

/// Members that fit end at the latest at that time.
pub(super) fn shorten(
    world: &mut World,
    bridge: DeviceId,
    id: GroupId,
    ends: u64,
    mut fits: impl FnMut(&Member) -> bool,
) {
    let Some(entry) = of_mut(world, bridge).snooping.groups.get_mut(&id) else { return };
    for member in entry.members.iter_mut().filter(|member| !member.permanent && fits(member)) {
        member.ends = Some(member.ends.map_or(ends, |known| known.min(ends)));
    }
    schedule(world, bridge, Some(ends));
}

/// The same of the bridge's own host.
pub(super) fn shorten_host(world: &mut World, bridge: DeviceId, id: GroupId, ends: u64) {
    let Some(entry) = of_mut(world, bridge).snooping.groups.get_mut(&id) else { return };
    if entry.host_joined {
        entry.host_ends = Some(entry.host_ends.map_or(ends, |known| known.min(ends)));
        schedule(world, bridge, Some(ends));
    }
}

/// A member that answered stays for longer.
pub(super) fn refresh(world: &mut World, bridge: DeviceId, id: GroupId, port: DeviceId, source: Option<Mac>) {
    let ends = membership_end(world, bridge);
    let Some(entry) = of_mut(world, bridge).snooping.groups.get_mut(&id) else { return };
    let same = |member: &&mut Member| member.port == port && member.source == source && !member.permanent;
    entry.members.iter_mut().filter(same).for_each(|member| member.ends = Some(ends));
    schedule(world, bridge, Some(ends));
}

/// Whether a group is known.
pub(super) fn is_known(world: &World, bridge: DeviceId, id: &GroupId) -> bool {
    of(world, bridge).snooping.groups.contains_key(id)
}

/// Has the end of a member looked at when it comes.
fn schedule(world: &mut World, bridge: DeviceId, ends: Option<u64>) {
    let Some(delay) = ends.map(|ends| ends.saturating_sub(now(world)) * TICK) else { return };
    if world.timer(bridge, timers::MEMBERS).is_none_or(|set| set > delay) {
        world.set_timer(bridge, timers::MEMBERS, delay);
    }
}

/// Ends the members whose time is over, and waits for the next.
pub(super) fn end_members(world: &mut World, bridge: DeviceId) {
    let now = now(world);
    let over = |ends: Option<u64>| ends.is_some_and(|ends| ends <= now);
    let groups = &of(world, bridge).snooping.groups;
    let stale = |entry: &Entry| over(entry.host_ends) || entry.members.iter().any(|member| over(member.ends));
    let ids: Vec<GroupId> = groups.iter().filter(|(_, entry)| stale(entry)).map(|(id, _)| *id).collect();
    for id in ids {
        if over(of(world, bridge).snooping.host_end(&id)) {
            leave_host(world, bridge, id);
        }
        leave_group(world, bridge, id, |member| over(member.ends));
    }
    let groups = of(world, bridge).snooping.groups.values();
    let next =
        groups.flat_map(|entry| entry.members.iter().map(|member| member.ends).chain([entry.host_ends]));
    let next = next.flatten().min();
    schedule(world, bridge, next);
}

// The bridge and its ports come and go.

/// The bridge goes up: it listens to the snoopers' group, says so, and begins to ask if it is to.
pub(super) fn open(world: &mut World, bridge: DeviceId) {
    if !of(world, bridge).multicast.snooping {
        return;
    }
    joined::join(world, bridge, snooping::ALL_SNOOPERS);
    joined::join6(world, bridge, snooping::ALL_SNOOPERS6);
    start_querier(world, bridge);
}

/// The bridge goes down.
pub(super) fn stop(world: &mut World, bridge: DeviceId) {
    let own = [port_timer::QUERY, port_timer::ROUTER, port_timer::ROUTER6];
    for timer in own.into_iter().chain([timers::OTHER_QUERIER, timers::OTHER_QUERIER6]) {
        world.cancel_timer(bridge, timer);
    }
    if of(world, bridge).multicast.snooping {
        joined::leave(world, bridge, snooping::ALL_SNOOPERS);
        joined::leave6(world, bridge, snooping::ALL_SNOOPERS6);
    }
}

/// A port takes part: it is asked from the start on.
pub(super) fn enable_port(world: &mut World, id: DeviceId) {
    let Some((bridge, number)) = of_port(world, id).map(|port| (port.bridge, port.number)) else { return };
    of_port_mut(world, id).into_iter().for_each(|port| port.multicast.startup_sent = 0);
    let m = &of(world, bridge).multicast;
    if m.snooping && m.querier {
        world.set_timer(bridge, port_timer::QUERY + number, 0);
    }
}

/// A port takes no part any longer: who was heard there is forgotten.
pub(super) fn disable_port(world: &mut World, id: DeviceId) {
    let Some((bridge, number)) = of_port(world, id).map(|port| (port.bridge, port.number)) else { return };
    for timer in [port_timer::QUERY, port_timer::ROUTER, port_timer::ROUTER6] {
        world.cancel_timer(bridge, timer + number);
    }
    forget(world, bridge, |member| member.port == id && !member.permanent);
}

/// A port leaves the bridge.
pub(super) fn forget_port(world: &mut World, id: DeviceId) {
    if let Some(bridge) = of_port(world, id).map(|port| port.bridge) {
        forget(world, bridge, |member| member.port == id);
    }
}

fn forget(world: &mut World, bridge: DeviceId, mut gone: impl FnMut(&Member) -> bool) {
    let ids: Vec<GroupId> = of(world, bridge).snooping.groups.keys().copied().collect();
    for id in ids {
        leave_group(world, bridge, id, &mut gone);
    }
}

/// Switches snooping (`br_multicast_toggle`).
pub(super) fn set_snooping(world: &mut World, bridge: DeviceId, on: bool) {
    if of(world, bridge).multicast.snooping == on {
        return;
    }
    let up = world[bridge].is_up();
    if up && !on {
        stop(world, bridge);
    }
    of_mut(world, bridge).multicast.snooping = on;
    if up && on {
        open(world, bridge);
    }
}

/// Lets the bridge ask, or no longer (`br_multicast_set_querier`).
pub(super) fn set_querier(world: &mut World, bridge: DeviceId, on: bool) {
    if std::mem::replace(&mut of_mut(world, bridge).multicast.querier, on) == on || !on {
        return;
    }
    let delay = now(world) + of(world, bridge).multicast.query_response_interval;
    for family in 0..2u16 {
        if world.timer(bridge, timers::OTHER_QUERIER + family).is_none() {
            of_mut(world, bridge).snooping.queriers[usize::from(family)].delay = delay;
        }
    }
    if world[bridge].is_up() {
        start_querier(world, bridge);
    }
}

fn start_querier(world: &mut World, bridge: DeviceId) {
    of_mut(world, bridge).snooping.startup_sent = 0;
    let m = &of(world, bridge).multicast;
    if !m.querier || !m.snooping {
        return;
    }
    world.set_timer(bridge, port_timer::QUERY, 0);
    for id in ports(world, bridge) {
        if of_port(world, id).is_some_and(|port| port.state != BR_STATE_DISABLED) {
            enable_port(world, id);
        }
    }
}

/// It is time to ask: through a port, or the bridge's own host.
pub(super) fn query_again(world: &mut World, bridge: DeviceId, port: Option<DeviceId>) {
    let m = &of(world, bridge).multicast;
    let (startup_count, startup, usual) = (m.startup_query_count, m.startup_query_interval, m.query_interval);
    if !m.querier || !m.snooping || !world[bridge].is_up() {
        return;
    }
    let sent = match port {
        None => &mut of_mut(world, bridge).snooping.startup_sent,
        Some(port) => match of_port_mut(world, port) {
            Some(port) if port.state != BR_STATE_DISABLED => &mut port.multicast.startup_sent,
            _ => return,
        },
    };
    *sent = (*sent + 1).min(startup_count);
    let interval = if *sent < startup_count { startup } else { usual };
    // While somebody else asks, the bridge is silent.
    if world.timer(bridge, timers::OTHER_QUERIER).is_some() {
        return;
    }
    snooping::ask(world, bridge, port, None);
    let number = port.and_then(|port| of_port(world, port)).map_or(0, |port| port.number);
    world.set_timer(bridge, port_timer::QUERY + number, interval * TICK);
}
