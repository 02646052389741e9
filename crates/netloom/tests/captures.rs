//! `netloom run --trace` and `--pcap` with traffic: a ping over a bridge, seen from outside. The captures are read here
//! byte by byte, as Wireshark would.

use std::path::PathBuf;
use std::process::Command;

/// A host on a bridge pings one behind the first port; behind the second is one without an address.
const COMMANDS: &str = "\
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip netns add a
ip netns exec a sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip netns add b
ip netns exec b sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link add br0 address 02:00:00:00:00:01 up type bridge mcast_snooping 0
ip link add v0 up master br0 type veth peer name e0 netns a address 02:00:00:00:00:02
ip link add v1 up master br0 type veth peer name e1 netns b address 02:00:00:00:00:03
ip -n a link set e0 up
ip -n b link set e1 up
ip -n b link add link e1 name m1 address 02:00:00:00:00:04 type macvlan mode bridge
ip addr add 10.0.0.1/24 dev br0
ip -n a addr add 10.0.0.2/24 dev e0
ip neigh add 10.0.0.4 lladdr 02:00:00:00:00:04 dev br0 nud permanent
bridge fdb add 02:00:00:00:00:04 dev v1 master static
ping -c 1 10.0.0.2
ping -c 1 -W 1 10.0.0.4
";

/// A directory of the test's own, gone when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        let path = std::env::temp_dir().join(format!("netloom-captures-of-a-run-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("there is room for a directory");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A packet of a capture.
#[derive(Debug)]
struct Packet {
    /// Microseconds since 1970.
    time: u64,
    /// 1: it came in, 2: it went out.
    direction: u32,
    bytes: Vec<u8>,
    comments: Vec<String>,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// The blocks of a file: type and body.
fn blocks(file: &[u8]) -> Vec<(u32, &[u8])> {
    let (mut all, mut rest) = (Vec::new(), file);
    while !rest.is_empty() {
        let length = word(rest, 4) as usize;
        assert_eq!(word(rest, length - 4) as usize, length, "a block's length stands at both of its ends");
        all.push((word(rest, 0), &rest[8..length - 4]));
        rest = &rest[length..];
    }
    all
}

/// The options behind a block's fixed part: number and value.
fn options(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut all = Vec::new();
    while bytes.len() >= 4 {
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let (number, length) = (short(0), usize::from(short(2)));
        all.push((number, &bytes[4..4 + length]));
        bytes = &bytes[(4 + length).next_multiple_of(4)..];
    }
    all
}

/// The packets of a capture of that device.
fn packets(file: &[u8], device: &str) -> Vec<Packet> {
    let blocks = blocks(file);
    assert_eq!((blocks[0].0, word(blocks[0].1, 0)), (0x0a0d_0d0a, 0x1a2b_3c4d), "a section");
    let (kind, interface) = blocks[1];
    assert_eq!((kind, interface[0]), (1, 1), "an interface of Ethernet");
    assert!(options(&interface[8..]).contains(&(2, device.as_bytes())), "it is named {device}");
    let packet = |(kind, body): &(u32, &[u8])| {
        assert_eq!((*kind, word(body, 0)), (6, 0), "packets of that interface follow");
        let length = word(body, 12) as usize;
        assert_eq!(length, word(body, 16) as usize, "the whole packet was captured");
        let options = options(&body[(20 + length).next_multiple_of(4)..]);
        let texts = options.iter().filter(|(number, _)| *number == 1);
        let flags = options.iter().find(|(number, _)| *number == 2).expect("a packet has a direction");
        Packet {
            time: u64::from(word(body, 4)) << 32 | u64::from(word(body, 8)),
            direction: word(flags.1, 0) & 3,
            bytes: body[20..20 + length].to_vec(),
            comments: texts.map(|(_, text)| String::from_utf8_lossy(text).into_owned()).collect(),
        }
    };
    blocks[2..].iter().map(packet).collect()
}

/// What a packet is: `who has`, `is at`, `request`, `reply`, or nothing of that.
fn kind(packet: &Packet) -> &'static str {
    match (&packet.bytes[12..14], packet.bytes.get(21), packet.bytes.get(34)) {
        ([0x08, 0x06], Some(1), _) => "who has",
        ([0x08, 0x06], Some(2), _) => "is at",
        ([0x08, 0x00], _, Some(8)) => "request",
        ([0x08, 0x00], _, Some(0)) => "reply",
        _ => "",
    }
}

#[test]
fn a_ping_over_a_bridge() {
    let scratch = Scratch::new();
    let (commands, captures) = (scratch.0.join("ping.txt"), scratch.0.join("captures"));
    std::fs::write(&commands, COMMANDS).expect("there is room for a file");
    let run = Command::new(env!("CARGO_BIN_EXE_netloom"))
        .args(["run", "--trace", "--pcap"])
        .args([&captures, &commands])
        .output()
        .expect("the program starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8_lossy(&run.stdout);
    the_story_is_told(&text);

    let read = |device: &str, name: &str| {
        let file = std::fs::read(captures.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        packets(&file, device)
    };
    let talk = |packets: &[Packet]| -> Vec<(&'static str, u32)> {
        packets
            .iter()
            .map(|packet| (kind(packet), packet.direction))
            .filter(|(kind, _)| !kind.is_empty())
            .collect()
    };
    let (received, sent) = (1, 2);
    let there = [("who has", sent), ("is at", received), ("request", sent), ("reply", received)];
    let back = [("who has", received), ("is at", sent), ("request", received), ("reply", sent)];
    // The second ping's request goes to a macvlan that is down.
    assert_eq!(talk(&read("br0", "br0.pcapng")), [&there[..], &[("request", sent)]].concat());
    assert_eq!(talk(&read("v0", "v0.pcapng")), there);
    assert_eq!(talk(&read("e0", "a-e0.pcapng")), back);
    assert_eq!(talk(&read("v1", "v1.pcapng")), [("who has", sent), ("request", sent)]);
    let last = read("e1", "b-e1.pcapng");
    assert_eq!(talk(&last), [("who has", received), ("request", received)]);
    assert!(last.windows(2).all(|pair| pair[0].time <= pair[1].time), "in the order of time");
    assert!(last.iter().any(|packet| packet.comments.iter().any(|text| text.starts_with("dropped: "))));
    // The time of day is that at which Linux 6.1 was released, and a command takes a tenth of a second.
    let seconds = last[0].time / 1_000_000 - 1_670_796_900;
    assert!(seconds < 60, "{seconds} seconds after the machine began");
}

/// The story of the request: out of the bridge, through the cable, to the host.
fn the_story_is_told(text: &str) {
    let request =
        text.lines().position(|line| line.contains("br0: sent") && line.contains("ICMP echo request"));
    let story: Vec<&str> = text.lines().skip(request.expect("a request")).take(4).collect();
    let number = story[0].split(' ').next().expect("a number");
    let want = [
        ": sent 02:00:00:00:00:01 > 02:00:00:00:00:02",
        "v0: sent",
        "a e0: received",
        "a e0: delivered to the host",
    ];
    for (line, want) in story.iter().zip(want) {
        assert!(line.starts_with(number) && line.contains(want), "{want} is not in {story:?}");
    }
    for part in ["64 bytes from 10.0.0.2", "1 packets transmitted, 0 received", "b e1: dropped: "] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}
