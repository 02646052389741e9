//! VLANs.

use super::super::world::World;
use super::{Kind, PLAIN, Shape};

pub(super) static VLAN: Kind = Kind {
    name: "vlan",
    stem: "vl",
    shape: Shape::Above,
    addressed: 40,
    create,
    usual: &["reorder_hdr off", "loose_binding on", "egress-qos-map 1:2", "id 5"],
    sends: &["gvrp on", "mvrp on"],
    rare: RARE,
    ..PLAIN
};

fn create(world: &mut World) -> String {
    let mut words = String::new();
    if world.rng.chance(30) {
        words += &format!("protocol {} ", world.rng.word(&["802.1Q", "802.1ad"]));
    }
    words += &format!("id {}", world.rng.word(&["0", "1", "2", "10", "11", "12", "100", "4094", "4095"]));
    if world.rng.chance(30) {
        let flags: &[&str] = if world.counted {
            &["reorder_hdr", "loose_binding", "bridge_binding"]
        } else {
            &["reorder_hdr", "gvrp", "mvrp", "loose_binding", "bridge_binding"]
        };
        words += &format!(" {} {}", world.rng.word(flags), world.rng.word(&["on", "off"]));
    }
    for map in ["egress-qos-map", "ingress-qos-map"] {
        if world.rng.chance(20) {
            words += &format!(" {map}");
            let pairs = if world.mix.plain { 1 } else { world.rng.between(1, 4) };
            for _ in 0..pairs {
                words += &format!(" {}:{}", world.rng.below(8), world.rng.below(8));
            }
        }
    }
    words
}

const RARE: &[&str] = &[
    "reorder_hdr on loose_binding off",
    "loose_binding off",
    "bridge_binding on",
    "bridge_binding off",
    "egress-qos-map 1:2 3:4 5:6",
    "egress-qos-map 1:0",
    "ingress-qos-map 7:1 6:2",
    "ingress-qos-map 7:0",
    "egress-qos-map 4294967295:1",
    "egress-qos-map 1:8",
    "ingress-qos-map 8:1",
    "egress-qos-map x:1",
    "egress-qos-map 12",
    "protocol 802.1ad",
    "protocol nope",
    "id 4096",
    "id x",
    "id",
    "reorder_hdr maybe",
    "gvrp maybe",
    "nonsense",
    "id 5 nonsense",
    "",
];
