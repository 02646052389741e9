//! What may stand at a place in a line of `bridge`, for completion.

use crate::complete::{Wanted, is, past_options};

const OBJECTS: &[&str] = &["fdb", "help", "link", "mdb", "monitor", "vlan", "vni"];
const OPTIONS: &[&str] = &[
    "-batch",
    "-color",
    "-compressvlans",
    "-details",
    "-force",
    "-json",
    "-netns",
    "-oneline",
    "-pretty",
    "-statistics",
    "-timestamp",
    "-Version",
];
const LINK_VERBS: &[&str] = &["help", "set", "show"];
const FDB_VERBS: &[&str] = &["add", "append", "delete", "flush", "get", "help", "replace", "show"];
const MDB_VERBS: &[&str] = &["add", "delete", "help", "show"];
const VLAN_VERBS: &[&str] = &["add", "delete", "global", "help", "set", "show", "tunnelshow"];
const GLOBAL_VERBS: &[&str] = &["set", "show"];
const MONITOR_OBJECTS: &[&str] = &["all", "fdb", "link", "mdb", "vlan", "vni"];
const VNI_VERBS: &[&str] = &["add", "delete", "help", "show"];

/// The words behind `bridge link set dev PORT`.
const LINK_SET: &[&str] = &[
    "backup_port",
    "bcast_flood",
    "cost",
    "dev",
    "fastleave",
    "flood",
    "guard",
    "hairpin",
    "hwmode",
    "isolated",
    "learning",
    "learning_sync",
    "locked",
    "master",
    "mcast_flood",
    "mcast_router",
    "mcast_to_unicast",
    "neigh_suppress",
    "nobackup_port",
    "priority",
    "root_block",
    "self",
    "state",
    "vlan_tunnel",
];
/// Those of them behind which `on` or `off` stands.
const SWITCHES: &[&str] = &[
    "bcast_flood",
    "fastleave",
    "flood",
    "guard",
    "hairpin",
    "isolated",
    "learning",
    "learning_sync",
    "locked",
    "mcast_flood",
    "mcast_to_unicast",
    "neigh_suppress",
    "root_block",
    "vlan_tunnel",
];
const STATES: &[&str] = &["blocking", "disabled", "forwarding", "learning", "listening"];
const FDB_ENTRY: &[&str] = &[
    "dev",
    "dst",
    "dynamic",
    "extern_learn",
    "local",
    "master",
    "permanent",
    "port",
    "router",
    "self",
    "src_vni",
    "static",
    "sticky",
    "use",
    "via",
    "vlan",
    "vni",
];
const FDB_SHOW: &[&str] = &["br", "brport", "dev", "dynamic", "state", "vlan"];
const FDB_GET: &[&str] = &["br", "brport", "dev", "master", "self", "vlan", "vni"];
const FDB_FLUSH: &[&str] = &[
    "added_by_user",
    "brport",
    "dev",
    "dynamic",
    "extern_learn",
    "master",
    "noadded_by_user",
    "nodynamic",
    "noextern_learn",
    "nooffloaded",
    "nopermanent",
    "nostatic",
    "nosticky",
    "offloaded",
    "permanent",
    "self",
    "static",
    "sticky",
    "vlan",
];
const MDB_ENTRY: &[&str] = &["dev", "grp", "permanent", "port", "src", "temp", "vid"];
const VLAN_ENTRY: &[&str] = &["dev", "master", "pvid", "self", "tunnel_info", "untagged", "vid"];
const VLAN_SET: &[&str] = &["dev", "mcast_router", "state", "vid"];
const GLOBAL_SET: &[&str] = &[
    "dev",
    "mcast_igmp_version",
    "mcast_last_member_count",
    "mcast_last_member_interval",
    "mcast_membership_interval",
    "mcast_mld_version",
    "mcast_querier",
    "mcast_querier_interval",
    "mcast_query_interval",
    "mcast_query_response_interval",
    "mcast_snooping",
    "mcast_startup_query_count",
    "mcast_startup_query_interval",
    "vid",
];
/// What listings are narrowed by.
const FILTER: &[&str] = &["dev", "vid"];
/// Words behind which something stands that nobody can guess.
const VALUES: &[&str] = &[
    "cost",
    "dst",
    "grp",
    "mcast_router",
    "port",
    "priority",
    "src",
    "src_vni",
    "tunnel_info",
    "vid",
    "vlan",
    "vni",
];

/// What stands behind these words of `bridge`.
pub(crate) fn behind_bridge(words: &[&str], partial: &str) -> Wanted {
    match past_options(words) {
        Err(wanted) => wanted,
        Ok([]) if partial.starts_with('-') => Wanted::Fixed(OPTIONS),
        Ok([]) => Wanted::Fixed(OBJECTS),
        Ok([object, rest @ ..]) if is(object, "link") => behind_link(rest),
        Ok([object, rest @ ..]) if is(object, "fdb") => behind_fdb(rest),
        Ok([object, rest @ ..]) if is(object, "mdb") => behind_mdb(rest),
        Ok([object, rest @ ..]) if is(object, "vlan") => behind_vlan(rest),
        Ok([object, rest @ ..]) if is(object, "vni") => behind_vni(rest),
        Ok([object, ..]) if is(object, "monitor") => Wanted::Fixed(MONITOR_OBJECTS),
        Ok(_) => Wanted::Free,
    }
}

fn behind_link(words: &[&str]) -> Wanted {
    match words {
        [] => Wanted::Fixed(LINK_VERBS),
        [verb, rest @ ..] if *verb == "set" => behind_word(rest, LINK_SET),
        [verb, rest @ ..] if is(verb, "show") => behind_word(rest, &["dev"]),
        _ => Wanted::Free,
    }
}

fn behind_fdb(words: &[&str]) -> Wanted {
    match words {
        [] => Wanted::Fixed(FDB_VERBS),
        ["flush", rest @ ..] => behind_word(rest, FDB_FLUSH),
        [verb, rest @ ..] if is(verb, "get") => behind_address(rest, FDB_GET),
        [verb, rest @ ..] if is(verb, "show") => behind_word(rest, FDB_SHOW),
        [verb, rest @ ..] if ["add", "append", "replace", "delete"].iter().any(|word| is(verb, word)) => {
            behind_address(rest, FDB_ENTRY)
        }
        _ => Wanted::Free,
    }
}

fn behind_mdb(words: &[&str]) -> Wanted {
    match words {
        [] => Wanted::Fixed(MDB_VERBS),
        // Here alone `port` names a link.
        [verb, .., "port"] if is(verb, "add") || is(verb, "delete") => Wanted::Link,
        [verb, rest @ ..] if is(verb, "add") || is(verb, "delete") => behind_word(rest, MDB_ENTRY),
        [verb, rest @ ..] if is(verb, "show") => behind_word(rest, FILTER),
        _ => Wanted::Free,
    }
}

fn behind_vni(words: &[&str]) -> Wanted {
    match words {
        [] => Wanted::Fixed(VNI_VERBS),
        [verb, rest @ ..] if is(verb, "show") => behind_word(rest, &["dev"]),
        [_, rest @ ..] => behind_word(rest, &["dev", "group", "remote", "vni"]),
    }
}

fn behind_vlan(words: &[&str]) -> Wanted {
    match words {
        [] => Wanted::Fixed(VLAN_VERBS),
        ["global"] => Wanted::Fixed(GLOBAL_VERBS),
        ["global", verb, rest @ ..] if is(verb, "set") => behind_word(rest, GLOBAL_SET),
        ["global", _, rest @ ..] => behind_word(rest, FILTER),
        [verb, rest @ ..] if is(verb, "add") || is(verb, "delete") => behind_word(rest, VLAN_ENTRY),
        [verb, rest @ ..] if is(verb, "show") || is(verb, "tunnelshow") => behind_word(rest, FILTER),
        [verb, rest @ ..] if is(verb, "set") => behind_word(rest, VLAN_SET),
        _ => Wanted::Free,
    }
}

/// An address first, then words.
fn behind_address(words: &[&str], own: &'static [&'static str]) -> Wanted {
    if words.is_empty() { Wanted::Free } else { behind_word(words, own) }
}

/// The value of the last word, or one of these words.
fn behind_word(words: &[&str], own: &'static [&'static str]) -> Wanted {
    match words.last().copied() {
        Some("dev" | "brport" | "br" | "via" | "backup_port") => Wanted::Link,
        // Of `fdb show` it is the state of an entry, of everything else that of a port.
        Some("state") if own.contains(&"dynamic") => Wanted::Free,
        Some("state") => Wanted::Fixed(STATES),
        Some("hwmode") => Wanted::Fixed(&["veb", "vepa"]),
        Some(word) if SWITCHES.contains(&word) && own.contains(&"hairpin") => Wanted::Fixed(&["on", "off"]),
        Some(word) if VALUES.contains(&word) => Wanted::Free,
        Some(word) if word.starts_with("mcast_") && own.contains(&"mcast_querier") => Wanted::Free,
        _ => Wanted::Fixed(own),
    }
}
