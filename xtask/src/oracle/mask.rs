//! The few fields that differ between two runs of the real kernel, made equal before a comparison.
//!
//! They are timers of bridges, times that ping measures, random bytes of ip6tnl's permanent address, and
//! the order of tables that lie in a seeded hash. Addresses that were drawn by chance are compared by their places
//! (`chance.rs`). Nothing else is ever masked.

/// Timers of bridges and their ports; they count down in real time.
const TIMERS: &[&str] = &[
    "hello_timer",
    "tcn_timer",
    "topology_change_timer",
    "gc_timer",
    "hold_timer",
    "message_age_timer",
    "forward_delay_timer",
];

/// A line with its volatile fields replaced by fixed letters.
pub(crate) fn line(text: &str) -> String {
    let mut text = text.trim_end().to_string();
    if text.contains("_timer") {
        for timer in TIMERS {
            text = after(&text, &format!("{timer} "), |rest| spaces_then(rest, number), " T");
            text = after(&text, &format!("\"{timer}\":"), number, "T");
        }
    }
    if text.contains("time") || text.contains("rtt") {
        for sign in ["time=", "time<", "time "] {
            let unit = |rest: &str| number(rest).filter(|n| rest[*n..].trim_start().starts_with("ms"));
            text = after(&text, sign, unit, "T");
        }
        text = after(&text, "rtt min/avg/max/mdev = ", word, "T");
    }
    if text.contains("packets transmitted")
        || text.contains("packet loss")
        || text.starts_with("rtt")
        || text.contains(", pipe ")
    {
        if let Some(at) = text.find(", pipe ") {
            text.truncate(at);
        }
    }
    for key in ["permaddr ", "permaddr\":\""] {
        text = after(&text, key, random_ip6, "R::");
    }
    text
}

/// Whether the lines that this command prints come in the order of a seeded hash.
pub(crate) fn unordered(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    words.iter().any(|w| matches!(*w, "neigh" | "neighbour" | "neighbor"))
        || words.windows(4).any(|w| w[..3] == ["fdb", "show", "dev"] && w[3].starts_with("vx"))
}

/// The objects of a JSON list on one line, sorted; other lines stay as they are.
pub(crate) fn sorted_json(line: &str) -> String {
    let Some(inner) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) else {
        return line.to_string();
    };
    let (mut depth, mut in_text, mut escaped, mut begin) = (0usize, false, false, 0);
    let mut parts = Vec::new();
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '{' | '[' if !in_text => depth += 1,
            '}' | ']' if !in_text => depth = depth.saturating_sub(1),
            ',' if !in_text && depth == 0 => {
                parts.push(&inner[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[begin..]);
    parts.sort_unstable();
    format!("[{}]", parts.join(","))
}

/// Replaces what `measure` finds behind each `key`; it answers how many bytes there are to replace.
fn after(text: &str, key: &str, measure: impl Fn(&str) -> Option<usize>, replacement: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(key) {
        let (head, tail) = rest.split_at(at + key.len());
        out.push_str(head);
        rest = match measure(tail) {
            Some(length) => {
                out.push_str(replacement);
                &tail[length..]
            }
            None => tail,
        };
    }
    out.push_str(rest);
    out
}

fn number(text: &str) -> Option<usize> {
    let length = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (length > 0).then_some(length)
}

fn word(text: &str) -> Option<usize> {
    let length = text.find(' ').unwrap_or(text.len());
    (length > 0).then_some(length)
}

fn spaces_then(text: &str, measure: impl Fn(&str) -> Option<usize>) -> Option<usize> {
    let spaces = text.len() - text.trim_start().len();
    measure(&text[spaces..]).map(|n| n + spaces)
}

/// Six random bytes, shown as an IPv6 address that ends with `::`; a MAC address is none.
fn random_ip6(text: &str) -> Option<usize> {
    let length = text.find(|c: char| !c.is_ascii_hexdigit() && c != ':').unwrap_or(text.len());
    text[..length].ends_with("::").then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_and_times() {
        assert_eq!(line("hello_timer    0.53 tcn_timer    0.00 x "), "hello_timer  T tcn_timer  T x");
        assert_eq!(line("{\"gc_timer\":12.01,\"a\":1}"), "{\"gc_timer\":T,\"a\":1}");
        assert_eq!(line("seq=1 ttl=64 time=0.045 ms"), "seq=1 ttl=64 time=T ms");
        assert_eq!(line("0% packet loss, time 103ms"), "0% packet loss, time Tms");
        assert_eq!(line("time 5 apples"), "time 5 apples");
        assert_eq!(line("link 02:00 permaddr ab:12:0:1::"), "link 02:00 permaddr R::");
        assert_eq!(line("permaddr 02:00:00:00:00:01"), "permaddr 02:00:00:00:00:01");
    }

    #[test]
    fn json_lists_are_sorted() {
        assert_eq!(sorted_json("[{\"b\":[2,1]},{\"a\":\"x,\\\"}\"}]"), "[{\"a\":\"x,\\\"}\"},{\"b\":[2,1]}]");
        assert!(unordered("ip -j neigh show") && !unordered("ip link"));
    }
}
