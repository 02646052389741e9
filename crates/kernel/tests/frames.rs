//! The data plane's promises: nothing is allocated per frame, no frame is lost without a name, no bytes panic.

mod common;

use common::town::{self, Dice, Town};
use common::*;
use kernel::Instant;
use kernel::run::PortKind;
use rtnl::object::link::IFLA_ADDRESS;

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

#[test]
fn a_million_frames_through_changing_links_all_have_an_end() {
    let mut town = Town::new();
    let mut dice = Dice(0x5eed);
    let speech = town.speech();
    for _ in 0..1_000_000 / 32 {
        let frames: Vec<Vec<u8>> = (0..32)
            .map(|_| match dice.roll(2) {
                0 => random_frame(&mut dice),
                _ => speech[dice.roll(speech.len())].clone(),
            })
            .collect();
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        town.put(dice.roll(town::CABLES), &frames);
        town.pass([0, 100, 10_000, 300_000][dice.roll(4)]);
        town.take();
        if dice.roll(8) == 0 {
            town.disturb(&mut dice);
        }
    }
    let (came_out, died) = town.close();
    let delivered = died.iter().find(|(name, _)| *name == "delivered").map_or(0, |(_, count)| *count);
    assert!(came_out > 100_000 && delivered > 10_000 && died.len() > 18, "{came_out} came out, {died:?}");
}

#[test]
fn the_way_of_frames_allocates_nothing() {
    let mut town = Town::of_links();
    let mut dice = Dice(7);
    let frames: Vec<Vec<u8>> = (0..64).map(|_| random_frame(&mut dice)).collect();
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let mut round = || (0..town::CABLES).for_each(|port| _ = town.put(port, &frames));
    (0..20).for_each(|_| round());
    let memory = allocation_counter::measure(|| (0..100).for_each(|_| round()));
    assert_eq!(memory.count_total, 0, "38,400 frames in, and copies of many");
}

/// A NIC with a vlan on it, with or without a tag of its own in the frames, and a macvlan of each mode on that.
#[test]
fn the_way_through_vlans_and_macvlans_allocates_nothing() {
    let mut rig = Rig::new();
    let nic = rig.kernel.add_nic(rig.netns, "eth0", [2, 9, 0, 0, 0, 99]).expect("a free name");
    rig.talk(&up(nic, true)).expect("it goes up");
    let input = rig.kernel.attach_port(rig.netns, nic, PortKind::Wire).expect("a free link");
    rig.talk(&on_top("vlan", "v", nic)).expect("a link");
    let vlan = rig.index("v");
    rig.talk(&up(vlan, true)).expect("it goes up");
    let mut outputs = vec![input];
    for (n, kind) in ["macvlan", "macvtap", "macvlan", "macvtap"].into_iter().enumerate() {
        let name = format!("m{n}");
        rig.talk(&on_top(kind, &name, vlan)).expect("a link");
        let index = rig.index(&name);
        rig.talk(&change(index, |out| out.put(IFLA_ADDRESS, &[2, 9, 0, 0, 0, n as u8]))).expect("an address");
        rig.talk(&up(index, true)).expect("it goes up");
        outputs.push(rig.kernel.attach_port(rig.netns, index, PortKind::Owner).expect("a free link"));
    }
    // To each of the macvlans one by one and in rows, to groups, to nobody; of other tags and of none.
    let frame = |n: u8| {
        let target =
            if n % 16 == 9 { [0xff; 6] } else { [2, 9, 0, 0, 0, if n < 32 { n % 5 } else { n / 12 }] };
        let tag = if n % 16 == 11 { 8 } else { 7 };
        [&target[..], &[2, 8, 0, 0, 0, n, 0x81, 0, 0, tag, 0x12, 0x34], &[0; 46]].concat()
    };
    let frames: Vec<Vec<u8>> = (0..64).map(frame).collect();
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let mut came = 0;
    let mut round = || {
        rig.kernel.input(Instant(0), input, &frames).expect("a link");
        outputs.iter().for_each(|port| rig.kernel.output(*port, &mut |_| came += 1));
    };
    (0..20).for_each(|_| round());
    let memory = allocation_counter::measure(|| (0..100).for_each(|_| round()));
    assert_eq!(memory.count_total, 0, "6,400 frames in, and copies of some");
    assert!(came > 120 * 32, "{came} came out");
}

#[test]
fn frames_cut_at_every_length_do_not_panic() {
    let mut town = Town::new();
    let mut dice = Dice(11);
    for _ in 0..200 {
        let frame = random_frame(&mut dice);
        for length in 0..frame.len().min(80) {
            town.put(dice.roll(town::CABLES), &[&frame[..length]]);
        }
    }
    town.close();
}
