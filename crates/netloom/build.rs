//! How the program is linked on Linux: at a fixed address.
//!
//! A program that may lie anywhere is full of addresses that the loader puts right at every start: ten thousand here,
//! on sixty pages that it must copy for that. `ip` is started again and again by scripts, and has no more to do than a
//! few of those starts' worth of work. Libraries, stack and heap lie at random addresses all the same.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|target| target == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
