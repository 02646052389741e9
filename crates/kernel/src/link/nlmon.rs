//! `nlmon`: hears the netlink messages of its namespace while it is up (`drivers/net/nlmon.c`; see `netlink_tap.rs`).

use super::Type;
use crate::device::{Device, DeviceId};
use crate::features::Features;
use crate::rtnl::room::GOOD_SIZE;
use crate::run::{Batch, Drop};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::link::{ARPHRD_NETLINK, IFF_NOARP, IFLA_ADDRESS};
use rtnl::table::Tb;

/// A message's header alone (`struct nlmsghdr`).
const LEAST: u32 = 16;

/// The type.
pub static TYPE: Type = Type {
    kind: "nlmon",
    setup,
    validate,
    checks_address: false,
    set_address: None,
    open: Some(|world, id| {
        world.listen_to_netlink(id, true);
        Ok(())
    }),
    stop: Some(|world, id| world.listen_to_netlink(id, false)),
    transmit: Some(transmit),
    takes_groups: false,
    ..Type::DEFAULT
};

fn setup(device: &mut Device) {
    device.hardware_type = ARPHRD_NETLINK;
    device.address_length = 0;
    device.broadcast = [0; 6];
    device.flags = IFF_NOARP;
    device.mtu = GOOD_SIZE as u32;
    device.min_mtu = LEAST;
    device.max_mtu = 0;
    device.features = Features::UNTAGGED;
    device.abilities.no_queue = true;
}

/// What it is given it counts as received (`nlmon_xmit`), and that is the end of it.
fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let bytes: u64 = batch.frames().iter().map(|frame| world.run.pool.length(*frame) as u64).sum();
    let counters = &mut world[id].counters;
    counters.rx_packets += batch.len() as u64;
    counters.rx_bytes += bytes;
    world.discard_all(Some(id), batch, Drop::Consumed);
}

/// It has no address, and takes none.
fn validate(tb: &Tb<'_>, _: Option<&Tb<'_>>) -> Result<(), Refusal> {
    if tb.has(IFLA_ADDRESS) { Err(Errno::EINVAL.into()) } else { Ok(()) }
}
