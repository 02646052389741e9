//! LACP (IEEE 802.1AX, 6.4; `drivers/net/bonding/bond_3ad.c`): the two ends of a link tell each other who they are,
//! and links that lead to the same system under the same key become one.
//!
//! Every slave has a [`Port`] and an [`Aggregator`]. A port is in one aggregator, its own or another slave's; one
//! aggregator is in use, and only its ports carry frames of the bond. Ten times a second each port's machines look
//! whether there is something to do: `machines` has those that receive, send and switch a port on, `select` finds a
//! port's aggregator and the one in use.
//!
//! The machines are Linux's, which count in ticks and look at each other's variables, so that what one does another
//! sees in the same tick or in the next. Events would not fall into the same ticks; so this ticks as well, while the
//! bond is up.
//!
//! **Left out**: churn detection, which nothing shows but a file of `/proc`; standby, which Linux never sets.

use super::slave::{self, of_slave};
use super::{MILLISECOND, Params, of, of_mut, timer};
use crate::device::{DeviceId, Mac};
use crate::run::Step;
use crate::world::World;
use rtnl::kind::bond_slave::BOND_LINK_UP;
use wire::ethernet::LENGTH as ETHERNET;
use wire::lacp::{self as pdu, Lacpdu, Party, state};
use wire::{Ethernet, ethertype};

mod machines;
mod select;

use select::choose_active;
pub(super) use select::set_carrier;

/// Ticks of a second (`AD_TIMER_INTERVAL`).
const SECOND: u16 = 10;
/// Milliseconds of a tick.
const TICK: u64 = 100;
/// Ticks until the aggregator in use is chosen after the first slave came.
const FIRST_SELECTION: u32 = 80;
/// Ticks between two LACPDUs through one port.
const BETWEEN: u16 = SECOND / 3;
/// The priority of every port.
const PORT_PRIORITY: u16 = 0xff;
/// Bits of a key: full duplex, the speed, and what the user chose.
const KEY_DUPLEX: u16 = 1;
const KEY_SPEED: u16 = 0x3e;
const KEY_USER_SHIFT: u32 = 6;
/// The priority of frames that keep the network together (`TC_PRIO_CONTROL`).
const PRIORITY_CONTROL: u32 = 7;

/// What is taken for a partner that says nothing.
const NO_PARTNER: Party =
    Party { system_priority: 0xffff, system: [0; 6], key: 1, port_priority: 0xff, port: 1, state: 0 };

/// What a bond keeps of LACP.
#[derive(Default)]
pub(super) struct Lacp {
    system: Mac,
    system_priority: u16,
    /// The number of the last aggregator.
    aggregators: u16,
    /// Ticks until the aggregator in use is chosen; 0: it was.
    selection: u32,
}

/// What the machine that receives knows of the partner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Receive {
    /// It has not begun.
    #[default]
    Off,
    Initialize,
    PortDisabled,
    LacpDisabled,
    Expired,
    Defaulted,
    Current,
}

/// How often a port speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Periodic {
    #[default]
    Never,
    Fast,
    Slow,
    Now,
}

/// How far a port is switched on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Mux {
    /// It has not begun.
    #[default]
    Off,
    Detached,
    Waiting,
    Attached,
    CollectingDistributing,
}

/// A slave's port. Timers are in ticks; 0: they do not run.
#[derive(Default)]
pub(crate) struct Port {
    /// Who it is, and how it is (`actor_oper_*`).
    actor: Party,
    /// Who is at the other end, and how that is (`partner_oper`).
    partner: Party,
    /// The slave whose aggregator it is in.
    aggregator: Option<DeviceId>,
    /// LACP is spoken here at all: the slave is one of a bond of this mode.
    bound: bool,
    /// The link is up.
    enabled: bool,
    /// The machines are to begin anew.
    begins: bool,
    /// The link is one on which LACP may be spoken.
    speaks: bool,
    selected: bool,
    /// It has waited long enough for others.
    ready: bool,
    /// There is something to say.
    must_speak: bool,
    receive: Receive,
    receive_timer: u16,
    periodic: Periodic,
    periodic_timer: u16,
    mux: Mux,
    mux_timer: u16,
    transmit_timer: u16,
}

/// A slave's aggregator.
#[derive(Default)]
pub(crate) struct Aggregator {
    number: u16,
    /// It can have only one port.
    individual: bool,
    key: u16,
    partner_system: Mac,
    partner_priority: u16,
    partner_key: u16,
    /// It is in use.
    active: bool,
    /// The slaves whose ports are in it, the newest first.
    ports: Vec<DeviceId>,
}

impl Aggregator {
    /// Leaves but the number.
    fn clear(&mut self) {
        *self = Aggregator { number: self.number, ..Aggregator::default() };
    }

    fn has_partner(&self) -> bool {
        self.partner_system != [0; 6]
    }
}

/// What is told of the aggregator in use.
pub(super) struct Info {
    pub(super) aggregator: u16,
    pub(super) ports: u16,
    pub(super) actor_key: u16,
    pub(super) partner_key: u16,
    pub(super) partner: Mac,
}

/// What is told of a port: the aggregator's number, its own state, its partner's.
pub(super) fn port_info(world: &World, id: DeviceId) -> Option<(u16, u8, u8)> {
    let port = &slave::of(world, id)?.port;
    let number = slave::of(world, port.aggregator?)?.aggregator.number;
    Some((number, port.actor.state, port.partner.state))
}

/// What is told of the aggregator in use, if there is one.
pub(super) fn info(world: &World, bond: DeviceId) -> Option<Info> {
    let owner = in_use(world, bond)?;
    let aggregator = &slave::of(world, owner)?.aggregator;
    Some(Info {
        aggregator: aggregator.number,
        ports: select::enabled_ports(world, owner) as u16,
        actor_key: aggregator.key,
        partner_key: aggregator.partner_key,
        partner: aggregator.partner_system,
    })
}

/// The slave whose aggregator is in use and has a port (`bond_3ad_get_active_agg_info`).
pub(super) fn in_use(world: &World, bond: DeviceId) -> Option<DeviceId> {
    let owner_of = |id: &DeviceId| slave::of(world, *id)?.port.aggregator;
    let is_active = |owner: &DeviceId| slave::of(world, *owner).is_some_and(|slave| slave.aggregator.active);
    of(world, bond).slaves.iter().filter_map(owner_of).find(is_active)
}

/// Whether a slave's port is in the aggregator in use.
pub(super) fn is_in_use(world: &World, owner: DeviceId, id: DeviceId) -> bool {
    slave::of(world, id).is_some_and(|slave| slave.port.aggregator == Some(owner))
}

// Beginning and ending.

/// The bond goes up: machines run, and an aggregator is chosen with the first tick.
pub(super) fn open(world: &mut World, bond: DeviceId) {
    of_mut(world, bond).lacp.selection = 1;
    world.set_timer(bond, timer::LACP, 0);
}

/// What the bond is called: its address, unless it was given another name (`bond_3ad_initialize`).
fn name_system(world: &mut World, bond: DeviceId) {
    let own = world[bond].address;
    let state = of_mut(world, bond);
    let named = state.params.ad_actor_system;
    state.lacp.system = if named == [0; 6] { own } else { named };
    state.lacp.system_priority = state.params.ad_actor_sys_prio;
}

/// A device that is about to be a slave gets a port and an aggregator (`bond_3ad_bind_slave`).
pub(super) fn bind(world: &mut World, bond: DeviceId, id: DeviceId) {
    let last = of(world, bond).slaves.last().and_then(|last| slave::of(world, *last));
    let number = last.map_or(1, |last| last.port.actor.port.wrapping_add(1));
    if last.is_none() {
        name_system(world, bond);
        let lacp = &mut of_mut(world, bond).lacp;
        lacp.aggregators = 0;
        lacp.selection = FIRST_SELECTION;
    }
    let state = of_mut(world, bond);
    state.lacp.aggregators = state.lacp.aggregators.wrapping_add(1);
    let aggregator = Aggregator { number: state.lacp.aggregators, ..Aggregator::default() };
    let actor = Party {
        system_priority: state.lacp.system_priority,
        system: state.lacp.system,
        key: 0,
        port_priority: PORT_PRIORITY,
        port: number,
        state: state::AGGREGATION | settings(&state.params),
    };
    let user_key = state.params.ad_user_port_key << KEY_USER_SHIFT;
    let Some(slave) = of_slave(world, id) else { return };
    slave.aggregator = aggregator;
    slave.port = Port {
        actor,
        partner: NO_PARTNER,
        bound: true,
        enabled: true,
        begins: true,
        speaks: true,
        transmit_timer: BETWEEN,
        ..Port::default()
    };
    slave.port.actor.key = user_key;
    update_key(world, id);
    slave::set_inactive(world, id);
}

/// The bits of a port's state that users set.
fn settings(params: &Params) -> u8 {
    let activity = if params.lacp_active { state::ACTIVITY } else { 0 };
    activity | if params.lacp_fast { state::SHORT_TIMEOUT } else { 0 }
}

/// How LACP is spoken was changed (`bond_3ad_update_lacp_rate`, `bond_3ad_update_lacp_active`).
pub(super) fn update_settings(world: &mut World, bond: DeviceId) {
    let settings = settings(&of(world, bond).params);
    for id in of(world, bond).slaves.clone() {
        let Some(slave) = of_slave(world, id) else { continue };
        let kept = slave.port.actor.state & !(state::ACTIVITY | state::SHORT_TIMEOUT);
        slave.port.actor.state = kept | settings;
    }
}

/// The system was given another name (`bond_3ad_update_ad_actor_settings`).
pub(super) fn rename_system(world: &mut World, bond: DeviceId) {
    name_system(world, bond);
    let Lacp { system, system_priority, .. } = of(world, bond).lacp;
    for id in of(world, bond).slaves.clone() {
        let Some(slave) = of_slave(world, id) else { continue };
        slave.port.actor = Party { system, system_priority, ..slave.port.actor };
        slave.port.must_speak = true;
    }
}

/// A slave leaves: its partner is told, and its aggregator goes to another, with the ports that stay
/// (`bond_3ad_unbind_slave`).
pub(super) fn unbind(world: &mut World, bond: DeviceId, id: DeviceId) {
    let Some(slave) = of_slave(world, id).filter(|slave| slave.port.bound) else { return };
    let leaving = state::SYNCHRONIZATION | state::COLLECTING | state::DISTRIBUTING | state::AGGREGATION;
    slave.port.actor.state &= !leaving;
    speak(world, id);
    // Before the device goes down.
    world.run();
    select::bequeath(world, bond, id);
    select::leave(world, bond, id);
    if let Some(slave) = of_slave(world, id) {
        slave.port = Port::default();
    }
}

// What happens to links.

/// The part of the key that says how fast the link is.
fn speed_code(speed: u32) -> u16 {
    const SPEEDS: [u32; 16] = [
        1, 10, 100, 1000, 2500, 5000, 10_000, 14_000, 20_000, 25_000, 40_000, 50_000, 56_000, 100_000,
        200_000, 400_000,
    ];
    SPEEDS.iter().skip(1).position(|known| *known == speed).map_or(0, |at| at as u16 + 2)
}

/// The key follows the link's speed; another speed is another beginning (`ad_update_actor_keys`).
pub(super) fn update_key(world: &mut World, id: DeviceId) {
    let Some(slave) = of_slave(world, id).filter(|slave| slave.port.bound) else { return };
    let up = slave.link == BOND_LINK_UP;
    let known = slave.known_speed().filter(|_| up);
    let (speed, duplex) = (known.map_or(0, speed_code), if known.is_some() { KEY_DUPLEX } else { 0 });
    let port = &mut slave.port;
    let before = port.actor.key;
    set_link_key(port, speed << 1 | duplex);
    if port.actor.key != before {
        port.speaks = duplex != 0;
        let other_speed = (before & KEY_SPEED) >> 1 != speed;
        port.begins |= speed != 0 && duplex != 0 && other_speed;
    }
}

fn set_link_key(port: &mut Port, link: u16) {
    port.actor.key = port.actor.key & !(KEY_SPEED | KEY_DUPLEX) | link;
}

/// A monitor found that a slave's link came or went (`bond_3ad_handle_link_change`).
pub(super) fn link_changed(world: &mut World, bond: DeviceId, id: DeviceId) {
    let Some(slave) = of_slave(world, id).filter(|slave| slave.port.bound) else { return };
    slave.port.enabled = slave.link == BOND_LINK_UP;
    if slave.port.enabled {
        update_key(world, id);
    } else {
        let before = slave.port.actor.key;
        set_link_key(&mut slave.port, 0);
        slave.port.speaks &= slave.port.actor.key == before;
    }
    choose_active(world, bond);
    super::update_usable(world, bond);
}

// Time.

/// One tick (`bond_3ad_state_machine_handler`).
pub(super) fn tick(world: &mut World, bond: DeviceId) {
    let slaves = of(world, bond).slaves.clone();
    let mut changed = false;
    let lacp = &mut of_mut(world, bond).lacp;
    if lacp.selection != 0 && !slaves.is_empty() {
        lacp.selection -= 1;
        if lacp.selection == 0 {
            changed |= choose_active(world, bond);
        }
    }
    for id in slaves {
        machines::receive(world, id, None);
        machines::speak_periodically(world, id);
        changed |= select::select_port(world, bond, id);
        changed |= machines::switch(world, bond, id);
        machines::transmit(world, id);
        if let Some(slave) = of_slave(world, id) {
            slave.port.begins = false;
        }
    }
    if changed {
        super::update_usable(world, bond);
    }
    world.set_timer(bond, timer::LACP, TICK * MILLISECOND);
}

// Frames.

/// Says how things are.
fn speak(world: &mut World, id: DeviceId) {
    let Some(port) = slave::of(world, id).map(|slave| &slave.port) else { return };
    let message = Lacpdu { actor: port.actor, partner: port.partner };
    let mut bytes = [0; pdu::LENGTH];
    message.emit(&mut bytes);
    send(world, id, &bytes);
}

fn send(world: &mut World, id: DeviceId, body: &[u8; pdu::LENGTH]) {
    let Some(source) = slave::of(world, id).map(|slave| slave.permanent) else { return };
    let mut bytes = [0; ETHERNET + pdu::LENGTH];
    Ethernet { destination: pdu::ADDRESS, source, ethertype: ethertype::SLOW }.emit(&mut bytes);
    bytes[ETHERNET..].copy_from_slice(body);
    let Some(frame) = world.run.pool.frame(&bytes) else { return };
    world.run.pool.meta_mut(frame).priority = PRIORITY_CONTROL;
    world.forward(id, Step::Transmit, frame);
}

/// Takes what came in through a slave, if it is for LACP; says whether it was (`bond_3ad_lacpdu_recv`).
pub(super) fn hear(world: &mut World, id: DeviceId, bytes: &[u8]) -> bool {
    let Some(body) = bytes.get(ETHERNET..).and_then(|body| body.first_chunk::<{ pdu::LENGTH }>()) else {
        return false;
    };
    if !slave::of(world, id).is_some_and(|slave| slave.port.bound) {
        return false;
    }
    match body[0] {
        pdu::LACP => {
            let message = Lacpdu::parse(body).ok();
            machines::receive(world, id, message.as_ref());
            true
        }
        pdu::MARKER => {
            if body[pdu::MARKER_KIND_AT] == pdu::MARKER_INFORMATION {
                let mut answer = *body;
                answer[pdu::MARKER_KIND_AT] = pdu::MARKER_RESPONSE;
                send(world, id, &answer);
            }
            true
        }
        _ => false,
    }
}
