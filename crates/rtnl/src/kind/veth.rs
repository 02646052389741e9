//! `veth`: a cable, one link at each end (`drivers/net/veth.c`; iproute2 `link_veth.c`).
//!
//! The one attribute is a whole link message without its header: the other end. Its words are those of `ip link add`
//! again up to the line's end, so their grammar is not here but with that command
//! ([`Links::link_words`]). Nothing is shown.

use super::Kind;
use crate::attr::Builder;
use crate::client::Links;
use crate::table::{Row, Table, Wire};
use crate::words::{Stop, Words};

/// The other end: `struct ifinfomsg` and the attributes of a link.
pub const VETH_INFO_PEER: u16 = 1;

static TABLE: Table =
    Table::new("VETH_INFO", &[Row::new(VETH_INFO_PEER, "VETH_INFO_PEER", Wire::AtLeast(16))]);

/// The type.
pub static KIND: Kind = Kind {
    name: "veth",
    table: &TABLE,
    parse: Some(|words, out, links| parse_peer(HELP, words, out, links)),
    show: None,
    help: Some(HELP),
    port: false,
};

const HELP: &str = "\
Usage: ip link <options> type veth [peer <options>]
To get <options> type 'ip link add help'
";

/// Reads `peer` and the words of the other end into its attribute, which has the same number in every type of this
/// sort. Any other word is answered with the usage, on standard output.
///
/// # Errors
/// The usage, or what is wrong with the other end's words.
pub fn parse_peer(
    usage: &str,
    words: &mut Words<'_>,
    out: &mut Builder,
    links: &mut dyn Links,
) -> Result<(), Stop> {
    if words.take() != Some("peer") {
        return Err(Stop::fail(1, "").with_output(usage));
    }
    let nest = out.nest(VETH_INFO_PEER);
    links.link_words(words, out)?;
    out.end(nest);
    Ok(())
}
