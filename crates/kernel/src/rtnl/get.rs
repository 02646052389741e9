//! RTM_GETLINK: one link, or all of a namespace (`rtnl_getlink`, `rtnl_dump_ifinfo`).
//!
//! A dump is written in pieces as the client reads. It goes on from the last link's place, so links that come and go
//! meanwhile neither stop nor repeat it; that they did is said by a flag.

use super::fill::{Fill, peer_id};
use super::room::Reader;
use super::{Asker, fill, reply, start, unique_netns};
use crate::client::{ClientId, Dump, DumpKind, LinkFilter};
use crate::device::DeviceId;
use crate::netns::{ListKey, Netns, NetnsId};
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{
    Header, Message, NLM_F_DUMP_FILTERED, NLM_F_DUMP_INTR, NLM_F_MULTI, Refusal, done, done_with,
};
use rtnl::object::link::*;
use rtnl::table::Tb;

/// Links that are looked for at a time: as many as a piece holds.
const BATCH: usize = 32;

/// The namespace whose links are meant, by identifier or the asker's own.
fn viewed(world: &World, asker: Asker, tb: &Tb<'_>) -> Result<(NetnsId, Option<i32>), Refusal> {
    let Some(attr) = tb.get(IFLA_TARGET_NETNSID) else { return Ok((asker.netns, None)) };
    let found = world.space(asker.netns)?.peer(attr.u32());
    let unknown = Refusal::said(Errno::EINVAL, "Invalid target network namespace id").at(Some(attr));
    Ok((found.ok_or(unknown)?, Some(attr.i32())))
}

fn mask(tb: &Tb<'_>) -> u32 {
    tb.u32(IFLA_EXT_MASK).unwrap_or(0)
}

/// Finds the link that a request names by index, name or alternative name.
///
/// # Errors
/// EINVAL if it names none, ENODEV if there is no such link.
pub(crate) fn find(world: &World, netns: NetnsId, info: &Ifinfo, tb: &Tb<'_>) -> Result<DeviceId, Refusal> {
    let found = if info.ifindex > 0 {
        world.by_index(netns, info.ifindex as u32)
    } else {
        let name = tb.string(IFLA_IFNAME).or_else(|| tb.string(IFLA_ALT_IFNAME));
        world.by_name(netns, name.ok_or(Errno::EINVAL)?)
    };
    found.ok_or(Errno::ENODEV.into())
}

/// Answers with one link.
pub(crate) fn get(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Ifinfo::decode(message).ok_or(Errno::EINVAL)?;
    let tb = IFLA.parse(message.attrs(Ifinfo::SIZE))?;
    unique_netns(&tb, true)?;
    let (viewed, target) = viewed(world, asker, &tb)?;
    let id = find(world, viewed, &info, &tb)?;
    let mut out = Builder::new();
    let header = Header { kind: RTM_NEWLINK, flags: 0, seq: message.header.seq, pid: asker.pid };
    let peer = peer_id(world, asker.netns, id);
    let mask = mask(&tb);
    let about = fill::About::default();
    fill::link(world, id, &mut out, &Fill { header, change: 0, peer, mask, target, about });
    reply(world, asker, out);
    Ok(())
}

/// Begins to list links.
pub(crate) fn start_dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let tb = IFLA.parse(message.attrs(Ifinfo::SIZE))?;
    let (viewed, target) = viewed(world, asker, &tb)?;
    let mut filter = LinkFilter { mask: mask(&tb), target, ..LinkFilter::default() };
    match tb.u32(IFLA_MASTER) {
        None | Some(0) => {}
        Some(u32::MAX) => filter.without_master = true,
        Some(master) => {
            filter.master = world.by_index(viewed, master);
            filter.nothing = filter.master.is_none();
        }
    }
    if let Some(kind) = tb.nest(IFLA_LINKINFO).string(IFLA_INFO_KIND) {
        filter.kind = crate::link::find(kind);
    }
    let sequence = world.space(viewed)?.sequence;
    start(world, asker, message, DumpKind::Links { viewed, after: None, filter, sequence })
}

impl LinkFilter {
    /// The next links that may be wanted, without a look at those that cannot be.
    fn batch(&self, world: &World, space: &Netns, after: Option<ListKey>) -> Vec<(ListKey, DeviceId)> {
        match (self.nothing, self.master, self.kind) {
            (true, ..) => Vec::new(),
            (_, Some(master), _) => {
                let ports = world.get(master).map_or(&[][..], |master| &master.stack.lowers);
                let places = ports.iter().filter_map(|port| Some((world.get(*port)?.list_key(), *port)));
                let mut rest: Vec<_> =
                    places.filter(|(key, _)| after.is_none_or(|after| *key > after)).collect();
                rest.sort_unstable();
                rest.truncate(BATCH);
                rest
            }
            (.., Some(kind)) => space.list_kind(crate::link::number(kind), after).take(BATCH).collect(),
            _ => space.list_from(after).take(BATCH).collect(),
        }
    }

    /// Whether the kernel leaves a link out (`link_dump_filtered`). A kind that it does not know filters nothing.
    fn drops(&self, world: &World, id: DeviceId) -> bool {
        let Some(device) = world.get(id) else { return true };
        self.nothing
            || self.without_master && device.master.is_some()
            || self.master.is_some_and(|master| device.master != Some(master))
            || self.kind.is_some_and(|kind| device.kind != kind)
    }

    fn is_set(&self) -> bool {
        self.nothing || self.without_master || self.master.is_some() || self.kind.is_some()
    }
}

/// Writes the next piece of a client's dump; false if there is none under way.
pub(crate) fn continue_dump(world: &mut World, id: ClientId, reader: Reader, out: &mut Builder) -> bool {
    let Some(client) = world.clients.get_mut(id) else { return false };
    let (viewer, shown) = (client.netns, client.shown);
    let Some(mut dump) = client.dump.take() else { return false };
    let (pid, limit) = (id.port(), dump.progress.limit(shown, reader));
    dump.progress.count();
    dump.progress.resume(&mut out.bytes);
    match &mut dump.what {
        DumpKind::Links { .. } => links(world, viewer, pid, limit, &mut dump, out),
        DumpKind::NetnsIds { .. } => super::netns::continue_dump(world, pid, limit, &mut dump, out),
        DumpKind::Pieces { pieces, failure } => match pieces.pop_front() {
            Some(piece) => out.bytes = piece,
            None => {
                done_with(out, dump.request, pid, failure.as_ref());
                return true;
            }
        },
        DumpKind::Bridge(bridge) => bridge.go_on(world, dump.request, pid, limit, out),
        DumpKind::Nothing => {}
    }
    // The end is told apart, as Linux does.
    if out.bytes.is_empty() {
        done(out, dump.request, pid);
        return true;
    }
    if !matches!(dump.what, DumpKind::Pieces { .. }) {
        dump.progress.cut(&mut out.bytes, limit);
    }
    if let Some(client) = world.clients.get_mut(id) {
        client.dump = Some(dump);
    }
    true
}

/// Writes links until no more fit.
fn links(world: &mut World, viewer: NetnsId, pid: u32, limit: usize, dump: &mut Dump, out: &mut Builder) {
    let Dump { request, what: DumpKind::Links { viewed, after, filter, sequence }, .. } = dump else {
        return;
    };
    let Ok(space) = world.space(*viewed) else { return };
    let changed = if space.sequence == *sequence { 0 } else { NLM_F_DUMP_INTR };
    let filtered = if filter.is_set() { NLM_F_DUMP_FILTERED } else { 0 };
    let flags = NLM_F_MULTI | filtered | changed;
    let header = Header { kind: RTM_NEWLINK, flags, seq: request.seq, pid };
    out.bytes.reserve(limit + 4096);
    let about = fill::About::default();
    loop {
        let Ok(space) = world.space(*viewed) else { return };
        let batch = filter.batch(world, space, *after);
        if batch.is_empty() {
            return;
        }
        for (key, id) in batch {
            if !filter.drops(world, id) {
                let peer = peer_id(world, viewer, id);
                let before = out.bytes.len();
                let fill = Fill { header, change: 0, peer, mask: filter.mask, target: filter.target, about };
                fill::link(world, id, out, &fill);
                // What does not fit is written again: what lies at which multiple of eight bytes may change.
                if out.bytes.len() > limit && before > 0 {
                    return out.bytes.truncate(before);
                }
            }
            *after = Some(key);
        }
    }
}
