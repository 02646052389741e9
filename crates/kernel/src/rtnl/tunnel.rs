//! RTM_NEWTUNNEL, RTM_DELTUNNEL and RTM_GETTUNNEL (`vxlan_vnifilter_process`, `vxlan_vnifilter_dump` in
//! `drivers/net/vxlan/vxlan_vnifilter.c`).

use super::Asker;
use super::pieces::Pieces;
use crate::device::DeviceId;
use crate::link::vxlan::networks::{self, Deed};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::{Message, Refusal};
use rtnl::object::tunnel::*;

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

/// Bytes of one message of a dump, beyond which another is begun.
const MESSAGE_BYTES: usize = 3000;

fn invalid(sentence: &'static str) -> Refusal {
    Refusal::said(Errno::EINVAL, sentence)
}

/// Takes networks, changes their far ends, or takes them no longer.
pub(crate) fn change(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let head = TunnelMsg::decode(message).ok_or(Errno::EINVAL)?;
    for attr in message.attrs(TunnelMsg::SIZE) {
        if MESSAGE.row(attr.number).is_none() {
            return Err(invalid("Unknown attribute type").at(Some(attr)));
        }
        if !attr.nested {
            return Err(invalid("NLA_F_NESTED is missing").at(Some(attr)));
        }
    }
    let id = world.by_index(asker.netns, head.ifindex).ok_or(Errno::ENODEV)?;
    if !networks::is_vxlan(world, id) {
        return Err(invalid("vxlan: The device is not a vxlan device"));
    }
    if !networks::is_filter(world, id) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let deed = if message.header.kind == RTM_NEWTUNNEL { Deed::Add } else { Deed::Delete };
    let mut any = false;
    for attr in message.attrs(TunnelMsg::SIZE) {
        networks::entry(world, id, attr, deed)?;
        any = true;
    }
    if any { Ok(()) } else { Err(invalid("vxlan: No vnis found to process")) }
}

/// Lists the networks of one device, or of all.
pub(crate) fn dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let head = TunnelMsg::decode(message).ok_or(Errno::EINVAL)?;
    if head.flags & !TUNNEL_MSG_FLAG_STATS != 0 {
        return Err(invalid("Invalid tunnelmsg flags in ancillary header"));
    }
    let (devices, failure) = match head.ifindex {
        0 => (world.space(asker.netns)?.list_from(None).map(|(_, id)| id).collect(), None),
        ifindex => match world.by_index(asker.netns, ifindex) {
            None => (Vec::new(), Some(Errno::ENODEV.into())),
            Some(id) if !networks::is_vxlan(world, id) => {
                (Vec::new(), Some(invalid("The device is not a vxlan device")))
            }
            Some(id) if !networks::is_filter(world, id) => (Vec::new(), Some(Errno::EINVAL.into())),
            Some(id) => (vec![id], None),
        },
    };
    let mut pieces = Pieces::new(world, asker, message, RTM_NEWTUNNEL, false);
    let counted = head.flags & TUNNEL_MSG_FLAG_STATS != 0;
    devices.into_iter().for_each(|id| write(world, &mut pieces, id, counted));
    pieces.send(world, asker, message, failure)
}

/// Writes the networks of one device, if it has any.
fn write(world: &World, pieces: &mut Pieces, id: DeviceId, counted: bool) {
    let mut from = networks::first(world, id);
    while let Some(network) = from {
        let header = pieces.header();
        from = networks::fill(world, id, header, (network, counted), MESSAGE_BYTES, &mut pieces.out);
    }
}
