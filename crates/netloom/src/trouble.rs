//! What stops the program from reading or running a file: one form of message for all of it.

use std::fmt;
use std::io;

/// Something wrong with a file or with a line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The file as it was named; `-` is standard input.
    pub file: String,
    /// The line, counted from 1; none if it is about the file as a whole.
    pub line: Option<u64>,
    /// What is wrong and what to do.
    pub what: String,
}

impl Trouble {
    /// Trouble with a file as a whole.
    pub fn file(file: &str, what: impl Into<String>) -> Self {
        Trouble { file: file.into(), line: None, what: what.into() }
    }

    /// Trouble with a line.
    pub fn line(file: &str, line: u64, what: impl Into<String>) -> Self {
        Trouble { file: file.into(), line: Some(line), what: what.into() }
    }

    /// What the system says of a file.
    pub fn io(file: &str, error: &io::Error) -> Self {
        let what = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_string(),
            io::ErrorKind::PermissionDenied => "it may not be read (permission denied)".to_string(),
            io::ErrorKind::IsADirectory => DIRECTORY.to_string(),
            _ => format!("it cannot be read: {error}"),
        };
        Trouble::file(file, what)
    }
}

/// A directory where a file is wanted.
pub const DIRECTORY: &str = "it is a directory; name the files in it";

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.file == "-" { "standard input" } else { &self.file };
        match self.line {
            Some(line) => write!(f, "{name}:{line}: {}", self.what),
            None => write!(f, "{name}: {}", self.what),
        }
    }
}

impl std::error::Error for Trouble {}
