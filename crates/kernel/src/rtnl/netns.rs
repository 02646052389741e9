//! RTM_NEWNSID, RTM_GETNSID: identifiers that one namespace uses for others (`net/core/net_namespace.c`).

use super::{Asker, reply, start};
use crate::client::{Dump, DumpKind};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, NLM_F_MULTI, Refusal};
use rtnl::object::netns::*;
use rtnl::table::Tb;

/// "No identifier", on the wire.
const NOT_ASSIGNED: i32 = -1;

fn parse<'a>(message: &Message<'a>) -> Result<Tb<'a>, Refusal> {
    if message.payload().len() < RTGENMSG {
        return Err(Errno::EINVAL.into());
    }
    NETNSA.parse(message.attrs(RTGENMSG))
}

/// The namespace that a request is about.
fn subject(world: &World, asker: Asker, tb: &Tb<'_>) -> Result<(NetnsId, u16), Refusal> {
    if let Some(attr) = tb.get(NETNSA_PID) {
        return Err(Refusal::said(Errno::ESRCH, "Peer netns reference is invalid").at(Some(attr)));
    }
    if let Some(attr) = tb.get(NETNSA_FD) {
        let netns = NetnsId(attr.u32());
        let invalid = Refusal::said(Errno::EINVAL, "Peer netns reference is invalid").at(Some(attr));
        return world.space(netns).map(|_| (netns, NETNSA_FD)).map_err(|_| invalid);
    }
    if let Some(attr) = tb.get(NETNSA_NSID) {
        let peer = world.space(asker.netns)?.peer(attr.u32());
        let invalid = Refusal::said(Errno::ENOENT, "Peer netns reference is invalid").at(Some(attr));
        return peer.map(|peer| (peer, NETNSA_NSID)).ok_or(invalid);
    }
    Err(Refusal::said(Errno::EINVAL, "Peer netns reference is missing"))
}

/// Gives a namespace an identifier (`rtnl_net_newid`).
pub(crate) fn new(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let tb = parse(message)?;
    let wanted = tb.get(NETNSA_NSID).ok_or(Refusal::said(Errno::EINVAL, "nsid is missing"))?;
    let reference = [NETNSA_PID, NETNSA_FD].iter().any(|number| tb.has(*number));
    if !reference {
        return Err(Refusal::said(Errno::EINVAL, "Peer netns reference is missing"));
    }
    let (peer, _) = subject(world, asker, &tb)?;
    if world.space(asker.netns)?.id_of(peer).is_some() {
        let attr = tb.get(NETNSA_FD).or(tb.get(NETNSA_PID));
        return Err(Refusal::said(Errno::EEXIST, "Peer netns already has a nsid assigned").at(attr));
    }
    let number = u32::try_from(wanted.i32()).ok();
    if number.is_some_and(|id| world.space(asker.netns).is_ok_and(|space| space.peer(id).is_some())) {
        return Err(Refusal::said(Errno::EEXIST, "The specified nsid is already used").at(Some(wanted)));
    }
    let id = world.space_mut(asker.netns)?.name_peer(peer, number);
    world.space_mut(peer)?.known_by.insert(asker.netns);
    announce(world, asker.netns, RTM_NEWNSID, id);
    Ok(())
}

/// Tells the identifier of a namespace (`rtnl_net_getid`).
pub(crate) fn get(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let tb = parse(message)?;
    let (peer, _) = subject(world, asker, &tb)?;
    let target = match tb.get(NETNSA_TARGET_NSID) {
        None => asker.netns,
        Some(attr) => {
            let found = world.space(asker.netns)?.peer(attr.u32());
            found.ok_or(Refusal::said(Errno::EINVAL, "Target netns reference is invalid").at(Some(attr)))?
        }
    };
    let id = world.space(target)?.id_of(peer).map_or(NOT_ASSIGNED, |id| id as i32);
    let mut out = Builder::new();
    let header = Header { kind: RTM_NEWNSID, flags: 0, seq: message.header.seq, pid: asker.pid };
    let start = out.start(header);
    body(&mut out, id);
    if tb.has(NETNSA_TARGET_NSID) {
        let current = world.space(asker.netns)?.id_of(peer).map_or(NOT_ASSIGNED, |id| id as i32);
        out.i32(NETNSA_CURRENT_NSID, current);
    }
    out.finish(start);
    reply(world, asker, out);
    Ok(())
}

/// Begins to list identifiers (`rtnl_net_dumpid`).
pub(crate) fn start_dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let tb = parse(message)?;
    let (viewed, current) = match tb.get(NETNSA_TARGET_NSID) {
        None => (asker.netns, None),
        Some(attr) => {
            let found = world.space(asker.netns)?.peer(attr.u32());
            let invalid = Refusal::said(Errno::EINVAL, "Invalid target network namespace id").at(Some(attr));
            (found.ok_or(invalid)?, Some(asker.netns))
        }
    };
    start(world, asker, message, DumpKind::NetnsIds { viewed, current, from: 0 })
}

/// Writes identifiers until the piece is full.
pub(crate) fn continue_dump(world: &World, pid: u32, limit: usize, dump: &mut Dump, out: &mut Builder) {
    let Dump { request, what: DumpKind::NetnsIds { viewed, current, from }, .. } = dump else { return };
    let Ok(space) = world.space(*viewed) else { return };
    let header = Header { kind: RTM_NEWNSID, flags: NLM_F_MULTI, seq: request.seq, pid };
    for (id, peer) in space.peers_from(*from) {
        if out.bytes.len() > limit {
            return;
        }
        *from = id.saturating_add(1);
        let start = out.start(header);
        body(out, id as i32);
        if let Some(current) = current.and_then(|netns| world.space(netns).ok()) {
            out.i32(NETNSA_CURRENT_NSID, current.id_of(peer).map_or(NOT_ASSIGNED, |id| id as i32));
        }
        out.finish(start);
    }
}

/// `struct rtgenmsg` and the identifier.
fn body(out: &mut Builder, id: i32) {
    out.bytes.push(0);
    out.pad();
    out.i32(NETNSA_NSID, id);
}

/// Tells all who listen in a namespace that it gave or lost an identifier.
pub(crate) fn announce(world: &mut World, netns: NetnsId, kind: u16, id: u32) {
    if !world.listens(netns, RTNLGRP_NSID) {
        return;
    }
    let mut out = Builder::new();
    let start = out.start(Header { kind, flags: 0, seq: 0, pid: 0 });
    body(&mut out, id as i32);
    out.finish(start);
    world.publish(netns, RTNLGRP_NSID, &out.bytes);
}
