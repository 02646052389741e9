//! Writing transcripts: `# ` and the command, what it printed, `[exit N]` where N is not 0, a blank line.
//!
//! The blank lines are those of the recordings: a run of three or more line ends anywhere becomes two, what a
//! command printed loses the line ends behind it, and the whole text has no blank before its first and behind its
//! last character. So blanks are held back until something visible follows; nothing else is held, and a transcript
//! of any length is written in bounded memory.

use crate::console::Console;
use std::io::{self, Write};

/// Writes a transcript.
pub struct Transcript<W: Write> {
    out: W,
    /// Blanks and line ends that were not written yet.
    pending: String,
    /// How many bytes of `pending` were there before the present output; those behind it may be cut off.
    kept: usize,
    /// Whether anything visible was written.
    begun: bool,
    /// Whether the present command has printed something.
    printed: bool,
    trouble: Option<io::Error>,
}

impl<W: Write> Transcript<W> {
    /// A transcript that is written to `out`.
    pub fn new(out: W) -> Self {
        Transcript { out, pending: String::new(), kept: 0, begun: false, printed: false, trouble: None }
    }

    /// A line that is no command: a note or a blank.
    pub fn note(&mut self, line: &str) {
        self.push(line);
        self.push("\n");
    }

    /// Begins a command.
    pub fn command(&mut self, line: &str) {
        self.push("# ");
        self.push(line);
        self.push("\n");
        self.printed = false;
        self.kept = self.pending.len();
    }

    /// Adds to what the command prints.
    pub fn print(&mut self, text: &str) {
        self.printed |= !text.is_empty();
        self.push(text);
    }

    /// Ends a command with its exit status.
    pub fn end(&mut self, status: i32) {
        if self.printed {
            let end = self.pending.trim_end_matches('\n').len().max(self.kept.min(self.pending.len()));
            self.pending.truncate(end);
            self.push("\n");
        }
        if status != 0 {
            self.push(&format!("[exit {status}]\n"));
        }
        self.push("\n");
    }

    /// Ends the transcript and gives back where it was written.
    ///
    /// # Errors
    /// The first trouble that writing met.
    pub fn finish(mut self) -> io::Result<W> {
        if self.begun {
            self.write(b"\n");
        }
        self.flush();
        self.trouble.map_or(Ok(self.out), Err)
    }

    /// Hands on what was written, before something is waited for.
    pub fn flush(&mut self) {
        if self.trouble.is_none() {
            self.trouble = self.out.flush().err();
        }
    }

    /// Whether writing failed; then all further writing is passed over.
    pub fn is_broken(&self) -> bool {
        self.trouble.is_some()
    }

    fn push(&mut self, text: &str) {
        let blank = |c: char| c.is_ascii_whitespace();
        let body = text.trim_start_matches(blank);
        let lead = &text[..text.len() - body.len()];
        self.hold(lead);
        let visible = body.trim_end_matches(blank);
        if visible.is_empty() {
            return;
        }
        self.release();
        self.write_lines(visible);
        self.hold(&body[visible.len()..]);
    }

    fn hold(&mut self, blanks: &str) {
        for c in blanks.chars() {
            // A run of line ends counts as two at most; more need not be held.
            if c != '\n' || !self.pending.ends_with("\n\n") || self.pending.len() <= self.kept {
                self.pending.push(c);
            }
        }
    }

    fn release(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if self.begun {
            self.write_lines(&pending);
        }
        self.begun = true;
        self.kept = 0;
        self.pending = pending;
        self.pending.clear();
    }

    /// Writes text in which runs of line ends are cut to two.
    fn write_lines(&mut self, mut text: &str) {
        while let Some(at) = text.find("\n\n\n") {
            self.write(&text.as_bytes()[..at + 2]);
            text = text[at..].trim_start_matches('\n');
        }
        self.write(text.as_bytes());
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.trouble.is_none() {
            self.trouble = self.out.write_all(bytes).err();
        }
    }
}

impl<W: Write> Console for Transcript<W> {
    fn out(&mut self, text: &str) {
        self.print(text);
    }

    fn err(&mut self, text: &str) {
        self.print(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(build: impl FnOnce(&mut Transcript<Vec<u8>>)) -> String {
        let mut transcript = Transcript::new(Vec::new());
        build(&mut transcript);
        String::from_utf8(transcript.finish().unwrap()).unwrap()
    }

    #[test]
    fn has_the_recordings_form() {
        let text = written(|t| {
            t.note("");
            t.note("// a note");
            t.note("");
            t.note("");
            t.note("");
            t.command("ip link");
            t.print("\nnetns: b\nlo  \n");
            t.print("\n\n\n\nx \n\n");
            t.end(0);
            t.note("");
            t.command("false");
            t.end(1);
            t.command("ip -br link");
            t.print("lo \n");
            t.end(0);
        });
        let want =
            "// a note\n\n# ip link\n\nnetns: b\nlo  \n\nx \n\n# false\n[exit 1]\n\n# ip -br link\nlo\n";
        assert_eq!(text, want);
    }

    #[test]
    fn an_output_of_nothing_but_line_ends_is_one_blank_line() {
        let text = written(|t| {
            t.command("echo");
            t.print("\n");
            t.end(3);
            t.note("// end");
        });
        assert_eq!(text, "# echo\n\n[exit 3]\n\n// end\n");
    }

    #[test]
    fn nothing_stays_nothing() {
        assert_eq!(written(|t| t.note("")), "");
    }
}
