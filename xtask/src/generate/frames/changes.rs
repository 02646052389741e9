//! What changes once everything stands: links go down and up, lose and gain ports, entries and settings.

use super::hosts::shown;
use super::{Case, VIDS, written};

impl Case {
    /// A few changes in half of the cases.
    pub(super) fn changes(&mut self) {
        if !self.rng.chance(50) {
            return;
        }
        for _ in 0..self.rng.between(1, 4) {
            match self.rng.below(9) {
                0..3 => self.change_link(),
                3 => self.change_macvlan(),
                4..6 => self.change_port(),
                6 => self.add_entry(),
                7 => self.change_bond(),
                _ => self.change_host(),
            }
        }
        self.pause();
    }

    fn change_link(&mut self) {
        let Some(at) = self.rng.place(self.links.len()) else { return };
        let (place, name) = self.links[at].clone();
        let ip = if place.is_empty() { "ip".to_string() } else { format!("ip -n {place}") };
        let how = self.rng.word(&[
            "promisc on",
            "allmulticast on",
            "mtu 1400",
            "mtu 1300",
            "arp off",
            "multicast off",
            "down",
            "bounce",
        ]);
        if how == "bounce" {
            self.run(format!("{ip} link set {name} down"));
            self.run(format!("{ip} link set {name} up"));
        } else {
            self.run(format!("{ip} link set {name} {how}"));
        }
    }

    fn change_macvlan(&mut self) {
        let Some(at) = self.rng.place(self.macvlans.len()) else { return };
        let (place, name) = self.macvlans[at].clone();
        let mode = self.rng.word(&["bridge", "vepa", "private", "source"]);
        self.run(format!("ip -n {place} link set {name} type macvlan mode {mode}"));
    }

    fn change_port(&mut self) {
        let Some(at) = self.rng.place(self.bridge_ports.len()) else { return };
        let name = self.bridge_ports[at].clone();
        match self.rng.below(5) {
            0 => self.run(format!("ip link set {name} nomaster")),
            1 => {
                let state = self.rng.below(4);
                self.run(format!("bridge link set dev {name} state {state}"));
            }
            2 => {
                let vid = self.one(&VIDS).unwrap_or(1);
                self.run(format!("bridge vlan add dev {name} vid {vid} pvid untagged"));
            }
            3 => self.run(format!("bridge mdb add dev br1 port {name} grp 239.1.1.1 permanent")),
            // Between two bridges frames would go to and fro.
            _ if name.starts_with('x') => {}
            _ => self.run(format!("ip link set {name} type bridge_slave hairpin on")),
        }
    }

    /// Another port of a bond sends, or one leaves, or it sends by other rules.
    fn change_bond(&mut self) {
        let Some(at) = self.rng.place(self.bond_ports.len()) else { return };
        let (port, bond) = self.bond_ports[at].clone();
        match self.rng.below(6) {
            0 => self.run(format!("ip link set {bond} type bond active_slave {port}")),
            1 => self.run(format!("ip link set {port} nomaster")),
            2 => self.run(format!("ip link set {port} down")),
            3 => self.run(format!("ip link set {bond} type bond xmit_hash_policy layer3+4")),
            4 => self.run(format!("ip link set {bond} type bond primary {port}")),
            _ => self.run(format!("ip link set {bond} type bond all_slaves_active 1")),
        }
    }

    /// A static entry: somebody's address behind a port.
    fn add_entry(&mut self) {
        let Some(at) = self.rng.place(self.bridge_ports.len()) else { return };
        let name = self.bridge_ports[at].clone();
        let known: Vec<[u8; 6]> =
            self.outside.iter().map(|o| o.mac).chain(self.hosts.iter().map(|host| host.mac)).collect();
        let Some(mac) = self.one(&known) else { return };
        let vid = if self.rng.chance(30) { " vlan 11" } else { "" };
        self.run(format!("bridge fdb replace {} dev {name} master static{vid}", written(mac)));
    }

    fn change_host(&mut self) {
        let Some(at) = self.rng.place(self.hosts.len()) else { return };
        let ip = shown(self.hosts[at].ip);
        // Not proxy_arp: it answers at random times.
        let name = self.rng.word(&["arp_ignore", "arp_filter", "rp_filter", "route_localnet"]);
        self.run(format!("sysctl -qw net.ipv4.conf.all.{name}=1"));
        if self.rng.chance(20) {
            self.run(format!("ip route add blackhole {ip}/32"));
        }
    }
}
