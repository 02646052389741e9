//! What must hold of every table: slips that the compiler cannot see, and the kernel's policies as Linux 6.1 showed
//! them when it was sent attributes of every length.

use rtnl::attr::{Attrs, Builder};
use rtnl::errno::Errno;
use rtnl::kind::{self, KINDS};
use rtnl::object::{link, netns};
use rtnl::show::Show;
use rtnl::table::{Access, NUMBERS, Table, Wire};
use rtnl::words::{Matching, matches};
use std::collections::BTreeSet;

/// Every table with the name under which complaints here speak of it.
fn tables() -> Vec<(&'static str, &'static Table)> {
    let objects = [
        ("link", &link::IFLA),
        ("linkinfo", &link::IFLA_INFO),
        ("netns", &netns::NETNSA),
        ("vlan map", &kind::vlan::QOS_MAP),
    ];
    KINDS.iter().map(|kind| (kind.name, kind.table)).chain(objects).collect()
}

/// What clients may send and no row's word sets, and why.
const WORDLESS: &[(&str, &str)] = &[
    ("IFLA_VLAN_FLAGS", "five words share it"),
    ("IFLA_VLAN_EGRESS_QOS", "a list"),
    ("IFLA_VLAN_INGRESS_QOS", "a list"),
    ("IFLA_BR_MULTI_BOOLOPT", "two words share it"),
    ("IFLA_BRPORT_MCAST_EHT_HOSTS_LIMIT", "the tool has no word for it"),
    ("IFLA_MACVLAN_MODE", "written last"),
    ("IFLA_MACVLAN_FLAGS", "three words share it, written last"),
    ("IFLA_MACVLAN_BC_QUEUE_LEN", "its complaint is not that of numbers"),
    ("IFLA_MACVLAN_MACADDR_COUNT", "validation lets it through, the kernel then refuses it"),
    ("IFLA_MACVLAN_MACADDR_DATA", "a list"),
    ("IFLA_MACVLAN_MACADDR_MODE", "the verb of a list"),
    ("IFLA_MACVLAN_MACADDR", "one of a list"),
    ("IFLA_IPVLAN_MODE", "its complaint is not that of a choice"),
    ("IFLA_IPVLAN_FLAGS", "three words share it, written last"),
    ("IFLA_VRF_TABLE", "a name or a number"),
    ("IFLA_MACSEC_SCI", "its words come first or not at all"),
    ("IFLA_MACSEC_PORT", "its words come first or not at all"),
    ("IFLA_MACSEC_CIPHER_SUITE", "written last"),
    ("IFLA_MACSEC_ICV_LEN", "written last"),
    ("IFLA_MACSEC_ENCODING_SA", "written last"),
    ("IFLA_MACSEC_INC_SCI", "shuts others out"),
    ("IFLA_MACSEC_ES", "shuts others out"),
    ("IFLA_MACSEC_SCB", "shuts others out"),
    ("IFLA_MACSEC_REPLAY_PROTECT", "written last"),
    ("IFLA_MACSEC_WINDOW", "written last"),
    ("IFLA_BOND_AD_INFO", "the kernel tells it, and passes over it in requests"),
    ("IFLA_NETKIT_PEER_INFO", "its words are those of a link"),
    ("IFLA_NETKIT_MODE", "its complaint is not that of a choice"),
    ("IFLA_NETKIT_POLICY", "two words are its values"),
    ("IFLA_NETKIT_PEER_POLICY", "two words are its values"),
    ("IFLA_NETKIT_SCRUB", "its complaint is not that of a choice"),
    ("IFLA_NETKIT_PEER_SCRUB", "its complaint is not that of a choice"),
    ("VETH_INFO_PEER", "its words are those of a link"),
    ("VXCAN_INFO_PEER", "its words are those of a link"),
];

/// Kinds of which all words are read by their own grammar, since attributes are written behind the last word.
const GRAMMARS: &[&str] = &["geneve", "vxlan"];

#[test]
fn a_number_stands_once_or_adds_a_second_word_or_show() {
    for (table, rows) in tables().iter().map(|(name, table)| (name, table.rows)) {
        for (i, row) in rows.iter().enumerate() {
            assert!(row.number > 0 && usize::from(row.number) < NUMBERS, "{table}: {}", row.name);
            let Some(first) = rows[..i].iter().find(|first| first.number == row.number) else { continue };
            let same = (first.name, first.wire, first.access) == (row.name, row.wire, row.access);
            assert!(same && row.word.is_some(), "{table}: {} stands twice", row.name);
        }
        let names: BTreeSet<_> = rows.iter().map(|row| (row.name, row.number)).collect();
        let numbers: BTreeSet<_> = rows.iter().map(|row| row.number).collect();
        assert_eq!(names.len(), numbers.len(), "{table}: a name stands for two numbers");
    }
}

#[test]
fn every_row_is_found_by_its_number() {
    for (name, table) in tables() {
        for row in table.rows {
            assert_eq!(table.row(row.number).map(|found| found.name), Some(row.name), "{name}");
        }
    }
}

#[test]
fn every_shown_row_has_a_key_and_no_other_row_has() {
    for (name, table) in tables() {
        for row in table.rows {
            let shown = !matches!(row.show, Show::Nothing);
            assert_eq!(shown, !row.key.is_empty(), "{name}: {}", row.name);
        }
    }
}

#[test]
fn every_word_can_be_reached() {
    for (name, table) in tables() {
        let words = table.rows.iter().filter_map(|row| row.word.map(|word| (row, word)));
        for (row, text) in words.flat_map(|(row, word)| word.words.iter().map(move |text| (row, *text))) {
            let reached = table.row_of_word(text).map(|(reached, _)| std::ptr::from_ref(reached));
            assert_eq!(reached, Some(std::ptr::from_ref(row)), "{name}: \"{text}\" is shadowed");
        }
    }
}

#[test]
fn words_that_go_first_are_words_of_rows_and_needed() {
    for (name, table) in tables() {
        for (i, first) in table.first_words.iter().enumerate() {
            let at =
                table.rows.iter().position(|row| row.word.is_some_and(|word| word.words.contains(first)));
            let at = at.unwrap_or_else(|| panic!("{name}: no row has the word \"{first}\""));
            let overtaken = table.rows[..at].iter().filter_map(|row| row.word);
            let overtaken =
                overtaken.chain(table.rows.iter().filter_map(|row| row.word).filter(|word| {
                    table.first_words[i + 1..].iter().any(|later| word.words.contains(later))
                }));
            let mut texts = overtaken.filter(|word| word.matching == Matching::Prefix).flat_map(|w| w.words);
            assert!(texts.any(|text| matches(&first[..1], text)), "{name}: \"{first}\" need not go first");
        }
    }
}

#[test]
fn every_attribute_that_clients_may_set_has_a_word_or_a_reason() {
    let tabled = KINDS.iter().filter(|kind| !GRAMMARS.contains(&kind.name));
    for (name, table) in tabled.map(|kind| (kind.name, kind.table)) {
        let set = table.rows.iter().filter(|row| row.access == Access::Request);
        for row in set.filter(|row| !table.rows.iter().any(|r| r.number == row.number && r.word.is_some())) {
            assert!(WORDLESS.iter().any(|(wordless, _)| *wordless == row.name), "{name}: {}", row.name);
        }
    }
    for (wordless, _) in WORDLESS {
        let rows = KINDS.iter().flat_map(|kind| kind.table.rows).filter(|row| row.name == *wordless);
        let rows: Vec<_> = rows.collect();
        assert!(!rows.is_empty() && rows.iter().all(|row| row.word.is_none()), "{wordless} has a word");
    }
    for kind in KINDS.iter().filter(|kind| GRAMMARS.contains(&kind.name)) {
        assert!(
            kind.parse.is_some() && kind.table.rows.iter().all(|row| row.word.is_none()),
            "{}",
            kind.name
        );
    }
}

#[test]
fn kinds_have_names_of_their_own() {
    let names: BTreeSet<_> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), KINDS.len());
    for kind in KINDS {
        assert_eq!(kind.port, kind.name.ends_with("_slave"), "{}", kind.name);
        assert!(kind.help.is_none_or(|help| help.ends_with('\n')), "{}", kind.name);
        assert!(kind.parse.is_none() || kind.help.is_some(), "{}: a grammar without help", kind.name);
        assert_eq!(kind::find(kind.name).map(|found| found.name), Some(kind.name));
    }
}

/// How many bytes an attribute must have at least, and the numbers of which that holds. All others may be empty.
type Least = (usize, &'static [u16]);

/// What holds of each kind's attributes.
const LEAST: &[(&str, &[Least])] = &[
    (
        "bridge",
        &[
            (1, &[7, 22, 23, 24, 25, 36, 37, 38, 41, 42, 43, 44, 45]),
            (2, &[6, 8, 9, 39]),
            (4, &[1, 2, 3, 4, 5, 26, 27, 28, 29]),
            (8, &[30, 31, 32, 33, 34, 35, 46]),
        ],
    ),
    (
        "bridge_slave",
        &[
            (1, &[1, 4, 5, 6, 7, 8, 9, 10, 12, 25, 27, 28, 29, 30, 32, 33, 39]),
            (2, &[2, 31]),
            (4, &[3, 34, 37]),
        ],
    ),
    ("macvlan", &[(2, &[2]), (4, &[1, 3, 6, 7]), (usize::MAX, &[8])]),
    ("macvtap", &[(2, &[2]), (4, &[1, 3, 6, 7]), (usize::MAX, &[8])]),
    ("vlan", &[(2, &[1, 5]), (8, &[2])]),
    ("veth", &[(16, &[1])]),
    ("dummy", &[]),
    ("ifb", &[]),
];

/// What Linux 6.1's validation said of an attribute of that length.
fn refused(kind: &str, number: u16, length: usize) -> Option<(Errno, &'static str)> {
    const POLICY: &str = "Attribute failed policy validation";
    let rules = LEAST.iter().find(|(name, _)| *name == kind).unwrap().1;
    let least = rules.iter().find(|(_, numbers)| numbers.contains(&number)).map_or(0, |(least, _)| *least);
    let nest = matches!((kind, number), ("macvlan" | "macvtap", 5) | ("vlan", 3 | 4));
    let most = match (kind, number) {
        ("bridge", 20) => 6,
        ("macvlan" | "macvtap", 4) => 32,
        _ => usize::MAX,
    };
    match (kind, number) {
        ("bridge", 46) => (length != 8).then_some((Errno::ERANGE, "binary attribute size out of range")),
        ("macvlan" | "macvtap", 8) => Some((Errno::EINVAL, POLICY)),
        _ if nest => (length > 0 && length < 4).then_some((Errno::ERANGE, POLICY)),
        _ => (length < least || length > most).then_some((Errno::ERANGE, POLICY)),
    }
}

#[test]
fn requests_are_refused_as_linux_refuses_them() {
    for kind in KINDS.iter().filter(|kind| LEAST.iter().any(|(name, _)| *name == kind.name)) {
        for (number, length) in (0..NUMBERS as u16).flat_map(|n| (0..=33).map(move |length| (n, length))) {
            let mut request = Builder::new();
            request.put(number, &vec![0; length]);
            let got = kind.table.parse(Attrs::new(&request.bytes, 52)).err();
            let got = got.map(|r| (r.errno, r.sentence.unwrap().into_owned(), r.offset));
            let want =
                refused(kind.name, number, length).map(|(e, sentence)| (e, sentence.to_string(), Some(52)));
            assert_eq!(got, want, "{} {number} with {length} bytes", kind.name);
        }
    }
}

#[test]
fn texts_and_limits_are_refused_as_linux_refuses_them() {
    let verdict = |number: u16, payload: &[u8]| {
        let mut request = Builder::new();
        request.put(number, payload);
        link::IFLA.parse(Attrs::new(&request.bytes, 0)).err().map(|refusal| refusal.sentence.unwrap())
    };
    let policy = Some("Attribute failed policy validation".into());
    assert_eq!(verdict(link::IFLA_IFNAME, &[b'a'; 15]), None);
    assert_eq!(verdict(link::IFLA_IFNAME, b"aaaaaaaaaaaaaaa\0"), None);
    assert_eq!(verdict(link::IFLA_IFNAME, &[b'a'; 16]), policy);
    assert_eq!(verdict(link::IFLA_IFNAME, b"abc\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), policy);
    assert_eq!(verdict(link::IFLA_IFNAME, b""), policy);
    assert_eq!(verdict(link::IFLA_IFNAME, b"\0"), None);
    assert_eq!(verdict(link::IFLA_TSO_MAX_SIZE, &[0; 4]), policy);
    assert_eq!(verdict(link::IFLA_NEW_IFINDEX, &[0; 4]), Some("integer out of range".into()));
    assert_eq!(verdict(link::IFLA_QDISC, b""), None);
    assert_eq!(kind::find("vlan").unwrap().table.row(kind::vlan::IFLA_VLAN_ID).unwrap().wire, Wire::U16);
}
