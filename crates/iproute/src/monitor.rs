//! `ip monitor`: prints what the kernel tells of changes, for as long as the host lets it wait.
//!
//! Events come on a channel of their own, so that questions (what is the name of index 7?) lose none. Names of links
//! and namespaces are read once at the start and then kept by what the events say, so a name that is gone when its
//! last event is read still shows. Output is text whatever the options say, as in the tool.
//! Left out: routes of multicast, next hops and statistics; without a word the tool watches these too.

use crate::context::{AF_INET, AF_INET6, AF_MPLS, AF_UNSPEC, Context, unheard_text};
use crate::link_show::{Filter, show};
use crate::netns::show_nsid;
use crate::time::stamp;
use crate::{address, neighbour, netconf, route, rule};
use rtnl::attr::align;
use rtnl::client::Channel;
use rtnl::errno::Errno;
use rtnl::message::{HEADER, Message, Messages, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP};
use rtnl::object::addr::{Ifaddr, RTM_DELADDR, RTM_NEWADDR, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR};
use rtnl::object::link::{RTM_DELLINK, RTM_NEWLINK, RTNLGRP_LINK};
use rtnl::object::neigh::{Ndmsg, RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH, RTNLGRP_NEIGH};
use rtnl::object::netconf::{
    RTM_DELNETCONF, RTM_NEWNETCONF, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, RTNLGRP_MPLS_NETCONF,
};
use rtnl::object::netns::{RTM_DELNSID, RTM_NEWNSID, RTNLGRP_NSID};
use rtnl::object::prefix::*;
use rtnl::object::route::{
    RTM_DELROUTE, RTM_F_CLONED, RTM_NEWROUTE, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_MPLS_ROUTE,
    Rtmsg,
};
use rtnl::object::rule::{RTM_DELRULE, RTM_NEWRULE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE};
use rtnl::prefix::attr_text;
use rtnl::table::Tb;
use rtnl::words::{Matching, Stop, Words, matches};

/// The longest message that a file may hold.
const MESSAGE_MAX: usize = 16 << 10;

const USAGE: &str = "\
Usage: ip monitor [ all | OBJECTS ] [ FILE ] [ label ] [ all-nsid ]
                  [ dev DEVICE ]
OBJECTS :=  address | link | mroute | neigh | netconf |
            nexthop | nsid | prefix | route | rule | stats
FILE := file FILENAME
";

/// The type of the messages with which a recording tells the time.
const NLMSG_TSTAMP: u16 = 15;

/// What a word of the command line does.
#[derive(Clone, Copy)]
enum Does {
    File,
    Label,
    /// Watches multicast groups, each for a family or for any; none if the object is not built yet.
    Object(&'static [(u8, u32)]),
    /// Puts labels in front, whatever it watches.
    All,
    AllNsid,
    Help,
    Device,
}

const ADDRESSES: &[(u8, u32)] = &[(AF_INET, RTNLGRP_IPV4_IFADDR), (AF_INET6, RTNLGRP_IPV6_IFADDR)];
const ROUTES: &[(u8, u32)] =
    &[(AF_INET, RTNLGRP_IPV4_ROUTE), (AF_INET6, RTNLGRP_IPV6_ROUTE), (AF_MPLS, RTNLGRP_MPLS_ROUTE)];
const RULES: &[(u8, u32)] = &[(AF_INET, RTNLGRP_IPV4_RULE), (AF_INET6, RTNLGRP_IPV6_RULE)];
const SETTINGS: &[(u8, u32)] =
    &[(AF_INET, RTNLGRP_IPV4_NETCONF), (AF_INET6, RTNLGRP_IPV6_NETCONF), (AF_MPLS, RTNLGRP_MPLS_NETCONF)];

/// The words in the order in which they are tried.
static WORDS: &[(&str, Matching, Does)] = &[
    ("file", Matching::Prefix, Does::File),
    ("label", Matching::Prefix, Does::Label),
    ("link", Matching::Prefix, Does::Object(&[(AF_UNSPEC, RTNLGRP_LINK)])),
    ("address", Matching::Prefix, Does::Object(ADDRESSES)),
    ("route", Matching::Prefix, Does::Object(ROUTES)),
    ("mroute", Matching::Prefix, Does::Object(&[])),
    ("prefix", Matching::Prefix, Does::Object(&[(AF_INET6, RTNLGRP_IPV6_PREFIX)])),
    ("neigh", Matching::Prefix, Does::Object(&[(AF_UNSPEC, RTNLGRP_NEIGH)])),
    ("netconf", Matching::Prefix, Does::Object(SETTINGS)),
    ("rule", Matching::Prefix, Does::Object(RULES)),
    ("nsid", Matching::Prefix, Does::Object(&[(AF_UNSPEC, RTNLGRP_NSID)])),
    ("nexthop", Matching::Prefix, Does::Object(&[])),
    ("stats", Matching::Whole, Does::Object(&[])),
    ("all", Matching::Whole, Does::All),
    ("all-nsid", Matching::Prefix, Does::AllNsid),
    ("help", Matching::Prefix, Does::Help),
    ("dev", Matching::Whole, Does::Device),
];

/// What is watched, and how it is shown.
#[derive(Default)]
struct Watch<'w> {
    groups: Vec<u32>,
    file: Option<&'w str>,
    labels: bool,
    all_namespaces: bool,
    filter: Filter,
}

impl Watch<'_> {
    /// Watches those of the groups that are of a family; of any, if none is meant.
    fn add(&mut self, family: u8, groups: &[(u8, u32)]) {
        let is_meant = |of: u8| family == AF_UNSPEC || of == AF_UNSPEC || of == family;
        self.groups.extend(groups.iter().filter(|(of, _)| is_meant(*of)).map(|(_, group)| *group));
    }
}

/// Runs the words behind `ip monitor`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let mut watch = parse(ctx, &mut Words::new(words))?;
    ctx.sink.format.json = false;
    if let Some(file) = watch.file {
        return replay(ctx, file, &watch);
    }
    if watch.groups.is_empty() {
        for (_, _, does) in WORDS {
            if let Does::Object(groups) = does {
                watch.add(ctx.options.family, groups);
            }
        }
    }
    let mut ear = listen(ctx, &watch)?;
    learn(ctx)?;
    let mut datagram = Vec::new();
    loop {
        match ear.receive(&mut datagram) {
            Ok(()) => {
                let sender = watch.all_namespaces.then(|| ear.sender()).flatten();
                Messages(&datagram).for_each(|message| accept(ctx, &message, &watch, sender));
                ctx.flush();
            }
            Err(Errno::EAGAIN) => {
                if !ctx.host.wait() {
                    return Ok(());
                }
            }
            Err(errno) => {
                let complaint = unheard_text(errno);
                // An overrun loses events and nothing else; the kernel goes on with the next.
                if errno != Errno::ENOBUFS {
                    return Err(Stop::exit_with(2, complaint));
                }
                ctx.host.err(&complaint);
            }
        }
    }
}

fn parse<'w>(ctx: &mut Context<'_>, words: &mut Words<'w>) -> Result<Watch<'w>, Stop> {
    let mut watch = Watch::default();
    watch.filter.family = AF_UNSPEC;
    while let Some(typed) = words.take() {
        let row = WORDS.iter().find(|(word, matching, _)| match matching {
            Matching::Prefix => matches(typed, word),
            Matching::Whole => typed == *word,
        });
        let unknown = || format!("Argument \"{typed}\" is unknown, try \"ip monitor help\".\n");
        let (word, _, does) = row.ok_or_else(|| Stop::exit(unknown()))?;
        match does {
            Does::File => watch.file = Some(words.value()?),
            Does::Label | Does::All => watch.labels = true,
            Does::Object([]) => {
                return Err(Stop::fail(2, format!("netloom: \"ip monitor {word}\" is not built yet\n")));
            }
            Does::Object(groups) => watch.add(ctx.options.family, groups),
            Does::AllNsid => watch.all_namespaces = true,
            Does::Help => return Err(Stop::exit(USAGE)),
            Does::Device => {
                let name = words.value()?;
                let missing = || Stop::invalid("Device does not exist\n", name);
                watch.filter.ifindex = ctx.links().index(name).ok_or_else(missing)?;
            }
        }
    }
    Ok(watch)
}

/// Opens the channel on which events come.
fn listen(ctx: &mut Context<'_>, watch: &Watch<'_>) -> Result<Box<dyn Channel>, Stop> {
    let cannot = |errno: Errno| Stop::exit_with(1, format!("Cannot bind netlink socket: {errno}\n"));
    let mut ear = ctx.channel().map_err(cannot)?;
    for group in &watch.groups {
        ear.join(*group).map_err(cannot)?;
    }
    if watch.all_namespaces {
        let no = |errno| Stop::exit_with(1, format!("NETLINK_LISTEN_ALL_NSID: {errno}\n"));
        ear.listen_all().map_err(no)?;
    }
    Ok(ear)
}

/// Reads the names of links and namespaces.
fn learn(ctx: &mut Context<'_>) -> Result<(), Stop> {
    ctx.learn_links()?;
    ctx.learn_nsid_names();
    Ok(())
}

/// Shows one event. `sender` is the namespace it comes from, if that is asked: its identifier, none for our own.
fn accept(ctx: &mut Context<'_>, message: &Message<'_>, watch: &Watch<'_>, sender: Option<i32>) {
    match message.header.kind {
        RTM_NEWLINK | RTM_DELLINK => {
            // As in the tool, a link of another namespace is taken for one of ours with the same index.
            ctx.session.learn(message);
            show_headers(ctx, watch, "[LINK]", sender);
            show(ctx, message, &watch.filter);
        }
        RTM_NEWNSID | RTM_DELNSID => {
            show_headers(ctx, watch, "[NSID]", sender);
            show_nsid(ctx, message);
        }
        RTM_NEWADDR | RTM_DELADDR => accept_address(ctx, message, watch, sender),
        RTM_NEWROUTE | RTM_DELROUTE => accept_route(ctx, message, watch, sender),
        RTM_NEWNETCONF | RTM_DELNETCONF => {
            show_headers(ctx, watch, "[NETCONF]", sender);
            let (family, ifindex) = (ctx.options.family, watch.filter.ifindex);
            netconf::show(ctx, message, netconf::Filter { family, ifindex });
        }
        RTM_NEWPREFIX => {
            show_headers(ctx, watch, "[PREFIX]", sender);
            show_prefix(ctx, message);
        }
        RTM_NEWNEIGH | RTM_DELNEIGH | RTM_GETNEIGH => accept_neighbour(ctx, message, watch, sender),
        RTM_NEWRULE | RTM_DELRULE => {
            show_headers(ctx, watch, "[RULE]", sender);
            rule::show(ctx, message);
        }
        NLMSG_ERROR | NLMSG_NOOP | NLMSG_DONE | NLMSG_TSTAMP => {}
        kind => {
            let (flags, length) = (message.header.flags, message.bytes.len());
            ctx.host.err(&format!(
                "Unknown message: type=0x{kind:08x}({kind}) flags=0x{flags:08x}({flags}) len=0x{length:08x}({length})\n"
            ));
        }
    }
}

/// An address, with its link on the same line.
fn accept_address(ctx: &mut Context<'_>, message: &Message<'_>, watch: &Watch<'_>, sender: Option<i32>) {
    show_headers(ctx, watch, "[ADDR]", sender);
    let wanted = watch.filter.ifindex;
    if Ifaddr::decode(message).is_some_and(|info| wanted == 0 || wanted == info.ifindex) {
        address::show(ctx, message, true);
    }
}

/// A route; what a lookup left behind is passed over.
fn accept_route(ctx: &mut Context<'_>, message: &Message<'_>, watch: &Watch<'_>, sender: Option<i32>) {
    if Rtmsg::decode(message).is_none_or(|route| route.flags & RTM_F_CLONED != 0) {
        return;
    }
    show_headers(ctx, watch, "[ROUTE]", sender);
    let oif = Some(watch.filter.ifindex).filter(|ifindex| *ifindex != 0);
    let filter = route::Filter { family: ctx.options.family, oif, ..route::Filter::default() };
    if filter.takes(message, &mut route::Seen::default()) {
        route::show(ctx, message, &filter);
    }
}

fn accept_neighbour(ctx: &mut Context<'_>, message: &Message<'_>, watch: &Watch<'_>, sender: Option<i32>) {
    let family = ctx.options.family;
    if Ndmsg::decode(message).is_none_or(|head| family != AF_UNSPEC && head.family != family) {
        return;
    }
    show_headers(ctx, watch, "[NEIGH]", sender);
    let filter = neighbour::Filter { ifindex: watch.filter.ifindex, ..neighbour::Filter::default() };
    if filter.takes(message) {
        neighbour::show(ctx, message, &filter);
    }
}

/// A prefix that a router advertised.
fn show_prefix(ctx: &mut Context<'_>, message: &Message<'_>) {
    let Some(prefix) = Prefixmsg::decode(message) else { return };
    let family = ctx.options.family;
    if family != AF_UNSPEC && family != prefix.family {
        return;
    }
    if prefix.family != AF_INET6 {
        return ctx.host.err(&format!("incorrect protocol family: {}\n", prefix.family));
    }
    if prefix.kind != ND_OPT_PREFIX_INFORMATION {
        return ctx.host.err(&format!("wrong ND type {}\n", prefix.kind));
    }
    let tb = Tb::read(message.attrs(Prefixmsg::SIZE));
    if let Some(attr) = tb.get(PREFIX_ADDRESS) {
        // No blank behind the length: that is how the tool has it.
        ctx.sink.text(&format!("prefix {}/{}", attr_text(AF_INET6, &attr), prefix.length));
    }
    let name = ctx.links().name(prefix.ifindex as u32);
    ctx.sink.text(&format!("dev {name} "));
    for (flag, word) in [(IF_PREFIX_ONLINK, "onlink "), (IF_PREFIX_AUTOCONF, "autoconf ")] {
        ctx.sink.text(if prefix.flags & flag != 0 { word } else { "" });
    }
    if let Some(attr) = tb.get(PREFIX_CACHEINFO) {
        let Lifetimes { preferred, valid } = Lifetimes::decode(&attr);
        ctx.sink.text(&format!("valid {valid} preferred {preferred} "));
    }
    ctx.sink.text("\n");
}

/// What stands in front of an event: the time, the namespace, the label.
fn show_headers(ctx: &mut Context<'_>, watch: &Watch<'_>, label: &str, sender: Option<i32>) {
    if ctx.options.timestamp {
        let text = stamp(ctx.host.time_of_day(), ctx.options.timestamp_short);
        ctx.sink.text(&text);
    }
    if watch.all_namespaces {
        match sender {
            Some(nsid) => ctx.sink.text(&format!("[nsid {nsid}]")),
            None => ctx.sink.text("[nsid current]"),
        }
    }
    if watch.labels {
        ctx.sink.text(label);
    }
}

/// Shows the events in a file: messages as they came from the kernel.
fn replay(ctx: &mut Context<'_>, file: &str, watch: &Watch<'_>) -> Result<(), Stop> {
    let bytes = match ctx.host.read_file(file) {
        Ok(bytes) => bytes,
        Err(Errno::EISDIR) => {
            return Err(Stop::fail(1, format!("rtnl_from_file: fread: {}\n", Errno::EISDIR)));
        }
        Err(errno) => return Err(Stop::exit(format!("Cannot fopen: {errno}\n"))),
    };
    let mut at = 0;
    while at < bytes.len() {
        let whole = message_at(&bytes, at).map_err(|wrong| Stop::fail(1, wrong.text(at)))?;
        for message in Messages(whole) {
            accept(ctx, &message, watch, None);
        }
        at += whole.len();
    }
    Ok(())
}

/// What is wrong with a message in a file.
enum Wrong {
    /// The file ends in it.
    Cut,
    /// It has a length that none has.
    Length(i32),
}

impl Wrong {
    /// What the tool says of the message that begins at this offset; it has read the header by then.
    fn text(&self, at: usize) -> String {
        match self {
            Wrong::Cut => "rtnl-from_file: truncated message\n".into(),
            Wrong::Length(length) => format!("!!!malformed message: len={length} @{}\n", at + HEADER),
        }
    }
}

/// The message that begins at this offset of a file, to the end of its padding.
fn message_at(bytes: &[u8], at: usize) -> Result<&[u8], Wrong> {
    let header = bytes.get(at..at + HEADER).ok_or(Wrong::Cut)?;
    let told = i32::from_ne_bytes([header[0], header[1], header[2], header[3]]);
    let length = usize::try_from(told).ok().filter(|length| (HEADER..=MESSAGE_MAX).contains(length));
    let length = length.ok_or(Wrong::Length(told))?;
    bytes.get(at..at + align(length)).ok_or(Wrong::Cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, TestHost};
    use rtnl::attr::Builder;
    use rtnl::message::Header;

    #[test]
    fn an_overrun_loses_events_and_nothing_else() {
        let complaint = "netlink receive error No buffer space available (105)\n";
        let mut host = TestHost::losing(true, Errno::ENOBUFS);
        assert_eq!(testing::run(&mut host, "ip monitor link", run), (complaint.into(), 0));
        let mut host = TestHost::losing(true, Errno::EIO);
        let (printed, status) = testing::run(&mut host, "ip monitor link", run);
        assert_eq!((printed.as_str(), status), ("netlink receive error Input/output error (5)\n", 2));
    }

    #[test]
    fn a_file_is_read_as_the_tool_reads_it() {
        let header = |length: i32| [&length.to_ne_bytes()[..], &[3, 0, 0, 0], &[0; 8]].concat();
        let said = |bytes: &[u8]| {
            let mut at = 0;
            loop {
                match message_at(bytes, at) {
                    Ok(message) => at += message.len(),
                    Err(wrong) => return wrong.text(at),
                }
            }
        };
        // As iproute2 6.1.0 says it of such files.
        let cut = "rtnl-from_file: truncated message\n";
        let malformed = |length: i32, at: usize| format!("!!!malformed message: len={length} @{at}\n");
        assert_eq!(said(b"abc"), cut);
        for length in [100_000, 16_385, 15, 8, -16] {
            assert_eq!(said(&header(length)), malformed(length, 16));
        }
        assert_eq!(said(&header(16_384)), cut);
        assert_eq!(said(&header(48)), cut);
        assert_eq!(said(&[header(17), vec![0; 4], header(8)].concat()), malformed(8, 36));
        assert_eq!(said(&[header(17), vec![0; 1]].concat()), cut);
    }

    /// Hears of a prefix, in a message that is cut to a length.
    fn prefix(ctx: &mut Context<'_>, head: Prefixmsg, length: usize) {
        let mut out = Builder::new();
        let start = out.start(Header { kind: RTM_NEWPREFIX, ..Header::default() });
        head.encode(&mut out);
        out.ipv6(PREFIX_ADDRESS, "fd00:1::".parse().unwrap());
        Lifetimes { preferred: 14400, valid: 86400 }.encode(&mut out);
        out.finish(start);
        out.bytes.truncate(length.min(out.bytes.len()));
        let short = (out.bytes.len() as u32).to_ne_bytes();
        out.bytes[..4].copy_from_slice(&short);
        let watch = Watch { labels: true, ..Watch::default() };
        Messages(&out.bytes).for_each(|message| accept(ctx, &message, &watch, None));
        ctx.flush();
    }

    /// As iproute2 6.1.0 prints messages of this form that it reads from a file.
    #[test]
    fn prefixes_are_shown_as_the_tool_shows_them() {
        let head = Prefixmsg { family: AF_INET6, ifindex: 10, kind: 3, length: 64, flags: 3 };
        let cases = [
            (head, "[PREFIX]prefix fd00:1::/64dev d0 onlink autoconf valid 86400 preferred 14400 \n"),
            (
                Prefixmsg { flags: 0xc0, ..head },
                "[PREFIX]prefix fd00:1::/64dev d0 valid 86400 preferred 14400 \n",
            ),
            (Prefixmsg { family: AF_INET, ..head }, "incorrect protocol family: 2\n[PREFIX]"),
            (Prefixmsg { kind: 5, ..head }, "wrong ND type 5\n[PREFIX]"),
        ];
        for (head, want) in cases {
            let mut host = TestHost::default();
            let mut ctx = Context::new(&mut host, Default::default(), Default::default()).unwrap();
            prefix(&mut ctx, head, usize::MAX);
            drop(ctx);
            assert_eq!(host.written, want);
        }
        let mut host = TestHost::default();
        let mut ctx = Context::new(&mut host, Default::default(), Default::default()).unwrap();
        prefix(&mut ctx, head, 28);
        drop(ctx);
        assert_eq!(host.written, "[PREFIX]dev d0 onlink autoconf \n");
    }
}
