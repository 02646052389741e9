//! What frames go through: cables, bridges and bonds on them, and vlans.

use super::{Base, Case, Outside, VIDS, mac, written};

/// Settings of a port of a bridge.
const PORT_SETTINGS: [&str; 12] = [
    "hairpin on",
    "isolated on",
    "learning off",
    "flood off",
    "mcast_flood off",
    "bcast_flood off",
    "mcast_router 2",
    "mcast_router 0",
    "mcast_to_unicast on",
    "mcast_fast_leave on",
    "locked on",
    "group_fwd_mask 16384",
];
/// Settings of a bridge that is made.
const BRIDGE_SETTINGS: [&str; 6] = [
    "mcast_snooping 0",
    "mcast_snooping 0",
    "mcast_snooping 0",
    "group_fwd_mask 65528",
    "no_linklocal_learn 1",
    "mcast_router 2",
];
const VLAN_SETTINGS: [&str; 6] = [
    "reorder_hdr off",
    "loose_binding on",
    "ingress-qos-map 0:3 5:6",
    "egress-qos-map 0:4 6:2",
    "ingress-qos-map 1:2 egress-qos-map 2:7 0:1",
    "gvrp off",
];

const HASH_POLICIES: [&str; 6] = ["layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac"];

impl Case {
    /// Two to four cables: the far ends are ports.
    pub(super) fn cables(&mut self) {
        self.run("ip netns add wire");
        self.no_ipv6("wire");
        for number in 0..self.rng.between(2, 5) as u16 {
            let port = ['a', 'b', 'c', 'd'][usize::from(number) % 4];
            let (near, far) = (mac(0x20 + number), mac(0x10 + number));
            let name = format!("p{port}");
            self.run(format!(
                "ip link add {name} address {} type veth peer name o{port} address {} netns wire",
                written(near),
                written(far)
            ));
            self.run(format!("ip link set {name} up"));
            self.run(format!("ip -n wire link set dev o{port} arp off up"));
            self.outside.push(Outside { port, mac: far });
            self.bases.push(base(name.clone(), near));
            self.links.push((String::new(), name));
        }
    }

    /// Bridges, a bond and a team over some of the cables.
    pub(super) fn masters(&mut self) {
        if self.kinds.contains("bond") && self.rng.chance(30) {
            self.bond();
        }
        if self.kinds.contains("team") && self.rng.chance(6) {
            self.team();
        }
        let shape = self.rng.below(10);
        if shape < 6 {
            self.bridge();
        }
        // Two bridges, perhaps with a cable between them.
        if shape < 2 && self.bases.iter().filter(|base| !base.bridge).count() >= 2 {
            self.bridge();
            let bridges: Vec<String> =
                self.bases.iter().filter(|base| base.bridge).map(|base| base.name.clone()).collect();
            if let ([one, other], true) = (&bridges[..], self.rng.chance(60)) {
                let ((left, left_mac), (right, right_mac)) = (self.fresh(), self.fresh());
                let (left, right) = (format!("x{left}"), format!("x{right}"));
                self.run(format!(
                    "ip link add {left} address {} type veth peer name {right} address {}",
                    written(left_mac),
                    written(right_mac)
                ));
                for (end, bridge) in [(left, one), (right, other)] {
                    self.run(format!("ip link set {end} master {bridge} up"));
                    self.join_vlans(&end);
                    self.links.push((String::new(), end.clone()));
                    self.bridge_ports.push(end);
                }
                self.pause();
            }
        }
    }

    /// Takes some of the bases that nothing stands on out of the list.
    fn take_bases(&mut self, most: usize) -> Vec<Base> {
        let mut taken = Vec::new();
        for _ in 0..most {
            let free: Vec<usize> = (0..self.bases.len()).filter(|at| !self.bases[*at].bridge).collect();
            if let Some(at) = self.one(&free) {
                taken.push(self.bases.remove(at));
            }
        }
        taken
    }

    fn bond(&mut self) {
        let most = self.rng.between(1, 4) as usize;
        let members = self.take_bases(most);
        let (number, own) = self.fresh();
        let name = format!("bo{number}");
        let mode = match self.rng.below(10) {
            0..3 => format!("balance-xor xmit_hash_policy {}", self.rng.word(&HASH_POLICIES)),
            3..5 => format!("balance-rr packets_per_slave {}", self.rng.between(1, 4)),
            5..8 => format!("active-backup fail_over_mac {}", self.rng.word(&["none", "active", "follow"])),
            8 => "balance-xor".to_string(),
            _ => "broadcast".to_string(),
        };
        let all = if self.rng.chance(20) { " all_slaves_active 1" } else { "" };
        let words = format!("mode {mode} miimon 100{all}");
        self.run(format!("ip link add {name} address {} type bond {words}", written(own)));
        for member in members {
            self.run(format!("ip link set {} down", member.name));
            self.run(format!("ip link set {} master {name}", member.name));
            self.bond_ports.push((member.name, name.clone()));
        }
        self.run(format!("ip link set {name} up"));
        self.pause();
        self.bases.push(base(name, own));
    }

    /// A team without a daemon, which has no mode and so carries nothing.
    fn team(&mut self) {
        let members = self.take_bases(2);
        let (number, own) = self.fresh();
        let name = format!("te{number}");
        self.run(format!("ip link add {name} address {} type team", written(own)));
        for member in &members {
            self.run(format!("ip link set {} down", member.name));
            self.run(format!("ip link set {} master {name}", member.name));
        }
        self.run(format!("ip link set {name} up"));
        self.pause();
        self.bases.push(base(name, own));
    }

    fn bridge(&mut self) {
        let most = self.rng.between(2, 5) as usize;
        let members = self.take_bases(most);
        let (number, own) = self.fresh();
        let name = format!("br{number}");
        let filtering = self.rng.chance(45);
        let mut settings = String::new();
        if filtering {
            settings.push_str(" vlan_filtering 1");
            if self.rng.chance(15) {
                settings.push_str(" vlan_protocol 802.1ad");
            }
            if self.rng.chance(15) {
                settings.push_str(&format!(" vlan_default_pvid {}", self.rng.word(&["0", "11", "5"])));
            }
        }
        if self.rng.chance(60) {
            settings.push_str(&format!(" {}", self.rng.word(&BRIDGE_SETTINGS)));
        }
        self.run(format!("ip link add {name} address {} type bridge{settings}", written(own)));
        for member in &members {
            self.run(format!("ip link set {} master {name}", member.name));
        }
        self.run(format!("ip link set {name} up"));
        self.pause();
        for member in members {
            if filtering {
                self.join_vlans(&member.name);
            }
            if self.rng.chance(30) {
                let setting = self.rng.word(&PORT_SETTINGS);
                self.run(format!("bridge link set dev {} {setting}", member.name));
            }
            self.bridge_ports.push(member.name);
        }
        if filtering {
            self.join_vlans(&format!("{name} self"));
        }
        self.links.push((String::new(), name.clone()));
        self.bases.push(Base { bridge: true, ..base(name, own) });
    }

    /// Lets a port, or the bridge itself (`NAME self`), into VLANs. On a bridge that does not filter it matters not.
    fn join_vlans(&mut self, port: &str) {
        let (dev, own) = port.split_once(' ').unwrap_or((port, ""));
        let own = if own.is_empty() { String::new() } else { format!(" {own}") };
        if self.rng.chance(70) {
            let vid = self.one(&VIDS).unwrap_or(1);
            let how = self.rng.word(&["", " pvid untagged", " untagged", " pvid"]);
            self.run(format!("bridge vlan add dev {dev} vid {vid}{how}{own}"));
        }
        if self.rng.chance(20) {
            self.run(format!("bridge vlan del dev {dev} vid 1{own}"));
        }
    }

    /// Up to three vlans, some of them on others.
    pub(super) fn vlans(&mut self) {
        for _ in 0..self.rng.below(4) {
            let Some(at) = self.rng.place(self.bases.len()) else { return };
            let below = &self.bases[at];
            let (low, low_mac, mut tags) = (below.name.clone(), below.mac, below.tags.clone());
            let id = self.one(&VIDS).unwrap_or(1);
            let kind = if self.rng.chance(20) { 0x88a8 } else { 0x8100 };
            let name = format!("v{}.{id}", low.replace('.', "_"));
            if tags.len() >= 2 || self.bases.iter().any(|base| base.name == name) {
                continue;
            }
            let mut settings = if kind == 0x88a8 { " protocol 802.1ad".to_string() } else { String::new() };
            settings.push_str(&format!(" id {id}"));
            if self.rng.chance(40) {
                settings.push_str(&format!(" {}", self.rng.word(&VLAN_SETTINGS)));
            }
            self.run(format!("ip link add link {low} name {name} type vlan{settings}"));
            self.run(format!("ip link set {name} up"));
            tags.push((kind, id));
            self.links.push((String::new(), name.clone()));
            self.bases.push(Base { tags, ..base(name, low_mac) });
        }
    }
}

fn base(name: String, mac: [u8; 6]) -> Base {
    Base { name, mac, tags: Vec::new(), bridge: false, ipvlan: None, taken: None }
}
