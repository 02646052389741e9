//! A learning switch, veth → bridge → veth with 1,000 pairs of hosts and frames of 64 bytes: the embedded kernel, and
//! this machine's Linux beside it in a network namespace of the bench's own. Items are frames. Linux's frames come
//! from one packet socket, 64 a call, past the queueing discipline, and end at the far veth's counters.
//!
//! Without the right to make a network namespace, or a Linux with bridges, only the embedded kernel is measured.

#[path = "../../kernel/benches/bridged/mod.rs"]
mod bridged;
#[path = "../../kernel/benches/lab/mod.rs"]
mod lab;
#[cfg(target_os = "linux")]
#[path = "switch/linux.rs"]
mod linux;
#[path = "../../kernel/benches/traffic/mod.rs"]
mod traffic;

use bridged::learned;
use divan::{Bencher, counter::ItemsCount};
use traffic::{pairs, pump};

/// Frames that one sample sends.
const FRAMES: usize = 1 << 15;
/// Pairs of hosts.
const PAIRS: u32 = 1000;

fn main() {
    divan::main();
}

#[divan::bench]
fn embedded(bencher: Bencher<'_, '_>) {
    let (mut lab, ports, there) = learned(PAIRS, 64, false);
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        assert_eq!(pump(&mut lab.kernel, ports[0], ports[1], &there, FRAMES, 64), FRAMES);
    });
}

#[cfg(target_os = "linux")]
#[divan::bench]
fn linux_kernel(bencher: Bencher<'_, '_>) {
    match linux::Switch::new() {
        Ok(switch) => {
            switch.learn(PAIRS);
            let (there, _) = pairs(PAIRS, 64);
            let group: Vec<&[u8]> = there.iter().map(Vec::as_slice).cycle().take(FRAMES).collect();
            bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| switch.pass(&group));
        }
        Err(why) => eprintln!("left out: {why}"),
    }
}
