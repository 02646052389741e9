//! Namespaces: made, deleted, listed, numbered.

use super::address::NO_SEARCH;
use super::world::World;

impl World {
    /// Makes or deletes a namespace.
    pub(super) fn namespaces(&mut self) {
        // Other namespaces have IPv6, and IPv6 sends frames.
        if self.counted {
            return;
        }
        let named = self.spaces.iter().flatten().count() - 1;
        if named < 3 && self.rng.chance(80) {
            let name = self.new_name("ns");
            self.emit(format!("ip netns add {name}"));
            if self.layer3 {
                self.note(&format!("ip netns exec {name} {NO_SEARCH}"));
            }
            self.spaces.push(Some(name));
        } else if self.rng.chance(30) {
            if let Some((place, name)) = self.named_space() {
                self.emit(format!("ip netns del {name}"));
                // Its links die when the kernel finds the time.
                self.settle();
                self.spaces[place] = None;
                let gone: Vec<String> =
                    self.links.iter().filter(|l| l.space == place).map(|l| l.name.clone()).collect();
                for name in gone {
                    self.forget(&name);
                }
            }
        }
    }

    /// The rarely used words of `ip netns`.
    pub(super) fn rare_namespaces(&mut self) {
        let Some((_, name)) = self.named_space() else {
            let words = self.rng.word(&[
                "netns",
                "netns list",
                "netns list-id",
                "netns del nope",
                "netns set nope 1",
            ]);
            return self.emit(format!("ip {words}"));
        };
        let id = self.rng.below(12);
        let words = match self.rng.below(14) {
            0 => "netns".to_string(),
            1 | 2 => "netns list-id".to_string(),
            3 | 4 => format!("netns set {name} {id}"),
            5 => format!("netns set {name} auto"),
            6 => format!("netns set {name} nope"),
            7 => format!("netns list-id target-nsid {id}"),
            8 => format!("netns list-id nsid {id}"),
            9 => format!("netns add {name}"),
            10 => format!("netns exec {name} ip netns list-id"),
            11 => format!("netns pids {name}"),
            12 => {
                self.settle();
                "-all netns exec ip -br link".to_string()
            }
            _ => {
                self.settle();
                format!("netns exec {name} ip -j link show up")
            }
        };
        self.emit(format!("ip {words}"));
    }
}
