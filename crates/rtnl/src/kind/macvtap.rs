//! `macvtap`: a macvlan whose frames go to a character device (`drivers/net/macvtap.c`; iproute2
//! `iplink_macvlan.c`). Attributes, grammar and output are those of [`macvlan`](super::macvlan) under another name.

use super::Kind;
use super::macvlan::{TABLE, help, parse, show};

/// The type.
pub static KIND: Kind = Kind {
    name: "macvtap",
    table: &TABLE,
    parse: Some(|words, out, _| parse(&KIND, words, out)),
    show: Some(show),
    help: Some(help!("macvtap")),
    port: false,
};
