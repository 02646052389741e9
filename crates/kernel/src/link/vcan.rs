//! `vcan`: a CAN bus inside the host, without anybody else on it (`drivers/net/can/vcan.c` with `echo=0`).
//!
//! What programs hear of one another comes from the socket layer (`host/can.rs`); the device only counts.

use super::{Event, Type};
use crate::device::{Device, DeviceId};
use crate::features::Features;
use crate::frame::PacketKind;
use crate::host::can;
use crate::run::{Batch, Drop};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::link::{ARPHRD_CAN, IFF_NOARP};

/// Bytes of a CAN frame (`struct can_frame`, `CAN_MTU`).
pub(super) const CAN_MTU: u32 = 16;
/// Bytes of a CAN FD frame (`struct canfd_frame`, `CANFD_MTU`).
pub(super) const CANFD_MTU: u32 = 72;
/// Bytes of a CAN XL frame with 64 to 2048 bytes of data (`CANXL_MIN_MTU`, `CANXL_MAX_MTU`).
const CANXL_MTU: std::ops::RangeInclusive<u32> = 76..=2060;

/// The type.
pub static TYPE: Type = Type {
    kind: "vcan",
    setup,
    checks_address: false,
    set_address: None,
    change_mtu: Some(change_mtu),
    transmit: Some(transmit),
    receive_all: Some(can::receive),
    event: Some(event),
    takes_groups: false,
    ..Type::DEFAULT
};

/// A device on a CAN bus: no addresses, no resolution, no queue.
pub(super) fn setup(device: &mut Device) {
    device.hardware_type = ARPHRD_CAN;
    device.address_length = 0;
    device.broadcast = [0; 6];
    device.flags = IFF_NOARP;
    device.mtu = CANFD_MTU;
    device.min_mtu = 0;
    device.max_mtu = 0;
    device.features = Features::NONE;
    device.abilities.no_queue = true;
}

/// Counts what is sent (`vcan_tx`), and as received what comes back to the host's programs.
fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let bytes = can::drop_invalid(world, id, batch);
    let (mut echoed, mut echoed_bytes) = (0, 0);
    for frame in batch.frames() {
        if world.run.pool.meta(*frame).kind == PacketKind::Host {
            let parsed = wire::Can::parse(world.run.pool.bytes(*frame));
            echoed += 1;
            echoed_bytes += parsed.map_or(0, |parsed| parsed.data_length() as u64);
        }
    }
    let counters = &mut world[id].counters;
    counters.tx_packets += batch.len() as u64;
    counters.tx_bytes += bytes;
    counters.rx_packets += echoed;
    counters.rx_bytes += echoed_bytes;
    world.discard_all(Some(id), batch, Drop::Consumed);
}

/// Programs that listen hear what becomes of the device.
pub(super) fn event(world: &mut World, id: DeviceId, event: Event) -> Result<(), Refusal> {
    match event {
        Event::Down => can::device_went(world, id, Errno::ENETDOWN),
        Event::Unregister => can::device_went(world, id, Errno::ENODEV),
        _ => {}
    }
    Ok(())
}

/// The MTU says which frames the device takes, and changes only while it is down.
pub(super) fn change_mtu(world: &mut World, id: DeviceId, mtu: u32) -> Result<(), Refusal> {
    let device = &mut world[id];
    if device.is_up() {
        return Err(Errno::EBUSY.into());
    }
    if mtu != CAN_MTU && mtu != CANFD_MTU && !CANXL_MTU.contains(&mtu) {
        return Err(Errno::EINVAL.into());
    }
    device.mtu = mtu;
    Ok(())
}
