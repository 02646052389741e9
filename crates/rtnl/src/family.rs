//! Address families, as Linux numbers them (`include/linux/socket.h`).

/// `AF_UNSPEC`: any family.
pub const AF_UNSPEC: u8 = 0;
/// `AF_INET`.
pub const AF_INET: u8 = 2;
/// `AF_BRIDGE`.
pub const AF_BRIDGE: u8 = 7;
/// `AF_INET6`.
pub const AF_INET6: u8 = 10;
/// `AF_PACKET`: what `ip -0` and `ip link` ask for.
pub const AF_PACKET: u8 = 17;
/// `AF_MPLS`.
pub const AF_MPLS: u8 = 28;
