//! The bytes of frames, one protocol a file.
//!
//! Each protocol has two layers. A *view* (`Ipv4View`) lies over bytes that nobody has vouched for: `new` checks every
//! length once, and what it lets through can be read without another look; no accessor panics, whatever the bytes are.
//! A *value* (`Ipv4`) is a small `Copy` struct of the fields that matter: `parse` reads one, `emit` writes one to the
//! front of a buffer. `emit` gives the number of bytes written ([`length`](arp::Arp::length) says it beforehand), or
//! none, and then nothing was written, if the buffer is shorter; `parse` of what `emit` wrote is the same value.
//!
//! Variable parts (payloads, options, lists of sources) stay slices of the bytes they came in. Nothing allocates, and
//! nothing outside this crate is needed.
//!
//! All numbers are big-endian on the wire and native here. Checksums are verified only where a document says so: the
//! kernel decides when that is due.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod arp;
mod bytes;
pub mod checksum;
pub mod ethernet;
pub mod geneve;
pub mod icmp;
pub mod icmpv6;
pub mod igmp;
pub mod ipv4;
pub mod ipv6;
pub mod lacp;
pub mod mld;
pub mod ndp;
pub mod protocol;
pub mod stp;
pub mod tag;
pub mod udp;
pub mod vxlan;

pub use arp::{Arp, ArpView};
pub use checksum::Sum;
pub use ethernet::{Ethernet, EthernetView, Mac, ethertype};
pub use geneve::{Geneve, GeneveView};
pub use icmp::{Icmp, IcmpView};
pub use icmpv6::{Icmpv6, Icmpv6View};
pub use igmp::Igmp;
pub use ipv4::{Ipv4, Ipv4View};
pub use ipv6::{Ipv6, Ipv6View};
pub use lacp::Lacpdu;
pub use mld::Mld;
pub use ndp::{Ndp, NdpOption};
pub use stp::Bpdu;
pub use tag::Tag;
pub use udp::{Udp, UdpView};
pub use vxlan::Vxlan;

use core::fmt;

/// Why bytes are not what they were taken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// They end before the header does, or before what the header promises.
    Truncated,
    /// A length in them contradicts another or the protocol.
    Length,
    /// They are of another version of the protocol.
    Version,
    /// A checksum is wrong.
    Checksum,
    /// A field has a value that it must not have.
    Field,
    /// There are more parts in them than anyone looks at.
    TooMany,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::Truncated => "truncated",
            Malformed::Length => "bad length",
            Malformed::Version => "bad version",
            Malformed::Checksum => "bad checksum",
            Malformed::Field => "bad field",
            Malformed::TooMany => "too many parts",
        })
    }
}

impl core::error::Error for Malformed {}
