//! Lines and what the tool prints of them, replayed from a recording of it in which there were the namespaces `b`
//! and `a`; and the requests about identifiers.

use super::run;
use crate::testing::{self, TestHost, records};

#[test]
fn complaints_are_those_of_the_tool() {
    let mut wrong = String::new();
    for (line, printed, status) in records(include_str!("complaints.txt")) {
        let got = testing::run(&mut TestHost::with_two_names(), line, run);
        if got != (printed.into(), status) {
            wrong += &format!("{line}\n want {printed:?} {status}\n got {got:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn identifiers_are_shown_where_there_are_some() {
    let mut host = TestHost::default();
    host.names.push("b".into());
    assert_eq!(testing::run(&mut host, "ip netns", run).0, "b (id: 0)\n");
    assert_eq!(testing::run(&mut host, "ip -j netns", run).0, "[{\"name\":\"b\",\"id\":0}]\n");
    let shown = testing::run(&mut host, "ip netns list-id nsid 0", run).0;
    assert_eq!(shown, "nsid 0 (iproute2 netns name: b)\n");
}

#[test]
#[cfg(target_endian = "little")]
fn an_identifier_is_given() {
    let mut host = TestHost::with_two_names();
    assert_eq!(testing::run(&mut host, "ip netns set a 7", run), (String::new(), 0));
    assert_eq!(host.requests(), ["  88 0x5 0000000008000300040000000800010007000000"]);
    testing::run(&mut host, "ip netns set a auto", run);
    assert_eq!(host.requests()[1], "  88 0x5 00000000080003000400000008000100ffffffff");
}

#[test]
fn names_come_and_go() {
    let mut host = TestHost::default();
    testing::run(&mut host, "ip netns add x", run);
    testing::run(&mut host, "ip netns attach y 1", run);
    assert_eq!(testing::run(&mut host, "ip netns", run).0, "y (id: 0)\nx (id: 0)\n");
    testing::run(&mut host, "ip -all netns delete", run);
    assert_eq!(testing::run(&mut host, "ip netns", run).0, "");
    assert_eq!(testing::run(&mut host, "ip netns pids a", run).0, "7\n8\n");
    assert_eq!(testing::run(&mut host, "ip netns identify", run).0, "\n");
}
