//! `xdp`, `xdpgeneric`, `xdpdrv`, `xdpoffload`: a program on a link's receiving side. It can be taken off; nothing
//! here can load one.

use super::line::{Job, Line};
use crate::host::Host;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::object::link::IFLA_XDP;
use rtnl::words::{Stop, Words, matches};

/// Inside `IFLA_XDP`: the program's descriptor; -1 takes it off.
const IFLA_XDP_FD: u16 = 1;
/// Inside `IFLA_XDP`: where, and whether another may be there.
const IFLA_XDP_FLAGS: u16 = 3;
/// Not if there is a program already.
const XDP_FLAGS_UPDATE_IF_NOEXIST: u32 = 1;
/// In the stack, by any driver.
pub(super) const XDP_FLAGS_SKB_MODE: u32 = 2;
/// In the driver.
pub(super) const XDP_FLAGS_DRV_MODE: u32 = 4;
/// In the device.
pub(super) const XDP_FLAGS_HW_MODE: u32 = 8;

/// Takes a program off; `off` must be the line's last word, else the tool takes it for the way to load one.
pub(super) fn parse<'w>(
    mode: u32,
    line: &mut Line<'w>,
    job: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    let offload = mode == XDP_FLAGS_HW_MODE;
    if offload && line.device.and_then(|device| job.ctx.links().index(device)).is_none() {
        return Err(Stop::incomplete());
    }
    if words.left() > 0 || !matches!(text, "none" | "off") {
        return Err(no_program(text, words, job.ctx.host));
    }
    let nest = out.nest(IFLA_XDP);
    out.i32(IFLA_XDP_FD, -1);
    let exclusive = if job.ctx.options.force { 0 } else { XDP_FLAGS_UPDATE_IF_NOEXIST };
    if exclusive | mode != 0 {
        out.u32(IFLA_XDP_FLAGS, exclusive | mode);
    }
    out.end(nest);
    if offload && line.device_is_name {
        line.device = None;
        line.device_is_name = false;
    }
    Ok(())
}

/// The words for where a program is, any prefix of which will do, and what the tool says of a file that is not there;
/// a descriptor is no file.
const WAYS: &[(&str, Option<Missing>)] = &[
    ("object-file", Some(no_object)),
    ("object-pinned", Some(no_pin)),
    ("pinned", Some(no_pin)),
    ("fd", None),
];

/// The sentence for a file and what the system says of it.
type Missing = fn(&str, Errno) -> String;

fn no_object(file: &str, why: Errno) -> String {
    format!("Error opening object {file}: {why}\nCannot initialize ELF context!\n")
}

fn no_pin(file: &str, why: Errno) -> String {
    format!("Couldn't retrieve pinned program '{file}': {why}\n")
}

/// Why no program is loaded: it is not there, or nothing here can.
fn no_program(text: &str, words: &Words<'_>, host: &mut dyn Host) -> Stop {
    let Some((_, missing)) = WAYS.iter().find(|(way, _)| matches(text, way)) else {
        return Stop::exit(format!("What mode is \"{text}\"?\n"));
    };
    let Some(program) = words.peek() else { return Stop::incomplete() };
    match missing.map(|missing| host.find_file(program).map_err(|why| missing(program, why))) {
        Some(Err(sentence)) => Stop::exit(sentence),
        _ => Stop::exit(format!("Error: \"{program}\": XDP programs cannot be loaded here.\n")),
    }
}
