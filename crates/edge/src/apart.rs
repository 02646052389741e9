//! Work that is not broken off when this process is killed.
//!
//! Some things take several calls of the system and must not be left half done. They are done in a process of their
//! own that shares this one's memory, while the calling thread waits (`vfork`, as far as the system is concerned). A
//! signal that kills this process does not reach that one: it is in a session of its own, and ends when its work is
//! done. What it does to itself (its network namespace, say) ends with it too.
//!
//! Limits: who kills every process of a container or of the machine at once breaks it off all the same. The work must
//! be short, because this process answers no signal meanwhile but those that kill it.

use crate::netlink::{errno, unbroken};
use nix::sched::{CloneFlags, clone};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::setsid;
use rtnl::errno::Errno;
use std::sync::atomic::{AtomicU16, Ordering};

/// Bytes of stack for the work.
const STACK: usize = 64 << 10;

/// Does some work in a process of its own and gives what came of it.
///
/// # Errors
/// What the work gives, or the system if there is no process to be had.
pub(crate) fn do_apart(work: impl Fn() -> Result<(), Errno>) -> Result<(), Errno> {
    // It comes back in memory: who ignores SIGCHLD is told of no exit status.
    let outcome = AtomicU16::new(Errno::EIO.0);
    let child = || -> isize {
        // It fails for the leader of a session, which a new process is not.
        let _ = setsid();
        outcome.store(work().map_or_else(|errno| errno.0, |()| 0), Ordering::Release);
        0
    };
    let mut stack = vec![0; STACK];
    let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    // Safety: the stack and all that the closure borrows live until the new process has ended, because this thread
    // stands still that long (CLONE_VFORK). It allocates and locks nothing that this thread holds. A panic would end
    // it at the edge of the closure, which is no Rust caller's frame.
    let pid = unsafe { clone(Box::new(child), &mut stack, flags, Some(Signal::SIGCHLD as i32)) };
    let pid = pid.map_err(errno)?;
    // It has ended already; this only clears it away. Who ignores SIGCHLD has nothing to clear.
    let _ = unbroken(|| waitpid(pid, Some(WaitPidFlag::__WALL)));
    match outcome.load(Ordering::Acquire) {
        0 => Ok(()),
        number => Err(Errno(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_comes_back() {
        assert_eq!(do_apart(|| Ok(())), Ok(()));
        assert_eq!(do_apart(|| Err(Errno::EEXIST)), Err(Errno::EEXIST));
        let (here, there) = (std::process::id(), AtomicU16::new(0));
        let look = || {
            there.store(u16::from(nix::unistd::getpid().as_raw() as u32 != here), Ordering::Relaxed);
            Ok(())
        };
        assert_eq!((do_apart(look), there.load(Ordering::Relaxed)), (Ok(()), 1));
    }
}
