//! Which way a packet of IPv4 takes: one of the host's own, or one that came in (`ip_route_output_key_hash_rcu`,
//! `ip_route_input_slow` and `__fib_validate_source` in `net/ipv4`).
//!
//! Nothing is remembered between packets: every one asks the tables.

use super::conf::v4;
use super::domain;
use super::encap::Encap;
use super::fib4::{self, Flow, Found};
use super::inet;
use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::object::link::IFF_LOOPBACK;
use rtnl::object::route::*;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// The route of a packet of the host's own.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// `RTN_*`.
    pub kind: u8,
    pub device: DeviceId,
    pub gateway: Option<IpAddr>,
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    /// The host itself is among those it is for.
    pub local: bool,
    pub found: Option<Found>,
    /// The table in which a route was found, if one was; also where that route does not count.
    pub table: Option<u32>,
    /// The largest packet.
    pub mtu: u32,
}

impl Outgoing {
    /// What the packet carries.
    pub(crate) fn encap(&self) -> Option<&Arc<Encap>> {
        self.found.as_ref()?.nexthop.encap.as_ref()
    }
}

/// The route of a packet that came in.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    /// For this host; as what kind of address, and the route if one was asked for.
    Local { kind: u8, found: Option<Found> },
    /// To be sent on.
    Forward { device: DeviceId, gateway: Option<IpAddr>, found: Found },
}

fn is_zeronet(address: Ipv4Addr) -> bool {
    address.octets()[0] == 0
}

fn is_link_multicast(address: Ipv4Addr) -> bool {
    address.octets()[..3] == [224, 0, 0]
}

/// The loopback of a namespace.
pub(crate) fn loopback(world: &World, netns: NetnsId) -> Option<DeviceId> {
    let all = world.space(netns).ok()?;
    all.by_index(1).filter(|id| world.get(*id).is_some_and(|device| device.flags & IFF_LOOPBACK != 0))
}

/// Finds the route of a packet of the host's own; source and link may be given, and are filled in where they are not.
///
/// # Errors
/// EINVAL for addresses that cannot be, ENETUNREACH without route or for a source that is not the host's, ENODEV if
/// there is no such link, what a route refuses with.
pub(crate) fn outgoing(world: &World, netns: NetnsId, flow: &Flow) -> Result<Outgoing, Errno> {
    let mut flow = *flow;
    let (unset, destination) = (Ipv4Addr::UNSPECIFIED, flow.destination);
    if flow.source != unset && !flow.any_source {
        let source = flow.source;
        if source.is_multicast() || source.is_broadcast() || is_zeronet(source) {
            return Err(Errno::EINVAL);
        }
        let owner = inet::find_device(world, netns, source);
        if flow.oif == 0 && (destination.is_multicast() || destination.is_broadcast()) {
            let device = owner.ok_or(Errno::ENETUNREACH)?;
            return make(world, &flow, device, None, RTN_UNICAST);
        }
        owner.ok_or(Errno::ENETUNREACH)?;
    }
    let mut bound = None;
    if flow.oif != 0 {
        let id = world.by_index(netns, flow.oif).ok_or(Errno::ENODEV)?;
        if !inet::is_ready(world, id) {
            return Err(Errno::ENETUNREACH);
        }
        if is_link_multicast(destination) || destination.is_broadcast() {
            if flow.source == unset {
                flow.source = inet::select(world, id, unset, RT_SCOPE_LINK);
            }
            return make(world, &flow, id, None, RTN_UNICAST);
        }
        if flow.source == unset && destination.is_multicast() {
            flow.source = inet::select(world, id, unset, flow.scope);
        } else if flow.source == unset && destination == unset {
            flow.source = inet::select(world, id, unset, RT_SCOPE_HOST);
        }
        bound = Some(id);
    }
    if destination == unset {
        let own = if flow.source == unset { Ipv4Addr::LOCALHOST } else { flow.source };
        (flow.destination, flow.source) = (own, own);
        return make(world, &flow, loopback(world, netns).ok_or(Errno::ENODEV)?, None, RTN_LOCAL);
    }
    by_table(world, netns, flow, bound)
}

/// The part of it that asks the tables.
fn by_table(
    world: &World,
    netns: NetnsId,
    mut flow: Flow,
    bound: Option<DeviceId>,
) -> Result<Outgoing, Errno> {
    let unset = Ipv4Addr::UNSPECIFIED;
    let found = match (fib4::lookup(world, netns, &flow), bound) {
        (Ok(found), _) => found,
        (Err(_), Some(id)) if flow.destination.is_multicast() || domain::master(world, id).is_none() => {
            // The link is named, so the destination is taken to be on it.
            if flow.source == unset {
                flow.source = inet::select(world, id, unset, RT_SCOPE_LINK);
            }
            return make(world, &flow, id, None, RTN_UNICAST);
        }
        (Err(errno), _) => return Err(errno),
    };
    if found.kind == RTN_LOCAL {
        if flow.source == unset {
            flow.source = found.prefsrc.unwrap_or(flow.destination);
        }
        let device = domain::loopback(world, netns, found.nexthop.device).ok_or(Errno::ENODEV)?;
        return make(world, &flow, device, Some(found), RTN_LOCAL);
    }
    let device = found.nexthop.device.ok_or(Errno::ENETUNREACH)?;
    if flow.source == unset {
        flow.source = found.prefsrc.unwrap_or_else(|| {
            let gateway = found.nexthop.gateway.and_then(inet::unmapped).unwrap_or(unset);
            inet::select(world, device, gateway, found.scope)
        });
    }
    let kind = found.kind;
    make(world, &flow, device, Some(found), kind)
}

/// `__mkroute_output`.
fn make(
    world: &World,
    flow: &Flow,
    device: DeviceId,
    found: Option<Found>,
    kind: u8,
) -> Result<Outgoing, Errno> {
    let out = world.get(device).filter(|device| device.inet.is_some()).ok_or(Errno::EINVAL)?;
    let (destination, source) = (flow.destination, flow.source);
    let is_loopback = out.flags & IFF_LOOPBACK != 0;
    let is_own = is_loopback || domain::is_master(world, device);
    if source.is_loopback() && !is_own && !inet::is_set(world, device, v4::ROUTE_LOCALNET) {
        return Err(Errno::EINVAL);
    }
    let kind = match () {
        () if destination.is_broadcast() => RTN_BROADCAST,
        () if destination.is_multicast() => RTN_MULTICAST,
        () if is_zeronet(destination) => return Err(Errno::EINVAL),
        () => kind,
    };
    let joined = out.inet.as_ref().is_some_and(|inet| inet.groups.contains(&destination));
    let table = found.as_ref().map(|found| found.table);
    let (local, found) = match kind {
        RTN_BROADCAST => (true, None),
        RTN_MULTICAST => (joined, found.filter(|found| found.prefix.1 <= 28)),
        _ => (is_loopback || kind == RTN_LOCAL, found),
    };
    let gateway = found.as_ref().and_then(|found| found.nexthop.gateway);
    let mtu = found.as_ref().map_or(0, |found| found.mtu);
    let mtu = if mtu == 0 { out.mtu.min(65535) } else { mtu };
    Ok(Outgoing { kind, device, gateway, source, destination, local, found, table, mtu })
}

/// Whether packets that came in through a device are sent on.
pub(crate) fn forwards(world: &World, id: DeviceId) -> bool {
    inet::own_setting(world, id, v4::FORWARDING)
}

/// Finds the route of a packet that came in, perhaps with a mark and through a network of a tunnel. For a question of ARP about that address `arp` is set.
///
/// # Errors
/// EINVAL for addresses that cannot come from outside, EXDEV if the way back leads elsewhere, EHOSTUNREACH if the
/// host does not forward, ENETUNREACH without route, what a route refuses with.
pub(crate) fn incoming(
    world: &World,
    id: DeviceId,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    tos: u8,
    (mark, tunnel): (u32, u64),
    arp: bool,
) -> Result<Incoming, Errno> {
    let netns = world.get(id).filter(|device| device.inet.is_some()).ok_or(Errno::EINVAL)?.netns;
    let localnet = inet::is_set(world, id, v4::ROUTE_LOCALNET);
    let is_lo = world[id].flags & IFF_LOOPBACK != 0;
    if source.is_multicast() || source.is_broadcast() {
        return Err(Errno::EINVAL);
    }
    let to_all = destination.is_broadcast() || source.is_unspecified() && destination.is_unspecified();
    if to_all {
        return broadcast_in(world, id, source, destination);
    }
    if destination.is_multicast() {
        return multicast_in(world, id, source, destination);
    }
    let loops = (destination.is_loopback() || source.is_loopback()) && !localnet && !is_lo;
    if is_zeronet(source) || is_zeronet(destination) || loops {
        return Err(Errno::EINVAL);
    }
    let flow = Flow { source, iif: world[id].ifindex, tos, mark, tunnel, ..Flow::to(destination) };
    let forwarding = forwards(world, id);
    let found = fib4::lookup(world, netns, &flow).map_err(|errno| match forwarding {
        true => errno,
        false => Errno::EHOSTUNREACH,
    })?;
    match found.kind {
        RTN_BROADCAST => broadcast_in(world, id, source, destination),
        RTN_LOCAL => {
            if !is_lo {
                validate_source(world, id, source, destination, tos, mark)?;
            }
            Ok(Incoming::Local { kind: RTN_LOCAL, found: Some(found) })
        }
        _ if !forwarding => Err(Errno::EHOSTUNREACH),
        RTN_UNICAST => {
            validate_source(world, id, source, destination, tos, mark)?;
            let device = found.nexthop.device.ok_or(Errno::ENETUNREACH)?;
            let same = device == id && !inet::own_setting(world, id, v4::PROXY_ARP_PVLAN);
            if arp && same {
                return Err(Errno::EINVAL);
            }
            Ok(Incoming::Forward { device, gateway: found.nexthop.gateway, found })
        }
        _ => Err(Errno::EINVAL),
    }
}

/// Whether a packet that came in through a device and goes out there again could have gone its way without us: its
/// sender is on that link too (`__mkroute_input`).
pub(crate) fn is_detour(
    world: &World,
    id: DeviceId,
    (source, destination): (Ipv4Addr, Ipv4Addr),
    gateway: Option<IpAddr>,
) -> bool {
    if !inet::is_set(world, id, v4::SEND_REDIRECTS) {
        return false;
    }
    let flow = Flow { source: destination, iif: world[id].ifindex, ..Flow::to(source) };
    let back = fib4::lookup(world, world[id].netns, &flow);
    let on_link = back.is_ok_and(|back| {
        back.kind == RTN_UNICAST && back.nexthop.device == Some(id) && back.nexthop.gateway.is_none()
    });
    let shares = |gateway: &IpAddr| {
        let gateway = inet::unmapped(*gateway);
        inet::addresses(world, id)
            .iter()
            .any(|own| own.covers(source) && gateway.is_some_and(|gateway| own.covers(gateway)))
    };
    on_link && (inet::is_set(world, id, v4::SHARED_MEDIA) || gateway.as_ref().is_none_or(shares))
}

fn broadcast_in(
    world: &World,
    id: DeviceId,
    source: Ipv4Addr,
    destination: Ipv4Addr,
) -> Result<Incoming, Errno> {
    if !is_zeronet(source) {
        validate_source(world, id, source, destination, 0, 0)?;
    }
    Ok(Incoming::Local { kind: RTN_BROADCAST, found: None })
}

fn multicast_in(
    world: &World,
    id: DeviceId,
    source: Ipv4Addr,
    destination: Ipv4Addr,
) -> Result<Incoming, Errno> {
    world[id].inet.as_ref().ok_or(Errno::EINVAL)?;
    // What the master of a routing domain has joined its ports hear too.
    let places = [Some(id), domain::master(world, id)];
    let mut inets = places.into_iter().flatten().filter_map(|place| world[place].inet.as_ref());
    if destination.octets() != [224, 0, 0, 1] && !inets.any(|inet| inet.groups.contains(&destination)) {
        return Err(Errno::EINVAL);
    }
    if is_zeronet(source) {
        if !is_link_multicast(destination) {
            return Err(Errno::EINVAL);
        }
    } else {
        validate_source(world, id, source, destination, 0, 0)?;
    }
    Ok(Incoming::Local { kind: RTN_MULTICAST, found: None })
}

/// Whether a packet may come from that source through that device (`fib_validate_source`).
fn validate_source(
    world: &World,
    id: DeviceId,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    tos: u8,
    mark: u32,
) -> Result<(), Errno> {
    let netns = world[id].netns;
    let strict = inet::setting(world, id, v4::RP_FILTER);
    let accepts_own = inet::is_set(world, id, v4::ACCEPT_LOCAL);
    // Who has changed the rules may have the same address in two places.
    if strict == 0 && !world.space(netns)?.stack.rules4.custom {
        let own = inet::is_own(world, netns, source);
        return if own && !accepts_own { Err(Errno::EINVAL) } else { Ok(()) };
    }
    let nobody = inet::addresses(world, id).is_empty();
    let iif = world[id].ifindex;
    let tos = if inet::own_setting(world, id, v4::FORWARDING) { tos } else { 0 };
    let flow = Flow { source: destination, iif, tos, mark, ..Flow::to(source) };
    let Ok(found) = fib4::lookup(world, netns, &flow) else {
        return if strict == 0 { Ok(()) } else { Err(Errno::EXDEV) };
    };
    if found.kind != RTN_UNICAST && !(found.kind == RTN_LOCAL && accepts_own) {
        return Err(Errno::EINVAL);
    }
    if fib4::leads_through(world, netns, &found, id) {
        return Ok(());
    }
    if strict != 0 && (nobody || strict == 1) {
        return Err(Errno::EXDEV);
    }
    Ok(())
}
