//! What requests change of a bridge (`br_changelink` in `net/bridge/br_netlink.c`): rows in the order in which Linux
//! takes them. A row that refuses leaves those before it applied.

use super::{Bridge, multicast, of, of_mut, stp_settings, table, timers, vlans};
use crate::device::{DeviceId, Mac};
use crate::world::World;
use rtnl::attr::Attr;
use rtnl::errno::Errno;
use rtnl::kind::bridge::*;
use rtnl::message::Refusal;
use rtnl::table::Tb;
use std::ops::RangeInclusive;

/// Intervals of queries, in hundredths of a second; what is outside is set to the nearest.
const QUERY_INTERVAL: RangeInclusive<u64> = 100..=8_640_000;
/// Groups of which a bridge forwards no frames: hellos, PAUSE and LACP.
const RESTRICTED_GROUPS: u16 = 0x0007;
/// What the group of hellos begins with.
const LINK_LOCAL: [u8; 5] = [0x01, 0x80, 0xc2, 0x00, 0x00];
/// Options that are bits of `IFLA_BR_MULTI_BOOLOPT`.
pub(super) const OPTIONS: u32 =
    1 << BR_BOOLOPT_NO_LL_LEARN | 1 << BR_BOOLOPT_MCAST_VLAN_SNOOPING | 1 << BR_BOOLOPT_MST_ENABLE;

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

/// How an attribute changes a bridge.
enum Change {
    /// On if it is not zero.
    Flag(fn(&mut Bridge) -> &mut bool),
    /// Within limits, or EINVAL.
    Byte(RangeInclusive<u8>, fn(&mut Bridge) -> &mut u8),
    /// As it is.
    Plain(fn(&mut Bridge, Attr<'_>)),
    /// With more to do.
    Act(fn(&mut World, DeviceId, Attr<'_>)),
    /// With more to do, and reasons to refuse.
    With(fn(&mut World, DeviceId, Attr<'_>) -> Result),
    /// Accepted without effect.
    Nothing,
}

use Change::{Act, Byte, Flag, Nothing, Plain, With};

static SETTINGS: &[(u16, Change)] = &[
    (
        IFLA_BR_FORWARD_DELAY,
        With(|w, id, a| stp_settings::set_forward_delay(&mut of_mut(w, id).tree, a.u32().into())),
    ),
    (
        IFLA_BR_HELLO_TIME,
        With(|w, id, a| stp_settings::set_hello_time(&mut of_mut(w, id).tree, a.u32().into())),
    ),
    (IFLA_BR_MAX_AGE, With(|w, id, a| stp_settings::set_max_age(&mut of_mut(w, id).tree, a.u32().into()))),
    (IFLA_BR_AGEING_TIME, Act(set_ageing_time)),
    (IFLA_BR_STP_STATE, Act(|w, id, a| stp_settings::set_enabled(w, id, a.u32() != 0))),
    (IFLA_BR_PRIORITY, Act(|w, id, a| stp_settings::set_priority(w, id, a.u16()))),
    (IFLA_BR_VLAN_FILTERING, Act(|w, id, a| vlans::set_filtering(w, id, a.u8() != 0))),
    (IFLA_BR_VLAN_PROTOCOL, Act(|w, id, a| vlans::set_protocol(w, id, a.u16_be()))),
    (IFLA_BR_VLAN_DEFAULT_PVID, Act(|w, id, a| vlans::set_default_pvid(w, id, a.u16()))),
    (IFLA_BR_VLAN_STATS_ENABLED, Byte(0..=1, |b| &mut b.vlan_stats_enabled)),
    (IFLA_BR_VLAN_STATS_PER_PORT, With(set_vlan_stats_per_port)),
    (IFLA_BR_GROUP_FWD_MASK, With(set_group_fwd_mask)),
    (IFLA_BR_GROUP_ADDR, With(set_group_address)),
    (IFLA_BR_FDB_FLUSH, Act(|w, id, _| table::flush_all(w, id))),
    (IFLA_BR_MCAST_ROUTER, Byte(0..=2, |b| &mut b.multicast.router)),
    (IFLA_BR_MCAST_SNOOPING, Act(|w, id, a| multicast::set_snooping(w, id, a.u8() != 0))),
    (IFLA_BR_MCAST_QUERY_USE_IFADDR, Flag(|b| &mut b.multicast.query_use_ifaddr)),
    (IFLA_BR_MCAST_QUERIER, Act(|w, id, a| multicast::set_querier(w, id, a.u8() != 0))),
    (IFLA_BR_MCAST_HASH_ELASTICITY, Nothing),
    (IFLA_BR_MCAST_HASH_MAX, Plain(|b, a| b.multicast.hash_max = a.u32())),
    (IFLA_BR_MCAST_LAST_MEMBER_CNT, Plain(|b, a| b.multicast.last_member_count = a.u32())),
    (IFLA_BR_MCAST_STARTUP_QUERY_CNT, Plain(|b, a| b.multicast.startup_query_count = a.u32())),
    (IFLA_BR_MCAST_LAST_MEMBER_INTVL, Plain(|b, a| b.multicast.last_member_interval = a.u64())),
    (IFLA_BR_MCAST_MEMBERSHIP_INTVL, Plain(|b, a| b.multicast.membership_interval = a.u64())),
    (IFLA_BR_MCAST_QUERIER_INTVL, Plain(|b, a| b.multicast.querier_interval = a.u64())),
    (IFLA_BR_MCAST_QUERY_INTVL, Plain(|b, a| b.multicast.query_interval = query_interval(a))),
    (IFLA_BR_MCAST_QUERY_RESPONSE_INTVL, Plain(|b, a| b.multicast.query_response_interval = a.u64())),
    (IFLA_BR_MCAST_STARTUP_QUERY_INTVL, Plain(|b, a| b.multicast.startup_query_interval = query_interval(a))),
    (IFLA_BR_MCAST_STATS_ENABLED, Flag(|b| &mut b.multicast.stats_enabled)),
    (IFLA_BR_MCAST_IGMP_VERSION, Byte(2..=3, |b| &mut b.multicast.igmp_version)),
    (IFLA_BR_MCAST_MLD_VERSION, Byte(1..=2, |b| &mut b.multicast.mld_version)),
    (IFLA_BR_NF_CALL_IPTABLES, Flag(|b| &mut b.nf_call_iptables)),
    (IFLA_BR_NF_CALL_IP6TABLES, Flag(|b| &mut b.nf_call_ip6tables)),
    (IFLA_BR_NF_CALL_ARPTABLES, Flag(|b| &mut b.nf_call_arptables)),
    (IFLA_BR_MULTI_BOOLOPT, With(set_options)),
];

/// Changes what a request names; the attributes of the link itself are no concern.
pub(super) fn change(world: &mut World, bridge: DeviceId, _: &Tb<'_>, data: &Tb<'_>) -> Result {
    for (number, change) in SETTINGS {
        let Some(attr) = data.get(*number) else { continue };
        match change {
            Flag(place) => *place(of_mut(world, bridge)) = attr.u8() != 0,
            Byte(limits, _) if !limits.contains(&attr.u8()) => return Err(Errno::EINVAL.into()),
            Byte(_, place) => *place(of_mut(world, bridge)) = attr.u8(),
            Plain(set) => set(of_mut(world, bridge), attr),
            Act(set) => set(world, bridge, attr),
            With(set) => set(world, bridge, attr)?,
            Nothing => {}
        }
    }
    Ok(())
}

fn set_ageing_time(world: &mut World, id: DeviceId, attr: Attr<'_>) {
    let bridge = of_mut(world, id);
    bridge.bridge_ageing_time = attr.u32().into();
    bridge.ageing_time = bridge.bridge_ageing_time;
    if world[id].is_up() {
        table::clear(world, id, timers::CLEARING);
    }
}

fn query_interval(attr: Attr<'_>) -> u64 {
    clamp_query_interval(attr.u64())
}

/// The nearest interval of queries that is one.
pub(super) fn clamp_query_interval(interval: u64) -> u64 {
    interval.clamp(*QUERY_INTERVAL.start(), *QUERY_INTERVAL.end())
}

/// Whether a port carries identifiers, so that what is kept of each cannot change its shape any more.
fn ports_have_vlans(world: &World, bridge: DeviceId) -> bool {
    let mut ports = of(world, bridge).arrivals.iter().filter_map(|port| super::port::of_port(world, *port));
    ports.any(|port| !port.vlans.list.is_empty())
}

fn set_vlan_stats_per_port(world: &mut World, bridge: DeviceId, attr: Attr<'_>) -> Result {
    if ports_have_vlans(world, bridge) {
        return Err(Errno::EBUSY.into());
    }
    if attr.u8() > 1 {
        return Err(Errno::EINVAL.into());
    }
    of_mut(world, bridge).vlan_stats_per_port = attr.u8();
    Ok(())
}

fn set_group_fwd_mask(world: &mut World, bridge: DeviceId, attr: Attr<'_>) -> Result {
    if attr.u16() & RESTRICTED_GROUPS != 0 {
        return Err(Errno::EINVAL.into());
    }
    of_mut(world, bridge).group_fwd_mask = attr.u16();
    Ok(())
}

fn set_group_address(world: &mut World, bridge: DeviceId, attr: Attr<'_>) -> Result {
    let address = Mac::try_from(attr.payload).map_err(|_| Refusal::new(Errno::EINVAL))?;
    // 1 is PAUSE, 2 the slow protocols, 3 the port access entity.
    if address[..5] != LINK_LOCAL || !matches!(address[5], 0 | 4..=15) {
        return Err(Errno::EINVAL.into());
    }
    let state = of_mut(world, bridge);
    state.group_address = address;
    state.group_address_set = true;
    Ok(())
}

/// Options that are bits, one after another until one is refused.
fn set_options(world: &mut World, bridge: DeviceId, attr: Attr<'_>) -> Result {
    let (values, mask) = attr.u32_pair();
    for bit in (0..u32::BITS).map(|option| 1 << option).filter(|bit| mask & OPTIONS & bit != 0) {
        let on = values & bit != 0;
        if on == (of(world, bridge).options & bit != 0) {
            continue;
        }
        if bit == 1 << BR_BOOLOPT_MCAST_VLAN_SNOOPING && on && !of(world, bridge).vlan_filtering {
            return Err(Refusal::said(
                Errno::EINVAL,
                "bridge: Cannot enable multicast vlan snooping with vlan filtering disabled",
            ));
        }
        if bit == 1 << BR_BOOLOPT_MST_ENABLE && ports_have_vlans(world, bridge) {
            return Err(Refusal::said(Errno::EBUSY, "MST mode can't be changed while VLANs exist"));
        }
        of_mut(world, bridge).options ^= bit;
    }
    Ok(())
}
