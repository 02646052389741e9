//! Properties of the bytes: what is written is read back, no bytes and no words make anything panic, strange
//! attributes survive, and time is linear in length however deep nests go.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a test may look at the clock")]

use proptest::prelude::*;
use rtnl::attr::{Attrs, Builder, HEADER, NESTED};
use rtnl::client::Links;
use rtnl::errno::Errno;
use rtnl::kind::{self, KINDS};
use rtnl::message::{self, Header, Message, Messages, Refusal};
use rtnl::object::link::{IFLA, IFLA_INFO, Ifinfo};
use rtnl::show::Scene;
use rtnl::sink::{Format, Sink};
use rtnl::table::{NUMBERS, Tb};
use rtnl::words::Words;
use std::time::{Duration, Instant};

/// An attribute with what is in it.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Leaf(u16, Vec<u8>),
    Nest(u16, Vec<Node>),
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = (1u16..0x4000, prop::collection::vec(any::<u8>(), 0..20));
    leaf.prop_map(|(number, payload)| Node::Leaf(number, payload)).prop_recursive(5, 40, 6, |inner| {
        (1u16..0x4000, prop::collection::vec(inner, 0..6))
            .prop_map(|(number, nodes)| Node::Nest(number, nodes))
    })
}

fn encode(nodes: &[Node], out: &mut Builder) {
    for node in nodes {
        match node {
            Node::Leaf(number, payload) => out.put(*number, payload),
            Node::Nest(number, inner) => {
                let mark = out.nest(*number);
                encode(inner, out);
                out.end(mark);
            }
        }
    }
}

/// Reads what was written by the shape of what was written, as shapes are not on the wire.
fn decode(like: &[Node], attrs: Attrs<'_>) -> Vec<Node> {
    let read = like.iter().zip(attrs).map(|(like, attr)| match like {
        Node::Leaf(..) => Node::Leaf(attr.number, attr.payload.to_vec()),
        Node::Nest(_, inner) => Node::Nest(attr.number, decode(inner, attr.attrs())),
    });
    read.collect()
}

/// Bytes that look like attributes: right lengths, any numbers and payloads, now and then something broken.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        any::<u64>().prop_map(|v| v.to_ne_bytes().to_vec()),
        (0u64..20).prop_map(|v| v.to_ne_bytes().to_vec()),
        prop::collection::vec((1u16..6, prop::collection::vec(any::<u8>(), 0..9)), 0..4).prop_map(|inner| {
            let mut out = Builder::new();
            inner.iter().for_each(|(number, payload)| out.put(*number, payload));
            out.bytes
        }),
    ];
    let attrs = prop::collection::vec((0u16..NUMBERS as u16 + 2, payload), 0..30);
    (attrs, prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)).prop_map(
        |(attrs, breaks)| {
            let mut out = Builder::new();
            attrs.iter().for_each(|(number, payload)| out.put(*number, payload));
            let length = out.bytes.len();
            for (at, byte) in breaks.iter().filter(|_| length > 0) {
                out.bytes[at.index(length)] = *byte;
            }
            out.bytes
        },
    )
}

struct Nobody;

impl Links for Nobody {
    fn index(&mut self, name: &str) -> Option<u32> {
        (name == "lo").then_some(1)
    }

    fn name(&mut self, ifindex: u32) -> String {
        format!("if{ifindex}")
    }
}

fn look_at(message: &Message<'_>) {
    let _ = Refusal::decode(message);
    let _ = Ifinfo::decode(message);
    let tb = IFLA.parse(message.attrs(Ifinfo::SIZE)).unwrap_or(Tb::empty());
    let _ = IFLA_INFO.parse(tb.nest(18).get(1).map_or(Attrs::new(&[], 0), |attr| attr.attrs()));
}

fn word() -> impl Strategy<Value = String> {
    let rows = KINDS.iter().flat_map(|kind| kind.table.rows).filter_map(|row| row.word);
    let mut known: Vec<&str> = rows.flat_map(|word| word.words.iter().copied()).collect();
    known.extend(["macaddr", "mode", "flag", "set", "add", "del", "source", "passthru", "nopromisc", "help"]);
    known.extend([
        "ingress-qos-map",
        "no_linklocal_learn",
        "on",
        "off",
        "0",
        "7",
        "0x",
        "-1",
        "1:2",
        ":",
        "",
    ]);
    known.extend(["02:00:00:00:00:01", "é:ß", "1.2.3.4", "lo", "4294967295"]);
    prop_oneof![4 => prop::sample::select(known).prop_map(String::from), 1 => ".{0,6}".prop_map(String::from)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn trees_are_read_back(nodes in prop::collection::vec(node(), 0..6)) {
        let mut out = Builder::new();
        encode(&nodes, &mut out);
        prop_assert_eq!(out.bytes.len() % 4, 0);
        prop_assert_eq!(decode(&nodes, Attrs::new(&out.bytes, 0)), nodes);
        for attr in Attrs::new(&out.bytes, 100) {
            let start = attr.offset - 100 + HEADER;
            prop_assert_eq!(&out.bytes[start..start + attr.payload.len()], attr.payload);
        }
    }

    #[test]
    fn messages_are_read_back(
        messages in prop::collection::vec(
            (any::<(u16, u16, u32, u32)>(), prop::collection::vec(any::<u8>(), 0..50)), 0..6)
    ) {
        let mut out = Builder::new();
        for ((kind, flags, seq, pid), body) in &messages {
            let start = out.start(Header { kind: *kind, flags: *flags, seq: *seq, pid: *pid });
            out.bytes.extend_from_slice(body);
            out.finish(start);
        }
        let read = Messages(&out.bytes).map(|m| {
            let Header { kind, flags, seq, pid } = m.header;
            ((kind, flags, seq, pid), m.payload().to_vec())
        });
        prop_assert_eq!(read.collect::<Vec<_>>(), messages);
    }

    #[test]
    fn refusals_are_read_back(
        number in 1u16..4000, sentence in prop::option::of("[a-zé ]{0,40}"),
        offset in any::<Option<u32>>(), missing in any::<Option<u16>>(),
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut request = Builder::new();
        let start = request.start(Header { kind: 16, flags: 5, seq: 7, pid: 0 });
        request.bytes.extend_from_slice(&body);
        request.finish(start);
        let request = Messages(&request.bytes).next().unwrap();
        let (errno, sentence) = (Errno(number), sentence.map(Into::into));
        let refusal = Refusal { errno, sentence, offset, missing, unheard: false };
        let mut out = Builder::new();
        message::acknowledge(&mut out, &request, 9, Some(&refusal));
        message::acknowledge(&mut out, &request, 9, None);
        let answers: Vec<_> = Messages(&out.bytes).map(|message| Refusal::decode(&message)).collect();
        prop_assert_eq!(answers, [Some(refusal), None]);
    }

    #[test]
    fn no_datagram_makes_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        Messages(&bytes).for_each(|message| look_at(&message));
        let whole = Message { header: Header { flags: message::NLM_F_ACK_TLVS, ..Header::default() }, bytes: &bytes };
        if bytes.len() >= message::HEADER {
            look_at(&whole);
        }
    }

    #[test]
    fn no_attributes_make_a_kind_panic(bytes in stream(), noise in prop::collection::vec(any::<u8>(), 0..64)) {
        for (kind, bytes) in KINDS.iter().flat_map(|kind| [(kind, &bytes), (kind, &noise)]) {
            let _ = kind.table.parse(Attrs::new(bytes, 0));
            let Some(show) = kind.show else { continue };
            for json in [false, true] {
                let mut sink = Sink::new(Format { json, ..Format::default() });
                sink.open_object("");
                show(&mut Scene { sink: &mut sink, links: &mut Nobody }, &Tb::read(Attrs::new(bytes, 0)));
                sink.close_object();
                let out = sink.take();
                prop_assert!(!json || (out.starts_with('{') && out.ends_with('}')), "{}", out);
            }
        }
    }

    #[test]
    fn no_words_make_a_kind_panic(line in prop::collection::vec(word(), 0..8)) {
        for kind in KINDS {
            let Some(parse) = kind.parse else { continue };
            let mut out = Builder::new();
            if parse(&mut Words::new(&line), &mut out, &mut Nobody).is_ok() {
                let mut walk = Attrs::new(&out.bytes, 0);
                prop_assert!(walk.by_ref().all(|attr| attr.number > 0));
                prop_assert!(walk.rest().is_empty(), "{}: {:?} left a broken stream", kind.name, line);
            }
        }
    }

    #[test]
    fn unknown_attributes_survive_byte_for_byte(
        attrs in prop::collection::vec((1u16..0x4000, any::<bool>(), prop::collection::vec(any::<u8>(), 0..30)), 0..9)
    ) {
        let mut out = Builder::new();
        for (number, nested, payload) in &attrs {
            out.put(number | if *nested { NESTED } else { 0 }, payload);
        }
        let mut again = Builder::new();
        for attr in Attrs::new(&out.bytes, 0) {
            again.put(attr.number | if attr.nested { NESTED } else { 0 }, attr.payload);
        }
        prop_assert_eq!(&again.bytes, &out.bytes);
        let empty = kind::find("dummy").unwrap().table;
        let tb = empty.parse(Attrs::new(&out.bytes, 0)).unwrap();
        for (number, _, payload) in attrs.iter().rev().filter(|attr| usize::from(attr.0) < NUMBERS).take(1) {
            prop_assert_eq!(tb.get(*number).map(|attr| attr.payload), Some(payload.as_slice()));
        }
    }
}

/// A message of `depth` nests, each the only thing in the one around it.
fn nested(depth: usize) -> Vec<u8> {
    let lengths = (1..=depth).rev().map(|left| (left * HEADER) as u16);
    lengths.flat_map(|length| [length.to_ne_bytes(), 1u16.to_ne_bytes()].concat()).collect()
}

#[test]
fn time_is_linear_in_length_and_depth() {
    // Far more than a slow machine needs, far less than quadratic time would.
    const ENOUGH: Duration = Duration::from_secs(5);
    let start = Instant::now();
    let deep = nested(usize::from(u16::MAX) / HEADER);
    for _ in 0..100 {
        let (mut walk, mut depth) = (Attrs::new(&deep, 0), 0);
        while let Some(attr) = walk.next() {
            let _ = IFLA.parse(attr.attrs());
            walk = attr.attrs();
            depth += 1;
        }
        assert_eq!(depth, usize::from(u16::MAX) / HEADER);
        for kind in KINDS {
            let _ = kind.table.parse(Attrs::new(&deep, 0));
        }
    }
    let mut wide = Builder::new();
    (0..message::MAX_REQUEST / 8).for_each(|i| wide.u32((i % 70) as u16 + 1, 1));
    for _ in 0..10 {
        let _ = kind::bridge::KIND.table.parse(Attrs::new(&wide.bytes, 0));
        assert_eq!(Attrs::new(&wide.bytes, 0).count(), message::MAX_REQUEST / 8);
    }
    assert!(start.elapsed() < ENOUGH, "it took {:?}", start.elapsed());
}
