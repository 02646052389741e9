//! The embedded kernel: Linux's link subsystem as a pure state machine that speaks rtnetlink.
//!
//! Nothing here knows a clock, a socket, a thread or chance: time and the seed are arguments, and the same calls give
//! the same bytes. [`Kernel`] is the whole interface.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

mod asked;
mod batch;
mod bpf;
pub mod change;
mod client;
#[cfg(test)]
mod cost_tests;
pub mod device;
pub mod drop;
pub mod fdb;
pub mod features;
pub mod few;
pub mod frame;
mod generic;
pub mod groups;
pub mod host;
mod inet6;
mod least;
pub mod link;
pub mod names;
pub mod netlink_tap;
pub mod netns;
mod pages;
pub mod rare;
mod register;
mod rtnl;
pub mod run;
mod slots;
pub mod stack;
pub mod state;
mod sysctl;
pub mod timer;
mod work;
pub mod world;

use ::rtnl::attr::Builder;
use ::rtnl::errno::Errno;
use ::rtnl::team::NETLINK_GENERIC;
pub use client::ClientId;
use device::Name;
pub use host::api::Membership;
pub use host::can::{CanReceived, CanSocketId};
pub use host::packet::{Packet, PacketFor, PacketSocketId};
pub use host::socket::{Cutting, Fault, Options, Protocol, Received, SocketId};
pub use host::tcp::{TcpId, TcpState};
use netlink_tap::{Heading, NETLINK_ROUTE};
pub use netns::NetnsId;
use run::{PortId, PortKind};
pub use world::Instant;
use world::World;

/// A kernel.
pub struct Kernel {
    world: World,
    initial: NetnsId,
}

impl Kernel {
    /// A kernel whose first namespace holds `lo`. The seed makes its random addresses.
    pub fn new(seed: u64) -> Kernel {
        let mut world = World::new(seed);
        let initial = link::lo::new_netns(&mut world).expect("an empty kernel has room for a namespace");
        Kernel { world, initial }
    }

    /// The first namespace, where hardware is at home.
    pub fn initial_netns(&self) -> NetnsId {
        self.initial
    }

    /// Makes a namespace with its `lo`.
    ///
    /// # Errors
    /// ENOSPC if there were too many.
    pub fn create_netns(&mut self) -> Result<NetnsId, Errno> {
        link::lo::new_netns(&mut self.world)
    }

    /// Ends a namespace: its virtual links die, its hardware goes home to the first namespace.
    ///
    /// # Errors
    /// EINVAL if there is no such namespace, EBUSY for the first.
    pub fn destroy_netns(&mut self, now: Instant, netns: NetnsId) -> Result<(), Errno> {
        if netns == self.initial {
            return Err(Errno::EBUSY);
        }
        self.world.space(netns).map_err(|_| Errno::EINVAL)?;
        self.world.pass(now);
        self.world.end_netns(netns, self.initial);
        Ok(())
    }

    /// Puts a physical NIC into a namespace and gives its index.
    ///
    /// # Errors
    /// EEXIST for a name that is taken, EINVAL for one that is none, EADDRNOTAVAIL for an address that is none.
    pub fn add_nic(&mut self, netns: NetnsId, name: &str, mac: [u8; 6]) -> Result<u32, Errno> {
        if !device::is_valid_ether_addr(&mac) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        if !names::is_valid_name(name.as_bytes()) {
            return Err(Errno::EINVAL);
        }
        let name = Name::new(name.as_bytes());
        let id = self.world.allocate(&link::nic::TYPE, netns, name).map_err(|refusal| refusal.errno)?;
        self.world[id].address = mac;
        // It comes as a device that moves in: with an index of its own, which the namespace does not count.
        self.world[id].ifindex = self.world.space_mut(netns)?.free_index();
        if let Err(refusal) = self.world.register(id) {
            self.world.release(id);
            return Err(refusal.errno);
        }
        self.world[id].address_origin = device::AddressOrigin::Set;
        self.world.settle();
        Ok(self.world[id].ifindex)
    }

    /// Opens a client in a namespace.
    ///
    /// # Errors
    /// EINVAL if there is no such namespace, ENFILE if there are too many clients.
    pub fn open(&mut self, netns: NetnsId) -> Result<ClientId, Errno> {
        self.world.space(netns).map_err(|_| Errno::EINVAL)?;
        self.world.clients.open(netns, NETLINK_ROUTE)
    }

    /// The same for a client that speaks generic netlink.
    ///
    /// # Errors
    /// EINVAL if there is no such namespace, ENFILE if there are too many clients.
    pub fn open_generic(&mut self, netns: NetnsId) -> Result<ClientId, Errno> {
        self.world.space(netns).map_err(|_| Errno::EINVAL)?;
        self.world.clients.open(netns, NETLINK_GENERIC)
    }

    /// Closes a client; what waited for it is lost.
    pub fn close(&mut self, client: ClientId) {
        self.world.clients.close(client);
    }

    /// Lets a client hear of a multicast group (`RTNLGRP_*`) in its namespace.
    ///
    /// # Errors
    /// EBADF if the client is gone.
    pub fn join(&mut self, client: ClientId, group: u32) -> Result<(), Errno> {
        self.world.clients.join(client, group)
    }

    /// Lets a client hear of its groups in every namespace that has an identifier in its own, too.
    ///
    /// # Errors
    /// EBADF if the client is gone.
    pub fn listen_to_all(&mut self, client: ClientId) -> Result<(), Errno> {
        self.world.clients.listen_to_all(client)
    }

    /// The identifier of the namespace that the datagram comes from that the client received last; none for its own.
    pub fn sender(&self, client: ClientId) -> Option<u32> {
        self.world.clients.get(client)?.sender()
    }

    /// Takes a datagram of requests. The answers wait for [`Kernel::receive`].
    ///
    /// # Errors
    /// EBADF if the client is gone, EMSGSIZE for a datagram over a mebibyte, ENODEV if its namespace has ended.
    pub fn handle(&mut self, now: Instant, client: ClientId, datagram: &[u8]) -> Result<(), Errno> {
        if datagram.len() > ::rtnl::message::MAX_REQUEST {
            return Err(Errno::EMSGSIZE);
        }
        let netns = self.world.clients.get(client).ok_or(Errno::EBADF)?.netns;
        self.world.space(netns)?;
        self.world.pass(now);
        let asker = rtnl::Asker { client, netns, pid: client.port() };
        let protocol = self.world.clients.get(client).map_or(NETLINK_ROUTE, |client| client.protocol);
        self.world.tap_netlink(netns, protocol, Heading::Kernel, datagram);
        match protocol {
            NETLINK_GENERIC => generic::handle(&mut self.world, asker, datagram),
            _ => rtnl::handle(&mut self.world, asker, datagram),
        }
        Ok(())
    }

    /// Gives a client its next datagram, in place of what `datagram` held; false if there is none. The client is taken
    /// for one that looks how long a datagram is and then has room for it, and for 32 KiB at least; a dump is cut
    /// accordingly.
    pub fn receive(&mut self, client: ClientId, datagram: &mut Vec<u8>) -> bool {
        self.try_receive(client, datagram) == Ok(true)
    }

    /// The same, but tells once if datagrams were lost because the client did not read.
    ///
    /// # Errors
    /// ENOBUFS after a loss, EBADF if the client is gone.
    pub fn try_receive(&mut self, client: ClientId, datagram: &mut Vec<u8>) -> Result<bool, Errno> {
        self.read(client, rtnl::room::USUAL, datagram)
    }

    /// The same for a client that does not look first, and has room for so many bytes. What is longer is not cut.
    ///
    /// # Errors
    /// As [`Kernel::try_receive`].
    pub fn receive_within(
        &mut self,
        client: ClientId,
        room: usize,
        datagram: &mut Vec<u8>,
    ) -> Result<bool, Errno> {
        self.read(client, rtnl::room::Reader { room, looks: false }, datagram)
    }

    fn read(
        &mut self,
        client: ClientId,
        reader: rtnl::room::Reader,
        datagram: &mut Vec<u8>,
    ) -> Result<bool, Errno> {
        datagram.clear();
        let state = self.world.clients.get_mut(client).ok_or(Errno::EBADF)?;
        let waiting = state.pop()?;
        state.shown.note(reader);
        if let Some(waiting) = waiting {
            *datagram = waiting;
            return Ok(true);
        }
        let mut out = Builder::onto(std::mem::take(datagram));
        let more = rtnl::get::continue_dump(&mut self.world, client, reader, &mut out);
        *datagram = out.bytes;
        if more {
            let netns = self.world.clients.get(client).ok_or(Errno::EBADF)?.netns;
            self.world.tap_netlink(netns, NETLINK_ROUTE, Heading::User, datagram);
        }
        Ok(more)
    }

    /// The index of the link of that name in a namespace; none if there is no such link.
    pub fn ifindex(&self, netns: NetnsId, name: &str) -> Option<u32> {
        let id = self.world.by_name(netns, name.as_bytes())?;
        self.world.get(id).map(|device| device.ifindex)
    }

    /// Puts a port on the link of that index: a place where frames come in from outside, and leave.
    ///
    /// # Errors
    /// ENODEV if there is no such link, EBUSY if it has a port.
    pub fn attach_port(&mut self, netns: NetnsId, ifindex: u32, kind: PortKind) -> Result<PortId, Errno> {
        let id = self.world.by_index(netns, ifindex).ok_or(Errno::ENODEV)?;
        self.world.attach_port(id, kind)
    }

    /// Takes a port away; what waits there is lost.
    pub fn detach_port(&mut self, port: PortId) {
        self.world.detach_port(port);
    }

    /// Lets Ethernet frames come in at a port and runs until nothing moves any more. What left at ports waits for
    /// [`Kernel::output`].
    ///
    /// # Errors
    /// EBADF if the port is gone, ENODEV if its link is.
    pub fn input(&mut self, now: Instant, port: PortId, frames: &[&[u8]]) -> Result<(), Errno> {
        self.world.now = self.world.now.max(now);
        self.world.input(port, frames)
    }

    /// Hands every frame that left at a port to `each`, in order.
    pub fn output(&mut self, port: PortId, each: &mut dyn FnMut(&[u8])) {
        self.world.output(port, each);
    }

    /// How many frames are inside the kernel: none when nothing moves and every port was emptied.
    pub fn frames_inside(&self) -> usize {
        self.world.run.pool.in_use()
    }

    /// How many buffers of frames are not in the pool; copies of a frame share one.
    pub fn buffers_inside(&self) -> usize {
        self.world.run.pool.buffers_in_use()
    }

    /// How many frames were ever made (those that came in, copies, and what the kernel made itself), and how many of
    /// them were handed out at ports. The rest died of a reason or is inside.
    pub fn tally(&self) -> (u64, u64) {
        (self.world.run.pool.made(), self.world.run.handed_out)
    }

    /// How many frames died of each reason, by the reason's name; those that none died of are left out.
    pub fn drops(&self) -> Vec<(&'static str, u64)> {
        let rows = run::DROPS.iter().zip(&self.world.run.drops);
        rows.filter(|(_, count)| **count > 0).map(|((_, name), count)| (*name, *count)).collect()
    }

    /// Begins or ends to remember what happens to every frame, for [`Kernel::sightings`].
    pub fn watch(&mut self, on: bool) {
        self.world.run.watching = on;
    }

    /// What happened to frames since this was last called.
    pub fn sightings(&mut self) -> Vec<run::Sighting> {
        self.world.take_sightings()
    }

    /// How many sightings were not kept since this was last called, because too many were not taken.
    pub fn sightings_lost(&mut self) -> u64 {
        std::mem::take(&mut self.world.run.unseen)
    }

    /// Lets time pass: every timer up to then goes off, in order.
    pub fn advance(&mut self, now: Instant) {
        self.world.pass(now);
    }

    /// When the next timer goes off; none if none is set.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.world.timers.next()
    }

    /// Sets a setting of a namespace, named as `sysctl` names it (`net.ipv6.conf.all.disable_ipv6`).
    ///
    /// # Errors
    /// ENOENT if there is no such setting, EINVAL for a value that it does not take.
    pub fn set_sysctl(&mut self, netns: NetnsId, name: &str, value: &str) -> Result<(), Errno> {
        sysctl::set(&mut self.world, netns, name, value)
    }

    /// Reads a setting of a namespace.
    ///
    /// # Errors
    /// ENOENT if there is no such setting.
    pub fn sysctl(&self, netns: NetnsId, name: &str) -> Result<String, Errno> {
        sysctl::get(&self.world, netns, name)
    }
}
