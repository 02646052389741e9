//! Running other programs in the calling thread's network namespace.
//!
//! `/sys` shows the network namespace in which it was mounted, and a program expects the files of `/etc/netns/NAME`
//! in the place of those of `/etc`. So a program that runs in a named namespace gets mounts of its own: changes come
//! in from outside and none goes out. They are made in the process that becomes the program, or in a thread that
//! starts it and ends, never in one that goes on.
//!
//! A program can be given a control group: it joins that before it begins, so it makes no socket outside of it.

use crate::capability;
use crate::cgroup::Members;
use crate::netlink::errno;
use crate::system;
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::sys::statvfs::{FsFlags, statvfs};
use rtnl::errno::Errno;
use std::convert::Infallible;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus};

/// The argument that `mount` does not read.
const UNUSED: Option<&str> = None;

/// Why a program did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Its view of the file system could not be made: what was tried, and why it failed.
    View(&'static str, Errno),
    /// It could not join its control group.
    Group,
    /// There is no such program, or it cannot be run.
    Start(Errno),
}

/// What a new process says in the place of an error number if it could not join its control group. No error of the
/// system has it.
const NOT_JOINED: i32 = 0x4e4a;

/// Which program the first word names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The one of that name in `PATH`.
    Named,
    /// This one, called by that name.
    This,
}

/// Turns this process into a program; `namespaces` are the names of the network namespaces that the calling thread has
/// entered one after the other. Comes back only if that fails, and then the process should end.
///
/// # Errors
/// Why it did not start.
pub fn replace(words: &[String], program: Program, namespaces: &[&str]) -> Result<Infallible, Failure> {
    let mut command = command(words, program)?;
    make_view(namespaces)?;
    Err(Failure::Start(system::errno(&command.exec())))
}

/// Runs a program as [`replace`] does, but beside this process, and waits for its end. It joins a control group first,
/// if one is given, and then has no rights that its user has not.
///
/// # Errors
/// Why it did not start.
pub fn run(
    words: &[String],
    program: Program,
    namespaces: &[&str],
    group: Option<&Members>,
) -> Result<ExitStatus, Failure> {
    let mut command = command(words, program)?;
    if let Some(group) = group {
        join_first(&mut command, group.again().map_err(|_| Failure::Group)?);
    }
    let start = || {
        // The thread has this thread's network namespace; its mounts become its own.
        make_view(namespaces)?;
        command.spawn().map_err(|e| match e.raw_os_error() {
            Some(NOT_JOINED) => Failure::Group,
            _ => Failure::Start(system::errno(&e)),
        })
    };
    let joined = std::thread::scope(|scope| scope.spawn(start).join());
    let mut child = joined.unwrap_or(Err(Failure::Start(Errno::EIO)))?;
    // The keys that interrupt reach every process of the terminal; the program says what they mean.
    let interrupts = [Signal::SIGINT, Signal::SIGQUIT];
    let before = interrupts.map(|signal| dispose(signal, SigHandler::SigIgn));
    let ended = child.wait();
    for (signal, handler) in interrupts.into_iter().zip(before) {
        dispose(signal, handler);
    }
    ended.map_err(|e| Failure::Start(system::errno(&e)))
}

/// The status to exit with after a program: its own, or what shells show for a signal.
pub fn status(ended: ExitStatus) -> i32 {
    ended.code().unwrap_or_else(|| 128 + ended.signal().unwrap_or(0))
}

/// Ends this process by a signal, whatever it did about that signal so far.
pub fn die_by(signal: Signal) -> ! {
    dispose(signal, SigHandler::SigDfl);
    // If this fails, or the signal is held back, the status that shells show for it is next best.
    let _ = raise(signal);
    std::process::exit(128 + signal as i32)
}

/// Sets what a signal does; gives what it did before.
fn dispose(signal: Signal, handler: SigHandler) -> SigHandler {
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // Safety: the handlers that are passed here are "ignore", "default" and what was set before; we have no handler
    // function of our own that could run at a bad time.
    let before = unsafe { sigaction(signal, &action) };
    before.map_or(SigHandler::SigDfl, |before| before.handler())
}

fn command(words: &[String], program: Program) -> Result<Command, Failure> {
    let (name, arguments) = words.split_first().ok_or(Failure::Start(Errno::ENOENT))?;
    let mut command = match program {
        Program::Named => Command::new(name),
        Program::This => Command::new("/proc/self/exe"),
    };
    command.arg0(name);
    command.args(arguments);
    Ok(command)
}

/// Has a program join a control group before it begins.
fn join_first(command: &mut Command, group: Members) {
    let join = move || {
        let joined = group.join().and_then(|()| capability::give_up());
        joined.map_err(|_| io::Error::from_raw_os_error(NOT_JOINED))
    };
    // Safety: it runs in the new process, where other threads' locks may be held for ever. Neither call allocates or
    // locks, and the error is a number.
    unsafe { command.pre_exec(join) };
}

/// Gives the calling thread the view of the file system that belongs to the last of some named network namespaces. The
/// files of those before it stay where it has none.
fn make_view(namespaces: &[&str]) -> Result<(), Failure> {
    let Some(name) = namespaces.last() else { return Ok(()) };
    let failed = |what| move |os| Failure::View(what, errno(os));
    unshare(CloneFlags::CLONE_NEWNS).map_err(failed("unshare failed"))?;
    let slave = MsFlags::MS_SLAVE | MsFlags::MS_REC;
    mount(Some(""), "/", Some("none"), slave, UNUSED).map_err(failed("\"mount --make-rslave /\" failed"))?;
    // There may be none; or it cannot be taken away, as in containers. Then the new one lies over it, and the system
    // wants it to be read-only if the one below is.
    let stuck = umount2("/sys", MntFlags::MNT_DETACH).is_err();
    let read_only = stuck && statvfs("/sys").is_ok_and(|sys| sys.flags().contains(FsFlags::ST_RDONLY));
    let flags = if read_only { MsFlags::MS_RDONLY } else { MsFlags::empty() };
    mount(Some(*name), "/sys", Some("sysfs"), flags, UNUSED).map_err(failed("mount of /sys failed"))?;
    for name in namespaces {
        bind_etc(name);
    }
    Ok(())
}

/// Lays the files of `/etc/netns/NAME` over those of `/etc`. One that cannot be laid is reported and left out.
fn bind_etc(name: &str) {
    let Ok(entries) = std::fs::read_dir(Path::new("/etc/netns").join(name)) else { return };
    for entry in entries.flatten() {
        let source = entry.path();
        let target = Path::new("/etc").join(entry.file_name());
        if let Err(os) = mount(Some(&source), &target, Some("none"), MsFlags::MS_BIND, UNUSED) {
            let (source, target) = (source.display(), target.display());
            system::write_err(&format!("Bind {source} -> {target} failed: {}\n", errno(os)));
        }
    }
}

/// The signal that ended a program, if one did.
pub fn killer(ended: ExitStatus) -> Option<Signal> {
    ended.signal().and_then(|number: libc::c_int| Signal::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_string).collect()
    }

    fn run(words: &[String], namespaces: &[&str]) -> Result<ExitStatus, Failure> {
        super::run(words, Program::Named, namespaces, None)
    }

    #[test]
    fn the_status_is_passed_on() {
        assert_eq!(run(&words("true"), &[]).map(status), Ok(0));
        assert_eq!(run(&words("sh -c exit${IFS}7"), &[]).map(status), Ok(7));
        let killed = run(&words("sh -c kill${IFS}-9${IFS}$$"), &[]).unwrap();
        assert_eq!((status(killed), killer(killed)), (137, Some(Signal::SIGKILL)));
    }

    #[test]
    fn a_missing_program_is_an_error() {
        assert_eq!(run(&words("/nonexistent/program x"), &[]), Err(Failure::Start(Errno::ENOENT)));
        assert_eq!(run(&words("no-such-program-anywhere"), &[]), Err(Failure::Start(Errno::ENOENT)));
        assert_eq!(run(&[], &[]), Err(Failure::Start(Errno::ENOENT)));
        assert_eq!(run(&words("/"), &[]), Err(Failure::Start(Errno::EACCES)));
    }

    #[test]
    fn a_program_joins_its_group_or_does_not_begin() {
        let folder = std::env::temp_dir().join(format!("netloom-joins-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let list = folder.join("cgroup.procs");
        std::fs::write(&list, "").unwrap();
        let group = Members::open(&folder).unwrap();
        // A file in the place of the list shows what was written.
        let look = words(&format!("grep -qx 0 {}", list.display()));
        let ended = super::run(&look, Program::Named, &[], Some(&group));
        assert_eq!(ended.map(status), Ok(0));
        std::fs::remove_dir_all(&folder).unwrap();
        let read_only = std::fs::File::open("/proc/self/status").unwrap();
        let refused = super::run(&words("true"), Program::Named, &[], Some(&Members::of_file(read_only)));
        assert_eq!(refused, Err(Failure::Group));
    }

    #[test]
    fn a_named_namespace_brings_its_own_mounts() {
        let before = std::fs::read_link("/proc/thread-self/ns/mnt").unwrap();
        match run(&words("true"), &["test"]) {
            Ok(ended) => assert_eq!(status(ended), 0),
            Err(why) => system::write_err(&format!("skipped: no right to make mounts here: {why:?}\n")),
        }
        assert_eq!(std::fs::read_link("/proc/thread-self/ns/mnt").unwrap(), before);
    }
}
