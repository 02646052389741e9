//! `netloom verify`: transcripts replayed, each on a fresh machine, and compared.

use crate::difference::difference;
use crate::exceptions::Exceptions;
use crate::masks::comparable;
use crate::run::{RunOptions, run};
use crate::source::{Form, Source};
use crate::trouble::Trouble;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// The largest transcript that is read.
const FILE_MAX: u64 = 1 << 28;
/// The stack of a thread that replays, as large as a program's first one.
const STACK: usize = 8 << 20;

/// What came of one transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The replay printed the same.
    Equal,
    /// It did not: how.
    Differs(String),
    /// It did not, and was expected not to: why.
    ExpectedToDiffer(String),
    /// It did, but was expected not to: why.
    NoLongerDiffers(String),
    /// The file could not be read or run.
    Unreadable(Trouble),
}

/// Replays a transcript and gives what the replay printed.
///
/// # Errors
/// What [`run`] says of the file.
pub fn replay(name: &str, transcript: &str, seed: u64) -> Result<String, Trouble> {
    let options = RunOptions { seed, form: Some(Form::Notes), ..RunOptions::default() };
    let mut source = Source::new(name, Cursor::new(transcript.as_bytes().to_vec()), options.form)?;
    let mut out = Vec::new();
    run(&mut source, &mut out, &options)?;
    String::from_utf8(out).map_err(|_| Trouble::file(name, "the replay printed what is not text"))
}

/// Replays one transcript and compares; of a difference at most `most` lines are told.
pub fn verify(path: &Path, exceptions: &Exceptions, seed: u64, most: usize) -> Verdict {
    let name = path.display().to_string();
    let want = match read(path, &name) {
        Ok(want) => want,
        Err(trouble) => return Verdict::Unreadable(trouble),
    };
    let got = catch_unwind(AssertUnwindSafe(|| replay(&name, &want, seed)));
    let how = match got {
        Ok(Ok(got)) if got == want => String::new(),
        Ok(Ok(got)) => difference(&comparable(&want), &comparable(&got), most),
        Ok(Err(trouble)) => return Verdict::Unreadable(trouble),
        Err(_) => "  the replay ended in a panic: a fault of netloom, please report it\n".into(),
    };
    match (exceptions.reason(path), how.is_empty()) {
        (None, true) => Verdict::Equal,
        (None, false) => Verdict::Differs(how),
        (Some(reason), true) => Verdict::NoLongerDiffers(reason.into()),
        (Some(reason), false) => Verdict::ExpectedToDiffer(reason.into()),
    }
}

fn read(path: &Path, name: &str) -> Result<String, Trouble> {
    let trouble = |e: io::Error| match e.kind() {
        io::ErrorKind::InvalidData => Trouble::file(name, "this is not text (it is not valid UTF-8)"),
        _ => Trouble::io(name, &e),
    };
    let mut text = String::new();
    let input: Box<dyn Read> = match name {
        "-" => Box::new(io::stdin()),
        _ => Box::new(std::fs::File::open(path).map_err(trouble)?),
    };
    input.take(FILE_MAX + 1).read_to_string(&mut text).map_err(trouble)?;
    if text.len() as u64 > FILE_MAX {
        return Err(Trouble::file(name, "it is larger than 256 MiB; is this a transcript?"));
    }
    if !text.lines().any(|line| line.starts_with("# ")) {
        return Err(Trouble::file(name, "this is not a transcript (no line begins with `# `)"));
    }
    Ok(text)
}

/// The transcripts that the arguments name.
///
/// # Errors
/// What [`files_of`] says.
pub fn transcripts(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, Trouble> {
    files_of(arguments, "txt")
}

/// The files that the arguments name: files as they are, and of a directory every one of that extension in it, sorted.
///
/// # Errors
/// A directory that cannot be read or holds none.
pub fn files_of(arguments: &[PathBuf], extension: &str) -> Result<Vec<PathBuf>, Trouble> {
    let mut files = Vec::new();
    for argument in arguments {
        if !argument.is_dir() {
            files.push(argument.clone());
            continue;
        }
        let name = argument.display().to_string();
        let before = files.len();
        for entry in std::fs::read_dir(argument).map_err(|e| Trouble::io(&name, &e))? {
            let path = entry.map_err(|e| Trouble::io(&name, &e))?.path();
            if path.extension().is_some_and(|found| found == extension) {
                files.push(path);
            }
        }
        if files.len() == before {
            let what = format!("there is no file named *.{extension} in this directory");
            return Err(Trouble::file(&name, what));
        }
        files[before..].sort();
    }
    Ok(files)
}

/// Verifies many transcripts on all processors and hands each verdict to `each`, in the order of the files, until
/// that says to stop.
pub fn verify_all(
    files: &[PathBuf],
    judge: impl Fn(&Path) -> Verdict + Sync,
    mut each: impl FnMut(&Path, Verdict) -> bool,
) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
    if threads <= 1 {
        for file in files {
            if !each(file, judge(file)) {
                return;
            }
        }
        return;
    }
    let taken = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let send = send.clone();
            let work = || work(files, &taken, &judge, send);
            // A thread that cannot be had is work for the others; without any, this thread does it.
            let _ = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        }
        drop(send);
        let mut early = BTreeMap::new();
        for (at, file) in files.iter().enumerate() {
            while !early.contains_key(&at) {
                match receive.recv() {
                    Ok((number, verdict)) => early.insert(number, verdict),
                    Err(_) => early.insert(at, judge(file)),
                };
            }
            if !early.remove(&at).is_some_and(|verdict| each(file, verdict)) {
                taken.store(files.len(), Ordering::Relaxed);
                return;
            }
        }
    });
}

fn work(
    files: &[PathBuf],
    taken: &AtomicUsize,
    judge: &impl Fn(&Path) -> Verdict,
    send: mpsc::Sender<(usize, Verdict)>,
) {
    loop {
        let at = taken.fetch_add(1, Ordering::Relaxed);
        let Some(file) = files.get(at) else { return };
        if send.send((at, judge(file))).is_err() {
            return;
        }
    }
}
