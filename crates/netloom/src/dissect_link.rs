//! What a device carries in one line, whatever its hardware: Ethernet ([`crate::dissect`]), netlink or CAN.

use crate::dissect::{dissect, dissect_content};
use kernel::netlink_tap::HEADER;
use rtnl::message::Messages;
use rtnl::object::link::{ARPHRD_CAN, ARPHRD_NETLINK};
use std::fmt::Write;

/// Messages of one datagram that are told at most.
const MESSAGES: usize = 4;
/// The objects of rtnetlink by their number; three or four verbs each.
const OBJECTS: &[&str] = &[
    "LINK",
    "ADDR",
    "ROUTE",
    "NEIGH",
    "RULE",
    "QDISC",
    "TCLASS",
    "TFILTER",
    "ACTION",
    "PREFIX",
    "MULTICAST",
    "ANYCAST",
    "NEIGHTBL",
    "NDUSEROPT",
    "ADDRLABEL",
    "DCB",
    "NETCONF",
    "MDB",
    "NSID",
    "STATS",
    "CACHEREPORT",
    "CHAIN",
    "NEXTHOP",
    "LINKPROP",
    "VLAN",
    "NEXTHOPBUCKET",
    "TUNNEL",
];

/// A frame of a device with that hardware (`ARPHRD_*`); with the addresses of Ethernet or without.
pub(crate) fn describe(hardware: u16, frame: &[u8], addresses: bool) -> String {
    match hardware {
        ARPHRD_CAN => crate::can::describe(frame),
        ARPHRD_NETLINK => netlink(frame),
        _ if addresses => dissect(frame),
        _ => dissect_content(frame),
    }
}

/// `netlink route to kernel: RTM_GETLINK 40 flags 0x301, … 40 bytes`
fn netlink(frame: &[u8]) -> String {
    let Some((head, datagram)) = frame.split_at_checked(HEADER) else { return "netlink (truncated)".into() };
    let protocol = u16::from_be_bytes([head[HEADER - 2], head[HEADER - 1]]);
    let family = match protocol {
        0 => "route".into(),
        16 => "generic".into(),
        other => format!("protocol {other}"),
    };
    let whom = if head[1] == 7 { "kernel" } else { "user" };
    let mut line = format!("netlink {family} to {whom}:");
    let mut messages = Messages(datagram);
    // Writing to a string does not fail.
    for (at, message) in messages.by_ref().take(MESSAGES).enumerate() {
        let header = message.header;
        let comma = if at == 0 { "" } else { "," };
        let name = if protocol == 0 { route_name(header.kind) } else { control_name(header.kind) };
        let name = name.unwrap_or_else(|| format!("type {}", header.kind));
        let _ = write!(line, "{comma} {name} {} flags 0x{:x}", message.bytes.len(), header.flags);
    }
    if messages.next().is_some() {
        line.push_str(", …");
    }
    let _ = write!(line, " {} bytes", datagram.len());
    line
}

fn control_name(kind: u16) -> Option<String> {
    let name = match kind {
        1 => "NLMSG_NOOP",
        2 => "NLMSG_ERROR",
        3 => "NLMSG_DONE",
        4 => "NLMSG_OVERRUN",
        _ => return None,
    };
    Some(name.into())
}

fn route_name(kind: u16) -> Option<String> {
    let Some(number) = kind.checked_sub(16) else { return control_name(kind) };
    let object = OBJECTS.get(usize::from(number / 4))?;
    let verb = ["NEW", "DEL", "GET", "SET"][usize::from(number % 4)];
    Some(format!("RTM_{verb}{object}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netlink_messages_have_names() {
        let mut frame = vec![0, 7, 3, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        frame.extend([20, 0, 0, 0, 18, 0, 1, 3]);
        frame.resize(HEADER + 20, 0);
        let line = describe(ARPHRD_NETLINK, &frame, false);
        assert_eq!(line, "netlink route to kernel: RTM_GETLINK 20 flags 0x301 20 bytes");
        assert_eq!(describe(ARPHRD_NETLINK, &frame[..9], true), "netlink (truncated)");
        assert_eq!(route_name(3), Some("NLMSG_DONE".into()));
        assert_eq!(route_name(88), Some("RTM_NEWNSID".into()));
        assert_eq!(route_name(65535), None);
    }
}
