//! GENEVEs.

use super::super::world::World;
use super::tunnel::{extras, port, words};
use super::{Kind, PLAIN};

pub(super) static GENEVE: Kind = Kind {
    name: "geneve",
    stem: "ge",
    dead_end: true,
    create,
    usual: USUAL,
    rare: RARE,
    commands: LINES,
    ..PLAIN
};

/// Where packets of a new link go.
const FAR_ENDS: &[&str] = &["remote 192.0.2.2", "remote 192.0.2.3", "remote 2001:db8::2", "remote 192.0.2.2"];

const EXTRAS: &[&str] = &[
    "ttl 64",
    "ttl inherit",
    "ttl auto",
    "tos 16",
    "tos inherit",
    "df set",
    "df inherit",
    "df unset",
    "flowlabel 5",
    "flowlabel 0xfffff",
    "udpcsum",
    "noudpcsum",
    "udp6zerocsumtx",
    "noudp6zerocsumtx",
    "udp6zerocsumrx",
    "noudp6zerocsumrx",
    "innerprotoinherit",
    "noexternal",
];

/// The usual port.
const PORT: &str = "6081";

fn create(world: &mut World) -> String {
    if world.rng.chance(15) {
        return format!("external {}{}", port(world, PORT), extras(world, EXTRAS));
    }
    words(world, PORT, (97, FAR_ENDS), EXTRAS)
}

const USUAL: &[&str] = &[
    "id 42 ttl 9",
    "id 42 remote 192.0.2.7",
    "id 5 remote 192.0.2.8",
    "id 42 tos 4",
    "id 42 df set",
    "id 5 ttl inherit",
    "id 42",
    "id 5 udpcsum",
    "id 42 dstport 6081",
    "id 42 flowlabel 0",
];

const RARE: &[&str] = &[
    "id 43",
    "id x",
    "id",
    "id -1",
    "id 16777216",
    "vni 42",
    "id 42 vni 42",
    "remote 192.0.2.9",
    "id 42 remote 2001:db8::7",
    "id 42 remote 239.1.1.1",
    "id 42 remote ff02::1",
    "id 42 remote nope",
    "id 42 remote fe80::1",
    "id 42 remote",
    "id 42 ttl 0",
    "id 42 ttl 255",
    "id 42 ttl 256",
    "id 42 ttl x",
    "id 42 ttl auto",
    "id 42 ttl inherit",
    "id 42 hoplimit 5",
    "id 42 tos 1",
    "id 42 tos inherit",
    "id 42 tos 256",
    "id 42 tos x",
    "id 42 dsfield 8",
    "id 42 df unset",
    "id 42 df inherit",
    "id 42 df x",
    "id 42 df",
    "id 42 flowlabel 77",
    "id 42 flowlabel 1048576",
    "id 42 flowlabel x",
    "id 42 label 3",
    "id 42 dstport 6082",
    "id 42 dstport 0",
    "id 42 dstport 65536",
    "id 42 dstport x",
    "id 42 dstport",
    "id 42 udpcsum",
    "id 42 noudpcsum",
    "id 42 udpcsum noudpcsum",
    "id 42 udp6zerocsumtx",
    "id 42 noudp6zerocsumtx",
    "id 42 udp6zerocsumrx",
    "id 42 noudp6zerocsumrx",
    "id 42 innerprotoinherit",
    "id 42 external",
    "external",
    "external ttl 5",
    "noexternal",
    "id 42 noexternal",
    "id 42 local 10.0.1.1",
    "id 42 dev LOW",
    "help",
    "nonsense",
    "id 42 ttl 5 nonsense",
    "id 42 ttl 5 tos 6 df set udp6zerocsumtx",
    "",
];

const LINES: &[&str] = &[
    "link add NEW address MAC type geneve",
    "link add NEW address MAC type geneve id 42",
    "link add NEW address MAC type geneve id 42 remote 192.0.2.2",
    "link add NEW address MAC type geneve id 42 remote 192.0.2.2 dstport 6082",
    "link add NEW address MAC type geneve id 42 remote 192.0.2.5 ttl 5",
    "link add NEW address MAC type geneve id 42 remote 2001:db8::2",
    "link add NEW address MAC type geneve id 42 remote 192.0.2.2 flowlabel 5",
    "link add NEW address MAC type geneve id 5 remote 239.1.1.1",
    "link add NEW address MAC type geneve id 5 remote fe80::1",
    "link add NEW address MAC type geneve external",
    "link add NEW address MAC type geneve external udp6zerocsumrx",
    "link add NEW address MAC type geneve external remote 192.0.2.2",
    "link add NEW address MAC type geneve external id 5",
    "link add NEW address MAC type geneve id 6 remote 192.0.2.2 innerprotoinherit",
    "link add NEW address MAC type geneve id 6 remote 192.0.2.2 external",
    "link add NEW address MAC up type geneve id 7 remote 192.0.2.2 df set",
    "link add NEW address MAC mtu 9000 type geneve id 78 remote 192.0.2.2",
    "link add NEW address MAC mtu 65536 type geneve id 79 remote 192.0.2.2",
    "link add NEW address MAC mtu 67 type geneve id 80 remote 192.0.2.2",
    "link add link LOW name NEW address MAC type geneve id 82 remote 192.0.2.2",
    "link add NEW link-netns NS address MAC type geneve id 83 remote 192.0.2.2",
    "link add NEW netns NS address MAC type geneve id 84 remote 192.0.2.2",
    "link set DEV mtu 65465",
    "link set DEV mtu 65466",
    "link set DEV mtu 65485",
    "link set DEV mtu 65486",
    "link set DEV type vxlan id 42",
    "link add type geneve help",
    "link set type geneve help",
    "addr add 10.0.3.1/24 dev DEV",
    "-4 addr show dev DEV",
    "-4 route show table all dev DEV",
];
