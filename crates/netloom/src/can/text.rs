//! The notation of CAN frames: `123#DEADBEEF` to write them, and the lines of `candump`.

use std::fmt::Write;
use wire::can::{self, Can};

/// Reads a frame as `cansend` does; none if it is none.
///
/// Three digits are an identifier of 11 bits, eight one of 29; `#R` asks for data, `##` and a digit of flags make an FD
/// frame. What stands behind the eight bytes of a classic frame is passed over.
pub(super) fn parse(text: &str) -> Option<Can> {
    let bytes = text.as_bytes();
    if bytes.len() < 4 {
        return None;
    }
    let digits = if bytes[3] == b'#' { 3 } else { 8 };
    if bytes.get(digits) != Some(&b'#') {
        return None;
    }
    let mut identifier = bytes[..digits].iter().try_fold(0, |id, byte| Some(id << 4 | nibble(*byte)?))?;
    if digits == 8 && identifier & can::ERROR == 0 {
        identifier |= can::EXTENDED;
    }
    let mut frame = Can { identifier, fd: false, flags: 0, length: 0, data: [0; can::FD_DATA] };
    let mut rest = &bytes[digits + 1..];
    if matches!(rest.first(), Some(b'R' | b'r')) {
        frame.identifier |= can::REMOTE;
        let length = rest.get(1).and_then(|digit| nibble(*digit)).filter(|length| *length <= 8);
        frame.length = length.unwrap_or(0) as u8;
        return Some(frame);
    }
    if rest.first() == Some(&b'#') {
        frame.fd = true;
        frame.flags = nibble(*rest.get(1)?)? as u8 | can::FD_FRAME;
        rest = &rest[2..];
    }
    let most = if frame.fd { can::FD_DATA } else { can::DATA };
    let mut length = 0;
    while length < most {
        rest = rest.strip_prefix(b".").unwrap_or(rest);
        let Some((high, behind)) = rest.split_first() else { break };
        let (low, behind) = behind.split_first()?;
        frame.data[length] = (nibble(*high)? << 4 | nibble(*low)?) as u8;
        length += 1;
        rest = behind;
    }
    frame.length = if frame.fd { can::fd_length(length) } else { length } as u8;
    Some(frame)
}

fn nibble(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

/// The identifier: eight digits for a long one or an error, else three.
fn identifier(frame: &Can) -> String {
    match frame.identifier {
        id if id & can::ERROR != 0 => format!("{:08X}", id & (can::EXTENDED_MASK | can::ERROR)),
        id if id & can::EXTENDED != 0 => format!("{:08X}", id & can::EXTENDED_MASK),
        id => format!("{:03X}", id & can::STANDARD_MASK),
    }
}

/// The short form, as logs have it; with a dot between bytes if `dots`.
pub(super) fn short(frame: &Can, dots: bool) -> String {
    let mut text = identifier(frame) + "#";
    // Writing to a string does not fail.
    if frame.identifier & can::REMOTE != 0 {
        text.push('R');
        if frame.length > 0 {
            let _ = write!(text, "{}", frame.length);
        }
        return text;
    }
    if frame.fd {
        let _ = write!(text, "#{:X}", frame.flags & 15);
    }
    let bytes: Vec<String> = frame.data().iter().map(|byte| format!("{byte:02X}")).collect();
    text + &bytes.join(if dots { "." } else { "" })
}

/// How the long form shows data.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// As characters too, for up to eight bytes.
    pub(super) ascii: bool,
    /// In binary digits.
    pub(super) binary: bool,
    /// Short identifiers are as wide as long ones.
    pub(super) indent: bool,
}

/// The long form: identifier, length, data.
pub(super) fn long(frame: &Can, view: View) -> String {
    let mut text = identifier(frame);
    if view.indent {
        text = format!("{text:>8}");
    }
    let length = frame.length;
    text.push_str(&if frame.fd { format!("  [{length:02}] ") } else { format!("   [{length}] ") });
    if frame.identifier & can::REMOTE != 0 {
        return text + " remote request";
    }
    for byte in frame.data() {
        text.push_str(&if view.binary { format!(" {byte:08b}") } else { format!(" {byte:02X}") });
    }
    if view.ascii && frame.data().len() <= can::DATA {
        let width = if view.binary { 9 } else { 3 };
        let blanks = (can::DATA - frame.data().len()) * width + 3;
        let plain = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
        let characters: String = frame.data().iter().map(plain).collect();
        let _ = write!(text, "{}'{characters}'", " ".repeat(blanks));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the programs of can-utils made of these on a real Linux: the line of a log and the one of `candump -a`.
    #[test]
    fn frames_read_and_print_as_in_can_utils() {
        for (typed, logged, shown) in [
            ("123#DEADBEEF", "123#DEADBEEF", "123   [4]  DE AD BE EF               '....'"),
            ("5AA#", "5AA#", "5AA   [0]                            ''"),
            ("123##1", "123##5", "123  [00]                            ''"),
            ("213##311", "213##711", "213  [01]  11                        '.'"),
            ("1F334455#11.22", "1F334455#1122", "1F334455   [2]  11 22                     '.\"'"),
            ("12345678#R", "12345678#R", "12345678   [0]  remote request"),
            ("123#R5", "123#R5", "123   [5]  remote request"),
            ("123#R9", "123#R", "123   [0]  remote request"),
            ("800#11", "000#11", "000   [1]  11                        '.'"),
            ("123#.11", "123#11", "123   [1]  11                        '.'"),
            (
                "123##1112233445566778899AABBCC",
                "123##5112233445566778899AABBCC",
                "123  [12]  11 22 33 44 55 66 77 88 99 AA BB CC",
            ),
            (
                "123#112233445566778899",
                "123#1122334455667788",
                "123   [8]  11 22 33 44 55 66 77 88   '.\"3DUfw.'",
            ),
        ] {
            let frame = parse(typed).unwrap();
            let view = View { ascii: true, ..View::default() };
            assert_eq!(
                (short(&frame, false).as_str(), long(&frame, view).as_str()),
                (logged, shown),
                "{typed}"
            );
        }
        for wrong in
            ["12#11", "123", "1234#11", "123#1", "123#zz", "123##", "123##G1", "", "1F3344556#11", "123#11_"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(parse("123##1112233445566778899").map(|frame| frame.length), Some(12));
    }

    #[test]
    fn short_identifiers_stand_below_long_ones() {
        let frame = parse("123#01").unwrap();
        assert_eq!(long(&frame, View { indent: true, ..View::default() }), "     123   [1]  01");
        assert_eq!(long(&frame, View { binary: true, ..View::default() }), "123   [1]  00000001");
    }
}
