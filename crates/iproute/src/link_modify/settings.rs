//! The general settings of a link as rows, in the order in which the tool tries them: a word, how it matches, and
//! what it does. Plain ones are plain; the others are functions behind the table.

use super::line::{Job, Line, is_name};
use super::vf;
use crate::context::refusal_text;
use rtnl::attr::{Builder, NESTED};
use rtnl::lladdr;
use rtnl::message::{Messages, Refusal};
use rtnl::object::link::*;
use rtnl::object::netns::{NETNSA_FD, NETNSA_NSID, RTGENMSG, RTM_NEWNSID};
use rtnl::table::Tb;
use rtnl::words::{OFF_ON, Stop, Words, integer, matches, number, one_of};

/// `AF_INET6` inside `IFLA_AF_SPEC`.
const AF_INET6: u16 = 10;
/// How the link-local address of IPv6 is made.
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
/// Inside `IFLA_PROTO_DOWN_REASON`: which bits are meant.
const IFLA_PROTO_DOWN_REASON_MASK: u16 = 1;
/// Inside `IFLA_PROTO_DOWN_REASON`: how they are to be.
const IFLA_PROTO_DOWN_REASON_VALUE: u16 = 2;
/// Inside `IFLA_XDP`: the program's descriptor; -1 takes it off.
const IFLA_XDP_FD: u16 = 1;
/// Inside `IFLA_XDP`: where, and whether another may be there.
const IFLA_XDP_FLAGS: u16 = 3;
/// Not if there is a program already.
const XDP_FLAGS_UPDATE_IF_NOEXIST: u32 = 1;
const XDP_FLAGS_SKB_MODE: u32 = 2;
const XDP_FLAGS_DRV_MODE: u32 = 4;
const XDP_FLAGS_HW_MODE: u32 = 8;

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
    row(&[Whole("name")], Does::Hook(name)),
    row(&[Whole("index")], Does::Hook(index)),
    row(&[Prefix("link")], Does::Hook(link)),
    row(&[Prefix("address")], Does::Hook(address)),
    row(&[Prefix("broadcast"), Whole("brd")], Does::Hook(broadcast)),
    row(&[Prefix("txqueuelen"), Whole("qlen"), Prefix("txqlen")], Integer(IFLA_TXQLEN)),
    row(&[Whole("mtu")], Integer(IFLA_MTU)),
    row(&[Whole("xdpgeneric")], Xdp(XDP_FLAGS_SKB_MODE)),
    row(&[Whole("xdpdrv")], Xdp(XDP_FLAGS_DRV_MODE)),
    row(&[Whole("xdpoffload")], Xdp(XDP_FLAGS_HW_MODE)),
    row(&[Whole("xdp")], Xdp(0)),
    row(&[Whole("netns")], Does::Hook(netns)),
    row(&[Whole("multicast")], Switch(IFF_MULTICAST, false)),
    row(&[Whole("allmulticast")], Switch(IFF_ALLMULTI, false)),
    row(&[Whole("promisc")], Switch(IFF_PROMISC, false)),
    row(&[Whole("trailers")], Switch(IFF_NOTRAILERS, true)),
    row(&[Whole("arp")], Switch(IFF_NOARP, true)),
    row(&[Whole("carrier")], OffOn(IFLA_CARRIER)),
    row(&[Whole("vf")], Does::Hook(vf::parse)),
    row(&[Prefix("master")], Does::Hook(master)),
    row(&[Whole("vrf")], Does::Hook(vrf)),
    row(&[Prefix("nomaster")], Does::Hook(nomaster)),
    row(&[Prefix("dynamic")], Switch(IFF_DYNAMIC, false)),
    row(&[Prefix("type")], Does::Hook(kind)),
    row(&[Prefix("alias")], Does::Hook(alias)),
    row(&[Whole("group")], Does::Hook(group)),
    row(&[Whole("mode")], Named(IFLA_LINKMODE, &["default", "dormant"], "Invalid link mode\n")),
    row(&[Whole("state")], Named(IFLA_OPERSTATE, OPERSTATES, "Invalid operstate\n")),
    row(&[Prefix("numtxqueues")], Integer(IFLA_NUM_TX_QUEUES)),
    row(&[Prefix("numrxqueues")], Integer(IFLA_NUM_RX_QUEUES)),
    row(&[Prefix("addrgenmode")], Does::Hook(addrgenmode)),
    row(&[Prefix("link-netns")], Does::Hook(link_netns)),
    row(&[Prefix("link-netnsid")], Does::Hook(link_netnsid)),
    row(&[Whole("protodown")], OffOn(IFLA_PROTO_DOWN)),
    row(&[Whole("protodown_reason")], Does::Hook(protodown_reason)),
    row(&[Whole("gso_max_size")], Unsigned(IFLA_GSO_MAX_SIZE, u32::MAX as u64)),
    row(&[Whole("gso_max_segs")], Unsigned(IFLA_GSO_MAX_SEGS, u16::MAX as u64)),
    row(&[Whole("gro_max_size")], Unsigned(IFLA_GRO_MAX_SIZE, u32::MAX as u64)),
    row(&[Whole("parentdev")], Does::Hook(parentdev)),
];

/// The operational states as the tool calls them, by number.
const OPERSTATES: &[&str] = &["UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"];

/// How the link-local address of IPv6 is made, by number.
const ADDRESS_MODES: &[&str] = &["eui64", "none", "stable_secret", "random"];

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
            Xdp(mode) => xdp(mode, line, job, words, out)?,
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

fn not_on_or_off(word: &str, text: &str) -> Stop {
    Stop::fail(1, format!("Error: argument of \"{word}\" must be \"on\" or \"off\", not \"{text}\"\n"))
}

/// The place of a name in a list, in whatever case.
fn named(names: &[&str], complaint: &str, text: &str) -> Result<u8, Stop> {
    let place = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    place.map(|place| place as u8).ok_or_else(|| Stop::invalid(complaint, text))
}

fn name<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    _: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.name.is_some() {
        return Err(Stop::duplicate("name", text));
    }
    if !is_name(text) {
        return Err(Stop::invalid("\"name\" not a valid ifname", text));
    }
    line.name = Some(text);
    if line.device.is_none() {
        line.device = Some(text);
        line.device_is_name = true;
    }
    Ok(())
}

fn index<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    _: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.index != 0 {
        return Err(Stop::duplicate("index", text));
    }
    line.index = leading_number(text);
    if line.index <= 0 {
        return Err(Stop::invalid("Invalid \"index\" value", text));
    }
    Ok(())
}

/// A number as C's `atoi` reads it: what stands behind the digits is passed over, and no digits are 0.
fn leading_number(text: &str) -> i32 {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let sign = usize::from(text.starts_with(['-', '+']));
    let digits = text.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
    let value = text.get(..sign + digits).unwrap_or("");
    let value = value.parse::<i64>().unwrap_or(if digits == 0 { 0 } else { -1 });
    value as i32
}

fn link<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    _: &mut Builder,
) -> Result<(), Stop> {
    line.lower = Some(words.value()?);
    Ok(())
}

fn address<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let address = lladdr::parse(words.value()?)?;
    line.address = address.len();
    out.put(IFLA_ADDRESS, &address);
    Ok(())
}

fn broadcast<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    out.put(IFLA_BROADCAST, &lladdr::parse(words.value()?)?);
    Ok(())
}

/// Another namespace, by name or by a process in it; a name goes first.
fn netns<'w>(
    line: &mut Line<'w>,
    job: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.again(IFLA_NET_NS_FD) {
        return Err(Stop::duplicate("netns", text));
    }
    line.moved = true;
    if let Some(fd) = job.open_netns(text) {
        out.u32(IFLA_NET_NS_FD, fd);
        return Ok(());
    }
    let pid = integer(text, 0).ok_or_else(|| Stop::invalid("Invalid \"netns\" value\n", text))?;
    out.i32(IFLA_NET_NS_PID, pid);
    Ok(())
}

fn master<'w>(
    _: &mut Line<'w>,
    job: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    let ifindex = job.ctx.links().index(text);
    out.u32(IFLA_MASTER, ifindex.ok_or_else(|| Stop::invalid("Device does not exist\n", text))?);
    Ok(())
}

/// A master that must be of the kind `vrf`.
fn vrf<'w>(
    _: &mut Line<'w>,
    job: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    let ifindex = job.ctx.links().index(text).filter(|ifindex| is_vrf(job, *ifindex));
    out.u32(IFLA_MASTER, ifindex.ok_or_else(|| Stop::invalid("Not a valid VRF name\n", text))?);
    Ok(())
}

fn is_vrf(job: &mut Job<'_, '_>, ifindex: u32) -> bool {
    let mut body = Builder::new();
    Ifinfo { ifindex: ifindex as i32, ..Ifinfo::default() }.encode(&mut body);
    let Ok(answer) = job.ctx.ask(RTM_GETLINK, 0, &body.bytes) else { return false };
    let Some(message) = Messages(&answer).next() else { return false };
    let info = Tb::read(message.attrs(Ifinfo::SIZE)).nest(IFLA_LINKINFO);
    info.string(IFLA_INFO_KIND) == Some(b"vrf")
}

fn nomaster<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    _: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    out.u32(IFLA_MASTER, 0);
    Ok(())
}

fn kind<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    _: &mut Builder,
) -> Result<(), Stop> {
    line.kind = Some(words.value()?);
    Ok(())
}

fn alias<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if text.len() > ALIAS_MAX {
        return Err(Stop::invalid("alias too long\n", text));
    }
    out.put(IFLA_IFALIAS, text.as_bytes());
    Ok(())
}

fn group<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.grouped {
        return Err(Stop::duplicate("group", text));
    }
    let group = if text == "default" { Some(0) } else { number(text, 0, i32::MAX as u64) };
    out.u32(IFLA_GROUP, group.ok_or_else(|| Stop::invalid("Invalid \"group\" value\n", text))? as u32);
    line.grouped = true;
    Ok(())
}

fn addrgenmode<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let mode = named(ADDRESS_MODES, "Invalid address generation mode\n", words.value()?)?;
    let families = out.nest(IFLA_AF_SPEC);
    let inet6 = out.nest(AF_INET6);
    out.u8(IFLA_INET6_ADDR_GEN_MODE, mode);
    out.end(inet6);
    out.end(families);
    Ok(())
}

const LINK_NETNS: &str = "link-netns/link-netnsid";

/// The namespace of the lower link by its name; if it has no identifier here, it gets one.
fn link_netns<'w>(
    line: &mut Line<'w>,
    job: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.again(IFLA_LINK_NETNSID) {
        return Err(Stop::duplicate(LINK_NETNS, text));
    }
    if job.ctx.nsid_of(text).is_none() {
        assign_nsid(job, text);
    }
    let nsid = job.ctx.nsid_of(text);
    out.i32(IFLA_LINK_NETNSID, nsid.ok_or_else(|| Stop::invalid("Invalid \"link-netns\" value\n", text))?);
    Ok(())
}

/// Asks for an identifier of a namespace; a refusal is told, and the outcome seen by who asks next.
fn assign_nsid(job: &mut Job<'_, '_>, name: &str) {
    let Ok(fd) = job.ctx.host.netns_open(name) else { return };
    let mut body = Builder::new();
    body.bytes.extend_from_slice(&[0; RTGENMSG]);
    body.pad();
    body.u32(NETNSA_FD, fd);
    body.i32(NETNSA_NSID, -1);
    let answer: Result<(), Refusal> = job.ctx.client(|client| client.talk(RTM_NEWNSID, 0, &body.bytes));
    job.ctx.host.netns_close(fd);
    if let Err(refusal) = answer {
        job.ctx.host.err(&refusal_text(&refusal));
    }
}

fn link_netnsid<'w>(
    line: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    if line.again(IFLA_LINK_NETNSID) {
        return Err(Stop::duplicate(LINK_NETNS, text));
    }
    let nsid = integer(text, 0).ok_or_else(|| Stop::invalid("Invalid \"link-netnsid\" value\n", text))?;
    out.i32(IFLA_LINK_NETNSID, nsid);
    Ok(())
}

/// One of 32 reasons to be down, by number: the tool's files can name them, and none is installed.
fn protodown_reason<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    let reason = number(text, 0, 31).ok_or_else(|| Stop::invalid("invalid protodown reason\n", text))?;
    let text = words.value()?;
    let on = if matches(text, "on") {
        true
    } else if matches(text, "off") {
        false
    } else {
        return Err(not_on_or_off("protodown_reason", text));
    };
    let mask = 1u32 << reason;
    let nest = out.nest(IFLA_PROTO_DOWN_REASON | NESTED);
    out.u32(IFLA_PROTO_DOWN_REASON_MASK, mask);
    out.u32(IFLA_PROTO_DOWN_REASON_VALUE, if on { mask } else { 0 });
    out.end(nest);
    Ok(())
}

fn parentdev<'w>(
    _: &mut Line<'w>,
    _: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    out.string(IFLA_PARENT_DEV_NAME, words.value()?.as_bytes());
    Ok(())
}

/// Takes a program off; `off` must be the line's last word, else the tool takes it for the way to load one.
fn xdp<'w>(
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
        return Err(no_program(text, words));
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

/// Why no program is loaded: nothing here can.
fn no_program(text: &str, words: &Words<'_>) -> Stop {
    let ways = ["object-file", "object-pinned", "pinned", "fd"];
    if !ways.iter().any(|way| matches(text, way)) {
        return Stop::exit(format!("What mode is \"{text}\"?\n"));
    }
    match words.peek() {
        None => Stop::incomplete(),
        Some(program) => Stop::exit(format!("Error: \"{program}\": XDP programs cannot be loaded here.\n")),
    }
}
