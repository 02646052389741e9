//! The machines of one port (IEEE 802.1AX, 6.4.11 to 6.4.16): what is known of the partner, when the port speaks, and
//! how far it is switched on.

use super::select::{disable, enable};
use super::{BETWEEN, KEY_DUPLEX, Mux, NO_PARTNER, Periodic, Port, Receive, SECOND, speak};
use crate::device::DeviceId;
use crate::link::bond::of;
use crate::link::bond::slave::{self, of_slave};
use crate::world::World;
use wire::lacp::{Lacpdu, Party, state};

/// Ticks after which a partner that speaks fast is given up, and one that speaks slowly.
const SHORT_TIMEOUT: u16 = 3 * SECOND;
const LONG_TIMEOUT: u16 = 90 * SECOND;
/// Ticks between two LACPDUs, but the one that it takes to send the first.
const FAST: u16 = SECOND - 1;
const SLOW: u16 = 30 * SECOND - 1;
/// Ticks for which a port waits for others that will be in the same aggregator.
const WAIT: u16 = 2 * SECOND;

fn is(port: &Port, bits: u8) -> bool {
    port.actor.state & bits != 0
}

/// Lets a timer go on by a tick; says whether it has run out.
fn runs_out(timer: &mut u16) -> bool {
    let ran = *timer != 0;
    *timer = timer.saturating_sub(1);
    ran && *timer == 0
}

/// Whether two parties are the same port, whatever its state but for `bits`.
fn is_same(one: &Party, other: &Party, bits: u8) -> bool {
    let named = |party: &Party| Party { state: party.state & bits, ..*party };
    named(one) == named(other)
}

// Receiving.

/// The machine that receives: an LACPDU came, or a tick went by (`ad_rx_machine`).
pub(super) fn receive(world: &mut World, id: DeviceId, message: Option<&Lacpdu>) {
    let Some(slave) = of_slave(world, id) else { return };
    let port = &mut slave.port;
    let before = port.receive;
    port.receive = match (message, before) {
        _ if port.begins => Receive::Initialize,
        _ if !port.enabled => Receive::PortDisabled,
        (Some(_), Receive::Expired | Receive::Defaulted | Receive::Current) => {
            port.receive_timer = 0;
            Receive::Current
        }
        _ if runs_out(&mut port.receive_timer) => match before {
            Receive::Expired => Receive::Defaulted,
            Receive::Current => Receive::Expired,
            _ => before,
        },
        (_, Receive::PortDisabled) if port.speaks => Receive::Expired,
        (_, Receive::PortDisabled) => Receive::LacpDisabled,
        _ => before,
    };
    if port.receive != before || message.is_some() {
        enter_receive(port, message);
    }
}

fn enter_receive(port: &mut Port, message: Option<&Lacpdu>) {
    match port.receive {
        Receive::Initialize => {
            port.speaks = port.actor.key & KEY_DUPLEX != 0;
            port.selected = false;
            record_default(port);
            port.actor.state &= !state::EXPIRED;
            port.receive = Receive::PortDisabled;
        }
        Receive::Off | Receive::PortDisabled => {}
        Receive::LacpDisabled => {
            port.selected = false;
            record_default(port);
            port.partner.state &= !state::AGGREGATION;
            port.actor.state &= !state::EXPIRED;
        }
        Receive::Expired => {
            port.partner.state &= !state::SYNCHRONIZATION;
            port.partner.state |= state::SHORT_TIMEOUT;
            port.receive_timer = SHORT_TIMEOUT;
            port.actor.state |= state::EXPIRED;
        }
        Receive::Defaulted => {
            port.selected &= is_same(&port.partner, &NO_PARTNER, state::AGGREGATION);
            record_default(port);
            port.actor.state &= !state::EXPIRED;
        }
        Receive::Current => {
            // What comes from this bond itself says nothing.
            if let Some(message) = message.filter(|message| message.actor.system != port.actor.system) {
                record(port, message);
            }
        }
    }
}

fn record_default(port: &mut Port) {
    port.partner = NO_PARTNER;
    port.actor.state |= state::DEFAULTED;
}

/// Notes what the partner says of itself, and whether it knows how things are here.
fn record(port: &mut Port, message: &Lacpdu) {
    let heard = &message.actor;
    port.selected &= is_same(heard, &port.partner, state::AGGREGATION);
    let told = state::ACTIVITY | state::SHORT_TIMEOUT | state::SYNCHRONIZATION | state::AGGREGATION;
    port.must_speak |= !is_same(&message.partner, &port.actor, told);
    let matches =
        is_same(&message.partner, &port.actor, state::AGGREGATION) || heard.state & state::AGGREGATION == 0;
    port.partner = *heard;
    if !matches {
        port.partner.state &= !state::SYNCHRONIZATION;
    }
    port.actor.state &= !(state::DEFAULTED | state::EXPIRED);
    port.receive_timer = if is(port, state::SHORT_TIMEOUT) { SHORT_TIMEOUT } else { LONG_TIMEOUT };
}

// Speaking.

/// The machine that speaks from time to time: as often as the partner wants it (`ad_periodic_machine`).
pub(super) fn speak_periodically(world: &mut World, id: DeviceId) {
    let Some(slave) = of_slave(world, id) else { return };
    let port = &mut slave.port;
    let before = port.periodic;
    let fast = port.partner.state & state::SHORT_TIMEOUT != 0;
    let somebody_begins = (port.actor.state | port.partner.state) & state::ACTIVITY != 0;
    port.periodic = match before {
        _ if port.begins || !port.speaks || !port.enabled || !somebody_begins => Periodic::Never,
        _ if port.periodic_timer != 0 => {
            let over = runs_out(&mut port.periodic_timer);
            match before {
                _ if over => Periodic::Now,
                Periodic::Fast if !fast => Periodic::Slow,
                Periodic::Slow if fast => {
                    port.periodic_timer = 0;
                    Periodic::Now
                }
                _ => before,
            }
        }
        Periodic::Never => Periodic::Fast,
        Periodic::Now if fast => Periodic::Fast,
        Periodic::Now => Periodic::Slow,
        _ => before,
    };
    if port.periodic == before {
        return;
    }
    match port.periodic {
        Periodic::Never => port.periodic_timer = 0,
        Periodic::Fast => port.periodic_timer = FAST,
        Periodic::Slow => port.periodic_timer = SLOW,
        Periodic::Now => port.must_speak = true,
    }
}

/// The machine that speaks: not more than three times a second (`ad_tx_machine`).
pub(super) fn transmit(world: &mut World, id: DeviceId) {
    let Some(slave) = of_slave(world, id) else { return };
    let port = &mut slave.port;
    if !runs_out(&mut port.transmit_timer) {
        return;
    }
    port.transmit_timer = BETWEEN;
    if port.must_speak && port.speaks {
        port.must_speak = false;
        speak(world, id);
    }
}

// Switching on and off.

/// The machine that switches a port on: when it has an aggregator in use and the partner agrees (`ad_mux_machine`).
/// Says whether there are other ports to send through now.
pub(super) fn switch(world: &mut World, bond: DeviceId, id: DeviceId) -> bool {
    let Some(port) = slave::of(world, id).map(|slave| &slave.port) else { return false };
    let (before, selected) = (port.mux, port.selected);
    let active = owner_is(world, id, |aggregator| aggregator.active);
    let partner_agrees = port.partner.state & state::SYNCHRONIZATION != 0;
    let chosen = of(world, bond).lacp.selection == 0;
    let mut reenabled = false;
    let next = match before {
        _ if port.begins => Mux::Detached,
        Mux::Detached if selected => Mux::Waiting,
        Mux::Off | Mux::Detached => before,
        Mux::Waiting if !selected => withdraw(world, id),
        Mux::Waiting => wait(world, id),
        Mux::Attached if selected && partner_agrees && chosen => {
            if active {
                Mux::CollectingDistributing
            } else {
                Mux::Attached
            }
        }
        Mux::Attached if !selected => withdraw(world, id),
        Mux::Attached => {
            let port = of_slave(world, id).map(|slave| &mut slave.port).filter(|_| active);
            port.into_iter().for_each(|port| port.actor.state |= state::SYNCHRONIZATION);
            Mux::Attached
        }
        Mux::CollectingDistributing if !selected || !partner_agrees || !is(port, state::SYNCHRONIZATION) => {
            Mux::Attached
        }
        Mux::CollectingDistributing => {
            if active && slave::of(world, id).is_some_and(|slave| slave.backup) {
                enable(world, id);
                reenabled = true;
            }
            Mux::CollectingDistributing
        }
    };
    if next == before {
        return reenabled;
    }
    enter_mux(world, id, next, active)
}

/// Asks the aggregator that the port is in.
fn owner_is(world: &World, id: DeviceId, ask: impl Fn(&super::Aggregator) -> bool) -> bool {
    let owner = slave::of(world, id).and_then(|slave| slave.port.aggregator);
    owner.and_then(|owner| slave::of(world, owner)).is_some_and(|slave| ask(&slave.aggregator))
}

fn withdraw(world: &mut World, id: DeviceId) -> Mux {
    of_slave(world, id).into_iter().for_each(|slave| slave.port.ready = false);
    Mux::Detached
}

/// A port waits until every port of its aggregator has waited long enough.
fn wait(world: &mut World, id: DeviceId) -> Mux {
    let Some(slave) = of_slave(world, id) else { return Mux::Waiting };
    slave.port.ready |= runs_out(&mut slave.port.mux_timer);
    if slave.port.mux_timer != 0 {
        return Mux::Waiting;
    }
    let is_ready = |id: &DeviceId| slave::of(world, *id).is_some_and(|slave| slave.port.ready);
    let all = owner_is(world, id, |aggregator| aggregator.ports.iter().all(is_ready));
    if all { Mux::Attached } else { Mux::Waiting }
}

fn enter_mux(world: &mut World, id: DeviceId, next: Mux, active: bool) -> bool {
    let has_partner = owner_is(world, id, super::Aggregator::has_partner);
    let Some(slave) = of_slave(world, id) else { return false };
    let port = &mut slave.port;
    port.mux = next;
    let running = state::COLLECTING | state::DISTRIBUTING;
    match next {
        Mux::Waiting => {
            port.mux_timer = WAIT;
            return false;
        }
        Mux::CollectingDistributing => {
            port.actor.state |= running | state::SYNCHRONIZATION;
            port.must_speak = true;
            if active {
                enable(world, id);
            }
            return active;
        }
        Mux::Off | Mux::Detached | Mux::Attached => {}
    }
    port.actor.state &= !(running | state::SYNCHRONIZATION);
    if next == Mux::Attached && active {
        port.actor.state |= state::SYNCHRONIZATION;
    }
    port.must_speak = true;
    // Ports of an aggregator without a partner are used all the same.
    if has_partner {
        disable(world, id);
    }
    has_partner
}
