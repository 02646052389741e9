//! Frames to groups: to the ports behind which somebody listens, if snooping knows, else to all
//! (`net/bridge/br_multicast.c`).
//!
//! Until a querier was heard, what is unknown is flooded; that is all that happens without snooping.

use super::frames::{Cast, Ingress, flood};
use crate::device::Mac;
use crate::frame::FrameId;
use crate::world::World;

/// Forwards a frame to a group.
pub(super) fn forward(world: &mut World, ingress: &Ingress, frame: FrameId, _group: &Mac, _vid: u16) {
    world[ingress.bridge].counters.multicast += u64::from(ingress.port.is_some());
    flood(world, ingress, frame, Cast::Multicast, true);
}
