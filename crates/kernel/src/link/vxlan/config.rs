//! What a request says of a vxlan, and what of that is refused (`vxlan_nl2conf`, `vxlan_config_validate` in
//! `drivers/net/vxlan/vxlan_core.c`).
//!
//! The order of the checks decides which refusal a user sees. Where Linux points at an attribute it does so by the
//! number of an attribute of vxlans in the list of the link's own attributes; so do we.

use super::flag;
use crate::device::DeviceId;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::kind::vxlan::*;
use rtnl::message::Refusal;
use rtnl::object::link::{IFLA_ADDRESS, IFLA_MTU};
use rtnl::table::Tb;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

type Result<T = (), E = Refusal> = std::result::Result<T, E>;

/// One more than the largest identifier.
pub(super) const NETWORKS: u32 = 1 << 24;
/// The port that is used if none is named.
const PORT: u16 = 8472;
/// The same with generic protocol extension.
const GPE_PORT: u16 = 4790;
/// Seconds that an idle learned address stays if nothing is said.
const AGEING: u32 = 300;
/// The least and the largest MTU.
pub(super) const LEAST_MTU: u32 = 68;
pub(super) const LARGEST_MTU: u32 = 65535;
/// What may be set together with generic protocol extension.
const WITH_GPE: u32 = flag::GPE
    | flag::IPV6
    | flag::LINK_LOCAL
    | flag::ZERO_SUM_TX
    | flag::ZERO_SUM6_TX
    | flag::ZERO_SUM6_RX
    | flag::EXTERNAL
    | flag::FILTER;

/// The settings of a vxlan.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub network: u32,
    /// Where frames go whose address is not known; unspecified: nowhere.
    pub remote: IpAddr,
    /// Where packets come from; unspecified: the route decides. Of the same family.
    pub local: IpAddr,
    /// The index of the link below; 0: none.
    pub lower: u32,
    pub port: u16,
    /// The ports that packets come from; both 0: the usual ones.
    pub ports: (u16, u16),
    pub tos: u8,
    pub ttl: u8,
    pub df: u8,
    /// The flow label, 20 bits.
    pub label: u32,
    /// Seconds.
    pub ageing: u32,
    /// Addresses at most; 0: no limit.
    pub limit: u32,
    /// Bits of [`flag`].
    pub flags: u32,
}

/// The same as far as a request has said it.
struct Draft {
    config: Config,
    remote: Option<IpAddr>,
    local: Option<IpAddr>,
}

/// `vxlan_validate`.
pub(super) fn validate(tb: &Tb<'_>, data: Option<&Tb<'_>>) -> Result {
    let refuse = |errno, sentence, attr| Err(Refusal::said(errno, sentence).at(attr));
    if let Some(attr) = tb.get(IFLA_ADDRESS) {
        let mac: std::result::Result<[u8; 6], _> = attr.payload.try_into();
        match mac {
            Err(_) => {
                let sentence = "Provided link layer address is not Ethernet";
                return refuse(Errno::EINVAL, sentence, Some(attr));
            }
            Ok(mac) if !crate::device::is_valid_ether_addr(&mac) => {
                let sentence = "Provided Ethernet address is not unicast";
                return refuse(Errno::EADDRNOTAVAIL, sentence, Some(attr));
            }
            Ok(_) => {}
        }
    }
    if let Some(attr) = tb.get(IFLA_MTU).filter(|attr| !(LEAST_MTU..=LARGEST_MTU).contains(&attr.u32())) {
        return refuse(Errno::EINVAL, "MTU must be between 68 and 65535", Some(attr));
    }
    let Some(data) = data else {
        let sentence = "Required attributes not provided to perform the operation";
        return Err(Refusal::said(Errno::EINVAL, sentence));
    };
    if let Some(attr) = data.get(IFLA_VXLAN_ID).filter(|attr| attr.u32() >= NETWORKS) {
        return refuse(Errno::ERANGE, "VXLAN ID must be lower than 16777216", Some(attr));
    }
    if let Some(attr) = data.get(IFLA_VXLAN_PORT_RANGE).filter(|attr| {
        let (least, most) = range(attr.first());
        most < least
    }) {
        return refuse(Errno::EINVAL, "Invalid source port range", Some(attr));
    }
    if let Some(attr) = data.get(IFLA_VXLAN_DF).filter(|attr| attr.u8() > VXLAN_DF_MAX) {
        return refuse(Errno::EINVAL, "Invalid DF attribute", Some(attr));
    }
    Ok(())
}

fn range([a, b, c, d]: [u8; 4]) -> (u16, u16) {
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

/// A switch: the attribute, its flag, its name in refusals, and whether it may change later.
struct Switch {
    number: u16,
    flag: u32,
    sentence: &'static str,
    changes: bool,
}

const fn fixed(number: u16, flag: u32, sentence: &'static str) -> Switch {
    Switch { number, flag, sentence, changes: false }
}

static INHERIT: Switch =
    fixed(IFLA_VXLAN_TTL_INHERIT, flag::TTL_INHERIT, "vxlan: cannot change TTL_INHERIT flag");
static LEARNING: Switch =
    Switch { changes: true, ..fixed(IFLA_VXLAN_LEARNING, flag::LEARN, "vxlan: cannot change LEARNING flag") };
static MISSES: [Switch; 4] = [
    fixed(IFLA_VXLAN_PROXY, flag::PROXY, "vxlan: cannot change PROXY flag"),
    fixed(IFLA_VXLAN_RSC, flag::RSC, "vxlan: cannot change RSC flag"),
    fixed(IFLA_VXLAN_L2MISS, flag::L2MISS, "vxlan: cannot change L2MISS flag"),
    fixed(IFLA_VXLAN_L3MISS, flag::L3MISS, "vxlan: cannot change L3MISS flag"),
];
static EXTERNAL: Switch =
    fixed(IFLA_VXLAN_COLLECT_METADATA, flag::EXTERNAL, "vxlan: cannot change COLLECT_METADATA flag");
static SUMS: [Switch; 7] = [
    fixed(IFLA_VXLAN_UDP_ZERO_CSUM6_TX, flag::ZERO_SUM6_TX, "vxlan: cannot change UDP_ZERO_CSUM6_TX flag"),
    fixed(IFLA_VXLAN_UDP_ZERO_CSUM6_RX, flag::ZERO_SUM6_RX, "vxlan: cannot change UDP_ZERO_CSUM6_RX flag"),
    fixed(IFLA_VXLAN_REMCSUM_TX, flag::REMOTE_SUM_TX, "vxlan: cannot change REMCSUM_TX flag"),
    fixed(IFLA_VXLAN_REMCSUM_RX, flag::REMOTE_SUM_RX, "vxlan: cannot change REMCSUM_RX flag"),
    fixed(IFLA_VXLAN_GBP, flag::GBP, "vxlan: cannot change GBP flag"),
    fixed(IFLA_VXLAN_GPE, flag::GPE, "vxlan: cannot change GPE flag"),
    fixed(
        IFLA_VXLAN_REMCSUM_NOPARTIAL,
        flag::REMOTE_SUM_WHOLE,
        "vxlan: cannot change REMCSUM_NOPARTIAL flag",
    ),
];
static FILTER: Switch = fixed(IFLA_VXLAN_VNIFILTER, flag::FILTER, "vxlan: cannot change flag");

impl Switch {
    /// Takes the attribute over, if it is there (`vxlan_nl2flag`).
    fn read(&self, data: &Tb<'_>, change: bool, flags: &mut u32) -> Result {
        let Some(attr) = data.get(self.number) else { return Ok(()) };
        if change && !self.changes {
            return Err(Refusal::said(Errno::EOPNOTSUPP, self.sentence));
        }
        // An attribute without value is one that is there or not.
        let on = attr.payload.is_empty() || attr.u8() != 0;
        *flags = if on { *flags | self.flag } else { *flags & !self.flag };
        Ok(())
    }
}

impl Config {
    fn new() -> Config {
        let unset = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Config {
            network: 0,
            remote: unset,
            local: unset,
            lower: 0,
            port: 0,
            ports: (0, 0),
            tos: 0,
            ttl: 0,
            df: 0,
            label: 0,
            ageing: 0,
            limit: 0,
            flags: 0,
        }
    }

    pub(super) fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Reads the settings of a new vxlan.
    pub(super) fn read(
        world: &World,
        netns: NetnsId,
        tb: &Tb<'_>,
        data: &Tb<'_>,
    ) -> Result<(Config, Option<DeviceId>)> {
        let mut draft = Draft { config: Config::new(), remote: None, local: None };
        draft.apply(tb, data, false)?;
        draft.check(world, netns, None)
    }

    /// Reads changed settings of a vxlan.
    pub(super) fn change(
        &self,
        world: &World,
        (netns, id): (NetnsId, DeviceId),
        tb: &Tb<'_>,
        data: &Tb<'_>,
    ) -> Result<(Config, Option<DeviceId>)> {
        let mut draft = Draft { config: self.clone(), remote: Some(self.remote), local: Some(self.local) };
        draft.apply(tb, data, true)?;
        draft.check(world, netns, Some(id))
    }

    /// What devices that share a port have in common.
    pub(super) fn receiving(&self) -> u32 {
        self.flags & flag::RECEIVING
    }
}

impl Draft {
    /// `vxlan_nl2conf`.
    fn apply(&mut self, tb: &Tb<'_>, data: &Tb<'_>, change: bool) -> Result {
        let fixed = |number: u16, sentence| match data.has(number) && change {
            true => Err(Refusal::said(Errno::EOPNOTSUPP, sentence).at(tb.get(number))),
            false => Ok(()),
        };
        if let Some(network) = data.u32(IFLA_VXLAN_ID) {
            if change && network != self.config.network {
                return Err(Refusal::said(Errno::EOPNOTSUPP, "Cannot change VNI").at(tb.get(IFLA_VXLAN_ID)));
            }
            self.config.network = network;
        }
        self.addresses(tb, data, change)?;
        let config = &mut self.config;
        config.lower = data.u32(IFLA_VXLAN_LINK).unwrap_or(config.lower);
        config.tos = data.u8(IFLA_VXLAN_TOS).unwrap_or(config.tos);
        config.ttl = data.u8(IFLA_VXLAN_TTL).unwrap_or(config.ttl);
        INHERIT.read(data, change, &mut config.flags)?;
        let label = data.u32(IFLA_VXLAN_LABEL).map(|label| u32::from_be(label) & 0xf_ffff);
        config.label = label.unwrap_or(config.label);
        match data.has(IFLA_VXLAN_LEARNING) {
            true => LEARNING.read(data, change, &mut config.flags)?,
            false if !change => config.flags |= flag::LEARN,
            false => {}
        }
        config.ageing = data.u32(IFLA_VXLAN_AGEING).unwrap_or(config.ageing);
        for switch in &MISSES {
            switch.read(data, change, &mut config.flags)?;
        }
        fixed(IFLA_VXLAN_LIMIT, "Cannot change limit")?;
        config.limit = data.u32(IFLA_VXLAN_LIMIT).unwrap_or(config.limit);
        EXTERNAL.read(data, change, &mut config.flags)?;
        fixed(IFLA_VXLAN_PORT_RANGE, "Cannot change port range")?;
        config.ports = data.get(IFLA_VXLAN_PORT_RANGE).map_or(config.ports, |attr| range(attr.first()));
        fixed(IFLA_VXLAN_PORT, "Cannot change port")?;
        config.port = data.u16_be(IFLA_VXLAN_PORT).unwrap_or(config.port);
        fixed(IFLA_VXLAN_UDP_CSUM, "Cannot change UDP_CSUM flag")?;
        if data.u8(IFLA_VXLAN_UDP_CSUM) == Some(0) {
            config.flags |= flag::ZERO_SUM_TX;
        }
        for switch in &SUMS {
            switch.read(data, change, &mut config.flags)?;
        }
        if tb.has(IFLA_MTU) && change {
            return Err(Refusal::said(Errno::EOPNOTSUPP, "Cannot change mtu").at(tb.get(IFLA_MTU)));
        }
        config.df = data.u8(IFLA_VXLAN_DF).unwrap_or(config.df);
        if let Some(attr) = data.get(IFLA_VXLAN_VNIFILTER) {
            FILTER.read(data, change, &mut config.flags)?;
            if config.has(flag::FILTER) && !config.has(flag::EXTERNAL) {
                let sentence = "vxlan vnifilter only valid in collect metadata mode";
                return Err(Refusal::said(Errno::EINVAL, sentence).at(Some(attr)));
            }
        }
        Ok(())
    }

    fn addresses(&mut self, tb: &Tb<'_>, data: &Tb<'_>, change: bool) -> Result {
        let rows = [
            (
                &mut self.remote,
                [IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6],
                "New group address family does not match old group",
            ),
            (
                &mut self.local,
                [IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6],
                "New local address family does not match old",
            ),
        ];
        for (place, [inet, inet6], sentence) in rows {
            let address = match (data.get(inet), data.get(inet6)) {
                (Some(attr), _) => IpAddr::from(attr.first::<4>()),
                (None, Some(attr)) => IpAddr::from(attr.first::<16>()),
                (None, None) => continue,
            };
            if change && place.is_some_and(|old| old.is_ipv4() != address.is_ipv4()) {
                let number = if address.is_ipv4() { inet } else { inet6 };
                return Err(Refusal::said(Errno::EOPNOTSUPP, sentence).at(tb.get(number)));
            }
            *place = Some(address);
        }
        Ok(())
    }

    /// `vxlan_config_validate`; gives the link below, too.
    fn check(
        mut self,
        world: &World,
        netns: NetnsId,
        own: Option<DeviceId>,
    ) -> Result<(Config, Option<DeviceId>)> {
        let refuse = |errno, sentence| Err(Refusal::said(errno, sentence));
        let flags = self.config.flags;
        if flags & flag::GPE != 0 && (flags & !WITH_GPE != 0 || flags & flag::EXTERNAL == 0) {
            return refuse(Errno::EINVAL, "VXLAN GPE does not support this combination of attributes");
        }
        self.complete();
        let config = &mut self.config;
        if config.local.is_ipv4() != config.remote.is_ipv4() {
            return refuse(Errno::EINVAL, "Local and remote address must be from the same family");
        }
        if config.local.is_multicast() {
            return refuse(Errno::EINVAL, "Local address cannot be multicast");
        }
        config.check_scopes()?;
        if config.label != 0 && config.local.is_ipv4() {
            return refuse(Errno::EINVAL, "Label attribute only applies to IPv6 VXLAN devices");
        }
        let lower = config.check_lower(world, netns)?;
        if config.port == 0 {
            config.port = if config.has(flag::GPE) { GPE_PORT } else { PORT };
        }
        if config.ageing == 0 {
            config.ageing = AGEING;
        }
        if super::in_use(world, netns, own, config, config.network) {
            return refuse(Errno::EEXIST, "A VXLAN device with the specified VNI already exists");
        }
        Ok((self.config, lower))
    }

    /// An address that was not named is of the other's family, and both are IPv4 if neither was.
    fn complete(&mut self) {
        let like = |other: Option<IpAddr>| match other {
            Some(IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        self.config.remote = self.remote.unwrap_or_else(|| like(self.local));
        self.config.local = self.local.unwrap_or_else(|| like(self.remote));
    }
}

impl Config {
    /// Addresses of one link go only with such.
    fn check_scopes(&mut self) -> Result {
        let (IpAddr::V6(local), IpAddr::V6(remote)) = (self.local, self.remote) else { return Ok(()) };
        self.flags |= flag::IPV6;
        if self.has(flag::EXTERNAL) {
            return Ok(());
        }
        let sentence = "Invalid combination of local and remote address scopes";
        let invalid = || Err(Refusal::said(Errno::EINVAL, sentence));
        let group_of_link = remote.is_multicast() && remote.octets()[1] & 15 == 2;
        if crate::inet6::is_link_local(local) {
            if !crate::inet6::is_link_local(remote) && !group_of_link && !remote.is_unspecified() {
                return invalid();
            }
            self.flags |= flag::LINK_LOCAL;
        } else {
            if crate::inet6::is_link_local(remote) {
                return invalid();
            }
            self.flags &= !flag::LINK_LOCAL;
        }
        Ok(())
    }

    fn check_lower(&self, world: &World, netns: NetnsId) -> Result<Option<DeviceId>> {
        let refuse = |errno, sentence| Err(Refusal::said(errno, sentence));
        if self.lower == 0 {
            if self.remote.is_multicast() {
                let sentence = "Local interface required for multicast remote destination";
                return refuse(Errno::EINVAL, sentence);
            }
            if self.has(flag::LINK_LOCAL) {
                let sentence = "Local interface required for link-local local/remote addresses";
                return refuse(Errno::EINVAL, sentence);
            }
            return Ok(None);
        }
        let Some(lower) = world.by_index(netns, self.lower) else {
            return refuse(Errno::ENODEV, "Invalid local interface, device not found");
        };
        let disabled = world[lower].inet6.is_some()
            && crate::inet6::conf(world, lower, crate::host::conf::v6::DISABLE_IPV6) != 0;
        if self.remote.is_ipv6() && disabled {
            return refuse(Errno::EPERM, "IPv6 support disabled by administrator");
        }
        Ok(Some(lower))
    }
}
