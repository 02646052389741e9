//! The host stack as programs see it: sockets, and links by name.

use super::socket::{Fault, Options, Protocol, Received, SocketId};
use crate::Kernel;
use crate::netns::NetnsId;
use crate::world::Instant;
use rtnl::errno::Errno;
use std::net::IpAddr;

impl Kernel {
    /// Opens a socket in a namespace.
    ///
    /// # Errors
    /// ENODEV if there is no such namespace, ENFILE if there are too many sockets.
    pub fn open_socket(&mut self, netns: NetnsId, protocol: Protocol) -> Result<SocketId, Errno> {
        self.world.open_socket(netns, protocol)
    }

    /// Closes a socket; what waited for it is lost.
    pub fn close_socket(&mut self, socket: SocketId) {
        self.world.close_socket(socket);
    }

    /// Sets a socket's options: where it is bound, and how it sends.
    ///
    /// # Errors
    /// EADDRNOTAVAIL for an address that is not the host's, ENODEV for a link that is not there, EADDRINUSE for a port
    /// that is taken, EBADF if the socket is gone.
    pub fn set_socket(&mut self, socket: SocketId, options: Options) -> Result<(), Errno> {
        self.world.set_options(socket, options)
    }

    /// The address that a socket would send from to another: what connecting finds out.
    ///
    /// # Errors
    /// What the route refuses with; EACCES for a broadcast that the socket may not send.
    pub fn source_for(&self, socket: SocketId, to: std::net::IpAddr) -> Result<std::net::IpAddr, Errno> {
        self.world.source_for(socket, to)
    }

    /// Sends from a socket, and runs until nothing moves any more.
    ///
    /// # Errors
    /// What the route refuses with; EMSGSIZE for what is too large and must not be cut, ENOBUFS if a device dropped it.
    pub fn send(
        &mut self,
        now: Instant,
        socket: SocketId,
        to: std::net::SocketAddr,
        payload: &[u8],
    ) -> Result<(), Errno> {
        self.world.pass(now);
        self.world.socket_send(socket, to, payload)
    }

    /// What came for a socket, the oldest first.
    pub fn receive_from(&mut self, socket: SocketId) -> Option<Received> {
        self.world.socket_received(socket)
    }

    /// What went wrong with something that a socket sent, the oldest first.
    pub fn fault(&mut self, socket: SocketId) -> Option<Fault> {
        self.world.socket_fault(socket)
    }

    /// The index of a link by its name or alternative name.
    pub fn link_index(&self, netns: NetnsId, name: &str) -> Option<u32> {
        let id = self.world.by_name(netns, name.as_bytes())?;
        self.world.get(id).map(|device| device.ifindex)
    }

    /// The addresses of a link.
    pub fn link_addresses(&self, netns: NetnsId, ifindex: u32) -> Vec<IpAddr> {
        let Some(id) = self.world.by_index(netns, ifindex) else { return Vec::new() };
        let own = super::inet::addresses(&self.world, id).iter().map(|address| IpAddr::V4(address.local));
        own.chain(crate::inet6::all(&self.world, id).map(IpAddr::V6)).collect()
    }

    /// The name of a link by its index.
    pub fn link_name(&self, netns: NetnsId, ifindex: u32) -> Option<String> {
        let device = self.world.get(self.world.by_index(netns, ifindex)?)?;
        Some(String::from_utf8_lossy(device.name.bytes()).into_owned())
    }
}
