//! The shortest way through a bridge: from one known host to another, with the same outcome as the long way of
//! `frames`, which takes every frame that needs a closer look.
//!
//! What many frames have in common is looked up once: the facts of the port that they came in through, the table, and
//! the port that they leave through. Frames behind one another that leave through the same port are put before it
//! together. The table is taken out of the bridge meanwhile; the long way finds it in its place.

use super::frames::{Ingress, members};
use super::port::{self, flag};
use super::{of, of_mut, proxy};
use crate::device::{DeviceId, Mac};
use crate::fdb::{Fdb, Passing, key};
use crate::frame::{FrameId, Pool, Tag};
use crate::run::{Batch, Common, Step, mark};
use crate::world::World;
use rtnl::kind::bridge_slave::BR_STATE_FORWARDING;

/// Decides about one frame on the long way; true if the port's own stack goes on with it.
type Accept = fn(&mut World, &Ingress, FrameId) -> bool;

/// Takes the frames that a port received; what its own stack goes on with stays in the batch.
pub(super) fn forward(world: &mut World, ingress: &Ingress, batch: &mut Batch, accept: Accept) {
    let plain =
        ingress.state == BR_STATE_FORWARDING && ingress.flags & flag::LOCKED == 0 && !ingress.promiscuous;
    if !plain {
        world.count_hops(batch);
        return batch.retain(|frame| accept(world, ingress, frame));
    }
    let common = batch.common();
    let mut way = Way::new(take_table(world, ingress), &ingress.address, world.run.spare());
    if way.fdb.is_far() {
        touch(&way.fdb, &world.run.pool, ingress, batch);
    }
    batch.retain(|frame| {
        if way.take(world, ingress, common, frame) {
            return false;
        }
        way.end(world);
        world.count_hops_of(common, frame);
        of_mut(world, ingress.bridge).fdb = std::mem::take(&mut way.fdb);
        let stays = accept(world, ingress, frame);
        way.fdb = take_table(world, ingress);
        stays
    });
    way.end(world);
    of_mut(world, ingress.bridge).fdb = way.fdb;
    world.run.put_back(way.out);
}

fn take_table(world: &mut World, ingress: &Ingress) -> Fdb {
    std::mem::take(&mut of_mut(world, ingress.bridge).fdb)
}

/// Address and VLAN of target and source.
#[derive(Clone, Copy)]
struct Keys {
    target: u64,
    source: u64,
}

/// The bits of a key that are the address.
const ADDRESS: u64 = !0xffff;
/// The bit of a group address in a key.
const GROUP: u64 = 1 << 56;

impl Keys {
    /// None if the frame is too short.
    #[inline]
    fn of(bytes: &[u8], vid: u16) -> Option<Keys> {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = *bytes.first_chunk::<14>()?;
        let target = u64::from_be_bytes([a, b, c, d, e, f, g, h]) & ADDRESS | u64::from(vid);
        let source = u64::from_be_bytes([g, h, i, j, k, l, m, n]) & ADDRESS | u64::from(vid);
        Some(Keys { target, source })
    }
}

/// The way that the last frame took: most of a batch take the same.
struct Way {
    fdb: Fdb,
    /// The bridge's own address, as keys have it.
    own: u64,
    /// The port's number; 0: none was chosen.
    number: u16,
    vid: u16,
    port: Option<DeviceId>,
    /// The longest frame that may leave there.
    longest: usize,
    untagged: bool,
    /// Frames that take it.
    out: Box<Batch>,
}

impl Way {
    fn new(fdb: Fdb, own: &Mac, out: Box<Batch>) -> Way {
        Way { fdb, own: key(own, 0), number: 0, vid: 0, port: None, longest: 0, untagged: false, out }
    }

    /// Takes a frame from one known host to another; false if it needs a closer look, and then nothing has happened.
    #[inline]
    fn take(&mut self, world: &mut World, ingress: &Ingress, common: Common, frame: FrameId) -> bool {
        let pool = &world.run.pool;
        let mut vid = 0;
        if ingress.filtering {
            let tag = pool.meta(frame).tag;
            vid = if tag.is_some() { tag.id() } else { ingress.pvid };
            if vid == 0 || tag.is_some() && tag.protocol != ingress.protocol {
                return false;
            }
        }
        let bytes = pool.bytes(frame);
        if ingress.proxies != 0 && proxy::concerns(bytes) {
            return false;
        }
        let length = bytes.len();
        let Some(Keys { target, source }) = Keys::of(bytes, vid) else { return false };
        if (target | source) & GROUP != 0 || source & ADDRESS == 0 || target & ADDRESS == self.own {
            return false;
        }
        let (from, learns, tick) = (ingress.number, ingress.learns, ingress.tick);
        let passing = Passing { target, source, from, learns, tick };
        let (number, longest) = (self.number, self.longest);
        let usual = |port| port == number && vid == self.vid && length <= longest;
        if self.fdb.pass(passing, usual).is_none() && !self.choose(world, ingress, common, &passing, length) {
            return false;
        }
        if ingress.filtering {
            let meta = world.run.pool.meta_mut(frame);
            let tagged =
                if meta.tag.is_some() { meta.tag } else { Tag { protocol: ingress.protocol, tci: vid } };
            meta.tag = if self.untagged { Tag::NONE } else { tagged };
        }
        self.out.push(frame, length)
    }

    /// Looks whether every frame of a VLAN may leave through the port where a frame goes, and how; false if not
    /// without a closer look.
    #[cold]
    fn choose(
        &mut self,
        world: &mut World,
        ingress: &Ingress,
        mut common: Common,
        passing: &Passing,
        length: usize,
    ) -> bool {
        let vid = (passing.target & !ADDRESS) as u16;
        let Some(found) = self.fdb.find(passing.target) else { return false };
        if (found.port, vid) == (self.number, self.vid) {
            return false;
        }
        self.end(world);
        let Some(out) = of(world, ingress.bridge).ports.get(&found.port).copied() else { return false };
        let Some(port) = port::of_port(world, out) else { return false };
        let device = &world[out];
        let isolated = ingress.flags & port.flags & flag::ISOLATED != 0;
        let member = !ingress.filtering
            || members(world, ingress.bridge, ingress.port).has(vid) && port.vlans.has(vid);
        if port.state != BR_STATE_FORWARDING
            || isolated
            || port.backup.is_some()
            || port.has(flag::VLAN_TUNNEL)
            || !member
            || !device.is_up()
        {
            return false;
        }
        let untagged = ingress.filtering && port.vlans.leaves_untagged(vid);
        let longest = device.mtu as usize + 18;
        if length > longest || self.fdb.pass(*passing, |_| true).is_none() {
            return false;
        }
        (self.number, self.vid, self.port) = (found.port, vid, Some(out));
        (self.longest, self.untagged) = (longest, untagged);
        common.marks |= if ingress.filtering && !untagged { mark::TAG } else { 0 };
        self.out.begin(common);
        true
    }

    /// Puts the frames before their port. Whoever comes next chooses anew.
    #[inline]
    fn end(&mut self, world: &mut World) {
        if let Some(port) = self.port.filter(|_| !self.out.is_empty()) {
            world.forward_all(port, Step::Transmit, &mut self.out);
        }
        self.number = 0;
    }
}

/// Brings the places of all addresses near.
fn touch(fdb: &Fdb, pool: &Pool, ingress: &Ingress, batch: &Batch) {
    let mut near = 0u64;
    for frame in batch.frames() {
        let tag = pool.meta(*frame).tag;
        let vid = match ingress.filtering {
            true if tag.protocol == ingress.protocol && tag.id() != 0 => tag.id(),
            true => ingress.pvid,
            false => 0,
        };
        if let Some(keys) = Keys::of(pool.bytes(*frame), vid) {
            near ^= fdb.touch(keys.target) ^ fdb.touch(keys.source);
        }
    }
    std::hint::black_box(near);
}
