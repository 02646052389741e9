//! A frame case: commands, ports, frames that are put in; and, once a kernel was asked, what came out of which port.
//! The form is that of `netloom frames`, which says what each part means.

use crate::failure::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Packets received and sent, dropped while receiving and sending.
pub(crate) type Counters = [u64; 4];

/// A case, with its answer or without one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FrameCase {
    pub(crate) setup: Vec<String>,
    /// By name: namespace and device.
    pub(crate) ports: BTreeMap<String, (String, String)>,
    /// Port and frame, in hexadecimal.
    pub(crate) inject: Vec<(String, String)>,
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Answer>,
}

/// What a kernel did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// For each frame what came out.
    pub(crate) egress: Vec<Vec<(String, String)>>,
    /// Commands that failed, and what they printed.
    pub(crate) refused: Vec<(String, String)>,
    /// By namespace (empty: the first) and device.
    pub(crate) counters: BTreeMap<String, BTreeMap<String, Counters>>,
}

impl FrameCase {
    pub(crate) fn parse(text: &str) -> Result<FrameCase> {
        serde_json::from_str(text).context("this is no frame case")
    }

    pub(crate) fn to_text(&self) -> Result<String> {
        Ok(serde_json::to_string(self).context("a frame case cannot be written")? + "\n")
    }

    /// The kinds of links that the commands make.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.setup.iter().filter_map(|command| {
            let mut words = command.split_whitespace().skip_while(|word| *word != "type");
            words.nth(1)
        })
    }
}

impl Answer {
    /// The answer without what a kernel is free to choose: the identification of IPv4 and with it the header's
    /// checksum, and the order of what comes out at once.
    pub(crate) fn masked(&self) -> Answer {
        let mut masked = self.clone();
        for out in &mut masked.egress {
            for (_, frame) in out.iter_mut() {
                *frame = from_hex(frame).map_or_else(|| frame.clone(), |bytes| to_hex(&mask(bytes)));
            }
            out.sort();
        }
        masked
    }
}

fn mask(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 12;
    while matches!(bytes.get(at..at + 2), Some([0x81, 0x00] | [0x88, 0xa8])) {
        at += 4;
    }
    if bytes.get(at..at + 2) == Some(&[0x08, 0x00]) && bytes.len() >= at + 22 {
        bytes[at + 6..at + 8].fill(0);
        bytes[at + 12..at + 14].fill(0);
    }
    bytes
}

/// The bytes that a text in hexadecimal stands for.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Bytes in hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_may_choose_is_masked() {
        let answer = |id: &str| {
            let frame = format!("ffffffffffff02000000000181000005080045000014{id}400040010000");
            let out =
                vec![("b".to_string(), frame + "0a0000010a000002"), ("a".to_string(), "00".to_string())];
            Answer { egress: vec![out], ..Answer::default() }.masked()
        };
        assert_eq!(answer("0001"), answer("0fff"));
        assert_eq!(answer("0001").egress[0][0].0, "a");
    }

    #[test]
    fn reads_what_it_writes() {
        let mut case = FrameCase {
            setup: vec!["ip link add d0 type dummy".into()],
            ports: BTreeMap::from([("a".into(), ("w".into(), "oa".into()))]),
            inject: vec![("a".into(), to_hex(&[0, 0x0a, 0xff]))],
            answer: None,
        };
        assert_eq!(from_hex(&case.inject[0].1), Some(vec![0, 0x0a, 0xff]));
        assert_eq!(FrameCase::parse(&case.to_text().unwrap()).unwrap(), case);
        assert_eq!(case.kinds().collect::<Vec<_>>(), ["dummy"]);
        case.answer = Some(Answer { egress: vec![Vec::new()], ..Answer::default() });
        assert_eq!(FrameCase::parse(&case.to_text().unwrap()).unwrap(), case);
        assert_eq!((from_hex("0"), from_hex("0g")), (None, None));
    }
}
