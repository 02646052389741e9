//! Cables between machines: a unix socket that keeps the boundaries of messages (`SOCK_SEQPACKET`), one Ethernet frame a
//! message both ways. It is what the NIC of a user-mode Linux is plugged into (its transport `bess`).
//!
//! We listen and the other machine connects, each time anew when its NIC goes up; whoever connected last has the
//! cable. What is sent while nobody is there is lost, as on a cable whose other end lies on the floor; so is what the
//! other end does not take in time.

use crate::netlink::errno;
use nix::errno::Errno as Os;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, accept4, bind, listen, recv, send, socket,
};
use rtnl::errno::Errno;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// The largest frame that is read.
const FRAME: usize = 65_536 + 64;

/// Our end of a cable.
#[derive(Debug)]
pub struct Cable {
    listener: OwnedFd,
    peer: Option<OwnedFd>,
    frame: Vec<u8>,
}

impl Cable {
    /// Listens at a path. The socket is there when this returns.
    ///
    /// # Errors
    /// What the system says: EADDRINUSE if there is such a file.
    pub fn listen(path: &Path) -> Result<Cable, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let listener = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).map_err(errno)?;
        bind(listener.as_raw_fd(), &UnixAddr::new(path).map_err(errno)?).map_err(errno)?;
        listen(&listener, Backlog::new(8).map_err(errno)?).map_err(errno)?;
        Ok(Cable { listener, peer: None, frame: vec![0; FRAME] })
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: &[u8]) {
        let Some(peer) = &self.peer else { return };
        match send(peer.as_raw_fd(), frame, MsgFlags::MSG_NOSIGNAL) {
            Ok(_) | Err(Os::EAGAIN | Os::EINTR | Os::ENOBUFS | Os::EMSGSIZE) => {}
            Err(_) => self.peer = None,
        }
    }

    /// The next frame that came; none if none waits.
    pub fn receive(&mut self) -> Option<&[u8]> {
        self.take_caller();
        let peer = self.peer.as_ref()?;
        match recv(peer.as_raw_fd(), &mut self.frame, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => {
                self.peer = None;
                None
            }
            Ok(length) => self.frame.get(..length),
            Err(Os::EAGAIN | Os::EINTR) => None,
            Err(_) => {
                self.peer = None;
                None
            }
        }
    }

    /// Lets whoever has connected have the cable.
    fn take_caller(&mut self) {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        while let Ok(fd) = accept4(self.listener.as_raw_fd(), flags) {
            // SAFETY: the system has just made this descriptor for us, and nobody else knows it.
            self.peer = Some(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
}

/// Waits until something comes at one of the cables, or so much time has passed.
///
/// # Errors
/// What the system says.
pub fn wait(cables: &[&Cable], time: Duration) -> Result<(), Errno> {
    let ends = cables.iter().flat_map(|cable| std::iter::once(&cable.listener).chain(&cable.peer));
    let mut fds: Vec<PollFd<'_>> = ends.map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)).collect();
    let millis = u16::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
    match poll(&mut fds, PollTimeout::from(millis)) {
        Ok(_) | Err(Os::EINTR) => Ok(()),
        Err(error) => Err(errno(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::connect;

    #[test]
    fn whoever_connected_last_has_the_cable() {
        let path = std::env::temp_dir().join(format!("netloom-cable-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut cable = Cable::listen(&path).expect("a socket");
        let address = UnixAddr::new(&path).expect("an address");
        let dial = || {
            let far = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
            connect(far.as_raw_fd(), &address).unwrap();
            far
        };
        cable.send(&[1]);
        assert_eq!(cable.receive(), None);
        let first = dial();
        assert_eq!(cable.receive(), None);
        send(first.as_raw_fd(), &[1, 2], MsgFlags::empty()).unwrap();
        send(first.as_raw_fd(), &[3], MsgFlags::empty()).unwrap();
        wait(&[&cable], Duration::from_secs(5)).unwrap();
        assert_eq!(cable.receive(), Some(&[1, 2][..]));
        assert_eq!(cable.receive(), Some(&[3][..]));
        let second = dial();
        assert_eq!(cable.receive(), None);
        cable.send(&[4]);
        let mut frame = [0; 9];
        assert_eq!(recv(second.as_raw_fd(), &mut frame, MsgFlags::MSG_DONTWAIT), Ok(1));
        // A process that another test began meanwhile has a copy of what was open, until it executes its program.
        let mut closed = [PollFd::new(first.as_fd(), PollFlags::POLLIN)];
        poll(&mut closed, PollTimeout::from(5000_u16)).unwrap();
        assert_eq!(recv(first.as_raw_fd(), &mut frame, MsgFlags::MSG_DONTWAIT), Ok(0));
        drop(second);
        assert_eq!(cable.receive(), None);
        let _ = std::fs::remove_file(&path);
    }
}
