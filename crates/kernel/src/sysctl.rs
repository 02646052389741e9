//! The settings of a namespace that `sysctl` reaches: those under `net.ipv6.conf` that decide whether links have
//! IPv6. A setting of a device that is not there does not exist.

use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;

/// The settings of `net.ipv6.conf.DEVICE`, with what they are before anyone sets them.
const IPV6_CONF: &[(&str, &str)] = &[("disable_ipv6", "0"), ("addr_gen_mode", "0"), ("accept_dad", "1")];

/// The value that a setting has before anyone sets it; ENOENT if there is no such setting.
fn default(world: &World, netns: NetnsId, name: &str) -> Result<&'static str, Errno> {
    let (device, setting) =
        name.strip_prefix("net.ipv6.conf.").and_then(|rest| rest.rsplit_once('.')).ok_or(Errno::ENOENT)?;
    let row = IPV6_CONF.iter().find(|(known, _)| *known == setting).ok_or(Errno::ENOENT)?;
    let exists = ["all", "default"].contains(&device) || world.by_name(netns, device.as_bytes()).is_some();
    if exists { Ok(row.1) } else { Err(Errno::ENOENT) }
}

/// Sets a setting.
pub(crate) fn set(world: &mut World, netns: NetnsId, name: &str, value: &str) -> Result<(), Errno> {
    default(world, netns, name)?;
    let value: i32 = value.trim().parse().map_err(|_| Errno::EINVAL)?;
    world.space_mut(netns)?.sysctls.insert(name.to_owned(), value.to_string());
    Ok(())
}

/// Reads a setting.
pub(crate) fn get(world: &World, netns: NetnsId, name: &str) -> Result<String, Errno> {
    let default = default(world, netns, name)?;
    Ok(world.space(netns)?.sysctls.get(name).cloned().unwrap_or_else(|| default.to_owned()))
}
