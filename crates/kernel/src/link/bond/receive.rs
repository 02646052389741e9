//! Receiving (`bond_handle_frame`): what a slave receives, the bond receives, unless the slave is not in use.

use super::{alb, lacp, of, probe, slave};
use crate::device::DeviceId;
use crate::frame::PacketKind;
use crate::run::{Batch, Drop, Step};
use crate::world::World;
use rtnl::kind::bond::{BOND_MODE_8023AD, BOND_MODE_ALB};
use wire::ethertype;

/// Takes what a slave received. Frames to the link itself that come through a slave that is not in use stay there.
pub(super) fn receive(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let Some(slave) = slave::of(world, id) else { return };
    let (bond, inactive) = (slave.bond, slave.inactive);
    let address = world[id].address;
    if of(world, bond).params.mode == BOND_MODE_8023AD && world[bond].is_up() {
        hear_lacp(world, id, batch);
    }
    if of(world, bond).params.mode == BOND_MODE_ALB && world[bond].is_up() {
        for frame in batch.frames() {
            if world.run.pool.ethertype(*frame) == ethertype::ARP {
                alb::hear(world, bond, *frame);
            }
        }
    }
    if of(world, bond).params.arp_interval != 0 && world[bond].is_up() {
        for frame in batch.frames() {
            probe::hear(world, bond, id, *frame);
        }
    }
    if inactive {
        drop_suppressed(world, bond, id, batch);
    }
    // For whom a frame is, its slave's address decides.
    if address != world[bond].address {
        for frame in batch.frames() {
            let destination = world.run.pool.destination(*frame);
            let meta = world.run.pool.meta_mut(*frame);
            if destination[0] & 1 == 0 && meta.kind == PacketKind::Auto {
                let own = destination == address;
                meta.kind = if own { PacketKind::Host } else { PacketKind::OtherHost };
            }
        }
    }
    if !inactive {
        return world.forward_all(bond, Step::Receive, batch);
    }
    batch.retain(|frame| {
        let stays = is_link_local(world.run.pool.destination(frame));
        if !stays {
            world.forward(bond, Step::Receive, frame);
        }
        stays
    });
}

/// Takes out what is for LACP.
fn hear_lacp(world: &mut World, id: DeviceId, batch: &mut Batch) {
    batch.retain(|frame| {
        let pool = &world.run.pool;
        if pool.ethertype(frame) != ethertype::SLOW || pool.destination(frame) != wire::lacp::ADDRESS {
            return true;
        }
        let mut bytes = [0; wire::ethernet::LENGTH + wire::lacp::LENGTH];
        let heard = match pool.bytes(frame).get(..bytes.len()) {
            Some(head) => {
                bytes.copy_from_slice(head);
                lacp::hear(world, id, &bytes)
            }
            None => false,
        };
        if heard {
            world.discard(Some(id), frame, Drop::Consumed);
        }
        !heard
    });
}

/// 01:80:c2:00:00:0X: frames that no switch passes on.
fn is_link_local(destination: [u8; 6]) -> bool {
    destination[..5] == [0x01, 0x80, 0xc2, 0, 0] && destination[5] & 0xf0 == 0
}

/// Lets die what comes through a slave that is not in use: it came through the one that is as well. Where load is
/// balanced both ways, frames to one address come only once (`bond_should_deliver_exact_match`).
fn drop_suppressed(world: &mut World, bond: DeviceId, id: DeviceId, batch: &mut Batch) {
    let balances = of(world, bond).params.mode == BOND_MODE_ALB;
    batch.retain(|frame| {
        let destination = world.run.pool.destination(frame);
        let kept = is_link_local(destination) || balances && destination[0] & 1 == 0;
        if !kept {
            world.discard(Some(id), frame, Drop::NotInUse);
        }
        kept
    });
}
