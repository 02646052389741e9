//! `save`, `restore` and `showdump`: the kernel's messages in a file, behind a number that tells of what they are.
//!
//! A file is four bytes and then the messages of a dump, byte for byte, so that files go from this tool to iproute2 and
//! back. It is as large as standard input is, and a message in it has at most [`MOST`] bytes. Unlike iproute2's, a
//! restore reads pipes too.

use crate::context::{Context, refused};
use rtnl::errno::Errno;
use rtnl::message::{HEADER, Message, Messages, NLM_F_CREATE};
use rtnl::words::Stop;

/// The longest message, header included.
const MOST: usize = 16 << 10;

/// A kind of file.
pub(crate) struct Kind {
    magic: u32,
    /// The status with which a file of another kind is refused.
    foreign: i32,
    /// The status with which everything else fails.
    fails: i32,
}

/// Files of routes.
pub(crate) const ROUTES: Kind = Kind { magic: 0x4531_1224, foreign: 1, fails: 2 };
/// Files of addresses.
pub(crate) const ADDRESSES: Kind = Kind { magic: 0x4736_1222, foreign: 255, fails: 255 };
/// Files of rules.
pub(crate) const RULES: Kind = Kind { magic: 0x7170_6986, foreign: 255, fails: 255 };

impl Kind {
    /// Begins a file on standard output.
    ///
    /// # Errors
    /// What the tool says if a terminal reads it, or where no bytes can be written.
    pub(crate) fn begin(&self, ctx: &mut Context<'_>) -> Result<(), Stop> {
        if ctx.host.out_is_terminal() {
            return Err(Stop::fail(1, "Not sending a binary stream to stdout\n"));
        }
        write(ctx, &self.magic.to_ne_bytes())
    }

    /// The messages of the file that standard input is, and what is wrong with it behind them.
    ///
    /// # Errors
    /// What the tool says if it is no such file.
    pub(crate) fn read(&self, ctx: &mut Context<'_>) -> Result<Contents, Stop> {
        let bytes = ctx.host.read_file("-").map_err(|errno| Stop::fail(1, format!("{errno}\n")))?;
        let magic = bytes.first_chunk().map(|magic| u32::from_ne_bytes(*magic));
        if magic != Some(self.magic) {
            let (count, magic) = (u8::from(magic.is_some()), magic.unwrap_or(0));
            let said = format!("Magic mismatch ({count} elems, {magic:x} magic)\n");
            return Err(Stop::fail(self.foreign, said));
        }
        let (mut at, mut parts) = (4, Vec::new());
        let wrong = loop {
            let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else { break None };
            let truncated = Some("rtnl-from_file: truncated message\n".to_string());
            let Some(length) = rest.first_chunk().filter(|_| rest.len() >= HEADER) else { break truncated };
            let length = u32::from_ne_bytes(*length);
            if (length as usize) < HEADER || length as usize > MOST {
                break Some(format!("!!!malformed message: len={} @{}\n", length as i32, at + HEADER));
            }
            let Some(message) = rest.get(..length as usize) else { break truncated };
            parts.push(message.to_vec());
            at += (length as usize).next_multiple_of(4);
        };
        Ok(Contents { parts, wrong: wrong.map(|said| Stop::fail(self.fails, said)) })
    }

    /// Gives messages to the kernel, as if each were a request to make what it tells of. What is there already is said, and
    /// passed over.
    ///
    /// # Errors
    /// What the kernel refuses with.
    pub(crate) fn give<'m>(
        &self,
        ctx: &mut Context<'_>,
        messages: impl IntoIterator<Item = Message<'m>>,
    ) -> Result<(), Stop> {
        for message in messages {
            let body = message.bytes.get(HEADER..).unwrap_or(&[]);
            let (kind, flags) = (message.header.kind, message.header.flags | NLM_F_CREATE);
            ctx.learn_links()?;
            let Err(refusal) = ctx.client(|client| client.talk(kind, flags, body)) else { continue };
            let stop = refused(&refusal);
            if refusal.errno != Errno::EEXIST {
                return Err(Stop { status: self.fails, ..stop });
            }
            ctx.host.err(&stop.error);
        }
        Ok(())
    }
}

/// What is in a file.
pub(crate) struct Contents {
    parts: Vec<Vec<u8>>,
    wrong: Option<Stop>,
}

impl Contents {
    /// Its messages, in order.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.parts.iter().flat_map(|part| Messages(part))
    }

    /// Says what is wrong behind them.
    ///
    /// # Errors
    /// That.
    pub(crate) fn end(self) -> Result<(), Stop> {
        self.wrong.map_or(Ok(()), Err)
    }
}

/// Writes bytes to standard output.
///
/// # Errors
/// What the tool says where no bytes can be written.
pub(crate) fn write(ctx: &mut Context<'_>, bytes: &[u8]) -> Result<(), Stop> {
    let nowhere = "netloom: what save writes is no text: it needs a file behind it, as in `netloom ip route save > FILE`\n";
    // What was printed before stands before it.
    ctx.flush();
    ctx.host.out_bytes(bytes).map_err(|errno| match errno {
        Errno::EOPNOTSUPP => Stop::fail(2, nowhere),
        errno => Stop::fail(1, format!("{errno}\n")),
    })
}

/// Writes the messages of a dump that are to be kept.
///
/// # Errors
/// As [`write`].
pub(crate) fn store(
    ctx: &mut Context<'_>,
    parts: &[Vec<u8>],
    mut keeps: impl FnMut(&Message<'_>) -> bool,
) -> Result<(), Stop> {
    let mut bytes = Vec::new();
    for message in parts.iter().flat_map(|part| Messages(part)).filter(|message| keeps(message)) {
        bytes.extend(message.bytes);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    write(ctx, &bytes)
}
