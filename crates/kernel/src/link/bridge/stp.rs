//! The spanning tree of IEEE 802.1D (`net/bridge/br_stp.c`, `br_stp_if.c`, `br_stp_timer.c`).
//!
//! Each port knows what the designated bridge of its segment says: who is root, how far away, and through which port.
//! From that follow the root port, the ports for which this bridge is designated itself, and those that must block.
//! A port that is to forward listens and learns first, each for the forward delay; without the protocol it forwards
//! at once, and a timer runs all the same.
//!
//! What bridges say to each other is in `bpdu`, what users set in `stp_settings`.

use super::port::{Port, flag, is_operating, of_port, of_port_mut};
use super::timers::{self, of_port as port_timer};
use super::{bpdu, fill, multicast, of, of_mut, ports, promiscuity, table};
use crate::device::{DeviceId, Mac};
use crate::rare::Usual;
use crate::world::World;
use rtnl::kind::bridge_slave::*;
use rtnl::message::Refusal;
use rtnl::object::link::RTM_NEWLINK;

/// Microseconds in a hundredth of a second, in which settings count.
pub(super) const TICK: u64 = 10_000;
/// Bits of a port's number in its identifier.
pub(super) const NUMBER_BITS: u8 = 10;
/// Priority and address; what is less is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct BridgeId(pub(super) [u8; 8]);

impl BridgeId {
    pub(super) fn new(priority: u16, address: Mac) -> BridgeId {
        let mut id = BridgeId::default();
        id.set_priority(priority);
        id.set_address(address);
        id
    }

    pub(super) fn priority(&self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }

    pub(super) fn address(&self) -> Mac {
        let [_, _, address @ ..] = self.0;
        address
    }

    pub(super) fn set_priority(&mut self, priority: u16) {
        self.0[..2].copy_from_slice(&priority.to_be_bytes());
    }

    fn set_address(&mut self, address: Mac) {
        self.0[2..].copy_from_slice(&address);
    }
}

/// A bridge's place in its tree. Times are in hundredths of a second.
#[derive(Clone, Copy)]
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
    pub(super) bridge_max_age: u64,
    pub(super) bridge_hello_time: u64,
    pub(super) bridge_forward_delay: u64,
}

const FIRST_ID: BridgeId = BridgeId([0x80, 0, 0, 0, 0, 0, 0, 0]);

impl Usual for Tree {
    const USUAL: &'static Tree = &Tree {
        enabled: false,
        id: FIRST_ID,
        designated_root: FIRST_ID,
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
    };
}

impl Default for Tree {
    fn default() -> Tree {
        *Tree::USUAL
    }
}

impl Tree {
    pub(super) fn is_root(&self) -> bool {
        self.id == self.designated_root
    }

    /// Whether this bridge speaks for the port's segment.
    pub(super) fn is_designated(&self, port: &Port) -> bool {
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

pub(super) fn bridge_of(world: &World, port: DeviceId) -> Option<DeviceId> {
    of_port(world, port).map(|port| port.bridge)
}

pub(super) fn set_state(world: &mut World, port: DeviceId, state: u8) {
    let Some(bridge) = bridge_of(world, port) else { return };
    let enabled = of(world, bridge).tree.enabled;
    let Some(port) = of_port_mut(world, port) else { return };
    port.state = state;
    if enabled {
        port.stp_counters.blocked += u64::from(state == BR_STATE_BLOCKING);
        port.stp_counters.forwarded += u64::from(state == BR_STATE_FORWARDING);
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
pub(super) fn update(world: &mut World, bridge: DeviceId) {
    select_root(world, bridge);
    for id in ports(world, bridge) {
        let (tree, Some(port)) = (&of(world, bridge).tree, of_port(world, id)) else { continue };
        if port.state != BR_STATE_DISABLED && tree.should_become_designated(port) {
            become_designated(world, id);
        }
    }
}

/// Gives every port the state that follows, and the bridge its carrier (`br_port_state_selection`).
pub(super) fn select_states(world: &mut World, bridge: DeviceId) {
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
            let message_age = port_timer::MESSAGE_AGE + port.number;
            world.cancel_timer(bridge, message_age);
            make_forwarding(world, bridge, id);
        } else {
            make_blocking(world, bridge, id);
            settle_pending(world, id);
        }
        let state = of_port(world, id).map(|port| port.state);
        if state != Some(BR_STATE_BLOCKING) {
            multicast::enable_port(world, id);
        }
        forwarding |= state == Some(BR_STATE_FORWARDING);
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
pub(super) fn settle(world: &mut World, bridge: DeviceId, was_root: bool) {
    update(world, bridge);
    select_states(world, bridge);
    if !was_root && of(world, bridge).tree.is_root() {
        let tree = &mut of_mut(world, bridge).tree;
        tree.max_age = tree.bridge_max_age;
        tree.hello_time = tree.bridge_hello_time;
        tree.forward_delay = tree.bridge_forward_delay;
        become_root(world, bridge);
    }
}

/// From here on this bridge says hello (`br_become_root_bridge`).
fn become_root(world: &mut World, bridge: DeviceId) {
    detect_topology_change(world, bridge);
    world.cancel_timer(bridge, timers::NOTICE);
    if world[bridge].is_up() {
        bpdu::say_config_everywhere(world, bridge);
        let hello = of(world, bridge).tree.hello_time;
        world.set_timer(bridge, timers::HELLO, hello * TICK);
    }
}

// Changes of the topology.

/// Addresses age fast while the topology changes (`__br_set_topology_change`).
pub(super) fn set_topology_change(world: &mut World, bridge: DeviceId, on: bool) {
    let state = of_mut(world, bridge);
    if state.tree.enabled && state.tree.topology_change != on {
        state.ageing_time = if on { 2 * state.tree.forward_delay } else { state.bridge_ageing_time };
        state.tree.topology_change = on;
        table::clear(world, bridge, timers::CLEARING);
    }
    of_mut(world, bridge).tree.topology_change = on;
}

pub(super) fn detect_topology_change(world: &mut World, bridge: DeviceId) {
    let tree = &of(world, bridge).tree;
    if !tree.enabled {
        return;
    }
    if tree.is_root() {
        let delay = tree.bridge_forward_delay + tree.bridge_max_age;
        set_topology_change(world, bridge, true);
        world.set_timer(bridge, timers::TOPOLOGY_CHANGE, delay * TICK);
    } else if !tree.topology_change_detected {
        bpdu::say_change(world, bridge);
    }
    of_mut(world, bridge).tree.topology_change_detected = true;
}

// Timers.

fn start_forward_delay(world: &mut World, port: DeviceId) {
    let Some((bridge, number)) = of_port(world, port).map(|port| (port.bridge, port.number)) else { return };
    let delay = of(world, bridge).tree.forward_delay;
    if delay != 0 {
        world.set_timer(bridge, port_timer::FORWARD_DELAY + number, delay * TICK);
    }
}

fn stop_forward_delay(world: &mut World, port: DeviceId) {
    if let Some((bridge, number)) = of_port(world, port).map(|port| (port.bridge, port.number)) {
        world.cancel_timer(bridge, number);
    }
}

/// How much is left of one of the bridge's timers.
pub(super) fn timer_left(world: &World, bridge: DeviceId, timer: crate::timer::TimerId) -> u64 {
    world.timer(bridge, timer).unwrap_or(0) / TICK
}

/// A change of the topology is over.
pub(super) fn topology_change_over(world: &mut World, bridge: DeviceId) {
    of_mut(world, bridge).tree.topology_change_detected = false;
    set_topology_change(world, bridge, false);
}

/// It is time for a hello.
pub(super) fn hello(world: &mut World, bridge: DeviceId) {
    if !world[bridge].is_up() {
        return;
    }
    bpdu::say_config_everywhere(world, bridge);
    let tree = &of(world, bridge).tree;
    if tree.enabled {
        let delay = bpdu::rounded(world, tree.hello_time);
        world.set_timer(bridge, timers::HELLO, delay);
    }
}

/// The root did not acknowledge a change of the topology yet.
pub(super) fn notice_again(world: &mut World, bridge: DeviceId) {
    if !of(world, bridge).tree.is_root() && world[bridge].is_up() {
        bpdu::say_change(world, bridge);
    }
}

/// What the designated bridge of a port's segment said is too old: it is gone.
pub(super) fn message_too_old(world: &mut World, id: DeviceId) {
    let Some(port) = of_port(world, id).filter(|port| port.state != BR_STATE_DISABLED) else { return };
    let bridge = port.bridge;
    let was_root = of(world, bridge).tree.is_root();
    become_designated(world, id);
    settle(world, bridge, was_root);
}

/// A port may speak again.
pub(super) fn hold_over(world: &mut World, id: DeviceId) {
    if of_port(world, id).is_some_and(|port| port.config_pending) {
        bpdu::say_config(world, id);
    }
}

/// A port listened, or learned, for long enough.
pub(super) fn forward_delay_over(world: &mut World, id: DeviceId) {
    let Some((bridge, state)) = of_port(world, id).map(|port| (port.bridge, port.state)) else { return };
    match state {
        BR_STATE_LISTENING => {
            set_state(world, id, BR_STATE_LEARNING);
            start_forward_delay(world, id);
        }
        BR_STATE_LEARNING => {
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
    let tree = &of(world, bridge).tree;
    if tree.enabled {
        let hello = tree.hello_time;
        world.set_timer(bridge, timers::HELLO, hello * TICK);
    }
    table::start_clearing(world, bridge, timers::CLEARING);
    bpdu::say_config_everywhere(world, bridge);
    for port in ports(world, bridge) {
        if is_operating(world, port) {
            enable_port(world, port);
        }
    }
    multicast::open(world, bridge);
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
    for timer in [timers::TOPOLOGY_CHANGE, timers::HELLO, timers::NOTICE, timers::CLEARING] {
        world.cancel_timer(bridge, timer);
    }
    multicast::stop(world, bridge);
}

/// A port begins to take part (`br_stp_enable_port`).
pub(super) fn enable_port(world: &mut World, id: DeviceId) {
    let Some(port) = of_port_mut(world, id) else { return };
    let bridge = port.bridge;
    port.id = port_id(port.priority, port.number);
    set_state(world, id, BR_STATE_BLOCKING);
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
    if let Some(port) = of_port(world, id) {
        let (number, has_backup) = (port.number, port.backup.is_some());
        world.cancel_timer(bridge, port_timer::MESSAGE_AGE + number);
        world.cancel_timer(bridge, port_timer::HOLD + number);
        if !has_backup {
            table::flush(world, bridge, number, 0);
        }
        multicast::disable_port(world, id);
    }
    settle(world, bridge, was_root);
}

/// The bridge takes an address (`br_stp_change_bridge_id`).
pub(super) fn change_address(world: &mut World, bridge: DeviceId, address: Mac) {
    let was_root = of(world, bridge).tree.is_root();
    table::change_own(world, bridge, address);
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
