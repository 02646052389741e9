//! Fragments, until their packet is whole (`net/ipv4/ip_fragment.c`, `net/ipv6/reassembly.c`).
//!
//! Pieces that overlap end the packet, as Linux does since 4.20. What is not whole after [`TIME`] is forgotten, and the
//! sender hears of it if the first piece came. A namespace keeps [`PACKETS`] packets and [`BYTES`] bytes at most.

use super::{HostTimer, icmp, icmp6};
use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::world::World;
use std::collections::BTreeMap;
use std::net::IpAddr;
use wire::{Ipv4, Ipv4View};

/// How long a packet may take, in microseconds: that of IPv4; IPv6's is twice as long.
const TIME: u64 = 30_000_000;
/// Packets at most.
const PACKETS: usize = 256;
/// Bytes at most.
const BYTES: usize = 4 << 20;

/// The name of a packet: source, destination, identification, protocol.
pub(crate) type Key = (IpAddr, IpAddr, u32, u8);

/// A packet in pieces.
#[derive(Default)]
struct Partial {
    /// Offset and bytes.
    pieces: BTreeMap<usize, Box<[u8]>>,
    /// Bytes of the whole payload; known once the last piece came.
    total: Option<usize>,
    /// What stands in front of the payload in the first piece.
    head: Vec<u8>,
    device: Option<DeviceId>,
}

impl Partial {
    /// Takes a piece; false if it contradicts the others.
    fn add(&mut self, offset: usize, more: bool, piece: &[u8]) -> bool {
        let end = offset + piece.len();
        if !more && self.total.is_some_and(|total| total != end) {
            return false;
        }
        if !more {
            self.total = Some(end);
        }
        let before = self.pieces.range(..=offset).next_back();
        if let Some((at, bytes)) = before {
            // The same piece again is nothing new.
            if *at == offset && bytes.len() == piece.len() {
                return true;
            }
            if at + bytes.len() > offset {
                return false;
            }
        }
        if self.pieces.range(offset..).next().is_some_and(|(at, _)| *at < end) {
            return false;
        }
        let last = self.pieces.last_key_value().map_or(0, |(at, bytes)| at + bytes.len()).max(end);
        if self.total.is_some_and(|total| last > total) {
            return false;
        }
        self.pieces.insert(offset, piece.into());
        true
    }

    /// The payload, if all of it is there.
    fn whole(&self) -> Option<Vec<u8>> {
        let total = self.total?;
        let mut payload = Vec::with_capacity(total);
        for (at, bytes) in &self.pieces {
            if *at != payload.len() {
                return None;
            }
            payload.extend_from_slice(bytes);
        }
        (payload.len() == total && !self.head.is_empty()).then_some(payload)
    }
}

/// The packets in pieces of a namespace.
#[derive(Default)]
pub(crate) struct Fragments {
    packets: BTreeMap<Key, Partial>,
    bytes: usize,
}

impl Fragments {
    fn forget(&mut self, key: &Key) -> Option<Partial> {
        let gone = self.packets.remove(key)?;
        self.bytes -= gone.pieces.values().map(|piece| piece.len()).sum::<usize>();
        Some(gone)
    }
}

/// A piece as it came.
pub(crate) struct Piece<'a> {
    pub key: Key,
    pub offset: usize,
    pub more: bool,
    pub bytes: &'a [u8],
    /// What stands in front of it.
    pub head: &'a [u8],
}

/// Takes a piece; gives what stood in front of the first piece and the payload once all are there.
pub(crate) fn collect(
    world: &mut World,
    netns: NetnsId,
    id: DeviceId,
    piece: &Piece<'_>,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let broken = piece.more && (piece.bytes.len() % 8 != 0 || piece.bytes.is_empty())
        || piece.offset + piece.bytes.len() > usize::from(u16::MAX);
    let fragments = &mut world.space_mut(netns).ok()?.stack.fragments;
    let fresh = !fragments.packets.contains_key(&piece.key);
    let full = fresh && fragments.packets.len() >= PACKETS || fragments.bytes >= BYTES;
    if broken || full {
        return None;
    }
    let partial = fragments.packets.entry(piece.key).or_default();
    let before = partial.pieces.len();
    partial.device = Some(id);
    if !partial.add(piece.offset, piece.more, piece.bytes) {
        fragments.forget(&piece.key);
        world.cancel_host_timer(netns, HostTimer::Fragments(piece.key));
        return None;
    }
    if piece.offset == 0 && partial.head.is_empty() {
        partial.head = piece.head.to_vec();
    }
    let whole = partial.whole().map(|payload| (partial.head.clone(), payload));
    if partial.pieces.len() > before {
        fragments.bytes += piece.bytes.len();
    }
    if whole.is_some() {
        fragments.forget(&piece.key);
        world.cancel_host_timer(netns, HostTimer::Fragments(piece.key));
    } else if fresh {
        let time = if piece.key.0.is_ipv4() { TIME } else { 2 * TIME };
        world.set_host_timer(netns, HostTimer::Fragments(piece.key), time);
    }
    whole
}

/// Takes a fragment of IPv4; gives the packet once it is whole.
pub(crate) fn collect4(
    world: &mut World,
    netns: NetnsId,
    id: DeviceId,
    view: &Ipv4View<'_>,
) -> Option<Vec<u8>> {
    let (source, destination) = (IpAddr::V4(view.source()), IpAddr::V4(view.destination()));
    let key = (source, destination, u32::from(view.identification()), view.protocol());
    let (offset, more) = (usize::from(view.fragment_offset()), view.more_fragments());
    let piece = Piece { key, offset, more, bytes: view.payload(), head: view.bytes() };
    let (head, payload) = collect(world, netns, id, &piece)?;
    let first = Ipv4::parse(&head).ok()?;
    let payload_length = u16::try_from(payload.len()).ok()?;
    let header = Ipv4 { more_fragments: false, fragment_offset: 0, payload_length, ..first };
    let mut packet = vec![0; wire::ipv4::LENGTH + payload.len()];
    header.emit(&mut packet)?;
    packet[wire::ipv4::LENGTH..].copy_from_slice(&payload);
    Some(packet)
}

/// A packet took too long.
pub(crate) fn expire(world: &mut World, netns: NetnsId, key: Key) {
    let Ok(space) = world.space_mut(netns) else { return };
    let Some(gone) = space.stack.fragments.forget(&key) else { return };
    let Some(id) = gone.device.filter(|id| world.get(*id).is_some() && !gone.head.is_empty()) else { return };
    match key.0 {
        IpAddr::V4(_) => icmp::send_error(world, netns, Some(id), &gone.head, icmp::Error::Reassembly),
        IpAddr::V6(_) => icmp6::send_error(world, netns, Some(id), &gone.head, icmp6::Error::Reassembly),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_any_order_make_the_whole() {
        let payload: Vec<u8> = (0..40).collect();
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut partial = Partial { head: vec![1], ..Partial::default() };
            for (count, n) in order.into_iter().enumerate() {
                assert!(partial.whole().is_none(), "{count}");
                let piece = &payload[n * 16..payload.len().min(n * 16 + 16)];
                assert!(partial.add(n * 16, n < 2, piece));
            }
            assert_eq!(partial.whole(), Some(payload.clone()));
        }
    }

    #[test]
    fn what_overlaps_is_refused() {
        let mut partial = Partial::default();
        assert!(partial.add(8, true, &[0; 16]));
        assert!(partial.add(8, true, &[0; 16]), "the same again");
        assert!(!partial.add(16, true, &[0; 16]));
        assert!(!partial.add(0, true, &[0; 16]));
        assert!(!partial.add(0, false, &[0; 8]), "an end before what is there");
    }
}
