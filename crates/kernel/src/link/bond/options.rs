//! What requests change (`bond_options.c`, `bond_changelink` in `bond_netlink.c`).
//!
//! An option is a row: the modes that do not know it, whether it may change while the bond is up or has slaves, and
//! the least and the largest value. The rows stand in the order in which Linux looks at the attributes; what went
//! before a refusal stays.

use super::slave::{self, of_slave};
use super::{DEFAULT_MIIMON, Params, active, arp, lacp, of, of_mut, set_carrier, timer};
use crate::device::{DeviceId, Mac};
use crate::world::{Instant, World};
use rtnl::attr::Attr;
use rtnl::errno::Errno;
use rtnl::kind::bond::{self as words, *};
use rtnl::kind::bond_slave::*;
use rtnl::message::Refusal;
use rtnl::table::Tb;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An option whose value is one number.
struct Row {
    attribute: u16,
    /// The modes that do not know it, one bit a mode.
    unknown_in: u8,
    no_slaves: bool,
    down: bool,
    range: (i64, i64),
    set: Set,
}

/// What setting an option does.
enum Set {
    /// It is stored, and that is all.
    Store(fn(&mut Params, i64)),
    /// More follows.
    Deed(fn(&mut World, DeviceId, i64) -> Result<(), Errno>),
}

const INT_MAX: i64 = i32::MAX as i64;
const fn only(modes: u8) -> u8 {
    !modes
}
const RR: u8 = 1 << BOND_MODE_ROUNDROBIN;
const AB: u8 = 1 << BOND_MODE_ACTIVEBACKUP;
const AD: u8 = 1 << BOND_MODE_8023AD;
const LB: u8 = 1 << BOND_MODE_TLB | 1 << BOND_MODE_ALB;

impl Row {
    const fn store(attribute: u16, range: (i64, i64), store: fn(&mut Params, i64)) -> Row {
        Row { attribute, unknown_in: 0, no_slaves: false, down: false, range, set: Set::Store(store) }
    }

    const fn deed(
        attribute: u16,
        range: (i64, i64),
        deed: fn(&mut World, DeviceId, i64) -> Result<(), Errno>,
    ) -> Row {
        Row { attribute, unknown_in: 0, no_slaves: false, down: false, range, set: Set::Deed(deed) }
    }

    const fn unknown_in(mut self, modes: u8) -> Row {
        self.unknown_in = modes;
        self
    }

    const fn no_slaves(mut self) -> Row {
        self.no_slaves = true;
        self
    }

    const fn down(mut self) -> Row {
        self.down = true;
        self
    }
}

/// Before the lists of targets.
static FIRST: &[Row] = &[
    Row::deed(IFLA_BOND_MODE, (0, 6), set_mode).no_slaves().down(),
    Row::deed(IFLA_BOND_ACTIVE_SLAVE, ANY, set_active).unknown_in(only(AB | LB)),
    Row::deed(IFLA_BOND_MIIMON, (0, INT_MAX), set_miimon),
    Row::deed(IFLA_BOND_UPDELAY, (0, INT_MAX), |world, bond, value| {
        periods(world, bond, value).map(|periods| of_mut(world, bond).params.updelay = periods)
    }),
    Row::deed(IFLA_BOND_DOWNDELAY, (0, INT_MAX), |world, bond, value| {
        periods(world, bond, value).map(|periods| of_mut(world, bond).params.downdelay = periods)
    }),
    Row::deed(IFLA_BOND_PEER_NOTIF_DELAY, (0, 300_000), |world, bond, value| {
        periods(world, bond, value)
            .map(|periods| of_mut(world, bond).params.peer_notif_delay = periods as u32)
    }),
    Row::store(IFLA_BOND_USE_CARRIER, (0, 1), |params, on| params.use_carrier = on != 0),
    Row::deed(IFLA_BOND_ARP_INTERVAL, (0, INT_MAX), set_arp_interval).unknown_in(AD | LB),
];

/// Behind them.
static SECOND: &[Row] = &[
    Row::store(IFLA_BOND_ARP_VALIDATE, (0, 6), |params, value| params.arp_validate = value as u32)
        .unknown_in(AD | LB),
    Row::store(IFLA_BOND_ARP_ALL_TARGETS, (0, 1), |params, value| params.arp_all_targets = value as u32),
    Row::deed(IFLA_BOND_PRIMARY, ANY, set_primary).unknown_in(only(AB | LB)),
    Row::deed(IFLA_BOND_PRIMARY_RESELECT, (0, 2), |world, bond, value| {
        of_mut(world, bond).params.primary_reselect = value as u8;
        active::select(world, bond);
        Ok(())
    }),
    Row::store(IFLA_BOND_FAIL_OVER_MAC, (0, 2), |params, value| params.fail_over_mac = value as u8)
        .no_slaves(),
    Row::store(IFLA_BOND_XMIT_HASH_POLICY, (0, 5), |params, value| params.xmit_policy = value as u8),
    Row::store(IFLA_BOND_RESEND_IGMP, (0, 255), |params, value| params.resend_igmp = value as u32),
    Row::store(IFLA_BOND_NUM_PEER_NOTIF, (0, 255), |params, value| params.num_peer_notif = value as u8),
    Row::deed(IFLA_BOND_ALL_SLAVES_ACTIVE, (0, 1), set_all_active),
    Row::deed(IFLA_BOND_MIN_LINKS, (0, INT_MAX), |world, bond, value| {
        of_mut(world, bond).params.min_links = value as u32;
        set_carrier(world, bond);
        Ok(())
    }),
    Row::store(IFLA_BOND_LP_INTERVAL, (1, INT_MAX), |params, value| params.lp_interval = value as u32),
    Row::store(IFLA_BOND_PACKETS_PER_SLAVE, (0, 65535), |params, value| {
        params.packets_per_slave = value as u32
    })
    .unknown_in(only(RR)),
    Row::deed(IFLA_BOND_AD_LACP_ACTIVE, (0, 1), |world, bond, on| {
        of_mut(world, bond).params.lacp_active = on != 0;
        lacp::update_settings(world, bond);
        Ok(())
    })
    .unknown_in(only(AD))
    .down(),
    Row::deed(IFLA_BOND_AD_LACP_RATE, (0, 1), |world, bond, on| {
        of_mut(world, bond).params.lacp_fast = on != 0;
        lacp::update_settings(world, bond);
        Ok(())
    })
    .unknown_in(only(AD))
    .down(),
    Row::store(IFLA_BOND_AD_SELECT, (0, 2), |params, value| params.ad_select = value as u8).down(),
    Row::deed(IFLA_BOND_AD_ACTOR_SYS_PRIO, (1, 65535), |world, bond, value| {
        of_mut(world, bond).params.ad_actor_sys_prio = value as u16;
        lacp::rename_system(world, bond);
        Ok(())
    })
    .unknown_in(only(AD)),
    Row::store(IFLA_BOND_AD_USER_PORT_KEY, (0, 1023), |params, value| params.ad_user_port_key = value as u16)
        .unknown_in(only(AD))
        .down(),
];

/// Behind the system's address.
static THIRD: &[Row] = &[
    Row::store(IFLA_BOND_TLB_DYNAMIC_LB, (0, 1), |params, on| params.tlb_dynamic_lb = on != 0)
        .unknown_in(only(LB))
        .down(),
    Row::store(IFLA_BOND_MISSED_MAX, (1, 255), |params, value| params.missed_max = value as u8)
        .unknown_in(AD | LB),
];

/// The value is looked at elsewhere.
const ANY: (i64, i64) = (i64::MIN, i64::MAX);

/// What is known of a system's address.
const SYSTEM: Row = Row::store(IFLA_BOND_AD_ACTOR_SYSTEM, ANY, |_, _| ()).unknown_in(only(AD));
/// Of a slave's priority.
const PRIO: Row = Row::store(IFLA_BOND_SLAVE_PRIO, ANY, |_, _| ()).unknown_in(only(AB | LB));

/// What the kernel says of an option that it refuses (`bond_opt_error_interpret`).
fn refused(errno: Errno, attr: Attr<'_>) -> Refusal {
    let sentence = match errno {
        Errno::EINVAL => "invalid option value",
        Errno::EACCES => "option not supported in mode",
        Errno::ENOTEMPTY => "unable to set option because the bond device has slaves",
        Errno::EBUSY => "unable to set option because the bond is up",
        _ => return errno.into(),
    };
    Refusal::said(errno, sentence).at(Some(attr))
}

/// Whether the option may be set as things are (`bond_opt_check_deps`).
fn check(world: &World, bond: DeviceId, row: &Row) -> Result<(), Errno> {
    let state = of(world, bond);
    match () {
        () if row.unknown_in & 1 << state.params.mode != 0 => Err(Errno::EACCES),
        () if row.no_slaves && !state.slaves.is_empty() => Err(Errno::ENOTEMPTY),
        () if row.down && world[bond].is_up() => Err(Errno::EBUSY),
        () => Ok(()),
    }
}

/// The value as the kernel's `int` has it.
fn value(attr: &Attr<'_>) -> i64 {
    let wire = words::KIND.table.row(attr.number).and_then(|row| row.wire.number(attr));
    i64::from(wire.unwrap_or(0) as i32)
}

fn set(world: &mut World, bond: DeviceId, row: &Row, attr: Attr<'_>) -> Result<(), Refusal> {
    let value = value(&attr);
    if row.attribute == IFLA_BOND_ACTIVE_SLAVE && value != 0 {
        let netns = world[bond].netns;
        world.by_index(netns, value as u32).ok_or(Errno::ENODEV)?;
    }
    let inside = (row.range.0..=row.range.1).contains(&value);
    let outcome = check(world, bond, row).and_then(|()| match row.set {
        _ if !inside => Err(Errno::EINVAL),
        Set::Deed(deed) => deed(world, bond, value),
        Set::Store(store) => {
            store(&mut of_mut(world, bond).params, value);
            Ok(())
        }
    });
    outcome.map_err(|errno| refused(errno, attr))
}

/// Changes a bond (`bond_changelink`).
pub(super) fn change(world: &mut World, bond: DeviceId, _: &Tb<'_>, data: &Tb<'_>) -> Result<(), Refusal> {
    let miimon = data.u32(IFLA_BOND_MIIMON).is_some_and(|interval| interval != 0);
    let excluded = |attr: Attr<'_>, sentence| {
        let wanted = attr.u32() != 0;
        let refusal = Refusal::said(Errno::EINVAL, sentence).at(data.get(IFLA_BOND_ARP_INTERVAL));
        if wanted && miimon { Err(refusal) } else { Ok(()) }
    };
    for row in FIRST {
        let Some(attr) = data.get(row.attribute) else { continue };
        if row.attribute == IFLA_BOND_ARP_INTERVAL {
            excluded(attr, "ARP monitoring cannot be used with MII monitoring")?;
        }
        set(world, bond, row, attr)?;
    }
    if let Some(list) = data.get(IFLA_BOND_ARP_IP_TARGET) {
        set_arp_targets(world, bond, list)?;
    }
    if let Some(list) = data.get(IFLA_BOND_NS_IP6_TARGET) {
        set_ns_targets(world, bond, list)?;
    }
    for row in SECOND {
        let Some(attr) = data.get(row.attribute) else { continue };
        if row.attribute == IFLA_BOND_ARP_VALIDATE {
            excluded(attr, "ARP validating cannot be used with MII monitoring")?;
        }
        set(world, bond, row, attr)?;
    }
    if let Some(attr) = data.get(IFLA_BOND_AD_ACTOR_SYSTEM) {
        set_system(world, bond, attr)?;
    }
    THIRD.iter().try_for_each(|row| match data.get(row.attribute) {
        Some(attr) => set(world, bond, row, attr),
        None => Ok(()),
    })
}

/// Changes a slave (`bond_slave_changelink`).
pub(super) fn change_slave(
    world: &mut World,
    bond: DeviceId,
    id: DeviceId,
    _: &Tb<'_>,
    data: &Tb<'_>,
) -> Result<(), Refusal> {
    if let Some(queue) = data.u16(IFLA_BOND_SLAVE_QUEUE_ID) {
        set_queue(world, bond, id, queue)?;
    }
    if let Some(attr) = data.get(IFLA_BOND_SLAVE_PRIO) {
        check(world, bond, &PRIO).map_err(|errno| refused(errno, attr))?;
        if let Some(slave) = of_slave(world, id) {
            slave.prio = attr.i32();
        }
        if of(world, bond).primary.is_none() {
            active::select(world, bond);
        }
    }
    Ok(())
}

/// A queue belongs to one slave.
fn set_queue(world: &mut World, bond: DeviceId, id: DeviceId, queue: u16) -> Result<(), Errno> {
    let taken = |other: &DeviceId| {
        *other != id && queue != 0 && slave::of(world, *other).is_some_and(|slave| slave.queue_id == queue)
    };
    if u32::from(queue) > world[bond].tx_queues || of(world, bond).slaves.iter().any(taken) {
        return Err(Errno::EPERM);
    }
    if let Some(slave) = of_slave(world, id) {
        slave.queue_id = queue;
    }
    Ok(())
}

// What setting an option brings about.

fn set_mode(world: &mut World, bond: DeviceId, mode: i64) -> Result<(), Errno> {
    let mode = mode as u8;
    let params = &mut of_mut(world, bond).params;
    if matches!(mode, BOND_MODE_8023AD | BOND_MODE_TLB | BOND_MODE_ALB) {
        params.arp_interval = 0;
        if params.miimon == 0 {
            params.miimon = DEFAULT_MIIMON;
        }
    }
    if mode == BOND_MODE_ALB {
        params.tlb_dynamic_lb = true;
    }
    params.arp_validate = 0;
    params.mode = mode;
    Ok(())
}

fn set_active(world: &mut World, bond: DeviceId, ifindex: i64) -> Result<(), Errno> {
    let Some(new) = world.by_index(world[bond].netns, ifindex as u32) else {
        of_mut(world, bond).active = None;
        active::select(world, bond);
        return Ok(());
    };
    let slave = slave::of(world, new).filter(|slave| slave.bond == bond).ok_or(Errno::EINVAL)?;
    let usable = slave.link == BOND_LINK_UP && slave::is_up(world, new);
    match of(world, bond).active {
        Some(old) if old == new => Ok(()),
        Some(_) if usable => {
            active::change(world, bond, Some(new));
            Ok(())
        }
        _ => Err(Errno::EINVAL),
    }
}

fn set_miimon(world: &mut World, bond: DeviceId, interval: i64) -> Result<(), Errno> {
    let params = &mut of_mut(world, bond).params;
    params.miimon = interval as u32;
    if interval != 0 && params.arp_interval != 0 {
        params.arp_interval = 0;
        params.arp_validate = 0;
    }
    if !world[bond].is_up() {
        return Ok(());
    }
    if interval == 0 {
        world.cancel_timer(bond, timer::MII);
    } else {
        world.cancel_timer(bond, timer::ARP);
        world.set_timer(bond, timer::MII, 0);
    }
    Ok(())
}

/// A delay in periods of the monitor, which must run.
fn periods(world: &World, bond: DeviceId, delay: i64) -> Result<i32, Errno> {
    match of(world, bond).params.miimon {
        0 => Err(Errno::EPERM),
        miimon => Ok((delay / i64::from(miimon)) as i32),
    }
}

fn set_arp_interval(world: &mut World, bond: DeviceId, interval: i64) -> Result<(), Errno> {
    let params = &mut of_mut(world, bond).params;
    params.arp_interval = interval as u32;
    if interval != 0 {
        params.miimon = 0;
    }
    if interval == 0 {
        world.cancel_timer(bond, timer::ARP);
    } else if world[bond].is_up() {
        world.cancel_timer(bond, timer::MII);
        arp::begin(world, bond);
    }
    Ok(())
}

/// Replaces the list; what stands before an address that is refused is kept.
fn set_arp_targets(world: &mut World, bond: DeviceId, list: Attr<'_>) -> Result<(), Refusal> {
    of_mut(world, bond).params.arp_targets.clear();
    forget_targets(world, bond);
    for attr in list.attrs() {
        let octets: [u8; 4] = *attr.payload.first_chunk().ok_or(Errno::EINVAL)?;
        let target = Ipv4Addr::from(octets);
        let targets = &mut of_mut(world, bond).params.arp_targets;
        let wrong = target.is_unspecified() || target.is_broadcast() || targets.contains(&target);
        if wrong || targets.len() >= TARGETS {
            return Err(refused(Errno::EINVAL, list));
        }
        targets.push(target);
        let place = targets.len() - 1;
        begin_target(world, bond, place, Some(world.now));
    }
    Ok(())
}

/// Nothing has been heard of any target.
fn forget_targets(world: &mut World, bond: DeviceId) {
    (0..TARGETS).for_each(|place| begin_target(world, bond, place, None));
}

/// A target has the time from now on to be heard of.
fn begin_target(world: &mut World, bond: DeviceId, place: usize, now: Option<Instant>) {
    for id in of(world, bond).slaves.clone() {
        of_slave(world, id).into_iter().for_each(|slave| slave.heard.begin_target(place, now));
    }
}

fn set_ns_targets(world: &mut World, bond: DeviceId, list: Attr<'_>) -> Result<(), Refusal> {
    of_mut(world, bond).params.ns_targets.clear();
    forget_targets(world, bond);
    for attr in list.attrs() {
        let short = Refusal::said(Errno::EINVAL, "Invalid IPv6 address");
        let octets: [u8; 16] = *attr.payload.first_chunk().ok_or(short)?;
        let target = Ipv6Addr::from(octets);
        let targets = &mut of_mut(world, bond).params.ns_targets;
        let wrong = target.is_unspecified() || target.is_loopback() || target.is_multicast();
        if wrong || targets.contains(&target) || targets.len() >= TARGETS {
            return Err(refused(Errno::EINVAL, list));
        }
        targets.push(target);
        let place = targets.len() - 1;
        begin_target(world, bond, place, Some(world.now));
    }
    Ok(())
}

fn set_primary(world: &mut World, bond: DeviceId, ifindex: i64) -> Result<(), Errno> {
    let named = world.by_index(world[bond].netns, ifindex as u32);
    let name: Box<[u8]> = named.map_or(Box::default(), |id| world[id].name.bytes().into());
    let state = of_mut(world, bond);
    let slave = named.filter(|id| state.slaves.contains(id));
    let changes = slave.is_some() || state.primary.is_some() || named.is_none();
    state.params.primary = name;
    state.primary = slave;
    state.force_primary |= slave.is_some();
    if changes {
        active::select(world, bond);
    }
    Ok(())
}

fn set_all_active(world: &mut World, bond: DeviceId, on: i64) -> Result<(), Errno> {
    let on = on != 0;
    if std::mem::replace(&mut of_mut(world, bond).params.all_slaves_active, on) == on {
        return Ok(());
    }
    for id in of(world, bond).slaves.clone() {
        if let Some(slave) = of_slave(world, id).filter(|slave| slave.backup) {
            slave.inactive = !on;
        }
    }
    Ok(())
}

fn set_system(world: &mut World, bond: DeviceId, attr: Attr<'_>) -> Result<(), Refusal> {
    let address: Mac = attr.payload.try_into().map_err(|_| Errno::EINVAL)?;
    check(world, bond, &SYSTEM).map_err(|errno| refused(errno, attr))?;
    let is_group = address[0] & 1 != 0;
    if is_group {
        return Err(refused(Errno::EINVAL, attr));
    }
    of_mut(world, bond).params.ad_actor_system = address;
    lacp::rename_system(world, bond);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_that_is_one_number_has_one_row() {
        let rows = || FIRST.iter().chain(SECOND).chain(THIRD);
        for row in words::KIND.table.rows {
            let lists = [IFLA_BOND_ARP_IP_TARGET, IFLA_BOND_NS_IP6_TARGET];
            let other = [IFLA_BOND_AD_INFO, IFLA_BOND_AD_ACTOR_SYSTEM];
            let count = rows().filter(|option| option.attribute == row.number).count();
            let wanted = usize::from(!lists.contains(&row.number) && !other.contains(&row.number));
            assert_eq!(count, wanted, "{}", row.name);
        }
    }
}
