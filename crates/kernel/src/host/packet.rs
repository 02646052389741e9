//! Packet sockets: what a program reads and writes on a link below IP, one type of Ethernet each
//! (`net/packet/af_packet.c`, `SOCK_DGRAM`).
//!
//! A socket hears what the host stack hears: not what a bridge or a macvlan took before. It is bound to a link for
//! life; when the link goes away it hears nothing more. **Left out**: sockets for all types or all links, which
//! [`crate::run::PortKind::Socket`] is for, and hearing what the host itself sends.

use super::For;
use crate::device::{DeviceId, Mac};
use crate::frame::FrameId;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use std::collections::{BTreeMap, VecDeque};

/// Packets that wait for one socket at most.
const QUEUE: usize = 1024;
/// Sockets at most.
const SOCKETS: usize = 1 << 12;

/// A packet socket's handle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PacketSocketId(u64);

/// For whom a packet came (`sll_pkttype`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketFor {
    /// For this host alone.
    Host,
    /// For many.
    Many,
    /// For another host.
    Other,
}

/// What came for a packet socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// For whom.
    pub to: PacketFor,
    /// From whom.
    pub from: Mac,
    /// What is behind the Ethernet header.
    pub payload: Vec<u8>,
}

struct Socket {
    device: DeviceId,
    ethertype: u16,
    received: VecDeque<Packet>,
}

/// All packet sockets.
#[derive(Default)]
pub(crate) struct PacketSockets {
    sockets: BTreeMap<PacketSocketId, Socket>,
    opened: u64,
}

impl PacketSockets {
    /// Whether there is none; then nothing needs to be looked at.
    pub(crate) fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }
}

impl World {
    pub(crate) fn open_packet_socket(
        &mut self,
        netns: NetnsId,
        ifindex: u32,
        ethertype: u16,
    ) -> Result<PacketSocketId, Errno> {
        let device = self.by_index(netns, ifindex).ok_or(Errno::ENODEV)?;
        let all = &mut self.packet_sockets;
        if all.sockets.len() >= SOCKETS {
            return Err(Errno::ENFILE);
        }
        all.opened += 1;
        let id = PacketSocketId(all.opened);
        all.sockets.insert(id, Socket { device, ethertype, received: VecDeque::new() });
        Ok(id)
    }

    pub(crate) fn close_packet_socket(&mut self, id: PacketSocketId) {
        self.packet_sockets.sockets.remove(&id);
    }

    pub(crate) fn packet_received(&mut self, id: PacketSocketId) -> Option<Packet> {
        self.packet_sockets.sockets.get_mut(&id)?.received.pop_front()
    }

    /// Sends a packet, and runs until nothing moves any more.
    pub(crate) fn send_packet(&mut self, id: PacketSocketId, to: Mac, payload: &[u8]) -> Result<(), Errno> {
        let socket = self.packet_sockets.sockets.get(&id).ok_or(Errno::EBADF)?;
        let (device, ethertype) = (socket.device, socket.ethertype);
        let link = self.get(device).ok_or(Errno::ENXIO)?;
        if !link.is_up() {
            return Err(Errno::ENETDOWN);
        }
        if payload.len() > link.mtu as usize {
            return Err(Errno::EMSGSIZE);
        }
        let mut bytes = vec![0; wire::ethernet::LENGTH];
        wire::Ethernet { destination: to, source: link.address, ethertype }.emit(&mut bytes);
        bytes.extend_from_slice(payload);
        super::send_frame(self, device, &bytes);
        self.settle();
        self.run();
        Ok(())
    }
}

/// The sockets hear a frame that the host stack is about to take.
pub(crate) fn hear(world: &mut World, id: DeviceId, frame: FrameId, whose: For) {
    let pool = &world.run.pool;
    let kind = pool.ethertype(frame);
    let Some((head, payload)) = pool.bytes(frame).split_at_checked(wire::ethernet::LENGTH) else { return };
    let from: Mac = head.get(6..12).and_then(|mac| mac.try_into().ok()).unwrap_or_default();
    let to = match whose {
        For::Host => PacketFor::Host,
        For::Many => PacketFor::Many,
        For::Other => PacketFor::Other,
    };
    let sockets = world.packet_sockets.sockets.values_mut();
    for socket in sockets.filter(|socket| socket.device == id && socket.ethertype == kind) {
        if socket.received.len() < QUEUE {
            socket.received.push_back(Packet { to, from, payload: payload.to_vec() });
        }
    }
}
