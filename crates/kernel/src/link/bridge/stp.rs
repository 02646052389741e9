//! The spanning tree of IEEE 802.1D (`net/bridge/br_stp.c`, `br_stp_if.c`, `br_stp_timer.c`).
//!
//! Each port knows what the designated bridge of its segment says: who is root, how far away, and through which port.
//! From that follow the root port, the ports for which this bridge is designated itself, and those that must block.
//! A port that is to forward listens and learns first, each for the forward delay; without the protocol it forwards
//! at once, and a timer runs all the same.
//!
//! Left out: hellos, notices of a change and their timers, which are frames and come with the data plane. Nobody says
//! anything better to a port until then.

use super::port::{Port, flag, is_operating, of_port, of_port_mut};
use super::{fill, of, of_mut, ports, promiscuity};
use crate::device::{DeviceId, Mac};
use crate::timer::TimerId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::kind::bridge_slave::*;
use rtnl::message::Refusal;
use rtnl::object::link::RTM_NEWLINK;
use std::ops::RangeInclusive;

/// Microseconds in a hundredth of a second, in which settings count.
const TICK: u64 = 10_000;
/// Bits of a port's number in its identifier.
const NUMBER_BITS: u8 = 10;
/// The largest priority of a port.
const LARGEST_PRIORITY: u16 = u16::MAX >> NUMBER_BITS;
/// Costs of a path.
const COST: RangeInclusive<u32> = 1..=65535;
const FORWARD_DELAY: RangeInclusive<u64> = 200..=3000;
const HELLO_TIME: RangeInclusive<u64> = 100..=1000;
const MAX_AGE: RangeInclusive<u64> = 600..=4000;

/// The bridge's timer that ends a change of the topology. A port's number is the timer of its forward delay.
const TOPOLOGY_CHANGE: TimerId = 0;

/// Priority and address; what is less is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct BridgeId(pub(super) [u8; 8]);

impl BridgeId {
    pub(super) fn priority(&self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }

    pub(super) fn address(&self) -> Mac {
        let [_, _, address @ ..] = self.0;
        address
    }

    fn set_priority(&mut self, priority: u16) {
        self.0[..2].copy_from_slice(&priority.to_be_bytes());
    }

    fn set_address(&mut self, address: Mac) {
        self.0[2..].copy_from_slice(&address);
    }
}

/// A bridge's place in its tree. Times are in hundredths of a second.
pub(super) struct Tree {
    pub(super) enabled: bool,
    pub(super) id: BridgeId,
    pub(super) designated_root: BridgeId,
    /// The port towards the root; 0 on the root.
    pub(super) root_port: u16,
    pub(super) root_path_cost: u32,
    pub(super) topology_change: bool,
    pub(super) topology_change_detected: bool,
    /// In force: what the root says.
    pub(super) max_age: u64,
    pub(super) hello_time: u64,
    pub(super) forward_delay: u64,
    /// As they were set: what this bridge says as root.
    bridge_max_age: u64,
    bridge_hello_time: u64,
    bridge_forward_delay: u64,
}

impl Default for Tree {
    fn default() -> Tree {
        let id = BridgeId([0x80, 0, 0, 0, 0, 0, 0, 0]);
        Tree {
            enabled: false,
            id,
            designated_root: id,
            root_port: 0,
            root_path_cost: 0,
            topology_change: false,
            topology_change_detected: false,
            max_age: 2000,
            hello_time: 200,
            forward_delay: 1500,
            bridge_max_age: 2000,
            bridge_hello_time: 200,
            bridge_forward_delay: 1500,
        }
    }
}

impl Tree {
    fn is_root(&self) -> bool {
        self.id == self.designated_root
    }

    /// Whether this bridge speaks for the port's segment.
    fn is_designated(&self, port: &Port) -> bool {
        port.designated_bridge == self.id && port.designated_port == port.id
    }

    fn should_become_designated(&self, port: &Port) -> bool {
        let own = (self.root_path_cost, self.id, port.id);
        self.is_designated(port)
            || port.designated_root != self.designated_root
            || own < (port.designated_cost, port.designated_bridge, port.designated_port)
    }
}

/// Priority and number of a port in one.
pub(super) fn port_id(priority: u8, number: u16) -> u16 {
    u16::from(priority) << NUMBER_BITS | number
}

/// What makes one way to the root better than another: less of it.
fn way(port: &Port) -> (BridgeId, u32, BridgeId, u16, u16) {
    let cost = port.designated_cost.saturating_add(port.cost);
    (port.designated_root, cost, port.designated_bridge, port.designated_port, port.id)
}

fn bridge_of(world: &World, port: DeviceId) -> Option<DeviceId> {
    of_port(world, port).map(|port| port.bridge)
}

fn set_state(world: &mut World, port: DeviceId, state: u8) {
    if let Some(port) = of_port_mut(world, port) {
        port.state = state;
    }
}

// The tree.

/// This bridge speaks for the port's segment from here on.
pub(super) fn become_designated(world: &mut World, port: DeviceId) {
    let Some(bridge) = bridge_of(world, port) else { return };
    let tree = &of(world, bridge).tree;
    let (root, id, cost) = (tree.designated_root, tree.id, tree.root_path_cost);
    if let Some(port) = of_port_mut(world, port) {
        port.designated_root = root;
        port.designated_cost = cost;
        port.designated_bridge = id;
        port.designated_port = port.id;
    }
}

/// Finds the port towards the root anew (`br_root_selection`).
fn select_root(world: &mut World, bridge: DeviceId) {
    let mut best: Option<DeviceId> = None;
    for id in ports(world, bridge) {
        let (tree, Some(port)) = (&of(world, bridge).tree, of_port(world, id)) else { continue };
        let silent = port.state == BR_STATE_DISABLED || tree.is_designated(port);
        let worse = best.and_then(|best| of_port(world, best)).is_some_and(|best| way(port) >= way(best));
        if silent || tree.id <= port.designated_root || worse {
            continue;
        }
        if port.has(flag::ROOT_BLOCK) {
            set_state(world, id, BR_STATE_LISTENING);
            fill::announce_port(world, id, RTM_NEWLINK);
            start_forward_delay(world, id);
        } else {
            best = Some(id);
        }
    }
    let way = best.and_then(|best| of_port(world, best)).map(|port| (port.number, way(port)));
    let tree = &mut of_mut(world, bridge).tree;
    (tree.root_port, tree.designated_root, tree.root_path_cost) = match way {
        Some((number, (root, cost, ..))) => (number, root, cost),
        None => (0, tree.id, 0),
    };
}

/// Draws the consequences of what ports know (`br_configuration_update`).
fn update(world: &mut World, bridge: DeviceId) {
    select_root(world, bridge);
    for id in ports(world, bridge) {
        let (tree, Some(port)) = (&of(world, bridge).tree, of_port(world, id)) else { continue };
        if port.state != BR_STATE_DISABLED && tree.should_become_designated(port) {
            become_designated(world, id);
        }
    }
}

/// Gives every port the state that follows, and the bridge its carrier (`br_port_state_selection`).
fn select_states(world: &mut World, bridge: DeviceId) {
    let mut forwarding = false;
    for id in ports(world, bridge) {
        let (tree, Some(port)) = (&of(world, bridge).tree, of_port(world, id)) else { continue };
        if port.state == BR_STATE_DISABLED {
            continue;
        }
        if port.number == tree.root_port {
            make_forwarding(world, bridge, id);
            settle_pending(world, id);
        } else if tree.is_designated(port) {
            make_forwarding(world, bridge, id);
        } else {
            make_blocking(world, bridge, id);
            settle_pending(world, id);
        }
        forwarding |= of_port(world, id).is_some_and(|port| port.state == BR_STATE_FORWARDING);
    }
    if forwarding { world.carrier_on(bridge) } else { world.carrier_off(bridge) }
}

fn settle_pending(world: &mut World, port: DeviceId) {
    if let Some(port) = of_port_mut(world, port) {
        port.config_pending = false;
        port.topology_change_ack = false;
    }
}

fn make_forwarding(world: &mut World, bridge: DeviceId, id: DeviceId) {
    if of_port(world, id).is_none_or(|port| port.state != BR_STATE_BLOCKING) {
        return;
    }
    let tree = &of(world, bridge).tree;
    if !tree.enabled || tree.forward_delay == 0 {
        set_state(world, id, BR_STATE_FORWARDING);
        detect_topology_change(world, bridge);
        stop_forward_delay(world, id);
    } else {
        set_state(world, id, BR_STATE_LISTENING);
    }
    fill::announce_port(world, id, RTM_NEWLINK);
    start_forward_delay(world, id);
}

fn make_blocking(world: &mut World, bridge: DeviceId, id: DeviceId) {
    let Some(state) = of_port(world, id).map(|port| port.state) else { return };
    if [BR_STATE_DISABLED, BR_STATE_BLOCKING].contains(&state) {
        return;
    }
    if [BR_STATE_FORWARDING, BR_STATE_LEARNING].contains(&state) {
        detect_topology_change(world, bridge);
    }
    set_state(world, id, BR_STATE_BLOCKING);
    fill::announce_port(world, id, RTM_NEWLINK);
    stop_forward_delay(world, id);
}

/// Update and selection, and what follows if that made this bridge the root.
fn settle(world: &mut World, bridge: DeviceId, was_root: bool) {
    update(world, bridge);
    select_states(world, bridge);
    if !was_root && of(world, bridge).tree.is_root() {
        let tree = &mut of_mut(world, bridge).tree;
        tree.max_age = tree.bridge_max_age;
        tree.hello_time = tree.bridge_hello_time;
        tree.forward_delay = tree.bridge_forward_delay;
        detect_topology_change(world, bridge);
    }
}

// Changes of the topology.

/// Addresses age fast while the topology changes (`__br_set_topology_change`).
fn set_topology_change(world: &mut World, bridge: DeviceId, on: bool) {
    let state = of_mut(world, bridge);
    if state.tree.enabled && state.tree.topology_change != on {
        state.ageing_time = if on { 2 * state.tree.forward_delay } else { state.bridge_ageing_time };
    }
    state.tree.topology_change = on;
}

fn detect_topology_change(world: &mut World, bridge: DeviceId) {
    let tree = &of(world, bridge).tree;
    if !tree.enabled {
        return;
    }
    if tree.is_root() {
        let delay = tree.bridge_forward_delay + tree.bridge_max_age;
        set_topology_change(world, bridge, true);
        world.set_timer(bridge, TOPOLOGY_CHANGE, delay * TICK);
    }
    of_mut(world, bridge).tree.topology_change_detected = true;
}

// Timers.

fn start_forward_delay(world: &mut World, port: DeviceId) {
    let Some((bridge, number)) = of_port(world, port).map(|port| (port.bridge, port.number)) else { return };
    let delay = of(world, bridge).tree.forward_delay;
    if delay != 0 {
        world.set_timer(bridge, number, delay * TICK);
    }
}

fn stop_forward_delay(world: &mut World, port: DeviceId) {
    if let Some((bridge, number)) = of_port(world, port).map(|port| (port.bridge, port.number)) {
        world.cancel_timer(bridge, number);
    }
}

/// How much is left of a port's forward delay.
pub(super) fn forward_delay_left(world: &World, port: &Port) -> u64 {
    world.timer(port.bridge, port.number).unwrap_or(0) / TICK
}

/// How much is left of a change of the topology.
pub(super) fn topology_change_left(world: &World, bridge: DeviceId) -> u64 {
    world.timer(bridge, TOPOLOGY_CHANGE).unwrap_or(0) / TICK
}

/// A timer went off.
pub(super) fn go_off(world: &mut World, bridge: DeviceId, timer: TimerId) {
    if timer == TOPOLOGY_CHANGE {
        of_mut(world, bridge).tree.topology_change_detected = false;
        return set_topology_change(world, bridge, false);
    }
    let Some(id) = of(world, bridge).ports.get(&timer).copied() else { return };
    match of_port(world, id).map(|port| port.state) {
        Some(BR_STATE_LISTENING) => {
            set_state(world, id, BR_STATE_LEARNING);
            let delay = of(world, bridge).tree.forward_delay;
            world.set_timer(bridge, timer, delay * TICK);
        }
        Some(BR_STATE_LEARNING) => {
            set_state(world, id, BR_STATE_FORWARDING);
            if is_designated_for_some(world, bridge) {
                detect_topology_change(world, bridge);
            }
            world.carrier_on(bridge);
        }
        _ => {}
    }
    fill::announce_port(world, id, RTM_NEWLINK);
}

fn is_designated_for_some(world: &World, bridge: DeviceId) -> bool {
    let state = of(world, bridge);
    let mut ports = state.arrivals.iter().filter_map(|id| of_port(world, *id));
    ports.any(|port| port.state != BR_STATE_DISABLED && port.designated_bridge == state.tree.id)
}

// What happens to the bridge and its ports.

/// The bridge goes up: so do its ports that can (`br_stp_enable_bridge`).
pub(super) fn open(world: &mut World, bridge: DeviceId) -> Result<(), Refusal> {
    for port in ports(world, bridge) {
        if is_operating(world, port) {
            enable_port(world, port);
        }
    }
    Ok(())
}

/// The bridge goes down, its ports with it (`br_stp_disable_bridge`).
pub(super) fn stop(world: &mut World, bridge: DeviceId) {
    for id in ports(world, bridge) {
        if of_port(world, id).is_some_and(|port| port.state != BR_STATE_DISABLED) {
            disable_port(world, id);
        }
    }
    set_topology_change(world, bridge, false);
    of_mut(world, bridge).tree.topology_change_detected = false;
    world.cancel_timer(bridge, TOPOLOGY_CHANGE);
}

/// A port begins to take part (`br_stp_enable_port`).
pub(super) fn enable_port(world: &mut World, id: DeviceId) {
    let Some(port) = of_port_mut(world, id) else { return };
    let bridge = port.bridge;
    port.id = port_id(port.priority, port.number);
    port.state = BR_STATE_BLOCKING;
    become_designated(world, id);
    settle_pending(world, id);
    select_states(world, bridge);
    fill::announce_port(world, id, RTM_NEWLINK);
}

/// A port no longer takes part (`br_stp_disable_port`).
pub(super) fn disable_port(world: &mut World, id: DeviceId) {
    let Some(bridge) = bridge_of(world, id) else { return };
    let was_root = of(world, bridge).tree.is_root();
    become_designated(world, id);
    set_state(world, id, BR_STATE_DISABLED);
    settle_pending(world, id);
    fill::announce_port(world, id, RTM_NEWLINK);
    stop_forward_delay(world, id);
    settle(world, bridge, was_root);
}

/// The bridge takes an address (`br_stp_change_bridge_id`).
pub(super) fn change_address(world: &mut World, bridge: DeviceId, address: Mac) {
    let was_root = of(world, bridge).tree.is_root();
    let tree = &mut of_mut(world, bridge).tree;
    let old = tree.id.address();
    tree.id.set_address(address);
    world[bridge].address = address;
    for id in ports(world, bridge) {
        let Some(port) = of_port_mut(world, id) else { continue };
        for named in [&mut port.designated_bridge, &mut port.designated_root] {
            if named.address() == old {
                named.set_address(address);
            }
        }
    }
    settle(world, bridge, was_root);
    promiscuity::receive_addresses(world, bridge);
}

// Settings.

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

/// A frame of the protocol came in at a port.
pub(super) fn receive(_world: &mut World, _port: Option<DeviceId>, _frame: crate::frame::FrameId) {}
