//! Why frames die: every reason with its name. The kernel counts how many died of each.

/// Why a frame died. The names are the kernel's (`SKB_DROP_REASON_*`) where it has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Drop {
    DeviceGone,
    DeviceDown,
    TooBig,
    TooShort,
    NoPool,
    HopLimit,
    QueueFull,
    NoPeer,
    Policy,
    UnhandledProtocol,
    OtherHost,
    Dummy,
    NotRedirected,
    PortQueueFull,
    MacvlanSource,
    MacvlanDown,
    IpvlanPrivate,
    VlanDown,
    NotInUse,
    BridgePortState,
    BridgeVlanIngress,
    BridgeVlanEgress,
    BridgeNoRoute,
    BridgeHairpin,
    BridgeIsolated,
    BridgeLocked,
    BridgeLinkLocal,
    BridgeInvalidSource,
    BridgeDown,
    BridgeFiltered,
    Consumed,
    NeighbourFailed,
    NeighbourQueueFull,
    NoRoute,
    Blackhole,
    Unreachable,
    Prohibited,
    TtlExceeded,
    BadHeader,
    BadChecksum,
    NotForwarding,
    ReversePath,
    Martian,
    NoSocket,
    TunnelHeader,
    TunnelNetwork,
    TunnelNoRemote,
    TunnelFixed,
    TunnelCongestion,
    TunnelMetadata,
    OwnFrame,
    Ended,
}

/// Every reason with its name.
pub const DROPS: &[(Drop, &str)] = &[
    (Drop::DeviceGone, "device gone"),
    (Drop::DeviceDown, "device down"),
    (Drop::TooBig, "packet too big"),
    (Drop::TooShort, "packet too short"),
    (Drop::NoPool, "no memory"),
    (Drop::HopLimit, "loop of devices"),
    (Drop::QueueFull, "full ring"),
    (Drop::NoPeer, "no peer"),
    (Drop::Policy, "policy of the device"),
    (Drop::UnhandledProtocol, "unhandled protocol"),
    (Drop::OtherHost, "other host"),
    (Drop::Dummy, "taken by dummy"),
    (Drop::NotRedirected, "not redirected"),
    (Drop::PortQueueFull, "port queue full"),
    (Drop::MacvlanSource, "macvlan source not listed"),
    (Drop::MacvlanDown, "macvlan down"),
    (Drop::IpvlanPrivate, "ipvlan is private"),
    (Drop::VlanDown, "vlan down"),
    (Drop::NotInUse, "slave not in use"),
    (Drop::BridgePortState, "bridge port not forwarding"),
    (Drop::BridgeVlanIngress, "vlan not allowed in"),
    (Drop::BridgeVlanEgress, "vlan not allowed out"),
    (Drop::BridgeNoRoute, "bridge has nowhere to send"),
    (Drop::BridgeHairpin, "bridge would send it back"),
    (Drop::BridgeIsolated, "isolated ports"),
    (Drop::BridgeLocked, "locked port"),
    (Drop::BridgeLinkLocal, "link-local address"),
    (Drop::BridgeInvalidSource, "invalid source address"),
    (Drop::BridgeDown, "bridge down"),
    (Drop::BridgeFiltered, "flooding is off"),
    (Drop::Consumed, "delivered"),
    (Drop::NeighbourFailed, "neighbour failed"),
    (Drop::NeighbourQueueFull, "neighbour queue full"),
    (Drop::NoRoute, "no route"),
    (Drop::Blackhole, "blackhole route"),
    (Drop::Unreachable, "unreachable route"),
    (Drop::Prohibited, "prohibited route"),
    (Drop::TtlExceeded, "time to live exceeded"),
    (Drop::BadHeader, "bad header"),
    (Drop::BadChecksum, "bad checksum"),
    (Drop::NotForwarding, "not forwarding"),
    (Drop::ReversePath, "reverse path filter"),
    (Drop::Martian, "martian address"),
    (Drop::NoSocket, "no socket"),
    (Drop::TunnelHeader, "invalid tunnel header"),
    (Drop::TunnelNetwork, "unknown network of a tunnel"),
    (Drop::TunnelNoRemote, "no remote end"),
    (Drop::TunnelFixed, "address is fixed at another remote end"),
    (Drop::TunnelCongestion, "congestion that nobody inside would understand"),
    (Drop::TunnelMetadata, "no tunnel metadata"),
    (Drop::OwnFrame, "own frame came back"),
    (Drop::Ended, "kernel ended"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_name_in_its_place() {
        for (at, (reason, _)) in DROPS.iter().enumerate() {
            assert_eq!(*reason as usize, at);
        }
        assert_eq!(DROPS.last().map(|row| row.0), Some(Drop::Ended));
    }
}
