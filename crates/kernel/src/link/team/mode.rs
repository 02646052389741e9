//! Modes: through which ports a team sends, and what it takes of what they receive (`drivers/net/team/team_mode_*.c`).
//!
//! Without a mode, or without a port that is enabled, a team sends nothing and takes everything. How `loadbalance` chooses
//! stands in `balance.rs`.

use super::{balance, of, of_mut, port};
use crate::device::DeviceId;
use crate::frame::PacketKind;
use crate::run::{Batch, Drop, Step};
use crate::world::World;
use rtnl::errno::Errno;
use wire::ethertype;

/// How a team uses its ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    RoundRobin,
    Broadcast,
    Random,
    ActiveBackup,
    LoadBalance,
}

/// Every mode with its name.
const MODES: &[(Mode, &str)] = &[
    (Mode::RoundRobin, "roundrobin"),
    (Mode::Broadcast, "broadcast"),
    (Mode::Random, "random"),
    (Mode::ActiveBackup, "activebackup"),
    (Mode::LoadBalance, "loadbalance"),
];

/// What a team without mode says.
const NO_MODE: &str = "*NOMODE*";

/// The name of a team's mode.
pub(crate) fn name(world: &World, team: DeviceId) -> &'static str {
    let mode = of(world, team).mode;
    MODES.iter().find(|(known, _)| Some(*known) == mode).map_or(NO_MODE, |(_, name)| name)
}

/// Changes the mode of a team that has no ports (`team_change_mode`).
///
/// # Errors
/// EBUSY if it has some, EINVAL for the mode that it has or one that there is not.
pub(crate) fn change(world: &mut World, team: DeviceId, name: &[u8]) -> Result<(), Errno> {
    if !of(world, team).ports.is_empty() {
        return Err(Errno::EBUSY);
    }
    let found = MODES.iter().find(|(_, known)| known.as_bytes() == name);
    let mode = found.map(|(mode, _)| *mode).filter(|mode| of(world, team).mode != Some(*mode));
    let mode = mode.ok_or(Errno::EINVAL)?;
    // commit
    let state = of_mut(world, team);
    (state.mode, state.active, state.sent) = (Some(mode), None, 0);
    balance::begin(world, team, mode == Mode::LoadBalance);
    Ok(())
}

/// Whether ports take the team's address.
pub(super) fn shares_address(world: &World, team: DeviceId) -> bool {
    matches!(of(world, team).mode, Some(Mode::RoundRobin | Mode::Broadcast | Mode::Random))
}

/// Sends frames through the ports that the mode chooses (`team_xmit`).
pub(super) fn transmit(world: &mut World, team: DeviceId, batch: &mut Batch) {
    for frame in std::mem::take(batch).frames() {
        let length = world.run.pool.length(*frame) as u64;
        let chosen = match of(world, team).mode {
            Some(Mode::Broadcast) => broadcast(world, team, *frame),
            Some(Mode::LoadBalance) => balance::choose(world, team, *frame),
            Some(mode) => choose(world, team, mode),
            None => None,
        };
        let counters = &mut world[team].counters;
        match chosen {
            Some(id) => {
                counters.tx_packets += 1;
                counters.tx_bytes += length;
                world.forward(id, Step::Transmit, *frame);
            }
            None => {
                counters.tx_dropped += 1;
                world.discard(Some(team), *frame, Drop::NoPeer);
            }
        }
    }
}

/// The one port that a frame goes through.
fn choose(world: &mut World, team: DeviceId, mode: Mode) -> Option<DeviceId> {
    let count = of(world, team).enabled.len();
    if mode == Mode::ActiveBackup {
        return of(world, team).active;
    }
    let place = match mode {
        _ if count == 0 => return None,
        Mode::RoundRobin => {
            let state = of_mut(world, team);
            let turn = state.sent;
            state.sent = state.sent.wrapping_add(1);
            turn as usize % count
        }
        Mode::Random => (world.random() % count as u64) as usize,
        _ => 0,
    };
    let first = *of(world, team).enabled.get(place)?;
    // If that one may not send, the next that may, in the order in which they came.
    let ports = &of(world, team).ports;
    let at = ports.iter().position(|id| *id == first)?;
    let (before, behind) = ports.split_at(at);
    behind.iter().chain(before).copied().find(|id| port::can_send(world, *id))
}

/// Gives copies to all ports that may send but the last, which is left for the frame itself.
fn broadcast(world: &mut World, team: DeviceId, frame: crate::frame::FrameId) -> Option<DeviceId> {
    let ports = of(world, team).ports.iter().copied();
    let sending: Vec<DeviceId> = ports.filter(|id| port::can_send(world, *id)).collect();
    let (last, others) = sending.split_last()?;
    for id in others {
        if let Some(copy) = world.run.pool.share(frame) {
            world.forward(*id, Step::Transmit, copy);
        }
    }
    Some(*last)
}

/// What becomes of a frame that a port received.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The team has received it.
    Team,
    /// It stays with the port.
    Port,
    /// Only programs that listen at the port itself hear it.
    Suppressed,
}

/// Takes what a port received (`team_handle_frame`).
pub(super) fn receive(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let Some(team) = port::team_of(world, id) else { return };
    let (enabled, mode) = (port::is_enabled(world, id), of(world, team).mode);
    let passive = mode == Some(Mode::ActiveBackup) && of(world, team).active != Some(id);
    let (own, shared) = (world[id].address, world[team].address);
    batch.retain(|frame| {
        let destination = world.run.pool.destination(frame);
        let link_local = destination[..5] == [1, 0x80, 0xc2, 0, 0] && destination[5] & 0xf0 == 0;
        let slow = world.run.pool.ethertype(frame) == ethertype::SLOW && link_local && destination[5] == 2;
        let fate = match () {
            () if !enabled && link_local => Fate::Port,
            () if !enabled || passive || slow && mode == Some(Mode::LoadBalance) => Fate::Suppressed,
            () => Fate::Team,
        };
        match fate {
            Fate::Port => return true,
            Fate::Suppressed => world.discard(Some(id), frame, Drop::NotInUse),
            Fate::Team => {
                let length = world.run.pool.length(frame).saturating_sub(wire::ethernet::LENGTH) as u64;
                let group = destination[0] & 1 == 1 && destination != [0xff; 6];
                let counters = &mut world[team].counters;
                counters.rx_packets += 1;
                counters.rx_bytes += length;
                counters.multicast += u64::from(group);
                // For whom a frame is, its port's address decides.
                let meta = world.run.pool.meta_mut(frame);
                if own != shared && destination[0] & 1 == 0 && meta.kind == PacketKind::Auto {
                    meta.kind = if destination == own { PacketKind::Host } else { PacketKind::OtherHost };
                }
                world.forward(team, Step::Receive, frame);
            }
        }
        false
    });
}
