//! Options of links and of ports, with good values and bad ones.

use super::kinds::{KINDS, Kind, Ports};
use super::world::{Link, World};

impl World {
    /// One of the usual options of the link's own kind.
    pub(super) fn own_option(&mut self, link: &Link) {
        let sends = !self.counted && !link.kind.sends.is_empty() && self.rng.chance(30);
        let words = if sends { link.kind.sends } else { link.kind.usual };
        if !words.is_empty() {
            let words = self.rng.word(words);
            self.apply(link, link.kind.name, words);
        }
    }

    /// One of the usual options of a port, whether the link is one or not.
    pub(super) fn port_option(&mut self, link: &Link) {
        if let Some(ports) = self.ports_of(link) {
            let words = self.rng.word(ports.usual);
            self.apply(link, ports.kind, words);
        }
    }

    /// Any option with any value, also for a link of another kind.
    pub(super) fn set_option(&mut self) {
        let with_options: Vec<&'static Kind> =
            self.mix.kinds.iter().copied().filter(|kind| !kind.rare.is_empty()).collect();
        let Some(wanted) = self.rng.place(with_options.len()).map(|i| with_options[i]) else { return };
        let port = self.rng.chance(40);
        let fitting = self.some_link(|l| if port { l.master.is_some() } else { l.kind.name == wanted.name });
        let Some(link) = fitting.or_else(|| self.some_link(|_| true)) else { return };
        if port || link.kind.rare.is_empty() {
            if let Some(ports) = self.ports_of(&link).filter(|ports| !ports.rare.is_empty()) {
                let words = self.rng.word(ports.rare);
                self.apply(&link, ports.kind, words);
            }
            return;
        }
        let kind = if self.rng.chance(6) { wanted } else { link.kind };
        let words = self.rng.word(kind.rare);
        self.apply(&link, kind.name, words);
    }

    /// The ports that a link is one of; those of any kind if it is none.
    fn ports_of(&mut self, link: &Link) -> Option<&'static Ports> {
        let master = link.master.as_deref().and_then(|name| self.find(name));
        if let Some(ports) = master.and_then(|master| master.kind.ports).filter(|_| self.rng.chance(95)) {
            return Some(ports);
        }
        let all: Vec<&'static Ports> = KINDS.iter().filter_map(|kind| kind.ports).collect();
        self.rng.place(all.len()).map(|i| all[i])
    }

    /// Applies an option, if that does not lead frames round in a circle, and is not the one thing that would make the
    /// scenario depend on time: spanning tree on a bridge that may see another bridge, or with less patience than a
    /// scenario takes.
    fn apply(&mut self, link: &Link, kind: &str, words: &str) {
        let mut words = words.replace("DEV", &link.name);
        if words.contains("LOW") {
            let space = link.space;
            let Some(lower) = self.some_link(|l| l.space == space && l.name != link.name) else { return };
            if !self.may_stand_on(&link.name, &lower.name) {
                return;
            }
            words = words.replace("LOW", &lower.name);
        }
        if words == "stp_state 1" {
            if link.leads_on || self.counted {
                return;
            }
            words += " forward_delay 3000";
            if let Some(link) = self.link(&link.name) {
                link.stp = true;
            }
        }
        if words.contains("PORT") {
            let (name, space) = (Some(&link.name), link.space);
            let port = self.some_link(|l| l.space == space && l.master.as_ref() == name);
            let port = port.or_else(|| self.some_link(|l| l.space == space));
            words = words.replace("PORT", &port.map_or("lo".to_string(), |l| l.name));
        }
        self.set(link, &format!("type {kind} {words}"));
        self.carrier_may_go(&link.name);
    }
}
