//! Options: what programs read and set of a team and of its ports (`team_options` in `drivers/net/team/team.c`).
//!
//! The same rows tell, check and set. Those of a mode are there while the team has the mode.

use super::mode::{self, Mode};
use super::{of, of_mut, port};
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
}

impl Value {
    /// `NLA_*`.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Value::U32(_) => NLA_U32,
            Value::S32(_) => NLA_S32,
            Value::Flag(_) => NLA_FLAG,
            Value::Text(_) => NLA_STRING,
        }
    }
}

/// An option: its name, whether each port has one, the mode that it belongs to.
pub(crate) struct TeamOption {
    pub name: &'static str,
    pub of_port: bool,
    mode: Option<Mode>,
    get: fn(&World, DeviceId, DeviceId) -> Value,
    set: fn(&mut World, DeviceId, DeviceId, &Value) -> Result<(), Errno>,
}

/// A number that a team keeps and nothing depends on.
macro_rules! kept {
    ($name:literal, $place:literal) => {
        TeamOption {
            name: $name,
            of_port: false,
            mode: None,
            get: |world, team, _| Value::U32(of(world, team).kept[$place]),
            set: |world, team, _, value| {
                of_mut(world, team).kept[$place] = number(value)?;
                Ok(())
            },
        }
    };
}

fn number(value: &Value) -> Result<u32, Errno> {
    if let Value::U32(value) = value { Ok(*value) } else { Err(Errno::ENOENT) }
}

fn flag(value: &Value) -> Result<bool, Errno> {
    if let Value::Flag(value) = value { Ok(*value) } else { Err(Errno::ENOENT) }
}

/// The options in the order in which they are told; those of ports behind, port by port.
static OPTIONS: &[TeamOption] = &[
    TeamOption {
        name: "mode",
        of_port: false,
        mode: None,
        get: |world, team, _| Value::Text(mode::name(world, team).into()),
        set: |world, team, _, value| match value {
            Value::Text(name) => mode::change(world, team, name),
            _ => Err(Errno::ENOENT),
        },
    },
    kept!("notify_peers_count", 0),
    kept!("notify_peers_interval", 1),
    kept!("mcast_rejoin_count", 2),
    kept!("mcast_rejoin_interval", 3),
    TeamOption {
        name: "activeport",
        of_port: false,
        mode: Some(Mode::ActiveBackup),
        get: |world, team, _| {
            Value::U32(of(world, team).active.and_then(|id| world.get(id)).map_or(0, |port| port.ifindex))
        },
        set: |world, team, _, value| {
            let ifindex = number(value)?;
            let found = of(world, team).ports.iter().copied().find(|id| world[*id].ifindex == ifindex);
            of_mut(world, team).active = Some(found.ok_or(Errno::ENOENT)?);
            Ok(())
        },
    },
    TeamOption {
        name: "enabled",
        of_port: true,
        mode: None,
        get: |world, _, id| Value::Flag(port::is_enabled(world, id)),
        set: |world, team, id, value| {
            port::enable(world, team, id, flag(value)?);
            Ok(())
        },
    },
    TeamOption {
        name: "user_linkup",
        of_port: true,
        mode: None,
        get: |world, _, id| Value::Flag(port::user_link(world, id).0),
        set: |world, team, id, value| {
            let link = port::user_link(world, id);
            port::set_user_link(world, team, id, (flag(value)?, link.1));
            Ok(())
        },
    },
    TeamOption {
        name: "user_linkup_enabled",
        of_port: true,
        mode: None,
        get: |world, _, id| Value::Flag(port::user_link(world, id).1),
        set: |world, team, id, value| {
            let link = port::user_link(world, id);
            port::set_user_link(world, team, id, (link.0, flag(value)?));
            Ok(())
        },
    },
    TeamOption {
        name: "priority",
        of_port: true,
        mode: None,
        get: |world, _, id| Value::S32(port::priority(world, id)),
        set: |world, _, id, value| match value {
            Value::S32(priority) => {
                port::set_priority(world, id, *priority);
                Ok(())
            }
            _ => Err(Errno::ENOENT),
        },
    },
];

/// An option of a team as it is: the option, the port if it is one's, the value.
pub(crate) type Told = (&'static TeamOption, Option<DeviceId>, Value);

/// All options of a team.
pub(crate) fn list(world: &World, team: DeviceId) -> Vec<Told> {
    let here = |option: &&TeamOption| option.mode.is_none() || option.mode == of(world, team).mode;
    let own = OPTIONS.iter().filter(here).filter(|option| !option.of_port);
    let mut told: Vec<Told> = own.map(|option| (option, None, (option.get)(world, team, team))).collect();
    for id in &of(world, team).ports {
        for option in OPTIONS.iter().filter(|option| option.of_port) {
            told.push((option, Some(*id), (option.get)(world, team, *id)));
        }
    }
    told
}

/// Sets an option; the number is that of the port.
///
/// # Errors
/// ENOENT if there is no such option or port, or it is of another type; what the option refuses with.
pub(crate) fn set(
    world: &mut World,
    team: DeviceId,
    name: &[u8],
    ifindex: Option<u32>,
    value: &Value,
) -> Result<(), Errno> {
    let fits = |option: &&TeamOption| {
        let here = option.mode.is_none() || option.mode == of(world, team).mode;
        option.name.as_bytes() == name && here && option.of_port == ifindex.is_some()
    };
    let option = OPTIONS.iter().find(fits).ok_or(Errno::ENOENT)?;
    let id = match ifindex {
        None => team,
        Some(ifindex) => {
            let ports = of(world, team).ports.iter().copied();
            ports.into_iter().find(|id| world[*id].ifindex == ifindex).ok_or(Errno::ENOENT)?
        }
    };
    if (option.get)(world, team, id).kind() != value.kind() {
        return Err(Errno::ENOENT);
    }
    (option.set)(world, team, id, value)
}
