//! Ports: how devices become one, what happens to them, how they leave (`team_port_add`, `team_port_del`,
//! `team_device_event`).

use super::{follow_features, follow_links, mode, of, of_mut};
use crate::asked::Asked;
use crate::device::{DeviceId, Mac};
use crate::link::Event;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::link::{
    IFF_ALLMULTI, IFF_BROADCAST, IFF_LOOPBACK, IFF_MULTICAST, IFF_NOARP, IFF_POINTOPOINT, IFF_PROMISC,
};

/// What a team keeps of a port, on the port.
pub(super) struct Port {
    team: DeviceId,
    /// The state lets frames through.
    linked: bool,
    /// Mbit/s, as far as it is known.
    pub(super) speed: Option<u32>,
    /// What a program says of its link, and whether that counts.
    user: (bool, bool),
    priority: i32,
    /// The queue whose frames programs send through it; nothing here chooses a queue.
    queue: u32,
    /// What it sent of what was balanced.
    pub(super) balanced: super::balance::Sent,
    /// The address and the MTU that it had when it came.
    original: (Mac, u32),
    /// The extra addresses that the team asked it for.
    asked: Asked,
}

impl Port {
    /// Whether it has a link, as the state says or a program.
    pub(super) fn has_link(&self) -> bool {
        if self.user.1 { self.user.0 } else { self.linked }
    }
}

/// What a team keeps of a port; none if the device is not one.
pub(super) fn of_port(world: &World, id: DeviceId) -> Option<&Port> {
    world.get(id)?.attached()
}

pub(super) fn of_port_mut(world: &mut World, id: DeviceId) -> Option<&mut Port> {
    world.get_mut(id)?.attached_mut()
}

/// The team of a port.
pub(super) fn team_of(world: &World, id: DeviceId) -> Option<DeviceId> {
    of_port(world, id).map(|port| port.team)
}

/// Whether a port that is enabled may send (`team_port_txable`).
pub(super) fn can_send(world: &World, id: DeviceId) -> bool {
    of_port(world, id).is_some_and(Port::has_link) && is_enabled(world, id)
}

/// Whether a program lets a port send and receive.
pub(super) fn is_enabled(world: &World, id: DeviceId) -> bool {
    team_of(world, id).is_some_and(|team| of(world, team).enabled.contains(&id))
}

/// Lets a port send and receive, or no longer (`team_port_enable`, `team_port_disable`).
pub(super) fn enable(world: &mut World, team: DeviceId, id: DeviceId, on: bool) {
    let enabled = &mut of_mut(world, team).enabled;
    if on && !enabled.contains(&id) {
        enabled.push(id);
        // What the numbers ask for more than once is said once.
        let [peers, _, groups, _] = of(world, team).kept;
        if peers > 0 {
            world.tell(team, Event::NotifyPeers);
        }
        if groups > 0 {
            world.tell(team, Event::ReportGroups);
        }
    } else if !on {
        enabled.retain(|port| *port != id);
        super::balance::forget(world, team, id);
    }
}

/// What a program says of a port's link, and whether that counts.
pub(super) fn user_link(world: &World, id: DeviceId) -> (bool, bool) {
    of_port(world, id).map_or((false, false), |port| port.user)
}

/// Sets that.
pub(super) fn set_user_link(world: &mut World, team: DeviceId, id: DeviceId, user: (bool, bool)) {
    if let Some(port) = of_port_mut(world, id) {
        port.user = user;
    }
    follow_links(world, team);
}

/// The priority that a program gave a port.
pub(super) fn priority(world: &World, id: DeviceId) -> i32 {
    of_port(world, id).map_or(0, |port| port.priority)
}

/// Sets that.
pub(super) fn set_priority(world: &mut World, id: DeviceId, priority: i32) {
    if let Some(port) = of_port_mut(world, id) {
        port.priority = priority;
    }
}

/// The queue that a program gave a port.
pub(super) fn queue(world: &World, id: DeviceId) -> u32 {
    of_port(world, id).map_or(0, |port| port.queue)
}

/// Sets that (`team_queue_id_option_set`).
///
/// # Errors
/// EINVAL if the team has no such queue.
pub(super) fn set_queue(world: &mut World, team: DeviceId, id: DeviceId, queue: u32) -> Result<(), Errno> {
    if queue >= world[team].tx_queues {
        return Err(Errno::EINVAL);
    }
    if let Some(port) = of_port_mut(world, id) {
        port.queue = queue;
    }
    Ok(())
}

/// Refuses devices that cannot be ports of this team.
fn may_join(world: &World, team: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    let refused = |errno, sentence| Err(Refusal::said(errno, sentence));
    let candidate = &world[id];
    if candidate.flags & IFF_LOOPBACK != 0 {
        return refused(Errno::EINVAL, "Loopback device can't be added as a team port");
    }
    if of_port(world, id).is_some() {
        return refused(Errno::EBUSY, "Device is already a port of a team device");
    }
    if team == id {
        return refused(Errno::EINVAL, "Cannot enslave team device to itself");
    }
    if world.stands_on(id, team) {
        return refused(Errno::EBUSY, "Device is already an upper device of the team interface");
    }
    if world.stands_on(team, id) {
        return refused(Errno::EBUSY, "Device is already a lower device of the team interface");
    }
    if candidate.abilities.vlan_challenged && world[team].has_vlans {
        return refused(Errno::EPERM, "Device is VLAN challenged and team device has VLAN set up");
    }
    if candidate.is_up() {
        return refused(Errno::EBUSY, "Device is up. Set it down before adding it as a team port");
    }
    Ok(())
}

/// Takes a device as a port (`team_port_add`).
pub(super) fn add(world: &mut World, team: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    may_join(world, team, id)?;
    let original = (world[id].address, world[id].mtu);
    // A port of other hardware keeps its MTU, and the team takes it over (`take_hardware`).
    if world[id].hardware_type == world[team].hardware_type {
        let mtu = world[team].mtu;
        world.set_mtu(id, mtu).map_err(|refusal| Refusal::from(refusal.errno))?;
    }
    if let Err(refusal) = enter(world, team, id, original) {
        world[id].detach::<Port>();
        let _ = world.set_address(id, original.0);
        let _ = world.set_mtu(id, original.1);
        return Err(refusal);
    }
    Ok(())
}

/// What can fail of it; what was done before the failure is undone by whoever asked.
fn enter(world: &mut World, team: DeviceId, id: DeviceId, original: (Mac, u32)) -> Result<(), Refusal> {
    world.open(id)?;
    if let Err(errno) = world[id].check_rx_handler() {
        world.close(id);
        return Err(errno.into());
    }
    let (user, asked) = ((false, false), Asked::default());
    world[id].attach(Port {
        team,
        linked: false,
        speed: None,
        user,
        priority: 0,
        queue: 0,
        balanced: Default::default(),
        original,
        asked,
    });
    if mode::shares_address(world, team) {
        let address = world[team].address;
        let _ = world.set_address(id, address);
    }
    world[id].rx_handler = Some(&super::TYPE);
    if let Err(refusal) = world.link_upper(id, team, true) {
        world[id].rx_handler = None;
        world.close(id);
        return Err(refusal);
    }
    set_flags(world, team, id, true);
    // One that is refused here keeps the team's flags of reception, as in Linux.
    if let Err(errno) = take_hardware(world, team, id) {
        world.unlink_upper(id, team);
        world[id].rx_handler = None;
        world.close(id);
        return Err(errno.into());
    }
    // commit
    if world[team].is_up() {
        sync(world, team, id);
    }
    let state = of_mut(world, team);
    state.ports.push(id);
    state.enabled.push(id);
    follow_features(world, team);
    note_link(world, team, id, world[id].is_oper_up());
    Ok(())
}

/// The team's hardware is that of its first port; others must have the same (`team_dev_type_check_change`).
fn take_hardware(world: &mut World, team: DeviceId, id: DeviceId) -> Result<(), Errno> {
    if world[id].hardware_type == world[team].hardware_type {
        return Ok(());
    }
    if !of(world, team).ports.is_empty() {
        return Err(Errno::EBUSY);
    }
    let changed = world.change_hardware(team, |world| follow_hardware(world, team, id));
    changed.map_err(|_| Errno::EPERM)
}

fn follow_hardware(world: &mut World, team: DeviceId, id: DeviceId) {
    let port = &world[id];
    let (kind, length, broadcast) = (port.hardware_type, port.address_length, port.broadcast);
    let (original, flags) = ((port.address, port.mtu), port.flags);
    let device = &mut world[team];
    (device.hardware_type, device.address_length, device.broadcast) = (kind, length, broadcast);
    (device.address, device.mtu) = original;
    const MANY: u32 = IFF_BROADCAST | IFF_MULTICAST;
    if flags & IFF_POINTOPOINT != 0 {
        device.flags = device.flags & !MANY | IFF_POINTOPOINT | IFF_NOARP;
    } else if flags & MANY == MANY {
        device.flags = device.flags & !(IFF_POINTOPOINT | IFF_NOARP) | MANY;
    }
}

/// The team's promiscuity and all multicast are its ports'.
fn set_flags(world: &mut World, team: DeviceId, id: DeviceId, on: bool) {
    let flags = world[team].flags;
    if flags & IFF_PROMISC != 0 {
        world.set_promiscuity(id, on);
    }
    if flags & IFF_ALLMULTI != 0 {
        world.set_allmulti(id, on);
    }
}

/// Lets a port go at a user's wish.
pub(super) fn remove(world: &mut World, team: DeviceId, id: DeviceId) -> Result<(), Refusal> {
    if team_of(world, id) != Some(team) {
        return Err(Errno::ENOENT.into());
    }
    release(world, id);
    Ok(())
}

/// The team dies: every port goes.
pub(super) fn release_all(world: &mut World, team: DeviceId) {
    for id in of(world, team).ports.clone() {
        release(world, id);
    }
}

/// Takes everything of the team from a port (`team_port_del`).
fn release(world: &mut World, id: DeviceId) {
    let Some(team) = team_of(world, id) else { return };
    let state = of_mut(world, team);
    state.enabled.retain(|port| *port != id);
    state.ports.retain(|port| *port != id);
    state.active = state.active.filter(|active| *active != id);
    super::balance::forget(world, team, id);
    set_flags(world, team, id, false);
    world.unlink_upper(id, team);
    world[id].rx_handler = None;
    if world[team].is_up() {
        unsync(world, id);
    }
    world.close(id);
    follow_links(world, team);
    let Some(port) = world[id].detach::<Port>() else { return };
    let _ = world.set_address(id, port.original.0);
    let _ = world.set_mtu(id, port.original.1);
    follow_features(world, team);
}

// What happens to ports.

/// What happens to a port (`team_device_event`).
pub(super) fn event(world: &mut World, id: DeviceId, event: Event) -> Result<(), Refusal> {
    let Some(team) = team_of(world, id).filter(|_| world[id].rx_handler.is_some()) else { return Ok(()) };
    match event {
        Event::Up if world[id].is_oper_up() => note_link(world, team, id, true),
        Event::Down => note_link(world, team, id, false),
        Event::Change => note_link(world, team, id, world[id].is_oper_up()),
        Event::Unregister => release(world, id),
        Event::ChangeFeatures => follow_features(world, team),
        Event::PreChangeMtu(_) if !of(world, team).changes_mtu => return Err(Errno::EPERM.into()),
        _ => {}
    }
    Ok(())
}

/// The state lets frames through, or no longer (`__team_port_change_check`).
fn note_link(world: &mut World, team: DeviceId, id: DeviceId, linked: bool) {
    let speed = world.full_duplex_speed(id).filter(|_| linked);
    if let Some(port) = of_port_mut(world, id).filter(|port| port.linked != linked) {
        port.linked = linked;
        port.speed = speed;
    }
    follow_links(world, team);
}

// Extra addresses.

/// Asks a port for the extra addresses that are asked of the team.
pub(super) fn sync(world: &mut World, team: DeviceId, id: DeviceId) {
    let wanted = world.extra_addresses(team);
    ask(world, id, wanted);
}

/// Asks a port for nothing any more.
pub(super) fn unsync(world: &mut World, id: DeviceId) {
    ask(world, id, Asked::default());
}

fn ask(world: &mut World, id: DeviceId, wanted: Asked) {
    let Some(port) = of_port_mut(world, id) else { return };
    let (team, before) = (port.team, std::mem::replace(&mut port.asked, wanted.clone()));
    world.ask_for_addresses(team, id, &before, &wanted);
}
