//! Whose address each slave has: the one in use that of the bond, the others one of those that the slaves came with.
//!
//! In tlb only Linux's note of the address is changed, so that nobody is told; in alb the device's address is.

use super::{clients, forget_peers, hurry_rebalance, teach};
use crate::device::{DeviceId, Mac};
use crate::link::bond::{of, of_mut, slave};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::kind::bond::BOND_MODE_TLB;
use rtnl::message::Refusal;

/// Gives a slave an address (`alb_set_slave_mac_addr`).
fn set(world: &mut World, bond: DeviceId, id: DeviceId, address: Mac) -> Result<(), Refusal> {
    if of(world, bond).params.mode != BOND_MODE_TLB {
        return world.set_address(id, address).map_err(|_| Errno::EOPNOTSUPP.into());
    }
    world[id].address = address;
    Ok(())
}

/// The slave that has an address (`bond_slave_has_mac`).
fn holder(world: &World, bond: DeviceId, address: Mac) -> Option<DeviceId> {
    of(world, bond).slaves.iter().copied().find(|id| world[*id].address == address)
}

/// A device that is about to be a slave gets its own address back, if no other slave has it (`bond_alb_init_slave`).
pub(in crate::link::bond) fn init_slave(
    world: &mut World,
    bond: DeviceId,
    id: DeviceId,
    permanent: Mac,
) -> Result<(), Refusal> {
    set(world, bond, id, permanent)?;
    settle_collision(world, bond, id, permanent)?;
    hurry_rebalance(world, bond);
    Ok(())
}

/// One whose address another has gets one that none has (`alb_handle_addr_collision_on_attach`).
fn settle_collision(world: &mut World, bond: DeviceId, id: DeviceId, permanent: Mac) -> Result<(), Refusal> {
    let state = of(world, bond);
    if state.slaves.is_empty() {
        return Ok(());
    }
    let own = world[bond].address;
    if permanent != own {
        if holder(world, bond, world[id].address).is_none() {
            return Ok(());
        }
        // What follows finds another one for it.
        let _ = set(world, bond, id, own);
    }
    let came_with = |id: &DeviceId| slave::of(world, *id).map(|slave| slave.permanent);
    let state = of(world, bond);
    let free =
        state.slaves.iter().filter_map(came_with).find(|address| holder(world, bond, *address).is_none());
    match free {
        Some(free) => {
            let _ = set(world, bond, id, free);
            Ok(())
        }
        None if state.active.is_some() || holder(world, bond, own).is_some() => Err(Errno::EFAULT.into()),
        None => Ok(()),
    }
}

fn swap(world: &mut World, bond: DeviceId, one: DeviceId, other: DeviceId) {
    let (first, second) = (world[one].address, world[other].address);
    let _ = set(world, bond, one, second);
    let _ = set(world, bond, other, first);
    // Switches and peers are told where the addresses are now (`alb_fasten_mac_swap`).
    let sends = [one, other].map(|id| slave::can_send(world, id));
    for (id, sends) in [one, other].into_iter().zip(sends) {
        if sends {
            let own = world[id].address;
            teach(world, bond, id, own);
            clients::tell_of(world, bond, id);
        }
    }
    if sends[0] != sends[1] {
        let silent = if sends[0] { other } else { one };
        let address = world[silent].address;
        clients::teach_by_active(world, bond, address);
    }
}

/// The address that a slave came with, and that another has, goes with it (`alb_change_hw_addr_on_detach`).
pub(super) fn give_back(world: &mut World, bond: DeviceId, id: DeviceId) {
    let Some(permanent) = slave::of(world, id).map(|slave| slave.permanent) else { return };
    if permanent == world[id].address || permanent == world[bond].address {
        return;
    }
    if let Some(holder) = holder(world, bond, permanent) {
        swap(world, bond, id, holder);
    }
}

/// Another slave is in use, and gets the bond's address (`bond_alb_handle_active_change`).
pub(in crate::link::bond) fn use_slave(world: &mut World, bond: DeviceId, new: Option<DeviceId>) {
    let old = of(world, bond).active;
    clients::end_promiscuity(world, bond);
    of_mut(world, bond).active = new;
    let Some(new) = new.filter(|_| !of(world, bond).slaves.is_empty()) else { return };
    let own = world[bond].address;
    let old = old.or_else(|| holder(world, bond, own));
    old.into_iter().for_each(|old| forget_peers(world, bond, old, true));
    forget_peers(world, bond, new, true);
    match old {
        Some(old) => swap(world, bond, old, new),
        None => {
            let _ = set(world, bond, new, own);
            teach(world, bond, new, own);
        }
    }
}

/// The bond gets another address, and with it the slave in use (`bond_alb_set_mac_address`).
pub(in crate::link::bond) fn set_address(world: &mut World, bond: DeviceId, address: Mac) {
    world[bond].address = address;
    let Some(active) = of(world, bond).active else { return };
    match holder(world, bond, address) {
        Some(holder) => swap(world, bond, holder, active),
        None => {
            let _ = set(world, bond, active, address);
            teach(world, bond, active, address);
            clients::tell_of(world, bond, active);
        }
    }
}
