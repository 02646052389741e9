//! Options: what programs read and set of a team and of its ports (`team_options` in `drivers/net/team/team.c`).
//!
//! The same rows tell, check and set. Those of a mode are there while the team has the mode.

use super::mode::{self, Mode};
use super::{balance, of, of_mut, port};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::team::*;

/// A value of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    U32(u32),
    S32(i32),
    Flag(bool),
    Text(Vec<u8>),
    Bytes(Vec<u8>),
}

impl Value {
    /// `NLA_*`.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Value::U32(_) => NLA_U32,
            Value::S32(_) => NLA_S32,
            Value::Flag(_) => NLA_FLAG,
            Value::Text(_) => NLA_STRING,
            Value::Bytes(_) => NLA_BINARY,
        }
    }
}

/// What an option is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) team: DeviceId,
    /// The port, or the team if it is no port's.
    pub(super) id: DeviceId,
    /// The place in an array, of which a team has a whole one; else 0.
    pub(super) index: u8,
}

/// Sets an option.
type Set = fn(&mut World, Place, &Value) -> Result<(), Errno>;

/// An option: its name, whether each port has one, how many there are if it is an array, the mode that it belongs to.
/// Those that only tell have nothing that sets them.
pub(crate) struct TeamOption {
    pub name: &'static str,
    pub of_port: bool,
    pub(super) array: bool,
    pub(super) mode: Option<Mode>,
    pub(super) get: fn(&World, Place) -> Value,
    pub(super) set: Option<Set>,
}

impl TeamOption {
    /// One of a team itself in every mode that tells nothing: what the others are made from.
    pub(super) const DEFAULT: TeamOption = TeamOption {
        name: "",
        of_port: false,
        array: false,
        mode: None,
        get: |_, _| Value::Flag(false),
        set: None,
    };
}

/// A number that a team keeps and nothing depends on.
macro_rules! kept {
    ($name:literal, $place:literal) => {
        TeamOption {
            name: $name,
            get: |world, at| Value::U32(of(world, at.team).kept[$place]),
            set: Some(|world, at, value| {
                of_mut(world, at.team).kept[$place] = number(value)?;
                Ok(())
            }),
            ..TeamOption::DEFAULT
        }
    };
}

pub(super) fn number(value: &Value) -> Result<u32, Errno> {
    if let Value::U32(value) = value { Ok(*value) } else { Err(Errno::ENOENT) }
}

fn flag(value: &Value) -> Result<bool, Errno> {
    if let Value::Flag(value) = value { Ok(*value) } else { Err(Errno::ENOENT) }
}

/// The options in the order in which they are told; those of ports behind, port by port.
static OPTIONS: &[TeamOption] = &[
    TeamOption {
        name: "mode",
        get: |world, at| Value::Text(mode::name(world, at.team).into()),
        set: Some(|world, at, value| match value {
            Value::Text(name) => mode::change(world, at.team, name),
            _ => Err(Errno::ENOENT),
        }),
        ..TeamOption::DEFAULT
    },
    kept!("notify_peers_count", 0),
    kept!("notify_peers_interval", 1),
    kept!("mcast_rejoin_count", 2),
    kept!("mcast_rejoin_interval", 3),
    TeamOption {
        name: "activeport",
        mode: Some(Mode::ActiveBackup),
        get: |world, at| {
            let active = of(world, at.team).active.and_then(|id| world.get(id));
            Value::U32(active.map_or(0, |port| port.ifindex))
        },
        set: Some(|world, at, value| {
            let ifindex = number(value)?;
            let found = of(world, at.team).ports.iter().copied().find(|id| world[*id].ifindex == ifindex);
            of_mut(world, at.team).active = Some(found.ok_or(Errno::ENOENT)?);
            Ok(())
        }),
        ..TeamOption::DEFAULT
    },
    TeamOption {
        name: "enabled",
        of_port: true,
        get: |world, at| Value::Flag(port::is_enabled(world, at.id)),
        set: Some(|world, at, value| {
            port::enable(world, at.team, at.id, flag(value)?);
            Ok(())
        }),
        ..TeamOption::DEFAULT
    },
    TeamOption {
        name: "user_linkup",
        of_port: true,
        get: |world, at| Value::Flag(port::user_link(world, at.id).0),
        set: Some(|world, at, value| {
            let link = port::user_link(world, at.id);
            port::set_user_link(world, at.team, at.id, (flag(value)?, link.1));
            Ok(())
        }),
        ..TeamOption::DEFAULT
    },
    TeamOption {
        name: "user_linkup_enabled",
        of_port: true,
        get: |world, at| Value::Flag(port::user_link(world, at.id).1),
        set: Some(|world, at, value| {
            let link = port::user_link(world, at.id);
            port::set_user_link(world, at.team, at.id, (link.0, flag(value)?));
            Ok(())
        }),
        ..TeamOption::DEFAULT
    },
    TeamOption {
        name: "priority",
        of_port: true,
        get: |world, at| Value::S32(port::priority(world, at.id)),
        set: Some(|world, at, value| match value {
            Value::S32(priority) => {
                port::set_priority(world, at.id, *priority);
                Ok(())
            }
            _ => Err(Errno::ENOENT),
        }),
        ..TeamOption::DEFAULT
    },
    TeamOption {
        name: "queue_id",
        of_port: true,
        get: |world, at| Value::U32(port::queue(world, at.id)),
        set: Some(|world, at, value| port::set_queue(world, at.team, at.id, number(value)?)),
        ..TeamOption::DEFAULT
    },
];

/// An option of a team as it is: the option, the port if it is one's, the place if it is an array's, the value.
pub(crate) type Told = (&'static TeamOption, Option<DeviceId>, Option<u8>, Value);

/// The options that a team has in its mode.
fn here(world: &World, team: DeviceId) -> impl Iterator<Item = &'static TeamOption> + use<> {
    let mode = of(world, team).mode;
    let all = OPTIONS.iter().chain(balance::OPTIONS);
    all.filter(move |option| option.mode.is_none() || option.mode == mode)
}

/// All options of a team.
pub(crate) fn list(world: &World, team: DeviceId) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    for option in here(world, team).filter(|option| !option.of_port) {
        let last = if option.array { u8::MAX } else { 0 };
        told.extend((0..=last).map(|index| {
            (
                option,
                None,
                option.array.then_some(index),
                (option.get)(world, Place { team, id: team, index }),
            )
        }));
    }
    for id in &of(world, team).ports {
        let options = here(world, team).filter(|option| option.of_port);
        told.extend(
            options.map(|option| {
                (option, Some(*id), None, (option.get)(world, Place { team, id: *id, index: 0 }))
            }),
        );
    }
    told
}

/// Sets an option; the numbers are those of the port and of the place in an array.
///
/// # Errors
/// ENOENT if there is no such option, port or place, or it is of another type; EOPNOTSUPP if it only tells; what the
/// option refuses with.
pub(crate) fn set(
    world: &mut World,
    team: DeviceId,
    name: &[u8],
    ifindex: Option<u32>,
    index: Option<u32>,
    value: &Value,
) -> Result<(), Errno> {
    let fits = |option: &&TeamOption| {
        let of_port = option.of_port == ifindex.is_some();
        let place = if option.array { index.is_some() } else { index.unwrap_or(0) == 0 };
        option.name.as_bytes() == name && of_port && place
    };
    let option = here(world, team).find(fits).ok_or(Errno::ENOENT)?;
    let id = match ifindex {
        None => team,
        Some(ifindex) => {
            let mut ports = of(world, team).ports.iter().copied();
            ports.find(|id| world[*id].ifindex == ifindex).ok_or(Errno::ENOENT)?
        }
    };
    let index = u8::try_from(index.unwrap_or(0)).map_err(|_| Errno::ENOENT)?;
    let at = Place { team, id, index };
    if (option.get)(world, at).kind() != value.kind() {
        return Err(Errno::ENOENT);
    }
    option.set.ok_or(Errno::EOPNOTSUPP)?(world, at, value)
}
