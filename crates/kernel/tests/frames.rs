//! The data plane's promises: nothing is allocated per frame, no frame is lost without a name, no bytes panic.

mod common;

use common::*;
use kernel::Instant;
use kernel::run::{PortId, PortKind};
use rtnl::object::link::*;

/// A small random number generator (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below
    }
}

fn must(lab: &mut Rig, request: &[u8]) {
    lab.talk(request).expect("nothing refuses");
}

/// Four cables into a bridge that filters, a vlan and a macvlan on the bridge, another trunk with a vlan and two
/// macvlans: most ways that a frame can take. Gives the ports at the far ends.
fn town(lab: &mut Rig) -> Vec<PortId> {
    let mut ports = Vec::new();
    for n in 0..5 {
        must(lab, &pair(&format!("v{n}"), &format!("p{n}")));
        for name in [format!("v{n}"), format!("p{n}")] {
            let ifindex = lab.index(&name);
            must(lab, &up(ifindex, true));
        }
        let far = lab.index(&format!("p{n}"));
        ports.push(lab.kernel.attach_port(lab.netns, far, PortKind::Socket).expect("a free link"));
    }
    must(
        lab,
        &new_link(
            "bridge",
            |out| out.string(IFLA_IFNAME, b"br"),
            |out| out.u8(rtnl::kind::bridge::IFLA_BR_VLAN_FILTERING, 1),
        ),
    );
    let bridge = lab.index("br");
    for n in 0..4 {
        let port = lab.index(&format!("v{n}"));
        must(lab, &change(port, |out| out.u32(IFLA_MASTER, bridge)));
    }
    let trunk = lab.index("v4");
    for (kind, name, lower) in [("vlan", "t7", trunk), ("vlan", "b7", bridge), ("macvlan", "m0", bridge)] {
        must(lab, &on_top(kind, name, lower));
    }
    let tagged = lab.index("t7");
    for name in ["m1", "m2"] {
        must(lab, &on_top("macvlan", name, tagged));
    }
    for name in ["br", "t7", "b7", "m0", "m1", "m2"] {
        let ifindex = lab.index(name);
        must(lab, &up(ifindex, true));
    }
    ports
}

/// A frame between a few hosts, with or without tags, of any length, now and then of any bytes.
fn random_frame(dice: &mut Dice) -> Vec<u8> {
    let mut frame = vec![0; [14, 15, 18, 60, 64, 128, 1500, 1514, 1518, 1519, 9000][dice.roll(11)]];
    for byte in frame.iter_mut().take(64) {
        *byte = dice.roll(256) as u8;
    }
    if dice.roll(8) > 0 {
        let host = |dice: &mut Dice| [2, 0, 0, 0, 0, dice.roll(12) as u8];
        let target = match dice.roll(6) {
            0 => [0xff; 6],
            1 => [1, 0x80, 0xc2, 0, 0, dice.roll(16) as u8],
            2 => [1, 0, 0x5e, 0, 0, 1],
            _ => host(dice),
        };
        frame[..6].copy_from_slice(&target);
        frame[6..12].copy_from_slice(&host(dice));
        let kinds = [[0x08, 0x00], [0x08, 0x06], [0x86, 0xdd], [0x81, 0x00], [0x88, 0xa8], [0x12, 0x34]];
        frame[12..14].copy_from_slice(&kinds[dice.roll(6)]);
        if frame.len() > 16 && frame[12] == 0x81 {
            frame[14..16].copy_from_slice(&[0, [0, 1, 7][dice.roll(3)]]);
        }
    }
    frame
}

/// Changes something: a link up or down, a port in or out of the bridge, a link deleted and made again.
fn disturb(lab: &mut Rig, dice: &mut Dice) {
    let names = ["v0", "v1", "v2", "v3", "v4", "br", "t7", "b7", "m0", "m1", "m2", "p0", "p1"];
    let name = names[dice.roll(names.len())];
    if !lab.names().is_some_and(|names| names.iter().any(|known| known == name)) {
        let bridge = lab.index("br");
        return drop(lab.talk(&on_top("macvlan", "m0", bridge)));
    }
    let ifindex = lab.index(name);
    match dice.roll(8) {
        0 if name == "m0" => drop(lab.talk(&delete(ifindex))),
        0 => drop(lab.talk(&up(ifindex, false))),
        2 if name.starts_with('v') => {
            let master = if dice.roll(2) == 0 { 0 } else { lab.index("br") };
            drop(lab.talk(&change(ifindex, |out| out.u32(IFLA_MASTER, master))));
        }
        3 => drop(lab.talk(&change(ifindex, |out| out.u32(IFLA_MTU, [1500, 1400, 9000][dice.roll(3)])))),
        _ => drop(lab.talk(&up(ifindex, true))),
    }
}

#[test]
fn a_million_frames_through_changing_links_all_have_an_end() {
    let mut lab = Rig::new();
    let ports = town(&mut lab);
    let mut dice = Dice(0x5eed);
    let mut now = 0;
    for _ in 0..1_000_000 / 32 {
        let frames: Vec<Vec<u8>> = (0..32).map(|_| random_frame(&mut dice)).collect();
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let port = ports[dice.roll(ports.len())];
        now += 1000;
        // A port whose link is gone says so; nothing is lost by that.
        let _ = lab.kernel.input(Instant(now), port, &frames);
        for port in &ports {
            lab.kernel.output(*port, &mut |_| ());
        }
        if dice.roll(16) == 0 {
            disturb(&mut lab, &mut dice);
        }
    }
    let (made, handed_out) = lab.kernel.tally();
    let died: u64 = lab.kernel.drops().iter().map(|(_, count)| count).sum();
    assert_eq!(made, handed_out + died + lab.kernel.frames_inside() as u64);
    for port in ports {
        lab.kernel.detach_port(port);
    }
    assert!(handed_out > 50_000, "{handed_out} frames came out");
    assert_eq!(lab.kernel.frames_inside(), 0, "the pool is whole again");
}

#[test]
fn the_way_of_frames_allocates_nothing() {
    let mut lab = Rig::new();
    let ports = town(&mut lab);
    let mut dice = Dice(7);
    let frames: Vec<Vec<u8>> = (0..64).map(|_| random_frame(&mut dice)).collect();
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let mut round = || {
        for port in &ports {
            lab.kernel.input(Instant(0), *port, &frames).expect("a port");
            for port in &ports {
                lab.kernel.output(*port, &mut |_| ());
            }
        }
    };
    (0..20).for_each(|_| round());
    let memory = allocation_counter::measure(|| (0..100).for_each(|_| round()));
    assert_eq!(memory.count_total, 0, "32,000 frames in, and copies of many");
}

#[test]
fn frames_cut_at_every_length_do_not_panic() {
    let mut lab = Rig::new();
    let ports = town(&mut lab);
    let mut dice = Dice(11);
    for _ in 0..200 {
        let frame = random_frame(&mut dice);
        for length in 0..frame.len().min(80) {
            lab.kernel.input(Instant(0), ports[dice.roll(ports.len())], &[&frame[..length]]).expect("a port");
        }
        ports.iter().for_each(|port| lab.kernel.output(*port, &mut |_| ()));
    }
    ports.iter().for_each(|port| lab.kernel.detach_port(*port));
    assert_eq!(lab.kernel.frames_inside(), 0);
}
