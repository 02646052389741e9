//! The words and the output of the kinds against what iproute2 did: `kinds/words.txt` and `kinds/shows.txt`, both
//! recorded. The bytes in them are those of a little-endian machine, so this runs only on one.
#![cfg(target_endian = "little")]

use rtnl::attr::{Attrs, Builder};
use rtnl::client::Links;
use rtnl::kind;
use rtnl::show::Scene;
use rtnl::sink::{Format, Sink};
use rtnl::table::Tb;
use rtnl::words::Words;

/// A machine with nothing but the loopback.
struct Loopback {
    /// Whether the link is to be made.
    creates: bool,
}

impl Links for Loopback {
    fn index(&mut self, name: &str) -> Option<u32> {
        (name == "lo").then_some(1)
    }

    fn name(&mut self, ifindex: u32) -> String {
        if ifindex == 1 { "lo".to_string() } else { format!("if{ifindex}") }
    }

    fn creates(&self) -> bool {
        self.creates
    }
}

/// The cases of a recording: what stands behind `# `, and what was answered.
fn cases(recording: &str) -> Vec<(&str, String)> {
    let blocks = recording.trim_end().split("\n\n").filter_map(|block| block.strip_prefix("# "));
    blocks.map(|b| b.split_once('\n').unwrap()).map(|(case, answer)| (case, format!("{answer}\n"))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// A case that begins with `set` is about a link that is there.
fn answer_to_words(case: &str) -> String {
    let (creates, case) = case.strip_prefix("set ").map_or((true, case), |case| (false, case));
    let (name, line) = case.split_once(' ').unwrap_or((case, ""));
    let unquote = |word: &str| if word == "\"\"" { String::new() } else { word.replace("\\s", " ") };
    let line: Vec<String> = line.split(' ').filter(|word| !word.is_empty()).map(unquote).collect();
    let kind = kind::find(name).unwrap();
    let (mut words, mut out) = (Words::new(&line), Builder::new());
    let outcome = (kind.parse.unwrap())(&mut words, &mut out, &mut Loopback { creates });
    let mut said = words.take_warnings();
    let end = match outcome {
        Ok(()) => format!("= {}\n", hex(&out.bytes)),
        Err(stop) => {
            // Of the complaints that end the process only those about addresses have another status.
            assert!(
                stop.process == (stop.status == 255) || stop.error.contains("address is expected"),
                "{case}"
            );
            said.push_str(&stop.error);
            format!("[exit {}]\n", stop.status)
        }
    };
    let said = said.replace(kind.help.unwrap(), "<help>\n");
    said.split_inclusive('\n').map(|line| format!("! {line}")).collect::<String>() + &end
}

fn shown(name: &str, attributes: &[u8], json: bool) -> String {
    let mut sink = Sink::new(Format { json, ..Format::default() });
    sink.open_object("");
    let tb = Tb::read(Attrs::new(attributes, 0));
    let mut scene = Scene { sink: &mut sink, links: &mut Loopback { creates: true } };
    (kind::find(name).unwrap().show.unwrap())(&mut scene, &tb);
    sink.close_object();
    sink.take().replace('\n', "\\n")
}

fn answer_to_show(case: &str) -> String {
    let (name, attributes) = case.split_once(' ').unwrap();
    let attributes = bytes(attributes);
    format!("= {}\n= {}\n", shown(name, &attributes, false), shown(name, &attributes, true))
}

fn compare(recording: &str, least: usize, answer: fn(&str) -> String) {
    let cases = cases(recording);
    assert!(cases.len() >= least, "only {} cases were found", cases.len());
    let differ =
        cases.iter().map(|(case, want)| (case, want, answer(case))).filter(|(_, want, got)| *want != got);
    let differ: Vec<_> =
        differ.map(|(case, want, got)| format!("# {case}\nwant\n{want}got\n{got}")).collect();
    assert!(differ.is_empty(), "{} differ\n{}", differ.len(), differ.join("\n"));
}

#[test]
fn words_give_the_bytes_or_the_complaint_that_the_tool_gave() {
    compare(include_str!("kinds/words.txt"), 500, answer_to_words);
}

#[test]
fn attributes_show_as_the_tool_showed_them() {
    compare(include_str!("kinds/shows.txt"), 70, answer_to_show);
}

#[test]
fn kinds_without_grammar_have_their_help() {
    for name in ["dummy", "ifb"] {
        let kind = kind::find(name).unwrap();
        assert!(kind.parse.is_none() && kind.show.is_none());
        assert_eq!(kind.help, Some(format!("Usage: ... {name}\n").as_str()));
    }
}
