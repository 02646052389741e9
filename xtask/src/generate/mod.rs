//! Random scenarios: commands over namespaces and stacked links, then the whole state.
//!
//! The same seed and mix give the same text. What a real kernel prints on it must not depend on time or
//! chance, or the comparison would prove nothing. These are the rules that see to it:
//!
//! * Every link that would get a random address is given one. Only bonds and teams draw some, which are compared by
//!   their places (`oracle/chance.rs`).
//! * Bonds look at their ports from time to time: they are given the time to, after whatever may bring or take a carrier
//!   (`World::let_watchers_see`); LACP is waited for (`World::patience`).
//! * The kernel hears of carrier changes up to a second late: before any look there is a `sleep`, and after
//!   a carrier loss below other links too (`World::carrier_may_go`).
//! * A deleted namespace dies a little later: a `sleep` follows.
//! * Bridges never form a loop, or the first frame would go round for ever (`World::may_join`).
//! * Spanning tree waits so long that no port changes its state while a scenario runs, and its bridges are
//!   not connected to each other.
//! * In a scenario with addresses nobody looks for duplicates of them (`address.rs`).
//! * Counters are looked at only in scenarios where no frame is ever sent.

mod address;
mod change;
mod create;
pub(crate) mod frames;
mod kinds;
mod looks;
mod options;
mod rng;
mod spaces;
mod trouble;
mod world;

use crate::failure::{Failure, Result};
use crate::oracle::NIC_MAC;
use kinds::{KINDS, Kind, NIC};
use rng::Rng;
use world::{Link, World};

/// What scenarios are made of.
#[derive(Clone, Debug)]
pub(crate) struct Mix {
    kinds: Vec<&'static Kind>,
    /// Only ordinary commands, and one look at the end.
    plain: bool,
    /// How many of a hundred commands are errors and rarely used words.
    odd: u64,
    /// How many of a hundred scenarios have addresses, routes, rules and neighbours as well.
    layer3: u64,
}

impl Mix {
    /// `types` is a list of kinds with commas; `odd` and `layer3` are percentages.
    pub(crate) fn new(types: Option<&str>, plain: bool, odd: u64, layer3: u64) -> Result<Mix> {
        let kinds = match types {
            None => KINDS.to_vec(),
            Some(list) => list.split(',').map(kind).collect::<Result<_>>()?,
        };
        if odd > 100 {
            return Err(Failure::usage("--odd is a percentage"));
        }
        if layer3 > 100 {
            return Err(Failure::usage("--layer3 is a percentage"));
        }
        Ok(Mix { kinds, plain, odd, layer3 })
    }
}

fn kind(word: &str) -> Result<&'static Kind> {
    kinds::find(word).ok_or_else(|| {
        let all: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        Failure::usage(format!("--types: scenarios with {word} cannot be made; there are {}", all.join(",")))
    })
}

/// The scenario of a seed.
pub(crate) fn scenario(seed: u64, mix: &Mix) -> String {
    let mut mix = mix.clone();
    let mut rng = Rng::new(seed);
    // What sends frames by itself has no place in a scenario that counts them.
    let counted = !mix.plain && mix.kinds.iter().any(|kind| kind.quiet) && rng.chance(10);
    if counted {
        mix.kinds.retain(|kind| kind.quiet);
    }
    let mut world = World::new(rng, mix, counted);
    world.note(&format!("// random scenario {seed}"));
    if world.mix.plain || world.rng.chance(85) {
        world.note(&format!("nic ens3 {NIC_MAC}"));
        world.links.push(Link::new("ens3", &NIC, 0));
    }
    world.layer3 = !world.counted && world.rng.chance(world.mix.layer3);
    if world.layer3 && world.rng.chance(60) {
        world.note(address::NO_SEARCH);
    } else {
        world.note("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
    }
    let actions = if world.mix.plain { world.rng.between(12, 36) } else { world.rng.between(14, 44) };
    for _ in 0..actions {
        step(&mut world);
    }
    world.look_at_everything();
    world.text()
}

/// One random action. It may do nothing where there is nothing to do it with.
fn step(world: &mut World) {
    if world.layer3 && world.rng.chance(30) {
        return world.layer3_step();
    }
    if world.rng.below(100) < world.mix.odd {
        return odd_step(world);
    }
    match world.rng.below(12) {
        0..5 => world.create(),
        5..11 => world.change(),
        _ => world.namespaces(),
    }
}

/// One action of the kind that people rarely do.
fn odd_step(world: &mut World) {
    match world.rng.below(24) {
        0..5 => world.trouble(),
        5..8 => world.look(),
        8..13 => world.set_option(),
        13..15 => world.groups(),
        15..17 => world.alternative_names(),
        17..19 => world.rare_change(),
        19 => world.rare_namespaces(),
        _ => world.own_command(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Mix {
        Mix::new(None, false, 30, 20).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_text() {
        for seed in 0..50 {
            assert_eq!(scenario(seed, &all()), scenario(seed, &all()));
        }
        assert_ne!(scenario(1, &all()), scenario(2, &all()));
    }

    #[test]
    fn only_known_types() {
        assert!(Mix::new(Some("dummy,vlan"), true, 0, 0).is_ok());
        assert_eq!(Mix::new(Some("dummy,nope"), true, 0, 0).unwrap_err().status, 2);
        assert_eq!(Mix::new(None, false, 101, 0).unwrap_err().status, 2);
    }

    #[test]
    fn nothing_random_is_left_to_the_kernel() {
        for seed in 0..3000 {
            for line in scenario(seed, &all()).lines() {
                let addressed = KINDS.iter().filter(|kind| kind.addressed == 100);
                let addressed: Vec<&str> = addressed.map(|kind| kind.name).collect();
                let kind = line.split(" type ").nth(1).and_then(|t| t.split(' ').next()).unwrap_or("");
                let asked = line.ends_with(" help");
                if line.contains(" link add ") && !asked && addressed.contains(&kind) {
                    // Behind a type without options even an address is junk that nobody reads.
                    assert!(
                        line.split(" type ").next().is_some_and(|head| head.contains(" address ")),
                        "seed {seed}: {line}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_look_before_the_carriers_have_settled() {
        let mix = Mix::new(None, true, 0, 0).unwrap();
        for seed in 0..200 {
            let text = scenario(seed, &mix);
            let commands: Vec<&str> = text.lines().collect();
            let look =
                commands.iter().position(|c| c.contains(" link") && c.ends_with("-d link")).unwrap_or(0);
            assert!(commands[..look].iter().any(|c| c.starts_with("sleep")), "seed {seed}");
        }
    }
}
