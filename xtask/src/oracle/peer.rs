//! Real peers: a real Linux and an embedded kernel on the two ends of a cable, in real time.
//!
//! A scene (`scene`) is commands of either side and what must hold. For each the real kernel is booted with as many
//! NICs as the scene wants, each plugged into a NIC of an embedded machine; inside runs a program (`inside`) that takes
//! its commands, one file each, out of the folder that both sides see. While the real kernel works at a command, the
//! embedded one lives on: its frames come and go, and its timers go off.

mod inside;
mod scene;

use super::boot::{said, start, write_scripts};
use super::work::WorkDir;
use crate::failure::{Context, Failure, Result};
use edge::cable::Cable;
pub(super) use inside::serve;
use inside::{ask_file, told_file};
use netloom::Machine;
use netloom::nic::Nic;
use scene::{Scene, Side, Step};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// The longest that the real kernel may take for a command, or to boot.
const LIMIT: Duration = Duration::from_secs(60);
/// Microseconds between two looks whether the real kernel has done a command.
const LOOK: u64 = 10_000;
/// Microseconds between two tries of a command of which something is to hold within a time.
const AGAIN: u64 = 500_000;
/// The seed of the embedded machine: its addresses differ from those of the real one's NICs.
const SEED: u64 = 1;

/// Plays scenes, all of `tests/peers` if none is named; says whether everything held.
pub(super) fn run(files: &[String], talks: bool) -> Result<bool> {
    let files = match files {
        [] => all_scenes()?,
        named => named.iter().map(PathBuf::from).collect(),
    };
    let mut all_hold = true;
    for file in files {
        let text = fs::read_to_string(&file).at("read", &file)?;
        let scene = Scene::parse(&text)
            .map_err(|(line, what)| Failure::usage(format!("{}:{line}: {what}", file.display())))?;
        let begin = Instant::now();
        let broken = play(&scene, talks)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        match broken {
            None => println!("holds: {name} ({:.1} s)", begin.elapsed().as_secs_f32()),
            Some(what) => {
                println!("does not hold: {name}\n{what}");
                all_hold = false;
            }
        }
    }
    Ok(all_hold)
}

fn all_scenes() -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers");
    let entries = fs::read_dir(&folder).at("read", &folder)?.flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    Ok(files)
}

/// The name of a NIC, on both sides.
fn nic_name(number: usize) -> String {
    format!("ens{}", number + 3)
}

/// The two sides while a scene is played.
struct Stage {
    work: WorkDir,
    kernel: Child,
    ours: Machine<String>,
    /// Commands that the real kernel was asked to do.
    asked: usize,
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Inside it ends by itself when it is told; a kernel that does not is ended.
        let ended = self.tell("").is_ok() && self.ends();
        if !ended {
            let _ = self.kernel.kill();
            let _ = self.kernel.wait();
        }
    }
}

/// Plays a scene and gives what does not hold.
fn play(scene: &Scene, talks: bool) -> Result<Option<String>> {
    let mut stage = Stage::set_up(scene)?;
    for step in &scene.steps {
        let end = Instant::now() + Duration::from_secs(step.within);
        loop {
            let (printed, status) = stage.run(step)?;
            if talks {
                println!("{} {}\n{printed}", step.side.word(), step.command);
            }
            let Some(complaint) = step.complaint(&printed, status) else { break };
            if Instant::now() >= end {
                let drops: Vec<String> = stage.drops();
                return Ok(Some(format!(
                    "{} {}\n{printed}[exit {status}]\n{complaint}\nours dropped: {}",
                    step.side.word(),
                    step.command,
                    drops.join(", ")
                )));
            }
            stage.ours.pass(AGAIN);
        }
    }
    Ok(None)
}

/// A veth in place of a NIC. Its other end is there only to be up.
fn add_veth(ours: &mut Machine<String>, number: usize) -> Result<()> {
    let (name, far) = (nic_name(number), format!("far{number}"));
    for line in [format!("ip link add {name} type veth peer name {far}"), format!("ip link set {far} up")] {
        let status = ours.run_line(&line).map_err(|what| Failure::work(format!("{line}: {what}")))?;
        if status != 0 {
            return Err(Failure::work(format!("{line}: {}", ours.console)));
        }
    }
    Ok(())
}

impl Stage {
    /// Boots a real kernel whose NICs are plugged into those of an embedded machine.
    fn set_up(scene: &Scene) -> Result<Stage> {
        let work = WorkDir::new()?;
        let dir = work.path().to_path_buf();
        write_scripts(&dir, "peer-inside")?;
        let mut ours = Machine::new(SEED, String::new())
            .map_err(|errno| Failure::work(format!("no embedded machine: {errno}")))?;
        let mut sockets = Vec::new();
        for number in 0..scene.nics {
            let socket = dir.join(format!("cable{number}"));
            let failed = |errno| Failure::work(format!("cable {}: {errno}", socket.display()));
            let cable = Cable::listen(&socket).map_err(failed)?;
            let mac = [0x52, 0x54, 0, 0xaa, 0, u8::try_from(number).unwrap_or(u8::MAX)];
            let nic = Nic { name: nic_name(number), mac };
            if scene.veths {
                add_veth(&mut ours, number)?;
            } else {
                ours.add_nic(&nic).map_err(failed)?;
            }
            ours.plug(&nic.name, cable).map_err(failed)?;
            sockets.push(socket);
        }
        let kernel = start(&dir, &sockets)?;
        let mut stage = Stage { work, kernel, ours, asked: 0 };
        // The first command is done only when it has booted.
        for number in 0..scene.nics {
            let name = nic_name(number);
            let (printed, status) = stage.linux(&format!("ip link set vec{number} name {name}"))?;
            if status != 0 {
                return Err(Failure::work(format!("the real kernel's NIC: {printed}")));
            }
        }
        Ok(stage)
    }

    /// Runs a step's command; gives what it printed and its exit status.
    fn run(&mut self, step: &Step) -> Result<(String, i32)> {
        match step.side {
            Side::Linux => self.linux(&step.command),
            Side::Ours => {
                self.ours.console.clear();
                let status = self
                    .ours
                    .run_line(&step.command)
                    .map_err(|what| Failure::usage(format!("ours {}: {what}", step.command)))?;
                Ok((self.ours.console.clone(), status))
            }
        }
    }

    /// Lets the real kernel do a command.
    fn linux(&mut self, command: &str) -> Result<(String, i32)> {
        self.tell(command)?;
        let answer = told_file(self.work.path(), self.asked);
        let begin = Instant::now();
        loop {
            self.ours.pass(LOOK);
            if let Ok(told) = fs::read_to_string(&answer) {
                let (status, printed) = told.split_once('\n').unwrap_or((&told, ""));
                let status = status.parse().map_err(|_| Failure::work(format!("{command}: no status")))?;
                return Ok((printed.to_string(), status));
            }
            let gone = !matches!(self.kernel.try_wait(), Ok(None));
            if gone || begin.elapsed() > LIMIT {
                let how = if gone { "has ended" } else { "does not answer" };
                let dir = self.work.path();
                return Err(Failure::work(format!(
                    "the real kernel {how} at `{command}`:\n{}\n{}",
                    said(dir, "said"),
                    said(dir, "console")
                )));
            }
        }
    }

    /// Hands a command over; nothing means that there are no more.
    fn tell(&mut self, command: &str) -> Result<()> {
        self.asked += 1;
        let file = ask_file(self.work.path(), self.asked);
        let beside = file.with_extension("part");
        fs::write(&beside, command).at("write", &beside)?;
        fs::rename(&beside, &file).at("write", &file)
    }

    /// Waits for the real kernel's end.
    fn ends(&mut self) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < LIMIT / 4 {
            if !matches!(self.kernel.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// What frames of ours died of.
    fn drops(&mut self) -> Vec<String> {
        self.ours.drops().into_iter().map(|(reason, count)| format!("{count} × {reason}")).collect()
    }
}
