//! The mode `loadbalance`: a hash of eight bits chooses the port (`drivers/net/team/team_mode_loadbalance.c`).
//!
//! A program of BPF makes the hash; without one it is 0. The method `hash` takes the port whose place among those that
//! are enabled is the rest of the hash, whether it has a link or not; `hash_to_port_mapping` looks the hash up in a
//! table first. What is sent is counted by hash and by port, and told as of the last time that the counts were looked
//! at: every so many tenths of a second, or never.

use super::mode::Mode;
use super::options::{TeamOption, Value, number};
use super::{of, of_mut, port};
use crate::bpf::{Packet, Program};
use crate::device::DeviceId;
use crate::frame::FrameId;
use crate::timer::TimerId;
use crate::world::World;
use rtnl::errno::Errno;

/// The timer at which counts are looked at.
const REFRESH: TimerId = 0;
/// Microseconds of a tenth of a second.
const TENTH: u64 = 100_000;
/// Hashes there are.
const HASHES: usize = 1 << 8;
/// The first number that is an EtherType and no length.
const FIRST_ETHERTYPE: u16 = 0x600;
/// What is in a frame that has a length: 802.2, and what Novell put there without (`ETH_P_802_2`, `ETH_P_802_3`).
const LENGTHS: [u16; 2] = [4, 1];

/// Bytes that were sent: all of them, and those that are told.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Sent {
    all: u64,
    told: u64,
}

impl Sent {
    /// Counts are told as Linux keeps them: one number of eight bytes.
    fn value(self) -> Value {
        Value::Bytes(self.told.to_ne_bytes().to_vec())
    }
}

/// What the mode keeps.
pub(super) struct Balance {
    /// The program as it came, and as it runs.
    program: Option<(Vec<u8>, Program)>,
    by_mapping: bool,
    mapping: [Option<DeviceId>; HASHES],
    sent: [Sent; HASHES],
    /// Tenths of a second; 0: counts are not looked at.
    interval: u32,
}

impl Default for Balance {
    fn default() -> Balance {
        let (mapping, sent) = ([None; HASHES], [Sent::default(); HASHES]);
        Balance { program: None, by_mapping: false, mapping, sent, interval: 0 }
    }
}

/// The mode begins or ends.
pub(super) fn begin(world: &mut World, team: DeviceId, on: bool) {
    world.cancel_timer(team, REFRESH);
    of_mut(world, team).balance = on.then(Box::default);
}

/// A port sends no more: no hash leads to it.
pub(super) fn forget(world: &mut World, team: DeviceId, id: DeviceId) {
    if let Some(balance) = &mut of_mut(world, team).balance {
        for place in balance.mapping.iter_mut().filter(|place| **place == Some(id)) {
            *place = None;
        }
    }
}

/// What is in a frame, as Linux notes it where one comes in (`eth_type_trans`).
fn protocol(bytes: &[u8]) -> u16 {
    let half = |at: usize| bytes.get(at..at + 2).map_or(0, |half| u16::from_be_bytes([half[0], half[1]]));
    match half(12) {
        ethertype @ FIRST_ETHERTYPE.. => ethertype,
        _ => LENGTHS[usize::from(half(14) == 0xffff)],
    }
}

/// The hash of a frame (`lb_get_skb_hash`).
fn hash(world: &World, team: DeviceId, frame: FrameId) -> u8 {
    let program = of(world, team).balance.as_ref().and_then(|balance| balance.program.as_ref());
    let Some((_, program)) = program else { return 0 };
    let (bytes, device) = (world.run.pool.bytes(frame), &world[team]);
    let packet = Packet {
        bytes,
        network: wire::ethernet::LENGTH,
        tag: world.run.pool.meta(frame).tag,
        protocol: protocol(bytes),
        ifindex: device.ifindex,
        hardware: device.hardware_type,
    };
    program.run(&packet).to_ne_bytes().iter().fold(0, |all, byte| all ^ byte)
}

/// The port that a frame goes through, which is counted for it; none if it cannot be sent.
pub(super) fn choose(world: &mut World, team: DeviceId, frame: FrameId) -> Option<DeviceId> {
    let hash = usize::from(hash(world, team, frame));
    let state = of(world, team);
    let balance = state.balance.as_ref()?;
    let mapped = balance.mapping[hash].filter(|_| balance.by_mapping);
    let id = match (mapped, state.enabled.len()) {
        (Some(id), _) => id,
        (None, 0) => return None,
        (None, count) => state.enabled[hash % count],
    };
    // A device without a carrier has nothing that sends.
    if !world[id].is_up() || !world[id].carrier {
        return None;
    }
    let length = world.run.pool.length(frame) as u64;
    if let Some(balance) = &mut of_mut(world, team).balance {
        balance.sent[hash].all += length;
    }
    if let Some(port) = port::of_port_mut(world, id) {
        port.balanced.all += length;
    }
    Some(id)
}

/// The counts are looked at (`lb_stats_refresh`).
pub(super) fn refresh(world: &mut World, team: DeviceId, _: TimerId) {
    let Some(balance) = &mut of_mut(world, team).balance else { return };
    balance.sent.iter_mut().for_each(|sent| sent.told = sent.all);
    let interval = balance.interval;
    for id in of(world, team).ports.clone() {
        if let Some(port) = port::of_port_mut(world, id) {
            port.balanced.told = port.balanced.all;
        }
    }
    world.set_timer(team, REFRESH, u64::from(interval) * TENTH);
}

/// A value of what the mode keeps; the one that it begins with in another mode, in which nobody asks.
fn kept(world: &World, team: DeviceId, value: fn(&Balance) -> Value) -> Value {
    of(world, team).balance.as_ref().map_or_else(|| value(&Balance::default()), |balance| value(balance))
}

fn kept_mut(world: &mut World, team: DeviceId) -> Result<&mut Balance, Errno> {
    of_mut(world, team).balance.as_deref_mut().ok_or(Errno::ENOENT)
}

fn set_program(world: &mut World, team: DeviceId, value: &Value) -> Result<(), Errno> {
    let Value::Bytes(bytes) = value else { return Err(Errno::ENOENT) };
    let program = match bytes.is_empty() {
        true => None,
        false => Some((bytes.clone(), Program::check(bytes)?)),
    };
    kept_mut(world, team)?.program = program;
    Ok(())
}

fn set_method(world: &mut World, team: DeviceId, value: &Value) -> Result<(), Errno> {
    let Value::Text(name) = value else { return Err(Errno::ENOENT) };
    let by_mapping = match name.as_slice() {
        b"hash" => false,
        b"hash_to_port_mapping" => true,
        _ => return Err(Errno::EINVAL),
    };
    kept_mut(world, team)?.by_mapping = by_mapping;
    Ok(())
}

fn set_mapping(world: &mut World, team: DeviceId, index: u8, value: &Value) -> Result<(), Errno> {
    let ifindex = number(value)?;
    let mut enabled = of(world, team).enabled.iter().copied();
    let id = enabled.find(|id| world[*id].ifindex == ifindex).ok_or(Errno::ENODEV)?;
    kept_mut(world, team)?.mapping[usize::from(index)] = Some(id);
    Ok(())
}

fn set_interval(world: &mut World, team: DeviceId, value: &Value) -> Result<(), Errno> {
    let interval = number(value)?;
    if std::mem::replace(&mut kept_mut(world, team)?.interval, interval) == interval {
        return Ok(());
    }
    match interval {
        0 => world.cancel_timer(team, REFRESH),
        _ => world.set_timer(team, REFRESH, 0),
    }
    Ok(())
}

/// The options of the mode, in the order in which they are told.
pub(super) static OPTIONS: &[TeamOption] = &[
    TeamOption {
        name: "bpf_hash_func",
        get: |world, at| {
            kept(world, at.team, |balance| {
                Value::Bytes(balance.program.as_ref().map_or(Vec::new(), |(bytes, _)| bytes.clone()))
            })
        },
        set: Some(|world, at, value| set_program(world, at.team, value)),
        ..OF_MODE
    },
    TeamOption {
        name: "lb_tx_method",
        get: |world, at| {
            kept(world, at.team, |balance| {
                let name: &[u8] = if balance.by_mapping { b"hash_to_port_mapping" } else { b"hash" };
                Value::Text(name.into())
            })
        },
        set: Some(|world, at, value| set_method(world, at.team, value)),
        ..OF_MODE
    },
    TeamOption {
        name: "lb_tx_hash_to_port_mapping",
        array: true,
        get: |world, at| {
            let balance = of(world, at.team).balance.as_ref();
            let id = balance.and_then(|balance| balance.mapping[usize::from(at.index)]);
            Value::U32(id.and_then(|id| world.get(id)).map_or(0, |port| port.ifindex))
        },
        set: Some(|world, at, value| set_mapping(world, at.team, at.index, value)),
        ..OF_MODE
    },
    TeamOption {
        name: "lb_hash_stats",
        array: true,
        get: |world, at| {
            let balance = of(world, at.team).balance.as_ref();
            balance.map_or(Sent::default(), |balance| balance.sent[usize::from(at.index)]).value()
        },
        ..OF_MODE
    },
    TeamOption {
        name: "lb_port_stats",
        of_port: true,
        get: |world, at| port::of_port(world, at.id).map_or(Sent::default(), |port| port.balanced).value(),
        ..OF_MODE
    },
    TeamOption {
        name: "lb_stats_refresh_interval",
        get: |world, at| kept(world, at.team, |balance| Value::U32(balance.interval)),
        set: Some(|world, at, value| set_interval(world, at.team, value)),
        ..OF_MODE
    },
];

/// What all of them have.
const OF_MODE: TeamOption = TeamOption { mode: Some(Mode::LoadBalance), ..TeamOption::DEFAULT };
