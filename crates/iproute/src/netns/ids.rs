//! Identifiers of namespaces: `ip netns set`, `ip netns list-id`, and how a message about one is shown.

use super::{cannot_open, fail, no_name, usage};
use crate::context::Context;
use rtnl::attr::Builder;
use rtnl::message::{Message, Messages};
use rtnl::object::netns::{
    NETNSA_CURRENT_NSID, NETNSA_FD, NETNSA_NSID, NETNSA_TARGET_NSID, RTGENMSG, RTM_DELNSID, RTM_GETNSID,
    RTM_NEWNSID,
};
use rtnl::table::Tb;
use rtnl::words::{Stop, Words, integer};

/// An empty `struct rtgenmsg`, padded.
fn request() -> Builder {
    let mut body = Builder::new();
    body.bytes.extend_from_slice(&[0; RTGENMSG]);
    body.pad();
    body
}

/// `set NAME NSID`: gives a namespace an identifier here; `auto` lets the kernel choose.
pub(super) fn set(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let name = words.take().ok_or_else(no_name)?;
    let text = words.take().ok_or_else(|| fail("No nsid specified\n"))?;
    let nsid = match text {
        "auto" => -1,
        _ => match integer(text, 0) {
            None => return Err(Stop::invalid("Invalid \"netnsid\" value", text)),
            Some(nsid) if nsid < 0 => return Err(Stop::invalid("\"netnsid\" value should be >= 0", text)),
            Some(nsid) => nsid,
        },
    };
    let fd = ctx.host.netns_open(name).map_err(|errno| fail(cannot_open(name, errno)))?;
    let mut body = request();
    body.u32(NETNSA_FD, fd);
    body.i32(NETNSA_NSID, nsid);
    let outcome = ctx.talk(RTM_NEWNSID, 0, &body.bytes);
    ctx.host.netns_close(fd);
    outcome
}

/// `list-id [ target-nsid ID ] [ nsid ID ]`: all identifiers, or one, here or as another namespace sees them.
pub(super) fn list_ids(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let (mut target, mut nsid) = (None, None);
    while let Some(typed) = words.take() {
        match typed {
            "target-nsid" => identifier(typed, &mut target, words)?,
            "nsid" => identifier(typed, &mut nsid, words)?,
            _ => return Err(usage()),
        }
    }
    let mut body = request();
    if let Some(nsid) = nsid {
        body.i32(NETNSA_NSID, nsid);
    }
    if let Some(target) = target {
        body.i32(NETNSA_TARGET_NSID, target);
    }
    // The tool reads the names of all identifiers first, needed or not.
    let _ = ctx.nsid_name(-1);
    let parts = match nsid {
        Some(_) => vec![ctx.ask(RTM_GETNSID, 0, &body.bytes)?],
        None => ctx.dump(RTM_GETNSID, &body.bytes).map_err(|stop| Stop { process: true, ..stop })?,
    };
    ctx.sink.open_array("", "");
    for message in parts.iter().flat_map(|part| Messages(part)) {
        show_nsid(ctx, &message);
    }
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    Ok(())
}

/// Reads an identifier that may stand once.
fn identifier(word: &str, into: &mut Option<i32>, words: &mut Words<'_>) -> Result<(), Stop> {
    if into.is_some() {
        // The tool names the word where the value should be.
        return Err(Stop::duplicate(word, word));
    }
    let text = words.value()?;
    match integer(text, 0) {
        None => Err(Stop::invalid(&format!("\"{word}\" value is invalid"), text)),
        Some(nsid) if nsid < 0 => {
            // The tool looks one word too far here, past the end if there is none.
            let next = words.peek().unwrap_or("(null)");
            Err(Stop::invalid(&format!("\"{word}\" value should be >= 0"), next))
        }
        Some(nsid) => {
            *into = Some(nsid);
            Ok(())
        }
    }
}

/// Shows a message about an identifier: that of another namespace there, and what it is here.
pub fn show_nsid(ctx: &mut Context<'_>, message: &Message<'_>) {
    if !matches!(message.header.kind, RTM_NEWNSID | RTM_DELNSID) {
        return;
    }
    let tb = Tb::read(message.attrs(RTGENMSG));
    let Some(nsid) = tb.i32(NETNSA_NSID) else { return };
    let current = tb.i32(NETNSA_CURRENT_NSID);
    ctx.sink.open_object("");
    if message.header.kind == RTM_DELNSID {
        ctx.sink.boolean("deleted", true, "Deleted ", "");
    }
    show_number(ctx, "nsid", nsid);
    if let Some(current) = current {
        show_number(ctx, "current-nsid", current);
    }
    // A name that was known is used up by showing it; one that was not is looked for, and then known. The tool's map
    // of names is a cache that monitors need, and this is how it behaves everywhere.
    let shown = current.unwrap_or(nsid);
    let mut name = ctx.nsid_name(shown);
    if name.is_some() {
        ctx.forget_nsid_name(shown);
    } else if message.header.kind == RTM_NEWNSID {
        ctx.learn_nsid_name(nsid);
        name = ctx.nsid_name(nsid);
    }
    if let Some(name) = name {
        ctx.sink.string("name", "(iproute2 netns name: ", &name, ")");
    }
    ctx.sink.text("\n");
    ctx.sink.close_object();
}

fn show_number(ctx: &mut Context<'_>, key: &str, nsid: i32) {
    if nsid < 0 {
        ctx.sink.text(&format!("{key} unassigned "));
    } else {
        ctx.sink.int(key, &format!("{key} "), i64::from(nsid), " ");
    }
}
