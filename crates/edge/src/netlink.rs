//! The channel to Linux: a socket of AF_NETLINK, NETLINK_ROUTE.
//!
//! A datagram to the kernel is carried out before `send` returns, and its answers then lie in the socket; of a dump
//! each `receive` makes the next part. A conversation therefore never waits long, and a plain blocking socket does.
//! A channel that joined a group is a monitor's: it does not block, and [`wait`] waits for several of them.
//!
//! The options are those that today's tools set: strict checking of dumps' filters (an older kernel that lacks it
//! filters less, which commands must expect anyway) and extended acknowledgements. The receive buffer is as large
//! as what a socket may queue, so nothing is ever cut. A long dump is received ahead (`ahead.rs`).
//!
//! Left out: other netlink families, and rings mapped into memory.

use crate::ahead::{Ahead, Asked};
use crate::inbox::{Inbox, LARGEST};
use nix::errno::Errno as Os;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, sendto, setsockopt, socket,
    sockopt,
};
use rtnl::client::Channel;
use rtnl::errno::Errno;
use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::{Rc, Weak};

/// What we may have on the way to the kernel.
const SEND: usize = 32 << 10;
/// The option that has messages of other namespaces come in, and the type of what tells the namespace of one.
pub(crate) const NETLINK_LISTEN_ALL_NSID: libc::c_int = 8;
/// The option that has requests for dumps checked, and their filters heeded.
const NETLINK_GET_STRICT_CHK: libc::c_int = 12;

/// The number of an error of the system.
pub(crate) fn errno(os: Os) -> Errno {
    u16::try_from(os as i32).map_or(Errno::EIO, Errno)
}

/// Calls again as long as a signal interrupts the call.
pub(crate) fn unbroken<T>(mut call: impl FnMut() -> nix::Result<T>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Os::EINTR) => {}
            result => return result.map_err(errno),
        }
    }
}

#[derive(Debug)]
struct Socket {
    fd: OwnedFd,
    /// Whether it joined a group.
    listens: Cell<bool>,
}

impl Socket {
    /// Sets an option of netlink sockets, all of which are integers.
    fn set(&self, option: libc::c_int, value: libc::c_int) -> Result<(), Errno> {
        let length = size_of_val(&value) as libc::socklen_t;
        // Safety: the pointer and the length are those of `value`, which lives through the call; the kernel only
        // reads it.
        let result = unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_NETLINK,
                option,
                (&raw const value).cast(),
                length,
            )
        };
        Os::result(result).map(drop).map_err(errno)
    }
}

/// A channel to Linux, in the network namespace in which it was opened.
#[derive(Debug)]
pub struct Netlink {
    socket: Rc<Socket>,
    inbox: Inbox,
    /// The dump that was asked for last, and what receives it ahead.
    dump: Option<Asked>,
    ahead: Option<Ahead>,
}

/// What [`wait`] needs of a channel that someone else owns; it does not keep the channel open.
#[derive(Debug, Clone)]
pub struct Watch(Weak<Socket>);

impl Watch {
    /// Whether the channel is still open.
    pub fn is_open(&self) -> bool {
        self.0.strong_count() != 0
    }
}

impl Netlink {
    /// Opens a channel in the network namespace of the calling thread.
    ///
    /// # Errors
    /// What the system says.
    pub fn open() -> Result<Netlink, Errno> {
        let kind = (SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute);
        let fd = socket(AddressFamily::Netlink, kind.0, kind.1, kind.2).map_err(errno)?;
        let socket = Socket { fd, listens: Cell::new(false) };
        setsockopt(&socket.fd, sockopt::SndBuf, &SEND).map_err(errno)?;
        setsockopt(&socket.fd, sockopt::RcvBuf, &LARGEST).map_err(errno)?;
        // Kernels before 4.12 and 4.20 do not know these; then refusals say less and dumps are not filtered.
        let _ = socket.set(libc::NETLINK_EXT_ACK, 1);
        let _ = socket.set(NETLINK_GET_STRICT_CHK, 1);
        bind(socket.fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).map_err(errno)?;
        Ok(Netlink { socket: Rc::new(socket), inbox: Inbox::new(), dump: None, ahead: None })
    }

    /// What [`wait`] needs to watch this channel.
    pub fn watch(&self) -> Watch {
        Watch(Rc::downgrade(&self.socket))
    }
}

impl Channel for Netlink {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        let kernel = NetlinkAddr::new(0, 0);
        self.dump = Asked::by(datagram);
        let sent = unbroken(|| sendto(self.socket.fd.as_raw_fd(), datagram, &kernel, MsgFlags::empty()))?;
        if sent == datagram.len() { Ok(()) } else { Err(Errno::EMSGSIZE) }
    }

    fn receive(&mut self, datagram: &mut Vec<u8>) -> Result<(), Errno> {
        if let Some(part) = self.ahead.as_ref().and_then(|ahead| ahead.next(datagram)) {
            return part;
        }
        self.ahead = None;
        let listens = self.socket.listens.get();
        let flags = if listens { MsgFlags::MSG_DONTWAIT } else { MsgFlags::empty() };
        self.inbox.receive(self.socket.fd.as_raw_fd(), flags, datagram)?;
        if let Some(dump) = self.dump.as_mut().filter(|_| !listens) {
            if dump.is_long_after(datagram) {
                self.ahead = self.socket.fd.try_clone().ok().and_then(|socket| Ahead::begin(*dump, socket));
            }
        }
        Ok(())
    }

    fn receive_now(&mut self, datagram: &mut Vec<u8>) -> Result<(), Errno> {
        self.inbox.receive(self.socket.fd.as_raw_fd(), MsgFlags::MSG_DONTWAIT, datagram)
    }

    fn join(&mut self, group: u32) -> Result<(), Errno> {
        let group = libc::c_int::try_from(group).map_err(|_| Errno::EINVAL)?;
        self.socket.set(libc::NETLINK_ADD_MEMBERSHIP, group)?;
        self.socket.listens.set(true);
        Ok(())
    }

    fn listen_all(&mut self) -> Result<(), Errno> {
        self.socket.set(NETLINK_LISTEN_ALL_NSID, 1)?;
        self.inbox.hear_all();
        Ok(())
    }

    fn set_room(&mut self, bytes: u32) -> Result<(), Errno> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        setsockopt(&self.socket.fd, sockopt::RcvBuf, &bytes).map_err(errno)
    }

    fn sender(&self) -> Option<i32> {
        self.inbox.sender
    }
}

/// Waits until something lies in one of the channels that joined a group. Says whether any is open: without one
/// nothing can come.
pub fn wait(watches: &[Watch]) -> bool {
    let sockets: Vec<Rc<Socket>> =
        watches.iter().filter_map(|watch| watch.0.upgrade()).filter(|socket| socket.listens.get()).collect();
    let mut fds: Vec<PollFd<'_>> =
        sockets.iter().map(|socket| PollFd::new(socket.fd.as_fd(), PollFlags::POLLIN)).collect();
    !fds.is_empty() && unbroken(|| poll(&mut fds, PollTimeout::NONE)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtnl::attr::Builder;
    use rtnl::client::Client;
    use rtnl::message::Messages;

    const RTM_NEWLINK: u16 = 16;
    const RTM_GETLINK: u16 = 18;

    #[test]
    fn a_dump_of_links_names_lo() {
        let mut channel = Netlink::open().unwrap();
        let mut names = Vec::new();
        let dump = Client::new(&mut channel).dump(RTM_GETLINK, &[0; 16]).unwrap();
        for message in dump.parts.iter().flat_map(|part| Messages(part)) {
            assert_eq!(message.header.kind, RTM_NEWLINK);
            names.extend(message.attrs(16).find(3).map(|name| name.text().into_owned()));
        }
        assert!(names.iter().any(|name| name == "lo"), "{names:?}");
    }

    /// The body of a request for a bridge.
    fn bridge(name: &str) -> Vec<u8> {
        let mut body = Builder::onto(vec![0; 16]);
        body.string(3, name.as_bytes());
        let info = body.nest(18);
        body.put(1, b"bridge");
        body.end(info);
        body.bytes
    }

    #[test]
    fn a_long_dump_comes_whole_and_can_be_left() {
        const LINKS: usize = 200;
        let there = || {
            let ready = crate::netns::isolate().and_then(|()| Netlink::open());
            let mut channel = match ready {
                Ok(channel) => channel,
                Err(why) => return crate::system::write_err(&format!("skipped: no namespace here: {why}\n")),
            };
            for at in 0..LINKS {
                let made = Client::new(&mut channel).talk(RTM_NEWLINK, 0x600, &bridge(&format!("br{at}")));
                if let Err(why) = made {
                    return crate::system::write_err(&format!("skipped: no bridge here: {why:?}\n"));
                }
            }
            for _ in 0..3 {
                let dump = Client::new(&mut channel).dump(RTM_GETLINK, &[0; 16]).unwrap();
                let links = dump.parts.iter().flat_map(|part| Messages(part)).count();
                assert!(links > LINKS && dump.parts.len() > 3, "{links} links in {}", dump.parts.len());
            }
            let mut client = Client::new(&mut channel);
            let (mut dumping, mut part) = (client.begin_dump(RTM_GETLINK, &[0; 16]).unwrap(), Vec::new());
            for _ in 0..4 {
                assert_eq!(client.next_part(&mut dumping, &mut part), Ok(true));
            }
        };
        std::thread::spawn(there).join().unwrap();
    }

    #[test]
    fn a_refusal_has_the_kernels_number() {
        let mut channel = Netlink::open().unwrap();
        let mut body = [0; 16];
        body[4..8].copy_from_slice(&0x7fff_fffe_u32.to_ne_bytes());
        let refusal = Client::new(&mut channel).ask(RTM_GETLINK, 0, &body).unwrap_err();
        assert_eq!(refusal.errno, Errno::ENODEV);
    }

    #[test]
    fn a_monitor_does_not_block_and_is_not_waited_for_once_closed() {
        let mut channel = Netlink::open().unwrap();
        let watch = channel.watch();
        assert!(!wait(std::slice::from_ref(&watch)), "it joined no group");
        channel.join(1).unwrap();
        let mut datagram = vec![1];
        // Other tests may change links meanwhile, so that a message is possible too.
        while let Ok(()) = channel.receive(&mut datagram) {}
        assert_eq!(channel.receive(&mut datagram), Err(Errno::EAGAIN));
        assert!(datagram.is_empty() && watch.is_open());
        drop(channel);
        assert!(!watch.is_open() && !wait(&[watch]));
    }
}
