//! Settings of the host stack: rows with names, what they are at first, and where a value is kept.
//!
//! A namespace has a set called `all` and one called `default`, and every device has one of its own, which begins as
//! a copy of `default` (`net/ipv4/devinet.c`, `net/ipv6/addrconf.c`). For IPv4 a change of `default` also reaches the
//! devices on which nobody has set that value; for IPv6 it does not. What `all` means differs from value to value
//! and is said where the value is used.

use std::sync::Arc;

/// One setting: its name under `net.ipv4.conf.DEVICE` or its like, and its value at first in `default`, in `all`, and
/// on a loopback.
pub(crate) struct Setting {
    pub name: &'static str,
    pub default: i32,
    pub all: i32,
    pub loopback: i32,
    /// The least and the largest value that may be set.
    pub limits: (i32, i32),
}

const ANY: (i32, i32) = (i32::MIN, i32::MAX);
/// Nothing may be set.
pub(crate) const READ_ONLY: (i32, i32) = (1, 0);

const fn row(name: &'static str, default: i32) -> Setting {
    odd(name, default, default, default)
}

const fn odd(name: &'static str, default: i32, all: i32, loopback: i32) -> Setting {
    Setting { name, default, all, loopback, limits: ANY }
}

const fn within(name: &'static str, default: i32, limits: (i32, i32)) -> Setting {
    Setting { limits, ..row(name, default) }
}

/// Places in [`IPV4`] that the kernel looks at.
#[allow(missing_docs)]
pub(crate) mod v4 {
    pub(crate) const ACCEPT_LOCAL: usize = 0;
    pub(crate) const ACCEPT_REDIRECTS: usize = 1;
    pub(crate) const ARP_ACCEPT: usize = 3;
    pub(crate) const ARP_ANNOUNCE: usize = 4;
    pub(crate) const ARP_EVICT_NOCARRIER: usize = 5;
    pub(crate) const ARP_FILTER: usize = 6;
    pub(crate) const ARP_IGNORE: usize = 7;
    pub(crate) const ARP_NOTIFY: usize = 8;
    pub(crate) const BC_FORWARDING: usize = 9;
    pub(crate) const DROP_GRATUITOUS_ARP: usize = 13;
    pub(crate) const FORCE_IGMP_VERSION: usize = 15;
    pub(crate) const FORWARDING: usize = 16;
    pub(crate) const IGMPV2_UNSOLICITED_REPORT_INTERVAL: usize = 17;
    pub(crate) const IGNORE_ROUTES_WITH_LINKDOWN: usize = 19;
    pub(crate) const IGMPV3_UNSOLICITED_REPORT_INTERVAL: usize = 18;
    pub(crate) const MC_FORWARDING: usize = 21;
    pub(crate) const PROMOTE_SECONDARIES: usize = 23;
    pub(crate) const PROXY_ARP: usize = 24;
    pub(crate) const PROXY_ARP_PVLAN: usize = 25;
    pub(crate) const ROUTE_LOCALNET: usize = 26;
    pub(crate) const RP_FILTER: usize = 27;
    pub(crate) const SEND_REDIRECTS: usize = 29;
    pub(crate) const SHARED_MEDIA: usize = 30;
}

/// `net.ipv4.conf.DEVICE`, by name.
pub(crate) static IPV4: &[Setting] = &[
    row("accept_local", 0),
    row("accept_redirects", 1),
    odd("accept_source_route", 1, 0, 1),
    row("arp_accept", 0),
    row("arp_announce", 0),
    row("arp_evict_nocarrier", 1),
    row("arp_filter", 0),
    row("arp_ignore", 0),
    row("arp_notify", 0),
    row("bc_forwarding", 0),
    row("bootp_relay", 0),
    odd("disable_policy", 0, 0, 1),
    odd("disable_xfrm", 0, 0, 1),
    row("drop_gratuitous_arp", 0),
    row("drop_unicast_in_l2_multicast", 0),
    row("force_igmp_version", 0),
    row("forwarding", 0),
    row("igmpv2_unsolicited_report_interval", 10000),
    row("igmpv3_unsolicited_report_interval", 1000),
    row("ignore_routes_with_linkdown", 0),
    row("log_martians", 0),
    within("mc_forwarding", 0, READ_ONLY),
    row("medium_id", 0),
    row("promote_secondaries", 0),
    row("proxy_arp", 0),
    row("proxy_arp_pvlan", 0),
    row("route_localnet", 0),
    row("rp_filter", 0),
    row("secure_redirects", 1),
    row("send_redirects", 1),
    row("shared_media", 1),
    row("src_valid_mark", 0),
    row("tag", 0),
];

/// Places in [`IPV6`] that the kernel looks at.
#[allow(missing_docs)]
pub(crate) mod v6 {
    pub(crate) const ACCEPT_DAD: usize = 0;
    pub(crate) const ADDR_GEN_MODE: usize = 2;
    pub(crate) const DAD_TRANSMITS: usize = 4;
    pub(crate) const DISABLE_IPV6: usize = 5;
    pub(crate) const FORWARDING: usize = 6;
    pub(crate) const HOP_LIMIT: usize = 7;
    pub(crate) const IGNORE_ROUTES_WITH_LINKDOWN: usize = 8;
    pub(crate) const KEEP_ADDR_ON_DOWN: usize = 9;
    pub(crate) const NDISC_NOTIFY: usize = 11;
    pub(crate) const PROXY_NDP: usize = 12;
    pub(crate) const ROUTER_SOLICITATIONS: usize = 13;
    pub(crate) const ROUTER_SOLICITATION_INTERVAL: usize = 14;
    pub(crate) const ACCEPT_RA: usize = 1;
    pub(crate) const AUTOCONF: usize = 3;
    pub(crate) const MTU: usize = 10;
    pub(crate) const MAX_ADDRESSES: usize = 18;
    pub(crate) const FORCE_MLD_VERSION: usize = 23;
    pub(crate) const ACCEPT_RA_DEFRTR: usize = 24;
    pub(crate) const ACCEPT_RA_PINFO: usize = 25;
    pub(crate) const ACCEPT_RA_MTU: usize = 26;
    pub(crate) const ACCEPT_RA_FROM_LOCAL: usize = 31;
    pub(crate) const ACCEPT_RA_MIN_HOP_LIMIT: usize = 32;
    pub(crate) const ACCEPT_RA_MIN_LFT: usize = 33;
    pub(crate) const ACCEPT_RA_RT_INFO_MIN_PLEN: usize = 34;
    pub(crate) const ACCEPT_RA_RT_INFO_MAX_PLEN: usize = 35;
    pub(crate) const ACCEPT_RA_RTR_PREF: usize = 36;
}

/// `net.ipv6.conf.DEVICE`.
pub(crate) static IPV6: &[Setting] = &[
    odd("accept_dad", 1, 0, -1),
    row("accept_ra", 1),
    within("addr_gen_mode", 0, (0, 3)),
    row("autoconf", 1),
    row("dad_transmits", 1),
    row("disable_ipv6", 0),
    row("forwarding", 0),
    within("hop_limit", 64, (1, 255)),
    row("ignore_routes_with_linkdown", 0),
    row("keep_addr_on_down", 0),
    // 0: as the device's; for those to come 1280.
    Setting { limits: (1280, i32::MAX), ..odd("mtu", 0, 1280, 0) },
    row("ndisc_notify", 0),
    row("proxy_ndp", 0),
    row("router_solicitations", -1),
    row("router_solicitation_interval", 4),
    row("router_solicitation_delay", 1),
    row("accept_redirects", 1),
    row("accept_source_route", 0),
    row("max_addresses", 16),
    row("optimistic_dad", 0),
    row("use_optimistic", 0),
    row("enhanced_dad", 1),
    row("drop_unsolicited_na", 0),
    row("force_mld_version", 0),
    row("accept_ra_defrtr", 1),
    row("accept_ra_pinfo", 1),
    row("accept_ra_mtu", 1),
    row("temp_prefered_lft", 86400),
    row("temp_valid_lft", 604_800),
    odd("use_tempaddr", 0, 0, -1),
    row("use_oif_addrs_only", 0),
    row("accept_ra_from_local", 0),
    row("accept_ra_min_hop_limit", 1),
    row("accept_ra_min_lft", 0),
    row("accept_ra_rt_info_min_plen", 0),
    row("accept_ra_rt_info_max_plen", 0),
    row("accept_ra_rtr_pref", 1),
];

/// Places in [`NEIGHBOUR`] that the kernel looks at.
#[allow(missing_docs)]
pub(crate) mod neigh {
    pub(crate) const BASE_REACHABLE_TIME_MS: usize = 2;
    pub(crate) const DELAY_FIRST_PROBE_TIME: usize = 3;
    #[cfg(test)]
    pub(crate) const GC_STALE_TIME: usize = 4;
    pub(crate) const LOCKTIME: usize = 5;
    pub(crate) const MCAST_RESOLICIT: usize = 6;
    pub(crate) const MCAST_SOLICIT: usize = 7;
    pub(crate) const RETRANS_TIME_MS: usize = 10;
    pub(crate) const UCAST_SOLICIT: usize = 11;
    #[cfg(test)]
    pub(crate) const UNRES_QLEN: usize = 12;
}

/// `net.ipv4.neigh.DEVICE` and `net.ipv6.neigh.DEVICE`; times in seconds or, where the name says so, milliseconds,
/// `locktime` in hundredths of a second.
pub(crate) static NEIGHBOUR: &[Setting] = &[
    row("anycast_delay", 100),
    row("app_solicit", 0),
    row("base_reachable_time_ms", 30_000),
    row("delay_first_probe_time", 5),
    row("gc_stale_time", 60),
    row("locktime", 100),
    row("mcast_resolicit", 0),
    row("mcast_solicit", 3),
    row("proxy_delay", 80),
    row("proxy_qlen", 64),
    row("retrans_time_ms", 1000),
    row("ucast_solicit", 3),
    row("unres_qlen", 101),
    row("unres_qlen_bytes", 212_992),
];

/// Places in [`NETNS`].
#[allow(missing_docs)]
pub(crate) mod netns {
    pub(crate) const ECHO_IGNORE_ALL: usize = 0;
    pub(crate) const ECHO_IGNORE_BROADCASTS: usize = 1;
    pub(crate) const RATELIMIT: usize = 2;
    pub(crate) const RATEMASK: usize = 3;
    pub(crate) const DEFAULT_TTL: usize = 4;
    pub(crate) const NONLOCAL_BIND: usize = 5;
    pub(crate) const ECHO6_IGNORE_ALL: usize = 6;
    pub(crate) const RATELIMIT6: usize = 7;
    pub(crate) const IGMP_MAX_MEMBERSHIPS: usize = 10;
    pub(crate) const STRICT_MODE: usize = 11;
}

/// Settings of a namespace alone, by whole name.
pub(crate) static NETNS: &[Setting] = &[
    row("net.ipv4.icmp_echo_ignore_all", 0),
    row("net.ipv4.icmp_echo_ignore_broadcasts", 1),
    row("net.ipv4.icmp_ratelimit", 1000),
    row("net.ipv4.icmp_ratemask", 6168),
    within("net.ipv4.ip_default_ttl", 64, (1, 255)),
    row("net.ipv4.ip_nonlocal_bind", 0),
    row("net.ipv6.icmp.echo_ignore_all", 0),
    row("net.ipv6.icmp.ratelimit", 1000),
    row("net.ipv6.bindv6only", 0),
    row("net.ipv4.ip_no_pmtu_disc", 0),
    row("net.ipv4.igmp_max_memberships", 20),
    within("net.vrf.strict_mode", 0, (0, 1)),
];

/// The place of a name in a table of settings.
pub(crate) fn find(table: &[Setting], name: &str) -> Option<usize> {
    table.iter().position(|row| row.name == name)
}

/// The first place of neighbours' settings, behind a device's own.
pub(crate) const NEIGHBOURS: usize = 37;
/// Places of a device's settings of one family.
const ROWS: usize = 51;
/// No row.
const NOWHERE: u8 = u8::MAX;

/// The values of one family, for many devices that have the same, or for one.
#[derive(Clone, Debug)]
struct Shared {
    values: [i32; ROWS],
    /// Which of them somebody has set; none as long as they are the default's.
    set: u64,
}

/// The values of one family, of a device and its neighbours or of a namespace. A device shares those of the default
/// until they differ in more than one place.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    shared: Arc<Shared>,
    /// The one value of a device that somebody has set, and its place.
    own: i32,
    place: u8,
    /// No new default is taken over any more.
    settled: bool,
}

impl Values {
    fn new(table: &[Setting], value: impl Fn(&Setting) -> i32) -> Values {
        let mut shared = Shared { values: [0; ROWS], set: 0 };
        shared.values.iter_mut().zip(table).for_each(|(slot, row)| *slot = value(row));
        let neighbours = &mut shared.values[NEIGHBOURS..];
        neighbours.iter_mut().zip(NEIGHBOUR).for_each(|(slot, row)| *slot = row.default);
        Values { shared: Arc::new(shared), own: 0, place: NOWHERE, settled: false }
    }

    /// What `default` is at first.
    pub(crate) fn defaults(table: &[Setting]) -> Values {
        Values::new(table, |row| row.default)
    }

    /// What `all` is at first.
    pub(crate) fn all(table: &[Setting]) -> Values {
        Values::new(table, |row| row.all)
    }

    /// A device's own: a copy of these, a loopback's in its own way.
    pub(crate) fn of_device(&self, table: &[Setting], loopback: bool) -> Values {
        let mut values = self.clone();
        if loopback {
            for (place, row) in table.iter().enumerate().filter(|(_, row)| row.loopback != row.default) {
                values.put(place, row.loopback);
            }
        }
        values
    }

    #[inline]
    pub(crate) fn get(&self, place: usize) -> i32 {
        if place == usize::from(self.place) {
            return self.own;
        }
        self.shared.values.get(place).copied().unwrap_or(0)
    }

    /// One of the neighbours' settings ([`neigh`]).
    #[inline]
    pub(crate) fn neighbour(&self, place: usize) -> i32 {
        self.get(NEIGHBOURS + place)
    }

    /// Whether a value is not zero.
    #[inline]
    pub(crate) fn is(&self, place: usize) -> bool {
        self.get(place) != 0
    }

    /// Sets a value of a device.
    pub(crate) fn set(&mut self, place: usize, value: i32) {
        if place < ROWS && [NOWHERE, place as u8].contains(&self.place) {
            (self.own, self.place) = (value, place as u8);
        } else {
            self.put(place, value);
            Arc::make_mut(&mut self.shared).set |= 1 << place;
        }
    }

    /// Changes a value without anybody having set it: that of a namespace, which no default reaches.
    pub(crate) fn put(&mut self, place: usize, value: i32) {
        if self.shared.values.get(place) != Some(&value) {
            if let Some(slot) = Arc::make_mut(&mut self.shared).values.get_mut(place) {
                *slot = value;
            }
        }
    }

    /// Takes over a changed default, unless the value was set: who had the old one's values shares the new one's.
    pub(crate) fn inherit(&mut self, place: usize, before: &Values, after: &Values) {
        if self.settled {
            return;
        }
        if Arc::ptr_eq(&self.shared, &before.shared) {
            self.shared = after.shared.clone();
        } else if self.shared.set & (1 << place) == 0 {
            self.put(place, after.get(place));
        }
    }

    /// Sets a value that the default has been set to as well.
    pub(crate) fn set_with_default(&mut self, place: usize, before: &Values, after: &Values) {
        if place != usize::from(self.place) && Arc::ptr_eq(&self.shared, &before.shared) {
            self.shared = after.shared.clone();
        } else {
            self.set(place, after.get(place));
        }
    }

    /// From here on no new default is taken over.
    pub(crate) fn settle(&mut self) {
        self.settled = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_their_names() {
        let rows = [
            (IPV4, v4::ARP_ANNOUNCE, "arp_announce"),
            (IPV4, v4::ARP_IGNORE, "arp_ignore"),
            (IPV4, v4::ARP_NOTIFY, "arp_notify"),
            (IPV4, v4::DROP_GRATUITOUS_ARP, "drop_gratuitous_arp"),
            (IPV4, v4::FORWARDING, "forwarding"),
            (IPV4, v4::IGNORE_ROUTES_WITH_LINKDOWN, "ignore_routes_with_linkdown"),
            (IPV4, v4::PROMOTE_SECONDARIES, "promote_secondaries"),
            (IPV4, v4::ACCEPT_REDIRECTS, "accept_redirects"),
            (IPV4, v4::BC_FORWARDING, "bc_forwarding"),
            (IPV4, v4::MC_FORWARDING, "mc_forwarding"),
            (IPV4, v4::PROXY_ARP, "proxy_arp"),
            (IPV4, v4::PROXY_ARP_PVLAN, "proxy_arp_pvlan"),
            (IPV4, v4::ROUTE_LOCALNET, "route_localnet"),
            (IPV4, v4::RP_FILTER, "rp_filter"),
            (IPV6, v6::ADDR_GEN_MODE, "addr_gen_mode"),
            (IPV6, v6::DISABLE_IPV6, "disable_ipv6"),
            (IPV6, v6::AUTOCONF, "autoconf"),
            (IPV6, v6::MTU, "mtu"),
            (IPV6, v6::MAX_ADDRESSES, "max_addresses"),
            (IPV6, v6::ACCEPT_RA_DEFRTR, "accept_ra_defrtr"),
            (IPV6, v6::ACCEPT_RA_PINFO, "accept_ra_pinfo"),
            (IPV6, v6::ACCEPT_RA_MTU, "accept_ra_mtu"),
            (IPV6, v6::ACCEPT_RA_FROM_LOCAL, "accept_ra_from_local"),
            (IPV6, v6::ACCEPT_RA_MIN_HOP_LIMIT, "accept_ra_min_hop_limit"),
            (IPV6, v6::ACCEPT_RA_MIN_LFT, "accept_ra_min_lft"),
            (IPV6, v6::ACCEPT_RA_RT_INFO_MIN_PLEN, "accept_ra_rt_info_min_plen"),
            (IPV6, v6::ACCEPT_RA_RT_INFO_MAX_PLEN, "accept_ra_rt_info_max_plen"),
            (IPV6, v6::ACCEPT_RA_RTR_PREF, "accept_ra_rtr_pref"),
            (IPV6, v6::KEEP_ADDR_ON_DOWN, "keep_addr_on_down"),
            (IPV6, v6::ROUTER_SOLICITATION_INTERVAL, "router_solicitation_interval"),
            (NEIGHBOUR, neigh::GC_STALE_TIME, "gc_stale_time"),
            (NEIGHBOUR, neigh::RETRANS_TIME_MS, "retrans_time_ms"),
            (NEIGHBOUR, neigh::UNRES_QLEN, "unres_qlen"),
            (NETNS, netns::IGMP_MAX_MEMBERSHIPS, "net.ipv4.igmp_max_memberships"),
            (IPV4, v4::FORCE_IGMP_VERSION, "force_igmp_version"),
            (IPV4, v4::IGMPV2_UNSOLICITED_REPORT_INTERVAL, "igmpv2_unsolicited_report_interval"),
            (IPV4, v4::IGMPV3_UNSOLICITED_REPORT_INTERVAL, "igmpv3_unsolicited_report_interval"),
            (IPV6, v6::FORCE_MLD_VERSION, "force_mld_version"),
            (NETNS, netns::NONLOCAL_BIND, "net.ipv4.ip_nonlocal_bind"),
            (NETNS, netns::RATELIMIT6, "net.ipv6.icmp.ratelimit"),
        ];
        for (table, place, name) in rows {
            assert_eq!(table[place].name, name);
        }
        assert!([IPV4, IPV6, NETNS].iter().all(|table| table.len() <= NEIGHBOURS));
        assert!(NEIGHBOURS + NEIGHBOUR.len() <= ROWS && ROWS <= 64);
    }

    #[test]
    fn devices_share_what_is_the_same() {
        let mut default = Values::defaults(IPV4);
        let [mut plain, mut odd, mut odder] = [(); 3].map(|()| default.of_device(IPV4, false));
        odd.set(v4::RP_FILTER, 2);
        odder.set(v4::RP_FILTER, 2);
        odder.set(v4::ARP_IGNORE, 1);
        assert!(Arc::ptr_eq(&default.shared, &odd.shared));
        assert!(!Arc::ptr_eq(&default.shared, &odder.shared));
        assert_eq!((odder.get(v4::RP_FILTER), odder.get(v4::ARP_IGNORE)), (2, 1));
        for (place, value) in [(v4::RP_FILTER, 1), (v4::ARP_IGNORE, 8), (v4::ARP_NOTIFY, 1)] {
            let before = default.clone();
            default.put(place, value);
            for own in [&mut plain, &mut odd, &mut odder] {
                own.inherit(place, &before, &default);
            }
        }
        let seen = |own: &Values| [v4::RP_FILTER, v4::ARP_IGNORE, v4::ARP_NOTIFY].map(|place| own.get(place));
        assert_eq!([&plain, &odd, &odder].map(seen), [[1, 8, 1], [2, 8, 1], [2, 1, 1]]);
        assert!(Arc::ptr_eq(&default.shared, &plain.shared) && Arc::ptr_eq(&default.shared, &odd.shared));
        plain.settle();
        let before = default.clone();
        default.put(v4::RP_FILTER, 0);
        plain.inherit(v4::RP_FILTER, &before, &default);
        assert_eq!(plain.get(v4::RP_FILTER), 1);
    }
}
