//! RTM_NEWLINK, RTM_SETLINK, RTM_DELLINK: what is asked of which link (`__rtnl_newlink` and its sisters).

use super::{Asker, create, get, setlink, unique_netns};
use crate::device::DeviceId;
use crate::link::Type;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::{Message, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Refusal};
use rtnl::object::link::*;
use rtnl::table::{Table, Tb};

/// A request about a link, read.
pub(crate) struct Request<'a> {
    pub info: Ifinfo,
    pub tb: Tb<'a>,
    /// The type that `IFLA_INFO_KIND` names, if there is such a type.
    pub kind: Option<&'static Type>,
    /// `IFLA_INFO_DATA`, validated by that type.
    pub data: Option<Tb<'a>>,
    /// `IFLA_INFO_SLAVE_DATA`, validated by the type of the link's master.
    pub port_data: Option<Tb<'a>>,
}

/// Makes a link or changes one.
pub(crate) fn new(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Ifinfo::decode(message).ok_or(Errno::EINVAL)?;
    let tb = IFLA.parse(message.attrs(Ifinfo::SIZE))?;
    unique_netns(&tb, false)?;
    if info.ifindex < 0 {
        return Err(Refusal::said(Errno::EINVAL, "ifindex can't be negative"));
    }
    let named = info.ifindex > 0 || tb.has(IFLA_IFNAME) || tb.has(IFLA_ALT_IFNAME);
    let present = if named { get::find(world, asker.netns, &info, &tb).ok() } else { None };
    setlink::validate(world, present, &tb)?;
    let master = present.and_then(|id| world[id].master).map(|master| world[master].kind);
    let linkinfo = match tb.get(IFLA_LINKINFO) {
        Some(attr) => IFLA_INFO.parse(attr.attrs())?,
        None => Tb::empty(),
    };
    let kind = linkinfo.string(IFLA_INFO_KIND).and_then(crate::link::find);
    let data = nest(kind.and_then(|kind| kind.table), &linkinfo, IFLA_INFO_DATA)?;
    if let Some(kind) = kind {
        (kind.validate)(&tb, data.as_ref())?;
    }
    let port_data = nest(master.and_then(|master| master.port_table), &linkinfo, IFLA_INFO_SLAVE_DATA)?;
    let request = Request { info, tb, kind, data, port_data };
    match present {
        Some(id) => change(world, asker, message, id, &request, &linkinfo, master),
        None if !message.has(NLM_F_CREATE) => {
            let group = request.tb.u32(IFLA_GROUP).filter(|_| !named).ok_or(Errno::ENODEV)?;
            change_group(world, asker, group, &request)
        }
        None => create::create(world, asker, &request),
    }
}

/// A nest, validated by its table; none if there is no nest or no table.
fn nest<'a>(table: Option<&Table>, tb: &Tb<'a>, number: u16) -> Result<Option<Tb<'a>>, Refusal> {
    match (table, tb.get(number)) {
        (Some(table), Some(attr)) => table.parse(attr.attrs()).map(Some),
        _ => Ok(None),
    }
}

fn change(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    id: DeviceId,
    request: &Request<'_>,
    linkinfo: &Tb<'_>,
    master: Option<&'static Type>,
) -> Result<(), Refusal> {
    if message.has(NLM_F_EXCL) {
        return Err(Errno::EEXIST.into());
    }
    if message.has(NLM_F_REPLACE) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let empty = Tb::empty();
    let mut status = setlink::Status::default();
    if linkinfo.has(IFLA_INFO_DATA) {
        let kind = request.kind.filter(|kind| *kind == world[id].kind).ok_or(Errno::EOPNOTSUPP)?;
        let changelink = kind.changelink.ok_or(Errno::EOPNOTSUPP)?;
        changelink(world, id, &request.tb, request.data.as_ref().unwrap_or(&empty))?;
        status.changed();
    }
    if linkinfo.has(IFLA_INFO_SLAVE_DATA) {
        let change_port = master.and_then(|master| master.change_port).ok_or(Errno::EOPNOTSUPP)?;
        let master = world[id].master.ok_or(Errno::EOPNOTSUPP)?;
        change_port(world, master, id, &request.tb, request.port_data.as_ref().unwrap_or(&empty))?;
        status.changed();
    }
    setlink::apply(world, asker, id, &request.info, &request.tb, status)
}

/// Changes every link of a group, until one refuses (`rtnl_group_changelink`).
fn change_group(world: &mut World, asker: Asker, group: u32, request: &Request<'_>) -> Result<(), Refusal> {
    for id in world.members(asker.netns, group)? {
        if world.get(id).is_some_and(|device| device.group == group && device.netns == asker.netns) {
            setlink::validate(world, Some(id), &request.tb)?;
            setlink::apply(world, asker, id, &request.info, &request.tb, setlink::Status::default())?;
        }
    }
    Ok(())
}

/// Changes a link that is there (`rtnl_setlink`).
pub(crate) fn set(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Ifinfo::decode(message).ok_or(Errno::EINVAL)?;
    let tb = IFLA.parse(message.attrs(Ifinfo::SIZE))?;
    unique_netns(&tb, false)?;
    let id = get::find(world, asker.netns, &info, &tb)?;
    setlink::validate(world, Some(id), &tb)?;
    setlink::apply(world, asker, id, &info, &tb, setlink::Status::default())
}

/// Deletes a link or a group of them (`rtnl_dellink`).
pub(crate) fn delete(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Ifinfo::decode(message).ok_or(Errno::EINVAL)?;
    let tb = IFLA.parse(message.attrs(Ifinfo::SIZE))?;
    unique_netns(&tb, true)?;
    let netns = super::named_netns(world, asker.netns, &tb)?.unwrap_or(asker.netns);
    let by_name = tb.has(IFLA_IFNAME) || tb.has(IFLA_ALT_IFNAME);
    match tb.u32(IFLA_GROUP) {
        Some(group) if info.ifindex <= 0 && !by_name => delete_group(world, netns, group),
        _ => {
            let id = get::find(world, netns, &info, &tb)?;
            world.delete(id)
        }
    }
}

/// Deletes every link of a group, or none (`rtnl_group_dellink`).
fn delete_group(world: &mut World, netns: crate::netns::NetnsId, group: u32) -> Result<(), Refusal> {
    if group == 0 {
        return Err(Errno::EPERM.into());
    }
    let members = world.members(netns, group)?;
    if members.is_empty() {
        return Err(Errno::ENODEV.into());
    }
    if members.iter().any(|id| world[*id].kind.dellink.is_none()) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let mut dying = Vec::new();
    for id in members {
        if let Some(dellink) = world[id].kind.dellink {
            dellink(world, id, &mut dying);
        }
    }
    world.unregister(&dying);
    Ok(())
}
