//! Connections of TCP between namespaces: over a cable, a bridge and a router, in both families.

use crate::Machine;
use kernel::run::PortKind;
use kernel::{Instant, NetnsId, TcpId, TcpState};
use rtnl::errno::Errno;
use std::net::SocketAddr;

type Rig = Machine<String>;

fn run(machine: &mut Rig, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert_eq!(machine.run_line(line), Ok(0), "{line}: {}", machine.console);
    }
}

/// Two hosts on one cable.
const CABLE: &str = "ip netns add a
    ip netns add b
    ip link add e0 netns a type veth peer name e0 netns b
    ip -n a addr add 10.0.0.1/24 dev e0
    ip -n b addr add 10.0.0.2/24 dev e0
    ip -n a addr add fd00::1/64 dev e0 nodad
    ip -n b addr add fd00::2/64 dev e0 nodad
    ip -n a link set lo up
    ip -n a link set e0 up
    ip -n b link set e0 up
    sleep 3";

/// Two hosts behind a bridge and a router whose second link is narrow.
const FAR: &str = "ip netns add a
    ip netns add r
    ip netns add b
    ip link add br0 type bridge
    ip link set br0 up
    ip link add p0 type veth peer name e0 netns a
    ip link add p1 type veth peer name r0 netns r
    ip link set p0 master br0
    ip link set p1 master br0
    ip link set p0 up
    ip link set p1 up
    ip -n r link add r1 type veth peer name e0 netns b
    ip -n a addr add 10.0.0.1/24 dev e0
    ip -n r addr add 10.0.0.254/24 dev r0
    ip -n r addr add 10.0.1.254/24 dev r1
    ip -n b addr add 10.0.1.2/24 dev e0
    ip -n a addr add fd00::1/64 dev e0 nodad
    ip -n r addr add fd00::fe/64 dev r0 nodad
    ip -n r addr add fd00:1::fe/64 dev r1 nodad
    ip -n b addr add fd00:1::2/64 dev e0 nodad
    ip -n r link set r1 mtu 1300
    ip -n a link set e0 up
    ip -n b link set e0 up
    ip -n r link set r0 up
    ip -n r link set r1 up
    ip netns exec r sysctl -w net.ipv4.ip_forward=1
    ip netns exec r sysctl -w net.ipv6.conf.all.forwarding=1
    ip -n a route add default via 10.0.0.254
    ip -n b route add default via 10.0.1.254
    ip -n a -6 route add default via fd00::fe
    ip -n b -6 route add default via fd00:1::fe
    sleep 3";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn netns(machine: &Rig, name: &str) -> NetnsId {
    machine.netns_named(name).unwrap()
}

fn connect(machine: &mut Rig, from: &str, to: &str) -> Result<TcpId, Errno> {
    let from = netns(machine, from);
    let (mut kernel, now) = machine.kernel();
    kernel.tcp_connect(now, from, None, address(to), 0)
}

/// Sends so many bytes from one side to the other as time passes; gives what came.
fn transfer(machine: &mut Rig, client: TcpId, listener: TcpId, sent: &[u8]) -> Vec<u8> {
    let (mut at, mut server, mut came) = (0, None, Vec::new());
    let mut buffer = [0; 4096];
    for _ in 0..200_000 {
        let (mut kernel, now) = machine.kernel();
        if at < sent.len() {
            match kernel.tcp_send(now, client, &sent[at..]) {
                Ok(taken) => at += taken,
                Err(errno) => assert_eq!(errno, Errno::EAGAIN),
            }
            if at == sent.len() {
                kernel.tcp_shutdown(now, client);
            }
        }
        server = server.or_else(|| kernel.tcp_accept(listener).map(|(server, _)| server));
        let mut more = true;
        while let Some(server) = server.filter(|_| more) {
            match kernel.tcp_receive(now, server, &mut buffer) {
                Ok(0) => {
                    kernel.tcp_close(now, server);
                    kernel.tcp_close(now, client);
                    return came;
                }
                Ok(count) => came.extend_from_slice(&buffer[..count]),
                Err(errno) => {
                    assert_eq!(errno, Errno::EAGAIN);
                    more = false;
                }
            }
        }
        drop(kernel);
        machine.pass(1000);
    }
    panic!("it took too long: {at} of {} sent, {} came", sent.len(), came.len());
}

fn whole(topology: &str, seed: u64, to: &str, size: usize) -> (Vec<u8>, Instant) {
    let mut machine = Machine::new(seed, String::new()).unwrap();
    run(&mut machine, topology);
    let b = netns(&machine, "b");
    let listener = machine.kernel().0.tcp_listen(b, address(to), 0).unwrap();
    let client = connect(&mut machine, "a", to).unwrap();
    let sent: Vec<u8> = (0..size).map(|n| (n ^ n >> 8 ^ n >> 16) as u8).collect();
    let came = transfer(&mut machine, client, listener, &sent);
    assert!(came == sent, "what came is not what was sent");
    (came, machine.kernel().1)
}

#[test]
fn a_mebibyte_crosses_a_cable_whole() {
    for to in ["10.0.0.2:80", "[fd00::2]:80"] {
        whole(CABLE, 1, to, 1 << 20);
    }
}

#[test]
fn a_mebibyte_crosses_a_bridge_and_a_router_with_a_narrow_link() {
    for to in ["10.0.1.2:80", "[fd00:1::2]:80"] {
        whole(FAR, 1, to, 1 << 20);
    }
}

#[test]
fn the_same_seed_gives_the_same_course() {
    assert_eq!(whole(FAR, 7, "10.0.1.2:80", 100_000), whole(FAR, 7, "10.0.1.2:80", 100_000));
}

#[test]
fn nobody_listens_and_nobody_is_there() {
    let mut machine = Machine::new(0, String::new()).unwrap();
    run(&mut machine, CABLE);
    for to in ["10.0.0.2:81", "[fd00::2]:81", "10.0.0.1:81"] {
        let client = connect(&mut machine, "a", to).unwrap();
        machine.pass(50_000);
        assert_eq!(machine.kernel().0.tcp_state(client), Err(Errno::ECONNREFUSED), "{to}");
    }
    assert_eq!(connect(&mut machine, "a", "10.9.9.9:80"), Err(Errno::ENETUNREACH));
    let client = connect(&mut machine, "a", "10.0.0.9:80").unwrap();
    assert_eq!(machine.kernel().0.tcp_state(client), Ok(TcpState::Connecting));
    machine.pass(4_000_000);
    assert_eq!(machine.kernel().0.tcp_state(client), Err(Errno::EHOSTUNREACH));
    // A host that takes frames and says nothing.
    run(&mut machine, "ip -n a neigh add 10.0.0.8 lladdr 02:00:00:00:00:08 dev e0 nud permanent");
    let client = connect(&mut machine, "a", "10.0.0.8:80").unwrap();
    machine.pass(200_000_000);
    assert_eq!(machine.kernel().0.tcp_state(client), Err(Errno::ETIMEDOUT));
}

#[test]
fn listeners_have_one_port_each_and_a_limit() {
    let mut machine = Machine::new(0, String::new()).unwrap();
    run(&mut machine, CABLE);
    let b = netns(&machine, "b");
    let listen = |machine: &mut Rig, at: &str| machine.kernel().0.tcp_listen(b, address(at), 0);
    let all = listen(&mut machine, "0.0.0.0:80").unwrap();
    assert_eq!(listen(&mut machine, "10.0.0.2:80"), Err(Errno::EADDRINUSE));
    assert_eq!(listen(&mut machine, "10.0.0.3:81"), Err(Errno::EADDRNOTAVAIL));
    assert!(listen(&mut machine, "[::]:80").is_ok());
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(connect(&mut machine, "a", "10.0.0.2:80").unwrap());
    }
    machine.pass(50_000);
    let (mut kernel, now) = machine.kernel();
    let there = clients.iter().filter(|id| kernel.tcp_state(**id) == Ok(TcpState::Connected)).count();
    assert_eq!(there, 128);
    // Who listened no more resets what nobody accepted.
    kernel.tcp_close(now, all);
    drop(kernel);
    machine.pass(50_000);
    assert_eq!(machine.kernel().0.tcp_state(clients[0]), Err(Errno::ECONNRESET));
    let room = |machine: &mut Rig| (0..2000).map_while(|_| connect(machine, "a", "10.0.0.2:80").ok()).count();
    assert!(room(&mut machine) < 1024);
    // The namespace's end is the end of what talked in it.
    run(&mut machine, "ip netns del a\nip netns del b\nip netns add a");
    let a = netns(&machine, "a");
    assert!(machine.kernel().0.tcp_listen(a, address("0.0.0.0:80"), 0).is_ok());
}

#[test]
fn segments_of_any_content_do_no_harm() {
    let mut machine = Machine::new(3, String::new()).unwrap();
    run(&mut machine, CABLE);
    run(&mut machine, "ip -n b link set e0 address 02:00:00:00:00:02");
    let (a, b) = (netns(&machine, "a"), netns(&machine, "b"));
    machine.kernel().0.tcp_listen(b, address("10.0.0.2:80"), 0).unwrap();
    let index = machine.kernel().0.ifindex(a, "e0").unwrap();
    let port = machine.kernel().0.attach_port(a, index, PortKind::Socket).unwrap();
    let mut dice = 1u64;
    let mut roll = move || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        dice >> 33
    };
    for _ in 0..20_000 {
        let length = (roll() % 60) as usize;
        let mut segment: Vec<u8> = (0..length).map(|_| roll() as u8).collect();
        if let Some(head) = segment.first_chunk_mut::<4>() {
            *head = [0x10, (roll() % 4) as u8, 0, 80];
        }
        if length > 13 {
            segment[12] = ((roll() % 8 + 3) as u8) << 4;
            segment[13] = [2, 16, 18, 4, 1, 17, 24, 0][roll() as usize % 8];
        }
        if length >= 20 {
            segment[16..18].fill(0);
            let pseudo = wire::checksum::pseudo_v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 6, length);
            let sum = pseudo.with(&segment).checksum();
            segment[16..18].copy_from_slice(&sum.to_be_bytes());
        }
        let header = wire::Ipv4 {
            tos: 0,
            identification: 0,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            ttl: 64,
            protocol: 6,
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            payload_length: length as u16,
        };
        let mut frame = vec![0; 34];
        frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
        header.emit(&mut frame[14..]);
        frame.extend_from_slice(&segment);
        let (mut kernel, now) = machine.kernel();
        kernel.input(now, port, &[&frame]).unwrap();
        drop(kernel);
        machine.pass(roll() % 100_000);
    }
}
