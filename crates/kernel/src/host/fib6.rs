//! Routes of IPv6: **not built yet.** There is none, so that whatever asks for one hears that the network cannot be
//! reached.

use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use std::net::Ipv6Addr;
#[derive(Default)]
pub(crate) struct Fib {}
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub oif: u32,
    pub iif: u32,
    pub mark: u32,
}
impl Flow {
    pub(crate) fn to(destination: Ipv6Addr) -> Flow {
        Flow { source: Ipv6Addr::UNSPECIFIED, destination, oif: 0, iif: 1, mark: 0 }
    }
}
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub device: DeviceId,
    pub source: Ipv6Addr,
    pub mtu: u32,
}
pub(crate) fn outgoing(_: &World, _: NetnsId, _: &Flow) -> Result<Outgoing, Errno> {
    Err(Errno::ENETUNREACH)
}
pub(crate) fn expire(_: &mut World, _: NetnsId) {}
