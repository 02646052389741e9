//! `nc` with somebody at the other end: what is read goes there, what comes from there is printed.

use super::line::Line;
use super::options::Options;
use kernel::{Instant, Kernel};

/// Bytes that are printed at one look at most.
const SHARE: usize = 1 << 20;
const SECOND: u64 = 1_000_000;

/// A conversation.
pub(super) struct Talk {
    pub line: Line,
    /// When something moved last.
    last: u64,
    /// Whether no more is read, and none of it is left.
    out_is_over: bool,
    /// Whether no more comes.
    in_is_over: bool,
    /// Whether nothing more can be sent.
    broken: bool,
    received: u64,
    quit_at: Option<u64>,
}

impl Talk {
    /// Begins one in which so many pieces have come already.
    pub(super) fn new(line: Line, now: Instant, received: u64) -> Talk {
        Talk {
            line,
            last: now.0,
            out_is_over: false,
            in_is_over: false,
            broken: false,
            received,
            quit_at: None,
        }
    }

    /// When it looks again though nothing comes.
    pub(super) fn due(&self, options: &Options) -> Option<u64> {
        let idle = options.timeout.map(|seconds| self.last.saturating_add(seconds * SECOND));
        idle.into_iter().chain(self.quit_at).min()
    }

    /// Goes on as far as it can; what comes goes to `came`, what is sent is taken from `input`. Gives whether it is
    /// over, and whether anything moved.
    pub(super) fn step(
        &mut self,
        kernel: &mut Kernel,
        now: Instant,
        options: &Options,
        input: &mut Vec<u8>,
        came: &mut Vec<u8>,
    ) -> (bool, bool) {
        let mut moved = self.send(kernel, now, options, input);
        while !self.in_is_over && came.len() < SHARE {
            match self.line.receive(kernel, now) {
                Ok(None) => break,
                Ok(Some(bytes)) if bytes.is_empty() => self.in_is_over = true,
                Ok(Some(bytes)) => {
                    came.extend_from_slice(&bytes);
                    self.received += 1;
                    self.in_is_over |= self.received == options.receive_limit;
                }
                Err(_) => self.in_is_over = true,
            }
            moved = true;
        }
        // One that reads nothing looks at its way out only when something has come.
        if !self.out_is_over && input.is_empty() && (moved || !options.detached) {
            self.end_of_input(kernel, now, options);
            moved = true;
        }
        if moved {
            self.last = now.0;
        }
        let silent = self.due(options).is_some_and(|due| due <= now.0);
        let done = self.in_is_over && (options.listen && input.is_empty() || self.out_is_over || self.broken);
        (done || silent, moved)
    }

    fn send(&mut self, kernel: &mut Kernel, now: Instant, options: &Options, input: &mut Vec<u8>) -> bool {
        if options.detached {
            input.clear();
        }
        let mut moved = false;
        while !input.is_empty() && !self.broken {
            match self.line.send(kernel, now, input) {
                Ok(0) => break,
                Ok(count) => drop(input.drain(..count)),
                Err(_) => {
                    self.broken = true;
                    input.clear();
                }
            }
            moved = true;
        }
        moved
    }

    /// Nothing more is read: the way out is closed, if that is wanted, or the time runs in which it ends.
    fn end_of_input(&mut self, kernel: &mut Kernel, now: Instant, options: &Options) {
        self.out_is_over = true;
        if options.shut && !self.broken {
            self.line.shut(kernel, now);
        }
        self.quit_at = options.quit.map(|seconds| now.0.saturating_add(seconds * SECOND));
    }
}
