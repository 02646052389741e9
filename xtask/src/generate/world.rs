//! What a scenario has made so far, as far as the generator knows: it never runs the commands, so a link
//! may be gone or somewhere else. That only costs an error message, which is also compared.

use super::Mix;
use super::kinds::{Kind, NIC};
use super::rng::Rng;

/// A link that probably exists.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) kind: &'static Kind,
    /// Which of the world's namespaces it is in.
    pub(super) space: usize,
    pub(super) lower: Option<String>,
    pub(super) peer: Option<String>,
    pub(super) master: Option<String>,
    /// A bridge that has, or ever had, spanning tree.
    pub(super) stp: bool,
    /// A bridge with a port that may lead to another bridge.
    pub(super) leads_on: bool,
}

impl Link {
    pub(super) fn new(name: &str, kind: &'static Kind, space: usize) -> Link {
        let (lower, peer, master) = (None, None, None);
        Link { name: name.to_string(), kind, space, lower, peer, master, stp: false, leads_on: false }
    }

    /// The machine's own NIC outlives a scenario.
    pub(super) fn is_nic(&self) -> bool {
        self.kind.name == NIC.name
    }
}

/// The scenario in the making.
pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) mix: Mix,
    /// Frames are counted in this scenario, so none may be sent.
    pub(super) counted: bool,
    /// Addresses, routes, rules and neighbours are part of this scenario.
    pub(super) layer3: bool,
    /// The names of the namespaces; the first is the scenario's own and has none. A deleted one is `None`.
    pub(super) spaces: Vec<Option<String>>,
    pub(super) links: Vec<Link>,
    numbered: u32,
    lines: Vec<String>,
    /// Seconds after which nothing goes on any more that a command began, as `sleep` takes them.
    pub(super) patience: &'static str,
    /// Something was done since the last sleep.
    unsettled: bool,
    /// Something was done since those that look at carriers had the time to.
    unseen: bool,
    /// Pairs of connected things: bridges and their kin, and what their ports hang on. It is always a forest.
    edges: Vec<(String, String)>,
}

impl World {
    pub(super) fn new(rng: Rng, mix: Mix, counted: bool) -> World {
        World {
            rng,
            mix,
            counted,
            layer3: false,
            spaces: vec![Some(String::new())],
            links: Vec::new(),
            numbered: 0,
            lines: Vec::new(),
            patience: "1.5",
            unsettled: false,
            unseen: false,
            edges: Vec::new(),
        }
    }

    /// The scenario as text.
    pub(super) fn text(self) -> String {
        self.lines.join("\n") + "\n"
    }

    /// A line that changes nothing.
    pub(super) fn note(&mut self, line: &str) {
        self.lines.push(line.to_string());
    }

    /// A command that may change something.
    pub(super) fn emit(&mut self, command: String) {
        let ready = self.layer3 && command.split(' ').any(|word| word == "up");
        self.lines.push(command.trim_end().to_string());
        self.unsettled = true;
        self.unseen = true;
        if ready {
            // Addresses and routes are in the order in which links became ready.
            self.settle();
        }
    }

    /// Lets the news of carriers arrive, if there may be any.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.unsettled) {
            self.sleep();
        }
    }

    /// What was done last changed no carrier.
    pub(super) fn no_news(&mut self) {
        self.unsettled = false;
    }

    /// Time for everything that goes on by itself.
    pub(super) fn sleep(&mut self) {
        self.unseen = false;
        self.note(&format!("sleep {}", self.patience));
    }

    /// A new name, never used before.
    pub(super) fn new_name(&mut self, stem: &str) -> String {
        self.numbered += 1;
        format!("{stem}{}", self.numbered)
    }

    /// `ip` for a namespace.
    pub(super) fn ip(&mut self, space: usize) -> String {
        self.tool("ip", space)
    }

    /// `ip` or `bridge` for a namespace.
    pub(super) fn tool(&mut self, tool: &str, space: usize) -> String {
        match self.spaces.get(space) {
            Some(Some(name)) if !name.is_empty() => {
                // Two ways to say the same; the second runs the program inside.
                if !self.mix.plain && self.rng.chance(8) {
                    format!("ip netns exec {name} {tool}")
                } else {
                    format!("{tool} -n {name}")
                }
            }
            _ => tool.to_string(),
        }
    }

    /// A namespace that probably exists, by its place.
    pub(super) fn some_space(&mut self) -> usize {
        let there: Vec<usize> = (0..self.spaces.len()).filter(|i| self.spaces[*i].is_some()).collect();
        self.rng.place(there.len()).map_or(0, |i| there[i])
    }

    /// A named namespace, by its place and name.
    pub(super) fn named_space(&mut self) -> Option<(usize, String)> {
        let there: Vec<usize> = (1..self.spaces.len()).filter(|i| self.spaces[*i].is_some()).collect();
        let place = there[self.rng.place(there.len())?];
        Some((place, self.spaces[place].clone()?))
    }

    /// One of the links for which `fits` holds.
    pub(super) fn some_link(&mut self, fits: impl Fn(&Link) -> bool) -> Option<Link> {
        let there: Vec<usize> = (0..self.links.len()).filter(|i| fits(&self.links[*i])).collect();
        self.rng.place(there.len()).map(|i| self.links[there[i]].clone())
    }

    pub(super) fn link(&mut self, name: &str) -> Option<&mut Link> {
        self.links.iter_mut().find(|l| l.name == name)
    }

    /// A link got another name.
    pub(super) fn renamed(&mut self, from: &str, to: &str) {
        let follow = |name: &mut Option<String>| {
            if name.as_deref() == Some(from) {
                *name = Some(to.to_string());
            }
        };
        for link in &mut self.links {
            if link.name == from {
                link.name = to.to_string();
            }
            follow(&mut link.lower);
            follow(&mut link.peer);
            follow(&mut link.master);
        }
        // What was connected stays so under both names.
        self.edges.push((from.to_string(), to.to_string()));
    }

    /// A link was deleted, with its peer and all that is stacked on them.
    pub(super) fn forget(&mut self, name: &str) {
        let mut gone = vec![name.to_string()];
        while let Some(name) = gone.pop() {
            if let Some(place) = self.links.iter().position(|l| l.name == name) {
                gone.extend(self.links.remove(place).peer);
            }
            gone.extend(
                self.links.iter().filter(|l| l.lower.as_ref() == Some(&name)).map(|l| l.name.clone()),
            );
            for link in &mut self.links {
                if link.master.as_ref() == Some(&name) {
                    link.master = None;
                }
            }
        }
    }

    /// The carrier of this link, of its peer or of its bridge may be going. If it comes back within a second
    /// the links above may or may not have heard of it: so they are given the time to.
    pub(super) fn carrier_may_go(&mut self, name: &str) {
        let Some(link) = self.links.iter().find(|l| l.name == name) else { return };
        let touched = [Some(&link.name), link.peer.as_ref(), link.master.as_ref()];
        if self.links.iter().any(|l| l.lower.is_some() && touched.contains(&l.lower.as_ref())) {
            self.settle();
        }
        self.let_watchers_see(name);
    }

    /// Gives time to those that look at their ports from time to time, if the link may concern one of them. What a
    /// link hears from the one below it comes later than what happens to itself.
    pub(super) fn let_watchers_see(&mut self, name: &str) {
        let has_port = |link: &Link| self.links.iter().any(|l| l.master.as_ref() == Some(&link.name));
        let near = self.near(name);
        if self.unseen && near.iter().any(|link| link.kind.watches && has_port(link)) {
            let stacked = near.iter().any(|link| link.lower.is_some());
            self.unseen = false;
            self.note(if stacked { "sleep 1.5" } else { "sleep 0.7" });
        }
    }

    /// The link, and all links that its carrier may reach or come from.
    fn near(&self, name: &str) -> Vec<&Link> {
        let mut reached: Vec<&Link> = self.links.iter().filter(|l| l.name == name).collect();
        let mut next = 0;
        while let Some(here) = reached.get(next).copied() {
            next += 1;
            let by = |a: &Link, b: &Link| [&a.lower, &a.peer, &a.master].contains(&&Some(b.name.clone()));
            for link in &self.links {
                if (by(here, link) || by(link, here)) && !reached.iter().any(|l| l.name == link.name) {
                    reached.push(link);
                }
            }
        }
        reached
    }

    /// Whether the link may become a port of the bridge without any danger of a loop. Remembers that it did.
    pub(super) fn may_join(&mut self, port: &str, bridge: &str) -> bool {
        let (Some(from), Some(to)) = (self.find(port), self.find(bridge)) else { return false };
        if !to.kind.forwards() || from.kind.dead_end {
            return true;
        }
        if to.stp {
            return false;
        }
        let base = self.base(&from);
        if self.connected(&base, bridge) {
            return false;
        }
        self.edges.push((base, bridge.to_string()));
        if let Some(bridge) = self.link(bridge) {
            bridge.leads_on = true;
        }
        true
    }

    /// Whether a link may be told to stand on another one without any danger of a loop, which it does from now on.
    pub(super) fn may_stand_on(&mut self, upper: &str, lower: &str) -> bool {
        let (Some(from), Some(to)) = (self.find(upper), self.find(lower)) else { return false };
        let (old, new) = (self.base(&from), self.base(&to));
        if old != new && self.connected(&old, &new) {
            return false;
        }
        // Whether the command succeeds is not known: from now on it counts as standing on both.
        self.edges.push((old, new));
        if let Some(link) = self.link(upper) {
            link.lower = Some(lower.to_string());
        }
        true
    }

    pub(super) fn find(&self, name: &str) -> Option<Link> {
        self.links.iter().find(|l| l.name == name).cloned()
    }

    /// What a link's frames really go through: the lowest link, and of a pair always the same end.
    fn base(&self, link: &Link) -> String {
        let mut link = link.clone();
        // As many steps as there are links are enough, whatever a scenario believes of itself.
        for _ in 0..self.links.len() {
            match link.lower.as_deref().and_then(|lower| self.find(lower)) {
                Some(lower) => link = lower,
                None => break,
            }
        }
        match link.peer {
            Some(peer) if peer < link.name => peer,
            _ => link.name,
        }
    }

    fn connected(&self, a: &str, b: &str) -> bool {
        let mut reached = vec![a];
        let mut next = 0;
        while let Some(here) = reached.get(next).copied() {
            next += 1;
            for (x, y) in &self.edges {
                for (from, to) in [(x, y), (y, x)] {
                    if from == here && !reached.contains(&to.as_str()) {
                        reached.push(to);
                    }
                }
            }
        }
        reached.contains(&b)
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds;
    use super::*;

    fn of(name: &str) -> &'static Kind {
        kinds::find(name).unwrap()
    }

    fn world() -> World {
        let mut world = World::new(Rng::new(1), Mix::new(None, false, 30, 20).unwrap(), false);
        for (name, kind) in [("br1", "bridge"), ("br2", "bridge"), ("du1", "dummy")] {
            world.links.push(Link::new(name, of(kind), 0));
        }
        for (name, peer) in [("ve1", "vp1"), ("vp1", "ve1"), ("ve2", "vp2"), ("vp2", "ve2")] {
            world.links.push(Link { peer: Some(peer.to_string()), ..Link::new(name, of("veth"), 0) });
        }
        world.links.push(Link { lower: Some("vp2".to_string()), ..Link::new("vl1", of("vlan"), 0) });
        world
    }

    #[test]
    fn bridges_form_no_loop() {
        let mut world = world();
        assert!(world.may_join("ve1", "br1"));
        assert!(!world.may_join("vp1", "br1"));
        assert!(world.may_join("vp1", "br2"));
        assert!(world.may_join("ve2", "br1"));
        world.renamed("br2", "rn2");
        assert!(!world.may_join("vl1", "rn2"));
        assert!(world.may_join("du1", "br1"));
    }

    #[test]
    fn a_tunnel_forms_no_loop() {
        let mut world = world();
        world.links.push(Link::new("vx1", of("vxlan"), 0));
        assert!(world.may_join("vx1", "br1"));
        assert!(world.may_join("ve1", "br1"));
        assert!(!world.may_stand_on("vx1", "vp1"));
        assert!(world.may_stand_on("vx1", "vl1"));
        assert!(!world.may_join("ve2", "br1"));
    }

    #[test]
    fn deleting_takes_all_that_hangs_on_it() {
        let mut world = world();
        world.forget("ve2");
        assert!(["ve2", "vp2", "vl1"].iter().all(|gone| world.find(gone).is_none()));
        assert!(world.find("ve1").is_some());
    }
}
