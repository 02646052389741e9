//! What may stand at a place in a line, for completion: here of `ip`, in `complete_bridge` of `bridge`.
//!
//! The words of a link type come from its table at the seam; names of links and of namespaces are asked of the world
//! when they are wanted, over the seam, so that completion is the same on either kernel. It only helps: a word that
//! is not offered may still be right.

use crate::complete_bridge::behind_bridge;
use crate::programs::PROGRAMS;
use iproute::host::Host;
use rtnl::attr::Builder;
use rtnl::client::Client;
use rtnl::kind::{KINDS, find};
use rtnl::message::Messages;
use rtnl::object::link::{IFLA_IFNAME, Ifinfo, RTM_GETLINK};
use rtnl::words::Value;
use std::collections::BTreeSet;

/// At most so many names are offered.
const NAMES_MAX: usize = 1000;

const OBJECTS: &[&str] =
    &["address", "help", "link", "maddress", "monitor", "neighbour", "netns", "route", "rule"];
const OPTIONS: &[&str] = &[
    "-all",
    "-batch",
    "-brief",
    "-color",
    "-details",
    "-family",
    "-force",
    "-human",
    "-iec",
    "-json",
    "-netns",
    "-oneline",
    "-pretty",
    "-statistics",
    "-timestamp",
    "-tshort",
    "-Version",
];
const LINK_VERBS: &[&str] = &["add", "delete", "set", "show", "change", "replace", "property", "help"];
const NETNS_VERBS: &[&str] =
    &["add", "attach", "delete", "exec", "help", "identify", "list", "list-id", "monitor", "pids", "set"];
const MONITOR_OBJECTS: &[&str] =
    &["address", "all", "all-nsid", "dev", "file", "label", "link", "neigh", "nsid", "route", "rule"];
/// The verbs of the other objects, which are tried in this order.
const VERBS: &[(&str, &[&str])] = &[
    ("address", &["add", "change", "delete", "flush", "help", "replace", "restore", "save", "show"]),
    ("maddress", &["add", "delete", "help", "show"]),
    ("route", &["add", "append", "change", "delete", "flush", "get", "help", "list", "replace", "show"]),
    ("rule", &["add", "delete", "flush", "help", "list", "show"]),
    ("neighbour", &["add", "change", "delete", "flush", "get", "help", "replace", "show"]),
];
/// The words behind `ip link add`.
const ADD_WORDS: &[&str] = &[
    "address",
    "broadcast",
    "group",
    "gso_max_segs",
    "gso_max_size",
    "index",
    "link",
    "mtu",
    "name",
    "netns",
    "numrxqueues",
    "numtxqueues",
    "parentbus",
    "parentdev",
    "txqueuelen",
    "type",
];
/// The words behind `ip link set DEVICE`.
const SET_WORDS: &[&str] = &[
    "address",
    "addrgenmode",
    "alias",
    "allmulticast",
    "arp",
    "broadcast",
    "carrier",
    "down",
    "dynamic",
    "group",
    "link-netns",
    "link-netnsid",
    "master",
    "mode",
    "mtu",
    "multicast",
    "name",
    "netns",
    "nomaster",
    "promisc",
    "protodown",
    "state",
    "trailers",
    "txqueuelen",
    "type",
    "up",
    "xdp",
];
const SHOW_WORDS: &[&str] = &["dev", "group", "master", "nomaster", "type", "up", "vrf"];
/// Words of switches, behind which `on` or `off` stands.
const SWITCHES: &[&str] =
    &["allmulticast", "arp", "carrier", "dynamic", "multicast", "promisc", "protodown", "trailers"];

/// What a place is filled with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// Nothing that is known: a number, an address, a new name.
    Free,
    /// One of these words.
    Fixed(&'static [&'static str]),
    /// A link's name.
    Link,
    /// A link's name, or one of these words.
    LinkOr(&'static [&'static str]),
    /// A namespace's name.
    Netns,
    /// A link type.
    Kind,
    /// A word of that type's.
    WordOf(&'static str),
    /// A program.
    Program,
}

/// The words that may stand behind `words` and begin with `partial`, sorted.
pub fn candidates(words: &[&str], partial: &str, host: &mut dyn Host) -> Vec<String> {
    let wanted = match words {
        [] => Wanted::Program,
        ["ip", rest @ ..] => behind_ip(rest, partial),
        ["bridge", rest @ ..] => behind_bridge(rest, partial),
        _ => Wanted::Free,
    };
    let mut found = BTreeSet::new();
    let mut offer = |word: &str| {
        if word.starts_with(partial) && found.len() < NAMES_MAX {
            found.insert(word.to_string());
        }
    };
    match wanted {
        Wanted::Free => {}
        Wanted::Fixed(words) => words.iter().for_each(|word| offer(word)),
        Wanted::Link => links(host, &mut offer),
        Wanted::LinkOr(words) => {
            words.iter().for_each(|word| offer(word));
            links(host, &mut offer);
        }
        Wanted::Netns => host.netns_names().unwrap_or_default().iter().for_each(|name| offer(name)),
        Wanted::Kind => KINDS.iter().for_each(|kind| offer(kind.name)),
        Wanted::WordOf(kind) => words_of(kind).for_each(&mut offer),
        Wanted::Program => {
            PROGRAMS.iter().chain(crate::shell::OWN_COMMANDS).for_each(|name| offer(name));
        }
    }
    found.into_iter().collect()
}

/// The words behind the options; or what is wanted, if the words end with an option that takes a value.
pub(crate) fn past_options<'w, 'a>(mut words: &'w [&'a str]) -> Result<&'w [&'a str], Wanted> {
    loop {
        words = match words {
            [option] if option.starts_with("-n") => return Err(Wanted::Netns),
            [option] if takes_value(option) => return Err(Wanted::Free),
            [option, _, rest @ ..] if takes_value(option) => rest,
            [option, rest @ ..] if option.starts_with('-') => rest,
            _ => return Ok(words),
        };
    }
}

fn behind_ip(words: &[&str], partial: &str) -> Wanted {
    match past_options(words) {
        Err(wanted) => wanted,
        Ok([]) if partial.starts_with('-') => Wanted::Fixed(OPTIONS),
        Ok([]) => Wanted::Fixed(OBJECTS),
        Ok([object, rest @ ..]) if is(object, "link") => behind_link(rest),
        Ok([object, rest @ ..]) if is(object, "netns") => behind_netns(rest),
        Ok([object]) if is(object, "monitor") => Wanted::Fixed(MONITOR_OBJECTS),
        Ok([object]) => verbs(object),
        Ok([.., "dev" | "iif" | "oif"]) => Wanted::Link,
        Ok(_) => Wanted::Free,
    }
}

/// The verbs of the objects of which no more is known here.
fn verbs(object: &str) -> Wanted {
    let row = VERBS.iter().find(|(word, _)| is(object, word));
    row.map_or(Wanted::Free, |(_, verbs)| Wanted::Fixed(verbs))
}

fn takes_value(option: &str) -> bool {
    [
        "-n", "-ne", "-net", "-netn", "-netns", "-f", "-family", "-b", "-batch", "-rc", "-rcvbuf", "-l",
        "-loops",
    ]
    .contains(&option)
}

/// Whether a typed word means this one, as `ip` takes the beginnings of words.
pub(crate) fn is(typed: &str, word: &str) -> bool {
    !typed.is_empty() && word.starts_with(typed)
}

fn behind_link(words: &[&str]) -> Wanted {
    match words {
        [] => Wanted::Fixed(LINK_VERBS),
        [verb, rest @ ..] if is(verb, "add") || is(verb, "replace") => {
            setting(rest, ADD_WORDS, Wanted::Fixed(ADD_WORDS))
        }
        [verb] if is(verb, "set") || is(verb, "change") => Wanted::LinkOr(&["dev", "group"]),
        [verb, rest @ ..] if is(verb, "set") || is(verb, "change") => {
            setting(rest, SET_WORDS, Wanted::Fixed(SET_WORDS))
        }
        [verb, rest @ ..] if is(verb, "delete") => {
            setting(rest, &[], Wanted::LinkOr(&["dev", "group", "type"]))
        }
        [verb, rest @ ..] if is(verb, "show") || is(verb, "list") => {
            setting(rest, SHOW_WORDS, Wanted::LinkOr(SHOW_WORDS))
        }
        [verb] if is(verb, "help") => Wanted::Kind,
        [verb] if is(verb, "property") => Wanted::Fixed(&["add", "delete"]),
        [verb, _, rest @ ..] if is(verb, "property") => {
            setting(rest, &[], Wanted::Fixed(&["altname", "dev"]))
        }
        _ => Wanted::Free,
    }
}

/// What stands behind the words of one link: the value of the last word, a word of the type, or `otherwise`.
fn setting(words: &[&str], own: &'static [&'static str], otherwise: Wanted) -> Wanted {
    let kind = words.iter().position(|word| *word == "type").and_then(|at| words.get(at + 1));
    let kind = kind.and_then(|name| find(name)).map(|kind| kind.name);
    match (words.last().copied(), kind) {
        (Some("dev" | "link" | "master" | "vrf"), _) => Wanted::Link,
        (Some("netns" | "link-netns"), _) => Wanted::Netns,
        (Some("type"), _) => Wanted::Kind,
        (Some("addrgenmode"), _) => Wanted::Fixed(&["eui64", "none", "random", "stable_secret"]),
        (Some("mode"), None) => Wanted::Fixed(&["default", "dormant"]),
        (Some("state"), None) => {
            Wanted::Fixed(&["up", "down", "dormant", "unknown", "notpresent", "testing"])
        }
        (Some(last), None) if SWITCHES.contains(&last) => Wanted::Fixed(&["on", "off"]),
        (Some(last), Some(kind)) => match value_of(kind, last) {
            Some(wanted) => wanted,
            None => Wanted::WordOf(kind),
        },
        (Some(last), None) if own.contains(&last) && !["up", "down", "nomaster"].contains(&last) => {
            Wanted::Free
        }
        _ => otherwise,
    }
}

/// What stands behind a word of a type; none if it takes no value that is known, or is none of its words.
fn value_of(kind: &str, word: &str) -> Option<Wanted> {
    let row =
        find(kind)?.table.rows.iter().find_map(|row| row.word.filter(|row| row.words.contains(&word)))?;
    match row.value {
        Value::OnOff(_) => Some(Wanted::Fixed(&["on", "off"])),
        Value::OneOf(_, words) => Some(Wanted::Fixed(words)),
        Value::Number(..) | Value::Text => Some(Wanted::Free),
        _ => None,
    }
}

fn words_of(kind: &str) -> impl Iterator<Item = &'static str> {
    let rows = find(kind).map_or(&[][..], |kind| kind.table.rows);
    rows.iter().filter_map(|row| row.word).flat_map(|word| word.words).copied()
}

fn behind_netns(words: &[&str]) -> Wanted {
    match words {
        [] => Wanted::Fixed(NETNS_VERBS),
        [verb] if ["delete", "exec", "pids", "set"].iter().any(|word| is(verb, word)) => Wanted::Netns,
        [verb, _] if is(verb, "exec") => Wanted::Program,
        [verb, _, "ip", rest @ ..] if is(verb, "exec") => behind_ip(rest, ""),
        [verb, _, "bridge", rest @ ..] if is(verb, "exec") => behind_bridge(rest, ""),
        _ => Wanted::Free,
    }
}

/// The names of the links in the current namespace, as the kernel tells them.
fn links(host: &mut dyn Host, offer: &mut dyn FnMut(&str)) {
    let Ok(mut channel) = host.channel() else { return };
    let mut body = Builder::new();
    Ifinfo::default().encode(&mut body);
    // A dump that fails offers nothing; completion has nobody to tell.
    let Ok(dump) = Client::new(&mut *channel).dump(RTM_GETLINK, &body.bytes) else { return };
    for message in dump.parts.iter().flat_map(|part| Messages(part)) {
        if let Some(name) = message.attrs(Ifinfo::SIZE).find(IFLA_IFNAME) {
            offer(&name.text());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    fn offered(line: &str) -> Vec<String> {
        let mut machine = Machine::new(0, String::new()).unwrap();
        for setup in ["ip netns add net1", "ip link add d0 type dummy"] {
            assert_eq!(machine.run_line(setup), Ok(0), "{}", machine.console);
        }
        let mut words: Vec<&str> = line.split(' ').collect();
        let partial = words.pop().unwrap();
        candidates(&words, partial, &mut machine)
    }

    #[test]
    fn offers_words_from_the_tables() {
        assert_eq!(offered("i"), ["ip"]);
        assert_eq!(offered("ip l"), ["link"]);
        assert_eq!(offered("ip -d link se"), ["set"]);
        assert_eq!(offered("ip link add d1 type dum"), ["dummy"]);
        assert!(offered("ip link add link d0 name v type vlan ").contains(&"id".to_string()));
        assert_eq!(offered("ip link add b type bridge nosuch"), [""; 0]);
    }

    #[test]
    fn offers_the_words_of_bridge() {
        assert_eq!(offered("bridge f"), ["fdb"]);
        assert_eq!(offered("bridge -j link s"), ["set", "show"]);
        assert_eq!(offered("bridge link set dev d"), ["d0"]);
        assert_eq!(offered("bridge link set dev d0 hair"), ["hairpin"]);
        assert_eq!(offered("bridge link set dev d0 hairpin "), ["off", "on"]);
        assert_eq!(offered("bridge link set dev d0 state f"), ["forwarding"]);
        assert_eq!(offered("bridge vlan add vid 5 dev d0 p"), ["pvid"]);
        assert_eq!(offered("bridge vlan add vid "), [""; 0]);
        assert_eq!(offered("bridge vlan global set dev d0 vid 1 mcast_q").len(), 4);
        assert_eq!(offered("bridge mdb add dev d0 port "), ["d0", "lo"]);
        assert_eq!(offered("bridge fdb add "), [""; 0]);
        assert_eq!(offered("bridge fdb add 02:00:00:00:00:01 dev d0 m"), ["master"]);
        assert_eq!(offered("ip netns exec net1 bridge mon"), ["monitor"]);
        assert_eq!(offered("ip route a"), ["add", "append"]);
    }

    #[test]
    fn offers_names_from_the_live_kernel() {
        assert_eq!(offered("ip link show d"), ["d0", "dev"]);
        assert_eq!(offered("ip link set d0 master "), ["d0", "lo"]);
        assert_eq!(offered("ip -n "), ["net1"]);
        assert_eq!(offered("ip netns exec "), ["net1"]);
        assert_eq!(offered("ip netns exec net1 ip link set d0 pro"), ["promisc", "protodown"]);
    }
}
