//! Frames that leave through a geneve, and those that come in at its port (`geneve_xmit`, `geneve_udp_encap_recv`).

use super::{Config, Geneve, external, state};
use crate::device::{DeviceId, Mac};
use crate::frame::{FrameId, PacketKind};
use crate::host::consume;
use crate::host::encap::Options;
use crate::host::tunnel::alike::Alike;
use crate::host::tunnel::burst::{self, Burst};
use crate::host::tunnel::inside::{self, Inside};
use crate::host::tunnel::receive::{self, Came};
use crate::host::tunnel::send::{self, Journey, Outer, Way, Ways};
use crate::host::tunnel::template::Template;
use crate::host::tunnel::too_big;
use crate::link::bridge;
use crate::netns::NetnsId;
use crate::run::{Batch, Common, Drop, Step, mark, marks_of};
use crate::world::World;
use rtnl::object::encap::flag as bit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{Geneve as Header, GeneveView, ethertype, geneve};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// The ports that packets come from.
pub(super) const PORTS: (u16, u16) = (1, u16::MAX);
/// The value of a type of service that says: that of what is inside.
const INHERIT: u8 = 1;
/// The bits of the type of service that routes look at.
pub(super) const ROUTED_TOS: u8 = 0x1e;

/// Sends frames.
pub(super) fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let Some(netns) = state(world, id).map(|geneve| geneve.netns) else { return };
    let long = |world: &mut World, frame| send_long(world, id, frame);
    burst::send_all(world, (id, netns), batch, Known::default, send_quick, long);
}

/// The way that the last frame took.
#[derive(Default)]
struct Known {
    way: Option<KnownWay>,
}

struct KnownWay {
    /// The type of service that was asked for.
    tos: u8,
    /// What the headers took over from what is inside, and which bits of it.
    taken: (u32, u32),
    way: Way,
    outer: Outer,
    template: Template,
    /// The most that a packet carries, the Ethernet header inside left out.
    most: usize,
}

impl Known {
    /// Takes the way for what is inside, if it is known.
    #[cold]
    fn turn_to(&mut self, world: &mut World, geneve: &mut Geneve, inside: &Inside) {
        let Geneve { netns, config, ways } = geneve;
        let tos = if config.tos == INHERIT { inside.tos } else { config.tos };
        if self.way.as_ref().is_none_or(|known| known.tos != tos & ROUTED_TOS) {
            self.way = ways.get(world, &journey(*netns, config, tos)).map(|way| {
                let most = way.mtu.saturating_sub(config.overhead()) as usize;
                let outer = headers(config, geneve::ETHERNET);
                let template = Template::new(&way, &outer);
                KnownWay { tos: tos & ROUTED_TOS, taken: (0, 0), way, outer, template, most }
            });
        }
        if let Some(KnownWay { taken, way, outer, template, .. }) = &mut self.way {
            fit(outer, config, inside, way, tos);
            template.fit(way, outer);
            let bits = inside::taken(config.tos == INHERIT, config.inherits_ttl, config.df);
            *taken = (inside.taken_over(), bits);
        }
    }
}

/// Sends a frame over a known way; false if it needs a closer look.
#[inline]
fn send_quick(
    world: &mut World,
    geneve: &mut Geneve,
    known: &mut Known,
    burst: &mut Burst,
    frame: FrameId,
) -> bool {
    let config = &geneve.config;
    if config.external || config.bare || world.run.pool.meta(frame).tag.is_some() {
        return false;
    }
    let bytes = world.run.pool.bytes(frame);
    let inside = inside::look(bytes);
    let length = bytes.len().saturating_sub(inside.head);
    if !is_whole(&inside, length) {
        return false;
    }
    let same = |known: &KnownWay| (known.taken.0 ^ inside.taken_over()) & known.taken.1 == 0;
    if !known.way.as_ref().is_some_and(same) {
        known.turn_to(world, geneve, &inside);
    }
    let Some(KnownWay { template, most, .. }) = &known.way else { return false };
    let port = inside::source_port(&inside, PORTS);
    length <= *most && burst.send(world, template, port, (frame, length))
}

/// Sends a frame that needs a closer look.
#[cold]
fn send_long(world: &mut World, id: DeviceId, frame: FrameId) {
    let Some(Geneve { netns, config, .. }) = state(world, id) else {
        return world.discard(Some(id), frame, Drop::DeviceGone);
    };
    let (netns, config) = (*netns, config.clone());
    let sent = match config.external {
        true => external::send(world, id, netns, &config, frame),
        false => Some(send_frame(world, id, netns, &config, frame)),
    };
    let Some(sent) = sent else {
        world[id].counters.tx_dropped += 1;
        return world.discard(Some(id), frame, Drop::TunnelMetadata);
    };
    if let Err(reason) = sent {
        let counters = &mut world[id].counters;
        counters.errors.tx_errors += 1;
        counters.errors.tx_carrier_errors += u64::from(reason == Drop::NoRoute);
        counters.errors.collisions += u64::from(reason == Drop::HopLimit);
        world.discard(Some(id), frame, reason);
    }
}

/// Whether what is said to be in a frame is not cut off; so many bytes are behind its Ethernet header.
#[inline]
pub(super) fn is_whole(inside: &Inside, length: usize) -> bool {
    let least = match inside.ethertype {
        _ if inside.head > ETHERNET => 0,
        ethertype::IPV4 => wire::ipv4::LENGTH,
        ethertype::IPV6 => wire::ipv6::LENGTH,
        _ => 0,
    };
    length >= least
}

/// Where packets are to go.
#[inline]
fn journey(netns: NetnsId, config: &Config, tos: u8) -> Journey {
    let local = match config.remote {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    Journey { netns, remote: config.remote, local, oif: 0, tos: tos & ROUTED_TOS }
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
    let length = bytes.len().saturating_sub(inside.head);
    if bytes.len() < ETHERNET || !is_whole(&inside, length) {
        return Err(Drop::TooShort);
    }
    let tos = if config.tos == INHERIT { inside.tos } else { config.tos };
    let way = send::way(world, id, &journey(netns, config, tos), ways).map_err(|_| Drop::NoRoute)?;
    if way.device == id {
        return Err(Drop::HopLimit);
    }
    let mtu = way.mtu.saturating_sub(config.overhead());
    if length > mtu as usize && bridge::bridge_of(world, id).is_some() {
        if let Some(answer) = too_big::answer(world, frame, mtu) {
            world.forward(id, Step::Receive, answer);
            return Err(Drop::TooBig);
        }
    }
    let kind = if config.bare { inside.ethertype } else { geneve::ETHERNET };
    let mut outer = headers(config, kind);
    fit(&mut outer, config, &inside, &way, tos);
    if config.bare {
        world.run.pool.pull(frame, ETHERNET);
    }
    send::send_counted(world, id, &way, &outer, (frame, length));
    Ok(())
}

pub(super) fn ways(world: &mut World, id: DeviceId) -> Option<&mut Ways> {
    world.get_mut(id)?.private_mut().map(|geneve: &mut Geneve| &mut geneve.ways)
}

/// The headers of packets, as far as they are alike.
fn headers(config: &Config, ethertype: u16) -> Outer {
    let mut header = [0; send::HEADER];
    Header { oam: false, critical: false, ethertype, network: config.network }.emit(&mut header);
    let (label, sums, port) = (config.label, config.sums, config.port);
    Outer { tos: 0, ttl: config.ttl, whole: false, label, sums, source_port: 0, port, header }
}

/// Makes them those of one frame's packet.
#[inline]
fn fit(outer: &mut Outer, config: &Config, inside: &Inside, way: &Way, tos: u8) {
    if config.inherits_ttl {
        outer.ttl = inside.ttl;
    }
    if outer.ttl == 0 {
        outer.ttl = way.ttl;
    }
    outer.tos = inside::outer_tos(tos, inside.tos);
    outer.whole = inside::is_whole(config.df, inside);
    outer.source_port = inside::source_port(inside, PORTS);
}

/// Takes datagrams that have everything outside their own headers in common.
pub(super) fn receive(world: &mut World, came: &Came, batch: &mut Batch) {
    let mut arriving = Arriving { common: batch.common(), to: None, alike: None, out: world.run.spare() };
    // Every frame begins anew here.
    arriving.common.marks &= mark::BESIDE;
    for frame in batch.frames() {
        if arriving.take_quick(world, *frame).is_some() {
            continue;
        }
        if let Err(reason) = arriving.take(world, came, *frame) {
            consume(world, came.below, *frame, reason);
        }
    }
    batch.clear();
    arriving.end(world);
    world.run.put_back(arriving.out);
}

/// Frames for the geneve for which the last one was.
struct Arriving {
    common: Common,
    to: Option<Target>,
    /// The last one, if those that are like it need no closer look.
    alike: Option<Alike>,
    out: Box<Batch>,
}

/// Where a network leads.
#[derive(Clone, Copy)]
struct Target {
    network: u32,
    id: DeviceId,
    /// Packets may be inside without an Ethernet header.
    bare: bool,
    external: bool,
    wants_sums: bool,
    /// The geneve's own address.
    own: Mac,
}

impl Arriving {
    /// Takes a frame that is like the last one; none if it is not, and then nothing has happened to it.
    #[inline(always)]
    fn take_quick(&mut self, world: &mut World, frame: FrameId) -> Option<()> {
        let alike = self.alike.as_ref()?;
        let inner = alike.look(world.run.pool.bytes(frame))?;
        alike.take(&mut world.run.pool, inner, frame, &mut self.out);
        Some(())
    }

    /// Takes everything outside off a frame, and puts it to those for its geneve.
    #[inline]
    fn take(&mut self, world: &mut World, came: &Came, frame: FrameId) -> Result<(), Drop> {
        let payload = world.run.pool.bytes(frame).get(came.at..).unwrap_or_default();
        let view = GeneveView::new(payload).map_err(|malformed| match malformed {
            wire::Malformed::Version => Drop::TunnelHeader,
            _ => Drop::TooShort,
        })?;
        let (kind, critical, length) = (view.ethertype(), view.is_critical(), view.header_length());
        let to = match self.to {
            Some(to) if to.network == view.network() => to,
            _ => {
                let network = view.network();
                self.turn_to(world, came, network)?
            }
        };
        if came.unsummed && came.key.0 && to.wants_sums {
            return Err(Drop::BadChecksum);
        }
        if !to.bare && kind != geneve::ETHERNET {
            world[to.id].counters.rx_dropped += 1;
            return Err(Drop::UnhandledProtocol);
        }
        let metadata = to.external.then(|| metadata(world.run.pool.bytes(frame), came.at));
        let plain = kind == geneve::ETHERNET && !critical && length == geneve::LENGTH;
        let alike = Alike::new(world.run.pool.bytes(frame), came.at, &to.own);
        world.run.pool.unwrap(frame, came.at + length);
        if critical && !to.external {
            world[to.id].counters.errors.rx_frame_errors += 1;
            world[to.id].counters.errors.rx_errors += 1;
            return Err(Drop::TunnelHeader);
        }
        check_ethernet(world, &to, kind, frame)?;
        came.tell_congestion(world, to.id, frame)?;
        if kind != geneve::ETHERNET {
            world.run.pool.meta_mut(frame).kind = PacketKind::Host;
        }
        if let Some(metadata) = metadata {
            came.note_network(world, frame, to.network, metadata);
        }
        self.out.marks |= marks_of(world.run.pool.meta(frame));
        self.out.push(frame, world.run.pool.length(frame));
        // A frame of a device that is controlled from outside keeps what it came through.
        self.alike = alike.filter(|_| plain && !to.external && !came.tells_congestion());
        Ok(())
    }

    /// Finds out where a network leads.
    #[cold]
    fn turn_to(&mut self, world: &mut World, came: &Came, network: u32) -> Result<Target, Drop> {
        self.end(world);
        let id = find(world, came, network).ok_or(Drop::TunnelNetwork)?;
        let Config { bare, external, wants_sums, .. } = state(world, id).ok_or(Drop::TunnelNetwork)?.config;
        let to = Target { network, id, bare, external, wants_sums, own: world[id].address };
        self.to = Some(to);
        self.out.begin(self.common);
        Ok(to)
    }

    /// Counts what is for the geneve, and puts it before it.
    fn end(&mut self, world: &mut World) {
        self.alike = None;
        let Some(to) = self.to.take().filter(|_| !self.out.is_empty()) else { return };
        receive::count(world, to.id, &self.out);
        world.forward_all(to.id, Step::Receive, &mut self.out);
    }
}

/// What a header says beside its network to whoever answers; the options only of a question of ARP, which alone is
/// answered so.
fn metadata(bytes: &[u8], at: usize) -> (u16, Options) {
    let Ok(view) = GeneveView::new(bytes.get(at..).unwrap_or_default()) else { return (0, Options::None) };
    let flags = [(view.is_oam(), bit::OAM), (view.is_critical(), bit::CRIT_OPT)];
    let flags = flags.into_iter().filter(|(on, _)| *on).fold(0, |flags, (_, bit)| flags | bit);
    match inside::is_arp(view.payload()) {
        true => (flags | bit::GENEVE_OPT, Options::of_geneve(view.options())),
        false => (flags, Options::None),
    }
}

/// Looks at the Ethernet header of a frame; what has none gets one, for every frame here begins with it.
#[inline]
fn check_ethernet(world: &mut World, to: &Target, kind: u16, frame: FrameId) -> Result<(), Drop> {
    if kind != geneve::ETHERNET {
        return receive::put_ethernet(world, frame, kind);
    }
    if world.run.pool.length(frame) < ETHERNET {
        world[to.id].counters.rx_dropped += 1;
        return Err(Drop::TooShort);
    }
    if world.run.pool.source(frame) == to.own {
        world[to.id].counters.errors.rx_errors += 1;
        return Err(Drop::OwnFrame);
    }
    Ok(())
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
