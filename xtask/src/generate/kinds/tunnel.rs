//! What the words of tunnels over UDP have in common.
//!
//! Nothing that they send reaches anybody, or what is learned would hang on time: a far end is one host that no link
//! has, or a group that a link is named for. Settings that make addresses age are long.

use super::super::world::World;

/// The words of a new link of one network. The far end comes with how many of a hundred links have one.
pub(super) fn words(
    world: &mut World,
    usual: &'static str,
    (chance, far_ends): (u64, &[&'static str]),
    others: &[&'static str],
) -> String {
    let mut words = if world.rng.chance(97) { network(world) } else { String::new() };
    if world.rng.chance(chance) {
        words += &format!("{} ", world.rng.word(far_ends));
    }
    words + &port(world, usual) + &extras(world, others)
}

/// The network of a new link: few, so that they clash.
fn network(world: &mut World) -> String {
    format!("id {} ", world.rng.word(&["0", "1", "5", "5", "42", "42", "42", "100", "16777215"]))
}

/// The port of a new link, or none.
pub(super) fn port(world: &mut World, usual: &'static str) -> String {
    let other = world.rng.word(&["", "dstport 0", "dstport 8472", "dstport 65535", "dstport 4790"]);
    if world.rng.chance(60) { format!("dstport {usual} ") } else { format!("{other} ") }
}

/// Up to three of the words, none twice: what is said twice is refused, and is among the rare ones.
pub(super) fn extras(world: &mut World, words: &[&'static str]) -> String {
    let most = if world.mix.plain { 2 } else { 4 };
    let mut said: Vec<&str> = Vec::new();
    for _ in 0..world.rng.below(most) {
        let word = world.rng.word(words);
        if !said.contains(&word) {
            said.push(word);
        }
    }
    said.join(" ")
}
