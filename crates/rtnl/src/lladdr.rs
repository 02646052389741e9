//! Link-layer addresses as people type them (iproute2's `ll_addr_a2n`).
//!
//! The tool is lax, and scripts live with it: the pieces between colons are read as C's `sscanf("%x")` reads, so
//! `0x1f`, `+2` and `5g` are numbers; there may be any count of pieces; a text with a dot in it is an IPv4 address.
//! How many bytes an address must have is the caller's business, and often the kernel's.

use crate::words::{Stop, number};

/// Reads a link-layer address.
///
/// # Errors
/// The part that is no byte, as the tool names it; it ends the command and not the process.
pub fn parse(text: &str) -> Result<Vec<u8>, Stop> {
    // The most that a link of any type has.
    parse_within(text, 32)
}

/// Reads a link-layer address into so much room. Parts beyond it are not read; one more byte, a zero, then says that
/// the address is too long.
///
/// # Errors
/// As [`parse`].
pub fn parse_within(text: &str, room: usize) -> Result<Vec<u8>, Stop> {
    if text.contains('.') {
        return ipv4(text).ok_or_else(|| invalid(text));
    }
    let mut parts = text.split(':');
    let read = |part| byte(part).ok_or_else(|| invalid(part));
    let mut address: Vec<u8> = parts.by_ref().take(room).map(read).collect::<Result<_, _>>()?;
    address.extend(parts.next().map(|_| 0));
    Ok(address)
}

fn invalid(part: &str) -> Stop {
    Stop::fail(1, format!("\"{part}\" is invalid lladdr.\n"))
}

/// One to four numbers with dots between; those that are not there are zero.
fn ipv4(text: &str) -> Option<Vec<u8>> {
    let mut address = vec![0; 4];
    for (at, part) in text.split('.').enumerate() {
        *address.get_mut(at)? = number(part, 0, 255)? as u8;
    }
    Some(address)
}

/// A hexadecimal byte as `scanf` reads it into 32 bits.
fn byte(part: &str) -> Option<u8> {
    let part = part.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, rest) = match part.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, part.strip_prefix('+').unwrap_or(part)),
    };
    // A bare `0x` is zero.
    let prefixed = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X"));
    let digits = prefixed.unwrap_or(rest).bytes().map_while(|b| char::from(b).to_digit(16));
    if prefixed.is_none() && digits.clone().next().is_none() {
        return None;
    }
    let value = digits.fold(0u64, |value, digit| value.saturating_mul(16).saturating_add(u64::from(digit)));
    let value = if negative && value != u64::MAX { value.wrapping_neg() } else { value };
    u8::try_from(value as u32).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_leniently() {
        assert_eq!(parse("02:0:A:ff").unwrap(), [2, 0, 10, 255]);
        assert_eq!(parse("fog:1").unwrap(), [15, 1]);
        assert_eq!(parse("1.2").unwrap(), [1, 2, 0, 0]);
        assert_eq!(parse("0x1f:+2:5g:0x").unwrap(), [31, 2, 5, 0]);
        assert_eq!(parse("100000001").unwrap(), [1]);
        assert_eq!(parse_within("1:2:3", 2).unwrap(), [1, 2, 0]);
        assert_eq!(parse_within("1:2:zz:4", 2).unwrap(), [1, 2, 0]);
        assert_eq!(parse("100:1").unwrap_err().error, "\"100\" is invalid lladdr.\n");
        assert_eq!(parse("1:").unwrap_err().error, "\"\" is invalid lladdr.\n");
        assert_eq!(parse("-1").unwrap_err().error, "\"-1\" is invalid lladdr.\n");
        assert_eq!(parse("1.2.3.4.5").unwrap_err().error, "\"1.2.3.4.5\" is invalid lladdr.\n");
    }
}
