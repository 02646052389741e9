//! A frame in one line, for people.
//!
//! ```text
//! 02:00:00:00:00:01 > 02:00:00:00:00:02 802.1Q 11 IPv4 10.0.0.1 > 10.0.0.2 ICMP echo request 7, 1 98 bytes
//! ```
//!
//! Addresses, tags, and from there inwards what is understood; what is not is named by its number, and what is cut
//! or contradicts itself says so in brackets. Packets in packets (tunnels, and those that an error message is about)
//! are told down to [`DEPTH`]. Contents above TCP and UDP are left out.

use std::fmt::{self, Write};
use wire::{Arp, EthernetView, Icmp, Icmpv6, Igmp, Ipv4View, Ipv6View, Mac, Malformed, Mld, Ndp, Tag};
use wire::{ethertype, icmpv6, lacp, protocol, stp, tag, udp};

/// Packets in packets that are told at most.
const DEPTH: usize = 4;
/// Groups and addresses of one list that are told at most.
const LIST: usize = 4;

/// A whole frame: addresses, content, length.
pub fn dissect(frame: &[u8]) -> String {
    let mut line = String::new();
    // Writing to a string does not fail.
    let _ = match EthernetView::new(frame) {
        Ok(view) => write!(line, "{} > {} ", mac(view.source()), mac(view.destination()))
            .and_then(|()| content(&mut line, frame)),
        Err(why) => write!(line, "Ethernet ({why})"),
    };
    let _ = write!(line, " {} bytes", frame.len());
    line
}

/// The same without the Ethernet addresses.
pub fn dissect_content(frame: &[u8]) -> String {
    let mut line = String::new();
    let _ = content(&mut line, frame);
    let _ = write!(line, " {} bytes", frame.len());
    line
}

/// An Ethernet address.
fn mac([a, b, c, d, e, f]: Mac) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

fn content(line: &mut String, frame: &[u8]) -> fmt::Result {
    let Ok(view) = EthernetView::new(frame) else { return line.write_str("Ethernet (truncated)") };
    let (mut kind, mut rest) = (view.ethertype(), view.payload());
    for _ in 0..tag::STACK {
        if !tag::is_tag(kind) {
            break;
        }
        let standard = if kind == ethertype::VLAN { "802.1Q" } else { "802.1ad" };
        let Ok((tag, follows)) = Tag::parse(kind, rest) else {
            return write!(line, "{standard} (truncated)");
        };
        write!(line, "{standard} {}", tag.id)?;
        if tag.priority != 0 {
            write!(line, " priority {}", tag.priority)?;
        }
        line.push_str(if tag.drop_eligible { " DEI " } else { " " });
        (kind, rest) = (follows, rest.get(tag::LENGTH..).unwrap_or_default());
    }
    behind_ethernet(line, kind, rest)
}

fn behind_ethernet(line: &mut String, kind: u16, bytes: &[u8]) -> fmt::Result {
    match kind {
        ethertype::IPV4 => ipv4(line, bytes, DEPTH),
        ethertype::IPV6 => ipv6(line, bytes, DEPTH),
        ethertype::ARP => arp(line, bytes),
        ethertype::LLDP => line.write_str("LLDP"),
        ethertype::SLOW => slow(line, bytes),
        ethertype::MACSEC => line.write_str("MACsec"),
        kind if kind < ethertype::LEAST => llc(line, bytes),
        kind => write!(line, "type 0x{kind:04x}"),
    }
}

fn arp(line: &mut String, bytes: &[u8]) -> fmt::Result {
    match Arp::parse(bytes) {
        Ok(arp) if arp.operation == wire::arp::REQUEST => {
            write!(line, "ARP who has {}? tell {}", arp.target_ip, arp.sender_ip)
        }
        Ok(arp) if arp.operation == wire::arp::REPLY => {
            write!(line, "ARP {} is at {}", arp.sender_ip, mac(arp.sender_mac))
        }
        Ok(arp) => write!(line, "ARP operation {}", arp.operation),
        Err(why) => write!(line, "ARP ({why})"),
    }
}

fn llc(line: &mut String, bytes: &[u8]) -> fmt::Result {
    if !bytes.starts_with(&stp::LLC) {
        return match bytes {
            [to, from, ..] => write!(line, "LLC 0x{from:02x} > 0x{to:02x}"),
            _ => line.write_str("LLC (truncated)"),
        };
    }
    let bridge = |id: stp::BridgeId| format!("{:04x}.{}", id.priority, mac(id.mac));
    match wire::Bpdu::parse(bytes) {
        Ok(wire::Bpdu::TopologyChange) => line.write_str("STP topology change"),
        Ok(wire::Bpdu::Config(config)) => {
            write!(line, "STP root {} cost {} ", bridge(config.root), config.cost)?;
            write!(line, "bridge {} port {:04x}", bridge(config.bridge), config.port)
        }
        Err(why) => write!(line, "STP ({why})"),
    }
}

fn slow(line: &mut String, bytes: &[u8]) -> fmt::Result {
    let party = |end: lacp::Party| {
        format!("{} key {} port {} state 0x{:02x}", mac(end.system), end.key, end.port, end.state)
    };
    match wire::Lacpdu::parse(bytes) {
        Ok(message) => {
            write!(line, "LACP actor {} partner {}", party(message.actor), party(message.partner))
        }
        Err(_) if bytes.first() == Some(&lacp::MARKER) => {
            let answer = bytes.get(lacp::MARKER_KIND_AT) == Some(&lacp::MARKER_RESPONSE);
            line.write_str(if answer { "Marker response" } else { "Marker" })
        }
        Err(_) => line.write_str("slow protocol"),
    }
}

fn ipv4(line: &mut String, bytes: &[u8], depth: usize) -> fmt::Result {
    let view = match Ipv4View::new(bytes) {
        Ok(view) => view,
        Err(why) => return cut_ipv4(line, bytes, why),
    };
    write!(line, "IPv4 {} > {} ", view.source(), view.destination())?;
    if !view.checksum_is_right() {
        line.push_str("(bad header checksum) ");
    }
    if view.is_fragment() {
        let last = if view.more_fragments() { "" } else { "last " };
        write!(line, "{last}fragment at {} ", view.fragment_offset())?;
    }
    if view.fragment_offset() > 0 {
        return named_protocol(line, view.protocol());
    }
    carried(line, view.protocol(), view.payload(), depth)
}

/// The addresses of a packet that ends early, as error messages carry them.
fn cut_ipv4(line: &mut String, bytes: &[u8], why: Malformed) -> fmt::Result {
    let [0x45, _, _, _, _, _, _, _, _, number, _, _, a, b, c, d, e, f, g, h, rest @ ..] = bytes else {
        return write!(line, "IPv4 ({why})");
    };
    write!(line, "IPv4 {a}.{b}.{c}.{d} > {e}.{f}.{g}.{h} ")?;
    named_protocol(line, *number)?;
    if let (protocol::UDP | protocol::TCP, [a, b, c, d, ..]) = (*number, rest) {
        write!(line, " {} > {}", u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))?;
    }
    write!(line, " ({why})")
}

fn ipv6(line: &mut String, bytes: &[u8], depth: usize) -> fmt::Result {
    let view = match Ipv6View::new(bytes) {
        Ok(view) => view,
        Err(why) => return write!(line, "IPv6 ({why})"),
    };
    write!(line, "IPv6 {} > {} ", view.source(), view.destination())?;
    let inner = match view.carried() {
        Ok(inner) => inner,
        Err(why) => return write!(line, "extension headers ({why})"),
    };
    if let Some(fragment) = inner.fragment {
        let last = if fragment.more { "" } else { "last " };
        write!(line, "{last}fragment at {} ", fragment.offset)?;
        if fragment.offset > 0 {
            return named_protocol(line, inner.protocol);
        }
    }
    if inner.protocol != protocol::ICMPV6 {
        return carried(line, inner.protocol, inner.payload, depth);
    }
    let message = icmpv6::Icmpv6View::new(inner.payload);
    let right = message.is_ok_and(|message| message.checksum_is_right(view.source(), view.destination()));
    icmpv6(line, inner.payload, depth)?;
    line.write_str(if right || message.is_err() { "" } else { " (bad checksum)" })
}

fn named_protocol(line: &mut String, number: u8) -> fmt::Result {
    line.write_str(match number {
        protocol::ICMP => "ICMP",
        protocol::IGMP => "IGMP",
        protocol::IPIP => "IPv4",
        protocol::TCP => "TCP",
        protocol::UDP => "UDP",
        protocol::IPV6 => "IPv6",
        protocol::GRE => "GRE",
        protocol::ESP => "ESP",
        protocol::ICMPV6 => "ICMPv6",
        protocol::NONE => "no next header",
        protocol::SCTP => "SCTP",
        number => return write!(line, "protocol {number}"),
    })
}

/// What an IP packet carries.
fn carried(line: &mut String, number: u8, bytes: &[u8], depth: usize) -> fmt::Result {
    match number {
        protocol::ICMP => icmp(line, bytes, depth),
        protocol::ICMPV6 => icmpv6(line, bytes, depth),
        protocol::IGMP => igmp(line, bytes),
        protocol::UDP => match udp::UdpView::new(bytes) {
            Ok(view) => write!(line, "UDP {} > {}", view.source_port(), view.destination_port()),
            Err(why) => write!(line, "UDP ({why})"),
        },
        protocol::TCP => tcp(line, bytes),
        protocol::IPIP if depth > 0 => ipv4(line, bytes, depth - 1),
        protocol::IPV6 if depth > 0 => ipv6(line, bytes, depth - 1),
        number => named_protocol(line, number),
    }
}

fn tcp(line: &mut String, bytes: &[u8]) -> fmt::Result {
    const FLAGS: [(u8, &str); 6] =
        [(0x02, "SYN"), (0x01, "FIN"), (0x04, "RST"), (0x08, "PSH"), (0x10, "ACK"), (0x20, "URG")];
    let [a, b, c, d, _, _, _, _, _, _, _, _, _, flags, ..] = bytes else {
        return line.write_str("TCP (truncated)");
    };
    write!(line, "TCP {} > {}", u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))?;
    FLAGS.iter().filter(|(bit, _)| flags & bit != 0).try_for_each(|(_, name)| write!(line, " {name}"))
}

fn icmp(line: &mut String, bytes: &[u8], depth: usize) -> fmt::Result {
    let message = match Icmp::parse(bytes) {
        Ok(message) => message,
        Err(why) => return write!(line, "ICMP ({why})"),
    };
    match message {
        Icmp::EchoRequest { identifier, sequence, .. } => {
            write!(line, "ICMP echo request {identifier}, {sequence}")?;
        }
        Icmp::EchoReply { identifier, sequence, .. } => {
            write!(line, "ICMP echo reply {identifier}, {sequence}")?;
        }
        Icmp::DestinationUnreachable { code, mtu, .. } => {
            line.push_str("ICMP unreachable: ");
            match code {
                0 => line.push_str("network"),
                1 => line.push_str("host"),
                2 => line.push_str("protocol"),
                3 => line.push_str("port"),
                4 => write!(line, "fragmentation needed, MTU {mtu}")?,
                9 | 10 | 13 => line.push_str("prohibited"),
                code => write!(line, "code {code}")?,
            }
        }
        Icmp::TimeExceeded { code: 0, .. } => line.push_str("ICMP time to live exceeded"),
        Icmp::TimeExceeded { .. } => line.push_str("ICMP reassembly time exceeded"),
        Icmp::Redirect { gateway, .. } => write!(line, "ICMP redirect to {gateway}")?,
        Icmp::ParameterProblem { pointer, .. } => write!(line, "ICMP parameter problem at {pointer}")?,
        Icmp::Other { kind, code, .. } => write!(line, "ICMP type {kind} code {code}")?,
    }
    match message.about().filter(|_| depth > 0) {
        Some(packet) => line.write_str(", of ").and_then(|()| ipv4(line, packet, depth - 1)),
        None => Ok(()),
    }
}

fn icmpv6(line: &mut String, bytes: &[u8], depth: usize) -> fmt::Result {
    let message = match icmpv6::Icmpv6View::new(bytes).and_then(|view| view.content()) {
        Ok(message) => message,
        Err(why) => return write!(line, "ICMPv6 ({why})"),
    };
    line.push_str("ICMPv6 ");
    match message {
        Icmpv6::EchoRequest { identifier, sequence, .. } => {
            write!(line, "echo request {identifier}, {sequence}")?;
        }
        Icmpv6::EchoReply { identifier, sequence, .. } => {
            write!(line, "echo reply {identifier}, {sequence}")?;
        }
        Icmpv6::DestinationUnreachable { code, .. } => {
            line.push_str("unreachable: ");
            match code {
                0 => line.push_str("no route"),
                1 => line.push_str("prohibited"),
                3 => line.push_str("address"),
                4 => line.push_str("port"),
                code => write!(line, "code {code}")?,
            }
        }
        Icmpv6::PacketTooBig { mtu, .. } => write!(line, "packet too big, MTU {mtu}")?,
        Icmpv6::TimeExceeded { code: 0, .. } => line.push_str("hop limit exceeded"),
        Icmpv6::TimeExceeded { .. } => line.push_str("reassembly time exceeded"),
        Icmpv6::ParameterProblem { pointer, .. } => write!(line, "parameter problem at {pointer}")?,
        Icmpv6::Ndp(message) => ndp(line, message)?,
        Icmpv6::Mld(message) => mld(line, message)?,
        Icmpv6::Other { kind, code, .. } => write!(line, "type {kind} code {code}")?,
    }
    match message.about().filter(|_| depth > 0) {
        Some(packet) => line.write_str(", of ").and_then(|()| ipv6(line, packet, depth - 1)),
        None => Ok(()),
    }
}

fn ndp(line: &mut String, message: Ndp<'_>) -> fmt::Result {
    match message {
        Ndp::RouterSolicitation { .. } => line.write_str("router solicitation"),
        Ndp::RouterAdvertisement { router, .. } => {
            write!(line, "router advertisement for {} s", router.lifetime)
        }
        Ndp::NeighbourSolicitation { target, .. } => {
            write!(line, "neighbour solicitation: who has {target}?")
        }
        Ndp::NeighbourAdvertisement { target, options, .. } => {
            write!(line, "neighbour advertisement: {target}")?;
            options.target_mac().map_or(Ok(()), |at| write!(line, " is at {}", mac(at)))
        }
        Ndp::Redirect { target, destination, .. } => write!(line, "redirect: {destination} by {target}"),
    }
}

fn mld(line: &mut String, message: Mld<'_>) -> fmt::Result {
    match message {
        Mld::Query { group, v2, .. } => {
            write!(line, "MLDv{} query", if v2.is_some() { 2 } else { 1 })?;
            if group.is_unspecified() { Ok(()) } else { write!(line, " of {group}") }
        }
        Mld::Report { group } => write!(line, "MLDv1 report of {group}"),
        Mld::Done { group } => write!(line, "MLDv1 done with {group}"),
        Mld::ReportV2 { records } => {
            line.push_str("MLDv2 report");
            list(line, records.iter().map(|record| (record.kind, record.group)))
        }
    }
}

fn igmp(line: &mut String, bytes: &[u8]) -> fmt::Result {
    let message = match Igmp::parse(bytes) {
        Ok(message) => message,
        Err(why) => return write!(line, "IGMP ({why})"),
    };
    match message {
        Igmp::Query { max_response, group, v3 } => {
            let version = match (v3, max_response) {
                (Some(_), _) => 3,
                (None, 0) => 1,
                (None, _) => 2,
            };
            write!(line, "IGMPv{version} query")?;
            if group.is_unspecified() { Ok(()) } else { write!(line, " of {group}") }
        }
        Igmp::ReportV1 { group } => write!(line, "IGMPv1 report of {group}"),
        Igmp::ReportV2 { group } => write!(line, "IGMPv2 report of {group}"),
        Igmp::Leave { group } => write!(line, "IGMPv2 leave of {group}"),
        Igmp::ReportV3 { records } => {
            line.push_str("IGMPv3 report");
            list(line, records.iter().map(|record| (record.kind, record.group)))
        }
    }
}

/// The records of a report: what is said of which group.
fn list(line: &mut String, records: impl Iterator<Item = (u8, impl fmt::Display)>) -> fmt::Result {
    for (at, (kind, group)) in records.enumerate() {
        if at == LIST {
            return line.write_str(", …");
        }
        let says = match kind {
            wire::mld::record::IS_INCLUDE => "is include",
            wire::mld::record::IS_EXCLUDE => "is exclude",
            wire::mld::record::TO_INCLUDE => "to include",
            wire::mld::record::TO_EXCLUDE => "to exclude",
            wire::mld::record::ALLOW => "allow",
            wire::mld::record::BLOCK => "block",
            _ => "unknown",
        };
        write!(line, "{} {group} {says}", if at == 0 { "" } else { "," })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let hex: String = hex.split_whitespace().collect();
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn a_tagged_echo() {
        let frame = bytes(
            "020000000002020000000001 8100600b 0800 45000024000140004001 2407 0a0001c8 0a00010a
             0800056f0007692e99dd50187e8120e4",
        );
        let line = dissect(&frame);
        let want = "02:00:00:00:00:01 > 02:00:00:00:00:02 802.1Q 11 priority 3 IPv4 10.0.1.200 > 10.0.1.10 ";
        assert!(line.starts_with(want), "{line}");
        assert!(line.ends_with(" 54 bytes"), "{line}");
        assert!(dissect_content(&frame).starts_with("802.1Q 11 priority 3 IPv4"));
    }

    #[test]
    fn questions_and_answers() {
        let request =
            "ffffffffffff020000000001 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002";
        assert!(dissect(&bytes(request)).ends_with("ARP who has 10.0.0.2? tell 10.0.0.1 42 bytes"));
        let reply =
            "020000000001020000000002 0806 0001080006040002 020000000002 0a000002 020000000001 0a000001";
        assert!(dissect(&bytes(reply)).ends_with("ARP 10.0.0.2 is at 02:00:00:00:00:02 42 bytes"));
    }

    #[test]
    fn no_cut_of_anything_is_too_much() {
        let frames = [
            "020000000002020000000001 8100600b 88a80001 0800 45000024000140004001 2407 0a0001c8 0a00010a
             0800056f0007692e99dd50187e8120e4",
            "0180c2000000020000000001 0026 424203 0000000000 8000020000000001 00000000 8000020000000001 8001
             0000 1400 0200 0f00",
            "333300000016020000000001 86dd 60000000 0024 0001 fe80000000000000 0000000000000001
             ff020000000000000000000000000016 3a00050200000100 8f00aaaa00000001 04000000
             ff0200000000000000000001ff000001",
        ];
        for frame in frames.map(bytes) {
            for cut in 0..=frame.len() {
                assert!(dissect(&frame[..cut]).ends_with(" bytes"));
            }
        }
        assert!(dissect(&bytes(frames[2])).contains("MLDv2 report ff02::1:ff00:1 to exclude"));
        assert!(dissect(&bytes(frames[1])).contains("STP root 8000.02:00:00:00:00:01 cost 0 bridge"));
    }
}
