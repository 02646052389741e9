//! Changes a link, attribute by attribute in Linux's order (`do_setlink`).
//!
//! Linux does not undo what came before the attribute that is refused, and neither do we: the order is visible.

use super::{Asker, af_spec, fill, named_netns};
use crate::device::{DeviceId, Qdisc, segmentation::*};
use crate::link::Event;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::link::*;
use rtnl::table::Tb;

/// Address families in `IFLA_AF_SPEC`.
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Whether something changed, and whether those who listen are told of it at the end.
#[derive(Clone, Copy, Default)]
pub(crate) struct Status {
    modified: bool,
    notify: bool,
}

impl Status {
    /// Something changed of which nobody was told yet.
    pub(crate) fn changed(&mut self) {
        self.modified = true;
        self.notify = true;
    }
}

/// What is checked before anything changes (`validate_linkmsg`).
pub(crate) fn validate(world: &World, id: Option<DeviceId>, tb: &Tb<'_>) -> Result<(), Refusal> {
    if let Some(id) = id {
        let least = usize::from(world[id].address_length);
        for number in [IFLA_ADDRESS, IFLA_BROADCAST] {
            if tb.get(number).is_some_and(|attr| attr.payload.len() < least) {
                return Err(Errno::EINVAL.into());
            }
        }
    }
    let Some(spec) = tb.get(IFLA_AF_SPEC) else { return Ok(()) };
    for family in spec.attrs() {
        match family.number {
            AF_INET => {}
            AF_INET6 => {
                // A link that is not there yet has no IPv6 to set anything of.
                if id.is_none_or(|id| world[id].inet6.is_none()) {
                    return Err(Errno::EAFNOSUPPORT.into());
                }
                let mode = Tb::read(family.attrs()).u8(af_spec::IFLA_INET6_ADDR_GEN_MODE);
                if mode.is_some_and(|mode| mode > 3) {
                    return Err(Errno::EINVAL.into());
                }
                // 2 is stable privacy, which needs a secret that nobody has set.
                if mode == Some(2) {
                    return Err(Errno::EINVAL.into());
                }
            }
            _ => return Err(Errno::EAFNOSUPPORT.into()),
        }
    }
    Ok(())
}

/// The flags that a request means, those that it does not name left as they are (`rtnl_dev_combine_flags`).
pub(crate) fn combine_flags(world: &World, id: DeviceId, info: &Ifinfo) -> u32 {
    let device = &world[id];
    let asked = IFF_PROMISC | IFF_ALLMULTI;
    let present = (device.flags & !asked) | (device.gflags & asked);
    if info.change == 0 { info.flags } else { (info.flags & info.change) | (present & !info.change) }
}

/// Changes the link; what was changed before a refusal stays, and is told of.
pub(crate) fn apply(
    world: &mut World,
    asker: Asker,
    id: DeviceId,
    info: &Ifinfo,
    tb: &Tb<'_>,
    mut status: Status,
) -> Result<(), Refusal> {
    let result = apply_all(world, asker, id, info, tb, &mut status);
    if status.modified && status.notify {
        world.state_changed(id);
    }
    result
}

fn apply_all(
    world: &mut World,
    asker: Asker,
    id: DeviceId,
    info: &Ifinfo,
    tb: &Tb<'_>,
    status: &mut Status,
) -> Result<(), Refusal> {
    let name = tb.string(IFLA_IFNAME).filter(|name| !name.is_empty());
    if let Some(netns) = named_netns(world, asker.netns, tb)? {
        let ifindex = tb.u32(IFLA_NEW_IFINDEX).filter(|index| *index != 0);
        world.change_netns(id, netns, name, ifindex)?;
        status.modified = true;
    }
    if tb.has(IFLA_MAP) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    if let Some(attr) = tb.get(IFLA_ADDRESS) {
        // So many bytes as the link's address has; the rest is none of it.
        let mut address: crate::device::Mac = attr.first();
        let length = usize::from(world[id].address_length).min(address.len());
        address[length..].fill(0);
        world.set_address(id, address)?;
        status.modified = true;
    }
    if let Some(mtu) = tb.u32(IFLA_MTU) {
        world.set_mtu(id, mtu)?;
        status.modified = true;
    }
    if let Some(group) = tb.u32(IFLA_GROUP) {
        world.set_group(id, group);
        status.changed();
    }
    // A name together with an index is a new name; alone it only said which link is meant.
    if let Some(name) = name.filter(|_| info.ifindex > 0) {
        world.rename(id, name)?;
        status.modified = true;
    }
    if let Some(attr) = tb.get(IFLA_IFALIAS) {
        set_alias(world, id, attr.payload);
        status.changed();
    }
    if let Some(attr) = tb.get(IFLA_BROADCAST) {
        world[id].broadcast = attr.first();
        world.tell(id, Event::ChangeAddress);
    }
    if info.flags != 0 || info.change != 0 {
        let flags = combine_flags(world, id, info);
        world.change_flags(id, flags)?;
    }
    if let Some(master) = tb.u32(IFLA_MASTER) {
        set_master(world, id, master)?;
        status.modified = true;
    }
    apply_settings(world, id, tb, status)
}

/// The second half, in order: carrier, queue, segmentation, state, and what only some devices know.
fn apply_settings(world: &mut World, id: DeviceId, tb: &Tb<'_>, status: &mut Status) -> Result<(), Refusal> {
    if let Some(carrier) = tb.u8(IFLA_CARRIER) {
        change_carrier(world, id, carrier != 0)?;
        status.modified = true;
    }
    if let Some(length) = tb.u32(IFLA_TXQLEN) {
        let queued = matches!(world[id].qdisc, Qdisc::PfifoFast | Qdisc::Mq);
        if queued && length > crate::state::LONGEST_QUEUE {
            return Err(Errno::ENOMEM.into());
        }
        if std::mem::replace(&mut world[id].txqlen, length) != length {
            world.announce_link(id);
        }
        status.modified = true;
    }
    set_segmentation(world, id, tb, status)?;
    if let Some(state) = tb.u8(IFLA_OPERSTATE) {
        world.set_operstate(id, state);
    }
    if let Some(mode) = tb.u8(IFLA_LINKMODE) {
        if mode != world[id].link_mode {
            status.changed();
        }
        world[id].link_mode = mode;
    }
    refuse_virtual_functions(tb)?;
    if let Some(spec) = tb.get(IFLA_AF_SPEC) {
        set_families(world, id, spec)?;
        status.changed();
    }
    if tb.has(IFLA_PROTO_DOWN) || tb.has(IFLA_PROTO_DOWN_REASON) {
        set_proto_down(world, id, tb)?;
        status.changed();
    }
    if let Some(xdp) = tb.get(IFLA_XDP) {
        set_program(&Tb::read(xdp.attrs()))?;
    }
    Ok(())
}

/// No device here has virtual functions; a number that none could have is refused before that is looked at.
fn refuse_virtual_functions(tb: &Tb<'_>) -> Result<(), Refusal> {
    let list = tb.get(IFLA_VFINFO_LIST);
    let settings = list.into_iter().flat_map(|list| list.attrs()).flat_map(|function| function.attrs());
    if let Some(setting) = settings.into_iter().next() {
        let number = setting.u32();
        return Err(if number >= i32::MAX as u32 { Errno::EINVAL } else { Errno::EOPNOTSUPP }.into());
    }
    match tb.has(IFLA_VF_PORTS) || tb.has(IFLA_PORT_SELF) {
        true => Err(Errno::EOPNOTSUPP.into()),
        false => Ok(()),
    }
}

fn set_alias(world: &mut World, id: DeviceId, payload: &[u8]) {
    let end = payload.iter().position(|&b| b == 0).unwrap_or(payload.len());
    if end > 0 || world[id].extras.is_some() {
        world[id].extras_mut().alias = payload[..end].into();
    }
}

/// Makes a link the port of another, or of none with index 0 (`do_set_master`).
///
/// # Errors
/// EINVAL if there is no such master, EOPNOTSUPP if it takes no ports; what the master's type says.
pub(crate) fn set_master(world: &mut World, id: DeviceId, ifindex: u32) -> Result<(), Refusal> {
    if let Some(present) = world[id].master {
        if world[present].ifindex == ifindex {
            return Ok(());
        }
        let del_port = world[present].kind.del_port.ok_or(Errno::EOPNOTSUPP)?;
        del_port(world, present, id)?;
    }
    if ifindex == 0 {
        return Ok(());
    }
    let master = world.by_index(world[id].netns, ifindex).ok_or(Errno::EINVAL)?;
    let add_port = world[master].kind.add_port.ok_or(Errno::EOPNOTSUPP)?;
    add_port(world, master, id)
}

fn change_carrier(world: &mut World, id: DeviceId, on: bool) -> Result<(), Refusal> {
    let change = world[id].kind.change_carrier.ok_or(Errno::EOPNOTSUPP)?;
    change(world, id, on);
    Ok(())
}

fn set_segmentation(
    world: &mut World,
    id: DeviceId,
    tb: &Tb<'_>,
    status: &mut Status,
) -> Result<(), Refusal> {
    let limits = world[id].segmentation;
    let rows = [
        (IFLA_GSO_MAX_SIZE, GSO_MAX_SIZE, limits[TSO_MAX_SIZE]),
        (IFLA_GSO_MAX_SEGS, GSO_MAX_SEGS, limits[TSO_MAX_SEGS].min(65535)),
        (IFLA_GRO_MAX_SIZE, GRO_MAX_SIZE, u32::MAX),
    ];
    for (number, place, most) in rows {
        let Some(value) = tb.u32(number) else { continue };
        if value > most {
            return Err(Errno::EINVAL.into());
        }
        if world[id].segmentation[place] != value {
            world[id].segmentation[place] = value;
            status.modified = true;
        }
    }
    Ok(())
}

fn set_families(world: &mut World, id: DeviceId, spec: rtnl::attr::Attr<'_>) -> Result<(), Refusal> {
    for family in spec.attrs().filter(|family| family.number == AF_INET6) {
        let tb = Tb::read(family.attrs());
        let mode = tb.u8(af_spec::IFLA_INET6_ADDR_GEN_MODE);
        let Some(inet6) = &mut world[id].inet6 else { return Err(Errno::EAFNOSUPPORT.into()) };
        if let Some(mode) = mode {
            inet6.conf.set(crate::host::conf::v6::ADDR_GEN_MODE, i32::from(mode));
        }
    }
    Ok(())
}

/// A protocol keeps the device down, or no longer (`do_set_proto_down`).
fn set_proto_down(world: &mut World, id: DeviceId, tb: &Tb<'_>) -> Result<(), Refusal> {
    if !world[id].abilities.proto_down {
        return Err(Refusal::said(Errno::EOPNOTSUPP, "Protodown not supported by device"));
    }
    if let Some(reason) = tb.get(IFLA_PROTO_DOWN_REASON) {
        let reason = Tb::read(reason.attrs());
        let invalid = Refusal::said(Errno::EINVAL, "Invalid protodown reason value");
        let value = reason.u32(fill::IFLA_PROTO_DOWN_REASON_VALUE).ok_or(invalid)?;
        let mask = reason.u32(fill::IFLA_PROTO_DOWN_REASON_MASK).unwrap_or(u32::MAX);
        let reasons = &mut world[id].extras_mut().proto_down_reason;
        *reasons = (*reasons & !mask) | (value & mask);
    }
    let Some(down) = tb.u8(IFLA_PROTO_DOWN).map(|down| down != 0) else { return Ok(()) };
    if !down && world[id].extras.as_ref().is_some_and(|extras| extras.proto_down_reason != 0) {
        return Err(Refusal::said(Errno::EBUSY, "Cannot clear protodown, active reasons"));
    }
    if down {
        world.carrier_off(id)
    } else {
        world.carrier_on(id)
    }
    world[id].proto_down = down;
    Ok(())
}

/// `IFLA_XDP`: that no program runs is all that can be asked.
fn set_program(tb: &Tb<'_>) -> Result<(), Refusal> {
    const IFLA_XDP_FD: u16 = 1;
    match tb.i32(IFLA_XDP_FD) {
        Some(fd) if fd >= 0 => Err(Errno::EOPNOTSUPP.into()),
        _ => Ok(()),
    }
}
