//! Requests that change something, and `-echo`: showing what the kernel made of one.

use crate::context::{Context, refused};
use rtnl::message::{Message, Messages, NLM_F_ACK, NLM_F_ECHO};
use rtnl::words::Stop;

/// Sends a request and waits for its acknowledgement; with `-echo` the kernel's notification of the change is shown.
///
/// # Errors
/// The kernel's refusal in the tool's words, status 2.
pub fn talk(
    ctx: &mut Context<'_>,
    kind: u16,
    flags: u16,
    body: &[u8],
    show: impl FnOnce(&mut Context<'_>, &Message<'_>),
) -> Result<(), Stop> {
    if !ctx.options.echo {
        return ctx.talk(kind, flags, body);
    }
    let flags = flags | NLM_F_ECHO | NLM_F_ACK;
    let answer = ctx.client(|client| client.ask(kind, flags, body)).map_err(|refusal| refused(&refusal))?;
    ctx.sink.open_array("", "");
    ctx.sink.open_object("");
    if let Some(message) = Messages(&answer).next() {
        show(ctx, &message);
    }
    ctx.sink.close_object();
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    Ok(())
}
