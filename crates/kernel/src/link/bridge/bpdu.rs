//! What bridges say to each other, BPDUs: sent, heard, and what follows (`net/bridge/br_stp.c`, `br_stp_bpdu.c`;
//! IEEE 802.1D, 8.6 and 9.3).
//!
//! A bridge that is root says hello through every port for which it is designated; the others pass on what they hear
//! at their root port. A port says something once a second at most: what is to be said sooner waits until the hold
//! timer goes off. Linux lets some of these timers go off at full seconds, and so do we, because it decides who
//! speaks first.

use super::port::{flag, of_port, of_port_mut};
use super::stp::{self, BridgeId, TICK};
use super::timers::{self, of_port as port_timer};
use super::{of, of_mut, ports};
use crate::device::DeviceId;
use crate::frame::FrameId;
use crate::run::Step;
use crate::world::World;
use rtnl::kind::bridge_slave::BR_STATE_DISABLED;
use wire::stp::{Bpdu, Config};

/// Ticks between two BPDUs through one port (`BR_HOLD_TIME`).
const HOLD_TIME: u64 = 100;
/// By how much a message ages at every bridge, in ticks.
const MESSAGE_AGE_STEP: u64 = 1;
/// Ticks in a second.
const SECOND: u64 = 100;
/// The priority of frames that keep the network together (`TC_PRIO_CONTROL`).
const PRIORITY_CONTROL: u32 = 7;
/// Bytes of the largest BPDU's frame: Ethernet header, LLC, BPDU.
const LARGEST: usize = 14 + wire::stp::LLC.len() + wire::stp::CONFIG_LENGTH;

fn to_wire(ticks: u64) -> u16 {
    (ticks * u64::from(wire::stp::TICKS) / SECOND) as u16
}

fn from_wire(ticks: u16) -> u64 {
    (u64::from(ticks) * SECOND).div_ceil(u64::from(wire::stp::TICKS))
}

fn id_to_wire(id: BridgeId) -> wire::stp::BridgeId {
    wire::stp::BridgeId { priority: id.priority(), mac: id.address() }
}

fn id_from_wire(id: wire::stp::BridgeId) -> BridgeId {
    BridgeId::new(id.priority, id.mac)
}

/// The delay until about so many ticks from now, at a full second (`round_jiffies`).
pub(super) fn rounded(world: &World, ticks: u64) -> u64 {
    let now = world.now.0 / TICK;
    let at = now + ticks;
    let rest = at % SECOND;
    let full = if rest < SECOND / 4 { at - rest } else { at + SECOND - rest };
    let at = if full > now { full } else { at };
    at * TICK - world.now.0
}

// Speaking.

/// Says how the tree is, or lets it wait for the hold timer (`br_transmit_config`).
pub(super) fn say_config(world: &mut World, id: DeviceId) {
    let Some(port) = of_port(world, id) else { return };
    let (bridge, number) = (port.bridge, port.number);
    let acknowledged = port.topology_change_ack;
    let own_id = port.id;
    if world.timer(bridge, port_timer::HOLD + number).is_some() {
        of_port_mut(world, id).into_iter().for_each(|port| port.config_pending = true);
        return;
    }
    let tree = &of(world, bridge).tree;
    let message_age = if tree.is_root() {
        0
    } else {
        let left = world.timer(bridge, port_timer::MESSAGE_AGE + tree.root_port).unwrap_or(0) / TICK;
        tree.max_age.saturating_sub(left) + MESSAGE_AGE_STEP
    };
    if message_age >= tree.max_age {
        return;
    }
    let config = Config {
        topology_change: tree.topology_change,
        acknowledged,
        root: id_to_wire(tree.designated_root),
        cost: tree.root_path_cost,
        bridge: id_to_wire(tree.id),
        port: own_id,
        message_age: to_wire(message_age),
        max_age: to_wire(tree.max_age),
        hello_time: to_wire(tree.hello_time),
        forward_delay: to_wire(tree.forward_delay),
    };
    let kernel_runs_it = tree.enabled;
    if kernel_runs_it && send(world, id, &Bpdu::Config(config)) {
        of_port_mut(world, id).into_iter().for_each(|port| port.stp_counters.tx_bpdu += 1);
    }
    if let Some(port) = of_port_mut(world, id) {
        port.topology_change_ack = false;
        port.config_pending = false;
    }
    if kernel_runs_it {
        let delay = rounded(world, HOLD_TIME);
        world.set_timer(bridge, port_timer::HOLD + number, delay);
    }
}

/// Says so through every port for which this bridge is designated (`br_config_bpdu_generation`).
pub(super) fn say_config_everywhere(world: &mut World, bridge: DeviceId) {
    for id in ports(world, bridge) {
        let (tree, Some(port)) = (&of(world, bridge).tree, of_port(world, id)) else { continue };
        if port.state != BR_STATE_DISABLED && tree.is_designated(port) {
            say_config(world, id);
        }
    }
}

/// Tells the root, through the root port, that the topology changed, and again until it is acknowledged.
pub(super) fn say_change(world: &mut World, bridge: DeviceId) {
    let tree = &of(world, bridge).tree;
    let (root_port, enabled, again) = (tree.root_port, tree.enabled, tree.bridge_hello_time);
    let root_port = of(world, bridge).ports.get(&root_port).copied();
    if let Some(id) = root_port.filter(|_| enabled) {
        if send(world, id, &Bpdu::TopologyChange) {
            of_port_mut(world, id).into_iter().for_each(|port| port.stp_counters.tx_tcn += 1);
        }
    }
    world.set_timer(bridge, timers::NOTICE, again * TICK);
}

fn send(world: &mut World, id: DeviceId, bpdu: &Bpdu) -> bool {
    let Some(port) = of_port(world, id) else { return false };
    let mut bytes = [0; LARGEST];
    bytes[..6].copy_from_slice(&of(world, port.bridge).group_address);
    bytes[6..12].copy_from_slice(&world[id].address);
    bytes[12..14].copy_from_slice(&(bpdu.length() as u16).to_be_bytes());
    let Some(length) = bpdu.emit(&mut bytes[14..]) else { return false };
    let Some(frame) = world.run.pool.frame(&bytes[..14 + length]) else { return false };
    world.run.pool.meta_mut(frame).priority = PRIORITY_CONTROL;
    world.forward(id, Step::Transmit, frame);
    true
}

// Hearing.

/// A frame to the bridges' group came in at a port (`br_stp_rcv`).
pub(super) fn receive(world: &mut World, id: Option<DeviceId>, frame: FrameId) {
    let Some((id, port)) = id.and_then(|id| Some((id, of_port(world, id)?))) else { return };
    let bridge = port.bridge;
    let guarded = port.has(flag::GUARD);
    let disabled = port.state == BR_STATE_DISABLED;
    let state = of(world, bridge);
    let bytes = world.run.pool.bytes(frame);
    let for_us = bytes.starts_with(&state.group_address);
    if !state.tree.enabled || !world[bridge].is_up() || disabled || !for_us {
        return;
    }
    // What the length does not cover is padding; a length beyond the frame covers what there is.
    let length = usize::from(world.run.pool.ethertype(frame));
    let Some(body) = bytes.get(14..) else { return };
    let Ok(bpdu) = Bpdu::parse(&body[..length.min(body.len())]) else { return };
    if guarded {
        return stp::disable_port(world, id);
    }
    match bpdu {
        Bpdu::Config(config) if from_wire(config.message_age) <= from_wire(config.max_age) => {
            hear_config(world, bridge, id, &config);
        }
        Bpdu::Config(_) => {}
        Bpdu::TopologyChange => hear_change(world, bridge, id),
    }
}

/// Whether a message is better than what the port knows (`br_supersedes_port_info`).
fn supersedes(world: &World, bridge: DeviceId, id: DeviceId, config: &Config) -> bool {
    let Some(port) = of_port(world, id) else { return false };
    let sender = id_from_wire(config.bridge);
    let new = (id_from_wire(config.root), config.cost, sender);
    let known = (port.designated_root, port.designated_cost, port.designated_bridge);
    if new != known {
        return new < known;
    }
    sender != of(world, bridge).tree.id || config.port <= port.designated_port
}

fn hear_config(world: &mut World, bridge: DeviceId, id: DeviceId, config: &Config) {
    of_port_mut(world, id).into_iter().for_each(|port| port.stp_counters.rx_bpdu += 1);
    if !supersedes(world, bridge, id, config) {
        let (tree, Some(port)) = (&of(world, bridge).tree, of_port(world, id)) else { return };
        if tree.is_designated(port) {
            say_config(world, id);
        }
        return;
    }
    let was_root = of(world, bridge).tree.is_root();
    record(world, bridge, id, config);
    stp::update(world, bridge);
    stp::select_states(world, bridge);
    let tree = &of(world, bridge).tree;
    if was_root && !tree.is_root() {
        let detected = tree.topology_change_detected;
        world.cancel_timer(bridge, timers::HELLO);
        if detected {
            world.cancel_timer(bridge, timers::TOPOLOGY_CHANGE);
            say_change(world, bridge);
        }
    }
    let root_port = of(world, bridge).tree.root_port;
    if of_port(world, id).is_some_and(|port| port.number == root_port) {
        follow_root(world, bridge, config);
        say_config_everywhere(world, bridge);
        if config.acknowledged {
            of_mut(world, bridge).tree.topology_change_detected = false;
            world.cancel_timer(bridge, timers::NOTICE);
        }
    }
}

/// Notes what the segment's designated bridge says, until it is too old.
fn record(world: &mut World, bridge: DeviceId, id: DeviceId, config: &Config) {
    let Some(port) = of_port_mut(world, id) else { return };
    port.designated_root = id_from_wire(config.root);
    port.designated_cost = config.cost;
    port.designated_bridge = id_from_wire(config.bridge);
    port.designated_port = config.port;
    let timer = port_timer::MESSAGE_AGE + port.number;
    let left = from_wire(config.max_age).saturating_sub(from_wire(config.message_age));
    world.set_timer(bridge, timer, left * TICK);
}

/// The root's times are in force.
fn follow_root(world: &mut World, bridge: DeviceId, config: &Config) {
    let tree = &mut of_mut(world, bridge).tree;
    tree.max_age = from_wire(config.max_age);
    tree.hello_time = from_wire(config.hello_time);
    tree.forward_delay = from_wire(config.forward_delay);
    stp::set_topology_change(world, bridge, config.topology_change);
}

fn hear_change(world: &mut World, bridge: DeviceId, id: DeviceId) {
    of_port_mut(world, id).into_iter().for_each(|port| port.stp_counters.rx_tcn += 1);
    let (tree, Some(port)) = (&of(world, bridge).tree, of_port(world, id)) else { return };
    if tree.is_designated(port) {
        stp::detect_topology_change(world, bridge);
        of_port_mut(world, id).into_iter().for_each(|port| port.topology_change_ack = true);
        say_config(world, id);
    }
}
