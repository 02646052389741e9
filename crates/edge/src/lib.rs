//! The outside: everything that touches the operating system. All input and output is here, and all `unsafe`.
//!
//! What is Linux's own (AF_NETLINK, network namespaces) is compiled on Linux only; [`system`] is portable.

#[cfg(target_os = "linux")]
mod ahead;
#[cfg(target_os = "linux")]
mod apart;
#[cfg(target_os = "linux")]
pub mod bpf;
#[cfg(target_os = "linux")]
pub mod cable;
#[cfg(target_os = "linux")]
pub mod capability;
#[cfg(target_os = "linux")]
pub mod cgroup;
#[cfg(target_os = "linux")]
pub mod domain;
#[cfg(target_os = "linux")]
pub mod execute;
#[cfg(target_os = "linux")]
mod inbox;
#[cfg(target_os = "linux")]
pub mod multicast;
#[cfg(target_os = "linux")]
pub mod netlink;
#[cfg(target_os = "linux")]
pub mod netns;
#[cfg(target_os = "linux")]
pub mod packet;
#[cfg(target_os = "linux")]
pub mod port;
#[cfg(target_os = "linux")]
pub mod private;
#[cfg(target_os = "linux")]
pub mod stock;
pub mod system;
