//! Namespace identifiers: `struct rtgenmsg` and the attributes `NETNSA_*` (`include/uapi/linux/net_namespace.h`).
//!
//! An identifier is a small number that one namespace uses for another. It is not the other's name.

use crate::table::{Row, Table, Wire};

/// An identifier was given; or: give one.
pub const RTM_NEWNSID: u16 = 88;
/// An identifier is gone.
pub const RTM_DELNSID: u16 = 89;
/// Tell the identifier of a namespace, or all.
pub const RTM_GETNSID: u16 = 90;

/// The multicast group of namespace identifiers.
pub const RTNLGRP_NSID: u32 = 28;

/// Bytes of `struct rtgenmsg`: the address family alone.
pub const RTGENMSG: usize = 1;

/// The identifier; -1 (`NETNSA_NSID_NOT_ASSIGNED`) where there is none or any will do.
pub const NETNSA_NSID: u16 = 1;
/// The other namespace, by a process in it.
pub const NETNSA_PID: u16 = 2;
/// The other namespace, by an open file.
pub const NETNSA_FD: u16 = 3;
/// The namespace that is asked about, by its identifier here.
pub const NETNSA_TARGET_NSID: u16 = 4;
/// The identifier in the asking namespace.
pub const NETNSA_CURRENT_NSID: u16 = 5;

/// The attributes.
pub static NETNSA: Table = Table::new(
    "NETNSA",
    &[
        Row::new(NETNSA_NSID, "NETNSA_NSID", Wire::S32),
        Row::new(NETNSA_PID, "NETNSA_PID", Wire::U32),
        Row::new(NETNSA_FD, "NETNSA_FD", Wire::U32),
        Row::new(NETNSA_TARGET_NSID, "NETNSA_TARGET_NSID", Wire::S32),
        Row::new(NETNSA_CURRENT_NSID, "NETNSA_CURRENT_NSID", Wire::S32).reply(),
    ],
);
