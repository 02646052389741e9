//! RTM_NEWVLAN, RTM_DELVLAN and RTM_GETVLAN (`br_vlan_rtm_process`, `br_vlan_rtm_dump` in `net/bridge/br_vlan.c`).

use super::bridge_dump::{BridgeDump, What};
use super::{Asker, start};
use crate::link::bridge::vlan_requests::Deed;
use crate::link::bridge::{self, vlan_options, vlan_requests};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::{Message, Refusal};
use rtnl::object::brvlan::*;
use rtnl::table::Tb;

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

fn invalid(sentence: &'static str) -> Refusal {
    Refusal::said(Errno::EINVAL, sentence)
}

/// Adds VLANs, changes their options, or removes them.
pub(crate) fn change(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let head = VlanMsg::decode(message).ok_or(Errno::EINVAL)?;
    let id = world.by_index(asker.netns, head.ifindex).ok_or(Errno::ENODEV)?;
    if !bridge::is_bridge(world, id) && bridge::bridge_of(world, id).is_none() {
        return Err(invalid("bridge: The device is not a valid bridge or bridge port"));
    }
    let deed = if message.header.kind == RTM_NEWVLAN { Deed::Add } else { Deed::Delete };
    let mut any = false;
    for attr in message.attrs(VlanMsg::SIZE) {
        match attr.number {
            BRIDGE_VLANDB_ENTRY => vlan_requests::entry(world, id, attr, deed)?,
            BRIDGE_VLANDB_GLOBAL_OPTIONS if deed == Deed::Delete => {
                return Err(invalid("bridge: Global vlan options support only set operation"));
            }
            BRIDGE_VLANDB_GLOBAL_OPTIONS => vlan_options::change_global(world, id, attr)?,
            _ => continue,
        }
        any = true;
    }
    if any { Ok(()) } else { Err(invalid("bridge: No vlans found to process")) }
}

/// Begins to list VLANs: of one device, or of all.
pub(crate) fn start_dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result {
    let head = VlanMsg::decode(message).ok_or(Errno::EINVAL)?;
    let flags = Tb::read(message.attrs(VlanMsg::SIZE)).u32(BRIDGE_VLANDB_DUMP_FLAGS).unwrap_or(0);
    let what = What::Vlans { flags };
    let dump = match head.ifindex {
        0 => BridgeDump::of_netns(world, asker.netns, what),
        ifindex => {
            let id = world.by_index(asker.netns, ifindex).ok_or(Errno::ENODEV)?;
            if !bridge::is_bridge(world, id) && bridge::bridge_of(world, id).is_none() {
                return Err(Errno::EINVAL.into());
            }
            BridgeDump::over([id].into(), what)
        }
    };
    start(world, asker, message, dump)
}
