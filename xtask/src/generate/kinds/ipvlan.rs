//! Ipvlans and ipvtaps. They have no address of their own: one that is given is passed over.
//!
//! All of one lower link have the same mode and flags, so that each new one and each change is one for its siblings.

use super::super::world::World;
use super::{Kind, PLAIN, Shape};

pub(super) static IPVLAN: Kind = Kind {
    name: "ipvlan",
    stem: "iv",
    shape: Shape::Above,
    addressed: 8,
    create,
    usual: USUAL,
    rare: RARE,
    commands: COMMANDS,
    ..PLAIN
};

pub(super) static IPVTAP: Kind = Kind { name: "ipvtap", stem: "it", ..IPVLAN };

fn create(world: &mut World) -> String {
    let mut words = String::new();
    if world.rng.chance(75) {
        words = format!("mode {}", world.rng.word(&["l2", "l2", "l3", "l3s"]));
    }
    if world.rng.chance(40) {
        let flags = world.rng.word(&["private", "vepa", "bridge"]);
        words = if world.rng.chance(50) { format!("{words} {flags}") } else { format!("{flags} {words}") };
    }
    words.trim().to_string()
}

const USUAL: &[&str] = &[
    "mode l2",
    "mode l3",
    "mode l3s",
    "private",
    "vepa",
    "bridge",
    "mode l2 private",
    "mode l3 vepa",
    "mode l3s bridge",
];

const RARE: &[&str] = &[
    "mode l2 vepa",
    "mode l3s private",
    "private mode l2",
    "bridge mode l3",
    "mode l4",
    "mode L2",
    "mode 0",
    "mode l",
    "mode",
    "mode ''",
    "mode l2 mode l3s",
    "mo l2",
    "m l3",
    "p",
    "v",
    "b",
    "priv mode l3",
    "private vepa",
    "private bridge",
    "vepa private",
    "vepa vepa",
    "bridge bridge",
    "bridge vepa",
    "private on",
    "vepa off",
    "flags 1",
    "flag private",
    "mode l2 nonsense",
    "nonsense",
    "nonsense 1",
    "",
    "help",
];

const COMMANDS: &[&str] = &[
    // On an ipvlan, and what else wants its lower link.
    "link add link DEV name NEW type ipvlan",
    "link add link DEV name NEW type ipvlan mode l2 private",
    "link add link DEV name NEW type ipvtap mode l3s",
    "link add link DEV type ipvlan mode l2",
    "link add link DEV type ipvtap",
    "link add link DEV name NEW address MAC type macvlan mode bridge",
    "link add link DEV name NEW address MAC type macvtap mode passthru",
    "link add link DEV name NEW type vlan id 7",
    "link add link DEV name NEW type macsec",
    "link add link LOW name NEW address MAC type macvlan mode passthru",
    "link add link LOW name NEW address MAC type macvtap",
    "link add link LOW name NEW type macsec",
    "link add link LOW name NEW type ipvlan mode l2 bridge",
    "link add link LOW name NEW type ipvtap vepa",
    "link add link LOW name NEW mtu 9000 type ipvlan",
    "link add link LOW name NEW mtu 65535 type ipvlan mode l3",
    "link add link LOW name NEW mtu 65536 type ipvlan",
    "link add link LOW name NEW mtu 67 type ipvtap mode l2",
    "link add link LOW name NEW index 61 type ipvlan mode l2",
    "link add link LOW name NEW index 1 type ipvlan",
    "link add link LOW name NEW netns NS type ipvlan mode l3s",
    "link add link LOW name NEW netns NS type ipvtap",
    "link add link LOW name NEW link-netns NS type ipvlan",
    "link add link LOW name DEV type ipvlan",
    "link add link lo name NEW type ipvlan",
    "link add name NEW type ipvlan",
    "link add name NEW type ipvtap mode l2",
    "link add link LOW name NEW type ipvlan mode",
    "link add link LOW name NEW type ipvlan mode l5",
    "link add link LOW name NEW type ipvlan private vepa",
    "link add link LOW name NEW type ipvtap nonsense",
    "link add link LOW name NEW up type ipvlan mode l3",
    "link add link LOW name NEW arp off promisc on type ipvlan mode l2",
    "link add link LOW name NEW master LOW type ipvlan",
    // Another kind's words, and help.
    "link set DEV type ipvlan mode l2",
    "link set DEV type ipvtap mode l2",
    "link set DEV type macvlan mode bridge",
    "link set DEV type vlan id 5",
    "link add type ipvlan help",
    "link add type ipvtap help",
    // What the lower link does.
    "link set LOW mtu 1300",
    "link set LOW mtu 9000",
    "link set LOW mtu 68",
    "link set LOW address MAC",
    "link set LOW down",
    "link set LOW up",
    "link set LOW arp off",
    "link set LOW carrier off",
    "link set LOW carrier on",
    "link set LOW mode dormant",
    "link set LOW state dormant",
    "link set LOW netns NS",
    "link set DEV netns NS",
    "link set DEV mtu 9000",
    "link set DEV mtu 1000",
    "link set DEV address MAC",
    "link set DEV arp off",
    "link set DEV arp on",
    "link set DEV promisc on",
    "link set DEV allmulticast on",
    "link set DEV allmulticast off",
    "link set DEV carrier off",
    "link set DEV protodown on",
    // Addresses: no two of a lower link's ipvlans have the same.
    "addr add 10.3.0.1/24 dev DEV",
    "addr add 10.3.0.1/24 dev DEV",
    "addr add 10.3.0.2/24 dev DEV",
    "addr add 10.3.0.1/24 dev LOW",
    "addr add 10.3.0.1/25 dev DEV",
    "addr del 10.3.0.1/24 dev DEV",
    "addr del 10.3.0.1/24 dev DEV",
    "addr replace 10.3.0.1/24 dev DEV",
    "addr flush dev DEV",
    "addr add fd00:3::1/64 dev DEV nodad",
    "addr add fd00:3::1/64 dev DEV nodad",
    "addr add fd00:3::1/64 dev LOW nodad",
    "addr del fd00:3::1/64 dev DEV",
    "-4 addr show dev DEV",
    "-d link show dev DEV",
    "-d link show dev LOW",
    "-d -j link show type ipvlan dev DEV",
];
