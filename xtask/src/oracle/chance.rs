//! Addresses of links that a kernel drew by chance, made equal before a comparison.
//!
//! Whoever draws an address makes it local and that of one host, and no command names it. Two transcripts agree on such
//! addresses if each stands where the other's does: the first that is seen gets the first name on either side, with
//! the half of an IPv6 address that is made of it. An address that only one of the two drew still differs.

use std::collections::BTreeSet;

/// Characters of an address as text.
const LENGTH: usize = 17;

/// The transcript with names in the place of addresses that were drawn.
pub(crate) fn renamed(transcript: &str) -> String {
    let commands = transcript.lines().filter(|line| line.starts_with("# ") || line.starts_with("//"));
    let named: BTreeSet<String> = commands.flat_map(addresses).map(str::to_lowercase).collect();
    let printed = transcript.lines().filter(|line| !line.starts_with("# "));
    let mut drawn: Vec<&str> = Vec::new();
    for address in printed.flat_map(addresses) {
        let by_chance = u8::from_str_radix(&address[..2], 16).is_ok_and(|first| first & 3 == 2);
        if by_chance && !named.contains(address) && !drawn.contains(&address) {
            drawn.push(address);
        }
    }
    let mut text = transcript.to_string();
    for (number, address) in drawn.iter().enumerate() {
        text = text.replace(address, &format!("drawn-{number}"));
        if let Some(half) = identity(address) {
            text = text.replace(&half, &format!("of-drawn-{number}"));
        }
    }
    text
}

/// The addresses in a line.
fn addresses(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|c: char| !c.is_ascii_hexdigit() && c != ':');
    words.filter(|word| {
        let bytes = word.split(':').filter(|byte| byte.len() == 2).count();
        word.len() == LENGTH && bytes == 6
    })
}

/// The half of an IPv6 address that is made of an address, as text.
fn identity(address: &str) -> Option<String> {
    let bytes = address.split(':').map(|byte| u8::from_str_radix(byte, 16).ok());
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    let [a, b, c, d, e, f] = <[u8; 6]>::try_from(bytes).ok()?;
    let pair = |high: u8, low: u8| format!("{:x}", u16::from_be_bytes([high, low]));
    Some([pair(a ^ 2, b), pair(c, 0xff), pair(0xfe, d), pair(e, f)].join(":"))
}

#[cfg(test)]
mod tests {
    use super::renamed;

    #[test]
    fn drawn_addresses_get_names_in_their_order() {
        let text = |one: &str, half: &str, two: &str| {
            format!(
                "# ip link add d0 address 02:00:00:00:00:05 type dummy\n# ip addr\nlink/ether {one} brd ff:ff:ff:ff:ff:ff\n\
                 inet6 fe80::{half}/64\nlink/ether 02:00:00:00:00:05\nlink/ether {two}\n\"address\":\"{one}\"\n"
            )
        };
        let want = text("4a:40:5c:47:75:29", "4840:5cff:fe47:7529", "36:6b:96:36:e3:21");
        let got = text("1a:39:89:6a:51:a8", "1839:89ff:fe6a:51a8", "0e:00:00:00:00:01");
        assert_ne!(want, got);
        assert_eq!(renamed(&want), renamed(&got));
        assert!(renamed(&want).contains("inet6 fe80::of-drawn-0/64"));
        // One that is named, one that was not drawn, and one in another's place, differ.
        for other in ["02:00:00:00:00:05", "00:16:3e:00:00:01", "4a:40:5c:47:75:29"] {
            let got = text("4a:40:5c:47:75:29", "4840:5cff:fe47:7529", other);
            assert_ne!(renamed(&want), renamed(&got), "{other}");
        }
    }
}
