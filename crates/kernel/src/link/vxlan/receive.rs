//! Frames that come in at a vxlan's port (`vxlan_rcv`, `vxlan_snoop`).

use super::table::Remote;
use super::{TYPE, entries, flag, state, state_mut};
use crate::device::{DeviceId, Mac, is_valid_ether_addr};
use crate::frame::{FrameId, PacketKind, Tag};
use crate::host::tunnel::inside;
use crate::host::tunnel::receive::Came;
use crate::run::{Drop, Step};
use crate::world::World;
use rtnl::message::{NLM_F_CREATE, NLM_F_EXCL};
use rtnl::object::neigh::{NTF_SELF, NUD_REACHABLE};
use std::net::IpAddr;
use wire::{Vxlan as Header, ethertype, vxlan};

/// Takes a datagram.
pub(super) fn receive(world: &mut World, came: &Came, frame: FrameId) {
    match unpack(world, came, frame) {
        Ok(id) => world.forward(id, Step::Receive, frame),
        Err(reason) => crate::host::consume(world, came.below, frame, reason),
    }
}

/// Takes everything outside off a frame; gives the vxlan that it is for.
#[inline]
fn unpack(world: &mut World, came: &Came, frame: FrameId) -> Result<DeviceId, Drop> {
    let payload = world.run.pool.bytes(frame).get(came.at..).unwrap_or_default();
    let header = Header::parse(payload).map_err(|_| Drop::TooShort)?;
    if header.flags & vxlan::flag::NETWORK == 0 {
        return Err(Drop::TunnelHeader);
    }
    if came.unsummed && came.key.0 && came.terms.flags & flag::ZERO_SUM6_RX == 0 {
        return Err(Drop::BadChecksum);
    }
    let id = find(world, came, header.network).ok_or(Drop::TunnelNetwork)?;
    let kind = understand(came.terms.flags, &header)?;
    world.run.pool.pull(frame, came.at + vxlan::LENGTH);
    match kind {
        Some(kind) => put_ethernet(world, frame, kind)?,
        None => check_ethernet(world, id, came, frame, header.network)?,
    }
    let congested =
        world.run.pool.bytes_mut(frame).is_some_and(|bytes| inside::tell_congestion(came.tos, bytes));
    if !congested {
        world[id].counters.rx_frame_errors += 1;
        world[id].counters.rx_errors += 1;
        return Err(Drop::TunnelCongestion);
    }
    let device = &mut world[id];
    if !device.is_up() {
        device.counters.rx_dropped += 1;
        return Err(Drop::DeviceDown);
    }
    let length = world.run.pool.length(frame) - wire::ethernet::LENGTH;
    let counters = &mut world[id].counters;
    counters.rx_packets += 1;
    counters.rx_bytes += length as u64;
    let meta = world.run.pool.meta_mut(frame);
    meta.tag = Tag::NONE;
    meta.origin = None;
    meta.kind = if kind.is_some() { PacketKind::Host } else { PacketKind::Auto };
    Ok(id)
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

/// Every frame here begins with an Ethernet header, so a bare packet gets one.
fn put_ethernet(world: &mut World, frame: FrameId, kind: u16) -> Result<(), Drop> {
    let mut head = [0; wire::ethernet::LENGTH];
    head[12..].copy_from_slice(&kind.to_be_bytes());
    if world.run.pool.push(frame, &head) { Ok(()) } else { Err(Drop::NoPool) }
}

/// Looks at the addresses of a frame, and learns where they are (`vxlan_set_mac`).
#[inline]
fn check_ethernet(
    world: &mut World,
    id: DeviceId,
    came: &Came,
    frame: FrameId,
    network: u32,
) -> Result<(), Drop> {
    if world.run.pool.length(frame) < wire::ethernet::LENGTH {
        return Err(Drop::TooShort);
    }
    let mac = world.run.pool.source(frame);
    if mac == world[id].address {
        return Err(Drop::OwnFrame);
    }
    let learns = state(world, id).is_some_and(|vxlan| vxlan.config.has(flag::LEARN));
    let ifindex = match came.source {
        IpAddr::V6(source) if crate::inet6::is_link_local(source) => world[came.below].ifindex,
        _ => 0,
    };
    if learns && !learn(world, id, mac, (came.source, ifindex), network) {
        return Err(Drop::TunnelFixed);
    }
    Ok(())
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
    let Some(found) = vxlan.table.find(&mac, source, now) else {
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
        return true;
    };
    if found.first.address == address && found.first.ifindex == ifindex {
        return true;
    }
    if found.fixed {
        return false;
    }
    entries::migrate(world, id, (mac, source), address);
    true
}
