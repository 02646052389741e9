//! ICMPv6: **not built yet.** No error is sent.

use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::world::World;
use std::net::Ipv6Addr;
#[derive(Clone, Copy, Debug)]
pub(crate) enum Error {
    Unreachable { code: u8 },
    Reassembly,
}
pub(crate) fn send_error(_: &mut World, _: NetnsId, _: Option<DeviceId>, _: &[u8], _: Error) {}
pub(crate) fn fill_checksum(_: Ipv6Addr, _: Ipv6Addr, _: &mut [u8]) {}
