//! Ports on Linux's links: sockets of AF_PACKET that send whole frames through a link and receive what comes in there,
//! beside Linux's own stack. For many frames in one direction there is [`crate::packet`].
//!
//! A frame that arrived with a VLAN tag is handed over with the tag in its place, although Linux keeps it beside the
//! frame. What the device itself sends is not seen. Left out: rings, filters, and anything but Ethernet.

use crate::netlink::errno;
use crate::packet::{bind, switch_on};
use nix::errno::Errno as Os;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, send, setsockopt, socket,
    sockopt,
};
use rtnl::errno::Errno;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

/// Bytes that may wait for us.
const RECEIVE: usize = 4 << 20;
/// The largest frame that is read.
const FRAME: usize = 65_536 + 64;
/// Options and flags of packet sockets (`linux/if_packet.h`).
const PACKET_AUXDATA: libc::c_int = 8;
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
const TP_STATUS_VLAN_VALID: u32 = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID: u32 = 1 << 6;
/// Bytes of `struct tpacket_auxdata`: three words, and four numbers of two bytes.
const AUXDATA: usize = 20;

/// A port on one device.
#[derive(Debug)]
pub struct Port {
    fd: OwnedFd,
}

impl Port {
    /// A port on a device of the namespace that the calling thread is in. It stays on that device.
    ///
    /// # Errors
    /// ENODEV if there is no such device, EPERM without the right; what the system says.
    pub fn open(device: &str) -> Result<Port, Errno> {
        let index = if_nametoindex(device).map_err(errno)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        // It hears nothing until it is bound, or it would hear all devices.
        let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None).map_err(errno)?;
        setsockopt(&fd, sockopt::RcvBuf, &RECEIVE).map_err(errno)?;
        switch_on(&fd, PACKET_AUXDATA)?;
        switch_on(&fd, PACKET_IGNORE_OUTGOING)?;
        bind(&fd, index, (libc::ETH_P_ALL as u16).to_be())?;
        Ok(Port { fd })
    }

    /// Sends a frame through the device.
    ///
    /// # Errors
    /// What the system says: ENETDOWN if the device is down, EMSGSIZE if the frame is too large for it.
    pub fn send(&self, frame: &[u8]) -> Result<(), Errno> {
        send(self.fd.as_raw_fd(), frame, MsgFlags::empty()).map(drop).map_err(errno)
    }

    /// The next frame that came in through the device; none if none waits.
    ///
    /// # Errors
    /// What the system says: ENETDOWN once after the device went down.
    pub fn receive(&self) -> Result<Option<Vec<u8>>, Errno> {
        let mut frame = vec![0; FRAME];
        let mut control = nix::cmsg_space!([u8; AUXDATA]);
        let mut parts = [IoSliceMut::new(&mut frame)];
        let got = recvmsg::<()>(self.fd.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT);
        let (length, tag) = match got {
            Err(Os::EAGAIN) => return Ok(None),
            got => {
                let got = got.map_err(errno)?;
                let tag = got.cmsgs().map_err(errno)?.find_map(|message| match message {
                    ControlMessageOwned::Unknown(unknown) => lifted_tag(&unknown.data_bytes),
                    _ => None,
                });
                (got.bytes, tag)
            }
        };
        frame.truncate(length);
        if let (Some(tag), true) = (tag, frame.len() >= 12) {
            frame.splice(12..12, tag);
        }
        Ok(Some(frame))
    }
}

/// The tag that Linux keeps beside a frame: its type and its value.
fn lifted_tag(auxdata: &[u8]) -> Option<[u8; 4]> {
    let auxdata: &[u8; AUXDATA] = auxdata.first_chunk()?;
    let word =
        |at: usize| u32::from_ne_bytes([auxdata[at], auxdata[at + 1], auxdata[at + 2], auxdata[at + 3]]);
    let short = |at: usize| u16::from_ne_bytes([auxdata[at], auxdata[at + 1]]);
    let status = word(0);
    if status & TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let kind = if status & TP_STATUS_VLAN_TPID_VALID != 0 { short(18) } else { 0x8100 };
    let [a, b] = kind.to_be_bytes();
    let [c, d] = short(16).to_be_bytes();
    Some([a, b, c, d])
}

/// Waits until a frame waits at one of the ports, or so much time has passed; says whether one does.
///
/// # Errors
/// What the system says.
pub fn wait(ports: &[&Port], time: Duration) -> Result<bool, Errno> {
    let mut fds: Vec<PollFd<'_>> =
        ports.iter().map(|port| PollFd::new(port.fd.as_fd(), PollFlags::POLLIN)).collect();
    // A remainder of less than a millisecond is waited for too, or the caller would turn in circles.
    let millis = u16::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
    match poll(&mut fds, PollTimeout::from(millis)) {
        Err(Os::EINTR) => Ok(false),
        ready => ready.map(|count| count > 0).map_err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auxdata(status: u32, tci: u16, tpid: u16) -> Vec<u8> {
        let mut bytes = status.to_ne_bytes().to_vec();
        bytes.extend([0; 12]);
        bytes.extend(tci.to_ne_bytes());
        bytes.extend(tpid.to_ne_bytes());
        bytes
    }

    #[test]
    fn tags_that_lie_beside_the_frame() {
        assert_eq!(lifted_tag(&auxdata(1, 5, 0x8100)), None);
        assert_eq!(lifted_tag(&auxdata(0x51, 0x200b, 0x88a8)), Some([0x88, 0xa8, 0x20, 0x0b]));
        assert_eq!(lifted_tag(&auxdata(0x11, 0x200b, 0)), Some([0x81, 0, 0x20, 0x0b]));
        assert_eq!(lifted_tag(&[0x51, 0, 0]), None);
    }
}
