//! What the host stack does that no recording can hold, because a real kernel decides it by chance.

use netloom::Machine;

/// Runs lines on a machine and gives what they printed.
fn run(machine: &mut Machine<String>, lines: &str) -> String {
    machine.console.clear();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        machine.run_line(line).unwrap();
    }
    std::mem::take(&mut machine.console)
}

/// Two links to two neighbours, and a route over both.
fn two_ways(seed: u64) -> Machine<String> {
    let mut machine = Machine::new(seed, String::new()).unwrap();
    let printed = run(
        &mut machine,
        "ip link add v1 type veth peer name w1
         ip link add v2 type veth peer name w2
         ip link set v1 up
         ip link set w1 up
         ip link set v2 up
         ip link set w2 up
         ip addr add 10.0.1.1/24 dev v1
         ip addr add 10.0.2.1/24 dev v2
         ip addr add fd00:1::1/64 dev v1 nodad
         ip addr add fd00:2::1/64 dev v2 nodad
         ip route add 10.9.0.0/16 nexthop via 10.0.1.2 nexthop via 10.0.2.2 weight 3
         ip route add fd09::/64 nexthop via fd00:1::2 nexthop via fd00:2::2 weight 3",
    );
    assert_eq!(printed, "");
    machine
}

/// How many of 200 destinations go over the first link.
fn over_first(machine: &mut Machine<String>, network: &str) -> usize {
    let ways = |machine: &mut Machine<String>| -> Vec<String> {
        (1..=200).map(|host| run(machine, &format!("ip route get {network}{host}"))).collect()
    };
    let first = ways(machine);
    assert_eq!(ways(machine), first, "a pair of addresses keeps its way");
    first.iter().filter(|line| line.contains("dev v1")).count()
}

#[test]
fn several_next_hops_share_the_destinations_by_weight() {
    let mut machine = two_ways(0);
    for network in ["10.9.0.", "fd09::"] {
        let first = over_first(&mut machine, network);
        assert!((25..75).contains(&first), "{network}: {first} of 200, where 50 are due");
    }
    // Whoever names a link takes it, and what is down is no way.
    assert!(run(&mut machine, "ip route get 10.9.0.1 oif v1").contains("dev v1"));
    assert!(run(&mut machine, "ip route get 10.9.0.1 oif v2").contains("dev v2"));
    run(&mut machine, "ip link set v2 down");
    assert_eq!(over_first(&mut machine, "10.9.0."), 200);
}

#[test]
fn another_seed_shares_in_another_way() {
    let line = "ip route get 10.9.0.7";
    let ways: Vec<String> = (0..20).map(|seed| run(&mut two_ways(seed), line)).collect();
    assert!(ways.iter().any(|way| way.contains("dev v1")) && ways.iter().any(|way| way.contains("dev v2")));
}
