//! The way of a tunnel's packets in: datagrams of UDP to a port at which devices listen (`udp_queue_rcv_skb` and
//! `encap_rcv`).
//!
//! They come here from the host stack once it has found that a packet is for the host. What it found is remembered
//! for packets with the same addresses, as a way out is (`send`), and those take the short way (`arrivals`).

use super::{Port, PortKey, Terms, inside};
use crate::device::DeviceId;
use crate::frame::FrameId;
use crate::frame::metadata::{self, Metadata};
use crate::host::encap::Options;
use crate::host::{consume, domain};
use crate::run::{Batch, Common, Drop, marks_of};
use crate::world::World;
use rtnl::object::encap::flag;
use std::net::IpAddr;
use wire::{Ipv4View, Ipv6View, Sum, UdpView, checksum, ethertype, protocol};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// Addresses of packets that are remembered to be for the host.
const REMEMBERED: usize = 64;

/// A datagram that came for devices; the frame begins with the Ethernet header outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Came {
    /// The link that it came in through.
    pub below: DeviceId,
    pub source: IpAddr,
    /// The type of service outside.
    pub tos: u8,
    /// Where it came to, and on what terms.
    pub key: PortKey,
    pub terms: Terms,
    /// Where in the frame its payload begins.
    pub at: usize,
    /// It bears no checksum.
    pub unsummed: bool,
}

impl Came {
    /// Whether it tells anything of congestion.
    #[inline]
    pub(crate) fn tells_congestion(&self) -> bool {
        self.tos & inside::ECN != 0
    }

    /// Tells those inside of congestion outside; a frame that may not be told is counted and dropped.
    #[inline]
    pub(crate) fn tell_congestion(
        &self,
        world: &mut World,
        id: DeviceId,
        frame: FrameId,
    ) -> Result<(), Drop> {
        if !self.tells_congestion() {
            return Ok(());
        }
        let bytes = world.run.pool.bytes_mut(frame);
        if bytes.is_some_and(|bytes| inside::tell_congestion(self.tos, bytes)) {
            return Ok(());
        }
        let errors = &mut world[id].counters.errors;
        errors.rx_frame_errors += 1;
        errors.rx_errors += 1;
        Err(Drop::TunnelCongestion)
    }

    /// Notes on a frame for a device that is controlled from outside which network it came through; on a question of
    /// ARP also what else its answer goes back by.
    pub(crate) fn note_network(
        &self,
        world: &mut World,
        frame: FrameId,
        network: u32,
        (flags, options): (u16, Options),
    ) {
        let pool = &mut world.run.pool;
        let metadata = match inside::is_arp(pool.bytes(frame)) {
            true => {
                let sum = if self.unsummed { 0 } else { flag::CSUM };
                let flags = flags | flag::KEY | sum;
                Metadata::From(metadata::From { network, far: self.source, flags, options })
            }
            false => Metadata::Came(network),
        };
        pool.set_metadata(frame, metadata);
    }
}

/// Puts an Ethernet header on a packet that came without one, for every frame here begins with it.
pub(crate) fn put_ethernet(world: &mut World, frame: FrameId, kind: u16) -> Result<(), Drop> {
    let mut head = [0; ETHERNET];
    head[12..].copy_from_slice(&kind.to_be_bytes());
    if world.run.pool.push(frame, &head) { Ok(()) } else { Err(Drop::NoPool) }
}

/// Counts frames that came for a device, without their Ethernet headers; tells the packets and bytes.
pub(crate) fn count(world: &mut World, id: DeviceId, batch: &Batch) -> (u64, u64) {
    let packets = batch.len() as u64;
    let bytes = batch.bytes().0 - packets * ETHERNET as u64;
    let counters = &mut world[id].counters;
    counters.rx_packets += packets;
    counters.rx_bytes += bytes;
    (packets, bytes)
}

/// What is remembered of packets: in which epoch, the link, their addresses and type of service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Local {
    epoch: u64,
    below: DeviceId,
    source: IpAddr,
    destination: IpAddr,
    tos: u8,
}

impl Local {
    pub(super) fn new(
        world: &World,
        below: DeviceId,
        (source, destination): (IpAddr, IpAddr),
        tos: u8,
    ) -> Local {
        Local { epoch: world.run.epoch, below, source, destination, tos }
    }

    /// Whether such packets were for the host in this epoch.
    pub(super) fn is_known(&self, world: &World) -> bool {
        let space = world.space(world[self.below].netns);
        space.is_ok_and(|space| space.stack.tunnels.locals.knows(self))
    }
}

/// The addresses of packets that were for the host.
#[derive(Default)]
pub(super) struct Locals {
    slots: Vec<Option<Local>>,
}

impl Locals {
    fn place(source: IpAddr) -> usize {
        let low = match source {
            IpAddr::V4(source) => u32::from(source),
            IpAddr::V6(source) => source.to_bits() as u32,
        };
        (low ^ low >> 8) as usize % REMEMBERED
    }

    fn knows(&self, local: &Local) -> bool {
        self.slots.get(Self::place(local.source)).is_some_and(|slot| slot.as_ref() == Some(local))
    }

    fn remember(&mut self, local: Local) {
        if self.slots.is_empty() {
            self.slots.resize(REMEMBERED, None);
        }
        if let Some(slot) = self.slots.get_mut(Self::place(local.source)) {
            *slot = Some(local);
        }
    }
}

/// Whether devices listen in the namespace of a device at all.
#[inline]
pub(super) fn listens(world: &World, id: DeviceId) -> bool {
    world.space(world[id].netns).is_ok_and(|space| !space.stack.tunnels.ports.is_empty())
}

/// Takes a packet of IPv4 that is for this host, if it is a datagram for devices. `remember` is for those that went to
/// the host alone.
pub(crate) fn take4(world: &mut World, id: DeviceId, frame: FrameId, remember: bool) -> bool {
    if !listens(world, id) {
        return false;
    }
    let Some(packet) = world.run.pool.bytes(frame).get(ETHERNET..) else { return false };
    let Ok(view) = Ipv4View::new(packet) else { return false };
    if view.protocol() != protocol::UDP || view.is_fragment() {
        return false;
    }
    let Ok(datagram) = UdpView::new(view.payload()) else { return false };
    let key = (false, datagram.destination_port());
    let (source, destination) = (view.source(), view.destination());
    let Some(terms) = terms(world, id, key, IpAddr::from(destination)) else { return false };
    let pseudo = checksum::pseudo_v4(source, destination, protocol::UDP, datagram.length());
    let (source, destination) = (IpAddr::V4(source), IpAddr::V4(destination));
    let (tos, at) = (view.tos(), ETHERNET + view.header_length() + wire::udp::LENGTH);
    let came = Came { below: id, source, tos, key, terms, at, unsummed: datagram.checksum() == 0 };
    let (right, end) = (datagram.checksum_is_right(pseudo), came.at + datagram.payload().len());
    take(world, &came, destination, (right, end), remember, frame)
}

/// The same as [`take4`] for IPv6.
pub(crate) fn take6(world: &mut World, id: DeviceId, frame: FrameId, remember: bool) -> bool {
    if !listens(world, id) {
        return false;
    }
    let Some(packet) = world.run.pool.bytes(frame).get(ETHERNET..) else { return false };
    let Ok(view) = Ipv6View::new(packet) else { return false };
    let Ok(carried) = view.carried() else { return false };
    if carried.protocol != protocol::UDP || carried.fragment.is_some() {
        return false;
    }
    let Ok(datagram) = UdpView::new(carried.payload) else { return false };
    let key = (true, datagram.destination_port());
    let (source, destination) = (view.source(), view.destination());
    let Some(terms) = terms(world, id, key, IpAddr::from(destination)) else { return false };
    let pseudo: Sum = checksum::pseudo_v6(source, destination, protocol::UDP, datagram.length());
    let (source, destination) = (IpAddr::V6(source), IpAddr::V6(destination));
    let (tos, at) = (view.traffic_class(), ETHERNET + carried.at + wire::udp::LENGTH);
    let came = Came { below: id, source, tos, key, terms, at, unsummed: datagram.checksum() == 0 };
    let (right, end) = (datagram.checksum_is_right(pseudo), came.at + datagram.payload().len());
    take(world, &came, destination, (right, end), remember, frame)
}

/// Takes a packet that was put together from fragments, or came back from the host itself.
pub(crate) fn take_whole(world: &mut World, id: DeviceId, packet: &[u8]) -> bool {
    if !listens(world, id) {
        return false;
    }
    let v4 = packet.first().is_some_and(|first| first >> 4 == 4);
    let Some(frame) = world.run.pool.blank(ETHERNET + packet.len()) else { return false };
    if let Some(bytes) = world.run.pool.bytes_mut(frame) {
        let kind = if v4 { ethertype::IPV4 } else { ethertype::IPV6 };
        bytes[..ETHERNET - 2].fill(0);
        bytes[ETHERNET - 2..ETHERNET].copy_from_slice(&kind.to_be_bytes());
        bytes[ETHERNET..].copy_from_slice(packet);
    }
    let taken = if v4 { take4(world, id, frame, false) } else { take6(world, id, frame, false) };
    if !taken {
        consume(world, id, frame, Drop::Consumed);
    }
    taken
}

/// On what terms devices listen at a port for what comes in through a device and goes to an address of the host.
#[inline]
pub(super) fn terms(world: &World, id: DeviceId, key: PortKey, destination: IpAddr) -> Option<Terms> {
    let ports: &[Port] = world.space(world[id].netns).ok()?.stack.tunnels.ports.get(&key)?;
    let input = match destination {
        IpAddr::V4(destination) => domain::input4(world, id, destination),
        IpAddr::V6(_) => domain::input(world, id),
    };
    // A packet of a routing domain is not for who is bound to nothing (`net.ipv4.udp_l3mdev_accept` as it is at first).
    let hears = |bound| match bound {
        0 => input.port == 0,
        bound => bound == input.ifindex || bound == input.port,
    };
    ports.iter().find(|port| hears(port.terms.bound)).map(|port| port.terms)
}

/// Hands a datagram to the type that listens, its sum (whether it is right) and its end (in the frame) known.
#[inline]
fn take(
    world: &mut World,
    came: &Came,
    destination: IpAddr,
    (right, end): (bool, usize),
    remember: bool,
    frame: FrameId,
) -> bool {
    let Some(receive) = came.terms.kind.datagrams else { return false };
    if !right {
        consume(world, came.below, frame, Drop::BadChecksum);
        return true;
    }
    if remember {
        let local = Local::new(world, came.below, (came.source, destination), came.tos);
        let netns = world[came.below].netns;
        if let Ok(space) = world.space_mut(netns) {
            space.stack.tunnels.locals.remember(local);
        }
    }
    world.run.pool.truncate(frame, end);
    let mut batch = world.run.spare();
    let meta = world.run.pool.meta(frame);
    batch.begin(Common { hops: meta.hops, marks: marks_of(meta) });
    batch.push(frame, end);
    receive(world, came, &mut batch);
    world.run.put_back(batch);
    true
}
