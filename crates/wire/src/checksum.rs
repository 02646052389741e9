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
        self.odd = bytes.len() % 2 == 1;
        self.total += u64::from(of_bytes(bytes));
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

    /// The same with two words.
    #[inline]
    #[must_use]
    pub fn with_double(mut self, words: u32) -> Sum {
        self.total += u64::from(words);
        self
    }

    /// The sum, folded to 16 bits.
    #[inline]
    pub fn folded(self) -> u16 {
        fold(self.total)
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

/// The sum of few words, folded to 16 bits: of at most 65,536 of them.
#[inline]
pub fn folded(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// Folds a sum of words to one.
#[inline]
fn fold(sum: u64) -> u16 {
    // 64 bits become 33, then 32; those 17, then 16.
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// The folded sum of bytes; a last odd one counts as the high half of a word.
///
/// The words are added in the order of bytes that the machine likes: the sum of words whose bytes are swapped is the
/// sum with its bytes swapped (RFC 1071, 2).
#[inline]
fn of_bytes(bytes: &[u8]) -> u16 {
    let mut sum = 0;
    let mut eights = bytes.chunks_exact(8);
    for eight in eights.by_ref() {
        let eight = eight.first_chunk().copied().map_or(0, u64::from_le_bytes);
        sum += (eight & 0xffff_ffff) + (eight >> 32);
    }
    let mut rest = eights.remainder();
    if let Some((four, behind)) = rest.split_first_chunk() {
        sum += u64::from(u32::from_le_bytes(*four));
        rest = behind;
    }
    if let Some((two, behind)) = rest.split_first_chunk() {
        sum += u64::from(u16::from_le_bytes(*two));
        rest = behind;
    }
    sum += rest.first().copied().map_or(0, u64::from);
    fold(sum).swap_bytes()
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
    let sum = Sum::ZERO.with_double(source.into()).with_double(destination.into());
    sum.with_word(protocol.into()).with_double(length as u32)
}

/// The sum of the pseudo header of IPv6 (RFC 8200, 8.1).
#[inline]
pub fn pseudo_v6(source: Ipv6Addr, destination: Ipv6Addr, protocol: u8, length: usize) -> Sum {
    let sum = Sum::ZERO.with(&source.octets()).with(&destination.octets());
    sum.with_double(length as u32).with_word(protocol.into())
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
    fn words_one_by_one_sum_as_all_at_once() {
        for fill in [0u8, 1, 89, 0xff] {
            let bytes: Vec<u8> = (0..200).map(|at: u32| (at as u8).wrapping_mul(fill) | fill >> 1).collect();
            for length in 0..bytes.len() {
                let words = bytes[..length].chunks(2).map(|word| [word[0], *word.get(1).unwrap_or(&0)]);
                let mut sum: u32 = words.map(|word| u32::from(u16::from_be_bytes(word))).sum();
                while sum > 0xffff {
                    sum = (sum & 0xffff) + (sum >> 16);
                }
                assert_eq!(u32::from(Sum::ZERO.with(&bytes[..length]).folded()), sum, "{fill} {length}");
            }
        }
    }

    #[test]
    fn few_words_fold_as_many() {
        for words in [0, 1, 0xfffe, 0xffff, 0x1_0000, 0x1_fffe, 0x1_ffff, 0x5_fffa, 0xfffe_ffff, 0xffff_0000]
        {
            assert_eq!(folded(words), Sum::ZERO.with_double(words).folded(), "{words:x}");
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
