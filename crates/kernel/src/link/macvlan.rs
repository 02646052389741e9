//! `macvlan`: further devices on one lower device, each with an address of its own (`drivers/net/macvlan.c`).
//!
//! What a device keeps of the macvlans on it is a [`Port`]; it takes the device's frames, so nothing else may.
//! A macvlan on a macvlan stands on the other's lower device. In passthru mode the one macvlan shares the lower
//! device's address, and changes of it go both ways. `macvtap` is the same with a character device on top.

pub(super) mod frames;

use super::{Event, NewLink, Type, validate_address};
use crate::device::{Device, DeviceId, Mac, Registration, is_valid_ether_addr};
use crate::features::Features;
use crate::few::Few;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::kind::macvlan::*;
use rtnl::message::Refusal;
use rtnl::object::link::{
    ARPHRD_ETHER, IFF_ALLMULTI, IFF_LOOPBACK, IFF_PROMISC, IFLA_ADDRESS, IFLA_LINK, IFLA_MTU,
};
use rtnl::table::Tb;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Frames of broadcast that wait, unless a request says otherwise.
const QUEUE_LENGTH: u32 = 1000;
/// Source addresses that one macvlan lists at most; Linux has no such limit.
const SOURCES: usize = 1 << 16;

/// The type.
pub static TYPE: Type = Type {
    kind: "macvlan",
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
    open: Some(open),
    stop: Some(stop),
    set_address: Some(set_address),
    change_mtu: Some(change_mtu),
    change_rx_flags: Some(change_rx_flags),
    set_rx_mode: Some(set_rx_mode),
    takes_addresses: Some(|world, id| lower(world, id).is_some_and(|lower| is_passthru(world, lower))),
    transmit: Some(frames::transmit),
    counts_hops: true,
    longest: Some(longest),
    receive: Some(frames::receive),
    event: Some(event),
    speed: super::Speed::OfLower,
    older_than_ipv6: true,
    ..Type::DEFAULT
};

/// What a macvlan keeps of itself.
pub struct Macvlan {
    /// The device that it stands on.
    pub lower: DeviceId,
    /// `MACVLAN_MODE_*`.
    pub mode: u32,
    /// `MACVLAN_FLAG_*`.
    pub flags: u16,
    queue_length: u32,
    /// Its place among its siblings; none until it stands there.
    place: Option<u64>,
    /// The addresses that source mode lets through, by bucket and, in it, the newest first.
    sources: BTreeMap<(u8, Reverse<u64>), Mac>,
    sources_made: u64,
}

/// What a device keeps of the macvlans on it.
struct Port {
    passthru: bool,
    /// The one in passthru mode is changing the lower device's address.
    changing_address: bool,
    /// The lower device's own address, to be put back at the end.
    own_address: Mac,
    /// How many there are, those among them that are just being made.
    count: u32,
    members: Few<u64, DeviceId>,
    places: u64,
    /// Those that are up, by address.
    by_address: Few<Mac, DeviceId>,
    /// How many are in source mode.
    source_mode: u32,
    /// The queue lengths asked for, and by how many.
    queue_lengths: Few<u32, u32>,
}

fn state(world: &World, id: DeviceId) -> Option<&Macvlan> {
    world.get(id)?.private()
}

fn state_mut(world: &mut World, id: DeviceId) -> Result<&mut Macvlan, Refusal> {
    world[id].private_mut().ok_or(Refusal::new(Errno::EOPNOTSUPP))
}

/// The device that a macvlan stands on.
pub fn lower(world: &World, id: DeviceId) -> Option<DeviceId> {
    state(world, id).map(|own| own.lower).filter(|lower| world.get(*lower).is_some())
}

/// The longest frame that the device below takes.
fn longest(world: &World, id: DeviceId, tagged: bool) -> usize {
    lower(world, id).map_or(usize::MAX, |below| world.longest(below, tagged))
}

fn port(world: &World, lower: DeviceId) -> Option<&Port> {
    world.get(lower)?.attached()
}

fn port_mut(world: &mut World, lower: DeviceId) -> Option<&mut Port> {
    world.get_mut(lower)?.attached_mut()
}

fn is_passthru(world: &World, lower: DeviceId) -> bool {
    port(world, lower).is_some_and(|port| port.passthru)
}

/// What macvlan and macvtap have in common.
pub(super) fn setup(device: &mut Device) {
    device.max_mtu = 65535;
    device.abilities.unicast_filter = true;
    device.abilities.proto_down = true;
}

pub(super) fn validate(tb: &Tb<'_>, data: Option<&Tb<'_>>) -> Result<(), Refusal> {
    validate_address(tb, None)?;
    let Some(data) = data else { return Ok(()) };
    let flags = data.u16(IFLA_MACVLAN_FLAGS).unwrap_or(0);
    let mode = data.u32(IFLA_MACVLAN_MODE).unwrap_or(MACVLAN_MODE_VEPA);
    let known = [
        MACVLAN_MODE_PRIVATE,
        MACVLAN_MODE_VEPA,
        MACVLAN_MODE_BRIDGE,
        MACVLAN_MODE_PASSTHRU,
        MACVLAN_MODE_SOURCE,
    ];
    let change = data.u32(IFLA_MACVLAN_MACADDR_MODE).unwrap_or(MACVLAN_MACADDR_ADD);
    let bad_flags = flags & !(MACVLAN_FLAG_NOPROMISC | MACVLAN_FLAG_NODST) != 0;
    if bad_flags || !known.contains(&mode) || change > MACVLAN_MACADDR_SET {
        return Err(Errno::EINVAL.into());
    }
    if let Some(attr) = data.get(IFLA_MACVLAN_MACADDR) {
        let mac: Mac = attr.payload.try_into().map_err(|_| Refusal::new(Errno::EINVAL))?;
        if !is_valid_ether_addr(&mac) {
            return Err(Errno::EADDRNOTAVAIL.into());
        }
    }
    if let Some(list) = data.get(IFLA_MACVLAN_MACADDR_DATA) {
        for attr in list.attrs() {
            let mac: Mac = attr.payload.try_into().map_err(|_| Refusal::new(Errno::EINVAL))?;
            if !is_valid_ether_addr(&mac) {
                return Err(Errno::EADDRNOTAVAIL.into());
            }
        }
    }
    if data.has(IFLA_MACVLAN_MACADDR_COUNT) { Err(Errno::EINVAL.into()) } else { Ok(()) }
}

pub(super) fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    let link = new.tb.u32(IFLA_LINK).ok_or(Errno::EINVAL)?;
    let named = world.by_index(new.source, link).ok_or(Errno::ENODEV)?;
    let below = lower(world, named).unwrap_or(named);
    let largest = world[below].mtu;
    let max_mtu = world[below].max_mtu;
    let device = &mut world[new.device];
    match new.tb.has(IFLA_MTU) {
        false => device.mtu = largest,
        true if device.mtu > largest => return Err(Errno::EINVAL.into()),
        true => {}
    }
    device.min_mtu = 68;
    device.max_mtu = max_mtu;
    if !new.tb.has(IFLA_ADDRESS) {
        world.init_random_address(new.device)?;
    }
    if port(world, below).is_none() {
        create_port(world, below)?;
    }
    let made = join_port(world, new, below);
    if made.is_err() {
        destroy_empty_port(world, below);
    }
    made
}

fn create_port(world: &mut World, below: DeviceId) -> Result<(), Refusal> {
    let device = &mut world[below];
    if device.hardware_type != ARPHRD_ETHER || device.flags & IFF_LOOPBACK != 0 {
        return Err(Errno::EINVAL.into());
    }
    device.check_rx_handler()?;
    device.rx_handler = Some(&TYPE);
    let own_address = device.address;
    device.attach(Port {
        passthru: false,
        changing_address: false,
        own_address,
        count: 0,
        members: Few::NEW,
        places: 0,
        by_address: Few::NEW,
        source_mode: 0,
        queue_lengths: Few::NEW,
    });
    Ok(())
}

/// Takes the port away once nothing is on it, and puts the lower device's own address back.
fn destroy_empty_port(world: &mut World, below: DeviceId) {
    if port(world, below).is_none_or(|port| port.count > 0) {
        return;
    }
    let device = &mut world[below];
    device.rx_handler = None;
    let Some(port) = device.detach::<Port>() else { return };
    if port.passthru && device.address != port.own_address {
        let _ = world.set_address(below, port.own_address);
    }
}

/// Makes the macvlan one of the port's.
fn join_port(world: &mut World, new: &NewLink<'_>, below: DeviceId) -> Result<(), Refusal> {
    let mode = new.data.u32(IFLA_MACVLAN_MODE).unwrap_or(MACVLAN_MODE_VEPA);
    let occupied = port(world, below).is_some_and(|port| port.count > 0);
    if is_passthru(world, below) || mode == MACVLAN_MODE_PASSTHRU && occupied {
        return Err(Errno::EINVAL.into());
    }
    let queue_length = new.data.u32(IFLA_MACVLAN_BC_QUEUE_LEN).unwrap_or(QUEUE_LENGTH);
    world[new.device].private = Some(Box::new(Macvlan {
        lower: below,
        mode,
        flags: new.data.u16(IFLA_MACVLAN_FLAGS).unwrap_or(0),
        queue_length,
        place: None,
        sources: BTreeMap::new(),
        sources_made: 0,
    }));
    if mode == MACVLAN_MODE_PASSTHRU {
        if let Some(port) = port_mut(world, below) {
            port.passthru = true;
        }
        let (address, origin) = (world[below].address, world[below].address_origin);
        let device = &mut world[new.device];
        device.address = address;
        device.address_origin = origin;
    }
    change_sources(world, new.device, new.data)?;
    world.register(new.device)?;
    world.link_upper(below, new.device, false)?;
    if let Some(port) = port_mut(world, below) {
        let place = port.places;
        port.places += 1;
        port.members.insert(place, new.device);
        *port.queue_lengths.get_or_insert_with(queue_length, || 0) += 1;
        port.source_mode += u32::from(mode == MACVLAN_MODE_SOURCE);
        state_mut(world, new.device)?.place = Some(place);
    }
    world.transfer_state(below, new.device);
    world.watch(new.device);
    Ok(())
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
    if let Some(port) = port_mut(world, below) {
        port.count += 1;
    }
    Ok(())
}

pub(super) fn uninit(world: &mut World, id: DeviceId) {
    let Some(below) = lower(world, id) else { return };
    if let Some(port) = port_mut(world, below) {
        port.count = port.count.saturating_sub(1);
    }
    destroy_empty_port(world, below);
}

pub(super) fn changelink(world: &mut World, id: DeviceId, _: &Tb<'_>, data: &Tb<'_>) -> Result<(), Refusal> {
    let below = lower(world, id).ok_or(Errno::EOPNOTSUPP)?;
    let passthru = is_passthru(world, below);
    let own = state_mut(world, id)?;
    let mode = data.u32(IFLA_MACVLAN_MODE);
    if let Some(mode) = mode {
        if (mode == MACVLAN_MODE_PASSTHRU) != (own.mode == MACVLAN_MODE_PASSTHRU) {
            return Err(Errno::EINVAL.into());
        }
        if own.mode == MACVLAN_MODE_SOURCE && mode != own.mode {
            own.sources.clear();
        }
    }
    if let Some(flags) = data.u16(IFLA_MACVLAN_FLAGS) {
        let toggled = (flags ^ own.flags) & MACVLAN_FLAG_NOPROMISC != 0;
        own.flags = flags;
        if passthru && toggled {
            world.set_promiscuity(below, flags & MACVLAN_FLAG_NOPROMISC == 0);
        }
    }
    if let Some(length) = data.u32(IFLA_MACVLAN_BC_QUEUE_LEN) {
        change_queue_length(world, id, below, length)?;
    }
    if let Some(mode) = mode {
        let old = std::mem::replace(&mut state_mut(world, id)?.mode, mode);
        if let Some(port) = port_mut(world, below) {
            port.source_mode += u32::from(mode == MACVLAN_MODE_SOURCE);
            port.source_mode -= u32::from(old == MACVLAN_MODE_SOURCE);
        }
    }
    change_sources(world, id, data)
}

fn change_queue_length(world: &mut World, id: DeviceId, below: DeviceId, length: u32) -> Result<(), Refusal> {
    let old = std::mem::replace(&mut state_mut(world, id)?.queue_length, length);
    if let Some(port) = port_mut(world, below) {
        port.forget_queue_length(old);
        *port.queue_lengths.get_or_insert_with(length, || 0) += 1;
    }
    Ok(())
}

impl Port {
    fn forget_queue_length(&mut self, length: u32) {
        if let Some(count) = self.queue_lengths.get_mut(&length) {
            *count -= 1;
            if *count == 0 {
                self.queue_lengths.remove(&length);
            }
        }
    }
}

/// The bucket that the kernel lists a source address in: its 48 bits, first byte lowest, times the golden ratio.
fn bucket(mac: &Mac) -> u8 {
    let value = u64::from_le_bytes([0, 0, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]]);
    (value.wrapping_mul(0x61c8_8646_80b5_83eb) >> 56) as u8
}

/// Changes the list of source addresses, if the request says so.
fn change_sources(world: &mut World, id: DeviceId, data: &Tb<'_>) -> Result<(), Refusal> {
    let Some(change) = data.u32(IFLA_MACVLAN_MACADDR_MODE) else { return Ok(()) };
    let own = state_mut(world, id)?;
    if own.mode != MACVLAN_MODE_SOURCE {
        return Err(Errno::EINVAL.into());
    }
    let one = data.get(IFLA_MACVLAN_MACADDR).map(|attr| attr.first());
    match change {
        MACVLAN_MACADDR_ADD => own.add_source(one.ok_or(Errno::EINVAL)?),
        MACVLAN_MACADDR_DEL => {
            let mac: Mac = one.ok_or(Errno::EINVAL)?;
            own.sources.retain(|_, known| *known != mac);
            Ok(())
        }
        MACVLAN_MACADDR_FLUSH => {
            own.sources.clear();
            Ok(())
        }
        _ => {
            own.sources.clear();
            let Some(list) = data.get(IFLA_MACVLAN_MACADDR_DATA) else { return Ok(()) };
            let macs =
                list.attrs().filter(|attr| attr.number == IFLA_MACVLAN_MACADDR && attr.payload.len() == 6);
            macs.into_iter().try_for_each(|attr| own.add_source(attr.first()))
        }
    }
}

impl Macvlan {
    /// Whether source mode lets frames of that sender through.
    fn lists(&self, mac: &Mac) -> bool {
        let bucket = bucket(mac);
        self.sources.range((bucket, Reverse(u64::MAX))..=(bucket, Reverse(0))).any(|(_, known)| known == mac)
    }

    fn add_source(&mut self, mac: Mac) -> Result<(), Refusal> {
        if self.lists(&mac) {
            return Ok(());
        }
        if self.sources.len() >= SOURCES {
            return Err(Errno::ENOBUFS.into());
        }
        self.sources_made += 1;
        self.sources.insert((bucket(&mac), Reverse(self.sources_made)), mac);
        Ok(())
    }
}

pub(super) fn fill(world: &World, id: DeviceId, out: &mut Builder) {
    let Some(own) = state(world, id) else { return };
    out.u32(IFLA_MACVLAN_MODE, own.mode);
    out.u16(IFLA_MACVLAN_FLAGS, own.flags);
    out.u32(IFLA_MACVLAN_MACADDR_COUNT, own.sources.len() as u32);
    if !own.sources.is_empty() {
        let list = out.nest(IFLA_MACVLAN_MACADDR_DATA);
        for mac in own.sources.values() {
            out.put(IFLA_MACVLAN_MACADDR, mac);
        }
        out.end(list);
    }
    out.u32(IFLA_MACVLAN_BC_QUEUE_LEN, own.queue_length);
    let used = port(world, own.lower).and_then(|port| port.queue_lengths.keys().next_back());
    out.u32(IFLA_MACVLAN_BC_QUEUE_LEN_USED, used.copied().unwrap_or(0));
}

pub(super) fn dellink(world: &mut World, id: DeviceId, dying: &mut Vec<DeviceId>) {
    dying.push(id);
    let Some(below) = lower(world, id) else { return };
    let Ok(own) = state_mut(world, id) else { return };
    let (place, length, mode) = (own.place.take(), own.queue_length, own.mode);
    own.sources.clear();
    if let Some((port, place)) = port_mut(world, below).zip(place) {
        port.members.remove(&place);
        port.forget_queue_length(length);
        port.source_mode -= u32::from(mode == MACVLAN_MODE_SOURCE);
    }
    world.unlink_upper(below, id);
}

// Up and down, addresses, MTU.

/// Whether the address is the lower device's or that of a macvlan that is up.
fn is_address_busy(port: &Port, below: &Device, address: &Mac) -> bool {
    let shared = port.passthru || port.changing_address;
    !shared && below.address == *address || port.by_address.contains_key(address)
}

pub(super) fn open(world: &mut World, id: DeviceId) -> Result<(), Refusal> {
    let below = lower(world, id).ok_or(Errno::ENODEV)?;
    let address = world[id].address;
    if is_passthru(world, below) {
        if state_mut(world, id)?.flags & MACVLAN_FLAG_NOPROMISC == 0 {
            world.set_promiscuity(below, true);
        }
    } else {
        if port(world, below).is_some_and(|port| is_address_busy(port, &world[below], &address)) {
            return Err(Errno::EADDRINUSE.into());
        }
        world.add_unicast(below, address);
        count_reception(world, id, below, true);
    }
    if let Some(port) = port_mut(world, below) {
        port.by_address.insert(address, id);
    }
    Ok(())
}

pub(super) fn stop(world: &mut World, id: DeviceId) {
    let Some(below) = lower(world, id) else { return };
    let address = world[id].address;
    world.unsync_unicast(id, below);
    if is_passthru(world, below) {
        if state(world, id).is_some_and(|own| own.flags & MACVLAN_FLAG_NOPROMISC == 0) {
            world.set_promiscuity(below, false);
        }
    } else {
        count_reception(world, id, below, false);
        world.remove_unicast(below, address);
    }
    if let Some(port) = port_mut(world, below) {
        port.by_address.remove(&address);
    }
}

fn count_reception(world: &mut World, id: DeviceId, below: DeviceId, more: bool) {
    let flags = world[id].flags;
    if flags & IFF_ALLMULTI != 0 {
        world.set_allmulti(below, more);
    }
    if flags & IFF_PROMISC != 0 {
        world.set_promiscuity(below, more);
    }
}

pub(super) fn set_address(world: &mut World, id: DeviceId, address: Mac) -> Result<(), Refusal> {
    if !is_valid_ether_addr(&address) {
        return Err(Errno::EADDRNOTAVAIL.into());
    }
    if world[id].address == address {
        return Ok(());
    }
    let below = lower(world, id).ok_or(Errno::ENODEV)?;
    if is_passthru(world, below) {
        if let Some(port) = port_mut(world, below) {
            port.changing_address = true;
        }
        return world.set_address(below, address);
    }
    if port(world, below).is_some_and(|port| is_address_busy(port, &world[below], &address)) {
        return Err(Errno::EADDRINUSE.into());
    }
    sync_address(world, id, below, address)
}

/// Takes an address, in what the lower device lets through as well if the macvlan is up.
fn sync_address(world: &mut World, id: DeviceId, below: DeviceId, address: Mac) -> Result<(), Refusal> {
    let (old, up, passthru) = (world[id].address, world[id].is_up(), is_passthru(world, below));
    if up {
        if port(world, below).is_some_and(|port| is_address_busy(port, &world[below], &address)) {
            return Err(Errno::EADDRINUSE.into());
        }
        if !passthru {
            world.add_unicast(below, address);
            world.remove_unicast(below, old);
        }
    }
    world[id].address = address;
    let own_address = world[below].address;
    if let Some(port) = port_mut(world, below) {
        if up {
            port.by_address.remove(&old);
            port.by_address.insert(address, id);
        }
        // Not we but the lower device began: that address is its own.
        if passthru && !port.changing_address {
            port.own_address = own_address;
        }
        port.changing_address = false;
    }
    Ok(())
}

pub(super) fn change_mtu(world: &mut World, id: DeviceId, mtu: u32) -> Result<(), Refusal> {
    if lower(world, id).is_some_and(|below| world[below].mtu < mtu) {
        return Err(Errno::EINVAL.into());
    }
    world[id].mtu = mtu;
    Ok(())
}

pub(super) fn change_rx_flags(world: &mut World, id: DeviceId, changed: u32) {
    let Some(below) = lower(world, id).filter(|_| world[id].is_up()) else { return };
    let flags = world[id].flags;
    if changed & IFF_ALLMULTI != 0 {
        world.set_allmulti(below, flags & IFF_ALLMULTI != 0);
    }
    if changed & IFF_PROMISC != 0 && !is_passthru(world, below) {
        world.set_promiscuity(below, flags & IFF_PROMISC != 0);
    }
}

pub(super) fn set_rx_mode(world: &mut World, id: DeviceId) {
    if let Some(below) = lower(world, id) {
        world.sync_unicast(id, below);
    }
}

// What happens below.

fn event(world: &mut World, below: DeviceId, event: Event) -> Result<(), Refusal> {
    let Some(port) = port(world, below).filter(|_| event.concerns_uppers()) else { return Ok(()) };
    let passthru = port.passthru;
    let members: Vec<DeviceId> = port.members.values().copied().collect();
    match event {
        Event::Up | Event::Down | Event::Change => {
            for id in members {
                world.transfer_state(below, id);
            }
        }
        Event::ChangeMtu => {
            let mtu = world[below].mtu;
            for id in members.into_iter().filter(|id| world[*id].mtu > mtu).collect::<Vec<_>>() {
                let _ = world.set_mtu(id, mtu);
            }
        }
        // The hardware below stays as it is.
        Event::PreChangeType => return Err(Errno::EBUSY.into()),
        Event::ChangeFeatures => {
            members.iter().for_each(|id| world.follow_features(below, *id, Features::of_macvlan));
        }
        Event::ChangeAddress if passthru => {
            let address = world[below].address;
            if let Some(first) = members.first() {
                sync_address(world, *first, below, address)?;
            }
        }
        Event::Unregister if world[below].registration == Registration::Unregistering => {
            let mut dying = Vec::new();
            for id in members {
                (world[id].kind.dellink.unwrap_or(dellink))(world, id, &mut dying);
            }
            world.unregister(&dying);
        }
        _ => {}
    }
    Ok(())
}
