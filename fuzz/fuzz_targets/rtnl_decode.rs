//! Any bytes, read as messages and as attributes of every table, and shown as text and as JSON: nothing may panic,
//! and what was read can be written again as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rtnl::attr::{Attrs, Builder, HEADER, NESTED};
use rtnl::client::Links;
use rtnl::kind::KINDS;
use rtnl::message::{Messages, Refusal, warning};
use rtnl::object::link::{IFLA, IFLA_INFO, IFLA_LINKINFO, Ifinfo};
use rtnl::object::netns::{NETNSA, RTGENMSG};
use rtnl::show::Scene;
use rtnl::sink::{Format, Sink};
use rtnl::table::Tb;

struct Nobody;

impl Links for Nobody {
    fn index(&mut self, _: &str) -> Option<u32> {
        None
    }

    fn name(&mut self, ifindex: u32) -> String {
        format!("if{ifindex}")
    }
}

fn show(tb: &Tb<'_>) {
    for kind in KINDS {
        let Some(show) = kind.show else { continue };
        for json in [false, true] {
            let mut sink = Sink::new(Format { json, ..Format::default() });
            sink.open_object("");
            show(&mut Scene { sink: &mut sink, links: &mut Nobody }, tb);
            sink.close_object();
            let _ = sink.take();
        }
    }
}

/// Written again, attributes are the bytes that they were read from, padding apart.
fn write_again(bytes: &[u8]) {
    let mut walk = Attrs::new(bytes, 0);
    let (mut out, mut length) = (Builder::new(), 0);
    while let Some(attr) = walk.next() {
        out.put(attr.number | if attr.nested { NESTED } else { 0 }, attr.payload);
        length += attr.payload.len() + HEADER;
        let begin = attr.offset + HEADER;
        assert_eq!(&bytes[begin..begin + attr.payload.len()], attr.payload);
    }
    assert!(out.bytes.len() >= length && out.bytes.len() <= bytes.len() + 3);
}

fuzz_target!(|input: &[u8]| {
    for message in Messages(input) {
        let _ = (Refusal::decode(&message), Refusal::decode_done(&message), warning(&message));
        let _ = (Ifinfo::decode(&message), NETNSA.parse(message.attrs(RTGENMSG)));
        let tb = IFLA.parse(message.attrs(Ifinfo::SIZE)).unwrap_or(Tb::empty());
        if let Some(info) = tb.get(IFLA_LINKINFO) {
            let _ = IFLA_INFO.parse(info.attrs());
        }
    }
    write_again(input);
    for kind in KINDS {
        let _ = kind.table.parse(Attrs::new(input, 0));
    }
    show(&Tb::read(Attrs::new(input, 0)));
});
