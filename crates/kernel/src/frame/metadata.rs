//! What a frame carries of tunnels beside its bytes (`struct metadata_dst`, and the encapsulation of the route in
//! `skb_dst`).
//!
//! A device that is controlled from outside says of each frame which network it came through, and sends by what
//! somebody above said of the frame: a route, or a bridge for a VLAN. Numbers of networks are in the frame's own line;
//! whatever is more lies in a table beside it, by the frame's number, and only what few frames have is there. Where
//! frames pass to another device's receiving side as if by a cable, it is forgotten.

use super::{FrameId, Pool};
use crate::host::encap::{Encap, Options};
use std::net::IpAddr;
use std::sync::Arc;

/// What stands in a frame's own line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Tunnel {
    #[default]
    None,
    /// It came through that network of a tunnel.
    Came(u32),
    /// A bridge says that it belongs to that network.
    Bridge(u32),
    /// There is more in the table.
    More,
}

impl Tunnel {
    /// Whether anything is known.
    #[inline]
    pub(crate) fn is_some(self) -> bool {
        self != Tunnel::None
    }
}

/// What is known of a frame in full.
#[derive(Clone, Debug, Default)]
pub(crate) enum Metadata {
    #[default]
    None,
    /// It came through that network.
    Came(u32),
    /// It came, and an answer would go back so.
    From(From),
    /// A bridge says that it belongs to that network.
    Bridge(u32),
    /// A route says how it is to be sent.
    Route(Arc<Encap>),
}

/// Where a frame came from.
#[derive(Clone, Debug)]
pub(crate) struct From {
    pub network: u32,
    /// The far end.
    pub far: IpAddr,
    /// Bits of `rtnl::object::encap::flag`.
    pub flags: u16,
    pub options: Options,
}

impl Metadata {
    /// The network that it came through, if it came through one.
    pub(crate) fn came_through(&self) -> Option<u32> {
        match self {
            Metadata::Came(network) | Metadata::From(From { network, .. }) => Some(*network),
            _ => None,
        }
    }

    /// What an answer carries to what came with this (`iptunnel_metadata_reply`); nothing if it did not come so.
    pub(crate) fn back(&self) -> Metadata {
        let Metadata::From(From { network, far, flags, options }) = self else { return Metadata::None };
        Metadata::Route(Arc::new(Encap::back((*network).into(), *far, *flags, options.clone())))
    }
}

impl Pool {
    /// What is known.
    #[inline]
    pub(crate) fn metadata(&self, frame: FrameId) -> Metadata {
        match self.meta(frame).tunnel {
            Tunnel::None => Metadata::None,
            Tunnel::Came(network) => Metadata::Came(network),
            Tunnel::Bridge(network) => Metadata::Bridge(network),
            Tunnel::More => self.metadata.get(frame.0 as usize).cloned().unwrap_or_default(),
        }
    }

    /// The network of a tunnel that it came through, as rules have it; 0: none.
    #[inline]
    pub(crate) fn came_through(&self, frame: FrameId) -> u64 {
        match self.meta(frame).tunnel {
            Tunnel::None => 0,
            _ => self.metadata(frame).came_through().map_or(0, u64::from),
        }
    }

    /// It carries this from now on.
    pub(crate) fn set_metadata(&mut self, frame: FrameId, metadata: Metadata) {
        self.forget_metadata(frame);
        self.meta_mut(frame).tunnel = match metadata {
            Metadata::None => Tunnel::None,
            Metadata::Came(network) => Tunnel::Came(network),
            Metadata::Bridge(network) => Tunnel::Bridge(network),
            more => {
                self.keep_metadata(frame, more);
                Tunnel::More
            }
        };
    }

    /// It leaves by a route with this encapsulation, or with none.
    #[inline]
    pub(crate) fn set_encap(&mut self, frame: FrameId, encap: Option<&Arc<Encap>>) {
        if let Some(encap) = encap {
            self.set_metadata(frame, Metadata::Route(encap.clone()));
        } else if self.meta(frame).tunnel.is_some() {
            self.forget_metadata(frame);
        }
    }

    #[cold]
    fn keep_metadata(&mut self, frame: FrameId, metadata: Metadata) {
        let at = frame.0 as usize;
        if self.metadata.len() <= at {
            self.metadata.resize(self.metas.len().max(at + 1), Metadata::None);
        }
        self.metadata[at] = metadata;
    }

    /// Another frame over the same bytes has the same.
    #[cold]
    pub(super) fn share_metadata(&mut self, from: FrameId, to: FrameId) {
        let metadata = self.metadata(from);
        self.keep_metadata(to, metadata);
    }

    /// It carries nothing any more.
    #[inline]
    pub(crate) fn forget_metadata(&mut self, frame: FrameId) {
        if self.meta(frame).tunnel == Tunnel::More {
            self.drop_metadata(frame);
        }
        self.meta_mut(frame).tunnel = Tunnel::None;
    }

    #[cold]
    fn drop_metadata(&mut self, frame: FrameId) {
        if let Some(metadata) = self.metadata.get_mut(frame.0 as usize) {
            *metadata = Metadata::None;
        }
    }
}
