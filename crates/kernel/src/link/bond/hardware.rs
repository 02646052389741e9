//! What kind of link a bond is: that of its first slave (`bond_enslave`, `bond_setup_by_slave`, `bond_ether_setup`).
//!
//! A bond keeps the kind when its slaves leave, until the next first slave. One that becomes Ethernet again is as a new
//! Ethernet device in everything that such a device is born with.

use crate::device::{BROADCAST, DeviceId};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::kind::bond::BOND_MODE_8023AD;
use rtnl::message::Refusal;
use rtnl::object::link::{
    ARPHRD_ETHER, IFF_BROADCAST, IFF_MASTER, IFF_MULTICAST, IFF_NOARP, IFF_POINTOPOINT, IFF_SLAVE, IFF_UP,
};

/// The first slave decides what kind of link the bond is; the others must be of the same.
///
/// # Errors
/// EINVAL for a slave of another kind than the others, and for one that is not Ethernet where LACP is spoken; EBUSY if
/// what stands on the bond, or the bridge that it is a port of, does not bear the change.
pub(super) fn take(world: &mut World, bond: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    let (own, kind) = (world[bond].hardware_type, world[id].hardware_type);
    if own == kind {
        return Ok(());
    }
    let state = super::of(world, bond);
    if !state.slaves.is_empty() {
        return Err(Refusal::said(Errno::EINVAL, "Device type is different from other slaves"));
    }
    if kind != ARPHRD_ETHER && state.params.mode == BOND_MODE_8023AD {
        return Err(Refusal::said(Errno::EINVAL, "8023AD mode requires Ethernet devices"));
    }
    let changed = world.change_hardware(bond, |world| {
        if kind == ARPHRD_ETHER {
            become_ethernet(world, bond);
        } else {
            follow(world, bond, id);
        }
    });
    changed.map_err(|_| Errno::EBUSY.into())
}

/// A bond whose first slave did not come after all is Ethernet again, and down.
pub(super) fn give_up(world: &mut World, bond: DeviceId) {
    if world[bond].hardware_type != ARPHRD_ETHER {
        world.close(bond);
        become_ethernet(world, bond);
    }
}

/// The bond becomes what the slave is; what is up goes down for that time.
fn follow(world: &mut World, bond: DeviceId, id: DeviceId) {
    let was_up = world[bond].is_up();
    world.close(bond);
    let slave = &world[id];
    let (kind, length, broadcast) = (slave.hardware_type, slave.address_length, slave.broadcast);
    let has_one_end = slave.flags & IFF_POINTOPOINT != 0;
    let device = &mut world[bond];
    (device.hardware_type, device.address_length, device.broadcast) = (kind, length, broadcast);
    if has_one_end {
        device.flags &= !(IFF_BROADCAST | IFF_MULTICAST);
        device.flags |= IFF_POINTOPOINT | IFF_NOARP;
    }
    if was_up {
        let _ = world.open(bond);
    }
}

fn become_ethernet(world: &mut World, bond: DeviceId) {
    const MTU: u32 = 1500;
    const LEAST_MTU: u32 = 68;
    const QUEUE: u32 = 1000;
    let device = &mut world[bond];
    device.hardware_type = ARPHRD_ETHER;
    device.address_length = 6;
    device.broadcast = BROADCAST;
    (device.mtu, device.min_mtu, device.max_mtu) = (MTU, LEAST_MTU, MTU);
    device.txqlen = QUEUE;
    device.flags = device.flags & (IFF_SLAVE | IFF_UP) | IFF_BROADCAST | IFF_MULTICAST | IFF_MASTER;
}
