//! Frames that leave through a vxlan (`vxlan_xmit`, `vxlan_xmit_one`).
//!
//! The table names the far ends of a frame's address, or the default entry those of all others. To each of them goes
//! a copy, in a packet of the namespace in which the vxlan was made. A far end that is this host itself is another
//! vxlan here: the frame goes there without a packet.

use super::near::Far;
use super::table::Remote;
use super::{Config, Vxlan, answer, external, flag, networks, overhead, overhead_over, receive};
use super::{state, state_mut};
use crate::device::{DeviceId, Mac};
use crate::frame::metadata::Metadata;
use crate::frame::{FrameId, PacketKind};
use crate::host::tunnel::Terms;
use crate::host::tunnel::burst::{self, Burst};
use crate::host::tunnel::inside::{self, Inside};
use crate::host::tunnel::send::{self, Journey, Outer, Way, Ways};
use crate::host::tunnel::template::Template;
use crate::host::tunnel::too_big;
use crate::link::bridge;
use crate::netns::NetnsId;
use crate::run::{Batch, Drop, Step};
use crate::world::World;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{Vxlan as Header, ethertype, vxlan};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// The ports that packets come from if no range is set (`net.ipv4.ip_local_port_range`).
pub(super) const PORTS: (u16, u16) = (32_768, 60_999);
/// The value of a type of service that says: that of what is inside.
const INHERIT: u8 = 1;
/// The bits of the type of service that routes look at.
pub(super) const ROUTED_TOS: u8 = 0x1e;

/// A frame on its way out.
pub(super) struct Leaving<'c> {
    pub id: DeviceId,
    pub netns: NetnsId,
    /// The routing domain of its packets, as the vxlan has it.
    pub domain: u32,
    pub config: &'c Config,
    pub frame: FrameId,
    pub inside: Inside,
    /// The network that somebody above said; 0 where the settings say it.
    pub network: u32,
    /// It was sent to a neighbour past the router.
    short: bool,
}

/// Sends frames.
pub(super) fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let Some(vxlan) = state(world, id) else { return };
    let netns = vxlan.netns;
    if vxlan.table.is_far() {
        let address = |frame: &FrameId| world.run.pool.bytes(*frame).first_chunk().map(address_of);
        let near = batch.frames().iter().filter_map(address).map(|address| vxlan.table.touch(address, 0));
        std::hint::black_box(near.fold(0, |all, one| all ^ one));
    }
    let long = |world: &mut World, frame| send_long(world, id, frame);
    burst::send_all(world, (id, netns), batch, Known::default, send_quick, long);
}

/// The address at the front of a frame, in the upper six bytes.
#[inline]
fn address_of(bytes: &[u8; 8]) -> u64 {
    u64::from_be_bytes(*bytes) & !0xffff
}

/// The way that the last frame took: most of a batch take the same.
#[derive(Default)]
struct Known {
    /// An address, and the far end behind it.
    to: Option<(u64, Far)>,
    way: Option<KnownWay>,
}

struct KnownWay {
    far: Far,
    /// The type of service that was asked for.
    tos: u8,
    /// What the headers took over from what is inside, and which bits of it.
    taken: (u32, u32),
    way: Way,
    outer: Outer,
    template: Template,
    /// The ports that packets come from.
    ports: (u16, u16),
    /// The most that a packet carries, the Ethernet header inside left out.
    most: usize,
}

impl Known {
    /// Takes the way to a far end for what is inside, if it is known.
    #[cold]
    fn turn_to(&mut self, world: &mut World, vxlan: &mut Vxlan, far: Far, inside: &Inside) {
        let Vxlan { netns, domain, config, ways, table, .. } = vxlan;
        let tos = if config.tos == INHERIT { inside.tos } else { config.tos };
        if self.way.as_ref().is_none_or(|known| known.far != far || known.tos != tos & ROUTED_TOS) {
            self.way = None;
            let Some(remote) = table.remote(far) else { return };
            let Some(way) = ways.get(world, &journey((*netns, *domain), config, remote, tos)) else { return };
            let Some(outer) = headers(config, remote, 0) else { return };
            let most = way.mtu.saturating_sub(overhead(config)) as usize;
            let (template, ports) = (Template::new(&way, &outer), ports(config));
            let tos = tos & ROUTED_TOS;
            self.way = Some(KnownWay { far, tos, taken: (0, 0), way, outer, template, ports, most });
        }
        if let Some(KnownWay { taken, way, outer, template, .. }) = &mut self.way {
            fit(outer, config, inside, way, tos);
            template.fit(way, outer);
            let bits = inside::taken(config.tos == INHERIT, config.has(flag::TTL_INHERIT), config.df);
            *taken = (inside.taken_over(), bits);
        }
    }
}

/// Sends a frame over a known way to the only far end of its address; false if it needs a closer look.
#[inline]
fn send_quick(
    world: &mut World,
    vxlan: &mut Vxlan,
    known: &mut Known,
    burst: &mut Burst,
    frame: FrameId,
) -> bool {
    let pool = &world.run.pool;
    let bytes = pool.bytes(frame);
    let config = &vxlan.config;
    if config.has(flag::EXTERNAL | flag::GPE)
        || pool.meta(frame).tag.is_some()
        || pool.meta(frame).nested
        || config.has(flag::PROXY) && answer::is_question(bytes)
    {
        return false;
    }
    let Some(to) = bytes.first_chunk().map(address_of) else { return false };
    let far = match known.to {
        Some((address, far)) if address == to => far,
        _ => {
            let (table, now) = (&mut vxlan.table, world.now);
            let far = table.far(to, 0, now).or_else(|| table.far(0, 0, now));
            let Some(far) = far else { return false };
            known.to = Some((to, far));
            far
        }
    };
    if far.needs_closer_look() {
        return false;
    }
    let inside = inside::look(bytes);
    let length = bytes.len().saturating_sub(inside.head);
    let same = |known: &KnownWay| {
        let (taken, bits) = known.taken;
        known.far == far && (taken ^ inside.taken_over()) & bits == 0
    };
    if !known.way.as_ref().is_some_and(same) {
        known.turn_to(world, vxlan, far, &inside);
    }
    let Some(KnownWay { template, ports, most, .. }) = &known.way else { return false };
    let port = inside::source_port(&inside, *ports);
    length <= *most && burst.send(world, template, port, (frame, length))
}

/// Sends a frame that needs a closer look.
#[cold]
fn send_long(world: &mut World, id: DeviceId, frame: FrameId) {
    let Some(vxlan) = state(world, id) else {
        return world.discard(Some(id), frame, Drop::DeviceGone);
    };
    let (netns, domain, mut config) = (vxlan.netns, vxlan.domain, vxlan.config.clone());
    if config.has(flag::EXTERNAL) {
        // Whoever sends through it says whether packets may be cut.
        config.df = 0;
    }
    let Some(inside) = inside::insert_tag(&mut world.run.pool, frame) else {
        world[id].counters.tx_dropped += 1;
        return world.discard(Some(id), frame, Drop::NoPool);
    };
    send_frame(
        world,
        Leaving { id, netns, domain, config: &config, frame, inside, network: 0, short: false },
    );
}

/// Where packets to a far end are to go, in the routing domain in which the vxlan listens if the far end names no link.
#[inline]
fn journey((netns, domain): (NetnsId, u32), config: &Config, remote: &Remote, tos: u8) -> Journey {
    let oif = if remote.ifindex == 0 { domain } else { remote.ifindex };
    Journey { netns, remote: remote.address, local: config.local, oif, tos: tos & ROUTED_TOS }
}

fn send_frame(world: &mut World, mut leaving: Leaving<'_>) {
    let Leaving { id, config, frame, .. } = leaving;
    if config.has(flag::EXTERNAL) {
        match world.run.pool.metadata(frame) {
            Metadata::Bridge(network) => leaving.network = network,
            Metadata::Route(encap) => {
                leaving.network = encap.network();
                return external::send(world, &leaving, &encap);
            }
            // Nobody says where it goes.
            _ => return world.discard(Some(id), frame, Drop::TunnelMetadata),
        }
    }
    let network = leaving.network;
    if config.has(flag::PROXY) && answer::is_question(world.run.pool.bytes(frame)) {
        return answer::answer(world, id, config, (frame, network));
    }
    let to = world.run.pool.destination(frame);
    let mut found = find(world, id, &to, network);
    if config.has(flag::RSC) && found.is_some_and(|found| found.router) {
        leaving.short = answer::cut_short(world, id, config, frame);
        if leaving.short {
            let to = world.run.pool.destination(frame);
            found = find(world, id, &to, network);
        }
    }
    match found.or_else(|| find(world, id, &[0; 6], network)) {
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

/// What is known of an address.
#[derive(Clone, Copy)]
struct Found {
    /// The first far end.
    first: Remote,
    /// There are others.
    more: bool,
    router: bool,
}

fn find(world: &mut World, id: DeviceId, mac: &Mac, network: u32) -> Option<Found> {
    let now = world.now;
    let entry = state_mut(world, id)?.table.find(mac, network, now)?;
    Some(Found { first: entry.first, more: !entry.more.is_empty(), router: entry.is_router() })
}

/// Sends a copy to each far end of an entry, to the first one last.
fn send_to_all(world: &mut World, leaving: Leaving<'_>, entry: Mac) {
    let remote = |world: &World, at: usize| {
        let vxlan: &Vxlan = state(world, leaving.id)?;
        vxlan.table.get(&vxlan.key(&entry, leaving.network))?.remotes().nth(at).copied()
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
    networks::count(world, leaving.id, leaving.network, |counters| counters.tx_dropped += 1);
    world.discard(Some(leaving.id), leaving.frame, reason);
}

/// A frame cannot be sent.
pub(super) fn fail(world: &mut World, leaving: &Leaving<'_>, reason: Drop) {
    world[leaving.id].counters.errors.tx_errors += 1;
    networks::count(world, leaving.id, leaving.network, |counters| counters.tx_errors += 1);
    world.discard(Some(leaving.id), leaving.frame, reason);
}

/// Sends a frame to a far end.
fn send_one(world: &mut World, leaving: &Leaving<'_>, remote: &Remote) {
    let Leaving { id, netns, domain, config, frame, inside, network, .. } = *leaving;
    if remote.address.is_unspecified() {
        // It is for somebody at this end of the network.
        return match leaving.short {
            true => bypass(world, id, id, frame, Some(config.network)),
            false => lose(world, leaving, Drop::TunnelNoRemote),
        };
    }
    let external = config.has(flag::EXTERNAL);
    let remote = &Remote { network: if remote.network == 0 { network } else { remote.network }, ..*remote };
    let tos = if config.tos == INHERIT { inside.tos } else { config.tos };
    let journey = journey((netns, domain), config, remote, tos);
    let way = match send::way(world, id, &journey, ways) {
        Ok(way) => way,
        Err(_) => {
            world[id].counters.errors.tx_carrier_errors += 1;
            return fail(world, leaving, Drop::NoRoute);
        }
    };
    if way.local && !external {
        return send_to_self(world, leaving, &Remote { ifindex: journey.oif, ..*remote });
    }
    if way.device == id {
        world[id].counters.errors.collisions += 1;
        return fail(world, leaving, Drop::HopLimit);
    }
    let whole = world.run.pool.length(frame);
    let length = whole.saturating_sub(inside.head);
    let mtu = way.mtu.saturating_sub(overhead_over(config, remote.address.is_ipv6()));
    if length > mtu as usize && bridge::bridge_of(world, id).is_some() {
        if let Some(answer) = too_big::answer(world, frame, mtu) {
            world.discard(Some(id), frame, Drop::TooBig);
            return bypass(world, id, id, answer, None);
        }
    }
    let Some(mut outer) = headers(config, remote, inside.ethertype) else {
        return fail(world, leaving, Drop::UnhandledProtocol);
    };
    fit(&mut outer, config, &inside, &way, tos);
    if config.has(flag::GPE) {
        world.run.pool.pull(frame, ETHERNET);
    }
    send::send_counted(world, id, &way, &outer, (frame, length));
    networks::count(world, id, network, |counters| counters.sent(whole));
}

pub(super) fn ways(world: &mut World, id: DeviceId) -> Option<&mut Ways> {
    state_mut(world, id).map(|vxlan| &mut vxlan.ways)
}

/// The headers of packets to a far end, as far as they are alike; none if what they carry (its type, where it is not
/// Ethernet) has no place in one.
pub(super) fn headers(config: &Config, remote: &Remote, ethertype: u16) -> Option<Outer> {
    let mut flags = vxlan::flag::NETWORK;
    if config.has(flag::GPE) {
        let next = match ethertype {
            ethertype::IPV4 => vxlan::next::IPV4,
            ethertype::IPV6 => vxlan::next::IPV6,
            _ => return None,
        };
        flags |= vxlan::flag::NEXT | u32::from(next);
    }
    let mut header = [0; send::HEADER];
    Header { flags, network: remote.network, reserved: 0 }.emit(&mut header)?;
    let v4 = remote.address.is_ipv4();
    Some(Outer {
        tos: 0,
        ttl: if config.ttl == 0 && remote.address.is_multicast() { 1 } else { config.ttl },
        whole: false,
        label: config.label,
        sums: !config.has(if v4 { flag::ZERO_SUM_TX } else { flag::ZERO_SUM6_TX }),
        source_port: 0,
        port: if remote.port == 0 { config.port } else { remote.port },
        header,
    })
}

/// Makes them those of one frame's packet.
#[inline]
fn fit(outer: &mut Outer, config: &Config, inside: &Inside, way: &Way, tos: u8) {
    if config.has(flag::TTL_INHERIT) {
        outer.ttl = inside.ttl;
    }
    if outer.ttl == 0 {
        outer.ttl = way.ttl;
    }
    outer.tos = inside::outer_tos(tos, inside.tos);
    outer.whole = inside::is_whole(config.df, inside);
    outer.source_port = inside::source_port(inside, ports(config));
}

/// The ports that packets come from.
fn ports(config: &Config) -> (u16, u16) {
    if config.ports.0 < config.ports.1 { config.ports } else { PORTS }
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

/// The vxlan with settings as ours that listens for a far end's network (`vxlan_find_vni`). The link that the far end
/// is behind counts as a routing domain, which it seldom is.
fn listener(world: &World, leaving: &Leaving<'_>, remote: &Remote, port: u16) -> Option<DeviceId> {
    let tunnels = &world.space(leaving.netns).ok()?.stack.tunnels;
    let terms = Terms { bound: remote.ifindex, ..state(world, leaving.id)?.terms() };
    let key = (remote.address.is_ipv6(), port);
    tunnels.listeners(key, &terms, remote.network).first().copied()
}

/// Hands a frame to a vxlan of this host, past all headers (`vxlan_encap_bypass`); with a network it is learned from.
#[cold]
pub(super) fn bypass(world: &mut World, from: DeviceId, to: DeviceId, frame: FrameId, network: Option<u32>) {
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
