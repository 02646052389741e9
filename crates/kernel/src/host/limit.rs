//! How often errors are sent: a bucket of tokens for each host (`inet_peer_xrlim_allow`).

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Hosts that are remembered at most.
const HOSTS: usize = 4096;

/// The buckets.
#[derive(Default)]
pub(crate) struct Limits {
    /// Tokens in microseconds, and when they were last counted.
    hosts: BTreeMap<IpAddr, (u64, u64)>,
}

impl Limits {
    /// Takes a token, of which one comes every `rate` microseconds and `burst` are kept; false if there is none.
    pub(crate) fn take(&mut self, host: IpAddr, now: u64, rate: u64, burst: u64) -> bool {
        if self.hosts.len() >= HOSTS && !self.hosts.contains_key(&host) {
            self.hosts.pop_first();
        }
        let (tokens, last) = self.hosts.entry(host).or_insert((burst * rate, now));
        *tokens = tokens.saturating_add(now.saturating_sub(*last)).min(burst * rate);
        *last = now;
        let fits = *tokens >= rate;
        if fits {
            *tokens -= rate;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_at_once_then_one_a_second() {
        let mut limits = Limits::default();
        let host = IpAddr::from([10, 0, 0, 1]);
        let at = |limits: &mut Limits, now| limits.take(host, now, 1_000_000, 6);
        assert_eq!((0..8).filter(|_| at(&mut limits, 0)).count(), 6);
        assert!(!at(&mut limits, 999_999));
        assert!(at(&mut limits, 1_000_000));
    }
}
