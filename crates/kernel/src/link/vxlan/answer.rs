//! What a vxlan answers in the name of others: questions of ARP and ND whose answers its namespace knows
//! (`arp_reduce`, `neigh_reduce`), and frames to a router that a neighbour can have at once (`route_shortcircuit`).

use super::{Config, entries, flag, state_mut};
use crate::device::{DeviceId, Mac};
use crate::frame::{FrameId, PacketKind};
use crate::host::neighbour;
use crate::run::{Drop, Step};
use crate::world::World;
use rtnl::object::link::IFF_NOARP;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::ndp::{Ndp, NdpOption, Options, OptionsBuffer};
use wire::{Arp, Icmpv6, Ipv6, Ipv6View, arp, ethertype, protocol};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// ICMPv6's number of a question for a neighbour.
const SOLICITATION: u8 = 135;

/// Whether a frame is a question that is not to leave: every frame of ARP, and those of ND.
pub(super) fn is_question(bytes: &[u8]) -> bool {
    match bytes.get(12..14) {
        Some([8, 6]) => true,
        Some([0x86, 0xdd]) => {
            bytes.len() >= ETHERNET + 40 + 24
                && bytes[20] == protocol::ICMPV6
                && bytes[54..56] == [SOLICITATION, 0]
        }
        _ => false,
    }
}

/// Takes a question of a network, and answers it if the answer is known.
pub(super) fn answer(world: &mut World, id: DeviceId, config: &Config, (frame, network): (FrameId, u32)) {
    let bytes = world.run.pool.bytes(frame);
    let v4 = bytes.get(12..14) == Some(&[8, 6]);
    let asked = match v4 {
        // The length is compared as if there were no Ethernet header in front.
        true if bytes.len() < arp::LENGTH => {
            world[id].counters.tx_dropped += 1;
            None
        }
        true => asked4(bytes).map(IpAddr::V4),
        false => asked6(bytes).map(IpAddr::V6),
    };
    let silent = world[id].flags & IFF_NOARP != 0 && v4 || world[id].inet6.is_none() && !v4;
    if let Some(asked) = asked.filter(|_| !silent) {
        let reply = match neighbour::find(world, (id, asked)).map(|known| (known.state, known.mac)) {
            Some((state, mac)) if state & neighbour::CONNECTED != 0 => {
                reply(world, id, (frame, network), asked, mac)
            }
            Some(_) => None,
            None => {
                if config.has(flag::L3MISS) {
                    entries::miss_address(world, id, asked);
                }
                None
            }
        };
        if let Some(reply) = reply {
            world.run.pool.meta_mut(reply).kind = PacketKind::Host;
            world.run.pool.meta_mut(reply).hops = world.run.pool.meta(frame).hops;
            world.forward(id, Step::Receive, reply);
        }
    }
    world.discard(Some(id), frame, Drop::Consumed);
}

/// Whom a frame of ARP asks for.
fn asked4(bytes: &[u8]) -> Option<Ipv4Addr> {
    let question = Arp::parse(bytes.get(ETHERNET..)?).ok()?;
    let target = question.target_ip;
    (question.operation == arp::REQUEST && !target.is_loopback() && !target.is_multicast()).then_some(target)
}

/// Whom a frame of ND asks for.
fn asked6(bytes: &[u8]) -> Option<Ipv6Addr> {
    let view = Ipv6View::new(bytes.get(ETHERNET..)?).ok()?;
    let target: [u8; 16] = *view.payload().get(8..24)?.first_chunk()?;
    let target = Ipv6Addr::from(target);
    (!view.destination().is_loopback() && !target.is_multicast()).then_some(target)
}

/// The answer, if the neighbour is not at this end of the network.
fn reply(
    world: &mut World,
    id: DeviceId,
    (frame, network): (FrameId, u32),
    asked: IpAddr,
    mac: Mac,
) -> Option<FrameId> {
    let now = world.now;
    let found = state_mut(world, id)?.table.find(&mac, network, now);
    let (here, router) =
        found.map_or((false, false), |entry| (entry.first.address.is_unspecified(), entry.is_router()));
    if here {
        return None;
    }
    let bytes = world.run.pool.bytes(frame);
    let said = match asked {
        IpAddr::V4(asked) => {
            let question = Arp::parse(&bytes[ETHERNET..]).ok()?;
            let answer = Arp {
                operation: arp::REPLY,
                sender_mac: mac,
                sender_ip: asked,
                target_mac: question.sender_mac,
                target_ip: question.sender_ip,
            };
            let mut said = [&question.sender_mac[..], &mac, &ethertype::ARP.to_be_bytes()].concat();
            said.resize(ETHERNET + answer.length(), 0);
            answer.emit(&mut said[ETHERNET..]);
            said
        }
        IpAddr::V6(asked) => advertisement(bytes, asked, mac, router)?,
    };
    world.run.pool.frame(&said)
}

/// The answer of ND to a question (`vxlan_na_create`).
fn advertisement(question: &[u8], target: Ipv6Addr, mac: Mac, router: bool) -> Option<Vec<u8>> {
    let view = Ipv6View::new(question.get(ETHERNET..)?).ok()?;
    let told = Options::new(view.payload().get(24..)?).ok().and_then(|options| options.source_mac());
    let asker = told.unwrap_or(*question.get(6..12)?.first_chunk()?);
    let options = OptionsBuffer::new(&[NdpOption::TargetMac(mac)]);
    let options = options.options();
    let answer = Ndp::NeighbourAdvertisement { router, solicited: true, replaces: true, target, options };
    let message = Icmpv6::Ndp(answer);
    let header = Ipv6 {
        traffic_class: view.traffic_class() & 0xf0,
        flow_label: 0,
        payload_length: message.length() as u16,
        next_header: protocol::ICMPV6,
        hop_limit: 255,
        source: target,
        destination: view.source(),
    };
    let mut said = [&asker[..], &mac, &ethertype::IPV6.to_be_bytes()].concat();
    said.resize(ETHERNET + wire::ipv6::LENGTH + message.length(), 0);
    header.emit(&mut said[ETHERNET..]);
    message.emit(&mut said[ETHERNET + wire::ipv6::LENGTH..], header.source, header.destination);
    Some(said)
}

/// Addresses a frame for a router to the neighbour that it is for, if that is known; says whether that is another.
pub(super) fn cut_short(world: &mut World, id: DeviceId, config: &Config, frame: FrameId) -> bool {
    let bytes = world.run.pool.bytes(frame);
    let address = |at: usize| bytes.get(at..);
    let to = match bytes.get(12..14) {
        Some([8, 0]) => address(30).and_then(|rest| rest.first_chunk::<4>()).map(|b| IpAddr::from(*b)),
        Some([0x86, 0xdd]) => address(38).and_then(|rest| rest.first_chunk::<16>()).map(|b| IpAddr::from(*b)),
        _ => None,
    };
    let Some(to) = to.filter(|_| bytes[0] & 1 == 0) else { return false };
    let Some(mac) = neighbour::find(world, (id, to)).map(|known| known.mac) else {
        if config.has(flag::L3MISS) {
            entries::miss_address(world, id, to);
        }
        return false;
    };
    let Some(bytes) = world.run.pool.bytes_mut(frame) else { return false };
    let differs = bytes[..6] != mac;
    if differs {
        bytes.copy_within(0..6, 6);
        bytes[..6].copy_from_slice(&mac);
    }
    differs
}
