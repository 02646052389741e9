//! What a bridge answers in the name of hosts behind its ports, and what it therefore keeps from some of them
//! (`net/bridge/br_arp_nd_proxy.c`; RFC 826, RFC 4861 7.2).
//!
//! A port of `neigh_suppress` leads to hosts of which the neighbour table of the bridge (or of its vlan, for a frame of
//! a VLAN) knows everything: a tunnel, mostly. A question for one of them is answered at once, out of the port that it
//! came in through, and it is not flooded to such ports. Neither is what needs no answer there: a question for an
//! address of this host, a probe and what somebody announces of itself. A question that came in through such a port
//! is not looked at. `proxy_arp` answers what comes in through its port for every host whose place is known, and
//! nothing is flooded there; `proxy_arp_wifi` is `neigh_suppress` for ARP of its own hosts alone.
//!
//! To keep a frame from a port concerns flooding only: a frame to a known place goes there, and so does one to a group
//! whose members are known. A bridge without such ports does not come here; one with them takes what [`concerns`] this
//! file the long way, and no other frame.

use super::frames::Ingress;
use super::port::{self, flag};
use super::{of, of_mut};
use crate::device::{DeviceId, Mac};
use crate::fdb::key;
use crate::frame::{FrameId, PacketKind, Tag};
use crate::host::{domain, inet, neighbour};
use crate::inet6;
use crate::link::vlan;
use crate::run::{Drop, Step};
use crate::world::World;
use rtnl::object::link::IFF_NOARP;
use rtnl::object::neigh::NTF_ROUTER;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::ndp::{NdpOption, OptionsBuffer};
use wire::{Arp, Icmpv6, Ipv6, arp, ethertype, ndp::Ndp, protocol};

const ETHERNET: usize = wire::ethernet::LENGTH;
/// Where the message of ND is, and how long it is without options.
const MESSAGE: usize = ETHERNET + wire::ipv6::LENGTH;
const MESSAGE_LENGTH: usize = 24;
/// Reverse ARP (RFC 903): its protocol and operations.
const RARP: u16 = 0x8035;
const REVERSE: [u16; 2] = [3, 4];
/// ICMPv6's numbers of question and answer, and the answer's bit that it is one.
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const SOLICITED: u8 = 0x40;
/// The option of ND with the asker's address.
const SOURCE_MAC: u8 = 1;
/// Devices above one another at most.
const DEPTH: usize = 8;
/// The flags with which frames have to be looked at.
const PROXIES: u32 = flag::PROXYARP | flag::PROXYARP_WIFI | flag::NEIGH_SUPPRESS;
/// Ports that are kept from what was answered.
const WITHHELD: u32 = flag::PROXYARP_WIFI | flag::NEIGH_SUPPRESS;

/// Notes which of the flags any port has (`br_recalculate_neigh_suppress_enabled`).
pub(super) fn note_ports(world: &mut World, bridge: DeviceId) {
    let flags = of(world, bridge).arrivals.iter().filter_map(|id| port::of_port(world, *id));
    let proxies = flags.fold(0, |all, port| all | port.flags & PROXIES);
    of_mut(world, bridge).proxies = proxies;
}

/// Whether a frame may be a question or an answer: of all others [`look`] thinks nothing.
#[inline]
pub(super) fn concerns(bytes: &[u8]) -> bool {
    match bytes.get(12..ETHERNET).and_then(|kind| kind.first_chunk()).map(|kind| u16::from_be_bytes(*kind)) {
        Some(ethertype::ARP | RARP) => true,
        Some(ethertype::IPV6) => bytes.get(ETHERNET + 6) == Some(&protocol::ICMPV6),
        _ => false,
    }
}

/// Looks at a frame, and answers it if it can; the same facts of it, with what it is to be kept from. To look at it
/// again does nothing.
pub(super) fn look(world: &mut World, ingress: &Ingress, frame: FrameId, vid: u16) -> Ingress {
    let mut looked = Ingress { proxies: 0, ..*ingress };
    let suppresses = ingress.proxies & flag::NEIGH_SUPPRESS != 0;
    if ingress.proxies == 0 || ingress.port.is_none() && !suppresses {
        return looked;
    }
    let told = match world.run.pool.ethertype(frame) {
        ethertype::ARP | RARP => look_at_arp(world, ingress, frame, vid),
        ethertype::IPV6 if suppresses => look_at_nd(world, ingress, frame, vid),
        _ => None,
    };
    looked.withheld |= told.map_or(0, |()| WITHHELD);
    looked
}

/// Some if what was asked needs no other answer (`br_do_proxy_suppress_arp`).
fn look_at_arp(world: &mut World, ingress: &Ingress, frame: FrameId, vid: u16) -> Option<()> {
    let packet = world.run.pool.bytes(frame).get(ETHERNET..)?.first_chunk::<{ arp::LENGTH }>()?;
    let silent = world[ingress.bridge].flags & IFF_NOARP != 0;
    // The hardware's type is not compared.
    if silent || packet[2..6] != [8, 0, 6, 4] {
        return None;
    }
    let operation = u16::from_be_bytes([packet[6], packet[7]]);
    let asker: Mac = *packet[8..].first_chunk()?;
    let address = |at: usize| Some(Ipv4Addr::from(*packet[at..].first_chunk::<4>()?));
    let (source, target) = (address(14)?, address(24)?);
    if target.is_loopback() || target.is_multicast() {
        return None;
    }
    let suppresses = ingress.proxies & flag::NEIGH_SUPPRESS != 0;
    if suppresses {
        if ingress.flags & flag::NEIGH_SUPPRESS != 0 {
            return None;
        }
        if !REVERSE.contains(&operation) && (source.is_unspecified() || source == target) {
            return Some(());
        }
    }
    if operation != arp::REQUEST {
        return None;
    }
    let link = link_of(world, ingress, frame, vid)?;
    let has = |world: &World, id| inet::addresses(world, id).iter().any(|own| own.local == target);
    if suppresses && is_at_or_above(world, link, DEPTH, &has) {
        return Some(());
    }
    let known = find(world, ingress, (link, target.into()), vid)?;
    let wanted = ingress.flags & flag::PROXYARP != 0 || known.flags & WITHHELD != 0;
    if wanted {
        let answer = Arp {
            operation: arp::REPLY,
            sender_mac: known.mac,
            sender_ip: target,
            target_mac: asker,
            target_ip: source,
        };
        let mut said = [&asker[..], &known.mac, &ethertype::ARP.to_be_bytes()].concat();
        said.resize(ETHERNET + answer.length(), 0);
        answer.emit(&mut said[ETHERNET..]);
        let out = ingress.port.unwrap_or(ingress.bridge);
        if vid != 0 || world[out].flags & IFF_NOARP == 0 {
            reply(world, ingress, frame, vid, &said);
        }
    }
    (wanted || suppresses).then_some(())
}

/// The same for ND (`br_do_suppress_nd`).
fn look_at_nd(world: &mut World, ingress: &Ingress, frame: FrameId, vid: u16) -> Option<()> {
    let bytes = world.run.pool.bytes(frame);
    let message = bytes.get(MESSAGE..)?.first_chunk::<MESSAGE_LENGTH>()?;
    let suppressed = ingress.flags & flag::NEIGH_SUPPRESS != 0;
    if bytes[ETHERNET + 6] != protocol::ICMPV6 || message[1] != 0 || suppressed {
        return None;
    }
    match message[0] {
        ADVERTISEMENT if message[4] & SOLICITED == 0 => return Some(()),
        SOLICITATION => {}
        _ => return None,
    }
    let address = |at: usize| Some(Ipv6Addr::from(*bytes.get(at..)?.first_chunk::<16>()?));
    let (source, destination) = (address(ETHERNET + 8)?, address(ETHERNET + 24)?);
    let target = address(MESSAGE + 8)?;
    if source.is_unspecified() || source == destination {
        return Some(());
    }
    let link = link_of(world, ingress, frame, vid)?;
    if is_at_or_above(world, link, DEPTH, &|world, id| has_address6(world, id, target)) {
        return Some(());
    }
    let known = find(world, ingress, (link, target.into()), vid)?;
    if known.flags & flag::NEIGH_SUPPRESS != 0 {
        if let Some(said) = advertisement(world.run.pool.bytes(frame), target, &known) {
            reply(world, ingress, frame, vid, &said);
        }
    }
    Some(())
}

/// The device whose neighbours are asked for: the bridge, or its vlan of the frame's tag.
fn link_of(world: &World, ingress: &Ingress, frame: FrameId, vid: u16) -> Option<DeviceId> {
    match vid {
        0 => Some(ingress.bridge),
        _ => vlan::find(world, ingress.bridge, world.run.pool.meta(frame).tag.protocol, vid),
    }
}

/// Whether something holds for a device or for one that stands on it.
fn is_at_or_above(
    world: &World,
    id: DeviceId,
    depth: usize,
    holds: &dyn Fn(&World, DeviceId) -> bool,
) -> bool {
    let above = |next: &DeviceId| is_at_or_above(world, *next, depth - 1, holds);
    holds(world, id) || depth > 0 && world[id].stack.uppers.keys().any(above)
}

/// Whether an address is a device's own; one that is not of the link alone may be at any device of the same domain
/// (`ipv6_chk_addr`).
fn has_address6(world: &World, id: DeviceId, address: Ipv6Addr) -> bool {
    let Ok(space) = world.space(world[id].netns) else { return false };
    let of_link = inet6::is_link_local(address) || address.is_loopback();
    space.stack.holders6.of(address).any(|holder| {
        inet6::own(world, holder, address) == Some(false)
            && domain::master(world, holder) == domain::master(world, id)
            && (holder == id || !of_link)
    })
}

/// A neighbour whose place the bridge knows.
struct Known {
    mac: Mac,
    router: bool,
    /// The flags of the port that it is behind.
    flags: u32,
}

fn find(world: &World, ingress: &Ingress, asked: (DeviceId, IpAddr), vid: u16) -> Option<Known> {
    let found = neighbour::find(world, asked).filter(|found| found.state & neighbour::VALID != 0)?;
    let state = of(world, ingress.bridge);
    let place = state.fdb.find(key(&found.mac, vid))?;
    let port = state.ports.get(&place.port).and_then(|id| port::of_port(world, *id));
    let router = found.flags & NTF_ROUTER != 0;
    Some(Known { mac: found.mac, router, flags: port.map_or(0, |port| port.flags) })
}

/// The asker's address: what the question says, else what the frame came from. None if an option is broken.
fn asker_of(question: &[u8]) -> Option<Mac> {
    let mut rest = question.get(MESSAGE + MESSAGE_LENGTH..)?;
    while let [kind, length, ..] = *rest {
        let length = usize::from(length) * 8;
        if length == 0 {
            return None;
        }
        let (option, behind) = rest.split_at_checked(length)?;
        if kind == SOURCE_MAC {
            return option[2..].first_chunk().copied();
        }
        rest = behind;
    }
    question.get(6..)?.first_chunk().copied()
}

/// The answer of ND to a question (`br_nd_send`).
fn advertisement(question: &[u8], target: Ipv6Addr, known: &Known) -> Option<Vec<u8>> {
    let asker = asker_of(question)?;
    let asker_address: [u8; 16] = *question.get(ETHERNET + 8..)?.first_chunk()?;
    let options = OptionsBuffer::new(&[NdpOption::TargetMac(known.mac)]);
    let options = options.options();
    let answer = Ndp::NeighbourAdvertisement {
        router: known.router,
        solicited: true,
        replaces: true,
        target,
        options,
    };
    let message = Icmpv6::Ndp(answer);
    let header = Ipv6 {
        // The upper four bits of the question's.
        traffic_class: question[ETHERNET] << 4,
        flow_label: 0,
        payload_length: message.length() as u16,
        next_header: protocol::ICMPV6,
        hop_limit: 255,
        source: target,
        destination: asker_address.into(),
    };
    let mut said = [&asker[..], &known.mac, &ethertype::IPV6.to_be_bytes()].concat();
    said.resize(MESSAGE + message.length(), 0);
    header.emit(&mut said[ETHERNET..]);
    message.emit(&mut said[MESSAGE..], header.source, header.destination);
    Some(said)
}

/// Sends an answer where the question came from, with the question's tag unless frames without one belong there.
fn reply(world: &mut World, ingress: &Ingress, question: FrameId, vid: u16, said: &[u8]) {
    let Some(answer) = world.run.pool.frame(said) else {
        world.run.drops[Drop::NoPool as usize] += 1;
        return;
    };
    let asked = world.run.pool.meta(question);
    let (hops, tag) = (asked.hops, asked.tag);
    let is_arp = said[12..ETHERNET] == ethertype::ARP.to_be_bytes();
    let meta = world.run.pool.meta_mut(answer);
    meta.hops = hops;
    meta.tag = if vid == 0 || vid == ingress.pvid { Tag::NONE } else { tag };
    match ingress.port {
        Some(port) => world.forward(port, Step::Transmit, answer),
        // The bridge sends an answer of ARP that has no VLAN as it sends all else.
        None if is_arp && vid == 0 => world.forward(ingress.bridge, Step::Transmit, answer),
        None => {
            world.run.pool.meta_mut(answer).kind = PacketKind::Host;
            world.forward(ingress.bridge, Step::Receive, answer);
        }
    }
}
