//! `bond`: several devices as one (`drivers/net/bonding/bond_main.c`; IEEE 802.1AX for the mode that speaks LACP).
//!
//! A bond keeps a [`Bond`] as its own, and a [`Slave`] on each of its slaves. What runs where: `slave` how devices
//! come and leave and what happens to them, `hardware` what kind of link they make the bond, `active` which slave is in use, `options` what requests change, `fill`
//! what is told, `mii` and `arp` how links are watched, `probe` the questions that `arp` asks, `lacp` who is at the
//! other ends of the links, `alb` how load is balanced, `reception` what slaves receive, `transmit`, `hash` and `receive` the frames.
//!
//! Time is counted as Linux counts it, in periods of a monitor; but where Linux's clock ticks a hundred times a second
//! and is late by a tick, this one is exact.

use super::{Event, NewLink, Speed, Type};
use crate::device::{AddressOrigin, Counters, Device, DeviceId, Mac, is_valid_ether_addr};
use crate::features::Features;
use crate::timer::TimerId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::kind::bond::{self as words, *};
use rtnl::kind::bond_slave::{self, BOND_LINK_UP};
use rtnl::message::Refusal;
use rtnl::object::link::{IFF_ALLMULTI, IFF_MASTER, IFF_PROMISC};
use std::net::{Ipv4Addr, Ipv6Addr};

mod active;
mod alb;
mod arp;
mod fill;
mod hardware;
mod hash;
mod lacp;
mod mii;
mod options;
mod probe;
mod receive;
mod reception;
mod slave;
mod transmit;

/// The type.
pub static TYPE: Type = Type {
    kind: "bond",
    table: Some(words::KIND.table),
    port_table: Some(bond_slave::KIND.table),
    setup,
    validate: super::validate_address,
    newlink,
    changelink: Some(options::change),
    fill: Some(fill::bond),
    fill_port: Some(fill::slave),
    change_port: Some(options::change_slave),
    add_port: Some(slave::add),
    del_port: Some(slave::remove),
    init: Some(World::init_random_address),
    uninit: Some(slave::release_all),
    checks_address: false,
    open: Some(open),
    stop: Some(stop),
    set_address: Some(set_address),
    change_mtu: Some(change_mtu),
    change_rx_flags: Some(reception::change_flags),
    set_rx_mode: Some(reception::sync_all),
    timer: Some(go_off),
    speed: Speed::Told(speed),
    counters: Some(counters),
    transmit: Some(transmit::transmit),
    receive: Some(receive::receive),
    event: Some(slave::event),
    ..Type::DEFAULT
};

/// The largest MTU (`ETH_MAX_MTU`).
const MAX_MTU: u32 = 65535;
/// Queues of a bond, of either direction (`BOND_DEFAULT_TX_QUEUES`).
const QUEUES: u32 = 16;
/// The interval that modes without ARP get (`BOND_DEFAULT_MIIMON`), in milliseconds.
const DEFAULT_MIIMON: u32 = 100;
/// Microseconds of a millisecond.
const MILLISECOND: u64 = 1000;

/// A bond's timers.
mod timer {
    use crate::timer::TimerId;

    /// Carriers are looked at.
    pub(super) const MII: TimerId = 0;
    /// Memberships are reported again.
    pub(super) const GROUPS: TimerId = 1;
    /// The machines of LACP run.
    pub(super) const LACP: TimerId = 2;
    /// Targets are asked.
    pub(super) const ARP: TimerId = 3;
    /// Load is distributed anew.
    pub(super) const ALB: TimerId = 4;
}

/// A bond's options (`struct bond_params`). Delays are in periods of `miimon`.
#[derive(Clone, Debug)]
struct Params {
    mode: u8,
    /// Milliseconds.
    miimon: u32,
    updelay: i32,
    downdelay: i32,
    peer_notif_delay: u32,
    use_carrier: bool,
    /// Milliseconds.
    arp_interval: u32,
    arp_targets: Vec<Ipv4Addr>,
    ns_targets: Vec<Ipv6Addr>,
    arp_validate: u32,
    arp_all_targets: u32,
    missed_max: u8,
    /// The name of the slave that is to be the primary, whether there is one of that name or not.
    primary: Box<[u8]>,
    primary_reselect: u8,
    fail_over_mac: u8,
    xmit_policy: u8,
    resend_igmp: u32,
    num_peer_notif: u8,
    all_slaves_active: bool,
    min_links: u32,
    /// Seconds.
    lp_interval: u32,
    packets_per_slave: u32,
    lacp_active: bool,
    lacp_fast: bool,
    ad_select: u8,
    ad_actor_sys_prio: u16,
    ad_user_port_key: u16,
    ad_actor_system: Mac,
    tlb_dynamic_lb: bool,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            mode: BOND_MODE_ROUNDROBIN,
            miimon: 0,
            updelay: 0,
            downdelay: 0,
            peer_notif_delay: 0,
            use_carrier: true,
            arp_interval: 0,
            arp_targets: Vec::new(),
            ns_targets: Vec::new(),
            arp_validate: 0,
            arp_all_targets: 0,
            missed_max: 2,
            primary: Box::default(),
            primary_reselect: 0,
            fail_over_mac: 0,
            xmit_policy: 0,
            resend_igmp: 1,
            num_peer_notif: 1,
            all_slaves_active: false,
            min_links: 0,
            lp_interval: 1,
            packets_per_slave: 1,
            lacp_active: true,
            lacp_fast: false,
            ad_select: 0,
            ad_actor_sys_prio: 65535,
            ad_user_port_key: 0,
            ad_actor_system: [0; 6],
            tlb_dynamic_lb: true,
        }
    }
}

/// What a bond keeps of itself.
#[derive(Default)]
pub(crate) struct Bond {
    params: Params,
    /// The slaves in the order in which they came.
    slaves: Vec<DeviceId>,
    /// The slave in use.
    active: Option<DeviceId>,
    /// The slave that is used whenever it can be.
    primary: Option<DeviceId>,
    /// While none is in use: the slave that asked targets last.
    arp_slave: Option<DeviceId>,
    /// The primary was just named, and takes over whatever `primary_reselect` says.
    force_primary: bool,
    /// Periods in which neighbours are still to be told of a failover.
    peer_notices: u32,
    /// How often memberships are still to be reported.
    group_reports: u32,
    /// The slaves among which a hash chooses; none in modes that do not hash, and while there is no choice yet.
    usable: Option<Vec<DeviceId>>,
    /// Frames that were sent in turn.
    sent: u32,
    /// Who the bond is to those at the other ends of its links.
    lacp: lacp::Lacp,
    /// While the bond is up and balances load: how.
    alb: Option<Box<alb::Alb>>,
    /// What slaves counted that have left.
    counted: Counters,
}

impl Bond {
    /// One slave is in use, and others take its place (`bond_uses_primary`).
    fn uses_primary(&self) -> bool {
        uses_primary(self.params.mode)
    }

    /// Load is balanced (`bond_is_lb`).
    fn balances_load(&self) -> bool {
        matches!(self.params.mode, BOND_MODE_TLB | BOND_MODE_ALB)
    }

    /// A hash of the frame chooses the slave (`bond_mode_can_use_xmit_hash`).
    fn hashes(&self) -> bool {
        let mode = self.params.mode;
        matches!(mode, BOND_MODE_XOR | BOND_MODE_8023AD)
            || self.balances_load() && !self.params.tlb_dynamic_lb
    }

    /// Slaves keep addresses of their own (`fail_over_mac`).
    fn keeps_addresses(&self) -> bool {
        self.params.fail_over_mac != 0 && self.params.mode == BOND_MODE_ACTIVEBACKUP
    }
}

fn uses_primary(mode: u8) -> bool {
    matches!(mode, BOND_MODE_ACTIVEBACKUP | BOND_MODE_TLB | BOND_MODE_ALB)
}

/// What a bond keeps of itself.
///
/// # Panics
/// If the device is no living bond: setup gives every bond its state, and slaves leave a bond before it dies.
fn of(world: &World, bond: DeviceId) -> &Bond {
    world[bond].private().expect("setup gave the bond its state")
}

/// The same, to change.
fn of_mut(world: &mut World, bond: DeviceId) -> &mut Bond {
    world[bond].private_mut().expect("setup gave the bond its state")
}

/// Whether a device is a bond.
pub(crate) fn is_bond(world: &World, id: DeviceId) -> bool {
    world.get(id).is_some_and(|device| device.private::<Bond>().is_some())
}

fn setup(device: &mut Device) {
    device.max_mtu = MAX_MTU;
    device.flags |= IFF_MASTER;
    device.abilities.no_queue = true;
    device.abilities.unicast_filter = true;
    device.abilities.netns_local = true;
    device.tx_queues = QUEUES;
    device.rx_queues = QUEUES;
    device.features = Features::of_bond(std::iter::empty());
    device.private = Some(Box::new(Bond::default()));
}

fn newlink(world: &mut World, new: &NewLink<'_>) -> Result<(), Refusal> {
    options::change(world, new.device, new.tb, new.data)?;
    world.register(new.device)?;
    world.carrier_off(new.device);
    Ok(())
}

fn open(world: &mut World, bond: DeviceId) -> Result<(), Refusal> {
    let state = of(world, bond);
    let (active, uses_primary) = (state.active, state.uses_primary());
    for id in state.slaves.clone() {
        if uses_primary && Some(id) != active {
            slave::set_inactive(world, id);
        } else if of(world, bond).params.mode != BOND_MODE_8023AD {
            slave::set_active(world, id);
        }
    }
    if of(world, bond).balances_load() {
        alb::open(world, bond);
    }
    if of(world, bond).params.miimon != 0 {
        world.set_timer(bond, timer::MII, 0);
    }
    if of(world, bond).params.arp_interval != 0 {
        arp::begin(world, bond);
    }
    if of(world, bond).params.mode == BOND_MODE_8023AD {
        lacp::open(world, bond);
        for id in of(world, bond).slaves.clone() {
            reception::ask_for_lacp(world, id);
        }
    }
    update_usable(world, bond);
    Ok(())
}

fn stop(world: &mut World, bond: DeviceId) {
    world.cancel_timers(bond);
    let state = of_mut(world, bond);
    state.peer_notices = 0;
    state.alb = None;
    let slaves = if state.uses_primary() { state.active.into_iter().collect() } else { state.slaves.clone() };
    for id in slaves {
        reception::unsync(world, id);
    }
}

fn go_off(world: &mut World, bond: DeviceId, timer: TimerId) {
    match timer {
        timer::MII => mii::monitor(world, bond),
        timer::GROUPS => active::report_groups(world, bond),
        timer::LACP => lacp::tick(world, bond),
        timer::ARP => arp::monitor(world, bond),
        timer::ALB => alb::tick(world, bond),
        _ => {}
    }
}

/// The carrier that the slaves make (`bond_set_carrier`); says whether it changed.
fn set_carrier(world: &mut World, bond: DeviceId) -> bool {
    if of(world, bond).params.mode == BOND_MODE_8023AD && !of(world, bond).slaves.is_empty() {
        return lacp::set_carrier(world, bond);
    }
    let up = |id: &DeviceId| slave::of(world, *id).is_some_and(|slave| slave.link == BOND_LINK_UP);
    let on = of(world, bond).slaves.iter().any(up);
    if world[bond].carrier == on {
        return false;
    }
    if on {
        world.carrier_on(bond)
    } else {
        world.carrier_off(bond)
    }
    true
}

/// Finds out anew among which slaves a hash chooses (`bond_update_slave_arr`).
fn update_usable(world: &mut World, bond: DeviceId) {
    let state = of(world, bond);
    if !state.hashes() {
        return;
    }
    let sending = state.slaves.iter().copied().filter(|id| slave::can_send(world, *id));
    let usable = match state.params.mode {
        BOND_MODE_8023AD => lacp::in_use(world, bond)
            .map(|owner| sending.filter(|id| lacp::is_in_use(world, owner, *id)).collect()),
        _ => Some(sending.collect()),
    };
    of_mut(world, bond).usable = usable;
}

/// A monitor found that a slave's link came or went (`bond_miimon_link_change`).
fn link_changed(world: &mut World, bond: DeviceId, id: DeviceId) {
    match of(world, bond).params.mode {
        BOND_MODE_8023AD => lacp::link_changed(world, bond, id),
        BOND_MODE_TLB | BOND_MODE_ALB => alb::link_changed(world, bond, id),
        _ => update_usable(world, bond),
    }
}

/// Every slave takes the address, or none does (`bond_set_mac_address`).
fn set_address(world: &mut World, bond: DeviceId, address: Mac) -> Result<(), Refusal> {
    if of(world, bond).keeps_addresses() {
        return Ok(());
    }
    if !is_valid_ether_addr(&address) {
        return Err(Errno::EADDRNOTAVAIL.into());
    }
    if of(world, bond).params.mode == BOND_MODE_ALB {
        alb::set_address(world, bond, address);
        return Ok(());
    }
    let (slaves, old) = (of(world, bond).slaves.clone(), world[bond].address);
    for (at, id) in slaves.iter().enumerate() {
        if let Err(refusal) = world.set_address(*id, address) {
            for done in &slaves[..at] {
                let _ = world.set_address(*done, old);
            }
            return Err(refusal.errno.into());
        }
    }
    world[bond].address = address;
    Ok(())
}

/// Every slave takes the MTU, or none does (`bond_change_mtu`).
fn change_mtu(world: &mut World, bond: DeviceId, mtu: u32) -> Result<(), Refusal> {
    let (slaves, old) = (of(world, bond).slaves.clone(), world[bond].mtu);
    for (at, id) in slaves.iter().enumerate() {
        if let Err(refusal) = world.set_mtu(*id, mtu) {
            for done in &slaves[..at] {
                let _ = world.set_mtu(*done, old);
            }
            return Err(refusal.errno.into());
        }
    }
    world[bond].mtu = mtu;
    Ok(())
}

/// The bond can do what its slaves can, and takes segments as large as each of them does (`bond_compute_features`).
fn follow_features(world: &mut World, bond: DeviceId) {
    use crate::device::{SEGMENTATION, TSO_MAX_SIZE as LARGEST, segmentation::*};
    let slaves = of(world, bond).slaves.clone();
    let (mut size, mut segments) = (LARGEST, SEGMENTATION[TSO_MAX_SEGS]);
    for id in &slaves {
        size = size.min(world[*id].segmentation[TSO_MAX_SIZE]);
        segments = segments.min(world[*id].segmentation[TSO_MAX_SEGS]);
    }
    world[bond].inherit_tso([size, segments]);
    world[bond].features = Features::of_bond(slaves.iter().map(|id| world[*id].features));
    // Whoever stands on the bond hears of it even if nothing changed, and so of new limits.
    world.tell(bond, Event::ChangeFeatures);
}

/// The speeds of the slaves that send, together (`bond_ethtool_get_link_ksettings`).
fn speed(world: &World, bond: DeviceId) -> Option<u32> {
    let state = of(world, bond);
    let sending = state.slaves.iter().filter(|id| slave::can_send(world, **id));
    let speeds = sending.filter_map(|id| slave::of(world, *id)?.known_speed());
    let speed = match state.params.mode {
        BOND_MODE_BROADCAST => speeds.min().unwrap_or(0),
        _ => speeds.fold(0, u32::saturating_add),
    };
    Some(speed).filter(|speed| *speed != 0)
}

/// What the slaves counted since they came, those that have left, and the bond itself (`bond_get_stats`).
fn counters(world: &World, bond: DeviceId) -> Counters {
    let state = of(world, bond);
    let mut sum = world[bond].counters.clone();
    sum.add(&state.counted);
    for id in &state.slaves {
        if let Some(slave) = slave::of(world, *id) {
            sum.add(&world.counters(*id).since(&slave.counted_before));
        }
    }
    sum
}

/// Takes a slave's address, as much of it as the slave's kind of link has (`bond_set_dev_addr`).
fn steal_address(world: &mut World, bond: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    let address = world[id].address;
    let length = usize::from(world[id].address_length).min(address.len());
    world.ask(bond, Event::PreChangeAddress(address))?;
    world[bond].address[..length].copy_from_slice(&address[..length]);
    world[bond].address_origin = AddressOrigin::Stolen;
    world.tell(bond, Event::ChangeAddress);
    Ok(())
}

/// Draws an address by chance: a bond without slaves has none of its own (`eth_hw_addr_random`).
fn draw_address(world: &mut World, bond: DeviceId) {
    world[bond].address = world.random_mac();
    world[bond].address_origin = AddressOrigin::Random;
}

/// Whether a flag of reception is on at the bond.
fn receives(world: &World, bond: DeviceId) -> [bool; 2] {
    let flags = world[bond].flags;
    [flags & IFF_PROMISC != 0, flags & IFF_ALLMULTI != 0]
}
