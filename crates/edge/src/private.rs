//! A private corner of this machine's Linux: user, network and mount namespaces of this process's own.
//!
//! In a user namespace of its own a process has every right over the network namespaces that are made in it, and none
//! over the machine: links, addresses and names of namespaces that it makes are seen by nobody else and end with it.
//! Who is root needs no user namespace, and gets none: some kernels give fewer rights in one.
//!
//! `/run/netns` becomes an empty directory in memory, and `/sys` tells of the new network namespace where the system
//! lets us mount it (in a container it may not; only programs that read it would notice). `/etc/netns` stays.
//!
//! Limits: the process must have one thread, which at its beginning it has; and only one user and one group are known
//! in the user namespace, so that files of others belong to `nobody`.

use crate::netlink::errno;
use crate::netns::DIRECTORY;
use crate::system;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};
use rtnl::errno::Errno;
use std::fs;
use std::path::Path;

/// The argument that `mount` does not read.
const UNUSED: Option<&str> = None;

/// Why there is no private corner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was tried.
    pub what: &'static str,
    /// Why it failed.
    pub errno: Errno,
    /// What on this system is in the way, and what to do, if that can be told.
    pub remedy: Option<String>,
}

/// The switches of Linux that forbid user namespaces: the file, the value that forbids, and what to do as root.
const SWITCHES: &[(&str, &str, &str)] = &[
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
    ("/proc/sys/user/max_net_namespaces", "0", "sysctl user.max_net_namespaces=10000"),
];

/// Whether the user is root, here.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Moves this process into namespaces of its own, in which it is root. `lo` is there, and down.
///
/// # Errors
/// What failed. The process may then be half moved, and should end.
pub fn enter() -> Result<(), Failure> {
    let (user, group) = (geteuid(), getegid());
    if !user.is_root() {
        unshare(CloneFlags::CLONE_NEWUSER).map_err(|os| failed("a user namespace", errno(os)))?;
        write("/proc/self/uid_map", &format!("0 {user} 1\n"))?;
        // Without it a group cannot be mapped: whom a group keeps out could leave it.
        write("/proc/self/setgroups", "deny\n")?;
        write("/proc/self/gid_map", &format!("0 {group} 1\n"))?;
    }
    let flags = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
    unshare(flags).map_err(|os| failed("network and mount namespaces", errno(os)))?;
    let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    mount(UNUSED, "/", UNUSED, private, UNUSED).map_err(|os| failed("mounts of its own", errno(os)))?;
    hide_names().map_err(|why| failed("an empty /run/netns", why))?;
    // The links of this namespace for programs; ours do not look there.
    let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), UNUSED);
    Ok(())
}

/// Lays an empty directory over that of the names, or over the one above where there is none yet.
fn hide_names() -> Result<(), Errno> {
    let names = Path::new(DIRECTORY);
    let place = if names.is_dir() { names } else { names.parent().unwrap_or(names) };
    mount(Some("tmpfs"), place, Some("tmpfs"), MsFlags::empty(), Some("mode=755")).map_err(errno)
}

fn write(file: &str, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|why| failed("rights in a user namespace", system::errno(&why)))
}

fn failed(what: &'static str, errno: Errno) -> Failure {
    Failure { what, errno, remedy: remedy(errno) }
}

/// What is in the way here.
fn remedy(errno: Errno) -> Option<String> {
    let is_set =
        |file: &str, forbids: &str| fs::read_to_string(file).is_ok_and(|text| text.trim() == forbids);
    if let Some((_, _, command)) = SWITCHES.iter().find(|(file, forbids, _)| is_set(file, forbids)) {
        return Some(format!("this system forbids it; root can permit it: `{command}`"));
    }
    match errno {
        Errno::EPERM | Errno::EACCES => {
            Some("this system, or the container that this runs in, does not permit it without root".into())
        }
        Errno::EINVAL | Errno::ENOSYS => Some("this kernel is built without it".into()),
        Errno::ENOSPC => Some("there are too many already, or they are nested too deeply".into()),
        _ => None,
    }
}
