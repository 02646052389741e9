//! `vrf`: a routing domain (`drivers/net/vrf.c`). Its ports' routes are in the domain's table, which packets of the
//! domain are looked up in; what that means for the host stack is in `host/domain.rs`.
//!
//! A port that comes or goes is set down and up again, so that its routes move. The first vrf of a namespace brings the
//! rule that sends packets of a domain to its table; the rule stays.

use super::{Event, NewLink, Type};
use crate::device::{Device, DeviceId, Mac, is_valid_ether_addr};
use crate::host::{conf, domain, ipv4, ipv6};
use crate::run::{Batch, Drop};
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::kind::{vrf::*, vrf_slave};
use rtnl::message::Refusal;
use rtnl::object::link::{IFF_LOOPBACK, IFF_MASTER, IFF_NOARP, IFF_UP, IFLA_ADDRESS, Operstate};
use rtnl::table::Tb;
use wire::ethertype;

/// The least MTU, which is IPv6's, and the largest: the largest packet of IPv6 (`IP6_MAX_MTU`).
const MTU: std::ops::RangeInclusive<u32> = 1280..=65575;

/// The type.
pub static TYPE: Type = Type {
    kind: "vrf",
    table: Some(KIND.table),
    port_table: Some(vrf_slave::KIND.table),
    setup,
    validate,
    newlink,
    dellink: Some(dellink),
    fill: Some(|world, id, out| fill(world, id, out, IFLA_VRF_TABLE)),
    fill_port: Some(|world, port, out| {
        if let Some(master) = world[port].master {
            fill(world, master, out, vrf_slave::IFLA_VRF_PORT_TABLE);
        }
    }),
    add_port: Some(add_port),
    del_port: Some(del_port),
    init: Some(World::init_random_address),
    checks_address: false,
    routing_table: Some(routing_table),
    event: Some(event),
    transmit: Some(transmit),
    takes_groups: false,
    ..Type::DEFAULT
};

/// The table of the domain's routes.
struct Vrf(u32);

fn setup(device: &mut Device) {
    device.flags = IFF_MASTER | IFF_NOARP;
    device.mtu = *MTU.end();
    device.min_mtu = *MTU.start();
    device.max_mtu = *MTU.end();
    device.operstate = Operstate::Up;
    device.abilities.no_queue = true;
    device.abilities.no_rx_handler = true;
    device.abilities.live_address = true;
    device.abilities.netns_local = true;
    device.abilities.vlan_challenged = true;
}

fn validate(tb: &Tb<'_>, _: Option<&Tb<'_>>) -> Result<(), Refusal> {
    let Some(attr) = tb.get(IFLA_ADDRESS) else { return Ok(()) };
    let refused = |errno| Refusal::said(errno, "Invalid hardware address");
    let mac: Mac = attr.payload.try_into().map_err(|_| refused(Errno::EINVAL))?;
    if is_valid_ether_addr(&mac) { Ok(()) } else { Err(refused(Errno::EADDRNOTAVAIL)) }
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    let missing = Refusal::said(Errno::EINVAL, "VRF table id is missing");
    let table = new.data.get(IFLA_VRF_TABLE).ok_or(missing)?;
    if table.u32() == 0 {
        return Err(Refusal::said(Errno::EINVAL, "Invalid VRF table id").at(Some(table)));
    }
    world[new.device].private = Some(Box::new(Vrf(table.u32())));
    world.register(new.device)?;
    let netns = world[new.device].netns;
    let stack = &mut world.space_mut(netns)?.stack;
    stack.fib4.make_table(table.u32());
    stack.fib6.make_table(table.u32());
    let strict = world.space(netns)?.stack.conf.is(conf::netns::STRICT_MODE);
    if strict && domain::with_table(world, netns, table.u32()).any(|other| other != new.device) {
        return Err(Refusal::said(Errno::EBUSY, "Table is used by another VRF"));
    }
    crate::rtnl::rule::add_domain_rule(world, netns);
    Ok(())
}

fn routing_table(world: &World, id: DeviceId) -> u32 {
    world[id].private::<Vrf>().map_or(0, |vrf| vrf.0)
}

fn fill(world: &World, id: DeviceId, out: &mut Builder, attribute: u16) {
    out.u32(attribute, routing_table(world, id));
}

fn dellink(world: &mut World, id: DeviceId, dying: &mut Vec<DeviceId>) {
    for port in world[id].stack.lowers.clone() {
        let _ = del_port(world, id, port);
    }
    dying.push(id);
}

fn add_port(world: &mut World, vrf: DeviceId, port: DeviceId) -> Result<(), Refusal> {
    if world[port].kind.routing_table.is_some() {
        return Err(Refusal::said(Errno::EINVAL, "Can not enslave an L3 master device to a VRF"));
    }
    if world[port].flags & IFF_LOOPBACK != 0 {
        return Err(Refusal::said(Errno::EOPNOTSUPP, "Can not enslave loopback device to a VRF"));
    }
    world.link_upper(port, vrf, true)?;
    world.tell(port, Event::Domain);
    cycle(world, port);
    Ok(())
}

fn del_port(world: &mut World, vrf: DeviceId, port: DeviceId) -> Result<(), Refusal> {
    world.unlink_upper(port, vrf);
    world.tell(port, Event::Domain);
    cycle(world, port);
    Ok(())
}

/// Sends packets into the domain (`vrf_xmit`): each takes its way by the domain's routes, or is for the host itself.
/// Only those that have a way are counted.
fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    for frame in std::mem::take(batch).frames() {
        let length = world.run.pool.length(*frame) as u64;
        let sent = match world.run.pool.ethertype(*frame) {
            ethertype::IPV4 => ipv4::send_frame(world, id, *frame),
            ethertype::IPV6 => ipv6::send_frame(world, id, *frame),
            _ => {
                world.discard(Some(id), *frame, Drop::UnhandledProtocol);
                false
            }
        };
        let counters = &mut world[id].counters;
        if sent {
            counters.tx_packets += 1;
            counters.tx_bytes += length;
        } else {
            counters.tx_dropped += 1;
        }
    }
}

/// Sets a port that is up down and up again (`cycle_netdev`).
fn cycle(world: &mut World, port: DeviceId) {
    let flags = world[port].flags;
    if flags & IFF_UP != 0 && world.change_flags(port, flags & !IFF_UP).is_ok() {
        let _ = world.change_flags(port, flags);
    }
}

/// A port that leaves its namespace leaves the domain.
fn event(world: &mut World, id: DeviceId, event: Event) -> Result<(), Refusal> {
    let master = world[id].master.filter(|master| world.get(*master).is_some_and(|m| m.kind == &TYPE));
    match (event, master) {
        (Event::Unregister, Some(vrf)) => del_port(world, vrf, id),
        _ => Ok(()),
    }
}
