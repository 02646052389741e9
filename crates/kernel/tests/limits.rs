//! What a peer can grow has a limit, and the limit is refused as Linux refuses it.

mod census;
mod common;

use common::*;
use kernel::Instant;
use kernel::stack::MAX_NEST;
use rtnl::errno::Errno;
use rtnl::message::{MAX_REQUEST, NLM_F_ACK};
use rtnl::object::link::*;

#[test]
fn a_template_has_32768_names() {
    let mut rig = Rig::new();
    let request = new_link("dummy", |_| (), |_| ());
    for n in 0..32_768 {
        assert_eq!(rig.refusal(&request), None, "link {n}");
    }
    assert_eq!(rig.refusal(&request), Some((Errno::ENFILE, None)));
    // One name is free again, and it is that one that the next link gets.
    let index = rig.index("dummy4711");
    rig.talk(&delete(index)).expect("it goes");
    rig.talk(&request).expect("there is room for one");
    assert!(rig.index("dummy4711") > index);
    assert_eq!(rig.refusal(&request), Some((Errno::ENFILE, None)));
    rig.talk(&named("dummy", "other")).expect("other names are free");
}

#[test]
fn a_stack_is_eight_levels_deep() {
    let mut rig = Rig::new();
    rig.talk(&named("dummy", "v0")).expect("a link");
    for level in 1..MAX_NEST {
        let lower = rig.index(&format!("v{}", level - 1));
        rig.talk(&on_top("vlan", &format!("v{level}"), lower)).expect("a level");
    }
    let top = rig.index(&format!("v{}", MAX_NEST - 1));
    assert_eq!(rig.refusal(&on_top("vlan", "over", top)).map(|refusal| refusal.0), Some(Errno::EMLINK));
    assert_eq!(
        rig.names().expect("a dump").len(),
        usize::from(MAX_NEST) + 1,
        "the refusal left nothing behind"
    );
    let bottom = rig.index("v0");
    rig.talk(&delete(bottom)).expect("it goes");
    assert_eq!(rig.names().expect("a dump"), ["lo"], "the stack goes with its bottom");
}

#[test]
fn a_list_of_alternative_names_ends_at_64_kib() {
    let mut rig = Rig::new();
    rig.talk(&named("dummy", "d0")).expect("a link");
    let index = rig.index("d0") as i32;
    let mut given = 0;
    let refusal = loop {
        let name = format!("{given:0>127}");
        let request = request(RTM_NEWLINKPROP, NLM_F_ACK, index, |out| {
            let list = out.nest(IFLA_PROP_LIST);
            out.string(IFLA_ALT_IFNAME, name.as_bytes());
            out.end(list);
        });
        match rig.refusal(&request) {
            None => given += 1,
            Some(refusal) => break refusal,
        }
        assert!(given < 1000, "there is no limit");
    };
    assert_eq!(refusal, (Errno::EINVAL, Some("effective property list too long".into())));
    assert!(given > 400, "only {given} names");
    assert_eq!(rig.names().expect("a dump that can be read back").len(), 2);
}

#[test]
fn a_request_is_a_mebibyte_at_most() {
    let mut rig = Rig::new();
    let handle = |rig: &mut Rig, length| rig.kernel.handle(Instant(0), rig.client, &vec![0; length]);
    assert_eq!(handle(&mut rig, MAX_REQUEST), Ok(()));
    assert_eq!(handle(&mut rig, MAX_REQUEST + 1), Err(Errno::EMSGSIZE));
}

#[test]
fn queues_and_names_have_their_limits() {
    let mut rig = Rig::new();
    for number in [IFLA_NUM_TX_QUEUES, IFLA_NUM_RX_QUEUES] {
        for (count, fits) in [(0, false), (1, true), (4096, true), (4097, false), (u32::MAX, false)] {
            let request = new_link("dummy", |out| out.u32(number, count), |_| ());
            assert_eq!(rig.refusal(&request).is_none(), fits, "{count} queues");
        }
    }
    let long = "x".repeat(NAME_MAX + 1);
    assert_eq!(rig.refusal(&named("dummy", &long)).map(|refusal| refusal.0), Some(Errno::ERANGE));
    assert_eq!(rig.refusal(&named("dummy", &long[1..])), None);
    for wrong in ["a b", "a/b", "a:b", ".", "..", "a%", "a%d%d", "%s"] {
        assert_eq!(
            rig.refusal(&named("dummy", wrong)).map(|refusal| refusal.0),
            Some(Errno::EINVAL),
            "{wrong}"
        );
    }
}

#[test]
fn clients_have_a_limit() {
    let mut rig = Rig::new();
    let mut clients = Vec::new();
    let refusal = loop {
        match rig.kernel.open(rig.netns) {
            Ok(client) => clients.push(client),
            Err(errno) => break errno,
        }
    };
    assert_eq!(refusal, Errno::ENFILE);
    assert_eq!(clients.len(), (1 << 16) - 1, "the rig has one");
    rig.kernel.close(clients[7]);
    assert!(rig.kernel.open(rig.netns).is_ok());
}

#[test]
fn a_client_reads_one_dump_at_a_time() {
    let mut rig = Rig::new();
    rig.kernel.handle(Instant(0), rig.client, &dump()).expect("an open client");
    rig.kernel.handle(Instant(0), rig.client, &dump()).expect("an open client");
    let answers = rig.read(rig.client);
    let refusals: Vec<_> = answers
        .iter()
        .flat_map(|answer| rtnl::message::Messages(answer))
        .filter_map(|message| rtnl::message::Refusal::decode(&message).filter(|_| message.header.kind == 2))
        .collect();
    assert_eq!(refusals, [Errno::EBUSY.into()]);
    assert_eq!(rig.names().expect("a dump"), ["lo"]);
}

/// Bytes that a link of any type takes at most.
const LARGEST_LINK: i64 = 1024;

#[test]
fn a_link_takes_a_kibibyte() {
    for kind in kernel::link::TYPES.iter().map(|kind| kind.kind) {
        let each = census::bytes_of_a_link(kind, false, 3000);
        assert!(each <= LARGEST_LINK, "{kind}: {each} bytes");
    }
}

/// The same of one that is up with IPv6: an address of its own, three routes, a group, questions for routers, and its
/// share of a namespace's 1,024 neighbours. A bridge that is up has timers and groups of its own beside.
const LARGEST_UP: i64 = 2496;
/// A link with nothing beside.
const PLAIN_UP: i64 = 1472;

#[test]
fn a_link_that_is_up_takes_little_more() {
    for kind in kernel::link::TYPES.iter().map(|kind| kind.kind) {
        let each = census::bytes_of_a_link(kind, true, 1000);
        let most = if ["dummy", "ifb", "veth"].contains(&kind) { PLAIN_UP } else { LARGEST_UP };
        assert!(each <= most, "{kind}: {each} bytes");
    }
}

#[test]
fn a_kernel_with_ten_links_takes_a_mebibyte_at_most() {
    let bytes = census::bytes_of_a_kernel(10);
    assert!((1..=1 << 20).contains(&bytes), "{bytes} bytes");
}

#[test]
fn what_comes_and_goes_leaves_no_memory_behind() {
    let mut rig = Rig::new();
    let mut cycle = |count: usize| {
        for n in 0..count {
            rig.talk(&pair("a", "b")).expect("a pair");
            let index = rig.index("a");
            rig.talk(&on_top("vlan", "v", index)).expect("a link");
            rig.talk(&delete(index)).expect("it goes");
            let netns = rig.kernel.create_netns().expect("room for a namespace");
            rig.kernel.destroy_netns(Instant(n as u64), netns).expect("a namespace");
        }
    };
    cycle(100);
    let memory = allocation_counter::measure(|| cycle(1000));
    // A namespace's number is never used again: eight bytes stay of each.
    assert!(memory.bytes_current <= 32_768, "{} bytes are left", memory.bytes_current);
}
