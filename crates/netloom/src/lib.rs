//! netloom, the program: the embedded machine, files of commands and transcripts, the comparison with what a real
//! Linux printed, and the shell. The one crate that sees both the kernel and the commands.

#![forbid(unsafe_code)]

pub mod args;
mod arping;
mod arping_options;
mod can;
pub mod complete;
mod complete_bridge;
pub mod console;
pub mod difference;
pub mod dissect;
mod dissect_link;
pub mod exceptions;
#[cfg(test)]
mod external_tests;
pub mod frame_case;
pub mod frames;
pub mod inject;
#[cfg(target_os = "linux")]
mod letters;
#[cfg(target_os = "linux")]
pub mod linux;
#[cfg(target_os = "linux")]
mod linux_vrf;
mod live;
pub mod machine;
pub mod masks;
#[cfg(target_os = "linux")]
mod missing;
mod monitor;
mod nc;
pub mod nic;
mod numbers;
#[cfg(target_os = "linux")]
pub mod on_linux;
#[cfg(target_os = "linux")]
mod own_tools;
mod pcap;
pub mod pcapng;
mod ping;
mod ping_options;
mod ping_words;
pub mod programs;
#[cfg(test)]
mod proxy_tests;
#[cfg(test)]
mod reports_tests;
pub mod run;
pub mod shell;
pub mod shell_words;
pub mod source;
mod sysctl;
#[cfg(test)]
mod tcp_tests;
mod tcpdump;
mod team;
mod trace;
pub mod transcript;
pub mod trouble;
pub mod verbs;
pub mod verify;
mod watch;

pub use exceptions::Exceptions;
pub use machine::Machine;
pub use run::{RunOptions, run};
pub use verify::{Verdict, replay, verify, verify_all};
