//! Receiving from a netlink socket: what the kernel sent, and from which namespace.
//!
//! Messages that another process sent are dropped: only port 0, the kernel, speaks here.

use crate::netlink::{NETLINK_LISTEN_ALL_NSID, unbroken};
use nix::cmsg_space;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, NetlinkAddr, recvmsg};
use rtnl::errno::Errno;
use std::io::IoSliceMut;
use std::os::fd::RawFd;

/// The largest datagram that is read; pages of the buffer are taken only when they are used.
pub(crate) const LARGEST: usize = 1 << 20;

/// Where datagrams come in.
#[derive(Debug)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    /// Room for what comes beside a message; none unless messages of other namespaces come in.
    beside: Vec<u8>,
    /// The identifier of the namespace that the last one came from; none for the socket's own.
    pub(crate) sender: Option<i32>,
}

/// What lies in the buffer.
struct Received {
    length: usize,
    /// Whether it was longer.
    cut: bool,
    /// The port that sent it; the kernel's is 0.
    sender: u32,
}

impl Inbox {
    pub(crate) fn new() -> Inbox {
        Inbox { buffer: vec![0; LARGEST], beside: Vec::new(), sender: None }
    }

    /// Has room for what tells the namespace of a message.
    pub(crate) fn hear_all(&mut self) {
        self.beside = cmsg_space!(libc::c_int);
    }

    /// Receives one datagram of the kernel's into `datagram`.
    ///
    /// # Errors
    /// EMSGSIZE if it is too long; what the system says.
    pub(crate) fn receive(
        &mut self,
        fd: RawFd,
        flags: MsgFlags,
        datagram: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        datagram.clear();
        loop {
            let got = unbroken(|| self.receive_one(fd, flags))?;
            if got.sender != 0 {
                continue;
            }
            if got.cut {
                return Err(Errno::EMSGSIZE);
            }
            datagram.extend_from_slice(&self.buffer[..got.length]);
            return Ok(());
        }
    }

    /// Reads a datagram into the buffer, and the namespace that it comes from.
    fn receive_one(&mut self, fd: RawFd, flags: MsgFlags) -> nix::Result<Received> {
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        let beside = Some(self.beside.as_mut_slice()).filter(|room| !room.is_empty());
        let hears_all = beside.is_some();
        let message = recvmsg::<NetlinkAddr>(fd, &mut slices, beside, flags)?;
        // Nothing is told beside a message of our own namespace.
        let beside = if hears_all { message.cmsgs().ok() } else { None };
        self.sender = beside.and_then(|mut beside| beside.find_map(|told| namespace(&told)));
        let cut = message.flags.contains(MsgFlags::MSG_TRUNC);
        Ok(Received {
            length: message.bytes,
            cut,
            sender: message.address.map_or(0, |address| address.pid()),
        })
    }
}

/// The identifier of a namespace, if this is what is told.
fn namespace(told: &ControlMessageOwned) -> Option<i32> {
    let ControlMessageOwned::Unknown(told) = told else { return None };
    let header = (told.cmsg_header.cmsg_level, told.cmsg_header.cmsg_type);
    let number = told.data_bytes.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes));
    number.filter(|_| header == (libc::SOL_NETLINK, NETLINK_LISTEN_ALL_NSID))
}
