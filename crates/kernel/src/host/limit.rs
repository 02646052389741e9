//! How often errors are sent: a bucket of tokens for each host (`inet_peer_xrlim_allow`). And how often a host is told
//! of a better way: ever more seldom, and at last not at all until it was silent for a while (`ip_rt_send_redirect`).

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

/// How often hosts are told at most, one after the other.
const REDIRECTS: u32 = 9;
/// Microseconds after the first time; each time twice as many.
const REDIRECT_LOAD: u64 = 20_000;
/// After so many without a redirect a host is told anew.
const REDIRECT_SILENCE: u64 = REDIRECT_LOAD << (REDIRECTS + 1);

/// Who was told of better ways: how often, and when last.
#[derive(Default)]
pub(crate) struct Redirects {
    hosts: BTreeMap<IpAddr, (u32, u64)>,
}

impl Redirects {
    /// Whether a host is told now.
    pub(crate) fn take(&mut self, host: IpAddr, now: u64) -> bool {
        if self.hosts.len() >= HOSTS && !self.hosts.contains_key(&host) {
            self.hosts.pop_first();
        }
        let (told, last) = self.hosts.entry(host).or_insert((0, now));
        if now > *last + REDIRECT_SILENCE {
            *told = 0;
        }
        if *told >= REDIRECTS {
            *last = now;
            return false;
        }
        let due = *told == 0 || now > *last + (REDIRECT_LOAD << *told);
        if due {
            (*told, *last) = (*told + 1, now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_ever_more_seldom() {
        let mut redirects = Redirects::default();
        let host = IpAddr::from([10, 0, 0, 1]);
        let mut told = Vec::new();
        for tick in 0..10_000 {
            if redirects.take(host, tick * 10_000) {
                told.push(tick);
            }
        }
        assert_eq!(told, [0, 5, 14, 31, 64, 129, 258, 515, 1028]);
        assert!(redirects.take(host, 10_000 * 10_000 + REDIRECT_SILENCE));
    }

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
