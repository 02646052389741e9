//! `netkit`: a pair of devices; what one sends the other receives, if the sender's policy lets it pass
//! (`drivers/net/netkit.c`, which Linux has since 6.7).
//!
//! One end, the primary one, stands for both towards settings. In layer 3 the ends have no addresses and resolve none;
//! in layer 2 they are as veth's.
//!
//! **Left out**: programs. Linux lets the primary end attach them (through `bpf`, not by a request of rtnetlink); here
//! the policy alone decides, as on Linux without a program. What `scrub` means for marks matters only to programs.

use super::{NewLink, Type, pair, validate_address};
use crate::device::{Device, DeviceId, Mac, TSO_MAX_SIZE, segmentation};
use crate::features::Features;
use crate::frame::PacketKind;
use crate::run::{Batch, Drop};
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::kind::netkit::*;
use rtnl::message::Refusal;
use rtnl::object::link::{IFF_NOARP, IFLA_ADDRESS};
use rtnl::table::Tb;

/// The type.
pub static TYPE: Type = Type {
    kind: "netkit",
    table: Some(KIND.table),
    setup,
    validate: validate_address,
    newlink,
    changelink: Some(changelink),
    dellink: Some(pair::dellink),
    fill: Some(fill),
    link_netns: Some(pair::link_netns),
    iflink: Some(pair::iflink),
    checks_address: false,
    open: Some(pair::open),
    stop: Some(pair::stop),
    set_address: Some(set_address),
    transmit: Some(transmit),
    ..Type::DEFAULT
};

/// What an end keeps of itself.
struct End {
    primary: bool,
    mode: u32,
    policy: u32,
    scrub: u32,
}

fn setup(device: &mut Device) {
    device.flags |= IFF_NOARP;
    device.max_mtu = 65535;
    device.features = Features::USUAL;
    device.abilities.live_address = true;
    device.abilities.no_queue = true;
    device.segmentation[segmentation::TSO_MAX_SIZE] = TSO_MAX_SIZE;
}

fn end(world: &World, id: DeviceId) -> Option<&End> {
    world.get(id)?.attached()
}

/// Reads a policy; some of the kernel's are for programs only.
fn policy(data: &Tb<'_>, number: u16) -> Result<Option<u32>, Refusal> {
    match data.get(number) {
        Some(attr) if ![NETKIT_PASS, NETKIT_DROP].contains(&attr.u32()) => {
            let sentence = "Provided default xmit policy not supported";
            Err(Refusal::said(Errno::EINVAL, sentence).at(Some(attr)))
        }
        attr => Ok(attr.map(|attr| attr.u32())),
    }
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    let data = new.data;
    let mode = data.u32(IFLA_NETKIT_MODE).unwrap_or(NETKIT_L3);
    if ![NETKIT_L2, NETKIT_L3].contains(&mode) {
        let sentence = "Provided device mode can only be L2 or L3";
        return Err(Refusal::said(Errno::EINVAL, sentence).at(data.get(IFLA_NETKIT_MODE)));
    }
    let policies = [policy(data, IFLA_NETKIT_POLICY)?, policy(data, IFLA_NETKIT_PEER_POLICY)?];
    if mode != NETKIT_L2 && new.tb.has(IFLA_ADDRESS) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let peer = pair::allocate_peer(world, new, &TYPE, IFLA_NETKIT_PEER_INFO, b"nk%d")?;
    if mode != NETKIT_L2 && world[peer.device].address != [0; 6] {
        world.release(peer.device);
        return Err(Errno::EOPNOTSUPP.into());
    }
    let scrubs = [IFLA_NETKIT_SCRUB, IFLA_NETKIT_PEER_SCRUB]
        .map(|number| data.u32(number).unwrap_or(NETKIT_SCRUB_DEFAULT));
    for (place, id) in [new.device, peer.device].into_iter().enumerate() {
        if mode == NETKIT_L2 {
            world.init_random_address(id)?;
            world[id].flags &= !IFF_NOARP;
        }
        let policy = policies[place].unwrap_or(NETKIT_PASS);
        world[id].attach(End { primary: place == 0, mode, policy, scrub: scrubs[place] });
    }
    if !new.tb.has(rtnl::object::link::IFLA_IFNAME) {
        world[new.device].name = crate::device::Name::new(b"nk%d");
    }
    pair::join(world, new, &peer)
}

fn changelink(world: &mut World, id: DeviceId, _: &Tb<'_>, data: &Tb<'_>) -> Result<(), Refusal> {
    let primary = end(world, id).is_some_and(|end| end.primary);
    if !primary {
        let sentence = "netkit link settings can be changed only through the primary device";
        return Err(Refusal::said(Errno::EACCES, sentence));
    }
    let fixed = [
        (
            IFLA_NETKIT_MODE,
            Errno::EACCES,
            "netkit link operating mode cannot be changed after device creation",
        ),
        (IFLA_NETKIT_SCRUB, Errno::EACCES, "netkit scrubbing cannot be changed after device creation"),
        (IFLA_NETKIT_PEER_SCRUB, Errno::EACCES, "netkit scrubbing cannot be changed after device creation"),
        (IFLA_NETKIT_PEER_INFO, Errno::EINVAL, "netkit peer info cannot be changed after device creation"),
    ];
    for (number, errno, sentence) in fixed {
        if data.has(number) {
            return Err(Refusal::said(errno, sentence).at(data.get(number)));
        }
    }
    let peer = pair::peer(world, id);
    for (number, id) in [(IFLA_NETKIT_POLICY, Some(id)), (IFLA_NETKIT_PEER_POLICY, peer)] {
        let Some(policy) = policy(data, number)? else { continue };
        let id = id.ok_or(Errno::EOPNOTSUPP)?;
        if let Some(end) = world[id].attached_mut::<End>() {
            end.policy = policy;
        }
    }
    Ok(())
}

fn fill(world: &World, id: DeviceId, out: &mut Builder) {
    let Some(own) = end(world, id) else { return };
    out.u8(IFLA_NETKIT_PRIMARY, u8::from(own.primary));
    out.u32(IFLA_NETKIT_POLICY, own.policy);
    out.u32(IFLA_NETKIT_MODE, own.mode);
    out.u32(IFLA_NETKIT_SCRUB, own.scrub);
    if let Some(peer) = pair::peer(world, id).and_then(|peer| end(world, peer)) {
        out.u32(IFLA_NETKIT_PEER_POLICY, peer.policy);
        out.u32(IFLA_NETKIT_PEER_SCRUB, peer.scrub);
    }
}

fn set_address(world: &mut World, id: DeviceId, address: Mac) -> Result<(), Refusal> {
    match end(world, id) {
        Some(end) if end.mode == NETKIT_L2 => crate::change::set_ethernet_address(world, id, address),
        _ => Err(Errno::EOPNOTSUPP.into()),
    }
}

/// Gives frames to the other end (`netkit_xmit`), if it is up and the policy is to pass them.
fn transmit(world: &mut World, id: DeviceId, batch: &mut Batch) {
    let passes = end(world, id).is_some_and(|end| end.policy == NETKIT_PASS);
    let peer = pair::peer(world, id).filter(|peer| world[*peer].is_up());
    let Some(peer) = peer.filter(|_| passes) else {
        let reason = if passes { Drop::NoPeer } else { Drop::Policy };
        world[id].counters.tx_dropped += batch.len() as u64;
        return world.discard_all(Some(id), batch, reason);
    };
    let mut bytes = 0;
    for frame in batch.frames() {
        bytes += world.run.pool.length(*frame) as u64;
        world.run.pool.forget_metadata(*frame);
        let meta = world.run.pool.meta_mut(*frame);
        meta.priority = 0;
        meta.kind = PacketKind::Auto;
    }
    pair::hand_over(world, id, peer, bytes, batch);
}
