//! Frames that come in at a vxlan's port (`vxlan_rcv`, `vxlan_snoop`).

use super::table::Remote;
use super::{TYPE, entries, flag, networks, state, state_mut};
use crate::device::{DeviceId, Mac, is_valid_ether_addr};
use crate::frame::{FrameId, PacketKind};
use crate::host::consume;
use crate::host::encap::Options;
use crate::host::tunnel::receive::{self, Came};
use crate::run::{Batch, Common, Drop, Step, mark, marks_of};
use crate::world::World;
use rtnl::message::{NLM_F_CREATE, NLM_F_EXCL};
use rtnl::object::encap::flag as bit;
use rtnl::object::neigh::{NTF_SELF, NUD_REACHABLE};
use std::net::IpAddr;
use wire::{Vxlan as Header, ethertype, vxlan};

const ETHERNET: usize = wire::ethernet::LENGTH;

/// Takes datagrams that have everything outside their own headers in common.
pub(super) fn receive(world: &mut World, came: &Came, batch: &mut Batch) {
    let mut arriving = Arriving { common: batch.common(), to: None, source: None, out: world.run.spare() };
    // Every frame begins anew here.
    arriving.common.marks &= mark::BESIDE;
    for frame in batch.frames() {
        if let Err(reason) = arriving.take(world, came, *frame) {
            consume(world, came.below, *frame, reason);
        }
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
    out: Box<Batch>,
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

impl Arriving {
    /// Takes everything outside off a frame, and puts it to those for its vxlan.
    #[inline]
    fn take(&mut self, world: &mut World, came: &Came, frame: FrameId) -> Result<(), Drop> {
        let payload = world.run.pool.bytes(frame).get(came.at..).unwrap_or_default();
        let header = Header::parse(payload).map_err(|_| Drop::TooShort)?;
        let to = match self.to {
            Some(to) if to.header == header => to,
            _ => self.turn_to(world, came, header)?,
        };
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
        Ok(())
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
            let ifindex = match came.source {
                IpAddr::V6(source) if crate::inet6::is_link_local(source) => world[came.below].ifindex,
                _ => 0,
            };
            if !learn(world, to.id, mac, (came.source, ifindex), to.header.network) {
                return Err(Drop::TunnelFixed);
            }
            self.source = Some(mac);
        }
        Ok(())
    }

    /// Counts what is for the vxlan, and puts it before it.
    fn end(&mut self, world: &mut World) {
        let Some(to) = self.to.take().filter(|_| !self.out.is_empty()) else { return };
        let (packets, bytes) = receive::count(world, to.id, &self.out);
        networks::count(world, to.id, to.header.network, |counters| {
            counters.rx_packets += packets;
            counters.rx_bytes += bytes;
        });
        world.forward_all(to.id, Step::Receive, &mut self.out);
    }
}

/// The vxlan that listens for a network on a link (`vxlan_vs_find_vni`).
#[inline]
fn find(world: &World, came: &Came, network: u32) -> Option<DeviceId> {
    let below = &world[came.below];
    let tunnels = &world.space(below.netns).ok()?.stack.tunnels;
    let external = came.terms.flags & (flag::EXTERNAL | flag::FILTER) == flag::EXTERNAL;
    let listeners = tunnels.listeners(came.key, &came.terms, if external { 0 } else { network });
    debug_assert!(came.terms.kind == &TYPE);
    listeners.iter().copied().find(|id| {
        let config = state(world, *id).map(|vxlan| &vxlan.config);
        config.is_some_and(|config| !config.has(flag::LINK_LOCAL) || config.lower == below.ifindex)
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
