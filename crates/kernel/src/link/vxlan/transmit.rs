//! Frames that leave through a vxlan (`vxlan_xmit`, `vxlan_xmit_one`).
//!
//! The table names the far ends of a frame's address, or the default entry those of all others. To each of them goes
//! a copy, in a packet of the namespace in which the vxlan was made. A far end that is this host itself is another
//! vxlan here: the frame goes there without a packet.

use super::table::{Found, Remote};
use super::{Config, Vxlan, answer, flag, overhead, receive, state, state_mut};
use crate::device::{DeviceId, Mac};
use crate::frame::{FrameId, PacketKind};
use crate::host::tunnel::inside::{self, Inside};
use crate::host::tunnel::send::{self, Journey, Outer, Way};
use crate::host::tunnel::too_big;
use crate::link::bridge;
use crate::netns::NetnsId;
use crate::run::{Batch, Drop, Step};
use crate::world::World;
use rtnl::errno::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{Vxlan as Header, ethertype, vxlan};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// The ports that packets come from if no range is set (`net.ipv4.ip_local_port_range`).
const PORTS: (u16, u16) = (32_768, 60_999);
/// The value of a type of service that says: that of what is inside.
const INHERIT: u8 = 1;
/// The bits of the type of service that routes look at.
const ROUTED_TOS: u8 = 0x1e;

/// A frame on its way out.
struct Leaving<'c> {
    id: DeviceId,
    netns: NetnsId,
    config: &'c Config,
    frame: FrameId,
    inside: Inside,
    /// It was sent to a neighbour past the router.
    short: bool,
}

/// Sends frames.
pub(super) fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let frames = std::mem::take(batch);
    let Some(vxlan) = state(world, id) else { return *batch = frames };
    let (netns, config) = (vxlan.netns, vxlan.config.clone());
    for frame in frames.frames() {
        if !world.run.pool.insert_tag(*frame) {
            world[id].counters.tx_dropped += 1;
            world.discard(Some(id), *frame, Drop::NoPool);
            continue;
        }
        let inside = inside::look(world.run.pool.bytes(*frame));
        send_frame(world, Leaving { id, netns, config: &config, frame: *frame, inside, short: false });
    }
}

fn send_frame(world: &mut World, mut leaving: Leaving<'_>) {
    let Leaving { id, config, frame, .. } = leaving;
    if config.has(flag::EXTERNAL) {
        // Nothing says where it goes: that is said by who sends through it, and nobody here does.
        return world.discard(Some(id), frame, Drop::TunnelMetadata);
    }
    if config.has(flag::PROXY) && answer::is_question(world.run.pool.bytes(frame)) {
        return answer::answer(world, id, config, frame);
    }
    let now = world.now;
    let to = world.run.pool.destination(frame);
    let find = |world: &mut World, mac: &Mac| state_mut(world, id)?.table.find(mac, 0, now);
    let mut found = find(world, &to);
    if config.has(flag::RSC) && found.is_some_and(|found| found.router) {
        leaving.short = answer::cut_short(world, id, config, frame);
        if leaving.short {
            let to = world.run.pool.destination(frame);
            found = find(world, &to);
        }
    }
    match found.or_else(|| find(world, &[0; 6])) {
        Some(Found { first, more: false, .. }) => send_one(world, &leaving, &first),
        Some(_) => {
            let entry = if found.is_some() { world.run.pool.destination(frame) } else { [0; 6] };
            send_to_all(world, leaving, entry);
        }
        None => {
            if config.has(flag::L2MISS) && to[0] & 1 == 0 {
                super::entries::miss(world, id, to);
            }
            lose(world, &leaving, Drop::TunnelNoRemote);
        }
    }
}

/// Sends a copy to each far end of an entry, to the first one last.
fn send_to_all(world: &mut World, leaving: Leaving<'_>, entry: Mac) {
    let remote = |world: &World, at: usize| {
        let vxlan: &Vxlan = state(world, leaving.id)?;
        vxlan.table.get(&vxlan.key(&entry, 0))?.remotes().nth(at).copied()
    };
    let mut at = 1;
    while let Some(far) = remote(world, at) {
        if let Some(copy) = world.run.pool.share(leaving.frame) {
            send_one(world, &Leaving { frame: copy, ..leaving }, &far);
        }
        at += 1;
    }
    match remote(world, 0) {
        Some(first) => send_one(world, &leaving, &first),
        None => lose(world, &leaving, Drop::TunnelNoRemote),
    }
}

/// A frame is lost here.
fn lose(world: &mut World, leaving: &Leaving<'_>, reason: Drop) {
    world[leaving.id].counters.tx_dropped += 1;
    world.discard(Some(leaving.id), leaving.frame, reason);
}

/// A frame cannot be sent.
fn fail(world: &mut World, leaving: &Leaving<'_>, reason: Drop) {
    world[leaving.id].counters.errors.tx_errors += 1;
    world.discard(Some(leaving.id), leaving.frame, reason);
}

/// Sends a frame to a far end.
fn send_one(world: &mut World, leaving: &Leaving<'_>, remote: &Remote) {
    let Leaving { id, netns, config, frame, inside, .. } = *leaving;
    if remote.address.is_unspecified() {
        // It is for somebody at this end of the network.
        return match leaving.short {
            true => bypass(world, id, id, frame, Some(config.network)),
            false => lose(world, leaving, Drop::TunnelNoRemote),
        };
    }
    let tos = if config.tos == INHERIT { inside.tos } else { config.tos };
    let journey = Journey {
        netns,
        remote: remote.address,
        local: config.local,
        oif: remote.ifindex,
        tos: tos & ROUTED_TOS,
    };
    let way = match way(world, id, &journey) {
        Ok(way) => way,
        Err(_) => {
            world[id].counters.errors.tx_carrier_errors += 1;
            return fail(world, leaving, Drop::NoRoute);
        }
    };
    if way.local {
        return send_to_self(world, leaving, remote);
    }
    if way.device == id {
        world[id].counters.errors.collisions += 1;
        return fail(world, leaving, Drop::HopLimit);
    }
    let bytes = world.run.pool.bytes(frame);
    let length = bytes.len().saturating_sub(inside.head);
    let mtu = way.mtu.saturating_sub(overhead(config));
    if length > mtu as usize && bridge::bridge_of(world, id).is_some() {
        if let Some(answer) = too_big::answer(world, frame, mtu) {
            world.discard(Some(id), frame, Drop::TooBig);
            return bypass(world, id, id, answer, None);
        }
    }
    let Some(outer) = outer(world, leaving, &way, remote, tos) else {
        return fail(world, leaving, Drop::UnhandledProtocol);
    };
    if config.has(flag::GPE) {
        world.run.pool.pull(frame, ETHERNET);
    }
    send::send_counted(world, id, &way, &outer, (frame, length));
}

/// The way to a far end, remembered or found.
#[inline]
fn way(world: &mut World, id: DeviceId, journey: &Journey) -> Result<Way, Errno> {
    let epoch = world.run.epoch;
    if let Some(way) = state(world, id).and_then(|vxlan| vxlan.ways.get(epoch, journey)) {
        return Ok(way);
    }
    let way = send::find(world, journey)?;
    // What was found may have changed what was known of the neighbour.
    let epoch = world.run.epoch;
    if let Some(vxlan) = state_mut(world, id) {
        vxlan.ways.remember(epoch, *journey, way);
    }
    Ok(way)
}

/// The headers of a frame's packet; none if what it carries has no place in one.
#[inline]
fn outer(world: &World, leaving: &Leaving<'_>, way: &Way, remote: &Remote, tos: u8) -> Option<Outer> {
    let Leaving { config, inside, .. } = leaving;
    let bytes = world.run.pool.bytes(leaving.frame);
    let ttl = match config.ttl {
        _ if config.has(flag::TTL_INHERIT) => inside.ttl,
        0 if remote.address.is_multicast() => 1,
        ttl => ttl,
    };
    let mut flags = vxlan::flag::NETWORK;
    if config.has(flag::GPE) {
        let next = match inside.ethertype {
            ethertype::IPV4 => vxlan::next::IPV4,
            ethertype::IPV6 => vxlan::next::IPV6,
            _ => return None,
        };
        flags |= vxlan::flag::NEXT | u32::from(next);
    }
    let mut header = [0; send::HEADER];
    Header { flags, network: remote.network, reserved: 0 }.emit(&mut header)?;
    let range = if config.ports.0 < config.ports.1 { config.ports } else { PORTS };
    let v4 = remote.address.is_ipv4();
    Some(Outer {
        tos: inside::outer_tos(tos, inside.tos),
        ttl: if ttl == 0 { way.ttl } else { ttl },
        whole: inside::is_whole(config.df, inside),
        label: config.label,
        sums: !config.has(if v4 { flag::ZERO_SUM_TX } else { flag::ZERO_SUM6_TX }),
        source_port: inside::source_port(bytes, inside, range),
        port: if remote.port == 0 { config.port } else { remote.port },
        header,
    })
}

/// The far end is this host: the vxlan that listens there gets the frame (`encap_bypass_if_local`).
#[cold]
fn send_to_self(world: &mut World, leaving: &Leaving<'_>, remote: &Remote) {
    let port = if remote.port == 0 { leaving.config.port } else { remote.port };
    match listener(world, leaving, remote, port) {
        Some(other) => bypass(world, leaving.id, other, leaving.frame, Some(remote.network)),
        None => fail(world, leaving, Drop::TunnelNetwork),
    }
}

/// The vxlan with settings as ours that listens for a far end's network (`vxlan_find_vni`).
fn listener(world: &World, leaving: &Leaving<'_>, remote: &Remote, port: u16) -> Option<DeviceId> {
    let tunnels = &world.space(leaving.netns).ok()?.stack.tunnels;
    let terms = state(world, leaving.id)?.terms();
    let key = (remote.address.is_ipv6(), port);
    tunnels.listeners(key, &terms, remote.network).first().copied()
}

/// Hands a frame to a vxlan of this host, past all headers (`vxlan_encap_bypass`); with a network it is learned from.
#[cold]
fn bypass(world: &mut World, from: DeviceId, to: DeviceId, frame: FrameId, network: Option<u32>) {
    let length = world.run.pool.length(frame) as u64;
    if world.get(to).is_none_or(|device| !device.is_up()) {
        world[to].counters.rx_dropped += 1;
        return world.discard(Some(to), frame, Drop::DeviceDown);
    }
    let learns = state(world, to).is_some_and(|vxlan| vxlan.config.has(flag::LEARN));
    if let Some(network) = network.filter(|_| learns) {
        let v6 = state(world, from).is_some_and(|vxlan| vxlan.config.remote.is_ipv6());
        let itself = if v6 { IpAddr::V6(Ipv6Addr::LOCALHOST) } else { IpAddr::V4(Ipv4Addr::LOCALHOST) };
        let mac = world.run.pool.source(frame);
        receive::learn(world, to, mac, (itself, 0), network);
    }
    let sent = &mut world[from].counters;
    sent.tx_packets += 1;
    sent.tx_bytes += length;
    let received = &mut world[to].counters;
    received.rx_packets += 1;
    received.rx_bytes += length;
    world.run.pool.meta_mut(frame).kind = PacketKind::Host;
    world.forward(to, Step::Receive, frame);
}
