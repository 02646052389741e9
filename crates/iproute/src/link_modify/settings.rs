//! The general settings of a link as rows, in the order in which the tool tries them: a word, how it matches, and
//! what it does. Plain ones are plain; the others are functions in [`hooks`].

use super::line::{Job, Line};
use super::xdp::{self, XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE, XDP_FLAGS_SKB_MODE};
use super::{hooks, vf};
use rtnl::attr::Builder;
use rtnl::object::link::*;
use rtnl::words::{OFF_ON, Stop, Words, integer, matches, number, one_of};

/// The status of a complaint that the tool gives back as an error number.
const EINVAL_STATUS: i32 = 22;

/// How the words of a setting match.
enum Spelled {
    /// Any prefix of it.
    Prefix(&'static str),
    /// The whole word.
    Whole(&'static str),
}
use Spelled::{Prefix, Whole};

/// A function that does what the table cannot say.
type Hook = for<'w> fn(&mut Line<'w>, &mut Job<'_, '_>, &mut Words<'w>, &mut Builder) -> Result<(), Stop>;

/// What a setting does.
enum Does {
    /// Sets or clears a flag by itself.
    Flag(u32, bool),
    /// A flag that `on` sets; with true it is `off` that sets it.
    Switch(u32, bool),
    /// A signed number that may stand once.
    Integer(u16),
    /// A number up to the largest that is let through.
    Unsigned(u16, u64),
    /// A byte, 0 for `off` and 1 for `on`.
    OffOn(u16),
    /// A byte by its name, in whatever case; the text is the complaint.
    Named(u16, &'static [&'static str], &'static str),
    /// A program for XDP, with the flags of its mode.
    Xdp(u32),
    /// Anything else.
    Hook(Hook),
}
use Does::{Flag, Integer, Named, OffOn, Switch, Unsigned, Xdp};

/// A general setting of a link.
pub(super) struct Setting {
    spelled: &'static [Spelled],
    does: Does,
}

const fn row(spelled: &'static [Spelled], does: Does) -> Setting {
    Setting { spelled, does }
}

/// Every general setting but the device's name.
static SETTINGS: &[Setting] = &[
    row(&[Whole("up")], Flag(IFF_UP, true)),
    row(&[Whole("down")], Flag(IFF_UP, false)),
    row(&[Whole("name")], Does::Hook(hooks::name)),
    row(&[Whole("index")], Does::Hook(hooks::index)),
    row(&[Prefix("link")], Does::Hook(hooks::link)),
    row(&[Prefix("address")], Does::Hook(hooks::address)),
    row(&[Prefix("broadcast"), Whole("brd")], Does::Hook(hooks::broadcast)),
    row(&[Prefix("txqueuelen"), Whole("qlen"), Prefix("txqlen")], Integer(IFLA_TXQLEN)),
    row(&[Whole("mtu")], Integer(IFLA_MTU)),
    row(&[Whole("xdpgeneric")], Xdp(XDP_FLAGS_SKB_MODE)),
    row(&[Whole("xdpdrv")], Xdp(XDP_FLAGS_DRV_MODE)),
    row(&[Whole("xdpoffload")], Xdp(XDP_FLAGS_HW_MODE)),
    row(&[Whole("xdp")], Xdp(0)),
    row(&[Whole("netns")], Does::Hook(hooks::netns)),
    row(&[Whole("multicast")], Switch(IFF_MULTICAST, false)),
    row(&[Whole("allmulticast")], Switch(IFF_ALLMULTI, false)),
    row(&[Whole("promisc")], Switch(IFF_PROMISC, false)),
    row(&[Whole("trailers")], Switch(IFF_NOTRAILERS, true)),
    row(&[Whole("arp")], Switch(IFF_NOARP, true)),
    row(&[Whole("carrier")], OffOn(IFLA_CARRIER)),
    row(&[Whole("vf")], Does::Hook(vf::parse)),
    row(&[Prefix("master")], Does::Hook(hooks::master)),
    row(&[Whole("vrf")], Does::Hook(hooks::vrf)),
    row(&[Prefix("nomaster")], Does::Hook(hooks::nomaster)),
    row(&[Prefix("dynamic")], Switch(IFF_DYNAMIC, false)),
    row(&[Prefix("type")], Does::Hook(hooks::kind)),
    row(&[Prefix("alias")], Does::Hook(hooks::alias)),
    row(&[Whole("group")], Does::Hook(hooks::group)),
    row(&[Whole("mode")], Named(IFLA_LINKMODE, &["default", "dormant"], "Invalid link mode\n")),
    row(&[Whole("state")], Named(IFLA_OPERSTATE, OPERSTATES, "Invalid operstate\n")),
    row(&[Prefix("numtxqueues")], Integer(IFLA_NUM_TX_QUEUES)),
    row(&[Prefix("numrxqueues")], Integer(IFLA_NUM_RX_QUEUES)),
    row(&[Prefix("addrgenmode")], Does::Hook(hooks::addrgenmode)),
    row(&[Prefix("link-netns")], Does::Hook(hooks::link_netns)),
    row(&[Prefix("link-netnsid")], Does::Hook(hooks::link_netnsid)),
    row(&[Whole("protodown")], OffOn(IFLA_PROTO_DOWN)),
    row(&[Whole("protodown_reason")], Does::Hook(hooks::protodown_reason)),
    row(&[Whole("gso_max_size")], Unsigned(IFLA_GSO_MAX_SIZE, u32::MAX as u64)),
    row(&[Whole("gso_max_segs")], Unsigned(IFLA_GSO_MAX_SEGS, u16::MAX as u64)),
    row(&[Whole("gro_max_size")], Unsigned(IFLA_GRO_MAX_SIZE, u32::MAX as u64)),
    row(&[Whole("parentdev")], Does::Hook(hooks::parentdev)),
];

/// The operational states as the tool calls them, by number.
const OPERSTATES: &[&str] = &["UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"];

/// The setting of a word; none if the word must be the device.
pub(super) fn find(typed: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| {
        setting.spelled.iter().any(|spelled| match spelled {
            Prefix(word) => matches(typed, word),
            Whole(word) => typed == *word,
        })
    })
}

impl Setting {
    /// The name that complaints use.
    fn word(&self) -> &'static str {
        match self.spelled[0] {
            Prefix(word) | Whole(word) => word,
        }
    }

    /// The complaint about a value, with the empty line that the tool prints behind it.
    fn invalid(&self, value: &str) -> Stop {
        Stop::invalid(&format!("Invalid \"{}\" value\n", self.word()), value)
    }

    /// Reads what stands behind the word and carries it into the request.
    pub(super) fn apply<'w>(
        &self,
        line: &mut Line<'w>,
        job: &mut Job<'_, '_>,
        words: &mut Words<'w>,
        out: &mut Builder,
    ) -> Result<(), Stop> {
        match self.does {
            Flag(flag, on) => line.flag(flag, on),
            Switch(flag, inverted) => {
                let text = words.value()?;
                line.info.change |= flag;
                line.flag(flag, on_off(self.word(), text)? != inverted);
            }
            Integer(number) => self.integer(number, line, words, out)?,
            Unsigned(attribute, largest) => {
                let text = words.value()?;
                let value = number(text, 0, largest).ok_or_else(|| self.invalid(text))?;
                out.u32(attribute, value as u32);
            }
            OffOn(attribute) => {
                let value = one_of(self.word(), OFF_ON, words.value()?);
                out.u8(attribute, value.map_err(|stop| Stop { status: EINVAL_STATUS, ..stop })? as u8);
            }
            Named(attribute, names, complaint) => out.u8(attribute, named(names, complaint, words.value()?)?),
            Xdp(mode) => xdp::parse(mode, line, job, words, out)?,
            Does::Hook(hook) => hook(line, job, words, out)?,
        }
        Ok(())
    }

    fn integer(
        &self,
        attribute: u16,
        line: &mut Line<'_>,
        words: &mut Words<'_>,
        out: &mut Builder,
    ) -> Result<(), Stop> {
        let text = words.value()?;
        if line.once.contains(&attribute) {
            return Err(Stop::duplicate(self.word(), text));
        }
        let value = integer(text, 0).ok_or_else(|| self.invalid(text))?;
        // The tool keeps -1 for "not given yet".
        if value != -1 {
            line.once.push(attribute);
        }
        out.i32(attribute, value);
        Ok(())
    }
}

impl Line<'_> {
    fn flag(&mut self, flag: u32, on: bool) {
        self.info.change |= flag;
        self.info.flags = if on { self.info.flags | flag } else { self.info.flags & !flag };
    }
}

/// `on` or `off` in full; a bad one ends the command and not the process.
fn on_off(word: &str, text: &str) -> Result<bool, Stop> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(not_on_or_off(word, text)),
    }
}

/// A value that is neither `on` nor `off`.
pub(super) fn not_on_or_off(word: &str, text: &str) -> Stop {
    Stop::fail(1, format!("Error: argument of \"{word}\" must be \"on\" or \"off\", not \"{text}\"\n"))
}

/// The place of a name in a list, in whatever case.
pub(super) fn named(names: &[&str], complaint: &str, text: &str) -> Result<u8, Stop> {
    let place = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    place.map(|place| place as u8).ok_or_else(|| Stop::invalid(complaint, text))
}
