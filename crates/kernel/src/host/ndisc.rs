//! Neighbour discovery: **not built yet.** Nobody is asked, no group is reported.

use crate::device::{DeviceId, Mac};
use crate::world::World;
use std::net::Ipv6Addr;
pub(crate) fn solicit(_: &mut World, _: DeviceId, _: Ipv6Addr, _: Option<Ipv6Addr>, _: Option<Mac>) {}
pub(crate) fn report_groups(_: &mut World, _: DeviceId) {}
