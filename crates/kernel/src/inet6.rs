//! IPv6 on a device: addresses, how they come and go with the link, and the search for duplicates
//! (`net/ipv6/addrconf.c`).
//!
//! A device whose MTU is below 1280 has no IPv6; it comes back, with its defaults, when the MTU rises again. Once a
//! link is ready it makes itself an address from its own (EUI-64). An address is tentative until nobody else has
//! claimed it; then its local route comes and routers are asked for. With the link every address goes.
//!
//! What routers say is `host::advertised`'s. **Left out**: temporary and stable private addresses.

use crate::device::DeviceId;
use crate::host::conf::{IPV6, Values, v6};
use crate::host::duplicates::{begin_search, run_search};
use crate::host::fib6::{self, ADDRESS_METRIC, kernel_route, key};
use crate::host::joined::{self, Joined, join6 as join, leave_solicited};
use crate::host::lifetimes6::watch_lifetimes;
use crate::host::reports::Reports;
use crate::host::router6::{self, leave_anycast};
use crate::host::{AF_INET6, HostTimer, advertised, domain, mld, ndisc, neighbour, proxied};
use crate::link::Event;
use crate::rtnl::netconf;
use crate::world::{Instant, World};
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::addr::*;
use rtnl::object::link::{ARPHRD_ETHER, IFF_LOOPBACK, IFF_MULTICAST, IFF_NOARP, IFF_SLAVE};
use rtnl::object::route::*;
use std::net::Ipv6Addr;

mod address;

pub(crate) use address::*;

/// The least MTU that IPv6 lives on, in bytes.
pub(crate) const IPV6_MIN_MTU: u32 = 1280;
/// All nodes of a link, and of the host.
pub(crate) const ALL_NODES: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)];
const SECOND: u64 = 1_000_000;

/// What IPv6 keeps of a device.
#[derive(Clone, Debug)]
pub(crate) struct Inet6 {
    pub conf: Values,
    /// Widest scope first, the latest first among equals.
    pub addresses: Vec<Address>,
    /// Groups that are joined.
    pub groups: Joined<Ipv6Addr>,
    /// What is still to be said of them.
    pub reports: Option<Box<Reports<Ipv6Addr>>>,
    /// Whether the link was found ready (`IF_READY`).
    pub ready: bool,
    /// Whether a router has answered since then.
    pub advertised: bool,
    /// Questions for routers since then.
    pub solicitations: i32,
    /// The MTU that it goes by, in bytes.
    pub mtu: u32,
    /// When the link was found ready, or was left, last: hundredths of a second of the kernel's time.
    pub stamp: u32,
}

impl Inet6 {
    /// Whether routers were asked for since the link became ready.
    pub(crate) fn has_asked(&self) -> bool {
        self.ready && self.solicitations > 0
    }

    /// Whether the link was never ready and nobody has added anything; once it is down it has no routes or timers.
    fn is_untouched(&self) -> bool {
        !self.ready && self.addresses.is_empty() && self.reports.is_none() && self.groups.is_as_at_first()
    }
}

/// A moment as `stamp` has it.
fn hundredths(now: Instant) -> u32 {
    (now.0 / 10_000) as u32
}

/// What happens to a device.
pub(crate) fn event(world: &mut World, id: DeviceId, event: Event) {
    match event {
        Event::Register => init(world, id),
        Event::Up => up(world, id, true),
        Event::Change => {
            evict_without_carrier(world, id);
            up(world, id, false);
        }
        Event::Down | Event::Domain => down(world, id, false),
        Event::Unregister => down(world, id, true),
        // The loopback keeps what IPv6 has of it, however small it becomes.
        Event::ChangeMtu if world[id].mtu < IPV6_MIN_MTU => {
            let loopback = world[id].flags & IFF_LOOPBACK != 0;
            down(world, id, !loopback);
        }
        Event::ChangeMtu if world[id].inet6.is_none() => {
            init(world, id);
            if world[id].is_up() {
                up(world, id, true);
            }
        }
        Event::ChangeMtu => follow_mtu(world, id),
        Event::ChangeName if world[id].inet6.is_some() => {
            netconf::announce_gone(world, id, AF_INET6);
            netconf::announce_device(world, id, AF_INET6);
        }
        Event::ChangeAddress => neighbour::flush_device(world, id, false, Some(true)),
        Event::PreChangeType => joined::link_down6(world, id),
        Event::ChangeType => joined::link_up6(world, id),
        Event::NotifyPeers => announce_all(world, id),
        Event::ReportGroups => mld::report_again(world, id),
        _ => {}
    }
}

/// Neighbours that are not there for good go with the carrier, if that is set (`ndisc_netdev_event`).
fn evict_without_carrier(world: &mut World, id: DeviceId) {
    let Some(device) = world.get(id).filter(|device| !device.carrier) else { return };
    let all = world.space(device.netns).is_ok_and(|space| space.stack.all6.is(v6::NDISC_EVICT_NOCARRIER));
    if all && conf(world, id, v6::NDISC_EVICT_NOCARRIER) != 0 {
        neighbour::flush_device(world, id, true, Some(true));
        proxied::forget(world, id, true, true);
    }
}

/// It goes by the device's MTU, whatever was set.
fn follow_mtu(world: &mut World, id: DeviceId) {
    let mtu = world[id].mtu;
    if let Some(inet6) = part(world, id).filter(|_| mtu >= IPV6_MIN_MTU) {
        inet6.mtu = mtu;
    }
}

/// Tells everybody of the device's addresses (`ndisc_send_unsol_na`).
fn announce_all(world: &mut World, id: DeviceId) {
    let own = addresses(world, id).iter().filter(|own| !own.is(IFA_F_TENTATIVE) || own.is(IFA_F_OPTIMISTIC));
    for address in own.map(|own| own.address).collect::<Vec<_>>() {
        ndisc::announce(world, id, address);
    }
}

fn init(world: &mut World, id: DeviceId) {
    let device = &world[id];
    if device.inet6.is_some() || device.mtu < IPV6_MIN_MTU {
        return;
    }
    let (loopback, noarp) = (device.flags & IFF_LOOPBACK != 0, device.flags & IFF_NOARP != 0);
    let Ok(space) = world.space(device.netns) else { return };
    let mut conf = space.stack.default6.of_device(IPV6, loopback);
    if noarp && !loopback {
        conf.set(v6::ACCEPT_DAD, -1);
    }
    let forwards = conf.is(v6::FORWARDING) && device.flags & IFF_MULTICAST != 0;
    let (addresses, groups) = (Vec::new(), Joined::default());
    let (mtu, stamp) = (device.mtu, hundredths(world.now));
    let (reports, ready, advertised, solicitations) = (None, false, false, 0);
    let inet6 = Inet6 { conf, addresses, groups, reports, ready, advertised, solicitations, mtu, stamp };
    world[id].inet6 = Some(inet6);
    netconf::announce_device(world, id, AF_INET6);
    joined::begin6(world, id);
    if forwards {
        join(world, id, router6::ALL_ROUTERS[0]);
    }
}

/// The part of a device, to change.
pub(crate) fn part(world: &mut World, id: DeviceId) -> Option<&mut Inet6> {
    world.get_mut(id)?.inet6.as_mut()
}

pub(crate) fn conf(world: &World, id: DeviceId, place: usize) -> i32 {
    world.get(id).and_then(|device| device.inet6.as_ref()).map_or(0, |inet6| inet6.conf.get(place))
}

/// Whether IPv6 may be used on a device.
pub(crate) fn is_enabled(world: &World, id: DeviceId) -> bool {
    let part = world.get(id).and_then(|device| device.inet6.as_ref());
    part.is_some_and(|inet6| !inet6.conf.is(v6::DISABLE_IPV6))
}

/// A link came up, or its state changed while it is up.
fn up(world: &mut World, id: DeviceId, came_up: bool) {
    if came_up {
        init(world, id);
    }
    follow_mtu(world, id);
    if !is_enabled(world, id) || !world[id].is_up() {
        return;
    }
    // The slaves of a bond have no addresses of their own, but they are in groups.
    if world[id].flags & IFF_SLAVE != 0 {
        if came_up && world[id].flags & IFF_MULTICAST != 0 {
            joined::link_up6(world, id);
        }
        return;
    }
    if came_up {
        restore(world, id);
    }
    let device = &world[id];
    let ready = device.is_oper_up() && device.carrier;
    if !ready {
        if !came_up {
            fib6::carrier(world, id, false);
        }
        return;
    }
    let (loopback, ethernet) = (device.flags & IFF_LOOPBACK != 0, device.hardware_type == ARPHRD_ETHER);
    let stamp = hundredths(world.now);
    let Some(inet6) = part(world, id) else { return };
    if std::mem::replace(&mut inet6.ready, true) && !came_up {
        // It may be on another network now.
        joined::link_up6(world, id);
        return fib6::carrier(world, id, true);
    }
    (inet6.solicitations, inet6.advertised, inet6.stamp) = (0, false, stamp);
    follow_mtu(world, id);
    joined::link_up6(world, id);
    if loopback {
        let _ = insert(world, id, fixed(world.now, Ipv6Addr::LOCALHOST, 128, 1));
    } else if ethernet && !domain::is_master(world, id) {
        // The master of a routing domain has no link of its own.
        add_multicast_route(world, id);
        generate(world, id);
    }
    run_search(world, id);
    fib6::carrier(world, id, true);
}

/// An address that the kernel makes itself.
fn fixed(now: Instant, address: Ipv6Addr, length: u8, protocol: u8) -> Address {
    make(now, address, None, length, IFA_F_PERMANENT, (FOREVER, FOREVER), protocol)
}

/// An address as it is asked for.
pub(crate) fn make(
    now: Instant,
    address: Ipv6Addr,
    peer: Option<Ipv6Addr>,
    length: u8,
    flags: u32,
    (preferred, valid): (u32, u32),
    protocol: u8,
) -> Address {
    Address {
        address,
        peer,
        length,
        flags,
        priority: 0,
        protocol,
        preferred,
        valid,
        created: now,
        updated: now,
        probes: 0,
        begun: false,
        listens: false,
    }
}

/// The address of the link itself that is made from the device's (`ipv6_generate_eui64`).
pub(crate) fn interface_identity(world: &World, id: DeviceId) -> Option<Ipv6Addr> {
    let device = world.get(id)?;
    let [a, b, c, mut d, mut e, f, g, h] = wire::ipv6::eui64(device.address);
    let dev_id = device.dev_id;
    let a = if dev_id == 0 { a } else { a ^ 2 };
    if dev_id != 0 {
        // A device that shares its address says so (`addrconf_ifid_eui48`).
        [d, e] = dev_id.to_be_bytes();
    }
    let address = Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h]);
    Some(address).filter(|_| crate::device::is_valid_ether_addr(&device.address))
}

/// A link gets the address that is made from the device's (`addrconf_addr_gen`).
fn generate(world: &mut World, id: DeviceId) {
    if conf(world, id, v6::ADDR_GEN_MODE) != 0 {
        return;
    }
    let Some(address) = interface_identity(world, id) else { return };
    let now = world.now;
    let _ = insert(world, id, fixed(now, address, 64, 3));
}

fn add_multicast_route(world: &mut World, id: DeviceId) {
    let netns = world[id].netns;
    let route = kernel_route(world, id, RTN_MULTICAST, ADDRESS_METRIC);
    let everything = key(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8);
    let table = domain::local_table(world, id);
    fib6::add(world, netns, table, everything, route);
}

/// Adds an address (`ipv6_add_addr` and what follows it).
///
/// # Errors
/// EADDRNOTAVAIL for one that cannot be a device's, EACCES if IPv6 is off there, EEXIST if the device has it, an event
/// receiver's.
pub(crate) fn insert(world: &mut World, id: DeviceId, mut address: Address) -> Result<(), Refusal> {
    let loopback = fib6::is_loopback(world, id);
    let wrong = address.address.is_unspecified()
        || address.address.is_multicast() && !address.is(IFA_F_MCAUTOJOIN)
        || address.address.is_loopback() && !loopback && !domain::is_master(world, id);
    if wrong {
        return Err(Errno::EADDRNOTAVAIL.into());
    }
    if !is_enabled(world, id) {
        return Err(Errno::EACCES.into());
    }
    world.ask(id, Event::IpAddressWanted(address.address.into()))?;
    let known = addresses(world, id);
    if known.iter().any(|other| other.address == address.address) {
        return Err(Errno::EEXIST.into());
    }
    if known.len() >= crate::host::inet::ADDRESSES {
        return Err(Errno::ENOBUFS.into());
    }
    // commit
    if world[id].is_up() && !loopback && !domain::is_master(world, id) {
        add_multicast_route(world, id);
    }
    // That of the loopback is nobody else's.
    let by_router = address.protocol == advertised::BY_ROUTER;
    let looked_for = !address.is(IFA_F_NODAD) && !address.address.is_loopback();
    if looked_for {
        address.flags |= IFA_F_TENTATIVE;
    }
    let rank = |scope: u8| if scope == RT_SCOPE_UNIVERSE { 255 } else { 255 - scope };
    let (asked, scope) = (address.clone(), address.scope());
    if let Some(inet6) = part(world, id) {
        let at = inet6.addresses.iter().position(|other| rank(scope) >= rank(other.scope()));
        let at = at.unwrap_or(inet6.addresses.len());
        if inet6.addresses.is_empty() {
            inet6.addresses.reserve_exact(1);
        }
        inet6.addresses.insert(at, address);
    }
    note(world, id, asked.address, true);
    world.tell(id, Event::IpAddress(asked.address.into(), true));
    // What a router says of the prefix is another thing than what it says of addresses.
    if !by_router {
        add_prefix_route(world, id, &asked);
    }
    if looked_for && asked.protocol != 3 && !by_router {
        crate::rtnl::addr6::announce(world, id, RTM_NEWADDR, &asked);
    }
    begin_search(world, id, asked.address);
    watch_lifetimes(world, id);
    Ok(())
}

/// The table in which the routes of addresses' prefixes stand.
pub(crate) fn prefix_table(world: &World, id: DeviceId) -> u32 {
    domain::table(world, id).unwrap_or(RT_TABLE_MAIN)
}

/// The route of an address's prefix (`addrconf_prefix_route`); a link that is down takes none.
pub(crate) fn add_prefix_route(world: &mut World, id: DeviceId, address: &Address) {
    add_route_of(world, id, address, address.network());
}

/// The same for another prefix: that of the far end.
pub(crate) fn add_route_of(world: &mut World, id: DeviceId, address: &Address, prefix: fib6::Key) {
    let of_lo = address.address.is_loopback() && fib6::is_loopback(world, id);
    if address.is(IFA_F_NOPREFIXROUTE) || !world[id].is_up() || of_lo {
        return;
    }
    let netns = world[id].netns;
    let metric = if address.priority == 0 { ADDRESS_METRIC } else { address.priority };
    let mut route = kernel_route(world, id, RTN_UNICAST, metric);
    if address.valid != FOREVER {
        let end = address.updated.0.saturating_add(u64::from(address.valid) * SECOND);
        route.rarities.expires = Some(Instant(end));
    }
    let table = prefix_table(world, id);
    fib6::add(world, netns, table, prefix, route);
    fib6::watch_expiry(world, netns);
}

/// After the link came up: routes of addresses that stayed (`addrconf_permanent_addr`).
fn restore(world: &mut World, id: DeviceId) {
    for address in addresses(world, id).to_vec() {
        add_prefix_route(world, id, &address);
        if !address.begun {
            begin_search(world, id, address.address);
        }
    }
}

/// A link went down: with it go its addresses and routes (`addrconf_ifdown`); for good, if it loses IPv6.
fn down(world: &mut World, id: DeviceId, for_good: bool) {
    let device = &world[id];
    let Some(inet6) = &device.inet6 else { return };
    // Routes that refuse lead through a loopback that was never up.
    let loopback = device.flags & IFF_LOOPBACK != 0;
    let untouched = !loopback && !device.is_up() && inet6.is_untouched();
    if untouched {
        forget_neighbours(world, id);
    } else {
        fib6::link_down(world, id);
        forget_neighbours(world, id);
        end_service(world, id, for_good);
    }
    if for_good {
        // A device that leaves its namespace listens to nothing already.
        if !untouched || !world[id].multicast.in_order().is_empty() {
            leave_groups(world, id);
        }
        netconf::announce_gone(world, id, AF_INET6);
        world[id].inet6 = None;
    }
}

fn forget_neighbours(world: &mut World, id: DeviceId) {
    neighbour::flush_device(world, id, false, Some(true));
    proxied::forget(world, id, false, true);
    let stamp = hundredths(world.now);
    if let Some(inet6) = part(world, id) {
        inet6.stamp = stamp;
    }
}

/// What a link that was ready, or had been given something, had begun, ends.
fn end_service(world: &mut World, id: DeviceId, for_good: bool) {
    let netns = world[id].netns;
    addresses_down(world, id, for_good);
    world.cancel_host_timer(netns, HostTimer::Routers(id));
    if part(world, id).is_some_and(|inet6| std::mem::replace(&mut inet6.ready, false)) {
        joined::link_down6(world, id);
    }
    if for_good {
        world.cancel_host_timer(netns, HostTimer::Lifetimes6(id));
    }
}

/// Leaves all groups, and says nothing of them later.
fn leave_groups(world: &mut World, id: DeviceId) {
    let netns = world[id].netns;
    joined::leave_all6(world, id);
    world.cancel_host_timer(netns, HostTimer::Groups6(id));
}

/// The addresses of a link that went down go, but those that are to be kept.
fn addresses_down(world: &mut World, id: DeviceId, for_good: bool) {
    let netns = world[id].netns;
    let all = world.space(netns).map_or(0, |space| space.stack.all6.get(v6::KEEP_ADDR_ON_DOWN));
    let own = conf(world, id, v6::KEEP_ADDR_ON_DOWN);
    let keeps = !for_good && is_enabled(world, id) && (all > 0 || own > 0) && all >= 0 && own >= 0;
    for address in addresses(world, id).to_vec() {
        let stays = keeps
            && address.is(IFA_F_PERMANENT)
            && !is_link_local(address.address)
            && !address.address.is_loopback();
        world.cancel_host_timer(netns, HostTimer::Duplicates(id, address.address));
        if stays {
            leave_solicited(world, id, address.address);
            if let Some(own) = find_mut(world, id, address.address) {
                (own.begun, own.listens) = (false, false);
                own.flags |= if own.is(IFA_F_NODAD) { 0 } else { IFA_F_TENTATIVE };
            }
        } else {
            remove(world, id, address.address);
        }
    }
}

/// Removes an address (`ipv6_del_addr`): its local route, and its prefix's unless another address has the same.
pub(crate) fn remove(world: &mut World, id: DeviceId, address: Ipv6Addr) {
    let netns = world[id].netns;
    world.cancel_host_timer(netns, HostTimer::Duplicates(id, address));
    let Some(inet6) = part(world, id) else { return };
    let Some(at) = inet6.addresses.iter().position(|own| own.address == address) else { return };
    let gone = inet6.addresses.remove(at);
    let forwards = inet6.conf.is(v6::FORWARDING);
    let shared = inet6.addresses.iter().any(|other| {
        other.network() == gone.network() && !other.is(IFA_F_NOPREFIXROUTE) && other.is(IFA_F_PERMANENT)
    });
    note(world, id, address, false);
    world.tell(id, Event::IpAddress(address.into(), false));
    crate::rtnl::addr6::announce(world, id, RTM_DELADDR, &gone);
    if forwards {
        leave_anycast(world, id, &gone);
    }
    leave_solicited(world, id, address);
    let (local, prefixes) = (domain::local_table(world, id), prefix_table(world, id));
    fib6::remove(world, id, local, key(address, 128), RTN_LOCAL);
    if let Some(peer) = gone.peer {
        fib6::remove(world, id, prefixes, key(peer, 128), RTN_UNICAST);
    }
    if !shared && gone.is(IFA_F_PERMANENT) && !gone.is(IFA_F_NOPREFIXROUTE) {
        fib6::remove(world, id, prefixes, gone.network(), RTN_UNICAST);
    }
    fib6::forget_source(world, netns, address);
}

/// A device has an address, or has it no longer.
fn note(world: &mut World, id: DeviceId, address: Ipv6Addr, has: bool) {
    let (netns, arrival) = (world[id].netns, world[id].arrival);
    let Ok(space) = world.space_mut(netns) else { return };
    let holders = &mut space.stack.holders6;
    match has {
        true => holders.enter(address, id),
        false => holders.leave(address, id),
    }
    match has {
        _ if is_link_local(address) => {}
        true => holders.lend(arrival, id),
        false => holders.take_back(arrival, id),
    }
}

/// A setting of a device changed that reaches further than itself.
pub(crate) fn setting_changed(world: &mut World, id: DeviceId, at: usize, before: i32) {
    let now = conf(world, id, at);
    match at {
        v6::DISABLE_IPV6 if (now != 0) != (before != 0) => {
            if now != 0 {
                down(world, id, false);
            } else if world[id].is_up() {
                up(world, id, true);
            }
        }
        v6::FORWARDING if (now != 0) != (before != 0) => router6::forwarding_changed(world, id, now != 0),
        v6::ADDR_GEN_MODE if now == 0 && before != 0 && part(world, id).is_some_and(|inet6| inet6.ready) => {
            generate(world, id);
        }
        _ => {}
    }
}

/// The largest packet of IPv6 on a device: what a router or a person said, else the device's own.
pub(crate) fn mtu(world: &World, id: DeviceId) -> u32 {
    let Some(device) = world.get(id) else { return 0 };
    device.inet6.as_ref().map_or(device.mtu, |inet6| inet6.mtu.min(device.mtu))
}

/// The hop limit of packets that say nothing else.
pub(crate) fn hop_limit(world: &World, id: DeviceId) -> u8 {
    match conf(world, id, v6::HOP_LIMIT) {
        limit @ 1..=255 => limit as u8,
        _ => 64,
    }
}
