//! The settings of a namespace that `sysctl` reaches, and what setting one leads to.
//!
//! `net.ipv4.conf.DEVICE.*`, `net.ipv6.conf.DEVICE.*`, `net.ipv4.neigh.DEVICE.*` and `net.ipv6.neigh.DEVICE.*`, where
//! DEVICE may be `all` (not for neighbours) and `default`, and those of the namespace itself; the rows are in
//! `host::conf`. A setting of a device that is not there does not exist.

use crate::device::DeviceId;
use crate::host::conf::{self, Setting, Values, v4, v6};
use crate::host::{AF_INET, AF_INET6, domain};
use crate::netns::NetnsId;
use crate::rtnl::netconf::{self, Whose};
use crate::world::World;
use rtnl::errno::Errno;

/// Which family's settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Four,
    Six,
}

/// Where a value is kept.
#[derive(Clone, Copy)]
enum Place {
    /// A setting of the namespace.
    Netns(usize),
    /// One of a device, or of all.
    Of(Family, Whose, usize),
}

/// Where settings of devices are, which they are, and what their first place is.
const ROOMS: &[(&str, Family, &[Setting], usize)] = &[
    ("net.ipv4.conf.", Family::Four, conf::IPV4, 0),
    ("net.ipv6.conf.", Family::Six, conf::IPV6, 0),
    ("net.ipv4.neigh.", Family::Four, conf::NEIGHBOUR, conf::NEIGHBOURS),
    ("net.ipv6.neigh.", Family::Six, conf::NEIGHBOUR, conf::NEIGHBOURS),
];

/// Finds a setting by its name; ENOENT if there is no such setting.
fn find(world: &World, netns: NetnsId, name: &str) -> Result<Place, Errno> {
    if name == "net.ipv4.ip_forward" {
        return Ok(Place::Of(Family::Four, Whose::All, v4::FORWARDING));
    }
    if let Some(place) = conf::find(conf::NETNS, name) {
        return Ok(Place::Netns(place));
    }
    let is_in = |(prefix, ..): &&(&str, _, _, _)| name.starts_with(prefix);
    let (prefix, family, table, first) = *ROOMS.iter().find(is_in).ok_or(Errno::ENOENT)?;
    let (device, setting) = name[prefix.len()..].rsplit_once('.').ok_or(Errno::ENOENT)?;
    let place = first + conf::find(table, setting).ok_or(Errno::ENOENT)?;
    let whose = match device {
        // The defaults of neighbours are the first namespace's alone, and commands do not run in that one.
        "all" | "default" if first == conf::NEIGHBOURS => return Err(Errno::ENOENT),
        "all" => Whose::All,
        "default" => Whose::Default,
        name => Whose::Device(world.by_name(netns, name.as_bytes()).ok_or(Errno::ENOENT)?),
    };
    let place = Place::Of(family, whose, place);
    values(world, netns, place).map(|_| place)
}

/// The values among which a setting is; ENOENT if the device has not this family.
fn values(world: &World, netns: NetnsId, place: Place) -> Result<&Values, Errno> {
    let stack = &world.space(netns)?.stack;
    let Place::Of(family, whose, _) = place else { return Ok(&stack.conf) };
    Ok(match (family, whose) {
        (Family::Four, Whose::All) => &stack.all4,
        (Family::Four, Whose::Default) => &stack.default4,
        (Family::Six, Whose::All) => &stack.all6,
        (Family::Six, Whose::Default) => &stack.default6,
        (Family::Four, Whose::Device(id)) => &world[id].inet.as_ref().ok_or(Errno::ENOENT)?.conf,
        (Family::Six, Whose::Device(id)) => &world[id].inet6.as_ref().ok_or(Errno::ENOENT)?.conf,
    })
}

fn values_mut(world: &mut World, netns: NetnsId, place: Place) -> Result<&mut Values, Errno> {
    if let Place::Of(family, Whose::Device(id), _) = place {
        let device = world.get_mut(id).ok_or(Errno::ENOENT)?;
        return Ok(match family {
            Family::Four => &mut device.inet.as_mut().ok_or(Errno::ENOENT)?.conf,
            Family::Six => &mut device.inet6.as_mut().ok_or(Errno::ENOENT)?.conf,
        });
    }
    let stack = &mut world.space_mut(netns)?.stack;
    let Place::Of(family, whose, _) = place else { return Ok(&mut stack.conf) };
    Ok(match (family, whose) {
        (Family::Four, Whose::All) => &mut stack.all4,
        (Family::Four, _) => &mut stack.default4,
        (Family::Six, Whose::All) => &mut stack.all6,
        (Family::Six, _) => &mut stack.default6,
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
        Place::Of(_, _, at) if at >= conf::NEIGHBOURS => conf::NEIGHBOUR[at - conf::NEIGHBOURS].limits,
        Place::Of(Family::Four, _, at) => conf::IPV4[at].limits,
        Place::Of(Family::Six, _, at) => conf::IPV6[at].limits,
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
    let before = values(world, netns, place)?.clone();
    let old = before.get(number(place));
    if let Place::Of(Family::Six, _, v6::ADDR_GEN_MODE) = place {
        // 2 needs a secret that nobody has set.
        if value == 2 {
            return Err(Errno::EINVAL);
        }
    }
    if matches!(place, Place::Netns(conf::netns::STRICT_MODE) if value != 0)
        && domain::shares_table(world, netns)
    {
        return Err(Errno::EBUSY);
    }
    let values = values_mut(world, netns, place)?;
    match place {
        Place::Of(_, Whose::Device(_), at) => values.set(at, value),
        _ => values.put(number(place), value),
    }
    let Place::Of(family, whose, at) = place else { return Ok(()) };
    let is_news = old != value && at < conf::NEIGHBOURS;
    match (family, at) {
        (Family::Four, v4::FORWARDING) if is_news => forwarding4(world, netns, whose, value),
        (Family::Four, v4::FORWARDING) => {}
        (Family::Six, v6::DISABLE_IPV6 | v6::FORWARDING | v6::ADDR_GEN_MODE) => {
            spread6(world, netns, whose, at, old, value);
        }
        (Family::Six, v6::IGNORE_ROUTES_WITH_LINKDOWN) => linkdown6(world, netns, whose, old, value),
        (Family::Six, _) if is_news => netconf::announce(world, netns, AF_INET6, whose, at),
        (Family::Four, _) => {
            if whose == Whose::Default {
                inherit4(world, netns, at, &before)?;
            }
            if is_news {
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
fn inherit4(world: &mut World, netns: NetnsId, at: usize, before: &Values) -> Result<(), Errno> {
    let after = world.space(netns)?.stack.default4.clone();
    for id in devices(world, netns) {
        if let Some(inet) = world[id].inet.as_mut() {
            inet.conf.inherit(at, before, &after);
        }
    }
    Ok(())
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
        space.stack.all4.put(v4::ACCEPT_REDIRECTS, i32::from(value == 0));
        space.stack.default4.put(v4::FORWARDING, value);
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
            let before = space.stack.default6.clone();
            space.stack.default6.put(at, value);
            let after = space.stack.default6.clone();
            if is_news(before.get(at)) {
                told(world, Whose::Default);
            }
            for id in devices(world, netns) {
                let Some(inet6) = world[id].inet6.as_mut() else { continue };
                let old = inet6.conf.get(at);
                inet6.conf.set_with_default(at, &before, &after);
                crate::inet6::setting_changed(world, id, at, old);
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
        let Ok(space) = world.space_mut(netns) else { return };
        let before = space.stack.default6.clone();
        space.stack.default6.put(at, value);
        let after = space.stack.default6.clone();
        for id in devices(world, netns) {
            let Some(inet6) = world[id].inet6.as_mut() else { continue };
            let old = inet6.conf.get(at);
            inet6.conf.set_with_default(at, &before, &after);
            if is_news(old) {
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
    let value = values(world, netns, place)?.get(number(place));
    Ok(match place {
        Place::Of(Family::Six, Whose::Device(id), v6::MTU) => crate::inet6::mtu(world, id).to_string(),
        Place::Of(Family::Six, _, v6::MTU) if value == 0 => crate::inet6::IPV6_MIN_MTU.to_string(),
        _ => value.to_string(),
    })
}
