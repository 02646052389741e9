//! Router advertisements that mean harm: no panic, and what they leave behind has a limit.

mod common;

use common::{Rig, pair, up};
use kernel::Instant;
use kernel::run::PortKind;
use wire::{Ipv6, checksum, protocol};

/// Addresses that a link gets from routers at most, with its own (`max_addresses`).
const ADDRESSES: usize = 16;

/// An advertisement with hop limit, MTU, prefix and route, behind its type and code.
fn whole() -> Vec<u8> {
    let mut message = vec![134, 0, 0, 0, 64, 8, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend([1, 1, 2, 0, 0, 0, 0, 1, 5, 1, 0, 0, 0, 0, 5, 120]);
    message.extend([3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 7, 8, 0, 0, 0, 0, 0xfd, 1]);
    message.resize(message.len() + 14, 0);
    message.extend([24, 2, 48, 8, 0, 0, 2, 88, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0]);
    message
}

/// The frame that bears a message, with a checksum that is right.
fn frame(mut message: Vec<u8>) -> Vec<u8> {
    let (source, destination) = ("fe80::1".parse().unwrap(), "ff02::1".parse().unwrap());
    let header = Ipv6 {
        traffic_class: 0,
        flow_label: 0,
        payload_length: message.len() as u16,
        next_header: protocol::ICMPV6,
        hop_limit: 255,
        source,
        destination,
    };
    if message.len() >= 4 {
        message[2..4].fill(0);
        let sum = checksum::pseudo_v6(source, destination, protocol::ICMPV6, message.len()).with(&message);
        message[2..4].copy_from_slice(&sum.checksum().to_be_bytes());
    }
    let mut bytes = vec![0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x86, 0xdd];
    bytes.resize(14 + 40, 0);
    header.emit(&mut bytes[14..]);
    bytes.extend(message);
    bytes
}

#[test]
fn advertisements_that_mean_harm_leave_little_behind() {
    let mut rig = Rig::new();
    rig.talk(&pair("e0", "far")).unwrap();
    let (own, far) = (rig.index("e0"), rig.index("far"));
    rig.kernel.set_sysctl(rig.netns, "net.ipv6.conf.far.disable_ipv6", "1").unwrap();
    rig.kernel.set_sysctl(rig.netns, "net.ipv6.conf.e0.accept_ra_rt_info_max_plen", "128").unwrap();
    rig.talk(&up(own, true)).unwrap();
    rig.talk(&up(far, true)).unwrap();
    rig.kernel.advance(Instant(5_000_000));
    let port = rig.kernel.attach_port(rig.netns, far, PortKind::Owner).unwrap();
    let mut now = 5_000_000;
    let mut put = |rig: &mut Rig, message: Vec<u8>| {
        now += 1000;
        rig.kernel.input(Instant(now), port, &[&frame(message)]).unwrap();
        rig.kernel.output(port, &mut |_| ());
    };
    let whole = whole();
    for length in 0..whole.len() {
        put(&mut rig, whole[..length].to_vec());
    }
    for at in 0..whole.len() {
        for value in [0, 1, 2, 0x7f, 0x80, 0xff, whole[at] ^ 1] {
            let mut bent = whole.clone();
            bent[at] = value;
            put(&mut rig, bent);
        }
    }
    // Many prefixes: addresses end at their limit.
    for n in 0..200u8 {
        let mut other = whole.clone();
        other[49] = n;
        put(&mut rig, other);
    }
    let addresses = rig.kernel.link_addresses(rig.netns, own).len();
    assert!((3..=ADDRESSES).contains(&addresses), "{addresses}");
    assert_eq!(rig.kernel.frames_inside(), 0);
    // Everything that was said ends with its time, but for what was said to hold for ever.
    rig.kernel.advance(Instant(1 << 50));
    let left = rig.kernel.link_addresses(rig.netns, own).len();
    assert!(left < addresses, "{left} of {addresses}");
}
