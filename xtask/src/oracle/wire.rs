//! The far end of the NIC's cable: takes every frame and answers none.
//!
//! The real kernel's NIC is a unix socket of the kind that keeps message boundaries. It connects each time
//! the NIC is set up, so there must always be somebody who accepts.

use crate::failure::{Context, Result};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Listens at `path` until dropped; then its threads end by themselves within a moment.
pub(crate) struct Wire {
    gone: Arc<AtomicBool>,
}

const PATIENCE: Duration = Duration::from_millis(200);

impl Wire {
    /// Opens the far end. The socket is there when this returns, so a kernel may be booted at once.
    pub(crate) fn listen(path: &Path) -> Result<Wire> {
        let what = format!("cannot listen at {}", path.display());
        let fd =
            socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).context(&what)?;
        bind(fd.as_raw_fd(), &UnixAddr::new(path).context(&what)?).context(&what)?;
        listen(&fd, Backlog::new(8).context(&what)?).context(&what)?;
        // The standard library has no type for such sockets, but accepting and reading are the same calls.
        let listener = UnixListener::from(fd);
        listener.set_nonblocking(true).context(&what)?;
        let gone = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&gone);
        std::thread::spawn(move || accept(&listener, &seen));
        Ok(Wire { gone })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// Takes each connection and reads it empty, one thread a connection.
fn accept(listener: &UnixListener, gone: &Arc<AtomicBool>) {
    while !gone.load(Ordering::Relaxed) {
        let Ok((mut cable, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        let gone = Arc::clone(gone);
        std::thread::spawn(move || {
            let mut frame = vec![0; 65536];
            if cable.set_nonblocking(false).is_err() || cable.set_read_timeout(Some(PATIENCE)).is_err() {
                return;
            }
            loop {
                match cable.read(&mut frame) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(e)
                        if matches!(
                            e.kind(),
                            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                        ) =>
                    {
                        if gone.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                    Err(_) => return,
                }
            }
        });
    }
}
