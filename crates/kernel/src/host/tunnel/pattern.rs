//! Frames whose headers say the same as those of one before them, as far as it matters for whom they are: a few words of
//! the frame are compared with that one's, and the sums are looked at.

use wire::checksum::{self, Sum};
use wire::{protocol, udp};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// Where the header of UDP begins over IPv4, and over IPv6.
const AT4: usize = ETHERNET + wire::ipv4::LENGTH;
const AT6: usize = ETHERNET + wire::ipv6::LENGTH;
/// Bytes of all headers.
const HEADERS4: usize = AT4 + udp::LENGTH;
const HEADERS6: usize = AT6 + udp::LENGTH;
/// Words of a pattern at most.
const WORDS: usize = 8;

/// Where a word of eight bytes is, and the bits of it that matter.
type Place = (usize, [u8; 8]);

/// The address that a frame goes to.
const TARGET: Place = (0, [255, 255, 255, 255, 255, 255, 0, 0]);

/// Of IPv4 beside that: what is in the frame, version, length of the header and type of service; whether it is a fragment,
/// and what is in the packet; the addresses; the port.
const PLACES4: [Place; 5] = [
    TARGET,
    (12, [255, 255, 255, 255, 0, 0, 0, 0]),
    (16, [0, 0, 0, 0, 0x3f, 255, 0, 255]),
    (26, [255; 8]),
    (AT4, [0, 0, 255, 255, 0, 0, 0, 0]),
];

/// Of IPv6: what is in the frame, version and traffic class; what is in the packet; the addresses; the port.
const PLACES6: [Place; WORDS] = [
    TARGET,
    (12, [255, 255, 255, 0xf0, 0, 0, 0, 0]),
    (14, [0, 0, 0, 0, 0, 0, 255, 0]),
    (22, [255; 8]),
    (30, [255; 8]),
    (38, [255; 8]),
    (46, [255; 8]),
    (AT6, [0, 0, 255, 255, 0, 0, 0, 0]),
];

/// What the headers of such a frame say.
pub(super) struct Pattern {
    v6: bool,
    /// The datagram bears no sum.
    unsummed: bool,
    words: [u64; WORDS],
}

/// A number of a header.
#[inline(always)]
fn short<const LENGTH: usize>(head: &[u8; LENGTH], at: usize) -> u16 {
    u16::from_be_bytes([head[at], head[at + 1]])
}

/// The word at a place, of which only the bits that matter are not 0.
#[inline(always)]
fn word(head: &[u8], (at, bits): Place) -> u64 {
    let word = head[at..].first_chunk().copied().map_or(0, u64::from_ne_bytes);
    word & u64::from_ne_bytes(bits)
}

impl Pattern {
    /// The pattern of a frame with a whole datagram without options whose sums are right. None of any other frame, as far
    /// as that is seen by its length.
    pub(super) fn new(bytes: &[u8], v6: bool, unsummed: bool) -> Option<Pattern> {
        let mut words = [0; WORDS];
        let places = if v6 { &PLACES6[..] } else { &PLACES4[..] };
        let head = bytes.get(..if v6 { HEADERS6 } else { HEADERS4 })?;
        words.iter_mut().zip(places).for_each(|(known, place)| *known = word(head, *place));
        Some(Pattern { v6, unsummed, words })
    }

    /// The end of a frame, without what may be behind the packet, if its headers say the same and its sums are right.
    #[inline(always)]
    pub(super) fn end_of(&self, bytes: &[u8]) -> Option<usize> {
        if self.v6 { self.end_of6(bytes) } else { self.end_of4(bytes) }
    }

    #[inline(always)]
    fn end_of4(&self, bytes: &[u8]) -> Option<usize> {
        let head = bytes.first_chunk::<HEADERS4>()?;
        let packet = head[ETHERNET..].first_chunk::<{ wire::ipv4::LENGTH }>()?;
        let end = ETHERNET + usize::from(short(packet, 2));
        let datagram = bytes.get(AT4..end)?;
        let whole = usize::from(short(head, AT4 + 4)) == datagram.len() && end >= HEADERS4;
        if !whole || self.differs(head, &PLACES4) || !wire::ipv4::plain_checksum_is_right(packet) {
            return None;
        }
        let pseudo = || {
            let [.., a, b, c, d, e, f, g, h] = *packet;
            checksum::pseudo_v4([a, b, c, d].into(), [e, f, g, h].into(), protocol::UDP, datagram.len())
        };
        self.is_right(short(head, AT4 + 6), pseudo, datagram).then_some(end)
    }

    #[inline]
    fn end_of6(&self, bytes: &[u8]) -> Option<usize> {
        let head = bytes.first_chunk::<HEADERS6>()?;
        let end = AT6 + usize::from(short(head, ETHERNET + 4));
        let datagram = bytes.get(AT6..end)?;
        let whole = usize::from(short(head, AT6 + 4)) == datagram.len() && end >= HEADERS6;
        if !whole || self.differs(head, &PLACES6) {
            return None;
        }
        let address = |at: usize| std::array::from_fn::<u8, 16, _>(|byte| head[at + byte]).into();
        let (source, destination) = (address(ETHERNET + 8), address(ETHERNET + 24));
        let pseudo = || checksum::pseudo_v6(source, destination, protocol::UDP, datagram.len());
        self.is_right(short(head, AT6 + 6), pseudo, datagram).then_some(end)
    }

    /// Whether a frame's headers say something else.
    #[inline(always)]
    fn differs<const LENGTH: usize, const PLACES: usize>(
        &self,
        head: &[u8; LENGTH],
        places: &[Place; PLACES],
    ) -> bool {
        let pairs = places.iter().zip(&self.words);
        pairs.fold(0, |differs, (place, known)| differs | word(head, *place) ^ known) != 0
    }

    /// Whether a datagram bears no sum either, or one that is right.
    #[inline(always)]
    fn is_right(&self, sum: u16, pseudo: impl FnOnce() -> Sum, datagram: &[u8]) -> bool {
        match self.unsummed {
            true => sum == 0,
            false => sum != 0 && pseudo().with(datagram).is_right(),
        }
    }
}
