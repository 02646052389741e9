//! What the families of IP say of a link: `IFLA_AF_SPEC` of a message about it, and the same of IPv6 alone in
//! `IFLA_PROTINFO` (`inet_fill_link_af` in `net/ipv4/devinet.c`, `inet6_fill_ifla6_attrs` in `net/ipv6/addrconf.c`).
//!
//! The settings stand there as whole arrays, in the order in which `host::conf` keeps them.
//!
//! **Left out**: the counters of IPv6 on a link are there, but nothing is counted in them.

use crate::device::Device;
use crate::host::conf::{IPV4, IPV6, neigh, v6};
use crate::host::inet::Inet;
use crate::inet6::Inet6;
use rtnl::attr::Builder;
use rtnl::family::{AF_INET, AF_INET6};
use rtnl::object::link::IFLA_AF_SPEC;

/// Inside `AF_INET`: the settings.
const IFLA_INET_CONF: u16 = 1;
/// Inside `AF_INET6`: `IF_*` flags.
const IFLA_INET6_FLAGS: u16 = 1;
/// Inside `AF_INET6`: the settings.
const IFLA_INET6_CONF: u16 = 2;
/// Inside `AF_INET6`: counters of packets, eight bytes each, their count in front.
const IFLA_INET6_STATS: u16 = 3;
/// Inside `AF_INET6`: `struct ifla_cacheinfo`.
const IFLA_INET6_CACHEINFO: u16 = 5;
/// Inside `AF_INET6`: counters of messages, eight bytes each, their count in front.
const IFLA_INET6_ICMP6STATS: u16 = 6;
/// Inside `AF_INET6`: the token, 16 bytes.
const IFLA_INET6_TOKEN: u16 = 7;
/// Inside `AF_INET6`: how addresses are made.
pub(crate) const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;

/// Routers were asked for.
const IF_RS_SENT: u32 = 0x10;
/// The link is ready.
const IF_READY: u32 = 0x8000_0000;
/// The longest packet that is put together, in bytes.
const LONGEST: u32 = 65_535;
/// How many counters of packets there are, their count among them.
const COUNTERS: usize = 37;
/// How many counters of messages.
const MESSAGE_COUNTERS: usize = 7;

/// Bytes of IPv4's settings.
const CONF4: usize = 4 * IPV4_ROWS;
/// Bytes of IPv6's settings.
const CONF6: usize = 4 * IPV6_ROWS;
const IPV4_ROWS: usize = 33;
const IPV6_ROWS: usize = 59;
const _: () = assert!(IPV4.len() == IPV4_ROWS && IPV6.len() == IPV6_ROWS);

/// Writes what both families say, if the link has them. The counters are left out if they are not wanted.
pub(crate) fn fill(device: &Device, skip_statistics: bool, out: &mut Builder) {
    let spec = out.nest(IFLA_AF_SPEC);
    if let Some(inet) = &device.inet {
        let family = out.nest(u16::from(AF_INET));
        settings4(inet, out);
        out.end(family);
    }
    if let Some(inet6) = &device.inet6 {
        let family = out.nest(u16::from(AF_INET6));
        inet6_attrs(inet6, skip_statistics, out);
        out.end(family);
    }
    out.end(spec);
}

fn settings4(inet: &Inet, out: &mut Builder) {
    out.put(IFLA_INET_CONF, &inet.conf.write::<CONF4>());
}

/// Writes what IPv6 says of a link.
pub(crate) fn inet6_attrs(inet6: &Inet6, skip_statistics: bool, out: &mut Builder) {
    let asked = if inet6.has_asked() { IF_RS_SENT } else { 0 };
    out.u32(IFLA_INET6_FLAGS, asked | if inet6.ready { IF_READY } else { 0 });
    out.put(IFLA_INET6_CACHEINFO, &cacheinfo(inet6));
    let mut settings = inet6.conf.write::<CONF6>();
    settings[4 * v6::MTU..][..4].copy_from_slice(&inet6.mtu.to_ne_bytes());
    out.put(IFLA_INET6_CONF, &settings);
    if !skip_statistics {
        out.put(IFLA_INET6_STATS, &counters::<{ 8 * COUNTERS }>());
        out.put(IFLA_INET6_ICMP6STATS, &counters::<{ 8 * MESSAGE_COUNTERS }>());
    }
    out.put(IFLA_INET6_TOKEN, &[0; 16]);
    out.u8(IFLA_INET6_ADDR_GEN_MODE, inet6.conf.get(v6::ADDR_GEN_MODE) as u8);
}

/// The longest packet that is put together, the stamp, and two times of neighbours in milliseconds.
fn cacheinfo(inet6: &Inet6) -> [u8; 16] {
    let reachable = inet6.conf.neighbour(neigh::BASE_REACHABLE_TIME_MS) as u32;
    let retransmission = inet6.conf.neighbour(neigh::RETRANS_TIME_MS) as u32;
    let mut bytes = [0; 16];
    for (slot, value) in bytes.chunks_exact_mut(4).zip([LONGEST, inet6.stamp, reachable, retransmission]) {
        slot.copy_from_slice(&value.to_ne_bytes());
    }
    bytes
}

/// Counters that have counted nothing, behind their count.
fn counters<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(&(BYTES as u64 / 8).to_ne_bytes());
    bytes
}
