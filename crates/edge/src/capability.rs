//! The rights of this process beyond those of its user.
//!
//! Somebody may give a file of this program rights (`setcap`), so that other users can run `ip vrf exec`. They are
//! meant for what this program does itself: neither other commands nor the program that it starts may have them.

use crate::system;
use nix::libc;
use nix::unistd::{geteuid, getuid};
use rtnl::errno::Errno;
use std::io;

/// The third form of what `capget` and `capset` take (linux/capability.h): two words of each set.
const VERSION: u32 = 0x2008_0522;
/// `CAP_NET_ADMIN`, of the first word.
const NET_ADMIN: u32 = 1 << 12;

/// `struct __user_cap_header_struct`; the process 0 is the caller.
#[repr(C)]
struct Header {
    version: u32,
    process: libc::c_int,
}

/// `struct __user_cap_data_struct`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Gives up all rights of the calling thread, unless the user is root, or whoever started it handed down the one over
/// networks. Calls nothing that allocates or locks.
///
/// # Errors
/// What the system says. The rights are still there then, and the process should end.
pub fn give_up() -> Result<(), Errno> {
    if getuid().is_root() || geteuid().is_root() {
        return Ok(());
    }
    let header = Header { version: VERSION, process: 0 };
    let mut sets = [Sets::default(); 2];
    // Safety: the kernel reads the header and writes two sets of words, which is what its version says, and both live
    // until the call is back.
    let told = unsafe { libc::syscall(libc::SYS_capget, &raw const header, &raw mut sets) };
    if told != 0 {
        return Err(system::errno(&io::Error::last_os_error()));
    }
    if sets[0].inheritable & NET_ADMIN != 0 {
        return Ok(());
    }
    let none = [Sets::default(); 2];
    // Safety: as above, and the kernel only reads.
    let done = unsafe { libc::syscall(libc::SYS_capset, &raw const header, &raw const none) };
    if done == 0 { Ok(()) } else { Err(system::errno(&io::Error::last_os_error())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_rights_gives_none_up() {
        // A thread of its own, because the rights are a thread's.
        let told = std::thread::spawn(|| {
            let before = status();
            give_up().map(|()| (before, status()))
        });
        let (before, after) = told.join().expect("it ends").expect("the system permits it");
        if getuid().is_root() || geteuid().is_root() {
            assert_eq!(before, after, "root stays root");
        } else {
            assert!(after.ends_with("\t0000000000000000") || after == before, "{after}");
        }
    }

    /// What is in effect, as the system tells it.
    fn status() -> String {
        let text = std::fs::read_to_string("/proc/thread-self/status").expect("it tells");
        text.lines().find(|line| line.starts_with("CapEff:")).expect("it has the line").into()
    }
}
