//! `ipvlan`: further devices on one lower device that share its address and are told apart by their IP addresses
//! (`drivers/net/ipvlan`).
//!
//! What a device keeps of the ipvlans on it is a [`Port`]; it takes the device's frames, so nothing else may. Mode and
//! flags are the port's: a change on one ipvlan is a change for all. An ipvlan on an ipvlan stands on the other's
//! lower device. No two ipvlans of a port have the same IP address. `ipvtap` is the same with a character device on
//! top.

pub(super) mod frames;

use super::{Event, NewLink, Type};
use crate::device::{Device, DeviceId, Registration};
use crate::features::Features;
use crate::few::Few;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::kind::ipvlan::*;
use rtnl::message::Refusal;
use rtnl::object::link::{ARPHRD_ETHER, IFF_ALLMULTI, IFF_LOOPBACK, IFF_NOARP, IFLA_LINK, IFLA_MTU};
use rtnl::table::Tb;
use std::net::IpAddr;

/// One more than the largest number that tells the devices of a port apart.
const NUMBERS: u16 = 0xfffe;

/// The type.
pub static TYPE: Type = Type {
    kind: "ipvlan",
    table: Some(KIND.table),
    setup: |device| {
        setup(device);
        device.abilities.no_queue = true;
    },
    validate,
    newlink,
    changelink: Some(changelink),
    dellink: Some(dellink),
    fill: Some(fill),
    link_netns: Some(|world, id| lower(world, id).map_or(world[id].netns, |lower| world[lower].netns)),
    iflink: Some(|world, id| lower(world, id).map_or(0, |lower| world[lower].ifindex)),
    init: Some(init),
    uninit: Some(uninit),
    checks_address: false,
    open: Some(open),
    stop: Some(stop),
    set_address: None,
    change_rx_flags: Some(change_rx_flags),
    set_rx_mode: Some(|world, id| {
        if let Some(below) = lower(world, id) {
            world.sync_unicast(id, below);
        }
    }),
    transmit: Some(frames::transmit),
    receive: Some(frames::receive),
    claim: Some(frames::claim),
    event: Some(event),
    speed: super::Speed::OfLower,
    ..Type::DEFAULT
};

/// What an ipvlan keeps of itself.
struct Ipvlan {
    /// The device that it stands on.
    lower: DeviceId,
    /// Its place among its siblings; none until it stands there.
    place: Option<u64>,
}

/// What a device keeps of the ipvlans on it.
pub(super) struct Port {
    /// `IPVLAN_MODE_*`.
    pub mode: u16,
    /// `IPVLAN_F_*`.
    pub flags: u16,
    /// How many there are, those among them that are just being made.
    count: u32,
    members: Few<u64, DeviceId>,
    places: u64,
    /// The numbers that are taken, and the one from which on the next is looked for.
    numbers: Few<u16, ()>,
    next_number: u16,
    /// Their IP addresses.
    pub addresses: Few<IpAddr, DeviceId>,
}

fn state(world: &World, id: DeviceId) -> Option<&Ipvlan> {
    world.get(id)?.private()
}

/// The device that an ipvlan stands on.
pub(super) fn lower(world: &World, id: DeviceId) -> Option<DeviceId> {
    state(world, id).map(|own| own.lower).filter(|lower| world.get(*lower).is_some())
}

pub(super) fn port(world: &World, lower: DeviceId) -> Option<&Port> {
    world.get(lower)?.attached()
}

fn port_mut(world: &mut World, lower: DeviceId) -> Option<&mut Port> {
    world.get_mut(lower)?.attached_mut()
}

/// What ipvlan and ipvtap have in common.
pub(super) fn setup(device: &mut Device) {
    device.max_mtu = 65535;
    device.abilities.unicast_filter = true;
    device.abilities.vlan_challenged = true;
}

fn validate(_: &Tb<'_>, data: Option<&Tb<'_>>) -> Result<(), Refusal> {
    let Some(data) = data else { return Ok(()) };
    let flags = data.u16(IFLA_IPVLAN_FLAGS).unwrap_or(0);
    let known = flags & !(IPVLAN_F_PRIVATE | IPVLAN_F_VEPA) == 0;
    let one = flags != IPVLAN_F_PRIVATE | IPVLAN_F_VEPA;
    let mode = data.u16(IFLA_IPVLAN_MODE).unwrap_or(IPVLAN_MODE_L3);
    if known && one && mode <= IPVLAN_MODE_L3S { Ok(()) } else { Err(Errno::EINVAL.into()) }
}

pub(super) fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    let link = new.tb.u32(IFLA_LINK).ok_or(Errno::EINVAL)?;
    let named = world.by_index(new.source, link).ok_or(Errno::ENODEV)?;
    let below = lower(world, named).unwrap_or(named);
    if port(world, below).is_none() {
        if world[below].hardware_type != ARPHRD_ETHER || world[below].flags & IFF_LOOPBACK != 0 {
            return Err(Errno::EINVAL.into());
        }
        if world[below].rx_handler.is_some() {
            return Err(Errno::EBUSY.into());
        }
    }
    let (address, mtu) = (world[below].address, world[below].mtu);
    let device = &mut world[new.device];
    if !new.tb.has(IFLA_MTU) {
        device.mtu = mtu;
    }
    device.address = address;
    device.abilities.no_rx_handler = true;
    device.private = Some(Box::new(Ipvlan { lower: below, place: None }));
    world.register(new.device)?;
    join_port(world, new, below)
}

/// Makes the registered ipvlan one of the port's. Its own NOARP comes with its first up.
fn join_port(world: &mut World, new: &NewLink<'_>, below: DeviceId) -> Result<(), Refusal> {
    let port = port_mut(world, below).ok_or(Errno::ENODEV)?;
    let number = port.take_number().ok_or(Errno::ENOSPC)?;
    world[new.device].dev_id = number;
    if let Err(refusal) = world.link_upper(below, new.device, false) {
        free_number(world, below, new.device);
        return Err(refusal);
    }
    if let Some((port, flags)) = port_mut(world, below).zip(new.data.u16(IFLA_IPVLAN_FLAGS)) {
        port.flags = flags;
    }
    set_mode(world, below, new.data.u16(IFLA_IPVLAN_MODE).unwrap_or(IPVLAN_MODE_L3))?;
    if let Some(port) = port_mut(world, below) {
        let place = port.places;
        port.places += 1;
        port.members.insert(place, new.device);
        if let Some(own) = world[new.device].private_mut::<Ipvlan>() {
            own.place = Some(place);
        }
    }
    world.transfer_state(below, new.device);
    Ok(())
}

impl Port {
    /// The next number that nobody has, from the last one on.
    fn take_number(&mut self) -> Option<u16> {
        if self.next_number == NUMBERS {
            self.next_number = 1;
        }
        let mut candidates = (self.next_number..NUMBERS).chain(1..self.next_number);
        let number = candidates.find(|number| !self.numbers.contains_key(number))?;
        self.numbers.insert(number, ());
        self.next_number = number + 1;
        Some(number)
    }

    /// An ipvlan has an IP address no longer.
    fn forget(&mut self, address: &IpAddr, id: DeviceId) {
        if self.addresses.get(address) == Some(&id) {
            self.addresses.remove(address);
        }
    }
}

fn free_number(world: &mut World, below: DeviceId, id: DeviceId) {
    let number = world[id].dev_id;
    if let Some(port) = port_mut(world, below) {
        port.numbers.remove(&number);
    }
}

pub(super) fn init(world: &mut World, id: DeviceId) -> Result<(), Refusal> {
    let below = lower(world, id).ok_or(Errno::ENODEV)?;
    let (carrier, dormant) = (world[below].carrier, world[below].dormant);
    let segmentation = world[below].tso_limits();
    let features = Features::of_macvlan(world[below].features);
    let device = &mut world[id];
    device.carrier = carrier;
    device.dormant = dormant;
    device.inherit_tso(segmentation);
    device.features = features;
    if port(world, below).is_none() {
        world[below].check_rx_handler()?;
        world[below].rx_handler = Some(&TYPE);
        world[below].attach(Port {
            mode: IPVLAN_MODE_L3,
            flags: 0,
            count: 0,
            members: Few::NEW,
            places: 0,
            numbers: Few::NEW,
            next_number: 1,
            addresses: Few::NEW,
        });
    }
    if let Some(port) = port_mut(world, below) {
        port.count += 1;
    }
    Ok(())
}

pub(super) fn uninit(world: &mut World, id: DeviceId) {
    let Some(below) = lower(world, id) else { return };
    let Some(port) = port_mut(world, below) else { return };
    port.count = port.count.saturating_sub(1);
    if port.count == 0 {
        world[below].rx_handler = None;
        world[below].detach::<Port>();
    }
}

/// Changes the port's mode: layer 3 knows no neighbours.
fn set_mode(world: &mut World, below: DeviceId, mode: u16) -> Result<(), Refusal> {
    let Some(port) = port(world, below).filter(|port| port.mode != mode) else { return Ok(()) };
    let members: Vec<DeviceId> = port.members.values().copied().collect();
    for id in members {
        let flags = world[id].flags & !IFF_NOARP | if mode == IPVLAN_MODE_L2 { 0 } else { IFF_NOARP };
        world.change_flags(id, flags)?;
    }
    if let Some(port) = port_mut(world, below) {
        port.mode = mode;
    }
    Ok(())
}

fn changelink(world: &mut World, id: DeviceId, _: &Tb<'_>, data: &Tb<'_>) -> Result<(), Refusal> {
    let below = lower(world, id).ok_or(Errno::EOPNOTSUPP)?;
    if let Some(mode) = data.u16(IFLA_IPVLAN_MODE) {
        set_mode(world, below, mode)?;
    }
    if let Some((port, flags)) = port_mut(world, below).zip(data.u16(IFLA_IPVLAN_FLAGS)) {
        port.flags = flags;
    }
    Ok(())
}

fn fill(world: &World, id: DeviceId, out: &mut Builder) {
    let Some(port) = lower(world, id).and_then(|below| port(world, below)) else { return };
    out.u16(IFLA_IPVLAN_MODE, port.mode);
    out.u16(IFLA_IPVLAN_FLAGS, port.flags);
}

pub(super) fn dellink(world: &mut World, id: DeviceId, dying: &mut Vec<DeviceId>) {
    dying.push(id);
    let Some(below) = lower(world, id) else { return };
    let place = world[id].private_mut::<Ipvlan>().and_then(|own| own.place.take());
    free_number(world, below, id);
    let addresses = crate::host::addresses(world, id);
    if let Some(port) = port_mut(world, below) {
        addresses.iter().for_each(|address| port.forget(address, id));
        place.and_then(|place| port.members.remove(&place));
    }
    world.unlink_upper(below, id);
}

// Up and down, reception.

fn open(world: &mut World, id: DeviceId) -> Result<(), Refusal> {
    let below = lower(world, id).ok_or(Errno::ENODEV)?;
    let layer3 = port(world, below).is_some_and(|port| port.mode != IPVLAN_MODE_L2);
    let device = &mut world[id];
    device.flags = device.flags & !IFF_NOARP | if layer3 { IFF_NOARP } else { 0 };
    Ok(())
}

fn stop(world: &mut World, id: DeviceId) {
    if let Some(below) = lower(world, id) {
        world.unsync_unicast(id, below);
    }
}

fn change_rx_flags(world: &mut World, id: DeviceId, changed: u32) {
    let Some(below) = lower(world, id).filter(|_| changed & IFF_ALLMULTI != 0) else { return };
    let more = world[id].flags & IFF_ALLMULTI != 0;
    world.set_allmulti(below, more);
}

// What happens below, and to the IP addresses of the ipvlan itself.

pub(super) fn event(world: &mut World, id: DeviceId, event: Event) -> Result<(), Refusal> {
    if let Some(below) = lower(world, id) {
        address_event(world, id, below, event)?;
    }
    let Some(port) = port(world, id).filter(|_| event.concerns_uppers()) else { return Ok(()) };
    let members: Vec<DeviceId> = port.members.values().copied().collect();
    match event {
        // That the device went down they do not hear in Linux 6.1.
        Event::Up | Event::Change => {
            members.into_iter().for_each(|member| world.transfer_state(id, member));
        }
        Event::ChangeMtu => {
            let mtu = world[id].mtu;
            members.into_iter().for_each(|member| world[member].mtu = mtu);
        }
        // The hardware below stays as it is.
        Event::PreChangeType => return Err(Errno::EBUSY.into()),
        Event::ChangeFeatures => {
            members.iter().for_each(|member| world.follow_features(id, *member, Features::of_macvlan));
        }
        Event::PreChangeAddress(_) => {
            members.into_iter().try_for_each(|member| world.ask(member, event))?;
        }
        Event::ChangeAddress => {
            let address = world[id].address;
            for member in members {
                world[member].address = address;
                world.tell(member, Event::ChangeAddress);
            }
        }
        Event::Unregister if world[id].registration == Registration::Unregistering => {
            let mut dying = Vec::new();
            for member in members {
                (world[member].kind.dellink.unwrap_or(dellink))(world, member, &mut dying);
            }
            world.unregister(&dying);
        }
        _ => {}
    }
    Ok(())
}

/// Keeps the port's list of IP addresses, and refuses one that is in it.
fn address_event(world: &mut World, id: DeviceId, below: DeviceId, event: Event) -> Result<(), Refusal> {
    let Some(port) = port_mut(world, below) else { return Ok(()) };
    match event {
        Event::IpAddressWanted(address) if port.addresses.contains_key(&address) => {
            return Err(Refusal::said(Errno::EADDRINUSE, "Address already assigned to an ipvlan device"));
        }
        Event::IpAddress(address, true) => {
            port.addresses.get_or_insert_with(address, || id);
        }
        Event::IpAddress(address, false) => port.forget(&address, id),
        _ => {}
    }
    Ok(())
}
