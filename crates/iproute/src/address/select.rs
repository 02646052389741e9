//! Which addresses, and of which links: the words that listing and flushing share.

use super::flags;
use crate::context::{AF_UNSPEC, Context};
use crate::glob::matches_glob;
use crate::link_list::{group_number, vrf};
use crate::link_show;
use rtnl::message::Message;
use rtnl::names::SCOPES;
use rtnl::object::addr::{IFA_ADDRESS, IFA_FLAGS, IFA_LABEL, IFA_LOCAL, Ifaddr};
use rtnl::prefix::{Prefix, prefix};
use rtnl::table::Tb;
use rtnl::words::{Stop, Words, matches};

/// What is selected.
#[derive(Clone, Debug, Default)]
pub struct Select {
    /// Which links.
    pub link: link_show::Filter,
    /// Only addresses of this family.
    pub family: u8,
    /// Only those in this prefix.
    pub to: Prefix,
    /// Only those of this scope.
    pub scope: Option<u8>,
    /// These flags must have these values.
    pub flag_mask: u32,
    /// The values.
    pub flags: u32,
    /// Only those whose label looks like this.
    pub label: Option<String>,
}

impl Select {
    /// Reads the words.
    ///
    /// # Errors
    /// What the tool says of them.
    pub(super) fn parse(ctx: &mut Context<'_>, words: &[String]) -> Result<Select, Stop> {
        let mut select = Select { family: ctx.options.family, ..Select::default() };
        select.link.queue = true;
        let mut device = None;
        let mut words = Words::new(words);
        while let Some(word) = words.take() {
            match word {
                "to" => select.read_to(words.value()?)?,
                "scope" => select.scope = scope(words.value()?)?,
                "up" => select.link.up = true,
                _ if flags::wanted(word).is_some() => select.want(word),
                "label" => select.label = Some(words.value()?.into()),
                "group" => {
                    let text = words.value()?;
                    let invalid = || Stop::invalid("Invalid \"group\" value\n", text);
                    select.link.group = Some(group_number(text).ok_or_else(invalid)?);
                }
                "master" => {
                    let name = words.value()?;
                    let missing = || Stop::invalid("Device does not exist\n", name);
                    select.link.master = Some(ctx.links().index(name).ok_or_else(missing)? as i32);
                }
                "vrf" => select.link.master = Some(vrf(ctx, ctx.options.family, words.value()?)? as i32),
                "nomaster" => select.link.master = Some(-1),
                "type" => {
                    let kind = words.value()?;
                    match kind.strip_suffix("_slave") {
                        Some(kind) => select.link.port_kind = Some(kind.into()),
                        None => select.link.kind = Some(kind.into()),
                    }
                }
                _ => {
                    let name = if word == "dev" { words.value()? } else { word };
                    if word != "dev" && matches(word, "help") {
                        return Err(super::usage());
                    }
                    if device.replace(name).is_some() {
                        return Err(Stop::duplicate_or_garbage("dev", name));
                    }
                }
            }
        }
        if let Some(name) = device {
            let missing = || Stop::fail(1, format!("Device \"{name}\" does not exist.\n"));
            select.link.ifindex = ctx.links().index(name).ok_or_else(missing)?;
        }
        select.link.family = select.family;
        Ok(select)
    }

    fn read_to(&mut self, text: &str) -> Result<(), Stop> {
        self.to = prefix(text, self.family)?;
        if self.family == AF_UNSPEC {
            self.family = self.to.family;
        }
        Ok(())
    }

    fn want(&mut self, word: &str) {
        if let Some((bit, value)) = flags::wanted(word) {
            self.flag_mask |= bit;
            self.flags = if value { self.flags | bit } else { self.flags & !bit };
        }
    }

    /// Whether an address is selected, its link left aside.
    pub(super) fn takes(&self, ctx: &mut Context<'_>, message: &Message<'_>) -> bool {
        let Some(info) = Ifaddr::decode(message) else { return false };
        let tb = Tb::read(message.attrs(Ifaddr::SIZE));
        let of_family = self.family == AF_UNSPEC || self.family == info.family;
        if !of_family || self.scope.is_some_and(|scope| scope != info.scope) {
            return false;
        }
        if (self.flags ^ flags_of(&info, &tb)) & self.flag_mask != 0 {
            return false;
        }
        if let Some(pattern) = &self.label {
            let label = tb.get(IFA_LABEL).map(|label| label.text().into_owned());
            let label = label.unwrap_or_else(|| ctx.links().name(info.ifindex));
            if !matches_glob(pattern, &label) {
                return false;
            }
        }
        self.to.holds(tb.get(IFA_LOCAL).or_else(|| tb.get(IFA_ADDRESS)))
    }
}

/// The flags: what the attribute says, else the header.
pub(super) fn flags_of(info: &Ifaddr, tb: &Tb<'_>) -> u32 {
    tb.u32(IFA_FLAGS).unwrap_or(u32::from(info.flags))
}

fn scope(text: &str) -> Result<Option<u8>, Stop> {
    match SCOPES.number(text) {
        Some(scope) => Ok(Some(scope as u8)),
        None if text == "all" => Ok(None),
        None => Err(Stop::invalid("invalid \"scope\"\n", text)),
    }
}
