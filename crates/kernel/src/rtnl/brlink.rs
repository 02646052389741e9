//! RTM_GETLINK, RTM_SETLINK and RTM_DELLINK of the family of bridges, and RTM_GETSTATS (`rtnl_bridge_getlink` and its
//! sisters in `net/core/rtnetlink.c`).

use super::bridge_dump::{BridgeDump, What, statistics};
use super::{Asker, reply, start};
use crate::device::DeviceId;
use crate::link::bridge::{self, vlan_requests};
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, Refusal};
use rtnl::object::brlink::*;
use rtnl::object::link::{IFLA_AF_SPEC, IFLA_EXT_MASK, Ifinfo};
use rtnl::table::Tb;

type Result<T = (), E = Refusal> = std::result::Result<T, E>;
type Deed = fn(&mut World, DeviceId, rtnl::attr::Attrs<'_>) -> Result;

/// Begins to list ports, and bridges if VLANs are asked for.
pub(crate) fn start_dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let mask = Tb::read(message.attrs(Ifinfo::SIZE)).u32(IFLA_EXT_MASK).unwrap_or(0);
    let what = BridgeDump::of_netns(world, asker.netns, What::Links { mask });
    start(world, asker, message, what)
}

/// Changes a port, or adds VLANs.
pub(crate) fn set(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    act(world, asker, message, vlan_requests::set)
}

/// Removes VLANs.
pub(crate) fn delete(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    act(world, asker, message, vlan_requests::delete)
}

/// The request is for the device's master, for the device itself, or for both.
fn act(world: &mut World, asker: Asker, message: &Message<'_>, deed: Deed) -> Result {
    let info = Ifinfo::decode(message).ok_or(Errno::EINVAL)?;
    let unknown = Refusal::said(Errno::ENODEV, "unknown ifindex");
    let found = u32::try_from(info.ifindex).ok().and_then(|ifindex| world.by_index(asker.netns, ifindex));
    let id = found.ok_or(unknown)?;
    let attrs = message.attrs(Ifinfo::SIZE);
    let flags = asked_flags(attrs)?;
    let mut result = Ok(());
    if flags == 0 || flags & BRIDGE_FLAGS_MASTER != 0 {
        bridge::bridge_of(world, id).ok_or(Errno::EOPNOTSUPP)?;
        deed(world, id, attrs)?;
    }
    if flags & BRIDGE_FLAGS_SELF != 0 {
        result = match bridge::is_bridge(world, id) {
            true => deed(world, id, attrs),
            false => Err(Errno::EOPNOTSUPP.into()),
        };
    }
    result
}

/// For whom the request is; 0 if it does not say.
fn asked_flags(attrs: rtnl::attr::Attrs<'_>) -> Result<u16> {
    let Some(spec) = attrs.find(IFLA_AF_SPEC) else { return Ok(0) };
    let short = |number| spec.attrs().find(number).is_some_and(|attr| attr.payload.len() < 2);
    if short(IFLA_BRIDGE_FLAGS) || short(IFLA_BRIDGE_MODE) {
        return Err(Errno::EINVAL.into());
    }
    Ok(spec.attrs().find(IFLA_BRIDGE_FLAGS).map_or(0, |attr| attr.u16()))
}

/// Begins to list statistics (`rtnl_stats_dump`).
pub(crate) fn start_statistics(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let short = Refusal::said(Errno::EINVAL, "Invalid header for stats dump");
    let mask = IfStats::decode(message).ok_or(short)?.mask;
    if mask == 0 {
        return Err(Refusal::said(Errno::EINVAL, "Filter mask must be set for stats dump"));
    }
    let what = BridgeDump::of_netns(world, asker.netns, What::Statistics { mask });
    start(world, asker, message, what)
}

/// Answers with the statistics of one link (`rtnl_stats_get`).
pub(crate) fn get_statistics(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let short = Refusal::said(Errno::EINVAL, "Invalid header for stats dump");
    let asked = IfStats::decode(message).ok_or(short)?;
    let id = match asked.ifindex {
        0 => return Err(Errno::EINVAL.into()),
        ifindex => world.by_index(asker.netns, ifindex).ok_or(Errno::ENODEV)?,
    };
    if asked.mask == 0 {
        return Err(Refusal::said(Errno::EINVAL, "Filter mask must be set for stats get"));
    }
    let mut out = Builder::new();
    let header = Header { kind: RTM_NEWSTATS, flags: 0, seq: message.header.seq, pid: asker.pid };
    statistics(world, id, asked.mask, header, &mut out);
    reply(world, asker, out);
    Ok(())
}
