//! CAN: frames between a namespace's programs and its CAN devices (`net/can/af_can.c`, `net/can/raw.c`).
//!
//! A frame that a program sends goes out through the device and, unless it asked for the contrary, comes back to all
//! programs of the namespace that listen there, but to the one that sent it. Bytes are those of [`wire::can`].
//!
//! **Left out**: protocols above frames (BCM, ISO-TP, J1939), and gateways.

use crate::device::DeviceId;
use crate::frame::{FrameId, PacketKind};
use crate::netns::NetnsId;
use crate::run::{Batch, Drop, Step};
use crate::world::{Instant, World};
use rtnl::errno::Errno;
use rtnl::object::link::ARPHRD_CAN;
use std::collections::{BTreeMap, VecDeque};
use wire::can::{self, Can};

/// Frames that wait for one socket at most.
const QUEUE: usize = 1 << 14;
/// Sockets at most.
const SOCKETS: usize = 1 << 12;

/// A CAN socket's handle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CanSocketId(u64);

/// What came for a CAN socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanReceived {
    /// When.
    pub time: Instant,
    /// The index of the device.
    pub ifindex: u32,
    /// The name that the device had.
    pub device: String,
    /// Whether a program of this host sent it.
    pub own: bool,
    /// The frame.
    pub frame: Can,
}

struct Socket {
    netns: NetnsId,
    /// The device; none: all of the namespace.
    device: Option<DeviceId>,
    received: VecDeque<CanReceived>,
    /// What became of the device, told once.
    fault: Option<Errno>,
}

/// All CAN sockets.
#[derive(Default)]
pub(crate) struct CanSockets {
    sockets: BTreeMap<CanSocketId, Socket>,
    opened: u64,
}

impl World {
    /// Opens a socket on a device, or on all of a namespace.
    pub(crate) fn open_can(&mut self, netns: NetnsId, ifindex: Option<u32>) -> Result<CanSocketId, Errno> {
        let find = |ifindex| {
            let id = self.by_index(netns, ifindex).ok_or(Errno::ENODEV)?;
            if self[id].hardware_type == ARPHRD_CAN { Ok(id) } else { Err(Errno::ENODEV) }
        };
        let device = ifindex.map(find).transpose()?;
        let fault = device.filter(|id| !self[*id].is_up()).map(|_| Errno::ENETDOWN);
        let all = &mut self.can_sockets;
        if all.sockets.len() >= SOCKETS {
            return Err(Errno::ENFILE);
        }
        all.opened += 1;
        let id = CanSocketId(all.opened);
        all.sockets.insert(id, Socket { netns, device, received: VecDeque::new(), fault });
        Ok(id)
    }

    pub(crate) fn close_can(&mut self, id: CanSocketId) {
        self.can_sockets.sockets.remove(&id);
    }

    /// What came, and behind it what became of the device.
    pub(crate) fn can_received(&mut self, id: CanSocketId) -> Result<Option<CanReceived>, Errno> {
        let socket = self.can_sockets.sockets.get_mut(&id).ok_or(Errno::EBADF)?;
        match socket.received.pop_front() {
            Some(received) => Ok(Some(received)),
            None => socket.fault.take().map_or(Ok(None), Err),
        }
    }

    /// Sends a frame through the socket's device (`raw_sendmsg`, `can_send`), and runs until nothing moves any more.
    pub(crate) fn send_can(&mut self, id: CanSocketId, frame: &Can, echo: bool) -> Result<(), Errno> {
        let socket = self.can_sockets.sockets.get(&id).ok_or(Errno::EBADF)?;
        let device = socket.device.ok_or(Errno::ENXIO)?;
        let link = self.get(device).ok_or(Errno::ENXIO)?;
        let (bytes, length) = frame.emit();
        let bytes = &bytes[..length];
        if frame.fd && (link.mtu as usize) < can::FD_LENGTH {
            return Err(Errno::EINVAL);
        }
        if length > link.mtu as usize {
            return Err(Errno::EMSGSIZE);
        }
        if !link.is_up() {
            return Err(Errno::ENETDOWN);
        }
        let made = self.run.pool.frame(bytes).ok_or(Errno::ENOBUFS)?;
        let copy = if echo { self.run.pool.share(made) } else { None };
        self.run.pool.meta_mut(made).kind = if echo { PacketKind::Host } else { PacketKind::Auto };
        self.forward(device, Step::Transmit, made);
        if let Some(copy) = copy {
            self.run.pool.meta_mut(copy).kind = PacketKind::Host;
            self.forward(device, Step::Receive, copy);
        }
        self.settle();
        self.run();
        Ok(())
    }
}

/// The programs of a namespace hear the frames that a CAN device received (`can_receive`).
pub(crate) fn receive(world: &mut World, id: DeviceId, batch: &mut Batch) {
    for frame in std::mem::take(batch).frames() {
        let reason = hear(world, id, *frame);
        super::consume(world, id, *frame, reason);
    }
}

fn hear(world: &mut World, id: DeviceId, frame: FrameId) -> Drop {
    let device = &world[id];
    let (netns, ifindex) = (device.netns, device.ifindex);
    let Ok(parsed) = Can::parse(world.run.pool.bytes(frame)) else { return Drop::BadCanFrame };
    if world.can_sockets.sockets.is_empty() {
        return Drop::Consumed;
    }
    let name = String::from_utf8_lossy(device.name.bytes()).into_owned();
    let own = world.run.pool.meta(frame).kind == PacketKind::Host;
    let time = world.now;
    let sockets = world.can_sockets.sockets.values_mut();
    let fits =
        |socket: &&mut Socket| socket.netns == netns && socket.device.is_none_or(|device| device == id);
    for socket in sockets.filter(fits).filter(|socket| socket.received.len() < QUEUE) {
        let received = CanReceived { time, ifindex, device: name.clone(), own, frame: parsed };
        socket.received.push_back(received);
    }
    Drop::Consumed
}

/// The sockets of a device hear that it went down or away (`raw_notify`).
pub(crate) fn device_went(world: &mut World, id: DeviceId, errno: Errno) {
    for socket in world.can_sockets.sockets.values_mut().filter(|socket| socket.device == Some(id)) {
        socket.fault = Some(errno);
    }
}

/// Takes out of a batch what is no frame that a device may send (`can_dropped_invalid_skb`); gives the bytes of data
/// of the rest.
pub(crate) fn drop_invalid(world: &mut World, id: DeviceId, batch: &mut Batch) -> u64 {
    let mut bytes = 0;
    let mtu = world[id].mtu as usize;
    batch.retain(|frame| {
        let parsed = Can::parse(world.run.pool.bytes(frame));
        let fine = parsed.is_ok_and(|parsed| {
            bytes += parsed.data_length() as u64;
            !parsed.fd || mtu >= can::FD_LENGTH
        });
        if !fine {
            world[id].counters.tx_dropped += 1;
            world.discard(Some(id), frame, Drop::BadCanFrame);
        }
        fine
    });
    bytes
}
