//! Everything that the kernel knows: devices, namespaces, clients, and what is waiting to be done.
//!
//! Devices live in slots (`slots`) and are named by slot and generation; a handle of a device that is gone finds nothing.
//! Indexing (`world[device]`) is for handles that are known to live, within one request.

use crate::client::Clients;
use crate::device::{Counters, Device, DeviceId, Mac, Name};
use crate::host::can::CanSockets;
use crate::host::packet::PacketSockets;
use crate::host::socket::Sockets;
use crate::host::tcp::Endpoints;
use crate::link::Type;
use crate::netns::{Netns, NetnsId};
use crate::run::Run;
use crate::slots::Slots;
use crate::timer::Timers;
use crate::work::Steps;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use std::collections::VecDeque;
use std::ops::{Index, IndexMut};

/// Devices that one kernel holds at most.
pub const DEVICES: usize = 1 << 22;
/// Namespaces that one kernel makes at most over its life.
pub const NAMESPACES: usize = 1 << 20;

/// Microseconds of virtual time since the kernel began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Instant(pub u64);

/// The state of the kernel.
pub struct World {
    devices: Slots,
    spaces: Vec<Option<Box<Netns>>>,
    random: u64,
    /// What makes this kernel differ from others where Linux draws a number when it boots.
    pub(crate) seed: u64,
    pub(crate) arrivals: u64,
    /// Devices whose state is to be looked at again at the request's end.
    pub(crate) watched: VecDeque<DeviceId>,
    pub(crate) clients: Clients,
    /// Frames, and what waits to be done with them.
    pub run: Run,
    pub(crate) timers: Timers,
    pub(crate) sockets: Sockets,
    pub(crate) packet_sockets: PacketSockets,
    pub(crate) can_sockets: CanSockets,
    pub(crate) endpoints: Endpoints,
    /// The time of the request or frame at hand.
    pub now: Instant,
    /// How often a device was looked at.
    pub(crate) looks: Steps,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        World {
            devices: Slots::default(),
            spaces: Vec::new(),
            random: seed,
            seed,
            arrivals: 0,
            watched: VecDeque::new(),
            clients: Clients::default(),
            run: Run::new(),
            timers: Timers::default(),
            sockets: Sockets::default(),
            packet_sockets: PacketSockets::default(),
            can_sockets: CanSockets::default(),
            endpoints: Endpoints::default(),
            now: Instant(0),
            looks: Steps::default(),
        }
    }

    /// The next random number (splitmix64 of the seed).
    pub fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A random address of one's own: unicast, locally administered (`eth_random_addr`).
    pub fn random_mac(&mut self) -> Mac {
        let bytes = self.random().to_be_bytes();
        [(bytes[0] & 0xfe) | 0x02, bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]]
    }

    // Devices.

    /// The device, if it lives.
    #[inline]
    pub fn get(&self, id: DeviceId) -> Option<&Device> {
        self.looks.step();
        self.devices.get(id)
    }

    /// The same, to change.
    #[inline]
    pub fn get_mut(&mut self, id: DeviceId) -> Option<&mut Device> {
        self.looks.step();
        self.devices.get_mut(id)
    }

    /// A device that nobody sees yet, as its type sets it up.
    ///
    /// # Errors
    /// ENOBUFS if there are too many, ENODEV if the namespace is gone.
    pub(crate) fn allocate(
        &mut self,
        kind: &'static Type,
        netns: NetnsId,
        name: Name,
    ) -> Result<DeviceId, Refusal> {
        self.space(netns)?;
        let make = |id| Device::new(id, kind, netns, name);
        let id = self.devices.place(DEVICES, make).ok_or(Errno::ENOBUFS)?;
        (kind.setup)(&mut self[id]);
        Ok(id)
    }

    /// Frees a device's slot; every handle of it is stale from here on.
    pub(crate) fn release(&mut self, id: DeviceId) {
        if self.get(id).is_none() {
            return;
        }
        self.cancel_timers(id);
        self.devices.release(id);
    }

    /// What a device counted, and what its type counts for it (`dev_get_stats`).
    ///
    /// # Panics
    /// If the device is gone.
    pub fn counters(&self, id: DeviceId) -> Counters {
        self[id].kind.counters.map_or_else(|| self[id].counters.clone(), |counters| counters(self, id))
    }

    // Namespaces.

    /// The namespace, if it lives.
    ///
    /// # Errors
    /// ENODEV if it does not.
    pub fn space(&self, id: NetnsId) -> Result<&Netns, Errno> {
        self.spaces.get(id.0 as usize).and_then(|space| space.as_deref()).ok_or(Errno::ENODEV)
    }

    /// The same, to change.
    ///
    /// # Errors
    /// ENODEV if it does not live.
    pub fn space_mut(&mut self, id: NetnsId) -> Result<&mut Netns, Errno> {
        self.spaces.get_mut(id.0 as usize).and_then(|space| space.as_deref_mut()).ok_or(Errno::ENODEV)
    }

    /// A namespace with nothing in it.
    pub(crate) fn add_space(&mut self) -> Result<NetnsId, Errno> {
        if self.spaces.len() >= NAMESPACES {
            return Err(Errno::ENOSPC);
        }
        self.spaces.push(Some(Box::default()));
        Ok(NetnsId(self.spaces.len() as u32 - 1))
    }

    pub(crate) fn drop_space(&mut self, id: NetnsId) {
        if let Some(space) = self.spaces.get_mut(id.0 as usize) {
            *space = None;
        }
    }

    /// The device of that index in a namespace.
    pub fn by_index(&self, netns: NetnsId, ifindex: u32) -> Option<DeviceId> {
        self.space(netns).ok()?.by_index(ifindex)
    }

    /// The device of that name in a namespace.
    pub fn by_name(&self, netns: NetnsId, name: &[u8]) -> Option<DeviceId> {
        self.space(netns).ok()?.by_name(name)
    }

    /// The identifier that one namespace uses for another; gives one if there is none yet (`peernet2id_alloc`).
    pub fn netns_id(&mut self, viewer: NetnsId, other: NetnsId) -> Option<u32> {
        if let Some(id) = self.space(viewer).ok()?.id_of(other) {
            return Some(id);
        }
        if self.space(viewer).ok()?.dying || self.space(other).ok()?.dying {
            return None;
        }
        let id = self.space_mut(viewer).ok()?.name_peer(other, None);
        self.space_mut(other).ok()?.known_by.insert(viewer);
        crate::rtnl::netns::announce(self, viewer, rtnl::object::netns::RTM_NEWNSID, id);
        Some(id)
    }
}

impl Index<DeviceId> for World {
    type Output = Device;

    /// # Panics
    /// If the device is gone: whoever indexes must know that it lives.
    #[inline]
    fn index(&self, id: DeviceId) -> &Device {
        self.get(id).expect("the device lives for the whole request")
    }
}

impl IndexMut<DeviceId> for World {
    #[inline]
    fn index_mut(&mut self, id: DeviceId) -> &mut Device {
        self.get_mut(id).expect("the device lives for the whole request")
    }
}
