//! The generic netlink of teams (`include/uapi/linux/if_team.h`) and what is needed of generic netlink itself
//! (`include/uapi/linux/genetlink.h`).

/// The protocol of generic netlink.
pub const NETLINK_GENERIC: u16 = 16;
/// The controller, which knows the families.
pub const GENL_ID_CTRL: u16 = 16;
/// Bytes of the header behind that of netlink: command, version, reserved.
pub const GENL_HEADER: usize = 4;

/// Tells a family.
pub const CTRL_CMD_NEWFAMILY: u8 = 1;
/// Asks for a family.
pub const CTRL_CMD_GETFAMILY: u8 = 3;
/// The number of a family.
pub const CTRL_ATTR_FAMILY_ID: u16 = 1;
/// The name of a family.
pub const CTRL_ATTR_FAMILY_NAME: u16 = 2;
/// The version of a family.
pub const CTRL_ATTR_VERSION: u16 = 3;
/// Bytes of a header of the family's own.
pub const CTRL_ATTR_HDRSIZE: u16 = 4;
/// The largest attribute of the family.
pub const CTRL_ATTR_MAXATTR: u16 = 5;

/// The name of the family.
pub const TEAM_GENL_NAME: &[u8] = b"team";
/// Its version.
pub const TEAM_GENL_VERSION: u8 = 1;
/// Its largest attribute.
pub const TEAM_ATTR_MAX: u32 = 3;

/// Sets options.
pub const TEAM_CMD_OPTIONS_SET: u8 = 1;
/// Asks for options, and tells them.
pub const TEAM_CMD_OPTIONS_GET: u8 = 2;
/// Asks for ports, and tells them.
pub const TEAM_CMD_PORT_LIST_GET: u8 = 3;

/// The index of the team.
pub const TEAM_ATTR_TEAM_IFINDEX: u16 = 1;
/// Its options.
pub const TEAM_ATTR_LIST_OPTION: u16 = 2;
/// Its ports.
pub const TEAM_ATTR_LIST_PORT: u16 = 3;
/// One option or port in such a list.
pub const TEAM_ATTR_ITEM: u16 = 1;

/// The name of an option.
pub const TEAM_ATTR_OPTION_NAME: u16 = 1;
/// Its type (`NLA_*`).
pub const TEAM_ATTR_OPTION_TYPE: u16 = 3;
/// Its value.
pub const TEAM_ATTR_OPTION_DATA: u16 = 4;
/// The index of the port whose option it is.
pub const TEAM_ATTR_OPTION_PORT_IFINDEX: u16 = 6;
/// The place in the array that the option is.
pub const TEAM_ATTR_OPTION_ARRAY_INDEX: u16 = 7;

/// The index of a port.
pub const TEAM_ATTR_PORT_IFINDEX: u16 = 1;
/// It has a link.
pub const TEAM_ATTR_PORT_LINKUP: u16 = 3;
/// Its speed in Mbit/s.
pub const TEAM_ATTR_PORT_SPEED: u16 = 4;
/// It is full duplex: 1.
pub const TEAM_ATTR_PORT_DUPLEX: u16 = 5;

/// A number without sign.
pub const NLA_U32: u8 = 3;
/// A text.
pub const NLA_STRING: u8 = 5;
/// Present or not.
pub const NLA_FLAG: u8 = 6;
/// Bytes.
pub const NLA_BINARY: u8 = 11;
/// A number with a sign.
pub const NLA_S32: u8 = 14;
