//! Teams and their ports, as far as `ip` knows of them: no options, and no mode, which `teamd` would choose.

use super::{Kind, PLAIN, Ports};

pub(super) static TEAM: Kind = Kind {
    name: "team",
    stem: "te",
    addressed: 75,
    quiet: false,
    takes_down: true,
    rare: RARE,
    commands: COMMANDS,
    ports: Some(&Ports { kind: "team_slave", forward: true, usual: PORT, rare: PORT }),
    ..PLAIN
};

const RARE: &[&str] = &["nonsense", "nonsense 1", "mode activebackup", "miimon 100", "help", ""];

const PORT: &[&str] = &["", "", "nonsense", "queue_id 1", "prio 5", "help"];

const COMMANDS: &[&str] = &[
    "link show master DEV",
    "-d link show master DEV",
    "-d -j link show master DEV",
    "-d link show DEV",
    "-d link show master DEV type team_slave",
    "link set DEV up",
    "link set DEV up",
    "link set DEV down",
    "link set DEV address MAC",
    "link set DEV address 01:00:5e:00:00:01",
    "link set DEV mtu 1350",
    "link set DEV mtu 9000",
    "link set DEV mtu 65536",
    "link set DEV carrier off",
    "link set DEV promisc on",
    "link set DEV allmulticast on",
    "link add NEW address MAC master DEV type dummy",
    "link add NEW address MAC mtu 1400 master DEV type dummy",
    "link add NEW address MAC up master DEV type dummy",
    "link add NEW master DEV type vcan",
    "link add NEW master DEV type nlmon",
    "link add NEW master DEV type nlmon",
    "link set lo master DEV",
    "link add link DEV name NEW type vlan id 3",
    "link add link DEV name NEW address MAC type macvlan mode bridge",
    "link add NEW address MAC link DEV type team",
    "link add DEV address MAC type team",
    "link add NEW address MAC numtxqueues 2 master DEV type team",
    "link set DEV type bond miimon 100",
    "link del DEV type team",
];
