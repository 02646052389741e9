//! The client's half of the seam: a channel to a kernel, and the conversations on it.
//!
//! A [`Channel`] carries datagrams and nothing else; which kernel is at its far end cannot be told from here.

use crate::attr::Builder;
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

    /// The identifier of the namespace that the datagram received last comes from; none for this namespace.
    fn sender(&self) -> Option<i32> {
        None
    }
}

/// Names and indexes of links, as a client knows them.
pub trait Links {
    /// The index of a name or alternative name in the current namespace.
    fn index(&mut self, name: &str) -> Option<u32>;
    /// The name of an index in the current namespace; `if7` if there is none.
    fn name(&mut self, ifindex: u32) -> String;
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
        self.seq = self.seq.wrapping_add(1);
        let mut out = Builder::new();
        let start = out.start(Header { kind, flags: NLM_F_REQUEST | flags, seq: self.seq, pid: 0 });
        out.bytes.extend_from_slice(body);
        out.finish(start);
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
            self.channel.receive(&mut buffer)?;
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

    /// Asks for a dump and hands each of its messages to `each`. Says whether the table changed meanwhile.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn dump(
        &mut self,
        kind: u16,
        body: &[u8],
        each: &mut dyn FnMut(&Message<'_>),
    ) -> Result<bool, Refusal> {
        let seq = self.send(kind, NLM_F_DUMP, body)?;
        let mut interrupted = false;
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            self.channel.receive(&mut buffer)?;
            for message in Messages(&buffer).filter(|message| message.header.seq == seq) {
                interrupted |= message.has(NLM_F_DUMP_INTR);
                match message.header.kind {
                    NLMSG_ERROR => {
                        if let Some(refusal) = Refusal::decode(&message) {
                            return Err(refusal);
                        }
                    }
                    NLMSG_DONE => {
                        if let Some(refusal) = Refusal::decode_done(&message) {
                            return Err(refusal);
                        }
                        self.buffer = buffer;
                        return Ok(interrupted);
                    }
                    _ => each(&message),
                }
            }
        }
    }
}
