//! A scenario: the commands that both kernels run.
//!
//! Two written forms are read. The plain form has one command a line, notes behind `//` and at most one
//! line `nic NAME MAC`. A transcript has each command behind `# ` and then what it printed, which is
//! skipped here; its NIC stands in a note, `// nic NAME MAC`. So every recorded transcript can be run again.

/// One line of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Blank,
    /// A note, with its slashes.
    Note(String),
    /// The machine's one physical NIC is in the first namespace under this name.
    Nic {
        name: String,
        mac: String,
    },
    Command(String),
}

/// A scenario, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) lines: Vec<Line>,
}

impl Scenario {
    /// Reads either written form. There is no wrong text: any line is some kind of line.
    pub(crate) fn parse(text: &str) -> Scenario {
        let transcript = text.lines().any(|l| l.starts_with("# "));
        let mut lines = Vec::new();
        let mut in_output = false;
        for line in text.lines().map(str::trim_end) {
            let parsed = if line.starts_with("//") {
                nic(line.trim_start_matches('/').trim_start()).unwrap_or_else(|| Line::Note(line.to_string()))
            } else if let Some(command) = line.strip_prefix("# ").filter(|_| transcript) {
                in_output = true;
                lines.push(Line::Command(command.to_string()));
                continue;
            } else if line.is_empty() {
                if std::mem::take(&mut in_output) {
                    continue;
                }
                Line::Blank
            } else if transcript {
                continue;
            } else {
                nic(line).unwrap_or_else(|| Line::Command(line.to_string()))
            };
            lines.push(parsed);
        }
        Scenario { lines }
    }

    /// The plain form.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Blank => {}
                Line::Note(note) => text.push_str(note),
                Line::Nic { name, mac } => text.push_str(&format!("nic {name} {mac}")),
                Line::Command(command) => text.push_str(command),
            }
            text.push('\n');
        }
        text
    }

    /// The name and address of the NIC, if the scenario has it.
    pub(crate) fn nic(&self) -> Option<(&str, &str)> {
        self.lines.iter().find_map(|l| match l {
            Line::Nic { name, mac } => Some((name.as_str(), mac.as_str())),
            _ => None,
        })
    }

    /// How many commands there are.
    pub(crate) fn commands(&self) -> usize {
        self.lines.iter().filter(|l| matches!(l, Line::Command(_))).count()
    }
}

/// Reads `nic NAME MAC`.
fn nic(line: &str) -> Option<Line> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["nic", name, mac] => Some(Line::Nic { name: name.to_string(), mac: mac.to_string() }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_give_the_same_scenario() {
        let plain = "// a note\nnic ens3 02:00:00:00:00:01\nip link\nsleep 1\n";
        let transcript =
            "// a note\n// nic ens3 02:00:00:00:00:01\n# ip link\n1: lo: <LOOPBACK>\n[exit 1]\n\n# sleep 1\n";
        assert_eq!(Scenario::parse(plain), Scenario::parse(transcript));
        assert_eq!(Scenario::parse(plain).to_text(), plain);
        assert_eq!(Scenario::parse(plain).nic(), Some(("ens3", "02:00:00:00:00:01")));
        assert_eq!(Scenario::parse(plain).commands(), 2);
    }
}
