//! The client's half of the seam: a channel to a kernel, and the conversations on it.
//!
//! A [`Channel`] carries datagrams and nothing else; which kernel is at its far end cannot be told from here.

use crate::attr::Builder;
use crate::errno::Errno;
use crate::message::{
    Header, Message, Messages, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE,
    NLMSG_ERROR, Refusal,
};

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
}

/// Names and indexes of links, as a client knows them.
pub trait Links {
    /// The index of a name or alternative name in the current namespace.
    fn index(&mut self, name: &str) -> Option<u32>;
    /// The name of an index in the current namespace; `if7` if there is none.
    fn name(&mut self, ifindex: u32) -> String;
}

/// Conversations over a channel.
pub struct Client<'c> {
    channel: &'c mut dyn Channel,
    seq: u32,
    buffer: Vec<u8>,
}

impl<'c> Client<'c> {
    /// A client over a channel that no other client uses.
    pub fn new(channel: &'c mut dyn Channel) -> Self {
        Client { channel, seq: 0, buffer: Vec::new() }
    }

    fn send(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<u32, Errno> {
        self.seq += 1;
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
                        self.buffer = buffer;
                        return Ok(interrupted);
                    }
                    _ => each(&message),
                }
            }
        }
    }
}
