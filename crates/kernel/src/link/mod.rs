//! The room of deeds: one file per link type, its functions in a [`Type`] (`struct rtnl_link_ops` together with
//! `struct net_device_ops`).
//!
//! A new type is one file here and one line in [`TYPES`]; its words are one file and one line in `rtnl`.
//! A function that a type leaves out has the meaning that is said at its field.

use crate::device::{Counters, Device, DeviceId, Mac};
use crate::frame::FrameId;
use crate::netns::NetnsId;
use crate::run::Batch;
use crate::timer::TimerId;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::message::{Header, Refusal};
use rtnl::table::{Table, Tb};
use std::net::IpAddr;

pub mod bond;
pub mod bridge;
pub mod dummy;
pub mod geneve;
pub mod ifb;
pub mod ipvlan;
pub mod ipvtap;
pub mod lo;
pub mod macsec;
pub mod macvlan;
pub mod macvtap;
pub mod netkit;
pub mod nic;
pub mod nlmon;
mod pair;
pub mod team;
pub mod vcan;
pub mod veth;
pub mod vlan;
pub mod vrf;
pub mod vxcan;
pub mod vxlan;

/// Every link type that requests can name, in the order in which events reach them.
pub static TYPES: &[&Type] = &[
    &bridge::TYPE,
    &vlan::TYPE,
    &macvlan::TYPE,
    &macvtap::TYPE,
    &bond::TYPE,
    &team::TYPE,
    &ipvlan::TYPE,
    &ipvtap::TYPE,
    &veth::TYPE,
    &dummy::TYPE,
    &ifb::TYPE,
    &vcan::TYPE,
    &vxcan::TYPE,
    &nlmon::TYPE,
    &vrf::TYPE,
    &netkit::TYPE,
    &macsec::TYPE,
    &vxlan::TYPE,
    &geneve::TYPE,
];

/// The type of that kind.
pub fn find(kind: &[u8]) -> Option<&'static Type> {
    TYPES.iter().copied().find(|candidate| candidate.kind.as_bytes() == kind)
}

/// What happens to a device and may concern those that stand on it, hold it as a port, or are it
/// (the kernel's `NETDEV_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// It is about to go up; an error keeps it down.
    PreUp,
    /// It went up.
    Up,
    /// It is about to go down.
    GoingDown,
    /// It went down.
    Down,
    /// Its carrier, state or flags changed while it is up.
    Change,
    /// Its MTU is about to become this; an error refuses it.
    PreChangeMtu(u32),
    /// Its MTU changed.
    ChangeMtu,
    /// Its address is about to become this; an error refuses it.
    PreChangeAddress(Mac),
    /// Its address changed.
    ChangeAddress,
    /// Its hardware is about to become another; an error refuses it.
    PreChangeType,
    /// Its hardware changed.
    ChangeType,
    /// Its name changed.
    ChangeName,
    /// What it can do for those that stand on it changed.
    ChangeFeatures,
    /// Another device below it is in use now: its neighbours may find it elsewhere.
    Failover,
    /// Its neighbours are to be told where it is.
    NotifyPeers,
    /// The groups that it listens to are to be reported.
    ReportGroups,
    /// It is a bridge, and a port of it came, left, went up or down, or carries other tags.
    Ports,
    /// It came into a routing domain or left one.
    Domain,
    /// It is about to have that IP address; an error refuses it.
    IpAddressWanted(IpAddr),
    /// It has that IP address from here on, or no longer.
    IpAddress(IpAddr, bool),
    /// It came into a namespace.
    Register,
    /// It leaves its namespace: for good if its registration says so, else for another.
    Unregister,
}

impl Event {
    /// Whether it can mean something for what stands on the device. What cannot is told without a walk over them.
    pub(crate) fn concerns_uppers(self) -> bool {
        let own = matches!(self, Event::PreUp | Event::GoingDown | Event::Register | Event::ChangeName);
        let settings = matches!(self, Event::PreChangeMtu(_) | Event::Domain);
        !own && !settings && !matches!(self, Event::IpAddressWanted(_) | Event::IpAddress(..))
    }
}

/// The speed of a type's devices, as `ethtool` tells it.
#[derive(Clone, Copy, Debug)]
pub enum Speed {
    /// It is not known.
    Unknown,
    /// Always so many Mbit/s.
    Mbit(u32),
    /// That of the device that it stands on.
    OfLower,
    /// The largest of the ports that are up.
    OfPorts,
    /// What the type says of the device.
    Told(fn(&World, DeviceId) -> Option<u32>),
}

/// A link that a request makes.
pub struct NewLink<'r> {
    /// The device: set up and named, with the request's general attributes in it, not yet registered.
    pub device: DeviceId,
    /// The namespace in which `IFLA_LINK` and its like are looked up.
    pub source: NetnsId,
    /// The request's attributes.
    pub tb: &'r Tb<'r>,
    /// Those of `IFLA_INFO_DATA`; empty if there are none.
    pub data: &'r Tb<'r>,
}

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

/// An address that a request is about, and what it says of it.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The address.
    pub mac: Mac,
    /// `NUD_*`.
    pub state: u16,
    /// `NTF_*`.
    pub flags: u8,
}

/// A table of addresses that a type keeps of its own, where others have a list of extra addresses: what requests of
/// the family of bridges do with it (`ndo_fdb_add` and its sisters). The attributes are those of neighbours.
pub struct Addresses {
    /// Adds an entry or changes it; the number is the request's flags (`NLM_F_*`).
    pub add: fn(&mut World, DeviceId, &Found, u16, &Tb<'_>) -> Result,
    /// Removes one.
    pub delete: fn(&mut World, DeviceId, &Mac, &Tb<'_>) -> Result,
    /// Writes the one that is asked for.
    pub get: fn(&World, DeviceId, &Mac, &Tb<'_>, Header, &mut Builder) -> Result,
    /// Names all in the order of a listing: the address, and a number that tells it from others with the same.
    pub list: fn(&World, DeviceId) -> Vec<(Mac, u32)>,
    /// Writes one of those; nothing if it is gone.
    pub fill: fn(&World, DeviceId, (Mac, u32), Header, &mut Builder),
}

/// Changes a device by a request's attributes and those of its type's nest.
pub type Change = fn(&mut World, DeviceId, &Tb<'_>, &Tb<'_>) -> Result;
/// The same for a port; the master comes first.
pub type ChangePort = fn(&mut World, DeviceId, DeviceId, &Tb<'_>, &Tb<'_>) -> Result;

/// The device that a frame of a device's is for; none: nobody claims it.
pub type Claim = fn(&World, DeviceId, FrameId) -> Option<DeviceId>;

/// Takes the frames of a batch in which datagrams of UDP for devices of a type lie.
pub(crate) type Datagrams = fn(&mut World, &crate::host::tunnel::receive::Came, &mut Batch);

/// The deeds of a link type.
pub struct Type {
    /// The kind's name; empty for devices that no request makes (`lo`, hardware).
    pub kind: &'static str,
    /// The attributes of `IFLA_INFO_DATA`; none: they are passed over.
    pub table: Option<&'static Table>,
    /// The attributes of `IFLA_INFO_SLAVE_DATA` of its ports; none: it keeps nothing of ports.
    pub port_table: Option<&'static Table>,
    /// Fills a fresh Ethernet device with the type's facts. Always there.
    pub setup: fn(&mut Device),
    /// Refuses a request before a device is made or changed. The second is `IFLA_INFO_DATA`, if it is there.
    pub validate: fn(&Tb<'_>, Option<&Tb<'_>>) -> Result,
    /// Makes the link: must end with `World::register`, or leave nothing behind.
    pub newlink: fn(&mut World, &NewLink<'_>) -> Result,
    /// Changes the type's attributes; none: not supported.
    pub changelink: Option<Change>,
    /// Collects what dies with the device into the list, itself first; none: it cannot be deleted by request.
    pub dellink: Option<fn(&mut World, DeviceId, &mut Vec<DeviceId>)>,
    /// Writes the attributes of `IFLA_INFO_DATA`; none: the nest is left out.
    pub fill: Option<fn(&World, DeviceId, &mut Builder)>,
    /// Writes what it keeps of a port into `IFLA_INFO_SLAVE_DATA`.
    pub fill_port: Option<fn(&World, DeviceId, &mut Builder)>,
    /// Changes what it keeps of a port: master, port, the request's attributes, those of the slave's nest.
    pub change_port: Option<ChangePort>,
    /// The namespace that `IFLA_LINK` counts in; none: the type has no such thing.
    pub link_netns: Option<fn(&World, DeviceId) -> NetnsId>,
    /// The index of what the link leads to, in that namespace; none: its own.
    pub iflink: Option<fn(&World, DeviceId) -> u32>,
    /// Takes another device as its port: master, port; none: not supported.
    pub add_port: Option<fn(&mut World, DeviceId, DeviceId) -> Result>,
    /// Lets a port go: master, port.
    pub del_port: Option<fn(&mut World, DeviceId, DeviceId) -> Result>,
    /// Prepares a device for registration (`ndo_init`).
    pub init: Option<fn(&mut World, DeviceId) -> Result>,
    /// Undoes that at the end (`ndo_uninit`).
    pub uninit: Option<fn(&mut World, DeviceId)>,
    /// Refuses to go up with an address that is none (`eth_validate_addr`).
    pub checks_address: bool,
    /// Goes up.
    pub open: Option<fn(&mut World, DeviceId) -> Result>,
    /// Goes down.
    pub stop: Option<fn(&mut World, DeviceId)>,
    /// Takes an address; none: not supported. See `change::set_ethernet_address`.
    pub set_address: Option<fn(&mut World, DeviceId, Mac) -> Result>,
    /// Takes an MTU that is within the limits; none: it is just stored.
    pub change_mtu: Option<fn(&mut World, DeviceId, u32) -> Result>,
    /// PROMISC, ALLMULTI or MULTICAST (those bits) changed (`ndo_change_rx_flags`).
    pub change_rx_flags: Option<fn(&mut World, DeviceId, u32)>,
    /// It hears of what happens to devices before the host's IPv6 does, as its module is loaded before that one's.
    pub older_than_ipv6: bool,
    /// Whether people may have it listen to groups (`SIOCADDMULTI`, which asks whether there is an `ndo_set_rx_mode`).
    pub takes_groups: bool,
    /// Its extra addresses or flags of reception changed (`ndo_set_rx_mode`).
    pub set_rx_mode: Option<fn(&mut World, DeviceId)>,
    /// Sets the carrier as a user asks (`ndo_change_carrier`); none: nobody may.
    pub change_carrier: Option<fn(&mut World, DeviceId, bool)>,
    /// One of its timers went off; the number is the one under which it was set.
    pub timer: Option<fn(&mut World, DeviceId, TimerId)>,
    /// How fast it is; see `World::speed`.
    pub speed: Speed,
    /// Whether `ethtool` tells its link; of one of which it does not, a bond that asks it believes that it is up.
    pub tells_link: bool,
    /// What it counted; none: what `Device::counters` says.
    pub counters: Option<fn(&World, DeviceId) -> Counters>,
    /// Whether users may ask for extra unicast addresses on it; none: they may (`ndo_fdb_add`).
    pub takes_addresses: Option<fn(&World, DeviceId) -> bool>,
    /// The table of the routing domain that the device is the master of (`l3mdev_fib_table`); none: it is no such
    /// master.
    pub routing_table: Option<fn(&World, DeviceId) -> u32>,
    /// The table of addresses that it keeps of its own; none: it has a list of extra addresses.
    pub addresses: Option<&'static Addresses>,
    /// Sends frames: takes them out of the batch, counts them and forwards them; none: there is no way out
    /// (`ndo_start_xmit`).
    pub transmit: Option<fn(&mut World, DeviceId, &mut Batch)>,
    /// Whether its `transmit` and `receive` leave it to batches to count hops, and tell the frames the count where they take
    /// single frames out (`World::count_hops`). Else the frames are told before they are called.
    pub counts_hops: bool,
    /// The longest frame, with a tag beside it or without, that it does not drop and tell the sender of; none: any. See
    /// `World::longest`.
    pub longest: Option<fn(&World, DeviceId, bool) -> usize>,
    /// Takes everything that a device of this type receives, in place of what is done with Ethernet; none: it is
    /// Ethernet.
    pub receive_all: Option<fn(&mut World, DeviceId, &mut Batch)>,
    /// Takes datagrams that came to a port at which devices of this type listen.
    pub(crate) datagrams: Option<Datagrams>,
    /// Takes frames that a device received on which this type is the `rx_handler`; what stays in the batch goes on to
    /// the host stack.
    pub receive: Option<fn(&mut World, DeviceId, &mut Batch)>,
    /// The device that a packet is for which a device received on which this type is the `rx_handler`, although the
    /// packet has come to that device's own host stack; none: it is the host's (`l3mdev_l3_rcv`).
    pub claim: Option<Claim>,
    /// An event on a device to which this type has attached something, or on a device of this type itself.
    pub event: Option<fn(&mut World, DeviceId, Event) -> Result>,
}

impl Type {
    /// A type with nothing: what the others are made from.
    pub const DEFAULT: Type = Type {
        kind: "",
        table: None,
        port_table: None,
        setup: |_| (),
        validate: |_, _| Ok(()),
        newlink: |world, new| world.register(new.device),
        changelink: None,
        dellink: Some(|_, device, dying| dying.push(device)),
        fill: None,
        fill_port: None,
        change_port: None,
        link_netns: None,
        iflink: None,
        add_port: None,
        del_port: None,
        init: None,
        uninit: None,
        checks_address: true,
        open: None,
        stop: None,
        set_address: Some(crate::change::set_ethernet_address),
        change_mtu: None,
        change_rx_flags: None,
        older_than_ipv6: false,
        takes_groups: true,
        set_rx_mode: None,
        change_carrier: None,
        timer: None,
        speed: Speed::Unknown,
        tells_link: true,
        counters: None,
        takes_addresses: None,
        routing_table: None,
        addresses: None,
        transmit: None,
        counts_hops: false,
        longest: None,
        receive_all: None,
        datagrams: None,
        receive: None,
        claim: None,
        event: None,
    };
}

impl std::fmt::Debug for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind)
    }
}

/// The number of a type among all, one behind the last for those that no request makes.
pub(crate) fn number(kind: &Type) -> u8 {
    TYPES.iter().position(|known| *known == kind).unwrap_or(TYPES.len()) as u8
}

impl PartialEq for Type {
    fn eq(&self, other: &Type) -> bool {
        std::ptr::eq(self, other)
    }
}

/// What Ethernet types with a plain `validate` ask of a request: an address, if there is one, of six bytes and valid.
///
/// # Errors
/// EINVAL for another length, EADDRNOTAVAIL for zero or a group address.
pub fn validate_address(tb: &Tb<'_>, _: Option<&Tb<'_>>) -> Result {
    use rtnl::errno::Errno;
    let Some(attr) = tb.get(rtnl::object::link::IFLA_ADDRESS) else { return Ok(()) };
    let mac: Mac = attr.payload.try_into().map_err(|_| Refusal::new(Errno::EINVAL))?;
    if crate::device::is_valid_ether_addr(&mac) { Ok(()) } else { Err(Errno::EADDRNOTAVAIL.into()) }
}
