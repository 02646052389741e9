//! `ip -b FILE` and `bridge -b FILE`: commands from a file, one a line.
//!
//! A line is cut at its first `#`, quoted or not; one that ends in a backslash goes on in the next, which is cut the
//! same way. Words are parted by white space; one that begins with a quote ends at the next quote of that kind, and
//! there are no escapes. A command that fails ends the batch unless it was forced; a complaint of the grammar ends
//! the whole process even then. Standard input is read as it comes, so that a program can write a line and wait for what
//! it does.
//!
//! Lines are carried out one by one, each when the one before it has succeeded. Several requests in one datagram would
//! not save the time they promise: the kernel carries out all that a datagram holds even after one of them failed, so
//! that nothing could stop where a batch has to, and a system call is a small part of what a request costs. Measured with
//! pairs of veth: 1,000 requests in as many datagrams, in 63 or in 16 take the same time, because Linux waits twice for
//! all processors to pass a quiet state while it makes a pair. So a forced batch is not grouped either.
//!
//! Limits: bytes that are not UTF-8 are replaced, and a line ends at a zero byte.

use crate::context::Context;
use rtnl::errno::Errno;
use rtnl::words::Stop;

/// The most words of a command, one more than the tool's array holds.
const WORDS_MAX: usize = 511;
const WHITE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Runs the commands of a file, each by `command`.
///
/// # Errors
/// Status 1 if a command failed; whatever ends the process.
pub fn run(
    ctx: &mut Context<'_>,
    name: &str,
    command: impl FnMut(&mut Context<'_>, &[String]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    ctx.host.expect_more();
    let mut lines = Lines::open(ctx, name)?;
    let done = run_lines(ctx, name, &mut lines, command);
    ctx.host.netns_expect(0);
    done
}

fn run_lines(
    ctx: &mut Context<'_>,
    name: &str,
    lines: &mut Lines,
    mut command: impl FnMut(&mut Context<'_>, &[String]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let family = ctx.options.family;
    let mut failed = false;
    while let Some(line) = lines.command(|lines| lines.read_on(ctx)) {
        let Ok(line) = line else {
            ctx.host.err("Missing continuation line\n");
            break;
        };
        let words = words(&line)?;
        if words.is_empty() {
            continue;
        }
        ctx.options.family = family;
        ctx.refusal = None;
        match command(ctx, &words) {
            Err(stop) if stop.process => return Err(stop),
            Err(stop) if stop.status != 0 => {
                ctx.print_stop(&stop);
                ctx.host.err(&format!("Command failed {name}:{}\n", lines.number));
                ctx.explain(&stop, &words);
                failed = true;
                if !ctx.options.force {
                    break;
                }
            }
            Err(stop) => ctx.print_stop(&stop),
            Ok(()) => {}
        }
    }
    if failed { Err(Stop::fail(1, "")) } else { Ok(()) }
}

/// How many lines look as if they made a namespace.
fn names_made(text: &[u8]) -> usize {
    let makes = |line: &&[u8]| {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split(WHITE).filter(|word| !word.is_empty());
        let object = words.next().is_some_and(|word| word.len() > 2 && "netns".starts_with(word));
        object && words.next().is_some_and(|word| "add".starts_with(word))
    };
    text.split(|byte| *byte == b'\n').filter(makes).count()
}

/// The lines of a file and how many were read.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    at: usize,
    number: usize,
    /// Whether more may come: whoever writes standard input may want to see what a line does before the next.
    open: bool,
}

/// The file ends where a line should go on.
#[derive(Debug, PartialEq)]
struct Unfinished;

impl Lines {
    /// Opens a file. All of it is read now, except from standard input if the host can wait for that.
    fn open(ctx: &mut Context<'_>, name: &str) -> Result<Lines, Stop> {
        let mut lines = Lines { open: name == "-", ..Lines::default() };
        if lines.open && lines.read_on(ctx) {
            return Ok(lines);
        }
        lines.open = false;
        lines.text = match ctx.host.read_file(name) {
            Ok(text) => text,
            // A directory can be opened; it only has no lines.
            Err(Errno::EISDIR) => Vec::new(),
            Err(errno) => {
                return Err(Stop::fail(1, format!("Cannot open file \"{name}\" for reading: {errno}\n")));
            }
        };
        ctx.host.netns_expect(names_made(&lines.text));
        Ok(lines)
    }

    /// Waits for more of standard input; `false` if no more comes. What was printed so far is seen before.
    fn read_on(&mut self, ctx: &mut Context<'_>) -> bool {
        ctx.flush();
        let more = ctx.host.read_input().and_then(Result::ok).unwrap_or_default();
        self.text.drain(..self.at);
        self.at = 0;
        ctx.host.netns_expect(names_made(&more));
        self.text.extend_from_slice(&more);
        !more.is_empty()
    }

    /// The next line with those that it goes on in; none at the end of the file. `read_on` waits for more.
    fn command(&mut self, mut read_on: impl FnMut(&mut Lines) -> bool) -> Option<Result<String, Unfinished>> {
        let mut command = self.line(&mut read_on)?;
        // A cut line has lost its newline and so cannot go on; each turn uses a line of the file up.
        while let Some(at) = command.find("\\\n") {
            command.truncate(at);
            match self.line(&mut read_on) {
                Some(more) => command += &more,
                None => return Some(Err(Unfinished)),
            }
        }
        Some(Ok(command))
    }

    fn line(&mut self, read_on: &mut impl FnMut(&mut Lines) -> bool) -> Option<String> {
        let mut searched = 0;
        let length = loop {
            let rest = &self.text[self.at..];
            if let Some(at) = rest[searched..].iter().position(|byte| *byte == b'\n') {
                break searched + at + 1;
            }
            searched = rest.len();
            if !self.open {
                break searched;
            }
            self.open = read_on(self);
        };
        if length == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&self.text[self.at..self.at + length]);
        let end = line.find(['#', '\0']).unwrap_or(line.len());
        let line = line[..end].into();
        self.at += length;
        self.number += 1;
        Some(line)
    }
}

/// Parts a line into words.
fn words(line: &str) -> Result<Vec<String>, Stop> {
    let mut words = Vec::new();
    let mut rest = line.trim_start_matches(WHITE);
    while let Some(first) = rest.chars().next() {
        if words.len() >= WORDS_MAX {
            return Err(Stop::exit_with(1, "Too many arguments to command\n"));
        }
        let (word, behind) = if first == '"' || first == '\'' {
            let inner = &rest[1..];
            inner.split_once(first).ok_or_else(|| Stop::exit_with(1, "Unterminated quoted string\n"))?
        } else {
            rest.split_at(rest.find(WHITE).unwrap_or(rest.len()))
        };
        words.push(word.into());
        rest = behind.trim_start_matches(WHITE);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_part_at_white_space_and_quotes() {
        assert_eq!(words(" link\tshow  'a b'\"c\"d\r\n").unwrap(), ["link", "show", "a b", "c", "d"]);
        assert_eq!(words("no'such'x \"\" a\\b").unwrap(), ["no'such'x", "", "a\\b"]);
        assert_eq!(words("a \"b").unwrap_err().error, "Unterminated quoted string\n");
        assert!(words(" \t\n").unwrap().is_empty());
        assert!(words(&"x ".repeat(512)).is_err());
    }

    #[test]
    fn lines_that_make_namespaces_are_counted() {
        let text = b"netns add a\n  net a b # x\nnetns del a\nlink add a\nne add x\n\nnetns";
        assert_eq!(names_made(text), 2);
    }

    #[test]
    fn lines_go_on_and_are_cut_at_comments() {
        let text = b"a # b \\\nc \\\nd\\\n#e\nf \\\n".to_vec();
        let mut lines = Lines { text, ..Lines::default() };
        let mut next = || (lines.command(|_| false), lines.number);
        assert_eq!(next(), (Some(Ok("a ".into())), 1));
        assert_eq!(next(), (Some(Ok("c d".into())), 4));
        assert_eq!(next(), (Some(Err(Unfinished)), 5));
        assert_eq!(next(), (None, 5));
    }

    #[test]
    fn lines_come_as_they_are_written() {
        let mut chunks = ["ne", "tns\nlink", " \\\nshow", "\nend"].into_iter();
        let mut lines = Lines { open: true, ..Lines::default() };
        let mut read_on = |lines: &mut Lines| {
            let more = chunks.next().unwrap_or_default();
            lines.text.extend_from_slice(more.as_bytes());
            !more.is_empty()
        };
        let all: Vec<_> = std::iter::from_fn(|| lines.command(&mut read_on)).collect();
        assert_eq!(all, [Ok("netns\n".into()), Ok("link show\n".into()), Ok("end".into())]);
    }
}
