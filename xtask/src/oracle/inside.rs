//! The part that runs inside the real kernel: scenarios in, transcripts out; frame cases in, with answers out.
//!
//! `inside DIR` runs the queue DIR/in, one scenario or frame case (`.json`) after the other, into DIR/out. Each gets a
//! process of its own (`scene`) in fresh net and mount namespaces, with empty `/run` and its own `/sys`.
//! That process says `ready` once it is there, the NIC is moved to it if the scenario has it, and it goes
//! on when it is told to.

use super::frame_case::FrameCase;
use super::frame_scene;
use super::nic::Nic;
use super::requests::Monitors;
use super::scenario::{Line, Scenario};
use crate::failure::{Context, Failure, Result};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// The exit status that asks for another boot before the rest of the queue can be run.
pub(crate) const FRESH_BOOT: u8 = 75;

/// How the name of a scenario ends whose `ip` and `bridge` are ours.
pub(crate) const OURS: &str = ".ours";
/// How it ends, before that, if what is asked for is the requests that are sent, and not what is printed.
pub(crate) const REQUESTS: &str = ".requests";
/// The folder with ours, beside the queue.
pub(crate) const OUR_TOOLS: &str = "tools";

/// No command of a scenario takes longer than this.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Runs the queue. The answer is the exit status.
pub(crate) fn run_queue(dir: &Path) -> Result<u8> {
    let queue = dir.join("in");
    let mut names: Vec<_> =
        fs::read_dir(&queue).at("read", &queue)?.flatten().map(|e| e.file_name()).collect();
    names.sort();
    let nic = Nic::meet()?;
    let mut used = false;
    for name in names {
        let (source, target) = (queue.join(&name), dir.join("out").join(&name));
        if target.exists() {
            continue;
        }
        let scenario = match is_frame_case(&source) {
            true => Scenario::default(),
            false => Scenario::parse(&fs::read_to_string(&source).at("read", &source)?),
        };
        if scenario.nic().is_some() {
            if used && !nic.bring_home() {
                return Ok(FRESH_BOOT);
            }
            used = true;
        }
        let tools = name.to_string_lossy().ends_with(OURS).then(|| dir.join(OUR_TOOLS));
        stage(&scenario, (&source, &target), &nic, tools)?;
        if !target.exists() {
            fs::write(&target, "").at("write", &target)?;
        }
    }
    Ok(0)
}

fn is_frame_case(source: &Path) -> bool {
    source.extension().is_some_and(|extension| extension == "json")
}

/// Starts the scenario's own process, hands it the NIC and waits for its end. Programs are looked for in the folder of
/// tools first, if there is one.
fn stage(
    scenario: &Scenario,
    (source, target): (&Path, &Path),
    nic: &Nic,
    tools: Option<PathBuf>,
) -> Result<()> {
    let me = std::env::current_exe().context("cannot find this program's file")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = tools.into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).context("a folder of PATH has a colon in it")?;
    let mut child = Command::new("unshare")
        .env("PATH", path)
        .args(["--net", "--mount", "--"])
        .arg(me)
        .args(["oracle", "scene"])
        .args([source, target])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run unshare")?;
    let mut said = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut said).context("cannot hear the scenario's process")?;
    }
    if said.trim() != "ready" {
        return Err(Failure::work("a scenario's process did not get ready"));
    }
    if let Some((name, mac)) = scenario.nic() {
        nic.lend(child.id(), name, mac)?;
    }
    if let Some(mut tell) = child.stdin.take() {
        tell.write_all(b"go\n").context("cannot tell the scenario's process to go on")?;
    }
    child.wait().context("cannot wait for the scenario's process")?;
    Ok(())
}

/// The scenario's own process: waits for the word, makes itself at home, runs the commands.
pub(crate) fn run_scene(source: &Path, target: &Path) -> Result<()> {
    println!("ready");
    let mut word = String::new();
    std::io::stdin().read_line(&mut word).context("cannot hear the word")?;
    for words in ["--make-rprivate /", "-t tmpfs tmpfs /run", "-t sysfs sysfs /sys"] {
        let done = Command::new("mount").args(words.split(' ')).status().context("cannot run mount")?;
        if !done.success() {
            return Err(Failure::work(format!("mount {words}: {done}")));
        }
    }
    fs::create_dir_all("/run/netns").context("cannot create /run/netns")?;
    let text = fs::read_to_string(source).at("read", source)?;
    let answer = match is_frame_case(source) {
        true => frame_scene::play(FrameCase::parse(&text)?)?.to_text()?,
        false => transcribe(&Scenario::parse(&text), asks_for_requests(source))?,
    };
    let beside = PathBuf::from(format!("{}.part", target.display()));
    fs::write(&beside, answer).at("write", &beside)?;
    fs::rename(&beside, target).at("write", target)
}

fn asks_for_requests(source: &Path) -> bool {
    let name = source.to_string_lossy();
    name.strip_suffix(OURS).unwrap_or(&name).ends_with(REQUESTS)
}

/// Runs each command and writes down what it printed, or the requests that it sent in the place of that.
fn transcribe(scenario: &Scenario, requests: bool) -> Result<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut monitors = requests.then(Monitors::new).transpose()?;
    for line in &scenario.lines {
        match line {
            Line::Blank => lines.push(String::new()),
            Line::Note(note) => lines.push(note.clone()),
            Line::Nic { name, mac } => lines.push(format!("// nic {name} {mac}")),
            Line::Command(command) => {
                let (mut printed, status) = run_command(command)?;
                if let Some(monitors) = &mut monitors {
                    printed = monitors.sent()?.join("\n");
                }
                lines.push(format!("# {command}"));
                let printed = printed.trim_end_matches('\n');
                if !printed.is_empty() {
                    lines.push(printed.to_string());
                }
                // A process that died of a signal has no exit status; it is written as the negative number.
                match status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)) {
                    0 => {}
                    code => lines.push(format!("[exit {code}]")),
                }
                lines.push(String::new());
            }
        }
    }
    Ok(tidy(&lines.join("\n")))
}

/// At most one blank line in a row, none at either end.
fn tidy(text: &str) -> String {
    let mut out = String::new();
    let mut blank = false;
    for line in text.trim().split('\n') {
        if !line.is_empty() || !blank {
            out.push_str(line);
            out.push('\n');
        }
        blank = line.is_empty();
    }
    out
}

/// The command as a process. Most lines hold nothing that a shell would change, and in there starting a
/// shell takes longer than the command itself.
fn shell(command: &str) -> Command {
    const DIRECT: &[&str] = &["ip", "bridge", "ping", "sleep", "sysctl"];
    let literal = |c: char| c.is_ascii_alphanumeric() || " ._:/=,+@%-".contains(c);
    let mut words = command.split_ascii_whitespace();
    match words.next() {
        Some(program) if DIRECT.contains(&program) && command.chars().all(literal) => {
            let mut direct = Command::new(program);
            direct.args(words);
            direct
        }
        _ => {
            let mut shell = Command::new("bash");
            shell.args(["-c", command]);
            shell
        }
    }
}

/// Runs one command with output and errors in one stream, as a terminal would show them.
pub(super) fn run_command(command: &str) -> Result<(String, ExitStatus)> {
    // The file has a name only for a moment, so that no scenario sees it.
    let path = Path::new("/run/output");
    let mut output = File::options().read(true).append(true).create(true).open(path).at("create", path)?;
    fs::remove_file(path).at("remove", path)?;
    let mut child = shell(command)
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("cannot share a file")?)
        .stderr(output.try_clone().context("cannot share a file")?)
        .spawn()
        .context("cannot run a command")?;
    let pid = child.id();
    let (done, watch) = channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if watch.recv_timeout(COMMAND_LIMIT) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
    });
    let status = child.wait().context("cannot wait for a command")?;
    drop(done);
    let _ = watchdog.join();
    let mut bytes = Vec::new();
    output.rewind().context("cannot read what a command printed")?;
    output.read_to_end(&mut bytes).context("cannot read what a command printed")?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), status))
}
