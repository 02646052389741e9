//! `bridge`: a learning switch whose ports are other devices (`net/bridge/br_device.c`, `br_if.c`, `br_netlink.c`;
//! IEEE 802.1D and 802.1Q).
//!
//! A bridge keeps a [`Bridge`] as its own, and a [`port::Port`] on each of its ports. It follows its ports: it has a
//! carrier while one of them forwards, their least MTU, and the lowest of their addresses, unless a user set those.
//! What runs where: `frames` forwarding, `hurry` its
//! shortest way, `table` the addresses, `stp` and `bpdu` the spanning tree, `vlans` which tags
//! belong where, `multicast` and `snooping` the groups, `promiscuity` what ports receive, `proxy` what is
//! answered in the place of others; what requests change is in
//! `settings`, `port_settings`, `stp_settings`, `entries`, `vlan_requests`, `vlan_options` and `mdb`, and what is told
//! in `fill`; `timers` names the timers.
//!
//! Left out: rings (MRP), continuity checks (CFM), spanning trees of VLANs (MST),
//! counters of VLANs.

use super::{Event, NewLink, Speed, Type};
use crate::device::{AddressOrigin, Device, DeviceId, Mac, Registration, is_valid_ether_addr};
use crate::fdb::Fdb;
use crate::features::Features;
use crate::few::Few;
use crate::rare::{Rare, Usual};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::kind::{bridge as words, bridge_slave};
use rtnl::message::Refusal;
use rtnl::object::link::{IFF_PROMISC, IFLA_ADDRESS};
use rtnl::table::Tb;
use std::collections::BTreeMap;

mod bpdu;
pub(crate) mod entries;
pub(crate) mod fill;
mod frames;
mod hurry;
pub(crate) mod mdb;
mod multicast;
pub mod port;
mod port_settings;
mod promiscuity;
mod proxy;
mod routers;
mod settings;
mod snooping;
mod stp;
mod stp_settings;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod timers;
pub(crate) mod vlan_options;
pub(crate) mod vlan_requests;
mod vlan_tunnels;
mod vlans;
#[cfg(test)]
mod wire_tests;

pub use vlans::carrier_for_vlan;

/// The type.
pub static TYPE: Type = Type {
    kind: "bridge",
    table: Some(words::KIND.table),
    port_table: Some(bridge_slave::KIND.table),
    setup,
    validate,
    newlink,
    changelink: Some(settings::change),
    dellink: Some(dellink),
    fill: Some(fill::bridge),
    fill_port: Some(fill::port),
    change_port: Some(port_settings::change),
    add_port: Some(port::add),
    del_port: Some(port::remove),
    init: Some(World::init_random_address),
    uninit: Some(release_ports),
    checks_address: false,
    open: Some(stp::open),
    stop: Some(stp::stop),
    set_address: Some(set_address),
    change_mtu: Some(change_mtu),
    change_rx_flags: Some(change_rx_flags),
    timer: Some(timers::go_off),
    speed: Speed::OfPorts,
    transmit: Some(frames::transmit),
    counts_hops: true,
    receive: Some(frames::receive),
    event: Some(port::event),
    ..Type::DEFAULT
};

/// The largest MTU (`ETH_MAX_MTU`).
const MAX_MTU: u32 = 65535;
/// `ETH_P_8021Q`.
const ETH_P_8021Q: u16 = 0x8100;
/// `ETH_P_8021AD`.
const ETH_P_8021AD: u16 = 0x88a8;

/// What a bridge keeps of itself. Times are in hundredths of a second.
pub struct Bridge {
    /// The ports by number.
    ports: BTreeMap<u16, DeviceId>,
    /// The ports in the order in which they came.
    arrivals: Vec<DeviceId>,
    /// Ports that learn, or to which what is unknown is sent.
    auto_ports: usize,
    /// The flags of all ports that have the bridge answer for others.
    proxies: u32,
    /// A user set the MTU.
    mtu_set: bool,
    fdb: Fdb,
    tree: Rare<stp::Tree>,
    /// How long a learned address stays, in force and as it was set.
    ageing_time: u64,
    bridge_ageing_time: u64,
    group_fwd_mask: u16,
    group_address: Mac,
    /// A user set the address to which hellos go.
    group_address_set: bool,
    /// Bits of `IFLA_BR_MULTI_BOOLOPT`.
    options: u32,
    vlan_filtering: bool,
    vlan_protocol: u16,
    default_pvid: u16,
    vlan_stats_enabled: u8,
    vlan_stats_per_port: u8,
    /// The tags that the bridge itself receives.
    vlans: vlans::Members,
    /// Options of each identifier that the bridge or a port has.
    globals: Few<u16, vlan_options::Global>,
    multicast: Rare<Multicast>,
    snooping: Rare<multicast::Snooping>,
    nf_call_iptables: bool,
    nf_call_ip6tables: bool,
    nf_call_arptables: bool,
}

/// Settings of snooping.
#[derive(Clone, Copy)]
struct Multicast {
    router: u8,
    snooping: bool,
    query_use_ifaddr: bool,
    querier: bool,
    stats_enabled: bool,
    hash_max: u32,
    last_member_count: u32,
    startup_query_count: u32,
    igmp_version: u8,
    mld_version: u8,
    last_member_interval: u64,
    membership_interval: u64,
    querier_interval: u64,
    query_interval: u64,
    query_response_interval: u64,
    startup_query_interval: u64,
}

impl Usual for Multicast {
    const USUAL: &'static Multicast = &Multicast {
        router: 1,
        snooping: true,
        query_use_ifaddr: false,
        querier: false,
        stats_enabled: false,
        hash_max: 4096,
        last_member_count: 2,
        startup_query_count: 2,
        igmp_version: 2,
        mld_version: 1,
        last_member_interval: 100,
        membership_interval: 26000,
        querier_interval: 25500,
        query_interval: 12500,
        query_response_interval: 1000,
        startup_query_interval: 3125,
    };
}

impl Default for Multicast {
    fn default() -> Multicast {
        *Multicast::USUAL
    }
}

impl Default for Bridge {
    fn default() -> Bridge {
        Bridge {
            ports: BTreeMap::new(),
            arrivals: Vec::new(),
            auto_ports: 0,
            proxies: 0,
            mtu_set: false,
            fdb: Fdb::default(),
            tree: Rare::default(),
            ageing_time: 30000,
            bridge_ageing_time: 30000,
            group_fwd_mask: 0,
            group_address: [0x01, 0x80, 0xc2, 0, 0, 0],
            group_address_set: false,
            options: 0,
            vlan_filtering: false,
            vlan_protocol: ETH_P_8021Q,
            default_pvid: 1,
            vlan_stats_enabled: 0,
            vlan_stats_per_port: 0,
            vlans: vlans::Members::with_pvid(1),
            globals: Few::default(),
            multicast: Rare::default(),
            snooping: Rare::default(),
            nf_call_iptables: false,
            nf_call_ip6tables: false,
            nf_call_arptables: false,
        }
    }
}

/// Whether a device is a bridge.
pub(crate) fn is_bridge(world: &World, id: DeviceId) -> bool {
    world.get(id).is_some_and(|device| device.private::<Bridge>().is_some())
}

/// The bridge that a device is a port of.
pub(crate) fn bridge_of(world: &World, id: DeviceId) -> Option<DeviceId> {
    port::of_port(world, id).map(|port| port.bridge)
}

/// What a bridge keeps of itself.
///
/// # Panics
/// If the device is no living bridge: setup gives every bridge its state, and ports leave a bridge before it dies.
#[inline]
fn of(world: &World, bridge: DeviceId) -> &Bridge {
    world[bridge].private().expect("setup gave the bridge its state")
}

/// The same, to change.
#[inline]
fn of_mut(world: &mut World, bridge: DeviceId) -> &mut Bridge {
    world[bridge].private_mut().expect("setup gave the bridge its state")
}

/// The ports, the newest first: the order in which Linux walks them.
fn ports(world: &World, bridge: DeviceId) -> Vec<DeviceId> {
    of(world, bridge).arrivals.iter().rev().copied().collect()
}

fn setup(device: &mut Device) {
    device.max_mtu = MAX_MTU;
    device.abilities.no_queue = true;
    device.abilities.netns_local = true;
    device.features = Features::BRIDGE;
    device.private = Some(Box::new(Bridge::default()));
}

fn validate(tb: &Tb<'_>, data: Option<&Tb<'_>>) -> Result<(), Refusal> {
    super::validate_address(tb, data)?;
    let Some(data) = data else { return Ok(()) };
    let protocol = data.u16_be(words::IFLA_BR_VLAN_PROTOCOL);
    if protocol.is_some_and(|protocol| ![ETH_P_8021Q, ETH_P_8021AD].contains(&protocol)) {
        return Err(Errno::EPROTONOSUPPORT.into());
    }
    if data.u16(words::IFLA_BR_VLAN_DEFAULT_PVID).is_some_and(|vid| vid > vlans::LARGEST) {
        return Err(Errno::EINVAL.into());
    }
    Ok(())
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    world.register(new.device)?;
    vlans::init_bridge(world, new.device);
    // A bridge without an address of its own has no identifier until its first port comes.
    if let Some(attr) = new.tb.get(IFLA_ADDRESS) {
        stp::change_address(world, new.device, attr.first());
    }
    settings::change(world, new.device, new.tb, new.data)
}

fn dellink(world: &mut World, bridge: DeviceId, dying: &mut Vec<DeviceId>) {
    release_ports(world, bridge);
    dying.push(bridge);
}

fn release_ports(world: &mut World, bridge: DeviceId) {
    for port in ports(world, bridge) {
        port::release(world, port);
    }
}

fn set_address(world: &mut World, bridge: DeviceId, address: Mac) -> Result<(), Refusal> {
    if !is_valid_ether_addr(&address) {
        return Err(Errno::EADDRNOTAVAIL.into());
    }
    if world[bridge].registration != Registration::Registered {
        return Err(Errno::EBUSY.into());
    }
    if world[bridge].address != address {
        stp::change_address(world, bridge, address);
    }
    Ok(())
}

fn change_mtu(world: &mut World, bridge: DeviceId, mtu: u32) -> Result<(), Refusal> {
    world[bridge].mtu = mtu;
    of_mut(world, bridge).mtu_set = true;
    Ok(())
}

fn change_rx_flags(world: &mut World, bridge: DeviceId, flags: u32) {
    if flags & IFF_PROMISC != 0 {
        promiscuity::manage(world, bridge);
    }
}

/// The lowest address of the ports becomes the bridge's, unless a user chose one; says whether it changed
/// (`br_stp_recalculate_bridge_id`).
fn follow_address(world: &mut World, bridge: DeviceId) -> bool {
    if world[bridge].address_origin == AddressOrigin::Set {
        return false;
    }
    let arrivals = &of(world, bridge).arrivals;
    let lowest = arrivals.iter().map(|port| world[*port].address).min().unwrap_or([0; 6]);
    let changed = of(world, bridge).tree.id.address() != lowest;
    if changed {
        stp::change_address(world, bridge, lowest);
    }
    changed
}

/// The same, and tells of it.
fn follow_address_aloud(world: &mut World, bridge: DeviceId) {
    if follow_address(world, bridge) {
        world.tell(bridge, Event::ChangeAddress);
    }
}

/// The least MTU of the ports becomes the bridge's, unless a user chose one (`br_mtu_auto_adjust`).
fn follow_mtu(world: &mut World, bridge: DeviceId) {
    const WITHOUT_PORTS: u32 = 1500;
    if of(world, bridge).mtu_set {
        return;
    }
    let mtus = of(world, bridge).arrivals.iter().map(|port| world[*port].mtu);
    // The ports are asked from the newest to the oldest, and what came before an MTU of 0 is forgotten.
    let least = mtus.rev().reduce(|least, mtu| if least == 0 || mtu < least { mtu } else { least });
    let least = least.filter(|least| *least != 0).unwrap_or(WITHOUT_PORTS);
    let _ = world.set_mtu(bridge, least);
    of_mut(world, bridge).mtu_set = false;
}

/// The bridge can do what its ports can.
fn follow_features(world: &mut World, bridge: DeviceId) {
    let features = Features::of_bridge(of(world, bridge).arrivals.iter().map(|port| world[*port].features));
    world.update_features(bridge, features);
}

/// The bridge takes segments as large as each of its ports does (`br_set_gso_limits`).
fn follow_segmentation(world: &mut World, bridge: DeviceId) {
    use crate::device::{SEGMENTATION, TSO_MAX_SIZE as LARGEST, segmentation::*};
    let (mut size, mut segments) = (LARGEST, SEGMENTATION[TSO_MAX_SEGS]);
    for port in &of(world, bridge).arrivals {
        size = size.min(world[*port].segmentation[TSO_MAX_SIZE]);
        segments = segments.min(world[*port].segmentation[TSO_MAX_SEGS]);
    }
    let limits = &mut world[bridge].segmentation;
    limits[TSO_MAX_SIZE] = size;
    limits[TSO_MAX_SEGS] = segments;
    limits[GSO_MAX_SIZE] = limits[GSO_MAX_SIZE].min(size);
    limits[GSO_MAX_SEGS] = limits[GSO_MAX_SEGS].min(segments);
}
