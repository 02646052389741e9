//! `bridge link`: the ports of bridges and their settings.
//!
//! A request carries the settings in the tool's order, whatever the order of the words; of a word that comes twice the
//! last counts. Numbers are cut to the type of the setting, and one that is negative then is not sent.

use super::{Memory, atoi, bridge_device, dump_bridge_links, fail, state_number, talk, unknown_command};
use crate::context::{AF_BRIDGE, AF_UNSPEC, Context};
use crate::link_show::{name, show_flags, show_name};
use rtnl::attr::{Attr, Builder, NESTED};
use rtnl::client::Links;
use rtnl::kind::bridge_slave::*;
use rtnl::message::{Message, Messages};
use rtnl::object::brlink::*;
use rtnl::object::link::*;
use rtnl::show::Scene;
use rtnl::table::Tb;
use rtnl::words::{OFF_ON, Stop, Words, matches, one_of};

const USAGE: &str = "\
Usage: bridge link set dev DEV [ cost COST ] [ priority PRIO ] [ state STATE ]
                               [ guard {on | off} ]
                               [ hairpin {on | off} ]
                               [ fastleave {on | off} ]
                               [ root_block {on | off} ]
                               [ learning {on | off} ]
                               [ learning_sync {on | off} ]
                               [ flood {on | off} ]
                               [ mcast_router MULTICAST_ROUTER ]
                               [ mcast_flood {on | off} ]
                               [ bcast_flood {on | off} ]
                               [ mcast_to_unicast {on | off} ]
                               [ neigh_suppress {on | off} ]
                               [ vlan_tunnel {on | off} ]
                               [ isolated {on | off} ]
                               [ locked {on | off} ]
                               [ hwmode {vepa | veb} ]
                               [ backup_port DEVICE ] [ nobackup_port ]
                               [ self ] [ master ]
       bridge link show [dev DEV]
";

/// The status of a switch that is neither on nor off: an error number, negative, as the shell sees it.
const BAD_SWITCH: i32 = 234;

/// How a setting is read and sent.
#[derive(Clone, Copy)]
enum Reads {
    /// `on` or `off`, a byte.
    Switch,
    /// A number, a byte.
    Byte,
    /// A number, two bytes.
    Short,
    /// A number, four bytes; 0 is not sent.
    Cost,
    /// A state of the spanning tree, a byte.
    State,
    /// The name of a link; its index.
    Link,
    /// Nothing: index 0.
    NoLink,
}

/// The settings in the order in which they are sent. Two words for the same number are one setting.
static SETTINGS: &[(&str, u16, Reads)] = &[
    ("guard", IFLA_BRPORT_GUARD, Reads::Switch),
    ("hairpin", IFLA_BRPORT_MODE, Reads::Switch),
    ("fastleave", IFLA_BRPORT_FAST_LEAVE, Reads::Switch),
    ("root_block", IFLA_BRPORT_PROTECT, Reads::Switch),
    ("flood", IFLA_BRPORT_UNICAST_FLOOD, Reads::Switch),
    ("mcast_router", IFLA_BRPORT_MULTICAST_ROUTER, Reads::Byte),
    ("mcast_flood", IFLA_BRPORT_MCAST_FLOOD, Reads::Switch),
    ("bcast_flood", IFLA_BRPORT_BCAST_FLOOD, Reads::Switch),
    ("mcast_to_unicast", IFLA_BRPORT_MCAST_TO_UCAST, Reads::Switch),
    ("learning", IFLA_BRPORT_LEARNING, Reads::Switch),
    ("learning_sync", IFLA_BRPORT_LEARNING_SYNC, Reads::Switch),
    ("cost", IFLA_BRPORT_COST, Reads::Cost),
    ("priority", IFLA_BRPORT_PRIORITY, Reads::Short),
    ("state", IFLA_BRPORT_STATE, Reads::State),
    ("neigh_suppress", IFLA_BRPORT_NEIGH_SUPPRESS, Reads::Switch),
    ("vlan_tunnel", IFLA_BRPORT_VLAN_TUNNEL, Reads::Switch),
    ("isolated", IFLA_BRPORT_ISOLATED, Reads::Switch),
    ("locked", IFLA_BRPORT_LOCKED, Reads::Switch),
    ("backup_port", IFLA_BRPORT_BACKUP_PORT, Reads::Link),
    ("nobackup_port", IFLA_BRPORT_BACKUP_PORT, Reads::NoLink),
];

/// Runs the words behind `bridge link`.
pub(super) fn run(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return list(ctx, memory, words) };
    let verbs = ["set", "change", "show", "lst", "list", "help"];
    match verbs.into_iter().find(|verb| matches(typed, verb)) {
        Some("set" | "change") => set(ctx, rest),
        Some("help") => Err(Stop::exit(USAGE)),
        Some(_) => list(ctx, memory, rest),
        None => Err(unknown_command("link", typed)),
    }
}

fn list(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    // A VLAN filters nothing here, and its word is passed over like any other.
    if let Some(device) = super::only_device(words)? {
        memory.link = super::device(ctx, device)?;
    }
    let links = dump_bridge_links(ctx, 0)?;
    ctx.sink.open_array("", "");
    for link in &links {
        Messages(link).for_each(|message| show(ctx, &message, memory.link, |_| {}));
    }
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    ctx.flush();
    Ok(())
}

/// Shows the port that a message tells of, unless it is filtered out. `before` puts something in front.
pub(super) fn show(
    ctx: &mut Context<'_>,
    message: &Message<'_>,
    filter: u32,
    before: impl FnOnce(&mut Context<'_>),
) {
    let Some(info) = Ifinfo::decode(message) else { return };
    if !matches!(info.family, AF_BRIDGE | AF_UNSPEC) || (filter != 0 && filter != info.ifindex as u32) {
        return;
    }
    let tb = Tb::read(message.attrs(Ifinfo::SIZE));
    let Some(name) = name(ctx, &info, &tb) else { return };
    before(ctx);
    ctx.sink.open_object("");
    if message.header.kind == RTM_DELLINK {
        ctx.sink.boolean("deleted", true, "Deleted ", "");
    }
    ctx.sink.int("ifindex", "", i64::from(info.ifindex), ": ");
    let lower_down = show_name(ctx, &tb, &name, |name| format!("{name}: "));
    show_flags(&mut ctx.sink, info.flags, lower_down);
    if let Some(mtu) = tb.u32(IFLA_MTU) {
        // A number over 2^31 is negative in JSON, as in the tool.
        let mtu = if ctx.sink.json() { i64::from(mtu as i32) } else { i64::from(mtu) };
        ctx.sink.int("mtu", "mtu ", mtu, " ");
    }
    if let Some(master) = tb.u32(IFLA_MASTER) {
        let master = ctx.session.name(master);
        ctx.sink.string("master", "master ", &master, " ");
    }
    if let Some(attr) = tb.get(IFLA_PROTINFO) {
        show_port(&mut ctx.scene(), &attr);
    }
    if let Some(attr) = tb.get(IFLA_AF_SPEC) {
        IFLA_BRIDGE.show(&mut ctx.scene(), &Tb::read(attr.attrs()));
    }
    ctx.sink.text("\n");
    ctx.sink.close_object();
}

/// What the bridge keeps of the port; old kernels tell of nothing but the state.
fn show_port(scene: &mut Scene<'_>, attr: &Attr<'_>) {
    if !attr.nested {
        return show_port_state(scene, attr.u8());
    }
    let tb = Tb::read(attr.attrs());
    PORT.show(scene, &tb);
    if scene.sink.format.details > 0 {
        scene.sink.line();
        scene.sink.text("    ");
        PORT_DETAILS.show(scene, &tb);
    }
}

/// What the words of `set` said.
#[derive(Default)]
struct Change<'w> {
    device: Option<&'w str>,
    /// Attributes and values, each once.
    values: Vec<(u16, Option<u32>)>,
    flags: u16,
    mode: Option<u16>,
}

fn set(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let change = read(ctx, &mut Words::new(words))?;
    let name = change.device.ok_or_else(|| fail("Device is a required argument.\n"))?;
    let ifindex = bridge_device(ctx, name)? as i32;
    let mut body = Builder::new();
    Ifinfo { family: AF_BRIDGE, ifindex, ..Ifinfo::default() }.encode(&mut body);
    let nest = body.nest(IFLA_PROTINFO | NESTED);
    for (_, number, reads) in SETTINGS {
        let value = change.values.iter().find(|(other, _)| other == number).and_then(|(_, value)| *value);
        match (value, reads) {
            (None, _) | (_, Reads::NoLink) => {}
            (Some(value), Reads::Switch | Reads::Byte | Reads::State) => body.u8(*number, value as u8),
            (Some(value), Reads::Short) => body.u16(*number, value as u16),
            (Some(value), Reads::Cost | Reads::Link) => body.u32(*number, value),
        }
    }
    body.end(nest);
    if change.mode.is_some() || change.flags > 0 {
        let nest = body.nest(IFLA_AF_SPEC);
        if change.flags > 0 {
            body.u16(IFLA_BRIDGE_FLAGS, change.flags);
        }
        if let Some(mode) = change.mode {
            body.u16(IFLA_BRIDGE_MODE, mode);
        }
        body.end(nest);
    }
    talk(ctx, RTM_SETLINK, 0, &body)
}

fn read<'w>(ctx: &mut Context<'_>, words: &mut Words<'w>) -> Result<Change<'w>, Stop> {
    let mut change = Change::default();
    while let Some(word) = words.take() {
        match word {
            "dev" => change.device = Some(words.value()?),
            "hwmode" => {
                change.flags = BRIDGE_FLAGS_SELF;
                change.mode = Some(match words.value()? {
                    "vepa" => BRIDGE_MODE_VEPA,
                    "veb" => BRIDGE_MODE_VEB,
                    _ => return Err(fail("Mode argument must be \"vepa\" or \"veb\".\n")),
                });
            }
            "self" => change.flags |= BRIDGE_FLAGS_SELF,
            "master" => change.flags |= BRIDGE_FLAGS_MASTER,
            _ => {
                let row = SETTINGS.iter().find(|(setting, _, _)| *setting == word);
                let (word, number, reads) = row.ok_or_else(|| Stop::exit(USAGE))?;
                let value = reads.read(ctx, word, words)?;
                change.values.retain(|(other, _)| other != number);
                change.values.push((*number, value));
            }
        }
    }
    Ok(change)
}

impl Reads {
    /// Reads a value; none if it is not to be sent.
    fn read(self, ctx: &mut Context<'_>, word: &str, words: &mut Words<'_>) -> Result<Option<u32>, Stop> {
        if matches!(self, Reads::NoLink) {
            return Ok(Some(0));
        }
        let text = words.value()?;
        Ok(match self {
            Reads::Switch => {
                let place = one_of(word, OFF_ON, text).map_err(|stop| Stop { status: BAD_SWITCH, ..stop })?;
                Some(place as u32)
            }
            Reads::Byte => u32::try_from(atoi(text) as i8).ok(),
            Reads::Short => u32::try_from(atoi(text) as i16).ok(),
            Reads::Cost => Some(atoi(text) as u32).filter(|cost| *cost > 0),
            Reads::State => {
                let state = state_number(text).ok_or_else(|| fail("Error: invalid STP port state\n"))?;
                u32::try_from(state as i8).ok()
            }
            Reads::Link | Reads::NoLink => {
                let missing = || fail(format!("Error: device {text} does not exist\n"));
                Some(ctx.links().index(text).ok_or_else(missing)?)
            }
        })
    }
}
