//! What an address of IPv6 is, and the questions that are asked about those of a device.

use super::part;
use crate::device::DeviceId;
use crate::host::fib6::{self, key};
use crate::netns::NetnsId;
use crate::world::{Instant, World};
use rtnl::object::addr::*;
use rtnl::object::route::*;
use std::net::Ipv6Addr;

/// An address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub address: Ipv6Addr,
    pub peer: Option<Ipv6Addr>,
    pub length: u8,
    /// `IFA_F_*`.
    pub flags: u32,
    pub priority: u32,
    pub protocol: u8,
    /// Lifetimes in seconds from `updated` on.
    pub preferred: u32,
    pub valid: u32,
    pub created: Instant,
    pub updated: Instant,
    /// Questions that are still to be asked.
    pub probes: u32,
    /// Whether the search for duplicates has begun since the link became ready.
    pub begun: bool,
    /// Whether the group in which it is asked for was joined for it.
    pub listens: bool,
}

impl Address {
    /// `RT_SCOPE_*`.
    pub(crate) fn scope(&self) -> u8 {
        match self.address.octets() {
            [0xff, scope, ..] => match scope & 15 {
                1 => RT_SCOPE_HOST,
                2 => RT_SCOPE_LINK,
                5 => RT_SCOPE_SITE,
                _ => RT_SCOPE_UNIVERSE,
            },
            _ if self.address.is_loopback() => RT_SCOPE_HOST,
            _ if is_link_local(self.address) => RT_SCOPE_LINK,
            _ if self.address.segments()[0] & 0xffc0 == 0xfec0 => RT_SCOPE_SITE,
            _ => RT_SCOPE_UNIVERSE,
        }
    }

    pub(crate) fn is(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn network(&self) -> fib6::Key {
        key(self.address, self.length)
    }
}

/// Whether an address means nothing without its link.
pub(crate) fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

pub(super) fn find(world: &World, id: DeviceId, address: Ipv6Addr) -> Option<&Address> {
    addresses(world, id).iter().find(|own| own.address == address)
}

pub(crate) fn find_mut(world: &mut World, id: DeviceId, address: Ipv6Addr) -> Option<&mut Address> {
    part(world, id)?.addresses.iter_mut().find(|own| own.address == address)
}

/// The addresses of a device.
pub(crate) fn addresses(world: &World, id: DeviceId) -> &[Address] {
    world.get(id).and_then(|device| device.inet6.as_ref()).map_or(&[], |inet6| &inet6.addresses)
}

/// The addresses alone.
pub(crate) fn all(world: &World, id: DeviceId) -> impl Iterator<Item = Ipv6Addr> + '_ {
    addresses(world, id).iter().map(|own| own.address)
}

/// Whether a device has an address, and whether it is still looked at.
pub(crate) fn own(world: &World, id: DeviceId, address: Ipv6Addr) -> Option<bool> {
    find(world, id, address).map(|own| own.is(IFA_F_TENTATIVE))
}

/// The device that has an address; of that index only, if one is given.
pub(crate) fn find_device(
    world: &World,
    netns: NetnsId,
    address: Ipv6Addr,
    ifindex: Option<u32>,
) -> Option<DeviceId> {
    let fits = |id: &DeviceId| {
        let here = ifindex.is_none_or(|ifindex| world[*id].ifindex == ifindex);
        here && own(world, *id, address) == Some(false)
    };
    let holders = world.space(netns).ok()?.stack.holders6.of(address).filter(fits);
    holders.min_by_key(|id| world[*id].arrival)
}

/// The address of the link itself, if it may be used.
pub(crate) fn link_local(world: &World, id: DeviceId) -> Option<Ipv6Addr> {
    let usable = |own: &&Address| is_link_local(own.address) && !own.is(IFA_F_TENTATIVE);
    addresses(world, id).iter().find(usable).map(|own| own.address)
}
