//! The client's half of the seam: a channel to a kernel, and the conversations on it.
//!
//! A [`Channel`] carries datagrams and nothing else; which kernel is at its far end cannot be told from here.

use crate::attr::{Builder, align};
use crate::errno::Errno;
use crate::message::{
    Header, Message, Messages, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE,
    NLMSG_ERROR, Refusal, warning,
};
use crate::words::{Stop, Words};

/// Carries datagrams of netlink bytes to a kernel and back.
pub trait Channel {
    /// Sends one datagram.
    ///
    /// # Errors
    /// What the transport says.
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno>;

    /// Receives one datagram into `datagram`, which is emptied first. EAGAIN says that none is there now.
    ///
    /// # Errors
    /// What the transport says.
    fn receive(&mut self, datagram: &mut Vec<u8>) -> Result<(), Errno>;

    /// The same for what is there already: EAGAIN says that nothing is, and nobody waits.
    ///
    /// # Errors
    /// What the transport says.
    fn receive_now(&mut self, datagram: &mut Vec<u8>) -> Result<(), Errno> {
        self.receive(datagram)
    }

    /// The same with room for so many bytes, and without a look at the length first: what a kernel that cuts dumps by
    /// the room of its clients may want to know.
    ///
    /// # Errors
    /// What the transport says.
    fn receive_within(&mut self, _room: usize, datagram: &mut Vec<u8>) -> Result<(), Errno> {
        self.receive(datagram)
    }

    /// Joins a multicast group (`RTNLGRP_LINK` is 1).
    ///
    /// # Errors
    /// What the transport says.
    fn join(&mut self, group: u32) -> Result<(), Errno>;

    /// Has the groups' messages of every namespace that has an identifier here come in, not only of this one's.
    ///
    /// # Errors
    /// EOPNOTSUPP if the channel cannot.
    fn listen_all(&mut self) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Asks for room for so many bytes that wait to be received. A channel without such a limit does nothing.
    ///
    /// # Errors
    /// What the transport says.
    fn set_room(&mut self, _bytes: u32) -> Result<(), Errno> {
        Ok(())
    }

    /// The identifier of the namespace that the datagram received last comes from; none for this namespace.
    fn sender(&self) -> Option<i32> {
        None
    }
}

/// How often a dump is asked for before one that changed meanwhile is taken.
pub const DUMPS_MAX: usize = 10;

/// What a dump brought.
#[derive(Clone, Debug, Default)]
pub struct Dump {
    /// The datagrams, each with one or more messages of the dump and nothing else.
    pub parts: Vec<Vec<u8>>,
    /// Whether the table changed meanwhile, so that an entry may be missing or stand twice.
    pub interrupted: bool,
}

/// A dump that is under way.
#[derive(Debug)]
pub struct Dumping {
    seq: u32,
    ended: bool,
    interrupted: bool,
}

impl Dumping {
    /// Whether the table changed since it began, so that an entry may be missing or stand twice.
    pub fn interrupted(&self) -> bool {
        self.interrupted
    }
}

/// A dump that was refused.
#[derive(Clone, Debug)]
pub struct RefusedDump {
    /// The refusal.
    pub refusal: Refusal,
    /// What came before it, as in [`Dump`].
    pub parts: Vec<Vec<u8>>,
}

/// Names and indexes of links, as a client knows them.
pub trait Links {
    /// The index of a name or alternative name in the current namespace.
    fn index(&mut self, name: &str) -> Option<u32>;
    /// The name of an index in the current namespace; `if7` if there is none.
    fn name(&mut self, ifindex: u32) -> String;
    /// Whether the command at hand makes a link; else it changes one.
    fn creates(&self) -> bool {
        true
    }
    /// The address family that the command's options ask for; `AF_UNSPEC` if none.
    fn family(&self) -> u8 {
        crate::family::AF_UNSPEC
    }
    /// Reads words of the general grammar of links up to the end of the line and writes `struct ifinfomsg` and
    /// attributes: for the types whose own grammar holds that of a second link (`peer …`).
    ///
    /// # Errors
    /// What the tool says of the words. A client that has no such grammar refuses them.
    fn link_words(&mut self, _words: &mut Words<'_>, _out: &mut Builder) -> Result<(), Stop> {
        Err(Stop::fail(1, ""))
    }
}

/// Conversations over a channel.
pub struct Client<'c> {
    channel: &'c mut dyn Channel,
    seq: u32,
    buffer: Vec<u8>,
    warnings: Vec<String>,
}

impl<'c> Client<'c> {
    /// A client over a channel that no other client uses.
    pub fn new(channel: &'c mut dyn Channel) -> Self {
        Client::resume(channel, 0)
    }

    /// Goes on over a channel after the request of that number, so that a late answer to an earlier one is known
    /// for what it is.
    pub fn resume(channel: &'c mut dyn Channel, seq: u32) -> Self {
        Client { channel, seq, buffer: Vec::new(), warnings: Vec::new() }
    }

    /// The number of the last request.
    pub fn seq(&self) -> u32 {
        self.seq
    }

    /// The sentences with which the kernel remarked on requests that it carried out.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn send(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<u32, Errno> {
        self.send_in(kind, flags, body, 0)
    }

    /// Sends a message in a datagram of so many bytes at least.
    fn send_in(&mut self, kind: u16, flags: u16, body: &[u8], length: usize) -> Result<u32, Errno> {
        self.seq = self.seq.wrapping_add(1);
        let mut out = Builder::new();
        let start = out.start(Header { kind, flags: NLM_F_REQUEST | flags, seq: self.seq, pid: 0 });
        out.bytes.extend_from_slice(body);
        out.finish(start);
        out.bytes.resize(out.bytes.len().max(length), 0);
        self.channel.send(&out.bytes)?;
        Ok(self.seq)
    }

    /// Sends a request of that type whose payload is `body` (fixed header and attributes) and waits for its
    /// acknowledgement.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn talk(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<(), Refusal> {
        let seq = self.send(kind, flags | NLM_F_ACK, body)?;
        self.answer(seq).map(|_| ())
    }

    /// Sends requests of one type, whose payloads are `bodies`, in one datagram, and asks for no acknowledgement. The
    /// kernel carries all of them out, even behind one that it refuses.
    ///
    /// # Errors
    /// The first refusal.
    pub fn talk_all(&mut self, kind: u16, bodies: &[&[u8]]) -> Result<(), Refusal> {
        let (mut out, before) = (Builder::new(), self.seq);
        for body in bodies {
            self.seq = self.seq.wrapping_add(1);
            let start = out.start(Header { kind, flags: NLM_F_REQUEST, seq: self.seq, pid: 0 });
            out.bytes.extend_from_slice(body);
            out.finish(start);
        }
        self.channel.send(&out.bytes)?;
        let (mut refused, mut buffer) = (None, std::mem::take(&mut self.buffer));
        // A datagram was carried out when it is sent, so what it was refused for is there.
        while self.channel.receive_now(&mut buffer).is_ok() {
            let is_ours = |message: &Message<'_>| {
                let number = message.header.seq.wrapping_sub(before) as usize;
                message.header.kind == NLMSG_ERROR && (1..=bodies.len()).contains(&number)
            };
            let mut refusals = Messages(&buffer).filter(is_ours).filter_map(|said| Refusal::decode(&said));
            refused = refused.or_else(|| refusals.next());
        }
        self.buffer = buffer;
        refused.map_or(Ok(()), Err)
    }

    /// Sends a request for the sake of the answer's being there, whatever it says, and reads it with so much room.
    ///
    /// # Errors
    /// What the transport says.
    pub fn probe(&mut self, kind: u16, body: &[u8], room: usize) -> Result<(), Errno> {
        self.send(kind, NLM_F_ACK, body)?;
        self.channel.receive_within(room, &mut self.buffer)
    }

    /// Sends a request and waits for the one message that answers it.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn ask(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let seq = self.send(kind, flags, body)?;
        self.answer(seq)
    }

    /// Waits for the message that answers a request: empty for an acknowledgement.
    fn answer(&mut self, seq: u32) -> Result<Vec<u8>, Refusal> {
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            self.channel.receive(&mut buffer).map_err(Refusal::unheard)?;
            let found = Messages(&buffer).find(|message| message.header.seq == seq);
            self.warnings.extend(found.as_ref().and_then(warning));
            let answer = found.map(|message| match message.header.kind {
                NLMSG_ERROR => Refusal::decode(&message).map_or(Ok(Vec::new()), Err),
                _ => Ok(message.bytes.to_vec()),
            });
            self.buffer = buffer;
            if let Some(answer) = answer {
                return answer;
            }
        }
    }

    /// Asks for a dump. One during which the table changed is asked for again, and taken as it is in the end.
    ///
    /// # Errors
    /// The kernel's refusal, and what came before it.
    pub fn dump(&mut self, kind: u16, body: &[u8]) -> Result<Dump, RefusedDump> {
        self.dump_in(kind, body, 0)
    }

    /// The same, asked for in a datagram of so many bytes at least: what is behind the request is zero.
    ///
    /// # Errors
    /// As [`Client::dump`].
    pub fn dump_in(&mut self, kind: u16, body: &[u8], length: usize) -> Result<Dump, RefusedDump> {
        let mut dump = Dump::default();
        for _ in 0..DUMPS_MAX {
            dump = Dump::default();
            if let Err(refusal) = self.dump_once(kind, body, length, &mut dump) {
                return Err(RefusedDump { refusal, parts: dump.parts });
            }
            if !dump.interrupted {
                break;
            }
        }
        Ok(dump)
    }

    fn dump_once(&mut self, kind: u16, body: &[u8], length: usize, dump: &mut Dump) -> Result<(), Refusal> {
        let seq = self.send_in(kind, NLM_F_DUMP, body, length)?;
        let mut dumping = Dumping { seq, ended: false, interrupted: false };
        loop {
            let mut part = Vec::new();
            let more = self.next_part(&mut dumping, &mut part);
            dump.interrupted |= dumping.interrupted;
            if !part.is_empty() {
                dump.parts.push(part);
            }
            if !more? {
                return Ok(());
            }
        }
    }

    /// Asks for a dump whose parts the caller reads, with [`Client::next_part`], while the kernel makes those behind
    /// them.
    ///
    /// # Errors
    /// What the transport says.
    pub fn begin_dump(&mut self, kind: u16, body: &[u8]) -> Result<Dumping, Errno> {
        let seq = self.send(kind, NLM_F_DUMP, body)?;
        Ok(Dumping { seq, ended: false, interrupted: false })
    }

    /// Receives the next datagram of a dump into `part`, which then holds entries of the dump and nothing else, perhaps
    /// none; `false` if no more comes.
    ///
    /// # Errors
    /// The kernel's refusal; `part` holds the entries that came with it.
    pub fn next_part(&mut self, dumping: &mut Dumping, part: &mut Vec<u8>) -> Result<bool, Refusal> {
        if dumping.ended {
            return Ok(false);
        }
        self.channel.receive(part).map_err(Refusal::unheard)?;
        let (seq, mut all, mut refused) = (dumping.seq, true, None);
        for message in Messages(part) {
            let is_ours = message.header.seq == seq;
            let is_entry = is_ours && !matches!(message.header.kind, NLMSG_ERROR | NLMSG_DONE);
            dumping.interrupted |= is_ours && message.has(NLM_F_DUMP_INTR);
            all &= is_entry;
            if let Some(end) = end(&message).filter(|_| is_ours && !dumping.ended) {
                (dumping.ended, refused) = (true, end.err());
            }
        }
        if !all {
            *part = entries(part, seq);
        }
        refused.map_or(Ok(true), Err)
    }
}

/// The end of a dump, if this message is one: an error of number 0 is none.
fn end(message: &Message<'_>) -> Option<Result<(), Refusal>> {
    match message.header.kind {
        NLMSG_ERROR => Refusal::decode(message).map(Err),
        NLMSG_DONE => Some(Refusal::decode_done(message).map_or(Ok(()), Err)),
        _ => None,
    }
}

/// The messages of a dump in a datagram that holds others beside them.
fn entries(part: &[u8], seq: u32) -> Vec<u8> {
    let mut kept = Vec::new();
    let is_entry = |header: Header| header.seq == seq && !matches!(header.kind, NLMSG_ERROR | NLMSG_DONE);
    for message in Messages(part).filter(|message| is_entry(message.header)) {
        kept.extend_from_slice(message.bytes);
        kept.resize(align(kept.len()), 0);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::NLM_F_MULTI;
    use std::collections::VecDeque;

    /// A kernel that gives dumps of one entry each, some of them interrupted.
    #[derive(Default)]
    struct Kernel {
        interrupted: VecDeque<bool>,
        waiting: VecDeque<Vec<u8>>,
        asked: u32,
    }

    impl Channel for Kernel {
        fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
            let request = Messages(datagram).next().unwrap();
            self.asked += 1;
            let interrupted = self.interrupted.pop_front().unwrap_or(false);
            let flags = NLM_F_MULTI | if interrupted { NLM_F_DUMP_INTR } else { 0 };
            let part = |kind, seq, body: &[u8]| {
                let mut out = Builder::new();
                let start = out.start(Header { kind, flags, seq, pid: 0 });
                out.bytes.extend_from_slice(body);
                out.finish(start);
                out.bytes
            };
            // Something late and the end lie in the entry's datagram.
            let mut datagram = part(16, request.header.seq.wrapping_sub(1), &[9]);
            datagram.extend(part(16, request.header.seq, &[self.asked as u8]));
            datagram.extend(part(NLMSG_DONE, request.header.seq, &[0; 4]));
            self.waiting.push_back(datagram);
            Ok(())
        }

        fn receive(&mut self, datagram: &mut Vec<u8>) -> Result<(), Errno> {
            *datagram = self.waiting.pop_front().ok_or(Errno::EAGAIN)?;
            Ok(())
        }

        fn join(&mut self, _: u32) -> Result<(), Errno> {
            Err(Errno::EOPNOTSUPP)
        }
    }

    fn dump(interrupted: &[bool]) -> (Vec<u8>, bool, u32) {
        let mut kernel = Kernel { interrupted: interrupted.iter().copied().collect(), ..Kernel::default() };
        let dump = Client::new(&mut kernel).dump(18, &[]).unwrap();
        let messages = dump.parts.iter().flat_map(|part| Messages(part));
        (messages.map(|message| message.payload()[0]).collect(), dump.interrupted, kernel.asked)
    }

    #[test]
    fn an_interrupted_dump_is_asked_for_again() {
        assert_eq!(dump(&[false]), (vec![1], false, 1));
        assert_eq!(dump(&[true, true, false]), (vec![3], false, 3));
        assert_eq!(dump(&[true; 50]), (vec![DUMPS_MAX as u8], true, DUMPS_MAX as u32));
    }
}
