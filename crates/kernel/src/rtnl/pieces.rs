//! A dump that is written down at once: its messages in pieces of the size in which clients read.
//!
//! The objects of the host stack are listed so: what a client reads is the state at the moment it asked.

use super::{Asker, start};
use crate::client::DumpKind;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::message::{Header, Message, NLM_F_DUMP_FILTERED, NLM_F_MULTI, Refusal};
use std::collections::VecDeque;

/// Bytes after which a piece is full.
const PIECE: usize = 16 << 10;

/// The pieces of a dump under way.
pub(crate) struct Pieces {
    header: Header,
    pub out: Builder,
    full: VecDeque<Vec<u8>>,
}

impl Pieces {
    /// The answer to a request, in messages of one type.
    pub(crate) fn new(asker: Asker, message: &Message<'_>, kind: u16, filtered: bool) -> Pieces {
        let flags = NLM_F_MULTI | if filtered { NLM_F_DUMP_FILTERED } else { 0 };
        let header = Header { kind, flags, seq: message.header.seq, pid: asker.pid };
        Pieces { header, out: Builder::new(), full: VecDeque::new() }
    }

    /// The header of the next message.
    pub(crate) fn header(&mut self) -> Header {
        if self.out.bytes.len() >= PIECE {
            self.full.push_back(std::mem::take(&mut self.out.bytes));
        }
        self.header
    }

    /// Hands the dump to the client, with a refusal at its end if there is one.
    ///
    /// # Errors
    /// EBUSY if the client reads another dump.
    pub(crate) fn send(
        mut self,
        world: &mut World,
        asker: Asker,
        message: &Message<'_>,
        failure: Option<Refusal>,
    ) -> Result<(), Refusal> {
        if !self.out.bytes.is_empty() {
            self.full.push_back(self.out.bytes);
        }
        start(world, asker, message, DumpKind::Pieces { pieces: self.full, failure })
    }
}
