//! The options of each type and of bridge ports, with good values and bad ones.

use super::world::{Link, World};

const VLAN: &[&str] = &["reorder_hdr off", "loose_binding on", "egress-qos-map 1:2", "id 5"];
const VLAN_SENDS: &[&str] = &["gvrp on", "mvrp on"];
const MACVLAN: &[&str] = &[
    "mode bridge",
    "mode private",
    "mode vepa",
    "mode passthru",
    "macaddr add 02:11:22:33:44:55",
    "macaddr flush",
    "mode source",
];
const MACVTAP: &[&str] = &["mode bridge", "mode private", "mode vepa"];
const BRIDGE: &[&str] = &[
    "stp_state 1",
    "stp_state 0",
    "vlan_filtering 1",
    "ageing_time 500",
    "priority 4096",
    "mcast_snooping 0",
    "group_fwd_mask 8",
    "vlan_default_pvid 9",
    "hello_time 300",
    "mcast_querier 1",
    "nf_call_iptables 1",
];
const PORT: &[&str] = &[
    "hairpin on",
    "isolated on",
    "learning off",
    "flood off",
    "cost 7",
    "priority 9",
    "guard on",
    "state 0",
    "mcast_fast_leave on",
    "neigh_suppress on",
];

const VLAN_RARE: &[&str] = &[
    "reorder_hdr on loose_binding off",
    "loose_binding off",
    "bridge_binding on",
    "bridge_binding off",
    "egress-qos-map 1:2 3:4 5:6",
    "egress-qos-map 1:0",
    "ingress-qos-map 7:1 6:2",
    "ingress-qos-map 7:0",
    "egress-qos-map 4294967295:1",
    "egress-qos-map 1:8",
    "ingress-qos-map 8:1",
    "egress-qos-map x:1",
    "egress-qos-map 12",
    "protocol 802.1ad",
    "protocol nope",
    "id 4096",
    "id x",
    "id",
    "reorder_hdr maybe",
    "gvrp maybe",
    "nonsense",
    "id 5 nonsense",
    "",
];
const MACVLAN_RARE: &[&str] = &[
    "mode source macaddr add 02:11:22:33:44:56",
    "macaddr add 02:11:22:33:44:55",
    "macaddr del 02:11:22:33:44:55",
    "macaddr del 02:99:22:33:44:55",
    "macaddr set 02:11:00:00:00:01 02:11:00:00:00:02 02:11:00:00:00:03",
    "macaddr set",
    "macaddr flush",
    "macaddr nope",
    "macaddr add 01:00:5e:00:00:01",
    "macaddr add nope",
    "mode nope",
    "mode",
    "nopromisc",
    "flag nopromisc",
    "flag",
    "bcqueuelen 1",
    "bcqueuelen 4294967295",
    "bcqueuelen x",
    "bcqueuelen -1",
    "mode source nodst",
    "nodst",
    "mode bridge bcqueuelen 77",
    "nonsense",
    "",
];
const BRIDGE_RARE: &[&str] = &[
    "forward_delay 2200",
    "forward_delay x",
    "forward_delay 4294967296",
    "hello_time 99",
    "hello_time 100",
    "hello_time 1001",
    "max_age 600",
    "max_age 4001",
    "max_age 2500",
    "ageing_time 0",
    "ageing_time -1",
    "ageing_time 4294967295",
    "stp_state x",
    "priority 65536",
    "priority 65535",
    "priority 0",
    "priority x",
    "vlan_filtering 2",
    "vlan_filtering 0",
    "vlan_filtering x",
    "vlan_protocol 802.1ad",
    "vlan_protocol 802.1Q",
    "vlan_protocol nope",
    "vlan_default_pvid 0",
    "vlan_default_pvid 4095",
    "vlan_default_pvid x",
    "vlan_filtering 1 vlan_default_pvid 33",
    "vlan_stats_enabled 1",
    "vlan_stats_enabled 2",
    "vlan_stats_per_port 1",
    "group_fwd_mask 0xfff8",
    "group_fwd_mask 7",
    "group_fwd_mask 65536",
    "group_fwd_mask x",
    "group_address 01:80:c2:00:00:0f",
    "group_address 01:80:c2:00:00:01",
    "group_address 02:00:00:00:00:01",
    "group_address nope",
    "no_linklocal_learn 1",
    "no_linklocal_learn 0",
    "fdb_flush",
    "fdb_max_learned 5",
    "mcast_vlan_snooping 1",
    "vlan_filtering 1 mcast_vlan_snooping 1",
    "mcast_vlan_snooping 0",
    "mcast_router 0",
    "mcast_router 2",
    "mcast_router 3",
    "mcast_router x",
    "mcast_snooping 1",
    "mcast_snooping x",
    "mcast_query_use_ifaddr 1",
    "mcast_querier 0",
    "mcast_querier 3",
    "mcast_querier_interval 20000",
    "mcast_hash_elasticity 8",
    "mcast_hash_max 512",
    "mcast_hash_max 511",
    "mcast_hash_max 0",
    "mcast_last_member_count 5",
    "mcast_last_member_interval 300",
    "mcast_membership_interval 30000",
    "mcast_query_interval 6000",
    "mcast_query_interval 10",
    "mcast_query_response_interval 500",
    "mcast_startup_query_count 4",
    "mcast_startup_query_interval 1500",
    "mcast_startup_query_interval 5",
    "mcast_stats_enabled 1",
    "mcast_igmp_version 3",
    "mcast_igmp_version 1",
    "mcast_mld_version 2",
    "mcast_mld_version 3",
    "nf_call_ip6tables 1",
    "nf_call_arptables 1",
    "nf_call_iptables 0",
    "nonsense",
    "nonsense 1",
    "ageing_time",
    "ageing_time 100 nonsense",
    "ageing_time 700 priority 200 mcast_hash_max 1024",
    "",
];
const PORT_RARE: &[&str] = &[
    "hairpin off",
    "hairpin maybe",
    "isolated off",
    "learning on",
    "flood on",
    "cost 0",
    "cost 65535",
    "cost 65536",
    "cost x",
    "priority 63",
    "priority 64",
    "priority x",
    "guard off",
    "root_block on",
    "root_block off",
    "fastleave on",
    "fastleave off",
    "proxy_arp on",
    "proxy_arp_wifi on",
    "proxy_arp off",
    "mcast_router 0",
    "mcast_router 2",
    "mcast_router 4",
    "mcast_router x",
    "mcast_flood off",
    "bcast_flood off",
    "bcast_flood on",
    "mcast_to_unicast on",
    "neigh_suppress off",
    "group_fwd_mask 8",
    "group_fwd_mask 0x4000",
    "group_fwd_mask 7",
    "group_fwd_mask 65536",
    "vlan_tunnel on",
    "vlan_tunnel off",
    "locked on",
    "locked off",
    "mab on",
    "backup_port nope",
    "nobackup_port",
    "fdb_flush",
    "state 1",
    "state 3",
    "state 5",
    "state x",
    "nonsense",
    "nonsense on",
    "cost",
    "hairpin on cost 5 nonsense",
    "cost 8 priority 7 learning off flood off",
    "",
];

impl World {
    /// One of the usual options of the link's own type.
    pub(super) fn own_option(&mut self, link: &Link) {
        let words = match link.kind {
            "vlan" if !self.counted && self.rng.chance(30) => VLAN_SENDS,
            "vlan" => VLAN,
            "macvlan" => MACVLAN,
            "macvtap" => MACVTAP,
            "bridge" => BRIDGE,
            _ => return,
        };
        let words = self.rng.word(words);
        self.apply(link, link.kind, words);
    }

    /// One of the usual options of a bridge port, whether the link is one or not.
    pub(super) fn port_option(&mut self, link: &Link) {
        let words = self.rng.word(PORT);
        self.apply(link, "bridge_slave", words);
    }

    /// Any option with any value, also for a link of another type.
    pub(super) fn set_option(&mut self) {
        const KINDS: &[&str] = &["vlan", "macvlan", "macvtap", "bridge"];
        let wanted = self.rng.word(KINDS);
        let port = self.rng.chance(40);
        let fitting = self.some_link(|l| if port { l.master.is_some() } else { l.kind == wanted });
        let Some(link) = fitting.or_else(|| self.some_link(|_| true)) else { return };
        let kind = match link.kind {
            _ if port => "bridge_slave",
            _ if self.rng.chance(6) => self.rng.word(KINDS),
            "vlan" | "macvlan" | "macvtap" | "bridge" => link.kind,
            _ => return self.port_option(&link),
        };
        let words = self.rng.word(match kind {
            "vlan" => VLAN_RARE,
            "bridge" => BRIDGE_RARE,
            "bridge_slave" => PORT_RARE,
            _ => MACVLAN_RARE,
        });
        self.apply(&link, kind, words);
    }

    /// Applies an option, if that is not the one thing that would make the scenario depend on time: spanning
    /// tree on a bridge that may see another bridge, or with less patience than a scenario takes.
    fn apply(&mut self, link: &Link, kind: &str, words: &str) {
        let mut words = words.to_string();
        if words == "stp_state 1" {
            if link.leads_on || self.counted {
                return;
            }
            words += " forward_delay 3000";
            if let Some(link) = self.link(&link.name) {
                link.stp = true;
            }
        }
        self.set(link, &format!("type {kind} {words}"));
        self.carrier_may_go(&link.name);
    }
}
