//! `macsec`: frames that IEEE 802.1AE protects on a lower device (`drivers/net/macsec.c`).
//!
//! What a device keeps of the macsecs on it is a [`Port`]; it takes the device's frames, so nothing else may. Each has
//! a secure channel of its own, whose identifier tells them apart. When the lower device leaves its namespace, they
//! die.
//!
//! **Left out**: associations and their keys, and with them all traffic.

use super::{Event, NewLink, Type};
use crate::device::{DeviceId, Mac, is_valid_ether_addr};
use crate::features::Features;
use crate::few::Few;
use crate::run::{Batch, Drop};
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::kind::macsec::*;
use rtnl::message::Refusal;
use rtnl::object::link::{ARPHRD_ETHER, IFF_ALLMULTI, IFF_PROMISC, IFLA_LINK};
use rtnl::table::Tb;

/// Bytes of the check value, unless a request says otherwise.
const ICV_LENGTH: u8 = 16;
/// Bytes of the tag with the channel's identifier, and of the type behind it.
const TAG: u32 = 16;
/// The port in an identifier that names none.
const PORT: u16 = 1;
/// The largest window with packet numbers of 64 bits (IEEE 802.1AEbw 10.7.8).
const XPN_WINDOW: u32 = (1 << 30) - 1;
/// Strict validation.
const STRICT: u8 = 2;

/// The type.
pub static TYPE: Type = Type {
    kind: "macsec",
    table: Some(KIND.table),
    setup: |device| {
        device.min_mtu = 0;
        device.max_mtu = 65535;
        device.broadcast = [0; 6];
        device.abilities.no_queue = true;
        device.abilities.counts_tags = true;
    },
    validate,
    newlink,
    changelink: Some(changelink),
    dellink: Some(dellink),
    fill: Some(fill),
    link_netns: Some(|world, id| lower(world, id).map_or(world[id].netns, |lower| world[lower].netns)),
    iflink: Some(|world, id| lower(world, id).map_or(0, |lower| world[lower].ifindex)),
    init: Some(init),
    checks_address: false,
    open: Some(open),
    stop: Some(stop),
    set_address: Some(set_address),
    change_mtu: Some(change_mtu),
    change_rx_flags: Some(change_rx_flags),
    set_rx_mode: Some(|world, id| {
        if let Some(below) = lower(world, id) {
            world.sync_unicast(id, below);
        }
    }),
    transmit: Some(transmit),
    event: Some(event),
    ..Type::DEFAULT
};

/// What a macsec keeps of itself: its secure channel.
#[derive(Clone)]
struct Macsec {
    lower: DeviceId,
    /// Its place among its siblings; none until it stands there.
    place: Option<u64>,
    sci: [u8; 8],
    icv_length: u8,
    cipher: u64,
    window: u32,
    encoding_sa: u8,
    encrypt: bool,
    protect: bool,
    send_sci: bool,
    end_station: bool,
    scb: bool,
    replay_protect: bool,
    validation: u8,
}

/// What a device keeps of the macsecs on it.
#[derive(Default)]
struct Port {
    members: Few<u64, DeviceId>,
    places: u64,
}

fn state(world: &World, id: DeviceId) -> Option<&Macsec> {
    world.get(id)?.private()
}

fn lower(world: &World, id: DeviceId) -> Option<DeviceId> {
    state(world, id).map(|own| own.lower).filter(|lower| world.get(*lower).is_some())
}

fn port(world: &World, lower: DeviceId) -> Option<&Port> {
    world.get(lower)?.attached()
}

fn members(world: &World, lower: DeviceId) -> Vec<DeviceId> {
    port(world, lower).map_or(Vec::new(), |port| port.members.values().copied().collect())
}

fn validate(_: &Tb<'_>, data: Option<&Tb<'_>>) -> Result<(), Refusal> {
    let Some(data) = data else { return Ok(()) };
    let is_on = |number| data.u8(number).unwrap_or(0) != 0;
    let ciphers = [
        MACSEC_DEFAULT_CIPHER_ID,
        MACSEC_CIPHER_ID_GCM_AES_128,
        MACSEC_CIPHER_ID_GCM_AES_256,
        MACSEC_CIPHER_ID_GCM_AES_XPN_128,
        MACSEC_CIPHER_ID_GCM_AES_XPN_256,
    ];
    let cipher = data.u64(IFLA_MACSEC_CIPHER_SUITE).unwrap_or(MACSEC_DEFAULT_CIPHER_ID);
    let icv_length = data.u8(IFLA_MACSEC_ICV_LEN).unwrap_or(ICV_LENGTH);
    let switches = IFLA_MACSEC_ENCODING_SA + 1..IFLA_MACSEC_VALIDATION;
    let exclusive = [IFLA_MACSEC_INC_SCI, IFLA_MACSEC_ES, IFLA_MACSEC_SCB].map(is_on);
    let wrong = !ciphers.contains(&cipher)
        || !(8..=16).contains(&icv_length)
        || data.u8(IFLA_MACSEC_ENCODING_SA).is_some_and(|number| number > 3)
        || switches.into_iter().any(|number| data.u8(number).is_some_and(|on| on > 1))
        || exclusive.into_iter().filter(|on| *on).count() > 1
        || data.u8(IFLA_MACSEC_VALIDATION).is_some_and(|value| value > STRICT)
        || is_on(IFLA_MACSEC_REPLAY_PROTECT) && !data.has(IFLA_MACSEC_WINDOW);
    if wrong { Err(Errno::EINVAL.into()) } else { Ok(()) }
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    let link = new.tb.u32(IFLA_LINK).ok_or(Errno::EINVAL)?;
    let below = world.by_index(new.source, link).ok_or(Errno::ENODEV)?;
    if world[below].hardware_type != ARPHRD_ETHER {
        return Err(Errno::EINVAL.into());
    }
    if new.data.u8(IFLA_MACSEC_OFFLOAD).unwrap_or(0) != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    if new.data.has(IFLA_MACSEC_SCI) && new.data.u8(IFLA_MACSEC_INC_SCI) == Some(0) {
        return Err(Errno::EINVAL.into());
    }
    let icv_length = new.data.u8(IFLA_MACSEC_ICV_LEN).unwrap_or(ICV_LENGTH);
    let around = TAG + u32::from(icv_length);
    world[new.device].mtu = world[below].mtu.saturating_sub(around);
    if world[below].rx_handler.is_some_and(|kind| *kind != TYPE) {
        return Err(Errno::EBUSY.into());
    }
    world[new.device].private = Some(Box::new(Macsec::new(below, icv_length)));
    world.register(new.device)?;
    world.link_upper(below, new.device, false)?;
    name_channel(world, new, below)?;
    change(world, new.device, new.data)?;
    join_port(world, below, new.device)?;
    world.transfer_state(below, new.device);
    world.watch(new.device);
    Ok(())
}

impl Macsec {
    fn new(lower: DeviceId, icv_length: u8) -> Macsec {
        Macsec {
            lower,
            place: None,
            sci: [0; 8],
            icv_length,
            cipher: MACSEC_DEFAULT_CIPHER_ID,
            window: 0,
            encoding_sa: 0,
            encrypt: false,
            protect: true,
            send_sci: true,
            end_station: false,
            scb: false,
            replay_protect: false,
            validation: STRICT,
        }
    }

    /// Bytes that a frame grows by.
    fn around(&self) -> u32 {
        TAG + u32::from(self.icv_length)
    }
}

/// Gives the channel its identifier, which no sibling has. Only now is the device's address known.
fn name_channel(world: &mut World, new: &NewLink<'_>, below: DeviceId) -> Result<(), Refusal> {
    let address = world[new.device].address;
    let of_port = |port: u16| {
        let ([a, b, c, d, e, f], [high, low]) = (address, port.to_be_bytes());
        [a, b, c, d, e, f, high, low]
    };
    let port = new.data.u16_be(IFLA_MACSEC_PORT).unwrap_or(PORT);
    let sci = new.data.get(IFLA_MACSEC_SCI).map_or(of_port(port), |attr| attr.first());
    if members(world, below).into_iter().any(|other| state(world, other).is_some_and(|own| own.sci == sci)) {
        return Err(Errno::EBUSY.into());
    }
    if let Some(own) = world[new.device].private_mut::<Macsec>() {
        // An identifier of ones is none.
        own.sci = if sci == [0xff; 8] { of_port(PORT) } else { sci };
    }
    Ok(())
}

fn join_port(world: &mut World, below: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    let device = &mut world[below];
    if device.attached::<Port>().is_none() {
        device.check_rx_handler()?;
        device.rx_handler = Some(&TYPE);
        device.attach(Port::default());
    }
    let Some(port) = device.attached_mut::<Port>() else { return Ok(()) };
    let place = port.places;
    port.places += 1;
    port.members.insert(place, id);
    if let Some(own) = world[id].private_mut::<Macsec>() {
        own.place = Some(place);
    }
    Ok(())
}

/// Changes what a request names (`macsec_changelink_common`); on a refusal nothing.
fn change(world: &mut World, id: DeviceId, data: &Tb<'_>) -> Result<(), Refusal> {
    let own = world[id].private_mut::<Macsec>().ok_or(Errno::EOPNOTSUPP)?;
    let mut next = own.clone();
    let switch = |number, present| data.u8(number).map_or(present, |on| on != 0);
    next.encoding_sa = data.u8(IFLA_MACSEC_ENCODING_SA).unwrap_or(next.encoding_sa);
    next.encrypt = switch(IFLA_MACSEC_ENCRYPT, next.encrypt);
    next.protect = switch(IFLA_MACSEC_PROTECT, next.protect);
    next.send_sci = switch(IFLA_MACSEC_INC_SCI, next.send_sci);
    next.end_station = switch(IFLA_MACSEC_ES, next.end_station);
    next.scb = switch(IFLA_MACSEC_SCB, next.scb);
    next.replay_protect = switch(IFLA_MACSEC_REPLAY_PROTECT, next.replay_protect);
    next.validation = data.u8(IFLA_MACSEC_VALIDATION).unwrap_or(next.validation);
    next.cipher = match data.u64(IFLA_MACSEC_CIPHER_SUITE) {
        // It is told under its old number.
        Some(MACSEC_CIPHER_ID_GCM_AES_128) => MACSEC_DEFAULT_CIPHER_ID,
        cipher => cipher.unwrap_or(next.cipher),
    };
    let extended = [MACSEC_CIPHER_ID_GCM_AES_XPN_128, MACSEC_CIPHER_ID_GCM_AES_XPN_256];
    if let Some(window) = data.u32(IFLA_MACSEC_WINDOW) {
        if extended.contains(&next.cipher) && window > XPN_WINDOW {
            return Err(Errno::EINVAL.into());
        }
        next.window = window;
    }
    *own = next;
    Ok(())
}

fn changelink(world: &mut World, id: DeviceId, _: &Tb<'_>, data: &Tb<'_>) -> Result<(), Refusal> {
    let fixed = [IFLA_MACSEC_CIPHER_SUITE, IFLA_MACSEC_ICV_LEN, IFLA_MACSEC_SCI, IFLA_MACSEC_PORT];
    if fixed.into_iter().any(|number| data.has(number)) {
        return Err(Errno::EINVAL.into());
    }
    change(world, id, data)
}

fn fill(world: &World, id: DeviceId, out: &mut Builder) {
    let Some(own) = state(world, id) else { return };
    out.align64(IFLA_MACSEC_PAD);
    out.put(IFLA_MACSEC_SCI, &own.sci);
    out.u8(IFLA_MACSEC_ICV_LEN, own.icv_length);
    out.u64_aligned(IFLA_MACSEC_CIPHER_SUITE, own.cipher, IFLA_MACSEC_PAD);
    out.u8(IFLA_MACSEC_ENCODING_SA, own.encoding_sa);
    for (number, on) in [
        (IFLA_MACSEC_ENCRYPT, own.encrypt),
        (IFLA_MACSEC_PROTECT, own.protect),
        (IFLA_MACSEC_INC_SCI, own.send_sci),
        (IFLA_MACSEC_ES, own.end_station),
        (IFLA_MACSEC_SCB, own.scb),
        (IFLA_MACSEC_REPLAY_PROTECT, own.replay_protect),
    ] {
        out.u8(number, u8::from(on));
    }
    out.u8(IFLA_MACSEC_VALIDATION, own.validation);
    if own.replay_protect {
        out.u32(IFLA_MACSEC_WINDOW, own.window);
    }
}

fn dellink(world: &mut World, id: DeviceId, dying: &mut Vec<DeviceId>) {
    dying.push(id);
    let Some(below) = lower(world, id) else { return };
    let place = world[id].private_mut::<Macsec>().and_then(|own| own.place.take());
    if let Some((port, place)) = world[below].attached_mut::<Port>().zip(place) {
        port.members.remove(&place);
        if port.members.is_empty() {
            world[below].rx_handler = None;
            world[below].detach::<Port>();
        }
    }
    world.unlink_upper(below, id);
}

fn init(world: &mut World, id: DeviceId) -> Result<(), Refusal> {
    let below = lower(world, id).ok_or(Errno::ENODEV)?;
    let (address, broadcast) = (world[below].address, world[below].broadcast);
    let origin = world[below].address_origin;
    let device = &mut world[id];
    device.features = Features::UNTAGGED;
    if device.address == [0; 6] {
        device.address = address;
        device.address_origin = origin;
    }
    if device.broadcast == [0; 6] {
        device.broadcast = broadcast;
    }
    Ok(())
}

// Up and down, addresses, MTU.

fn open(world: &mut World, id: DeviceId) -> Result<(), Refusal> {
    let below = lower(world, id).ok_or(Errno::ENODEV)?;
    let address = world[id].address;
    world.add_unicast(below, address);
    count_reception(world, id, below, true);
    if world[below].carrier {
        world.carrier_on(id);
    }
    Ok(())
}

fn stop(world: &mut World, id: DeviceId) {
    let Some(below) = lower(world, id) else { return };
    let address = world[id].address;
    world.carrier_off(id);
    world.unsync_unicast(id, below);
    count_reception(world, id, below, false);
    world.remove_unicast(below, address);
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

fn change_rx_flags(world: &mut World, id: DeviceId, changed: u32) {
    let Some(below) = lower(world, id).filter(|_| world[id].is_up()) else { return };
    let flags = world[id].flags;
    if changed & IFF_ALLMULTI != 0 {
        world.set_allmulti(below, flags & IFF_ALLMULTI != 0);
    }
    if changed & IFF_PROMISC != 0 {
        world.set_promiscuity(below, flags & IFF_PROMISC != 0);
    }
}

fn set_address(world: &mut World, id: DeviceId, address: Mac) -> Result<(), Refusal> {
    if !is_valid_ether_addr(&address) {
        return Err(Errno::EADDRNOTAVAIL.into());
    }
    let old = std::mem::replace(&mut world[id].address, address);
    if let Some(below) = lower(world, id).filter(|_| world[id].is_up()) {
        world.add_unicast(below, address);
        world.remove_unicast(below, old);
    }
    Ok(())
}

/// The largest MTU over a lower device; like Linux, it wraps around where that has no room for the tag.
fn largest_mtu(world: &World, id: DeviceId, below: DeviceId) -> u32 {
    world[below].mtu.wrapping_sub(state(world, id).map_or(0, Macsec::around))
}

fn change_mtu(world: &mut World, id: DeviceId, mtu: u32) -> Result<(), Refusal> {
    let below = lower(world, id).ok_or(Errno::ENODEV)?;
    if largest_mtu(world, id, below) < mtu {
        return Err(Errno::ERANGE.into());
    }
    world[id].mtu = mtu;
    Ok(())
}

/// Frames go nowhere: no association has a key.
fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    world[id].counters.tx_dropped += batch.len() as u64;
    world.discard_all(Some(id), batch, Drop::NoPeer);
}

/// What happens below.
fn event(world: &mut World, below: DeviceId, event: Event) -> Result<(), Refusal> {
    let members = members(world, below);
    match event {
        Event::Up | Event::Down | Event::Change => {
            members.into_iter().for_each(|id| world.transfer_state(below, id));
        }
        Event::ChangeMtu => {
            for id in members {
                let mtu = largest_mtu(world, id, below);
                if world[id].mtu > mtu {
                    let _ = world.set_mtu(id, mtu);
                }
            }
        }
        Event::Unregister if !members.is_empty() => {
            let mut dying = Vec::new();
            members.into_iter().for_each(|id| dellink(world, id, &mut dying));
            world.unregister(&dying);
        }
        _ => {}
    }
    Ok(())
}
