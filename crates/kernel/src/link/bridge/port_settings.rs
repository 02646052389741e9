//! What requests change of a port (`br_setport` in `net/bridge/br_netlink.c`), in Linux's order: all that is on or
//! off at once, then the rest row by row.

use super::port::{flag, of_port, of_port_mut};
use super::{promiscuity, proxy, routers, stp_settings, table};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::attr::Attr;
use rtnl::errno::Errno;
use rtnl::kind::bridge_slave::*;
use rtnl::message::Refusal;
use rtnl::table::Tb;

/// The group of PAUSE frames, which no bridge forwards.
const PAUSE: u16 = 1 << 1;

/// What is on or off.
static FLAGS: &[(u16, u32)] = &[
    (IFLA_BRPORT_MODE, flag::HAIRPIN),
    (IFLA_BRPORT_GUARD, flag::GUARD),
    (IFLA_BRPORT_FAST_LEAVE, flag::FAST_LEAVE),
    (IFLA_BRPORT_PROTECT, flag::ROOT_BLOCK),
    (IFLA_BRPORT_LEARNING, flag::LEARNING),
    (IFLA_BRPORT_UNICAST_FLOOD, flag::FLOOD),
    (IFLA_BRPORT_MCAST_FLOOD, flag::MCAST_FLOOD),
    (IFLA_BRPORT_MCAST_TO_UCAST, flag::MCAST_TO_UCAST),
    (IFLA_BRPORT_BCAST_FLOOD, flag::BCAST_FLOOD),
    (IFLA_BRPORT_PROXYARP, flag::PROXYARP),
    (IFLA_BRPORT_PROXYARP_WIFI, flag::PROXYARP_WIFI),
    (IFLA_BRPORT_VLAN_TUNNEL, flag::VLAN_TUNNEL),
    (IFLA_BRPORT_NEIGH_SUPPRESS, flag::NEIGH_SUPPRESS),
    (IFLA_BRPORT_ISOLATED, flag::ISOLATED),
    (IFLA_BRPORT_LOCKED, flag::LOCKED),
];

type Set = fn(&mut World, DeviceId, Attr<'_>) -> Result<(), Refusal>;

/// The rest.
static SETTINGS: &[(u16, Set)] = &[
    (IFLA_BRPORT_COST, |world, port, attr| stp_settings::set_port_cost(world, port, attr.u32())),
    (IFLA_BRPORT_PRIORITY, |world, port, attr| stp_settings::set_port_priority(world, port, attr.u16())),
    (IFLA_BRPORT_STATE, |world, port, attr| stp_settings::set_port_state(world, port, attr.u8())),
    (IFLA_BRPORT_FLUSH, flush),
    (IFLA_BRPORT_MULTICAST_ROUTER, set_multicast_router),
    (IFLA_BRPORT_MCAST_EHT_HOSTS_LIMIT, set_eht_hosts_limit),
    (IFLA_BRPORT_GROUP_FWD_MASK, set_group_fwd_mask),
    (IFLA_BRPORT_BACKUP_PORT, set_backup),
];

/// Changes what a request about the link names.
pub(super) fn change(
    world: &mut World,
    bridge: DeviceId,
    port: DeviceId,
    _: &Tb<'_>,
    data: &Tb<'_>,
) -> Result<(), Refusal> {
    apply(world, bridge, port, data)
}

/// Changes what a request names (`br_setport`).
pub(super) fn apply(
    world: &mut World,
    bridge: DeviceId,
    port: DeviceId,
    data: &Tb<'_>,
) -> Result<(), Refusal> {
    let Some(state) = of_port_mut(world, port) else { return Err(Errno::EINVAL.into()) };
    for (number, bit) in FLAGS {
        match data.u8(*number) {
            Some(0) => state.flags &= !bit,
            Some(_) => state.flags |= bit,
            None => {}
        }
    }
    if !state.has(flag::VLAN_TUNNEL) {
        state.tunnels.clear();
    }
    promiscuity::count_auto_ports(world, bridge);
    proxy::note_ports(world, bridge);
    for (number, set) in SETTINGS {
        if let Some(attr) = data.get(*number) {
            set(world, port, attr)?;
        }
    }
    Ok(())
}

fn flush(world: &mut World, port: DeviceId, _: Attr<'_>) -> Result<(), Refusal> {
    if let Some((bridge, number)) = of_port(world, port).map(|port| (port.bridge, port.number)) {
        table::flush(world, bridge, number, 0);
    }
    Ok(())
}

fn set_multicast_router(world: &mut World, port: DeviceId, attr: Attr<'_>) -> Result<(), Refusal> {
    const LARGEST: u8 = 3;
    if attr.u8() > LARGEST {
        return Err(Errno::EINVAL.into());
    }
    routers::set_port_router(world, port, attr.u8());
    Ok(())
}

fn set_eht_hosts_limit(world: &mut World, port: DeviceId, attr: Attr<'_>) -> Result<(), Refusal> {
    if attr.u32() == 0 {
        return Err(Errno::EINVAL.into());
    }
    if let Some(port) = of_port_mut(world, port) {
        port.eht_hosts_limit = attr.u32();
    }
    Ok(())
}

fn set_group_fwd_mask(world: &mut World, port: DeviceId, attr: Attr<'_>) -> Result<(), Refusal> {
    if attr.u16() & PAUSE != 0 {
        return Err(Errno::EINVAL.into());
    }
    if let Some(port) = of_port_mut(world, port) {
        port.group_fwd_mask = attr.u16();
    }
    Ok(())
}

/// Another port of the same bridge takes over when this one has no carrier; index 0: none (`nbp_backup_change`).
fn set_backup(world: &mut World, port: DeviceId, attr: Attr<'_>) -> Result<(), Refusal> {
    let backup = match attr.u32() {
        0 => None,
        ifindex => {
            let other = world.by_index(world[port].netns, ifindex).ok_or(Errno::ENOENT)?;
            let theirs = of_port(world, other).ok_or(Errno::ENOENT)?;
            if other == port || of_port(world, port).is_none_or(|own| own.bridge != theirs.bridge) {
                return Err(Errno::EINVAL.into());
            }
            Some(other)
        }
    };
    if let Some(port) = of_port_mut(world, port) {
        port.backup = backup;
    }
    Ok(())
}
