//! Named network namespaces, kept as everybody keeps them on Linux, so that names made here are seen by all other
//! tools and theirs are seen here: a name is an empty file in `/run/netns`, and the namespace's file of `/proc`
//! is bind mounted on it, which holds the namespace without any process in it. The directory is a shared mount, so
//! that an unmount reaches every mount namespace that has a copy.
//!
//! The namespace of the calling thread changes in [`enter`] only. Names are made and removed in a process of its own,
//! which goes on if this one is killed: a name without a namespace is never left behind. A name is taken with an
//! exclusive creation as late as possible, and given back if what follows fails; an existing name is never touched.
//!
//! Limits: if everything is killed at once, within the few microseconds between the creation of the file and the mount,
//! a file without a namespace stays, because Linux cannot do both at once; `delete` removes it.

use crate::apart::do_apart;
use crate::netlink::{errno, unbroken};
use crate::system;
use nix::fcntl::{Flock, FlockArg, OFlag, open as open_file};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::Mode;
use rtnl::errno::Errno;
use std::cell::Cell;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Where the names are.
pub const DIRECTORY: &str = "/run/netns";
/// The namespace of the thread that asks.
const OWN: &str = "/proc/thread-self/ns/net";
/// The argument that `mount` does not read.
const UNUSED: Option<&str> = None;

/// The file of a name; EINVAL for what cannot be the name of a file in a directory.
fn path_of(name: &str) -> Result<PathBuf, Errno> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(Errno::EINVAL);
    }
    Ok(Path::new(DIRECTORY).join(name))
}

/// The names, in the order in which the system lists them (on a tmpfs: newest first).
///
/// # Errors
/// ENOENT if there was never a name.
pub fn names() -> Result<Vec<String>, Errno> {
    let mut names = Vec::new();
    for entry in fs::read_dir(DIRECTORY).map_err(|e| system::errno(&e))? {
        let entry = entry.map_err(|e| system::errno(&e))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// Makes a namespace under a new name.
///
/// # Errors
/// EEXIST if the name is taken; what the system says.
pub fn add(name: &str) -> Result<(), Errno> {
    let path = path_of(name)?;
    make_directory()?;
    do_apart(|| {
        expect_none(&path)?;
        unshare(CloneFlags::CLONE_NEWNET).map_err(errno)?;
        take_name(&path, Path::new(OWN))
    })
}

/// Gives a new name to a namespace that is open.
///
/// # Errors
/// EEXIST if the name is taken; what the system says.
pub fn add_opened(name: &str, namespace: &OwnedFd) -> Result<(), Errno> {
    let path = path_of(name)?;
    let source = PathBuf::from(format!("/proc/self/fd/{}", namespace.as_raw_fd()));
    make_directory()?;
    do_apart(|| {
        expect_none(&path)?;
        take_name(&path, &source)
    })
}

/// Whether a name is taken. It may come and go meanwhile; only [`add`] decides.
pub fn is_taken(name: &str) -> bool {
    path_of(name).and_then(|path| expect_none(&path)) == Err(Errno::EEXIST)
}

/// Gives a new name to the namespace of a process.
///
/// # Errors
/// EEXIST if the name is taken, ENOENT if there is no such process; what the system says.
pub fn attach(name: &str, pid: u32) -> Result<(), Errno> {
    let (path, source) = (path_of(name)?, path_of_pid(Some(pid)));
    make_directory()?;
    do_apart(|| {
        expect_none(&path)?;
        identity(&source)?;
        take_name(&path, &source)
    })
}

/// Removes a name.
///
/// # Errors
/// ENOENT if there is no such name; what the system says.
pub fn delete(name: &str) -> Result<(), Errno> {
    let path = path_of(name)?;
    do_apart(|| {
        // It fails on a name that nothing is mounted on, which is to be removed all the same.
        let _ = umount2(&path, MntFlags::MNT_DETACH);
        fs::remove_file(&path).map_err(|e| system::errno(&e))
    })
}

/// Opens a namespace by its name, or by a path if there is a slash in it.
///
/// # Errors
/// ENOENT if there is no such name; what the system says.
pub fn open(name: &str) -> Result<OwnedFd, Errno> {
    if name.contains('/') { open_path(Path::new(name)) } else { open_path(&Path::new(DIRECTORY).join(name)) }
}

/// Opens a namespace by its name alone: one with a slash in it is a path from the directory of names on.
///
/// # Errors
/// ENOENT if there is no such name; what the system says.
pub fn open_named(name: &str) -> Result<OwnedFd, Errno> {
    // `join` would take the place of the directory.
    open_path(Path::new(&format!("{DIRECTORY}/{name}")))
}

/// Opens the namespace that the calling thread is in.
///
/// # Errors
/// What the system says.
pub fn current() -> Result<OwnedFd, Errno> {
    open_path(Path::new(OWN))
}

/// Moves the calling thread to a namespace. Sockets that are open stay where they are.
///
/// # Errors
/// EINVAL if that is not a network namespace, EPERM without the right.
pub fn enter(namespace: &OwnedFd) -> Result<(), Errno> {
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(errno)
}

/// Moves the calling thread to a new network namespace, which ends with its last thread.
///
/// # Errors
/// EPERM without the right; what the system says.
pub fn isolate() -> Result<(), Errno> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(errno)
}

/// The names of the namespace that a process (`None`: the calling thread) is in, in the order of [`names`].
///
/// # Errors
/// ENOENT if there is no such process; what the system says.
pub fn identify(pid: Option<u32>) -> Result<Vec<String>, Errno> {
    let wanted = identity(&path_of_pid(pid))?;
    let mut names = match names() {
        Err(Errno::ENOENT) => Vec::new(),
        names => names?,
    };
    names.retain(|name| identity(&Path::new(DIRECTORY).join(name)) == Ok(wanted));
    Ok(names)
}

/// A name that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The name.
    pub name: String,
    /// Whether it came.
    pub added: bool,
}

/// Hears of names that come and go, whoever makes them.
#[derive(Debug)]
pub struct NameWatch(Inotify);

impl NameWatch {
    /// Begins to listen.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> Result<NameWatch, Errno> {
        make_directory()?;
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC).map_err(errno)?;
        let wanted = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE;
        inotify.add_watch(DIRECTORY, wanted).map_err(errno)?;
        Ok(NameWatch(inotify))
    }

    /// Waits for the next changes.
    ///
    /// # Errors
    /// What the system says.
    pub fn next(&self) -> Result<Vec<Change>, Errno> {
        let events = unbroken(|| self.0.read_events())?;
        let change = |event: nix::sys::inotify::InotifyEvent| {
            let name = event.name?.to_string_lossy().into_owned();
            Some(Change { name, added: event.mask.contains(AddWatchFlags::IN_CREATE) })
        };
        Ok(events.into_iter().filter_map(change).collect())
    }
}

/// The processes in a namespace, in the order of `/proc`.
///
/// # Errors
/// ENOENT if there is no such name; what the system says.
pub fn pids(name: &str) -> Result<Vec<u32>, Errno> {
    let wanted = identity(&path_of(name)?)?;
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc").map_err(|e| system::errno(&e))?.flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        // A process that ended meanwhile, or that we may not look at, is in no namespace.
        pids.extend(pid.filter(|pid| identity(&path_of_pid(Some(*pid))) == Ok(wanted)));
    }
    Ok(pids)
}

fn path_of_pid(pid: Option<u32>) -> PathBuf {
    pid.map_or_else(|| PathBuf::from(OWN), |pid| PathBuf::from(format!("/proc/{pid}/ns/net")))
}

fn open_path(path: &Path) -> Result<OwnedFd, Errno> {
    open_file(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map_err(errno)
}

/// What two files of one namespace have in common.
fn identity(path: &Path) -> Result<(u64, u64), Errno> {
    let data = fs::metadata(path).map_err(|e| system::errno(&e))?;
    Ok((data.dev(), data.ino()))
}

/// Refuses a name that is taken before anything is done for it.
fn expect_none(path: &Path) -> Result<(), Errno> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(Errno::EEXIST),
        Err(_) => Ok(()),
    }
}

/// Creates the file of a name that must not exist, and mounts a namespace's file of `/proc` on it.
fn take_name(path: &Path, source: &Path) -> Result<(), Errno> {
    // Nobody is to read or write it: what counts is what will be mounted on it.
    let flags = OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    open_file(path, flags, Mode::empty()).map_err(errno)?;
    let mounted = mount(Some(source), path, Some("none"), MsFlags::MS_BIND, UNUSED);
    mounted.map_err(errno).inspect_err(|_| {
        // The failure that led here is the one to report.
        let _ = fs::remove_file(path);
    })
}

/// Has the directory be there and be a shared mount. A thread looks after it once: the system walks all mounts in it
/// each time, and whoever makes a thousand names would wait for that.
fn make_directory() -> Result<(), Errno> {
    thread_local! {
        static MADE: Cell<bool> = const { Cell::new(false) };
    }
    if !MADE.get() {
        share_directory()?;
        MADE.set(true);
    }
    Ok(())
}

/// Creates the directory if need be and makes it a shared mount.
fn share_directory() -> Result<(), Errno> {
    match fs::DirBuilder::new().mode(0o755).create(DIRECTORY) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(system::errno(&error)),
        _ => {}
    }
    let directory =
        open_file(DIRECTORY, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
    // Two that bind the directory on itself at once would stack the mounts, each doubling those below. Without the
    // lock (some file systems have none) we go on as everybody does.
    let _lock = Flock::lock(directory.map_err(errno)?, FlockArg::LockExclusive).ok();
    let share = || mount(Some(""), DIRECTORY, Some("none"), MsFlags::MS_SHARED | MsFlags::MS_REC, UNUSED);
    match share() {
        // It is no mount yet.
        Err(nix::errno::Errno::EINVAL) => {
            let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
            mount(Some(DIRECTORY), DIRECTORY, Some("none"), flags, UNUSED).map_err(errno)?;
            share().map_err(errno)
        }
        result => result.map_err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a test in a thread with mounts of its own and an empty `/run`, if this machine lets us.
    fn apart(test: fn()) {
        let run = move || {
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            let ready = unshare(CloneFlags::CLONE_NEWNS)
                .and_then(|()| mount(UNUSED, "/", UNUSED, private, UNUSED))
                .and_then(|()| mount(Some("run"), "/run", Some("tmpfs"), MsFlags::empty(), UNUSED))
                .and_then(|()| unshare(CloneFlags::CLONE_NEWNET));
            match ready {
                Ok(()) => test(),
                Err(why) => system::write_err(&format!("skipped: no right to make namespaces here: {why}\n")),
            }
        };
        std::thread::spawn(run).join().unwrap();
    }

    #[test]
    fn names_come_and_go() {
        apart(|| {
            let before = identity(Path::new(OWN)).unwrap();
            assert_eq!(names(), Err(Errno::ENOENT));
            assert_eq!(identify(None), Ok(vec![]));
            add("blue").unwrap();
            add("red").unwrap();
            assert_eq!(add("blue"), Err(Errno::EEXIST));
            let mut sorted = names().unwrap();
            sorted.sort();
            assert_eq!(sorted, ["blue", "red"]);
            assert_eq!(identity(Path::new(OWN)).unwrap(), before, "the maker stays where it was");
            delete("red").unwrap();
            assert_eq!(delete("red"), Err(Errno::ENOENT));
            assert_eq!(open("red").map(|_| ()), Err(Errno::ENOENT));
            assert_eq!(names().unwrap(), ["blue"]);
            delete("blue").unwrap();
        });
    }

    #[test]
    fn entering_and_leaving() {
        apart(|| {
            let made = crate::stock::Stock::begin(1).unwrap().take().unwrap();
            add_opened("blue", &made).unwrap();
            assert_eq!(add_opened("blue", &made), Err(Errno::EEXIST));
            assert!(is_taken("blue") && !is_taken("red"));
            let home = current().unwrap();
            enter(&open("blue").unwrap()).unwrap();
            assert_eq!(identify(None).unwrap(), ["blue"]);
            enter(&home).unwrap();
            assert_eq!(identify(None).unwrap(), Vec::<String>::new());
            assert_eq!(pids("blue"), Ok(vec![]));
            delete("blue").unwrap();
        });
    }

    #[test]
    fn nothing_half_made_stays() {
        apart(|| {
            assert_eq!(attach("gone", u32::MAX), Err(Errno::ENOENT));
            assert_eq!(names().unwrap(), Vec::<String>::new());
            attach("mine", std::process::id()).unwrap();
            assert!(identify(Some(std::process::id())).unwrap().contains(&"mine".to_string()));
            assert!(pids("mine").unwrap().contains(&std::process::id()));
            delete("mine").unwrap();
        });
    }

    #[test]
    fn odd_names_are_refused() {
        for name in ["", ".", "..", "a/b", "/proc/1/ns/net", "a\0b"] {
            assert_eq!(add(name), Err(Errno::EINVAL), "{name:?}");
            assert_eq!(delete(name), Err(Errno::EINVAL), "{name:?}");
        }
    }
}
