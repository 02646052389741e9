//! Memory of the embedded kernel, counted, not timed: live bytes a link of each kind, a namespace, an idle kernel.
//! Names are part of a link and are counted with it. Prints a table; nothing is judged here (`tests/limits.rs` does).

#[path = "../tests/common/mod.rs"]
mod common;

use allocation_counter::measure;
use common::*;
use kernel::Kernel;

/// Links of a kind that are counted.
const LINKS: usize = 10_000;

/// Prints a row of the table.
fn row(what: &str, bytes: i64) {
    println!("{what:<44}{bytes:>10}");
}

/// Live bytes of each of many links.
fn of_links(what: &str, mut create: impl FnMut(usize) -> Vec<u8>) {
    let mut rig = Rig::new();
    rig.talk(&named("bridge", "lower")).expect("a link to stand on");
    let requests: Vec<_> = (0..LINKS).map(&mut create).collect();
    let memory = measure(|| {
        for request in &requests {
            rig.talk(request).expect("a link");
        }
    });
    row(what, memory.bytes_current / LINKS as i64);
}

/// Each of these stands on a link of its own, as one link carries 4095 of them with different numbers.
fn of_vlans() {
    let mut rig = Rig::new();
    let lowers = (0..LINKS).map(|n| named("dummy", &format!("d{n}")));
    lowers.for_each(|request| rig.talk(&request).expect("a link to stand on"));
    let requests: Vec<_> = (0..LINKS).map(|n| on_top("vlan", &format!("v{n}"), n as u32 + 2)).collect();
    let memory = measure(|| requests.iter().for_each(|request| rig.talk(request).expect("a link")));
    row("vlan", memory.bytes_current / LINKS as i64);
}

fn main() {
    println!("{:<44}{:>10}", "live bytes", "each");
    of_links("dummy", |n| named("dummy", &format!("d{n}")));
    of_links("ifb", |n| named("ifb", &format!("i{n}")));
    of_links("bridge", |n| named("bridge", &format!("b{n}")));
    of_links("veth, a pair", |n| pair(&format!("v{n}"), &format!("p{n}")));
    of_vlans();
    of_links("macvlan", |n| on_top("macvlan", &format!("m{n}"), 2));
    of_links("macvtap", |n| on_top("macvtap", &format!("t{n}"), 2));
    let mut kept = Vec::new();
    row("a kernel", measure(|| kept.push(Kernel::new(1))).bytes_current);
    let mut kernel = Kernel::new(1);
    let spaces = measure(|| {
        for _ in 0..1000 {
            kernel.create_netns().expect("room for a namespace");
        }
    });
    row("a namespace with its lo", spaces.bytes_current / 1000);
}
