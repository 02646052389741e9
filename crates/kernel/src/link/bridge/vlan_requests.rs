//! Requests that add or remove VLANs of a bridge or port: `bridge vlan add|del` in both forms, with ranges
//! (`br_afspec`, `br_process_vlan_info` in `net/bridge/br_netlink.c`; `br_vlan_rtm_process_one` in `br_vlan.c`).
//!
//! Left out: spanning trees of VLANs, which are refused. Tunnels are `vlan_tunnels`'s.

use super::port::of_port;
use super::port_settings;
use super::vlans::{self, LARGEST};
use super::{fill, stp_settings, vlan_options, vlan_tunnels};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::attr::{Attr, Attrs};
use rtnl::errno::Errno;
use rtnl::kind::bridge_slave;
use rtnl::message::Refusal;
use rtnl::object::brlink::*;
use rtnl::object::brvlan::*;
use rtnl::object::link::{IFLA_AF_SPEC, IFLA_PROTINFO, RTM_NEWLINK};

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

const RANGE: u16 = BRIDGE_VLAN_INFO_RANGE_BEGIN | BRIDGE_VLAN_INFO_RANGE_END;

fn refuse<T>(sentence: &'static str) -> Result<T> {
    Err(Refusal::said(Errno::EINVAL, sentence))
}

/// Refuses what is no identifier.
pub(super) fn check_vid(vid: u16) -> Result {
    if vid == 0 || vid > LARGEST { refuse("bridge: Vlan id is invalid") } else { Ok(()) }
}

/// Refuses what cannot be an end of a range (`br_vlan_valid_range`).
fn check_range(info: VlanInfo, begin: Option<VlanInfo>) -> Result {
    if info.flags & BRIDGE_VLAN_INFO_PVID != 0 {
        return refuse("bridge: Pvid isn't allowed in a range");
    }
    if let Some(begin) = begin {
        if info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN != 0 {
            return refuse("bridge: Found a new vlan range start while processing one");
        }
        if info.flags & BRIDGE_VLAN_INFO_RANGE_END == 0 {
            return refuse("bridge: Vlan range end flag is missing");
        }
        if info.vid <= begin.vid {
            return refuse("bridge: End vlan id is less than or equal to start vlan id");
        }
    }
    if info.flags & RANGE == 0 {
        return refuse("bridge: Both vlan range flags are missing");
    }
    Ok(())
}

/// Whether a request adds or removes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Add,
    Delete,
}

impl Deed {
    fn notice(self) -> u16 {
        if self == Deed::Add { RTM_NEWVLAN } else { RTM_DELVLAN }
    }
}

/// Carries out one entry; the beginning of a range waits for its end. Says whether anything changed.
fn process(
    world: &mut World,
    id: DeviceId,
    deed: Deed,
    info: VlanInfo,
    begin: &mut Option<VlanInfo>,
) -> Result<bool> {
    check_vid(info.vid)?;
    if info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN != 0 {
        check_range(info, *begin)?;
        *begin = Some(info);
        return Ok(false);
    }
    let (first, flags) = match *begin {
        Some(start) => {
            check_range(info, Some(start))?;
            (start.vid, start.flags & !RANGE)
        }
        None => (info.vid, info.flags & !RANGE),
    };
    *begin = None;
    let mut any = false;
    let mut since = None;
    for vid in first..=info.vid {
        let changed = match deed {
            Deed::Add => vlans::add(world, id, vid, flags),
            Deed::Delete => vlans::delete(world, id, vid),
        };
        any |= changed;
        if changed {
            since = since.or(Some(vid));
        } else if let Some(since) = since.take() {
            vlan_options::notify(world, id, since, vid - 1, deed.notice());
        }
    }
    if let Some(since) = since {
        vlan_options::notify(world, id, since, info.vid, deed.notice());
    }
    Ok(any)
}

/// Carries out the entries of `IFLA_AF_SPEC` (`br_afspec`); says whether anything changed, also before a refusal.
fn specification(world: &mut World, id: DeviceId, spec: Attr<'_>, deed: Deed) -> (bool, Result) {
    let (mut changed, mut begin, mut tunnel) = (false, None, vlan_tunnels::Entry::default());
    for attr in spec.attrs() {
        let result = match attr.number {
            IFLA_BRIDGE_VLAN_INFO if attr.payload.len() != VlanInfo::SIZE => Err(Errno::EINVAL.into()),
            IFLA_BRIDGE_VLAN_INFO => process(world, id, deed, VlanInfo::decode(&attr), &mut begin),
            IFLA_BRIDGE_VLAN_TUNNEL_INFO => {
                let (more, result) = vlan_tunnels::process(world, id, deed, &attr, &mut tunnel);
                changed |= more;
                result.map(|()| more)
            }
            // Neither rings nor trees of VLANs are run.
            _ => Ok(false),
        };
        match result {
            Ok(more) => changed |= more,
            Err(refusal) => return (changed, Err(refusal)),
        }
    }
    (changed, Ok(()))
}

/// `RTM_SETLINK` of the family of bridges on a bridge or port (`br_setlink`).
pub(crate) fn set(world: &mut World, id: DeviceId, attrs: Attrs<'_>) -> Result {
    let (info, spec) = (attrs.find(IFLA_PROTINFO), attrs.find(IFLA_AF_SPEC));
    if info.is_none() && spec.is_none() {
        return Ok(());
    }
    let port = of_port(world, id).map(|port| port.bridge);
    if port.is_none() && spec.is_none() {
        return Err(Errno::EINVAL.into());
    }
    let mut changed = false;
    if let (Some(bridge), Some(info)) = (port, info) {
        set_port(world, bridge, id, info)?;
        changed = true;
    }
    let mut result = Ok(());
    if let Some(spec) = spec {
        let (more, end) = specification(world, id, spec, Deed::Add);
        (changed, result) = (changed | more, end);
    }
    if changed {
        announce(world, id);
    }
    result
}

fn set_port(world: &mut World, bridge: DeviceId, id: DeviceId, info: Attr<'_>) -> Result {
    if info.nested {
        let table = bridge_slave::KIND.table;
        // The sentence of the rule that was broken is not handed on.
        let tb = table.parse(info.attrs()).map_err(|refusal| Refusal::new(refusal.errno))?;
        return port_settings::apply(world, bridge, id, &tb);
    }
    if info.payload.is_empty() {
        return Err(Errno::EINVAL.into());
    }
    stp_settings::set_port_state(world, id, info.u8())
}

/// `RTM_DELLINK` of the family of bridges (`br_dellink`).
pub(crate) fn delete(world: &mut World, id: DeviceId, attrs: Attrs<'_>) -> Result {
    let Some(spec) = attrs.find(IFLA_AF_SPEC) else { return Ok(()) };
    let (changed, result) = specification(world, id, spec, Deed::Delete);
    if changed {
        // The notice says new: what is left is told, not what is gone.
        announce(world, id);
    }
    // Linux refuses this without a sentence.
    result.map_err(|refusal| refusal.errno.into())
}

pub(super) fn announce(world: &mut World, id: DeviceId) {
    if of_port(world, id).is_some() {
        fill::announce_port(world, id, RTM_NEWLINK);
    } else {
        fill::announce_bridge(world, id, RTM_NEWLINK);
    }
}

/// One entry of `RTM_NEWVLAN` or `RTM_DELVLAN` (`br_vlan_rtm_process_one`).
pub(crate) fn entry(world: &mut World, id: DeviceId, attr: Attr<'_>, deed: Deed) -> Result {
    let tb = ENTRY.parse(attr.attrs())?;
    let Some(info) = tb.get(BRIDGE_VLANDB_ENTRY_INFO).map(|attr| VlanInfo::decode(&attr)) else {
        return refuse("bridge: Missing vlan entry info");
    };
    if info.flags & RANGE != 0 {
        return refuse("bridge: Old-style vlan ranges are not allowed when using RTM vlan calls");
    }
    check_vid(info.vid)?;
    let last = tb.u16(BRIDGE_VLANDB_ENTRY_RANGE);
    let mut info = info;
    if let Some(last) = last {
        let end = VlanInfo { vid: last, flags: info.flags | BRIDGE_VLAN_INFO_RANGE_END };
        info.flags |= BRIDGE_VLAN_INFO_RANGE_BEGIN;
        check_vid(last)?;
        check_range(end, Some(info))?;
    }
    if deed == Deed::Delete || info.flags & BRIDGE_VLAN_INFO_ONLY_OPTS == 0 {
        let mut begin = None;
        let mut changed = process(world, id, deed, info, &mut begin)?;
        if let Some(vid) = last {
            let flags = info.flags & !RANGE | BRIDGE_VLAN_INFO_RANGE_END;
            changed |= process(world, id, deed, VlanInfo { vid, flags }, &mut begin)?;
        }
        if changed {
            announce(world, id);
        }
    }
    if deed == Deed::Add {
        vlan_options::change(world, id, info.vid, last.unwrap_or(info.vid), &tb)
    } else {
        Ok(())
    }
}
