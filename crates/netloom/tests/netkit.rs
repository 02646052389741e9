//! `netkit`, which the recorded kernel does not have: what its article and `drivers/net/netkit.c` say of it. A pair,
//! of which one end is the primary; each end's policy says what becomes of what that end sends.

use netloom::replay;

/// What a line of commands prints, on a fresh machine.
fn printed(commands: &str) -> String {
    let transcript: String = commands.lines().map(|line| format!("# {line}\n\n")).collect();
    replay("netkit", &transcript, 1).expect("commands that can be run")
}

/// What one command of them printed.
fn answer<'t>(transcript: &'t str, command: &str) -> &'t str {
    let begin = transcript.find(&format!("# {command}\n")).expect("a command that was run");
    transcript[begin..].split("\n# ").next().unwrap_or_default().trim_end()
}

#[test]
fn a_pair_without_names_is_a_peer_and_a_primary() {
    let text = printed(
        "ip link add type netkit\nip -d link show nk0\nip -d link show nk1\nip link del nk0\nip link show nk1",
    );
    let (peer, primary) = (answer(&text, "ip -d link show nk0"), answer(&text, "ip -d link show nk1"));
    assert!(peer.contains("2: nk0@nk1: <BROADCAST,MULTICAST,NOARP,M-DOWN> mtu 1500"), "{text}");
    assert!(peer.contains("link/ether 00:00:00:00:00:00"), "{text}");
    assert!(peer.contains("netkit mode l3 type peer policy forward"), "{text}");
    assert!(primary.contains("3: nk1@nk0: <BROADCAST,MULTICAST,NOARP,M-DOWN>"), "{text}");
    assert!(primary.contains("netkit mode l3 type primary policy forward"), "{text}");
    assert!(answer(&text, "ip link show nk1").contains("does not exist"), "both ends go: {text}");
}

#[test]
fn layer_3_carries_pings_between_namespaces() {
    let text = printed(
        "ip netns add blue\nip link add nk0 type netkit peer nk1 netns blue\nip link set up nk0\nip -br link show nk0\n\
         ip addr add 10.0.0.1/24 dev nk0\nip -n blue link set up nk1\nip -n blue addr add 10.0.0.2/24 dev nk1\n\
         ping -c1 10.0.0.2\nip link set nk0 address 02:00:00:00:00:01",
    );
    assert!(answer(&text, "ip -br link show nk0").contains("NO-CARRIER"), "both must be up: {text}");
    assert!(text.contains("1 packets transmitted, 1 received"), "{text}");
    let refused = answer(&text, "ip link set nk0 address 02:00:00:00:00:01");
    assert!(refused.contains("Operation not supported"), "no address in layer 3: {text}");
}

#[test]
fn the_policy_is_that_of_the_end_that_sends() {
    let text = printed(
        "ip netns add g\nip link add foo type netkit mode l2 forward peer blackhole bar\nip -d link show bar\n\
         ip link set bar netns g up\nip link set foo up\nip addr add 10.1.0.1/24 dev foo\n\
         ip -n g addr add 10.1.0.2/24 dev bar\nping -c1 -W1 10.1.0.2\nip -n g -s link show bar\n\
         ip -n g link set bar type netkit forward\nip link set foo type netkit peer forward\nping -c 1 -W 1 10.1.0.2",
    );
    assert!(answer(&text, "ip -d link show bar").contains("type peer policy blackhole"), "{text}");
    assert!(answer(&text, "ping -c1 -W1 10.1.0.2").contains("0 received"), "{text}");
    let counted: Vec<&str> = answer(&text, "ip -n g -s link show bar").lines().map(str::trim).collect();
    let [.., received, _, sent] = counted[..] else { panic!("{text}") };
    assert!(!received.starts_with("0 "), "what foo sends passes: {text}");
    assert!(sent.starts_with("0 "), "what bar sends does not: {text}");
    let refused = answer(&text, "ip -n g link set bar type netkit forward");
    assert!(refused.contains("only through the primary device"), "{text}");
    assert!(answer(&text, "ping -c 1 -W 1 10.1.0.2").contains("1 received"), "{text}");
}
