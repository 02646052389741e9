//! Makes a link (`rtnl_newlink_create`, `rtnl_create_link`, `rtnl_configure_link`).

use super::{Asker, link::Request, named_netns, setlink};
use crate::device::{AddressOrigin, DeviceId, Name, segmentation::*};
use crate::link::{NewLink, Type};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::link::*;
use rtnl::table::Tb;

/// Queues of one direction at most.
const QUEUES: u32 = 4096;

/// Makes the link that the request describes, or leaves nothing behind.
pub(crate) fn create(world: &mut World, asker: Asker, request: &Request<'_>) -> Result<(), Refusal> {
    let tb = &request.tb;
    if tb.has(IFLA_MAP) || tb.has(IFLA_PROTINFO) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let kind = match request.kind {
        Some(kind) => kind,
        None => return Err(Refusal::said(Errno::EOPNOTSUPP, "Unknown device type")),
    };
    let target = named_netns(world, asker.netns, tb)?.unwrap_or(asker.netns);
    let link_netns = match tb.get(IFLA_LINK_NETNSID) {
        None => None,
        Some(attr) => {
            let unknown = Refusal::said(Errno::EINVAL, "Unknown network namespace id");
            Some(world.space(target)?.peer(attr.u32()).ok_or(unknown)?)
        }
    };
    let wanted = match tb.string(IFLA_IFNAME) {
        Some(name) => Name::new(name),
        None => Name::new(format!("{}%d", kind.kind).as_bytes()),
    };
    let source = link_netns.unwrap_or(asker.netns);
    let empty = Tb::empty();
    let id = allocate(world, kind, link_netns.unwrap_or(target), wanted, tb)?;
    world[id].ifindex = request.info.ifindex as u32;
    let data = request.data.as_ref().unwrap_or(&empty);
    if let Err(refusal) = (kind.newlink)(world, &NewLink { device: id, source, tb, data }) {
        abandon(world, id);
        return Err(refusal);
    }
    let finished = finish(world, id, request, link_netns.map(|_| (target, wanted)));
    if finished.is_err() {
        let _ = world.delete(id);
    }
    finished
}

/// A device with the request's general attributes, not yet registered (`rtnl_create_link`).
///
/// # Errors
/// EINVAL for numbers of queues or an MTU that are out of range.
pub(crate) fn allocate(
    world: &mut World,
    kind: &'static Type,
    netns: NetnsId,
    name: Name,
    tb: &Tb<'_>,
) -> Result<DeviceId, Refusal> {
    let queues = |number, sentence| match tb.u32(number) {
        Some(count) if !(1..=QUEUES).contains(&count) => Err(Refusal::said(Errno::EINVAL, sentence)),
        count => Ok(count),
    };
    let transmit = queues(IFLA_NUM_TX_QUEUES, "Invalid number of transmit queues")?;
    let receive = queues(IFLA_NUM_RX_QUEUES, "Invalid number of receive queues")?;
    let id = world.allocate(kind, netns, name)?;
    if let Some(mtu) = tb.u32(IFLA_MTU) {
        if let Err(refusal) = world.validate_mtu(id, mtu) {
            world.release(id);
            return Err(refusal);
        }
        world[id].mtu = mtu;
    }
    let device = &mut world[id];
    device.tx_queues = transmit.unwrap_or(device.tx_queues);
    device.rx_queues = receive.unwrap_or(device.rx_queues);
    if let Some(attr) = tb.get(IFLA_ADDRESS) {
        device.address = attr.first();
        device.address_origin = AddressOrigin::Set;
    }
    if let Some(attr) = tb.get(IFLA_BROADCAST) {
        device.broadcast = attr.first();
    }
    device.txqlen = tb.u32(IFLA_TXQLEN).unwrap_or(device.txqlen);
    device.link_mode = tb.u8(IFLA_LINKMODE).unwrap_or(device.link_mode);
    device.group = tb.u32(IFLA_GROUP).unwrap_or(device.group);
    let limits = [
        (IFLA_GSO_MAX_SIZE, GSO_MAX_SIZE),
        (IFLA_GSO_MAX_SEGS, GSO_MAX_SEGS),
        (IFLA_GRO_MAX_SIZE, GRO_MAX_SIZE),
    ];
    for (number, place) in limits {
        device.segmentation[place] = tb.u32(number).unwrap_or(device.segmentation[place]);
    }
    if let Some(state) = tb.u8(IFLA_OPERSTATE) {
        world.set_operstate(id, state);
    }
    Ok(id)
}

/// Removes a device that its type did not register, or registered before it failed.
fn abandon(world: &mut World, id: DeviceId) {
    if world.get(id).is_none() {
        return;
    }
    if world[id].registration == crate::device::Registration::Uninitialized {
        world.release(id);
    } else {
        world.unregister(&[id]);
    }
}

/// What follows once the link stands: flags, the move out of the namespace of what it stands on, its master.
fn finish(
    world: &mut World,
    id: DeviceId,
    request: &Request<'_>,
    onward: Option<(NetnsId, Name)>,
) -> Result<(), Refusal> {
    configure(world, id, &request.info)?;
    if let Some((target, name)) = onward {
        world.change_netns(id, target, Some(name.bytes()), None)?;
    }
    if let Some(master) = request.tb.u32(IFLA_MASTER) {
        setlink::set_master(world, id, master)?;
    }
    Ok(())
}

/// Flags of a link that was just made, and the first word of it to all (`rtnl_configure_link`).
///
/// # Errors
/// What refuses to go up.
pub(crate) fn configure(world: &mut World, id: DeviceId, info: &Ifinfo) -> Result<(), Refusal> {
    let (old, introduced) = (world[id].flags, world[id].introduced);
    if info.flags != 0 || info.change != 0 {
        let flags = setlink::combine_flags(world, id, info);
        world.raw_change_flags(id, flags)?;
    }
    world[id].introduced = true;
    // A type may have told of it already.
    let announced = if introduced { old ^ world[id].flags } else { u32::MAX };
    world.notify_flags(id, old, announced);
    Ok(())
}
