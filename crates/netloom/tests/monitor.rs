//! The truth about monitors: what a monitor in the background prints because of each command is what a real Linux
//! printed.
//!
//! A case is a file of `tests/monitor`: `// monitor COMMAND`, then `// before COMMAND` for what is set up, then each
//! `# COMMAND` with the lines of the monitor behind it. What the commands print themselves is not in it. The
//! recordings gave each command 1.4 seconds, in which the states of links settle.

use netloom::shell_words::{Line, split};
use netloom::{Exceptions, Machine};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// How long each command was given.
const PAUSE: &str = "sleep 1.4";

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs a command and throws away what it prints itself.
fn quietly(machine: &mut Machine<String>, line: &str) {
    let Ok(Line::Command(words)) = split(line) else { panic!("{line}: this is no command") };
    machine.run_words(&words);
    machine.console.clear();
}

/// Replays a case and gives it as the recording has it.
fn replay(text: &str) -> String {
    let mut machine = Machine::new(0, String::new()).unwrap();
    let monitor = text.lines().find_map(|line| line.strip_prefix("// monitor ")).expect("a monitor");
    for line in text.lines().filter_map(|line| line.strip_prefix("// before ")) {
        quietly(&mut machine, line);
    }
    let mut got = String::new();
    for line in text.lines().take_while(|line| line.starts_with("//")) {
        let _ = writeln!(got, "{line}");
    }
    machine.run_line(PAUSE).unwrap();
    machine.run_line(&format!("{monitor} &")).unwrap();
    machine.console.clear();
    for line in text.lines().filter_map(|line| line.strip_prefix("# ")) {
        quietly(&mut machine, line);
        machine.run_line(PAUSE).unwrap();
        let _ = write!(got, "\n# {line}\n{}", std::mem::take(&mut machine.console));
        if !got.ends_with('\n') {
            got.push('\n');
        }
    }
    machine.end_monitors();
    got
}

fn lines(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

#[test]
fn every_monitor_prints_what_linux_printed() {
    let list = project().join("tests/EXCEPTIONS.txt");
    let exceptions = if list.exists() { Exceptions::read(&list).unwrap() } else { Exceptions::default() };
    let files = netloom::verify::transcripts(&[project().join("tests/monitor")]).unwrap();
    let mut complaints = String::new();
    for file in &files {
        let want = std::fs::read_to_string(file).unwrap();
        let got = replay(&want);
        let equal = lines(&want) == lines(&got);
        let name = file.file_name().unwrap_or_default().display();
        match exceptions.reason(file) {
            Some(_) if equal => {
                let _ = writeln!(complaints, "{name}: take it off tests/EXCEPTIONS.txt");
            }
            None if !equal => {
                let own = |text: &str| lines(text).into_iter().map(String::from).collect::<Vec<_>>();
                let how = netloom::difference::difference(&own(&want), &own(&got), 40);
                let _ = writeln!(complaints, "{name}: differs\n{how}");
            }
            _ => {}
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}
