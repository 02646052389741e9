//! Which routes are shown or flushed, and what then need not be said of each.

use crate::context::{AF_INET6, AF_UNSPEC};
use rtnl::attr::Attr;
use rtnl::message::Message;
use rtnl::object::route::*;
use rtnl::prefix::{Prefix, bit_length, same_bits};
use rtnl::table::Tb;

/// What is selected. A field that is not set takes everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this family; 0 is any.
    pub family: u8,
    /// Only of this table; 0 is any.
    pub table: u32,
    /// What lookups left behind, or entries of tables; none is either.
    pub cloned: Option<bool>,
    /// Only by this maker.
    pub protocol: Option<u8>,
    /// Only with this scope.
    pub scope: Option<u8>,
    /// Only of the kinds whose bits are set; 0 is any.
    pub kinds: u32,
    /// Only for this type of service.
    pub tos: Option<u8>,
    /// Only in from this link.
    pub iif: Option<u32>,
    /// Only out to this link.
    pub oif: Option<u32>,
    /// Only with this mark.
    pub mark: Option<u32>,
    /// Only with this metric.
    pub metric: Option<u32>,
    /// Only with these realms, as far as the mask goes.
    pub realms: (u32, u32),
    /// Only with a preferred source in here.
    pub source: Prefix,
    /// Only over a gateway in here.
    pub via: Prefix,
    /// Only to destinations in here.
    pub to_root: Option<Prefix>,
    /// Only to destinations that hold this.
    pub to_match: Option<Prefix>,
    /// Only from sources in here.
    pub from_root: Option<Prefix>,
    /// Only from sources that hold this.
    pub from_match: Option<Prefix>,
    /// What is selected is deleted.
    pub flushes: bool,
}

/// What a filter learns while a dump goes by: whether the kernel has more than one table of IPv6.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    inet6_tables: bool,
}

impl Filter {
    /// Whether the route is selected.
    pub fn takes(&self, message: &Message<'_>, seen: &mut Seen) -> bool {
        let Some(route) = Rtmsg::decode(message) else { return false };
        let tb = Tb::read(message.attrs(Rtmsg::SIZE));
        self.takes_head(&route, &tb, seen)
            && self.takes_lengths(&route, &tb)
            && self.takes_addresses(&route, &tb)
            && self.takes_numbers(&tb)
            && !(self.flushes && is_last_resort(&route, &tb))
    }

    fn takes_head(&self, route: &Rtmsg, tb: &Tb<'_>, seen: &mut Seen) -> bool {
        let table = route.table(tb.u32(RTA_TABLE));
        if self.family != AF_UNSPEC && route.family != self.family {
            return false;
        }
        seen.inet6_tables |= route.family == AF_INET6 && table != RT_TABLE_MAIN;
        let cloned = route.flags & RTM_F_CLONED != 0;
        if self.cloned.is_some_and(|wanted| wanted != cloned) {
            return false;
        }
        let of_table = if route.family == AF_INET6 && !seen.inet6_tables {
            // A kernel with one table keeps the host's own addresses in it.
            match self.table {
                0 => true,
                RT_TABLE_LOCAL => route.kind == RTN_LOCAL,
                RT_TABLE_MAIN => route.kind != RTN_LOCAL,
                _ => false,
            }
        } else {
            self.table == 0 || self.table == table
        };
        of_table
            && self.protocol.is_none_or(|protocol| protocol == route.protocol)
            && self.scope.is_none_or(|scope| scope == route.scope)
            && self.takes_kind(route.kind)
            && self.tos.is_none_or(|tos| tos == route.tos)
    }

    /// Whether routes of that kind are selected.
    pub(super) fn takes_kind(&self, kind: u8) -> bool {
        self.kinds == 0 || 1_u32.checked_shl(u32::from(kind)).is_some_and(|bit| self.kinds & bit != 0)
    }

    /// Families and lengths of prefixes.
    fn takes_lengths(&self, route: &Rtmsg, tb: &Tb<'_>) -> bool {
        let of_family = |prefix: &Prefix| prefix.family == AF_UNSPEC || prefix.family == route.family;
        let root = |prefix: &Option<Prefix>, length: u8| {
            prefix.as_ref().is_none_or(|prefix| of_family(prefix) && prefix.bits <= length)
        };
        let matched = |prefix: &Option<Prefix>, length: u8| {
            prefix.as_ref().is_none_or(|prefix| of_family(prefix) && prefix.bits >= length)
        };
        let via_family = tb.get(RTA_VIA).map_or(route.family, |via| via.u16() as u8);
        root(&self.to_root, route.dst_len)
            && matched(&self.to_match, route.dst_len)
            && root(&self.from_root, route.src_len)
            && matched(&self.from_match, route.src_len)
            && (self.via.family == AF_UNSPEC || self.via.family == via_family)
            && of_family(&self.source)
    }

    fn takes_addresses(&self, route: &Rtmsg, tb: &Tb<'_>) -> bool {
        let bytes = |attr: Option<Attr<'_>>, length: u8| -> Vec<u8> {
            let length = usize::from(length).div_ceil(8);
            attr.map_or(&[][..], |attr| &attr.payload[..attr.payload.len().min(length)]).to_vec()
        };
        let dst = bytes(tb.get(RTA_DST), route.dst_len);
        let src = bytes(tb.get(RTA_SRC), route.src_len);
        let host = bit_length(route.family);
        let via = match tb.get(RTA_VIA) {
            Some(via) => via.payload.get(2..).unwrap_or(&[]).to_vec(),
            None => bytes(tb.get(RTA_GATEWAY), host),
        };
        let source = bytes(tb.get(RTA_PREFSRC), host);
        let root = |prefix: &Option<Prefix>, own: &[u8]| {
            prefix.as_ref().is_none_or(|prefix| same_bits(own, &prefix.bytes, prefix.bits))
        };
        let matched = |prefix: &Option<Prefix>, own: &[u8], length: u8| {
            prefix.as_ref().is_none_or(|prefix| same_bits(own, &prefix.bytes, length))
        };
        let within = |prefix: &Prefix, own: &[u8]| {
            prefix.family == AF_UNSPEC || same_bits(own, &prefix.bytes, prefix.bits)
        };
        root(&self.to_root, &dst)
            && matched(&self.to_match, &dst, route.dst_len)
            && root(&self.from_root, &src)
            && matched(&self.from_match, &src, route.src_len)
            && within(&self.via, &via)
            && within(&self.source, &source)
    }

    fn takes_numbers(&self, tb: &Tb<'_>) -> bool {
        let is = |wanted: Option<u32>, number: u16| {
            wanted.is_none_or(|wanted| wanted == tb.u32(number).unwrap_or(0))
        };
        let (realms, mask) = self.realms;
        (realms ^ tb.u32(RTA_FLOW).unwrap_or(0)) & mask == 0
            && is(self.iif, RTA_IIF)
            && is(self.oif, RTA_OIF)
            && is(self.mark, RTA_MARK)
            && is(self.metric, RTA_PRIORITY)
    }

    /// Whether every shown route has this very gateway, so that it need not be said.
    pub(super) fn fixes(prefix: &Prefix, family: u8) -> bool {
        !prefix.bytes.is_empty() && prefix.bits == bit_length(family)
    }
}

/// The entry that IPv6 keeps for when nothing else fits; it cannot be deleted.
fn is_last_resort(route: &Rtmsg, tb: &Tb<'_>) -> bool {
    route.family == AF_INET6
        && route.dst_len == 0
        && route.kind == RTN_UNREACHABLE
        && tb.u32(RTA_PRIORITY) == Some(u32::MAX)
}
