//! `team`: several devices as one, as a program decides (`drivers/net/team`).
//!
//! Without a program a team has no mode, and sends nothing. What a program decides it says as options (`options.rs`),
//! over generic netlink (`generic.rs`).

use super::{NewLink, Speed, Type};
use crate::device::{AddressOrigin, Device, DeviceId, Mac, is_valid_ether_addr};
use crate::features::Features;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::link::{ARPHRD_ETHER, IFF_ALLMULTI, IFF_MULTICAST, IFF_PROMISC};

mod balance;
mod mode;
mod options;
mod port;

pub(crate) use options::{Value, list as options, set as set_option};

/// The type.
pub static TYPE: Type = Type {
    kind: "team",
    setup,
    validate: super::validate_address,
    newlink,
    add_port: Some(port::add),
    del_port: Some(port::remove),
    uninit: Some(port::release_all),
    checks_address: false,
    stop: Some(stop),
    set_address: Some(set_address),
    change_mtu: Some(change_mtu),
    change_carrier: Some(change_carrier),
    change_rx_flags: Some(change_rx_flags),
    set_rx_mode: Some(sync_all),
    speed: Speed::Told(speed),
    transmit: Some(mode::transmit),
    receive: Some(mode::receive),
    event: Some(port::event),
    timer: Some(balance::refresh),
    ..Type::DEFAULT
};

/// The largest MTU (`ETH_MAX_MTU`).
const MAX_MTU: u32 = 65535;
/// Queues of a team, of either direction (`TEAM_DEFAULT_NUM_TX_QUEUES`).
const QUEUES: u32 = 16;

/// What a team keeps of itself.
#[derive(Default)]
pub(crate) struct Team {
    /// The ports in the order in which they came.
    ports: Vec<DeviceId>,
    /// Those that the program lets send and receive, by their place.
    enabled: Vec<DeviceId>,
    /// The team itself changes the MTU of its ports; nobody else may.
    changes_mtu: bool,
    /// A user has set the carrier: the ports no longer decide.
    user_carrier: bool,
    mode: Option<mode::Mode>,
    /// Frames that were sent in turn.
    sent: u32,
    /// The one port in use, where only one is.
    active: Option<DeviceId>,
    /// What chooses a port by a hash, in the mode that does.
    balance: Option<Box<balance::Balance>>,
    /// How often neighbours and groups are to be told after a change, and how long apart: kept for programs.
    kept: [u32; 4],
}

/// What a team keeps of itself.
///
/// # Panics
/// If the device is no living team: setup gives every team its state, and ports leave a team before it dies.
fn of(world: &World, team: DeviceId) -> &Team {
    world[team].private().expect("setup gave the team its state")
}

/// The same, to change.
fn of_mut(world: &mut World, team: DeviceId) -> &mut Team {
    world[team].private_mut().expect("setup gave the team its state")
}

fn setup(device: &mut Device) {
    device.max_mtu = MAX_MTU;
    device.flags |= IFF_MULTICAST;
    device.abilities.live_address = true;
    device.abilities.unicast_filter = true;
    device.abilities.no_queue = true;
    device.abilities.netns_local = true;
    device.tx_queues = QUEUES;
    device.rx_queues = QUEUES;
    device.features = Features::of_bond(std::iter::empty());
    device.carrier = false;
    device.private = Some(Box::new(Team::default()));
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    if world[new.device].address_origin != AddressOrigin::Set {
        world[new.device].address = world.random_mac();
        world[new.device].address_origin = AddressOrigin::Random;
    }
    world.register(new.device)
}

fn stop(world: &mut World, team: DeviceId) {
    for id in of(world, team).ports.clone() {
        port::unsync(world, id);
    }
}

/// Ports keep theirs, unless the mode gives them the team's (`team_set_mac_address`).
fn set_address(world: &mut World, team: DeviceId, address: Mac) -> Result<(), Refusal> {
    let device = &mut world[team];
    if device.hardware_type == ARPHRD_ETHER && !is_valid_ether_addr(&address) {
        return Err(Errno::EADDRNOTAVAIL.into());
    }
    let length = usize::from(device.address_length).min(address.len());
    device.address[..length].copy_from_slice(&address[..length]);
    if mode::shares_address(world, team) {
        for id in of(world, team).ports.clone() {
            let _ = world.set_address(id, address);
        }
    }
    Ok(())
}

/// Every port takes the MTU, or none does (`team_change_mtu`).
fn change_mtu(world: &mut World, team: DeviceId, mtu: u32) -> Result<(), Refusal> {
    let (ports, old) = (of(world, team).ports.clone(), world[team].mtu);
    of_mut(world, team).changes_mtu = true;
    let mut outcome = Ok(());
    for (at, id) in ports.iter().enumerate() {
        if let Err(refusal) = world.set_mtu(*id, mtu) {
            for done in &ports[..at] {
                let _ = world.set_mtu(*done, old);
            }
            outcome = Err(Refusal::from(refusal.errno));
            break;
        }
    }
    of_mut(world, team).changes_mtu = false;
    if outcome.is_ok() {
        world[team].mtu = mtu;
    }
    outcome
}

fn change_rx_flags(world: &mut World, team: DeviceId, changed: u32) {
    let flags = world[team].flags;
    for id in of(world, team).ports.clone() {
        if changed & IFF_PROMISC != 0 {
            world.set_promiscuity(id, flags & IFF_PROMISC != 0);
        }
        if changed & IFF_ALLMULTI != 0 {
            world.set_allmulti(id, flags & IFF_ALLMULTI != 0);
        }
    }
}

fn sync_all(world: &mut World, team: DeviceId) {
    for id in of(world, team).ports.clone() {
        port::sync(world, team, id);
    }
}

/// A user's word counts more than what the ports have, from then on (`team_change_carrier`).
fn change_carrier(world: &mut World, team: DeviceId, on: bool) {
    of_mut(world, team).user_carrier = true;
    world.set_carrier(team, on);
}

/// A team has a carrier while one of its ports has a link (`__team_carrier_check`).
fn follow_links(world: &mut World, team: DeviceId) {
    if of(world, team).user_carrier {
        return;
    }
    let linked = |id: &DeviceId| port::of_port(world, *id).is_some_and(|port| port.has_link());
    let on = of(world, team).ports.iter().any(linked);
    world.set_carrier(team, on);
}

/// The team can do what its ports can (`__team_compute_features`).
fn follow_features(world: &mut World, team: DeviceId) {
    let ports = of(world, team).ports.clone();
    let features = Features::of_bond(ports.iter().map(|id| world[*id].features));
    world.update_features(team, features);
}

/// The ports: index, whether each has a link, and its speed.
pub(crate) fn ports(world: &World, team: DeviceId) -> Vec<(u32, bool, Option<u32>)> {
    let told = |id: &DeviceId| {
        let port = port::of_port(world, *id)?;
        Some((world[*id].ifindex, port.has_link(), port.speed))
    };
    of(world, team).ports.iter().filter_map(told).collect()
}

/// The speeds of the ports that send, together (`team_ethtool_get_link_ksettings`).
fn speed(world: &World, team: DeviceId) -> Option<u32> {
    let sending = of(world, team).enabled.iter().filter(|id| port::can_send(world, **id));
    let speed = sending.filter_map(|id| port::of_port(world, *id)?.speed).fold(0, u32::saturating_add);
    Some(speed).filter(|speed| *speed != 0)
}
