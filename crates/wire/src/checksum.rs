//! The Internet checksum (RFC 1071): the ones' complement of the ones'-complement sum of 16-bit words.
//!
//! A [`Sum`] gathers words from several places (a pseudo header, a header, a payload); its [`checksum`](Sum::checksum)
//! goes into the packet. Over a packet whose checksum is in place the same sum [is right](Sum::is_right).
//! [`updated`] is the change of one word (RFC 1624).

use core::net::{Ipv4Addr, Ipv6Addr};

/// A sum that grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    /// Of words, so that a carry is never lost: 2^32 additions of 32 bits fit.
    total: u64,
    /// Whether an odd number of bytes was added: the next one is the low half of a word.
    odd: bool,
}

impl Sum {
    /// The sum of nothing.
    pub const ZERO: Sum = Sum { total: 0, odd: false };

    /// With these bytes behind the former ones; a last odd byte counts as the high half of a word.
    #[inline]
    #[must_use]
    pub fn with(mut self, mut bytes: &[u8]) -> Sum {
        if self.odd {
            let Some((first, rest)) = bytes.split_first() else { return self };
            self.total += u64::from(*first);
            self.odd = false;
            bytes = rest;
        }
        let mut words = bytes.chunks_exact(4);
        for word in words.by_ref() {
            self.total += u64::from(crate::bytes::u32_at(word, 0));
        }
        let rest = words.remainder();
        self.odd = rest.len() % 2 == 1;
        let mut last = [0; 4];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.total += u64::from(u32::from_be_bytes(last));
        // Kept small, so that no number of additions overflows.
        self.total = (self.total & 0xffff_ffff) + (self.total >> 32);
        self
    }

    /// With a 16-bit word added. Behind an odd number of bytes it counts as if that last word were whole.
    #[inline]
    #[must_use]
    pub fn with_word(mut self, word: u16) -> Sum {
        self.total += u64::from(word);
        self
    }

    /// The sum, folded to 16 bits.
    #[inline]
    pub fn folded(self) -> u16 {
        let mut sum = self.total;
        // 64 bits fold to 16 in four steps at most.
        for _ in 0..4 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    /// What goes into the packet, whose checksum field counted as zero.
    #[inline]
    pub fn checksum(self) -> u16 {
        !self.folded()
    }

    /// Whether the packet, its checksum in place, is whole.
    #[inline]
    pub fn is_right(self) -> bool {
        self.folded() == 0xffff
    }
}

/// The checksum of bytes in which the checksum's place holds zero.
#[inline]
pub fn checksum(bytes: &[u8]) -> u16 {
    Sum::ZERO.with(bytes).checksum()
}

/// Whether bytes with their checksum in place are whole.
#[inline]
pub fn is_right(bytes: &[u8]) -> bool {
    Sum::ZERO.with(bytes).is_right()
}

/// The sum of the pseudo header of IPv4 (RFC 768): addresses, protocol, and `length` bytes of the protocol's own
/// header and payload.
#[inline]
pub fn pseudo_v4(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, length: usize) -> Sum {
    let sum = Sum::ZERO.with(&source.octets()).with(&destination.octets());
    sum.with(&[0, protocol]).with(&(length as u32).to_be_bytes())
}

/// The sum of the pseudo header of IPv6 (RFC 8200, 8.1).
#[inline]
pub fn pseudo_v6(source: Ipv6Addr, destination: Ipv6Addr, protocol: u8, length: usize) -> Sum {
    let sum = Sum::ZERO.with(&source.octets()).with(&destination.octets());
    sum.with(&(length as u32).to_be_bytes()).with(&[0, 0, 0, protocol])
}

/// The checksum after one 16-bit word under it changed (RFC 1624, equation 3).
#[inline]
pub fn updated(checksum: u16, old: u16, new: u16) -> u16 {
    Sum::ZERO.with_word(!checksum).with_word(!old).with_word(new).checksum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::ZERO.with(&bytes).folded(), 0xddf2);
        assert_eq!(checksum(&bytes), !0xddf2);
    }

    #[test]
    fn odd_pieces_sum_as_the_whole() {
        let bytes: [u8; 37] = core::array::from_fn(|at| (at as u8).wrapping_mul(89));
        for a in 0..bytes.len() {
            for b in a..bytes.len() {
                let pieces = Sum::ZERO.with(&bytes[..a]).with(&bytes[a..b]).with(&bytes[b..]);
                assert_eq!(pieces.folded(), Sum::ZERO.with(&bytes).folded(), "{a} {b}");
            }
        }
    }

    #[test]
    fn a_changed_word() {
        let mut bytes = [0x45, 0, 0, 0x54, 0x40, 1, 0, 0];
        let before = checksum(&bytes);
        bytes[4] = 0x3f;
        assert_eq!(updated(before, 0x4001, 0x3f01), checksum(&bytes));
    }
}
