//! Who hears of what: groups reach only those who joined, only of their own namespace, and nobody waits for a
//! client that does not read.

mod common;

use common::*;
use kernel::{ClientId, Instant};
use rtnl::errno::Errno;
use rtnl::message::Messages;
use rtnl::object::link::*;
use rtnl::object::netns::{RTM_DELNSID, RTM_NEWNSID, RTNLGRP_NSID};

/// A client in the rig's namespace that joined a group.
fn listener(rig: &mut Rig, group: u32) -> ClientId {
    let client = rig.kernel.open(rig.netns).expect("room for a client");
    rig.kernel.join(client, group).expect("an open client");
    client
}

/// The types of all messages that wait for a client.
fn heard(rig: &mut Rig, client: ClientId) -> Vec<u16> {
    let datagrams = rig.read(client);
    datagrams.iter().flat_map(|datagram| Messages(datagram)).map(|message| message.header.kind).collect()
}

#[test]
fn only_who_joined_hears_of_links() {
    let mut rig = Rig::new();
    let links = listener(&mut rig, RTNLGRP_LINK);
    let ids = listener(&mut rig, RTNLGRP_NSID);
    let nothing = rig.kernel.open(rig.netns).expect("room for a client");
    rig.talk(&named("dummy", "d0")).expect("a link");
    assert_eq!(heard(&mut rig, links), [RTM_NEWLINK]);
    let index = rig.index("d0");
    rig.talk(&delete(index)).expect("it goes");
    assert_eq!(heard(&mut rig, links), [RTM_DELLINK]);
    assert_eq!(heard(&mut rig, ids), []);
    assert_eq!(heard(&mut rig, nothing), []);
}

#[test]
fn notifications_bear_no_request() {
    let mut rig = Rig::new();
    let links = listener(&mut rig, RTNLGRP_LINK);
    rig.talk(&named("dummy", "d0")).expect("a link");
    for datagram in rig.read(links) {
        for message in Messages(&datagram) {
            assert_eq!((message.header.seq, message.header.pid, message.header.flags), (0, 0, 0));
            let info = Ifinfo::decode(&message).expect("a link");
            assert_eq!(info.change, u32::MAX);
        }
    }
}

#[test]
fn a_refused_request_is_heard_by_nobody() {
    let mut rig = Rig::new();
    rig.talk(&named("dummy", "d0")).expect("a link");
    let links = listener(&mut rig, RTNLGRP_LINK);
    assert_eq!(rig.refusal(&named("dummy", "d0")), Some((Errno::EEXIST, None)));
    assert_eq!(rig.refusal(&delete(77)), Some((Errno::ENODEV, None)));
    assert!(rig.refusal(&on_top("vlan", "v", 77)).is_some());
    assert_eq!(heard(&mut rig, links), []);
}

#[test]
fn a_namespace_hears_of_its_own_links_and_of_identifiers() {
    let mut rig = Rig::new();
    let far = rig.kernel.create_netns().expect("room for a namespace");
    let far_links = rig.kernel.open(far).expect("room for a client");
    rig.kernel.join(far_links, RTNLGRP_LINK).expect("an open client");
    let links = listener(&mut rig, RTNLGRP_LINK);
    let ids = listener(&mut rig, RTNLGRP_NSID);
    rig.talk(&named("dummy", "d0")).expect("a link");
    assert_eq!(heard(&mut rig, links), [RTM_NEWLINK]);
    assert_eq!(heard(&mut rig, far_links), []);
    let index = rig.index("d0");
    rig.talk(&change(index, |out| out.u32(IFLA_NET_NS_FD, far.0))).expect("it moves");
    assert_eq!(heard(&mut rig, links), [RTM_DELLINK]);
    assert_eq!(heard(&mut rig, far_links), [RTM_NEWLINK]);
    assert_eq!(heard(&mut rig, ids), [RTM_NEWNSID]);
    rig.kernel.destroy_netns(Instant(0), far).expect("a namespace");
    assert_eq!(heard(&mut rig, ids), [RTM_DELNSID]);
    assert_eq!(heard(&mut rig, links), []);
}

#[test]
fn who_closed_hears_nothing_and_its_place_is_not_mistaken() {
    let mut rig = Rig::new();
    let links = listener(&mut rig, RTNLGRP_LINK);
    rig.kernel.close(links);
    let later = rig.kernel.open(rig.netns).expect("room for a client");
    rig.talk(&named("dummy", "d0")).expect("a link");
    assert_eq!(heard(&mut rig, later), []);
    assert_eq!(rig.kernel.try_receive(links, &mut Vec::new()), Err(Errno::EBADF));
    assert_eq!(rig.kernel.handle(Instant(0), links, &dump()), Err(Errno::EBADF));
    assert_eq!(rig.kernel.join(links, RTNLGRP_LINK), Err(Errno::EBADF));
}

#[test]
fn a_client_that_does_not_read_is_told_once() {
    let mut rig = Rig::new();
    let links = listener(&mut rig, RTNLGRP_LINK);
    rig.talk(&named("dummy", "d0")).expect("a link");
    let index = rig.index("d0");
    // Each change is heard in a datagram of more than half a kilobyte; four mebibytes of them wait, no more.
    for n in 0..8000 {
        rig.talk(&up(index, n % 2 == 0)).expect("a change");
    }
    let mut datagram = Vec::new();
    assert_eq!(rig.kernel.try_receive(links, &mut datagram), Err(Errno::ENOBUFS));
    let mut bytes = 0;
    while rig.kernel.try_receive(links, &mut datagram).expect("it is told once") {
        bytes += datagram.len();
    }
    assert!(bytes <= 4 << 20, "{bytes} bytes waited");
    assert!(bytes > 3 << 20, "only {bytes} bytes waited");
    rig.talk(&delete(index)).expect("it goes");
    assert_eq!(heard(&mut rig, links), [RTM_DELLINK], "after the loss it hears again");
}
