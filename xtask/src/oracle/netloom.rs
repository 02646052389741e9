//! The other side: `netloom run FILE`, the embedded kernel.

use super::frame_case::FrameCase;
use super::scenario::Scenario;
use super::work::WorkDir;
use crate::failure::{Context, Failure, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Where the other side's transcripts come from.
pub(crate) enum Other {
    /// A program that is run on each scenario.
    Program(PathBuf),
    /// A folder of transcripts that were made before, by the scenario's name: to test the comparison itself.
    Folder(PathBuf),
}

/// The embedded kernel's time is virtual: whatever takes this long hangs.
const LIMIT: Duration = Duration::from_secs(60);

impl Other {
    /// What the flags `--netloom` and `--got` say; without them the program is built.
    pub(crate) fn find(program: Option<&str>, folder: Option<&str>) -> Result<Other> {
        match folder {
            Some(folder) => Ok(Other::Folder(PathBuf::from(folder))),
            None => Ok(Other::Program(self::program(program)?)),
        }
    }

    /// The transcript of a scenario. If the program failed, a last command says so, which no kernel ran.
    pub(crate) fn transcript(&self, name: &str, scenario: &Scenario) -> Result<String> {
        match self {
            Other::Folder(folder) => Ok(fs::read_to_string(folder.join(name)).unwrap_or_default()),
            Other::Program(program) => {
                let work = WorkDir::new()?;
                run(program, work.path(), scenario)
            }
        }
    }
}

impl Other {
    /// How what the program does with a frame case differs from the answer in it; none if it does not.
    pub(crate) fn frames(&self, name: &str, case: &FrameCase) -> Result<Option<String>> {
        let work = WorkDir::new()?;
        let path = work.path().join(name);
        fs::write(&path, case.to_text()?).at("write", &path)?;
        let (text, status) = self.output(&work, &["frames", "--counters"], &path)?;
        match status {
            Some(0) => Ok(None),
            _ => Ok(Some(text.replace(&format!("{}/", work.path().display()), ""))),
        }
    }

    /// Whether the program has a kind of link.
    pub(crate) fn has_kind(&self, kind: &str) -> Result<bool> {
        let work = WorkDir::new()?;
        let path = work.path().join("probe");
        fs::write(&path, format!("ip link add probe0 type {kind}\n")).at("write", &path)?;
        let (text, _) = self.output(&work, &["run"], &path)?;
        Ok(!["Unknown device type", "not built"].iter().any(|refusal| text.contains(refusal)))
    }

    /// What the program prints when it is given a file, errors behind the rest, and its exit status.
    fn output(&self, work: &WorkDir, words: &[&str], file: &Path) -> Result<(String, Option<i32>)> {
        let Other::Program(program) = self else {
            return Err(Failure::usage("--got holds transcripts, and there are none of frames"));
        };
        let (out, err) = (work.path().join("stdout"), work.path().join("stderr"));
        let mut child = Command::new(program)
            .args(words)
            .arg(file)
            .stdin(Stdio::null())
            .stdout(File::create(&out).at("create", &out)?)
            .stderr(File::create(&err).at("create", &err)?)
            .spawn()
            .at("run", program)?;
        let status = wait(&mut child)?.and_then(|status| status.code());
        let read =
            |path: &Path| fs::read(path).at("read", path).map(|b| String::from_utf8_lossy(&b).into_owned());
        let mut text = read(&out)? + &read(&err)?;
        if status.is_none() {
            text.push_str("netloom did not end, or was ended by a signal\n");
        }
        Ok((text, status))
    }
}

/// The program that a flag names, or else the one that is built.
pub(crate) fn program(named: Option<&str>) -> Result<PathBuf> {
    let Some(named) = named else { return build() };
    let path = std::path::absolute(named).at("find", Path::new(named))?;
    if path.is_file() { Ok(path) } else { Err(Failure::usage(format!("no such program: {named}"))) }
}

/// Builds the program and asks cargo where it is: the target folder may be anywhere.
fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--package", "netloom", "--bin", "netloom", "--quiet"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        return Err(Failure::work(
            "netloom does not build; --netloom PATH names a program that was built before",
        ));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let place = said.lines().rev().find_map(|line| line.split_once("\"executable\":\"")?.1.split_once('"'));
    place.map(|(path, _)| PathBuf::from(path)).ok_or_else(|| Failure::work("cargo built no program netloom"))
}

/// Runs the program on one scenario.
fn run(program: &Path, dir: &Path, scenario: &Scenario) -> Result<String> {
    let (source, out, err) = (dir.join("scenario"), dir.join("stdout"), dir.join("stderr"));
    fs::write(&source, scenario.to_text()).at("write", &source)?;
    let mut child = Command::new(program)
        .arg("run")
        .arg(&source)
        .stdin(Stdio::null())
        .stdout(File::create(&out).at("create", &out)?)
        .stderr(File::create(&err).at("create", &err)?)
        .spawn()
        .at("run", program)?;
    let end = wait(&mut child)?;
    let mut text = String::from_utf8_lossy(&fs::read(&out).at("read", &out)?).into_owned();
    // A failed command of the scenario may well be the program's exit status; a panic or a signal is none.
    let failed = match end {
        Some(status) if status.code().is_some_and(|code| code != 101 && (code == 0 || !text.is_empty())) => {
            None
        }
        Some(status) => Some(format!("netloom ended with {status}")),
        None => Some(format!("netloom was still running after {} s", LIMIT.as_secs())),
    };
    if let Some(how) = failed {
        let complaint =
            String::from_utf8_lossy(&fs::read(&err).at("read", &err)?).trim().replace('\n', " / ");
        text.push_str(&format!("\n# ({how}: {complaint})\n"));
    }
    Ok(text)
}

/// Waits for the program's end; `None` if it took too long and was ended.
fn wait(child: &mut Child) -> Result<Option<ExitStatus>> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for netloom")? {
            return Ok(Some(status));
        }
        if begin.elapsed() > LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}
