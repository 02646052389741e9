//! Netlink messages: the header, requests, acknowledgements with extended errors, and the walk over a datagram.
//!
//! A message is `{len: u32, type: u16, flags: u16, seq: u32, pid: u32}` in host order and its payload, padded to
//! four bytes; a datagram holds one or more (`include/uapi/linux/netlink.h`). Reading is linear and stops at the
//! first length that does not fit; nothing here allocates more than it is given to write.

use crate::attr::{Attrs, Builder, align};
use crate::errno::Errno;
use std::borrow::Cow;

/// Bytes of a message's header.
pub const HEADER: usize = 16;
/// The largest request that a kernel reads; Linux's limit is the socket's buffer, ours is this.
pub const MAX_REQUEST: usize = 1 << 20;

/// Type: nothing.
pub const NLMSG_NOOP: u16 = 1;
/// Type: an error, or with number 0 an acknowledgement.
pub const NLMSG_ERROR: u16 = 2;
/// Type: a dump's end.
pub const NLMSG_DONE: u16 = 3;

/// Flag: this is a request.
pub const NLM_F_REQUEST: u16 = 1;
/// Flag: one part of several.
pub const NLM_F_MULTI: u16 = 2;
/// Flag: acknowledge success as well.
pub const NLM_F_ACK: u16 = 4;
/// Flag: tell the asking client of the change too.
pub const NLM_F_ECHO: u16 = 8;
/// Flag of a dump's parts: the table changed meanwhile.
pub const NLM_F_DUMP_INTR: u16 = 0x10;
/// Flag of a dump's parts: the filter was applied by the kernel.
pub const NLM_F_DUMP_FILTERED: u16 = 0x20;
/// Flag of a get: a dump.
pub const NLM_F_DUMP: u16 = 0x300;
/// Flag of a new: replace what is there.
pub const NLM_F_REPLACE: u16 = 0x100;
/// Flag of a new: refuse if it is there.
pub const NLM_F_EXCL: u16 = 0x200;
/// Flag of a new: make it if it is not there.
pub const NLM_F_CREATE: u16 = 0x400;
/// Flag of a new: put it at the end.
pub const NLM_F_APPEND: u16 = 0x800;
/// Flag of an error: the request's payload is not repeated.
pub const NLM_F_CAPPED: u16 = 0x100;
/// Flag of an error: attributes with more follow.
pub const NLM_F_ACK_TLVS: u16 = 0x200;

/// Attribute of an extended error: the sentence.
pub const NLMSGERR_ATTR_MSG: u16 = 1;
/// Attribute of an extended error: where the offending attribute lies in the request.
pub const NLMSGERR_ATTR_OFFS: u16 = 2;
/// Attribute of an extended error: the number of the attribute that is missing.
pub const NLMSGERR_ATTR_MISS_TYPE: u16 = 5;
/// Attribute of an extended error: where the nest lies that should hold it.
pub const NLMSGERR_ATTR_MISS_NEST: u16 = 6;

/// A message's header, its length left out: that is what the message knows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Header {
    /// What the message is, such as `RTM_NEWLINK`.
    pub kind: u16,
    /// The `NLM_F_` bits.
    pub flags: u16,
    /// The number that ties replies to requests.
    pub seq: u32,
    /// The sender's or receiver's port number; 0 is the kernel.
    pub pid: u32,
}

/// One message of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The header.
    pub header: Header,
    /// Header and payload, as they lie.
    pub bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// What is behind the header.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER..]
    }

    /// The attributes behind a fixed header of `fixed` bytes; none if the payload is shorter than that.
    pub fn attrs(&self, fixed: usize) -> Attrs<'a> {
        let start = HEADER + align(fixed);
        Attrs::new(self.bytes.get(start..).unwrap_or(&[]), start)
    }

    /// Whether the flag is set.
    pub fn has(&self, flag: u16) -> bool {
        self.header.flags & flag == flag
    }
}

/// Walks the messages of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let head: &[u8; HEADER] = self.0.get(..HEADER)?.try_into().ok()?;
        let word = |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let half = |at: usize| u16::from_ne_bytes([head[at], head[at + 1]]);
        let length = word(0) as usize;
        if length < HEADER {
            return None;
        }
        let bytes = self.0.get(..length)?;
        self.0 = &self.0[align(length).min(self.0.len())..];
        Some(Message { header: Header { kind: half(4), flags: half(6), seq: word(8), pid: word(12) }, bytes })
    }
}

/// An open message, to be handed back to [`Builder::finish`].
#[derive(Debug)]
#[must_use]
pub struct Start(usize);

impl Builder {
    /// Begins a message behind what is there.
    pub fn start(&mut self, header: Header) -> Start {
        let start = Start(self.bytes.len());
        let mut head = [0; HEADER];
        head[4..6].copy_from_slice(&header.kind.to_ne_bytes());
        head[6..8].copy_from_slice(&header.flags.to_ne_bytes());
        head[8..12].copy_from_slice(&header.seq.to_ne_bytes());
        head[12..16].copy_from_slice(&header.pid.to_ne_bytes());
        self.bytes.extend_from_slice(&head);
        start
    }

    /// Ends a message: writes its length and pads.
    pub fn finish(&mut self, start: Start) {
        let length = (self.bytes.len() - start.0) as u32;
        self.bytes[start.0..start.0 + 4].copy_from_slice(&length.to_ne_bytes());
        self.pad();
    }

    /// Takes an unfinished message back.
    pub fn abandon(&mut self, start: Start) {
        self.bytes.truncate(start.0);
    }
}

/// Why a request was refused: the error number, and what the extended acknowledgement says beyond it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error number.
    pub errno: Errno,
    /// The kernel's sentence.
    pub sentence: Option<Cow<'static, str>>,
    /// Where the offending attribute's header lies, in bytes from the request's start.
    pub offset: Option<u32>,
    /// The number of the attribute that is missing.
    pub missing: Option<u16>,
    /// It was not the kernel that refused: its answer could not be received.
    pub unheard: bool,
}

impl Refusal {
    /// A refusal by number alone.
    pub const fn new(errno: Errno) -> Self {
        Refusal { errno, sentence: None, offset: None, missing: None, unheard: false }
    }

    /// A refusal with a sentence.
    pub const fn said(errno: Errno, sentence: &'static str) -> Self {
        Refusal {
            errno,
            sentence: Some(Cow::Borrowed(sentence)),
            offset: None,
            missing: None,
            unheard: false,
        }
    }

    /// An answer that could not be received.
    pub const fn unheard(errno: Errno) -> Self {
        Refusal { errno, sentence: None, offset: None, missing: None, unheard: true }
    }

    /// The same, pointing at an attribute.
    pub fn at(mut self, attr: Option<crate::attr::Attr<'_>>) -> Self {
        self.offset = attr.map(|attr| attr.offset as u32);
        self
    }

    /// Reads an `NLMSG_ERROR`; none if it says success (an acknowledgement).
    pub fn decode(message: &Message<'_>) -> Option<Refusal> {
        let payload = message.payload();
        let number = i32::from_ne_bytes(payload.get(..4)?.try_into().ok()?);
        if number == 0 {
            return None;
        }
        let mut refusal = Refusal::new(Errno(number.unsigned_abs().min(u32::from(u16::MAX)) as u16));
        if message.has(NLM_F_ACK_TLVS) {
            refusal.read_extended(message);
        }
        Some(refusal)
    }

    /// Reads a dump's end; none if it says success. The number stands alone there, attributes right behind it.
    pub fn decode_done(message: &Message<'_>) -> Option<Refusal> {
        let number = i32::from_ne_bytes(message.payload().get(..4)?.try_into().ok()?);
        if number >= 0 {
            return None;
        }
        let mut refusal = Refusal::new(Errno(number.unsigned_abs().min(u32::from(u16::MAX)) as u16));
        if message.has(NLM_F_ACK_TLVS) {
            refusal.sentence = message.attrs(4).find(NLMSGERR_ATTR_MSG).map(|a| a.text().into_owned().into());
        }
        Some(refusal)
    }

    fn read_extended(&mut self, message: &Message<'_>) {
        let inner = message.payload().get(4..8).map_or(0, |b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
        let repeated = if message.has(NLM_F_CAPPED) { HEADER } else { (inner as usize).max(HEADER) };
        for attr in message.attrs(4usize.saturating_add(repeated)) {
            match attr.number {
                NLMSGERR_ATTR_MSG => self.sentence = Some(attr.text().into_owned().into()),
                NLMSGERR_ATTR_OFFS => self.offset = Some(attr.u32()),
                NLMSGERR_ATTR_MISS_TYPE => self.missing = Some(attr.u32() as u16),
                _ => {}
            }
        }
    }
}

/// The sentence of an acknowledgement that says success and has a remark.
pub fn warning(message: &Message<'_>) -> Option<String> {
    let payload = message.payload();
    let success = message.header.kind == NLMSG_ERROR && payload.get(..4)? == [0; 4];
    if !success || !message.has(NLM_F_ACK_TLVS) {
        return None;
    }
    let mut remark = Refusal::new(Errno(0));
    remark.read_extended(message);
    remark.sentence.map(Cow::into_owned).filter(|sentence| !sentence.is_empty())
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Refusal::new(errno)
    }
}

/// Writes the answer to a request that was carried out (`None`) or refused, as `netlink_ack` does: a refusal
/// repeats the request, an acknowledgement only its header.
pub fn acknowledge(out: &mut Builder, request: &Message<'_>, pid: u32, refusal: Option<&Refusal>) {
    let mut flags = if refusal.is_none() { NLM_F_CAPPED } else { 0 };
    if refusal.is_some_and(|r| r.sentence.is_some() || r.offset.is_some() || r.missing.is_some()) {
        flags |= NLM_F_ACK_TLVS;
    }
    let start = out.start(Header { kind: NLMSG_ERROR, flags, seq: request.header.seq, pid });
    let number = refusal.map_or(0, |r| -i32::from(r.errno.0));
    out.bytes.extend_from_slice(&number.to_ne_bytes());
    let Some(refusal) = refusal else {
        out.bytes.extend_from_slice(&request.bytes[..HEADER]);
        return out.finish(start);
    };
    out.bytes.extend_from_slice(request.bytes);
    out.pad();
    if let Some(sentence) = &refusal.sentence {
        out.string(NLMSGERR_ATTR_MSG, sentence.as_bytes());
    }
    if let Some(offset) = refusal.offset {
        out.u32(NLMSGERR_ATTR_OFFS, offset);
    }
    if let Some(missing) = refusal.missing {
        out.u32(NLMSGERR_ATTR_MISS_TYPE, u32::from(missing));
    }
    out.finish(start);
}

/// Writes a dump's end.
pub fn done(out: &mut Builder, request: Header, pid: u32) {
    done_with(out, request, pid, None);
}

/// Writes a dump's end, with the refusal that ended it, if one did.
pub fn done_with(out: &mut Builder, request: Header, pid: u32, refusal: Option<&Refusal>) {
    let sentence = refusal.and_then(|refusal| refusal.sentence.as_deref());
    let flags = NLM_F_MULTI | if sentence.is_some() { NLM_F_ACK_TLVS } else { 0 };
    let start = out.start(Header { kind: NLMSG_DONE, flags, seq: request.seq, pid });
    let number = refusal.map_or(0, |refusal| -i32::from(refusal.errno.0));
    out.bytes.extend_from_slice(&number.to_ne_bytes());
    if let Some(sentence) = sentence {
        out.string(NLMSGERR_ATTR_MSG, sentence.as_bytes());
    }
    out.finish(start);
}
