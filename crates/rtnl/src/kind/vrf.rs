//! `vrf`: a routing domain, whose ports' routes are in a table of its own (`drivers/net/vrf.c`; iproute2
//! `iplink_vrf.c`).

use super::Kind;
use crate::attr::Builder;
use crate::client::Links;
use crate::names::TABLES;
use crate::object::link::{IFLA_INFO_DATA, IFLA_INFO_KIND};
use crate::show::Show;
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{Stop, Words, matches};

/// The table of the domain's routes.
pub const IFLA_VRF_TABLE: u16 = 1;

static TABLE: Table = Table::new(
    "IFLA_VRF",
    &[Row::new(IFLA_VRF_TABLE, "IFLA_VRF_TABLE", Wire::U32).show("table", Show::Uint("table "))],
);

/// The type.
pub static KIND: Kind = Kind {
    name: "vrf",
    table: &TABLE,
    parse: Some(parse),
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: Some("Usage: ... vrf table TABLEID\n"),
    port: false,
};

/// The table of a vrf, from what its `IFLA_LINKINFO` says; none if the link is no vrf. Zero: it does not say.
pub fn table(info: &Tb<'_>) -> Option<u32> {
    let is_vrf = info.string(IFLA_INFO_KIND) == Some(KIND.name.as_bytes());
    is_vrf.then(|| info.nest(IFLA_INFO_DATA).u32(IFLA_VRF_TABLE).unwrap_or(0))
}

fn parse(words: &mut Words<'_>, out: &mut Builder, _: &mut dyn Links) -> Result<(), Stop> {
    while let Some(typed) = words.take() {
        if !matches(typed, "table") {
            return Err(KIND.unknown("option", typed));
        }
        let text = words.value()?;
        let table = TABLES.number(text).ok_or_else(|| Stop::invalid("invalid table ID\n", text))?;
        out.u32(IFLA_VRF_TABLE, table);
    }
    Ok(())
}
