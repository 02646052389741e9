//! RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE: which family is meant, and what both share.

use super::pieces::Pieces;
use super::{Asker, route4, route6};
use crate::host::{AF_INET, AF_INET6};
use crate::world::World;
use rtnl::attr::{Attr, Builder};
use rtnl::errno::Errno;
use rtnl::message::{Message, Refusal};
use rtnl::object::route::*;
use rtnl::table::Tb;

/// The largest number of a metric.
const RTAX_MAX: u16 = 17;

/// Adds, replaces or appends a route.
pub(crate) fn new(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Rtmsg::decode(message).ok_or(Errno::EINVAL)?;
    match info.family {
        AF_INET => route4::new(world, asker, message, &info),
        AF_INET6 => route6::new(world, asker, message, &info),
        _ => Err(Errno::EOPNOTSUPP.into()),
    }
}

/// Deletes a route.
pub(crate) fn delete(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Rtmsg::decode(message).ok_or(Errno::EINVAL)?;
    match info.family {
        AF_INET => route4::delete(world, asker, message, &info),
        AF_INET6 => route6::delete(world, asker, message, &info),
        _ => Err(Errno::EOPNOTSUPP.into()),
    }
}

/// Says which route a packet takes.
pub(crate) fn get(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Rtmsg::decode(message).ok_or(Errno::EINVAL)?;
    match info.family {
        AF_INET => super::lookup4::get(world, asker, message, &info),
        AF_INET6 => route6::get(world, asker, message, &info),
        _ => Err(Errno::EOPNOTSUPP.into()),
    }
}

/// Which routes a listing tells of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter {
    pub table: Option<u32>,
    pub protocol: u8,
    pub kind: u8,
    pub oif: u32,
    /// IPv6: the cache is asked for, which holds nothing here.
    pub cloned: bool,
}

impl Filter {
    /// Whether routes of a protocol and a type are asked for.
    pub(crate) fn wants(&self, protocol: u8, kind: u8) -> bool {
        (self.protocol == 0 || self.protocol == protocol) && (self.kind == 0 || self.kind == kind)
    }
}

/// Lists routes.
pub(crate) fn dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let info = Rtmsg::decode(message).ok_or(Errno::EINVAL)?;
    let tb = RTA_INET6.parse(message.attrs(Rtmsg::SIZE))?;
    let number = info.table(tb.u32(RTA_TABLE));
    let filter = Filter {
        table: Some(number).filter(|table| *table != RT_TABLE_UNSPEC),
        protocol: info.protocol,
        kind: info.kind,
        oif: tb.u32(RTA_OIF).unwrap_or(0),
        cloned: info.flags & RTM_F_CLONED != 0,
    };
    let mut failure: Option<Refusal> = None;
    if filter.oif != 0 && world.by_index(asker.netns, filter.oif).is_none() {
        failure = Some(Errno::ENODEV.into());
    }
    let filtered = filter.table.is_some() || filter.protocol != 0 || filter.kind != 0 || filter.oif != 0;
    let mut pieces = Pieces::new(world, asker, message, RTM_NEWROUTE, filtered);
    if failure.is_none() && !filter.cloned {
        for family in [AF_INET, AF_INET6] {
            if info.family != 0 && info.family != family {
                continue;
            }
            pieces.end_piece();
            let listed = match family {
                AF_INET => route4::list(world, asker, &filter, &mut pieces),
                _ => route6::list(world, asker, &filter, &mut pieces),
            };
            // Without a family, a table that one of them has not is no fault.
            if let Err(refusal) = listed {
                failure = Some(refusal).filter(|_| info.family != 0);
            }
        }
    }
    pieces.send(world, asker, message, failure)
}

/// Reads metrics (`ip_metrics_convert`).
///
/// # Errors
/// EINVAL for a number that is none, or a value that is out of range.
pub(crate) fn metrics(tb: &Tb<'_>) -> Result<Box<[(u16, u32)]>, Refusal> {
    let mut metrics: Vec<(u16, u32)> = Vec::new();
    let Some(nest) = tb.get(RTA_METRICS) else { return Ok(Box::default()) };
    for attr in nest.attrs().filter(|attr| attr.number != 0) {
        if attr.number > RTAX_MAX {
            return Err(Refusal::said(Errno::EINVAL, "Invalid metric type"));
        }
        // Congestion control by name is TCP's, which is not here: any name is taken for the first.
        if attr.number != RTAX_CC_ALGO && attr.payload.len() != 4 {
            return Err(Refusal::said(Errno::EINVAL, "Invalid attribute in metrics").at(Some(attr)));
        }
        let mut value = if attr.number == RTAX_CC_ALGO { 1 } else { attr.u32() };
        match attr.number {
            RTAX_ADVMSS => value = value.min(65535 - 40),
            RTAX_MTU => value = value.min(65535 - 15),
            RTAX_HOPLIMIT => value = value.min(255),
            RTAX_FEATURES if value & !0xf != 0 => {
                return Err(Refusal::said(
                    Errno::EINVAL,
                    "Unknown flag set in feature mask in metrics attribute",
                ));
            }
            _ => {}
        }
        metrics.retain(|(number, _)| *number != attr.number);
        metrics.push((attr.number, value));
    }
    metrics.sort_unstable();
    metrics.retain(|(_, value)| *value != 0);
    Ok(metrics.into())
}

/// Writes metrics; nothing if there are none.
pub(crate) fn put_metrics(metrics: &[(u16, u32)], out: &mut Builder) {
    let nest = out.nest(RTA_METRICS);
    for (number, value) in metrics {
        match *number {
            RTAX_CC_ALGO => out.string(RTAX_CC_ALGO, b"reno"),
            number => out.u32(number, *value),
        }
    }
    out.end_or_drop(nest);
}

/// The gateway of the other family in `RTA_VIA`: family and address.
pub(crate) fn via(attr: &Attr<'_>) -> Result<std::net::IpAddr, Refusal> {
    let family = attr.payload.get(..2).map_or(0, |bytes| u16::from_ne_bytes([bytes[0], bytes[1]]));
    let rest = attr.payload.get(2..).unwrap_or_default();
    let invalid = |sentence| Refusal::said(Errno::EINVAL, sentence);
    match (family, rest.len()) {
        (2, 4) => Ok(std::net::IpAddr::from(<[u8; 4]>::try_from(rest).unwrap_or_default())),
        (10, 16) => Ok(std::net::IpAddr::from(<[u8; 16]>::try_from(rest).unwrap_or_default())),
        (2 | 10, _) => Err(invalid("Invalid IPv6 address in RTA_VIA")),
        _ => Err(invalid("Unsupported address family in RTA_VIA")),
    }
}
