//! `geneve`: Ethernet frames in UDP with options (RFC 8926, `drivers/net/geneve.c`).
//!
//! A geneve knows one far end. As a vxlan it belongs to two namespaces, the one that it is in and the one in which it
//! was made, where its packets travel (`host::tunnel`); of that one nothing is told. Its MTU is that of the way to the
//! far end as it was when the far end was named. Its frames are `frames`'s, and those that a route
//! sends `external`'s.

mod external;
mod frames;

use super::{NewLink, Type};
use crate::device::{Device, DeviceId, is_valid_ether_addr};
use crate::features::Features;
use crate::host::tunnel::send::Ways;
use crate::host::tunnel::{PortKey, Terms};
use crate::host::{fib4, fib6, route4};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::kind::geneve::*;
use rtnl::message::Refusal;
use rtnl::object::link::{ARPHRD_NONE, IFF_NOARP, IFLA_ADDRESS, IFLA_MTU};
use rtnl::object::route::{RTN_ANYCAST, RTN_LOCAL};
use rtnl::table::Tb;
use std::net::{IpAddr, Ipv4Addr};

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

/// One more than the largest identifier.
const NETWORKS: u32 = 1 << 24;
/// The port that is used if none is named.
const PORT: u16 = 6081;
/// Bytes of UDP's header and of Geneve's without options.
const HEADERS: u32 = 16;
const ETHERNET: u32 = 14;
const LEAST_MTU: u32 = 68;

/// The type.
pub static TYPE: Type = Type {
    kind: "geneve",
    table: Some(KIND.table),
    setup,
    validate,
    newlink,
    changelink: Some(changelink),
    dellink: Some(dellink),
    fill: Some(fill),
    init: Some(World::init_random_address),
    uninit: Some(unclaim),
    open: Some(open),
    stop: Some(stop),
    transmit: Some(frames::transmit),
    counts_hops: true,
    datagrams: Some(frames::receive),
    takes_groups: false,
    ..Type::DEFAULT
};

/// What a geneve keeps of itself.
struct Geneve {
    /// The namespace in which its packets travel.
    netns: NetnsId,
    config: Config,
    /// Ways to the far end.
    ways: Ways,
}

/// The settings of a geneve.
#[derive(Clone)]
struct Config {
    network: u32,
    /// The far end; unspecified if where packets go is decided outside.
    remote: IpAddr,
    port: u16,
    tos: u8,
    ttl: u8,
    /// The time to live is that of what is inside.
    inherits_ttl: bool,
    df: u8,
    /// The flow label, 20 bits.
    label: u32,
    /// Datagrams bear a checksum.
    sums: bool,
    /// Datagrams over IPv6 without checksum are refused.
    wants_sums: bool,
    /// Where packets go is decided outside.
    external: bool,
    /// There is no Ethernet header inside.
    bare: bool,
}

fn state(world: &World, id: DeviceId) -> Option<&Geneve> {
    world.get(id)?.private()
}

fn setup(device: &mut Device) {
    device.abilities.no_queue = true;
    device.abilities.live_address = true;
    device.features = Features::UNTAGGED;
    device.min_mtu = LEAST_MTU;
    // The header of IP, which depends on the far end, comes off later.
    device.max_mtu = 65535 - HEADERS - ETHERNET;
}

fn validate(tb: &Tb<'_>, data: Option<&Tb<'_>>) -> Result {
    let refuse = |errno, sentence, attr| Err(Refusal::said(errno, sentence).at(attr));
    if let Some(attr) = tb.get(IFLA_ADDRESS) {
        let mac: std::result::Result<[u8; 6], _> = attr.payload.try_into();
        match mac {
            Err(_) => {
                let sentence = "Provided link layer address is not Ethernet";
                return refuse(Errno::EINVAL, sentence, Some(attr));
            }
            Ok(mac) if !is_valid_ether_addr(&mac) => {
                let sentence = "Provided Ethernet address is not unicast";
                return refuse(Errno::EADDRNOTAVAIL, sentence, Some(attr));
            }
            Ok(_) => {}
        }
    }
    let Some(data) = data else {
        let sentence = "Not enough attributes provided to perform the operation";
        return Err(Refusal::said(Errno::EINVAL, sentence));
    };
    if let Some(attr) = data.get(IFLA_GENEVE_ID).filter(|attr| attr.u32() >= NETWORKS) {
        return refuse(Errno::ERANGE, "Geneve ID must be lower than 16777216", Some(attr));
    }
    if let Some(attr) = data.get(IFLA_GENEVE_DF).filter(|attr| attr.u8() > GENEVE_DF_MAX) {
        return refuse(Errno::EINVAL, "Invalid DF attribute", Some(attr));
    }
    Ok(())
}

impl Config {
    fn new() -> Config {
        Config {
            network: 0,
            remote: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: PORT,
            tos: 0,
            ttl: 0,
            inherits_ttl: false,
            df: 0,
            label: 0,
            sums: false,
            wants_sums: false,
            external: false,
            bare: false,
        }
    }

    /// Takes a request's attributes over (`geneve_nl2info`).
    fn apply(&mut self, data: &Tb<'_>, change: bool) -> Result {
        let fixed = |number: u16| match data.get(number).filter(|_| change) {
            Some(attr) => Err(unchangeable(attr)),
            None => Ok(()),
        };
        self.apply_remote(data, change)?;
        if let Some(attr) = data.get(IFLA_GENEVE_ID) {
            if change && attr.u32() != self.network {
                return Err(unchangeable(attr));
            }
            self.network = attr.u32();
        }
        match (data.u8(IFLA_GENEVE_TTL_INHERIT), data.u8(IFLA_GENEVE_TTL)) {
            (Some(inherits), _) => self.inherits_ttl = inherits != 0,
            (None, Some(ttl)) => (self.ttl, self.inherits_ttl) = (ttl, false),
            (None, None) => {}
        }
        self.tos = data.u8(IFLA_GENEVE_TOS).unwrap_or(self.tos);
        self.df = data.u8(IFLA_GENEVE_DF).unwrap_or(self.df);
        if let Some(attr) = data.get(IFLA_GENEVE_LABEL) {
            self.label = u32::from_be(attr.u32()) & 0xf_ffff;
            if self.label != 0 && self.remote.is_ipv4() {
                let sentence = "Label attribute only applies for IPv6 Geneve devices";
                return Err(Refusal::said(Errno::EINVAL, sentence).at(Some(attr)));
            }
        }
        fixed(IFLA_GENEVE_PORT)?;
        self.port = data.u16_be(IFLA_GENEVE_PORT).unwrap_or(self.port);
        fixed(IFLA_GENEVE_COLLECT_METADATA)?;
        self.external |= data.has(IFLA_GENEVE_COLLECT_METADATA);
        fixed(IFLA_GENEVE_UDP_CSUM)?;
        self.sums |= data.u8(IFLA_GENEVE_UDP_CSUM).is_some_and(|on| on != 0);
        fixed(IFLA_GENEVE_UDP_ZERO_CSUM6_TX)?;
        self.sums &= data.u8(IFLA_GENEVE_UDP_ZERO_CSUM6_TX).is_none_or(|on| on == 0);
        fixed(IFLA_GENEVE_UDP_ZERO_CSUM6_RX)?;
        self.wants_sums &= data.u8(IFLA_GENEVE_UDP_ZERO_CSUM6_RX).is_none_or(|on| on == 0);
        fixed(IFLA_GENEVE_INNER_PROTO_INHERIT)?;
        self.bare |= data.has(IFLA_GENEVE_INNER_PROTO_INHERIT);
        Ok(())
    }

    fn apply_remote(&mut self, data: &Tb<'_>, change: bool) -> Result {
        let refuse = |sentence, attr| Err(Refusal::said(Errno::EINVAL, sentence).at(Some(attr)));
        let (inet, inet6) = (data.get(IFLA_GENEVE_REMOTE), data.get(IFLA_GENEVE_REMOTE6));
        if inet.is_some() && inet6.is_some() {
            let sentence = "Cannot specify both IPv4 and IPv6 Remote addresses";
            return Err(Refusal::said(Errno::EINVAL, sentence));
        }
        if let Some(attr) = inet {
            if change && self.remote.is_ipv6() {
                return Err(unchangeable(attr));
            }
            self.remote = IpAddr::from(attr.first::<4>());
            if self.remote.is_multicast() {
                return refuse("Remote IPv4 address cannot be Multicast", attr);
            }
        }
        if let Some(attr) = inet6 {
            if change && self.remote.is_ipv4() {
                return Err(unchangeable(attr));
            }
            self.remote = IpAddr::from(attr.first::<16>());
            // A group of the link is of the link as well, and is refused as such.
            let bytes = attr.first::<2>();
            let of_link =
                bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80 || bytes[0] == 0xff && bytes[1] & 15 == 2;
            if of_link {
                return refuse("Remote IPv6 address cannot be link-local", attr);
            }
            if self.remote.is_multicast() {
                return refuse("Remote IPv6 address cannot be Multicast", attr);
            }
            self.sums = true;
            self.wants_sums = true;
        }
        Ok(())
    }

    /// Whether nothing is said of where packets go and how.
    fn says_nothing(&self) -> bool {
        self.network == 0
            && !self.sums
            && (self.tos, self.ttl, self.label) == (0, 0, 0)
            && self.remote.is_unspecified()
    }

    /// Whether both lead to the same network at the same place.
    fn leads_as(&self, other: &Config) -> bool {
        let same = match (self.remote, other.remote) {
            (one, other) if one.is_ipv4() == other.is_ipv4() => one == other,
            (one, other) => one.is_unspecified() && other.is_unspecified(),
        };
        same && self.network == other.network && self.port == other.port
    }

    /// The ports at which it listens.
    fn ports(&self) -> Vec<PortKey> {
        if self.external {
            vec![(true, self.port), (false, self.port)]
        } else {
            vec![(self.remote.is_ipv6(), self.port)]
        }
    }

    /// Bytes that encapsulation adds.
    fn overhead(&self) -> u32 {
        self.ip_header() + HEADERS + ETHERNET
    }

    fn ip_header(&self) -> u32 {
        if !self.external && self.remote.is_ipv4() { 20 } else { 40 }
    }
}

fn unchangeable(attr: rtnl::attr::Attr<'_>) -> Refusal {
    let sentence = "Changing VNI, Port, endpoint IP address family, external, inner_proto_inherit, and UDP checksum \
                    attributes are not supported";
    Refusal::said(Errno::EOPNOTSUPP, sentence).at(Some(attr))
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result {
    let (id, netns) = (new.device, new.source);
    let mut config = Config::new();
    config.apply(new.data, false)?;
    configure(world, netns, id, &config)?;
    let (port, network) = (config.port, config.network);
    world[id].private = Some(Box::new(Geneve { netns, config, ways: Ways::default() }));
    world.register(id)?;
    if let Ok(space) = world.space_mut(netns) {
        space.stack.tunnels.devices.insert(id);
        space.stack.tunnels.claim(id, port, network);
    }
    fit(world, id, new.tb.u32(IFLA_MTU));
    Ok(())
}

/// Whether there is room for such a device, and what it is like (`geneve_configure`).
fn configure(world: &mut World, netns: NetnsId, id: DeviceId, config: &Config) -> Result {
    let refuse = |errno, sentence| Err(Refusal::said(errno, sentence));
    if config.external && !config.says_nothing() {
        return refuse(
            Errno::EINVAL,
            "Device is externally controlled, so attributes (VNI, Port, and so on) must not be specified",
        );
    }
    let tunnels = &world.space(netns)?.stack.tunnels;
    let others = || tunnels.at_port(config.port).filter_map(|id| state(world, id)).map(|other| &other.config);
    if others().any(|other| other.leads_as(config)) {
        return Err(Errno::EBUSY.into());
    }
    if config.external && others().next().is_some() {
        let sentence = "There can be only one externally controlled device on a destination port";
        return refuse(Errno::EPERM, sentence);
    }
    if !config.external && others().any(|other| other.external) {
        let sentence = "There already exists an externally controlled device on this destination port";
        return refuse(Errno::EPERM, sentence);
    }
    // commit
    let device = &mut world[id];
    device.max_mtu -= config.ip_header();
    if config.bare {
        device.hardware_type = ARPHRD_NONE;
        device.address_length = 0;
        device.flags = IFF_NOARP;
    }
    Ok(())
}

/// Takes the MTU that was asked for, or that of the way to the far end (`geneve_link_config`).
fn fit(world: &mut World, id: DeviceId, asked: Option<u32>) {
    let Some(Geneve { netns, config, .. }) = state(world, id) else { return };
    let mtu = match asked {
        Some(mtu) => mtu,
        None => {
            let Some(way) = way(world, *netns, id, config.remote) else { return };
            let ip = if config.remote.is_ipv4() { 20 } else { 40 };
            match world[way].mtu.checked_sub(ip + HEADERS + ETHERNET) {
                None | Some(0) => return,
                Some(mtu) => mtu,
            }
        }
    };
    let device = &mut world[id];
    device.mtu = mtu.clamp(device.min_mtu, device.max_mtu);
}

/// The link through which packets to the far end leave.
fn way(world: &World, netns: NetnsId, id: DeviceId, remote: IpAddr) -> Option<DeviceId> {
    match remote {
        IpAddr::V4(remote) => Some(route4::outgoing(world, netns, &fib4::Flow::to(remote)).ok()?.device),
        IpAddr::V6(remote) => {
            world[id].inet6.as_ref()?;
            let found = fib6::lookup(world, netns, &fib6::Flow::to(remote), false).ok()?;
            match found.kind {
                RTN_LOCAL | RTN_ANYCAST => route4::loopback(world, netns),
                _ => Some(found.nexthop.device),
            }
        }
    }
}

fn changelink(world: &mut World, id: DeviceId, tb: &Tb<'_>, data: &Tb<'_>) -> Result {
    let old = state(world, id).ok_or(Errno::EOPNOTSUPP)?.config.clone();
    if old.external {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let mut config = old.clone();
    config.apply(data, true)?;
    let moved = config.remote != old.remote;
    if let Some(geneve) = world[id].private_mut::<Geneve>() {
        geneve.config = config;
    }
    if moved {
        fit(world, id, tb.u32(IFLA_MTU));
    }
    Ok(())
}

fn dellink(world: &mut World, id: DeviceId, dying: &mut Vec<DeviceId>) {
    unclaim(world, id);
    dying.push(id);
}

fn unclaim(world: &mut World, id: DeviceId) {
    let Some(Geneve { netns, config, .. }) = state(world, id) else { return };
    let (netns, port, network) = (*netns, config.port, config.network);
    if let Ok(space) = world.space_mut(netns) {
        space.stack.tunnels.devices.remove(&id);
        space.stack.tunnels.unclaim(id, port, network);
    }
}

fn terms() -> Terms {
    Terms { kind: &TYPE, flags: 0, bound: 0 }
}

fn open(world: &mut World, id: DeviceId) -> Result {
    let Some(Geneve { netns, config, .. }) = state(world, id) else { return Ok(()) };
    let (netns, network, terms) = (*netns, config.network, terms());
    for key in config.ports() {
        let socket = crate::host::socket::is_port_taken(world, netns, key);
        let tunnels = &mut world.space_mut(netns)?.stack.tunnels;
        let listening = match socket {
            true => Err(Errno::EADDRINUSE),
            false => tunnels.listen(id, key, terms, std::iter::once(network)),
        };
        if let Err(errno) = listening {
            stop(world, id);
            return Err(errno.into());
        }
    }
    Ok(())
}

fn stop(world: &mut World, id: DeviceId) {
    let Some(Geneve { netns, config, .. }) = state(world, id) else { return };
    let (netns, network, ports) = (*netns, config.network, config.ports());
    let Ok(space) = world.space_mut(netns) else { return };
    for key in ports {
        space.stack.tunnels.hang_up(id, key, &terms(), std::iter::once(network));
    }
}

fn fill(world: &World, id: DeviceId, out: &mut Builder) {
    let Some(Geneve { config, .. }) = state(world, id) else { return };
    out.u32(IFLA_GENEVE_ID, config.network);
    match config.remote {
        _ if config.external => {}
        IpAddr::V4(remote) => {
            out.ipv4(IFLA_GENEVE_REMOTE, remote);
            out.u8(IFLA_GENEVE_UDP_CSUM, u8::from(config.sums));
        }
        IpAddr::V6(remote) => {
            out.ipv6(IFLA_GENEVE_REMOTE6, remote);
            out.u8(IFLA_GENEVE_UDP_ZERO_CSUM6_TX, u8::from(!config.sums));
        }
    }
    out.u8(IFLA_GENEVE_TTL, config.ttl);
    out.u8(IFLA_GENEVE_TOS, config.tos);
    out.put(IFLA_GENEVE_LABEL, &config.label.to_be_bytes());
    out.u8(IFLA_GENEVE_DF, config.df);
    out.u16_be(IFLA_GENEVE_PORT, config.port);
    if config.external {
        out.put(IFLA_GENEVE_COLLECT_METADATA, &[]);
    }
    out.u8(IFLA_GENEVE_UDP_ZERO_CSUM6_RX, u8::from(!config.wants_sums));
    out.u8(IFLA_GENEVE_TTL_INHERIT, u8::from(config.inherits_ttl));
    if config.bare {
        out.put(IFLA_GENEVE_INNER_PROTO_INHERIT, &[]);
    }
}
