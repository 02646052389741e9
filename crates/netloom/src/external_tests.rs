//! Tunnels that are controlled from outside, by routes and by VLANs of a bridge: frames that come many at once are
//! treated as those that come one by one. What comes many at once takes the short ways where there are such.

use crate::Machine;
use crate::frame_case::{AtPort, FrameCase};
use crate::frames::{attach, masked, set_up};
use kernel::run::PortId;
use std::collections::BTreeMap;
use std::path::Path;

/// Cases of `tests/frames` in which the host itself says nothing inside a tunnel: what it says bears numbers of its own.
const CASES: &[&str] = &[
    "bridge-tunnel-geneve",
    "bridge-tunnel-vxlan",
    "encap-geneve",
    "encap-geneve-settings",
    "encap-through-bond",
    "encap-through-bridge",
    "encap-through-macvlan",
    "encap-through-vlan",
    "encap-vxlan-gbp",
    "encap-vxlan-local",
    "encap-vxlan-settings",
    "encap6-geneve",
    "encap6-vxlan",
];
/// How often all of a case's frames go in.
const ROUNDS: usize = 3;

struct Lab {
    machine: Machine<String>,
    ports: BTreeMap<String, PortId>,
}

impl Lab {
    fn new(name: &str, case: &FrameCase) -> Lab {
        let mut machine = Machine::new(3, String::new()).unwrap();
        assert_eq!(set_up(name, case, &mut machine).unwrap(), []);
        let ports = attach(case, &mut machine).unwrap();
        machine.pass(1_500_000);
        let mut lab = Lab { machine, ports };
        lab.put(&[]);
        lab
    }

    /// Puts frames in at the port of the first of them; gives what comes out, port by port.
    fn put(&mut self, frames: &[&AtPort]) -> BTreeMap<String, Vec<AtPort>> {
        let (mut kernel, now) = self.machine.kernel();
        if let Some(first) = frames.first() {
            let bytes: Vec<&[u8]> = frames.iter().map(|at| at.frame.as_slice()).collect();
            kernel.input(now, self.ports[&first.port], &bytes).unwrap();
        }
        let mut out = BTreeMap::new();
        for (name, port) in &self.ports {
            let came: &mut Vec<AtPort> = out.entry(name.clone()).or_default();
            kernel.output(*port, &mut |frame| {
                came.push(masked(&AtPort { port: name.clone(), frame: frame.to_vec() }));
            });
        }
        out
    }

    fn counters(&mut self) -> String {
        self.machine.console.clear();
        assert_eq!(self.machine.run_line("ip -n h -s -s link"), Ok(0));
        self.machine.console.clone()
    }
}

/// Frames behind one another that go in at the same port.
fn groups(case: &FrameCase) -> Vec<Vec<&AtPort>> {
    let mut groups: Vec<Vec<&AtPort>> = Vec::new();
    for at in &case.inject {
        match groups.last_mut().filter(|group| group[0].port == at.port) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}

#[test]
fn many_at_once_are_as_one_by_one() {
    let frames = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/frames");
    for name in CASES {
        let case = FrameCase::read(&frames.join(format!("{name}.json"))).unwrap();
        let (mut alone, mut together) = (Lab::new(name, &case), Lab::new(name, &case));
        let mut total = 0;
        for round in 0..ROUNDS {
            for group in groups(&case) {
                let mut want: BTreeMap<String, Vec<AtPort>> = BTreeMap::new();
                for frame in &group {
                    for (port, came) in alone.put(&[frame]) {
                        want.entry(port).or_default().extend(came);
                    }
                }
                let got = together.put(&group);
                assert_eq!(got, want, "{name}, round {round}");
                total += got.values().map(Vec::len).sum::<usize>();
            }
            assert_eq!(together.counters(), alone.counters(), "{name}, round {round}");
        }
        assert!(total >= ROUNDS, "{name}: only {total} frames came out");
    }
}
