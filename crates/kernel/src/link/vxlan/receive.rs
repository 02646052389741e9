//! Frames that come in at a vxlan's port (`vxlan_rcv`, `vxlan_snoop`).

use super::near::Far;
use super::table::Remote;
use super::{TYPE, Vxlan, entries, flag, networks, state, state_mut};
use crate::device::{DeviceId, Mac, is_valid_ether_addr};
use crate::frame::{FrameId, PacketKind};
use crate::host::encap::Options;
use crate::host::tunnel::alike::Alike;
use crate::host::tunnel::burst;
use crate::host::tunnel::receive::{self, Came};
use crate::host::{consume, domain};
use crate::run::{Batch, Common, Drop, Step, mark, marks_of};
use crate::world::{Instant, World};
use rtnl::message::{NLM_F_CREATE, NLM_F_EXCL};
use rtnl::object::encap::flag as bit;
use rtnl::object::neigh::{NTF_SELF, NUD_REACHABLE};
use std::net::IpAddr;
use wire::{Vxlan as Header, ethertype, vxlan};

const ETHERNET: usize = wire::ethernet::LENGTH;

/// Takes datagrams that have everything outside their own headers in common.
pub(super) fn receive(world: &mut World, came: &Came, batch: &mut Batch) {
    let (common, out) = (batch.common(), world.run.spare());
    let mut arriving = Arriving { common, to: None, source: None, quick: None, touched: false, out };
    // Every frame begins anew here.
    arriving.common.marks &= mark::BESIDE;
    for (at, frame) in batch.frames().iter().enumerate() {
        if arriving.take_quick(world, *frame).is_some() {
            continue;
        }
        arriving.end_quick(world);
        let alike = match arriving.take(world, came, *frame) {
            Ok(alike) => alike,
            Err(reason) => {
                consume(world, came.below, *frame, reason);
                continue;
            }
        };
        arriving.begin_quick(world, came, alike, &batch.frames()[at + 1..]);
    }
    batch.clear();
    arriving.end(world);
    world.run.put_back(arriving.out);
}

/// Frames for the vxlan for which the last one was.
struct Arriving {
    common: Common,
    to: Option<Target>,
    /// The address that was learned last for it.
    source: Option<Mac>,
    /// The short way of frames that are like the last one.
    quick: Option<Quick>,
    /// What the table says of the addresses of all frames was brought near.
    touched: bool,
    out: Box<Batch>,
}

/// The short way: that of frames which need nothing but to be looked for in the table.
struct Quick {
    alike: Alike,
    /// The vxlan, taken out of its place meanwhile, if addresses are learned.
    vxlan: Option<Box<Vxlan>>,
    /// The link's index by which an address is known, as the far end's address.
    from: (IpAddr, u32),
    /// The last address that was known to be there, and the number of that far end.
    source: u64,
    far: Option<Far>,
}

/// Where a header leads.
#[derive(Clone, Copy)]
struct Target {
    header: Header,
    id: DeviceId,
    /// What is inside if it is no Ethernet frame.
    kind: Option<u16>,
    /// The vxlan's own address.
    own: Mac,
    learns: bool,
    up: bool,
    external: bool,
}

/// The bit of a group address in a number whose upper six bytes are an address.
const GROUP: u64 = 1 << 56;

impl Quick {
    /// Whether an address is known to be behind the far end; it is used now.
    #[inline(always)]
    fn knows(&mut self, source: u64, now: Instant) -> bool {
        let Some(vxlan) = &mut self.vxlan else { return true };
        if source == self.source {
            return source != 0;
        }
        if source & GROUP != 0 || source == 0 {
            return false;
        }
        let far = vxlan.table.far(source, 0, now);
        if far.is_none() || far != self.far && !self.is_there(far) {
            return false;
        }
        self.source = source;
        true
    }

    /// Whether the far end of a number is that of which the frames came; if so it is known by the number.
    #[cold]
    fn is_there(&mut self, far: Option<Far>) -> bool {
        let table = self.vxlan.as_ref().map(|vxlan| &vxlan.table);
        let remote = table.zip(far).and_then(|(table, far)| table.remote(far));
        let there = remote.is_some_and(|remote| (remote.address, remote.ifindex) == self.from);
        if there {
            self.far = far;
        }
        there
    }
}

impl Arriving {
    /// Takes a frame on the short way; none if it needs a closer look, and then nothing has happened to it.
    #[inline(always)]
    fn take_quick(&mut self, world: &mut World, frame: FrameId) -> Option<()> {
        let quick = self.quick.as_mut()?;
        let inner = quick.alike.look(world.run.pool.bytes(frame))?;
        if !quick.knows(inner.source, world.now) {
            return None;
        }
        quick.alike.take(&mut world.run.pool, inner, frame, &mut self.out);
        Some(())
    }

    /// From here on the rest may take the short way, if they are like the last one.
    fn begin_quick(&mut self, world: &mut World, came: &Came, alike: Option<Alike>, rest: &[FrameId]) {
        let (Some(alike), Some(to)) = (alike, &self.to) else { return };
        // A frame of a device that is controlled from outside keeps what it came through.
        if to.kind.is_some() || !to.up || to.external || came.tells_congestion() {
            return;
        }
        let from = (came.source, link_of(world, came));
        let vxlan = if to.learns { burst::take::<Vxlan>(world, to.id) } else { None };
        if to.learns && vxlan.is_none() {
            return;
        }
        if let Some(table) = vxlan.as_ref().map(|vxlan| &vxlan.table).filter(|table| table.is_far()) {
            let look = |frame: &FrameId| alike.look(world.run.pool.bytes(*frame));
            let rest = if self.touched { &[] } else { rest };
            let near = rest.iter().filter_map(look).map(|inner| table.touch(inner.source, 0));
            std::hint::black_box(near.fold(0, |all, one| all ^ one));
            self.touched = true;
        }
        self.quick = Some(Quick { alike, vxlan, from, source: 0, far: None });
    }

    /// The vxlan is in its place again.
    fn end_quick(&mut self, world: &mut World) {
        if let (Some(Quick { vxlan, .. }), Some(to)) = (self.quick.take(), &self.to) {
            burst::put_back(world, to.id, vxlan);
        }
    }

    /// Takes everything outside off a frame, and puts it to those for its vxlan. Gives what others may have in common with
    /// it.
    #[inline]
    fn take(&mut self, world: &mut World, came: &Came, frame: FrameId) -> Result<Option<Alike>, Drop> {
        let payload = world.run.pool.bytes(frame).get(came.at..).unwrap_or_default();
        let header = Header::parse(payload).map_err(|_| Drop::TooShort)?;
        let to = match self.to {
            Some(to) if to.header == header => to,
            _ => self.turn_to(world, came, header)?,
        };
        let alike = Alike::new(world.run.pool.bytes(frame), came.at, &to.own);
        world.run.pool.unwrap(frame, came.at + vxlan::LENGTH);
        match to.kind {
            Some(kind) => receive::put_ethernet(world, frame, kind)?,
            None => self.check_ethernet(world, came, &to, frame)?,
        }
        came.tell_congestion(world, to.id, frame).inspect_err(|_| {
            networks::count(world, to.id, to.header.network, |counters| counters.rx_errors += 1);
        })?;
        if !to.up {
            world[to.id].counters.rx_dropped += 1;
            networks::count(world, to.id, to.header.network, |counters| counters.rx_dropped += 1);
            return Err(Drop::DeviceDown);
        }
        if to.kind.is_some() {
            world.run.pool.meta_mut(frame).kind = PacketKind::Host;
        }
        if to.external {
            came.note_network(world, frame, to.header.network, options(came.terms.flags, &to.header));
        }
        self.out.marks |= marks_of(world.run.pool.meta(frame));
        self.out.push(frame, world.run.pool.length(frame));
        Ok(alike)
    }

    /// Finds out where a header leads, for it and those like it.
    #[cold]
    fn turn_to(&mut self, world: &mut World, came: &Came, header: Header) -> Result<Target, Drop> {
        self.end(world);
        if header.flags & vxlan::flag::NETWORK == 0 {
            return Err(Drop::TunnelHeader);
        }
        if came.unsummed && came.key.0 && came.terms.flags & flag::ZERO_SUM6_RX == 0 {
            return Err(Drop::BadChecksum);
        }
        let id = find(world, came, header.network).ok_or(Drop::TunnelNetwork)?;
        let kind = understand(came.terms.flags, &header)?;
        let learns = state(world, id).is_some_and(|vxlan| vxlan.config.has(flag::LEARN));
        let device = &world[id];
        let external = came.terms.flags & flag::EXTERNAL != 0;
        let to = Target { header, id, kind, own: device.address, learns, up: device.is_up(), external };
        (self.to, self.source) = (Some(to), None);
        self.out.begin(self.common);
        Ok(to)
    }

    /// Looks at the addresses of a frame, and learns where they are (`vxlan_set_mac`).
    #[inline]
    fn check_ethernet(
        &mut self,
        world: &mut World,
        came: &Came,
        to: &Target,
        frame: FrameId,
    ) -> Result<(), Drop> {
        if world.run.pool.length(frame) < ETHERNET {
            return Err(Drop::TooShort);
        }
        let mac = world.run.pool.source(frame);
        if mac == to.own {
            return Err(Drop::OwnFrame);
        }
        if to.learns && self.source != Some(mac) {
            let from = (came.source, link_of(world, came));
            if !learn(world, to.id, mac, from, to.header.network) {
                return Err(Drop::TunnelFixed);
            }
            self.source = Some(mac);
        }
        Ok(())
    }

    /// Counts what is for the vxlan, and puts it before it.
    fn end(&mut self, world: &mut World) {
        self.end_quick(world);
        let Some(to) = self.to.take().filter(|_| !self.out.is_empty()) else { return };
        let (packets, bytes) = receive::count(world, to.id, &self.out);
        networks::count(world, to.id, to.header.network, |counters| {
            counters.rx_packets += packets;
            counters.rx_bytes += bytes;
        });
        world.forward_all(to.id, Step::Receive, &mut self.out);
    }
}

/// The index of the link behind which a far end is, where its address alone does not say it.
#[inline]
fn link_of(world: &World, came: &Came) -> u32 {
    match came.source {
        IpAddr::V6(source) if crate::inet6::is_link_local(source) => domain::input(world, came.below).ifindex,
        _ => 0,
    }
}

/// The vxlan that listens for a network on a link (`vxlan_vs_find_vni`). What came through a port of a routing domain
/// counts as come through the master.
#[inline]
fn find(world: &World, came: &Came, network: u32) -> Option<DeviceId> {
    let tunnels = &world.space(world[came.below].netns).ok()?.stack.tunnels;
    let external = came.terms.flags & (flag::EXTERNAL | flag::FILTER) == flag::EXTERNAL;
    let listeners = tunnels.listeners(came.key, &came.terms, if external { 0 } else { network });
    debug_assert!(came.terms.kind == &TYPE);
    listeners.iter().copied().find(|id| {
        let config = state(world, *id).map(|vxlan| &vxlan.config);
        let through = |lower: u32| domain::input(world, came.below).ifindex == lower;
        config.is_some_and(|config| !config.has(flag::LINK_LOCAL) || through(config.lower))
    })
}

/// What a header says beside its network: the type of what is inside if it is no Ethernet frame.
#[inline]
fn understand(flags: u32, header: &Header) -> Result<Option<u16>, Drop> {
    use vxlan::{flag as bit, next};
    let mut left = header.flags & !bit::NETWORK;
    let mut kind = None;
    if flags & flag::GPE != 0 {
        if left & bit::NEXT == 0 || left & (bit::VERSION | bit::OAM) != 0 {
            return Err(Drop::TunnelHeader);
        }
        kind = Some(match left as u8 {
            next::IPV4 => ethertype::IPV4,
            next::IPV6 => ethertype::IPV6,
            next::ETHERNET => wire::geneve::ETHERNET,
            _ => return Err(Drop::TunnelHeader),
        });
        left &= !(bit::NEXT | bit::NEXT_BITS);
    }
    if flags & flag::GBP != 0 {
        left &= !(bit::GROUP | bit::GROUP_BITS);
    }
    if left != 0 || header.reserved != 0 { Err(Drop::TunnelHeader) } else { Ok(kind) }
}

/// What a header says of a group.
#[inline]
fn options(flags: u32, header: &Header) -> (u16, Options) {
    use vxlan::flag::{GROUP, GROUP_BITS};
    match flags & flag::GBP != 0 && header.flags & GROUP != 0 {
        true => (bit::VXLAN_OPT, Options::Vxlan(header.flags & GROUP_BITS)),
        false => (0, Options::None),
    }
}

/// Learns that an address is behind a far end; false if it is none, or known to be elsewhere and may not move.
#[inline]
pub(super) fn learn(
    world: &mut World,
    id: DeviceId,
    mac: Mac,
    (address, ifindex): (IpAddr, u32),
    network: u32,
) -> bool {
    if !is_valid_ether_addr(&mac) {
        return false;
    }
    let now = world.now;
    let Some(vxlan) = state_mut(world, id) else { return true };
    let source = if vxlan.config.has(flag::EXTERNAL) { network } else { 0 };
    if let Some(entry) = vxlan.table.find(&mac, source, now) {
        if entry.first.address == address && entry.first.ifindex == ifindex {
            return true;
        }
        let moves = !entry.is_fixed();
        if moves {
            entries::migrate(world, id, (mac, source), address);
        }
        return moves;
    }
    let (port, own) = (vxlan.config.port, vxlan.config.network);
    let remote = Remote { address, port, network: own, ifindex };
    let wanted = entries::Wanted {
        mac,
        source: network,
        state: NUD_REACHABLE,
        flags: NTF_SELF,
        mode: NLM_F_EXCL | NLM_F_CREATE,
        by_user: false,
    };
    // A full table learns no more, and the frame goes on all the same.
    if world[id].is_up() {
        let _ = entries::update(world, id, &wanted, remote);
    }
    true
}
