//! Frames that leave through a geneve, and those that come in at its port (`geneve_xmit`, `geneve_udp_encap_recv`).

use super::{Config, Geneve, state};
use crate::device::DeviceId;
use crate::frame::{FrameId, PacketKind, Tag};
use crate::host::consume;
use crate::host::tunnel::inside::{self, Inside};
use crate::host::tunnel::receive::Came;
use crate::host::tunnel::send::{self, Journey, Outer, Way};
use crate::host::tunnel::too_big;
use crate::link::bridge;
use crate::netns::NetnsId;
use crate::run::{Batch, Drop, Step};
use crate::world::World;
use rtnl::errno::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{Geneve as Header, GeneveView, ethertype, geneve};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// The ports that packets come from.
const PORTS: (u16, u16) = (1, u16::MAX);
/// The value of a type of service that says: that of what is inside.
const INHERIT: u8 = 1;
/// The bits of the type of service that routes look at.
const ROUTED_TOS: u8 = 0x1e;

/// Sends frames.
pub(super) fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let frames = std::mem::take(batch);
    let Some(Geneve { netns, config, .. }) = state(world, id) else { return *batch = frames };
    let (netns, config) = (*netns, config.clone());
    for frame in frames.frames() {
        if config.external {
            world[id].counters.tx_dropped += 1;
            world.discard(Some(id), *frame, Drop::TunnelMetadata);
        } else if let Err(reason) = send_frame(world, id, netns, &config, *frame) {
            let counters = &mut world[id].counters;
            counters.errors.tx_errors += 1;
            counters.errors.tx_carrier_errors += u64::from(reason == Drop::NoRoute);
            counters.errors.collisions += u64::from(reason == Drop::HopLimit);
            world.discard(Some(id), *frame, reason);
        }
    }
}

/// Sends a frame; if that fails it is still here.
fn send_frame(
    world: &mut World,
    id: DeviceId,
    netns: NetnsId,
    config: &Config,
    frame: FrameId,
) -> Result<(), Drop> {
    if !world.run.pool.insert_tag(frame) {
        return Err(Drop::NoPool);
    }
    let bytes = world.run.pool.bytes(frame);
    let inside = inside::look(bytes);
    let least = match u16::from_be_bytes([bytes[12], bytes[13]]) {
        ethertype::IPV4 => wire::ipv4::LENGTH,
        ethertype::IPV6 => wire::ipv6::LENGTH,
        _ => 0,
    };
    let length = bytes.len().saturating_sub(inside.head);
    if length < least {
        return Err(Drop::TooShort);
    }
    let tos = if config.tos == INHERIT { inside.tos } else { config.tos };
    let local = match config.remote {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let journey = Journey { netns, remote: config.remote, local, oif: 0, tos: tos & ROUTED_TOS };
    let way = way(world, id, &journey).map_err(|_| Drop::NoRoute)?;
    if way.device == id {
        return Err(Drop::HopLimit);
    }
    let mtu = way.mtu.saturating_sub(super::HEADERS + super::ETHERNET + config.ip_header());
    if length > mtu as usize && bridge::bridge_of(world, id).is_some() {
        if let Some(answer) = too_big::answer(world, frame, mtu) {
            world.forward(id, Step::Receive, answer);
            return Err(Drop::TooBig);
        }
    }
    let outer = outer(world, config, &way, frame, &inside, tos);
    if config.bare {
        world.run.pool.pull(frame, ETHERNET);
    }
    send::send_counted(world, id, &way, &outer, (frame, length));
    Ok(())
}

/// The way to the far end, remembered or found.
#[inline]
fn way(world: &mut World, id: DeviceId, journey: &Journey) -> Result<Way, Errno> {
    let epoch = world.run.epoch;
    if let Some(way) = state(world, id).and_then(|geneve| geneve.ways.get(epoch, journey)) {
        return Ok(way);
    }
    let way = send::find(world, journey)?;
    let epoch = world.run.epoch;
    if let Some(geneve) = world[id].private_mut::<Geneve>() {
        geneve.ways.remember(epoch, *journey, way);
    }
    Ok(way)
}

/// The headers of a frame's packet.
#[inline]
fn outer(world: &World, config: &Config, way: &Way, frame: FrameId, inside: &Inside, tos: u8) -> Outer {
    let ttl = if config.inherits_ttl { inside.ttl } else { config.ttl };
    let kind = if config.bare { inside.ethertype } else { geneve::ETHERNET };
    let mut header = [0; send::HEADER];
    Header { oam: false, critical: false, ethertype: kind, network: config.network }.emit(&mut header);
    Outer {
        tos: inside::outer_tos(tos, inside.tos),
        ttl: if ttl == 0 { way.ttl } else { ttl },
        whole: inside::is_whole(config.df, inside),
        label: config.label,
        sums: config.sums,
        source_port: inside::source_port(world.run.pool.bytes(frame), inside, PORTS),
        port: config.port,
        header,
    }
}

/// Takes a datagram.
pub(super) fn receive(world: &mut World, came: &Came, frame: FrameId) {
    match unpack(world, came, frame) {
        Ok(id) => world.forward(id, Step::Receive, frame),
        Err(reason) => consume(world, came.below, frame, reason),
    }
}

/// Takes everything outside off a frame; gives the geneve that it is for.
#[inline]
fn unpack(world: &mut World, came: &Came, frame: FrameId) -> Result<DeviceId, Drop> {
    let payload = world.run.pool.bytes(frame).get(came.at..).unwrap_or_default();
    let (kind, critical, network) = match GeneveView::new(payload) {
        Ok(view) => (view.ethertype(), view.is_critical(), view.network()),
        Err(wire::Malformed::Version) => return Err(Drop::TunnelHeader),
        Err(_) => return Err(Drop::TooShort),
    };
    let length = GeneveView::new(payload).map_or(geneve::LENGTH, |view| view.header_length());
    let id = find(world, came, network).ok_or(Drop::TunnelNetwork)?;
    let (bare, external, wants_sums) = state(world, id).map_or((false, false, false), |geneve| {
        (geneve.config.bare, geneve.config.external, geneve.config.wants_sums)
    });
    if came.unsummed && came.key.0 && wants_sums {
        return Err(Drop::BadChecksum);
    }
    if !bare && kind != geneve::ETHERNET {
        world[id].counters.rx_dropped += 1;
        return Err(Drop::UnhandledProtocol);
    }
    world.run.pool.pull(frame, came.at + length);
    if critical && !external {
        world[id].counters.errors.rx_frame_errors += 1;
        world[id].counters.errors.rx_errors += 1;
        return Err(Drop::TunnelHeader);
    }
    if kind == geneve::ETHERNET {
        if world.run.pool.length(frame) < ETHERNET {
            world[id].counters.rx_dropped += 1;
            return Err(Drop::TooShort);
        }
        if world.run.pool.source(frame) == world[id].address {
            world[id].counters.errors.rx_errors += 1;
            return Err(Drop::OwnFrame);
        }
    } else {
        let mut head = [0; ETHERNET];
        head[12..].copy_from_slice(&kind.to_be_bytes());
        if !world.run.pool.push(frame, &head) {
            return Err(Drop::NoPool);
        }
    }
    let told = world.run.pool.bytes_mut(frame).is_some_and(|bytes| inside::tell_congestion(came.tos, bytes));
    if !told {
        world[id].counters.errors.rx_frame_errors += 1;
        world[id].counters.errors.rx_errors += 1;
        return Err(Drop::TunnelCongestion);
    }
    let length = world.run.pool.length(frame) - ETHERNET;
    let counters = &mut world[id].counters;
    counters.rx_packets += 1;
    counters.rx_bytes += length as u64;
    let meta = world.run.pool.meta_mut(frame);
    meta.tag = Tag::NONE;
    meta.origin = None;
    meta.kind = if kind == geneve::ETHERNET { PacketKind::Auto } else { PacketKind::Host };
    Ok(id)
}

/// The geneve whose far end sent it, or the one for which that is decided outside (`geneve_lookup_skb`).
#[inline]
fn find(world: &World, came: &Came, network: u32) -> Option<DeviceId> {
    let netns = world[came.below].netns;
    let tunnels = &world.space(netns).ok()?.stack.tunnels;
    let is_from = |id: &DeviceId| {
        state(world, *id).is_some_and(|geneve| geneve.config.external || geneve.config.remote == came.source)
    };
    let of = |network| tunnels.listeners(came.key, &came.terms, network).iter().copied().find(is_from);
    of(network).or_else(|| of(0).filter(|id| state(world, *id).is_some_and(|geneve| geneve.config.external)))
}
