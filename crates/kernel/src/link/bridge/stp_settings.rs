//! What requests change of the spanning tree: of the bridge and of its ports (`net/bridge/br_stp_if.c`, `br_stp.c`).

use super::port::{flag, of_port, of_port_mut};
use super::stp::{
    TICK, Tree, become_designated, bridge_of, port_id, select_states, set_state, settle, update,
};
use super::{of, of_mut, ports, timers};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::kind::bridge_slave::*;
use rtnl::message::Refusal;
use std::ops::RangeInclusive;

/// The largest priority of a port.
const LARGEST_PRIORITY: u16 = u16::MAX >> super::stp::NUMBER_BITS;
/// Costs of a path.
const COST: RangeInclusive<u32> = 1..=65535;
const FORWARD_DELAY: RangeInclusive<u64> = 200..=3000;
const HELLO_TIME: RangeInclusive<u64> = 100..=1000;
const MAX_AGE: RangeInclusive<u64> = 600..=4000;

/// Switches the protocol. Linux would let a user's program run it if there were one in the first namespace.
pub(super) fn set_enabled(world: &mut World, bridge: DeviceId, on: bool) {
    let tree = &mut of_mut(world, bridge).tree;
    if tree.enabled == on {
        return;
    }
    tree.enabled = on;
    if on {
        let delay = tree.bridge_forward_delay.clamp(*FORWARD_DELAY.start(), *FORWARD_DELAY.end());
        store_forward_delay(tree, delay);
        let hello = tree.hello_time;
        if world[bridge].is_up() {
            world.set_timer(bridge, timers::HELLO, hello * TICK);
        }
        select_states(world, bridge);
    }
}

fn store_forward_delay(tree: &mut Tree, delay: u64) {
    tree.bridge_forward_delay = delay;
    if tree.is_root() {
        tree.forward_delay = delay;
    }
}

pub(super) fn set_forward_delay(tree: &mut Tree, delay: u64) -> Result<(), Refusal> {
    if tree.enabled && !FORWARD_DELAY.contains(&delay) {
        return Err(Errno::ERANGE.into());
    }
    store_forward_delay(tree, delay);
    Ok(())
}

pub(super) fn set_hello_time(tree: &mut Tree, time: u64) -> Result<(), Refusal> {
    if !HELLO_TIME.contains(&time) {
        return Err(Errno::ERANGE.into());
    }
    tree.bridge_hello_time = time;
    if tree.is_root() {
        tree.hello_time = time;
    }
    Ok(())
}

pub(super) fn set_max_age(tree: &mut Tree, age: u64) -> Result<(), Refusal> {
    if !MAX_AGE.contains(&age) {
        return Err(Errno::ERANGE.into());
    }
    tree.bridge_max_age = age;
    if tree.is_root() {
        tree.max_age = age;
    }
    Ok(())
}

pub(super) fn set_priority(world: &mut World, bridge: DeviceId, priority: u16) {
    let was_root = of(world, bridge).tree.is_root();
    for id in ports(world, bridge) {
        let (tree, Some(port)) = (&of(world, bridge).tree, of_port(world, id)) else { continue };
        // A port that takes no part keeps what it knew.
        if port.state != BR_STATE_DISABLED && tree.is_designated(port) {
            if let Some(port) = of_port_mut(world, id) {
                port.designated_bridge.set_priority(priority);
            }
        }
    }
    of_mut(world, bridge).tree.id.set_priority(priority);
    settle(world, bridge, was_root);
}

pub(super) fn set_port_priority(world: &mut World, id: DeviceId, priority: u16) -> Result<(), Refusal> {
    let Some(bridge) = bridge_of(world, id) else { return Ok(()) };
    if priority > LARGEST_PRIORITY {
        return Err(Errno::ERANGE.into());
    }
    let own = of(world, bridge).tree.id;
    let Some(port) = of_port(world, id) else { return Ok(()) };
    let designated = of(world, bridge).tree.is_designated(port);
    let Some(port) = of_port_mut(world, id) else { return Ok(()) };
    port.priority = priority as u8;
    port.id = port_id(port.priority, port.number);
    if designated {
        port.designated_port = port.id;
    }
    if port.designated_bridge == own && port.id < port.designated_port {
        become_designated(world, id);
        select_states(world, bridge);
    }
    Ok(())
}

pub(super) fn set_port_cost(world: &mut World, id: DeviceId, cost: u32) -> Result<(), Refusal> {
    if !COST.contains(&cost) {
        return Err(Errno::ERANGE.into());
    }
    let Some(port) = of_port_mut(world, id) else { return Ok(()) };
    port.flags |= flag::ADMIN_COST;
    port.cost = cost;
    let bridge = port.bridge;
    update(world, bridge);
    select_states(world, bridge);
    Ok(())
}

/// A user sets a port's state, which holds until the protocol or an event changes it (`br_set_port_state`).
pub(super) fn set_port_state(world: &mut World, id: DeviceId, state: u8) -> Result<(), Refusal> {
    let Some(bridge) = bridge_of(world, id) else { return Ok(()) };
    if state > BR_STATE_BLOCKING {
        return Err(Errno::EINVAL.into());
    }
    if of(world, bridge).tree.enabled {
        return Err(Errno::EBUSY.into());
    }
    let carrier = world[id].is_oper_up() || state == BR_STATE_DISABLED;
    if !world[id].is_up() || !carrier {
        return Err(Errno::ENETDOWN.into());
    }
    set_state(world, id, state);
    select_states(world, bridge);
    Ok(())
}
