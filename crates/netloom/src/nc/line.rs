//! What `nc` speaks over: a connection of TCP, or a socket of UDP and whom it speaks to.

use kernel::{Instant, Kernel, SocketId, TcpId};
use rtnl::errno::Errno;
use std::net::SocketAddr;

/// Bytes that are taken at once.
const PIECE: usize = 16_384;

/// One way to somebody.
pub(super) enum Line {
    Tcp(TcpId),
    /// None: whoever sends something, and nobody is sent to.
    Udp(SocketId, Option<SocketAddr>),
}

impl Line {
    /// Sends bytes; gives how many were taken, none if there is no room now.
    ///
    /// # Errors
    /// Why nothing more can be sent.
    pub(super) fn send(&self, kernel: &mut Kernel, now: Instant, bytes: &[u8]) -> Result<usize, Errno> {
        let sent = match *self {
            Line::Tcp(id) => kernel.tcp_send(now, id, bytes),
            Line::Udp(_, None) => Err(Errno(89)),
            Line::Udp(socket, Some(peer)) => {
                let piece = &bytes[..bytes.len().min(PIECE)];
                match fault(kernel, socket) {
                    Some(errno) => Err(errno),
                    None => kernel.send(now, socket, peer, piece).map(|()| piece.len()),
                }
            }
        };
        match sent {
            Err(Errno::EAGAIN) => Ok(0),
            sent => sent,
        }
    }

    /// Takes what came: none if nothing did, nothing if no more will.
    ///
    /// # Errors
    /// Why nothing more will come.
    pub(super) fn receive(&self, kernel: &mut Kernel, now: Instant) -> Result<Option<Vec<u8>>, Errno> {
        match *self {
            Line::Tcp(id) => {
                let mut buffer = vec![0; PIECE];
                match kernel.tcp_receive(now, id, &mut buffer) {
                    Ok(count) => {
                        buffer.truncate(count);
                        Ok(Some(buffer))
                    }
                    Err(Errno::EAGAIN) => Ok(None),
                    Err(errno) => Err(errno),
                }
            }
            Line::Udp(socket, peer) => loop {
                if let Some(errno) = fault(kernel, socket) {
                    return Err(errno);
                }
                let Some(received) = kernel.receive_from(socket) else { return Ok(None) };
                if peer.is_none_or(|peer| peer == received.from) {
                    return Ok(Some(received.payload));
                }
            },
        }
    }

    /// Says that no more will be sent.
    pub(super) fn shut(&self, kernel: &mut Kernel, now: Instant) {
        if let Line::Tcp(id) = *self {
            kernel.tcp_shutdown(now, id);
        }
    }

    pub(super) fn close(&self, kernel: &mut Kernel, now: Instant) {
        match *self {
            Line::Tcp(id) => kernel.tcp_close(now, id),
            Line::Udp(socket, _) => kernel.close_socket(socket),
        }
    }
}

/// What went wrong with what was sent, of what a program hears without asking for more: that nobody is there.
fn fault(kernel: &mut Kernel, socket: SocketId) -> Option<Errno> {
    while let Some(fault) = kernel.fault(socket) {
        if fault.offender.is_some() && fault.errno == Errno::ECONNREFUSED {
            return Some(fault.errno);
        }
    }
    None
}
