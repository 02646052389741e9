//! Neighbour discovery (RFC 4861): solicitations and advertisements of neighbours and routers, and redirects.
//!
//! They are bodies of ICMPv6 messages ([`crate::icmpv6`]): here begin the bytes behind type, code and checksum. Behind a
//! fixed part follow options, each of eight bytes or a multiple, length first checked as a whole ([`Options::new`]: one
//! of zero length makes the message malformed), then read one by one. Those that nobody here reads are
//! [`NdpOption::Other`].
//!
//! What the protocol demands beyond form (hop limit 255, code 0, a target that is no multicast address) is the host's to
//! check. Left out: SEND (RFC 3971).

use crate::Malformed;
use crate::bytes::{Writer, array_at, from, u8_at, u16_at, u32_at};
use crate::ethernet::Mac;
use core::net::Ipv6Addr;

/// Options of a message at most.
pub const OPTIONS: usize = 256;

const SOURCE_MAC: u8 = 1;
const TARGET_MAC: u8 = 2;
const PREFIX: u8 = 3;
const MTU: u8 = 5;
const NONCE: u8 = 14;

/// The options behind a message, whose lengths were checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options<'a> {
    bytes: &'a [u8],
}

impl<'a> Options<'a> {
    /// No options.
    pub const NONE: Options<'static> = Options { bytes: &[] };

    /// # Errors
    /// `Length`: an option of no length. `Truncated`: one that does not end in the bytes. `TooMany`: over [`OPTIONS`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        for _ in 0..OPTIONS {
            if rest.is_empty() {
                return Ok(Options { bytes });
            }
            let length = usize::from(u8_at(rest, 1)) * 8;
            if length == 0 && rest.len() >= 2 {
                return Err(Malformed::Length);
            }
            rest = rest.get(length.max(2)..).ok_or(Malformed::Truncated)?;
        }
        Err(Malformed::TooMany)
    }

    /// The options as they lie there.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The options, one by one.
    pub fn iter(&self) -> impl Iterator<Item = NdpOption<'a>> + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let length = usize::from(u8_at(rest, 1)) * 8;
            if length == 0 {
                return None;
            }
            let (option, behind) = rest.split_at_checked(length)?;
            rest = behind;
            Some(NdpOption::read(option))
        })
    }

    /// The first source link-layer address.
    pub fn source_mac(&self) -> Option<Mac> {
        self.iter().find_map(|option| match option {
            NdpOption::SourceMac(mac) => Some(mac),
            _ => None,
        })
    }

    /// The first target link-layer address.
    pub fn target_mac(&self) -> Option<Mac> {
        self.iter().find_map(|option| match option {
            NdpOption::TargetMac(mac) => Some(mac),
            _ => None,
        })
    }

    /// The first nonce, if it has six bytes.
    pub fn nonce(&self) -> Option<[u8; 6]> {
        self.iter().find_map(|option| match option {
            NdpOption::Nonce(nonce) => Some(nonce),
            _ => None,
        })
    }
}

/// What a router says of a prefix (RFC 4861, 4.6.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefix {
    /// Bits of the prefix: 0 to 128.
    pub length: u8,
    /// Whether addresses with it are on the link.
    pub on_link: bool,
    /// Whether hosts may make addresses with it.
    pub autonomous: bool,
    /// Seconds that it is valid; all ones: for ever.
    pub valid: u32,
    /// Seconds that addresses made with it are preferred; all ones: for ever.
    pub preferred: u32,
    /// The prefix.
    pub prefix: Ipv6Addr,
}

/// One option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NdpOption<'a> {
    /// The sender's hardware address.
    SourceMac(Mac),
    /// The target's hardware address.
    TargetMac(Mac),
    /// A prefix.
    Prefix(Prefix),
    /// The link's MTU in bytes.
    Mtu(u32),
    /// Six random bytes, by which a host knows its own solicitation (RFC 3971, 5.3.2; RFC 7527).
    Nonce([u8; 6]),
    /// Any other, whole.
    Other(&'a [u8]),
}

impl<'a> NdpOption<'a> {
    fn read(bytes: &'a [u8]) -> NdpOption<'a> {
        match (u8_at(bytes, 0), bytes.len()) {
            (SOURCE_MAC, 8) => NdpOption::SourceMac(array_at(bytes, 2)),
            (TARGET_MAC, 8) => NdpOption::TargetMac(array_at(bytes, 2)),
            (MTU, 8) => NdpOption::Mtu(u32_at(bytes, 4)),
            (NONCE, 8) => NdpOption::Nonce(array_at(bytes, 2)),
            (PREFIX, 32) => NdpOption::Prefix(Prefix {
                length: u8_at(bytes, 2),
                on_link: u8_at(bytes, 3) & 0x80 != 0,
                autonomous: u8_at(bytes, 3) & 0x40 != 0,
                valid: u32_at(bytes, 4),
                preferred: u32_at(bytes, 8),
                prefix: array_at::<16>(bytes, 16).into(),
            }),
            _ => NdpOption::Other(bytes),
        }
    }

    /// Bytes that [`emit`](Self::emit) writes.
    pub fn length(&self) -> usize {
        match self {
            NdpOption::Prefix(_) => 32,
            NdpOption::Other(bytes) => bytes.len(),
            _ => 8,
        }
    }

    /// Writes the option.
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let length = self.length();
        let writer = Writer::new(buffer, length)?;
        match self {
            NdpOption::SourceMac(mac) => writer.u8(SOURCE_MAC).u8(1).bytes(mac),
            NdpOption::TargetMac(mac) => writer.u8(TARGET_MAC).u8(1).bytes(mac),
            NdpOption::Nonce(nonce) => writer.u8(NONCE).u8(1).bytes(nonce),
            NdpOption::Mtu(mtu) => writer.u8(MTU).u8(1).u16(0).u32(*mtu),
            NdpOption::Prefix(prefix) => {
                let flags = u8::from(prefix.on_link) << 7 | u8::from(prefix.autonomous) << 6;
                let writer = writer.u8(PREFIX).u8(4).u8(prefix.length).u8(flags);
                writer.u32(prefix.valid).u32(prefix.preferred).u32(0).bytes(&prefix.prefix.octets())
            }
            NdpOption::Other(bytes) => writer.bytes(bytes),
        };
        Some(length)
    }
}

/// A message of neighbour discovery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ndp<'a> {
    /// Where are routers? (133)
    RouterSolicitation {
        /// What follows.
        options: Options<'a>,
    },
    /// Here is one. (134)
    RouterAdvertisement {
        /// What the router says of itself and of the link.
        router: Router,
        /// What follows.
        options: Options<'a>,
    },
    /// Who has this address? (135)
    NeighbourSolicitation {
        /// The address asked for.
        target: Ipv6Addr,
        /// What follows.
        options: Options<'a>,
    },
    /// I have it. (136)
    NeighbourAdvertisement {
        /// Whether the sender is a router.
        router: bool,
        /// Whether it answers a solicitation of the receiver.
        solicited: bool,
        /// Whether it replaces what is known.
        replaces: bool,
        /// The address that the sender has.
        target: Ipv6Addr,
        /// What follows.
        options: Options<'a>,
    },
    /// There is a better way. (137)
    Redirect {
        /// The better next hop.
        target: Ipv6Addr,
        /// Where it leads.
        destination: Ipv6Addr,
        /// What follows.
        options: Options<'a>,
    },
}

/// What a router advertisement says before its options.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Router {
    /// The hop limit that hosts should use; 0: not said.
    pub hop_limit: u8,
    /// Addresses come from DHCPv6.
    pub managed: bool,
    /// Other settings come from DHCPv6.
    pub other: bool,
    /// The lower six bits of the flags byte: home agent, preference (RFC 4191) and the rest, as they lie there.
    pub flags: u8,
    /// Seconds that it is a default router; 0: it is none.
    pub lifetime: u16,
    /// Milliseconds that a neighbour is held to be reachable; 0: not said.
    pub reachable: u32,
    /// Milliseconds between solicitations; 0: not said.
    pub retransmit: u32,
}

/// Types of messages, as ICMPv6 numbers them.
#[allow(missing_docs)]
pub mod kind {
    pub const ROUTER_SOLICITATION: u8 = 133;
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    pub const NEIGHBOUR_SOLICITATION: u8 = 135;
    pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
    pub const REDIRECT: u8 = 137;
}

impl<'a> Ndp<'a> {
    /// Reads the body of a message of that type: what is behind type, code and checksum.
    ///
    /// # Errors
    /// `Field`: the type is none of these. `Truncated`: a body without its fixed part. What [`Options::new`] says.
    pub fn parse(kind: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let fixed = fixed_length(kind).ok_or(Malformed::Field)?;
        let options = Options::new(body.get(fixed..).ok_or(Malformed::Truncated)?)?;
        let flags = u8_at(body, 0);
        let target: Ipv6Addr = array_at::<16>(body, 4).into();
        Ok(match kind {
            kind::ROUTER_SOLICITATION => Ndp::RouterSolicitation { options },
            kind::ROUTER_ADVERTISEMENT => Ndp::RouterAdvertisement { router: Router::read(body), options },
            kind::NEIGHBOUR_SOLICITATION => Ndp::NeighbourSolicitation { target, options },
            kind::NEIGHBOUR_ADVERTISEMENT => Ndp::NeighbourAdvertisement {
                router: flags & 0x80 != 0,
                solicited: flags & 0x40 != 0,
                replaces: flags & 0x20 != 0,
                target,
                options,
            },
            _ => Ndp::Redirect { target, destination: array_at::<16>(body, 20).into(), options },
        })
    }

    /// The type, as ICMPv6 numbers it.
    pub fn kind(&self) -> u8 {
        match self {
            Ndp::RouterSolicitation { .. } => kind::ROUTER_SOLICITATION,
            Ndp::RouterAdvertisement { .. } => kind::ROUTER_ADVERTISEMENT,
            Ndp::NeighbourSolicitation { .. } => kind::NEIGHBOUR_SOLICITATION,
            Ndp::NeighbourAdvertisement { .. } => kind::NEIGHBOUR_ADVERTISEMENT,
            Ndp::Redirect { .. } => kind::REDIRECT,
        }
    }

    /// The options.
    pub fn options(&self) -> Options<'a> {
        match *self {
            Ndp::RouterSolicitation { options }
            | Ndp::RouterAdvertisement { options, .. }
            | Ndp::NeighbourSolicitation { options, .. }
            | Ndp::NeighbourAdvertisement { options, .. }
            | Ndp::Redirect { options, .. } => options,
        }
    }

    /// Bytes that [`emit`](Self::emit) writes.
    pub fn length(&self) -> usize {
        fixed_length(self.kind()).unwrap_or(0) + self.options().bytes.len()
    }

    /// Writes the body: what is behind type, code and checksum.
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let length = self.length();
        let writer = Writer::new(buffer, length)?;
        let writer = match *self {
            Ndp::RouterSolicitation { .. } => writer.u32(0),
            Ndp::RouterAdvertisement { router, .. } => router.write(writer),
            Ndp::NeighbourSolicitation { target, .. } => writer.u32(0).bytes(&target.octets()),
            Ndp::NeighbourAdvertisement { router, solicited, replaces, target, .. } => {
                let flags = u8::from(router) << 7 | u8::from(solicited) << 6 | u8::from(replaces) << 5;
                writer.u32(u32::from(flags) << 24).bytes(&target.octets())
            }
            Ndp::Redirect { target, destination, .. } => {
                writer.u32(0).bytes(&target.octets()).bytes(&destination.octets())
            }
        };
        writer.bytes(self.options().bytes);
        Some(length)
    }
}

/// Bytes in front of the options.
fn fixed_length(kind: u8) -> Option<usize> {
    Some(match kind {
        kind::ROUTER_SOLICITATION => 4,
        kind::ROUTER_ADVERTISEMENT => 12,
        kind::NEIGHBOUR_SOLICITATION | kind::NEIGHBOUR_ADVERTISEMENT => 20,
        kind::REDIRECT => 36,
        _ => return None,
    })
}

impl Router {
    fn read(body: &[u8]) -> Router {
        let flags = u8_at(body, 1);
        Router {
            hop_limit: u8_at(body, 0),
            managed: flags & 0x80 != 0,
            other: flags & 0x40 != 0,
            flags: flags & 0x3f,
            lifetime: u16_at(body, 2),
            reachable: u32_at(body, 4),
            retransmit: u32_at(body, 8),
        }
    }

    fn write<'a>(&self, writer: Writer<'a>) -> Writer<'a> {
        let flags = u8::from(self.managed) << 7 | u8::from(self.other) << 6 | self.flags & 0x3f;
        let writer = writer.u8(self.hop_limit).u8(flags).u16(self.lifetime);
        writer.u32(self.reachable).u32(self.retransmit)
    }
}

/// Options one behind another in a small buffer, to be sent with a message.
#[derive(Clone, Copy, Debug)]
pub struct OptionsBuffer {
    bytes: [u8; 64],
    length: usize,
}

impl OptionsBuffer {
    /// A buffer with these options; those that would go beyond 64 bytes are left out.
    pub fn new(options: &[NdpOption<'_>]) -> OptionsBuffer {
        let mut buffer = OptionsBuffer { bytes: [0; 64], length: 0 };
        for option in options {
            let place = buffer.bytes.get_mut(buffer.length..).unwrap_or_default();
            buffer.length += option.emit(place).unwrap_or(0);
        }
        buffer
    }

    /// The options. One that was none ([`NdpOption::Other`] of a wrong length) makes them empty.
    pub fn options(&self) -> Options<'_> {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        Options::new(from(bytes, 0)).unwrap_or_default()
    }
}
