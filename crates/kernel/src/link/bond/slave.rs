//! Slaves: how devices become one, what happens to them, how they leave (`bond_enslave`, `__bond_release_one`,
//! `bond_netdev_event`).
//!
//! A slave has two states. `link` is what monitoring says of it. `backup` and `inactive` say whether the bond uses it:
//! a backup sends nothing, and what an inactive one receives goes no further.

use super::{
    active, alb, arp, draw_address, follow_features, hardware, lacp, mii, of_mut, reception, set_carrier,
    steal_address, update_usable,
};
use crate::asked::Asked;
use crate::device::{AddressOrigin, Counters, DeviceId, Mac};
use crate::link::Event;
use crate::world::{Instant, World};
use rtnl::errno::Errno;
use rtnl::kind::bond::*;
use rtnl::kind::bond_slave::*;
use rtnl::message::Refusal;
use rtnl::object::link::{IFF_MASTER, IFF_SLAVE};

/// The speed and the duplex that nobody knows (`SPEED_UNKNOWN`, `DUPLEX_UNKNOWN`).
const UNKNOWN: u32 = u32::MAX;

/// What a bond keeps of a slave, on the slave.
pub(crate) struct Slave {
    /// The bond.
    pub(crate) bond: DeviceId,
    /// `BOND_LINK_*`.
    pub(super) link: u8,
    /// What the monitor proposes in its place.
    pub(super) proposed: Option<u8>,
    /// Periods until the proposal is taken.
    pub(super) delay: i32,
    /// It waits (`BOND_STATE_BACKUP`).
    pub(super) backup: bool,
    /// What it receives goes no further.
    pub(super) inactive: bool,
    /// Mbit/s; [`UNKNOWN`].
    pub(super) speed: u32,
    /// The address that it had when it came.
    pub(super) permanent: Mac,
    /// The MTU that it had when it came.
    original_mtu: u32,
    pub(super) failures: u32,
    pub(super) queue_id: u16,
    pub(super) prio: i32,
    /// When the link was last up; none: it never was.
    pub(super) last_up: Option<Instant>,
    /// What the monitor of ARP knows of it.
    pub(super) heard: arp::Heard,
    /// What it had counted when it came.
    pub(super) counted_before: Counters,
    /// The extra addresses that the bond asked it for.
    pub(super) asked: Asked,
    /// It listens to LACP.
    pub(super) hears_lacp: bool,
    /// Bytes a second that it sends, as far as they are balanced.
    pub(super) load: u32,
    /// What LACP knows of its link.
    pub(super) port: lacp::Port,
    /// The aggregator that came with it.
    pub(super) aggregator: lacp::Aggregator,
}

impl Slave {
    /// Its speed, if that is known.
    pub(super) fn known_speed(&self) -> Option<u32> {
        Some(self.speed).filter(|speed| *speed != UNKNOWN)
    }
}

/// What a bond keeps of a slave; none if the device is not one.
pub(super) fn of(world: &World, id: DeviceId) -> Option<&Slave> {
    world.get(id)?.attached()
}

/// The same, to change.
pub(super) fn of_slave(world: &mut World, id: DeviceId) -> Option<&mut Slave> {
    world.get_mut(id)?.attached_mut()
}

/// Whether frames pass the device (`bond_slave_is_up`).
pub(super) fn is_up(world: &World, id: DeviceId) -> bool {
    world.get(id).is_some_and(|device| device.is_up() && device.carrier)
}

/// Whether the bond may send through it (`bond_slave_can_tx`).
pub(super) fn can_send(world: &World, id: DeviceId) -> bool {
    is_up(world, id) && of(world, id).is_some_and(|slave| slave.link == BOND_LINK_UP && !slave.backup)
}

/// Looks at the device's speed again; says whether it is known (`bond_update_speed_duplex`).
pub(super) fn learn_speed(world: &mut World, id: DeviceId) -> bool {
    let speed = world.full_duplex_speed(id);
    if let Some(slave) = of_slave(world, id) {
        slave.speed = speed.unwrap_or(UNKNOWN);
    }
    speed.is_some()
}

/// Modes in which a slave of unknown speed is of no use (`bond_needs_speed_duplex`).
pub(super) fn needs_speed(mode: u8) -> bool {
    matches!(mode, BOND_MODE_8023AD | BOND_MODE_TLB | BOND_MODE_ALB)
}

// States, and telling of them.

/// What monitoring says of the link, aloud (`bond_set_slave_link_state`).
pub(super) fn set_link(world: &mut World, id: DeviceId, link: u8) {
    let Some(slave) = of_slave(world, id) else { return };
    if std::mem::replace(&mut slave.link, link) != link {
        world.announce_link(id);
    }
}

fn set_backup(world: &mut World, id: DeviceId, backup: bool) {
    let Some(slave) = of_slave(world, id) else { return };
    if std::mem::replace(&mut slave.backup, backup) != backup {
        world.announce_link(id);
    }
}

/// The bond uses the slave (`bond_set_slave_active_flags`).
pub(super) fn set_active(world: &mut World, id: DeviceId) {
    set_backup(world, id, false);
    if let Some(slave) = of_slave(world, id) {
        slave.inactive = false;
    }
}

/// The bond does not use the slave; one that balances load still sends through it
/// (`bond_set_slave_inactive_flags`).
pub(super) fn set_inactive(world: &mut World, id: DeviceId) {
    let Some(bond) = of(world, id).map(|slave| slave.bond) else { return };
    let state = super::of(world, bond);
    let (balances, all_active) = (state.balances_load(), state.params.all_slaves_active);
    if !balances {
        set_backup(world, id, true);
    }
    if let Some(slave) = of_slave(world, id).filter(|_| !all_active) {
        slave.inactive = true;
    }
}

/// The same as far as sending goes (`bond_set_active_slave`).
pub(super) fn let_send(world: &mut World, id: DeviceId) {
    set_backup(world, id, false);
}

/// It does not send (`bond_set_backup_slave`).
pub(super) fn keep_from_sending(world: &mut World, id: DeviceId) {
    set_backup(world, id, true);
}

// Coming.

/// Refuses devices that cannot be slaves of this bond.
fn may_join(world: &World, bond: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    const ARPHRD_CAN: u16 = 280;
    let refused = |sentence| Err(Refusal::said(Errno::EPERM, sentence));
    let candidate = &world[id];
    if candidate.hardware_type == ARPHRD_CAN {
        return refused("CAN devices cannot be enslaved");
    }
    if candidate.flags & IFF_MASTER != 0 && !super::is_bond(world, id) {
        return refused("Device type (master device) cannot be enslaved");
    }
    if candidate.rx_handler.is_some() {
        return Err(Refusal::said(Errno::EBUSY, "Device is in use and cannot be enslaved"));
    }
    if bond == id {
        return refused("Cannot enslave bond to itself.");
    }
    if candidate.abilities.vlan_challenged && world[bond].has_vlans {
        return refused("Can not enslave VLAN challenged device to VLAN enabled bond");
    }
    if candidate.is_up() {
        return refused("Device can not be enslaved while up");
    }
    Ok(())
}

/// A slave that cannot take the bond's address makes the bond take the slaves' (`fail_over_mac`).
fn allow_fixed_address(world: &mut World, bond: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    const ACTIVE: u8 = 1;
    let state = of_mut(world, bond);
    let (mode, whose, first) = (state.params.mode, state.params.fail_over_mac, state.slaves.is_empty());
    if world[id].kind.set_address.is_some() || mode != BOND_MODE_ACTIVEBACKUP || whose == ACTIVE {
        return Ok(());
    }
    if !first {
        let sentence =
            "Slave device does not support setting the MAC address, but fail_over_mac is not set to active";
        return Err(Refusal::said(Errno::EOPNOTSUPP, sentence));
    }
    of_mut(world, bond).params.fail_over_mac = ACTIVE;
    Ok(())
}

/// Takes a device as a slave (`bond_enslave`).
pub(super) fn add(world: &mut World, bond: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    may_join(world, bond, id)?;
    hardware::take(world, bond, id)?;
    let joined = allow_fixed_address(world, bond, id).and_then(|()| {
        let first = super::of(world, bond).slaves.is_empty();
        if first && world[bond].address_origin == AddressOrigin::Random {
            steal_address(world, bond, id)?;
        }
        prepare(world, bond, id)
    });
    if let Err(refusal) = joined {
        forget_first(world, bond, id);
        return Err(refusal);
    }
    Ok(())
}

/// A bond whose first slave did not come after all has nothing of it.
fn forget_first(world: &mut World, bond: DeviceId, id: DeviceId) {
    if !super::of(world, bond).slaves.is_empty() {
        return;
    }
    if world[bond].address == world[id].address {
        draw_address(world, bond);
    }
    hardware::give_up(world, bond);
}

/// The device takes the bond's MTU and address and goes up; what fails is undone.
fn prepare(world: &mut World, bond: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    let (original_mtu, mtu, permanent) = (world[id].mtu, world[bond].mtu, world[id].address);
    world.set_mtu(id, mtu).map_err(|refusal| Refusal::from(refusal.errno))?;
    let shares_address = !super::of(world, bond).keeps_addresses();
    let address = world[bond].address;
    let prepared = match shares_address {
        true => world.set_address(id, address),
        false => Ok(()),
    };
    if let Err(refusal) = prepared {
        let _ = world.set_mtu(id, original_mtu);
        return Err(refusal);
    }
    world[id].flags |= IFF_SLAVE;
    let opened = world.open(id).and_then(|()| {
        let slave = fresh(world, bond, id, permanent, original_mtu);
        world[id].attach(slave);
        join_balance(world, bond, id, permanent)
            .and_then(|()| attach(world, bond, id))
            .inspect_err(|_| world.close(id))
    });
    if let Err(refusal) = opened {
        world[id].detach::<Slave>();
        world[id].flags &= !IFF_SLAVE;
        if shares_address {
            let _ = world.set_address(id, permanent);
        }
        let _ = world.set_mtu(id, original_mtu);
        return Err(refusal);
    }
    Ok(())
}

fn join_balance(world: &mut World, bond: DeviceId, id: DeviceId, permanent: Mac) -> Result<(), Refusal> {
    match super::of(world, bond).balances_load() {
        true => alb::init_slave(world, bond, id, permanent),
        false => Ok(()),
    }
}

fn fresh(world: &World, bond: DeviceId, id: DeviceId, permanent: Mac, original_mtu: u32) -> Slave {
    Slave {
        bond,
        link: u8::MAX,
        proposed: None,
        delay: 0,
        backup: false,
        inactive: false,
        speed: UNKNOWN,
        permanent,
        original_mtu,
        failures: 0,
        queue_id: 0,
        prio: 0,
        last_up: None,
        heard: arp::Heard::before(world.now, super::of(world, bond).params.arp_interval),
        counted_before: world.counters(id),
        asked: Asked::default(),
        hears_lacp: false,
        load: 0,
        port: lacp::Port::default(),
        aggregator: lacp::Aggregator::default(),
    }
}

/// What follows once the device is up: its first states, and its place among the slaves.
fn attach(world: &mut World, bond: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    learn_speed(world, id);
    begin_link(world, bond, id);
    let params = &super::of(world, bond).params;
    let (mode, is_primary) = (params.mode, *params.primary == *world[id].name.bytes());
    if super::uses_primary(mode) && is_primary {
        let state = of_mut(world, bond);
        state.primary = Some(id);
        state.force_primary = true;
    }
    begin_use(world, bond, id, mode);
    let taken = world[id].check_rx_handler().map_err(Refusal::from).and_then(|()| {
        world[id].rx_handler = Some(&super::TYPE);
        world.link_upper(id, bond, true).inspect_err(|_| world[id].rx_handler = None)
    });
    if let Err(refusal) = taken {
        let state = of_mut(world, bond);
        state.primary = state.primary.filter(|primary| *primary != id);
        state.active = state.active.filter(|active| *active != id);
        return Err(refusal);
    }
    // commit
    of_mut(world, bond).slaves.push(id);
    world.announce_link(id);
    if !super::uses_primary(mode) {
        reception::begin(world, bond, id);
    }
    follow_features(world, bond);
    set_carrier(world, bond);
    if super::uses_primary(mode) {
        active::select(world, bond);
    }
    update_usable(world, bond);
    Ok(())
}

/// The link's first state (`bond_enslave`).
fn begin_link(world: &mut World, bond: DeviceId, id: DeviceId) {
    let params = &super::of(world, bond).params;
    let (miimon, updelay, arp) = (params.miimon != 0, params.updelay, params.arp_interval != 0);
    let carrier = world[id].carrier;
    let link = match () {
        () if miimon && !mii::carrier(world, bond, id) => BOND_LINK_DOWN,
        () if miimon && updelay != 0 => BOND_LINK_BACK,
        () if miimon => BOND_LINK_UP,
        () if arp && !carrier => BOND_LINK_DOWN,
        () => BOND_LINK_UP,
    };
    set_link(world, id, link);
    let now = world.now;
    if let Some(slave) = of_slave(world, id) {
        slave.delay = if link == BOND_LINK_BACK { updelay } else { 0 };
        slave.last_up = Some(now).filter(|_| link != BOND_LINK_DOWN);
    }
}

fn begin_use(world: &mut World, bond: DeviceId, id: DeviceId, mode: u8) {
    match mode {
        BOND_MODE_ACTIVEBACKUP => set_inactive(world, id),
        BOND_MODE_8023AD => {
            set_inactive(world, id);
            lacp::bind(world, bond, id);
        }
        BOND_MODE_TLB | BOND_MODE_ALB => {
            let_send(world, id);
            set_inactive(world, id);
        }
        _ => {
            let_send(world, id);
            let up = of(world, id).is_some_and(|slave| slave.link == BOND_LINK_UP);
            let state = of_mut(world, bond);
            state.active = state.active.or(Some(id).filter(|_| up));
        }
    }
}

// Leaving.

/// Lets a slave go at a user's wish.
pub(super) fn remove(world: &mut World, bond: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    if of(world, id).is_none_or(|slave| slave.bond != bond) {
        return Err(Errno::EINVAL.into());
    }
    release(world, id, End::One);
    Ok(())
}

/// The bond dies: every slave goes.
pub(super) fn release_all(world: &mut World, bond: DeviceId) {
    for id in super::of(world, bond).slaves.clone() {
        release(world, id, End::All);
    }
}

/// Why a slave goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It alone goes; the bond stays and chooses anew.
    One,
    /// Its device goes: what it tells no longer matters.
    Device,
    /// The bond goes.
    All,
}

/// Takes everything of the bond from a slave (`__bond_release_one`).
fn release(world: &mut World, id: DeviceId, end: End) {
    let Some(bond) = of(world, id).map(|slave| slave.bond) else { return };
    let received = super::receives(world, bond);
    let bond_up = world[bond].is_up();
    set_inactive(world, id);
    lacp::unbind(world, bond, id);
    let counted = of(world, id).map(|slave| world.counters(id).since(&slave.counted_before));
    world[id].rx_handler = None;
    let state = of_mut(world, bond);
    if let Some(counted) = counted {
        state.counted.add(&counted);
    }
    state.slaves.retain(|slave| *slave != id);
    world.unlink_upper(id, bond);
    world[id].flags &= !IFF_SLAVE;
    update_usable(world, bond);
    let was_active = super::of(world, bond).active == Some(id);
    let state = of_mut(world, bond);
    state.arp_slave = state.arp_slave.filter(|trying| *trying != id);
    state.primary = state.primary.filter(|primary| *primary != id);
    if was_active {
        active::change(world, bond, None);
    }
    if super::of(world, bond).balances_load() {
        alb::remove_slave(world, bond, id);
    }
    if end == End::All {
        of_mut(world, bond).active = None;
    } else if was_active {
        active::select(world, bond);
    }
    set_carrier(world, bond);
    if super::of(world, bond).slaves.is_empty() {
        draw_address(world, bond);
        world.tell(bond, Event::ChangeAddress);
    }
    follow_features(world, bond);
    if !super::of(world, bond).uses_primary() {
        reception::end(world, id, received, bond_up);
    }
    give_back(world, bond, id, end);
}

/// The device is as it was before it came: down, with its own address and MTU.
fn give_back(world: &mut World, bond: DeviceId, id: DeviceId, end: End) {
    const ACTIVE: u8 = 1;
    world.close(id);
    let Some(slave) = world[id].detach::<Slave>() else { return };
    let params = &super::of(world, bond).params;
    if params.fail_over_mac != ACTIVE || params.mode != BOND_MODE_ACTIVEBACKUP {
        let _ = world.set_address(id, slave.permanent);
    }
    if end == End::One {
        let _ = world.set_mtu(id, slave.original_mtu);
    } else {
        world.set_mtu_quietly(id, slave.original_mtu);
    }
}

// What happens to slaves.

/// What happens to a slave (`bond_slave_netdev_event`).
pub(super) fn event(world: &mut World, id: DeviceId, event: Event) -> Result<(), Refusal> {
    let Some(bond) = of(world, id).map(|slave| slave.bond) else { return Ok(()) };
    // Before it has its master, it is no slave yet.
    if world[id].rx_handler.is_none() {
        return Ok(());
    }
    match event {
        Event::Unregister => release(world, id, End::Device),
        Event::Up | Event::Change => {
            let known = learn_speed(world, id);
            if super::of(world, bond).params.mode == BOND_MODE_8023AD {
                doubt_unknown_speed(world, id, known);
                lacp::update_key(world, id);
            }
            update_usable(world, bond);
        }
        Event::Down => update_usable(world, bond),
        Event::ChangeName => follow_name(world, bond, id),
        Event::ChangeFeatures => follow_features(world, bond),
        Event::ReportGroups => world.tell(bond, event),
        _ => {}
    }
    Ok(())
}

/// LACP has no use for a link of unknown speed, until the monitor finds otherwise.
fn doubt_unknown_speed(world: &mut World, id: DeviceId, known: bool) {
    if let Some(slave) = of_slave(world, id).filter(|_| !known) {
        slave.link = if slave.last_up.is_some() { BOND_LINK_FAIL } else { BOND_LINK_DOWN };
    }
}

/// A slave of another name may be the primary now, or no longer.
fn follow_name(world: &mut World, bond: DeviceId, id: DeviceId) {
    let state = super::of(world, bond);
    let wanted = &state.params.primary;
    if !state.uses_primary() || wanted.is_empty() {
        return;
    }
    let primary = match () {
        () if state.primary == Some(id) => None,
        () if **wanted == *world[id].name.bytes() => Some(id),
        () => return,
    };
    of_mut(world, bond).primary = primary;
    active::select(world, bond);
}
