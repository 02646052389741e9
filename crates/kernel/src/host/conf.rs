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
    /// Empty if `sysctl` does not reach it.
    pub name: &'static str,
    pub default: i32,
    pub all: i32,
    pub loopback: i32,
    /// The least and the largest value that may be set.
    pub limits: (i32, i32),
    /// What is kept for each 1 that is set: 1000 for seconds that messages tell in milliseconds.
    pub unit: i32,
}

const ANY: (i32, i32) = (i32::MIN, i32::MAX);
/// Nothing may be set.
pub(crate) const READ_ONLY: (i32, i32) = (1, 0);

const fn row(name: &'static str, default: i32) -> Setting {
    odd(name, default, default, default)
}

const fn odd(name: &'static str, default: i32, all: i32, loopback: i32) -> Setting {
    Setting { name, default, all, loopback, limits: ANY, unit: 1 }
}

const fn within(name: &'static str, default: i32, limits: (i32, i32)) -> Setting {
    Setting { limits, ..row(name, default) }
}

const fn seconds(name: &'static str, default: i32) -> Setting {
    Setting { unit: 1000, ..row(name, default * 1000) }
}

/// What messages tell and `sysctl` does not reach.
const fn hidden(default: i32) -> Setting {
    within("", default, READ_ONLY)
}

/// Places in [`IPV4`] that the kernel looks at.
#[allow(missing_docs)]
pub(crate) mod v4 {
    pub(crate) const FORWARDING: usize = 0;
    pub(crate) const MC_FORWARDING: usize = 1;
    pub(crate) const PROXY_ARP: usize = 2;
    pub(crate) const ACCEPT_REDIRECTS: usize = 3;
    pub(crate) const SEND_REDIRECTS: usize = 5;
    pub(crate) const SHARED_MEDIA: usize = 6;
    pub(crate) const RP_FILTER: usize = 7;
    pub(crate) const ARP_FILTER: usize = 12;
    pub(crate) const FORCE_IGMP_VERSION: usize = 16;
    pub(crate) const ARP_ANNOUNCE: usize = 17;
    pub(crate) const ARP_IGNORE: usize = 18;
    pub(crate) const PROMOTE_SECONDARIES: usize = 19;
    pub(crate) const ARP_ACCEPT: usize = 20;
    pub(crate) const ARP_NOTIFY: usize = 21;
    pub(crate) const ACCEPT_LOCAL: usize = 22;
    pub(crate) const PROXY_ARP_PVLAN: usize = 24;
    pub(crate) const ROUTE_LOCALNET: usize = 25;
    pub(crate) const IGMPV2_UNSOLICITED_REPORT_INTERVAL: usize = 26;
    pub(crate) const IGMPV3_UNSOLICITED_REPORT_INTERVAL: usize = 27;
    pub(crate) const IGNORE_ROUTES_WITH_LINKDOWN: usize = 28;
    pub(crate) const DROP_GRATUITOUS_ARP: usize = 30;
    pub(crate) const BC_FORWARDING: usize = 31;
    pub(crate) const ARP_EVICT_NOCARRIER: usize = 32;
}

/// `net.ipv4.conf.DEVICE`, in the order in which messages tell them (`IPV4_DEVCONF_*`).
pub(crate) static IPV4: &[Setting] = &[
    row("forwarding", 0),
    within("mc_forwarding", 0, READ_ONLY),
    row("proxy_arp", 0),
    row("accept_redirects", 1),
    row("secure_redirects", 1),
    row("send_redirects", 1),
    row("shared_media", 1),
    row("rp_filter", 0),
    odd("accept_source_route", 1, 0, 1),
    row("bootp_relay", 0),
    row("log_martians", 0),
    row("tag", 0),
    row("arp_filter", 0),
    row("medium_id", 0),
    odd("disable_xfrm", 0, 0, 1),
    odd("disable_policy", 0, 0, 1),
    row("force_igmp_version", 0),
    row("arp_announce", 0),
    row("arp_ignore", 0),
    row("promote_secondaries", 0),
    row("arp_accept", 0),
    row("arp_notify", 0),
    row("accept_local", 0),
    row("src_valid_mark", 0),
    row("proxy_arp_pvlan", 0),
    row("route_localnet", 0),
    row("igmpv2_unsolicited_report_interval", 10000),
    row("igmpv3_unsolicited_report_interval", 1000),
    row("ignore_routes_with_linkdown", 0),
    row("drop_unicast_in_l2_multicast", 0),
    row("drop_gratuitous_arp", 0),
    row("bc_forwarding", 0),
    row("arp_evict_nocarrier", 1),
];

/// Places in [`IPV6`] that the kernel looks at.
#[allow(missing_docs)]
pub(crate) mod v6 {
    pub(crate) const FORWARDING: usize = 0;
    pub(crate) const HOP_LIMIT: usize = 1;
    /// Of a device it is kept by the device.
    pub(crate) const MTU: usize = 2;
    pub(crate) const ACCEPT_RA: usize = 3;
    pub(crate) const DAD_TRANSMITS: usize = 6;
    pub(crate) const ROUTER_SOLICITATIONS: usize = 7;
    /// In milliseconds.
    pub(crate) const ROUTER_SOLICITATION_INTERVAL: usize = 8;
    pub(crate) const FORCE_MLD_VERSION: usize = 16;
    pub(crate) const PROXY_NDP: usize = 22;
    pub(crate) const DISABLE_IPV6: usize = 26;
    pub(crate) const ACCEPT_DAD: usize = 27;
    pub(crate) const NDISC_NOTIFY: usize = 29;
    pub(crate) const IGNORE_ROUTES_WITH_LINKDOWN: usize = 39;
    pub(crate) const KEEP_ADDR_ON_DOWN: usize = 42;
    pub(crate) const ROUTER_SOLICITATION_MAX_INTERVAL: usize = 43;
    pub(crate) const ADDR_GEN_MODE: usize = 47;
    pub(crate) const AUTOCONF: usize = 5;
    pub(crate) const MAX_ADDRESSES: usize = 15;
    pub(crate) const ACCEPT_RA_DEFRTR: usize = 17;
    pub(crate) const ACCEPT_RA_PINFO: usize = 18;
    pub(crate) const ACCEPT_RA_RTR_PREF: usize = 19;
    pub(crate) const ACCEPT_RA_RT_INFO_MAX_PLEN: usize = 21;
    pub(crate) const ACCEPT_RA_FROM_LOCAL: usize = 33;
    pub(crate) const ACCEPT_RA_MTU: usize = 35;
    pub(crate) const ACCEPT_RA_MIN_HOP_LIMIT: usize = 38;
    pub(crate) const ACCEPT_RA_RT_INFO_MIN_PLEN: usize = 49;
    pub(crate) const NDISC_EVICT_NOCARRIER: usize = 56;
    pub(crate) const ACCEPT_RA_MIN_LFT: usize = 58;
}

/// `net.ipv6.conf.DEVICE`, in the order in which messages tell them (`DEVCONF_*`).
pub(crate) static IPV6: &[Setting] = &[
    row("forwarding", 0),
    within("hop_limit", 64, (1, 255)),
    within("mtu", 1280, (1280, i32::MAX)),
    row("accept_ra", 1),
    row("accept_redirects", 1),
    row("autoconf", 1),
    row("dad_transmits", 1),
    row("router_solicitations", -1),
    seconds("router_solicitation_interval", 4),
    seconds("router_solicitation_delay", 1),
    odd("use_tempaddr", 0, 0, -1),
    row("temp_valid_lft", 604_800),
    row("temp_prefered_lft", 86400),
    row("regen_max_retry", 3),
    row("max_desync_factor", 600),
    row("max_addresses", 16),
    row("force_mld_version", 0),
    row("accept_ra_defrtr", 1),
    row("accept_ra_pinfo", 1),
    row("accept_ra_rtr_pref", 1),
    seconds("router_probe_interval", 60),
    row("accept_ra_rt_info_max_plen", 0),
    row("proxy_ndp", 0),
    hidden(0), // optimistic_dad
    row("accept_source_route", 0),
    hidden(0), // mc_forwarding
    row("disable_ipv6", 0),
    odd("accept_dad", 1, 0, -1),
    row("force_tllao", 0),
    row("ndisc_notify", 0),
    row("mldv1_unsolicited_report_interval", 10000),
    row("mldv2_unsolicited_report_interval", 1000),
    row("suppress_frag_ndisc", 1),
    row("accept_ra_from_local", 0),
    hidden(0), // use_optimistic
    row("accept_ra_mtu", 1),
    hidden(0), // stable_secret
    row("use_oif_addrs_only", 0),
    row("accept_ra_min_hop_limit", 1),
    row("ignore_routes_with_linkdown", 0),
    row("drop_unicast_in_l2_multicast", 0),
    row("drop_unsolicited_na", 0),
    row("keep_addr_on_down", 0),
    seconds("router_solicitation_max_interval", 3600),
    row("seg6_enabled", 0),
    hidden(0), // seg6_require_hmac
    row("enhanced_dad", 1),
    within("addr_gen_mode", 0, (0, 3)),
    row("disable_policy", 0),
    row("accept_ra_rt_info_min_plen", 0),
    within("ndisc_tclass", 0, (0, 255)),
    row("rpl_seg_enabled", 0),
    row("ra_defrtr_metric", 1024),
    within("ioam6_enabled", 0, (0, 1)),
    within("ioam6_id", 65535, (0, 65535)),
    hidden(-1), // ioam6_id_wide
    within("ndisc_evict_nocarrier", 1, (0, 255)),
    within("accept_untracked_na", 0, (0, 2)),
    row("accept_ra_min_lft", 0),
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
    table.iter().position(|row| row.name == name && !name.is_empty())
}

/// The first place of neighbours' settings, behind a device's own.
pub(crate) const NEIGHBOURS: usize = 59;
/// Places of a device's settings of one family.
const ROWS: usize = 73;
/// No row.
const NOWHERE: u8 = u8::MAX;

/// The values of one family, for many devices that have the same, or for one.
#[derive(Clone, Debug)]
struct Shared {
    values: [i32; ROWS],
    /// Which of them somebody has set; none as long as they are the default's.
    set: u128,
}

impl Shared {
    /// What a table says that is at first, and neighbours' settings behind it.
    const fn first(table: &[Setting], all: bool) -> Shared {
        let mut values = [0; ROWS];
        let mut place = 0;
        while place < table.len() {
            values[place] = if all { table[place].all } else { table[place].default };
            place += 1;
        }
        place = 0;
        while place < NEIGHBOUR.len() {
            values[NEIGHBOURS + place] = NEIGHBOUR[place].default;
            place += 1;
        }
        Shared { values, set: 0 }
    }
}

/// What sets of values begin as; as long as nothing is changed, they take no memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum First {
    /// `net.ipv4.conf.default`.
    Default4,
    /// `net.ipv6.conf.default`.
    Default6,
    /// `net.ipv4.conf.all`.
    All4,
    /// `net.ipv6.conf.all`.
    All6,
    /// A namespace's own.
    Netns,
}

/// The same, by number.
static FIRST: [Shared; 5] = [
    Shared::first(IPV4, false),
    Shared::first(IPV6, false),
    Shared::first(IPV4, true),
    Shared::first(IPV6, true),
    Shared::first(NETNS, false),
];

/// The values of one family, of a device and its neighbours or of a namespace. A device shares those of the default
/// until they differ in more than one place.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    /// None as long as they are what they were at first.
    shared: Option<Arc<Shared>>,
    /// The one value of a device that somebody has set, and its place.
    own: i32,
    place: u8,
    first: First,
    /// No new default is taken over any more.
    settled: bool,
}

impl Values {
    /// What they are at first.
    pub(crate) const fn new(first: First) -> Values {
        Values { shared: None, own: 0, place: NOWHERE, first, settled: false }
    }

    #[inline]
    fn shared(&self) -> &Shared {
        self.shared.as_deref().unwrap_or(&FIRST[self.first as usize])
    }

    fn shared_mut(&mut self) -> &mut Shared {
        let first = &FIRST[self.first as usize];
        Arc::make_mut(self.shared.get_or_insert_with(|| Arc::new(first.clone())))
    }

    /// Whether both share one set.
    fn shares_with(&self, other: &Values) -> bool {
        std::ptr::eq(self.shared(), other.shared())
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
        self.shared().values.get(place).copied().unwrap_or(0)
    }

    /// The first of them, as messages tell them: four bytes each, in host order.
    pub(crate) fn write<const BYTES: usize>(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        for (slot, value) in bytes.chunks_exact_mut(4).zip(&self.shared().values) {
            slot.copy_from_slice(&value.to_ne_bytes());
        }
        if let Some(slot) = bytes.chunks_exact_mut(4).nth(usize::from(self.place)) {
            slot.copy_from_slice(&self.own.to_ne_bytes());
        }
        bytes
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
            self.shared_mut().set |= 1 << place;
        }
    }

    /// Changes a value without anybody having set it: that of a namespace, which no default reaches.
    pub(crate) fn put(&mut self, place: usize, value: i32) {
        if self.shared().values.get(place).is_some_and(|known| *known != value) {
            self.shared_mut().values[place] = value;
        }
    }

    /// Takes over a changed default, unless the value was set: who had the old one's values shares the new one's.
    pub(crate) fn inherit(&mut self, place: usize, before: &Values, after: &Values) {
        if self.settled {
            return;
        }
        if self.shares_with(before) {
            self.shared = after.shared.clone();
        } else if self.shared().set & (1 << place) == 0 {
            self.put(place, after.get(place));
        }
    }

    /// Sets a value that the default has been set to as well.
    pub(crate) fn set_with_default(&mut self, place: usize, before: &Values, after: &Values) {
        if place != usize::from(self.place) && self.shares_with(before) {
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
            (IPV6, v6::NDISC_EVICT_NOCARRIER, "ndisc_evict_nocarrier"),
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
            (IPV6, v6::ROUTER_SOLICITATION_MAX_INTERVAL, "router_solicitation_max_interval"),
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
        assert!(NEIGHBOURS + NEIGHBOUR.len() <= ROWS && ROWS <= 128);
    }

    #[test]
    fn devices_share_what_is_the_same() {
        let mut default = Values::new(First::Default4);
        let [mut plain, mut odd, mut odder] = [(); 3].map(|()| default.of_device(IPV4, false));
        odd.set(v4::RP_FILTER, 2);
        odder.set(v4::RP_FILTER, 2);
        odder.set(v4::ARP_IGNORE, 1);
        assert!(default.shares_with(&odd));
        assert!(!default.shares_with(&odder));
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
        assert!(default.shares_with(&plain) && default.shares_with(&odd));
        plain.settle();
        let before = default.clone();
        default.put(v4::RP_FILTER, 0);
        plain.inherit(v4::RP_FILTER, &before, &default);
        assert_eq!(plain.get(v4::RP_FILTER), 1);
    }
}
