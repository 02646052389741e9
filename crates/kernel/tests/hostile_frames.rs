//! Frames that mean harm: cut, bent, stacked, nested and torn. None of them panics, stays behind or is lost without a
//! name, and the host still answers afterwards.

mod common;

use common::speech::{self, echo, ethernet, ipv4, tagged};
use common::town::{CABLES, Dice, HOST, Town};

/// A town, and frames to it of every protocol.
fn besieged() -> (Town, Vec<Vec<u8>>) {
    let mut town = Town::new();
    // Its own addresses of IPv6 are its own once nobody else turned out to have them.
    town.pass(5_000_000);
    town.take();
    let frames = town.speech();
    (town, frames)
}

/// The host still answers, and no frame is lost.
fn endures(mut town: Town) {
    let mac = town.mac("br");
    let question = ethernet(mac, 0x0800, &ipv4(HOST, 1, 64, 0, &echo(56)));
    // Who asks is a neighbour first.
    town.put(0, &[&ethernet(speech::ALL, 0x0806, &speech::arp(1, HOST))]);
    let answers = town.put(0, &[&question]);
    assert!(answers > 0, "the host answers");
    town.close();
}

#[test]
fn right_frames_are_answered() {
    let (mut town, frames) = besieged();
    for frame in &frames {
        town.put(0, &[frame]);
        town.pass(1000);
    }
    let delivered =
        town.lab.kernel.drops().iter().find(|(name, _)| *name == "delivered").map_or(0, |drop| drop.1);
    assert!(delivered > 20, "{delivered} frames reached the host: {:?}", town.lab.kernel.drops());
    endures(town);
}

#[test]
fn cut_at_every_length() {
    let (mut town, frames) = besieged();
    for frame in &frames {
        for length in 0..frame.len().min(200) {
            town.put(length, &[&frame[..length]]);
        }
        town.pass(100);
    }
    endures(town);
}

#[test]
fn every_byte_bent() {
    let (mut town, frames) = besieged();
    for frame in &frames {
        for at in 0..frame.len().min(120) {
            for value in [0, 1, 0x7f, 0x80, 0xff, frame[at] ^ 1] {
                let mut bent = frame.clone();
                bent[at] = value;
                town.put(0, &[&bent]);
            }
        }
        town.pass(100);
    }
    endures(town);
}

#[test]
fn tags_on_everything() {
    let (mut town, frames) = besieged();
    for frame in &frames {
        for kind in [0x8100, 0x88a8, 0x9100] {
            for tci in [0, 1, 7, 0xfff, 0xe007] {
                let once = tagged(frame, kind, tci);
                town.put(0, &[&once, &tagged(&once, 0x8100, 7), &tagged(&once, 0x88a8, 1)]);
                town.put(4, &[&once, &tagged(&once, 0x8100, 7), &once[..16], &once[..18]]);
            }
        }
    }
    endures(town);
}

#[test]
fn bent_at_random_while_everything_changes() {
    let (mut town, mut frames) = besieged();
    let mut dice = Dice(0xbad);
    for round in 0..100_000 {
        let mut frame = frames[dice.roll(frames.len())].clone();
        for _ in 0..dice.roll(4) {
            let at = dice.roll(frame.len().max(1));
            match dice.roll(4) {
                0 => frame.truncate(at),
                1 if !frame.is_empty() => frame[at] = dice.roll(256) as u8,
                2 if !frame.is_empty() => frame[at] ^= 1 << dice.roll(8),
                _ => {
                    // The front of one and the end of another.
                    let other = &frames[dice.roll(frames.len())];
                    frame.truncate(at);
                    frame.extend_from_slice(other.get(at..).unwrap_or_default());
                }
            }
        }
        town.put(dice.roll(CABLES), &[&frame]);
        if round % 16 == 0 {
            town.pass([100, 10_000, 1_000_000][dice.roll(3)]);
            town.take();
            town.disturb(&mut dice);
        }
        if round % 4096 == 0 {
            frames = town.speech();
        }
    }
    town.close();
}

/// Fragments of packets that never become whole, neighbours that never answer, addresses and groups without end:
/// what is kept of them is bounded.
#[test]
fn floods_do_not_pile_up() {
    let (mut town, _) = besieged();
    let mac = town.mac("br");
    for n in 0..200_000u32 {
        let [_, a, b, c] = n.to_be_bytes();
        let mut piece = ipv4(HOST, 1, 64, 0x2000, &[0x5a; 600]);
        piece[4..6].copy_from_slice(&[b, c]);
        piece[15] = a;
        let mut stranger = ethernet(mac, 0x0800, &ipv4([10, 0, 5, c], 1, 64, 0, &echo(600)));
        stranger[6..12].copy_from_slice(&[2, 9, 9, a, b, c]);
        let report = [0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 239, a, b, c];
        let report = ethernet([1, 0, 0x5e, 0, 0, 22], 0x0800, &ipv4([224, 0, 0, 22], 2, 1, 0, &report));
        town.put(0, &[&ethernet(mac, 0x0800, &piece), &stranger, &report]);
    }
    // A hundred wait for each of 255 neighbours, as in Linux, and hardly any others.
    assert!(town.lab.kernel.frames_inside() < 26_000, "{} frames wait", town.lab.kernel.frames_inside());
    town.close();
}
