//! Scenes: commands of either side, and what must hold.
//!
//! ```text
//! // What it shows.
//! nics 2
//! linux ip link set ens3 up
//! ours ip link set ens3 up
//! linux ping -c 3 10.0.0.2
//!   within 10
//!   has 0% packet loss
//!   lacks duplicates
//! ```
//!
//! `veths 2` in place of `nics 2` puts our ends of the cables into veths, which tell a speed, as LACP wants it.
//! NICs are named ens3, ens4 … on both sides, and the one's ens3 is at the other end of the other's. A command must
//! succeed (or fail, with `fails`), and what it prints has or lacks the texts in the lines below it; with `within` it
//! is repeated until that is so, for so many seconds.

/// The most NICs of a scene.
const NICS: usize = 4;

/// Which side does a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// The real kernel.
    Linux,
    /// The embedded one.
    Ours,
}

impl Side {
    pub(super) fn word(self) -> &'static str {
        match self {
            Side::Linux => "linux",
            Side::Ours => "ours",
        }
    }
}

/// A command, and what must hold of it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) side: Side,
    pub(super) command: String,
    /// Seconds for which it is repeated until everything holds.
    pub(super) within: u64,
    fails: bool,
    has: Vec<String>,
    lacks: Vec<String>,
}

/// A scene.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) nics: usize,
    /// Our ends of the cables are in veths.
    pub(super) veths: bool,
    pub(super) steps: Vec<Step>,
}

impl Scene {
    /// Reads a scene; the error is a line's number and what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Scene, (usize, String)> {
        let mut scene = Scene { nics: 1, veths: false, steps: Vec::new() };
        for (number, line) in text.lines().enumerate() {
            let wrong = |what: &str| (number + 1, format!("{what}: {line}"));
            if line.trim().is_empty() || line.starts_with("//") {
                continue;
            }
            let (word, rest) = line.trim_start().split_once(' ').unwrap_or((line.trim_start(), ""));
            if line.starts_with(' ') {
                let step = scene.steps.last_mut().ok_or_else(|| wrong("no command before it"))?;
                match word {
                    "has" if !rest.is_empty() => step.has.push(rest.to_string()),
                    "lacks" if !rest.is_empty() => step.lacks.push(rest.to_string()),
                    "within" => step.within = rest.parse().map_err(|_| wrong("no number of seconds"))?,
                    "fails" if rest.is_empty() => step.fails = true,
                    _ => return Err(wrong("neither has, lacks, within nor fails")),
                }
                continue;
            }
            let side = match word {
                "linux" => Side::Linux,
                "ours" => Side::Ours,
                "nics" | "veths" => {
                    scene.veths = word == "veths";
                    let nics = rest.parse().ok().filter(|nics| (1..=NICS).contains(nics));
                    scene.nics = nics.ok_or_else(|| wrong("from 1 to 4 NICs"))?;
                    continue;
                }
                _ => return Err(wrong("neither linux, ours, nics nor veths")),
            };
            if rest.is_empty() {
                return Err(wrong("no command"));
            }
            let (command, within) = (rest.to_string(), 0);
            scene.steps.push(Step { side, command, within, fails: false, has: vec![], lacks: vec![] });
        }
        Ok(scene)
    }
}

impl Step {
    /// What of it does not hold.
    pub(super) fn complaint(&self, printed: &str, status: i32) -> Option<String> {
        if (status != 0) != self.fails {
            let wanted = if self.fails { "it was to fail" } else { "it was to succeed" };
            return Some(wanted.to_string());
        }
        let missing = self.has.iter().find(|text| !printed.contains(text.as_str()));
        let surplus = self.lacks.iter().find(|text| printed.contains(text.as_str()));
        match (missing, surplus) {
            (Some(text), _) => Some(format!("it was to print: {text}")),
            (_, Some(text)) => Some(format!("it was not to print: {text}")),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_is_read_and_judged() {
        let text =
            "// note\nnics 2\n\nlinux ip link\n  has ens3\n  lacks ens9\nours false\n  fails\n  within 7\n";
        let scene = Scene::parse(text).unwrap();
        assert_eq!((scene.nics, scene.steps.len()), (2, 2));
        let [first, second] = &scene.steps[..] else { panic!("two steps") };
        assert_eq!((first.side, first.command.as_str(), first.within), (Side::Linux, "ip link", 0));
        assert_eq!(first.complaint("ens3", 0), None);
        assert_eq!(first.complaint("ens3 ens9", 0), Some("it was not to print: ens9".into()));
        assert_eq!(first.complaint("", 0), Some("it was to print: ens3".into()));
        assert_eq!(first.complaint("ens3", 1), Some("it was to succeed".into()));
        assert_eq!((second.side, second.within), (Side::Ours, 7));
        assert_eq!((second.complaint("", 1), second.complaint("", 0).is_some()), (None, true));
    }

    #[test]
    fn what_is_no_scene_is_named_by_its_line() {
        for (text, line) in [
            ("  has x", 1),
            ("linux ip\nnics 5", 2),
            ("both ip", 1),
            ("linux", 1),
            ("ours ip\n  with x", 2),
            ("ours ip\n  within x", 2),
        ] {
            assert_eq!(Scene::parse(text).map_err(|(line, _)| line).err(), Some(line), "{text}");
        }
    }
}
