//! Copies of netlink messages for the devices that listen to them (`netlink_deliver_tap` in `net/netlink/af_netlink.c`).
//!
//! A namespace has a list of such devices, empty almost always. Every datagram that one of its clients sends or is given
//! is counted at each, and those who watch frames see it there behind a header that tells what it is
//! (`LINKTYPE_NETLINK`). Dumps are counted piece by piece as they are read.

use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::run::Deed;
use crate::world::World;
use rtnl::object::link::ARPHRD_NETLINK;

/// Bytes of the header in front of a copy: the type of packet, that of the hardware, ten that are not used, and the
/// protocol of netlink.
pub const HEADER: usize = 16;
/// The protocol of links, addresses and routes.
pub const NETLINK_ROUTE: u16 = 0;
/// Devices of one namespace that listen at most; more hear nothing.
const TAPS: usize = 1024;

/// For whom a message is (`PACKET_USER`, `PACKET_KERNEL`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heading {
    User = 6,
    Kernel = 7,
}

impl World {
    /// A device listens from now on, or no longer.
    pub(crate) fn listen_to_netlink(&mut self, id: DeviceId, on: bool) {
        let netns = self[id].netns;
        let Ok(space) = self.space_mut(netns) else { return };
        space.netlink_taps.retain(|other| *other != id);
        if on && space.netlink_taps.len() < TAPS {
            space.netlink_taps.push(id);
        }
    }

    /// Shows a datagram to the devices of a namespace that listen.
    pub(crate) fn tap_netlink(&mut self, netns: NetnsId, protocol: u16, heading: Heading, datagram: &[u8]) {
        let Ok(space) = self.space(netns) else { return };
        if space.netlink_taps.is_empty() || datagram.is_empty() {
            return;
        }
        for id in space.netlink_taps.clone() {
            let Some(device) = self.get_mut(id) else { continue };
            device.counters.rx_packets += 1;
            device.counters.rx_bytes += datagram.len() as u64;
            if self.run.watching {
                self.show_netlink(id, protocol, heading, datagram);
            }
        }
    }

    fn show_netlink(&mut self, id: DeviceId, protocol: u16, heading: Heading, datagram: &[u8]) {
        let mut bytes = Vec::with_capacity(HEADER + datagram.len());
        bytes.extend((heading as u16).to_be_bytes());
        bytes.extend(ARPHRD_NETLINK.to_be_bytes());
        bytes.resize(HEADER - 2, 0);
        bytes.extend(protocol.to_be_bytes());
        bytes.extend_from_slice(datagram);
        if let Some(frame) = self.run.pool.frame(&bytes) {
            self.sight(Some(id), frame, Deed::Sent);
            self.discard_consumed(frame);
        }
    }
}
