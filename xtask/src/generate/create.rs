//! New links of every kind.

use super::kinds::{Kind, Shape};
use super::world::{Link, World};

const MTUS: &[&str] = &["576", "1280", "1400", "1500", "2000", "9000"];

impl World {
    /// Adds a link of a random kind in a random namespace.
    pub(super) fn create(&mut self) {
        let Some(kind) = self.rng.place(self.mix.kinds.len()).map(|i| self.mix.kinds[i]) else { return };
        let space = self.some_space();
        match kind.shape {
            Shape::Alone => self.create_alone(kind, space),
            Shape::Above => self.create_above(kind, space),
            Shape::Pair => self.create_pair(kind, space),
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

    fn random_mtu(&mut self, kind: &Kind) -> String {
        let mtus = if kind.mtus.is_empty() { MTUS } else { kind.mtus };
        if self.rng.chance(25) { format!("mtu {} ", self.rng.word(mtus)) } else { String::new() }
    }

    /// What may be said of any new link, besides its address.
    fn extras(&mut self, kind: &Kind) -> String {
        let mut extras = self.random_mtu(kind);
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

    fn create_above(&mut self, kind: &'static Kind, space: usize) {
        let Some(lower) = self.some_link(|l| l.space == space) else { return };
        let name = self.link_name(kind.stem, Some(&lower.name));
        let extras = self.extras(kind);
        let address = self.address(kind);
        let words = (kind.create)(self);
        let ip = self.ip(space);
        let head = self.head(&ip, &lower.name, &name);
        let (to, place) = self.elsewhere(space);
        self.emit(format!("{head} {extras}{address}{to}type {} {words}", kind.name));
        self.links.push(Link { lower: Some(lower.name), ..Link::new(&name, kind, place) });
    }

    /// The address of a new link, if it gets one.
    fn address(&mut self, kind: &Kind) -> String {
        if self.rng.chance(kind.addressed) { format!("address {} ", self.rng.mac()) } else { String::new() }
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

    fn create_pair(&mut self, kind: &'static Kind, space: usize) {
        let (name, peer) = (self.link_name(kind.stem, None), self.link_name("p", None));
        let there = self.some_space();
        let extras = self.extras(kind);
        let (mac, peer_mac) = (self.address(kind), self.address(kind));
        let ip = self.ip(space);
        let head = self.head(&ip, "", &name);
        let peer_mtu = if self.mix.plain { String::new() } else { self.random_mtu(kind) };
        let (to, peer_space) = match &self.spaces[there] {
            Some(to) if there != space && !to.is_empty() => (format!("netns {to}"), there),
            _ => (String::new(), space),
        };
        self.emit(format!(
            "{head} {extras}{mac}type {} peer name {peer} {peer_mtu}{peer_mac}{to}",
            kind.name
        ));
        self.links.push(Link { peer: Some(peer.clone()), ..Link::new(&name, kind, space) });
        self.links.push(Link { peer: Some(name), ..Link::new(&peer, kind, peer_space) });
    }

    fn create_alone(&mut self, kind: &'static Kind, space: usize) {
        let name = self.link_name(kind.stem, None);
        let extras = self.extras(kind);
        let mut words = (kind.create)(self);
        let mut lower = None;
        if words.contains("LOW") {
            let Some(link) = self.some_link(|l| l.space == space) else { return };
            words = words.replace("LOW", &link.name);
            lower = Some(link.name);
        }
        let address = self.address(kind);
        let ip = self.ip(space);
        let head = self.head(&ip, "", &name);
        let (to, place) = self.elsewhere(space);
        self.emit(format!("{head} {extras}{address}{to}type {} {words}", kind.name));
        let stp = words.contains("stp_state 1");
        let link = Link { stp, lower, ..Link::new(&name, kind, place) };
        self.links.push(link.clone());
        self.fill(&link);
    }
}
