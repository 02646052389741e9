//! What `flush` of addresses, routes and neighbours has in common: dump, delete what matches, and again, until a dump
//! brings nothing more.
//!
//! An entry is deleted by the very message that told of it. The tool sends as many as fit into its buffer at once and
//! then looks for a refusal; here each is acknowledged, and a refusal is looked at when such a buffer is full.

use crate::context::Context;
use rtnl::errno::Errno;
use rtnl::message::{HEADER, Messages};

/// The size of the tool's buffer.
const BUFFER: usize = 4096 - 512;

/// Deletes what these messages tell of by messages of that type.
///
/// # Errors
/// The first refusal in the buffer that has one.
pub fn delete(ctx: &mut Context<'_>, kind: u16, entries: &[Vec<u8>]) -> Result<(), Errno> {
    let (mut filled, mut refused) = (0, None);
    for entry in entries {
        if filled + entry.len() > BUFFER {
            if let Some(errno) = refused {
                return Err(errno);
            }
            filled = 0;
        }
        filled += entry.len();
        let body = entry.get(HEADER..).unwrap_or(&[]);
        if let Err(refusal) = ctx.session.client(|client| client.talk(kind, 0, body)) {
            refused.get_or_insert(refusal.errno);
        }
    }
    refused.map_or(Ok(()), Err)
}

/// Gathers the messages of a dump that a filter lets through.
pub fn gather(
    ctx: &mut Context<'_>,
    dump: &[Vec<u8>],
    mut keep: impl FnMut(&mut Context<'_>, &rtnl::message::Message<'_>) -> bool,
) -> Vec<Vec<u8>> {
    let mut kept = Vec::new();
    for bytes in dump {
        for message in Messages(bytes) {
            if keep(ctx, &message) {
                kept.push(message.bytes.to_vec());
            }
        }
    }
    kept
}

/// Says at the end, if statistics were asked for, how many rounds it took.
pub fn say_end(ctx: &mut Context<'_>, rounds: u32) {
    if ctx.sink.format.statistics == 0 {
        return;
    }
    let plural = if rounds > 1 { "s" } else { "" };
    ctx.sink.text(&match rounds {
        0 => "Nothing to flush.\n".to_string(),
        _ => format!("*** Flush is complete after {rounds} round{plural} ***\n"),
    });
}

/// Says after a round, if statistics were asked for, how many entries went.
pub fn say_round(ctx: &mut Context<'_>, round: u32, count: usize, what: &str) {
    if ctx.sink.format.statistics > 0 {
        ctx.sink.text(&format!("\n*** Round {round}, deleting {count} {what} ***\n"));
    }
}
