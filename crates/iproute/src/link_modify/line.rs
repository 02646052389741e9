//! One line of the general grammar of links: `[ link DEV ] [ dev | name ] NAME SETTING… [ type KIND ]`
//! (iproute2's `iplink_parse`).
//!
//! A word that is no setting is the device's name; `dev` in front of it is only needed for a device whose name is
//! the beginning of a setting's word, as a setting always wins. `name` without `dev` names the device too: which of
//! the two it was is decided at the end, when it is known whether the link is to be made or changed.

use super::settings;
use crate::context::{Context, no_device};
use rtnl::attr::Builder;
use rtnl::client::Links;
use rtnl::object::link::{
    IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINK, IFLA_NEW_IFINDEX, Ifinfo, NAME_MAX, RTM_GETLINK,
};
use rtnl::words::{Stop, Words, matches};

/// What reading a line works with.
pub(super) struct Job<'c, 'h> {
    /// Options, world, kernel.
    pub(super) ctx: &'c mut Context<'h>,
    /// Whether the request may make a link.
    pub(super) create: bool,
    /// Namespaces that were opened for the request and stay open until it was answered.
    opened: Vec<u32>,
}

impl<'c, 'h> Job<'c, 'h> {
    pub(super) fn new(ctx: &'c mut Context<'h>, create: bool) -> Self {
        Job { ctx, create, opened: Vec::new() }
    }

    /// Opens a namespace until [`Job::close`].
    pub(super) fn open_netns(&mut self, name: &str) -> Option<u32> {
        let fd = self.ctx.host.netns_open(name).ok()?;
        self.opened.push(fd);
        Some(fd)
    }

    /// Closes what was opened.
    pub(super) fn close(&mut self) {
        for fd in self.opened.drain(..) {
            self.ctx.host.netns_close(fd);
        }
    }

    /// How long the link-layer address of a device is; none if it has none, or there is no such device.
    pub(super) fn address_length(&mut self, device: &str) -> Option<usize> {
        let ifindex = self.ctx.session.index(device)? as i32;
        let mut body = Builder::new();
        Ifinfo { family: self.ctx.options.family, ifindex, ..Ifinfo::default() }.encode(&mut body);
        let answer = self.ctx.ask(RTM_GETLINK, 0, &body.bytes).ok()?;
        let message = rtnl::message::Messages(&answer).next()?;
        Some(message.attrs(Ifinfo::SIZE).find(IFLA_ADDRESS)?.payload.len())
    }
}

impl Links for Job<'_, '_> {
    fn index(&mut self, name: &str) -> Option<u32> {
        self.ctx.links().index(name)
    }

    fn name(&mut self, ifindex: u32) -> String {
        self.ctx.links().name(ifindex)
    }

    fn creates(&self) -> bool {
        self.create
    }

    fn family(&self) -> u8 {
        self.ctx.options.family
    }

    /// The other end of a pair. It cannot have a type, so this does not nest any deeper.
    fn link_words(&mut self, words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
        match parse(self, words, 0, out)?.kind {
            Some(kind) => Err(Stop::duplicate("type", kind)),
            None => Ok(()),
        }
    }
}

/// What a line was about.
pub(super) struct Parsed<'w> {
    /// The word behind `type`.
    pub(super) kind: Option<&'w str>,
    /// The index in the header.
    pub(super) ifindex: u32,
}

/// What was read of a line.
#[derive(Default)]
pub(super) struct Line<'w> {
    /// The header of the link.
    pub(super) info: Ifinfo,
    /// What stood behind `name`.
    pub(super) name: Option<&'w str>,
    /// The device.
    pub(super) device: Option<&'w str>,
    /// Whether the device is known only because `name` told it.
    pub(super) device_is_name: bool,
    /// What stood behind `link`.
    pub(super) lower: Option<&'w str>,
    /// What stood behind `index`; 0 if nothing.
    pub(super) index: i32,
    /// What stood behind `type`.
    pub(super) kind: Option<&'w str>,
    /// Whether a group was named.
    pub(super) grouped: bool,
    /// Whether the link goes to another namespace.
    pub(super) moved: bool,
    /// How long the link-layer address is that was given; 0 if none.
    pub(super) address: usize,
    /// The settings that may stand only once and did.
    pub(super) once: Vec<u16>,
}

/// Reads a line up to the word behind `type`, or to its end; writes `struct ifinfomsg` and attributes.
///
/// # Errors
/// What the tool says of the words.
pub(super) fn parse<'w>(
    job: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    family: u8,
    out: &mut Builder,
) -> Result<Parsed<'w>, Stop> {
    let head = out.bytes.len();
    let mut line = Line { info: Ifinfo { family, ..Ifinfo::default() }, ..Line::default() };
    line.info.encode(out);
    while let Some(typed) = words.take() {
        match settings::find(typed) {
            Some(setting) => setting.apply(&mut line, job, words, out)?,
            None => line.device_word(typed, words)?,
        }
        if line.kind.is_some() {
            break;
        }
    }
    line.finish(job, words, out)?;
    let mut header = Builder::new();
    line.info.encode(&mut header);
    out.bytes[head..head + Ifinfo::SIZE].copy_from_slice(&header.bytes);
    Ok(Parsed { kind: line.kind, ifindex: line.info.ifindex as u32 })
}

/// What is said of words that nobody takes.
pub(super) fn garbage(word: &str) -> String {
    format!("Garbage instead of arguments \"{word} ...\". Try \"ip link help\".\n")
}

/// Whether a text can be a device's alternative name: not empty, no slash, no white space.
pub(super) fn is_altname(text: &str) -> bool {
    !text.is_empty() && !text.bytes().any(|b| b == b'/' || b.is_ascii_whitespace() || b == b'\x0b')
}

/// Whether a text can be a device's name.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= NAME_MAX && is_altname(text)
}

impl<'w> Line<'w> {
    /// A word that is no setting: the device, or `dev` in front of it.
    fn device_word(&mut self, typed: &'w str, words: &mut Words<'w>) -> Result<(), Stop> {
        if matches(typed, "help") {
            return Err(super::usage());
        }
        let device = if typed == "dev" { words.value()? } else { typed };
        let free = match (self.device, self.name) {
            (None, None) => true,
            (Some(_), Some(_)) => self.device_is_name,
            _ => false,
        };
        if !free {
            return Err(Stop::duplicate_or_garbage("dev", device));
        }
        if !is_altname(device) {
            return Err(Stop::invalid("\"dev\" not a valid ifname", device));
        }
        self.device = Some(device);
        self.device_is_name = false;
        Ok(())
    }

    /// Notes a setting that may stand only once; says whether it stood before.
    pub(super) fn again(&mut self, number: u16) -> bool {
        let again = self.once.contains(&number);
        if !again {
            self.once.push(number);
        }
        again
    }

    /// What can only be said when the whole line was read.
    fn finish(&mut self, job: &mut Job<'_, '_>, words: &Words<'w>, out: &mut Builder) -> Result<(), Stop> {
        let name = self.name.or(self.device);
        let device = self.device.or(self.name);
        if let (Some(device), false) = (device.filter(|_| self.address > 0), job.create) {
            self.check_address(job, device)?;
        }
        if self.index != 0 && !job.create && !self.moved {
            return Err(Stop::exit(
                "index can be used only when creating devices or when moving device to another netns.\n",
            ));
        }
        if self.grouped && device.is_none() {
            return self.finish_group(job, words);
        }
        let renamed = name.filter(|_| name != device);
        let name = if job.create {
            if renamed.is_some() {
                return Err(Stop::exit("both \"name\" and \"dev\" cannot be used when creating devices.\n"));
            }
            self.finish_create(job, out)?;
            name
        } else {
            let device = device
                .ok_or_else(|| Stop::exit("Not enough information: \"dev\" argument is required.\n"))?;
            self.info.ifindex = job.ctx.device(device)? as i32;
            if self.index != 0 {
                out.i32(IFLA_NEW_IFINDEX, self.index);
            }
            renamed
        };
        if let Some(name) = name {
            out.string(IFLA_IFNAME, name.as_bytes());
        }
        Ok(())
    }

    /// A changed link's new address must be as long as the old one.
    fn check_address(&self, job: &mut Job<'_, '_>, device: &str) -> Result<(), Stop> {
        match job.address_length(device) {
            Some(length) if length != self.address => Err(wrong_length(self.address, length)),
            _ => Ok(()),
        }
    }

    /// A line about all links of a group; it has no room for a type.
    fn finish_group(&mut self, job: &Job<'_, '_>, words: &Words<'w>) -> Result<(), Stop> {
        if let Some(word) = words.peek() {
            return Err(Stop::exit(garbage(word)));
        }
        if job.create {
            return Err(Stop::exit("group cannot be used when creating devices.\n"));
        }
        self.kind = None;
        Ok(())
    }

    fn finish_create(&mut self, job: &mut Job<'_, '_>, out: &mut Builder) -> Result<(), Stop> {
        if let Some(lower) = self.lower {
            let ifindex = job.ctx.links().index(lower).ok_or_else(|| no_device(lower))?;
            out.u32(IFLA_LINK, ifindex);
        }
        self.info.ifindex = self.index;
        Ok(())
    }
}

/// An address that is not as long as the device's.
pub(super) fn wrong_length(given: usize, wanted: usize) -> Stop {
    Stop::fail(1, format!("Invalid address length {given} - must be {wanted} bytes\n"))
}
