//! RTM_NEWLINKPROP, RTM_DELLINKPROP: alternative names (`rtnl_linkprop`).

use super::{Asker, get, unique_netns};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::{Message, Refusal};
use rtnl::object::link::*;

/// Bytes of names that fit into a device's list of properties.
const LIST_BYTES: usize = u16::MAX as usize;

/// Adds or removes the names that the request lists, one after another until one is refused.
pub(crate) fn change(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    add: bool,
) -> Result<(), Refusal> {
    let info = Ifinfo::decode(message).ok_or(Errno::EINVAL)?;
    let tb = IFLA.parse(message.attrs(Ifinfo::SIZE))?;
    unique_netns(&tb, true)?;
    let id = get::find(world, asker.netns, &info, &tb)?;
    let Some(list) = tb.get(IFLA_PROP_LIST) else { return Ok(()) };
    let mut changed = false;
    for attr in list.attrs().filter(|attr| attr.number == IFLA_ALT_IFNAME) {
        IFLA.parse(rtnl::attr::Attrs::new(list.payload, list.offset + rtnl::attr::HEADER))?;
        if add {
            add_name(world, id, attr.string())?
        } else {
            remove_name(world, id, attr.string())?
        }
        changed = true;
    }
    if changed {
        world.state_changed(id);
    }
    Ok(())
}

fn add_name(world: &mut World, id: DeviceId, name: &[u8]) -> Result<(), Refusal> {
    let netns = world[id].netns;
    let present: usize = world[id].altnames().iter().map(|name| name.len() + 8).sum();
    if present + ALTNAME_MAX + 8 >= LIST_BYTES {
        return Err(Refusal::said(Errno::EINVAL, "effective property list too long"));
    }
    if world.by_name(netns, name).is_some() {
        return Err(Errno::EEXIST.into());
    }
    world.space_mut(netns)?.names.enter_altname(id, name);
    world[id].extras_mut().altnames.push(name.into());
    Ok(())
}

fn remove_name(world: &mut World, id: DeviceId, name: &[u8]) -> Result<(), Refusal> {
    let netns = world[id].netns;
    let owner = world.by_name(netns, name).ok_or(Errno::ENOENT)?;
    let place = world[id].altnames().iter().position(|known| **known == *name);
    let place = place.filter(|_| owner == id).ok_or(Errno::EINVAL)?;
    world.space_mut(netns)?.names.leave_altname(name);
    world[id].extras_mut().altnames.remove(place);
    Ok(())
}
