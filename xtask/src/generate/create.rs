//! New links of every type.

use super::world::{Link, World};

const MTUS: &[&str] = &["576", "1280", "1400", "1500", "2000", "9000"];

impl World {
    /// Adds a link of a random type in a random namespace.
    pub(super) fn create(&mut self) {
        let kinds = self.mix.kinds.clone();
        let Some(kind) = self.rng.place(kinds.len()).map(|i| kinds[i]) else { return };
        let space = self.some_space();
        match kind {
            "vlan" | "macvlan" | "macvtap" => self.create_above(kind, space),
            "veth" => self.create_pair(space),
            _ => self.create_alone(kind, space),
        }
    }

    /// A name for a new link: sometimes one that is unusual or as long as can be.
    fn link_name(&mut self, stem: &str, lower: Option<&str>) -> String {
        let name = self.new_name(stem);
        if self.mix.plain {
            return name;
        }
        match self.rng.below(40) {
            0 => format!("{name}-as-long-as-it-can-be").chars().take(15).collect(),
            1 => format!("{name}_x.y-z"),
            2..5 if lower.is_some_and(|l| l.len() < 8) => format!("{}.{name}", lower.unwrap_or("")),
            _ => name,
        }
    }

    fn random_mtu(&mut self) -> String {
        if self.rng.chance(25) { format!("mtu {} ", self.rng.word(MTUS)) } else { String::new() }
    }

    /// What may be said of any new link, besides its address.
    fn extras(&mut self) -> String {
        let mut extras = self.random_mtu();
        if self.mix.plain {
            return extras;
        }
        if self.rng.chance(6) {
            extras += &format!("txqueuelen {} ", self.rng.word(&["0", "1", "50", "2000"]));
        }
        if self.rng.chance(5) {
            extras += &format!("group {} ", self.rng.below(9));
        }
        if self.rng.chance(4) {
            extras += &format!("index {} ", self.rng.between(40, 60));
        }
        if self.rng.chance(4) {
            extras += self.rng.word(&[
                "numtxqueues 2 ",
                "numtxqueues 4 numrxqueues 4 ",
                "gso_max_size 32768 ",
                "gso_max_segs 100 ",
            ]);
        }
        extras
    }

    /// The head of the command, in one of the ways that people write it.
    fn head(&mut self, ip: &str, lower: &str, name: &str) -> String {
        let link = if lower.is_empty() { String::new() } else { format!("link {lower} ") };
        if self.mix.plain {
            let name = if lower.is_empty() { name.to_string() } else { format!("name {name}") };
            return format!("{ip} link add {link}{name}");
        }
        match self.rng.below(6) {
            0 => format!("{ip} link add dev {name} {link}"),
            1 => format!("{ip} link add {name} {link}"),
            2 => format!("{ip} l a {link}name {name}"),
            _ => format!("{ip} link add {link}name {name}"),
        }
        .trim_end()
        .to_string()
    }

    fn create_above(&mut self, kind: &'static str, space: usize) {
        let Some(lower) = self.some_link(|l| l.space == space) else { return };
        let stem = match kind {
            "vlan" => "vl",
            "macvlan" => "mv",
            _ => "mt",
        };
        let name = self.link_name(stem, Some(&lower.name));
        let extras = self.extras();
        let (address, words) = if kind == "vlan" {
            let address =
                if self.rng.chance(40) { format!("address {} ", self.rng.mac()) } else { String::new() };
            (address, self.vlan_words())
        } else {
            (format!("address {} ", self.rng.mac()), self.macvlan_words())
        };
        let ip = self.ip(space);
        let head = self.head(&ip, &lower.name, &name);
        let (to, place) = self.elsewhere(space);
        self.emit(format!("{head} {extras}{address}{to}type {kind} {words}"));
        self.links.push(Link { lower: Some(lower.name), ..Link::new(&name, kind, place) });
    }

    /// Sometimes a link is made right in another namespace.
    fn elsewhere(&mut self, space: usize) -> (String, usize) {
        if !self.mix.plain && self.rng.chance(8) {
            if let Some((place, name)) = self.named_space() {
                return (format!("netns {name} "), place);
            }
        }
        (String::new(), space)
    }

    fn vlan_words(&mut self) -> String {
        let mut words = String::new();
        if self.rng.chance(30) {
            words += &format!("protocol {} ", self.rng.word(&["802.1Q", "802.1ad"]));
        }
        words += &format!("id {}", self.rng.word(&["0", "1", "2", "10", "11", "12", "100", "4094", "4095"]));
        if self.rng.chance(30) {
            let flags: &[&str] = if self.counted {
                &["reorder_hdr", "loose_binding", "bridge_binding"]
            } else {
                &["reorder_hdr", "gvrp", "mvrp", "loose_binding", "bridge_binding"]
            };
            words += &format!(" {} {}", self.rng.word(flags), self.rng.word(&["on", "off"]));
        }
        for map in ["egress-qos-map", "ingress-qos-map"] {
            if self.rng.chance(20) {
                words += &format!(" {map}");
                let pairs = if self.mix.plain { 1 } else { self.rng.between(1, 4) };
                for _ in 0..pairs {
                    words += &format!(" {}:{}", self.rng.below(8), self.rng.below(8));
                }
            }
        }
        words
    }

    fn macvlan_words(&mut self) -> String {
        const MODES: &[&str] = &["private", "vepa", "bridge", "passthru", "source", "passthru nopromisc"];
        let mut words = String::new();
        if self.rng.chance(80) {
            words = format!("mode {}", self.rng.word(MODES));
            if !self.mix.plain && words == "mode source" && self.rng.chance(50) {
                words += &format!(" macaddr set {} {}", self.rng.mac(), self.rng.mac());
            }
        }
        if self.rng.chance(10) {
            words += &format!(" bcqueuelen {}", self.rng.word(&["10", "1000", "5000"]));
        }
        words.trim_start().to_string()
    }

    fn create_pair(&mut self, space: usize) {
        let (name, peer) = (self.link_name("ve", None), self.link_name("vp", None));
        let there = self.some_space();
        let extras = self.extras();
        let (mac, peer_mac) = (self.rng.mac(), self.rng.mac());
        let ip = self.ip(space);
        let head = self.head(&ip, "", &name);
        let peer_mtu = if self.mix.plain { String::new() } else { self.random_mtu() };
        let (to, peer_space) = match &self.spaces[there] {
            Some(to) if there != space && !to.is_empty() => (format!(" netns {to}"), there),
            _ => (String::new(), space),
        };
        self.emit(format!(
            "{head} {extras}address {mac} type veth peer name {peer} {peer_mtu}address {peer_mac}{to}"
        ));
        self.links.push(Link { peer: Some(peer.clone()), ..Link::new(&name, "veth", space) });
        self.links.push(Link { peer: Some(name), ..Link::new(&peer, "veth", peer_space) });
    }

    fn create_alone(&mut self, kind: &'static str, space: usize) {
        let stem = match kind {
            "bridge" => "br",
            "dummy" => "du",
            other => other,
        };
        let name = self.link_name(stem, None);
        let extras = self.extras();
        let words = if kind == "bridge" { self.bridge_words() } else { String::new() };
        let mac = self.rng.mac();
        let ip = self.ip(space);
        let head = self.head(&ip, "", &name);
        let (to, place) = self.elsewhere(space);
        self.emit(format!("{head} {extras}address {mac} {to}type {kind} {words}"));
        let stp = words.contains("stp_state 1");
        self.links.push(Link { stp, ..Link::new(&name, kind, place) });
    }

    fn bridge_words(&mut self) -> String {
        let words = self.rng.word(&[
            "",
            "stp_state 1 forward_delay 3000",
            "vlan_filtering 1",
            "vlan_filtering 1 vlan_default_pvid 7",
            "ageing_time 1000",
            "mcast_snooping 0",
            "forward_delay 2100 hello_time 100",
            "priority 100",
        ]);
        words.to_string()
    }
}
