//! The two rooms: a link type is one file and one line in `rtnl::kind::KINDS` (its words) and one file and one line
//! in `kernel::link::TYPES` (its deeds), and nothing else in the project knows it by name.

#![allow(clippy::disallowed_methods, reason = "it reads the sources")]

use kernel::link::{TYPES, Type};
use rtnl::kind::{KINDS, Kind};
use rtnl::table::Table;
use std::fs;
use std::path::{Path, PathBuf};

/// The type whose ports a kind of a port describes, or the type of that kind.
fn deeds(kind: &Kind) -> Option<&'static Type> {
    let name = if kind.port { kind.name.strip_suffix("_slave")? } else { kind.name };
    TYPES.iter().copied().find(|deeds| deeds.kind == name)
}

/// Whether both rooms mean the same attributes. A type without attributes needs no table in the kernel.
fn agree(words: &'static Table, deeds: Option<&'static Table>) -> bool {
    deeds.map_or(words.rows.is_empty(), |table| std::ptr::eq(words, table))
}

#[test]
fn every_kind_has_deeds_with_the_same_table() {
    for kind in KINDS {
        let deeds = deeds(kind).unwrap_or_else(|| panic!("{}: words without deeds", kind.name));
        let table = if kind.port { deeds.port_table } else { deeds.table };
        assert!(agree(kind.table, table), "{}: the kernel has another table", kind.name);
    }
}

#[test]
fn every_type_has_words() {
    for deeds in TYPES {
        assert!(rtnl::kind::find(deeds.kind).is_some_and(|kind| !kind.port), "{}: no words", deeds.kind);
        let of_ports = rtnl::kind::find(&format!("{}_slave", deeds.kind));
        let told = deeds.port_table.is_some() || deeds.fill_port.is_some() || deeds.change_port.is_some();
        assert!(!told || of_ports.is_some(), "{}: its ports have deeds without words", deeds.kind);
    }
}

#[test]
fn types_have_names_of_their_own() {
    for (at, deeds) in TYPES.iter().enumerate() {
        assert!(!deeds.kind.is_empty(), "a type that can be asked for has a name");
        assert!(TYPES[..at].iter().all(|other| other.kind != deeds.kind), "{} stands twice", deeds.kind);
        assert!(kernel::link::find(deeds.kind.as_bytes()).is_some_and(|found| found == *deeds));
    }
}

#[test]
fn what_a_type_can_do_goes_together() {
    for deeds in TYPES {
        let name = deeds.kind;
        assert_eq!(deeds.add_port.is_some(), deeds.del_port.is_some(), "{name}: ports come but do not go");
        assert!(deeds.fill.is_none() || deeds.table.is_some(), "{name}: it shows what it has no table for");
        assert!(
            deeds.changelink.is_none() || deeds.table.is_some(),
            "{name}: it changes what it has no table for"
        );
        assert!(deeds.iflink.is_some() || deeds.link_netns.is_none(), "{name}: a namespace for no link");
    }
}

/// Every Rust file of the crates that is in neither room, and its text up to its tests.
fn elsewhere() -> Vec<(PathBuf, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rooms = [crates.join("rtnl/src/kind"), crates.join("kernel/src/link")];
    let mut folders: Vec<PathBuf> = fs::read_dir(&crates)
        .expect("crates")
        .map(|entry| entry.expect("a crate").path().join("src"))
        .filter(|folder| folder.exists())
        .collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).expect("sources").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.extend(Some(path).filter(|path| !rooms.contains(path)));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source is text");
                let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                found.push((path, code));
            }
        }
    }
    found
}

/// Lines that look as if they chose by a type's name and do not: file, start of the line, why.
const NOT_TYPES: &[(&str, &str, &str)] = &[
    ("iproute/src/options.rs", "\"bridge\" => AF_BRIDGE", "the address family of that name"),
    ("iproute/src/bridge/fdb.rs", "\"vlan\" =>", "a word of `bridge fdb`"),
    ("iproute/src/bridge/fdb_show.rs", "\"vlan\" =>", "a word of `bridge fdb`"),
    ("iproute/src/link_list.rs", "\"vrf\" =>", "a word of `ip link show`"),
    ("iproute/src/address/select.rs", "\"vrf\" =>", "a word of `ip address show`"),
    ("iproute/src/neighbour/list.rs", "\"vrf\" =>", "a word of `ip neighbour show`"),
    ("netloom/src/complete.rs", "(Some(\"dev\"", "a word before a link's name"),
    ("netloom/src/programs.rs", "\"bridge\" =>", "the program of that name"),
    ("netloom/src/args.rs", "\"bridge\" =>", "the program of that name"),
    ("netloom/src/args.rs", "\"ip\" | \"bridge\" =>", "the program of that name"),
];

#[test]
fn nothing_else_chooses_by_a_types_name() {
    let mut found = Vec::new();
    for (path, text) in elsewhere() {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default().trim();
            let chooses = KINDS.iter().any(|kind| {
                let name = format!("\"{}\"", kind.name);
                ["{} =>", "{} |", "| {}", "== {}", "!= {}"]
                    .iter()
                    .any(|form| code.contains(&form.replace("{}", &name)))
                    || ["=> b", "== b", "!= b"].iter().any(|form| code.contains(&format!("{form}{name}")))
                    || code.contains(&format!("b{name} =>"))
            });
            let excused =
                NOT_TYPES.iter().any(|(file, start, _)| path.ends_with(file) && code.starts_with(start));
            if chooses && !excused && !code.starts_with("matches!(word") {
                found.push(format!("{}:{}: {code}", path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "a type's name outside the two rooms:\n{}", found.join("\n"));
}
