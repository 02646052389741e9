//! Ports behind which there are routers: they get every group (`net/bridge/br_multicast.c`).
//!
//! A router is known by its queries, for as long as they come, or because a user says so.

use super::port::{Port, of_port, of_port_mut};
use super::stp::TICK;
use super::timers::of_port as port_timer;
use super::{mdb, of};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::object::mdb::*;

pub(super) fn leads_to_router(world: &World, id: DeviceId, v6: bool) -> bool {
    let Some(port) = of_port(world, id) else { return false };
    let timer = if v6 { port_timer::ROUTER6 } else { port_timer::ROUTER };
    port.multicast_router == MDB_RTR_TYPE_PERM
        || port.multicast_router != MDB_RTR_TYPE_DISABLED
            && world.timer(port.bridge, timer + port.number).is_some()
}

/// Whether a router of either family is behind a port.
pub(super) fn is_router_port(world: &World, id: DeviceId) -> bool {
    leads_to_router(world, id, false) || leads_to_router(world, id, true)
}

/// How long the routers of IPv4 and IPv6 behind a port are remembered, in ticks.
pub(super) fn router_times(world: &World, port: &Port) -> [u32; 2] {
    [port_timer::ROUTER, port_timer::ROUTER6]
        .map(|timer| (world.timer(port.bridge, timer + port.number).unwrap_or(0) / TICK) as u32)
}

/// A router was heard behind a port, or is the bridge itself (`br_multicast_mark_router`).
pub(super) fn mark_router(world: &mut World, bridge: DeviceId, port: Option<DeviceId>, v6: bool) {
    let timer = if v6 { port_timer::ROUTER6 } else { port_timer::ROUTER };
    let delay = of(world, bridge).multicast.querier_interval * TICK;
    let Some(id) = port else {
        if of(world, bridge).multicast.router == MDB_RTR_TYPE_TEMP_QUERY {
            world.set_timer(bridge, timer, delay);
        }
        return;
    };
    let Some((number, kind)) = of_port(world, id).map(|port| (port.number, port.multicast_router)) else {
        return;
    };
    if [MDB_RTR_TYPE_DISABLED, MDB_RTR_TYPE_PERM].contains(&kind) {
        return;
    }
    let fresh = !is_router_port(world, id);
    world.set_timer(bridge, timer + number, delay);
    if fresh {
        mdb::notify_router(world, bridge, id, RTM_NEWMDB);
    }
}

/// The router behind a port was not heard of for too long.
pub(super) fn router_gone(world: &mut World, id: DeviceId) {
    let Some((bridge, kind)) = of_port(world, id).map(|port| (port.bridge, port.multicast_router)) else {
        return;
    };
    if !is_router_port(world, id) {
        if kind == MDB_RTR_TYPE_TEMP {
            of_port_mut(world, id)
                .into_iter()
                .for_each(|port| port.multicast_router = MDB_RTR_TYPE_TEMP_QUERY);
        }
        mdb::notify_router(world, bridge, id, RTM_DELMDB);
    }
}

/// A user says whether a router is behind a port (`br_multicast_set_port_router`).
pub(super) fn set_port_router(world: &mut World, id: DeviceId, kind: u8) {
    let Some(port) = of_port(world, id) else { return };
    let (bridge, number, before) = (port.bridge, port.number, port.multicast_router);
    let was = is_router_port(world, id);
    if before != kind {
        for timer in [port_timer::ROUTER, port_timer::ROUTER6] {
            world.cancel_timer(bridge, timer + number);
        }
    }
    of_port_mut(world, id).into_iter().for_each(|port| port.multicast_router = kind);
    if kind == MDB_RTR_TYPE_TEMP {
        let delay = of(world, bridge).multicast.querier_interval * TICK;
        world.set_timer(bridge, port_timer::ROUTER + number, delay);
        world.set_timer(bridge, port_timer::ROUTER6 + number, delay);
    }
    match (was, is_router_port(world, id)) {
        (false, true) => mdb::notify_router(world, bridge, id, RTM_NEWMDB),
        (true, false) => mdb::notify_router(world, bridge, id, RTM_DELMDB),
        _ => {}
    }
}
