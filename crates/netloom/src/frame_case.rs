//! Frame cases: JSON files that say which frames a real Linux sent out of which port for every frame that came in.
//!
//! `setup` are commands; `ports` name devices, `[namespace, device]`, at which frames are put in as through a packet
//! socket, and seen; `inject` are frames, `[port, hex]`, in order. The answers: `egress`, what came out for each
//! injected frame; `refused`, the commands that failed with what they printed; `counters` at the end, per namespace
//! and device: packets received and sent, dropped while receiving and sending.

use crate::trouble::Trouble;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The largest file that is read.
const FILE_MAX: u64 = 1 << 26;
/// The largest frame in bytes.
const FRAME_MAX: usize = 65_536;

/// Packets received and sent, dropped while receiving and sending.
pub type Counters = [u64; 4];
/// Counters by namespace (empty: the first) and device.
pub type AllCounters = BTreeMap<String, BTreeMap<String, Counters>>;

/// The file as it is written.
#[derive(Deserialize)]
struct Written {
    setup: Vec<String>,
    ports: BTreeMap<String, (String, String)>,
    inject: Vec<(String, String)>,
    #[serde(default)]
    egress: Option<Vec<Vec<(String, String)>>>,
    #[serde(default)]
    refused: Vec<(String, String)>,
    #[serde(default)]
    counters: AllCounters,
}

/// A frame at a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AtPort {
    /// The port's name.
    pub port: String,
    /// The frame.
    pub frame: Vec<u8>,
}

/// What happens in a case, and what was recorded of it or is to be compared with that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// For each injected frame what came out, in order.
    pub egress: Vec<Vec<AtPort>>,
    /// The commands that failed, with what they printed.
    pub refused: Vec<(String, String)>,
    /// The counters at the end.
    pub counters: AllCounters,
}

/// A case.
#[derive(Clone, Debug)]
pub struct FrameCase {
    /// The commands.
    pub setup: Vec<String>,
    /// The ports by name: namespace and device.
    pub ports: BTreeMap<String, (String, String)>,
    /// The frames to put in.
    pub inject: Vec<AtPort>,
    /// What was recorded.
    pub recorded: Answer,
}

impl FrameCase {
    /// Reads a case; `-` is standard input.
    ///
    /// # Errors
    /// A file that cannot be read, is no case, or contradicts itself.
    pub fn read(path: &Path) -> Result<FrameCase, Trouble> {
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let input: Box<dyn Read> = match name.as_str() {
            "-" => Box::new(std::io::stdin()),
            _ => Box::new(std::fs::File::open(path).map_err(|e| Trouble::io(&name, &e))?),
        };
        input.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(|e| Trouble::io(&name, &e))?;
        if bytes.len() as u64 > FILE_MAX {
            return Err(Trouble::file(&name, "it is larger than 64 MiB; is this a frame case?"));
        }
        FrameCase::parse(&name, &bytes)
    }

    /// Reads a case from the bytes of a file of that name.
    ///
    /// # Errors
    /// Bytes that are no case, or contradict themselves.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<FrameCase, Trouble> {
        let written: Written = serde_json::from_slice(bytes).map_err(|e| {
            let line = Some(e.line() as u64).filter(|line| *line > 0);
            Trouble { file: name.into(), line, what: format!("this is not a frame case: {e}") }
        })?;
        let wrong = |what: String| Trouble::file(name, what);
        let inject = at_ports(&written.inject, &written.ports).map_err(wrong)?;
        let egress = written.egress.ok_or_else(|| {
            Trouble::file(name, "nothing is recorded in it (there is no `egress`); record it on Linux first")
        })?;
        let egress: Result<Vec<_>, _> = egress.iter().map(|out| at_ports(out, &written.ports)).collect();
        let egress = egress.map_err(wrong)?;
        if egress.len() != inject.len() {
            let what = format!("{} frames go in, but {} answers are recorded", inject.len(), egress.len());
            return Err(Trouble::file(name, what));
        }
        let recorded = Answer { egress, refused: written.refused, counters: written.counters };
        Ok(FrameCase { setup: written.setup, ports: written.ports, inject, recorded })
    }
}

fn at_ports(
    written: &[(String, String)],
    ports: &BTreeMap<String, (String, String)>,
) -> Result<Vec<AtPort>, String> {
    let at_port = |(port, frame): &(String, String)| {
        if !ports.contains_key(port) {
            return Err(format!("there is no port `{port}` among the ports"));
        }
        let frame = from_hex(frame).ok_or_else(|| format!("`{frame}` is not a frame in hexadecimal"))?;
        Ok(AtPort { port: port.clone(), frame })
    };
    written.iter().map(at_port).collect()
}

/// Reads bytes in hexadecimal, as many as a frame may have.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() % 2 != 0 || text.len() / 2 > FRAME_MAX || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        FrameCase::parse("f", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn reads_a_case() {
        let text = r#"{"setup":["true"],"ports":{"a":["w","oa"]},"inject":[["a","0aFF"]],
            "egress":[[["a","01"]]],"refused":[],"counters":{"":{"lo":[1,2,3,4]}}}"#;
        let case = FrameCase::parse("f", text.as_bytes()).unwrap();
        assert_eq!(case.inject, [AtPort { port: "a".into(), frame: vec![10, 255] }]);
        assert_eq!(case.recorded.counters[""]["lo"], [1, 2, 3, 4]);
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(complaint("{").starts_with("f:1: this is not a frame case"));
        let case = |inject: &str, rest: &str| {
            complaint(&format!(r#"{{"setup":[],"ports":{{"a":["w","x"]}},"inject":[{inject}]{rest}}}"#))
        };
        assert!(case("", "").contains("no `egress`"));
        assert!(case(r#"["b",""]"#, r#","egress":[[]]"#).contains("no port `b`"));
        assert!(case(r#"["a","0é"]"#, r#","egress":[[]]"#).contains("not a frame"));
        assert!(case(r#"["a","+1"]"#, r#","egress":[[]]"#).contains("not a frame"));
        assert!(case(r#"["a","00"]"#, r#","egress":[]"#).contains("1 frames go in, but 0"));
    }
}
