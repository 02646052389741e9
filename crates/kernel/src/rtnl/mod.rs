//! Requests → state → replies and notifications, one object a file (`net/core/rtnetlink.c`).
//!
//! A request is carried out in the order in which Linux looks at its attributes, because that order decides which
//! refusal a user sees and what has already happened by then.

use crate::client::{ClientId, Dump, DumpKind};
use crate::netlink_tap::{Heading, NETLINK_ROUTE};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{self, Message, Messages, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, Refusal};
use rtnl::object::addr::{RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR};
use rtnl::object::brlink::RTM_GETSTATS;
use rtnl::object::brvlan::{RTM_DELVLAN, RTM_GETVLAN, RTM_NEWVLAN};
use rtnl::object::link::*;
use rtnl::object::mdb::{RTM_DELMDB, RTM_GETMDB, RTM_NEWMDB};
use rtnl::object::neigh::{RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH};
use rtnl::object::netconf::RTM_GETNETCONF;
use rtnl::object::netns::{RTM_DELNSID, RTM_GETNSID, RTM_NEWNSID};
use rtnl::object::route::{RTM_DELROUTE, RTM_GETROUTE, RTM_NEWROUTE};
use rtnl::object::rule::{RTM_DELRULE, RTM_GETRULE, RTM_NEWRULE};
use rtnl::object::tunnel::{RTM_DELTUNNEL, RTM_GETTUNNEL, RTM_NEWTUNNEL};
use rtnl::table::Tb;

pub(crate) mod addr;
pub(crate) mod addr6;
pub(crate) mod af_spec;
pub(crate) mod bridge_dump;
pub(crate) mod brlink;
pub(crate) mod brvlan;
pub(crate) mod create;
pub(crate) mod fdb;
pub(crate) mod fill;
pub(crate) mod get;
pub(crate) mod link;
pub(crate) mod link6;
pub(crate) mod lookup4;
pub(crate) mod mdb;
pub(crate) mod neigh;
pub(crate) mod netconf;
pub(crate) mod netns;
pub(crate) mod pieces;
pub(crate) mod property;
pub(crate) mod room;
pub(crate) mod route;
pub(crate) mod route4;
pub(crate) mod route6;
pub(crate) mod rule;
pub(crate) mod setlink;
pub(crate) mod tunnel;

/// The family of bridges.
const AF_BRIDGE: u8 = 7;
/// Messages of one datagram that are looked at; more are passed over.
const MESSAGES: usize = 1 << 16;

/// Who asks, and from where.
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    pub client: ClientId,
    pub netns: NetnsId,
    pub pid: u32,
}

/// Carries out every message of a datagram, each with its acknowledgement.
pub(crate) fn handle(world: &mut World, asker: Asker, datagram: &[u8]) {
    for message in Messages(datagram).take(MESSAGES) {
        // Types below 16 are control messages, which a kernel passes over.
        if !message.has(NLM_F_REQUEST) || message.header.kind < 16 {
            continue;
        }
        let result = dispatch(world, asker, &message);
        world.settle();
        world.run();
        let refusal = result.err();
        if refusal.is_some() || message.has(NLM_F_ACK) {
            let mut out = Builder::new();
            message::acknowledge(&mut out, &message, asker.pid, refusal.as_ref());
            reply(world, asker, out);
        }
    }
}

/// Sends an answer to the asker.
pub(crate) fn reply(world: &mut World, asker: Asker, out: Builder) {
    world.tap_netlink(asker.netns, NETLINK_ROUTE, Heading::User, &out.bytes);
    if let Some(client) = world.clients.get_mut(asker.client) {
        client.push(out.bytes);
    }
}

fn dispatch(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let dump = message.has(NLM_F_DUMP);
    match message.header.kind {
        RTM_GETLINK | RTM_SETLINK | RTM_DELLINK | RTM_NEWNEIGH | RTM_DELNEIGH | RTM_GETNEIGH
            if (message.header.kind != RTM_GETLINK || dump)
                && message.payload().first() == Some(&AF_BRIDGE) =>
        {
            dispatch_bridge(world, asker, message, dump)
        }
        RTM_GETLINK if dump && message.payload().first() == Some(&crate::host::AF_INET6) => {
            link6::dump(world, asker, message)
        }
        RTM_GETLINK if dump => get::start_dump(world, asker, message),
        RTM_GETLINK => get::get(world, asker, message),
        RTM_NEWLINK => link::new(world, asker, message),
        RTM_SETLINK => link::set(world, asker, message),
        RTM_DELLINK => link::delete(world, asker, message),
        RTM_NEWLINKPROP => property::change(world, asker, message, true),
        RTM_DELLINKPROP => property::change(world, asker, message, false),
        RTM_NEWADDR => addr::new(world, asker, message),
        RTM_DELADDR => addr::delete(world, asker, message),
        RTM_GETADDR if dump => addr::dump(world, asker, message),
        RTM_NEWROUTE => route::new(world, asker, message),
        RTM_DELROUTE => route::delete(world, asker, message),
        RTM_GETROUTE if dump => route::dump(world, asker, message),
        RTM_GETROUTE => route::get(world, asker, message),
        RTM_NEWRULE => rule::new(world, asker, message),
        RTM_DELRULE => rule::delete(world, asker, message),
        RTM_GETRULE if dump => rule::dump(world, asker, message),
        RTM_NEWNEIGH => neigh::new(world, asker, message),
        RTM_DELNEIGH => neigh::delete(world, asker, message),
        RTM_GETNEIGH if dump => neigh::dump(world, asker, message),
        RTM_GETNEIGH => neigh::get(world, asker, message),
        RTM_GETNETCONF if dump => netconf::dump(world, asker, message),
        RTM_GETNETCONF => netconf::get(world, asker, message),
        RTM_NEWNSID => netns::new(world, asker, message),
        RTM_GETNSID if dump => netns::start_dump(world, asker, message),
        RTM_GETNSID => netns::get(world, asker, message),
        RTM_DELNSID => Err(Errno::EOPNOTSUPP.into()),
        RTM_GETSTATS if dump => brlink::start_statistics(world, asker, message),
        RTM_GETSTATS => brlink::get_statistics(world, asker, message),
        RTM_NEWVLAN | RTM_DELVLAN => brvlan::change(world, asker, message),
        RTM_GETVLAN if dump => brvlan::start_dump(world, asker, message),
        RTM_NEWTUNNEL | RTM_DELTUNNEL => tunnel::change(world, asker, message),
        RTM_GETTUNNEL if dump => tunnel::dump(world, asker, message),
        RTM_NEWMDB => mdb::add(world, asker, message),
        RTM_DELMDB => mdb::delete(world, asker, message),
        RTM_GETMDB if dump => mdb::start_dump(world, asker, message),
        _ if dump => start(world, asker, message, DumpKind::Nothing),
        _ => Err(Errno::EOPNOTSUPP.into()),
    }
}

/// Requests of the family of bridges that other families know too.
fn dispatch_bridge(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    dump: bool,
) -> Result<(), Refusal> {
    match message.header.kind {
        RTM_GETLINK => brlink::start_dump(world, asker, message),
        RTM_SETLINK => brlink::set(world, asker, message),
        RTM_DELLINK => brlink::delete(world, asker, message),
        RTM_NEWNEIGH => fdb::add(world, asker, message),
        RTM_DELNEIGH => fdb::delete(world, asker, message),
        _ if dump => fdb::start_dump(world, asker, message),
        _ => fdb::get(world, asker, message),
    }
}

/// Begins a dump; a client reads one at a time.
pub(crate) fn start(
    world: &mut World,
    asker: Asker,
    message: &Message<'_>,
    what: DumpKind,
) -> Result<(), Refusal> {
    let client = world.clients.get_mut(asker.client).ok_or(Errno::EBADF)?;
    if client.dump.is_some() {
        return Err(Errno::EBUSY.into());
    }
    let progress = room::Progress::new(client.shown);
    client.dump = Some(Dump { request: message.header, progress, what });
    Ok(())
}

/// The namespace that a request names by process, file or identifier; none if it names none
/// (`rtnl_link_get_net`).
pub(crate) fn named_netns(world: &World, viewer: NetnsId, tb: &Tb<'_>) -> Result<Option<NetnsId>, Refusal> {
    let named = [IFLA_NET_NS_PID, IFLA_NET_NS_FD, IFLA_TARGET_NETNSID];
    let Some(attr) = named.iter().find_map(|number| tb.get(*number)) else { return Ok(None) };
    let found = match attr.number {
        // No process lives in this world.
        IFLA_NET_NS_PID => return Err(Errno::ESRCH.into()),
        IFLA_NET_NS_FD => Some(NetnsId(attr.u32())).filter(|netns| world.space(*netns).is_ok()),
        _ => world.space(viewer)?.peer(attr.u32()),
    };
    found.map(Some).ok_or(Refusal::new(Errno::EINVAL))
}

/// A request may name its namespace in one way only (`rtnl_ensure_unique_netns`).
pub(crate) fn unique_netns(tb: &Tb<'_>, identifier_only: bool) -> Result<(), Refusal> {
    if identifier_only && (tb.has(IFLA_NET_NS_PID) || tb.has(IFLA_NET_NS_FD)) {
        return Err(Refusal::said(Errno::EOPNOTSUPP, "specified netns attribute not supported"));
    }
    let count = [IFLA_NET_NS_PID, IFLA_NET_NS_FD, IFLA_TARGET_NETNSID].iter().filter(|n| tb.has(**n)).count();
    if count > 1 {
        return Err(Refusal::said(Errno::EINVAL, "multiple netns identifying attributes specified"));
    }
    Ok(())
}

impl World {
    /// Tells all who listen of a device as it is now.
    pub(crate) fn announce_link(&mut self, id: crate::device::DeviceId) {
        self.publish_link(id, RTM_NEWLINK, fill::About::default());
    }

    /// The same, with the event that is the reason (`IFLA_EVENT_*`).
    pub(crate) fn announce_link_event(&mut self, id: crate::device::DeviceId, event: u32) {
        self.publish_link(id, RTM_NEWLINK, fill::About { event: Some(event), ..fill::About::default() });
    }

    /// Tells all who listen that a device is gone, or went to another namespace under an index.
    pub(crate) fn announce_link_gone(&mut self, id: crate::device::DeviceId, moved: Option<(u32, u32)>) {
        self.publish_link(id, RTM_DELLINK, fill::About { moved, ..fill::About::default() });
    }

    fn publish_link(&mut self, id: crate::device::DeviceId, kind: u16, about: fill::About) {
        let Some(device) = self.get(id) else { return };
        // Of one that is dying nothing is told but its end.
        let may_tell = match kind {
            RTM_NEWLINK => device.registration == crate::device::Registration::Registered,
            _ => device.introduced,
        };
        if !may_tell {
            return;
        }
        let netns = device.netns;
        // Telling gives the far namespace an identifier, whether anyone listens or not.
        let peer = fill::peer_id(self, netns, id);
        if !self.listens(netns, RTNLGRP_LINK) {
            return;
        }
        let mut out = Builder::new();
        let header = message::Header { kind, flags: 0, seq: 0, pid: 0 };
        let change = u32::MAX;
        fill::link(self, id, &mut out, &fill::Fill { header, change, peer, mask: 0, target: None, about });
        self.publish(netns, RTNLGRP_LINK, &out.bytes);
    }
}
