//! Frames of which somebody above says how they are sent, at a vxlan that is controlled from outside (`vxlan_xmit_one`
//! without a far end of the table).
//!
//! A route says everything: both ends, the network, and what the headers have. A bridge says the network of a frame's
//! VLAN, and the table the far ends that stand for it there: that is `transmit`'s. The settings still say from which
//! ports packets come and to which they go.

use super::table::Remote;
use super::transmit::{Leaving, PORTS, ROUTED_TOS, fail, headers, ways};
use super::{flag, networks, overhead_over};
use crate::host::encap::{Encap, Options};
use crate::host::tunnel::inside;
use crate::host::tunnel::send::{self, Journey, Outer, Way};
use crate::host::tunnel::too_big;
use crate::link::bridge;
use crate::run::Drop;
use crate::world::World;
use rtnl::object::encap::flag as bit;
use wire::vxlan;

const ETHERNET: usize = wire::ethernet::LENGTH;

/// Sends a frame as a route says.
pub(super) fn send(world: &mut World, leaving: &Leaving<'_>, encap: &Encap) {
    let Leaving { id, netns, domain, config, frame, inside, .. } = *leaving;
    let (remote, local) = (encap.destination, encap.source);
    let journey = Journey { netns, remote, local, oif: domain, tos: encap.tos & ROUTED_TOS };
    let way = match send::way(world, id, &journey, ways) {
        Ok(way) => way,
        Err(_) => {
            world[id].counters.errors.tx_carrier_errors += 1;
            return fail(world, leaving, Drop::NoRoute);
        }
    };
    if way.device == id {
        world[id].counters.errors.collisions += 1;
        return fail(world, leaving, Drop::HopLimit);
    }
    let whole = world.run.pool.length(frame);
    let length = whole.saturating_sub(inside.head);
    let mtu = way.mtu.saturating_sub(overhead_over(config, remote.is_ipv6()));
    if length > mtu as usize && bridge::bridge_of(world, id).is_some() {
        if let Some(answer) = too_big::answer(world, frame, mtu) {
            world.discard(Some(id), frame, Drop::TooBig);
            return super::transmit::bypass(world, id, id, answer, None);
        }
    }
    let Some(outer) = outer(leaving, encap, &way) else {
        return fail(world, leaving, Drop::UnhandledProtocol);
    };
    if config.has(flag::GPE) {
        world.run.pool.pull(frame, ETHERNET);
    }
    send::send_counted(world, id, &way, &outer, (frame, length));
    networks::count(world, id, leaving.network, |counters| counters.sent(whole));
}

/// The headers of the packet; none if what it carries has no place in one.
fn outer(leaving: &Leaving<'_>, encap: &Encap, way: &Way) -> Option<Outer> {
    let Leaving { config, inside, .. } = leaving;
    let remote = Remote { address: encap.destination, port: 0, network: encap.network(), ifindex: 0 };
    let mut outer = headers(config, &remote, inside.ethertype)?;
    if let (Options::Vxlan(policy), true) = (&encap.options, config.has(flag::GBP)) {
        if *policy != 0 {
            let word = u32::from_be_bytes(*outer.header.first_chunk()?) | vxlan::flag::GROUP | policy;
            outer.header[..4].copy_from_slice(&word.to_be_bytes());
        }
    }
    outer.ttl = if encap.ttl == 0 { way.ttl } else { encap.ttl };
    outer.tos = inside::outer_tos(encap.tos, inside.tos);
    outer.label = 0;
    outer.sums = encap.has(bit::CSUM);
    outer.whole = encap.has(bit::DONT_FRAGMENT);
    let range = if config.ports.0 < config.ports.1 { config.ports } else { PORTS };
    outer.source_port = inside::source_port(inside, range);
    Some(outer)
}
