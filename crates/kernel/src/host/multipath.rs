//! Which next hop of a multipath route a packet takes (`fib_multipath_hash`, `fib_select_multipath` in
//! `net/ipv4/fib_semantics.c`, `rt6_multipath_hash` in `net/ipv6/route.c`).
//!
//! All packets between two addresses take the same one, as long as the route stays as it is; over many pairs of
//! addresses each next hop gets a share by its weight. Linux draws a number when it boots and mixes it in, so that no
//! two boots share alike; here the kernel's seed is that number. **Left out**: the other policies of
//! `fib_multipath_hash_policy` (ports, inner headers), and errors of ICMP that follow the packets they are about.

/// The hash of a pair of addresses: 31 bits.
pub(crate) fn hash(seed: u64, source: u128, destination: u128) -> u32 {
    let words = [source >> 64, source, destination >> 64, destination];
    let mixed = words.into_iter().fold(seed, |state, word| mix(state ^ word as u64));
    (mixed >> 33) as u32
}

/// A round of splitmix64: every bit of the result hangs on every bit of the input.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The place whose share of all hashes holds this one; `weights` has 0 where a next hop cannot be used. None if none
/// can.
pub(crate) fn pick(hash: u32, weights: impl Iterator<Item = u8> + Clone) -> Option<usize> {
    let total: u64 = weights.clone().map(u64::from).sum();
    let mut sum = 0;
    for (place, weight) in weights.enumerate().filter(|(_, weight)| *weight > 0) {
        sum += u64::from(weight);
        // The last bound is 2^31, beyond every hash.
        if u64::from(hash) < ((sum << 31) + total / 2) / total {
            return Some(place);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_by_weight() {
        let mut taken = [0; 3];
        for destination in 0..30_000 {
            let hash = hash(7, 1, destination);
            assert!(hash < 1 << 31);
            taken[pick(hash, [1, 0, 2].into_iter()).unwrap()] += 1;
        }
        assert_eq!(taken[1], 0);
        assert!((9_500..10_500).contains(&taken[0]), "{taken:?}");
        assert_eq!(pick(0, [0, 0].into_iter()), None);
        assert_eq!(pick((1 << 31) - 1, [1, 255, 3].into_iter()), Some(2));
        assert_ne!(hash(1, 1, 2), hash(2, 1, 2));
    }
}
