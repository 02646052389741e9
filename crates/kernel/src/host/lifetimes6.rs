//! How addresses of IPv6 age: they are deprecated, and they end (`addrconf_verify_rtnl` in `net/ipv6/addrconf.c`).

use super::HostTimer;
use crate::device::DeviceId;
use crate::inet6::{Address, addresses, find_mut, remove};
use crate::world::World;
use rtnl::object::addr::{FOREVER, IFA_F_DEPRECATED, RTM_NEWADDR};

/// Microseconds.
const SECOND: u64 = 1_000_000;

/// Sets the timer to the end of the lifetime that ends first.
pub(crate) fn watch_lifetimes(world: &mut World, id: DeviceId) {
    let ends = addresses(world, id).iter().flat_map(|own| {
        let preferred = if own.is(IFA_F_DEPRECATED) { FOREVER } else { own.preferred };
        [own.valid, preferred]
            .into_iter()
            .filter(|span| *span != FOREVER)
            .map(|span| own.updated.0.saturating_add(u64::from(span) * SECOND))
    });
    let (next, netns) = (ends.min(), world[id].netns);
    match next {
        Some(at) => {
            let delay = at.saturating_sub(world.now.0).max(1);
            world.set_host_timer(netns, HostTimer::Lifetimes6(id), delay);
        }
        None => world.cancel_host_timer(netns, HostTimer::Lifetimes6(id)),
    }
}

/// Ends what has lived long enough (`addrconf_verify_rtnl`).
pub(crate) fn end_lifetimes(world: &mut World, id: DeviceId) {
    let now = world.now;
    let is_over = |own: &Address, span: u32| {
        span != FOREVER && own.updated.0.saturating_add(u64::from(span) * SECOND) <= now.0
    };
    for own in addresses(world, id).to_vec() {
        if is_over(&own, own.valid) {
            remove(world, id, own.address);
        } else if is_over(&own, own.preferred) && !own.is(IFA_F_DEPRECATED) {
            let Some(present) = find_mut(world, id, own.address) else { continue };
            present.flags |= IFA_F_DEPRECATED;
            let told = present.clone();
            crate::rtnl::addr6::announce(world, id, RTM_NEWADDR, &told);
        }
    }
    watch_lifetimes(world, id);
}
