//! `ipvtap`: an ipvlan whose frames go to a character device (`drivers/net/ipvlan/ipvtap.c`; iproute2
//! `iplink_ipvlan.c`). Attributes, grammar and output are those of [`ipvlan`](super::ipvlan) under another name.

use super::Kind;
use super::ipvlan::{TABLE, help, parse};

/// The type.
pub static KIND: Kind = Kind {
    name: "ipvtap",
    table: &TABLE,
    parse: Some(|words, out, _| parse(&KIND, words, out)),
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: Some(help!("ipvtap")),
    port: false,
};
