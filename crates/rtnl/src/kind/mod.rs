//! The room of words: one file per link type, a static table of rows and the hooks for what is not tabular.
//!
//! A new type is one file here and one line in [`KINDS`]; its deeds are one file and one line in the kernel.
//!
//! Left out: the tool builds a request in 1024 bytes and drops what does not fit with a complaint ("addattr_l ERROR:
//! message exceeded bound of 1024"); here a list of addresses or of priorities may be longer.

use crate::attr::Builder;
use crate::client::Links;
use crate::show::Scene;
use crate::table::{Table, Tb};
use crate::words::{Stop, Words};

pub mod bond;
pub mod bond_slave;
pub mod bridge;
pub mod bridge_slave;
pub mod dummy;
pub mod geneve;
pub mod ifb;
pub mod ipvlan;
pub mod ipvtap;
pub mod macsec;
pub mod macvlan;
pub mod macvtap;
pub mod netkit;
pub mod nlmon;
pub mod team;
pub mod team_slave;
mod tunnel;
pub mod vcan;
pub mod veth;
pub mod vlan;
pub mod vrf;
pub mod vrf_slave;
pub mod vxcan;
pub mod vxlan;

/// What the tool knows of one link type.
pub struct Kind {
    /// The word behind `type`, which is also the kernel's name of it.
    pub name: &'static str,
    /// The attributes in `IFLA_INFO_DATA`, or in `IFLA_INFO_SLAVE_DATA` for the kind of a port.
    pub table: &'static Table,
    /// Parses what stands behind `type KIND`; none if the type has no grammar, and then iproute2 passes over
    /// whatever stands there.
    pub parse: Option<Parse>,
    /// Shows the attributes behind the type's name; none if nothing is shown.
    pub show: Option<crate::show::Hook>,
    /// What `ip link help KIND` prints; none if the tool has no help for it.
    pub help: Option<&'static str>,
    /// Whether this is the kind of a port (`bridge_slave`): its attributes travel in the slave's nest.
    pub port: bool,
}

/// Parses the words behind `type KIND` up to the end of the line, writing attributes into the open data nest.
pub type Parse = fn(&mut Words<'_>, &mut Builder, &mut dyn Links) -> Result<(), Stop>;

/// Every link type that the tool has words for.
pub static KINDS: &[&Kind] = &[
    &bond::KIND,
    &bond_slave::KIND,
    &bridge::KIND,
    &bridge_slave::KIND,
    &dummy::KIND,
    &geneve::KIND,
    &ifb::KIND,
    &ipvlan::KIND,
    &ipvtap::KIND,
    &macsec::KIND,
    &macvlan::KIND,
    &macvtap::KIND,
    &netkit::KIND,
    &nlmon::KIND,
    &team::KIND,
    &team_slave::KIND,
    &vcan::KIND,
    &veth::KIND,
    &vlan::KIND,
    &vrf::KIND,
    &vrf_slave::KIND,
    &vxcan::KIND,
    &vxlan::KIND,
];

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.name == name)
}

/// Shows a kind that is nothing but its rows.
pub fn show_rows(kind: &Kind, scene: &mut Scene<'_>, tb: &Tb<'_>) {
    kind.table.show(scene, tb);
}
