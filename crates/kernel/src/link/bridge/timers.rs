//! The bridge's timers: one number each, from a kind and the number of a port.

use super::{multicast, of, routers, stp, table};
use crate::device::DeviceId;
use crate::timer::TimerId;
use crate::world::World;

/// Bits of a port's number in a timer's.
const NUMBER_BITS: u16 = 10;

/// What a port waits for; its number is added to these.
pub(super) mod of_port {
    use super::{NUMBER_BITS, TimerId};

    pub(in super::super) const FORWARD_DELAY: TimerId = 0;
    pub(in super::super) const MESSAGE_AGE: TimerId = 1 << NUMBER_BITS;
    pub(in super::super) const HOLD: TimerId = 2 << NUMBER_BITS;
    /// With number 0 the bridge itself.
    pub(in super::super) const QUERY: TimerId = 4 << NUMBER_BITS;
    /// Until the router that was heard of is forgotten; with number 0 that of the bridge itself.
    pub(in super::super) const ROUTER: TimerId = 5 << NUMBER_BITS;
    pub(in super::super) const ROUTER6: TimerId = 6 << NUMBER_BITS;
}

/// The end of a change of the topology.
pub(super) const TOPOLOGY_CHANGE: TimerId = 0;
/// The next hello.
pub(super) const HELLO: TimerId = 3 << NUMBER_BITS;
/// The next notice of a change of the topology.
pub(super) const NOTICE: TimerId = HELLO + 1;
/// The next clearing of the table.
pub(super) const CLEARING: TimerId = HELLO + 2;
/// The end of another querier.
pub(super) const OTHER_QUERIER: TimerId = 7 << NUMBER_BITS;
/// The same for IPv6.
pub(super) const OTHER_QUERIER6: TimerId = OTHER_QUERIER + 1;
/// The next member of a group that ends.
pub(super) const MEMBERS: TimerId = OTHER_QUERIER + 2;

/// A timer went off.
pub(super) fn go_off(world: &mut World, bridge: DeviceId, timer: TimerId) {
    let number = timer & ((1 << NUMBER_BITS) - 1);
    let port = of(world, bridge).ports.get(&number).copied();
    match (timer - number, timer) {
        (_, TOPOLOGY_CHANGE) => stp::topology_change_over(world, bridge),
        (_, HELLO) => stp::hello(world, bridge),
        (_, NOTICE) => stp::notice_again(world, bridge),
        (_, CLEARING) => table::clear(world, bridge, CLEARING),
        (_, MEMBERS) => multicast::end_members(world, bridge),
        (of_port::QUERY, _) => multicast::query_again(world, bridge, port),
        (kind, _) => {
            let Some(port) = port else { return };
            match kind {
                of_port::FORWARD_DELAY => stp::forward_delay_over(world, port),
                of_port::MESSAGE_AGE => stp::message_too_old(world, port),
                of_port::HOLD => stp::hold_over(world, port),
                of_port::ROUTER | of_port::ROUTER6 => routers::router_gone(world, port),
                _ => {}
            }
        }
    }
}
