//! A dump that is written down at once: its messages in pieces of the size in which clients read.
//!
//! The objects of the host stack are listed so: what a client reads is the state at the moment it asked. It is cut for a
//! client that reads as `ip` does.

use super::room::{Progress, Shown, USUAL};
use super::{Asker, start};
use crate::client::DumpKind;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::message::{Header, Message, NLM_F_DUMP_FILTERED, NLM_F_MULTI, Refusal};
use std::collections::VecDeque;

/// The pieces of a dump under way.
pub(crate) struct Pieces {
    header: Header,
    pub out: Builder,
    full: VecDeque<Vec<u8>>,
    shown: Shown,
    progress: Progress,
    /// Where the last message begins.
    last: usize,
}

impl Pieces {
    /// The answer to a request, in messages of one type.
    pub(crate) fn new(
        world: &World,
        asker: Asker,
        message: &Message<'_>,
        kind: u16,
        filtered: bool,
    ) -> Pieces {
        let flags = NLM_F_MULTI | if filtered { NLM_F_DUMP_FILTERED } else { 0 };
        let header = Header { kind, flags, seq: message.header.seq, pid: asker.pid };
        let mut shown = world.clients.get(asker.client).map_or(Shown::default(), |client| client.shown);
        let progress = Progress::new(shown);
        shown.note(USUAL);
        Pieces { header, out: Builder::new(), full: VecDeque::new(), shown, progress, last: 0 }
    }

    /// The header of the next message.
    pub(crate) fn header(&mut self) -> Header {
        self.cut();
        self.last = self.out.bytes.len();
        self.header
    }

    /// Begins another piece with the last message, if it does not fit the piece at hand.
    fn cut(&mut self) {
        if self.out.bytes.len() > self.progress.limit(self.shown, USUAL) && self.last > 0 {
            let rest = self.out.bytes.split_off(self.last);
            self.end_piece();
            self.out.bytes = rest;
        }
    }

    /// The next message begins another piece.
    pub(crate) fn end_piece(&mut self) {
        if !self.out.bytes.is_empty() {
            self.full.push_back(std::mem::take(&mut self.out.bytes));
            self.progress.count();
        }
        self.last = 0;
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
        self.cut();
        self.end_piece();
        start(world, asker, message, DumpKind::Pieces { pieces: self.full, failure })
    }
}
