//! A link as `ip link` shows it: in full, in details, brief, and as JSON.
//!
//! The order is the tool's and not the attributes'. What belongs to a kind is shown from the kind's table. The same
//! function shows what a monitor hears; there a few things are left out that only a listing shows.
//! Left out: lists of virtual functions, and attached XDP programs.

use crate::context::{AF_INET6, AF_PACKET, Context};
use crate::link_stats::Stats;
use crate::lladdr::{address_text, type_name};
use crate::session::is_ifname;
use rtnl::attr::{Attrs, Builder};
use rtnl::client::Links;
use rtnl::message::{Message, Messages};
use rtnl::object::link::*;
use rtnl::show::Scene;
use rtnl::sink::{Colour, Sink};
use rtnl::table::Tb;

/// Which links are shown, and as part of what.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this link; 0 is any.
    pub ifindex: u32,
    /// Only links that are up.
    pub up: bool,
    /// None at all: labels belong to addresses.
    pub labelled: bool,
    /// Only members of this group.
    pub group: Option<u32>,
    /// Only ports of this master; -1, those without a master, is the kernel's to filter.
    pub master: Option<i32>,
    /// Only links of this kind.
    pub kind: Option<String>,
    /// Only ports of a master of this kind.
    pub port_kind: Option<String>,
    /// The family that is listed.
    pub family: u8,
    /// This is `ip link`, and not a monitor or `ip address`.
    pub listing: bool,
    /// The queue's length is shown.
    pub queue: bool,
}

/// The flags that have names, in the order in which they are shown.
const FLAGS: &[(&str, u32)] = &[
    ("LOOPBACK", IFF_LOOPBACK),
    ("BROADCAST", IFF_BROADCAST),
    ("POINTOPOINT", IFF_POINTOPOINT),
    ("MULTICAST", IFF_MULTICAST),
    ("NOARP", IFF_NOARP),
    ("ALLMULTI", IFF_ALLMULTI),
    ("PROMISC", IFF_PROMISC),
    ("MASTER", IFF_MASTER),
    ("SLAVE", IFF_SLAVE),
    ("DEBUG", IFF_DEBUG),
    ("DYNAMIC", IFF_DYNAMIC),
    ("AUTOMEDIA", IFF_AUTOMEDIA),
    ("PORTSEL", IFF_PORTSEL),
    ("NOTRAILERS", IFF_NOTRAILERS),
    ("UP", IFF_UP),
    ("LOWER_UP", IFF_LOWER_UP),
    ("DORMANT", IFF_DORMANT),
    ("ECHO", IFF_ECHO),
];

const OPERSTATES: [&str; 7] = ["UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"];
const LINK_MODES: [&str; 2] = ["DEFAULT", "DORMANT"];
const EVENTS: [&str; 7] =
    ["NONE", "REBOOT", "FEATURE CHANGE", "BONDING FAILOVER", "NOTIFY PEERS", "RESEND IGMP", "BONDING OPTION"];
const ADDRESS_MODES: [&str; 4] = ["eui64", "none", "stable_secret", "random"];

/// Inside `IFLA_AF_SPEC` of IPv6: how link-local addresses are made.
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
/// Inside `IFLA_PROTO_DOWN_REASON`: the reasons as bits.
const IFLA_PROTO_DOWN_REASON_VALUE: u16 = 2;

/// Numbers among the details: attribute, key in JSON, what stands before the number. They stand behind what the
/// kind shows.
const NUMBERS: &[(u16, &str, &str)] = &[
    (IFLA_NUM_TX_QUEUES, "num_tx_queues", "numtxqueues "),
    (IFLA_NUM_RX_QUEUES, "num_rx_queues", "numrxqueues "),
    (IFLA_GSO_MAX_SIZE, "gso_max_size", "gso_max_size "),
    (IFLA_GSO_MAX_SEGS, "gso_max_segs", "gso_max_segs "),
    (IFLA_TSO_MAX_SIZE, "tso_max_size", "tso_max_size "),
    (IFLA_TSO_MAX_SEGS, "tso_max_segs", "tso_max_segs "),
    (IFLA_GRO_MAX_SIZE, "gro_max_size", "gro_max_size "),
];

/// Numbers among the details that stand before what the kind shows.
const LIMITS: &[(u16, &str, &str)] = &[
    (IFLA_PROMISCUITY, "promiscuity", " promiscuity "),
    (IFLA_ALLMULTI, "allmulti", " allmulti "),
    (IFLA_MIN_MTU, "min_mtu", "minmtu "),
    (IFLA_MAX_MTU, "max_mtu", "maxmtu "),
];

/// Shows the link that a message tells of. Says whether it was shown, or filtered out.
pub fn show(ctx: &mut Context<'_>, message: &Message<'_>, filter: &Filter) -> bool {
    let Some(info) = Ifinfo::decode(message) else { return false };
    let tb = Tb::read(message.attrs(Ifinfo::SIZE));
    if !filter.early(&info) {
        return false;
    }
    let Some(name) = name(ctx, &info, &tb) else { return false };
    if filter.labelled || !filter.late(&tb) {
        return false;
    }
    if message.header.kind == RTM_DELLINK {
        ctx.sink.boolean("deleted", true, "Deleted ", "");
    }
    if ctx.sink.format.brief {
        show_brief(ctx, &info, &tb, &name, filter);
        return true;
    }
    ctx.sink.int("ifindex", "", i64::from(info.ifindex), ": ");
    show_head(ctx, &info, &tb, &name, filter);
    let details = ctx.sink.format.details > 0;
    if filter.family == 0 || filter.family == AF_PACKET || details {
        show_addresses(ctx, &info, &tb);
    }
    show_namespaces(ctx, &tb);
    show_proto_down(&mut ctx.sink, &tb);
    if details {
        show_details(ctx, &tb, filter);
    }
    if let Some(alias) = tb.get(IFLA_IFALIAS).filter(|_| filter.listing || details) {
        ctx.sink.line();
        ctx.sink.string("ifalias", "    alias ", &alias.text(), "");
    }
    if filter.listing && ctx.sink.format.statistics > 0 {
        ctx.sink.line();
        if let Some(stats) = Stats::read(&tb) {
            stats.show(&mut ctx.sink);
        }
    }
    show_altnames(&mut ctx.sink, &tb);
    ctx.sink.text("\n");
    true
}

impl Filter {
    /// What is looked at before the link's name.
    fn early(&self, info: &Ifinfo) -> bool {
        let is_it = self.ifindex == 0 || self.ifindex == info.ifindex as u32;
        is_it && (!self.up || info.flags & IFF_UP != 0)
    }

    /// What is looked at behind it.
    fn late(&self, tb: &Tb<'_>) -> bool {
        let group = tb.u32(IFLA_GROUP);
        if group.is_some_and(|group| self.group.is_some_and(|wanted| wanted != group)) {
            return false;
        }
        if self.master.is_some_and(|master| master > 0 && tb.i32(IFLA_MASTER) != Some(master)) {
            return false;
        }
        let is_of = |kind: &Option<String>, attribute| match kind {
            Some(_) if !tb.has(IFLA_LINKINFO) => false,
            Some(kind) => tb.nest(IFLA_LINKINFO).string(attribute).unwrap_or(b"") == kind.as_bytes(),
            None => true,
        };
        is_of(&self.kind, IFLA_INFO_KIND) && is_of(&self.port_kind, IFLA_INFO_SLAVE_KIND)
    }
}

/// The link's name; none if it is none that a link can have.
pub(crate) fn name(ctx: &mut Context<'_>, info: &Ifinfo, tb: &Tb<'_>) -> Option<String> {
    let name = match tb.get(IFLA_IFNAME) {
        Some(attr) => attr.text().into_owned(),
        None => {
            let complaint = format!("BUG: device with ifindex {} has nil ifname\n", info.ifindex);
            ctx.host.err(&complaint);
            format!("if{}", info.ifindex)
        }
    };
    is_ifname(&name).then_some(name)
}

/// The name with what it stands on, `v0@if7`, formatted by `form`. Says whether that is down.
pub(crate) fn show_name(ctx: &mut Context<'_>, tb: &Tb<'_>, name: &str, form: fn(&str) -> String) -> bool {
    let mut down = false;
    let mut lower = None;
    match tb.u32(IFLA_LINK) {
        None => {}
        Some(0) if ctx.sink.json() => ctx.sink.null("link", ""),
        Some(0) => lower = Some("NONE".into()),
        Some(index) if tb.has(IFLA_LINK_NETNSID) && ctx.sink.json() => {
            ctx.sink.int("link_index", "", i64::from(index as i32), "");
        }
        Some(index) if tb.has(IFLA_LINK_NETNSID) => lower = Some(format!("if{index}")),
        Some(index) => {
            let link = ctx.session.name(index);
            down = ctx.session.flags(index).is_some_and(|flags| flags & IFF_UP == 0);
            if ctx.sink.json() {
                ctx.sink.string("link", "", &link, "");
            } else {
                lower = Some(link);
            }
        }
    }
    let full = lower.map_or_else(|| name.into(), |lower| format!("{name}@{lower}"));
    ctx.sink.coloured_text(Colour::Ifname, "ifname", &full, &form(&full));
    down
}

pub(crate) fn show_flags(sink: &mut Sink, mut flags: u32, lower_down: bool) {
    sink.open_array("flags", "<");
    let comma = |rest| if rest != 0 { "," } else { "" };
    if flags & IFF_UP != 0 && flags & IFF_RUNNING == 0 {
        sink.string("", "", "NO-CARRIER", ",");
    }
    flags &= !IFF_RUNNING;
    for (name, flag) in FLAGS {
        if flags & flag != 0 {
            flags &= !flag;
            sink.string("", "", name, comma(flags));
        }
    }
    if flags != 0 {
        sink.hex("", "", u64::from(flags), "");
    }
    if lower_down {
        sink.string("", ",", "M-DOWN", "");
    }
    sink.close_array("> ");
}

fn show_operstate(sink: &mut Sink, state: u8) {
    let Some(name) = OPERSTATES.get(usize::from(state)) else {
        // A number that has no name: a number in JSON and hexadecimal else.
        sink.text(&format!("state {state:#x}"));
        if sink.json() {
            sink.uint("operstate_index", "", u64::from(state), "");
        }
        return;
    };
    let colour = match *name {
        "UP" => Colour::OperstateUp,
        "DOWN" => Colour::OperstateDown,
        _ => Colour::None,
    };
    if sink.format.brief {
        sink.coloured_text(colour, "operstate", name, &format!("{name:<14} "));
    } else {
        sink.text("state ");
        sink.coloured_text(colour, "operstate", name, &format!("{name} "));
    }
}

fn show_brief(ctx: &mut Context<'_>, info: &Ifinfo, tb: &Tb<'_>, name: &str, filter: &Filter) {
    // The width counts bytes, as C's `printf` does.
    let padded = |name: &str| format!("{name}{:1$} ", "", 16usize.saturating_sub(name.len()));
    let lower_down = show_name(ctx, tb, name, padded);
    if let Some(state) = tb.u8(IFLA_OPERSTATE) {
        show_operstate(&mut ctx.sink, state);
    }
    if filter.family != AF_PACKET {
        return;
    }
    if let Some(address) = tb.get(IFLA_ADDRESS) {
        let text = address_text(address.payload, info.kind);
        ctx.sink.coloured_text(Colour::Mac, "address", &text, &format!("{text} "));
    }
    show_flags(&mut ctx.sink, info.flags, lower_down);
    ctx.sink.text("\n");
}

/// The first line behind the index.
fn show_head(ctx: &mut Context<'_>, info: &Ifinfo, tb: &Tb<'_>, name: &str, filter: &Filter) {
    let lower_down = show_name(ctx, tb, name, |name| format!("{name}: "));
    show_flags(&mut ctx.sink, info.flags, lower_down);
    if let Some(mtu) = tb.u32(IFLA_MTU) {
        // A number over 2^31 is negative in JSON, as in the tool.
        let mtu = if ctx.sink.json() { i64::from(mtu as i32) } else { i64::from(mtu) };
        ctx.sink.int("mtu", "mtu ", mtu, " ");
    }
    if let Some(qdisc) = tb.get(IFLA_QDISC) {
        ctx.sink.string("qdisc", "qdisc ", &qdisc.text(), " ");
    }
    if let Some(master) = tb.u32(IFLA_MASTER) {
        let master = ctx.session.name(master);
        ctx.sink.string("master", "master ", &master, " ");
    }
    let length = if filter.queue { queue_length(ctx, info, tb) } else { None };
    let sink = &mut ctx.sink;
    if let Some(state) = tb.u8(IFLA_OPERSTATE) {
        show_operstate(sink, state);
    }
    if let Some(mode) = tb.u8(IFLA_LINKMODE).filter(|_| filter.listing) {
        match LINK_MODES.get(usize::from(mode)) {
            Some(name) => sink.string("linkmode", "mode ", name, " "),
            None => sink.uint("linkmode_index", "mode ", u64::from(mode), " "),
        }
    }
    if let Some(group) = tb.i32(IFLA_GROUP) {
        let named = group == 0 && !sink.format.numeric;
        let text = if named { "default".into() } else { group.to_string() };
        sink.string("group", "group ", &text, " ");
    }
    if let Some(length) = length.filter(|length| *length != 0) {
        sink.int("txqlen", "qlen ", i64::from(length), "");
    }
    match tb.u32(IFLA_EVENT).map(|event| (event, EVENTS.get(event as usize))) {
        None | Some((0, _)) => {}
        Some((_, Some(name))) => sink.string("event", "event ", name, " "),
        Some((event, None)) => sink.int("event", "event ", i64::from(event as i32), " "),
    }
}

/// The queue's length. What a dump of IPv6 tells of a link lacks it, so that it is asked for.
fn queue_length(ctx: &mut Context<'_>, info: &Ifinfo, tb: &Tb<'_>) -> Option<i32> {
    if let Some(length) = tb.i32(IFLA_TXQLEN) {
        return Some(length);
    }
    let mut body = Builder::new();
    Ifinfo { ifindex: info.ifindex, ..Ifinfo::default() }.encode(&mut body);
    body.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    let answer = ctx.session.client(|client| client.ask(RTM_GETLINK, 0, &body.bytes)).ok()?;
    Messages(&answer).next()?.attrs(Ifinfo::SIZE).find(IFLA_TXQLEN).map(|attr| attr.i32())
}

/// The second line: the type of the link and its addresses.
fn show_addresses(ctx: &mut Context<'_>, info: &Ifinfo, tb: &Tb<'_>) {
    let sink = &mut ctx.sink;
    sink.line();
    sink.string("link_type", "    link/", &type_name(info.kind, sink.format.numeric), " ");
    let text = |bytes: &[u8]| address_text(bytes, info.kind);
    let address = tb.get(IFLA_ADDRESS);
    if let Some(address) = address {
        sink.coloured_string(Colour::Mac, "address", "", &text(address.payload), "");
    }
    if let Some(broadcast) = tb.get(IFLA_BROADCAST) {
        if info.flags & IFF_POINTOPOINT != 0 {
            sink.boolean("link_pointtopoint", true, " peer ", "");
        } else {
            sink.text(" brd ");
        }
        sink.coloured_string(Colour::Mac, "broadcast", "", &text(broadcast.payload), "");
    }
    if let Some(permanent) = tb.get(IFLA_PERM_ADDRESS) {
        if address.is_none_or(|address| address.payload != permanent.payload) {
            sink.coloured_string(Colour::Mac, "permaddr", " permaddr ", &text(permanent.payload), "");
        }
    }
}

/// Where the other end is, and where the link went.
fn show_namespaces(ctx: &mut Context<'_>, tb: &Tb<'_>) {
    if let Some(id) = tb.i32(IFLA_LINK_NETNSID) {
        if ctx.sink.json() {
            ctx.sink.int("link_netnsid", "", i64::from(id), "");
        } else if id < 0 {
            ctx.sink.text(" link-netnsid unknown");
        } else {
            let text = namespace(ctx, "link", id);
            ctx.sink.text(&text);
        }
    }
    if let Some(id) = tb.i32(IFLA_NEW_NETNSID) {
        let text = namespace(ctx, "new", id);
        ctx.sink.text(&text);
    }
    if let Some(index) = tb.i32(IFLA_NEW_IFINDEX) {
        ctx.sink.text(&format!(" new-ifindex {index}"));
    }
}

/// A namespace by its name if it has one, else by its identifier.
fn namespace(ctx: &mut Context<'_>, what: &str, id: i32) -> String {
    match ctx.nsid_name(id) {
        Some(name) => format!(" {what}-netns {name}"),
        None => format!(" {what}-netnsid {id}"),
    }
}

fn show_proto_down(sink: &mut Sink, tb: &Tb<'_>) {
    let Some(down) = tb.u8(IFLA_PROTO_DOWN) else { return };
    if down != 0 {
        sink.boolean("proto_down", true, " protodown on ", "");
    }
    // The tool asks for a broadcast address where it means the reason's value; a link without one shows no reason.
    if !tb.has(IFLA_PROTO_DOWN_REASON) || !tb.has(IFLA_BROADCAST) {
        return;
    }
    let reasons = tb.nest(IFLA_PROTO_DOWN_REASON).u8(IFLA_PROTO_DOWN_REASON_VALUE).unwrap_or(0);
    if reasons == 0 {
        return;
    }
    sink.open_array("proto_down_reason", "protodown_reason <");
    let bits = (0..u8::BITS).filter(|bit| reasons & (1 << bit) != 0);
    for (at, bit) in bits.enumerate() {
        sink.string("", if at == 0 { "" } else { "," }, &bit.to_string(), "");
    }
    sink.close_array(">");
}

fn show_details(ctx: &mut Context<'_>, tb: &Tb<'_>, filter: &Filter) {
    show_numbers(&mut ctx.sink, tb, LIMITS);
    if tb.has(IFLA_LINKINFO) {
        show_kind(ctx, &tb.nest(IFLA_LINKINFO));
    }
    let sink = &mut ctx.sink;
    if filter.listing {
        show_address_mode(sink, tb);
    }
    show_numbers(sink, tb, NUMBERS);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if let Some(port) = tb.get(IFLA_PHYS_PORT_NAME) {
        sink.string("phys_port_name", "portname ", &port.text(), " ");
    }
    if let Some(port) = tb.get(IFLA_PHYS_PORT_ID) {
        sink.string("phys_port_id", "portid ", &hex(port.payload), " ");
    }
    if let Some(switch) = tb.get(IFLA_PHYS_SWITCH_ID) {
        sink.string("phys_switch_id", "switchid ", &hex(switch.payload), " ");
    }
    if let Some(bus) = tb.get(IFLA_PARENT_DEV_BUS_NAME) {
        sink.string("parentbus", "parentbus ", &bus.text(), " ");
    }
    if let Some(device) = tb.get(IFLA_PARENT_DEV_NAME) {
        sink.string("parentdev", "parentdev ", &device.text(), " ");
    }
}

fn show_numbers(sink: &mut Sink, tb: &Tb<'_>, rows: &[(u16, &str, &str)]) {
    for (attribute, key, before) in rows {
        if let Some(value) = tb.u32(*attribute) {
            sink.uint(key, before, u64::from(value), " ");
        }
    }
}

/// What the link is of, and what it is a port of.
fn show_kind(ctx: &mut Context<'_>, info: &Tb<'_>) {
    ctx.sink.open_object("linkinfo");
    if let Some(kind) = info.get(IFLA_INFO_KIND) {
        ctx.sink.line();
        ctx.sink.string("info_kind", "    ", &kind.text(), " ");
        show_data(&mut ctx.scene(), &kind.text(), info, IFLA_INFO_DATA, "info_data");
    }
    if let Some(kind) = info.get(IFLA_INFO_SLAVE_KIND) {
        ctx.sink.line();
        if ctx.sink.json() {
            ctx.sink.string("info_slave_kind", "", &kind.text(), "");
        } else {
            ctx.sink.text(&format!("    {}_slave ", kind.text()));
        }
        let port = format!("{}_slave", kind.text());
        show_data(&mut ctx.scene(), &port, info, IFLA_INFO_SLAVE_DATA, "info_slave_data");
    }
    ctx.sink.close_object();
}

fn show_data(scene: &mut Scene<'_>, kind: &str, info: &Tb<'_>, attribute: u16, key: &str) {
    let Some(show) = rtnl::kind::find(kind).and_then(|kind| kind.show) else { return };
    scene.sink.open_object(key);
    if let Some(data) = info.get(attribute) {
        show(scene, &Tb::read(data.attrs()));
    }
    scene.sink.close_object();
}

fn show_address_mode(sink: &mut Sink, tb: &Tb<'_>) {
    let spec = tb.get(IFLA_AF_SPEC).and_then(|spec| spec.attrs().find(u16::from(AF_INET6)));
    let Some(mode) = spec.and_then(|spec| find(spec.attrs(), IFLA_INET6_ADDR_GEN_MODE)) else { return };
    match ADDRESS_MODES.get(usize::from(mode)) {
        Some(name) => sink.string("inet6_addr_gen_mode", "addrgenmode ", name, " "),
        None => sink.string("inet6_addr_gen_mode", "addrgenmode ", &format!("{mode:#04x}"), " "),
    }
}

fn find(attrs: Attrs<'_>, number: u16) -> Option<u8> {
    attrs.find(number).map(|attr| attr.u8())
}

fn show_altnames(sink: &mut Sink, tb: &Tb<'_>) {
    let Some(list) = tb.get(IFLA_PROP_LIST) else { return };
    sink.open_array("altnames", "");
    for name in list.attrs().filter(|attr| attr.number == IFLA_ALT_IFNAME) {
        sink.line();
        sink.string("", "    altname ", &name.text(), "");
    }
    sink.close_array("");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Options;
    use crate::testing::TestHost;
    use rtnl::message::Header;
    use rtnl::sink::Format;

    fn message(kind: u16, flags: u32, fill: impl FnOnce(&mut Builder)) -> Vec<u8> {
        let mut out = Builder::new();
        let start = out.start(Header { kind, ..Header::default() });
        Ifinfo { kind: ARPHRD_ETHER, ifindex: 7, flags, ..Ifinfo::default() }.encode(&mut out);
        fill(&mut out);
        out.finish(start);
        out.bytes
    }

    fn shown(format: Format, listing: bool, bytes: &[u8]) -> String {
        let mut host = TestHost::default();
        let mut ctx = Context::new(&mut host, Options::default(), format).unwrap();
        let family = if listing { AF_PACKET } else { 0 };
        let filter = Filter { listing, queue: listing, family, ..Filter::default() };
        ctx.sink.open_object("");
        for message in Messages(bytes) {
            show(&mut ctx, &message, &filter);
        }
        ctx.sink.close_object();
        ctx.sink.take()
    }

    fn vlan(out: &mut Builder) {
        out.string(IFLA_IFNAME, b"v5");
        out.u32(IFLA_LINK, 10);
        out.u32(IFLA_MTU, 1500);
        out.u8(IFLA_OPERSTATE, 3);
        out.u8(IFLA_LINKMODE, 0);
        out.u32(IFLA_GROUP, 3);
        out.u32(IFLA_TXQLEN, 1000);
        out.put(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]);
        out.put(IFLA_PERM_ADDRESS, &[2, 0, 0, 0, 0, 2]);
        out.u32(IFLA_PROMISCUITY, 1);
        let info = out.nest(IFLA_LINKINFO);
        out.string(IFLA_INFO_KIND, b"dummy");
        out.string(IFLA_INFO_SLAVE_KIND, b"nosuch");
        out.end(info);
        out.string(IFLA_IFALIAS, b"an alias");
        let list = out.nest(IFLA_PROP_LIST);
        out.string(IFLA_ALT_IFNAME, b"other");
        out.end(list);
    }

    const HEAD: &str = "v5@d0: <NO-CARRIER,BROADCAST,UP,M-DOWN> mtu 1500 state LOWERLAYERDOWN ";

    #[test]
    fn a_listing_shows_more_than_a_monitor() {
        let bytes = message(RTM_NEWLINK, IFF_UP | IFF_BROADCAST, vlan);
        let details = Format { details: 1, ..Format::default() };
        let addresses = "link/ether 02:00:00:00:00:01 permaddr 02:00:00:00:00:02";
        let want = format!(
            "7: {HEAD}mode DEFAULT group 3 qlen 1000\n    {addresses} promiscuity 1 \n    dummy \n    nosuch_slave \n    alias an alias\n    altname other\n"
        );
        assert_eq!(shown(details, true, &bytes), want);
        let bytes = message(RTM_DELLINK, IFF_UP | IFF_BROADCAST, vlan);
        let want = format!("Deleted 7: {HEAD}group 3 \\    {addresses}\\    altname other\n");
        assert_eq!(shown(Format { oneline: true, ..Format::default() }, false, &bytes), want);
    }

    #[test]
    fn brief_and_json_are_of_the_same_link() {
        let bytes = message(RTM_NEWLINK, IFF_UP | IFF_RUNNING | 1 << 30, vlan);
        let brief = Format { brief: true, ..Format::default() };
        let want = "v5@d0            LOWERLAYERDOWN 02:00:00:00:00:01 <UP,40000000,M-DOWN> \n";
        assert_eq!(shown(brief.clone(), true, &bytes), want);
        let want = "{\"link\":\"d0\",\"ifname\":\"v5\",\"operstate\":\"LOWERLAYERDOWN\",\"address\":\"02:00:00:00:00:01\",\"flags\":[\"UP\",\"40000000\",\"M-DOWN\"]}";
        assert_eq!(shown(Format { json: true, ..brief }, true, &bytes), want);
    }

    #[test]
    fn no_message_is_too_strange() {
        let mut seed = 1u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as u8
        };
        for round in 0..2000 {
            let bytes = message(RTM_NEWLINK, round, |out| {
                out.string(IFLA_IFNAME, b"x");
                for number in 4..62 {
                    let payload: Vec<u8> = (0..next() % 24).map(|_| next()).collect();
                    out.put(number, &payload);
                }
            });
            let format = Format { details: 1, statistics: 2, json: round % 2 == 0, ..Format::default() };
            shown(format, true, &bytes);
        }
    }
}
