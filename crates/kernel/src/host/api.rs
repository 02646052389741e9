//! The host stack as programs see it: sockets, and links by name.

use super::can::{CanReceived, CanSocketId};
use super::packet::{Packet, PacketSocketId};
use super::socket::{Fault, Options, Protocol, Received, SocketId};
use super::tcp::{TcpId, TcpState};
use crate::Kernel;
use crate::device::Mac;
use crate::netns::NetnsId;
use crate::world::Instant;
use rtnl::errno::Errno;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

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

    /// Opens a CAN socket on a device, or on all of a namespace.
    ///
    /// # Errors
    /// ENODEV if there is no such link or it carries no CAN, ENFILE if there are too many.
    pub fn open_can(&mut self, netns: NetnsId, ifindex: Option<u32>) -> Result<CanSocketId, Errno> {
        self.world.open_can(netns, ifindex)
    }

    /// Closes a CAN socket; what waited for it is lost.
    pub fn close_can(&mut self, socket: CanSocketId) {
        self.world.close_can(socket);
    }

    /// Sends a frame of CAN, and runs until nothing moves any more. With `echo` the programs of this host hear it too.
    ///
    /// # Errors
    /// ENETDOWN if the link is down, EINVAL for an FD frame where there is only room for others, ENXIO if the link is
    /// gone, EBADF if the socket is.
    pub fn send_can(
        &mut self,
        now: Instant,
        socket: CanSocketId,
        frame: &wire::Can,
        echo: bool,
    ) -> Result<(), Errno> {
        self.world.pass(now);
        self.world.send_can(socket, frame, echo)
    }

    /// What came for a CAN socket, the oldest first.
    ///
    /// # Errors
    /// ENETDOWN or ENODEV once, behind what came, after its link went down or away; EBADF if the socket is gone.
    pub fn receive_can(&mut self, socket: CanSocketId) -> Result<Option<CanReceived>, Errno> {
        self.world.can_received(socket)
    }

    /// Listens for connections of TCP at an address; the unspecified one means all of its family. `ifindex` is the link
    /// that it is bound to, which may be the master of a routing domain; 0: none.
    ///
    /// # Errors
    /// EADDRNOTAVAIL for an address that is not the host's (or not the domain's), EADDRINUSE if somebody listens there,
    /// ENODEV if there is no such link, ENFILE if there are too many endpoints, EINVAL for port 0.
    pub fn tcp_listen(&mut self, netns: NetnsId, at: SocketAddr, ifindex: u32) -> Result<TcpId, Errno> {
        self.world.tcp_listen(netns, at, ifindex)
    }

    /// Takes the oldest connection that came to a listener, and tells who it is from.
    pub fn tcp_accept(&mut self, listener: TcpId) -> Option<(TcpId, SocketAddr)> {
        self.world.tcp_accept(listener)
    }

    /// Begins a connection; [`tcp_state`](Self::tcp_state) tells what becomes of it. `ifindex` is the link that it is
    /// bound to, which may be the master of a routing domain, and that link-local addresses are meant on; 0: none.
    ///
    /// # Errors
    /// What the route refuses with; EADDRINUSE if the port given is taken, EADDRNOTAVAIL if none is free, ENFILE if
    /// there are too many endpoints.
    pub fn tcp_connect(
        &mut self,
        now: Instant,
        netns: NetnsId,
        from: Option<SocketAddr>,
        to: SocketAddr,
        ifindex: u32,
    ) -> Result<TcpId, Errno> {
        self.world.pass(now);
        self.world.tcp_connect(netns, from, to, ifindex)
    }

    /// Where a connection stands.
    ///
    /// # Errors
    /// Why it ended: ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH …; EBADF if it is no connection.
    pub fn tcp_state(&mut self, connection: TcpId) -> Result<TcpState, Errno> {
        self.world.tcp_state(connection)
    }

    /// Sends bytes; gives how many there was room for.
    ///
    /// # Errors
    /// EAGAIN before the connection is there, EPIPE behind its end, or why it ended.
    pub fn tcp_send(&mut self, now: Instant, connection: TcpId, bytes: &[u8]) -> Result<usize, Errno> {
        self.world.pass(now);
        self.world.tcp_send(connection, bytes)
    }

    /// How many bytes were sent that the other side has not confirmed.
    pub fn tcp_unsent(&mut self, connection: TcpId) -> usize {
        self.world.tcp_unsent(connection)
    }

    /// Takes bytes that came; 0 means that no more will come.
    ///
    /// # Errors
    /// EAGAIN if there are none yet, or why the connection ended.
    pub fn tcp_receive(
        &mut self,
        now: Instant,
        connection: TcpId,
        buffer: &mut [u8],
    ) -> Result<usize, Errno> {
        self.world.pass(now);
        self.world.tcp_receive(connection, buffer)
    }

    /// Says that no more will be sent.
    pub fn tcp_shutdown(&mut self, now: Instant, connection: TcpId) {
        self.world.pass(now);
        self.world.tcp_shutdown(connection);
    }

    /// Gives a listener or a connection up; a connection still sends what waits.
    pub fn tcp_close(&mut self, now: Instant, endpoint: TcpId) {
        self.world.pass(now);
        self.world.tcp_close(endpoint);
    }

    /// Opens a packet socket on a link, for one type of Ethernet.
    ///
    /// # Errors
    /// ENODEV if there is no such link, ENFILE if there are too many sockets.
    pub fn open_packet_socket(
        &mut self,
        netns: NetnsId,
        ifindex: u32,
        ethertype: u16,
    ) -> Result<PacketSocketId, Errno> {
        self.world.open_packet_socket(netns, ifindex, ethertype)
    }

    /// Closes a packet socket; what waited for it is lost.
    pub fn close_packet_socket(&mut self, socket: PacketSocketId) {
        self.world.close_packet_socket(socket);
    }

    /// Sends a packet from the link's own address, and runs until nothing moves any more.
    ///
    /// # Errors
    /// ENETDOWN if the link is down, ENXIO if it is gone, EMSGSIZE for what is too large, EBADF if the socket is gone.
    pub fn send_packet(
        &mut self,
        now: Instant,
        socket: PacketSocketId,
        to: Mac,
        payload: &[u8],
    ) -> Result<(), Errno> {
        self.world.pass(now);
        self.world.send_packet(socket, to, payload)
    }

    /// What came for a packet socket, the oldest first.
    pub fn receive_packet(&mut self, socket: PacketSocketId) -> Option<Packet> {
        self.world.packet_received(socket)
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

    /// The Ethernet address of a link.
    pub fn link_mac(&self, netns: NetnsId, ifindex: u32) -> Option<Mac> {
        self.world.get(self.world.by_index(netns, ifindex)?).map(|device| device.address)
    }

    /// The name of a link by its index.
    pub fn link_name(&self, netns: NetnsId, ifindex: u32) -> Option<String> {
        let device = self.world.get(self.world.by_index(netns, ifindex)?)?;
        Some(String::from_utf8_lossy(device.name.bytes()).into_owned())
    }
}

/// A group address that a link listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The link's index.
    pub ifindex: u32,
    /// The link's name.
    pub link: String,
    /// Six bytes of Ethernet, four of IPv4 or sixteen of IPv6.
    pub address: Vec<u8>,
    /// How many asked for it.
    pub users: u32,
    /// Whether a person asked for it.
    pub fixed: bool,
}

/// The group addresses that people asked for on a device.
struct Fixed(BTreeSet<Mac>);

impl Kernel {
    /// The group addresses that the links of a namespace listen to: of `AF_PACKET` (17), `AF_INET` (2) or `AF_INET6`
    /// (10), link by link in the order in which they came.
    pub fn memberships(&self, netns: NetnsId, family: u8) -> Vec<Membership> {
        let Ok(space) = self.world.space(netns) else { return Vec::new() };
        let mut all = Vec::new();
        for id in space.in_order_of_arrival() {
            let Some(device) = self.world.get(id) else { continue };
            let groups: Vec<(Vec<u8>, u32)> = match family {
                AF_PACKET => {
                    // What is asked for below counts as one more.
                    let users = |mac: &Mac, users: u32| users + device.multicast.synced(mac);
                    let all = device.multicast.in_order().iter();
                    all.map(|(mac, count)| (mac.to_vec(), users(mac, *count))).collect()
                }
                super::AF_INET => device.inet.as_ref().map_or(Vec::new(), |inet| {
                    inet.groups.users().map(|(group, users)| (group.octets().to_vec(), users)).collect()
                }),
                _ => device.inet6.as_ref().map_or(Vec::new(), |inet6| {
                    inet6.groups.users().map(|(group, users)| (group.octets().to_vec(), users)).collect()
                }),
            };
            let link = String::from_utf8_lossy(device.name.bytes()).into_owned();
            all.extend(groups.into_iter().map(|(address, users)| {
                Membership {
                    ifindex: device.ifindex,
                    link: link.clone(),
                    fixed: device
                        .attached::<Fixed>()
                        .is_some_and(|fixed| fixed.0.iter().any(|mac| *mac == address[..])),
                    address,
                    users,
                }
            }));
        }
        all
    }

    /// Lets a link listen to a link-layer group address, or no longer, as a person asks (`SIOCADDMULTI`).
    ///
    /// # Errors
    /// ENODEV if there is no such link, EINVAL if its type knows no groups, ENOENT for an address that nobody asked for so.
    pub fn set_membership(
        &mut self,
        netns: NetnsId,
        link: &str,
        group: Mac,
        join: bool,
    ) -> Result<(), Errno> {
        let id = self.world.by_name(netns, link.as_bytes()).ok_or(Errno::ENODEV)?;
        if !self.world[id].kind.takes_groups {
            return Err(Errno::EINVAL);
        }
        if self.world[id].attached::<Fixed>().is_none() {
            self.world[id].attach(Fixed(BTreeSet::new()));
        }
        let Some(fixed) = self.world[id].attached_mut::<Fixed>() else { return Err(Errno::ENOMEM) };
        match join {
            true if fixed.0.len() >= FIXED => return Err(Errno::ENOBUFS),
            true if fixed.0.insert(group) => self.world.add_group(id, group),
            false if !fixed.0.remove(&group) => return Err(Errno::ENOENT),
            false => drop(self.world.remove_group(id, &group)),
            true => {}
        }
        Ok(())
    }
}

/// Addresses that people ask for on one link at most.
const FIXED: usize = 1 << 12;
/// The family of link-layer addresses.
const AF_PACKET: u8 = 17;
