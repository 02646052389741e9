//! `vxlan`: Ethernet frames in UDP, over a network of its own number (RFC 7348, `drivers/net/vxlan/vxlan_core.c`).
//!
//! A vxlan belongs to two namespaces: the one it is in, and the one in which it was made, where its packets travel
//! for good (`host::tunnel`). Its table says behind which far end an address is; addresses are learned from what
//! comes in. An entry for the address of zeroes names the far ends of everything whose address is not known.
//!
//! * `config`: the settings, and what is refused;
//! * `table`, `near`: addresses and far ends; `entries`: requests about them, and word of them;
//! * `networks`: those that a device of many takes;
//! * `transmit`, `receive`: frames out and in; `external`: out as a route says; `answer`: what it answers in the name of
//!   others.
//!
//! **Left out**: checksums that cover only what is outside (`remcsumtx`), and marks of a group.

mod answer;
mod config;
mod entries;
mod external;
mod near;
pub(crate) mod networks;
mod receive;
mod table;
mod transmit;

use super::{Event, NewLink, Speed, Type};
use crate::device::{Device, DeviceId};
use crate::features::Features;
use crate::host::domain;
use crate::host::tunnel::send::Ways;
use crate::host::tunnel::{self, PortKey, Terms};
use crate::netns::NetnsId;
use crate::timer::TimerId;
use crate::world::World;
use config::{Config, LARGEST_MTU, LEAST_MTU};
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::kind::vxlan::*;
use rtnl::message::{NLM_F_APPEND, NLM_F_CREATE, Refusal};
use rtnl::object::link::{ARPHRD_NONE, IFF_MULTICAST, IFF_NOARP, IFF_POINTOPOINT, IFLA_MTU};
use rtnl::object::neigh::{NTF_SELF, NUD_PERMANENT, NUD_REACHABLE};
use rtnl::table::Tb;
use std::net::IpAddr;
use table::{Remote, Table};

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

/// The timer that clears old addresses away.
const AGE: TimerId = 0;
/// Microseconds between two clearings at most.
const CLEARING: u64 = 10_000_000;
const SECOND: u64 = 1_000_000;

/// What is set or not (`VXLAN_F_*`).
mod flag {
    pub(super) const LEARN: u32 = 1;
    pub(super) const PROXY: u32 = 1 << 1;
    pub(super) const RSC: u32 = 1 << 2;
    pub(super) const L2MISS: u32 = 1 << 3;
    pub(super) const L3MISS: u32 = 1 << 4;
    pub(super) const IPV6: u32 = 1 << 5;
    pub(super) const ZERO_SUM_TX: u32 = 1 << 6;
    pub(super) const ZERO_SUM6_TX: u32 = 1 << 7;
    pub(super) const ZERO_SUM6_RX: u32 = 1 << 8;
    pub(super) const REMOTE_SUM_TX: u32 = 1 << 9;
    pub(super) const REMOTE_SUM_RX: u32 = 1 << 10;
    pub(super) const GBP: u32 = 1 << 11;
    pub(super) const REMOTE_SUM_WHOLE: u32 = 1 << 12;
    pub(super) const EXTERNAL: u32 = 1 << 13;
    pub(super) const GPE: u32 = 1 << 14;
    pub(super) const LINK_LOCAL: u32 = 1 << 15;
    pub(super) const TTL_INHERIT: u32 = 1 << 16;
    pub(super) const FILTER: u32 = 1 << 17;
    /// What decides how packets are received.
    pub(super) const RECEIVING: u32 =
        GBP | GPE | ZERO_SUM6_RX | REMOTE_SUM_RX | REMOTE_SUM_WHOLE | EXTERNAL | FILTER;
}

/// The type.
pub static TYPE: Type = Type {
    kind: "vxlan",
    table: Some(KIND.table),
    setup,
    validate: config::validate,
    newlink,
    changelink: Some(changelink),
    dellink: Some(dellink),
    fill: Some(fill),
    link_netns: Some(|world, id| state(world, id).map_or(world[id].netns, |vxlan| vxlan.netns)),
    iflink: Some(|world, id| world[id].ifindex),
    init: Some(World::init_random_address),
    uninit: Some(uninit),
    open: Some(open),
    stop: Some(stop),
    change_mtu: Some(change_mtu),
    timer: Some(|world, id, _| clear(world, id)),
    speed: Speed::OfLower,
    addresses: Some(&entries::ADDRESSES),
    transmit: Some(transmit::transmit),
    counts_hops: true,
    datagrams: Some(receive::receive),
    event: Some(event),
    ..Type::DEFAULT
};

/// What a vxlan keeps of itself.
struct Vxlan {
    /// The namespace in which its packets travel.
    netns: NetnsId,
    config: Config,
    /// The index of the master of the routing domain in which it listens since it went up; 0: in none.
    domain: u32,
    table: Table,
    /// The networks that it takes, if it is one of many.
    many: networks::Networks,
    /// Ways to far ends.
    ways: Ways,
}

fn state(world: &World, id: DeviceId) -> Option<&Vxlan> {
    world.get(id)?.private()
}

fn state_mut(world: &mut World, id: DeviceId) -> Option<&mut Vxlan> {
    world.get_mut(id)?.private_mut()
}

impl Vxlan {
    fn is_external(&self) -> bool {
        self.config.has(flag::EXTERNAL)
    }

    /// The networks for which it claims and listens.
    fn networks(&self) -> Vec<u32> {
        if self.config.has(flag::FILTER) {
            self.many.keys().copied().collect()
        } else {
            vec![self.config.network]
        }
    }

    /// The ports at which it listens: one of its family, or both if where packets go is decided outside.
    fn ports(&self) -> Vec<PortKey> {
        let (v6, port) = (self.config.remote.is_ipv6(), self.config.port);
        if self.is_external() { vec![(true, port), (false, port)] } else { vec![(v6, port)] }
    }

    fn terms(&self) -> Terms {
        Terms { kind: &TYPE, flags: self.config.receiving(), bound: self.domain }
    }

    /// The entry's far end that the settings name.
    fn default_remote(&self) -> Remote {
        let Config { remote, port, network, lower, .. } = self.config;
        Remote { address: remote, port, network, ifindex: lower }
    }
}

/// Bytes that encapsulation adds (`vxlan_headroom`).
fn overhead(config: &Config) -> u32 {
    overhead_over(config, config.has(flag::IPV6))
}

/// The same over IPv4 or IPv6.
fn overhead_over(config: &Config, v6: bool) -> u32 {
    let ip = if v6 { 40 } else { 20 };
    let ethernet = if config.has(flag::GPE) { 0 } else { 14 };
    ip + 8 + 8 + ethernet
}

/// Whether another vxlan of a namespace has such settings for a network (`vxlan_vni_in_use`).
fn in_use(world: &World, netns: NetnsId, own: Option<DeviceId>, config: &Config, network: u32) -> bool {
    let Ok(space) = world.space(netns) else { return false };
    let claimants = space.stack.tunnels.claimants(config.port, network);
    claimants.iter().filter(|id| Some(**id) != own).filter_map(|id| state(world, *id)).any(|other| {
        let alike = flag::RECEIVING | flag::IPV6;
        let elsewhere = config.has(flag::LINK_LOCAL) && other.config.lower != config.lower;
        (other.config.flags ^ config.flags) & alike == 0 && !elsewhere
    })
}

fn setup(device: &mut Device) {
    device.abilities.no_queue = true;
    device.abilities.proto_down = true;
    device.features = Features::USUAL;
    device.min_mtu = LEAST_MTU;
    device.max_mtu = LARGEST_MTU;
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result {
    let (id, netns) = (new.device, new.source);
    let (config, lower) = Config::read(world, netns, new.tb, new.data)?;
    let device = &mut world[id];
    if config.has(flag::GPE) {
        device.hardware_type = ARPHRD_NONE;
        device.address_length = 0;
        device.flags = IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST;
    } else {
        device.abilities.live_address = true;
    }
    fit_to_lower(world, id, &config, lower, !new.tb.has(IFLA_MTU));
    let (table, many, ways) = (Table::default(), networks::Networks::new(), Ways::default());
    world[id].private = Some(Box::new(Vxlan { netns, config, domain: 0, table, many, ways }));
    world.register(id)?;
    if let Some(lower) = lower {
        world.link_upper(lower, id, false)?;
    }
    // From here on clients hear of it.
    world[id].introduced = true;
    let flags = world[id].flags;
    world.notify_flags(id, flags, u32::MAX);
    let Some(vxlan) = state(world, id) else { return Ok(()) };
    let (remote, network) = (vxlan.default_remote(), vxlan.config.network);
    if !remote.address.is_unspecified() {
        let (state, mode) = (NUD_REACHABLE | NUD_PERMANENT, NLM_F_CREATE);
        let wanted =
            entries::Wanted { mac: [0; 6], source: network, state, flags: NTF_SELF, mode, by_user: false };
        entries::update(world, id, &wanted, remote)?;
    }
    claim(world, id);
    Ok(())
}

fn claim(world: &mut World, id: DeviceId) {
    let Some(vxlan) = state(world, id) else { return };
    let (netns, port, networks) = (vxlan.netns, vxlan.config.port, vxlan.networks());
    if let Ok(space) = world.space_mut(netns) {
        let tunnels = &mut space.stack.tunnels;
        tunnels.devices.insert(id);
        networks.into_iter().for_each(|network| tunnels.claim(id, port, network));
    }
}

fn unclaim(world: &mut World, id: DeviceId) {
    let Some(vxlan) = state(world, id) else { return };
    let (netns, port, networks) = (vxlan.netns, vxlan.config.port, vxlan.networks());
    if let Ok(space) = world.space_mut(netns) {
        let tunnels = &mut space.stack.tunnels;
        tunnels.devices.remove(&id);
        networks.into_iter().for_each(|network| tunnels.unclaim(id, port, network));
    }
}

/// Takes over from the link below what it allows (the second half of `vxlan_config_apply`).
fn fit_to_lower(world: &mut World, id: DeviceId, config: &Config, lower: Option<DeviceId>, free: bool) {
    let mut largest = LARGEST_MTU;
    if let Some(lower) = lower {
        let (mtu, limits) = (world[lower].mtu, world[lower].tso_limits());
        largest = mtu.saturating_sub(overhead(config)).max(LEAST_MTU);
        world[id].inherit_tso(limits);
        if free {
            world[id].mtu = largest;
        }
    }
    let device = &mut world[id];
    device.mtu = device.mtu.min(largest);
}

fn changelink(world: &mut World, id: DeviceId, tb: &Tb<'_>, data: &Tb<'_>) -> Result {
    let vxlan = state(world, id).ok_or(Errno::EOPNOTSUPP)?;
    let (netns, old) = (vxlan.netns, vxlan.config.clone());
    let (config, lower) = old.change(world, (netns, id), tb, data)?;
    let present = world.by_index(netns, old.lower).filter(|_| old.lower != 0);
    let fresh = lower.filter(|lower| Some(*lower) != present);
    if let Some(fresh) = fresh {
        world.link_upper(fresh, id, false)?;
    }
    let moved = config.remote != old.remote;
    if moved {
        let changed = change_default(world, id, &old, &config);
        if let Err(refusal) = changed.and_then(|()| networks::follow(world, id, &old, &config)) {
            fresh.into_iter().for_each(|fresh| world.unlink_upper(fresh, id));
            return Err(refusal);
        }
    }
    let rejoins = world[id].is_up() && (moved || config.lower != old.lower);
    if rejoins && old.remote.is_multicast() {
        leave_group(world, id);
    }
    if config.ageing != old.ageing {
        world.set_timer(id, AGE, 0);
    }
    if let Some(present) = present.filter(|_| fresh.is_some()) {
        world.unlink_upper(present, id);
    }
    fit_to_lower(world, id, &config, fresh, false);
    if let Some(vxlan) = state_mut(world, id) {
        vxlan.config = config;
    }
    if rejoins {
        join_group(world, id)?;
    }
    Ok(())
}

/// The far end of what is not known changes in the table as well.
fn change_default(world: &mut World, id: DeviceId, old: &Config, config: &Config) -> Result {
    let network = config.network;
    if !config.remote.is_unspecified() {
        let (state, mode) = (NUD_REACHABLE | NUD_PERMANENT, NLM_F_APPEND | NLM_F_CREATE);
        let wanted =
            entries::Wanted { mac: [0; 6], source: network, state, flags: NTF_SELF, mode, by_user: false };
        let (address, port) = (config.remote, old.port);
        entries::update(world, id, &wanted, Remote { address, port, network, ifindex: config.lower })?;
    }
    if !old.remote.is_unspecified() {
        let (address, port) = (old.remote, old.port);
        let _ = entries::remove(
            world,
            id,
            &[0; 6],
            network,
            &Remote { address, port, network, ifindex: old.lower },
        );
    }
    Ok(())
}

/// It dies, and before that its table (`vxlan_dellink`); only the default entry stays to the end.
fn dellink(world: &mut World, id: DeviceId, dying: &mut Vec<DeviceId>) {
    entries::flush(world, id, true);
    unclaim(world, id);
    let Some(vxlan) = state(world, id) else { return };
    let (netns, lower) = (vxlan.netns, vxlan.config.lower);
    if let Some(lower) = world.by_index(netns, lower).filter(|_| lower != 0) {
        world.unlink_upper(lower, id);
    }
    dying.push(id);
}

fn uninit(world: &mut World, id: DeviceId) {
    unclaim(world, id);
    networks::end(world, id);
    if let Some(network) = state(world, id).map(|vxlan| vxlan.config.network) {
        entries::remove_entry(world, id, &[0; 6], network);
    }
}

// Up and down.

fn open(world: &mut World, id: DeviceId) -> Result {
    listen(world, id)?;
    if let Err(refusal) = join_group(world, id).and_then(|()| networks::join_all(world, id)) {
        hang_up(world, id);
        return Err(refusal);
    }
    if state(world, id).is_some_and(|vxlan| vxlan.config.ageing != 0) {
        world.set_timer(id, AGE, CLEARING);
    }
    Ok(())
}

fn stop(world: &mut World, id: DeviceId) {
    leave_group(world, id);
    networks::leave_all(world, id);
    world.cancel_timer(id, AGE);
    entries::flush(world, id, false);
    hang_up(world, id);
}

fn listen(world: &mut World, id: DeviceId) -> Result {
    let Some(vxlan) = state(world, id) else { return Ok(()) };
    let (netns, lower) = (vxlan.netns, vxlan.config.lower);
    let lower = world.by_index(netns, lower).filter(|_| lower != 0);
    let domain =
        lower.and_then(|lower| domain::above(world, lower)).map_or(0, |master| world[master].ifindex);
    let Some(vxlan) = state_mut(world, id) else { return Ok(()) };
    vxlan.domain = domain;
    let networks = vxlan.networks();
    let terms = vxlan.terms();
    for key in vxlan.ports() {
        let socket = crate::host::socket::is_port_taken(world, netns, key);
        let tunnels = &mut world.space_mut(netns)?.stack.tunnels;
        let listening = match socket {
            true => Err(Errno::EADDRINUSE),
            false => tunnels.listen(id, key, terms, networks.iter().copied()),
        };
        if let Err(errno) = listening {
            hang_up(world, id);
            return Err(errno.into());
        }
    }
    Ok(())
}

fn hang_up(world: &mut World, id: DeviceId) {
    let Some(vxlan) = state(world, id) else { return };
    let (netns, terms, ports, networks) = (vxlan.netns, vxlan.terms(), vxlan.ports(), vxlan.networks());
    let Ok(space) = world.space_mut(netns) else { return };
    for key in ports {
        space.stack.tunnels.hang_up(id, key, &terms, networks.iter().copied());
    }
}

/// The group that it is to hear, if any: where, and which.
fn group(vxlan: &Vxlan) -> Option<(PortKey, (IpAddr, u32))> {
    let Config { remote, lower, port, .. } = vxlan.config;
    remote.is_multicast().then_some(((remote.is_ipv6(), port), (remote, lower)))
}

fn join_group(world: &mut World, id: DeviceId) -> Result {
    let Some(vxlan) = state(world, id) else { return Ok(()) };
    let (netns, terms) = (vxlan.netns, vxlan.terms());
    if let Some((key, group)) = group(vxlan) {
        tunnel::join(world, netns, id, (key, &terms), group)?;
    }
    Ok(())
}

fn leave_group(world: &mut World, id: DeviceId) {
    let Some(vxlan) = state(world, id) else { return };
    let (netns, terms) = (vxlan.netns, vxlan.terms());
    if let Some((key, group)) = group(vxlan) {
        tunnel::leave(world, netns, id, (key, &terms), group);
    }
}

fn change_mtu(world: &mut World, id: DeviceId, mtu: u32) -> Result {
    let Some(vxlan) = state(world, id) else { return Ok(()) };
    let lower = world.by_index(vxlan.netns, vxlan.config.lower);
    if lower.is_some_and(|lower| mtu > world[lower].mtu.saturating_sub(overhead(&vxlan.config))) {
        return Err(Errno::EINVAL.into());
    }
    world[id].mtu = mtu;
    Ok(())
}

/// Clears away what was not used for too long (`vxlan_cleanup`).
fn clear(world: &mut World, id: DeviceId) {
    let Some(vxlan) = state(world, id).filter(|_| world[id].is_up()) else { return };
    let now = world.now.0;
    let span = u64::from(vxlan.config.ageing) * SECOND;
    let mut next = now + CLEARING;
    let mut old = Vec::new();
    for (key, _, used) in vxlan.table.iter().filter(|(_, entry, _)| entry.ages()) {
        let end = used.0.saturating_add(span);
        if end <= now {
            old.push(*key);
        } else {
            next = next.min(end);
        }
    }
    for key in old {
        entries::age(world, id, key);
    }
    world.set_timer(id, AGE, next - now);
}

/// A link goes: the vxlans that send through it go with it.
fn event(world: &mut World, below: DeviceId, event: Event) -> Result {
    if event != Event::Unregister || world[below].stack.uppers.is_empty() {
        return Ok(());
    }
    let (netns, ifindex) = (world[below].netns, world[below].ifindex);
    let stands = |id: &DeviceId| {
        state(world, *id).is_some_and(|vxlan| vxlan.netns == netns && vxlan.config.lower == ifindex)
    };
    let above: Vec<DeviceId> = world[below].stack.uppers.keys().copied().filter(stands).collect();
    let mut dying = Vec::new();
    above.into_iter().for_each(|id| dellink(world, id, &mut dying));
    world.unregister(&dying);
    Ok(())
}

fn fill(world: &World, id: DeviceId, out: &mut Builder) {
    let Some(Vxlan { config, .. }) = state(world, id) else { return };
    let address = |out: &mut Builder, address: IpAddr, inet, inet6| match address {
        address if address.is_unspecified() => {}
        IpAddr::V4(address) => out.ipv4(inet, address),
        IpAddr::V6(address) => out.ipv6(inet6, address),
    };
    let bit = |flag| u8::from(config.has(flag));
    out.u32(IFLA_VXLAN_ID, config.network);
    address(out, config.remote, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6);
    if config.lower != 0 {
        out.u32(IFLA_VXLAN_LINK, config.lower);
    }
    address(out, config.local, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6);
    out.u8(IFLA_VXLAN_TTL, config.ttl);
    out.u8(IFLA_VXLAN_TTL_INHERIT, bit(flag::TTL_INHERIT));
    out.u8(IFLA_VXLAN_TOS, config.tos);
    out.u8(IFLA_VXLAN_DF, config.df);
    out.put(IFLA_VXLAN_LABEL, &config.label.to_be_bytes());
    let switches = [
        (IFLA_VXLAN_LEARNING, flag::LEARN),
        (IFLA_VXLAN_PROXY, flag::PROXY),
        (IFLA_VXLAN_RSC, flag::RSC),
        (IFLA_VXLAN_L2MISS, flag::L2MISS),
        (IFLA_VXLAN_L3MISS, flag::L3MISS),
        (IFLA_VXLAN_COLLECT_METADATA, flag::EXTERNAL),
    ];
    switches.iter().for_each(|(number, flag)| out.u8(*number, bit(*flag)));
    out.u32(IFLA_VXLAN_AGEING, config.ageing);
    out.u32(IFLA_VXLAN_LIMIT, config.limit);
    out.u16_be(IFLA_VXLAN_PORT, config.port);
    out.u8(IFLA_VXLAN_UDP_CSUM, 1 - bit(flag::ZERO_SUM_TX));
    let switches = [
        (IFLA_VXLAN_UDP_ZERO_CSUM6_TX, flag::ZERO_SUM6_TX),
        (IFLA_VXLAN_UDP_ZERO_CSUM6_RX, flag::ZERO_SUM6_RX),
        (IFLA_VXLAN_REMCSUM_TX, flag::REMOTE_SUM_TX),
        (IFLA_VXLAN_REMCSUM_RX, flag::REMOTE_SUM_RX),
    ];
    switches.iter().for_each(|(number, flag)| out.u8(*number, bit(*flag)));
    let (least, most) = (config.ports.0.to_be_bytes(), config.ports.1.to_be_bytes());
    out.put(IFLA_VXLAN_PORT_RANGE, &[least[0], least[1], most[0], most[1]]);
    let flags = [
        (IFLA_VXLAN_GBP, flag::GBP),
        (IFLA_VXLAN_GPE, flag::GPE),
        (IFLA_VXLAN_REMCSUM_NOPARTIAL, flag::REMOTE_SUM_WHOLE),
    ];
    flags.iter().filter(|(_, flag)| config.has(*flag)).for_each(|(number, _)| out.put(*number, &[]));
    if config.has(flag::FILTER) {
        out.u8(IFLA_VXLAN_VNIFILTER, 1);
    }
}
