//! Boots the real kernel once and lets it run a queue of scenarios.
//!
//! Debian's package `user-mode-linux` is a Linux 6.1 that runs as an ordinary process. This machine's own
//! root is its root file system, so the very binary that runs here also runs in there (see `inside`), and
//! both sides hand files to each other through one folder.

use super::inside::FRESH_BOOT;
use super::wire::Wire;
use super::work::WorkDir;
use crate::failure::{Context, Failure, Result};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The address that the NIC is born with; other addresses would be shown beside this one.
pub(crate) const NIC_MAC: &str = "52:54:00:12:34:56";

/// How a boot ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The whole queue was run.
    Done,
    /// The NIC bears traces that only a new boot removes; the rest of the queue waits.
    FreshBoot,
}

/// Modules are loaded beforehand so that no scenario is the first to need one: loading takes time.
const MODULES: &str = "ipvlan ipvtap bridge team veth vxlan macsec vcan vxcan dummy nlmon vrf geneve tun";
/// Modules that are there before IPv6's, which comes with the bond's: they hear of links first.
const OLDER: &str = "8021q macvlan macvtap";

/// Boots, runs the scenarios in `work`/in into `work`/out, and waits for the kernel's end.
pub(crate) fn boot(work: &WorkDir, limit: Duration) -> Result<End> {
    let dir = work.path();
    write_scripts(dir, "inside")?;
    let cable = dir.join("cable");
    let wire = Wire::listen(&cable)?;
    let mut kernel = start(dir, std::slice::from_ref(&cable))?;
    let ended = wait(&mut kernel, limit);
    drop(wire);
    let _ = fs::remove_file(&cable);
    let timely = ended?.is_some();
    let status_file = dir.join("status");
    let status = fs::read_to_string(&status_file).unwrap_or_default();
    let _ = fs::remove_file(&status_file);
    match status.trim().parse::<u8>() {
        Ok(0) => Ok(End::Done),
        Ok(FRESH_BOOT) => {
            eprintln!("booting again: {}", said(dir, "said"));
            Ok(End::FreshBoot)
        }
        _ if !timely => Err(Failure::work(format!("the kernel was still busy after {} s", limit.as_secs()))),
        _ => Err(Failure::work(format!(
            "the kernel's run failed:\n{}\n{}",
            said(dir, "said"),
            said(dir, "console")
        ))),
    }
}

/// Starts the kernel, with a NIC on each cable. It stays in this program's process group, so that whoever ends the one
/// ends both.
pub(super) fn start(dir: &Path, cables: &[PathBuf]) -> Result<Child> {
    let console = dir.join("console");
    let console = File::create(&console).at("create", &console)?;
    let nic = |(number, cable): (usize, &PathBuf)| {
        let mac = if number == 0 { NIC_MAC.to_string() } else { format!("{}:{number:02x}", &NIC_MAC[..14]) };
        format!("vec{number}:transport=bess,dst={},mac={mac}", cable.display())
    };
    Command::new("linux.uml")
        .args(["mem=512M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", "quiet"])
        .args(["con=null", "con0=null,fd:2"])
        .arg(format!("uml_dir={}/", dir.display()))
        .arg(format!("init={}", dir.join("init").display()))
        .args(cables.iter().enumerate().map(nic))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(console)
        .spawn()
        .map_err(|e| {
            let need = "the packages user-mode-linux, kmod and iproute2 are needed";
            Failure::work(format!("cannot start the real kernel (linux.uml): {e}; {need}"))
        })
}

/// Waits for the kernel's end; `None` if it took too long and was ended.
fn wait(kernel: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let begin = Instant::now();
    loop {
        if let Some(status) = kernel.try_wait().context("cannot wait for the kernel")? {
            return Ok(Some(status));
        }
        if begin.elapsed() > limit {
            // Asked politely it takes the processes inside along.
            let _ = Command::new("kill").arg(kernel.id().to_string()).status();
            std::thread::sleep(Duration::from_secs(2));
            let _ = kernel.kill();
            let _ = kernel.wait();
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The first process in there, which runs the task of that name, and the helper that it names to the kernel for loading
/// modules.
pub(super) fn write_scripts(dir: &Path, task: &str) -> Result<()> {
    let me = std::env::current_exe().context("cannot find this program's file")?;
    let (d, me) = (quoted(dir), quoted(&me));
    let init = format!(
        "#!/bin/sh\n\
         export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
         mount -t proc proc /proc\n\
         mount -t sysfs sysfs /sys\n\
         mount -t tmpfs tmpfs /run\n\
         mkdir -p /run/netns\n\
         mount -t tmpfs tmpfs /mnt\n\
         mkdir -p /mnt/lib/modules\n\
         mount --bind /usr/lib/uml/modules /mnt/lib/modules\n\
         echo {d}/modprobe > /proc/sys/kernel/modprobe\n\
         echo 0 > /proc/sys/kernel/printk\n\
         for module in {OLDER}; do modprobe -d /mnt -q $module; done\n\
         modprobe -d /mnt -q bonding max_bonds=0\n\
         modprobe -d /mnt -q ifb numifbs=0\n\
         for module in {MODULES}; do modprobe -d /mnt -q $module; done\n\
         cd /\n\
         {me} oracle {task} {d} < /dev/null > {d}/said 2>&1\n\
         echo $? > {d}/status\n\
         sync\n\
         echo o > /proc/sysrq-trigger\n\
         sleep 10\n"
    );
    script(&dir.join("init"), &init)?;
    // The kernel asks for a module by its path-less name; the modules lie where only -d finds them.
    script(&dir.join("modprobe"), "#!/bin/sh\nexec modprobe -d /mnt \"$@\"\n")
}

fn script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).at("write", path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).at("make executable", path)
}

/// A path as a shell takes it literally.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// What the program inside said, or the kernel's console.
pub(super) fn said(dir: &Path, name: &str) -> String {
    String::from_utf8_lossy(&fs::read(dir.join(name)).unwrap_or_default()).trim().to_string()
}
