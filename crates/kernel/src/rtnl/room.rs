//! How large the datagrams of a dump are (`netlink_dump` and `netlink_recvmsg` in `net/netlink/af_netlink.c`).
//!
//! A datagram holds as many whole messages as fit: 3,776 bytes of a client that has read nothing yet, and later as much
//! as it had room for when it read last, up to 32,448. Linux makes the first datagram when it is asked, and another one
//! each time the client reads or looks how long the next is; so that the first two of a client that looks are made
//! before its room is known.

use rtnl::message::Messages;

/// What fits a page beside what Linux keeps of a datagram (`NLMSG_GOODSIZE`), in bytes.
pub(crate) const GOOD_SIZE: usize = 3776;
/// What fits 32 KiB in the same way.
const MOST: usize = (32 << 10) - (4096 - GOOD_SIZE);

/// How a client reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// The bytes that it has room for.
    pub room: usize,
    /// Whether it looks how long a datagram is before it reads it.
    pub looks: bool,
}

/// As `ip` reads: it looks, and has 32 KiB of room.
pub(crate) const USUAL: Reader = Reader { room: 32 << 10, looks: true };

/// The most room that a client had, as far as it counts.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Shown(usize);

impl Shown {
    /// The client reads.
    pub(crate) fn note(&mut self, reader: Reader) {
        self.0 = self.0.max(reader.room.min(MOST));
    }

    fn limit(self) -> usize {
        self.0.max(GOOD_SIZE)
    }
}

/// How far a dump has come.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// The room that was known when it was asked for.
    before: Shown,
    /// Datagrams that are written.
    written: usize,
    /// Messages that were written and did not fit the last.
    rest: Vec<u8>,
}

impl Progress {
    pub(crate) fn new(before: Shown) -> Progress {
        Progress { before, written: 0, rest: Vec::new() }
    }

    /// The most bytes of the next datagram, of which at least one message is written in any case.
    pub(crate) fn limit(&self, shown: Shown, reader: Reader) -> usize {
        let ahead = 1 + usize::from(reader.looks);
        if self.written < ahead { self.before.limit() } else { shown.limit() }
    }

    /// One more datagram is written.
    pub(crate) fn count(&mut self) {
        self.written += 1;
    }

    /// Begins a datagram with what did not fit the last.
    pub(crate) fn resume(&mut self, datagram: &mut Vec<u8>) {
        datagram.append(&mut self.rest);
    }

    /// Keeps what is beyond the limit for the next datagram; says whether anything is.
    pub(crate) fn cut(&mut self, datagram: &mut Vec<u8>, limit: usize) -> bool {
        if datagram.len() > limit {
            self.rest = datagram.split_off(whole(datagram, limit));
        }
        !self.rest.is_empty()
    }
}

/// The bytes of the whole messages that fit, of the first in any case.
pub(crate) fn whole(datagram: &[u8], limit: usize) -> usize {
    let mut end = 0;
    for message in Messages(datagram) {
        let next = end + message.bytes.len().next_multiple_of(4);
        if next > limit && end > 0 {
            break;
        }
        end = next;
    }
    end.min(datagram.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtnl::attr::Builder;
    use rtnl::message::Header;

    #[test]
    fn whole_messages_are_cut() {
        let mut out = Builder::new();
        for length in [20, 30, 3] {
            let start = out.start(Header::default());
            out.bytes.extend(vec![1; length]);
            out.finish(start);
        }
        let cut = [1, 36, 83, 84, 85, 103, 104].map(|limit| whole(&out.bytes, limit));
        assert_eq!(cut, [36, 36, 36, 84, 84, 84, 104]);
        let mut progress = Progress::new(Shown::default());
        let all = out.bytes.clone();
        assert!(progress.cut(&mut out.bytes, 84));
        let mut next = Vec::new();
        progress.resume(&mut next);
        assert_eq!([out.bytes, next].concat(), all);
    }

    #[test]
    fn the_room_of_a_reader_counts_from_its_next_datagram_on() {
        let limits = |reader: Reader| {
            let (mut shown, mut progress) = (Shown::default(), Progress::new(Shown::default()));
            [(); 4].map(|()| {
                shown.note(reader);
                let limit = progress.limit(shown, reader);
                progress.count();
                limit
            })
        };
        assert_eq!(limits(USUAL), [3776, 3776, 32448, 32448]);
        assert_eq!(limits(Reader { room: 16 << 10, looks: false }), [3776, 16384, 16384, 16384]);
        assert_eq!(limits(Reader { room: 100, looks: false }), [3776; 4]);
    }
}
