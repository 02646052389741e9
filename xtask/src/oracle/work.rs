//! A folder for one piece of work, gone when the work is done.

use crate::failure::{Context, Failure, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A temporary folder that is removed when dropped.
pub(crate) struct WorkDir {
    path: PathBuf,
}

impl WorkDir {
    /// Makes a folder that the real kernel sees under the same path.
    pub(crate) fn new() -> Result<WorkDir> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let base = std::path::absolute(std::env::temp_dir()).context("no folder for temporary files")?;
        // Inside the real kernel file systems of its own lie over these.
        if ["/run", "/mnt", "/proc", "/sys"].iter().any(|hidden| base.starts_with(hidden)) {
            return Err(Failure::work(format!("TMPDIR must not be under {}", base.display())));
        }
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("netloom-oracle-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).at("create", &path)?;
        Ok(WorkDir { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // Nothing depends on it being gone: a leftover in the temporary folder is all that can happen.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
