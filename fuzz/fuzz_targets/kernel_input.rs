//! Any frames, into any of a town's cables, at any time, while its links change: the kernel must not panic, no frame may
//! be lost without a name, and at the end the pool is whole.
//!
//! The input is a row of steps. One step is: its length in two bytes, a byte that says what it is, its bytes. Real
//! frames can so be found in an input by libFuzzer as they stand.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/kernel/tests/common/mod.rs"]
mod common;

use common::town::{CABLES, Dice, Town};

/// Steps of one input at most.
const STEPS: usize = 256;
/// The longest time that passes at once, in microseconds.
const LONGEST: u64 = 1 << 26;

fn step(town: &mut Town, what: u8, bytes: &[u8]) {
    let number = bytes.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    match what >> 4 {
        0 => town.pass(number % LONGEST),
        // Only zero is no seed for it.
        1 => town.disturb(&mut Dice(number | 1)),
        2 => {
            let (front, back) = bytes.split_at(bytes.len() / 2);
            town.put(usize::from(what) % CABLES, &[front, back, bytes]);
        }
        _ => _ = town.put(usize::from(what & 15) % CABLES, &[bytes]),
    }
}

fuzz_target!(|input: &[u8]| {
    let (mut town, mut rest) = (Town::new(), input);
    for _ in 0..STEPS {
        let Some(([low, high, what], behind)) = rest.split_first_chunk::<3>() else { break };
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(behind.len());
        step(&mut town, *what, &behind[..length]);
        rest = &behind[length..];
    }
    town.close();
});
