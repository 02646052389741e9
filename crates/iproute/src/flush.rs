//! What `flush` of addresses, routes and neighbours has in common: dump, delete what matches, and again, until a dump
//! brings nothing more.
//!
//! An entry is deleted by the very message that told of it. As many as fit into the tool's buffer go in one datagram,
//! and then it looks for a refusal.

use crate::context::Context;
use rtnl::attr::align;
use rtnl::errno::Errno;
use rtnl::message::{HEADER, Messages};

/// The size of the tool's buffer.
const BUFFER: usize = 4096 - 512;

/// Deletes what these messages tell of by messages of that type.
///
/// # Errors
/// The first refusal in the buffer that has one.
pub fn delete(ctx: &mut Context<'_>, kind: u16, entries: &[Vec<u8>]) -> Result<(), Errno> {
    let mut group: Vec<&[u8]> = Vec::new();
    let mut filled = 0;
    for entry in entries {
        if filled + entry.len() > BUFFER {
            send(ctx, kind, &mut group)?;
            filled = 0;
        }
        filled += align(entry.len());
        group.push(entry.get(HEADER..).unwrap_or(&[]));
    }
    send(ctx, kind, &mut group)
}

fn send(ctx: &mut Context<'_>, kind: u16, group: &mut Vec<&[u8]>) -> Result<(), Errno> {
    let group = std::mem::take(group);
    if group.is_empty() {
        return Ok(());
    }
    ctx.session.client(|client| client.talk_all(kind, &group)).map_err(|refusal| refusal.errno)
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
