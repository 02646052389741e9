//! Encapsulation by routes: what a route's packets carry to the tunnel that it leads through
//! (`net/core/lwtunnel.c`, `net/ipv4/ip_tunnel_core.c`).
//!
//! The kernel itself does nothing with it: a device that is controlled from outside sends by it, every other one passes
//! it over. Of the types of encapsulation there are those of tunnels over IPv4 and IPv6; the others are refused as a
//! Linux without their modules refuses them, and programs (`bpf`) because none can be here.

use rtnl::attr::{Attr, Builder};
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::encap::*;
use rtnl::object::route::{Nexthops, RTA_ENCAP, RTA_ENCAP_TYPE};
use rtnl::table::Tb;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

/// Bytes of all options together at most.
const OPTIONS: usize = 255;
/// Bytes of an option of Geneve in front of what it says.
const GENEVE: usize = 4;
/// The bits that a policy of VXLAN's groups has: not to learn, applied already, and the group.
const GBP: u32 = 1 << 22 | 1 << 19 | 0xffff;

/// What a packet is to be sent by (`struct ip_tunnel_info`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encap {
    /// The network.
    pub id: u64,
    /// The near end; unspecified: the way decides.
    pub source: IpAddr,
    /// The far end, whose family decides over what packets go.
    pub destination: IpAddr,
    pub tos: u8,
    pub ttl: u8,
    /// Bits of [`flag`].
    pub flags: u16,
    pub options: Options,
}

/// The options of a tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Options {
    #[default]
    None,
    /// As they stand in packets.
    Geneve(Box<[u8]>),
    /// The policy of the group.
    Vxlan(u32),
    Erspan(Erspan),
}

/// What ERSPAN's header says: an index in version 1, direction and hardware in version 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Erspan {
    version: u8,
    index: u32,
    direction: u8,
    hardware: u8,
}

impl Encap {
    /// Where an answer goes to what came by a tunnel (`iptunnel_metadata_reply`).
    pub(crate) fn back(id: u64, far: IpAddr, flags: u16, options: Options) -> Encap {
        let source = unspecified(far.is_ipv6());
        Encap { id, source, destination: far, tos: 0, ttl: 0, flags, options }
    }

    /// The network as tunnels have it: 24 bits.
    pub(crate) fn network(&self) -> u32 {
        self.id as u32 & 0xff_ffff
    }

    /// Whether a flag is set.
    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Reads a tunnel over IPv4 or IPv6 (`ip_tun_build_state`, `ip6_tun_build_state`).
    fn read(attr: &Attr<'_>, v6: bool) -> Result<Encap> {
        let table = if v6 { &ENCAP_IP6 } else { &ENCAP_IP };
        let tb = table.parse(attr.attrs())?;
        let address = |number| match tb.get(number) {
            Some(attr) if v6 => IpAddr::from(attr.first::<16>()),
            Some(attr) => IpAddr::from(attr.first::<4>()),
            None => unspecified(v6),
        };
        let options = Options::read(tb.get(LWTUNNEL_IP_OPTS))?;
        Ok(Encap {
            id: tb.get(LWTUNNEL_IP_ID).map_or(0, |attr| u64::from_be_bytes(attr.first())),
            source: address(LWTUNNEL_IP_SRC),
            destination: address(LWTUNNEL_IP_DST),
            tos: tb.u8(LWTUNNEL_IP_TOS).unwrap_or(0),
            ttl: tb.u8(LWTUNNEL_IP_TTL).unwrap_or(0),
            flags: tb.u16_be(LWTUNNEL_IP_FLAGS).unwrap_or(0) & !flag::OPTIONS | options.flag(),
            options,
        })
    }

    /// Writes it, and its type (`lwtunnel_fill_encap`).
    pub(crate) fn fill(&self, out: &mut Builder) {
        let nest = out.nest(RTA_ENCAP);
        out.align64(LWTUNNEL_IP_PAD);
        out.put(LWTUNNEL_IP_ID, &self.id.to_be_bytes());
        for (number, address) in [(LWTUNNEL_IP_DST, self.destination), (LWTUNNEL_IP_SRC, self.source)] {
            match address {
                IpAddr::V4(address) => out.ipv4(number, address),
                IpAddr::V6(address) => out.ipv6(number, address),
            }
        }
        out.u8(LWTUNNEL_IP_TOS, self.tos);
        out.u8(LWTUNNEL_IP_TTL, self.ttl);
        out.u16_be(LWTUNNEL_IP_FLAGS, self.flags);
        self.options.fill(out);
        out.end(nest);
        let kind = if self.destination.is_ipv6() { LWTUNNEL_ENCAP_IP6 } else { LWTUNNEL_ENCAP_IP };
        out.u16(RTA_ENCAP_TYPE, kind);
    }
}

fn unspecified(v6: bool) -> IpAddr {
    if v6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) }
}

impl Options {
    /// The bit that says what they are.
    fn flag(&self) -> u16 {
        match self {
            Options::None => 0,
            Options::Geneve(_) => flag::GENEVE_OPT,
            Options::Vxlan(_) => flag::VXLAN_OPT,
            Options::Erspan(_) => flag::ERSPAN_OPT,
        }
    }

    /// Options of Geneve as a packet had them; none if there are none.
    pub(crate) fn of_geneve(bytes: &[u8]) -> Options {
        if bytes.is_empty() { Options::None } else { Options::Geneve(bytes.into()) }
    }

    /// Reads options: one tunnel's only, and of those of VXLAN and ERSPAN one (`ip_tun_parse_opts`).
    fn read(attr: Option<Attr<'_>>) -> Result<Options> {
        let Some(attr) = attr else { return Ok(Options::None) };
        check_nested(&attr)?;
        let (mut options, mut geneve) = (Options::None, Vec::new());
        for attr in attr.attrs() {
            if !(LWTUNNEL_IP_OPTS_GENEVE..=LWTUNNEL_IP_OPTS_ERSPAN).contains(&attr.number) {
                return Err(Refusal::said(Errno::EINVAL, "Unknown attribute type").at(Some(attr)));
            }
            check_nested(&attr)?;
            match (attr.number, &options) {
                (LWTUNNEL_IP_OPTS_GENEVE, Options::None) => read_geneve(&attr, &mut geneve)?,
                (LWTUNNEL_IP_OPTS_VXLAN, Options::None) if geneve.is_empty() => {
                    let tb = VXLAN_OPTION.parse(attr.attrs())?;
                    let policy = tb.u32(LWTUNNEL_IP_OPT_VXLAN_GBP).ok_or(Errno::EINVAL)?;
                    options = Options::Vxlan(policy & GBP);
                }
                (LWTUNNEL_IP_OPTS_ERSPAN, Options::None) if geneve.is_empty() => {
                    options = Options::Erspan(Erspan::read(&attr)?);
                }
                _ => return Err(Errno::EINVAL.into()),
            }
        }
        Ok(if geneve.is_empty() { options } else { Options::Geneve(geneve.into()) })
    }

    fn fill(&self, out: &mut Builder) {
        let nest = out.nest(LWTUNNEL_IP_OPTS);
        match self {
            Options::None => return out.cancel(nest),
            Options::Geneve(bytes) => fill_geneve(bytes, out),
            Options::Vxlan(policy) => {
                let own = out.nest(LWTUNNEL_IP_OPTS_VXLAN);
                out.u32(LWTUNNEL_IP_OPT_VXLAN_GBP, *policy);
                out.end(own);
            }
            Options::Erspan(erspan) => erspan.fill(out),
        }
        out.end(nest);
    }
}

/// Attributes that came with options are validated strictly.
fn check_nested(attr: &Attr<'_>) -> Result {
    match attr.nested {
        true => Ok(()),
        false => Err(Refusal::said(Errno::EINVAL, "NLA_F_NESTED is missing").at(Some(*attr))),
    }
}

/// Reads an option of Geneve, and writes it behind the others as packets have it.
fn read_geneve(attr: &Attr<'_>, all: &mut Vec<u8>) -> Result {
    let tb = GENEVE_OPTION.parse(attr.attrs())?;
    let class = tb.get(LWTUNNEL_IP_OPT_GENEVE_CLASS).ok_or(Errno::EINVAL)?;
    let kind = tb.u8(LWTUNNEL_IP_OPT_GENEVE_TYPE).ok_or(Errno::EINVAL)?;
    let data = tb.get(LWTUNNEL_IP_OPT_GENEVE_DATA).ok_or(Errno::EINVAL)?.payload;
    if data.len() % 4 != 0 || all.len() + GENEVE + data.len() > OPTIONS {
        return Err(Errno::EINVAL.into());
    }
    all.extend_from_slice(&class.first::<2>());
    // The length has five bits, and thirty-two words are none.
    all.extend_from_slice(&[kind, (data.len() / 4) as u8 & 0x1f]);
    all.extend_from_slice(data);
    Ok(())
}

/// All options in one nest, one behind the other.
fn fill_geneve(mut bytes: &[u8], out: &mut Builder) {
    let nest = out.nest(LWTUNNEL_IP_OPTS_GENEVE);
    while let Some((head, rest)) = bytes.split_first_chunk::<GENEVE>() {
        let (data, rest) = rest.split_at(rest.len().min(usize::from(head[3] & 0x1f) * 4));
        out.put(LWTUNNEL_IP_OPT_GENEVE_CLASS, &head[..2]);
        out.u8(LWTUNNEL_IP_OPT_GENEVE_TYPE, head[2]);
        out.put(LWTUNNEL_IP_OPT_GENEVE_DATA, data);
        bytes = rest;
    }
    out.end(nest);
}

impl Erspan {
    fn read(attr: &Attr<'_>) -> Result<Erspan> {
        let tb = ERSPAN_OPTION.parse(attr.attrs())?;
        let version = tb.u8(LWTUNNEL_IP_OPT_ERSPAN_VER).ok_or(Errno::EINVAL)?;
        let mut erspan = Erspan { version, ..Erspan::default() };
        match version {
            1 => {
                let index = tb.get(LWTUNNEL_IP_OPT_ERSPAN_INDEX).ok_or(Errno::EINVAL)?;
                erspan.index = u32::from_be_bytes(index.first());
            }
            2 => {
                // One bit and six.
                erspan.direction = tb.u8(LWTUNNEL_IP_OPT_ERSPAN_DIR).ok_or(Errno::EINVAL)? & 1;
                erspan.hardware = tb.u8(LWTUNNEL_IP_OPT_ERSPAN_HWID).ok_or(Errno::EINVAL)? & 0x3f;
            }
            _ => return Err(Errno::EINVAL.into()),
        }
        Ok(erspan)
    }

    fn fill(&self, out: &mut Builder) {
        let nest = out.nest(LWTUNNEL_IP_OPTS_ERSPAN);
        out.u8(LWTUNNEL_IP_OPT_ERSPAN_VER, self.version);
        if self.version == 1 {
            out.put(LWTUNNEL_IP_OPT_ERSPAN_INDEX, &self.index.to_be_bytes());
        } else {
            out.u8(LWTUNNEL_IP_OPT_ERSPAN_DIR, self.direction);
            out.u8(LWTUNNEL_IP_OPT_ERSPAN_HWID, self.hardware);
        }
        out.end(nest);
    }
}

/// The encapsulation that a request or a next hop in it names, or why it cannot be: most looks at it come later.
pub(crate) type Asked = Result<Option<Arc<Encap>>>;

/// Reads the encapsulation that attributes name (`lwtunnel_build_state`).
pub(crate) fn read(tb: &Tb<'_>) -> Asked {
    let Some(attr) = tb.get(RTA_ENCAP) else { return Ok(None) };
    let encap = match tb.u16(RTA_ENCAP_TYPE).unwrap_or(0) {
        0 => return Err(Refusal::said(Errno::EINVAL, "LWT encap type not specified")),
        LWTUNNEL_ENCAP_IP => Encap::read(&attr, false)?,
        LWTUNNEL_ENCAP_IP6 => Encap::read(&attr, true)?,
        _ => return Err(Errno::EINVAL.into()),
    };
    Ok(Some(Arc::new(encap)))
}

/// Refuses a type that there is not (`lwtunnel_valid_encap_type`).
///
/// # Errors
/// EINVAL for a number that is no type, EOPNOTSUPP for a type that is not here.
pub(crate) fn check_type(tb: &Tb<'_>) -> Result {
    match tb.u16(RTA_ENCAP_TYPE) {
        None | Some(LWTUNNEL_ENCAP_IP | LWTUNNEL_ENCAP_IP6 | LWTUNNEL_ENCAP_BPF) => Ok(()),
        Some(1..=LWTUNNEL_ENCAP_XFRM) => {
            Err(Refusal::said(Errno::EOPNOTSUPP, "lwt encapsulation type not supported"))
        }
        Some(_) => Err(Refusal::said(Errno::EINVAL, "Unknown lwt encapsulation type")),
    }
}

/// The same for each next hop of a multipath route (`lwtunnel_valid_encap_type_attr`).
///
/// # Errors
/// EOPNOTSUPP for each of these, EINVAL for a type that is cut off.
pub(crate) fn check_types(hops: &Attr<'_>) -> Result {
    for hop in Nexthops::new(hops) {
        let tb = Tb::read(hop.attrs);
        if tb.get(RTA_ENCAP_TYPE).is_some_and(|attr| attr.payload.len() < 2) {
            return Err(Refusal::said(Errno::EINVAL, "Invalid RTA_ENCAP_TYPE"));
        }
        check_type(&tb).map_err(|refusal| Refusal { errno: Errno::EOPNOTSUPP, ..refusal })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_options_of_geneve_stand_in_one_nest() {
        let mut out = Builder::new();
        fill_geneve(&[0, 1, 2, 1, 9, 9, 9, 9, 0, 3, 4, 0], &mut out);
        let mut nests = rtnl::attr::Attrs::new(&out.bytes, 0);
        let nest = nests.next().expect("a nest");
        let numbers: Vec<_> = nest.attrs().map(|attr| (attr.number, attr.payload.to_vec())).collect();
        let option = |class, kind, data: &[u8]| {
            [
                (LWTUNNEL_IP_OPT_GENEVE_CLASS, vec![0, class]),
                (LWTUNNEL_IP_OPT_GENEVE_TYPE, vec![kind]),
                (LWTUNNEL_IP_OPT_GENEVE_DATA, data.to_vec()),
            ]
        };
        assert_eq!(numbers, [option(1, 2, &[9; 4]), option(3, 4, &[])].concat());
        assert!(nests.next().is_none());
    }
}
