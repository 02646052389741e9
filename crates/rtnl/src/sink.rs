//! Where output goes: one call gives text or JSON, so that the two cannot drift apart.
//!
//! A call names the JSON key, what stands before the value in text, the value, and what stands behind it. In a JSON
//! sink only key and value come out, in a text sink only the rest. The JSON is laid out as iproute2's writer lays it
//! out, plain or pretty, because the bytes are compared. The sink gathers; who owns it decides when bytes leave.

use std::fmt::Write;

/// What the tool's options ask of the output. Every field is off, or zero, at first.
#[derive(Clone, Debug, Default)]
pub struct Format {
    /// `-j`: JSON.
    pub json: bool,
    /// `-p`: JSON with line breaks and indents.
    pub pretty: bool,
    /// `-d`: how often details were asked for.
    pub details: u8,
    /// `-s`: how often statistics were asked for.
    pub statistics: u8,
    /// `-h`: counters with suffixes.
    pub human: bool,
    /// `-iec`: those suffixes count in 1024.
    pub iec: bool,
    /// `-o`: one line a record.
    pub oneline: bool,
    /// `-br`: brief.
    pub brief: bool,
    /// `-N`: numbers instead of names.
    pub numeric: bool,
    /// Colours are on.
    pub colour: bool,
    /// The terminal's background is dark.
    pub dark: bool,
}

/// What a piece of text means, for `-c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// A link's name.
    Ifname,
    /// A link-layer address.
    Mac,
    /// An IPv4 address.
    Inet,
    /// An IPv6 address.
    Inet6,
    /// A state that is up.
    OperstateUp,
    /// A state that is down.
    OperstateDown,
    /// No colour.
    None,
}

impl Colour {
    /// The terminal's escape sequence.
    fn escape(self, dark: bool) -> &'static str {
        match (self, dark) {
            (Colour::Ifname, false) => "\x1b[36m",
            (Colour::Mac, false) => "\x1b[33m",
            (Colour::Inet, false) => "\x1b[35m",
            (Colour::Inet6, false) => "\x1b[34m",
            (Colour::OperstateUp, false) => "\x1b[32m",
            (Colour::OperstateDown, false) => "\x1b[31m",
            (Colour::Ifname, true) => "\x1b[1;36m",
            (Colour::Mac, true) => "\x1b[1;33m",
            (Colour::Inet, true) => "\x1b[1;35m",
            (Colour::Inet6, true) => "\x1b[1;34m",
            (Colour::OperstateUp, true) => "\x1b[1;32m",
            (Colour::OperstateDown, true) => "\x1b[1;31m",
            (Colour::None, _) => "",
        }
    }
}

/// Where a sink stood, to take back what was written since.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    length: usize,
    depth: usize,
    comma: bool,
}

/// Gathers output as text or JSON.
#[derive(Debug, Default)]
pub struct Sink {
    /// The options in force.
    pub format: Format,
    /// What was gathered and has not been taken yet.
    pub out: String,
    /// Depth of open JSON objects and arrays.
    depth: usize,
    /// Whether a comma is due before the next JSON member.
    comma: bool,
}

impl Sink {
    /// An empty sink.
    pub fn new(format: Format) -> Sink {
        Sink { format, ..Sink::default() }
    }

    /// Takes what was gathered.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    /// Where the sink stands. It holds until something is taken.
    pub fn place(&self) -> Place {
        Place { length: self.out.len(), depth: self.depth, comma: self.comma }
    }

    /// Takes back what was written since the sink stood there.
    pub fn back_to(&mut self, place: Place) {
        self.out.truncate(place.length);
        (self.depth, self.comma) = (place.depth, place.comma);
    }

    /// Whether JSON is being written.
    pub fn json(&self) -> bool {
        self.format.json
    }

    // Text only.

    /// Text that JSON does not show.
    pub fn text(&mut self, text: &str) {
        if !self.format.json {
            self.out.push_str(text);
        }
    }

    /// Text in a colour that JSON does not show.
    pub fn coloured(&mut self, colour: Colour, text: &str) {
        if !self.format.json {
            self.paint(colour, text);
        }
    }

    fn paint(&mut self, colour: Colour, text: &str) {
        if self.format.colour && colour != Colour::None {
            self.out.push_str(colour.escape(self.format.dark));
            self.out.push_str(text);
            self.out.push_str("\x1b[0m");
        } else {
            self.out.push_str(text);
        }
    }

    /// A line's end within a record: a backslash with `-o`, nothing in JSON.
    pub fn line(&mut self) {
        let end = if self.format.oneline { "\\" } else { "\n" };
        self.text(end);
    }

    // Values.

    /// An unsigned number.
    pub fn uint(&mut self, key: &str, before: &str, value: u64, after: &str) {
        self.around(key, before, after, |out| push_number(out, value));
    }

    /// A signed number.
    pub fn int(&mut self, key: &str, before: &str, value: i64, after: &str) {
        self.around(key, before, after, |out| {
            if value < 0 {
                out.push('-');
            }
            push_number(out, value.unsigned_abs());
        });
    }

    /// A hexadecimal number: `0x1f` in text and, as a string, in JSON; zero is `0`, as C's `%#x` has it.
    pub fn hex0x(&mut self, key: &str, before: &str, value: u64, after: &str) {
        let quote = if self.format.json { "\"" } else { "" };
        let sign = if value == 0 { "" } else { "0x" };
        self.around(key, before, after, |out| {
            let _ = write!(out, "{quote}{sign}{value:x}{quote}");
        });
    }

    /// A hexadecimal number without `0x`; a string in JSON.
    pub fn hex(&mut self, key: &str, before: &str, value: u64, after: &str) {
        let json = self.format.json;
        self.around(key, before, after, |out| {
            let _ = if json { write!(out, "\"{value:x}\"") } else { write!(out, "{value:x}") };
        });
    }

    /// A text.
    pub fn string(&mut self, key: &str, before: &str, value: &str, after: &str) {
        self.coloured_string(Colour::None, key, before, value, after);
    }

    /// A text in a colour.
    pub fn coloured_string(&mut self, colour: Colour, key: &str, before: &str, value: &str, after: &str) {
        if self.format.json {
            self.name(key);
            self.json_text(value);
        } else {
            self.out.push_str(before);
            self.paint(colour, value);
            self.out.push_str(after);
        }
    }

    /// A value in JSON, a text in a colour else: for where padding or punctuation is coloured too.
    pub fn coloured_text(&mut self, colour: Colour, key: &str, value: &str, text: &str) {
        if self.format.json {
            self.name(key);
            self.json_text(value);
        } else {
            self.paint(colour, text);
        }
    }

    /// `true` or `false` in JSON, one of two texts else.
    pub fn boolean(&mut self, key: &str, value: bool, yes: &str, no: &str) {
        if self.format.json {
            self.name(key);
            self.out.push_str(if value { "true" } else { "false" });
        } else {
            self.out.push_str(if value { yes } else { no });
        }
    }

    /// `on` or `off` between two texts; `true` or `false` in JSON.
    pub fn on_off(&mut self, key: &str, before: &str, value: bool, after: &str) {
        if self.format.json {
            self.boolean(key, value, "", "");
        } else {
            self.out.push_str(before);
            self.out.push_str(if value { "on" } else { "off" });
            self.out.push_str(after);
        }
    }

    /// A number of hundredths with two decimals, as clocks are shown: at least seven wide in text. The tool counts
    /// in microseconds and overflows without notice; so does this.
    pub fn hundredths(&mut self, key: &str, before: &str, value: u64, after: &str) {
        let width = if self.format.json { 0 } else { 4 };
        let micro = value.wrapping_mul(10_000);
        let (seconds, rest) = ((micro / 1_000_000) as i32, micro % 1_000_000 / 10_000);
        self.around(key, before, after, |out| {
            let _ = write!(out, "{seconds:>width$}.{rest:02}");
        });
    }

    /// `null` in JSON, a text else.
    pub fn null(&mut self, key: &str, text: &str) {
        if self.format.json {
            self.name(key);
            self.out.push_str("null");
        } else {
            self.out.push_str(text);
        }
    }

    fn around(&mut self, key: &str, before: &str, after: &str, value: impl FnOnce(&mut String)) {
        if self.format.json {
            self.name(key);
            value(&mut self.out);
        } else {
            self.out.push_str(before);
            value(&mut self.out);
            self.out.push_str(after);
        }
    }

    // JSON structure; all of it is silent in text.

    /// Opens an object; the key is empty for a member of an array.
    pub fn open_object(&mut self, key: &str) {
        self.open(key, '{');
    }

    /// Closes an object.
    pub fn close_object(&mut self) {
        self.close('}');
    }

    /// Opens an array; `text` is what stands there in text.
    pub fn open_array(&mut self, key: &str, text: &str) {
        self.text(text);
        self.open(key, '[');
        if self.format.json && self.format.pretty {
            self.out.push(' ');
        }
    }

    /// Closes an array; `text` is what stands there in text.
    pub fn close_array(&mut self, text: &str) {
        self.text(text);
        if self.format.json && self.format.pretty && self.comma {
            self.out.push(' ');
        }
        if self.format.json {
            self.comma = false;
        }
        self.close(']');
    }

    fn open(&mut self, key: &str, bracket: char) {
        if !self.format.json {
            return;
        }
        self.name(key);
        self.out.push(bracket);
        self.depth += 1;
        self.comma = false;
    }

    fn close(&mut self, bracket: char) {
        if !self.format.json {
            return;
        }
        self.depth = self.depth.saturating_sub(1);
        if self.comma {
            self.json_line();
        }
        self.out.push(bracket);
        self.comma = true;
    }

    /// Ends the whole JSON text.
    pub fn finish_json(&mut self) {
        if self.format.json {
            self.out.push('\n');
            self.comma = false;
        }
    }

    fn json_line(&mut self) {
        if self.format.pretty {
            self.out.push('\n');
            for _ in 0..self.depth {
                self.out.push_str("    ");
            }
        }
    }

    /// The comma that is due, and the key if there is one.
    fn name(&mut self, key: &str) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
        if key.is_empty() {
            return;
        }
        self.json_line();
        self.json_text(key);
        self.out.push(':');
        if self.format.pretty {
            self.out.push(' ');
        }
    }

    fn json_text(&mut self, text: &str) {
        self.out.push('"');
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| escape(byte).is_some()) {
            self.out.push_str(&rest[..at]);
            self.out.push_str(escape(rest.as_bytes()[at]).unwrap_or_default());
            // What is escaped is a character of one byte.
            rest = &rest[at + 1..];
        }
        self.out.push_str(rest);
        self.out.push('"');
    }
}

/// What stands in JSON for a byte that cannot stand there itself.
fn escape(byte: u8) -> Option<&'static str> {
    match byte {
        b'\t' => Some("\\t"),
        b'\n' => Some("\\n"),
        b'\r' => Some("\\r"),
        b'\x0c' => Some("\\f"),
        b'\x08' => Some("\\b"),
        b'\\' => Some("\\\\"),
        b'"' => Some("\\\""),
        _ => None,
    }
}

/// Writes a number without the formatting machinery; most of what a listing prints is numbers.
fn push_number(out: &mut String, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or(""));
}

/// A link-layer address as `ip` prints it: two digits a byte, colons between. An IPv4-sized one of a tunnel is not
/// known here; callers that have one print it themselves.
pub fn mac_text(address: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(address.len() * 3);
    for (i, byte) in address.iter().enumerate() {
        if i > 0 {
            text.push(':');
        }
        text.push(HEX[usize::from(byte >> 4)] as char);
        text.push(HEX[usize::from(byte & 15)] as char);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(pretty: bool) -> String {
        let mut s = Sink::new(Format { json: true, pretty, ..Format::default() });
        s.open_array("", "");
        s.open_object("");
        s.uint("ifindex", "", 1, ": ");
        s.open_array("flags", "<");
        s.string("", "", "UP", ",");
        s.string("", "", "LOWER_UP", "");
        s.close_array("> ");
        s.open_object("linkinfo");
        s.close_object();
        s.close_object();
        s.close_array("");
        s.finish_json();
        s.take()
    }

    #[test]
    fn json_is_laid_out_as_the_tool_does() {
        assert_eq!(sample(false), "[{\"ifindex\":1,\"flags\":[\"UP\",\"LOWER_UP\"],\"linkinfo\":{}}]\n");
        let pretty = "[ {\n        \"ifindex\": 1,\n        \"flags\": [ \"UP\",\"LOWER_UP\" ],\n        \"linkinfo\": {}\n    } ]\n";
        assert_eq!(sample(true), pretty);
    }

    #[test]
    fn text_and_json_come_from_one_call() {
        let mut s = Sink::new(Format::default());
        s.uint("mtu", "mtu ", 1500, " ");
        s.hundredths("timer", "timer ", 7, " ");
        s.on_off("hairpin", "hairpin ", true, " ");
        assert_eq!(s.take(), "mtu 1500 timer    0.07 hairpin on ");
    }
}
