//! Changes of links that exist: the ordinary ones and the rarely used.

use super::world::{Link, World};

/// The ordinary changes; what is named more than once is chosen more often.
const WHAT: &[&str] = &[
    "up",
    "up",
    "up",
    "up",
    "up",
    "up",
    "down",
    "down",
    "mtu",
    "mtu",
    "address",
    "master",
    "master",
    "master",
    "nomaster",
    "netns",
    "netns",
    "alias",
    "switch",
    "switch",
    "switch",
    "switch",
    "txqueuelen",
    "rename",
    "group",
    "altname",
    "del",
    "option",
    "option",
    "port",
];

const MTUS: &[&str] = &["67", "68", "576", "1280", "1400", "1500", "1600", "2000", "9000", "65535"];

impl World {
    /// An ordinary change of a random link.
    pub(super) fn change(&mut self) {
        let Some(link) = self.some_link(|_| true) else { return };
        match self.rng.word(WHAT) {
            "up" => self.set(&link, "up"),
            "down" => self.set(&link, "down"),
            "mtu" => {
                let own = !link.kind.mtus.is_empty() && self.rng.chance(80);
                let mtu = self.rng.word(if own { link.kind.mtus } else { MTUS });
                self.set(&link, &format!("mtu {mtu}"));
            }
            "address" => {
                let mac = if self.rng.chance(67) { self.rng.mac() } else { "01:00:5e:00:00:01".to_string() };
                self.set(&link, &format!("address {mac}"));
            }
            "master" => self.join(&link),
            "nomaster" => {
                self.set(&link, "nomaster");
                if let Some(link) = self.link(&link.name) {
                    link.master = None;
                }
            }
            "netns" => self.move_to(&link),
            "alias" => self.set(&link, &format!("alias 'to {}'", link.name)),
            "switch" => {
                let what = self.rng.word(&["promisc", "allmulticast", "arp", "multicast"]);
                let value = self.rng.word(&["on", "off"]);
                self.set(&link, &format!("{what} {value}"));
            }
            "txqueuelen" => {
                let length = self.rng.word(&["0", "10", "1000"]);
                self.set(&link, &format!("txqueuelen {length}"));
            }
            "rename" => self.rename(&link),
            "group" => {
                let group = self.rng.below(9);
                self.set(&link, &format!("group {group}"));
            }
            "altname" => {
                let (ip, name) = (self.ip(link.space), self.new_name("also"));
                self.emit(format!("{ip} link property add dev {} altname {name}", link.name));
            }
            "del" => self.delete(&link),
            "option" => self.own_option(&link),
            _ => self.port_option(&link),
        }
    }

    /// `ip link set`, and time for the links above if the carrier may be lost by it.
    pub(super) fn set(&mut self, link: &Link, words: &str) {
        let ip = self.ip(link.space);
        let dev = if !self.mix.plain && self.rng.chance(30) { "dev " } else { "" };
        self.emit(format!("{ip} link set {dev}{} {words}", link.name));
        if ["down", "nomaster", "carrier", "netns", "protodown"].iter().any(|w| words.contains(w)) {
            self.carrier_may_go(&link.name);
        }
        if ["up", "state", "master", "type"].iter().any(|w| words.contains(w)) {
            self.let_watchers_see(&link.name);
        }
    }

    fn join(&mut self, link: &Link) {
        let space = link.space;
        if let Some(master) = self.some_link(|l| l.kind.ports.is_some() && l.space == space) {
            self.join_to(link, master);
        }
    }

    /// Puts links into one that has just been made, as people do.
    pub(super) fn fill(&mut self, master: &Link) {
        if master.kind.ports.is_none() || self.rng.chance(50) {
            return;
        }
        for _ in 0..self.rng.between(1, 4) {
            if let Some(link) = self.some_link(|l| l.space == master.space && l.name != master.name) {
                self.join_to(&link, master.clone());
            }
        }
    }

    fn join_to(&mut self, link: &Link, master: Link) {
        if self.may_join(&link.name, &master.name) {
            self.carrier_may_go(&link.name);
            if master.kind.takes_down && self.rng.chance(75) {
                self.set(link, "down");
            }
            self.set(link, &format!("master {}", master.name));
            if let Some(link) = self.link(&link.name) {
                link.master = Some(master.name);
            }
            self.let_watchers_see(&link.name);
        }
    }

    fn move_to(&mut self, link: &Link) {
        let Some((place, name)) = self.named_space().filter(|(place, _)| *place != link.space) else {
            return;
        };
        self.carrier_may_go(&link.name);
        if !self.mix.plain && self.rng.chance(25) {
            let to = self.new_name("rn");
            self.set(link, &format!("netns {name} name {to}"));
            self.renamed(&link.name, &to);
            self.moved(&to, place);
        } else {
            self.set(link, &format!("netns {name}"));
            self.moved(&link.name, place);
        }
    }

    fn moved(&mut self, name: &str, place: usize) {
        if let Some(link) = self.link(name).filter(|l| l.kind.ports.is_none()) {
            link.space = place;
            link.master = None;
        }
    }

    fn rename(&mut self, link: &Link) {
        let to = self.new_name("rn");
        self.set(link, &format!("name {to}"));
        self.renamed(&link.name, &to);
    }

    fn delete(&mut self, link: &Link) {
        let ip = self.ip(link.space);
        self.carrier_may_go(&link.name);
        let kind = if !self.mix.plain && self.rng.chance(10) {
            format!(" type {}", link.kind.name)
        } else {
            String::new()
        };
        self.emit(format!("{ip} link del {}{kind}", link.name));
        if self.rng.chance(70) && !link.is_nic() {
            self.forget(&link.name);
        }
    }

    /// A change that people rarely make, or an ordinary one in rare words.
    pub(super) fn rare_change(&mut self) {
        let Some(link) = self.some_link(|_| true) else { return };
        // The NIC outlives the scenario, and these could not be undone.
        let nic = link.is_nic();
        let (mac, many) = (self.rng.mac(), self.rng.between(0, 70000));
        let words = match self.rng.below(24) {
            0 | 1 if !nic => "carrier off".to_string(),
            2 if !nic => "carrier on".to_string(),
            3 => "promisc on".to_string(),
            4 => "up mtu 1400".to_string(),
            5 => format!("address {mac} mtu 1300 txqueuelen 7 alias 'three at once'"),
            6 => "down address 02:00:00:00:00:01 up".to_string(),
            7 => "addrgenmode none".to_string(),
            // A random identity would be seen in addresses.
            8 if self.layer3 => "addrgenmode eui64".to_string(),
            8 => format!("addrgenmode {}", self.rng.word(&["eui64", "random", "stable_secret"])),
            9 => format!("gso_max_size {many}"),
            10 => format!("gso_max_segs {many}"),
            11 => "trailers off".to_string(),
            12 => "dynamic on".to_string(),
            13 => format!("broadcast {mac}"),
            14 => "brd ff:ff:ff:ff:ff:ff".to_string(),
            15 => "alias ''".to_string(),
            16 => "alias 'with \"quotes\" and a \\ in it'".to_string(),
            17 if !nic => format!("mode {}", self.rng.word(&["dormant", "default"])),
            18 if !nic => format!("state {}", self.rng.word(&["up", "dormant", "down", "testing"])),
            19 => format!("protodown {}", self.rng.word(&["on", "off"])),
            20 => "protodown_reason 3 on".to_string(),
            21 => format!("qlen {many}"),
            22 => "allm on multi off".to_string(),
            _ => format!("addr {mac} prom off"),
        };
        self.set(&link, &words);
    }

    /// Links by their group.
    pub(super) fn groups(&mut self) {
        let space = self.some_space();
        let ip = self.ip(space);
        let group = self.rng.below(9).max(1);
        let members: Vec<String> =
            self.links.iter().filter(|l| l.space == space).map(|l| l.name.clone()).collect();
        match self.rng.below(8) {
            0..3 => {
                for _ in 0..self.rng.between(1, 3) {
                    let Some(link) = self.some_link(|l| l.space == space) else { return };
                    self.set(&link, &format!("group {group}"));
                }
            }
            3 => self.emit(format!("{ip} link set group {group} up")),
            4 => self.emit(format!("{ip} link set dev nope group {group}")),
            5 => {
                let what =
                    self.rng.word(&["mtu 1350", "mtu 1200 txqueuelen 5", "promisc on", "down", "nomaster"]);
                self.emit(format!("{ip} link set group {group} {what}"));
            }
            6 => {
                self.settle();
                self.emit(format!("{ip} link show group {group}"));
                return;
            }
            _ => self.emit(format!("{ip} link del group {group}")),
        }
        for name in members {
            self.carrier_may_go(&name);
        }
    }

    /// Alternative names: given, used in place of the name, taken away.
    pub(super) fn alternative_names(&mut self) {
        let Some(link) = self.some_link(|_| true) else { return };
        let ip = self.ip(link.space);
        let (first, second) = (self.new_name("also"), self.new_name("an-alternative-name-that-is-long-"));
        let name = &link.name;
        self.emit(format!("{ip} link property add dev {name} altname {first}"));
        match self.rng.below(8) {
            0 => self.emit(format!("{ip} link property add dev {name} altname {first}")),
            1 => self.emit(format!("{ip} link property add dev {first} altname {second} altname {second}x")),
            2 => self.emit(format!("{ip} link set {first} mtu 1444")),
            3 => self.emit(format!("{ip} link property del dev {name} altname {first}")),
            4 => self.emit(format!("{ip} link property del dev {name} altname nope")),
            5 => self.emit(format!("{ip} link property add dev {name} altname {name}")),
            6 => {
                self.settle();
                self.emit(format!("{ip} link show {first}"));
            }
            _ => self.emit(format!("{ip} link set {name} name {first}")),
        }
    }
}
