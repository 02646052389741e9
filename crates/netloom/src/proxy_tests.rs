//! A bridge with a port of `neigh_suppress`: its shortest way and its long way do the same to the same frames.

use crate::Machine;
use kernel::run::{PortId, PortKind};

type Rig = Machine<String>;

/// Hosts, by the last byte of their addresses; host N is behind port N % 3.
const HOSTS: u8 = 9;

const BRIDGE: &str = "ip link add br0 type bridge vlan_filtering FILTERING
    ip link set br0 address 02:00:00:00:00:99
    ip addr add 10.0.0.99/24 dev br0
    ip link set br0 up
    ip link add p0 type veth peer name e0
    ip link add p1 type veth peer name e1
    ip link add p2 type veth peer name e2
    ip link set p0 address 02:00:00:00:01:00
    ip link set p1 address 02:00:00:00:01:01
    ip link set p2 address 02:00:00:00:01:02
    ip link set p0 up master br0
    ip link set p1 up master br0
    ip link set p2 up master br0
    ip link set e0 up
    ip link set e1 up
    ip link set e2 up
    sysctl -qw net.ipv6.conf.e0.disable_ipv6=1 net.ipv6.conf.e1.disable_ipv6=1 net.ipv6.conf.e2.disable_ipv6=1
    sysctl -qw net.ipv6.conf.p0.disable_ipv6=1 net.ipv6.conf.p1.disable_ipv6=1 net.ipv6.conf.p2.disable_ipv6=1
    bridge vlan add dev p0 vid 7
    bridge vlan add dev p2 vid 7
    bridge link set dev p2 neigh_suppress on
    ip neigh add 10.0.0.2 lladdr 02:00:00:00:02:02 dev br0 nud permanent
    ip neigh add 10.0.0.5 lladdr 02:00:00:00:02:05 dev br0 nud permanent
    ip neigh add 10.0.0.4 lladdr 02:00:00:00:02:04 dev br0 nud permanent
    ip -6 neigh add fd00::2 lladdr 02:00:00:00:02:02 dev br0 nud permanent
    sleep 60";

/// What a port that lets in known hosts only is made by: every frame is looked at there, and those of known hosts go on
/// as without it.
const LOCKED: &str = "bridge link set dev p0 locked on
    bridge link set dev p1 locked on
    bridge link set dev p2 locked on";

fn run(machine: &mut Rig, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert_eq!(machine.run_line(line), Ok(0), "{line}: {}", machine.console);
    }
}

struct Lab {
    machine: Rig,
    ports: Vec<PortId>,
}

impl Lab {
    fn new(filtering: bool, locked: bool) -> Lab {
        let mut machine = Machine::new(5, String::new()).unwrap();
        run(&mut machine, &BRIDGE.replace("FILTERING", if filtering { "1" } else { "0" }));
        let netns = machine.here();
        let mut kernel = machine.kernel().0;
        let ports = ["e0", "e1", "e2"].map(|name| {
            let index = kernel.ifindex(netns, name).unwrap();
            kernel.attach_port(netns, index, PortKind::Socket).unwrap()
        });
        drop(kernel);
        let mut lab = Lab { machine, ports: ports.to_vec() };
        // Every host says something, in every VLAN that its port is in.
        for host in 0..HOSTS {
            let tagged = filtering && host % 3 != 1;
            for vid in if tagged { vec![0, 7] } else { vec![0] } {
                let frame = frame(9, host, vid, 0x88b5, &[0; 46]);
                lab.exchange(usize::from(host % 3), &[frame]);
            }
        }
        if locked {
            run(&mut lab.machine, LOCKED);
        }
        lab
    }

    /// Puts frames into a port; gives what comes out, port by port.
    fn exchange(&mut self, port: usize, frames: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
        let (mut kernel, now) = self.machine.kernel();
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        kernel.input(now, self.ports[port], &frames).unwrap();
        let out = self.ports.iter().map(|port| {
            let mut all = Vec::new();
            kernel.output(*port, &mut |bytes| all.push(bytes.to_vec()));
            all
        });
        out.collect()
    }
}

fn mac(host: u8) -> [u8; 6] {
    match host {
        255 => [255; 6],
        99 => [2, 0, 0, 0, 0, 0x99],
        host => [2, 0, 0, 0, 2, host],
    }
}

fn frame(to: u8, from: u8, vid: u16, kind: u16, body: &[u8]) -> Vec<u8> {
    let tag = if vid == 0 { Vec::new() } else { [&[0x81, 0][..], &vid.to_be_bytes()].concat() };
    [&mac(to)[..], &mac(from), &tag, &kind.to_be_bytes(), body].concat()
}

fn arp(roll: &mut impl FnMut(u64) -> u8, from: u8) -> Vec<u8> {
    let packet = wire::Arp {
        operation: u16::from(roll(3)),
        sender_mac: mac(from),
        sender_ip: [10, 0, 0, from * u8::from(roll(4) > 0)].into(),
        target_mac: mac(roll(12)),
        target_ip: [10, 0, 0, [roll(12), 99][usize::from(roll(8) == 0)]].into(),
    };
    let mut body = vec![0; 46];
    packet.emit(&mut body);
    body
}

fn icmp6(roll: &mut impl FnMut(u64) -> u8, from: u8) -> Vec<u8> {
    let mut body = vec![0; 72];
    (body[0], body[5], body[6], body[7]) = (0x60, 32, [58, 58, 17][usize::from(roll(3))], 255);
    body[8..10].copy_from_slice(&[0xfd, 0]);
    body[23] = from;
    body[24..26].copy_from_slice(&[0xfd, 0]);
    body[39] = roll(12);
    body[40] = 133 + roll(5);
    body[44] = roll(2) * 0x40;
    body[48..50].copy_from_slice(&[0xfd, 0]);
    body[63] = roll(12);
    body[64..66].copy_from_slice(&[1, 1]);
    body[66..72].copy_from_slice(&mac(from));
    body.truncate(body.len() - usize::from(roll(3)) * 20);
    body
}

#[test]
fn both_ways_through_a_bridge_that_answers_agree() {
    for filtering in [false, true] {
        let mut labs = [Lab::new(filtering, false), Lab::new(filtering, true)];
        let mut dice = 11u64;
        let mut roll = move |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((dice >> 33) % sides) as u8
        };
        let mut answers = 0;
        for _ in 0..1500 {
            let port = usize::from(roll(3));
            let frames: Vec<Vec<u8>> = (0..=roll(6))
                .map(|_| {
                    let from = port as u8 + 3 * roll(3);
                    let to = [roll(12), 255, 99, roll(HOSTS.into())][usize::from(roll(4))];
                    let vid = if port == 1 { 0 } else { u16::from(roll(2)) * 7 };
                    match roll(4) {
                        0 => frame(to, from, vid, 0x0806, &arp(&mut roll, from)),
                        1 => frame(to, from, vid, 0x8035, &arp(&mut roll, from)),
                        2 => frame(to, from, vid, 0x86dd, &icmp6(&mut roll, from)),
                        _ => frame(to, from, vid, 0x88b5, &[1; 50]),
                    }
                })
                .collect();
            let [quick, long] = labs.each_mut().map(|lab| lab.exchange(port, &frames));
            assert_eq!(quick, long, "{frames:x?}");
            answers += quick[port].len();
        }
        assert!(answers > 20, "the bridge answers: {answers}");
    }
}
