//! What every device has, whatever its type (`struct net_device`).
//!
//! A device never calls another. What its type keeps of it is in `private`; what other types keep on it, because
//! they stand on it or have it as a port, is in `attached`. Both are found by their Rust type.

use crate::features::Features;
use crate::few::Few;
use crate::host::inet::Inet;
use crate::inet6::Inet6;
use crate::link::Type;
use crate::netns::{Entry, ListKey, NetnsId};
use crate::rare::{Rare, Usual};
use rtnl::errno::Errno;
use rtnl::object::link::{
    ARPHRD_ETHER, IFF_ALLMULTI, IFF_DORMANT, IFF_LOWER_UP, IFF_PROMISC, IFF_RUNNING, IFF_UP, NAME_MAX,
    Operstate,
};
use std::any::Any;
use std::collections::BTreeSet;

/// A device's handle: a place and the generation of what stands there. A stale one finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeviceId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// A name of a device: 1 to 15 bytes, zeroes behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Name([u8; NAME_MAX + 1]);

impl Name {
    /// A name from its bytes, cut at 15.
    pub fn new(bytes: &[u8]) -> Name {
        let mut name = [0; NAME_MAX + 1];
        let length = bytes.len().min(NAME_MAX);
        name[..length].copy_from_slice(&bytes[..length]);
        Name(name)
    }

    /// The name as a number, in the same order; trees find that sooner than bytes.
    pub(crate) fn number(&self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The bytes without the zeroes.
    pub fn bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|&b| b == 0).unwrap_or(NAME_MAX);
        &self.0[..end]
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.bytes()))
    }
}

/// An Ethernet address.
pub type Mac = [u8; 6];
/// All ones.
pub const BROADCAST: Mac = [0xff; 6];

/// Whether an address may be an interface's own: neither zero nor a group (`is_valid_ether_addr`).
pub fn is_valid_ether_addr(mac: &Mac) -> bool {
    mac[0] & 1 == 0 && *mac != [0; 6]
}

/// How far a device has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Registration {
    /// Made, not yet seen by anyone.
    Uninitialized,
    /// Seen.
    Registered,
    /// Dying: nothing may be attached to it any more.
    Unregistering,
}

/// Where an address comes from (`NET_ADDR_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressOrigin {
    /// It is the device's own for good.
    Permanent,
    /// It was drawn by chance.
    Random,
    /// It was taken from another device.
    Stolen,
    /// Somebody set it.
    Set,
}

/// What a device can do; facts that its type fixes at setup (`priv_flags`, `features`).
#[derive(Clone, Copy, Default, Debug)]
pub struct Abilities {
    /// The address may change while the device is up (`IFF_LIVE_ADDR_CHANGE`).
    pub live_address: bool,
    /// It needs no queue (`IFF_NO_QUEUE`).
    pub no_queue: bool,
    /// It filters unicast addresses itself, so that extra ones do not make it promiscuous (`IFF_UNICAST_FLT`).
    pub unicast_filter: bool,
    /// It cannot change its namespace (`NETIF_F_NETNS_LOCAL`).
    pub netns_local: bool,
    /// It is hardware: deleting its namespace sends it home.
    pub hardware: bool,
    /// `protodown` is understood (`IFF_CHANGE_PROTO_DOWN`).
    pub proto_down: bool,
    /// It must not become a bridge's port (`IFF_DONT_BRIDGE`).
    pub dont_bridge: bool,
    /// It carries no tags: nothing of type `vlan` may stand on it (`NETIF_F_VLAN_CHALLENGED`).
    pub vlan_challenged: bool,
    /// A tag takes its bytes from the MTU (`netif_reduces_vlan_mtu`).
    pub counts_tags: bool,
    /// No type may take its frames (`IFF_NO_RX_HANDLER`).
    pub no_rx_handler: bool,
    /// It may be renamed while it is up (`IFF_LIVE_RENAME_OK`).
    pub live_rename: bool,
}

/// The queueing discipline, as far as its name goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Qdisc {
    /// None yet: before the first up.
    Noop,
    /// Nothing is queued.
    Noqueue,
    /// Three bands, first in first out.
    PfifoFast,
    /// One discipline for each of several queues.
    Mq,
}

impl Qdisc {
    /// The name in `IFLA_QDISC`.
    pub fn name(self) -> &'static str {
        match self {
            Qdisc::Noop => "noop",
            Qdisc::Noqueue => "noqueue",
            Qdisc::PfifoFast => "pfifo_fast",
            Qdisc::Mq => "mq",
        }
    }
}

/// The counters of `struct rtnl_link_stats64` that something here counts.
#[derive(Clone, Default, Debug)]
#[allow(missing_docs)]
pub struct Counters {
    pub rx_packets: u64,
    pub tx_packets: u64,
    pub rx_bytes: u64,
    pub tx_bytes: u64,
    pub rx_dropped: u64,
    pub tx_dropped: u64,
    pub multicast: u64,
    pub errors: Rare<Errors>,
}

/// Those of them that count what went wrong.
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs)]
pub struct Errors {
    pub rx_errors: u64,
    pub tx_errors: u64,
    pub collisions: u64,
    pub rx_frame_errors: u64,
    pub tx_carrier_errors: u64,
}

impl Usual for Errors {
    const USUAL: &'static Errors =
        &Errors { rx_errors: 0, tx_errors: 0, collisions: 0, rx_frame_errors: 0, tx_carrier_errors: 0 };
}

impl Errors {
    /// The fields, to count with.
    fn each(&mut self) -> [&mut u64; 5] {
        let Errors { rx_errors, tx_errors, collisions, rx_frame_errors, tx_carrier_errors } = self;
        [rx_errors, tx_errors, collisions, rx_frame_errors, tx_carrier_errors]
    }
}

impl Counters {
    /// The fields but the errors, to count with.
    fn each(&mut self) -> [&mut u64; 7] {
        let Counters {
            rx_packets, tx_packets, rx_bytes, tx_bytes, rx_dropped, tx_dropped, multicast, ..
        } = self;
        [rx_packets, tx_packets, rx_bytes, tx_bytes, rx_dropped, tx_dropped, multicast]
    }

    /// Counts on, with each pair of a field of this and of another.
    fn combine(&mut self, other: &Counters, count: fn(u64, u64) -> u64) {
        let mut other = other.clone();
        for (own, more) in self.each().into_iter().zip(other.each()) {
            *own = count(*own, *more);
        }
        let Some(errors) = other.errors.own() else { return };
        for (own, more) in self.errors.each().into_iter().zip(errors.each()) {
            *own = count(*own, *more);
        }
    }

    /// Adds what another counted.
    pub(crate) fn add(&mut self, other: &Counters) {
        self.combine(other, u64::wrapping_add);
    }

    /// What was counted since then.
    pub(crate) fn since(mut self, before: &Counters) -> Counters {
        self.combine(before, u64::saturating_sub);
        self
    }
}

/// The rarely used parts, kept apart so that a link stays small.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// The alias; empty if none.
    pub alias: Box<[u8]>,
    /// The alternative names in the order in which they were added.
    pub altnames: Vec<Box<[u8]>>,
    /// The reasons, one a bit, that keep it down by protocol.
    pub proto_down_reason: u32,
    /// The bus of the hardware behind it, and its name there.
    pub parent: Option<(&'static str, &'static str)>,
}

/// Unicast addresses beside a device's own whose frames it takes.
#[derive(Default, Debug)]
pub struct Unicast {
    /// The addresses and how many asked for each.
    pub users: Few<Mac, u32>,
    /// Those of them that the device has asked for on what it stands on.
    pub synced: BTreeSet<Mac>,
}

impl Usual for Unicast {
    const USUAL: &'static Unicast = &Unicast { users: Few::NEW, synced: BTreeSet::new() };
}

/// What is directly above and below a device.
#[derive(Default, Debug)]
pub struct Stack {
    /// What stands on it, its master among them.
    pub uppers: Few<DeviceId, ()>,
    /// What it stands on, its ports among them, each once.
    pub lowers: Vec<DeviceId>,
}

impl Usual for Stack {
    const USUAL: &'static Stack = &Stack { uppers: Few::NEW, lowers: Vec::new() };
}

/// A device.
pub struct Device {
    /// Its own handle.
    pub id: DeviceId,
    /// Its type's deeds.
    pub kind: &'static Type,
    /// The namespace it is in.
    pub netns: NetnsId,
    /// Its number there, from 1.
    pub ifindex: u32,
    /// Its name there.
    pub name: Name,
    /// `ARPHRD_*`.
    pub hardware_type: u16,
    /// Bytes of an address; 0 if the type has none.
    pub address_length: u8,
    /// How far it has come.
    pub registration: Registration,
    /// Whether clients were told of it as a whole; of the end of one that was not they are not told
    /// (`rtnl_link_state`).
    pub introduced: bool,
    /// `IFF_*` as the kernel keeps them: PROMISC and ALLMULTI for whoever asked.
    pub flags: u32,
    /// PROMISC and ALLMULTI as users asked.
    pub gflags: u32,
    /// What it can do.
    pub abilities: Abilities,
    /// What it can do with frames that leave.
    pub features: Features,
    /// Bytes of payload; 0 is allowed where the least is 0.
    pub mtu: u32,
    /// The least MTU.
    pub min_mtu: u32,
    /// The largest MTU; 0: no limit.
    pub max_mtu: u32,
    /// Frames that its queue holds.
    pub txqlen: u32,
    /// The group; 0 is "default".
    pub group: u32,
    /// The link-layer address.
    pub address: Mac,
    /// Where it comes from.
    pub address_origin: AddressOrigin,
    /// The broadcast address.
    pub broadcast: Mac,
    /// The address it had when it was made; all zero: not known, not shown.
    pub permanent_address: Mac,
    /// Tells devices apart that share one address; 0: it shares its address with nobody.
    pub dev_id: u16,
    /// How many asked for promiscuity.
    pub promiscuity: u32,
    /// How many asked for all multicast.
    pub allmulti: u32,
    /// Whether one of `promiscuity` stands for the extra unicast addresses.
    pub unicast_promisc: bool,
    /// Extra unicast addresses.
    pub unicast: Rare<Unicast>,
    /// Whether the carrier is on.
    pub carrier: bool,
    /// Whether a protocol keeps it down.
    pub proto_down: bool,
    /// Whether it waits for an event (802.1X).
    pub dormant: bool,
    /// How often the carrier went on.
    pub carrier_up: u32,
    /// How often it went off.
    pub carrier_down: u32,
    /// Whether the state is in the queue of states to look at again.
    pub watched: bool,
    /// The state; shown only while the device is up.
    pub operstate: Operstate,
    /// `IF_LINK_MODE_*`: 0 default, 1 dormant.
    pub link_mode: u8,
    /// The queueing discipline.
    pub qdisc: Qdisc,
    /// Transmit queues.
    pub tx_queues: u32,
    /// Receive queues.
    pub rx_queues: u32,
    /// Segmentation limits: `[gso_max_size, gso_max_segs, gro_max_size, tso_max_size, tso_max_segs]`.
    pub segmentation: [u32; 5],
    /// The counters.
    pub counters: Counters,
    /// IPv4's part; none while the MTU is below 68.
    pub(crate) inet: Option<Inet>,
    /// IPv6's part; none while the MTU is below 1280.
    pub(crate) inet6: Option<Inet6>,
    /// What is rarely there.
    pub extras: Option<Box<Extras>>,
    /// The device it is a port of.
    pub master: Option<DeviceId>,
    /// What stands on it, and what it stands on.
    pub stack: Rare<Stack>,
    /// One more than the height of what stands on it.
    pub upper_level: u8,
    /// One more than the depth of what it stands on.
    pub lower_level: u8,
    /// What its type keeps of it.
    pub private: Option<Box<dyn Any + Send>>,
    /// What other types keep on it.
    pub attached: Box<[Box<dyn Any + Send>]>,
    /// The one type that takes its frames (`rx_handler`).
    pub rx_handler: Option<&'static Type>,
    /// Whether vlans stand on it.
    pub has_vlans: bool,
    /// The port at the far end of its cable.
    pub(crate) wire: Option<u32>,
    /// The port that sees what it receives.
    pub(crate) tap: Option<u32>,
    /// Group addresses that it listens to, beside the broadcast address.
    pub multicast: crate::groups::Groups,
    /// Its place in the order in which devices came into their namespaces.
    pub(crate) arrival: u64,
}

/// Places in `segmentation`.
#[allow(missing_docs)]
pub mod segmentation {
    pub const GSO_MAX_SIZE: usize = 0;
    pub const GSO_MAX_SEGS: usize = 1;
    pub const GRO_MAX_SIZE: usize = 2;
    pub const TSO_MAX_SIZE: usize = 3;
    pub const TSO_MAX_SEGS: usize = 4;
}

/// `GSO_MAX_SIZE` and `GSO_MAX_SEGS` of a device that says nothing else.
pub const SEGMENTATION: [u32; 5] = [65536, 65535, 65536, 65536, 65535];
/// `TSO_MAX_SIZE` of devices that take segments of any size.
pub const TSO_MAX_SIZE: u32 = 524_280;

impl Device {
    /// A device as `alloc_netdev` and `ether_setup` leave it.
    pub(crate) fn new(id: DeviceId, kind: &'static Type, netns: NetnsId, name: Name) -> Device {
        Device {
            id,
            kind,
            netns,
            ifindex: 0,
            name,
            hardware_type: ARPHRD_ETHER,
            address_length: 6,
            registration: Registration::Uninitialized,
            // What no request makes needs no introduction.
            introduced: kind.kind.is_empty(),
            flags: rtnl::object::link::IFF_BROADCAST | rtnl::object::link::IFF_MULTICAST,
            gflags: 0,
            abilities: Abilities::default(),
            features: Features::UNTAGGED,
            mtu: 1500,
            min_mtu: 68,
            max_mtu: 1500,
            txqlen: 1000,
            group: 0,
            address: [0; 6],
            address_origin: AddressOrigin::Permanent,
            broadcast: BROADCAST,
            permanent_address: [0; 6],
            dev_id: 0,
            promiscuity: 0,
            allmulti: 0,
            unicast_promisc: false,
            unicast: Rare::default(),
            carrier: true,
            proto_down: false,
            dormant: false,
            carrier_up: 0,
            carrier_down: 0,
            watched: false,
            operstate: Operstate::Unknown,
            link_mode: 0,
            qdisc: Qdisc::Noop,
            tx_queues: 1,
            rx_queues: 1,
            segmentation: SEGMENTATION,
            counters: Counters::default(),
            inet: None,
            inet6: None,
            extras: None,
            master: None,
            stack: Rare::default(),
            upper_level: 1,
            lower_level: 1,
            private: None,
            attached: Box::default(),
            rx_handler: None,
            has_vlans: false,
            wire: None,
            tap: None,
            multicast: crate::groups::Groups::default(),
            arrival: 0,
        }
    }

    /// What its namespace knows it by.
    pub(crate) fn entry(&self) -> Entry {
        Entry {
            device: self.id,
            kind: crate::link::number(self.kind),
            ifindex: self.ifindex,
            name: self.name,
            group: self.group,
            arrival: self.arrival,
        }
    }

    /// Its place in its namespace's listing.
    pub(crate) fn list_key(&self) -> ListKey {
        ListKey::new(self.ifindex, self.arrival)
    }

    /// Whether it was set up.
    #[inline]
    pub fn is_up(&self) -> bool {
        self.flags & IFF_UP != 0
    }

    /// Whether frames to a group address are for it.
    pub fn listens_to(&self, group: &Mac) -> bool {
        *group == self.broadcast
            || self.flags & (IFF_PROMISC | IFF_ALLMULTI) != 0
            || self.multicast.contains(group)
    }

    /// Whether its state lets frames through (`netif_oper_up`).
    pub fn is_oper_up(&self) -> bool {
        matches!(self.operstate, Operstate::Up | Operstate::Unknown)
    }

    /// The flags as users see them (`dev_get_flags`).
    pub fn shown_flags(&self) -> u32 {
        let kernel_only = IFF_PROMISC | IFF_ALLMULTI | IFF_RUNNING | IFF_LOWER_UP | IFF_DORMANT;
        let mut flags = (self.flags & !kernel_only) | (self.gflags & (IFF_PROMISC | IFF_ALLMULTI));
        if self.is_up() {
            flags |= if self.is_oper_up() { IFF_RUNNING } else { 0 };
            flags |= if self.carrier { IFF_LOWER_UP } else { 0 };
            flags |= if self.dormant { IFF_DORMANT } else { 0 };
        }
        flags
    }

    /// The limits of segmentation by hardware: bytes, segments.
    pub fn tso_limits(&self) -> [u32; 2] {
        [self.segmentation[segmentation::TSO_MAX_SIZE], self.segmentation[segmentation::TSO_MAX_SEGS]]
    }

    /// Takes those limits over from what it stands on (`netif_inherit_tso_max`); its own never exceed them.
    pub fn inherit_tso(&mut self, [size, segments]: [u32; 2]) {
        self.segmentation[segmentation::TSO_MAX_SIZE] = size;
        self.segmentation[segmentation::TSO_MAX_SEGS] = segments;
        let gso = &mut self.segmentation;
        gso[segmentation::GSO_MAX_SIZE] = gso[segmentation::GSO_MAX_SIZE].min(size);
        gso[segmentation::GSO_MAX_SEGS] = gso[segmentation::GSO_MAX_SEGS].min(segments);
    }

    /// Whether a type may take its frames (`netdev_rx_handler_register`).
    ///
    /// # Errors
    /// EBUSY if another does, EINVAL if none may.
    pub fn check_rx_handler(&self) -> Result<(), Errno> {
        match self.rx_handler {
            Some(_) => Err(Errno::EBUSY),
            None if self.abilities.no_rx_handler => Err(Errno::EINVAL),
            None => Ok(()),
        }
    }

    /// What its type keeps of it, if the type is that one.
    pub fn private<T: 'static>(&self) -> Option<&T> {
        self.private.as_ref()?.downcast_ref()
    }

    /// The same, to change.
    pub fn private_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.private.as_mut()?.downcast_mut()
    }

    /// What another type keeps on it.
    pub fn attached<T: 'static>(&self) -> Option<&T> {
        self.attached.iter().find_map(|state| state.downcast_ref())
    }

    /// The same, to change.
    pub fn attached_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.attached.iter_mut().find_map(|state| state.downcast_mut())
    }

    /// Lets another type keep something on it; what that type kept before is replaced.
    pub fn attach<T: Any + Send>(&mut self, state: T) {
        self.detach::<T>();
        let mut all = std::mem::take(&mut self.attached).into_vec();
        all.push(Box::new(state));
        self.attached = all.into();
    }

    /// Takes what another type kept on it.
    pub fn detach<T: 'static>(&mut self) -> Option<Box<T>> {
        let at = self.attached.iter().position(|state| state.is::<T>())?;
        let mut all = std::mem::take(&mut self.attached).into_vec();
        let state = all.remove(at);
        self.attached = all.into();
        state.downcast().ok()
    }

    /// The alternative names.
    pub fn altnames(&self) -> &[Box<[u8]>] {
        self.extras.as_ref().map_or(&[], |extras| &extras.altnames)
    }

    /// What is rarely there, made if need be.
    pub fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_with(Box::default)
    }
}
