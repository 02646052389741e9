//! What may differ between two runs of a real kernel, and therefore is not compared.
//!
//! Nothing else may differ. A mask is one row here with its reason; the rows are those of the recordings.

use regex::Regex;
use std::sync::OnceLock;

/// One thing that is not compared.
pub struct Mask {
    /// What it looks like.
    pub pattern: &'static str,
    /// What it is replaced by.
    pub replacement: &'static str,
    /// Why it differs.
    pub why: &'static str,
}

/// All that is replaced before two transcripts are compared, in this order.
pub static MASKS: &[Mask] = &[
    Mask {
        pattern: r"((?:hello|tcn|topology_change|gc|hold|message_age|forward_delay)_timer) +[0-9]+\.[0-9][0-9]",
        replacement: "$1 T",
        why: "a kernel timer, of a bridge or its port",
    },
    Mask {
        pattern: r#"("(?:hello|tcn|topology_change|gc|hold|message_age|forward_delay)_timer"):[0-9]+\.[0-9][0-9]"#,
        replacement: "$1:T",
        why: "the same in JSON",
    },
    Mask { pattern: r"time[=<][0-9]+(?:\.[0-9]+)? ms", replacement: "time=T ms", why: "ping's wall clock" },
    Mask { pattern: r"time [0-9]+ms", replacement: "time Tms", why: "ping's wall clock" },
    Mask { pattern: r"rtt min/avg/max/mdev = [^ \n]+ ms", replacement: "rtt T", why: "ping's wall clock" },
    Mask { pattern: r", pipe [0-9]+", replacement: "", why: "how many probes were out when the error came" },
    Mask { pattern: r"\] +[0-9]+\.[0-9]{3}ms", replacement: "] T", why: "arping's wall clock" },
    Mask {
        pattern: r#"(permaddr"?[ :]"?)[0-9a-f]{1,4}:[0-9a-f:]*::"#,
        replacement: "${1}R::",
        why: "an ip6tnl's six random bytes, printed as an IPv6 address",
    },
];

fn compiled() -> &'static [(Regex, &'static str)] {
    static COMPILED: OnceLock<Vec<(Regex, &'static str)>> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let compile = |mask: &Mask| Some((Regex::new(mask.pattern).ok()?, mask.replacement));
        MASKS.iter().filter_map(compile).collect()
    })
}

/// The lines of a transcript as they are compared: masked, without the blanks at their ends, and with the lists whose
/// order is a seeded hash's in one fixed order.
pub fn comparable(text: &str) -> Vec<String> {
    let mut text = std::borrow::Cow::Borrowed(text);
    for (regex, replacement) in compiled() {
        if let std::borrow::Cow::Owned(masked) = regex.replace_all(&text, *replacement) {
            text = masked.into();
        }
    }
    let mut lines: Vec<String> = Vec::new();
    let mut unordered_from = None;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty()
            && let Some(start) = unordered_from.take()
        {
            lines[start..].sort_unstable();
        }
        match unordered_from {
            Some(_) if line.starts_with("[{") => lines.push(ordered_objects(line)),
            Some(_) => lines.push(line.into()),
            None => {
                lines.push(line.into());
                if line.strip_prefix("# ").is_some_and(is_unordered) {
                    unordered_from = Some(lines.len());
                }
            }
        }
    }
    if let Some(start) = unordered_from {
        lines[start..].sort_unstable();
    }
    lines
}

/// Whether the command lists what lies in a hash with a random seed: neighbours, and the fdb of a vxlan.
fn is_unordered(command: &str) -> bool {
    let words: Vec<&str> = command.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    words.iter().any(|word| matches!(*word, "neigh" | "neighbour"))
        || words.windows(4).any(|w| w[..3] == ["fdb", "show", "dev"] && w[3].starts_with("vx"))
}

/// The objects of a JSON list of objects, sorted as text.
fn ordered_objects(line: &str) -> String {
    let mut objects = Vec::new();
    let (mut depth, mut start, mut quoted, mut escaped) = (0usize, 0, false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => {
                depth += 1;
                if depth == 2 {
                    start = at;
                }
            }
            '}' | ']' if !quoted => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    objects.push(&line[start..=at]);
                }
            }
            _ => {}
        }
    }
    objects.sort_unstable();
    format!("[{}]", objects.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(compiled().len(), MASKS.len());
    }

    #[test]
    fn masks_what_differs_between_runs() {
        let text = "bridge hello_timer    1.20 gc_timer   19.00 x\n{\"hold_timer\":0.01}\n\
                    64 bytes: time=0.064 ms\n0% packet loss, time 12ms\nrtt min/avg/max/mdev = 1/2/3/4 ms, pipe 3\n\
                    permaddr 1a2b:3c4d:5e6f::\n";
        let want = [
            "bridge hello_timer T gc_timer T x",
            "{\"hold_timer\":T}",
            "64 bytes: time=T ms",
            "0% packet loss, time Tms",
            "rtt T",
            "permaddr R::",
        ];
        assert_eq!(comparable(text), want);
    }

    #[test]
    fn sorts_what_has_no_order() {
        let text = "# ip neigh\nb\na\n\n# ip link\nb\na\n\n# ip -j neigh\n[{\"d\":\"}\"},{\"a\":[1]}]\n\n\
                    # bridge fdb show dev vx0\ny\nx";
        let want = [
            "# ip neigh",
            "a",
            "b",
            "",
            "# ip link",
            "b",
            "a",
            "",
            "# ip -j neigh",
            "[{\"a\":[1]},{\"d\":\"}\"}]",
            "",
            "# bridge fdb show dev vx0",
            "x",
            "y",
        ];
        assert_eq!(comparable(text), want);
    }
}
