//! UDP: datagrams for the host's sockets, and word to the sender if there is none (RFC 768, `net/ipv4/udp.c`).

use super::socket::{self, Received};
use super::{domain, icmp, icmp6, tunnel};
use crate::device::DeviceId;
use crate::world::World;
use rtnl::object::route::RTN_LOCAL;
use std::net::{IpAddr, SocketAddr};
use wire::{Ipv4View, UdpView, checksum, protocol};

/// Takes a datagram over IPv4.
pub(crate) fn receive4(world: &mut World, id: DeviceId, view: &Ipv4View<'_>, kind: u8) {
    if tunnel::receive::take_whole(world, id, view.bytes()) {
        return;
    }
    let netns = world[id].netns;
    let (source, destination) = (view.source(), view.destination());
    let Ok(datagram) = UdpView::new(view.payload()) else { return };
    let pseudo = checksum::pseudo_v4(source, destination, protocol::UDP, datagram.length());
    if !datagram.checksum_is_right(pseudo) {
        return;
    }
    let input = domain::input4(world, id, destination);
    let received = Received {
        from: SocketAddr::new(IpAddr::V4(source), datagram.source_port()),
        to: IpAddr::V4(destination),
        ifindex: input.ifindex,
        port: input.port,
        ttl: view.ttl(),
        payload: Vec::new(),
    };
    let port = datagram.destination_port();
    let taken = socket::deliver_udp(world, netns, port, &received, datagram.payload());
    if !taken && kind == RTN_LOCAL {
        use wire::icmp::unreachable::PORT as code;
        icmp::send_error(world, netns, Some(id), view.bytes(), icmp::Error::Unreachable { code, mtu: 0 });
    }
}

/// Takes a datagram over IPv6; `head` says between whom, `packet` is the whole.
pub(crate) fn receive6(world: &mut World, id: DeviceId, head: &Received, payload: &[u8], packet: &[u8]) {
    if tunnel::receive::take_whole(world, id, packet) {
        return;
    }
    let netns = world[id].netns;
    let (IpAddr::V6(source), IpAddr::V6(destination)) = (head.from.ip(), head.to) else { return };
    let Ok(datagram) = UdpView::new(payload) else { return };
    let pseudo = checksum::pseudo_v6(source, destination, protocol::UDP, datagram.length());
    if datagram.checksum() == 0 || !datagram.checksum_is_right(pseudo) {
        return;
    }
    let from = SocketAddr::new(IpAddr::V6(source), datagram.source_port());
    let received = Received { from, ..head.clone() };
    let port = datagram.destination_port();
    let taken = socket::deliver_udp(world, netns, port, &received, datagram.payload());
    if !taken && !destination.is_multicast() {
        icmp6::send_error(world, netns, Some(id), packet, icmp6::Error::Unreachable { code: 4 });
    }
}
