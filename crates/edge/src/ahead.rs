//! Long dumps, received ahead by a thread of their own.
//!
//! The kernel makes the next part of a dump within the call that receives the one before. With a thread that does nothing
//! but call, the kernel goes on while the caller looks at what came so far.
//!
//! Limits: at most [`ROOM`] parts wait. A dump of a few parts is not worth a thread and has none.

use crate::inbox::Inbox;
use nix::sys::socket::MsgFlags;
use rtnl::errno::Errno;
use rtnl::message::{Messages, NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;

/// The most parts that wait.
const ROOM: usize = 32;
/// A dump is long when so many parts came and none was the last.
const LONG: u32 = 3;
/// Bytes of the thread's stack.
const STACK: usize = 64 << 10;
/// The lowest two bits of a request's type say what is to be done; these ask.
const VERB: u16 = 3;
const GET: u16 = 2;

/// A dump that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    seq: u32,
    parts: u32,
}

impl Asked {
    /// The dump that a datagram asks for, if it does.
    pub(crate) fn by(request: &[u8]) -> Option<Asked> {
        let header = Messages(request).next()?.header;
        let is_dump = header.kind & VERB == GET && header.flags & NLM_F_DUMP == NLM_F_DUMP;
        is_dump.then_some(Asked { seq: header.seq, parts: 0 })
    }

    /// Whether a part is the dump's last one.
    fn ends_with(self, part: &[u8]) -> bool {
        let is_end = |kind| matches!(kind, NLMSG_DONE | NLMSG_ERROR);
        Messages(part).any(|message| message.header.seq == self.seq && is_end(message.header.kind))
    }

    /// Counts a part. Says whether many more may come.
    pub(crate) fn is_long_after(&mut self, part: &[u8]) -> bool {
        self.parts += 1;
        self.parts == LONG && !self.ends_with(part)
    }
}

/// A dump whose parts are received ahead.
#[derive(Debug)]
pub(crate) struct Ahead {
    parts: Receiver<Result<Vec<u8>, Errno>>,
    /// Where buffers go that were emptied.
    spares: Sender<Vec<u8>>,
}

impl Ahead {
    /// Begins to receive what is left of a dump; none if there is no thread to be had.
    pub(crate) fn begin(dump: Asked, socket: OwnedFd) -> Option<Ahead> {
        let (give, parts) = sync_channel(ROOM);
        let (spares, emptied) = channel::<Vec<u8>>();
        let receive = move || {
            let mut inbox = Inbox::new();
            loop {
                let mut part = emptied.try_recv().unwrap_or_default();
                let received = inbox.receive(socket.as_raw_fd(), MsgFlags::empty(), &mut part);
                let ends = received.is_err() || dump.ends_with(&part);
                // Nobody may want the rest.
                if give.send(received.map(|()| part)).is_err() || ends {
                    return;
                }
            }
        };
        thread::Builder::new().stack_size(STACK).spawn(receive).ok()?;
        Some(Ahead { parts, spares })
    }

    /// Waits for the next part and puts it into `datagram`; none if the last one was taken.
    pub(crate) fn next(&self, datagram: &mut Vec<u8>) -> Option<Result<(), Errno>> {
        let part = self.parts.recv().ok()?;
        Some(part.map(|part| {
            // The thread may have ended, and then needs no buffer.
            let _ = self.spares.send(std::mem::replace(datagram, part));
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtnl::attr::Builder;
    use rtnl::message::Header;

    fn message(kind: u16, flags: u16, seq: u32) -> Vec<u8> {
        let mut out = Builder::new();
        let start = out.start(Header { kind, flags, seq, pid: 0 });
        out.bytes.extend_from_slice(&[0; 16]);
        out.finish(start);
        out.bytes
    }

    #[test]
    fn only_a_long_dump_is_worth_a_thread() {
        assert!(Asked::by(&message(16, NLM_F_DUMP, 5)).is_none(), "to make a link and replace it is no dump");
        assert!(Asked::by(&message(18, 0, 5)).is_none());
        let mut dump = Asked::by(&message(18, NLM_F_DUMP, 5)).unwrap();
        let (part, end) = (message(16, 0, 5), message(NLMSG_DONE, 0, 5));
        assert!(!dump.is_long_after(&part) && !dump.is_long_after(&part));
        let mut other = dump;
        assert!(dump.is_long_after(&part));
        assert!(!other.is_long_after(&[part, end].concat()));
        assert!(!dump.is_long_after(&message(16, 0, 5)), "once");
    }
}
