//! `ip -b FILE` and `bridge -b FILE`: commands from a file, one a line.
//!
//! A line is cut at its first `#`, quoted or not; one that ends in a backslash goes on in the next, which is cut the
//! same way. Words are parted by white space; one that begins with a quote ends at the next quote of that kind, and
//! there are no escapes. A command that fails ends the batch unless it was forced; a complaint of the grammar ends
//! the whole process even then. Limits: bytes that are not UTF-8 are replaced, and a line ends at a zero byte.

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
    mut command: impl FnMut(&mut Context<'_>, &[String]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let text = match ctx.host.read_file(name) {
        Ok(text) => text,
        // A directory can be opened; it only has no lines.
        Err(Errno::EISDIR) => Vec::new(),
        Err(errno) => {
            return Err(Stop::fail(1, format!("Cannot open file \"{name}\" for reading: {errno}\n")));
        }
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let family = ctx.options.family;
    let mut lines = Lines { rest: &text, number: 0 };
    let mut failed = false;
    while let Some(line) = lines.command() {
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

/// The lines of a file and how many were read.
struct Lines<'t> {
    rest: &'t str,
    number: usize,
}

/// The file ends where a line should go on.
#[derive(Debug, PartialEq)]
struct Unfinished;

impl Lines<'_> {
    /// The next line with those that it goes on in; none at the end of the file.
    fn command(&mut self) -> Option<Result<String, Unfinished>> {
        let mut command = self.line()?;
        // A cut line has lost its newline and so cannot go on; each turn uses a line of the file up.
        while let Some(at) = command.find("\\\n") {
            command.truncate(at);
            match self.line() {
                Some(more) => command += &more,
                None => return Some(Err(Unfinished)),
            }
        }
        Some(Ok(command))
    }

    fn line(&mut self) -> Option<String> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.number += 1;
        let end = line.find(['#', '\0']).unwrap_or(line.len());
        Some(line[..end].into())
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
    fn lines_go_on_and_are_cut_at_comments() {
        let mut lines = Lines { rest: "a # b \\\nc \\\nd\\\n#e\nf \\\n", number: 0 };
        assert_eq!(lines.command(), Some(Ok("a ".into())));
        assert_eq!(lines.command(), Some(Ok("c d".into())));
        assert_eq!(lines.number, 4);
        assert_eq!(lines.command(), Some(Err(Unfinished)));
        assert_eq!(lines.command(), None);
    }
}
