//! Frames of ipvlans: out of one, and through the device below to the right one (`drivers/net/ipvlan/ipvlan_core.c`).
//!
//! The IP address that a frame is for tells which ipvlan it is for; of ARP the address that is asked about, of a search
//! for duplicates in IPv6 the one that is looked for. In layer 2 what the port does not know goes out through the
//! device below, and group addresses go to all. In layer 3 it is handed to the routes of the namespace below, and
//! frames to group addresses go nowhere. With L3S what comes in is taken from the host stack below, not before it.
//!
//! A frame that stays inside counts its Ethernet header twice where it comes in, as in Linux.

use super::*;
use crate::frame::{FrameId, PacketKind};
use crate::host;
use crate::run::{Batch, Drop, Step};
use std::net::{Ipv4Addr, Ipv6Addr};
use wire::{ArpView, Ipv4View, Ipv6View, ethertype, protocol};

/// Bytes of the Ethernet header.
const ETHERNET: usize = wire::ethernet::LENGTH;
/// Ethernet's pause frames: they end here.
const PAUSE: u16 = 0x8808;
/// A neighbour is asked for (RFC 4861).
const NEIGHBOUR_SOLICITATION: u8 = 135;

/// Whose address is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Source,
    Destination,
}

/// What the port goes by in a frame: none if the frame is no IP and no ARP; the address may be none that it has.
fn address(world: &World, frame: FrameId, end: End) -> Option<Option<IpAddr>> {
    let payload = world.run.pool.bytes(frame).get(ETHERNET..)?;
    match world.run.pool.ethertype(frame) {
        ethertype::ARP => {
            let view = ArpView::new(payload).ok()?;
            let asked = if end == End::Source { view.sender_ip() } else { view.target_ip() };
            Some(Some(IpAddr::V4(asked)))
        }
        ethertype::IPV4 => {
            let view = Ipv4View::new(payload).ok()?;
            let ends: [Ipv4Addr; 2] = [view.source(), view.destination()];
            Some(Some(IpAddr::V4(ends[end as usize])))
        }
        ethertype::IPV6 => {
            let view = Ipv6View::new(payload).ok()?;
            if view.source().is_unspecified() && view.next_header() == protocol::ICMPV6 {
                return Some(solicited(view.payload()).map(IpAddr::V6));
            }
            let ends = [view.source(), view.destination()];
            Some(Some(IpAddr::V6(ends[end as usize])))
        }
        _ => None,
    }
}

/// The address that a search for duplicates is about.
fn solicited(message: &[u8]) -> Option<Ipv6Addr> {
    let target: [u8; 16] = message.get(8..24)?.try_into().ok()?;
    (message[0] == NEIGHBOUR_SOLICITATION).then(|| Ipv6Addr::from(target))
}

/// The ipvlan that is up and has the address at that end of a frame.
fn find(world: &World, below: DeviceId, frame: FrameId, end: End) -> Option<DeviceId> {
    let address = address(world, frame, end)??;
    let id = port(world, below)?.addresses.get(&address).copied()?;
    world.get(id).filter(|device| device.is_up()).map(|device| device.id)
}

/// Sends frames.
pub(in crate::link) fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let below = lower(world, id);
    let Some((below, mode)) = below.and_then(|below| Some((below, port(world, below)?.mode))) else {
        return;
    };
    for frame in batch.frames() {
        let length = world.run.pool.length(*frame) as u64;
        let sent = match mode {
            IPVLAN_MODE_L2 => transmit_frame(world, id, below, *frame),
            _ => transmit_packet(world, id, below, *frame),
        };
        let counters = &mut world[id].counters;
        if sent {
            counters.tx_packets += 1;
            counters.tx_bytes += length;
        } else {
            counters.tx_dropped += 1;
        }
    }
    batch.clear();
}

/// Gives a frame to the sibling that it is for, if siblings may see one another; says what became of it, if it is for
/// one.
fn to_sibling(world: &mut World, below: DeviceId, frame: FrameId) -> Option<bool> {
    let flags = port(world, below)?.flags;
    let sibling = find(world, below, frame, End::Destination).filter(|_| flags & IPVLAN_F_VEPA == 0)?;
    if flags & IPVLAN_F_PRIVATE != 0 {
        world.discard(Some(below), frame, Drop::IpvlanPrivate);
        return Some(false);
    }
    forward_inside(world, sibling, frame, false);
    Some(true)
}

/// Hands a frame to another device as if a cable were between (`dev_forward_skb`), and counts it there.
fn forward_inside(world: &mut World, to: DeviceId, frame: FrameId, multicast: bool) {
    let length = world.run.pool.length(frame);
    let fits = world[to].is_up() && length <= world[to].mtu as usize + 18;
    let counters = &mut world[to].counters;
    if !fits {
        counters.errors.rx_errors += 1;
        counters.rx_dropped += 2;
        return world.discard(Some(to), frame, Drop::TooBig);
    }
    counters.rx_packets += 1;
    counters.rx_bytes += (length + ETHERNET) as u64;
    counters.multicast += u64::from(multicast);
    world.run.pool.forget_metadata(frame);
    world.run.pool.meta_mut(frame).kind = PacketKind::Auto;
    world.forward(to, Step::Receive, frame);
}

/// Layer 2: to a sibling or the device below if the address is theirs, else out (`ipvlan_xmit_mode_l2`).
fn transmit_frame(world: &mut World, id: DeviceId, below: DeviceId, frame: FrameId) -> bool {
    let (source, target) = (world.run.pool.source(frame), world.run.pool.destination(frame));
    let vepa = port(world, below).is_some_and(|port| port.flags & IPVLAN_F_VEPA != 0);
    if !vepa && source == target {
        if let Some(sent) = to_sibling(world, below, frame) {
            return sent;
        }
        if !world[below].is_up() || world.run.pool.length(frame) > world[below].mtu as usize + 18 {
            world[below].counters.rx_dropped += 1;
            world.discard(Some(below), frame, Drop::TooBig);
            return true;
        }
        world.run.pool.forget_metadata(frame);
        world.run.pool.meta_mut(frame).kind = PacketKind::Auto;
        world.forward(below, Step::Receive, frame);
        return true;
    }
    if target[0] & 1 != 0 {
        if world.run.pool.ethertype(frame) == PAUSE {
            world.discard(Some(below), frame, Drop::UnhandledProtocol);
            return true;
        }
        spread(world, below, Some(id), frame);
    }
    let fits = world.run.pool.length(frame) <= world.longest(below, false);
    world.forward(below, Step::Transmit, frame);
    fits
}

/// Layer 3: to a sibling, else the way that the namespace below knows (`ipvlan_xmit_mode_l3`).
fn transmit_packet(world: &mut World, id: DeviceId, below: DeviceId, frame: FrameId) -> bool {
    if let Some(sent) = to_sibling(world, below, frame) {
        return sent;
    }
    if world.run.pool.destination(frame)[0] & 1 != 0 {
        world.discard(Some(below), frame, Drop::UnhandledProtocol);
        return false;
    }
    let routed = match world.run.pool.ethertype(frame) {
        ethertype::IPV4 => host::ipv4::send_frame(world, below, frame),
        ethertype::IPV6 => host::ipv6::send_frame(world, below, frame),
        _ => {
            world.discard(Some(below), frame, Drop::UnhandledProtocol);
            return false;
        }
    };
    if !routed {
        world[id].counters.errors.tx_errors += 1;
    }
    routed
}

/// Gives copies of a frame to a group address to the ipvlans that listen to it, all but one.
fn spread(world: &mut World, below: DeviceId, except: Option<DeviceId>, frame: FrameId) {
    let group = world.run.pool.destination(frame);
    let to_all = group == world[below].broadcast;
    let mut listeners = std::mem::take(&mut world.run.receivers);
    listeners.clear();
    listeners.extend(port(world, below).into_iter().flat_map(|port| port.members.values().copied()).filter(
        |id| {
            let device = &world[*id];
            Some(*id) != except && device.is_up() && (to_all || device.listens_to(&group))
        },
    ));
    for id in listeners.iter().copied() {
        let Some(copy) = world.run.pool.share(frame) else { continue };
        match except {
            Some(_) => forward_inside(world, id, copy, true),
            None => take(world, id, copy, true),
        }
    }
    world.run.receivers = listeners;
}

/// Gives a frame that came in from outside to an ipvlan.
fn take(world: &mut World, id: DeviceId, frame: FrameId, multicast: bool) {
    let length = world.run.pool.length(frame) as u64;
    let counters = &mut world[id].counters;
    counters.rx_packets += 1;
    counters.rx_bytes += length;
    counters.multicast += u64::from(multicast);
    world.forward(id, Step::Receive, frame);
}

/// Takes the frames of the device below that are for ipvlans; the rest stays in the batch (`ipvlan_handle_frame`).
pub(in crate::link) fn receive(world: &mut World, below: DeviceId, batch: &mut Batch) {
    let Some(mode) = port(world, below).map(|port| port.mode) else { return };
    if mode == IPVLAN_MODE_L3S {
        return;
    }
    batch.retain(|frame| {
        if mode == IPVLAN_MODE_L2 && world.run.pool.destination(frame)[0] & 1 != 0 {
            let own = world.run.pool.source(frame) == world[below].address;
            let pause = world.run.pool.ethertype(frame) == PAUSE;
            let mine = own && find(world, below, frame, End::Source).is_some();
            if !pause && !mine {
                spread(world, below, None, frame);
            }
            return true;
        }
        match find(world, below, frame, End::Destination) {
            Some(id) => {
                take(world, id, frame, false);
                false
            }
            None => true,
        }
    });
}

/// L3S: the ipvlan that a packet is for which the host stack below looks at (`ipvlan_l3_rcv`).
pub(in crate::link) fn claim(world: &World, below: DeviceId, frame: FrameId) -> Option<DeviceId> {
    port(world, below).filter(|port| port.mode == IPVLAN_MODE_L3S)?;
    find(world, below, frame, End::Destination)
}
