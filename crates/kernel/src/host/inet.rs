//! IPv4 addresses of devices: primary and secondary, their order, lifetimes and groups (`net/ipv4/devinet.c`).
//!
//! The first address of a network on a device is primary; later ones of the same network are secondary, bring no
//! route of their own, and die with it unless `promote_secondaries` is set. Primaries stand in front, ordered by
//! scope, widest last among equals; secondaries behind. What routes addresses bring is in `fib4_sync`.

use super::conf::{IPV4, Values, v4};
use super::joined::{self, Joined};
use super::reports::Reports;
use super::{AF_INET, HostTimer, arp, domain, fib4, fib4_sync, igmp, neighbour, proxied};
use crate::device::{Device, DeviceId};
use crate::link::Event;
use crate::netns::NetnsId;
use crate::rtnl::netconf;
use crate::world::{Instant, World};
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::addr::*;
use rtnl::object::link::{IFF_LOOPBACK, IFF_NOARP, IFF_UP};
use rtnl::object::route::{RT_SCOPE_HOST, RT_SCOPE_LINK};
use std::net::{IpAddr, Ipv4Addr};

/// Addresses of one family on one device at most.
pub(crate) const ADDRESSES: usize = 1 << 16;
/// The least MTU with which a device has IPv4.
const LEAST_MTU: u32 = 68;
const SECOND: u64 = 1_000_000;

/// An address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub local: Ipv4Addr,
    /// The far end's on a point-to-point link, else the same.
    pub address: Ipv4Addr,
    pub length: u8,
    pub broadcast: Option<Ipv4Addr>,
    pub scope: u8,
    /// `IFA_F_*`.
    pub flags: u32,
    pub label: Box<[u8]>,
    /// The metric of the prefix's route.
    pub priority: u32,
    pub protocol: u8,
    /// Lifetimes in seconds from `updated` on.
    pub preferred: u32,
    pub valid: u32,
    pub created: Instant,
    pub updated: Instant,
}

impl Address {
    pub(crate) fn mask(&self) -> u32 {
        fib4::netmask(self.length)
    }

    /// Whether an address is in its network (`inet_ifa_match`).
    pub(crate) fn covers(&self, address: Ipv4Addr) -> bool {
        (address.to_bits() ^ self.address.to_bits()) & self.mask() == 0
    }

    pub(crate) fn is_secondary(&self) -> bool {
        self.flags & IFA_F_SECONDARY != 0
    }

    /// Whether both are of the same network.
    pub(crate) fn shares_network(&self, other: &Address) -> bool {
        self.length == other.length && self.covers(other.address)
    }
}

/// What IPv4 keeps of a device.
#[derive(Clone, Debug)]
pub(crate) struct Inet {
    pub conf: Values,
    pub addresses: Vec<Address>,
    /// Groups that are joined.
    pub groups: Joined<Ipv4Addr>,
    /// What is still to be said of them.
    pub reports: Option<Box<Reports<Ipv4Addr>>>,
    /// Whether the device needed no resolution when it was last looked at.
    noarp: bool,
}

/// What happens to a device.
pub(crate) fn event(world: &mut World, id: DeviceId, event: Event) {
    match event {
        // A link begins with IPv4 whatever its MTU; only a change of it takes that away.
        Event::Register => init(world, id),
        Event::Up => up(world, id),
        Event::Down => down(world, id),
        Event::Change => change(world, id),
        Event::ChangeAddress => {
            neighbour::flush_device(world, id, false, Some(false));
            fib4_sync::refresh(world, id);
            if is_set(world, id, v4::ARP_NOTIFY) && world.get(id).is_some_and(|device| device.is_up()) {
                arp::announce_all(world, id);
            }
        }
        Event::NotifyPeers => arp::announce_all(world, id),
        Event::ReportGroups => igmp::report_again(world, id),
        Event::ChangeMtu if world.get(id).is_some_and(|device| device.mtu < LEAST_MTU) => destroy(world, id),
        Event::ChangeMtu => init_if_fit(world, id),
        Event::PreChangeType => joined::deafen(world, id),
        Event::ChangeType => joined::listen_again(world, id),
        Event::ChangeName => rename(world, id),
        Event::Domain => {
            fib4_sync::disable(world, id, true);
            forget_neighbours(world, id, false);
        }
        Event::Unregister => destroy(world, id),
        _ => {}
    }
}

fn init_if_fit(world: &mut World, id: DeviceId) {
    if world.get(id).is_some_and(|device| device.mtu >= LEAST_MTU) {
        init(world, id);
    }
}

fn init(world: &mut World, id: DeviceId) {
    let Some(device) = world.get(id).filter(|device| device.inet.is_none()) else { return };
    let (loopback, netns) = (device.flags & IFF_LOOPBACK != 0, device.netns);
    let Ok(space) = world.space(netns) else { return };
    let conf = space.stack.default4.of_device(IPV4, loopback);
    let (addresses, groups) = (Vec::new(), Joined::default());
    let inet = Inet { conf, addresses, groups, reports: None, noarp: false };
    let device = &mut world[id];
    device.inet = Some(inet);
    note_noarp(device);
    netconf::announce_device(world, id, AF_INET);
    if world[id].is_up() {
        joined::link_up(world, id);
    }
}

fn note_noarp(device: &mut Device) -> bool {
    let noarp = device.flags & IFF_NOARP != 0;
    device.inet.as_mut().is_some_and(|inet| std::mem::replace(&mut inet.noarp, noarp) != noarp)
}

fn up(world: &mut World, id: DeviceId) {
    init_if_fit(world, id);
    let Some(device) = world.get(id).filter(|device| device.inet.is_some()) else { return };
    let empty = device.inet.as_ref().is_some_and(|inet| inet.addresses.is_empty());
    if device.mtu < LEAST_MTU {
        note_noarp(&mut world[id]);
        return fib4_sync::up(world, id);
    }
    if device.flags & IFF_LOOPBACK != 0 && empty {
        let now = world.now;
        let local = Ipv4Addr::LOCALHOST;
        let label = device.name.bytes().into();
        let address = Address {
            local,
            address: local,
            length: 8,
            broadcast: None,
            scope: RT_SCOPE_HOST,
            flags: IFA_F_PERMANENT,
            label,
            priority: 0,
            protocol: 0,
            preferred: FOREVER,
            valid: FOREVER,
            created: now,
            updated: now,
        };
        let _ = insert(world, id, address);
    }
    note_noarp(&mut world[id]);
    joined::link_up(world, id);
    if is_set(world, id, v4::ARP_NOTIFY) {
        arp::announce_all(world, id);
    }
    fib4_sync::up(world, id);
}

fn down(world: &mut World, id: DeviceId) {
    joined::link_down(world, id);
    fib4_sync::disable(world, id, false);
    forget_neighbours(world, id, false);
}

/// Neighbours go, and addresses that the host answers for (`arp_ifdown`).
fn forget_neighbours(world: &mut World, id: DeviceId, keep_permanent: bool) {
    neighbour::flush_device(world, id, keep_permanent, Some(false));
    proxied::forget(world, id, keep_permanent, false);
}

fn change(world: &mut World, id: DeviceId) {
    let Some(device) = world.get_mut(id) else { return };
    let carrier = device.carrier;
    if note_noarp(device) {
        neighbour::flush_device(world, id, false, None);
    }
    if !carrier && is_set(world, id, v4::ARP_EVICT_NOCARRIER) {
        forget_neighbours(world, id, true);
    }
    fib4_sync::carrier(world, id);
}

/// A device's own or everybody's setting is on.
pub(crate) fn is_set(world: &World, id: DeviceId, place: usize) -> bool {
    setting(world, id, place) != 0
}

/// The larger of a device's own and everybody's setting (`IN_DEV_MAXCONF`).
pub(crate) fn setting(world: &World, id: DeviceId, place: usize) -> i32 {
    let Some(device) = world.get(id) else { return 0 };
    let own = device.inet.as_ref().map_or(0, |inet| inet.conf.get(place));
    own.max(world.space(device.netns).map_or(0, |space| space.stack.all4.get(place)))
}

/// A device's own setting.
pub(crate) fn own_setting(world: &World, id: DeviceId, place: usize) -> bool {
    world.get(id).and_then(|device| device.inet.as_ref()).is_some_and(|inet| inet.conf.is(place))
}

fn rename(world: &mut World, id: DeviceId) {
    let name = world[id].name;
    let Some(inet) = world[id].inet.as_mut() else { return };
    for (count, address) in inet.addresses.iter_mut().enumerate() {
        let mut label = name.bytes().to_vec();
        if count > 0 {
            let at = address.label.iter().position(|byte| *byte == b':');
            let number = format!(":{}", count + 1);
            let suffix = at.map_or(number.as_bytes(), |at| &address.label[at..]).to_vec();
            label.truncate(15usize.saturating_sub(suffix.len()));
            label.extend_from_slice(&suffix);
        }
        address.label = label.into();
    }
    for at in 0..world[id].inet.as_ref().map_or(0, |inet| inet.addresses.len()) {
        if let Some(address) = addresses(world, id).get(at).cloned() {
            crate::rtnl::addr::announce(world, id, RTM_NEWADDR, &address);
        }
    }
    // The settings' names hold the link's.
    netconf::announce_gone(world, id, AF_INET);
    netconf::announce_device(world, id, AF_INET);
}

fn destroy(world: &mut World, id: DeviceId) {
    // A link that was never up has neither addresses nor groups nor timers.
    let untouched = world[id].inet.as_ref().is_none_or(|inet| {
        inet.addresses.is_empty() && inet.reports.is_none() && inet.groups.is_as_at_first()
    });
    while let Some(last) = addresses(world, id).first().map(|first| (first.local, first.length)) {
        remove_at(world, id, 0, true);
        if addresses(world, id).first().map(|first| (first.local, first.length)) == Some(last) {
            break;
        }
    }
    fib4_sync::disable(world, id, true);
    forget_neighbours(world, id, false);
    if !untouched {
        joined::leave_all(world, id);
        let netns = world[id].netns;
        world.cancel_host_timer(netns, HostTimer::Groups4(id));
        world.cancel_host_timer(netns, HostTimer::Lifetimes(id));
    }
    netconf::announce_gone(world, id, AF_INET);
    world[id].inet = None;
}

/// The addresses of a device.
pub(crate) fn addresses(world: &World, id: DeviceId) -> &[Address] {
    world.get(id).and_then(|device| device.inet.as_ref()).map_or(&[], |inet| &inet.addresses)
}

/// Adds an address (`__inet_insert_ifa`) and tells of it.
///
/// # Errors
/// EEXIST if it is there, EINVAL if its network is there in another scope, ENOBUFS without IPv4 or room, an event
/// receiver's.
pub(crate) fn insert(world: &mut World, id: DeviceId, mut address: Address) -> Result<(), Refusal> {
    if address.local.is_unspecified() {
        return Ok(());
    }
    let inet =
        world[id].inet.as_ref().filter(|inet| inet.addresses.len() < ADDRESSES).ok_or(Errno::ENOBUFS)?;
    address.flags &= !(IFA_F_SECONDARY | IPV6_ONLY);
    let mut after_primaries = 0;
    for (at, other) in inet.addresses.iter().enumerate() {
        if !other.is_secondary() && address.scope <= other.scope {
            after_primaries = at + 1;
        }
        if other.shares_network(&address) {
            if other.local == address.local {
                return Err(Errno::EEXIST.into());
            }
            if other.scope != address.scope {
                return Err(Errno::EINVAL.into());
            }
            address.flags |= IFA_F_SECONDARY;
        }
    }
    let count = inet.addresses.len();
    world.ask(id, Event::IpAddressWanted(address.local.into()))?;
    // commit
    let at = if address.is_secondary() { count } else { after_primaries };
    let told = address.clone();
    if let Some(inet) = world[id].inet.as_mut() {
        if inet.addresses.is_empty() {
            inet.addresses.reserve_exact(1);
        }
        inet.addresses.insert(at, address);
    }
    enter(world, id, told.local);
    world.tell(id, Event::IpAddress(told.local.into(), true));
    watch_lifetimes(world, id);
    crate::rtnl::addr::announce(world, id, RTM_NEWADDR, &told);
    fib4_sync::address_came(world, id, &told);
    Ok(())
}

/// Flags that only IPv6 has.
const IPV6_ONLY: u32 = IFA_F_NODAD
    | IFA_F_OPTIMISTIC
    | IFA_F_DADFAILED
    | IFA_F_HOMEADDRESS
    | IFA_F_TENTATIVE
    | IFA_F_MANAGETEMPADDR
    | IFA_F_STABLE_PRIVACY;

/// Removes the address at a place (`__inet_del_ifa`): its secondaries with it, or the first of them promoted.
/// With `dead` the device loses IPv4, and nothing is promoted.
pub(crate) fn remove_at(world: &mut World, id: DeviceId, at: usize, dead: bool) {
    let Some(going) = addresses(world, id).get(at).cloned() else { return };
    let before = fib4_sync::wanted(world, id);
    let promotes = !dead && is_set(world, id, v4::PROMOTE_SECONDARIES);
    let is_follower = |other: &Address| other.is_secondary() && going.shares_network(other);
    let mut lost = Vec::new();
    let mut promoted = None;
    let Some(inet) = world[id].inet.as_mut() else { return };
    inet.addresses.remove(at);
    if !going.is_secondary() && !dead {
        if promotes {
            promoted = inet.addresses.iter().position(is_follower).map(|place| inet.addresses.remove(place));
        } else {
            inet.addresses.retain(|other| {
                let follows = is_follower(other);
                if follows {
                    lost.push(other.clone());
                }
                !follows
            });
        }
    }
    if let Some(address) = promoted.as_mut() {
        address.flags &= !IFA_F_SECONDARY;
        let last =
            inet.addresses.iter().rposition(|other| !other.is_secondary() && going.scope <= other.scope);
        inet.addresses.insert(last.map_or(at.min(inet.addresses.len()), |last| last + 1), address.clone());
    }
    for gone in lost.iter().chain([&going]) {
        leave_address(world, id, gone.local);
        world.tell(id, Event::IpAddress(gone.local.into(), false));
        crate::rtnl::addr::announce(world, id, RTM_DELADDR, gone);
    }
    if let Some(address) = &promoted {
        crate::rtnl::addr::announce(world, id, RTM_NEWADDR, address);
    }
    fib4_sync::addresses_went(world, id, &before);
}

/// A device has an address once more.
fn enter(world: &mut World, id: DeviceId, local: Ipv4Addr) {
    let (netns, arrival) = (world[id].netns, world[id].arrival);
    if let Ok(space) = world.space_mut(netns) {
        space.stack.holders4.enter(local, id);
        space.stack.holders4.lend(arrival, id);
    }
}

/// An address was taken from a device; it may have it in another network still.
fn leave_address(world: &mut World, id: DeviceId, local: Ipv4Addr) {
    let (netns, arrival) = (world[id].netns, world[id].arrival);
    let has_it = addresses(world, id).iter().any(|own| own.local == local);
    let Ok(space) = world.space_mut(netns) else { return };
    space.stack.holders4.take_back(arrival, id);
    if !has_it {
        space.stack.holders4.leave(local, id);
    }
}

/// Whether some device of the namespace has that address (`inet_lookup_ifaddr_rcu`).
pub(crate) fn is_own(world: &World, netns: NetnsId, address: Ipv4Addr) -> bool {
    world.space(netns).is_ok_and(|space| space.stack.holders4.of(address).next().is_some())
}

/// The device that answers for an address of the host's own (`__ip_dev_find`): one that has it, else the one through
/// which a local route to it leads.
pub(crate) fn find_device(world: &World, netns: NetnsId, address: Ipv4Addr) -> Option<DeviceId> {
    let holders = world.space(netns).ok()?.stack.holders4.of(address);
    if let Some(first) = holders.min_by_key(|id| world.get(*id).map(|device| device.arrival)) {
        return Some(first);
    }
    let flow = fib4::Flow::to(address);
    let found = fib4::lookup_table(world, netns, rtnl::object::route::RT_TABLE_LOCAL, &flow).ok()?;
    found.nexthop.device.filter(|_| found.kind == rtnl::object::route::RTN_LOCAL)
}

/// The address that the host uses towards another through a device (`inet_select_addr`); zero if it has none.
pub(crate) fn select(world: &World, id: DeviceId, towards: Ipv4Addr, scope: u8) -> Ipv4Addr {
    let most = if is_set(world, id, v4::ROUTE_LOCALNET) { RT_SCOPE_LINK } else { RT_SCOPE_HOST };
    let mut first = None;
    for address in addresses(world, id) {
        if address.is_secondary() || address.scope.min(most) > scope {
            continue;
        }
        if towards.is_unspecified() || address.covers(towards) {
            return address.local;
        }
        first = first.or(Some(address.local));
    }
    if let Some(first) = first {
        return first;
    }
    let Some(space) = world.get(id).and_then(|device| world.space(device.netns).ok()) else {
        return Ipv4Addr::UNSPECIFIED;
    };
    let fits = |address: &&Address| {
        !address.is_secondary() && address.scope != RT_SCOPE_LINK && address.scope <= scope
    };
    // The master of a routing domain is its loopback; else every device of the same domain will do.
    let master = domain::master(world, id);
    let inside = space.stack.holders4.lenders().filter(|other| domain::master(world, *other) == master);
    let found = master.into_iter().chain(inside).find_map(|other| addresses(world, other).iter().find(fits));
    found.map_or(Ipv4Addr::UNSPECIFIED, |address| address.local)
}

// Lifetimes.

/// Sets the timer to the end of the lifetime that ends first.
pub(crate) fn watch_lifetimes(world: &mut World, id: DeviceId) {
    let now = world.now;
    let end = |address: &Address| {
        let at = |seconds: u32| match seconds {
            FOREVER => u64::MAX,
            seconds => address.updated.0.saturating_add(u64::from(seconds) * SECOND),
        };
        let deprecated = address.flags & IFA_F_DEPRECATED != 0;
        let preferred = if deprecated { u64::MAX } else { at(address.preferred) };
        at(address.valid).min(preferred)
    };
    let next = addresses(world, id).iter().map(end).min().unwrap_or(u64::MAX);
    let netns = world[id].netns;
    match next {
        u64::MAX => world.cancel_host_timer(netns, HostTimer::Lifetimes(id)),
        at => world.set_host_timer(netns, HostTimer::Lifetimes(id), at.saturating_sub(now.0)),
    }
}

/// Ends what has lived long enough (`check_lifetime`).
pub(crate) fn end_lifetimes(world: &mut World, id: DeviceId) {
    let now = world.now;
    let is_over = |address: &Address, seconds: u32| {
        seconds != FOREVER && address.updated.0.saturating_add(u64::from(seconds) * SECOND) <= now.0
    };
    while let Some(at) = addresses(world, id).iter().position(|address| is_over(address, address.valid)) {
        remove_at(world, id, at, false);
    }
    for at in 0..addresses(world, id).len() {
        let Some(inet) = world[id].inet.as_mut() else { return };
        let address = &mut inet.addresses[at];
        if is_over(address, address.preferred) && address.flags & IFA_F_DEPRECATED == 0 {
            address.flags |= IFA_F_DEPRECATED;
            let told = address.clone();
            crate::rtnl::addr::announce(world, id, RTM_NEWADDR, &told);
        }
    }
    watch_lifetimes(world, id);
}

/// Whether IPv4 packets may go through a device: it is up and has IPv4.
pub(crate) fn is_ready(world: &World, id: DeviceId) -> bool {
    world.get(id).is_some_and(|device| device.flags & IFF_UP != 0 && device.inet.is_some())
}

/// The same for addresses of both families.
pub(crate) fn unmapped(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}
