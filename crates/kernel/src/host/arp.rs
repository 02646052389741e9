//! ARP: asks who has an address, and answers (RFC 826, `net/ipv4/arp.c`).

use super::conf::v4;
use super::neighbour::{self, Claim};
use super::route4::{self, Incoming};
use super::{For, domain, fib4, inet, send_frame_with};
use crate::device::{BROADCAST, DeviceId, Mac};
use crate::frame::FrameId;
use crate::frame::metadata::Metadata;
use crate::run::Drop;
use crate::world::World;
use rtnl::object::link::IFF_NOARP;
use rtnl::object::neigh::{NUD_REACHABLE, NUD_STALE};
use rtnl::object::route::*;
use std::net::{IpAddr, Ipv4Addr};
use wire::arp::{REPLY, REQUEST};
use wire::{Arp, Ethernet, ethertype};

/// Sends a packet (`arp_send_dst`); to everybody if no address is given.
fn send(world: &mut World, id: DeviceId, to: Option<Mac>, packet: &Arp, metadata: Metadata) {
    let Some(device) = world.get(id).filter(|device| device.flags & IFF_NOARP == 0) else { return };
    let destination = to.unwrap_or(BROADCAST);
    let header = Ethernet { destination, source: device.address, ethertype: ethertype::ARP };
    let mut bytes = [0; wire::ethernet::LENGTH + wire::arp::LENGTH];
    header.emit(&mut bytes);
    packet.emit(&mut bytes[wire::ethernet::LENGTH..]);
    send_frame_with(world, id, &bytes, metadata);
}

/// Asks who has an address (`arp_solicit`): a known owner directly, else everybody. The question bears the source of
/// the packet that waits for the answer, if that is the host's own and may be said, and goes by the same tunnel.
pub(crate) fn solicit(
    world: &mut World,
    id: DeviceId,
    target: Ipv4Addr,
    (source, metadata): (Option<Ipv4Addr>, Metadata),
    to: Option<Mac>,
) {
    let Some(device) = world.get(id) else { return };
    let own = device.address;
    let is_local = |address: &Ipv4Addr| domain::address_type(world, id, *address) == RTN_LOCAL;
    let on_link = |address: &Ipv4Addr| {
        let both = |own: &inet::Address| own.covers(target) && own.covers(*address);
        inet::addresses(world, id).iter().any(both)
    };
    let said = match inet::setting(world, id, v4::ARP_ANNOUNCE) {
        0 => source.filter(is_local),
        1 => source.filter(is_local).filter(on_link),
        _ => None,
    };
    let sender_ip = said.unwrap_or_else(|| inet::select(world, id, target, RT_SCOPE_LINK));
    let packet =
        Arp { operation: REQUEST, sender_mac: own, sender_ip, target_mac: [0; 6], target_ip: target };
    send(world, id, to, &packet, metadata);
}

/// Tells everybody of the device's addresses (`inetdev_send_gratuitous_arp`).
pub(crate) fn announce_all(world: &mut World, id: DeviceId) {
    let own = world[id].address;
    let addresses: Vec<Ipv4Addr> = inet::addresses(world, id).iter().map(|address| address.local).collect();
    for address in addresses {
        let packet = Arp {
            operation: REQUEST,
            sender_mac: own,
            sender_ip: address,
            target_mac: [0; 6],
            target_ip: address,
        };
        send(world, id, None, &packet, Metadata::None);
    }
}

/// Takes a frame of ARP that came in through a device (`arp_rcv`).
pub(crate) fn receive(world: &mut World, id: DeviceId, frame: FrameId, kind: For) {
    let packet = Arp::parse(world.run.pool.bytes(frame).get(wire::ethernet::LENGTH..).unwrap_or_default());
    let has_ipv4 = world[id].inet.is_some();
    let reason = match packet {
        _ if world[id].flags & IFF_NOARP != 0 => Drop::OtherHost,
        _ if kind == For::Other => Drop::OtherHost,
        Ok(packet) if has_ipv4 => {
            let metadata = world.run.pool.metadata(frame);
            process(world, id, &packet, kind, &metadata);
            Drop::Consumed
        }
        _ => Drop::BadHeader,
    };
    super::consume(world, id, frame, reason);
}

/// `arp_process`.
fn process(world: &mut World, id: DeviceId, packet: &Arp, kind: For, metadata: &Metadata) {
    let Arp { operation, sender_mac, sender_ip, target_ip, .. } = *packet;
    let localnet = inet::is_set(world, id, v4::ROUTE_LOCALNET);
    if target_ip.is_multicast() || target_ip.is_loopback() && !localnet {
        return;
    }
    if operation != REQUEST && operation != REPLY {
        return;
    }
    if sender_ip == target_ip && inet::is_set(world, id, v4::DROP_GRATUITOUS_ARP) {
        return;
    }
    let netns = world[id].netns;
    if sender_ip.is_unspecified() {
        // Somebody looks whether the address is free.
        let is_own = fib4::address_type(world, netns, target_ip, Some(id)) == RTN_LOCAL;
        if operation == REQUEST && is_own && !ignores(world, id, sender_ip, target_ip) {
            answer(world, id, packet, metadata);
        }
        return;
    }
    if operation == REQUEST && answers(world, id, packet, metadata) {
        return;
    }
    learn(world, id, packet, kind, sender_mac);
}

/// Deals with a question that concerns the host; false if it does not.
fn answers(world: &mut World, id: DeviceId, packet: &Arp, metadata: &Metadata) -> bool {
    let Arp { sender_mac, sender_ip, target_ip, .. } = *packet;
    let tunnel = metadata.came_through().map_or(0, u64::from);
    let Ok(route) = route4::incoming(world, id, sender_ip, target_ip, 0, (0, tunnel), true) else {
        return false;
    };
    let sender = (id, IpAddr::V4(sender_ip));
    match route {
        Incoming::Local { kind: RTN_LOCAL, .. } => {
            let silent = ignores(world, id, sender_ip, target_ip)
                || inet::is_set(world, id, v4::ARP_FILTER) && leads_elsewhere(world, id, packet);
            if !silent && neighbour::heard(world, sender, sender_mac) {
                answer(world, id, packet, metadata);
            }
            true
        }
        Incoming::Forward { device, .. } if route4::forwards(world, id) => {
            let netns = world[id].netns;
            let proxied = inet::is_set(world, id, v4::PROXY_ARP) && device != id
                || inet::own_setting(world, id, v4::PROXY_ARP_PVLAN)
                    && device == id
                    && sender_ip != target_ip
                || device != id && super::proxied::is_proxied(world, netns, IpAddr::V4(target_ip), id);
            if proxied {
                neighbour::heard(world, sender, sender_mac);
                answer(world, id, packet, metadata);
            }
            proxied
        }
        _ => false,
    }
}

/// Answers, back by the tunnel that the question came through (`iptunnel_metadata_reply`).
fn answer(world: &mut World, id: DeviceId, question: &Arp, metadata: &Metadata) {
    let own = world[id].address;
    let packet = Arp {
        operation: REPLY,
        sender_mac: own,
        sender_ip: question.target_ip,
        target_mac: question.sender_mac,
        target_ip: question.sender_ip,
    };
    send(world, id, Some(question.sender_mac), &packet, metadata.back());
}

/// Whether a question about an own address gets no answer (`arp_ignore`).
fn ignores(world: &World, id: DeviceId, sender: Ipv4Addr, target: Ipv4Addr) -> bool {
    let on_device = |scope: u8, towards: Ipv4Addr| {
        let fits = |address: &inet::Address| {
            address.local == target
                && address.scope <= scope
                && (towards.is_unspecified() || address.covers(towards))
        };
        inet::addresses(world, id).iter().any(fits)
    };
    let anywhere = |scope: u8| {
        let Ok(space) = world.space(world[id].netns) else { return false };
        let has = |address: &inet::Address| address.local == target && address.scope <= scope;
        space.stack.holders4.of(target).any(|other| inet::addresses(world, other).iter().any(has))
    };
    match inet::setting(world, id, v4::ARP_IGNORE) {
        1 => !on_device(RT_SCOPE_HOST, Ipv4Addr::UNSPECIFIED),
        2 => !on_device(RT_SCOPE_HOST, sender),
        3 => !anywhere(RT_SCOPE_LINK),
        4..=7 => false,
        8 => true,
        _ => false,
    }
}

/// Whether the host would send to the asker through another device, or could not at all (`arp_filter`).
fn leads_elsewhere(world: &World, id: DeviceId, packet: &Arp) -> bool {
    let netns = world[id].netns;
    let flow = fib4::Flow { source: packet.target_ip, ..fib4::Flow::to(packet.sender_ip) };
    route4::outgoing(world, netns, &flow).map_or(true, |route| route.device != id)
}

/// Updates what is known of the sender.
fn learn(world: &mut World, id: DeviceId, packet: &Arp, kind: For, mac: Mac) {
    let key = (id, IpAddr::V4(packet.sender_ip));
    let netns = world[id].netns;
    let is_unicast =
        |world: &World| fib4::address_type(world, netns, packet.sender_ip, Some(id)) == RTN_UNICAST;
    let accepts = inet::is_set(world, id, v4::ARP_ACCEPT);
    let known = neighbour::find(world, key).is_some();
    let gratuitous = packet.target_ip == packet.sender_ip
        && (packet.operation == REQUEST || packet.target_mac == mac)
        && is_unicast(world);
    if !known {
        let wanted = accepts && (gratuitous || packet.operation == REPLY && is_unicast(world));
        if !wanted || neighbour::create(world, key, false).is_err() {
            return;
        }
    }
    let overrides = gratuitous || neighbour::is_unlocked(world, key);
    let direct = packet.operation == REPLY && kind == For::Host;
    let state = if direct { NUD_REACHABLE } else { NUD_STALE };
    // What is fixed stays as it is.
    let _ = neighbour::update(world, key, Some(mac), state, Claim { overrides, ..Claim::default() });
}
