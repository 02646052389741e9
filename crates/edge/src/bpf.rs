//! A program of BPF that binds sockets to a link, and its place at a control group.
//!
//! The kernel runs it for each socket of the families IPv4 and IPv6 that a process of the group makes, before the
//! process sees the socket, and the link that it writes is the one that `SO_BINDTODEVICE` would have set. The group
//! holds the program from then on; it ends with the group, or when another takes its place.
//!
//! Limits: the kernel must be built with CONFIG_CGROUP_BPF. Binding, and loading where unprivileged users may not,
//! needs `CAP_NET_ADMIN` and `CAP_SYS_ADMIN`.

use crate::system;
use nix::libc;
use rtnl::errno::Errno;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// `BPF_PROG_LOAD` and `BPF_PROG_ATTACH` (linux/bpf.h).
const LOAD: libc::c_long = 5;
const ATTACH: libc::c_long = 8;
/// `BPF_PROG_TYPE_CGROUP_SOCK`: looks at a socket of a process in a control group.
const CGROUP_SOCK: u32 = 9;
/// `BPF_CGROUP_INET_SOCK_CREATE`: when the socket is made.
const SOCK_CREATE: u32 = 2;
/// The kernel asks for a licence because some of its functions are for the GPL alone. This program calls none.
const LICENCE: &CStr = c"Dual MIT/GPL";

/// An instruction (`struct bpf_insn`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instruction {
    code: u8,
    /// Destination and source, four bits each; which comes first is up to the machine.
    registers: u8,
    offset: i16,
    value: i32,
}

impl Instruction {
    const fn new(code: u8, destination: u8, source: u8, value: i32) -> Self {
        let registers = if cfg!(target_endian = "little") {
            destination | source << 4
        } else {
            destination << 4 | source
        };
        Instruction { code, registers, offset: 0, value }
    }
}

/// Register 1 holds the socket as the program sees it (`struct bpf_sock`), of which the link is the first word.
fn instructions(link: u32) -> [Instruction; 4] {
    // 64 bits into a register; 32 bits of a register to memory; the end.
    let (move_value, store, exit) = (0xb7, 0x63, 0x95);
    [
        Instruction::new(move_value, 2, 0, i32::from_ne_bytes(link.to_ne_bytes())),
        Instruction::new(store, 1, 2, 0),
        // The socket may be made.
        Instruction::new(move_value, 0, 0, 1),
        Instruction::new(exit, 0, 0, 0),
    ]
}

/// What the kernel reads to load a program; it takes what is missing at the end for zero.
#[repr(C)]
struct LoadRequest {
    kind: u32,
    count: u32,
    instructions: u64,
    licence: u64,
}

/// What the kernel reads to attach one.
#[repr(C)]
struct AttachRequest {
    group: u32,
    program: u32,
    point: u32,
    flags: u32,
}

/// Loads the program that binds sockets to the link of this index.
///
/// # Errors
/// EPERM without the right, EINVAL or ENOSYS from a kernel without such programs.
pub fn load(link: u32) -> Result<OwnedFd, Errno> {
    let instructions = instructions(link);
    let address = |pointer: *const libc::c_void| pointer as u64;
    let request = LoadRequest {
        kind: CGROUP_SOCK,
        count: instructions.len() as u32,
        instructions: address(instructions.as_ptr().cast()),
        licence: address(LICENCE.as_ptr().cast()),
    };
    // Safety: the kernel reads `size_of::<LoadRequest>()` bytes of the request, `count` instructions and the licence
    // up to its zero. All of them live until the call is back, and it writes none: no room for a log is given.
    let made = unsafe { libc::syscall(libc::SYS_bpf, LOAD, &raw const request, size_of::<LoadRequest>()) };
    let program = RawFd::try_from(made).ok().filter(|fd| *fd >= 0).ok_or_else(last_error)?;
    // Safety: the kernel has just opened it for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(program) })
}

/// Puts a program at a control group, in the place of the one that was there.
///
/// # Errors
/// EPERM without the right or if a group above permits no other program; EBADF or EINVAL if that is no control group.
pub fn attach(program: &OwnedFd, group: &OwnedFd) -> Result<(), Errno> {
    let number = |fd: &OwnedFd| u32::try_from(fd.as_raw_fd()).map_err(|_| Errno::EBADF);
    let request =
        AttachRequest { group: number(group)?, program: number(program)?, point: SOCK_CREATE, flags: 0 };
    // Safety: the kernel reads `size_of::<AttachRequest>()` bytes of the request, which lives until the call is back.
    let done =
        unsafe { libc::syscall(libc::SYS_bpf, ATTACH, &raw const request, size_of::<AttachRequest>()) };
    if done == 0 { Ok(()) } else { Err(last_error()) }
}

fn last_error() -> Errno {
    system::errno(&io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::{self, Members};
    use crate::execute::{Program, run, status};
    use std::fs;
    use std::path::Path;

    /// Loads the program, puts it at a group, and gives the status of a shell in that group which makes a socket and
    /// connects it to this machine itself.
    fn connect_in(group: &Path, link: u32) -> Result<i32, Errno> {
        attach(&load(link)?, &cgroup::open(group)?)?;
        let words = ["bash", "-c", "exec 2>/dev/null 3<>/dev/udp/127.0.0.1/9"].map(String::from);
        let ended = run(&words, Program::Named, &[], Some(&Members::open(group)?));
        Ok(ended.map_or(-1, status))
    }

    #[test]
    fn the_sockets_of_a_group_are_bound() {
        let skip =
            |why: &str| system::write_err(&format!("skipped: no control group to be had here: {why}\n"));
        let Ok(Some(mount)) = cgroup::mount_point() else { return skip("they are not mounted") };
        let group = mount.join(format!("netloom-bpf-{}", std::process::id()));
        if let Err((_, why)) = cgroup::make(&group) {
            return skip(&why.to_string());
        }
        // `lo` has the index 1 in every namespace; no link has the other.
        let connected = [1, i32::MAX as u32].map(|link| connect_in(&group, link));
        fs::remove_dir(&group).expect("the programs have ended");
        match connected {
            [Err(why), _] | [_, Err(why)] => skip(&why.to_string()),
            [Ok(bound), Ok(nowhere)] => assert_eq!((bound, nowhere), (0, 1)),
        }
    }

    #[test]
    fn an_instruction_is_eight_bytes() {
        assert_eq!(
            (size_of::<Instruction>(), size_of::<LoadRequest>(), size_of::<AttachRequest>()),
            (8, 24, 16)
        );
        let link = instructions(0x0102_0304)[0];
        assert_eq!((link.code, link.value), (0xb7, 0x0102_0304));
    }

    #[test]
    fn what_is_no_control_group_takes_no_program() {
        let file: OwnedFd = fs::File::open("/").expect("a directory").into();
        // The file stands for a program too; which of the two is told first is the kernel's.
        let refused = attach(&file, &file).expect_err("no program, no group");
        assert!([Errno::EBADF, Errno::EINVAL, Errno::EPERM, Errno::ENOSYS].contains(&refused), "{refused}");
    }
}
