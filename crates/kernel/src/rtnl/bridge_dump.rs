//! Lists of what bridges know: addresses, ports, VLANs, groups, statistics; written piece by piece as the client reads.
//!
//! The devices are noted at the start; one that is gone when its turn comes is passed over.

use crate::client::DumpKind;
use crate::device::{Device, DeviceId, Mac};
use crate::fdb::Entry;
use crate::link::bridge;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::attr::Builder;
use rtnl::message::{Header, NLM_F_MULTI};
use rtnl::object::brlink::{IFLA_STATS_LINK_XSTATS, IFLA_STATS_LINK_XSTATS_SLAVE, IfStats, RTM_NEWSTATS};
use rtnl::object::brvlan::RTM_NEWVLAN;
use rtnl::object::link::{ARPHRD_ETHER, RTM_NEWLINK};
use rtnl::object::mdb::RTM_GETMDB;
use rtnl::object::neigh::RTM_NEWNEIGH;
use std::collections::{BTreeMap, VecDeque};

/// A list of what bridges know.
#[derive(Clone, Debug)]
pub(crate) struct BridgeDump {
    what: What,
    devices: VecDeque<DeviceId>,
    /// Entries of the device at hand that are still to be told, the last first.
    entries: Vec<Entry>,
    /// The same of a table that the device's type keeps.
    own_entries: Vec<(Mac, u32)>,
    /// The device at hand.
    device: Option<DeviceId>,
    /// Its own addresses come behind its entries.
    own_behind: bool,
}

/// What is listed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// Addresses: of one device if its index is not 0, of one bridge if it is there.
    Addresses { only: u32, bridge: Option<DeviceId> },
    /// Ports, and with VLANs in the mask bridges too.
    Links { mask: u32 },
    /// VLANs with these flags.
    Vlans { flags: u32 },
    /// Groups.
    Groups,
    /// Statistics, by mask.
    Statistics { mask: u32 },
}

impl BridgeDump {
    /// A list over all devices of a namespace.
    pub(crate) fn of_netns(world: &World, netns: NetnsId, what: What) -> DumpKind {
        let Ok(space) = world.space(netns) else { return Self::over(VecDeque::new(), what) };
        let devices = match what {
            What::Addresses { only: 0, bridge: None } | What::Statistics { .. } => {
                space.list_from(None).map(|(_, id)| id).collect()
            }
            What::Addresses { only, bridge } => {
                let bridges = bridge.into_iter().chain(world.by_index(netns, only));
                with_ports(world, bridges, |device| device.list_key())
            }
            What::Links { .. } | What::Vlans { .. } | What::Groups => {
                let kind = crate::link::number(&bridge::TYPE);
                let bridges = space.list_kind(kind, None).map(|(_, id)| id);
                with_ports(world, bridges, |device| device.arrival)
            }
        };
        Self::over(devices, what)
    }

    /// A list over these devices.
    pub(crate) fn over(devices: VecDeque<DeviceId>, what: What) -> DumpKind {
        let (entries, own_entries) = (Vec::new(), Vec::new());
        let dump = BridgeDump { what, devices, entries, own_entries, device: None, own_behind: false };
        DumpKind::Bridge(Box::new(dump))
    }

    /// Writes on until the next piece is more than full, or nothing is left.
    pub(crate) fn go_on(
        &mut self,
        world: &World,
        request: Header,
        pid: u32,
        limit: usize,
        out: &mut Builder,
    ) {
        let header = |kind| Header { kind, flags: NLM_F_MULTI, seq: request.seq, pid };
        loop {
            if out.bytes.len() > limit {
                return;
            }
            if let (Some(entry), Some(id)) = (self.entries.pop(), self.device) {
                if let Some(bridge) =
                    bridge::bridge_of(world, id).or(bridge::is_bridge(world, id).then_some(id))
                {
                    bridge::table::fill(world, bridge, &entry, header(RTM_NEWNEIGH), out);
                }
                continue;
            }
            if let Some(id) = self.device.filter(|_| std::mem::take(&mut self.own_behind)) {
                self.own(world, id, header(RTM_NEWNEIGH), out);
                continue;
            }
            if let (Some(found), Some(id)) = (self.own_entries.pop(), self.device) {
                if let Some(table) = world.get(id).and_then(|device| device.kind.addresses) {
                    (table.fill)(world, id, found, header(RTM_NEWNEIGH), out);
                }
                continue;
            }
            let Some(id) = self.devices.pop_front() else { return };
            if world.get(id).is_some() {
                self.device(world, id, header, out);
            }
        }
    }

    fn device(&mut self, world: &World, id: DeviceId, header: impl Fn(u16) -> Header, out: &mut Builder) {
        let is_bridge = bridge::is_bridge(world, id);
        let master = bridge::bridge_of(world, id);
        match self.what {
            What::Addresses { only, bridge } => {
                let other = only != 0 && world[id].ifindex != only;
                let elsewhere = bridge.is_some_and(|bridge| id != bridge && master != Some(bridge));
                if !other && !elsewhere {
                    self.addresses(world, id, is_bridge, master.is_some(), header(RTM_NEWNEIGH), out);
                }
            }
            What::Links { mask } if is_bridge || master.is_some() => {
                bridge::fill::link(world, id, header(RTM_NEWLINK), mask, out);
            }
            What::Vlans { flags } if is_bridge || master.is_some() => {
                bridge::vlan_options::fill(world, id, header(RTM_NEWVLAN), flags, out);
            }
            What::Groups if is_bridge => bridge::mdb::fill(world, id, header(RTM_GETMDB), out),
            What::Statistics { mask } => statistics(world, id, mask, header(RTM_NEWSTATS), out),
            _ => {}
        }
    }

    /// A bridge's own addresses come before its entries, a port's behind them.
    fn addresses(
        &mut self,
        world: &World,
        id: DeviceId,
        is_bridge: bool,
        is_port: bool,
        header: Header,
        out: &mut Builder,
    ) {
        self.device = Some(id);
        if !is_port && world[id].hardware_type == ARPHRD_ETHER {
            self.own(world, id, header, out);
        }
        if is_bridge || is_port {
            self.entries = bridge::entries::at(world, id);
            self.own_behind = is_port;
        }
    }

    /// The device's own addresses: those of its type's table, or the extra ones.
    fn own(&mut self, world: &World, id: DeviceId, header: Header, out: &mut Builder) {
        match world.get(id).map(|device| device.kind.addresses) {
            Some(Some(table)) => {
                self.own_entries = (table.list)(world, id);
                self.own_entries.reverse();
            }
            Some(None) => super::fdb::own_addresses(world, id, header, out),
            None => {}
        }
    }
}

/// Bridges and their ports, in some order.
fn with_ports<K: Ord>(
    world: &World,
    bridges: impl Iterator<Item = DeviceId>,
    order: impl Fn(&Device) -> K,
) -> VecDeque<DeviceId> {
    let mut all = BTreeMap::new();
    for bridge in bridges.filter_map(|id| world.get(id)) {
        let ports = bridge.stack.lowers.iter().filter_map(|port| world.get(*port));
        all.extend(ports.chain([bridge]).map(|device| (order(device), device.id)));
    }
    all.into_values().collect()
}

/// Writes the statistics of a link that a mask names; one without any is told of all the same.
pub(crate) fn statistics(world: &World, id: DeviceId, mask: u32, header: Header, out: &mut Builder) {
    let start = out.start(header);
    IfStats { family: 0, ifindex: world[id].ifindex, mask }.encode(out);
    let wanted = |number: u16| mask & 1 << (number - 1) != 0;
    let kinds = [
        (IFLA_STATS_LINK_XSTATS, bridge::is_bridge(world, id)),
        (IFLA_STATS_LINK_XSTATS_SLAVE, bridge::bridge_of(world, id).is_some()),
    ];
    for (number, there) in kinds {
        if there && wanted(number) {
            let nest = out.nest(number);
            bridge::fill::statistics(world, id, out);
            out.end(nest);
        }
    }
    out.finish(start);
}
