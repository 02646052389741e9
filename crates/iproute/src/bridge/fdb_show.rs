//! `bridge fdb show`: entries of learning tables, also as `get` and a monitor show them.

use super::{Memory, atoi, bridge_device, device, dump, fdb};
use crate::context::{AF_BRIDGE, AF_INET, AF_INET6, Context};
use rtnl::attr::Builder;
use rtnl::client::Links;
use rtnl::message::{Message, Messages};
use rtnl::object::fdb::{FLAGS, state_number, state_text};
use rtnl::object::neigh::*;
use rtnl::prefix::{attr_text, colour};
use rtnl::sink::{Colour, Sink, mac_text};
use rtnl::table::Tb;
use rtnl::words::{Stop, Words, matches};

/// The kernel's clocks tick so often a second where users see them.
const USER_HZ: u32 = 100;

/// Which entries are shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filter {
    /// Only those of this link; 0 is any.
    ifindex: u32,
    /// Only those of this VLAN; 0 is any.
    vid: u32,
    /// Only those in one of these states; 0 is any.
    state: u32,
    /// None that is permanent.
    pub(super) dynamic: bool,
}

/// Runs the words behind `bridge fdb show`.
pub(super) fn list(ctx: &mut Context<'_>, memory: &mut Memory, words: &[String]) -> Result<(), Stop> {
    let filter = &mut memory.fdb;
    let (port, bridge) = read(&mut Words::new(words), filter)?;
    let master = bridge.map(|name| bridge_device(ctx, name)).transpose()?;
    if let Some(name) = port {
        filter.ifindex = device(ctx, name)?;
    }
    let mut body = Builder::new();
    Ndmsg { family: AF_BRIDGE, ifindex: filter.ifindex, ..Ndmsg::default() }.encode(&mut body);
    if let Some(master) = master {
        body.u32(NDA_MASTER, master);
    }
    let entries = dump(ctx, RTM_GETNEIGH, &body)?;
    ctx.sink.open_array("", "");
    for entry in &entries {
        Messages(entry).for_each(|message| show(ctx, &message, filter, |_| {}));
    }
    ctx.sink.close_array("");
    ctx.sink.finish_json();
    ctx.flush();
    Ok(())
}

/// Reads the words; gives the names of the port and of the bridge.
fn read<'w>(words: &mut Words<'w>, filter: &mut Filter) -> Result<(Option<&'w str>, Option<&'w str>), Stop> {
    let (mut port, mut bridge) = (None, None);
    while let Some(word) = words.take() {
        match word {
            "brport" | "dev" => port = Some(words.value()?),
            "br" => bridge = Some(words.value()?),
            "vlan" => {
                let value = words.value()?;
                if filter.vid != 0 {
                    return Err(Stop::duplicate("vlan", value));
                }
                filter.vid = atoi(value) as u32;
            }
            "state" => {
                let value = words.value()?;
                filter.state |= state_number(value).ok_or_else(|| Stop::invalid("invalid state", value))?;
            }
            "dynamic" => filter.dynamic = true,
            _ if matches(word, "help") => return Err(fdb::usage()),
            _ => {}
        }
    }
    Ok((port, bridge))
}

impl Filter {
    fn passes(&self, head: &Ndmsg, vid: u16) -> bool {
        (self.ifindex == 0 || self.ifindex == head.ifindex)
            && (self.state == 0 || u32::from(head.state) & self.state != 0)
            && (self.vid == 0 || self.vid == u32::from(vid))
            && !(self.dynamic && head.state & NUD_PERMANENT != 0)
    }
}

/// Shows the entry that a message tells of, unless it is filtered out. `before` puts something in front.
pub(super) fn show(
    ctx: &mut Context<'_>,
    message: &Message<'_>,
    filter: &Filter,
    before: impl FnOnce(&mut Context<'_>),
) {
    let Some(head) = Ndmsg::decode(message).filter(|head| head.family == AF_BRIDGE) else { return };
    let tb = Tb::read(message.attrs(Ndmsg::SIZE));
    let vid = tb.u16(NDA_VLAN).unwrap_or(0);
    if !filter.passes(&head, vid) {
        return;
    }
    before(ctx);
    ctx.sink.open_object("");
    if message.header.kind == RTM_DELNEIGH {
        ctx.sink.boolean("deleted", true, "Deleted ", "");
    }
    show_where(ctx, &head, &tb, filter);
    if vid != 0 {
        ctx.sink.uint("vlan", "vlan ", u64::from(vid), " ");
    }
    show_tunnel(ctx, &tb);
    if let Some(info) = tb.get(NDA_CACHEINFO).filter(|_| ctx.sink.format.statistics > 0) {
        show_ages(&mut ctx.sink, &Cacheinfo::decode(&info));
    }
    show_flags(&mut ctx.sink, head.flags);
    if let Some(master) = tb.u32(NDA_MASTER) {
        let master = ctx.session.name(master);
        ctx.sink.string("master", "master ", &master, " ");
    }
    ctx.sink.string("state", "", &state_text(head.state), "\n");
    ctx.sink.close_object();
}

/// The address, the link unless only one is shown, and the far end of a tunnel.
fn show_where(ctx: &mut Context<'_>, head: &Ndmsg, tb: &Tb<'_>, filter: &Filter) {
    if let Some(address) = tb.get(NDA_LLADDR) {
        let text = mac_text(address.payload);
        ctx.sink.coloured_text(Colour::Mac, "mac", &text, &format!("{text} "));
    }
    if filter.ifindex == 0 && head.ifindex != 0 {
        let name = ctx.session.name(head.ifindex);
        ctx.sink.text("dev ");
        ctx.sink.coloured_text(Colour::Ifname, "ifname", &name, &format!("{name} "));
    }
    if let Some(destination) = tb.get(NDA_DST) {
        let family = if destination.payload.len() == 16 { AF_INET6 } else { AF_INET };
        let text = attr_text(family, &destination);
        ctx.sink.text("dst ");
        ctx.sink.coloured_text(colour(family), "dst", &text, &format!("{text} "));
    }
}

fn show_tunnel(ctx: &mut Context<'_>, tb: &Tb<'_>) {
    if let Some(port) = tb.u16_be(NDA_PORT) {
        ctx.sink.uint("port", "port ", u64::from(port), " ");
    }
    if let Some(vni) = tb.u32(NDA_VNI) {
        ctx.sink.uint("vni", "vni ", u64::from(vni), " ");
    }
    if let Some(vni) = tb.u32(NDA_SRC_VNI) {
        ctx.sink.uint("src_vni", "src_vni ", u64::from(vni), " ");
    }
    let netns = tb.u32(NDA_LINK_NETNSID);
    match (tb.u32(NDA_IFINDEX), netns) {
        (Some(ifindex), Some(_)) => {
            ctx.sink.uint("viaIfIndex", "via ifindex ", u64::from(ifindex), " ");
        }
        (Some(ifindex), None) => {
            let name = ctx.session.name(ifindex);
            ctx.sink.string("viaIf", "via ", &name, " ");
        }
        (None, _) => {}
    }
    if let Some(id) = tb.u32(NDA_NH_ID) {
        ctx.sink.uint("nhid", "nhid ", u64::from(id), " ");
    }
    match netns {
        Some(netns) if ctx.sink.json() => ctx.sink.uint("linkNetNsId", "", u64::from(netns), ""),
        // The tool takes the number for signed in text only.
        Some(netns) => ctx.sink.int("linkNetNsId", "link-netnsid ", i64::from(netns as i32), " "),
        None => {}
    }
}

fn show_ages(sink: &mut Sink, info: &Cacheinfo) {
    let (used, updated) = (info.used / USER_HZ, info.updated / USER_HZ);
    sink.uint("used", "used ", u64::from(used), "/");
    sink.uint("updated", "", u64::from(updated), " ");
}

fn show_flags(sink: &mut Sink, flags: u8) {
    sink.open_array("flags", "");
    for (flag, name) in FLAGS {
        if flags & flag != 0 {
            sink.string("", "", name, " ");
        }
    }
    sink.close_array("");
}
