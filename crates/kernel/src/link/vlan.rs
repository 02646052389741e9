//! `vlan`: a tag of IEEE 802.1Q or 802.1ad on a lower device (`net/8021q/vlan.c`, `vlan_dev.c`, `vlan_netlink.c`).
//!
//! A vlan follows its lower device up and down unless it is loosely bound, follows its MTU downwards, and, while it
//! is up and has no address of its own, its address. What a device keeps of the vlans on it is a [`Group`].

use super::{Event, NewLink, Type, validate_address};
use crate::device::{AddressOrigin, Device, DeviceId, Mac, Registration};
use crate::features::Features;
use crate::few::Few;
use crate::frame::Tag;
use crate::rare::{Rare, Usual};
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::kind::vlan::*;
use rtnl::message::Refusal;
use rtnl::object::link::{
    ARPHRD_ETHER, IFF_ALLMULTI, IFF_MASTER, IFF_PROMISC, IFF_SLAVE, IFF_UP, IFLA_LINK, IFLA_MTU,
};
use rtnl::table::Tb;

mod frames;

pub(crate) use frames::receive;

const ETH_P_8021Q: u16 = 0x8100;
const ETH_P_8021AD: u16 = 0x88a8;
/// One more than the largest identifier; 4095 means something else in a tag.
const IDS: u16 = 4095;
/// Mappings of egress priorities that a vlan holds at most; Linux has no such limit. They are searched one by one,
/// for every frame that leaves.
const EGRESS_MAPPINGS: usize = 256;
/// The groups of GVRP and MVRP, to which a device with vlans listens: one address for both.
const REGISTRATION: [Mac; 2] = [[0x01, 0x80, 0xc2, 0, 0, 0x21]; 2];
const ALL_FLAGS: u32 = VLAN_FLAG_REORDER_HDR
    | VLAN_FLAG_GVRP
    | VLAN_FLAG_LOOSE_BINDING
    | VLAN_FLAG_MVRP
    | VLAN_FLAG_BRIDGE_BINDING;

/// The type.
pub static TYPE: Type = Type {
    kind: "vlan",
    table: Some(KIND.table),
    setup,
    validate,
    newlink,
    changelink: Some(changelink),
    dellink: Some(dellink),
    fill: Some(fill),
    link_netns: Some(|world, id| lower(world, id).map_or(world[id].netns, |lower| world[lower].netns)),
    iflink: Some(|world, id| lower(world, id).map_or(0, |lower| world[lower].ifindex)),
    init: Some(init),
    open: Some(open),
    stop: Some(stop),
    set_address: Some(set_address),
    change_mtu: Some(change_mtu),
    change_rx_flags: Some(change_rx_flags),
    set_rx_mode: Some(set_rx_mode),
    transmit: Some(frames::transmit),
    longest: Some(frames::longest),
    event: Some(event),
    speed: super::Speed::OfLower,
    older_than_ipv6: true,
    ..Type::DEFAULT
};

/// What a vlan keeps of itself.
pub struct Vlan {
    /// The device that it stands on.
    pub lower: DeviceId,
    /// The tag's protocol.
    pub protocol: u16,
    /// The tag's identifier.
    pub id: u16,
    /// `VLAN_FLAG_*`.
    pub flags: u32,
    /// The lower device's address as the vlan knows it.
    lower_address: Mac,
    ingress: Rare<Ingress>,
    /// Priority → priority code point, the newest first.
    egress: Vec<(u32, u8)>,
}

/// Priority code point → priority; 0 is no mapping.
#[derive(Default)]
struct Ingress([u32; 8]);

impl Usual for Ingress {
    const USUAL: &'static Ingress = &Ingress([0; 8]);
}

/// What a device keeps of the vlans on it: protocol and identifier → vlan.
#[derive(Default)]
pub struct Group(Few<(u16, u16), DeviceId>);

fn state(world: &World, id: DeviceId) -> Option<&Vlan> {
    world.get(id)?.private()
}

fn lower(world: &World, id: DeviceId) -> Option<DeviceId> {
    state(world, id).map(|vlan| vlan.lower).filter(|lower| world.get(*lower).is_some())
}

/// The tag that a vlan puts into frames; none if the device is no vlan.
pub(crate) fn tag(world: &World, id: DeviceId) -> Option<Tag> {
    state(world, id).map(|vlan| Tag { protocol: vlan.protocol, tci: vlan.id })
}

fn is_bound(world: &World, id: DeviceId, flag: u32) -> bool {
    state(world, id).is_some_and(|vlan| vlan.flags & flag != 0)
}

fn setup(device: &mut Device) {
    device.abilities.no_queue = true;
    device.abilities.unicast_filter = true;
    device.min_mtu = 0;
    device.max_mtu = 65535;
    device.broadcast = [0; 6];
}

fn validate(tb: &Tb<'_>, data: Option<&Tb<'_>>) -> Result<(), Refusal> {
    validate_address(tb, None)?;
    let data = data.ok_or(Refusal::said(Errno::EINVAL, "8021q: VLAN properties not specified"))?;
    if let Some(attr) = data.get(IFLA_VLAN_PROTOCOL) {
        if ![ETH_P_8021Q, ETH_P_8021AD].contains(&attr.u16_be()) {
            return Err(Refusal::said(Errno::EPROTONOSUPPORT, "8021q: Invalid VLAN protocol"));
        }
    }
    if data.u16(IFLA_VLAN_ID).is_some_and(|id| id >= IDS) {
        return Err(Refusal::said(Errno::ERANGE, "8021q: Invalid VLAN id"));
    }
    if let Some((flags, mask)) = data.get(IFLA_VLAN_FLAGS).map(|attr| attr.u32_pair()) {
        if flags & mask & !ALL_FLAGS != 0 {
            return Err(Refusal::said(Errno::EINVAL, "8021q: Invalid VLAN flags"));
        }
    }
    Ok(())
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    let missing = |sentence| Refusal::said(Errno::EINVAL, sentence);
    let id = new.data.u16(IFLA_VLAN_ID).ok_or(missing("8021q: VLAN id not specified"))?;
    let link = new.tb.u32(IFLA_LINK).ok_or(missing("8021q: link not specified"))?;
    let lower = world.by_index(new.source, link);
    let lower = lower.ok_or(Refusal::said(Errno::ENODEV, "8021q: link does not exist"))?;
    let protocol = new.data.u16_be(IFLA_VLAN_PROTOCOL).unwrap_or(ETH_P_8021Q);
    if world[lower].abilities.vlan_challenged || world[lower].hardware_type != ARPHRD_ETHER {
        return Err(Refusal::said(Errno::EOPNOTSUPP, "8021q: VLANs not supported on device"));
    }
    if find(world, lower, protocol, id).is_some() {
        return Err(Refusal::said(Errno::EEXIST, "8021q: VLAN device already exists"));
    }
    let largest = largest_mtu(world, lower);
    match new.tb.has(IFLA_MTU) {
        false => world[new.device].mtu = largest,
        true if world[new.device].mtu > largest => return Err(Errno::EINVAL.into()),
        true => {}
    }
    world[new.device].private = Some(Box::new(Vlan {
        lower,
        protocol,
        id,
        flags: VLAN_FLAG_REORDER_HDR,
        lower_address: [0; 6],
        ingress: Rare::default(),
        egress: Vec::new(),
    }));
    changelink(world, new.device, new.tb, new.data)?;
    world.register(new.device)?;
    world.link_upper(lower, new.device, false)?;
    transfer_state(world, lower, new.device);
    follow_ports(world, lower, new.device);
    world.watch(new.device);
    if world[lower].attached::<Group>().is_none() {
        world[lower].attach(Group::default());
        world[lower].has_vlans = true;
        REGISTRATION.iter().for_each(|group| world.add_group(lower, *group));
    }
    if let Some(group) = world[lower].attached_mut::<Group>() {
        group.0.insert((protocol, id), new.device);
    }
    Ok(())
}

/// The vlan of that tag on a device.
pub fn find(world: &World, lower: DeviceId, protocol: u16, id: u16) -> Option<DeviceId> {
    world.get(lower)?.attached::<Group>()?.0.get(&(protocol, id)).copied()
}

/// Takes over from the lower device what a request did not say.
fn init(world: &mut World, id: DeviceId) -> Result<(), Refusal> {
    let lower = lower(world, id).ok_or(Errno::ENODEV)?;
    let below = &world[lower];
    let flags = below.flags & !(IFF_UP | IFF_PROMISC | IFF_ALLMULTI | IFF_MASTER | IFF_SLAVE);
    let (carrier, dormant) = (below.carrier, below.dormant);
    let (address, broadcast, segmentation) = (below.address, below.broadcast, below.tso_limits());
    let hardware_type = below.hardware_type;
    let features = Features::of_vlan(below.features);
    let bound = is_bound(world, id, VLAN_FLAG_BRIDGE_BINDING);
    let device = &mut world[id];
    device.flags = flags;
    device.hardware_type = hardware_type;
    device.carrier = carrier && !bound;
    device.dormant = dormant;
    if device.address == [0; 6] {
        device.address = address;
        device.address_origin = AddressOrigin::Stolen;
    }
    if device.broadcast == [0; 6] {
        device.broadcast = broadcast;
    }
    device.inherit_tso(segmentation);
    device.features = features;
    Ok(())
}

fn changelink(world: &mut World, id: DeviceId, _: &Tb<'_>, data: &Tb<'_>) -> Result<(), Refusal> {
    let vlan = world[id].private_mut::<Vlan>().ok_or(Errno::EOPNOTSUPP)?;
    if let Some((flags, mask)) = data.get(IFLA_VLAN_FLAGS).map(|attr| attr.u32_pair()) {
        if mask & !ALL_FLAGS != 0 {
            return Err(Errno::EINVAL.into());
        }
        vlan.flags = (vlan.flags & !mask) | (flags & mask);
    }
    if let Some(map) = data.get(IFLA_VLAN_INGRESS_QOS) {
        for (from, to) in map.attrs().map(|attr| attr.u32_pair()) {
            vlan.ingress.0[from as usize & 7] = to;
        }
    }
    if let Some(map) = data.get(IFLA_VLAN_EGRESS_QOS) {
        for (from, to) in map.attrs().map(|attr| attr.u32_pair()) {
            vlan.map_egress(from, to as u8 & 7)?;
        }
    }
    Ok(())
}

impl Vlan {
    /// The priority code point of a priority.
    fn code_point(&self, priority: u32) -> u16 {
        let mapping = self.egress.iter().find(|(known, _)| *known == priority);
        mapping.map_or(0, |(_, point)| u16::from(*point))
    }

    fn map_egress(&mut self, priority: u32, code_point: u8) -> Result<(), Refusal> {
        match self.egress.iter().position(|(known, _)| *known == priority) {
            Some(at) => self.egress[at].1 = code_point,
            None if self.egress.len() >= EGRESS_MAPPINGS => return Err(Errno::ENOBUFS.into()),
            None => self.egress.insert(0, (priority, code_point)),
        }
        Ok(())
    }
}

fn fill(world: &World, id: DeviceId, out: &mut Builder) {
    let Some(vlan) = state(world, id) else { return };
    out.u16_be(IFLA_VLAN_PROTOCOL, vlan.protocol);
    out.u16(IFLA_VLAN_ID, vlan.id);
    if vlan.flags != 0 {
        out.u32_pair(IFLA_VLAN_FLAGS, vlan.flags, u32::MAX);
    }
    let ingress = vlan.ingress.0.iter().zip(0u32..).map(|(to, from)| (from, *to));
    fill_map(out, IFLA_VLAN_INGRESS_QOS, ingress);
    // The kernel keeps them in 16 rows by the low bits of the priority.
    let mut egress: Vec<(u32, u32)> = vlan.egress.iter().map(|(from, to)| (*from, u32::from(*to))).collect();
    egress.sort_by_key(|(from, _)| from & 15);
    fill_map(out, IFLA_VLAN_EGRESS_QOS, egress.into_iter());
}

/// Writes the mappings that map to something; no nest if there are none.
fn fill_map(out: &mut Builder, number: u16, mappings: impl Iterator<Item = (u32, u32)>) {
    let nest = out.nest(number);
    for (from, to) in mappings.filter(|(_, to)| *to != 0) {
        out.u32_pair(IFLA_VLAN_QOS_MAPPING, from, to);
    }
    out.end_or_drop(nest);
}

fn dellink(world: &mut World, id: DeviceId, dying: &mut Vec<DeviceId>) {
    if let Some((lower, protocol, vid)) = state(world, id).map(|vlan| (vlan.lower, vlan.protocol, vlan.id)) {
        if let Some(group) = world.get_mut(lower).and_then(|lower| lower.attached_mut::<Group>()) {
            if group.0.get(&(protocol, vid)) == Some(&id) {
                group.0.remove(&(protocol, vid));
            }
            if group.0.is_empty() {
                world[lower].detach::<Group>();
                world[lower].has_vlans = false;
                for group in REGISTRATION {
                    world.remove_group(lower, &group);
                }
            }
        }
        world.unlink_upper(lower, id);
    }
    dying.push(id);
}

// Up and down, addresses, MTU.

fn open(world: &mut World, id: DeviceId) -> Result<(), Refusal> {
    let lower = lower(world, id).ok_or(Errno::ENODEV)?;
    if !world[lower].is_up() && !is_bound(world, id, VLAN_FLAG_LOOSE_BINDING) {
        return Err(Errno::ENETDOWN.into());
    }
    if world[id].address != world[lower].address && !inherit_address(world, id, lower) {
        let address = world[id].address;
        world.add_unicast(lower, address);
    }
    remember_lower_address(world, id, lower);
    if world[lower].carrier && !is_bound(world, id, VLAN_FLAG_BRIDGE_BINDING) {
        world.carrier_on(id);
    }
    Ok(())
}

fn stop(world: &mut World, id: DeviceId) {
    if let Some(lower) = lower(world, id) {
        world.unsync_unicast(id, lower);
        if world[id].address != world[lower].address {
            let address = world[id].address;
            world.remove_unicast(lower, address);
        }
    }
    if !is_bound(world, id, VLAN_FLAG_BRIDGE_BINDING) {
        world.carrier_off(id);
    }
}

/// Takes the lower device's address, if the vlan has none of its own; says whether it did.
fn inherit_address(world: &mut World, id: DeviceId, lower: DeviceId) -> bool {
    if world[id].address_origin != AddressOrigin::Stolen {
        return false;
    }
    world[id].address = world[lower].address;
    world.tell(id, Event::ChangeAddress);
    true
}

fn remember_lower_address(world: &mut World, id: DeviceId, lower: DeviceId) {
    let address = world[lower].address;
    if let Some(vlan) = world[id].private_mut::<Vlan>() {
        vlan.lower_address = address;
    }
}

fn set_address(world: &mut World, id: DeviceId, address: Mac) -> Result<(), Refusal> {
    if !crate::device::is_valid_ether_addr(&address) {
        return Err(Errno::EADDRNOTAVAIL.into());
    }
    if let Some(lower) = lower(world, id).filter(|_| world[id].is_up()) {
        let (own, below) = (world[id].address, world[lower].address);
        if address != below {
            world.add_unicast(lower, address);
        }
        if own != below {
            world.remove_unicast(lower, own);
        }
    }
    world[id].address = address;
    Ok(())
}

/// The largest MTU of a VLAN on a device. The tag comes on top of it, but where the device has no room for one.
fn largest_mtu(world: &World, lower: DeviceId) -> u32 {
    let tag = if world[lower].abilities.reduces_vlan_mtu { wire::tag::LENGTH as u32 } else { 0 };
    // Like Linux, it wraps around where there is no room for the tag.
    world[lower].mtu.wrapping_sub(tag)
}

fn change_mtu(world: &mut World, id: DeviceId, mtu: u32) -> Result<(), Refusal> {
    if lower(world, id).is_some_and(|lower| largest_mtu(world, lower) < mtu) {
        return Err(Errno::ERANGE.into());
    }
    world[id].mtu = mtu;
    Ok(())
}

/// What is asked of the vlan is asked of the lower device, whether they are up or not.
fn change_rx_flags(world: &mut World, id: DeviceId, changed: u32) {
    let Some(lower) = lower(world, id) else { return };
    let flags = world[id].flags;
    if changed & IFF_ALLMULTI != 0 {
        world.set_allmulti(lower, flags & IFF_ALLMULTI != 0);
    }
    if changed & IFF_PROMISC != 0 {
        world.set_promiscuity(lower, flags & IFF_PROMISC != 0);
    }
}

fn set_rx_mode(world: &mut World, id: DeviceId) {
    if let Some(lower) = lower(world, id) {
        world.sync_unicast(id, lower);
    }
}

// What happens below.

fn event(world: &mut World, below: DeviceId, event: Event) -> Result<(), Refusal> {
    let Some(group) = world.get(below).and_then(|device| device.attached::<Group>()) else { return Ok(()) };
    if !event.concerns_uppers() {
        return Ok(());
    }
    let vlans: Vec<DeviceId> = group.0.values().copied().collect();
    match event {
        Event::Change => vlans.iter().for_each(|id| transfer_state(world, below, *id)),
        Event::Ports => vlans.iter().for_each(|id| follow_ports(world, below, *id)),
        Event::ChangeAddress => vlans.iter().for_each(|id| follow_address(world, below, *id)),
        Event::ChangeMtu => vlans.iter().for_each(|id| follow_mtu(world, below, *id)),
        // The hardware below stays as it is.
        Event::PreChangeType => return Err(Errno::EBUSY.into()),
        Event::ChangeFeatures => {
            vlans.iter().for_each(|id| world.follow_features(below, *id, Features::of_vlan));
        }
        Event::Failover | Event::NotifyPeers | Event::ReportGroups => {
            vlans.iter().for_each(|id| world.tell(*id, event));
        }
        Event::Up => vlans.iter().for_each(|id| follow_up(world, below, *id)),
        Event::Down => vlans.iter().rev().for_each(|id| follow_down(world, below, *id)),
        Event::Unregister if world[below].registration == Registration::Unregistering => {
            let mut dying = Vec::new();
            vlans.iter().for_each(|id| dellink(world, *id, &mut dying));
            world.unregister(&dying);
        }
        _ => {}
    }
    Ok(())
}

/// The lower device's carrier and dormancy, unless the bridge's ports decide.
fn transfer_state(world: &mut World, below: DeviceId, id: DeviceId) {
    if world.get(id).is_some() && !is_bound(world, id, VLAN_FLAG_BRIDGE_BINDING) {
        world.transfer_state(below, id);
    }
}

/// The carrier of a vlan on a bridge that is bound to the bridge's ports.
fn follow_ports(world: &mut World, below: DeviceId, id: DeviceId) {
    let Some(vid) = state(world, id).map(|vlan| vlan.id) else { return };
    if !is_bound(world, id, VLAN_FLAG_BRIDGE_BINDING) {
        return;
    }
    if super::bridge::carrier_for_vlan(world, below, vid) {
        world.carrier_on(id);
    } else {
        world.carrier_off(id);
    }
}

fn follow_address(world: &mut World, below: DeviceId, id: DeviceId) {
    let Some(known) = state(world, id).map(|vlan| vlan.lower_address).filter(|_| world[id].is_up()) else {
        return;
    };
    let (own, now) = (world[id].address, world[below].address);
    if known == now {
        return;
    }
    if !inherit_address(world, id, below) {
        if own != known && own == now {
            world.remove_unicast(below, own);
        }
        if own == known && own != now {
            world.add_unicast(below, own);
        }
    }
    remember_lower_address(world, id, below);
}

fn follow_mtu(world: &mut World, below: DeviceId, id: DeviceId) {
    let mtu = world[below].mtu;
    if world.get(id).is_some_and(|device| device.mtu > mtu) {
        let _ = world.set_mtu(id, mtu);
    }
}

fn follow_up(world: &mut World, below: DeviceId, id: DeviceId) {
    if world.get(id).is_none_or(|device| device.is_up()) {
        return;
    }
    if !is_bound(world, id, VLAN_FLAG_LOOSE_BINDING) {
        let flags = world[id].shown_flags() | IFF_UP;
        let _ = world.change_flags(id, flags);
    }
    transfer_state(world, below, id);
}

fn follow_down(world: &mut World, below: DeviceId, id: DeviceId) {
    let up = world.get(id).is_some_and(|device| device.is_up());
    if up && !is_bound(world, id, VLAN_FLAG_LOOSE_BINDING) {
        world.close(id);
        transfer_state(world, below, id);
    }
}
