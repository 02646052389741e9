//! Bridges for benches.

use crate::lab::Lab;
use crate::traffic::pairs;
use kernel::Instant;
use kernel::run::PortId;
use rtnl::kind::bridge;
use rtnl::object::link::IFLA_ADDRESS;

impl Lab {
    /// A bridge between cables.
    pub(crate) fn bridge(&mut self, cables: u8, filtering: bool) -> Vec<PortId> {
        let ports: Vec<_> = (0..cables).map(|n| self.cable(n)).collect();
        let bridge = self.add("bridge", &|out| out.put(IFLA_ADDRESS, &[2, 3, 0, 0, 0, 1]), &|out| {
            out.u8(bridge::IFLA_BR_VLAN_FILTERING, u8::from(filtering));
        });
        self.up(bridge);
        for (_, link) in &ports {
            self.enslave(*link, bridge);
        }
        ports.into_iter().map(|(port, _)| port).collect()
    }
}

/// A bridge between two cables that has learned so many pairs of hosts, and the frames that they send one way.
pub(crate) fn learned(count: u32, size: usize, filtering: bool) -> (Lab, Vec<PortId>, Vec<Vec<u8>>) {
    let mut lab = Lab::new();
    let ports = lab.bridge(2, filtering);
    let (there, back) = pairs(count, size);
    for (input, frames) in [(0, &there), (1, &back)] {
        for group in frames.chunks(64) {
            let group: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
            lab.kernel.input(Instant(0), ports[input], &group).expect("a port");
            ports.iter().for_each(|port| lab.kernel.output(*port, &mut |_| ()));
        }
    }
    (lab, ports, there)
}
