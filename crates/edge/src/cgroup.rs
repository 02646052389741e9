//! Control groups, of version 2 only: where they are mounted, in which one a process is, and how it joins another.
//!
//! A group is a directory, and its file `cgroup.procs` lists the processes in it and takes those that join. Groups are
//! made here and never removed: others may use them at any time.

use crate::netlink::errno;
use crate::system;
use nix::mount::{MsFlags, mount as mount_file_system};
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use nix::unistd::write;
use rtnl::errno::Errno;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where the groups are mounted if they are nowhere yet.
pub const MOUNT_POINT: &str = "/var/run/cgroup2";
/// The file of a group that lists its processes.
const MEMBERS: &str = "cgroup.procs";
/// The argument that `mount` does not read.
const UNUSED: Option<&str> = None;

/// Where the groups are mounted, if they are: the first such place of several that no other mount hides.
///
/// # Errors
/// What the system says when it is asked for its mounts.
pub fn mount_point() -> Result<Option<PathBuf>, Errno> {
    let mounts = fs::read("/proc/mounts").map_err(|e| system::errno(&e))?;
    let is_seen =
        |place: &PathBuf| statfs(place).is_ok_and(|found| found.filesystem_type() == CGROUP2_SUPER_MAGIC);
    let place = places(&mounts).find(is_seen);
    Ok(place)
}

/// The places of the mounts of the type, of lines `source place type options …`.
fn places(mounts: &[u8]) -> impl Iterator<Item = PathBuf> {
    mounts.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut words = line.split(|byte| *byte == b' ').skip(1);
        let place = words.next()?;
        (words.next()? == b"cgroup2").then(|| PathBuf::from(OsStr::from_bytes(&unescaped(place))))
    })
}

/// White space and backslashes stand as three octal digits behind a backslash.
fn unescaped(mut text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    while let Some((byte, rest)) = text.split_first() {
        let digits =
            rest.get(..3).filter(|_| *byte == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(stands_for) => {
                plain.push(stands_for);
                text = &rest[3..];
            }
            None => {
                plain.push(*byte);
                text = rest;
            }
        }
    }
    plain
}

/// Mounts the groups at [`MOUNT_POINT`], which must be there.
///
/// # Errors
/// ENODEV from a kernel without control groups, EPERM without the right.
pub fn mount() -> Result<(), Errno> {
    mount_file_system(Some("none"), MOUNT_POINT, Some("cgroup2"), MsFlags::empty(), UNUSED).map_err(errno)
}

/// Makes a directory, which is a group where groups are mounted, and those above it, if they are not there.
///
/// # Errors
/// Which one could not be made, and what the system says.
pub fn make(path: &Path) -> Result<(), (PathBuf, Errno)> {
    let mut above: Vec<&Path> = path.ancestors().filter(|path| path.file_name().is_some()).collect();
    above.reverse();
    for directory in above {
        match DirBuilder::new().mode(0o755).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err((directory.into(), system::errno(&error)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The group that a process (`None`: this one) is in, as a path below the mount; none if there are no groups.
///
/// # Errors
/// ENOENT if there is no such process.
pub fn of(pid: Option<u32>) -> Result<Option<Vec<u8>>, Errno> {
    let pid = pid.map_or_else(|| "self".into(), |pid| pid.to_string());
    let text = fs::read(format!("/proc/{pid}/cgroup")).map_err(|e| system::errno(&e))?;
    // The other lines are of hierarchies of version 1, which have controllers or a name.
    let mark = b"::/";
    let path = |line: &[u8]| {
        let at = line.windows(mark.len()).position(|bytes| bytes == mark)?;
        Some(line[at + 2..].to_vec())
    };
    Ok(text.split(|byte| *byte == b'\n').find_map(path))
}

/// Opens a group, to put a program of BPF there.
///
/// # Errors
/// What the system says.
pub fn open(group: &Path) -> Result<OwnedFd, Errno> {
    let opened = OpenOptions::new().read(true).custom_flags(nix::libc::O_DIRECTORY).open(group);
    opened.map(OwnedFd::from).map_err(|e| system::errno(&e))
}

/// The list of a group's processes, opened to join it.
#[derive(Debug)]
pub struct Members(File);

impl Members {
    /// Opens the list of a group.
    ///
    /// # Errors
    /// ENOENT if there is no such group, EACCES without the right.
    pub fn open(group: &Path) -> Result<Members, Errno> {
        let opened = OpenOptions::new().read(true).append(true).open(group.join(MEMBERS));
        opened.map(Members).map_err(|e| system::errno(&e))
    }

    /// Takes any open file for a list.
    #[cfg(test)]
    pub(crate) fn of_file(file: File) -> Members {
        Members(file)
    }

    /// Opens it once more.
    ///
    /// # Errors
    /// What the system says.
    pub fn again(&self) -> Result<Members, Errno> {
        self.0.try_clone().map(Members).map_err(|e| system::errno(&e))
    }

    /// Has the calling process join the group. Calls nothing that allocates or locks.
    ///
    /// # Errors
    /// EBUSY if the group hands controllers down, EACCES or EPERM without the right.
    pub fn join(&self) -> Result<(), Errno> {
        // 0 is who writes.
        write(&self.0, b"0").map(drop).map_err(errno)
    }
}

/// The processes in a group and the names of their programs, in the system's order; none if the group cannot be read.
/// Of one that ended meanwhile there is no name.
pub fn members(group: &Path) -> Vec<(u32, Option<String>)> {
    let text = fs::read_to_string(group.join(MEMBERS)).unwrap_or_default();
    let pids = text.lines().filter_map(|line| line.parse().ok());
    pids.map(|pid| (pid, program_of(pid))).collect()
}

/// The name of a process's program, as the system tells it.
fn program_of(pid: u32) -> Option<String> {
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status).into_owned();
    status.lines().find_map(|line| line.strip_prefix("Name:\t")).map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_have_places() {
        let places = |mounts: &[u8]| places(mounts).collect::<Vec<_>>();
        let mounts =
            b"none / ext4 rw 0 0\ncgroup2 /sys/fs/cgroup\\040x\\134 cgroup2 rw 0 0\nnone /b cgroup2 rw 0 0\n";
        assert_eq!(places(mounts), [PathBuf::from("/sys/fs/cgroup x\\"), "/b".into()]);
        assert_eq!(places(b"cgroup2 /a cgroup rw 0 0\ncgroup2\n\n"), Vec::<PathBuf>::new());
        assert_eq!(unescaped(b"\\0401\\9\\04"), b" 1\\9\\04");
    }

    #[test]
    fn directories_are_made_from_the_top() {
        let top = std::env::temp_dir().join(format!("netloom-groups-{}", std::process::id()));
        let deep = top.join("a/b");
        make(&deep).expect("room for a directory");
        make(&deep).expect("those that are there do");
        assert!(deep.is_dir());
        fs::write(top.join("file"), "1\n4294967295\nx\n").expect("room for a file");
        assert_eq!(make(&top.join("file/c/d")), Err((top.join("file/c"), Errno::ENOTDIR)));
        assert_eq!(Members::open(&deep).map(drop), Err(Errno::ENOENT));
        assert_eq!(members(&deep), []);
        fs::rename(top.join("file"), deep.join(MEMBERS)).expect("it moves");
        let told = members(&deep);
        assert_eq!(told.iter().map(|(pid, _)| *pid).collect::<Vec<_>>(), [1, u32::MAX]);
        assert!(told[0].1.is_some() && told[1].1.is_none(), "{told:?}");
        fs::remove_dir_all(&top).expect("it goes");
    }

    #[test]
    fn a_process_that_is_not_there_is_in_no_group() {
        assert_eq!(of(Some(u32::MAX)), Err(Errno::ENOENT));
        let own = of(None).expect("this one is there");
        assert_eq!(own, of(Some(std::process::id())).expect("and has a number"));
        assert!(own.is_none_or(|path| path.starts_with(b"/")));
    }
}
