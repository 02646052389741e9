//! Addresses and prefixes as people type them and as they are shown.
//!
//! The tool reads IPv4 in its own way: `10.8` is 10.8.0.0 and not 10.0.0.8, and each part may be octal or
//! hexadecimal. A length may be a netmask. `default`, `all` and `any` are addresses too, of whatever family is meant.
//! Left out: names of hosts are never looked up, and labels of MPLS are not read.

use crate::attr::Attr;
use crate::family::{AF_BRIDGE, AF_INET, AF_INET6, AF_MPLS, AF_PACKET, AF_UNSPEC};
use crate::lladdr;
use crate::sink::{Colour, mac_text};
use crate::words::{Stop, number};
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address and how much of it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix {
    /// Its family; none where a word stands for any.
    pub family: u8,
    /// Its bytes; none for `all` and `any`.
    pub bytes: Vec<u8>,
    /// How many bits count.
    pub bits: u8,
    /// Whether the length was typed. It counts as typed for `default`.
    pub sized: bool,
}

/// The families by their names.
const FAMILIES: &[(&str, u8)] =
    &[("inet", AF_INET), ("inet6", AF_INET6), ("link", AF_PACKET), ("mpls", AF_MPLS), ("bridge", AF_BRIDGE)];

/// The family of that name.
pub fn family_number(name: &str) -> Option<u8> {
    FAMILIES.iter().find(|(other, _)| *other == name).map(|(_, family)| *family)
}

/// The name of a family; `???` if it has none.
pub fn family_name(family: u8) -> &'static str {
    FAMILIES.iter().find(|(_, other)| *other == family).map_or("???", |(name, _)| name)
}

/// How many bits an address of that family has; 0 where that is not fixed.
pub fn bit_length(family: u8) -> u8 {
    match family {
        AF_INET => 32,
        AF_INET6 => 128,
        AF_MPLS => 20,
        _ => 0,
    }
}

/// The colour in which addresses of a family are shown.
pub fn colour(family: u8) -> Colour {
    match family {
        AF_INET => Colour::Inet,
        AF_INET6 => Colour::Inet6,
        AF_PACKET => Colour::Mac,
        _ => Colour::None,
    }
}

/// An address of a family as it is shown.
pub fn address_text(family: u8, bytes: &[u8]) -> String {
    match family {
        AF_INET => {
            if let Some(octets) = bytes.first_chunk::<4>() {
                return Ipv4Addr::from(*octets).to_string();
            }
        }
        AF_INET6 => {
            if let Some(octets) = bytes.first_chunk::<16>() {
                return inet6_text(*octets);
            }
        }
        AF_PACKET => return mac_text(bytes),
        _ => {}
    }
    "???".into()
}

/// The address in an attribute as it is shown.
pub fn attr_text(family: u8, attr: &Attr<'_>) -> String {
    address_text(family, attr.payload)
}

/// An address whose first 96 bits are zero shows its last part as IPv4, as C's library does it.
fn inet6_text(octets: [u8; 16]) -> String {
    let address = Ipv6Addr::from(octets);
    let words = address.segments();
    if words[..6] == [0; 6] && words[6] != 0 {
        let [.., a, b, c, d] = octets;
        return format!("::{}", Ipv4Addr::new(a, b, c, d));
    }
    address.to_string()
}

/// Reads an address of a family (`AF_UNSPEC`: of any), as iproute2's `get_addr` does.
///
/// # Errors
/// The tool's complaint, which ends the process.
pub fn address(text: &str, family: u8) -> Result<Prefix, Stop> {
    let expected = || {
        let what = expected_name(family);
        Stop::exit_with(1, format!("Error: {what} address is expected rather than \"{text}\".\n"))
    };
    if family == AF_PACKET && !matches!(text, "default" | "all" | "any") {
        // The complaint about a part of it comes first; by then the tool has cut the text at its first colon.
        let bytes = lladdr::parse(text).map_err(|stop| {
            let first = text.split(':').next().unwrap_or(text);
            let error = stop.error;
            Stop::exit_with(1, format!("{error}Error: link address is expected rather than \"{first}\".\n"))
        })?;
        let bits = (bytes.len() * 8) as u8;
        return Ok(Prefix { family, bytes, bits, sized: false });
    }
    read_address(text, family).ok_or_else(expected)
}

/// Reads a prefix of a family (`AF_UNSPEC`: of any), as iproute2's `get_prefix` does.
///
/// # Errors
/// The tool's complaint, which ends the process.
pub fn prefix(text: &str, family: u8) -> Result<Prefix, Stop> {
    if family == AF_PACKET {
        let complaint = "may be inet prefix, but it is not allowed in this context";
        return Err(Stop::exit_with(1, format!("Error: \"{text}\" {complaint}.\n")));
    }
    read_prefix(text, family).ok_or_else(|| {
        let what = expected_name(family);
        Stop::exit_with(1, format!("Error: {what} prefix is expected rather than \"{text}\".\n"))
    })
}

fn expected_name(family: u8) -> &'static str {
    if family == AF_UNSPEC { "any valid" } else { family_name(family) }
}

fn read_address(text: &str, family: u8) -> Option<Prefix> {
    match text {
        "default" | "all" | "any" if family == AF_MPLS => return None,
        "default" => {
            let bytes = vec![0; usize::from(bit_length(family)) / 8];
            return Some(Prefix { family, bytes, bits: 0, sized: true });
        }
        "all" | "any" => return Some(Prefix { family, ..Prefix::default() }),
        _ => {}
    }
    let (found, bytes) = if text.contains(':') {
        (AF_INET6, text.parse::<Ipv6Addr>().ok()?.octets().to_vec())
    } else {
        (AF_INET, inet(text)?)
    };
    let fits = family == AF_UNSPEC || family == found;
    fits.then(|| Prefix { family: found, bytes, bits: bit_length(found), sized: false })
}

/// One to four numbers with dots between; those that are not there are zero.
fn inet(text: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 4];
    for (at, part) in text.split('.').enumerate() {
        *bytes.get_mut(at)? = number(part, 0, 255)? as u8;
    }
    Some(bytes)
}

fn read_prefix(text: &str, family: u8) -> Option<Prefix> {
    let Some((text, length)) = text.split_once('/') else { return read_address(text, family) };
    let word = matches!(text, "default" | "all" | "any");
    let mut prefix = read_address(text, family).filter(|_| !word)?;
    let bits = number(length, 0, u64::from(u32::MAX)).or_else(|| netmask(length))?;
    prefix.bits = u8::try_from(bits).ok().filter(|bits| *bits <= bit_length(prefix.family))?;
    prefix.sized = true;
    Some(prefix)
}

/// The length of a netmask; a word for any address is the empty mask.
fn netmask(text: &str) -> Option<u64> {
    let bytes = read_address(text, AF_INET)?.bytes;
    let mask = bytes.iter().fold(0, |mask: u32, byte| mask << 8 | u32::from(*byte));
    let contiguous = mask.leading_ones() + mask.trailing_zeros() >= 32;
    contiguous.then(|| u64::from(mask.leading_ones()))
}

/// Whether two addresses have so many first bits in common; missing bytes are zero.
pub fn same_bits(one: &[u8], other: &[u8], bits: u8) -> bool {
    let byte = |bytes: &[u8], at: usize| bytes.get(at).copied().unwrap_or(0);
    (0..usize::from(bits).div_ceil(8)).all(|at| {
        let left = usize::from(bits) - at * 8;
        let mask = if left >= 8 { 0xff } else { !(0xff_u8 >> left) };
        (byte(one, at) ^ byte(other, at)) & mask == 0
    })
}

impl Prefix {
    /// Whether an address lies in the prefix. One whose family its length does not tell does not; no address lies in
    /// every prefix, and every address in an empty one (iproute2's `inet_addr_match_rta`).
    pub fn holds(&self, attr: Option<Attr<'_>>) -> bool {
        let Some(attr) = attr.filter(|_| self.family != AF_UNSPEC && self.bits > 0) else { return true };
        let family = match attr.payload.len() {
            4 => AF_INET,
            16 => AF_INET6,
            _ => return false,
        };
        self.family == family && same_bits(attr.payload, &self.bytes, self.bits)
    }

    /// Whether it is a group.
    pub fn is_multicast(&self) -> bool {
        match (self.family, self.bytes.first()) {
            (AF_INET, Some(first)) => first & 0xf0 == 0xe0,
            (AF_INET6, Some(first)) => *first == 0xff,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inet_prefix(text: &str) -> Option<(Vec<u8>, u8)> {
        read_prefix(text, AF_UNSPEC).map(|prefix| (prefix.bytes, prefix.bits))
    }

    #[test]
    fn prefixes_are_read_as_the_tool_reads_them() {
        assert_eq!(inet_prefix("10.8/16"), Some((vec![10, 8, 0, 0], 16)));
        assert_eq!(inet_prefix("0x0a.010.1.1"), Some((vec![10, 8, 1, 1], 32)));
        assert_eq!(inet_prefix("10.0.0.0/255.255.240.0"), Some((vec![10, 0, 0, 0], 20)));
        assert_eq!(inet_prefix("10.0.0.0/any"), Some((vec![10, 0, 0, 0], 0)));
        assert_eq!(inet_prefix("10.0.0.0/255.0.255.0"), None);
        assert_eq!(inet_prefix("10.0.0.0/33"), None);
        assert_eq!(inet_prefix("1.2.3.4.5"), None);
        assert_eq!(inet_prefix("256"), None);
        assert_eq!(inet_prefix(""), None);
        assert_eq!(inet_prefix("default/0"), None);
        assert_eq!(inet_prefix("all"), Some((vec![], 0)));
        assert_eq!(read_prefix("fe80::1/64", AF_INET), None);
        assert_eq!(read_prefix("default", AF_INET6).unwrap().bytes.len(), 16);
    }

    #[test]
    fn addresses_show_as_in_c() {
        let shown = |text: &str| address_text(AF_INET6, &text.parse::<Ipv6Addr>().unwrap().octets());
        for text in ["::", "::1", "::1.2.3.4", "::ffff:1.2.3.4", "fe80::1", "1:0:0:2::3", "2001:db8::"] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(address_text(AF_INET, &[1, 2]), "???");
    }

    #[test]
    fn bits_in_common() {
        assert!(same_bits(&[10, 0, 0, 1], &[10, 0, 0, 2], 30));
        assert!(!same_bits(&[10, 0, 0, 1], &[10, 0, 0, 2], 31));
        assert!(same_bits(&[], &[], 128));
    }
}
