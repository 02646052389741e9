//! Ports: how devices become one, what happens to them, how they leave (`net/bridge/br_if.c`, `br.c`).

use super::{Bridge, multicast, of, of_mut, promiscuity, proxy, stp, table, vlan_tunnels, vlans};
use crate::device::{AddressOrigin, DeviceId, Mac, is_valid_ether_addr};
use crate::link::Event;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::kind::bridge_slave::*;
use rtnl::message::Refusal;
use rtnl::object::link::{ARPHRD_ETHER, IFF_LOOPBACK, RTM_DELLINK, RTM_NEWLINK};
use std::collections::BTreeSet;

/// The largest number of a port; 0 is none (`BR_MAX_PORTS`).
const LARGEST: u16 = 1023;

/// What may be on or off at a port, each a bit of [`Port::flags`].
pub(super) mod flag {
    pub(in super::super) const HAIRPIN: u32 = 1 << 0;
    pub(in super::super) const GUARD: u32 = 1 << 1;
    pub(in super::super) const ROOT_BLOCK: u32 = 1 << 2;
    pub(in super::super) const FAST_LEAVE: u32 = 1 << 3;
    pub(in super::super) const LEARNING: u32 = 1 << 4;
    pub(in super::super) const FLOOD: u32 = 1 << 5;
    pub(in super::super) const MCAST_FLOOD: u32 = 1 << 6;
    pub(in super::super) const MCAST_TO_UCAST: u32 = 1 << 7;
    pub(in super::super) const BCAST_FLOOD: u32 = 1 << 8;
    pub(in super::super) const PROXYARP: u32 = 1 << 9;
    pub(in super::super) const PROXYARP_WIFI: u32 = 1 << 10;
    pub(in super::super) const VLAN_TUNNEL: u32 = 1 << 11;
    pub(in super::super) const NEIGH_SUPPRESS: u32 = 1 << 12;
    pub(in super::super) const ISOLATED: u32 = 1 << 13;
    pub(in super::super) const LOCKED: u32 = 1 << 14;
    /// A user set the cost, so that it no longer follows the speed.
    pub(in super::super) const ADMIN_COST: u32 = 1 << 15;
    /// The bridge made the port promiscuous.
    pub(in super::super) const PROMISCUOUS: u32 = 1 << 16;

    /// With one of these the bridge finds out by itself what is behind the port.
    pub(in super::super) const AUTO: u32 = LEARNING | FLOOD;
}

/// `struct bridge_stp_xstats`.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct StpCounters {
    pub(super) blocked: u64,
    pub(super) forwarded: u64,
    pub(super) rx_bpdu: u64,
    pub(super) tx_bpdu: u64,
    pub(super) rx_tcn: u64,
    pub(super) tx_tcn: u64,
}

/// What a bridge keeps of a port, on the port.
pub struct Port {
    /// The bridge.
    pub bridge: DeviceId,
    /// The port's number, from 1.
    pub(super) number: u16,
    pub(super) priority: u8,
    /// Priority and number in one.
    pub(super) id: u16,
    /// `BR_STATE_*`.
    pub(super) state: u8,
    pub(super) cost: u32,
    pub(super) flags: u32,
    /// What the segment's designated bridge says; that is this bridge while nobody says anything better.
    pub(super) designated_root: stp::BridgeId,
    pub(super) designated_bridge: stp::BridgeId,
    pub(super) designated_port: u16,
    pub(super) designated_cost: u32,
    pub(super) topology_change_ack: bool,
    pub(super) config_pending: bool,
    pub(super) group_fwd_mask: u16,
    pub(super) multicast_router: u8,
    pub(super) eht_hosts_limit: u32,
    /// The port that takes over when this one has no carrier.
    pub(super) backup: Option<DeviceId>,
    /// The tags that the port lets through.
    pub(super) vlans: vlans::Members,
    /// Which networks of a tunnel they are.
    pub(super) tunnels: vlan_tunnels::Tunnels,
    /// The bridge's addresses that the port was asked to receive, in place of being promiscuous.
    pub(super) received: BTreeSet<Mac>,
    /// The spanning tree's messages and changes of state.
    pub(super) stp_counters: StpCounters,
    pub(super) multicast: multicast::OfPort,
}

impl Port {
    fn new(bridge: DeviceId, number: u16, cost: u32) -> Port {
        const PRIORITY: u8 = 32;
        Port {
            bridge,
            number,
            priority: PRIORITY,
            id: stp::port_id(PRIORITY, number),
            state: BR_STATE_DISABLED,
            cost,
            flags: flag::LEARNING | flag::FLOOD | flag::MCAST_FLOOD | flag::BCAST_FLOOD,
            designated_root: stp::BridgeId::default(),
            designated_bridge: stp::BridgeId::default(),
            designated_port: 0,
            designated_cost: 0,
            topology_change_ack: false,
            config_pending: false,
            group_fwd_mask: 0,
            multicast_router: 1,
            eht_hosts_limit: 512,
            backup: None,
            vlans: vlans::Members::default(),
            tunnels: vlan_tunnels::Tunnels::default(),
            received: BTreeSet::new(),
            stp_counters: StpCounters::default(),
            multicast: multicast::OfPort::default(),
        }
    }

    pub(super) fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// What a bridge keeps of a port; none if the device is not a port.
#[inline]
pub fn of_port(world: &World, port: DeviceId) -> Option<&Port> {
    world.get(port)?.attached()
}

/// The same, to change.
pub(super) fn of_port_mut(world: &mut World, port: DeviceId) -> Option<&mut Port> {
    world.get_mut(port)?.attached_mut()
}

/// The cost of a path by its speed, as IEEE 802.1D recommends (`port_cost`).
pub(super) fn path_cost(world: &World, port: DeviceId) -> u32 {
    match world.speed(port) {
        Some(10_001..) => 1,
        Some(10_000) => 2,
        Some(5000) => 3,
        Some(2500) => 4,
        Some(1000) => 5,
        Some(100) => 19,
        _ => 100,
    }
}

/// Whether frames pass the device.
pub(super) fn is_operating(world: &World, device: DeviceId) -> bool {
    world[device].is_up() && world[device].is_oper_up()
}

/// Refuses devices that cannot be ports at all.
fn may_join(world: &World, device: DeviceId) -> Result<(), Refusal> {
    let candidate = &world[device];
    let ethernet = candidate.hardware_type == ARPHRD_ETHER && candidate.address_length == 6;
    if candidate.flags & IFF_LOOPBACK != 0 || !ethernet || !is_valid_ether_addr(&candidate.address) {
        return Err(Errno::EINVAL.into());
    }
    if candidate.private::<Bridge>().is_some() {
        return Err(Refusal::said(Errno::ELOOP, "Can not enslave a bridge to a bridge"));
    }
    if candidate.master.is_some() {
        return Err(Errno::EBUSY.into());
    }
    if candidate.abilities.dont_bridge {
        return Err(Refusal::said(Errno::EOPNOTSUPP, "Device does not allow enslaving to a bridge"));
    }
    Ok(())
}

/// Takes a device as a port (`br_add_if`).
pub(super) fn add(world: &mut World, bridge: DeviceId, device: DeviceId) -> Result<(), Refusal> {
    may_join(world, device)?;
    let taken = of(world, bridge).ports.keys();
    let number = taken.zip(1..).find(|(taken, n)| **taken != *n).map(|(_, n)| n);
    let number = number.unwrap_or(of(world, bridge).ports.len() as u16 + 1);
    if number > LARGEST {
        return Err(Errno::EXFULL.into());
    }
    world[device].check_rx_handler()?;
    let port = Port::new(bridge, number, path_cost(world, device));
    world[device].attach(port);
    stp::become_designated(world, device);
    world.set_allmulti(device, true);
    if let Err(refusal) = world.link_upper(device, bridge, true) {
        world.set_allmulti(device, false);
        world[device].detach::<Port>();
        return Err(refusal);
    }
    // commit
    world[device].rx_handler = Some(&super::TYPE);
    of_mut(world, bridge).ports.insert(number, device);
    of_mut(world, bridge).arrivals.push(device);
    promiscuity::count_auto_ports(world, bridge);
    super::follow_features(world, bridge);
    let address = world[device].address;
    table::add_local(world, bridge, number, address, 0);
    if world[bridge].address_origin != AddressOrigin::Set {
        if let Err(refusal) = world.ask(bridge, Event::PreChangeAddress(address)) {
            release(world, device);
            return Err(refusal);
        }
    }
    vlans::init_port(world, device);
    let address_changed = super::follow_address(world, bridge);
    promiscuity::receive_addresses(world, bridge);
    if is_operating(world, device) && world[bridge].is_up() {
        stp::enable_port(world, device);
    }
    super::fill::announce_port(world, device, RTM_NEWLINK);
    if address_changed {
        world.tell(bridge, Event::ChangeAddress);
    }
    super::follow_mtu(world, bridge);
    super::follow_segmentation(world, bridge);
    world.tell(bridge, Event::Ports);
    Ok(())
}

/// Lets a port go, and follows those that are left (`br_del_if`).
pub(super) fn remove(world: &mut World, bridge: DeviceId, device: DeviceId) -> Result<(), Refusal> {
    if of_port(world, device).is_none_or(|port| port.bridge != bridge) {
        return Err(Errno::EINVAL.into());
    }
    release(world, device);
    super::follow_mtu(world, bridge);
    super::follow_segmentation(world, bridge);
    super::follow_address_aloud(world, bridge);
    promiscuity::receive_addresses(world, bridge);
    super::follow_features(world, bridge);
    world.tell(bridge, Event::Ports);
    Ok(())
}

/// Takes everything of the bridge from a port (`del_nbp`).
pub(super) fn release(world: &mut World, device: DeviceId) {
    let Some(port) = of_port(world, device) else { return };
    let (bridge, number) = (port.bridge, port.number);
    promiscuity::end(world, device);
    stp::disable_port(world, device);
    super::fill::announce_port(world, device, RTM_DELLINK);
    let state = of_mut(world, bridge);
    state.ports.remove(&number);
    state.arrivals.retain(|port| *port != device);
    for other in super::ports(world, bridge) {
        if let Some(port) = of_port_mut(world, other).filter(|port| port.backup == Some(device)) {
            port.backup = None;
        }
    }
    promiscuity::count_auto_ports(world, bridge);
    proxy::note_ports(world, bridge);
    vlans::end_port(world, device);
    table::forget_port(world, bridge, number);
    multicast::forget_port(world, device);
    world[device].detach::<Port>();
    world[device].rx_handler = None;
    world.unlink_upper(device, bridge);
}

/// What happens to a port (`br_device_event`).
pub(super) fn event(world: &mut World, device: DeviceId, event: Event) -> Result<(), Refusal> {
    let Some(bridge) = of_port(world, device).map(|port| port.bridge) else { return Ok(()) };
    let mut announced = false;
    match event {
        Event::ChangeMtu => super::follow_mtu(world, bridge),
        Event::ChangeFeatures => super::follow_features(world, bridge),
        Event::ReportGroups => world.tell(bridge, event),
        // A port's hardware stays as it is.
        Event::PreChangeType => return Err(Errno::EBUSY.into()),
        Event::PreChangeAddress(_) if world[bridge].address_origin != AddressOrigin::Set => {
            world.ask(bridge, event)?;
        }
        Event::ChangeAddress => {
            table::change_of_port(world, device);
            super::follow_address_aloud(world, bridge);
            promiscuity::receive_addresses(world, bridge);
        }
        Event::Change => announced = check_carrier(world, device),
        Event::Down if world[bridge].is_up() => {
            stp::disable_port(world, device);
            announced = true;
        }
        Event::Up if world[bridge].is_up() && world[device].is_oper_up() => {
            stp::enable_port(world, device);
            announced = true;
        }
        Event::Unregister => return remove(world, bridge, device),
        _ => {}
    }
    if matches!(event, Event::Change | Event::Down | Event::Up) {
        world.tell(bridge, Event::Ports);
    }
    let concerns_tree = matches!(event, Event::ChangeAddress | Event::Change | Event::Down | Event::Up);
    if concerns_tree && !announced {
        super::fill::announce_port(world, device, RTM_NEWLINK);
    }
    Ok(())
}

/// Brings a port in or out as its carrier comes and goes; says whether it did (`br_port_carrier_check`).
fn check_carrier(world: &mut World, device: DeviceId) -> bool {
    let operating = is_operating(world, device);
    if operating && of_port(world, device).is_some_and(|port| !port.has(flag::ADMIN_COST)) {
        let cost = path_cost(world, device);
        of_port_mut(world, device).into_iter().for_each(|port| port.cost = cost);
    }
    let Some(port) = of_port(world, device) else { return false };
    let (bridge, disabled) = (port.bridge, port.state == BR_STATE_DISABLED);
    if !world[bridge].is_up() || operating != disabled {
        return false;
    }
    if operating {
        stp::enable_port(world, device);
    } else {
        stp::disable_port(world, device);
    }
    true
}
