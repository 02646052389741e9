//! What `ping` prints: headings, replies, errors, statistics (iputils 20221126).

use crate::ping::Counts;
use crate::ping_options::Options;
use kernel::Fault;
use rtnl::errno::Errno;
use std::net::IpAddr;

/// The line in front.
pub(crate) fn heading(options: &Options, target: IpAddr, source: IpAddr, device: Option<&str>) -> String {
    let named = options.device.is_some();
    let from = if named { format!("from {source} {}: ", device.unwrap_or("")) } else { String::new() };
    match target {
        IpAddr::V4(target) => {
            let size = options.size;
            format!("PING {} ({target}) {from}{size}({}) bytes of data.\n", options.target, size + 28)
        }
        IpAddr::V6(target) => {
            let scope =
                options.target.split_once('%').map_or(String::new(), |(_, scope)| format!("%{scope}"));
            format!("PING {}({target}{scope}) {from}{} data bytes\n", options.target, options.size)
        }
    }
}

/// How long a trip took, in microseconds.
pub(crate) fn time(trip: u64) -> String {
    match trip {
        99_950.. => format!(" time={} ms", (trip + 500) / 1000),
        9_995.. => format!(" time={}.{:01} ms", (trip + 50) / 1000, (trip + 50) % 1000 / 100),
        1_000.. => format!(" time={}.{:02} ms", (trip + 5) / 1000, (trip + 5) % 1000 / 10),
        _ => format!(" time={}.{:03} ms", trip / 1000, trip % 1000),
    }
}

/// Whether an address means nothing without its link.
pub(crate) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V6(address) => address.segments()[0] & 0xffc0 == 0xfe80,
        IpAddr::V4(_) => false,
    }
}

/// An address, with its link if it is given.
pub(crate) fn address(address: IpAddr, link: Option<&str>) -> String {
    match link {
        Some(link) => format!("{address}%{link}"),
        None => address.to_string(),
    }
}

/// An error of this host's own.
pub(crate) fn local_error(fault: &Fault, v4: bool) -> String {
    match (fault.errno, v4) {
        (Errno::EMSGSIZE, true) => format!("ping: local error: message too long, mtu={}\n", fault.info),
        (Errno::EMSGSIZE, false) => format!("ping: local error: message too long, mtu: {}\n", fault.info),
        (errno, _) => format!("ping: local error: {errno}\n"),
    }
}

/// What an error of ICMP says (`pr_icmph`).
pub(crate) fn error4(kind: u8, code: u8, info: u32) -> String {
    let unreachable = |code| match code {
        0 => "Destination Net Unreachable".into(),
        1 => "Destination Host Unreachable".into(),
        2 => "Destination Protocol Unreachable".into(),
        3 => "Destination Port Unreachable".into(),
        4 => format!("Frag needed and DF set (mtu = {info})"),
        5 => "Source Route Failed".into(),
        6 => "Destination Net Unknown".into(),
        7 => "Destination Host Unknown".into(),
        8 => "Source Host Isolated".into(),
        9 => "Destination Net Prohibited".into(),
        10 => "Destination Host Prohibited".into(),
        11 => "Destination Net Unreachable for Type of Service".into(),
        12 => "Destination Host Unreachable for Type of Service".into(),
        13 => "Packet filtered".into(),
        14 => "Precedence Violation".into(),
        15 => "Precedence Cutoff".into(),
        code => format!("Dest Unreachable, Bad Code: {code}"),
    };
    match (kind, code) {
        (3, code) => unreachable(code),
        (11, 0) => "Time to live exceeded".into(),
        (11, 1) => "Frag reassembly time exceeded".into(),
        (11, code) => format!("Time exceeded, Bad Code: {code}"),
        (12, _) => format!("Parameter problem: pointer = {info}"),
        (kind, _) => format!("Bad ICMP type: {kind}"),
    }
}

/// What an error of ICMPv6 says (`print_icmp`).
pub(crate) fn error6(kind: u8, code: u8, info: u32) -> String {
    match (kind, code) {
        (1, 0) => "Destination unreachable: No route".into(),
        (1, 1) => "Destination unreachable: Administratively prohibited".into(),
        (1, 2) => "Destination unreachable: Beyond scope of source address".into(),
        (1, 3) => "Destination unreachable: Address unreachable".into(),
        (1, 4) => "Destination unreachable: Port unreachable".into(),
        (1, code) => format!("Destination unreachable: Unknown code {code}"),
        (2, 0) => format!("Packet too big: mtu={info}"),
        (2, code) => format!("Packet too big: mtu={info}, code={code}"),
        (3, 0) => "Time exceeded: Hop limit".into(),
        (3, 1) => "Time exceeded: Defragmentation failure".into(),
        (3, code) => format!("Time exceeded: code {code}"),
        (4, 0) => format!("Parameter problem: Wrong header field at {info}"),
        (4, 1) => format!("Parameter problem: Unknown header at {info}"),
        (4, 2) => format!("Parameter problem: Unknown option at {info}"),
        (4, code) => format!("Parameter problem: code {code} at {info}"),
        (kind, _) => format!("unknown icmp type: {kind}"),
    }
}

/// The lines behind.
pub(crate) fn statistics(target: &str, counts: &Counts, passed: u64, timed: bool) -> String {
    let sent = counts.transmitted;
    let mut text = format!("\n--- {target} ping statistics ---\n");
    text.push_str(&format!("{sent} packets transmitted, {} received", counts.received));
    if counts.repeats > 0 {
        text.push_str(&format!(", +{} duplicates", counts.repeats));
    }
    if counts.corrupted > 0 {
        text.push_str(&format!(", +{} corrupted", counts.corrupted));
    }
    if counts.errors > 0 {
        text.push_str(&format!(", +{} errors", counts.errors));
    }
    if sent > 0 {
        let lost = sent.saturating_sub(counts.received) as f32 * 100.0 / sent as f32;
        text.push_str(&format!(", {}% packet loss, time {passed}ms", general(lost)));
    }
    text.push('\n');
    let mut comma = "";
    if counts.received > 0 && timed {
        text.push_str(&round_trips(counts));
        comma = ", ";
    }
    if counts.pipe > 1 {
        text.push_str(&format!("{comma}pipe {}", counts.pipe));
    }
    text.push('\n');
    text
}

fn round_trips(counts: &Counts) -> String {
    let number = counts.received + counts.repeats;
    let mean = counts.sum / number.max(1);
    let squares = counts.squares / u128::from(number.max(1));
    let variance = squares.saturating_sub(u128::from(mean) * u128::from(mean));
    let deviation = (variance as f64).sqrt() as u64;
    let ms = |micros: u64| format!("{}.{:03}", micros / 1000, micros % 1000);
    format!(
        "rtt min/avg/max/mdev = {}/{}/{}/{} ms",
        ms(counts.least),
        ms(mean),
        ms(counts.most),
        ms(deviation)
    )
}

/// A number as `%g` prints it: six digits at most, no zeroes behind.
fn general(number: f32) -> String {
    let digits = if number >= 100.0 {
        3
    } else if number >= 10.0 {
        4
    } else {
        5
    };
    let text = format!("{number:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The Internet checksum.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u64 = 0;
    for pair in bytes.chunks(2) {
        sum += u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |byte| u64::from(*byte));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An IPv4 address in the forms of old: one to four numbers, the last filling what is left (`inet_aton`).
pub(crate) fn inet_aton(text: &str) -> Option<u32> {
    let parts: Vec<&str> = text.split('.').collect();
    let number = |part: &str| {
        let (digits, radix) = match part {
            part if part.starts_with("0x") || part.starts_with("0X") => (&part[2..], 16),
            part if part.len() > 1 && part.starts_with('0') => (&part[1..], 8),
            part => (part, 10),
        };
        let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if digits.is_empty() || !plain { None } else { u64::from_str_radix(digits, radix).ok() }
    };
    let numbers: Vec<u64> = parts.iter().map(|part| number(part)).collect::<Option<_>>()?;
    let (last, front) = numbers.split_last()?;
    if front.len() > 3 || front.iter().any(|number| *number > 255) {
        return None;
    }
    let room = 32 - 8 * front.len() as u32;
    if *last >> room != 0 {
        return None;
    }
    let mut address = *last;
    for (at, number) in front.iter().enumerate() {
        address |= number << (24 - 8 * at);
    }
    Some(address as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_c_prints_them() {
        let cases =
            [(0.0, "0"), (100.0, "100"), (50.0, "50"), (33.333_332, "33.3333"), (6.666_666_5, "6.66667")];
        for (number, text) in cases {
            assert_eq!(general(number), text);
        }
    }

    #[test]
    fn times() {
        assert_eq!(time(65), " time=0.065 ms");
        assert_eq!(time(1_234), " time=1.23 ms");
        assert_eq!(time(12_345), " time=12.3 ms");
        assert_eq!(time(123_456), " time=123 ms");
    }

    #[test]
    fn addresses_of_old() {
        assert_eq!(inet_aton("10.0.0"), Some(0x0a00_0000));
        assert_eq!(inet_aton("10.1"), Some(0x0a00_0001));
        assert_eq!(inet_aton("0x7f.1"), Some(0x7f00_0001));
        assert_eq!(inet_aton("1"), Some(1));
        for text in ["", "1.", "256.1.1.1", "1.2.3.4.5", "a", "1.2.3.256"] {
            assert_eq!(inet_aton(text), None, "{text}");
        }
    }
}
