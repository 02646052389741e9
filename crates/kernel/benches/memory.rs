//! Memory of the embedded kernel, counted, not timed: live bytes a link of each kind, a namespace, an idle kernel.
//! Names are part of a link and are counted with it. Prints a table; nothing is judged here (`tests/limits.rs` does).

#[path = "../tests/census/mod.rs"]
mod census;
#[path = "../tests/common/mod.rs"]
mod common;

use allocation_counter::measure;
use kernel::Kernel;

/// Links of a kind that are counted.
const LINKS: usize = 10_000;

/// Prints a row of the table.
fn row(what: &str, bytes: i64) {
    println!("{what:<44}{bytes:>10}");
}

fn main() {
    println!("{:<44}{:>10}", "live bytes", "each");
    for kind in kernel::link::TYPES.iter().map(|kind| kind.kind) {
        row(kind, census::bytes_of_a_link(kind, false, LINKS));
        row(&format!("{kind}, up"), census::bytes_of_a_link(kind, true, LINKS));
    }
    let mut kept = Vec::new();
    row("a kernel with 10 links, up", census::bytes_of_a_kernel(10));
    row("a kernel", measure(|| kept.push(Kernel::new(1))).bytes_current);
    let mut kernel = Kernel::new(1);
    let spaces = measure(|| {
        for _ in 0..1000 {
            kernel.create_netns().expect("room for a namespace");
        }
    });
    row("a namespace with its lo", spaces.bytes_current / 1000);
}
