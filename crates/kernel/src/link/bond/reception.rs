//! What slaves receive: promiscuity, all multicast, and the extra addresses that are asked of the bond. In the modes
//! with one slave in use only that one is asked; in the others every slave (`bond_set_promiscuity`,
//! `bond_hw_addr_swap`, `dev_uc_sync_multiple`).

use super::slave::of_slave;
use super::{of, receives};
use crate::asked::Asked;
use crate::device::DeviceId;
use crate::world::World;
use rtnl::kind::bond::BOND_MODE_8023AD;
use rtnl::object::link::{IFF_ALLMULTI, IFF_PROMISC};
use wire::lacp::ADDRESS as SLOW_PROTOCOLS;

/// The slaves that are asked.
fn asked(world: &World, bond: DeviceId) -> Vec<DeviceId> {
    let state = of(world, bond);
    if state.uses_primary() { state.active.into_iter().collect() } else { state.slaves.clone() }
}

/// PROMISC or ALLMULTI changed at the bond.
pub(super) fn change_flags(world: &mut World, bond: DeviceId, changed: u32) {
    let [promisc, allmulti] = receives(world, bond);
    for id in asked(world, bond) {
        if changed & IFF_PROMISC != 0 {
            world.set_promiscuity(id, promisc);
        }
        if changed & IFF_ALLMULTI != 0 {
            world.set_allmulti(id, allmulti);
        }
    }
}

/// The extra addresses changed at the bond.
pub(super) fn sync_all(world: &mut World, bond: DeviceId) {
    for id in asked(world, bond) {
        sync(world, bond, id);
    }
}

/// A slave came.
pub(super) fn begin(world: &mut World, bond: DeviceId, id: DeviceId) {
    set_flags(world, id, receives(world, bond), true);
    if world[bond].is_up() {
        sync(world, bond, id);
        if of(world, bond).params.mode == BOND_MODE_8023AD {
            ask_for_lacp(world, id);
        }
    }
}

/// A slave went. The flags are those that the bond had before.
pub(super) fn end(world: &mut World, id: DeviceId, flags: [bool; 2], bond_up: bool) {
    set_flags(world, id, flags, false);
    if bond_up {
        unsync(world, id);
    }
}

fn set_flags(world: &mut World, id: DeviceId, [promisc, allmulti]: [bool; 2], on: bool) {
    if promisc {
        world.set_promiscuity(id, on);
    }
    if allmulti {
        world.set_allmulti(id, on);
    }
}

/// Another slave is in use.
pub(super) fn swap(world: &mut World, bond: DeviceId, new: Option<DeviceId>, old: Option<DeviceId>) {
    let (flags, up) = (receives(world, bond), world[bond].is_up());
    if let Some(old) = old {
        set_flags(world, old, flags, false);
        if up {
            unsync(world, old);
        }
    }
    if let Some(new) = new {
        set_flags(world, new, flags, true);
        if up {
            sync(world, bond, new);
        }
    }
}

/// A slave listens for LACP.
pub(super) fn ask_for_lacp(world: &mut World, id: DeviceId) {
    if let Some(slave) = of_slave(world, id) {
        if !std::mem::replace(&mut slave.hears_lacp, true) {
            world.add_group(id, SLOW_PROTOCOLS);
        }
    }
}

fn sync(world: &mut World, bond: DeviceId, id: DeviceId) {
    let wanted = world.extra_addresses(bond);
    ask(world, id, wanted);
}

/// Asks a slave for nothing any more.
pub(super) fn unsync(world: &mut World, id: DeviceId) {
    ask(world, id, Asked::default());
    if let Some(slave) = of_slave(world, id) {
        if std::mem::take(&mut slave.hears_lacp) {
            world.remove_group(id, &SLOW_PROTOCOLS);
        }
    }
}

fn ask(world: &mut World, id: DeviceId, wanted: Asked) {
    let Some(slave) = of_slave(world, id) else { return };
    let (bond, before) = (slave.bond, std::mem::replace(&mut slave.asked, wanted.clone()));
    world.ask_for_addresses(bond, id, &before, &wanted);
}
