//! Requests → state → replies and notifications, one object a file (`net/core/rtnetlink.c`).
//!
//! A request is carried out in the order in which Linux looks at its attributes, because that order decides which
//! refusal a user sees and what has already happened by then.

use crate::client::{ClientId, Dump, DumpKind};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{self, Message, Messages, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, Refusal};
use rtnl::object::link::*;
use rtnl::object::netns::{RTM_DELNSID, RTM_GETNSID, RTM_NEWNSID};
use rtnl::table::Tb;

pub(crate) mod create;
pub(crate) mod fill;
pub(crate) mod get;
pub(crate) mod link;
pub(crate) mod netns;
pub(crate) mod property;
pub(crate) mod setlink;

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
    if let Some(client) = world.clients.get_mut(asker.client) {
        client.push(out.bytes);
    }
}

fn dispatch(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let dump = message.has(NLM_F_DUMP);
    match message.header.kind {
        RTM_GETLINK if dump => get::start_dump(world, asker, message),
        RTM_GETLINK => get::get(world, asker, message),
        RTM_NEWLINK => link::new(world, asker, message),
        RTM_SETLINK => link::set(world, asker, message),
        RTM_DELLINK => link::delete(world, asker, message),
        RTM_NEWLINKPROP => property::change(world, asker, message, true),
        RTM_DELLINKPROP => property::change(world, asker, message, false),
        RTM_NEWNSID => netns::new(world, asker, message),
        RTM_GETNSID if dump => netns::start_dump(world, asker, message),
        RTM_GETNSID => netns::get(world, asker, message),
        RTM_DELNSID => Err(Errno::EOPNOTSUPP.into()),
        _ if dump => start(world, asker, message, DumpKind::Nothing),
        _ => Err(Errno::EOPNOTSUPP.into()),
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
    client.dump = Some(Dump { request: message.header, what });
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
        fill::link(
            self,
            id,
            &mut out,
            &fill::Fill { header, change, peer, skip_statistics: false, target: None, about },
        );
        self.publish(netns, RTNLGRP_LINK, &out.bytes);
    }
}
