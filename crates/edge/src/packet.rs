//! Frames of Linux's own links: a socket of AF_PACKET on one link, which sends frames as they are, in batches.
//!
//! A frame leaves past the queueing discipline, as a driver would take it, so that what is measured is the data plane.
//!
//! Left out: receiving. Who counts frames reads the counters of the link at the far end.

use crate::netlink::errno;
use nix::errno::Errno as Os;
use nix::libc;
use nix::sys::socket::{AddressFamily, MsgFlags, MultiHeaders, SockFlag, SockType, sendmmsg, socket};
use rtnl::errno::Errno;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};

/// Frames that one call to the system carries.
const BATCH: usize = 64;
/// The option that has frames skip the queueing discipline.
const PACKET_QDISC_BYPASS: libc::c_int = 20;

/// A socket that sends frames through one link.
#[derive(Debug)]
pub struct Packets(OwnedFd);

impl Packets {
    /// Opens a socket on the link of that index in the network namespace of the calling thread. It receives nothing.
    ///
    /// # Errors
    /// What the system says: `EPERM` without the right to raw frames, `ENODEV` if there is no such link.
    pub fn open(ifindex: u32) -> Result<Packets, Errno> {
        let fd = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).map_err(errno)?;
        bind(&fd, ifindex, 0)?;
        switch_on(&fd, PACKET_QDISC_BYPASS)?;
        Ok(Packets(fd))
    }

    /// Sends frames in their order; gives how many the link took.
    ///
    /// # Errors
    /// What the system says if not even the first of a batch was taken.
    pub fn send(&self, frames: &[&[u8]]) -> Result<usize, Errno> {
        let mut taken = 0;
        for batch in frames.chunks(BATCH) {
            let slices: Vec<[IoSlice<'_>; 1]> = batch.iter().map(|frame| [IoSlice::new(frame)]).collect();
            let mut headers = MultiHeaders::<()>::preallocate(slices.len(), None);
            let addresses = vec![None; slices.len()];
            let flags = MsgFlags::empty();
            let sent = sendmmsg(self.0.as_raw_fd(), &mut headers, &slices, &addresses, [], flags);
            taken += sent.map_err(errno)?.count();
        }
        Ok(taken)
    }
}

/// Binds a packet socket to a link and a protocol in network order; 0: that which the socket was made for.
pub(crate) fn bind(fd: &OwnedFd, ifindex: u32, protocol: u16) -> Result<(), Errno> {
    // Safety: all zeroes is an address of no link and no protocol.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol;
    address.sll_ifindex = libc::c_int::try_from(ifindex).map_err(|_| Errno::ENODEV)?;
    let length = size_of_val(&address) as libc::socklen_t;
    // Safety: pointer and length are those of `address`, which the kernel only reads during the call.
    let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
    Os::result(result).map(drop).map_err(errno)
}

/// Switches an option of a packet socket on.
pub(crate) fn switch_on(fd: &OwnedFd, option: libc::c_int) -> Result<(), Errno> {
    let on: libc::c_int = 1;
    let length = size_of_val(&on) as libc::socklen_t;
    // Safety: pointer and length are those of `on`, which the kernel only reads during the call.
    let result = unsafe {
        let value = (&raw const on).cast();
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_PACKET, option, value, length)
    };
    Os::result(result).map(drop).map_err(errno)
}
