//! Looks at the state: everything at the end, all sorts of shows in the middle.

use super::world::World;

const OPTIONS: &[&str] = &[
    "",
    "-d",
    "-o",
    "-br",
    "-j",
    "-d -j",
    "-o -d",
    "-br -j",
    "-p -j",
    "-d -p -j",
    "-details -oneline",
    "-N",
    "-d -N -j",
];

impl World {
    /// The whole state, in the three ways that people look at it.
    pub(super) fn look_at_everything(&mut self) {
        self.sleep();
        self.note("ip netns list");
        for name in self.spaces.clone().into_iter().flatten() {
            let ip = if name.is_empty() { "ip".to_string() } else { format!("ip -n {name}") };
            for words in ["-d link", "-d -j link", "-br link"] {
                self.note(&format!("{ip} {words}"));
            }
            if self.layer3 {
                self.look_at_layer3(&ip);
            }
        }
        if self.counted {
            for kind in self.mix.kinds.clone().iter().map(|kind| kind.name) {
                self.note(&format!("ip -s link show type {kind}"));
                self.note(&format!("ip -s -s -j link show type {kind}"));
            }
        }
    }

    /// The name of a kind of links or of ports.
    fn kind_to_show(&mut self) -> &'static str {
        let Some(kind) = self.rng.place(self.mix.kinds.len()).map(|i| self.mix.kinds[i]) else {
            return "nope";
        };
        kind.ports.filter(|_| self.rng.chance(50)).map_or(kind.name, |ports| ports.kind)
    }

    /// One look at something.
    pub(super) fn look(&mut self) {
        let space = self.some_space();
        let link = self.some_link(|l| l.space == space).map_or("lo".to_string(), |l| l.name);
        let master =
            self.some_link(|l| l.kind.ports.is_some() && l.space == space).map_or(link.clone(), |l| l.name);
        let kind = self.kind_to_show();
        let group = self.rng.below(9);
        let what = match self.rng.below(16) {
            0 | 1 => format!("link show {link}"),
            2 => format!("link show dev {link}"),
            3 => format!("link list dev {link} up"),
            4 | 5 => format!("link show type {kind}"),
            6 => format!("link show master {master}"),
            7 => format!("link show master {master} type {kind}"),
            8 => format!("link show group {group}"),
            9 => "link show group default".to_string(),
            10 => "link show up".to_string(),
            11 => format!("link show up type {kind}"),
            12 => "link ls".to_string(),
            13 => format!("link show dev {link} type {kind}"),
            14 => "link show nomaster".to_string(),
            _ => "link".to_string(),
        };
        let mut options = self.rng.word(OPTIONS).to_string();
        // Only where no frame is ever sent are the counters known; the NIC's are never.
        if self.counted && what.contains(" type ") && self.rng.chance(50) {
            options.push_str(" -s");
        }
        self.settle();
        let ip = self.ip(space);
        let command = [ip.as_str(), options.trim(), what.as_str()].join(" ").replace("  ", " ");
        self.note(&command);
    }
}
