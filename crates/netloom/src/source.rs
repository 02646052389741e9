//! Reading files of commands, in either of their two forms, line by line and in bounded memory.
//!
//! *Commands*: every line is a command, `//` begins a note, `nic NAME MAC` puts a NIC in, and `// inject NETNS DEVICE HEX`
//! a frame. *Notes* (and transcripts,
//! which are notes): only the lines behind `# ` are commands, `//` begins a note, all else is what the commands once
//! printed. Which of the two a file is shows in its first 64 KiB: if more lines begin with `# ` and a command than
//! with a command alone it is notes, else it is commands, and `# ` is a comment there. (A help text may print a line
//! that begins with a command; commands may be commented out.)

use crate::inject::Inject;
use crate::nic::Nic;
use crate::programs;
use crate::trouble::{DIRECTORY, Trouble};
use std::fs::File;
use std::io::{self, BufRead, Read};

/// The longest line that is read.
pub const LINE_MAX: usize = 1 << 20;
/// How much of a file is looked at to see its form.
const HEAD_MAX: usize = 1 << 16;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Every line is a command.
    Commands,
    /// Only lines behind `# ` are commands.
    Notes,
}

/// What a line of a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A command, without the `# ` in front of it.
    Command(&'a str),
    /// A note or a blank line, to be kept as it stands.
    Note(&'a str),
    /// A NIC to put in.
    Nic(Nic),
    /// A frame to put in.
    Inject(Inject),
    /// What a command of the notes once printed.
    Output,
}

/// A file that is being read.
pub struct Source {
    name: String,
    input: io::BufReader<Box<dyn Read>>,
    /// Whether reading may wait for somebody.
    waits: bool,
    form: Form,
    line: u64,
    buffer: Vec<u8>,
}

impl Source {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// What the system says, or that it is a directory.
    pub fn open(name: &str, form: Option<Form>) -> Result<Source, Trouble> {
        if name == "-" {
            return Source::new(name, io::stdin(), form);
        }
        let file = File::open(name).map_err(|e| Trouble::io(name, &e))?;
        let kind = file.metadata().map_err(|e| Trouble::io(name, &e))?;
        if kind.is_dir() {
            return Err(Trouble::file(name, DIRECTORY));
        }
        Source::new(name, file, form)
    }

    /// Reads from anything; the form is seen if it is not given.
    ///
    /// # Errors
    /// What reading says.
    pub fn new(name: &str, mut input: impl Read + 'static, form: Option<Form>) -> Result<Source, Trouble> {
        let mut head = Vec::new();
        let form = match form {
            Some(form) => form,
            None => read_head(&mut input, &mut head).map_err(|e| Trouble::io(name, &e))?,
        };
        let input: Box<dyn Read> = Box::new(io::Cursor::new(head).chain(input));
        let input = io::BufReader::with_capacity(HEAD_MAX, input);
        Ok(Source { name: name.into(), input, waits: name == "-", form, line: 0, buffer: Vec::new() })
    }

    /// The file's name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's form.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The number of the line that was read last, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Whether reading the next line may wait for somebody who writes it, so that output should be handed on first.
    pub fn may_wait(&self) -> bool {
        self.waits && self.input.buffer().is_empty()
    }

    /// Reads the next line; none at the end.
    ///
    /// # Errors
    /// A line that is too long or is not text; reading cannot go on behind it.
    pub fn read(&mut self) -> Result<Option<Item<'_>>, Trouble> {
        self.buffer.clear();
        let mut input = (&mut self.input).take(LINE_MAX as u64 + 1);
        let read = input.read_until(b'\n', &mut self.buffer);
        let length = read.map_err(|e| Trouble::io(&self.name, &e))?;
        if length == 0 {
            return Ok(None);
        }
        self.line += 1;
        if self.buffer.contains(&0) {
            return Err(
                self.trouble("this is not text (there is a zero byte in it); give a file of commands")
            );
        }
        if length > LINE_MAX {
            return Err(self.trouble("the line is longer than 1 MiB; is this a file of commands?"));
        }
        let Ok(text) = std::str::from_utf8(&self.buffer) else {
            return Err(self.trouble("this is not text (it is not valid UTF-8); give a file of commands"));
        };
        let text = if self.line == 1 { text.trim_start_matches('\u{feff}') } else { text };
        Ok(Some(item(self.form, text.trim_end())))
    }

    fn trouble(&self, what: &str) -> Trouble {
        Trouble::line(&self.name, self.line, what)
    }
}

/// Says what a line is.
fn item(form: Form, line: &str) -> Item<'_> {
    if let Some(note) = line.strip_prefix("//") {
        let note = note.trim_start();
        let nic = note.strip_prefix("nic ").and_then(Nic::from_line).map(Item::Nic);
        let inject = || note.strip_prefix("inject ").and_then(Inject::from_line).map(Item::Inject);
        return nic.or_else(inject).unwrap_or(Item::Note(line));
    }
    match form {
        _ if line.is_empty() => Item::Note(line),
        Form::Commands => match line.strip_prefix("nic ").and_then(Nic::from_line) {
            Some(nic) => Item::Nic(nic),
            None => Item::Command(line),
        },
        Form::Notes => line.strip_prefix("# ").map_or(Item::Output, Item::Command),
    }
}

/// What the lines of a file say about its form.
#[derive(Default)]
struct Votes {
    /// Lines that begin with a command.
    commands: usize,
    /// Lines that begin with `# ` and a command.
    notes: usize,
    /// Lines that begin with `# ` and anything.
    remarks: usize,
}

impl Votes {
    fn count(&mut self, line: &[u8]) {
        let (prompt, line) = line.strip_prefix(b"# ").map_or((false, line), |rest| (true, rest));
        let word = line.split(|b| b.is_ascii_whitespace()).next().unwrap_or(line);
        let word = std::str::from_utf8(word).unwrap_or("");
        self.remarks += usize::from(prompt);
        self.notes += usize::from(prompt && programs::is_known(word));
        self.commands += usize::from(!prompt && (word == "nic" || programs::begins_commands(word)));
    }

    fn form(&self) -> Form {
        let notes = if self.commands == 0 { self.remarks > 0 } else { self.notes > self.commands };
        if notes { Form::Notes } else { Form::Commands }
    }

    /// Whether no later line needs to be seen: notes do not begin with a command.
    fn are_decided(&self) -> bool {
        self.commands > 0 && self.remarks == 0
    }
}

/// Reads until the form is decided; what was read goes to `head`.
fn read_head(input: &mut impl Read, head: &mut Vec<u8>) -> io::Result<Form> {
    let mut seen = 0;
    let mut votes = Votes::default();
    loop {
        while let Some(length) = head[seen..].iter().position(|b| *b == b'\n') {
            votes.count(&head[seen..seen + length]);
            seen += length + 1;
            if votes.are_decided() {
                return Ok(votes.form());
            }
        }
        let room = HEAD_MAX.saturating_sub(head.len()) as u64;
        if room == 0 || input.by_ref().take(room).read_to_some(head)? == 0 {
            votes.count(&head[seen..]);
            return Ok(votes.form());
        }
    }
}

/// One `read`, appended.
trait ReadToSome {
    fn read_to_some(&mut self, to: &mut Vec<u8>) -> io::Result<usize>;
}

impl<R: Read> ReadToSome for R {
    fn read_to_some(&mut self, to: &mut Vec<u8>) -> io::Result<usize> {
        let mut chunk = [0; 8192];
        let length = loop {
            match self.read(&mut chunk) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        to.extend_from_slice(&chunk[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &'static str) -> Form {
        Source::new("x", text.as_bytes(), None).unwrap().form()
    }

    #[test]
    fn sees_the_form() {
        assert_eq!(form(""), Form::Commands);
        assert_eq!(form("ip link"), Form::Commands);
        assert_eq!(form("# a comment\n\nip link\n"), Form::Commands);
        assert_eq!(form("// x\n# ip link\n1: lo\n    bridge x\n"), Form::Notes);
        assert_eq!(form("Some words.\n\n# ip link"), Form::Notes);
        assert_eq!(form("foo\nbar\n"), Form::Commands);
        assert_eq!(form("# ip link help\nUsage:\nip link\n\n# ip link\n"), Form::Notes);
        assert_eq!(form("# ip link add d0 type dummy\nip link\nip link\n"), Form::Commands);
        assert_eq!(form("# no command\nno more\n"), Form::Notes);
    }

    #[test]
    fn tells_lines_apart() {
        let nic = Nic { name: "ens3".into(), mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56] };
        for form in [Form::Commands, Form::Notes] {
            assert_eq!(item(form, "// nic ens3 52:54:00:12:34:56"), Item::Nic(nic.clone()));
            assert_eq!(item(form, "// nic is a word"), Item::Note("// nic is a word"));
            assert_eq!(item(form, ""), Item::Note(""));
        }
        assert_eq!(item(Form::Commands, "nic ens3 52:54:00:12:34:56"), Item::Nic(nic));
        assert_eq!(item(Form::Commands, "# x"), Item::Command("# x"));
        assert_eq!(item(Form::Notes, "# ip link"), Item::Command("ip link"));
        assert_eq!(item(Form::Notes, "ip link"), Item::Output);
    }

    #[test]
    fn refuses_what_is_not_text() {
        for (bytes, line) in [(&b"true\n\0"[..], 2), (b"\xff\xfe", 1), (b"true\ntrue\n\xc3(", 3)] {
            let mut source = Source::new("f", bytes, None).unwrap();
            let trouble = loop {
                match source.read() {
                    Ok(item) => assert!(item.is_some()),
                    Err(trouble) => break trouble,
                }
            };
            assert_eq!(trouble.line, Some(line));
        }
        let mut endless = Source::new("f", io::repeat(b'a'), None).unwrap();
        assert!(endless.read().unwrap_err().to_string().starts_with("f:1: the line is longer"));
    }
}
