//! What is told of bonds and slaves (`bond_fill_info`, `bond_fill_slave_info`).

use super::{lacp, of, slave};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::kind::bond::*;
use rtnl::kind::bond_slave::*;

/// Writes the bond's options, attribute by attribute in Linux's order.
pub(super) fn bond(world: &World, id: DeviceId, out: &mut Builder) {
    let state = of(world, id);
    let params = &state.params;
    let ifindex = |id: DeviceId| world.get(id).map_or(0, |device| device.ifindex);
    out.u8(IFLA_BOND_MODE, params.mode);
    if let Some(active) = state.active.filter(|_| state.uses_primary()) {
        out.u32(IFLA_BOND_ACTIVE_SLAVE, ifindex(active));
    }
    out.u32(IFLA_BOND_MIIMON, params.miimon);
    out.u32(IFLA_BOND_UPDELAY, (params.updelay as u32).wrapping_mul(params.miimon));
    out.u32(IFLA_BOND_DOWNDELAY, (params.downdelay as u32).wrapping_mul(params.miimon));
    out.u32(IFLA_BOND_PEER_NOTIF_DELAY, params.peer_notif_delay.wrapping_mul(params.miimon));
    out.u8(IFLA_BOND_USE_CARRIER, u8::from(params.use_carrier));
    out.u32(IFLA_BOND_ARP_INTERVAL, params.arp_interval);
    let nest = out.nest(IFLA_BOND_ARP_IP_TARGET);
    for (target, at) in params.arp_targets.iter().zip(0..) {
        out.ipv4(at, *target);
    }
    out.end_or_drop(nest);
    out.u32(IFLA_BOND_ARP_VALIDATE, params.arp_validate);
    out.u32(IFLA_BOND_ARP_ALL_TARGETS, params.arp_all_targets);
    let nest = out.nest(IFLA_BOND_NS_IP6_TARGET);
    for (target, at) in params.ns_targets.iter().zip(0..) {
        out.ipv6(at, *target);
    }
    out.end_or_drop(nest);
    if let Some(primary) = state.primary {
        out.u32(IFLA_BOND_PRIMARY, ifindex(primary));
    }
    plain(world, id, out);
}

/// The second half, which has no list in it.
fn plain(world: &World, id: DeviceId, out: &mut Builder) {
    let params = &of(world, id).params;
    out.u8(IFLA_BOND_PRIMARY_RESELECT, params.primary_reselect);
    out.u8(IFLA_BOND_FAIL_OVER_MAC, params.fail_over_mac);
    out.u8(IFLA_BOND_XMIT_HASH_POLICY, params.xmit_policy);
    out.u32(IFLA_BOND_RESEND_IGMP, params.resend_igmp);
    out.u8(IFLA_BOND_NUM_PEER_NOTIF, params.num_peer_notif);
    out.u8(IFLA_BOND_ALL_SLAVES_ACTIVE, u8::from(params.all_slaves_active));
    out.u32(IFLA_BOND_MIN_LINKS, params.min_links);
    out.u32(IFLA_BOND_LP_INTERVAL, params.lp_interval);
    out.u32(IFLA_BOND_PACKETS_PER_SLAVE, params.packets_per_slave);
    out.u8(IFLA_BOND_AD_LACP_ACTIVE, u8::from(params.lacp_active));
    out.u8(IFLA_BOND_AD_LACP_RATE, u8::from(params.lacp_fast));
    out.u8(IFLA_BOND_AD_SELECT, params.ad_select);
    out.u8(IFLA_BOND_TLB_DYNAMIC_LB, u8::from(params.tlb_dynamic_lb));
    out.u8(IFLA_BOND_MISSED_MAX, params.missed_max);
    // They always do here.
    out.u8(IFLA_BOND_COUPLED_CONTROL, 1);
    if params.mode == BOND_MODE_8023AD {
        out.u16(IFLA_BOND_AD_ACTOR_SYS_PRIO, params.ad_actor_sys_prio);
        out.u16(IFLA_BOND_AD_USER_PORT_KEY, params.ad_user_port_key);
        out.put(IFLA_BOND_AD_ACTOR_SYSTEM, &params.ad_actor_system);
        aggregator(world, id, out);
    }
}

/// What is known of the aggregator in use, if there is one.
fn aggregator(world: &World, id: DeviceId, out: &mut Builder) {
    let Some(info) = lacp::info(world, id) else { return };
    let nest = out.nest(IFLA_BOND_AD_INFO);
    out.u16(IFLA_BOND_AD_INFO_AGGREGATOR, info.aggregator);
    out.u16(IFLA_BOND_AD_INFO_NUM_PORTS, info.ports);
    out.u16(IFLA_BOND_AD_INFO_ACTOR_KEY, info.actor_key);
    out.u16(IFLA_BOND_AD_INFO_PARTNER_KEY, info.partner_key);
    out.put(IFLA_BOND_AD_INFO_PARTNER_MAC, &info.partner);
    out.end(nest);
}

/// Writes what the bond keeps of a slave.
pub(super) fn slave(world: &World, id: DeviceId, out: &mut Builder) {
    let Some(slave) = slave::of(world, id) else { return };
    let length = usize::from(world[id].address_length).min(slave.permanent.len());
    out.u8(IFLA_BOND_SLAVE_STATE, if slave.backup { BOND_STATE_BACKUP } else { BOND_STATE_ACTIVE });
    out.u8(IFLA_BOND_SLAVE_MII_STATUS, slave.link);
    out.u32(IFLA_BOND_SLAVE_LINK_FAILURE_COUNT, slave.failures);
    out.put(IFLA_BOND_SLAVE_PERM_HWADDR, &slave.permanent[..length]);
    out.u16(IFLA_BOND_SLAVE_QUEUE_ID, slave.queue_id);
    out.i32(IFLA_BOND_SLAVE_PRIO, slave.prio);
    if let Some((aggregator, actor, partner)) = lacp::port_info(world, id) {
        out.u16(IFLA_BOND_SLAVE_AD_AGGREGATOR_ID, aggregator);
        out.u8(IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE, actor);
        out.u16(IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE, u16::from(partner));
    }
}
