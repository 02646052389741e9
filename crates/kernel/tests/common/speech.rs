//! Frames of every protocol that the kernel reads, whole and right: what tests put in, and cut, bend and mix.
//!
//! They are written byte by byte, not with the kernel's own builders.

/// Who speaks.
pub const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];
/// His addresses.
pub const IP: [u8; 4] = [10, 0, 0, 9];
/// The same of IPv6.
pub const IP6: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 9];
/// Everybody.
pub const ALL: [u8; 6] = [0xff; 6];

/// A frame.
pub fn ethernet(to: [u8; 6], kind: u16, body: &[u8]) -> Vec<u8> {
    [&to[..], &MAC, &kind.to_be_bytes(), body].concat()
}

/// Puts a tag in.
pub fn tagged(frame: &[u8], kind: u16, tci: u16) -> Vec<u8> {
    [&frame[..12], &kind.to_be_bytes(), &tci.to_be_bytes(), &frame[12..]].concat()
}

/// The sum of RFC 1071.
fn sum(parts: &[&[u8]]) -> [u8; 2] {
    let bytes = parts.concat();
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

fn with_sum(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    let sum = sum(&[&bytes]);
    bytes[at..at + 2].copy_from_slice(&sum);
    bytes
}

/// A packet; `fragment` are the flags and the offset.
pub fn ipv4(to: [u8; 4], protocol: u8, ttl: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len() as u16).to_be_bytes();
    let [high, low] = fragment.to_be_bytes();
    let header = [&[0x45, 0][..], &length, &[0, 7, high, low, ttl, protocol, 0, 0], &IP, &to].concat();
    [with_sum(header, 10), payload.to_vec()].concat()
}

/// A question of ICMP.
pub fn echo(size: usize) -> Vec<u8> {
    with_sum([&[8, 0, 0, 0, 0, 1, 0, 1][..], &vec![0x5a; size]].concat(), 2)
}

/// A datagram without a checksum.
pub fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len() as u16).to_be_bytes();
    [&[0x30, 0x39][..], &port.to_be_bytes(), &length, &[0, 0], payload].concat()
}

/// A packet of IPv6.
pub fn ipv6(to: [u8; 16], next: u8, hops: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    [&[0x60, 0, 0, 0][..], &length, &[next, hops], &IP6, &to, payload].concat()
}

/// A message of ICMPv6 with its checksum.
pub fn icmpv6(to: [u8; 16], mut message: Vec<u8>) -> Vec<u8> {
    let length = (message.len() as u32).to_be_bytes();
    let sum = sum(&[&IP6, &to, &length, &[0, 0, 0, 58], &message]);
    message[2..4].copy_from_slice(&sum);
    message
}

fn group6(last: u8) -> [u8; 16] {
    let mut group = [0; 16];
    (group[0], group[1], group[15]) = (0xff, 2, last);
    group
}

fn group_mac6(group: [u8; 16]) -> [u8; 6] {
    [0x33, 0x33, group[12], group[13], group[14], group[15]]
}

/// ARP about an address.
pub fn arp(operation: u8, about: [u8; 4]) -> Vec<u8> {
    [&[0, 1, 8, 0, 6, 4, 0, operation][..], &MAC, &IP, &[0; 6], &about].concat()
}

fn igmp(to: [u8; 4], message: &[u8]) -> Vec<u8> {
    let group = [1, 0, 0x5e, to[1] & 0x7f, to[2], to[3]];
    ethernet(group, 0x0800, &ipv4(to, 2, 1, 0, &with_sum(message.to_vec(), 2)))
}

/// A message of MLD, behind the router alert.
fn mld(to: [u8; 16], message: Vec<u8>) -> Vec<u8> {
    let payload = [&[58, 0, 5, 2, 0, 0, 1, 0][..], &icmpv6(to, message)].concat();
    ethernet(group_mac6(to), 0x86dd, &ipv6(to, 0, 1, &payload))
}

/// The frames: to a host with that address on the link and those of IP.
pub fn frames(to: [u8; 6], ip: [u8; 4], ip6: [u8; 16]) -> Vec<Vec<u8>> {
    let v4 = |packet: Vec<u8>| ethernet(to, 0x0800, &packet);
    let v6 = |packet: Vec<u8>| ethernet(to, 0x86dd, &packet);
    let ask6 = icmpv6(ip6, [&[128, 0, 0, 0, 0, 1, 0, 1][..], &[0x5a; 40]].concat());
    let mut all = vec![
        ethernet(ALL, 0x0806, &arp(1, ip)),
        ethernet(to, 0x0806, &arp(2, ip)),
        ethernet(ALL, 0x0806, &arp(1, IP)),
        v4(ipv4(ip, 1, 64, 0, &echo(56))),
        v4(ipv4(ip, 1, 64, 0, &echo(1400))),
        v4(ipv4([10, 0, 5, 77], 1, 64, 0, &echo(56))),
        v4(ipv4([10, 0, 5, 77], 1, 1, 0, &echo(56))),
        v4(ipv4([203, 0, 113, 1], 1, 64, 0, &echo(56))),
        v4(ipv4(ip, 17, 64, 0, &udp(7777, b"nobody listens"))),
        v4(ipv4(ip, 99, 64, 0, b"no such protocol")),
        ethernet(ALL, 0x0800, &ipv4([255; 4], 1, 64, 0, &echo(8))),
        v6(ipv6(ip6, 58, 64, &ask6)),
        v6(ipv6(ip6, 17, 64, &udp(7777, b"nobody listens"))),
        // Something that looks back at what was sent: an error about a packet that never was.
        v4(ipv4(
            ip,
            1,
            64,
            0,
            &with_sum([&[3, 4, 0, 0, 0, 0, 2, 0][..], &ipv4([10, 0, 5, 77], 1, 64, 0, &echo(8))].concat(), 2),
        )),
        v4(ipv4(
            ip,
            1,
            64,
            0,
            &with_sum(
                [&[5, 1, 0, 0, 10, 0, 0, 66][..], &ipv4([10, 0, 5, 77], 1, 64, 0, &echo(8))].concat(),
                2,
            ),
        )),
    ];
    all.extend(groups());
    all.extend(neighbours(to, ip6));
    all.extend(bridges());
    all.extend(fragments(to, ip, ip6));
    all.extend(tunnels(to, ip, ip6));
    for tags in 1..9 {
        let plain = all[3].clone();
        let kind = |n: usize| [0x8100, 0x88a8][n % 2];
        all.push((0..tags).fold(plain, |frame, n| tagged(&frame, kind(n), [7, 0, 1, 4095][n % 4])));
    }
    all
}

/// IGMP and MLD of all versions.
fn groups() -> Vec<Vec<u8>> {
    let listener = group6(0x42);
    let of = |kind: u8, group: [u8; 16]| [&[kind, 0, 0, 0, 0, 0, 0, 0][..], &group].concat();
    vec![
        igmp([224, 0, 0, 1], &[0x11, 0, 0, 0, 0, 0, 0, 0]),
        igmp([224, 0, 0, 1], &[0x11, 100, 0, 0, 0, 0, 0, 0]),
        igmp([224, 0, 0, 1], &[0x11, 10, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0]),
        igmp([239, 1, 1, 1], &[0x11, 10, 0, 0, 239, 1, 1, 1, 2, 125, 0, 1, 10, 0, 0, 5]),
        igmp([239, 1, 1, 1], &[0x12, 0, 0, 0, 239, 1, 1, 1]),
        igmp([239, 1, 1, 1], &[0x16, 0, 0, 0, 239, 1, 1, 1]),
        igmp([224, 0, 0, 2], &[0x17, 0, 0, 0, 239, 1, 1, 1]),
        igmp(
            [224, 0, 0, 22],
            &[0x22, 0, 0, 0, 0, 0, 0, 2, 4, 0, 0, 0, 239, 1, 1, 1, 3, 0, 0, 1, 239, 1, 1, 2, 10, 0, 0, 5],
        ),
        mld(group6(1), of(130, [0; 16])),
        mld(group6(1), [of(130, [0; 16]), vec![2, 125, 0, 0]].concat()),
        mld(listener, of(131, listener)),
        mld(group6(2), of(132, listener)),
        mld(group6(22), [&[143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0][..], &listener].concat()),
        ethernet([1, 0, 0x5e, 1, 1, 1], 0x0800, &ipv4([239, 1, 1, 1], 17, 4, 0, &udp(5004, b"a channel"))),
    ]
}

/// Neighbour discovery, with options.
fn neighbours(to: [u8; 6], ip6: [u8; 16]) -> Vec<Vec<u8>> {
    let asked = {
        let mut group = group6(0);
        (group[11], group[12]) = (1, 0xff);
        group[13..].copy_from_slice(&ip6[13..]);
        group
    };
    let own = [&[1, 1][..], &MAC].concat();
    let prefix = [
        &[3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8][..],
        &[0; 12],
    ]
    .concat();
    let said = |to: [u8; 16], message: Vec<u8>| ipv6(to, 58, 255, &icmpv6(to, message));
    vec![
        ethernet(
            group_mac6(asked),
            0x86dd,
            &said(asked, [&[135, 0, 0, 0, 0, 0, 0, 0][..], &ip6, &own].concat()),
        ),
        ethernet(to, 0x86dd, &said(ip6, [&[136, 0, 0, 0, 0x60, 0, 0, 0][..], &IP6, &[2, 1], &MAC].concat())),
        ethernet(
            group_mac6(group6(2)),
            0x86dd,
            &said(group6(2), [&[133, 0, 0, 0, 0, 0, 0, 0][..], &own].concat()),
        ),
        ethernet(
            group_mac6(group6(1)),
            0x86dd,
            &said(
                group6(1),
                [&[134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0][..], &prefix, &own].concat(),
            ),
        ),
        ethernet(to, 0x86dd, &said(ip6, [&[137, 0, 0, 0, 0, 0, 0, 0][..], &IP6, &group6(9)].concat())),
    ]
}

/// What bridges say to each other, and other links' own words.
fn bridges() -> Vec<Vec<u8>> {
    let group = |last: u8| [1, 0x80, 0xc2, 0, 0, last];
    let llc = |body: &[u8]| {
        let length = (3 + body.len() as u16).to_be_bytes();
        [&group(0)[..], &MAC, &length, &[0x42, 0x42, 3], body].concat()
    };
    let priority = [&[0x10, 0][..], &MAC].concat();
    let config =
        [&[0, 0, 0, 0, 0][..], &priority, &[0, 0, 0, 4], &priority, &[0x80, 1, 0, 0, 20, 0, 2, 0, 15, 0]]
            .concat();
    vec![
        llc(&config),
        llc(&[0, 0, 0, 0x80]),
        ethernet(group(1), 0x8808, &[0, 1, 0, 0]),
        ethernet(group(2), 0x8809, &[1; 40]),
        ethernet(group(0x0e), 0x88cc, &[2, 7, 4, 2, 0, 0, 0, 0, 9, 0, 0]),
        ethernet(group(0x21), 0x88f5, &[0; 20]),
    ]
}

/// Pieces that fit, that overlap, that are too far out, and that have nothing in them.
fn fragments(to: [u8; 6], ip: [u8; 4], ip6: [u8; 16]) -> Vec<Vec<u8>> {
    const MORE: u16 = 0x2000;
    let question = echo(120);
    let v4 = |flags: u16, piece: &[u8]| ethernet(to, 0x0800, &ipv4(ip, 1, 64, flags, piece));
    let v6 = |offset: u16, piece: &[u8]| {
        let [high, low] = offset.to_be_bytes();
        ethernet(to, 0x86dd, &ipv6(ip6, 44, 64, &[&[58, 0, high, low, 0, 0, 0, 5][..], piece].concat()))
    };
    vec![
        v4(MORE, &question[..64]),
        v4(8, &question[64..]),
        v4(4, &question[32..96]),
        v4(MORE | 1, &question[..7]),
        v4(0x1fff, &question),
        v4(MORE | 0x1fff, &question),
        v4(MORE, &[]),
        v4(0x1ffe, &[9; 1400]),
        v6(1, &question[..64]),
        v6(64, &question[64..]),
        v6(33, &question[..40]),
        v6(0xfff9, &question),
        v6(0xfff8, &[9; 1200]),
        v6(0, &question),
    ]
}

/// Packets in packets, and headers behind headers.
fn tunnels(to: [u8; 6], ip: [u8; 4], ip6: [u8; 16]) -> Vec<Vec<u8>> {
    let inner = ipv4(ip, 1, 64, 0, &echo(8));
    let vxlan =
        |frame: &[u8]| ipv4(ip, 17, 64, 0, &udp(4789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], frame].concat()));
    let mut nested = inner.clone();
    let mut deep = ethernet(to, 0x0800, &inner);
    for _ in 0..10 {
        nested = ipv4(ip, 4, 64, 0, &nested);
        deep = ethernet(to, 0x0800, &vxlan(&deep));
    }
    let options = [58u8, 0, 1, 4, 0, 0, 0, 0];
    let mut chain = icmpv6(ip6, vec![128, 0, 0, 0, 0, 1, 0, 1]);
    for _ in 0..20 {
        chain = [&[60, 0, 1, 4, 0, 0, 0, 0][..], &chain].concat();
    }
    chain[(19) * 8] = 58;
    vec![
        ethernet(to, 0x0800, &nested),
        deep,
        ethernet(to, 0x0800, &ipv4(ip, 47, 64, 0, &[&[0, 0, 8, 0][..], &inner].concat())),
        ethernet(
            to,
            0x0800,
            &ipv4(ip, 41, 64, 0, &ipv6(ip6, 58, 64, &icmpv6(ip6, vec![128, 0, 0, 0, 0, 1, 0, 1]))),
        ),
        ethernet(to, 0x86dd, &ipv6(ip6, 4, 64, &inner)),
        ethernet(to, 0x86dd, &ipv6(ip6, 60, 64, &chain)),
        ethernet(to, 0x86dd, &ipv6(ip6, 0, 64, &[&options[..], &[128, 0, 0, 0]].concat())),
        ethernet(
            to,
            0x86dd,
            &ipv6(ip6, 43, 64, &[&[58, 2, 0, 1, 0, 0, 0, 0][..], &[0; 16], &[128, 0, 0, 0]].concat()),
        ),
    ]
}
