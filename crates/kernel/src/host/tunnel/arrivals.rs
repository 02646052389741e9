//! Frames of one batch that came in for tunnels: datagrams of UDP to where others went that the host stack found to be
//! for tunnels of the host. Those that have everything outside in common are handed to the type together. The outcome is
//! that of the host stack for each of them; it takes the frames that need a closer look.

use super::pattern::Pattern;
use super::receive::{Came, Local, listens, terms};
use crate::device::{DeviceId, Mac};
use crate::frame::{FrameId, PacketKind};
use crate::run::{Batch, Common};
use crate::world::World;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{Ipv4View, Ipv6View, UdpView, checksum, ethertype, protocol, udp};

const ETHERNET: usize = wire::ethernet::LENGTH;

/// Frames that arrived.
pub(crate) struct Arrivals {
    /// The link that they came in through.
    below: DeviceId,
    common: Common,
    /// What the last one said, and what that means.
    known: Option<Known>,
    /// Frames that say the same, which nobody has got yet.
    out: Box<Batch>,
}

/// What a frame said.
struct Known {
    label: Label,
    /// The same, by which others are told.
    pattern: Pattern,
    came: Came,
}

/// What the headers of a frame say, as far as it matters for whom it is: numbers, which are compared fast.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Label {
    to: u64,
    tos: u8,
    unsummed: bool,
    port: u16,
    v6: bool,
    source: Halves,
    destination: Halves,
}

/// The halves of an address; the upper one of IPv4 is 0.
type Halves = (u64, u64);

fn address((high, low): Halves, v6: bool) -> IpAddr {
    match v6 {
        false => IpAddr::V4(Ipv4Addr::from_bits(low as u32)),
        true => IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low))),
    }
}

#[inline]
fn halves(address: Ipv6Addr) -> Halves {
    let bits = address.to_bits();
    ((bits >> 64) as u64, bits as u64)
}

#[inline]
fn number([a, b, c, d, e, f]: Mac) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

impl Arrivals {
    /// None if there are no tunnels, or somebody wants to see every frame.
    #[inline]
    pub(crate) fn new(world: &mut World, below: DeviceId, common: Common) -> Option<Arrivals> {
        if world.get(below).is_none() || !listens(world, below) || !world.packet_sockets.is_empty() {
            return None;
        }
        let mut out = world.run.spare();
        out.begin(common);
        Some(Arrivals { below, common, known: None, out })
    }

    /// Takes a frame; false if it needs a closer look, and then nothing has happened to it.
    #[inline(always)]
    pub(crate) fn take(&mut self, world: &mut World, frame: FrameId) -> bool {
        let pool = &world.run.pool;
        let meta = pool.meta(frame);
        if meta.tag.is_some() || meta.kind != PacketKind::Auto {
            return false;
        }
        let bytes = pool.bytes(frame);
        let length = bytes.len();
        let alike = self.known.as_ref().and_then(|known| known.pattern.end_of(bytes));
        let Some(end) = alike.or_else(|| self.take_other(world, frame)) else { return false };
        if end < length {
            world.run.pool.truncate(frame, end);
        }
        self.out.push(frame, end)
    }

    /// The end of a frame that says something else than the last one, if that is known.
    #[cold]
    fn take_other(&mut self, world: &mut World, frame: FrameId) -> Option<usize> {
        let bytes = world.run.pool.bytes(frame);
        let (label, end) = look(bytes)?;
        let pattern = Pattern::new(bytes, label.v6, label.unsummed)?;
        let known = self.known.as_ref().is_some_and(|known| known.label == label);
        (known || self.know(world, label, pattern)).then_some(end)
    }

    /// Finds out what a label means; false if that is not known.
    fn know(&mut self, world: &mut World, label: Label, pattern: Pattern) -> bool {
        self.end(world);
        let below = self.below;
        if world.get(below).is_none_or(|device| number(device.address) != label.to) {
            return false;
        }
        let (source, destination) = (address(label.source, label.v6), address(label.destination, label.v6));
        let (tos, key) = (label.tos, (label.v6, label.port));
        if !Local::new(world, below, (source, destination), tos).is_known(world) {
            return false;
        }
        let terms = terms(world, below, key, destination);
        let Some(terms) = terms.filter(|terms| terms.kind.datagrams.is_some()) else {
            return false;
        };
        let ip = if label.v6 { wire::ipv6::LENGTH } else { wire::ipv4::LENGTH };
        let at = ETHERNET + ip + udp::LENGTH;
        let came = Came { below, source, tos, key, terms, at, unsummed: label.unsummed };
        self.known = Some(Known { label, pattern, came });
        true
    }

    /// Hands over what was taken so far. What is known holds no longer.
    pub(crate) fn end(&mut self, world: &mut World) {
        let Some(Known { came, .. }) = self.known.take() else { return };
        if let Some(receive) = came.terms.kind.datagrams {
            receive(world, &came, &mut self.out);
        }
        self.out.begin(self.common);
    }

    /// There are no more frames.
    pub(crate) fn finish(mut self, world: &mut World) {
        self.end(world);
        self.out.clear();
        world.run.put_back(self.out);
    }
}

/// What a frame says, and its end without what may be behind the packet. None if it is anything but a whole datagram
/// without options whose sums are right.
fn look(bytes: &[u8]) -> Option<(Label, usize)> {
    let (head, packet) = bytes.split_first_chunk::<ETHERNET>()?;
    match u16::from_be_bytes([head[12], head[13]]) {
        ethertype::IPV4 => look4(head, packet),
        ethertype::IPV6 => look6(head, packet),
        _ => None,
    }
}

fn look4(head: &[u8; ETHERNET], packet: &[u8]) -> Option<(Label, usize)> {
    let view = Ipv4View::new(packet).ok()?;
    let plain = view.header_length() == wire::ipv4::LENGTH && !view.is_fragment();
    if !plain || view.protocol() != protocol::UDP || !view.checksum_is_right() {
        return None;
    }
    let (source, destination) = (view.source(), view.destination());
    let pseudo = |length| checksum::pseudo_v4(source, destination, protocol::UDP, length);
    let (port, unsummed) = look_datagram(view.payload(), pseudo)?;
    let (source, destination) = ((0, source.to_bits().into()), (0, destination.to_bits().into()));
    let label = Label { to: target(head), tos: view.tos(), unsummed, port, v6: false, source, destination };
    Some((label, ETHERNET + view.total_length()))
}

fn look6(head: &[u8; ETHERNET], packet: &[u8]) -> Option<(Label, usize)> {
    let view = Ipv6View::new(packet).ok()?;
    if view.next_header() != protocol::UDP {
        return None;
    }
    let (source, destination) = (view.source(), view.destination());
    let pseudo = |length| checksum::pseudo_v6(source, destination, protocol::UDP, length);
    let (port, unsummed) = look_datagram(view.payload(), pseudo)?;
    let (source, destination) = (halves(source), halves(destination));
    let (to, tos) = (target(head), view.traffic_class());
    let label = Label { to, tos, unsummed, port, v6: true, source, destination };
    Some((label, ETHERNET + view.bytes().len()))
}

/// The port that a datagram goes to, and whether it bears no sum. None if it does not end where the packet does.
fn look_datagram(bytes: &[u8], pseudo: impl Fn(usize) -> checksum::Sum) -> Option<(u16, bool)> {
    let view = UdpView::new(bytes).ok().filter(|view| view.length() == bytes.len())?;
    let unsummed = view.checksum() == 0;
    let right = unsummed || view.checksum_is_right(pseudo(bytes.len()));
    right.then_some((view.destination_port(), unsummed))
}

#[inline]
fn target(head: &[u8; ETHERNET]) -> u64 {
    number([head[0], head[1], head[2], head[3], head[4], head[5]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(v6: bool, sums: bool) -> Vec<u8> {
        let carried = [9; 21];
        let (length, port) = ((udp::LENGTH + carried.len()) as u16, 4789);
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        let sum = if v6 {
            let [source, destination] = [Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1), Ipv6Addr::LOCALHOST];
            let (next_header, hop_limit) = (protocol::UDP, 64);
            let (traffic_class, flow_label, payload_length) = (0x12, 0x34567, length);
            frame.extend([0x86, 0xdd]);
            frame.resize(ETHERNET + wire::ipv6::LENGTH, 0);
            wire::Ipv6 {
                traffic_class,
                flow_label,
                payload_length,
                next_header,
                hop_limit,
                source,
                destination,
            }
            .emit(&mut frame[ETHERNET..]);
            checksum::pseudo_v6(source, destination, protocol::UDP, length.into())
        } else {
            let [source, destination] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
            frame.extend([8, 0]);
            frame.extend([0x45, 0x12, 0, 20 + length as u8, 1, 2, 0x40, 0, 64, protocol::UDP, 0, 0]);
            frame.extend(source.octets().into_iter().chain(destination.octets()));
            wire::ipv4::fill_checksum(&mut frame[ETHERNET..]);
            checksum::pseudo_v4(source, destination, protocol::UDP, length.into())
        };
        let at = frame.len();
        wire::Udp { source_port: 50_000, destination_port: port, payload: &carried }.emit(
            {
                frame.resize(at + usize::from(length), 0);
                &mut frame[at..]
            },
            sum,
        );
        if !sums {
            frame[at + 6..at + 8].fill(0);
        }
        frame
    }

    /// Whatever is changed in a frame: the pattern of the unchanged one takes it if and only if it says the same.
    #[test]
    fn a_pattern_takes_what_says_the_same() {
        for (v6, sums) in [(false, false), (false, true), (true, false), (true, true)] {
            let whole = frame(v6, sums);
            let (label, end) = look(&whole).expect("a datagram");
            let pattern = Pattern::new(&whole, v6, !sums).expect("long enough");
            assert_eq!((pattern.end_of(&whole), label.unsummed), (Some(end), !sums));
            let mut taken = 0;
            let mut compare = |bytes: &[u8], what: &str| {
                let found = look(bytes).filter(|found| found.0 == label).map(|found| found.1);
                assert_eq!(pattern.end_of(bytes), found, "{v6} {sums}: {what}");
                taken += usize::from(found.is_some());
            };
            for bit in 0..8 * whole.len() {
                let mut changed = whole.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                compare(&changed, &format!("bit {bit}"));
                if !v6 {
                    wire::ipv4::fill_checksum(&mut changed[ETHERNET..]);
                    compare(&changed, &format!("bit {bit} under a right sum"));
                }
                changed.extend([0; 300]);
                compare(&changed, &format!("bit {bit} with something behind"));
            }
            (0..whole.len()).for_each(|length| compare(&whole[..length], &format!("{length} bytes")));
            assert!(taken > 40, "{taken}");
        }
    }
}
