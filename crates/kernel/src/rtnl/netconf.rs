//! RTM_GETNETCONF, and the news of settings: what `sysctl` sets of IP on a link, for all links, and for those to come
//! (`inet_netconf_fill_devconf` and its neighbours in `net/ipv4/devinet.c` and `net/ipv6/addrconf.c`).

use super::Asker;
use super::pieces::Pieces;
use crate::device::DeviceId;
use crate::host::conf::{Values, v4, v6};
use crate::host::{AF_INET, AF_INET6, Stack};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, Refusal};
use rtnl::object::netconf::*;

/// A setting that is told, and its place among the family's.
type Told = (u16, usize);

/// The settings of IPv4 in the order in which they are told.
const TOLD4: &[Told] = &[
    (NETCONFA_FORWARDING, v4::FORWARDING),
    (NETCONFA_RP_FILTER, v4::RP_FILTER),
    (NETCONFA_MC_FORWARDING, v4::MC_FORWARDING),
    (NETCONFA_BC_FORWARDING, v4::BC_FORWARDING),
    (NETCONFA_PROXY_NEIGH, v4::PROXY_ARP),
    (NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN, v4::IGNORE_ROUTES_WITH_LINKDOWN),
];

/// Those of IPv6.
const TOLD6: &[Told] = &[
    (NETCONFA_FORWARDING, v6::FORWARDING),
    (NETCONFA_PROXY_NEIGH, v6::PROXY_NDP),
    (NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN, v6::IGNORE_ROUTES_WITH_LINKDOWN),
];

/// Whose settings they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    All,
    Default,
    Device(DeviceId),
}

fn told(family: u8) -> &'static [Told] {
    if family == AF_INET { TOLD4 } else { TOLD6 }
}

/// The family's settings; none where a link has not this family.
fn values<'w>(world: &'w World, stack: &'w Stack, family: u8, whose: Whose) -> Option<&'w Values> {
    Some(match (whose, family) {
        (Whose::All, AF_INET) => &stack.all4,
        (Whose::All, _) => &stack.all6,
        (Whose::Default, AF_INET) => &stack.default4,
        (Whose::Default, _) => &stack.default6,
        (Whose::Device(id), AF_INET) => &world.get(id)?.inet.as_ref()?.conf,
        (Whose::Device(id), _) => &world.get(id)?.inet6.as_ref()?.conf,
    })
}

fn index(world: &World, whose: Whose) -> i32 {
    match whose {
        Whose::All => NETCONFA_IFINDEX_ALL,
        Whose::Default => NETCONFA_IFINDEX_DEFAULT,
        Whose::Device(id) => world.get(id).map_or(0, |device| device.ifindex as i32),
    }
}

/// Writes settings as a message: all of them, or those at one place.
fn fill(
    out: &mut Builder,
    header: Header,
    family: u8,
    ifindex: i32,
    values: Option<&Values>,
    only: Option<usize>,
) {
    let start = out.start(header);
    Netconf { family }.encode(out);
    out.i32(NETCONFA_IFINDEX, ifindex);
    for (attribute, place) in told(family) {
        if let Some(values) = values.filter(|_| only.is_none_or(|only| only == *place)) {
            // IPv6 tells numbers, too, and readers take them for yes and no.
            out.i32(*attribute, values.get(*place));
        }
    }
    out.finish(start);
}

fn publish(world: &mut World, netns: NetnsId, kind: u16, family: u8, whose: Whose, only: Option<usize>) {
    let group = if family == AF_INET { RTNLGRP_IPV4_NETCONF } else { RTNLGRP_IPV6_NETCONF };
    if !world.listens(netns, group) {
        return;
    }
    let Ok(space) = world.space(netns) else { return };
    let shown = values(world, &space.stack, family, whose).filter(|_| kind == RTM_NEWNETCONF);
    let mut out = Builder::new();
    let header = Header { kind, flags: 0, seq: 0, pid: 0 };
    fill(&mut out, header, family, index(world, whose), shown, only);
    world.publish(netns, group, &out.bytes);
}

/// Tells all who listen of one setting, if it is one that is told.
pub(crate) fn announce(world: &mut World, netns: NetnsId, family: u8, whose: Whose, place: usize) {
    if told(family).iter().any(|(attribute, own)| *own == place && is_news(family, *attribute)) {
        publish(world, netns, RTM_NEWNETCONF, family, whose, Some(place));
    }
}

/// A change of two settings is no news.
fn is_news(family: u8, attribute: u16) -> bool {
    !(family == AF_INET && matches!(attribute, NETCONFA_MC_FORWARDING | NETCONFA_BC_FORWARDING))
}

/// Tells that a link has settings of a family.
pub(crate) fn announce_device(world: &mut World, id: DeviceId, family: u8) {
    let Some(netns) = world.get(id).map(|device| device.netns) else { return };
    publish(world, netns, RTM_NEWNETCONF, family, Whose::Device(id), None);
}

/// Tells that a link has none any more.
pub(crate) fn announce_gone(world: &mut World, id: DeviceId, family: u8) {
    let Some(netns) = world.get(id).map(|device| device.netns) else { return };
    publish(world, netns, RTM_DELNETCONF, family, Whose::Device(id), None);
}

/// Answers with one link's settings, with those for all or with the default ones (`inet_netconf_get_devconf`).
pub(crate) fn get(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let Netconf { family } = Netconf::decode(message).ok_or(Errno::EINVAL)?;
    if family != AF_INET && family != AF_INET6 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let tb = NETCONFA.parse(message.attrs(Netconf::SIZE))?;
    let ifindex = tb.i32(NETCONFA_IFINDEX).ok_or(Errno::EINVAL)?;
    let whose = match ifindex {
        NETCONFA_IFINDEX_ALL => Whose::All,
        NETCONFA_IFINDEX_DEFAULT => Whose::Default,
        _ => Whose::Device(world.by_index(asker.netns, ifindex as u32).ok_or(Errno::EINVAL)?),
    };
    let space = world.space(asker.netns)?;
    let shown = values(world, &space.stack, family, whose).ok_or(Errno::EINVAL)?;
    let header = Header { kind: RTM_NEWNETCONF, flags: 0, seq: message.header.seq, pid: asker.pid };
    let mut out = Builder::new();
    fill(&mut out, header, family, ifindex, Some(shown), None);
    super::reply(world, asker, out);
    Ok(())
}

/// Lists the settings of every link, then those for all and the default ones (`inet_netconf_dump_devconf`). A family
/// that has no settings stands for all that have.
pub(crate) fn dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let Netconf { family: wanted } = Netconf::decode(message).ok_or(Errno::EINVAL)?;
    let mut pieces = Pieces::new(world, asker, message, RTM_NEWNETCONF, false);
    let families = [AF_INET, AF_INET6];
    let space = world.space(asker.netns)?;
    for family in families.iter().filter(|own| **own == wanted || !families.contains(&wanted)) {
        let devices = space.list_from(None).map(|(_, id)| Whose::Device(id));
        for whose in devices.chain([Whose::All, Whose::Default]) {
            if let Some(shown) = values(world, &space.stack, *family, whose) {
                let header = pieces.header();
                fill(&mut pieces.out, header, *family, index(world, whose), Some(shown), None);
            }
        }
    }
    pieces.send(world, asker, message, None)
}
