//! Messages about links against recordings of a real Linux, byte by byte: `tests/links`.
//!
//! A recording is commands (`# ip …`), and questions (`? WHAT MASK`) with the datagrams that answered them in
//! hexadecimal digits, one a line. WHAT is `dump`, `inet6` for a dump of that family, or the index of one link; MASK is
//! `IFLA_EXT_MASK`, or `-` for none. Whoever asked read as `ip` does.

use iproute::host::Host;
use netloom::Machine;
use rtnl::attr::{Attr, Attrs, Builder};
use rtnl::client::Channel;
use rtnl::family::AF_INET6;
use rtnl::message::{Header, Messages, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR};
use rtnl::object::link::*;
use std::fmt::Write;
use std::path::Path;

/// What does not mean the same in two runs: attributes inside one another, and the bytes of the payload.
const MASKED: &[(&[u16], std::ops::Range<usize>)] = &[
    // Of IPv6 on a link: a moment and a time that is drawn by chance; what is counted of packets and messages, which
    // is not counted here.
    (&[IFLA_AF_SPEC, 10, 5], 4..12),
    (&[IFLA_AF_SPEC, 10, 3], 8..296),
    (&[IFLA_AF_SPEC, 10, 6], 8..56),
    (&[IFLA_PROTINFO, 5], 4..12),
    (&[IFLA_PROTINFO, 3], 8..296),
    (&[IFLA_PROTINFO, 6], 8..56),
    // The timer with which a bridge forgets addresses, and the one that a port was started with.
    (&[IFLA_LINKINFO, IFLA_INFO_DATA, 19], 0..8),
    (&[IFLA_LINKINFO, IFLA_INFO_SLAVE_DATA, 22], 0..8),
];
/// Attributes that hold attributes.
const NESTS: &[&[u16]] = &[
    &[IFLA_AF_SPEC],
    &[IFLA_AF_SPEC, 2],
    &[IFLA_AF_SPEC, 10],
    &[IFLA_PROTINFO],
    &[IFLA_LINKINFO],
    &[IFLA_LINKINFO, IFLA_INFO_DATA],
    &[IFLA_LINKINFO, IFLA_INFO_SLAVE_DATA],
    &[IFLA_XDP],
    &[IFLA_PROP_LIST],
    &[IFLA_PROTO_DOWN_REASON],
];

/// Asks as a recording has it and gives the datagrams of the answer.
fn ask(machine: &mut Machine<String>, what: &str, mask: &str) -> Vec<Vec<u8>> {
    let (family, ifindex, flags) = match what {
        "dump" => (0, 0, NLM_F_DUMP),
        "inet6" => (AF_INET6, 0, NLM_F_DUMP),
        index => (0, index.parse().expect("an index"), 0),
    };
    let mut out = Builder::new();
    let header = Header { kind: RTM_GETLINK, flags: NLM_F_REQUEST | flags, seq: 1, pid: 0 };
    let start = out.start(header);
    Ifinfo { family, ifindex, ..Ifinfo::default() }.encode(&mut out);
    if let Ok(mask) = mask.parse() {
        out.u32(IFLA_EXT_MASK, mask);
    }
    out.finish(start);
    let mut channel: Box<dyn Channel> = machine.channel().expect("a channel");
    channel.send(&out.bytes).expect("an open channel");
    let mut answer = Vec::new();
    loop {
        let mut datagram = Vec::new();
        channel.receive(&mut datagram).expect("an answer");
        let ends = Messages(&datagram).any(|m| matches!(m.header.kind, NLMSG_DONE | NLMSG_ERROR));
        answer.push(datagram);
        if ends || flags == 0 {
            return answer;
        }
    }
}

/// Writes attributes, a line each, what is masked as such.
fn show(attrs: Attrs<'_>, path: &mut Vec<u16>, text: &mut String) {
    for attr in attrs {
        path.push(attr.number);
        let flag = if attr.nested { "!" } else { "" };
        let indent = "  ".repeat(path.len());
        let _ = write!(text, "{indent}{}{flag} {}", attr.number, attr.payload.len());
        if NESTS.contains(&path.as_slice()) {
            text.push('\n');
            show(attr.attrs(), path, text);
        } else {
            let _ = writeln!(text, ": {}", digits(&attr, path));
        }
        path.pop();
    }
}

fn digits(attr: &Attr<'_>, path: &[u16]) -> String {
    let masked = MASKED.iter().find(|(masked, _)| *masked == path).map_or(0..0, |(_, range)| range.clone());
    let bytes = attr.payload.iter().enumerate();
    bytes.map(|(at, byte)| if masked.contains(&at) { "..".into() } else { format!("{byte:02x}") }).collect()
}

/// The datagrams of an answer as text.
fn text(datagrams: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for datagram in datagrams {
        let _ = writeln!(text, "datagram of {} bytes", datagram.len());
        for message in Messages(datagram) {
            let Header { kind, flags, .. } = message.header;
            let fixed = message.payload().get(..Ifinfo::SIZE).unwrap_or(message.payload());
            let _ = writeln!(text, " {kind} flags {flags:#x}: {fixed:02x?}");
            if kind == RTM_NEWLINK {
                show(message.attrs(Ifinfo::SIZE), &mut Vec::new(), &mut text);
            }
        }
    }
    text
}

fn from_digits(line: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16);
    line.as_bytes().chunks(2).map(|pair| byte(pair).expect("hexadecimal digits")).collect()
}

/// Replays a recording; gives what differs.
fn replay(recording: &str) -> Vec<String> {
    let mut machine = Machine::new(1, String::new()).expect("a machine");
    let (mut trouble, mut lines) = (Vec::new(), recording.lines().peekable());
    let mut questions = 0;
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix("# ") {
            machine.run_line(command).expect("a command");
        } else if let Some((what, mask)) = line.strip_prefix("? ").and_then(|line| line.split_once(' ')) {
            let mut want = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with(['#', '?', '/'])) {
                want.push(from_digits(line));
            }
            questions += 1;
            let (want, got) = (text(&want), text(&ask(&mut machine, what, mask)));
            if want != got {
                let diff = similar::TextDiff::from_lines(&want, &got);
                trouble.push(format!("{line}\n{}", diff.unified_diff().context_radius(1)));
            }
        }
    }
    assert!(questions > 0, "nothing is asked");
    trouble
}

#[test]
fn links_are_told_as_linux_tells_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/links");
    let mut trouble = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let recording = std::fs::read_to_string(&path).expect("a recording");
        trouble.extend(replay(&recording).into_iter().map(|found| format!("{}: {found}", path.display())));
    }
    assert!(trouble.is_empty(), "{}", trouble.join("\n"));
}
