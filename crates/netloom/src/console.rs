//! Where a machine's commands print.

use rtnl::errno::Errno;
use std::io::{self, Write};

/// Two streams, standard output and standard error. Writing never fails visibly; who needs to know asks.
pub trait Console {
    /// Writes to standard output.
    fn out(&mut self, text: &str);
    /// Writes to standard error.
    fn err(&mut self, text: &str);
}

/// The program's own two streams.
#[derive(Debug, Default)]
pub struct Terminal {
    closed: bool,
}

impl Terminal {
    /// Whether the reader of standard output has gone.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

impl Console for Terminal {
    fn out(&mut self, text: &str) {
        if !self.closed {
            let mut out = io::stdout().lock();
            self.closed = out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err();
        }
    }

    fn err(&mut self, text: &str) {
        // There is nowhere to report that this failed.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

/// Writes bytes that are no text to the program's own standard output.
///
/// # Errors
/// EPIPE if nobody reads it, EIO if it cannot be written.
pub(crate) fn write_bytes(bytes: &[u8]) -> Result<(), Errno> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Errno::EPIPE,
        _ => Errno::EIO,
    })
}

/// Both streams in one text, in the order of writing.
impl Console for String {
    fn out(&mut self, text: &str) {
        self.push_str(text);
    }

    fn err(&mut self, text: &str) {
        self.push_str(text);
    }
}
