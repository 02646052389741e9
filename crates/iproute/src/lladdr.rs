//! Names of link types, and link-layer addresses as they are shown.

use rtnl::sink::mac_text;
use std::net::{Ipv4Addr, Ipv6Addr};

/// `ifi_type` of IPv4 in IPv4.
const ARPHRD_TUNNEL: u16 = 768;
/// `ifi_type` of IPv6 tunnels.
const ARPHRD_TUNNEL6: u16 = 769;
/// `ifi_type` of IPv6 in IPv4.
const ARPHRD_SIT: u16 = 776;
/// `ifi_type` of GRE over IPv4.
const ARPHRD_IPGRE: u16 = 778;
/// `ifi_type` of GRE over IPv6.
const ARPHRD_IP6GRE: u16 = 823;

/// Names by `ARPHRD_*` number.
const TYPES: &[(u16, &str)] = &[
    (0, "netrom"),
    (1, "ether"),
    (2, "eether"),
    (3, "ax25"),
    (4, "pronet"),
    (5, "chaos"),
    (6, "ieee802"),
    (7, "arcnet"),
    (8, "atalk"),
    (15, "dlci"),
    (19, "atm"),
    (23, "metricom"),
    (24, "ieee1394"),
    (32, "infiniband"),
    (256, "slip"),
    (257, "cslip"),
    (258, "slip6"),
    (259, "cslip6"),
    (260, "rsrvd"),
    (264, "adapt"),
    (270, "rose"),
    (271, "x25"),
    (272, "hwx25"),
    (280, "can"),
    (512, "ppp"),
    (513, "hdlc"),
    (516, "lapb"),
    (517, "ddcmp"),
    (518, "rawhdlc"),
    (ARPHRD_TUNNEL, "ipip"),
    (ARPHRD_TUNNEL6, "tunnel6"),
    (770, "frad"),
    (771, "skip"),
    (772, "loopback"),
    (773, "ltalk"),
    (774, "fddi"),
    (775, "bif"),
    (ARPHRD_SIT, "sit"),
    (777, "ip/ddp"),
    (ARPHRD_IPGRE, "gre"),
    (779, "pimreg"),
    (780, "hippi"),
    (781, "ash"),
    (782, "econet"),
    (783, "irda"),
    (784, "fcpp"),
    (785, "fcal"),
    (786, "fcpl"),
    (787, "fcfb0"),
    (788, "fcfb1"),
    (789, "fcfb2"),
    (790, "fcfb3"),
    (791, "fcfb4"),
    (792, "fcfb5"),
    (793, "fcfb6"),
    (794, "fcfb7"),
    (795, "fcfb8"),
    (796, "fcfb9"),
    (797, "fcfb10"),
    (798, "fcfb11"),
    (799, "fcfb12"),
    (800, "tr"),
    (801, "ieee802.11"),
    (802, "ieee802.11/prism"),
    (803, "ieee802.11/radiotap"),
    (804, "ieee802.15.4"),
    (805, "ieee802.15.4/monitor"),
    (820, "phonet"),
    (821, "phonet_pipe"),
    (822, "caif"),
    (ARPHRD_IP6GRE, "gre6"),
    (824, "netlink"),
    (825, "6lowpan"),
    (65534, "none"),
    (65535, "void"),
];

/// The name of a link type; its number in brackets if it has none or if numbers were asked for.
pub fn type_name(kind: u16, numeric: bool) -> String {
    let named = TYPES.iter().find(|(number, _)| *number == kind && !numeric);
    named.map_or_else(|| format!("[{kind}]"), |(_, name)| (*name).into())
}

/// A link-layer address of a link of that type: those of tunnels are IP addresses.
pub fn address_text(address: &[u8], kind: u16) -> String {
    match kind {
        ARPHRD_TUNNEL | ARPHRD_SIT | ARPHRD_IPGRE => {
            if let Ok(octets) = <[u8; 4]>::try_from(address) {
                return Ipv4Addr::from(octets).to_string();
            }
        }
        ARPHRD_TUNNEL6 | ARPHRD_IP6GRE => {
            if let Ok(octets) = <[u8; 16]>::try_from(address) {
                return Ipv6Addr::from(octets).to_string();
            }
        }
        _ => {}
    }
    mac_text(address)
}
