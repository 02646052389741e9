//! `nlmon`: hears the netlink messages of its namespace (`drivers/net/nlmon.c`).

use super::Type;
use crate::device::Device;
use crate::features::Features;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::link::{ARPHRD_NETLINK, IFF_NOARP, IFLA_ADDRESS};
use rtnl::table::Tb;

/// The largest message that fits a page (`NLMSG_GOODSIZE`).
const GOOD_SIZE: u32 = 3776;
/// A message's header alone (`struct nlmsghdr`).
const LEAST: u32 = 16;

/// The type.
pub static TYPE: Type =
    Type { kind: "nlmon", setup, validate, checks_address: false, set_address: None, ..Type::DEFAULT };

fn setup(device: &mut Device) {
    device.hardware_type = ARPHRD_NETLINK;
    device.address_length = 0;
    device.broadcast = [0; 6];
    device.flags = IFF_NOARP;
    device.mtu = GOOD_SIZE;
    device.min_mtu = LEAST;
    device.max_mtu = 0;
    device.features = Features::UNTAGGED;
    device.abilities.no_queue = true;
}

/// It has no address, and takes none.
fn validate(tb: &Tb<'_>, _: Option<&Tb<'_>>) -> Result<(), Refusal> {
    if tb.has(IFLA_ADDRESS) { Err(Errno::EINVAL.into()) } else { Ok(()) }
}
