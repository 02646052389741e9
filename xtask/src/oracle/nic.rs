//! The real kernel's one physical NIC: lent to a scenario, taken back and made as new.
//!
//! A NIC outlives the namespaces it was in and keeps what was done to it. Most of that can be put back;
//! some cannot (an operstate that is no longer unknown, another ifindex). So the NIC is compared with what
//! it looked like after the boot, and if any trace is left the caller has to boot again.

use crate::failure::{Context, Failure, Result};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::boot::NIC_MAC;

/// The name that the kernel gives to it.
const HOME_NAME: &str = "vec0";

/// What the NIC looked like after the boot.
pub(crate) struct Nic {
    as_new: String,
}

impl Nic {
    /// Looks at the NIC right after the boot.
    pub(crate) fn meet() -> Result<Nic> {
        for which in ["all", "default"] {
            // Without it the NIC would send frames whenever it is looked at.
            let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1\n");
        }
        reset(HOME_NAME);
        let as_new = look();
        if as_new.is_empty() { Err(Failure::work("the real kernel has no NIC")) } else { Ok(Nic { as_new }) }
    }

    /// Waits until the NIC is back from the last scenario and makes it as new; `false` if that is impossible.
    pub(crate) fn bring_home(&self) -> bool {
        let Some(name) = wait_for_return() else {
            println!("the NIC did not come home");
            return false;
        };
        // What was said about its carrier at the very end is still to be heard.
        std::thread::sleep(Duration::from_millis(200));
        reset(&name);
        let as_new = look() == self.as_new;
        if !as_new {
            println!("the NIC cannot be made as new");
        }
        as_new
    }

    /// Moves the NIC into the namespace of process `pid`.
    pub(crate) fn lend(&self, pid: u32, name: &str, mac: &str) -> Result<()> {
        for words in [
            format!("link set {HOME_NAME} address {mac}"),
            format!("link set {HOME_NAME} netns {pid} name {name}"),
        ] {
            let output = Command::new("ip").args(words.split(' ')).output().context("cannot run ip")?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
                return Err(Failure::work(format!("ip {words}: {said}")));
            }
        }
        Ok(())
    }
}

/// Waits for the NIC in the first namespace, and for all that was stacked on it to be gone. Returns its name.
fn wait_for_return() -> Option<String> {
    for _ in 0..400 {
        if let Some((name, dir)) = find() {
            let entries = std::fs::read_dir(&dir).ok()?.flatten();
            let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            if !names.any(|entry| entry.starts_with("upper_") || entry == "master") {
                return Some(name);
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}

/// The NIC is the one device of this namespace that has a parent device.
fn find() -> Option<(String, PathBuf)> {
    let entries = std::fs::read_dir("/sys/class/net").ok()?;
    let nic = entries.flatten().find(|entry| entry.path().join("device").exists())?;
    Some((nic.file_name().to_string_lossy().into_owned(), nic.path()))
}

/// Puts back all that can be put back. Each step may be refused because there is nothing to do.
fn reset(name: &str) {
    let shown = batch(&format!("link show dev {name}\n"));
    let mut words = shown.split_whitespace();
    let mut steps = String::new();
    while words.any(|w| w == "altname") {
        if let Some(alternative) = words.next() {
            steps.push_str(&format!("link property del dev {name} altname {alternative}\n"));
        }
    }
    steps.push_str(&format!("link set {name} down\n"));
    for step in [
        "mtu 1500",
        "group 0",
        "txqueuelen 1000",
        "arp on multicast on dynamic off trailers on",
        "promisc off",
        "allmulticast off",
        "mode default",
        "addrgenmode eui64",
        "gso_max_size 65536 gso_max_segs 65535",
        "broadcast ff:ff:ff:ff:ff:ff",
        "alias \"\"",
        &format!("address {NIC_MAC}"),
        &format!("name {HOME_NAME}"),
    ] {
        steps.push_str(&format!("link set {name} {step}\n"));
    }
    batch(&steps);
}

/// All that can be seen of the NIC, nothing if it has not even its name back. Its operstate can only be
/// seen while it is up.
fn look() -> String {
    batch(&format!("link set {HOME_NAME} up\nlink show dev {HOME_NAME}\nlink set {HOME_NAME} down\n"))
}

/// Runs many lines of `ip` in one process, and goes on after a refused one: starting a process is slow.
fn batch(lines: &str) -> String {
    let child = Command::new("ip")
        .args(["-force", "-details", "-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return String::new() };
    if let Some(mut input) = child.stdin.take() {
        // If nobody reads, nothing is shown either, and that is noticed.
        let _ = input.write_all(lines.as_bytes());
    }
    child.wait_with_output().map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default()
}
