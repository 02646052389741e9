//! What a random scenario knows of each kind of link: one row a kind, one file a family.
//!
//! Words stand as people type them. What a real kernel does with them must not hang on time or chance; a word that
//! sends frames stands in `sends`, so that scenarios in which frames are counted can do without.

mod bond;
mod bridge;
mod can;
mod geneve;
mod ipvlan;
mod macsec;
mod macvlan;
mod nlmon;
mod plain;
mod team;
mod tunnel;
mod vlan;
mod vrf;
mod vxlan;

use super::world::World;

/// A kind of link.
#[derive(Debug)]
pub(in crate::generate) struct Kind {
    pub(in crate::generate) name: &'static str,
    /// What names of its links begin with.
    pub(in crate::generate) stem: &'static str,
    pub(in crate::generate) shape: Shape,
    /// So many of a hundred new links are given an address; 100 where the kernel would draw one.
    pub(in crate::generate) addressed: u64,
    /// Frames that are sent into it go nowhere.
    pub(in crate::generate) dead_end: bool,
    /// It sends nothing of itself, so that it can stand where frames are counted.
    pub(in crate::generate) quiet: bool,
    /// MTUs that matter to it, besides those that are usual.
    pub(in crate::generate) mtus: &'static [&'static str],
    /// It looks at the carriers of its ports from time to time, and may miss what does not last.
    pub(in crate::generate) watches: bool,
    /// It takes only links that are down.
    pub(in crate::generate) takes_down: bool,
    /// The words behind `type KIND` of a new link; for `LOW` another link of its namespace is named.
    pub(in crate::generate) create: fn(&mut World) -> String,
    /// The usual changes of its options.
    pub(in crate::generate) usual: &'static [&'static str],
    /// The usual changes that make it send frames.
    pub(in crate::generate) sends: &'static [&'static str],
    /// All other changes, with good values and bad ones; `DEV` is the link, `LOW` another one.
    pub(in crate::generate) rare: &'static [&'static str],
    /// Other commands about a link of this kind or what belongs to it, in the words of `trouble.rs`; `DEV` is the link,
    /// and `LOW` often the one that it stands on.
    pub(in crate::generate) commands: &'static [&'static str],
    /// What it lists of its own comes in the order of a seeded hash, which is forgiven only by its name.
    pub(in crate::generate) lists_by_chance: bool,
    /// Its ports, if other links can be put into it.
    pub(in crate::generate) ports: Option<&'static Ports>,
    /// Other commands about a port of it; `DEV` is the port.
    pub(in crate::generate) port_commands: &'static [&'static str],
}

impl Kind {
    /// Whether frames go from port to port of it.
    pub(in crate::generate) fn forwards(&self) -> bool {
        self.ports.is_some_and(|ports| ports.forward)
    }
}

/// How a link of a kind comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::generate) enum Shape {
    Alone,
    /// On top of another link.
    Above,
    /// With a peer of the same kind.
    Pair,
}

/// The ports of a kind of link.
#[derive(Debug)]
pub(in crate::generate) struct Ports {
    /// What `type` is called in `ip link set PORT type`.
    pub(in crate::generate) kind: &'static str,
    /// Frames go from port to port, so that two of them make a loop possible.
    pub(in crate::generate) forward: bool,
    pub(in crate::generate) usual: &'static [&'static str],
    pub(in crate::generate) rare: &'static [&'static str],
}

/// What a new row need not say.
const PLAIN: Kind = Kind {
    name: "",
    stem: "",
    shape: Shape::Alone,
    addressed: 100,
    dead_end: false,
    quiet: true,
    watches: false,
    takes_down: false,
    mtus: &[],
    create: no_words,
    usual: &[],
    sends: &[],
    rare: &[],
    commands: &[],
    lists_by_chance: false,
    ports: None,
    port_commands: &[],
};

/// The machine's own NIC, which no command makes.
pub(in crate::generate) static NIC: Kind = Kind { name: "nic", dead_end: true, ..PLAIN };

/// The kinds that scenarios are made of.
pub(in crate::generate) static KINDS: &[&Kind] = &[
    &plain::DUMMY,
    &vlan::VLAN,
    &macvlan::MACVLAN,
    &macvlan::MACVTAP,
    &plain::VETH,
    &bridge::BRIDGE,
    &plain::IFB,
    &vxlan::VXLAN,
    &geneve::GENEVE,
    &vrf::VRF,
    &bond::BOND,
    &team::TEAM,
    &ipvlan::IPVLAN,
    &ipvlan::IPVTAP,
    &can::VCAN,
    &can::VXCAN,
    &nlmon::NLMON,
    &macsec::MACSEC,
];

/// The kind of that name.
pub(in crate::generate) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.name == name)
}

fn no_words(_world: &mut World) -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole() {
        for (place, kind) in KINDS.iter().enumerate() {
            assert!(!kind.name.is_empty() && !kind.stem.is_empty(), "{kind:?}");
            let stems = KINDS[..place].iter().map(|other| other.stem);
            assert!(stems.into_iter().all(|stem| stem != kind.stem), "two kinds have the stem {}", kind.stem);
            assert!(kind.port_commands.is_empty() || kind.ports.is_some(), "{}", kind.name);
            let mut lines = kind.commands.iter().chain(kind.port_commands);
            assert!(lines.all(|line| !line.starts_with("ip ")), "{}", kind.name);
        }
    }
}
