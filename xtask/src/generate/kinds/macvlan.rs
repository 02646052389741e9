//! Macvlans and macvtaps, which differ in what people change.

use super::super::world::World;
use super::{Kind, PLAIN, Shape};

pub(super) static MACVLAN: Kind = Kind {
    name: "macvlan",
    stem: "mv",
    shape: Shape::Above,
    create,
    usual: &[
        "mode bridge",
        "mode private",
        "mode vepa",
        "mode passthru",
        "macaddr add 02:11:22:33:44:55",
        "macaddr flush",
        "mode source",
    ],
    rare: RARE,
    ..PLAIN
};

pub(super) static MACVTAP: Kind =
    Kind { name: "macvtap", stem: "mt", usual: &["mode bridge", "mode private", "mode vepa"], ..MACVLAN };

fn create(world: &mut World) -> String {
    const MODES: &[&str] = &["private", "vepa", "bridge", "passthru", "source", "passthru nopromisc"];
    let mut words = String::new();
    if world.rng.chance(80) {
        words = format!("mode {}", world.rng.word(MODES));
        if !world.mix.plain && words == "mode source" && world.rng.chance(50) {
            words += &format!(" macaddr set {} {}", world.rng.mac(), world.rng.mac());
        }
    }
    if world.rng.chance(10) {
        words += &format!(" bcqueuelen {}", world.rng.word(&["10", "1000", "5000"]));
    }
    words.trim_start().to_string()
}

const RARE: &[&str] = &[
    "mode source macaddr add 02:11:22:33:44:56",
    "macaddr add 02:11:22:33:44:55",
    "macaddr del 02:11:22:33:44:55",
    "macaddr del 02:99:22:33:44:55",
    "macaddr set 02:11:00:00:00:01 02:11:00:00:00:02 02:11:00:00:00:03",
    "macaddr set",
    "macaddr flush",
    "macaddr nope",
    "macaddr add 01:00:5e:00:00:01",
    "macaddr add nope",
    "mode nope",
    "mode",
    "nopromisc",
    "flag nopromisc",
    "flag",
    "bcqueuelen 1",
    "bcqueuelen 4294967295",
    "bcqueuelen x",
    "bcqueuelen -1",
    "mode source nodst",
    "nodst",
    "mode bridge bcqueuelen 77",
    "nonsense",
    "",
];
