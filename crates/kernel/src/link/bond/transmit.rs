//! Sending (`bond_start_xmit`): the mode chooses the slaves.
//!
//! Left out: `queue_id`, which chooses for frames that a queue of hardware recorded.

use super::hash::hash;
use super::{Bond, alb, of, of_mut, slave};
use crate::device::DeviceId;
use crate::frame::FrameId;
use crate::run::{Batch, Drop, Step};
use crate::world::World;
use rtnl::kind::bond::*;
use rtnl::kind::bond_slave::BOND_LINK_UP;
use wire::{ethertype, protocol};

/// Sends frames through the slaves that the mode chooses.
pub(super) fn transmit(world: &mut World, bond: DeviceId, batch: &mut Batch) {
    match of(world, bond).params.mode {
        BOND_MODE_ACTIVEBACKUP => match of(world, bond).active {
            Some(active) => world.forward_all(active, Step::Transmit, batch),
            None => drop_all(world, bond, batch),
        },
        BOND_MODE_ROUNDROBIN => each(world, bond, batch, next_in_turn),
        BOND_MODE_BROADCAST => broadcast(world, bond, batch),
        BOND_MODE_TLB | BOND_MODE_ALB => alb::transmit(world, bond, batch),
        _ => each(world, bond, batch, by_hash),
    }
}

fn drop_all(world: &mut World, bond: DeviceId, batch: &mut Batch) {
    world[bond].counters.tx_dropped += batch.len() as u64;
    world.discard_all(Some(bond), batch, Drop::NoPeer);
}

/// Every frame goes through a slave of its own, or nowhere.
fn each(
    world: &mut World,
    bond: DeviceId,
    batch: &mut Batch,
    choose: fn(&mut World, DeviceId, FrameId) -> Option<DeviceId>,
) {
    for frame in batch.frames() {
        match choose(world, bond, *frame) {
            Some(id) => world.forward(id, Step::Transmit, *frame),
            None => {
                world[bond].counters.tx_dropped += 1;
                world.discard(Some(bond), *frame, Drop::NoPeer);
            }
        }
    }
    batch.clear();
}

/// The slave of that place, or the next that may send.
fn from_place(world: &World, state: &Bond, place: usize) -> Option<DeviceId> {
    let (before, behind) = state.slaves.split_at_checked(place)?;
    behind.iter().chain(before).copied().find(|id| slave::can_send(world, *id))
}

/// One after the other; memberships of groups are always reported through the same (`bond_xmit_roundrobin`).
fn next_in_turn(world: &mut World, bond: DeviceId, frame: FrameId) -> Option<DeviceId> {
    const PROTOCOL_AT: usize = 14 + 9;
    let pool = &world.run.pool;
    let ip = pool.ethertype(frame) == ethertype::IPV4 && pool.length(frame) >= 14 + 20;
    if ip && pool.bytes(frame).get(PROTOCOL_AT) == Some(&protocol::IGMP) {
        let state = of(world, bond);
        return state.active.or_else(|| from_place(world, state, 0));
    }
    let state = of_mut(world, bond);
    let in_a_row = state.params.packets_per_slave;
    let turn = match in_a_row {
        0 => world.random() as u32,
        _ => {
            state.sent = state.sent.wrapping_add(1);
            state.sent / in_a_row
        }
    };
    let state = of(world, bond);
    let place = turn as usize % state.slaves.len().max(1);
    from_place(world, state, place)
}

/// By a hash of the frame, among the slaves that may send (`bond_3ad_xor_xmit`).
fn by_hash(world: &mut World, bond: DeviceId, frame: FrameId) -> Option<DeviceId> {
    let state = of(world, bond);
    let usable = state.usable.as_ref().filter(|usable| !usable.is_empty())?;
    if let [only] = usable.as_slice() {
        return Some(*only);
    }
    let hash = hash_of(world, state, frame);
    usable.get(hash as usize % usable.len()).copied()
}

/// The hash of a frame by the bond's policy.
fn hash_of(world: &World, state: &Bond, frame: FrameId) -> u32 {
    let (bytes, tag) = (world.run.pool.bytes(frame), world.run.pool.meta(frame).tag);
    hash(state.params.xmit_policy, bytes, tag)
}

/// Through every slave that is up (`bond_xmit_broadcast`).
fn broadcast(world: &mut World, bond: DeviceId, batch: &mut Batch) {
    let sends = |id: &DeviceId| {
        slave::is_up(world, *id) && slave::of(world, *id).is_some_and(|slave| slave.link == BOND_LINK_UP)
    };
    let slaves: Vec<DeviceId> = of(world, bond).slaves.iter().copied().filter(sends).collect();
    let Some((last, others)) = slaves.split_last() else { return drop_all(world, bond, batch) };
    for id in others {
        for frame in batch.frames() {
            if let Some(copy) = world.run.pool.share(*frame) {
                world.forward(*id, Step::Transmit, copy);
            }
        }
    }
    world.forward_all(*last, Step::Transmit, batch);
}
