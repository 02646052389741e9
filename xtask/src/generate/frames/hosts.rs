//! Who the frames are for: hosts in namespaces of their own, on macvlans, veths and their like, and the first
//! namespace itself.

use super::ipv6::same_in_ipv6;
use super::{Case, Host, written};

const MACVLAN_MODES: [&str; 6] = ["bridge", "bridge", "vepa", "private", "passthru", "source"];
const IPVLAN_MODES: [&str; 6] = ["l2", "l3", "l3s", "l2 private", "l2 vepa", "l3 private"];

impl Case {
    /// One to four hosts on what there is.
    pub(super) fn leaves(&mut self) {
        for _ in 0..self.rng.between(1, 5) {
            let Some(at) = self.rng.place(self.bases.len()) else { return };
            let kinds: Vec<&'static str> = match self.bases[at].bridge {
                true => vec!["macvlan", "macvlan", "veth", "veth", "macvtap"],
                false => vec![
                    "macvlan", "macvlan", "macvlan", "macvtap", "ipvlan", "ipvlan", "ipvtap", "move", "veth",
                ],
            };
            match self.one(&kinds).unwrap_or_default() {
                "macvlan" => self.macvlan(at, "macvlan"),
                "macvtap" if self.kinds.contains("macvtap") => self.macvlan(at, "macvtap"),
                "ipvlan" if self.kinds.contains("ipvlan") => self.ipvlan(at, "ipvlan"),
                "ipvtap" if self.kinds.contains("ipvtap") => self.ipvlan(at, "ipvtap"),
                "veth" => self.veth(at),
                "move" if self.bases.len() > 1 => self.moved(at),
                _ => {}
            }
        }
    }

    fn macvlan(&mut self, at: usize, kind: &'static str) {
        let (number, mac) = self.fresh();
        let name = format!("e{number}");
        let (low, low_mac) = (self.bases[at].name.clone(), self.bases[at].mac);
        let mode = self.rng.word(&MACVLAN_MODES);
        let flag = match mode {
            "passthru" if self.rng.chance(25) => " nopromisc",
            "source" if self.rng.chance(25) => " nodst",
            _ => "",
        };
        let place = self.netns();
        self.run(format!(
            "ip link add link {low} name {name} address {} type {kind} mode {mode}{flag}",
            written(mac)
        ));
        if mode == "source" {
            let senders: Vec<[u8; 6]> = self.outside.iter().map(|outside| outside.mac).collect();
            if let Some(sender) = self.one(&senders) {
                self.run(format!("ip link set {name} type {kind} macaddr add {}", written(sender)));
            }
        }
        // In passthru mode it has the address of what it stands on.
        let mac = if mode == "passthru" { low_mac } else { mac };
        self.bases[at].taken = Some("macvlan");
        let tags = self.bases[at].tags.clone();
        if kind == "macvlan" {
            self.macvlans.push((place.clone(), name.clone()));
        }
        self.settle_in(&place, &name, mac, tags);
    }

    fn ipvlan(&mut self, at: usize, kind: &str) {
        let (number, _) = self.fresh();
        let name = format!("e{number}");
        let fresh = self.rng.word(&IPVLAN_MODES);
        let mode = *self.bases[at].ipvlan.get_or_insert(fresh);
        let (low, mac, tags) = (self.bases[at].name.clone(), self.bases[at].mac, self.bases[at].tags.clone());
        let place = self.netns();
        self.run(format!("ip link add link {low} name {name} type {kind} mode {mode}"));
        self.settle_in(&place, &name, mac, tags);
    }

    /// A cable into a namespace; from a bridge, or from nowhere.
    fn veth(&mut self, at: usize) {
        let ((number, mac), (_, near_mac)) = (self.fresh(), self.fresh());
        let (name, near) = (format!("e{number}"), format!("h{number}"));
        let place = self.netns();
        self.run(format!(
            "ip link add {name} address {} type veth peer name {near} address {}",
            written(mac),
            written(near_mac)
        ));
        if self.bases[at].bridge {
            self.run(format!("ip link set {near} master {}", self.bases[at].name));
            self.bridge_ports.push(near.clone());
        }
        self.run(format!("ip link set {near} up"));
        let tags = self.bases[at].tags.clone();
        self.settle_in(&place, &name, mac, tags);
    }

    /// A link moves into a namespace, with nothing on it.
    fn moved(&mut self, at: usize) {
        if self.bases[at].taken.is_some() || self.bases[at].ipvlan.is_some() {
            return;
        }
        let base = self.bases.remove(at);
        self.links.retain(|(_, name)| *name != base.name);
        let place = self.netns();
        self.settle_in(&place, &base.name, base.mac, base.tags);
    }

    /// Moves a link to a namespace and makes a host of that.
    fn settle_in(&mut self, place: &str, name: &str, mac: [u8; 6], tags: Vec<super::Tag>) {
        self.run(format!("ip link set {name} netns {place}"));
        self.run(format!("ip -n {place} link set {name} up"));
        self.run(format!("ip -n {place} link set lo up"));
        if self.kinds.contains("vrf") && self.rng.chance(15) {
            self.domain(place, name);
        }
        let ip = self.address();
        self.run(format!("ip -n {place} addr add {}/24 dev {name}", shown(ip)));
        self.also_ipv6(&format!("ip -n {place}"), name, ip);
        self.know_the_outside(&format!("ip -n {place}"), name, &[0, 1]);
        self.links.push((place.to_string(), name.to_string()));
        self.hosts.push(Host { ip, mac, tags, router: false });
    }

    /// The host is in a routing domain of its own.
    fn domain(&mut self, place: &str, name: &str) {
        let (number, mac) = self.fresh();
        let master = format!("vrf{number}");
        let table = 100 + number;
        self.run(format!("ip -n {place} link add {master} address {} type vrf table {table}", written(mac)));
        self.run(format!("ip -n {place} link set {master} up"));
        self.run(format!("ip -n {place} link set {name} master {master}"));
        self.links.push((place.to_string(), master));
    }

    fn address(&mut self) -> [u8; 4] {
        let net = self.rng.below(2) as u8;
        [10, 0, net, 10 + self.hosts.len() as u8]
    }

    /// The hosts outside are known, in some networks.
    fn know_the_outside(&mut self, ip: &str, device: &str, nets: &[u8]) {
        let outside: Vec<(char, [u8; 6])> = self.outside.iter().map(|o| (o.port, o.mac)).collect();
        for (port, mac) in outside {
            for net in nets {
                let address = shown(outside_address(*net, port));
                self.run(format!(
                    "{ip} neigh add {address} lladdr {} dev {device} nud permanent",
                    written(mac)
                ));
                if self.ipv6 {
                    let address = same_in_ipv6(outside_address(*net, port));
                    self.run(format!(
                        "{ip} neigh add {address} lladdr {} dev {device} nud permanent",
                        written(mac)
                    ));
                }
            }
        }
    }

    /// The first namespace may have addresses too, and be a router between its two networks.
    pub(super) fn own_hosts(&mut self) {
        let router = self.rng.chance(25);
        let wanted = if router { 2 } else { usize::from(self.rng.chance(50)) };
        for net in 0..wanted as u8 {
            let Some(at) = self.rng.place(self.bases.len()) else { break };
            let (name, mac, tags) =
                (self.bases[at].name.clone(), self.bases[at].mac, self.bases[at].tags.clone());
            let ip = [10, 0, net, 10 + self.hosts.len() as u8];
            self.run(format!("ip addr add {}/24 dev {name}", shown(ip)));
            self.also_ipv6("ip", &name, ip);
            self.know_the_outside("ip", &name, &[net]);
            self.hosts.push(Host { ip, mac, tags, router });
        }
        if router {
            self.run("sysctl -qw net.ipv4.ip_forward=1");
            if self.ipv6 {
                self.run("sysctl -qw net.ipv6.conf.all.forwarding=1");
            }
        }
        if self.rng.chance(20) {
            let (number, mac) = self.fresh();
            self.run(format!("ip link add d{number} address {} type dummy", written(mac)));
            self.run(format!("ip link set d{number} up"));
        }
        self.pause();
    }
}

/// The address of who is at the far end of a cable.
pub(super) fn outside_address(net: u8, port: char) -> [u8; 4] {
    [10, 0, net, 200 + (port as u8 - b'a')]
}

pub(super) fn shown(ip: [u8; 4]) -> String {
    std::net::Ipv4Addr::from(ip).to_string()
}
