//! Random frame cases: a few cables from outside, links stacked on them, hosts, and frames that are put in at the
//! cables' far ends.
//!
//! The same seed gives the same case. What a real kernel does with it must not depend on time or chance:
//!
//! * Every link that would get a random address is given one.
//! * Hosts know the outside's addresses: nothing waits for an answer, and nothing is asked again.
//! * IPv6 is off in most cases. In the others nobody makes addresses of its own, and what hosts report of their groups
//!   at random times is over before the first frame.
//! * A bridge that snoops says twice which groups it is in, the second time at random within a second: a `sleep`
//!   follows when it goes up. So it does where a carrier may have changed.
//! * Nothing goes round: a cable's far end is a port and nothing else, and bridges are joined as a tree. Spanning
//!   tree and queriers, which speak by themselves, stay off.
//! * Errors of ICMP are few, as Linux limits how many it sends in a second.

mod changes;
mod hosts;
mod inject;
mod ipv6;
mod links;
mod tunnels;

use super::rng::Rng;
use crate::oracle::FrameCase;
use std::collections::{BTreeMap, BTreeSet};

/// Frames that are put in.
const FRAMES: usize = 40;
/// VLANs that are used; others are seen in frames only.
const VIDS: [u16; 2] = [11, 12];
/// Longer than a second, in which what is left to chance is over.
const PAUSE: &str = "sleep 1.5";
/// The same where hosts tell twice, each time within a second, which groups of IPv6 they are in.
const LONG_PAUSE: &str = "sleep 3";
/// The kinds that cases may be made of beside those that every case needs.
pub(crate) const OPTIONAL: [&str; 8] =
    ["bond", "team", "ipvlan", "ipvtap", "macvtap", "vxlan", "geneve", "vrf"];

/// A VLAN tag: its type and identifier.
type Tag = (u16, u16);

/// The far end of a cable: where frames are put in.
struct Outside {
    port: char,
    mac: [u8; 6],
}

/// A link in the first namespace that others may stand on.
struct Base {
    name: String,
    mac: [u8; 6],
    /// The tags that frames bear on the cable to get here, the outermost first.
    tags: Vec<Tag>,
    bridge: bool,
    /// The mode of the ipvlans on it, which all share.
    ipvlan: Option<&'static str>,
    /// Something took its frames, so nothing else may.
    taken: Option<&'static str>,
}

/// Somebody with an address.
#[derive(Clone)]
struct Host {
    ip: [u8; 4],
    mac: [u8; 6],
    tags: Vec<Tag>,
    /// It sends packets on.
    router: bool,
}

/// A case in the making.
struct Case {
    rng: Rng,
    /// What of [`OPTIONAL`] may be used.
    kinds: BTreeSet<String>,
    setup: Vec<String>,
    outside: Vec<Outside>,
    bases: Vec<Base>,
    hosts: Vec<Host>,
    /// Links that later commands may change, with their namespaces (empty: the first).
    links: Vec<(String, String)>,
    /// Ports of bridges.
    bridge_ports: Vec<String>,
    /// Ports of bonds, with the bond.
    bond_ports: Vec<(String, String)>,
    macvlans: Vec<(String, String)>,
    tunnel: Option<tunnels::Tunnel>,
    /// There is IPv6 too.
    ipv6: bool,
    namespaces: usize,
    made: u16,
}

/// The case of a seed, made of the kinds that are always there and of those of [`OPTIONAL`] that are named.
pub(crate) fn frame_case(seed: u64, kinds: &BTreeSet<String>) -> FrameCase {
    let mut case = Case {
        rng: Rng::new(seed),
        kinds: kinds.clone(),
        setup: Vec::new(),
        outside: Vec::new(),
        bases: Vec::new(),
        hosts: Vec::new(),
        links: Vec::new(),
        bridge_ports: Vec::new(),
        bond_ports: Vec::new(),
        macvlans: Vec::new(),
        tunnel: None,
        ipv6: false,
        namespaces: 0,
        made: 0,
    };
    case.ipv6 = case.rng.chance(30);
    case.choose_ipv6("");
    case.cables();
    case.tunnel();
    case.masters();
    case.vlans();
    case.leaves();
    case.own_hosts();
    case.changes();
    let inject = case.frames();
    let ports = case.outside.iter().map(|o| (o.port.to_string(), ("wire".into(), format!("o{}", o.port))));
    FrameCase { setup: case.setup.clone(), ports: ports.collect::<BTreeMap<_, _>>(), inject, answer: None }
}

impl Case {
    fn run(&mut self, command: impl Into<String>) {
        self.setup.push(command.into());
    }

    /// Switches IPv6 off in a namespace.
    fn no_ipv6(&mut self, netns: &str) {
        let place = if netns.is_empty() { String::new() } else { format!("ip netns exec {netns} ") };
        let names = "net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1";
        self.run(format!("{place}sysctl -qw {names}"));
    }

    /// Time for what is left to chance.
    fn pause(&mut self) {
        self.run(if self.ipv6 { LONG_PAUSE } else { PAUSE });
    }

    /// A new namespace.
    fn netns(&mut self) -> String {
        self.namespaces += 1;
        let name = format!("n{}", self.namespaces);
        self.run(format!("ip netns add {name}"));
        self.choose_ipv6(&name);
        name
    }

    /// A number for a new link, and an address for it.
    fn fresh(&mut self) -> (u16, [u8; 6]) {
        self.made += 1;
        (self.made, mac(0x100 + self.made))
    }

    /// One of a few things.
    fn one<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let place = self.rng.place(of.len())?;
        of.get(place).copied()
    }
}

/// An address that no real card has.
fn mac(number: u16) -> [u8; 6] {
    let [high, low] = number.to_be_bytes();
    [2, 0, 0, 0, high, low]
}

/// An address as commands have it.
fn written(mac: [u8; 6]) -> String {
    let bytes: Vec<String> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> BTreeSet<String> {
        OPTIONAL.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_case() {
        for seed in 0..50 {
            assert_eq!(frame_case(seed, &all()), frame_case(seed, &all()));
        }
        assert_ne!(frame_case(1, &all()), frame_case(2, &all()));
    }

    #[test]
    fn only_named_kinds_and_whole_frames() {
        let mut seen = BTreeSet::new();
        for seed in 0..500 {
            let case = frame_case(seed, &BTreeSet::new());
            seen.extend(case.kinds().map(str::to_string));
            assert_eq!(case.inject.len(), FRAMES);
            for (port, frame) in &case.inject {
                assert!(case.ports.contains_key(port));
                // A tag may come on top of the largest frame.
                assert!((120..=2 * 1518).contains(&frame.len()), "{}", frame.len());
            }
        }
        let known = ["bridge", "bridge_slave", "dummy", "macvlan", "veth", "vlan"];
        assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), known);
    }

    #[test]
    fn links_have_addresses_of_their_own() {
        for seed in 0..500 {
            for command in
                frame_case(seed, &all()).setup.iter().filter(|command| command.contains(" link add "))
            {
                let random = !["vlan", "ipvlan", "ipvtap"]
                    .iter()
                    .any(|kind| command.contains(&format!(" type {kind} ")));
                assert!(!random || command.contains(" address "), "seed {seed}: {command}");
            }
        }
    }
}
