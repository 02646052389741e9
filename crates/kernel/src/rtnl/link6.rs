//! RTM_GETLINK for `AF_INET6`: the links that have IPv6, as IPv6 knows them (`inet6_dump_ifinfo` in
//! `net/ipv6/addrconf.c`).

use super::pieces::Pieces;
use super::{Asker, af_spec};
use crate::device::DeviceId;
use crate::host::AF_INET6;
use crate::world::World;
use rtnl::message::{Message, Refusal};
use rtnl::object::link::*;

/// Lists them.
pub(crate) fn dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let mut pieces = Pieces::new(world, asker, message, RTM_NEWLINK, false);
    let ids: Vec<DeviceId> = world.space(asker.netns)?.list_from(None).map(|(_, id)| id).collect();
    for id in ids {
        fill(world, id, &mut pieces);
    }
    pieces.send(world, asker, message, None)
}

fn fill(world: &World, id: DeviceId, pieces: &mut Pieces) {
    let Some(device) = world.get(id) else { return };
    let Some(inet6) = device.inet6.as_ref() else { return };
    let header = pieces.header();
    let out = &mut pieces.out;
    let start = out.start(header);
    let (kind, ifindex, flags) = (device.hardware_type, device.ifindex as i32, device.shown_flags());
    Ifinfo { family: AF_INET6, kind, ifindex, flags, change: 0 }.encode(out);
    out.string(IFLA_IFNAME, device.name.bytes());
    let length = usize::from(device.address_length).min(device.address.len());
    if length > 0 {
        out.put(IFLA_ADDRESS, &device.address[..length]);
    }
    out.u32(IFLA_MTU, device.mtu);
    let iflink = world.iflink(id);
    if iflink != device.ifindex {
        out.u32(IFLA_LINK, iflink);
    }
    let operstate = if device.is_up() { device.operstate } else { Operstate::Down };
    out.u8(IFLA_OPERSTATE, operstate as u8);
    let info = out.nest(IFLA_PROTINFO);
    af_spec::inet6_attrs(inet6, false, out);
    out.end(info);
    out.finish(start);
}
