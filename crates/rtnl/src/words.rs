//! Rows → the words people type: one machine that parses `ip … type KIND ARGS` from a kind's table.
//!
//! iproute2 does not accept "any unambiguous prefix". Some words match by prefix, and then the first row that
//! matches in the tool's own order wins; others match only whole. A row carries which. A word's value is a shape
//! ([`Value`]) or, where it is not tabular, a hook. What the tool says of a bad value is part of the row, because
//! users and scripts see it.

use crate::attr::Builder;
use crate::client::Links;
use crate::table::{Row, Table, Wire};

/// Why a command stops, and what it prints as it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// What goes to standard output before that: a few types print their usage there.
    pub output: String,
    /// What goes to standard error, with its newline; may be empty.
    pub error: String,
    /// The exit status: of the command, or of the whole process.
    pub status: i32,
    /// Whether the tool ends here even within a batch (`exit` in the middle of parsing), not only the command.
    pub process: bool,
}

impl Stop {
    /// Ends the process with 255, as most refusals of the grammar do.
    pub fn exit(error: impl Into<String>) -> Stop {
        Stop::exit_with(255, error)
    }

    /// Ends the process with a status.
    pub fn exit_with(status: i32, error: impl Into<String>) -> Stop {
        Stop { output: String::new(), error: error.into(), status, process: true }
    }

    /// Ends the command; a batch goes on if it was forced to.
    pub fn fail(status: i32, error: impl Into<String>) -> Stop {
        Stop { output: String::new(), error: error.into(), status, process: false }
    }

    /// The same with what goes to standard output.
    pub fn with_output(mut self, output: impl Into<String>) -> Stop {
        self.output = output.into();
        self
    }

    /// A value that is not understood.
    pub fn invalid(what: &str, argument: &str) -> Stop {
        Stop::exit(format!("Error: argument \"{argument}\" is wrong: {what}\n"))
    }

    /// A word that came twice.
    pub fn duplicate(word: &str, argument: &str) -> Stop {
        Stop::exit(format!("Error: duplicate \"{word}\": \"{argument}\" is the second value.\n"))
    }

    /// A word that is a second device name, or nothing known.
    pub fn duplicate_or_garbage(word: &str, argument: &str) -> Stop {
        Stop::exit(format!("Error: either \"{word}\" is duplicate, or \"{argument}\" is a garbage.\n"))
    }

    /// A word that must be there.
    pub fn required(word: &str) -> Stop {
        Stop::exit(format!("Error: argument \"{word}\" is required\n"))
    }

    /// A value that is missing at the line's end.
    pub fn incomplete() -> Stop {
        Stop::exit("Command line is not complete. Try option \"help\"\n")
    }
}

/// Whether `typed` is a prefix of `word` (iproute2's `matches`). Nothing typed matches nothing.
pub fn matches(typed: &str, word: &str) -> bool {
    !typed.is_empty() && word.starts_with(typed)
}

/// The words of a command and the place that was reached.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    words: &'a [String],
    at: usize,
    warnings: String,
}

impl<'a> Words<'a> {
    /// All the words, from the first.
    pub fn new(words: &'a [String]) -> Self {
        Words { words, at: 0, warnings: String::new() }
    }

    /// The word that stands here; none at the end.
    pub fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).map(String::as_str)
    }

    /// The word after the one that stands here.
    pub fn peek_next(&self) -> Option<&'a str> {
        self.words.get(self.at + 1).map(String::as_str)
    }

    /// Takes the word that stands here.
    pub fn take(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    /// Takes a value; the grammar's complaint if the line ends here (iproute2's `NEXT_ARG`).
    pub fn value(&mut self) -> Result<&'a str, Stop> {
        self.take().ok_or_else(Stop::incomplete)
    }

    /// Steps back by one word.
    pub fn back(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    /// Says something on standard error although the command goes on. Whoever made these words prints what was
    /// said before the outcome, be it good or bad.
    pub fn warn(&mut self, text: &str) {
        self.warnings.push_str(text);
    }

    /// Takes what was said so far, each line with its newline.
    pub fn take_warnings(&mut self) -> String {
        std::mem::take(&mut self.warnings)
    }

    /// How many words are left.
    pub fn left(&self) -> usize {
        self.words.len() - self.at
    }

    /// The words that are left.
    pub fn rest(&self) -> &'a [String] {
        &self.words[self.at..]
    }
}

/// How a typed word is compared with a row's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// Any prefix will do.
    Prefix,
    /// Only the whole word.
    Whole,
}

/// A hook: reads values from the words behind the one that was recognised and writes attributes.
pub type Hook = fn(&mut Words<'_>, &mut Builder, &mut dyn Links) -> Result<(), Stop>;

/// What stands behind a word.
#[derive(Clone, Copy)]
pub enum Value {
    /// A number as C's `strtoul` reads it in that base (0: decimal, 0x…, 0…), within the wire type.
    /// The text is what the tool says of a bad one; `{}` in it stands for the value.
    Number(u32, &'static str),
    /// `on` or `off`; the text is the word that the complaint names.
    OnOff(&'static str),
    /// One of these words; the text is the complaint.
    Choice(&'static [(&'static str, u64)], &'static str),
    /// One of these words or the beginning of one; the first that matches is taken, and its place in the list is
    /// the value. The text is the word that the complaint names.
    OneOf(&'static str, &'static [&'static str]),
    /// Nothing: the word alone sets this.
    Set(u64),
    /// A text as it is.
    Text,
    /// Not tabular.
    Hook(Hook),
}

/// What people type for an attribute.
#[derive(Clone, Copy)]
pub struct Word {
    /// The word and its other spellings.
    pub words: &'static [&'static str],
    /// How they match.
    pub matching: Matching,
    /// What follows.
    pub value: Value,
}

impl Word {
    /// A word of which any prefix will do.
    pub const fn prefix(words: &'static [&'static str], value: Value) -> Word {
        Word { words, matching: Matching::Prefix, value }
    }

    /// A word that must stand whole.
    pub const fn whole(words: &'static [&'static str], value: Value) -> Word {
        Word { words, matching: Matching::Whole, value }
    }

    fn is(&self, typed: &str) -> bool {
        self.words.iter().any(|word| match self.matching {
            Matching::Prefix => matches(typed, word),
            Matching::Whole => typed == *word,
        })
    }
}

impl Table {
    /// Tries the rows in order on the word that stands here; if one takes it, parses its value and writes its
    /// attribute.
    ///
    /// # Errors
    /// What the tool says of a bad or missing value.
    pub fn parse_word(
        &self,
        words: &mut Words<'_>,
        out: &mut Builder,
        links: &mut dyn Links,
    ) -> Result<bool, Stop> {
        let Some(typed) = words.peek() else { return Ok(false) };
        let Some((row, word)) = self.row_of_word(typed) else { return Ok(false) };
        words.take();
        match word.value {
            Value::Hook(hook) => hook(words, out, links)?,
            Value::Set(value) => row.write(value, out),
            Value::Number(base, complaint) => {
                let text = words.value()?;
                let value = number(text, base, row.largest()).ok_or_else(|| complain(complaint, text))?;
                row.write(value, out);
            }
            Value::OnOff(name) => {
                let value = on_off(name, words.value()?)?;
                row.write(u64::from(value), out);
            }
            Value::Choice(choices, complaint) => {
                let text = words.value()?;
                let choice = choices.iter().find(|(name, _)| *name == text);
                row.write(choice.ok_or_else(|| complain(complaint, text))?.1, out);
            }
            Value::OneOf(name, list) => row.write(one_of(name, list, words.value()?)? as u64, out),
            Value::Text => out.string(row.number, words.value()?.as_bytes()),
        }
        Ok(true)
    }

    /// The row that takes what was typed: the words that go first, then the rows in order.
    pub fn row_of_word(&self, typed: &str) -> Option<(&'static Row, Word)> {
        let takes = |row: &'static Row| row.word.filter(|word| word.is(typed)).map(|word| (row, word));
        let named = |name: &&str| {
            self.rows.iter().find(|row| row.word.is_some_and(|w| w.words.contains(name))).and_then(takes)
        };
        self.first_words.iter().find_map(named).or_else(|| self.rows.iter().find_map(takes))
    }
}

/// Parses the rest of the line from a kind's rows: what every kind does whose grammar is its table.
///
/// # Errors
/// The complaint of a row; the kind's help for `help`; and the help behind a complaint for a word that no row takes.
pub fn parse_rows(
    kind: &crate::kind::Kind,
    words: &mut Words<'_>,
    out: &mut Builder,
    links: &mut dyn Links,
) -> Result<(), Stop> {
    while let Some(typed) = words.peek() {
        if !kind.table.parse_word(words, out, links)? {
            return Err(kind.not_a_word(typed));
        }
    }
    Ok(())
}

impl crate::kind::Kind {
    /// What most kinds say of a word that they do not know; `help` is no complaint.
    pub fn not_a_word(&self, typed: &str) -> Stop {
        self.unknown("command", typed)
    }

    /// What the tool says of a word that the kind does not know, and what it calls such a word; `help` is no
    /// complaint.
    pub fn unknown(&self, what: &str, typed: &str) -> Stop {
        if matches(typed, "help") {
            return Stop::fail(1, self.help.unwrap_or(""));
        }
        self.usage(&format!("unknown {what} \"{typed}\"?"))
    }

    /// A complaint in the kind's name, with the help behind it.
    pub fn usage(&self, complaint: &str) -> Stop {
        Stop::fail(1, format!("{}: {complaint}\n{}", self.name, self.help.unwrap_or("")))
    }
}

fn complain(complaint: &str, text: &str) -> Stop {
    Stop::invalid(&complaint.replace("{}", text), text)
}

impl Row {
    /// The largest value that the wire type holds.
    fn largest(&self) -> u64 {
        match self.wire {
            Wire::U8 => u64::from(u8::MAX),
            Wire::U16 | Wire::U16Be => u64::from(u16::MAX),
            Wire::U64 => u64::MAX,
            _ => u64::from(u32::MAX),
        }
    }

    /// Writes a number in the row's shape.
    pub fn write(&self, value: u64, out: &mut Builder) {
        match self.wire {
            Wire::U8 => out.u8(self.number, value as u8),
            Wire::U16 => out.u16(self.number, value as u16),
            Wire::U16Be => out.u16_be(self.number, value as u16),
            Wire::U64 => out.u64(self.number, value),
            Wire::Flag => out.put(self.number, &[]),
            _ => out.u32(self.number, value as u32),
        }
    }
}

/// Reads `on` or `off` (iproute2's `parse_on_off`).
///
/// # Errors
/// The tool's complaint, which names the word.
pub fn on_off(name: &str, text: &str) -> Result<bool, Stop> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Stop::exit(format!(
            "Error: argument of \"{name}\" must be \"on\" or \"off\", not \"{text}\"\n"
        ))),
    }
}

/// The values of a switch, for [`Value::OneOf`].
pub const OFF_ON: &[&str] = &["off", "on"];

/// Reads one of the words or the beginning of one (iproute2's `parse_one_of`): the place of the first that matches.
///
/// # Errors
/// The tool's complaint, which names the word; the command ends, a batch may go on.
pub fn one_of(name: &str, list: &[&str], text: &str) -> Result<usize, Stop> {
    list.iter().position(|word| matches(text, word)).ok_or_else(|| {
        let known: String = list.iter().map(|word| format!("\"{word}\", ")).collect();
        Stop::fail(1, format!("Error: argument of \"{name}\" must be one of {known}not \"{text}\"\n"))
    })
}

/// Reads a number as C's `strtoul` does and iproute2's `get_u32` and its sisters take it: white space and a sign
/// may stand before it, the whole text must be used, and it must not be larger than `largest`. A minus wraps
/// around in 64 bits, as in C.
pub fn number(text: &str, base: u32, largest: u64) -> Option<u64> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (base, digits) = match (base, hex) {
        (0 | 16, Some(rest)) if !rest.is_empty() => (16, rest),
        (0, _) if digits.starts_with('0') => (8, digits),
        (0, _) => (10, digits),
        _ => (base, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|b| (b as char).is_digit(base)) {
        return None;
    }
    let value = u64::from_str_radix(digits, base).ok()?;
    let value = if negative { value.wrapping_neg() } else { value };
    (value <= largest).then_some(value)
}

/// Reads a signed number as C's `strtol` does and iproute2's `get_integer` takes it, within 32 bits.
pub fn integer(text: &str, base: u32) -> Option<i32> {
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let value = match trimmed.strip_prefix('-') {
        Some(rest) if !rest.starts_with(['-', '+']) => {
            -i64::try_from(number(rest, base, u64::from(u32::MAX))?).ok()?
        }
        Some(_) => return None,
        None => i64::try_from(number(trimmed, base, u64::from(u32::MAX))?).ok()?,
    };
    i32::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_c() {
        assert_eq!(number("010", 0, 100), Some(8));
        assert_eq!(number("0x1F", 0, 100), Some(31));
        assert_eq!(number("0x1F", 16, 100), Some(31));
        assert_eq!(number("0", 0, 100), Some(0));
        assert_eq!(number("08", 0, 100), None);
        assert_eq!(number(" +7", 10, 100), Some(7));
        assert_eq!(number("-1", 0, u64::from(u32::MAX)), None);
        assert_eq!(number("", 0, 100), None);
        assert_eq!(number("101", 0, 100), None);
        assert_eq!(number("99999999999999999999999", 0, u64::MAX), None);
        assert_eq!(integer("-1", 0), Some(-1));
        assert_eq!(integer("4294967295", 0), None);
    }

    #[test]
    fn prefixes_match_only_where_they_may() {
        assert!(matches("ad", "add"));
        assert!(!matches("", "add"));
        assert!(!matches("adds", "add"));
    }
}
