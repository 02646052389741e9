//! Frames of a geneve that is controlled from outside: a route says both ends, the network, and what the headers have;
//! a bridge says the network alone, and such frames come back to this host, as in Linux.
//!
//! A time to live of 0 stays 0. Options lie between the header and what is carried; room for those that do not fit in
//! front of the frame is made by moving it.

use super::frames::{PORTS, ROUTED_TOS, is_whole, ways};
use super::{Config, HEADERS};
use crate::device::DeviceId;
use crate::frame::FrameId;
use crate::frame::metadata::Metadata;
use crate::host::encap::{Encap, Options};
use crate::host::tunnel::inside;
use crate::host::tunnel::send::{self, Journey, Outer};
use crate::host::tunnel::too_big;
use crate::link::bridge;
use crate::netns::NetnsId;
use crate::run::{Drop, Step};
use crate::world::World;
use rtnl::object::encap::flag;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use wire::{Geneve as Header, geneve};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// Bytes of the options of other tunnels, which are sent as zeroes.
const VXLAN: usize = 4;
const ERSPAN: usize = 12;

/// Sends a frame; if that fails it is still here. None if nobody says how it is sent.
pub(super) fn send(
    world: &mut World,
    id: DeviceId,
    netns: NetnsId,
    config: &Config,
    frame: FrameId,
) -> Option<Result<(), Drop>> {
    let encap = match world.run.pool.metadata(frame) {
        Metadata::Route(encap) => encap,
        Metadata::Bridge(network) => {
            let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            Arc::new(Encap::back(network.into(), nowhere, flag::KEY, Options::None))
        }
        _ => return None,
    };
    Some(send_as(world, (id, netns), config, frame, &encap))
}

fn send_as(
    world: &mut World,
    (id, netns): (DeviceId, NetnsId),
    config: &Config,
    frame: FrameId,
    encap: &Encap,
) -> Result<(), Drop> {
    if !world.run.pool.insert_tag(frame) {
        return Err(Drop::NoPool);
    }
    let inside = inside::look(world.run.pool.bytes(frame));
    let length = world.run.pool.length(frame).saturating_sub(inside.head);
    if !is_whole(&inside, length) {
        return Err(Drop::TooShort);
    }
    let (remote, local) = (encap.destination, encap.source);
    let journey = Journey { netns, remote, local, oif: 0, tos: encap.tos & ROUTED_TOS };
    let way = send::way(world, id, &journey, ways).map_err(|_| Drop::NoRoute)?;
    if way.device == id {
        return Err(Drop::HopLimit);
    }
    let zeroes = [0; ERSPAN];
    let options = match &encap.options {
        Options::None => &[],
        Options::Geneve(bytes) => &bytes[..],
        Options::Vxlan(_) => &zeroes[..VXLAN],
        Options::Erspan(_) => &zeroes[..],
    };
    let ip = if remote.is_ipv4() { wire::ipv4::LENGTH } else { wire::ipv6::LENGTH };
    let mtu = way.mtu.saturating_sub((ip + ETHERNET + options.len()) as u32 + HEADERS);
    if length > mtu as usize && bridge::bridge_of(world, id).is_some() {
        if let Some(answer) = too_big::answer(world, frame, mtu) {
            world.forward(id, Step::Receive, answer);
            return Err(Drop::TooBig);
        }
    }
    let ethertype = if config.bare { inside.ethertype } else { geneve::ETHERNET };
    let mut header = [0; send::HEADER];
    let (oam, critical) = (encap.has(flag::OAM), encap.has(flag::CRIT_OPT));
    Header { oam, critical, ethertype, network: encap.network() }.emit(&mut header);
    header[0] |= (options.len() / 4) as u8;
    let outer = Outer {
        tos: inside::outer_tos(encap.tos, inside.tos),
        ttl: encap.ttl,
        whole: encap.has(flag::DONT_FRAGMENT),
        label: 0,
        sums: encap.has(flag::CSUM),
        source_port: inside::source_port(&inside, PORTS),
        port: config.port,
        header,
    };
    if config.bare {
        world.run.pool.pull(frame, ETHERNET);
    }
    let frame = put(world, frame, options)?;
    send::send_counted(world, id, &way, &outer, (frame, length));
    Ok(())
}

/// Puts options in front of a frame, which moves if it has no room for them.
fn put(world: &mut World, frame: FrameId, options: &[u8]) -> Result<FrameId, Drop> {
    if options.is_empty() || world.run.pool.push(frame, options) {
        return Ok(frame);
    }
    let mut room = world.run.room();
    room.extend_from_slice(options);
    room.extend_from_slice(world.run.pool.bytes(frame));
    let moved = world.run.pool.frame(&room);
    world.run.take_room(room);
    let moved = moved.ok_or(Drop::NoPool)?;
    let (hops, priority) = (world.run.pool.meta(frame).hops, world.run.pool.meta(frame).priority);
    let meta = world.run.pool.meta_mut(moved);
    (meta.hops, meta.priority) = (hops, priority);
    world.run.pool.release(frame);
    Ok(moved)
}
