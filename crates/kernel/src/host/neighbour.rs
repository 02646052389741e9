//! Neighbours: which link-layer address a host on a link has, and whether that is still true (`net/core/neighbour.c`).
//!
//! ```text
//! NONE ──used──▶ INCOMPLETE ──answer──▶ REACHABLE ──30 s──▶ STALE ──used──▶ DELAY ──5 s──▶ PROBE ──answer──▶ REACHABLE
//!                    └── no answer to 3 questions, a second apart ──▶ FAILED ◀── no answer ──┘
//! ```
//!
//! Packets for a neighbour that is being resolved wait with it, [`QUEUE`] at most, the oldest making room. Both
//! families share this file; how a neighbour is asked, and who hears that it did not answer, is theirs (`arp`,
//! `ndisc`). **Left out**: the random spread of the reachable time, and collection of old entries while the table is
//! not full.

use super::conf::{Values, neigh};
use super::proxied::Proxied;
use super::{HostTimer, arp, ipv4, ipv6, ndisc};
use crate::device::{DeviceId, Mac};
use crate::frame::FrameId;
use crate::netns::NetnsId;
use crate::rare::{Rare, Usual};
use crate::run::Drop;
use crate::world::{Instant, World};
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::link::{IFF_LOOPBACK, IFF_NOARP, IFF_POINTOPOINT};
use rtnl::object::neigh::*;
use rtnl::object::route::*;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

/// Packets that wait for one neighbour at most.
const QUEUE: usize = 101;
/// Neighbours of one family in one namespace at most (`gc_thresh3`).
const MOST: usize = 1024;
/// From so many on, those that are in no use go now and then (`gc_thresh2`).
const MANY: usize = 512;
/// How many microseconds an entry is left alone after a change, and the table after room was made.
const FRESH: u64 = 5 * SECOND;
const MILLISECOND: u64 = 1000;
const SECOND: u64 = 1_000_000;

/// In these states the address is known.
pub(crate) const VALID: u16 = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;
/// In these it is known to be right.
pub(crate) const CONNECTED: u16 = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE;
/// In these a timer runs, which refers to the entry.
pub(crate) const IN_TIMER: u16 = NUD_INCOMPLETE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE;

/// A neighbour.
#[derive(Clone, Debug)]
pub(crate) struct Neighbour {
    pub state: u16,
    pub mac: Mac,
    /// `NTF_*`.
    pub flags: u8,
    /// `RTN_*`: what kind of address it is.
    pub kind: u8,
    pub protocol: u8,
    /// Kept known without being used (`NTF_EXT_MANAGED`); here that is when it is asked for only.
    pub managed: bool,
    pub probes: u32,
    /// Microseconds of virtual time; may lie before the kernel began.
    pub confirmed: i64,
    pub used: Instant,
    pub updated: Instant,
    /// Packets that wait for its address.
    queue: Rare<VecDeque<FrameId>>,
}

impl Usual for VecDeque<FrameId> {
    const USUAL: &'static VecDeque<FrameId> = &VecDeque::new();
}

/// The name of a neighbour.
pub(crate) type Key = (DeviceId, IpAddr);

/// The neighbours of a namespace.
#[derive(Default)]
pub(crate) struct Neighbours {
    pub entries: BTreeMap<Key, Neighbour>,
    /// How many of them there are of each family, IPv4 first, and when room was last made.
    counts: [usize; 2],
    emptied: [Instant; 2],
    /// Addresses that the host answers for in place of others.
    pub proxies: Proxied,
}

/// Who says something of a neighbour, and what that is worth (`NEIGH_UPDATE_F_*`).
#[derive(Clone, Copy, Default)]
pub(crate) struct Claim {
    /// A known address may change.
    pub overrides: bool,
    /// A known address may become doubtful.
    pub weakly: bool,
    /// A person says it.
    pub admin: bool,
    /// Whether it is a router is said as well: so.
    pub router: Option<bool>,
    /// Learned outside.
    pub external: bool,
    /// It is only to be used.
    pub only_use: bool,
    /// It is to be kept known.
    pub managed: bool,
}

fn get(world: &World, netns: NetnsId, key: Key) -> Option<&Neighbour> {
    world.space(netns).ok()?.stack.neighbours.entries.get(&key)
}

fn get_mut(world: &mut World, netns: NetnsId, key: Key) -> Option<&mut Neighbour> {
    world.space_mut(netns).ok()?.stack.neighbours.entries.get_mut(&key)
}

/// The neighbour, if it is known.
pub(crate) fn find(world: &World, key: Key) -> Option<&Neighbour> {
    get(world, world.get(key.0)?.netns, key)
}

/// The settings for a neighbour.
fn parameters(world: &World, key: Key) -> Option<&Values> {
    let device = world.get(key.0)?;
    match key.1 {
        IpAddr::V4(_) => device.inet.as_ref().map(|inet| &inet.conf),
        IpAddr::V6(_) => device.inet6.as_ref().map(|inet6| &inet6.conf),
    }
}

fn parameter(world: &World, key: Key, place: usize) -> u64 {
    parameters(world, key).map_or(0, |values| values.neighbour(place).max(0) as u64)
}

/// The name under which a neighbour is kept: those that IPv4 has at a link without questions share one
/// (`arp_constructor`).
pub(crate) fn shared_key(world: &World, (id, address): Key) -> Key {
    let shares = world.get(id).is_some_and(|device| device.flags & (IFF_LOOPBACK | IFF_POINTOPOINT) != 0);
    (id, if shares && address.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { address })
}

/// Makes an entry (`neigh_create`), if there is none: what needs no resolution has its address at once.
///
/// # Errors
/// EINVAL if the device has not this family, ENOBUFS if the table is full.
pub(crate) fn create(world: &mut World, key: Key, exempt: bool) -> Result<(), Errno> {
    let device = world.get(key.0).ok_or(Errno::ENODEV)?;
    let netns = device.netns;
    let reachable = parameters(world, key).ok_or(Errno::EINVAL)?.neighbour(neigh::BASE_REACHABLE_TIME_MS);
    world.run.epoch += 1;
    let key = shared_key(world, key);
    if get(world, netns, key).is_some() {
        return Ok(());
    }
    if !exempt {
        make_room(world, netns, key.1.is_ipv4())?;
    }
    let device = &world[key.0];
    let (flags, own, broadcast) = (device.flags, device.address, device.broadcast);
    let kind = match key.1 {
        IpAddr::V4(address) => super::fib4::address_type(world, netns, address, Some(key.0)),
        IpAddr::V6(address) if address.is_multicast() => RTN_MULTICAST,
        IpAddr::V6(_) => RTN_UNICAST,
    };
    let (state, mac) = match (kind, key.1) {
        (RTN_MULTICAST, IpAddr::V4(group)) => (NUD_NOARP, wire::ethernet::multicast_v4(group)),
        (RTN_MULTICAST, IpAddr::V6(group)) => (NUD_NOARP, wire::ethernet::multicast_v6(group)),
        _ if flags & (IFF_NOARP | IFF_LOOPBACK) != 0 => (NUD_NOARP, own),
        (RTN_BROADCAST, _) => (NUD_NOARP, broadcast),
        _ if flags & IFF_POINTOPOINT != 0 => (NUD_NOARP, broadcast),
        _ => (NUD_NONE, [0; 6]),
    };
    let now = world.now;
    let (used, updated, confirmed) = (now, now, long_ago(now, reachable.max(0) as u64 * MILLISECOND));
    let queue = Rare::NEW;
    let neighbour = Neighbour {
        state,
        mac,
        flags: 0,
        kind,
        protocol: 0,
        managed: false,
        probes: 0,
        confirmed,
        used,
        updated,
        queue,
    };
    let neighbours = &mut world.space_mut(netns)?.stack.neighbours;
    neighbours.entries.insert(key, neighbour);
    neighbours.counts[family(&key.1)] += 1;
    Ok(())
}

/// The place of an address's family among counts.
fn family(address: &IpAddr) -> usize {
    usize::from(address.is_ipv6())
}

/// A moment at which a confirmation counts no more; it may lie before the kernel began.
fn long_ago(now: Instant, reachable: u64) -> i64 {
    (now.0 as i64).saturating_sub(2 * reachable as i64)
}

/// Makes room for one more: when there are many, what is in no use goes until half are left, the oldest first
/// (`neigh_alloc`, `neigh_forced_gc`).
fn make_room(world: &mut World, netns: NetnsId, v4: bool) -> Result<(), Errno> {
    let now = world.now;
    let neighbours = &mut world.space_mut(netns)?.stack.neighbours;
    let at = usize::from(!v4);
    let is_exempt = |n: &Neighbour| n.state & NUD_PERMANENT != 0 || n.flags & NTF_EXT_LEARNED != 0;
    let recently = now.0 <= neighbours.emptied[at].0 + FRESH;
    if neighbours.counts[at] < MANY || neighbours.counts[at] < MOST && recently {
        return Ok(());
    }
    neighbours.emptied[at] = now;
    let mut own: Vec<(Key, &Neighbour)> = neighbours.entries.iter().map(|(key, n)| (*key, n)).collect();
    own.retain(|(key, n)| family(&key.1) == at && !is_exempt(n));
    let count = own.len();
    own.retain(|(key, n)| {
        let idle = n.state & (NUD_FAILED | NUD_NOARP) != 0 || key.1.is_multicast();
        n.queue.is_empty() && (idle || n.updated.0 + FRESH < now.0)
    });
    own.sort_by_key(|(_, n)| n.updated);
    let going: Vec<Key> = own.into_iter().take(count.saturating_sub(MANY)).map(|(key, _)| key).collect();
    if going.is_empty() && count >= MOST {
        return Err(Errno::ENOBUFS);
    }
    going.into_iter().for_each(|key| remove(world, key));
    Ok(())
}

/// A packet goes to a neighbour whose link-layer address is known without it; there is an entry all the same.
pub(crate) fn mention(world: &mut World, key: Key) {
    let key = shared_key(world, key);
    let Some(netns) = world.get(key.0).map(|device| device.netns) else { return };
    let now = world.now;
    if get(world, netns, key).is_some() || create(world, key, false).is_ok() {
        if let Some(neighbour) = get_mut(world, netns, key) {
            neighbour.used = now;
        }
    }
}

/// Takes an entry out and tells of it; what waits for it is lost.
pub(crate) fn remove(world: &mut World, key: Key) {
    let Some(netns) = world.get(key.0).map(|device| device.netns) else { return };
    world.cancel_host_timer(netns, HostTimer::Neighbour(key.0, key.1));
    world.run.epoch += 1;
    let Ok(space) = world.space_mut(netns) else { return };
    let Some(neighbour) = space.stack.neighbours.entries.remove(&key) else { return };
    space.stack.neighbours.counts[family(&key.1)] -= 1;
    for frame in neighbour.queue.iter() {
        world.discard(Some(key.0), *frame, Drop::NeighbourFailed);
    }
    crate::rtnl::neigh::announce(world, netns, key, &neighbour, RTM_DELNEIGH);
}

/// The entries of a device go (`neigh_flush_dev`); `v6` says of which family, none means both.
pub(crate) fn flush_device(world: &mut World, id: DeviceId, keep_permanent: bool, v6: Option<bool>) {
    let Some(netns) = world.get(id).map(|device| device.netns) else { return };
    let Ok(space) = world.space(netns) else { return };
    let low = (id, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let going: Vec<Key> = space
        .stack
        .neighbours
        .entries
        .range(low..)
        .take_while(|(key, _)| key.0 == id)
        .filter(|(key, n)| !(keep_permanent && n.state & NUD_PERMANENT != 0) && v6 != Some(key.1.is_ipv4()))
        .map(|(key, _)| *key)
        .collect();
    for key in going {
        remove(world, key);
    }
}

fn tell(world: &mut World, netns: NetnsId, key: Key) {
    if let Some(neighbour) = get(world, netns, key).cloned() {
        crate::rtnl::neigh::announce(world, netns, key, &neighbour, RTM_NEWNEIGH);
    }
}

fn set_timer(world: &mut World, netns: NetnsId, key: Key, delay: u64) {
    world.set_host_timer(netns, HostTimer::Neighbour(key.0, key.1), delay);
}

/// What came of a packet for a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Resolved {
    /// It may go to that address.
    To(Mac),
    /// It waits.
    Waits,
    /// There is no room for the neighbour.
    Full,
}

/// Finds the address for a packet (`neigh_resolve_output`); one that is not known yet takes the packet and is asked.
pub(crate) fn resolve(world: &mut World, key: Key, frame: FrameId) -> Resolved {
    let Some(netns) = world.get(key.0).map(|device| device.netns) else { return Resolved::Full };
    let now = world.now;
    if let Some(neighbour) = get_mut(world, netns, key) {
        if neighbour.state & (CONNECTED | NUD_DELAY | NUD_PROBE) != 0 {
            neighbour.used = now;
            return Resolved::To(neighbour.mac);
        }
    } else if create(world, key, false).is_err() {
        return Resolved::Full;
    }
    use_it(world, netns, key);
    let Some(neighbour) = get_mut(world, netns, key) else { return Resolved::Full };
    neighbour.used = now;
    if neighbour.state & VALID != 0 {
        return Resolved::To(neighbour.mac);
    }
    let oldest = if neighbour.queue.len() >= QUEUE { neighbour.queue.pop_front() } else { None };
    neighbour.queue.push_back(frame);
    let first = neighbour.queue.len() == 1 && neighbour.probes == UNASKED;
    if let Some(oldest) = oldest {
        world.discard(Some(key.0), oldest, Drop::NeighbourQueueFull);
    }
    if first {
        ask(world, netns, key);
    }
    Resolved::Waits
}

/// The address of a neighbour that is used now, if it is known well enough that nothing else happens.
pub(crate) fn at_hand(world: &mut World, key: Key) -> Option<Mac> {
    let (netns, now) = (world.get(key.0)?.netns, world.now);
    let neighbour = get_mut(world, netns, key)?;
    if neighbour.state & (CONNECTED | NUD_DELAY | NUD_PROBE) == 0 {
        return None;
    }
    neighbour.used = now;
    Some(neighbour.mac)
}

/// Stands in `probes` for the moment between the entry into INCOMPLETE and the first question, which is asked once
/// the packet that caused it waits: the question bears its source.
const UNASKED: u32 = u32::MAX;

/// An entry is used (`__neigh_event_send`).
fn use_it(world: &mut World, netns: NetnsId, key: Key) {
    let now = world.now;
    let retransmit = parameter(world, key, neigh::RETRANS_TIME_MS).max(10) * MILLISECOND;
    let delay = parameter(world, key, neigh::DELAY_FIRST_PROBE_TIME) * SECOND;
    let Some(neighbour) = get_mut(world, netns, key) else { return };
    match neighbour.state {
        NUD_NONE | NUD_FAILED => {
            neighbour.state = NUD_INCOMPLETE;
            neighbour.updated = now;
            neighbour.probes = UNASKED;
            set_timer(world, netns, key, retransmit);
        }
        NUD_STALE => {
            neighbour.state = NUD_DELAY;
            neighbour.updated = now;
            set_timer(world, netns, key, delay);
        }
        _ => {}
    }
}

/// The same without a packet (`neigh_event_send(neigh, NULL)`).
pub(crate) fn touch(world: &mut World, key: Key) {
    let Some(netns) = world.get(key.0).map(|device| device.netns) else { return };
    use_it(world, netns, key);
    if get(world, netns, key).is_some_and(|n| n.state == NUD_INCOMPLETE && n.probes == UNASKED) {
        ask(world, netns, key);
    }
}

/// Asks the neighbour (`neigh_probe`).
fn ask(world: &mut World, netns: NetnsId, key: Key) {
    let unicast = parameter(world, key, neigh::UCAST_SOLICIT) as u32;
    let Some(neighbour) = get_mut(world, netns, key) else { return };
    if neighbour.probes == UNASKED {
        neighbour.probes = unicast;
    }
    let to = if neighbour.probes < unicast { Some(neighbour.mac) } else { None };
    neighbour.probes += 1;
    let last = neighbour.queue.back().copied();
    match key.1 {
        IpAddr::V4(target) => {
            let source = last.and_then(|frame| ipv4::source_of(world, frame));
            let metadata = last.map(|frame| world.run.pool.metadata(frame)).unwrap_or_default();
            arp::solicit(world, key.0, target, (source, metadata), to);
        }
        IpAddr::V6(target) => {
            let source = last.and_then(|frame| ipv6::source_of(world, frame));
            ndisc::solicit(world, key.0, target, source, to);
        }
    }
}

/// The time of an entry's next step (`neigh_timer_handler`).
pub(crate) fn timer(world: &mut World, netns: NetnsId, key: Key) {
    let now = world.now;
    let reachable = parameter(world, key, neigh::BASE_REACHABLE_TIME_MS) * MILLISECOND;
    let delay = parameter(world, key, neigh::DELAY_FIRST_PROBE_TIME) * SECOND;
    let retransmit = parameter(world, key, neigh::RETRANS_TIME_MS).max(10) * MILLISECOND;
    let unicast = parameter(world, key, neigh::UCAST_SOLICIT);
    let multicast = parameter(world, key, neigh::MCAST_SOLICIT);
    let again = parameter(world, key, neigh::MCAST_RESOLICIT);
    let Some(neighbour) = get_mut(world, netns, key) else { return };
    let until = |since: i64, span: u64| u64::try_from(since + span as i64 - now.0 as i64).ok();
    let step = |neighbour: &mut Neighbour, state, next, told| {
        neighbour.state = state;
        neighbour.updated = now;
        (next, told)
    };
    let (next, mut told) = match neighbour.state {
        NUD_REACHABLE => match until(neighbour.confirmed, reachable).filter(|left| *left > 0) {
            Some(left) => (left, false),
            None if until(neighbour.used.0 as i64, delay).is_some() => {
                step(neighbour, NUD_DELAY, delay, false)
            }
            None => step(neighbour, NUD_STALE, 0, true),
        },
        NUD_DELAY if until(neighbour.confirmed, delay).is_some() => {
            let left = until(neighbour.confirmed, reachable).unwrap_or(0);
            step(neighbour, NUD_REACHABLE, left, true)
        }
        NUD_DELAY => {
            neighbour.probes = 0;
            neighbour.state = NUD_PROBE;
            neighbour.updated = now;
            (retransmit, true)
        }
        NUD_PROBE | NUD_INCOMPLETE => (retransmit, false),
        _ => return,
    };
    let most = unicast + if neighbour.state == NUD_PROBE { again } else { multicast };
    let asked = neighbour.state & (NUD_PROBE | NUD_INCOMPLETE) != 0;
    if asked && u64::from(neighbour.probes) >= most && neighbour.probes != UNASKED {
        told = true;
        fail(world, netns, key);
    } else {
        if neighbour.state & IN_TIMER != 0 {
            set_timer(world, netns, key, next.max(1));
        }
        if asked {
            ask(world, netns, key);
        }
    }
    if told {
        tell(world, netns, key);
    }
}

/// It did not answer: those whose packets waited hear of it (`neigh_invalidate`).
fn fail(world: &mut World, netns: NetnsId, key: Key) {
    let now = world.now;
    let Some(neighbour) = get_mut(world, netns, key) else { return };
    neighbour.state = NUD_FAILED;
    neighbour.updated = now;
    let waiting = std::mem::take(&mut neighbour.queue);
    for frame in waiting.iter().copied() {
        match key.1 {
            IpAddr::V4(_) => ipv4::link_failed(world, key.0, frame),
            IpAddr::V6(_) => ipv6::link_failed(world, key.0, frame),
        }
    }
}

/// What is believed of a claim: the address, the state, and whether it is a router; none if nothing is.
fn believed(known: &Neighbour, mac: Mac, state: u16, claim: &Claim) -> Option<(Mac, u16, Option<bool>)> {
    let old = known.state;
    match old & VALID != 0 {
        true if mac == known.mac => {
            let state = if state == NUD_STALE && !claim.admin { old } else { state };
            Some((mac, state, claim.router))
        }
        // Another address than the known one casts doubt on that at most.
        true if !claim.overrides => {
            (claim.weakly && old & CONNECTED != 0).then_some((known.mac, NUD_STALE, None))
        }
        _ => Some((mac, state, claim.router)),
    }
}

/// Somebody says something of a neighbour that is in the table (`__neigh_update`).
///
/// # Errors
/// EPERM if it is fixed, EINVAL for a state that needs an address when none is known.
pub(crate) fn update(
    world: &mut World,
    key: Key,
    mac: Option<Mac>,
    state: u16,
    claim: Claim,
) -> Result<(), Refusal> {
    let netns = world.get(key.0).ok_or(Errno::ENODEV)?.netns;
    world.run.epoch += 1;
    let now = world.now;
    let reachable = parameter(world, key, neigh::BASE_REACHABLE_TIME_MS) * MILLISECOND;
    let neighbour = get_mut(world, netns, key).ok_or(Errno::ENOENT)?;
    let old = neighbour.state;
    if !claim.admin && old & (NUD_NOARP | NUD_PERMANENT) != 0 {
        return Err(Errno::EPERM.into());
    }
    let mut told = false;
    if claim.admin && claim.external != (neighbour.flags & NTF_EXT_LEARNED != 0) {
        neighbour.flags ^= NTF_EXT_LEARNED;
        told = true;
    }
    if claim.admin {
        neighbour.managed = claim.managed;
    }
    if claim.only_use {
        neighbour.state = old & !NUD_PERMANENT;
        return Ok(());
    }
    if state & VALID == 0 {
        return invalidate(world, netns, key, old, state, told);
    }
    let mac = match mac {
        Some(mac) => mac,
        None if old & VALID != 0 => neighbour.mac,
        None => return Err(Refusal::said(Errno::EINVAL, "No link layer address given")),
    };
    if state & CONNECTED != 0 {
        neighbour.confirmed = now.0 as i64;
    }
    let Some((mac, state, router)) = believed(neighbour, mac, state, &claim) else { return Ok(()) };
    if state != old || mac != neighbour.mac {
        neighbour.updated = now;
        told = true;
    }
    if mac != neighbour.mac && state & CONNECTED == 0 {
        neighbour.confirmed = long_ago(now, reachable);
    }
    neighbour.mac = mac;
    neighbour.state = state;
    if state != old && state & NUD_PROBE != 0 {
        neighbour.probes = 0;
    }
    if let Some(router) = router.filter(|router| *router != (neighbour.flags & NTF_ROUTER != 0)) {
        neighbour.flags = neighbour.flags & !NTF_ROUTER | if router { NTF_ROUTER } else { 0 };
        told = true;
    }
    if state != old {
        entered(world, netns, key, old, state, if state == NUD_REACHABLE { reachable } else { 0 });
    }
    if told {
        tell(world, netns, key);
    }
    Ok(())
}

/// What follows when an entry has entered another state: its timer, and what waited goes.
fn entered(world: &mut World, netns: NetnsId, key: Key, old: u16, state: u16, delay: u64) {
    world.cancel_host_timer(netns, HostTimer::Neighbour(key.0, key.1));
    if state & IN_TIMER != 0 {
        set_timer(world, netns, key, delay.max(1));
    }
    if old & VALID != 0 {
        return;
    }
    let waiting = get_mut(world, netns, key).map(|n| std::mem::take(&mut n.queue)).unwrap_or_default();
    for frame in waiting.iter().copied() {
        // A packet that waited uses the entry like any other.
        use_it(world, netns, key);
        super::send_to_neighbour(world, key, frame);
    }
}

fn invalidate(
    world: &mut World,
    netns: NetnsId,
    key: Key,
    old: u16,
    state: u16,
    told: bool,
) -> Result<(), Refusal> {
    world.cancel_host_timer(netns, HostTimer::Neighbour(key.0, key.1));
    let asked = old & (NUD_INCOMPLETE | NUD_PROBE) != 0 && state & NUD_FAILED != 0;
    if asked {
        fail(world, netns, key);
    } else if let Some(neighbour) = get_mut(world, netns, key) {
        neighbour.state = state;
    }
    if told || asked || old & VALID != 0 {
        tell(world, netns, key);
    }
    Ok(())
}

/// A neighbour asked for something and so said its own address (`neigh_event_ns`); whether there is room for it.
pub(crate) fn heard(world: &mut World, key: Key, mac: Mac) -> bool {
    if find(world, key).is_none() && create(world, key, false).is_err() {
        return false;
    }
    let _ = update(world, key, Some(mac), NUD_STALE, Claim { overrides: true, ..Claim::default() });
    true
}

/// Whether an entry is older than the time within which the first of several answers counts.
pub(crate) fn is_unlocked(world: &World, key: Key) -> bool {
    let lock = parameter(world, key, neigh::LOCKTIME) * 10 * MILLISECOND;
    find(world, key).is_none_or(|neighbour| world.now.0 > neighbour.updated.0.saturating_add(lock))
}
