//! Generic netlink (`net/netlink/genetlink.c`): the controller, which names families, and the one family there is, that
//! of teams (`team_nl_ops` in `drivers/net/team/team.c`).
//!
//! An answer is cut into messages of one page each, between two options. **Left out**: families' multicast groups, so
//! nobody is told of changes that others make.

use crate::device::DeviceId;
use crate::link::team::{self, Value};
use crate::netlink_tap::Heading;
use crate::rtnl::Asker;
use crate::rtnl::room::GOOD_SIZE;
use crate::world::World;
use rtnl::attr::{Attr, Attrs, Builder};
use rtnl::errno::Errno;
use rtnl::message::{
    self, Header, Message, Messages, NLM_F_ACK, NLM_F_MULTI, NLM_F_REQUEST, NLMSG_DONE, Refusal,
};
use rtnl::table::Tb;
use rtnl::team::*;

/// The number of the family of teams: the first that is free.
const TEAM: u16 = 28;
/// Messages of one datagram that are looked at.
const MESSAGES: usize = 1 << 10;

/// Carries out every message of a datagram.
pub(crate) fn handle(world: &mut World, asker: Asker, datagram: &[u8]) {
    for message in Messages(datagram).take(MESSAGES) {
        if !message.has(NLM_F_REQUEST) || message.header.kind < GENL_ID_CTRL {
            continue;
        }
        let result = dispatch(world, asker, &message);
        world.settle();
        world.run();
        let refusal = result.err().map(Refusal::new);
        if refusal.is_some() || message.has(NLM_F_ACK) {
            let mut out = Builder::new();
            message::acknowledge(&mut out, &message, asker.pid, refusal.as_ref());
            reply(world, asker, out);
        }
    }
}

fn reply(world: &mut World, asker: Asker, out: Builder) {
    world.tap_netlink(asker.netns, NETLINK_GENERIC, Heading::User, &out.bytes);
    if let Some(client) = world.clients.get_mut(asker.client) {
        client.push(out.bytes);
    }
}

fn dispatch(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Errno> {
    let command = *message.payload().first().ok_or(Errno::EINVAL)?;
    let attrs = || message.attrs(GENL_HEADER);
    match (message.header.kind, command) {
        (GENL_ID_CTRL, CTRL_CMD_GETFAMILY) => family(world, asker, message, attrs()),
        (TEAM, TEAM_CMD_OPTIONS_SET) => set_options(world, asker, attrs()),
        (TEAM, TEAM_CMD_OPTIONS_GET) => {
            let team = team_of(world, asker, &Tb::read(attrs()))?;
            let items = options(world, team);
            tell(world, asker, message, team, (TEAM_CMD_OPTIONS_GET, TEAM_ATTR_LIST_OPTION), items)
        }
        (TEAM, TEAM_CMD_PORT_LIST_GET) => {
            let team = team_of(world, asker, &Tb::read(attrs()))?;
            let items = ports(world, team);
            tell(world, asker, message, team, (TEAM_CMD_PORT_LIST_GET, TEAM_ATTR_LIST_PORT), items)
        }
        (GENL_ID_CTRL | TEAM, _) => Err(Errno::EOPNOTSUPP),
        _ => Err(Errno::ENOENT),
    }
}

/// Tells the number of a family by its name.
fn family(world: &mut World, asker: Asker, message: &Message<'_>, attrs: Attrs<'_>) -> Result<(), Errno> {
    let tb = Tb::read(attrs);
    let by_name = tb.get(CTRL_ATTR_FAMILY_NAME).map(|attr| attr.string() == TEAM_GENL_NAME);
    let by_number = tb.get(CTRL_ATTR_FAMILY_ID).map(|attr| attr.u16() == TEAM);
    if !by_name.or(by_number).ok_or(Errno::EINVAL)? {
        return Err(Errno::ENOENT);
    }
    let mut out = Builder::new();
    let header = Header { kind: GENL_ID_CTRL, flags: 0, seq: message.header.seq, pid: asker.pid };
    let start = out.start(header);
    out.bytes.extend([CTRL_CMD_NEWFAMILY, 2, 0, 0]);
    out.string(CTRL_ATTR_FAMILY_NAME, TEAM_GENL_NAME);
    out.u16(CTRL_ATTR_FAMILY_ID, TEAM);
    out.u32(CTRL_ATTR_VERSION, TEAM_GENL_VERSION.into());
    out.u32(CTRL_ATTR_HDRSIZE, 0);
    out.u32(CTRL_ATTR_MAXATTR, TEAM_ATTR_MAX);
    out.finish(start);
    reply(world, asker, out);
    Ok(())
}

/// The team that a request is about (`team_nl_team_get`).
fn team_of(world: &World, asker: Asker, tb: &Tb<'_>) -> Result<DeviceId, Errno> {
    let ifindex = tb.u32(TEAM_ATTR_TEAM_IFINDEX).ok_or(Errno::EINVAL)?;
    let id = world.by_index(asker.netns, ifindex).ok_or(Errno::EINVAL)?;
    if world[id].kind == &team::TYPE { Ok(id) } else { Err(Errno::EINVAL) }
}

/// Tells a list of a team: as many messages as it takes, and the end (`team_nl_send_options_get`).
///
/// # Errors
/// EMSGSIZE if something of the list does not fit a message; what came before it has been told by then.
fn tell(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    team: DeviceId,
    (command, list): (u8, u16),
    items: Vec<Vec<u8>>,
) -> Result<(), Errno> {
    let header =
        |kind| Header { kind, flags: NLM_F_MULTI | NLM_F_ACK, seq: message.header.seq, pid: asker.pid };
    let mut items = items.into_iter().peekable();
    let mut out = Builder::new();
    loop {
        let start = out.start(header(TEAM));
        out.bytes.extend([command, TEAM_GENL_VERSION, 0, 0]);
        out.u32(TEAM_ATTR_TEAM_IFINDEX, world[team].ifindex);
        let nest = out.nest(list);
        let first = items.peek();
        if first.is_some_and(|item| out.bytes.len() + item.len() > GOOD_SIZE) {
            return Err(Errno::EMSGSIZE);
        }
        while let Some(item) = items.next_if(|item| out.bytes.len() + item.len() <= GOOD_SIZE) {
            out.bytes.extend(item);
        }
        out.end(nest);
        out.finish(start);
        if items.peek().is_none() {
            break;
        }
        reply(world, asker, std::mem::take(&mut out));
    }
    if out.bytes.len() + message::HEADER > GOOD_SIZE {
        reply(world, asker, std::mem::take(&mut out));
    }
    let start = out.start(header(NLMSG_DONE));
    out.finish(start);
    reply(world, asker, out);
    Ok(())
}

/// One item of a list.
fn item(kind: u16, put: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let mut out = Builder::new();
    let nest = out.nest(kind);
    put(&mut out);
    out.end(nest);
    out.bytes
}

fn options(world: &World, team: DeviceId) -> Vec<Vec<u8>> {
    let told = team::options(world, team).into_iter();
    let told = told.map(|(option, port, index, value)| {
        item(TEAM_ATTR_ITEM, |out| {
            out.string(TEAM_ATTR_OPTION_NAME, option.name.as_bytes());
            if let Some(port) = port.and_then(|id| world.get(id)) {
                out.u32(TEAM_ATTR_OPTION_PORT_IFINDEX, port.ifindex);
            }
            if let Some(index) = index {
                out.u32(TEAM_ATTR_OPTION_ARRAY_INDEX, index.into());
            }
            out.u8(TEAM_ATTR_OPTION_TYPE, value.kind());
            match value {
                Value::U32(value) => out.u32(TEAM_ATTR_OPTION_DATA, value),
                Value::S32(value) => out.i32(TEAM_ATTR_OPTION_DATA, value),
                Value::Flag(true) => out.put(TEAM_ATTR_OPTION_DATA, &[]),
                Value::Flag(false) => {}
                Value::Text(text) => out.string(TEAM_ATTR_OPTION_DATA, &text),
                Value::Bytes(bytes) => out.put(TEAM_ATTR_OPTION_DATA, &bytes),
            }
        })
    });
    told.collect()
}

fn ports(world: &World, team: DeviceId) -> Vec<Vec<u8>> {
    let told = team::ports(world, team).into_iter();
    let told = told.map(|(ifindex, linked, speed)| {
        item(TEAM_ATTR_ITEM, |out| {
            out.u32(TEAM_ATTR_PORT_IFINDEX, ifindex);
            if linked {
                out.put(TEAM_ATTR_PORT_LINKUP, &[]);
            }
            out.u32(TEAM_ATTR_PORT_SPEED, speed.unwrap_or(0));
            out.u8(TEAM_ATTR_PORT_DUPLEX, u8::from(speed.is_some()));
        })
    });
    told.collect()
}

/// Sets the options of a request, one after the other; what was set before one is refused stays set.
fn set_options(world: &mut World, asker: Asker, attrs: Attrs<'_>) -> Result<(), Errno> {
    let tb = Tb::read(attrs);
    let team = team_of(world, asker, &tb)?;
    let list = tb.get(TEAM_ATTR_LIST_OPTION).ok_or(Errno::EINVAL)?;
    for item in list.attrs().filter(|attr| attr.number == TEAM_ATTR_ITEM) {
        let tb = Tb::read(item.attrs());
        let name = tb.get(TEAM_ATTR_OPTION_NAME).ok_or(Errno::EINVAL)?;
        let kind = tb.u8(TEAM_ATTR_OPTION_TYPE).ok_or(Errno::EINVAL)?;
        let value = value(kind, tb.get(TEAM_ATTR_OPTION_DATA))?;
        let port = tb.u32(TEAM_ATTR_OPTION_PORT_IFINDEX).filter(|port| *port != 0);
        let index = tb.u32(TEAM_ATTR_OPTION_ARRAY_INDEX);
        team::set_option(world, team, name.string(), port, index, &value)?;
    }
    Ok(())
}

fn value(kind: u8, data: Option<Attr<'_>>) -> Result<Value, Errno> {
    let needed = || data.ok_or(Errno::EINVAL);
    Ok(match kind {
        NLA_U32 => Value::U32(needed()?.u32()),
        NLA_S32 => Value::S32(needed()?.i32()),
        NLA_STRING => Value::Text(needed()?.string().to_vec()),
        NLA_FLAG => Value::Flag(data.is_some()),
        NLA_BINARY => Value::Bytes(needed()?.payload.to_vec()),
        _ => return Err(Errno::EINVAL),
    })
}
