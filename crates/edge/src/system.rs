//! Files, the clock and the standard streams, for hosts of the commands.
//!
//! Writing never fails visibly: a reader that closed its end of standard output ends the program, as SIGPIPE ends
//! a program written in C; other failures of a standard stream are ignored because nobody is left to be told.

use rtnl::errno::Errno;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The number of a system error; EIO for an error that has none.
pub fn errno(error: &io::Error) -> Errno {
    let number = error.raw_os_error().and_then(|n| u16::try_from(n).ok());
    number.map_or(Errno::EIO, Errno)
}

/// Reads a whole file; `-` is standard input.
///
/// # Errors
/// What the system says.
pub fn read_file(path: &str) -> Result<Vec<u8>, Errno> {
    if path != "-" {
        return std::fs::read(path).map_err(|e| errno(&e));
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).map_err(|e| errno(&e))?;
    Ok(bytes)
}

/// Looks whether there is a file.
///
/// # Errors
/// What the system says if there is none.
pub fn find_file(path: &str) -> Result<(), Errno> {
    std::fs::metadata(path).map(drop).map_err(|error| errno(&error))
}

/// Waits for some bytes of standard input; none at its end.
///
/// # Errors
/// What the system says.
pub fn read_input() -> Result<Vec<u8>, Errno> {
    let mut input = io::stdin().lock();
    let bytes = loop {
        match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other.map_err(|e| errno(&e))?.to_vec(),
        }
    };
    input.consume(bytes.len());
    Ok(bytes)
}

/// Whether a name leads to a file: as a path if it has a slash in it, else from one of the folders of `PATH`.
pub fn is_in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    name.contains('/') || std::env::split_paths(&path).any(|folder| folder.join(name).exists())
}

/// Writes a file anew.
///
/// # Errors
/// What the system says.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::write(path, bytes)
}

/// Writes to the end of a file that is there.
///
/// # Errors
/// What the system says.
pub fn append_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::OpenOptions::new().append(true).open(path)?.write_all(bytes)
}

/// Makes a directory and those above it, if they are not there.
///
/// # Errors
/// What the system says.
pub fn make_directory(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// The time of day in microseconds since 1970; 0 before that.
pub fn time_of_day() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Writes to standard output, at once. Does not come back if the reader has gone.
pub fn write_out(text: &str) {
    let mut stream = io::stdout().lock();
    let written = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
    if written.is_err_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
        broken_pipe();
    }
}

/// Writes to standard error, at once.
pub fn write_err(text: &str) {
    let mut stream = io::stderr().lock();
    // There is nowhere to report this.
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Ends the program as a closed pipe ends one that does not ignore SIGPIPE (the standard library ignores it).
#[cfg(target_os = "linux")]
fn broken_pipe() -> ! {
    crate::execute::die_by(nix::sys::signal::Signal::SIGPIPE)
}

/// Ends the program with the status that shells show for SIGPIPE.
#[cfg(not(target_os = "linux"))]
fn broken_pipe() -> ! {
    std::process::exit(128 + 13)
}
