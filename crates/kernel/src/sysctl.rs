//! The settings of a namespace that `sysctl` reaches, and what setting one leads to.
//!
//! `net.ipv4.conf.DEVICE.*`, `net.ipv6.conf.DEVICE.*`, `net.ipv4.neigh.DEVICE.*` and `net.ipv6.neigh.DEVICE.*`, where
//! DEVICE may be `all` (not for neighbours) and `default`, and those of the namespace itself; the rows are in
//! `host::conf`. A setting of a device that is not there does not exist.

use crate::device::DeviceId;
use crate::host::conf::{self, Setting, Values, v4, v6};
use crate::host::{AF_INET, AF_INET6};
use crate::netns::NetnsId;
use crate::rtnl::netconf::{self, Whose};
use crate::world::World;
use rtnl::errno::Errno;

/// Which family's which settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Conf4,
    Conf6,
    Neigh4,
    Neigh6,
}

impl Room {
    fn table(self) -> &'static [Setting] {
        match self {
            Room::Conf4 => conf::IPV4,
            Room::Conf6 => conf::IPV6,
            Room::Neigh4 | Room::Neigh6 => conf::NEIGHBOUR,
        }
    }
}

/// Where a value is kept.
#[derive(Clone, Copy)]
enum Place {
    /// A setting of the namespace.
    Netns(usize),
    /// One of a device, or of all.
    Of(Room, Whose, usize),
}

const ROOMS: &[(&str, Room)] = &[
    ("net.ipv4.conf.", Room::Conf4),
    ("net.ipv6.conf.", Room::Conf6),
    ("net.ipv4.neigh.", Room::Neigh4),
    ("net.ipv6.neigh.", Room::Neigh6),
];

/// Finds a setting by its name; ENOENT if there is no such setting.
fn find(world: &World, netns: NetnsId, name: &str) -> Result<Place, Errno> {
    if name == "net.ipv4.ip_forward" {
        return Ok(Place::Of(Room::Conf4, Whose::All, v4::FORWARDING));
    }
    if let Some(place) = conf::find(conf::NETNS, name) {
        return Ok(Place::Netns(place));
    }
    let found = ROOMS.iter().find_map(|(prefix, room)| Some((name.strip_prefix(prefix)?, *room)));
    let (rest, room) = found.ok_or(Errno::ENOENT)?;
    let (device, setting) = rest.rsplit_once('.').ok_or(Errno::ENOENT)?;
    let place = conf::find(room.table(), setting).ok_or(Errno::ENOENT)?;
    let neighbours = matches!(room, Room::Neigh4 | Room::Neigh6);
    let whose = match device {
        // The defaults of neighbours are the first namespace's alone, and commands do not run in that one.
        "all" | "default" if neighbours => return Err(Errno::ENOENT),
        "all" => Whose::All,
        "default" => Whose::Default,
        name => Whose::Device(world.by_name(netns, name.as_bytes()).ok_or(Errno::ENOENT)?),
    };
    let place = Place::Of(room, whose, place);
    values(world, netns, place).map(|_| place)
}

/// The values among which a setting is; ENOENT if the device has not this family.
fn values(world: &World, netns: NetnsId, place: Place) -> Result<&Values, Errno> {
    let stack = &world.space(netns)?.stack;
    let Place::Of(room, whose, _) = place else { return Ok(&stack.conf) };
    Ok(match (room, whose) {
        (Room::Conf4, Whose::All) => &stack.all4,
        (Room::Conf4, Whose::Default) => &stack.default4,
        (Room::Conf6, Whose::All) => &stack.all6,
        (Room::Conf6, Whose::Default) => &stack.default6,
        (Room::Neigh4, Whose::All | Whose::Default) => &stack.neigh4,
        (Room::Neigh6, Whose::All | Whose::Default) => &stack.neigh6,
        (Room::Conf4, Whose::Device(id)) => &world[id].inet.as_ref().ok_or(Errno::ENOENT)?.conf,
        (Room::Neigh4, Whose::Device(id)) => &world[id].inet.as_ref().ok_or(Errno::ENOENT)?.neighbours,
        (Room::Conf6, Whose::Device(id)) => &world[id].inet6.as_ref().ok_or(Errno::ENOENT)?.conf,
        (Room::Neigh6, Whose::Device(id)) => &world[id].inet6.as_ref().ok_or(Errno::ENOENT)?.neighbours,
    })
}

fn values_mut(world: &mut World, netns: NetnsId, place: Place) -> Result<&mut Values, Errno> {
    if let Place::Of(room, Whose::Device(id), _) = place {
        let device = world.get_mut(id).ok_or(Errno::ENOENT)?;
        let of4 = device.inet.as_mut().ok_or(Errno::ENOENT);
        let of6 = device.inet6.as_mut().ok_or(Errno::ENOENT);
        return Ok(match room {
            Room::Conf4 => &mut of4?.conf,
            Room::Neigh4 => &mut of4?.neighbours,
            Room::Conf6 => &mut of6?.conf,
            Room::Neigh6 => &mut of6?.neighbours,
        });
    }
    let stack = &mut world.space_mut(netns)?.stack;
    let Place::Of(room, whose, _) = place else { return Ok(&mut stack.conf) };
    Ok(match (room, whose) {
        (Room::Conf4, Whose::All) => &mut stack.all4,
        (Room::Conf4, _) => &mut stack.default4,
        (Room::Conf6, Whose::All) => &mut stack.all6,
        (Room::Conf6, _) => &mut stack.default6,
        (Room::Neigh4, _) => &mut stack.neigh4,
        (Room::Neigh6, _) => &mut stack.neigh6,
    })
}

/// The value of a text (`proc_dointvec`): decimal, octal behind a `0` or hexadecimal behind `0x`; a second word is
/// passed over.
fn parse(text: &str) -> Option<i32> {
    let word = text.split_whitespace().next()?;
    let (sign, digits) = word.strip_prefix('-').map_or((1, word), |digits| (-1, digits));
    let value = match digits {
        _ if digits.starts_with(['+', '-']) => return None,
        _ if digits.starts_with("0x") => i64::from_str_radix(&digits[2..], 16).ok()?,
        _ if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8).ok()?,
        _ => digits.parse::<i64>().ok()?,
    };
    i32::try_from(sign * value).ok()
}

/// What a setting may be set to.
fn limits(place: Place) -> (i32, i32) {
    match place {
        Place::Netns(at) => conf::NETNS[at].limits,
        Place::Of(room, _, at) => room.table()[at].limits,
    }
}

/// Sets a setting.
pub(crate) fn set(world: &mut World, netns: NetnsId, name: &str, value: &str) -> Result<(), Errno> {
    let place = find(world, netns, name)?;
    let (least, most) = limits(place);
    if (least, most) == conf::READ_ONLY {
        return Err(Errno::EACCES);
    }
    let value = parse(value).filter(|value| (least..=most).contains(value)).ok_or(Errno::EINVAL)?;
    let old = values(world, netns, place)?.get(number(place));
    if let Place::Of(Room::Conf6, _, v6::ADDR_GEN_MODE) = place {
        // 2 needs a secret that nobody has set.
        if value == 2 {
            return Err(Errno::EINVAL);
        }
    }
    values_mut(world, netns, place)?.set(number(place), value);
    let Place::Of(room, whose, at) = place else { return Ok(()) };
    match (room, at) {
        (Room::Conf4, v4::FORWARDING) if old != value => forwarding4(world, netns, whose, value),
        (Room::Conf4, v4::FORWARDING) => {}
        (Room::Conf6, v6::DISABLE_IPV6 | v6::FORWARDING | v6::ADDR_GEN_MODE) => {
            spread6(world, netns, whose, at, old, value);
        }
        (Room::Conf6, v6::IGNORE_ROUTES_WITH_LINKDOWN) => linkdown6(world, netns, whose, old, value),
        (Room::Conf6, _) if old != value => netconf::announce(world, netns, AF_INET6, whose, at),
        (Room::Conf4 | Room::Neigh4, _) => {
            if whose == Whose::Default {
                inherit4(world, netns, room, at, value);
            }
            if room == Room::Conf4 && old != value {
                netconf::announce(world, netns, AF_INET, whose, at);
            }
        }
        _ => {}
    }
    world.settle();
    world.run();
    Ok(())
}

fn number(place: Place) -> usize {
    match place {
        Place::Netns(at) | Place::Of(_, _, at) => at,
    }
}

fn devices(world: &World, netns: NetnsId) -> Vec<DeviceId> {
    world.space(netns).map_or(Vec::new(), |space| space.in_order_of_arrival())
}

/// Devices on which nobody has set a value take over the new default (`devinet_copy_dflt_conf`).
fn inherit4(world: &mut World, netns: NetnsId, room: Room, at: usize, value: i32) {
    for id in devices(world, netns) {
        if let Some(inet) = world[id].inet.as_mut() {
            let values = if room == Room::Conf4 { &mut inet.conf } else { &mut inet.neighbours };
            values.inherit(at, value);
        }
    }
}

/// Forwarding for all is forwarding by default and on every device, and then no redirects are taken
/// (`inet_forward_change`).
fn forwarding4(world: &mut World, netns: NetnsId, whose: Whose, value: i32) {
    let told = |world: &mut World, whose| netconf::announce(world, netns, AF_INET, whose, v4::FORWARDING);
    told(world, whose);
    if whose != Whose::All {
        return;
    }
    if let Ok(space) = world.space_mut(netns) {
        space.stack.all4.set(v4::ACCEPT_REDIRECTS, i32::from(value == 0));
        space.stack.default4.set(v4::FORWARDING, value);
    }
    told(world, Whose::Default);
    for id in devices(world, netns) {
        if let Some(inet) = world[id].inet.as_mut() {
            inet.conf.set(v4::FORWARDING, value);
            told(world, Whose::Device(id));
        }
    }
}

/// The settings of IPv6 that reach further than where they were made (`addrconf_disable_ipv6`,
/// `addrconf_fixup_forwarding`).
fn spread6(world: &mut World, netns: NetnsId, whose: Whose, at: usize, old: i32, value: i32) {
    let is_news = |old: i32| (old != 0) != (value != 0) && at == v6::FORWARDING;
    let told = |world: &mut World, whose| netconf::announce(world, netns, AF_INET6, whose, at);
    match whose {
        Whose::Default if is_news(old) => told(world, whose),
        Whose::Default => {}
        Whose::All => {
            let Ok(space) = world.space_mut(netns) else { return };
            let before = space.stack.default6.get(at);
            space.stack.default6.set(at, value);
            if is_news(before) {
                told(world, Whose::Default);
            }
            for id in devices(world, netns) {
                let Some(inet6) = world[id].inet6.as_mut() else { continue };
                let before = inet6.conf.get(at);
                inet6.conf.set(at, value);
                crate::inet6::setting_changed(world, id, at, before);
            }
            if is_news(old) {
                told(world, whose);
            }
        }
        Whose::Device(id) => crate::inet6::setting_changed(world, id, at, old),
    }
}

/// The same for routes without carrier; a single link's setting is no news (`addrconf_fixup_linkdown`).
fn linkdown6(world: &mut World, netns: NetnsId, whose: Whose, old: i32, value: i32) {
    let at = v6::IGNORE_ROUTES_WITH_LINKDOWN;
    let is_news = |old: i32| (old != 0) != (value != 0);
    if whose == Whose::All {
        if let Ok(space) = world.space_mut(netns) {
            space.stack.default6.set(at, value);
        }
        for id in devices(world, netns) {
            let Some(inet6) = world[id].inet6.as_mut() else { continue };
            let before = inet6.conf.get(at);
            inet6.conf.set(at, value);
            if is_news(before) {
                netconf::announce(world, netns, AF_INET6, Whose::Device(id), at);
            }
        }
    }
    if is_news(old) && !matches!(whose, Whose::Device(_)) {
        netconf::announce(world, netns, AF_INET6, whose, at);
    }
}

/// Reads a setting.
pub(crate) fn get(world: &World, netns: NetnsId, name: &str) -> Result<String, Errno> {
    let place = find(world, netns, name)?;
    Ok(values(world, netns, place)?.get(number(place)).to_string())
}
