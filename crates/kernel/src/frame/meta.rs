//! What is known of a frame beside its bytes: its tag, for whom it is, where it came from.

use super::HEADROOM;
use super::metadata::Tunnel;

/// A VLAN tag that was lifted out of a frame, or is to be put into it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tag {
    /// 0x8100 or 0x88a8; 0: no tag.
    pub protocol: u16,
    /// Priority code point, drop eligibility and identifier.
    pub tci: u16,
}

impl Tag {
    /// No tag.
    pub const NONE: Tag = Tag { protocol: 0, tci: 0 };

    /// Whether there is a tag.
    #[inline]
    pub fn is_some(self) -> bool {
        self.protocol != 0
    }

    /// The identifier, 0 to 4095.
    #[inline]
    pub fn id(self) -> u16 {
        self.tci & 0xfff
    }
}

/// For whom a frame is, as far as a device below has decided it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PacketKind {
    /// Its address decides, compared with that of the device that it is at.
    #[default]
    Auto,
    /// For this host.
    Host,
    /// For another.
    OtherHost,
}

/// What is known of a frame beside its bytes: one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Meta {
    /// The buffer, and where in it the frame begins and how long it is.
    pub(super) buffer: u32,
    pub(super) start: u32,
    pub(super) length: u32,
    /// Somebody looked, and there is no tag behind the addresses.
    pub(super) plain: bool,
    /// It came in with another tag behind its first, so that its network header seems to begin with that one's number.
    pub(crate) nested: bool,
    /// The tag.
    pub tag: Tag,
    /// The priority (`skb->priority`), for QoS maps.
    pub priority: u32,
    /// Devices that it went through, as of when it was last outside of a batch; see `run::Batch`.
    pub hops: u16,
    /// For whom it is.
    pub kind: PacketKind,
    /// What it carries of tunnels.
    pub(crate) tunnel: Tunnel,
    /// The number of the frame in the trace, and of the one that it is a copy of.
    pub number: u32,
    /// The frame that this one was copied from; itself if from none.
    pub parent: u32,
    /// The device that it came in through, as a slot and a generation; for those that ask later.
    pub origin: Option<crate::device::DeviceId>,
}

/// More would make it two lines.
const _: () = assert!(size_of::<Meta>() == 64);

impl Meta {
    #[inline]
    pub(super) fn new(buffer: u32, length: u32, number: u32) -> Meta {
        Meta {
            buffer,
            start: HEADROOM as u32,
            length,
            plain: false,
            nested: false,
            tag: Tag::NONE,
            priority: 0,
            hops: 0,
            kind: PacketKind::Auto,
            tunnel: Tunnel::None,
            number,
            parent: number,
            origin: None,
        }
    }

    /// Forgets what was beside a frame that is one no more, its priority excepted.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.tag = Tag::NONE;
        self.nested = false;
        self.kind = PacketKind::Auto;
        self.tunnel = Tunnel::None;
        self.origin = None;
    }

    /// Whether the two bytes behind the addresses were looked at and name no tag.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }
}
